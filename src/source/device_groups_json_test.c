/* device_groups_json_test.c - the captured answer and its like, what is refused and how, printing,
 * and use. */
#include "base/file.h"
#include "base/test.h"
#include "source/device_groups_json.h"
#include "wire/json.h"

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

/* In the shape that was captured from a live tenant (names changed). */
static const char captured[] =
    "{\"items\":[{\"MachineGroupId\":21,\"Name\":\" EU "
    "Workstations\",\"Description\":\"\",\"AutoRemediationLevel\":1,"
    "\"Priority\":1,\"LastUpdated\":\"2026-05-18T12:09:03.3766667Z\",\"IsUnassignedMachineGroup\":"
    "false,\"MachineCount\":0,"
    "\"GroupRules\":[{\"OperatorType\":0,\"Property\":0,\"PropertyValue\":\"ws-\"},"
    "{\"OperatorType\":3,\"Property\":1,\"PropertyValue\":\"contoso.example\"},"
    "{\"OperatorType\":0,\"Property\":2,\"PropertyValue\":\"\"},"
    "{\"OperatorType\":4,\"Property\":3,\"PropertyValue\":\"[\\\"Windows10\\\",\\\"Windows11\\\"]"
    "\"},"
    "{\"OperatorType\":0,\"Property\":4,\"PropertyValue\":\"\"}]},"
    "{\"MachineGroupId\":13,\"Name\":\"\",\"Description\":\"\",\"AutoRemediationLevel\":3,"
    "\"Priority\":2147483647,"
    "\"LastUpdated\":\"2026-05-18T10:09:50.7966667Z\",\"IsUnassignedMachineGroup\":true,"
    "\"MachineCount\":0}],"
    "\"containsAadGroupNames\":true,\"containsMachineGroupCount\":false}";

static struct arena
arena_for(size_t text_size)
{
    size_t size = DEVICE_GROUPS_ARENA_SIZE(text_size);

    return (struct arena){malloc(size), size, 0};
}

static const struct {
    const char *name, *id, *device, *os, *group;
} members[] = {
    {"all three match", "1", "WS-7.contoso.example",    "Windows11", " EU Workstations"},
    {"the other OS",    "2", "ws-8.contoso.example",    "windows10", " EU Workstations"},
    {"another OS",      "3", "ws-9.contoso.example",    "Windows1",  "UnassignedGroup" },
    {"another domain",  "4", "ws-9.fabrikam.example",   "Windows11", "UnassignedGroup" },
    {"a domain below",  "5", "ws-9.a.contoso.example",  "Windows11", "UnassignedGroup" },
    {"another name",    "6", "srv-ws-.contoso.example", "Windows11", "UnassignedGroup" },
    {"no domain",       "7", "ws-1",                    "Windows11", "UnassignedGroup" },
};

