/* rows_sort.c - sort, top, sample, sample-distinct.
 *
 * Order (sort operator page): a null is the smallest value unless nulls first or last is written;
 * NaN stands between the nulls and the values on whichever side the nulls are. Equal rows keep
 * their order. */
#include "kql/rows_inner.h"
#include <math.h>

struct keyed_row {
    /* the first key as numbers that order as it does, as far as they tell: most comparisons end
     * here */
    uint64_t rank;
    uint8_t place; /* of values, NaN and nulls among each other */
    const struct kql_value *cells;
    const struct kql_value *keys;
    uint64_t index;
};

/* 0: a value; 1: NaN; 2: null */
static int
oddness(const struct kql_value *v)
{
    return v->is_null ? 2 : v->type == KQL_REAL && isnan(v->r) ? 1 : 0;
}

static int
compare_keys(const struct kql_op *op, const struct kql_value *a, const struct kql_value *b)
{
    for (uint32_t i = 0; i < op->u.sort.key_count; i++) {
        const struct kql_sort_key *key = &op->u.sort.keys[i];
        int odd_a = oddness(&a[i]), odd_b = oddness(&b[i]), order;

        if (odd_a != odd_b)
            return (odd_a > odd_b) == key->nulls_first ? -1 : 1;
        if (odd_a != 0)
            continue;
        order = kql_value_compare(&a[i], &b[i]);
        if (order != 0)
            return key->is_descending ? -order : order;
    }
    return 0;
}

/* Order-preserving: of two values the smaller one's is not larger. */
static uint64_t
rank_of(const struct kql_value *v)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t rank = 0;
    double real;

    switch (v->type) {
    case KQL_BOOL:
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return (uint64_t)v->i ^ sign;
    case KQL_REAL:
        real = v->r + 0.0; /* -0.0 is 0.0 */
        memcpy(&rank, &real, sizeof rank);
        return (rank & sign) != 0 ? ~rank : rank | sign;
    case KQL_STRING:
        for (uint32_t i = 0; i < sizeof rank; i++)
            rank = rank << 8 | (i < v->size ? (unsigned char)v->text[i] : 0);
        return rank;
    default:
        return 0;
    }
}

static void
set_rank(struct keyed_row *row, const struct kql_sort_key *key, bool is_typed)
{
    int odd = oddness(&row->keys[0]);

    row->place = (uint8_t)(key->nulls_first ? 2 - odd : odd);
    row->rank = odd != 0 || !is_typed ? 0 : rank_of(&row->keys[0]);
    if (key->is_descending)
        row->rank = ~row->rank;
}

static int
compare_rows(const void *context, const void *a, const void *b)
{
    const struct keyed_row *x = a, *y = b;

    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return compare_keys(context, x->keys, y->keys);
}

/* Rows that tie: as they came. */
static int
compare_rows_total(const void *context, const void *a, const void *b)
{
    const struct keyed_row *x = a, *y = b;
    int order = compare_rows(context, a, b);

    return order != 0 ? order : x->index < y->index ? -1 : x->index > y->index;
}

/* What is moved about when all rows are sorted: the rows themselves are looked at only where the
 * ranks tie, or every comparison would miss the cache twice. */
struct sort_item {
    uint64_t rank;
    struct keyed_row *row;
};

static bool
is_before(const struct kql_op *op, const struct sort_item *a, const struct sort_item *b)
{
    return a->rank != b->rank ? a->rank < b->rank
                              : compare_keys(op, a->row->keys, b->row->keys) <= 0;
}

/* Bottom-up merge, as in rows_sort; gives the sorted ones of the two arrays. */
static struct sort_item *
merge_all(const struct kql_op *op, struct pool *p, struct sort_item *from, struct sort_item *to,
          size_t count)
{
    for (size_t width = 1; width < count; width *= 2) {
        struct sort_item *other = from;

        for (size_t at = 0; at < count; at += width * 2) {
            size_t middle = at + width < count ? at + width : count;
            size_t end = at + 2 * width < count ? at + 2 * width : count;
            size_t left = at, right = middle, out = at;

            if ((at & 0xfff) == 0)
                pool_check(p);
            while (left < middle && right < end)
                to[out++] = is_before(op, &from[left], &from[right]) ? from[left++] : from[right++];
            while (left < middle)
                to[out++] = from[left++];
            while (right < end)
                to[out++] = from[right++];
        }
        from = to;
        to = other;
    }
    return from;
}

