/* sql_series_test.c - make-series in SQL gives the very arrays that the row engine gives. */
#include "workspace/sql_compare.h"

#define DAY " from datetime(2024-01-01) to datetime(2024-01-02)"

static const struct {
    const char *query;
    int parts;
} queries[] = {
  /* clang-format off */
    /* both ends known */
    {"Events | make-series count() on t" DAY " step 1h", WHOLE},
    {"Events | make-series c = count() default=0 on t" DAY " step 1h by name", WHOLE},
    {"Events | make-series c = count() default=-1 on t" DAY " step 7h by name, b", WHOLE},
    {"Events | make-series c = count() default=long(null) on t" DAY " step 30m by k, r", WHOLE},
    {"Events | make-series c = count() default=1.5 on t" DAY " step 12h", WHOLE},
    {"Events | make-series x = min(k) default=7, y = sum(r), z = max(t) on t" DAY " step 10m by b", WHOLE},
    {"Events | make-series a = avg(n), s = stdev(k), d = dcount(name) on t" DAY " step 1h", WHOLE},
    {"Events | make-series a = avg(r) default=real(null) on t" DAY " step 1h by n", WHOLE},
    {"Events | make-series x = max(name) default='none', y = take_any(g) on t" DAY " step 1h by n", WHOLE},
    {"Events | make-series x = max(p), y = min(m), z = sum(m) on t" DAY " step 1h by n", WHOLE},
    {"Events | make-series x = countif(b), y = sumif(n, n < 100) on t" DAY " step 1h", WHOLE},
    {"Events | make-series x = sum(k) / count(), y = max(k) - min(k) default=9 on t" DAY " step 1h", WHOLE},
    {"Events | make-series x = make_list(k) default=dynamic(null) on t" DAY " step 1h by n, k", WHOLE},
    {"Events | make-series x = make_set(name, 1) default=dynamic([0]) on t" DAY " step 25m by n, k", WHOLE},
    {"Events | make-series percentile(k, 50) on t" DAY " step 1h", WHOLE},
    {"Events | make-series arg_max(n, name) on t" DAY " step 1h by k", WHOLE},
    {"Events | make-series arg_min(k, n) on t" DAY " step 1h", WHOLE},
    {"Events | make-series count() on t from datetime(2024-01-01 00:15:00.0000001) to datetime(2024-01-01 03:00) step 17m", WHOLE},
    {"Events | make-series count() on t from datetime(0001-01-01) to datetime(9999-12-31) step 3650d", WHOLE},
    {"Events | make-series count() on t from datetime(2024-01-01) to datetime(9999-12-31 23:59:59.9999999) step 36500d", WHOLE},
    {"Events | make-series count() on t from datetime(2024-01-02) to datetime(2024-01-01) step 1h", WHOLE},
    {"Events | make-series count() on t from datetime(2024-01-02) to datetime(2024-01-01) step 1h by name", WHOLE},
    {"Events | make-series count() on t from datetime(2025-01-01) to datetime(2025-01-02) step 1h", WHOLE},
    {"Events | make-series count() on t from ago(365d) to now() step 30d by b", WHOLE},
    {"Events | make-series count() on t in range(datetime(2024-01-01 00:10), datetime(2024-01-01 02:00), 1h) by b", WHOLE},
    {"Events | make-series count() on t in range(datetime(2024-01-01 00:10), datetime(2024-01-01 01:59), 45m)", WHOLE},
    {"Events | make-series sum(k) on n from -10 to 10 step 3 by b", WHOLE},
    {"Events | make-series sum(k) on n from long(-9223372036854775808) to 9223372036854775807 step 1000000000000000000 by b", WHOLE},
    {"Events | make-series sum(n % 7) on k from -100 to 100 step 10", WHOLE},
    {"Events | make-series count() on p from -2h to 2d step 1h", WHOLE},
    {"Events | make-series count() on p in range(-90m, 1d, 1h) by b", WHOLE},
    {"Events | make-series count() on r from -1.0 to 3.0 step 0.5 by b", WHOLE},
    {"Events | make-series count() on r from 0.1 to 2.6 step 0.1", WHOLE},
    {"Events | make-series count() on r in range(-0.25, 2.5, 0.75)", WHOLE},
    {"Events | make-series count() on m from decimal(-5) to decimal(12) step decimal(2.5)", WHOLE},
    {"Events | make-series count() on todouble(k) from -10.0 to 10.0 step 2.0", WHOLE},
    {"Events | make-series count() on bin(t, 1h)" DAY " step 1h", WHOLE},
    {"Events | make-series count() on t" DAY " step 1h by tolower(name), x = bin(n, 2)", WHOLE},
    {"Events | make-series count() on t" DAY " step 1h by n | project count_", WHOLE},
    {"Events | make-series c = count(), s = sum(n) on t" DAY " step 1h by b | project b, s", WHOLE},
    {"Events | make-series c = count() on t" DAY " step 1h by name | where array_length(c) == 24 | count", WHOLE},
    {"Events | make-series c = count() on t" DAY " step 1h by name | extend (a, b) = series_decompose_anomalies(c) | project name, a", ANY},
    {"Events | make-series c = count() on t" DAY " step 1h by m | project todouble(m), c", WHOLE},
    {"Events | make-series c = count() on t" DAY " step 1h by d", WHOLE},
    {"Events | make-series c = count() on t" DAY " step 1h by x = d.a, b", WHOLE},
    {"datatable(t: datetime, d: dynamic)[datetime(2024-01-01), dynamic({\"a\": 1, \"b\": [2.0]}), datetime(2024-01-01), dynamic({\"b\": [2], \"a\": 1.0}), datetime(2024-01-02), dynamic([1, {\"x\": null}]), datetime(2024-01-01), dynamic(null), datetime(2024-01-02), dynamic({\"a\": 1, \"b\": [2]}), datetime(2024-01-02), dynamic(null), datetime(2024-01-02), dynamic(\"n\")] | make-series count() on t step 1d by d", WHOLE},
    {"datatable(t: datetime, m: decimal)[datetime(2024-01-02), 1.0, datetime(2024-01-01), 1.00, datetime(2024-01-02), 2, datetime(2024-01-01), 2.0] | make-series count() on t step 1d by m", WHOLE},
    /* none */
    {"Empty | make-series count() on t" DAY " step 6h", WHOLE},
    {"Empty | make-series count() on t" DAY " step 6h by name", WHOLE},
    {"Empty | make-series kind=nonempty count() default=3 on t" DAY " step 6h", WHOLE},
    {"Empty | make-series kind=nonempty count() default=3, sum(n) on t" DAY " step 6h by name", WHOLE},
    {"Events | make-series kind=nonempty sum(n) on t from datetime(2025-01-01) to datetime(2025-01-02) step 6h", WHOLE},
    {"Events | make-series kind=nonempty sum(k) on t" DAY " step 6h", WHOLE},
    {"Empty | make-series count() on t step 6h", WHOLE},
    {"Empty | make-series kind=nonempty count() on t step 6h", WHOLE},
    {"Empty | make-series count() on n step 6 by name", WHOLE},
    {"Events | where isnull(t) | make-series count() on t step 6h by name", WHOLE},
    {"Events | where isnull(t) | make-series kind=nonempty count() on t from datetime(2024-01-01) step 6h", WHOLE},
    {"Events | where isnan(r) or isinf(r) | make-series count() on r step 6.0 by name", WHOLE},
    /* the data's ends */
    {"Events | where t > datetime(2023-01-01) and t < datetime(2025-01-01) | make-series count() on t step 1h", WHOLE},
    {"Events | where t > datetime(2023-01-01) and t < datetime(2025-01-01) | make-series count() on t step 25m by name", WHOLE},
    {"Events | where t > datetime(2023-01-01) and t < datetime(2025-01-01) | make-series count() on t step 1tick * 36000000001 by name", WHOLE},
    {"Events | where t > datetime(2023-01-01) | make-series count(), sum(k) on t to datetime(2024-01-01 01:30) step 1h by b", WHOLE},
    {"Events | where t > datetime(2023-01-01) | make-series count() on t to datetime(2024-01-01 02:00) step 1h by b", WHOLE},
    {"Events | where t > datetime(2023-01-01) | make-series count() on t to datetime(2023-06-01) step 1h by b", WHOLE},
    {"Events | make-series count() on t to datetime(0001-01-01) step 1h by b", WHOLE},
    {"Events | where t < datetime(2025-01-01) | make-series count() on t from datetime(2024-01-01 00:15) step 1h by b", WHOLE},
    {"Events | where t < datetime(2025-01-01) | make-series count() on t from datetime(2026-01-01 00:15) step 1h by b", WHOLE},
    {"Events | where t < datetime(2025-01-01) | make-series kind=nonempty count() on t from datetime(2026-01-01 00:15) step 1h", WHOLE},
    {"Events | where t > datetime(2023-01-01) | make-series kind=nonempty count() on t to datetime(2023-06-01) step 1h", WHOLE},
    {"Events | make-series count() on t step 365000d by b", WHOLE},
    {"Events | where n between (-100 .. 100) | make-series count() on n step 3 by b", WHOLE},
    {"Events | where n between (-100 .. 100) | make-series count() on n from -3 step 3 by b", WHOLE},
    {"Events | where n between (-100 .. 100) | make-series count() on n to 2 step 3", WHOLE},
    {"Events | where n < -100 | make-series count() on n step 3", WHOLE},
    {"Events | make-series count() on n step 1000000000000000000 by b", WHOLE},
    {"Events | make-series count() on p step 1h by b", WHOLE},
    {"Events | make-series count() on r step 0.3 by b", WHOLE},
    {"Events | make-series count() on r from 0.0 step 0.3", WHOLE},
    {"Events | make-series count() on r to 2.0 step 0.3 by n", WHOLE},
    {"Events | make-series count() on m step decimal(0.5)", WHOLE},
    {"Events | make-series count() on tolong(k) step 1000000000 by b", WHOLE},
    {"let f = toscalar(Events | where t > datetime(2023-01-01) | summarize min(t)); Events | make-series count() on t from f to datetime(2024-01-02) step 1h", WHOLE},
    {"let f = toscalar(Devices | summarize max(n)); Events | make-series count() on n from -10 to f step 4 by b", WHOLE},
    {"let f = toscalar(Devices | serialize | extend x = row_number() | where x > 1 | summarize max(n)); Events | make-series kind=nonempty count() on n from -10 to f step 4", ANY},
    /* rows in an order */
    {"datatable(t: datetime, x: string)[datetime(2024-01-02), 'b', datetime(2024-01-01), 'a', datetime(2024-01-02), 'c'] | make-series make_list(x), count() on t step 1d by y = strlen(x)", WHOLE},
    {"datatable(t: datetime, x: string)[datetime(2024-01-02), 'b', datetime(2024-01-01), 'a', datetime(2024-01-02), 'c', datetime(2023-01-01), 'd'] | make-series count() on t" DAY " + 1d step 1d by x | take 2", ANY},
    {"range i from 1 to 1000 step 1 | extend t = datetime(2024-01-01) + i * 1h | make-series sum(i), make_list(i, 2) on t step 1d by i % 3", WHOLE},
    {"Events | sort by k asc, n asc | make-series make_list(n), take_any(name) on t" DAY " step 1h by b", WHOLE},
    /* in sub-queries */
    {"Events | partition by b (make-series count(), sum(k) on t" DAY " step 1h by name)", WHOLE},
    {"Events | partition by b (make-series count() on t" DAY " step 1h)", WHOLE},
    {"Events | where t > datetime(2023-01-01) and t < datetime(2025-01-01) | partition by b (make-series count(), sum(k) on t step 1h by name)", WHOLE},
    {"Events | where t > datetime(2023-01-01) and t < datetime(2025-01-01) | partition by n (make-series count() on t step 30m | extend x = array_length(count_))", WHOLE},
    {"Events | sort by k asc | partition by n (make-series make_list(k) on t" DAY " step 30m by b)", WHOLE},
    {"datatable(i: long, x: string)[3, 'a', 2, 'b', 3, 'b', 1, 'a', 7, 'c'] | partition by x (make-series make_list(i) on i from 0 to 5 step 2 by y = i > 2)", WHOLE},
    {"Events | partition by b (make-series kind=nonempty count() on t" DAY " step 1h)", ANY},
    {"Events | partition by b (make-series count() on n step 1000000000000000000)", ANY},
    /* what is left to the row engine */
    {"Events | extend x = rand() | make-series count() on t" DAY " step 1h by y = x > 2", WHOLE},
    {"Events | make-series c = sum(rand() * 0) on t" DAY " step 1h", 1},
    {"let s = toscalar(Devices | summarize max(n)); Events | make-series count() on n from -10 to 10 step s", ANY},
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
