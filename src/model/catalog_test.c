/* catalog_test.c - the built-in catalog is whole, is found by every road, and takes additions. That
 * its tables are those of data/schema, column by column, is checked where JSON can be read:
 * api/schema_json_test.c. */
#include "base/test.h"
#include "model/catalog.h"

static void
test_counts(void)
{
    const struct catalog *c = &catalog_builtin;
    size_t hunting = 0, hunting_columns = 0, analytics = 0, analytics_columns = 0, both = 0,
           workspace_columns = 0, streamable = 0, by_status[5] = {0}, by_group[4] = {0},
           actions = 0, action_tables = 0;

    for (size_t i = 0; i < c->table_count; i++) {
        const struct catalog_table *t = &c->tables[i];

        CHECK(i == 0 || strcmp(c->tables[i - 1].name, t->name) < 0, "%s is out of order", t->name);
        if (strcmp(t->family, "advanced-hunting") == 0) {
            hunting++;
            hunting_columns += t->column_count;
        } else {
            analytics++;
            analytics_columns += t->column_count;
            CHECK(t->role != NULL, "%s has no role", t->name);
        }
        both += t->workspace_column_count > 0;
        workspace_columns += t->workspace_column_count;
        streamable += t->is_streamable;
        by_status[t->stream]++;
        by_group[t->machine_group]++;
        actions += t->action_type_count;
        action_tables += t->action_type_count > 0;
    }
    CHECK(hunting == 65 && hunting_columns == 1664, "%zu hunting tables, %zu columns", hunting,
          hunting_columns);
    CHECK(analytics == 46 && analytics_columns == 1932, "%zu analytics tables, %zu columns",
          analytics, analytics_columns);
    CHECK(both == 43 && workspace_columns == 1473, "%zu workspace shapes, %zu columns", both,
          workspace_columns);
    CHECK(streamable == 42 && by_status[STREAM_GA] == 21 && by_status[STREAM_CAPTURED] == 9 &&
              by_status[STREAM_CATEGORY] == 12 && by_status[STREAM_PLANNED] == 1,
          "%zu streamable", streamable);
    CHECK(by_group[GROUP_DECORATED] == 11 && by_group[GROUP_COLUMN] == 8 &&
              by_group[GROUP_WORKSPACE] == 1,
          "%zu decorated", by_group[GROUP_DECORATED]);
    CHECK(actions == 364 && action_tables == 21, "%zu action types of %zu tables", actions,
          action_tables);
    CHECK(c->category_count == 50 && strcmp(c->categories[2], "Alert") == 0 &&
              strcmp(c->categories[49], "AdvancedHunting-SentinelBehaviorEntities") == 0,
          "%zu categories", c->category_count);
}

static void
test_find(void)
{
    const struct catalog *c = &catalog_builtin;

    for (size_t i = 0; i < c->table_count; i++) {
        const struct catalog_table *t = &c->tables[i];
        char other[CATALOG_TABLE_NAME_MAX + 2];

        CHECK(catalog_find(c, span_of(t->name)) == t, "%s is not found", t->name);
        for (size_t k = 0; t->name[k] != '\0'; k++)
            other[k] = (char)(t->name[k] ^ (t->name[k] >= 'A' ? 0x20 : 0));
        other[strlen(t->name)] = '\0';
        CHECK(catalog_find(c, span_of(other)) == NULL, "%s is found", other);
        CHECK(catalog_find_near(c, span_of(other)) == t, "%s has nothing near", other);
        snprintf(other, sizeof other, "%sx", t->name);
        CHECK(catalog_find(c, span_of(other)) == NULL, "%s is found", other);
        CHECK(catalog_find(c, (struct span){t->name, strlen(t->name) - 1}) != t, "cut %s", t->name);
        if (t->category == NULL)
            continue;
        CHECK(catalog_find_category(c, span_of(t->category)) == t, "%s", t->category);
        CHECK(catalog_has_category(c, span_of(t->category)), "%s is not listed", t->category);
        CHECK(span_is(catalog_category_table(c, span_of(t->category)), t->name), "%s", t->category);
    }
    CHECK(catalog_find(c, (struct span){NULL, 0}) == NULL, "nothing is found");
}

static const struct {
    const char *written, *meant; /* NULL: nothing is near */
} spellings[] = {
    {"DeviceInfos",       "DeviceInfo"         },
    {"DeviceIfno",        "DeviceInfo"         },
    {"devceinfo",         "DeviceInfo"         },
    {"AlertEvidences",    "AlertEvidence"      },
    {"DeviceProcesEvent", "DeviceProcessEvents"},
    {"Syslogs",           "Syslog"             },
    {"Invoice",           NULL                 },
    {"x",                 NULL                 },
    {"",                  NULL                 },
    {"DeviceInfoDeviceInfoDeviceInfoDeviceInfoDeviceInfoDeviceInfoDeviceInfoDeviceInfoDeviceInfoDev"
     "ice",          NULL                 },
};

