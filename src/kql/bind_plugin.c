/* bind_plugin.c - evaluate: the plugins' arguments, and what columns they give. What a plugin does
 * is its row of the function table (function_plugin.c); a plugin that has none there, or one marked
 * so, is known but not built.
 *
 * In the plan the arguments stand in the order of the parameters below, however they were written;
 * NULL: not given. Repeated ones (dimensions) come last. */
#include "kql/bind_op_inner.h"

enum argument_kind {
    ARG_NONE,
    ARG_COLUMN,    /* a column of the input */
    ARG_CONSTANT,  /* the same for every row */
    ARG_EXPR,      /* over the input's row */
    ARG_TABLE,     /* a table of its own: KQL_EXPR_TABLE */
    ARG_LOOKUP,    /* a column of the table in argument 0 */
    ARG_AGGREGATE, /* a call of an aggregate over the input */
    ARG_TYPEOF,    /* typeof(a: int, *): read from 'written' */
};
enum { PARAMETERS_MAX = 10 };

struct plugin_parameter {
    const char *name;
    enum argument_kind kind;
    bool is_optional, repeats;
    uint8_t type; /* KQL_UNKNOWN: any */
};

/* One evaluate, being bound. */
struct call {
    struct bind *b;
    const struct kql_syntax *s, *at; /* the operator, the call */
    const struct plugin *plugin;
    const struct kql_op *input;
    const struct kql_expr **arguments;
    const struct kql_syntax **written;
    uint32_t count, room;
    struct bind_list result;
    bool is_open, is_source; /* more columns may come; there is no input */
};

struct plugin {
    const char *name;
    struct plugin_parameter parameters[PARAMETERS_MAX];
    void (*result)(struct call *c);    /* fills c->result */
    void (*arguments)(struct call *c); /* NULL: by the parameters */
};

/* ---- what columns come out ---- */

static void
put(struct call *c, struct span name, enum kql_type type)
{
    bind_list_add(&c->result, name, type, NULL, BIND_NO_COLUMN);
}

static void
put_text(struct call *c, const char *name, enum kql_type type)
{
    put(c, span_of(name), type);
}

static const struct kql_expr *
argument(const struct call *c, uint32_t i)
{
    return i < c->count ? c->arguments[i] : NULL;
}

static struct span
argument_name(const struct call *c, uint32_t i)
{
    const struct kql_expr *e = argument(c, i);

    if (e != NULL && e->kind == KQL_EXPR_COLUMN && e->column < c->input->schema.count)
        return c->input->schema.columns[e->column].name;
    return (struct span){"", 0};
}

static void
put_argument(struct call *c, uint32_t i)
{
    if (argument(c, i) != NULL)
        put(c, argument_name(c, i), argument(c, i)->type);
}

/* The repeated arguments, from 'first' on. */
static void
put_dimensions(struct call *c, uint32_t first)
{
    for (uint32_t i = first; i < c->count; i++)
        put_argument(c, i);
}

static uint32_t
repeat_first(const struct plugin *p)
{
    uint32_t i = 0;

    while (i < PARAMETERS_MAX && p->parameters[i].kind != ARG_NONE && !p->parameters[i].repeats)
        i++;
    return i;
}

static void
put_input(struct call *c)
{
    bind_list_all(&c->result, &c->input->schema);
    c->is_open |= c->input->schema.is_open;
}

static void
result_input(struct call *c)
{
    put_input(c);
}

static void
result_bag_unpack(struct call *c)
{
    const struct kql_expr *bag = argument(c, 0);

    for (uint32_t i = 0; i < c->input->schema.count; i++)
        if (bag == NULL || bag->kind != KQL_EXPR_COLUMN || bag->column != i)
            put(c, c->input->schema.columns[i].name, c->input->schema.columns[i].type);
    c->is_open = true;
}

static void
result_pivot(struct call *c)
{
    put_dimensions(c, 2);
    c->is_open = true;
}

static void
result_narrow(struct call *c)
{
    put_text(c, "Row", KQL_LONG);
    put_text(c, "Column", KQL_STRING);
    put_text(c, "Value", KQL_STRING);
}

static void
result_lookup(struct call *c)
{
    const struct kql_expr *table = argument(c, 0);
    const struct kql_schema *lookup = table != NULL ? &table->table->schema : NULL;

    put_input(c);
    for (uint32_t i = 0; lookup != NULL && i < lookup->count; i++) {
        bool is_key = false;

        for (uint32_t k = 5; k < c->count; k += 2) /* pairs: here, there */
            is_key |= c->arguments[k] != NULL && c->arguments[k]->column == i;
        if (!is_key)
            put(c, lookup->columns[i].name, lookup->columns[i].type);
    }
    c->is_open |= lookup != NULL && lookup->is_open;
}

static void
result_dcount_intersect(struct call *c)
{
    put_input(c);
    for (uint32_t i = 0; i < c->count; i++)
        put(c, pool_printf(c->b->pool, "s%u", (unsigned)i), KQL_LONG);
}

