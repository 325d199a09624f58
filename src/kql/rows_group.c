/* rows_group.c - groups by hash, aggregates; summarize and distinct, count, top-hitters. */
#include "kql/rows_inner.h"
#include <math.h>

/* ---- groups ---- */

void
rows_groups_init(struct rows_groups *g, struct pool *pool, uint32_t key_count)
{
    *g = (struct rows_groups){.pool = pool, .key_count = key_count};
}

static uint64_t
hash_of(const struct rows_groups *g, const struct kql_value *keys)
{
    uint64_t h = 0;

    for (uint32_t i = 0; i < g->key_count; i++)
        h = (h ^ kql_value_hash(&keys[i])) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 32);
}

static struct rows_group *
find(const struct rows_groups *g, const struct kql_value *keys, uint64_t hash)
{
    struct rows_group *group = g->table_size == 0 ? NULL : g->table[hash & (g->table_size - 1)];

    for (; group != NULL; group = group->same) {
        uint32_t i = 0;

        if (group->hash != hash)
            continue;
        while (i < g->key_count && kql_value_same(&group->keys[i], &keys[i]))
            i++;
        if (i == g->key_count)
            return group;
    }
    return NULL;
}

struct rows_group *
rows_groups_find(const struct rows_groups *g, const struct kql_value *keys)
{
    return find(g, keys, hash_of(g, keys));
}

static void
enter(struct rows_groups *g, struct rows_group *group)
{
    struct rows_group **head = &g->table[group->hash & (g->table_size - 1)];

    group->same = *head;
    *head = group;
}

struct rows_group *
rows_groups_add(struct rows_groups *g, const struct kql_value *keys, bool is_lasting, bool *is_new)
{
    uint64_t hash = hash_of(g, keys);
    struct rows_group *group = find(g, keys, hash);

    *is_new = group == NULL;
    if (group != NULL)
        return group;
    if (g->count >= g->table_size) {
        g->table_size = g->table_size == 0 ? 16 : g->table_size * 2;
        g->table = pool_zeroed(g->pool, g->table_size, sizeof(struct rows_group *));
        for (size_t i = 0; i < g->count; i++)
            enter(g, g->items[i]);
    }
    group = pool_take(g->pool, sizeof *group);
    *group = (struct rows_group){.hash = hash};
    group->keys = rows_copy(g->pool, keys, g->key_count, is_lasting);
    g->items = pool_grow(g->pool, g->items, &g->items_room, g->count + 1, sizeof(void *));
    g->items[g->count++] = group;
    enter(g, group);
    return group;
}

/* ---- aggregates ---- */

/* An aggregate that the binder let pass, though it is not built. */
static void
not_built_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    (void)state, (void)args;
    pool_abandon(call->pool, "%s() is known to the language, but not built here",
                 (const char *)call->prepared);
}

static void
not_built_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    *result = kql_null(call->result_type);
    not_built_add(call, state, NULL);
}

static const struct kql_aggregate not_built = {0, NULL, not_built_add, not_built_finish, NULL, 0};

/* What the call is told of its arguments: their types as written, and those that are constant. */
static void
prepare_call(struct rows_aggregate *a, struct rows_run *run, const struct kql_expr *e)
{
    struct pool *pool = run->keep;
    uint8_t *types = pool_zeroed(pool, e->count + 1, 1);
    const struct kql_value **constants = pool_zeroed(pool, e->count + 1, sizeof *constants);
    struct err err = {""};

    for (uint32_t i = 0; i < e->count; i++) {
        const struct kql_expr *argument = e->arguments[i];

        if (argument->kind == KQL_EXPR_CONST)
            constants[i] = &argument->value;
        types[i] =
            argument->kind == KQL_EXPR_CONVERT ? argument->arguments[0]->type : argument->type;
    }
    a->call = (struct kql_call){.pool = run->keep,
                                .types = types,
                                .result_type = e->type,
                                .count = e->count,
                                .now = run->engine->now,
                                .random = &run->engine->random};
    if (e->function->prepare != NULL)
        a->call.prepared = e->function->prepare(pool, constants, e->count, &err);
    if (err.text[0] != '\0')
        pool_abandon(pool, "%s", err.text);
}

