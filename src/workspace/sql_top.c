/* sql_top.c - top-hitters and top-nested, put together from steps of summarize and sort.
 *
 * top-nested: what a level ranks by hangs on nothing but the rows of its group, so that each level is one summary of all rows, by its
 * value and those of the levels around it:
 *
 *     tS   summarize AGGREGATE by VALUES 0 to k
 *     tK   those whose group around them is kept, with its values and aggregates, and their rank in it; run once, as a rank among
 *          equal ones is any
 *     tR   for "others": the rows of those that are not kept
 *     tO   what they give: of the groups around, the aggregates of this level and of all inside it */
#include "workspace/sql_inner.h"

enum { LEVELS_MAX = 20 };

/* ---- operators that no query has ---- */

static const struct kql_expr *
column_new(struct pool *p, uint32_t column, enum kql_type type)
{
    struct kql_expr *e = pool_zeroed(p, 1, sizeof *e);

    *e = (struct kql_expr){
        .kind = KQL_EXPR_COLUMN, .type = (uint8_t)type, .column = column, .result_count = 1};
    return e;
}

/* An aggregate of one argument, or none. */
static const struct kql_expr *
aggregate_new(struct pool *p, const char *name, const struct kql_expr *argument, enum kql_type type)
{
    struct kql_expr *e = pool_zeroed(p, 1, sizeof *e);
    const struct kql_expr **arguments = pool_zeroed(p, 1, sizeof *arguments);

    arguments[0] = argument;
    *e = (struct kql_expr){.kind = KQL_EXPR_CALL,
                           .type = (uint8_t)type,
                           .function = kql_function_find(span_of(name), KQL_AGGREGATE),
                           .arguments = arguments,
                           .count = argument != NULL,
                           .weight = 2,
                           .result_count = 1};
    return e;
}

/* A summarize: its keys and finals say what columns it has. */
static const struct kql_op *
summarize_new(struct pool *p, const struct kql_op *input, const struct kql_expr *const *keys,
              uint32_t key_count, const struct kql_expr *const *aggregates,
              uint32_t aggregate_count, const struct kql_expr *const *finals, uint32_t final_count)
{
    struct kql_column *columns = pool_zeroed(p, key_count + final_count, sizeof *columns);
    struct kql_op *op = pool_zeroed(p, 1, sizeof *op);

    for (uint32_t i = 0; i < key_count; i++)
        columns[i].type = keys[i]->type;
    for (uint32_t i = 0; i < final_count; i++)
        columns[key_count + i].type = finals[i]->type;
    *op = (struct kql_op){
        .kind = KQL_OP_SUMMARIZE,
        .input = input,
        .schema = {.columns = columns, .count = key_count + final_count}
    };
    op->u.summarize.keys = keys;
    op->u.summarize.key_count = key_count;
    op->u.summarize.aggregates = aggregates;
    op->u.summarize.aggregate_count = aggregate_count;
    op->u.summarize.finals = finals;
    return op;
}

/* ---- top-hitters ---- */

/* summarize TOTAL by VALUE | top COUNT by TOTAL desc */
static const struct kql_op *
hitters_plan(struct pool *p, const struct kql_op *op)
{
    const struct kql_expr *weight = op->u.hitters.weight, **list = pool_zeroed(p, 3, sizeof *list);
    enum kql_type type = (enum kql_type)op->schema.columns[1].type;
    struct kql_sort_key *key = pool_zeroed(p, 1, sizeof *key);
    struct kql_op *top = pool_zeroed(p, 1, sizeof *top);

    list[0] = op->u.hitters.expr;
    list[1] = weight == NULL ? aggregate_new(p, "count", NULL, type)
                             : aggregate_new(p, "sum", weight, type);
    list[2] = column_new(p, 1, type);
    *key = (struct kql_sort_key){.expr = list[2], .is_descending = true};
    *top = (struct kql_op){.kind = KQL_OP_TOP,
                           .input = summarize_new(p, op->input, list, 1, list + 1, 1, list + 2, 1),
                           .schema = op->schema,
                           .is_serialized = true};
    top->u.sort.keys = key;
    top->u.sort.key_count = 1;
    top->u.sort.limit = op->u.hitters.count;
    return top;
}

