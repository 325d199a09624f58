/* bind_op_source.c - tabular sources: datatable, externaldata, print, range, and lists of tables
 * with their wildcards. */
#include "kql/bind_op_inner.h"
#include <strings.h>

/* ---- datatable ---- */

/* A value as a column of that type holds it: what does not convert is null, as in the service. */
static struct kql_value
cell_of(struct bind *b, const struct kql_value *v, enum kql_type type)
{
    struct kql_value out;

    if (type == KQL_DYNAMIC || (v->type == type && !v->is_null))
        return *v;
    if (v->is_null)
        return kql_null(type);
    if (type == KQL_STRING)
        return kql_to_text(b->pool, v->type, v);
    out = kql_convert(b->pool, v->type, v, type);
    return out.is_null ? kql_null(type) : out;
}

const struct kql_op *
bind_datatable(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct kql_schema schema = bind_op_schema(b, bind_op_child(s, 0));
    uint32_t count = s->child_count > 0 ? s->child_count - 1 : 0;
    struct kql_op *op = bind_op_make(b, KQL_ROWS_INLINE, s, NULL, schema);
    struct kql_value *cells = pool_take(b->pool, (count + 1) * sizeof *cells);

    (void)input;
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_syntax *c = s->children[i + 1];
        enum kql_type type =
            schema.count > 0 ? schema.columns[i % schema.count].type : (enum kql_type)KQL_DYNAMIC;
        struct kql_value v;

        cells[i] = kql_null(type);
        if (c == NULL || c->kind == SYN_MISSING)
            continue;
        if (c->kind != SYN_LITERAL && c->kind != SYN_UNARY) {
            kql_complain(b->d, KQL_E_CONSTANT, c->at, c->size,
                         "the values of a datatable are literals");
            continue;
        }
        if (bind_constant(b, c, KQL_UNKNOWN, "a value of datatable", &v))
            cells[i] = cell_of(b, &v, type);
    }
    if (schema.count == 0) {
        if (b->d->error_count == 0)
            kql_complain(b->d, KQL_E_SYNTAX, s->at, s->size, "a datatable wants columns");
        return op;
    }
    if (count % schema.count != 0)
        kql_complain(b->d, KQL_E_VALUE, s->at, s->size, "%u values do not fill rows of %u columns",
                     (unsigned)count, (unsigned)schema.count);
    op->u.rows.cells = cells;
    op->u.rows.row_count = count / schema.count;
    return op;
}

/* ---- externaldata ---- */

/* Names of its properties count in any case; those that are not known are passed over, as in the service. */
static const struct kql_option *
external_option(const struct kql_syntax *s, const char *name)
{
    for (uint32_t i = 0; i < s->option_count; i++)
        if (s->options[i].name.n == strlen(name) &&
            strncasecmp(s->options[i].name.p, name, strlen(name)) == 0)
            return &s->options[i];
    return NULL;
}

/* true, also "true" */
static bool
external_flag(struct bind *b, const struct kql_option *o)
{
    const struct kql_syntax *value = o != NULL ? o->value : NULL;
    struct span word = bind_option_word(o);

    if (o == NULL)
        return false;
    if (word.n == 4 && strncasecmp(word.p, "true", 4) == 0)
        return true;
    if (word.n == 5 && strncasecmp(word.p, "false", 5) == 0)
        return false;
    if (value != NULL && value->kind == SYN_LITERAL && !value->value.is_null &&
        (value->value.type == KQL_BOOL || value->value.type == KQL_LONG))
        return value->value.i != 0;
    kql_complain(b->d, KQL_E_OPTION, o->at, o->size, "%.*s= takes true or false", (int)o->name.n,
                 o->name.p);
    return false;
}

/* csv or "csv"; empty: not said. */
static struct span
external_text(struct bind *b, const struct kql_option *o)
{
    struct span word = bind_option_word(o);
    struct kql_value v;

    if (o == NULL || word.p != NULL || o->value == NULL)
        return word.p != NULL ? word : (struct span){"", 0};
    return bind_constant(b, o->value, KQL_STRING, "the format", &v) ? kql_text(&v)
                                                                    : (struct span){"", 0};
}

