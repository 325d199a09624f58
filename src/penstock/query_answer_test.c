/* query_answer_test.c - answers of the Log Analytics API read back: every type exact, errors with their places, and
 * what is no such answer. */
#include "base/test.h"
#include "penstock/query_answer.h"
#include "penstock/query_print.h"
#include <stdlib.h>

#define TABLE(columns, rows)                                                                       \
    "{\"tables\":[{\"name\":\"PrimaryResult\",\"columns\":[" columns "],\"rows\":[" rows "]}]}"
#define COLUMN(type) "{\"name\":\"c\",\"type\":\"" type "\"}"

/* clang-format off */
static const struct {
    const char *type, *cell; /* as JSON */
    const char *printed;     /* as CSV */
} cells[] = {
    {"long", "9007199254740993", "9007199254740993"},
    {"long", "-9223372036854775808", "-9223372036854775808"},
    {"long", "9223372036854775807", "9223372036854775807"},
    {"long", "null", ""},
    {"long", "\"5\"", ""},
    {"int", "-5", "-5"},
    {"real", "1", "1.0"},
    {"real", "0.1", "0.1"},
    {"real", "1e300", "1e300"},
    {"real", "\"NaN\"", "NaN"},
    {"real", "\"Infinity\"", "Infinity"},
    {"real", "\"-Infinity\"", "-Infinity"},
    {"decimal", "\"1.2345678901234567890123456789\"", "1.2345678901234567890123456789"},
    {"decimal", "7", "7"},
    {"decimal", "\"x\"", ""},
    {"bool", "true", "true"},
    {"bool", "0", "false"},
    {"datetime", "\"2026-01-02T03:04:05.1234567Z\"", "2026-01-02T03:04:05.1234567Z"},
    {"datetime", "\"0001-01-01T00:00:00.0000000Z\"", "0001-01-01T00:00:00.0000000Z"},
    {"datetime", "\"yesterday\"", ""},
    {"timespan", "\"1.00:00:00.5000001\"", "1.00:00:00.5000001"},
    {"timespan", "\"-00:00:05\"", "-00:00:05"},
    {"guid", "\"74be27de-1e4e-49d9-b579-fe0b331d3642\"", "74be27de-1e4e-49d9-b579-fe0b331d3642"},
    {"string", "\"a\\u0000b\\n\\\"q\\\"\"", NULL},
    {"string", "\"\"", ""},
    {"string", "null", ""},
    {"string", "5", "5"},
    {"dynamic", "\"{\\\"a\\\":[1,2.5]}\"", "\"{\"\"a\"\":[1,2.5]}\""},
    {"dynamic", "{\"a\":1}", "\"{\"\"a\"\":1}\""},
    {"dynamic", "\"[1]\"", "[1]"},
    {"dynamic", "\"[broken\"", "[broken"},
    {"dynamic", "\"word\"", "word"},
    {"dynamic", "5", "5"},
    {"dynamic", "null", ""},
    {"a new type", "5", "5"},
};

static const struct {
    const char *what, *body;
    const char *says; /* of err; NULL: it is an answer */
} bodies[] = {
    {"one table", TABLE(COLUMN("long"), "[1],[2]"), NULL},
    {"no rows", TABLE(COLUMN("long"), ""), NULL},
    {"no columns", TABLE("", "[],[]"), NULL},
    {"no tables", "{\"tables\":[]}", NULL},
    {"not JSON", "{\"tables\":[", "not JSON at its byte"},
    {"nothing", "", "not JSON"},
    {"another object", "{\"value\":[]}", "no tables"},
    {"a text", "\"tables\"", "no tables"},
    {"a row too short", TABLE(COLUMN("long"), "[]"), "table 1 "},
    {"a row too long", TABLE(COLUMN("long"), "[1,2]"), "table 1 "},
    {"a row that is none", TABLE(COLUMN("long"), "5"), "table 1 "},
    {"no rows at all", "{\"tables\":[{\"columns\":[]}]}", "table 1 "},
    {"no columns at all", "{\"tables\":[{\"rows\":[]}]}", "table 1 "},
};

static const struct {
    const char *query, *body;
    const char *printed; /* of the diagnostics, or the error */
} errors[] = {
    {"T | where\n  ü == nope",
     "{\"error\":{\"code\":\"BadArgumentError\",\"message\":\"m\",\"innererror\":{\"code\":\"SemanticError\",\"message\":\"A\","
     "\"innererror\":{\"code\":\"SEM0100\",\"message\":\"no column 'nope'\",\"line\":2,\"pos\":7,\"token\":\"nope\"},"
     "\"details\":[{\"code\":\"KQL102\",\"message\":\"no column 'nope'\",\"line\":2,\"pos\":7,\"token\":\"nope\"}]}}}",
     "query:2:8: error KQL102: no column 'nope'\n      ü == nope\n           ^^^^\n"},
    {"T", "{\"error\":{\"message\":\"outer\",\"innererror\":{\"message\":\"inner\",\"innererror\":{\"code\":\"x\"}}}}", "inner"},
    {"T", "{\"error\":{\"message\":\"outer\"}}", "outer"},
    {"T", "<html>no</html>", "<html>no</html>"},
    {"T", "{\"error\":{\"innererror\":{\"details\":[{\"line\":99999,\"pos\":99999,\"message\":\"far\"}]}}}",
     "query:1:2: error KQL001: far\n    T\n     ^\n"},
    {"T", "{\"error\":{\"innererror\":{\"details\":[{\"line\":-5,\"pos\":-5,\"token\":\"longer than the query\",\"message\":\"m\"}]}}}",
     "query:1:1: error KQL001: m\n    T\n    ^\n"},
};
/* clang-format on */

