/* eval_compile.c - expressions to a program.
 *
 *   1. Every expression becomes a node, from the leaves up; equal ones become the same node (kind,
 *      function, children and constants are compared), and expressions met again by address are not
 *      looked at twice: what streams hand in is a graph, as later operators use earlier columns.
 *   2. A call of constants only is computed on the spot; 'and' in 'and' and 'or' in 'or' are one
 *      node of many children, ordered so that what decides soonest comes first.
 *   3. Nodes that several others use get a slot, where their value is kept for the row.
 *   4. Common shapes get nodes of their own (eval_fast.c). */
#include "kql/eval_inner.h"
#include <stdlib.h>

/* Index by hash: of nodes by what they are, and of nodes by the expression they come from. */
struct table {
    struct eval_node **buckets;
    uint32_t room, count;
};
struct known { /* expression -> node */
    const struct kql_expr *expr;
    struct eval_node *node;
};

struct compile {
    struct pool *pool;
    struct kql_program *program;
    struct table nodes;
    struct known *known;
    uint32_t known_room, known_count, depth;
    size_t prepared_room, table_room;
    bool folds_now;
    int64_t now;
    struct err *err;
    bool has_failed;
};

static uint64_t
mix(uint64_t h, uint64_t x)
{
    h ^= x;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

static uint64_t
hash_bytes(uint64_t h, const char *p, size_t n)
{
    uint64_t word;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        h = mix(h, word);
    }
    word = 0;
    if (n > 0)
        memcpy(&word, p, n);
    return mix(h, word ^ ((uint64_t)n << 56));
}

static uint64_t
hash_constant(const struct kql_value *v)
{
    uint64_t h = mix(v->type, v->is_null), bits = 0;

    if (v->is_null)
        return h;
    if (v->type == KQL_STRING)
        return hash_bytes(h, v->text, v->size);
    memcpy(&bits, &v->i, sizeof bits);
    return mix(h, bits);
}

/* The very same: 1 and 1.0 are two, and what lies elsewhere is another. */
static bool
is_constant_same(const struct kql_value *a, const struct kql_value *b)
{
    if (a->type != b->type || a->is_null != b->is_null)
        return false;
    if (a->is_null)
        return true;
    if (a->type == KQL_STRING)
        return span_equal(kql_text(a), kql_text(b));
    return memcmp(&a->i, &b->i, sizeof a->i) == 0;
}

static bool
is_node_same(const struct eval_node *a, const struct eval_node *b)
{
    if (a->hash != b->hash || a->shape != b->shape || a->shape_test != b->shape_test ||
        a->type != b->type || a->function != b->function || a->table != b->table ||
        a->count != b->count || a->column != b->column || a->step != b->step ||
        a->is_constant != b->is_constant)
        return false;
    if (a->is_constant && !is_constant_same(&a->value, &b->value))
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->children[i] != b->children[i])
            return false;
    return a->types == b->types ||
           (a->types != NULL && b->types != NULL && memcmp(a->types, b->types, a->count) == 0);
}

static void
table_grow(struct compile *c, struct table *t)
{
    uint32_t room = t->room == 0 ? 64 : t->room * 2;
    struct eval_node **buckets = pool_zeroed(c->pool, room, sizeof *buckets);

    for (uint32_t i = 0; i < t->room; i++)
        for (struct eval_node *n = t->buckets[i], *next; n != NULL; n = next) {
            next = n->next;
            n->next = buckets[n->hash & (room - 1)];
            buckets[n->hash & (room - 1)] = n;
        }
    t->buckets = buckets;
    t->room = room;
}

/* The node that is the same, or this one, which is then kept. */
static struct eval_node *
intern(struct compile *c, struct eval_node *like)
{
    struct eval_node *n;

    like->shape = like->compute;
    like->shape_test = like->compute_test;
    if (c->nodes.count >= c->nodes.room)
        table_grow(c, &c->nodes);
    if (!like->is_volatile)
        for (n = c->nodes.buckets[like->hash & (c->nodes.room - 1)]; n != NULL; n = n->next)
            if (is_node_same(n, like))
                return n;
    n = pool_take(c->pool, sizeof *n);
    *n = *like;
    n->next = c->nodes.buckets[n->hash & (c->nodes.room - 1)];
    c->nodes.buckets[n->hash & (c->nodes.room - 1)] = n;
    c->nodes.count++;
    return n;
}

