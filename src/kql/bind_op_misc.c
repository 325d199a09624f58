/* bind_op_misc.c - operators on rows and answers as a whole: sort, top, take, count, sample,
 * partition, getschema, reduce, facet, fork, render, as, invoke ... */
#include "kql/bind_op_inner.h"

/* ---- sort, top ---- */

static struct kql_sort_key
bind_sort_key(struct bind *b, const struct kql_syntax *s, bool takes_dynamic)
{
    const struct kql_syntax *value = s->kind == SYN_ORDERED ? bind_op_child(s, 0) : s;
    uint32_t order = s->kind == SYN_ORDERED ? s->op : 0;
    bool is_descending = (order & KQL_ORDER_ASC) == 0;
    struct kql_sort_key key = {.expr = bind_expr(b, bind_op_value(value)),
                               .is_descending = is_descending};

    key.nulls_first = (order & KQL_ORDER_NULLS_FIRST) != 0 ||
                      ((order & KQL_ORDER_NULLS_LAST) == 0 && !is_descending);
    if (!takes_dynamic)
        bind_op_not_dynamic(b, value, key.expr, "what is sorted by");
    return key;
}

const struct kql_op *
bind_sort(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_op *op = bind_op_make(b, KQL_OP_SORT, s, input, input->schema);
    struct kql_sort_key *keys = pool_take(b->pool, (s->child_count + 1) * sizeof *keys);
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->child_count; i++)
        if (s->children[i] != NULL && s->children[i]->kind != SYN_MISSING)
            keys[count++] = bind_sort_key(b, s->children[i], false);
    op->u.sort.keys = keys;
    op->u.sort.key_count = count;
    return op;
}

const struct kql_op *
bind_top(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_op *op = bind_op_make(b, KQL_OP_TOP, s, input, input->schema);
    struct kql_sort_key *key = pool_take(b->pool, sizeof *key);
    const struct kql_syntax *by = bind_op_child(s, 1);

    op->u.sort.limit = bind_op_count(b, bind_op_child(s, 0), "the first of top");
    if (by != NULL && by->kind != SYN_MISSING) {
        *key = bind_sort_key(b, by, true);
        op->u.sort.key_count = 1;
    }
    op->u.sort.keys = key;
    if (s->child_count > 2 && s->children[2] != NULL)
        kql_complain(b->d, KQL_E_SYNTAX, s->children[2]->at, s->children[2]->size,
                     "top sorts by one expression; for more use sort and take");
    return op;
}

/* ---- numbers of rows ---- */

const struct kql_op *
bind_take(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_op *op = bind_op_make(b, KQL_OP_TAKE, s, input, input->schema);

    op->u.limit.count = bind_op_count(b, bind_op_child(s, 0), "what take takes");
    return op;
}

const struct kql_op *
bind_sample(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_op *op = bind_op_make(b, KQL_OP_SAMPLE, s, input, input->schema);

    op->u.limit.count = bind_op_count(b, bind_op_child(s, 0), "what sample takes");
    return op;
}

const struct kql_op *
bind_sample_distinct(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *of = bind_op_child(s, 1);
    const struct kql_expr *count =
        bind_op_count(b, bind_op_child(s, 0), "what sample-distinct takes");
    const struct kql_expr *e = bind_expr(b, of);
    struct kql_column *column = pool_take(b->pool, sizeof *column);
    struct span name;
    struct kql_op *op;

    if (bind_op_is_good(e) && e->kind != KQL_EXPR_COLUMN)
        kql_complain(b->d, KQL_E_COLUMN, of->at, of->size, "sample-distinct is of a column");
    bind_op_not_dynamic(b, of, e, "what is sampled");
    name = bind_name_of(b, of, e);
    *column = (struct kql_column){name.n > 0 ? name : SPAN_LITERAL("Column1"), e->type};
    op = bind_op_make(b, KQL_OP_SAMPLE_DISTINCT, s, input, (struct kql_schema){column, 1, false});
    op->u.limit.count = count;
    op->u.limit.expr = e;
    return op;
}

const struct kql_op *
bind_count(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_column *column = pool_take(b->pool, sizeof *column);

    *column = (struct kql_column){s->name.n > 0 ? s->name : SPAN_LITERAL("Count"), KQL_LONG};
    return bind_op_make(b, KQL_OP_COUNT_ROWS, s, input, (struct kql_schema){column, 1, false});
}

