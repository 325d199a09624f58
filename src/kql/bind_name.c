/* bind_name.c - the columns of an operator's result and their names.
 *
 * A written name (a = x, or a plain column x) is declared: twice is an error. A made name
 * (tostring(d.a): d_a, sum(x): sum_x, else Column1) that is taken gets the next free number; under
 * extend it replaces the column of that name. The rules are those of the service's own binder
 * (design facts, section 6). */
#include "kql/bind_inner.h"

enum { NO_COLUMN = -1 };

/* ---- the names that are taken ---- */

static uint32_t
span_hash(struct span text)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 16777619u;
    return h ^ (h >> 15);
}

static void
slots_put(struct bind_columns *c, struct span name, uint32_t index)
{
    uint32_t at = span_hash(name) & (c->slot_count - 1);

    while (c->slots[at] != 0)
        at = (at + 1) & (c->slot_count - 1);
    c->slots[at] = index + 1;
}

static void
slots_grow(struct bind_columns *c)
{
    c->slot_count = c->slot_count == 0 ? 64 : c->slot_count * 2;
    c->slots = pool_zeroed(c->b->pool, c->slot_count, sizeof *c->slots);
    for (uint32_t i = 0; i < c->count; i++)
        slots_put(c, c->columns[i].name, i);
}

static int64_t
find_name(const struct bind_columns *c, struct span name)
{
    if (c->slot_count == 0)
        return NO_COLUMN;
    for (uint32_t at = span_hash(name) & (c->slot_count - 1); c->slots[at] != 0;
         at = (at + 1) & (c->slot_count - 1))
        if (span_equal(c->columns[c->slots[at] - 1].name, name))
            return c->slots[at] - 1;
    return NO_COLUMN;
}

static uint32_t
append(struct bind_columns *c, struct span name, enum kql_type type, const struct kql_expr *e)
{
    struct pool *p = c->b->pool;
    uint32_t index = (uint32_t)c->count;

    c->columns = pool_grow(p, c->columns, &c->room, c->count + 1, sizeof *c->columns);
    c->exprs = pool_grow(p, c->exprs, &c->expr_room, c->count + 1, sizeof *c->exprs);
    c->states = pool_grow(p, c->states, &c->state_room, c->count + 1, sizeof *c->states);
    /* KQL_UNKNOWN too: what follows from an error, or from open rows, is not complained of */
    c->columns[index] = (struct kql_column){name, (uint8_t)type};
    c->exprs[index] = e;
    c->states[index] = (struct bind_column_state){0};
    if ((c->count + 1) * 2 > c->slot_count)
        slots_grow(c);
    c->count++;
    slots_put(c, name, index);
    return index;
}

/* ---- adding ---- */

/* 'base' is what numbers are put behind: print's third column is print_2, if taken print_21. */
static uint32_t
add_free(struct bind_columns *c, struct span name, enum kql_type type, const struct kql_expr *e)
{
    int64_t taken = find_name(c, name);

    if (taken == NO_COLUMN)
        return append(c, name, type, e);
    for (uint32_t suffix = c->states[taken].suffix + 1;; suffix++) {
        struct span numbered =
            pool_printf(c->b->pool, "%.*s%u", (int)name.n, name.p, (unsigned)suffix);

        if (find_name(c, numbered) == NO_COLUMN) {
            c->states[taken].suffix = suffix;
            return append(c, numbered, type, e);
        }
    }
}

static void
replace(struct bind_columns *c, uint32_t index, enum kql_type type, const struct kql_expr *e)
{
    c->columns[index].type = (uint8_t)type;
    c->exprs[index] = e;
}

/* A name that the query does not write as a name: it gives way, or (extend) takes the place. */
static void
add_made(struct bind_columns *c, struct span name, enum kql_type type, const struct kql_expr *e,
         bool replaces)
{
    int64_t taken = find_name(c, name);

    if (replaces && taken != NO_COLUMN)
        replace(c, (uint32_t)taken, type, e);
    else
        add_free(c, name, type, e);
}

static void
add_declared(struct bind_columns *c, struct span name, uint32_t at, uint32_t size,
             enum kql_type type, const struct kql_expr *e, bool replaces)
{
    int64_t taken = find_name(c, name);
    uint32_t index;

    if (taken != NO_COLUMN && c->states[taken].is_declared) {
        kql_complain(c->b->d, KQL_E_NAME, at, size, "the column '%.*s' is declared twice",
                     (int)name.n, name.p);
        return;
    }
    if (replaces && taken != NO_COLUMN) {
        index = (uint32_t)taken;
        replace(c, index, type, e);
    } else {
        index = add_free(c, name, type, e);
    }
    c->states[index].is_declared = true;
}

