/* bind_call.c - calls: which overload is meant, what its arguments are converted to, and the few
 * functions that are more than a row of the table.
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
takes_as_text(const struct kql_function *f)
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

    if (f->kind != KQL_SCALAR)
        return false;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(f->name, names[i]) == 0)
            return true;
    return false;
}

static bool
type_fits(const struct kql_function *f, enum kql_type wanted, const struct kql_expr *e,
          enum level level)
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
        return (wanted == KQL_STRING && takes_as_text(f)) ||
               (wanted == KQL_REAL && given == KQL_DECIMAL);
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
argument_fits(const struct kql_function *f, const struct kql_parameter *p, const struct kql_expr *e,
              struct match *m)
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
        return kql_type_is_number(type) || type == KQL_TIMESPAN;
    case KQL_P_ORDERED:
        return type != KQL_DYNAMIC && type != KQL_GUID;
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
        return type_fits(f, p->type, e, m->level);
    }
}

static bool
fits(const struct kql_function *f, const struct kql_expr *const *arguments, uint32_t count,
     struct match *m, uint32_t *wrong)
{
    if (!count_fits(&m->signature, count))
        return false;
    m->t = m->u = KQL_UNKNOWN;
    for (uint32_t i = 0; i < count; i++) {
        if (!argument_fits(f, parameter_at(&m->signature, i), arguments[i], m)) {
            *wrong = i;
            return false;
        }
    }
    return true;
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

static void
complain_of_count(struct bind *b, const struct kql_function *f, uint32_t count,
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
        complain_of_count(b, f, count, at);
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

static const struct kql_expr *
make_call(struct bind *b, const struct kql_function *f, const struct kql_expr *const *arguments,
          uint32_t count, enum kql_type type, const struct kql_syntax *at)
{
    struct kql_expr *e = pool_zeroed(b->pool, 1, sizeof *e);

    *e = (struct kql_expr){.kind = KQL_EXPR_CALL,
                           .type = (uint8_t)type,
                           .function = f,
                           .arguments = arguments,
                           .count = count,
                           .result_count = 1};
    if (at != NULL) {
        e->at = at->at;
        e->size = at->size;
    }
    return e;
}

static const struct kql_expr *
call_scalar(struct bind *b, const char *name, const struct kql_expr *e)
{
    const struct kql_function *f = kql_function_find(span_of(name), KQL_SCALAR);

    return f == NULL ? e : bind_call(b, f, &e, 1, NULL);
}

static const char *
conversion_to(enum kql_type type)
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
            e = call_scalar(b, "tostring", e);
    }
    converted = e->type == KQL_DYNAMIC ? NULL : bind_convert(b, e, type);
    return converted != NULL ? converted : call_scalar(b, conversion_to(type), e);
}

static const struct kql_expr *
as_type(struct bind *b, const struct kql_expr *e, enum kql_type type)
{
    const struct kql_expr *converted;

    if (type == KQL_DYNAMIC)
        return bind_to_dynamic(b, e);
    converted = bind_convert(b, e, type);
    if (converted != NULL)
        return converted;
    if (type == KQL_STRING)
        return call_scalar(b, "tostring", e);
    if (type == KQL_REAL)
        return call_scalar(b, "todouble", e);
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
        return e->type == KQL_INT ? as_type(b, e, KQL_LONG) : e;
    case KQL_P_T:
        return as_type(b, e, m->t);
    case KQL_P_U:
        return as_type(b, e, m->u);
    default:
        return p->type < KQL_TYPE_COUNT ? as_type(b, e, p->type) : e;
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
        complain_of_count(b, f, count, at);
    return make_call(b, f, arguments, count, type, at);
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

    if ((f->flags & KQL_F_NOT_BUILT) != 0) {
        kql_complain(b->d, KQL_E_NOT_BUILT, place->at, place->size, "%s%s is not built here",
                     f->name, is_operator(f) ? "" : "()");
        return bind_unknown(b, at);
    }
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
    return bind_fold(b, make_call(b, f, converted, count, result_type(&m, converted, count), at));
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

static void
add_tuple(struct bind *b, const struct kql_expr *const *results, const struct span *names,
          uint32_t count)
{
    struct bind_tuple *t = pool_take(b->pool, sizeof *t);

    *t = (struct bind_tuple){b->tuples, results, names, count};
    b->tuples = t;
}

/* series_stats(x): the call gives an array, its results are the elements. */
static const struct kql_expr *
scalar_tuple(struct bind *b, const struct kql_syntax *s, const struct kql_expr *call)
{
    const struct kql_function *f = call->function, *element = kql_operator_find("[]");
    struct span argument =
        s->child_count > 0 ? bind_name_of(b, s->children[0], NULL) : (struct span){"", 0};
    const struct kql_expr **results;
    struct span *names;
    uint32_t count = 1, i = 0;

    for (const char *at = f->tuple; *at != '\0'; at++)
        count += *at == ',';
    results = pool_take(b->pool, count * sizeof *results);
    names = pool_take(b->pool, count * sizeof *names);
    for (const char *at = f->tuple; i < count; i++) {
        const char *colon = strchr(at, ':'), *end = strchrnul(at, ',');
        struct span type = {colon + 1, (size_t)(end - colon - 1)};
        enum kql_type t = KQL_DYNAMIC;
        const struct kql_expr *pair[2] = {
            call, bind_const(b, KQL_LONG, kql_integer(KQL_LONG, (int64_t)i), NULL)};

        while (*at == ' ')
            at++;
        while (type.n > 0 && *type.p == ' ') {
            type.p++;
            type.n--;
        }
        kql_type_read(type, &t);
        names[i] = pool_printf(b->pool, "%s_%.*s%s%.*s", f->name, (int)argument.n, argument.p,
                               argument.n > 0 ? "_" : "", (int)(colon - at), at);
        results[i] = element == NULL ? call : bind_call(b, element, pair, 2, NULL);
        if (t != KQL_DYNAMIC && bind_convert(b, results[i], t) != NULL)
            results[i] = bind_convert(b, results[i], t);
        at = *end == ',' ? end + 1 : end;
    }
    add_tuple(b, results, names, count);
    return results[0];
}