static void
test_near(void)
{
    const char *category;

    for (size_t i = 0; i < COUNT_OF(spellings); i++) {
        const struct catalog_table *t =
            catalog_find_near(&catalog_builtin, span_of(spellings[i].written));

        CHECK((t == NULL) == (spellings[i].meant == NULL) &&
                  (t == NULL || strcmp(t->name, spellings[i].meant) == 0),
              "%s: %s", spellings[i].written, t == NULL ? "nothing" : t->name);
    }
    category = catalog_category_near(&catalog_builtin, SPAN_LITERAL("AdvancedHunting-DeviceInf"));
    CHECK(category != NULL && strcmp(category, "AdvancedHunting-DeviceInfo") == 0, "category");
    CHECK(catalog_category_near(&catalog_builtin, SPAN_LITERAL("zzzz")) == NULL, "zzzz");
}

static const struct {
    const char *category, *table, *container; /* container NULL: there can be none */
} categories[] = {
    {"AdvancedHunting-DeviceInfo",                         "DeviceInfo",                          "insights-logs-advancedhunting-deviceinfo"                       },
    {"AdvancedHunting-DeviceAlertEvents",                  "DeviceAlertEvents",
     "insights-logs-advancedhunting-devicealertevents"                                                                                                             },
    {"CustomCollection-DeviceFileEvents",                  "MDECustomCollectionDeviceFileEvents",
     "insights-logs-customcollection-devicefileevents"                                                                                                             },
    {"CloudAppEvents",                                     "CloudAppEvents",                      "insights-logs-cloudappevents"                                   },
    {"Alert",                                              "Alert",                               "insights-logs-alert"                                            },
    {"AdvancedHunting-My_Table_CL",                        "My_Table_CL",                         "insights-logs-advancedhunting-my-table-cl"                      },
    {"a__b_",                                              "a__b_",                               "insights-logs-a-b"                                              },
    {"advancedhunting-DeviceInfo",                         "advancedhunting-DeviceInfo",
     "insights-logs-advancedhunting-deviceinfo"                                                                                                                    },
    {"AdvancedHunting-",                                   "AdvancedHunting-",                    "insights-logs-advancedhunting"                                  },
    {"AdvancedHunting-DeviceTvmSecureConfigurationAssess", "DeviceTvmSecureConfigurationAssess",
     NULL                                                                                                                                                          },
    {"1234567890123456789012345678901234567890123456789",
     "1234567890123456789012345678901234567890123456789",                                         "insights-logs-1234567890123456789012345678901234567890123456789"},
    {"../etc",                                             "../etc",                              NULL                                                             },
    {"a b",                                                "a b",                                 NULL                                                             },
    {"",                                                   "",                                    NULL                                                             },
    {"__",                                                 "__",                                  NULL                                                             },
};

static void
test_categories(void)
{
    for (size_t i = 0; i < COUNT_OF(categories); i++) {
        struct span category = span_of(categories[i].category);
        struct span table = catalog_category_table(&catalog_builtin, category);
        char container[64] = "";
        bool fits = catalog_container(category, container);

        CHECK(span_is(table, categories[i].table), "%s: table %.*s", category.p, (int)table.n,
              table.p);
        CHECK(fits == (categories[i].container != NULL) &&
                  (!fits || strcmp(container, categories[i].container) == 0),
              "%s: container %s", category.p, container);
    }
    for (size_t i = 0; i < catalog_builtin.category_count; i++) {
        char container[64];

        CHECK(catalog_container(span_of(catalog_builtin.categories[i]), container), "%s",
              catalog_builtin.categories[i]);
    }
}

static const struct {
    const char *name, *type; /* NULL: unknown */
} types[] = {
    {"string",  "string"  },
    {"boolean", "bool"    },
    {"Boolean", "bool"    },
    {"integer", "int"     },
    {"double",  "real"    },
    {"date",    "datetime"},
    {"time",    "timespan"},
    {"uuid",    "guid"    },
    {"object",  "dynamic" },
    {"decimal", "decimal" },
    {"text",    NULL      },
    {"",        NULL      },
    {"strings", NULL      },
};