/* ---- expressions by address ---- */

static struct known *
known_find(struct known *known, uint32_t room, const struct kql_expr *e)
{
    uint32_t i = (uint32_t)mix(0, (uintptr_t)e >> 3) & (room - 1);

    while (known[i].expr != NULL && known[i].expr != e)
        i = (i + 1) & (room - 1);
    return &known[i];
}

static void
known_add(struct compile *c, const struct kql_expr *e, struct eval_node *n)
{
    if (c->known_count * 2 >= c->known_room) {
        uint32_t room = c->known_room == 0 ? 64 : c->known_room * 2;
        struct known *larger = pool_zeroed(c->pool, room, sizeof *larger);

        for (uint32_t i = 0; i < c->known_room; i++)
            if (c->known[i].expr != NULL)
                *known_find(larger, room, c->known[i].expr) = c->known[i];
        c->known = larger;
        c->known_room = room;
    }
    *known_find(c->known, c->known_room, e) = (struct known){e, n};
    c->known_count++;
}

/* ---- nodes ---- */

static struct eval_node *
fail(struct compile *c, const char *format, const char *name)
{
    if (!c->has_failed)
        err_set(c->err, ST_INVALID, format, name);
    c->has_failed = true;
    return NULL;
}

static struct eval_node *
constant(struct compile *c, enum kql_type type, struct kql_value v)
{
    struct eval_node n = {.eval = eval_constant,
                          .compute = eval_constant,
                          .test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = (uint8_t)type,
                          .is_constant = true,
                          .value = v,
                          .likely = 0.5f};

    if (v.is_null)
        n.value = kql_null(type);
    if (type == KQL_BOOL)
        n.likely = !v.is_null && v.i != 0 ? 1 : 0;
    n.hash = mix(hash_constant(&n.value), type);
    return intern(c, &n);
}

static struct eval_node *
column(struct compile *c, const struct kql_expr *e)
{
    struct eval_node n = {.eval = eval_column,
                          .compute = eval_column,
                          .test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = e->type,
                          .column = e->column,
                          .cost = e->type == KQL_STRING    ? 6
                                  : e->type == KQL_DYNAMIC ? 100
                                                           : 12,
                          .likely = 0.5f};

    n.hash = mix(mix(1, e->column), e->type);
    return intern(c, &n);
}

/* What is above its children: their cost and height. */
static void
add_up(struct eval_node *n)
{
    for (uint32_t i = 0; i < n->count; i++) {
        n->cost += n->children[i]->cost;
        if (n->children[i]->height >= n->height)
            n->height = n->children[i]->height + 1;
        n->is_volatile |= n->children[i]->is_volatile;
    }
}

static struct eval_node *
finish(struct compile *c, struct eval_node *n)
{
    n->hash = mix(mix(mix(2, (uintptr_t)n->function), (uintptr_t)n->table),
                  mix((uintptr_t)n->compute, (uintptr_t)n->compute_test) ^ n->type ^
                      ((uint64_t)n->column << 16) ^ ((uint64_t)n->step << 40));
    for (uint32_t i = 0; i < n->count; i++)
        n->hash = mix(n->hash, (uintptr_t)n->children[i]);
    add_up(n);
    if (n->height > EVAL_DEPTH_MAX)
        return fail(c, "the expression is nested too deep%s", "");
    return intern(c, n);
}

static struct eval_node *compile(struct compile *c, const struct kql_expr *e);

static const struct eval_node **
compile_all(struct compile *c, const struct kql_expr *const *arguments, uint32_t count)
{
    const struct eval_node **nodes =
        pool_take(c->pool, ((size_t)count + 1) * sizeof(struct eval_node *));

    for (uint32_t i = 0; i < count; i++) {
        nodes[i] = compile(c, arguments[i]);
        if (nodes[i] == NULL)
            return NULL;
    }
    return nodes;
}

/* ---- and, or ---- */

static bool
is_named(const struct kql_expr *e, const char *name)
{
    return e->kind == KQL_EXPR_CALL && (e->function->flags & KQL_F_LAZY) &&
           strcmp(e->function->name, name) == 0;
}

struct list {
    const struct eval_node **items;
    size_t count, room;
};

