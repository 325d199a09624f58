/* function_dynamic_test.c - functions of arrays, sets and bags by queries and their answers. */
#include "kql/query_play.h"

static const struct play_case cases[] = {
    {"array_length: of no array it is null",
     "print array_length(dynamic([7, null])), array_length(dynamic({})), "
     "array_length(dynamic(null))",                                                                                                                         "[[2,null,null]]"                                                                },
    {"array_concat: nulls are passed over, what is no array makes null",
     "print array_concat(dynamic([1]), dynamic(null), dynamic([[2], 3])), "
     "array_concat(dynamic([1]), dynamic({}))",                                                                                                             "[[[1,[2],3],null]]"                                                             },
    {"array_slice: both ends included",
     "print d = dynamic([0,1,2,3,4]) | project array_slice(d, 1, 1), array_slice(d, -2, -1), "
     "array_slice(d, 3, 99), array_slice(d, 4, 2), array_slice(d, -99, 0), array_slice(d, 9, 10), "
     "array_slice(d, 0, -99)",                                                                                                                              "[[[1],[3,4],[3,4],[],[0],[],[]]]"                                               },
    {"array_split: by one index, several, negative ones, and out of range",
     "print d = dynamic([0,1,2,3]) | project array_split(d, 1), array_split(d, dynamic([-3, 3])), "
     "array_split(d, 99), array_split(d, dynamic([3, 1]))",                                                                                                 "[[[[0],[1,2,3]],[[0],[1,2],[3]],[[0,1,2,3],[]],[[0,1,2],[],[3]]]]"              },
    {"array_reverse",                                                         "print array_reverse(dynamic([1, \"b\", [3]])), array_reverse(dynamic([]))",
     "[[[[3],\"b\",1],[]]]"                                                                                                                                                                                                                  },
    {"array_rotate: by more than its length, and back",
     "print d = dynamic([1,2,3]) | project array_rotate_left(d, 4), array_rotate_right(d, 4), "
     "array_rotate_left(d, -1), array_rotate_right(dynamic([]), 3), "
     "array_rotate_right(d, -9223372036854775808)",                                                                                                         "[[[2,3,1],[3,1,2],[3,1,2],[],[3,1,2]]]"                                         },
    {"array_shift: fills with null or what is given",
     "print d = dynamic([1,2,3]) | project array_shift_left(d, 1), array_shift_right(d, 1, 0), "
     "array_shift_left(d, -1, \"x\"), array_shift_right(d, 99), "
     "array_shift_left(d, 9223372036854775807)",                                                                                                            "[[[2,3,null],[0,1,2],[\"x\",1,2],[null,null,null],[null,null,null]]]"           },
    {"array_shift: texts give way to empty ones",
     "print array_shift_left(dynamic([\"a\",\"b\"]), 1), array_shift_left(dynamic([\"a\",1]), 1)",                                                          "[[[\"b\",\"\"],[1,null]]]"                                                      },
    {"array_index_of: from, how far, which",
     "print d = dynamic([5,6,5,6,5]) | project array_index_of(d, 6), array_index_of(d, 5, 1), "
     "array_index_of(d, 6, 0, 1), array_index_of(d, 5, 0, -1, 3), array_index_of(d, 5, -2), "
     "array_index_of(d, 7), array_index_of(d, 5.0), array_index_of(d, 5, 0, -2), "
     "array_index_of(d, 5, 0, -1, -1)",                                                                                                                     "[[1,2,-1,4,4,-1,0,null,null]]"                                                  },
    {"array_iff: conditions of several kinds; short arrays",
     "print array_iff(dynamic([true, 0, 2.5, \"x\", null, []]), dynamic([\"a\"]), -1)",                                                                     "[[[\"a\",-1,null,null,null,null]]]"                                             },
    {"array_sort: nulls last unless told, others along, lengths that differ",
     "print a = array_sort_asc(dynamic([3,null,1])), b = array_sort_desc(dynamic([3,null,1]), "
     "false)"
     ", c = array_sort_asc(dynamic([2,1]), dynamic([\"b\",\"a\"]))",                                                                                        "[[[1,3,null],[null,3,1],[1,2]]]"                                                },
    {"array_sort: kinds of values keep their order both ways",
     "print array_sort_asc(dynamic([\"b\",2,\"a\",1,true])), "
     "array_sort_desc(dynamic([\"b\",2,\"a\",1,true]))",                                                                                                    "[[[1,2,\"a\",\"b\",true],[2,1,\"b\",\"a\",true]]]"                              },
    {"array_sort: several results",
     "print x = dynamic([3,1,2]), y = dynamic([\"c\",\"a\",\"b\"]), z = dynamic([1]) | "
     "project (p, q, r) = array_sort_desc(x, y, z)",                                                                                                        "[[[3,2,1],[\"c\",\"b\",\"a\"],null]]"                                           },
    {"array_sum",                                                             "print array_sum(dynamic([1, 2.5])), array_sum(dynamic([1, \"2\"]))",
     "[[3.5,null]]"                                                                                                                                                                                                                          },
    {"strcat_array: nulls are empty",                                         "print strcat_array(dynamic([1, null, \"x\", true]), \"-\")",
     "[[\"1--x-true\"]]"                                                                                                                                                                                                                     },
    {"zip: up to the longest",
     "print zip(dynamic([1, 2]), dynamic([\"a\"])), "
     "zip(dynamic([1]), dynamic(null))",                                                                                                                    "[[[[1,\"a\"],[2,null]],null]]"                                                  },
    {"pack_array and repeat",                                                 "print pack_array(1, \"x\", 1.5), repeat(2, 3), repeat(1, -1)",
     "[[[1,\"x\",1.5],[2,2,2],null]]"                                                                                                                                                                                                        },
    {"range: whole, real, falling, of times, without steps",
     "print range(1, 4, 2), range(0.0, 0.5, 0.25), range(3, 1, -1), range(3, 1), "
     "range(1h, 2h, 30m), range(1, 3, 0), range(datetime(2024-01-01), datetime(2024-01-01 02:00))",                                                         "[[[1,3],[0.0,0.25,0.5],[3,2,1],[],[\"01:00:00\",\"01:30:00\",\"02:00:00\"],null,["
     "\"2024-01-01T00:00:00.0000000Z\",\"2024-01-01T01:00:00.0000000Z\",\"2024-01-01T02:00:00."
     "0000000Z\"]]]"                                                                                                                      },
    {"range: ends at the longest array, and at the end of numbers",
     "print array_length(range(1, 10000000)), array_length(range(9223372036854775806, "
     "9223372036854775807)), array_length(range(0.0, 1e300))",                                                                                              "[[1048576,2,1048576]]"                                                          },
    {"set_union, set_intersect, set_difference: first sight's order",
     "print a = dynamic([3,1,3,2]), b = dynamic([2,4,3.0]), c = dynamic([3]) | project "
     "set_union(a, b), set_intersect(a, b, c), set_difference(a, b), set_union(a, dynamic(null))",                                                          "[[[3,1,2,4],[3],[1],null]]"                                                     },
    {"sets of bags and arrays: the same by content",
     "print set_union(dynamic([{\"a\":1,\"b\":2}]), dynamic([{\"b\":2,\"a\":1},[1]]), "
     "dynamic([[1]]))",                                                                                                                                     "[[[{\"a\":1,\"b\":2},[1]]]]"                                                    },
    {"set_has_element and set_equals",
     "print set_has_element(dynamic([1,\"a\"]), \"a\"), set_has_element(dynamic([1]), 2), "
     "set_has_element(dynamic({}), 1), set_equals(dynamic([1,2,2]), dynamic([2,1])), "
     "set_equals(dynamic([1]), dynamic([1,2]))",                                                                                                            "[[true,false,null,true,false]]"                                                 },
    {"jaccard_index",                                                         "print jaccard_index(dynamic([1,1,2]), dynamic([2,3]))",
     "[[0.3333333333333333]]"                                                                                                                                                                                                                },
    {"bag_keys",                                                              "print bag_keys(dynamic({\"b\":1,\"a\":{\"c\":2}})), bag_keys(dynamic([1]))",
     "[[[\"b\",\"a\"],null]]"                                                                                                                                                                                                                },
    {"bag_has_key: a key with dots as it is, then as a path",
     "print d = dynamic({\"a\":{\"b\":{\"c\":null}},\"$.x\":1}) | project bag_has_key(d, \"a\"), "
     "bag_has_key(d, \"b\"), bag_has_key(d, \"$.a.b.c\"), bag_has_key(d, \"$.a.c\"), "
     "bag_has_key(d, \"$.a.b.c.d\"), bag_has_key(d, \"$.x\"), bag_has_key(dynamic([1]), \"a\")",                                                            "[[true,false,true,false,false,true,null]]"                                      },
    {"bag_merge: the leftmost stays",
     "print bag_merge(dynamic({\"a\":1}), dynamic({\"a\":2,\"b\":3}), dynamic(null)), "
     "bag_merge(dynamic(null), dynamic([1]))",                                                                                                              "[[{\"a\":1,\"b\":3},null]]"                                                     },
    {"bag_remove_keys: keys and paths",
     "print bag_remove_keys(dynamic({\"a\":1,\"b\":{\"c\":2,\"d\":{\"e\":3,\"f\":4}}}), "
     "dynamic([\"a\", \"$.b.d.e\", 7, \"z\"]))",                                                                                                            "[[{\"b\":{\"c\":2,\"d\":{\"f\":4}}}]]"                                          },
    {"bag_set_key: a key, a path, a path through what is no bag",
     "print d = dynamic({\"a\":1,\"b\":{\"c\":2}}) | project bag_set_key(d, \"a\", 9), "
     "bag_set_key(d, \"$.b.d.e\", \"x\"), bag_set_key(d, \"$.a.z\", 1), "
     "bag_set_key(dynamic([1]), \"a\", 1)",                                                                                                                 "[[{\"a\":9,\"b\":{\"c\":2}},{\"a\":1,\"b\":{\"c\":2,\"d\":{\"e\":\"x\"}}},{\"a\":{\"z\":1},"
     "\"b\":{\"c\":2}},null]]"                                                                                                                                                                    },
    {"bag_zip: keys that are texts; missing values are null",
     "print bag_zip(dynamic([\"a\",1,\"b\",\"c\"]), dynamic([1,2,3])), "
     "bag_zip(dynamic([\"a\"]), dynamic(5)), bag_zip(dynamic({}), dynamic([1]))",                                                                           "[[{\"a\":1,\"b\":3,\"c\":null},{\"a\":null},null]]"                             },
    {"bag_pack: the first of a key; kinds stay",
     "print bag_pack(\"a\", 1, \"a\", 2, \"t\", 1h, \"n\", dynamic(null))",                                                                                 "[[{\"a\":1,\"t\":\"01:00:00\",\"n\":null}]]"                                    },
    {"pack_all: all columns, or those that hold something",
     "print a = 1, b = \"\", c = long(null) | project pack_all(), pack_all(true), "
     "bag_pack_columns(b, a)",                                                                                                                              "[[{\"a\":1,\"b\":\"\",\"c\":null},{\"a\":1},{\"b\":\"\",\"a\":1}]]"             },
    {"treepath: each place once, all elements at [0]",
     "print treepath(dynamic({\"a\":[{\"x\":1},{\"y\":2},3],\"b\":4})), treepath(dynamic(1))",                                                              "[[[\"['a']\",\"['a'][0]\",\"['a'][0]['x']\",\"['a'][0]['y']\",\"['b']\"],null]]"},
    {"dynamic_to_json: keys in order; what is no dynamic as tostring()",
     "print dynamic_to_json(dynamic({\"b\":[{\"d\":1,\"c\":2}],\"a\":\"x\"})), "
     "dynamic_to_json(true), dynamic_to_json(\"x\"), dynamic_to_json(dynamic(\"x\"))",                                                                      "[[\"{\\\"a\\\":\\\"x\\\",\\\"b\\\":[{\\\"c\\\":2,\\\"d\\\":1}]}\",\"True\",\"x\","
     "\"\\\"x\\\"\"]]"                                                                                                                                 },
    {"parse_json: JSON, text that is none, nothing",
     "print parse_json(\"{\\\"a\\\":[1.0,1e3]}\"), parse_json(\"nope\"), parse_json(\"\"), "
     "todynamic(\" [1] \")",                                                                                                                                "[[{\"a\":[1.0,1000.0]},\"nope\",null,[1]]]"                                     },
};

