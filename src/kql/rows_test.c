/* rows_test.c - every operator by a query and its answer; tables read through a source, only as far
 * and as wide as needed; limits; errors that only running tells. */
#include "base/clock.h"
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/rows.h"

/* ---- a table of the environment: T(a: long, b: string, c: dynamic), with a source ---- */

enum { COLUMNS = 3 };
static const struct kql_column columns[COLUMNS] = {
    {{"a", 1}, KQL_LONG   },
    {{"b", 1}, KQL_STRING },
    {{"c", 1}, KQL_DYNAMIC},
};
static struct {
    uint64_t rows, fails_at; /* fails_at: that row cannot be read; 0: none */
    uint64_t given, opened, closed;
    uint8_t wanted[COLUMNS];
} table;

static bool
find_table(void *context, struct span name, struct kql_table *out)
{
    (void)context;
    *out = (struct kql_table){
        .name = SPAN_LITERAL("T"), .schema = {columns, COLUMNS, false},
             .handle = &table
    };
    return span_is(name, "T");
}

static bool
table_at(void *context, size_t index, struct kql_table *out)
{
    return index == 0 && find_table(context, SPAN_LITERAL("T"), out);
}

static void *
source_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    uint64_t *at = calloc(1, sizeof *at);

    (void)context;
    CHECK(handle == &table, "the handle comes back");
    if (at == NULL)
        err_set(err, ST_FULL, "no memory");
    memcpy(table.wanted, wanted, COLUMNS);
    table.opened++;
    return at;
}

static enum status
source_next(void *reader, struct pool *pool, struct kql_value *cells, struct err *err)
{
    uint64_t *at = reader;

    if (*at == table.rows)
        return ST_END;
    if (++*at == table.fails_at)
        return err_set(err, ST_INVALID, "record %llu is torn", (unsigned long long)*at);
    table.given++;
    cells[0] = kql_integer(KQL_LONG, (int64_t)*at);
    cells[1] = kql_string(pool_printf(pool, "b%llu", (unsigned long long)*at));
    cells[2] = kql_null(KQL_DYNAMIC);
    return ST_OK;
}

static void
source_close(void *reader)
{
    table.closed++;
    free(reader);
}

static const struct kql_rows_source source = {
    .open = source_open, .next = source_next, .close = source_close};

/* ---- running ---- */

static struct pool pool;
static struct kql_diagnostics d;
static struct err err;
static char text[65536];

/* "a:long,b:string [1,\"x\"],[2,\"y\"] & ..." of all answers. */
static void
print(const struct kql_answers *answers)
{
    jmp_buf here;
    static size_t n;

    n = 0;
    pool.escape = &here;
    pool.limit += 1 << 20;
    pool.deadline_ms = 0;
    if (setjmp(here) != 0) {
        snprintf(text, sizeof text, "no memory to print");
        return;
    }
#define ADD(...) n += (size_t)snprintf(text + n, n < sizeof text ? sizeof text - n : 0, __VA_ARGS__)
    for (uint32_t i = 0; i < answers->count; i++) {
        const struct kql_answer *a = &answers->items[i];

        if (i > 0)
            ADD(" & ");
        for (uint32_t c = 0; c < a->schema.count; c++)
            ADD("%s%.*s:%s", c > 0 ? "," : "", (int)a->schema.columns[c].name.n,
                a->schema.columns[c].name.p, kql_type_name(a->schema.columns[c].type));
        ADD(" ");
        for (size_t r = 0; r < a->row_count && n < sizeof text; r++) {
            ADD("%s[", r > 0 ? "," : "");
            for (uint32_t c = 0; c < a->schema.count; c++) {
                const struct kql_value *v = &a->rows[r][c];
                struct span cell = v->is_null ? SPAN_LITERAL("null") : kql_json_print(&pool, v);

                ADD("%s%.*s", c > 0 ? "," : "", (int)cell.n, cell.p);
            }
            ADD("]");
        }
    }
}

/* The answer into 'text'; false: the first complaint, or what ended it. */
static bool
run(const char *query, const struct kql_rows_limits *limits)
{
    const struct kql_environment environment = {
        .table = find_table, .table_at = table_at, .now = clock_ticks()};
    struct kql_answers answers;
    bool is_done;

    pool_reset(&pool);
    is_done =
        kql_rows_query(&pool, span_of(query), &environment, &source, limits, &d, &answers, &err);
    if (is_done)
        print(&answers);
    else
        snprintf(text, sizeof text, "%s", d.error_count > 0 ? d.items[0].text : err.text);
    return is_done;
}