/* The constant's text with '_' for '.': 99.9 is 99_9. */
static struct span
constant_text(const struct call *c, uint32_t i)
{
    const struct kql_expr *e = argument(c, i);
    struct kql_value text;
    char *copy;

    if (e == NULL || e->kind != KQL_EXPR_CONST)
        return (struct span){"", 0};
    text = kql_to_text(c->b->pool, e->type, &e->value);
    copy = pool_take(c->b->pool, text.size + 1u);
    for (uint32_t k = 0; k < text.size; k++)
        copy[k] = text.text[k] == '.' ? '_' : text.text[k];
    return (struct span){copy, text.size};
}

static void
result_rolling_percentile(struct call *c)
{
    const struct kql_expr *value = argument(c, 0);
    struct span name = argument_name(c, 0), bins = constant_text(c, 4), of = constant_text(c, 1);

    put_argument(c, 2);
    put_dimensions(c, 5);
    put(c,
        pool_printf(c->b->pool, "rolling_%.*s_percentile_%.*s_%.*s", (int)bins.n, bins.p,
                    (int)name.n, name.p, (int)of.n, of.p),
        value != NULL ? (enum kql_type)value->type : KQL_REAL);
}

/* The time, the dimensions, then numbers. Where start and end may be missing the dimensions are
 * the columns among the rest. */
static void
put_timeline(struct call *c)
{
    put_argument(c, 1);
    for (uint32_t i = repeat_first(c->plugin); i < c->count; i++)
        if (c->arguments[i] != NULL && c->arguments[i]->kind == KQL_EXPR_COLUMN)
            put_argument(c, i);
}

static void
result_session_count(struct call *c)
{
    put_timeline(c);
    put_text(c, "count_sessions", KQL_LONG);
}

static void
result_active_users(struct call *c)
{
    put_timeline(c);
    put_text(c, "dcount", KQL_LONG);
}

static void
result_sliding_window(struct call *c)
{
    put_timeline(c);
    put_text(c, "Count", KQL_LONG);
    put_text(c, "Dcount", KQL_LONG);
}

static void
result_activity_counts(struct call *c)
{
    put_timeline(c);
    put_text(c, "count", KQL_LONG);
    put_text(c, "dcount", KQL_LONG);
    put_text(c, "new_dcount", KQL_LONG);
    put_text(c, "aggregated_dcount", KQL_LONG);
}

static void
result_activity_engagement(struct call *c)
{
    put_timeline(c);
    put_text(c, "dcount_activities_inner", KQL_LONG);
    put_text(c, "dcount_activities_outer", KQL_LONG);
    put_text(c, "activity_ratio", KQL_REAL);
}

static void
result_activity_metrics(struct call *c)
{
    put_timeline(c);
    put_text(c, "dcount_values", KQL_LONG);
    put_text(c, "dcount_newvalues", KQL_LONG);
    put_text(c, "retention_rate", KQL_REAL);
    put_text(c, "churn_rate", KQL_REAL);
}

static void
result_new_activity(struct call *c)
{
    struct span time = argument_name(c, 1);
    enum kql_type type = argument(c, 1) != NULL ? argument(c, 1)->type : KQL_DATETIME;

    put(c, pool_printf(c->b->pool, "from_%.*s", (int)time.n, time.p), type);
    put(c, pool_printf(c->b->pool, "to_%.*s", (int)time.n, time.p), type);
    put_dimensions(c, repeat_first(c->plugin));
    put_text(c, "dcount_new_values", KQL_LONG);
    put_text(c, "dcount_retained_values", KQL_LONG);
    put_text(c, "dcount_churn_values", KQL_LONG);
    put_text(c, "retention_rate", KQL_REAL);
    put_text(c, "churn_rate", KQL_REAL);
}

static void
result_funnel_sequence(struct call *c)
{
    enum kql_type state = argument(c, 6) != NULL ? argument(c, 6)->type : KQL_STRING;

    put_argument(c, 1);
    put_text(c, "prev", state);
    put_text(c, "next", state);
    put_text(c, "dcount", KQL_LONG);
    put_text(c, "samples", KQL_DYNAMIC);
}

static void
result_funnel_completion(struct call *c)
{
    put_argument(c, 1);
    put_argument(c, 5);
    put_text(c, "Period", KQL_TIMESPAN);
    put_text(c, "dcount", KQL_LONG);
}

/* The dimensions, then for each step NAME_TIME. Steps are the EXPRs that were named. */
static void
result_sequence_detect(struct call *c)
{
    struct span time = argument_name(c, 0);
    enum kql_type type = argument(c, 0) != NULL ? argument(c, 0)->type : KQL_DATETIME;

    for (uint32_t i = 3; i < c->count; i++)
        if (c->written[i] == NULL || c->written[i]->kind != SYN_NAMED)
            put_argument(c, i);
    for (uint32_t i = 3; i < c->count; i++)
        if (c->written[i] != NULL && c->written[i]->kind == SYN_NAMED)
            put(c,
                pool_printf(c->b->pool, "%.*s_%.*s", (int)c->written[i]->name.n,
                            c->written[i]->name.p, (int)time.n, time.p),
                type);
    put_text(c, "Duration", KQL_TIMESPAN);
}

