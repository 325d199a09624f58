/* bind_place.c - whose tables a name means: those at hand, those of another place that the query
 * names (workspace("x").T), or those of several places at once, as one. */
#include "kql/bind_op_inner.h"

/* ---- names ---- */

bool
bind_has_table(const struct bind *b, struct span name)
{
    const struct kql_environment *e = b->environment;
    struct kql_table table;

    for (uint32_t i = 0; e->table != NULL && i < bind_context_count(b); i++)
        if (e->table(bind_context_at(b, i), name, &table))
            return true;
    return false;
}

const struct kql_op *
bind_table_of(struct bind *b, const struct kql_table *table, const struct kql_syntax *s)
{
    struct kql_op *op = bind_op_make(b, KQL_ROWS_TABLE, s, NULL, table->schema);

    op->u.table.name = table->name;
    op->u.table.handle = table->handle;
    op->u.table.whole = table->schema;
    return op;
}

const struct kql_op *
bind_environment_table(struct bind *b, struct span name, const struct kql_syntax *s)
{
    const struct kql_environment *e = b->environment;
    const struct kql_op **found = pool_take(b->pool, bind_context_count(b) * sizeof *found);
    struct kql_table table;
    uint32_t count = 0;

    for (uint32_t i = 0; e->table != NULL && i < bind_context_count(b); i++)
        if (e->table(bind_context_at(b, i), name, &table))
            found[count++] = bind_table_of(b, &table, s);
    if (count <= 1)
        return count == 0 ? NULL : found[0];
    return bind_union_of(b, s, found, NULL, count, (struct span){"", 0}, false);
}

void
bind_no_table(struct bind *b, const struct kql_syntax *s, struct span name, void *context)
{
    const struct kql_environment *e = b->environment;
    bool is_here = context == e->context;
    struct kql_nearest nearest = {.wanted = name};
    struct kql_table table;

    for (size_t i = 0; !kql_is_full(b->d) && e->table_at != NULL && e->table_at(context, i, &table);
         i++)
        kql_nearest_offer(&nearest, table.name);
    for (const struct bind_symbol *symbol = b->symbols;
         is_here && symbol != NULL && !kql_is_full(b->d); symbol = symbol->older)
        if (symbol->kind != SYMBOL_SCALAR)
            kql_nearest_offer(&nearest, symbol->name);
    if (is_here && e->source != NULL)
        kql_nearest_offer(&nearest, SPAN_LITERAL("source"));
    if (is_here && bind_is_foreign(name))
        bind_foreign(b, s, name);
    else if (nearest.best.p != NULL)
        kql_complain(b->d, KQL_E_TABLE, s->at, s->size, "no table '%.*s'%s; did you mean '%.*s'?",
                     (int)name.n, name.p, is_here ? "" : " there", (int)nearest.best.n,
                     nearest.best.p);
    else
        kql_complain(b->d, KQL_E_TABLE, s->at, s->size, "no table '%.*s'%s", (int)name.n, name.p,
                     is_here ? "" : " there");
}

/* ---- places ---- */

/* The constant text of workspace("x"). Quiet: only a literal is looked at. */
static bool
place_name(struct bind *b, const struct kql_syntax *call, bool is_quiet, struct span *out)
{
    struct kql_value v;

    if (call->child_count != 1 || call->children[0] == NULL) {
        if (!is_quiet)
            kql_complain(b->d, KQL_E_ARGUMENTS, call->at, call->size,
                         "%.*s() takes one argument, a name", (int)call->name.n, call->name.p);
        return false;
    }
    if (is_quiet && call->children[0]->kind != SYN_LITERAL)
        return false;
    if (!bind_constant(b, call->children[0], KQL_STRING, "the name of another place", &v))
        return false;
    *out = kql_text(&v);
    return true;
}

static bool
not_from_here(struct bind *b, const struct kql_syntax *s, const struct kql_syntax *call,
              bool is_quiet)
{
    if (!is_quiet)
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size,
                     "other databases and clusters cannot be reached from here: %.*s()",
                     (int)call->name.n, call->name.p);
    return false;
}

