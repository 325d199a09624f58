/* sql_runs_test.c - sub-plans by SQL: partition, mv-apply. */
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
    /* mv-apply: row by row */
    {"Events | mv-apply x = d on (where x == 1)", WHOLE},
    {"Events | mv-apply d on (where isnotnull(d))", WHOLE},
    {"Events | mv-apply d on (project d)", WHOLE},
    {"Events | mv-apply x = d on (project name = tostring(x))", WHOLE},
    {"Events | mv-apply x = d on (extend y = tostring(x.a) | where y != '' | project y, x)", WHOLE},
    {"Events | project n, d | mv-apply d to typeof(long) on (extend n = d + 1)", WHOLE},
    {"Events | mv-apply x = d to typeof(string), y = pack_array(n, k) to typeof(long) on (where y != 2)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, n), y = d on (serialize | where true)", WHOLE},
    {"Events | mv-apply with_itemindex=i x = d on (where i > 0 | project i, x)", WHOLE},
    {"Events | mv-apply with_itemindex=i x = d on (summarize max(i), count())", WHOLE},
    {"Events | mv-apply kind=array x = d on (project x0 = x[0], x1 = x[1])", WHOLE},
    {"Events | mv-apply x = d limit 1 on (project x)", WHOLE},
    {"Events | mv-apply x = d limit 0 on (count)", WHOLE},
    {"Events | mv-apply x = parse_json('[]') on (count)", WHOLE},
    {"Events | mv-apply x = dynamic(null) on (count)", WHOLE},
    {"Empty | mv-apply x = pack_array(n, 1) on (count)", WHOLE},
    {"Events | project t, x = pack_array(bag_pack('k', 'a', 'v', n), bag_pack('k', name, 'v', k)) | mv-apply x on (where x.k == 'a' | project v = tostring(x.v))", WHOLE},
    {"Events | mv-apply x = todynamic(strcat('[', tostring(n), ',', tostring(k), ']')) on (where tolong(x) > 1 | project x)", WHOLE},
    /* groups of each row's items, and rows without any left */
    {"Events | mv-apply x = d on (summarize make_set(x), count())", WHOLE},
    {"Events | mv-apply x = d on (summarize make_list(x))", WHOLE},
    {"Events | mv-apply x = d on (where x == 1 | summarize make_list(x), count(), take_any(x))", WHOLE},
    {"Events | mv-apply x = d on (where x == 1 | count)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k) to typeof(long) on (where x > 1 | summarize sum(x), max(x), avg(x), make_list(x), arg_max(x, name))", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (summarize c = count() by x)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (summarize c = count() by x | where c > 1 | summarize s = sum(c))", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (distinct x)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (sample-distinct 5 of x)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (summarize x = sum(x) / count(), n = strcat('n', tostring(max(k))))", WHOLE},
    {"Events | project name, d | mv-apply x = d on (summarize name = strcat(take_any(name), tostring(count())))", WHOLE},
    /* first items */
    {"Events | mv-apply x = pack_array(n, k, 2) on (top 1 by tolong(x))", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (top 2 by x asc | project x)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) to typeof(long) on (sort by x asc | take 2 | summarize make_list(x))", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 2) on (take 2)", WHOLE},
    {"Events | mv-apply x = d on (take 1)", WHOLE},
    {"Events | mv-apply x = d on (take 1 | summarize make_list(x))", WHOLE},
    {"Events | mv-apply x = d on (take 0 | count)", WHOLE},
    {"Events | mv-apply x = d on (sample 1 | count)", WHOLE},
    /* in order */
    {"Events | sort by n asc, k asc | mv-apply x = d on (where true)", WHOLE},
    {"Events | sort by n asc, k asc | mv-apply x = pack_array(n, k, 2) to typeof(long) on (sort by x desc)", WHOLE},
    {"Events | sort by n asc, k asc | mv-apply x = pack_array(n, k, 2) to typeof(long) on (summarize count() by x)", WHOLE},
    {"Events | sort by n asc, k asc | mv-apply x = pack_array(n, k, 2) to typeof(long) on (top 2 by x) | project x", WHOLE},
    {"Events | sort by n asc, k asc | mv-apply x = pack_array(n, k) on (project x) | summarize make_list(x)", WHOLE},
    {"datatable(n: long, a: dynamic)[1, dynamic([3, 1, 2]), 2, dynamic([9]), 3, dynamic([])] | mv-apply e = a to typeof(long) on (top 2 by e)", WHOLE},
    {"datatable(n: long, a: dynamic)[1, dynamic([3, 1, 2]), 1, dynamic([9, 8, 7])] | sort by n | mv-apply e = a to typeof(long) on (project e)", WHOLE},
    {"datatable(n: long, a: dynamic)[1, dynamic([3, 1, 2]), 1, dynamic([9, 8, 7])] | sort by n | mv-apply e = a to typeof(long) on (where e > 1) | summarize make_list(e) by n", WHOLE},
    {"datatable(n: long, a: dynamic)[1, dynamic([3, 1, 2]), 2, dynamic([9])] | mv-apply e = a to typeof(long) on (summarize s = sum(e) | extend t = s * 2)", WHOLE},
    /* with other tables, one in the other */
    {"Events | mv-apply x = d on (extend site = tostring(x.a) | join kind=leftouter Devices on site | project k1, x)", WHOLE},
    {"Events | mv-apply x = d on (where tolong(x) in (Devices | project n))", WHOLE},
    {"Events | mv-apply x = d on (where tolong(x) > toscalar(Devices | summarize min(n)) | count)", WHOLE},
    {"Events | mv-apply x = d on (mv-expand y = x | project y)", WHOLE},
    {"Events | mv-apply x = d on (parse tostring(x) with 'd' y 'p' | project y)", ANY},
    {"Events | mv-apply x = pack_array(d, 1) on (mv-apply y = x on (where y == 1 | count))", WHOLE},
    {"Events | mv-apply x = pack_array(d, 1) on (mv-apply y = x on (summarize c = count()) | summarize sum(c), count())", WHOLE},
    {"Events | mv-apply x = pack_array(d, 1) on (where x == 1 | mv-apply y = x on (where y == 2 | summarize c = count()) | summarize sum(c), count())", WHOLE},
    {"Events | sort by n asc, k asc | mv-apply x = pack_array(d, 1) on (mv-apply y = x on (top 1 by tostring(y)) | project y)", WHOLE},
    {"print d = dynamic([[1, 2], [3]]) | mv-apply d on (mv-apply e = d to typeof(long) on (summarize s = sum(e)) | summarize make_list(s))", WHOLE},
    {"Events | partition by b (mv-apply x = d on (where isnotnull(x) | count))", WHOLE},
    {"Events | partition by b (mv-apply x = d on (where isnotnull(x)) | summarize c = count())", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, n) to typeof(long) on (partition by x (count) | summarize c = count(), max(Count))", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, n) to typeof(long) on (where x > 1 | partition by x (where x > 2 | count) | summarize c = count(), max(Count))", WHOLE},
    {"Events | mv-apply x = pack_array(rand(), 1.0) to typeof(real) on (where x <= 1 | summarize c = count())", WHOLE},
    {"let A = materialize(Events | mv-apply x = d on (where isnotnull(x))); union A, A | count", WHOLE},
    {"Events | mv-apply x = d on (where isnotnull(x)) | summarize count() by name", WHOLE},
    {"Events | mv-apply x = d on (where isnotnull(x)) | count", WHOLE},
    /* window functions in a sub-query see the rows of their run */
    {"Events | sort by n asc, k asc | partition by b (extend i = row_number(), before = prev(n), sum = row_cumsum(k))", WHOLE},
    {"Events | partition by b (sort by n asc, k asc | extend i = row_number(), before = prev(n, 1, -7), after = next(n))", WHOLE},
    {"Events | partition by b (sort by n asc, k asc | extend d = t - prev(t) | where d > 0s | summarize max(d), count())", WHOLE},
    {"Events | partition by b (sort by n asc, k asc | extend s = row_cumsum(r), w = row_window_session(t, 1h, 10m))", WHOLE},
    {"Events | partition by name (where n > 1 | sort by n asc, k asc | extend s = row_cumsum(r) | summarize max(s), count())", WHOLE},
    {"Events | partition by b (partition by k (sort by n asc, t asc | extend i = row_number(), s = row_cumsum(r)))", WHOLE},
    {"Events | mv-apply with_itemindex=j x = pack_array(n, k, 3) to typeof(long) on (serialize i = row_number(), before = prev(x))", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 3) to typeof(long) on (sort by x asc | extend i = row_number(), s = row_cumsum(x) | where i > 1)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 3) to typeof(real) on (serialize s = row_cumsum(x) | project s)", WHOLE},
    {"Events | sort by n asc, k asc | mv-apply x = pack_array(n, k, 3) to typeof(real) on (serialize s = row_cumsum(x), r = row_rank_dense(x) | project s, r)", WHOLE},
    {"Events | mv-apply x = pack_array(n, k, 3) to typeof(long) on (serialize i = row_number() | summarize make_list(i), sum(x) | extend n = 1)", WHOLE},
    /* what stays */
    {"Events | mv-apply x = d on (summarize c = count() by tostring(x) | extend all = toscalar(Events | count))", ANY},
    {"Events | mv-apply x = d on (extend all = tostring(x) | as T | where all in ('1'))", ANY},
    {"Events | partition by m (count)", ANY},
    {"Events | partition by name (reduce by name)", ANY},
    {"Events | where n > 0 | partition hint.strategy=legacy by name { Devices | where name == name | count }", ANY},
    {"Events | partition hint.strategy=legacy by name { print x = toscalar(name) }", ANY},
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
