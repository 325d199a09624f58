/* rows_external_test.c - externaldata in queries, over files that are only told of here: each is fetched once, its memory is the
 * query's, and what is wrong with one ends the query with its name and without its secrets. */
#include "base/clock.h"
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/rows.h"

static const struct {
    const char *url, *bytes;
    size_t count; /* how often the bytes are there; 0: once */
} files[] = {
    {"https://h/iocs.csv",            "ip,what\n1.1.1.1,a\n2.2.2.2,b\n2.2.2.2,c\n", 0     },
    {"https://h/more.csv?sig=SECRET", "ip,what\n3.3.3.3,d\n",                       0     },
    {"https://h/list.txt",            "1.1.1.1\n3.3.3.3\n",                         0     },
    {"https://h/rows.json",           "{\"d\":{\"a\":1,\"b\":\"x\"}}\n",            0     },
    {"https://h/bad.json?sig=SECRET", "{\"d\":1}\n{",                               0     },
    {"https://h/large.txt",           "0123456789abcde\n",                          100000},
    {"https://h/empty.csv",           "",                                           1     },
};
static unsigned fetched, given_back;

static enum status
fetch(void *context, const struct kql_external_place *place, size_t size_max, struct span *bytes,
      void **held, struct err *err)
{
    (void)context;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        size_t n = strlen(files[i].bytes), count = files[i].count > 0 ? files[i].count : 1;
        char *text;

        if (!span_is(place->url, files[i].url) &&
            (i != 0 || place->url.n < 20 || memcmp(place->url.p, "https://h/numbered/", 19) != 0))
            continue;
        if (n * count > size_max)
            return err_set(err, ST_FULL, "more than the %zu bytes that may be read", size_max);
        text = malloc(n * count + 1);
        for (size_t k = 0; k < count; k++)
            memcpy(text + k * n, files[i].bytes, n);
        *bytes = (struct span){text, n * count};
        *held = text;
        fetched++;
        return ST_OK;
    }
    return err_set(err, ST_INVALID, "%s is not read", place->is_concealed ? "one" : "https://h");
}

static void
give_back(void *held)
{
    given_back++;
    free(held);
}

static struct kql_rows_source source = {.fetch = fetch, .fetched = give_back};
static struct pool pool;
static char text[4096];

static bool
run(const char *query, const struct kql_rows_source *from, const struct kql_rows_limits *limits)
{
    const struct kql_environment environment = {.now = clock_ticks()};
    static struct kql_diagnostics d;
    struct kql_answers answers;
    struct err err = {""};
    size_t n = 0;
    jmp_buf here;

    pool_reset(&pool);
    fetched = given_back = 0;
    if (!kql_rows_query(&pool, span_of(query), &environment, from, limits, &d, &answers, &err)) {
        snprintf(text, sizeof text, "%s", d.error_count > 0 ? d.items[0].text : err.text);
        return false;
    }
    pool.escape = &here;
    if (setjmp(here) != 0)
        return false;
    text[0] = '\0';
    for (uint32_t a = 0; a < answers.count; a++)
        for (size_t r = 0; r < answers.items[a].row_count; r++)
            for (uint32_t c = 0; c < answers.items[a].schema.count; c++) {
                struct kql_value v =
                    kql_to_text(&pool, (enum kql_type)answers.items[a].schema.columns[c].type,
                                &answers.items[a].rows[r][c]);

                n += (size_t)snprintf(text + n, sizeof text - n, "%.*s%s", (int)v.size, v.text,
                                      c + 1 < answers.items[a].schema.count ? "," : " ");
            }
    return true;
}

#define IOCS                                                                                       \
    "externaldata(ip: string, what: string)['https://h/iocs.csv'] with (ignoreFirstRecord=true)"

static const struct {
    const char *name, *query, *answer;
    unsigned fetched;
} cases[] = {
    {"rows",                            IOCS,                                                                           "1.1.1.1,a 2.2.2.2,b 2.2.2.2,c ",   1},
    {"the old name",                    "external_data(ip: string)['https://h/list.txt']",                              "1.1.1.1 3.3.3.3 ",                 1},
    {"a word is true in any case",
     "externaldata(ip: string)['https://h/iocs.csv'] with (format=csv, ignoreFirstRecord='True') | "
     "count",                                                                                                           "3 ",                               1},
    {"not ignored",
     "externaldata(ip: string)['https://h/iocs.csv'] with (format='csv', ignoreFirstRecord=false) "
     "| count",                                                                                                         "4 ",                               1},
    {"names in other case",
     "externaldata(ip: string)['https://h/iocs.csv'] with (FORMAT='CSV', ignorefirstrecord=true) | "
     "count",                                                                                                           "3 ",                               1},
    {"a flag as a number",
     "externaldata(ip: string)['https://h/iocs.csv'] with (ignoreFirstRecord=1) | count",                               "3 ",                               1},
    {"a format for another name",
     "externaldata(line: string)['https://h/iocs.csv'] with (format='txt') | take 1",                                   "ip,what ",
     1                                                                                                                                                       },
    {"properties that do not exist",
     "externaldata(line: string)['https://h/iocs.csv'] with (format='txt', colour='red') | take 1",                     "ip,what ",                         1},
    {"several files",
     "externaldata(ip: string)['https://h/iocs.csv', h@'https://h/more.csv?sig=SECRET'] with "
     "(ignoreFirstRecord=true)",                                                                                        "1.1.1.1 2.2.2.2 2.2.2.2 3.3.3.3 ", 2},
    {"a file twice",                    "externaldata(ip: string)['https://h/list.txt', 'https://h/list.txt'] | count",
     "4 ",                                                                                                                                                  1},
    {"nothing in it",                   "externaldata(ip: string)['https://h/empty.csv'] | count",                      "0 ",                               1},
    {"used three times",                "let T = " IOCS "; T | where ip in (T) | join kind=inner T on ip | count",
     "5 ",                                                                                                                                                  1},
    {"in a function",                   "let F = () {" IOCS "}; F() | union F() | count",                               "6 ",                               1},
    {"in two statements",               IOCS " | count; " IOCS " | summarize dcount(ip)",                               "3 2 ",                             1},
    {"toscalar",                        "print toscalar(" IOCS " | summarize max(what))",                               "c ",                               1},
    {"materialized",                    "let T = materialize(" IOCS "); T | lookup T on what | count",                  "3 ",                               1},
    {"a plugin that finds its columns",
     "externaldata(d: dynamic)['https://h/rows.json'] | evaluate bag_unpack(d) | project a, b",                         "1,x ",                             1},
    {"a parameter's value",             "let url = 'https://h/list.txt'; externaldata(ip: string)[url] | count",
     "2 ",                                                                                                                                                  1},
    {"for each of several rows",
     "range i from 1 to 3 step 1 | mv-apply x = dynamic([1, 2]) on (where tostring(i) in "
     "((externaldata(ip: string)['https://h/list.txt']))) | count",                                                     "0 ",                               1},
    {"not asked for",                   IOCS " | take 0 | count",                                                       "0 ",                               0},
    {"only its columns",                IOCS " | getschema | project ColumnName",                                       "ip what ",                         0},
};