void
rows_aggregates_init(struct rows_aggregates *a, struct rows_run *run, const void *owner,
                     uint32_t slot, const struct kql_expr *const *exprs, uint32_t count)
{
    const struct kql_expr **arguments;
    uint32_t argument_count = 0;

    *a = (struct rows_aggregates){.count = count};
    a->items = pool_zeroed(run->keep, count + 1, sizeof *a->items);
    for (uint32_t i = 0; i < count; i++)
        argument_count += exprs[i]->count;
    arguments = pool_take(run->keep, (argument_count + 1) * sizeof *arguments);
    argument_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct rows_aggregate *item = &a->items[i];

        prepare_call(item, run, exprs[i]);
        item->code = exprs[i]->function->aggregate;
        if (item->code == NULL) {
            item->code = &not_built;
            item->call.prepared = (void *)(uintptr_t)exprs[i]->function->name;
        }
        item->state_at = a->state_size;
        a->state_size += (item->code->state_size + 15) & ~(size_t)15;
        item->first_argument = argument_count;
        item->argument_count = exprs[i]->count;
        for (uint32_t j = 0; j < exprs[i]->count; j++)
            arguments[argument_count++] = exprs[i]->arguments[j];
        item->result_at = a->result_count;
        item->result_count = exprs[i]->result_count > 1 ? exprs[i]->result_count : 1;
        item->result_type = exprs[i]->type;
        a->result_count += item->result_count;
    }
    rows_eval_init(&a->arguments, run, owner, slot, arguments, argument_count);
    a->cells = rows_cells_new(run->keep, argument_count);
}

void *
rows_aggregates_start(struct rows_aggregates *a, struct pool *pool)
{
    char *state = pool_zeroed(pool, 1, a->state_size + 1);

    for (uint32_t i = 0; i < a->count; i++)
        if (a->items[i].code->start != NULL)
            a->items[i].code->start(&a->items[i].call, state + a->items[i].state_at);
    return state;
}

void
rows_aggregates_add(struct rows_aggregates *a, void *state, struct kql_value *row)
{
    rows_eval_row(&a->arguments, row);
    for (uint32_t i = 0; i < a->count; i++) {
        struct rows_aggregate *item = &a->items[i];
        struct kql_value *cells = a->cells + item->first_argument;

        for (uint32_t j = 0; j < item->argument_count; j++)
            rows_eval_cell(&a->arguments, item->first_argument + j, &cells[j]);
        item->code->add(&item->call, (char *)state + item->state_at, cells);
    }
}

void
rows_aggregates_finish(struct rows_aggregates *a, void *state, struct kql_value *results)
{
    for (uint32_t i = 0; i < a->count; i++) {
        struct rows_aggregate *item = &a->items[i];
        struct kql_value *at = results + item->result_at;

        for (uint32_t j = 0; j < item->result_count; j++)
            at[j] = kql_null(item->result_type);
        item->code->finish(&item->call, (char *)state + item->state_at, at);
    }
}

/* ---- summarize ---- */

struct summarize_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval keys, finals;
    struct rows_aggregates aggregates;
    struct rows_groups groups;
    struct kql_value *in, *key, *results; /* results: the keys, then all results */
    size_t at;
    bool is_ready;
};

static struct rows_group *
group_of_row(struct summarize_cursor *s, bool *is_new)
{
    uint32_t key_count = s->c.op->u.summarize.key_count;

    rows_eval_row(&s->keys, s->in);
    for (uint32_t i = 0; i < key_count; i++)
        rows_eval_cell(&s->keys, i, &s->key[i]);
    return rows_groups_add(&s->groups, s->key, false, is_new);
}

static void
summarize_all(struct summarize_cursor *s)
{
    struct pool *scratch = s->c.run->scratch, *keep = s->c.run->keep;
    bool is_new;

    if (s->c.op->u.summarize.key_count == 0) {
        struct rows_group *all = rows_groups_add(&s->groups, s->key, true, &is_new);

        all->state = rows_aggregates_start(&s->aggregates, keep);
    }
    for (;;) {
        struct pool_mark mark = pool_mark(scratch);
        struct rows_group *group;

        if (!rows_next(s->input, s->in))
            return;
        group = group_of_row(s, &is_new);
        if (is_new)
            group->state = rows_aggregates_start(&s->aggregates, keep);
        rows_aggregates_add(&s->aggregates, group->state, s->in);
        pool_return(scratch, mark);
    }
}

