/* posture_test.c - what is reported becomes state, and its changes become events: each once, in order,
 * as documented. */
#include "base/file.h"
#include "model/datetime.h"
#include "posture/posture_bed.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- tests ---- */

static void
test_changes(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    struct stat st;

    CHECK(stat(path(), &st) == 0 && (st.st_mode & 0777) == 0600, "mode");
    CHECK(put(p, SEC "/assessmentMetadata/a1", META).outcome == POSTURE_CREATED, "metadata");
    EXPECT(p, &s, "");
    CHECK(put(p, A1, STATE("Unhealthy")).outcome == POSTURE_CREATED, "new");
    EXPECT(p, &s, "Assessments \"a1\" \"Insert\" \"Unhealthy\"\n");
    CHECK(put(p, A1, STATE("Unhealthy")).outcome == POSTURE_UNCHANGED, "the same bytes");
    CHECK(put(p, A1, "{ \"properties\" : {\"status\":{\"code\":\"Unhea\\u006cthy\"} } }").outcome ==
              POSTURE_UNCHANGED,
          "the same in other bytes");
    CHECK(put(p, A1, STATE("unhealthy")).outcome == POSTURE_UNCHANGED, "the same in other letters");
    EXPECT(p, &s, "");
    CHECK(put(p, A1, STATE("Healthy")).outcome == POSTURE_CHANGED, "changed");
    EXPECT(p, &s, "Assessments \"a1\" \"Insert\" \"Healthy\"\n");
    CHECK(strstr(s.last.p, "\"severity\":\"High\"") != NULL, "metadata is copied: %s", s.last.p);
    CHECK(put(p, SEC "/assessmentMetadata/A1",
              "{\"properties\":{\"displayName\":\"D\",\"severity\":\"low\","
              "\"assessmentType\":\"BuiltIn\",\"threats\":[\"dataSpillage\"]}}")
                  .outcome == POSTURE_CHANGED,
          "metadata changed");
    EXPECT(p, &s, "");
    CHECK(put(p, A1, STATE("NotApplicable")).outcome == POSTURE_CHANGED, "not applicable");
    EXPECT(p, &s, "Assessments \"a1\" \"Insert\" \"NotApplicable\"\n");
    CHECK(strstr(s.last.p, "\"severity\":\"Low\"") && strstr(s.last.p, "[\"DataSpillage\"]"),
          "later events have the new metadata: %s", s.last.p);
    CHECK(put(p, A1, NULL).outcome == POSTURE_DELETED, "deleted");
    EXPECT(p, &s, "Assessments \"a1\" \"Delete\" \"NotApplicable\"\n");
    CHECK(put(p, A1, NULL).outcome == POSTURE_ABSENT, "deleted twice");
    EXPECT(p, &s, "");
    posture_close(p);
    seen_free(&s);
}

