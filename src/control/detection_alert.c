/* detection_alert.c - what a rule's alert is to say: the member detectionAction. */
#include "control/detection_inner.h"
#include <ctype.h>
#include <strings.h>

#define TEMPLATE DETECTION_TEMPLATE

/* The tactics of ATT&CK, then the service's own. */
static const char *const categories[] = {
    "InitialAccess",  "Execution",           "Persistence",       "PrivilegeEscalation",
    "DefenseEvasion", "CredentialAccess",    "Discovery",         "LateralMovement",
    "Collection",     "Exfiltration",        "CommandAndControl", "Impact",
    "Reconnaissance", "ResourceDevelopment", "Exploit",           "Malware",
    "Ransomware",     "SuspiciousActivity",  "UnwantedSoftware",  NULL,
};

static const char *const device_identifiers[] = {
    "deviceId", "deviceName", "remoteDeviceName", "targetDeviceName", "destinationDeviceName",
    NULL};
/* The last three are ours: columns of many tables that the service's list forgot. */
static const char *const user_identifiers[] = {"accountObjectId",
                                               "accountSid",
                                               "accountUpn",
                                               "accountName",
                                               "accountDomain",
                                               "accountId",
                                               "requestAccountSid",
                                               "requestAccountName",
                                               "requestAccountDomain",
                                               "recipientObjectId",
                                               "processAccountObjectId",
                                               "initiatingAccountSid",
                                               "initiatingProcessAccountUpn",
                                               "initiatingAccountName",
                                               "initiatingAccountDomain",
                                               "servicePrincipalId",
                                               "servicePrincipalName",
                                               "targetAccountUpn",
                                               "initiatingProcessAccountSid",
                                               "initiatingProcessAccountName",
                                               "initiatingProcessAccountObjectId",
                                               NULL};
static const char *const mailbox_identifiers[] = {"accountUpn",
                                                  "fileOwnerUpn",
                                                  "initiatingProcessAccountUpn",
                                                  "targetAccountUpn",
                                                  "senderFromAddress",
                                                  "lastModifyingAccountUpn",
                                                  "senderDisplayName",
                                                  "recipientEmailAddress",
                                                  "senderMailFromAddress",
                                                  NULL};

static const struct asset_row {
    const char *type;
    const char *const *identifiers;
} asset_rows[] = {
    {"#microsoft.graph.security.impactedDeviceAsset",  device_identifiers },
    {"#microsoft.graph.security.impactedUserAsset",    user_identifiers   },
    {"#microsoft.graph.security.impactedMailboxAsset", mailbox_identifiers},
};

static void
check_placeholders(struct reading *r, const char *text, const char *name)
{
    struct span seen[DETECTION_PLACEHOLDERS_MAX], column;
    size_t count = 0, size;
    char target[200];

    detection_place(target, TEMPLATE, name);
    for (size_t at = 0; detection_placeholder(span_of(text), &at, &size, &column); at += size) {
        bool is_seen = false;

        for (size_t i = 0; i < count; i++)
            is_seen |= span_equal(seen[i], column);
        if (!is_seen && count == DETECTION_PLACEHOLDERS_MAX) {
            detection_fault(r->f, "TooMany", target, "it names more than %d columns",
                            DETECTION_PLACEHOLDERS_MAX);
            return;
        }
        if (!is_seen)
            seen[count++] = column;
    }
}

static bool
is_technique(const char *text)
{
    size_t n = strlen(text);

    if ((n != 5 && n != 9) || toupper((unsigned char)text[0]) != 'T' || (n == 9 && text[5] != '.'))
        return false;
    for (size_t i = 1; i < n; i++)
        if (i != 5 && !isdigit((unsigned char)text[i]))
            return false;
    return true;
}