static void
check_cells(struct pool *p)
{
    for (size_t i = 0; i < COUNT_OF(cells); i++) {
        char body[600], *printed = NULL;
        struct query_answer a;
        struct err err = {""};
        size_t size;
        FILE *out = open_memstream(&printed, &size);
        bool is_read;

        pool_reset(p);
        snprintf(body, sizeof body,
                 "{\"tables\":[{\"name\":\"t\",\"columns\":[{\"name\":\"c\",\"type\":\"%s\"}],"
                 "\"rows\":[[%s]]}]}",
                 cells[i].type, cells[i].cell);
        is_read = query_answer_read(p, span_of(body), SPAN_LITERAL(""), &a, &err);
        CHECK(is_read, "%s: %s", cells[i].cell, err.text);
        if (is_read && query_print(out, QUERY_CSV, &a.answers, &err) != ST_OK)
            CHECK(false, "%s", err.text);
        fclose(out);
        if (is_read && cells[i].printed != NULL) {
            char wanted[200];

            snprintf(wanted, sizeof wanted, "c\r\n%s\r\n", cells[i].printed);
            CHECK(strcmp(printed, wanted) == 0, "%s %s: '%s', not '%s'", cells[i].type,
                  cells[i].cell, printed, wanted);
        }
        free(printed);
    }
}

static void
check_bodies(struct pool *p)
{
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct query_answer a;
        struct err err = {""};
        bool is_read;

        pool_reset(p);
        is_read = query_answer_read(p, span_of(bodies[i].body), SPAN_LITERAL(""), &a, &err);
        CHECK(is_read == (bodies[i].says == NULL), "%s: %s", bodies[i].what, err.text);
        CHECK(is_read || strstr(err.text, bodies[i].says) != NULL, "%s: %s", bodies[i].what,
              err.text);
        /* cut anywhere it is refused, not half an answer */
        for (size_t n = 0; is_read && n < strlen(bodies[i].body); n++)
            CHECK(
                !query_answer_read(p, (struct span){bodies[i].body, n}, SPAN_LITERAL(""), &a, &err),
                "%s: cut at %zu", bodies[i].what, n);
    }
}

static void
check_errors(struct pool *p)
{
    for (size_t i = 0; i < COUNT_OF(errors); i++) {
        struct query_answer a;
        struct span text;

        pool_reset(p);
        query_answer_read_error(p, span_of(errors[i].body), span_of(errors[i].query), &a);
        text = a.diagnostics.count > 0 ? kql_diagnostics_print(p, &a.diagnostics, true) : a.error;
        CHECK(span_is(text, errors[i].printed), "'%.*s', not '%s'", (int)text.n, text.p,
              errors[i].printed);
    }
}

static void
check_more(struct pool *p)
{
    static const char body[] =
        "{\"tables\":[],\"render\":{\"visualization\":\"timechart\",\"title\":\"x\","
        "\"xColumn\":null,"
        "\"yColumns\":\"a, b\"},\"error\":{\"code\":\"PartialError\",\"message\":\"some\","
        "\"details\":"
        "[{\"code\":\"EngineError\",\"message\":\"outer\",\"innererror\":{\"message\":\"500000 "
        "records\"}}]},"
        "\"penstock\":{\"warnings\":[{\"code\":\"KQL005\",\"line\":1,\"pos\":0,\"length\":1,"
        "\"message\":\"later\"}],"
        "\"explanation\":\"duckdb\"}}";
    struct query_answer a;
    struct err err = {""};

    pool_reset(p);
    CHECK(query_answer_read(p, span_of(body), SPAN_LITERAL("T"), &a, &err), "%s", err.text);
    CHECK(span_is(a.charts[0].kind, "timechart") && span_is(a.charts[0].title, "x") &&
              a.charts[0].x_column.n == 0 && span_is(a.charts[0].y_columns, "a, b"),
          "the chart");
    CHECK(span_is(a.partial, "500000 records"), "partial: %.*s", (int)a.partial.n, a.partial.p);
    CHECK(a.diagnostics.count == 1 && a.diagnostics.items[0].is_warning &&
              a.diagnostics.items[0].size == 1,
          "warnings");
    CHECK(span_is(a.explanation, "duckdb"), "explanation");
}

int
main(void)
{
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 64 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        abort();
    check_cells(&pool);
    check_bodies(&pool);
    check_errors(&pool);
    check_more(&pool);
    pool_free(&pool);
    return test_end();
}
