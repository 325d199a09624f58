/* parser_expr.c - scalar expressions, names, calls and paths.
 *
 * Operators by level, loosest first: 1 or, 2 and, 3 equality and lists (not chained), 4 order (not
 * chained), 5 + -, 6 * / %, 7 the string operators (not chained), tighter than multiplication. Chains
 * of 'or' and 'and' longer than CHAIN_FLAT come as a balanced tree (they are associative), so that
 * a list of a thousand alternatives is not a thousand deep. */
#include "kql/parser_inner.h"

enum { CHAIN_FLAT = 32, SHOWN_MAX = 40 };

static const uint8_t levels[KQL_OP_COUNT] = {
    [KQL_OP_OR] = 1,
    [KQL_OP_AND] = 2,
    [KQL_OP_EQUAL] = 3,
    [KQL_OP_NOT_EQUAL] = 3,
    [KQL_OP_IN] = 3,
    [KQL_OP_NOT_IN] = 3,
    [KQL_OP_IN_CI] = 3,
    [KQL_OP_NOT_IN_CI] = 3,
    [KQL_OP_HAS_ANY] = 3,
    [KQL_OP_HAS_ALL] = 3,
    [KQL_OP_BETWEEN] = 3,
    [KQL_OP_NOT_BETWEEN] = 3,
    [KQL_OP_LESS] = 4,
    [KQL_OP_GREATER] = 4,
    [KQL_OP_LESS_EQUAL] = 4,
    [KQL_OP_GREATER_EQUAL] = 4,
    [KQL_OP_PLUS] = 5,
    [KQL_OP_MINUS] = 5,
    [KQL_OP_MULTIPLY] = 6,
    [KQL_OP_DIVIDE] = 6,
    [KQL_OP_MODULO] = 6,
    [KQL_OP_EQUAL_CI] = 7,
    [KQL_OP_NOT_EQUAL_CI] = 7,
    [KQL_OP_HAS] = 7,
    [KQL_OP_NOT_HAS] = 7,
    [KQL_OP_HAS_CS] = 7,
    [KQL_OP_NOT_HAS_CS] = 7,
    [KQL_OP_HASPREFIX] = 7,
    [KQL_OP_NOT_HASPREFIX] = 7,
    [KQL_OP_HASPREFIX_CS] = 7,
    [KQL_OP_NOT_HASPREFIX_CS] = 7,
    [KQL_OP_HASSUFFIX] = 7,
    [KQL_OP_NOT_HASSUFFIX] = 7,
    [KQL_OP_HASSUFFIX_CS] = 7,
    [KQL_OP_NOT_HASSUFFIX_CS] = 7,
    [KQL_OP_CONTAINS] = 7,
    [KQL_OP_NOT_CONTAINS] = 7,
    [KQL_OP_CONTAINS_CS] = 7,
    [KQL_OP_NOT_CONTAINS_CS] = 7,
    [KQL_OP_STARTSWITH] = 7,
    [KQL_OP_NOT_STARTSWITH] = 7,
    [KQL_OP_STARTSWITH_CS] = 7,
    [KQL_OP_NOT_STARTSWITH_CS] = 7,
    [KQL_OP_ENDSWITH] = 7,
    [KQL_OP_NOT_ENDSWITH] = 7,
    [KQL_OP_ENDSWITH_CS] = 7,
    [KQL_OP_NOT_ENDSWITH_CS] = 7,
    [KQL_OP_LIKE] = 7,
    [KQL_OP_NOT_LIKE] = 7,
    [KQL_OP_LIKE_CS] = 7,
    [KQL_OP_NOT_LIKE_CS] = 7,
    [KQL_OP_MATCHES_REGEX] = 7,
};