/* ---- partition ---- */

/* In { } the sub-query has a source of its own, and the key's name stands for the key: the first
 * cell of the rows that it is run for. */
static const struct kql_op *
bind_braces(struct bind *b, const struct kql_syntax *s, const struct kql_expr *key,
            const struct kql_schema *schema)
{
    struct kql_op *rows = bind_op_make(b, KQL_ROWS_INPUT, s, NULL, *schema), *project;
    struct bind_symbol *symbol = pool_zeroed(b->pool, 1, sizeof *symbol);
    struct kql_expr *first = pool_zeroed(b->pool, 1, sizeof *first);
    const struct kql_expr **exprs = pool_take(b->pool, sizeof *exprs);
    const struct kql_op *sub;

    if (!bind_op_is_good(key) || key->kind != KQL_EXPR_COLUMN)
        return bind_op_table(b, s);
    exprs[0] = key;
    project = bind_op_make(b, KQL_OP_PROJECT, s, rows,
                           (struct kql_schema){&schema->columns[key->column], 1, false});
    project->u.project.exprs = exprs;
    *first = (struct kql_expr){.kind = KQL_EXPR_TO_SCALAR,
                               .type = key->type,
                               .at = key->at,
                               .size = key->size,
                               .result_count = 1,
                               .table = project};
    *symbol = (struct bind_symbol){.older = b->symbols,
                                   .name = schema->columns[key->column].name,
                                   .kind = SYMBOL_SCALAR,
                                   .expr = first};
    b->symbols = symbol;
    sub = bind_op_table(b, s);
    b->symbols = symbol->older;
    return sub;
}

const struct kql_op *
bind_partition(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *by = bind_op_child(s, 0), *query = bind_op_child(s, 1);
    const struct kql_expr *key = bind_expr(b, by);
    const struct kql_op *sub;
    struct kql_op *op;

    if (bind_op_is_good(key)) {
        if (key->kind != KQL_EXPR_COLUMN)
            kql_complain(b->d, KQL_E_COLUMN, by->at, by->size, "partition is by a column");
        bind_op_not_dynamic(b, by, key, "what is partitioned by");
    }
    if (query == NULL)
        return bind_op_nothing(b, s);
    sub = (s->op & 1) != 0 ? bind_braces(b, query, key, &input->schema)
                           : bind_op_sub(b, query, input->schema, input->is_serialized);
    op = bind_op_make(b, KQL_OP_PARTITION, s, input, sub->schema);
    op->u.partition.key = key;
    op->u.partition.sub = sub;
    bind_op_weigh(b, op, s, sub);
    return op;
}

/* ---- getschema ---- */

static struct kql_schema
fixed_schema(struct bind *b, const struct kql_column *columns, uint32_t count)
{
    struct kql_column *copy = pool_take(b->pool, count * sizeof *copy);

    memcpy(copy, columns, count * sizeof *copy);
    return (struct kql_schema){copy, count, false};
}

static const struct kql_op *
getschema_csl(struct bind *b, const struct kql_syntax *s, const struct kql_schema *of)
{
    const struct kql_column column = {SPAN_LITERAL("Schema"), KQL_STRING};
    struct kql_op *op = bind_op_make(b, KQL_ROWS_INLINE, s, NULL, fixed_schema(b, &column, 1));
    struct kql_value *cell = pool_take(b->pool, sizeof *cell);
    size_t size = 1, at = 0;
    char *text;

    for (uint32_t i = 0; i < of->count; i++)
        size += of->columns[i].name.n + 16;
    text = pool_take(b->pool, size);
    for (uint32_t i = 0; i < of->count; i++)
        at += (size_t)snprintf(text + at, size - at, "%s%.*s:%s", i > 0 ? "," : "",
                               (int)of->columns[i].name.n, of->columns[i].name.p,
                               kql_type_name(of->columns[i].type));
    *cell = kql_string((struct span){text, at});
    op->u.rows.cells = cell;
    op->u.rows.row_count = 1;
    return op;
}

