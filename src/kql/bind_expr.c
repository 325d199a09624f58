/* bind_expr.c - scalar expressions: names to columns and values, operators to rows of the function
 * table, types checked as the service checks them. Calls by name are bind_call.c's. */
#include "kql/bind_inner.h"

static const struct kql_expr *bind_node(struct bind *b, const struct kql_syntax *s);

/* ---- making expressions ---- */

static struct kql_expr *
make(struct bind *b, enum kql_expr_kind kind, enum kql_type type, const struct kql_syntax *at)
{
    struct kql_expr *e = pool_zeroed(b->pool, 1, sizeof *e);

    e->kind = (uint8_t)kind;
    e->type = (uint8_t)type;
    e->result_count = 1;
    if (at != NULL) {
        e->at = at->at;
        e->size = at->size;
    }
    return e;
}

const struct kql_expr *
bind_unknown(struct bind *b, const struct kql_syntax *at)
{
    struct kql_expr *e = make(b, KQL_EXPR_CONST, KQL_UNKNOWN, at);

    e->value = kql_null(KQL_DYNAMIC);
    return e;
}

const struct kql_expr *
bind_const(struct bind *b, enum kql_type type, struct kql_value v, const struct kql_syntax *at)
{
    struct kql_expr *e = make(b, KQL_EXPR_CONST, type, at);

    e->value = v;
    e->is_concealed = at != NULL && at->kind == SYN_LITERAL && (at->op & 1) != 0;
    return e;
}

const struct kql_expr *
bind_column(struct bind *b, const struct kql_schema *schema, uint32_t index,
            const struct kql_syntax *at)
{
    struct kql_expr *e = make(b, KQL_EXPR_COLUMN, schema->columns[index].type, at);

    e->column = index;
    return e;
}

uint32_t
bind_find_column(const struct kql_schema *schema, struct span name)
{
    for (uint32_t i = 0; i < schema->count; i++)
        if (span_equal(schema->columns[i].name, name))
            return i;
    return UINT32_MAX;
}

bool
bind_matches_wildcard(struct span pattern, struct span name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, star_n = 0;

    while (n < name.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            star_n = n;
        } else if (p < pattern.n && pattern.p[p] == name.p[n]) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++star_n;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* ---- names ---- */

void
bind_no_column(struct bind *b, const struct kql_schema *schema, const struct kql_syntax *at)
{
    struct kql_nearest nearest = {.wanted = at->name};

    if (kql_is_full(b->d))
        schema = NULL;
    for (uint32_t i = 0; schema != NULL && i < schema->count; i++)
        kql_nearest_offer(&nearest, schema->columns[i].name);
    for (const struct bind_symbol *s = b->symbols; s != NULL && !kql_is_full(b->d); s = s->older)
        if (s->kind == SYMBOL_SCALAR)
            kql_nearest_offer(&nearest, s->name);
    if ((at->op & 1) == 0 && at->name.n > 1 && at->name.p[0] >= '0' && at->name.p[0] <= '9')
        kql_complain(b->d, KQL_E_COLUMN, at->at, at->size,
                     "no column or variable '%.*s'; units stand behind numbers in small letters: "
                     "7d, 1.5h, 30m, 10s",
                     (int)at->name.n, at->name.p);
    else if (nearest.best.p != NULL)
        kql_complain(b->d, KQL_E_COLUMN, at->at, at->size,
                     "no column or variable '%.*s'; did you mean '%.*s'?", (int)at->name.n,
                     at->name.p, (int)nearest.best.n, nearest.best.p);
    else
        kql_complain(b->d, KQL_E_COLUMN, at->at, at->size, "no column or variable '%.*s'",
                     (int)at->name.n, at->name.p);
}

/* The row that an expression bound now will be evaluated over; NULL: none (a constant). */
static const struct kql_op *
row_now(const struct bind *b)
{
    return b->input != NULL ? b->input : b->caller_row;
}

static const struct kql_expr *
bind_symbol_value(struct bind *b, const struct bind_symbol *symbol, const struct kql_syntax *s)
{
    struct kql_expr *e;

    if (symbol->kind != SYMBOL_SCALAR) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "'%.*s' is a %s; a value is expected here",
                     (int)s->name.n, s->name.p,
                     symbol->kind == SYMBOL_TABLE ? "table" : "function");
        return bind_unknown(b, s);
    }
    if (symbol->row != NULL && symbol->row != row_now(b)) {
        kql_complain(b->d, KQL_E_CONSTANT, s->at, s->size,
                     "'%.*s' differs per row of the caller, and cannot be used over other rows; "
                     "give the function a constant or join the tables",
                     (int)s->name.n, s->name.p);
        return bind_unknown(b, s);
    }
    e = make(b, symbol->expr->kind, symbol->expr->type, s);
    *e = *symbol->expr;
    e->at = s->at;
    e->size = s->size;
    return e;
}

static const struct kql_expr *
bind_name(struct bind *b, const struct kql_syntax *s)
{
    const struct bind_symbol *symbol;
    const struct kql_schema *schema = NULL;
    uint32_t index;

    if ((s->op & 2) != 0) {
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                     "'%.*s' stands for several columns; one value is expected here",
                     (int)s->name.n, s->name.p);
        return bind_unknown(b, s);
    }
    if (b->scan != NULL)
        schema = b->scan->row;
    else if (b->input != NULL && b->aggregates == NULL)
        schema = &b->input->schema;
    if (schema != NULL && (index = bind_find_column(schema, s->name)) != UINT32_MAX)
        return bind_column(b, schema, index, s);
    symbol = bind_find_symbol(b, s->name);
    if (symbol != NULL)
        return bind_symbol_value(b, symbol, s);
    if (schema != NULL && schema->is_open) /* it may come with the data */
        return bind_unknown(b, s);
    if (b->aggregates != NULL && b->input != NULL &&
        bind_find_column(&b->input->schema, s->name) != UINT32_MAX) {
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                     "the column '%.*s' can stand here only inside an aggregate, such as "
                     "take_any(%.*s)",
                     (int)s->name.n, s->name.p, (int)s->name.n, s->name.p);
        return bind_unknown(b, s);
    }
    if ((s->op & 1) == 0 && span_is(s->name, "null")) {
        kql_complain(b->d, KQL_E_COLUMN, s->at, s->size,
                     "nulls have a type: int(null), datetime(null), dynamic(null)");
        return bind_unknown(b, s);
    }
    bind_no_column(b, schema, s);
    return bind_unknown(b, s);
}