/* Rows of one place among the others (values, NaN, nulls) at a time. */
static void
sort_rows(const struct kql_op *op, struct pool *p, struct keyed_row **rows, size_t count)
{
    struct sort_item *items, *spare, *sorted;
    struct keyed_row **all;
    size_t done = 0, n;

    if (count < 2)
        return;
    items = pool_take(p, count * sizeof *items);
    spare = pool_take(p, count * sizeof *spare);
    all = pool_take(p, count * sizeof(struct keyed_row *));
    memcpy(all, rows, count * sizeof(struct keyed_row *));
    for (unsigned place = 0; place <= 2; place++) {
        n = 0;
        for (size_t i = 0; i < count; i++)
            if (all[i]->place == place)
                items[n++] = (struct sort_item){all[i]->rank, all[i]};
        sorted = merge_all(op, p, items, spare, n);
        for (size_t i = 0; i < n; i++)
            rows[done++] = sorted[i].row;
    }
}

struct sort_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_picks picks;
    struct rows_eval keys;
    struct kql_value *in;
    struct keyed_row **rows; /* NULL: not yet sorted */
    size_t count, at, room;
    uint64_t limit; /* top */
    /* top: the rows kept live in 'live'; when too much of it is of rows that were pushed out, what is
     * left moves to 'spare' and the two change places */
    struct pool *live, *spare;
    size_t used, moved_size; /* bytes of rows in 'live'; of those when they moved there */
    bool is_ready, is_limited;
};

static const struct kql_expr *const *
key_exprs(struct rows_run *run, const struct kql_op *op)
{
    const struct kql_expr **exprs = pool_take(run->keep, op->u.sort.key_count * sizeof *exprs);

    for (uint32_t i = 0; i < op->u.sort.key_count; i++)
        exprs[i] = op->u.sort.keys[i].expr;
    return exprs;
}

static struct keyed_row *
keep_row(struct sort_cursor *s, struct pool *p, const struct kql_value *cells,
         const struct kql_value *keys, uint64_t index, bool is_picked)
{
    struct keyed_row *kept = pool_take(p, sizeof *kept);

    kept->cells = is_picked ? rows_copy(p, cells, s->picks.count, false)
                            : rows_picks_copy(&s->picks, p, cells, s->input->is_lasting);
    kept->keys = rows_copy(p, keys, s->c.op->u.sort.key_count, false);
    kept->index = index;
    kept->rank = 0;
    kept->place = 0;
    if (s->c.op->u.sort.key_count > 0)
        set_rank(kept, &s->c.op->u.sort.keys[0], s->c.op->u.sort.keys[0].expr->type != KQL_DYNAMIC);
    s->used += sizeof *kept;
    for (uint32_t i = 0; i < s->picks.count && p == s->live; i++)
        s->used += sizeof *cells + kql_value_size(&kept->cells[i]);
    return kept;
}

static struct kql_value *
eval_keys(struct sort_cursor *s, struct kql_value *keys)
{
    rows_eval_row(&s->keys, s->in);
    for (uint32_t i = 0; i < s->c.op->u.sort.key_count; i++)
        rows_eval_cell(&s->keys, i, &keys[i]);
    return keys;
}

static void
sort_all(struct sort_cursor *s)
{
    struct rows_run *run = s->c.run;
    struct kql_value *keys = rows_cells_new(run->keep, s->c.op->u.sort.key_count);

    for (;;) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (!rows_next(s->input, s->in))
            break;
        eval_keys(s, keys);
        s->rows = pool_grow(run->keep, s->rows, &s->room, s->count + 1, sizeof *s->rows);
        s->rows[s->count] = keep_row(s, run->keep, s->in, keys, s->count, false);
        s->count++;
        pool_return(run->scratch, mark);
    }
    sort_rows(s->c.op, run->keep, s->rows, s->count);
}