const struct kql_op *
bind_getschema(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    static const char *const kinds[] = {"csl", NULL};
    const struct kql_column columns[] = {
        {SPAN_LITERAL("ColumnName"),    KQL_STRING},
        {SPAN_LITERAL("ColumnOrdinal"), KQL_LONG  },
        {SPAN_LITERAL("DataType"),      KQL_STRING},
        {SPAN_LITERAL("ColumnType"),    KQL_STRING},
    };
    const struct kql_schema *of = &bind_shown(b, input)->schema;
    struct kql_value *cells;
    struct kql_op *op;

    if (bind_option_choice(b, s, "kind", kinds, -1) == 0)
        return getschema_csl(b, s, of);
    op = bind_op_make(b, KQL_ROWS_INLINE, s, NULL, fixed_schema(b, columns, 4));
    cells = pool_take(b->pool, ((size_t)of->count + 1) * 4 * sizeof *cells);
    for (uint32_t i = 0; i < of->count; i++) {
        cells[4 * i] = kql_string(of->columns[i].name);
        cells[4 * i + 1] = kql_integer(KQL_LONG, i);
        cells[4 * i + 2] = kql_string(span_of(kql_type_data_type(of->columns[i].type)));
        cells[4 * i + 3] = kql_string(span_of(kql_type_name(of->columns[i].type)));
    }
    op->u.rows.cells = cells;
    op->u.rows.row_count = of->count;
    return op;
}

/* ---- reduce ---- */

const struct kql_op *
bind_reduce(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    static const char *const kinds[] = {"normal", "mining", "source", NULL};
    const struct kql_column columns[] = {
        {SPAN_LITERAL("Pattern"),        KQL_STRING},
        {SPAN_LITERAL("Count"),          KQL_LONG  },
        {SPAN_LITERAL("Representative"), KQL_STRING},
    };
    const struct kql_syntax *by = bind_op_child(s, 0);
    const struct kql_option *threshold = bind_option(s, "threshold");
    struct kql_op *op = bind_op_make(b, KQL_OP_REDUCE, s, input, fixed_schema(b, columns, 3));
    struct kql_value v;

    if (bind_option_choice(b, s, "kind", kinds, 0) == 2) {
        struct bind_list l = {.pool = b->pool};

        bind_list_all(&l, &input->schema);
        for (uint32_t i = 0; i < 3; i++)
            bind_list_add(&l, columns[i].name, columns[i].type, NULL, BIND_NO_COLUMN);
        op->schema = bind_list_schema(&l, input->schema.is_open);
        op->u.reduce.keeps_rows = true;
    }
    op->u.reduce.expr = bind_expr(b, by);
    if (bind_op_is_good(op->u.reduce.expr) && op->u.reduce.expr->type != KQL_STRING)
        kql_complain(b->d, KQL_E_TYPE, by->at, by->size, "reduce is by a string, not a %s",
                     kql_type_name(op->u.reduce.expr->type));
    op->u.reduce.threshold = 0.1;
    if (threshold != NULL && threshold->value != NULL &&
        bind_constant(b, threshold->value, KQL_REAL, "the threshold", &v) && !v.is_null) {
        op->u.reduce.threshold = v.r;
        if (!(v.r > 0 && v.r < 1))
            kql_complain(b->d, KQL_E_VALUE, threshold->value->at, threshold->value->size,
                         "the threshold lies between 0 and 1");
    }
    op->u.reduce.characters = bind_option_text(b, s, "characters", (struct span){"", 0});
    return op;
}

/* ---- facet, fork ---- */

/* count_X = count() by X, over the rows handed in. */
static const struct kql_op *
bind_one_facet(struct bind *b, const struct kql_syntax *s, const struct kql_op *input,
               const struct kql_op *rows)
{
    const struct kql_function *count = kql_function_find(SPAN_LITERAL("count"), KQL_AGGREGATE);
    const struct kql_expr **exprs = pool_take(b->pool, 3 * sizeof *exprs);
    struct bind_list l = {.pool = b->pool};
    struct kql_expr *final = pool_zeroed(b->pool, 1, sizeof *final);
    const struct kql_expr *key;
    struct kql_op *op;

    b->input = rows;
    key = bind_expr(b, s);
    b->input = input;
    if (bind_op_is_good(key) && key->kind != KQL_EXPR_COLUMN)
        kql_complain(b->d, KQL_E_COLUMN, s->at, s->size, "facet is by columns");
    bind_op_not_dynamic(b, s, key, "what facet counts by");
    bind_list_add(&l, s->name, key->type, key, 0);
    bind_list_add(&l, pool_printf(b->pool, "count_%.*s", (int)s->name.n, s->name.p), KQL_LONG, NULL,
                  0);
    op = bind_op_make(b, KQL_OP_SUMMARIZE, s, rows, bind_list_schema(&l, false));
    *final = (struct kql_expr){
        .kind = KQL_EXPR_COLUMN, .type = KQL_LONG, .column = 1, .result_count = 1};
    exprs[0] = key;
    exprs[1] = final;
    op->u.summarize.keys = exprs;
    op->u.summarize.key_count = 1;
    op->u.summarize.finals = exprs + 1;
    if (count != NULL) {
        exprs[2] = bind_call(b, count, NULL, 0, s);
        op->u.summarize.aggregates = exprs + 2;
        op->u.summarize.aggregate_count = 1;
    }
    return op;
}

