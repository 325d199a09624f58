/* sql_statement.c - steps to a statement. A step's text knows where each of its columns stands and what that reads, so that
 * columns that nobody reads are left out: tables are wide, questions are not, and DuckDB looks at every name. */
#include "workspace/sql_inner.h"

/* ---- what a step's text is made of ---- */

void
sql_select(struct sql_step *step, const char *word)
{
    sql_put(&step->text, "%s ", word);
    step->begins_list = true;
}

void
sql_column_begin(struct sql_step *step, uint32_t column)
{
    struct pool *p = step->text.pool;

    step->columns = pool_grow(p, step->columns, &step->column_room, step->column_count + 1,
                              sizeof *step->columns);
    step->columns[step->column_count] = (struct sql_step_column){.column = column,
                                                                 .is_first = step->begins_list,
                                                                 .begin = step->text.n,
                                                                 .read_begin = step->read_count};
    step->begins_list = false;
}

void
sql_column_end(struct sql_step *step)
{
    step->columns[step->column_count].end = step->text.n;
    step->columns[step->column_count++].read_end = step->read_count;
}

void
sql_read(struct sql_step *step, struct sql_step *source, uint32_t column)
{
    step->reads = pool_grow(step->text.pool, step->reads, &step->read_room, step->read_count + 1,
                            sizeof *step->reads);
    step->reads[step->read_count++] = (struct sql_read){source, column};
}

void
sql_pass_columns(struct sql_step *step, struct sql_step *input)
{
    for (uint32_t i = 0; i < input->op->schema.count; i++) {
        sql_column_begin(step, i);
        sql_read(step, input, i);
        sql_put(&step->text, "c%u", i);
        sql_column_end(step);
    }
}

void
sql_pass_order(struct sql_step *step, const struct sql_step *input)
{
    for (uint32_t i = 0; i < input->order_count; i++) {
        sql_column_begin(step, UINT32_MAX);
        sql_put(&step->text, "k%u", i);
        sql_column_end(step);
        step->order[i] = input->order[i];
    }
    step->order_count = input->order_count;
    step->counts_rows = input->counts_rows;
    step->counts_items = input->counts_items;
}

/* ---- gathering ---- */

struct statement {
    struct sql_build *b;
    uint32_t id;
    struct sql_step **steps; /* those used before those that use them */
    size_t count, room, size;
    struct sql_list scalars, sets;
    bool joins; /* one of the steps does */
};

static void
gather(struct statement *s, struct sql_step *step)
{
    if (step->statement == s->id) {
        step->uses++;
        return;
    }
    step->statement = s->id;
    step->uses = 1;
    for (size_t i = 0; i < step->input_count; i++)
        gather(s, step->inputs[i]);
    s->steps = pool_grow(s->b->pool, s->steps, &s->room, s->count + 1, sizeof(struct sql_step *));
    s->steps[s->count++] = step;
    s->size += step->text.n + 64;
    s->joins = s->joins || step->joins;
    for (size_t i = 0; i < step->scalars.count; i++)
        sql_list_add(s->b->pool, &s->scalars, step->scalars.items[i]);
    for (size_t i = 0; i < step->sets.count; i++)
        sql_list_add(s->b->pool, &s->sets, step->sets.items[i]);
}

bool
sql_statement_holds(struct sql_build *b, struct sql_step *root, const struct sql_step *step)
{
    struct statement s = {.b = b, .id = ++b->statement_count};

    gather(&s, root);
    return step->statement == s.id;
}

/* Run once where running it again would give something else, and where the query says so. And for the sake of DuckDB 1.5.5, which
 * hands what it knows of the keys of a join's other side down to the scan through LIMIT and DISTINCT ON: other rows are the first,
 * then. */
static bool
is_kept(const struct statement *s, const struct sql_step *step)
{
    return step->is_volatile || (step->limits && s->joins) ||
           step->groupings == SQL_GROUPINGS_MAX ||
           (step->uses > 1 &&
            (step->op->kind == KQL_OP_MATERIALIZE || !step->is_repeatable || step->numbers_rows));
}