bool
sql_hitters_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    const struct kql_expr *weight = op->u.hitters.weight;
    struct sql_step *top;

    if (sql_carry(b, op->input) == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    if (weight != NULL && weight->type != KQL_LONG && weight->type != KQL_REAL)
        return sql_refuse(b, "SQL adds up %s otherwise",
                          kql_type_name((enum kql_type)weight->type));
    top = sql_carry(b, hitters_plan(b->pool, op));
    if (top == NULL)
        return false; /* the reason is that of its parts */
    sql_select(step, "SELECT");
    sql_pass_columns(step, top);
    sql_pass_order(step, top);
    sql_pass_runs(step, top, "");
    sql_put(&step->text, " FROM t%u", sql_use(b, step, top));
    step->is_repeatable = false;
    return true;
}

/* ---- top-nested ---- */

struct nested {
    struct sql_build *b;
    struct sql_step *step, *input;
    const struct kql_op *op;
    const struct kql_expr **values;    /* of the levels */
    struct sql_step *kept[LEVELS_MAX]; /* tK: values 0 to k, aggregates 0 to k, the rank */
    uint32_t branches;
};

static uint32_t
aggregate_at(uint32_t level, uint32_t of) /* columns of tK of that level */
{
    return level + 1 + of;
}

static bool
limit_of(const struct kql_level *level, uint64_t *limit)
{
    const struct kql_expr *e = level->count;

    if (e == NULL) {
        *limit = INT64_MAX; /* more rows than there are */
        return true;
    }
    if (e->kind != KQL_EXPR_CONST)
        return false;
    *limit = e->value.is_null || e->value.i < 0 ? 0 : (uint64_t)e->value.i;
    return true;
}

/* "rn <= LIMIT", in words of which DuckDB (1.5.5) does not make an aggregate: of no rows at all it gives one, and more than a million
 * it refuses. */
static void
put_kept(struct nested *n, struct sql_text *t, uint32_t level, const char *prefix, bool is_kept)
{
    uint64_t limit = 0;

    if (!limit_of(&n->op->u.nested.levels[level], &limit))
        limit = 0;
    sql_put(t, "CAST(%sc%u AS DOUBLE) %s %llu", prefix, aggregate_at(level, level) + 1,
            is_kept ? "<=" : ">", (unsigned long long)limit);
}

/* A value of a step's, as it is compared. */
static bool
put_key(struct nested *n, struct sql_step *step, struct sql_step *of, const char *prefix,
        uint32_t level, struct sql_text *t)
{
    struct sql_scope scope = sql_scope_of(n->b, step, of, &of->op->schema, prefix);

    return sql_key(&scope, t, column_new(n->b->pool, level, (enum kql_type)n->values[level]->type));
}

/* That the first values are the same: those of a row of the input (expressions) or of a step (columns), and tK's. */
static bool
put_same(struct nested *n, struct sql_step *step, struct sql_step *of, bool is_input,
         struct sql_step *kept, uint32_t count)
{
    struct sql_scope scope = sql_scope_of(n->b, step, of, &of->op->schema, "s.");
    struct sql_text *t = &step->text;

    for (uint32_t i = 0; i < count; i++) {
        bool is_text = sql_is_text(n->values[i]) || sql_has_key(n->values[i]);

        sql_put(t, "%s", i == 0 ? "" : " AND ");
        if (!(is_input ? sql_key(&scope, t, n->values[i]) : put_key(n, step, of, "s.", i, t)))
            return false;
        sql_put(t, is_text ? " = " : " IS NOT DISTINCT FROM ");
        if (!put_key(n, step, kept, "p.", i, t))
            return false;
    }
    return true;
}

