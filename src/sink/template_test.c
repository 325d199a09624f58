/* template_test.c - what placeholders make of an event, which templates are refused and where, and
 * the built-in ones over events of each kind. */
#include "base/file.h"
#include "base/test.h"
#include "sink/template.h"
#include "wire/json.h"

#define EVENT                                                                                      \
    "{\"Severity\":\"High\",\"n\":1.50,\"big\":12345678901234567890,\"t\":true,\"nil\":null,"      \
    "\"empty\":\"\",\"text\":\"a\\\"b\\\\c\\n\\u0001\\u00e9\\ud83d\\ude00\",\"o\":{\"a\":[1,"      \
    "\"x\"]},"                                                                                     \
    "\"list\":[\"one\",2,\"th\\\"ree\",null],\"none\":[],\"html\":\"1. Open<br/>2. <b>Fix</b> "    \
    "it, a < b\","                                                                                 \
    "\"hook\":\"<!channel> & [x](http://e.example)\",\"long\":\"a\xc3\xa9"                         \
    "bcdef\",\"odd name\":7}"

static const struct {
    const char *name, *string, *expected; /* of one string of the template; NULL: it is refused */
    const char *says;
} cases[] = {
    {"plain text",                   "x \\\" y",                                                    "\"x \\\" y\"",                                      NULL                                     },
    {"a value",                      "{{Severity}}",                                                "\"High\"",                                          NULL                                     },
    {"within text",                  "<{{ Severity }}>",                                            "\"<High>\"",                                        NULL                                     },
    {"two of them",                  "{{Severity}}{{Severity}}",                                    "\"HighHigh\"",                                      NULL                                     },
    {"case ignored",                 "{{severity}}",                                                "\"High\"",                                          NULL                                     },
    {"a number's digits stay",       "{{n}} {{big}}",                                               "\"1.50 12345678901234567890\"",                     NULL                                     },
    {"true",                         "{{t}}",                                                       "\"true\"",                                          NULL                                     },
    {"nothing there",                "[{{no.such}}]",                                               "\"[]\"",                                            NULL                                     },
    {"null is nothing",              "[{{nil}}]",                                                   "\"[]\"",                                            NULL                                     },
    {"escapes are kept apart",       "{{text}}",                                                    "\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\xf0\x9f\x98\x80\"",
     NULL                                                                                                                                                                                         },
    {"an object as text",            "{{o}}",                                                       "\"{\\\"a\\\":[1,\\\"x\\\"]}\"",                     NULL                                     },
    {"an object itself",             "{{o | raw}}",                                                 "{\"a\":[1,\"x\"]}",                                 NULL                                     },
    {"a number itself",              "{{n | raw}}",                                                 "1.50",                                              NULL                                     },
    {"nothing itself",               "{{no | raw}}",                                                "null",                                              NULL                                     },
    {"a text itself",                "{{Severity | lower | raw}}",                                  "\"high\"",                                          NULL                                     },
    {"an element",                   "{{list[1]}} {{o.a[1]}}",                                      "\"2 x\"",                                           NULL                                     },
    {"an odd name",                  "{{['odd name']}}",                                            "\"7\"",                                             NULL                                     },
    {"default: there",               "{{Severity | default 'x'}}",                                  "\"High\"",                                          NULL                                     },
    {"default: not there",           "{{no | default 'a | }} b'}}",                                 "\"a | }} b\"",                                      NULL                                     },
    {"default: null",                "{{nil | default 'x'}}",                                       "\"x\"",                                             NULL                                     },
    {"default: empty",               "{{empty | default 'x'}}",                                     "\"x\"",                                             NULL                                     },
    {"or",                           "{{no | or nil | or Severity}}",                               "\"High\"",                                          NULL                                     },
    {"or of what is there",          "{{n | or Severity}}",                                         "\"1.50\"",                                          NULL                                     },
    {"map",                          "{{Severity | map m}}",                                        "\"red\"",                                           NULL                                     },
    {"map, the case ignored",        "{{Severity | upper | map m}}",                                "\"red\"",                                           NULL                                     },
    {"map, all others",              "{{n | map m}}",                                               "\"grey\"",                                          NULL                                     },
    {"map, nothing is another, too", "{{no | map m}}",                                              "\"grey\"",                                          NULL                                     },
    {"map without others",           "[{{n | map strict}}]",                                        "\"[]\"",                                            NULL                                     },
    {"and a default",                "{{n | map strict | default 'x'}}",                            "\"x\"",                                             NULL                                     },
    {"upper and lower",              "{{long | upper}}{{Severity | lower}}",
     "\"A\xc3\xa9"
     "BCDEFhigh\"",                                                                                                                                      NULL                                     },
    {"truncate",                     "{{long | truncate 3}}",                                       "\"a\xc3\xa9\xe2\x80\xa6\"",                         NULL                                     },
    {"truncate to one",              "{{long | truncate 1}}",                                       "\"\xe2\x80\xa6\"",                                  NULL                                     },
    {"truncate to all",              "{{long | truncate 7}}",
     "\"a\xc3\xa9"
     "bcdef\"",                                                                                                                                          NULL                                     },
    {"hash",                         "{{'abc' | hash}}",                                            "\"ba7816bf8f01cfea414140de5dae2223\"",              NULL                                     },
    {"hash of nothing",              "[{{no | hash}}]",                                             "\"[]\"",                                            NULL                                     },
    {"join",                         "{{list | join ', '}}",                                        "\"one, 2, th\\\"ree, \"",                           NULL                                     },
    {"join of nothing",              "{{none | join ',' | default '-'}}",                           "\"-\"",                                             NULL                                     },
    {"join of no array",             "{{Severity | join ','}}",                                     "\"High\"",                                          NULL                                     },
    {"plain",                        "{{html | plain}}",                                            "\"1. Open\\n2. Fix it, a < b\"",                    NULL                                     },
    {"slack",                        "{{hook | slack}}",                                            "\"&lt;!channel&gt; &amp; [x](http://e.example)\"",  NULL                                     },
    {"markdown",                     "{{hook | markdown}}",
     "\"\\\\<\\\\!channel\\\\> & \\\\[x\\\\]\\\\(http://e.example\\\\)\"",                                                                               NULL                                     },
    {"a text in quotes",             "{{'{{'}} {{ 'a' | upper }}",                                  "\"{{ A\"",                                          NULL                                     },
    {"the event's own",              "{{@id}} {{@source}} {{@tenant}}",                             "\"id-1 Alerts t-1\"",                               NULL                                     },
    {"a value of the configuration", "{{@secret}}",                                                 "\"s\\\"1\"",                                        NULL                                     },
    {"filters in a row",             "{{no | or hook | truncate 9 | slack | upper}}",
     "\"&LT;!CHANNE\xe2\x80\xa6\"",                                                                                                                      NULL                                     },
    {"braces alone",                 "{ } }} {a}",                                                  "\"{ } }} {a}\"",                                    NULL                                     },
    {"no such filter",               "a {{n | uper}}",                                              NULL,                                                "variants.event: there is no filter uper"},
    {"no filter",                    "{{n | }}",                                                    NULL,                                                "a filter is wanted"                     },
    {"no path",                      "{{}}",                                                        NULL,                                                "a path is wanted"                       },
    {"no end",                       "{{n",                                                         NULL,                                                "}} is wanted before the end"            },
    {"half an end",                  "{{n }",                                                       NULL,                                                "}} is wanted"                           },
    {"a wrong path",                 "{{a..b}}",                                                    NULL,                                                "a name is wanted"                       },
    {"no argument",                  "{{n | default}}",                                             NULL,                                                "'...' is wanted"                        },
    {"an open text",                 "{{n | default 'x}}",                                          NULL,                                                "'...' is wanted"                        },
    {"no number",                    "{{n | truncate x}}",                                          NULL,                                                "no number"                              },
    {"nothing to truncate to",       "{{n | truncate}}",                                            NULL,                                                "truncate wants"                         },
    {"no such map",                  "{{n | map nope}}",                                            NULL,                                                "no map nope"                            },
    {"no such value",                "{{@nope}}",                                                   NULL,                                                "template_values does not give: nope"    },
    {"raw with others",              "a{{n | raw}}",                                                NULL,                                                "raw must stand alone"                   },
    {"raw with others behind",       "{{n | raw}}a",                                                NULL,                                                "raw must stand alone"                   },
    {"raw is not last",              "{{n | raw | upper}}",                                         NULL,                                                "raw must be the last"                   },
    {"too many filters",             "{{n|upper|upper|upper|upper|upper|upper|upper|upper|upper}}", NULL,
     "too many filters"                                                                                                                                                                           },
    {"junk behind a filter",         "{{n | upper x}}",                                             NULL,                                                "}} is wanted before x"                  },
};

