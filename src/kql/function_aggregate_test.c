/* function_aggregate_test.c - aggregates by queries and their answers: over rows, over none, over
 * nulls; sketches while they are exact and beyond; what an aggregate may hold. */
#include "kql/query_play.h"

#define NUMBERS                                                                                    \
    "datatable(k: string, i: long, r: real)['a',1,1.5,'b',long(null),real(null),'a',3,2.5]"
#define NOTHING "datatable(i: long, r: real, s: string, d: dynamic, t: timespan, m: decimal)[]"

static const struct play_case cases[] = {
    {"counts",
     NUMBERS " | summarize count(), countif(i > 1), count(i), dcount(k), dcountif(k, i > "
             "0), count_distinct(i)",                                                                                                                                          "[[3,1,3,2,1,2]]"                                                                },
    {"sums and means pass over nulls",
     NUMBERS " | summarize sum(i), sumif(r, k == 'a'), avg(i), "
             "avgif(r, i == 3)",                                                                                                                                               "[[4,4.0,2.0,2.5]]"                                                              },
    {"extremes",                                                                           NUMBERS " | summarize min(i), max(r), minif(i, k == 'b'), maxif(i, i < 3), max(k)",
     "[[1,2.5,null,1,\"b\"]]"                                                                                                                                                                                                                                   },
    {"over no rows",
     NOTHING " | summarize count(), sum(i), sum(r), avg(i), min(i), max(s), "
             "dcount(s), make_list(i), make_set(s), make_bag(d), stdev(i), "
             "variance(r), take_any(i), percentile(i, 50), binary_all_or(i), "
             "avg(t), avg(m), sum(m)",                                                                                                                                         "[[0,0,0.0,\"NaN\",null,\"\",0,[],[],{},0.0,0.0,null,null,null,null,null,\"0\"]]"},
    {"by a key that no row has",                                                           NOTHING " | summarize count(), percentiles(i, 1, 99) by s",                         "[]"                                                                             },
    {"sums of longs wrap, and so do means of them",
     "datatable(i: long)[9223372036854775807, 9223372036854775807, 4] | summarize sum(i), avg(i)",                                                                             "[[2,0.6666666666666666]]"                                                       },
    {"means of times do not wrap",
     "datatable(t: datetime)[datetime(9999-12-31), datetime(9999-12-29), datetime(9999-12-30), "
     "datetime(9999-12-30)] | summarize avg(t)",                                                                                                                               "[[\"9999-12-30T00:00:00.0000000Z\"]]"                                           },
    {"decimals",
     "datatable(m: decimal)[decimal(0.1), decimal(0.2)] | summarize sum(m), avg(m), "
     "max(m)",                                                                                                                                                                 "[[\"0.3\",\"0.15\",\"0.2\"]]"                                                   },
    {"NaN wins",
     "datatable(r: real, n: long)[1.0, 1, real(nan), 2, 3.0, 3] | summarize min(r), "
     "max(r), arg_max(r, n), arg_min(r, n)",                                                                                                                                   "[[\"NaN\",\"NaN\",\"NaN\",2,\"NaN\",2]]"                                        },
    {"arg_max: the first of equal rows; a null gives way; all nulls: some row",
     "datatable(k: string, v: long, w: string)['a', 1, 'x', 'a', 2, 'y', 'a', 2, 'z', 'b', "
     "long(null), 'n', 'c', long(null), 'o', 'c', -5, 'p'] | summarize arg_max(v, w) by k",                                                                                    "[[\"a\",2,\"y\"],[\"b\",null,\"n\"],[\"c\",-5,\"p\"]]"                          },
    {"take_any: something if there is something",
     "datatable(s: string, n: long)['', 1, 'x', 2] | summarize take_any(s), take_anyif(n, n > 1)",                                                                             "[[\"x\",2]]"                                                                    },
    {"make_list: no nulls, of dynamics nulls and flat",
     "datatable(i: long, d: dynamic)[1, dynamic([1,[2]]), long(null), dynamic(null), 2, "
     "dynamic({\"a\":1})] | summarize make_list(i), make_list(d), make_list_with_nulls(i), "
     "make_list(i, 1), make_list_if(i, i > 1)",                                                                                                                                "[[[1,2],[1,[2],null,{\"a\":1}],[1,null,2],[1],[2]]]"                            },
    {"make_set: first sight's order, of dynamics flat; a limit",
     "datatable(s: string, d: dynamic)['b', dynamic([1,2]), 'a', dynamic([2,3]), 'b', dynamic(1)] "
     "| summarize make_set(s), make_set(d), make_set(s, 1), make_set_if(s, s != 'b')",                                                                                         "[[[\"b\",\"a\"],[1,2,3],[\"b\"],[\"a\"]]]"                                      },
    {"make_bag: the first value of a key; what is no bag is passed over",
     "datatable(d: dynamic)[dynamic({\"a\":1}), dynamic([1]), dynamic({\"a\":2,\"b\":3})] | "
     "summarize make_bag(d), make_bag(d, 1), make_bag_if(d, isnotnull(d.b))",                                                                                                  "[[{\"a\":1,\"b\":3},{\"a\":1},{\"a\":2,\"b\":3}]]"                              },
    {"spread",
     "datatable(x: long, y: real)[2, 4.0, 4, 8.0, 9, 3.0, long(null), 1.0] | summarize "
     "variance(x), variancep(x), stdev(y), covariance(x, y), covariancep(x, x), "
     "varianceif(x, x < 9), stdevif(x, x == 2)",                                                                                                                               "[[13.0,8.666666666666666,2.943920288775949,-4.0,8.666666666666666,2.0,0.0]]"    },
    {"percentiles: nearest rank, both ends, of texts and times",
     "datatable(i: long, t: timespan, s: string)[3, 3h, 'c', 1, 1h, 'a', 2, 2h, 'b', 4, 4h, 'd'] | "
     "summarize percentiles(i, 0, 25, 26, 50, 99.9, 100), percentile(t, 50), percentile(s, 75), "
     "percentiles_array(i, dynamic([1, 51])), percentiles_array(i, 1, 51)",                                                                                                    "[[1,1,2,2,4,4,\"02:00:00\",\"c\",[1,3],[1,3]]]"                                 },
    {"percentiles: weighted",
     "datatable(v: long, w: long)[10, 8, 20, 0, 30, 1, 40, -5, 50, 1] | "
     "summarize percentilesw(v, w, 80, 81, 91), percentilew(v, w, 0), "
     "percentilesw_array(v, w, 80, 100)",                                                                                                                                      "[[10,30,50,10,[10,50]]]"                                                        },
    {"bits",
     "datatable(i: long)[12, 10, long(null)] | summarize binary_all_and(i), "
     "binary_all_or(i), binary_all_xor(i)",                                                                                                                                    "[[8,14,6]]"                                                                     },
    {"buildschema",
     "datatable(d: dynamic)[dynamic({\"a\":1,\"b\":[1,\"x\"]}), "
     "dynamic({\"a\":1.5,\"c\":{\"d\":true}}), dynamic(null)] | summarize "
     "buildschema(d)",                                                                                                                                                         "[[{\"a\":[\"long\",\"double\"],\"b\":{\"`indexer`\":[\"long\",\"string\"]},\"c\":{\"d\":"
     "\"bool\"}}]]"                                                                                                                                                                                                                       },
    {"hll: exact, merged, of a condition, of nothing",
     "range i from 1 to 100 step 1 | summarize h = hll(i % 10), g = hll_if(i, i > 95), n = hll_if("
     "i, i > 100) | project dcount_hll(h), dcount_hll(g), dcount_hll(n), dcount_hll(hll_merge(h, "
     "g, "
     "n)), dcount_hll(parse_json(tostring(h))), dcount_hll(dynamic([1])), h[0]",                                                                                               "[[10,5,0,15,10,null,[1024,14]]]"                                                },
    {"hll: beyond what is exact, within three standard errors, however it is merged",
     "range i from 1 to 200000 step 1 | summarize h = hll(i), c = hll(i, 4) by i % 3 | summarize h "
     "= hll_merge(h), c = hll_merge(c) | project abs(dcount_hll(h) - 200000) < 4875, "
     "abs(dcount_hll(c) - 200000) < 1220, dcount_hll(parse_json(tostring(h))) == dcount_hll(h)",                                                                               "[[true,true,true]]"                                                             },
    {"hll: accuracies do not mix",
     "range i from 1 to 2 step 1 | summarize a = hll(i, 0), b = "
     "hll(i, 2) | project isnull(hll_merge(a, b))",                                                                                                                            "[[true]]"                                                                       },
    {"hll: accuracies do not mix over rows either",
     "range i from 1 to 2 step 1 | summarize a = hll(i, 0), b = hll(i, 2) | mv-expand h = "
     "pack_array(pack_array(a, 1), pack_array(b, 2)) | summarize hll_merge(h[0])",                                                                                             "hll_merge(): values of hll() with different accuracies cannot be merged"        },
    {"hll: an accuracy there is not",                                                      "print i = 1 | summarize hll(i, 5)",
     "hll(): an accuracy is 0 to 4, not 5"                                                                                                                                                                                                                      },
    {"tdigest: exact percentiles and ranks, of each type, weighted",
     "range i from 1 to 100 step 1 | summarize l = tdigest(i), t = tdigest(i * 1h), r = "
     "tdigest(i * 0.5), w = tdigest(i, i) | project percentile_tdigest(l, 50), "
     "percentile_tdigest(t, 100), percentile_tdigest(r, 1, typeof(string)), "
     "percentiles_array_tdigest(w, 0, 50.0), percentiles_array_tdigest(l, dynamic([10, 20])), "
     "rank_tdigest(l, 30), rank_tdigest(l, 30.5), percentrank_tdigest(r, 5), rank_tdigest(t, 3)",                                                                              "[[50,\"4.04:00:00\",\"0.5\",[1,71],[10,20],30.0,30.0,10.0,null]]"               },
    {"tdigest: merged, through text, of several types",
     "range i from 1 to 10 step 1 | summarize a = tdigest(i), b = tdigest(i + 10), c = tdigest(1d "
     "* "
     "i), r = tdigest(i * 1.5) | project percentile_tdigest(merge_tdigest(a, b), 100, "
     "typeof(long)), percentile_tdigest(tdigest_merge(a, r), 100), merge_tdigest(a, c), "
     "rank_tdigest(parse_json(tostring(c)), 3d), percentile_tdigest(dynamic([]), 5)",                                                                                          "[[20,15.0,null,3.0,null]]"                                                      },
    {"tdigest: beyond what is exact, within a thousandth of the rank; the ends are exact",
     "range i from 1 to 300000 step 1 | summarize d = tdigest((i * 7919) % 300007) by i % 5 | "
     "summarize d = tdigest_merge(d) | extend m = percentile_tdigest(d, 50, typeof(long)) | "
     "project "
     "abs(m - 150003) < 300, abs(rank_tdigest(d, 30000) - 30000) < 300, d[0], "
     "array_length(d[1]) <= 4000, percentile_tdigest(d, 0, typeof(long)) < 5",                                                                                                 "[[true,true,[\"long\",\"approximate\"],true,true]]"                             },
};