/* The order of a level: nulls last both ways, equal ones as they came where that is known. */
static bool
put_rank_order(struct nested *n, struct sql_step *step, struct sql_step *summary, uint32_t k)
{
    const struct kql_level *level = &n->op->u.nested.levels[k];
    enum kql_type type = (enum kql_type)level->final->type;
    struct sql_scope scope = sql_scope_of(n->b, step, summary, &summary->op->schema, "s.");
    const char *way = level->is_ascending ? "ASC" : "DESC";
    struct sql_text *t = &step->text;

    if (type == KQL_DYNAMIC)
        return sql_refuse(n->b, "SQL has another order of dynamic");
    if (type == KQL_REAL) /* NaN is below all */
        sql_put(t, "isnan(s.c%u) %s NULLS LAST, ", k + 1, level->is_ascending ? "DESC" : "ASC");
    sql_put(t, "%s", type == KQL_DECIMAL ? "NULLIF(" : "");
    if (!sql_key(&scope, t, column_new(n->b->pool, k + 1, type)))
        return false;
    sql_put(t, "%s %s NULLS LAST", type == KQL_DECIMAL ? ", '')" : "", way);
    for (uint32_t i = 0; summary->counts_rows && i < summary->order_count; i++)
        sql_put(t, ", s.k%u", i);
    return true;
}

/* tS. NULL: b->why. */
static struct sql_step *
make_summary(struct nested *n, uint32_t k)
{
    const struct kql_level *level = &n->op->u.nested.levels[k];
    const struct kql_expr **finals = pool_zeroed(n->b->pool, 1, sizeof *finals);

    finals[0] = sql_shifted(n->b->pool, level->final, k + 1);
    return sql_carry(n->b, summarize_new(n->b->pool, n->op->input, n->values, k + 1,
                                         level->aggregates, level->aggregate_count, finals, 1));
}

/* tK. False: b->why. */
static bool
make_kept(struct nested *n, uint32_t k)
{
    uint32_t width = aggregate_at(k, k) + 2;
    struct kql_column *columns = pool_zeroed(n->b->pool, width, sizeof *columns);
    const struct kql_schema schema = {.columns = columns, .count = width};
    struct sql_step *summary = make_summary(n, k), *around = k > 0 ? n->kept[k - 1] : NULL, *step;
    struct sql_text *t;

    if (summary == NULL)
        return false;
    for (uint32_t i = 0; i <= k; i++) {
        columns[i].type = n->values[i]->type;
        columns[aggregate_at(k, i)].type = n->op->u.nested.levels[i].final->type;
    }
    columns[width - 1].type = KQL_LONG;
    step = n->kept[k] = sql_between(n->b, &schema);
    t = &step->text;
    sql_put(t, "SELECT ");
    for (uint32_t i = 0; i < k; i++)
        sql_put(t, "p.c%u AS c%u, p.c%u AS c%u, ", i, i, aggregate_at(k - 1, i),
                aggregate_at(k, i));
    sql_put(t, "s.c%u AS c%u, s.c%u AS c%u, row_number() OVER (", k, k, k + 1, aggregate_at(k, k));
    for (uint32_t i = 0; i < k; i++) {
        sql_put(t, "%s", i == 0 ? "PARTITION BY " : ", ");
        if (!put_key(n, step, around, "p.", i, t)) /* of 0.0 and -0.0 the same for all */
            return false;
    }
    sql_put(t, " ORDER BY ");
    if (!put_rank_order(n, step, summary, k))
        return false;
    sql_put(t, ") AS c%u FROM t%u s", width - 1, sql_use(n->b, step, summary));
    step->is_volatile = true;
    if (around == NULL)
        return true;
    sql_put(t, " JOIN t%u p ON (", sql_use(n->b, step, around));
    if (!put_same(n, step, summary, false, around, k))
        return false;
    sql_put(t, ") WHERE ");
    put_kept(n, t, k - 1, "p.", true);
    return true;
}