static const struct {
    const char *name, *query, *answer;
} cases[] = {
    {"print: a row of expressions",                         "print a = 1, b = \"x\", c = dynamic([1, {\"k\": null}])",
     "a:long,b:string,c:dynamic [1,\"x\",[1,{\"k\":null}]]"                                                                                                                                                                           },
    {"range: up to the end, included",                      "range i from 1 to 7 step 3",                                                        "i:long [1],[4],[7]"                                                                 },
    {"range: down",                                         "range i from 3 to 1 step -1",                                                       "i:long [3],[2],[1]"                                                                 },
    {"range: the wrong way gives nothing",                  "range i from 3 to 1 step 1",                                                        "i:long "                                                                            },
    {"range: reals do not drift",                           "range r from 0.0 to 0.5 step 0.1 | where r > 0.45",
     "r:real [0.5]"                                                                                                                                                                                                                   },
    {"range: of times",                                     "range t from datetime(2024-02-28) to datetime(2024-03-01) step 1d",
     "t:datetime [\"2024-02-28T00:00:00.0000000Z\"],[\"2024-02-29T00:00:00.0000000Z\"],["
     "\"2024-03-01T00:00:00.0000000Z\"]"                                                                                                                                                                                              },
    {"range: at the end of what fits",
     "range i from 9223372036854775806 to 9223372036854775807 step 1",                                                                           "i:long [9223372036854775806],[9223372036854775807]"                                 },
    {"range: of timespans",                                 "range t from 1h to 3h step 1h | count",                                             "Count:long [3]"                                                                     },
    {"where: null drops the row",                           "datatable(x: long)[1, long(null), 3] | where x > 1",
     "x:long [3]"                                                                                                                                                                                                                     },
    {"where and take: no further than needed",
     "range i from 1 to 1000000000000 step 1 | where i % 7 == 0 | take 2",                                                                       "i:long [7],[14]"                                                                    },
    {"extend: in place and behind",                         "print a = 1, b = 2 | extend a = b + 1, c = a",
     "a:long,b:long,c:long [3,2,1]"                                                                                                                                                                                                   },
    {"project-rename and away",                             "print a = 1, b = 2, c = 3 | project-rename z = a | project-away b",
     "z:long,c:long [1,3]"                                                                                                                                                                                                            },
    {"project-reorder",                                     "print a = 1, b = 2, c = 3 | project-reorder c, b",
     "c:long,b:long,a:long [3,2,1]"                                                                                                                                                                                                   },
    {"distinct: first ones stay, in order",
     "datatable(x: long, y: string)[2, \"a\", 1, \"b\", 2, \"a\", long(null), \"\", long(n"
     "ull), \"\"] | distinct x, y",                                                                                                              "x:long,y:string [2,\"a\"],[1,\"b\"],[null,\"\"]"                                    },
    {"distinct: ends early",                                "range i from 1 to 1000000000000 step 1 | distinct i % 100 | take 2",
     "Column1:long [1],[2]"                                                                                                                                                                                                           },
    {"count",                                               "range i from 1 to 10 step 1 | where i > 4 | count",                                 "Count:long [6]"                                                                     },
    {"sort: desc is the default, nulls last then",
     "datatable(x: long)[2, long(null), 3, 1] | sort by x",                                                                                      "x:long [3],[2],[1],[null]"                                                          },
    {"sort: asc has nulls first",                           "datatable(x: long)[2, long(null), 3, 1] | sort by x asc",
     "x:long [null],[1],[2],[3]"                                                                                                                                                                                                      },
    {"sort: nulls as asked",                                "datatable(x: long)[2, long(null), 3, 1] | sort by x asc nulls last",
     "x:long [1],[2],[3],[null]"                                                                                                                                                                                                      },
    {"sort: NaN stands beside the nulls",
     "datatable(x: real)[2.0, real(nan), real(null), -1.0] | sort by x asc",                                                                     "x:real [null],[\"NaN\"],[-1.0],[2.0]"                                               },
    {"sort: NaN, the other way",
     "datatable(x: real)[2.0, real(nan), real(null), -1.0] | sort by x desc",                                                                    "x:real [2.0],[-1.0],[\"NaN\"],[null]"                                               },
    {"sort: several keys, and equal rows stay",
     "datatable(k: string, v: long, n: long)[\"b\", 1, 1, \"a\", 2, 2, \"b\", 1, 3, \"a\","
     " 1, 4] | sort by k asc, v desc",                                                                                                           "k:string,v:long,n:long [\"a\",2,2],[\"a\",1,4],[\"b\",1,1],[\"b\",1,3]"             },
    {"sort: texts that begin alike",
     "datatable(s: string)[\"abcdefghz\", \"abcdefgh\", \"\", \"abcdefgha\", \"abcdefg\"] "
     "| sort by s asc",                                                                                                                          "s:string [\"\"],[\"abcdefg\"],[\"abcdefgh\"],[\"abcdefgha\"],[\"abcdefghz\"]"       },
    {"sort: numbers below zero",
     "datatable(x: real)[-1.5, 2.0, -2.0, 0.0, real(+inf), real(-inf)] | sort by x asc",                                                         "x:real [\"-Infinity\"],[-2.0],[-1.5],[0.0],[2.0],[\"Infinity\"]"                    },
    {"sort: from the smallest long to the largest",
     "print x = dynamic([1, -1, 0]) | mv-expand x to typeof(long) | extend x = iff(x == 0,"
     " x, x * 9223372036854775807) | sort by x asc",                                                                                             "x:long [-9223372036854775807],[0],[9223372036854775807]"                            },
    {"sort and take",
     "datatable(x: long, n: long)[3, 1, 9, 2, 3, 3, 5, 4, 9, 5] | sort by x | take 3",                                                           "x:long,n:long [9,2],[9,5],[5,4]"                                                    },
    {"top: as sort, then take",
     "datatable(x: long, n: long)[3, 1, 9, 2, 3, 3, 5, 4, 9, 5] | top 3 by x",                                                                   "x:long,n:long [9,2],[9,5],[5,4]"                                                    },
    {"top: ascending",                                      "range i from 1 to 1000 step 1 | extend k = (i * 37) % 101 | top 3 by k asc",
     "i:long,k:long [101,0],[202,0],[303,0]"                                                                                                                                                                                          },
    {"top 0",                                               "range i from 1 to 10 step 1 | top 0 by i",                                          "i:long "                                                                            },
    {"take 0",                                              "range i from 1 to 10 step 1 | take 0",                                              "i:long "                                                                            },
    {"summarize: without keys there is a row",
     "range i from 1 to 0 step 1 | summarize count(), sum(i), avg(i), make_list(i)",                                                             "count_:long,sum_i:long,avg_i:real,list_i:dynamic [0,0,\"NaN\",[]]"                  },
    {"summarize: with keys there is none",                  "range i from 1 to 0 step 1 | summarize count() by i",
     "i:long,count_:long "                                                                                                                                                                                                            },
    {"summarize: nulls are a group",
     "datatable(k: long, v: long)[1, 10, long(null), 1, 1, 5, long(null), 2] | summarize s"
     "um(v), n = count() by k",                                                                                                                  "k:long,sum_v:long,n:long [1,15,2],[null,3,2]"                                       },
    {"summarize: arithmetic of aggregates",
     "range i from 1 to 4 step 1 | summarize x = sum(i) * 1.0 / count() by odd = i % 2",                                                         "odd:long,x:real [1,2.0],[0,3.0]"                                                    },
    {"summarize: several results of one",
     "datatable(k: string, v: long, w: string)[\"a\", 1, \"x\", \"a\", 3, \"y\", \"b\", 2,"
     " \"z\"] | summarize arg_max(v, w) by k",                                                                                                   "k:string,v:long,w:string [\"a\",3,\"y\"],[\"b\",2,\"z\"]"                           },
    {"summarize: percentiles",                              "range i from 1 to 100 step 1 | summarize percentiles(i, 50, 95)",
     "percentile_i_50:long,percentile_i_95:long [50,95]"                                                                                                                                                                              },
    {"summarize: keys only",                                "datatable(x: long)[1, 2, 1] | summarize by x",                                      "x:long [1],[2]"                                                                     },
    {"join: innerunique takes the first row of a key",
     "datatable(k: long, l: string)[1, \"a\", 1, \"b\", 2, \"c\"] | join (datatable(k: lon"
     "g, r: string)[1, \"x\", 1, \"y\", 3, \"z\"]) on k",                                                                                        "k:long,l:string,k1:long,r:string [1,\"a\",1,\"x\"],[1,\"a\",1,\"y\"]"               },
    {"join: inner",
     "datatable(k: long, l: string)[1, \"a\", 1, \"b\", 2, \"c\"] | join kind=inner (datat"
     "able(k: long, r: string)[1, \"x\", 3, \"z\"]) on k",                                                                                       "k:long,l:string,k1:long,r:string [1,\"a\",1,\"x\"],[1,\"b\",1,\"x\"]"               },
    {"join: leftouter",
     "datatable(k: long, l: string)[1, \"a\", 2, \"c\"] | join kind=leftouter (datatable(k"
     ": long, r: string)[1, \"x\", 1, \"y\"]) on k",                                                                                             "k:long,l:string,k1:long,r:string [1,\"a\",1,\"x\"],[1,\"a\",1,\"y\"],[2,\"c\",null,"
     "\"\"]"                                                                                                                                                                      },
    {"join: rightouter",
     "datatable(k: long, l: string)[1, \"a\", 2, \"c\"] | join kind=rightouter (datatable("
     "k: long, r: string)[1, \"x\", 3, \"y\"]) on k",                                                                                            "k:long,l:string,k1:long,r:string [1,\"a\",1,\"x\"],[null,\"\",3,\"y\"]"             },
    {"join: fullouter",
     "datatable(k: long, l: string)[1, \"a\", 2, \"c\"] | join kind=fullouter (datatable(k"
     ": long, r: string)[1, \"x\", 3, \"y\"]) on k",                                                                                             "k:long,l:string,k1:long,r:string [1,\"a\",1,\"x\"],[2,\"c\",null,\"\"],[null,\"\",3,"
     "\"y\"]"                                                                                                                                                                     },
    {"join: leftsemi",
     "datatable(k: long, l: string)[1, \"a\", 2, \"c\", 1, \"d\"] | join kind=leftsemi (da"
     "tatable(k: long)[1, 1]) on k",                                                                                                             "k:long,l:string [1,\"a\"],[1,\"d\"]"                                                },
    {"join: leftanti",
     "datatable(k: long, l: string)[1, \"a\", 2, \"c\"] | join kind=leftanti (datatable(k:"
     " long)[1]) on k",                                                                                                                          "k:long,l:string [2,\"c\"]"                                                          },
    {"join: rightsemi",
     "datatable(k: long)[1, 1, 2] | join kind=rightsemi (datatable(k: long, r: string)[1, "
     "\"x\", 3, \"y\", 1, \"z\"]) on k",                                                                                                         "k:long,r:string [1,\"x\"],[1,\"z\"]"                                                },
    {"join: rightanti",
     "datatable(k: long)[1, 2] | join kind=rightanti (datatable(k: long, r: string)[1, \"x"
     "\", 3, \"y\"]) on k",                                                                                                                      "k:long,r:string [3,\"y\"]"                                                          },
    {"join: a null matches a null",
     "datatable(k: long)[long(null), 1] | join kind=inner (datatable(k: long, r: string)[l"
     "ong(null), \"x\"]) on k",                                                                                                                  "k:long,k1:long,r:string [null,null,\"x\"]"                                          },
    {"join: keys of two names, several keys",
     "datatable(a: long, b: string)[1, \"p\", 1, \"q\"] | join kind=inner (datatable(c: lo"
     "ng, b: string, v: long)[1, \"q\", 7]) on $left.a == $right.c, b",                                                                          "a:long,b:string,c:long,b1:string,v:long [1,\"q\",1,\"q\",7]"                        },
    {"join: a join of a join",
     "range x from 1 to 3 step 1 | join kind=inner (range x from 2 to 4 step 1) on x | joi"
     "n kind=inner (range x from 3 to 5 step 1) on x",                                                                                           "x:long,x1:long,x2:long [3,3,3]"                                                     },
    {"lookup",
     "datatable(k: long, l: string)[1, \"a\", 2, \"b\"] | lookup (datatable(k: long, r: st"
     "ring)[1, \"x\"]) on k",                                                                                                                    "k:long,l:string,r:string [1,\"a\",\"x\"],[2,\"b\",\"\"]"                            },
    {"union: what is missing is null or empty",             "union (print a = 1), (print b = \"x\")",
     "a:long,b:string [1,\"\"],[null,\"x\"]"                                                                                                                                                                                          },
    {"union: with the source",                              "union withsource = s (print a = 1), (print a = 2)",
     "s:string,a:long [\"union_arg0\",1],[\"union_arg1\",2]"                                                                                                                                                                          },
    {"union: of one and the same table",
     "let t = datatable(x: long)[1, 2]; union t, t | summarize sum(x)",                                                                          "sum_x:long [6]"                                                                     },
    {"mv-expand: an array, nothing, null, a scalar",
     "datatable(n: long, a: dynamic)[1, dynamic([5, 6]), 2, dynamic([]), 3, dynamic(null),"
     " 4, dynamic(\"s\")] | mv-expand a",                                                                                                        "n:long,a:dynamic [1,5],[1,6],[3,null],[4,\"s\"]"                                    },
    {"mv-expand: bags",                                     "print a = dynamic({\"x\": 1, \"y\": [2]}) | mv-expand a",
     "a:dynamic [{\"x\":1}],[{\"y\":[2]}]"                                                                                                                                                                                            },
    {"mv-expand: bags as arrays",                           "print a = dynamic({\"x\": 1}) | mv-expand kind=array a",
     "a:dynamic [[\"x\",1]]"                                                                                                                                                                                                          },
    {"mv-expand: side by side, with an index",
     "print a = dynamic([1, 2, 3]), b = dynamic([\"x\"]) | mv-expand with_itemindex = i a,"
     " b",                                                                                                                                       "a:dynamic,b:dynamic,i:long [1,\"x\",0],[2,null,1],[3,null,2]"                       },
    {"mv-expand: to a type",                                "print a = dynamic([\"1\", 2, \"x\"]) | mv-expand a to typeof(long)",
     "a:long [1],[2],[null]"                                                                                                                                                                                                          },
    {"mv-expand: with a limit",                             "print a = range(1, 100, 1) | mv-expand a limit 2",
     "a:dynamic [1],[2]"                                                                                                                                                                                                              },
    {"mv-expand: each row keeps its other cells",
     "datatable(s: string, a: dynamic)[\"p\", dynamic([1, 2]), \"q\", dynamic([3])] | exte"
     "nd s = strcat(s, \"!\") | mv-expand a | extend t = strcat(s, tostring(a)) | project "
     "t",                                                                                                                                        "t:string [\"p!1\"],[\"p!2\"],[\"q!3\"]"                                             },
    {"mv-apply: a query for each row",
     "datatable(n: long, a: dynamic)[1, dynamic([3, 1, 2]), 2, dynamic([9])] | mv-apply e "
     "= a to typeof(long) on (top 2 by e | summarize l = make_list(e))",                                                                         "n:long,a:dynamic,l:dynamic [1,[3,1,2],[3,2]],[2,[9],[9]]"                           },
    {"mv-apply: the row's columns are seen",
     "datatable(n: long, a: dynamic)[10, dynamic([1, 2])] | mv-apply a to typeof(long) on "
     "(extend s = a + n | project s)",                                                                                                           "n:long,s:long [10,11],[10,12]"                                                      },
    {"mv-apply: an array's order is meant",
     "datatable(a: dynamic)[dynamic([3, 1, 2]), dynamic([9, 4])] | mv-apply a to "
     "typeof(long) on (project s = strcat(a, '-', next(a), row_number()))",                                                                      "s:string [\"3-11\"],[\"1-22\"],[\"2-3\"],[\"9-41\"],[\"4-2\"]"                      },
    {"mv-apply: rows without matches go",
     "datatable(n: long, a: dynamic)[1, dynamic([1, 2]), 2, dynamic([5])] | mv-apply a to "
     "typeof(long) on (where a > 4)",                                                                                                            "n:long,a:long [2,5]"                                                                },
    {"mv-apply: inside mv-apply",
     "print d = dynamic([[1, 2], [3]]) | mv-apply d on (mv-apply e = d to typeof(long) on "
     "(summarize s = sum(e)))",                                                                                                                  "d:dynamic,s:long [[1,2],3],[[3],3]"                                                 },
    {"parse",
     "datatable(s: string)[\"id=7 at 10:00 end\", \"nothing\"] | parse s with \"id=\" id: "
     "long \" at \" t: timespan \" end\"",                                                                                                       "s:string,id:long,t:timespan [\"id=7 at 10:00 end\",7,\"10:00:00\"],[\"nothing\",null"
     ",null]"                                                                                                                                                                               },
    {"parse: an input column of the name is replaced",
     "print s = \"a-b\", x = 1 | parse s with x \"-\" y",                                                                                        "s:string,x:string,y:string [\"a-b\",\"a\",\"b\"]"                                   },
    {"parse-where",
     "datatable(s: string)[\"id=7\", \"nothing\", \"id=x\"] | parse-where s with \"id=\" i"
     "d: long",                                                                                                                                  "s:string,id:long [\"id=7\",7]"                                                      },
    {"parse: relaxed",
     "print s = \"a=x b=2\" | parse kind=relaxed s with \"a=\" a: long \" b=\" b: long",                                                         "s:string,a:long,b:long [\"a=x b=2\",null,2]"                                        },
    {"parse: regex",                                        "print s = \"k1: v1\" | parse kind=regex s with @\"k\\d+\" @\":\\s*\" v",
     "s:string,v:string [\"k1: v1\",\"v1\"]"                                                                                                                                                                                          },
    {"parse-kv",
     "print s = \"b=2, a='x, y'\" | parse-kv s as (a: string, b: long, c: real) with (pair"
     "_delimiter = \",\", kv_delimiter = \"=\", quote = \"'\")",                                                                                 "s:string,a:string,b:long,c:real [\"b=2, a='x, y'\",\"x, y\",2,null]"                },
    {"make-series: gaps are filled",
     "datatable(t: long, v: long)[1, 10, 3, 30, 9, 1] | make-series sum(v) default = -1 on"
     " t from 1 to 5 step 1",                                                                                                                    "sum_v:dynamic,t:dynamic [[10,-1,30,-1],[1,2,3,4]]"                                  },
    {"make-series: ends of the data",
     "datatable(t: datetime, v: long)[datetime(2024-01-01 06:00), 1, datetime(2024-01-03 1"
     "8:00), 2] | make-series n = count() on t step 1d",                                                                                         "n:dynamic,t:dynamic [[1,0,1],[\"2024-01-01T00:00:00.0000000Z\",\"2024-01-02T00:00:00"
     ".0000000Z\",\"2024-01-03T00:00:00.0000000Z\"]]"                                                                                                                         },
    {"make-series: by a key",
     "datatable(t: long, k: string)[0, \"a\", 1, \"b\", 1, \"b\"] | make-series n = count("
     ") on t from 0 to 2 step 1 by k",                                                                                                           "k:string,n:dynamic,t:dynamic [\"a\",[1,0],[0,1]],[\"b\",[0,2],[0,1]]"               },
    {"make-series: in range, the end included",
     "datatable(t: long)[0, 2, 4] | make-series n = count() on t in range(0, 4, 2)",                                                             "n:dynamic,t:dynamic [[1,1,1],[0,2,4]]"                                              },
    {"make-series: nonempty",
     "datatable(t: long)[] | make-series kind=nonempty n = count() on t from 0 to 2 step 1",                                                     "n:dynamic,t:dynamic [[0,0],[0,1]]"                                                  },
    {"make-series: reals",
     "datatable(t: real)[0.1, 0.26, 0.4] | make-series n = count() on t from 0.0 to 0.5 st"
     "ep 0.25",                                                                                                                                  "n:dynamic,t:dynamic [[1,2],[0.0,0.25]]"                                             },
    {"partition",
     "datatable(k: string, v: long)[\"a\", 1, \"b\", 5, \"a\", 3] | partition by k (top 1 "
     "by v)",                                                                                                                                    "k:string,v:long [\"a\",3],[\"b\",5]"                                                },
    {"partition: inside partition",
     "range i from 1 to 8 step 1 | extend a = i % 2, b = i % 4 | partition by a (partition"
     " by b (summarize m = max(i)))",                                                                                                            "m:long [5],[7],[6],[8]"                                                             },
    {"partition: its rows by name, and a value of them",
     "datatable(k: string, m: long)['a', 1, 'a', 3, 'b', 5] | partition by k (as P | extend s = m "
     "* "
     "100 / toscalar(P | summarize sum(m)), is_max = m in ((P | summarize max(m))))",                                                            "k:string,m:long,s:long,is_max:bool "
     "[\"a\",1,25,false],[\"a\",3,75,true],[\"b\",5,100,true]"                                                                                   },
    {"partition: with a source of its own",
     "range x from 1 to 2 step 1 | partition by x {datatable(y: long)[1, 2, 2] | where x == y and "
     "toscalar(x) == y} | summarize count() by y",                                                                                               "y:long,count_:long [1,1],[2,2]"                                                     },
    {"scan: a running sum",
     "range x from 1 to 4 step 1 | scan declare (s: long = 0) with (step one: true => s = "
     "x + one.s;)",                                                                                                                              "x:long,s:long [1,1],[2,3],[3,6],[4,10]"                                             },
    {"scan: sequences with an id",
     "datatable(t: long, e: string)[1, \"s\", 2, \"x\", 3, \"e\", 4, \"x\", 5, \"s\", 6, "
     "\"e\"] | sort by t asc | scan with_match_id = id with (step a: e == \"s\"; step b: e"
     " == \"x\"; step c: e == \"e\";)",                                                                                                          "t:long,e:string,id:long [1,\"s\",0],[2,\"x\",0],[3,\"e\",0],[5,\"s\",1],[6,\"e\",0]"},
    {"scan: the last of a series",
     "datatable(t: long, e: string)[1, \"s\", 2, \"x\", 3, \"x\", 4, \"e\"] | sort by t as"
     "c | scan with (step a: e == \"s\"; step b output = last: e == \"x\"; step c: e == "
     "\"e\";)",                                                                                                                                  "t:long,e:string [1,\"s\"],[3,\"x\"],[4,\"e\"]"                                      },
    {"top-nested: two levels",
     "datatable(c: string, s: string, v: long)[\"a\", \"x\", 1, \"a\", \"y\", 5, \"b\", "
     "\"x\", 4, \"c\", \"z\", 1] | top-nested 2 of c by sum(v), top-nested 1 of s by sum(v"
     ")",                                                                                                                                        "c:string,aggregated_c:long,s:string,aggregated_s:long [\"a\",6,\"y\",5],[\"b\",4,\"x"
     "\",4]"                                                                                                                                                                                                                 },
    {"top-nested: others",
     "datatable(c: string, v: long)[\"a\", 1, \"b\", 4, \"c\", 2] | top-nested 1 of c with"
     " others = \"rest\" by sum(v)",                                                                                                             "c:string,aggregated_c:long [\"b\",4],[\"rest\",3]"                                  },
    {"top-hitters",
     "datatable(c: string)[\"a\", \"b\", \"b\", \"c\", \"b\", \"c\"] | top-hitters 2 of c",                                                      "c:string,approximate_count_c:long [\"b\",3],[\"c\",2]"                              },
    {"sample-distinct",                                     "datatable(x: long)[1, 1, 2, 2, 3] | sample-distinct 2 of x",
     "x:long [1],[2]"                                                                                                                                                                                                                 },
    {"sample: as many as asked for",                        "range i from 1 to 100 step 1 | sample 7 | count",
     "Count:long [7]"                                                                                                                                                                                                                 },
    {"reduce",
     "datatable(s: string)[\"login bob ok\", \"login eve ok\", \"login joe ok\", \"reboot"
     "\"] | reduce by s",                                                                                                                        "Pattern:string,Count:long,Representative:string [\"login * ok\",3,\"login bob ok\"],"
     "[\"others\",1,\"\"]"                                                                                                                                                                                   },
    {"bag_unpack: columns by name",
     "datatable(n: long, d: dynamic)[1, dynamic({\"b\": \"x\", \"a\": 1}), 2, dynamic({\"c"
     "\": true})] | evaluate bag_unpack(d)",                                                                                                     "n:long,a:long,b:string,c:bool [1,1,\"x\",null],[2,null,\"\",true]"                  },
    {"bag_unpack: with a prefix",                           "print d = dynamic({\"a\": 1}) | evaluate bag_unpack(d, \"p_\")",
     "p_a:long [1]"                                                                                                                                                                                                                   },
    {"bag_unpack: as written behind it",
     "print d = dynamic({\"a\": 1, \"b\": \"2\"}) | evaluate bag_unpack(d) : (b: long, z: "
     "string)",                                                                                                                                  "b:long,z:string [2,\"\"]"                                                           },
    {"bag_unpack: types that differ",
     "datatable(d: dynamic)[dynamic({\"a\": 1}), dynamic({\"a\": \"x\"})] | evaluate bag_u"
     "npack(d)",                                                                                                                                 "a:dynamic [1],[\"x\"]"                                                              },
    {"pivot",
     "datatable(k: string, p: string, v: long)[\"a\", \"x\", 1, \"a\", \"y\", 2, \"b\", "
     "\"x\", 5] | evaluate pivot(p, sum(v))",                                                                                                    "k:string,x:long,y:long [\"a\",1,2],[\"b\",5,0]"                                     },
    {"narrow",                                              "print a = 1, b = \"x\" | evaluate narrow()",
     "Row:long,Column:string,Value:string [0,\"a\",\"1\"],[0,\"b\",\"x\"]"                                                                                                                                                            },
    {"ipv4_lookup",
     "datatable(ip: string)[\"10.1.2.3\", \"8.8.8.8\"] | evaluate ipv4_lookup(datatable(ne"
     "t: string, name: string)[\"10.0.0.0/8\", \"home\"], ip, net, return_unmatched = true"
     ")",                                                                                                                                        "ip:string,net:string,name:string [\"10.1.2.3\",\"10.0.0.0/8\",\"home\"],[\"8.8.8.8"
     "\",\"\",\"\"]"                                                                                                                                                                                                         },
    {"ipv6_lookup",
     "datatable(ip: string)[\"fe80::1\"] | evaluate ipv6_lookup(datatable(net: string, nam"
     "e: string)[\"fe80::/10\", \"link\"], ip, net)",                                                                                            "ip:string,net:string,name:string [\"fe80::1\",\"fe80::/10\",\"link\"]"              },
    {"rolling_percentile",
     "range i from 1 to 4 step 1 | extend t = i | evaluate rolling_percentile(i, 50, t, 1,"
     " 2)",                                                                                                                                      "t:long,rolling_2_percentile_i_50:long [1,1],[2,1],[3,2],[4,3]"                      },
    {"rows_near",                                           "range i from 1 to 9 step 1 | evaluate rows_near(i == 5, 1)",
     "i:long [4],[5],[6]"                                                                                                                                                                                                             },
    {"sliding_window_counts",
     "datatable(u: string, t: long)[\"a\", 1, \"b\", 2, \"a\", 2, \"a\", 3] | evaluate sli"
     "ding_window_counts(u, t, 1, 4, 2, 1)",                                                                                                     "t:long,Count:long,Dcount:long [1,1,1],[2,3,2],[3,3,2],[4,1,1]"                      },
    {"activity_counts_metrics",
     "datatable(u: string, t: long)[\"a\", 1, \"b\", 2, \"a\", 2] | evaluate activity_coun"
     "ts_metrics(u, t, 1, 3, 1)",                                                                                                                "t:long,count:long,dcount:long,new_dcount:long,aggregated_dcount:long [1,1,1,1,1],[2,"
     "2,2,1,2]"                                                                                                                                                                                      },
    {"active_users_count",
     "datatable(u: string, t: long)[\"B\", 0, \"B\", 1, \"A\", 3, \"B\", 5, \"A\", 9, \"A"
     "\", 10] | evaluate active_users_count(u, t, 2, 12, 8, 1, 3, 4)",                                                                           "t:long,dcount:long [2,1],[10,1]"                                                    },
    {"activity_metrics",
     "datatable(u: string, t: long)[\"a\", 1, \"b\", 1, \"a\", 2, \"c\", 2, \"c\", 3] | ev"
     "aluate activity_metrics(u, t, 1)",                                                                                                         "t:long,dcount_values:long,dcount_newvalues:long,retention_rate:real,churn_rate:real "
     "[1,2,2,\"NaN\",\"NaN\"],[2,2,1,0.5,0.5],[3,1,0,0.5,0.5]"                                                                                                                                },
    {"activity_metrics: from start to end, by a dimension",
     "datatable(u: string, t: long, d: string)[\"a\", 1, \"x\", \"a\", 2, \"x\", \"b\", 2,"
     " \"y\", \"b\", 9, \"y\"] | evaluate activity_metrics(u, t, 1, 3, 1, d)",                                                                   "t:long,d:string,dcount_values:long,dcount_newvalues:long,retention_rate:real,churn_r"
     "ate:real [1,\"x\",1,1,\"NaN\",\"NaN\"],[2,\"x\",1,0,1.0,0.0],[2,\"y\",1,1,\"NaN\","
     "\"NaN\"]"                                                                                                                                         },
    {"activity_engagement",
     "datatable(u: string, t: long)[\"a\", 1, \"b\", 2, \"c\", 3, \"b\", 3] | evaluate act"
     "ivity_engagement(u, t, 1, 2)",                                                                                                             "t:long,dcount_activities_inner:long,dcount_activities_outer:long,activity_ratio:real"
     " [1,1,1,1.0],[2,1,2,0.5],[3,2,2,1.0]"                                                                                                                                                       },
    {"new_activity_metrics",
     "datatable(u: string, t: long)[\"a\", 1, \"b\", 1, \"a\", 2, \"c\", 2, \"c\", 3] | ev"
     "aluate new_activity_metrics(u, t, 1, 3, 1)",                                                                                               "from_t:long,to_t:long,dcount_new_values:long,dcount_retained_values:long,dcount_chur"
     "n_values:long,retention_rate:real,churn_rate:real [1,1,2,2,0,1.0,0.0],[1,2,1,1,1,0.5"
     ",0.5],[1,3,1,0,2,0.0,1.0],[2,2,1,1,0,1.0,0.0],[2,3,0,1,0,1.0,0.0]"                                                                                                            },
    {"row_number, prev, next",
     "datatable(x: long)[30, 10, 20] | sort by x asc | extend n = row_number(), p = prev(x"
     "), q = next(x, 1, -1)",                                                                                                                    "x:long,n:long,p:long,q:long [10,1,null,20],[20,2,10,30],[30,3,20,-1]"               },
    {"row_number: anew where asked",
     "datatable(k: string, x: long)[\"a\", 1, \"a\", 2, \"b\", 1] | sort by k asc, x asc |"
     " extend n = row_number(0, prev(k) != k)",                                                                                                  "k:string,x:long,n:long [\"a\",1,0],[\"a\",2,1],[\"b\",1,0]"                         },
    {"row_cumsum",
     "datatable(k: string, x: long)[\"a\", 1, \"a\", 2, \"b\", 5] | sort by k asc, x asc |"
     " extend s = row_cumsum(x, k != prev(k))",                                                                                                  "k:string,x:long,s:long [\"a\",1,1],[\"a\",2,3],[\"b\",5,5]"                         },
    {"row_rank_min and dense",
     "datatable(x: long)[5, 5, 7] | sort by x asc | extend m = row_rank_min(x), d = row_ra"
     "nk_dense(x)",                                                                                                                              "x:long,m:long,d:long [5,1,1],[5,1,1],[7,3,2]"                                       },
    {"row_window_session",
     "datatable(t: datetime)[datetime(2024-01-01 00:00), datetime(2024-01-01 00:04), datet"
     "ime(2024-01-01 00:20)] | sort by t asc | extend s = row_window_session(t, 1h, 5m)",                                                        "t:datetime,s:datetime [\"2024-01-01T00:00:00.0000000Z\",\"2024-01-01T00:00:00.000000"
     "0Z\"],[\"2024-01-01T00:04:00.0000000Z\",\"2024-01-01T00:00:00.0000000Z\"],[\"2024-01"
     "-01T00:20:00.0000000Z\",\"2024-01-01T00:20:00.0000000Z\"]"                                                                             },
    {"windows in where",                                    "datatable(x: long)[1, 1, 2, 2] | sort by x asc | where x != prev(x)",
     "x:long [1],[2]"                                                                                                                                                                                                                 },
    {"windows in mv-expand and mv-apply",
     "datatable(x: long)[3, 1] | sort by x asc | mv-expand y = pack_array(prev(x), row_number()) "
     "to typeof(long)"
     " | mv-apply z = pack_array(row_number()) on (where true)",                                                                                 "x:long,y:long,z:dynamic [1,null,1],[1,1,2],[3,1,3],[3,2,4]"                         },
    {"windows in parse",
     "datatable(s: string)['b', 'a'] | sort by s asc | parse strcat(prev(s), '-', s) with p '-' q",                                              "s:string,p:string,q:string [\"a\",\"\",\"a\"],[\"b\",\"a\",\"b\"]"                  },
    {"windows after serialize",                             "datatable(x: long)[3, 1] | serialize n = row_number()",
     "x:long,n:long [3,1],[1,2]"                                                                                                                                                                                                      },
    {"toscalar: once, and of nothing",
     "let m = toscalar(range i from 1 to 3 step 1 | summarize max(i)); print m + 1, toscal"
     "ar(print x = long(null))",                                                                                                                 "print_0:long,print_1:long [4,null]"                                                 },
    {"in a table",                                          "range i from 1 to 5 step 1 | where i in ((datatable(x: long)[2, 4]))",
     "i:long [2],[4]"                                                                                                                                                                                                                 },
    {"materialize: the same rows twice",
     "let t = materialize(range i from 1 to 3 step 1 | extend r = rand()); t | join kind=i"
     "nner t on r | count",                                                                                                                      "Count:long [3]"                                                                     },
    {"getschema",                                           "print a = 1, b = \"x\" | getschema | project ColumnName, ColumnType",
     "ColumnName:string,ColumnType:string [\"a\",\"long\"],[\"b\",\"string\"]"                                                                                                                                                        },
    {"fork: an answer for each",
     "range i from 1 to 4 step 1 | fork (where i > 3) (summarize sum(i))",                                                                       "i:long [4] & sum_i:long [10]"                                                       },
    {"facet",                                               "datatable(a: string, b: long)[\"x\", 1, \"x\", 2] | facet by a with (count)",
     "Count:long [2] & a:string,count_a:long [\"x\",2]"                                                                                                                                                                               },
    {"several statements",                                  "print 1; print 2",                                                                  "print_0:long [1] & print_0:long [2]"                                                },
    {"a null has no type inside a dynamic",
     "print l = long(null) | extend b = bag_pack('k', l), a = pack_array(l, 1) | project x = b.k "
     "== '', y = a[0] == ''",                                                                                                                    "x:bool,y:bool [true,true]"                                                          },
    {"nor when it comes out of one",
     "print l = long(null) | extend b = bag_merge(bag_pack('k', l), dynamic({})), a = "
     "pack_array(l) | mv-expand a | project x = b.k == '', y = a == '', z = gettype(a)",                                                         "x:bool,y:bool,z:string [true,true,\"null\"]"                                        },
    {"search asks numbers and times for digits only",
     "datatable(n: long, t: datetime, p: timespan, g: guid, s: string)[42, datetime(2024-01-02), "
     "3h, guid(74be27de-1e4e-49d9-b579-fe0b331d3642), 'x', "
     "7, datetime(2023-01-02), 1h, guid(00be27de-1e4e-49d9-b579-fe0b331d3642), '42a'] | search "
     "'42' or '2024*' or '*27DE' or '*T00:00*' or 't' | project n",                                                                              "n:long [42],[7]"                                                                    },
    {"search finds part of a time in either case",
     "datatable(t: datetime)[datetime(2024-01-02 03:04:05)] | search '*02t03*' and "
     "'2024-01-02T03:04:05.0000000z'  | count",                                                                                                  "Count:long [1]"                                                                     },
    {"search !has is true of what cannot hold a text",
     "datatable(n: long)[1] | where * !has 'x' | count",                                                                                         "Count:long [1]"                                                                     },
    {"search",                                              "datatable(a: string, b: long)[\"needle here\", 1, \"hay\", 7] | search \"needle\"",
     "$table:string,a:string,b:long [\"search_arg0\",\"needle here\",1]"                                                                                                                                                              },
    {"render: rows pass",                                   "range i from 1 to 2 step 1 | render linechart",                                     "i:long [1],[2]"                                                                     },
    {"as, and invoke",
     "let f = (T: (i: long)) { T | where i > 1 }; range i from 1 to 3 step 1 | as all | in"
     "voke f() | count",                                                                                                                         "Count:long [2]"                                                                     },
};

