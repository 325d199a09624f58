/* rows_join.c - join and lookup: the right side is kept by key, the left one streams past it. Keys
 * are the same as in groups: a null matches a null, NaN matches NaN (design: what the service
 * does). */
#include "kql/rows_inner.h"

struct right_row {
    struct right_row *next;
    const struct kql_value *cells;
    bool is_matched;
};
struct right_key { /* a group's state */
    struct right_row *first, *last;
};

struct join_cursor {
    struct rows_cursor c;
    struct rows_cursor *left, *right;
    struct rows_eval left_keys, right_keys;
    struct rows_picks picks;         /* of the right side's columns */
    struct rows_groups groups, seen; /* seen: keys of the left side, for innerunique */
    struct kql_value *left_row, *right_row, *key, *blank;
    uint32_t *outputs, output_count; /* result columns that are wanted */
    struct right_row *match;         /* the next one to give with the left row that is held */
    struct pool_mark mark;           /* of the left side's scratch, before the row that is held */
    size_t group;                    /* behind the left side: where in the right one */
    struct right_row *rest;
    bool is_ready, holds, left_is_done;
};

static void
read_right(struct join_cursor *j)
{
    struct rows_run *run = j->right->run;
    struct pool *keep = j->c.run->keep;
    struct kql_value *row = rows_cells_new(keep, j->right->width);
    uint32_t key_count = j->c.op->u.join.key_count;

    for (;;) {
        struct pool_mark mark = pool_mark(run->scratch);
        struct rows_group *group;
        struct right_row *kept;
        struct right_key *key;
        bool is_new;

        if (!rows_next(j->right, row))
            return;
        rows_eval_row(&j->right_keys, row);
        for (uint32_t i = 0; i < key_count; i++)
            rows_eval_cell(&j->right_keys, i, &j->key[i]);
        group = rows_groups_add(&j->groups, j->key, false, &is_new);
        if (is_new)
            group->state = pool_zeroed(keep, 1, sizeof *key);
        key = group->state;
        kept = pool_take(keep, sizeof *kept);
        *kept = (struct right_row){
            NULL, rows_picks_copy(&j->picks, keep, row, j->right->is_lasting), false};
        if (key->first == NULL)
            key->first = kept;
        else
            key->last->next = kept;
        key->last = kept;
        pool_return(run->scratch, mark);
    }
}

/* NULL: that side has no row. */
static bool
give(struct join_cursor *j, const struct kql_value *left, const struct kql_value *right,
     struct kql_value *row)
{
    const struct kql_op *op = j->c.op;

    if (right != NULL) {
        rows_picks_spread(&j->picks, right, j->right->width, j->right_row);
        right = j->right_row;
    }
    memcpy(row, j->blank, j->c.width * sizeof *row);
    for (uint32_t i = 0; i < j->output_count; i++) {
        const struct kql_join_column *from = &op->u.join.output[j->outputs[i]];
        const struct kql_value *side = from->side == 0 ? left : right;

        if (side != NULL)
            row[j->outputs[i]] = side[from->column];
    }
    return true;
}

/* The next row of the left side, and what matches it. */
static bool
next_left(struct join_cursor *j, struct right_key **matches)
{
    enum kql_join_kind kind = j->c.op->u.join.kind;

    for (;;) {
        struct rows_group *group;
        bool is_new = true;

        if (j->holds)
            pool_return(j->left->run->scratch, j->mark);
        j->mark = pool_mark(j->left->run->scratch);
        j->holds = rows_next(j->left, j->left_row);
        if (!j->holds)
            return false;
        rows_eval_row(&j->left_keys, j->left_row);
        for (uint32_t i = 0; i < j->c.op->u.join.key_count; i++)
            rows_eval_cell(&j->left_keys, i, &j->key[i]);
        if (kind == KQL_JOIN_INNERUNIQUE) {
            rows_groups_add(&j->seen, j->key, false, &is_new);
            if (!is_new)
                continue;
        }
        group = rows_groups_find(&j->groups, j->key);
        *matches = group == NULL ? NULL : group->state;
        return true;
    }
}

