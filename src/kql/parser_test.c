/* parser_test.c - every form of the language to its tree; what is complained of, and where; and that
 * no text at all makes the parser fall over. */
#include "base/clock.h"
#include "base/test.h"
#include "kql/syntax.h"

static const struct {
    const char *query;
    const char *tree; /* of kql_syntax_print, without the "(query " around it */
} forms[] = {
    {"T",                                                                                       "T"                                                                        },
    {"T;",                                                                                      "T"                                                                        },
    {"let x = 1; T | where a == x",                                                             "(let:x 1) (| T (where (== a x)))"                                         },
    {"let x = T | take 1; x",                                                                   "(let:x (| T (take 1))) x"                                                 },
    {"let f = () { 1 }; f()",                                                                   "(let:f (function (list) 1)) (f())"                                        },
    {"let f = (a:long, b:string=\"x\", c:real=-1.5) { strcat(a, b) }; print f(1, "
     "b=\"q\")",                                                                           "(let:f (function (list a:long b:string=\"x\" c:real=-1.5) (strcat() a b))) "
     "(print (f() 1 (= b \"q\")))"                                                                                                                    },
    {"let f = (T:(x:long, y:string), S:(*)) { T | where x == 1; }; f(U, V)",
     "(let:f (function (list T:(schema x:long y:string) S:(schema*)) (| T (where "
     "(== x 1))))) (f() U V)"                                                                                                                                              },
    {"let f = view () { T }; union f*",                                                         "(let:f (function#1 (list) T)) (union f*)"                                 },
    {"let f = (['a b']:long) { ['a b'] }; f(1)",
     "(let:f (function (list a b:long) ['a b'])) (f() 1)"                                                                                                                  },
    {"let f = (a:long) { let b = a + 1; b * 2 }; print f(1)",
     "(let:f (function (list a:long) (let:b (+ a 1)) (* b 2))) (print (f() 1))"                                                                                            },
    {"let c = materialize(T | take 1); let n = toscalar(c | count); print n",
     "(let:c (materialize (| T (take 1)))) (let:n (toscalar (| c (count)))) "
     "(print n)"                                                                                                                                                           },
    {"set notruncation; set x = \"a\"; set y = 5; set z = true; T",
     "(set:notruncation) (set:x \"a\") (set:y 5) (set:z true) T"                                                                                                           },
    {"declare query_parameters(a:long, b:string = \"x\", d:dynamic = dynamic([1])); "
     "T",                                                                                  "(declare query_parameters a:long b:string=\"x\" d:dynamic=dynamic([1])) T"},
    {"declare pattern p = (a:string)[b:string] { (\"x\").[\"y\"] = { T | take 1 }; "
     "(\"z\") = { U }; }; T",                                                              "(declare pattern:p) T"                                                    },
    {"alias database d = cluster(\"x\").database(\"y\"); T",                                    "(alias:d) T"                                                              },
    {"restrict access to (T, database(\"x\").*, U*); T",                                        "(restrict access) T"                                                      },
    {"print 1, 1.5, 1e3, 0x1F, 1d, 1.5h, true, False, \"a\", 'b', @\"c\\d\", ```e```, "
     "~~~f~~~",                                                                            "(print 1 1.5 1000.0 31 time(1.00:00:00) time(01:30:00) true false \"a\" \"b\" "
     "\"c\\\\d\" \"e\" \"f\")"                                                                                                                         },
    {"print \"a\" 'b' @\"c\", h\"secret\", \"h\" H@'more'",                                     "(print \"abc\" h\"****\" h\"****\")"                                      },
    {"print \"\\t\\n\\\"\\\\\\u0041\\x42\\103\", @\"a\"\"b\", @'c''d', 'it\"s', \"it's\"",
     "(print \"\\t\\n\\\"\\\\ABC\" \"a\\\"b\" \"c'd\" \"it\\\"s\" \"it's\")"                                                                                               },
    {"print datetime(2020-01-01 10:00:00.1234567), datetime(2020-01-01T10:00Z), "
     "datetime(\"2020-01-01\"), date(2020-01-01)",                                         "(print datetime(2020-01-01T10:00:00.1234567Z) "
     "datetime(2020-01-01T10:00:00.0000000Z) "
     "datetime(2020-01-01T00:00:00.0000000Z) "
     "datetime(2020-01-01T00:00:00.0000000Z))"                                                                      },
    {"print timespan(1.02:03:04), time(90s), timespan(2 days), "
     "timespan('00:00:01')",                                                               "(print time(1.02:03:04) time(00:01:30) time(2.00:00:00) time(00:00:01))"  },
    {"print int(1), long(-5), long(0x1f), real(1.5), double(nan), real(+inf), "
     "real(-inf), decimal(1.50), bool(true), "
     "guid(74be27de-1e4e-49d9-b579-fe0b091d3642), "
     "uuid(74be27de-1e4e-49d9-b579-fe0b091d3642)",                                         "(print int(1) -5 31 1.5 nan inf -inf decimal(1.50) true "
     "guid(74be27de-1e4e-49d9-b579-fe0b091d3642) "
     "guid(74be27de-1e4e-49d9-b579-fe0b091d3642))"                                                                  },
    {"print int(null), long(null), real(null), decimal(null), bool(null), "
     "datetime(null), timespan(null), guid(null), dynamic(null)",                          "(print int(null) long(null) real(null) decimal(null) bool(null) "
     "datetime(null) timespan(null) guid(null) dynamic(null))"                                       },
    {"print datetime(), datetime(now)",                                                         "(print (now()) (now()))"                                                  },
    {"print dynamic({\"a\":1, 'b':[1,2.5,datetime(2020-01-01), 1d], \"c\": null, "
     "\"d\":true, \"e\": dynamic([-1])}), dynamic(\"x\" \"y\"), dynamic([]), dynamic({})", "(print "
     "dynamic({\"a\":1,\"b\":[1,2.5,\"2020-01-01T00:00:00.0000000Z\",\"1.00:00:00\"],\"c\":n"
     "ull,\"d\":true,\"e\":[-1]}) \"xy\" dynamic([]) dynamic({}))"          },
    {"print -9223372036854775808, -1, - a, +1",                                                 "(print -9223372036854775808 (- 1) (- a) (+ 1))"                           },
    {"print a or b and c == d, a and b or c and d",
     "(print (or a (and b (== c d))) (or (and a b) (and c d)))"                                                                                                            },
    {"print a == b + c * d has \"e\", \"a\" == \"b\" has \"c\"",
     "(print (== a (+ b (* c (has d \"e\")))) (== \"a\" (has \"b\" \"c\")))"                                                                                               },
    {"print a < b == c, a - b - c, a / b % c, -a.b * 2",
     "(print (== (< a b) c) (- (- a b) c) (% (/ a b) c) (* (- (. a b)) 2))"                                                                                                },
    {"print (a or b) and c, ((a))",                                                             "(print (and (or a b) c) a)"                                               },
    {"T | where a != 1 and b <> 2 and c <= 3 and d >= 4 and e < 5 and f > 6",
     "(| T (where (and (and (and (and (and (!= a 1) (!= b 2)) (<= c 3)) (>= d 4)) "
     "(< e 5)) (> f 6))))"                                                                                                                                                 },
    {"T | where a =~ \"x\" and b !~ \"y\" and c : \"z\"",
     "(| T (where (and (and (=~ a \"x\") (!~ b \"y\")) (has c \"z\"))))"                                                                                                   },
    {"T | where a has \"x\" and b !has \"x\" and c has_cs \"x\" and d !has_cs \"x\"",
     "(| T (where (and (and (and (has a \"x\") (!has b \"x\")) (has_cs c \"x\")) "
     "(!has_cs d \"x\"))))"                                                                                                                                                },
    {"T | where a hasprefix \"x\" and b !hasprefix \"x\" and c hasprefix_cs \"x\" and d "
     "!hasprefix_cs \"x\"",                                                                "(| T (where (and (and (and (hasprefix a \"x\") (!hasprefix b \"x\")) "
     "(hasprefix_cs c \"x\")) (!hasprefix_cs d \"x\"))))"                                                                                  },
    {"T | where a hassuffix \"x\" and b !hassuffix \"x\" and c hassuffix_cs \"x\" and d "
     "!hassuffix_cs \"x\"",                                                                "(| T (where (and (and (and (hassuffix a \"x\") (!hassuffix b \"x\")) "
     "(hassuffix_cs c \"x\")) (!hassuffix_cs d \"x\"))))"                                                                                  },
    {"T | where a contains \"x\" and b !contains \"x\" and c contains_cs \"x\" and d "
     "!contains_cs \"x\" and e notcontains \"x\" and f containscs \"x\"",                  "(| T (where (and (and (and (and (and (contains a \"x\") (!contains b \"x\")) "
     "(contains_cs c \"x\")) (!contains_cs d \"x\")) (!contains e \"x\")) (contains_cs "
     "f \"x\"))))"                                                                           },
    {"T | where a startswith \"x\" and b !startswith \"x\" and c startswith_cs \"x\" "
     "and d !startswith_cs \"x\"",                                                         "(| T (where (and (and (and (startswith a \"x\") (!startswith b \"x\")) "
     "(startswith_cs c \"x\")) (!startswith_cs d \"x\"))))"                                                                         },
    {"T | where a endswith \"x\" and b !endswith \"x\" and c endswith_cs \"x\" and d "
     "!endswith_cs \"x\"",                                                                 "(| T (where (and (and (and (endswith a \"x\") (!endswith b \"x\")) (endswith_cs "
     "c \"x\")) (!endswith_cs d \"x\"))))"                                                                                                  },
    {"T | where a like \"x\" and b notlike \"x\" and c likecs \"x\" and d notlikecs \"x\" "
     "and e matches regex @\"\\d+\"",                                                      "(| T (where (and (and (and (and (like a \"x\") (notlike b \"x\")) (likecs c "
     "\"x\")) (notlikecs d \"x\")) (matches regex e \"\\\\d+\"))))"                                                              },
    {"T | where a in (1, 2) and b !in (\"x\") and c in~ (\"y\") and d !in~ (U) and e "
     "in ((U | project x)) and f in (U | project x)",                                      "(| T (where (and (and (and (and (and (in a 1 2) (!in b \"x\")) (in~ c \"y\")) "
     "(!in~ d U)) (in e (| U (project x)))) (in f (| U (project x))))))"                                         },
    {"T | where a has_any (\"x\", \"y\") and b has_all (dynamic([\"x\"])) and c between "
     "(1 .. 5) and d !between (ago(1d)..now()) and e between(1..5)",                       "(| T (where (and (and (and (and (has_any a \"x\" \"y\") (has_all b "
     "dynamic([\"x\"]))) (between c 1 5)) (!between d (ago() time(1.00:00:00)) "
     "(now()))) (between e 1 5))))"                                                               },
    {"T | where * has \"x\" or * == 1",                                                         "(| T (where (or (has * \"x\") (== * 1))))"                                },
    {"T | where not(a) and isnotempty(b)",                                                      "(| T (where (and (not() a) (isnotempty() b))))"                           },
    {"T | extend d.a, d[\"b\"], d.['c'], d[0], d[-1], d.e.f[0].g, d.f(1), "
     "parse_json(d).x[\"y z\"]",                                                           "(| T (extend (. d a) ([] d \"b\") ([] d \"c\") ([] d 0) ([] d (- 1)) (. ([] (. "
     "(. d e) f) 0) g) (. d (f() 1)) ([] (. (parse_json() d) x) \"y z\")))"                                                           },
    {"T | extend ['a b'] = ['c d'], [\"e\"] = 1, (x, y) = f(a, *), 3x = 1x",
     "(| T (extend (= a b ['c d']) (= e 1) (= (f() a *) x y) (= 3x 1x)))"                                                                                                  },
    {"T | project a, b = c, tostring(d)",                                                       "(| T (project a (= b c) (tostring() d)))"                                 },
    {"T | project Time, Type, Title, Source, kind, count, project_id = 1",
     "(| T (project Time Type Title Source kind count (= project_id 1)))"                                                                                                  },
    {"T | project-away a*, *b, c*d, e | project-keep f, * | project-rename g = h, "
     "['i j'] = k",                                                                        "(| (| (| T (project-away a* *b c*d e)) (project-keep f *)) (project-rename "
     "(= g h) (= i j k)))"                                                                                                                         },
    {"T | project-reorder a*, b asc, c desc, d granny-asc, e granny-desc",
     "(| T (project-reorder a* (by-asc b) (by-desc c) (by-granny-asc d) "
     "(by-granny-desc e)))"                                                                                                                                                },
    {"T | project-by-names a, dynamic([\"x\"])",                                                "(| T (project-by-names a dynamic([\"x\"])))"                              },
    {"T | where ['a' \"b\"] == ['c''d'] | extend ['e' 'f'] = ['g' 'h'](1)",
     "(| (| T (where (== ['ab'] ['cd']))) (extend (= ef (gh() 1))))"                                                                                                       },
    {"T | distinct a, year = b.y",                                                              "(| T (distinct a (= year (. b y))))"                                      },
    {"print datetime(2020), datetime('2021')",
     "(print datetime(2020-01-01T00:00:00.0000000Z) datetime(2021-01-01T00:00:00.0000000Z))"                                                                               },
    {"T | distinct * | distinct a, tostring(b)",
     "(| (| T (distinct *)) (distinct a (tostring() b)))"                                                                                                                  },
    {"T | sort by a | order by a asc, b desc nulls first, c nulls last",
     "(| (| T (sort (by a))) (sort (by-asc a) (by-desc+nulls-first b) "
     "(by+nulls-last c)))"                                                                                                                                                 },
    {"T | top 5 by a | top 3 by b asc nulls first",
     "(| (| T (top 5 (by a))) (top 3 (by-asc+nulls-first b)))"                                                                                                             },
    {"T | take 5 | limit n + 1 | sample 3 | sample-distinct 5 of a",
     "(| (| (| (| T (take 5)) (take (+ n 1))) (sample 3)) (sample-distinct 5 a))"                                                                                          },
    {"T | count | count as n",                                                                  "(| (| T (count)) (count:n))"                                              },
    {"T | summarize | summarize by a | summarize count() | summarize x = count(), "
     "dcount(a) by b, c = bin(d, 1h)",                                                     "(| (| (| (| T (summarize (list) _ _)) (summarize (list) (list a) _)) "
     "(summarize (list (count())) _ _)) (summarize (list (= x (count())) "
     "(dcount() a)) (list b (= c (bin() d time(01:00:00)))) _))"                                                                },
    {"T | summarize hint.strategy=shuffle hint.shufflekey=a arg_max(t, *) by a",
     "(| T (summarize {hint.strategy=shuffle hint.shufflekey=a} (list (arg_max() "
     "t *)) (list a) _))"                                                                                                                                                  },
    {"T | summarize (a, b) = arg_max(c, d), count() by e bin=1h",
     "(| T (summarize (list (= (arg_max() c d) a b) (count())) (list e) "
     "time(01:00:00)))"                                                                                                                                                    },
    {"T | make-series count() on t step 1h",
     "(| T (make-series (list (count())) t _ _ time(01:00:00) _))"                                                                                                         },
    {"T | make-series kind=nonempty a = count() default=0, sum(b) on t from "
     "ago(1d) to now() step 1h by c, d = e",                                               "(| T (make-series {kind=nonempty} (list (default (= a (count())) 0) (sum() "
     "b)) t (ago() time(1.00:00:00)) (now()) time(01:00:00) (list c (= d e))))"                                           },
    {"T | make-series count() on t in range(1, 2, 3) by c",
     "(| T (make-series#1 (list (count())) t 1 2 3 (list c)))"                                                                                                             },
    {"T | join U on a | join kind=inner (U | take 1) on a, $left.b == $right.c | "
     "join kind = leftouter hint.remote=auto (U)",                                         "(| (| (| T (join U (list a))) (join {kind=inner} (| U (take 1)) (list a (== "
     "(. $left b) (. $right c))))) (join {kind=leftouter hint.remote=auto} U _))"                                   },
    {"T | join kind=inner U where a == b | lookup kind=leftouter (U) on $left.a "
     "== $right.b",                                                                        "(| (| T (join#1 {kind=inner} U (list (== a b)))) (lookup {kind=leftouter} U "
     "(list (== (. $left a) (. $right b)))))"                                                                                                      },
    {"union T, U* | union kind=outer isfuzzy=true withsource=s (V | take 1), f(), "
     "database(\"d\").W*, cluster(\"c\").database(\"d\").X",                               "(| (union T U*) (union {kind=outer isfuzzy=true withsource=s} (| V (take "
     "1)) (f()) (. (database() \"d\") W*) (. (. (cluster() \"c\") (database() \"d\")) "
     "X)))"                                                                                               },
    {"T | mv-expand a | mv-expand kind=array b to typeof(long), c = split(d, \",\") "
     "limit 10 | mvexpand bagexpansion=bag with_itemindex=i e",                            "(| (| (| T (mv-expand (expansion a _))) (mv-expand {kind=array limit=10} "
     "(expansion b long) (expansion (= c (split() d \",\")) _))) (mv-expand "
     "{bagexpansion=bag with_itemindex=i} (expansion e _)))"                                           },
    {"T | mv-apply a to typeof(string) on (take 1) | mv-apply with_itemindex=i x "
     "= a, b limit 3 on (where x > 1 | summarize sum(x)) | mv-apply a id "
     "guid(74be27de-1e4e-49d9-b579-fe0b091d3642) on (take 1)",                             "(| (| (| T (mv-apply (list (expansion a string)) _ (| @rows (take 1)))) "
     "(mv-apply {with_itemindex=i} (list (expansion (= x a) _) (expansion b _)) 3 "
     "(| (| @rows (where (> x 1))) (summarize (list (sum() x)) _ _)))) (mv-apply "
     "{id=guid(74be27de-1e4e-49d9-b579-fe0b091d3642)} (list (expansion a _)) _ (| "
     "@rows (take 1))))"                                                                                },
    {"T | parse a with b | parse a with * \"x\" b:long \"y\" \"z\" c * | parse-where "
     "kind=relaxed strcat(a, b) with \"x\" * d:datetime",                                  "(| (| (| T (parse a b)) (parse a * \"x\" b:long \"yz\" c *)) (parse-where "
     "{kind=relaxed} (strcat() a b) \"x\" * d:datetime))"                                                    },
    {"T | parse kind=regex flags=Ui a with @\"\\d+\" b:long *",
     "(| T (parse {kind=regex flags=Ui} a \"\\\\d+\" b:long *))"                                                                                                           },
    {"T | parse-kv a as (b:long, c:string) with (pair_delimiter=\",\", "
     "kv_delimiter=\"=\", quote='\"', greedy=true) | parse-kv a as (b:long)",              "(| (| T (parse-kv {pair_delimiter=\",\" kv_delimiter=\"=\" quote=\"\\\"\" "
     "greedy=true} a (schema b:long c:string))) (parse-kv a (schema b:long)))"           },
    {"T | partition by a (top 1 by b) | partition hint.strategy=native by a "
     "(where x == 1 | take 1) | partition by a.b { U | where x == a }",                    "(| (| (| T (partition a (| @rows (top 1 (by b))))) (partition "
     "{hint.strategy=native} a (| (| @rows (where (== x 1))) (take 1)))) "
     "(partition#1 (. a b) (| U (where (== x a)))))"                                           },
    {"T | __partitionby a id guid(74be27de-1e4e-49d9-b579-fe0b091d3642) (take 1)",
     "(| T (__partitionby a (| @rows (take 1))))"                                                                                                                          },
    {"T | scan declare (x:long=0, y:string) with (step s1: true => x = 1, y = "
     "\"a\"; step s2 optional output=last: a > s1.x; step s3 output=none: true;)",         "(| T (scan (list x:long=0 y:string) _ _ (step:s1 true (list (= x 1) (= y "
     "\"a\"))) (step:s2#3 (> a (. s1 x)) _) (step:s3#4 true _)))"                   },
    {"T | scan with_match_id=m order by a asc partition by b with (step s: true;)",
     "(| T (scan {with_match_id=m} _ (list (by-asc a)) (list b) (step:s true _)))"                                                                                         },
    {"T | serialize | serialize n = row_number(), a",
     "(| (| T (serialize)) (serialize (= n (row_number())) a))"                                                                                                            },
    {"T | top-nested 2 of a by count() | top-nested 3 of x = a with others = \"o\" "
     "by s = sum(c) desc, top-nested of b by max(d)",                                      "(| (| T (top-nested (level of top-nested 2 a _ (by (count()))))) "
     "(top-nested (level of top-nested 3 (= x a) \"o\" (by-desc (= s (sum() c)))) "
     "(level of top-nested _ b _ (by (max() d)))))"                                                              },
    {"T | top-hitters 3 of a | top-hitters 3 of a by b",
     "(| (| T (top-hitters 3 a _)) (top-hitters 3 a (by b)))"                                                                                                              },
    {"search \"x\"",                                                                            "(search \"x\" _)"                                                         },
    {"search kind=case_sensitive in (T, U*, database(\"d\").V) \"x\" and (a:\"b*\" or * "
     "has \"c\") | search *",                                                              "(| (search {kind=case_sensitive} (and \"x\" (or (has a \"b*\") (has * \"c\"))) "
     "(list T U* (. (database() \"d\") V))) (search * _))"                                                                               },
    {"find \"x\"",                                                                              "(find _ \"x\" _)"                                                         },
    {"find withsource=s in (T, U*) where a == 1 project a, b:string, pack(*)",
     "(find {withsource=s} (list T U*) (== a 1) (list a b:string (pack() *)))"                                                                                             },
    {"find in (T | as x) where a == 1 project-smart",                                           "(find#1 (list (| T (as:x))) (== a 1) _)"                                  },
    {"T | evaluate bag_unpack(d) | evaluate hint.distribution=per_node pivot(a, "
     "count(), b) : (x:long, *)",                                                          "(| (| T (evaluate (bag_unpack() d) _)) (evaluate "
     "{hint.distribution=per_node} (pivot() a (count()) b) (schema* x:long)))"                                                       },
    {"evaluate f(1)",                                                                           "(evaluate (f() 1) _)"                                                     },
    {"T | invoke f(1, \"x\")",                                                                  "(| T (invoke (f() 1 \"x\")))"                                             },
    {"T | render timechart | render 3Dchart with (title=\"x\", xcolumn=a, "
     "ycolumns=b, c, series=d, ['e f'], kind=stacked, ymin=-1, legend=hidden)",            "(| (| T (render:timechart)) (render:3Dchart {title=\"x\" xcolumn=a "
     "ycolumns=(list b c) series=(list d ['e f']) kind=stacked ymin=-1 "
     "legend=hidden}))"                                                                },
    {"T | render columnchart kind=unstacked with (xcolumn=a, legend=hidden)",
     "(| T (render:columnchart {kind=unstacked xcolumn=a legend=hidden}))"                                                                                                 },
    {"T | render barchart kind=stacked title=\"x\"",
     "(| T (render:barchart {kind=stacked title=\"x\"}))"                                                                                                                  },
    {"T | as x | as hint.materialized=true y | consume | consume "
     "decodeblocks=true | getschema | getschema kind=csl",                                 "(| (| (| (| (| (| T (as:x)) (as:y {hint.materialized=true})) (consume)) "
     "(consume {decodeblocks=true})) (getschema)) (getschema {kind=csl}))"                                  },
    {"T | reduce by a | reduce kind=source by strcat(a, b) with threshold=0.1, "
     "characters=\"x\"",                                                                   "(| (| T (reduce a)) (reduce {kind=source threshold=0.1 characters=\"x\"} "
     "(strcat() a b)))"                                                                                                                       },
    {"T | facet by a, b | facet by a with (where b | take 5) | facet by a with "
     "take 5",                                                                             "(| (| (| T (facet (list a b) _)) (facet (list a) (| (| @rows (where b)) "
     "(take 5)))) (facet (list a) (| @rows (take 5))))"                                                                                                 },
    {"T | fork (take 1) (count) | fork x = (take 1) y=(where a | count)",
     "(| (| T (fork (| @rows (take 1)) (| @rows (count)))) (fork (= x (| @rows "
     "(take 1))) (= y (| (| @rows (where a)) (count)))))"                                                                                                                  },
    {"T | assert-schema (a:long, b:string) | __executeAndCache",
     "(| (| T (assert-schema (schema a:long b:string))) (__executeAndCache))"                                                                                              },
    {"T | make-graph a --> b with N on id | graph-match (a)-[e*1..3]->(b)<--(c), "
     "(x)--(y) where e.x == 1 project p = a.x | count",                                    "(| (| (| T (graph operator:make-graph)) (graph operator:graph-match)) "
     "(count))"                                                                                                },
    {"T | make-graph a --> b partitioned-by x (graph-match (a)-->(b) project a) | "
     "graph-to-table nodes as N, edges as E",                                              "(| (| T (graph operator:make-graph)) (graph operator:graph-to-table))"    },
    {"macro-expand kind=outer entity_group [cluster(\"a\").database(\"b\"), c] as X "
     "(X.T | take 1; X.U)",                                                                "(macro-expand:X {kind=outer} (entity_group() (. (cluster() \"a\") (database() "
     "\"b\")) c) (| (. X T) (take 1)) (. X U))"                                                                                            },
    {"range x from 1 to 10 step 1 | where x > range(1, 2)[0]",
     "(| (range:x 1 10 1) (where (> x ([] (range() 1 2) 0))))"                                                                                                             },
    {"print a = 1, b = (T | take 1), toscalar(T | count), totable(T), "
     "typeof(long), typeof(a:int)",                                                        "(print (= a 1) (= b (| T (take 1))) (toscalar (| T (count))) (totable T) "
     "(typeof long) (typeof (schema a:int)))"                                                                                      },
    {"datatable(a:long, ['b c']:string) [1, \"x\", -2, \"y\",]",
     "(datatable (schema a:long b c:string) 1 \"x\" -2 \"y\")"                                                                                                             },
    {"datatable(a:datetime, d:dynamic) [datetime(2020-01-01), dynamic({\"x\":1})]",
     "(datatable (schema a:datetime d:dynamic) "
     "datetime(2020-01-01T00:00:00.0000000Z) dynamic({\"x\":1}))"                                                                                                          },
    {"externaldata(a:string, b:long)[\"https://x\" h@\"?sig\", \"y\"] with "
     "(format=\"csv\", ignoreFirstRow=true)",                                              "(externaldata {format=\"csv\" ignoreFirstRow=true} (schema a:string b:long) "
     "h\"****\" \"y\")"                                                                                                  },
    {"externaldata(a:string)[strcat(base, 'x'), \"y\"]",
     "(externaldata (schema a:string) (strcat() base \"x\") \"y\")"                                                                                                        },
    {"external_data (a:string)[\"x\"]",                                                         "(externaldata (schema a:string) \"x\")"                                   },
    {"cluster(\"c\").database(\"d\").['T t'] | union cluster('c').database('d').U",
     "(| (. (. (cluster() \"c\") (database() \"d\")) ['T t']) (union (. (. (cluster() "
     "\"c\") (database() \"d\")) U)))"                                                                                                                                     },
    {"T datascope=all | take 1",                                                                "(| T (take 1))"                                                           },
    {"T // a comment\n// another | where\n| take 1 // \"end",                                   "(| T (take 1))"                                                           },
    {"(T | take 1) | take 2",                                                                   "(| (| T (take 1)) (take 2))"                                              },
    {"1 + 1",                                                                                   "(+ 1 1)"                                                                  },
};

