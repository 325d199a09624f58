/* rows.c - the row engine's frame: runs, pools, programs, what is remembered; opening operators as
 * cursors; the plain operators; answers. */
#include "base/clock.h"
#include "kql/rows_inner.h"
#include <assert.h>

const struct kql_rows_limits kql_rows_limits_default = {
    .memory_max = (size_t)1 << 30, .rows_max = 100000000, .answer_rows_max = 500000};

/* ---- what is remembered ---- */

static size_t
memo_hash(const void *key, uint32_t slot)
{
    uint64_t h = ((uint64_t)(uintptr_t)key >> 3) * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)((h ^ (h >> 29)) + slot * UINT64_C(0xbf58476d1ce4e5b9));
}

void *
rows_memo_get(struct rows_engine *e, const void *key, uint32_t slot)
{
    const struct rows_memo *m = &e->memo;

    for (size_t i = memo_hash(key, slot); m->room > 0; i++) {
        const struct rows_memo_item *item = &m->items[i & (m->room - 1)];

        if (item->value == NULL)
            return NULL;
        if (item->key == key && item->slot == slot)
            return item->value;
    }
    return NULL;
}

void
rows_memo_put(struct rows_engine *e, const void *key, uint32_t slot, void *value)
{
    struct rows_memo *m = &e->memo;
    size_t i;

    if ((m->count + 1) * 2 > m->room) {
        struct rows_memo old = *m;

        m->room = old.room == 0 ? 64 : old.room * 2;
        m->count = 0;
        m->items = pool_zeroed(e->pool, m->room, sizeof *m->items);
        for (i = 0; i < old.room; i++)
            if (old.items[i].value != NULL)
                rows_memo_put(e, old.items[i].key, old.items[i].slot, old.items[i].value);
    }
    i = memo_hash(key, slot);
    while (m->items[i & (m->room - 1)].value != NULL)
        i++;
    m->items[i & (m->room - 1)] = (struct rows_memo_item){key, slot, value};
    m->count++;
}

/* ---- runs and their pools ---- */

struct pool *
rows_pool_new(struct rows_run *run)
{
    struct rows_engine *e = run->engine;
    struct rows_pool *p = e->idle;

    if (p != NULL) {
        e->idle = p->sibling;
    } else {
        p = pool_take(e->pool, sizeof *p);
        pool_init(&p->pool, e->pool->limit);
        p->pool.account = e->pool;
        p->pool.deadline_ms = e->pool->deadline_ms;
        p->pool.escape = e->pool->escape;
        p->older = e->pools;
        e->pools = p;
    }
    p->sibling = run->life->pools;
    run->life->pools = p;
    return &p->pool;
}

struct rows_run *
rows_run_beside(struct rows_run *run)
{
    struct rows_run *beside = pool_take(run->keep, sizeof *beside);

    *beside = *run;
    beside->scratch = rows_pool_new(run);
    return beside;
}

struct rows_run *
rows_run_inside(struct rows_run *run)
{
    struct rows_run *inside = rows_run_beside(run);

    inside->keep = rows_pool_new(run);
    inside->life = pool_zeroed(run->keep, 1, sizeof *inside->life);
    inside->life->sibling = run->life->children;
    run->life->children = inside->life;
    inside->input = NULL;
    inside->scalars = NULL;
    inside->input_is_lasting = true;
    return inside;
}

static void
life_end(struct rows_engine *e, struct rows_life *life)
{
    for (struct rows_life *child = life->children; child != NULL; child = child->sibling)
        life_end(e, child);
    for (struct rows_reader *r = life->readers; r != NULL; r = r->sibling)
        if (r->reader != NULL) {
            e->source->close(r->reader);
            r->reader = NULL;
        }
    while (life->pools != NULL) {
        struct rows_pool *p = life->pools;

        life->pools = p->sibling;
        pool_reset(&p->pool);
        p->sibling = e->idle;
        e->idle = p;
    }
    life->children = NULL;
    life->readers = NULL;
}

void
rows_run_restart(struct rows_run *run, const struct rows_list *input)
{
    life_end(run->engine, run->life);
    pool_reset(run->keep);
    pool_reset(run->scratch);
    run->input = input;
    run->scalars = NULL;
}

/* ---- expressions ---- */

enum { SLOT_SCALAR = 1000, SLOT_SET, SLOT_ROWS, SLOT_CONTEXT };

/* Whether a sub-query's rows (mv-apply, partition ...) are read: such a thing is not the same
 * throughout the query. */
