/* sql.c - which parts of a plan become statements. Operators are tried from the sources up, each once however often it is
 * used; the largest that SQL carries become parts, the others are made anew over them.
 *
 * What is materialized is run once: when several statements (or a statement and the row engine) want it and running
 * it twice would give other rows, it is left to the row engine, and the plan is split again. */
#include "workspace/sql_inner.h"
#include <assert.h>

/* ---- text ---- */

void
sql_put_span(struct sql_text *t, struct span text)
{
    t->p = pool_grow(t->pool, t->p, &t->room, t->n + text.n + 1, 1);
    memcpy(t->p + t->n, text.p, text.n);
    t->n += text.n;
    t->p[t->n] = '\0';
}

void
sql_put(struct sql_text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(n >= 0);
    t->p = pool_grow(t->pool, t->p, &t->room, t->n + (size_t)n + 1, 1);
    va_start(args, format);
    vsnprintf(t->p + t->n, (size_t)n + 1, format, args);
    va_end(args);
    t->n += (size_t)n;
}

void
sql_put_columns(struct sql_text *t, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        sql_put(t, "%sc%u", i == 0 ? "" : ", ", i);
}

/* NaN stands between the nulls and the values, on whichever side the nulls are. */
void
sql_put_order(struct sql_text *t, const struct sql_step *ordered, const char *prefix)
{
    for (uint32_t i = 0; i < ordered->order_count; i++) {
        const struct sql_order *o = &ordered->order[i];
        const char *nulls = o->nulls_first ? "NULLS FIRST" : "NULLS LAST";

        sql_put(t, "%s", i == 0 ? " ORDER BY " : ", ");
        if (o->type == KQL_REAL)
            sql_put(t, "isnan(%sk%u) %s %s, ", prefix, i, o->nulls_first ? "DESC" : "ASC", nulls);
        sql_put(t, "%sk%u %s %s", prefix, i, o->is_descending ? "DESC" : "ASC", nulls);
    }
}

void
sql_list_add(struct pool *p, struct sql_list *list, const struct kql_op *op)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == op)
            return;
    list->items = pool_grow(p, list->items, &list->room, list->count + 1, sizeof *list->items);
    list->items[list->count++] = op;
}

bool
sql_refuse(struct sql_build *b, const char *format, ...)
{
    char line[200];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    b->why = pool_text(b->pool, span_of(line));
    return false;
}

/* ---- what is known of operators ---- */

static size_t
slot_of(const struct sql_build *b, const struct kql_op *op)
{
    uint64_t h = ((uint64_t)(uintptr_t)op >> 3) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h >> 20) & (b->slot_count - 1);

    while (b->slots[at] != NULL && b->slots[at]->op != op)
        at = (at + 1) & (b->slot_count - 1);
    return at;
}

static struct sql_node *
node_make(struct sql_build *b, const struct kql_op *op)
{
    struct sql_node *node;

    if ((b->node_count + 1) * 2 > b->slot_count) {
        struct sql_node **old = b->slots;
        size_t count = b->slot_count;

        b->slot_count = count == 0 ? 64 : count * 2;
        b->slots = pool_zeroed(b->pool, b->slot_count, sizeof(struct sql_node *));
        for (size_t i = 0; i < count; i++)
            if (old[i] != NULL)
                b->slots[slot_of(b, old[i]->op)] = old[i];
    }
    node = b->slots[slot_of(b, op)];
    if (node == NULL) {
        node = pool_zeroed(b->pool, 1, sizeof *node);
        node->op = op;
        b->slots[slot_of(b, op)] = node;
        b->node_count++;
    }
    return node;
}

struct look {
    struct sql_build *b;
    struct sql_node *node;
};

static const struct kql_op *
look_at_op(void *context, const struct kql_op *op)
{
    struct look *l = context;
    const struct sql_node *below = sql_node_of(l->b, op);

    l->node->reads_input |= below->reads_input;
    l->node->reads_table |= below->reads_table;
    return op;
}

/* Its KQL_ROWS_INPUT is the operator's own affair, unless that stands in a sub-plan itself: then the operator's input says
 * so, too. */
static const struct kql_op *
look_at_sub(void *context, const struct kql_op *op)
{
    struct look *l = context;

    l->node->reads_table |= sql_node_of(l->b, op)->reads_table;
    return op;
}

static const struct kql_expr *
look_at_expr(void *context, const struct kql_expr *e)
{
    struct look *l = context;

    if (e->kind == KQL_EXPR_CALL) {
        l->node->has_windows |= e->function->kind == KQL_WINDOW;
        l->node->is_volatile |= (e->function->flags & KQL_F_VOLATILE) != 0;
    }
    if (e->table != NULL) {
        look_at_op(l, e->table);
        l->node->asks_input |= sql_node_of(l->b, e->table)->reads_input;
    }
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL)
            look_at_expr(l, e->arguments[i]);
    return e;
}

