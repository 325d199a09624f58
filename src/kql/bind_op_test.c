/* bind_op_test.c - tabular operators: what columns each gives, and what each refuses, and where.
 * The expected columns were made with Microsoft's binder (@kusto/language-service-next) where it
 * and the service agree. */
#include "base/test.h"
#include "kql/bind.h"

/* ---- an environment of a few tables ---- */

/* SPAN_LITERAL is no constant in the sense of static initializers. */
#define NAME(text)                                                                                 \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const struct kql_column columns_a[] = {
    {NAME("a"), KQL_LONG    },
    {NAME("b"), KQL_STRING  },
    {NAME("t"), KQL_DATETIME},
    {NAME("d"), KQL_DYNAMIC },
    {NAME("r"), KQL_REAL    },
};
static const struct kql_column columns_b[] = {
    {NAME("a"), KQL_LONG  },
    {NAME("c"), KQL_STRING},
};
static const struct kql_column columns_c[] = {
    {NAME("a"), KQL_STRING},
    {NAME("i"), KQL_INT   },
};
static const struct kql_table tables[] = {
    {NAME("Ta"), {columns_a, COUNT_OF(columns_a), false}, NULL, false, false},
    {NAME("Tb"), {columns_b, COUNT_OF(columns_b), false}, NULL, false, false},
    {NAME("Uc"), {columns_c, COUNT_OF(columns_c), false}, NULL, false, false},
};

static bool
table_at(void *context, size_t index, struct kql_table *out)
{
    (void)context;
    if (index >= COUNT_OF(tables))
        return false;
    *out = tables[index];
    return true;
}

static bool
table(void *context, struct span name, struct kql_table *out)
{
    for (size_t i = 0; table_at(context, i, out); i++)
        if (span_equal(out->name, name))
            return true;
    return false;
}

/* ---- results ---- */

/* "a:long, b:string", with " serialized" and " open" behind; or "KQL102 5". */
static void
describe(struct pool *p, const char *query, char *out, size_t room)
{
    const struct kql_environment environment = {.table = table, .table_at = table_at};
    struct kql_diagnostics d;
    struct kql_bound bound = {0};
    size_t at = 0;

    kql_diagnostics_init(&d, p, span_of(query));
    out[0] = '\0';
    if (!kql_bind(p, span_of(query), &environment, &d, &bound)) {
        snprintf(out, room, "%s %u", kql_code_name(d.items[0].code), (unsigned)d.items[0].at);
        return;
    }
    if (bound.plan == NULL)
        return;
    for (uint32_t i = 0; i < bound.plan->schema.count && at < room; i++) {
        const struct kql_column *c = &bound.plan->schema.columns[i];

        at += (size_t)snprintf(out + at, room - at, "%s%.*s:%s", i > 0 ? ", " : "", (int)c->name.n,
                               c->name.p, kql_type_name(c->type));
    }
    if (at < room)
        snprintf(out + at, room - at, "%s%s", bound.plan->is_serialized ? " serialized" : "",
                 bound.plan->schema.is_open ? " open" : "");
}