static void
test_findings(void)
{
    struct posture *p = open_new();
    struct seen s = {0};

    CHECK(strcmp(put(p, A1 "/subAssessments/f1", FINDING("Unhealthy", "x")).code,
                 "ParentResourceNotFound") == 0,
          "a finding needs its parent");
    put(p, A1, STATE("Healthy"));
    put(p, A1 "/subAssessments/f1", FINDING("Unhealthy", "x"));
    put(p, A1 "/subAssessments/f2", FINDING("Unhealthy", "y"));
    EXPECT(p, &s,
           "Assessments \"a1\" \"Insert\" \"Healthy\"\n"
           "SubAssessments \"f1\" \"Insert\" \"Unhealthy\"\n"
           "SubAssessments \"f2\" \"Insert\" \"Unhealthy\"\n");
    CHECK(put(p, A1 "/subAssessments/f1",
              "{\"properties\":{\"displayName\":\"x\",\"status\":{\"severity\":\"low\","
              "\"code\":\"Unhealthy\"},\"timeGenerated\":\"2026-06-12T08:41:05Z\"}}")
                  .outcome == POSTURE_UNCHANGED,
          "a scanner that ran again");
    put(p, A1, STATE("Unhealthy"));
    EXPECT(p, &s,
           "Assessments \"a1\" \"Insert\" \"Unhealthy\"\n"
           "SubAssessments \"f1\" \"Insert\" \"Unhealthy\"\n"
           "SubAssessments \"f2\" \"Insert\" \"Unhealthy\"\n");
    /* Parent first, each finding once behind it, in its last state, whatever the order of the report. */
    const struct posture_item items[] = {
        {SPAN_LITERAL(A1 "/subAssessments/f3"), SPAN_LITERAL(FINDING("Unhealthy", "z")),                              false},
        {SPAN_LITERAL(A1),                                     SPAN_LITERAL(STATE("Healthy")),                                                      false                     },
        {SPAN_LITERAL(A1 "/subAssessments/f1"),                                     SPAN_LITERAL(FINDING("Healthy",                                 "x")),false},
        {SPAN_LITERAL(A1 "/subAssessments/f2"),                                SPAN_LITERAL(""),                                                                true                                                                                  },
    };
    struct posture_result r[4];

    CHECK(posture_apply(p, TENANT, "test", items, 4, r, &err) == ST_OK, "%s", err.text);
    EXPECT(p, &s,
           "SubAssessments \"f3\" \"Insert\" \"Unhealthy\"\n"
           "Assessments \"a1\" \"Insert\" \"Healthy\"\n"
           "SubAssessments \"f1\" \"Insert\" \"Healthy\"\n"
           "SubAssessments \"f2\" \"Delete\" \"Unhealthy\"\n"
           "SubAssessments \"f3\" \"Insert\" \"Unhealthy\"\n");
    put(p, A1, NULL);
    EXPECT(p, &s,
           "Assessments \"a1\" \"Delete\" \"Healthy\"\n"
           "SubAssessments \"f1\" \"Delete\" \"Healthy\"\n"
           "SubAssessments \"f3\" \"Delete\" \"Unhealthy\"\n");
    struct posture_counts counts;

    posture_counts(p, TENANT, &counts);
    CHECK(counts.resources[EVENT_ASSESSMENTS] == 0 && counts.resources[EVENT_SUB_ASSESSMENTS] == 0,
          "nothing is left");
    posture_close(p);
    seen_free(&s);
}

static void
test_batch(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    struct posture_result r[5];

    put(p, A1, STATE("Healthy"));
    put(p, A1 "/subAssessments/f1", FINDING("Healthy", "x"));
    events(p, &s);
    /* What was unchanged before the batch need not be when its turn comes. */
    const struct posture_item back[] = {
        {SPAN_LITERAL(A1), SPAN_LITERAL(STATE("Unhealthy")), false},
        {SPAN_LITERAL(A1), SPAN_LITERAL(STATE("Healthy")),   false},
    };

    CHECK(posture_apply(p, TENANT, "test", back, 2, r, &err) == ST_OK, "%s", err.text);
    CHECK(r[0].outcome == POSTURE_CHANGED && r[1].outcome == POSTURE_CHANGED, "there and back");
    EXPECT(p, &s,
           "Assessments \"a1\" \"Insert\" \"Unhealthy\"\nAssessments \"a1\" \"Insert\" "
           "\"Healthy\"\nSubAssessments \"f1\" \"Insert\" \"Healthy\"\n");
    const struct posture_item gone[] = {
        {SPAN_LITERAL(A1),                      SPAN_LITERAL(""),               true                                },
        {SPAN_LITERAL(A1 "/subAssessments/f1"), SPAN_LITERAL(FINDING("Healthy", "x")),                                false},
        {SPAN_LITERAL(A1),                                     SPAN_LITERAL(STATE("Healthy")),                                                    false                     },
        {SPAN_LITERAL(A1 "/subAssessments/f1"),                                     SPAN_LITERAL(FINDING("Healthy",                               "x")),false},
        {SPAN_LITERAL("/nonsense"),                                SPAN_LITERAL("{}"),                                                              false                                                                                              },
    };

    CHECK(posture_apply(p, TENANT, "test", gone, 5, r, &err) == ST_OK, "%s", err.text);
    CHECK(r[0].outcome == POSTURE_DELETED && r[1].outcome == POSTURE_REFUSED &&
              r[2].outcome == POSTURE_CREATED && r[3].outcome == POSTURE_CREATED &&
              r[4].outcome == POSTURE_REFUSED,
          "in order: %d %d %d %d %d", r[0].outcome, r[1].outcome, r[2].outcome, r[3].outcome,
          r[4].outcome);
    EXPECT(p, &s,
           "Assessments \"a1\" \"Delete\" \"Healthy\"\nSubAssessments \"f1\" \"Delete\" "
           "\"Healthy\"\nAssessments \"a1\" \"Insert\" \"Healthy\"\nSubAssessments \"f1\" "
           "\"Insert\" \"Healthy\"\n");
    posture_close(p);
    seen_free(&s);
}