static void
result_estimate(struct call *c)
{
    put_text(c, "EstimatedRowsCount", KQL_LONG);
}

static void
result_clusters(struct call *c)
{
    put_text(c, "SegmentId", KQL_LONG);
    put_text(c, "Count", KQL_LONG);
    put_text(c, "Percent", KQL_REAL);
    put_input(c);
}

static void
result_diffpatterns(struct call *c)
{
    put_text(c, "SegmentId", KQL_LONG);
    put_text(c, "CountA", KQL_LONG);
    put_text(c, "CountB", KQL_LONG);
    put_text(c, "PercentA", KQL_REAL);
    put_text(c, "PercentB", KQL_REAL);
    put_text(c, "PercentDiffAB", KQL_REAL);
    put_input(c);
}

static void
result_storage_schema(struct call *c)
{
    put_text(c, "CslSchema", KQL_STRING);
}

static void
result_suggestions(struct call *c)
{
    put_text(c, "SuggestedTableSchema", KQL_STRING);
}

static void
result_http(struct call *c)
{
    put_text(c, "ResponseHeaders", KQL_DYNAMIC);
    put_text(c, "ResponseBody", KQL_DYNAMIC);
}

static void
result_unknown(struct call *c)
{
    c->is_open = true;
}

/* typeof(*, a: int): the input's columns where it has a star, then its own. */
static void
result_typeof(struct call *c)
{
    const struct kql_syntax *t = c->count > 0 ? c->written[0] : NULL;
    const struct kql_syntax *schema = bind_op_child(t, 0);
    struct kql_schema own;

    if (schema == NULL || schema->kind != SYN_SCHEMA) {
        c->is_open = true;
        return;
    }
    own = bind_op_schema(c->b, schema);
    if ((schema->op & 1) != 0)
        for (uint32_t i = 0; i < c->input->schema.count; i++)
            if (bind_find_column(&own, c->input->schema.columns[i].name) == BIND_NO_COLUMN)
                put(c, c->input->schema.columns[i].name, c->input->schema.columns[i].type);
    for (uint32_t i = 0; i < own.count; i++)
        put(c, own.columns[i].name, own.columns[i].type);
}

static void
result_embeddings(struct call *c)
{
    struct span name = argument_name(c, 0);

    put_input(c);
    put(c, pool_printf(c->b->pool, "%.*s_embeddings", (int)name.n, name.p), KQL_DYNAMIC);
}

static void
result_embed_text(struct call *c)
{
    struct span name = argument_name(c, 0);

    put_input(c);
    put(c, pool_printf(c->b->pool, "%.*s_embedding", (int)name.n, name.p), KQL_DYNAMIC);
}

static void
result_completion(struct call *c)
{
    struct span name = argument_name(c, 0);

    put_input(c);
    put(c, pool_printf(c->b->pool, "%.*s_completion", (int)name.n, name.p), KQL_STRING);
}

/* The input and the lookup's columns, without its key unless return_lookup_key. */
static void
result_geo_lookup(struct call *c)
{
    const struct kql_expr *table = argument(c, 0), *key = argument(c, 1);
    const struct kql_expr *keeps = argument(c, c->count > 0 ? c->count - 1 : 0);
    const struct kql_schema *lookup = table != NULL ? &table->table->schema : NULL;
    bool keeps_key = keeps != NULL && keeps->kind == KQL_EXPR_CONST && keeps->type == KQL_BOOL &&
                     kql_is_true(&keeps->value);

    put_input(c);
    for (uint32_t i = 0; lookup != NULL && i < lookup->count; i++)
        if (keeps_key || key == NULL || key->column != i)
            put(c, lookup->columns[i].name, lookup->columns[i].type);
}

/* ---- arguments ---- */

static void
complain_argument(struct call *c, const struct kql_syntax *s, const char *name, const char *wanted)
{
    kql_complain(c->b->d, KQL_E_TYPE, s->at, s->size, "%s: %s is %s", c->plugin->name, name,
                 wanted);
}

static const struct kql_expr *
bind_plugin_table(struct call *c, const struct kql_syntax *s)
{
    const struct kql_op *table = bind_op_table(c->b, s);
    struct kql_expr *e = pool_zeroed(c->b->pool, 1, sizeof *e);

    *e = (struct kql_expr){.kind = KQL_EXPR_TABLE,
                           .type = KQL_DYNAMIC,
                           .at = s->at,
                           .size = s->size,
                           .result_count = 1,
                           .table = table};
    return e;
}

static const struct kql_expr *
bind_lookup_column(struct call *c, const struct kql_syntax *s)
{
    const struct kql_expr *table = argument(c, 0);
    uint32_t i;

    if (table == NULL || table->kind != KQL_EXPR_TABLE)
        return NULL;
    if (!bind_op_is_plain_name(s)) {
        complain_argument(c, s, "the key", "a column of the lookup table");
        return NULL;
    }
    i = bind_find_column(&table->table->schema, s->name);
    if (i == BIND_NO_COLUMN) {
        if (!table->table->schema.is_open)
            bind_no_column(c->b, &table->table->schema, s);
        return NULL;
    }
    return bind_column(c->b, &table->table->schema, i, s);
}

