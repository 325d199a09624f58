/* bind_call.c - calls of rows of the function table: which overload is meant, and what its
 * arguments are converted to.
 *
 * Overloads are tried in their order, three times: as the arguments are; with what the language
 * converts by itself (int to long to real to decimal, dynamic to what is asked for); and, for
 * functions, with a value given as its text where a text is asked for. */
#include "kql/bind_inner.h"
#include <assert.h>

enum level {
    LEVEL_EXACT,
    LEVEL_WIDENED,
    LEVEL_AS_TEXT, /* functions only: a value as its text, a decimal as a real */
    LEVEL_DYNAMIC, /* iff: results that have no common type are dynamic */
};

struct match {
    struct kql_signature signature;
    enum level level;
    enum kql_type t, u;
};

static const struct kql_parameter *
parameter_at(const struct kql_signature *s, uint32_t i)
{
    if (i >= s->count && s->repeat_first < s->count)
        i = s->repeat_first + (i - s->repeat_first) % (s->count - s->repeat_first);
    return i < s->count ? &s->parameters[i] : NULL;
}

static bool
count_fits(const struct kql_signature *s, uint32_t count)
{
    uint32_t required = s->count, group = s->count - s->repeat_first;

    while (required > 0 && s->parameters[required - 1].is_optional)
        required--;
    if (count < required)
        return false;
    if (count <= s->count)
        return group == 0 || count == s->count || count <= s->repeat_first ||
               s->parameters[count].is_optional;
    return group > 0 && (count - s->repeat_first) % group == 0;
}

/* Functions of texts that take any value as its text; the others insist on a text. */
static bool
takes_as_text(const struct kql_function *f, uint32_t index)
{
    static const char *const names[] = {"array_strcat",
                                        "indexof",
                                        "indexof_regex",
                                        "isascii",
                                        "isutf8",
                                        "parse_command_line",
                                        "regex_quote",
                                        "reverse",
                                        "split",
                                        "strcat",
                                        "strcat_array",
                                        "strcat_delim",
                                        "strcmp",
                                        "strrep",
                                        "substring",
                                        "to_utf8",
                                        "tolower",
                                        "toupper",
                                        "unicode_codepoints_from_string"};

    /* the text itself, but not how it is taken apart: split(5, 5) */
    static const char *const first_only[] = {"split", "parse_command_line"};

    if (f->kind != KQL_SCALAR)
        return false;
    for (size_t i = 0; i < COUNT_OF(first_only); i++)
        if (index > 0 && strcmp(f->name, first_only[i]) == 0)
            return false;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(f->name, names[i]) == 0)
            return true;
    return false;
}

/* sqrt() and its kin take decimals; questions of reals and conversions of units do not. */
static bool
takes_decimals(const struct kql_function *f)
{
    return strncmp(f->name, "is", 2) != 0 && strncmp(f->name, "convert_", 8) != 0 &&
           strncmp(f->name, "series_cosine", 13) != 0;
}

static bool
type_fits(const struct kql_function *f, uint32_t index, enum kql_type wanted,
          const struct kql_expr *e, enum level level)
{
    enum kql_type given = e->type;

    if (given == wanted)
        return true;
    if (level >= LEVEL_WIDENED) {
        if (kql_type_is_number(given) && kql_type_is_number(wanted) && given < wanted)
            return true;
        if (given == KQL_DYNAMIC) /* what else is in it the query must say: todatetime(d.x) ... */
            return wanted == KQL_STRING || f->kind == KQL_OPERATOR;
        if (e->kind == KQL_EXPR_CONST && given == KQL_LONG && wanted == KQL_INT &&
            (e->value.is_null || (e->value.i >= INT32_MIN && e->value.i <= INT32_MAX)))
            return true;
    }
    if (level >= LEVEL_AS_TEXT && f->kind == KQL_SCALAR)
        return (wanted == KQL_STRING && takes_as_text(f, index)) ||
               (wanted == KQL_REAL && given == KQL_DECIMAL && takes_decimals(f));
    return false;
}

