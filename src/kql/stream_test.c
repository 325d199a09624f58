/* stream_test.c - records through queries: what leaves, byte for byte; what is refused; sets of
 * streams; envelopes; memory that runs out. */
#include "base/test.h"
#include "kql/stream_bed.h"
#include <stdlib.h>

static struct pool pool;
static jmp_buf escape;

static const struct kql_table source = {
    .name = {"Things",               6    },
    .schema = { bed_columns, COUNT_OF(bed_columns), false},
    .handle = bed_columns,
};

static struct kql_stream *
stream_of(const char *query, enum kql_stream_strictness strictness, struct kql_diagnostics *d)
{
    kql_diagnostics_init(d, &pool, span_of(query));
    return kql_stream_new(&pool, span_of(query), &source, strictness, d);
}

/* ---- one record ---- */

static struct scanner scanner;
static char arena_memory[512 * 1024];

static void
scan_init(enum scan_shape shape)
{
    struct arena a = {arena_memory, sizeof arena_memory, 0};
    struct scan_limits limits = {1 << 20, 64, SCAN_VALUES_MAX};
    struct err err;

    if (scanner_init(&scanner, &a, shape, &limits, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
}

/* What the stream makes of the record: its text, "(drop)", "(same)". */
static const char *
play(struct kql_stream_run *run, uint32_t index, const char *json)
{
    static char text[1 << 20];
    static char out[1 << 20];
    struct scan_record record;
    struct scan_fault fault;
    struct span changed;
    size_t size = strlen(json);

    scan_init(SCAN_ROWS);
    memcpy(text, json, size);
    memset(text + size, 0, SCAN_PADDING);
    if (scan_next(&scanner, text, size, true, &record, &fault) != SCAN_RECORD)
        return "(not a record)";
    kql_stream_record(run, text + record.at, 0, record.size, record.values, record.value_count, 1,
                      INT64_C(638000000000000000));
    switch (kql_stream_ask(run, index, &changed)) {
    case KQL_STREAM_DROP:
        return "(drop)";
    case KQL_STREAM_SAME:
        return "(same)";
    case KQL_STREAM_CHANGED:
        break;
    }
    memcpy(out, changed.p, changed.n);
    out[changed.n] = '\0';
    return out;
}

static const char *
play_once(const char *query, const char *json)
{
    struct kql_diagnostics d;
    struct kql_stream *s = stream_of(query, KQL_STREAM_WIDE, &d);
    const struct kql_stream *streams[] = {s};
    const char *out;
    struct err err = {""};

    if (s == NULL)
        return d.count > 0 ? d.items[0].text : "(refused without a word)";
    struct kql_stream_set *set = kql_stream_set_new(&pool, streams, 1, &err);
    struct kql_stream_run *run = kql_stream_run_new(set, 0, &err);

    out = play(run, 0, json);
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    kql_stream_free(s);
    return out;
}

static const struct {
    const char *query, *record, *expected;
} cases[] = {
  /* filters */
    {"source",                                                                                    "{\"Name\":\"a\"}",                                 "(same)"                                                                   },
    {"source | where Name == 'a'",                                                                "{\"Name\":\"a\"}",                                 "(same)"                                                                   },
    {"source | where Name == 'a'",                                                                "{\"Name\":\"b\"}",                                 "(drop)"                                                                   },
    {"source | where Name == 'a'",                                                                "{}",                                               "(drop)"                                                                   },
    {"source | where isempty(Name)",                                                              "{}",                                               "(same)"                                                                   },
    {"source | where isempty(Name)",                                                              "{\"Name\":null}",                                  "(same)"                                                                   },
    {"source | where Name == 'a\\tb'",                                                            "{\"Name\":\"a\\tb\"}",                             "(same)"                                                                   },
    {"source | where Name == 'a\\tb'",                                                            "{\"Name\":\"a\\u0009b\"}",                         "(same)"                                                                   },
    {"source | where Name == 'x'",                                                                "{\"N\\u0061me\":\"x\"}",                           "(same)"                                                                   },
    {"source | where Name == 'b'",                                                                "{\"Name\":\"a\",\"Name\":\"b\"}",                  "(same)"                                                                   },
    {"source | where Count > 5",                                                                  "{\"Count\":6}",                                    "(same)"                                                                   },
    {"source | where Count > 5",                                                                  "{\"Count\":\"6\"}",                                "(same)"                                                                   },
    {"source | where Count == 9223372036854775807",                                               "{\"Count\":9223372036854775807}",                  "(same)"                                                                   },
    {"source | where Count > 5",                                                                  "{\"Count\":\"six\"}",                              "(drop)"                                                                   },
    {"source | where isnull(Count)",                                                              "{\"Count\":1.5}",                                  "(same)"                                                                   },
    {"source | where Count == 1000",                                                              "{\"Count\":1e3}",                                  "(same)"                                                                   },
    {"source | where isnull(Small)",                                                              "{\"Small\":2147483648}",                           "(same)"                                                                   },
    {"source | where Count != 5",                                                                 "{\"Count\":null}",                                 "(same)"                                                                   },
    {"source | where not(Count == 5)",                                                            "{}",                                               "(same)"                                                                   },
    {"source | where Count > 1 or Name == 'a'",                                                   "{\"Name\":\"a\"}",                                 "(same)"                                                                   },
    {"source | where IsOn",                                                                       "{\"IsOn\":true}",                                  "(same)"                                                                   },
    {"source | where IsOn",                                                                       "{\"IsOn\":1}",                                     "(same)"                                                                   },
    {"source | where IsOn",                                                                       "{\"IsOn\":\"false\"}",                             "(drop)"                                                                   },
    {"source | where Timestamp > datetime(2020-01-01)",
     "{\"Timestamp\":\"2020-01-01T00:00:00.0000001Z\"}",                                                                                              "(same)"                                                                   },
    {"source | where Timestamp > ago(1d)",                                                        "{\"Timestamp\":\"2022-09-27T00:00:00Z\"}",         "(drop)"                                                                   },
    {"source | where Timestamp > ago(365d)",                                                      "{\"Timestamp\":\"2022-09-27T00:00:00Z\"}",         "(same)"                                                                   },
    {"source | where Fields.a.b == 5",                                                            "{\"Fields\":{\"a\":{\"b\":5}}}",                   "(same)"                                                                   },
    {"source | where Fields.a == 'x'",                                                            "{\"Fields\":\"{\\\"a\\\":\\\"x\\\"}\"}",           "(same)"                                                                   },
    {"source | where Fields has 'needle'",                                                        "{\"Fields\":{\"a\":[\"the needle\"]}}",            "(same)"                                                                   },
    {"source | where Took > 1h",                                                                  "{\"Took\":\"02:00:00\"}",                          "(same)"                                                                   },
    {"source | where Id == guid(74be27de-1e4e-49d9-b579-fe0b331d3642)",
     "{\"Id\":\"74BE27DE-1e4e-49d9-b579-fe0b331d3642\"}",                                                                                             "(same)"                                                                   },
    {"source | where Price > 10.5",                                                               "{\"Price\":10.6}",                                 "(same)"                                                                   },
    {"source | extend x = Count + 1 | where x == 3 | project-away x",                             "{\"Count\":2}",                                    "(same)"                                                                   },
    {"source | extend x = Count + 1 | where x == 3 | project-away x",                             "{\"Count\":3}",                                    "(drop)"                                                                   },
 /* extend */
    {"source | project a = 'xxb' | project b = trim_start('x+', a), c = strlen(trim_start('x+', "
     "a))",                                                                                  "{}",                                               "{\"b\":\"b\",\"c\":1}"                                                    },
    {"source | extend x = 1",                                                                     "{}",                                               "{\"x\":1}"                                                                },
    {"source | extend x = 1",                                                                     "{ \"Other\" : [1, 2] , \"Name\":\"a\" }",
     "{\"Other\" : [1, 2] , \"Name\":\"a\",\"x\":1}"                                                                                                                                                                             },
    {"source | extend x = 1",                                                                     "{\"x\":7,\"Name\":\"a\"}",                         "{\"x\":1,\"Name\":\"a\"}"                                                 },
    {"source | extend Count = Count * 2",                                                         "{\"a\":1,\"Count\":21,\"b\":2}",
     "{\"a\":1,\"Count\":42,\"b\":2}"                                                                                                                                                                                            },
    {"source | extend Count = Count * 2",                                                         "{\"a\":1,\"Count\":4,\"b\":2,\"Count\":5}",
     "{\"a\":1,\"Count\":10,\"b\":2}"                                                                                                                                                                                            },
    {"source | extend Count = Count * 2",                                                         "{\"a\":1}",                                        "{\"a\":1,\"Count\":null}"                                                 },
    {"source | extend Name = strcat(Name, '\"\\n')",                                              "{\"Name\":\"\\u00e9\"}",
     "{\"Name\":\"\xc3\xa9\\\"\\n\"}"                                                                                                                                                                                            },
    {"source | extend y = Name",                                                                  "{\"Name\":\"\\u0041\"}",
     "{\"Name\":\"\\u0041\",\"y\":\"\\u0041\"}"                                                                                                                                                                                  },
    {"source | extend Name = CommandLine, CommandLine = Name",                                    "{\"Name\":1,\"CommandLine\":2}",
     "{\"Name\":2,\"CommandLine\":1}"                                                                                                                                                                                            },
    {"source | extend t = Timestamp + 1h, d = 90m, b = Count > 1, n = long(null)",
     "{\"Timestamp\":\"2020-01-01\",\"Count\":2}",                                                                                                    "{\"Timestamp\":\"2020-01-01\",\"Count\":2,\"t\":\"2020-01-01T01:00:00.0000000Z\",\"d\":\"01:"
     "30:00\",\"b\":true,\"n\":null}"                                                                                                                                          },
    {"source | extend r = Ratio * 2, i = Ratio / 0.0, p = Price + 1",
     "{\"Ratio\":0.25,\"Price\":1.5}",                                                                                                                "{\"Ratio\":0.25,\"Price\":1.5,\"r\":0.5,\"i\":\"Infinity\",\"p\":\"2.5\"}"},
    {"source | extend f = Fields.a, l = array_length(Fields.a)",
     "{\"Fields\":{\"a\":[1,{\"b\" : null}]}}",                                                                                                       "{\"Fields\":{\"a\":[1,{\"b\" : null}]},\"f\":[1,{\"b\":null}],\"l\":2}"   },
    {"source | extend a = Count + 1 | extend b = a * a | extend a = b",                           "{\"Count\":1}",
     "{\"Count\":1,\"a\":4,\"b\":4}"                                                                                                                                                                                             },
    {"source | extend t = now()",                                                                 "{}",                                               "{\"t\":\"2022-09-28T22:13:20.0000000Z\"}"                                 },
 /* project-away, project-rename, project-reorder */
    {"source | project-away Name",                                                                "{\"a\":1,\"Name\":2,\"b\":3}",                     "{\"a\":1,\"b\":3}"                                                        },
    {"source | project-away Name",                                                                "{\"Name\":2}",                                     "{}"                                                                       },
    {"source | project-away Name",                                                                "{\"a\":1}",                                        "(same)"                                                                   },
    {"source | project-away Name, Count",                                                         "{\"Name\":1,\"Count\":2,\"x\":{\"Name\":1}}",
     "{\"x\":{\"Name\":1}}"                                                                                                                                                                                                      },
    {"source | project-rename Title = Name",                                                      "{\"a\":1,\"Name\":\"\\/\",\"b\":3}",
     "{\"a\":1,\"Title\":\"\\/\",\"b\":3}"                                                                                                                                                                                       },
    {"source | project-rename Title = Name",                                                      "{\"a\":1}",                                        "(same)"                                                                   },
    {"source | project-rename Title = Name",                                                      "{\"Title\":9,\"Name\":1}",                         "{\"Title\":1}"                                                            },
    {"source | project-rename Title = Name | extend Again = Title",                               "{\"Name\":1,\"b\":2}",
     "{\"Title\":1,\"b\":2,\"Again\":1}"                                                                                                                                                                                         },
    {"source | project-reorder Count, Name",                                                      "{\"x\":0,\"Name\":1,\"y\":0,\"Count\":2,\"z\":0}",
     "{\"Count\":2,\"Name\":1,\"x\":0,\"y\":0,\"z\":0}"                                                                                                                                                                          },
 /* project */
    {"source | project Name, Count",                                                              "{\"Count\":1,\"x\":2,\"Name\":\"a\"}",
     "{\"Name\":\"a\",\"Count\":1}"                                                                                                                                                                                              },
    {"source | project Name, Count",                                                              "{\"Count\":1.50}",                                 "{\"Name\":null,\"Count\":1.50}"                                           },
    {"source | project N = Name, Big = Count > 1000",                                             "{\"Count\":1,\"Name\":{}}",
     "{\"N\":{},\"Big\":false}"                                                                                                                                                                                                  },
    {"source | project-keep Co*",                                                                 "{\"x\":1,\"Count\":1}",                            "{\"Count\":1,\"CommandLine\":null}"                                       },
    {"source | project ['a \"b\\\\'] = Count",                                                    "{\"Count\":1}",                                    "{\"a \\\"b\\\\\":1}"                                                      },
    {"print x = 1",                                                                               "{\"Count\":1}",                                    "{\"x\":1}"                                                                },
    {"datatable(a:long, b:string)[1, 'x']",                                                       "{\"Count\":1}",                                    "{\"a\":1,\"b\":\"x\"}"                                                    },
    {"let limit = 5; source | where Count > limit",                                               "{\"Count\":6}",                                    "(same)"                                                                   },
    {"let f = (n:long) { n * 2 }; source | project x = f(Count)",                                 "{\"Count\":6}",                                    "{\"x\":12}"                                                               },
 /* parse */
    {"source | parse Name with * 'id=' Number:long ';' Rest | project Number, Rest",
     "{\"Name\":\"x id=42;tail\"}",                                                                                                                   "{\"Number\":42,\"Rest\":\"tail\"}"                                        },
    {"source | parse Name with * 'id=' Number:long ';' Rest | project Number, Rest",
     "{\"Name\":\"x id=4x2;tail\"}",                                                                                                                  "{\"Number\":null,\"Rest\":\"\"}"                                          },
    {"source | parse kind=relaxed Name with * 'id=' Number:long ';' Rest | project Number, Rest",
     "{\"Name\":\"x id=4x2;tail\"}",                                                                                                                  "{\"Number\":null,\"Rest\":\"tail\"}"                                      },
    {"source | parse kind=regex Name with 'id=' Number:long '[;,]' Rest | project Number, Rest",
     "{\"Name\":\"id=42,tail\"}",                                                                                                                     "{\"Number\":42,\"Rest\":\"tail\"}"                                        },
    {"source | parse-where Name with 'id=' Number:long",                                          "{\"Name\":\"no\"}",                                "(drop)"                                                                   },
    {"source | parse-where Name with 'id=' Number:long",                                          "{\"Name\":\"id=5\"}",
     "{\"Name\":\"id=5\",\"Number\":5}"                                                                                                                                                                                          },
    {"source | parse-kv Name as (a:long, b:string) with (pair_delimiter=';', kv_delimiter='=') | "
     "project a, b",                                                                         "{\"Name\":\"a=1; b = x \"}",                       "{\"a\":1,\"b\":\"x\"}"                                                    },
};

static void
records(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = play_once(cases[i].query, cases[i].record);

        CHECK(strcmp(got, cases[i].expected) == 0, "%s of %s\n  gives %s\n  not   %s",
              cases[i].query, cases[i].record, got, cases[i].expected);
    }
}

/* ---- what is refused ---- */

static const struct {
    const char *query;
    enum kql_stream_strictness strictness;
    enum kql_code code; /* KQL_CODE_COUNT: accepted, without a word */
    const char *part;
} refusals[] = {
    {"source | summarize count()",                                                             KQL_STREAM_WIDE,   KQL_E_STREAM,   "summarize"   },
    {"source | distinct Name",                                                                 KQL_STREAM_WIDE,   KQL_E_STREAM,   "distinct"    },
    {"source | take 5",                                                                        KQL_STREAM_WIDE,   KQL_E_STREAM,   "take"        },
    {"source | sort by Count",                                                                 KQL_STREAM_WIDE,   KQL_E_STREAM,   "sort"        },
    {"source | mv-expand Fields",                                                              KQL_STREAM_WIDE,   KQL_E_STREAM,   "mv-expand"   },
    {"source | join (print Name='a') on Name",                                                 KQL_STREAM_WIDE,   KQL_E_STREAM,   "join"        },
    {"source | union (source)",                                                                KQL_STREAM_WIDE,   KQL_E_STREAM,   "union"       },
    {"source | extend x = rand()",                                                             KQL_STREAM_WIDE,   KQL_E_STREAM,   "rand"        },
    {"source | where Count > toscalar(print 1)",                                               KQL_STREAM_WIDE,   KQL_E_STREAM,   "query within"},
    {"source | where Name in ((print 'a'))",                                                   KQL_STREAM_WIDE,   KQL_E_STREAM,   "query within"},
    {"source | serialize n = row_number()",                                                    KQL_STREAM_WIDE,   KQL_E_STREAM,   "row_number"  },
    {"datatable(a:long)[1, 2]",                                                                KQL_STREAM_WIDE,   KQL_E_STREAM,   "2 rows"      },
    {"range x from 1 to 5 step 1",                                                             KQL_STREAM_WIDE,   KQL_E_STREAM,   "range"       },
    {"source | where Nme == 'a'",                                                              KQL_STREAM_WIDE,   KQL_E_COLUMN,   "Nme"         },
    {"DeviceEvents | where Name == 'a'",                                                       KQL_STREAM_WIDE,   KQL_E_TABLE,    "DeviceEvents"},
    {"source | where",                                                                         KQL_STREAM_WIDE,   KQL_E_SYNTAX,   ""            },
    {"source | where Name matches regex '('",                                                  KQL_STREAM_WIDE,   KQL_E_VALUE,    ""            },
    {"source | where Name matches regex Name",                                                 KQL_STREAM_WIDE,   KQL_CODE_COUNT, ""            },
    {"source | where Count between (1 .. 5)",                                                  KQL_STREAM_WIDE,   KQL_CODE_COUNT, ""            },
    {"source | where Count between (1 .. 5)",                                                  KQL_STREAM_STRICT, KQL_E_STREAM,   "between"     },
    {"source | where Count between (1 .. 5)",                                                  KQL_STREAM_WARN,   KQL_W_STREAM,   "between"     },
    {"source | where Name in~ ('a')",                                                          KQL_STREAM_STRICT, KQL_E_STREAM,   "in~"         },
    {"source | where Name has_any ('a')",                                                      KQL_STREAM_STRICT, KQL_E_STREAM,   "has_any"     },
    {"source | project-keep Name",                                                             KQL_STREAM_STRICT, KQL_E_STREAM,   "project-keep"},
    {"source | extend x = iff(IsOn, 1, 2)",                                                    KQL_STREAM_STRICT, KQL_E_STREAM,   "iff"         },
    {"source | extend x = dynamic([1])",                                                       KQL_STREAM_STRICT, KQL_E_STREAM,   "parse_json"  },
    {"source | parse Name with a '1' b '2' c '3' d '4' e '5' f '6' g '7' h '8' i '9' j '0' k",
     KQL_STREAM_STRICT,                                                                                           KQL_E_STREAM,   "10 columns"  },
    {"Things | where Count > 5",                                                               KQL_STREAM_WIDE,   KQL_CODE_COUNT, ""            },
    {"Things | where Count > 5",                                                               KQL_STREAM_STRICT, KQL_E_STREAM,   "'source'"    },
    {"source | where Name has 'a' and Count > 5 | extend x = iif(IsOn, strcat(Name, 'b'), "
     "tolower(Name)) "
     "| project-away Count | project-rename y = x",                                       KQL_STREAM_STRICT, KQL_CODE_COUNT, ""            },
};

static void
refused_ones(void)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct kql_diagnostics d;
        struct kql_stream *s = stream_of(refusals[i].query, refusals[i].strictness, &d);
        bool is_accepted = refusals[i].code == KQL_CODE_COUNT || refusals[i].code == KQL_W_STREAM;

        CHECK((s != NULL) == is_accepted, "%s: %s", refusals[i].query,
              d.count > 0 ? d.items[0].text : "no word");
        if (refusals[i].code == KQL_CODE_COUNT)
            CHECK(d.count == 0, "%s: %s", refusals[i].query, d.items[0].text);
        else
            CHECK(d.count > 0 && d.items[0].code == refusals[i].code &&
                      strstr(d.items[0].text, refusals[i].part) != NULL,
                  "%s: %s", refusals[i].query, d.count > 0 ? d.items[0].text : "no word");
        kql_stream_free(s);
    }
}