/* ---- arguments as written ---- */

struct arguments {
    const struct kql_expr **items;
    uint32_t count;
};

static struct arguments
bind_arguments(struct bind *b, const struct kql_syntax *s)
{
    struct arguments a = {pool_take(b->pool, (s->child_count + 1) * sizeof(void *)),
                          s->child_count};

    for (uint32_t i = 0; i < s->child_count; i++)
        a.items[i] = bind_expr(b, s->children[i]);
    return a;
}

/* f(b=1, a=2) in the order of the parameters. */
static bool
order_arguments(struct bind *b, const struct kql_function *f, const struct kql_syntax *s,
                struct arguments *a)
{
    struct kql_signature signature;
    const struct kql_expr **ordered;
    uint32_t last = 0;
    bool has_name = false;

    for (uint32_t i = 0; i < s->child_count; i++)
        has_name = has_name || s->children[i]->kind == SYN_NAMED;
    if (!has_name)
        return true;
    ordered = pool_zeroed(b->pool, KQL_PARAMETERS_MAX + s->child_count, sizeof *ordered);
    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *child = s->children[i];
        uint32_t to = i;

        if (child->kind == SYN_NAMED) {
            bool is_known = false;

            for (uint32_t k = 0; !is_known && kql_signature_read(f, k, &signature); k++) {
                for (to = 0; to < signature.count; to++) {
                    is_known = span_equal(signature.parameters[to].name, child->name);
                    if (is_known)
                        break;
                }
            }
            if (!is_known) {
                kql_complain(b->d, KQL_E_ARGUMENTS, child->name_at, child->name_size,
                             "%s() has no parameter '%.*s'", f->name, (int)child->name.n,
                             child->name.p);
                return false;
            }
        }
        if (ordered[to] != NULL) {
            kql_complain(b->d, KQL_E_ARGUMENTS, child->at, child->size,
                         "this argument of %s() is given twice", f->name);
            return false;
        }
        ordered[to] = a->items[i];
        last = to > last ? to : last;
    }
    for (uint32_t i = 0; i <= last; i++) {
        if (ordered[i] == NULL) {
            complain_of_count(b, f, s->child_count, s);
            return false;
        }
    }
    a->items = ordered;
    return true;
}

/* ---- aggregates ---- */

static bool
name_is_one_of(struct span name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (span_is(name, *names))
            return true;
    return false;
}

