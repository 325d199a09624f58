/* select.c - the predicate becomes "TABLE | where (PREDICATE)", bound as any query, over a table that has one column more: the
 * row's number in the file. What comes back must be filters over that table and nothing else, so that no text of a
 * caller can mean another statement. */
#include "workspace/select.h"
#include "workspace/sql.h"
#include <stdlib.h>
#include <sys/random.h>

#define ROW_COLUMN "$rowid" /* no KQL name begins so */

enum { MEMORY_MAX = 256 << 20 };

/* ---- whose rows, in what time ---- */

static enum status
where_make(struct selection *s, const struct workspace_rows_wanted *wanted, const char **out,
           struct err *err)
{
    struct kql_guid guid;
    struct span text = SPAN_LITERAL("true");

    if (wanted->tenant != NULL &&
        (strlen(wanted->tenant) != 36 || !kql_read_guid(span_of(wanted->tenant), &guid)))
        return err_set(err, ST_INVALID, "'%.60s' is no tenant", wanted->tenant);
    if (wanted->tenant != NULL)
        text = pool_printf(&s->pool, "\"$tenant\" = '%s'::UUID", wanted->tenant);
    if (wanted->from != INT64_MIN)
        text = pool_printf(&s->pool, "%s AND \"$time\" >= %lld", text.p, (long long)wanted->from);
    if (wanted->until != INT64_MAX)
        text = pool_printf(&s->pool, "%s AND \"$time\" < %lld", text.p, (long long)wanted->until);
    *out = text.p;
    return ST_OK;
}

/* ---- the table ---- */

static bool
has_column(const struct workspace_column *columns, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(columns[i].name, name) == 0)
            return true;
    return false;
}

static struct workspace_shape
shape_make(struct selection *s, const struct workspace_table *t, enum selection_shape shape)
{
    const struct workspace_shape *first = shape == SELECT_WORKSPACE ? &t->workspace : &t->hunting;
    struct workspace_column *columns =
        pool_take(&s->pool, (t->hunting.count + t->workspace.count + 1) * sizeof *columns);
    size_t count = first->count;

    memcpy(columns, first->columns, count * sizeof *columns);
    for (size_t i = 0; shape == SELECT_BOTH && i < t->workspace.count; i++)
        if (!has_column(first->columns, first->count, t->workspace.columns[i].name))
            columns[count++] = t->workspace.columns[i];
    s->columns = columns;
    s->count = (uint32_t)count;
    columns[count++] = (struct workspace_column){ROW_COLUMN, KQL_LONG, KQL_LONG, "rowid"};
    return (struct workspace_shape){columns, count};
}

/* The rows that are chosen from have their numbers, and a name that no predicate can know; those that a predicate asks for
 * beside them have neither. */
struct only {
    struct span name, chosen;
    struct kql_table table;
};

static bool
only_table(void *context, struct span name, struct kql_table *out)
{
    const struct only *o = context;
    const bool is_chosen = span_equal(name, o->chosen);

    if (!is_chosen && !span_equal(name, o->name))
        return false;
    *out = o->table;
    out->schema.count -= !is_chosen;
    return true;
}

static bool
only_table_at(void *context, size_t index, struct kql_table *out)
{
    const struct only *o = context;

    *out = o->table;
    out->schema.count--;
    return index == 0;
}

/* ---- the plan ---- */

/* Whether it looks at the row's number, which would tell how many rows there are of others. */
static bool
reads_row(const struct kql_expr *e, uint32_t row_column)
{
    if (e->kind == KQL_EXPR_COLUMN)
        return e->column == row_column;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL && reads_row(e->arguments[i], row_column))
            return true;
    return false;
}

/* Filters over the one table. */
static bool
is_plain(const struct kql_bound *bound)
{
    const struct kql_op *op = bound->plan;

    if (bound->plan_count != 1 || bound->is_scalar)
        return false;
    while (op != NULL && op->kind == KQL_OP_WHERE)
        op = op->input;
    return op != NULL && op->kind == KQL_ROWS_TABLE;
}

static enum status
refuse(const struct kql_diagnostics *d, struct err *err)
{
    uint32_t first = 0;

    while (first + 1 < d->count && d->items[first].is_warning)
        first++;
    if (d->error_count == 0)
        return err_set(err, ST_INVALID, "a predicate is wanted, as behind 'where'");
    return err_set(err, ST_INVALID, "the predicate: %s: %s", kql_code_name(d->items[first].code),
                   d->items[first].text);
}

