/* parser_op.c - the tabular operators: one row each in 'operators', and how to read what is behind
 * the name. Each reading function pushes the children that syntax.h lists. */
#include "kql/parser_inner.h"
#include <strings.h>

enum { SHOWN_MAX = 40 };

/* ---- options and properties */

static const struct kql_syntax *
option_value(struct parser *p)
{
    const struct token *t = parser_now(p);

    if (parser_at_literal(p) || t->kind == '-' || t->kind == '+')
        return parser_literal(p);
    return parser_any_word(p, "a value behind '='");
}

static void
push_option(struct parser *p, struct span name, uint32_t at, uint32_t size,
            const struct kql_syntax *value)
{
    if (p->option_count == p->option_room)
        p->options = pool_grow(p->pool, p->options, &p->option_room, p->option_count + 1,
                               sizeof *p->options);
    p->options[p->option_count++] =
        (struct kql_option){.name = name, .at = at, .size = size, .value = value};
}

/* How many tokens name an option here ("kind =", "hint.strategy ="); 0: none. */
static size_t
option_size(const struct parser *p, const char *const *known)
{
    const struct token *t = parser_now(p);

    if (t->kind != TOKEN_WORD)
        return 0;
    if (t[1].kind == '.' && t[2].kind == TOKEN_WORD && t[3].kind == '=' &&
        parser_is_word(p, t, "hint"))
        return 3;
    if (t[1].kind != '=')
        return 0;
    if (known == NULL || (t->size > 2 && memcmp(p->text.p + t->at, "__", 2) == 0))
        return 1;
    for (; *known != NULL; known++)
        if (parser_is_word(p, t, *known))
            return 1;
    return 0;
}

void
parser_options(struct parser *p, const char *const *known)
{
    size_t size;

    while ((size = option_size(p, known)) > 0) {
        const struct token *first = parser_now(p), *last = first + size - 1;
        uint32_t end = last->at + last->size;
        struct span name = {p->text.p + first->at, end - first->at};

        if (size == 3 && name.n != first->size + 1 + last->size) /* blanks between */
            name = pool_printf(p->pool, "hint.%.*s", (int)last->size, p->text.p + last->at);
        for (size_t i = 0; i <= size; i++)
            parser_move(p);
        push_option(p, name, first->at, end - first->at, option_value(p));
    }
}

/* A value of with (...): a literal, a call, a name, or names with commas. */
static const struct kql_syntax *
property_value(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *list;
    size_t base = p->stack_count;

    if (parser_at_literal(p) || t->kind == '-' || t->kind == '+')
        return parser_literal(p);
    if (t->kind == TOKEN_WORD && t[1].kind == '(')
        return parser_expr(p);
    list = parser_node(p, SYN_LIST, t->at);
    parser_push(p, parser_any_word(p, "a value behind '='"));
    for (;;) {
        const struct token *comma = parser_now(p);
        bool is_name =
            comma->kind == ',' && ((comma[1].kind == TOKEN_WORD && comma[2].kind != '=') ||
                                   (comma[1].kind == '[' && comma[2].kind == TOKEN_STRING &&
                                    comma[3].kind == ']' && comma[4].kind != '='));

        if (!is_name)
            break;
        parser_move(p);
        parser_push(p, parser_any_word(p, "a name"));
    }
    if (p->stack_count == base + 1) {
        p->stack_count = base;
        return p->stack[base];
    }
    return parser_finish(p, list, base);
}

static void
property(struct parser *p)
{
    const struct token *t = parser_now(p);
    const struct kql_syntax *name = parser_any_word(p, "the name of a property");

    parser_expect(p, '=', "behind the property's name");
    push_option(p, name->name, t->at, t->size, property_value(p));
}

/* with (a=b, ...) */
static void
parser_properties(struct parser *p)
{
    parser_expect(p, '(', "and properties: (name=value, ...)");
    while (!parser_at(p, ')') && !p->is_panic) {
        property(p);
        if (!parser_accept(p, ','))
            break;
    }
    parser_expect(p, ')', "or ',' behind a property");
}

/* ---- pieces */

static bool
is_end(int kind)
{
    switch (kind) {
    case TOKEN_END:
    case '|':
    case ';':
    case ')':
    case ']':
    case '}':
        return true;
    default:
        return false;
    }
}

static bool
is_at_end(const struct parser *p)
{
    return is_end(parser_now(p)->kind);
}

/* asc, desc, nulls first, nulls last behind an expression. */
static uint32_t
order(struct parser *p)
{
    uint32_t bits = 0;

    if (parser_accept_word(p, "asc"))
        bits = KQL_ORDER_ASC;
    else if (parser_accept_word(p, "desc"))
        bits = KQL_ORDER_DESC;
    else if (parser_accept_word(p, "granny-asc"))
        bits = KQL_ORDER_GRANNY | KQL_ORDER_ASC;
    else if (parser_accept_word(p, "granny-desc"))
        bits = KQL_ORDER_GRANNY | KQL_ORDER_DESC;
    if (parser_accept_word(p, "nulls")) {
        if (parser_accept_word(p, "first"))
            bits |= KQL_ORDER_NULLS_FIRST;
        else if (parser_accept_word(p, "last"))
            bits |= KQL_ORDER_NULLS_LAST;
        else
            parser_fail(p, "'first' or 'last' behind 'nulls'");
    }
    return bits;
}