static const struct kql_expr *
bind_aggregate(struct call *c, const struct kql_syntax *s)
{
    struct bind_aggregates aggregates = {.key_count = 0};
    struct bind_value v;

    if (!bind_op_value_of(c->b, s, &aggregates, &v))
        return NULL;
    if (aggregates.count == 1 && v.finals[0]->kind == KQL_EXPR_COLUMN)
        return aggregates.items[0];
    complain_argument(c, s, "the aggregate", "one alone: count(), sum(x) ...");
    return NULL;
}

static const struct kql_expr *
bind_argument(struct call *c, const struct plugin_parameter *p, const struct kql_syntax *s)
{
    const struct kql_expr *e, *converted;

    switch (p->kind) {
    case ARG_TABLE:
        return bind_plugin_table(c, s);
    case ARG_LOOKUP:
        return bind_lookup_column(c, s);
    case ARG_AGGREGATE:
        return bind_aggregate(c, s);
    case ARG_TYPEOF:
        return NULL;
    default:
        break;
    }
    e = bind_expr(c->b, s);
    if (!bind_op_is_good(e))
        return e;
    if (p->kind == ARG_COLUMN && e->kind != KQL_EXPR_COLUMN) {
        complain_argument(c, s, p->name, "a column");
        return NULL;
    }
    if (p->kind == ARG_CONSTANT && !bind_is_constant(c->b, e)) {
        kql_complain(c->b->d, KQL_E_CONSTANT, s->at, s->size, "%s: %s must be a constant",
                     c->plugin->name, p->name);
        return NULL;
    }
    if (p->type == KQL_UNKNOWN || e->type == p->type)
        return e;
    converted = p->kind == ARG_COLUMN ? NULL : bind_convert(c->b, e, p->type);
    if (converted == NULL)
        complain_argument(c, s, p->name,
                          pool_printf(c->b->pool, "a %s, not a %s", kql_type_name(p->type),
                                      kql_type_name(e->type))
                              .p);
    return converted == NULL ? e : converted;
}

/* Makes room for arguments up to 'count'. */
static void
reserve(struct call *c, uint32_t count)
{
    if (count <= c->count)
        return;
    if (count > c->room) {
        uint32_t room = count < 16 ? 16 : 2 * count;
        const struct kql_expr **arguments =
            pool_zeroed(c->b->pool, room, sizeof(const struct kql_expr *));
        const struct kql_syntax **written =
            pool_zeroed(c->b->pool, room, sizeof(const struct kql_syntax *));

        for (uint32_t i = 0; i < c->count; i++) {
            arguments[i] = c->arguments[i];
            written[i] = c->written[i];
        }
        c->arguments = arguments;
        c->written = written;
        c->room = room;
    }
    c->count = count;
}

static void
set(struct call *c, uint32_t i, const struct kql_expr *e, const struct kql_syntax *s)
{
    reserve(c, i + 1);
    c->arguments[i] = e;
    c->written[i] = s;
}

