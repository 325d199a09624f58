#include "penstock/arm_client.h"
#include "penstock/posture_client.h"
#include <strings.h>

int
arm_client_automation(struct client *c, const char *word, const char *subscription,
                      const char *group, char out[POSTURE_PATH_SIZE])
{
    const char *slash = strchr(word, '/');
    char guid[37], id[2100];
    int code;

    out[0] = '\0';
    if (word[0] == '/') {
        if (strcasestr(word, "/providers/Microsoft.Security/automations/") == NULL ||
            !posture_path_add(out, word))
            return client_usage_error(c->command, "'%.80s' is no id of an automation", word);
        return CLIENT_DONE;
    }
    if (slash == NULL && group == NULL)
        return client_usage_error(
            c->command, "in which resource group is '%.60s'? GROUP/NAME, or --group", word);
    code = posture_subscription(c, subscription, guid);
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
    if (!posture_path_add(out, id))
        return client_usage_error(c->command, "the name is too long");
    return CLIENT_DONE;
}
