/* bind.c - statements, names and tables: let, declare, set; functions of the query, which are bound
 * anew where they are called; pipes. */
#include "kql/bind_inner.h"
#include <stdlib.h>

/* ---- operators' common part ---- */

struct kql_op *
bind_op_new(struct bind *b, enum kql_op_kind kind, const struct kql_syntax *at,
            const struct kql_op *input)
{
    struct kql_op *op = pool_zeroed(b->pool, 1, sizeof *op);

    op->kind = kind;
    op->input = input;
    if (at != NULL) {
        op->at = at->at;
        op->size = at->size;
    }
    if (input != NULL) {
        op->schema = input->schema;
        op->is_serialized = input->is_serialized;
    }
    return op;
}

static const struct kql_op *
table_unknown(struct bind *b, const struct kql_syntax *at)
{
    struct kql_op *op = bind_op_new(b, KQL_ROWS_INLINE, at, NULL);

    op->schema.is_open = true;
    return op;
}

/* ---- names ---- */

const struct bind_symbol *
bind_find_symbol(const struct bind *b, struct span name)
{
    for (const struct bind_symbol *s = b->symbols; s != NULL; s = s->older)
        if (span_equal(s->name, name))
            return s;
    return NULL;
}

static void
declare(struct bind *b, struct bind_symbol symbol, const struct kql_syntax *at)
{
    struct bind_symbol *s = pool_take(b->pool, sizeof *s);

    for (const struct bind_symbol *old = b->symbols; old != b->scope_end && old != NULL;
         old = old->older) {
        if (!span_equal(old->name, symbol.name))
            continue;
        kql_complain(b->d, KQL_E_NAME, at == NULL ? 0 : at->name_at, at == NULL ? 0 : at->name_size,
                     "'%.*s' is declared twice", (int)symbol.name.n, symbol.name.p);
        return;
    }
    *s = symbol;
    s->older = b->symbols;
    b->symbols = s;
}

void
bind_declare(struct bind *b, struct bind_symbol symbol)
{
    declare(b, symbol, NULL);
}

struct bind_symbol
bind_scalar_symbol(struct bind *b, struct span name, const struct kql_expr *e)
{
    return (struct bind_symbol){.name = name,
                                .kind = SYMBOL_SCALAR,
                                .expr = e,
                                .row = bind_is_constant(b, e) ? NULL
                                       : b->input != NULL     ? b->input
                                                              : b->caller_row};
}

/* ---- what is a table ---- */

static bool
names_table(const struct bind *b, struct span name)
{
    if (b->environment->source != NULL && span_is(name, "source"))
        return true;
    return bind_has_table(b, name);
}

static const struct kql_syntax *
last_of(const struct kql_syntax *function)
{
    return function->child_count > 1 ? function->children[function->child_count - 1] : NULL;
}

static bool is_tabular_at(struct bind *b, const struct kql_syntax *s, uint32_t depth);

/* Whether what the body ends with is a table, without binding it. */
static bool
function_is_tabular(struct bind *b, const struct bind_symbol *f, uint32_t depth)
{
    const struct kql_syntax *last = last_of(f->function);
    const struct kql_syntax *parameters = f->function->children[0];
    struct bind_symbol *symbols = b->symbols;
    const struct kql_op *input = b->input;
    bool result;

    if (last == NULL || depth > BIND_DEPTH_MAX)
        return false;
    if (last->kind == SYN_NAME || last->kind == SYN_CALL) {
        for (uint32_t i = 1; i + 1 < f->function->child_count; i++) {
            const struct kql_syntax *let = f->function->children[i];

            if (let->kind != SYN_LET || !span_equal(let->name, last->name) || let->child_count == 0)
                continue;
            last = let->children[0];
            if (last->kind == SYN_FUNCTION)
                last = last_of(last);
            break;
        }
        if (last == NULL)
            return false;
        for (uint32_t i = 0; parameters != NULL && i < parameters->child_count; i++)
            if (last->kind == SYN_NAME && span_equal(parameters->children[i]->name, last->name))
                return parameters->children[i]->child_count > 0 &&
                       parameters->children[i]->children[0]->kind == SYN_SCHEMA;
    }
    b->symbols = f->scope;
    b->input = NULL;
    result = is_tabular_at(b, last, depth + 1);
    b->symbols = symbols;
    b->input = input;
    return result;
}