/* The operands of a tree of the same operator; its left side, which grows with the text, without
 * recursion. */
static bool
gather(struct compile *c, const struct kql_expr *e, const char *name, struct list *list)
{
    const struct kql_expr **waiting = NULL;
    size_t count = 0, room = 0;

    for (;;) {
        while (is_named(e, name) && e->count >= 2) {
            for (uint32_t i = e->count - 1; i > 0; i--) {
                waiting = pool_grow(c->pool, waiting, &room, count + 1, sizeof *waiting);
                waiting[count++] = e->arguments[i];
            }
            e = e->arguments[0];
        }
        const struct eval_node *n = compile(c, e);

        if (n == NULL)
            return false;
        list->items =
            pool_grow(c->pool, list->items, &list->room, list->count + 1, sizeof *list->items);
        list->items[list->count++] = n;
        if (count == 0)
            return true;
        e = waiting[--count];
    }
}

/* Of 'and': cost per chance of ending it (cost / (1 - likely)); of 'or': cost / likely. */
static float
rank(const struct eval_node *n, bool is_and)
{
    float ends = is_and ? 1 - n->likely : n->likely;

    return n->cost / (ends < 0.001f ? 0.001f : ends);
}

static void
order(const struct eval_node **items, size_t count, bool is_and)
{
    for (size_t i = 1; i < count; i++) { /* stable; conjunctions are short, lists are 'in' */
        const struct eval_node *n = items[i];
        size_t k = i;

        while (k > 0 && rank(items[k - 1], is_and) > rank(n, is_and)) {
            items[k] = items[k - 1];
            k--;
        }
        items[k] = n;
    }
}

/* Leaves out what is there twice, and constants that decide nothing. A constant that decides all is
 * given back. */
static const struct eval_node *
prune(struct list *list, bool is_and)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct eval_node *n = list->items[i];
        bool is_there = false;

        if (n->is_constant && !n->value.is_null) {
            if ((n->value.i != 0) != is_and)
                return n;
            continue;
        }
        /* Looking for it in long lists would be quadratic; there it costs little to keep. */
        for (size_t k = 0; k < kept && k < 64 && !is_there; k++)
            is_there = list->items[k] == n && !n->is_volatile;
        if (!is_there)
            list->items[kept++] = n;
    }
    list->count = kept;
    return NULL;
}

static struct eval_node *
logic(struct compile *c, const struct kql_expr *e, bool is_and)
{
    struct list list = {0};
    struct eval_node n = {.eval = eval_from_test,
                          .compute = eval_from_test,
                          .test = is_and ? eval_and : eval_or,
                          .compute_test = is_and ? eval_and : eval_or,
                          .type = KQL_BOOL,
                          .cost = 1,
                          .likely = is_and ? 1 : 0};
    const struct eval_node *decided;

    if (!gather(c, e, is_and ? "and" : "or", &list))
        return NULL;
    decided = prune(&list, is_and);
    if (decided != NULL)
        return (struct eval_node *)decided;
    if (list.count == 0)
        return constant(c, KQL_BOOL, kql_bool(is_and));
    if (list.count == 1)
        return (struct eval_node *)list.items[0];
    if (list.count <= 1000)
        order(list.items, list.count, is_and);
    for (size_t i = 0; i < list.count; i++)
        n.likely = is_and ? n.likely * list.items[i]->likely
                          : n.likely + (1 - n.likely) * list.items[i]->likely;
    n.children = list.items;
    n.count = (uint32_t)list.count;
    return finish(c, &n);
}

/* ---- iff, case, coalesce ---- */

