/* rows_scan.c - scan: the state machine of its page. Each step has a state: the newest record of
 * itself and of every step before it in one sequence. A record is tried against the steps from the
 * last to the first:
 *   1. the step before has a sequence, and the condition holds with that state: the sequence moves
 *      up here (what was here ends);
 *   2. else the step itself has a sequence, or is the first one, and the condition holds with its
 *      own state: the record takes the place of the step's last one.
 * A step's columns that no record has set yet are null, declared ones have their defaults. A match
 * id is given when a sequence begins in an empty first step. */
#include "kql/rows_inner.h"

struct step_state {
    bool is_active, has_last; /* has_last: output=last owes a row */
    int64_t match_id;
    const struct kql_value **records; /* of each step up to this one; NULL: none yet */
};

struct scan_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval eval; /* conditions and values of all steps, one behind the other */
    uint32_t *first_expr;  /* by step: its condition; the values follow */
    uint32_t record_width; /* the input's columns and the declared ones */
    struct kql_value *in, *empty;
    struct step_state *states;
    const struct step_state *seen; /* whose records conditions and values read */
    int64_t next_id;
    struct rows_list pending; /* rows to give */
    size_t at;
    struct pool_mark mark;
    struct pool *live, *spare; /* of the states' records */
    size_t used, moved_size;   /* bytes in 'live'; of those when they moved there */
    /* with order or partition: all rows, and where each partition ends */
    struct rows_list *all;
    size_t all_at, *ends, end_count, end_at;
    bool is_ready, holds, is_done;
};

static const struct kql_value *
step_cell(void *context, uint32_t step, uint32_t column)
{
    const struct scan_cursor *s = ((struct rows_eval *)context)->scan;
    const struct step_state *seen = s->seen;
    uint32_t own = (uint32_t)(seen - s->states);

    if (seen != NULL && seen->is_active && step <= own && seen->records[step] != NULL)
        return &seen->records[step][column];
    return &s->empty[column];
}

static const struct kql_scan_step *
step_of(const struct scan_cursor *s, uint32_t k)
{
    return &s->c.op->u.scan.steps[k];
}

/* With the state that is to be seen: what other steps computed for this record does not count. */
static bool
holds(struct scan_cursor *s, uint32_t k, const struct step_state *seen)
{
    s->seen = seen;
    rows_eval_row(&s->eval, s->in);
    return kql_test(&s->eval.run, s->eval.program, s->first_expr[k]);
}

static void
give(struct scan_cursor *s, const struct kql_value *record, int64_t match_id)
{
    struct pool *p = s->input->run->scratch;
    struct kql_value *row = rows_cells_new(p, s->c.width);

    memcpy(row, record, s->record_width * sizeof *row);
    if (s->c.op->u.scan.has_match_id)
        row[s->record_width] = kql_integer(KQL_LONG, match_id);
    rows_list_add(s->c.run->keep, &s->pending, row);
}

static void
end_series(struct scan_cursor *s, uint32_t k)
{
    struct step_state *state = &s->states[k];

    if (state->has_last)
        give(s, state->records[k], state->match_id);
    state->has_last = false;
}

/* The record with the step's values, kept as the step's newest. */
static void
record_match(struct scan_cursor *s, uint32_t k)
{
    const struct kql_scan_step *step = step_of(s, k);
    struct step_state *state = &s->states[k];
    struct kql_value *record = rows_cells_new(s->live, s->record_width), value;

    for (uint32_t i = 0; i < s->record_width; i++)
        record[i] = s->in[i];
    s->seen = state;
    rows_eval_row(&s->eval, s->in);
    for (uint32_t i = 0; i < step->assigned_count; i++) {
        rows_eval_cell(&s->eval, s->first_expr[k] + 1 + i, &value);
        record[step->assigned[i]] = value;
    }
    for (uint32_t i = 0; i < s->record_width; i++) {
        record[i] = kql_value_copy(s->live, &record[i]);
        s->used += sizeof *record + kql_value_size(&record[i]);
    }
    state->records[k] = record;
    state->has_last = step->output == KQL_OUTPUT_LAST;
    if (step->output == KQL_OUTPUT_ALL)
        give(s, record, state->match_id);
}