struct sql_node *
sql_node_of(struct sql_build *b, const struct kql_op *op)
{
    struct sql_node *node = node_make(b, op);
    struct look l = {b, node};
    const struct sql_visit visit = {&l, look_at_op, look_at_sub, look_at_expr};

    if (node->is_looked_at)
        return node;
    node->is_looked_at = true;
    node->reads_input = op->kind == KQL_ROWS_INPUT;
    node->reads_table = op->kind == KQL_ROWS_TABLE;
    sql_walk(b->pool, &visit, op);
    if (op->kind == KQL_OP_FORK) /* its branches' input is its own, as in a sub-plan */
        node->reads_input = op->input != NULL && sql_node_of(b, op->input)->reads_input;
    return node;
}

/* ---- carrying ---- */

static const struct {
    sql_carrier *carry;
    const char *name;
} operators[] = {
    [KQL_ROWS_TABLE] = {sql_table_step,           "table"                  },
    [KQL_ROWS_INLINE] = {sql_inline_step,          "datatable"              },
    [KQL_ROWS_PRINT] = {sql_print_step,           "print"                  },
    [KQL_ROWS_RANGE] = {sql_range_step,           "range"                  },
    [KQL_ROWS_INPUT] = {sql_input_step,           "the rows of a sub-query"},
    [KQL_ROWS_UNION] = {sql_union_step,           "union"                  },
    [KQL_ROWS_EXTERNAL] = {sql_external_step,        "external data"          },
    [KQL_OP_WHERE] = {sql_where_step,           "where"                  },
    [KQL_OP_PROJECT] = {sql_project_step,         "project"                },
    [KQL_OP_SUMMARIZE] = {sql_summarize_step,       "summarize"              },
    [KQL_OP_SORT] = {sql_sort_step,            "sort"                   },
    [KQL_OP_TOP] = {sql_sort_step,            "top"                    },
    [KQL_OP_TAKE] = {sql_take_step,            "take"                   },
    [KQL_OP_COUNT_ROWS] = {sql_count_step,           "count"                  },
    [KQL_OP_SAMPLE] = {sql_sample_step,          "sample"                 },
    [KQL_OP_SAMPLE_DISTINCT] = {sql_sample_distinct_step, "sample-distinct"        },
    [KQL_OP_JOIN] = {sql_join_step,            "join"                   },
    [KQL_OP_MV_EXPAND] = {sql_expand_step,          "mv-expand"              },
    [KQL_OP_MV_APPLY] = {sql_apply_step,           "mv-apply"               },
    [KQL_OP_PARSE_TEXT] = {sql_parse_step,           "parse"                  },
    [KQL_OP_PARSE_PAIRS] = {sql_parse_step,           "parse-kv"               },
    [KQL_OP_SERIES] = {sql_series_step,          "make-series"            },
    [KQL_OP_PARTITION] = {sql_partition_step,       "partition"              },
    [KQL_OP_SCAN] = {NULL,                     "scan"                   },
    [KQL_OP_TOP_NESTED] = {sql_nested_step,          "top-nested"             },
    [KQL_OP_TOP_HITTERS] = {sql_hitters_step,         "top-hitters"            },
    [KQL_OP_PLUGIN] = {NULL,                     "evaluate"               },
    [KQL_OP_REDUCE] = {NULL,                     "reduce"                 },
    [KQL_OP_FORK] = {NULL,                     "fork"                   },
    [KQL_OP_SERIALIZE_ROWS] = {sql_pass_step,            "serialize"              },
    [KQL_OP_MATERIALIZE] = {sql_pass_step,            "materialize"            },
    [KQL_OP_RENDER] = {sql_pass_step,            "render"                 },
};

const char *
sql_op_name(enum kql_op_kind kind)
{
    return operators[kind].name;
}

static bool
is_possible(struct sql_build *b, const struct sql_node *node)
{
    const struct kql_op *op = node->op;

    if (b->o->tables_only && op->kind != KQL_ROWS_TABLE)
        return sql_refuse(b, "only tables are read by SQL here");
    if (operators[op->kind].carry == NULL)
        return sql_refuse(b, "%s has no SQL", operators[op->kind].name);
    if (node->reads_input && b->rows == NULL)
        return sql_refuse(b, "it reads the rows of the sub-query that it stands in");
    if (node->asks_input)
        return sql_refuse(b, "it asks for a value of each run of the sub-query");
    if (node->is_forbidden)
        return sql_refuse(b, "what is materialized is wanted in several places");
    if (op->kind == KQL_OP_RENDER && (op == b->root || node->is_shown))
        return sql_refuse(b, "it says how the answer is shown");
    if (op->schema.is_open)
        return sql_refuse(b, "its columns are not known");
    if (op->schema.count == 0)
        return sql_refuse(b, "it has no columns");
    if (op->schema.count > SQL_COLUMNS_MAX)
        return sql_refuse(b, "it has more than %d columns", SQL_COLUMNS_MAX);
    return true;
}