static bool
summarize_next(struct rows_cursor *c, struct kql_value *row)
{
    struct summarize_cursor *s = (struct summarize_cursor *)c;
    uint32_t key_count = c->op->u.summarize.key_count;
    struct rows_group *group;

    if (!s->is_ready) {
        s->is_ready = true;
        summarize_all(s);
    }
    if (s->at == s->groups.count)
        return false;
    group = s->groups.items[s->at++];
    memcpy(s->results, group->keys, key_count * sizeof *row);
    rows_aggregates_finish(&s->aggregates, group->state, s->results + key_count);
    memcpy(row, group->keys, key_count * sizeof *row);
    rows_eval_row(&s->finals, s->results);
    for (uint32_t i = key_count; i < c->width; i++)
        rows_eval_cell(&s->finals, i - key_count, &row[i]);
    return true;
}

/* Without aggregates: each group as it comes, so that take ends it early. */
static bool
distinct_next(struct rows_cursor *c, struct kql_value *row)
{
    struct summarize_cursor *s = (struct summarize_cursor *)c;

    for (;;) {
        struct pool_mark mark = pool_mark(c->run->scratch);
        struct rows_group *group;
        bool is_new;

        if (!rows_next(s->input, s->in))
            return false;
        group = group_of_row(s, &is_new);
        pool_return(c->run->scratch, mark);
        if (!is_new)
            continue;
        memcpy(row, group->keys, c->width * sizeof *row);
        return true;
    }
}

struct rows_cursor *
rows_open_summarize(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    uint32_t key_count = op->u.summarize.key_count, count = op->u.summarize.aggregate_count;
    bool is_distinct = count == 0 && op->schema.count == key_count;
    struct summarize_cursor *s =
        rows_cursor_new(run, op, sizeof *s, is_distinct ? distinct_next : summarize_next);
    const struct kql_expr *const *keys = op->u.summarize.keys, *const *aggregates =
                                                                   op->u.summarize.aggregates;
    uint8_t *below;

    (void)wanted;
    if (rows_has_windows(keys, key_count) || rows_has_windows(aggregates, count)) {
        const struct kql_expr **all = pool_take(run->keep, (key_count + count + 1) * sizeof *all);
        const struct kql_expr *const *given = all;

        memcpy(all, keys, key_count * sizeof *all);
        memcpy(all + key_count, aggregates, count * sizeof *all);
        s->input =
            rows_windows(run, op, 3, rows_open(run, op->input, NULL), &given, key_count + count);
        keys = given;
        aggregates = given + key_count;
    }
    rows_eval_init(&s->keys, run, op, 0, keys, key_count);
    rows_aggregates_init(&s->aggregates, run, op, 1, aggregates, count);
    rows_eval_init(&s->finals, run, op, 2, op->u.summarize.finals, op->schema.count - key_count);
    if (s->input == NULL) {
        below = rows_wanted_new(run, &op->input->schema);
        rows_want_eval(below, &s->keys);
        rows_want_eval(below, &s->aggregates.arguments);
        s->input = rows_open(run, op->input, below);
    }
    s->in = rows_cells_new(run->keep, s->input->width);
    s->key = rows_cells_new(run->keep, key_count);
    s->results = rows_cells_new(run->keep, key_count + s->aggregates.result_count);
    rows_groups_init(&s->groups, run->keep, key_count);
    s->c.is_lasting = is_distinct;
    return &s->c;
}

/* ---- count ---- */

struct count_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct kql_value *in;
    bool is_done;
};

static bool
count_next(struct rows_cursor *c, struct kql_value *row)
{
    struct count_cursor *k = (struct count_cursor *)c;
    int64_t count = 0;

    if (k->is_done)
        return false;
    k->is_done = true;
    for (;; count++) {
        struct pool_mark mark = pool_mark(c->run->scratch);

        if (!rows_next(k->input, k->in))
            break;
        pool_return(c->run->scratch, mark);
    }
    row[0] = kql_integer(KQL_LONG, count);
    return true;
}