/* ---- types ---- */

static int
number_rank(enum kql_type t) /* int, long, real, decimal: wider is greater; 0: no number */
{
    return kql_type_is_number(t) ? (int)(t - KQL_INT) + 1 : 0;
}

enum kql_type
bind_common_type(enum kql_type a, enum kql_type b)
{
    if (a == b || b == KQL_UNKNOWN)
        return a;
    if (a == KQL_UNKNOWN)
        return b;
    if (number_rank(a) != 0 && number_rank(b) != 0)
        return number_rank(a) > number_rank(b) ? a : b;
    if (a == KQL_DYNAMIC) /* the other one tells what is in it */
        return b;
    if (b == KQL_DYNAMIC)
        return a;
    return KQL_UNKNOWN;
}

static const struct kql_expr *
convert(struct bind *b, const struct kql_expr *e, enum kql_type to)
{
    struct kql_expr *c = pool_zeroed(b->pool, 1, sizeof *c);
    const struct kql_expr **arguments = pool_take(b->pool, sizeof *arguments);

    arguments[0] = e;
    *c = (struct kql_expr){.kind = KQL_EXPR_CONVERT,
                           .type = (uint8_t)to,
                           .at = e->at,
                           .size = e->size,
                           .arguments = arguments,
                           .count = 1,
                           .weight = 1 + (e->count == 0 ? 1 : e->weight),
                           .result_count = 1};
    return bind_fold(b, c);
}

const struct kql_expr *
bind_convert(struct bind *b, const struct kql_expr *e, enum kql_type to)
{
    if (e->type == to || e->type == KQL_UNKNOWN || to == KQL_UNKNOWN)
        return e;
    if (number_rank(e->type) != 0 && number_rank(e->type) < number_rank(to))
        return convert(b, e, to);
    if (e->type == KQL_DYNAMIC && to == KQL_STRING) { /* bags and arrays as JSON text */
        const struct kql_function *f = kql_function_find(SPAN_LITERAL("tostring"), KQL_SCALAR);

        return f == NULL ? convert(b, e, to) : bind_call(b, f, &e, 1, NULL);
    }
    if (e->type == KQL_DYNAMIC)
        return convert(b, e, to);
    /* 1 is written for an int as well */
    if (e->kind == KQL_EXPR_CONST && e->type == KQL_LONG && to == KQL_INT &&
        (e->value.is_null || (e->value.i >= INT32_MIN && e->value.i <= INT32_MAX))) {
        struct kql_expr *c = pool_take(b->pool, sizeof *c);

        *c = *e;
        c->type = KQL_INT;
        c->value.type = KQL_INT;
        return c;
    }
    return NULL;
}

const struct kql_expr *
bind_to_dynamic(struct bind *b, const struct kql_expr *e)
{
    return e->type == KQL_DYNAMIC || e->type == KQL_UNKNOWN ? e : convert(b, e, KQL_DYNAMIC);
}

/* ---- folding ---- */

/* A part without columns is computed now. The one place where the binder evaluates. */
const struct kql_expr *
bind_fold(struct bind *b, const struct kql_expr *e)
{
    struct kql_value value;
    struct kql_expr *folded;

    for (uint32_t i = 0; i < e->count; i++)
        if (e->arguments[i]->kind != KQL_EXPR_CONST || e->arguments[i]->type == KQL_UNKNOWN)
            return e;
    if (e->kind == KQL_EXPR_CALL) {
        const struct kql_function *f = e->function;

        if (f->call == NULL || (f->kind != KQL_SCALAR && f->kind != KQL_OPERATOR) ||
            (f->flags & (KQL_F_VOLATILE | KQL_F_NOT_BUILT)) != 0)
            return e;
        /* of a stream the time is that of the record */
        if ((f->flags & KQL_F_NOW) != 0 && b->environment->source != NULL)
            return e;
    } else if (e->kind != KQL_EXPR_CONVERT) {
        return e;
    }
    if (!kql_fold(b->pool, b->environment->now, e, &value))
        return e;
    folded = pool_take(b->pool, sizeof *folded);
    *folded = (struct kql_expr){.kind = KQL_EXPR_CONST,
                                .type = e->type,
                                .at = e->at,
                                .size = e->size,
                                .value = value,
                                .result_count = 1};
    for (uint32_t i = 0; i < e->count; i++)
        folded->is_concealed = folded->is_concealed || e->arguments[i]->is_concealed;
    return folded;
}

/* ---- operators ---- */

enum operand { /* classes that the rules below are over */
               OPERAND_BOOL = 1,
               OPERAND_NUMBER = 2,
               OPERAND_STRING = 4,
               OPERAND_DATETIME = 8,
               OPERAND_TIMESPAN = 16,
               OPERAND_GUID = 32,
               OPERAND_DYNAMIC = 64,
               OPERAND_ANY = 127,
};

