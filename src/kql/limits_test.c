/* limits_test.c - queries that would take all memory, time or stack if they could: each ends soon, by
 * an answer or by a complaint that names what there was too much of. And obfuscated strings, which
 * nothing that is said of a query may tell. */
#include "base/clock.h"
#include "base/test.h"
#include "kql/rows.h"
#include "kql/stream.h"
#include <pthread.h>
#include <stdlib.h>

enum { TEXT_MAX = 1100 * 1024, TIME_MS = 2000, LONG_MS = 20000 };

static char text[TEXT_MAX + 1];
static size_t size;

static void
add(const char *piece)
{
    size_t n = strlen(piece);

    if (n > TEXT_MAX - size)
        n = TEXT_MAX - size;
    memcpy(text + size, piece, n);
    size += n;
    text[size] = '\0';
}

/* In the piece, '#' is the number of the turn and '<' that of the turn before. */
static void
add_times(const char *piece, int count)
{
    for (int i = 1; i <= count; i++)
        for (const char *p = piece; *p != '\0'; p++) {
            char one[16];

            if (*p == '#' || *p == '<')
                snprintf(one, sizeof one, "%d", *p == '#' ? i : i - 1);
            else
                snprintf(one, sizeof one, "%c", *p);
            add(one);
        }
}