static bool
is_same_name(struct span a, const char *b)
{
    size_t n = strlen(b);

    if (a.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((a.p[i] | 0x20) != (b[i] | 0x20))
            return false;
    return true;
}

/* "~" stands for an argument that keeps its default. */
static bool
is_default(const struct kql_syntax *s)
{
    return s->kind == SYN_LITERAL && s->value.type == KQL_STRING &&
           span_is(kql_text(&s->value), "~");
}

static void
complain_count(struct call *c)
{
    uint32_t least = 0, most = 0;
    const struct plugin_parameter *p = c->plugin->parameters;

    for (; most < PARAMETERS_MAX && p[most].kind != ARG_NONE && !p[most].repeats; most++)
        least += !p[most].is_optional;
    if (most < PARAMETERS_MAX && p[most].repeats)
        kql_complain(c->b->d, KQL_E_ARGUMENTS, c->at->at, c->at->size,
                     "%s takes at least %u arguments", c->plugin->name, (unsigned)least);
    else if (least == most)
        kql_complain(c->b->d, KQL_E_ARGUMENTS, c->at->at, c->at->size, "%s takes %u arguments",
                     c->plugin->name, (unsigned)most);
    else
        kql_complain(c->b->d, KQL_E_ARGUMENTS, c->at->at, c->at->size,
                     "%s takes %u to %u arguments", c->plugin->name, (unsigned)least,
                     (unsigned)most);
}

/* By place and by name. */
static void
bind_arguments(struct call *c)
{
    const struct plugin_parameter *p = c->plugin->parameters;
    uint32_t fixed = repeat_first(c->plugin), at = 0;

    reserve(c, fixed);
    for (uint32_t i = 0; i < c->at->child_count; i++) {
        const struct kql_syntax *s = c->at->children[i];
        uint32_t place = at;

        if (s == NULL || s->kind == SYN_MISSING)
            continue;
        if (s->kind == SYN_NAMED) {
            for (place = 0; place < fixed && !is_same_name(s->name, p[place].name); place++)
                ;
            if (place == fixed) {
                kql_complain(c->b->d, KQL_E_OPTION, s->name_at, s->name_size,
                             "%s has no parameter '%.*s'", c->plugin->name, (int)s->name.n,
                             s->name.p);
                continue;
            }
        } else {
            at++;
        }
        if (place >= fixed && (fixed == PARAMETERS_MAX || !p[fixed].repeats)) {
            complain_count(c);
            return;
        }
        if (place < fixed && p[place].is_optional && is_default(bind_op_value(s)))
            continue;
        reserve(c, place + 1);
        c->arguments[place] = bind_argument(c, &p[place < fixed ? place : fixed], bind_op_value(s));
        c->written[place] = bind_op_value(s);
    }
    for (uint32_t i = 0; i < fixed; i++)
        if (!p[i].is_optional && c->written[i] == NULL) {
            complain_count(c);
            return;
        }
}

/* ipv4_lookup(table, source, key, extra ..., return_unmatched): in the plan return_unmatched is
 * argument 3; then pairs of columns, here and there. */
static void
arguments_lookup(struct call *c)
{
    const struct plugin_parameter *p = c->plugin->parameters;
    uint32_t at = 0;

    reserve(c, 4);
    for (uint32_t i = 0; i < c->at->child_count; i++) {
        const struct kql_syntax *s = c->at->children[i], *value = bind_op_value(s);
        bool is_flag;

        if (s == NULL || s->kind == SYN_MISSING)
            continue;
        is_flag = s->kind == SYN_NAMED
                      ? is_same_name(s->name, p[3].name)
                      : at >= 3 && value->kind == SYN_LITERAL && value->value.type == KQL_BOOL;
        if (s->kind == SYN_NAMED && !is_flag) {
            kql_complain(c->b->d, KQL_E_OPTION, s->name_at, s->name_size,
                         "%s has no parameter '%.*s'", c->plugin->name, (int)s->name.n, s->name.p);
        } else if (is_flag) {
            set(c, 3, bind_argument(c, &p[3], value), value);
        } else if (at < 3) {
            set(c, at, bind_argument(c, &p[at], value), value);
            at++;
        } else {
            uint32_t place = c->count;

            set(c, place, bind_argument(c, &p[1], value), value);
            set(c, place + 1, bind_argument(c, &p[2], value), value);
            at++;
        }
    }
    if (at < 3)
        complain_count(c);
}

/* pivot(column, aggregate, group ...): without an aggregate count(); without groups every column
 * that neither of them names. */
static void
arguments_pivot(struct call *c)
{
    const struct kql_schema *schema = &c->input->schema;
    uint8_t *marks;

    bind_arguments(c);
    if (c->written[0] == NULL)
        return;
    if (c->arguments[1] == NULL && c->written[1] == NULL) {
        const struct kql_function *count = kql_function_find(SPAN_LITERAL("count"), KQL_AGGREGATE);

        if (count != NULL)
            c->arguments[1] = bind_call(c->b, count, NULL, 0, c->at);
    }
    if (c->count > 2)
        return;
    marks = pool_zeroed(c->b->pool, schema->count + 1, 1);
    bind_op_mark_columns(c->b, c->arguments[0], marks);
    bind_op_mark_columns(c->b, c->arguments[1], marks);
    for (uint32_t i = 0; i < schema->count; i++)
        if (!marks[i])
            set(c, c->count, bind_column(c->b, schema, i, c->at), NULL);
}

/* sequence_detect(time, step, span, name = condition ..., dimension ...) */
static void
arguments_sequence(struct call *c)
{
    const struct plugin_parameter *p = c->plugin->parameters;

    reserve(c, 3);
    for (uint32_t i = 0; i < c->at->child_count; i++) {
        const struct kql_syntax *s = c->at->children[i];
        const struct kql_expr *e;

        if (s == NULL || s->kind == SYN_MISSING)
            continue;
        if (i < 3) {
            set(c, i, bind_argument(c, &p[i], bind_op_value(s)), s);
            continue;
        }
        e = bind_expr(c->b, bind_op_value(s));
        if (s->kind == SYN_NAMED && bind_op_is_good(e) && e->type != KQL_BOOL)
            complain_argument(c, s, "a step", "a condition");
        set(c, c->count, e, s);
    }
    if (c->count < 4)
        complain_count(c);
}

/* ---- the plugins ---- */

#define COLUMN(n)                                                                                  \
    {                                                                                              \
        .name = n, .kind = ARG_COLUMN                                                              \
    }
#define CONSTANT(n)                                                                                \
    {                                                                                              \
        .name = n, .kind = ARG_CONSTANT                                                            \
    }
#define OPTIONAL(n, t)                                                                             \
    {                                                                                              \
        .name = n, .kind = ARG_CONSTANT, .is_optional = true, .type = t                            \
    }
#define EXPRESSION(n)                                                                              \
    {                                                                                              \
        .name = n, .kind = ARG_EXPR                                                                \
    }
#define DIMENSIONS                                                                                 \
    {                                                                                              \
        .name = "dimension", .kind = ARG_COLUMN, .is_optional = true, .repeats = true              \
    }
#define ANYTHING                                                                                   \
    {                                                                                              \
        .name = "argument", .kind = ARG_EXPR, .is_optional = true, .repeats = true                 \
    }
#define TABLE(n)                                                                                   \
    {                                                                                              \
        .name = n, .kind = ARG_TABLE                                                               \
    }
#define LOOKUP(n)                                                                                  \
    {                                                                                              \
        .name = n, .kind = ARG_LOOKUP                                                              \
    }

/* clang-format off */
static const struct plugin plugins[] = {
    {"bag_unpack",
     {{.name = "column", .kind = ARG_COLUMN, .type = KQL_DYNAMIC},
      OPTIONAL("OutputColumnPrefix", KQL_STRING), OPTIONAL("columnsConflict", KQL_STRING),
      OPTIONAL("ignoredProperties", KQL_DYNAMIC)},
     result_bag_unpack, NULL},
    {"pivot",
     {COLUMN("pivotColumn"), {.name = "aggregate", .kind = ARG_AGGREGATE, .is_optional = true},
      DIMENSIONS},
     result_pivot, arguments_pivot},
    {"narrow", {{0}}, result_narrow, NULL},
    {"ipv4_lookup",
     {TABLE("LookupTable"), COLUMN("SourceIPv4Key"), LOOKUP("IPv4LookupKey"),
      OPTIONAL("return_unmatched", KQL_BOOL)},
     result_lookup, arguments_lookup},
    {"ipv6_lookup",
     {TABLE("LookupTable"), COLUMN("SourceIPv6Key"), LOOKUP("IPv6LookupKey"),
      OPTIONAL("return_unmatched", KQL_BOOL)},
     result_lookup, arguments_lookup},
    {"dcount_intersect",
     {{.name = "hll", .kind = ARG_EXPR, .repeats = true, .type = KQL_DYNAMIC}},
     result_dcount_intersect, NULL},
    {"rolling_percentile",
     {COLUMN("ValueColumn"), CONSTANT("Percentile"), COLUMN("IndexColumn"), CONSTANT("BinSize"),
      CONSTANT("BinsPerWindow"), DIMENSIONS},
     result_rolling_percentile, NULL},
    {"rows_near", {EXPRESSION("Predicate"), CONSTANT("NumRows"), OPTIONAL("NumRowsAfter", KQL_LONG)},
     result_input, NULL},
    {"session_count",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("Bin"), CONSTANT("LookBackWindow"), DIMENSIONS},
     result_session_count, NULL},
    {"active_users_count",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("LookbackWindow"), CONSTANT("Period"), CONSTANT("ActivePeriodsCount"),
      CONSTANT("Bin"), DIMENSIONS},
     result_active_users, NULL},
    {"sliding_window_counts",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("LookbackWindow"), CONSTANT("Bin"), DIMENSIONS},
     result_sliding_window, NULL},
    {"sequence_detect",
     {COLUMN("TimelineColumn"), CONSTANT("MaxSequenceStepWindow"), CONSTANT("MaxSequenceSpan"),
      ANYTHING},
     result_sequence_detect, arguments_sequence},
    {"activity_counts_metrics",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("Window"), DIMENSIONS},
     result_activity_counts, NULL},
    {"activity_engagement", {COLUMN("IdColumn"), COLUMN("TimelineColumn"), ANYTHING},
     result_activity_engagement, NULL},
    {"activity_metrics", {COLUMN("IdColumn"), COLUMN("TimelineColumn"), ANYTHING},
     result_activity_metrics, NULL},
    {"new_activity_metrics",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("Window"), DIMENSIONS},
     result_new_activity, NULL},
    {"funnel_sequence",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("MaxSequenceStepWindow"), CONSTANT("Step"), COLUMN("StateColumn"),
      CONSTANT("Sequence")},
     result_funnel_sequence, NULL},
    {"funnel_sequence_completion",
     {COLUMN("IdColumn"), COLUMN("TimelineColumn"), CONSTANT("Start"), CONSTANT("End"),
      CONSTANT("Step"), COLUMN("StateColumn"), CONSTANT("Sequence"),
      CONSTANT("MaxSequenceStepWindows")},
     result_funnel_completion, NULL},
    {"preview", {{.name = "NumberOfRows", .kind = ARG_CONSTANT, .type = KQL_LONG}}, result_input,
     NULL},
    {"schema_merge", {OPTIONAL("PreserveOrder", KQL_BOOL)}, result_input, NULL},
    {"estimate_rows_count", {{0}}, result_estimate, NULL},
    {"identity", {{0}}, result_input, NULL},
    {"identity_v3", {{0}}, result_input, NULL},
    {"autocluster", {ANYTHING}, result_clusters, NULL},
    {"basket", {ANYTHING}, result_clusters, NULL},
    {"diffpatterns", {ANYTHING}, result_diffpatterns, NULL},
    {"infer_storage_schema", {{.name = "Options", .kind = ARG_CONSTANT}}, result_storage_schema,
     NULL},
    {"infer_storage_schema_with_suggestions", {{.name = "Options", .kind = ARG_CONSTANT}},
     result_suggestions, NULL},
    {"http_request", {ANYTHING}, result_http, NULL},
    {"http_request_post", {ANYTHING}, result_http, NULL},
    {"sql_request", {ANYTHING}, result_unknown, NULL},
    {"mysql_request", {ANYTHING}, result_unknown, NULL},
    {"postgresql_request", {ANYTHING}, result_unknown, NULL},
    {"cosmosdb_sql_request", {ANYTHING}, result_unknown, NULL},
    {"dax_request", {ANYTHING}, result_unknown, NULL},
    {"azure_digital_twins_query_request", {ANYTHING}, result_unknown, NULL},
    {"execute_query", {ANYTHING}, result_unknown, NULL},
    {"execute_show_command", {ANYTHING}, result_unknown, NULL},
    {"external_datatable", {ANYTHING}, result_unknown, NULL},
    {"python", {{.name = "output_schema", .kind = ARG_TYPEOF}, ANYTHING}, result_typeof, NULL},
    {"r", {{.name = "output_schema", .kind = ARG_TYPEOF}, ANYTHING}, result_typeof, NULL},
    {"csharp", {{.name = "output_schema", .kind = ARG_TYPEOF}, ANYTHING}, result_typeof, NULL},
    {"ai_embeddings", {EXPRESSION("text"), ANYTHING}, result_embeddings, NULL},
    {"ai_embed_text", {EXPRESSION("text"), ANYTHING}, result_embed_text, NULL},
    {"ai_chat_completion", {EXPRESSION("chat"), ANYTHING}, result_completion, NULL},
    {"ai_chat_completion_prompt", {EXPRESSION("prompt"), ANYTHING}, result_completion, NULL},
    {"geo_polygon_lookup",
     {TABLE("LookupTable"), LOOKUP("LookupPolygonKey"), EXPRESSION("SourceLongitude"),
      EXPRESSION("SourceLatitude"), OPTIONAL("radius", KQL_REAL),
      OPTIONAL("return_unmatched", KQL_BOOL), OPTIONAL("lookup_area_radius", KQL_REAL),
      OPTIONAL("return_lookup_key", KQL_BOOL)},
     result_geo_lookup, NULL},
    {"geo_line_lookup",
     {TABLE("LookupTable"), LOOKUP("LookupLineKey"), EXPRESSION("SourceLongitude"),
      EXPRESSION("SourceLatitude"), CONSTANT("radius"), OPTIONAL("return_unmatched", KQL_BOOL),
      OPTIONAL("lookup_area_radius", KQL_REAL), OPTIONAL("return_lookup_key", KQL_BOOL)},
     result_geo_lookup, NULL},
};
/* clang-format on */