static const struct {
    const char *name, *json, *says;
} documents[] = {
    {"no JSON",               "{",                                                            "line 1, column 1"       },
    {"no object",             "[]",                                                           "a JSON object is wanted"},
    {"no variants",           "{}",                                                           "event must be there"    },
    {"no event",              "{\"variants\":{\"alert\":1}}",                                 "event must be there"    },
    {"another variant",       "{\"variants\":{\"event\":1,\"alarm\":1}}",                     "variants.alarm"         },
    {"another member",        "{\"variants\":{\"event\":1},\"x\":1}",                         "there is no 'x'"        },
    {"a map that is none",    "{\"maps\":{\"m\":[]},\"variants\":{\"event\":1}}",             "maps.m"                 },
    {"a map of numbers",      "{\"maps\":{\"m\":{\"a\":1}},\"variants\":{\"event\":1}}",
     "maps.m.a: a text is wanted"                                                                                      },
    {"a place within",        "{\"variants\":{\"event\":{\"a\":[1,{\"b\":\"{{x | y}}\"}]}}}",
     "variants.event.a[1].b"                                                                                           },
    {"twice the same member", "{\"variants\":{\"event\":1,\"event\":2}}",                     "line 1"                 },
};

static const struct {
    const char *category;
    enum template_variant variant;
} variants[] = {
    {"Alerts",                         TEMPLATE_ALERT         },
    {"alerts",                         TEMPLATE_ALERT         },
    {"AdvancedHunting-AlertInfo",      TEMPLATE_ALERT         },
    {"AdvancedHunting-AlertEvidence",  TEMPLATE_ALERT         },
    {"Assessments",                    TEMPLATE_RECOMMENDATION},
    {"SubAssessmentsSnapshot",         TEMPLATE_RECOMMENDATION},
    {"SecureScores",                   TEMPLATE_EVENT         },
    {"AttackPathsSnapshot",            TEMPLATE_EVENT         },
    {"RegulatoryComplianceAssessment", TEMPLATE_EVENT         },
    {"AdvancedHunting-DeviceEvents",   TEMPLATE_EVENT         },
};