static bool
is_tabular_at(struct bind *b, const struct kql_syntax *s, uint32_t depth)
{
    static const char *const calls[] = {"table", "external_table", "materialized_view",
                                        "stored_query_result"};
    const struct bind_symbol *symbol;

    if (s == NULL)
        return false;
    switch (s->kind) {
    case SYN_PIPE:
    case SYN_DATATABLE:
    case SYN_EXTERNALDATA:
    case SYN_PRINT:
    case SYN_RANGE:
    case SYN_UNION_SOURCE:
    case SYN_SEARCH_SOURCE:
    case SYN_FIND:
    case SYN_EVALUATE: /* of a plugin that needs no rows: sql_request() */
    case SYN_MATERIALIZE:
    case SYN_TO_TABLE:
    case SYN_CONTEXT:
    case SYN_MACRO_EXPAND:
        return true;
    case SYN_LIST:
        return s->child_count == 1 && is_tabular_at(b, s->children[0], depth);
    case SYN_PATH:
        return bind_names_place(s);
    case SYN_NAME:
        if (b->input != NULL && bind_find_column(&b->input->schema, s->name) != UINT32_MAX)
            return false;
        symbol = bind_find_symbol(b, s->name);
        if (symbol == NULL)
            symbol = bind_find_stored(b, s);
        if (symbol == NULL)
            return names_table(b, s->name);
        return symbol->kind == SYMBOL_TABLE ||
               (symbol->kind == SYMBOL_FUNCTION && function_is_tabular(b, symbol, depth));
    case SYN_CALL:
        symbol = bind_find_symbol(b, s->name);
        if (symbol == NULL)
            symbol = bind_find_stored(b, s);
        if (symbol != NULL)
            return symbol->kind == SYMBOL_TABLE ||
                   (symbol->kind == SYMBOL_FUNCTION && function_is_tabular(b, symbol, depth));
        for (size_t i = 0; i < COUNT_OF(calls); i++)
            if (span_is(s->name, calls[i]))
                return true;
        return bind_is_foreign(s->name);
    default:
        return false;
    }
}

bool
bind_is_tabular(struct bind *b, const struct kql_syntax *s)
{
    return is_tabular_at(b, s, 0);
}

/* ---- tables ---- */

static const struct kql_op *
bind_called_table(struct bind *b, const struct bind_symbol *symbol, const struct kql_syntax *s)
{
    struct bind_called called = bind_call_symbol(b, symbol, s);

    if (called.table != NULL)
        return called.table;
    if (called.expr != NULL && called.expr->type != KQL_UNKNOWN)
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "%.*s() gives a value; a table is expected",
                     (int)s->name.n, s->name.p);
    return table_unknown(b, s);
}

static const struct kql_op *
bind_named_table(struct bind *b, const struct kql_syntax *s, struct span name)
{
    const struct kql_environment *env = b->environment;
    const struct bind_symbol *symbol = bind_find_symbol(b, name);
    const struct kql_op *table;

    if (symbol == NULL && s->kind == SYN_NAME) /* table("x") is the table */
        symbol = bind_find_stored(b, s);
    if (symbol != NULL && symbol->kind == SYMBOL_TABLE)
        return symbol->table;
    if (symbol != NULL && symbol->kind == SYMBOL_FUNCTION)
        return bind_called_table(b, symbol, s);
    if (symbol != NULL) {
        if (symbol->expr->type != KQL_UNKNOWN)
            kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "'%.*s' is a %s; a table is expected",
                         (int)name.n, name.p, kql_type_name(symbol->expr->type));
        return table_unknown(b, s);
    }
    if (env->source != NULL && span_is(name, "source"))
        return bind_table_of(b, env->source, s);
    table = bind_environment_table(b, name, s);
    if (table != NULL)
        return table;
    bind_no_table(b, s, name, env->context);
    return table_unknown(b, s);
}