static uint32_t
add_aggregate(struct bind *b, const struct kql_expr *call)
{
    struct bind_aggregates *a = b->aggregates;
    uint32_t at = a->key_count + a->result_count;

    a->items = pool_grow(b->pool, a->items, &a->room, a->count + 1, sizeof *a->items);
    a->items[a->count++] = call;
    a->result_count += call->result_count;
    return at;
}

static struct kql_expr *
aggregate_result(struct bind *b, const struct kql_expr *call, uint32_t column, enum kql_type type)
{
    struct kql_expr *e = pool_zeroed(b->pool, 1, sizeof *e);

    *e = (struct kql_expr){.kind = KQL_EXPR_COLUMN,
                           .type = (uint8_t)type,
                           .at = call->at,
                           .size = call->size,
                           .column = column,
                           .function = call->function,
                           .result_count = 1};
    return e;
}

struct results { /* of arg_max and its kin, while they are collected */
    struct bind *b;
    const struct kql_syntax *call;
    const struct kql_expr **arguments;
    struct span *names;
    size_t count, argument_room, name_room;
};

static void
add_result(struct results *r, const struct kql_expr *e, struct span name)
{
    r->arguments =
        pool_grow(r->b->pool, r->arguments, &r->argument_room, r->count + 1, sizeof *r->arguments);
    r->names = pool_grow(r->b->pool, r->names, &r->name_room, r->count + 1, sizeof *r->names);
    r->arguments[r->count] = e;
    r->names[r->count++] = name;
}

static bool
is_among(const struct kql_expr *const *exprs, size_t count, uint32_t column)
{
    for (size_t i = 0; i < count; i++)
        if (exprs[i]->kind == KQL_EXPR_COLUMN && exprs[i]->column == column)
            return true;
    return false;
}

/* '*': every column that is no group key and not among the results yet. */
static void
add_star(struct results *r, struct span prefix)
{
    struct bind *b = r->b;
    const struct bind_aggregates *a = b->aggregates;

    for (uint32_t i = 0; b->input != NULL && i < b->input->schema.count; i++) {
        struct span name = b->input->schema.columns[i].name;

        if (is_among(r->arguments, r->count, i) ||
            (a->keys != NULL && is_among(a->keys, a->key_count, i)))
            continue;
        if (prefix.n > 0)
            name = pool_printf(b->pool, "%.*s_%.*s", (int)prefix.n, prefix.p, (int)name.n, name.p);
        add_result(r, bind_column(b, &b->input->schema, i, NULL), name);
    }
}

static const char *const arg_names[] = {"arg_max", "arg_min", NULL};
static const char *const old_arg_names[] = {"argmax", "argmin", NULL};
static const char *const any_names[] = {"take_any", "any", "anyif", "take_anyif", NULL};
static const char *const percentile_names[] = {"percentile", "percentiles", "percentilew",
                                               "percentilesw", NULL};

/* How the i-th result of arg_max(v, ...), take_any(...) is called. */
static struct span
result_name(struct results *r, uint32_t i, const struct kql_syntax *argument,
            const struct kql_function *f)
{
    struct bind *b = r->b;
    struct span name = bind_name_of(b, argument, NULL);
    bool is_arg = name_is_one_of(span_of(f->name), arg_names);
    const char *prefix = strstr(f->name, "min") != NULL ? "min" : "max";

    if (name_is_one_of(span_of(f->name), old_arg_names)) { /* max_v, max_v_w */
        struct span first = bind_name_of(b, r->call->children[0], NULL);

        if (i == 0)
            return pool_printf(b->pool, "%s_%.*s", prefix, (int)name.n, name.p);
        if (name.n == 0)
            name = pool_printf(b->pool, "arg%u", (unsigned)i);
        return pool_printf(b->pool, "%s_%.*s_%.*s", prefix, (int)first.n, first.p, (int)name.n,
                           name.p);
    }
    if (!is_arg && span_is(span_of(f->name), "any"))
        return pool_printf(b->pool, "any_%.*s", (int)name.n, name.p);
    if (!is_arg)
        return name.n > 0 ? name : pool_printf(b->pool, "any_arg%u", (unsigned)i);
    if (name.n > 0)
        return name;
    if (i == 0)
        return pool_printf(b->pool, "%s_", prefix);
    name = bind_name_of(b, r->call->children[0], NULL);
    return pool_printf(b->pool, "%s_%.*s_arg%u", prefix, (int)name.n, name.p, (unsigned)i);
}