static const struct {
    const char *query, *result;
} cases[] = {
  /* where, extend, project */
    {"Tb | where a > 1",                                                                       "a:long, c:string"                                            },
    {"Tb | where * has 'x'",                                                                   "a:long, c:string"                                            },
    {"Tb | where a",                                                                           "KQL105 11"                                                   },
    {"Tb | where zz > 1",                                                                      "KQL102 11"                                                   },
    {"Ta | where d.x",                                                                         "KQL105 11"                                                   },
    {"Tb | extend a = 'x', z = 1",                                                             "a:string, c:string, z:long"                                  },
    {"Tb | extend z = 1, z = 2",                                                               "KQL106 19"                                                   },
    {"Tb | project c, q = a + 1, a * 2",                                                       "c:string, q:long, Column1:long"                              },
    {"Tb | project a, a",                                                                      "KQL106 16"                                                   },
    {"Tb | project-away c",                                                                    "a:long"                                                      },
    {"Ta | project-away *",                                                                    ""                                                            },
    {"Tb | project-away q*",                                                                   "KQL102 18"                                                   },
    {"Tb | project-keep c, a",                                                                 "a:long, c:string"                                            },
    {"Tb | project-keep nn",                                                                   "KQL102 18"                                                   },
    {"Tb | project-rename x = a",                                                              "x:long, c:string"                                            },
    {"Tb | project-rename c = a",                                                              "KQL106 20"                                                   },
    {"Tb | project-rename a",                                                                  "KQL001 20"                                                   },
    {"Tb | project-reorder c",                                                                 "c:string, a:long"                                            },
    {"datatable(b10:int, b9:int, A:int)[] | project-reorder b* asc",                           "b10:int, b9:int, A:int"                                      },
    {"datatable(b10:int, b9:int, A:int)[] | project-reorder b* granny-asc",
     "b9:int, b10:int, A:int"                                                                                                                                },
    {"datatable(b10:int, b9:int, A:int)[] | project-reorder * desc",                           "b9:int, b10:int, A:int"                                      },
    {"Tb | project-by-names 'c', dynamic(['zz', 'a*'])",                                       "c:string, a:long"                                            },
    {"Tb | serialize",                                                                         "a:long, c:string serialized"                                 },
    {"Tb | sort by a | project c",                                                             "c:string serialized"                                         },
    {"Tb | wher a",                                                                            "KQL001 5"                                                    },

 /* sort, top, take */
    {"Tb | sort by a asc, c",                                                                  "a:long, c:string serialized"                                 },
    {"Ta | sort by d",                                                                         "KQL105 13"                                                   },
    {"Tb | top 3 by a",                                                                        "a:long, c:string serialized"                                 },
    {"Tb | top 'x' by a",                                                                      "KQL105 9"                                                    },
    {"Tb | top a by a",                                                                        "KQL107 9"                                                    },
    {"Tb | take 5",                                                                            "a:long, c:string"                                            },
    {"Tb | take 1.5",                                                                          "KQL105 10"                                                   },
    {"Tb | take toscalar(Tb | count)",                                                         "a:long, c:string"                                            },
    {"Tb | sort by a | take 5",                                                                "a:long, c:string serialized"                                 },
    {"Tb | count",                                                                             "Count:long"                                                  },
    {"Tb | count as n",                                                                        "n:long"                                                      },
    {"Tb | sample 2",                                                                          "a:long, c:string"                                            },
    {"Tb | sample-distinct 2 of c",                                                            "c:string"                                                    },
    {"Ta | sample-distinct 2 of d",                                                            "KQL105 26"                                                   },

 /* summarize and its kin */
    {"Ta | summarize count() by b",                                                            "b:string, count_:long"                                       },
    {"Ta | summarize sum(y = a), countif(z = a > 1), l = make_list_if(b, z = a > 1)",
     "sum_y:long, countif_z:long, l:dynamic"                                                                                                                 },
    {"Ta | project x = strcat(length = b, source = b)",                                        "x:string"                                                    },
    {"Ta | project x = iff(then = 1, true, 2)",                                                "KQL105 28"                                                   },
    {"Ta | summarize sum(a), sum(a), x = sum(r) / count() by b",
     "b:string, sum_a:long, sum_a1:long, x:real"                                                                                                             },
    {"Ta | summarize by b, a",                                                                 "b:string, a:long"                                            },
    {"Tb | summarize arg_max(a, *) by c",                                                      "c:string, a:long"                                            },
    {"Tb | summarize arg_max(a, *)",                                                           "a:long, c:string"                                            },
    {"Tb | summarize take_any(*)",                                                             "a:long, c:string"                                            },
    {"Tb | summarize x = arg_max(a, *)",                                                       "x:long, c:string"                                            },
    {"Ta | summarize percentiles(a, 5, 50)",                                                   "percentile_a_5:long, percentile_a_50:long"                   },
    {"Ta | summarize make_list(a), make_set(b)",                                               "list_a:dynamic, set_b:dynamic"                               },
    {"Ta | summarize a = count() by a",                                                        "KQL106 15"                                                   },
    {"Ta | summarize count() by d",                                                            "KQL105 26"                                                   },
    {"Ta | summarize a by b",                                                                  "KQL108 15"                                                   },
    {"Ta | sort by a | summarize count() by b",                                                "b:string, count_:long"                                       },
    {"Tb | distinct c",                                                                        "c:string"                                                    },
    {"Tb | distinct *",                                                                        "a:long, c:string"                                            },
    {"Ta | distinct *",                                                                        "KQL105 14"                                                   },
    {"Tb | distinct a + 1",                                                                    "Column1:long"                                                },
    {"Ta | make-series count() on t step 1d",                                                  "count_:dynamic, t:dynamic"                                   },
    {"Ta | make-series s = sum(a) default = 0, avg(r) on t from datetime(2020-01-01) to "
     "datetime(2020-02-01) step 1d by b",                                                 "b:string, s:dynamic, avg_r:dynamic, t:dynamic"               },
    {"Ta | make-series sum(a) on a from 0 to 5 step 1d",                                       "KQL105 46"                                                   },
    {"Ta | make-series sum(a) on t from 0 to 5 step 1d",                                       "KQL105 34"                                                   },
    {"Ta | make-series sum(a) on a step 0",                                                    "KQL110 34"                                                   },
    {"Ta | make-series sum(a) on b step 1",                                                    "KQL105 27"                                                   },
    {"Ta | make-series percentiles(a, 5, 50) on t step 1d",
     "percentile_a_5:dynamic, percentile_a_50:dynamic, t:dynamic"                                                                                            },
    {"Ta | top-nested 2 of b by sum(a)",                                                       "b:string, aggregated_b:long"                                 },
    {"Ta | top-nested 2 of b with others = 'z' by x = sum(a), top-nested of a by count() asc",
     "b:string, x:long, a:long, aggregated_a:long"                                                                                                           },
    {"Ta | top-nested 2 of b by a",                                                            "KQL108 26"                                                   },
    {"Ta | top-nested 2 of d by count()",                                                      "d:dynamic, aggregated_d:long"                                },
    {"Ta | top-hitters 2 of b",                                                                "b:string, approximate_count_b:long serialized"               },
    {"Ta | top-hitters 2 of b by a",                                                           "b:string, approximate_sum_a:long serialized"                 },
    {"Ta | top-hitters 2 of b by b",                                                           "KQL105 27"                                                   },

 /* join, lookup, union */
    {"Tb | join Tb on a",                                                                      "a:long, c:string, a1:long, c1:string"                        },
    {"Tb | join Tb on a | join Tb on a",
     "a:long, c:string, a1:long, c1:string, a2:long, c2:string"                                                                                              },
    {"datatable(a:int, a1:int)[] | join (datatable(a:int, x:int)[]) on a",
     "a:int, a1:int, a2:int, x:int"                                                                                                                          },
    {"Tb | join kind=leftsemi Ta on a",                                                        "a:long, c:string"                                            },
    {"Ta | join kind=rightanti Tb on $left.a == $right.a",                                     "a:long, c:string"                                            },
    {"Tb | join kind=inner (Ta) on $left.a == $right.a and $left.c == $right.b",
     "a:long, c:string, a1:long, b:string, t:datetime, d:dynamic, r:real"                                                                                    },
    {"Tb | join kind=inner Uc on $left.a == $right.i",                                         "a:long, c:string, a1:string, i:int"                          },
    {"Tb | join kind=left Tb on a",                                                            "KQL109 15"                                                   },
    {"Tb | join knd=inner Tb on a",                                                            "KQL109 10"                                                   },
    {"Tb | join hint.strategy=broadcast Tb on a",                                              "a:long, c:string, a1:long, c1:string"                        },
    {"Tb | join Ta on c",                                                                      "KQL102 16"                                                   },
    {"Tb | join Tb on zz",                                                                     "KQL102 16"                                                   },
    {"Tb | join Uc on a",                                                                      "KQL105 16"                                                   },
    {"Ta | join Ta on $left.d == $right.d",                                                    "KQL105 16"                                                   },
    {"Tb | join Tb on $left.a == $right.c",                                                    "KQL105 16"                                                   },
    {"Tb | join Tb on $left.a > $right.a",                                                     "KQL108 16"                                                   },
    {"Tb | join Tb on a == 1",                                                                 "KQL108 16"                                                   },
    {"Tb | lookup Ta on a",                                                                    "a:long, c:string, b:string, t:datetime, d:dynamic, r:real"   },
    {"Tb | lookup kind=inner (Tb | project q = a, c) on $left.a == $right.q",
     "a:long, c:string, c1:string"                                                                                                                           },
    {"Tb | lookup kind=fullouter Ta on a",                                                     "KQL109 17"                                                   },
    {"Tb | union Tb",                                                                          "a:long, c:string"                                            },
    {"Tb | union Uc",                                                                          "a_long:long, a_string:string, c:string, i:int"               },
    {"union kind=inner Ta, Tb",                                                                "a:long"                                                      },
    {"union withsource = src T*",
     "src:string, a:long, b:string, t:datetime, d:dynamic, r:real, c:string"                                                                                 },
    {"union *",                                                                                "a_long:long, a_string:string, b:string, t:datetime, d:dynamic, r:real, c:string, "
                "i:int"                                                                                                                       },
    {"datatable(x:long)[] | union (datatable(x:int)[]), (datatable(x_long:long)[])",
     "x_long1:long, x_int:int, x_long:long"                                                                                                                  },
    {"let V1 = view () { Tb }; let V2 = view () { print z = 1 }; union withsource = s V*",
     "s:string, z:long, a:long, c:string"                                                                                                                    },
    {"union isfuzzy=true Tb, Nope, (Nope | where x == 1)",                                     "a:long, c:string"                                            },
    {"union Tb, Nope",                                                                         "KQL101 10"                                                   },
    {"union Q*",                                                                               "KQL101 6"                                                    },
    {"union kind=both Tb",                                                                     "KQL109 11"                                                   },

 /* sources */
    {"datatable(a:int, b:string)[1, 'x', 2, 'y']",                                             "a:int, b:string"                                             },
    {"datatable(a:int, b:string)[1, 'x', 2]",                                                  "KQL110 0"                                                    },
    {"datatable(a:int, a:string)[]",                                                           "KQL106 17"                                                   },
    {"print 1, x = 'a', 2.5",                                                                  "print_0:long, x:string, print_2:real"                        },
    {"print x = 1, x = 2",                                                                     "KQL106 13"                                                   },
    {"range x from 1 to 5 step 1",                                                             "x:long serialized"                                           },
    {"range x from 1 to 5 step 0.5",                                                           "x:real serialized"                                           },
    {"range x from int(1) to int(5) step int(1)",                                              "x:int serialized"                                            },
    {"range x from datetime(2020-01-01) to datetime(2020-01-02) step 1h",                      "x:datetime serialized"                                       },
    {"range x from 1d to 2d step 1h",                                                          "x:timespan serialized"                                       },
    {"range x from 1 to 5 step 0",                                                             "KQL110 25"                                                   },
    {"range x from 'a' to 5 step 1",                                                           "KQL105 13"                                                   },
    {"range x from datetime(2020-01-01) to datetime(2020-01-02) step 1",                       "KQL105 0"                                                    },
    {"externaldata(a:int, b:string)['https://x/y'] with (format='csv')",                       "a:int, b:string"                                             },

 /* mv-expand, mv-apply */
    {"Ta | project a, d | mv-expand d",                                                        "a:long, d:dynamic"                                           },
    {"Ta | project a, d | mv-expand d to typeof(long)",                                        "a:long, d:long"                                              },
    {"Ta | project a, d | mv-expand with_itemindex=i x = d, d.y",                              "a:long, d:dynamic, x:dynamic, "
                                                                  "d_y:dynamic, i:long"     },
    {"Ta | project a, d | mv-expand d, d",                                                     "KQL106 33"                                                   },
    {"Ta | mv-expand a",                                                                       "KQL105 15"                                                   },
    {"Ta | mv-expand kind=what d",                                                             "KQL109 20"                                                   },
    {"Ta | project a, d | mv-apply d to typeof(long) on (summarize s = sum(d))",               "a:long, s:long"                                              },
    {"Ta | project a, d | mv-apply x = d on (where x == 1)",                                   "a:long, d:dynamic, x:dynamic"                                },
    {"Ta | project a, d | mv-apply d on (extend a = 'x')",                                     "a:string, d:dynamic"                                         },
    {"Ta | project a, d | mv-apply with_itemindex = i d on (project i)",                       "a:long, i:long"                                              },
    {"Ta | project d | mv-apply d to typeof(long) on (project n = next(d))",                   "n:long"                                                      },
    {"Ta | project d | mv-apply d on (distinct tostring(d) | extend prev(d))",                 "KQL111 62"                                                   },
    {"Ta | mv-apply a on (take 1)",                                                            "KQL105 14"                                                   },

 /* parse, parse-kv */
    {"Tb | parse c with 'x' y:long 'z' w",                                                     "a:long, c:string, y:long, w:string"                          },
    {"Tb | parse kind=regex flags=Ui c with * 'x' y:long *",                                   "a:long, c:string, y:long"                                    },
    {"Tb | parse-where kind=relaxed c with y 'x' *",                                           "a:long, c:string, y:string"                                  },
    {"Tb | parse c with 'x' y 'z' y",                                                          "KQL106 28"                                                   },
    {"Tb | parse c with y z 'x'",                                                              "KQL108 20"                                                   },
    {"Tb | parse c with y *",                                                                  "KQL108 20"                                                   },
    {"Tb | parse kind=wild c with 'x' y",                                                      "KQL109 16"                                                   },
    {"Tb | parse-kv c as (x:long, y:string) with (pair_delimiter=',', kv_delimiter=':')",
     "a:long, c:string, x:long, y:string"                                                                                                                    },
    {"Tb | parse-kv c as (x:long, x:string)",                                                  "KQL106 28"                                                   },
    {"Tb | parse-kv c as (x:long) with (regex='x', kv_delimiter=':')",                         "KQL109 5"                                                    },

 /* partition, scan, getschema ... */
    {"Tb | partition by c (summarize n = count())",                                            "n:long"                                                      },
    {"Tb | partition by c (top 1 by a)",                                                       "a:long, c:string"                                            },
    {"Tb | partition hint.strategy=legacy by c { print x = toscalar(c) }",                     "x:string"                                                    },
    {"Tb | partition hint.strategy=legacy by c { Tb | where a > 1 }",                          "a:long, c:string"                                            },
    {"Ta | partition by d (count)",                                                            "KQL105 18"                                                   },
    {"Tb | sort by a asc | scan declare (n:long = 0) with (step s: true => n = s.n + a;)",
     "a:long, c:string, n:long serialized"                                                                                                                   },
    {"Tb | sort by a | scan with_match_id = m with (step s1: a == 1; step s2: a > s1.a;)",
     "a:long, c:string, m:long serialized"                                                                                                                   },
    {"Tb | scan declare (a:long) with (step s: true;)",                                        "KQL106 19"                                                   },
    {"Tb | scan declare (n:long) with (step s: a;)",                                           "KQL105 41"                                                   },
    {"Tb | scan declare (n:long) with (step s: true => a = 1;)",                               "KQL102 49"                                                   },
    {"Tb | scan with (step s: true; step s: true;)",                                           "KQL106 35"                                                   },
    {"Tb | getschema",
     "ColumnName:string, ColumnOrdinal:long, DataType:string, ColumnType:string serialized"                                                                  },
    {"Tb | reduce by c",                                                                       "Pattern:string, Count:long, Representative:string"           },
    {"Tb | reduce by a",                                                                       "KQL105 15"                                                   },
    {"Tb | render timechart with (title='x')",                                                 "a:long, c:string"                                            },
    {"Tb | render timechrt",                                                                   "KQL109 12"                                                   },
    {"Tb | as X | union X",                                                                    "a:long, c:string"                                            },
    {"Tb | consume",                                                                           ""                                                            },
    {"Tb | assert-schema (a:long, c:string)",                                                  "a:long, c:string"                                            },
    {"Tb | assert-schema (a:long, c:long)",                                                    "KQL105 5"                                                    },
    {"let f = (T:(a:long), n:long) { T | take n }; Tb | invoke f(3)",                          "a:long, c:string"                                            },
    {"Tb | invoke nope(3)",                                                                    "KQL103 12"                                                   },
    {"Tb | where c = 'x'",                                                                     "KQL001 13"                                                   },
    {"Tb | where not c == 'x'",                                                                "KQL001 15"                                                   },
    {"Tb | where a > 7D",                                                                      "KQL102 15"                                                   },
    {"Tb | distinct n = tolower(c), a",                                                        "n:string, a:long"                                            },
    {"macro-expand entity_group [cluster('x')] as X (X.T | count)",                            "KQL004 0"                                                    },
    {"resource('/x').Tb | take 1",                                                             "KQL004 0"                                                    },
    {"union Tb, workspace('x').Tb, app('y').Tb",                                               "KQL004 10"                                                   },
    {"imDnsEvents | take 1",                                                                   "KQL004 0"                                                    },
    {"_Im_Dns(starttime = ago(1d)) | take 1",                                                  "KQL004 0"                                                    },
    {"image | take 1",                                                                         "KQL101 0"                                                    },
    {"let x = 5;",                                                                             "KQL101 10"                                                   },
    {"let u = 'https://x'; externaldata(z:string)[strcat(u, '/y')]",                           "z:string"                                                    },
    {"externaldata(z:string)[strcat('x', rand())]",                                            "KQL107 23"                                                   },
    {"Tb | make-graph a --> c with Tb on a",                                                   "KQL004 5"                                                    },

 /* search, find */
    {"Tb | search 'x'",                                                                        "$table:string, a:long, c:string"                             },
    {"Tb | search kind=case_sensitive 'x' and not('y') or a == 5 or 42",
     "$table:string, a:long, c:string"                                                                                                                       },
    {"Tb | search a !between (1 .. 2) and 'x'",                                                "$table:string, a:long, c:string"                             },
    {"Tb | search c:'x*'",                                                                     "$table:string, a:long, c:string"                             },
    {"Tb | search a",                                                                          "KQL105 12"                                                   },
    {"let w = 'x'; Tb | search w and a > 1 or not(w)",                                         "$table:string, a:long, c:string"                             },
    {"let w = 5; Tb | search w",                                                               "KQL105 23"                                                   },
    {"let w = 'x'; find in (Ta, Tb) where w",                                                  "source_:string, a:long, pack_:dynamic"                       },
    {"search in (Tb, Uc) 'x'",                                                                 "$table:string, a_long:long, a_string:string, c:string, i:int"},
    {"search 'x'",                                                                             "$table:string, a_long:long, a_string:string, b:string, t:datetime, d:dynamic, "
                   "r:real, c:string, i:int"                                                                                               },
    {"find in (Ta, Tb) where a == 1",                                                          "source_:string, a:long, pack_:dynamic"                       },
    {"find in (Ta, Tb) where a == 1 project c, a",                                             "source_:string, c:string, a:long"                            },
    {"find in (Ta, Tb) where c == 'x'",                                                        "source_:string, a:long, c:string"                            },
    {"find withsource = s in (Ta, Tb) where 'x' project-smart",                                "s:string, a:long, pack_:dynamic"                             },
    {"find in (Tb, Uc) where a == 1",                                                          "source_:string, a:dynamic, pack_:dynamic"                    },

 /* evaluate */
    {"Ta | project a, d | evaluate bag_unpack(d)",                                             "a:long open"                                                 },
    {"Ta | project a, d | evaluate bag_unpack(d) | summarize arg_max(a, *) | where x == 1",
     "a:long open"                                                                                                                                           },
    {"Ta | project a, d | evaluate bag_unpack(d) | summarize take_any(*) by b = a + 1",
     "b:long, a:long open"                                                                                                                                   },
    {"Ta | project a, d | evaluate bag_unpack(d) | summarize max(a), take_any(x)",
     "max_a:long, x:unknown"                                                                                                                                 },
    {"Ta | project a, d | evaluate bag_unpack(d) | distinct *",                                "a:long open"                                                 },
    {"Ta | project a, d | evaluate bag_unpack(d) | distinct x, a",                             "x:unknown, a:long"                                           },
    {"Tb | summarize arg_max(a, *)",                                                           "a:long, c:string"                                            },
    {"Ta | project a, d | evaluate bag_unpack(d, OutputColumnPrefix = 'x') : (*, y:long)",
     "a:long, y:long"                                                                                                                                        },
    {"Ta | evaluate bag_unpack(a)",                                                            "KQL105 25"                                                   },
    {"Ta | evaluate bag_unpack(d, what = 1)",                                                  "KQL109 28"                                                   },
    {"Ta | evaluate bag_unpack()",                                                             "KQL104 14"                                                   },
    {"Ta | evaluate bag_unpck(d)",                                                             "KQL103 14"                                                   },
    {"Ta | project a, b, r | evaluate pivot(b, sum(r))",                                       "a:long open"                                                 },
    {"Tb | evaluate narrow()",                                                                 "Row:long, Column:string, Value:string"                       },
    {"Tb | evaluate ipv4_lookup(Uc, c, a)",                                                    "a:long, c:string, a1:string, i:int"                          },
    {"Tb | evaluate ipv4_lookup(Uc, c, zz)",                                                   "KQL102 33"                                                   },
    {"Ta | project a, t | evaluate rolling_percentile(a, 50, t, 1d, 10)",
     "t:datetime, rolling_10_percentile_a_50:long"                                                                                                           },
    {"Tb | evaluate python(typeof(*, x:long), 'code')",                                        "KQL004 14"                                                   },
    {"Tb | evaluate estimate_rows_count()",                                                    "EstimatedRowsCount:long"                                     },
    {"Tb | evaluate identity()",                                                               "a:long, c:string"                                            },
    {"Tb | evaluate autocluster()",                                                            "KQL004 14"                                                   },
    {"evaluate sql_request('a', 'b')",                                                         "KQL004 9"                                                    },

 /* order: window functions want it, and it is lost */
    {"Tb | extend n = row_number()",                                                           "KQL111 16"                                                   },
    {"Tb | sort by a | extend n = row_number()",                                               "a:long, c:string, n:long serialized"                         },
    {"Tb | sort by a | where a > 1 | extend q = 1 | take 5 | extend n = row_number()",
     "a:long, c:string, q:long, n:long serialized"                                                                                                           },
    {"Tb | sort by a | union Tb | extend n = row_number()",                                    "KQL111 39"                                                   },
    {"Tb | sort by a | summarize count() by c | extend n = row_number()",                      "KQL111 53"                                                   },
    {"Tb | serialize n = row_number()",                                                        "a:long, c:string, n:long serialized"                         },
    {"range x from 1 to 3 step 1 | extend n = row_number()",                                   "x:long, n:long serialized"                                   },
};