static bool
needs_context(struct rows_engine *e, const struct kql_op *op)
{
    static const char yes = 1, no = 0;
    const char *known = rows_memo_get(e, op, SLOT_CONTEXT);
    bool needs = op->kind == KQL_ROWS_INPUT;

    if (known != NULL)
        return *known != 0;
    if (op->input != NULL)
        needs = needs_context(e, op->input);
    if (op->kind == KQL_OP_JOIN)
        needs = needs || needs_context(e, op->u.join.right);
    if (op->kind == KQL_ROWS_UNION)
        for (uint32_t i = 0; i < op->u.join_union.count && !needs; i++)
            needs = needs_context(e, op->u.join_union.inputs[i]);
    rows_memo_put(e, op, SLOT_CONTEXT, (void *)(uintptr_t)(needs ? &yes : &no));
    return needs;
}

/* The first column of all rows, or of the first. */
static void
read_first(struct rows_run *run, const struct kql_op *table, struct pool *keep, bool is_set,
           struct rows_scalar *out)
{
    struct rows_cursor *c = rows_open(run, table, NULL);
    struct kql_value *row = rows_cells_new(run->keep, c->width), *items = NULL;
    size_t count = 0, room = 0;

    out->table = table;
    out->value = kql_null(c->width > 0 ? table->schema.columns[0].type : KQL_DYNAMIC);
    while (c->width > 0) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (!rows_next(c, row))
            break;
        items = pool_grow(keep, items, &room, count + 1, sizeof *items);
        items[count++] = kql_value_copy(keep, &row[0]);
        pool_return(run->scratch, mark);
        if (!is_set)
            break;
    }
    if (count > 0)
        out->value = items[0];
    out->set = (struct kql_array){.count = (uint32_t)count, .items = items};
}

/* Of the rows that a sub-query is run for: remembered until the next ones. */
static const struct rows_scalar *
first_of_context(struct rows_run *run, const struct kql_op *table, bool is_set)
{
    struct rows_scalar *s = run->scalars;
    struct rows_run *inside;

    while (s != NULL && s->table != table)
        s = s->older;
    if (s != NULL)
        return s;
    s = pool_take(run->keep, sizeof *s);
    inside = rows_run_inside(run);
    inside->input = run->input;
    read_first(inside, table, run->keep, is_set, s);
    rows_run_restart(inside, NULL);
    s->older = run->scalars;
    run->scalars = s;
    return s;
}

static const struct rows_scalar *
first_of(struct rows_run *from, const struct kql_op *table, uint32_t slot)
{
    struct rows_run *run;
    struct rows_engine *e = from->engine;
    const struct kql_op *origin = rows_origin(table);
    struct rows_scalar *s = rows_memo_get(e, origin, slot);

    if (s != NULL)
        return s;
    if (needs_context(e, table))
        return first_of_context(from, table, slot == SLOT_SET);
    s = pool_take(e->pool, sizeof *s);
    run = rows_run_inside(&e->root);
    read_first(run, table, e->pool, slot == SLOT_SET, s);
    rows_run_restart(run, NULL);
    rows_memo_put(e, origin, slot, s);
    return s;
}

const struct kql_value *
kql_rows_scalar(struct rows_engine *e, const struct kql_op *table)
{
    return &first_of(&e->root, table, SLOT_SCALAR)->value;
}

const struct kql_array *
kql_rows_set(struct rows_engine *e, const struct kql_op *table)
{
    return &first_of(&e->root, table, SLOT_SET)->set;
}

static const struct kql_value *
scalar_of(void *context, const struct kql_op *table)
{
    return &first_of(((struct rows_eval *)context)->rows, table, SLOT_SCALAR)->value;
}

static const struct kql_array *
set_of(void *context, const struct kql_op *table)
{
    return &first_of(((struct rows_eval *)context)->rows, table, SLOT_SET)->set;
}

struct rows_release *
rows_release_new(struct rows_engine *e, void (*release)(void *thing))
{
    struct rows_release *r = pool_take(e->pool, sizeof *r);

    *r = (struct rows_release){e->releases, NULL, release};
    e->releases = r;
    return r;
}

static void
release_program(void *program)
{
    kql_program_free(program);
}

static struct kql_program *
program_of(struct rows_engine *e, const void *owner, uint32_t slot,
           const struct kql_expr *const *exprs, uint32_t count)
{
    struct kql_program *program = rows_memo_get(e, owner, slot);
    struct rows_release *r;
    struct err err = {""};

    if (program != NULL)
        return program;
    r = rows_release_new(e, release_program);
    program = r->thing = kql_program_new(e->pool, exprs, count, &err);
    if (program == NULL)
        pool_abandon(e->pool, "%s", err.text);
    rows_memo_put(e, owner, slot, program);
    return program;
}

