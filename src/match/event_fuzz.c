/* event_fuzz.c - a source (the first byte) and any document: it is refused or opened; its row is JSON
 * with the table's columns, within its limit; the index agrees with the filters. */
#include "match/event.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"

enum { FILTERS = 120, ROW_MAX = 8192 };

static struct event_filter *filters[FILTERS];
static struct event_index *event_index;

static void
make_filters(void)
{
    static const char *const paths[] = {"name", "id", "Severity", "attackPath.riskLevel", "a[1].b"},
                             *const how[] = {"Contains", "Equals", "EndsWith", "NotEquals"};
    struct err err;

    for (int i = 0; i < FILTERS; i++) {
        struct span scope = i % 3 == 0 ? SPAN_LITERAL(SUB) : SPAN_LITERAL(SUB "/resourceGroups/rg");
        struct event_filter_source source = {(enum event_source)(i % EVENT_SOURCES), NULL};
        struct rule_sets *rules = NULL;
        char value[32];
        json_t *json;

        snprintf(value, sizeof value, "abcd-%d", i / 5);
        json =
            json_pack("[{s:[{s:s,s:s,s:s,s:s}]}]", "rules", "propertyJPath", paths[i % 5],
                      "propertyType", "String", "expectedValue", value, "operator", how[i / 5 % 4]);
        if (rule_sets_make(json, "t", NULL, NULL, &rules, &err) != ST_OK)
            abort();
        source.rules = rules; /* as long as the program runs */
        if (event_filter_make(&scope, 1, &source, 1, &filters[i], &err) != ST_OK)
            abort();
        json_decref(json);
    }
    if (event_index_make((const struct event_filter *const *)filters, FILTERS, &event_index,
                         &err) != ST_OK)
        abort();
}

struct seen {
    bool hits[FILTERS];
};

static void
hit(void *app, size_t filter)
{
    ((struct seen *)app)->hits[filter] = true;
}

static void
play_row(const struct event *e, size_t size_max)
{
    struct event_row_context context = {
        .exported = 1, .workspace = "w", .portal = "https://p.example"};
    struct tree t;
    struct err err = {""};
    char *row = NULL;
    size_t size = 0, count;
    bool is_shrunk;
    enum status st = event_row(e, &context, size_max, &row, &size, &is_shrunk, &err);

    if (st == ST_FULL || (st == ST_OK) != (err.text[0] == '\0'))
        abort();
    if (st != ST_OK)
        return;
    if (size != strlen(row) || (size_max > 0 && size > size_max))
        abort();
    if (tree_parse(&t, (struct span){row, size}, &err) != ST_OK)
        abort();
    event_columns(e->source, &count);
    for (uint32_t i = 1; i < tree_next(&t, 0); i = tree_next(&t, i))
        if (tree_member(&t, 0, tree_key(&t, i)) != i)
            abort();
    if (t.nodes[0].count > count)
        abort();
    tree_free(&t);
    free(row);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {{false}};
    struct event e;
    struct err err = {""};

    if (event_index == NULL)
        make_filters();
    if (size == 0)
        return 0;
    if (event_open_text(&e, (enum event_source)(data[0] % EVENT_SOURCES),
                        SPAN_LITERAL(SUB "/resourcegroups/rg"),
                        (struct span){(const char *)data + 1, size - 1}, &err) != ST_OK) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    event_index_match(event_index, &e, hit, &seen);
    for (int i = 0; i < FILTERS; i++) {
        json_t *why = event_filter_explain(filters[i], &e);

        if (seen.hits[i] != event_filter_passes(filters[i], &e) ||
            seen.hits[i] != json_is_true(json_object_get(why, "matches")))
            abort();
        json_decref(why);
    }
    play_row(&e, 0);
    play_row(&e, ROW_MAX);
    event_close(&e);
    return 0;
}
