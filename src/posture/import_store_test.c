/* import_store_test.c - what the importers give is what the store takes: nothing of a sample is refused, a second
 * load of it changes nothing and makes no event, and what a later report does not name is withdrawn. */
#include "base/file.h"
#include "posture/import.h"
#include "posture/posture_bed.h"

enum { SCOPES = 8 };

struct load {
    struct posture *p;
    char producers[SCOPES][IMPORT_PRODUCER_SIZE], scopes[SCOPES][512];
    size_t scope_count;
    struct posture_report *report;
    const char *producer; /* of the report under way */
    unsigned counts[POSTURE_REFUSED + 1];
    char refused[4000];
};

static enum status
keep_scope(void *context, const struct import_scope *s, struct err *why)
{
    struct load *l = context;

    if (l->scope_count == SCOPES)
        return err_set(why, ST_FULL, "too many scopes for this test");
    snprintf(l->producers[l->scope_count], IMPORT_PRODUCER_SIZE, "%s", s->producer);
    snprintf(l->scopes[l->scope_count++], sizeof l->scopes[0], "%.*s", (int)s->id.n, s->id.p);
    return ST_OK;
}

static enum status
apply(void *context, const struct import_document *d, struct err *why)
{
    struct load *l = context;
    const struct posture_item item = {d->id, d->line, false};
    struct posture_result result;
    enum status st;

    if (strcmp(d->producer, l->producer) != 0)
        return ST_OK; /* another report's */
    st = posture_report_apply(l->report, &item, 1, &result, why);
    if (st != ST_OK)
        return st;
    l->counts[result.outcome]++;
    if (result.outcome == POSTURE_REFUSED)
        snprintf(l->refused, sizeof l->refused, "%.*s: %s %s", (int)d->id.n, d->id.p, result.target,
                 result.message.text);
    return ST_OK;
}

/* Loads a report as a caller does: its scopes first, then one store report for each producer. Gives how many were
 * withdrawn. */
