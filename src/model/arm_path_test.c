/* arm_path_test.c - ids that parse, and what is refused with which words. */
#include "base/test.h"
#include "model/arm_path.h"

#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define VM SUB "/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/vm-1"

static const struct {
    const char *name, *text, *scope, *provider, *type, *last;
} good[] = {
    {"a subscription",                 SUB,                                                               SUB,                                                                     "",                  "",                           ""   },
    {"a subscription, trailing slash", SUB "/",                                                           SUB,                                                                     "",                  "",                           ""   },
    {"a resource group",               SUB "/resourceGroups/rg",                                          SUB "/resourceGroups/rg",                                                "",                  "",                           ""   },
    {"keywords in any case",
     "/SUBSCRIPTIONS/3F0D8A52-6b1e-4c55-9d0e-7a41c2b9e610/RESOURCEGROUPS/RG",                             "/SUBSCRIPTIONS/3F0D8A52-6b1e-4c55-9d0e-7a41c2b9e610/RESOURCEGROUPS/RG", "",                  "",                           ""   },
    {"a resource",                     VM,                                                                SUB "/resourceGroups/rg-web",                                            "Microsoft.Compute", "virtualMachines",
     "vm-1"                                                                                                                                                                                                                                },
    {"an assessment of a resource",    VM "/providers/Microsoft.Security/assessments/k",                  VM,
     "Microsoft.Security",                                                                                                                                                                              "assessments",                "k"  },
    {"a finding",                      VM "/providers/Microsoft.Security/assessments/k/subAssessments/f", VM,
     "Microsoft.Security",                                                                                                                                                                              "assessments/subAssessments", "f"  },
    {"of a subscription",              SUB "/providers/Microsoft.Security/assessments/k",                 SUB,
     "Microsoft.Security",                                                                                                                                                                              "assessments",                "k"  },
    {"without scope",                  "/providers/Microsoft.Security/assessmentMetadata/k",              "",
     "Microsoft.Security",                                                                                                                                                                              "assessmentMetadata",         "k"  },
    {"an alert of a place",            SUB "/providers/Microsoft.Security/locations/we/alerts/a",         SUB,
     "Microsoft.Security",                                                                                                                                                                              "locations/alerts",           "a"  },
    {"names beyond ASCII",             SUB "/resourceGroups/gr\xc3\xbc\xc3\x9f/providers/A.B/c/d e",
     SUB "/resourceGroups/gr\xc3\xbc\xc3\x9f",                                                                                                                                     "A.B",               "c",                          "d e"},
    {"three levels",                   "/providers/A/s/1/c/2/a/3",                                        "",                                                                      "A",                 "s/c/a",                      "3"  },
};

static const struct {
    const char *name, *text, *says;
} bad[] = {
    {"empty",                     "",                                         "begins with '/'"         },
    {"only a slash",              "/",                                        "begins with '/'"         },
    {"relative",                  "subscriptions/x",                          "begins with '/'"         },
    {"double slash",              SUB "//providers/A/b/c",                    "no empty part"           },
    {"subscription is no GUID",   "/subscriptions/prod",                      "is not a GUID"           },
    {"no subscription",           "/subscriptions",                           "ends behind"             },
    {"no group",                  SUB "/resourceGroups",                      "ends behind"             },
    {"dots",                      SUB "/resourceGroups/../providers/A/b/c",   "'..' is not a name"      },
    {"a single dot",              SUB "/resourceGroups/.",                    "'.' is not a name"       },
    {"percent",                   SUB "/resourceGroups/a%2fb",                "holds '%'"               },
    {"quote",                     SUB "/resourceGroups/a\"b",                 "holds '\"'"              },
    {"backslash",                 SUB "/resourceGroups/a\\b",                 "holds '\\'"              },
    {"question mark",             SUB "/resourceGroups/a?b=c",                "holds '?'"               },
    {"control character",         SUB "/resourceGroups/a\nb",                 "control character"       },
    {"C1 control character",      SUB "/resourceGroups/a\xc2\x85",            "control character"       },
    {"no UTF-8",                  SUB "/resourceGroups/a\xff",                "not UTF-8"               },
    {"surrogate",                 SUB "/resourceGroups/\xed\xa0\x80",         "not UTF-8"               },
    {"type without name",         SUB "/providers/A/b",                       "ends behind 'b'"         },
    {"provider alone",            SUB "/providers/A",                         "no resource behind"      },
    {"provider without resource", SUB "/providers/A/providers/B/c/d",         "no resource behind"      },
    {"no provider",               SUB "/assessments/k",                       "where 'providers' should"},
    {"too deep",                  "/providers/A/1/1/2/2/3/3/4/4/5/5/6/6/7/7", "nests more than"         },
};

static void
test_limits(void)
{
    static char text[ARM_PATH_SIZE_MAX + 2];
    struct arm_path p;
    struct err err;

    memset(text, 'a', sizeof text);
    memcpy(text, "/providers/A/", 13);
    text[13 + ARM_PATH_SEGMENT_MAX] = '/';
    CHECK(arm_path_parse((struct span){text, 14 + ARM_PATH_SEGMENT_MAX + 5}, &p, &err) == ST_OK,
          "a segment of the largest size: %s", err.text);
    CHECK(arm_path_parse((struct span){text, sizeof text}, &p, &err) == ST_INVALID,
          "more bytes than an id may have");
    text[13 + ARM_PATH_SEGMENT_MAX] = 'a';
    CHECK(arm_path_parse((struct span){text, 1000}, &p, &err) == ST_INVALID, "a segment too long");
    CHECK(arm_path_is_below(SPAN_LITERAL("/A/B"), SPAN_LITERAL("/a")), "below, any case");
    CHECK(arm_path_is_below(SPAN_LITERAL("/A"), SPAN_LITERAL("/a")), "itself");
    CHECK(!arm_path_is_below(SPAN_LITERAL("/ab"), SPAN_LITERAL("/a")),
          "a longer name is not below");
    CHECK(arm_path_is_below(SPAN_LITERAL("/ab"), SPAN_LITERAL("")), "everything is below nothing");
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct arm_path p = {0};
        struct err err = {""};
        char type[200];
        enum status st = arm_path_parse(span_of(good[i].text), &p, &err);

        CHECK(st == ST_OK, "%s: %s", good[i].name, err.text);
        if (st != ST_OK)
            continue;
        arm_path_type(&p, type, sizeof type);
        CHECK(span_is(p.scope, good[i].scope), "%s: scope '%.*s'", good[i].name, (int)p.scope.n,
              p.scope.p);
        CHECK(span_is(p.provider, good[i].provider), "%s: provider", good[i].name);
        CHECK(strcmp(type, good[i].type) == 0, "%s: type '%s'", good[i].name, type);
        CHECK(p.pair_count == 0 || span_is(p.pairs[p.pair_count - 1].name, good[i].last),
              "%s: name", good[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct arm_path p;
        struct err err = {""};

        CHECK(arm_path_parse(span_of(bad[i].text), &p, &err) == ST_INVALID &&
                  strstr(err.text, bad[i].says) != NULL,
              "%s: '%s'", bad[i].name, err.text);
    }
    test_limits();
    return test_end();
}