static void
test_withdrawn(void)
{
    struct posture *p = open_new();
    struct seen s = {0};

    put(p, SEC "/assessmentMetadata/a1", META);
    put(p, SUB SEC "/assessmentMetadata/a2", META);
    put(p, SEC "/assessmentMetadata/a2", META);
    put(p, A1, STATE("Healthy"));
    put(p, A1 "/subAssessments/f1", FINDING("Healthy", "x"));
    put(p, SUB SEC "/assessments/A1", STATE("Unhealthy"));
    put(p, VM SEC "/assessments/a2", STATE("Unhealthy"));
    events(p, &s);
    put(p, SEC "/assessmentMetadata/a1", NULL);
    EXPECT(p, &s,
           "Assessments \"a1\" \"Delete\" \"Healthy\"\nSubAssessments \"f1\" \"Delete\" "
           "\"Healthy\"\nAssessments \"A1\" \"Delete\" \"Unhealthy\"\n");
    put(p, SEC "/assessmentMetadata/a2", NULL);
    EXPECT(p, &s, ""); /* the subscription's own metadata still holds */
    put(p, SUB SEC "/assessmentMetadata/a2", NULL);
    EXPECT(p, &s, "Assessments \"a2\" \"Delete\" \"Unhealthy\"\n");
    posture_close(p);
    seen_free(&s);
}

/* A recommendation with more assessments than one transaction should take away. */
static void
test_withdrawn_many(void)
{
    enum { COUNT = 1300 };
    struct posture *p = open_new();
    struct posture_counts counts;
    struct seen s = {0};
    const char *lines;

    put(p, SEC "/assessmentMetadata/a1", META);
    wants_nothing = true;
    for (int i = 0; i < COUNT; i++) {
        char id[400];

        snprintf(id, sizeof id, "%s-%d%s/assessments/a1", VM, i, SEC);
        put(p, id, STATE("Unhealthy"));
        snprintf(id, sizeof id, "%s-%d%s/assessments/a1/subAssessments/f", VM, i, SEC);
        put(p, id, FINDING("Healthy", "x"));
    }
    wants_nothing = false;
    put(p, A1, STATE("Healthy"));
    put(p, VM SEC "/assessments/other", STATE("Healthy"));
    events(p, &s);
    CHECK(put(p, SEC "/assessmentMetadata/a1", NULL).outcome == POSTURE_DELETED, "withdrawn");
    posture_counts(p, TENANT, &counts);
    CHECK(counts.resources[EVENT_ASSESSMENTS] == 1 &&
              counts.resources[EVENT_SUB_ASSESSMENTS] == 0 && counts.metadata == 0,
          "nothing but the other is left");
    CHECK(counts.outbox == 2 * COUNT + 1, "%llu events", (unsigned long long)counts.outbox);
    lines = events(p, &s);
    CHECK(strstr(lines, "Insert") == NULL && strstr(s.last.p, "\"severity\":\"High\"") == NULL,
          "findings of the last one are last");
    posture_close(p);
    seen_free(&s);
}

