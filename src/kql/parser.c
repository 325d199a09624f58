/* parser.c - statements and pipes, and what all parts of the parser do with tokens and nodes.
 *
 * Recursive descent over the whole array of tokens, without going back. Children are collected on
 * one stack of the parser and copied out when their node ends, so that the time is linear however
 * long a list is. Nesting is bounded by KQL_NEST_MAX; what is long without being nested (pipes,
 * sums, paths) makes trees that lean to the left, whose depth is checked at the end against
 * KQL_TREE_MAX, for those who walk the tree by recursion. */
#include "kql/parser_inner.h"
#include <assert.h>

enum { SHOWN_MAX = 40 }; /* bytes of the text that a complaint repeats */

/* ---- tokens */

const struct token *
parser_now(const struct parser *p)
{
    static const struct token none = {.kind = TOKEN_END};

    return p->is_panic ? &none : &p->tokens[p->next];
}

const struct token *
parser_ahead(const struct parser *p, size_t count)
{
    const struct token *t = parser_now(p);

    while (count-- > 0 && t->kind != TOKEN_END)
        t++;
    return t;
}

void
parser_move(struct parser *p)
{
    const struct token *t = &p->tokens[p->next];

    if (t->kind == TOKEN_END)
        return;
    if (t->kind == '(' || t->kind == '[' || t->kind == '{')
        p->open++;
    else if (t->kind == ')' || t->kind == ']' || t->kind == '}')
        p->open--;
    p->next++;
}

struct span
parser_token_text(const struct parser *p, const struct token *t)
{
    return (struct span){p->text.p + t->at, t->size};
}

bool
parser_is_word(const struct parser *p, const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && span_is(parser_token_text(p, t), word);
}

bool
parser_at_word(const struct parser *p, const char *word)
{
    return parser_is_word(p, parser_now(p), word);
}

bool
parser_accept(struct parser *p, int kind)
{
    if (!parser_at(p, kind))
        return false;
    parser_move(p);
    return true;
}

bool
parser_accept_word(struct parser *p, const char *word)
{
    if (!parser_at_word(p, word))
        return false;
    parser_move(p);
    return true;
}

/* What stands there, for a message; the content of literals is not repeated. */
static struct span
found_text(struct parser *p, const struct token *t)
{
    struct span s = parser_token_text(p, t);

    switch (t->kind) {
    case TOKEN_END:
        return SPAN_LITERAL("the end of the query");
    case TOKEN_STRING:
        return SPAN_LITERAL("a string");
    case TOKEN_TYPED:
        s.n = (size_t)((const char *)memchr(s.p, '(', s.n) - s.p);
        return pool_printf(p->pool, "a %.*s literal", (int)s.n, s.p);
    default:
        return pool_printf(p->pool, "'%.*s'", (int)(s.n < SHOWN_MAX ? s.n : SHOWN_MAX), s.p);
    }
}

void
parser_panic(struct parser *p, enum kql_code code, const char *format, ...)
{
    const struct token *t = &p->tokens[p->next];
    char text[512];
    va_list args;

    if (p->is_panic)
        return;
    p->is_panic = true;
    if (t->kind == TOKEN_BAD)
        return; /* the lexer has complained of it */
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    kql_complain(p->d, code, t->at, t->size, "%s", text);
}

/* The innermost bracket that is open before the next token, or NULL. */
static const struct token *
open_bracket(const struct parser *p)
{
    int64_t closed = 0;

    for (size_t i = p->next; i-- > 0;) {
        const struct token *t = &p->tokens[i];

        if (t->kind == ')' || t->kind == ']' || t->kind == '}')
            closed++;
        else if ((t->kind == '(' || t->kind == '[' || t->kind == '{') && closed-- == 0)
            return t;
    }
    return NULL;
}

static uint32_t
line_of(const struct parser *p, uint32_t at)
{
    uint32_t line = 1;

    for (uint32_t i = 0; i < at; i++)
        line += p->text.p[i] == '\n';
    return line;
}

