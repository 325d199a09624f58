/* sql_expand_test.c - mv-expand, parse, parse-where and parse-kv answer by SQL as by the row engine. */
#include "workspace/sql_compare.h"

#define ITEMS                                                                                      \
    "datatable(id: long, x: dynamic, y: dynamic)["                                                 \
    "1, dynamic([1, 2, 3]), dynamic([\"a\"]), 2, dynamic([]), dynamic([]), "                       \
    "3, dynamic([]), dynamic([7, 8]), 4, dynamic(null), dynamic([]), "                             \
    "5, dynamic({\"k\": 1, \"l\": [2]}), dynamic(5), 6, dynamic([null, [1, 2], {\"z\": 0}]), "     \
    "dynamic(null), 7, dynamic([datetime(2024-01-01), 1h, decimal(1.50), "                         \
    "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)]), dynamic([true, \"\"])]"
#define TYPED                                                                                      \
    "print d = dynamic([1, 2.5, \"7\", \"x\", true, null, [1], {\"a\": 1}, \"1h\", "               \
    "\"2024-01-01\", \"0.1\", \"nan\", \"inf\", \"9223372036854775807\", "                         \
    "\"74be27de-1e4e-49d9-b579-fe0b331d3642\", 0.30000000000000004, \"1e400\"]) "
#define LINES                                                                                      \
    "datatable(id: long, line: string)["                                                           \
    "1, 'user=ann id=12 took=1.5 at 2024-01-01 for 01:00:00 ok true', "                            \
    "2, 'user=bob id=x took=nan at never for ever ok no', 3, '', "                                 \
    "4, 'USER=eve id=3', 5, 'user= id=-9223372036854775808 took=0.1 at 9999-12-31 for "            \
    "-1.00:00:00 ok false', "                                                                      \
    "6, 'user=ünï id=1 took=1e400 at 0001-01-01 for 00:00:00.0000001 ok 1', "                    \
    "7, 'user=ann id=12 took=1.5 at 2024-01-01 for 01:00:00 ok true']"
#define PIECES                                                                                     \
    "'user=' u: string ' id=' i: long ' took=' r: real ' at ' t: datetime ' for ' s: timespan ' "  \
    "ok ' b: bool"
#define PAIRS                                                                                      \
    "datatable(id: long, line: string)["                                                           \
    "1, 'a=1, b=two, c=0.1', 2, 'b=\"x, y\", a=7', 3, '', 4, 'a=, a=2', "                          \
    "5, ' c = 1e300 , b= {\"k\": 1} , a = x', 6, 'nothing here']"