static const struct bomb {
    const char *name, *head, *piece; /* the piece so many times behind the head */
    int count;
    const char *middle, *second; /* and the second as often behind the middle */
    const char *tail;
    const char *expected; /* in the complaint or the reason; "": an answer, NULL: either */
} bombs[] = {
    {"a long range",                     "range x from 1 to 1000000000000 step 1 | count",                           "",                                      0,       "",             "",        "",                          "rows"             },
    {"a range that stands",              "range x from 1 to 10 step 0",                                              "",                                      0,       "",             "",        "",                          "step"             },
    {"ticks of all time",                "range x from datetime(0001-01-01) to datetime(9999-12-31) step 1tick",
     "",                                                                                                                                                      0,       "",             "",        "",                          "rows"             },
    {"expanded again and again",         "range x from 1 to 1000 step 1 | extend a = range(0, 1000, 1)",
     " | mv-expand a | extend a = range(0, 1000, 1)",                                                                                                         9,       "",             "",        " | count",                  "rows"             },
    {"a join of all with all",
     "let a = range x from 1 to 100000 step 1 | extend k = 1; a | join kind=inner a on k | count",                   "",                                      0,       "",             "",        "",                          "rows"             },
    {"a union doubled",                  "let a0 = print x = 1;",                                                    "let a# = union a<, a<;",                40,      "",             "",        "a40",
     "operators"                                                                                                                                                                                                                                  },
    {"a join doubled",                   "let a0 = print x = 1;",                                                    "let a# = a< | join a< on x;",           40,      "",             "",        "a40",
     "columns"                                                                                                                                                                                                                                    },
    {"a materialized union doubled",     "let a0 = materialize(range x from 1 to 10 step 1);",
     "let a# = materialize(union a<, a<);",                                                                                                                   40,      "",             "",        "a40 | count",               NULL               },
    {"functions doubled",                "let f0 = (x: long) { x + 1 };",                                            "let f# = (x: long) { f<(x) + f<(x) };",
     40,                                                                                                                                                               "",             "",        "print f40(1)",              "functions"        },
    {"tables of functions doubled",      "let f0 = () { print x = 1 };",
     "let f# = () { union f<(), f<() };",                                                                                                                     30,      "",             "",        "f30() | count",             "functions"        },
    {"constants doubled",                "let a0 = 1;",                                                              "let a# = a< + a<;",                     99,      "",             "",        "print a99",                 ""                 },
    {"random numbers doubled",           "let a0 = rand();",                                                         "let a# = a< + a<;",                     99,      "",             "",        "print a99",
     "parts"                                                                                                                                                                                                                                      },
    {"texts doubled",                    "print a0 = tostring(rand())",                                              " | extend a# = strcat(a<, a<)",         60,      "",             "",
     " | project strlen(a60)",                                                                                                                                                                                                 ""                 },
    {"replaced texts doubled",           "print a0 = strcat('ab', rand())",
     " | extend a# = replace_string(a<, 'a', 'aa')",                                                                                                          60,      "",             "",        " | project strlen(a60)",    ""                 },
    {"arrays doubled",                   "print a0 = pack_array(rand())",                                            " | extend a# = pack_array(a<, a<)",     60,      "",
     "",                                                                                                                                                                                          "",                          "parts"            },
    {"bags doubled",                     "print a0 = bag_pack('a', rand())",
     " | extend a# = bag_pack('a', a<, 'b', a<)",                                                                                                             60,      "",             "",        "",                          "parts"            },
    {"joined arrays doubled",            "print a0 = pack_array(rand())",
     " | extend a# = array_concat(a<, a<)",                                                                                                                   60,      "",             "",        "",                          "elements"         },
    {"'and' for ever",                   "range x from 1 to 3 step 1 | where x > 0",                                 " and x > 0",                            90000,   "",             "",        "",
     ""                                                                                                                                                                                                                                           },
    {"'or' for ever",                    "range x from 1 to 3 step 1 | where x > 5",                                 " or x > 5",                             90000,   "",             "",        "",
     ""                                                                                                                                                                                                                                           },
    {"'+' for ever",                     "print 1",                                                                  "+1",                                    90000,   "",             "",        "",                          "too long"         },
    {"brackets",                         "print ",                                                                   "(",                                     90000,   "1",            ")",       "",                          "nested deeper"    },
    {"brackets that stay open",          "",                                                                         "(",                                     900000,  "",             "",        "",                          "nested deeper"    },
    {"calls in calls",                   "print ",                                                                   "abs(",                                  90000,   "1",            ")",       "",                          "nested deeper"    },
    {"iff in iff",                       "print ",                                                                   "iff(true,1,",                           80000,   "1",            ")",       "",                          "nested deeper"    },
    {"arrays in arrays",                 "print dynamic(",                                                           "[",                                     90000,   "1",            "]",       ")",                         "nested deeper"    },
    {"queries in queries",               "",                                                                         "(",                                     90000,   "print 1",      "|count)", "",                          "nested deeper"    },
    {"toscalar in toscalar",             "print ",                                                                   "toscalar(print ",                       300,     "1",            ")",       "",                          "nested"           },
    {"pipes of nothing",                 "",                                                                         "|",                                     1000000, "",             "",        "",                          "expected"         },
    {"a pipe for ever",                  "print x = 1",                                                              " | count",                              100000,  "",             "",        "",                          "too long"         },
    {"members of members",               "print x = dynamic({}) | extend y = x",                                     ".a",                                    100000,  "",             "",        "",
     "too long"                                                                                                                                                                                                                                   },
    {"tables of tables",                 "let a0 = print x = 1;",                                                    "let a# = a< | where x == 1;",           9000,    "",             "",
     "a9000",                                                                                                                                                                                                                  "follow each other"},
    {"a long string",                    "print strlen('",                                                           "a",                                     1000000, "",             "",        "')",                        ""                 },
    {"a long name",                      "print ",                                                                   "a",                                     1000000, "",             "",        "",                          "no column"        },
    {"a query that is too large",        "print '",                                                                  "a",                                     1060000, "",             "",        "'",                         "bytes"            },
    {"many variables",                   "let a0 = 1;",                                                              "let a# = a< + 1;",                      10000,   "",             "",        "print a10000",              ""                 },
    {"many columns",                     "print ",                                                                   "c# = #,",                               9999,    "",             "",        "c = 1 | project c1, c9999", ""                 },
    {"too many columns",                 "print ",                                                                   "c# = #,",                               20000,   "",             "",        "c = 1",                     "columns"          },
    {"many unknown columns",             "print ",                                                                   "c# = #,",                               9000,    "1 | project ", "z#,",     "z",                         "no column"        },
    {"a large datatable",                "datatable(a: long)[",                                                      "1,",                                    500000,  "",             "",        "1] | count",                ""                 },
    {"many tables",                      "union (print x = 1)",                                                      ", (print x = #)",                       10000,   "",             "",        " | count",                  ""                 },
    {"many branches",                    "print case(",                                                              "1 == 2, 1,",                            50000,   "",             "",        "3)",                        ""                 },
    {"many values",                      "print x = 1 | where x in (0",                                              ", #",                                   100000,  "",             "",        ")",                         ""                 },
    {"many terms",                       "print x = 'w7' | where x has_any ('a'",                                    ", 'w#'",                                70000,   "",             "",        ")",                         ""                 },
    {"terms that begin alike",
     "print x = strcat_array(repeat('aaaaaaaaz', 1000000), ' ') | where x has_any ('aaaab'",                         ",'aaaaaaaa#'",                          60000,   "",             "",        ") | count",                 "time"             },
    {"a pattern that repeats too often", "print 'a' matches regex '(a{1000}){1000}'",                                "",                                      0,       "",             "",
     "",                                                                                                                                                                                                                       "repetition"       },
    {"a pattern that goes back",
     "print x = strcat_array(repeat('a', 100000), '') | where x matches regex '(a|a)*$b'",                           "",                                      0,
     "",                                                                                                                                                                               "",        "",                          ""                 },
    {"a long pattern",                   "print 'a' matches regex '",                                                "(a|b)",                                 20000,   "",             "",        "'",                         "longer than"      },
    {"matches that look at all",
     "print s = strcat_array(repeat('aaaaaaaa', 1000000), '') | project extract_all('(a.*b|a)', s)",                 "",                                      0,       "",             "",        "",                          "time"             },
    {"replacements that look at all",
     "print s = strcat_array(repeat('aaaaaaaa', 1000000), '') | project replace_regex(s, 'a.*b|a', "
     "'x')",                                                                                                         "",                                      0,       "",             "",        "",                          "time"             },
    {"counts that look at all",
     "print s = strcat_array(repeat('aaaaaaaa', 1000000), '') | project countof(s, 'a.*b|a', "
     "'regex')",                                                                                                     "",                                      0,       "",             "",        "",                          "time"             },
    {"a constant that takes long",
     "print countof(strcat_array(repeat('aaaaaaaa', 1000000), ''), 'a.*b|a', 'regex')",                              "",                                      0,       "",
     "",                                                                                                                                                                                          "",                          "time"             },
    {"a text times a billion",
     "print strlen(strrep('abcdefgh', 1000000000)), array_length(repeat(1, 1000000000))",                            "",                                      0,       "",
     "",                                                                                                                                                                                          "",                          "elements"         },
    {"arrays of arrays",                 "print repeat(repeat(repeat(repeat(1, 1000), 1000), 1000), 1000)",          "",                                      0,
     "",                                                                                                                                                                               "",        "",                          "parts"            },
    {"bags in a text",                   "print parse_json(strcat_array(repeat('{\"a\":', 100000), '')) | count",    "",
     0,                                                                                                                                                                "",             "",        "",                          ""                 },
    {"elements in a text",               "print parse_xml(strcat_array(repeat('<a>', 1000000), '')) | count",        "",
     0,                                                                                                                                                                "",             "",        "",                          ""                 },
    {"bins without end",
     "range x from 1 to 10 step 1 | make-series count() on x from 0 to 1000000000000 step 1",                        "",                                      0,
     "",                                                                                                                                                                               "",        "",                          "steps"            },
    {"bins of nothing",                  "range x from 1.0 to 10.0 step 1.0 | make-series count() on x step 1e-300",
     "",                                                                                                                                                      0,       "",             "",        "",                          "steps"            },
    {"a partition of each",
     "range x from 1 to 50000 step 1 | partition hint.strategy=native by x (count) | count",                         "",                                      0,
     "",                                                                                                                                                                               "",        "",                          ""                 },
    {"rows from far away",
     "range x from 1 to 9 step 1 | serialize | extend a = prev(x, 1000000000000), b = "
     "next(x, 9223372036854775807), c = prev(x, -9223372036854775807)",                                              "",                                      0,       "",             "",        "",                          ""                 },
    {"a negative number of rows",        "range x from 1 to 9 step 1 | take -1",                                     "",                                      0,       "",             "",        "",                          ""                 },
    {"all the rows there could be",      "range x from 1 to 9 step 1 | top 9223372036854775807 by x",                "",
     0,                                                                                                                                                                "",             "",        "",                          ""                 },
    {"sorting what does not fit",
     "range x from 1 to 1900000 step 1 | extend s = strrep(tostring(x), 99) | sort by s",                            "",                                      0,       "",
     "",                                                                                                                                                                                          "",                          "memory"           },
    {"numbers that are too large",
     "print -(long(-9223372036854775807) - 1), (long(-9223372036854775807) - 1) / -1, "
     "datetime(9999-12-31) + "
     "1000000d, bin(1e308, 1e-308), now() - timespan(-10675199.02:48:05), substring('', "
     "long(-9223372036854775808), 5)",                                                                               "",                                      0,       "",             "",        "",                          ""                 },
    {"a percentile of no number",
     "range x from 1 to 9 step 1 | summarize percentiles(x, real(nan), 1e300)",                                      "",                                      0,       "",             "",        "",
     NULL                                                                                                                                                                                                                                         },
};

