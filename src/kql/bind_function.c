/* bind_function.c - calls by name: functions of the query, aggregates, window functions, rows of the
 * table, and the few functions that are more than a row. */
#include "kql/bind_inner.h"
#include "kql/dynamic.h"
#include <strings.h>

/* series_stats(x): the call gives an array, its results are the elements. */
static const struct kql_expr *
scalar_tuple(struct bind *b, const struct kql_syntax *s, const struct kql_function *f,
             const struct kql_expr *call)
{
    const struct kql_function *element = kql_operator_find("[]");
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
    bind_add_tuple(b, results, names, count);
    return results[0];
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
    struct bind_arguments a = bind_arguments_of(b, s);
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
            a.items[i] = bind_call_as(b, a.items[i], type);
    }
    if (has_unknown)
        return bind_call_make(b, f, a.items, a.count, type, s);
    return bind_fold(b, bind_call_make(b, f, a.items, a.count, type, s));
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
    if (is_all && s->child_count > 1) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size,
                     "pack_all() takes all columns; one argument says whether empty ones stay out");
        return bind_unknown(b, s);
    }
    if (count == 0 && !is_all) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size, "bag_pack_columns() takes columns");
        return bind_unknown(b, s);
    }
    if (is_all && s->child_count == 1) { /* pack_all(true): without nulls and empty texts */
        const struct kql_expr *told = bind_expr(b, s->children[0]); /* of any type: 1 is true */

        if (told->type != KQL_UNKNOWN)
            told = bind_cast(b, told, KQL_BOOL);
        if (told->kind != KQL_EXPR_CONST || told->type == KQL_UNKNOWN) {
            if (told->type != KQL_UNKNOWN)
                kql_complain(b->d, KQL_E_CONSTANT, s->children[0]->at, s->children[0]->size,
                             "what pack_all() is told must be a constant");
            return bind_unknown(b, s);
        }
        if (kql_is_true(&told->value))
            pack = kql_function_find(SPAN_LITERAL("pack_all(true)"), KQL_SCALAR);
        if (pack == NULL)
            return missing_row(b, s);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_all && bind_is_hidden(b->input->schema.columns[i].name))
            continue;
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
    return bind_call_make(b, pack, arguments, k, KQL_DYNAMIC, s);
}

/* extract(regex, 1, text, typeof(long)), percentile_tdigest(d, 50, typeof(long)): the result,
 * converted. */
static const struct kql_expr *
bind_typed_extract(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_syntax *last = s->child_count > 0 ? s->children[s->child_count - 1] : NULL;
    enum kql_type type = KQL_UNKNOWN;
    const struct kql_expr *e;
    struct bind_arguments a;
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
    a = bind_arguments_of(b, &shorter);
    e = bind_call(b, f, a.items, a.count, s);
    if (e->type == KQL_UNKNOWN || type == KQL_UNKNOWN || type == e->type)
        return e;
    return bind_call_scalar(b, bind_conversion(type), e);
}

static const struct kql_expr *
bind_not_here(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    (void)f;
    return missing_row(b, s);
}

static const struct kql_expr *bind_scalar(struct bind *b, const struct kql_function *f,
                                          const struct kql_syntax *s);

/* column_names_of(T): known without reading a row. */
static const struct kql_expr *
bind_column_names(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct kql_array_builder names = {.pool = b->pool};
    const struct kql_op *table;

    if (f == NULL || s->child_count != 1 || !bind_is_tabular(b, s->children[0])) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size, "column_names_of() takes a table");
        return bind_unknown(b, s);
    }
    table = bind_shown(b, bind_table(b, s->children[0]));
    if (table->schema.is_open)
        return bind_unknown(b, s);
    for (uint32_t i = 0; i < table->schema.count; i++)
        kql_array_add(&names, kql_string(table->schema.columns[i].name));
    return bind_const(b, KQL_DYNAMIC, kql_array_finish(&names), s);
}

/* datetime_diff() counts whole parts, but weeks as a real number. */
static const struct kql_expr *
bind_datetime_diff(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_expr *e = f == NULL ? missing_row(b, s) : bind_scalar(b, f, s);
    const struct kql_syntax *part = s->child_count > 0 ? s->children[0] : NULL;

    if (e->type == KQL_LONG && part != NULL && part->kind == SYN_LITERAL &&
        part->value.type == KQL_STRING && part->value.size == 4 &&
        strncasecmp(part->value.text, "week", 4) == 0)
        return bind_convert(b, e, KQL_REAL);
    return e;
}

static const struct kql_expr *
bind_ingestion_time(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    uint32_t column = b->input == NULL
                          ? UINT32_MAX
                          : bind_find_column(&b->input->schema, SPAN_LITERAL(KQL_INGESTION_COLUMN));

    if (f == NULL)
        return missing_row(b, s);
    if (column != UINT32_MAX && s->child_count == 0)
        return bind_column(b, &b->input->schema, column, s);
    return bind_scalar(b, f, s);
}

static void
no_function(struct bind *b, const struct kql_syntax *s)
{
    struct kql_nearest nearest = {.wanted = s->name};

    for (const struct kql_function *f = kql_function_next(NULL); f != NULL && !kql_is_full(b->d);
         f = kql_function_next(f))
        if (f->kind == KQL_SCALAR || f->kind == KQL_WINDOW ||
            (f->kind == KQL_AGGREGATE && b->aggregates != NULL))
            kql_nearest_offer(&nearest, span_of(f->name));
    for (const struct bind_symbol *symbol = b->symbols; symbol != NULL && !kql_is_full(b->d);
         symbol = symbol->older)
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
    struct bind_arguments a = bind_arguments_of(b, s);

    if (!b->windows_allowed) {
        kql_complain(b->d, KQL_E_SERIALIZED, s->at, s->size,
                     "%s() needs rows in an order that is meant: put 'serialize' or 'sort by' "
                     "before it",
                     f->name);
        return bind_unknown(b, s);
    }
    return bind_call(b, f, a.items, a.count, s);
}