static struct eval_node *
lazy(struct compile *c, const struct kql_expr *e)
{
    const char *name = e->function->name;
    struct eval_node n = {.test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = e->type,
                          .cost = 3,
                          .likely = 0.5f};
    bool is_iff = strcmp(name, "iff") == 0 || strcmp(name, "iif") == 0;

    if (strcmp(name, "and") == 0 || strcmp(name, "or") == 0)
        return logic(c, e, name[0] == 'a');
    if (is_iff && e->count == 3)
        n.compute = eval_iff;
    else if (strcmp(name, "case") == 0 && e->count % 2 == 1)
        n.compute = eval_case;
    else if (strcmp(name, "coalesce") == 0 && e->count > 0)
        n.compute = eval_coalesce;
    else
        return fail(c, "%s cannot be evaluated with these arguments", name);
    n.eval = n.compute;
    n.children = compile_all(c, e->arguments, e->count);
    n.count = e->count;
    if (n.children == NULL)
        return NULL;
    if (n.compute == eval_coalesce) {
        bool is_all_constant = true;

        for (uint32_t i = 0; i < n.count; i++)
            is_all_constant = is_all_constant && n.children[i]->is_constant;
        if (is_all_constant) {
            struct kql_value v;

            eval_coalesce(NULL, &n, &v);
            return constant(c, e->type, v);
        }
        return finish(c, &n);
    }
    /* Conditions that are known choose now. */
    uint32_t at = 0;

    while (at + 1 < n.count && n.children[at]->is_constant) {
        if (kql_is_true(&n.children[at]->value))
            return (struct eval_node *)n.children[at + 1];
        at += 2;
    }
    n.children += at;
    n.count -= at;
    if (n.count == 1)
        return (struct eval_node *)n.children[0];
    return finish(c, &n);
}

/* ---- calls ---- */

static bool
prepare(struct compile *c, struct eval_node *n)
{
    const struct kql_value **constants =
        pool_zeroed(c->pool, (size_t)n->count + 1, sizeof *constants);
    struct kql_program *p = c->program;
    struct err err = {""};

    for (uint32_t i = 0; i < n->count; i++)
        constants[i] = n->children[i]->is_constant ? &n->children[i]->value : NULL;
    p->prepared = pool_grow(c->pool, p->prepared, &c->prepared_room, (size_t)p->prepared_count + 1,
                            sizeof *p->prepared);
    n->prepared = n->function->prepare(c->pool, constants, n->count, &err);
    if (n->prepared != NULL && n->function->release != NULL)
        p->prepared[p->prepared_count++] = (struct eval_prepared){n->function, n->prepared};
    if (n->prepared == NULL && err.text[0] != '\0') {
        fail(c, "%s", err.text);
        return false;
    }
    return true;
}

/* Array constants behind the first argument become as many constants. */
static void
flatten(struct compile *c, struct eval_node *n)
{
    uint64_t whole = n->count;
    uint32_t at = 0;
    bool any = false;

    for (uint32_t i = 1; i < n->count; i++) {
        const struct eval_node *k = n->children[i];

        if (!k->is_constant) {
            n->has_lists |= k->type == KQL_DYNAMIC;
        } else if (!k->value.is_null && k->value.type == KQL_ARRAY) {
            any = true;
            whole += (uint64_t)k->value.array->count - 1;
        }
    }
    if (!any || n->has_lists)
        return; /* together at run time */
    const struct eval_node **flat = pool_take(c->pool, (whole + 1) * sizeof *flat);
    uint8_t *types = pool_take(c->pool, whole + 1);

    for (uint32_t i = 0; i < n->count; i++) {
        const struct eval_node *k = n->children[i];

        if (i == 0 || !k->is_constant || k->value.is_null || k->value.type != KQL_ARRAY) {
            types[at] = n->types[i];
            flat[at++] = k;
            continue;
        }
        for (uint32_t m = 0; m < k->value.array->count; m++) {
            types[at] = KQL_DYNAMIC;
            flat[at++] = constant(c, KQL_DYNAMIC, k->value.array->items[m]);
        }
    }
    n->children = flat;
    n->types = types;
    n->count = at;
}

static void
place_arguments(struct compile *c, struct eval_node *n)
{
    uint32_t *variable = pool_take(c->pool, ((size_t)n->count + 1) * sizeof *variable);

    for (uint32_t i = 0; i < n->count; i++)
        if (!n->children[i]->is_constant)
            variable[n->variable_count++] = i;
    n->variable = variable;
    n->args_at = c->program->args_count;
    c->program->args_count += n->count;
}

/* Computed now, with arguments in the pool. */
static struct eval_node *
fold_call(struct compile *c, const struct eval_node *n)
{
    struct kql_slot slot = {.row = 1};
    struct kql_value *args = pool_take(c->pool, ((size_t)n->count + 1) * sizeof *args), v;
    struct kql_run run = {.pool = c->pool, .now = c->now, .slots = &slot, .arguments = args};

    for (uint32_t i = 0; i < n->count; i++)
        args[i] = n->children[i]->value;
    n->compute(&run, n, &v);
    return constant(c, n->type, v);
}