static void
make_text(const struct bomb *b)
{
    size = 0;
    add(b->head);
    add_times(b->piece, b->count);
    add(b->middle);
    add_times(b->second, b->count);
    add(b->tail);
}

/* What it ended with: "" is an answer. */
static const char *
run(struct pool *pool, int64_t time_ms)
{
    static struct kql_diagnostics d;
    static struct err err;
    struct kql_environment environment = {.now = INT64_C(638400000000000000)};
    struct kql_rows_source source = {0};
    struct kql_rows_limits limits = {.memory_max = 256 << 20,
                                     .rows_max = 2000000,
                                     .answer_rows_max = 100000,
                                     .deadline_ms = clock_monotonic_ms() + time_ms};
    struct kql_answers answers;

    if (kql_rows_query(pool, (struct span){text, size}, &environment, &source, &limits, &d,
                       &answers, &err))
        return "";
    for (uint32_t i = 0; i < d.count; i++)
        if (!d.items[i].is_warning)
            return d.items[i].text;
    return err.text[0] != '\0' ? err.text : "no reason";
}

static void
check_bombs(void)
{
    struct pool pool;

    for (size_t i = 0; i < COUNT_OF(bombs); i++) {
        int64_t began = clock_monotonic_ms(), took;
        const char *seen;

        pool_init(&pool, 0);
        make_text(&bombs[i]);
        seen = run(&pool, bombs[i].expected != NULL && strcmp(bombs[i].expected, "time") == 0
                              ? TIME_MS
                              : LONG_MS);
        took = clock_monotonic_ms() - began;
        CHECK(bombs[i].expected == NULL ||
                  (bombs[i].expected[0] == '\0' ? seen[0] == '\0'
                                                : strstr(seen, bombs[i].expected) != NULL),
              "%s: %.200s", bombs[i].name, seen[0] == '\0' ? "an answer" : seen);
        CHECK(strlen(seen) <= 600, "%s: the complaint has %zu bytes", bombs[i].name, strlen(seen));
        /* Sanitizers and other work on the machine slow it. */
        CHECK(took < TIME_MS * 10, "%s: it took %lld ms", bombs[i].name, (long long)took);
        pool_free(&pool);
    }
}