static const struct sql_query queries[] = {
  /* clang-format off */
    /* mv-expand */
    {"Events | mv-expand d", WHOLE},
    {"Events | mv-expand d | project d", WHOLE},
    {"Events | mv-expand d | project name", WHOLE},
    {"Events | mv-expand d | count", WHOLE},
    {"Events | where n == 2 | mv-expand e = d | project name, d, e", WHOLE},
    {"Events | mv-expand with_itemindex=i d | project i, name, d", WHOLE},
    {"Events | mv-expand with_itemindex=i d | summarize sum(i)", WHOLE},
    {"Events | mv-expand with_itemindex=i d | project name", WHOLE},
    {"Events | mv-expand kind=array d", WHOLE},
    {"Events | mv-expand bagexpansion=array d", WHOLE},
    {"Events | mv-expand d limit 1", WHOLE},
    {"Events | mv-expand d limit 0", WHOLE},
    {"Events | mv-expand d limit 2 | count", WHOLE},
    {"Empty | mv-expand x = dynamic([1, 2])", WHOLE},
    {"Events | mv-expand x = dynamic([1, 2]) | project name, x", WHOLE},
    {"Events | mv-expand x = dynamic([])", WHOLE},
    {"Events | mv-expand x = split(name, 'a') to typeof(string) | project n, x", WHOLE},
    {"Events | mv-expand x = range(0, k % 3) to typeof(long) | project k, x", WHOLE},
    {"Events | mv-expand d | mv-expand d | project name, d", WHOLE},
    {"Events | mv-expand d | where d == 1 or d == 'x' | project name, d", WHOLE},
    {"Events | mv-expand d | where n == 2 | project name, d", WHOLE},
    {"Events | mv-expand d | summarize count() by tostring(d)", WHOLE},
    {"Events | sort by n asc, k asc, name asc | mv-expand d", WHOLE},
    {"Events | sort by n asc, k asc, name asc | mv-expand d | take 3", WHOLE},
    {"Events | sort by n asc, k asc, name asc | mv-expand d | summarize make_list(d)", WHOLE},
    {"Events | sort by n asc, k asc, name asc | mv-expand d | mv-expand d | project d", WHOLE},
    {"Events | sort by n, k, name, p, g, b, r asc | mv-expand d | project d", WHOLE},
    {"Events | sort by n, k, name, p, g, b, r, t | mv-expand d | project d", 1},
    {"let R = range i from 1 to 150000 step 1; R | join kind=inner (R) on i | project i | mv-expand with_itemindex=n x = dynamic([5, 6, 7]) | "
     "summarize l = make_list(n), m = make_list(x) by i | summarize count(), countif(tostring(l) != '[0,1,2]'), countif(tostring(m) != '[5,6,7]')", WHOLE},
    {"Events | sort by n asc, k asc, name asc | mv-expand d | extend r = row_number()", ANY},
    {"Events | sort by n asc, k asc, name asc | mv-expand d | extend r = strcat(name, prev(name)) | take 7", ANY},
    {"range i from 1 to 9 step 1 | mv-expand x = range(i, i + 2) to typeof(long) | serialize r = row_number() | where x % 2 == 0", ANY},
    {"Events | mv-expand d | join kind=inner Devices on name | project name, site, d", WHOLE},
    {"Events | mv-expand d, x = pack_array(n, k) | project name, d, x", WHOLE},
    {"Events | where name in (Events | mv-expand d | project name) | project name", WHOLE},
    {"Events | mv-expand x = pack_array(toscalar(Devices | where n > 0 | summarize max(n)), n) to typeof(long) | project name, x", WHOLE},
    {"Events | mv-expand x = pack_array(rand(), 1) to typeof(real) | summarize count(), countif(x >= 0.0 and x <= 1.0)", ANY},
    {"let M = materialize(Events | mv-expand d | project name, d); M | join kind=inner M on name | count", WHOLE},
    {"Events | union Events | mv-expand d | count", WHOLE},
    {"range i from 1 to 5000 step 1 | mv-expand x = range(1, i % 4) | summarize count(), sum(tolong(x)), dcount(i)", WHOLE},
    {"range i from 1 to 3 step 1 | mv-expand x = range(1, 100000) to typeof(long) | summarize count(), sum(x) by i", WHOLE},
    {"range i from 1 to 3 step 1 | mv-expand x = range(1, 3000) to typeof(string) | summarize count(), sum(strlen(x)), dcount(x) by i", WHOLE},
    {"range i from 1 to 5000 step 1 | mv-expand x = iff(i % 3 == 0, dynamic(null), pack_array(i, long(null), i + 1)) to typeof(long) | summarize count(), countif(isnull(x)), sum(x)", WHOLE},
    {"range i from 1 to 9 step 1 | mv-expand x = range(i, i + 2) to typeof(long) | summarize n = count() by x", WHOLE},
    {"range i from 1 to 9 step 1 | mv-expand x = range(i, i + 2) to typeof(long) | summarize n = count(), l = array_length(make_list(i)) + 1 by x % 4 | take 2", WHOLE},
    {ITEMS "| mv-expand x", WHOLE},
    {ITEMS "| mv-expand y, x", WHOLE},
    {ITEMS "| mv-expand x, y", WHOLE},
    {ITEMS "| mv-expand with_itemindex=i x, y", WHOLE},
    {ITEMS "| mv-expand with_itemindex=i x, y limit 2", WHOLE},
    {ITEMS "| mv-expand x to typeof(long), y to typeof(string)", WHOLE},
    {ITEMS "| mv-expand x to typeof(string), y to typeof(string)", WHOLE},
    {ITEMS "| mv-expand x to typeof(dynamic), z = y to typeof(bool)", WHOLE},
    {ITEMS "| mv-expand kind=array x | mv-expand x", WHOLE},
    {ITEMS "| mv-expand x | extend t = gettype(x) | sort by id asc | project id, t, x", WHOLE},
    {ITEMS "| sort by id asc | mv-expand x, y | summarize make_list(x), make_list(y) by id", WHOLE},
    {ITEMS "| sort by id asc | mv-expand with_itemindex=i x, y | project id, i, x, y", WHOLE},
    {TYPED "| mv-expand x = d to typeof(long)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(int)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(real) | extend e = x == 0.30000000000000004, l = x == 0.1", WHOLE},
    {TYPED "| mv-expand x = d to typeof(decimal)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(bool)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(string)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(datetime)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(timespan)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(guid)", WHOLE},
    {TYPED "| mv-expand x = d to typeof(dynamic)", WHOLE},
    {TYPED "| mv-expand x = d | extend t = gettype(x)", WHOLE},
    {"Events | partition by name (mv-expand d | count)", WHOLE},
    {"Events | partition by name (mv-expand d | summarize count() by tostring(d))", WHOLE},
    {"Events | partition by name (sort by n asc | mv-expand d | take 1)", ANY},
    {"Events | partition by name (parse name with x 'a' y | summarize count() by x)", WHOLE},
    {"Events | partition by name (parse-where name with x 'a' y | count)", WHOLE},
    {"range i from 1 to 9 step 1 | mv-expand x = range(i, i + 2) to typeof(long) | partition by x (summarize sum(i) by x)", WHOLE},
    {"range i from 1 to 9 step 1 | mv-expand x = range(i, i + 2) to typeof(long) | partition by x (take 1 | project x)", ANY},
    /* parse */
    {"Events | parse name with x 'a' y", WHOLE},
    {"Events | parse name with x 'a' y | project x", WHOLE},
    {"Events | parse name with x 'a' y | project n", WHOLE},
    {"Events | parse name with x 'a' y | count", WHOLE},
    {"Events | parse name with * 'a' name | project name", WHOLE},
    {"Events | parse-where name with x 'ph' y", WHOLE},
    {"Events | parse-where name with x 'ph' y | project n", WHOLE},
    {"Events | parse-where name with x 'ph' y | count", WHOLE},
    {"Events | parse name with x 'ph' y | where x == 'al' and y == 'a' and n > 0 | project x, y", WHOLE},
    {"Events | parse tostring(d) with * ':' v: long * | project v", WHOLE},
    {"Events | parse h'abc' with x 'b' y | project x, y", WHOLE},
    {"Events | parse name with x h'ph' y | project x, y", WHOLE},
    {"Events | parse kind=regex flags=Ui name with x 'A' y | project x, y", WHOLE},
    {"Events | parse kind=regex name with 'a' x: string '[pm]' y | project x, y", WHOLE},
    {"Events | sort by n asc, k asc, name asc | parse name with x 'a' y | project x, y", WHOLE},
    {"Events | sort by n asc, k asc, name asc | parse-where name with x 'a' y | take 2 | project x, y", WHOLE},
    {"Events | parse name with x 'a' y | join kind=inner Devices on name | project x, y, site", WHOLE},
    {"Events | parse name with x 'a' y | summarize count() by x", WHOLE},
    {"Events | parse name with x 'a' y | parse x with z 'l' * | project z", WHOLE},
    {"Empty | parse name with x 'a' y", WHOLE},
    {"range i from 1 to 5000 step 1 | extend s = strcat('n=', i % 7, ' m=', i) | parse s with 'n=' n: long ' m=' m: int | summarize sum(n), sum(m), count()", WHOLE},
    {"range i from 1 to 5000 step 1 | extend s = iff(i % 3 == 0, 'none', strcat('n=', i)) | parse-where s with 'n=' n: long | summarize sum(n), count()", WHOLE},
    {LINES "| parse line with " PIECES, WHOLE},
    {LINES "| parse kind=relaxed line with " PIECES, WHOLE},
    {LINES "| parse-where line with " PIECES, WHOLE},
    {LINES "| parse-where kind=relaxed line with " PIECES "| sort by id asc", WHOLE},
    {LINES "| parse kind=regex line with " PIECES, WHOLE},
    {LINES "| parse line with * 'id=' i: int ' took=' r: decimal * | extend e = r == decimal(0.1)", WHOLE},
    {LINES "| parse line with * 'took=' r: real ' ' * | extend e = r == 0.1", WHOLE},
    {LINES "| parse line with * 'id=' i: dynamic ' took' *", WHOLE},
    {LINES "| parse line with * 'id=' g: guid ' took' *", WHOLE},
    {LINES "| summarize by line | parse line with 'user=' u ' ' * | summarize count() by u", WHOLE},
    /* parse-kv */
    {PAIRS "| parse-kv line as (a: long, b: string, c: real) with (pair_delimiter=',', kv_delimiter='=')", WHOLE},
    {PAIRS "| parse-kv line as (a: string, b: dynamic) with (pair_delimiter=',', kv_delimiter='=', quote='\"')", WHOLE},
    {PAIRS "| parse-kv line as (a: string, b: string) with (pair_delimiter=',', kv_delimiter='=', quote='\"', greedy=true)", WHOLE},
    {PAIRS "| parse-kv line as (a: long, c: decimal) with (regex=@'(\\w+)=(\\w+)') | project-away line", WHOLE},
    {PAIRS "| parse-kv line as (a: long) | where a > 1", WHOLE},
    {PAIRS "| parse-kv line as (a: long) with (pair_delimiter=',', kv_delimiter='=') | count", WHOLE},
    {"Events | parse-kv name as (alpha: string, gamma: string) | project alpha, gamma", WHOLE},
    {"Events | sort by n asc, k asc, name asc | parse-kv name as (beta: string) | project beta", WHOLE},
  /* clang-format on */
};