static const struct plugin *
find_plugin(struct span name)
{
    for (size_t i = 0; i < COUNT_OF(plugins); i++)
        if (span_is(name, plugins[i].name))
            return &plugins[i];
    return NULL;
}

static void
complain_unknown(struct bind *b, const struct kql_syntax *call)
{
    struct kql_nearest near = {.wanted = call->name};

    for (size_t i = 0; i < COUNT_OF(plugins); i++)
        kql_nearest_offer(&near, span_of(plugins[i].name));
    if (near.best.p != NULL)
        kql_complain(b->d, KQL_E_FUNCTION, call->name_at, call->name_size,
                     "no plugin '%.*s'; did you mean '%.*s'?", (int)call->name.n, call->name.p,
                     (int)near.best.n, near.best.p);
    else
        kql_complain(b->d, KQL_E_FUNCTION, call->name_at, call->name_size, "no plugin '%.*s'",
                     (int)call->name.n, call->name.p);
}

/* The rows of a sub-query are not there yet: what hangs on them cannot be tried out. */
static bool
needs_rows(const struct kql_op *op, struct bind_seen *seen, uint32_t depth)
{
    bool is_new = true;

    for (; op != NULL; op = op->input) {
        bind_seen_at(seen, op, &is_new);
        if (!is_new)
            return false;
        if (op->kind == KQL_ROWS_INPUT || depth > BIND_NEST_MAX)
            return true;
        if (op->kind == KQL_OP_JOIN && needs_rows(op->u.join.right, seen, depth + 1))
            return true;
        if (op->kind == KQL_ROWS_UNION)
            for (uint32_t i = 0; i < op->u.join_union.count; i++)
                if (needs_rows(op->u.join_union.inputs[i], seen, depth + 1))
                    return true;
    }
    return false;
}