static void
test_names(void)
{
    char long_name[66];

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        enum column_type t = COLUMN_STRING;
        bool is_type = column_type_read(span_of(types[i].name), &t);

        CHECK(is_type == (types[i].type != NULL) &&
                  (!is_type || strcmp(column_type_name(t), types[i].type) == 0),
              "%s", types[i].name);
    }
    CHECK(strcmp(column_type_data_type(COLUMN_LONG), "System.Int64") == 0, "long");
    CHECK(strcmp(stream_status_name(STREAM_GA), "ga") == 0, "ga");
    CHECK(strcmp(machine_group_name(GROUP_DECORATED), "decorated") == 0, "decorated");
    memset(long_name, 'a', sizeof long_name);
    CHECK(catalog_name_is_safe((struct span){long_name, 64}, 64), "64 bytes");
    CHECK(!catalog_name_is_safe((struct span){long_name, 65}, 64), "65 bytes");
    CHECK(!catalog_name_is_safe(SPAN_LITERAL("a/b"), 64), "a slash");
    CHECK(!catalog_name_is_safe(SPAN_LITERAL("a.b"), 64), "a dot");
    CHECK(!catalog_name_is_safe(SPAN_LITERAL("a\0b"), 64), "a NUL");
    CHECK(!catalog_name_is_safe(SPAN_LITERAL("\xc3\xa9"), 64), "not ASCII");
}

/* What one table's row of the catalog says. */
static void
test_device_info(void)
{
    const struct catalog_table *t = catalog_find(&catalog_builtin, SPAN_LITERAL("DeviceInfo"));
    const struct catalog_column *c =
        catalog_column_find(t->columns, t->column_count, SPAN_LITERAL("ReportId"));

    CHECK(t->stream == STREAM_GA && t->is_streamable && t->is_device_scoped && !t->is_preview &&
              t->machine_group == GROUP_COLUMN,
          "flags");
    CHECK(c != NULL && c->type == COLUMN_LONG && c->origin == NULL, "ReportId");
    CHECK(catalog_column_find(t->columns, t->column_count, SPAN_LITERAL("reportid")) == NULL,
          "case");
    CHECK(strcmp(t->time_column, "Timestamp") == 0 &&
              strcmp(t->workspace_time_column, "TimeGenerated") == 0,
          "time");
    CHECK(t->not_in_stream_count == 2 && strcmp(t->not_in_stream[0], "Site") == 0, "not in stream");
    t = catalog_find(&catalog_builtin, SPAN_LITERAL("AADSignInEventsBeta"));
    CHECK(t->superseded_by != NULL && strcmp(t->superseded_by, "EntraIdSignInEvents") == 0,
          "superseded");
}

static const struct catalog_column some[] = {
    {"When",   COLUMN_DATETIME, NULL},
    {"Amount", COLUMN_REAL,     NULL},
    {"Note",   COLUMN_STRING,   NULL},
};
static const struct catalog_column known[] = {
    {"DeviceName", COLUMN_STRING, NULL},
    {"Shelf",      COLUMN_INT,    NULL}
};
static const struct catalog_column cased[] = {
    {"deviceName", COLUMN_STRING, NULL}
};
static const struct catalog_column typed[] = {
    {"DeviceName", COLUMN_LONG, NULL}
};
static const struct catalog_column named[] = {
    {"a b", COLUMN_LONG, NULL}
};
static const struct catalog_column twice[] = {
    {"A", COLUMN_LONG, NULL},
    {"a", COLUMN_LONG, NULL}
};
#define COLUMNS(list) .columns = (list), .column_count = COUNT_OF(list)

static const struct {
    const char *name;
    struct catalog_table table;
    const char *says; /* NULL: it is taken */
} additions[] = {
    {"a new table",
     {.name = "Invoices_CL",
      .category = "AdvancedHunting-Invoices_CL",
      .time_column = "When",
      COLUMNS(some)},
     NULL                                                                                                                    },
    {"a new table without category",     {.name = "Quiet", COLUMNS(some)},                     NULL                          },
    {"more columns",                     {.name = "DeviceInfo", COLUMNS(known)},               NULL                          },
    {"a category for one that has none",
     {.name = "Syslog", .category = "AdvancedHunting-Syslog"},
     NULL                                                                                                                    },
    {"before all others",                {.name = "AAA", COLUMNS(some)},                       NULL                          },
    {"behind all others",                {.name = "zzz", COLUMNS(some)},                       NULL                          },
    {"a category is changed",            {.name = "DeviceInfo", .category = "Other"},          "its category is"             },
    {"a column's case",                  {.name = "DeviceInfo", COLUMNS(cased)},               "differs only in case"        },
    {"a column's type",                  {.name = "DeviceInfo", COLUMNS(typed)},               "is known as string, not long"},
    {"a column's name",                  {.name = "Mine", COLUMNS(named)},                     "column name 'a b'"           },
    {"columns that differ in case",      {.name = "Mine", COLUMNS(twice)},                     "differs only in case"        },
    {"a table's case",                   {.name = "deviceinfo", COLUMNS(some)},                "differs only in case"        },
    {"a table's name",                   {.name = "../x", COLUMNS(some)},                      "table name '../x'"           },
    {"no name",                          {.name = NULL},                                       "table name ''"               },
    {"a time column that is none",
     {.name = "Mine", .time_column = "Never", COLUMNS(some)},
     "time column Never"                                                                                                     },
    {"a category too long",
     {.name = "Mine", .category = "AdvancedHunting-DeviceTvmSecureConfigurationAssessmentKB"},
     "container name"                                                                                                        },
    {"a container of another",
     {.name = "Mine", .category = "advancedhunting_deviceinfo"},
     "same container"                                                                                                        },
    {"streams without category",         {.name = "Mine", .is_streamable = true},              "no category"                 },
};

