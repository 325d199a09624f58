/* stream_check.c - what a transformation cannot have. Two questions: what needs more than one record
 * (asked of the plan, always), and what Azure Monitor's list does not name (asked of the text, on
 * wish: constants are folded in the plan). */
#include "kql/stream_inner.h"

/* ---- more than one record ---- */

static const struct {
    enum kql_op_kind kind;
    const char *name, *why;
} refused[] = {
    {KQL_ROWS_TABLE,         "another table",
     "a transformation sees one record of 'source', and no tables"                             },
    {KQL_ROWS_RANGE,         "range",           "it makes records"                             },
    {KQL_ROWS_UNION,         "union",           "it makes several records of one"              },
    {KQL_ROWS_EXTERNAL,      "externaldata",    "a transformation reads nothing but the record"},
    {KQL_OP_SUMMARIZE,       "summarize",       "it needs all records at once"                 },
    {KQL_OP_SORT,            "sort",            "it needs all records at once"                 },
    {KQL_OP_TOP,             "top",             "it needs all records at once"                 },
    {KQL_OP_TAKE,            "take",            "it counts records"                            },
    {KQL_OP_COUNT_ROWS,      "count",           "it counts records"                            },
    {KQL_OP_SAMPLE,          "sample",          "it needs all records at once"                 },
    {KQL_OP_SAMPLE_DISTINCT, "sample-distinct", "it needs all records at once"                 },
    {KQL_OP_JOIN,            "join",            "it needs a second table"                      },
    {KQL_OP_MV_EXPAND,       "mv-expand",       "it makes several records of one"              },
    {KQL_OP_MV_APPLY,        "mv-apply",        "it makes several records of one"              },
    {KQL_OP_SERIES,          "make-series",     "it needs all records at once"                 },
    {KQL_OP_PARTITION,       "partition",       "it needs all records at once"                 },
    {KQL_OP_SCAN,            "scan",            "it needs the records before"                  },
    {KQL_OP_TOP_NESTED,      "top-nested",      "it needs all records at once"                 },
    {KQL_OP_TOP_HITTERS,     "top-hitters",     "it needs all records at once"                 },
    {KQL_OP_PLUGIN,          "evaluate",        "plugins work on tables"                       },
    {KQL_OP_REDUCE,          "reduce",          "it needs all records at once"                 },
    {KQL_OP_FORK,            "fork",            "a transformation has one result"              },
    {KQL_OP_RENDER,          "render",          "records are not drawn"                        },
    {KQL_ROWS_INPUT,         "a sub-query",     "it needs all records at once"                 },
};

/* As written: distinct is a summarize to the plan, limit a take. */
static struct span
written(const struct kql_op *op, const struct kql_diagnostics *d, const char *else_name)
{
    struct span text = kql_text_at(d, op->at);
    size_t n = 0;

    while (n < text.n && n < 24 && ((text.p[n] >= 'a' && text.p[n] <= 'z') || text.p[n] == '-'))
        n++;
    return n < 2 ? span_of(else_name) : (struct span){text.p, n};
}

static void
refuse_op(const struct kql_op *op, struct kql_diagnostics *d)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (refused[i].kind == op->kind) {
            struct span name = written(op, d, refused[i].name);

            kql_complain(d, KQL_E_STREAM, op->at, op->size,
                         "%.*s cannot be done record by record: %s", (int)name.n, name.p,
                         refused[i].why);
            return;
        }
}

void
stream_check_ops(const struct kql_op *plan, const struct kql_op *source, struct kql_diagnostics *d)
{
    for (const struct kql_op *op = plan; op != NULL && op != source; op = op->input) {
        if (op->kind == KQL_ROWS_INLINE && op->u.rows.row_count != 1)
            kql_complain(d, KQL_E_STREAM, op->at, op->size,
                         "a table of %zu rows in place of one record: only one row can leave for "
                         "each that comes",
                         op->u.rows.row_count);
        refuse_op(op, d);
    }
}

