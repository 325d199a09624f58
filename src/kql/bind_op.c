/* bind_op.c - tabular operators: which function binds which, their options, and what they share. */
#include "kql/bind_op_inner.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

static const char *const no_options[] = {NULL};
static const char *const join_options[] = {"kind", NULL};
static const char *const union_options[] = {
    "kind", "withsource", "with_source", "isfuzzy", "best_effort", NULL,
};
static const char *const expand_options[] = {
    "kind", "bagexpansion", "with_itemindex", "limit", NULL,
};
static const char *const apply_options[] = {
    "kind", "bagexpansion", "with_itemindex", "limit", "id", NULL,
};
static const char *const parse_options[] = {"kind", "flags", NULL};
static const char *const parse_kv_options[] = {
    "pair_delimiter", "kv_delimiter", "quote", "escape", "greedy", "regex", NULL,
};
static const char *const find_options[] = {"withsource", "with_source", NULL};
static const char *const kind_options[] = {"kind", NULL};
static const char *const scan_options[] = {"kind", "with_match_id", "with_step_name", NULL};
static const char *const reduce_options[] = {"kind", "threshold", "characters", NULL};
static const char *const consume_options[] = {"decodeblocks", NULL};
static const char *const summarize_options[] = {"bin_legacy", NULL};

/* What an operator makes of the order of its input. */
enum order {
    ORDER_OWN,   /* says so itself, or gives none */
    ORDER_KEEPS, /* serialized if its input is */
    ORDER_MAKES, /* serialized */
};

/* options NULL: any (they are checked where they are read). */
static const struct operator_row {
    enum kql_syntax_kind kind;
    bind_op_function *bind;
    const char *const *options;
    enum order order;
    bool allows_windows; /* row_number() and the like, over a serialized input */
} operators[] = {
    {SYN_WHERE,             bind_where,            no_options,        ORDER_KEEPS, true },
    {SYN_EXTEND,            bind_extend,           no_options,        ORDER_KEEPS, true },
    {SYN_PROJECT,           bind_project,          no_options,        ORDER_KEEPS, true },
    {SYN_PROJECT_AWAY,      bind_project_away,     no_options,        ORDER_KEEPS, false},
    {SYN_PROJECT_KEEP,      bind_project_keep,     no_options,        ORDER_KEEPS, false},
    {SYN_PROJECT_RENAME,    bind_project_rename,   no_options,        ORDER_KEEPS, false},
    {SYN_PROJECT_REORDER,   bind_project_reorder,  no_options,        ORDER_KEEPS, false},
    {SYN_PROJECT_BY_NAMES,  bind_project_by_names, no_options,        ORDER_KEEPS, false},
    {SYN_DISTINCT,          bind_distinct,         no_options,        ORDER_OWN,   false},
    {SYN_SORT,              bind_sort,             no_options,        ORDER_MAKES, true },
    {SYN_TOP,               bind_top,              no_options,        ORDER_MAKES, true },
    {SYN_TAKE,              bind_take,             no_options,        ORDER_KEEPS, false},
    {SYN_COUNT,             bind_count,            no_options,        ORDER_OWN,   false},
    {SYN_SAMPLE,            bind_sample,           no_options,        ORDER_OWN,   false},
    {SYN_SAMPLE_DISTINCT,   bind_sample_distinct,  no_options,        ORDER_OWN,   false},
    {SYN_SUMMARIZE,         bind_summarize,        summarize_options, ORDER_OWN,   false},
    {SYN_MAKE_SERIES,       bind_make_series,      kind_options,      ORDER_OWN,   false},
    {SYN_JOIN,              bind_join,             join_options,      ORDER_OWN,   false},
    {SYN_LOOKUP,            bind_lookup,           join_options,      ORDER_OWN,   false},
    {SYN_UNION,             bind_union,            union_options,     ORDER_OWN,   false},
    {SYN_UNION_SOURCE,      bind_union,            union_options,     ORDER_OWN,   false},
    {SYN_MV_EXPAND,         bind_mv_expand,        expand_options,    ORDER_KEEPS, true },
    {SYN_MV_APPLY,          bind_mv_apply,         apply_options,     ORDER_OWN,   true },
    {SYN_PARSE,             bind_parse,            parse_options,     ORDER_KEEPS, true },
    {SYN_PARSE_WHERE,       bind_parse,            parse_options,     ORDER_KEEPS, true },
    {SYN_PARSE_KV,          bind_parse_kv,         parse_kv_options,  ORDER_KEEPS, true },
    {SYN_PARTITION,         bind_partition,        no_options,        ORDER_OWN,   false},
    {SYN_PARTITION_BY,      bind_partition,        no_options,        ORDER_OWN,   false},
    {SYN_SCAN,              bind_scan,             scan_options,      ORDER_MAKES, false},
    {SYN_SERIALIZE,         bind_serialize,        no_options,        ORDER_MAKES, true },
    {SYN_TOP_NESTED,        bind_top_nested,       no_options,        ORDER_OWN,   false},
    {SYN_TOP_HITTERS,       bind_top_hitters,      no_options,        ORDER_MAKES, false},
    {SYN_SEARCH,            bind_search,           kind_options,      ORDER_OWN,   false},
    {SYN_SEARCH_SOURCE,     bind_search,           kind_options,      ORDER_OWN,   false},
    {SYN_EVALUATE,          bind_evaluate,         no_options,        ORDER_OWN,   true },
    {SYN_INVOKE,            bind_invoke_operator,  no_options,        ORDER_OWN,   false},
    {SYN_RENDER,            bind_render,           NULL,              ORDER_KEEPS, false},
    {SYN_AS,                bind_as,               no_options,        ORDER_KEEPS, false},
    {SYN_CONSUME,           bind_consume,          consume_options,   ORDER_OWN,   false},
    {SYN_GETSCHEMA,         bind_getschema,        kind_options,      ORDER_MAKES, false},
    {SYN_REDUCE,            bind_reduce,           reduce_options,    ORDER_OWN,   false},
    {SYN_FACET,             bind_facet,            no_options,        ORDER_OWN,   false},
    {SYN_FORK,              bind_fork,             no_options,        ORDER_OWN,   false},
    {SYN_EXECUTE_AND_CACHE, bind_pass,             no_options,        ORDER_KEEPS, false},
    {SYN_ASSERT_SCHEMA,     bind_assert_schema,    no_options,        ORDER_KEEPS, false},
    {SYN_DATATABLE,         bind_datatable,        no_options,        ORDER_OWN,   false},
    {SYN_EXTERNALDATA,      bind_externaldata,     NULL,              ORDER_OWN,   false},
    {SYN_PRINT,             bind_print,            no_options,        ORDER_OWN,   false},
    {SYN_RANGE,             bind_range,            no_options,        ORDER_MAKES, false},
    {SYN_FIND,              bind_find,             find_options,      ORDER_OWN,   false},
};

