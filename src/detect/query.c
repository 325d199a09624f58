/* query.c - which workspace a rule asks, with which functions, and its answer's rows as texts. */
#include "detect/query.h"
#include "control/config.h"
#include <stdlib.h>

void
query_forget(struct query *q)
{
    if (q->has_hunt)
        hunt_end(&q->hunt);
    if (q->has_functions)
        saved_functions_end(&q->functions);
    q->has_hunt = q->has_functions = q->is_short = false;
}

void
query_end(struct query *q)
{
    query_forget(q);
    while (q->others != NULL) {
        struct query_other *other = q->others;

        q->others = other->next;
        workspace_close(other->workspace);
        free(other);
    }
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

    q->control = c;
    q->tenant = tenant;
    if (st == ST_OK)
        st = workspace_open(q->place.path, &options, &q->workspace, err);
    if (st != ST_OK)
        q->workspace = NULL;
    return st;
}

/* ---- workspaces that the query names ---- */

static enum status
other_add(struct query *q, const struct workspace_place *place, struct err *err)
{
    const struct workspace_options options = {.catalog = NULL};
    struct query_other *other = calloc(1, sizeof *other);
    enum status st;

    if (other == NULL)
        return err_set(err, ST_FULL, "no memory for a workspace");
    other->place = *place;
    st = workspace_open(place->path, &options, &other->workspace, err);
    if (st != ST_OK) {
        free(other);
        return st;
    }
    other->next = q->others;
    q->others = other;
    q->is_short = true;
    return err_set(err, ST_FULL, "the workspace %s is read from now on", place->name);
}

/* hunt_request.place: what the rule's owner may ask. */
static bool
other_find(void *context, const struct kql_place *named, struct hunt_place *out, struct err *err)
{
    struct query *q = context;
    struct workspace_place *place = malloc(sizeof *place);
    bool is_there = false;

    if (place == NULL)
        (void)err_set(err, ST_FULL, "no memory for a workspace");
    else if (named->is_database)
        (void)err_set(err, ST_INVALID,
                      "a rule names other workspaces as workspace(\"NAME\"), not as databases");
    else if (workspaces_find(q->control, q->tenant, named->name, place, err) == ST_OK) {
        struct query_other *other = q->others;

        *out = (struct hunt_place){q->workspace, q->place.name, HUNT_BOTH};
        is_there = strcmp(place->path, q->place.path) == 0;
        while (other != NULL && strcmp(other->place.path, place->path) != 0)
            other = other->next;
        if (!is_there && other != NULL) {
            *out = (struct hunt_place){other->workspace, other->place.name, HUNT_BOTH};
            is_there = true;
        }
        if (!is_there)
            (void)other_add(q, place, err);
    }
    free(place);
    return is_there;
}

/* ---- running ---- */

enum status
query_run(const struct control *c, const char *tenant, const struct detection *x, struct query *q,
          const struct hunt_window *window, int64_t now, int64_t time_ms,
          const _Atomic bool *cancelled, struct err *err)
{
    const char *const tenants[] = {tenant};
    struct hunt_request request = {
        .text = span_of(x->query),
        .place = other_find,
        .place_context = q,
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
