/* bind_stored.c - functions that the environment stores. Each is parsed at the first name that no
 * symbol has, and bound anew at each call like a function of the query, but in a scope of its own: it
 * sees tables and other stored functions, and no name of the query that calls it.
 *
 * Places in its text are numbers behind those of the query (kql_source), so that whatever is complained
 * of says in which function, and stands where the query calls it. */
#include "kql/bind_inner.h"
#include <ctype.h>

struct bind_stored {
    struct bind_stored *older;
    struct span name;
    struct bind_symbol symbol; /* its function is NULL: there is none of that name */
    struct kql_source source;
    struct bind_stored *caller; /* while is_called */
    bool is_called;
};

/* ---- the text ---- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct span
kql_function_text(struct pool *p, struct span name, struct span parameters, struct span body)
{
    const struct span parts[] = {SPAN_LITERAL("let "),  name, SPAN_LITERAL(" = ("), parameters,
                                 SPAN_LITERAL(") {\n"), body, SPAN_LITERAL("\n}")};
    size_t size = 0, n = 0;
    char *text;

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        size += parts[i].n;
    text = pool_take(p, size + 1);
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].n > 0)
            memcpy(text + n, parts[i].p, parts[i].n);
        for (size_t k = 0; i == 3 && k < parts[i].n; k++) /* the body begins on the second line */
            if (is_blank(text[n + k]))
                text[n + k] = ' ';
        n += parts[i].n;
    }
    text[n] = '\0';
    return (struct span){text, n};
}

/* Where the body begins: behind the brace, and the line's end if that follows. */
static uint32_t
body_of(struct span text, const struct kql_syntax *function)
{
    const struct kql_syntax *parameters = function->children[0];
    size_t at = (size_t)parameters->at + parameters->size;

    while (at < text.n && text.p[at] != '{')
        at++;
    at++;
    while (at < text.n && (text.p[at] == ' ' || text.p[at] == '\r'))
        at++;
    return (uint32_t)(at < text.n && text.p[at] == '\n' ? at + 1 : at);
}

/* The function of a text that is one let of one; NULL: it is not. */
static const struct kql_syntax *
function_of(const struct kql_syntax *query, struct span name)
{
    const struct kql_syntax *let = query->child_count == 1 ? query->children[0] : NULL;

    if (let == NULL || let->kind != SYN_LET || !span_equal(let->name, name) ||
        let->child_count != 1 || let->children[0] == NULL ||
        let->children[0]->kind != SYN_FUNCTION || let->children[0]->child_count < 2 ||
        let->children[0]->children[0] == NULL)
        return NULL;
    return let->children[0];
}

/* Moves the places of a tree to where its text begins. Those that are moved lie behind it: a node that
 * is met twice is moved once. */
static void
move(const struct kql_syntax *s, uint32_t base)
{
    struct kql_syntax *n = (struct kql_syntax *)(uintptr_t)s;

    if (n == NULL || n->at >= base)
        return;
    n->at += base;
    n->name_at += base;
    for (uint32_t i = 0; i < n->option_count; i++) {
        struct kql_option *o = (struct kql_option *)(uintptr_t)&n->options[i];

        o->at += base;
        move(o->value, base);
    }
    for (uint32_t i = 0; i < n->child_count; i++)
        move(n->children[i], base);
}

/* ---- finding ---- */

/* Complains of the text at its first mistake. */
static void
complain_of_text(struct bind *b, const struct kql_syntax *s, const struct kql_diagnostics *d)
{
    kql_complain(b->d, KQL_E_FUNCTION, s->at, s->size,
                 "the stored function '%.*s' cannot be read: %s", (int)s->name.n, s->name.p,
                 d->count > 0 ? d->items[0].text : "its text is not one function of that name");
}

