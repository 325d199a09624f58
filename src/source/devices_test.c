/* devices_test.c - rules, learning, alerts, limits, and the file with every byte of it damaged in
 * turn. */
#include "base/file.h"
#include "base/test.h"
#include "source/device_rules.h"
#include "source/devices.h"
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define OTHER "00000000-0000-0000-0000-00000000000b"
#define VALUES(...)                                                                                \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)
#define RULES(...)                                                                                 \
    .rules = (const struct device_rule[]){__VA_ARGS__},                                            \
    .rule_count = sizeof((const struct device_rule[]){__VA_ARGS__}) / sizeof(struct device_rule)

static struct devices *
make(size_t devices_max)
{
    struct devices *d = NULL;
    struct err err;

    CHECK(devices_make(devices_max, &d, &err) == ST_OK, "%s", err.text);
    return d;
}

static struct device_facts
facts_of(const char *id, const char *name, const char *domain, const char *os, const char *tags)
{
    const char *texts[] = {id, name, domain, os, tags};
    struct span s[5];

    for (int i = 0; i < 5; i++)
        s[i] = texts[i] == NULL ? (struct span){NULL, 0} : span_of(texts[i]);
    return (struct device_facts){s[0], s[1], s[2], s[3], s[4]};
}

/* ---- one rule against one device ---- */

static const struct {
    const char *name;
    struct device_rule rules[3];
    bool matches;
} rules[] = {
  /* the device: WS-1.Contoso.example, Windows11, tags Lab / Zürich */
    {"name starts with",             {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("ws-")}},                  true },
    {"name starts with, case",       {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("wS-1.cONTOSO")}},         true },
    {"name starts with another",     {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("srv-")}},                 false},
    {"name ends with host's end",    {{DEVICE_NAME, OPERATOR_ENDS_WITH, VALUES("s-1")}},                    true },
    {"name ends with domain's end",  {{DEVICE_NAME, OPERATOR_ENDS_WITH, VALUES(".EXAMPLE")}},               true },
    {"name ends with middle",        {{DEVICE_NAME, OPERATOR_ENDS_WITH, VALUES("contoso")}},                false},
    {"name equals whole",            {{DEVICE_NAME, OPERATOR_EQUALS, VALUES("ws-1.contoso.example")}},      true },
    {"name equals host",             {{DEVICE_NAME, OPERATOR_EQUALS, VALUES("WS-1")}},                      true },
    {"name equals a prefix",         {{DEVICE_NAME, OPERATOR_EQUALS, VALUES("WS")}},                        false},
    {"name contains",                {{DEVICE_NAME, OPERATOR_CONTAINS, VALUES("1.c")}},                     true },
    {"name contains itself",
     {{DEVICE_NAME, OPERATOR_CONTAINS, VALUES("ws-1.contoso.example")}},
     true                                                                                                        },
    {"name contains too much",
     {{DEVICE_NAME, OPERATOR_CONTAINS, VALUES("ws-1.contoso.example.")}},
     false                                                                                                       },
    {"domain equals",                {{DEVICE_DOMAIN, OPERATOR_EQUALS, VALUES("contoso.EXAMPLE")}},         true },
    {"domain is not the name",       {{DEVICE_DOMAIN, OPERATOR_STARTS_WITH, VALUES("ws-")}},                false},
    {"os in list",                   {{DEVICE_OS_PLATFORM, OPERATOR_IN, VALUES("Windows10", "windows11")}}, true },
    {"os not in list",
     {{DEVICE_OS_PLATFORM, OPERATOR_IN, VALUES("Windows1", "Windows111")}},
     false                                                                                                       },
    {"first tag",                    {{DEVICE_TAG, OPERATOR_EQUALS, VALUES("lab")}},                        true },
    {"last tag, not ASCII",          {{DEVICE_TAG, OPERATOR_EQUALS, VALUES("z\xc3\xbcrich")}},              true },
    {"case of other letters counts",
     {{DEVICE_TAG, OPERATOR_EQUALS, VALUES("Z\xc3\x9crich")}},
     false                                                                                                       },
    {"not across two tags",          {{DEVICE_TAG, OPERATOR_CONTAINS, VALUES("b\nz")}},                     false},
    {"tag starts with",              {{DEVICE_TAG, OPERATOR_STARTS_WITH, VALUES("Z")}},                     true },
    {"values of one rule OR",        {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("a", "b", "ws")}},         true },
    {"rules of one property OR",
     {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("srv")},
      {DEVICE_NAME, OPERATOR_CONTAINS, VALUES("1")}},
     true                                                                                                        },
    {"properties AND",
     {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("ws")},
      {DEVICE_OS_PLATFORM, OPERATOR_EQUALS, VALUES("Linux")}},
     false                                                                                                       },
    {"properties AND, both",
     {{DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("ws")},
      {DEVICE_OS_PLATFORM, OPERATOR_EQUALS, VALUES("Windows11")}},
     true                                                                                                        },
    {"OR inside, AND outside",
     {{DEVICE_TAG, OPERATOR_EQUALS, VALUES("none")},
      {DEVICE_OS_PLATFORM, OPERATOR_EQUALS, VALUES("Windows11")},
      {DEVICE_TAG, OPERATOR_EQUALS, VALUES("LAB")}},
     true                                                                                                        },
    {"no operator is no rule",
     {{DEVICE_TAG, OPERATOR_NONE, VALUES("")}, {DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("ws")}},
     true                                                                                                        },
    {"no rule matches nothing",      {{DEVICE_TAG, OPERATOR_NONE, NULL, 0}},                                false},
};

