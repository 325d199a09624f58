/* detection.c - reading a rule: each member checked where it stands, and a normal form of it made at the same time. */
#include "control/detection.h"
#include "model/arm_id.h"
#include "model/catalog.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define TEMPLATE "detectionAction.alertTemplate"

const char *const detection_severity_names[] = {"informational", "low", "medium", "high", NULL};
const char *const detection_severity_titles[] = {"Informational", "Low", "Medium", "High", NULL};

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

struct reading {
    struct detection *x;
    struct detection_faults *f;
    bool is_spent; /* no memory */
};

/* ---- faults ---- */

void
detection_faults_free(struct detection_faults *f)
{
    json_decref(f->details);
    f->details = NULL;
}

/* Cuts a text that filled its room before a character that is not whole. */
static void
end_whole(char *text, size_t room)
{
    size_t n = strlen(text);

    if (n + 1 < room)
        return;
    while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
        n--;
    if (n > 0 && (unsigned char)text[n - 1] >= 0xc0)
        n--;
    text[n] = '\0';
}

/* What a person wrote, short enough to be repeated to them. */
struct quoted {
    char text[64];
};
static struct quoted
quote(const char *text)
{
    struct quoted q;

    snprintf(q.text, sizeof q.text, "%s", text);
    end_whole(q.text, sizeof q.text);
    return q;
}

void
detection_fault(struct detection_faults *f, const char *code, const char *target,
                const char *format, ...)
{
    char message[600];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    end_whole(message, sizeof message);
    if (f->count++ == 0)
        snprintf(f->first, sizeof f->first, "%s: %s", target, message);
    if (f->details == NULL)
        f->details = json_array();
    if (json_array_size(f->details) < DETECTION_FAULTS_MAX)
        json_array_append_new(f->details, json_pack("{s:s, s:s, s:s}", "code", code, "message",
                                                    message, "target", target));
}

/* ---- members ---- */

/* "0", "5M", "1H", "1D" */
static bool
period_read(const char *text, int64_t *ticks)
{
    char *end;
    unsigned long number;

    if (strcmp(text, "0") == 0) {
        *ticks = 0;
        return true;
    }
    if (!isdigit((unsigned char)text[0]) || strlen(text) > 6)
        return false;
    number = strtoul(text, &end, 10);
    switch (toupper((unsigned char)*end)) {
    case 'M':
        *ticks = (int64_t)number * DETECTION_MINUTE;
        break;
    case 'H':
        *ticks = (int64_t)number * 60 * DETECTION_MINUTE;
        break;
    case 'D':
        *ticks = (int64_t)number * 24 * 60 * DETECTION_MINUTE;
        break;
    default:
        return false;
    }
    return end[1] == '\0' && number > 0;
}

static void
place_of(char out[200], const char *place, const char *name)
{
    snprintf(out, 200, "%s%s%s", place, place[0] == '\0' ? "" : ".", name);
}

/* Members that nobody knows; 'known' ends at NULL. */
static void
check_members(struct reading *r, const json_t *object, const char *place, const char *const *known)
{
    const char *name, *near;
    char target[200];
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        bool is_known = name[0] == '@';

        for (size_t i = 0; known[i] != NULL && !is_known; i++)
            is_known = strcmp(name, known[i]) == 0;
        if (is_known)
            continue;
        near = control_near(name, known);
        place_of(target, place, quote(name).text);
        detection_fault(r->f, "UnknownProperty", target,
                        "a detection rule has no such member%s%s%s",
                        near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                        near != NULL ? "'?" : "");
    }
}

/* A text within bounds, put into 'to'; NULL: not there, or a fault. A null is as if it were not there. */
static const char *
take_text(struct reading *r, const json_t *object, const char *place, const char *name,
          size_t size_max, bool is_needed, json_t *to)
{
    const json_t *value = json_object_get(object, name);
    char target[200];
    const char *text;
    size_t n;

    place_of(target, place, name);
    if (value == NULL || json_is_null(value)) {
        if (is_needed)
            detection_fault(r->f, "MissingProperty", target, "it is needed");
        return NULL;
    }
    text = json_string_value(value);
    if (text == NULL) {
        detection_fault(r->f, "InvalidType", target, "it must be a string");
        return NULL;
    }
    n = json_string_length(value);
    if (n > size_max) {
        detection_fault(r->f, "TooLong", target, "it has %zu bytes and may have %zu", n, size_max);
        return NULL;
    }
    if (is_needed && strspn(text, " \t\r\n") == n) {
        detection_fault(r->f, "MissingProperty", target, "it must not be empty");
        return NULL;
    }
    if (json_object_set_new(to, name, json_stringn(text, n)) != 0) {
        r->is_spent = true;
        return NULL;
    }
    return json_string_value(json_object_get(to, name));
}