static void
read_techniques(struct reading *r, const json_t *template, json_t *to)
{
    const json_t *list =
        detection_take_array(r, template, "mitreTechniques", DETECTION_TECHNIQUES_MAX);
    json_t *kept = json_array();
    char target[200], text[12];

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *given = json_string_value(json_array_get(list, i));

        if (given == NULL || !is_technique(given)) {
            snprintf(target, sizeof target, TEMPLATE ".mitreTechniques[%zu]", i);
            detection_fault(r->f, "InvalidValue", target,
                            "it is no technique's id, such as T1059 or T1059.001");
            continue;
        }
        snprintf(text, sizeof text, "%s", given);
        text[0] = 'T';
        json_array_append_new(kept, json_string(text));
        r->x->techniques[r->x->technique_count++] =
            json_string_value(json_array_get(kept, json_array_size(kept) - 1));
    }
    r->is_spent |= json_object_set_new(to, "mitreTechniques", kept) != 0;
}

static void
read_asset(struct reading *r, const json_t *item, size_t i, json_t *kept)
{
    static const char *const known[] = {"identifier", NULL};
    const char *type = json_string_value(json_object_get(item, "@odata.type"));
    const char *identifier = json_string_value(json_object_get(item, "identifier"));
    struct detection_asset *asset = &r->x->assets[r->x->asset_count];
    char place[120], target[200];
    int row = -1, found;
    json_t *made;

    snprintf(place, sizeof place, TEMPLATE ".impactedAssets[%zu]", i);
    if (!json_is_object(item)) {
        detection_fault(r->f, "InvalidType", place, "it must be an object");
        return;
    }
    detection_members(r, item, place, known);
    for (size_t k = 0; type != NULL && k < COUNT_OF(asset_rows); k++)
        if (strcasecmp(type, asset_rows[k].type) == 0 ||
            strcasecmp(type, asset_rows[k].type + 1) == 0)
            row = (int)k;
    if (row < 0) {
        detection_place(target, place, "@odata.type");
        detection_fault(r->f, type == NULL ? "MissingProperty" : "InvalidValue", target,
                        "it must be %s, %s or %s", asset_rows[0].type, asset_rows[1].type,
                        asset_rows[2].type);
        return;
    }
    detection_place(target, place, "identifier");
    if (identifier == NULL) {
        detection_fault(r->f, "MissingProperty", target,
                        "it must name the column that tells the asset, such as %s",
                        asset_rows[row].identifiers[0]);
        return;
    }
    found = detection_choose(r, target, identifier, asset_rows[row].identifiers);
    if (found < 0)
        return;
    made = json_pack("{s:s, s:s}", "@odata.type", asset_rows[row].type, "identifier",
                     asset_rows[row].identifiers[found]);
    r->is_spent |= json_array_append_new(kept, made) != 0;
    asset->kind = (enum detection_asset_kind)row;
    asset->identifier = asset_rows[row].identifiers[found];
    snprintf(asset->column, sizeof asset->column, "%s", asset->identifier);
    asset->column[0] = (char)toupper((unsigned char)asset->column[0]);
    r->x->asset_count++;
}

static void
read_assets(struct reading *r, const json_t *template, json_t *to)
{
    const json_t *list = detection_take_array(r, template, "impactedAssets", DETECTION_ASSETS_MAX);
    json_t *kept = json_array();

    if (json_array_size(list) == 0 && (list != NULL || r->f->count == 0))
        detection_fault(r->f, "MissingProperty", TEMPLATE ".impactedAssets",
                        "a rule names at least one impacted asset");
    for (size_t i = 0; i < json_array_size(list); i++)
        read_asset(r, json_array_get(list, i), i, kept);
    r->is_spent |= json_object_set_new(to, "impactedAssets", kept) != 0;
}