static const struct kql_syntax *
ordered(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_ORDERED, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_push(p, parser_named(p));
    n->op = order(p);
    return parser_finish(p, n, base);
}

static void
ordered_list(struct parser *p)
{
    do
        parser_push(p, ordered(p));
    while (parser_accept(p, ','));
}

static const struct kql_syntax *
ordered_list_node(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    ordered_list(p);
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
table_list_node(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_expect(p, '(', "and tables");
    do {
        const struct kql_syntax *table = parser_table_name(p);

        while (parser_at(p, '|') && parser_is_word(p, parser_ahead(p, 1), "as")) {
            struct kql_syntax *pipe = parser_node(p, SYN_PIPE, table->at);
            size_t pipe_base = p->stack_count;

            parser_move(p);
            parser_push(p, table);
            parser_push(p, parser_operator(p));
            table = parser_finish(p, pipe, pipe_base);
        }
        parser_push(p, table);
    } while (parser_accept(p, ','));
    parser_expect(p, ')', "or ',' behind a table");
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
empty_list(struct parser *p)
{
    return parser_node(p, SYN_LIST, p->tokens[p->next].at);
}

/* ---- operators that are a list */

static void
named_list(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_named_list(p);
}

static void
named_list_or_nothing(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    if (!is_at_end(p))
        parser_named_list(p);
}

static void
expr_list(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_expr_list(p);
}

static void
one_expr(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_expr(p));
}

static void
nothing(struct parser *p, struct kql_syntax *n)
{
    (void)p;
    (void)n;
}

static void
wild_list(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    if (is_at_end(p))
        return;
    do
        parser_push(p, parser_wild_name(p, "a column's name"));
    while (parser_accept(p, ','));
}

static void
reorder_list(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    if (is_at_end(p))
        return;
    do {
        const struct kql_syntax *column = parser_wild_name(p, "a column's name");
        uint32_t bits = order(p);

        if (bits != 0) {
            struct kql_syntax *o = parser_node(p, SYN_ORDERED, column->at);
            size_t base = p->stack_count;

            o->op = bits;
            parser_push(p, column);
            column = parser_finish(p, o, base);
        }
        parser_push(p, column);
    } while (parser_accept(p, ','));
}

static void
distinct(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    do {
        const struct token *t = parser_now(p);

        if (t->kind == '*' && (t[1].kind == ',' || is_end(t[1].kind)))
            parser_push(p, parser_star(p));
        else
            parser_push(p, parser_named(p));
    } while (parser_accept(p, ','));
}

static void
sort(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_expect_word(p, "by");
    ordered_list(p);
}

static void
top(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_expr(p));
    parser_expect_word(p, "by");
    parser_push(p, ordered(p));
}

static void
count(struct parser *p, struct kql_syntax *n)
{
    if (parser_accept_word(p, "as"))
        parser_take_plain_name(p, n, "a name behind 'as'");
}

static void
sample_distinct(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_expr(p));
    parser_expect_word(p, "of");
    parser_push(p, parser_named(p));
}

static void
top_hitters(struct parser *p, struct kql_syntax *n)
{
    sample_distinct(p, n);
    parser_push(p, parser_accept_word(p, "by") ? ordered(p) : NULL);
}

static void
summarize(struct parser *p, struct kql_syntax *n)
{
    bool is_bare = is_at_end(p) || parser_at_word(p, "by");

    (void)n;
    parser_push(p, is_bare ? empty_list(p) : parser_named_list_node(p));
    parser_push(p, parser_accept_word(p, "by") ? parser_named_list_node(p) : NULL);
    if (parser_at_word(p, "bin") && parser_ahead(p, 1)->kind == '=') {
        parser_move(p);
        parser_move(p);
        parser_push(p, parser_expr(p));
    } else
        parser_push(p, NULL);
}

/* ---- make-series */

static const struct kql_syntax *
series_aggregates(struct parser *p)
{
    struct kql_syntax *list = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    do {
        const struct kql_syntax *item = parser_named(p);

        if (parser_at_word(p, "default") && parser_ahead(p, 1)->kind == '=') {
            struct kql_syntax *d = parser_node(p, SYN_DEFAULT, item->at);
            size_t default_base = p->stack_count;

            parser_move(p);
            parser_move(p);
            parser_push(p, item);
            parser_push(p, parser_expr(p));
            item = parser_finish(p, d, default_base);
        }
        parser_push(p, item);
    } while (parser_accept(p, ','));
    return parser_finish(p, list, base);
}

/* "t" or "x = t", stopping before "in range". */
static const struct kql_syntax *
series_axis(struct parser *p)
{
    struct kql_syntax *n;
    size_t base = p->stack_count;

    if (!parser_at_named(p))
        return parser_sum(p);
    n = parser_node(p, SYN_NAMED, parser_now(p)->at);
    parser_take_name(p, n, "a name");
    parser_expect(p, '=', "");
    parser_push(p, parser_sum(p));
    return parser_finish(p, n, base);
}