static void
test_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_done = run(cases[i].query, &kql_rows_limits_default);

        CHECK(is_done && strcmp(text, cases[i].answer) == 0, "%s: %s\n  gave    %s\n  expects %s",
              cases[i].name, cases[i].query, text, cases[i].answer);
    }
}

/* ---- how far and how wide the source is read ---- */

static const struct {
    const char *name, *query;
    uint64_t given; /* rows that the source gave */
    const char *wanted;
} reads[] = {
    {"take reads no further",           "T | take 3",                                      3,    "111"},
    {"where and take",                  "T | where a > 10 | take 2",                       12,   "111"},
    {"count needs no column",           "T | count",                                       1000, "000"},
    {"project",                         "T | project b",                                   1000, "010"},
    {"where before project",            "T | where a > 5 | project b",                     1000, "110"},
    {"summarize",                       "T | summarize sum(a) by c = tostring(c)",         1000, "101"},
    {"sort before project",             "T | sort by a | project b",                       1000, "110"},
    {"top",                             "T | top 2 by a | project a",                      1000, "100"},
    {"distinct and take",               "T | distinct b | take 4",                         4,    "010"},
    {"extend keeps what is wanted",     "T | extend x = a + 1 | project x",                1000, "100"},
    {"union ends with take",            "union T, T | take 1001 | count",                  1001, "000"},
    {"the left side of a join streams", "T | join kind=inner (print a = 5) on a | take 1", 5,
     "111"                                                                                            },
};