/* (a: int, *) behind the call: its columns, in front of them those of the plugin where it has a
 * star. */
static struct kql_schema
written_schema(struct call *c, const struct kql_syntax *s)
{
    struct kql_schema own = bind_op_schema(c->b, s);
    struct bind_list l = {.pool = c->b->pool};

    if ((s->op & 1) != 0)
        for (size_t i = 0; i < c->result.count; i++)
            if (bind_find_column(&own, c->result.columns[i].name) == BIND_NO_COLUMN)
                bind_list_add(&l, c->result.columns[i].name, c->result.columns[i].type, NULL, 0);
    for (uint32_t i = 0; i < own.count; i++)
        bind_list_add(&l, own.columns[i].name, own.columns[i].type, NULL, 0);
    return bind_list_schema(&l, false);
}

/* preview(n): the first rows, and how many there are. */
static const struct kql_op *
bind_preview(struct call *c)
{
    struct bind *b = c->b;
    struct kql_column *column = pool_take(b->pool, sizeof *column);
    const struct kql_op **branches = pool_take(b->pool, 2 * sizeof(const struct kql_op *));
    struct span *names = pool_take(b->pool, 2 * sizeof *names);
    struct kql_op *rows = bind_op_make(b, KQL_ROWS_INPUT, c->s, NULL, c->input->schema);
    struct kql_op *take = bind_op_make(b, KQL_OP_TAKE, c->s, rows, rows->schema), *op;

    take->u.limit.count = argument(c, 0);
    *column = (struct kql_column){SPAN_LITERAL("Count"), KQL_LONG};
    branches[0] = take;
    branches[1] =
        bind_op_make(b, KQL_OP_COUNT_ROWS, c->s, rows, (struct kql_schema){column, 1, false});
    names[0] = SPAN_LITERAL("Preview");
    names[1] = SPAN_LITERAL("Count");
    op = bind_op_make(b, KQL_OP_FORK, c->s, c->input, take->schema);
    op->u.fork.branches = branches;
    op->u.fork.names = names;
    op->u.fork.count = 2;
    return op;
}

