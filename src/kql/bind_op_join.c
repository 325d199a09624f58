/* bind_op_join.c - operators over several tables: join, lookup, union. */
#include "kql/bind_op_inner.h"

/* ---- conditions ---- */

struct keys {
    struct bind *b;
    const struct kql_op *left, *right;
    const struct kql_expr **left_keys, **right_keys;
    size_t count, left_room, right_room;
    uint8_t *right_is_key; /* a byte per column */
    bool complained;
};

static void
complain_condition(struct keys *k, const struct kql_syntax *s)
{
    k->complained = true;
    kql_complain(k->b->d, KQL_E_PLACE, s->at, s->size,
                 "a condition of join is the name of a column that both tables have, or "
                 "$left.column == $right.column");
}

static void
add_pair(struct keys *k, const struct kql_syntax *s, uint32_t left, uint32_t right)
{
    const struct kql_expr *l = bind_column(k->b, &k->left->schema, left, s);
    const struct kql_expr *r = bind_column(k->b, &k->right->schema, right, s);

    if (l->type != r->type) { /* int and long */
        const struct kql_expr *wide = bind_convert(k->b, l, r->type);

        if (wide != NULL)
            l = wide;
        else if ((wide = bind_convert(k->b, r, l->type)) != NULL)
            r = wide;
    }
    k->left_keys =
        pool_grow(k->b->pool, k->left_keys, &k->left_room, k->count + 1, sizeof *k->left_keys);
    k->right_keys =
        pool_grow(k->b->pool, k->right_keys, &k->right_room, k->count + 1, sizeof *k->right_keys);
    k->left_keys[k->count] = l;
    k->right_keys[k->count++] = r;
    k->right_is_key[right] = 1;
}

/* A column that has the same name on both sides. */
static void
bind_common(struct keys *k, const struct kql_syntax *s)
{
    const struct kql_schema *ls = &k->left->schema, *rs = &k->right->schema;
    uint32_t left = bind_find_column(ls, s->name), right = bind_find_column(rs, s->name);
    enum kql_type lt, rt;

    if ((left == BIND_NO_COLUMN && ls->is_open) || (right == BIND_NO_COLUMN && rs->is_open)) {
        k->complained = true; /* not known before there are data */
        return;
    }
    if (left == BIND_NO_COLUMN || right == BIND_NO_COLUMN) {
        k->complained = true;
        if (left == BIND_NO_COLUMN && right == BIND_NO_COLUMN)
            bind_no_column(k->b, ls, s);
        else
            kql_complain(k->b->d, KQL_E_COLUMN, s->at, s->size,
                         "column '%.*s' is in the %s table only: join wants it in both, or "
                         "$left.a == $right.b",
                         (int)s->name.n, s->name.p, left == BIND_NO_COLUMN ? "right" : "left");
        return;
    }
    lt = ls->columns[left].type;
    rt = rs->columns[right].type;
    if (lt != rt && lt != KQL_UNKNOWN && rt != KQL_UNKNOWN) {
        k->complained = true;
        kql_complain(k->b->d, KQL_E_TYPE, s->at, s->size,
                     "column '%.*s' is a %s on the left and a %s on the right: it must be of one "
                     "type to be joined on by name",
                     (int)s->name.n, s->name.p, kql_type_name(lt), kql_type_name(rt));
        return;
    }
    add_pair(k, s, left, right);
}

/* $left.a, $right['b']: 0 left, 1 right, -1 neither; then the column's name. */
static int
read_side(const struct kql_syntax *s, struct span *name)
{
    const struct kql_syntax *table = bind_op_child(s, 0), *column = bind_op_child(s, 1);

    if (s == NULL || (s->kind != SYN_PATH && s->kind != SYN_ELEMENT) || table == NULL ||
        table->kind != SYN_NAME || column == NULL)
        return -1;
    if (s->kind == SYN_PATH && column->kind == SYN_NAME)
        *name = column->name;
    else if (column->kind == SYN_LITERAL && column->value.type == KQL_STRING)
        *name = kql_text(&column->value);
    else
        return -1;
    return span_is(table->name, "$left") ? 0 : span_is(table->name, "$right") ? 1 : -1;
}

/* The column of that side; BIND_NO_COLUMN: complained. */
static uint32_t
side_column(struct keys *k, const struct kql_syntax *s, const struct kql_schema *schema,
            struct span name)
{
    uint32_t index = bind_find_column(schema, name);
    struct kql_nearest near = {.wanted = name};

