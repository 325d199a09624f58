/* rows_source.c - range and union. */
#include "kql/rows_inner.h"
#include <math.h>

/* ---- range: each value from the first and the step, so that reals do not drift ---- */

struct range_cursor {
    struct rows_cursor c;
    enum kql_type type;
    int64_t i, to, step; /* of integers, datetimes, timespans */
    double from_r, to_r, step_r;
    struct kql_decimal next_d, to_d, step_d;
    uint64_t index;
    bool is_done, goes_down;
};

static bool
range_next(struct rows_cursor *c, struct kql_value *row)
{
    struct range_cursor *r = (struct range_cursor *)c;
    double real;

    if (r->is_done)
        return false;
    switch (r->type) {
    case KQL_REAL:
        real = r->from_r + (double)r->index++ * r->step_r;
        if (r->goes_down ? !(real >= r->to_r) : !(real <= r->to_r))
            return false;
        row[0] = kql_real(real);
        return true;
    case KQL_DECIMAL: {
        struct kql_decimal *d;
        int order = kql_decimal_compare(&r->next_d, &r->to_d);

        if (r->goes_down ? order < 0 : order > 0)
            return false;
        d = pool_take(c->run->scratch, sizeof *d);
        *d = r->next_d;
        row[0] = (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
        r->is_done = !kql_decimal_add(d, &r->step_d, &r->next_d);
        return true;
    }
    default:
        if (r->goes_down ? r->i < r->to : r->i > r->to)
            return false;
        row[0] = kql_integer(r->type, r->i);
        r->is_done = __builtin_add_overflow(r->i, r->step, &r->i);
        return true;
    }
}

struct rows_cursor *
rows_open_range(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct range_cursor *r = rows_cursor_new(run, op, sizeof *r, range_next);
    struct kql_value from = rows_constant(run, op, 0, op->u.range.from);
    struct kql_value to = rows_constant(run, op, 1, op->u.range.to);
    struct kql_value step = rows_constant(run, op, 2, op->u.range.step);
    bool is_zero;

    (void)wanted;
    r->type = op->schema.columns[0].type;
    if (from.is_null || to.is_null || step.is_null) {
        r->is_done = true;
        return &r->c;
    }
    switch (r->type) {
    case KQL_REAL:
        r->from_r = from.r;
        r->to_r = to.r;
        r->step_r = step.r;
        r->goes_down = step.r < 0;
        is_zero = !(step.r < 0 || step.r > 0);
        break;
    case KQL_DECIMAL:
        r->next_d = *from.decimal;
        r->to_d = *to.decimal;
        r->step_d = *step.decimal;
        r->goes_down = step.decimal->is_negative;
        is_zero = step.decimal->high == 0 && step.decimal->low == 0;
        break;
    default:
        r->i = from.i;
        r->to = to.i;
        r->step = step.i;
        r->goes_down = step.i < 0;
        is_zero = step.i == 0;
    }
    if (is_zero)
        pool_abandon(run->engine->pool, "range: the step of %.*s is 0",
                     (int)op->schema.columns[0].name.n, op->schema.columns[0].name.p);
    return &r->c;
}

/* ---- union: one input behind the other ---- */

struct union_cursor {
    struct rows_cursor c;
    const uint8_t *wanted;
    struct rows_cursor *input; /* NULL: the next one is to be opened */
    struct kql_value *in;
    uint32_t index;
};

static struct rows_cursor *
open_next(struct union_cursor *u)
{
    const struct kql_op *op = u->c.op, *input = op->u.join_union.inputs[u->index];
    const uint32_t *map = op->u.join_union.map + (size_t)u->index * op->schema.count;
    uint8_t *below = NULL;

    if (u->wanted != NULL) {
        below = rows_wanted_new(u->c.run, &input->schema);
        for (uint32_t i = 0; i < op->schema.count; i++)
            if (u->wanted[i] && map[i] != UINT32_MAX)
                below[map[i]] = 1;
    }
    u->in = rows_cells_new(u->c.run->keep, input->schema.count);
    return rows_open(u->c.run, input, below);
}

static bool
union_next(struct rows_cursor *c, struct kql_value *row)
{
    struct union_cursor *u = (struct union_cursor *)c;
    const struct kql_op *op = c->op;
    const uint32_t *map;

    for (;;) {
        if (u->index == op->u.join_union.count)
            return false;
        if (u->input == NULL)
            u->input = open_next(u);
        if (rows_next(u->input, u->in))
            break;
        u->input = NULL;
        u->index++;
    }
    map = op->u.join_union.map + (size_t)u->index * op->schema.count;
    for (uint32_t i = 0; i < c->width; i++)
        row[i] = map[i] == UINT32_MAX ? kql_null(op->schema.columns[i].type) : u->in[map[i]];
    if (op->u.join_union.sources != NULL)
        row[0] = kql_string(op->u.join_union.sources[u->index]);
    return true;
}

struct rows_cursor *
rows_open_union(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct union_cursor *u = rows_cursor_new(run, op, sizeof *u, union_next);

    if (wanted != NULL)
        u->wanted = memcpy(rows_wanted_new(run, &op->schema), wanted, op->schema.count);
    return &u->c;
}