static float
call_cost(const struct kql_function *f)
{
    static const struct {
        const char *name;
        float cost;
    } known[] = {
        {"==",            2  },
        {"!=",            2  },
        {"<",             2  },
        {">",             2  },
        {"<=",            2  },
        {">=",            2  },
        {"not",           1  },
        {"isempty",       1  },
        {"isnotempty",    1  },
        {"isnull",        1  },
        {"isnotnull",     1  },
        {".",             15 },
        {"matches regex", 300},
        {"extract",       400},
        {"parse_json",    500},
        {"todynamic",     500},
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i].name, f->name) == 0)
            return known[i].cost;
    return 40;
}

static float
call_likely(const struct kql_function *f)
{
    static const struct {
        const char *name;
        float likely;
    } known[] = {
        {"==",            0.1f},
        {"in",            0.2f},
        {"=~",            0.1f},
        {"in~",           0.2f},
        {"has",           0.1f},
        {"contains",      0.1f},
        {"startswith",    0.1f},
        {"endswith",      0.1f},
        {"has_any",       0.2f},
        {"matches regex", 0.2f},
        {"!=",            0.9f},
        {"!~",            0.9f},
        {"!in",           0.8f},
        {"isnotempty",    0.8f},
        {"isempty",       0.2f},
        {"isnull",        0.2f},
        {"isnotnull",     0.8f},
    };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (strcmp(known[i].name, f->name) == 0)
            return known[i].likely;
    return f->name[0] == '!' ? 0.9f : 0.5f;
}

static struct eval_node *
other(struct compile *c, const struct kql_expr *e, eval_run *run)
{
    struct eval_node n = {.eval = run,
                          .compute = run,
                          .test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = e->type,
                          .table = e->table,
                          .column = e->column,
                          .step = e->step,
                          .function = e->function,
                          .is_volatile = e->kind == KQL_EXPR_CALL,
                          .cost = 5,
                          .likely = 0.5f};

    return finish(c, &n);
}

static struct eval_node *
call(struct compile *c, const struct kql_expr *e)
{
    const struct kql_function *f = e->function;
    struct eval_node n = {.eval = eval_call,
                          .compute = eval_call,
                          .test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = e->type,
                          .function = f,
                          .count = e->count,
                          .is_strict = !(f->flags & KQL_F_TAKES_NULLS),
                          .is_volatile = f->flags & KQL_F_VOLATILE,
                          .cost = call_cost(f),
                          .likely = call_likely(f)};
    uint8_t *types = pool_take(c->pool, (size_t)e->count + 1);
    bool is_constant = !(f->flags & KQL_F_VOLATILE) && (!(f->flags & KQL_F_NOW) || c->folds_now);

    if (f->flags & KQL_F_LAZY)
        return lazy(c, e);
    if (f->call == NULL || (f->flags & KQL_F_NOT_BUILT))
        return other(c, e, eval_not_built);
    n.children = compile_all(c, e->arguments, e->count);
    if (n.children == NULL)
        return NULL;
    for (uint32_t i = 0; i < e->count; i++) {
        const struct kql_expr *a = e->arguments[i];

        types[i] = a->kind == KQL_EXPR_CONVERT ? a->arguments[0]->type : a->type;
    }
    n.types = types;
    if (f->flags & KQL_F_ARRAY_LIST)
        flatten(c, &n);
    if (n.has_lists)
        n.eval = n.compute = eval_call_lists;
    for (uint32_t i = 0; i < n.count; i++) {
        is_constant = is_constant && n.children[i]->is_constant;
        if (n.is_strict && n.children[i]->is_constant && n.children[i]->value.is_null)
            return constant(c, e->type, kql_null(e->type));
    }
    /* Equal ones are found before anything is prepared for them. */
    struct eval_node *made = finish(c, &n);

    if (made != NULL && made->prepared != NULL && is_constant) /* its arguments have no place */
        return fold_call(c, made);
    if (made == NULL || made->prepared != NULL || made->variable != NULL || made->fast != NULL ||
        made->compute == eval_from_test)
        return made;
    if (!is_constant && eval_make_fast(c->pool, made))
        return made;
    if (f->prepare != NULL && !made->has_lists && !prepare(c, made))
        return NULL;
    if (is_constant)
        return fold_call(c, made);
    if (eval_make_fast_prepared(made))
        return made;
    place_arguments(c, made);
    return made;
}