static enum operand
operand_of(enum kql_type t)
{
    switch (t) {
    case KQL_BOOL:
        return OPERAND_BOOL;
    case KQL_INT:
    case KQL_LONG:
    case KQL_REAL:
    case KQL_DECIMAL:
        return OPERAND_NUMBER;
    case KQL_STRING:
        return OPERAND_STRING;
    case KQL_DATETIME:
        return OPERAND_DATETIME;
    case KQL_TIMESPAN:
        return OPERAND_TIMESPAN;
    case KQL_GUID:
        return OPERAND_GUID;
    case KQL_UNKNOWN:
        return OPERAND_ANY;
    default:
        return OPERAND_DYNAMIC;
    }
}

/* What each operator takes: any pair of classes that one of its rows allows. What is not here is
 * refused by the service too (design facts, sections 2 and 3, and its binder). */
static const struct rule {
    enum kql_operator first, last; /* operators from..to */
    uint8_t left, right;
} rules[] = {
    {KQL_OP_OR,       KQL_OP_AND,           OPERAND_BOOL | OPERAND_DYNAMIC,      OPERAND_BOOL | OPERAND_DYNAMIC     },
    {KQL_OP_EQUAL,    KQL_OP_NOT_EQUAL,     OPERAND_ANY,                         OPERAND_ANY                        },
    {KQL_OP_LESS,     KQL_OP_GREATER_EQUAL, OPERAND_BOOL,                        OPERAND_BOOL | OPERAND_NUMBER      },
    {KQL_OP_LESS,     KQL_OP_GREATER_EQUAL, OPERAND_NUMBER | OPERAND_DYNAMIC,
     OPERAND_NUMBER | OPERAND_DYNAMIC                                                                               },
    {KQL_OP_LESS,     KQL_OP_GREATER_EQUAL, OPERAND_NUMBER,                      OPERAND_BOOL                       },
    {KQL_OP_LESS,     KQL_OP_GREATER_EQUAL, OPERAND_DATETIME,                    OPERAND_DATETIME                   },
    {KQL_OP_LESS,     KQL_OP_GREATER_EQUAL, OPERAND_TIMESPAN,                    OPERAND_TIMESPAN                   },
    {KQL_OP_PLUS,     KQL_OP_MODULO,        OPERAND_NUMBER,                      OPERAND_NUMBER                     },
    {KQL_OP_PLUS,     KQL_OP_MODULO,        OPERAND_DYNAMIC,                     OPERAND_NUMBER                     },
    {KQL_OP_PLUS,     KQL_OP_MODULO,        OPERAND_NUMBER,                      OPERAND_DYNAMIC                    },
    {KQL_OP_PLUS,     KQL_OP_MODULO,        OPERAND_TIMESPAN,                    OPERAND_TIMESPAN                   },
    {KQL_OP_PLUS,     KQL_OP_PLUS,          OPERAND_DATETIME,                    OPERAND_TIMESPAN                   },
    {KQL_OP_PLUS,     KQL_OP_PLUS,          OPERAND_TIMESPAN,                    OPERAND_DATETIME                   },
    {KQL_OP_MINUS,    KQL_OP_MINUS,         OPERAND_DATETIME,                    OPERAND_DATETIME | OPERAND_TIMESPAN},
    {KQL_OP_PLUS,     KQL_OP_MINUS,         OPERAND_DYNAMIC,                     OPERAND_DATETIME | OPERAND_TIMESPAN},
    {KQL_OP_PLUS,     KQL_OP_MINUS,         OPERAND_DATETIME | OPERAND_TIMESPAN, OPERAND_DYNAMIC                    },
    {KQL_OP_MULTIPLY, KQL_OP_MULTIPLY,      OPERAND_NUMBER,                      OPERAND_TIMESPAN                   },
    {KQL_OP_MULTIPLY, KQL_OP_MODULO,        OPERAND_TIMESPAN,                    OPERAND_NUMBER                     },
    {KQL_OP_MULTIPLY, KQL_OP_MULTIPLY,      OPERAND_NUMBER,                      OPERAND_DATETIME                   },
    {KQL_OP_MULTIPLY, KQL_OP_DIVIDE,        OPERAND_DATETIME,                    OPERAND_NUMBER                     },
    {KQL_OP_DIVIDE,   KQL_OP_MODULO,        OPERAND_DATETIME,                    OPERAND_DATETIME | OPERAND_TIMESPAN},
    {KQL_OP_EQUAL_CI, KQL_OP_MATCHES_REGEX, OPERAND_STRING | OPERAND_DYNAMIC,
     OPERAND_STRING | OPERAND_DYNAMIC                                                                               },
};

static bool
is_allowed(enum kql_operator op, enum kql_type left, enum kql_type right)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (op >= rules[i].first && op <= rules[i].last &&
            (rules[i].left & operand_of(left)) != 0 && (rules[i].right & operand_of(right)) != 0)
            return true;
    return false;
}

static const char *
advice(enum kql_operator op, enum kql_type left, enum kql_type right)
{
    bool has_string = left == KQL_STRING || right == KQL_STRING;

    if (left == KQL_DYNAMIC || right == KQL_DYNAMIC)
        return "; convert the dynamic value: tolong(), todatetime(), tostring() ...";
    if (op == KQL_OP_PLUS && has_string)
        return "; use strcat() to join texts";
    if (op >= KQL_OP_LESS && op <= KQL_OP_GREATER_EQUAL && left == KQL_STRING &&
        right == KQL_STRING)
        return "; use strcmp() to order texts";
    if (op >= KQL_OP_EQUAL_CI)
        return "; use tostring() on what is no text";
    if (left == KQL_DATETIME || right == KQL_DATETIME)
        return has_string ? "; convert the text with todatetime()"
                          : "; add timespans to datetimes, such as 1d";
    return "";
}

/* The row of that name ("has_cs", "+") over bound operands: refuses the pairs of types that the
 * language refuses, then as bind_call. */