/* The calls before the table's name: one, or cluster() and database(). */
static bool
place_read(struct bind *b, const struct kql_syntax *s, bool is_quiet, struct kql_place *out)
{
    const struct kql_syntax *first = s->children[0], *call = first, *cluster = NULL;

    while (first->kind == SYN_PATH)
        first = first->children[0];
    if (b->environment->place == NULL)
        return not_from_here(b, s, first, is_quiet);
    *out = (struct kql_place){.is_database = true};
    if (call->kind == SYN_PATH && call->children[0] == first && span_is(first->name, "cluster") &&
        call->children[1]->kind == SYN_CALL && span_is(call->children[1]->name, "database")) {
        cluster = first;
        call = call->children[1];
    } else if (call->kind == SYN_PATH) { /* workspace("x").T.member */
        if (!is_quiet)
            kql_complain(b->d, KQL_E_SYNTAX, s->at, s->size,
                         "behind the name of a table stands a '|', or nothing");
        return false;
    } else if (span_is(call->name, "workspace") || span_is(call->name, "resource")) {
        out->is_database = false;
    } else if (!span_is(call->name, "database")) {
        return not_from_here(b, s, call, is_quiet);
    }
    return (cluster == NULL || place_name(b, cluster, is_quiet, &out->cluster)) &&
           place_name(b, call, is_quiet, &out->name);
}

/* "workspace('x').", as the service writes what rows of other places come from. */
static struct span
prefix_of(struct bind *b, const struct kql_syntax *s, const struct kql_place *place)
{
    const struct kql_syntax *call = s->children[0];
    struct span cluster = {"", 0};

    if (call->kind == SYN_PATH) {
        cluster = pool_printf(b->pool, "cluster('%.*s').", (int)place->cluster.n, place->cluster.p);
        call = call->children[1];
    }
    return pool_printf(b->pool, "%.*s%.*s('%.*s').", (int)cluster.n, cluster.p, (int)call->name.n,
                       call->name.p, (int)place->name.n, place->name.p);
}

bool
bind_place_find(struct bind *b, const struct kql_syntax *s, bool is_quiet, struct bind_place *out)
{
    const struct kql_environment *e = b->environment;
    struct kql_place place;
    struct err err = {""};

    if (!place_read(b, s, is_quiet, &place))
        return false;
    if (!e->place(e->context, &place, &out->context, &err)) {
        if (!is_quiet)
            kql_complain(b->d, KQL_E_TABLE, s->children[0]->at, s->children[0]->size, "%s",
                         err.text);
        return false;
    }
    out->prefix = prefix_of(b, s, &place);
    out->name = s->children[1];
    return true;
}

/* The name of the table: as it stands, or table("x"). */
static bool
name_in(struct bind *b, const struct bind_place *place, struct span *out)
{
    const struct kql_syntax *s = place->name;
    struct kql_value v;

    if (bind_op_is_plain_name(s)) {
        *out = s->name;
        return true;
    }
    if (s->kind == SYN_CALL && span_is(s->name, "table") && s->child_count > 0 &&
        bind_constant(b, s->children[0], KQL_STRING, "the name of the table", &v)) {
        *out = kql_text(&v);
        return true;
    }
    if (s->kind == SYN_CALL && !span_is(s->name, "table"))
        kql_complain(b->d, KQL_E_NOT_BUILT, s->at, s->size,
                     "functions of another place cannot be called from here: %.*s()",
                     (int)s->name.n, s->name.p);
    else if (s->kind == SYN_NAME)
        kql_complain(b->d, KQL_E_PLACE, s->at, s->size,
                     "'%.*s' stands for several tables; use union", (int)s->name.n, s->name.p);
    else if (s->kind != SYN_CALL && s->kind != SYN_MISSING)
        kql_complain(b->d, KQL_E_SYNTAX, s->at, s->size, "the name of a table is expected here");
    return false;
}

const struct kql_op *
bind_place_table(struct bind *b, const struct kql_syntax *s)
{
    const struct kql_environment *e = b->environment;
    struct bind_place place;
    struct kql_table table;
    struct span name;

    if (!bind_place_find(b, s, false, &place) || !name_in(b, &place, &name))
        return NULL;
    if (e->table == NULL || !e->table(place.context, name, &table)) {
        bind_no_table(b, place.name, name, place.context);
        return NULL;
    }
    table.name = pool_printf(b->pool, "%.*s%.*s", (int)place.prefix.n, place.prefix.p,
                             (int)table.name.n, table.name.p);
    return bind_table_of(b, &table, s);
}
