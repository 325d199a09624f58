/* event_bench.c - how fast events are matched against many filters: with the index, and by asking each
 * filter. Filters are such as portals and policies make (continuous-export.md section 1.9), most of them
 * for one recommendation each; one event in about a hundred passes some. One thread.
 *
 * event_bench [--json] [--ms N]     N: milliseconds of each measurement, 500 */
#include "base/clock.h"
#include "match/event.h"
#include <stdlib.h>
#include <time.h>

#define SUBSCRIPTION "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"

enum { FILTERS_MAX = 10000, EVENTS = 512, EVENT_TEXT = 4096 };

static struct event_filter *filters[FILTERS_MAX];
static struct rule_sets *rules[FILTERS_MAX];
static char *texts[EVENTS];
static struct span scopes[EVENTS];
static enum event_source sources[EVENTS];

static void
die(const char *what, const struct err *err)
{
    fprintf(stderr, "event_bench: %s: %s\n", what, err->text);
    exit(1);
}

static json_t *
rule(const char *path, const char *how, const char *value)
{
    return json_pack("{s:s,s:s,s:s,s:s}", "propertyJPath", path, "propertyType", "String",
                     "expectedValue", value, "operator", how);
}

/* Six in ten look for a recommendation, two for its findings, one for alerts of a plan, one for all in a
 * resource group of its own. */
static void
make_filter(size_t i)
{
    char key[64], part[96], scope[160] = SUBSCRIPTION;
    enum event_source source = EVENT_ASSESSMENTS;
    json_t *set;
    struct span s;
    struct event_filter_source of;
    struct err err = {""};

    snprintf(key, sizeof key, "%08zx-2b47-4e90-8c15-6d0e9f7b3a21", i * 2654435761u % 0xffffffffu);
    snprintf(part, sizeof part, "/assessments/%s/", key);
    if (i % 10 < 6) {
        set = json_pack(
            "[o,o]", rule("name", "Contains", key),
            rule("properties.metadata.severity", "Equals", i % 3 == 0 ? "high" : "medium"));
    } else if (i % 10 < 8) {
        source = EVENT_SUB_ASSESSMENTS;
        set = json_pack("[o]", rule("id", "Contains", part));
    } else if (i % 10 == 8) {
        source = EVENT_ALERTS;
        set = json_pack("[o,o]", rule("Severity", "Equals", "high"),
                        rule("ProductComponentName", "Equals", key));
    } else {
        snprintf(scope, sizeof scope, SUBSCRIPTION "/resourceGroups/rg-%zu", i);
        set = json_pack("[o]", rule("type", "Contains", "Microsoft.Security/assessments"));
    }
    set = json_pack("[{s:o}]", "rules", set);
    if (rule_sets_make(set, "ruleSets", NULL, NULL, &rules[i], &err) != ST_OK)
        die("rules", &err);
    json_decref(set);
    s = span_of(scope);
    of = (struct event_filter_source){source, rules[i]};
    if (event_filter_make(&s, 1, &of, 1, &filters[i], &err) != ST_OK)
        die("filter", &err);
}

static void
make_event(size_t i)
{
    static const enum event_source kinds[] = {EVENT_ASSESSMENTS, EVENT_SUB_ASSESSMENTS,
                                              EVENT_ALERTS};
    static char scope[] = SUBSCRIPTION "/resourcegroups/rg-web";
    char *t = malloc(EVENT_TEXT), key[64], resource[160];
    /* one in sixteen has a key that a filter may name */
    size_t number = i % 16 == 0 ? i / 16 * 7 : i + 1000000;

    snprintf(key, sizeof key, "%08zx-2b47-4e90-8c15-6d0e9f7b3a21",
             number * 2654435761u % 0xffffffffu);
    snprintf(resource, sizeof resource,
             SUBSCRIPTION
             "/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/vm-%zu",
             i);
    sources[i] = kinds[i % 3];
    if (sources[i] == EVENT_ALERTS)
        snprintf(
            t, EVENT_TEXT,
            "{\"VendorName\":\"Penstock\",\"AlertType\":\"PSTK_SuspiciousLogin\",\"StartTimeUtc\":"
            "\"2026-05-12T08:58:11.0170422Z\",\"Severity\":\"%s\",\"Status\":\"New\","
            "\"AzureResourceId\":\"%s\",\"AlertDisplayName\":\"Sign-in from an address\","
            "\"Entities\":[{\"$id\":\"4\",\"HostName\":\"vm-web-01\",\"AzureID\":\"%s\",\"Type\":"
            "\"host\"},{\"$id\":\"5\",\"Address\":\"192.0.2.44\",\"Location\":{\"CountryCode\":"
            "\"ZZ\","
            "\"Asn\":64496},\"Type\":\"ip\"}],\"RemediationSteps\":[\"Check whether the address "
            "belongs to you.\",\"Reset the account.\"],\"ExtendedProperties\":{\"resourceType\":"
            "\"Virtual Machine\",\"ProductComponentName\":\"%s\"}}",
            i % 4 == 0 ? "High" : "Low", resource, resource, key);
    else
        snprintf(
            t, EVENT_TEXT,
            "{\"securityEventDataEnrichment\":{\"action\":\"Insert\",\"apiVersion\":\"2019-01-01\","
            "\"isSnapshot\":false},\"tenantId\":\"7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11\",\"type\":"
            "\"Microsoft.Security/assessments\",\"id\":\"%s/providers/Microsoft.Security/"
            "assessments/"
            "%s/subAssessments/5e9b7d10\",\"name\":\"%s\",\"tags\":null,\"properties\":{"
            "\"resourceDetails\":{\"source\":\"Azure\",\"id\":\"%s\",\"resourceName\":\"vm\","
            "\"resourceType\":\"virtualMachines\",\"resourceProvider\":\"Microsoft.Compute\","
            "\"nativeResourceId\":\"%s\"},\"displayName\":\"Penstock sample: machines should have "
            "findings resolved\",\"status\":{\"code\":\"Unhealthy\",\"statusChangeDate\":"
            "\"2026-05-12T08:41:07.4410233Z\",\"firstEvaluationDate\":"
            "\"2026-02-03T22:10:55.0012291Z\"},\"additionalData\":{\"subAssessmentsLink\":\"%s/"
            "subAssessments\"},\"metadata\":{\"displayName\":\"Penstock "
            "sample\",\"assessmentType\":"
            "\"BuiltIn\",\"description\":\"Invented recommendation used in tests.\","
            "\"remediationDescription\":\"1. Open the findings.<br>2. Fix each "
            "one.\",\"categories\":["
            "\"Compute\"],\"severity\":\"High\",\"userImpact\":\"Low\",\"implementationEffort\":"
            "\"Moderate\",\"threats\":[\"DataExfiltration\",\"AccountBreach\"]}}}",
            resource, key, key, resource, resource, resource);
    texts[i] = t;
    scopes[i] = span_of(scope);
}