/* What an aggregate keeps is bounded by the query's memory, and the complaint says so. */
static void
test_limits(void)
{
    const struct kql_rows_limits small = {16 << 20, 100000000, 0, 0, false, 0};
    static const struct {
        const char *query, *says;
    } ends[] = {
        {"range i from 1 to 10000000 step 1 | summarize dcount(i)",                "bytes of memory"},
        {"range i from 1 to 10000000 step 1 | summarize make_list(i * 1.0)",       "bytes of memory"},
        {"range i from 1 to 10000000 step 1 | summarize hll(i) | project dcount_hll(hll_i) > "
         "9000000",                                                       "[[true]]"       },
        {"range i from 1 to 3000000 step 1 | summarize d = tdigest(i) | project "
         "abs(percentile_tdigest(d, 50, typeof(long)) - 1500000) < 3000", "[[true]]"       },
        {"range i from 1 to 100000 step 1 | summarize h = hll(i) by i % 10 | summarize "
         "h = hll_merge(h) | project array_length(h)",                    "[[3]]"          },
    };

    CHECK(strcmp(play_query("range i from 1 to 1000000 step 1 | extend s = strcat('host-', i + "
                            "1000000), d = bag_pack('k', i, 'l', pack_array(i, tostring(i))) | "
                            "summarize arg_max(i, s, d), max(s), take_any(d), arg_min(-i, d)",
                            &small),
                 "[[1000000,\"host-2000000\",{\"k\":1000000,\"l\":[1000000,\"1000000\"]},"
                 "\"host-2000000\",{\"k\":1,\"l\":[1,\"1\"]},-1000000,{\"k\":1000000,\"l\":"
                 "[1000000,\"1000000\"]}]]") == 0,
          "rising values replace one another in place: %s", play_query("print 1", &small));
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        const char *got = play_query(ends[i].query, &small);

        CHECK(strstr(got, ends[i].says) != NULL, "%s: %s", ends[i].query, got);
    }
    CHECK(strcmp(play_query("range i from 1 to 2000000 step 1 | summarize l = make_list(i), s = "
                            "make_set(i) | project array_length(l), array_length(s)",
                            &kql_rows_limits_default),
                 "[[1048576,1048576]]") == 0,
          "lists and sets end at their documented size");
}

int
main(void)
{
    play_cases(cases, COUNT_OF(cases));
    test_limits();
    pool_free(&play_pool);
    return test_end();
}