static enum status
plan_make(struct selection *s, struct only *table, const struct workspace_rows_wanted *wanted,
          struct err *err)
{
    const struct kql_environment environment = {
        .table = only_table, .table_at = only_table_at, .context = table, .now = wanted->now};
    struct span text = wanted->where.p == NULL
                           ? pool_printf(&s->pool, "['%s']", table->chosen.p)
                           : pool_printf(&s->pool, "['%s']\n| where (%.*s\n)", table->chosen.p,
                                         (int)wanted->where.n, wanted->where.p);
    struct sql_options options = {.pool = &s->pool, .programs = s->programs};
    struct kql_diagnostics diagnostics;
    struct kql_bound bound;
    const struct kql_op *split;
    const struct sql_part *part;

    kql_diagnostics_init(&diagnostics, &s->pool, text);
    if (!kql_bind(&s->pool, text, &environment, &diagnostics, &bound) || !is_plain(&bound))
        return refuse(&diagnostics, err);
    for (const struct kql_op *op = bound.plan; op->kind == KQL_OP_WHERE; op = op->input)
        if (reads_row(op->u.predicate, s->count))
            return err_set(err, ST_INVALID,
                           "the predicate may name columns of the table alone: no pack_all(), no "
                           "column of the file's own");
    split = sql_split(&options, bound.plan);
    part = split->kind == KQL_ROWS_TABLE ? sql_part_of(split) : NULL;
    if (part == NULL || part->scalar_count > 0 || part->set_count > 0 ||
        part->schema.count != s->count + 1)
        return err_set(err, ST_INVALID,
                       "the predicate may look at one row alone: no toscalar(), no table in 'in'");
    s->sql = pool_text(&s->pool, part->text).p;
    return ST_OK;
}

/* What of the pool's escape the caller must not have clobbered is not touched behind it. */
static enum status
make(struct selection *s, struct workspace *w, const struct workspace_rows_wanted *wanted,
     enum selection_shape shape, struct err *err)
{
    const struct workspace_table *t = workspace_table_find(w, wanted->table);
    struct programs_options options = {.pool = &s->pool,
                                       .now = wanted->now,
                                       .memory_max = MEMORY_MAX,
                                       .deadline_ms = wanted->deadline_ms,
                                       .cancelled = wanted->cancelled};
    struct sql_table *handle;
    struct kql_column *columns;
    struct workspace_shape *kept;
    struct only table;
    uint64_t secret;
    enum status st;

    if (t == NULL)
        return err_set(err, ST_INVALID, "%s has no table %.*s", w->path,
                       wanted->table.n < 64 ? (int)wanted->table.n : 64, wanted->table.p);
    handle = pool_zeroed(&s->pool, 1, sizeof *handle);
    kept = pool_take(&s->pool, sizeof *kept);
    *kept = shape_make(s, t, shape);
    *handle = (struct sql_table){.table = t, .shape = kept};
    st = where_make(s, wanted, &handle->where, err);
    if (st == ST_OK)
        st = programs_new(&options, &s->programs, err);
    if (st != ST_OK)
        return st;
    columns = pool_take(&s->pool, kept->count * sizeof *columns);
    for (size_t i = 0; i < kept->count; i++)
        columns[i] =
            (struct kql_column){span_of(kept->columns[i].name), (uint8_t)kept->columns[i].type};
    if (getrandom(&secret, sizeof secret, 0) != (ssize_t)sizeof secret)
        return err_set(err, ST_IO, "no random bytes");
    table = (struct only){
        .name = span_of(t->catalog->name),
        .chosen = pool_printf(&s->pool, "$rows %016llx", (unsigned long long)secret),
        .table = {.name = span_of(t->catalog->name),
                  .schema = {columns, (uint32_t)kept->count, false},
                  .handle = handle}
    };
    return plan_make(s, &table, wanted, err);
}

enum status
selection_open(struct selection *s, struct workspace *w, const struct workspace_rows_wanted *wanted,
               enum selection_shape shape, struct err *err)
{
    jmp_buf spent;
    enum status st;

    *s = (struct selection){.programs = NULL};
    pool_init(&s->pool, MEMORY_MAX);
    if (setjmp(spent) != 0) {
        s->pool.escape = NULL;
        return err_set(err, ST_FULL, "no memory to choose rows");
    }
    s->pool.escape = &spent;
    st = make(s, w, wanted, shape, err);
    s->pool.escape = NULL;
    return st;
}

void
selection_close(struct selection *s)
{
    programs_free(s->programs);
    pool_free(&s->pool);
}