/* The object of that name; NULL: not there, or a fault. */
static const json_t *
take_object(struct reading *r, const json_t *object, const char *place, const char *name,
            bool is_needed)
{
    const json_t *value = json_object_get(object, name);
    char target[200];

    place_of(target, place, name);
    if (json_is_object(value))
        return value;
    if (value != NULL && !json_is_null(value))
        detection_fault(r->f, "InvalidType", target, "it must be an object");
    else if (is_needed)
        detection_fault(r->f, "MissingProperty", target, "it is needed");
    return NULL;
}

/* The array of that name within a bound; NULL: not there, or a fault. */
static const json_t *
take_array(struct reading *r, const json_t *object, const char *name, size_t count_max)
{
    const json_t *value = json_object_get(object, name);
    char target[200];

    place_of(target, TEMPLATE, name);
    if (value == NULL || json_is_null(value))
        return NULL;
    if (!json_is_array(value)) {
        detection_fault(r->f, "InvalidType", target, "it must be an array");
        return NULL;
    }
    if (json_array_size(value) > count_max) {
        detection_fault(r->f, "TooMany", target, "it has %zu items and may have %zu",
                        json_array_size(value), count_max);
        return NULL;
    }
    return value;
}

/* Index in 'names', any case; -1: a fault that lists them. */
static int
choose(struct reading *r, const char *target, const char *text, const char *const *names)
{
    char list[600] = "";
    size_t n = 0;

    for (int i = 0; names[i] != NULL; i++)
        if (strcasecmp(text, names[i]) == 0)
            return i;
    for (int i = 0; names[i] != NULL && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ", names[i]);
    detection_fault(r->f, "InvalidValue", target, "'%s' is none of %s", quote(text).text, list);
    return -1;
}

/* ---- the alert ---- */

static void
check_placeholders(struct reading *r, const char *text, const char *name)
{
    struct span seen[DETECTION_PLACEHOLDERS_MAX], column;
    size_t count = 0, size;
    char target[200];

    place_of(target, TEMPLATE, name);
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
    const json_t *list = take_array(r, template, "mitreTechniques", DETECTION_TECHNIQUES_MAX);
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
    check_members(r, item, place, known);
    for (size_t k = 0; type != NULL && k < COUNT_OF(asset_rows); k++)
        if (strcasecmp(type, asset_rows[k].type) == 0 ||
            strcasecmp(type, asset_rows[k].type + 1) == 0)
            row = (int)k;
    if (row < 0) {
        place_of(target, place, "@odata.type");
        detection_fault(r->f, type == NULL ? "MissingProperty" : "InvalidValue", target,
                        "it must be %s, %s or %s", asset_rows[0].type, asset_rows[1].type,
                        asset_rows[2].type);
        return;
    }
    place_of(target, place, "identifier");
    if (identifier == NULL) {
        detection_fault(r->f, "MissingProperty", target,
                        "it must name the column that tells the asset, such as %s",
                        asset_rows[row].identifiers[0]);
        return;
    }
    found = choose(r, target, identifier, asset_rows[row].identifiers);
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
    const json_t *list = take_array(r, template, "impactedAssets", DETECTION_ASSETS_MAX);
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
                place_of(target, TEMPLATE ".customDetails", quote(label).text);
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
    const json_t *template = take_object(r, action, "detectionAction", "alertTemplate", true);
    struct detection *x = r->x;
    const char *text;
    int i;

    if (template == NULL)
        return;
    check_members(r, template, TEMPLATE, known);
    x->title = take_text(r, template, TEMPLATE, "title", DETECTION_TITLE_MAX, true, to);
    x->description =
        take_text(r, template, TEMPLATE, "description", DETECTION_DESCRIPTION_MAX, false, to);
    if (x->description == NULL)
        x->description = "";
    if (x->title != NULL)
        check_placeholders(r, x->title, "title");
    check_placeholders(r, x->description, "description");
    text = take_text(r, template, TEMPLATE, "severity", 32, true, to);
    i = text == NULL ? -1 : choose(r, TEMPLATE ".severity", text, detection_severity_names);
    if (i >= 0) {
        x->severity = (enum detection_severity)i;
        json_object_set_new(to, "severity", json_string(detection_severity_names[i]));
    }
    text = take_text(r, template, TEMPLATE, "category", 64, true, to);
    i = text == NULL ? -1 : choose(r, TEMPLATE ".category", text, categories);
    if (i >= 0) {
        x->category = categories[i];
        json_object_set_new(to, "category", json_string(categories[i]));
    }
    x->recommended =
        take_text(r, template, TEMPLATE, "recommendedActions", DETECTION_ACTIONS_MAX, false, to);
    if (x->recommended == NULL)
        json_object_set_new(to, "recommendedActions", json_null());
    read_techniques(r, template, to);
    read_assets(r, template, to);
    read_details(r, template, to);
}

static void
read_action(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"alertTemplate", "organizationalScope", "responseActions",
                                        NULL};
    const json_t *action = take_object(r, body, "", "detectionAction", true);
    json_t *template = json_object();
    const json_t *other;

    if (action != NULL) {
        check_members(r, action, "detectionAction", known);
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

/* ---- when ---- */

static void
read_schedule(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"period", "frequency", "nextRunDateTime", NULL};
    const json_t *schedule = take_object(r, body, "", "schedule", true);
    json_t *kept = json_object();
    const char *period, *frequency;
    int64_t ticks[2] = {-1, -1};
    char text[16];

    json_object_set_new(to, "schedule", kept);
    r->x->period = -1;
    if (schedule == NULL)
        return;
    check_members(r, schedule, "schedule", known);
    period = take_text(r, schedule, "schedule", "period", 16, false, kept);
    frequency = take_text(r, schedule, "schedule", "frequency", 40, false, kept);
    if (period != NULL && !period_read(period, &ticks[0]))
        detection_fault(r->f, "InvalidValue", "schedule.period",
                        "'%s' is neither 0 (continuous) nor a time like 1H, 3H, 12H, 24H or 5M",
                        quote(period).text);
    if (frequency != NULL && !detection_duration_read(span_of(frequency), &ticks[1]))
        detection_fault(r->f, "InvalidValue", "schedule.frequency",
                        "'%s' is no duration like PT1H or P1D", quote(frequency).text);
    if (period == NULL && frequency == NULL) {
        if (r->f->count == 0 || json_object_get(schedule, "period") == NULL)
            detection_fault(r->f, "MissingProperty", "schedule.period", "it is needed");
        return;
    }
    if ((period != NULL && ticks[0] < 0) || (frequency != NULL && ticks[1] < 0))
        return;
    if (period != NULL && frequency != NULL && ticks[0] != ticks[1]) {
        detection_fault(r->f, "InvalidValue", "schedule.frequency",
                        "it says another time than schedule.period: send one of them");
        return;
    }
    r->x->period = period != NULL ? ticks[0] : ticks[1];
    if (r->x->period != 0 &&
        (r->x->period < DETECTION_PERIOD_MIN || r->x->period > DETECTION_PERIOD_MAX ||
         r->x->period % DETECTION_MINUTE != 0)) {
        detection_fault(r->f, "InvalidValue",
                        period != NULL ? "schedule.period" : "schedule.frequency",
                        "a rule runs continuously (0), or every 5 minutes to 24 hours, in whole "
                        "minutes");
        r->x->period = -1;
        return;
    }
    detection_period_write(r->x->period, text);
    json_object_set_new(kept, "period", json_string(text));
    json_object_del(kept, "frequency");
}

/* A duration of ours; 'absent' where none is said. */
static int64_t
take_duration(struct reading *r, const json_t *ours, const char *name, int64_t min, int64_t absent,
              json_t *kept)
{
    const char *text = take_text(r, ours, "penstock", name, 40, false, kept);
    char target[60], least[40];
    int64_t ticks = 0;

    if (text == NULL) {
        json_object_set_new(kept, name, json_null());
        return absent;
    }
    snprintf(target, sizeof target, "penstock.%s", name);
    detection_duration_write(min, least);
    if (!detection_duration_read(span_of(text), &ticks))
        detection_fault(r->f, "InvalidValue", target, "'%s' is no duration like PT4H or P1D",
                        quote(text).text);
    else if (ticks < min || ticks > DETECTION_LOOKBACK_MAX)
        detection_fault(r->f, "InvalidValue", target, "it must be from %s to P30D", least);
    return ticks;
}

static void
read_ours(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"lookback", "deduplicationWindow", "workspace",
                                        "subscriptionId", NULL};
    const json_t *ours = take_object(r, body, "", "penstock", false);
    struct detection *x = r->x;
    json_t *kept = json_object();
    const char *text;
    char guid[37];

    json_object_set_new(to, "penstock", kept);
    if (ours != NULL)
        check_members(r, ours, "penstock", known);
    if (x->period == 0) {
        if (json_is_string(json_object_get(ours, "lookback")))
            detection_fault(r->f, "InvalidValue", "penstock.lookback",
                            "a continuous rule sees each record once, when it comes: leave it out");
        json_object_set_new(kept, "lookback", json_null());
        x->window = take_duration(r, ours, "deduplicationWindow", 0, DETECTION_STREAM_WINDOW, kept);
    } else {
        int64_t least = x->period > 0 ? x->period : DETECTION_PERIOD_MIN;

        x->lookback = take_duration(r, ours, "lookback", least, least, kept);
        x->window = take_duration(r, ours, "deduplicationWindow", 0,
                                  x->lookback > least ? x->lookback : 0, kept);
    }
    x->workspace = take_text(r, ours, "penstock", "workspace", 400, false, kept);
    text = take_text(r, ours, "penstock", "subscriptionId", 64, false, kept);
    if (text != NULL && !guid_copy(span_of(text), guid))
        detection_fault(r->f, "InvalidValue", "penstock.subscriptionId", "it must be a GUID");
    else if (text != NULL)
        json_object_set_new(kept, "subscriptionId", json_string(guid));
    x->subscription = json_string_value(json_object_get(kept, "subscriptionId"));
}