static const struct kql_op *
bind_table_call(struct bind *b, const struct kql_syntax *s)
{
    const struct bind_symbol *symbol = bind_find_symbol(b, s->name);
    struct kql_value name;

    if (symbol == NULL)
        symbol = bind_find_stored(b, s);
    if (symbol != NULL && symbol->kind == SYMBOL_FUNCTION)
        return bind_called_table(b, symbol, s);
    if (symbol != NULL && symbol->kind == SYMBOL_TABLE && s->child_count == 0)
        return symbol->table;
    if (span_is(s->name, "table") && s->child_count > 0) {
        if (!bind_constant(b, s->children[0], KQL_STRING, "the name of the table", &name))
            return table_unknown(b, s);
        return bind_named_table(b, s, kql_text(&name));
    }
    if (bind_is_foreign(s->name)) {
        const struct kql_op *foreign = bind_foreign_table(b, s, NULL);

        return foreign != NULL ? foreign : table_unknown(b, s);
    }
    if (kql_function_find(s->name, KQL_SCALAR) != NULL)
        kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "%.*s() gives a value; a table is expected",
                     (int)s->name.n, s->name.p);
    else
        bind_function_call(b, s); /* complains */
    return table_unknown(b, s);
}

static const struct kql_op *
bind_source_of(struct bind *b, const struct kql_syntax *s)
{
    struct kql_op *op;

    switch (s->kind) {
    case SYN_MISSING:
        return table_unknown(b, s);
    case SYN_NAME:
        if ((s->op & 2) != 0) {
            kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                         "'%.*s' stands for several tables; use union %.*s", (int)s->name.n,
                         s->name.p, (int)s->name.n, s->name.p);
            return table_unknown(b, s);
        }
        return bind_named_table(b, s, s->name);
    case SYN_CALL:
        return bind_table_call(b, s);
    case SYN_LIST:
        if (s->child_count == 1)
            return bind_table(b, s->children[0]);
        break;
    case SYN_MATERIALIZE: {
        const struct kql_op *input = bind_table(b, s->children[0]);

        op = bind_op_new(b, KQL_OP_MATERIALIZE, s, input);
        return op;
    }
    case SYN_TO_TABLE:
        return bind_table(b, s->children[0]);
    case SYN_CONTEXT:
        if (b->context != NULL)
            return b->context;
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size, "there are no rows to start from here");
        return table_unknown(b, s);
    case SYN_PATH:
        if (bind_names_place(s)) {
            const struct kql_op *table = bind_place_table(b, s);

            return table != NULL ? table : table_unknown(b, s);
        }
        break;
    case SYN_DATATABLE:
    case SYN_EXTERNALDATA:
    case SYN_PRINT:
    case SYN_RANGE:
    case SYN_UNION_SOURCE:
    case SYN_SEARCH_SOURCE:
    case SYN_FIND:
    case SYN_EVALUATE:
        return bind_source(b, s);
    case SYN_MACRO_EXPAND:
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size,
                     "macro-expand is part of the language, but not built");
        return table_unknown(b, s);
    default:
        break;
    }
    kql_complain(b->d, KQL_E_TYPE, s->at, s->size, "a table is expected here, not %s",
                 kql_syntax_name(s->kind));
    return table_unknown(b, s);
}

static const struct kql_op *
bind_pipe(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_syntax *first = s, **operators;
    const struct kql_op *input;
    size_t count = 0;

    for (; first->kind == SYN_PIPE; first = first->children[0])
        count++;
    operators = pool_take(b->pool, (count + 1) * sizeof *operators);
    first = s;
    for (size_t i = count; i-- > 0; first = first->children[0])
        operators[i] = first->children[1];
    input = bind_source_of(b, first);
    for (size_t i = 0; i < count; i++) {
        if (operators[i] == NULL || operators[i]->kind == SYN_MISSING)
            continue;
        b->input = input;
        input = bind_operator(b, operators[i], input);
        pool_check(b->pool);
    }
    b->input = NULL;
    return input;
}