const struct kql_op *
bind_externaldata(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    uint32_t count = s->child_count > 0 ? s->child_count - 1 : 0;
    struct kql_external_place *places = pool_zeroed(b->pool, count + 1, sizeof *places);
    struct kql_op *op =
        bind_op_make(b, KQL_ROWS_EXTERNAL, s, NULL, bind_op_schema(b, bind_op_child(s, 0)));

    (void)input;
    b->reads_external = true;
    op->u.external.places = places;
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_syntax *c = s->children[i + 1];
        const struct kql_expr *e;

        if (c == NULL || c->kind == SYN_MISSING)
            continue;
        e = bind_expr_as(b, c, KQL_STRING, "a place of externaldata");
        if (e->kind == KQL_EXPR_CONST && e->type == KQL_STRING)
            places[op->u.external.place_count++] =
                (struct kql_external_place){kql_text(&e->value), e->is_concealed};
        else if (e->type != KQL_UNKNOWN)
            kql_complain(b->d, KQL_E_CONSTANT, c->at, c->size,
                         "a place of externaldata must be a constant");
    }
    op->u.external.format = external_text(b, external_option(s, "format"));
    op->u.external.ignores_first = external_flag(b, external_option(s, "ignoreFirstRecord"));
    op->u.external.has_mapping = external_option(s, "ingestionMapping") != NULL ||
                                 external_option(s, "ingestionMappingReference") != NULL;
    return op;
}

/* ---- print ---- */

const struct kql_op *
bind_print(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    struct bind_columns c;
    struct kql_op *op;

    (void)input;
    bind_columns_init(&c, b, NAMING_PRINT);
    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *item = s->children[i];

        if (item != NULL)
            bind_columns_add(&c, item, bind_expr(b, bind_op_value(item)));
    }
    op = bind_op_make(b, KQL_ROWS_PRINT, s, NULL, bind_columns_schema(&c));
    op->u.project.form = KQL_FORM_PRINT;
    op->u.project.exprs = c.exprs;
    return op;
}

/* ---- range ---- */

static bool
is_summable(enum kql_type t)
{
    return kql_type_is_number(t) || t == KQL_DATETIME || t == KQL_TIMESPAN;
}

static const struct kql_expr *
range_part(struct bind *b, const struct kql_syntax *s, const char *what)
{
    const struct kql_expr *e;

    if (s == NULL)
        return bind_unknown(b, s);
    e = bind_expr(b, s);
    if (bind_op_is_good(e) && e->type == KQL_DYNAMIC) { /* of a parsed value, say */
        const struct kql_expr *l = bind_convert(b, e, KQL_LONG);

        return l != NULL ? l : e;
    }
    if (bind_op_is_good(e) && !is_summable(e->type)) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                     "the %s of range is a %s: wanted are a number, datetime or timespan", what,
                     kql_type_name(e->type));
        return bind_unknown(b, s);
    }
    return e;
}

/* The type of the column: that of from + step. */
static enum kql_type
range_type(enum kql_type from, enum kql_type to, enum kql_type step)
{
    enum kql_type ends = bind_common_type(from, to);

    if (from == KQL_INT && to == KQL_INT && step == KQL_INT)
        return KQL_INT;
    if (ends == KQL_DATETIME || ends == KQL_TIMESPAN)
        return step == KQL_TIMESPAN ? ends : KQL_UNKNOWN;
    if (!kql_type_is_number(ends) || !kql_type_is_number(step))
        return KQL_UNKNOWN;
    ends = bind_common_type(ends, step);
    return ends == KQL_INT ? KQL_LONG : ends;
}

static const struct kql_expr *
converted(struct bind *b, const struct kql_expr *e, enum kql_type type)
{
    const struct kql_expr *c = e->type == type ? e : bind_convert(b, e, type);

    return c != NULL ? c : e;
}