static const struct template_value values[] = {
    {"secret",        "s\"1"    },
    {"jira_project",  "SEC"     },
    {"jira_type",     "Incident"},
    {"pagerduty_key", "R0"      },
};

static char *
rendered(const char *json, const char *row, const char *category, struct err *err)
{
    struct template_event e = {span_of(row), "id-1", category, "t-1"};
    struct template_work work = {0};
    struct buffer out = {0};
    struct template *t;

    if (template_read(span_of(json), "test", values, COUNT_OF(values), &t, err) != ST_OK)
        return NULL;
    for (int i = 0; i < 2; i++) { /* what the first leaves in the work changes nothing */
        out.n = 0;
        CHECK(template_render(t, &e, &work, &out, err) == ST_OK, "%s", err->text);
    }
    template_work_free(&work);
    template_free(t);
    return out.p;
}

static void
test_strings(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char json[1000];
        struct err err = {""};
        char *text;

        snprintf(json, sizeof json,
                 "{\"maps\":{\"m\":{\"high\":\"red\",\"*\":\"grey\"},\"strict\":{\"a\":\"b\"}},"
                 "\"variants\":{\"event\":\"%s\"}}",
                 cases[i].string);
        text = rendered(json, EVENT, "Alerts", &err);
        if (cases[i].expected == NULL)
            CHECK(text == NULL && strstr(err.text, cases[i].says) != NULL &&
                      strstr(err.text, "template test: variants.event: ") == err.text,
                  "%s: '%s' %s", cases[i].name, text == NULL ? "" : text, err.text);
        else
            CHECK(text != NULL && strcmp(text, cases[i].expected) == 0, "%s: %s %s", cases[i].name,
                  text == NULL ? "refused" : text, err.text);
        free(text);
    }
}