const struct kql_op *
bind_table(struct bind *b, const struct kql_syntax *s)
{
    struct bind saved = *b;
    const struct kql_op *op;

    b->input = NULL;
    b->aggregates = NULL;
    b->windows_allowed = false;
    b->join = NULL;
    b->scan = NULL;
    b->is_predicate_all = b->is_search = false;
    b->caller_row = NULL;
    op = s == NULL ? table_unknown(b, NULL) : bind_pipe(b, s);
    b->input = saved.input;
    b->aggregates = saved.aggregates;
    b->windows_allowed = saved.windows_allowed;
    b->join = saved.join;
    b->scan = saved.scan;
    b->is_predicate_all = saved.is_predicate_all;
    b->is_search = saved.is_search;
    b->caller_row = saved.caller_row;
    return op;
}

const struct kql_op *
bind_sub_query(struct bind *b, const struct kql_syntax *s, const struct kql_op *context)
{
    const struct kql_op *outer = b->context, *op;

    if (b->depth >= BIND_DEPTH_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size,
                     "sub-queries and functions are nested more than %d deep here", BIND_DEPTH_MAX);
        return table_unknown(b, s);
    }
    b->depth++;
    b->context = context;
    op = bind_table(b, s);
    b->context = outer;
    b->depth--;
    return op;
}

/* ---- functions of the query ---- */

const struct kql_syntax *
bind_parameter_default(const struct kql_syntax *parameter)
{
    return parameter->child_count > 1 ? parameter->children[1] : NULL;
}

static bool
is_table_parameter(const struct kql_syntax *parameter)
{
    return parameter->child_count > 0 && parameter->children[0] != NULL &&
           parameter->children[0]->kind == SYN_SCHEMA;
}

static enum kql_type
parameter_type(const struct kql_syntax *parameter)
{
    if (parameter->child_count > 0 && parameter->children[0] != NULL &&
        parameter->children[0]->kind == SYN_TYPE)
        return parameter->children[0]->value.type;
    return KQL_UNKNOWN;
}

/* The table has the columns that the parameter asks for. */
static void
check_table_argument(struct bind *b, const struct kql_syntax *parameter, const struct kql_op *table,
                     const struct kql_syntax *at)
{
    const struct kql_syntax *schema = parameter->children[0];

    for (uint32_t i = 0; i < schema->child_count; i++) {
        const struct kql_syntax *column = schema->children[i];
        uint32_t index = bind_find_column(&table->schema, column->name);

        if (index == UINT32_MAX) {
            if (!table->schema.is_open)
                kql_complain(b->d, KQL_E_COLUMN, at->at, at->size,
                             "the table has no column '%.*s', which the parameter '%.*s' asks for",
                             (int)column->name.n, column->name.p, (int)parameter->name.n,
                             parameter->name.p);
            return;
        }
        if (column->child_count > 0 && column->children[0]->kind == SYN_TYPE &&
            column->children[0]->value.type != table->schema.columns[index].type) {
            kql_complain(b->d, KQL_E_TYPE, at->at, at->size,
                         "the table's column '%.*s' is a %s; the parameter '%.*s' asks for a %s",
                         (int)column->name.n, column->name.p,
                         kql_type_name(table->schema.columns[index].type), (int)parameter->name.n,
                         parameter->name.p, kql_type_name(column->children[0]->value.type));
            return;
        }
    }
}

static const struct kql_expr *
scalar_argument(struct bind *b, const struct kql_syntax *parameter, const struct kql_syntax *s)
{
    enum kql_type type = parameter_type(parameter);
    const struct kql_expr *e = bind_expr(b, s);

    if (type == KQL_UNKNOWN || e->type == KQL_UNKNOWN)
        return e;
    return bind_cast(b, e, type);
}

