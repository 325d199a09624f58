/* sql_top_test.c - top-hitters and top-nested in SQL choose what the row engine chooses, where no two rank alike. */
#include "workspace/sql_compare.h"

static const struct sql_query queries[] = {
  /* clang-format off */
    /* top-hitters */
    {"Events | where name in ('alpha', 'gamma') | top-hitters 2 of name", WHOLE},
    {"Events | top-hitters 1 of n", WHOLE},
    {"Events | top-hitters 100 of k | project k, c = approximate_count_k | sort by c desc, k asc", WHOLE},
    {"Events | top-hitters 100 of r | count", WHOLE},
    {"Events | top-hitters 100 of m | summarize sum(approximate_count_m)", WHOLE},
    {"Events | top-hitters 0 of name", WHOLE},
    {"Empty | top-hitters 3 of name", WHOLE},
    {"Events | where n < 100 | top-hitters 1 of name by n", WHOLE},
    {"Events | top-hitters 3 of name by n | project approximate_sum_n", WHOLE},
    {"Events | top-hitters 2 of b by n", WHOLE},
    {"Events | top-hitters 9 of b by r | count", WHOLE},
    {"Events | where r > -1 | top-hitters 9 of name by r | where approximate_sum_r > 0", WHOLE},
    {"Events | top-hitters 2 of n by k", ANY},
    {"Events | top-hitters 2 of n by m", ANY},
    {"Events | partition by b (top-hitters 1 of n | project approximate_count_n)", WHOLE},
    {"Events | top-hitters toscalar(Devices | count) of n", ANY},
    {"datatable(x: string, w: real)['a', 1.5, 'b', 2, 'a', 1, 'c', real(nan), 'd', real(null)] | top-hitters 9 of x by w", WHOLE},
    {"datatable(x: string, w: long)['a', 9223372036854775807, 'b', 2, 'a', 1, 'c', 7, 'd', long(null)] | top-hitters 9 of x by w", WHOLE},
    {"datatable(x: string)['a', 'c', 'b', 'b', 'c', 'd'] | top-hitters 3 of x", WHOLE},
    /* top-nested, one level */
    {"Events | top-nested 1 of n by count()", WHOLE},
    {"Events | top-nested 2 of n by x = sum(k)", WHOLE},
    {"Events | top-nested 3 of n by x = max(k) asc", WHOLE},
    {"Events | top-nested of name by count()", WHOLE},
    {"Events | top-nested 1 of n with others = 99 by count()", WHOLE},
    {"Events | top-nested 1 of name with others = 'rest' by x = sum(k)", WHOLE},
    {"Events | top-nested 0 of name with others = 'rest' by x = count()", WHOLE},
    {"Events | top-nested 100 of name with others = 'rest' by x = count()", WHOLE},
    {"Events | top-nested of name with others = 'rest' by x = count()", WHOLE},
    {"Empty | top-nested 2 of x = 1 by count()", WHOLE},
    {"Empty | top-nested 1 of x = (datetime(2024-01-10) - datetime(2024-01-10)) by y = tolong(min(n)) | partition by y (where true | summarize z = count() by g = datetime(null) + totimespan(y))", WHOLE},
    {"Empty | top-nested 2 of x = 1 by y = count() | partition by y (summarize z = count() by g = y)", WHOLE},
    {"Empty | summarize y = count() by x = 1 | partition by y (summarize z = count() by g = y)", WHOLE},
    {"Empty | top-nested 2 of name with others = 'rest' by x = count()", WHOLE},
    {"Events | top-nested 2 of name with others = 'rest' by max(r)", ANY},
    {"Events | where n < 100 | top-nested 2 of b by x = max(m)", WHOLE},
    {"Events | top-nested 3 of b by x = min(t) asc", WHOLE},
    {"Events | top-nested 2 of b by x = max(name) desc", WHOLE},
    {"Events | top-nested 2 of b by x = sum(k) / count()", WHOLE},
    {"Events | top-nested 2 of b by x = dcount(name) + 0.5 * max(k)", WHOLE},
    {"Events | top-nested 2 of tolower(name) by x = sum(k)", WHOLE},
    {"Events | top-nested 2 of x = bin(n, 10) with others = -1 by y = sum(k)", WHOLE},
    {"Events | top-nested 100 of r by x = count() | count", WHOLE},
    {"Events | top-nested 1 of m by x = count() | project todouble(m), x", WHOLE},
    {"Events | top-nested 20 of d by x = count() | count", WHOLE},
    {"Events | top-nested 1 of m with others = decimal(-99) by x = count() | project todouble(m), x", WHOLE},
    {"Events | top-nested 2 of n by x = make_list(k)", ANY},
    {"Events | top-nested toscalar(Devices | count) of n by count()", ANY},
    {"datatable(x: string)['b', 'a', 'c', 'a', 'c', 'd'] | top-nested 3 of x by count()", WHOLE},
    {"datatable(x: string, y: long)['b', 1, 'a', long(null), 'c', 1, 'a', 2, 'c', long(null), 'd', long(null)] | top-nested 4 of x by sum(y) asc", WHOLE},
    {"datatable(x: string, y: real)['b', 1, 'a', real(nan), 'c', 1, 'e', 2, 'c', real(null), 'd', real(null)] | top-nested 4 of x by max(y) asc", WHOLE},
    {"datatable(x: string, y: real)['b', 1, 'a', real(nan), 'c', 1, 'e', 2, 'c', real(null), 'd', real(null)] | top-nested 4 of x by max(y) desc", WHOLE},
    /* more levels */
    {"Events | top-nested of b by x = sum(k), top-nested 1 of n by y = sum(k)", WHOLE},
    {"Events | top-nested 2 of b by x = sum(k), top-nested 1 of n with others = 77 by y = sum(k)", WHOLE},
    {"Events | top-nested 1 of b with others = true by x = sum(k), top-nested 1 of n by y = sum(k)", WHOLE},
    {"Events | top-nested 1 of b with others = bool(null) by x = sum(k), top-nested 1 of n with others = 77 by y = sum(k)", WHOLE},
    {"Events | top-nested 1 of n with others = 5 by x = sum(k), top-nested 1 of name by y = max(t), top-nested 1 of k with others = int(9) by z = count()", WHOLE},
    {"Events | top-nested 2 of n with others = 5 by x = sum(k), top-nested 2 of name with others = 'rest' by y = max(t) asc, top-nested 1 of k with others = int(9) by z = count() | distinct n, x", WHOLE},
    {"Events | top-nested 2 of n with others = 5 by x = max(k), top-nested 1 of r with others = -1.0 by y = max(k), top-nested 1 of g by z = max(k)", WHOLE},
    {"Events | top-nested of n by x = max(k), top-nested of m by y = max(k) | project n, x, todouble(m), y", WHOLE},
    {"Events | where n < 100 | top-nested 3 of n with others = -7 by x = avg(k), top-nested 2 of t by y = max(k) | where y > 0", WHOLE},
    {"datatable(x: string, y: string)['b', 'p', 'a', 'q', 'c', 'p', 'a', 'r', 'c', 'p', 'd', 's', 'a', 'q'] | top-nested 2 of x with others = 'o' by count(), top-nested 1 of y with others = 'u' by count()", WHOLE},
    {"datatable(x: real, y: string)[0.0, 'p', -0.0, 'q', 0.0, 'q', -0.0, 'r', real(nan), 'p', real(nan), 's', real(null), 't'] | top-nested 2 of x with others = 7.0 by count(), top-nested 1 of y with others = 'u' by count()", WHOLE},
    {"Events | partition by b (top-nested 1 of n by sum(k))", ANY},
    {"Events | top-nested 1 of n by x = sum(k) + rand() | project n", ANY},
  /* clang-format on */
};

int
main(int argc, char **argv)
{
    return sql_compare_all(argc, argv, queries, COUNT_OF(queries), NULL);
}