static void
test_documents(void)
{
    char *large = malloc(TEMPLATE_SIZE_MAX + 2), deep[2 * 40 + 64];
    struct err err = {""};
    struct template *t;
    char *text;

    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        text = rendered(documents[i].json, "{}", "x", &err);
        CHECK(text == NULL && strstr(err.text, documents[i].says) != NULL, "%s: %s",
              documents[i].name, err.text);
        free(text);
    }
    memset(large, ' ', TEMPLATE_SIZE_MAX + 2);
    CHECK(template_read((struct span){large, TEMPLATE_SIZE_MAX + 1}, "large", NULL, 0, &t, &err) ==
                  ST_INVALID &&
              strstr(err.text, "has more than") != NULL,
          "large: %s", err.text);
    free(large);
    strcpy(deep, "{\"variants\":{\"event\":");
    memset(deep + 21, '[', 40);
    memset(deep + 61, ']', 40);
    strcpy(deep + 101, "}}");
    CHECK(rendered(deep, "{}", "x", &err) == NULL && strstr(err.text, "too deep") != NULL, "%s",
          err.text);
    text = rendered(
        "{\"variants\":{\"event\":{\"a\":[1,2.5,true,null,\"{{x}}\",{}],\"b\":\"\xc3\xa9\"}}}",
        "{\"x\":1}", "x", &err);
    CHECK(text != NULL &&
              strcmp(text, "{\"a\":[1,2.5,true,null,\"1\",{}],\"b\":\"\xc3\xa9\"}") == 0,
          "what is not a string: %s", text == NULL ? err.text : text);
    free(text);
    static const char three[] = "{\"variants\":{\"alert\":\"A\",\"event\":\"E\"}}";

    for (size_t i = 0; i < COUNT_OF(variants); i++) {
        const char *wanted = variants[i].variant == TEMPLATE_ALERT ? "\"A\"" : "\"E\"";

        CHECK(template_variant(variants[i].category) == variants[i].variant, "%s is %d",
              variants[i].category, (int)template_variant(variants[i].category));
        text = rendered(three, "{}", variants[i].category, &err);
        CHECK(text != NULL && strcmp(text, wanted) == 0, "%s: %s", variants[i].category, text);
        free(text);
    }
}

/* Rows that are no rows make something or nothing, but always a JSON text. */
static void
test_bad_rows(void)
{
    static const char *const rows[] = {"",
                                       "{",
                                       "[1,2",
                                       "\"x\"",
                                       "{\"x\":\"\xff\xc3(\"}",
                                       "{\"x\":\"\\ud800\"}",
                                       "{\"x\":\"\xed\xa0\x80\"}"};

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct err err = {""};
        char *text = rendered("{\"variants\":{\"event\":\"{{x}}{{$}}\"}}", rows[i], "x", &err);
        json_t *tree = text == NULL ? NULL : json_loads(text, JSON_DECODE_ANY, NULL);

        CHECK(tree != NULL, "%s: %s", rows[i], text == NULL ? err.text : text);
        json_decref(tree);
        free(text);
    }
}

