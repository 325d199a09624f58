/* evidence.c - what an alert's records say. Impacted assets are entities by the rule's own columns; files, processes, addresses and
 * mails that the row names as well are related evidence, a row of the table below each. */
#include "detect/evidence.h"
#include "kql/value.h"
#include "model/datetime.h"
#include <stdlib.h>
#include <strings.h>

/* As hunters filter for them. */
#define SERVICE "Microsoft Defender XDR"
#define SOURCE "Custom detection"

/* A JSON string; of text that is no UTF-8 what is not ASCII becomes '?'. */
static json_t *
text_json(struct span text)
{
    json_t *made = json_stringn(text.p == NULL ? "" : text.p, text.n);
    char ascii[HITS_CELL_MAX];
    size_t n = text.n < sizeof ascii ? text.n : sizeof ascii;

    if (made != NULL)
        return made;
    for (size_t i = 0; i < n; i++)
        ascii[i] = (unsigned char)text.p[i] < 0x80 ? text.p[i] : '?';
    return json_stringn(ascii, n);
}

static json_t *
time_json(int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    datetime_write(text, ticks);
    return json_stringn(text, sizeof text);
}

static struct span
cell(const struct alert_of *a, const char *column)
{
    return hit_text(a->cells, a->count, span_of(column));
}

/* When it happened: the row's own time, as it has it; else now. */
static int64_t
event_time(const struct alert_of *a)
{
    int64_t ticks;

    if (kql_read_datetime(cell(a, "Timestamp"), &ticks) ||
        kql_read_datetime(cell(a, "TimeGenerated"), &ticks))
        return ticks;
    return a->now;
}

/* ["a","b"] as text, the way such columns hold lists. */
static json_t *
list_text(const char *const *items, size_t count)
{
    char text[64 * DETECTION_TECHNIQUES_MAX];
    size_t n = (size_t)snprintf(text, sizeof text, "[");

    for (size_t i = 0; i < count && n < sizeof text - 64; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"%s\"", i == 0 ? "" : ",", items[i]);
    snprintf(text + n, sizeof text - n, "]");
    return json_string(text);
}

static json_t *
details_json(const struct alert_of *a)
{
    json_t *details = json_object();

    for (size_t i = 0; i < a->rule->x.detail_count; i++)
        json_object_set_new(details, a->rule->x.details[i].label,
                            text_json(cell(a, a->rule->x.details[i].column)));
    return details;
}

/* ---- envelopes ---- */

static json_t *
envelope(const struct alert_of *a, const char *category, json_t *properties)
{
    return json_pack("{s:o, s:s, s:s, s:s, s:o}", "time", time_json(a->now), "tenantId",
                     a->rule->tenant, "operationName", "Publish", "category", category,
                     "properties", properties);
}

static json_t *
info_json(const struct alert_of *a)
{
    const struct detection *x = &a->rule->x;

    return json_pack("{s:o, s:s, s:o, s:s, s:s, s:s, s:s, s:o}", "Timestamp",
                     time_json(event_time(a)), "AlertId", a->id, "Title",
                     text_json(span_of(a->title)), "Category", x->category, "Severity",
                     detection_severity_titles[x->severity], "ServiceSource", SERVICE,
                     "DetectionSource", SOURCE, "AttackTechniques",
                     list_text(x->techniques, x->technique_count));
}