/* The operator that stands here between two operands, or NONE. */
static enum kql_operator
parser_infix(const struct parser *p)
{
    static const uint8_t signs[256] = {
        ['<'] = KQL_OP_LESS,
        ['>'] = KQL_OP_GREATER,
        ['+'] = KQL_OP_PLUS,
        ['-'] = KQL_OP_MINUS,
        ['*'] = KQL_OP_MULTIPLY,
        ['/'] = KQL_OP_DIVIDE,
        ['%'] = KQL_OP_MODULO,
        [':'] = KQL_OP_HAS,
        [TOKEN_EQUAL_EQUAL] = KQL_OP_EQUAL,
        [TOKEN_NOT_EQUAL] = KQL_OP_NOT_EQUAL,
        [TOKEN_LESS_EQUAL] = KQL_OP_LESS_EQUAL,
        [TOKEN_GREATER_EQUAL] = KQL_OP_GREATER_EQUAL,
        [TOKEN_EQUAL_TILDE] = KQL_OP_EQUAL_CI,
        [TOKEN_NOT_TILDE] = KQL_OP_NOT_EQUAL_CI,
    };
    const struct token *t = parser_now(p);

    if (t->kind != TOKEN_WORD)
        return (enum kql_operator)signs[t->kind];
    if (kql_words[t->word].op == KQL_OP_MATCHES_REGEX &&
        !parser_is_word(p, parser_ahead(p, 1), "regex"))
        return KQL_OP_NONE;
    return (enum kql_operator)kql_words[t->word].op;
}

/* ---- names */

/* How many tokens are a name in brackets here: ['a b'], or ['a' 'b'] whose strings are one. 0: none. */
static size_t
bracket_name_size(const struct token *t)
{
    size_t size = 1;

    if (t->kind != '[')
        return 0;
    while (t[size].kind == TOKEN_STRING)
        size++;
    return size > 1 && t[size].kind == ']' ? size + 1 : 0;
}

static bool
is_bracket_name(const struct token *t)
{
    return bracket_name_size(t) > 0;
}

static const struct kql_syntax *
bracket_name(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n = parser_node(p, SYN_NAME, t->at);
    size_t count = bracket_name_size(t);
    uint32_t at, size;
    char *name = NULL;

    n->op = 1;
    n->name_at = t->at;
    n->name_size = t[count - 1].at + 1 - t->at;
    for (size_t i = 1; i + 1 < count; i++) {
        struct span piece = {"", 0};

        if (!kql_string_token_value(p->pool, p->text, t + i, &piece, &at, &size))
            kql_complain(p->d, KQL_E_TEXT, at, size, "'%.*s' is no escape of the language",
                         (int)size, p->text.p + at);
        if (count == 3) {
            n->name = piece;
            break;
        }
        if (name == NULL) /* as long as all are in the text */
            name = pool_take(p->pool, n->name_size);
        memcpy(name + n->name.n, piece.p, piece.n);
        n->name = (struct span){name, n->name.n + piece.n};
    }
    if (n->name.n == 0)
        kql_complain(p->d, KQL_E_NAME, t->at, n->name_size, "a name must not be empty");
    for (size_t i = 0; i < count; i++)
        parser_move(p);
    return parser_finish(p, n, p->stack_count);
}

static void
fail_reserved(struct parser *p, const struct token *t)
{
    if (parser_is_word(p, t, "by") && p->next > 0 && t[-1].kind == ',')
        parser_panic(p, KQL_E_SYNTAX, "there is a ',' too many before 'by'");
    parser_panic(p, KQL_E_SYNTAX,
                 "'%.*s' is a word of the language; to use it as a name write ['%.*s']",
                 (int)t->size, p->text.p + t->at, (int)t->size, p->text.p + t->at);
}

static const struct kql_syntax *
plain_name(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n = parser_node(p, SYN_NAME, t->at);

    parser_name_token(p, n, t);
    parser_move(p);
    return parser_finish(p, n, p->stack_count);
}

static const struct kql_syntax *
name(struct parser *p, uint8_t refused, const char *what)
{
    const struct token *t = parser_now(p);

    if (is_bracket_name(t))
        return bracket_name(p);
    if (t->kind == TOKEN_WORD && !(kql_words[t->word].flags & refused))
        return plain_name(p);
    if (t->kind == TOKEN_WORD)
        fail_reserved(p, t);
    else
        parser_fail(p, what);
    return parser_missing(p);
}