static const struct operator_row *
find_row(enum kql_syntax_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (operators[i].kind == kind)
            return &operators[i];
    return NULL;
}

/* What the parts of an operator may not leave behind. Names that 'as' declares, and the several
 * results of expressions, stay. */
static void
put_back(struct bind *b, const struct bind *outer)
{
    b->input = outer->input;
    b->context = outer->context;
    b->aggregates = outer->aggregates;
    b->windows_allowed = outer->windows_allowed;
    b->join = outer->join;
    b->scan = outer->scan;
    b->is_predicate_all = outer->is_predicate_all;
    b->is_search = outer->is_search;
    b->is_case_sensitive = outer->is_case_sensitive;
}

static void
forget(struct bind *b)
{
    b->aggregates = NULL;
    b->windows_allowed = false;
    b->join = NULL;
    b->scan = NULL;
    b->is_predicate_all = b->is_search = b->is_case_sensitive = false;
}

static const struct kql_op *
bind_node(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct operator_row *row = find_row(s->kind);
    struct bind outer = *b;
    const struct kql_op *op;

    if (row == NULL) {
        if (s->kind != SYN_MISSING)
            bind_op_not_built(b, s,
                              s->kind == SYN_GRAPH && s->name.n > 0
                                  ? pool_printf(b->pool, "%.*s", (int)s->name.n, s->name.p).p
                                  : kql_syntax_name(s->kind));
        return bind_op_nothing(b, s);
    }
    if (row->options != NULL)
        bind_check_options(b, s, row->options);
    forget(b);
    b->input = input;
    b->windows_allowed = row->allows_windows && input != NULL && input->is_serialized;
    if (s->kind == SYN_SERIALIZE)
        b->windows_allowed = true;
    op = row->bind(b, s, input);
    put_back(b, &outer);
    /* What an operator gives is its own, unless it passes its input on. */
    if (op != input && op->kind != KQL_ROWS_TABLE && row->order != ORDER_OWN)
        ((struct kql_op *)(uintptr_t)op)->is_serialized =
            row->order == ORDER_MAKES || (input != NULL && input->is_serialized);
    return op;
}