/* The columns that every evidence has. */
static json_t *
evidence_json(const struct alert_of *a, const char *type, const char *role)
{
    static const char *const event[] = {"Timestamp", "TimeGenerated", "ReportId", "DeviceId"};
    const struct detection *x = &a->rule->x;
    char id[24];
    json_t *more, *made, *which = json_object();
    char *text;

    snprintf(id, sizeof id, "%lld", (long long)a->rule->id);
    for (size_t i = 0; i < COUNT_OF(event); i++)
        if (cell(a, event[i]).n > 0)
            json_object_set_new(which, event[i], text_json(cell(a, event[i])));
    more = json_pack("{s:s, s:s, s:o, s:o}", "DetectionRuleId", id, "DetectorId", a->rule->detector,
                     "Event", which, "CustomDetails", details_json(a));
    text = json_dumps(more, JSON_COMPACT);
    made = json_pack("{s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s}", "Timestamp",
                     time_json(event_time(a)), "AlertId", a->id, "Title",
                     text_json(span_of(a->title)), "Categories", list_text(&x->category, 1),
                     "AttackTechniques", list_text(x->techniques, x->technique_count),
                     "ServiceSource", SERVICE, "DetectionSource", SOURCE, "EntityType", type,
                     "EvidenceRole", role, "Severity", detection_severity_titles[x->severity],
                     "AdditionalFields", text == NULL ? "" : text);
    free(text);
    json_decref(more);
    return made;
}

static void
set(json_t *evidence, const char *column, struct span text)
{
    if (text.n > 0)
        json_object_set_new(evidence, column, text_json(text));
}

/* ---- impacted assets ---- */

/* What stands behind a column's prefix, and what that is of an account. Longer ones first: "ObjectId" ends in "Id". */
static const struct {
    const char *end, *column;
} account_parts[] = {
    {"ObjectId", "AccountObjectId"},
    {"Domain",   "AccountDomain"  },
    {"Name",     "AccountName"    },
    {"Sid",      "AccountSid"     },
    {"Upn",      "AccountUpn"     },
    {"Id",       "AccountObjectId"},
};

/* The account that a column names, with what its neighbours say of it: AccountSid's are AccountName, AccountUpn ... */
static void
set_account(const struct alert_of *a, json_t *evidence, const char *column)
{
    size_t n = strlen(column), prefix = n;
    char other[96];

    for (size_t i = 0; i < COUNT_OF(account_parts) && prefix == n; i++) {
        size_t size = strlen(account_parts[i].end);

        if (n > size && strcmp(column + n - size, account_parts[i].end) == 0) {
            prefix = n - size;
            set(evidence, account_parts[i].column, cell(a, column));
        }
    }
    for (size_t i = 0; i < COUNT_OF(account_parts); i++) {
        snprintf(other, sizeof other, "%.*s%s", (int)prefix, column, account_parts[i].end);
        if (json_object_get(evidence, account_parts[i].column) == NULL)
            set(evidence, account_parts[i].column, cell(a, other));
    }
}

static void
set_device(const struct alert_of *a, json_t *evidence, const char *column)
{
    bool is_id = strcmp(column, "DeviceId") == 0;

    set(evidence, is_id ? "DeviceId" : "DeviceName", cell(a, column));
    if (is_id)
        set(evidence, "DeviceName", cell(a, "DeviceName"));
    if (strcmp(column, "DeviceName") == 0)
        set(evidence, "DeviceId", cell(a, "DeviceId"));
    set(evidence, "LocalIP", cell(a, "LocalIP"));
}

static void
add_asset(const struct alert_of *a, const struct detection_asset *asset, json_t *list)
{
    static const char *const types[] = {"Machine", "User", "Mailbox"};
    json_t *evidence;

    if (cell(a, asset->column).n == 0)
        return; /* the row does not say whose */
    evidence = evidence_json(a, types[asset->kind], "Impacted");
    if (asset->kind == DETECTION_DEVICE)
        set_device(a, evidence, asset->column);
    else if (asset->kind == DETECTION_USER)
        set_account(a, evidence, asset->column);
    else
        set(evidence,
            strcmp(asset->column, "SenderDisplayName") == 0 ? "AccountName" : "AccountUpn",
            cell(a, asset->column));
    json_array_append_new(list, evidence);
}

/* ---- related evidence ---- */