static void
test_reads(void)
{
    for (size_t i = 0; i < COUNT_OF(reads); i++) {
        char wanted[COLUMNS + 1] = "";

        memset(&table, 0, sizeof table);
        table.rows = 1000;
        bool is_done = run(reads[i].query, &kql_rows_limits_default);

        for (int c = 0; c < COLUMNS; c++)
            wanted[c] = table.wanted[c] ? '1' : '0';
        CHECK(is_done && table.given == reads[i].given, "%s: %llu rows, %s", reads[i].name,
              (unsigned long long)table.given, text);
        CHECK(strcmp(wanted, reads[i].wanted) == 0, "%s: wants %s", reads[i].name, wanted);
        CHECK(table.opened > 0 && table.opened == table.closed, "%s: opened %llu, closed %llu",
              reads[i].name, (unsigned long long)table.opened, (unsigned long long)table.closed);
    }
}

/* ---- what ends a query ---- */

static const struct {
    const char *name, *query, *says;
    struct kql_rows_limits limits;
} ends[] = {
    {"memory of sort",
     "range i from 1 to 10000000 step 1 | sort by i",                                      "limit-memory",
     {8 << 20, 100000000, 0, 0, false, 0} },
    {"memory of groups",
     "range i from 1 to 10000000 step 1 | summarize count() by i",                         "limit-memory",
     {8 << 20, 100000000, 0, 0, false, 0} },
    {"memory of a list",
     "range i from 1 to 1000000 step 1 | summarize make_list(strcat('a long text ', i))",  "limit-memory",
     {8 << 20, 100000000, 0, 0, false, 0} },
    {"memory of a sub-query",
     "print x = range(1, 200000, 1) | mv-apply x on (sort by tostring(x))",                "limit-memory",
     {8 << 20, 100000000, 0, 0, false, 0} },
    {"rows of an operator",
     "range i from 1 to 1000000000000 step 1 | count",                                     "limit-rows",
     {8 << 20, 100000, 0, 0, false, 0}    },
    {"rows of a cross join",
     "range i from 1 to 3000 step 1 | extend k = 1 | join kind=inner (range j from 1 to 3000 step "
     "1 | extend k = 1) on k | count",                                                     "limit-rows",
     {64 << 20, 100000, 0, 0, false, 0}   },
    {"rows of expanded rows",
     "range i from 1 to 1000 step 1 | extend a = range(1, 1000, 1) | mv-expand a | count", "limit-rows",
     {64 << 20, 100000, 0, 0, false, 0}   },
    {"rows of the answer",
     "range i from 1 to 11 step 1",                                                        "max-rows",
     {8 << 20, 1000, 10, 0, false, 0}     },
    {"time",
     "range i from 1 to 1000000000000 step 1 | where i < 0",                               "limit-time",
     {8 << 20, UINT64_MAX, 0, 1, false, 0}},
    {"steps of a series",
     "print t = 1 | make-series count() on t from 0 to 1000000000 step 1",                 "make the step larger",
     {8 << 20, 1000, 0, 0, false, 0}      },
    {"a step of 0",
     "range i from 1 to 2 step toscalar(print 0)",                                         "step of i is 0",
     {8 << 20, 1000, 0, 0, false, 0}      },
    {"a name that is there",
     "print a = 1, d = dynamic({\"a\": 2}) | evaluate bag_unpack(d)",                      "columnsConflict",
     {8 << 20, 1000, 0, 0, false, 0}      },
    {"assert",
     "print assert(1 > 2, 'two is more')",                                                 "two is more",
     {8 << 20, 1000, 0, 0, false, 0}      },
    {"columns nobody knows",
     "print d = dynamic([{\"a\": 1}]) | mv-apply d on (evaluate bag_unpack(d))",           "write them behind it",
     {8 << 20, 1000, 0, 0, false, 0}      },
};

