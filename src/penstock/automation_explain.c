#include "penstock/automation_explain.h"
#include "control/automation.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

static const char *
text_at(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static bool
ends_with(const char *text, const char *end)
{
    size_t n = text == NULL ? 0 : strlen(text), m = strlen(end);

    return n >= m && strcasecmp(text + n - m, end) == 0;
}

/* The source whose documents look like this one. */
static bool
source_guess(const json_t *event, enum event_source *source)
{
    static const struct {
        const char *end;
        enum event_source source;
    } types[] = {
        {"/subAssessments",                  EVENT_SUB_ASSESSMENTS      },
        {"/regulatoryComplianceAssessments", EVENT_COMPLIANCE           },
        {"/secureScoreControls",             EVENT_SECURE_SCORE_CONTROLS},
        {"/secureScores",                    EVENT_SECURE_SCORES        },
        {"/assessments",                     EVENT_ASSESSMENTS          },
        {"/attackPaths",                     EVENT_ATTACK_PATHS         },
    };
    const char *type = text_at(event, "type");
    bool is_snapshot = json_is_true(
        json_object_get(json_object_get(event, "securityEventDataEnrichment"), "isSnapshot"));
    size_t i = 0;

    if (type == NULL)
        type = text_at(event, "Type");
    if (json_object_get(event, "attackPath") != NULL) {
        *source = EVENT_ATTACK_PATHS;
    } else if (json_object_get(event, "SystemAlertId") != NULL ||
               json_object_get(event, "AlertType") != NULL) {
        *source = EVENT_ALERTS;
        return true;
    } else {
        while (i < COUNT_OF(types) && !ends_with(type, types[i].end))
            i++;
        if (i == COUNT_OF(types))
            return false;
        *source = types[i].source;
    }
    for (size_t k = 0; is_snapshot && k < EVENT_SOURCES; k++)
        if (event_source_rows[k].is_snapshot && event_source_rows[k].streaming == *source) {
            *source = (enum event_source)k;
            break;
        }
    return true;
}

/* "/subscriptions/S" or "/subscriptions/S/resourcegroups/RG" of an id, lower case; "" if it has none. */
static void
scope_of(const char *id, char out[ARM_ID_MAX + 1])
{
    size_t n = 0, slashes = 0;

    out[0] = '\0';
    if (id == NULL || strncasecmp(id, "/subscriptions/", 15) != 0)
        return;
    for (; id[n] != '\0' && n < ARM_ID_MAX; n++) {
        slashes += id[n] == '/';
        if (slashes == 5 ||
            (slashes == 3 && id[n] == '/' && strncasecmp(id + n, "/resourceGroups/", 16) != 0))
            break;
        out[n] = id[n] >= 'A' && id[n] <= 'Z' ? (char)(id[n] + 32) : id[n];
    }
    out[n] = '\0';
}

static void
scope_guess(const json_t *event, char out[ARM_ID_MAX + 1])
{
    const json_t *properties = json_object_get(event, "properties");
    const char *id = text_at(event, "AzureResourceId");

    if (id == NULL)
        id = text_at(json_object_get(properties, "resourceDetails"), "id");
    if (id == NULL)
        id = text_at(event, "id");
    if (id == NULL)
        id = text_at(json_object_get(event, "attackPath"), "id");
    scope_of(id, out);
}

/* The subscription that the automation would lie in: of its id, else of its first scope. */
static void
place_guess(const json_t *automation, char subscription[37], char id[200])
{
    const char *from = text_at(automation, "id");

    if (from == NULL)
        from = text_at(
            json_array_get(json_object_get(json_object_get(automation, "properties"), "scopes"), 0),
            "scopePath");
    if (from == NULL || strlen(from) < 51 || !guid_copy((struct span){from + 15, 36}, subscription))
        snprintf(subscription, 37, "00000000-0000-0000-0000-000000000000");
    snprintf(id, 200,
             "/subscriptions/%s/resourceGroups/test/providers/Microsoft.Security/automations/test",
             subscription);
}

static enum status
explain(const struct automation *x, struct span event, enum event_source source, const char *scope,
        json_t **result, struct err *err)
{
    struct event_filter *filter = NULL;
    struct event e;
    enum status st = automation_filter(x, &filter, err);

    if (st == ST_OK)
        st = event_open_text(&e, source, span_of(scope), event, err);
    if (st == ST_OK) {
        json_t *found = event_filter_explain(filter, &e);

        *result = json_pack("{s:b, s:s, s:s}", "enabled", x->is_enabled, "source",
                            event_source_rows[source].name, "scope", scope);
        if (found != NULL && *result != NULL)
            json_object_set_new(*result, "filter", found);
        else
            st = err_set(err, ST_FULL, "no memory");
        event_close(&e);
    }
    event_filter_free(filter);
    return st;
}

enum status
automation_explain(const json_t *automation, struct span event, const char *source,
                   const char *scope, json_t **result, struct err *err)
{
    struct automation_faults faults = {.count = 0};
    struct automation_place place = {.tenant = "", .group = "test", .name = "test"};
    char subscription[37], id[200], scope_text[ARM_ID_MAX + 1];
    struct automation x;
    enum event_source which;
    json_t *document = json_loadb(event.p, event.n, 0, NULL);
    enum status st;

    *result = NULL;
    if (!json_is_object(document)) {
        json_decref(document);
        return err_set(err, ST_INVALID, "the event is no JSON object");
    }
    if (source != NULL ? !event_source_find(span_of(source), &which)
                       : !source_guess(document, &which)) {
        json_decref(document);
        return source != NULL
                   ? err_set(err, ST_INVALID, "'%.60s' is no event source", source)
                   : err_set(err, ST_INVALID,
                             "the event does not tell its source: name it with --source");
    }
    if (scope != NULL)
        scope_of(scope, scope_text);
    else
        scope_guess(document, scope_text);
    json_decref(document);
    if (scope_text[0] == '\0')
        return err_set(err, ST_INVALID,
                       "the event does not tell its scope: name the resource's id with --scope");
    place_guess(automation, subscription, id);
    place.subscription = subscription;
    place.id = id;
    st = automation_read(&place, automation, "nowhere", false, &x, &faults, err);
    if (st == ST_OK)
        st = explain(&x, event, which, scope_text, result, err);
    automation_free(&x);
    automation_faults_free(&faults);
    return st;
}

/* ---- for people ---- */

static void
rules_print(const json_t *sets)
{
    const json_t *set, *rule;
    size_t i, k;

    json_array_foreach(sets, i, set)
    {
        printf("    rule set %zu: %s\n", i + 1,
               json_is_true(json_object_get(set, "passes")) ? "passes" : "does not pass");
        json_array_foreach(json_object_get(set, "rules"), k, rule)
        {
            const char *why = text_at(rule, "why");

            printf("      %s %s %s '%s'%s%s\n",
                   json_is_true(json_object_get(rule, "passes")) ? "+" : "-",
                   text_at(rule, "propertyJPath"), text_at(rule, "operator"),
                   text_at(rule, "expectedValue"), why != NULL && why[0] != '\0' ? ": " : "",
                   why != NULL ? why : "");
        }
    }
}

void
automation_explain_print(const json_t *result)
{
    const json_t *filter = json_object_get(result, "filter"), *source;
    const json_t *scope = json_object_get(filter, "scope");
    bool matches = json_is_true(json_object_get(filter, "matches"));
    size_t i;

    printf("%s: %s event of %s\n", matches ? "matches" : "does not match",
           text_at(result, "source"), text_at(result, "scope"));
    if (text_at(filter, "why") != NULL)
        printf("  %s\n", text_at(filter, "why"));
    if (!json_is_true(json_object_get(result, "enabled")))
        printf("  the automation is disabled: nothing would be sent\n");
    printf("  scope: %s%s%s\n",
           json_is_true(json_object_get(scope, "matches")) ? "within" : "outside",
           text_at(scope, "why") != NULL ? ": " : "",
           text_at(scope, "why") != NULL ? text_at(scope, "why") : "");
    json_array_foreach(json_object_get(filter, "sources"), i, source)
    {
        printf("  source %s: %s%s%s\n", text_at(source, "eventSource"),
               json_is_true(json_object_get(source, "matches")) ? "matches" : "does not match",
               text_at(source, "why") != NULL ? ": " : "",
               text_at(source, "why") != NULL ? text_at(source, "why") : "");
        rules_print(json_object_get(source, "ruleSets"));
    }
}