enum { PARTS_MAX = 6 };
static const struct related {
    const char *type;
    /* columns of AlertEvidence and of the row; it is evidence where the row has the first, or another one that is 'enough' */
    struct {
        const char *column, *from;
        bool is_enough;
    } parts[PARTS_MAX];
} related[] = {
    {"File",
     {{"FileName", "FileName", true},
      {"FolderPath", "FolderPath", false},
      {"SHA1", "SHA1", true},
      {"SHA256", "SHA256", true},
      {"FileSize", "FileSize", false}}                                                   },
    {"Process",
     {{"ProcessCommandLine", "ProcessCommandLine", true},
      {"FileName", "FileName", false},
      {"FolderPath", "FolderPath", false},
      {"SHA1", "SHA1", false},
      {"SHA256", "SHA256", false}}                                                       },
    {"Process",
     {{"ProcessCommandLine", "InitiatingProcessCommandLine", true},
      {"FileName", "InitiatingProcessFileName", false},
      {"FolderPath", "InitiatingProcessFolderPath", false},
      {"SHA1", "InitiatingProcessSHA1", false},
      {"SHA256", "InitiatingProcessSHA256", false}}                                      },
    {"Ip",               {{"RemoteIP", "RemoteIP", true}}                                },
    {"Ip",               {{"RemoteIP", "IPAddress", true}}                               },
    {"Url",              {{"RemoteUrl", "RemoteUrl", true}}                              },
    {"Url",              {{"RemoteUrl", "Url", true}}                                    },
    {"RegistryValue",
     {{"RegistryKey", "RegistryKey", true},
      {"RegistryValueName", "RegistryValueName", false},
      {"RegistryValueData", "RegistryValueData", false}}                                 },
    {"MailMessage",
     {{"NetworkMessageId", "NetworkMessageId", true}, {"EmailSubject", "Subject", false}}},
    {"CloudApplication",
     {{"Application", "Application", true}, {"ApplicationId", "ApplicationId", false}}   },
};

static void
add_related(const struct alert_of *a, const struct related *r, json_t *list)
{
    bool is_there = false;
    json_t *evidence;
    int64_t number;

    for (size_t i = 0; i < PARTS_MAX && r->parts[i].column != NULL; i++)
        is_there |= r->parts[i].is_enough && cell(a, r->parts[i].from).n > 0;
    if (!is_there)
        return;
    evidence = evidence_json(a, r->type, "Related");
    for (size_t i = 0; i < PARTS_MAX && r->parts[i].column != NULL; i++) {
        struct span text = cell(a, r->parts[i].from);
        bool is_number = strcmp(r->parts[i].column, "FileSize") == 0 ||
                         strcmp(r->parts[i].column, "ApplicationId") == 0;

        if (!is_number)
            set(evidence, r->parts[i].column, text);
        else if (kql_read_long(text, &number))
            json_object_set_new(evidence, r->parts[i].column, json_integer(number));
    }
    /* It was found there: so whose device it is can be asked of every evidence. */
    set(evidence, "DeviceId", cell(a, "DeviceId"));
    set(evidence, "DeviceName", cell(a, "DeviceName"));
    json_array_append_new(list, evidence);
}

/* ---- SecurityAlert ---- */

/* The alert's entity of a machine, an account or a mailbox. */
static json_t *
entity_json(const struct alert_of *a, const struct detection_asset *asset, size_t number)
{
    char id[24];
    json_t *entity;

    snprintf(id, sizeof id, "%zu", number);
    entity = json_pack("{s:s, s:s}", "$id", id, "type",
                       asset->kind == DETECTION_DEVICE ? "host"
                       : asset->kind == DETECTION_USER ? "account"
                                                       : "mailbox");
    if (asset->kind == DETECTION_DEVICE)
        set(entity, strcmp(asset->column, "DeviceId") == 0 ? "mdatpDeviceId" : "hostName",
            cell(a, asset->column));
    else if (asset->kind == DETECTION_USER)
        set(entity,
            strstr(asset->column, "Sid") != NULL        ? "sid"
            : strstr(asset->column, "Upn") != NULL      ? "userPrincipalName"
            : strstr(asset->column, "ObjectId") != NULL ? "aadUserId"
                                                        : "name",
            cell(a, asset->column));
    else
        set(entity, "mailboxPrimaryAddress", cell(a, asset->column));
    if (strcmp(asset->column, "DeviceId") == 0)
        set(entity, "hostName", cell(a, "DeviceName"));
    return entity;
}