static bool
keep_name(void *app, const struct device_view *v)
{
    snprintf(app, 100, "%s", v->name);
    return false;
}

static void
test_rules(void)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        struct devices *d = make(10);
        struct device_facts f =
            facts_of("d1", "WS-1.Contoso.example", NULL, "Windows11", "Lab\nZ\xc3\xbcrich");
        size_t count = 0, matches = 99;
        struct device_group g = {.name = " EU", .rank = 7, .rules = rules[i].rules};
        char group[257], name[100] = "";
        struct err err = {""};

        while (count < 3 && (rules[i].rules[count].value_count > 0 || count == 0))
            count++;
        g.rule_count = count;
        CHECK(devices_learn(d, TENANT, &f, 1) == ST_OK, "learn");
        CHECK(devices_preview(d, TENANT, &g, &matches, keep_name, name, &err) == ST_OK &&
                  matches == rules[i].matches && (name[0] != '\0') == rules[i].matches,
              "%s: preview %zu %s", rules[i].name, matches, err.text);
        CHECK(devices_set_groups(d, TENANT, &g, 1, &err) == ST_OK, "%s: %s", rules[i].name,
              err.text);
        devices_group(d, TENANT, SPAN_LITERAL("d1"), group);
        CHECK(strcmp(group, rules[i].matches ? " EU" : "UnassignedGroup") == 0, "%s: '%s'",
              rules[i].name, group);
        devices_free(d);
    }
}

/* ---- what groups are refused ---- */

