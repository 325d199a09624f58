#include "posture/alert_text.h"
#include "model/datetime.h"
#include <strings.h>

enum nested { PLAIN, NESTED /* member names change their first letter, at every depth */ };

/* In the order of delivery. */
static const struct member {
    const char *flat, *rest;
    const char *absent; /* JSON where nothing is said; NULL: see default_of */
    enum nested nested;
    bool is_extra; /* delivered only when there */
} members[] = {
    {"VendorName",              "vendorName",              "\"\"",        PLAIN,  false},
    {"AlertType",               "alertType",               "\"\"",        PLAIN,  false},
    {"ProductName",             "productName",             "\"\"",        PLAIN,  false},
    {"StartTimeUtc",            "startTimeUtc",            NULL,          PLAIN,  false},
    {"EndTimeUtc",              "endTimeUtc",              NULL,          PLAIN,  false},
    {"TimeGenerated",           "timeGeneratedUtc",        NULL,          PLAIN,  false},
    {"ProcessingEndTime",       "processingEndTimeUtc",    NULL,          PLAIN,  false},
    {"Severity",                "severity",                "\"Low\"",     PLAIN,  false},
    {"Status",                  "status",                  "\"Active\"",  PLAIN,  false},
    {"ProviderAlertStatus",     "providerAlertStatus",     "null",        PLAIN,  false},
    {"ConfidenceLevel",         "confidenceLevel",         "null",        PLAIN,  false},
    {"ConfidenceScore",         "confidenceScore",         "null",        PLAIN,  false},
    {"ConfidenceReasons",       "confidenceReasons",       "null",        PLAIN,  false},
    {"IsIncident",              "isIncident",              "false",       PLAIN,  false},
    {"SystemAlertId",           "systemAlertId",           NULL,          PLAIN,  false},
    {"CorrelationKey",          "correlationKey",          "null",        PLAIN,  false},
    {"Intent",                  "intent",                  "\"Unknown\"", PLAIN,  false},
    {"AzureResourceId",         "azureResourceId",         NULL,          PLAIN,  false},
    {"WorkspaceId",             "workspaceId",             "null",        PLAIN,  false},
    {"WorkspaceSubscriptionId", "workspaceSubscriptionId", "null",        PLAIN,  false},
    {"WorkspaceResourceGroup",  "workspaceResourceGroup",  "\"\"",        PLAIN,  false},
    {"AgentId",                 "agentId",                 "\"\"",        PLAIN,  false},
    {"CompromisedEntity",       "compromisedEntity",       "\"\"",        PLAIN,  false},
    {"AlertDisplayName",        "alertDisplayName",        "\"\"",        PLAIN,  false},
    {"Description",             "description",             "\"\"",        PLAIN,  false},
    {"Entities",                "entities",                "[]",          NESTED, false},
    {"ExtendedLinks",           "extendedLinks",           "null",        NESTED, false},
    {"ResourceIdentifiers",     "resourceIdentifiers",     "[]",          NESTED, false},
    {"RemediationSteps",        "remediationSteps",        "[]",          PLAIN,  false},
    {"ExtendedProperties",      "extendedProperties",      "{}",          PLAIN,  false},
    {"AlertUri",                "alertUri",                "\"\"",        PLAIN,  false},
    {"ProductComponentName",    "productComponentName",    NULL,          PLAIN,  true },
    {"Techniques",              "techniques",              NULL,          PLAIN,  true },
    {"SubTechniques",           "subTechniques",           NULL,          PLAIN,  true },
    {"SupportingEvidence",      "supportingEvidence",      NULL,          NESTED, true },
};