static void
test_wanted_and_tenants(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    char *text;
    size_t size;

    wants_nothing = true;
    put(p, A1, STATE("Healthy"));
    EXPECT(p, &s, "");
    wants_nothing = false;
    CHECK(put(p, A1, STATE("Healthy")).outcome == POSTURE_UNCHANGED, "nothing is made up later");
    EXPECT(p, &s, "");
    CHECK(put_for(p, OTHER, A1, NULL).outcome == POSTURE_ABSENT, "another tenant's is not there");
    CHECK(posture_get(p, OTHER, SPAN_LITERAL(A1), false, &text, &size, &err) == ST_END,
          "nor can it be read");
    CHECK(put_for(p, OTHER, A1, STATE("Unhealthy")).outcome == POSTURE_CREATED, "it has its own");
    CHECK(posture_get(p, TENANT, SPAN_LITERAL(A1), false, &text, &size, &err) == ST_OK, "%s",
          err.text);
    CHECK(strstr(text, "\"Healthy\"") != NULL && strlen(text) == size, "and mine is mine");
    free(text);
    posture_close(p);
    seen_free(&s);
}

static void
test_full(void)
{
    struct posture *p = open_new();
    struct posture_result r;
    const struct posture_item item = {SPAN_LITERAL(A1), SPAN_LITERAL(STATE("Unhealthy")), false};
    struct posture_counts counts;
    struct seen s = {0};

    posture_close(p);
    p = open_again(100);
    put(p, A1, STATE("Healthy"));
    CHECK(posture_apply(p, TENANT, "test", &item, 1, &r, &err) == ST_FULL, "the outbox is full");
    posture_counts(p, NULL, &counts);
    CHECK(counts.outbox == 1 && counts.outbox_size > 100 && counts.size > 4096, "%llu wait",
          (unsigned long long)counts.outbox);
    CHECK(put(p, A1, STATE("Healthy")).outcome == POSTURE_UNCHANGED,
          "what is unchanged needs no room");
    posture_close(p);
    p = open_again(100);
    posture_counts(p, NULL, &counts);
    CHECK(counts.outbox == 1 && counts.outbox_size > 100, "and over a restart");
    events(p, &s);
    CHECK(put(p, A1, STATE("Unhealthy")).outcome == POSTURE_CHANGED, "there is room again");
    EXPECT(p, &s, "Assessments \"a1\" \"Insert\" \"Unhealthy\"\n");
    posture_close(p);
    seen_free(&s);
}

/* A batch that the disk does not take leaves no trace, and is taken later. */
static void
test_disk_full(void)
{
    enum { COUNT = 4000, ID = 300, BODY = 900 };
    struct posture *p = open_new();
    struct posture_item *items = calloc(COUNT, sizeof *items);
    struct posture_result *results = calloc(COUNT, sizeof *results);
    char *memory = malloc((size_t)COUNT * (ID + BODY)), *text;
    struct rlimit before, small;
    struct posture_counts counts;
    struct seen s = {0};
    size_t size;

    if (items == NULL || results == NULL || memory == NULL)
        exit(1);
    for (int i = 0; i < COUNT; i++) {
        char *id = memory + (size_t)i * (ID + BODY), *body = id + ID;
        int n = snprintf(id, ID, "%s%s/assessments/a%d", VM, SEC, i);
        int m = snprintf(body, BODY,
                         "{\"properties\":{\"status\":{\"code\":\"Healthy\"},"
                         "\"additionalData\":{\"pad\":\"%0700d\"}}}",
                         i);

        items[i] = (struct posture_item){
            {id,   (size_t)n},
            {body, (size_t)m},
            false
        };
    }
    put(p, A1, STATE("Healthy"));
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){1 << 20, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    enum status st = posture_apply(p, TENANT, "test", items, COUNT, results, &err);

    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(st == ST_FULL || st == ST_IO, "%d", st);
    CHECK(posture_get(p, TENANT, items[0].id, false, &text, &size, &err) == ST_END,
          "nothing was stored");
    posture_counts(p, NULL, &counts);
    CHECK(counts.resources[EVENT_ASSESSMENTS] == 1 && counts.outbox == 1 && counts.changed == 1,
          "nothing counts");
    CHECK(posture_apply(p, TENANT, "test", items, COUNT, results, &err) == ST_OK, "%s", err.text);
    posture_counts(p, NULL, &counts);
    CHECK(counts.resources[EVENT_ASSESSMENTS] == COUNT && counts.outbox == COUNT + 1,
          "now it is: %llu", (unsigned long long)counts.outbox);
    events(p, &s);
    free(items);
    free(results);
    free(memory);
    posture_close(p);
    seen_free(&s);
}