static void
make_series(struct parser *p, struct kql_syntax *n)
{
    parser_push(p, series_aggregates(p));
    parser_expect_word(p, "on");
    parser_push(p, series_axis(p));
    if (parser_accept_word(p, "in")) {
        n->op = 1;
        parser_expect_word(p, "range");
        parser_expect(p, '(', "and start, stop and step");
        for (int i = 0; i < 3; i++) {
            if (i > 0)
                parser_expect(p, ',', "between start, stop and step");
            parser_push(p, parser_expr(p));
        }
        parser_expect(p, ')', "behind the step");
    } else {
        parser_push(p, parser_accept_word(p, "from") ? parser_expr(p) : NULL);
        parser_push(p, parser_accept_word(p, "to") ? parser_expr(p) : NULL);
        parser_expect_word(p, "step");
        parser_push(p, parser_expr(p));
    }
    parser_push(p, parser_accept_word(p, "by") ? parser_named_list_node(p) : NULL);
}

/* ---- join, lookup, union */

static void
join_conditions(struct parser *p)
{
    if (parser_accept_word(p, "on"))
        parser_push(p, parser_expr_list_node(p));
    else
        parser_push(p, NULL);
}

static void
join(struct parser *p, struct kql_syntax *n)
{
    parser_push(p, parser_table_name(p));
    if (parser_accept_word(p, "where")) {
        n->op = 1;
        parser_push(p, parser_expr_list_node(p));
    } else
        join_conditions(p);
}

static void
lookup(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_table_name(p));
    if (!parser_at_word(p, "on"))
        parser_fail(p, "'on' and the key columns");
    join_conditions(p);
}

static void
union_tables(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    do
        parser_push(p, parser_table_name(p));
    while (parser_accept(p, ','));
}

/* ---- mv-expand, mv-apply */

static const struct kql_syntax *
expand(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_EXPAND, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_push(p, parser_named(p));
    if (parser_accept_word(p, "to")) {
        parser_expect_word(p, "typeof");
        parser_expect(p, '(', "and a type");
        parser_push(p, parser_type(p));
        parser_expect(p, ')', "behind the type");
    } else
        parser_push(p, NULL);
    return parser_finish(p, n, base);
}

static void
mv_expand(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    do
        parser_push(p, expand(p));
    while (parser_accept(p, ','));
    if (parser_at_word(p, "limit")) {
        const struct token *t = parser_now(p);

        parser_move(p);
        push_option(p, parser_token_text(p, t), t->at, t->size, parser_expr(p));
    }
}

static void
mv_apply(struct parser *p, struct kql_syntax *n)
{
    struct kql_syntax *list = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;
    const struct token *t;

    (void)n;
    do
        parser_push(p, expand(p));
    while (parser_accept(p, ','));
    parser_push(p, parser_finish(p, list, base));
    parser_push(p, parser_accept_word(p, "limit") ? parser_expr(p) : NULL);
    t = parser_now(p);
    if (parser_accept_word(p, "id"))
        push_option(p, parser_token_text(p, t), t->at, t->size, parser_literal(p));
    parser_expect_word(p, "on");
    parser_push(p, parser_bracketed_sub_pipe(p));
}

/* ---- parse, parse-where, parse-kv */

static void
parse_pattern(struct parser *p)
{
    while (!is_at_end(p)) {
        if (parser_at(p, '*'))
            parser_push(p, parser_star(p));
        else if (parser_at(p, TOKEN_STRING))
            parser_push(p, parser_string(p));
        else {
            struct kql_syntax *column = parser_node(p, SYN_COLUMN_DECLARATION, parser_now(p)->at);
            size_t base = p->stack_count;

            parser_take_name(p, column, "'*', a string or a column's name");
            parser_push(p, parser_accept(p, ':') ? parser_type(p) : NULL);
            parser_push(p, parser_finish(p, column, base));
        }
    }
}

static void
parse(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_expr(p));
    parser_expect_word(p, "with");
    parse_pattern(p);
}

static void
parse_kv(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_expr(p));
    parser_expect_word(p, "as");
    parser_push(p, parser_schema(p));
    if (parser_accept_word(p, "with"))
        parser_properties(p);
}

/* ---- partition, facet, fork */

static void
partition_body(struct parser *p, struct kql_syntax *n)
{
    if (parser_accept(p, '{')) {
        n->op = 1;
        parser_push(p, parser_pipe(p));
        parser_expect(p, '}', "behind the query");
    } else
        parser_push(p, parser_bracketed_sub_pipe(p));
}

static void
partition(struct parser *p, struct kql_syntax *n)
{
    parser_expect_word(p, "by");
    parser_push(p, parser_entity(p, "a column's name"));
    if (parser_accept_word(p, "in"))
        parser_unary(p);
    partition_body(p, n);
}