static void
test_extend_each(void)
{
    static _Alignas(16) char memory[1 << 20];

    for (size_t i = 0; i < COUNT_OF(additions); i++) {
        struct catalog_addition addition = {additions[i].table};
        struct arena a = {memory, catalog_extend_size(&catalog_builtin, &addition, 1), 0};
        struct catalog c = {0};
        struct err err = {""};
        enum status st = catalog_extend(&catalog_builtin, &addition, 1, &a, &c, &err);

        if (additions[i].says != NULL) {
            CHECK(st == ST_INVALID && strstr(err.text, additions[i].says) != NULL &&
                      c.tables == NULL,
                  "%s: %d '%s'", additions[i].name, st, err.text);
            continue;
        }
        CHECK(st == ST_OK, "%s: %d '%s'", additions[i].name, st, err.text);
        const struct catalog_table *t =
            st != ST_OK ? NULL : catalog_find(&c, span_of(addition.table.name));

        CHECK(t != NULL && t->is_streamable == (t->category != NULL), "%s", additions[i].name);
        for (size_t k = 0; k < c.table_count; k++)
            CHECK(catalog_find(&c, span_of(c.tables[k].name)) == &c.tables[k], "%s: %s is lost",
                  additions[i].name, c.tables[k].name);
        a.used = 0;
        a.size = 4096;
        CHECK(catalog_extend(&catalog_builtin, &addition, 1, &a, &c, &err) == ST_FULL, "no room");
    }
}

/* All good additions at once, one table added to twice. */
static void
test_extend_all(void)
{
    static _Alignas(16) char memory[1 << 20];
    static const struct catalog_column more[] = {
        {"Later", COLUMN_BOOL, "stream"}
    };
    struct catalog_addition all[COUNT_OF(additions) + 1];
    size_t count = 0;
    struct err err = {""};
    struct catalog c;

    for (size_t i = 0; i < COUNT_OF(additions); i++)
        if (additions[i].says == NULL)
            all[count++].table = additions[i].table;
    all[count++].table = (struct catalog_table){.name = "Invoices_CL", COLUMNS(more)};
    struct arena a = {memory, catalog_extend_size(&catalog_builtin, all, count), 0};

    CHECK(catalog_extend(&catalog_builtin, all, count, &a, &c, &err) == ST_OK, "%s", err.text);
    const struct catalog_table *t = catalog_find(&c, SPAN_LITERAL("Invoices_CL"));

    CHECK(t->column_count == 4 && strcmp(t->columns[3].name, "Later") == 0 &&
              strcmp(t->columns[3].origin, "stream") == 0 &&
              strcmp(t->columns[0].origin, "configuration") == 0,
          "columns");
    CHECK(strcmp(t->family, "configuration") == 0 && t->stream == STREAM_CATEGORY, "family");
    CHECK(c.table_count == 111 + 4 && c.category_count == 52, "%zu tables, %zu categories",
          c.table_count, c.category_count);
    CHECK(strcmp(c.categories[50], "AdvancedHunting-Invoices_CL") == 0, "order of categories");
    CHECK(catalog_find_category(&c, SPAN_LITERAL("AdvancedHunting-Syslog")) != NULL, "Syslog");
    t = catalog_find(&c, SPAN_LITERAL("DeviceInfo"));
    CHECK(t->column_count == 50 && strcmp(t->columns[49].name, "Shelf") == 0, "%zu",
          t->column_count);
    CHECK(catalog_find(&catalog_builtin, SPAN_LITERAL("DeviceInfo"))->column_count == 49,
          "the base changed");
}

int
main(void)
{
    test_counts();
    test_find();
    test_near();
    test_categories();
    test_names();
    test_device_info();
    test_extend_each();
    test_extend_all();
    return test_end();
}