void
bind_columns_init(struct bind_columns *c, struct bind *b, enum bind_naming naming)
{
    *c = (struct bind_columns){.b = b, .naming = naming};
    if (naming != NAMING_EXTEND || b->input == NULL)
        return;
    c->is_open = b->input->schema.is_open;
    for (uint32_t i = 0; i < b->input->schema.count; i++)
        append(c, b->input->schema.columns[i].name, b->input->schema.columns[i].type,
               bind_column(b, &b->input->schema, i, NULL));
}

uint32_t
bind_columns_put(struct bind_columns *c, struct span name, enum kql_type type,
                 const struct kql_expr *e)
{
    return add_free(c, name, type, e);
}

struct kql_schema
bind_columns_schema(const struct bind_columns *c)
{
    return (struct kql_schema){
        .columns = c->columns, .count = (uint32_t)c->count, .is_open = c->is_open};
}

/* Column1, Column2 ...: counted through the whole query. Under extend one that names nothing yet;
 * elsewhere one that is taken is numbered as other names are: Column11. */
static struct span
column_number(struct bind_columns *c)
{
    for (;;) {
        struct span name = pool_printf(c->b->pool, "Column%u", (unsigned)++c->b->unnamed);

        if (bind_find_symbol(c->b, name) == NULL &&
            (c->naming != NAMING_EXTEND || c->b->input == NULL ||
             bind_find_column(&c->b->input->schema, name) == UINT32_MAX))
            return name;
    }
}

/* The columns of a tuple beyond those that were given names. */
static void
add_tuple_rest(struct bind_columns *c, const struct bind_tuple *t, uint32_t from)
{
    for (uint32_t i = from; i < t->count; i++)
        add_made(c, t->names[i], t->results[i]->type, t->results[i], false);
}

/* (a, b) = f(x) */
static void
add_named_tuple(struct bind_columns *c, const struct kql_syntax *s, const struct kql_expr *e)
{
    const struct bind_tuple *t = bind_find_tuple(c->b, e);
    uint32_t count = t == NULL ? 1 : t->count;

    for (uint32_t i = 1; i < s->child_count; i++) {
        const struct kql_syntax *name = s->children[i];

        if (e->type == KQL_UNKNOWN) {
            add_declared(c, name->name, name->at, name->size, KQL_UNKNOWN, e,
                         c->naming == NAMING_EXTEND);
            continue;
        }
        if (i > count) {
            kql_complain(c->b->d, KQL_E_NAME, name->at, name->size,
                         "'%.*s' has nothing to be the name of: the expression gives %u value%s",
                         (int)name->name.n, name->name.p, (unsigned)count, count == 1 ? "" : "s");
            return;
        }
        add_declared(c, name->name, name->at, name->size,
                     t == NULL ? e->type : t->results[i - 1]->type,
                     t == NULL ? e : t->results[i - 1], c->naming == NAMING_EXTEND);
    }
    if (t != NULL && c->naming != NAMING_PRINT)
        add_tuple_rest(c, t, s->child_count - 1);
}

static void
add_named(struct bind_columns *c, const struct kql_syntax *s, const struct kql_expr *e)
{
    const struct bind_tuple *t = bind_find_tuple(c->b, e);
    bool is_column = s->child_count > 0 && s->children[0] != NULL &&
                     s->children[0]->kind == SYN_NAME && e->kind == KQL_EXPR_COLUMN;

    add_declared(c, s->name, s->name_at, s->name_size, e->type, e,
                 c->naming == NAMING_EXTEND || t != NULL || is_column);
    /* x = arg_max(v, w) has w too; x = series_stats(s) is the first result alone. (The service's
     * binder shows all of both, its engine gives these.) */
    if (t != NULL && c->naming == NAMING_SUMMARIZE)
        add_tuple_rest(c, t, 1);
}

/* Whether the expression is a column as it stands: its name, or a conversion to the type it has. */
static bool
is_plain_column(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e)
{
    if (e->kind != KQL_EXPR_COLUMN || e->function != NULL || b->input == NULL ||
        e->column >= b->input->schema.count)
        return false;
    if (s->kind == SYN_CALL && s->child_count == 1 && bind_find_symbol(b, s->name) == NULL &&
        bind_find_stored(b, s) == NULL)
        s = s->children[0];
    return s->kind == SYN_NAME && span_equal(s->name, b->input->schema.columns[e->column].name);
}

static void
add_unnamed(struct bind_columns *c, const struct kql_syntax *s, const struct kql_expr *e)
{
    const struct bind_tuple *t = bind_find_tuple(c->b, e);
    struct span name;

    if (c->naming == NAMING_PRINT && (t == NULL || t->count == 1)) {
        add_free(c, pool_printf(c->b->pool, "print_%u", (unsigned)c->count), e->type, e);
        return;
    }
    if (t != NULL) {
        add_tuple_rest(c, t, 0);
        return;
    }
    if (is_plain_column(c->b, s, e)) {
        name = c->b->input->schema.columns[e->column].name;
        if (c->naming != NAMING_EXTEND) /* extend x leaves x as it is */
            add_declared(c, name, s->at, s->size, e->type, e, false);
        return;
    }
    if (e->type == KQL_UNKNOWN && s->kind == SYN_CALL)
        c->is_open = true; /* who knows how many results it would have had */
    name = bind_name_of(c->b, s, e);
    if (name.n == 0)
        name = column_number(c);
    add_made(c, name, e->type, e, c->naming == NAMING_EXTEND);
}

