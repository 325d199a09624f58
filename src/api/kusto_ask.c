/* kusto_ask.c - a request's body, read. Member names are taken as clients write them; options in any case. */
#include "api/kusto.h"
#include "kql/syntax.h"
#include <strings.h>

static struct span
span_of_json(const json_t *text)
{
    return (struct span){json_string_value(text), json_string_length(text)};
}

/* ---- options ---- */

/* hh:mm:ss[.fffffff] with days before it, or any literal of a timespan. */
static bool
timeout_read(const json_t *value, int64_t *ms)
{
    int64_t ticks;

    if (!json_is_string(value) || !kql_read_timespan(span_of_json(value), &ticks) || ticks <= 0)
        return false;
    *ms = ticks / (kql_ticks_per_s / 1000);
    if (*ms == 0)
        *ms = 1;
    return true;
}

/* A number, as one or as text. */
static bool
number_read(const json_t *value, uint64_t *out)
{
    int64_t number = json_is_integer(value) ? json_integer_value(value) : -1;

    if (json_is_string(value) && !kql_read_long(span_of_json(value), &number))
        return false;
    if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 9e18)
        number = (int64_t)json_real_value(value);
    if (number < 0)
        return false;
    *out = (uint64_t)number;
    return true;
}

static bool
flag_read(const json_t *value, bool *out)
{
    *out = json_is_true(value);
    return json_is_boolean(value) ||
           (json_is_string(value) && kql_read_bool(span_of_json(value), out));
}

static enum status
option_read(struct kusto_ask *a, const char *name, const json_t *value, bool *truncates,
            struct err *err)
{
    bool no_truncation = false, is_fine = true;
    const char *wanted = "";

    if (json_is_null(value))
        return ST_OK;
    if (strcasecmp(name, "servertimeout") == 0) {
        is_fine = timeout_read(value, &a->time_ms);
        wanted = "a timespan such as 00:04:00";
    } else if (strcasecmp(name, "truncationmaxrecords") == 0) {
        is_fine = number_read(value, &a->rows_max) && a->rows_max > 0;
        wanted = "a number above 0";
    } else if (strcasecmp(name, "truncationmaxsize") == 0) {
        is_fine = number_read(value, &a->size_max) && a->size_max > 0;
        wanted = "a number of bytes above 0";
    } else if (strcasecmp(name, "query_take_max_records") == 0) {
        is_fine = number_read(value, &a->take_max) && a->take_max > 0;
        wanted = "a number above 0";
    } else if (strcasecmp(name, "notruncation") == 0) {
        is_fine = flag_read(value, &no_truncation);
        wanted = "true or false";
        *truncates &= !no_truncation;
    } else if (strcasecmp(name, "results_v2_fragment_primary_tables") == 0) {
        (void)flag_read(value, &a->is_fragmented);
    } else if (strcasecmp(name, "results_v2_newlines_between_frames") == 0) {
        (void)flag_read(value, &a->has_newlines);
    } else if (strcasecmp(name, "results_error_reporting_placement") == 0) {
        a->reports_at_table_end =
            json_is_string(value) && strcasecmp(json_string_value(value), "end_of_table") == 0;
    } else if (strcasecmp(name, "query_language") == 0) {
        is_fine = json_is_string(value) && (strcasecmp(json_string_value(value), "csl") == 0 ||
                                            strcasecmp(json_string_value(value), "kql") == 0);
        wanted = "csl or kql; there is no SQL here";
    }
    if (is_fine)
        return ST_OK;
    return err_set(err, ST_INVALID, "properties.Options.%.60s must be %s", name, wanted);
}

static enum status
options_read(struct kusto_ask *a, const json_t *options, struct err *err)
{
    bool truncates = true;
    const char *name;
    json_t *value;

    if (options == NULL || json_is_null(options))
        return ST_OK;
    if (!json_is_object(options))
        return err_set(err, ST_INVALID, "properties.Options must be an object");
    json_object_foreach((json_t *)(uintptr_t)options, name, value)
    {
        if (option_read(a, name, value, &truncates, err) != ST_OK)
            return ST_INVALID;
    }
    if (!truncates)
        a->rows_max = a->size_max = UINT64_MAX;
    return ST_OK;
}

/* ---- parameters ---- */