    if (index != BIND_NO_COLUMN)
        return index;
    k->complained = true;
    if (schema->is_open)
        return index;
    for (uint32_t i = 0; i < schema->count && !kql_is_full(k->b->d); i++)
        kql_nearest_offer(&near, schema->columns[i].name);
    if (near.best.p != NULL)
        kql_complain(k->b->d, KQL_E_COLUMN, s->at, s->size,
                     "no column '%.*s' on the %s; did you mean '%.*s'?", (int)name.n, name.p,
                     schema == &k->left->schema ? "left" : "right", (int)near.best.n, near.best.p);
    else
        kql_complain(k->b->d, KQL_E_COLUMN, s->at, s->size, "no column '%.*s' on the %s",
                     (int)name.n, name.p, schema == &k->left->schema ? "left" : "right");
    return index;
}

static enum kql_type
promoted(enum kql_type t)
{
    return t == KQL_INT ? KQL_LONG : t;
}

static void
bind_equality(struct keys *k, const struct kql_syntax *s)
{
    const struct kql_syntax *a = bind_op_child(s, 0), *z = bind_op_child(s, 1);
    struct span a_name = {NULL, 0}, z_name = {NULL, 0};
    int a_side = read_side(a, &a_name), z_side = read_side(z, &z_name);
    uint32_t left, right;
    enum kql_type lt, rt;

    if (a_side < 0 || z_side < 0 || a_side == z_side) {
        complain_condition(k, s);
        return;
    }
    left = side_column(k, a_side == 0 ? a : z, &k->left->schema, a_side == 0 ? a_name : z_name);
    right = side_column(k, a_side == 0 ? z : a, &k->right->schema, a_side == 0 ? z_name : a_name);
    if (left == BIND_NO_COLUMN || right == BIND_NO_COLUMN)
        return;
    lt = k->left->schema.columns[left].type;
    rt = k->right->schema.columns[right].type;
    if (lt == KQL_DYNAMIC || rt == KQL_DYNAMIC) {
        k->complained = true;
        kql_complain(k->b->d, KQL_E_TYPE, s->at, s->size,
                     "tables cannot be joined on a dynamic: extend them with tostring() or "
                     "tolong() of it first");
        return;
    }
    if (promoted(lt) != promoted(rt) && lt != KQL_UNKNOWN && rt != KQL_UNKNOWN) {
        k->complained = true;
        kql_complain(k->b->d, KQL_E_TYPE, s->at, s->size,
                     "a %s on the left and a %s on the right are never the same", kql_type_name(lt),
                     kql_type_name(rt));
        return;
    }
    add_pair(k, s, left, right);
}

static void
bind_condition(struct keys *k, const struct kql_syntax *s)
{
    if (s == NULL || s->kind == SYN_MISSING) {
        k->complained = true;
        return;
    }
    if (s->kind == SYN_LIST) {
        for (uint32_t i = 0; i < s->child_count; i++)
            bind_condition(k, s->children[i]);
    } else if (s->kind == SYN_BINARY && s->op == KQL_OP_AND) {
        bind_condition(k, bind_op_child(s, 0));
        bind_condition(k, bind_op_child(s, 1));
    } else if (s->kind == SYN_BINARY && s->op == KQL_OP_EQUAL) {
        bind_equality(k, s);
    } else if (bind_op_is_plain_name(s)) {
        bind_common(k, s);
    } else {
        complain_condition(k, s);
    }
}

/* ---- join, lookup ---- */

static const char *const join_kinds[] = {
    "innerunique", "inner",         "leftouter", "rightouter", "fullouter",
    "leftsemi",    "rightsemi",     "leftanti",  "rightanti",  "leftantisemi",
    "anti",        "rightantisemi", NULL,
};
static const enum kql_join_kind join_kind_of[] = {
    KQL_JOIN_INNERUNIQUE, KQL_JOIN_INNER,    KQL_JOIN_LEFTOUTER, KQL_JOIN_RIGHTOUTER,
    KQL_JOIN_FULLOUTER,   KQL_JOIN_LEFTSEMI, KQL_JOIN_RIGHTSEMI, KQL_JOIN_LEFTANTI,
    KQL_JOIN_RIGHTANTI,   KQL_JOIN_LEFTANTI, KQL_JOIN_LEFTANTI,  KQL_JOIN_RIGHTANTI,
};
static const char *const lookup_kinds[] = {"leftouter", "inner", NULL};