/* The dates of the status are kept here, whatever a report says of them. */
static void
test_dates(void)
{
    struct posture *p = open_new();
    static const struct {
        const char *name, *body, *changed, *first;
        int64_t at; /* seconds from the first report */
    } steps[] = {
        {"new",            STATE("Healthy"),                                                       "2026-01-01T00:00:01", "2026-01-01T00:00:01", 0 },
        {"content alone",  "{\"properties\":{\"status\":{\"code\":\"Healthy\",\"cause\":\"c\"}}}",
         "2026-01-01T00:00:01",                                                                                           "2026-01-01T00:00:01", 10},
        {"the code",       STATE("Unhealthy"),                                                     "2026-01-01T00:00:21", "2026-01-01T00:00:01", 20},
        {"told otherwise",
         "{\"properties\":{\"displayName\":\"x\",\"status\":{\"code\":\"Unhealthy\","
         "\"statusChangeDate\":\"2025-01-01T00:00:00Z\","
         "\"firstEvaluationDate\":\"2025-01-01T00:00:00Z\"}}}",                                    "2026-01-01T00:00:21", "2026-01-01T00:00:01", 30},
        {"not applicable", STATE("NotApplicable"),                                                 "2026-01-01T00:00:41", "2026-01-01T00:00:01",
         40                                                                                                                                        },
    };
    int64_t start = 0;

    CHECK(datetime_read(SPAN_LITERAL("2026-01-01T00:00:00Z"), &start), "a date");
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        char *text = NULL, want[200];
        size_t size;

        ticks = start + steps[i].at * TICKS_PER_SECOND;
        put(p, A1, steps[i].body);
        CHECK(posture_get(p, TENANT, SPAN_LITERAL(A1), false, &text, &size, &err) == ST_OK, "%s",
              err.text);
        snprintf(want, sizeof want,
                 "\"statusChangeDate\":\"%s.0000000Z\",\"firstEvaluationDate\":\"%s.0000000Z\"",
                 steps[i].changed, steps[i].first);
        CHECK(text != NULL && strstr(text, want) != NULL, "%s: %s", steps[i].name, text);
        free(text);
    }
    posture_close(p);
}

/* ---- the documented examples ---- */

static char *
example(const char *name)
{
    const char *shared = getenv("PENSTOCK_SHARED");
    char file[4096], *text = NULL;
    struct text compact = {0};
    size_t size;

    snprintf(file, sizeof file, "%s/contracts/examples/continuous-export/%s",
             shared != NULL ? shared : "../shared", name);
    if (file_read(file, 1 << 20, &text, &size, &err) != ST_OK)
        return NULL;
    text_compact(&compact, (struct span){text, size});
    text_add(&compact, (struct span){"", 1});
    free(text);
    return compact.p;
}

static int64_t
at(const char *date)
{
    int64_t t = 0;

    CHECK(datetime_read(span_of(date), &t), "%s", date);
    return t - TICKS_PER_SECOND; /* 'put' moves the clock on by one */
}