static const struct kql_expr *
bind_scalar(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    struct bind_arguments a;
    const struct kql_expr *e;

    /* its arguments may be forms of its own */
    if ((f->flags & KQL_F_NOT_BUILT) != 0 && !bind_not_built(b, s, f->name, "()"))
        return bind_unknown(b, s);
    a = bind_arguments_of(b, s);
    e = bind_call(b, f, a.items, a.count, s);
    if (f->tuple != NULL && e->type != KQL_UNKNOWN)
        return scalar_tuple(b, s, f, e);
    return e;
}

/* array_sort_asc(a, b, ...): a sorted, the others in the same order; d_sorted, or array0_sorted of
 * what has no name. */
static const struct kql_expr *
bind_array_sort(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_function *element = kql_operator_find("[]");
    struct bind_arguments a = bind_arguments_of(b, s);
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
    bind_add_tuple(b, results, names, count);
    return results[0];
}

/* pack_array(*), estimate_data_size(*): of all columns. */
static const struct kql_expr *
bind_star_call(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_expr **arguments;
    uint32_t count = 0;

    if (f == NULL)
        return missing_row(b, s);
    if (s->child_count != 1 || s->children[0]->kind != SYN_STAR || b->input == NULL)
        return bind_scalar(b, f, s);
    arguments = pool_take(b->pool, (b->input->schema.count + 1) * sizeof *arguments);
    for (uint32_t i = 0; i < b->input->schema.count; i++)
        if (!bind_is_hidden(b->input->schema.columns[i].name))
            arguments[count++] = bind_column(b, &b->input->schema, i, s->children[0]);
    return bind_call(b, f, arguments, count, s);
}

/* bin() or bin_at() with what the query has set. */
static const struct kql_expr *
bind_bin_auto(struct bind *b, const struct kql_function *f, const struct kql_syntax *s)
{
    const struct kql_function *bin =
        kql_function_find(span_of(b->bin_at != NULL ? "bin_at" : "bin"), KQL_SCALAR);
    const struct kql_expr *arguments[3];
    uint32_t count = 2;

    if (f == NULL || bin == NULL)
        return missing_row(b, s);
    if (s->child_count != 1 || b->bin_size == NULL) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size,
                     "bin_auto() takes one argument, and the size of the bins from "
                     "'set query_bin_auto_size=...;' before the query");
        return bind_unknown(b, s);
    }
    arguments[0] = bind_expr(b, s->children[0]);
    arguments[1] = bind_expr(b, b->bin_size);
    if (b->bin_at != NULL)
        arguments[count++] = bind_expr(b, b->bin_at);
    return bind_call(b, bin, arguments, count, s);
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
    {"column_names_of",     bind_column_names    },
    {"datetime_diff",       bind_datetime_diff   },
    {"estimate_data_size",  bind_star_call       },
    {"pack_array",          bind_star_call       },
    {"array_sort_asc",      bind_array_sort      },
    {"array_sort_desc",     bind_array_sort      },
    {"extract",             bind_typed_extract   },
    {"extract_json",        bind_typed_extract   },
    {"extractjson",         bind_typed_extract   },
    {"percentile_tdigest",  bind_typed_extract   },
    {"ingestion_time",      bind_ingestion_time  },
    {"bin_auto",            bind_bin_auto        },
    {"cluster",             bind_not_here        },
    {"database",            bind_not_here        },
    {"external_table",      bind_not_here        },
    {"materialized_view",   bind_not_here        },
    {"stored_query_result", bind_not_here        },
    {"entity_group",        bind_not_here        },
};

bool
bind_is_built_in(struct span name)
{
    static const enum kql_function_kind kinds[] = {KQL_SCALAR, KQL_AGGREGATE, KQL_WINDOW};
    const struct kql_function *f;

    for (size_t i = 0; i < COUNT_OF(specials); i++)
        if (span_is(name, specials[i].name))
            return true;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if ((f = kql_function_find(name, kinds[i])) != NULL && !bind_is_foreign(name))
            return true;
    return false;
}

/* What other databases, clusters and services are reached by. */
bool
bind_is_elsewhere(struct span name)
{
    static const char *const names[] = {"database", "cluster", "workspace", "app",
                                        "adx",      "arg",     "resource",  NULL};

    return bind_is_among(name, names);
}

bool
bind_names_place(const struct kql_syntax *s)
{
    if (s == NULL || s->kind != SYN_PATH)
        return false;
    while (s->kind == SYN_PATH)
        s = s->children[0];
    return s->kind == SYN_CALL && bind_is_elsewhere(s->name);
}

static const struct kql_expr *
bind_by_name(struct bind *b, const struct kql_syntax *s)
{
    const struct bind_symbol *symbol = bind_find_symbol(b, s->name);
    const struct kql_function *f, *aggregate, *window;

    if (symbol == NULL)
        symbol = bind_find_stored(b, s);
    if (symbol != NULL)
        return bind_called_symbol(b, symbol, s);
    f = kql_function_find(s->name, KQL_SCALAR);
    aggregate = kql_function_find(s->name, KQL_AGGREGATE);
    window = kql_function_find(s->name, KQL_WINDOW);
    if (aggregate != NULL && b->aggregates != NULL)
        return bind_aggregate_call(b, aggregate, s);
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
    if (bind_is_foreign(s->name))
        bind_foreign(b, s, s->name);
    else if (bind_is_elsewhere(s->name))
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size,
                     "other databases and clusters cannot be reached from here: %.*s()",
                     (int)s->name.n, s->name.p);
    else
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