/* The complaints, a line each: "line:column text". */
static const struct {
    const char *name, *query, *complaints;
} wrong[] = {
    {"an infix misspelt",               "T | where a contians \"x\" and b == 1",
     "1:13 unknown operator 'contians'; did you mean 'contains'?\n"                                                                            },
    {"in capitals",                     "T | where iff(a Has \"x\", 1, 2) == 1",
     "1:17 unknown operator 'Has'; did you mean 'has'?\n"                                                                                      },
    {"||",                              "T | where a || b",                                "1:14 '||' is no operator; write 'or'\n"            },
    {"&&",                              "T | where a && b",                                "1:13 '&' is no sign of the language; write 'and'\n"},
    {"not in",                          "T | where a not in (1)",
     "1:13 'not' is no operator; write '!in', or not(...) around all\n"                                                                        },
    {"a ; forgotten",                   "let x = 5\nT | take x",
     "2:1 a ';' is missing behind the 'let' before this\n"                                                                                     },
    {"a bracket open over lines",       "T\n| where x in (\"a\"\n| summarize count()",
     "3:20 expected ')' or ',' behind a value, found the end of the query; the '(' in line 2 is "
     "open\n"                                                                                                                                  },
    {"errors behind an open bracket",   "T\n| where (a == b\n    c\n| sumarize x\n| take",
     "3:5 expected ',' or an operator, '|' or ';', found 'c'\n4:3 unknown operator 'sumarize'; did "
     "you mean 'summarize'?\n5:7 expected an expression, found the end of the query; the '(' in "
     "line 2 is open\n"                                                                                                                        },

    {"an operator misspelt",            "T | sumarize count() by x",
     "1:5 unknown operator 'sumarize'; did you mean 'summarize'?\n"                                                                            },
    {"a dashed one misspelt",           "T | project-awy x",
     "1:5 unknown operator 'project-awy'; did you mean 'project-away'?\n"                                                                      },
    {"an operator of SQL",              "T | SELECT a",
     "1:5 there is no operator 'SELECT'; here it is 'project'\n"                                                                               },
    {"an operator of SPL",              "T | stats count() by a | head 5",
     "1:5 there is no operator 'stats'; here it is 'summarize'\n1:26 there is no operator 'head'; "
     "here it is 'take'\n"                                                                                                                     },
    {"is null",                         "T | where a is null",
     "1:13 'is' is no operator; write isnull(x), or isempty(x) of a string\n"                                                                  },
    {"descending",                      "T | sort by a descending",
     "1:15 the order is written 'asc' or 'desc', not 'descending'\n"                                                                           },
    {"a comma before by",               "T | summarize count(), by a",
     "1:24 there is a ',' too many before 'by'\n"                                                                                              },
    {"===",                             "T | where a === 1",                               "1:15 '===' is no operator; write '=='\n"           },
    {"typeset quotes",                  "T | where a == \xe2\x80\x9cx\xe2\x80\x9d",
     "1:16 '\xe2\x80\x9c' is a typeset quote; strings stand in straight ones: \" or '\n1:18 "
     "'\xe2\x80\x9d' is a typeset quote; strings stand in straight ones: \" or '\n"                                                            },
    {"an operator of nothing",          "T | foo x",                                       "1:5 unknown operator 'foo'\n"                      },
    {"a source behind a pipe",          "T | print 1",
     "1:5 'print' begins a query and cannot stand behind '|'\n"                                                                                },
    {"no operator",                     "T | | take 1",
     "1:5 expected an operator (where, summarize, project ...), found '|'\n"                                                                   },
    {"no operator at the end",          "T |",
     "1:4 expected an operator (where, summarize, project ...), found the end of the query\n"                                                  },
    {"two operators wrong",             "T | wher a | where b == | tak 5",
     "1:5 unknown operator 'wher'; did you mean 'where'?\n1:25 expected an expression, found "
     "'|'\n1:27 unknown operator 'tak'; did you mean 'take'?\n"                                                                                },
    {"two statements wrong",            "let x = ; T | wher a; let = 5",
     "1:9 expected an expression, found ';'\n1:15 unknown operator 'wher'; did you mean "
     "'where'?\n1:27 expected a name behind 'let', found '='\n"                                                                                },
    {"wrong inside a sub-query",        "T | join (U | wher a | take) on b | tke 1",
     "1:15 unknown operator 'wher'; did you mean 'where'?\n1:28 expected an expression, found "
     "')'\n1:37 unknown operator 'tke'; did you mean 'take'?\n"                                                                                },
    {"a pipe forgotten",                "T where a == 1",                                  "1:3 a '|' is missing before the operator 'where'\n"},
    {"= for ==",                        "T | where a = 1",
     "1:13 '=' gives a name and cannot stand here; compare with '=='\n"                                                                        },
    {"comparisons chained",             "print 1 == 2 == 3",
     "1:14 comparisons do not chain: join two with 'and', or put one in brackets\n"                                                            },
    {"string operators chained",        "T | where a has \"x\" has \"y\"",
     "1:21 comparisons do not chain: join two with 'and', or put one in brackets\n"                                                            },
    {"a function called kind",          "print kind(1)",
     "1:7 'kind' is a word of the language; to use it as a name write ['kind']\n"                                                              },
    {"AND",                             "T | where a AND b",                               "1:13 unknown operator 'AND'; did you mean 'and'?\n"},
    {"not without brackets",            "T | where not a",                                 "1:15 'not' is a function: write not(...)\n"        },
    {"a word kept by the language",     "T | where first == 1",
     "1:11 'first' is a word of the language; to use it as a name write ['first']\n"                                                           },
    {"a kept word as a new name",       "T | extend long = 1",
     "1:12 'long' is a word of the language; to use it as a name write ['long']\n"                                                             },
    {"an operator as a name",           "T | where project == 1",
     "1:11 the operator 'project' stands where a value is expected; as a name write ['project']\n"                                             },
    {"a bracket too few",               "T | where (a == 1",
     "1:18 expected ')', found the end of the query; the '(' in line 1 is open\n"                                                              },
    {"a bracket too many",              "T | where a == 1) | take 1",                      "1:17 this ')' closes nothing\n"                    },
    {"a string not closed",             "T | where a == \"x\n| take 1",
     "1:16 this string is not closed: write \" at its end, on the same line\n"                                                                 },
    {"a long string not closed",        "print ```x",
     "1:7 this string is not closed: write ``` behind it\n"                                                                                    },
    {"no escape",                       "print \"\\q\"",
     "1:8 '\\q' is no escape of the language; write \\\\ for a back-slash, or @\"...\" for a "
     "string without escapes\n"                                                                                                                },
    {"no operator with !",              "T | where a !hass \"x\"",
     "1:13 no operator '!hass'; did you mean '!has'?\n"                                                                                        },
    {"a sign of nothing",               "print 1 # 2",
     "1:9 '#' is no sign of the language; a comment begins with //\n"                                                                          },
    {"a letter beyond ASCII",           "print \xc3\xa9 = 1",
     "1:7 '\xc3\xa9' is no sign of the language; write names that hold it as ['...']\n"                                                        },
    {"columns count code points",       "print \"\xc3\xa9\xc3\xa9\", ?",
     "1:13 expected an expression, found '?'\n"                                                                                                },
    {"a literal that is none",          "print guid(x)",
     "1:7 'guid(x)' is not a guid: guid(74be27de-1e4e-49d9-b579-fe0b091d3642)\n"                                                               },
    {"int overflows",                   "print int(3000000000)",
     "1:7 'int(3000000000)' is not an int: int(-5), int(null); 32 bits\n"                                                                      },
    {"long overflows",                  "print 9223372036854775808",
     "1:7 '9223372036854775808' is not a long: 64 bits do not hold it\n"                                                                       },
    {"a bare guid",                     "print 74be27de-1e4e-49d9-b579-fe0b091d3642",
     "1:7 a guid must be written as guid(...)\n"                                                                                               },
    {"no such type",                    "datatable(a:strin) []",                           "1:13 no type 'strin'; did you mean 'string'?\n"    },
    {"dynamic with a bare key",         "print dynamic({a:1})",
     "1:16 expected a key in quotes, found 'a'\n"                                                                                              },
    {"dynamic with a call",             "print dynamic(f())",                              "1:15 expected a JSON value, found 'f'\n"           },
    {"top without by",                  "T | top 5",                                       "1:10 expected 'by', found the end of the query\n"  },
    {"lookup without on",               "T | lookup U",
     "1:13 expected 'on' and the key columns, found the end of the query\n"                                                                    },
    {"between without dots",            "print a between (1, 2)",
     "1:19 expected '..' between the two bounds, found ','\n"                                                                                  },
    {"a datatable's value",             "datatable(a:long)[1 + 1]",
     "1:21 expected ']' or ',' behind a value, found '+'\n"                                                                                    },
    {"a comma at the end",              "T | project a,",
     "1:15 expected an expression, found the end of the query\n"                                                                               },
    {"a management command",            ".show tables",
     "1:1 management commands (.show, .create ...) are not queries\n"                                                                          },
    {"an empty statement",              "T;; U",                                           "1:3 expected a statement, found ';'\n"             },
    {"found literals are not repeated", "T | project a h\"secret\"",
     "1:15 expected ',' or an operator, '|' or ';', found a string\n"                                                                          },
};

