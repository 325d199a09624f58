/* query_answer.c - {"tables":[{"name","columns":[{"name","type"}],"rows":[[...]]}],"render"?,"error"?,"penstock"?} as
 * kql_answers, and the errors of the same API. */
#include "penstock/query_answer.h"
#include "kql/dynamic.h"
#include "kql/syntax.h"
#include <math.h>

static struct span
text_in(const struct kql_value *object, const char *key)
{
    struct kql_value v = kql_member(object, span_of(key));

    return !v.is_null && v.type == KQL_STRING ? kql_text(&v) : (struct span){"", 0};
}

static int64_t
number_in(const struct kql_value *object, const char *key)
{
    struct kql_value v = kql_member(object, span_of(key));

    return !v.is_null && v.type == KQL_LONG ? v.i : 0;
}

/* ---- cells ---- */

static struct kql_value
real_read(const struct kql_value *v)
{
    struct span text;

    if (v->type == KQL_LONG)
        return kql_real((double)v->i);
    if (v->type == KQL_REAL)
        return *v;
    text = v->type == KQL_STRING ? kql_text(v) : (struct span){"", 0};
    if (span_is(text, "NaN"))
        return kql_real(NAN);
    if (span_is(text, "Infinity"))
        return kql_real(INFINITY);
    if (span_is(text, "-Infinity"))
        return kql_real(-INFINITY);
    return kql_null(KQL_REAL);
}

static struct kql_value
decimal_read(struct pool *p, const struct kql_value *v)
{
    struct kql_decimal *decimal = pool_take(p, sizeof *decimal);
    struct kql_value out = {.type = KQL_DECIMAL, .decimal = decimal};

    if (v->type == KQL_STRING && kql_read_decimal(kql_text(v), decimal))
        return out;
    if (v->type == KQL_LONG) {
        kql_decimal_of_long(v->i, decimal);
        return out;
    }
    return kql_null(KQL_DECIMAL);
}

static struct kql_value
guid_read(struct pool *p, const struct kql_value *v)
{
    struct kql_guid *guid = pool_take(p, sizeof *guid);

    if (v->type != KQL_STRING || !kql_read_guid(kql_text(v), guid))
        return kql_null(KQL_GUID);
    return (struct kql_value){.type = KQL_GUID, .guid = guid};
}

/* A JSON value as the cell of a column; what does not fit is null. */
static struct kql_value
cell_read(struct pool *p, enum kql_type type, const struct kql_value *v)
{
    int64_t ticks;

    if (v->is_null)
        return kql_null(type);
    switch (type) {
    case KQL_BOOL:
        return v->type == KQL_BOOL   ? *v
               : v->type == KQL_LONG ? kql_bool(v->i != 0)
                                     : kql_null(type);
    case KQL_INT:
    case KQL_LONG:
        return v->type == KQL_LONG ? kql_integer(type, v->i) : kql_null(type);
    case KQL_REAL:
        return real_read(v);
    case KQL_DECIMAL:
        return decimal_read(p, v);
    case KQL_STRING:
        return v->type == KQL_STRING ? *v : kql_to_text(p, KQL_DYNAMIC, v);
    case KQL_DATETIME:
        return v->type == KQL_STRING && kql_read_datetime(kql_text(v), &ticks)
                   ? kql_integer(type, ticks)
                   : kql_null(type);
    case KQL_TIMESPAN:
        return v->type == KQL_STRING && kql_read_timespan(kql_text(v), &ticks)
                   ? kql_integer(type, ticks)
                   : kql_null(type);
    case KQL_GUID:
        return guid_read(p, v);
    default: /* arrays and bags come as their text */
        return v->type == KQL_STRING && v->size > 0 && strchr("[{", v->text[0]) != NULL
                   ? kql_parse_json(p, kql_text(v))
                   : *v;
    }
}

/* ---- tables ---- */

static bool
columns_read(struct pool *p, const struct kql_value *table, struct kql_schema *schema)
{
    struct kql_value list = kql_member(table, SPAN_LITERAL("columns"));
    const struct kql_array *columns = kql_array_in(&list);
    struct kql_column *made;

    if (columns == NULL)
        return false;
    made = pool_zeroed(p, columns->count + 1, sizeof *made);
    for (uint32_t i = 0; i < columns->count; i++) {
        enum kql_type type = KQL_DYNAMIC; /* also of one that is not known here */

        made[i].name = text_in(&columns->items[i], "name");
        (void)kql_type_read(text_in(&columns->items[i], "type"), &type);
        made[i].type = (uint8_t)type;
    }
    *schema = (struct kql_schema){made, columns->count, false};
    return true;
}

static bool
table_read(struct pool *p, const struct kql_value *table, struct kql_answer *out)
{
    struct kql_value list = kql_member(table, SPAN_LITERAL("rows"));
    const struct kql_array *rows = kql_array_in(&list);
    const struct kql_value **made;

    *out = (struct kql_answer){.name = text_in(table, "name")};
    if (rows == NULL || !columns_read(p, table, &out->schema))
        return false;
    made = pool_take(p, (rows->count + (size_t)1) * sizeof *made);
    for (uint32_t i = 0; i < rows->count; i++) {
        const struct kql_array *cells = kql_array_in(&rows->items[i]);
        struct kql_value *row = pool_take(p, (out->schema.count + (size_t)1) * sizeof *row);

        if (cells == NULL || cells->count != out->schema.count)
            return false;
        for (uint32_t c = 0; c < cells->count; c++)
            row[c] = cell_read(p, out->schema.columns[c].type, &cells->items[c]);
        made[i] = row;
    }
    out->rows = made;
    out->row_count = rows->count;
    return true;
}