const struct kql_op *
bind_range(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *step_at = bind_op_child(s, 2);
    const struct kql_expr *from = range_part(b, bind_op_child(s, 0), "start");
    const struct kql_expr *to = range_part(b, bind_op_child(s, 1), "end");
    const struct kql_expr *step = range_part(b, step_at, "step");
    struct kql_column *column = pool_take(b->pool, sizeof *column);
    enum kql_type type = KQL_UNKNOWN;
    struct kql_op *op;

    (void)input;
    if (bind_op_is_good(from) && bind_op_is_good(to) && bind_op_is_good(step)) {
        type = range_type(from->type, to->type, step->type);
        if (type == KQL_UNKNOWN)
            kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                         "a range from %s to %s has no step of %s", kql_type_name(from->type),
                         kql_type_name(to->type), kql_type_name(step->type));
    }
    *column = (struct kql_column){s->name, (uint8_t)(type == KQL_UNKNOWN ? KQL_LONG : type)};
    op = bind_op_make(b, KQL_ROWS_RANGE, s, NULL, (struct kql_schema){column, 1, false});
    if (type != KQL_UNKNOWN) {
        from = converted(b, from, type);
        to = converted(b, to, type);
        step = converted(b, step, type == KQL_DATETIME ? KQL_TIMESPAN : type);
        if (step->kind == KQL_EXPR_CONST && !step->value.is_null &&
            (step->type == KQL_REAL ? step->value.r == 0
             : step->type == KQL_DECIMAL
                 ? step->value.decimal->high == 0 && step->value.decimal->low == 0
                 : step->value.i == 0))
            kql_complain(b->d, KQL_E_VALUE, step_at->at, step_at->size,
                         "a range cannot step by zero");
    }
    op->u.range.from = from;
    op->u.range.to = to;
    op->u.range.step = step;
    return op;
}

/* ---- lists of tables ---- */

/* What bind_environment_table makes of a name. */
static bool
is_one_name(const struct bind *b, const struct kql_op *op)
{
    const struct kql_op *const *inputs = op->u.join_union.inputs;

    if (bind_context_count(b) == 1 || op->u.join_union.sources != NULL)
        return false;
    for (uint32_t i = 0; i < op->u.join_union.count; i++)
        if (inputs[i]->kind != KQL_ROWS_TABLE ||
            !span_equal(inputs[i]->u.table.name, inputs[0]->u.table.name))
            return false;
    return op->u.join_union.count > 0;
}

struct span
bind_table_name(struct bind *b, const struct kql_syntax *s, const struct kql_op *op)
{
    if (op->kind == KQL_ROWS_TABLE)
        return op->u.table.name;
    if (op->kind == KQL_ROWS_UNION && is_one_name(b, op)) /* of several places */
        return op->u.join_union.inputs[0]->u.table.name;
    if (s != NULL && (s->kind == SYN_NAME || s->kind == SYN_CALL)) {
        const struct bind_symbol *symbol = bind_find_symbol(b, s->name);

        if (symbol != NULL && symbol->kind == SYMBOL_FUNCTION && symbol->function != NULL &&
            (symbol->function->op & 1) != 0)
            return symbol->name;
    }
    for (const struct bind_symbol *i = b->symbols; i != NULL; i = i->older)
        if (i->kind == SYMBOL_TABLE && i->table == op && i->function != NULL &&
            i->function->kind == SYN_AS)
            return i->name;
    return (struct span){NULL, 0};
}

void
bind_tables_put(struct bind_tables *t, const struct kql_op *table, struct span name)
{
    struct pool *p = t->b->pool;

    t->items = pool_grow(p, t->items, &t->item_room, t->count + 1, sizeof *t->items);
    t->names = pool_grow(p, t->names, &t->name_room, t->count + 1, sizeof *t->names);
    if (name.n == 0)
        name = pool_printf(p, "%s%zu", t->unnamed != NULL ? t->unnamed : "union_arg", t->count);
    t->items[t->count] = table;
    t->names[t->count++] = name;
}

/* let V = view () { ... }: a view that takes nothing is a table to wildcards. */
static void
add_views(struct bind_tables *t, const struct kql_syntax *pattern, const struct kql_syntax *at)
{
    for (const struct bind_symbol *v = t->b->symbols; v != NULL; v = v->older) {
        const struct kql_syntax *parameters =
            v->kind == SYMBOL_FUNCTION ? bind_op_child(v->function, 0) : NULL;
        struct bind_called called;

        if (v->kind != SYMBOL_FUNCTION || v->function == NULL || (v->function->op & 1) == 0 ||
            (parameters != NULL && parameters->child_count > 0) ||
            (pattern != NULL && !bind_matches_wildcard(pattern->name, v->name)))
            continue;
        called = bind_call_symbol(t->b, v, at);
        if (called.table != NULL)
            bind_tables_put(t, called.table, v->name);
    }
}