static struct pool pool;
static jmp_buf escape;

static const struct kql_syntax *
parse(struct span query, struct kql_diagnostics *d)
{
    pool_reset(&pool);
    kql_diagnostics_init(d, &pool, query);
    return kql_parse(&pool, query, d);
}

static void
check_forms(void)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct kql_diagnostics d;
        const struct kql_syntax *query = parse(span_of(forms[i].query), &d);
        struct span tree = kql_syntax_print(&pool, query), expected;

        expected = pool_printf(&pool, "(query %s)", forms[i].tree);
        CHECK(d.count == 0, "%s: %s", forms[i].query, d.count == 0 ? "" : d.items[0].text);
        CHECK(span_equal(tree, expected), "%s:\n  %.*s\nbut expected\n  %.*s", forms[i].query,
              (int)tree.n, tree.p, (int)expected.n, expected.p);
    }
}

static void
check_wrong(void)
{
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct kql_diagnostics d;
        struct span all = {"", 0};

        parse(span_of(wrong[i].query), &d);
        for (uint32_t k = 0; k < d.count; k++)
            all = pool_printf(&pool, "%.*s%u:%u %s\n", (int)all.n, all.p, d.items[k].line,
                              d.items[k].column, d.items[k].text);
        CHECK(span_is(all, wrong[i].complaints), "%s: %s\n%.*s", wrong[i].name, wrong[i].query,
              (int)all.n, all.p);
        CHECK(d.error_count > 0, "%s: no error", wrong[i].name);
    }
}

