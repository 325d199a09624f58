/* detection_query.c - a rule's query against the catalog: that it can be asked at all, that a continuous one works row by row, and
 * that its answer has the columns which the alert names. */
#include "base/clock.h"
#include "control/detection.h"
#include "kql/stream.h"
#include <strings.h>

#define QUERY "queryCondition.queryText"
#define TEMPLATE "detectionAction.alertTemplate"

static void
tell(const struct kql_diagnostics *d, struct detection_faults *f)
{
    char target[80];

    for (uint32_t i = 0; i < d->count; i++)
        if (!d->items[i].is_warning) {
            snprintf(target, sizeof target, QUERY ":%u:%u", d->items[i].line, d->items[i].column);
            detection_fault(f, kql_code_name(d->items[i].code), target, "%s", d->items[i].text);
        }
}

static bool
has_column(const struct kql_schema *schema, struct span name, struct kql_nearest *near)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        struct span column = schema->columns[i].name;

        if (column.n == name.n && strncasecmp(column.p, name.p, name.n) == 0)
            return true;
        kql_nearest_offer(near, column);
    }
    return schema->is_open; /* it may have it */
}

static void
check_column(const struct kql_schema *schema, struct span name, const char *target,
             struct detection_faults *f)
{
    struct kql_nearest near = {.wanted = name};
    bool is_near;

    if (has_column(schema, name, &near))
        return;
    is_near = near.best.p != NULL;
    detection_fault(f, "UnknownColumn", target, "the query's answer has no column '%.*s'%s%.*s%s",
                    (int)name.n, name.p, is_near ? "; did you mean '" : "", (int)near.best.n,
                    is_near ? near.best.p : "", is_near ? "'?" : "");
}

static void
check_template(const struct kql_schema *schema, const char *text, const char *target,
               struct detection_faults *f)
{
    struct span column;
    size_t size;

    for (size_t at = 0; text != NULL && detection_placeholder(span_of(text), &at, &size, &column);
         at += size)
        check_column(schema, column, target, f);
}

static void
check_columns(const struct kql_schema *schema, const struct detection *x,
              struct detection_faults *f)
{
    char target[200];

    for (size_t i = 0; i < x->asset_count; i++) {
        snprintf(target, sizeof target, TEMPLATE ".impactedAssets[%zu].identifier", i);
        check_column(schema, span_of(x->assets[i].column), target, f);
    }
    for (size_t i = 0; i < x->detail_count; i++) {
        snprintf(target, sizeof target, TEMPLATE ".customDetails.%.100s", x->details[i].label);
        check_column(schema, span_of(x->details[i].column), target, f);
    }
    check_template(schema, x->title, TEMPLATE ".title", f);
    check_template(schema, x->description, TEMPLATE ".description", f);
}

/* The one table that a continuous query reads; false: a fault. */
static bool
source_find(const struct kql_bound *bound, struct detection *x, struct detection_faults *f)
{
    const struct kql_op *op = bound->plan;
    bool has_join = false;

    for (; op != NULL && op->input != NULL; op = op->input)
        has_join |= op->kind == KQL_OP_JOIN;
    if (op == NULL || has_join || op->kind != KQL_ROWS_TABLE ||
        op->u.table.name.n >= sizeof x->table) {
        detection_fault(
            f, "NotContinuous", QUERY,
            "a continuous rule begins with the name of one table, and works row by row; "
            "give it a period such as 1H to run it on the workspace");
        return false;
    }
    snprintf(x->table, sizeof x->table, "%.*s", (int)op->u.table.name.n, op->u.table.name.p);
    return true;
}

static void
check_stream(struct pool *pool, struct kql_catalog_tables *tables, bool is_stored,
             struct detection *x, struct detection_faults *f)
{
    const struct catalog_table *t = catalog_find(tables->catalog, span_of(x->table));
    struct kql_diagnostics d;
    struct kql_stream *stream;
    struct kql_table source;

    if (t != NULL && t->category == NULL) {
        detection_fault(f, "NotContinuous", QUERY,
                        "%s does not come as a stream of records: give the rule a period",
                        x->table);
        return;
    }
    if (is_stored || !kql_catalog_table(tables, span_of(x->table), &source))
        return;
    kql_diagnostics_init(&d, pool, span_of(x->query));
    stream = kql_stream_new(pool, span_of(x->query), &source, KQL_STREAM_WIDE, &d);
    if (stream == NULL) {
        tell(&d, f);
        return;
    }
    check_columns(kql_stream_schema(stream), x, f);
    kql_stream_free(stream);
}

/* kql_environment.context: its first member is what the catalog's hooks want. */
struct bed {
    struct kql_catalog_tables tables;
    const struct detection_functions *functions;
};

static bool
stored_function(void *context, struct span name, struct span *text)
{
    const struct bed *bed = context;

    return (bed->functions != NULL &&
            bed->functions->function(bed->functions->context, name, text)) ||
           kql_defender_function(name, true, text);
}

/* Which there are is found at each run; all have the catalog's tables. */
static bool
any_place(void *context, const struct kql_place *place, void **out, struct err *err)
{
    if (place->is_database) {
        (void)err_set(err, ST_INVALID,
                      "a rule names other workspaces as workspace(\"NAME\"), not as databases");
        return false;
    }
    *out = context;
    return true;
}

static void
check(struct pool *pool, const struct control *c, const struct detection_functions *functions,
      bool is_stored, struct detection *x, struct detection_faults *f)
{
    struct bed bed = {
        .tables = {.catalog = c->catalog, .has_both = x->period > 0, .pool = pool},
        .functions = functions
    };
    const struct kql_environment environment = {
        .table = kql_catalog_table,
        .table_at = kql_catalog_table_at,
        .context = &bed,
        .place = x->period > 0 ? any_place : NULL,
        .now = clock_ticks(),
        .function = stored_function,
    };
    struct kql_diagnostics d;
    struct kql_bound bound;

    kql_diagnostics_init(&d, pool, span_of(x->query));
    if (!kql_bind(pool, span_of(x->query), &environment, &d, &bound)) {
        tell(&d, f);
        return;
    }
    if (bound.plan_count != 1 || bound.is_scalar || bound.plan->kind == KQL_OP_FORK) {
        detection_fault(f, "NotATable", QUERY, "a rule's query gives one table: its rows are hits");
        return;
    }
    if (x->period > 0)
        check_columns(&bound.plan->schema, x, f);
    else if (source_find(&bound, x, f))
        check_stream(pool, &bed.tables, is_stored, x, f);
}

enum status
detection_check_query(const struct control *c, const struct detection_functions *functions,
                      bool is_stored, struct detection *x, struct detection_faults *faults,
                      struct err *err)
{
    struct pool pool;
    jmp_buf escape;

    if (is_stored && x->period > 0)
        return ST_OK;
    pool_init(&pool, DETECTION_CHECK_MEMORY);
    pool.patience_ms = DETECTION_CHECK_MS;
    pool.escape = &escape;
    if (setjmp(escape) == 0)
        check(&pool, c, functions, is_stored, x, faults);
    else
        detection_fault(faults, "TooMuch", QUERY,
                        "to check it takes more than %d MiB or %d s: make it smaller",
                        DETECTION_CHECK_MEMORY >> 20, DETECTION_CHECK_MS / 1000);
    pool_free(&pool);
    (void)err;
    return ST_OK;
}
