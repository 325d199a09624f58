/* bind_test.c - statements, names of tables and functions of the query; limits; plans as text.
 * Each row is a query over a table with a column of every type and what it binds to: its columns, or
 * its complaints with the text that each is about. Expected columns and refusals are those of the
 * service's own binder. */
#include "base/test.h"
#include "kql/bind_bed.h"
#include <stdlib.h>

/* clang-format off */
static const struct bed_case cases[] = {
    {"T",
     "b:bool i:int l:long r:real e:decimal s:string t:datetime p:timespan g:guid d:dynamic"},
    {"T | take 1",
     "b:bool i:int l:long r:real e:decimal s:string t:datetime p:timespan g:guid d:dynamic"},
    {"U",
     "!KQL101 U"},
    {"U | take 1 | where nope > 1",
     "!KQL101 U"},
    {"table(\"T\") | project s",
     "s:string"},
    {"table(\"U\")",
     "!KQL101 table(\"U\")"},
    {"database(\"x\").T",
     "!KQL004 database(\"x\").T"},
    {"let x = 5; T | where l > x | project l",
     "l:long"},
    {"let x = 5; let x = 6; print x",
     "!KQL106 x"},
    {"let x = 5; print y = x + 1, x",
     "y:long print_1:long"},
    {"let x = y; let y = 1; print x",
     "!KQL102 y"},
    {"let s = \"shadowed\"; T | project s",
     "s:string"},
    {"let t1 = T | project s, l; t1 | where l > 1 | project s",
     "s:string"},
    {"let t1 = T | project s; let t2 = t1 | take 5; t2 | join kind=inner (t1) on s",
     "s:string s1:string"},
    {"let m = materialize(T | project s); m | union m",
     "s:string"},
    {"let f = (a: long) { a * 2 }; print f(2), x = f(3)",
     "print_0:long x:long"},
    {"let f = (a: long, b: string = \"q\") { strcat(b, tostring(a)) }; print f(1), f(1, \"x\"), f(b = \"k\", a = 3)",
     "print_0:string print_1:string print_2:string"},
    {"let f = (a: long) { a }; print f()",
     "!KQL104 f()"},
    {"let f = (a: long) { a }; print f(1, 2)",
     "!KQL104 f(1, 2)"},
    {"let f = (a: long) { a }; print f(zz = 1)",
     "!KQL104 zz"},
    {"let f = (a: long, b: long) { a + b }; T | project x = f(l, b = 2)",
     "x:long"},
    {"let f = (a: long, b: string) { strlen(b) > a }; T | where f(a = 1, s) | project l",
     "l:long"},
    {"let f = (a: string) { a }; print f(1)",
     "print_0:string"},
    {"let f = (a: long) { let y = a + 1; y * 2.5 }; print f(1)",
     "print_0:real"},
    {"let f = (a: long) { b }; let b = 2; print f(1)",
     "!KQL102 b"},
    {"let b = 2; let f = (a: long) { a + b }; print f(1)",
     "print_0:long"},
    {"let f = (a: long) { f(a) }; print f(1)",
     "!KQL103 f"},
    {"let g = (a: long) { a * 2 }; let f = (a: long) { g(a) + 1 }; T | extend x = f(l) | project x",
     "x:long"},
    {"let f = (t: (s: string)) { t | project s }; f(T)",
     "s:string"},
    {"let f = (t: (s: string, zz: long)) { t | take 1 }; f(T)",
     "!KQL102 T"},
    {"let f = (t: (s: long)) { t | take 1 }; f(T)",
     "!KQL105 T"},
    {"let f = (n: long) { T | take n | project l }; f(5)",
     "l:long"},
    {"let f = () { T | project s }; f() | take 1",
     "s:string"},
    {"let v = view () { T | project s }; v | take 1",
     "s:string"},
    {"let f = (a: long) { T | where l > a | project l }; T | where l in (f(5)) | project s",
     "s:string"},
    {"let f = (a: long) { a }; f",
     "!KQL104 f"},
    {"let f = (a: long) { a }; T | extend f",
     "!KQL105 f"},
    {"let x = toscalar(T | summarize max(l)); T | where l == x | project l",
     "l:long"},
    {"let x = dynamic([\"a\"]); T | where s in (x) and s has_any (x) | project s",
     "s:string"},
    {"let x = datatable(a: string)[\"q\"]; T | where s in (x) | project s",
     "s:string"},
    {"declare query_parameters(n: long = 5); T | where l > n | project l",
     "l:long"},
    {"set notruncation; T | project s",
     "s:string"},
    {"1 + 1",
     "print_0:long"},
    {"\"abc\"",
     "print_0:string"},
    {"let x = 1; x",
     "print_0:long"},
    {"print 1; print 2",
     "print_0:long"},
    {"T | as X | where l > toscalar(X | count) | project l",
     "l:long"},
    {"let f = (a: dynamic) { a.b }; T | project x = f(d), y = f(dynamic({}))",
     "x:dynamic y:dynamic"},
    {"let f = (x: long) { toscalar(T | where l == x | project s) }; print f(1)",
     "print_0:string"},
    {"range x from 1 to 3 step 1 | extend y = x * 2.5",
     "x:long y:real"},
    {"T | nosuchoperator",
     "!KQL001 nosuchoperator"},
    {"T | project s |",
     "!KQL001 "},
};
/* clang-format on */