const struct kql_syntax *
parser_new_name(struct parser *p, const char *what)
{
    return name(p, WORD_NO_NAME, what);
}

const struct kql_syntax *
parser_used_name(struct parser *p, const char *what)
{
    return name(p, WORD_NO_USE, what);
}

static void
take(struct kql_syntax *n, const struct kql_syntax *given)
{
    n->name = given->name;
    n->name_at = given->name_at;
    n->name_size = given->name_size;
}

void
parser_take_name(struct parser *p, struct kql_syntax *n, const char *what)
{
    take(n, parser_new_name(p, what));
}

void
parser_take_plain_name(struct parser *p, struct kql_syntax *n, const char *what)
{
    take(n, name(p, WORD_NO_USE | WORD_NO_NAME, what));
}

/* "Device*", "*_id", "a*b*": tokens that stand together, a '*' among them. */
static bool
is_wild(const struct token *t)
{
    if (t->kind != TOKEN_WORD && t->kind != '*')
        return false;
    for (;; t++) {
        if (t->kind == '*')
            return true;
        if (!(t[1].flags & TOKEN_GLUED) || (t[1].kind != '*' && t[1].kind != TOKEN_WORD))
            return false;
    }
}

const struct kql_syntax *
parser_wild_name(struct parser *p, const char *what)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n;
    uint32_t at = t->at, end;

    if (!is_wild(t))
        return parser_used_name(p, what);
    n = parser_node(p, SYN_NAME, at);
    do {
        end = t->at + t->size;
        parser_move(p);
        t = parser_now(p);
    } while ((t->flags & TOKEN_GLUED) &&
             (t->kind == '*' || t->kind == TOKEN_WORD || t->kind == TOKEN_INTEGER));
    n->op = 2;
    n->name = (struct span){p->text.p + at, end - at};
    n->name_at = at;
    n->name_size = end - at;
    return parser_finish(p, n, p->stack_count);
}

/* ---- calls */

static void
argument(struct parser *p)
{
    const struct token *t = parser_now(p);

    if (t->kind == '*' && (t[1].kind == ',' || t[1].kind == ')'))
        parser_push(p, parser_star(p));
    else if (parser_at_named(p))
        parser_push(p, parser_named(p));
    else
        parser_push(p, parser_pipe(p));
}

/* "name(...)", the next token being the name. */
const struct kql_syntax *
parser_call(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n = parser_node(p, SYN_CALL, t->at);
    size_t base = p->stack_count;

    if (is_bracket_name(t))
        take(n, bracket_name(p));
    else if (t->kind == TOKEN_WORD && kql_words[t->word].flags == 0) {
        parser_name_token(p, n, t);
        parser_move(p);
    } else if (t->kind == TOKEN_WORD)
        fail_reserved(p, t);
    else
        parser_fail(p, "a function's name");
    parser_expect(p, '(', "and the function's arguments");
    if (!parser_at(p, ')'))
        do
            argument(p);
        while (parser_accept(p, ','));
    parser_expect(p, ')', "or ',' behind an argument");
    return parser_finish(p, n, base);
}

/* toscalar(pipe), totable(pipe), materialize(pipe): the rest of one word's kind. */
static const struct kql_syntax *
pipe_call(struct parser *p, enum kql_syntax_kind kind)
{
    struct kql_syntax *n = parser_node(p, kind, parser_now(p)->at);
    size_t base = p->stack_count, option_base = p->option_count;

    parser_move(p);
    parser_options(p, NULL); /* kind=nooptimization */
    parser_expect(p, '(', "and a query");
    parser_push(p, parser_pipe(p));
    parser_expect(p, ')', "behind the query");
    parser_finish_options(p, n, option_base);
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
type_of(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_TYPEOF, parser_now(p)->at);
    size_t base = p->stack_count;

    parser_move(p);
    if (parser_ahead(p, 2)->kind == ':' || parser_ahead(p, 1)->kind == '*' ||
        parser_ahead(p, 1)->kind == '[')
        parser_push(p, parser_schema(p));
    else {
        parser_expect(p, '(', "and a type");
        parser_push(p, parser_type(p));
        parser_expect(p, ')', "behind the type");
    }
    return parser_finish(p, n, base);
}

