/* parser_literal.c - literals of every form, and their values. */
#include "kql/dynamic.h"
#include "kql/parser_inner.h"

enum { SHOWN_MAX = 40 };

static const char *const literal_words[] = {"true", "false", "True", "False", "TRUE", "FALSE"};

bool
parser_at_literal(const struct parser *p)
{
    const struct token *t = parser_now(p);

    switch (t->kind) {
    case TOKEN_INTEGER:
    case TOKEN_REAL:
    case TOKEN_TIMESPAN:
    case TOKEN_STRING:
    case TOKEN_TYPED:
        return true;
    case '-':
    case '+':
        return false; /* operators, but for parser_literal */
    case TOKEN_WORD:
        if (parser_is_word(p, t, "dynamic"))
            return t[1].kind == '(';
        for (size_t i = 0; i < COUNT_OF(literal_words); i++)
            if (t->word != 0 && parser_is_word(p, t, literal_words[i]))
                return true;
        return false;
    default:
        return false;
    }
}

static void
complain_literal(struct parser *p, const struct token *t, const char *what)
{
    kql_complain(p->d, KQL_E_VALUE, t->at, t->size, "'%.*s' is not %s",
                 (int)(t->size < SHOWN_MAX ? t->size : SHOWN_MAX), p->text.p + t->at, what);
}

/* ---- strings */

static struct span
string_value(struct parser *p, const struct token *t)
{
    struct span out = {"", 0};
    uint32_t at, size;

    if (!kql_string_token_value(p->pool, p->text, t, &out, &at, &size))
        kql_complain(
            p->d, KQL_E_TEXT, at, size,
            "'%.*s' is no escape of the language; write \\\\ for a back-slash, or @\"...\" "
            "for a string without escapes",
            (int)size, p->text.p + at);
    return out;
}

/* Adjacent literals are one. Pushes nothing. */
static struct kql_value
strings(struct parser *p, bool *is_obfuscated)
{
    const struct token *first = parser_now(p), *t;
    struct span whole = string_value(p, first);
    size_t size = 0;
    char *text;

    *is_obfuscated = (first->flags & TOKEN_OBFUSCATED) != 0;
    parser_move(p);
    if (!parser_at(p, TOKEN_STRING))
        return kql_string(whole);
    for (t = first; t->kind == TOKEN_STRING; t++)
        size += t->size; /* no value is longer than its token */
    text = pool_take(p->pool, size + 1);
    memcpy(text, whole.p, whole.n);
    size = whole.n;
    while (parser_at(p, TOKEN_STRING)) {
        struct span part;

        t = parser_now(p);
        part = string_value(p, t);
        memcpy(text + size, part.p, part.n);
        size += part.n;
        *is_obfuscated |= (t->flags & TOKEN_OBFUSCATED) != 0;
        parser_move(p);
    }
    return kql_string((struct span){text, size});
}

const struct kql_syntax *
parser_string(struct parser *p)
{
    struct kql_syntax *n;
    bool is_obfuscated;

    if (!parser_at(p, TOKEN_STRING)) {
        parser_fail(p, "a string");
        return parser_missing(p);
    }
    n = parser_node(p, SYN_LITERAL, parser_now(p)->at);
    n->value = strings(p, &is_obfuscated);
    n->op = is_obfuscated;
    return parser_finish(p, n, p->stack_count);
}

/* ---- typed literals: word(text) */