/* T of what it was and one more argument; false: they have nothing in common. */
static bool
unify(enum kql_type *t, const struct kql_expr *e, enum level level)
{
    enum kql_type common = bind_common_type(*t, e->type);

    if (*t == KQL_UNKNOWN) {
        *t = e->type;
        return true;
    }
    if (level == LEVEL_EXACT)
        return *t == (enum kql_type)e->type;
    if (level == LEVEL_DYNAMIC && common == KQL_UNKNOWN)
        common = KQL_DYNAMIC;
    /* a dynamic value beside another only where both may be the result */
    if (common == KQL_UNKNOWN ||
        (level < LEVEL_DYNAMIC && (*t == KQL_DYNAMIC) != (e->type == KQL_DYNAMIC)))
        return false;
    *t = common;
    return true;
}

static bool
argument_fits(const struct kql_function *f, uint32_t index, const struct kql_parameter *p,
              const struct kql_expr *e, struct match *m)
{
    enum kql_type type = e->type;

    switch (p->type) {
    case KQL_P_ANY:
        return true;
    case KQL_P_NUMBER:
        return kql_type_is_number(type);
    case KQL_P_INTEGER:
        return type == KQL_INT || type == KQL_LONG;
    case KQL_P_SUMMABLE:
        return kql_type_is_number(type) || type == KQL_TIMESPAN || type == KQL_DATETIME;
    case KQL_P_ORDERED:
        return type != KQL_DYNAMIC && (type != KQL_GUID || f->kind != KQL_AGGREGATE);
    case KQL_P_T:
        return unify(&m->t, e, m->level);
    case KQL_P_U:
        return unify(&m->u, e, m->level);
    case KQL_P_COLUMN:
        return e->kind == KQL_EXPR_COLUMN;
    case KQL_P_ARRAY:
    case KQL_P_BAG:
        return type == KQL_DYNAMIC;
    default:
        return type_fits(f, index, p->type, e, m->level);
    }
}

/* The greatest of what has no order there is not. */
static bool
is_of_ordered(const struct kql_function *f)
{
    return strcmp(f->name, "max_of") == 0 || strcmp(f->name, "min_of") == 0;
}

static bool
fits(const struct kql_function *f, const struct kql_expr *const *arguments, uint32_t count,
     struct match *m, uint32_t *wrong)
{
    if (!count_fits(&m->signature, count))
        return false;
    m->t = m->u = KQL_UNKNOWN;
    for (uint32_t i = 0; i < count; i++) {
        if (!argument_fits(f, i, parameter_at(&m->signature, i), arguments[i], m)) {
            *wrong = i;
            return false;
        }
    }
    *wrong = 0;
    return (m->t != KQL_DYNAMIC && m->t != KQL_GUID) || !is_of_ordered(f);
}

/* ---- complaints ---- */

static bool
is_operator(const struct kql_function *f)
{
    return f->kind == KQL_OPERATOR;
}

/* "substring(text: string, start: long, length?: long)" of the first line of the signature. */
static struct span
shape(struct bind *b, const struct kql_function *f)
{
    const char *end = strstr(f->signature == NULL ? "" : f->signature, " ->");

    if (end == NULL)
        return pool_printf(b->pool, "%s(...)", f->name);
    return pool_printf(b->pool, "%s%.*s", f->name, (int)(end - f->signature), f->signature);
}

static const char *
parameter_type_name(uint8_t type)
{
    switch (type) {
    case KQL_P_ANY:
    case KQL_P_T:
    case KQL_P_U:
        return "a value of the others' type";
    case KQL_P_NUMBER:
        return "a number";
    case KQL_P_INTEGER:
        return "an integer";
    case KQL_P_SUMMABLE:
        return "a number or timespan";
    case KQL_P_ORDERED:
        return "a value that has an order";
    case KQL_P_COLUMN:
        return "a column";
    case KQL_P_ARRAY:
        return "an array (dynamic)";
    case KQL_P_BAG:
        return "a bag (dynamic)";
    default:
        return kql_type_name(type);
    }
}

void
bind_call_count(struct bind *b, const struct kql_function *f, uint32_t count,
                const struct kql_syntax *at)
{
    struct span text = shape(b, f);

    kql_complain(b->d, KQL_E_ARGUMENTS, at->at, at->size,
                 "%s() does not take %u argument%s; it is %.*s", f->name, (unsigned)count,
                 count == 1 ? "" : "s", (int)text.n, text.p);
}