/* ---- sets ---- */

static void
sets(void)
{
    static const char *const queries[] = {
        "source | where Name has 'a' and Count > 1",
        "source | where Count > 1 and Name has 'a' | extend New = 1",
        "source | project Count",
        "source | where Name has 'z'",
        "source | extend Fresh = Count + 1 | project-away Name",
        "source | extend New = Fields",
    };
    static const char *const expected[] = {
        "(same)",
        "{\"Name\":\"a\",\"Count\":2,\"Fresh\":0,\"New\":1}",
        "{\"Count\":2}",
        "(drop)",
        "{\"Count\":2,\"Fresh\":3}",
        "{\"Name\":\"a\",\"Count\":2,\"Fresh\":0,\"New\":null}",
    };
    const struct kql_stream *streams[COUNT_OF(queries)];
    struct kql_diagnostics d;
    struct err err = {""};

    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        streams[i] = stream_of(queries[i], KQL_STREAM_WIDE, &d);
        CHECK(streams[i] != NULL, "%s: %s", queries[i], d.count > 0 ? d.items[0].text : "");
        if (streams[i] == NULL)
            return;
    }
    struct kql_stream_set *set = kql_stream_set_new(&pool, streams, COUNT_OF(queries), &err);
    struct kql_stream_run *run = kql_stream_run_new(set, 0, &err);

    for (uint32_t i = 0; i < COUNT_OF(queries); i++) {
        const char *got = play(run, i, "{\"Name\":\"a\",\"Count\":2,\"Fresh\":0}");

        CHECK(strcmp(got, expected[i]) == 0, "%s gives %s", queries[i], got);
    }
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    for (size_t i = 0; i < COUNT_OF(queries); i++)
        kql_stream_free((struct kql_stream *)streams[i]);
}

