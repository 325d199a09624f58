/* rows_partition.c - partition: the rows of each key go through the sub-query by themselves. */
#include "kql/rows_inner.h"

struct partition_cursor {
    struct rows_cursor c;
    struct rows_cursor *sub; /* NULL: the next group is to be opened */
    struct rows_run *inside;
    struct rows_groups groups; /* state: struct rows_list */
    size_t at;
    bool is_ready;
};

static void
read_groups(struct partition_cursor *p)
{
    const struct kql_op *op = p->c.op;
    struct rows_run *run = p->c.run;
    struct rows_cursor *input = rows_open(run, op->input, NULL);
    struct kql_value *row = rows_cells_new(run->keep, input->width), key;
    struct rows_eval eval;

    rows_eval_init(&eval, run, op, 0, &op->u.partition.key, 1);
    rows_groups_init(&p->groups, run->keep, 1);
    for (;;) {
        struct pool_mark mark = pool_mark(run->scratch);
        struct rows_group *group;
        bool is_new;

        if (!rows_next(input, row))
            return;
        rows_eval_row(&eval, row);
        rows_eval_cell(&eval, 0, &key);
        group = rows_groups_add(&p->groups, &key, false, &is_new);
        if (is_new)
            group->state = pool_zeroed(run->keep, 1, sizeof(struct rows_list));
        rows_list_add(run->keep, group->state,
                      rows_copy(run->keep, row, input->width, input->is_lasting));
        pool_return(run->scratch, mark);
    }
}

static bool
partition_next(struct rows_cursor *c, struct kql_value *row)
{
    struct partition_cursor *p = (struct partition_cursor *)c;

    if (!p->is_ready) {
        p->is_ready = true;
        read_groups(p);
    }
    for (;;) {
        if (p->sub == NULL) {
            if (p->at == p->groups.count)
                return false;
            rows_run_restart(p->inside, p->groups.items[p->at++]->state);
            p->sub = rows_open(p->inside, c->op->u.partition.sub, NULL);
        }
        pool_reset(p->inside->scratch);
        if (rows_next(p->sub, row))
            return true;
        p->sub = NULL;
    }
}

struct rows_cursor *
rows_open_partition(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct partition_cursor *p = rows_cursor_new(run, op, sizeof *p, partition_next);

    (void)wanted;
    p->inside = rows_run_inside(run);
    return &p->c;
}