static struct span
trimmed(struct span s)
{
    while (s.n > 0 && (unsigned char)s.p[0] <= ' ') {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (unsigned char)s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

static bool
read_bool(struct parser *p, struct span s, struct kql_value *v)
{
    bool b;

    (void)p;
    if (!kql_read_bool(s, &b))
        return false;
    *v = kql_bool(b);
    return true;
}

static bool
read_long(struct parser *p, struct span s, struct kql_value *v)
{
    int64_t i;

    (void)p;
    if (!kql_read_long(s, &i))
        return false;
    *v = kql_integer(KQL_LONG, i);
    return true;
}

static bool
read_int(struct parser *p, struct span s, struct kql_value *v)
{
    if (!read_long(p, s, v) || v->i < INT32_MIN || v->i > INT32_MAX)
        return false;
    v->type = KQL_INT;
    return true;
}

static bool
read_real(struct parser *p, struct span s, struct kql_value *v)
{
    static const struct {
        const char *text;
        double value;
    } names[] = {
        {"nan",  (double)__builtin_nanf("")},
        {"inf",  (double)__builtin_inff()  },
        {"+inf", (double)__builtin_inff()  },
        {"-inf", -(double)__builtin_inff() }
    };
    double r;

    (void)p;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (s.n == strlen(names[i].text) && strncasecmp(s.p, names[i].text, s.n) == 0) {
            *v = kql_real(names[i].value);
            return true;
        }
    if (!kql_read_real(s, &r))
        return false;
    *v = kql_real(r);
    return true;
}

static bool
read_decimal(struct parser *p, struct span s, struct kql_value *v)
{
    struct kql_decimal d, *copy;

    if (!kql_read_decimal(s, &d))
        return false;
    copy = pool_take(p->pool, sizeof *copy);
    *copy = d;
    *v = (struct kql_value){.type = KQL_DECIMAL, .decimal = copy};
    return true;
}

static bool
is_year(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n == 4;
}

static bool
read_datetime(struct parser *p, struct span s, struct kql_value *v)
{
    int64_t ticks;

    if (is_year(s)) /* from its first day */
        s = pool_printf(p->pool, "%.4s-01-01", s.p);
    if (!kql_read_datetime(s, &ticks))
        return false;
    *v = kql_integer(KQL_DATETIME, ticks);
    return true;
}

/* "15 seconds" and "2" (days) are for literals only. */
static bool
read_timespan(struct parser *p, struct span s, struct kql_value *v)
{
    int64_t ticks;

    if (!kql_read_timespan(s, &ticks)) {
        char *glued = pool_take(p->pool, s.n + 2);
        size_t n = 0;

        for (size_t i = 0; i < s.n; i++)
            if (s.p[i] != ' ' && s.p[i] != '\t')
                glued[n++] = s.p[i];
        if (n > 0 && glued[n - 1] >= '0' && glued[n - 1] <= '9')
            glued[n++] = 'd';
        if (!kql_read_timespan((struct span){glued, n}, &ticks))
            return false;
    }
    *v = kql_integer(KQL_TIMESPAN, ticks);
    return true;
}

static bool
read_guid(struct parser *p, struct span s, struct kql_value *v)
{
    struct kql_guid g, *copy;

    if (!kql_read_guid(s, &g))
        return false;
    copy = pool_take(p->pool, sizeof *copy);
    *copy = g;
    *v = (struct kql_value){.type = KQL_GUID, .guid = copy};
    return true;
}

static const struct typed {
    const char *word;
    enum kql_type type;
    bool (*read)(struct parser *p, struct span text, struct kql_value *v);
    const char *what;
} typed[] = {
    {"bool",     KQL_BOOL,     read_bool,     "a bool: bool(true), bool(false), bool(null)"         },
    {"int",      KQL_INT,      read_int,      "an int: int(-5), int(null); 32 bits"                 },
    {"int32",    KQL_INT,      read_int,      "an int: int(-5), int(null); 32 bits"                 },
    {"long",     KQL_LONG,     read_long,     "a long: long(-5), long(0x1f), long(null); 64 bits"   },
    {"int64",    KQL_LONG,     read_long,     "a long: long(-5), long(0x1f), long(null); 64 bits"   },
    {"real",     KQL_REAL,     read_real,     "a real: real(1.5), real(nan), real(+inf), real(null)"},
    {"double",   KQL_REAL,     read_real,     "a real: real(1.5), real(nan), real(+inf), real(null)"},
    {"decimal",  KQL_DECIMAL,  read_decimal,  "a decimal: decimal(1.5), decimal(null)"              },
    {"datetime", KQL_DATETIME, read_datetime, "a datetime: datetime(2024-02-29 13:05:00)"           },
    {"date",     KQL_DATETIME, read_datetime, "a datetime: datetime(2024-02-29 13:05:00)"           },
    {"timespan", KQL_TIMESPAN, read_timespan, "a timespan: timespan(1.02:03:04), timespan(90s)"     },
    {"time",     KQL_TIMESPAN, read_timespan, "a timespan: timespan(1.02:03:04), timespan(90s)"     },
    {"guid",     KQL_GUID,     read_guid,     "a guid: guid(74be27de-1e4e-49d9-b579-fe0b091d3642)"  },
    {"uuid",     KQL_GUID,     read_guid,     "a guid: guid(74be27de-1e4e-49d9-b579-fe0b091d3642)"  },
    {"uniqueid", KQL_GUID,     read_guid,     "a guid: guid(74be27de-1e4e-49d9-b579-fe0b091d3642)"  },
};

/* The text in the brackets, without blanks and quotes around it. */
static struct span
typed_text(const struct parser *p, const struct token *t, const struct typed **kind)
{
    struct span s = parser_token_text(p, t), inside;
    const char *open = memchr(s.p, '(', s.n);

    *kind = NULL;
    for (size_t i = 0; i < COUNT_OF(typed); i++)
        if (span_equal((struct span){s.p, (size_t)(open - s.p)}, span_of(typed[i].word)))
            *kind = &typed[i];
    inside = trimmed((struct span){open + 1, (size_t)(s.p + s.n - 1 - (open + 1))});
    if (inside.n >= 2 && (inside.p[0] == '"' || inside.p[0] == '\'') &&
        inside.p[inside.n - 1] == inside.p[0])
        inside = trimmed((struct span){inside.p + 1, inside.n - 2});
    return inside;
}

static struct kql_value
typed_value(struct parser *p, const struct token *t)
{
    const struct typed *kind;
    struct span s = typed_text(p, t, &kind);
    struct kql_value v = kql_null(kind->type);

    if (s.n == 4 && strncasecmp(s.p, "null", 4) == 0)
        return v;
    if (!kind->read(p, s, &v)) {
        complain_literal(p, t, kind->what);
        return kql_null(kind->type);
    }
    return v;
}

/* datetime() and datetime(now) are the call now(). */
static const struct kql_syntax *
now_call(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n = parser_node(p, SYN_CALL, t->at);

    n->name = SPAN_LITERAL("now");
    n->name_at = t->at;
    n->name_size = t->size;
    parser_move(p);
    return parser_finish(p, n, p->stack_count);
}

static bool
is_now(const struct parser *p, const struct token *t)
{
    const struct typed *kind;
    struct span s;

    if (t->kind != TOKEN_TYPED || t->size > 20)
        return false;
    s = typed_text(p, t, &kind);
    return kind->type == KQL_DATETIME && (s.n == 0 || span_is(s, "now"));
}

/* ---- dynamic(...) */

static struct kql_value json(struct parser *p, uint32_t depth);

static struct kql_value
json_bag(struct parser *p, uint32_t depth)
{
    struct kql_bag_builder b = {.pool = p->pool};

    parser_move(p);
    if (!parser_at(p, '}'))
        do {
            struct span key;
            bool is_obfuscated;
            struct kql_value v;

            if (!parser_at(p, TOKEN_STRING)) {
                parser_fail(p, "a key in quotes");
                break;
            }
            v = strings(p, &is_obfuscated);
            key = kql_text(&v);
            parser_expect(p, ':', "behind the key");
            v = json(p, depth);
            kql_bag_add(&b, key, v, true);
        } while (parser_accept(p, ','));
    parser_expect(p, '}', "or ',' behind a value");
    return kql_bag_finish(&b);
}

static struct kql_value
json_array(struct parser *p, uint32_t depth)
{
    struct kql_array_builder b = {.pool = p->pool};

    parser_move(p);
    if (!parser_at(p, ']'))
        do
            kql_array_add(&b, json(p, depth));
        while (parser_accept(p, ','));
    parser_expect(p, ']', "or ',' behind a value");
    return kql_array_finish(&b);
}

static struct kql_value number(struct parser *p, const struct token *t, bool is_negative);

static struct kql_value
json_number(struct parser *p)
{
    bool is_negative = parser_accept(p, '-');
    const struct token *t = parser_now(p);
    struct kql_value v;

    if (t->kind != TOKEN_INTEGER && t->kind != TOKEN_REAL && t->kind != TOKEN_TIMESPAN) {
        parser_fail(p, "a number");
        return kql_null(KQL_DYNAMIC);
    }
    v = number(p, t, is_negative);
    parser_move(p);
    return v;
}

/* A value inside dynamic(...): JSON, and the typed literals of the language. */
static struct kql_value
json(struct parser *p, uint32_t depth)
{
    const struct token *t = parser_now(p);
    struct kql_value v = kql_null(KQL_DYNAMIC);
    bool is_obfuscated;

    if (depth == KQL_DEPTH_MAX) {
        parser_panic(p, KQL_E_LIMIT, "dynamic values nested deeper than %d", KQL_DEPTH_MAX);
        return v;
    }
    switch (t->kind) {
    case '{':
        return json_bag(p, depth + 1);
    case '[':
        return json_array(p, depth + 1);
    case TOKEN_STRING:
        return strings(p, &is_obfuscated);
    case '-':
    case TOKEN_INTEGER:
    case TOKEN_REAL:
    case TOKEN_TIMESPAN:
        return json_number(p);
    case TOKEN_TYPED:
        v = typed_value(p, t);
        parser_move(p);
        if (v.is_null)
            v = kql_null(KQL_DYNAMIC);
        return v;
    case TOKEN_WORD:
        if (parser_accept_word(p, "null"))
            return v;
        for (size_t i = 0; i < COUNT_OF(literal_words); i++)
            if (parser_accept_word(p, literal_words[i]))
                return kql_bool((literal_words[i][0] | 0x20) == 't');
        if (parser_is_word(p, t, "dynamic") && t[1].kind == '(') {
            parser_move(p);
            parser_move(p);
            v = json(p, depth + 1);
            parser_expect(p, ')', "behind the value");
            return v;
        }
        break;
    default:
        break;
    }
    parser_fail(p, "a JSON value");
    return v;
}

/* ---- the rest */

static struct kql_value
number(struct parser *p, const struct token *t, bool is_negative)
{
    struct span s = parser_token_text(p, t);
    struct kql_value v;

    if (t->kind == TOKEN_TIMESPAN) {
        v = kql_null(KQL_TIMESPAN);
        if (!read_timespan(p, s, &v))
            complain_literal(p, t, "a timespan: it is out of range");
        else if (is_negative)
            v.i = -v.i;
    } else if (t->kind == TOKEN_REAL) {
        v = kql_null(KQL_REAL);
        if (!read_real(p, s, &v))
            complain_literal(p, t, "a real");
        else if (is_negative)
            v.r = -v.r;
    } else {
        v = kql_null(KQL_LONG);
        if (is_negative && span_is(s, "9223372036854775808"))
            v = kql_integer(KQL_LONG, INT64_MIN);
        else if (!read_long(p, s, &v))
            complain_literal(p, t, "a long: 64 bits do not hold it");
        else if (is_negative)
            v.i = (int64_t)(0 - (uint64_t)v.i);
    }
    return v;
}

static struct kql_value
value(struct parser *p, bool *is_obfuscated)
{
    const struct token *t = parser_now(p);
    struct kql_value v = kql_null(KQL_DYNAMIC);
    bool is_negative = false;

    *is_obfuscated = false;
    if (t->kind == '-' || t->kind == '+') {
        is_negative = t->kind == '-';
        parser_move(p);
        t = parser_now(p);
        if (t->kind != TOKEN_INTEGER && t->kind != TOKEN_REAL && t->kind != TOKEN_TIMESPAN) {
            parser_fail(p, "a number behind the sign");
            return v;
        }
    }
    switch (t->kind) {
    case TOKEN_STRING:
        return strings(p, is_obfuscated);
    case TOKEN_TYPED:
        v = typed_value(p, t);
        break;
    case TOKEN_WORD:
        if (parser_is_word(p, t, "dynamic")) {
            parser_move(p);
            parser_move(p);
            v = json(p, 0);
            /* One hides all. (In panic parser_now() is no token of these.) */
            for (; t < p->tokens + p->next; t++)
                *is_obfuscated |= (t->flags & TOKEN_OBFUSCATED) != 0;
            parser_expect(p, ')', "behind the value of dynamic(...)");
            return v;
        }
        v = kql_bool((p->text.p[t->at] | 0x20) == 't');
        break;
    default:
        v = number(p, t, is_negative);
        break;
    }
    parser_move(p);
    return v;
}

const struct kql_syntax *
parser_literal(struct parser *p)
{
    const struct token *t = parser_now(p);
    struct kql_syntax *n;
    bool is_obfuscated;

    if (!parser_at_literal(p) && t->kind != '-' && t->kind != '+') {
        parser_fail(p, "a literal");
        return parser_missing(p);
    }
    if (is_now(p, t))
        return now_call(p);
    n = parser_node(p, SYN_LITERAL, t->at);
    n->value = value(p, &is_obfuscated);
    n->op = is_obfuscated;
    return parser_finish(p, n, p->stack_count);
}