/* Rows of the right side that matched, or those that did not. */
static bool
next_right(struct join_cursor *j, bool matched, struct kql_value *row)
{
    for (;;) {
        struct right_row *right = j->rest;

        if (right == NULL) {
            if (j->group == j->groups.count)
                return false;
            right = ((struct right_key *)j->groups.items[j->group++]->state)->first;
        }
        j->rest = right->next;
        if (right->is_matched == matched)
            return give(j, NULL, right->cells, row);
    }
}

static bool
join_next(struct rows_cursor *c, struct kql_value *row)
{
    struct join_cursor *j = (struct join_cursor *)c;
    enum kql_join_kind kind = c->op->u.join.kind;
    struct right_key *matches;

    if (!j->is_ready) {
        j->is_ready = true;
        read_right(j);
    }
    if (j->match != NULL) {
        struct right_row *right = j->match;

        j->match = right->next;
        right->is_matched = true;
        return give(j, j->left_row, right->cells, row);
    }
    while (!j->left_is_done) {
        if (!next_left(j, &matches)) {
            j->left_is_done = true;
            break;
        }
        switch (kind) {
        case KQL_JOIN_LEFTSEMI:
            if (matches != NULL)
                return give(j, j->left_row, NULL, row);
            break;
        case KQL_JOIN_LEFTANTI:
            if (matches == NULL)
                return give(j, j->left_row, NULL, row);
            break;
        case KQL_JOIN_RIGHTSEMI:
        case KQL_JOIN_RIGHTANTI:
            for (struct right_row *r = matches == NULL ? NULL : matches->first;
                 r != NULL && !r->is_matched; r = r->next)
                r->is_matched = true;
            break;
        default:
            if (matches != NULL) {
                j->match = matches->first->next;
                matches->first->is_matched = true;
                return give(j, j->left_row, matches->first->cells, row);
            }
            if (kind == KQL_JOIN_LEFTOUTER || kind == KQL_JOIN_FULLOUTER)
                return give(j, j->left_row, NULL, row);
        }
    }
    switch (kind) {
    case KQL_JOIN_RIGHTOUTER:
    case KQL_JOIN_FULLOUTER:
    case KQL_JOIN_RIGHTANTI:
        return next_right(j, false, row);
    case KQL_JOIN_RIGHTSEMI:
        return next_right(j, true, row);
    default:
        return false;
    }
}

struct rows_cursor *
rows_open_join(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct join_cursor *j = rows_cursor_new(run, op, sizeof *j, join_next);
    struct rows_run *left = rows_run_beside(run);
    uint8_t *left_wanted = rows_wanted_new(run, &op->input->schema),
            *right_wanted = rows_wanted_new(run, &op->u.join.right->schema);

    j->blank = rows_cells_new(run->keep, op->schema.count);
    j->outputs = pool_take(run->keep, (op->schema.count + 1) * sizeof *j->outputs);
    for (uint32_t i = 0; i < op->schema.count; i++) {
        j->blank[i] = kql_null(op->schema.columns[i].type);
        if (wanted == NULL || wanted[i])
            j->outputs[j->output_count++] = i;
    }
    for (uint32_t i = 0; i < op->schema.count; i++)
        if (wanted == NULL || wanted[i])
            (op->u.join.output[i].side == 0 ? left_wanted
                                            : right_wanted)[op->u.join.output[i].column] = 1;
    rows_eval_init(&j->left_keys, left, op, 0, op->u.join.left_keys, op->u.join.key_count);
    rows_eval_init(&j->right_keys, run, op, 1, op->u.join.right_keys, op->u.join.key_count);
    rows_picks_init(&j->picks, run, &op->u.join.right->schema, right_wanted);
    rows_want_eval(left_wanted, &j->left_keys);
    rows_want_eval(right_wanted, &j->right_keys);
    j->left = rows_open(left, op->input, left_wanted);
    j->right = rows_open(run, op->u.join.right, right_wanted);
    j->left_row = rows_cells_new(run->keep, j->left->width);
    j->right_row = rows_cells_new(run->keep, j->right->width);
    j->key = rows_cells_new(run->keep, op->u.join.key_count);
    rows_groups_init(&j->groups, run->keep, op->u.join.key_count);
    rows_groups_init(&j->seen, run->keep, op->u.join.key_count);
    j->c.is_lasting = j->left->is_lasting;
    return &j->c;
}