/* The step whose sequence can move up to step k: the one before, over optional ones without. */
static struct step_state *
state_before(struct scan_cursor *s, uint32_t k)
{
    while (k-- > 0) {
        if (s->states[k].is_active)
            return &s->states[k];
        if (!step_of(s, k)->is_optional)
            return NULL;
    }
    return NULL;
}

static void
try_step(struct scan_cursor *s, uint32_t k)
{
    struct step_state *state = &s->states[k], *before = state_before(s, k);

    if (before != NULL && holds(s, k, before)) {
        end_series(s, k);
        end_series(s, (uint32_t)(before - s->states));
        for (uint32_t i = 0; i <= k; i++)
            state->records[i] = s->states + i <= before ? before->records[i] : NULL;
        state->match_id = before->match_id;
        state->is_active = true;
        before->is_active = false;
        record_match(s, k);
        return;
    }
    if (!state->is_active && k > 0)
        return;
    if (!holds(s, k, state))
        return;
    if (!state->is_active) {
        state->is_active = true;
        state->records[k] = NULL;
        state->match_id = s->next_id++;
    }
    record_match(s, k);
}

/* Records that were pushed out take room: what is left moves to the other pool. */
static void
move_states(struct scan_cursor *s)
{
    struct pool *old = s->live;

    s->used = 0;
    for (uint32_t k = 0; k < s->c.op->u.scan.step_count; k++)
        for (uint32_t i = 0; i <= k && s->states[k].is_active; i++)
            if (s->states[k].records[i] != NULL) {
                const struct kql_value *record =
                    rows_copy(s->spare, s->states[k].records[i], s->record_width, false);

                for (uint32_t c = 0; c < s->record_width; c++)
                    s->used += sizeof *record + kql_value_size(&record[c]);
                s->states[k].records[i] = record;
            }
    pool_reset(old);
    s->live = s->spare;
    s->spare = old;
    s->moved_size = s->used;
}

static void
end_partition(struct scan_cursor *s)
{
    for (uint32_t k = 0; k < s->c.op->u.scan.step_count; k++) {
        end_series(s, k);
        s->states[k].is_active = false;
    }
}

static bool
next_record(struct scan_cursor *s)
{
    if (s->all == NULL)
        return rows_next(s->input, s->in);
    if (s->end_at < s->end_count && s->all_at == s->ends[s->end_at]) {
        end_partition(s);
        s->end_at++;
    }
    if (s->all_at == s->all->count)
        return false;
    memcpy(s->in, s->all->items[s->all_at++], s->input->width * sizeof *s->in);
    return true;
}

static void prepare(struct scan_cursor *s);

static bool
scan_next_row(struct rows_cursor *c, struct kql_value *row)
{
    struct scan_cursor *s = (struct scan_cursor *)c;

    if (!s->is_ready) {
        s->is_ready = true;
        prepare(s);
    }
    while (s->at == s->pending.count) {
        s->at = s->pending.count = 0;
        if (s->is_done)
            return false;
        if (s->holds)
            pool_return(s->input->run->scratch, s->mark);
        s->mark = pool_mark(s->input->run->scratch);
        s->holds = true;
        if (s->used > 2 * s->moved_size + (1 << 18))
            move_states(s);
        if (!next_record(s)) {
            end_partition(s);
            s->is_done = true;
            continue;
        }
        memcpy(s->in + s->input->width, s->empty + s->input->width,
               (s->record_width - s->input->width) * sizeof *s->in);
        for (uint32_t k = c->op->u.scan.step_count; k-- > 0;)
            try_step(s, k);
    }
    memcpy(row, s->pending.items[s->at++], c->width * sizeof *row);
    return true;
}

/* ---- order by, partition by ---- */

struct ordered_row {
    const struct kql_value *cells, *keys;
};

static int
compare_ordered(const void *context, const void *a, const void *b)
{
    const struct kql_op *op = context;
    const struct kql_value *x = ((const struct ordered_row *)a)->keys,
                           *y = ((const struct ordered_row *)b)->keys;

    for (uint32_t i = 0; i < op->u.scan.order_count; i++) {
        const struct kql_sort_key *key = &op->u.scan.order[i];
        int order;

        if (x[i].is_null != y[i].is_null)
            return x[i].is_null == key->nulls_first ? -1 : 1;
        order = x[i].is_null ? 0 : kql_value_compare(&x[i], &y[i]);
        if (order != 0)
            return key->is_descending ? -order : order;
    }
    return 0;
}