/* ---- its result: what was kept, and for each level the others ---- */

static void
branch_begin(struct nested *n)
{
    sql_put(&n->step->text, "%s", n->branches++ == 0 ? "SELECT " : " UNION ALL SELECT ");
}

/* A level's values as columns of the result: each by its text. */
struct parts {
    struct sql_text value, aggregate;
};

static void
put_parts(struct nested *n, const struct parts *parts)
{
    for (uint32_t c = 0; c < n->op->schema.count; c++)
        for (uint32_t k = 0; k < n->op->u.nested.count; k++) {
            const struct kql_level *level = &n->op->u.nested.levels[k];
            const struct sql_text *text = level->value_column == c       ? &parts[k].value
                                          : level->aggregate_column == c ? &parts[k].aggregate
                                                                         : NULL;

            if (text != NULL)
                sql_put(&n->step->text, "%s%s AS c%u", c == 0 ? "" : ", ", text->p, c);
        }
}

static struct parts *
parts_new(struct nested *n)
{
    struct parts *parts = pool_zeroed(n->b->pool, n->op->u.nested.count, sizeof *parts);

    for (uint32_t k = 0; k < n->op->u.nested.count; k++)
        parts[k].value.pool = parts[k].aggregate.pool = n->b->pool;
    return parts;
}

static void
put_kept_branch(struct nested *n)
{
    uint32_t last = n->op->u.nested.count - 1;
    struct parts *parts = parts_new(n);

    for (uint32_t k = 0; k <= last; k++) {
        sql_put(&parts[k].value, "c%u", k);
        sql_put(&parts[k].aggregate, "c%u", aggregate_at(last, k));
    }
    branch_begin(n);
    put_parts(n, parts);
    sql_put(&n->step->text, " FROM t%u WHERE ", sql_use(n->b, n->step, n->kept[last]));
    put_kept(n, &n->step->text, last, "", true);
}

/* tR: as an operator. NULL: b->why. */
static const struct kql_op *
make_rest(struct nested *n, uint32_t k)
{
    const struct kql_schema *in = &n->op->input->schema;
    struct sql_step *step = sql_between(n->b, in);
    struct sql_node *node;

    sql_select(step, "SELECT");
    sql_pass_columns(step, n->input);
    sql_pass_order(step, n->input);
    sql_put(&step->text, " FROM t%u s SEMI JOIN (SELECT * FROM t%u WHERE ",
            sql_use(n->b, step, n->input), sql_use(n->b, step, n->kept[k]));
    put_kept(n, &step->text, k, "", false);
    sql_put(&step->text, ") p ON (");
    if (!put_same(n, step, n->input, true, n->kept[k], k + 1))
        return NULL;
    sql_put(&step->text, ")");
    node = sql_node_of(n->b, step->op);
    node->reads_input = false; /* it is no input of a sub-query */
    node->is_tried = true;
    node->step = step;
    return step->op;
}

/* tO: the values 0 to k - 1, the aggregates of k and on, how many rows. NULL: b->why. */
static struct sql_step *
make_others(struct nested *n, uint32_t k)
{
    struct pool *p = n->b->pool;
    uint32_t levels = n->op->u.nested.count, count = 0, results = 0, final_count = 0;
    const struct kql_expr **aggregates, **finals = pool_zeroed(p, levels + 1, sizeof *finals);
    const struct kql_op *rest = make_rest(n, k);

    if (rest == NULL)
        return NULL;
    for (uint32_t j = k; j < levels; j++)
        count += n->op->u.nested.levels[j].aggregate_count;
    aggregates = pool_zeroed(p, count + 1, sizeof *aggregates);
    count = 0;
    for (uint32_t j = k; j < levels; j++) {
        const struct kql_level *level = &n->op->u.nested.levels[j];

        finals[final_count++] = sql_shifted(p, level->final, k + results);
        for (uint32_t i = 0; i < level->aggregate_count; i++) {
            aggregates[count++] = level->aggregates[i];
            results +=
                level->aggregates[i]->result_count > 1 ? level->aggregates[i]->result_count : 1;
        }
    }
    aggregates[count++] = aggregate_new(p, "count", NULL, KQL_LONG);
    finals[final_count++] = column_new(p, k + results, KQL_LONG);
    return sql_carry(n->b,
                     summarize_new(p, rest, n->values, k, aggregates, count, finals, final_count));
}