static void
envelopes(void)
{
    static char text[] =
        "{\"time\":\"t\",\"other\":{\"Name\":\"no\"},\"properties\":{\"Name\":\"a\",\"Count\":3},"
        "\"more\":{\"Name\":\"no\"}}"
        "                                                                ";
    struct kql_diagnostics d;
    struct kql_stream *s =
        stream_of("source | where Name == 'a' | extend Count = Count + 1", KQL_STREAM_WIDE, &d);
    const struct kql_stream *streams[] = {s};
    struct err err = {""};
    struct scan_record record;
    struct scan_fault fault;
    struct span out = {"", 0};

    if (s == NULL) {
        CHECK(false, "%s", d.items[0].text);
        return;
    }
    struct kql_stream_set *set = kql_stream_set_new(&pool, streams, 1, &err);
    struct kql_stream_run *run = kql_stream_run_new(set, 0, &err);

    scan_init(SCAN_ENVELOPES);
    CHECK(scan_next(&scanner, text, sizeof text - 65, true, &record, &fault) == SCAN_RECORD, "%s",
          fault.text);
    size_t at = (size_t)(strstr(text, "properties") - text) + 12;

    kql_stream_record(run, text, at, 22, record.values, record.value_count, 2, 0);
    CHECK(kql_stream_ask(run, 0, &out) == KQL_STREAM_CHANGED &&
              span_is(out, "{\"Name\":\"a\",\"Count\":4}"),
          "%.*s", (int)out.n, out.p);
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    kql_stream_free(s);
}

