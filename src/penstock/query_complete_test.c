/* query_complete_test.c - what a word of a query may become. */
#include "base/test.h"
#include "penstock/query_complete.h"

static const struct {
    const char *text;
    enum query_shape shape;
    const char *has;    /* among the names; NULL: there are none */
    const char *lacks;  /* not among them */
    const char *common; /* what can be put in now */
} rows[] = {
    {"DeviceProcessE",                                          QUERY_HUNTING,         "DeviceProcessEvents", "DeviceInfo",    "DeviceProcessEvents"},
    {"devicepro",                                               QUERY_HUNTING,         "DeviceProcessEvents", NULL,            "DeviceProcessEvents"},
    {"Device",                                                  QUERY_HUNTING,         "DeviceInfo",          "count",         "Device"             },
    {"DeviceInfo | wh",                                         QUERY_HUNTING,         "where",               "while",         "where"              },
    {"DeviceInfo\n| project-",                                  QUERY_HUNTING,         "project-away",        "project",       "project-"           },
    {"DeviceInfo | where OSPl",                                 QUERY_HUNTING,         "OSPlatform",          NULL,            "OSPlatform"         },
    {"DeviceInfo | where Timest",                               QUERY_HUNTING,         "Timestamp",           "TimeGenerated", "Timestamp"          },
    {"DeviceInfo | where TimeG",                                QUERY_SHAPE_WORKSPACE, "TimeGenerated",       "Timestamp",
     "TimeGenerated"                                                                                                                                },
    {"DeviceInfo | where Time",                                 QUERY_BOTH,            "Timestamp",           NULL,            "Time"               },
    {"DeviceInfo | join (AlertInfo) on DeviceId | where Sever", QUERY_HUNTING,         "Severity",            NULL,
     "Severity"                                                                                                                                     },
    {"DeviceInfo | extend x = strc",                            QUERY_HUNTING,         "strcat",              "Device",        "strc"               },
    {"DeviceInfo | render timec",                               QUERY_HUNTING,         "timechart",           NULL,            "timechart"          },
    {"data",                                                    QUERY_HUNTING,         "datatable",           NULL,            "Data"               },
    {"let x = 1; pri",                                          QUERY_HUNTING,         "print",               NULL,            "print"              },
    {"zzzz",                                                    QUERY_HUNTING,         NULL,                  NULL,            ""                   },
    {"",                                                        QUERY_HUNTING,         "DeviceInfo",          "strcat",        ""                   },
};

int
main(void)
{
    static struct query_completion names;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        bool has = false, lacks = true;

        query_complete(&catalog_builtin, rows[i].shape, span_of(rows[i].text), &names);
        for (size_t k = 0; k < names.count; k++) {
            has = has || (rows[i].has != NULL && strcmp(names.names[k], rows[i].has) == 0);
            lacks = lacks && (rows[i].lacks == NULL || strcmp(names.names[k], rows[i].lacks) != 0);
            CHECK(k == 0 || strcmp(names.names[k - 1], names.names[k]) != 0, "%s: %s twice",
                  rows[i].text, names.names[k]);
        }
        CHECK(rows[i].has == NULL ? names.count == 0 : has, "'%s': %zu names without %s",
              rows[i].text, names.count, rows[i].has == NULL ? "(none)" : rows[i].has);
        CHECK(lacks, "'%s' may become %s", rows[i].text, rows[i].lacks);
        CHECK(strlen(rows[i].common) == names.common &&
                  (names.count == 0 || memcmp(names.names[0], rows[i].common, names.common) == 0),
              "'%s' becomes '%.*s'", rows[i].text, (int)names.common,
              names.count > 0 ? names.names[0] : "");
    }
    return test_end();
}