/* ---- what comes from outside ---- */

static bool
no_table(void *context, struct span name, struct kql_table *out)
{
    (void)context, (void)name, (void)out;
    return false;
}

static void
test_environment(struct pool *pool)
{
    static const struct kql_parameter_value values[] = {
        {{"n", sizeof "n" - 1},     {"5", sizeof "5" - 1}        },
        {{"s", sizeof "s" - 1},     {"\"x\"", sizeof "\"x\"" - 1}},
        {{"bad", sizeof "bad" - 1}, {"x y", sizeof "x y" - 1}    },
    };
    static const struct kql_table record = {
        .name = {"source",               sizeof "source" - 1},
        .schema = { bed_columns, COUNT_OF(bed_columns),               false}
    };
    struct kql_environment given = bed_environment, stream = {.table = no_table, .source = &record},
                           later = bed_environment;
    const struct {
        const char *query, *line;
        const struct kql_environment *environment;
    } rows[] = {
        {"declare query_parameters(n: long, s: string = \"d\"); print n, s",
         "print_0:long print_1:string",                                                                                &given },
        {"declare query_parameters(n: real); print n",                       "print_0:real",                           &given },
        {"declare query_parameters(n: datetime); print n",                   "!KQL105 n: datetime",                    &given },
        {"declare query_parameters(bad: string); print bad",                 "!KQL110 bad: string",                    &given },
        {"declare query_parameters(other: string); print other",             "!KQL110 other: string",                  &given },
        {"source | where l > 1 | project s",                                 "s:string",                               &stream},
        {"T | take 1",                                                       "!KQL101 T",                              &stream},
        {"T | invoke FileProfile(s) | project Signer, GlobalFirstSeen",
         "Signer:string GlobalFirstSeen:datetime",                                                                     &later },
        {"T | invoke FileProfile(nope)",                                     "!KQL005 FileProfile(nope) !KQL102 nope", &later },
        {"_GetWatchlist(\"x\") | project SearchKey",                         "SearchKey:unknown",                      &later },
        {"T | where s in (_GetWatchlist(\"x\")) | project l",                "l:long",                                 &later },
        {"source",                                                           "!KQL101 source",                         &given },
    };

    later.defers_not_built = true;
    given.parameters = values;
    given.parameter_count = COUNT_OF(values);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span seen;
        bool is_same = bed_check(pool, rows[i].query, rows[i].line, rows[i].environment, &seen);

        CHECK(is_same, "%s\n    gives    %.*s\n    and not  %s", rows[i].query, (int)seen.n, seen.p,
              rows[i].line);
    }
}

/* ---- limits ---- */

/* 'head', then 'middle' so many times, then 'tail'. */
static char *
repeated(const char *head, const char *middle, size_t count, const char *tail)
{
    size_t n = strlen(middle);
    char *text = malloc(strlen(head) + n * count + strlen(tail) + 1), *at;

    if (text == NULL)
        abort();
    at = stpcpy(text, head);
    for (size_t i = 0; i < count; i++)
        at = stpcpy(at, middle);
    stpcpy(at, tail);
    return text;
}