static json_t *
resource_json(const struct alert_of *a)
{
    const struct detection *x = &a->rule->x;
    const char *subscription = x->subscription != NULL ? x->subscription : a->rule->tenant;
    json_t *entities = json_array(), *techniques = json_array(), *more = details_json(a);
    char id[200], rule[24], type[64];
    struct span entity = {"", 0};

    for (size_t i = 0; i < x->asset_count; i++)
        if (cell(a, x->assets[i].column).n > 0) {
            if (entity.n == 0)
                entity = cell(a, x->assets[i].column);
            json_array_append_new(entities,
                                  entity_json(a, &x->assets[i], json_array_size(entities) + 1));
        }
    for (size_t i = 0; i < x->technique_count; i++)
        json_array_append_new(techniques, json_string(x->techniques[i]));
    snprintf(rule, sizeof rule, "%lld", (long long)a->rule->id);
    json_object_set_new(more, "DetectionRuleId", json_string(rule));
    json_object_set_new(more, "DetectorId", json_string(a->rule->detector));
    json_object_set_new(more, "DetectionRule", text_json(span_of(x->name)));
    snprintf(type, sizeof type, "CustomDetection_%s", a->rule->detector);
    snprintf(id, sizeof id,
             "/subscriptions/%s/providers/Microsoft.Security/locations/local/alerts/%s",
             subscription, a->id);
    return json_pack(
        "{s:s, s:{s:{s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o}}}",
        "id", id, "resource", "properties", "alertType", type, "alertDisplayName",
        text_json(span_of(a->title)), "description", text_json(span_of(a->text)), "severity",
        detection_severity_titles[x->severity], "status", "Active", "systemAlertId", a->id,
        "intent", x->category, "vendorName", "penstock", "productName", SOURCE, "startTimeUtc",
        time_json(event_time(a)), "endTimeUtc", time_json(event_time(a)), "timeGeneratedUtc",
        time_json(a->now), "compromisedEntity", text_json(entity), "entities", entities,
        "remediationSteps",
        x->recommended == NULL ? json_array() : json_pack("[s]", x->recommended), "techniques",
        techniques, "extendedProperties", more);
}

bool
alert_records(const struct alert_of *a, json_t **envelopes, json_t **resource, json_t **shown)
{
    const struct detection *x = &a->rule->x;
    json_t *evidence = json_array(), *info = info_json(a);
    bool is_fine = info != NULL;

    *envelopes = json_array();
    for (size_t i = 0; i < x->asset_count; i++)
        add_asset(a, &x->assets[i], evidence);
    for (size_t i = 0; i < COUNT_OF(related); i++)
        add_related(a, &related[i], evidence);
    for (size_t i = 0; i < json_array_size(evidence) && is_fine; i++)
        is_fine = json_array_append_new(*envelopes,
                                        envelope(a, "AdvancedHunting-AlertEvidence",
                                                 json_incref(json_array_get(evidence, i)))) == 0;
    is_fine = is_fine && json_array_append_new(*envelopes, envelope(a, "AdvancedHunting-AlertInfo",
                                                                    json_incref(info))) == 0;
    *resource = resource_json(a);
    *shown = json_pack("{s:s, s:o, s:o, s:O, s:O}", "alertId", a->id, "title",
                       text_json(span_of(a->title)), "description", text_json(span_of(a->text)),
                       "alertInfo", info, "alertEvidence", evidence);
    is_fine = is_fine && *resource != NULL && *shown != NULL;
    json_decref(evidence);
    json_decref(info);
    return is_fine;
}