static bool
gives_left(enum kql_join_kind k)
{
    return k != KQL_JOIN_RIGHTSEMI && k != KQL_JOIN_RIGHTANTI;
}

static bool
gives_right(enum kql_join_kind k)
{
    return k != KQL_JOIN_LEFTSEMI && k != KQL_JOIN_LEFTANTI;
}

static const struct kql_op *
bind_joined(struct bind *b, const struct kql_syntax *s, const struct kql_op *input,
            enum kql_join_kind kind, bool is_lookup)
{
    struct keys k = {.b = b, .left = input};
    const struct kql_syntax *conditions = bind_op_child(s, 1);
    struct bind_list l = {.pool = b->pool};
    struct kql_join_column *output;
    struct kql_op *op;
    bool is_open;

    k.right = bind_op_table(b, bind_op_child(s, 0));
    if (k.right == NULL)
        k.right = bind_op_nothing(b, s);
    k.right_is_key = pool_zeroed(b->pool, k.right->schema.count + 1, 1);
    if (conditions == NULL || (conditions->kind == SYN_LIST && conditions->child_count == 0))
        kql_complain(b->d, KQL_E_SYNTAX, s->at, s->size, "%s wants a condition: on column",
                     is_lookup ? "lookup" : "join");
    else
        bind_condition(&k, conditions);

    if (gives_left(kind))
        bind_list_all(&l, &input->schema);
    if (gives_right(kind))
        for (uint32_t i = 0; i < k.right->schema.count; i++)
            if (!is_lookup || !k.right_is_key[i])
                bind_list_add(&l, k.right->schema.columns[i].name, k.right->schema.columns[i].type,
                              NULL, i);
    bind_names_number(b->pool, l.columns, (uint32_t)l.count);
    is_open = (gives_left(kind) && input->schema.is_open) ||
              (gives_right(kind) && k.right->schema.is_open);
    op = bind_op_make(b, KQL_OP_JOIN, s, input, bind_list_schema(&l, is_open));
    output = pool_take(b->pool, (l.count + 1) * sizeof *output);
    for (uint32_t i = 0; i < l.count; i++)
        output[i] =
            (struct kql_join_column){gives_left(kind) && i < input->schema.count ? 0 : 1, l.map[i]};
    op->u.join.kind = kind;
    op->u.join.right = k.right;
    bind_op_weigh(b, op, s, k.right);
    op->u.join.left_keys = k.left_keys;
    op->u.join.right_keys = k.right_keys;
    op->u.join.key_count = (uint32_t)k.count;
    op->u.join.output = output;
    op->u.join.is_lookup = is_lookup;
    return op;
}

const struct kql_op *
bind_join(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    int kind = bind_option_choice(b, s, "kind", join_kinds, 0);

    return bind_joined(b, s, input, join_kind_of[kind], false);
}

const struct kql_op *
bind_lookup(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    int kind = bind_option_choice(b, s, "kind", lookup_kinds, 0);

    return bind_joined(b, s, input, kind == 0 ? KQL_JOIN_LEFTOUTER : KQL_JOIN_INNER, true);
}

/* ---- union ---- */

/* Columns of one name in all inputs, by type; in the order of their first. */
struct united {
    struct span name;
    uint8_t types[KQL_TYPE_COUNT]; /* in order of their first */
    uint32_t counts[KQL_TYPE_COUNT], type_count;
    uint32_t result[KQL_TYPE_COUNT]; /* the result column of each */
};

static uint32_t
type_index(struct united *u, uint8_t type)
{
    for (uint32_t i = 0; i < u->type_count; i++)
        if (u->types[i] == type)
            return i;
    u->types[u->type_count] = type;
    u->counts[u->type_count] = 0;
    u->result[u->type_count] = BIND_NO_COLUMN;
    return u->type_count++;
}

/* Result columns: one per name and type, x_long and x_string where a name has several types. Inner:
 * only what every input has. */
static void
unite(struct bind *b, const struct kql_op *const *inputs, uint32_t count, bool is_inner,
      struct bind_list *l, struct bind_names *index, struct united **united)
{
    struct bind_names names;
    size_t room = 0;

    bind_names_init(index, b->pool);
    bind_names_init(&names, b->pool);
    for (size_t i = 0; i < l->count; i++) /* the source's column */
        bind_names_add(&names, l->columns[i].name, 0);
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_schema *schema = &inputs[i]->schema;