static const struct {
    const char *name, *head, *middle, *tail;
    size_t count;
    const char *starts; /* of the line */
} deep[] = {
    {"a long chain of or",       "T | where l == 0",      " or l == 1",     "",              20000,  "b:bool"             },
    {"a long chain of and",      "T | where l == 0",      " and l != 1",    " | project s",  500,    "s:string"           },
    {"a chain of plus",          "T | project x = l",     " + 1",           "",              900,    "x:long"             },
    {"a too long chain of plus", "T | project x = l",     " + 1",           "",              90000,  "!KQL003"            },
    {"a too long path",          "T | project x = d",     ".a",             "",              100000, "!KQL003"            },
    {"too many elements",        "T | project x = d",     "[0]",            "",              100000, "!KQL003"            },
    {"a long pipe",              "T",                     " | where l > 1", " | project s",  500,    "s:string"           },
    {"a long list",              "T | where l in (1",     ", 2",            ") | project s", 100000, "s:string"           },
    {"many columns",             "T | project l",         ", l + 1",        "",              5000,   "l:long Column1:long"},
    {"many columns of one name", "T | project strlen(s)", ", strlen(s)",    "",              5000,   "strlen_s:long"      },
};

static void
test_limits(struct pool *pool)
{
    struct span seen;
    char *text;

    for (size_t i = 0; i < COUNT_OF(deep); i++) {
        text = repeated(deep[i].head, deep[i].middle, deep[i].count, deep[i].tail);
        bed_check(pool, text, "", &bed_environment, &seen);
        CHECK(seen.n >= strlen(deep[i].starts) &&
                  memcmp(seen.p, deep[i].starts, strlen(deep[i].starts)) == 0,
              "%s gives %.*s", deep[i].name, (int)(seen.n < 200 ? seen.n : 200), seen.p);
        free(text);
    }
    /* each function calls the one before it twice: 2^30 calls */
    text = repeated("let f0 = (a: long) { a + 1 };", "", 0, "");
    for (int i = 1; i <= 30; i++) {
        char *longer, let[96];

        snprintf(let, sizeof let, "let f%d = (a: long) { f%d(a) + f%d(a) };", i, i - 1, i - 1);
        longer = repeated(text, let, 1, "");
        free(text);
        text = longer;
    }
    {
        char *whole = repeated(text, "T | project x = f30(l)", 1, "");

        bed_check(pool, whole, "", &bed_environment, &seen);
        CHECK(seen.n > 7 && memcmp(seen.p, "!KQL003", 7) == 0, "many calls: %.*s", (int)seen.n,
              seen.p);
        free(whole);
    }
    free(text);
}

/* ---- plans ---- */

static void
test_print(struct pool *pool)
{
    static const struct {
        const char *query;
        const char *holds[4];
    } rows[] = {
        {"T | where s has \"x\" and l > 1 + 1 | project s, n = l * 2",
         {"table T", "| where (s has \"x\") and (l > 2)", "n = l * 2", "-> (s: string, n: long)"}                      },
        {"T | where s == h\"secret\" or s == strcat(h\"secret\", \"x\")",     {"s == \"****\""}                        },
        {"T | summarize sum(l) / count(), arg_max(t, s) by s",
         {"by s = s", "Column1 = sum(l) / count()", "s1 = arg_max(t, s).2"}                                            },
        {"let m = materialize(T | project l); m | join kind=leftanti m on l",
         {"join kind=leftanti with #", "materialize", "on l == l"}                                                     },
        {"T | where l > toscalar(T | summarize max(l))",                      {"toscalar(#1)", "#1:", "max_l = max(l)"}},
        {"T | top 3 by l asc | mv-expand d | parse s with * \"a\" x",
         {"top 3 by l asc nulls first", "mv-expand d", "parse kind=simple s with * \"a\" x"}                           },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kql_diagnostics d;
        struct kql_bound bound;
        struct span text;
        jmp_buf escape;

        pool_reset(pool);
        pool->escape = &escape;
        if (setjmp(escape) != 0)
            abort();
        kql_diagnostics_init(&d, pool, span_of(rows[i].query));
        if (!kql_bind(pool, span_of(rows[i].query), &bed_environment, &d, &bound)) {
            CHECK(false, "%s does not bind", rows[i].query);
            continue;
        }
        text = kql_plan_print(pool, bound.plan);
        for (size_t k = 0; k < COUNT_OF(rows[i].holds) && rows[i].holds[k] != NULL; k++)
            CHECK(memmem(text.p, text.n, rows[i].holds[k], strlen(rows[i].holds[k])) != NULL,
                  "%s\n%.*shas no '%s'", rows[i].query, (int)text.n, text.p, rows[i].holds[k]);
        CHECK(memmem(text.p, text.n, "secret", 6) == NULL, "%s shows the secret", rows[i].query);
    }
}

int
main(void)
{
    struct pool pool;

    pool_init(&pool, 64 << 20);
    bed_check_all(&pool, cases, COUNT_OF(cases));
    test_environment(&pool);
    test_limits(&pool);
    test_print(&pool);
    pool_free(&pool);
    return test_end();
}