/* ---- plans ---- */

/* clang-format off */
static const struct {
    const char *query, *plan;
} plans[] = {
    {"Tb | summarize s = sum(a) / count(), arg_max(a, *) by c | take 3",
     "table Tb\n"
     "    -> (a: long, c: string)\n"
     "| summarize\n"
     "    by c = c\n"
     "    s = sum(a) / count()\n"
     "    a = arg_max(a)\n"
     "| take 3\n"
     "    -> (c: string, s: long, a: long)\n"               },
    {"Tb | where a > 1 and c has 'x' | join kind=leftouter (Uc | extend a = tolong(i)) on a | top "
     "2 by a1",
     "table Tb\n"
     "| where (a > 1) and (c has \"x\")\n"
     "    -> (a: long, c: string)\n"
     "| join kind=leftouter with #1 on a == a\n"
     "| top 2 by a1 desc nulls last\n"
     "    -> (a: long, c: string, a1: long, i: int)\n"
     "#1:\n"
     "  table Uc\n"
     "  | extend\n"
     "      a = tolong(i)\n"
     "      -> (a: long, i: int)\n"},
    {"Ta | project a, b, d | mv-apply x = d to typeof(long) on (summarize s = sum(x)) | parse b "
     "with 'x' y:long *",
     "table Ta\n"
     "    -> (a: long, b: string, t: datetime, d: dynamic, r: real)\n"
     "| project\n"
     "    -> (a: long, b: string, d: dynamic)\n"
     "| mv-apply d with #1\n"
     "    -> (a: long, b: string, d: dynamic, s: long)\n"
     "| parse kind=simple b with \"x\" y *\n"
     "    -> (a: long, b: string, d: dynamic, s: long, y: long)\n"
     "#1:\n"
     "  rows given\n"
     "      -> (a: long, b: string, d: dynamic, x: long)\n"
     "  | summarize\n"
     "      s = sum(x)\n"
     "      -> (s: long)\n"},
    {"Ta | make-series n = sum(a) / count() default = 0 on t from datetime(2020-01-01) to "
     "datetime(2020-01-02) step 1h by b",                                                                  "table Ta\n"
     "    -> (a: long, b: string, t: datetime, d: dynamic, r: real)\n"
     "| make-series\n"
     "    sum(a) / count()\n"
     "    on t from datetime(2020-01-01T00:00:00.0000000Z) to "
     "datetime(2020-01-02T00:00:00.0000000Z) step timespan(01:00:00) by b\n"
     "    -> (b: string, n: dynamic, t: dynamic)\n"                              },
    {"Tb | search 'x' or a == 5 | union withsource = s Tb",
     "union of #1, #2\n"
     "    -> (s: string, $table: string, a: long, c: string)\n"
     "#1:\n"
     "  union of #3\n"
     "  | where (c has \"x\") or (a == 5)\n"
     "      -> ($table: string, a: long, c: string)\n"
     "#2:\n"
     "  table Tb\n"
     "      -> (a: long, c: string)\n"
     "#3:\n"
     "  table Tb\n"
     "      -> (a: long, c: string)\n"},
    {"let M = materialize(Tb | take 1); M | lookup M on a | sort by a asc nulls last | serialize n "
     "= row_number()",                                                                  "table Tb\n"
     "| take 1\n"
     "| materialize\n"
     "    -> (a: long, c: string)\n"
     "| join kind=leftouter with #1 on a == a\n"
     "| sort by a asc nulls last\n"
     "    -> (a: long, c: string, c1: string)\n"
     "| serialize\n"
     "    n = row_number()\n"
     "    -> (a: long, c: string, c1: string, n: long)\n"
     "#1:\n"
     "  table Tb\n"
     "  | take 1\n"
     "  | materialize\n"
     "      -> (a: long, c: string)\n"                                                              },
};
/* clang-format on */