/* Which argument each parameter gets; false: complained. */
static bool
match_arguments(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s,
                const struct kql_syntax **given, bool has_input)
{
    const struct kql_syntax *parameters = f->function->children[0];
    uint32_t count = parameters->child_count, next = has_input ? 1 : 0, required = 0;
    uint32_t arguments = s->kind == SYN_CALL ? s->child_count : 0;

    for (uint32_t i = 0; i < count; i++)
        required += bind_parameter_default(parameters->children[i]) == NULL;
    if (arguments + next > count) {
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size,
                     "%.*s() takes %u argument%s; %u are given", (int)f->name.n, f->name.p,
                     (unsigned)count, count == 1 ? "" : "s", (unsigned)(arguments + next));
        return false;
    }
    for (uint32_t i = 0; i < arguments; i++) {
        const struct kql_syntax *argument = s->children[i];
        uint32_t to = next++; /* f(a=1, x): x stands at the second place */

        if (argument->kind == SYN_NAMED && (argument->op & 1) == 0) {
            for (to = 0; to < count; to++)
                if (span_equal(parameters->children[to]->name, argument->name))
                    break;
            if (to == count) {
                kql_complain(b->d, KQL_E_ARGUMENTS, argument->name_at, argument->name_size,
                             "%.*s() has no parameter '%.*s'", (int)f->name.n, f->name.p,
                             (int)argument->name.n, argument->name.p);
                return false;
            }
            argument = argument->children[0];
        }
        if (to >= count || given[to] != NULL) {
            kql_complain(b->d, KQL_E_ARGUMENTS, argument->at, argument->size,
                         "this argument of %.*s() is given twice", (int)f->name.n, f->name.p);
            return false;
        }
        given[to] = argument;
    }
    for (uint32_t i = has_input ? 1 : 0; i < count; i++) {
        if (given[i] != NULL || bind_parameter_default(parameters->children[i]) != NULL)
            continue;
        kql_complain(b->d, KQL_E_ARGUMENTS, s->at, s->size,
                     "%.*s() needs its argument '%.*s' (%u of %u are required)", (int)f->name.n,
                     f->name.p, (int)parameters->children[i]->name.n,
                     parameters->children[i]->name.p, (unsigned)required, (unsigned)count);
        return false;
    }
    return true;
}

static void bind_let(struct bind *b, const struct kql_syntax *s);

struct bind_called
bind_function_body(struct bind *b, const struct kql_syntax *function)
{
    struct bind_called result = {NULL, NULL};

    for (uint32_t i = 1; i < function->child_count; i++) {
        const struct kql_syntax *s = function->children[i];

        if (s == NULL || s->kind == SYN_MISSING)
            continue;
        if (s->kind == SYN_LET) {
            bind_let(b, s);
        } else if (i + 1 < function->child_count) {
            kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                         "only let stands before the last statement of a function");
        } else if (bind_is_tabular(b, s)) {
            result.table = bind_table(b, s);
        } else {
            result.expr = bind_expr(b, s);
        }
    }
    return result;
}

/* T | invoke FileProfile(SHA1, 500): the functions of Defender take a column by its bare name. */
static bool
names_column(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *parameter,
             const struct kql_syntax *given, const struct kql_op *input)
{
    const struct kql_syntax *type = parameter->child_count > 0 ? parameter->children[0] : NULL;

    return input != NULL && bind_is_foreign(f->name) && given->kind == SYN_NAME && type != NULL &&
           type->kind == SYN_TYPE && type->value.type == KQL_STRING &&
           bind_find_symbol(b, given->name) == NULL &&
           bind_find_column(&input->schema, given->name) != UINT32_MAX;
}