static uint64_t
load(struct load *l, struct span text, const struct import_options *options)
{
    struct import_memory memory = {text, 0, 0};
    struct import_input in = import_input_memory(&memory, "report");
    struct import_output scopes = {l, NULL, keep_scope}, documents = {l, apply, NULL};
    struct import_summary summary;
    uint64_t all = 0;

    memset(l->counts, 0, sizeof l->counts);
    l->scope_count = 0;
    l->refused[0] = '\0';
    CHECK(import_run(NULL, &in, options, &scopes, &summary, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < l->scope_count; i++) {
        struct span ids[SCOPES];
        size_t count = 0;
        uint64_t withdrawn = 0;
        bool is_done = false;

        for (size_t j = 0; j < l->scope_count; j++) {
            is_done |= j < i && strcmp(l->producers[i], l->producers[j]) == 0;
            if (strcmp(l->producers[i], l->producers[j]) == 0)
                ids[count++] = span_of(l->scopes[j]);
        }
        if (is_done)
            continue;
        l->producer = l->producers[i];
        CHECK(posture_report_begin(l->p, TENANT, l->producer, ids, count, &l->report, &err) ==
                  ST_OK,
              "%s: %s", l->producer, err.text);
        CHECK(import_run(NULL, &in, options, &documents, &summary, &err) == ST_OK, "%s", err.text);
        CHECK(posture_report_end(l->report, &withdrawn, &err) == ST_OK, "%s", err.text);
        all += withdrawn;
    }
    return all;
}

static const struct sample {
    const char *file;
    unsigned documents;
    const char *line, *with; /* taken out of the file, or changed, for the third load */
    unsigned changed;
    uint64_t withdrawn;
} samples[] = {
    {"trivy_fuzz/image.json",       6,  "CVE-2026-00001\",\n          \"PkgID\"",
     "CVE-2026-00009\",\n          \"PkgID\"",                                                                    1, 1},
    {"trivy_fuzz/config.json",      5,  "\"SMP-0002\"",                           "\"SMP-0003\"",                 1, 1},
    {"trivy_fuzz/secret.json",      4,  "\"StartLine\": 9",                       "\"StartLine\": 8",             1, 0},
    {"trivy_fuzz/k8s.json",         5,  "\"HIGH\"",                               "\"LOW\"",                      1, 0},
    {"openscap_fuzz/xccdf.xml",     10, "<result>fail</result>",                  "<result>pass</result>",        1, 0},
    {"openscap_fuzz/arf.xml",       10, "<result>pass</result>",                  "<result>notselected</result>", 0, 1},
    {"lynis_fuzz/lynis-report.dat", 32, "suggestion[]=AUTH-9286|Set a least",     "x",                            0, 1},
    {"ocsf_fuzz/aws.json",          6,  "\"PASS\"",                               "\"FAIL\"",                     1, 0},
    {"ocsf_fuzz/azure.ndjson",      6,  "\"MANUAL\"",                             "\"PASS\"",                     1, 0},
    {"ocsf_fuzz/other.ndjson",      4,  "\"hostname\":\"db-01\"",                 "\"hostname\":\"db-02\"",       1, 0},
};

static void
test_sample(const struct sample *s)
{
    static const struct import_options options = {.subscription =
                                                      "3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610",
                                                  .resource_group = "rg",
                                                  .target = NULL};
    static const struct import_options on_web = {.subscription =
                                                     "3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610",
                                                 .resource_group = "rg",
                                                 .target = "web-01"};
    const struct import_options *o = strstr(s->file, "config") != NULL ? &on_web : &options;
    struct load l = {.p = open_new()};
    struct seen waiting = {0};
    char file[200], *text, *changed, *at;
    size_t size;
    uint64_t withdrawn;

    snprintf(file, sizeof file, "src/posture/import_%s", s->file);
    if (file_read(file, 1 << 20, &text, &size, &err) != ST_OK) {
        CHECK(false, "%s", err.text);
        return;
    }
    withdrawn = load(&l, (struct span){text, size}, o);
    CHECK(l.counts[POSTURE_CREATED] == s->documents && l.counts[POSTURE_REFUSED] == 0 &&
              withdrawn == 0,
          "%s: %u created, refused: %s", s->file, l.counts[POSTURE_CREATED], l.refused);
    CHECK(events(l.p, &waiting)[0] != '\0', "%s: no event came of it", s->file);

    withdrawn = load(&l, (struct span){text, size}, o);
    CHECK(l.counts[POSTURE_UNCHANGED] == s->documents && withdrawn == 0,
          "%s: again: %u unchanged, %u changed, %llu withdrawn", s->file,
          l.counts[POSTURE_UNCHANGED], l.counts[POSTURE_CHANGED], (unsigned long long)withdrawn);
    EXPECT(l.p, &waiting, "");

    changed = calloc(1, size + 100);
    at = strstr(text, s->line);
    CHECK(at != NULL, "%s: has no %s", s->file, s->line);
    if (at != NULL) {
        size_t n = (size_t)sprintf(changed, "%.*s%s%s", (int)(at - text), text, s->with,
                                   at + strlen(s->line));

        withdrawn = load(&l, (struct span){changed, n}, o);
        CHECK(l.counts[POSTURE_CHANGED] + l.counts[POSTURE_CREATED] >= s->changed &&
                  withdrawn == s->withdrawn && l.counts[POSTURE_REFUSED] == 0,
              "%s: changed: %u changed, %u created, %llu withdrawn %s", s->file,
              l.counts[POSTURE_CHANGED], l.counts[POSTURE_CREATED], (unsigned long long)withdrawn,
              l.refused);
        CHECK(events(l.p, &waiting)[0] != '\0', "%s: changed: no event", s->file);
    }
    free(changed);
    free(text);
    seen_free(&waiting);
    posture_close(l.p);
    remove_file();
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        test_sample(&samples[i]);
    return test_end();
}