static void
complain_of_types(struct bind *b, const struct kql_function *f,
                  const struct kql_expr *const *arguments, uint32_t count,
                  const struct kql_syntax *at)
{
    struct match m = {.level = LEVEL_AS_TEXT};
    uint32_t wrong = 0, best = 0;
    uint8_t wanted = KQL_P_ANY;
    bool has_count = false;

    for (uint32_t i = 0; kql_signature_read(f, i, &m.signature); i++) {
        if (!count_fits(&m.signature, count))
            continue;
        if (fits(f, arguments, count, &m, &wrong))
            continue;
        if (!has_count || wrong > best) { /* the overload that went furthest was meant */
            best = wrong;
            wanted = parameter_at(&m.signature, wrong)->type;
        }
        has_count = true;
    }
    if (!has_count) {
        bind_call_count(b, f, count, at);
        return;
    }
    if (is_operator(f)) {
        kql_complain(b->d, KQL_E_TYPE, at->at, at->size, "no operator %s for %s%s%s", f->name,
                     kql_type_name(arguments[0]->type), count > 1 ? " and " : "",
                     count > 1 ? kql_type_name(arguments[1]->type) : "");
        return;
    }
    kql_complain(b->d, KQL_E_TYPE, arguments[best]->size > 0 ? arguments[best]->at : at->at,
                 arguments[best]->size > 0 ? arguments[best]->size : at->size,
                 "argument %u of %s() is a %s; it must be %s", (unsigned)best + 1, f->name,
                 kql_type_name(arguments[best]->type), parameter_type_name(wanted));
}

/* ---- the call ---- */

const struct kql_expr *
bind_call_make(struct bind *b, const struct kql_function *f,
               const struct kql_expr *const *arguments, uint32_t count, enum kql_type type,
               const struct kql_syntax *at)
{
    struct kql_expr *e = pool_zeroed(b->pool, 1, sizeof *e);
    uint32_t weight = 1;

    for (uint32_t i = 0; i < count; i++)
        weight += arguments[i]->count == 0 ? 1 : arguments[i]->weight;
    if (weight > BIND_WEIGHT_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, at != NULL ? at->at : 0, at != NULL ? at->size : 0,
                     "an expression of more than %d parts: functions of the query that use what "
                     "they are given twice double it",
                     BIND_WEIGHT_MAX);
        return bind_unknown(b, at);
    }
    *e = (struct kql_expr){.kind = KQL_EXPR_CALL,
                           .type = (uint8_t)type,
                           .function = f,
                           .arguments = arguments,
                           .count = count,
                           .weight = weight,
                           .result_count = 1};
    if (at != NULL) {
        e->at = at->at;
        e->size = at->size;
    }
    return e;
}

const struct kql_expr *
bind_call_scalar(struct bind *b, const char *name, const struct kql_expr *e)
{
    const struct kql_function *f = kql_function_find(span_of(name), KQL_SCALAR);

    return f == NULL ? e : bind_call(b, f, &e, 1, NULL);
}

const char *
bind_conversion(enum kql_type type)
{
    switch (type) {
    case KQL_BOOL:
        return "tobool";
    case KQL_INT:
        return "toint";
    case KQL_LONG:
        return "tolong";
    case KQL_REAL:
        return "todouble";
    case KQL_DECIMAL:
        return "todecimal";
    case KQL_DATETIME:
        return "todatetime";
    case KQL_TIMESPAN:
        return "totimespan";
    case KQL_GUID:
        return "toguid";
    case KQL_DYNAMIC:
        return "parse_json";
    default:
        return "tostring";
    }
}

const struct kql_expr *
bind_cast(struct bind *b, const struct kql_expr *e, enum kql_type type)
{
    const struct kql_expr *converted;

    if (type == KQL_DYNAMIC)
        return bind_to_dynamic(b, e);
    if (e->type == KQL_GUID || type == KQL_GUID) { /* toguid() takes texts only */
        if (type == KQL_GUID && e->type != KQL_STRING && e->type != KQL_DYNAMIC)
            e = bind_call_scalar(b, "tostring", e);
    }
    converted = e->type == KQL_DYNAMIC ? NULL : bind_convert(b, e, type);
    return converted != NULL ? converted : bind_call_scalar(b, bind_conversion(type), e);
}