static void
test_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_done = run(cases[i].query, &source, &kql_rows_limits_default);

        CHECK(is_done && strcmp(text, cases[i].answer) == 0, "%s: '%s'", cases[i].name, text);
        CHECK(fetched == cases[i].fetched && given_back == fetched, "%s: %u fetched, %u given back",
              cases[i].name, fetched, given_back);
    }
}

static const struct {
    const char *name, *query, *says;
    struct kql_rows_limits limits;
    size_t size_max;
} ends[] = {
    {"a file that is not there",
     "externaldata(x: string)['https://h/none?sig=SECRET']",                         "externaldata: https://h is not read",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"a record that is wrong",
     "externaldata(d: dynamic)['https://h/bad.json?sig=SECRET']",                    "externaldata: https://h: record 2",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"the same, concealed",
     "externaldata(d: dynamic)[h'https://h/bad.json?sig=SECRET']",                   "externaldata: an obfuscated URL: record 2",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"a format that is not read",
     "externaldata(d: dynamic)['https://h/x.parquet?sig=SECRET']",                   "https://h: the format parquet is not read",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"a mapping",
     "externaldata(d: dynamic)['https://h/rows.json'] with (ingestionMapping='[]')", "ingestionMapping is not built",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"a flag that is none",
     "externaldata(d: dynamic)['https://h/rows.json'] with (ignoreFirstRecord='x')", "takes true or false",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"no URL",
     "externaldata(d: dynamic)['/etc/passwd']",                                      "externaldata: https://h is not read",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"more than may be read",
     "externaldata(x: string)['https://h/large.txt']",                               "more than the 1000000 bytes",
     {64 << 20, 1000000, 0, 0, false, 0},
     1000000},
    {"more in all",
     "externaldata(x: string)['https://h/list.txt', 'https://h/large.txt']",         "more than the 1599984 bytes",
     {64 << 20, 1000000, 0, 0, false, 0},
     1600000},
    {"rows",
     "externaldata(x: string)['https://h/large.txt'] | count",                       "more than 1000 rows",
     {64 << 20, 1000, 0, 0, false, 0},
     0      },
    {"memory",
     "externaldata(x: string)['https://h/large.txt'] | count",                       "bytes of memory",
     {1 << 20, 1000000, 0, 0, false, 0},
     0      },
    {"time",
     "externaldata(x: string)['https://h/large.txt'] | count",                       "longer than it may",
     {64 << 20, 1000000, 0, 1, false, 0},
     0      },
    {"a place that is computed",
     "externaldata(x: string)[strcat('https://h/', tostring(now()))] | count",       "",
     {64 << 20, 1000000, 0, 0, false, 0},
     0      },
};

static void
test_ends(void)
{
    char many[4096] = "externaldata(x: string)[";
    size_t n = strlen(many);

    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        struct kql_rows_source s = source;
        bool is_done;

        s.fetched_size_max = ends[i].size_max;
        is_done = run(ends[i].query, &s, &ends[i].limits);
        CHECK(!is_done && strstr(text, ends[i].says) != NULL && strstr(text, "SECRET") == NULL,
              "%s: %s", ends[i].name, text);
        CHECK(given_back == fetched, "%s: %u fetched, %u given back", ends[i].name, fetched,
              given_back);
    }
    CHECK(!run("externaldata(x: string)['https://h/list.txt']", NULL, &kql_rows_limits_default) &&
              strstr(text, "not read here") != NULL,
          "no source: %s", text);
    for (int i = 0; i < 33; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "%s'https://h/numbered/%d'",
                              i > 0 ? "," : "", i);
    snprintf(many + n, sizeof many - n, "] with (format='csv') | count");
    CHECK(!run(many, &source, &kql_rows_limits_default) && strstr(text, "at most 32 files") != NULL,
          "too many files: %s", text);
    CHECK(fetched == 32 && given_back == 32, "%u of them fetched", fetched);
}

int
main(void)
{
    pool_init(&pool, kql_rows_limits_default.memory_max);
    test_cases();
    test_ends();
    pool_free(&pool);
    return test_end();
}
