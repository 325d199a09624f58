/* report_test.c - what a full report does not name is withdrawn, and nothing else. */
#include "base/clock.h"
#include "base/test.h"
#include "posture/file_bed.h"
#include "posture/json_text.h"
#include "posture/posture.h"

#define TENANT "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"
#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define VM(n) SUB "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/" n
#define A(vm, a) VM(vm) "/providers/Microsoft.Security/assessments/" a
#define F(vm, a, f) A(vm, a) "/subAssessments/" f
#define GOOD "{\"properties\":{\"status\":{\"code\":\"Healthy\"}}}"
#define OTHER "{\"properties\":{\"status\":{\"code\":\"Healthy\",\"cause\":\"x\"}}}"

static struct err err;

static int64_t
now(void *clock)
{
    (void)clock;
    return TICKS_AT_UNIX_EPOCH;
}

static struct posture *
open_new(uint64_t outbox_size_max)
{
    const struct posture_options o = {
        .path = path(), .cache_size = 4 << 20, .now = now, .outbox_size_max = outbox_size_max};
    struct posture *p = NULL;

    remove_file();
    if (posture_open(&o, &p, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    return p;
}

/* What is there before each case: some by REST, some by trivy, on two machines. */
static const struct {
    const char *producer, *id;
} before[] = {
    {NULL,        A("vm-1",    "a1")         },
    {"trivy",     A("vm-1",    "a2")         },
    {"trivy",     F("vm-1",    "a2",           "f1")},
    {"trivy",           F("vm-1",                "a2",            "f2")},
    {NULL,      F("vm-1",                 "a2",                 "f3")},
    {"trivy",       A("vm-1-b","a2")},
    {"trivy",A("vm-2",     "a2")                        },
    {"trivy",         F("vm-2",           "a2", "f1")},
    {"lynis",A("vm-2","a3")},
};

static const struct {
    const char *name, *producer, *scopes[3], *items[8]; /* "!" in front: a body that is refused */
    const char *gone[8];
    uint64_t withdrawn;
} cases[] = {
    {"all of a machine is named, nothing goes",
     "trivy",                                                    {VM("vm-1")},
     {A("vm-1", "a2"), F("vm-1", "a2", "f1"), F("vm-1", "a2", "f2")},
     {NULL},
     0                                                                                                                                                         },
    {"a finding goes",
     "trivy",                                                    {VM("vm-1")},
     {A("vm-1", "a2"), F("vm-1", "a2", "f1")},
     {F("vm-1", "a2", "f2")},
     1                                                                                                                                                         },
    {"ids in any case",
     "trivy",                                                    {SUB "/RESOURCEGROUPS/RG/providers/microsoft.compute/VIRTUALMACHINES/vm-1"},
     {A("VM-1", "A2"), F("vm-1", "a2", "F1")},
     {F("vm-1", "a2", "f2")},
     1                                                                                                                                                         },
    {"an assessment goes, and takes all its findings",
     "trivy",                                                    {VM("vm-1")},
     {NULL},
     {A("vm-1", "a2"), F("vm-1", "a2", "f1"), F("vm-1", "a2", "f2"), F("vm-1", "a2", "f3")},
     1                                                                                                                                                         },
    {"any producer's",
     NULL,                                                       {VM("vm-1")},
     {A("vm-1", "a2"), F("vm-1", "a2", "f1")},
     {A("vm-1", "a1"), F("vm-1", "a2", "f2"), F("vm-1", "a2", "f3")},
     3                                                                                                                                                         },
    {"a whole subscription",
     "trivy",                                                    {SUB},
     {A("vm-1", "a2"), F("vm-1", "a2", "f1"), F("vm-1", "a2", "f2")},
     {A("vm-1-b", "a2"), A("vm-2", "a2"), F("vm-2", "a2", "f1")},
     2                                                                                                                                                         },
    {"one assessment's findings",
     "trivy",                                                    {A("vm-1", "a2")},
     {F("vm-1", "a2", "f2")},
     {F("vm-1", "a2", "f1")},
     1                                                                                                                                                         },
    {"two scopes",
     "trivy",                                                    {A("vm-1", "a2"), VM("vm-2")},
     {F("vm-1", "a2", "f2"), F("vm-1", "a2", "f1"), A("vm-2", "a2")},
     {F("vm-2", "a2", "f1")},
     1                                                                                                                                                         },
    {"what is refused was named",
     "trivy",                                                    {VM("vm-1")},
     {"!" A("vm-1", "a2"), F("vm-1", "a2", "f1"), "!" F("vm-1", "a2", "f2")},
     {NULL},
     0                                                                                                                                                         },
    {"what is new is named",
     "trivy",                                                    {VM("vm-2")},
     {A("vm-2", "a2"), F("vm-2", "a2", "f1"), A("vm-2", "new")},
     {NULL},
     0                                                                                                                                                         },
    {"a producer that never reported",                 "nobody", {SUB},                                                                       {NULL}, {NULL}, 0},
    {"an assessment that is not there",                "trivy",  {A("vm-9", "a2")},                                                           {NULL}, {NULL}, 0},
};

static void
put(struct posture *p, struct posture_report *report, const char *id, const char *body)
{
    struct posture_result r = {0};
    const struct posture_item item = {span_of(id), span_of(body), false};
    enum status st = report != NULL ? posture_report_apply(report, &item, 1, &r, &err)
                                    : posture_apply(p, TENANT, "test", &item, 1, &r, &err);

    CHECK(st == ST_OK, "%s: %s", id, err.text);
}

static struct posture_report *
begin(struct posture *p, const char *producer, const char *const *scopes)
{
    struct span list[3];
    struct posture_report *report = NULL;
    size_t count = 0;

    for (; count < 3 && scopes[count] != NULL; count++)
        list[count] = span_of(scopes[count]);
    CHECK(posture_report_begin(p, TENANT, producer, list, count, &report, &err) == ST_OK, "%s",
          err.text);
    return report;
}

static void
fill(struct posture *p)
{
    static const char *const everywhere[] = {SUB, NULL};

    for (size_t i = 0; i < COUNT_OF(before); i++) {
        struct posture_report *report =
            before[i].producer != NULL ? begin(p, before[i].producer, everywhere) : NULL;

        put(p, report, before[i].id, GOOD);
        posture_report_give_up(report);
    }
}

static bool
is_there(struct posture *p, const char *id)
{
    char *text;
    size_t size;
    enum status st = posture_get(p, TENANT, span_of(id), false, &text, &size, &err);

    CHECK(st == ST_OK || st == ST_END, "%s: %s", id, err.text);
    if (st == ST_OK)
        free(text);
    return st == ST_OK;
}

static void
run_case(size_t i)
{
    struct posture *p = open_new(0);
    uint64_t withdrawn = 99;

    fill(p);
    struct posture_report *report = begin(p, cases[i].producer, cases[i].scopes);

    for (size_t k = 0; k < COUNT_OF(cases[i].items) && cases[i].items[k] != NULL; k++) {
        const char *id = cases[i].items[k];

        put(p, report, *id == '!' ? id + 1 : id, *id == '!' ? "{}" : k % 2 == 0 ? GOOD : OTHER);
    }
    CHECK(posture_report_end(report, &withdrawn, &err) == ST_OK, "%s: %s", cases[i].name, err.text);
    CHECK(withdrawn == cases[i].withdrawn, "%s: %llu withdrawn", cases[i].name,
          (unsigned long long)withdrawn);
    for (size_t b = 0; b < COUNT_OF(before); b++) {
        bool should_go = false;

        for (size_t k = 0; k < COUNT_OF(cases[i].gone) && cases[i].gone[k] != NULL; k++)
            should_go |= strcmp(cases[i].gone[k], before[b].id) == 0;
        CHECK(is_there(p, before[b].id) == !should_go, "%s: %s", cases[i].name, before[b].id);
    }
    posture_close(p);
}

static void
test_beside(void)
{
    static const char *const scopes[] = {VM("vm-1"), NULL};
    struct posture *p = open_new(0);
    uint64_t withdrawn;

    fill(p);
    struct posture_report *given_up = begin(p, "trivy", scopes), *report = begin(p, NULL, scopes);

    put(p, given_up, A("vm-1", "a2"), OTHER);
    posture_report_give_up(given_up);
    CHECK(is_there(p, F("vm-1", "a2", "f1")), "a report that is given up withdraws nothing");
    put(p, NULL, A("vm-1", "late"), GOOD); /* by somebody else, after the report began */
    CHECK(posture_report_end(report, &withdrawn, &err) == ST_OK, "%s", err.text);
    CHECK(is_there(p, A("vm-1", "late")) && !is_there(p, A("vm-1", "a1")),
          "what came later is not the report's");
    posture_close(p);
}

static void
test_full(void)
{
    static const char *const scopes[] = {VM("vm-1"), NULL};
    struct posture *p = open_new(1);
    uint64_t withdrawn;
    struct posture_report *report;

    put(p, NULL, A("vm-1", "a1"), GOOD);
    report = begin(p, NULL, scopes);
    CHECK(posture_report_end(report, &withdrawn, &err) == ST_FULL, "no room for its events");
    CHECK(withdrawn == 0 && is_there(p, A("vm-1", "a1")), "nothing was withdrawn");
    posture_close(p);
}

static void
test_refused(void)
{
    struct posture *p = open_new(0);
    struct posture_report *report;
    const struct span none = SPAN_LITERAL("/"), catalog = SPAN_LITERAL("/providers/A/b/c");
    char long_name[500];

    memset(long_name, 'x', sizeof long_name);
    long_name[499] = '\0';
    uint64_t withdrawn = 9;

    put(p, NULL, A("vm-1", "a1"), GOOD);
    CHECK(posture_report_begin(p, TENANT, NULL, &none, 0, &report, &err) == ST_OK &&
              posture_report_end(report, &withdrawn, &err) == ST_OK && withdrawn == 0,
          "a report that covers nothing withdraws nothing");
    CHECK(posture_report_begin(p, TENANT, "x", &none, 1, &report, &err) == ST_INVALID, "no id");
    CHECK(posture_report_begin(p, TENANT, "x", &catalog, 1, &report, &err) == ST_INVALID,
          "no subscription");
    const struct span sub = SPAN_LITERAL(SUB);

    CHECK(posture_report_begin(p, TENANT, "", &sub, 1, &report, &err) == ST_INVALID, "no name");
    CHECK(posture_report_begin(p, TENANT, long_name, &sub, 1, &report, &err) == ST_INVALID,
          "a name too long");
    posture_report_give_up(NULL);
    posture_close(p);
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        run_case(i);
    test_beside();
    test_full();
    test_refused();
    remove_file();
    return test_end();
}