void
stream_check_expr(const struct kql_expr *e, struct kql_diagnostics *d)
{
    switch ((enum kql_expr_kind)e->kind) {
    case KQL_EXPR_TO_SCALAR:
    case KQL_EXPR_IN_TABLE:
    case KQL_EXPR_TABLE:
        kql_complain(d, KQL_E_STREAM, e->at, e->size,
                     "a query within the query cannot be done record by record: a transformation "
                     "sees no tables");
        return;
    case KQL_EXPR_CALL:
        break;
    default:
        return;
    }
    if (e->function->flags & KQL_F_VOLATILE)
        kql_complain(d, KQL_E_STREAM, e->at, e->size,
                     "%s() gives another value each time, and a record may have to be sent again "
                     "with the same bytes",
                     e->function->name);
    else if (e->function->kind == KQL_WINDOW || e->function->kind == KQL_AGGREGATE)
        kql_complain(d, KQL_E_STREAM, e->at, e->size,
                     "%s() cannot be done record by record: it needs other records",
                     e->function->name);
}

/* ---- Azure Monitor's list (data-collection-transformations-kql page) ---- */

enum { PARSE_COLUMNS_MAX = 10 };

static const enum kql_syntax_kind operators_listed[] = {
    SYN_WHERE,          SYN_EXTEND, SYN_PROJECT,   SYN_PROJECT_AWAY,
    SYN_PROJECT_RENAME, SYN_PARSE,  SYN_DATATABLE, SYN_PRINT,
};
static const enum kql_operator scalars_listed[] = {
    KQL_OP_OR,
    KQL_OP_AND,
    KQL_OP_EQUAL,
    KQL_OP_NOT_EQUAL,
    KQL_OP_LESS,
    KQL_OP_GREATER,
    KQL_OP_LESS_EQUAL,
    KQL_OP_GREATER_EQUAL,
    KQL_OP_PLUS,
    KQL_OP_MINUS,
    KQL_OP_MULTIPLY,
    KQL_OP_DIVIDE,
    KQL_OP_MODULO,
    KQL_OP_EQUAL_CI,
    KQL_OP_NOT_EQUAL_CI,
    KQL_OP_HAS,
    KQL_OP_NOT_HAS,
    KQL_OP_HAS_CS,
    KQL_OP_NOT_HAS_CS,
    KQL_OP_CONTAINS,
    KQL_OP_NOT_CONTAINS,
    KQL_OP_CONTAINS_CS,
    KQL_OP_NOT_CONTAINS_CS,
    KQL_OP_STARTSWITH,
    KQL_OP_NOT_STARTSWITH,
    KQL_OP_STARTSWITH_CS,
    KQL_OP_NOT_STARTSWITH_CS,
    KQL_OP_ENDSWITH,
    KQL_OP_NOT_ENDSWITH,
    KQL_OP_ENDSWITH_CS,
    KQL_OP_NOT_ENDSWITH_CS,
    KQL_OP_MATCHES_REGEX,
    KQL_OP_IN,
    KQL_OP_NOT_IN,
};

struct check {
    struct kql_diagnostics *d;
    enum kql_code code;
    const struct kql_syntax *query;
};

static bool
is_operator_node(enum kql_syntax_kind kind)
{
    return (kind >= SYN_WHERE && kind < SYN_KIND_COUNT && kind != SYN_EXPAND &&
            kind != SYN_CONTEXT && kind != SYN_DEFAULT && kind != SYN_STEP && kind != SYN_LEVEL) ||
           (kind >= SYN_DATATABLE && kind <= SYN_FIND);
}

static bool
is_listed(enum kql_syntax_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(operators_listed); i++)
        if (operators_listed[i] == kind)
            return true;
    return false;
}