/* ---- top: a heap whose root is the row that would leave first ---- */

static void
sift_down(struct sort_cursor *s, size_t at)
{
    for (;;) {
        size_t child = 2 * at + 1;
        struct keyed_row *swap;

        if (child >= s->count)
            return;
        if (child + 1 < s->count &&
            compare_rows_total(s->c.op, s->rows[child + 1], s->rows[child]) > 0)
            child++;
        if (compare_rows_total(s->c.op, s->rows[child], s->rows[at]) <= 0)
            return;
        swap = s->rows[at];
        s->rows[at] = s->rows[child];
        s->rows[child] = swap;
        at = child;
    }
}

static void
sift_up(struct sort_cursor *s, size_t at)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        struct keyed_row *swap = s->rows[parent];

        if (compare_rows_total(s->c.op, s->rows[at], swap) <= 0)
            return;
        s->rows[parent] = s->rows[at];
        s->rows[at] = swap;
        at = parent;
    }
}

static void
move_live(struct sort_cursor *s)
{
    struct pool *p = s->live;

    s->live = s->spare;
    s->used = 0;
    for (size_t i = 0; i < s->count; i++)
        s->rows[i] =
            keep_row(s, s->live, s->rows[i]->cells, s->rows[i]->keys, s->rows[i]->index, true);
    pool_reset(p);
    s->spare = p;
    s->moved_size = s->used;
}

static void
top_some(struct sort_cursor *s)
{
    struct rows_run *run = s->c.run;
    const struct kql_op *op = s->c.op;
    struct kql_value *keys = rows_cells_new(run->keep, op->u.sort.key_count);
    uint64_t index = 0;

    s->live = rows_pool_new(run);
    s->spare = rows_pool_new(run);
    for (; s->limit > 0; index++) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (!rows_next(s->input, s->in))
            break;
        eval_keys(s, keys);
        if (s->count < s->limit) {
            s->rows = pool_grow(run->keep, s->rows, &s->room, s->count + 1, sizeof *s->rows);
            s->rows[s->count] = keep_row(s, s->live, s->in, keys, index, false);
            sift_up(s, s->count++);
            s->moved_size = s->used;
        } else if (compare_keys(op, keys, s->rows[0]->keys) < 0) {
            s->rows[0] = keep_row(s, s->live, s->in, keys, index, false);
            sift_down(s, 0);
            if (s->used > 2 * s->moved_size + (1 << 18))
                move_live(s);
        }
        pool_return(run->scratch, mark);
    }
    rows_sort(run->keep, (void **)s->rows, s->count, compare_rows_total, op);
    /* The pools of the heap end with the run; what is left may be the answer, which stays. */
    for (size_t i = 0; i < s->count; i++)
        s->rows[i]->cells = rows_copy(run->keep, s->rows[i]->cells, s->picks.count, false);
}

static bool
sort_next(struct rows_cursor *c, struct kql_value *row)
{
    struct sort_cursor *s = (struct sort_cursor *)c;

    if (!s->is_ready) {
        s->is_ready = true;
        if (s->is_limited)
            top_some(s);
        else
            sort_all(s);
    }
    if (s->at == s->count)
        return false;
    rows_picks_spread(&s->picks, s->rows[s->at++]->cells, c->width, row);
    return true;
}

struct rows_cursor *
rows_open_sort(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct sort_cursor *s = rows_cursor_new(run, op, sizeof *s, sort_next);
    const struct kql_expr *const *exprs = key_exprs(run, op);
    uint8_t *below = NULL;

    if (!rows_has_windows(exprs, op->u.sort.key_count)) {
        rows_eval_init(&s->keys, run, op, 0, exprs, op->u.sort.key_count);
        if (wanted != NULL) {
            below = rows_wanted_new(run, &op->schema);
            memcpy(below, wanted, op->schema.count);
            rows_want_eval(below, &s->keys);
        }
        s->input = rows_open(run, op->input, below);
    } else {
        s->input =
            rows_windows(run, op, 2, rows_open(run, op->input, NULL), &exprs, op->u.sort.key_count);
        rows_eval_init(&s->keys, run, op, 0, exprs, op->u.sort.key_count);
    }
    rows_picks_init(&s->picks, run, &op->schema, wanted);
    s->in = rows_cells_new(run->keep, s->input->width);
    s->c.is_lasting = true;
    return &s->c;
}