struct rows_cursor *
rows_open_count(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct count_cursor *k = rows_cursor_new(run, op, sizeof *k, count_next);

    (void)wanted;
    k->input = rows_open(run, op->input, rows_wanted_new(run, &op->input->schema));
    k->in = rows_cells_new(run->keep, k->input->width);
    k->c.is_lasting = true;
    return &k->c;
}

/* ---- top-hitters: exact, where the service estimates ---- */

struct hitters_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval eval; /* the value, its weight */
    struct rows_groups groups;
    struct kql_value *in;
    uint64_t limit;
    size_t at;
    bool is_ready;
};
struct hitter {
    int64_t whole;
    double real;
};

static int
compare_hitters(const void *context, const void *a, const void *b)
{
    const struct hitter *x = ((const struct rows_group *)a)->state,
                        *y = ((const struct rows_group *)b)->state;

    (void)context;
    if (isnan(x->real) || isnan(y->real)) /* below all */
        return isnan(x->real) - isnan(y->real);
    if (x->real < y->real || x->real > y->real)
        return x->real > y->real ? -1 : 1;
    return x->whole > y->whole ? -1 : x->whole < y->whole;
}

static void
hitters_all(struct hitters_cursor *h)
{
    struct pool *scratch = h->c.run->scratch;

    for (;;) {
        struct pool_mark mark = pool_mark(scratch);
        struct kql_value value, weight = kql_integer(KQL_LONG, 1);
        struct rows_group *group;
        struct hitter *hitter;
        bool is_new;

        if (!rows_next(h->input, h->in))
            break;
        rows_eval_row(&h->eval, h->in);
        rows_eval_cell(&h->eval, 0, &value);
        if (h->c.op->u.hitters.weight != NULL)
            rows_eval_cell(&h->eval, 1, &weight);
        group = rows_groups_add(&h->groups, &value, false, &is_new);
        if (is_new)
            group->state = pool_zeroed(h->groups.pool, 1, sizeof *hitter);
        hitter = group->state;
        if (!weight.is_null && weight.type == KQL_REAL)
            hitter->real += weight.r;
        else if (!weight.is_null && weight.type == KQL_DECIMAL)
            hitter->real += kql_decimal_to_real(weight.decimal);
        else if (!weight.is_null)
            hitter->whole = (int64_t)((uint64_t)hitter->whole + (uint64_t)weight.i);
        pool_return(scratch, mark);
    }
    rows_sort(h->c.run->keep, (void **)h->groups.items, h->groups.count, compare_hitters, NULL);
    h->is_ready = true;
}

static bool
hitters_next(struct rows_cursor *c, struct kql_value *row)
{
    struct hitters_cursor *h = (struct hitters_cursor *)c;
    const struct hitter *hitter;
    enum kql_type type = c->op->schema.columns[1].type;

    if (!h->is_ready)
        hitters_all(h);
    if (h->at == h->groups.count || h->at == h->limit)
        return false;
    hitter = h->groups.items[h->at]->state;
    row[0] = h->groups.items[h->at++]->keys[0];
    if (type == KQL_REAL) {
        row[1] = kql_real(hitter->real + (double)hitter->whole);
    } else if (type == KQL_DECIMAL) {
        struct kql_decimal *d = pool_zeroed(c->run->scratch, 1, sizeof *d);

        row[1] = kql_decimal_of_real(hitter->real, d)
                     ? (struct kql_value){.type = KQL_DECIMAL, .decimal = d}
                     : kql_null(KQL_DECIMAL);
    } else {
        row[1] = kql_integer(type, hitter->whole);
    }
    return true;
}

struct rows_cursor *
rows_open_hitters(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct hitters_cursor *h = rows_cursor_new(run, op, sizeof *h, hitters_next);
    const struct kql_expr *exprs[] = {op->u.hitters.expr, op->u.hitters.weight};
    uint8_t *below = rows_wanted_new(run, &op->input->schema);

    (void)wanted;
    h->limit = rows_constant_count(run, op, 1, op->u.hitters.count);
    rows_eval_init(&h->eval, run, op, 0, exprs, op->u.hitters.weight == NULL ? 1 : 2);
    rows_want_eval(below, &h->eval);
    h->input = rows_open(run, op->input, below);
    h->in = rows_cells_new(run->keep, h->input->width);
    rows_groups_init(&h->groups, run->keep, 1);
    return &h->c;
}