/* arg_max(v, a, *), take_any(a, b): as many results as arguments. */
static const struct kql_expr *
bind_several(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct bind_aggregates *aggregates = b->aggregates;
    struct results r = {.b = b, .call = s};
    const struct kql_expr **results;
    struct kql_expr *call;
    uint32_t column;

    for (uint32_t i = 0; i < s->child_count; i++) {
        const struct kql_syntax *argument = s->children[i];
        const struct kql_expr *e;

        if (argument->kind == SYN_STAR) {
            struct span prefix = {"", 0};

            if (name_is_one_of(s->name, old_arg_names) && i > 0)
                prefix = pool_printf(b->pool, "%s_%.*s", span_is(s->name, "argmin") ? "min" : "max",
                                     (int)s->children[0]->name.n, s->children[0]->name.p);
            add_star(&r, prefix);
            continue;
        }
        b->aggregates = NULL;
        e = bind_expr(b, argument);
        b->aggregates = aggregates;
        if (i == 0 && (e->type == KQL_DYNAMIC || e->type == KQL_GUID) &&
            !name_is_one_of(s->name, any_names))
            kql_complain(b->d, KQL_E_TYPE, argument->at, argument->size,
                         "%s() of a %s, which has no order; convert it: tolong(), tostring() ...",
                         f->name, kql_type_name(e->type));
        add_result(&r, e, result_name(&r, i, argument, f));
    }
    if (r.count == 0) {
        complain_of_count(b, f, 0, s);
        return bind_unknown(b, s);
    }
    if (r.count > UINT8_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size, "%s() has more than %d results", f->name,
                     UINT8_MAX);
        return bind_unknown(b, s);
    }
    call =
        (struct kql_expr *)make_call(b, f, r.arguments, (uint32_t)r.count, r.arguments[0]->type, s);
    call->result_count = (uint8_t)r.count;
    column = add_aggregate(b, call);
    results = pool_take(b->pool, r.count * sizeof *results);
    for (uint32_t i = 0; i < r.count; i++)
        results[i] = aggregate_result(b, call, column + i, r.arguments[i]->type);
    add_tuple(b, results, r.names, (uint32_t)r.count);
    return results[0];
}

/* percentile_x_99_9: the number with its point made fit for a name. */
static struct span
percentile_name(struct bind *b, const struct kql_syntax *s, const struct kql_value *percentile)
{
    struct span column = bind_name_of(b, s->children[0], NULL), name;
    char number[40];
    size_t size;
    double value = percentile->type == KQL_REAL ? percentile->r : (double)percentile->i;

    if (percentile->type == KQL_REAL && value != (double)(int64_t)value)
        size = kql_print_real(value, number);
    else
        size = (size_t)snprintf(number, sizeof number, "%lld", (long long)value);
    for (size_t i = 0; i < size; i++)
        if (number[i] == '.')
            number[i] = '_';
    name = pool_printf(b->pool, "percentile_%.*s%s%.*s", (int)column.n, column.p, "_", (int)size,
                       number);
    return name;
}

/* percentiles(x, 5, 50, 95): a result per percentile. */
static const struct kql_expr *
bind_percentiles(struct bind *b, const struct kql_function *f, const struct kql_syntax *s,
                 const struct kql_expr *bound)
{
    /* percentilew and percentilesw have the weight in between */
    uint32_t first = s->name.p[s->name.n - 1] == 'w' ? 2 : 1;
    uint32_t count = bound->count > first ? bound->count - first : 0, column;
    struct kql_expr *call = pool_take(b->pool, sizeof *call);
    const struct kql_expr **results;
    struct span *names;

    *call = *bound;
    if (count == 0 || count > UINT8_MAX || bound->kind != KQL_EXPR_CALL)
        return bind_unknown(b, s);
    call->result_count = (uint8_t)count;
    column = add_aggregate(b, call);
    results = pool_take(b->pool, count * sizeof *results);
    names = pool_take(b->pool, count * sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_expr *p = bound->arguments[first + i];

        results[i] = aggregate_result(b, call, column + i, call->type);
        names[i] = p->kind == KQL_EXPR_CONST && !p->value.is_null &&
                           (p->value.type == KQL_REAL || p->value.type == KQL_LONG)
                       ? percentile_name(b, s, &p->value)
                       : SPAN_LITERAL("percentile_");
    }
    (void)f;
    add_tuple(b, results, names, count);
    return results[0];
}