static void
test_examples(void)
{
    struct posture *p = open_new();
    struct seen s = {0};
    char *want = example("event-assessments.json"), *healthy, *gone, *finding;

    if (want == NULL) {
        printf("skipped: no ../shared with the documented examples\n");
        posture_close(p);
        return;
    }
    struct span doc = span_of(want), id = json_at(doc, "id"),
                properties = json_at(doc, "properties");
    struct text body = {0}, key = {0}, finding_id = {0};

    text_addf(&key, "%s/assessmentMetadata/%.*s", SEC, (int)json_at(doc, "name").n - 2,
              json_at(doc, "name").p + 1);
    text_add(&key, (struct span){"", 1});
    text_puts(&body, "{\"properties\":");
    text_add(&body, json_at(properties, "metadata"));
    text_puts(&body, "}");
    text_add(&body, (struct span){"", 1});
    CHECK(put(p, key.p, body.p).outcome == POSTURE_CREATED, "the example's metadata");

    text_reset(&body);
    text_addf(&body,
              "{\"properties\":{\"additionalData\":%.*s,\"links\":%.*s,"
              "\"status\":{\"code\":\"healthy\"}}}",
              (int)json_at(properties, "additionalData").n, json_at(properties, "additionalData").p,
              (int)json_at(properties, "links").n, json_at(properties, "links").p);
    text_add(&body, (struct span){"", 1});
    text_reset(&key);
    text_add(&key, (struct span){id.p + 1, id.n - 2});
    text_add(&key, (struct span){"", 1});
    ticks = at("2026-02-03T22:10:55.0012291Z");
    put(p, key.p, body.p);
    text_reset(&body);
    text_addf(&body,
              "{\"properties\":{\"links\":%.*s,\"additionalData\":%.*s,"
              "\"status\":{\"code\":\"unhealthy\"}}}",
              (int)json_at(properties, "links").n, json_at(properties, "links").p,
              (int)json_at(properties, "additionalData").n,
              json_at(properties, "additionalData").p);
    text_add(&body, (struct span){"", 1});
    ticks = at("2026-05-12T08:41:07.4410233Z");
    put(p, key.p, body.p);
    events(p, &s);
    CHECK(strcmp(s.last.p, want) == 0, "event-assessments.json:\n%s\n%s", want, s.last.p);

    finding = example("event-subassessments.json");
    struct span f = span_of(finding);

    text_add(&finding_id, (struct span){json_at(f, "id").p + 1, json_at(f, "id").n - 2});
    text_add(&finding_id, (struct span){"", 1});
    text_reset(&body);
    text_addf(&body, "{\"properties\":%.*s}", (int)json_at(f, "properties").n,
              json_at(f, "properties").p);
    text_add(&body, (struct span){"", 1});
    put(p, finding_id.p, body.p);
    events(p, &s);
    CHECK(strcmp(s.last.p, finding) == 0, "event-subassessments.json:\n%s\n%s", finding, s.last.p);

    healthy = example("event-assessments-healthy.json");
    text_reset(&body);
    doc = span_of(healthy);
    text_addf(&body, "{\"properties\":%.*s}", (int)json_at(doc, "properties").n,
              json_at(doc, "properties").p);
    text_add(&body, (struct span){"", 1});
    put(p, key.p, NULL);
    put(p, key.p, body.p); /* an importer that knows the dates */
    events(p, &s);
    CHECK(strcmp(s.last.p, healthy) == 0, "event-assessments-healthy.json:\n%s\n%s", healthy,
          s.last.p);

    gone = example("event-assessments-delete.json");
    put(p, key.p, NULL);
    events(p, &s);
    text_reset(&body);
    text_puts(&body, gone);
    text_add(&body, (struct span){"", 1});
    CHECK(strcmp(s.last.p, gone) == 0 ||
              json_string_is(json_at(span_of(s.last.p), "securityEventDataEnrichment.action"),
                             "Delete"),
          "event-assessments-delete.json");
    char *code = strstr(gone, "\"Unhealthy\"");

    CHECK(code == NULL && strcmp(s.last.p, gone) == 0, "event-assessments-delete.json:\n%s\n%s",
          gone, s.last.p);
    free(want);
    free(healthy);
    free(gone);
    free(finding);
    text_free(&body);
    text_free(&key);
    text_free(&finding_id);
    posture_close(p);
    seen_free(&s);
}

/* ---- what is refused ---- */