static bool
put_others_branch(struct nested *n, uint32_t k)
{
    static const struct kql_schema nothing = {NULL, 0, false};
    struct sql_scope none = sql_scope_of(n->b, n->step, NULL, &nothing, "");
    uint32_t levels = n->op->u.nested.count;
    struct sql_step *others = make_others(n, k), *around = k > 0 ? n->kept[k - 1] : NULL;
    struct sql_text *t = &n->step->text;
    struct parts *parts = parts_new(n);

    if (others == NULL)
        return false;
    for (uint32_t j = 0; j < levels; j++) {
        const struct kql_level *level = &n->op->u.nested.levels[j];

        if (j < k) {
            sql_put(&parts[j].value, "p.c%u", j);
            sql_put(&parts[j].aggregate, "p.c%u", aggregate_at(k - 1, j));
            continue;
        }
        if (level->others == NULL)
            sql_put_null(&parts[j].value, (enum kql_type)level->expr->type);
        else if (!sql_value(&none, &parts[j].value, level->others))
            return false;
        sql_put(&parts[j].aggregate, "s.c%u", j);
    }
    branch_begin(n);
    put_parts(n, parts);
    sql_put(t, " FROM t%u s", sql_use(n->b, n->step, others));
    if (around != NULL) {
        sql_put(t, " JOIN t%u p ON (", sql_use(n->b, n->step, around));
        if (!put_same(n, n->step, others, false, around, k))
            return false;
        sql_put(t, ")");
    }
    sql_put(t, " WHERE s.c%u > 0", levels);
    return true;
}

static bool
is_nested_carried(struct nested *n)
{
    uint64_t limit;

    if (n->input->runs != NULL)
        return sql_refuse(n->b, "in a sub-query it has no SQL");
    if (n->op->u.nested.count == 0 || n->op->u.nested.count > LEVELS_MAX)
        return sql_refuse(n->b, "it has more than %d levels", LEVELS_MAX);
    for (uint32_t k = 0; k < n->op->u.nested.count; k++) {
        const struct kql_level *level = &n->op->u.nested.levels[k];

        if (level->final == NULL || !limit_of(level, &limit))
            return sql_refuse(n->b, "its count is not known before the query runs");
        n->values[k] = level->expr;
    }
    return true;
}

bool
sql_nested_step(struct sql_build *b, struct sql_step *step, const struct kql_op *op)
{
    struct nested n = {.b = b, .step = step, .input = sql_carry(b, op->input), .op = op};

    if (n.input == NULL)
        return sql_refuse(b, "what it reads comes from the row engine");
    if (step->is_volatile)
        return sql_refuse(b, "its expressions give other values each time");
    n.values = pool_zeroed(b->pool, op->u.nested.count + 1, sizeof *n.values);
    if (!is_nested_carried(&n))
        return false;
    for (uint32_t k = 0; k < op->u.nested.count; k++)
        if (!make_kept(&n, k))
            return false;
    put_kept_branch(&n);
    for (uint32_t k = 0; k < op->u.nested.count; k++)
        if (op->u.nested.levels[k].others != NULL && op->u.nested.levels[k].count != NULL &&
            !put_others_branch(&n, k))
            return false;
    step->is_repeatable = false;
    return true;
}
