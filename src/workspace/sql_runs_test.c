/* sql_runs_test.c - sub-plans by SQL: partition. */
#include "workspace/sql_compare.h"

static const struct {
    const char *query;
    int parts;
} queries[] = {
  /* clang-format off */
    /* row by row */
    {"Events | partition by name (where n > 1)", WHOLE},
    {"Events | partition by name (extend x = n + 1 | project name, x)", WHOLE},
    {"Events | partition by name (project n)", WHOLE},
    {"Events | partition by k (project-away k | where name != '')", WHOLE},
    {"Events | partition hint.strategy=native by name (serialize | where n > 0)", WHOLE},
    {"Events | partition hint.strategy=shuffle hint.concurrency=4 by name (as X | where n > 0)", WHOLE},
    {"Empty | partition by name (where n > 1)", WHOLE},
    /* keys of every type, null among them */
    {"Events | partition by n (summarize c = count())", WHOLE},
    {"Events | partition by k (summarize c = count(), max(n))", WHOLE},
    {"Events | partition by r (summarize c = count(), max(n))", WHOLE},
    {"Events | partition by b (summarize c = count())", WHOLE},
    {"Events | partition by g (summarize c = count())", WHOLE},
    {"Events | partition by t (summarize c = count())", WHOLE},
    {"Events | partition by p (summarize c = count())", WHOLE},
    {"Events | extend key = tolower(name) | partition by key (summarize c = count(), min(name))", WHOLE},
    {"union Events, (Events | extend r = -r) | partition by r (summarize c = count())", WHOLE},
    /* the first rows of each */
    {"Events | partition by name (top 1 by t)", WHOLE},
    {"Events | partition by name (top 1 by n asc)", WHOLE},
    {"Events | partition by b (sort by k asc, t asc | top 2 by n desc nulls first)", WHOLE},
    {"Events | partition by b (sort by n asc, k asc | top 2 by r asc)", WHOLE},
    {"Events | partition by k (sort by t asc | top 1 by strlen(name) desc | project k, name)", WHOLE},
    {"Events | partition by name (top 0 by n | summarize count())", WHOLE},
    {"Events | partition by name (take 0)", WHOLE},
    {"Events | partition by name (take 0 | count)", WHOLE},
    {"Events | partition by name (take 1) | count", WHOLE},
    {"Events | partition by name (take 1) | summarize count() by name", WHOLE},
    {"Events | partition by b (sample 2) | summarize count() by b", WHOLE},
    {"Events | partition by b (sample 100) | summarize count(), sum(k) by b", WHOLE},
    {"Events | partition by b (sample-distinct 100 of name)", WHOLE},
    {"Events | partition by b (sample-distinct 2 of name) | count", WHOLE},
    {"Events | partition by b (sample-distinct 100 of k | summarize sum(k))", WHOLE},
    {"Events | partition by b (where n > 100 | sample-distinct 100 of k | count)", WHOLE},
    {"Events | partition by name (sort by n asc | take 1 | project n)", WHOLE},
    {"Events | partition by b (sort by n asc, k asc | take 3 | sort by k desc, n asc | take 2)", WHOLE},
    {"Events | partition by b (top 3 by n asc | top 1 by k asc | project k, n)", WHOLE},
    /* groups, and runs without rows */
    {"Events | partition by name (summarize count(), sum(n), max(t))", WHOLE},
    {"Events | partition by name (count)", WHOLE},
    {"Events | partition by name (count | project x = Count + 1)", WHOLE},
    {"Events | partition by name (where n > 1 | count)", WHOLE},
    {"Events | partition by name (where n > 1 | count | where Count == 0 | count)", WHOLE},
    {"Events | partition by name (where n > 1 | summarize count(), countif(n > 1), sum(n), avg(n), min(n), max(n), dcount(name), min(name), max(name), sumif(n, n > 1), avgif(n, n > 1))", WHOLE},
    {"Events | partition by name (where n > 1 | summarize arg_max(n, name, t), take_any(name), take_any(name, n))", WHOLE},
    {"Events | partition by name (where n > 1 | summarize make_list(n), make_set(name), make_bag(d), stdev(n), percentile(n, 50), take_anyif(name, true), make_list_if(k, n > 2))", WHOLE},
    {"Events | partition by name (where n > 1 | sort by n asc | summarize make_list(n), make_set(name, 2), dcount(m))", WHOLE},
    {"Events | partition by name (where n > 1 | summarize c = count() | extend d = c * 2 | where c < 5)", WHOLE},
    {"Events | partition by name (where n > 1 | summarize x = sum(n) / count(), y = strcat('n', tostring(max(k))))", WHOLE},
    {"Events | partition by name (summarize x = sum(n) / count(), y = strcat('n', tostring(max(k))) by b)", WHOLE},
    {"Events | partition by b (summarize count() by name)", WHOLE},
    {"Events | partition by b (where n > 2 | summarize count() by name)", WHOLE},
    {"Events | partition by b (summarize c = count() by name | summarize sum(c), dcount(name))", WHOLE},
    {"Events | partition by b (where n > 2 | summarize c = count() by name | summarize sum(c), dcount(name))", WHOLE},
    {"Events | partition by b (summarize arg_max(n, k) by name)", WHOLE},
    {"Events | partition by b (distinct name, k)", WHOLE},
    {"Events | partition by b (distinct k | count)", WHOLE},
    {"Events | partition by b (summarize by r)", WHOLE},
    {"Events | partition by b (summarize make_set(name) by k | project k, n = array_length(set_name))", WHOLE},
    {"Events | partition by b (sort by n asc, k asc | summarize make_list(n), make_list(name) by b)", WHOLE},
    /* with other tables */
    {"Events | partition by b (join kind=inner Devices on name | project name, n, site)", WHOLE},
    {"Events | project name, b | partition by b (join Devices on name)", ANY},
    {"Events | partition by b (join kind=innerunique (Devices | summarize c = count() by name) on name | summarize max(c))", WHOLE},
    {"Events | partition by b (join kind=leftouter Devices on name | summarize count())", WHOLE},
    {"Events | partition by b (join kind=leftsemi (Devices | where n > 1) on name | count)", WHOLE},
    {"Events | partition by b (join kind=leftanti (Devices | where n > 1) on name | count)", WHOLE},
    {"Events | partition by b (lookup (Devices | summarize s = max(site) by name) on name)", WHOLE},
    {"Events | partition by b (join kind=rightouter Devices on name | count)", ANY},
    {"Events | partition by b (where name in (Devices | project name))", WHOLE},
    {"Events | partition by b (where n > toscalar(Devices | summarize min(n)) | count)", WHOLE},
    {"Events | partition by b (where name in~ (Devices | project name) | summarize c = count() + toscalar(Devices | count))", WHOLE},
    {"Events | partition by b (union Devices)", ANY},
    /* in order: of the input, of the sub-query */
    {"Events | sort by n asc, k asc | partition by name (where k > 0)", WHOLE},
    {"Events | sort by n asc, k asc | partition by name (top 1 by t | project name, t)", WHOLE},
    {"Events | sort by n asc, k asc | partition by b (summarize make_list(n))", WHOLE},
    {"Events | sort by n asc, k asc | partition by b (take 2)", WHOLE},
    {"Events | sort by name asc, n asc | partition by b (sort by k desc, n asc) | summarize make_list(n)", WHOLE},
    {"datatable(a: long, b: long)[1, 9, 2, 8, 1, 7, 3, 6, 2, 5] | partition by a (where b < 9)", WHOLE},
    {"datatable(a: long, b: long)[1, 9, 2, 8, 1, 7, 3, 6, 2, 5] | partition by a (top 1 by b asc)", WHOLE},
    {"datatable(a: long, b: long)[2, 9, 1, 8, 2, 7, 3, 6, 1, 5] | partition by a (summarize make_list(b))", WHOLE},
    {"datatable(a: long, b: long)[2, 9, 1, 8, 2, 7, 3, 6, 1, 5] | partition by a (summarize count() by b)", WHOLE},
    {"datatable(a: long, b: long)[2, 9, 1, 8, 2, 7, 3, 6, 1, 5] | partition by a (sort by b asc | take 1) | take 2", WHOLE},
    {"range i from 1 to 20 step 1 | extend m = i % 3 | partition by m (take 2) | summarize make_list(i)", WHOLE},
    /* one in the other */
    {"Events | partition by b (partition by k (count))", WHOLE},
    {"Events | partition by b (partition by k (top 1 by n asc | project b, k, n))", WHOLE},
    {"Events | partition by b (partition by k (where n > 1 | summarize c = count()) | summarize sum(c), count())", WHOLE},
    {"Events | partition by b (where n > 1 | partition by k (where n > 2 | count) | summarize make_list(Count), count())", WHOLE},
    {"Events | partition by b (partition by k (where n > 2) | summarize c = count())", WHOLE},
    {"Events | sort by n asc, k asc | partition by b (partition by k (take 1))", WHOLE},
    {"Events | partition by b (partition by k (partition by name (count)))", WHOLE},
    /* beside other operators */
    {"Events | partition by name (top 1 by n asc) | join kind=inner Devices on name | project name, n, site", WHOLE},
    {"Events | partition by name (where n > 0) | partition by b (count)", WHOLE},
    {"Events | partition by name (top 1 by n asc) | summarize count(), sum(n)", WHOLE},
    {"let P = materialize(Events | partition by name (top 1 by n asc)); P | join kind=inner P on name, n | count", WHOLE},
    {"let P = Events | partition by name (top 1 by n asc); union P, P | count", WHOLE},
    {"Events | where n > toscalar(Events | partition by name (top 1 by n asc) | summarize min(n))", WHOLE},
    {"Events | partition by name (extend x = rand() | where x >= 0 and x < 1 | summarize count())", WHOLE},
    /* what stays */
    {"Events | partition by m (count)", ANY},
    {"Events | partition by name (reduce by name)", ANY},
    {"Events | where n > 0 | partition hint.strategy=legacy by name { Devices | where name == name | count }", ANY},
    {"Events | partition hint.strategy=legacy by name { print x = toscalar(name) }", ANY},
    {"Events | partition by name (serialize i = row_number())", ANY},
    {"Events | partition by name (where n > 0 | top-nested 1 of k by sum(n))", ANY},
    {"Events | partition by name (where n == 2 | render table)", ANY},
  /* clang-format on */
};

int
main(int argc, char **argv)
{
    static struct sql_bed bed;
    jmp_buf escape;

    pool_init(&bed.pool, (size_t)64 << 20);
    if (setjmp(escape) != 0) {
        printf("%s\n", bed.pool.reason.text);
        return 1;
    }
    bed.pool.escape = &escape;
    sql_bed_begin(&bed);
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        if (argc < 2 || strstr(queries[i].query, argv[1]) != NULL)
            sql_compare(&bed, queries[i].query, queries[i].parts);
    sql_bed_end(&bed);
    return test_end();
}