static void
check_plans(struct pool *p)
{
    const struct kql_environment environment = {.table = table, .table_at = table_at};

    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        struct kql_diagnostics d;
        struct kql_bound bound = {0};
        struct span text = {"", 0};

        kql_diagnostics_init(&d, p, span_of(plans[i].query));
        if (kql_bind(p, span_of(plans[i].query), &environment, &d, &bound))
            text = kql_plan_print(p, bound.plan);
        CHECK(span_is(text, plans[i].plan), "%s:\n%.*s", plans[i].query, (int)text.n, text.p);
    }
}

/* Where the union's cells come from, and what its rows are called. */
static void
check_union(struct pool *p)
{
    const struct kql_environment environment = {.table = table, .table_at = table_at};
    const char *query = "(Tb | where a > 1) | as X | union withsource = s Uc, (Tb | take 1)";
    const uint32_t none = UINT32_MAX;
    const uint32_t map[] = {none, 0, none, 1, none, none, none, 0, none, 1, none, 0, none, 1, none};
    struct kql_diagnostics d;
    struct kql_bound bound = {0};
    bool is_bound;

    kql_diagnostics_init(&d, p, span_of(query));
    is_bound = kql_bind(p, span_of(query), &environment, &d, &bound);
    CHECK(is_bound && bound.plan->kind == KQL_ROWS_UNION && bound.plan->u.join_union.count == 3,
          "union: not bound");
    if (!is_bound)
        return;
    CHECK(bound.plan->schema.count == 5 &&
              memcmp(bound.plan->u.join_union.map, map, sizeof map) == 0,
          "union: another map");
    CHECK(span_is(bound.plan->u.join_union.sources[0], "X") &&
              span_is(bound.plan->u.join_union.sources[1], "Uc") &&
              span_is(bound.plan->u.join_union.sources[2], "union_arg2"),
          "union: other names");
}