void
rows_eval_init(struct rows_eval *e, struct rows_run *run, const void *owner, uint32_t slot,
               const struct kql_expr *const *exprs, uint32_t count)
{
    *e = (struct rows_eval){.program = program_of(run->engine, owner, slot, exprs, count),
                            .rows = run};
    e->run = (struct kql_run){.pool = run->keep,
                              .now = run->engine->now,
                              .random = &run->engine->random,
                              .scalar = scalar_of,
                              .set = set_of,
                              .context = e};
    kql_run_begin(&e->run, e->program); /* its slots last as long as the run */
    e->run.pool = run->scratch;
}

struct kql_value
rows_constant(struct rows_run *run, const void *owner, uint32_t slot, const struct kql_expr *e)
{
    struct kql_value value;

    if (e->kind == KQL_EXPR_CONST)
        return e->value;
    struct rows_eval eval;

    rows_eval_init(&eval, run, owner, slot, &e, 1);
    rows_eval_row(&eval, NULL);
    rows_eval_cell(&eval, 0, &value);
    return kql_value_copy(run->keep, &value);
}

uint64_t
rows_constant_count(struct rows_run *run, const void *owner, uint32_t slot,
                    const struct kql_expr *e)
{
    struct kql_value v = rows_constant(run, owner, slot, e);

    return v.is_null || v.i < 0 ? 0 : (uint64_t)v.i;
}

uint8_t *
rows_wanted_new(struct rows_run *run, const struct kql_schema *schema)
{
    return pool_zeroed(run->keep, schema->count + 1, 1);
}

void
rows_want_eval(uint8_t *wanted, const struct rows_eval *e)
{
    uint32_t count;
    const uint32_t *columns = kql_program_columns(e->program, &count);

    for (uint32_t i = 0; i < count; i++)
        wanted[columns[i]] = 1;
}

/* The columns that one expression reads. */
static void
want_expr(uint8_t *wanted, const struct kql_expr *e)
{
    if (e->kind == KQL_EXPR_COLUMN)
        wanted[e->column] = 1;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i] != NULL)
            want_expr(wanted, e->arguments[i]);
}

/* ---- rows ---- */

struct kql_value *
rows_cells_new(struct pool *p, uint32_t count)
{
    return pool_zeroed(p, (size_t)count + 1, sizeof(struct kql_value));
}

void
rows_list_add(struct pool *p, struct rows_list *list, const struct kql_value *row)
{
    if (list->count == list->room)
        list->items = pool_grow(p, list->items, &list->room, list->count + 1, sizeof *list->items);
    list->items[list->count++] = row;
}

struct kql_value *
rows_copy(struct pool *to, const struct kql_value *cells, uint32_t count, bool is_lasting)
{
    struct kql_value *copy = pool_take(to, count * sizeof *copy);

    if (is_lasting) {
        memcpy(copy, cells, count * sizeof *copy);
        return copy;
    }
    for (uint32_t i = 0; i < count; i++)
        copy[i] = kql_value_copy(to, &cells[i]);
    return copy;
}

void
rows_picks_init(struct rows_picks *p, struct rows_run *run, const struct kql_schema *schema,
                const uint8_t *wanted)
{
    *p = (struct rows_picks){NULL, schema->count, NULL};
    if (wanted == NULL)
        return;
    p->count = 0;
    p->columns = pool_take(run->keep, (schema->count + 1) * sizeof *p->columns);
    p->blank = rows_cells_new(run->keep, schema->count);
    for (uint32_t i = 0; i < schema->count; i++) {
        p->blank[i] = kql_null(schema->columns[i].type);
        if (wanted[i])
            p->columns[p->count++] = i;
    }
}

struct kql_value *
rows_picks_copy(const struct rows_picks *p, struct pool *to, const struct kql_value *row,
                bool is_lasting)
{
    struct kql_value *copy;

    if (p->columns == NULL)
        return rows_copy(to, row, p->count, is_lasting);
    copy = pool_take(to, p->count * sizeof *copy);
    for (uint32_t i = 0; i < p->count; i++)
        copy[i] = is_lasting ? row[p->columns[i]] : kql_value_copy(to, &row[p->columns[i]]);
    return copy;
}

void
rows_picks_spread(const struct rows_picks *p, const struct kql_value *kept, uint32_t width,
                  struct kql_value *row)
{
    if (p->columns == NULL) {
        memcpy(row, kept, width * sizeof *row);
        return;
    }
    memcpy(row, p->blank, width * sizeof *row);
    for (uint32_t i = 0; i < p->count; i++)
        row[p->columns[i]] = kept[i];
}

bool
rows_next(struct rows_cursor *c, struct kql_value *row)
{
    const struct rows_engine *e = c->run->engine;

    if ((++c->given & 1023) == 0)
        pool_check(e->pool);
    if (c->given > e->limits->rows_max)
        pool_exceed(e->pool,
                    "an operator gave more than %llu rows: ask for fewer, or raise the limit of "
                    "rows (limit-rows)",
                    (unsigned long long)e->limits->rows_max);
    return c->next(c, row);
}