static void
read_text(struct bind *b, struct bind_stored *f, struct span text, const struct kql_syntax *s)
{
    struct kql_diagnostics d;
    const struct kql_syntax *query, *function;

    text = pool_text(b->pool, text); /* names in answers are pieces of it */
    kql_diagnostics_init(&d, b->pool, text);
    query = kql_parse(b->pool, text, &d);
    function = d.error_count > 0 ? NULL : function_of(query, f->name);
    f->source = (struct kql_source){.name = f->name, .text = text};
    if (function == NULL) {
        complain_of_text(b, s, &d);
        return;
    }
    f->source.body = body_of(text, function);
    if (!kql_diagnostics_add(b->d, &f->source)) {
        kql_complain(b->d, KQL_E_LIMIT, s->at, s->size, "the stored functions are too long");
        return;
    }
    move(query, f->source.base);
    f->symbol = (struct bind_symbol){
        .name = f->name, .kind = SYMBOL_FUNCTION, .function = function, .stored = f};
}

static struct bind_stored *
store_find(const struct bind *b, struct span name)
{
    for (struct bind_stored *f = b->store->newest; f != NULL; f = f->older)
        if (span_equal(f->name, name))
            return f;
    return NULL;
}

static struct bind_stored *
store_add(struct bind *b, struct span name)
{
    struct bind_stored *f = pool_zeroed(b->pool, 1, sizeof *f);

    f->name = name;
    f->older = b->store->newest;
    b->store->newest = f;
    return f;
}

const struct bind_symbol *
bind_find_stored(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_environment *e = b->environment;
    struct bind_stored *f;
    struct span text;

    if (e->function == NULL || s->name.n == 0 || (s->kind == SYN_NAME && (s->op & 2) != 0) ||
        (s->kind == SYN_CALL && bind_is_built_in(s->name)))
        return NULL;
    f = store_find(b, s->name);
    if (f == NULL) {
        f = store_add(b, s->name);
        if (e->function(e->context, s->name, &text))
            read_text(b, f, text, s);
    }
    return f->symbol.function != NULL ? &f->symbol : NULL;
}

/* ---- calling ---- */

bool
bind_stored_repeats(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s)
{
    struct span path;

    if (f->stored == NULL || !f->stored->is_called)
        return false;
    path = f->name;
    for (const struct bind_stored *i = b->store->called; i != NULL; i = i->caller) {
        path = pool_printf(b->pool, "%.*s -> %.*s", (int)i->name.n, i->name.p, (int)path.n, path.p);
        if (i == f->stored)
            break;
    }
    kql_complain(b->d, KQL_E_FUNCTION, s->at, s->size, "function '%.*s' calls itself: %.*s",
                 (int)f->name.n, f->name.p, (int)path.n, path.p);
    return true;
}

void
bind_stored_enter(struct bind *b, const struct bind_symbol *f, const struct kql_syntax *s)
{
    if (f->stored == NULL)
        return;
    f->stored->source.called_at = s->at;
    f->stored->source.called_size = s->size;
    f->stored->is_called = true;
    f->stored->caller = b->store->called;
    b->store->called = f->stored;
}

void
bind_stored_leave(struct bind *b, const struct bind_symbol *f)
{
    if (f->stored == NULL)
        return;
    f->stored->is_called = false;
    b->store->called = f->stored->caller;
}

/* ---- checking, when one is to be stored ---- */