static const struct kql_expr *
bind_operator_call(struct bind *b, enum kql_operator op, const struct kql_expr *const *arguments,
                   uint32_t count, const struct kql_syntax *at)
{
    const struct kql_function *f = kql_operator_find(kql_operator_name(op));
    enum kql_type left = arguments[0]->type, right = arguments[count - 1]->type;

    if (left == KQL_UNKNOWN || right == KQL_UNKNOWN) { /* complained of, or not known */
        struct kql_expr *e =
            make(b, KQL_EXPR_CONST,
                 op >= KQL_OP_PLUS && op <= KQL_OP_MODULO ? KQL_UNKNOWN : KQL_BOOL, at);

        e->value = kql_null(KQL_BOOL);
        e->kind = KQL_EXPR_CALL; /* keeps it from being taken for a constant */
        e->function = f;
        e->arguments = arguments;
        e->count = count;
        return e;
    }
    if (!is_allowed(op, left, right)) {
        kql_complain(b->d, KQL_E_TYPE, at->at, at->size, "no operator %s for %s and %s%s",
                     kql_operator_name(op), kql_type_name(left), kql_type_name(right),
                     advice(op, left, right));
        return bind_unknown(b, at);
    }
    if (f == NULL) {
        kql_complain(b->d, KQL_E_NOT_BUILT, at->at, at->size, "the operator %s is not built",
                     kql_operator_name(op));
        return bind_unknown(b, at);
    }
    return bind_call(b, f, arguments, count, at);
}

static const struct kql_expr *
call_two(struct bind *b, enum kql_operator op, const struct kql_expr *left,
         const struct kql_expr *right, const struct kql_syntax *at)
{
    const struct kql_expr **arguments = pool_take(b->pool, 2 * sizeof *arguments);

    arguments[0] = left;
    arguments[1] = right;
    return bind_operator_call(b, op, arguments, 2, at);
}

/* Whether a value of the type, as text, can have that text in it, whatever the case: no number has "powershell". */
static bool
may_hold(enum kql_type type, struct span text)
{
    static const char *const characters[KQL_TYPE_COUNT] = {
        [KQL_INT] = "-0123456789",
        [KQL_LONG] = "-0123456789",
        [KQL_DATETIME] = "-0123456789:.TtZz",
        [KQL_TIMESPAN] = "-0123456789:.",
        [KQL_GUID] = "-0123456789abcdefABCDEF",
    };
    const char *all = characters[type];

    for (size_t i = 0; all != NULL && i < text.n; i++)
        if (memchr(all, text.p[i], strlen(all)) == NULL)
            return false;
    return true;
}

/* has, contains, startswith and their kin, but not their opposites. */
static bool
looks_for_text(enum kql_operator op)
{
    return op >= KQL_OP_HAS && op < KQL_OP_LIKE && (op - KQL_OP_HAS) % 2 == 0;
}

/* 'column op needle' over every column of the input, joined by or: where * has "x", search. */
static const struct kql_expr *
bind_any_column(struct bind *b, enum kql_operator op, const struct kql_expr *needle,
                const struct kql_syntax *at)
{
    const struct kql_function *to_string = kql_function_find(SPAN_LITERAL("tostring"), KQL_SCALAR);
    const struct kql_expr *any = NULL;
    bool is_text = op >= KQL_OP_EQUAL_CI && op <= KQL_OP_MATCHES_REGEX;
    bool has_text = looks_for_text(op) && needle->kind == KQL_EXPR_CONST &&
                    needle->type == KQL_STRING && !needle->value.is_null;

    if (b->input == NULL) {
        kql_complain(b->d, KQL_E_PLACE, at->at, at->size, "there are no columns here");
        return bind_unknown(b, at);
    }
    for (uint32_t i = 0; i < b->input->schema.count; i++) {
        const struct kql_expr *column = bind_column(b, &b->input->schema, i, NULL), *one;
        enum operand operand = operand_of(column->type);

        if (bind_is_hidden(b->input->schema.columns[i].name))
            continue;
        if (has_text && !may_hold(column->type, kql_text(&needle->value)))
            continue;
        if (is_text && (operand & (OPERAND_STRING | OPERAND_DYNAMIC)) == 0 && to_string != NULL)
            column = bind_call(b, to_string, &column, 1, at);
        else if (!is_text && operand != operand_of(needle->type) && operand != OPERAND_DYNAMIC)
            continue;
        one = call_two(b, op, column, needle, at);
        any = any == NULL ? one : call_two(b, KQL_OP_OR, any, one, at);
    }
    return any != NULL ? any : bind_const(b, KQL_BOOL, kql_bool(false), at);
}

/* A number with a fraction is looked for in texts only: search 2.71 does not find a real. */
static const struct kql_expr *
bind_searched_fraction(struct bind *b, const struct kql_expr *needle, const struct kql_syntax *at)
{
    const struct kql_expr *any = NULL;

    for (uint32_t i = 0; b->input != NULL && i < b->input->schema.count; i++) {
        const struct kql_expr *column = bind_column(b, &b->input->schema, i, NULL), *one;

        if (column->type != KQL_STRING && column->type != KQL_DYNAMIC)
            continue;
        one = call_two(b, KQL_OP_HAS, column, needle, at);
        any = any == NULL ? one : call_two(b, KQL_OP_OR, any, one, at);
    }
    return any != NULL ? any : bind_const(b, KQL_BOOL, kql_bool(false), at);
}

