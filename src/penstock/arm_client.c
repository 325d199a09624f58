#include "penstock/arm_client.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

int
arm_client_subscription(struct client *c, const char *given, char out[37])
{
    json_t *answer = NULL;
    const json_t *list;
    int code;

    if (given == NULL)
        given = getenv("PENSTOCK_SUBSCRIPTION");
    if (given == NULL && c->tenant[0] != '\0')
        given = c->tenant; /* each tenant has one of its own id */
    if (given != NULL && strncasecmp(given, "/subscriptions/", 15) == 0)
        given += 15;
    if (given != NULL)
        return guid_copy(span_of(given), out)
                   ? CLIENT_DONE
                   : client_usage_error(c->command, "--subscription %.60s is no GUID", given);
    code = client_call(c, "GET", "/subscriptions?api-version=" ARM_CLIENT_INVENTORY_VERSION, NULL,
                       &answer);
    list = json_object_get(answer, "value");
    if (code == CLIENT_DONE && json_array_size(list) != 1)
        code = client_usage_error(c->command,
                                  "there are %zu subscriptions: say which with --subscription, or "
                                  "whose with --tenant; see: penstock subscription list",
                                  json_array_size(list));
    else if (code == CLIENT_DONE)
        snprintf(out, 37, "%s",
                 json_string_value(json_object_get(json_array_get(list, 0), "subscriptionId")));
    json_decref(answer);
    return code;
}

/* Copies a path, each segment encoded. */
static bool
path_encode(const char *id, char *out, size_t room)
{
    size_t used = 0;

    while (*id != '\0') {
        size_t n = strcspn(id, "/");
        char segment[600], encoded[1900];

        if (n >= sizeof segment || used + 2 > room)
            return false;
        if (*id == '/') {
            out[used++] = *id++;
            continue;
        }
        snprintf(segment, sizeof segment, "%.*s", (int)n, id);
        if (!client_encode(segment, encoded, sizeof encoded) || used + strlen(encoded) >= room)
            return false;
        used += (size_t)snprintf(out + used, room - used, "%s", encoded);
        id += n;
    }
    out[used] = '\0';
    return used > 0;
}

int
arm_client_automation(struct client *c, const char *word, const char *subscription,
                      const char *group, char *out, size_t room)
{
    const char *slash = strchr(word, '/');
    char guid[37], id[2100];
    int code;

    if (word[0] == '/') {
        if (strcasestr(word, "/providers/Microsoft.Security/automations/") == NULL ||
            !path_encode(word, out, room))
            return client_usage_error(c->command, "'%.80s' is no id of an automation", word);
        return CLIENT_DONE;
    }
    if (slash == NULL && group == NULL)
        return client_usage_error(
            c->command, "in which resource group is '%.60s'? GROUP/NAME, or --group", word);
    code = arm_client_subscription(c, subscription, guid);
    if (code != CLIENT_DONE)
        return code;
    if (slash != NULL && strchr(slash + 1, '/') != NULL)
        return client_usage_error(c->command, "'%.80s' is not GROUP/NAME", word);
    if (slash != NULL)
        snprintf(
            id, sizeof id,
            "/subscriptions/%s/resourceGroups/%.*s/providers/Microsoft.Security/automations/%s",
            guid, (int)(slash - word), word, slash + 1);
    else
        snprintf(id, sizeof id,
                 "/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Security/automations/%s",
                 guid, group, word);
    if (!path_encode(id, out, room))
        return client_usage_error(c->command, "the name is too long");
    return CLIENT_DONE;
}