static void
partition_by(struct parser *p, struct kql_syntax *n)
{
    parser_push(p, parser_entity(p, "a column's name"));
    if (parser_accept_word(p, "id"))
        parser_literal(p);
    partition_body(p, n);
}

static void
facet(struct parser *p, struct kql_syntax *n)
{
    struct kql_syntax *list;
    size_t base = p->stack_count;

    (void)n;
    parser_expect_word(p, "by");
    list = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    do
        parser_push(p, parser_entity(p, "a column's name"));
    while (parser_accept(p, ','));
    parser_push(p, parser_finish(p, list, base));
    if (!parser_accept_word(p, "with"))
        parser_push(p, NULL);
    else if (parser_at(p, '('))
        parser_push(p, parser_bracketed_sub_pipe(p));
    else {
        struct kql_syntax *pipe = parser_node(p, SYN_PIPE, p->tokens[p->next].at);
        size_t pipe_base = p->stack_count;

        parser_push(p, parser_node(p, SYN_CONTEXT, pipe->at));
        parser_push(p, parser_operator(p));
        parser_push(p, parser_finish(p, pipe, pipe_base));
    }
}

static void
fork(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    do {
        struct kql_syntax *named;
        size_t base = p->stack_count;

        if (!parser_at_named(p)) {
            parser_push(p, parser_bracketed_sub_pipe(p));
            continue;
        }
        named = parser_node(p, SYN_NAMED, parser_now(p)->at);
        parser_take_name(p, named, "a name");
        parser_expect(p, '=', "");
        parser_push(p, parser_bracketed_sub_pipe(p));
        parser_push(p, parser_finish(p, named, base));
    } while (parser_at(p, '(') || parser_at_named(p));
}

/* ---- scan */

static const struct kql_syntax *
scan_declarations(struct parser *p)
{
    struct kql_syntax *list = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_expect(p, '(', "and columns: (name:type=value, ...)");
    do {
        struct kql_syntax *n = parser_node(p, SYN_PARAMETER, p->tokens[p->next].at);
        size_t parameter_base = p->stack_count;

        parser_take_name(p, n, "a column's name");
        parser_expect(p, ':', "and the column's type");
        parser_push(p, parser_type(p));
        parser_push(p, parser_accept(p, '=') ? parser_expr(p) : NULL);
        parser_push(p, parser_finish(p, n, parameter_base));
    } while (parser_accept(p, ','));
    parser_expect(p, ')', "or ',' behind a column");
    return parser_finish(p, list, base);
}

static const struct kql_syntax *
step(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_STEP, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_expect_word(p, "step");
    parser_take_name(p, n, "the step's name");
    if (parser_accept_word(p, "optional"))
        n->op |= 1;
    if (parser_accept_word(p, "output")) {
        parser_expect(p, '=', "behind 'output'");
        if (parser_accept_word(p, "last"))
            n->op |= 2;
        else if (parser_accept_word(p, "none"))
            n->op |= 4;
        else if (!parser_accept_word(p, "all"))
            parser_fail(p, "'all', 'last' or 'none'");
    }
    parser_expect(p, ':', "and the step's condition");
    parser_push(p, parser_expr(p));
    parser_push(p, parser_accept(p, TOKEN_ARROW) ? parser_named_list_node(p) : NULL);
    parser_expect(p, ';', "behind the step");
    return parser_finish(p, n, base);
}

static void
scan(struct parser *p, struct kql_syntax *n)
{
    const struct kql_syntax *declared = NULL, *by = NULL, *parts = NULL;

    (void)n;
    for (;;) {
        if (parser_at_word(p, "order") && by == NULL) {
            parser_move(p);
            parser_expect_word(p, "by");
            by = ordered_list_node(p);
        } else if (parser_at_word(p, "partition") && parts == NULL) {
            parser_move(p);
            parser_expect_word(p, "by");
            parts = parser_expr_list_node(p);
        } else if (parser_at_word(p, "declare") && declared == NULL) {
            parser_move(p);
            declared = scan_declarations(p);
        } else
            break;
    }
    parser_push(p, declared);
    parser_push(p, by);
    parser_push(p, parts);
    parser_expect_word(p, "with");
    parser_expect(p, '(', "and steps");
    do
        parser_push(p, step(p));
    while (parser_at_word(p, "step"));
    parser_expect(p, ')', "behind the steps");
}

/* ---- top-nested */

static void
top_nested(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    do {
        struct kql_syntax *level = parser_node(p, SYN_LEVEL, p->tokens[p->next].at);
        size_t base = p->stack_count;

        parser_accept_word(p, "top-nested"); /* the first was taken already */
        parser_push(p, parser_at_word(p, "of") ? NULL : parser_named(p));
        parser_expect_word(p, "of");
        parser_push(p, parser_named(p));
        if (parser_accept_word(p, "with")) {
            parser_expect_word(p, "others");
            parser_expect(p, '=', "behind 'others'");
            parser_push(p, parser_expr(p));
        } else
            parser_push(p, NULL);
        parser_expect_word(p, "by");
        parser_push(p, ordered(p));
        parser_push(p, parser_finish(p, level, base));
        if (parser_at(p, ',') && !parser_is_word(p, parser_ahead(p, 1), "top-nested"))
            parser_fail(p, "'top-nested' behind ','");
    } while (parser_accept(p, ','));
}