/* Children lie inside their parents, in the bounds of the text. */
static bool
is_sound(const struct kql_syntax *s, size_t size)
{
    if (s == NULL)
        return true;
    if (s->at > size || s->size > size - s->at)
        return false;
    for (uint32_t i = 0; i < s->child_count; i++)
        if (!is_sound(s->children[i], size))
            return false;
    return true;
}

/* Every beginning and every end of each query, in memory of exactly that size. */
static void
check_pieces(void)
{
    size_t refused = 0;

    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        size_t size = strlen(forms[i].query);

        for (size_t n = 0; n <= size; n++)
            for (int side = 0; side < 2; side++) {
                char *copy = malloc(n == 0 ? 1 : n);
                const struct kql_syntax *query;
                struct kql_diagnostics d;

                memcpy(copy, forms[i].query + (side == 0 ? 0 : size - n), n);
                query = parse((struct span){copy, n}, &d);
                refused += d.error_count > 0;
                if (!is_sound(query, n))
                    CHECK(false, "%s: a node outside the text at %zu", forms[i].query, n);
                kql_syntax_print(&pool, query);
                kql_diagnostics_print(&pool, &d, true);
                kql_conceal(&pool, (struct span){copy, n});
                free(copy);
            }
    }
    CHECK(refused > 1000, "only %zu pieces were refused", refused);
}