/* Lab*PC: \bLab.*PC\b, with what is between the stars as it is. */
static struct span
searched_regex(struct bind *b, struct span text)
{
    char *regex = pool_take(b->pool, 2 * text.n + 16);
    size_t n = b->is_case_sensitive ? 0 : 4;

    memcpy(regex, "(?i)", n);
    memcpy(regex + n, "\\b", 2);
    n += 2;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '*')
            regex[n++] = '.';
        else if (strchr("\\.+?()|[]{}^$", text.p[i]) != NULL && text.p[i] != '\0')
            regex[n++] = '\\';
        regex[n++] = text.p[i];
    }
    memcpy(regex + n, "\\b", 2);
    return (struct span){regex, n + 2};
}

/* What stands alone in a search: a text, or a number for its digits. */
static bool
is_search_term(const struct bind *b, const struct kql_syntax *s)
{
    return b->is_search && s->kind == SYN_LITERAL && !s->value.is_null &&
           (s->value.type == KQL_STRING || kql_type_is_number(s->value.type));
}

/* search "text": a text by itself is looked for in every column; a* and *a are prefix and suffix
 * of a term. */
static const struct kql_expr *
bind_searched_text(struct bind *b, const struct kql_value *value, const struct kql_syntax *s)
{
    struct kql_value term = kql_to_text(b->pool, value->type, value);
    struct span text = kql_text(&term);
    bool is_prefix = text.n > 1 && text.p[text.n - 1] == '*';
    bool is_suffix = text.n > 1 && text.p[0] == '*';
    enum kql_operator op = KQL_OP_HAS;

    if (value->type == KQL_REAL || value->type == KQL_DECIMAL)
        return bind_searched_fraction(b, bind_const(b, KQL_STRING, term, s), s);
    if (text.n == 1 && text.p[0] == '*')
        return bind_const(b, KQL_BOOL, kql_bool(true), s);
    if (is_prefix)
        text.n--;
    if (is_suffix) {
        text.p++;
        text.n--;
    }
    if (text.n > 0 && memchr(text.p, '*', text.n) != NULL)
        return bind_any_column(
            b, KQL_OP_MATCHES_REGEX,
            bind_const(b, KQL_STRING, kql_string(searched_regex(b, kql_text(&term))), s), s);
    if (is_prefix && is_suffix)
        op = KQL_OP_CONTAINS;
    else if (is_prefix)
        op = KQL_OP_HASPREFIX;
    else if (is_suffix)
        op = KQL_OP_HASSUFFIX;
    if (b->is_case_sensitive)
        op += KQL_OP_HAS_CS - KQL_OP_HAS; /* the same for all four */
    return bind_any_column(b, op, bind_const(b, KQL_STRING, kql_string(text), s), s);
}

static const struct kql_expr *
bind_operand(struct bind *b, const struct kql_syntax *s)
{
    if (is_search_term(b, s))
        return bind_searched_text(b, &s->value, s);
    return bind_expr(b, s);
}

/* ---- chains: a and b and c ..., 1 + 2 + 3 ... are as deep as they are long ---- */

static const struct kql_expr *
bind_binary_node(struct bind *b, const struct kql_syntax *s, const struct kql_expr *left)
{
    const struct kql_syntax *l = s->children[0], *r = s->children[1];
    bool was_search = b->is_search;
    const struct kql_expr *right;

    b->is_search = false; /* in a == "b" the text is itself */
    if (l->kind == SYN_STAR) {
        if (!b->is_predicate_all) {
            kql_complain(b->d, KQL_E_PLACE, l->at, l->size,
                         "'*' stands for all columns in where and search only");
            left = bind_unknown(b, l);
        } else {
            right = bind_expr(b, r);
            b->is_search = was_search;
            return bind_any_column(b, s->op, right, s);
        }
    } else if (left == NULL) {
        left = bind_expr(b, l);
    }
    right = bind_expr(b, r);
    b->is_search = was_search;
    return call_two(b, s->op, left, right, s);
}

/* A tree of 'or' or 'and' over the items, as flat as may be: evaluators go down it. */
static const struct kql_expr *
balanced(struct bind *b, enum kql_operator op, const struct kql_expr *const *items, size_t count,
         const struct kql_syntax *s)
{
    if (count == 1)
        return items[0];
    return call_two(b, op, balanced(b, op, items, count / 2, s),
                    balanced(b, op, items + count / 2, count - count / 2, s), s);
}

static const struct kql_expr *
bind_logic(struct bind *b, const struct kql_syntax *s)
{
    enum kql_operator op = s->op;
    const struct kql_expr **items;
    const struct kql_syntax *first = s, **nodes;
    size_t count = 1, i;

    while (first->kind == SYN_BINARY && first->op == (uint32_t)op) {
        first = first->children[0];
        count++;
    }
    items = pool_take(b->pool, count * sizeof *items);
    nodes = pool_take(b->pool, count * sizeof *nodes);
    for (i = count - 1, first = s; i > 0; i--, first = first->children[0])
        nodes[i] = first->children[1];
    nodes[0] = first;
    for (i = 0; i < count; i++)
        items[i] = bind_operand(b, nodes[i]);
    return balanced(b, op, items, count, s);
}

static const struct kql_expr *
bind_binary(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_syntax *const *children = s->children;
    const struct kql_expr *left = NULL;
    const struct kql_syntax **spine;
    size_t depth = 0;

    if (s->op == KQL_OP_OR || s->op == KQL_OP_AND)
        return bind_logic(b, s);
    if (children[0]->kind != SYN_BINARY)
        return bind_binary_node(b, s, NULL);
    for (const struct kql_syntax *n = s;
         n->kind == SYN_BINARY && n->op != KQL_OP_OR && n->op != KQL_OP_AND; n = n->children[0])
        depth++;
    if (depth > BIND_NEST_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size,
                     "the expression has more than %d operators in a row", BIND_NEST_MAX);
        return bind_unknown(b, s);
    }
    spine = pool_take(b->pool, depth * sizeof *spine);
    for (size_t i = depth; i-- > 0; s = s->children[0])
        spine[i] = s;
    for (size_t i = 0; i < depth; i++)
        left = bind_binary_node(b, spine[i], left);
    return left;
}