/* ---- search, find */

static void
search(struct parser *p, struct kql_syntax *n)
{
    const struct kql_syntax *tables = NULL, *predicate;
    bool takes_star = p->takes_star;

    (void)n;
    if (parser_at_word(p, "in") && parser_ahead(p, 1)->kind == '(') {
        parser_move(p);
        tables = table_list_node(p);
    }
    p->takes_star = true;
    predicate = parser_expr(p);
    p->takes_star = takes_star;
    parser_push(p, predicate);
    parser_push(p, tables);
}

static const struct kql_syntax *
find_columns(struct parser *p)
{
    struct kql_syntax *list = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    do {
        struct kql_syntax *column;
        size_t column_base = p->stack_count;

        if (parser_at(p, '*'))
            parser_push(p, parser_star(p));
        else if (parser_ahead(p, 1)->kind == '(')
            parser_push(p, parser_call(p));
        else if (parser_ahead(p, 1)->kind != ':' && !parser_at(p, '['))
            parser_push(p, parser_new_name(p, "a column's name"));
        else {
            column = parser_node(p, SYN_COLUMN_DECLARATION, p->tokens[p->next].at);
            parser_take_name(p, column, "a column's name");
            parser_push(p, parser_accept(p, ':') ? parser_type(p) : NULL);
            parser_push(p, parser_finish(p, column, column_base));
        }
    } while (parser_accept(p, ','));
    return parser_finish(p, list, base);
}

static void
find(struct parser *p, struct kql_syntax *n)
{
    const struct kql_syntax *columns = NULL, *tables = NULL;
    bool takes_star = p->takes_star;

    if (parser_at_word(p, "in") && parser_ahead(p, 1)->kind == '(') {
        parser_move(p);
        tables = table_list_node(p);
    }
    parser_push(p, tables);
    parser_accept_word(p, "where");
    p->takes_star = true;
    parser_push(p, parser_expr(p));
    p->takes_star = takes_star;
    if (parser_accept_word(p, "project-smart"))
        n->op |= 1;
    else if (parser_accept_word(p, "project"))
        columns = find_columns(p);
    if (parser_accept_word(p, "project-away") || parser_accept_word(p, "__projectAway")) {
        n->op |= 2;
        columns = find_columns(p);
    }
    parser_push(p, columns);
}

/* ---- the rest */

static void
evaluate(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_call(p));
    parser_push(p, parser_accept(p, ':') ? parser_schema(p) : NULL);
}

static void
invoke(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_table_name(p));
}

/* title="x" kind=stacked by a, b */
static void
legacy_render_properties(struct parser *p)
{
    for (;;) {
        const struct token *t = parser_now(p);

        if (t->kind == TOKEN_WORD && t[1].kind == '=')
            property(p);
        else if (parser_at_word(p, "by") ||
                 (parser_at_word(p, "with") && parser_ahead(p, 1)->kind == TOKEN_STRING)) {
            parser_move(p);
            push_option(p, parser_token_text(p, t), t->at, t->size, property_value(p));
        } else {
            return;
        }
    }
}

static void
render(struct parser *p, struct kql_syntax *n)
{
    const struct token *t = parser_now(p);

    if (t->kind != TOKEN_WORD) {
        parser_fail(p, "the kind of chart (table, timechart, barchart ...)");
        return;
    }
    parser_name_token(p, n, t);
    parser_move(p);
    legacy_render_properties(p); /* kind=stacked may stand before with (...) */
    if (parser_at_word(p, "with") && parser_ahead(p, 1)->kind == '(') {
        parser_move(p);
        parser_properties(p);
    }
}

static void
as(struct parser *p, struct kql_syntax *n)
{
    parser_take_plain_name(p, n, "a name behind 'as'");
}

static void
reduce(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_expect_word(p, "by");
    parser_push(p, parser_named(p));
    if (parser_accept_word(p, "with"))
        do
            property(p);
        while (parser_accept(p, ','));
}

static void
assert_schema(struct parser *p, struct kql_syntax *n)
{
    (void)n;
    parser_push(p, parser_schema(p));
}

static void
macro_expand(struct parser *p, struct kql_syntax *n)
{
    parser_push(p, parser_table_name(p));
    parser_expect_word(p, "as");
    parser_take_name(p, n, "a name behind 'as'");
    parser_expect(p, '(', "and statements");
    if (parser_enter(p)) {
        parser_statements(p, ')');
        parser_leave(p);
    }
    parser_expect(p, ')', "behind the statements");
}

static void
range(struct parser *p, struct kql_syntax *n)
{
    parser_take_plain_name(p, n, "a column's name behind 'range'");
    parser_expect_word(p, "from");
    parser_push(p, parser_expr(p));
    parser_expect_word(p, "to");
    parser_push(p, parser_expr(p));
    parser_expect_word(p, "step");
    parser_push(p, parser_expr(p));
}