static bool
is_small(struct sql_build *b, const struct sql_step *step)
{
    if (step->depth > SQL_DEPTH_MAX)
        return sql_refuse(b, "more than %d operators follow each other", SQL_DEPTH_MAX);
    if (step->text.n > SQL_TEXT_MAX / 2)
        return sql_refuse(b, "its SQL is too long");
    return true;
}

static bool
is_in_one_place(struct sql_build *b, const struct sql_step *step)
{
    return !step->has_places || sql_refuse(b, "it reads tables of several workspaces");
}

void
sql_stand_for(struct sql_build *b, const struct kql_op *op, struct sql_step *step)
{
    struct sql_node *node = node_make(b, op);

    node->is_looked_at = node->is_tried = true;
    node->step = step;
}

struct sql_step *
sql_carry(struct sql_build *b, const struct kql_op *op)
{
    struct sql_node *node = sql_node_of(b, op);
    sql_carrier *carry = operators[op->kind].carry;
    struct sql_step *step;

    if (node->is_tried)
        return node->step;
    node->is_tried = true;
    if (!is_possible(b, node)) {
        node->why = b->why;
        return NULL;
    }
    step = pool_zeroed(b->pool, 1, sizeof *step);
    step->op = op;
    step->id = ++b->step_count;
    step->text.pool = b->pool;
    step->is_repeatable = true;
    step->is_volatile = node->is_volatile;
    if (!(node->has_windows ? sql_window_step(b, step, op, carry) : carry(b, step, op)) ||
        !is_in_one_place(b, step) || !is_small(b, step)) {
        node->why = b->why;
        return NULL;
    }
    if (node->reads_input && step->runs == NULL) {
        sql_refuse(b, "%s by the runs of a sub-query has no SQL", operators[op->kind].name);
        node->why = b->why;
        return NULL;
    }
    step->is_repeatable = step->is_repeatable && !step->is_volatile;
    if (op->kind == KQL_OP_SUMMARIZE || op->kind == KQL_OP_COUNT_ROWS)
        step->groupings++;
    if (op->kind == KQL_OP_MATERIALIZE && b->o->keeps_materialized && !step->is_repeatable) {
        sql_refuse(b, "what is materialized is wanted in several places");
        node->why = b->why;
        return NULL;
    }
    node->step = step;
    return step;
}

struct sql_step *
sql_input(struct sql_build *b, const struct kql_op *op)
{
    struct sql_step *step = sql_carry(b, op->input);

    if (step == NULL)
        sql_refuse(b, "what it reads comes from the row engine");
    return step;
}

uint32_t
sql_use(struct sql_build *b, struct sql_step *step, struct sql_step *input)
{
    step->inputs = pool_grow(b->pool, step->inputs, &step->input_room, step->input_count + 1,
                             sizeof(struct sql_step *));
    step->inputs[step->input_count++] = input;
    if (input->depth + 1 > step->depth)
        step->depth = input->depth + 1;
    if (input->groupings % SQL_GROUPINGS_MAX > step->groupings)
        step->groupings = input->groupings % SQL_GROUPINGS_MAX;
    step->is_repeatable = step->is_repeatable && input->is_repeatable;
    step->has_places |= input->has_places || (input->place != NULL && step->place != NULL &&
                                              input->place != step->place);
    if (input->place != NULL)
        step->place = input->place;
    return input->id;
}

/* ---- parts ---- */

/* NULL: too large. */
static const struct kql_op *
part_make(struct sql_build *b, struct sql_step *root)
{
    const struct sql_part *part = sql_statement(b, root);
    struct sql_rest *out;

    if (part == NULL)
        return NULL;
    out = pool_zeroed(b->pool, 1, sizeof *out);
    out->op = *root->op;
    out->op.kind = KQL_ROWS_TABLE;
    out->op.origin = root->op->origin != NULL ? root->op->origin : root->op;
    out->op.input = NULL;
    out->op.weight = 1;
    memset(&out->op.u, 0, sizeof out->op.u);
    out->op.u.table.name =
        root->op->kind == KQL_ROWS_TABLE ? root->op->u.table.name : (struct span){"", 0};
    out->op.u.table.handle = part;
    out->op.u.table.whole = part->schema;
    b->parts =
        pool_grow(b->pool, b->parts, &b->part_room, b->part_count + 1, sizeof(struct sql_step *));
    b->parts[b->part_count++] = root;
    return &out->op;
}

/* ---- what is left ---- */