/* ---- text of statements ---- */

/* What an obfuscated literal says stands in no statement, and not in what explains them. */
static const char *const concealed[] = {
    "Events | parse name with x h'SECRET' y | project x, y",
    "Events | parse kind=regex name with x h'(SECRET' y | project x, y",
    "Events | parse-where h'SECRET' with x 'a' y | project x, y",
    "Events | mv-expand x = pack_array(h'SECRET', name) | project x",
};

static void
check_concealed(struct sql_bed *bed, const char *query)
{
    const struct kql_environment environment = {
        .table = sql_bed_find, .table_at = sql_bed_table_at, .context = bed};
    struct pool pool;
    const struct programs_options options = {.pool = &pool, .memory_max = (size_t)64 << 20};
    struct kql_diagnostics *d;
    struct programs *programs = NULL;
    struct kql_bound bound;
    struct err err = {""};
    jmp_buf escape;

    pool_init(&pool, (size_t)64 << 20);
    if (setjmp(escape) != 0 || programs_new(&options, &programs, &err) != ST_OK)
        exit(1);
    pool.escape = &escape;
    d = pool_zeroed(&pool, 1, sizeof *d);
    kql_diagnostics_init(d, &pool, span_of(query));
    if (kql_bind(&pool, span_of(query), &environment, d, &bound)) {
        const struct sql_options o = {.pool = &pool, .programs = programs};
        struct span text = sql_explain(&pool, bound.plan, sql_split(&o, bound.plan));

        CHECK(memmem(text.p, text.n, "SECRET", 6) == NULL, "%s\n%s", query, text.p);
    } else {
        CHECK(false, "%s: %s", query, kql_diagnostics_print(&pool, d, false).p);
    }
    programs_free(programs);
    pool_free(&pool);
}

