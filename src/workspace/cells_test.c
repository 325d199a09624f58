/* cells_test.c - every type of value comes out of a vector, and out of a literal, as it went in; a dynamic's text is UTF-8,
 * is JSON where JSON is enough, and no text that is not a coded one reads as one. */
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/random.h"
#include "workspace/cells.h"
#include <math.h>

static struct pool pool;
static duckdb_connection connection;

static struct kql_value
text(const char *t)
{
    return kql_string(span_of(t));
}

static struct kql_value
decimal(const char *t)
{
    struct kql_decimal *d = pool_take(&pool, sizeof *d);

    CHECK(kql_read_decimal(span_of(t), d), "decimal %s", t);
    return (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
}

static struct kql_value
guid(const char *t)
{
    struct kql_guid *g = pool_take(&pool, sizeof *g);

    CHECK(kql_read_guid(span_of(t), g), "guid %s", t);
    return (struct kql_value){.type = KQL_GUID, .guid = g};
}

static struct kql_value
json(const char *t)
{
    return kql_parse_json(&pool, span_of(t));
}

static struct kql_value
array(const struct kql_value *items, size_t count)
{
    struct kql_array_builder b = {.pool = &pool};

    for (size_t i = 0; i < count; i++)
        kql_array_add(&b, items[i]);
    return kql_array_finish(&b);
}
#define ARRAY(...)                                                                                 \
    array((struct kql_value[]){__VA_ARGS__},                                                       \
          sizeof((struct kql_value[]){__VA_ARGS__}) / sizeof(struct kql_value))

static struct kql_value
nested(int levels, struct kql_value innermost)
{
    struct kql_value v = innermost;

    for (int i = 0; i < levels; i++)
        v = ARRAY(v);
    return v;
}

/* The very same: types inside, the bits of reals, the order of keys. */
static bool
is_identical(const struct kql_value *a, const struct kql_value *b)
{
    if (a->is_null || b->is_null)
        return a->is_null == b->is_null;
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case KQL_REAL:
        return memcmp(&a->r, &b->r, sizeof a->r) == 0;
    case KQL_ARRAY:
        for (uint32_t i = 0; i < a->array->count && i < b->array->count; i++)
            if (!is_identical(&a->array->items[i], &b->array->items[i]))
                return false;
        return a->array->count == b->array->count;
    case KQL_BAG:
        for (uint32_t i = 0; i < a->bag->count && i < b->bag->count; i++)
            if (!span_equal(a->bag->entries[i].key, b->bag->entries[i].key) ||
                !is_identical(&a->bag->entries[i].value, &b->bag->entries[i].value))
                return false;
        return a->bag->count == b->bag->count;
    default:
        return kql_value_same(a, b);
    }
}

static struct kql_value
through_vector(enum kql_type type, const struct kql_value *v, size_t row)
{
    duckdb_logical_type logical = duckdb_create_logical_type(cell_duckdb_type(type));
    duckdb_vector vector = duckdb_create_vector(logical, duckdb_vector_size());
    struct cell_column c;
    struct kql_value out;

    cell_write(vector, type, row, &pool, v);
    cell_column_open(&c, type, vector);
    cell_read(&c, &pool, row, &out);
    out = kql_value_copy(&pool, &out);
    duckdb_destroy_vector(&vector);
    duckdb_destroy_logical_type(&logical);
    return out;
}