static struct eval_node *
convert(struct compile *c, const struct kql_expr *e)
{
    struct eval_node n = {.eval = eval_convert,
                          .compute = eval_convert,
                          .test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = e->type,
                          .count = 1,
                          .cost = 3,
                          .likely = 0.5f};

    n.children = compile_all(c, e->arguments, 1);
    if (n.children == NULL)
        return NULL;
    if (n.children[0]->type == e->type)
        return (struct eval_node *)n.children[0];
    if (n.children[0]->is_constant) {
        struct kql_run run = {.pool = c->pool};
        struct kql_value v;

        eval_convert(&run, &n, &v);
        return constant(c, e->type, v);
    }
    return finish(c, &n);
}

static struct eval_node *
in_table(struct compile *c, const struct kql_expr *e)
{
    struct kql_program *p = c->program;
    uint8_t *types = pool_take(c->pool, 2);
    struct eval_node n = {.eval = eval_in_table,
                          .compute = eval_in_table,
                          .test = eval_test_value,
                          .compute_test = eval_test_value,
                          .type = e->type,
                          .table = e->table,
                          .function = e->function,
                          .is_strict = !(e->function->flags & KQL_F_TAKES_NULLS),
                          .count = 1,
                          .cost = 20,
                          .likely = 0.3f,
                          .is_volatile = true /* not made one with others: has its own slot */};

    n.children = compile_all(c, e->arguments, 1);
    if (n.children == NULL)
        return NULL;
    types[0] = e->arguments[0]->kind == KQL_EXPR_CONVERT ? e->arguments[0]->arguments[0]->type
                                                         : e->arguments[0]->type;
    types[1] = e->table->schema.count > 0 ? e->table->schema.columns[0].type : KQL_DYNAMIC;
    n.types = types;
    n.column = p->slot_count++;
    struct eval_node *made = finish(c, &n);

    if (made == NULL)
        return NULL;
    p->tables = pool_grow(c->pool, p->tables, &c->table_room, (size_t)p->table_count + 1,
                          sizeof *p->tables);
    p->tables[p->table_count++] = made;
    return made;
}

static struct eval_node *
compile_kind(struct compile *c, const struct kql_expr *e)
{
    switch ((enum kql_expr_kind)e->kind) {
    case KQL_EXPR_CONST:
        return constant(c, e->type, e->value);
    case KQL_EXPR_COLUMN:
        return column(c, e);
    case KQL_EXPR_CALL:
        return call(c, e);
    case KQL_EXPR_CONVERT:
        return convert(c, e);
    case KQL_EXPR_TO_SCALAR:
        return other(c, e, eval_to_scalar);
    case KQL_EXPR_IN_TABLE:
        return in_table(c, e);
    case KQL_EXPR_STEP_COLUMN:
        return other(c, e, eval_step_cell);
    case KQL_EXPR_TABLE:
        break;
    }
    return constant(c, KQL_DYNAMIC,
                    kql_null(KQL_DYNAMIC)); /* plugins read their tables themselves */
}

/* NULL: refused, and err says why. */
static struct eval_node *
compile(struct compile *c, const struct kql_expr *e)
{
    struct eval_node *n;

    if (c->known_room > 0) {
        const struct known *known = known_find(c->known, c->known_room, e);

        if (known->expr != NULL)
            return known->node;
    }
    if (++c->depth > EVAL_DEPTH_MAX)
        return fail(c, "the expression is nested too deep%s", "");
    n = compile_kind(c, e);
    c->depth--;
    if (n != NULL)
        known_add(c, e, n);
    return n;
}

/* ---- the program ---- */

static bool
is_worth_a_slot(const struct eval_node *n)
{
    return n->uses > 1 && !n->is_constant && n->compute != eval_column && n->cost > 8;
}

static void
count_uses(struct eval_node *n)
{
    if (n->uses++ > 0)
        return;
    for (uint32_t i = 0; i < n->count; i++)
        count_uses((struct eval_node *)n->children[i]);
}

