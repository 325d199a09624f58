/* program_bench.c - programs beside the same questions by hand in SQL, over command lines: program_bench [ROWS [THREADS [NAME]]].
 * Each is run three times, and the best is printed. The words are not in every row, so that both sides look at whole texts. */
#include "workspace/program_play.h"
#include <time.h>
#include <unistd.h>

static struct play play;

/* As they stand in the table L: line is c0, image (some hundred different ones) c1, n c2, data c3. */
static const struct kql_column columns[] = {
    {{"line", 4},  KQL_STRING },
    {{"image", 5}, KQL_STRING },
    {{"n", 1},     KQL_LONG   },
    {{"data", 4},  KQL_DYNAMIC}
};

static const struct {
    const char *name, *expression, *sql;
} rows[] = {
    {"has, rare",            "line has 'mimikatz'",                             "contains(lower(c0), 'mimikatz')"       },
    {"has, common",          "line has 'policy'",                               "contains(lower(c0), 'policy')"         },
    {"contains",             "line contains 'katz.ex'",                         "contains(lower(c0), 'katz.ex')"        },
    {"has_any",              "line has_any ('mimikatz', 'psexec', 'rubeus')",
     "(contains(lower(c0), 'mimikatz') OR contains(lower(c0), 'psexec') OR contains(lower(c0), "
     "'rubeus'))"                                                                                                       },
    {"has, in a dictionary", "image has 'service77'",                           "contains(lower(c1), 'service77')"      },
    {"==~, in a dictionary", "image =~ 'C:\\\\Windows\\\\SERVICE77.exe'",
     "lower(c1) = 'c:\\windows\\service77.exe'"                                                                         },
    {"endswith",             "image endswith '77.EXE'",                         "suffix(lower(c1), '77.exe')"           },
    {"number",               "n % 7 == 3",                                      "c2 % 7 = 3"                            },
    {"two columns",          "line has 'mimikatz' or n == 77",
     "(contains(lower(c0), 'mimikatz') OR c2 = 77)"                                                                     },
    {"regex",                "line matches regex 'mimi[a-z]+\\\\.exe'",         "regexp_matches(c0, 'mimi[a-z]+\\.exe')"},
    {"dynamic",              "tolong(data.port) == 445",                        "CAST(c3->>'port' AS BIGINT) = 445"     },
    {"regex, all pass",      "line matches regex 'svchost.*--out 9[0-9]{2}7$'",
     "regexp_matches(c0, 'svchost.*--out 9[0-9]{2}7$')"                                                                 },
    {"text out",             "strlen(toupper(line)) == 9",                      "length(upper(c0)) = 9"                 },
};

static int64_t /* nanoseconds */
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double /* seconds, the best of three */
time_of(const char *sql, int64_t *answer)
{
    double best = 1e9;

    for (int i = 0; i < 3; i++) {
        int64_t from = now();
        duckdb_result r;
        double s;

        if (!play_run(&play, sql, &r))
            return -1;
        s = (double)(now() - from) / 1e9;
        best = s < best ? s : best;
        *answer = duckdb_value_int64(&r, 0, 0);
        duckdb_destroy_result(&r);
    }
    return best;
}

static const char *only;

static void
run(const char *name, const char *where, const char *by_hand)
{
    int64_t a = 0, b = 0;
    double by_program, in_sql;

    if (only != NULL && strcmp(only, name) != 0)
        return;
    by_program = time_of(where, &a);
    in_sql = time_of(by_hand, &b);
    printf("%-22s program %8.1f ms   SQL %8.1f ms   %5.2f times   %lld %lld\n", name,
           by_program * 1e3, in_sql * 1e3, by_program / in_sql, (long long)a, (long long)b);
}

static bool
make_table(const char *path, long count, const char *threads)
{
    char sql[2048];
    struct err err = {""};

    if (duckdb_open(path, &play.database) != DuckDBSuccess ||
        duckdb_connect(play.database, &play.connection) != DuckDBSuccess)
        return false;
    snprintf(sql, sizeof sql,
             "SET threads = %s; CREATE TABLE L AS SELECT 'C:\\Windows\\System32\\svchost.exe -k "
             "netsvcs -p -s '"
             " || hash(i) || CASE WHEN i %% 10000 = 7 THEN ' mimikatz.exe' WHEN i %% 5 = 1 THEN ' "
             "Policy' ELSE ' none' END"
             " || ' --out ' || (i * 7919) %% 100000 AS c0,"
             " 'C:\\Windows\\service' || (i * 31) %% 300 || '.exe' AS c1, (i * 7919) %% 1000 AS c2,"
             " '{\"port\":' || (i %% 1000) || ',\"host\":\"h' || i %% 77 || '\"}' AS c3"
             " FROM range(%ld) t(i); CHECKPOINT",
             threads, count);
    return play_run(&play, sql, NULL) && programs_register(play.connection, &err) == ST_OK;
}

