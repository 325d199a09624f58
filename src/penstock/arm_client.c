#include "penstock/arm_client.h"
#include <strings.h>

const struct arm_kind arm_automations = {"Microsoft.Security/automations", "an automation"};
const struct arm_kind arm_collections = {"Microsoft.Insights/dataCollectionRules",
                                         "a data collection rule"};

int
arm_client_path(struct client *c, const struct arm_kind *kind, const char *word,
                const char *subscription, const char *group, char out[POSTURE_PATH_SIZE])
{
    const char *slash = strchr(word, '/');
    char guid[37], id[2100], within[100];
    int code;

    out[0] = '\0';
    if (word[0] == '/') {
        snprintf(within, sizeof within, "/providers/%s/", kind->provider);
        if (strcasestr(word, within) == NULL || !posture_path_add(out, word))
            return client_usage_error(c->command, "'%.80s' is no id of %s", word, kind->noun);
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
    snprintf(id, sizeof id, "/subscriptions/%s/resourceGroups/%.*s/providers/%s/%s", guid,
             slash != NULL ? (int)(slash - word) : (int)strlen(group), slash != NULL ? word : group,
             kind->provider, slash != NULL ? slash + 1 : word);
    if (!posture_path_add(out, id))
        return client_usage_error(c->command, "the name is too long");
    return CLIENT_DONE;
}

int
arm_client_file_path(struct client *c, const struct arm_kind *kind, const char *word,
                     const json_t *file, const char *subscription, const char *group,
                     char out[POSTURE_PATH_SIZE])
{
    if (word == NULL)
        word = client_text_at(file, "id");
    if (word == NULL)
        word = client_text_at(file, "name");
    if (word == NULL)
        return client_usage_error(c->command,
                                  "the file does not name %s (id, or name with --group): say "
                                  "GROUP/NAME before it",
                                  kind->noun);
    return arm_client_path(c, kind, word, subscription, group, out);
}

int
arm_client_list(struct client *c, const struct arm_kind *kind, const char *version,
                const char *subscription, const char *group, json_t **all)
{
    char guid[37], path[POSTURE_PATH_SIZE], encoded[300] = "";
    int code = posture_subscription(c, subscription, guid);

    *all = NULL;
    if (code != CLIENT_DONE)
        return code;
    if (group != NULL && !client_encode(group, encoded, sizeof encoded))
        return client_usage_error(c->command, "--group is too long");
    snprintf(path, sizeof path, "/subscriptions/%s%s%s/providers/%s?api-version=%s&$top=1000", guid,
             group == NULL ? "" : "/resourceGroups/", encoded, kind->provider, version);
    return posture_list_all(c, path, SIZE_MAX, all);
}

void
arm_client_group(const char *id, char *out, size_t room)
{
    const char *group = id == NULL ? NULL : strcasestr(id, "/resourceGroups/");

    group = group == NULL ? "" : group + strlen("/resourceGroups/");
    snprintf(out, room, "%.*s", (int)strcspn(group, "/"), group);
}