static const struct kql_expr *
bind_aggregate(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct bind_aggregates *aggregates = b->aggregates;
    const struct kql_expr *call;
    struct arguments a;
    bool is_fine;

    if ((f->flags & KQL_F_NOT_BUILT) != 0) {
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "%s() is not built here", f->name);
        return bind_unknown(b, s);
    }
    if (name_is_one_of(s->name, arg_names) || name_is_one_of(s->name, old_arg_names) ||
        span_is(s->name, "take_any") || span_is(s->name, "any"))
        return bind_several(b, f, s);
    b->aggregates = NULL; /* the arguments are per row */
    a = bind_arguments(b, s);
    is_fine = order_arguments(b, f, s, &a);
    b->aggregates = aggregates;
    if (!is_fine)
        return bind_unknown(b, s);
    if (s->name.n >= 10 && memcmp(s->name.p, "percentile", 10) == 0 && a.count > 0) {
        if (a.items[0]->type == KQL_INT)
            a.items[0] = as_type(b, a.items[0], KQL_LONG);
        else if (a.items[0]->type == KQL_DECIMAL)
            a.items[0] = as_type(b, a.items[0], KQL_REAL);
    }
    call = bind_call(b, f, a.items, a.count, s);
    if (call->kind != KQL_EXPR_CALL)
        return call;
    if (name_is_one_of(s->name, percentile_names))
        return bind_percentiles(b, f, s, call);
    return aggregate_result(b, call, add_aggregate(b, call), call->type);
}

/* ---- functions that are more than a row ---- */

typedef const struct kql_expr *special(struct bind *b, const struct kql_function *f,
                                       const struct kql_syntax *s);

static const struct kql_expr *
missing_row(struct bind *b, const struct kql_syntax *s)
{
    kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "%.*s() is not built here", (int)s->name.n,
                 s->name.p);
    return bind_unknown(b, s);
}

/* case(condition, value, condition, value, ..., otherwise) */
static const struct kql_expr *
bind_case(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct arguments a = bind_arguments(b, s);
    enum kql_type type = KQL_UNKNOWN;
    bool has_unknown = false;

    if (f == NULL)
        return missing_row(b, s);
    if (a.count < 3 || a.count % 2 == 0) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size,
                     "case() takes conditions with values, then one value for the rest: "
                     "case(a, x, b, y, z); here %s",
                     a.count < 3 ? "some are missing" : "the last value is missing");
        return bind_unknown(b, s);
    }
    for (uint32_t i = 0; i < a.count; i++) {
        const struct kql_expr *e = a.items[i];

        has_unknown = has_unknown || e->type == KQL_UNKNOWN;
        if (i % 2 == 0 && i + 1 < a.count) {
            if (e->type != KQL_BOOL && e->type != KQL_UNKNOWN) {
                kql_complain(b->d, KQL_E_TYPE, e->at, e->size,
                             "argument %u of case() is a %s; conditions are bool", (unsigned)i + 1,
                             kql_type_name(e->type));
                return bind_unknown(b, s);
            }
        } else if (type == KQL_UNKNOWN) {
            type = e->type;
        } else if (bind_common_type(type, e->type) == KQL_UNKNOWN) {
            type = KQL_DYNAMIC;
            break;
        } else {
            type = bind_common_type(type, e->type);
        }
    }
    for (uint32_t i = 0; i < a.count && type != KQL_UNKNOWN; i++) {
        if (i % 2 == 1 || i + 1 == a.count)
            a.items[i] = as_type(b, a.items[i], type);
    }
    if (has_unknown)
        return make_call(b, f, a.items, a.count, type, s);
    return bind_fold(b, make_call(b, f, a.items, a.count, type, s));
}