const struct kql_syntax *
parser_datatable(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_DATATABLE, parser_now(p)->at);
    size_t base = p->stack_count, option_base = p->option_count;

    parser_move(p);
    parser_options(p, NULL);
    parser_push(p, parser_schema(p));
    parser_expect(p, '[', "and the table's values");
    parser_accept(p, ','); /* the language allows one before the first */
    while (!parser_at(p, ']') && !p->is_panic) {
        parser_push(p, parser_literal(p));
        if (!parser_accept(p, ','))
            break;
    }
    parser_expect(p, ']', "or ',' behind a value");
    parser_finish_options(p, n, option_base);
    return parser_finish(p, n, base);
}

const struct kql_syntax *
parser_externaldata(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_EXTERNALDATA, parser_now(p)->at);
    size_t base = p->stack_count, option_base = p->option_count;

    parser_move(p);
    parser_push(p, parser_schema(p));
    parser_expect(p, '[', "and the storage's addresses");
    do
        parser_push(p, parser_at(p, TOKEN_WORD) ? parser_expr(p) : parser_string(p));
    while (parser_accept(p, ','));
    parser_expect(p, ']', "behind the addresses");
    if (parser_at_word(p, "with") && parser_ahead(p, 1)->kind == '(') {
        parser_move(p);
        parser_properties(p);
    }
    parser_finish_options(p, n, option_base);
    return parser_finish(p, n, base);
}

/* ---- the table */

enum {
    AFTER_PIPE = 1,
    AS_SOURCE = 2,  /* makes rows by itself; with the kind 'source_kind' */
    NO_OPTIONS = 4, /* name=value behind the operator's name is no option */
};

static const char *const hints_only[] = {NULL};
static const char *const kind_only[] = {"kind", NULL};
static const char *const expand_options[] = {"kind", "bagexpansion", "with_itemindex", NULL};

