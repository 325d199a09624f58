/* sql_window_test.c - window functions answer by SQL as by the row engine. */
#include "workspace/sql_compare.h"

#define BY_TIME "Events | sort by t asc, name asc | "
/* Rows in the order in which they stand, with nulls, ties and what leaves 64 bits. */
#define ROWS                                                                                       \
    "datatable(a: long, b: string, r: real, c: int, z: bool, y: dynamic, m: decimal, t: datetime)" \
    "[1, 'x', 0.1, int(2147483647), false, dynamic([1]), decimal(1.0), datetime(2024-01-01),"      \
    "2, '', real(nan), int(1), true, dynamic([1]), decimal(1.00), datetime(2024-01-01 00:10),"     \
    "long(null), '', real(nan), int(null), bool(null), dynamic(null), decimal(null), "             \
    "datetime(null),"                                                                              \
    "9223372036854775807, 'y', 0.2, int(-5), false, dynamic({\"q\": 1}), decimal(2), "             \
    "datetime(2024-01-01 00:20),"                                                                  \
    "9223372036854775807, 'y', 0.0, int(-5), true, dynamic({\"q\": 1}), decimal(2.5), "            \
    "datetime(2024-01-01 00:50),"                                                                  \
    "-9, 'x', -0.0, int(7), true, dynamic('s'), decimal(-1), datetime(2024-01-01 01:00),"          \
    "-9, 'X', real(null), int(7), false, dynamic(1), decimal(3), datetime(2024-01-01 03:00),"      \
    "3, 'x', 1e300, int(0), false, dynamic(1.0), decimal(3), datetime(2024-01-01 03:00),"          \
    "4, 'x', 1.5, int(0), bool(null), dynamic(2), decimal(4), datetime(2024-01-01 03:01),"         \
    "5, 'z', -1e300, int(1), false, dynamic(2), decimal(4), datetime(2024-01-02)] | serialize | "