static const struct kql_op *
fork_op(struct bind *b, const struct kql_syntax *s, const struct kql_op *input,
        const struct kql_op *const *branches, const struct span *names, uint32_t count)
{
    struct kql_op *op =
        bind_op_make(b, KQL_OP_FORK, s, input,
                     count > 0 ? branches[0]->schema : (struct kql_schema){NULL, 0, true});

    for (uint32_t i = 0; i < count; i++)
        bind_op_weigh(b, op, s, branches[i]);
    op->u.fork.branches = branches;
    op->u.fork.names = names;
    op->u.fork.count = count;
    return op;
}

const struct kql_op *
bind_facet(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *list = bind_op_child(s, 0), *with = bind_op_child(s, 1);
    uint32_t room = (list != NULL ? list->child_count : 0) + 1, count = 0;
    const struct kql_op **branches = pool_take(b->pool, room * sizeof(const struct kql_op *));
    struct span *names = pool_take(b->pool, room * sizeof *names);
    struct kql_op *rows = bind_op_make(b, KQL_ROWS_INPUT, s, NULL, input->schema);

    rows->is_serialized = input->is_serialized;
    if (with != NULL) {
        branches[count] = bind_op_sub(b, with, input->schema, input->is_serialized);
        names[count++] = SPAN_LITERAL("With");
    }
    for (uint32_t i = 0; list != NULL && i < list->child_count; i++) {
        const struct kql_syntax *c = list->children[i];

        if (c == NULL || c->kind == SYN_MISSING)
            continue;
        branches[count] = bind_one_facet(b, c, input, rows);
        names[count] =
            i == 0 ? SPAN_LITERAL("Facet") : pool_printf(b->pool, "Facet_%u", (unsigned)i + 1);
        count++;
    }
    return fork_op(b, s, input, branches, names, count);
}

const struct kql_op *
bind_fork(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_op **branches =
        pool_take(b->pool, (s->child_count + 1) * sizeof(const struct kql_op *));
    struct span *names = pool_take(b->pool, (s->child_count + 1) * sizeof *names);
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *c = s->children[i];

        if (c == NULL || c->kind == SYN_MISSING)
            continue;
        branches[count] = bind_op_sub(b, bind_op_value(c), input->schema, input->is_serialized);
        names[count] = c->kind == SYN_NAMED ? c->name
                       : count == 0         ? SPAN_LITERAL("Results")
                                    : pool_printf(b->pool, "Results_%u", (unsigned)count + 1);
        count++;
    }
    return fork_op(b, s, input, branches, names, count);
}

/* ---- render ---- */

static const char *const charts[] = {
    "table",       "list",        "barchart",         "piechart",
    "ladderchart", "timechart",   "linechart",        "anomalychart",
    "pivotchart",  "areachart",   "stackedareachart", "scatterchart",
    "timepivot",   "columnchart", "timeline",         "3Dchart",
    "card",        "treemap",     "plotly",           "graph",
    "sankey",      NULL,
};
static const char *const render_options[] = {
    "kind",   "title",   "accumulate", "xcolumn", "ycolumns", "anomalycolumns", "series",
    "xtitle", "ytitle",  "xaxis",      "yaxis",   "legend",   "ysplit",         "ymin",
    "ymax",   "ypanels", "by",         "with",    NULL,
};

