/* rows_parse.c - parse, parse-where and parse-kv over rows; what they do with one text stands in
 * parse_match.h. */
#include "kql/parse_match.h"
#include "kql/rows_inner.h"

struct parse_cursor {
    struct rows_cursor c;
    struct rows_cursor *input;
    struct rows_eval eval;
    const struct kql_matcher *matcher;
    const uint32_t *map; /* result column: of the input's, or UINT32_MAX */
    struct kql_value *in, *captures;
    bool drops_failed;
};

static bool
parse_next(struct rows_cursor *c, struct kql_value *row)
{
    struct parse_cursor *p = (struct parse_cursor *)c;
    struct kql_value value;
    struct span text;

    for (;;) {
        struct pool_mark mark = pool_mark(c->run->scratch);

        if (!rows_next(p->input, p->in))
            return false;
        rows_eval_row(&p->eval, p->in);
        rows_eval_cell(&p->eval, 0, &value);
        text = value.type == KQL_STRING && !value.is_null ? kql_text(&value) : SPAN_LITERAL("");
        if (kql_matcher_match(p->matcher, c->run->scratch, text, p->captures) || !p->drops_failed)
            break;
        pool_return(c->run->scratch, mark);
    }
    for (uint32_t i = 0; i < c->width; i++)
        if (p->map[i] != UINT32_MAX)
            row[i] = p->in[p->map[i]];
    for (uint32_t i = 0; i < kql_matcher_count(p->matcher); i++)
        row[kql_matcher_column(p->matcher, i)] = p->captures[i];
    return true;
}

static void
release(void *matcher)
{
    kql_matcher_free(matcher);
}

/* One per operator of the plan. */
static const struct kql_matcher *
matcher_of(struct rows_engine *e, const struct kql_op *op)
{
    struct kql_matcher *m = rows_memo_get(e, op, 1);
    struct rows_release *r;
    struct err err = {""};

    if (m != NULL)
        return m;
    r = rows_release_new(e, release);
    m = r->thing = kql_matcher_new(e->pool, op, &err);
    if (m == NULL)
        pool_abandon(e->pool, "%s", err.text);
    rows_memo_put(e, op, 1, m);
    return m;
}

static struct rows_cursor *
open_matcher(struct rows_run *run, const struct kql_op *op, const struct kql_expr *expr,
             const uint32_t *map, const uint8_t *wanted)
{
    struct parse_cursor *p = rows_cursor_new(run, op, sizeof *p, parse_next);
    uint8_t *below = rows_wanted_new(run, &op->input->schema);
    const struct kql_expr *const *exprs = &expr;

    p->map = map;
    p->matcher = matcher_of(run->engine, op);
    if (rows_has_windows(exprs, 1))
        p->input = rows_windows(run, op, 1, rows_open(run, op->input, NULL), &exprs, 1);
    rows_eval_init(&p->eval, run, op, 0, exprs, 1);
    for (uint32_t i = 0; i < op->schema.count; i++)
        if (map[i] != UINT32_MAX && (wanted == NULL || wanted[i]))
            below[map[i]] = 1;
    if (p->input == NULL) {
        rows_want_eval(below, &p->eval);
        p->input = rows_open(run, op->input, below);
    }
    p->in = rows_cells_new(run->keep, p->input->width);
    p->captures = rows_cells_new(run->keep, kql_matcher_count(p->matcher));
    return &p->c;
}

struct rows_cursor *
rows_open_parse(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    struct rows_cursor *c = open_matcher(run, op, op->u.parse.expr, op->u.parse.map, wanted);

    ((struct parse_cursor *)c)->drops_failed = op->u.parse.drops_failed;
    return c;
}

struct rows_cursor *
rows_open_parse_kv(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    return open_matcher(run, op, op->u.parse_kv.expr, op->u.parse_kv.map, wanted);
}
