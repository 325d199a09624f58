/* program_play.h - what the tests of programs share: a table of every type in a DuckDB of their own, and KQL over it as bound
 * expressions. */
#pragma once
#include "base/test.h"
#include "kql/bind.h"
#include "workspace/cells.h"
#include "workspace/program.h"

enum { PLAY_ROWS = 5000, PLAY_COLUMNS = 12 };

/* Its columns, in order, and what they are made of: i is 0 to PLAY_ROWS - 1. About every seventh cell is null. */
static const struct play_column {
    const char *name;
    enum kql_type type;
    const char *sql;
} play_columns[PLAY_COLUMNS] = {
    {"s",   KQL_STRING,
     "CASE WHEN i % 7 = 3 THEN '' WHEN i % 2 = 0 THEN 'short' || i % 10 ELSE "
     "'C:\\Windows\\System32\\cmd.exe /c \"echo ' || i || '\" caf\xc3\xa9' END"                 },
    {"w",   KQL_STRING,
     "['powershell -enc AAAA', 'cmd', 'bash -c ls', '12bytes12byt', '13bytes13byte'][1 + i % 5]"},
    {"n",   KQL_LONG,     "CASE WHEN i % 7 <> 1 THEN (i * 7919) % 1000 - 500 END"               },
    {"k",   KQL_INT,      "CASE WHEN i % 7 <> 2 THEN i % 100 END::INTEGER"                      },
    {"r",   KQL_REAL,
     "CASE i % 8 WHEN 0 THEN NULL WHEN 1 THEN 'nan'::DOUBLE WHEN 2 THEN 'inf'::DOUBLE "
     "ELSE i / 8.0::DOUBLE END"                                                                 },
    {"b",   KQL_BOOL,     "CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END"                   },
    {"t",   KQL_DATETIME, "CASE WHEN i % 7 <> 4 THEN 638000000000000000 + i * 10000001 END"     },
    {"p",   KQL_TIMESPAN, "CASE WHEN i % 7 <> 5 THEN i * 10000001 - 50000000000 END"            },
    {"g",   KQL_GUID,     "CASE WHEN i % 7 <> 6 THEN md5((i % 50)::VARCHAR)::UUID END"          },
    {"m",   KQL_DECIMAL,  "CASE WHEN i % 7 <> 0 THEN (i % 13) || '.' || i % 10 END"             },
    {"d",   KQL_DYNAMIC,
     "CASE i % 5 WHEN 0 THEN NULL WHEN 1 THEN '{\"a\":' || i || ',\"b\":[1,\"x\",null]}' "
     "WHEN 2 THEN '[' || i % 4 || ',2.5,{\"c\":true}]' WHEN 3 THEN '\"text\"' ELSE '12' END"    },
    {"one", KQL_STRING,   "'always the same long text'"                                         },
};

struct play {
    duckdb_database database;
    duckdb_connection connection;
    struct pool pool; /* its escape is the test's */
    struct kql_column columns[PLAY_COLUMNS];
    struct kql_schema schema;
};

static bool
play_table(void *context, struct span name, struct kql_table *out)
{
    const struct play *y = context;

    *out = (struct kql_table){.name = SPAN_LITERAL("T"), .schema = y->schema};
    return span_is(name, "T");
}

/* False: it failed, which is counted. */
static inline bool
play_run(struct play *y, const char *sql, duckdb_result *out)
{
    duckdb_result r;
    bool is_done = duckdb_query(y->connection, sql, &r) == DuckDBSuccess;

    CHECK(is_done, "%.200s: %.200s", sql, duckdb_result_error(&r));
    if (is_done && out != NULL)
        *out = r;
    else
        duckdb_destroy_result(&r);
    return is_done;
}

/* In memory. The table T is made of PLAY_ROWS rows. */
static inline bool
play_open(struct play *y)
{
    struct err err = {""};
    char sql[8192] = "CREATE TABLE T AS SELECT ";

    if (duckdb_open(NULL, &y->database) != DuckDBSuccess ||
        duckdb_connect(y->database, &y->connection) != DuckDBSuccess) {
        CHECK(false, "DuckDB does not open");
        return false;
    }
    for (size_t i = 0; i < PLAY_COLUMNS; i++) {
        y->columns[i] =
            (struct kql_column){span_of(play_columns[i].name), (uint8_t)play_columns[i].type};
        sprintf(sql + strlen(sql), "%s(%s)::%s AS c%zu", i > 0 ? ", " : "", play_columns[i].sql,
                cell_sql_type(play_columns[i].type), i);
    }
    sprintf(sql + strlen(sql), " FROM range(%d) t(i)", PLAY_ROWS);
    y->schema = (struct kql_schema){.columns = y->columns, .count = PLAY_COLUMNS};
    if (!play_run(y, "SET threads = 2", NULL) || !play_run(y, sql, NULL))
        return false;
    bool is_registered = programs_register(y->connection, &err) == ST_OK;

    CHECK(is_registered, "%s", err.text);
    return is_registered;
}

static inline void
play_close(struct play *y)
{
    duckdb_disconnect(&y->connection);
    duckdb_close(&y->database);
    pool_free(&y->pool);
}

/* The plan of KQL over T; NULL: it does not bind, which is counted. */
static inline const struct kql_op *
play_bind(struct play *y, const char *text)
{
    struct kql_environment environment = {
        .table = play_table, .context = y, .now = INT64_C(638500000000000000)};
    struct kql_diagnostics *d = pool_zeroed(&y->pool, 1, sizeof *d);
    struct span copy = pool_text(&y->pool, span_of(text));
    struct kql_bound bound;
    bool is_bound;

    kql_diagnostics_init(d, &y->pool, copy);
    environment.defers_not_built = true;
    is_bound = kql_bind(&y->pool, copy, &environment, d, &bound);
    CHECK(is_bound, "%s: %s", text, kql_diagnostics_print(&y->pool, d, false).p);
    return is_bound ? bound.plan : NULL;
}

/* One expression over T. */
static inline const struct kql_expr *
play_expr(struct play *y, const char *text)
{
    const struct kql_op *plan = play_bind(y, pool_printf(&y->pool, "T | project _x = %s", text).p);

    while (plan != NULL && plan->kind != KQL_OP_PROJECT)
        plan = plan->input;
    return plan == NULL ? NULL : plan->u.project.exprs[0];
}

/* f(number, columns ...) */
static inline struct span
play_call(struct play *y, const struct program_call *call)
{
    struct span text =
        pool_printf(&y->pool, "%s(%llu", call->function, (unsigned long long)call->number);

    for (uint32_t i = 0; i < call->count; i++)
        text = pool_printf(&y->pool, "%s, c%u", text.p, call->columns[i]);
    return pool_printf(&y->pool, "%s)", text.p);
}