/* ---- obfuscated strings ---- */

static const char *const secrets[] = {
    "print h'S3CR3T' + 1",
    "print x = 1 | where h\"S3CR3T\"",
    "print toint(h@'S3CR3T' ",
    "print h'S3CR3T",
    "print x = 'a' | where x matches regex h'(S3CR3T'",
    "print x = 'a' | extend y = extract(h'(S3CR3T', 1, x)",
    "let k = h'S3CR3T'; print k.x | where k | project zz",
    "print datetime_add(h'S3CR3T', 1, now())",
    "print x = 'a' | parse kind=regex x with h'(S3CR3T' y",
    "print x = 'a' | parse x with h'S3CR3T' y",
    "print x = 'a' | parse-kv x as (k: string) with (regex=h'(S3CR3T')",
    "print x = 'a' | where x matches regex strcat(h'(S3CR', '3T')",
    "print h```S3CR3T``` + 1",
    "print h'S3CR\\u0033T' + datetime_part('S3CR3T', now())",
    "print dynamic([h'S3CR3T'])",
    "print dynamic({'a': h'S3CR3T'})",
    "print x = 'a' | where x has_any (dynamic([h'S3CR3T', 'b']))",
    "let a = dynamic([h'S3CR3T']); print x = 'b' | where x in (a)",
    "print x = 'a' | search h'S3CR3T'",
    "print x = 'a' | where x has tolower(h'S3CR3T')",
    "print x = 'a' | where x has strcat('x', h'S3CR3T')",
};