/* What doubles with each name is refused before it is run. */
static void
check_doubling(struct pool *p)
{
    static const struct {
        const char *name, *first, *each, *last;
        const char *result;
    } chains[] = {
        {"a union of itself",          "let x0 = Tb; ",                   "let x%u = union x%u, x%u; ",                     "x40 | count",
         "KQL003"                                                                                                                                      },
        {"a join with itself",         "let x0 = Tb; ",                   "let x%u = x%u | join x%u on a | project a, c; ",
         "x40 | count",                                                                                                                    "KQL003"    },
        {"a sum with itself",          "let x0 = toscalar(Tb | count); ", "let x%u = x%u + x%u; ",
         "Tb | extend y = x40",                                                                                                            "KQL003"    },
        {"materialized it is no more", "let x0 = Tb; ",                   "let x%u = materialize(union x%u, x%u); ",
         "x40 | count",                                                                                                                    "Count:long"},
    };

    for (size_t i = 0; i < COUNT_OF(chains); i++) {
        static char text[8192];
        char result[256];
        size_t n = (size_t)snprintf(text, sizeof text, "%s", chains[i].first);

        for (unsigned k = 1; k <= 40; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, chains[i].each, k, k - 1, k - 1);
        snprintf(text + n, sizeof text - n, "%s", chains[i].last);
        describe(p, text, result, sizeof result);
        CHECK(strncmp(result, chains[i].result, strlen(chains[i].result)) == 0, "%s: %s",
              chains[i].name, result);
    }
}