const struct kql_op *
bind_operator(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    return bind_node(b, s, input);
}

const struct kql_op *
bind_source(struct bind *b, const struct kql_syntax *s)
{
    return bind_node(b, s, NULL);
}

/* ---- options ---- */

const struct kql_option *
bind_option(const struct kql_syntax *s, const char *name)
{
    for (uint32_t i = 0; i < s->option_count; i++)
        if (span_is(s->options[i].name, name))
            return &s->options[i];
    return NULL;
}

static bool
is_hint(struct span name)
{
    return (name.n > 5 && memcmp(name.p, "hint.", 5) == 0) ||
           (name.n > 2 && memcmp(name.p, "__", 2) == 0);
}

void
bind_check_options(struct bind *b, const struct kql_syntax *s, const char *const *known)
{
    for (uint32_t i = 0; i < s->option_count; i++) {
        const struct kql_option *o = &s->options[i];
        struct kql_nearest near = {.wanted = o->name};
        bool is_known = is_hint(o->name);

        for (const char *const *k = known; *k != NULL && !is_known; k++) {
            is_known = span_is(o->name, *k);
            kql_nearest_offer(&near, span_of(*k));
        }
        if (is_known)
            continue;
        if (near.best.p != NULL)
            kql_complain(b->d, KQL_E_OPTION, o->at, o->size,
                         "%s has no parameter '%.*s'; did you mean '%.*s'?",
                         kql_syntax_name(s->kind), (int)o->name.n, o->name.p, (int)near.best.n,
                         near.best.p);
        else
            kql_complain(b->d, KQL_E_OPTION, o->at, o->size, "%s has no parameter '%.*s'",
                         kql_syntax_name(s->kind), (int)o->name.n, o->name.p);
    }
}

struct span
bind_option_word(const struct kql_option *o)
{
    if (o == NULL || o->value == NULL)
        return (struct span){NULL, 0};
    if (o->value->kind == SYN_NAME)
        return o->value->name;
    if (o->value->kind == SYN_LITERAL && o->value->value.type == KQL_STRING)
        return kql_text(&o->value->value);
    return (struct span){NULL, 0};
}

static void
complain_value(struct bind *b, const struct kql_option *o, const char *wanted)
{
    uint32_t at = o->value != NULL ? o->value->at : o->at;
    uint32_t size = o->value != NULL ? o->value->size : o->size;

    kql_complain(b->d, KQL_E_OPTION, at, size, "%.*s= takes %s", (int)o->name.n, o->name.p, wanted);
}

int
bind_option_choice(struct bind *b, const struct kql_syntax *s, const char *name,
                   const char *const *words, int otherwise)
{
    const struct kql_option *o = bind_option(s, name);
    struct span word = bind_option_word(o);
    struct span all = {"", 0};

    if (o == NULL)
        return otherwise;
    for (int i = 0; words[i] != NULL; i++) {
        if (span_is(word, words[i]))
            return i;
        all = pool_printf(b->pool, "%.*s%s%s", (int)all.n, all.p,
                          i == 0                 ? "one of "
                          : words[i + 1] == NULL ? " or "
                                                 : ", ",
                          words[i]);
    }
    complain_value(b, o, all.p);
    return otherwise;
}

bool
bind_option_bool(struct bind *b, const struct kql_syntax *s, const char *name, bool otherwise)
{
    const struct kql_option *o = bind_option(s, name);

    if (o == NULL)
        return otherwise;
    if (o->value != NULL && o->value->kind == SYN_LITERAL && !o->value->value.is_null &&
        (o->value->value.type == KQL_BOOL || o->value->value.type == KQL_LONG))
        return o->value->value.i != 0;
    complain_value(b, o, "true or false");
    return otherwise;
}

struct span
bind_option_text(struct bind *b, const struct kql_syntax *s, const char *name,
                 struct span otherwise)
{
    const struct kql_option *o = bind_option(s, name);
    struct kql_value v;

    if (o == NULL)
        return otherwise;
    if (o->value == NULL || !bind_constant(b, o->value, KQL_STRING, name, &v)) {
        if (o->value == NULL)
            complain_value(b, o, "a string");
        return otherwise;
    }
    return kql_text(&v);
}

