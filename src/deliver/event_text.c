#include "deliver/event_text.h"
#include <stdlib.h>

static bool
is_finding(const struct block *block, uint32_t row)
{
    enum event_source source;

    return event_source_find(span_of(block->streams[block->rows[row].stream].category), &source) &&
           event_source_rows[source].streaming == EVENT_SUB_ASSESSMENTS;
}

enum status
event_text(const struct plan_route *route, const struct block *block, uint32_t row, char **text,
           size_t *size, bool *is_shrunk, struct err *why)
{
    const struct event_row_context context = {
        .exported = block->head->admitted,
        .workspace = route->workspace,
        .has_legacy_names = route->has_legacy_findings,
    };
    bool is_row = route->event_shape == EVENT_ROW;
    struct event event;
    enum status st;

    *text = NULL;
    *is_shrunk = false;
    if (!is_row && !(route->has_legacy_findings && is_finding(block, row)))
        return ST_OK;
    st = event_open(&event, block, row, why);
    if (st == ST_OK) {
        st = is_row ? event_row(&event, &context, EVENT_ROW_SIZE_MAX, text, size, is_shrunk, why)
                    : event_legacy(&event, text, size, why);
        event_close(&event);
    }
    if (st == ST_FULL)
        abort(); /* see window.c, grown */
    return st;
}