static void
test_ends(void)
{
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        bool is_done = run(ends[i].query, &ends[i].limits);

        CHECK(!is_done && strstr(text, ends[i].says) != NULL, "%s: %s", ends[i].name, text);
        CHECK(pool.taken <= ends[i].limits.memory_max, "%s: %zu bytes", ends[i].name, pool.taken);
    }
    memset(&table, 0, sizeof table);
    table.rows = 100;
    table.fails_at = 7;
    CHECK(!run("T | sort by a", &kql_rows_limits_default) && strstr(text, "record 7 is torn"),
          "a source that fails: %s", text);
    CHECK(table.opened == 1 && table.closed == 1, "it is closed");
    CHECK(!run("print nope", &kql_rows_limits_default) && d.error_count == 1, "a wrong query: %s",
          text);
    CHECK(run("print 1", &kql_rows_limits_default), "and after all that: %s", text);
}

/* Pools of sub-queries are given back: a million of them need no more than one. */
static void
test_sub_queries(void)
{
    const struct kql_rows_limits limits = {.memory_max = 4 << 20, .rows_max = 100000000};

    CHECK(run("range i from 1 to 20000 step 1 | extend a = range(1, 5, 1)"
              " | mv-apply a to typeof(long) on (join kind=inner (print a = 3) on a | sort by a)"
              " | summarize sum(a)",
              &limits) &&
              strcmp(text, "sum_a:long [60000]") == 0,
          "%s", text);
    CHECK(run("range i from 1 to 20000 step 1 | partition by i (top 1 by i | mv-apply x = "
              "dynamic([1]) on (take 1)) | count",
              &(struct kql_rows_limits){.memory_max = 64 << 20, .rows_max = 100000000}) &&
              strcmp(text, "Count:long [20000]") == 0,
          "%s", text);
    CHECK(run("range i from 1 to 300000 step 1 | top 5 by i | summarize sum(i)", &limits) &&
              strcmp(text, "sum_i:long [1499990]") == 0,
          "top keeps only its rows: %s", text);
    CHECK(
        run("range i from 1 to 100000 step 1 | extend s = strcat('text ', i), t = 1 | top 2 by i | "
            "project s",
            &limits) &&
            strcmp(text, "s:string [\"text 100000\"],[\"text 99999\"]") == 0,
        "what top keeps outlives its pools: %s", text);
    CHECK(run("range i from 1 to 200000 step 1 | scan declare (s: long = 0) with (step a: true => "
              "s = a.s + i;) | summarize max(s)",
              &limits) &&
              strcmp(text, "max_s:long [20000100000]") == 0,
          "scan keeps only its states: %s", text);
}

int
main(void)
{
    pool_init(&pool, kql_rows_limits_default.memory_max);
    test_cases();
    test_reads();
    test_ends();
    test_sub_queries();
    pool_free(&pool);
    return test_end();
}