static const struct kql_expr *
bind_unary(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_expr *e = bind_expr(b, s->children[0]);
    const struct kql_function *f;
    enum operand operand = operand_of(e->type);

    if (e->type == KQL_UNKNOWN)
        return e;
    if ((operand & (OPERAND_NUMBER | OPERAND_TIMESPAN | OPERAND_DYNAMIC)) == 0) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "no sign for a %s", kql_type_name(e->type));
        return bind_unknown(b, s);
    }
    if (s->op == KQL_OP_PLUS)
        return e->type == KQL_INT ? bind_convert(b, e, KQL_LONG) : e;
    if (e->kind == KQL_EXPR_CONST && e->type == KQL_INT && !e->value.is_null) /* stays an int */
        return bind_const(b, KQL_INT, kql_integer(KQL_INT, (int32_t)(0 - (uint32_t)e->value.i)), s);
    f = kql_operator_find("-1");
    if (f == NULL) {
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "the sign '-' is not built");
        return bind_unknown(b, s);
    }
    return bind_call(b, f, &e, 1, s);
}

/* ---- in, between ---- */

static bool
items_fit(struct bind *b, const struct kql_syntax *s, const struct kql_expr *left,
          enum kql_type item)
{
    bool is_text = s->op == KQL_OP_IN_CI || s->op == KQL_OP_NOT_IN_CI || s->op == KQL_OP_HAS_ANY ||
                   s->op == KQL_OP_HAS_ALL;

    if (left->type == KQL_UNKNOWN || item == KQL_UNKNOWN)
        return true;
    if (is_text && left->type != KQL_STRING && left->type != KQL_DYNAMIC) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "no operator %s for a %s%s",
                     kql_operator_name(s->op), kql_type_name(left->type),
                     "; use tostring() on what is no text");
        return false;
    }
    return true;
}

static const struct kql_expr *
bind_in_table(struct bind *b, const struct kql_syntax *s, const struct kql_expr *left,
              const struct kql_function *f)
{
    const struct kql_op *table = bind_table(b, s->children[1]);
    const struct kql_expr **arguments = pool_take(b->pool, sizeof *arguments);
    struct kql_expr *e;

    if (table->schema.count == 0 && !table->schema.is_open) {
        kql_complain(b->d, KQL_E_TYPE, s->children[1]->at, s->children[1]->size,
                     "the table has no columns to look in");
        return bind_unknown(b, s);
    }
    if (table->schema.count > 0 && !items_fit(b, s, left, table->schema.columns[0].type))
        return bind_unknown(b, s);
    arguments[0] = left;
    e = make(b, KQL_EXPR_IN_TABLE, KQL_BOOL, s);
    e->function = f;
    e->arguments = arguments;
    e->count = 1;
    e->weight = 1 + (left->count == 0 ? 1 : left->weight);
    e->table = table;
    return e;
}

static const struct kql_expr *
bind_in(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_function *f = kql_operator_find(kql_operator_name(s->op));
    bool was_search = b->is_search, is_fine = true;
    const struct kql_expr **arguments;
    const struct kql_expr *left;

    b->is_search = false;
    if (s->children[0]->kind == SYN_STAR && b->is_predicate_all) {
        const struct kql_expr *any = NULL;

        for (uint32_t i = 1; i < s->child_count; i++) { /* * in ("a", "b"): any column is one */
            const struct kql_expr *item = bind_expr(b, s->children[i]);
            const struct kql_expr *one = bind_any_column(
                b,
                s->op == KQL_OP_HAS_ANY ? KQL_OP_HAS
                                        : (s->op == KQL_OP_IN_CI ? KQL_OP_EQUAL_CI : KQL_OP_EQUAL),
                item, s);

            any = any == NULL ? one : call_two(b, KQL_OP_OR, any, one, s);
        }
        b->is_search = was_search;
        return any != NULL ? any : bind_unknown(b, s);
    }
    left = bind_expr(b, s->children[0]);
    b->is_search = was_search;
    if (f == NULL) {
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "the operator %s is not built",
                     kql_operator_name(s->op));
        return bind_unknown(b, s);
    }
    if (s->child_count == 2 && bind_is_tabular(b, s->children[1]))
        return bind_in_table(b, s, left, f);
    arguments = pool_take(b->pool, s->child_count * sizeof *arguments);
    arguments[0] = left;
    for (uint32_t i = 1; i < s->child_count; i++) {
        arguments[i] = bind_expr(b, s->children[i]);
        is_fine = is_fine && arguments[i]->type != KQL_UNKNOWN &&
                  items_fit(b, s, left, arguments[i]->type);
    }
    if (!is_fine || left->type == KQL_UNKNOWN) {
        struct kql_expr *e = make(b, KQL_EXPR_CALL, KQL_BOOL, s);

        e->function = f;
        e->arguments = arguments;
        e->count = s->child_count;
        return e;
    }
    return bind_call(b, f, arguments, s->child_count, s);
}

static bool
between_fits(enum kql_type value, enum kql_type low, enum kql_type high)
{
    enum operand v = operand_of(value), l = operand_of(low), h = operand_of(high);
    uint8_t number = OPERAND_NUMBER | OPERAND_DYNAMIC;

    if (value == KQL_UNKNOWN || low == KQL_UNKNOWN || high == KQL_UNKNOWN)
        return true;
    if ((v & number) != 0 && (l & number) != 0 && (h & number) != 0)
        return true;
    return v == l && l == h && (v & (OPERAND_DATETIME | OPERAND_TIMESPAN)) != 0;
}