static char name_256[257], name_257[258];
static const char *const eleven[] = {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"};

static const struct {
    const char *name;
    struct device_group groups[2];
    const char *says; /* NULL: they are taken */
} group_cases[] = {
    {"none",                {{0}},                                                               NULL                },
    {"two",                 {{.name = "a", .rank = 1}, {.name = "b", .rank = 2}},                NULL                },
    {"256 bytes",           {{.name = name_256, .rank = 1}},                                     NULL                },
    {"257 bytes",           {{.name = name_257, .rank = 1}},                                     "257 bytes"         },
    {"no name",             {{.name = "", .rank = 3}},                                           "rank 3 has no name"},
    {"reserved",            {{.name = "UnassignedGroup", .rank = 1}},                            "reserved"          },
    {"same name",           {{.name = "a", .rank = 1}, {.name = "a", .rank = 2}},                "'a' is there twice"},
    {"same rank",
     {{.name = "a", .rank = 1}, {.name = "b", .rank = 1}},
     "'a' and 'b' have the same rank 1"                                                                              },
    {"rank 0",              {{.name = "a", .rank = 0}},                                          "rank 0"            },
    {"no value",
     {{.name = "a", .rank = 1, RULES({DEVICE_NAME, OPERATOR_EQUALS, NULL, 0})}},
     "'a', rule 1: it has no value"                                                                                  },
    {"empty value",
     {{.name = "a", .rank = 1, RULES({DEVICE_NAME, OPERATOR_EQUALS, VALUES("x", "")})}},
     "value 2 has 0 bytes"                                                                                           },
    {"ten values",
     {{.name = "a", .rank = 1, RULES({DEVICE_NAME, OPERATOR_EQUALS, eleven, 10})}},
     NULL                                                                                                            },
    {"eleven values",
     {{.name = "a", .rank = 1, RULES({DEVICE_NAME, OPERATOR_EQUALS, eleven, 11})}},
     "rule 1: more than 10 values for the name"                                                                      },
    {"eleven in two rules",
     {{.name = "a",
       .rank = 1,
       RULES({DEVICE_TAG, OPERATOR_EQUALS, eleven, 6}, {DEVICE_TAG, OPERATOR_IN, eleven, 5})}},
     "rule 2: more than 10 values for the tag"                                                                       },
    {"unknown operator",
     {{.name = "a", .rank = 1, RULES({DEVICE_NAME, (enum device_operator)6, VALUES("x")})}},
     "operator 6 is unknown"                                                                                         },
    {"unknown property",
     {{.name = "a", .rank = 1, RULES({(enum device_property)4, OPERATOR_EQUALS, VALUES("x")})}},
     "property 4 is unknown"                                                                                         },
};

static void
test_group_cases(void)
{
    memset(name_256, 'n', 256);
    memset(name_257, 'n', 257);
    for (size_t i = 0; i < COUNT_OF(group_cases); i++) {
        const struct device_group *g = group_cases[i].groups;
        size_t count = g[0].name == NULL ? 0 : g[1].name == NULL ? 1 : 2;
        struct devices *d = make(1);
        struct err err = {""};
        enum status st = devices_set_groups(d, TENANT, g, count, &err);

        if (group_cases[i].says == NULL)
            CHECK(st == ST_OK, "%s: %s", group_cases[i].name, err.text);
        else
            CHECK(st == ST_INVALID && strstr(err.text, group_cases[i].says) != NULL, "%s: %d '%s'",
                  group_cases[i].name, st, err.text);
        devices_free(d);
    }
}

/* ---- ranks, tenants, changes ---- */

static const char *
group_of(struct devices *d, const char *tenant, const char *id)
{
    static char group[257];

    devices_group(d, tenant, span_of(id), group);
    return group;
}

static void
test_changes(void)
{
    const struct device_group groups[] = {
        {.name = "all ws", .rank = 20, RULES({DEVICE_NAME, OPERATOR_STARTS_WITH, VALUES("ws")})},
        {.name = "lab",    .rank = 3,  RULES({DEVICE_TAG, OPERATOR_EQUALS, VALUES("lab")})     },
    };
    struct devices *d = make(10);
    struct device_facts f = facts_of("d1", "ws-1.a.example", NULL, NULL, NULL);
    struct err err;

    CHECK(strcmp(group_of(d, TENANT, "d1"), "UnassignedGroup") == 0, "a device nobody heard of");
    CHECK(devices_learn(d, TENANT, &f, 100) == ST_OK, "learn");
    CHECK(strcmp(group_of(d, TENANT, "d1"), "UnassignedGroup") == 0, "no groups yet");
    CHECK(devices_set_groups(d, TENANT, groups, 2, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(group_of(d, TENANT, "d1"), "all ws") == 0, "groups are set later");
    f = facts_of("d1", NULL, NULL, NULL, "lab");
    CHECK(devices_learn(d, TENANT, &f, 200) == ST_OK, "learn");
    CHECK(strcmp(group_of(d, TENANT, "d1"), "lab") == 0, "rank 3 goes before rank 20");
    f = facts_of("d1", NULL, NULL, NULL, "");
    CHECK(devices_learn(d, TENANT, &f, 150) == ST_OK, "learn");
    CHECK(strcmp(group_of(d, TENANT, "d1"), "lab") == 0, "older facts change nothing");
    f = facts_of("d1", NULL, NULL, "Linux", NULL);
    CHECK(devices_learn(d, TENANT, &f, 150) == ST_OK, "older facts fill gaps");
    CHECK(strcmp(group_of(d, TENANT, "d1"), "lab") == 0, "what is not said stays");
    f = facts_of("d1", NULL, NULL, NULL, "");
    CHECK(devices_learn(d, TENANT, &f, 300) == ST_OK, "learn");
    CHECK(strcmp(group_of(d, TENANT, "d1"), "all ws") == 0, "the tag went");
    CHECK(strcmp(group_of(d, OTHER, "d1"), "UnassignedGroup") == 0, "another tenant's device");
    f = facts_of("d1", "ws-9", NULL, NULL, NULL);
    CHECK(devices_learn(d, OTHER, &f, 1) == ST_OK, "the same id in another tenant");
    CHECK(strcmp(group_of(d, OTHER, "d1"), "UnassignedGroup") == 0, "another tenant's groups");
    CHECK(devices_count(d, TENANT) == 1 && devices_count(d, OTHER) == 1 &&
              devices_count(d, NULL) == 2 && devices_count(d, "nobody") == 0,
          "counts");
    CHECK(devices_set_groups(d, TENANT, &groups[1], 1, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(group_of(d, TENANT, "d1"), "UnassignedGroup") == 0, "its group went");
    CHECK(devices_set_groups(d, TENANT, NULL, 0, &err) == ST_OK, "no groups: %s", err.text);
    devices_free(d);
}

struct seen {
    char text[600];
    int count;
};

static bool
note(void *app, const struct device_view *v)
{
    struct seen *s = app;

    snprintf(s->text, sizeof s->text, "%s|%s|%s|%s|%s|%s|%s|%lld", v->tenant, v->id, v->name,
             v->domain, v->os_platform, v->tags, v->group, (long long)v->seen);
    for (char *p = s->text; *p != '\0'; p++)
        if (*p == '\n')
            *p = ',';
    s->count++;
    return true;
}

static void
test_fields(void)
{
    struct devices *d = make(10);
    struct seen s = {"", 0};
    struct device_facts f = facts_of("d1", "ws.a.example", NULL, "Linux", "x\ny");
    uint64_t version;

    CHECK(devices_learn(d, TENANT, &f, 5) == ST_OK, "learn");
    devices_visit(d, TENANT, note, &s);
    CHECK(strcmp(s.text, TENANT "|d1|ws.a.example|a.example|Linux|x,y|UnassignedGroup|5") == 0,
          "%s", s.text);
    version = devices_version(d);
    CHECK(devices_learn(d, TENANT, &f, 5) == ST_OK && devices_version(d) == version,
          "the same again");
    CHECK(devices_learn(d, TENANT, &f, 6) == ST_OK && devices_version(d) != version, "seen later");
    f = facts_of("d1", "ws.b.example", NULL, NULL, NULL);
    CHECK(devices_learn(d, TENANT, &f, 7) == ST_OK, "learn");
    devices_visit(d, NULL, note, &s);
    CHECK(strcmp(s.text, TENANT "|d1|ws.b.example|b.example|Linux|x,y|UnassignedGroup|7") == 0,
          "the domain follows the name: %s", s.text);
    f = facts_of("d1", NULL, "given.example", NULL, NULL);
    CHECK(devices_learn(d, TENANT, &f, 8) == ST_OK, "learn");
    f = facts_of("d1", "ws.c.example", NULL, NULL, NULL);
    CHECK(devices_learn(d, TENANT, &f, 9) == ST_OK, "learn");
    devices_visit(d, NULL, note, &s);
    CHECK(strcmp(s.text, TENANT "|d1|ws.c.example|given.example|Linux|x,y|UnassignedGroup|9") == 0,
          "a domain that was given stays: %s", s.text);
    s.count = 0;
    devices_visit(d, OTHER, note, &s);
    CHECK(s.count == 0, "another tenant sees the device");
    devices_free(d);
}

static void
test_limits(void)
{
    static char long_text[20000];
    struct devices *d = make(2);
    struct device_facts f = facts_of("", "x", NULL, NULL, NULL);
    struct seen s = {"", 0};
    struct devices *none;
    struct err err;

    CHECK(devices_make(0, &none, &err) == ST_INVALID, "no devices");
    CHECK(devices_make(SIZE_MAX, &none, &err) == ST_INVALID, "too many");
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_INVALID, "an empty id");
    f.id = SPAN_LITERAL("a\0b");
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_INVALID, "an id with NUL");
    memset(long_text, 'x', sizeof long_text);
    f.id = (struct span){long_text, 129};
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_INVALID, "an id of 129 bytes");
    f.id = (struct span){long_text, 128};
    memcpy(long_text + 511, "\xc3\xbc", 2); /* the limit of names cuts it in two */
    f.name = f.domain = f.os_platform = f.tags = (struct span){long_text, sizeof long_text};
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_OK, "an id of 128 bytes");
    devices_visit(d, TENANT, note, &s);
    CHECK(s.count == 1 && strlen(s.text) == 599, "long fields");
    f = facts_of("b", "x", NULL, NULL, NULL);
    CHECK(devices_learn(d, "", &f, 1) == ST_INVALID, "no tenant");
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_OK && devices_refused(d) == 0, "the second");
    f = facts_of("c", "x", NULL, NULL, NULL);
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_FULL && devices_refused(d) == 1, "the third");
    f = facts_of("b", "y", NULL, NULL, NULL);
    CHECK(devices_learn(d, TENANT, &f, 2) == ST_OK, "a known one changes");
    CHECK(strcmp(group_of(d, TENANT, "c"), "UnassignedGroup") == 0, "a refused one");
    devices_free(d);
}