/* The type that the query declares the parameter with; KQL_UNKNOWN: it does not. */
static enum kql_type
declared_type(const struct kql_syntax *query, const char *name)
{
    for (uint32_t i = 0; i < query->child_count; i++) {
        const struct kql_syntax *s = query->children[i];

        for (uint32_t k = 0; s != NULL && s->kind == SYN_DECLARE && k < s->child_count; k++) {
            const struct kql_syntax *p = s->children[k];

            if (p != NULL && span_is(p->name, name) && p->child_count > 0 &&
                p->children[0] != NULL && p->children[0]->kind == SYN_TYPE)
                return p->children[0]->value.type;
        }
    }
    return KQL_UNKNOWN;
}

static bool
is_quoted(struct span text)
{
    size_t i = 0;

    while (i < text.n && strchr("hH@", text.p[i]) != NULL && text.p[i] != '\0')
        i++;
    return i < text.n && (text.p[i] == '"' || text.p[i] == '\'') && i <= 2;
}

/* A text as a literal of the language. */
static struct span
quoted(struct pool *pool, struct span text)
{
    char *out = pool_take(pool, 2 * text.n + 2);
    size_t n = 0;

    out[n++] = '"';
    for (size_t i = 0; i < text.n; i++) {
        char b = text.p[i], escape = b == '\n' ? 'n' : b == '\r' ? 'r' : b == '\t' ? 't' : b;

        if (escape != b || b == '"' || b == '\\')
            out[n++] = '\\';
        out[n++] = escape;
    }
    out[n++] = '"';
    return (struct span){out, n};
}

/* Values are literals, as the service takes them; for a parameter of type string also the bare text, and of other types with
 * literals like datetime(...) what would stand in the brackets. */