void
parser_fail(struct parser *p, const char *expected)
{
    const struct token *t = &p->tokens[p->next], *bracket;
    struct span found;
    bool is_first; /* complaint at this place: the search is not repeated */

    if (p->is_panic)
        return;
    found = found_text(p, t);
    is_first = p->d->count == 0 || p->d->items[p->d->count - 1].at != t->at;
    if (t->kind == TOKEN_END && is_first && (bracket = open_bracket(p)) != NULL)
        parser_panic(p, KQL_E_SYNTAX, "expected %s, found %.*s; the '%c' in line %u is open",
                     expected, (int)found.n, found.p, (char)bracket->kind, line_of(p, bracket->at));
    else
        parser_panic(p, KQL_E_SYNTAX, "expected %s, found %.*s", expected, (int)found.n, found.p);
}

bool
parser_expect(struct parser *p, int kind, const char *what)
{
    static const struct {
        int kind;
        const char *text;
    } names[] = {
        {TOKEN_STRING,  "a string"},
        {TOKEN_DOT_DOT, "'..'"    },
        {TOKEN_ARROW,   "'=>'"    }
    };
    char expected[100], sign[4] = {'\'', (char)kind, '\'', '\0'};
    const char *name = sign;

    if (parser_accept(p, kind))
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].kind == kind)
            name = names[i].text;
    snprintf(expected, sizeof expected, "%s%s%s", name, what[0] == '\0' ? "" : " ", what);
    parser_fail(p, expected);
    return false;
}

bool
parser_expect_word(struct parser *p, const char *word)
{
    char expected[100];

    if (parser_accept_word(p, word))
        return true;
    snprintf(expected, sizeof expected, "'%s'", word);
    parser_fail(p, expected);
    return false;
}

bool
parser_enter(struct parser *p)
{
    if (p->is_panic)
        return false;
    if (p->nest == KQL_NEST_MAX) {
        parser_panic(p, KQL_E_LIMIT, "nested deeper than %d", KQL_NEST_MAX);
        return false;
    }
    p->nest++;
    return true;
}

void
parser_leave(struct parser *p)
{
    assert(p->nest > 0);
    p->nest--;
}

/* ---- nodes */

struct kql_syntax *
parser_node(struct parser *p, enum kql_syntax_kind kind, uint32_t at)
{
    struct kql_syntax *n = pool_take(p->pool, sizeof *n);

    *n = (struct kql_syntax){
        .kind = kind, .at = at, .name = {"", 0}
    };
    if (++p->node_count == KQL_NODES_MAX)
        parser_panic(p, KQL_E_LIMIT, "more than %d parts in one query", KQL_NODES_MAX);
    return n;
}

/* Where the last token that was read ends. */
static uint32_t
end_of_last(const struct parser *p)
{
    return p->next == 0 ? 0 : p->tokens[p->next - 1].at + p->tokens[p->next - 1].size;
}

struct kql_syntax *
parser_missing(struct parser *p)
{
    return parser_node(p, SYN_MISSING, end_of_last(p));
}

void
parser_push(struct parser *p, const struct kql_syntax *child)
{
    if (p->stack_count == p->stack_room)
        p->stack =
            pool_grow(p->pool, p->stack, &p->stack_room, p->stack_count + 1, sizeof *p->stack);
    p->stack[p->stack_count++] = child;
}

const struct kql_syntax *
parser_finish(struct parser *p, struct kql_syntax *n, size_t base)
{
    size_t count = p->stack_count - base;
    uint32_t end = end_of_last(p);

    if (count > 0) {
        const struct kql_syntax **children = pool_take(p->pool, count * sizeof *children);

        memcpy(children, p->stack + base, count * sizeof *children);
        n->children = children;
        n->child_count = (uint32_t)count;
    }
    p->stack_count = base;
    n->size = end > n->at ? end - n->at : 0;
    return n;
}

void
parser_finish_options(struct parser *p, struct kql_syntax *n, size_t base)
{
    size_t count = p->option_count - base;

    if (count > 0) {
        struct kql_option *options = pool_take(p->pool, count * sizeof *options);

        memcpy(options, p->options + base, count * sizeof *options);
        n->options = options;
        n->option_count = (uint32_t)count;
    }
    p->option_count = base;
}