static void
read_details(struct reading *r, const json_t *template, json_t *to)
{
    const json_t *object = json_object_get(template, "customDetails");
    char target[200];
    const char *label;
    json_t *value, *kept = json_object();

    if (object != NULL && !json_is_null(object) && !json_is_object(object))
        detection_fault(r->f, "InvalidType", TEMPLATE ".customDetails",
                        "it must be an object of labels and columns");
    else if (json_object_size(object) > DETECTION_DETAILS_MAX)
        detection_fault(r->f, "TooMany", TEMPLATE ".customDetails",
                        "it has %zu members and may have %d", json_object_size(object),
                        DETECTION_DETAILS_MAX);
    else if (json_is_object(object))
        json_object_foreach((json_t *)object, label, value)
        {
            const char *column = json_string_value(value);
            size_t n = column == NULL ? 0 : strlen(column);

            if (label[0] == '@')
                continue;
            if (n == 0 || n > DETECTION_COLUMN_MAX || strlen(label) > DETECTION_COLUMN_MAX ||
                label[0] == '\0') {
                detection_place(target, TEMPLATE ".customDetails", detection_quote(label).text);
                detection_fault(
                    r->f, "InvalidValue", target,
                    "it must be the name of a column; label and name have 1 to %d bytes",
                    DETECTION_COLUMN_MAX);
                continue;
            }
            r->is_spent |= json_object_set_new(kept, label, json_string(column)) != 0;
        }
    json_object_foreach(kept, label, value)
    {
        r->x->details[r->x->detail_count++] =
            (struct detection_detail){label, json_string_value(value)};
    }
    r->is_spent |= json_object_set_new(to, "customDetails", kept) != 0;
}

static void
read_template(struct reading *r, const json_t *action, json_t *to)
{
    static const char *const known[] = {"title",          "description",        "severity",
                                        "category",       "recommendedActions", "mitreTechniques",
                                        "impactedAssets", "customDetails",      NULL};
    const json_t *template =
        detection_take_object(r, action, "detectionAction", "alertTemplate", true);
    struct detection *x = r->x;
    const char *text;
    int i;

    if (template == NULL)
        return;
    detection_members(r, template, TEMPLATE, known);
    x->title = detection_take_text(r, template, TEMPLATE, "title", DETECTION_TITLE_MAX, true, to);
    x->description = detection_take_text(r, template, TEMPLATE, "description",
                                         DETECTION_DESCRIPTION_MAX, false, to);
    if (x->description == NULL)
        x->description = "";
    if (x->title != NULL)
        check_placeholders(r, x->title, "title");
    check_placeholders(r, x->description, "description");
    text = detection_take_text(r, template, TEMPLATE, "severity", 32, true, to);
    i = text == NULL ? -1
                     : detection_choose(r, TEMPLATE ".severity", text, detection_severity_names);
    if (i >= 0) {
        x->severity = (enum detection_severity)i;
        json_object_set_new(to, "severity", json_string(detection_severity_names[i]));
    }
    text = detection_take_text(r, template, TEMPLATE, "category", 64, true, to);
    i = text == NULL ? -1 : detection_choose(r, TEMPLATE ".category", text, categories);
    if (i >= 0) {
        x->category = categories[i];
        json_object_set_new(to, "category", json_string(categories[i]));
    }
    x->recommended = detection_take_text(r, template, TEMPLATE, "recommendedActions",
                                         DETECTION_ACTIONS_MAX, false, to);
    if (x->recommended == NULL)
        json_object_set_new(to, "recommendedActions", json_null());
    read_techniques(r, template, to);
    read_assets(r, template, to);
    read_details(r, template, to);
}

void
detection_read_action(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"alertTemplate", "organizationalScope", "responseActions",
                                        NULL};
    const json_t *action = detection_take_object(r, body, "", "detectionAction", true);
    json_t *template = json_object();
    const json_t *other;

    if (action != NULL) {
        detection_members(r, action, "detectionAction", known);
        read_template(r, action, template);
        other = json_object_get(action, "organizationalScope");
        if (other != NULL && !json_is_null(other))
            detection_fault(
                r->f, "NotSupported", "detectionAction.organizationalScope",
                "a rule here is for its whole tenant: leave it out, and narrow the query");
        other = json_object_get(action, "responseActions");
        if (other != NULL && !json_is_null(other) && !json_is_array(other))
            detection_fault(r->f, "InvalidType", "detectionAction.responseActions",
                            "it must be an array");
        else if (json_array_size(other) > 0)
            detection_fault(r->f, "NotSupported", "detectionAction.responseActions",
                            "penstock takes no actions on devices or mailboxes: leave it empty; an "
                            "automation can tell others of the alert");
    }
    json_object_set_new(to, "detectionAction",
                        json_pack("{s:o, s:n, s:[]}", "alertTemplate", template,
                                  "organizationalScope", "responseActions"));
}