void
bind_columns_add(struct bind_columns *c, const struct kql_syntax *s, const struct kql_expr *e)
{
    if (s->kind == SYN_NAMED && (s->op & 1) != 0)
        add_named_tuple(c, s, e);
    else if (s->kind == SYN_NAMED)
        add_named(c, s, e);
    else
        add_unnamed(c, s, e);
}

/* ---- the name of an expression ---- */

static const struct span nothing = {"", 0};

static struct span
joined(struct bind *b, struct span left, struct span right)
{
    if (left.n == 0)
        return right;
    return pool_printf(b->pool, "%.*s_%.*s", (int)left.n, left.p, (int)right.n, right.p);
}

static struct span
index_name(struct bind *b, const struct kql_syntax *s)
{
    if (s->kind != SYN_LITERAL || s->value.is_null)
        return nothing;
    if (s->value.type == KQL_STRING)
        return kql_text(&s->value);
    if (s->value.type == KQL_LONG || s->value.type == KQL_INT)
        return pool_printf(b->pool, "%lld", (long long)s->value.i);
    return nothing;
}

static const struct kql_function *
called_function(const struct bind *b, struct span name, const struct kql_expr *e)
{
    static const enum kql_function_kind kinds[] = {KQL_SCALAR, KQL_AGGREGATE, KQL_WINDOW};
    const struct kql_function *f;

    if (bind_find_symbol(b, name) != NULL)
        return NULL;
    if (e != NULL && e->function != NULL && span_is(name, e->function->name))
        return e->function;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if ((f = kql_function_find(name, kinds[i])) != NULL)
            return f;
    return NULL;
}

/* column_ifexists("x", 0) is called x if there is one. */
static struct span
existing_name(struct bind *b, const struct kql_syntax *s)
{
    struct span name;

    if (s->child_count == 0 || s->children[0]->kind != SYN_LITERAL || b->input == NULL ||
        s->children[0]->value.type != KQL_STRING)
        return nothing;
    name = kql_text(&s->children[0]->value);
    return bind_find_column(&b->input->schema, name) != UINT32_MAX ? name : nothing;
}

static struct span
call_name(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e)
{
    const struct kql_function *f = called_function(b, s->name, e);
    const char *star;

    if (span_is(s->name, "column_ifexists") || span_is(s->name, "columnifexists"))
        return existing_name(b, s);
    if (f == NULL)
        return nothing;
    if (s->child_count == 1 &&
        (strcmp(f->name, "make_datetime") == 0 || strcmp(f->name, "make_timespan") == 0))
        return bind_name_of(b, s->children[0], NULL); /* as conversions only */
    if ((f->flags & KQL_F_FIRST_NAME) != 0)
        return s->child_count > 0 ? bind_name_of(b, s->children[0], NULL) : nothing;
    if (f->column != NULL) {
        struct span argument = nothing;

        star = strchr(f->column, '*');
        if (star == NULL)
            return span_of(f->column);
        if (s->child_count > 0)
            argument = bind_name_of(b, s->children[0], NULL);
        return pool_printf(b->pool, "%.*s%.*s%s", (int)(star - f->column), f->column,
                           (int)argument.n, argument.p, star + 1);
    }
    if (f->kind == KQL_AGGREGATE)
        return pool_printf(b->pool, "%s_", f->name);
    return nothing;
}

static struct span
name_of(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e)
{
    switch (s->kind) {
    case SYN_NAME:
        return s->name;
    case SYN_NAMED:
        return (s->op & 1) == 0 ? s->name : nothing;
    case SYN_ORDERED:
        return bind_name_of(b, s->children[0], e);
    case SYN_PATH: {
        struct span left = bind_name_of(b, s->children[0], NULL);

        if (left.n > 0 && left.p[0] == '$') /* $left.key is key */
            left = nothing;
        return joined(b, left, bind_name_of(b, s->children[1], NULL));
    }
    case SYN_ELEMENT: {
        struct span left = bind_name_of(b, s->children[0], NULL);

        return joined(b, left, index_name(b, s->children[1]));
    }
    case SYN_CALL:
        return call_name(b, s, e);
    default:
        return nothing;
    }
}

struct span
bind_name_of(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e)
{
    struct span name;

    if (b->nest >= BIND_NEST_MAX)
        return nothing;
    b->nest++;
    name = name_of(b, s, e);
    b->nest--;
    return name;
}