void
parser_name_token(struct parser *p, struct kql_syntax *n, const struct token *t)
{
    n->name = parser_token_text(p, t);
    n->name_at = t->at;
    n->name_size = t->size;
}

/* ---- types and schemas */

const struct kql_syntax *
parser_type(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n = parser_node(p, SYN_TYPE, p->tokens[p->next].at);
    enum kql_type type;

    if (t->kind != TOKEN_WORD) {
        parser_fail(p, "a type (string, long, datetime, dynamic ...)");
        return parser_missing(p);
    }
    if (!kql_type_read(parser_token_text(p, t), &type)) {
        struct kql_nearest nearest = {.wanted = parser_token_text(p, t)};

        for (int i = KQL_BOOL; i <= KQL_DYNAMIC; i++)
            kql_nearest_offer(&nearest, span_of(kql_type_name((enum kql_type)i)));
        if (nearest.best.p != NULL)
            parser_panic(p, KQL_E_SYNTAX, "no type '%.*s'; did you mean '%.*s'?",
                         (int)(t->size < SHOWN_MAX ? t->size : SHOWN_MAX), p->text.p + t->at,
                         (int)nearest.best.n, nearest.best.p);
        else
            parser_panic(p, KQL_E_SYNTAX,
                         "no type '%.*s'; types are bool, int, long, real, decimal, string, "
                         "datetime, timespan, guid and dynamic",
                         (int)(t->size < SHOWN_MAX ? t->size : SHOWN_MAX), p->text.p + t->at);
        return parser_missing(p);
    }
    parser_name_token(p, n, t);
    n->value.type = (uint8_t)type;
    parser_move(p);
    return parser_finish(p, n, p->stack_count);
}

const struct kql_syntax *
parser_schema(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_SCHEMA, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_expect(p, '(', "and a list of columns: (name:type, ...)");
    while (!parser_at(p, ')') && !p->is_panic) {
        if (parser_accept(p, '*'))
            n->op = 1;
        else {
            struct kql_syntax *column =
                parser_node(p, SYN_COLUMN_DECLARATION, p->tokens[p->next].at);
            size_t column_base = p->stack_count;

            parser_take_name(p, column, "a column's name");
            parser_expect(p, ':', "and the column's type");
            parser_push(p, parser_type(p));
            parser_push(p, parser_finish(p, column, column_base));
        }
        if (!parser_accept(p, ','))
            break;
    }
    parser_expect(p, ')', "or ',' behind a column");
    return parser_finish(p, n, base);
}

/* ---- pipes */

static bool
begins_line(const struct parser *p, const struct token *t)
{
    uint32_t from = p->next == 0 ? 0 : t[-1].at + t[-1].size;

    return t->at > from && memchr(p->text.p + from, '\n', t->at - from) != NULL;
}

/* A bracket was never closed: the next "| operator" that begins a line, whatever is open. */
static void
recover_at_line(struct parser *p, size_t from, int64_t open)
{
    size_t end = p->next;

    if (++p->rescan_count > KQL_DIAGNOSTICS_MAX)
        return; /* keeps the time linear */
    for (p->next = from; p->next < end; p->next++) {
        const struct token *t = &p->tokens[p->next];

        if (t->kind == '|' && begins_line(p, t) && t[1].kind == TOKEN_WORD &&
            parser_is_operator_name(parser_token_text(p, t + 1))) {
            p->open = open;
            return;
        }
    }
}

/* Skips to the end of what went wrong: '|' or ';' or a closing bracket at that depth. */
static void
parser_recover(struct parser *p, int64_t open)
{
    size_t from = p->next;

    p->is_panic = false;
    for (;; parser_move(p)) {
        const struct token *t = &p->tokens[p->next];

        if (t->kind == TOKEN_END && p->open > open)
            recover_at_line(p, from, open);
        if (t->kind == TOKEN_END || p->open < open)
            return;
        if (p->open == open && (t->kind == '|' || t->kind == ';' || t->kind == ')' ||
                                t->kind == ']' || t->kind == '}'))
            return;
    }
}

