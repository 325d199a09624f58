/* arm_id_test.c - which ids are taken apart, and what is said of the others. */
#include "base/test.h"
#include "model/arm_id.h"

#define GUID "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define GROUP "/subscriptions/" GUID "/resourceGroups/rg-1"

static const struct {
    const char *name, *text;
    const char *parts; /* the seven parts, each followed by '|'; NULL: refused */
    const char *says;  /* what the error must name */
} cases[] = {
    {"event hubs namespace",                    GROUP "/providers/Microsoft.EventHub/namespaces/ns-1",
     GUID "|rg-1|Microsoft.EventHub|namespaces|ns-1|||",                                                                 NULL            },
    {"storage account",                         GROUP "/providers/Microsoft.Storage/storageAccounts/acc",
     GUID "|rg-1|Microsoft.Storage|storageAccounts|acc|||",                                                              NULL            },
    {"event hub",                               GROUP "/providers/Microsoft.EventHub/namespaces/ns/eventhubs/xdr",
     GUID "|rg-1|Microsoft.EventHub|namespaces|ns|eventhubs|xdr|",                                                       NULL            },
    {"trailing slash",                          GROUP "/providers/Microsoft.Storage/storageAccounts/acc/",
     GUID "|rg-1|Microsoft.Storage|storageAccounts|acc|||",                                                              NULL            },
    {"keywords in any case",                    "/SUBSCRIPTIONS/" GUID "/resourcegroups/RG/Providers/a.b/c/d",
     GUID "|RG|a.b|c|d|||",                                                                                              NULL            },
    {"without group",                           "/subscriptions/" GUID "/providers/Microsoft.Security/pricings/x",
     GUID "||Microsoft.Security|pricings|x|||",                                                                          NULL            },
    {"of the tenant",                           "/providers/Microsoft.Security/settings/x",
     "||Microsoft.Security|settings|x|||",                                                                               NULL            },
    {"names with blanks, brackets and accents",
     "/subscriptions/" GUID "/resourceGroups/a (b)_c.d/providers/a.b/c/d e\xc3\xa9",
     GUID "|a (b)_c.d|a.b|c|d e\xc3\xa9|||",                                                                             NULL            },
    {"empty",                                   "",                                                                NULL, "text"          },
    {"no slash in front",                       "subscriptions/" GUID,                                             NULL, "text"          },
    {"slash alone",                             "/",                                                               NULL, "text"          },
    {"subscription alone",                      "/subscriptions/" GUID,                                            NULL, "text"          },
    {"subscription is no GUID",                 "/subscriptions/mine/providers/a.b/c/d",                           NULL, "subscription"  },
    {"subscription is missing",                 "/subscriptions",                                                  NULL, "subscription"  },
    {"group is missing",                        "/subscriptions/" GUID "/resourceGroups",                          NULL, "resource group"},
    {"group is empty",                          "/subscriptions/" GUID "/resourceGroups//providers/a.b/c/d",       NULL,
     "resource group"                                                                                                                    },
    {"group ends in a dot",                     "/subscriptions/" GUID "/resourceGroups/a./providers/a.b/c/d",     NULL,
     "resource group"                                                                                                                    },
    {"group climbs",                            "/subscriptions/" GUID "/resourceGroups/../providers/a.b/c/d",     NULL,
     "resource group"                                                                                                                    },
    {"no providers",                            GROUP "/Microsoft.Storage/storageAccounts/acc",                    NULL, "text"          },
    {"provider without dot",                    GROUP "/providers/Storage/storageAccounts/acc",                    NULL, "provider"      },
    {"provider is missing",                     GROUP "/providers",                                                NULL, "provider"      },
    {"type is missing",                         GROUP "/providers/a.b",                                            NULL, "type"          },
    {"type is empty",                           GROUP "/providers/a.b//d",                                         NULL, "type"          },
    {"name is missing",                         GROUP "/providers/a.b/c",                                          NULL, "name"          },
    {"name is empty",                           GROUP "/providers/a.b/c//",                                        NULL, "name"          },
    {"name climbs",                             GROUP "/providers/a.b/c/..",                                       NULL, "name"          },
    {"name with an escape",                     GROUP "/providers/a.b/c/d%2Fe",                                    NULL, "name"          },
    {"name with a control byte",                GROUP "/providers/a.b/c/d\n",                                      NULL, "name"          },
    {"nested name is missing",                  GROUP "/providers/a.b/c/d/e",                                      NULL, "name"          },
    {"nested too deep",                         GROUP "/providers/a.b/c/d/e/f/g/h",                                NULL, "/g/h"          },
    {"query behind",                            GROUP "/providers/a.b/c/d?x=1",                                    NULL, "name"          },
};