const struct kql_expr *
bind_call_as(struct bind *b, const struct kql_expr *e, enum kql_type type)
{
    const struct kql_expr *converted;

    if (type == KQL_DYNAMIC)
        return bind_to_dynamic(b, e);
    converted = bind_convert(b, e, type);
    if (converted != NULL)
        return converted;
    if (type == KQL_STRING)
        return bind_call_scalar(b, "tostring", e);
    if (type == KQL_REAL)
        return bind_call_scalar(b, "todouble", e);
    return e;
}

static const struct kql_expr *
as_parameter(struct bind *b, const struct kql_expr *e, const struct kql_parameter *p,
             const struct match *m)
{
    switch (p->type) {
    case KQL_P_NUMBER:
    case KQL_P_INTEGER:
    case KQL_P_SUMMABLE:
        return e->type == KQL_INT ? bind_call_as(b, e, KQL_LONG) : e;
    case KQL_P_T:
        return bind_call_as(b, e, m->t);
    case KQL_P_U:
        return bind_call_as(b, e, m->u);
    default:
        return p->type < KQL_TYPE_COUNT ? bind_call_as(b, e, p->type) : e;
    }
}

static enum kql_type
result_type(const struct match *m, const struct kql_expr *const *arguments, uint32_t count)
{
    const struct kql_signature *s = &m->signature;

    if (s->result_of > 0)
        return s->result_of <= count ? arguments[s->result_of - 1]->type : KQL_DYNAMIC;
    switch (s->result) {
    case KQL_P_T:
        return m->t;
    case KQL_P_U:
        return m->u;
    case KQL_P_ANY:
    case KQL_P_ARRAY:
    case KQL_P_BAG:
        return KQL_DYNAMIC;
    default:
        return s->result < KQL_TYPE_COUNT ? s->result : count > 0 ? arguments[0]->type : KQL_LONG;
    }
}

/* An argument is in error or its type is not known: no overload can be chosen. */
static const struct kql_expr *
call_unresolved(struct bind *b, const struct kql_function *f,
                const struct kql_expr *const *arguments, uint32_t count,
                const struct kql_syntax *at)
{
    struct kql_signature s;
    enum kql_type type = KQL_UNKNOWN;
    bool has_count = false;

    for (uint32_t i = 0; kql_signature_read(f, i, &s); i++) {
        enum kql_type one = s.result_of == 0 && s.result < KQL_TYPE_COUNT ? s.result : KQL_UNKNOWN;

        if (!count_fits(&s, count))
            continue;
        type = !has_count || type == one ? one : KQL_UNKNOWN;
        has_count = true;
    }
    if (!has_count)
        bind_call_count(b, f, count, at);
    return bind_call_make(b, f, arguments, count, type, at);
}

/* A regex that does not compile and the like: asked of the function itself. */
static bool
constants_are_fine(struct bind *b, const struct kql_function *f,
                   const struct kql_expr *const *arguments, uint32_t count,
                   const struct kql_syntax *at)
{
    const struct kql_value **constants;
    struct err err = {""};
    void *prepared;
    bool has_any = false;

    if (f->prepare == NULL || f->release == NULL)
        return true;
    constants = pool_zeroed(b->pool, count + 1, sizeof *constants);
    for (uint32_t i = 0; i < count; i++) {
        if (arguments[i]->kind == KQL_EXPR_CONST) {
            constants[i] = &arguments[i]->value;
            has_any = true;
        }
    }
    if (!has_any)
        return true;
    prepared = f->prepare(b->pool, constants, count, &err);
    if (prepared != NULL)
        f->release(prepared);
    if (err.text[0] == '\0')
        return true;
    kql_complain(b->d, KQL_E_VALUE, at->at, at->size, "%s", err.text);
    return false;
}