/* ---- memory that runs out ---- */

static void
exhaustion(void)
{
    struct kql_diagnostics d;
    const char *double_it =
        "source | extend a = strcat(Name, Name, Name, Name, Name, Name, Name, Name) "
        "| extend b = strcat(a, a, a, a, a, a, a, a) | extend c = strcat(b, b, b, b, b, b) ";
    char filter[600], shape[600];

    snprintf(filter, sizeof filter, "%s| where c has 'zzz' | project-away a, b, c", double_it);
    snprintf(shape, sizeof shape, "%s| project Count, c", double_it);
    const struct kql_stream *streams[] = {stream_of(filter, KQL_STREAM_WIDE, &d),
                                          stream_of(shape, KQL_STREAM_WIDE, &d)};
    struct err err = {""};

    if (streams[0] == NULL || streams[1] == NULL) {
        CHECK(false, "%s", d.items[0].text);
        return;
    }
    struct kql_stream_set *set = kql_stream_set_new(&pool, streams, 2, &err);
    struct kql_stream_run *run = kql_stream_run_new(set, 1, &err);
    static char record[40000];
    int at = snprintf(record, sizeof record, "{\"Count\":7,\"Na\\u006de\":\"");

    memset(record + at, 'x', 20000);
    strcpy(record + at + 20000, "\"}");
    for (int again = 0; again < 2; again++) {
        const char *got = play(run, 0, record);

        CHECK(strcmp(got, "(same)") == 0, "the record passes: %.40s", got);
        got = play(run, 1, record);
        CHECK(strcmp(got, "{\"Count\":7,\"c\":null}") == 0, "shaped all the same: %.40s", got);
    }
    CHECK(kql_stream_exhausted(run) == 4, "%llu", (unsigned long long)kql_stream_exhausted(run));
    const char *got = play(run, 1, "{\"Count\":7,\"Name\":\"\"}");

    CHECK(strcmp(got, "{\"Count\":7,\"c\":\"\"}") == 0, "%.40s", got);
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    kql_stream_free((struct kql_stream *)streams[0]);
    kql_stream_free((struct kql_stream *)streams[1]);
}