/* "entity_group [a, b]": refused later by name. */
static const struct kql_syntax *
entity_group(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_CALL, parser_now(p)->at);
    size_t base = p->stack_count;

    parser_name_token(p, n, parser_now(p));
    parser_move(p);
    parser_expect(p, '[', "and entities");
    do
        parser_push(p, parser_unary(p));
    while (parser_accept(p, ','));
    parser_expect(p, ']', "behind the entities");
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
to_scalar(struct parser *p)
{
    return pipe_call(p, SYN_TO_SCALAR);
}

static const struct kql_syntax *
to_table(struct parser *p)
{
    return pipe_call(p, SYN_TO_TABLE);
}

static const struct kql_syntax *
materialize(struct parser *p)
{
    return pipe_call(p, SYN_MATERIALIZE);
}

/* Words that begin an operand of their own form. behind: what must follow; 0: anything. */
static const struct {
    const char *word;
    int behind, or_behind;
    const struct kql_syntax *(*read)(struct parser *p);
} forms[] = {
    {"toscalar",      '(', TOKEN_WORD, to_scalar          },
    {"totable",       '(', TOKEN_WORD, to_table           },
    {"materialize",   '(', '(',        materialize        },
    {"typeof",        '(', '(',        type_of            },
    {"datatable",     '(', TOKEN_WORD, parser_datatable   },
    {"externaldata",  '(', '(',        parser_externaldata},
    {"external_data", '(', '(',        parser_externaldata},
    {"entity_group",  '[', '[',        entity_group       },
};

static const struct kql_syntax *
in_brackets(struct parser *p)
{
    const struct kql_syntax *n;
    bool takes_star = p->takes_star;

    parser_move(p);
    n = parser_pipe(p);
    p->takes_star = takes_star;
    parser_expect(p, ')', "");
    return n;
}

const struct kql_syntax *
parser_star(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_STAR, parser_now(p)->at);

    parser_move(p);
    return parser_finish(p, n, p->stack_count);
}

static bool
is_star_operand(struct parser *p)
{
    size_t next = p->next;
    uint8_t level;

    if (p->takes_star)
        return true;
    p->next = next + 1;
    level = levels[parser_infix(p)];
    p->next = next;
    return level == 3 || level == 7;
}

static const struct kql_syntax *
word_operand(struct parser *p)
{
    const struct token *t = parser_now(p);

    for (size_t i = 0; i < COUNT_OF(forms); i++)
        if ((t[1].kind == forms[i].behind || t[1].kind == forms[i].or_behind) &&
            parser_is_word(p, t, forms[i].word))
            return forms[i].read(p);
    if (kql_words[t->word].flags & WORD_NO_USE) {
        if (parser_is_operator_name(parser_token_text(p, t)))
            parser_panic(p, KQL_E_SYNTAX,
                         "the operator '%.*s' stands where a value is expected; as a name write "
                         "['%.*s']",
                         (int)t->size, p->text.p + t->at, (int)t->size, p->text.p + t->at);
        else
            fail_reserved(p, t);
        return parser_missing(p);
    }
    return t[1].kind == '(' ? parser_call(p) : plain_name(p);
}

static const struct kql_syntax *
operand(struct parser *p)
{
    const struct token *t = parser_now(p);

    if (parser_at_literal(p))
        return parser_literal(p);
    if (t->kind == TOKEN_WORD)
        return word_operand(p);
    if (t->kind == '(')
        return in_brackets(p);
    if (is_bracket_name(t))
        return t[bracket_name_size(t)].kind == '(' ? parser_call(p) : bracket_name(p);
    if (t->kind == '@')
        return plain_name(p);
    if (t->kind == '*' && is_star_operand(p))
        return parser_star(p);
    if (t->kind == TOKEN_GUID)
        parser_panic(p, KQL_E_SYNTAX, "a guid must be written as guid(...)");
    if (parser_at(p, '=') && p->next > 0 && parser_now(p)[-1].kind == TOKEN_EQUAL_EQUAL)
        parser_panic(p, KQL_E_SYNTAX, "'===' is no operator; write '=='");
    else
        parser_fail(p, "an expression");
    return parser_missing(p);
}