static void
test_too_large(void)
{
    enum { SIZE = 3 << 20 };
    char *row = malloc(SIZE + 16);
    struct template_event e = {
        {row, SIZE + 8},
        "id", "x", "t"
    };
    struct template_work work = {0};
    struct buffer out = {0};
    struct template *t;
    struct err err = {""};

    memcpy(row, "{\"x\":\"", 6);
    memset(row + 6, 'a', SIZE);
    memcpy(row + 6 + SIZE, "\"}", 2);
    CHECK(template_read(SPAN_LITERAL("{\"variants\":{\"event\":\"{{x}}{{x}}\"}}"), "t", NULL, 0, &t,
                        &err) == ST_OK,
          "%s", err.text);
    out = (struct buffer){strdup("["), 1, 2};
    CHECK(template_render(t, &e, &work, &out, &err) == ST_INVALID && out.n == 1 &&
              strstr(err.text, "has more than") != NULL,
          "%zu: %s", out.n, err.text);
    free(out.p);
    free(row);
    template_work_free(&work);
    template_free(t);
}

/* ---- the built-in ones ---- */

static json_t *
path_get(json_t *tree, const char *path)
{
    struct span rest = span_of(path);

    while (tree != NULL && rest.n > 0) {
        char name[64];
        size_t n = strcspn(rest.p, "/");

        snprintf(name, sizeof name, "%.*s", (int)n, rest.p);
        tree = json_is_array(tree) ? json_array_get(tree, (size_t)atoi(name))
                                   : json_object_get(tree, name);
        n += rest.p[n] == '/';
        rest.p += n;
        rest.n -= n;
    }
    return tree;
}

#define ALERT                                                                                      \
    "{\"AlertDisplayName\":\"A <b>\\\"bad\\\" sign-in\",\"Severity\":\"High\",\"Status\":\"New\"," \
    "\"SystemAlertId\":\"2517_6f\",\"TimeGenerated\":\"2026-05-12T09:00:02Z\",\"Description\":"    \
    "\"d\","                                                                                       \
    "\"CompromisedEntity\":\"vm-1\",\"RemediationSteps\":[\"one\",\"two\"]}"
#define DISMISSED "{\"SystemAlertId\":\"2517_6f\",\"Status\":\"Dismissed\",\"Severity\":\"Low\"}"
#define UNHEALTHY                                                                                  \
    "{\"id\":\"/subscriptions/S/a/1\",\"properties\":{\"displayName\":\"Patch\",\"status\":"       \
    "{\"code\":\"Unhealthy\"},\"metadata\":{\"severity\":\"Medium\",\"remediationDescription\":"   \
    "\"1. Open.<br>2. Fix.\"},\"resourceDetails\":{\"resourceName\":\"vm-1\"}}}"
#define HEALTHY                                                                                    \
    "{\"id\":\"/SUBSCRIPTIONS/s/a/1\",\"properties\":{\"displayName\":\"Patch\",\"status\":"       \
    "{\"code\":\"Healthy\"}}}"
#define PATH_EVENT                                                                                 \
    "{\"id\":\"/x/attackPaths/1\",\"attackPath\":{\"displayName\":\"Exposed\",\"riskLevel\":"      \
    "\"High\",\"targetId\":\"kv\"}}"
#define HUNTING                                                                                    \
    "{\"time\":\"2026-05-12T09:00:02Z\",\"properties\":{\"Title\":\"Odd\",\"Severity\":"           \
    "\"Medium\","                                                                                  \
    "\"AlertId\":\"da1\"}}"