/* ---- the whole ---- */

static void
read_query(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {"queryText", "lastModifiedDateTime", NULL};
    const json_t *query = take_object(r, body, "", "queryCondition", true);
    json_t *kept = json_object();

    json_object_set_new(to, "queryCondition", kept);
    if (query == NULL)
        return;
    check_members(r, query, "queryCondition", known);
    r->x->query =
        take_text(r, query, "queryCondition", "queryText", DETECTION_QUERY_MAX, true, kept);
}

static void
read_all(struct reading *r, const json_t *body, json_t *to)
{
    static const char *const known[] = {
        "displayName",    "isEnabled",  "queryCondition", "schedule",        "detectionAction",
        "penstock",       "id",         "createdBy",      "createdDateTime", "lastModifiedDateTime",
        "lastModifiedBy", "detectorId", "lastRunDetails", "description",     NULL};
    const json_t *enabled = json_object_get(body, "isEnabled");

    check_members(r, body, "", known);
    r->x->name = take_text(r, body, "", "displayName", DETECTION_NAME_MAX, true, to);
    if (enabled != NULL && !json_is_boolean(enabled) && !json_is_null(enabled))
        detection_fault(r->f, "InvalidType", "isEnabled", "it must be true or false");
    r->x->is_enabled = !json_is_false(enabled);
    json_object_set_new(to, "isEnabled", json_boolean(r->x->is_enabled));
    read_query(r, body, to);
    read_schedule(r, body, to);
    read_action(r, body, to);
    read_ours(r, body, to);
}