static const struct kql_expr *
bind_between(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_function *f = kql_operator_find(kql_operator_name(s->op));
    const struct kql_expr **arguments = pool_take(b->pool, 3 * sizeof *arguments);

    for (uint32_t i = 0; i < 3; i++)
        arguments[i] = bind_expr(b, s->children[i]);
    /* t between (d .. 7d) is t between (d .. d + 7d) */
    if (arguments[1]->type == KQL_DATETIME && arguments[2]->type == KQL_TIMESPAN)
        arguments[2] = call_two(b, KQL_OP_PLUS, arguments[1], arguments[2], s->children[2]);
    if (!between_fits(arguments[0]->type, arguments[1]->type, arguments[2]->type)) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "no operator %s for %s, %s and %s",
                     kql_operator_name(s->op), kql_type_name(arguments[0]->type),
                     kql_type_name(arguments[1]->type), kql_type_name(arguments[2]->type));
        return bind_unknown(b, s);
    }
    if (f == NULL) {
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "the operator %s is not built",
                     kql_operator_name(s->op));
        return bind_unknown(b, s);
    }
    if (arguments[0]->type == KQL_UNKNOWN || arguments[1]->type == KQL_UNKNOWN ||
        arguments[2]->type == KQL_UNKNOWN) {
        struct kql_expr *e = make(b, KQL_EXPR_CALL, KQL_BOOL, s);

        e->function = f;
        e->arguments = arguments;
        e->count = 3;
        return e;
    }
    return bind_call(b, f, arguments, 3, s);
}

/* ---- members and elements ---- */

static const struct kql_expr *
member(struct bind *b, const struct kql_expr *left, const struct kql_expr *key,
       const struct kql_syntax *s)
{
    const struct kql_function *f = kql_operator_find(key->type == KQL_STRING ? "." : "[]");
    const struct kql_expr **arguments = pool_take(b->pool, 2 * sizeof *arguments);

    if (left->type == KQL_UNKNOWN || key->type == KQL_UNKNOWN)
        return bind_unknown(b, s);
    if (left->type != KQL_DYNAMIC) {
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "a %s has no members or elements%s",
                     kql_type_name(left->type),
                     left->type == KQL_STRING ? "; parse the text with parse_json()" : "");
        return bind_unknown(b, s);
    }
    if (f == NULL) {
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "members and elements are not built");
        return bind_unknown(b, s);
    }
    arguments[0] = left;
    arguments[1] = key;
    return bind_call(b, f, arguments, 2, s);
}

static bool
is_name(const struct kql_syntax *s, const char *name)
{
    return s->kind == SYN_NAME && span_is(s->name, name);
}

/* $left.key, $right.key */
static const struct kql_expr *
bind_side(struct bind *b, const struct kql_syntax *s, bool is_right)
{
    const struct kql_schema *side = is_right ? b->join->right : b->join->left;
    const struct kql_syntax *key = s->children[1];
    uint32_t index = key->kind == SYN_NAME ? bind_find_column(side, key->name) : UINT32_MAX;
    struct kql_expr *e;

    if (index == UINT32_MAX) {
        if (key->kind != SYN_NAME)
            kql_complain(b->d, KQL_E_COLUMN, key->at, key->size, "a column is expected here");
        else if (!side->is_open)
            bind_no_column(b, side, key);
        return bind_unknown(b, s);
    }
    e = make(b, KQL_EXPR_COLUMN, side->columns[index].type, s);
    e->column = is_right ? b->join->left->count + index : index;
    return e;
}

/* step.column in scan; NULL: it is not the name of a step. */
static const struct kql_expr *
bind_step(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_syntax *name = s->children[0], *key = s->children[1];
    struct kql_expr *e;
    uint32_t index;

    if (name->kind != SYN_NAME || bind_find_column(b->scan->row, name->name) != UINT32_MAX)
        return NULL;
    for (uint32_t i = 0; i < b->scan->step_count; i++) {
        if (!span_equal(b->scan->steps[i]->name, name->name))
            continue;
        index = key->kind == SYN_NAME ? bind_find_column(b->scan->row, key->name) : UINT32_MAX;
        if (index == UINT32_MAX) {
            if (key->kind == SYN_NAME)
                bind_no_column(b, b->scan->row, key);
            else
                kql_complain(b->d, KQL_E_COLUMN, key->at, key->size, "a column is expected here");
            return bind_unknown(b, s);
        }
        e = make(b, KQL_EXPR_STEP_COLUMN, b->scan->row->columns[index].type, s);
        e->step = i;
        e->column = index;
        return e;
    }
    return NULL;
}

static const struct kql_expr *
bind_path(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_syntax *left = s->children[0], *right = s->children[1];
    const struct kql_expr *e;

    if (is_name(left, "$left") || is_name(left, "$right")) {
        if (b->join != NULL)
            return bind_side(b, s, is_name(left, "$right"));
        kql_complain(b->d, KQL_E_PLACE, left->at, left->size,
                     "$left and $right stand in conditions of join and lookup only");
        return bind_unknown(b, s);
    }
    if (b->scan != NULL && (e = bind_step(b, s)) != NULL)
        return e;
    if (left->kind == SYN_CALL && bind_is_elsewhere(left->name)) {
        if (bind_place_table(b, s) != NULL)
            kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                         "a table stands where a value is expected");
        return bind_unknown(b, s);
    }
    e = bind_expr(b, left);
    if (right->kind != SYN_NAME) {
        if (e->type != KQL_UNKNOWN && right->kind != SYN_MISSING)
            kql_complain(b->d, KQL_E_SYNTAX, right->at, right->size,
                         "the name of a member is expected here");
        return bind_unknown(b, s);
    }
    return member(b, e, bind_const(b, KQL_STRING, kql_string(right->name), right), s);
}