/* Repeats 'open' that often, then 'middle', then 'close'. */
static struct span
nested(const char *open, const char *middle, const char *close, size_t count)
{
    size_t o = strlen(open), m = strlen(middle), c = strlen(close), n = 0;
    char *text = malloc(count * (o + c) + m + 1);

    for (size_t i = 0; i < count; i++, n += o)
        memcpy(text + n, open, o);
    memcpy(text + n, middle, m);
    n += m;
    for (size_t i = 0; i < count; i++, n += c)
        memcpy(text + n, close, c);
    return (struct span){text, n};
}

static const struct {
    const char *name, *open, *middle, *close;
    size_t fits;  /* that often it parses */
    size_t count; /* that often it is refused by KQL_E_LIMIT; 0: never */
} deep[] = {
    {"brackets",                    "(",                                  "1",       ")",         190,   100000},
    {"calls",                       "f(",                                 "1",       ")",         150,   100000},
    {"brackets open",               "(",                                  "",        "",          0,     100000},
    {"elements",                    "a[",                                 "1",       "]",         150,   100000},
    {"arrays",                      "print dynamic([",                    "1",       "])",        1,     0     },
    {"sub-queries",                 "union (",                            "T",       ")",         90,    50000 },
    {"joins",                       "T | join (",                         "T",       ") on a",    90,    50000 },
    {"functions",                   "let f = () {",                       "1",       "}; f()",    90,    50000 },
    {"toscalar",                    "print toscalar(",                    "print 1", ")",         90,    50000 },
    {"mv-apply",                    "toscalar(T | mv-apply a on (where ", "1",       "))",        40,    20000 },
    {"in",                          "a in (",                             "1",       ")",         90,    100000},
    {"between",                     "a between (1 .. ",                   "1",       ")",         150,   50000 },
    {"pipes",                       "T ",                                 "",        " | take 1", 1,     0     },
    {"a long pipe",                 "",                                   "T",       " | take 1", 900,   100000},
    {"a long sum",                  "1 + ",                               "1",       "",          900,   100000},
    {"a long path",                 "",                                   "a",       ".b",        900,   100000},
    {"a long list of alternatives", "a == 1 or ",                         "b",       "",          50000, 0     },
    {"a long list of conditions",   "a == 1 and ",                        "b",       "",          50000, 0     },
    {"a long list of values",       "",                                   "print 1", ", 1",       50000, 0     },
    {"many statements",             "T; ",                                "T",       "",          50000, 0     },
    {"minus signs",                 "-",                                  "1",       "",          1,     0     },
    {"literals without an end",     "datetime(",                          "",        "",          0,     0     },
    {"quotes",                      "\"",                                 "",        "",          0,     0     },
    {"braces in dynamic",           "dynamic({\"a\":",                    "",        "",          0,     0     },
};