static const struct kql_expr *
bind_column_if_exists(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct kql_value name;
    const struct kql_expr *otherwise;
    uint32_t index;

    (void)f;
    if (s->child_count != 2) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size,
                     "%.*s() takes the name of a column and a value to use without it",
                     (int)s->name.n, s->name.p);
        return bind_unknown(b, s);
    }
    otherwise = bind_expr(b, s->children[1]);
    if (!bind_constant(b, s->children[0], KQL_STRING, "the name of the column", &name))
        return bind_unknown(b, s);
    if (b->input == NULL)
        return otherwise;
    index = bind_find_column(&b->input->schema, kql_text(&name));
    if (index != UINT32_MAX && b->aggregates == NULL)
        return bind_column(b, &b->input->schema, index, s);
    return b->input->schema.is_open ? bind_unknown(b, s) : otherwise;
}

/* pack_all(): bag_pack("a", a, "b", b, ...) of all columns. */
static const struct kql_expr *
bind_pack_columns(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_function *pack = kql_function_find(SPAN_LITERAL("bag_pack"), KQL_SCALAR);
    bool is_all = span_is(s->name, "pack_all");
    uint32_t count, k = 0;
    const struct kql_expr **arguments;

    if (pack == NULL || (f != NULL && (f->flags & KQL_F_NOT_BUILT) != 0))
        return missing_row(b, s);
    if (b->input == NULL) {
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size, "there are no columns here");
        return bind_unknown(b, s);
    }
    count = is_all ? b->input->schema.count : s->child_count;
    arguments = pool_take(b->pool, (2 * (size_t)count + 1) * sizeof *arguments);
    if (count == 0 && !is_all) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size, "bag_pack_columns() takes columns");
        return bind_unknown(b, s);
    }
    if (is_all && s->child_count == 1) { /* pack_all(true): without nulls and empty texts */
        struct kql_value leaves_out;

        if (!bind_constant(b, s->children[0], KQL_BOOL, "what pack_all() is told", &leaves_out))
            return bind_unknown(b, s);
        if (kql_is_true(&leaves_out))
            pack = kql_function_find(SPAN_LITERAL("pack_all(true)"), KQL_SCALAR);
        if (pack == NULL)
            return missing_row(b, s);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_expr *e =
            is_all ? bind_column(b, &b->input->schema, i, NULL) : bind_expr(b, s->children[i]);

        if (e->kind != KQL_EXPR_COLUMN || e->column >= b->input->schema.count) {
            if (e->type != KQL_UNKNOWN)
                kql_complain(b->d, KQL_E_TYPE, s->children[i]->at, s->children[i]->size,
                             "a column is expected here");
            return bind_unknown(b, s);
        }
        arguments[k++] =
            bind_const(b, KQL_STRING, kql_string(b->input->schema.columns[e->column].name), NULL);
        arguments[k++] = e;
    }
    return make_call(b, pack, arguments, k, KQL_DYNAMIC, s);
}

/* extract(regex, 1, text, typeof(long)): the text found, converted. */
static const struct kql_expr *
bind_typed_extract(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_syntax *last = s->child_count > 0 ? s->children[s->child_count - 1] : NULL;
    enum kql_type type = KQL_STRING;
    const struct kql_expr *e;
    struct arguments a;
    struct kql_syntax shorter = *s;

    if (f == NULL)
        return missing_row(b, s);
    if (last != NULL && last->kind == SYN_TYPEOF) {
        if (last->child_count != 1 || last->children[0]->kind != SYN_TYPE) {
            kql_complain(b->d, KQL_E_TYPE, last->at, last->size, "one type is expected here");
            return bind_unknown(b, s);
        }
        type = last->children[0]->value.type;
        shorter.child_count--;
    }
    a = bind_arguments(b, &shorter);
    if (!order_arguments(b, f, &shorter, &a))
        return bind_unknown(b, s);
    e = bind_call(b, f, a.items, a.count, s);
    if (e->type == KQL_UNKNOWN || type == KQL_STRING)
        return e;
    return call_scalar(b, conversion_to(type), e);
}

static const struct kql_expr *
bind_not_here(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    (void)f;
    return missing_row(b, s);
}

static const struct kql_expr *
bind_ingestion_time(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    if (f != NULL && f->call != NULL)
        return bind_call(b, f, NULL, s->child_count, s);
    return missing_row(b, s);
}