static const struct operator_row {
    const char *name;
    enum kql_syntax_kind kind, source_kind;
    uint8_t flags;
    const char *const *options; /* NULL: whatever looks like one */
    void (*read)(struct parser *p, struct kql_syntax *n);
} operators[] = {
    {"__executeAndCache",     SYN_EXECUTE_AND_CACHE, 0,                 AFTER_PIPE | NO_OPTIONS, NULL,           nothing              },
    {"__partitionby",         SYN_PARTITION_BY,      0,                 AFTER_PIPE,              NULL,           partition_by         },
    {"as",                    SYN_AS,                0,                 AFTER_PIPE,              NULL,           as                   },
    {"assert-schema",         SYN_ASSERT_SCHEMA,     0,                 AFTER_PIPE | NO_OPTIONS, NULL,           assert_schema        },
    {"consume",               SYN_CONSUME,           0,                 AFTER_PIPE,              NULL,           nothing              },
    {"count",                 SYN_COUNT,             0,                 AFTER_PIPE,              hints_only,     count                },
    {"distinct",              SYN_DISTINCT,          0,                 AFTER_PIPE,              hints_only,     distinct             },
    {"evaluate",              SYN_EVALUATE,          SYN_EVALUATE,      AFTER_PIPE | AS_SOURCE,  NULL,           evaluate             },
    {"extend",                SYN_EXTEND,            0,                 AFTER_PIPE | NO_OPTIONS, NULL,           named_list           },
    {"facet",                 SYN_FACET,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           facet                },
    {"filter",                SYN_WHERE,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           one_expr             },
    {"find",                  SYN_FIND,              SYN_FIND,          AFTER_PIPE | AS_SOURCE,  NULL,           find                 },
    {"fork",                  SYN_FORK,              0,                 AFTER_PIPE | NO_OPTIONS, NULL,           fork                 },
    {"getschema",             SYN_GETSCHEMA,         0,                 AFTER_PIPE,              NULL,           nothing              },
    {"graph-mark-components", SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"graph-match",           SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"graph-shortest-paths",  SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"graph-to-table",        SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"graph-where-edges",     SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"graph-where-nodes",     SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"invoke",                SYN_INVOKE,            0,                 AFTER_PIPE | NO_OPTIONS, NULL,           invoke               },
    {"join",                  SYN_JOIN,              0,                 AFTER_PIPE,              NULL,           join                 },
    {"limit",                 SYN_TAKE,              0,                 AFTER_PIPE,              hints_only,     one_expr             },
    {"lookup",                SYN_LOOKUP,            0,                 AFTER_PIPE,              NULL,           lookup               },
    {"macro-expand",          SYN_MACRO_EXPAND,      SYN_MACRO_EXPAND,  AS_SOURCE,               NULL,           macro_expand         },
    {"make-graph",            SYN_GRAPH,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parser_graph         },
    {"make-series",           SYN_MAKE_SERIES,       0,                 AFTER_PIPE,              kind_only,      make_series          },
    {"mv-apply",              SYN_MV_APPLY,          0,                 AFTER_PIPE,              expand_options, mv_apply             },
    {"mv-expand",             SYN_MV_EXPAND,         0,                 AFTER_PIPE,              expand_options, mv_expand            },
    {"mvapply",               SYN_MV_APPLY,          0,                 AFTER_PIPE,              expand_options, mv_apply             },
    {"mvexpand",              SYN_MV_EXPAND,         0,                 AFTER_PIPE,              expand_options, mv_expand            },
    {"order",                 SYN_SORT,              0,                 AFTER_PIPE,              hints_only,     sort                 },
    {"parse",                 SYN_PARSE,             0,                 AFTER_PIPE,              NULL,           parse                },
    {"parse-kv",              SYN_PARSE_KV,          0,                 AFTER_PIPE | NO_OPTIONS, NULL,           parse_kv             },
    {"parse-where",           SYN_PARSE_WHERE,       0,                 AFTER_PIPE,              NULL,           parse                },
    {"partition",             SYN_PARTITION,         0,                 AFTER_PIPE,              NULL,           partition            },
    {"print",                 0,                     SYN_PRINT,         AS_SOURCE | NO_OPTIONS,  NULL,           named_list           },
    {"project",               SYN_PROJECT,           0,                 AFTER_PIPE | NO_OPTIONS, NULL,           named_list_or_nothing},
    {"project-away",          SYN_PROJECT_AWAY,      0,                 AFTER_PIPE | NO_OPTIONS, NULL,           wild_list            },
    {"project-by-names",      SYN_PROJECT_BY_NAMES,  0,                 AFTER_PIPE | NO_OPTIONS, NULL,           expr_list            },
    {"project-keep",          SYN_PROJECT_KEEP,      0,                 AFTER_PIPE | NO_OPTIONS, NULL,           wild_list            },
    {"project-rename",        SYN_PROJECT_RENAME,    0,                 AFTER_PIPE | NO_OPTIONS, NULL,           named_list_or_nothing},
    {"project-reorder",       SYN_PROJECT_REORDER,   0,                 AFTER_PIPE | NO_OPTIONS, NULL,           reorder_list         },
    {"range",                 0,                     SYN_RANGE,         AS_SOURCE | NO_OPTIONS,  NULL,           range                },
    {"reduce",                SYN_REDUCE,            0,                 AFTER_PIPE,              NULL,           reduce               },
    {"render",                SYN_RENDER,            0,                 AFTER_PIPE | NO_OPTIONS, NULL,           render               },
    {"sample",                SYN_SAMPLE,            0,                 AFTER_PIPE,              hints_only,     one_expr             },
    {"sample-distinct",       SYN_SAMPLE_DISTINCT,   0,                 AFTER_PIPE,              hints_only,     sample_distinct      },
    {"scan",                  SYN_SCAN,              0,                 AFTER_PIPE,              NULL,           scan                 },
    {"search",                SYN_SEARCH,            SYN_SEARCH_SOURCE, AFTER_PIPE | AS_SOURCE,  NULL,           search               },
    {"serialize",             SYN_SERIALIZE,         0,                 AFTER_PIPE,              hints_only,     named_list_or_nothing},
    {"sort",                  SYN_SORT,              0,                 AFTER_PIPE,              hints_only,     sort                 },
    {"summarize",             SYN_SUMMARIZE,         0,                 AFTER_PIPE,              hints_only,     summarize            },
    {"take",                  SYN_TAKE,              0,                 AFTER_PIPE,              hints_only,     one_expr             },
    {"top",                   SYN_TOP,               0,                 AFTER_PIPE,              hints_only,     top                  },
    {"top-hitters",           SYN_TOP_HITTERS,       0,                 AFTER_PIPE,              hints_only,     top_hitters          },
    {"top-nested",            SYN_TOP_NESTED,        0,                 AFTER_PIPE | NO_OPTIONS, NULL,           top_nested           },
    {"union",                 SYN_UNION,             SYN_UNION_SOURCE,  AFTER_PIPE | AS_SOURCE,  NULL,           union_tables         },
    {"where",                 SYN_WHERE,             0,                 AFTER_PIPE | NO_OPTIONS, NULL,           one_expr             },
};