static void
check_deep(void)
{
    for (size_t i = 0; i < COUNT_OF(deep); i++) {
        size_t counts[] = {deep[i].fits, deep[i].count == 0 ? 50000 : deep[i].count};

        for (int round = 0; round < 2; round++) {
            struct span text = nested(deep[i].open, deep[i].middle, deep[i].close, counts[round]);
            struct kql_diagnostics d;
            const struct kql_syntax *query;
            int64_t began = clock_monotonic_ms(), took;

            if (counts[round] > 0) {
                query = parse(text, &d);
                took = clock_monotonic_ms() - began;
                CHECK(took < 5000, "%s: %lld ms", deep[i].name, (long long)took);
                CHECK(is_sound(query, text.n), "%s: a node outside the text", deep[i].name);
                if (round == 0)
                    CHECK(d.count == 0, "%s %zu times: %s", deep[i].name, counts[0],
                          d.count == 0 ? "" : d.items[0].text);
                else if (deep[i].count > 0) {
                    bool is_limit = false;

                    for (uint32_t k = 0; k < d.count; k++)
                        is_limit |= d.items[k].code == KQL_E_LIMIT;
                    CHECK(is_limit, "%s %zu times is taken", deep[i].name, counts[1]);
                }
            }
            free((char *)(uintptr_t)text.p);
        }
    }
}