static bool
bench_table(void *context, struct span name, struct kql_table *out)
{
    (void)context, (void)name;
    *out = (struct kql_table){
        .name = SPAN_LITERAL("T"), .schema = {.columns = columns, .count = COUNT_OF(columns)}
    };
    return true;
}

static const struct kql_op *
bind(const char *text)
{
    struct kql_environment environment = {.table = bench_table, .now = 1};
    struct kql_diagnostics *d = pool_zeroed(&play.pool, 1, sizeof *d);
    struct kql_bound bound;

    kql_diagnostics_init(d, &play.pool, span_of(text));
    if (!kql_bind(&play.pool, span_of(text), &environment, d, &bound)) {
        printf("%s\n", kql_diagnostics_print(&play.pool, d, false).p);
        exit(1);
    }
    return bound.plan;
}

static struct span
call_of(struct programs *p, const char *expression)
{
    const struct kql_schema schema = {.columns = columns, .count = COUNT_OF(columns)};
    const struct kql_op *plan = bind(pool_printf(&play.pool, "T | where %s", expression).p);
    struct program_call call;
    struct err err = {""};

    if (!programs_add(p, plan->u.predicate, &schema, &call, &err)) {
        printf("%s: %s\n", expression, err.text);
        exit(1);
    }
    return play_call(&play, &call);
}

static void
run_aggregates(struct programs *p)
{
    static const struct {
        const char *name, *aggregate, *sql;
    } all[] = {
        {"sum",       "sum(n)",       "sum(c2)"           },
        {"dcount",    "dcount(n)",    "count(DISTINCT c2)"},
        {"make_set",  "make_set(n)",  "list(DISTINCT c2)" },
        {"make_list", "make_list(n)", "list(c2)"          },
    };
    const struct kql_schema schema = {.columns = columns, .count = COUNT_OF(columns)};

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        const struct kql_op *plan =
            bind(pool_printf(&play.pool, "T | summarize %s by image", all[i].aggregate).p);
        struct program_call call;
        struct err err = {""};

        while (plan->kind != KQL_OP_SUMMARIZE)
            plan = plan->input;
        if (!programs_add_aggregate(p, plan->u.summarize.aggregates[0], 0, &schema, &call, &err)) {
            printf("%s: %s\n", all[i].name, err.text);
            continue;
        }
        run(all[i].name,
            pool_printf(&play.pool, "SELECT count(a) FROM (SELECT %s AS a FROM L GROUP BY c1)",
                        play_call(&play, &call).p)
                .p,
            pool_printf(&play.pool, "SELECT count(a) FROM (SELECT %s AS a FROM L GROUP BY c1)",
                        all[i].sql)
                .p);
    }
}

int
main(int argc, char **argv)
{
    char folder[] = "/tmp/program_bench.XXXXXX", path[64];
    struct programs_options o = {.pool = &play.pool, .memory_max = (size_t)1 << 30};
    struct programs *p;
    struct err err = {""};
    jmp_buf spent;

    pool_init(&play.pool, (size_t)64 << 20);
    if (setjmp(spent) != 0 || mkdtemp(folder) == NULL) {
        printf("no memory, or no folder\n");
        return 1;
    }
    play.pool.escape = &spent;
    only = argc > 3 ? argv[3] : NULL;
    snprintf(path, sizeof path, "%s/db", folder);
    if (!make_table(path, argc > 1 ? atol(argv[1]) : 1000000, argc > 2 ? argv[2] : "2") ||
        programs_new(&o, &p, &err) != ST_OK)
        return 1;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        run(rows[i].name,
            pool_printf(&play.pool, "SELECT count(*) FROM L WHERE %s",
                        call_of(p, rows[i].expression).p)
                .p,
            pool_printf(&play.pool, "SELECT count(*) FROM L WHERE %s", rows[i].sql).p);
    run_aggregates(p);
    programs_free(p);
    play_close(&play);
    unlink(path);
    return rmdir(folder);
}