struct rows_list *
rows_collect(struct pool *keep, struct rows_cursor *c)
{
    struct rows_list *list = pool_zeroed(keep, 1, sizeof *list);
    struct kql_value *row = rows_cells_new(keep, c->width);

    for (;;) {
        struct pool_mark mark = pool_mark(c->run->scratch);

        if (!rows_next(c, row))
            return list;
        rows_list_add(keep, list, rows_copy(keep, row, c->width, c->is_lasting));
        pool_return(c->run->scratch, mark);
    }
}

void *
rows_cursor_new(struct rows_run *run, const struct kql_op *op, size_t size,
                bool (*next)(struct rows_cursor *c, struct kql_value *row))
{
    struct rows_cursor *c = pool_zeroed(run->keep, 1, size);

    c->run = run;
    c->op = op;
    c->width = op->schema.count;
    c->next = next;
    return c;
}

/* Bottom-up merge: stable, no memory but the pool's, and it can be left at any time. */
void
rows_sort(struct pool *p, void **items, size_t count, rows_compare *compare, const void *context)
{
    void **from = items, **to;

    if (count < 2)
        return;
    to = pool_take(p, count * sizeof *to);
    for (size_t width = 1; width < count; width *= 2) {
        void **other = from;

        pool_check(p);
        for (size_t at = 0; at < count; at += width * 2) {
            size_t middle = at + width < count ? at + width : count;
            size_t end = at + 2 * width < count ? at + 2 * width : count;
            size_t left = at, right = middle, out = at;

            if ((at & 0xfff) == 0)
                pool_check(p);
            while (left < middle && right < end)
                to[out++] =
                    compare(context, from[left], from[right]) <= 0 ? from[left++] : from[right++];
            while (left < middle)
                to[out++] = from[left++];
            while (right < end)
                to[out++] = from[right++];
        }
        from = to;
        to = other;
    }
    if (from != items)
        memcpy(items, from, count * sizeof *items);
}

/* ---- plain cursors ---- */

struct list_cursor {
    struct rows_cursor c;
    const struct rows_list *list;
    size_t at;
};

static bool
list_next(struct rows_cursor *c, struct kql_value *row)
{
    struct list_cursor *l = (struct list_cursor *)c;

    if (l->list == NULL || l->at == l->list->count)
        return false;
    memcpy(row, l->list->items[l->at++], c->width * sizeof *row);
    return true;
}

/* A cursor over rows that are there. */
static struct rows_cursor *
rows_open_list(struct rows_run *run, const struct kql_op *op, const struct rows_list *list,
               bool is_lasting)
{
    struct list_cursor *l = rows_cursor_new(run, op, sizeof *l, list_next);

    l->list = list;
    l->c.is_lasting = is_lasting;
    return &l->c;
}

static struct rows_cursor *
open_input(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    (void)wanted;
    return rows_open_list(run, op, run->input, run->input_is_lasting);
}

struct inline_cursor {
    struct rows_cursor c;
    size_t at;
};

static bool
inline_next(struct rows_cursor *c, struct kql_value *row)
{
    struct inline_cursor *in = (struct inline_cursor *)c;

    if (in->at == c->op->u.rows.row_count)
        return false;
    memcpy(row, c->op->u.rows.cells + in->at++ * c->width, c->width * sizeof *row);
    return true;
}

static struct rows_cursor *
open_inline(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct inline_cursor *in = rows_cursor_new(run, op, sizeof *in, inline_next);

    (void)wanted;
    in->c.is_lasting = true;
    return &in->c;
}

/* A table of the environment. */
struct table_cursor {
    struct rows_cursor c;
    struct rows_reader *reader;
};

static bool
table_next(struct rows_cursor *c, struct kql_value *row)
{
    struct table_cursor *t = (struct table_cursor *)c;
    const struct rows_engine *e = c->run->engine;
    struct err err = {""};
    enum status st;

    if (t->reader->reader == NULL)
        return false;
    st = e->source->next(t->reader->reader, c->run->scratch, row, &err);
    if (st == ST_OK)
        return true;
    e->source->close(t->reader->reader);
    t->reader->reader = NULL;
    if (st != ST_END)
        pool_abandon(e->pool, "%s", err.text);
    return false;
}