static void
check_limits(void)
{
    struct kql_diagnostics d;
    struct span text = nested("x", "", "", KQL_QUERY_MAX + 1);
    const struct kql_syntax *query = parse(text, &d);

    CHECK(d.count == 1 && d.items[0].code == KQL_E_LIMIT && query->child_count == 0,
          "a text that is too long is taken");
    free((char *)(uintptr_t)text.p);
    text = nested("`", "", "", KQL_QUERY_MAX);
    parse(text, &d);
    CHECK(d.error_count > 0, "a megabyte of back-ticks is taken");
    free((char *)(uintptr_t)text.p);
    text = nested("1+1 2|", "", "", 1000);
    parse(text, &d);
    CHECK(d.count == KQL_DIAGNOSTICS_MAX &&
              strcmp(d.items[d.count - 1].text, "there is more; mend these first") == 0,
          "a thousand errors make %u complaints", d.count);
    CHECK(d.error_count >= 1000, "a thousand errors are counted as %u", d.error_count);
    free((char *)(uintptr_t)text.p);
}

/* A small pool: the parser leaves by the escape, nothing else happens. */
static void
check_memory(void)
{
    struct span text = nested("T | where a == 1; ", "T", "", 10000);
    volatile bool escaped = false;

    pool_free(&pool);
    pool.limit = 256 * 1024;
    if (setjmp(escape) == 0) {
        struct kql_diagnostics d;

        parse(text, &d);
    } else
        escaped = true;
    CHECK(escaped && pool.why == POOL_SPENT, "a pool that is too small is no matter");
    pool_free(&pool);
    pool.limit = (size_t)1 << 30;
    if (setjmp(escape) != 0)
        abort();
    free((char *)(uintptr_t)text.p);
}