/* A value put into itself again and again grows without memory; there is an end to it. */
static void
test_growth(void)
{
    static char query[65536];
    static const struct {
        const char *name, *step, *says;
    } grown[] = {
        {"wide", "let a%d = pack_array(a%d, a%d);",                   "more than 67108864 parts"},
        {"deep", "let a%d = bag_pack('k', a%d, 'l', 1, 'm', 'a%d');", "more than 512 levels"    },
        {"bags", "let a%d = bag_pack('x', a%d, 'y', a%d);",           "more than 67108864 parts"},
    };

    for (size_t i = 0; i < COUNT_OF(grown); i++) {
        size_t n = (size_t)snprintf(query, sizeof query, "let a0 = dynamic([1]);");

        for (int k = 1; k <= 600; k++)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            n += (size_t)snprintf(query + n, sizeof query - n, grown[i].step, k, k - 1, k - 1);
#pragma GCC diagnostic pop
        snprintf(query + n, sizeof query - n,
                 "print set_union(pack_array(a600), pack_array(a600))");
        CHECK(strstr(play_query(query, &kql_rows_limits_default), grown[i].says) != NULL, "%s: %s",
              grown[i].name, play_query(query, &kql_rows_limits_default));
    }
}

int
main(void)
{
    play_cases(cases, COUNT_OF(cases));
    test_growth();
    pool_free(&play_pool);
    return test_end();
}