/* What DuckDB makes of the literal, and whether it is of the column's type. */
static struct kql_value
through_sql(enum kql_type type, const struct kql_value *v)
{
    struct span literal = cell_literal(&pool, type, v);
    struct span sql = pool_printf(&pool, "SELECT %.*s", (int)literal.n, literal.p);
    struct kql_value out = kql_null(type);
    duckdb_data_chunk chunk;
    struct cell_column c;
    duckdb_result r;
    struct err err;
    duckdb_type is, should;

    if (duckdb_query(connection, sql.p, &r) != DuckDBSuccess) {
        err_set(&err, ST_IO, "%.200s", duckdb_result_error(&r));
        CHECK(false, "%.200s: %s", literal.p, err.text);
        duckdb_destroy_result(&r);
        return out;
    }
    is = duckdb_column_type(&r, 0);
    should = cell_duckdb_type(type);
    CHECK(is == should, "%.100s is of type %d, not %d", literal.p, (int)is, (int)should);
    chunk = duckdb_fetch_chunk(r);
    cell_column_open(&c, type, duckdb_data_chunk_get_vector(chunk, 0));
    cell_read(&c, &pool, 0, &out);
    out = kql_value_copy(&pool, &out);
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&r);
    return out;
}

static void
check_round(const char *name, enum kql_type type, const struct kql_value *v)
{
    struct kql_value out = through_vector(type, v, 0);

    CHECK(is_identical(v, &out), "%s: another value comes out of a vector", name);
    out = through_vector(type, v, 1000);
    CHECK(is_identical(v, &out), "%s: another value comes out of row 1000", name);
    out = through_sql(type, v);
    CHECK(is_identical(v, &out), "%s: another value comes out of %.100s", name,
          cell_literal(&pool, type, v).p);
}