static const struct {
    const char *template, *category, *row, *path, *expected;
} built_in[] = {
    {"slack",      "Alerts",                    ALERT,      "text",                               "High: A &lt;b&gt;\"bad\" sign-in"         },
    {"slack",      "Alerts",                    ALERT,      "attachments/0/color",                "#d13438"                                  },
    {"slack",      "Assessments",               UNHEALTHY,  "text",                               "Unhealthy: Patch"                         },
    {"slack",      "Assessments",               HEALTHY,    "attachments/0/color",                "#107c10"                                  },
    {"slack",      "Assessments",               UNHEALTHY,  "attachments/0/blocks/2/text/text",
     "*Remediation*\n1. Open.\n2. Fix."                                                                                                      },
    {"slack",      "AttackPaths",               PATH_EVENT, "text",                               "AttackPaths: Exposed"                     },
    {"slack",      "SecureScores",              "{}",       "text",                               "SecureScores: event"                      },
    {"slack",      "AdvancedHunting-AlertInfo", HUNTING,    "text",                               "Medium: Odd"                              },
    {"teams",      "Alerts",                    ALERT,      "attachments/0/contentType",
     "application/vnd.microsoft.card.adaptive"                                                                                               },
    {"teams",      "Alerts",                    ALERT,      "attachments/0/content/body/0/text",  "A \\<b\\>\"bad\" sign-in"                 },
    {"teams",      "Alerts",                    ALERT,      "attachments/0/content/body/0/color", "attention"                                },
    {"teams",      "SubAssessments",            UNHEALTHY,  "attachments/0/content/body/0/color", "warning"                                  },
    {"teams",      "AttackPaths",               PATH_EVENT, "attachments/0/content/body/0/text",  "Exposed"                                  },
    {"servicenow", "Alerts",                    ALERT,      "urgency",                            "1"                                        },
    {"servicenow", "Alerts",                    ALERT,      "correlation_id",                     "penstock-4a62be04e13ffcf75ddcd7de089fbd76"},
    {"servicenow", "Alerts",                    DISMISSED,  "correlation_id",
     "penstock-4a62be04e13ffcf75ddcd7de089fbd76"                                                                                             },
    {"servicenow", "Assessments",               UNHEALTHY,  "urgency",                            "2"                                        },
    {"servicenow", "SecureScores",              "{}",       "urgency",                            "3"                                        },
    {"jira",       "Alerts",                    ALERT,      "fields/project/key",                 "SEC"                                      },
    {"jira",       "Alerts",                    ALERT,      "fields/issuetype/name",              "Incident"                                 },
    {"jira",       "Alerts",                    ALERT,      "fields/labels/1",                    "penstock-4a62be04e13ffcf75ddcd7de089fbd76"},
    {"jira",       "Alerts",                    ALERT,      "fields/labels/2",                    "severity-high"                            },
    {"jira",       "Assessments",               UNHEALTHY,  "fields/summary",                     "Patch"                                    },
    {"jira",       "AttackPaths",               "{}",       "fields/summary",                     "Security event"                           },
    {"pagerduty",  "Alerts",                    ALERT,      "routing_key",                        "R0"                                       },
    {"pagerduty",  "Alerts",                    ALERT,      "event_action",                       "trigger"                                  },
    {"pagerduty",  "Alerts",                    DISMISSED,  "event_action",                       "resolve"                                  },
    {"pagerduty",  "Alerts",                    ALERT,      "payload/severity",                   "critical"                                 },
    {"pagerduty",  "Alerts",                    ALERT,      "payload/timestamp",                  "2026-05-12T09:00:02Z"                     },
    {"pagerduty",  "Alerts",                    ALERT,      "payload/custom_details/remediation", "one; two"                                 },
    {"pagerduty",  "Assessments",               UNHEALTHY,  "event_action",                       "trigger"                                  },
    {"pagerduty",  "Assessments",               HEALTHY,    "event_action",                       "resolve"                                  },
    {"pagerduty",  "Assessments",               UNHEALTHY,  "dedup_key",
     "penstock-e6c238bbdb4853f431f2c41d5264e71e"                                                                                             },
    {"pagerduty",  "Assessments",               HEALTHY,    "dedup_key",                          "penstock-e6c238bbdb4853f431f2c41d5264e71e"},
    {"pagerduty",  "AttackPaths",               PATH_EVENT, "payload/source",                     "kv"                                       },
};

