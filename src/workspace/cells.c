/* cells.c - values in and out of DuckDB's vectors, and as literals. */
#include "workspace/cells.h"
#include <math.h>

static const struct {
    duckdb_type type;
    const char *sql;
} types[KQL_TYPE_COUNT] = {
    [KQL_BOOL] = {DUCKDB_TYPE_BOOLEAN, "BOOLEAN"},
    [KQL_INT] = {DUCKDB_TYPE_INTEGER, "INTEGER"},
    [KQL_LONG] = {DUCKDB_TYPE_BIGINT,  "BIGINT" },
    [KQL_REAL] = {DUCKDB_TYPE_DOUBLE,  "DOUBLE" },
    [KQL_DECIMAL] = {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
    [KQL_STRING] = {DUCKDB_TYPE_VARCHAR, "VARCHAR"},
    [KQL_DATETIME] = {DUCKDB_TYPE_BIGINT,  "BIGINT" },
    [KQL_TIMESPAN] = {DUCKDB_TYPE_BIGINT,  "BIGINT" },
    [KQL_GUID] = {DUCKDB_TYPE_UUID,    "UUID"   },
};

const char *
cell_sql_type(enum kql_type type)
{
    return types[type].sql != NULL ? types[type].sql : "VARCHAR"; /* dynamic in all its kinds */
}

duckdb_type
cell_duckdb_type(enum kql_type type)
{
    return types[type].sql != NULL ? types[type].type : DUCKDB_TYPE_VARCHAR;
}

/* ---- reading ---- */

void
cell_column_open(struct cell_column *c, enum kql_type type, duckdb_vector vector)
{
    *c = (struct cell_column){type, duckdb_vector_get_data(vector),
                              duckdb_vector_get_validity(vector)};
}

/* DuckDB orders UUIDs as signed numbers: the first bit is turned. */
static const struct kql_guid *
read_guid(struct pool *p, const duckdb_hugeint *h)
{
    struct kql_guid *g = pool_take(p, sizeof *g);
    uint64_t high = (uint64_t)h->upper ^ UINT64_C(1) << 63, low = h->lower;

    for (int i = 7; i >= 0; i--, high >>= 8, low >>= 8) {
        g->bytes[i] = (uint8_t)high;
        g->bytes[8 + i] = (uint8_t)low;
    }
    return g;
}

static struct kql_value
read_decimal(struct pool *p, struct span text)
{
    struct kql_decimal *d = pool_take(p, sizeof *d);

    return kql_read_decimal(text, d) ? (struct kql_value){.type = KQL_DECIMAL, .decimal = d}
                                     : kql_null(KQL_DECIMAL);
}

void
cell_read(const struct cell_column *c, struct pool *p, size_t row, struct kql_value *out)
{
    if (cell_is_null(c, row)) {
        *out = kql_null(c->type);
        return;
    }
    switch (c->type) {
    case KQL_BOOL:
        *out = kql_bool(((const uint8_t *)c->data)[row] != 0);
        break;
    case KQL_INT:
        *out = kql_integer(KQL_INT, ((const int32_t *)c->data)[row]);
        break;
    case KQL_LONG:
    case KQL_TIMESPAN:
        *out = kql_integer(c->type, ((const int64_t *)c->data)[row]);
        break;
    case KQL_DATETIME:
        *out = kql_integer(KQL_DATETIME, ((const int64_t *)c->data)[row]);
        if ((uint64_t)out->i > (uint64_t)KQL_DATETIME_MAX)
            *out = kql_null(KQL_DATETIME);
        break;
    case KQL_REAL:
        *out = kql_real(((const double *)c->data)[row]);
        break;
    case KQL_STRING:
        *out = kql_string(cell_text(c, row));
        break;
    case KQL_DECIMAL:
        *out = read_decimal(p, cell_text(c, row));
        break;
    case KQL_GUID:
        *out = (struct kql_value){.type = KQL_GUID,
                                  .guid = read_guid(p, (const duckdb_hugeint *)c->data + row)};
        break;
    default:
        *out = cell_dynamic_read(p, cell_text(c, row));
        break;
    }
}

/* ---- text that DuckDB takes: UTF-8 ---- */

/* Bytes of the character at p, 0: it is none. Table 3-7 of the Unicode standard. */
static size_t
character_size(const unsigned char *p, size_t n)
{
    unsigned char c = p[0], low = 0x80, high = 0xbf;
    size_t size = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

    if (size == 0 || size > n)
        return 0;
    if (c == 0xe0)
        low = 0xa0;
    else if (c == 0xed)
        high = 0x9f;
    else if (c == 0xf0)
        low = 0x90;
    else if (c == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < size; i++, low = 0x80, high = 0xbf)
        if (p[i] < low || p[i] > high)
            return 0;
    return size;
}

static size_t /* bytes up to the first that is no UTF-8 */
valid_size(struct span text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t i = 0;

    while (i < text.n) {
        uint64_t eight;
        size_t size;

        if (text.n - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        size = character_size(p + i, text.n - i);
        if (size == 0)
            return i;
        i += size;
    }
    return i;
}

/* Each byte that belongs to no character as U+FFFD. */
static struct span
mended(struct pool *p, struct span text, size_t good)
{
    char *to = pool_take(p, text.n * 3), *start = to;

    while (text.n > 0) {
        memcpy(to, text.p, good);
        to += good;
        text.p += good;
        text.n -= good;
        if (text.n == 0)
            break;
        memcpy(to, "\xef\xbf\xbd", 3);
        to += 3;
        text.p++;
        text.n--;
        good = valid_size(text);
    }
    return (struct span){start, (size_t)(to - start)};
}

struct span
cell_valid_text(struct pool *p, struct span text)
{
    size_t good = valid_size(text);

    return good == text.n ? text : mended(p, text, good);
}

/* ---- writing ---- */

void
cell_target_open(struct cell_target *t, enum kql_type type, duckdb_vector vector)
{
    *t = (struct cell_target){type, vector, duckdb_vector_get_data(vector), NULL};
}

void
cell_put_null(struct cell_target *t, size_t row)
{
    if (t->validity == NULL) {
        duckdb_vector_ensure_validity_writable(t->vector);
        t->validity = duckdb_vector_get_validity(t->vector);
    }
    t->validity[row >> 6] &= ~(UINT64_C(1) << (row & 63));
}

static void
put_text(struct cell_target *t, size_t row, struct pool *p, struct span text)
{
    text = cell_valid_text(p, text);
    if (text.n > UINT32_MAX)
        pool_abandon(p, "a value of %zu bytes is beyond what a cell can hold", text.n);
    if (text.n <= sizeof((duckdb_string_t *)0)->value.inlined.inlined) {
        duckdb_string_t *s = (duckdb_string_t *)t->data + row;

        memset(s, 0, sizeof *s); /* DuckDB compares inlined texts with what is behind them */
        s->value.inlined.length = (uint32_t)text.n;
        if (text.n > 0)
            memcpy(s->value.inlined.inlined, text.p, text.n);
    } else {
        duckdb_vector_assign_string_element_len(t->vector, row, text.p, text.n);
    }
}

static void
put_guid(struct cell_target *t, size_t row, const struct kql_guid *g)
{
    duckdb_hugeint *h = (duckdb_hugeint *)t->data + row;
    uint64_t high = 0, low = 0;

    for (int i = 0; i < 8; i++) {
        high = high << 8 | g->bytes[i];
        low = low << 8 | g->bytes[8 + i];
    }
    h->upper = (int64_t)(high ^ UINT64_C(1) << 63);
    h->lower = low;
}

/* What a dynamic holds, as a scalar: as the evaluator's implicit conversion has it. */
static struct kql_value
converted(struct pool *p, enum kql_type to, const struct kql_value *v)
{
    enum kql_type from = (enum kql_type)v->type;

    if (to == KQL_STRING)
        return kql_to_text(p, KQL_DYNAMIC, v);
    if (kql_type_is_number(from) && kql_type_is_number(to))
        return kql_convert(p, from, v, to);
    return kql_null(to);
}

void
cell_put(struct cell_target *t, size_t row, struct pool *scratch, const struct kql_value *v)
{
    struct kql_value other;
    char text[48];

    if (v->is_null) {
        if (t->type == KQL_STRING)
            put_text(t, row, scratch, (struct span){"", 0});
        else
            cell_put_null(t, row);
        return;
    }
    if (v->type != t->type && t->type < KQL_DYNAMIC) {
        other = converted(scratch, t->type, v);
        v = &other;
        if (v->is_null) {
            cell_put_null(t, row);
            return;
        }
    }
    switch (t->type) {
    case KQL_BOOL:
        ((uint8_t *)t->data)[row] = v->i != 0;
        break;
    case KQL_INT:
        ((int32_t *)t->data)[row] = (int32_t)v->i;
        break;
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        ((int64_t *)t->data)[row] = v->i;
        break;
    case KQL_REAL:
        ((double *)t->data)[row] = v->r;
        break;
    case KQL_STRING:
        put_text(t, row, scratch, kql_text(v));
        break;
    case KQL_DECIMAL:
        put_text(t, row, scratch, (struct span){text, kql_print_decimal(v->decimal, text)});
        break;
    case KQL_GUID:
        put_guid(t, row, v->guid);
        break;
    default:
        put_text(t, row, scratch, cell_dynamic_text(scratch, v));
        break;
    }
}

void
cell_write(duckdb_vector vector, enum kql_type type, size_t row, struct pool *scratch,
           const struct kql_value *v)
{
    struct cell_target t;

    cell_target_open(&t, type, vector);
    cell_put(&t, row, scratch, v);
}

/* ---- literals ---- */

/* DuckDB's parser ends at a NUL: such a text is given as its bytes. */
static struct span
literal_with_nuls(struct pool *p, struct span text)
{
    static const char hex[] = "0123456789abcdef", before[] = "decode(from_hex('", after[] = "'))";
    char *out = pool_take(p, sizeof before + sizeof after + 2 * text.n), *at = out;

    memcpy(at, before, sizeof before - 1);
    at += sizeof before - 1;
    for (size_t i = 0; i < text.n; i++) {
        *at++ = hex[(unsigned char)text.p[i] >> 4];
        *at++ = hex[(unsigned char)text.p[i] & 15];
    }
    memcpy(at, after, sizeof after - 1);
    return (struct span){out, (size_t)(at - out) + sizeof after - 1};
}

static struct span
text_literal(struct pool *p, struct span text)
{
    static const char after[] = "'::VARCHAR";
    char *out, *at;

    text = cell_valid_text(p, text);
    if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL)
        return literal_with_nuls(p, text);
    out = at = pool_take(p, 2 * text.n + sizeof after + 1);
    *at++ = '\'';
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'')
            *at++ = '\'';
        *at++ = text.p[i];
    }
    memcpy(at, after, sizeof after - 1);
    return (struct span){out, (size_t)(at - out) + sizeof after - 1};
}