/* tolong(x) of a long is x: its name and its column stay. */
static bool
is_same_conversion(const struct kql_function *f, enum kql_type type)
{
    static const char *const names[] = {"tobool",   "toboolean", "todatetime", "todecimal",
                                        "todouble", "toreal",    "toguid",     "toint",
                                        "tolong",   "tostring",  "totimespan", "totime"};
    enum kql_type to;

    if (f->kind != KQL_SCALAR || f->name[0] != 't' || f->name[1] != 'o')
        return false;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(f->name, names[i]) == 0)
            return kql_type_read(span_of(f->name + 2), &to) && to == type;
    return false;
}

const struct kql_expr *
bind_call(struct bind *b, const struct kql_function *f, const struct kql_expr *const *arguments,
          uint32_t count, const struct kql_syntax *at)
{
    static const struct kql_syntax nowhere = {.kind = SYN_MISSING};
    const struct kql_expr **converted;
    const struct kql_syntax *place = at == NULL ? &nowhere : at;
    enum level last = f->kind == KQL_SCALAR ? LEVEL_AS_TEXT : LEVEL_WIDENED;
    struct match m;
    uint32_t wrong;
    bool is_found = false;

    if ((f->flags & KQL_F_NOT_BUILT) != 0 &&
        !bind_not_built(b, place, f->name, is_operator(f) ? "" : "()"))
        return bind_unknown(b, at);
    for (uint32_t i = 0; i < count; i++)
        if (arguments[i]->type == KQL_UNKNOWN)
            return call_unresolved(b, f, arguments, count, place);
    if (count == 1 && is_same_conversion(f, arguments[0]->type))
        return arguments[0];
    if (span_is(span_of(f->name), "iff") || span_is(span_of(f->name), "iif"))
        last = LEVEL_DYNAMIC;
    for (m.level = LEVEL_EXACT; !is_found && m.level <= last; m.level++) {
        for (uint32_t i = 0; kql_signature_read(f, i, &m.signature); i++) {
            is_found = fits(f, arguments, count, &m, &wrong);
            if (is_found)
                break;
        }
        if (is_found)
            break;
    }
    if (!is_found) {
        complain_of_types(b, f, arguments, count, place);
        return bind_unknown(b, at);
    }
    converted = pool_take(b->pool, (count + 1) * sizeof *converted);
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_parameter *p = parameter_at(&m.signature, i);

        converted[i] = as_parameter(b, arguments[i], p, &m);
        if (p->is_constant && converted[i]->kind != KQL_EXPR_CONST) {
            kql_complain(b->d, KQL_E_CONSTANT, arguments[i]->at, arguments[i]->size,
                         "'%.*s' of %s() must be a constant", (int)p->name.n, p->name.p, f->name);
            return bind_unknown(b, at);
        }
    }
    if (!constants_are_fine(b, f, converted, count, place))
        return bind_unknown(b, at);
    return bind_fold(b,
                     bind_call_make(b, f, converted, count, result_type(&m, converted, count), at));
}

/* ---- several results ---- */

const struct bind_tuple *
bind_find_tuple(const struct bind *b, const struct kql_expr *e)
{
    for (const struct bind_tuple *t = b->tuples; t != NULL; t = t->older)
        if (t->results[0] == e)
            return t;
    return NULL;
}

void
bind_add_tuple(struct bind *b, const struct kql_expr *const *results, const struct span *names,
               uint32_t count)
{
    struct bind_tuple *t = pool_take(b->pool, sizeof *t);

    *t = (struct bind_tuple){b->tuples, results, names, count};
    b->tuples = t;
}

/* ---- arguments as written ---- */

/* A name before an argument, as in countif(IsBad = x == 1), names what the call makes at most
 * (bind_name.c): arguments of what is built in stand by their places. */
struct bind_arguments
bind_arguments_of(struct bind *b, const struct kql_syntax *s)
{
    struct bind_arguments a = {pool_take(b->pool, (s->child_count + 1) * sizeof(void *)),
                               s->child_count};

    for (uint32_t i = 0; i < s->child_count; i++)
        a.items[i] = bind_expr(b, s->children[i]);
    return a;
}

bool
bind_is_among(struct span name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (span_is(name, *names))
            return true;
    return false;
}