static void
add_tables_in(struct bind_tables *t, void *context, struct span prefix,
              const struct kql_syntax *pattern, const struct kql_syntax *at, bool is_empty)
{
    const struct kql_environment *e = t->b->environment;
    struct kql_table table;

    for (size_t i = 0; e->table_at != NULL && e->table_at(context, i, &table); i++) {
        pool_check(t->b->pool);
        if (table.has_no_rows || table.is_empty != is_empty ||
            (pattern != NULL && !bind_matches_wildcard(pattern->name, table.name)))
            continue;
        if (prefix.n > 0)
            table.name = pool_printf(t->b->pool, "%.*s%.*s", (int)prefix.n, prefix.p,
                                     (int)table.name.n, table.name.p);
        bind_tables_put(t, bind_table_of(t->b, &table, at), table.name);
    }
}

static void
add_tables(struct bind_tables *t, const struct kql_syntax *pattern, const struct kql_syntax *at,
           bool is_empty)
{
    for (uint32_t i = 0; i < bind_context_count(t->b); i++)
        add_tables_in(t, bind_context_at(t->b, i), SPAN_LITERAL(""), pattern, at, is_empty);
}

/* Tables of the environment that match; NULL: all of them. */
static bool
add_matching(struct bind_tables *t, const struct kql_syntax *pattern, const struct kql_syntax *at)
{
    size_t before = t->count;

    add_tables(t, pattern, at, false);
    add_views(t, pattern, at);
    if (t->count == before)
        add_tables(t, pattern, at, true);
    return t->count > before;
}

/* The same of workspace("x").Device* */
static bool
add_elsewhere(struct bind_tables *t, const struct kql_syntax *s, bool is_quiet)
{
    size_t before = t->count;
    struct bind_place place;

    if (!bind_place_find(t->b, s, is_quiet, &place))
        return true;
    add_tables_in(t, place.context, place.prefix, place.name, s, false);
    if (t->count == before)
        add_tables_in(t, place.context, place.prefix, place.name, s, true);
    return t->count > before;
}

/* The table that an expression starts with is not there: what isfuzzy forgives. */
static bool
is_missing(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_environment *e = b->environment;
    struct bind_place place;
    struct kql_table table;

    while (s != NULL && s->kind == SYN_PIPE)
        s = bind_op_child(s, 0);
    if (bind_names_place(s))
        return !bind_place_find(b, s, true, &place) ||
               (bind_op_is_plain_name(place.name) &&
                !e->table(place.context, place.name->name, &table));
    if (!bind_op_is_plain_name(s) || bind_find_symbol(b, s->name) != NULL)
        return false;
    if (e->source != NULL && span_is(s->name, "source"))
        return false;
    if (bind_has_table(b, s->name))
        return false;
    return !bind_is_tabular(b, s);
}

void
bind_tables_add(struct bind_tables *t, const struct kql_syntax *s, bool is_fuzzy)
{
    const struct kql_op *op;

    if (s == NULL || s->kind == SYN_MISSING)
        return;
    if (bind_names_place(s) && s->children[1] != NULL && s->children[1]->kind == SYN_NAME &&
        (s->children[1]->op & 2) != 0) {
        if (!add_elsewhere(t, s, is_fuzzy) && !is_fuzzy)
            kql_complain(t->b->d, KQL_E_TABLE, s->at, s->size, "no table there matches '%.*s'",
                         (int)s->children[1]->name.n, s->children[1]->name.p);
        return;
    }
    if (s->kind == SYN_STAR || (s->kind == SYN_NAME && (s->op & 2) != 0)) {
        if (!add_matching(t, s->kind == SYN_STAR ? NULL : s, s) && !is_fuzzy)
            kql_complain(t->b->d, KQL_E_TABLE, s->at, s->size, "no table matches '%.*s'",
                         s->kind == SYN_STAR ? 1 : (int)s->name.n,
                         s->kind == SYN_STAR ? "*" : s->name.p);
        return;
    }
    if (is_fuzzy && is_missing(t->b, s))
        return;
    op = bind_op_table(t->b, s);
    bind_tables_put(t, op, bind_table_name(t->b, s, op));
}

void
bind_tables_all(struct bind_tables *t, const struct kql_syntax *at)
{
    (void)add_matching(t, NULL, at);
}