static void
no_function(struct bind *b, const struct kql_syntax *s)
{
    struct kql_nearest nearest = {.wanted = s->name};

    for (const struct kql_function *f = kql_function_next(NULL); f != NULL;
         f = kql_function_next(f))
        if (f->kind == KQL_SCALAR || f->kind == KQL_WINDOW ||
            (f->kind == KQL_AGGREGATE && b->aggregates != NULL))
            kql_nearest_offer(&nearest, span_of(f->name));
    for (const struct bind_symbol *symbol = b->symbols; symbol != NULL; symbol = symbol->older)
        if (symbol->kind == SYMBOL_FUNCTION)
            kql_nearest_offer(&nearest, symbol->name);
    if (nearest.best.p != NULL)
        kql_complain(b->d, KQL_E_FUNCTION, s->name_at, s->name_size,
                     "no function '%.*s'; did you mean '%.*s'?", (int)s->name.n, s->name.p,
                     (int)nearest.best.n, nearest.best.p);
    else
        kql_complain(b->d, KQL_E_FUNCTION, s->name_at, s->name_size, "no function '%.*s'",
                     (int)s->name.n, s->name.p);
}

static const struct kql_expr *
bind_called_symbol(struct bind *b, const struct bind_symbol *symbol, const struct kql_syntax *s)
{
    struct bind_called called;

    if (symbol->kind != SYMBOL_FUNCTION) {
        kql_complain(b->d, KQL_E_FUNCTION, s->name_at, s->name_size,
                     "'%.*s' is a %s, not a function", (int)s->name.n, s->name.p,
                     symbol->kind == SYMBOL_TABLE ? "table" : "value");
        return bind_unknown(b, s);
    }
    called = bind_call_symbol(b, symbol, s);
    if (called.expr != NULL)
        return called.expr;
    if (called.table != NULL)
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                     "%.*s() gives a table; toscalar(...) takes its first value", (int)s->name.n,
                     s->name.p);
    return bind_unknown(b, s);
}

static const struct kql_expr *
bind_window(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct arguments a = bind_arguments(b, s);

    if (!b->windows_allowed) {
        kql_complain(b->d, KQL_E_SERIALIZED, s->at, s->size,
                     "%s() needs rows in an order that is meant: put 'serialize' or 'sort by' "
                     "before it",
                     f->name);
        return bind_unknown(b, s);
    }
    return order_arguments(b, f, s, &a) ? bind_call(b, f, a.items, a.count, s) : bind_unknown(b, s);
}

static const struct kql_expr *
bind_scalar(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct arguments a = bind_arguments(b, s);
    const struct kql_expr *e;

    if (!order_arguments(b, f, s, &a))
        return bind_unknown(b, s);
    e = bind_call(b, f, a.items, a.count, s);
    if (f->tuple != NULL && e->type != KQL_UNKNOWN && (e->kind == KQL_EXPR_CALL))
        return scalar_tuple(b, s, e);
    return e;
}

/* array_sort_asc(a, b, ...): a sorted, the others in the same order; d_sorted, or array0_sorted of
 * what has no name. */
static const struct kql_expr *
bind_array_sort(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_function *element = kql_operator_find("[]");
    struct arguments a = bind_arguments(b, s);
    const struct kql_expr *call, **results;
    uint32_t count = a.count;
    struct span *names;

    if (f == NULL || element == NULL)
        return missing_row(b, s);
    if (count > 1 && a.items[count - 1]->type == KQL_BOOL &&
        a.items[count - 1]->kind == KQL_EXPR_CONST)
        count--; /* nulls last */
    for (uint32_t i = 0; i < count; i++) {
        if (a.items[i]->type == KQL_DYNAMIC || a.items[i]->type == KQL_UNKNOWN)
            continue;
        kql_complain(b->d, KQL_E_TYPE, a.items[i]->at, a.items[i]->size,
                     "argument %u of %s() is a %s; it must be an array (dynamic)", (unsigned)i + 1,
                     f->name, kql_type_name(a.items[i]->type));
        return bind_unknown(b, s);
    }
    call = bind_call(b, f, a.items, a.count, s);
    if (call->type == KQL_UNKNOWN || count == 0)
        return call;
    results = pool_take(b->pool, count * sizeof *results);
    names = pool_take(b->pool, count * sizeof *names);
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_expr *pair[2] = {
            call, bind_const(b, KQL_LONG, kql_integer(KQL_LONG, (int64_t)i), NULL)};

        names[i] = bind_name_of(b, s->children[i], NULL);
        if (names[i].n > 0)
            names[i] = pool_printf(b->pool, "%.*s_sorted", (int)names[i].n, names[i].p);
        else
            names[i] = pool_printf(b->pool, "array%u_sorted", (unsigned)i);
        results[i] = count == 1 ? call : bind_call(b, element, pair, 2, NULL);
    }
    add_tuple(b, results, names, count);
    return results[0];
}