/* ---- nodes ---- */

struct kql_op *
bind_op_make(struct bind *b, enum kql_op_kind kind, const struct kql_syntax *s,
             const struct kql_op *input, struct kql_schema schema)
{
    struct kql_op *op = bind_op_new(b, kind, s, input);

    if (schema.count > BIND_COLUMNS_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size, "more than %d columns", BIND_COLUMNS_MAX);
        schema.count = BIND_COLUMNS_MAX;
    }
    op->schema = schema;
    op->is_serialized = false;
    op->weight = 1;
    if (input != NULL)
        bind_op_weigh(b, op, s, input);
    return op;
}

void
bind_op_weigh(struct bind *b, struct kql_op *op, const struct kql_syntax *s,
              const struct kql_op *table)
{
    if (op->weight > BIND_WEIGHT_MAX)
        return; /* said */
    op->weight += table->kind == KQL_OP_MATERIALIZE || table->weight == 0 ? 1 : table->weight;
    if (op->weight > BIND_WEIGHT_MAX)
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size,
                     "tables that are used again and again make more than %d operators here; "
                     "materialize() what is used twice",
                     BIND_WEIGHT_MAX);
}

const struct kql_op *
bind_op_nothing(struct bind *b, const struct kql_syntax *s)
{
    return bind_op_make(b, KQL_ROWS_INLINE, s, NULL, (struct kql_schema){.is_open = true});
}

const struct kql_op *
bind_op_table(struct bind *b, const struct kql_syntax *s)
{
    struct bind outer = *b;
    const struct kql_op *op;

    if (s == NULL)
        return NULL;
    forget(b);
    b->input = NULL;
    op = bind_table(b, s);
    put_back(b, &outer);
    return op;
}

const struct kql_op *
bind_op_sub(struct bind *b, const struct kql_syntax *s, struct kql_schema schema,
            bool is_serialized)
{
    struct bind outer = *b;
    struct kql_op *rows = bind_op_make(b, KQL_ROWS_INPUT, s, NULL, schema);
    const struct kql_op *op;

    rows->is_serialized = is_serialized;
    forget(b);
    b->input = NULL;
    op = bind_sub_query(b, s, rows);
    put_back(b, &outer);
    return op;
}

/* ---- walks ---- */

static struct bind_seen_item *
seen_slot(struct bind_seen_item *items, size_t room, const void *node)
{
    size_t i = XXH3_64bits(&node, sizeof node) & (room - 1);

    while (items[i].key != NULL && items[i].key != node)
        i = (i + 1) & (room - 1);
    return &items[i];
}

const void **
bind_seen_at(struct bind_seen *s, const void *node, bool *is_new)
{
    struct bind_seen_item *item;

    if (2 * (s->count + 1) > s->room) {
        size_t room = s->room == 0 ? 32 : 2 * s->room;
        struct bind_seen_item *items = pool_zeroed(s->pool, room, sizeof *items);

        for (size_t i = 0; i < s->room; i++)
            if (s->items[i].key != NULL)
                *seen_slot(items, room, s->items[i].key) = s->items[i];
        s->items = items;
        s->room = room;
    }
    item = seen_slot(s->items, s->room, node);
    *is_new = item->key == NULL;
    if (*is_new) {
        item->key = node;
        s->count++;
    }
    return &item->value;
}

/* Whether it looks at a column; marks them where 'marks' is given. */
static bool
walk_columns(const struct kql_expr *e, struct bind_seen *seen, uint8_t *marks)
{
    bool is_new, finds = false;

    if (e == NULL)
        return false;
    if (e->kind == KQL_EXPR_COLUMN && marks != NULL)
        marks[e->column] = 1;
    if (e->kind == KQL_EXPR_COLUMN || e->kind == KQL_EXPR_STEP_COLUMN)
        return true;
    if (e->count == 0)
        return false;
    bind_seen_at(seen, e, &is_new);
    if (!is_new) /* what it has is found already */
        return false;
    for (uint32_t i = 0; i < e->count; i++)
        finds |= walk_columns(e->arguments[i], seen, marks);
    return finds;
}

bool
bind_is_constant(struct bind *b, const struct kql_expr *e)
{
    struct bind_seen seen = {.pool = b->pool};

    return !walk_columns(e, &seen, NULL);
}

