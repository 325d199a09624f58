/* function_series_test.c - functions of series by queries and their answers; transforms against
 * their definition, decomposition of series that were composed. */
#include "kql/query_play.h"

static const struct play_case cases[] = {
    {"arithmetic: whole numbers stay whole, quotients do not",
     "print a = dynamic([1,2,3]), b = dynamic([2,2.5,\"x\"]) | project series_add(a, b), "
     "series_subtract(a, 1), series_multiply(2, a), series_divide(a, 2), series_pow(a, a)",                                                       "[[[3,4.5,null],[0,1,2],[2,4,6],[0.5,1.0,1.5],[1.0,4.0,27.0]]]"                  },
    {"arithmetic: lengths that differ, overflow, division by zero",
     "print series_add(dynamic([1,2]), dynamic([1])), series_subtract(series_add(dynamic(["
     "9223372036854775807]), 1), 9223372036854775808.0), series_divide(dynamic([1,0]), 0), "
     "series_add(dynamic({}), dynamic(null))",                                                                                                    "[[[2,null],[0.0],[\"Infinity\",\"NaN\"],null]]"                                 },
    {"comparisons",
     "print a = dynamic([1,2,null]), b = dynamic([2,2,2]) | project "
     "series_less(a, b), series_less_equals(a, b), series_greater(a, b), "
     "series_greater_equals(a, b), series_equals(a, b), series_not_equals(a, 1)",                                                                 "[[[true,false,null],[true,true,null],[false,false,null],[false,true,null],[false,true,null],["
     "false,true,null]]]"                                                                                                                         },
    {"element by element",
     "print a = dynamic([-1.5, 2, null]) | project series_abs(a), "
     "series_sign(a), series_floor(a), series_ceiling(a), series_exp("
     "dynamic([0])), series_log(dynamic([1])), series_cos(dynamic([0]))",                                                                         "[[[1.5,2,null],[-1.0,1,null],[-2.0,2,null],[-1.0,2,null],[1.0],[0.0],[1.0]]]"   },
    {"sums and products",
     "print series_sum(dynamic([1,2.5])), series_product(dynamic([2,3])), "
     "series_sum(dynamic([1,null])), series_dot_product(dynamic([1,2]), "
     "dynamic([3,4])), series_magnitude(dynamic([3,4])), "
     "series_dot_product(dynamic([1]), dynamic([1,2]))",                                                                                          "[[3.5,6.0,null,11.0,5.0,null]]"                                                 },
    {"likeness",
     "print series_cosine_similarity(dynamic([1,0]), dynamic([0,1])), "
     "series_cosine_similarity(dynamic([3,4]), dynamic([3,4]), 5, 5), "
     "series_pearson_correlation(dynamic([1,2,3]), dynamic([6,4,2])), "
     "series_pearson_correlation(dynamic([1,2]), dynamic([1]))",                                                                                  "[[0.0,1.0,-1.0,null]]"                                                          },
    {"filling: along, by a constant, with a placeholder",
     "print a = dynamic([null,1,null,null,4,null]) | project series_fill_forward(a), "
     "series_fill_backward(a), series_fill_const(a, 0), series_fill_forward(dynamic([1,-1]), -1)",                                                "[[[null,1,1,1,4,4],[1,1,4,4,4,null],[0,1,0,0,4,0],[1,1]]]"                      },
    {"filling: along the line, cut between whole numbers; edges; nothing there",
     "print series_fill_linear(dynamic([null,1,null,4,null])), "
     "series_fill_linear(dynamic([1.0,null,4])), "
     "series_fill_linear(dynamic([null,1,null]), double(null), false), "
     "series_fill_linear(dynamic([null,null])), "
     "series_fill_linear(dynamic([1,-1,2]), -1), "
     "series_fill_linear(dynamic([null]), double(null), true, 7)",                                                                                "[[[1,1,2,4,4],[1.0,2.5,4],[null,1,null],[0.0,0.0],[1,1,2],[7]]]"                },
    {"series_stats: columns, the first of equal ones, null of what is not finite",
     "print x = dynamic([3,1,5,1,5]) | project series_stats(x) | project series_stats_x_min, "
     "series_stats_x_min_idx, series_stats_x_max, series_stats_x_max_idx, series_stats_x_avg, "
     "series_stats_x_stdev, series_stats_x_variance",                                                                                             "[[1.0,1,5.0,2,3.0,2.0,4.0]]"                                                    },
    {"series_stats: what is not finite",
     "print (m) = series_stats(dynamic([1,null])), n = series_stats_dynamic(dynamic([1,null,3]), "
     "true).len | project m, n",                                                                                                                  "[[null,2]]"                                                                     },
    {"series_fit_line: the first point stands at 1",
     "print series_fit_line(dynamic([5,7,9])), d = series_fit_line_dynamic(dynamic([1,2])).slope, "
     "e = series_fit_line_dynamic(dynamic([1,null]))",                                                                                            "[[1.0,2.0,4.0,0.0,3.0,[5.0,7.0,9.0],1.0,null]]"                                 },
    {"series_fit_poly: highest power first, by x, and not without enough points",
     "print (r, c) = series_fit_poly(dynamic([6,11,18,27]), dynamic([0,1,2,3]), 2), "
     "(r3, c3) = series_fit_poly(dynamic([1,2]), dynamic([3,3]), 1) | project round(r, 9), "
     "round(toreal(c[0]), 6), round(toreal(c[1]), 6), round(toreal(c[2]), 6), c3",                                                                "[[1.0,1.0,4.0,6.0,null]]"                                                       },
    {"series_fit_poly: a missing point is passed over, and stays so",
     "print (r, c, v, w, f) = series_fit_poly(dynamic([1,null,3])) | project r, f",                                                               "[[1.0,[1.0,null,3.0]]]"                                                         },
    {"series_fit_poly: a degree there is not",
     "print series_fit_poly(dynamic([1,2]), dynamic([1,2]), 65)",                                                                                 "series_fit_poly(): a degree is 0 to 64, not 65"                                 },
    {"series_fit_2lines: where a rise turns to a fall",
     "print (r, i, v, rv, line, rr, rs, ri, rva, rrv, lr, ls) = "
     "series_fit_2lines(dynamic([0,1,2,3,4,3,2,1,0])) | project round(r, 9), i, round(rs, 9), "
     "round(ls, 9)",                                                                                                                              "[[1.0,5,-1.0,1.0]]"                                                             },
    {"series_fit_2lines_dynamic: sides in bags; too few points",
     "print bag_keys(series_fit_2lines_dynamic(dynamic([1,2,3,9,8])).left), "
     "series_fit_2lines_dynamic(dynamic([1,2,3]))",                                                                                               "[[[\"rsquare\",\"slope\",\"interception\",\"variance\",\"rvariance\"],null]]"   },
    {"series_fir: means, differences, what negative filters allow",
     "print a = dynamic([1,2,4]) | project series_fir(a, dynamic([1,1])), "
     "series_fir(a, dynamic([1,-1])), series_fir(a, dynamic([1,-1]), true), "
     "series_fir(a, dynamic([1,1,1]), false, true)",                                                                                              "[[[0.5,1.5,3.0],[1.0,1.0,2.0],null,[3.0,7.0,6.0]]]"                             },
    {"series_iir: a running sum",
     "print series_iir(dynamic([1,2,3]), dynamic([1]), "
     "dynamic([1,-1])), series_iir(dynamic([1]), dynamic([1]), "
     "dynamic([0]))",                                                                                                                             "[[[1.0,3.0,6.0],null]]"                                                         },
    {"series_fft: of a constant, of an impulse",
     "print (r, i) = series_fft(dynamic([1,1,1,1])), (p, q) = series_fft(dynamic([1,0])), "
     "(x, y) = series_fft(dynamic([1,2]), dynamic([1]))",                                                                                         "[[[4.0,0.0,0.0,0.0],[0.0,0.0,0.0,0.0],[1.0,1.0],[0.0,0.0],null,null]]"          },
    {"series_outliers: nothing inside the range, the fence at 1.5, missing and ignored are 0",
     "print series_outliers(dynamic([0,1,2,3,4,20]), \"tukey\"), "
     "series_outliers(dynamic([0,1,2,3,4,-99,null]), \"tukey\", -99)",                                                                            "[[[-0.5,-0.1,0.0,0.0,0.1,6.5],[-0.5,0.0,0.0,0.0,0.5,0.0,0.0]]]"                 },
    {"series_outliers: percentiles out of bounds",
     "print series_outliers(dynamic([1]), \"ctukey\", 0, 1, 99)",                                                                                 "series_outliers(): percentiles are 2.0 to 98.0, not 1"                          },
    {"series_outliers: an unknown kind",                                                       "print series_outliers(dynamic([1]), \"lukey\")",
     "outliers are found by 'ctukey' or 'tukey', not by 'lukey'"                                                                                                                                                                   },
    {"series_periods_detect: the shortest of what repeats, zeros behind",
     "print (p, s) = series_periods_detect(array_concat(repeat(1,0), "
     "dynamic([0,3,1,8,2,0,3,1,8,2,0,3,1,8,2,0,3,1,8,2,0,3,1,8,2,0,3,1,8,2])), 0, 20, 3) "
     "| project p, round(toreal(s[0]), 1), s[1]",                                                                                                 "[[[5.0,0.0,0.0],1.0,0.0]]"                                                      },
    {"series_periods_validate: what is there, what is not, what is too long",
     "print (p, s) = series_periods_validate(dynamic([0,3,1,8,2,0,3,1,8,2,0,3,1,8,2,0,3,1,8,2]), "
     "5, 6, 11, 2) | project p, round(toreal(s[0]), 1), s[1], s[2], s[3]",                                                                        "[[[5.0,6.0,11.0,2.0],1.0,0.0,0.0,0.0]]"                                         },
    {"series_seasonal: medians of each phase, also past what was learned",
     "print series_seasonal(dynamic([1,10,2,20,3,30]), 2), "
     "series_seasonal(dynamic([1,10,1,10,7,7]), 2, 2), series_seasonal(dynamic([5,5,5,5]))",                                                      "[[[2.0,20.0,2.0,20.0,2.0,20.0],[1.0,10.0,1.0,10.0,1.0,10.0],[0.0,0.0,0.0,0.0]]]"},
    {"series_decompose: season, then mean, then the rest",
     "print (b, s, t, r) = series_decompose(dynamic([1,5,1,5,4,5,1,5]), 2)",                                                                      "[[[1.375,5.375,1.375,5.375,1.375,5.375,1.375,5.375],[1.0,5.0,1.0,5.0,1.0,5.0,1.0,5.0],["
     "0.375,0.375,0.375,0.375,0.375,0.375,0.375,0.375],[-0.375,-0.375,-0.375,-0.375,2.625,-0.375,"
     "-0.375,-0.375]]]"                                                                                                                                },
    {"series_decompose: a line, no season; neither",
     "print (b, s, t, r) = series_decompose(dynamic([1,3,5,7]), 0, \"linefit\"), "
     "(b0, s0, t0, r0) = series_decompose(dynamic([1,3]), 0, \"none\")",                                                                          "[[[1.0,3.0,5.0,7.0],[0.0,0.0,0.0,0.0],[1.0,3.0,5.0,7.0],[0.0,0.0,0.0,0.0],[0.0,0.0],[0.0,0.0]"
     ",[0.0,0.0],[1.0,3.0]]]"                                                                                                                              },
    {"series_decompose: a trend there is not",                                                 "print series_decompose(dynamic([1]), 0, \"up\")",
     "series_decompose(): a trend is 'avg', 'linefit' or 'none', not 'up'"                                                                                                                                                         },
    {"series_decompose_forecast: the tested points are not learned from",
     "print (f) = series_decompose_forecast(dynamic([1,2,3,4,null,99]), 2, 0, \"linefit\") "
     "| project f",                                                                                                                               "[[[1.0,2.0,3.0,4.0,5.0,6.0]]]"                                                  },
    {"series_decompose_anomalies: up, down, and nothing in a clean line",
     "range i from 0 to 39 step 1 | summarize y = make_list(i % 5 + case(i == 13, 20, i == 27, "
     "-20, 0)) | project (f, s) = series_decompose_anomalies(y, 1.5, 5) | project "
     "array_index_of(f, 1), array_index_of(f, -1), series_sum(series_abs(f))",                                                                    "[[13,27,2.0]]"                                                                  },
    {"series_decompose_anomalies: rounding is no anomaly",
     "range i from 0 to 99 step 1 | summarize y = make_list(i * 0.1) | project (f) = "
     "series_decompose_anomalies(y, 1.5, 0, \"linefit\") | project series_sum(series_abs(f))",                                                    "[[0.0]]"                                                                        },
};