static void
check_operator(struct check *c, const struct kql_syntax *s)
{
    uint32_t columns = 0;

    if (!is_listed(s->kind)) {
        kql_complain(c->d, c->code, s->at, s->size,
                     "Azure Monitor's transformations do not have the operator '%s'",
                     kql_syntax_name(s->kind));
        return;
    }
    if (s->kind != SYN_PARSE)
        return;
    for (uint32_t i = 0; i < s->child_count; i++)
        columns += s->children[i] != NULL && s->children[i]->kind == SYN_COLUMN_DECLARATION;
    if (columns > PARSE_COLUMNS_MAX)
        kql_complain(c->d, c->code, s->at, s->size,
                     "Azure Monitor's transformations parse at most %d columns in one statement, "
                     "not %u",
                     PARSE_COLUMNS_MAX, columns);
}

static bool
is_let(const struct check *c, struct span name)
{
    for (uint32_t i = 0; i < c->query->child_count; i++) {
        const struct kql_syntax *s = c->query->children[i];

        if (s != NULL && s->kind == SYN_LET && span_equal(s->name, name))
            return true;
    }
    return false;
}

static void
check_call(struct check *c, const struct kql_syntax *s)
{
    const struct kql_function *f = kql_function_find(s->name, KQL_SCALAR);

    if (f == NULL || is_let(c, s->name) || (f->flags & (KQL_F_TRANSFORM | KQL_F_TRANSFORM_ONLY)))
        return;
    kql_complain(c->d, c->code, s->name_size > 0 ? s->name_at : s->at,
                 s->name_size > 0 ? s->name_size : s->size,
                 "Azure Monitor's transformations do not have the function %s()", f->name);
}

static void
check_scalar(struct check *c, const struct kql_syntax *s)
{
    for (size_t i = 0; i < COUNT_OF(scalars_listed); i++)
        if (scalars_listed[i] == s->op)
            return;
    kql_complain(c->d, c->code, s->at, s->size,
                 "Azure Monitor's transformations do not have the operator '%s'",
                 kql_operator_name(s->op));
}

static void
check_source(struct check *c, const struct kql_syntax *s)
{
    if (s != NULL && s->kind == SYN_NAME && !span_is(s->name, "source") && !is_let(c, s->name))
        kql_complain(c->d, c->code, s->at, s->size,
                     "Azure Monitor's transformations call the record 'source', not '%.*s'",
                     (int)s->name.n, s->name.p);
}

static void
check_node(struct check *c, const struct kql_syntax *s)
{
    if (s->kind == SYN_PIPE && s->child_count > 0)
        check_source(c, s->children[0]);
    if (is_operator_node(s->kind))
        check_operator(c, s);
    else if (s->kind == SYN_CALL)
        check_call(c, s);
    else if (s->kind == SYN_BINARY || s->kind == SYN_IN || s->kind == SYN_BETWEEN)
        check_scalar(c, s);
    else if (s->kind == SYN_LITERAL && (s->value.type == KQL_ARRAY || s->value.type == KQL_BAG ||
                                        s->value.type == KQL_DYNAMIC))
        kql_complain(c->d, c->code, s->at, s->size,
                     "Azure Monitor's transformations have no dynamic literals: write "
                     "parse_json('...')");
}

void
stream_check_syntax(const struct kql_syntax *query, enum kql_stream_strictness strictness,
                    struct kql_diagnostics *d)
{
    struct check c = {d, strictness == KQL_STREAM_STRICT ? KQL_E_STREAM : KQL_W_STREAM, query};
    const struct kql_syntax **waiting = NULL;
    size_t count = 0, room = 0;

    if (strictness == KQL_STREAM_WIDE)
        return;
    waiting = pool_grow(d->pool, waiting, &room, 1, sizeof *waiting);
    waiting[count++] = query;
    while (count > 0) {
        const struct kql_syntax *s = waiting[--count];

        check_node(&c, s);
        waiting = pool_grow(d->pool, waiting, &room, count + s->child_count, sizeof *waiting);
        for (uint32_t i = s->child_count; i-- > 0;)
            if (s->children[i] != NULL)
                waiting[count++] = s->children[i];
    }
}