struct rows_cursor *
rows_open_top(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct sort_cursor *s = (struct sort_cursor *)rows_open_sort(run, op, wanted);

    s->limit = rows_constant_count(run, op, 1, op->u.sort.limit);
    s->is_limited = true;
    return &s->c;
}

void
rows_sort_limit(struct rows_cursor *c, uint64_t limit)
{
    struct sort_cursor *s = (struct sort_cursor *)c;

    if (c->next != sort_next || (s->is_limited && s->limit <= limit))
        return;
    s->limit = limit;
    s->is_limited = true;
}

/* ---- sample: each row with the same chance (a reservoir) ---- */

struct sample_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    uint64_t limit;
    struct rows_list list;
    size_t at;
    bool is_ready;
};

static void
sample_all(struct sample_cursor *s)
{
    struct rows_run *run = s->c.run;
    struct kql_value *row = rows_cells_new(run->keep, s->c.width);

    for (uint64_t seen = 1; s->limit > 0; seen++) {
        struct pool_mark mark = pool_mark(run->scratch);
        uint64_t at;

        if (!rows_next(s->input, row))
            return;
        if (s->list.count < s->limit) {
            rows_list_add(run->keep, &s->list,
                          rows_copy(run->keep, row, s->c.width, s->input->is_lasting));
        } else {
            at = (uint64_t)(kql_random_real(&run->engine->random) * (double)seen);
            if (at < s->limit)
                s->list.items[at] = rows_copy(run->keep, row, s->c.width, s->input->is_lasting);
        }
        pool_return(run->scratch, mark);
    }
}

static bool
sample_next(struct rows_cursor *c, struct kql_value *row)
{
    struct sample_cursor *s = (struct sample_cursor *)c;

    if (!s->is_ready) {
        s->is_ready = true;
        sample_all(s);
    }
    if (s->at == s->list.count)
        return false;
    memcpy(row, s->list.items[s->at++], c->width * sizeof *row);
    return true;
}

struct rows_cursor *
rows_open_sample(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct sample_cursor *s = rows_cursor_new(run, op, sizeof *s, sample_next);

    s->limit = rows_constant_count(run, op, 0, op->u.limit.count);
    s->input = rows_open(run, op->input, wanted);
    s->c.is_lasting = true;
    return &s->c;
}

/* ---- sample-distinct: the first values that come, and no further than needed ---- */

struct distinct_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval eval;
    struct rows_groups groups;
    struct kql_value *in;
    uint64_t left;
};

static bool
distinct_next(struct rows_cursor *c, struct kql_value *row)
{
    struct distinct_cursor *d = (struct distinct_cursor *)c;

    while (d->left > 0) {
        struct pool_mark mark = pool_mark(c->run->scratch);
        struct rows_group *group;
        struct kql_value value;
        bool is_new;

        if (!rows_next(d->input, d->in))
            return false;
        rows_eval_row(&d->eval, d->in);
        rows_eval_cell(&d->eval, 0, &value);
        group = rows_groups_add(&d->groups, &value, d->c.is_lasting, &is_new);
        pool_return(c->run->scratch, mark);
        if (!is_new)
            continue;
        row[0] = group->keys[0];
        d->left--;
        return true;
    }
    return false;
}

struct rows_cursor *
rows_open_sample_distinct(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct distinct_cursor *d = rows_cursor_new(run, op, sizeof *d, distinct_next);
    uint8_t *below = rows_wanted_new(run, &op->input->schema);

    (void)wanted;
    d->left = rows_constant_count(run, op, 1, op->u.limit.count);
    rows_eval_init(&d->eval, run, op, 0, &op->u.limit.expr, 1);
    rows_want_eval(below, &d->eval);
    d->input = rows_open(run, op->input, below);
    d->in = rows_cells_new(run->keep, d->input->width);
    rows_groups_init(&d->groups, run->keep, 1);
    return &d->c;
}