static void
test_parse(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char seen[600] = "";
        struct arm_id id = {.name = SPAN_LITERAL("untouched")};
        struct err err = {""};
        enum status st = arm_id_parse(span_of(cases[i].text), &id, &err);

        if (cases[i].parts == NULL) {
            CHECK(st == ST_INVALID && strstr(err.text, cases[i].says) != NULL &&
                      span_is(id.name, "untouched"),
                  "%s: %d, '%s'", cases[i].name, st, err.text);
            continue;
        }
        const struct span *parts[] = {&id.subscription, &id.resource_group, &id.provider,  &id.type,
                                      &id.name,         &id.child_type,     &id.child_name};
        for (size_t k = 0; k < COUNT_OF(parts); k++) {
            if (parts[k]->n > 0)
                strncat(seen, parts[k]->p, parts[k]->n);
            strcat(seen, "|");
        }
        CHECK(st == ST_OK && strcmp(seen, cases[i].parts) == 0, "%s: %d, '%s', '%s'", cases[i].name,
              st, seen, err.text);
    }
}

static void
test_limits(void)
{
    static char text[3000] = GROUP "/providers/a.b/c/";
    size_t at = strlen(text);
    struct arm_id id;
    struct err err;

    memset(text + at, 'n', 260);
    CHECK(arm_id_parse(span_of(text), &id, &err) == ST_OK, "260 bytes: %s", err.text);
    memset(text + at, 'n', 261);
    CHECK(arm_id_parse(span_of(text), &id, &err) == ST_INVALID, "261 bytes passed");
    memset(text + at, 'n', 2500);
    CHECK(arm_id_parse(span_of(text), &id, &err) == ST_INVALID && strstr(err.text, "2048"), "%s",
          err.text);
}

static void
test_guid(void)
{
    char out[37];

    CHECK(guid_copy(SPAN_LITERAL("7B1E0C1A-5D2F-4C60-9A44-0C0FFEE0BEEF"), out) &&
              strcmp(out, GUID) == 0,
          "'%s'", out);
    CHECK(guid_is(SPAN_LITERAL(GUID)), "a GUID");
    CHECK(!guid_is(SPAN_LITERAL("{" GUID "}")), "braces");
    CHECK(!guid_is(SPAN_LITERAL("7b1e0c1a5d2f4c609a440c0ffee0beef")), "no dashes");
    CHECK(!guid_is(SPAN_LITERAL("7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beeg")), "a letter g");
    CHECK(!guid_is(SPAN_LITERAL("7b1e0c1a-5d2f-4c60-9a44-0c0ffee0bee")), "too short");
    CHECK(!guid_is(SPAN_LITERAL("7b1e0c1a-5d2f-4c60-9a440-c0ffee0beef")), "a dash astray");
    CHECK(!guid_is((struct span){NULL, 0}), "nothing");
}

int
main(void)
{
    test_parse();
    test_limits();
    test_guid();
    CHECK(arm_id_equal(span_of("/a/B"), span_of("/A/b/")), "case and slash");
    CHECK(!arm_id_equal(span_of("/a/b"), span_of("/a/b/c")), "a prefix");
    CHECK(!arm_id_equal(span_of("/a/b"), span_of("/a/c")), "another");
    CHECK(arm_id_equal(span_of(""), span_of("")), "nothing");
    return test_end();
}