        pool_check(b->pool);
        for (uint32_t c = 0; c < schema->count; c++) {
            const struct kql_column *column = &schema->columns[c];
            struct united *u;

            if (bind_names_add(index, column->name, (uint32_t)index->count)) {
                *united = pool_grow(b->pool, *united, &room, index->count, sizeof **united);
                (*united)[index->count - 1] = (struct united){.name = column->name};
            }
            u = &(*united)[bind_names_find(index, column->name)->value];
            u->counts[type_index(u, column->type)]++;
        }
    }
    /* A column that is named as a split one would be keeps its name: x and x_long give x_long1. */
    for (size_t i = 0; i < index->count; i++)
        if ((*united)[i].type_count == 1 && !is_inner)
            bind_names_add(&names, (*united)[i].name, (uint32_t)i + 1);
    for (size_t i = 0; i < index->count; i++) {
        struct united *u = &(*united)[i];
        const struct bind_names_item *own = bind_names_find(&names, u->name);

        for (uint32_t t = 0; t < u->type_count; t++) {
            struct span name = u->name;

            if (is_inner && u->counts[t] < count)
                continue;
            if (u->type_count > 1 && !is_inner)
                name = pool_printf(b->pool, "%.*s_%s", (int)name.n, name.p,
                                   kql_type_name(u->types[t]));
            if (own == NULL || own->value != i + 1 || u->type_count > 1)
                name = bind_names_unique(&names, name, 0);
            u->result[t] = bind_list_add(l, name, u->types[t], NULL, BIND_NO_COLUMN);
        }
    }
}

const struct kql_op *
bind_union_of(struct bind *b, const struct kql_syntax *s, const struct kql_op *const *inputs,
              const struct span *sources, uint32_t count, struct span source_column, bool is_inner)
{
    struct bind_list l = {.pool = b->pool};
    struct bind_names index;
    struct united *united = NULL;
    struct kql_op *op;
    uint32_t *map, width;
    bool is_open = false;

    if (source_column.n > 0)
        bind_list_add(&l, source_column, KQL_STRING, NULL, BIND_NO_COLUMN);
    unite(b, inputs, count, is_inner, &l, &index, &united);
    for (uint32_t i = 0; i < count; i++)
        is_open |= inputs[i]->schema.is_open;
    op = bind_op_make(b, KQL_ROWS_UNION, s, NULL, bind_list_schema(&l, is_open));
    width = op->schema.count;
    map = pool_take(b->pool, ((size_t)width * count + 1) * sizeof *map);
    memset(map, 0xff, (size_t)width * count * sizeof *map);
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_schema *schema = &inputs[i]->schema;

        bind_op_weigh(b, op, s, inputs[i]);
        for (uint32_t c = 0; c < schema->count; c++) {
            struct united *u = &united[bind_names_find(&index, schema->columns[c].name)->value];
            uint32_t result = u->result[type_index(u, schema->columns[c].type)];

            if (result < width)
                map[(size_t)i * width + result] = c;
        }
    }
    op->u.join_union.inputs = inputs;
    op->u.join_union.count = count;
    op->u.join_union.map = map;
    op->u.join_union.sources = source_column.n > 0 ? sources : NULL;
    return op;
}

const struct kql_op *
bind_union(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    static const char *const kinds[] = {"outer", "inner", NULL};
    bool is_inner = bind_option_choice(b, s, "kind", kinds, 0) == 1;
    bool is_fuzzy =
        bind_option_bool(b, s, "isfuzzy", false) || bind_option_bool(b, s, "best_effort", false);
    const struct kql_option *with = bind_option(s, "withsource");
    struct bind_tables tables = {.b = b};

    if (with == NULL)
        with = bind_option(s, "with_source");
    if (input != NULL)
        bind_tables_put(&tables, input, bind_table_name(b, NULL, input));
    for (uint32_t i = 0; i < s->child_count; i++)
        bind_tables_add(&tables, s->children[i], is_fuzzy);
    if (tables.count == 0) {
        if (is_fuzzy && b->d->error_count == 0)
            kql_complain(b->d, KQL_E_TABLE, s->at, s->size, "none of the tables of union exists");
        return bind_op_nothing(b, s);
    }
    return bind_union_of(b, s, tables.items, tables.names, (uint32_t)tables.count,
                         bind_option_word(with), is_inner);
}