static struct rows_cursor *
open_table(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct table_cursor *t = rows_cursor_new(run, op, sizeof *t, table_next);
    struct rows_engine *e = run->engine;
    struct err err = {""};
    uint8_t *all;

    if (e->source == NULL)
        pool_abandon(e->pool, "table %.*s has no rows here", (int)op->u.table.name.n,
                     op->u.table.name.p);
    if (wanted == NULL) {
        all = rows_wanted_new(run, &op->schema);
        memset(all, 1, op->schema.count);
        wanted = all;
    }
    t->reader = pool_zeroed(run->keep, 1, sizeof *t->reader);
    t->reader->sibling = run->life->readers;
    run->life->readers = t->reader;
    t->reader->reader = e->source->open(e->source->context, op->u.table.handle, wanted, &err);
    if (t->reader->reader == NULL && op->u.table.name.n == 0)
        pool_abandon(e->pool, "%s", err.text);
    if (t->reader->reader == NULL)
        pool_abandon(e->pool, "table %.*s: %s", (int)op->u.table.name.n, op->u.table.name.p,
                     err.text);
    return &t->c;
}

static struct rows_cursor *
open_fork(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    (void)wanted;
    (void)op;
    pool_abandon(run->engine->pool, "fork and facet give several answers: nothing can follow them");
}

/* serialize without expressions, render */
static struct rows_cursor *
open_through(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    return rows_open(run, op->input, wanted);
}

/* Run once, by whoever comes first; its rows last as long as the query. */
static struct rows_cursor *
open_materialize(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct rows_engine *e = run->engine;
    struct rows_list *list = rows_memo_get(e, rows_origin(op), SLOT_ROWS);

    (void)wanted;
    if (needs_context(e, op->input))
        return rows_open(run, op->input, wanted);
    if (list == NULL) {
        struct rows_run *inside = rows_run_inside(&e->root);

        list = rows_collect(e->pool, rows_open(inside, op->input, NULL));
        rows_run_restart(inside, NULL);
        rows_memo_put(e, rows_origin(op), SLOT_ROWS, list);
    }
    return rows_open_list(run, op, list, true);
}

struct where_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval eval;
    struct kql_value *in; /* wider than the result when the input has columns of windows */
};

static bool
where_next(struct rows_cursor *c, struct kql_value *row)
{
    struct where_cursor *w = (struct where_cursor *)c;
    struct kql_value *in = w->in != NULL ? w->in : row;

    for (;;) {
        struct pool_mark mark = pool_mark(c->run->scratch);

        if (!rows_next(w->input, in))
            return false;
        rows_eval_row(&w->eval, in);
        if (kql_test(&w->eval.run, w->eval.program, 0))
            break;
        pool_return(c->run->scratch, mark);
    }
    if (w->in != NULL)
        memcpy(row, in, c->width * sizeof *row);
    return true;
}

static struct rows_cursor *
open_where(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct where_cursor *w = rows_cursor_new(run, op, sizeof *w, where_next);
    const struct kql_expr *const *exprs = &op->u.predicate;
    uint8_t *below = NULL;

    if (!rows_has_windows(exprs, 1)) {
        rows_eval_init(&w->eval, run, op, 0, exprs, 1);
        if (wanted != NULL) {
            below = rows_wanted_new(run, &op->schema);
            memcpy(below, wanted, op->schema.count);
            rows_want_eval(below, &w->eval);
        }
        w->input = rows_open(run, op->input, below);
    } else {
        w->input = rows_windows(run, op, 1, rows_open(run, op->input, NULL), &exprs, 1);
        rows_eval_init(&w->eval, run, op, 0, exprs, 1);
        w->in = rows_cells_new(run->keep, w->input->width);
    }
    w->c.is_lasting = w->input->is_lasting;
    return &w->c;
}

struct project_cursor {
    struct rows_cursor c;
    struct rows_cursor *input; /* NULL: print */
    struct rows_eval eval;
    struct kql_value *in;
    const uint8_t *wanted; /* NULL: all */
    bool is_done;
};

static bool
project_next(struct rows_cursor *c, struct kql_value *row)
{
    struct project_cursor *p = (struct project_cursor *)c;

    if (p->input != NULL ? !rows_next(p->input, p->in) : p->is_done)
        return false;
    p->is_done = true;
    rows_eval_row(&p->eval, p->in);
    for (uint32_t i = 0; i < c->width; i++)
        if (p->wanted == NULL || p->wanted[i])
            rows_eval_cell(&p->eval, i, &row[i]);
        else
            row[i] = kql_null(c->op->schema.columns[i].type);
    return true;
}