/* Whether what is left of a '.' or '[' may name a table, so that what is behind is its name. */
static bool
is_place(const struct kql_syntax *n)
{
    static const char *const places[] = {"database", "cluster", "workspace", "resource"};

    if (n->kind == SYN_PATH)
        n = n->children[1];
    if (n == NULL || n->kind != SYN_CALL)
        return false;
    for (size_t i = 0; i < COUNT_OF(places); i++)
        if (span_is(n->name, places[i]))
            return true;
    return false;
}

static const struct kql_syntax *
element(struct parser *p, const struct kql_syntax *left, bool is_behind_dot)
{
    struct kql_syntax *n = parser_node(p, SYN_ELEMENT, left->at);
    size_t base = p->stack_count;

    parser_push(p, left);
    if (is_behind_dot && is_place(left) && is_bracket_name(parser_now(p))) {
        n->kind = SYN_PATH;
        parser_push(p, bracket_name(p));
        return parser_finish(p, n, base);
    }
    parser_move(p);
    parser_push(p, parser_expr(p));
    parser_expect(p, ']', "behind the element's index or name");
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
member(struct parser *p, const struct kql_syntax *left, bool takes_wild)
{
    struct kql_syntax *n = parser_node(p, SYN_PATH, left->at);
    const struct token *t = parser_now(p);
    size_t base = p->stack_count;

    parser_push(p, left);
    if (takes_wild && is_wild(t))
        parser_push(p, parser_wild_name(p, ""));
    else if (t->kind == TOKEN_WORD && t[1].kind == '(' && !(kql_words[t->word].flags & WORD_NO_USE))
        parser_push(p, parser_call(p));
    else if (t->kind == '@')
        parser_push(p, plain_name(p));
    else
        parser_push(p, name(p, WORD_NO_USE, "a name behind '.'"));
    return parser_finish(p, n, base);
}

/* What stands behind an operand: .name, .call(), [index] */
static const struct kql_syntax *
paths(struct parser *p, const struct kql_syntax *left, bool takes_wild)
{
    for (;;) {
        if (parser_at(p, '['))
            left = element(p, left, false);
        else if (parser_accept(p, '.'))
            left = parser_at(p, '[') ? element(p, left, true) : member(p, left, takes_wild);
        else
            return left;
    }
}

/* "T datascope=all": read and left aside. */
static void
data_scope(struct parser *p)
{
    if (parser_at_word(p, "datascope") && parser_ahead(p, 1)->kind == '=') {
        parser_move(p);
        parser_move(p);
        parser_move(p);
    }
}

const struct kql_syntax *
parser_unary(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n;
    size_t base = p->stack_count;

    if (t->kind != '-' && t->kind != '+') {
        const struct kql_syntax *left = paths(p, operand(p), false);

        if (left->kind == SYN_NAME)
            data_scope(p);
        return left;
    }
    if (t->kind == '-' && t[1].kind == TOKEN_INTEGER && t[1].size == 19 && t[2].kind != '.' &&
        memcmp(p->text.p + t[1].at, "9223372036854775808", 19) == 0)
        return parser_literal(p); /* has no positive twin */
    n = parser_node(p, SYN_UNARY, t->at);
    n->op = t->kind == '-' ? KQL_OP_MINUS : KQL_OP_PLUS;
    parser_move(p);
    parser_push(p, paths(p, operand(p), false));
    return parser_finish(p, n, base);
}

const struct kql_syntax *
parser_table_name(struct parser *p)
{
    const struct token *t = parser_now(p);

    if (is_wild(t))
        return parser_wild_name(p, "a table");
    return paths(p, operand(p), true);
}

const struct kql_syntax *
parser_entity(struct parser *p, const char *what)
{
    const struct kql_syntax *left = parser_used_name(p, what);

    for (;;) {
        struct kql_syntax *n;
        size_t base = p->stack_count;

        if (parser_at(p, '[')) {
            left = element(p, left, false);
            continue;
        }
        if (!parser_accept(p, '.'))
            return left;
        if (parser_at(p, '[')) {
            left = element(p, left, true);
            continue;
        }
        n = parser_node(p, SYN_PATH, left->at);
        parser_push(p, left);
        parser_push(p, parser_used_name(p, "a name behind '.'"));
        left = parser_finish(p, n, base);
    }
}

const struct kql_syntax *
parser_any_word(struct parser *p, const char *what)
{
    return name(p, 0, what);
}

/* ---- operators */

/* ( a, b, c ) of in, has_any ... The brackets may also hold one table. */
static void
in_list(struct parser *p)
{
    parser_expect(p, '(', "and a list of values");
    do
        parser_push(p, parser_pipe(p));
    while (parser_accept(p, ','));
    parser_expect(p, ')', "or ',' behind a value");
}

static void
between_bounds(struct parser *p)
{
    parser_expect(p, '(', "and two bounds: (low .. high)");
    parser_push(p, parser_expr(p));
    parser_expect(p, TOKEN_DOT_DOT, "between the two bounds");
    parser_push(p, parser_expr(p));
    parser_expect(p, ')', "behind the bounds");
}

static const struct kql_syntax *binary(struct parser *p, uint8_t level_min);

static const struct kql_syntax *
operation(struct parser *p, const struct kql_syntax *left, enum kql_operator op)
{
    struct kql_syntax *n = parser_node(p, SYN_BINARY, left->at);
    size_t base = p->stack_count;

    n->op = op;
    parser_push(p, left);
    parser_move(p);
    if (op == KQL_OP_MATCHES_REGEX)
        parser_move(p);
    if (op == KQL_OP_BETWEEN || op == KQL_OP_NOT_BETWEEN) {
        n->kind = SYN_BETWEEN;
        between_bounds(p);
    } else if (op >= KQL_OP_IN && op <= KQL_OP_HAS_ALL) {
        n->kind = SYN_IN;
        in_list(p);
    } else
        parser_push(p, binary(p, (uint8_t)(levels[op] + 1)));
    return parser_finish(p, n, base);
}

static const struct kql_syntax *
binary(struct parser *p, uint8_t level_min)
{
    const struct kql_syntax *left = parser_unary(p);
    uint8_t level_max = 7;

    for (;;) {
        enum kql_operator op = parser_infix(p);
        uint8_t level = levels[op];

        if (level < level_min || level > level_max) {
            if (level > level_max && level != 5 && level != 6)
                parser_panic(p, KQL_E_SYNTAX,
                             "comparisons do not chain: join two with 'and', or put one in "
                             "brackets");
            return left;
        }
        left = operation(p, left, op);
        level_max = level == 5 || level == 6 ? level : (uint8_t)(level - 1);
    }
}

/* The operands from 'from' to 'to' of the stack as one tree. */
static const struct kql_syntax *
balanced(struct parser *p, size_t from, size_t to, enum kql_operator op)
{
    const struct kql_syntax *left, *right;
    struct kql_syntax *n;
    const struct kql_syntax **children;

    if (to - from == 1)
        return p->stack[from];
    left = balanced(p, from, from + (to - from) / 2, op);
    right = balanced(p, from + (to - from) / 2, to, op);
    n = parser_node(p, SYN_BINARY, left->at);
    children = pool_take(p->pool, 2 * sizeof *children);
    children[0] = left;
    children[1] = right;
    n->children = children;
    n->child_count = 2;
    n->op = op;
    n->size = right->at + right->size > n->at ? right->at + right->size - n->at : 0;
    return n;
}

/* As it is written, leaning to the left. */
static const struct kql_syntax *
leaning(struct parser *p, size_t from, size_t to, enum kql_operator op)
{
    const struct kql_syntax *left = p->stack[from];

    for (size_t i = from + 1; i < to; i++) {
        const struct kql_syntax *right = p->stack[i];
        struct kql_syntax *n = parser_node(p, SYN_BINARY, left->at);
        const struct kql_syntax **children = pool_take(p->pool, 2 * sizeof *children);

        children[0] = left;
        children[1] = right;
        n->children = children;
        n->child_count = 2;
        n->op = op;
        n->size = right->at + right->size > n->at ? right->at + right->size - n->at : 0;
        left = n;
    }
    return left;
}

/* a or b or c; each operand is read by 'read'. */
static const struct kql_syntax *
chain(struct parser *p, enum kql_operator op)
{
    const struct kql_syntax *first =
        op == KQL_OP_OR ? chain(p, KQL_OP_AND) : binary(p, levels[KQL_OP_AND] + 1);
    size_t base = p->stack_count, count;

    if (parser_infix(p) != op)
        return first;
    parser_push(p, first);
    while (parser_infix(p) == op) {
        parser_move(p);
        parser_push(p, op == KQL_OP_OR ? chain(p, KQL_OP_AND) : binary(p, levels[KQL_OP_AND] + 1));
    }
    count = p->stack_count;
    first = count - base > CHAIN_FLAT ? balanced(p, base, count, op) : leaning(p, base, count, op);
    p->stack_count = base;
    return first;
}

const struct kql_syntax *
parser_expr_entered(struct parser *p)
{
    return chain(p, KQL_OP_OR);
}

const struct kql_syntax *
parser_expr(struct parser *p)
{
    const struct kql_syntax *n;

    if (!parser_enter(p))
        return parser_missing(p);
    n = chain(p, KQL_OP_OR);
    parser_leave(p);
    return n;
}

const struct kql_syntax *
parser_sum(struct parser *p)
{
    return binary(p, levels[KQL_OP_PLUS]);
}

/* ---- named expressions */

bool
parser_at_named(const struct parser *p)
{
    const struct token *t = parser_now(p);

    if (t->kind == TOKEN_WORD)
        return t[1].kind == '=';
    return is_bracket_name(t) && t[bracket_name_size(t)].kind == '=';
}

/* "(a, b) =" */
static bool
is_tuple_name(const struct token *t)
{
    if (t->kind != '(')
        return false;
    for (;;) {
        t++;
        if (t->kind == TOKEN_WORD)
            t++;
        else if (is_bracket_name(t))
            t += bracket_name_size(t);
        else
            return false;
        if (t->kind == ')')
            return t[1].kind == '=';
        if (t->kind != ',')
            return false;
    }
}

static const struct kql_syntax *
tuple_named(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_NAMED, parser_now(p)->at);
    size_t base = p->stack_count, slot = base;

    n->op = 1;
    parser_push(p, NULL); /* the expression comes first */
    parser_move(p);
    do
        parser_push(p, parser_new_name(p, "a name"));
    while (parser_accept(p, ','));
    parser_expect(p, ')', "");
    parser_expect(p, '=', "");
    const struct kql_syntax *value = parser_expr(p);
    p->stack[slot] = value;
    return parser_finish(p, n, base);
}

const struct kql_syntax *
parser_named(struct parser *p)
{
    struct kql_syntax *n;
    size_t base = p->stack_count;

    if (is_tuple_name(parser_now(p)))
        return tuple_named(p);
    if (!parser_at_named(p))
        return parser_expr(p);
    n = parser_node(p, SYN_NAMED, parser_now(p)->at);
    parser_take_name(p, n, "a name");
    parser_expect(p, '=', "");
    parser_push(p, parser_expr(p));
    return parser_finish(p, n, base);
}

void
parser_named_list(struct parser *p)
{
    do
        parser_push(p, parser_named(p));
    while (parser_accept(p, ','));
}

void
parser_expr_list(struct parser *p)
{
    do
        parser_push(p, parser_expr(p));
    while (parser_accept(p, ','));
}

const struct kql_syntax *
parser_named_list_node(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_named_list(p);
    return parser_finish(p, n, base);
}

const struct kql_syntax *
parser_expr_list_node(struct parser *p)
{
    struct kql_syntax *n = parser_node(p, SYN_LIST, p->tokens[p->next].at);
    size_t base = p->stack_count;

    parser_expr_list(p);
    return parser_finish(p, n, base);
}