static void
prepare(struct scan_cursor *s)
{
    const struct kql_op *op = s->c.op;
    uint32_t order = op->u.scan.order_count, parts = op->u.scan.partition_count;
    struct pool *keep = s->c.run->keep;
    const struct kql_expr **exprs;
    struct ordered_row **rows;
    struct rows_groups groups;
    struct rows_list *list, *sorted;
    struct rows_eval eval;
    struct kql_value *keys;

    if (order + parts == 0)
        return;
    exprs = pool_take(keep, (order + parts) * sizeof *exprs);
    for (uint32_t i = 0; i < order + parts; i++)
        exprs[i] = i < order ? op->u.scan.order[i].expr : op->u.scan.partition[i - order];
    rows_eval_init(&eval, s->c.run, op, 1, exprs, order + parts);
    list = rows_collect(keep, s->input);
    rows = pool_take(keep, (list->count + 1) * sizeof *rows);
    rows_groups_init(&groups, keep, parts);
    for (size_t i = 0; i < list->count; i++) {
        keys = rows_cells_new(keep, order + parts);
        memcpy(s->in, list->items[i], s->input->width * sizeof *s->in);
        rows_eval_row(&eval, s->in);
        for (uint32_t k = 0; k < order + parts; k++) {
            rows_eval_cell(&eval, k, &keys[k]);
            keys[k] = kql_value_copy(keep, &keys[k]);
        }
        rows[i] = pool_take(keep, sizeof **rows);
        *rows[i] = (struct ordered_row){list->items[i], keys};
    }
    rows_sort(keep, (void **)rows, list->count, compare_ordered, op);
    for (size_t i = 0; i < list->count; i++) {
        bool is_new;
        struct rows_group *group = rows_groups_add(&groups, rows[i]->keys + order, true, &is_new);

        if (is_new)
            group->state = pool_zeroed(keep, 1, sizeof(struct rows_list));
        rows_list_add(keep, group->state, rows[i]->cells);
    }
    sorted = pool_zeroed(keep, 1, sizeof *sorted);
    s->ends = pool_take(keep, (groups.count + 1) * sizeof *s->ends);
    for (size_t i = 0; i < groups.count; i++) {
        const struct rows_list *part = groups.items[i]->state;

        for (size_t k = 0; k < part->count; k++)
            rows_list_add(keep, sorted, part->items[k]);
        s->ends[s->end_count++] = sorted->count;
    }
    s->all = sorted;
}

struct rows_cursor *
rows_open_scan(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct scan_cursor *s = rows_cursor_new(run, op, sizeof *s, scan_next_row);
    struct rows_run *beside = rows_run_beside(run);
    uint32_t count = op->u.scan.step_count, expr_count = 0, at = 0;
    const struct kql_expr **exprs;

    (void)wanted;
    s->input = rows_open(beside, op->input, NULL);
    s->record_width = s->input->width + op->u.scan.declared_count;
    s->in = rows_cells_new(run->keep, s->record_width + 1);
    s->empty = rows_cells_new(run->keep, s->record_width);
    for (uint32_t i = 0; i < s->record_width; i++)
        s->empty[i] = i < s->input->width ? kql_null(op->schema.columns[i].type)
                                          : op->u.scan.declared[i - s->input->width];
    for (uint32_t k = 0; k < count; k++)
        expr_count += 1 + op->u.scan.steps[k].assigned_count;
    exprs = pool_take(run->keep, (expr_count + 1) * sizeof *exprs);
    s->first_expr = pool_take(run->keep, (count + 1) * sizeof *s->first_expr);
    s->states = pool_zeroed(run->keep, count + 1, sizeof *s->states);
    for (uint32_t k = 0; k < count; k++) {
        s->first_expr[k] = at;
        exprs[at++] = op->u.scan.steps[k].condition;
        for (uint32_t i = 0; i < op->u.scan.steps[k].assigned_count; i++)
            exprs[at++] = op->u.scan.steps[k].values[i];
        s->states[k].records = pool_zeroed(run->keep, k + 1, sizeof *s->states[k].records);
    }
    rows_eval_init(&s->eval, beside, op, 0, exprs, expr_count);
    s->eval.run.step_cell = step_cell;
    s->eval.scan = s;
    s->live = rows_pool_new(run);
    s->spare = rows_pool_new(run);
    return &s->c;
}