/* A table in both shapes has the columns of each once, and the workspace's types. */
static void
check_both(struct kql_catalog_tables *hunting, struct kql_catalog_tables *workspace,
           const struct kql_table *both)
{
    struct kql_catalog_tables *shapes[] = {workspace, hunting};
    size_t found = 0;

    for (uint32_t c = 0; c < both->schema.count; c++) {
        bool is_found = false;

        for (size_t k = 0; k < COUNT_OF(shapes) && !is_found; k++) {
            struct kql_table own;

            CHECK(kql_catalog_table(shapes[k], both->name, &own), "catalog: in every shape");
            for (uint32_t i = 0; i < own.schema.count && !is_found; i++) {
                is_found = span_equal(own.schema.columns[i].name, both->schema.columns[c].name);
                CHECK(!is_found || own.schema.columns[i].type == both->schema.columns[c].type,
                      "%.*s: type", (int)both->name.n, both->name.p);
            }
        }
        found += is_found;
        for (uint32_t i = 0; i < c; i++)
            CHECK(!span_equal(both->schema.columns[i].name, both->schema.columns[c].name),
                  "%.*s: a column twice", (int)both->name.n, both->name.p);
    }
    CHECK(found == both->schema.count, "%.*s: columns of neither", (int)both->name.n, both->name.p);
}