static void
render_read(const struct kql_value *root, struct chart_spec *out)
{
    struct kql_value render = kql_member(root, SPAN_LITERAL("render"));

    *out = (struct chart_spec){
        .kind = text_in(&render, "visualization"),
        .title = text_in(&render, "title"),
        .x_column = text_in(&render, "xColumn"),
        .y_columns = text_in(&render, "yColumns"),
        .series = text_in(&render, "series"),
        .x_title = text_in(&render, "xTitle"),
        .y_title = text_in(&render, "yTitle"),
    };
}

/* ---- what is wrong ---- */

/* The bytes of a place: lines from 1, positions in code points from 0. */
static uint32_t
place_of(struct span query, int64_t line, int64_t position)
{
    size_t at = 0;

    for (; line > 1 && at < query.n; at++)
        line -= query.p[at] == '\n';
    for (; position > 0 && at < query.n && query.p[at] != '\n'; position--)
        do
            at++;
        while (at < query.n && ((unsigned char)query.p[at] & 0xc0) == 0x80);
    return (uint32_t)at;
}

static enum kql_code
code_of(struct span name)
{
    for (int i = 0; i < KQL_CODE_COUNT; i++)
        if (span_is(name, kql_code_name((enum kql_code)i)))
            return (enum kql_code)i;
    return KQL_E_SYNTAX;
}

static void
diagnostics_read(const struct kql_array *list, struct kql_diagnostics *d)
{
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        const struct kql_value *one = &list->items[i];
        struct span message = text_in(one, "message"), token = text_in(one, "token");
        int64_t length = number_in(one, "length");
        uint32_t at = place_of(d->query, number_in(one, "line"), number_in(one, "pos"));

        if (token.n > 0)
            length = (int64_t)token.n;
        if (length < 0 || (uint64_t)length > d->query.n - at)
            length = 0;
        kql_complain(d, code_of(text_in(one, "code")), at, (uint32_t)length, "%.*s", (int)message.n,
                     message.p);
    }
}

static struct span
deepest_message(const struct kql_value *error)
{
    struct span message = text_in(error, "message");
    struct kql_value inner = kql_member(error, SPAN_LITERAL("innererror"));

    for (int depth = 0; depth < 8 && kql_bag_in(&inner) != NULL; depth++) {
        if (text_in(&inner, "message").n > 0)
            message = text_in(&inner, "message");
        inner = kql_member(&inner, SPAN_LITERAL("innererror"));
    }
    return message;
}

void
query_answer_read_error(struct pool *p, struct span body, struct span query,
                        struct query_answer *out)
{
    struct kql_value root, error, inner, details;
    size_t at;

    memset(out, 0, sizeof *out);
    kql_diagnostics_init(&out->diagnostics, p, query);
    if (!kql_json_read(p, body, true, &root, &at)) {
        out->error = (struct span){body.p, body.n < 500 ? body.n : 500};
        return;
    }
    error = kql_member(&root, SPAN_LITERAL("error"));
    inner = kql_member(&error, SPAN_LITERAL("innererror"));
    details = kql_member(&inner, SPAN_LITERAL("details"));
    diagnostics_read(kql_array_in(&details), &out->diagnostics);
    if (out->diagnostics.count == 0)
        out->error = deepest_message(&error);
}

bool
query_answer_read(struct pool *p, struct span body, struct span query, struct query_answer *out,
                  struct err *err)
{
    struct kql_value root, list, own, error, warnings, details;
    const struct kql_array *tables;
    struct kql_answer *made;
    size_t at;

    memset(out, 0, sizeof *out);
    kql_diagnostics_init(&out->diagnostics, p, query);
    if (!kql_json_read(p, body, true, &root, &at)) {
        (void)err_set(err, ST_INVALID, "the answer is not JSON at its byte %zu", at);
        return false;
    }
    list = kql_member(&root, SPAN_LITERAL("tables"));
    tables = kql_array_in(&list);
    if (tables == NULL) {
        (void)err_set(err, ST_INVALID, "the answer has no tables");
        return false;
    }
    made = pool_zeroed(p, tables->count + (size_t)1, sizeof *made);
    out->charts = pool_zeroed(p, tables->count + (size_t)1, sizeof *out->charts);
    for (uint32_t i = 0; i < tables->count; i++)
        if (!table_read(p, &tables->items[i], &made[i])) {
            (void)err_set(err, ST_INVALID, "table %u of the answer has not the columns it names",
                          (unsigned)i + 1);
            return false;
        }
    out->answers = (struct kql_answers){.items = made, .count = tables->count};
    render_read(&root, &out->charts[0]);
    own = kql_member(&root, SPAN_LITERAL("penstock"));
    warnings = kql_member(&own, SPAN_LITERAL("warnings"));
    diagnostics_read(kql_array_in(&warnings), &out->diagnostics);
    out->explanation = text_in(&own, "explanation");
    error = kql_member(&root, SPAN_LITERAL("error"));
    details = kql_member(&error, SPAN_LITERAL("details"));
    out->partial = kql_array_in(&details) != NULL && kql_array_in(&details)->count > 0
                       ? deepest_message(&kql_array_in(&details)->items[0])
                       : text_in(&error, "message");
    return true;
}