static char
with_case(char c, bool is_upper)
{
    if (is_upper && c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    if (!is_upper && c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

/* 'value' with the first letter of every member name in this case. Depth is bounded: the text was checked
 * (JSON_TEXT_DEPTH_MAX). */
static void
add_renamed(struct text *out, struct span value, bool is_upper)
{
    struct json_walk w = json_walk_begin(value);
    struct span key, item;
    size_t count = 0;

    if (!json_text_is_object(value) && !json_text_is_array(value)) {
        text_add(out, value);
        return;
    }
    text_add(out, (struct span){value.p, 1});
    while (json_walk_next(&w, &key, &item)) {
        if (count++ > 0)
            text_puts(out, ",");
        if (json_text_is_object(value)) {
            char first = key.n > 0 ? with_case(key.p[0], is_upper) : '\0';

            text_puts(out, "\"");
            text_add(out, (struct span){&first, key.n > 0});
            if (key.n > 1)
                text_add(out, (struct span){key.p + 1, key.n - 1});
            text_puts(out, "\":");
        }
        add_renamed(out, item, is_upper);
    }
    text_puts(out, json_text_is_object(value) ? "}" : "]");
}

bool
alert_is_flat(struct span body)
{
    return json_at(body, "properties").p == NULL &&
           (json_at(body, "Severity").p != NULL || json_at(body, "AlertType").p != NULL);
}

/* ---- keeping ---- */

static void
add_time(struct text *out, int64_t ticks)
{
    char chars[DATETIME_TEXT_SIZE];

    datetime_write(chars, ticks);
    text_string(out, (struct span){chars, sizeof chars});
}

/* The id of the first identifier that is a resource, in either form. */
static struct span
identified(struct span identifiers)
{
    struct json_walk w = json_walk_begin(identifiers);
    struct span key, item;

    while (json_walk_next(&w, &key, &item)) {
        struct span id = json_at(item, "azureResourceId");

        if (id.p == NULL)
            id = json_at(item, "AzureResourceId");
        if (json_text_is_string(id))
            return id;
    }
    return (struct span){NULL, 0};
}

static void
add_default(struct text *out, const struct member *m, struct span source, bool is_flat,
            const struct alert_defaults *d)
{
    struct span id;

    if (m->absent != NULL) {
        text_puts(out, m->absent);
    } else if (strcmp(m->rest, "systemAlertId") == 0) {
        text_string(out, d->name);
    } else if (strcmp(m->rest, "azureResourceId") == 0) {
        id = identified(json_at(source, is_flat ? "ResourceIdentifiers" : "resourceIdentifiers"));
        if (id.p != NULL)
            text_add(out, id);
        else
            text_string(out, d->scope);
    } else {
        add_time(out, d->now);
    }
}

static void
add_kept(struct text *out, const struct member *m, struct span value, bool is_flat)
{
    if (is_flat && strcmp(m->rest, "status") == 0 && json_string_is(value, "New"))
        text_puts(out, "\"Active\"");
    else
        text_compact(out, value);
}

static bool
is_member(struct span key, bool is_flat)
{
    for (size_t i = 0; i < COUNT_OF(members); i++)
        if (span_is(key, is_flat ? members[i].flat : members[i].rest))
            return true;
    return false;
}

/* Members that nobody knows are kept under their own names: a detection may say more than the table. */
static void
add_unknown(struct text *out, struct span source, bool is_flat)
{
    struct json_walk w = json_walk_begin(source);
    struct span key, value;

    while (json_walk_next(&w, &key, &value)) {
        if (is_member(key, is_flat))
            continue;
        text_puts(out, ",\"");
        text_add(out, key);
        text_puts(out, "\":");
        text_compact(out, value);
    }
}

void
alert_keep(struct span body, const struct alert_defaults *d, struct text *out)
{
    bool is_flat = alert_is_flat(body);
    struct span source = is_flat ? body : json_at(body, "properties");
    size_t count = 0;

    text_puts(out, "{");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct member *m = &members[i];
        struct span value = json_at(source, is_flat ? m->flat : m->rest);

        if (value.p == NULL && m->is_extra)
            continue;
        text_addf(out, "%s\"%s\":", count++ > 0 ? "," : "", m->rest);
        if (value.p == NULL)
            add_default(out, m, source, is_flat, d);
        else
            add_kept(out, m, value, is_flat);
    }
    if (json_text_is_object(source))
        add_unknown(out, source, is_flat);
    text_puts(out, "}");
}

/* ---- leaving ---- */

/* The plan that an alert came from stands in ExtendedProperties, where consumers look for it. */
static void
add_extended(struct text *out, struct span extended, struct span component)
{
    if (!json_text_is_object(extended) || component.p == NULL ||
        json_at(extended, "ProductComponentName").p != NULL) {
        text_add(out, extended);
        return;
    }
    text_add(out, (struct span){extended.p, extended.n - 1});
    text_puts(out, extended.n > 2 ? ",\"ProductComponentName\":" : "\"ProductComponentName\":");
    text_add(out, component);
    text_puts(out, "}");
}

void
alert_deliver(struct span properties, struct text *out)
{
    size_t count = 0;

    text_puts(out, "{");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        const struct member *m = &members[i];
        struct span value = json_at(properties, m->rest);

        if (value.p == NULL || strcmp(m->rest, "productComponentName") == 0)
            continue;
        text_addf(out, "%s\"%s\":", count++ > 0 ? "," : "", m->flat);
        if (strcmp(m->rest, "status") == 0 && json_string_is(value, "Active"))
            text_puts(out, "\"New\"");
        else if (strcmp(m->rest, "extendedProperties") == 0)
            add_extended(out, value, json_at(properties, "productComponentName"));
        else if (m->nested == NESTED)
            add_renamed(out, value, true);
        else
            text_add(out, value);
    }
    add_unknown(out, properties, false);
    text_puts(out, "}");
}

void
alert_show(struct span properties, struct text *out)
{
    struct json_walk w = json_walk_begin(properties);
    struct span key, value;
    size_t count = 0;

    text_puts(out, "{");
    while (json_walk_next(&w, &key, &value)) {
        text_puts(out, count++ > 0 ? ",\"" : "\"");
        text_add(out, key);
        text_puts(out, "\":");
        if (span_is(key, "entities") || span_is(key, "extendedLinks") ||
            span_is(key, "resourceIdentifiers") || span_is(key, "supportingEvidence"))
            add_renamed(out, value, false);
        else
            text_add(out, value);
    }
    text_puts(out, "}");
}

void
alert_with_status(struct span properties, const char *status, struct text *out)
{
    struct json_walk w = json_walk_begin(properties);
    struct span key, value;
    size_t count = 0;

    text_puts(out, "{");
    while (json_walk_next(&w, &key, &value)) {
        text_puts(out, count++ > 0 ? ",\"" : "\"");
        text_add(out, key);
        text_puts(out, "\":");
        if (span_is(key, "status"))
            text_string(out, span_of(status));
        else
            text_add(out, value);
    }
    text_puts(out, "}");
}

void
alert_resource(struct span properties, struct text *out)
{
    text_decode(out, json_at(properties, "azureResourceId"));
}