static struct rows_cursor *
open_project(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct project_cursor *p = rows_cursor_new(run, op, sizeof *p, project_next);
    const struct kql_expr *const *exprs = op->u.project.exprs;
    uint32_t count = op->schema.count;
    uint8_t *below;

    if (wanted != NULL)
        p->wanted = memcpy(rows_wanted_new(run, &op->schema), wanted, count);
    if (op->input == NULL) {
        rows_eval_init(&p->eval, run, op, 0, exprs, count);
        p->in = rows_cells_new(run->keep, 0);
        return &p->c;
    }
    if (!rows_has_windows(exprs, count)) {
        rows_eval_init(&p->eval, run, op, 0, exprs, count);
        below = rows_wanted_new(run, &op->input->schema);
        for (uint32_t i = 0; i < count; i++)
            if (wanted == NULL || wanted[i])
                want_expr(below, exprs[i]);
        p->input = rows_open(run, op->input, below);
    } else {
        p->input = rows_windows(run, op, 1, rows_open(run, op->input, NULL), &exprs, count);
        rows_eval_init(&p->eval, run, op, 0, exprs, count);
    }
    p->in = rows_cells_new(run->keep, p->input->width);
    return &p->c;
}

struct take_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    uint64_t left;
};

static bool
take_next(struct rows_cursor *c, struct kql_value *row)
{
    struct take_cursor *t = (struct take_cursor *)c;

    if (t->left == 0)
        return false;
    t->left--;
    return rows_next(t->input, row);
}

static struct rows_cursor *
open_take(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct take_cursor *t = rows_cursor_new(run, op, sizeof *t, take_next);

    t->left = rows_constant_count(run, op, 0, op->u.limit.count);
    t->input = rows_open(run, op->input, wanted);
    rows_sort_limit(t->input, t->left);
    t->c.is_lasting = t->input->is_lasting;
    return &t->c;
}

/* ---- opening ---- */

static rows_opener *const openers[] = {
    [KQL_ROWS_TABLE] = open_table,
    [KQL_ROWS_INLINE] = open_inline,
    [KQL_ROWS_PRINT] = open_project,
    [KQL_ROWS_RANGE] = rows_open_range,
    [KQL_ROWS_INPUT] = open_input,
    [KQL_ROWS_UNION] = rows_open_union,
    [KQL_ROWS_EXTERNAL] = rows_open_external,
    [KQL_OP_WHERE] = open_where,
    [KQL_OP_PROJECT] = open_project,
    [KQL_OP_SUMMARIZE] = rows_open_summarize,
    [KQL_OP_SORT] = rows_open_sort,
    [KQL_OP_TOP] = rows_open_top,
    [KQL_OP_TAKE] = open_take,
    [KQL_OP_COUNT_ROWS] = rows_open_count,
    [KQL_OP_SAMPLE] = rows_open_sample,
    [KQL_OP_SAMPLE_DISTINCT] = rows_open_sample_distinct,
    [KQL_OP_JOIN] = rows_open_join,
    [KQL_OP_MV_EXPAND] = rows_open_expand,
    [KQL_OP_MV_APPLY] = rows_open_apply,
    [KQL_OP_PARSE_TEXT] = rows_open_parse,
    [KQL_OP_PARSE_PAIRS] = rows_open_parse_kv,
    [KQL_OP_SERIES] = rows_open_series,
    [KQL_OP_PARTITION] = rows_open_partition,
    [KQL_OP_SCAN] = rows_open_scan,
    [KQL_OP_TOP_NESTED] = rows_open_nested,
    [KQL_OP_TOP_HITTERS] = rows_open_hitters,
    [KQL_OP_PLUGIN] = rows_open_plugin,
    [KQL_OP_REDUCE] = rows_open_reduce,
    [KQL_OP_FORK] = open_fork,
    [KQL_OP_SERIALIZE_ROWS] = open_through,
    [KQL_OP_MATERIALIZE] = open_materialize,
    [KQL_OP_RENDER] = open_through,
};

struct rows_cursor *
rows_open(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct rows_engine *e = run->engine;
    struct rows_cursor *c;

    if (++e->depth > ROWS_DEPTH_MAX)
        pool_abandon(e->pool, "more than %d operators follow each other: split the query",
                     ROWS_DEPTH_MAX);
    c = openers[op->kind](run, op, wanted);
    e->depth--;
    return c;
}

/* ---- answers ---- */

/* About as many bytes as the row has as text. */
static size_t
row_size(const struct kql_value *row, uint32_t width)
{
    size_t size = 2;

    for (uint32_t i = 0; i < width; i++)
        if (row[i].is_null)
            size += 5;
        else if (row[i].type == KQL_STRING)
            size += row[i].size + 3;
        else if (row[i].type == KQL_ARRAY || row[i].type == KQL_BAG)
            size += kql_value_size(&row[i]);
        else
            size += row[i].type == KQL_DATETIME ? 31 : row[i].type == KQL_GUID ? 39 : 12;
    return size;
}

