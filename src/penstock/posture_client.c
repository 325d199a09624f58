#include "penstock/posture_client.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

const struct posture_view posture_views[] = {
    {"assessments",
     "2021-06-01",                            false,
     false,                                                 "states of resources for recommendations",
     {{"RESOURCE", "scope"},
      {"RECOMMENDATION", "properties.displayName"},
      {"STATE", "properties.status.code"},
      {"SINCE", "properties.status.statusChangeDate"}}                                                                            },
    {"subAssessments",
     "2019-01-01-preview",                    false,
     false,                                                 "findings",
     {{"RESOURCE", "scope"},
      {"FINDING", "properties.displayName"},
      {"SEVERITY", "properties.status.severity"},
      {"STATE", "properties.status.code"}}                                                                                        },
    {"assessmentMetadata",
     "2021-06-01",                            false,
     true,                                                  "what is recommended, and how severe it is",
     {{"NAME", "name"},
      {"RECOMMENDATION", "properties.displayName"},
      {"SEVERITY", "properties.severity"},
      {"TYPE", "properties.assessmentType"}}                                                                                      },
    {"alerts",
     "2022-01-01",                            false,
     false,                                                 "security alerts",
     {{"NAME", "name"},
      {"SEVERITY", "properties.severity"},
      {"STATUS", "properties.status"},
      {"TITLE", "properties.alertDisplayName"},
      {"TIME", "properties.timeGeneratedUtc"}}                                                                                    },
    {"secureScores",
     "2020-01-01",                            false,
     false,                                                 "the score of the subscription",
     {{"NAME", "name"},
      {"CURRENT", "properties.score.current"},
      {"MAX", "properties.score.max"},
      {"PART", "properties.score.percentage"},
      {"WEIGHT", "properties.weight"}}                                                                                            },
    {"secureScoreControls",
     "2020-01-01",                            false,
     false,                                                 "what the score is made of",
     {{"CONTROL", "properties.displayName"},
      {"CURRENT", "properties.score.current"},
      {"MAX", "properties.score.max"},
      {"HEALTHY", "properties.healthyResourceCount"},
      {"UNHEALTHY", "properties.unhealthyResourceCount"}}                                                                         },
    {"secureScoreControlDefinitions",
     "2020-01-01",                            false,
     true,                                                  "the controls' points",
     {{"NAME", "name"}, {"CONTROL", "properties.displayName"}, {"MAX", "properties.maxScore"}}                                    },
    {"regulatoryComplianceStandards",
     "2019-01-01-preview",                    false,
     false,                                                 "standards and their states",
     {{"STANDARD", "name"},
      {"STATE", "properties.state"},
      {"PASSED", "properties.passedControls"},
      {"FAILED", "properties.failedControls"}}                                                                                    },
    {"regulatoryComplianceControls",
     "2019-01-01-preview",                    true,
     false,                                                 "controls of a standard, which --scope names",
     {{"CONTROL", "name"},
      {"DESCRIPTION", "properties.description"},
      {"STATE", "properties.state"},
      {"PASSED", "properties.passedAssessments"},
      {"FAILED", "properties.failedAssessments"}}                                                                                 },
    {"regulatoryComplianceAssessments",
     "2019-01-01-preview",                    true,
     false,                                                 "recommendations under a control, which --scope names",
     {{"NAME", "name"},
      {"DESCRIPTION", "properties.description"},
      {"STATE", "properties.state"},
      {"PASSED", "properties.passedResources"},
      {"FAILED", "properties.failedResources"}}                                                                                   },
    {"attackPaths",
     "2023-12-01-preview",                    false,
     false,                                                 "ways to what matters",
     {{"NAME", "name"}, {"RISK", "properties.riskLevel"}, {"TITLE", "properties.displayName"}}                                    },
    {"alertsSuppressionRules",
     "2019-01-01-preview",                    false,
     false,                                                 "which alerts are kept as dismissed",
     {{"NAME", "name"},
      {"ALERT TYPE", "properties.alertType"},
      {"STATE", "properties.state"},
      {"UNTIL", "properties.expirationDateUtc"}}                                                                                  },
    {NULL,                              NULL, false, false, NULL,                                                   {{NULL, NULL}}},
};

const struct posture_view *
posture_view_find(const char *type)
{
    for (const struct posture_view *v = posture_views; v->type != NULL; v++)
        if (strcasecmp(v->type, type) == 0)
            return v;
    return NULL;
}

/* ---- which subscription ---- */

int
posture_subscription(struct client *c, const char *given, char out[37])
{
    const char *only = NULL;
    json_t *all = NULL;

    if (given == NULL || given[0] == '\0')
        given = getenv("PENSTOCK_SUBSCRIPTION");
    if (given != NULL && given[0] != '\0') {
        if (guid_copy(span_of(given), out))
            return CLIENT_DONE;
        return client_usage_error(c->command, "the subscription '%.60s' is no GUID", given);
    }
    int code = posture_list_all(c, "/subscriptions?api-version=2022-12-01", 100, &all);

    if (code == CLIENT_DONE && json_array_size(all) == 1)
        only = json_string_value(json_object_get(json_array_get(all, 0), "subscriptionId"));
    if (code == CLIENT_DONE && (only == NULL || !guid_copy(span_of(only), out))) {
        code =
            client_usage_error(c->command, "there are %zu subscriptions: say --subscription GUID",
                               json_array_size(all));
        for (size_t i = 0; i < json_array_size(all); i++) {
            const json_t *one = json_array_get(all, i);
            char room[2][40];

            fprintf(stderr, "  %s  %s\n", posture_text_at(one, "subscriptionId", room[0]),
                    posture_text_at(one, "displayName", room[1]));
        }
    }
    json_decref(all);
    return code;
}

