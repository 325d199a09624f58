/* sql_test.c - statements answer as the row engine does, and which operators become statements. */
#include "workspace/sql_compare.h"

static const struct {
    const char *query;
    int parts; /* WHOLE: one statement is all; else how many there are beside the row engine */
} queries[] = {
  /* clang-format off */
    /* sources */
    {"Events", WHOLE},
    {"Empty", WHOLE},
    {"datatable(a: long, b: string)[1, 'x', 2, 'y']", WHOLE},
    {"datatable(a: long, b: string)[]", WHOLE},
    {"datatable(a: string)['it''s', \"q\\\"\", '', 'line\\nbreak', 'nul\\u0000x', 'a;--']", WHOLE},
    {"datatable(a: dynamic)[dynamic({\"a\": 1}), dynamic(null), dynamic([1, datetime(2024-01-01)])]", WHOLE},
    {"print a = 1, b = 'x', c = datetime(2024-01-01), d = dynamic([1]), e = real(nan), f = 1h, g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", WHOLE},
    {"print strcat('a', tostring(1 + 2))", WHOLE},
    {"range x from 1 to 10 step 3", WHOLE},
    {"range x from 10 to 1 step -4", WHOLE},
    {"range x from 5 to 1 step 1", WHOLE},
    {"range t from datetime(2024-01-01) to datetime(2024-01-03) step 12h", WHOLE},
    {"range t from 0s to 1h step 25m", WHOLE},
    {"range x from 0.0 to 1.0 step 0.25", ANY},
    {"range x from 9223372036854775805 to 9223372036854775807 step 2", WHOLE},
    {"range x from -9223372036854775807 to 9223372036854775807 step 9223372036854775807", ANY},
    {"range x from 1 to 100000 step 1 | count", WHOLE},
    /* where */
    {"Events | where n == 2", WHOLE},
    {"Events | where n != 2", WHOLE},
    {"Events | where not(n == 2)", WHOLE},
    {"Events | where not(n != 2)", WHOLE},
    {"Events | where n == long(null)", WHOLE},
    {"Events | where n != long(null)", WHOLE},
    {"Events | where n == n", WHOLE},
    {"Events | where n == k", WHOLE},
    {"Events | where n != k", WHOLE},
    {"Events | where n > 1 and n <= 2", WHOLE},
    {"Events | where n < k or b", WHOLE},
    {"Events | where b", WHOLE},
    {"Events | where not(b)", WHOLE},
    {"Events | where b == true", WHOLE},
    {"Events | where b != true", WHOLE},
    {"Events | where isnull(b) or isnull(n)", WHOLE},
    {"Events | where isnotnull(t) and isnotnull(d)", WHOLE},
    {"Events | where isempty(name)", WHOLE},
    {"Events | where isnotempty(name) and isnull(name)", WHOLE},
    {"Events | where isempty(d) or isempty(n)", WHOLE},
    {"Events | where r > 1.0", WHOLE},
    {"Events | where r >= 0.0", WHOLE},
    {"Events | where r < 2.0", WHOLE},
    {"Events | where r == 0.0", WHOLE},
    {"Events | where r != 1.5", WHOLE},
    {"Events | where 1.0 < r", WHOLE},
    {"Events | where r == real(nan)", WHOLE},
    {"Events | where r != real(nan)", WHOLE},
    {"Events | where r == r", WHOLE},
    {"Events | where r between (0.0 .. 2.0)", WHOLE},
    {"Events | where r !between (0.0 .. 2.0)", WHOLE},
    {"Events | where not(r > 1.0)", WHOLE},
    {"Events | where n between (0 .. 2)", WHOLE},
    {"Events | where n !between (0 .. 2)", WHOLE},
    {"Events | where not(n between (0 .. 2))", WHOLE},
    {"Events | where n between (long(null) .. 2)", WHOLE},
    {"Events | where not(n between (long(null) .. -100))", WHOLE},
    {"Events | where t between (datetime(2024-01-01) .. 1h)", WHOLE},
    {"Events | where t >= datetime(2024-01-01) and t < datetime(2024-01-02)", WHOLE},
    {"Events | where t > ago(100d)", WHOLE},
    {"Events | where t + 1d > datetime(2024-01-02)", WHOLE},
    {"Events | where t - 1d < datetime(2024-01-01)", WHOLE},
    {"Events | where isnull(t + 1tick)", WHOLE},
    {"Events | where isnull(t - 1tick)", WHOLE},
    {"Events | where t - datetime(2024-01-01) > 30m", WHOLE},
    {"Events | where bin(t, 1h) == datetime(2024-01-01 01:00)", WHOLE},
    {"Events | where p > 0s", WHOLE},
    {"Events | where name == 'alpha'", WHOLE},
    {"Events | where name != 'alpha'", WHOLE},
    {"Events | where name =~ 'ALPHA'", WHOLE},
    {"Events | where name has 'gamma'", WHOLE},
    {"Events | where name contains 'ET' and n != 2 and name startswith 'b'", WHOLE},
    {"Events | where name contains_cs 'et'", WHOLE},
    {"Events | where name startswith_cs 'Al' or name endswith_cs 'ma'", WHOLE},
    {"Events | where name contains_cs ''", WHOLE},
    {"Events | where name matches regex 'a.*a'", WHOLE},
    {"Events | where name in ('alpha', 'gamma', 'alpha')", WHOLE},
    {"Events | where name !in ('alpha', 'gamma')", WHOLE},
    {"Events | where name in~ ('ALPHA')", WHOLE},
    {"Events | where n in (2, 1, long(null))", WHOLE},
    {"Events | where n !in (2, 1)", WHOLE},
    {"Events | where not(n in (2, 1))", WHOLE},
    {"Events | where k in (2, 7)", WHOLE},
    {"Events | where n in (dynamic([1, 2]))", WHOLE},
    {"Events | where name in (dynamic([\"alpha\", 2]))", WHOLE},
    {"Events | where r in (1.5, 0.0)", WHOLE},
    {"Events | where g in (guid(74be27de-1e4e-49d9-b579-fe0b331d3642))", WHOLE},
    {"Events | where g == guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", WHOLE},
    {"Events | where g != guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", WHOLE},
    {"Events | where t in (datetime(2024-01-02), datetime(null))", WHOLE},
    {"Events | where m == decimal(1)", WHOLE},
    {"Events | where m > decimal(5)", WHOLE},
    {"Events | where d.a == 1", WHOLE},
    {"Events | where d has 'deep'", WHOLE},
    {"Events | where n == '2'", WHOLE},
    {"Events | where bool(null)", WHOLE},
    {"Events | where name == h'alpha'", WHOLE},
    {"Events | where (n == 1 or n == 2 or n == -5) and (name == 'alpha' or (b and k > 1))", WHOLE},
    {"Events | where iff(b, n > 1, n < 1)", WHOLE},
    {"Events | where n + 1 < n", WHOLE},
    {"Events | where n > toscalar(Devices | summarize min(n))", WHOLE},
    {"Events | where n + 0 > toscalar(Devices | summarize min(n)) + 0", WHOLE},
    {"Events | where name == toscalar(Empty | project name)", WHOLE},
    {"Events | where n == toscalar(Empty | project n)", WHOLE},
    {"Events | where name in (Devices | project name)", WHOLE},
    {"Events | where name !in (Devices | project name)", WHOLE},
    {"Events | where n in (Devices | project n)", WHOLE},
    {"Events | where n !in (Devices | project n)", WHOLE},
    {"Events | extend x = n in (Devices | project n), y = n !in (Devices | project n)", WHOLE},
    {"Events | where name in~ (Devices | project name)", WHOLE},
    {"Events | where k in (Devices | project n)", WHOLE},
    {"Events | where r in (Devices | project r)", WHOLE},
    {"Events | where t in (Devices | project t)", WHOLE},
    {"Events | where n in (Empty | project n) or n !in (Empty | project n)", WHOLE},
    /* project and its kin */
    {"Events | project n, name, x = n * 2, y = n + 1", WHOLE},
    {"Events | extend n = n % 3, z = strlen(name)", WHOLE},
    {"Events | project-away d, m | project-rename nn = n | project-reorder nn, * | project-keep n*, t", WHOLE},
    {"Events | extend x = n == 2, y = n != 2, z = n == k, w = n != k, v = name == 'alpha'", WHOLE},
    {"Events | extend x = n > k, y = isnull(n), z = isempty(name), w = not(b), v = b and n > 1, u = b or n > 1", WHOLE},
    {"Events | extend x = n in (1, 2), y = n !in (1, 2), z = name in ('alpha'), w = n between (1 .. 2)", WHOLE},
    {"Events | extend x = iff(n > 1, name, 'no'), y = case(b, 1, n > 0, 2, 3), z = iff(b, n, long(null))", WHOLE},
    {"Events | extend x = bin(t, 7d), y = bin(n, 4), z = bin(p, 1h), w = startofday(t), v = bin(r, 0.5), u = floor(t, 1h)", WHOLE},
    {"Events | extend x = t + 1h, y = t - 1h, z = t - datetime(2024-01-01), w = 1h + t, v = t + p", WHOLE},
    {"Events | extend x = tostring(name), y = tolong(k), z = toint(n), w = tostring(n), v = todouble(k)", WHOLE},
    {"Events | extend x = d.a, y = d[0], z = tostring(d.a.c), w = array_length(d)", WHOLE},
    {"Events | extend x = r + 1, y = -n, z = n / k, w = k + k", WHOLE},
    {"Events | extend x = m + decimal(1), y = tostring(m), z = todecimal(n)", WHOLE},
    {"Events | extend x = parse_json(strcat('[', tostring(k), ']')) | mv-expand x", ANY},
    {"Events | project x = coalesce(n, tolong(k), 5), y = coalesce(name, 'none')", WHOLE},
    {"Events | extend x = datetime_add('month', 1, t), y = format_datetime(t, 'yyyy'), z = dayofweek(t)", WHOLE},
    {"Events | project name, n | extend x = hash(name), y = extract('(.)a', 1, name)", WHOLE},
    {"print x = toscalar(Events | summarize max(n)), y = toscalar(Empty | project name)", WHOLE},
    {"print x = 1 | extend y = iff(x in (Devices | project n), 'in', 'out')", WHOLE},
    /* sort, top, take */
    {"Events | sort by n asc", WHOLE},
    {"Events | sort by n desc nulls first, name asc", WHOLE},
    {"Events | sort by r asc, n asc", WHOLE},
    {"Events | sort by r desc, n desc", WHOLE},
    {"Events | sort by r asc nulls last, n asc", WHOLE},
    {"Events | sort by r desc nulls first, n asc", WHOLE},
    {"Events | sort by name asc, t asc", WHOLE},
    {"Events | sort by b asc, n asc", WHOLE},
    {"Events | sort by g desc, n asc", WHOLE},
    {"Events | sort by p asc, n asc, k asc", WHOLE},
    {"Events | sort by m asc, n asc", ANY},
    {"Events | sort by strlen(name) asc, name desc | extend x = n + 1 | where k != 2 | project x, name", WHOLE},
    {"Events | sort by n asc | take 3", WHOLE},
    {"Events | sort by n asc, k asc | take 5 | sort by name asc, k asc | take 2", WHOLE},
    {"Events | sort by n asc | take 5 | extend x = 1 | project x, n", WHOLE},
    {"Events | top 3 by t", WHOLE},
    {"Events | top 4 by r asc | project r", WHOLE},
    {"Events | top 0 by n", WHOLE},
    {"Events | take 0", WHOLE},
    {"Events | take 100 | count", WHOLE},
    {"Events | sort by n | summarize count()", WHOLE},
    {"datatable(a: long)[3, 1, 2] | take 2", WHOLE},
    {"datatable(a: long, b: long)[3, 1, 1, 1, 2, 1] | sort by b asc | extend c = a", WHOLE},
    {"datatable(a: long)[3, 1, 2] | serialize | extend b = a + 1", WHOLE},
    {"Events | sort by n asc, k asc | serialize x = n | project x", WHOLE},
    {"Events | sort by n asc, k asc | extend i = row_number()", WHOLE},
    {"Events | sort by n asc, k asc | where n > prev(n) | project n", WHOLE},
    {"Events | sort by n asc, k asc | extend i = row_cumsum(k) | where i > 0 | summarize max(i)", WHOLE},
    {"Events | where name != '' | sample 3 | count", WHOLE},
    {"Events | sample-distinct 100 of name | sort by name asc", WHOLE},
    {"Events | sample-distinct 100 of r | count", WHOLE},
    /* summarize */
    {"Events | count", WHOLE},
    {"Empty | count", WHOLE},
    {"Events | summarize count()", WHOLE},
    {"Empty | summarize count(), countif(n > 1), sum(n), avg(n), min(n), max(n), dcount(name), min(name), max(name), sumif(n, n > 1), avgif(n, n > 1)", WHOLE},
    {"Empty | summarize count() by name", WHOLE},
    {"Events | summarize count(), countif(n > 1), countif(b) by name", WHOLE},
    {"Events | summarize sum(n), avg(n), min(n), max(n) by b", WHOLE},
    {"Events | summarize sum(n), avg(n), min(n), max(n)", WHOLE},
    {"Events | where n > 0 | extend m2 = 9223372036854775807 | summarize sum(m2), avg(m2), sum(n)", WHOLE},
    {"Events | summarize sum(k), avg(k), min(k), max(k), sum(p), min(p), max(p)", WHOLE},
    {"Events | summarize sum(r), avg(r), min(r), max(r) by b", WHOLE},
    {"Events | where n > 100 or n < -100 | summarize sum(r), min(r), max(r), avg(r)", WHOLE},
    {"Events | summarize minif(r, n == 2), maxif(r, n == 1), minif(name, n > 5), maxif(n, b), minif(t, b)", WHOLE},
    {"Events | summarize min(name), max(name), min(t), max(t), min(b), max(b)", WHOLE},
    {"Events | summarize dcount(name), dcount(n), dcount(r), dcount(b), dcount(g), dcount(t), dcountif(name, n > 1), count_distinct(k)", WHOLE},
    {"Events | summarize dcount(m)", ANY},
    {"Events | summarize x = sum(n) / count(), y = max(k) - min(k), z = strcat('n', tostring(count())) by name", WHOLE},
    {"Events | summarize count() by bin(t, 1h), b", WHOLE},
    {"Events | summarize count() by r", WHOLE},
    {"Events | summarize count() by r, n", WHOLE},
    {"Events | summarize count() by g", WHOLE},
    {"Events | summarize count() by p", WHOLE},
    {"Events | summarize count() by tolower(name)", WHOLE},
    {"Events | summarize count() by m", ANY},
    {"Events | summarize by name, n", WHOLE},
    {"Events | distinct name", WHOLE},
    {"Events | distinct r", WHOLE},
    {"Events | distinct b, k", WHOLE},
    {"Events | summarize arg_max(n, name, t) by b", WHOLE},
    {"Events | summarize arg_min(n, name, k)", WHOLE},
    {"Events | summarize arg_max(t, *) by name", WHOLE},
    {"Events | where isnull(n) | summarize arg_max(n, name, k, t)", WHOLE},
    {"Empty | summarize arg_max(n, name, t)", WHOLE},
    {"Events | summarize arg_max(name, n)", WHOLE},
    {"Events | where n != 2 | summarize arg_max(t, name, n) by k", WHOLE},
    {"Events | summarize arg_max(t, x = strlen(name), n) by tolower(name)", WHOLE},
    {"Events | where isnull(n) | summarize arg_min(k, name, t) by b", WHOLE},
    {"Events | where isnull(n) | summarize arg_min(n, name, t), arg_max(k, b), arg_max(t, r) by b", WHOLE},
    {"Events | project-rename z = name | summarize arg_max(p, z, n) by b, z", WHOLE},
    {"union withsource=T Events, Devices | summarize arg_max(t, site) by name, n, T", WHOLE},
    {"Events | join kind=inner Devices on name | summarize arg_max(t1, site) by name, n, k", WHOLE},
    {"Empty | summarize arg_max(t, n) by name", WHOLE},
    {"Events | summarize arg_max(r, name)", ANY},
    {"Events | summarize take_any(name) by n", WHOLE},
    {"Events | where n == 1 | summarize take_any(name, n, r, d)", WHOLE},
    {"Empty | summarize take_any(name), take_any(n)", WHOLE},
    {"Events | summarize make_list(n), make_set(name)", ANY},
    {"Events | sort by k asc, n asc | summarize make_list(k), make_set(b), make_list(name) by b", ANY},
    {"Events | sort by k asc, n asc | summarize make_list(n, 2), make_bag(bag_pack(name, n))", ANY},
    {"Empty | summarize make_list(n), make_set(name), stdev(n), percentile(n, 50), make_bag(bag_pack('a', n)), take_anyif(name, true)", ANY},
    {"Events | summarize percentile(n, 50), stdev(k), variance(k), percentiles(k, 10, 90), binary_all_or(k)", ANY},
    {"Events | summarize sum(m), avg(m), min(m), max(m), avg(t), avg(p)", ANY},
    {"Events | summarize count() by name | where count_ > 1 | summarize sum(count_) by x = name == 'alpha'", WHOLE},
    {"Events | summarize n = count(), k = sum(k) by name | extend ratio = todouble(k) / n | sort by ratio asc", WHOLE},
    /* join, lookup, union */
    {"Events | join Devices on name", WHOLE},
    {"Events | join kind=inner Devices on name", WHOLE},
    {"Events | join kind=leftouter Devices on name", WHOLE},
    {"Events | join kind=rightouter Devices on name", WHOLE},
    {"Events | join kind=fullouter Devices on name", WHOLE},
    {"Events | join kind=leftsemi Devices on name", WHOLE},
    {"Events | join kind=rightsemi Devices on name", WHOLE},
    {"Events | join kind=leftanti Devices on name", WHOLE},
    {"Events | join kind=rightanti Devices on name", WHOLE},
    {"Events | join kind=inner Devices on n", WHOLE},
    {"Events | join kind=fullouter Devices on n", WHOLE},
    {"Events | join kind=inner Devices on r", WHOLE},
    {"Events | join kind=leftanti Devices on r", WHOLE},
    {"Events | join kind=rightsemi Devices on r", WHOLE},
    {"Events | join kind=inner Devices on t, name", WHOLE},
    {"Events | join kind=inner Devices on $left.k == $right.n", WHOLE},
    {"Events | join kind=leftouter Devices on $left.n == $right.k", WHOLE},
    {"Events | join kind=leftouter (Devices | where n > 1) on name | where site == '' | project name, site, n1", WHOLE},
    {"Events | join kind=inner (Events | summarize c = count() by name) on name | project name, c", WHOLE},
    {"Events | lookup Devices on name", WHOLE},
    {"Events | lookup kind=inner (Devices | project name, site) on name", WHOLE},
    {"Events | join kind=leftouter Empty on name", WHOLE},
    {"Empty | join kind=rightouter Events on name", WHOLE},
    {"let T = Events | where n > 0; T | join kind=inner T on k | project n, n1, k", WHOLE},
    {"union Events, Devices", WHOLE},
    {"union withsource=s Events, Devices | summarize count() by s", WHOLE},
    {"union kind=inner Events, Devices", WHOLE},
    {"union (Events | project name, x = 1), (Devices | project name, y = 2)", WHOLE},
    {"Events | union Devices | where n > 0 | summarize count() by name", WHOLE},
    {"union Events, (range n from 1 to 3 step 1)", WHOLE},
    {"find in (Events, Devices) where name == 'alpha' project name, n", ANY},
    {"search in (Events, Devices) 'alpha' | count", ANY},
    {"search in (Events) name: 'gamma' | summarize count()", ANY},
    /* a condition is asked of each table of a union with that table's own columns */
    {"search in (Events, Devices) 'alpha'", WHOLE},
    {"search in (Events, Devices) '2024' or k == 7", WHOLE},
    {"search in (Events, Devices) '2' and not('alpha')", WHOLE},
    {"search in (Events, Devices) '74be27de'", WHOLE},
    {"search in (Events, Devices) '-5' or 'True' or '1.5'", WHOLE},
    {"union withsource = Source Events, Devices | where Source == 'Events' and (b or n > 1)", WHOLE},
    {"union withsource = Source Events, Devices | where Source != 'Events' or isnull(k)", WHOLE},
    {"union Events, Devices | where isempty(name) or isnull(t) or k > n", WHOLE},
    {"union Events, Devices | where not(k == 2) | where iff(isnull(t), name has 'alpha', b) | summarize count() by name", WHOLE},
    {"union Events, (Devices | where n > 1), (union Events, Devices) | where strcat(name, tostring(t)) has 'alpha' and n in (Devices | project n)", WHOLE},
    {"union Events, Devices | where name == h'alpha' or tostring(d) contains h'deep'", WHOLE},
    {"let u = materialize(union Events, Devices); union (u | where name has 'alpha'), (u | where n == 2 or m > decimal(1)) | count", WHOLE},
    {"union Events, Devices | where rand() < 2 | count", ANY},
    {"Events | where name has 'alpha' or tostring(d) has 'deep' or tostring(n) startswith '2' or tostring(g) has '74be27de'", WHOLE},
    /* materialize, sharing */
    {"let M = materialize(Events | where n > 0); union M, M | count", WHOLE},
    {"let M = materialize(Events | summarize c = count() by name); M | join kind=inner M on name", WHOLE},
    {"let M = materialize(Events | take 3); M | join kind=inner M on t, n, name | count", WHOLE},
    {"let M = materialize(Events | extend x = rand()); M | join kind=inner M on x | count", WHOLE},
    {"let M = materialize(range i from 1 to 5 step 1 | extend x = rand()); M | where x == toscalar(M | summarize max(x)) | count", ANY},
    {"let M = materialize(Events | where isnotnull(n) | sample 4); M | where n in (M | project n) | count | where Count >= 3", ANY},
    {"let M = materialize(Events | where n > 0); M | mv-expand d | summarize count() | extend all = toscalar(M | count)", ANY},
    {"Events | extend x = rand() | where x >= 0 and x < 1 | count", WHOLE},
    {"Events | extend x = rand() | extend y = x - x | summarize sum(y)", WHOLE},
    {"Events | where rand() < 2 | count", WHOLE},
    {"range i from 1 to 1000 step 1 | extend x = new_guid() | distinct x | count", WHOLE},
    {"range i from 1 to 1000 step 1 | extend x = rand() | distinct x | count | where Count > 990 | project ok = 1", WHOLE},
    /* what stays with the row engine, over statements */
    {"Events | where n == 2 | scan with (step s: true;)", 1},
    {"Events | scan with (step s: true;) | where isnotnull(d) | summarize count() by name", 1},
    {"Events | mv-apply d on (summarize c = count()) | project name, c", WHOLE},
    {"Events | mv-apply x = d on (join kind=inner (Devices | summarize c = count()) on $left.n == $right.c) | count", ANY},
    {"Events | mv-apply x = d on (where name in (Devices | project name)) | project name, n", ANY},
    {"Events | where n > 0 | partition by name (top 1 by n | extend x = toscalar(Devices | count))", ANY},
    {"Events | parse name with x 'ph' y | project x, y", WHOLE},
    {"Events | where n > 0 | evaluate bag_unpack(d, 'u_') : (name: string, u_a: dynamic)", ANY},
    {"Events | make-series c = count() default=0 on t from datetime(2024-01-01) to datetime(2024-01-02) step 6h", WHOLE},
    {"Events | top-nested 2 of name by c = count()", 1},
    {"Events | as X | summarize count() by name | render piechart", 1},
    {"Events | where n > 0 | scan with (step s: true;) | join kind=inner Devices on name | project name, site", 2},
    {"Events | scan with (step s: true;) | union (Devices | where n > 1) | summarize count()", 2},
    {"Events | scan with (step s: true;) | extend c = toscalar(Devices | where n > 0 | count) | project c", 2},
    {"Events | where n > 0 | fork (count) (summarize max(n))", ANY},
    {"Events | project name, n | facet by name", ANY},
    {"Events | where name == toscalar(Events | mv-expand d | where n == 2 | summarize max(name))", ANY},
    {"Events | where name in (Events | mv-expand d | project name)", ANY},
    {"Events | where n > 1 | getschema", ANY},
    {"Events | reduce by name", ANY},
    {"Events | evaluate pivot(b, count(), name) : (name: string, x: long)", ANY},
    {"Events | top-hitters 2 of name", ANY},
    {"Events | scan with (step s: n > 0;)", ANY},
  /* clang-format on */
};