static const struct {
    const char *text, *concealed;
} secrets[] = {
    {"print 1",                                             "print 1"                    },
    {"print h\"abc\", \"abc\"",                             "print h\"****\", \"abc\""   },
    {"print H'a''b' h@\"c\"\"d\"",                          "print H'****''b' h@\"****\""},
    {"print h```a\nb``` // h\"x\"",                         "print h```****``` // h\"x\""},
    {"T | foo ( h\"not closed\n| take",                     "T | foo ( h\"****\n| take"  },
    {"externaldata(a:string)[@\"https://x\" h@\"?sig=1\"]",
     "externaldata(a:string)[@\"https://x\" h@\"****\"]"                                 },
    {"h\"",                                                 "h\"****"                    },
    {"h```secret",                                          "h```****"                   },
    {"oh\"x\"",                                             "oh\"x\""                    },
    {"h\"\"",                                               "h\"****\""                  },
};

static void
check_conceal(void)
{
    for (size_t i = 0; i < COUNT_OF(secrets); i++) {
        struct span s = kql_conceal(&pool, span_of(secrets[i].text));

        CHECK(span_is(s, secrets[i].concealed), "%s: %.*s", secrets[i].text, (int)s.n, s.p);
    }
}

static void
check_print(void)
{
    struct kql_diagnostics d;
    struct span s;

    parse(SPAN_LITERAL("T\n\t| sumarize x\n| take"), &d);
    s = kql_diagnostics_print(&pool, &d, true);
    CHECK(span_is(s, "query:2:4: error KQL001: unknown operator 'sumarize'; did you mean "
                     "'summarize'?\n    \t| sumarize x\n    \t  ^^^^^^^^\n"
                     "query:3:7: error KQL001: expected an expression, found the end of the "
                     "query\n    | take\n          ^\n"),
          "%.*s", (int)s.n, s.p);
    s = kql_diagnostics_print(&pool, &d, false);
    CHECK(span_is(s, "query:2:4: error KQL001: unknown operator 'sumarize'; did you mean "
                     "'summarize'?\nquery:3:7: error KQL001: expected an expression, found the "
                     "end of the query\n"),
          "%.*s", (int)s.n, s.p);
}

static const struct {
    const char *wanted, *offers[4], *best;
} nearest[] = {
    {"ProcesCommandLine", {"ProcessId", "ProcessCommandLine", "FileName"}, "ProcessCommandLine"},
    {"deviceid",          {"DeviceName", "DeviceId"},                      "DeviceId"          },
    {"tiem",              {"time", "item"},                                "time"              },
    {"x",                 {"y", "z"},                                      NULL                },
    {"foo",               {"summarize", "where"},                          NULL                },
    {"",                  {"a"},                                           NULL                },
};

static void
check_nearest(void)
{
    for (size_t i = 0; i < COUNT_OF(nearest); i++) {
        struct kql_nearest n = {.wanted = span_of(nearest[i].wanted)};

        for (size_t k = 0; k < COUNT_OF(nearest[i].offers) && nearest[i].offers[k] != NULL; k++)
            kql_nearest_offer(&n, span_of(nearest[i].offers[k]));
        CHECK(nearest[i].best == NULL ? n.best.p == NULL
                                      : n.best.p != NULL && span_is(n.best, nearest[i].best),
              "%s: %.*s", nearest[i].wanted, (int)n.best.n, n.best.p == NULL ? "" : n.best.p);
    }
}

static void
check_names(void)
{
    static const char *const kept[] = {"first", "project", "mv-expand", "long", "by", "where"};
    static const char *const free_ones[] = {"Time", "Type", "Title", "kind", "count", "a", ""};

    for (size_t i = 0; i < COUNT_OF(kept); i++)
        CHECK(kql_is_reserved(span_of(kept[i])), "%s is free", kept[i]);
    for (size_t i = 0; i < COUNT_OF(free_ones); i++)
        CHECK(!kql_is_reserved(span_of(free_ones[i])), "%s is kept", free_ones[i]);
    for (int i = 0; i < SYN_KIND_COUNT; i++)
        CHECK(kql_syntax_name((enum kql_syntax_kind)i) != NULL, "kind %d has no name", i);
    for (int i = 0; i < KQL_OP_COUNT; i++)
        CHECK(kql_operator_name((enum kql_operator)i) != NULL, "operator %d has no name", i);
    for (int i = 0; i < KQL_CODE_COUNT; i++)
        CHECK(kql_code_name((enum kql_code)i) != NULL && kql_code_title((enum kql_code)i) != NULL,
              "code %d has no name", i);
}

int
main(void)
{
    pool_init(&pool, (size_t)1 << 30);
    pool.escape = &escape;
    if (setjmp(escape) != 0) {
        printf("the pool was spent: %s\n", pool.reason.text);
        return 1;
    }
    check_forms();
    check_wrong();
    check_pieces();
    check_deep();
    check_limits();
    check_memory();
    check_conceal();
    check_print();
    check_nearest();
    check_names();
    pool_free(&pool);
    return test_end();
}