/* Memory is bounded whatever is learned: sizes that change all the time wear out no more than the
 * limit. */
static void
test_wear(void)
{
    static char tags[DEVICE_TAGS_SIZE_MAX];
    struct devices *d = make(50);
    unsigned random = 1;
    int full = 0, wrong = 0;

    memset(tags, 't', sizeof tags);
    for (int i = 0; i < 100000; i++) {
        char id[16];
        struct device_facts f;

        random = random * 1664525 + 1013904223;
        snprintf(id, sizeof id, "d%u", random >> 8 & 63);
        f = facts_of(id, id, NULL, NULL, NULL);
        f.tags = (struct span){tags, random >> 14 & (random & 128 ? 8191 : 255)};
        full += devices_learn(d, TENANT, &f, i) != ST_OK;
        wrong += devices_count(d, NULL) > 50;
    }
    CHECK(wrong == 0 && full > 0 && devices_refused(d) == (uint64_t)full, "%d refused, %d wrong",
          full, wrong);
    devices_free(d);
}

static void
test_many(void)
{
    struct devices *d = make(20000);
    const struct device_group g = {
        .name = "odd",
        .rank = 1,
        RULES({DEVICE_NAME, OPERATOR_ENDS_WITH, VALUES("1", "3", "5", "7", "9")})};
    int wrong = 0;
    struct err err;

    CHECK(devices_set_groups(d, TENANT, &g, 1, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < 20000; i++) {
        char id[16];

        snprintf(id, sizeof id, "%d", i);
        struct device_facts f = facts_of(id, id, NULL, NULL, NULL);

        wrong += devices_learn(d, TENANT, &f, i) != ST_OK;
    }
    for (int i = 0; i < 20000; i++) {
        char id[16];

        snprintf(id, sizeof id, "%d", i);
        wrong += strcmp(group_of(d, TENANT, id), i % 2 == 1 ? "odd" : "UnassignedGroup") != 0;
    }
    CHECK(wrong == 0 && devices_count(d, TENANT) == 20000, "%d wrong", wrong);
    devices_free(d);
}

/* ---- alerts ---- */

static void
test_alerts(void)
{
    const struct device_group g = {
        .name = "g", .rank = 1, RULES({DEVICE_NAME, OPERATOR_EQUALS, VALUES("x")})};
    struct devices *d = make(10);
    struct device_facts f = facts_of("d1", "x", NULL, NULL, NULL);
    char group[257];
    int wrong = 0;
    struct err err;

    CHECK(devices_set_groups(d, TENANT, &g, 1, &err) == ST_OK, "%s", err.text);
    CHECK(!devices_alert_group(d, TENANT, SPAN_LITERAL("a1"), group), "an alert nobody heard of");
    devices_alert_learn(d, TENANT, SPAN_LITERAL("a1"), SPAN_LITERAL("d1"));
    CHECK(devices_alert_group(d, TENANT, SPAN_LITERAL("a1"), group) &&
              strcmp(group, "UnassignedGroup") == 0,
          "its device is not known yet");
    CHECK(devices_learn(d, TENANT, &f, 1) == ST_OK, "learn");
    CHECK(devices_alert_group(d, TENANT, SPAN_LITERAL("a1"), group) && strcmp(group, "g") == 0,
          "%s", group);
    devices_alert_learn(d, TENANT, SPAN_LITERAL("a1"), SPAN_LITERAL("d2"));
    CHECK(devices_alert_group(d, TENANT, SPAN_LITERAL("a1"), group) && strcmp(group, "g") == 0,
          "the first device counts");
    CHECK(!devices_alert_group(d, OTHER, SPAN_LITERAL("a1"), group), "another tenant's alert");
    devices_alert_learn(d, TENANT, SPAN_LITERAL("a2"), (struct span){NULL, 0});
    CHECK(!devices_alert_group(d, TENANT, SPAN_LITERAL("a2"), group), "an alert without device");
    CHECK(!devices_alert_group(d, TENANT, (struct span){NULL, 0}, group), "no alert");
    for (int i = 0; i < DEVICE_ALERTS_MAX + 1000; i++) {
        char id[32];

        snprintf(id, sizeof id, "da%d", i);
        devices_alert_learn(d, TENANT, span_of(id), SPAN_LITERAL("d1"));
    }
    CHECK(!devices_alert_group(d, TENANT, SPAN_LITERAL("a1"), group), "the oldest is forgotten");
    for (int i = 0; i < DEVICE_ALERTS_MAX + 1000; i++) {
        char id[32];

        snprintf(id, sizeof id, "da%d", i);
        wrong += devices_alert_group(d, TENANT, span_of(id), group) != (i >= 1000);
    }
    CHECK(wrong == 0, "%d alerts of the last 65,536 are wrong", wrong);
    devices_free(d);
}

/* ---- the file ---- */

static void
join_views(char *text, size_t size, struct devices *d)
{
    struct seen s = {"", 0};
    char group[257];

    devices_visit(d, NULL, note, &s);
    snprintf(text, size, "%s %d %zu %d %d", s.text, s.count, devices_count(d, OTHER),
             devices_alert_group(d, TENANT, SPAN_LITERAL("al"), group),
             devices_alert_group(d, TENANT, SPAN_LITERAL("nothing"), group));
}

/* Not durably: a thousand of them would wait for the disk. */
static void
write_plain(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "w");

    CHECK(f != NULL && fwrite(text, 1, size, f) == size && fclose(f) == 0, "cannot write %s", path);
}