enum status
detection_read(const struct control *c, const json_t *body, bool is_stored,
               const struct detection_functions *functions, struct detection *out,
               struct detection_faults *faults, struct err *err)
{
    struct reading r = {.x = out, .f = faults};
    enum status st = ST_OK;

    *out = (struct detection){.shown = json_object()};
    if (out->shown == NULL)
        return err_set(err, ST_FULL, "no memory for a detection rule");
    if (!json_is_object(body))
        detection_fault(faults, "InvalidType", "body", "a detection rule is a JSON object");
    else
        read_all(&r, body, out->shown);
    if (r.is_spent)
        st = err_set(err, ST_FULL, "no memory for a detection rule");
    if (st == ST_OK && out->query != NULL && out->period >= 0)
        st = detection_check_query(c, functions, is_stored, out, faults, err);
    if (st == ST_OK && faults->count > 0)
        st = err_set(err, ST_INVALID, "%.310s", faults->first);
    if (st != ST_OK)
        detection_free(out);
    return st;
}

void
detection_free(struct detection *x)
{
    json_decref(x->shown);
    *x = (struct detection){.shown = NULL};
}

static bool
lay_over(json_t *to, const json_t *patch)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)patch, name, value)
    {
        json_t *old = json_object_get(to, name);
        bool is_fine = json_is_object(old) && json_is_object(value)
                           ? lay_over(old, value)
                           : json_object_set_new(to, name, json_deep_copy(value)) == 0;

        if (!is_fine)
            return false;
    }
    return true;
}

json_t *
detection_merge(const json_t *stored, const json_t *patch)
{
    json_t *merged = json_deep_copy(stored), *schedule;
    const json_t *changed = json_object_get(patch, "schedule");

    if (merged == NULL)
        return NULL;
    /* One of the two is enough, and the one that is not sent must not contradict. */
    schedule = json_object_get(merged, "schedule");
    if (json_object_get(changed, "period") != NULL || json_object_get(changed, "frequency") != NULL)
        json_object_clear(schedule);
    if (lay_over(merged, patch))
        return merged;
    json_decref(merged);
    return NULL;
}