static const struct kql_expr *
bind_element(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_expr *left = bind_expr(b, s->children[0]);
    const struct kql_expr *key = bind_expr(b, s->children[1]);

    if (key->type == KQL_INT)
        key = bind_convert(b, key, KQL_LONG);
    if (key->type != KQL_UNKNOWN && key->type != KQL_STRING && key->type != KQL_LONG &&
        key->type != KQL_DYNAMIC) {
        kql_complain(b->d, KQL_E_TYPE, key->at, key->size,
                     "a member is named by a text, an element by an integer; this is a %s",
                     kql_type_name(key->type));
        return bind_unknown(b, s);
    }
    return member(b, left, key, s);
}

/* ---- literals ---- */

/* dynamic(1) and 1 have the same value; the text tells them apart. */
static bool
is_dynamic_literal(const struct bind *b, const struct kql_syntax *s)
{
    struct span text = kql_text_at(b->d, s->at);

    if (s->value.type >= KQL_DYNAMIC)
        return true;
    return text.n > 7 && memcmp(text.p, "dynamic", 7) == 0;
}

static const struct kql_expr *
bind_literal(struct bind *b, const struct kql_syntax *s)
{
    struct kql_expr *e =
        make(b, KQL_EXPR_CONST, is_dynamic_literal(b, s) ? KQL_DYNAMIC : s->value.type, s);

    e->value = s->value;
    e->is_concealed = (s->op & 1) != 0;
    return e;
}

static const struct kql_expr *
bind_to_scalar(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_syntax *inner = s->children[0];
    const struct kql_op *table;
    struct kql_expr *e;

    if (!bind_is_tabular(b, inner))
        return bind_expr(b, inner);
    table = bind_table(b, inner);
    if (table->schema.count == 0) {
        if (!table->schema.is_open)
            kql_complain(b->d, KQL_E_TYPE, inner->at, inner->size,
                         "the table has no column to take the value of");
        return bind_unknown(b, s);
    }
    e = make(b, KQL_EXPR_TO_SCALAR, table->schema.columns[0].type, s);
    e->table = table;
    return e;
}

static const struct kql_expr *
bind_node(struct bind *b, const struct kql_syntax *s)
{
    switch (s->kind) {
    case SYN_MISSING:
        return bind_unknown(b, s);
    case SYN_LITERAL:
        return bind_literal(b, s);
    case SYN_NAME:
        return bind_name(b, s);
    case SYN_PATH:
        return bind_path(b, s);
    case SYN_ELEMENT:
        return bind_element(b, s);
    case SYN_CALL:
        return bind_function_call(b, s);
    case SYN_NAMED:
        return bind_expr(b, s->children[0]);
    case SYN_UNARY:
        return bind_unary(b, s);
    case SYN_BINARY:
        return bind_binary(b, s);
    case SYN_IN:
        return bind_in(b, s);
    case SYN_BETWEEN:
        return bind_between(b, s);
    case SYN_TO_SCALAR:
        return bind_to_scalar(b, s);
    case SYN_ORDERED:
        return bind_expr(b, s->children[0]);
    case SYN_STAR:
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size, "'*' cannot stand here");
        return bind_unknown(b, s);
    case SYN_LIST:
        if (s->child_count == 1)
            return bind_expr(b, s->children[0]);
        break;
    default:
        break;
    }
    if (bind_is_tabular(b, s))
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                     "a value is expected here, not a table; toscalar(...) takes its first one");
    else
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size, "%s cannot stand here; a value is expected",
                     kql_syntax_name(s->kind));
    return bind_unknown(b, s);
}

const struct kql_expr *
bind_expr(struct bind *b, const struct kql_syntax *s)
{
    bool was_search = b->is_search;
    const struct kql_expr *e;

    if (s == NULL)
        return bind_unknown(b, NULL);
    if (b->nest >= BIND_NEST_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size,
                     "expressions are nested more than %d deep here", BIND_NEST_MAX);
        return bind_unknown(b, s);
    }
    if (is_search_term(b, s))
        return bind_searched_text(b, &s->value, s);
    /* only what 'and', 'or' and not() join is searched for: between (1 .. 2) has numbers */
    b->is_search =
        was_search && (s->kind == SYN_BINARY || s->kind == SYN_CALL || s->kind == SYN_LIST);
    b->nest++;
    e = bind_node(b, s);
    b->nest--;
    b->is_search = was_search;
    if (was_search && s->kind == SYN_NAME && e->kind == KQL_EXPR_CONST && e->type == KQL_STRING &&
        !e->value.is_null)
        return bind_searched_text(b, &e->value, s); /* let text = "..."; search text */
    return e;
}

/* ---- with a type in mind ---- */

const struct kql_expr *
bind_expr_as(struct bind *b, const struct kql_syntax *s, enum kql_type type, const char *what)
{
    const struct kql_expr *e = bind_expr(b, s), *converted;

    if (type == KQL_UNKNOWN || e->type == KQL_UNKNOWN)
        return e;
    converted = bind_convert(b, e, type);
    if (converted != NULL)
        return converted;
    kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "%s must be a %s; this is a %s", what,
                 kql_type_name(type), kql_type_name(e->type));
    return bind_unknown(b, s);
}

bool
bind_constant(struct bind *b, const struct kql_syntax *s, enum kql_type type, const char *what,
              struct kql_value *out)
{
    const struct kql_expr *e = bind_expr_as(b, s, type, what);

    if (e->kind == KQL_EXPR_CONST && e->type != KQL_UNKNOWN) {
        *out = e->value;
        return true;
    }
    if (e->type != KQL_UNKNOWN)
        kql_complain(b->d, KQL_E_CONSTANT, s->at, s->size, "%s must be a constant", what);
    return false;
}