/* A query may be too large for its pool: that is a diagnostic, and nothing leaks. */
static void
small_pools(void)
{
    const char *query =
        "source | where Name matches regex 'a+b' and CommandLine matches regex 'c|d' "
        "| parse kind=regex Name with 'x' y 'z' | extend a = strcat(Name, 'b')";
    unsigned made = 0, refused = 0;

    for (size_t limit = 1024; limit < 400 * 1024; limit += 1024) {
        struct pool small;
        struct kql_diagnostics d;

        pool_init(&small, limit);
        kql_diagnostics_init(&d, &small, span_of(query));
        struct kql_stream *s = kql_stream_new(&small, span_of(query), &source, KQL_STREAM_WARN, &d);

        made += s != NULL;
        refused += s == NULL && d.error_count > 0;
        kql_stream_free(s);
        pool_free(&small);
    }
    CHECK(made + refused == 399 && made > 0 && refused > 0, "%u made, %u refused", made, refused);
}

int
main(void)
{
    pool_init(&pool, (size_t)1 << 30);
    pool.escape = &escape;
    if (setjmp(escape) != 0) {
        printf("the pool is spent: %s\n", pool.reason.text);
        return 1;
    }
    records();
    refused_ones();
    sets();
    envelopes();
    exhaustion();
    small_pools();
    pool_free(&pool);
    return test_end();
}