/* "contians", "Has": near to an operator between operands. */
static bool
is_misspelt_infix(struct parser *p, const struct token *t)
{
    struct kql_nearest nearest = {.wanted = parser_token_text(p, t)};

    for (uint32_t i = 1; i < kql_word_count; i++)
        if (kql_words[i].op != KQL_OP_NONE)
            kql_nearest_offer(&nearest, span_of(kql_words[i].name));
    if (nearest.best.p == NULL)
        return false;
    parser_panic(p, KQL_E_SYNTAX, "unknown operator '%.*s'; did you mean '%.*s'?",
                 (int)nearest.wanted.n, nearest.wanted.p, (int)nearest.best.n, nearest.best.p);
    return true;
}

/* A word that does not go on with what is before it. */
static void
fail_at_word(struct parser *p, const struct token *t)
{
    bool is_behind_not = p->next > 0 && parser_is_word(p, t - 1, "not");

    if (is_behind_not)
        parser_panic(p, KQL_E_SYNTAX, "'not' is a function: write not(...)");
    else if (parser_is_word(p, t, "not") && t[1].kind == TOKEN_WORD)
        parser_panic(p, KQL_E_SYNTAX, "'not' is no operator; write '!%.*s', or not(...) around all",
                     (int)t[1].size, p->text.p + t[1].at);
    else if (parser_is_word(p, t, "is"))
        parser_panic(p, KQL_E_SYNTAX,
                     "'is' is no operator; write isnull(x), or isempty(x) of a string");
    else if (parser_is_word(p, t, "descending") || parser_is_word(p, t, "ascending") ||
             parser_is_word(p, t, "DESC") || parser_is_word(p, t, "ASC"))
        parser_panic(p, KQL_E_SYNTAX, "the order is written 'asc' or 'desc', not '%.*s'",
                     (int)t->size, p->text.p + t->at);
    else if (parser_is_operator_name(parser_token_text(p, t)))
        parser_panic(p, KQL_E_SYNTAX, "a '|' is missing before the operator '%.*s'", (int)t->size,
                     p->text.p + t->at);
    else if (!is_misspelt_infix(p, t))
        parser_fail(p, "',' or an operator, '|' or ';'");
}

/* Behind an operator something else than '|', ';' or a closing bracket stands. */
static void
fail_behind(struct parser *p)
{
    const struct token *t = parser_now(p);

    if (p->is_let && p->open == 0 && t->kind == TOKEN_WORD && begins_line(p, t))
        parser_panic(p, KQL_E_SYNTAX, "a ';' is missing behind the 'let' before this");
    else if (t->kind == TOKEN_WORD)
        fail_at_word(p, t);
    else if (t->kind == '=')
        parser_panic(p, KQL_E_SYNTAX, "'=' gives a name and cannot stand here; compare with '=='");
    else if (t->kind == ')' || t->kind == ']' || t->kind == '}')
        parser_panic(p, KQL_E_SYNTAX, "this '%c' closes nothing", (char)t->kind);
    else
        parser_fail(p, "',' or an operator, '|' or ';'");
}

static bool
is_end_of_pipe(const struct token *t)
{
    return t->kind == TOKEN_END || t->kind == ';' || t->kind == ')' || t->kind == ']' ||
           t->kind == '}';
}

/* After one operator: makes sure that it ended; mends what went wrong. */
static void
settle(struct parser *p, int64_t open)
{
    const struct token *t = parser_now(p);

    if (!p->is_panic && t->kind != '|' && !is_end_of_pipe(t) && t->kind != ',')
        fail_behind(p);
    if (p->is_panic)
        parser_recover(p, open);
}

static const struct kql_syntax *
pipe_behind(struct parser *p, const struct kql_syntax *left, int64_t open)
{
    while (parser_accept(p, '|')) {
        struct kql_syntax *n = parser_node(p, SYN_PIPE, left->at);
        size_t base = p->stack_count;

        parser_push(p, left);
        parser_push(p, parser_operator(p));
        settle(p, open);
        left = parser_finish(p, n, base);
    }
    return left;
}