static void
check_catalog(struct pool *p)
{
    struct kql_catalog_tables hunting = {.catalog = &catalog_builtin, .pool = p};
    struct kql_catalog_tables workspace = {
        .catalog = &catalog_builtin, .is_workspace = true, .pool = p};
    struct kql_catalog_tables both = {.catalog = &catalog_builtin, .has_both = true, .pool = p};
    struct kql_table out, again;
    size_t count = 0;

    CHECK(kql_catalog_table(&hunting, SPAN_LITERAL("DeviceProcessEvents"), &out) &&
              span_is(out.schema.columns[0].name, "Timestamp") &&
              out.schema.columns[0].type == KQL_DATETIME,
          "catalog: hunting shape");
    CHECK(kql_catalog_table(&hunting, SPAN_LITERAL("DeviceProcessEvents"), &again) &&
              again.schema.columns == out.schema.columns,
          "catalog: a schema is made once");
    CHECK(!kql_catalog_table(&hunting, SPAN_LITERAL("deviceprocessevents"), &out),
          "catalog: names are case-sensitive");
    CHECK(kql_catalog_table(&workspace, SPAN_LITERAL("DeviceProcessEvents"), &again) &&
              again.schema.columns != out.schema.columns,
          "catalog: workspace shape");
    CHECK(kql_catalog_table(&both, SPAN_LITERAL("DeviceFileCertificateInfo"), &out) &&
              kql_catalog_table(&workspace, SPAN_LITERAL("DeviceFileCertificateInfo"), &again) &&
              out.schema.count >= again.schema.count,
          "catalog: both shapes");
    for (size_t i = 0; kql_catalog_table_at(&both, i, &out); i++)
        check_both(&hunting, &workspace, &out);
    while (kql_catalog_table_at(&hunting, count, &out))
        count++;
    CHECK(count == catalog_builtin.table_count, "catalog: %zu tables", count);
}

int
main(void)
{
    struct pool p;
    jmp_buf escape;

    pool_init(&p, (size_t)256 << 20);
    p.escape = &escape;
    if (setjmp(escape) != 0) {
        CHECK(false, "left: %s", p.reason.text);
        return test_end();
    }
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char result[1024];

        describe(&p, cases[i].query, result, sizeof result);
        CHECK(strcmp(result, cases[i].result) == 0, "%s\n    want %s\n    got  %s", cases[i].query,
              cases[i].result, result);
        pool_reset(&p);
    }
    check_plans(&p);
    check_union(&p);
    check_doubling(&p);
    check_catalog(&p);
    pool_free(&p);
    return test_end();
}