/* A plugin that is not built. Where that is deferred its columns are known all the same, if they do
 * not hang on the data, and over no rows it gives none; what needs no rows is refused. */
static const struct kql_op *
without_plugin(struct call *c, struct kql_op *op, const struct kql_syntax *schema)
{
    struct bind *b = c->b;
    const char *name = pool_printf(b->pool, "the plugin %.*s", (int)c->at->name.n, c->at->name.p).p;
    bool is_known = !c->is_open || (schema != NULL && schema->kind == SYN_SCHEMA);

    if (op->u.plugin.function == NULL || c->is_source || !is_known) {
        bind_op_not_built(b, c->at, name);
        op->schema.is_open = true;
        return op;
    }
    if (schema != NULL && schema->kind == SYN_SCHEMA)
        op->schema = written_schema(c, schema);
    if (!bind_not_built(b, c->at, name, ""))
        op->schema.is_open = true;
    return op;
}

const struct kql_op *
bind_evaluate(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    const struct kql_syntax *call = bind_op_child(s, 0), *schema = bind_op_child(s, 1);
    struct call c = {.b = b, .s = s, .at = call, .input = input, .result = {.pool = b->pool}};
    struct bind_seen seen = {.pool = b->pool};
    struct kql_op *op;

    if (call == NULL || call->kind != SYN_CALL)
        return bind_op_nothing(b, s);
    c.plugin = find_plugin(call->name);
    if (c.plugin == NULL) {
        if (kql_function_find(call->name, KQL_PLUGIN) != NULL)
            bind_op_not_built(
                b, call,
                pool_printf(b->pool, "the plugin %.*s", (int)call->name.n, call->name.p).p);
        else
            complain_unknown(b, call);
        return bind_op_nothing(b, s);
    }
    if (input == NULL) { /* sql_request() and the like */
        b->input = c.input = bind_op_nothing(b, s);
        c.is_source = true;
    }
    if (c.plugin->arguments != NULL)
        c.plugin->arguments(&c);
    else
        bind_arguments(&c);
    c.plugin->result(&c);
    if (span_is(call->name, "preview"))
        return bind_preview(&c);
    if (span_is(call->name, "estimate_rows_count")) /* no estimate is as good as the count */
        return bind_op_make(b, KQL_OP_COUNT_ROWS, s, c.input, bind_list_schema(&c.result, false));
    if (span_is(call->name, "identity") || span_is(call->name, "identity_v3"))
        return c.input;
    bind_names_number(b->pool, c.result.columns, (uint32_t)c.result.count);
    op = bind_op_make(b, KQL_OP_PLUGIN, s, c.input, bind_list_schema(&c.result, c.is_open));
    op->u.plugin.function = kql_function_find(call->name, KQL_PLUGIN);
    op->u.plugin.arguments = c.arguments;
    op->u.plugin.written = c.written;
    op->u.plugin.count = c.count;
    if (op->u.plugin.function == NULL || (op->u.plugin.function->flags & KQL_F_NOT_BUILT) != 0)
        return without_plugin(&c, op, schema);
    if (schema != NULL && schema->kind == SYN_SCHEMA)
        op->schema = written_schema(&c, schema);
    else if (c.is_open && b->environment->discover != NULL && b->d->error_count == 0 &&
             !needs_rows(input, &seen, 0)) {
        struct kql_schema found;

        if (b->environment->discover(b->environment->discover_context, op, &found))
            op->schema = found;
    }
    return op;
}
