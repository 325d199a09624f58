/* query.c - which workspace a rule asks, with which functions, and its answer's rows as texts. */
#include "detect/query.h"
#include "control/config.h"
#include <stdlib.h>

void
query_end(struct query *q)
{
    if (q->has_hunt)
        hunt_end(&q->hunt);
    if (q->has_functions)
        saved_functions_end(&q->functions);
    workspace_close(q->workspace);
    *q = (struct query){.workspace = NULL};
}

enum status
query_open(const struct control *c, const char *tenant, const struct detection *x, struct query *q,
           struct err *err)
{
    const struct workspace_options options = {.catalog = NULL};
    enum status st = x->workspace != NULL
                         ? workspaces_find(c, tenant, span_of(x->workspace), &q->place, err)
                         : workspaces_default(c, tenant, &q->place, err);

    if (st == ST_OK)
        st = workspace_open(q->place.path, &options, &q->workspace, err);
    if (st != ST_OK)
        q->workspace = NULL;
    return st;
}

enum status
query_run(const struct control *c, const char *tenant, const struct detection *x, struct query *q,
          const struct hunt_window *window, int64_t now, int64_t time_ms,
          const _Atomic bool *cancelled, struct err *err)
{
    const char *const tenants[] = {tenant};
    struct hunt_request request = {
        .text = span_of(x->query),
        .tenants = tenants,
        .tenant_count = 1,
        .shape = HUNT_BOTH,
        .from = INT64_MIN,
        .to = INT64_MAX,
        .window = window,
        .now = now,
        .function = saved_functions_find,
        .function_context = &q->functions,
        .external = &c->config->hunting.external,
        .external_remedy = CONFIG_EXTERNAL_REMEDY,
        .limits = {.time_ms = time_ms, .answer_rows_max = QUERY_ROWS_MAX},
        .cancelled = cancelled,
    };
    enum status st;

    saved_functions_begin(&q->functions, c, tenant, q->place.guid);
    q->has_functions = true;
    q->has_hunt = true;
    st = hunt_run(q->workspace, &request, &q->hunt, err);
    if (st != ST_OK && q->hunt.outcome == HUNT_REFUSED && q->hunt.diagnostics.error_count > 0) {
        const struct kql_diagnostics *told = &q->hunt.diagnostics;

        for (uint32_t i = 0; i < told->count; i++)
            if (!told->items[i].is_warning) {
                (void)err_set(err, st, "line %u, column %u: %s: %s", told->items[i].line,
                              told->items[i].column, kql_code_name(told->items[i].code),
                              told->items[i].text);
                break;
            }
    }
    return st;
}

const char *
query_code(const struct query *q)
{
    static const char *const codes[] = {
        [HUNT_DONE] = "",
        [HUNT_REFUSED] = "InvalidQuery",
        [HUNT_SPENT] = "QueryTooLarge",
        [HUNT_BUSY] = "TooBusy",
        [HUNT_LATE] = "Timeout",
        [HUNT_CANCELLED] = "Cancelled",
        [HUNT_FAILED] = "QueryFailed",
        [HUNT_BROKEN] = "WorkspaceFailed",
    };

    return q->has_hunt ? codes[q->hunt.outcome] : "NoWorkspace";
}

void
query_cells(struct pool *pool, const struct kql_answer *answer, size_t row, struct hit_cell *cells)
{
    for (uint32_t i = 0; i < answer->schema.count; i++) {
        const struct kql_value *v = &answer->rows[row][i];
        struct kql_value text;

        cells[i] = (struct hit_cell){.name = answer->schema.columns[i].name};
        if (v->is_null)
            continue;
        text = kql_to_text(pool, answer->schema.columns[i].type, v);
        cells[i].text = kql_text(&text);
    }
}

enum status
query_hits(struct hunt *hunt, struct hits *hits, struct span identity, struct err *err)
{
    const struct kql_answer *answer = &hunt->answers.items[0];
    struct hit_cell *cells = calloc(answer->schema.count + 1, sizeof *cells);
    struct pool pool;
    jmp_buf escape;
    volatile enum status st = ST_OK;

    if (cells == NULL)
        return err_set(err, ST_FULL, "no memory for a rule's hits");
    pool_init(&pool, (size_t)64 << 20);
    pool.escape = &escape;
    for (volatile size_t i = 0; i < answer->row_count && st == ST_OK; i++) {
        if (setjmp(escape) == 0)
            query_cells(&pool, answer, i, cells);
        else
            st = err_set(err, ST_FULL, "a row of the answer has more than 64 MiB of text");
        if (st == ST_OK)
            st = hits_add(hits, cells, answer->schema.count, identity, err);
        pool_reset(&pool);
    }
    pool_free(&pool);
    free(cells);
    return st;
}