const struct kql_syntax *
parser_pipe(struct parser *p)
{
    const struct kql_syntax *left;
    int64_t open = p->open;

    if (!parser_enter(p))
        return parser_missing(p);
    left = parser_at_source(p) ? parser_source(p) : parser_expr_entered(p);
    settle(p, open);
    left = pipe_behind(p, left, open);
    parser_leave(p);
    return left;
}

/* Operators as a chain from SYN_CONTEXT, up to the closing bracket. */
static const struct kql_syntax *
parser_sub_pipe(struct parser *p)
{
    struct kql_syntax *n;
    const struct kql_syntax *left;
    int64_t open = p->open;
    size_t base = p->stack_count;

    if (!parser_enter(p))
        return parser_missing(p);
    left = parser_node(p, SYN_CONTEXT, p->tokens[p->next].at);
    n = parser_node(p, SYN_PIPE, left->at);
    parser_push(p, left);
    parser_push(p, parser_operator(p));
    settle(p, open);
    left = pipe_behind(p, parser_finish(p, n, base), open);
    parser_leave(p);
    return left;
}

const struct kql_syntax *
parser_bracketed_sub_pipe(struct parser *p)
{
    const struct kql_syntax *n;

    if (!parser_expect(p, '(', "and operators: (where ... | summarize ...)"))
        return parser_missing(p);
    n = parser_sub_pipe(p);
    parser_expect(p, ')', "behind the operators");
    return n;
}

/* ---- functions */

/* (a:long=1, T:(x:int), U:(*)): the parameters, pushed. */
static void
parameters(struct parser *p)
{
    parser_expect(p, '(', "and parameters: (name:type, ...)");
    while (!parser_at(p, ')') && !p->is_panic) {
        struct kql_syntax *n = parser_node(p, SYN_PARAMETER, p->tokens[p->next].at);
        size_t base = p->stack_count;

        parser_take_name(p, n, "a parameter's name");
        parser_expect(p, ':', "and the parameter's type");
        parser_push(p, parser_at(p, '(') ? parser_schema(p) : parser_type(p));
        parser_push(p, parser_accept(p, '=') ? parser_literal(p) : NULL);
        parser_push(p, parser_finish(p, n, base));
        if (!parser_accept(p, ','))
            break;
    }
    parser_expect(p, ')', "or ',' behind a parameter");
}

static const struct kql_syntax *
parameter_list(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parameters(p);
    return parser_finish(p, n, base);
}

/* "(" that begins parameters, not an expression: "() {" or "(name :" and a type. */
static bool
at_function(const struct parser *p)
{
    const struct token *t = parser_now(p), *after;

    if (t->kind == TOKEN_WORD && parser_is_word(p, t, "view") && t[1].kind == '(')
        return true;
    if (t->kind != '(')
        return false;
    if (t[1].kind == ')')
        return t[2].kind == '{';
    if (t[1].kind == TOKEN_WORD && t[2].kind == ':')
        after = t + 3;
    else if (t[1].kind == '[' && t[2].kind == TOKEN_STRING && t[3].kind == ']' && t[4].kind == ':')
        after = t + 5;
    else
        return false;
    /* A ':' may also be the operator: (a : "x"). */
    return after->kind == '(' || after->kind == TOKEN_WORD;
}

static const struct kql_syntax *
function(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_FUNCTION, p->tokens[p->next].at);
    size_t base = p->stack_count;

    if (!parser_enter(p))
        return parser_missing(p);
    if (parser_accept_word(p, "view"))
        n->op = 1;
    parser_push(p, parameter_list(p));
    if (parser_expect(p, '{', "and the function's body")) {
        parser_statements(p, '}');
        parser_expect(p, '}', "behind the function's body");
    }
    parser_leave(p);
    return parser_finish(p, n, base);
}

/* ---- statements */