static void
test_scalars(void)
{
    const struct {
        const char *name;
        enum kql_type type;
        struct kql_value value;
    } rows[] = {
        {"true",                             KQL_BOOL,           kql_bool(true)                                        },
        {"false",                            KQL_BOOL,           kql_bool(false)                                       },
        {"no bool",                          KQL_BOOL,           kql_null(KQL_BOOL)                                    },
        {"int",                              KQL_INT,            kql_integer(KQL_INT,                                    5)},
        {"the smallest int",                                  KQL_INT,                                   kql_integer(KQL_INT,                                                 INT32_MIN)},
        {"the largest int",                        KQL_INT,                                          kql_integer(KQL_INT,                                INT32_MAX)},
        {"no int",               KQL_INT,kql_null(KQL_INT)    },
        {"long",             KQL_LONG,                                 kql_integer(KQL_LONG,                                                                                   -1)},
        {"the smallest long",              KQL_LONG,kql_integer(KQL_LONG,INT64_MIN)},
        {"the largest long",                KQL_LONG,             kql_integer(KQL_LONG,                                                                    INT64_MAX)},
        {"no long",                                  KQL_LONG,                                   kql_null(KQL_LONG)                                                                 },
        {"real",                        KQL_REAL,                                          kql_real(0.1)                    },
        {"a whole real",                KQL_REAL,kql_real(-3)},
        {"minus nought",                     KQL_REAL,kql_real(-0.0)                  },
        {"the smallest real",                      KQL_REAL,                                         kql_real(4.9406564584124654e-324)                                                                                                  },
        {"the largest real",                    KQL_REAL,                                         kql_real(1.7976931348623157e308)                                                          },
        {"infinity", KQL_REAL,kql_real(INFINITY)},
        {"minus infinity",  KQL_REAL,kql_real(-INFINITY)},
        {"nan",                KQL_REAL,                                                        kql_real((double)NAN)                                                                                                                                                                                 },
        {"no real",               KQL_REAL,                                                      kql_null(KQL_REAL)                                                                                                                                         },
        {"datetime",             KQL_DATETIME,kql_integer(KQL_DATETIME,0)},
        {"the last datetime",                KQL_DATETIME,kql_integer(KQL_DATETIME,KQL_DATETIME_MAX)},
        {"no datetime",          KQL_DATETIME,                                                   kql_null(KQL_DATETIME)                                                                                                                                                                                                                                                                    },
        {"timespan",       KQL_TIMESPAN,                     kql_integer(KQL_TIMESPAN,                                                                                                                                                                          INT64_MIN)},
        {"no timespan",                      KQL_TIMESPAN,                   kql_null(KQL_TIMESPAN)},
        {"no text",                         KQL_STRING,                         text("")                                  },
        {"short text",                                  KQL_STRING,                                        text("a")                                                            },
        {"12 bytes",                                  KQL_STRING,                                            text("123456789012")                                                               },
        {"13 bytes",                                  KQL_STRING,                                         text("1234567890123")                 },
        {"quotes",                                  KQL_STRING,                                           text("it's '' \" \\ % ; -- /* $1 ?")},
        {"lines",                                  KQL_STRING,                                           text("a\r\n\tb")},
        {"NUL",                                  KQL_STRING,                                             kql_string(SPAN_LITERAL("\0"))                                      },
        {"NULs in a long text",                                  KQL_STRING,                                              kql_string(SPAN_LITERAL("a'\0b\0\0 and more than 12"))                                                               },
        {"not ASCII",                                  KQL_STRING,                                                text("caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x9a\x80")                                                                    },
        {"a non-breaking space",                                  KQL_STRING,                                text("\xc2\xa0'\xe2\x80\x99")    },
        {"U+0001",                                  KQL_STRING,                                          text("\1[")},
        {"guid",                                  KQL_GUID,                               guid("01234567-89ab-cdef-fedc-ba9876543210")},
        {"a guid of ones",                                  KQL_GUID,                                             guid("ffffffff-ffff-ffff-ffff-ffffffffffff")                                                   },
        {"a guid of noughts",                                  KQL_GUID,                                               guid("00000000-0000-0000-0000-000000000000")                                                                      },
        {"no guid",                                  KQL_GUID,                                     kql_null(KQL_GUID)                                                                            },
        {"decimal",                                  KQL_DECIMAL,                                  decimal("-12.340")},
        {"a long decimal",                                  KQL_DECIMAL,                                            decimal("9999999999999999999999999999999999")},
        {"a small decimal",                                  KQL_DECIMAL,                                            decimal("0.0000000000000000000000000000000001")},
        {"no decimal",                                  KQL_DECIMAL,                                     kql_null(KQL_DECIMAL)                                                   },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        check_round(rows[i].name, rows[i].type, &rows[i].value);
}

static void
test_dynamic(void)
{
    struct kql_value mixed =
        ARRAY(kql_integer(KQL_INT, 1), kql_integer(KQL_LONG, 1), kql_real(1), text("1"),
              kql_null(KQL_DYNAMIC), json("{\"k\":[1,\"[\",{}]}"), text(""), kql_bool(false));
    struct kql_value with_mark = ARRAY(text("\1"), kql_integer(KQL_INT, 1));
    struct kql_value bad = kql_string(SPAN_LITERAL("\xff\xfe"));
    const struct {
        const char *name;
        bool is_json;
        struct kql_value value;
    } rows[] = {
        {"null",                                  true,               kql_null(KQL_DYNAMIC)                                                                      },
        {"true",                                  true,               kql_bool(true)                                                                             },
        {"a long",                                true,               kql_integer(KQL_LONG,                                                                        INT64_MIN)},
        {"an int",                                       false,                                                  kql_integer(KQL_INT,                                                                                                  -7)},
        {"a real",                                    true,                                                      kql_real(0.1)                                        },
        {"a whole real",                          true,kql_real(1)                            },
        {"a whole real, large",                            true,                                                        kql_real(1e17)                                                                                                  },
        {"minus nought",                         true,kql_real(-0.0)},
        {"nan",                         false,                                                        kql_real((double)NAN)                                                                                                                                                                               },
        {"infinity",                  false,kql_real(-INFINITY)},
        {"a text",                    true,                                                          text("a \"b\" \\ \x7f \1 caf\xc3\xa9")                                                                                                                                                                                                                                                              },
        {"an empty text", true,text("")},
        {"a text that is JSON",                               true,                                                                                        text("{\"a\":1}")                                                                                                                                                                                                                                                                                                                                                                                      },
        {"a text with NUL",                      true,kql_string(SPAN_LITERAL("a\0b"))},
        {"a datetime",       false,                                                                         kql_integer(KQL_DATETIME,                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                    638000000000000001)},
        {"a timespan",               false,kql_integer(KQL_TIMESPAN,-1)},
        {"a guid",                    false,                                                                         guid("01234567-89ab-cdef-fedc-ba9876543210")                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                   },
        {"a decimal",                                false,                          decimal("-9999999999999999.999999999999999999")},
        {"an array",                             true,           json("[1,2.5,\"x\",null,true,[],{}]")                             },
        {"an empty array",                              true,                json("[]")                                                           },
        {"a bag",                        true,         json("{\"b\":{\"c\":[1]},\"a\":\"\",\"\":null}")                                                                          },
        {"an int in an array",                                 false,                        mixed                                                          },
        {"many levels",                    true, nested(KQL_DEPTH_MAX,                                                                kql_integer(KQL_LONG, 1))},
        {"more levels",                           false,                      nested(KQL_DEPTH_MAX + 1,                                                                                             kql_integer(KQL_LONG, 1))},
        {"as many as there are",                                    false,                                                      nested(KQL_LEVELS_MAX,                                                                                                                                     kql_integer(KQL_LONG, 1))},
        {"an array and U+0001",               false,with_mark},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        check_round(rows[i].name, KQL_DYNAMIC, &rows[i].value);
        if (!rows[i].value.is_null) {
            struct span t = cell_dynamic_text(&pool, &rows[i].value);

            CHECK((t.p[0] != '\1') == rows[i].is_json, "%s: %.60s", rows[i].name, t.p);
        }
    }
    /* what is no UTF-8 is mended before its size is written */
    struct kql_value v = ARRAY(kql_integer(KQL_INT, 1), bad);
    struct kql_value out = through_vector(KQL_DYNAMIC, &v, 0);
    struct kql_value should = ARRAY(kql_integer(KQL_INT, 1), text("\xef\xbf\xbd\xef\xbf\xbd"));

    CHECK(is_identical(&out, &should), "a text that is no UTF-8 within a coded one");
}

/* JSON carries every real there is. */
static void
test_reals(void)
{
    struct kql_random random;
    int differ = 0;

    kql_random_seed(&random, 7);
    for (int i = 0; i < 20000; i++) {
        struct pool_mark mark = pool_mark(&pool);
        uint64_t bits = kql_random_next(&random);
        struct kql_value v = kql_real(0), out;

        memcpy(&v.r, &bits, sizeof bits);
        if (i % 2 == 0)
            v.r = (double)(int64_t)bits / (double)((bits & 1023) + 1);
        out = cell_dynamic_read(&pool, cell_dynamic_text(&pool, &v));
        differ += !is_identical(&v, &out);
        pool_return(&pool, mark);
    }
    CHECK(differ == 0, "%d reals of 20000 come back as others", differ);
}

static void
test_utf8(void)
{
    const struct {
        const char *name;
        struct span in, out;
    } rows[] = {
        {"a byte alone",    SPAN_LITERAL("a\x80z"),                       SPAN_LITERAL("a\xef\xbf\xbdz")          },
        {"cut at the end",  SPAN_LITERAL("abcdefghijklm\xe2\x82"),
         SPAN_LITERAL("abcdefghijklm\xef\xbf\xbd\xef\xbf\xbd")                                                    },
        {"overlong",        SPAN_LITERAL("\xc0\xaf"),                     SPAN_LITERAL("\xef\xbf\xbd\xef\xbf\xbd")},
        {"a surrogate",     SPAN_LITERAL("\xed\xa0\x80"),
         SPAN_LITERAL("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd")                                                     },
        {"beyond U+10FFFF", SPAN_LITERAL("\xf4\x90\x80\x80-"),
         SPAN_LITERAL("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd-")                                        },
        {"nothing wrong",   SPAN_LITERAL("\xf4\x8f\xbf\xbf\xed\x9f\xbf"),
         SPAN_LITERAL("\xf4\x8f\xbf\xbf\xed\x9f\xbf")                                                             },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kql_value v = kql_string(rows[i].in), should = kql_string(rows[i].out), out;

        out = through_vector(KQL_STRING, &v, 3);
        CHECK(is_identical(&out, &should), "%s: %.*s", rows[i].name, (int)out.size, out.text);
        out = through_sql(KQL_STRING, &v);
        CHECK(is_identical(&out, &should), "%s as a literal: %.*s", rows[i].name, (int)out.size,
              out.text);
    }
}

/* Other types than the column's. */
static void
test_conversions(void)
{
    const struct {
        const char *name;
        struct kql_value in;
        enum kql_type type;
        struct kql_value out;
    } rows[] = {
        {"a long for a real",     kql_integer(KQL_LONG,     3),                               KQL_REAL,                                                                kql_real(3)},
        {"a real for a long",                       kql_real(3.9),                             KQL_LONG,                          kql_integer(KQL_LONG,                                                             3)},
        {"an int for a long",                     kql_integer(KQL_INT,                                             3),                                                           KQL_LONG,                               kql_integer(KQL_LONG, 3)},
        {"a long for a text",               kql_integer(KQL_LONG,                   3),KQL_STRING,                                text("3")},
        {"true for a text",kql_bool(true),KQL_STRING,                         text("true")                                                       },
        {"an array for a text",       json("[1, 2]"),                             KQL_STRING,                                                           text("[1,2]")                                                                                             },
        {"a null for a text",   kql_null(KQL_DYNAMIC),       KQL_STRING, text("")},
        {"a text for a long",     text("3"),      KQL_LONG,                      kql_null(KQL_LONG)                                                                                    },
        {"a long for a datetime",     kql_integer(KQL_LONG,                3),                                   KQL_DATETIME,                                                                   kql_null(KQL_DATETIME)},
        {"a text for a guid", text("x"), KQL_GUID,                kql_null(KQL_GUID)                                        },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kql_value out = through_vector(rows[i].type, &rows[i].in, 9);

        CHECK(is_identical(&out, &rows[i].out), "%s", rows[i].name);
        out = through_sql(rows[i].type, &rows[i].in);
        CHECK(is_identical(&out, &rows[i].out), "%s, as a literal", rows[i].name);
    }
}

/* Texts in a dynamic column that are neither JSON nor coded, and those that only look coded. */
static void
test_strange_texts(void)
{
    static const struct {
        const char *text;
        bool is_coded;
    } rows[] = {
        {"\1",                                    false},
        {"\1x",                                   false},
        {"\1t",                                   true },
        {"\1t ",                                  false},
        {"\1i2147483648;",                        false},
        {"\1i-2147483648;",                       true },
        {"\1i;",                                  false},
        {"\1l9223372036854775808;",               false},
        {"\1l-9223372036854775808;",              true },
        {"\1d-1;",                                false},
        {"\1d3155378975999999999;",               true },
        {"\1d3155378976000000000;",               false},
        {"\1s-1;",                                true },
        {"\1r000000000000000",                    false},
        {"\1r000000000000000G",                   false},
        {"\1m0001ed09bead87c0378d8e63ffffffff22", true },
        {"\1m0001ed09bead87c0378d8e640000000000", false},
        {"\1m0001ed09bead87c0378d8e63ffffffff23", false},
        {"\1g00",                                 false},
        {"\1\"2:ab",                              true },
        {"\1\"3:ab",                              false},
        {"\1\"-1:ab",                             false},
        {"\1\"1:\xc3\xa9",                        false},
        {"\1[\"1:\xc3\xa9]",                      false},
        {"\1[",                                   false},
        {"\1]",                                   false},
        {"\1[nn]n",                               false},
        {"\1[nn]",                                true },
        {"\1{n}",                                 false},
        {"\1{\"1:an}",                            true },
        {"\1{\"1:an\"1:an}",                      false},
        {"\1{\"1:a}",                             false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kql_value v = cell_dynamic_read(&pool, span_of(rows[i].text));
        bool is_itself = !v.is_null && v.type == KQL_STRING && span_is(kql_text(&v), rows[i].text);

        CHECK(is_itself != rows[i].is_coded, "%s", rows[i].text + 1);
    }
}

/* DuckDB sorts UUIDs as kql_value_compare has them. */
static void
test_guid_order(void)
{
    static const char *const guids[] = {
        "00000000-0000-0000-0000-000000000000", "00000000-0000-0000-8000-000000000000",
        "00000000-0000-0001-0000-000000000000", "7fffffff-0000-0000-0000-000000000000",
        "80000000-0000-0000-0000-000000000000", "ff000000-0000-0000-0000-000000000001",
    };
    char sql[1024] = "SELECT * FROM (VALUES ";
    duckdb_data_chunk chunk;
    struct cell_column c;
    duckdb_result r;

    for (size_t i = 0; i < COUNT_OF(guids); i++) /* in another order than theirs */
        sprintf(sql + strlen(sql), "%s('%s'::UUID)", i > 0 ? "," : "",
                guids[(i * 5 + 2) % COUNT_OF(guids)]);
    strcat(sql, ") t(g) ORDER BY g");
    if (duckdb_query(connection, sql, &r) != DuckDBSuccess) {
        CHECK(false, "%s", duckdb_result_error(&r));
        duckdb_destroy_result(&r);
        return;
    }
    chunk = duckdb_fetch_chunk(r);
    cell_column_open(&c, KQL_GUID, duckdb_data_chunk_get_vector(chunk, 0));
    for (size_t i = 0; i < COUNT_OF(guids); i++) {
        struct kql_value v, should = guid(guids[i]);

        cell_read(&c, &pool, i, &v);
        CHECK(kql_value_compare(&v, &should) == 0, "guid %zu is not %s", i, guids[i]);
        if (i > 0) {
            struct kql_value before = guid(guids[i - 1]);

            CHECK(kql_value_compare(&before, &v) < 0, "%s is not below %s", guids[i - 1], guids[i]);
        }
    }
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&r);
}

/* A datetime that no calendar has is null, a NULL text is empty. */
static void
test_foreign_cells(void)
{
    static const char sql[] = "SELECT -1::BIGINT, 3155378976000000000::BIGINT, NULL::VARCHAR, "
                              "'12x'::VARCHAR, ''::VARCHAR, 'null'::VARCHAR";
    static const enum kql_type types[] = {KQL_DATETIME, KQL_DATETIME, KQL_STRING,
                                          KQL_DECIMAL,  KQL_DYNAMIC,  KQL_DYNAMIC};
    duckdb_data_chunk chunk;
    duckdb_result r;

    if (duckdb_query(connection, sql, &r) != DuckDBSuccess) {
        CHECK(false, "%s", duckdb_result_error(&r));
        duckdb_destroy_result(&r);
        return;
    }
    chunk = duckdb_fetch_chunk(r);
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct cell_column c;
        struct kql_value v;

        cell_column_open(&c, types[i], duckdb_data_chunk_get_vector(chunk, i));
        cell_read(&c, &pool, 0, &v);
        CHECK(types[i] == KQL_STRING ? v.size == 0 : v.is_null, "column %zu", i);
    }
    duckdb_destroy_data_chunk(&chunk);
    duckdb_destroy_result(&r);
}

int
main(void)
{
    duckdb_database database;
    jmp_buf spent;

    pool_init(&pool, (size_t)256 << 20);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", pool.reason.text);
        return test_end();
    }
    pool.escape = &spent;
    if (duckdb_open(NULL, &database) != DuckDBSuccess ||
        duckdb_connect(database, &connection) != DuckDBSuccess) {
        CHECK(false, "DuckDB does not open");
        return test_end();
    }
    test_scalars();
    test_dynamic();
    test_reals();
    test_utf8();
    test_conversions();
    test_strange_texts();
    test_guid_order();
    test_foreign_cells();
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    pool_free(&pool);
    return test_end();
}