static void
test_built_in(void)
{
    for (size_t i = 0; i < COUNT_OF(built_in); i++) {
        const struct template_builtin *b = template_builtin_find(built_in[i].template);
        struct err err = {""};
        char *text =
            b == NULL ? NULL : rendered(b->json, built_in[i].row, built_in[i].category, &err);
        json_t *tree = text == NULL ? NULL : json_loads(text, 0, NULL);
        const char *seen = json_string_value(path_get(tree, built_in[i].path));

        CHECK(seen != NULL && strcmp(seen, built_in[i].expected) == 0, "%s of %s: %s is '%s' (%s)",
              built_in[i].template, built_in[i].category, built_in[i].path,
              seen == NULL ? "" : seen, text == NULL ? err.text : text);
        json_decref(tree);
        free(text);
    }
    CHECK(template_builtin_find("nope") == NULL, "no such template");
    for (const struct template_builtin *b = template_builtins; b->name != NULL; b++)
        CHECK(b->help[0] != '\0', "%s has no help", b->name);
}

/* No text of a made document is empty where receivers refuse that, or still a template. */
static void
made_check(const json_t *tree, const char *what)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_is_string(tree))
        CHECK(strstr(json_string_value(tree), "{{") == NULL, "%s: %s", what,
              json_string_value(tree));
    json_array_foreach((json_t *)(uintptr_t)tree, i, value) made_check(value, what);
    json_object_foreach((json_t *)(uintptr_t)tree, key, value)
    {
        if (strcmp(key, "text") == 0 || strcmp(key, "summary") == 0 ||
            strcmp(key, "short_description") == 0)
            CHECK(!json_is_string(value) || json_string_length(value) > 0, "%s: %s is empty", what,
                  key);
        made_check(value, what);
    }
}

/* Each template over each event of the contract, where it is at hand. */
static void
test_examples(void)
{
    static const struct {
        const char *file, *category;
    } examples[] = {
        {"alerts",                           "Alerts"                        },
        {"assessments",                      "Assessments"                   },
        {"assessments-healthy",              "Assessments"                   },
        {"assessments-delete",               "Assessments"                   },
        {"assessments-snapshot",             "AssessmentsSnapshot"           },
        {"subassessments",                   "SubAssessments"                },
        {"subassessments-legacy-pascalcase", "SubAssessments"                },
        {"securescores",                     "SecureScores"                  },
        {"securescorecontrols",              "SecureScoreControls"           },
        {"regulatorycompliance",             "RegulatoryComplianceAssessment"},
        {"attackpaths",                      "AttackPaths"                   },
    };
    const char *shared = getenv("PENSTOCK_SHARED");

    for (size_t i = 0; i < COUNT_OF(examples); i++) {
        char path[400], *row = NULL;
        struct err err = {""};
        size_t size;

        snprintf(path, sizeof path, "%s/contracts/examples/continuous-export/event-%s.json",
                 shared == NULL ? "../shared" : shared, examples[i].file);
        if (file_read(path, 1 << 20, &row, &size, &err) != ST_OK) {
            printf("skipped: %s\n", path);
            continue;
        }
        for (const struct template_builtin *b = template_builtins; b->name != NULL; b++) {
            char *text = rendered(b->json, row, examples[i].category, &err);
            json_t *tree = text == NULL ? NULL : json_loads(text, 0, NULL);
            char what[80];

            snprintf(what, sizeof what, "%s of %s", b->name, examples[i].file);
            CHECK(tree != NULL, "%s: %s", what, text == NULL ? err.text : text);
            made_check(tree, what);
            json_decref(tree);
            free(text);
        }
        free(row);
    }
}

int
main(void)
{
    test_strings();
    test_documents();
    test_bad_rows();
    test_too_large();
    test_built_in();
    test_examples();
    return test_end();
}