static void
test_file(void)
{
    char folder[] = "/tmp/devices_test.XXXXXX", path[64], before[800], after[800], *text;
    const struct device_group g = {
        .name = "g", .rank = 1, RULES({DEVICE_OS_PLATFORM, OPERATOR_EQUALS, VALUES("Linux")})};
    struct devices *d = make(100), *again = make(100);
    struct device_facts f = facts_of("d1", "ws.a.example", NULL, "Linux", "x\ny");
    uint64_t position = 0;
    size_t size;
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/devices", folder);
    CHECK(devices_load(again, path, &position, &err) == ST_END, "no file yet: %s", err.text);
    CHECK(devices_learn(d, OTHER, &f, -5) == ST_OK, "learn");
    f = facts_of("d2", "name alone", "given", NULL, NULL);
    CHECK(devices_learn(d, TENANT, &f, 77) == ST_OK, "learn");
    devices_alert_learn(d, TENANT, SPAN_LITERAL("al"), SPAN_LITERAL("d2"));
    CHECK(devices_save(d, path, 123456789012, &err) == ST_OK, "%s", err.text);
    CHECK(devices_load(again, path, &position, &err) == ST_OK && position == 123456789012, "%s",
          err.text);
    join_views(before, sizeof before, d);
    join_views(after, sizeof after, again);
    CHECK(strcmp(before, after) == 0, "'%s' became '%s'", before, after);
    CHECK(devices_set_groups(again, OTHER, &g, 1, &err) == ST_OK, "%s", err.text);
    CHECK(strcmp(group_of(again, OTHER, "d1"), "g") == 0, "a loaded device is sorted");
    f = facts_of("d2", "later.b.example", NULL, NULL, NULL);
    CHECK(devices_learn(again, TENANT, &f, 78) == ST_OK, "learn");
    join_views(after, sizeof after, again);
    CHECK(strstr(after, "later.b.example|given|") != NULL,
          "a domain that was given is so when loaded: %s", after);

    CHECK(file_read(path, 1 << 20, &text, &size, &err) == ST_OK, "%s", err.text);
    int taken = 0, changed = 0;

    for (size_t i = 0; i < 2 * size; i++) { /* every byte flipped, then every length cut */
        struct devices *empty = make(100);

        if (i < size)
            text[i] ^= 0x10;
        write_plain(path, text, i < size ? size : i - size);
        if (i < size)
            text[i] ^= 0x10;
        taken += devices_load(empty, path, &position, &err) != ST_INVALID;
        changed += devices_count(empty, NULL) != 0 || devices_version(empty) != 0;
        devices_free(empty);
    }
    CHECK(taken == 0 && changed == 0, "of %zu damaged files %d were taken, %d in part", 2 * size,
          taken, changed);
    CHECK(devices_save(d, "/no/such/folder/x", 1, &err) == ST_IO, "no folder");
    free(text);
    unlink(path);
    rmdir(folder);
    devices_free(d);
    devices_free(again);
}

