/* stream.c - a query's plan to one step over a record.
 *
 *   source | where A | extend x = f(c) | where x > 1 | project c, y = g(x)
 *   becomes   filter: A and f(c) > 1     columns: c as it came, y = g(f(c))
 *
 * Every expression is rewritten over the source's columns, operator by operator; what is met again
 * is not rewritten again, so a chain of extends that use each other stays as small as its text. */
#include "kql/parse_match.h"
#include "kql/stream_inner.h"
#include "kql/text.h"

enum { DEPTH_MAX = 1000 }; /* of an expression, chains of 'and' and 'or' aside */

/* ---- rewriting expressions over the source ---- */

struct outline {
    struct pool *pool;
    struct kql_stream *stream;
    const struct kql_op *source;
    struct kql_diagnostics *d;
    const struct kql_expr **exprs; /* of the operator's input columns, over the source's */
    struct memo {
        const struct kql_expr *from, *to;
    } * memo; /* of the operator at hand */
    uint32_t memo_room, memo_count, depth;
    const struct kql_expr **filters;
    size_t filter_count, filter_room;
};

static struct memo *
memo_find(struct memo *memo, uint32_t room, const struct kql_expr *e)
{
    uint64_t h = ((uintptr_t)e >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t i = (uint32_t)(h >> 32) & (room - 1);

    while (memo[i].from != NULL && memo[i].from != e)
        i = (i + 1) & (room - 1);
    return &memo[i];
}

static void
memo_add(struct outline *o, const struct kql_expr *from, const struct kql_expr *to)
{
    if (o->memo_count * 2 >= o->memo_room) {
        uint32_t room = o->memo_room == 0 ? 32 : o->memo_room * 2;
        struct memo *larger = pool_zeroed(o->pool, room, sizeof *larger);

        for (uint32_t i = 0; i < o->memo_room; i++)
            if (o->memo[i].from != NULL)
                *memo_find(larger, room, o->memo[i].from) = o->memo[i];
        o->memo = larger;
        o->memo_room = room;
    }
    *memo_find(o->memo, o->memo_room, from) = (struct memo){from, to};
    o->memo_count++;
}

static void
memo_clear(struct outline *o)
{
    if (o->memo_count > 0)
        memset(o->memo, 0, o->memo_room * sizeof *o->memo);
    o->memo_count = 0;
}

static const struct kql_expr *rewritten(struct outline *o, const struct kql_expr *e);

static const struct kql_expr *
expr_new(struct outline *o, struct kql_expr like)
{
    struct kql_expr *e = pool_take(o->pool, sizeof *e);

    *e = like;
    return e;
}

static bool
is_call_of(const struct kql_expr *e, const struct kql_function *f)
{
    return e->kind == KQL_EXPR_CALL && e->function == f;
}

/* A chain of 'and' (or of 'or') leans to the left as far as the text is long: taken apart without
 * recursion, it becomes one call of all its operands. */
static const struct kql_expr *
rewritten_chain(struct outline *o, const struct kql_expr *e)
{
    const struct kql_expr **operands = NULL, *at = e;
    size_t count = 0, room = 0;

    for (; is_call_of(at, e->function); at = at->arguments[0])
        for (uint32_t i = at->count; i-- > 1;) {
            operands = pool_grow(o->pool, operands, &room, count + 2, sizeof *operands);
            operands[count++] = rewritten(o, at->arguments[i]);
        }
    operands[count++] = rewritten(o, at);
    for (size_t i = 0; i < count / 2; i++) {
        const struct kql_expr *other = operands[i];

        operands[i] = operands[count - 1 - i];
        operands[count - 1 - i] = other;
    }
    return expr_new(o, (struct kql_expr){.kind = KQL_EXPR_CALL,
                                         .type = e->type,
                                         .at = e->at,
                                         .size = e->size,
                                         .function = e->function,
                                         .arguments = operands,
                                         .count = (uint32_t)count});
}

static bool
is_chain(const struct kql_expr *e)
{
    return e->kind == KQL_EXPR_CALL && (e->function->flags & KQL_F_LAZY) && e->count >= 2 &&
           (strcmp(e->function->name, "and") == 0 || strcmp(e->function->name, "or") == 0);
}

static const struct kql_expr *
rewritten(struct outline *o, const struct kql_expr *e)
{
    const struct kql_expr **arguments = NULL;
    struct kql_expr *copy;

    if (e->kind == KQL_EXPR_COLUMN)
        return o->exprs[e->column];
    stream_check_expr(e, o->d);
    if (e->count == 0 || o->d->error_count > 0)
        return e;
    if (o->memo_room > 0) {
        const struct memo *known = memo_find(o->memo, o->memo_room, e);

        if (known->from != NULL)
            return known->to;
    }
    if (++o->depth > DEPTH_MAX) {
        kql_complain(o->d, KQL_E_LIMIT, e->at, e->size, "the expression is nested too deep");
        return e;
    }
    if (is_chain(e)) {
        const struct kql_expr *chain = rewritten_chain(o, e);

        o->depth--;
        memo_add(o, e, chain);
        return chain;
    }
    for (uint32_t i = 0; i < e->count; i++) {
        const struct kql_expr *a = rewritten(o, e->arguments[i]);

        if (a == e->arguments[i] && arguments == NULL)
            continue;
        if (arguments == NULL) {
            arguments = pool_take(o->pool, e->count * sizeof *arguments);
            memcpy(arguments, e->arguments, i * sizeof *arguments);
        }
        arguments[i] = a;
    }
    o->depth--;
    if (arguments == NULL) {
        memo_add(o, e, e);
        return e;
    }
    copy = pool_take(o->pool, sizeof *copy);
    *copy = *e;
    copy->arguments = arguments;
    memo_add(o, e, copy);
    return copy;
}

/* ---- parse: a hidden function gives an array of all captures, another picks one ---- */

/* The matcher's address as a constant: equal texts of equal operators are matched once. */
static const struct kql_matcher *
matcher_of(const struct kql_value *v)
{
    return (const struct kql_matcher *)(intptr_t)v->i;
}

static void
call_match(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_matcher *m = matcher_of(&args[1]);
    uint32_t count = kql_matcher_count(m);
    struct kql_value *items = pool_take(call->pool, ((size_t)count + 1) * sizeof *items);
    struct kql_array *array = pool_take(call->pool, sizeof *array);

    items[count] = kql_bool(kql_matcher_match(m, call->pool, kql_text(&args[0]), items));
    *array = (struct kql_array){.count = count + 1, .items = items};
    *result = (struct kql_value){.type = KQL_ARRAY, .array = array};
}

static void
call_pick(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    if (!args[0].is_null && args[0].type == KQL_ARRAY)
        *result = args[0].array->items[args[1].i];
}

static const struct kql_function match_function = {
    .name = "parse", .kind = KQL_SCALAR, .flags = KQL_F_TAKES_NULLS, .call = call_match};
static const struct kql_function pick_function = {
    .name = "capture", .kind = KQL_SCALAR, .flags = KQL_F_TAKES_NULLS, .call = call_pick};

bool
stream_is_match(const struct kql_function *f)
{
    return f == &match_function;
}

static const struct kql_expr *
call_new(struct outline *o, const struct kql_function *f, enum kql_type type,
         const struct kql_expr *first, int64_t second)
{
    const struct kql_expr **arguments = pool_take(o->pool, 2 * sizeof *arguments);

    arguments[0] = first;
    arguments[1] = expr_new(o, (struct kql_expr){.kind = KQL_EXPR_CONST,
                                                 .type = KQL_LONG,
                                                 .value = kql_integer(KQL_LONG, second)});
    return expr_new(o, (struct kql_expr){.kind = KQL_EXPR_CALL,
                                         .type = (uint8_t)type,
                                         .function = f,
                                         .arguments = arguments,
                                         .count = 2});
}

static void
filter_add(struct outline *o, const struct kql_expr *e)
{
    o->filters =
        pool_grow(o->pool, o->filters, &o->filter_room, o->filter_count + 1, sizeof *o->filters);
    o->filters[o->filter_count++] = e;
}

static void
add_parse(struct outline *o, const struct kql_op *op)
{
    bool is_pairs = op->kind == KQL_OP_PARSE_PAIRS;
    const uint32_t *map = is_pairs ? op->u.parse_kv.map : op->u.parse.map;
    const struct kql_expr *text = rewritten(o, is_pairs ? op->u.parse_kv.expr : op->u.parse.expr);
    const struct kql_expr **exprs =
        pool_zeroed(o->pool, (size_t)op->schema.count + 1, sizeof *exprs);
    struct stream_matcher *held = pool_zeroed(o->pool, 1, sizeof *held);
    struct err err = {""};

    held->matcher = kql_matcher_new(o->pool, op, &err);
    if (held->matcher == NULL) {
        kql_complain(o->d, KQL_E_VALUE, op->at, op->size, "%s", err.text);
        return;
    }
    held->next = o->stream->matchers;
    o->stream->matchers = held;
    const struct kql_expr *all =
        call_new(o, &match_function, KQL_DYNAMIC, text, (int64_t)(intptr_t)held->matcher);

    for (uint32_t i = 0; i < kql_matcher_count(held->matcher); i++) {
        uint32_t column = kql_matcher_column(held->matcher, i);

        exprs[column] = call_new(o, &pick_function, op->schema.columns[column].type, all, i);
    }
    for (uint32_t i = 0; i < op->schema.count; i++)
        if (exprs[i] == NULL)
            exprs[i] = o->exprs[map[i]];
    if (!is_pairs && op->u.parse.drops_failed)
        filter_add(o, call_new(o, &pick_function, KQL_BOOL, all, kql_matcher_count(held->matcher)));
    o->exprs = exprs;
    o->stream->is_filter = false;
}

/* ---- operators ---- */

static void
add_project(struct outline *o, const struct kql_op *op)
{
    const struct kql_expr **exprs =
        pool_take(o->pool, ((size_t)op->schema.count + 1) * sizeof *exprs);

    for (uint32_t i = 0; i < op->schema.count; i++)
        exprs[i] = rewritten(o, op->u.project.exprs[i]);
    o->exprs = exprs;
    o->stream->is_filter = false;
    switch (op->u.project.form) {
    case KQL_FORM_PROJECT:
    case KQL_FORM_KEEP:
    case KQL_FORM_PRINT:
        o->stream->is_open = false;
        o->stream->is_ordered = false;
        break;
    case KQL_FORM_REORDER:
        o->stream->is_ordered = true;
        break;
    case KQL_FORM_EXTEND:
    case KQL_FORM_AWAY:
    case KQL_FORM_RENAME:
    case KQL_FORM_SERIALIZE:
        break;
    }
}

/* The records themselves, or one row of constants for each of them. */
static void
add_source(struct outline *o, const struct kql_op *op)
{
    uint32_t count = op->schema.count;
    const struct kql_expr **exprs = pool_take(o->pool, ((size_t)count + 1) * sizeof *exprs);

    if (op != o->source && op->kind == KQL_ROWS_PRINT) {
        add_project(o, op);
        o->stream->is_open = false;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct kql_expr e = {.kind = KQL_EXPR_COLUMN, .type = op->schema.columns[i].type};

        e.column = i;
        if (op != o->source) {
            e.kind = KQL_EXPR_CONST;
            e.value = op->u.rows.cells[i];
        }
        exprs[i] = expr_new(o, e);
    }
    o->exprs = exprs;
    if (op != o->source)
        o->stream->is_open = o->stream->is_filter = false;
}

static void
add_op(struct outline *o, const struct kql_op *op)
{
    memo_clear(o);
    if (op == o->source) {
        add_source(o, op);
        return;
    }
    switch (op->kind) {
    case KQL_OP_WHERE:
        filter_add(o, rewritten(o, op->u.predicate));
        break;
    case KQL_OP_PROJECT:
        add_project(o, op);
        break;
    case KQL_OP_PARSE_TEXT:
    case KQL_OP_PARSE_PAIRS:
        add_parse(o, op);
        break;
    case KQL_ROWS_PRINT:
    case KQL_ROWS_INLINE:
        add_source(o, op);
        break;
    default: /* rows pass as they are: serialize, materialize; all others have been refused */
        break;
    }
}

static bool
add_chain(struct outline *o, const struct kql_op *plan)
{
    const struct kql_op **chain = NULL;
    size_t count = 0, room = 0;

    for (const struct kql_op *op = plan; op != NULL; op = op == o->source ? NULL : op->input) {
        chain = pool_grow(o->pool, chain, &room, count + 1, sizeof *chain);
        chain[count++] = op;
    }
    while (count > 0) {
        add_op(o, chain[--count]);
        if (o->d->error_count > 0)
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static struct span
quoted_name(struct pool *p, struct span name)
{
    char *text = pool_take(p, name.n * 6 + 4), *to = text;

    *to++ = '"';
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];

        if (c < 0x20) {
            to += sprintf(to, "\\u%04x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            *to++ = '\\';
        *to++ = (char)c;
    }
    *to++ = '"';
    *to++ = ':';
    return (struct span){text, (size_t)(to - text)};
}

static void
set_columns(struct outline *o, const struct kql_op *plan)
{
    struct kql_stream *s = o->stream;

    s->column_count = plan->schema.count;
    s->columns = pool_zeroed(o->pool, (size_t)s->column_count + 1, sizeof *s->columns);
    for (uint32_t i = 0; i < s->column_count; i++) {
        struct stream_column *c = &s->columns[i];

        c->name = plan->schema.columns[i].name;
        c->quoted = quoted_name(o->pool, c->name);
        c->type = plan->schema.columns[i].type;
        c->expr = o->exprs[i];
        c->source = c->expr->kind == KQL_EXPR_COLUMN ? c->expr->column : UINT32_MAX;
    }
    s->schema = plan->schema;
    if (o->filter_count == 1) {
        s->filter = o->filters[0];
    } else if (o->filter_count > 1) {
        s->filter = expr_new(o, (struct kql_expr){.kind = KQL_EXPR_CALL,
                                                  .type = KQL_BOOL,
                                                  .function = kql_operator_find("and"),
                                                  .arguments = o->filters,
                                                  .count = (uint32_t)o->filter_count});
    }
}

void
kql_stream_free(struct kql_stream *stream)
{
    if (stream == NULL)
        return;
    for (struct stream_matcher *m = stream->matchers; m != NULL; m = m->next)
        kql_matcher_free(m->matcher);
    stream->matchers = NULL;
}

/* Everything else that can be wrong shows when it is compiled: regexes. */
static bool
is_compilable(struct kql_stream *s, struct kql_diagnostics *d, const struct kql_op *plan)
{
    const struct kql_stream *const alone[] = {s};
    struct kql_stream_set *set;
    struct err err = {""};

    set = kql_stream_set_new(s->pool, alone, 1, &err);
    if (set == NULL) {
        kql_complain(d, KQL_E_VALUE, plan->at, plan->size, "%s", err.text);
        return false;
    }
    s->reads = stream_set_columns(set, &s->read_count);
    kql_stream_set_free(set);
    return true;
}

static struct kql_stream *
build(struct pool *pool, const struct kql_op *plan, const struct kql_op *source,
      struct kql_diagnostics *d, struct kql_stream *s)
{
    struct outline o = {.pool = pool, .stream = s, .source = source, .d = d};

    stream_check_ops(plan, source, d);
    if (d->error_count > 0)
        return NULL;
    s->pool = pool;
    s->is_open = s->is_filter = true;
    if (source != NULL)
        s->source = source->schema;
    if (!add_chain(&o, plan))
        return NULL;
    set_columns(&o, plan);
    if (!is_compilable(s, d, plan))
        return NULL;
    stream_take_apart(s);
    return s;
}

/* Runs with an escape of its own, so that what holds memory outside the pool is given back. */
static struct kql_stream *
build_safely(struct pool *pool, const struct kql_op *plan, const struct kql_op *source,
             struct kql_diagnostics *d)
{
    struct kql_stream *s = pool_zeroed(pool, 1, sizeof *s), *made;
    jmp_buf *outer = pool->escape, here;

    if (setjmp(here) != 0) {
        pool->escape = outer;
        kql_stream_free(s);
        longjmp(*outer, 1);
    }
    pool->escape = &here;
    made = build(pool, plan, source, d, s);
    pool->escape = outer;
    if (made == NULL)
        kql_stream_free(s);
    return made;
}

struct kql_stream *
kql_stream_of_plan(struct pool *pool, const struct kql_op *plan, const struct kql_op *source,
                   struct kql_diagnostics *d)
{
    return build_safely(pool, plan, source, d);
}

static const struct kql_op *
leaf_of(const struct kql_op *plan, const struct kql_table *source)
{
    while (plan->input != NULL)
        plan = plan->input;
    return plan->kind == KQL_ROWS_TABLE && plan->u.table.handle == source->handle ? plan : NULL;
}

/* What leaves is UTF-8 because what comes is, and the query. */
static bool
is_utf8(struct span text, struct kql_diagnostics *d)
{
    for (size_t at = 0; at < text.n;) {
        size_t start = at;

        (void)kql_code_point(text, &at);
        if ((unsigned char)text.p[start] >= 0x80 && at == start + 1) {
            kql_complain(d, KQL_E_TEXT, (uint32_t)start, 1, "the query is no UTF-8 here");
            return false;
        }
    }
    return true;
}

/* The table's own name stands for the record as well, so that a hunting query needs no change. */
static bool
table_by_name(void *context, struct span name, struct kql_table *out)
{
    const struct kql_table *source = context;

    if (!span_equal(name, source->name))
        return false;
    *out = *source;
    return true;
}

static struct kql_stream *
make(struct pool *pool, struct span text, const struct kql_table *source,
     enum kql_stream_strictness strictness, struct kql_diagnostics *d)
{
    struct kql_environment environment = {
        .source = source, .table = table_by_name, .context = (void *)(uintptr_t)source};
    struct kql_bound bound;
    struct kql_stream *s;
    const struct kql_op *leaf;

    if (text.n <= KQL_QUERY_MAX && !is_utf8(text, d))
        return NULL;
    if (!kql_bind(pool, text, &environment, d, &bound))
        return NULL;
    if (bound.is_scalar || bound.plan_count != 1) {
        kql_complain(d, KQL_E_STREAM, 0, (uint32_t)text.n,
                     "a transformation is one query: source | where ...");
        return NULL;
    }
    if (strictness != KQL_STREAM_WIDE)
        stream_check_syntax(kql_parse(pool, text, d), strictness, d);
    if (d->error_count > 0)
        return NULL;
    leaf = leaf_of(bound.plan, source);
    s = build_safely(pool, bound.plan, leaf, d);
    if (s != NULL && leaf == NULL)
        s->source = source->schema;
    return s;
}

struct kql_stream *
kql_stream_new(struct pool *pool, struct span text, const struct kql_table *source,
               enum kql_stream_strictness strictness, struct kql_diagnostics *d)
{
    jmp_buf *outer = pool->escape, here;
    struct kql_stream *s;

    if (setjmp(here) != 0) { /* no memory even for a complaint: its text is a constant */
        const char *why = pool->why == POOL_LATE ? "the query takes too long to prepare"
                                                 : "the query needs too much memory";

        pool->escape = outer;
        if (d->count == KQL_DIAGNOSTICS_MAX)
            d->count--;
        d->items[d->count++] =
            (struct kql_diagnostic){.code = KQL_E_LIMIT, .line = 1, .column = 1, .text = why};
        d->error_count++;
        return NULL;
    }
    pool->escape = &here;
    s = make(pool, pool_text(pool, text), source, strictness, d);
    pool->escape = outer;
    return s;
}

const struct kql_schema *
kql_stream_schema(const struct kql_stream *stream)
{
    return &stream->schema;
}

bool
kql_stream_is_filter(const struct kql_stream *stream)
{
    return stream->is_filter;
}

bool
kql_stream_reads(const struct kql_stream *stream, struct span column)
{
    for (uint32_t i = 0; i < stream->read_count; i++)
        if (span_equal(stream->source.columns[stream->reads[i]].name, column))
            return true;
    return false;
}