/* Whether one more row may be in the answers; else they are marked as cut, or the query ends. */
static bool
has_room(struct rows_engine *e, struct kql_answers *out, const struct kql_value *row,
         uint32_t width, size_t count)
{
    uint64_t most = e->limits->answer_rows_max;
    size_t size;

    if (!e->limits->cuts_answers) {
        if (most > 0 && count == most)
            pool_exceed(e->pool,
                        "the answer has more than %llu rows: summarize or take fewer, or raise "
                        "the limit of rows of an answer (max-rows)",
                        (unsigned long long)most);
        return true;
    }
    if (most > 0 && out->row_count == most) {
        out->cut = KQL_ANSWERS_CUT_ROWS;
        return false;
    }
    size = row_size(row, width);
    if (e->limits->answer_size_max > 0 && out->size + size > e->limits->answer_size_max) {
        out->cut = KQL_ANSWERS_CUT_SIZE;
        return false;
    }
    out->size += size;
    return true;
}

static void
answer_add(struct rows_engine *e, struct kql_answers *out, const struct kql_op *plan,
           struct span name, struct rows_run *run)
{
    size_t room = out->count;
    struct kql_answer *a;
    struct rows_cursor *c = rows_open(run, plan, NULL);
    struct rows_list *list = pool_zeroed(e->pool, 1, sizeof *list);
    struct kql_value *row = rows_cells_new(e->pool, c->width);

    while (out->cut == KQL_ANSWERS_WHOLE) {
        struct pool_mark mark = pool_mark(run->scratch);

        if (!rows_next(c, row) || !has_room(e, out, row, c->width, list->count))
            break;
        out->row_count++;
        rows_list_add(e->pool, list, rows_copy(e->pool, row, c->width, c->is_lasting));
        pool_return(run->scratch, mark);
    }
    out->items = pool_grow(e->pool, out->items, &room, out->count + 1, sizeof *out->items);
    a = &out->items[out->count++];
    *a = (struct kql_answer){.name = name,
                             .schema = plan->schema,
                             .rows = list->items,
                             .row_count = list->count,
                             .render = plan->kind == KQL_OP_RENDER ? plan : NULL};
}

/* 'bound': what the plan was prepared of. */
static void
answers_of(struct rows_engine *e, const struct kql_op *plan, const struct kql_op *bound,
           struct kql_answers *out)
{
    struct rows_run *run;
    struct rows_list *input;

    if (plan->kind != KQL_OP_FORK) {
        answer_add(e, out, plan, SPAN_LITERAL("PrimaryResult"), &e->root);
        if (bound->kind == KQL_OP_RENDER)
            out->items[out->count - 1].render = bound;
        return;
    }
    input = rows_collect(e->pool, rows_open(&e->root, plan->input, NULL));
    run = rows_run_beside(&e->root);
    run->input = input;
    run->input_is_lasting = true;
    for (uint32_t i = 0; i < plan->u.fork.count; i++)
        answer_add(e, out, plan->u.fork.branches[i], plan->u.fork.names[i], run);
}

/* ---- the engine's life ---- */

static void
engine_init(struct rows_engine *e, struct pool *pool, const struct kql_environment *environment,
            const struct kql_rows_source *source, const struct kql_rows_limits *limits)
{
    *e = (struct rows_engine){.pool = pool,
                              .environment = environment,
                              .source = source,
                              .limits = limits,
                              .now = environment->now};
    kql_random_seed(&e->random, (uint64_t)environment->now ^ (uint64_t)clock_monotonic_ms());
}

/* Needs the pool's escape. */
static void
engine_start(struct rows_engine *e)
{
    e->root =
        (struct rows_run){.engine = e, .keep = e->pool, .life = &e->life, .input_is_lasting = true};
    e->root.scratch = rows_pool_new(&e->root);
    if (e->source != NULL && e->source->begin != NULL)
        e->source->begin(e->source->context, e);
}

/* Also after an escape, wherever it came from. */
static void
engine_end(struct rows_engine *e)
{
    enum pool_end why = e->pool->why; /* resetting forgets it */

    for (struct rows_pool *p = e->pools; p != NULL && why == POOL_GOES_ON; p = p->older) {
        why = p->pool.why;
        if (why != POOL_GOES_ON)
            e->pool->reason = p->pool.reason;
    }
    e->pool->why = why;
    life_end(e, &e->life);
    for (struct rows_release *r = e->releases; r != NULL; r = r->older)
        if (r->thing != NULL)
            r->release(r->thing);
    for (struct rows_pool *p = e->pools; p != NULL; p = p->older)
        pool_free(&p->pool);
    e->releases = NULL;
    e->pools = NULL;
}

/* Whether the work was done; false: the pool's escape was taken, e->pool->reason says why. */
static bool
engine_guard(struct rows_engine *e, void (*work)(struct rows_engine *e, void *context),
             void *context)
{
    jmp_buf here, *const outer = e->pool->escape;
    bool is_done = false;

    e->pool->escape = &here;
    if (setjmp(here) == 0) {
        work(e, context);
        e->pool->escape = outer;
        return true;
    }
    e->pool->escape = outer;
    return is_done;
}