const struct kql_op *
bind_render(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_op *op = bind_op_make(b, KQL_OP_RENDER, s, input, input->schema);
    struct kql_render_property *properties =
        pool_take(b->pool, (s->option_count + 1) * sizeof *properties);
    struct kql_nearest near = {.wanted = s->name};
    bool is_known = s->name.n == 0;

    for (size_t i = 0; charts[i] != NULL && !is_known; i++) {
        is_known = span_is(s->name, charts[i]);
        kql_nearest_offer(&near, span_of(charts[i]));
    }
    if (!is_known)
        kql_complain(
            b->d, KQL_E_OPTION, s->name_at, s->name_size,
            near.best.p != NULL ? "no chart '%.*s'; did you mean '%.*s'?" : "no chart '%.*s'%.*s",
            (int)s->name.n, s->name.p, (int)near.best.n, near.best.p != NULL ? near.best.p : "");
    bind_check_options(b, s, render_options);
    for (uint32_t i = 0; i < s->option_count; i++) {
        const struct kql_option *o = &s->options[i];
        struct span text = bind_option_word(o);

        if (text.p == NULL && o->value != NULL) { /* as it is written */
            text = kql_text_at(b->d, o->value->at);
            text.n = text.n < o->value->size ? text.n : o->value->size;
        }
        properties[i] = (struct kql_render_property){o->name, text};
    }
    op->u.render.chart = s->name;
    op->u.render.properties = properties;
    op->u.render.property_count = s->option_count;
    return op;
}

/* ---- names and functions ---- */

const struct kql_op *
bind_as(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_op *table = input;

    if (bind_option_bool(b, s, "hint.materialized", false)) {
        struct kql_op *op = bind_op_make(b, KQL_OP_MATERIALIZE, s, input, input->schema);

        op->is_serialized = input->is_serialized;
        table = op;
    }
    if (s->name.n > 0)
        bind_declare(b, (struct bind_symbol){
                            .name = s->name, .kind = SYMBOL_TABLE, .table = table, .function = s});
    return table;
}

const struct kql_op *
bind_invoke_operator(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *call = bind_op_child(s, 0);
    const struct bind_symbol *f;
    struct bind_called called;

    if (call == NULL || call->kind != SYN_CALL)
        return bind_op_nothing(b, s);
    f = bind_find_symbol(b, call->name);
    if (f == NULL)
        f = bind_find_stored(b, call);
    if (f == NULL && bind_is_foreign(call->name)) {
        const struct kql_op *foreign = bind_foreign_table(b, call, input);

        return foreign != NULL ? foreign : bind_op_nothing(b, s);
    }
    if (f == NULL || f->kind != SYMBOL_FUNCTION) {
        kql_complain(b->d, KQL_E_FUNCTION, call->at, call->size,
                     "no function '%.*s' that takes a table", (int)call->name.n, call->name.p);
        return bind_op_nothing(b, s);
    }
    called = bind_invoke(b, f, call, input);
    if (called.table != NULL)
        return called.table;
    if (called.expr != NULL)
        kql_complain(b->d, KQL_E_TYPE, call->at, call->size,
                     "function '%.*s' gives a value, not a table", (int)call->name.n, call->name.p);
    return bind_op_nothing(b, s);
}

const struct kql_op *
bind_assert_schema(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_schema wanted = bind_op_schema(b, bind_op_child(s, 0));
    const struct kql_schema *is = &input->schema;

    if (is->is_open)
        return input;
    for (uint32_t i = 0; i < wanted.count || i < is->count; i++) {
        if (i < wanted.count && i < is->count && wanted.columns[i].type == is->columns[i].type &&
            span_equal(wanted.columns[i].name, is->columns[i].name))
            continue;
        if (i >= is->count)
            kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                         "assert-schema: there is no column %u, '%.*s'", (unsigned)i + 1,
                         (int)wanted.columns[i].name.n, wanted.columns[i].name.p);
        else
            kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                         "assert-schema: column %u is '%.*s' of type %s", (unsigned)i + 1,
                         (int)is->columns[i].name.n, is->columns[i].name.p,
                         kql_type_name(is->columns[i].type));
        break;
    }
    return input;
}

/* Nothing comes out: no rows, no columns. */
const struct kql_op *
bind_consume(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_op *none = bind_op_make(b, KQL_OP_TAKE, s, input, input->schema);
    struct kql_op *op =
        bind_op_make(b, KQL_OP_PROJECT, s, none, (struct kql_schema){NULL, 0, false});

    none->u.limit.count = bind_const(b, KQL_LONG, kql_integer(KQL_LONG, 0), s);
    return op;
}

const struct kql_op *
bind_pass(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    (void)b;
    (void)s;
    return input;
}