static const struct kql_op *
rest_op(void *context, const struct kql_op *op)
{
    return sql_rest_of(context, op);
}

static const struct kql_op *
rest_sub(void *context, const struct kql_op *op)
{
    struct sql_build *b = context;
    const struct kql_op *out;

    b->inside++;
    out = sql_rest_of(b, op);
    b->inside--;
    return out;
}

const struct kql_expr *
sql_rest_expr(struct sql_build *b, const struct kql_expr *e)
{
    const struct sql_visit visit = {.context = b, .op = rest_op};

    return sql_walk_tables(b->pool, &visit, e);
}

static const struct kql_expr *
rest_expr(void *context, const struct kql_expr *e)
{
    return sql_rest_expr(context, e);
}

/* A part in a sub-plan is run once, not once for each of the sub-plan's runs. */
static const struct kql_op *
hold(struct sql_build *b, struct sql_node *node, const struct kql_op *op)
{
    struct sql_rest *out;

    if (node->held != NULL)
        return node->held;
    out = pool_zeroed(b->pool, 1, sizeof *out);
    out->op = *op;
    out->op.kind = KQL_OP_MATERIALIZE;
    out->op.origin = NULL;
    out->op.input = op;
    memset(&out->op.u, 0, sizeof out->op.u);
    out->why = SPAN_LITERAL("what a sub-query reads is read once");
    node->held = &out->op;
    return node->held;
}

/* Statements without a table in them are worth while only when nothing is left beside them. */
static const struct kql_op *
part_of(struct sql_build *b, struct sql_node *node)
{
    const struct kql_op *part = NULL;
    struct sql_step *step;

    if (node->reads_input) { /* not by itself */
        node->why = node->is_tried ? node->why
                                   : SPAN_LITERAL("it reads the rows of the sub-query that it "
                                                  "stands in");
        return NULL;
    }
    if (!node->reads_table && !b->o->carries_all && (node->op != b->root || b->inside > 0)) {
        node->why = SPAN_LITERAL("no table lies below");
        return NULL;
    }
    if (node->op->kind == KQL_OP_MATERIALIZE && node->op != b->root) {
        node->why = SPAN_LITERAL("its rows are kept for several");
        return NULL;
    }
    step = sql_carry(b, node->op);
    if (step != NULL)
        part = part_make(b, step);
    if (step != NULL && part == NULL)
        node->why = SPAN_LITERAL("its SQL is too long");
    return part;
}

const struct kql_op *
sql_rest_of(struct sql_build *b, const struct kql_op *op)
{
    struct sql_node *node = sql_node_of(b, op);
    const struct sql_visit visit = {b, rest_op, rest_sub, rest_expr};
    uint32_t inside = b->inside;
    struct sql_rest *out;

    if (node->rest == NULL) {
        if (!node->reads_input)
            b->inside = 0;
        node->rest = part_of(b, node);
        if (node->rest == NULL) {
            out = pool_zeroed(b->pool, 1, sizeof *out);
            if (op->kind == KQL_OP_FORK && sql_fork(b, op, &out->op))
                node->why = SPAN_LITERAL("its branches are answers of their own");
            else
                out->op = sql_walk(b->pool, &visit, op);
            out->op.origin = op->origin != NULL ? op->origin : op;
            out->why = node->why;
            node->rest = &out->op;
        }
        b->inside = inside;
    }
    if (inside > 0 && !node->reads_input && node->reads_table && !node->is_volatile)
        return hold(b, node, node->rest);
    return node->rest;
}

/* ---- materialized things that several want ---- */

/* A materialized operator that is in two statements, whose rows need not be the same in both; NULL: there is none. */
static const struct kql_op *
torn(struct sql_build *b)
{
    for (size_t i = 0; i < b->slot_count; i++) {
        const struct sql_node *node = b->slots[i];
        uint32_t count;

        if (node == NULL || node->op->kind != KQL_OP_MATERIALIZE || node->step == NULL ||
            node->step->is_repeatable)
            continue;
        count = node->rest != NULL;
        for (size_t k = 0; k < b->part_count; k++)
            count += sql_statement_holds(b, b->parts[k], node->step);
        if (count > 1)
            return node->op;
    }
    return NULL;
}

const struct kql_op *
sql_split(const struct sql_options *o, const struct kql_op *plan)
{
    struct sql_list forbidden = {NULL, 0, 0};

    for (;;) {
        struct sql_build b = {.o = o, .pool = o->pool, .root = plan};
        const struct kql_op *out, *shared;

        for (size_t i = 0; i < forbidden.count; i++)
            node_make(&b, forbidden.items[i])->is_forbidden = true;
        out = sql_rest_of(&b, plan);
        shared = torn(&b);
        if (shared == NULL)
            return out;
        sql_list_add(o->pool, &forbidden, shared);
    }
}