static void
say_why(const struct rows_engine *e, struct err *err)
{
    switch (e->pool->why) {
    case POOL_SPENT:
        err_set(err, ST_FULL,
                "the query needs more than %zu bytes of memory: look at fewer rows or columns, or "
                "raise the limit (limit-memory)",
                e->limits->memory_max);
        break;
    case POOL_LATE:
        err_set(err, ST_FULL,
                "the query took longer than it may: look at fewer rows, or raise the limit "
                "(limit-time)");
        break;
    case POOL_GOES_ON:
    case POOL_ABANDONED:
    case POOL_EXCEEDED:
    case POOL_CANCELLED:
        err_set(err, ST_INVALID, "%s", e->pool->reason.text);
        break;
    }
}

struct plan_work {
    const struct kql_op *plan;
    struct kql_answers *out;
};

static void
run_plan(struct rows_engine *e, void *context)
{
    struct plan_work *w = context;

    engine_start(e);
    answers_of(e, w->plan, w->plan, w->out);
}

bool
kql_rows_run(struct pool *pool, const struct kql_op *plan,
             const struct kql_environment *environment, const struct kql_rows_source *source,
             const struct kql_rows_limits *limits, struct kql_answers *out, struct err *err)
{
    struct rows_engine e;
    struct plan_work work = {plan, out};
    bool is_done;

    *out = (struct kql_answers){0};
    engine_init(&e, pool, environment, source, limits);
    is_done = engine_guard(&e, run_plan, &work);
    engine_end(&e);
    if (!is_done)
        say_why(&e, err);
    return is_done;
}

/* ---- a query's text ---- */

struct query_work {
    struct rows_engine *engine;
    const struct kql_environment *outer;
    struct span text;
    struct kql_diagnostics *d;
    struct kql_answers *out;
    bool is_bound;
};

static const struct kql_op *
prepared(struct rows_engine *e, const struct kql_op *plan, enum kql_rows_purpose purpose)
{
    return e->source != NULL && e->source->prepare != NULL
               ? e->source->prepare(e->source->context, plan, purpose)
               : plan;
}

static bool
discover(void *context, const struct kql_op *plan, struct kql_schema *out)
{
    const struct query_work *w = context;

    if (plan->kind != KQL_OP_PLUGIN)
        return false;
    if (needs_context(w->engine, plan))
        return false;
    plan = prepared(w->engine, plan, KQL_ROWS_DISCOVERED);
    if (plan->kind != KQL_OP_PLUGIN)
        return false;
    *out = rows_plugin_run(&w->engine->root, plan)->schema;
    return true;
}

static void
bind_and_run(struct rows_engine *e, void *context)
{
    struct query_work *w = context;
    struct kql_bound bound = {.plan = NULL};
    struct kql_environment environment = *w->outer;

    engine_start(e);
    environment.discover = discover;
    environment.discover_context = w;
    kql_diagnostics_init(w->d, e->pool, w->text);
    if (!kql_bind(e->pool, w->text, &environment, w->d, &bound))
        return;
    w->is_bound = true;
    for (uint32_t i = 0; i < bound.plan_count; i++)
        answers_of(
            e,
            prepared(e, bound.plans[i], bound.plan_count > 1 ? KQL_ROWS_ANSWERS : KQL_ROWS_ANSWER),
            bound.plans[i], w->out);
}

/* Reasons may quote constants: a regex that is refused only now, say. */
static void
conceal_reason(struct span query, struct err *err)
{
    struct pool pool;
    jmp_buf here;

    pool_init(&pool, 64 << 20);
    pool.escape = &here;
    if (setjmp(here) == 0)
        kql_conceal_message(&pool, query, err->text);
    else
        err_set(err, ST_INVALID, "the query ended, and there is no memory to say why");
    pool_free(&pool);
}

bool
kql_rows_query(struct pool *pool, struct span text, const struct kql_environment *environment,
               const struct kql_rows_source *source, const struct kql_rows_limits *limits,
               struct kql_diagnostics *d, struct kql_answers *out, struct err *err)
{
    struct rows_engine e;
    struct query_work work = {&e, environment, text, d, out, false};
    bool is_done;

    *out = (struct kql_answers){0};
    memset(d, 0, sizeof *d);
    err->text[0] = '\0';
    pool->limit = limits->memory_max;
    pool->deadline_ms = limits->deadline_ms;
    pool->why = POOL_GOES_ON;
    engine_init(&e, pool, environment, source, limits);
    is_done = engine_guard(&e, bind_and_run, &work);
    engine_end(&e);
    if (!is_done) {
        say_why(&e, err);
        conceal_reason(text, err);
    }
    return is_done && work.is_bound;
}