/* pack_array(*): of all columns. */
static const struct kql_expr *
bind_pack_array(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    uint32_t count = b->input != NULL ? b->input->schema.count : 0;
    const struct kql_expr **arguments;

    if (f == NULL)
        return missing_row(b, s);
    if (s->child_count != 1 || s->children[0]->kind != SYN_STAR || b->input == NULL)
        return bind_scalar(b, f, s);
    arguments = pool_take(b->pool, (count + 1) * sizeof *arguments);
    for (uint32_t i = 0; i < count; i++)
        arguments[i] = bind_column(b, &b->input->schema, i, s->children[0]);
    return make_call(b, f, arguments, count, KQL_DYNAMIC, s);
}

static const struct {
    const char *name;
    special *bind;
} specials[] = {
    {"case",                bind_case            },
    {"column_ifexists",     bind_column_if_exists},
    {"columnifexists",      bind_column_if_exists},
    {"pack_all",            bind_pack_columns    },
    {"bag_pack_columns",    bind_pack_columns    },
    {"pack_array",          bind_pack_array      },
    {"array_sort_asc",      bind_array_sort      },
    {"array_sort_desc",     bind_array_sort      },
    {"extract",             bind_typed_extract   },
    {"extract_json",        bind_typed_extract   },
    {"extractjson",         bind_typed_extract   },
    {"ingestion_time",      bind_ingestion_time  },
    {"bin_auto",            bind_not_here        },
    {"cluster",             bind_not_here        },
    {"database",            bind_not_here        },
    {"external_table",      bind_not_here        },
    {"materialized_view",   bind_not_here        },
    {"stored_query_result", bind_not_here        },
    {"entity_group",        bind_not_here        },
 /* functions of Defender's own, over data that is not here */
    {"FileProfile",         bind_not_here        },
    {"DeviceFromIP",        bind_not_here        },
    {"SeenBy",              bind_not_here        },
    {"AssignedIPAddresses", bind_not_here        },
};

static const struct kql_expr *
bind_by_name(struct bind *b, const struct kql_syntax *s)
{
    const struct bind_symbol *symbol = bind_find_symbol(b, s->name);
    const struct kql_function *f, *aggregate, *window;

    if (symbol != NULL)
        return bind_called_symbol(b, symbol, s);
    f = kql_function_find(s->name, KQL_SCALAR);
    aggregate = kql_function_find(s->name, KQL_AGGREGATE);
    window = kql_function_find(s->name, KQL_WINDOW);
    if (aggregate != NULL && b->aggregates != NULL)
        return bind_aggregate(b, aggregate, s);
    for (size_t i = 0; i < COUNT_OF(specials); i++)
        if (span_is(s->name, specials[i].name))
            return specials[i].bind(b, f, s);
    if (f != NULL)
        return bind_scalar(b, f, s);
    if (window != NULL)
        return bind_window(b, window, s);
    if (aggregate != NULL) {
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                     "%.*s() is an aggregate: it stands in summarize, make-series and their kin "
                     "only, and not within another aggregate",
                     (int)s->name.n, s->name.p);
        return bind_unknown(b, s);
    }
    if (kql_function_find(s->name, KQL_PLUGIN) != NULL) {
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size, "%.*s is a plugin: use evaluate %.*s(...)",
                     (int)s->name.n, s->name.p, (int)s->name.n, s->name.p);
        return bind_unknown(b, s);
    }
    no_function(b, s);
    return bind_unknown(b, s);
}

const struct kql_expr *
bind_function_call(struct bind *b, const struct kql_syntax *s)
{
    bool was_search = b->is_search, was_all = b->is_predicate_all;
    const struct kql_expr *e;

    /* a text in f("x") is itself, but for not("x") */
    b->is_search = was_search && span_is(s->name, "not");
    b->is_predicate_all = was_all && span_is(s->name, "not");
    e = bind_by_name(b, s);
    b->is_search = was_search;
    b->is_predicate_all = was_all;
    return e;
}