/* Everything that is said of a query: complaints with source lines, the plan, why the run ended. */
static struct span
said(struct pool *pool, const char *query)
{
    static struct kql_diagnostics d;
    struct kql_environment environment = {.now = INT64_C(638400000000000000)};
    struct span all = {"", 0};
    struct kql_bound bound;
    jmp_buf escape;

    size = 0;
    add(query);
    pool_init(pool, 16 << 20);
    pool->escape = &escape;
    if (setjmp(escape) != 0)
        return SPAN_LITERAL("S3CR3T: spent");
    kql_diagnostics_init(&d, pool, span_of(query));
    if (kql_bind(pool, span_of(query), &environment, &d, &bound))
        all = kql_plan_print(pool, bound.plan);
    return pool_printf(pool, "%.*s%s", (int)all.n, all.p, kql_diagnostics_print(pool, &d, true).p);
}

static bool
tells(struct span s)
{
    for (size_t i = 0; i + 4 <= s.n; i++)
        if (strncasecmp(s.p + i, "S3CR", 4) == 0 || strncasecmp(s.p + i, "CR3T", 4) == 0)
            return true;
    return false;
}

static void
check_secrets(void)
{
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        struct pool pool;
        const char *reason;
        /* written in clear elsewhere: the source line shows what is not obfuscated */
        bool is_shown = strstr(secrets[i], "datetime_part") != NULL;
        struct span all = said(&pool, secrets[i]);

        CHECK(is_shown || !tells(all), "%s: %.*s", secrets[i], (int)all.n, all.p);
        pool_free(&pool);
        reason = run(&pool, TIME_MS);
        CHECK(!tells(span_of(reason)), "%s ended by %s", secrets[i], reason);
        pool_free(&pool);
    }
    /* one that begins as another does: its end is hidden, too */
    struct pool pool;
    const char *reason;

    size = 0;
    add("print x = 'a' | where x != h'abcdefgh' and assert(false, h'abcdefghZ9')");
    reason = run(&pool, TIME_MS);
    CHECK(strstr(reason, "assert") != NULL && strstr(reason, "Z9") == NULL, "ended by %s", reason);
    pool_free(&pool);
}

/* ---- one record of a stream ---- */