static struct bind_called
call_function(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s,
              const struct kql_op *input)
{
    const struct kql_syntax *parameters = f->function->children[0];
    uint32_t count = parameters->child_count;
    const struct kql_syntax **given = pool_zeroed(b->pool, count + 1, sizeof *given);
    struct bind_symbol *arguments = pool_zeroed(b->pool, count + 1, sizeof *arguments);
    struct bind saved = *b;
    struct bind_called result = {NULL, NULL};

    if (b->depth >= BIND_DEPTH_MAX || ++b->calls > BIND_CALLS_MAX) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size,
                     b->depth >= BIND_DEPTH_MAX ? "functions are nested too deep here"
                                                : "functions are called too often in one query");
        return result;
    }
    if (!match_arguments(b, f, s, given, input != NULL) || bind_stored_repeats(b, f, s))
        return result;
    for (uint32_t i = 0; i < count; i++) { /* bound where the call stands */
        const struct kql_syntax *parameter = parameters->children[i];

        arguments[i].name = parameter->name;
        if (is_table_parameter(parameter)) {
            const struct kql_op *table = i == 0 && input != NULL ? input
                                         : given[i] != NULL      ? bind_table(b, given[i])
                                                                 : table_unknown(b, s);

            check_table_argument(b, parameter, table, given[i] != NULL ? given[i] : s);
            arguments[i].kind = SYMBOL_TABLE;
            arguments[i].table = table;
        } else if (i == 0 && input != NULL) {
            kql_complain(b->d, KQL_E_TYPE, s->at, s->size,
                         "invoke needs a function whose first parameter is a table: "
                         "(T:(*), ...)");
            return result;
        } else if (given[i] != NULL && names_column(b, f, parameter, given[i], input)) {
            arguments[i] =
                bind_scalar_symbol(b, parameter->name,
                                   bind_const(b, KQL_STRING, kql_string(given[i]->name), given[i]));
        } else if (given[i] != NULL) {
            arguments[i] =
                bind_scalar_symbol(b, parameter->name, scalar_argument(b, parameter, given[i]));
        }
    }
    bind_stored_enter(b, f, s);
    b->caller_row = b->input != NULL ? b->input : b->caller_row;
    b->input = NULL;
    b->aggregates = NULL;
    b->windows_allowed = false;
    b->join = NULL;
    b->scan = NULL;
    b->context = NULL;
    b->symbols = f->scope;
    b->scope_end = f->scope;
    b->unnamed = 0;
    b->depth++;
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_syntax *parameter = parameters->children[i];

        if (given[i] == NULL && !is_table_parameter(parameter))
            arguments[i] = bind_scalar_symbol(
                b, parameter->name,
                scalar_argument(b, parameter, bind_parameter_default(parameter)));
    }
    for (uint32_t i = 0; i < count; i++)
        declare(b, arguments[i], parameters->children[i]);
    result = bind_function_body(b, f->function);
    bind_stored_leave(b, f);
    saved.tuples = b->tuples;
    saved.calls = b->calls;
    *b = saved;
    return result;
}

struct bind_called
bind_call_symbol(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s)
{
    return call_function(b, f, s, NULL);
}

struct bind_called
bind_invoke(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s,
            const struct kql_op *input)
{
    return call_function(b, f, s, input);
}

/* ---- statements ---- */

static void
bind_let(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_syntax *value = s->child_count > 0 ? s->children[0] : NULL;
    struct bind_symbol symbol = {.name = s->name};

    if (value == NULL || value->kind == SYN_MISSING) {
        symbol = bind_scalar_symbol(b, s->name, bind_unknown(b, s));
    } else if (value->kind == SYN_FUNCTION) {
        symbol.kind = SYMBOL_FUNCTION;
        symbol.function = value;
        symbol.scope = b->symbols;
    } else if (bind_is_tabular(b, value)) {
        symbol.kind = SYMBOL_TABLE;
        symbol.table = bind_table(b, value);
    } else {
        symbol = bind_scalar_symbol(b, s->name, bind_expr(b, value));
    }
    declare(b, symbol, s);
}

/* A value from outside is a literal of the language; its own complaints say nothing of the query's
 * text. */