static struct span
real_literal(struct pool *p, double r)
{
    if (isnan(r))
        return SPAN_LITERAL("'nan'::DOUBLE");
    if (isinf(r))
        return r > 0 ? SPAN_LITERAL("'inf'::DOUBLE") : SPAN_LITERAL("'-inf'::DOUBLE");
    return pool_printf(p, "'%.17g'::DOUBLE", r);
}

struct span
cell_literal(struct pool *p, enum kql_type type, const struct kql_value *v)
{
    struct kql_value other;
    char text[48];

    if (!v->is_null && v->type != type && type < KQL_DYNAMIC) {
        other = converted(p, type, v);
        v = &other;
    }
    if (v->is_null)
        return type == KQL_STRING ? SPAN_LITERAL("''::VARCHAR")
                                  : pool_printf(p, "NULL::%s", cell_sql_type(type));
    switch (type) {
    case KQL_BOOL:
        return v->i != 0 ? SPAN_LITERAL("true") : SPAN_LITERAL("false");
    case KQL_INT:
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return pool_printf(p, v->i < 0 ? "(%lld)::%s" : "%lld::%s", (long long)v->i,
                           cell_sql_type(type));
    case KQL_REAL:
        return real_literal(p, v->r);
    case KQL_STRING:
        return text_literal(p, kql_text(v));
    case KQL_DECIMAL:
        return text_literal(p, (struct span){text, kql_print_decimal(v->decimal, text)});
    case KQL_GUID:
        return pool_printf(p, "'%.*s'::UUID", (int)kql_print_guid(v->guid, text), text);
    default:
        return text_literal(p, cell_dynamic_text(p, v));
    }
}