static const struct sql_query queries[] = {
  /* clang-format off */
    /* one call of each */
    {BY_TIME "extend i = row_number()", WHOLE},
    {BY_TIME "extend i = row_number(0), j = row_number(-9223372036854775808), l = row_number(long(null))", WHOLE},
    {BY_TIME "extend i = row_number(9223372036854775800)", WHOLE},
    {BY_TIME "extend i = row_number(1, n > 1), j = row_number(10, bool(null)), l = row_number(5, true)", WHOLE},
    {BY_TIME "project p = prev(t), q = prev(name), s = prev(n), u = prev(k), v = prev(r), w = prev(b), x = prev(g), y = prev(p), z = prev(d), a = prev(m)", WHOLE},
    {BY_TIME "project p = next(t), q = next(name), s = next(n), u = next(k), v = next(r), w = next(b), x = next(g), y = next(p), z = next(d), a = next(m)", WHOLE},
    {BY_TIME "project p = prev(n, 2), q = next(n, 3), s = prev(n, 0), u = prev(n, 100), v = next(n, -1), w = prev(n, long(null))", WHOLE},
    {BY_TIME "project p = prev(n, 9223372036854775807), q = next(n, 9223372036854775807, 5), s = next(n, -9223372036854775808, 6)", WHOLE},
    {BY_TIME "project p = prev(n, 1, 7), q = next(name, 2, 'none'), s = prev(r, 1, 5), u = next(t, 1, datetime(2024-01-01)), v = prev(d, 1, dynamic([1])), w = prev(d, 2, 'text')", WHOLE},
    {BY_TIME "project p = prev(n, 1, 2.7), q = prev(k, 1, 5), s = prev(name, 1, h'secret'), u = prev(b, 1, true), v = prev(m, 1, decimal(5)), w = prev(p, 1, 1h), x = next(g, 1, guid(74be27de-1e4e-49d9-b579-fe0b331d3642))", WHOLE},
    {BY_TIME "project p = prev(n, 1, long(null)), q = prev(name, 1, ''), s = prev(name, 1, 5)", ANY},
    {BY_TIME "extend p = prev(n + 1), q = prev(strcat(name, '!')), s = next(tolower(name), 1, 'X'), u = prev(n > 1), v = prev(t - 1h), w = prev(d.a), x = prev(1), y = prev('c')", WHOLE},
    {ROWS "extend s = row_cumsum(a)", WHOLE},
    {ROWS "extend s = row_cumsum(c), u = row_cumsum(c, z), v = row_cumsum(a, z), w = row_cumsum(a + c)", WHOLE},
    {ROWS "extend s = row_cumsum(r), u = row_cumsum(r, z)", WHOLE},
    {ROWS "where isnotnull(r) and not(isnan(r)) | extend s = row_cumsum(r), u = row_cumsum(todouble(a))", WHOLE},
    {ROWS "extend s = row_cumsum(m), u = row_cumsum(m, a < 0)", WHOLE},
    {ROWS "extend i = row_rank_dense(a), j = row_rank_dense(b), k = row_rank_dense(r), l = row_rank_dense(z), o = row_rank_dense(y), p = row_rank_dense(m), q = row_rank_dense(t)", WHOLE},
    {ROWS "extend i = row_rank_min(a), j = row_rank_min(b), k = row_rank_min(r), l = row_rank_min(z), o = row_rank_min(y), p = row_rank_min(m), q = row_rank_min(t)", WHOLE},
    {ROWS "extend i = row_rank_dense(a, z), j = row_rank_min(b, z), k = row_rank_min(y, z), l = row_rank_dense(c, c == 7), o = row_rank(b)", WHOLE},
    {ROWS "extend s = row_window_session(t, 1h, 15m), u = row_window_session(t, 1h, 15m, z), v = row_window_session(t, timespan(null), 30m), w = row_window_session(t, 1d, timespan(null))", WHOLE},
    {"Events | sort by t desc | extend s = row_window_session(t, 100d, 1h)", WHOLE},
    /* where they stand */
    {BY_TIME "extend d = t - prev(t) | where d > 10m", WHOLE},
    {BY_TIME "extend d = iff(name == prev(name), t - prev(t), timespan(null)) | summarize max(d), count() by name", WHOLE},
    {BY_TIME "where n != prev(n)", WHOLE},
    {BY_TIME "where prev(name) has 'alpha' and n > 0 | project name, n", WHOLE},
    {BY_TIME "where row_number() % 2 == 0 | project name", WHOLE},
    {BY_TIME "serialize i = row_number(), n | where i > 3", WHOLE},
    {BY_TIME "project i = row_number(), name | project-away name", WHOLE},
    {BY_TIME "sort by row_number() desc | project name, n", WHOLE},
    {BY_TIME "sort by prev(n) asc, n desc", WHOLE},
    {BY_TIME "top 3 by row_number() desc | project name", WHOLE},
    {BY_TIME "top 2 by prev(n) asc | extend i = row_number()", WHOLE},
    {BY_TIME "mv-expand x = iff(row_number() > 2, d, dynamic([7, 8])) | project name, x", WHOLE},
    {BY_TIME "mv-expand d | extend i = row_number(), p = prev(d)", WHOLE},
    {BY_TIME "parse strcat(prev(name), '-', name) with x '-' y | project x, y", WHOLE},
    {BY_TIME "parse-where name with x 'ph' y | extend i = row_number() | project i, x, y", WHOLE},
    /* calls in calls, and several */
    {BY_TIME "extend i = row_number(1, name != prev(name))", WHOLE},
    {BY_TIME "extend p = prev(prev(n)), q = next(prev(n, 2), 1, 9)", WHOLE},
    {BY_TIME "extend p = prev(row_cumsum(k)), q = row_cumsum(row_number()), s = row_rank_min(prev(n)), u = row_cumsum(prev(n, 1, 0), prev(b))", WHOLE},
    {BY_TIME "extend a = row_number(), b2 = row_number(), c = row_number() * 2, d2 = prev(n) + prev(n)", WHOLE},
    {BY_TIME "extend i = row_number(1, b), s = row_cumsum(n, b), e = row_rank_dense(name, b), o = row_cumsum(k, not(b))", WHOLE},
    {BY_TIME "extend s = row_cumsum(r), u = row_number(1, row_cumsum(todouble(k)) > 2.0), v = row_cumsum(row_cumsum(r), row_window_session(t, 1h, 1h) == t)", WHOLE},
    {BY_TIME "extend a = prev(n) | extend b2 = prev(a) | extend c = prev(b2) | where isnotnull(c) | extend i = row_number()", WHOLE},
    {BY_TIME "extend x = row_number() | where x > 2 | extend y = row_number(), z = prev(x) | where y < 5 | extend w = row_cumsum(y)", WHOLE},
    /* orders: as they came, ties, operators behind */
    {ROWS "sort by b asc | extend i = row_number(), p = prev(a), s = row_cumsum(c)", WHOLE},
    {ROWS "sort by z asc, b desc | extend s = row_cumsum(a), i = row_number(1, b != prev(b)) | where i <= 2 | take 4", WHOLE},
    {ROWS "sort by r asc | extend p = prev(r), i = row_number()", WHOLE},
    {ROWS "sort by r desc nulls first | extend p = prev(r), i = row_rank_dense(r)", WHOLE},
    {BY_TIME "extend p = prev(n) | take 3", WHOLE},
    {BY_TIME "extend p = prev(n) | where isnotnull(p) | take 3 | extend q = prev(p)", WHOLE},
    {BY_TIME "take 4 | extend p = next(n), i = row_number()", WHOLE},
    {BY_TIME "extend i = row_number() | sort by k asc | extend j = row_number(), p = prev(i)", WHOLE},
    {BY_TIME "extend i = row_number() | summarize make_list(i), take_any(i), arg_max(n, i) by b", WHOLE},
    {BY_TIME "extend i = row_number() | sort by b asc, i desc | summarize make_list(i) by b", WHOLE},
    {"range x from 1 to 20 step 1 | extend p = prev(x), s = row_cumsum(x, x % 7 == 0)", WHOLE},
    {"range x from 1 to 3000 step 1 | extend s = row_cumsum(x * 0.1, x % 1000 == 0), i = row_number(1, x % 11 == 3) | where x % 500 == 1", WHOLE},
    {"Events | serialize | extend a = row_number(), b2 = row_number() | extend c = row_number(), d2 = prev(a) | where a == b2 and b2 == c and (d2 == a - 1 or isnull(d2)) | count", WHOLE},
    {"Events | where n > 0 | serialize | extend a = row_number() | extend s = row_cumsum(todouble(a)) | where s == a * (a + 1) / 2 | count", WHOLE},
    {"Empty | sort by t asc | extend i = row_number(), p = prev(n), s = row_cumsum(todouble(n)), w = row_window_session(t, 1h, 1h), k = row_rank_dense(name)", WHOLE},
    {"Empty | serialize | extend s = row_cumsum(1.5) | count", WHOLE},
    /* in other places of a query */
    {"Events | where n in ((Events | sort by n asc | extend i = row_number() | where i > 3 | project n)) | count", WHOLE},
    {"Events | extend x = toscalar(Events | sort by t asc | extend s = row_cumsum(r) | summarize max(n))", WHOLE},
    {BY_TIME "extend p = prev(n) + toscalar(Devices | summarize max(n)), s = row_cumsum(r + toscalar(Devices | count)), w = row_cumsum(iff(name in~ (Devices | project name), 1.0, 0.5))", WHOLE},
    {"let T = " BY_TIME "extend i = row_number(); T | join kind=inner T on i | project name, name1, i | sort by i asc", WHOLE},
    {"let T = materialize(" BY_TIME "extend i = row_number(), s = row_cumsum(r)); union T, T | summarize count(), max(i)", WHOLE},
    {"let T = materialize(Events | serialize | extend i = row_number()); T | join kind=inner T on i | where n == n1 or isnull(n) | count", WHOLE},
    {"let T = materialize(Events | serialize | extend i = row_number()); T | where i == toscalar(T | summarize max(i)) | count", ANY},
    {BY_TIME "extend p = prev(rand()) | where isnull(p) or (p >= 0 and p < 1) | count", WHOLE},
    {BY_TIME "extend i = row_number() + rand() * 0 | summarize max(i)", WHOLE},
    /* in sub-plans, run by run */
    {"Events | partition by name (sort by t asc | extend i = row_number(), p = prev(n), s = row_cumsum(r) | project name, i, p, s)", WHOLE},
    {BY_TIME "partition by b (sort by n asc, k asc | extend i = row_number(), s = row_cumsum(n, k > 5), e = row_rank_dense(name), w = row_window_session(t, 1h, 10m) | where i > 1)", WHOLE},
    {BY_TIME "partition by name (extend p = prev(prev(n)), i = row_number(1, n > prev(n)) | summarize max(i), count())", ANY},
    {BY_TIME "partition by name (where n > prev(n, 1, 0) | top 2 by t desc | extend i = row_number())", ANY},
    {"Events | partition by name (sort by t asc | partition by b (sort by t asc, n asc | extend i = row_number(), s = row_cumsum(r)))", ANY},
    {BY_TIME "mv-apply x = d on (extend i = row_number()) | project name, i", ANY},
  /* clang-format on */
};

int
main(int argc, char **argv)
{
    return sql_compare_all(argc, argv, queries, COUNT_OF(queries), NULL);
}