static const struct operator_row *
find_operator(struct span name)
{
    size_t low = 0, high = COUNT_OF(operators);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int difference = strncmp(operators[middle].name, name.p, name.n);

        if (difference == 0 && operators[middle].name[name.n] == '\0')
            return &operators[middle];
        if (difference < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool
parser_is_operator_name(struct span name)
{
    const struct operator_row *row = find_operator(name);

    return row != NULL && (row->flags & AFTER_PIPE);
}

static void
parser_offer_operators(struct kql_nearest *n)
{
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if ((operators[i].flags & AFTER_PIPE) && operators[i].name[0] != '_')
            kql_nearest_offer(n, span_of(operators[i].name));
}

/* The operator's node, its name being the next token. */
static const struct kql_syntax *
read_operator(struct parser *p, const struct operator_row *row, enum kql_syntax_kind kind)
{
    struct kql_syntax *n = parser_node(p, kind, parser_now(p)->at);
    size_t base = p->stack_count, option_base = p->option_count;

    if (kind == SYN_GRAPH)
        parser_name_token(p, n, parser_now(p));
    parser_move(p);
    if (!(row->flags & NO_OPTIONS))
        parser_options(p, row->options);
    row->read(p, n);
    parser_finish_options(p, n, option_base);
    return parser_finish(p, n, base);
}

/* "project-awy": no keyword, but near to one; else the '-' is a sign ("project -x"). Complained. */
static bool
is_misspelt_dashed(struct parser *p, const struct token *t)
{
    struct kql_nearest nearest;

    if (t[1].kind != '-' || t[2].kind != TOKEN_WORD || !(t[1].flags & t[2].flags & TOKEN_GLUED))
        return false;
    nearest = (struct kql_nearest){
        .wanted = {p->text.p + t->at, t[2].at + t[2].size - t->at}
    };
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (strchr(operators[i].name, '-') != NULL)
            kql_nearest_offer(&nearest, span_of(operators[i].name));
    if (nearest.best.p == NULL)
        return false;
    parser_panic(p, KQL_E_SYNTAX, "unknown operator '%.*s'; did you mean '%.*s'?",
                 (int)nearest.wanted.n, nearest.wanted.p, (int)nearest.best.n, nearest.best.p);
    return true;
}

/* Operators of other languages, by what they are called here. */
static const char *
other_name(struct span word)
{
    static const struct {
        const char *word, *here;
    } others[] = {
        {"select",    "project"         },
        {"fields",    "project"         },
        {"table",     "project"         },
        {"eval",      "extend"          },
        {"let",       "extend"          },
        {"group",     "summarize ... by"},
        {"groupby",   "summarize ... by"},
        {"stats",     "summarize"       },
        {"aggregate", "summarize"       },
        {"having",    "where"           },
        {"grep",      "where"           },
        {"dedup",     "distinct"        },
        {"uniq",      "distinct"        },
        {"head",      "take"            },
        {"rename",    "project-rename"  },
        {"drop",      "project-away"    },
        {"rex",       "parse"           },
        {"append",    "union"           },
        {"timechart", "render timechart"},
    };

    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (word.n == strlen(others[i].word) && strncasecmp(word.p, others[i].word, word.n) == 0)
            return others[i].here;
    return NULL;
}

const struct kql_syntax *
parser_operator(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_nearest nearest;
    const struct operator_row *row;

    if (t->kind == '|' && (t->flags & TOKEN_GLUED) && t[-1].kind == '|') {
        parser_panic(p, KQL_E_SYNTAX, "'||' is no operator; write 'or'");
        p->next++; /* so that recovery does not find it */
        return parser_missing(p);
    }
    if (t->kind != TOKEN_WORD) {
        parser_fail(p, "an operator (where, summarize, project ...)");
        return parser_missing(p);
    }
    nearest = (struct kql_nearest){.wanted = parser_token_text(p, t)};
    row = find_operator(nearest.wanted);
    if (is_misspelt_dashed(p, t))
        return parser_missing(p);
    if (row != NULL && (row->flags & AFTER_PIPE))
        return read_operator(p, row, row->kind);
    if (row != NULL) {
        parser_panic(p, KQL_E_SYNTAX, "'%s' begins a query and cannot stand behind '|'", row->name);
        return parser_missing(p);
    }
    if (other_name(nearest.wanted) != NULL) {
        parser_panic(p, KQL_E_SYNTAX, "there is no operator '%.*s'; here it is '%s'",
                     (int)nearest.wanted.n, nearest.wanted.p, other_name(nearest.wanted));
        return parser_missing(p);
    }
    parser_offer_operators(&nearest);
    if (nearest.best.p == NULL)
        parser_panic(p, KQL_E_SYNTAX, "unknown operator '%.*s'",
                     (int)(nearest.wanted.n < SHOWN_MAX ? nearest.wanted.n : SHOWN_MAX),
                     nearest.wanted.p);
    else
        parser_panic(p, KQL_E_SYNTAX, "unknown operator '%.*s'; did you mean '%.*s'?",
                     (int)(nearest.wanted.n < SHOWN_MAX ? nearest.wanted.n : SHOWN_MAX),
                     nearest.wanted.p, (int)nearest.best.n, nearest.best.p);
    return parser_missing(p);
}

/* "range x from", but not the function range(1, 2, 3); "evaluate f(", but not a column. */
static const struct operator_row *
source_here(const struct parser *p)
{
    const struct token *t = parser_now(p);
    const struct operator_row *row;

    if (t->kind != TOKEN_WORD)
        return NULL;
    row = find_operator(parser_token_text(p, t));
    if (row == NULL || !(row->flags & AS_SOURCE))
        return NULL;
    if (row->read == range && t[1].kind != TOKEN_WORD && t[1].kind != '[')
        return NULL;
    if (row->read == evaluate && t[1].kind != TOKEN_WORD)
        return NULL;
    return row;
}

bool
parser_at_source(const struct parser *p)
{
    return source_here(p) != NULL;
}

const struct kql_syntax *
parser_source(struct parser *p)
{
    const struct operator_row *row = source_here(p);

    return read_operator(p, row, row->source_kind);
}