static uint64_t hit_count;

static void
hit(void *app, size_t filter)
{
    (void)app;
    (void)filter;
    hit_count++;
}

enum way { OPEN_ONLY, INDEXED, EACH };

struct measured {
    double events_per_s, hits_per_event;
};

static struct measured
measure(enum way way, size_t count, const struct event_index *x, int64_t ms)
{
    uint64_t done = 0;
    int64_t start = clock_monotonic_ms(), now;

    hit_count = 0;
    do {
        size_t batch = way == EACH ? 64 : EVENTS;

        for (size_t i = 0; i < batch; i++, done++) {
            size_t n = done % EVENTS;
            struct event e;
            struct err err = {""};

            if (event_open_text(&e, sources[n], scopes[n], span_of(texts[n]), &err) != ST_OK)
                die("event", &err);
            if (way == INDEXED)
                event_index_match(x, &e, hit, NULL);
            for (size_t f = 0; way == EACH && f < count; f++)
                hit_count += event_filter_passes(filters[f], &e);
            event_close(&e);
        }
        now = clock_monotonic_ms();
    } while (now - start < ms);
    return (struct measured){(double)done * 1000 / (double)(now - start),
                             (double)hit_count / (double)done};
}

static void
bench(size_t count, bool is_json, int64_t ms)
{
    struct event_index *x;
    struct err err = {""};
    int64_t start = clock_monotonic_ms(), made;
    struct measured indexed, each;

    if (event_index_make((const struct event_filter *const *)filters, count, &x, &err) != ST_OK)
        die("index", &err);
    made = clock_monotonic_ms() - start;
    indexed = measure(INDEXED, count, x, ms);
    each = measure(EACH, count, x, ms);
    event_index_free(x);
    if (is_json)
        printf(
            "{\"filters\":%zu,\"indexed_per_s\":%.0f,\"each_per_s\":%.0f,\"hits_per_event\":%.3f,"
            "\"make_ms\":%lld}\n",
            count, indexed.events_per_s, each.events_per_s, indexed.hits_per_event,
            (long long)made);
    else
        printf(
            "%6zu filters: %9.0f events/s with the index, %9.0f asking each; %.3f hits per event; "
            "index made in %lld ms\n",
            count, indexed.events_per_s, each.events_per_s, indexed.hits_per_event,
            (long long)made);
}

int
main(int argc, char **argv)
{
    static const size_t counts[] = {10, 100, 1000, 10000};
    bool is_json = false;
    int64_t ms = 500;
    size_t bytes = 0;
    struct measured open_only;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            is_json = true;
        else if (strcmp(argv[i], "--ms") == 0 && i + 1 < argc)
            ms = strtol(argv[++i], NULL, 10);
    }
    for (size_t i = 0; i < FILTERS_MAX; i++)
        make_filter(i);
    for (size_t i = 0; i < EVENTS; i++) {
        make_event(i);
        bytes += strlen(texts[i]);
    }
    open_only = measure(OPEN_ONLY, 0, NULL, ms);
    if (is_json)
        printf("{\"filters\":0,\"open_per_s\":%.0f,\"event_size\":%zu}\n", open_only.events_per_s,
               bytes / EVENTS);
    else
        printf("  only opened: %9.0f events/s of %zu bytes\n", open_only.events_per_s,
               bytes / EVENTS);
    for (size_t i = 0; i < COUNT_OF(counts); i++)
        bench(counts[i], is_json, ms);
    for (size_t i = 0; i < FILTERS_MAX; i++) {
        event_filter_free(filters[i]);
        rule_sets_free(rules[i]);
    }
    for (size_t i = 0; i < EVENTS; i++)
        free(texts[i]);
    return 0;
}