/* ---- lists ---- */

bool
posture_path_add(char path[POSTURE_PATH_SIZE], const char *id)
{
    while (*id != '\0') {
        size_t n = strlen(path), segment = strcspn(id, "/");
        char plain[1024];

        if (segment >= sizeof plain || n + 2 > POSTURE_PATH_SIZE)
            return false;
        memcpy(plain, id, segment);
        plain[segment] = '\0';
        if (!client_encode(plain, path + n, POSTURE_PATH_SIZE - n))
            return false;
        id += segment;
        n = strlen(path);
        if (*id == '/') {
            if (n + 2 > POSTURE_PATH_SIZE)
                return false;
            path[n] = '/';
            path[n + 1] = '\0';
            id++;
        }
    }
    return true;
}

/* Path and query of an absolute URL. */
static const char *
path_of(const char *url)
{
    const char *at = url == NULL ? NULL : strstr(url, "://");

    return at == NULL ? url : strchr(at + 3, '/');
}

int
posture_list_all(struct client *c, const char *path, size_t count_max, json_t **all)
{
    char *next = strdup(path), tenant[sizeof c->tenant];
    int code = CLIENT_DONE;

    *all = json_array();
    snprintf(tenant, sizeof tenant, "%s", c->tenant);
    while (next != NULL && code == CLIENT_DONE && json_array_size(*all) < count_max) {
        json_t *answer = NULL;

        code = client_call(c, "GET", next, NULL, &answer);
        if (code == CLIENT_DONE)
            json_array_extend(*all, json_object_get(answer, "value"));
        const char *link = path_of(json_string_value(json_object_get(answer, "nextLink")));

        free(next);
        next = link == NULL ? NULL : strdup(link);
        c->tenant[0] = '\0'; /* it is in the link */
        json_decref(answer);
    }
    free(next);
    snprintf(c->tenant, sizeof c->tenant, "%s", tenant);
    while (json_array_size(*all) > count_max)
        json_array_remove(*all, json_array_size(*all) - 1);
    return code;
}

/* ---- for people ---- */

const char *
posture_text_at(const json_t *object, const char *path, char room[40])
{
    while (object != NULL && path != NULL) {
        size_t n = strcspn(path, ".");
        char name[80];

        snprintf(name, sizeof name, "%.*s", (int)n, path);
        object = json_object_get(object, name);
        path = path[n] == '\0' ? NULL : path + n + 1;
    }
    if (json_is_string(object))
        return json_string_value(object);
    room[0] = '\0';
    if (json_is_integer(object))
        snprintf(room, 40, "%lld", (long long)json_integer_value(object));
    else if (json_is_real(object))
        snprintf(room, 40, "%g", json_real_value(object));
    else if (json_is_boolean(object))
        return json_is_true(object) ? "yes" : "no";
    return room;
}

/* The id before its Microsoft.Security part, without the subscription, which is the same everywhere. */
static const char *
scope_text(const json_t *resource, char room[1024])
{
    const char *id = json_string_value(json_object_get(resource, "id"));
    const char *end = id == NULL ? NULL : strcasestr(id, "/providers/Microsoft.Security/");

    if (end == NULL)
        return "";
    if (strncasecmp(id, "/subscriptions/", 15) == 0 && end - id >= 51)
        id += 51;
    if (strncasecmp(id, "/resourceGroups/", 16) == 0)
        id += 16;
    snprintf(room, 1024, "%.*s", end > id ? (int)(end - id) : 0, end > id ? id : "");
    return room[0] == '\0' ? "(subscription)" : room;
}

void
posture_print(const struct posture_view *v, const json_t *all)
{
    size_t columns = 0, count = json_array_size(all), i;
    const json_t *one;

    while (columns < COUNT_OF(v->columns) && v->columns[columns].title != NULL)
        columns++;
    const char **cells = calloc((count + 1) * columns, sizeof *cells);
    char(*rooms)[40] = calloc((count + 1) * columns, sizeof *rooms);
    char(*scopes)[1024] = calloc(count + 1, sizeof *scopes);

    if (cells != NULL && rooms != NULL && scopes != NULL) {
        for (size_t k = 0; k < columns; k++)
            cells[k] = v->columns[k].title;
        json_array_foreach((json_t *)(uintptr_t)all, i, one) for (size_t k = 0; k < columns; k++)
        {
            size_t at = (i + 1) * columns + k;
            const char *path = v->columns[k].path;

            cells[at] = strcmp(path, "scope") == 0 ? scope_text(one, scopes[i])
                                                   : posture_text_at(one, path, rooms[at]);
        }
        client_print_table(cells, count + 1, columns);
    }
    free(cells);
    free(rooms);
    free(scopes);
}