static struct span
literal_of(struct pool *pool, const json_t *value, enum kql_type type)
{
    struct span text;

    if (json_is_boolean(value))
        return span_of(json_is_true(value) ? "true" : "false");
    if (json_is_integer(value))
        return pool_printf(pool, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return pool_printf(pool, "%.17g", json_real_value(value));
    text = span_of_json(value);
    switch (type) {
    case KQL_STRING:
        return is_quoted(text) ? text : quoted(pool, text);
    case KQL_DATETIME:
    case KQL_TIMESPAN:
    case KQL_GUID:
    case KQL_DECIMAL:
        if (memchr(text.p, '(', text.n) == NULL)
            return pool_printf(pool, "%s(%.*s)", kql_type_name(type), (int)text.n, text.p);
        return text;
    default:
        return text;
    }
}

static enum status
parameters_read(struct pool *pool, struct kusto_ask *a, const json_t *parameters, struct err *err)
{
    const struct kql_syntax *query;
    struct kql_diagnostics d;
    const char *name;
    json_t *value;

    if (parameters == NULL || json_is_null(parameters))
        return ST_OK;
    if (!json_is_object(parameters) || json_object_size(parameters) > KUSTO_PARAMETERS_MAX)
        return err_set(err, ST_INVALID,
                       "properties.Parameters must be an object of at most %d values",
                       KUSTO_PARAMETERS_MAX);
    if (json_object_size(parameters) == 0)
        return ST_OK;
    kql_diagnostics_init(&d, pool, a->csl);
    query = kql_parse(pool, a->csl, &d);
    json_object_foreach((json_t *)(uintptr_t)parameters, name, value)
    {
        if (!json_is_string(value) && !json_is_boolean(value) && !json_is_number(value))
            return err_set(err, ST_INVALID,
                           "properties.Parameters.%.60s must be a text, a number or a boolean",
                           name);
        a->parameters[a->parameter_count++] = (struct kql_parameter_value){
            span_of(name), literal_of(pool, value, declared_type(query, name))};
    }
    return ST_OK;
}

/* ---- the whole ---- */

/* Older clients send the properties as text. */
static enum status
properties_read(struct pool *pool, struct kusto_ask *a, const json_t *properties, struct err *err)
{
    enum status st;

    if (properties == NULL || json_is_null(properties))
        return ST_OK;
    if (!json_is_object(properties))
        return err_set(err, ST_INVALID,
                       "properties must be an object (or text that holds one) with Options and "
                       "Parameters");
    st = options_read(a, json_object_get(properties, "Options"), err);
    if (st == ST_OK)
        st = parameters_read(pool, a, json_object_get(properties, "Parameters"), err);
    return st;
}

struct span
kusto_database_workspace(struct span db, enum hunt_shape *shape)
{
    size_t n = strlen(KUSTO_HUNTING);

    *shape = HUNT_WORKSPACE;
    if (db.n >= n && strncasecmp(db.p + db.n - n, KUSTO_HUNTING, n) == 0) {
        db.n -= n;
        *shape = HUNT_HUNTING;
    }
    if (db.n == strlen(KUSTO_DEFAULT_DB) && strncasecmp(db.p, KUSTO_DEFAULT_DB, db.n) == 0)
        return (struct span){"", 0};
    return db;
}

/* The host of a URL, or of what stands for one: without scheme, path and (if it is not to stay) port. */
static struct span
host_of(struct span url, bool keeps_port)
{
    const char *at = memmem(url.p, url.n, "://", 3), *end = url.p + url.n, *stop;

    if (at != NULL)
        url = (struct span){at + 3, (size_t)(end - at) - 3};
    stop = memchr(url.p, '/', url.n);
    if (stop != NULL)
        url.n = (size_t)(stop - url.p);
    stop = memrchr(url.p, ':', url.n);
    if (stop != NULL && !keeps_port && memchr(stop, ']', (size_t)(url.p + url.n - stop)) == NULL)
        url.n = (size_t)(stop - url.p);
    return url;
}

static bool
is_host(struct span a, struct span b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

bool
kusto_database_named(struct call *c, const struct kql_place *place, struct span *name,
                     enum hunt_shape *shape, struct err *err)
{
    char base[300];
    struct span cluster = place->cluster;

    call_base(c, base);
    if (cluster.n > 0 && !is_host(host_of(cluster, true), host_of(span_of(base), true)) &&
        !is_host(host_of(cluster, true), host_of(span_of(base), false))) {
        (void)err_set(err, ST_INVALID,
                      "the cluster '%.*s' cannot be reached from here; this one is '%.200s'",
                      (int)(cluster.n < 80 ? cluster.n : 80), cluster.p, base);
        return false;
    }
    *name = kusto_database_workspace(place->name, shape);
    return true;
}

static void
database_read(struct kusto_ask *a)
{
    a->workspace = kusto_database_workspace(a->db, &a->shape);
}

static bool
text_is(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

/* Text that holds a JSON object, as a tree that dies with 'keeper'. */
static const json_t *
text_tree(const json_t *text, json_t *keeper)
{
    json_t *tree = json_loadb(json_string_value(text), json_string_length(text), 0, NULL);

    if (tree == NULL || json_object_set_new(keeper, "properties", tree) != 0)
        return NULL;
    return tree;
}

enum status
kusto_ask_read(struct pool *pool, const json_t *body, struct kusto_ask *out, struct err *err)
{
    const json_t *db = json_object_get(body, "db"), *csl = json_object_get(body, "csl");
    const json_t *properties = json_object_get(body, "properties");

    *out = (struct kusto_ask){
        .db = {"", 0},
          .rows_max = KUSTO_ROWS_MAX, .size_max = KUSTO_SIZE_MAX
    };
    database_read(out);
    if (!json_is_object(body))
        return err_set(err, ST_INVALID,
                       "the body must be an object: {\"db\",\"csl\",\"properties\"}");
    if (db != NULL && !json_is_null(db) && !text_is(db))
        return err_set(err, ST_INVALID, "db must be the name of a database");
    if (!text_is(csl))
        return err_set(err, ST_INVALID, "csl must be the text of a query or a command");
    if (db != NULL && !json_is_null(db))
        out->db = span_of_json(db);
    out->csl = span_of_json(csl);
    if (out->csl.p[strspn(out->csl.p, " \t\r\n")] == '\0')
        return err_set(err, ST_INVALID, "csl is empty: it is the text of a query or a command");
    database_read(out);
    if (json_is_string(properties) && json_string_length(properties) == 0)
        return ST_OK;
    if (json_is_string(properties)) {
        properties = text_tree(properties, (json_t *)(uintptr_t)body);
        if (properties == NULL)
            return err_set(err, ST_INVALID, "properties is text that holds no JSON object");
    }
    return properties_read(pool, out, properties, err);
}