bool
kql_function_name_is_free(struct span name, const struct kql_environment *e, struct err *err)
{
    static const char *const taken[] = {"table",
                                        "external_table",
                                        "materialized_view",
                                        "materialize",
                                        "stored_query_result",
                                        "toscalar",
                                        "totable",
                                        "source",
                                        "let",
                                        "set",
                                        "declare",
                                        "alias",
                                        "restrict",
                                        "pattern",
                                        "print",
                                        "range",
                                        "union",
                                        "search",
                                        "find",
                                        "datatable",
                                        "externaldata",
                                        "evaluate",
                                        "view",
                                        "typeof",
                                        "dynamic",
                                        "datetime",
                                        "timespan",
                                        "time",
                                        NULL};
    bool is_word = name.n > 0 && !isdigit((unsigned char)name.p[0]);
    struct kql_table table;

    for (size_t i = 0; i < name.n; i++)
        is_word = is_word && (isalnum((unsigned char)name.p[i]) || name.p[i] == '_');
    if (!is_word)
        (void)err_set(err, ST_INVALID,
                      "a function's name is a letter or _, then letters, digits and _");
    else if (kql_is_reserved(name))
        (void)err_set(err, ST_INVALID, "'%.*s' is a word of the language", (int)name.n, name.p);
    else if (bind_is_built_in(name) || bind_is_elsewhere(name) || bind_is_among(name, taken) ||
             kql_function_find(name, KQL_PLUGIN) != NULL)
        (void)err_set(err, ST_INVALID, "'%.*s' is a function of the language", (int)name.n, name.p);
    else if (e->table != NULL && e->table(e->context, name, &table))
        (void)err_set(err, ST_INVALID, "'%.*s' is a table", (int)name.n, name.p);
    else
        return true;
    return false;
}

/* A parameter without a value: what it is given the call will tell. */
static struct bind_symbol
parameter_symbol(struct bind *b, const struct kql_syntax *parameter)
{
    const struct kql_syntax *type = parameter->child_count > 0 ? parameter->children[0] : NULL;
    struct bind_columns columns;
    struct kql_op *table;

    if (type == NULL || type->kind != SYN_SCHEMA)
        return bind_scalar_symbol(b, parameter->name, bind_unknown(b, parameter));
    table = bind_op_new(b, KQL_ROWS_INLINE, parameter, NULL);
    bind_columns_init(&columns, b, NAMING_PROJECT);
    for (uint32_t i = 0; i < type->child_count; i++) {
        const struct kql_syntax *column = type->children[i];

        if (column->kind == SYN_COLUMN_DECLARATION && column->child_count > 0 &&
            column->children[0] != NULL && column->children[0]->kind == SYN_TYPE)
            bind_columns_put(&columns, column->name, column->children[0]->value.type,
                             bind_unknown(b, column));
    }
    table->schema = bind_columns_schema(&columns);
    table->schema.is_open = (type->op & 1) != 0;
    return (struct bind_symbol){.name = parameter->name, .kind = SYMBOL_TABLE, .table = table};
}

bool
kql_bind_function(struct pool *p, struct span name, struct span text,
                  const struct kql_environment *environment, struct kql_diagnostics *d,
                  bool *is_table)
{
    struct bind_store store = {NULL, NULL};
    struct bind b = {.pool = p, .d = d, .environment = environment, .store = &store};
    const struct kql_syntax *query = kql_parse(p, text, d), *function = function_of(query, name);
    struct bind_stored *self;
    struct bind_called called;

    *is_table = false;
    if (d->error_count == 0 && function == NULL)
        kql_complain(d, KQL_E_SYNTAX, 0, 0,
                     "parameters and body are not those of one function: is there a bracket or "
                     "brace too many?");
    if (d->error_count > 0)
        return false;
    self = store_add(&b, name); /* one that calls itself says so */
    self->symbol = (struct bind_symbol){
        .name = name, .kind = SYMBOL_FUNCTION, .function = function, .stored = self};
    self->is_called = true;
    store.called = self;
    for (uint32_t i = 0; i < function->children[0]->child_count; i++)
        bind_declare(&b, parameter_symbol(&b, function->children[0]->children[i]));
    called = bind_function_body(&b, function);
    *is_table = called.table != NULL;
    if (called.table == NULL && called.expr == NULL && d->error_count == 0)
        kql_complain(d, KQL_E_SYNTAX, (uint32_t)text.n, 0,
                     "the function ends without a value or table");
    return d->error_count == 0;
}