static void
check_members(struct span text, bool is_trimmed)
{
    struct devices *d;
    struct err err = {""};
    char group[257];

    CHECK(devices_make(100, &d, &err) == ST_OK, "%s", err.text);
    CHECK(device_groups_apply(d, TENANT, text, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const char *wanted = members[i].group + (is_trimmed && members[i].group[0] == ' ');
        struct device_facts f = {.id = span_of(members[i].id),
                                 .name = span_of(members[i].device),
                                 .os_platform = span_of(members[i].os)};

        CHECK(devices_learn(d, TENANT, &f, 1) == ST_OK, "learn");
        devices_group(d, TENANT, f.id, group);
        CHECK(strcmp(group, wanted) == 0, "%s: '%s'", members[i].name, group);
    }
    CHECK(device_groups_apply(d, TENANT, SPAN_LITERAL("[{}]"), &err) == ST_INVALID, "no name");
    devices_group(d, TENANT, SPAN_LITERAL("1"), group);
    CHECK(strcmp(group, "UnassignedGroup") != 0, "wrong groups replaced good ones");
    CHECK(device_groups_apply(d, TENANT, (struct span){NULL, 0}, &err) == ST_OK, "%s", err.text);
    devices_group(d, TENANT, SPAN_LITERAL("1"), group);
    CHECK(strcmp(group, "UnassignedGroup") == 0, "no groups are set");
    devices_free(d);
}

static void
test_captured(void)
{
    struct arena a = arena_for(sizeof captured);
    struct device_group_list list;
    struct err err = {""};

    check_members(span_of(captured), false);
    CHECK(device_groups_parse(span_of(captured), &a, &list, &err) == ST_OK && list.count == 1, "%s",
          err.text);
    CHECK(list.groups[0].id == 21 && list.groups[0].rank == 1 && list.groups[0].remediation == 1 &&
              strcmp(list.groups[0].updated, "2026-05-18T12:09:03.3766667Z") == 0 &&
              list.groups[0].rule_count == 5,
          "the group's facts");
    CHECK(list.unassigned.id == 13 && list.unassigned.remediation == 3,
          "the default group's facts");
    free(a.base);
}

/* Where the contract's own example is present, it is read too. */
static void
test_contract(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");
    char path[512], *text;
    size_t size;
    struct err err = {""};

    snprintf(path, sizeof path, "%s/contracts/examples/streaming-api/_device-groups.json",
             shared == NULL ? "../shared" : shared);
    if (file_read(path, 1 << 20, &text, &size, &err) != ST_OK) {
        printf("skipped: there is no %s\n", path);
        return;
    }
    check_members((struct span){text, size}, true);
    free(text);
}

/* ---- printing ---- */

static const char many[] =
    "[{\"Name\":\"second\",\"Priority\":9,\"GroupRules\":[{\"Property\":\"tag\",\"OperatorType\":"
    "\"contains\",\"PropertyValue\":[\"a\",\"b\"]}]},"
    "{\"Name\":\"first \\\"quoted\\\" "
    "\\u00fc\",\"Priority\":2,\"MachineGroupId\":5,\"Description\":\"d\",\"Unknown\":1,"
    "\"GroupRules\":[{\"Property\":3,\"OperatorType\":\"in\",\"PropertyValue\":\"[\\\"Linux\\\"]\"}"
    ",{\"Property\":0,\"OperatorType\":2,\"PropertyValue\":\"x\"}]}]";
static const char printed[] =
    "{\"items\":[{\"MachineGroupId\":5,\"Name\":\"first \\\"quoted\\\" "
    "\xc3\xbc\",\"Description\":\"d\",\"AutoRemediationLevel\":0,\"Priority\":2,"
    "\"LastUpdated\":null,\"IsUnassignedMachineGroup\":false,\"MachineCount\":8,\"GroupRules\":["
    "{\"OperatorType\":2,\"Property\":0,\"PropertyValue\":\"x\"},{\"OperatorType\":0,\"Property\":"
    "1,\"PropertyValue\":\"\"},"
    "{\"OperatorType\":0,\"Property\":2,\"PropertyValue\":\"\"},{\"OperatorType\":4,\"Property\":3,"
    "\"PropertyValue\":\"[\\\"Linux\\\"]\"},"
    "{\"OperatorType\":0,\"Property\":4,\"PropertyValue\":\"\"}]},"
    "{\"MachineGroupId\":1,\"Name\":\"second\",\"Description\":\"\",\"AutoRemediationLevel\":0,"
    "\"Priority\":9,\"LastUpdated\":null,"
    "\"IsUnassignedMachineGroup\":false,\"MachineCount\":7,\"GroupRules\":["
    "{\"OperatorType\":0,\"Property\":0,\"PropertyValue\":\"\"},{\"OperatorType\":0,\"Property\":1,"
    "\"PropertyValue\":\"\"},"
    "{\"OperatorType\":5,\"Property\":2,\"PropertyValue\":\"a\"},{\"OperatorType\":5,\"Property\":"
    "2,\"PropertyValue\":\"b\"},"
    "{\"OperatorType\":0,\"Property\":3,\"PropertyValue\":\"\"},{\"OperatorType\":0,\"Property\":4,"
    "\"PropertyValue\":\"\"}]},"
    "{\"MachineGroupId\":2,\"Name\":\"\",\"Description\":\"\",\"AutoRemediationLevel\":0,"
    "\"Priority\":2147483647,\"LastUpdated\":null,"
    "\"IsUnassignedMachineGroup\":true,\"MachineCount\":9}],\"containsAadGroupNames\":true,"
    "\"containsMachineGroupCount\":true}";

static void
test_print(void)
{
    struct arena a = arena_for(sizeof many), again = arena_for(sizeof printed);
    struct device_group_list list, read;
    struct err err = {""};
    size_t size = 0, counts[] = {7, 8, 9};

    CHECK(device_groups_parse(span_of(many), &a, &list, &err) == ST_OK, "%s", err.text);
    char *text = device_groups_print(&list, counts, &size);

    CHECK(text != NULL && size == strlen(text) && strcmp(text, printed) == 0, "%s", text);
    CHECK(device_groups_parse((struct span){text, size}, &again, &read, &err) == ST_OK, "%s",
          err.text);
    char *twice = device_groups_print(&read, (size_t[]){8, 7, 9}, &size);

    CHECK(twice != NULL && strcmp(twice, printed) == 0, "what was printed prints alike: %s", twice);
    free(twice);
    free(text);
    text = device_groups_print(&list, NULL, &size);
    CHECK(strstr(text, "\"containsMachineGroupCount\":false") != NULL &&
              strstr(text, "\"MachineCount\":0") != NULL,
          "%s", text);
    free(text);
    free(a.base);
    free(again.base);
}

/* ---- what is refused ---- */

#define GROUP(rules) "[{\"Name\":\"EU\",\"Priority\":1,\"GroupRules\":[" rules "]}]"
#define RULE(property, op, value)                                                                  \
    "{\"Property\":" property ",\"OperatorType\":" op ",\"PropertyValue\":" value "}"
/* clang-format 14 dies of this table */
/* clang-format off */
static const struct {
    const char *name, *text, *says; /* says NULL: it is taken */
} faults[] = {
    {"no groups", "[]", NULL},
    {"no items", "{\"items\":[]}", NULL},
    {"not JSON", "[", "line 1, column 1"},
    {"a number", "1", "line 1, column 1"},
    {"items are missing", "{}", "neither an array"},
    {"an item is a number", "[1]", "device group number 1: it is not an object"},
    {"a key is there twice", "[{\"Name\":\"a\",\"Name\":\"b\"}]", "duplicate"},
    {"no name", "[{\"Priority\":1}]", "device group number 1: it has no Name"},
    {"an empty name", "[{\"Name\":\"\",\"Priority\":4}]", "rank 4 has no name"},
    {"a name of NUL", "[{\"Name\":\"\\u0000\",\"Priority\":4}]", "line 1"},
    {"a name that is a number", "[{\"Name\":3,\"Priority\":4}]", "Name is not a text"},
    {"no priority", "[{\"Name\":\"a\"}]", "'a': it has no Priority"},
    {"priority 0", "[{\"Name\":\"a\",\"Priority\":0}]", "'a': Priority is not a whole number from 1"},
    {"priority 1.5", "[{\"Name\":\"a\",\"Priority\":1.5}]", "'a': Priority is not a whole number"},
    {"the same name", "[{\"Name\":\"a\",\"Priority\":1},{\"Name\":\"a\",\"Priority\":2}]", "'a' is there twice"},
    {"the same priority", "[{\"Name\":\"a\",\"Priority\":1},{\"Name\":\"b\",\"Priority\":1}]", "the same rank 1"},
    {"the same id", "[{\"Name\":\"a\",\"Priority\":1,\"MachineGroupId\":3},{\"Name\":\"b\",\"Priority\":2,\"MachineGroupId\":3}]", "the same MachineGroupId 3"},
    {"reserved", "[{\"Name\":\"UnassignedGroup\",\"Priority\":1}]", "reserved"},
    {"a date that is none", "[{\"Name\":\"a\",\"Priority\":1,\"LastUpdated\":\"yesterday\"}]", "'a': LastUpdated 'yesterday'"},
    {"two default groups", "[{\"IsUnassignedMachineGroup\":true},{\"IsUnassignedMachineGroup\":true}]", "second default group"},
    {"a default group with rules", "[{\"IsUnassignedMachineGroup\":true,\"GroupRules\":[" RULE("0", "1", "\"x\"") "]}]", "takes no rules"},
    {"rules are an object", "[{\"Name\":\"a\",\"Priority\":1,\"GroupRules\":{}}]", "'a': GroupRules is not an array"},
    {"a rule is a text", GROUP("\"x\""), "'EU', rule 1: it is not an object"},
    {"no property", GROUP("{\"OperatorType\":1,\"PropertyValue\":\"x\"}"), "rule 1: it has no Property"},
    {"no operator", GROUP("{\"Property\":1,\"PropertyValue\":\"x\"}"), "rule 1: it has no OperatorType"},
    {"operator 6", GROUP(RULE("0", "1", "\"x\"") "," RULE("0", "6", "\"x\"")), "'EU', rule 2: OperatorType 6 is unknown"},
    {"operator 6, empty", GROUP(RULE("0", "6", "\"\"")), "OperatorType 6 is unknown"},
    {"operator -1", GROUP(RULE("0", "-1", "\"x\"")), "OperatorType -1 is unknown"},
    {"operator word", GROUP(RULE("0", "\"like\"", "\"x\"")), "OperatorType 'like' is unknown"},
    {"property 4 with a value", GROUP(RULE("4", "0", "\"x\"")), "Property 4 is unknown"},
    {"property 5, empty", GROUP(RULE("5", "0", "\"\"")), "Property 5 is unknown"},
    {"property word", GROUP(RULE("\"colour\"", "1", "\"x\"")), "Property 'colour' is unknown"},
    {"operator 0 with a value", GROUP(RULE("2", "0", "\"x\"")), NULL},
    {"operator 0 without a value", GROUP("{\"Property\":2,\"OperatorType\":0}"), NULL},
    {"a value of another operator is empty", GROUP(RULE("2", "3", "\"\"")), "rule 1: value 1 has 0 bytes"},
    {"no value", GROUP("{\"Property\":2,\"OperatorType\":3}"), "PropertyValue is not a text"},
    {"a list that is none", GROUP(RULE("3", "4", "\"Windows10\"")), "rule 1: operator 4 takes the text of a JSON array"},
    {"a list of numbers", GROUP(RULE("3", "4", "\"[1]\"")), "value 1 of PropertyValue is not a text"},
    {"an empty list", GROUP(RULE("3", "4", "\"[]\"")), "rule 1: it has no value"},
    {"eleven values", GROUP(RULE("3", "4", "[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]")), "more than 10 values for the OS platform"},
};
/* clang-format on */

static void
test_faults(void)
{
    static char large[DEVICE_GROUPS_JSON_SIZE_MAX + 1];
    struct err err;

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        enum status st;

        err.text[0] = '\0';
        st = device_groups_validate(span_of(faults[i].text), &err);
        if (faults[i].says == NULL)
            CHECK(st == ST_OK, "%s: %s", faults[i].name, err.text);
        else
            CHECK(st == ST_INVALID && strstr(err.text, faults[i].says) != NULL, "%s: %d '%s'",
                  faults[i].name, st, err.text);
    }
    CHECK(device_groups_validate((struct span){large, sizeof large}, &err) == ST_INVALID &&
              strstr(err.text, "at most") != NULL,
          "too large: %s", err.text);
    /* the arena's formula holds for the most numbers of the smallest things */
    large[0] = '[';
    for (size_t i = 0; i < 1000; i++)
        memcpy(large + 1 + 3 * i, "{},", 3);
    memcpy(large + 1 + 3000, "{}]", 3);
    CHECK(device_groups_validate((struct span){large, 3004}, &err) == ST_INVALID &&
              strstr(err.text, "has no Name") != NULL,
          "1001 empty groups: %s", err.text);
}

int
main(void)
{
    test_captured();
    test_contract();
    test_print();
    test_faults();
    return test_end();
}