static const struct kql_syntax *
let(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_LET, parser_now(p)->at);
    size_t base = p->stack_count;

    parser_move(p);
    parser_take_plain_name(p, n, "a name behind 'let'");
    parser_expect(p, '=', "behind the name");
    p->is_let = true;
    if (at_function(p))
        parser_push(p, function(p));
    else
        parser_push(p, parser_pipe(p));
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
set(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_SET, parser_now(p)->at);
    size_t base = p->stack_count;

    parser_move(p);
    parser_take_plain_name(p, n, "the name of an option behind 'set'");
    if (parser_accept(p, '='))
        parser_push(p, parser_at_literal(p) ? parser_literal(p)
                                            : parser_used_name(p, "the option's value"));
    return parser_finish(p, n, base);
}

/* Everything up to the end of the statement, brackets counted. */
static void
skip_statement(struct parser *p)
{
    int64_t open = p->open;

    while (!p->is_panic) {
        const struct token *t = parser_now(p);

        if (t->kind == TOKEN_END || p->open < open)
            return;
        if (p->open == open && (t->kind == ';' || t->kind == ')' || t->kind == '}'))
            return;
        parser_move(p);
    }
}

static const struct kql_syntax *
declare(struct parser *p)
{
    uint32_t at = parser_now(p)->at;
    struct kql_syntax *n;
    size_t base = p->stack_count;

    parser_move(p);
    if (parser_accept_word(p, "query_parameters")) {
        n = parser_node(p, SYN_DECLARE, at);
        parameters(p);
        return parser_finish(p, n, base);
    }
    n = parser_node(p, SYN_PATTERN, at);
    if (!parser_accept_word(p, "pattern"))
        parser_fail(p, "'query_parameters' or 'pattern'");
    parser_take_name(p, n, "the pattern's name");
    if (parser_accept(p, '=')) {
        parser_push(p, parameter_list(p));
        p->stack_count = base;
        if (!parser_at(p, '[') && !parser_at(p, '{'))
            parser_fail(p, "'[' or '{' behind the pattern's parameters");
        skip_statement(p);
    }
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
alias(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_ALIAS, parser_now(p)->at);
    size_t base = p->stack_count;

    parser_move(p);
    parser_expect_word(p, "database");
    parser_take_name(p, n, "the alias");
    parser_expect(p, '=', "behind the alias");
    parser_unary(p);
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
restrict_access(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_RESTRICT, parser_now(p)->at);
    size_t base = p->stack_count;

    parser_move(p);
    parser_expect_word(p, "access");
    parser_expect_word(p, "to");
    parser_expect(p, '(', "and the tables");
    do
        parser_table_name(p);
    while (parser_accept(p, ','));
    parser_expect(p, ')', "behind the tables");
    return parser_finish(p, n, base);
}

static const struct {
    const char *word, *second; /* second: the word behind it; "": any name; NULL: anything */
    const struct kql_syntax *(*read)(struct parser *p);
} statements[] = {
    {"let",      "",                 let            },
    {"set",      "",                 set            },
    {"declare",  "query_parameters", declare        },
    {"declare",  "pattern",          declare        },
    {"alias",    "database",         alias          },
    {"restrict", "access",           restrict_access},
};

static const struct kql_syntax *
statement(struct parser *p)
{
    const struct token *t = parser_now(p), *second = parser_ahead(p, 1);

    if (t->kind == TOKEN_WORD)
        for (size_t i = 0; i < COUNT_OF(statements); i++)
            if (parser_is_word(p, t, statements[i].word) &&
                (statements[i].second[0] == '\0'
                     ? second->kind == TOKEN_WORD || second->kind == '[' || second->kind == '=' ||
                           second->kind == TOKEN_END
                     : parser_is_word(p, second, statements[i].second)))
                return statements[i].read(p);
    if (t->kind == '.' && p->next == 0)
        parser_panic(p, KQL_E_SYNTAX, "management commands (.show, .create ...) are not queries");
    return parser_pipe(p);
}