static const struct kql_expr *
parameter_value(struct bind *b, struct span literal, const struct kql_syntax *s)
{
    struct kql_diagnostics d, *outer = b->d;
    const struct kql_syntax *text;
    const struct kql_expr *e = NULL;

    kql_diagnostics_init(&d, b->pool, literal);
    text = kql_parse(b->pool, literal, &d);
    b->d = &d;
    if (d.error_count == 0 && text->child_count == 1)
        e = bind_expr(b, text->children[0]);
    b->d = outer;
    if (e != NULL && d.error_count == 0 && e->kind == KQL_EXPR_CONST)
        return e;
    kql_complain(b->d, KQL_E_VALUE, s->at, s->size,
                 "the value given for the parameter '%.*s' is no literal of the language (texts "
                 "stand in quotes)",
                 (int)s->name.n, s->name.p);
    return bind_unknown(b, s);
}

static void
bind_declared(struct bind *b, const struct kql_syntax *parameter)
{
    const struct kql_environment *env = b->environment;
    const struct kql_syntax *otherwise = bind_parameter_default(parameter);
    enum kql_type type = parameter_type(parameter);
    const struct kql_expr *e = NULL, *converted;

    for (size_t i = 0; i < env->parameter_count; i++)
        if (span_equal(env->parameters[i].name, parameter->name))
            e = parameter_value(b, env->parameters[i].literal, parameter);
    if (e == NULL && otherwise != NULL)
        e = bind_expr(b, otherwise);
    if (e == NULL) {
        kql_complain(b->d, KQL_E_VALUE, parameter->at, parameter->size,
                     "the query parameter '%.*s' has no value, and no default",
                     (int)parameter->name.n, parameter->name.p);
        e = bind_unknown(b, parameter);
    }
    converted = type == KQL_UNKNOWN ? e : bind_convert(b, e, type);
    if (converted == NULL) {
        kql_complain(b->d, KQL_E_TYPE, parameter->at, parameter->size,
                     "the query parameter '%.*s' is a %s; its value is a %s",
                     (int)parameter->name.n, parameter->name.p, kql_type_name(type),
                     kql_type_name(e->type));
        converted = bind_unknown(b, parameter);
    }
    declare(b, bind_scalar_symbol(b, parameter->name, converted), parameter);
}

/* A scalar by itself is a print of it. */
static const struct kql_op *
bind_lone_scalar(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_expr *e = bind_expr(b, s);
    struct kql_op *op = bind_op_new(b, KQL_ROWS_PRINT, s, NULL);
    struct bind_columns columns;

    bind_columns_init(&columns, b, NAMING_PRINT);
    bind_columns_add(&columns, s, e);
    op->schema = bind_columns_schema(&columns);
    op->u.project.form = KQL_FORM_PRINT;
    op->u.project.exprs = columns.exprs;
    return op;
}

struct answers {
    const struct kql_op **plans;
    size_t count, room;
};

const struct kql_op *
bind_shown(struct bind *b, const struct kql_op *op)
{
    const struct kql_schema *in = &op->schema;
    struct kql_column *columns;
    const struct kql_expr **exprs;
    struct kql_op *shown;
    uint32_t count = 0, hidden = 0;

    for (uint32_t i = 0; i < in->count; i++)
        hidden += bind_is_hidden(in->columns[i].name);
    if (hidden == 0)
        return op;
    columns = pool_take(b->pool, (in->count + 1) * sizeof *columns);
    exprs = pool_take(b->pool, (in->count + 1) * sizeof *exprs);
    for (uint32_t i = 0; i < in->count; i++)
        if (!bind_is_hidden(in->columns[i].name)) {
            columns[count] = in->columns[i];
            exprs[count++] = bind_column(b, in, i, NULL);
        }
    shown = bind_op_new(b, KQL_OP_PROJECT, NULL, op);
    shown->schema = (struct kql_schema){columns, count, in->is_open};
    shown->weight = op->weight + 1;
    shown->u.project.form = KQL_FORM_AWAY;
    shown->u.project.exprs = exprs;
    return shown;
}