/* ---- which columns are read ---- */

static void
want_reads(struct sql_step *step, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        step->reads[i].source->wanted[step->reads[i].column] = 1;
}

static bool
is_wanted(const struct sql_step *step, const struct sql_step_column *c)
{
    return c->column == UINT32_MAX || step->wanted[c->column];
}

/* What a step reads beside its columns, and what those of its columns read that somebody reads. A list is not left without any. */
static void
want(struct sql_step *step)
{
    size_t from = 0;
    bool has_any = false;

    for (size_t i = 0; i < step->column_count; i++)
        has_any |= is_wanted(step, &step->columns[i]);
    if (!has_any && step->column_count > 0)
        step->wanted[step->columns[0].column] = 1;
    for (size_t i = 0; i < step->column_count; i++) {
        const struct sql_step_column *c = &step->columns[i];

        want_reads(step, from, c->read_begin);
        if (is_wanted(step, c))
            want_reads(step, c->read_begin, c->read_end);
        from = c->read_end;
    }
    want_reads(step, from, step->read_count);
}

/* With the runs' columns. */
static size_t
width_of(const struct sql_step *step)
{
    return (size_t)step->op->schema.count + (step->runs != NULL ? step->runs->count : 0);
}

static void
want_all(const struct statement *s, const struct sql_step *root)
{
    for (size_t i = 0; i < s->count; i++)
        s->steps[i]->wanted = pool_zeroed(s->b->pool, width_of(s->steps[i]) + 1, 1);
    memset(root->wanted, 1, root->op->schema.count);
    for (size_t i = s->count; i > 0; i--)
        want(s->steps[i - 1]);
}

/* ---- text ---- */

static void
put_step(struct sql_text *t, const struct sql_step *step)
{
    size_t from = 0;
    bool is_first = true;

    for (size_t i = 0; i < step->column_count; i++) {
        const struct sql_step_column *c = &step->columns[i];

        sql_put_span(t, (struct span){step->text.p + from, c->begin - from});
        from = c->end;
        is_first = is_first || c->is_first;
        if (!is_wanted(step, c))
            continue;
        sql_put(t, "%s", is_first ? "" : ", ");
        sql_put_span(t, (struct span){step->text.p + c->begin, c->end - c->begin});
        is_first = false;
    }
    sql_put_span(t, (struct span){step->text.p + from, step->text.n - from});
}

static struct span
statement_text(const struct statement *s, const struct sql_step *root)
{
    struct sql_text t = {.pool = s->b->pool};

    for (size_t i = 0; i < s->count; i++) {
        sql_put(&t, "%st%u AS %s(", i == 0 ? "WITH " : ",\n", s->steps[i]->id,
                is_kept(s, s->steps[i]) ? "MATERIALIZED " : "");
        put_step(&t, s->steps[i]);
        sql_put(&t, ")");
    }
    sql_put(&t, "\nSELECT ");
    sql_put_columns(&t, root->op->schema.count);
    sql_put(&t, " FROM t%u", root->id);
    sql_put_order(&t, root, "");
    return (struct span){t.p, t.n};
}

const struct sql_part *
sql_statement(struct sql_build *b, struct sql_step *root)
{
    struct statement s = {.b = b, .id = ++b->statement_count};
    struct sql_part *part;

    gather(&s, root);
    if (s.count > SQL_STEPS_MAX || s.size > SQL_TEXT_MAX)
        return NULL;
    want_all(&s, root);
    part = pool_zeroed(b->pool, 1, sizeof *part);
    part->text = statement_text(&s, root);
    part->schema = root->op->schema;
    part->is_ordered = root->order_count > 0;
    part->op = root->op;
    part->place = root->place;
    part->scalars = s.scalars.items;
    part->scalar_count = (uint32_t)s.scalars.count;
    part->sets = s.sets.items;
    part->set_count = (uint32_t)s.sets.count;
    return part;
}