void
bind_op_mark_columns(struct bind *b, const struct kql_expr *e, uint8_t *marks)
{
    struct bind_seen seen = {.pool = b->pool};

    (void)walk_columns(e, &seen, marks);
}

static const struct kql_expr *
shift(struct bind *b, const struct kql_expr *e, struct bind_seen *seen)
{
    const struct kql_expr **arguments;
    struct kql_expr *copy;
    bool is_new;

    if (e->kind != KQL_EXPR_COLUMN && e->count == 0)
        return e;
    copy = (struct kql_expr *)(uintptr_t)*bind_seen_at(seen, e, &is_new);
    if (!is_new)
        return copy;
    copy = pool_take(b->pool, sizeof *copy);
    *copy = *e;
    *bind_seen_at(seen, e, &is_new) = copy;
    if (e->kind == KQL_EXPR_COLUMN) {
        copy->column++;
        return copy;
    }
    arguments = pool_take(b->pool, e->count * sizeof(const struct kql_expr *));
    for (uint32_t i = 0; i < e->count; i++)
        arguments[i] = shift(b, e->arguments[i], seen);
    copy->arguments = arguments;
    return copy;
}

const struct kql_expr *
bind_op_shifted(struct bind *b, const struct kql_expr *e)
{
    struct bind_seen seen = {.pool = b->pool};

    return shift(b, e, &seen);
}

/* ---- numbers of rows, types ---- */

const struct kql_expr *
bind_op_count(struct bind *b, const struct kql_syntax *s, const char *what)
{
    const struct kql_expr *e = bind_expr(b, s);

    if (!bind_op_is_good(e))
        return e;
    if (e->type != KQL_LONG && e->type != KQL_INT) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "%s is a number of rows, not a %s", what,
                     kql_type_name(e->type));
        return e;
    }
    if (!bind_is_constant(b, e)) {
        kql_complain(b->d, KQL_E_CONSTANT, s->at, s->size,
                     "%s must be the same for every row: a number or toscalar()", what);
        return e;
    }
    return e->type == KQL_LONG ? e : bind_convert(b, e, KQL_LONG);
}

bool
bind_op_not_dynamic(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e,
                    const char *what)
{
    if (e->type != KQL_DYNAMIC)
        return true;
    kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                 "%s cannot be dynamic: say of which type it is, with tostring(), tolong() ...",
                 what);
    return false;
}

void
bind_op_not_built(struct bind *b, const struct kql_syntax *s, const char *what)
{
    kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "%s is part of the language, but not built",
                 what);
}

/* ---- aggregates of one value ---- */

bool
bind_op_value_of(struct bind *b, const struct kql_syntax *s, struct bind_aggregates *aggregates,
                 struct bind_value *out)
{
    const struct kql_syntax *value = bind_op_value(s);
    struct bind_aggregates *outer = b->aggregates;
    uint32_t errors = b->d->error_count;
    size_t before = aggregates->count;
    const struct bind_tuple *tuple;
    const struct kql_expr *e, **finals;

    b->aggregates = aggregates;
    e = bind_expr(b, value);
    b->aggregates = outer;
    tuple = bind_find_tuple(b, e);
    *out = (struct bind_value){.count = tuple != NULL ? tuple->count : 1};
    finals = pool_take(b->pool, out->count * sizeof(const struct kql_expr *));
    for (uint32_t i = 0; i < out->count; i++)
        finals[i] = tuple != NULL ? tuple->results[i] : e;
    out->finals = finals;
    out->names = tuple != NULL ? tuple->names : NULL;
    if (!bind_op_is_good(e) || b->d->error_count > errors)
        return false;
    if (aggregates->count == before) {
        kql_complain(b->d, KQL_E_PLACE, value->at, value->size,
                     "an aggregate is wanted here: count(), sum(x) ...");
        return false;
    }
    return true;
}

/* ---- names ---- */

void
bind_names_init(struct bind_names *n, struct pool *p)
{
    *n = (struct bind_names){.pool = p, .slot_count = 64};
    n->slots = pool_zeroed(p, n->slot_count, sizeof *n->slots);
}

/* The slot of the name, or the free one where it belongs. */
static uint32_t *
find_slot(const struct bind_names *n, struct span name)
{
    size_t i = XXH3_64bits(name.p, name.n) & (n->slot_count - 1);

    while (n->slots[i] != 0 && !span_equal(n->items[n->slots[i] - 1].name, name))
        i = (i + 1) & (n->slot_count - 1);
    return &n->slots[i];
}