static void
add_plan(struct bind *b, struct answers *a, const struct kql_op *plan)
{
    if (plan->kind == KQL_OP_RENDER) { /* it stays the last */
        const struct kql_op *input = bind_shown(b, plan->input);
        struct kql_op *render = input != plan->input ? pool_take(b->pool, sizeof *render) : NULL;

        if (render != NULL) {
            *render = *plan;
            render->input = input;
            render->schema = input->schema;
            plan = render;
        }
    } else if (plan->kind != KQL_OP_FORK)
        plan = bind_shown(b, plan);
    a->plans = pool_grow(b->pool, a->plans, &a->room, a->count + 1, sizeof *a->plans);
    a->plans[a->count++] = plan;
}

static void
bind_statement(struct bind *b, const struct kql_syntax *s, struct answers *a, struct kql_bound *out)
{
    switch (s->kind) {
    case SYN_MISSING:
        return;
    case SYN_LET:
        bind_let(b, s);
        return;
    case SYN_SET: /* others are requests to the service: limits, caches, tracing */
        if (s->child_count == 1 && span_is(s->name, "query_bin_auto_size"))
            b->bin_size = s->children[0];
        else if (s->child_count == 1 && span_is(s->name, "query_bin_auto_at"))
            b->bin_at = s->children[0];
        return;
    case SYN_DECLARE:
        for (uint32_t i = 0; i < s->child_count; i++)
            bind_declared(b, s->children[i]);
        return;
    case SYN_PATTERN:
    case SYN_ALIAS:
    case SYN_RESTRICT:
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size, "%s is not built here",
                     kql_syntax_name(s->kind));
        return;
    case SYN_FUNCTION:
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                     "a function is given a name with let, then called");
        return;
    default:
        break;
    }
    if (bind_is_tabular(b, s) || s->kind == SYN_NAME) {
        const struct bind_symbol *symbol = bind_find_symbol(b, s->name);

        if (s->kind == SYN_NAME && symbol != NULL && symbol->kind == SYMBOL_SCALAR) {
            out->is_scalar = true;
            add_plan(b, a, bind_lone_scalar(b, s));
        } else {
            out->is_scalar = false;
            add_plan(b, a, bind_table(b, s));
        }
        return;
    }
    out->is_scalar = true;
    add_plan(b, a, bind_lone_scalar(b, s));
}

/* Where the syntax is wrong, types and places are guesses: of what was found behind it, only names
 * that nothing has are worth telling. */
static void
drop_guesses(struct kql_diagnostics *d, uint32_t from)
{
    uint32_t kept = from;

    for (uint32_t i = from; i < d->count; i++) {
        const struct kql_diagnostic *item = &d->items[i];
        bool is_not = item->size == 3 && memcmp(d->query.p + item->at, "not", 3) == 0;

        if ((item->code == KQL_E_TABLE || item->code == KQL_E_COLUMN ||
             item->code == KQL_E_FUNCTION || item->code == KQL_E_NOT_BUILT) &&
            !is_not)
            d->items[kept++] = *item;
        else if (!item->is_warning)
            d->error_count--;
    }
    d->count = kept;
}

bool
kql_bind(struct pool *p, struct span text, const struct kql_environment *environment,
         struct kql_diagnostics *d, struct kql_bound *out)
{
    struct bind_store store = {NULL, NULL};
    struct bind b = {.pool = p, .d = d, .environment = environment, .store = &store};
    struct answers answers = {0};
    const struct kql_syntax *query;
    uint32_t syntax_count;

    *out = (struct kql_bound){0};
    query = kql_parse(p, text, d);
    syntax_count = d->error_count > 0 ? d->count : KQL_DIAGNOSTICS_MAX;
    for (uint32_t i = 0; i < query->child_count; i++)
        if (query->children[i] != NULL)
            bind_statement(&b, query->children[i], &answers, out);
    out->reads_external = b.reads_external;
    if (answers.count == 0 && d->error_count == 0)
        kql_complain(d, KQL_E_TABLE, (uint32_t)text.n, 0,
                     "the query ends without a table to answer with");
    if (syntax_count < d->count)
        drop_guesses(d, syntax_count);
    if (d->error_count > 0)
        return false;
    out->plans = answers.plans;
    out->plan_count = (uint32_t)answers.count;
    out->plan = answers.plans[answers.count - 1];
    return true;
}
