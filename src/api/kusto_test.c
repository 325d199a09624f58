/* kusto_test.c - bodies of Kusto requests, what their parameters become, and commands cut into words. */
#include "api/hunting_parse.h"
#include "api/kusto.h"
#include "api/kusto_words.h"
#include "base/test.h"

/* Rows that clang-format cannot lay out. */
/* clang-format off */
static const struct {
    const char *name, *declared, *json, *literal;
} parameters[] = {
    {"a number",                     "long",     "7",                         "7"},
    {"a number as text",             "long",     "\"7\"",                     "7"},
    {"a real",                       "real",     "1.5",                       "1.5"},
    {"a boolean",                    "bool",     "true",                      "true"},
    {"bare text",                    "string",   "\"a b\"",                   "\"a b\""},
    {"text with quotes in it",       "string",   "\"it's \\\"x\\\"\\\\\"",    "\"it's \\\"x\\\"\\\\\""},
    {"text with line ends",          "string",   "\"a\\nb\\tc\\r\"",          "\"a\\nb\\tc\\r\""},
    {"a literal of text",            "string",   "\"'a b'\"",                 "'a b'"},
    {"a verbatim one",               "string",   "\"@'a\\\\b'\"",             "@'a\\b'"},
    {"an obfuscated one",            "string",   "\"h'secret'\"",             "h'secret'"},
    {"text that begins like one",    "string",   "\"hello\"",                 "\"hello\""},
    {"no text",                      "string",   "\"\"",                      "\"\""},
    {"a literal of a date",          "datetime", "\"datetime(2026-01-01)\"",  "datetime(2026-01-01)"},
    {"a bare date",                  "datetime", "\"2026-01-01\"",            "datetime(2026-01-01)"},
    {"a call",                       "datetime", "\"ago(1d)\"",               "ago(1d)"},
    {"a bare GUID",                  "guid",     "\"74be27de-1e4e-49d9-b579-fe0b331d3642\"", "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)"},
    {"a dynamic literal",            "dynamic",  "\"dynamic([1])\"",          "dynamic([1])"},
    {"of no type that is declared",  "",         "\"x\"",                     "x"},
};

static const struct {
    const char *name, *db, *workspace;
    enum hunt_shape shape;
} databases[] = {
    {"a name",                      "soc",                   "soc", HUNT_WORKSPACE},
    {"hunting's columns",           "soc.hunting",           "soc", HUNT_HUNTING  },
    {"in any case",                 "soc.Hunting",           "soc", HUNT_HUNTING  },
    {"none",                        "",                      "",    HUNT_WORKSPACE},
    {"what clients take for none",  "NetDefaultDB",          "",    HUNT_WORKSPACE},
    {"hunting's of the default",    "NetDefaultDB.hunting",  "",    HUNT_HUNTING  },
    {"and without its name",        ".hunting",              "",    HUNT_HUNTING  },
};

static const struct {
    const char *command, *pattern;
    bool fits;
    const char *names; /* with blanks between */
    size_t size;       /* up to the pipe; 0: all */
} commands[] = {
    {".show tables", ".show tables", true, "", 0},
    {" .SHOW\n Tables ; ", ".show tables", true, "", 0},
    {".show tables | count", ".show tables", true, "", 13},
    {".show tables details", ".show tables", true, "", 0},
    {".show tables with (a=1, b='x)')", ".show tables", true, "", 0},
    {".show tables now", ".show tables", false, "", 0},
    {".show table", ".show tables", false, "", 0},
    {".show table T schema as json", ".show table NAME schema as json", true, "T", 0},
    {".show table ['a | b'] schema as json", ".show table NAME schema as json", true, "a | b", 0},
    {".show table [\"schema\"] cslschema", ".show table NAME cslschema", true, "schema", 0},
    {".show databases (a, ['b c']) schema", ".show databases LIST schema", true, "a b c", 0},
    {".show databases () schema", ".show databases LIST schema", false, "", 0},
    {".show databases (a schema", ".show databases LIST schema", false, "", 0},
    {".show databases (a,) schema", ".show databases LIST schema", false, "", 0},
    {".show database ['schema']", ".show database schema", false, "", 0},
    {".show database schema if_later_than \"v1\"", ".show database schema", true, "", 0},
    {".show materialized-views", ".show materialized-views", true, "", 0},
    {".show database x.hunting schema", ".show database NAME schema", true, "x.hunting", 0},
};
/* clang-format on */

static void
check_parameters(struct pool *pool)
{
    for (size_t i = 0; i < COUNT_OF(parameters); i++) {
        struct kusto_ask *ask = pool_take(pool, sizeof *ask);
        char text[700];
        struct err err = {""};
        json_t *body;

        snprintf(text, sizeof text,
                 "{\"db\":\"soc\",\"csl\":\"%s%s%s print "
                 "p\",\"properties\":{\"Parameters\":{\"p\":%s}}}",
                 parameters[i].declared[0] != '\0' ? "declare query_parameters(p:" : "",
                 parameters[i].declared, parameters[i].declared[0] != '\0' ? ");" : "",
                 parameters[i].json);
        body = hunting_json_read(span_of(text), &err);
        CHECK(body != NULL && kusto_ask_read(pool, body, ask, &err) == ST_OK &&
                  ask->parameter_count == 1 &&
                  span_is(ask->parameters[0].literal, parameters[i].literal),
              "%s: %s %.*s", parameters[i].name, err.text, (int)ask->parameters[0].literal.n,
              ask->parameters[0].literal.p);
        json_decref(body);
    }
}

static void
check_databases(struct pool *pool)
{
    for (size_t i = 0; i < COUNT_OF(databases); i++) {
        struct kusto_ask *ask = pool_take(pool, sizeof *ask);
        json_t *body = json_pack("{s:s, s:s}", "db", databases[i].db, "csl", "print 1");
        struct err err = {""};

        CHECK(kusto_ask_read(pool, body, ask, &err) == ST_OK &&
                  span_is(ask->workspace, databases[i].workspace) &&
                  ask->shape == databases[i].shape && ask->rows_max == KUSTO_ROWS_MAX,
              "%s: %s", databases[i].name, err.text);
        json_decref(body);
    }
}

static void
check_commands(void)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        struct kusto_words w = {.count = 0};
        char names[200] = "";
        size_t size = commands[i].size == 0 ? strlen(commands[i].command) : commands[i].size;
        bool fits = kusto_words_read(span_of(commands[i].command), &w) &&
                    kusto_words_match(&w, commands[i].pattern);

        for (size_t k = 0; fits && k < w.name_count; k++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.*s",
                     k > 0 ? " " : "", (int)w.names[k].n, w.names[k].p);
        CHECK(fits == commands[i].fits && strcmp(names, commands[i].names) == 0 && w.size == size,
              "%s: %d '%s' %zu", commands[i].command, fits, names, w.size);
    }
    struct kusto_words w = {.count = 0};

    CHECK(!kusto_words_read(SPAN_LITERAL(".show table ['a"), &w), "a quote that is not closed");
}

int
main(void)
{
    struct pool pool;
    jmp_buf here;

    pool_init(&pool, 64 << 20);
    if (setjmp(here) == 0) {
        pool.escape = &here;
        check_parameters(&pool);
        check_databases(&pool);
    } else {
        CHECK(false, "the pool is spent");
    }
    pool_free(&pool);
    check_commands();
    return test_end();
}