/* There and back, for powers of two and others; and a few frequencies by their definition. */
static void
test_transforms(void)
{
    static const int counts[] = {2, 3, 5, 7, 8, 12, 17, 64, 97, 100, 1000};
    static char query[1024];

    for (size_t i = 0; i < COUNT_OF(counts); i++) {
        const char *got;

        snprintf(
            query, sizeof query,
            "range i from 0 to %d step 1 | extend v = toreal((i * i * 7) %% 23) - 3, w = i %% 5 "
            "| summarize v = make_list(v), w = make_list(w), k3r = sum(v * cos(2 * pi() * i / "
            "%d) + w * sin(2 * pi() * i / %d)), k3i = sum(w * cos(2 * pi() * i / %d) - v * "
            "sin(2 * pi() * i / %d)) | extend (r, m) = series_fft(v, w) | extend (a, b) = "
            "series_ifft(r, m) | extend wrong = series_sum(series_abs(series_subtract(a, v))) + "
            "series_sum(series_abs(series_subtract(b, w))) + abs(toreal(r[1]) - k3r) + "
            "abs(toreal(m[1]) - k3i) | project wrong < 1e-8",
            counts[i] - 1, counts[i], counts[i], counts[i], counts[i]);
        got = play_query(query, &kql_rows_limits_default);
        CHECK(strcmp(got, "[[true]]") == 0, "a transform of %d points: %s", counts[i], got);
    }
}

int
main(void)
{
    play_cases(cases, COUNT_OF(cases));
    test_transforms();
    pool_free(&play_pool);
    return test_end();
}