/* A save that runs out of room half way leaves the file of before. */
static void
test_no_space(struct devices *d, const char *path)
{
    struct devices *again = make(5000);
    struct rlimit before, small;
    uint64_t position = 0;
    struct err err = {""};

    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){100000, before.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0, "setrlimit");
    CHECK(devices_save(d, path, 8, &err) == ST_IO && strstr(err.text, path) != NULL, "'%s'",
          err.text);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(devices_load(again, path, &position, &err) == ST_OK && position == 7, "the old file: %s",
          err.text);
    devices_free(again);
}

/* More than a frame of everything, and a smaller registry that loads it. */
static void
test_large_file(void)
{
    char folder[] = "/tmp/devices_test.XXXXXX", path[64], group[257];
    struct devices *d = make(5000), *again = make(5000), *small = make(1000);
    uint64_t position = 0;
    int wrong = 0;
    struct err err = {""};

    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/devices", folder);
    for (int i = 0; i < 5000; i++) {
        char id[16], alert[16];

        snprintf(id, sizeof id, "d%d", i);
        snprintf(alert, sizeof alert, "a%d", i);
        struct device_facts f = facts_of(id, "ws.a.example", NULL, "Linux", "x\ny");

        wrong += devices_learn(d, TENANT, &f, i) != ST_OK;
        devices_alert_learn(d, TENANT, span_of(alert), span_of(id));
    }
    CHECK(devices_save(d, path, 7, &err) == ST_OK, "%s", err.text);
    CHECK(devices_load(again, path, &position, &err) == ST_OK, "%s", err.text);
    for (int i = 0; i < 5000; i++) {
        char alert[16];

        snprintf(alert, sizeof alert, "a%d", i);
        wrong += !devices_alert_group(again, TENANT, span_of(alert), group);
    }
    CHECK(wrong == 0 && devices_count(again, TENANT) == 5000, "%d wrong", wrong);
    CHECK(devices_load(small, path, &position, &err) == ST_OK &&
              devices_count(small, NULL) == 1000 && devices_refused(small) == 4000,
          "a smaller registry: %zu, %s", devices_count(small, NULL), err.text);
    test_no_space(d, path);
    unlink(path);
    CHECK(rmdir(folder) == 0, "a file was left behind");
    devices_free(d);
    devices_free(again);
    devices_free(small);
}

int
main(void)
{
    test_rules();
    test_group_cases();
    test_changes();
    test_fields();
    test_limits();
    test_wear();
    test_many();
    test_alerts();
    test_file();
    test_large_file();
    return test_end();
}