static void
check_record(void)
{
    static const struct kql_column columns[] = {
        {{"Name", 4}, KQL_STRING}
    };
    static const struct kql_table source = {
        .name = {"source",           6    },
          .schema = { columns, COUNT_OF(columns), false},
          .handle = columns
    };
    static struct kql_diagnostics d;
    enum { RECORD_SIZE = 1 << 20 };
    char *record = malloc(RECORD_SIZE + SCAN_PADDING);
    struct scan_value value = {0};
    struct kql_stream *stream;
    struct kql_stream_set *set;
    struct kql_stream_run *run;
    struct span query = SPAN_LITERAL("source | where countof(Name, 'a.*b|a', 'regex') == 5"), out;
    int64_t began;
    struct pool pool;
    jmp_buf escape;
    struct err err;
    static const char head[] = "{\"Name\":\"";

    memset(record, 'a', RECORD_SIZE);
    memset(record + RECORD_SIZE, 0, SCAN_PADDING);
    memcpy(record, head, sizeof head - 1);
    memcpy(record + RECORD_SIZE - 2, "\"}", 2);
    value.kind = SCAN_STRING;
    value.depth = 1;
    value.key_at = 2;
    value.key_size = 4;
    value.value_at = 8;
    value.value_size = RECORD_SIZE - 9;
    pool_init(&pool, 16 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        abort();
    kql_diagnostics_init(&d, &pool, query);
    stream = kql_stream_new(&pool, query, &source, KQL_STREAM_WIDE, &d);
    CHECK(stream != NULL, "the stream is made");
    set = kql_stream_set_new(&pool, (const struct kql_stream *const *)&stream, 1, &err);
    run = kql_stream_run_new(set, 0, &err);
    began = clock_monotonic_ms();
    kql_stream_record(run, record, 0, RECORD_SIZE, &value, 1, 1, 77);
    CHECK(kql_stream_ask(run, 0, &out) == KQL_STREAM_SAME, "what takes too long passes");
    CHECK(kql_stream_exhausted(run) == 1, "and is counted");
    CHECK(clock_monotonic_ms() - began < 20000, "it took %lld ms",
          (long long)(clock_monotonic_ms() - began));
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    kql_stream_free(stream);
    pool_free(&pool);
    free(record);
}

/* ---- a small stack ---- */

static const struct bomb deep[] = {
    {"brackets",    "print x = ",                                "(",                              190,  "1",      ")", "",           NULL},
    {"calls",       "range x from 1 to 2 step 1 | extend y = ",  "abs(",                           190,  "x",      ")", "",           NULL},
    {"arrays",      "print y = ",                                "pack_array(",                    190,  "rand()", ")", "",           NULL},
    {"sums",        "range x from 1 to 2 step 1 | extend y = x", "+x",                             480,  "",       "",  "",           NULL},
    {"members",     "print x = dynamic({}) | extend y = x",      ".a",                             480,  "",       "",  "",           NULL},
    {"operators",   "range x from 1 to 2 step 1",                "| extend x = x + 1 ",            490,  "",       "",  "",           NULL},
    {"variables",   "let a0 = rand();",                          "let a# = a< + 1;",               480,  "",       "",  "print a480", NULL},
    {"tables",      "let a0 = print x = 1;",                     "let a# = a< | where x == 1;",    1900, "",       "",  "a1900",      NULL},
    {"iffs",        "range x from 1 to 2 step 1 | extend y = ",  "iff(x > 1, x, ",                 190,  "x",      ")", "",           NULL},
    {"queries",     "print ",                                    "toscalar(print ",                30,   "1",      ")", "",           NULL},
    {"joins",       "print x = 1",                               "| join (print x = 1) on x ",     900,  "",       "",  "| count",    NULL},
    {"nots",        "range x from 1 to 2 step 1 | where ",       "not(",                           190,  "x > 1",  ")", "",           NULL},
    {"sub-queries", "print x = 1, a = dynamic([1]) ",            "| mv-apply a on (extend z = 1 ", 30,   "",       ")",
     "",                                                                                                                              NULL},
};

static void *
run_deep(void *what)
{
    static struct kql_diagnostics d;
    struct kql_environment environment = {.now = INT64_C(638400000000000000)};
    const struct span query = {text, size};
    struct kql_bound bound;
    struct pool pool;
    jmp_buf escape;

    (void)what;
    pool_init(&pool, 0);
    (void)run(&pool, TIME_MS);
    pool_free(&pool);
    pool_init(&pool, 256 << 20);
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        kql_diagnostics_init(&d, &pool, query);
        if (kql_bind(&pool, query, &environment, &d, &bound))
            (void)kql_plan_print(&pool, bound.plan);
    }
    pool_free(&pool);
    return NULL;
}

/* As much as the thread of a transformation has; sanitizers make frames larger. */
static void
check_stack(void)
{
    for (size_t i = 0; i < COUNT_OF(deep); i++) {
        pthread_attr_t attributes;
        pthread_t thread;

        make_text(&deep[i]);
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 8 << 20);
        CHECK(pthread_create(&thread, &attributes, run_deep, NULL) == 0, "%s", deep[i].name);
        pthread_join(thread, NULL);
        pthread_attr_destroy(&attributes);
    }
}

int
main(void)
{
    check_bombs();
    check_secrets();
    check_record();
    check_stack();
    return test_end();
}