/* ---- long queries: what DuckDB plans in no time (it cannot be interrupted while it plans), else the row engine ---- */

static const struct {
    const char *name, *begin, *again, *between, *end; /* %zu in 'again': which one it is */
    size_t count;
    int parts;
} long_queries[] = {
  /* clang-format off */
    {"conditions one behind the other", "Events", " | where n != %zu00", "", "", 200, WHOLE},
    {"more than fit in a statement", "Events", " | where n != %zu00", "", "", 400, ANY},
    {"groups of groups", "Events", " | summarize n = sum(n) by name", "", "", 60, WHOLE},
    {"counts of counts", "Events", " | count | project n = Count", "", "", 60, WHOLE},
    {"latest of the latest", "Events", " | summarize arg_max(n, k) by name", "", "", 60, WHOLE},
    {"joins of groups", "Events | project name, n",
     " | join kind=inner (Devices | summarize c = count() by name) on name | summarize n = max(n) by name",
     "", "", 20, WHOLE},
    {"lookups", "Events | project name, n",
     " | lookup (Devices | summarize c%zu = count() by name) on name", "", "", 30, WHOLE},
    {"tops of tops", "Events | project name, n", " | top 9 by n asc", "", "", 60, WHOLE},
    {"sub-queries", "Events | project name, n",
     " | where name in (Devices | where n != %zu00 | project name)", "", "", 40, WHOLE},
    {"alternatives", "Events | where ", "n == %zu", " or ", "", 400, WHOLE},
    {"a long list", "Events | where n in (", "%zu", ", ", ")", 5000, WHOLE},
    {"many tables", "union ", "(Events | where n == %zu)", ", ", "", 200, WHOLE},
    {"too many tables", "union ", "(Events | where n == %zu)", ", ", "", 600, ANY},
    {"a long table", "datatable(n: long)[", "%zu", ", ", "] | summarize sum(n)", 5000, WHOLE},
    {"too long a table", "datatable(n: long)[", "%zu", ", ", "] | summarize sum(n)", 30000, ANY},
  /* clang-format on */
};

static void
check_long(struct sql_bed *bed)
{
    for (size_t i = 0; i < COUNT_OF(long_queries); i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        fputs(long_queries[i].begin, out);
        for (size_t k = 0; k < long_queries[i].count; k++) {
            const char *at = strstr(long_queries[i].again, "%zu");
            int before = at != NULL ? (int)(at - long_queries[i].again) : 0;

            fputs(k == 0 ? "" : long_queries[i].between, out);
            if (at != NULL)
                fprintf(out, "%.*s%zu%s", before, long_queries[i].again, k, at + 3);
            else
                fputs(long_queries[i].again, out);
        }
        fputs(long_queries[i].end, out);
        fclose(out);
        sql_compare(bed, text, long_queries[i].parts);
        free(text);
    }
}

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
    if (argc < 2)
        check_long(&bed);
    sql_bed_end(&bed);
    return test_end();
}