struct bind_names_item *
bind_names_find(const struct bind_names *n, struct span name)
{
    uint32_t slot = *find_slot(n, name);

    return slot == 0 ? NULL : &n->items[slot - 1];
}

bool
bind_names_add(struct bind_names *n, struct span name, uint32_t value)
{
    uint32_t *slot = find_slot(n, name);

    if (*slot != 0)
        return false;
    if (2 * (n->count + 1) > n->slot_count) {
        n->slot_count *= 2;
        n->slots = pool_zeroed(n->pool, n->slot_count, sizeof *n->slots);
        for (size_t i = 0; i < n->count; i++)
            *find_slot(n, n->items[i].name) = (uint32_t)i + 1;
        slot = find_slot(n, name);
    }
    n->items = pool_grow(n->pool, n->items, &n->room, n->count + 1, sizeof *n->items);
    n->items[n->count++] = (struct bind_names_item){name, value, 0};
    *slot = (uint32_t)n->count;
    return true;
}

struct span
bind_names_unique(struct bind_names *n, struct span name, uint32_t value)
{
    struct bind_names_item *item = bind_names_find(n, name);
    size_t index;
    uint32_t suffix;
    struct span numbered;

    if (item == NULL) {
        bind_names_add(n, name, value);
        return name;
    }
    index = (size_t)(item - n->items);
    suffix = item->suffix;
    do {
        numbered = pool_printf(n->pool, "%.*s%u", (int)name.n, name.p, (unsigned)++suffix);
    } while (!bind_names_add(n, numbered, value));
    n->items[index].suffix = suffix;
    return numbered;
}

void
bind_names_number(struct pool *p, struct kql_column *columns, uint32_t count)
{
    struct bind_names names;

    bind_names_init(&names, p);
    for (uint32_t i = 0; i < count; i++)
        bind_names_add(&names, columns[i].name, i);
    for (uint32_t i = 0; i < count; i++) {
        const struct bind_names_item *item = bind_names_find(&names, columns[i].name);

        if (item != NULL && item->value != i)
            columns[i].name = bind_names_unique(&names, columns[i].name, i);
    }
}

/* ---- lists of columns ---- */

uint32_t
bind_list_add(struct bind_list *l, struct span name, enum kql_type type, const struct kql_expr *e,
              uint32_t from)
{
    l->columns = pool_grow(l->pool, l->columns, &l->column_room, l->count + 1, sizeof *l->columns);
    l->map = pool_grow(l->pool, l->map, &l->map_room, l->count + 1, sizeof *l->map);
    l->exprs = pool_grow(l->pool, l->exprs, &l->expr_room, l->count + 1, sizeof *l->exprs);
    l->columns[l->count] = (struct kql_column){name, (uint8_t)type};
    l->map[l->count] = from;
    l->exprs[l->count] = e;
    return (uint32_t)l->count++;
}

struct kql_schema
bind_list_schema(const struct bind_list *l, bool is_open)
{
    return (struct kql_schema){l->columns, (uint32_t)l->count, is_open};
}

void
bind_list_all(struct bind_list *l, const struct kql_schema *schema)
{
    for (uint32_t i = 0; i < schema->count; i++)
        bind_list_add(l, schema->columns[i].name, schema->columns[i].type, NULL, i);
}

struct kql_schema
bind_op_schema(struct bind *b, const struct kql_syntax *s)
{
    struct bind_list l = {.pool = b->pool};
    struct bind_names names;

    bind_names_init(&names, b->pool);
    for (uint32_t i = 0; s != NULL && i < s->child_count; i++) {
        const struct kql_syntax *c = s->children[i];
        const struct kql_syntax *type = bind_op_child(c, 0);

        if (c == NULL || c->kind != SYN_COLUMN_DECLARATION)
            continue;
        if (!bind_names_add(&names, c->name, i)) {
            kql_complain(b->d, KQL_E_NAME, c->name_at, c->name_size,
                         "column '%.*s' is declared twice", (int)c->name.n, c->name.p);
            continue;
        }
        bind_list_add(&l, c->name,
                      type != NULL && type->kind == SYN_TYPE ? type->value.type : KQL_STRING, NULL,
                      i);
    }
    return bind_list_schema(&l, false);
}