static int
compare_columns(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Once all is known: who is shared, which columns are read, what all calls' arguments are. */
static void
complete(struct compile *c, struct eval_node *const *roots)
{
    struct kql_program *p = c->program;
    size_t column_room = 0;

    for (uint32_t i = 0; i < p->count; i++)
        count_uses(roots[i]);
    p->args = pool_zeroed(c->pool, (size_t)p->args_count + 1, sizeof *p->args);
    for (uint32_t b = 0; b < c->nodes.room; b++)
        for (struct eval_node *n = c->nodes.buckets[b]; n != NULL; n = n->next) {
            if (n->uses == 0)
                continue;
            if (n->compute == eval_column) {
                p->columns = pool_grow(c->pool, p->columns, &column_room,
                                       (size_t)p->column_count + 1, sizeof *p->columns);
                p->columns[p->column_count++] = n->column;
            }
            for (uint32_t i = 0; n->variable != NULL && i < n->count; i++)
                if (n->children[i]->is_constant)
                    p->args[n->args_at + i] = n->children[i]->value;
            if (is_worth_a_slot(n)) {
                n->slot = p->slot_count++;
                n->eval = eval_slot;
                n->test = eval_slot_test;
            }
        }
    if (p->column_count > 1)
        qsort(p->columns, p->column_count, sizeof *p->columns, compare_columns);
}

static bool
compile_program(struct compile *c, const struct kql_expr *const *exprs)
{
    struct eval_node **roots =
        pool_take(c->pool, ((size_t)c->program->count + 1) * sizeof(struct eval_node *));

    for (uint32_t i = 0; i < c->program->count; i++) {
        roots[i] = compile(c, exprs[i]);
        if (roots[i] == NULL)
            return false;
    }
    complete(c, roots);
    c->program->roots = (const struct eval_node **)roots;
    return true;
}

/* What was prepared may hold memory outside the pool: when the pool is spent on the way, that is
 * given back before whoever waits is told. */
static bool
compile_safely(struct compile *c, const struct kql_expr *const *exprs)
{
    jmp_buf *outer = c->pool->escape, here;
    bool done;

    if (setjmp(here) != 0) {
        c->pool->escape = outer;
        kql_program_free(c->program);
        longjmp(*outer, 1);
    }
    c->pool->escape = &here;
    done = compile_program(c, exprs);
    c->pool->escape = outer;
    if (!done)
        kql_program_free(c->program);
    return done;
}

struct kql_program *
kql_program_new(struct pool *pool, const struct kql_expr *const *exprs, uint32_t count,
                struct err *err)
{
    struct kql_program *p = pool_zeroed(pool, 1, sizeof *p);
    struct compile *c = pool_zeroed(pool, 1, sizeof *c);

    p->pool = pool;
    p->count = count;
    p->slot_count = 1;
    c->pool = pool;
    c->program = p;
    c->err = err;
    return compile_safely(c, exprs) ? p : NULL;
}

/* ---- folding ---- */

static bool
is_constant(const struct kql_expr *e, uint32_t depth)
{
    if (e->kind == KQL_EXPR_CONST)
        return true;
    if ((e->kind != KQL_EXPR_CALL && e->kind != KQL_EXPR_CONVERT) || depth > EVAL_DEPTH_MAX)
        return false;
    if (e->kind == KQL_EXPR_CALL &&
        ((e->function->kind != KQL_SCALAR && e->function->kind != KQL_OPERATOR) ||
         (e->function->flags & (KQL_F_VOLATILE | KQL_F_NOT_BUILT))))
        return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (!is_constant(e->arguments[i], depth + 1))
            return false;
    return true;
}

bool
kql_fold(struct pool *pool, int64_t now, const struct kql_expr *e, struct kql_value *out)
{
    struct kql_program p = {.pool = pool, .count = 1, .slot_count = 1};
    struct err ignored;
    struct compile c = {
        .pool = pool, .program = &p, .folds_now = true, .now = now, .err = &ignored};
    bool is_known;

    if (e->kind == KQL_EXPR_CONST) {
        *out = e->value;
        return true;
    }
    if (!is_constant(e, 0) || !compile_safely(&c, &e))
        return false;
    is_known = p.roots[0]->is_constant;
    if (is_known)
        *out = p.roots[0]->value;
    kql_program_free(&p);
    return is_known;
}