static const struct {
    const char *name, *id, *body, *code, *target;
} bad[] = {
    {"no id",                   "",                                       "{}",                                        "InvalidResourceId",         "id"                                },
    {"dots in the id",          SUB "/../x",                              "{}",                                        "InvalidResourceId",         "id"                                },
    {"injection in the id",     SUB "/resourceGroups/a\";DROP TABLE hot", "{}",                                        "InvalidResourceId",
     "id"                                                                                                                                                                               },
    {"a foreign provider",      VM,                                       "{}",                                        "InvalidResourceType",       "id"                                },
    {"an unknown type",         SUB SEC "/pricings/x",                    "{}",                                        "InvalidResourceType",       "id"                                },
    {"no subscription",         SEC "/assessments/a",                     "{}",                                        "InvalidResourceId",         "id"                                },
    {"no JSON",                 A1,                                       "{",                                         "InvalidRequestContent",     ""                                  },
    {"an array",                A1,                                       "[]",                                        "InvalidRequestContent",     ""                                  },
    {"no body",                 A1,                                       "",                                          "InvalidRequestContent",     ""                                  },
    {"no properties",           A1,                                       "{}",                                        "InvalidAssessment",         "properties"                        },
    {"no status",               A1,                                       "{\"properties\":{}}",                       "InvalidAssessment",         "properties.status"                 },
    {"a status that is text",   A1,                                       "{\"properties\":{\"status\":\"Healthy\"}}", "InvalidAssessment",
     "properties.status"                                                                                                                                                                },
    {"no code",                 A1,                                       "{\"properties\":{\"status\":{}}}",          "InvalidAssessment",
     "properties.status.code"                                                                                                                                                           },
    {"an unknown code",         A1,                                       STATE("Fine"),                               "InvalidAssessment",         "properties.status.code"            },
    {"a resource elsewhere",    A1,
     "{\"properties\":{\"status\":{\"code\":\"Healthy\"},\"resourceDetails\":{\"source\":\"Azure\","
     "\"id\":\"/subscriptions/00000000-6b1e-4c55-9d0e-7a41c2b9e610\"}}}",                                              "InvalidAssessment",         "properties.resourceDetails.id"     },
    {"an unknown source",       A1,
     "{\"properties\":{\"status\":{\"code\":\"Healthy\"},\"resourceDetails\":{\"source\":\"Moon\"}}"
     "}",                                                                                                              "InvalidAssessment",         "properties.resourceDetails.source" },
    {"a date that is none",     A1,
     "{\"properties\":{\"status\":{\"code\":\"Healthy\",\"statusChangeDate\":\"soon\"}}}",                             "InvalidAssessment",         "properties.status.statusChangeDate"},
    {"metadata without a name", SEC "/assessmentMetadata/m",
     "{\"properties\":{\"severity\":\"Low\"}}",                                                                        "InvalidAssessmentMetadata",
     "properties.displayName"                                                                                                                                                           },
    {"an unknown severity",     SEC "/assessmentMetadata/m",
     "{\"properties\":{\"displayName\":\"d\",\"severity\":\"Fatal\",\"assessmentType\":\"BuiltIn\"}"
     "}",                                                                                                              "InvalidAssessmentMetadata", "properties.severity"               },
    {"an unknown threat",       SEC "/assessmentMetadata/m",
     "{\"properties\":{\"displayName\":\"d\",\"severity\":\"Low\",\"assessmentType\":\"BuiltIn\","
     "\"threats\":[\"dataSpillage\",\"x\"]}}",                                                                         "InvalidAssessmentMetadata", "properties.threats[1]"             },
    {"a finding's severity",    A1 "/subAssessments/f",
     "{\"properties\":{\"status\":{\"code\":\"Healthy\",\"severity\":\"Grave\"}}}",                                    "InvalidSubAssessment",      "properties.status.severity"        },
    {"deleting nonsense",       "/x",                                     NULL,                                        "InvalidResourceId",         "id"                                },
};

static void
test_refused(void)
{
    struct posture *p = open_new();
    struct posture_counts counts;
    struct seen s = {0};

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct posture_result r = put(p, bad[i].id, bad[i].body);

        CHECK(r.outcome == POSTURE_REFUSED && strcmp(r.code, bad[i].code) == 0 &&
                  strcmp(r.target, bad[i].target) == 0 && r.message.text[0] != '\0',
              "%s: %d %s %s %s", bad[i].name, r.outcome, r.code, r.target, r.message.text);
    }
    posture_counts(p, NULL, &counts);
    CHECK(counts.refused == COUNT_OF(bad) && counts.changed == 0, "all were refused");
    EXPECT(p, &s, "");
    posture_close(p);
    seen_free(&s);
}

int
main(void)
{
    test_changes();
    test_findings();
    test_batch();
    test_withdrawn();
    test_withdrawn_many();
    test_wanted_and_tenants();
    test_full();
    test_disk_full();
    test_dates();
    test_examples();
    test_refused();
    remove_file();
    return test_end();
}