/* A regular expression that does not compile ends the query with the row engine's own words. */
static void
check_error(struct sql_bed *bed, const char *query, const char *says)
{
    struct pool pool;
    struct programs_options options = {.pool = &pool, .memory_max = (size_t)64 << 20};
    const struct kql_environment environment = {
        .table = sql_bed_find, .table_at = sql_bed_table_at, .context = bed};
    struct kql_diagnostics *d;
    struct kql_answers answers;
    struct kql_bound bound;
    jmp_buf escape;

    pool_init(&pool, (size_t)64 << 20);
    if (setjmp(escape) != 0)
        exit(1);
    pool.escape = &escape;
    bed->query = &pool;
    bed->is_direct = false;
    bed->environment = &environment;
    bed->err.text[0] = '\0';
    if (programs_new(&options, &bed->programs, &bed->err) != ST_OK)
        exit(1);
    d = pool_zeroed(&pool, 1, sizeof *d);
    kql_diagnostics_init(d, &pool, span_of(query));
    if (kql_bind(&pool, span_of(query), &environment, d, &bound)) {
        const struct sql_options o = {.pool = &pool, .programs = bed->programs};
        bool is_done = sql_bed_rows(bed, sql_split(&o, bound.plan), &answers);

        CHECK(!is_done && strstr(bed->err.text, says) != NULL, "%s: %s", query, bed->err.text);
    } else {
        CHECK(false, "%s: %s", query, kql_diagnostics_print(&pool, d, false).p);
    }
    programs_free(bed->programs);
    pool_free(&pool);
}

static void
check_more(struct sql_bed *bed)
{
    for (size_t i = 0; i < COUNT_OF(concealed); i++)
        check_concealed(bed, concealed[i]);
    check_error(bed, "Events | parse kind=regex name with x 'p(' y", "missing )");
    check_error(bed, "Events | parse-kv name as (a: long) with (regex='a')", "two groups");
}

int
main(int argc, char **argv)
{
    return sql_compare_all(argc, argv, queries, COUNT_OF(queries), check_more);
}