void
parser_statements(struct parser *p, int close)
{
    int64_t open = p->open;

    while (!p->is_panic && !parser_at(p, close) && !parser_at(p, TOKEN_END)) {
        const struct token *t;

        p->is_let = false;
        parser_push(p, statement(p));
        t = parser_now(p);
        if (!p->is_panic && t->kind != ';' && t->kind != close && t->kind != TOKEN_END) {
            if (p->tokens[p->next].kind == ',')
                parser_fail(p, "';', '|' or the end of the query");
            else
                fail_behind(p);
        }
        if (p->is_panic) { /* to the end of the statement */
            do {
                parser_recover(p, open);
                if (p->open < open || p->tokens[p->next].kind == ';' ||
                    p->tokens[p->next].kind == close || p->tokens[p->next].kind == TOKEN_END)
                    break;
                parser_move(p);
            } while (true);
        }
        if (!parser_accept(p, ';'))
            break;
        if (parser_at(p, ';')) {
            parser_fail(p, "a statement");
            parser_recover(p, open);
            while (parser_accept(p, ';'))
                ;
        }
    }
}

/* How deep the tree is, without recursion. */
static uint32_t
depth_of(struct pool *pool, const struct kql_syntax *root)
{
    struct item {
        const struct kql_syntax *node;
        uint32_t depth;
    } *items = NULL;
    size_t count = 1, room = 0;
    uint32_t deepest = 0;

    items = pool_grow(pool, items, &room, 256, sizeof *items);
    items[0] = (struct item){root, 1};
    while (count > 0) {
        struct item top = items[--count];

        if (top.depth > deepest)
            deepest = top.depth;
        if (count + top.node->child_count > room)
            items = pool_grow(pool, items, &room, count + top.node->child_count, sizeof *items);
        for (uint32_t i = 0; i < top.node->child_count; i++)
            if (top.node->children[i] != NULL && top.node->children[i]->child_count > 0)
                items[count++] = (struct item){top.node->children[i], top.depth + 1};
    }
    return deepest + 1;
}

/* The complaints of the lexer and the parser, in the order of the text. */
static void
sort_diagnostics(struct kql_diagnostics *d, uint32_t from)
{
    uint32_t end = d->count == KQL_DIAGNOSTICS_MAX ? d->count - 1 : d->count;

    for (uint32_t i = from + 1; i < end; i++) {
        struct kql_diagnostic item = d->items[i];
        uint32_t j = i;

        for (; j > from && d->items[j - 1].at > item.at; j--)
            d->items[j] = d->items[j - 1];
        d->items[j] = item;
    }
}

const struct kql_syntax *
kql_parse(struct pool *pool, struct span text, struct kql_diagnostics *d)
{
    struct parser p = {.pool = pool, .d = d, .text = text};
    struct kql_syntax *query;
    struct pool_mark mark;
    uint32_t complaints = d->count;

    if (text.n > KQL_QUERY_MAX) {
        kql_complain(d, KQL_E_LIMIT, 0, 0, "the query has %zu bytes; %d are the most", text.n,
                     KQL_QUERY_MAX);
        text.n = p.text.n = 0;
    }
    p.tokens = kql_lex(pool, text, d).items;
    query = parser_node(&p, SYN_QUERY, 0);
    parser_statements(&p, TOKEN_END);
    while (p.tokens[p.next].kind != TOKEN_END) { /* behind a bracket that closes nothing */
        if (d->error_count == 0)
            fail_behind(&p);
        p.is_panic = false;
        parser_move(&p);
    }
    parser_finish(&p, query, 0);
    query->at = 0;
    query->size = (uint32_t)text.n;
    mark = pool_mark(pool);
    if (depth_of(pool, query) > KQL_TREE_MAX) {
        kql_complain(d, KQL_E_LIMIT, 0, 0,
                     "a chain of operators or a pipe is too long: %d deep is the most",
                     KQL_TREE_MAX);
        query->child_count = 0;
    }
    if (mark.chunk != NULL && d->count == complaints)
        pool_return(pool, mark);
    sort_diagnostics(d, complaints);
    return query;
}
