/* automation.c - an automation read, checked and made into the form that is stored and answered. Faults
 * are told all at once, each with its place. */
#include "control/automation.h"
#include "control/inventory.h"
#include "model/arm_id.h"
#include "wire/azure_auth.h"
#include "wire/digest.h"
#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *name, *id_member, *secret_member;
} types[] = {
    [ACTION_LOGIC_APP] = {"LogicApp",  "logicAppResourceId",  "uri"             },
    [ACTION_EVENT_HUB] = {"EventHub",  "eventHubResourceId",  "connectionString"},
    [ACTION_WORKSPACE] = {"Workspace", "workspaceResourceId", NULL              },
};

const char *
action_type_name(enum action_type type)
{
    return types[type].name;
}

/* ---- reading ---- */

/* Text of a request in an error: cut, and what is no UTF-8 or is a control replaced. */
static const char *
quoted(const char *text, char out[84])
{
    size_t n = 0;

    for (; text[n] != '\0' && n < 80; n++)
        out[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
    while (text[n] != '\0' && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--; /* not in the middle of a character */
    out[n] = '\0';
    return out;
}

struct reading {
    const struct automation_place *place;
    struct automation *x;
    struct automation_faults *f;
    bool is_stored, has_no_memory;
};

/* A member by its name, else by its name in another case; null is as if it were not there. */
static const json_t *
member(const json_t *object, const char *name)
{
    const json_t *found = json_object_get(object, name);
    const char *key;
    json_t *value;

    if (found == NULL)
        json_object_foreach((json_t *)(uintptr_t)object, key, value)
        {
            if (found == NULL && strcasecmp(key, name) == 0)
                found = value;
        }
    return json_is_null(found) ? NULL : found;
}

static void
strangers_warn(struct reading *r, const json_t *object, const char *target,
               const char *const *names)
{
    const char *key;
    json_t *value;
    char place[160], text[84];

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;

        (void)value;
        while (names[i] != NULL && strcasecmp(names[i], key) != 0)
            i++;
        if (names[i] != NULL)
            continue;
        snprintf(place, sizeof place, "%s%s%s", target, target[0] == '\0' ? "" : ".",
                 quoted(key, text));
        automation_warning(r->f, place, "unknown, and left out.");
    }
}

/* Adds to a tree that is being made; what fails is lack of memory. */
static void
put(struct reading *r, json_t *object, const char *key, json_t *value)
{
    r->has_no_memory |= json_object_set_new(object, key, value) != 0;
}

static void
append(struct reading *r, json_t *array, json_t *value)
{
    r->has_no_memory |= json_array_append_new(array, value) != 0;
}

/* A copy that lives as long as the automation. */
static const char *
keep(struct reading *r, const char *text)
{
    json_t *copy = json_string_nocheck(text);

    if (copy == NULL || json_array_append_new(r->x->memory, copy) != 0) {
        r->has_no_memory = true;
        return "";
    }
    return json_string_value(copy);
}

/* A text member; NULL: absent or told. NULs inside are refused: they would end it early. */
static const char *
text_get(struct reading *r, const json_t *object, const char *name, const char *target,
         size_t size_max, bool is_required)
{
    const json_t *value = member(object, name);
    char place[240];

    snprintf(place, sizeof place, "%s.%s", target, name);
    if (value == NULL) {
        if (is_required)
            automation_fault(r->f, "MissingProperty", place, "%s is missing.", name);
        return NULL;
    }
    if (!json_is_string(value)) {
        automation_fault_type(r->f, place, "a string");
        return NULL;
    }
    if (strlen(json_string_value(value)) != json_string_length(value))
        automation_fault(r->f, "InvalidProperty", place, "%s holds a NUL character.", name);
    else if (json_string_length(value) > size_max)
        automation_fault(r->f, "PropertyTooLong", place, "%s has %zu bytes; %zu are the most.",
                         name, json_string_length(value), size_max);
    else if (is_required && json_string_length(value) == 0)
        automation_fault(r->f, "MissingProperty", place, "%s is empty.", name);
    else
        return json_string_value(value);
    return NULL;
}

/* An array with something in it; NULL: told. */
static const json_t *
array_get(struct reading *r, const json_t *properties, const char *name, size_t count_max)
{
    const json_t *value = member(properties, name);
    char place[80];

    snprintf(place, sizeof place, "properties.%s", name);
    if (value == NULL)
        automation_fault(r->f, "MissingProperty", place, "%s is missing.", name);
    else if (!json_is_array(value))
        automation_fault_type(r->f, place, "an array");
    else if (json_array_size(value) == 0)
        automation_fault(r->f, "MissingProperty", place, "%s is empty: at least one is needed.",
                         name);
    else if (json_array_size(value) > count_max)
        automation_fault(r->f, "TooManyItems", place, "%zu %s; %zu are the most.",
                         json_array_size(value), name, count_max);
    else
        return value;
    return NULL;
}

/* ---- scopes ---- */

static bool
scope_parse(const char *text, char subscription[37], const char **rest)
{
    if (strncasecmp(text, "/subscriptions/", 15) != 0 || strlen(text) < 15 + 36 ||
        !guid_copy((struct span){text + 15, 36}, subscription))
        return false;
    *rest = text + 15 + 36;
    return (*rest)[0] == '\0' || (*rest)[0] == '/';
}

static bool
group_parse(const char *rest)
{
    char name[INVENTORY_GROUP_NAME_MAX + 1];
    size_t n;

    if (rest[0] == '\0' || strcmp(rest, "/") == 0)
        return true;
    if (strncasecmp(rest, "/resourceGroups/", 16) != 0)
        return false;
    n = strcspn(rest + 16, "/");
    if (n >= sizeof name || (rest[16 + n] == '/' && rest[17 + n] != '\0'))
        return false;
    memcpy(name, rest + 16, n);
    name[n] = '\0';
    return resource_group_name_is(name);
}

static void
scope_read(struct reading *r, const json_t *scope, size_t index, json_t *shown)
{
    char target[80], place[100], subscription[37], text[84];
    const char *description, *path, *rest;
    json_t *made;

    snprintf(target, sizeof target, "properties.scopes[%zu]", index);
    snprintf(place, sizeof place, "%s.scopePath", target);
    if (!json_is_object(scope)) {
        automation_fault_type(r->f, target, "an object");
        return;
    }
    strangers_warn(r, scope, target, (const char *const[]){"description", "scopePath", NULL});
    description = text_get(r, scope, "description", target, AUTOMATION_DESCRIPTION_MAX, false);
    path = text_get(r, scope, "scopePath", target, ARM_ID_MAX, true);
    if (path == NULL)
        return;
    if (!scope_parse(path, subscription, &rest) || !group_parse(rest)) {
        automation_fault(
            r->f, "InvalidScope", place,
            "'%s' is neither a subscription (/subscriptions/GUID) nor a resource group "
            "of one",
            quoted(path, text));
        return;
    }
    if (strcmp(subscription, r->place->subscription) != 0) {
        automation_fault(r->f, "InvalidScope", place, "Scope is outside subscription %s",
                         r->place->subscription);
        return;
    }
    made = json_object();
    if (description != NULL)
        put(r, made, "description", json_string(description));
    put(r, made, "scopePath", json_string(path));
    append(r, shown, made);
    path = keep(r, path);
    r->x->scopes[r->x->scope_count++] = span_of(path);
}

/* ---- sources ---- */

static void
source_read(struct reading *r, const json_t *source, size_t index, json_t *shown)
{
    struct event_filter_source *to = &r->x->sources[r->x->source_count];
    char target[80], place[120], text[84];
    const char *name;
    struct rule_sets *rules = NULL;
    struct err why;
    enum status st;
    json_t *made;

    snprintf(target, sizeof target, "properties.sources[%zu]", index);
    if (!json_is_object(source)) {
        automation_fault_type(r->f, target, "an object");
        return;
    }
    strangers_warn(r, source, target, (const char *const[]){"eventSource", "ruleSets", NULL});
    name = text_get(r, source, "eventSource", target, 200, true);
    snprintf(place, sizeof place, "%s.eventSource", target);
    if (name != NULL && !event_source_find(span_of(name), &to->source)) {
        automation_fault(r->f, "UnknownEventSource", place, "'%s' is not an event source.",
                         quoted(name, text));
        name = NULL;
    }
    snprintf(place, sizeof place, "%s.ruleSets", target);
    st = rule_sets_make(member(source, "ruleSets"), place, automation_fault_rule, r->f, &rules,
                        &why);
    if (st == ST_FULL)
        automation_fault(r->f, "TooManyRules", place, "%s", why.text);
    if (st != ST_OK)
        return;
    if (name == NULL) {
        rule_sets_free(rules);
        return;
    }
    event_source_check(to->source, rules, place, automation_fault_rule, r->f);
    made = json_pack("{s:s}", "eventSource", event_source_rows[to->source].name);
    put(r, made, "ruleSets", rule_sets_json(rules));
    append(r, shown, made);
    to->rules = rules;
    r->x->source_count++;
}

/* Section 2.4: findings are to be exported beside their parents. */
static void
parents_warn(struct reading *r)
{
    static const enum event_source pairs[][2] = {
        {EVENT_SUB_ASSESSMENTS,          EVENT_ASSESSMENTS         },
        {EVENT_SUB_ASSESSMENTS_SNAPSHOT, EVENT_ASSESSMENTS_SNAPSHOT}
    };

    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        bool has_child = false, has_parent = false;
        char message[200];

        for (size_t k = 0; k < r->x->source_count; k++) {
            has_child |= r->x->sources[k].source == pairs[i][0];
            has_parent |= r->x->sources[k].source == pairs[i][1];
        }
        if (!has_child || has_parent)
            continue;
        snprintf(message, sizeof message,
                 "%s without %s: findings are exported without the recommendations they belong to.",
                 event_source_rows[pairs[i][0]].name, event_source_rows[pairs[i][1]].name);
        automation_warning(r->f, "properties.sources", message);
    }
}

/* ---- actions ---- */

static void
fold(const char *text, char *out, size_t room)
{
    size_t n;

    inventory_fold(text, out, room);
    n = strlen(out);
    if (n > 0 && out[n - 1] == '/')
        out[n - 1] = '\0';
}

static void
key_make(struct reading *r, struct automation_action *a)
{
    char id[ARM_ID_MAX + 8], destination[ARM_ID_MAX + 8], *text = NULL;
    unsigned char hash[32];
    size_t size = 0, before = 0;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL) {
        r->has_no_memory = true;
        return;
    }
    fold(r->place->id, id, sizeof id);
    fold(a->resource_id, destination, sizeof destination);
    for (size_t i = 0; i < r->x->action_count; i++) {
        char other[ARM_ID_MAX + 8];

        fold(r->x->actions[i].resource_id, other, sizeof other);
        before += r->x->actions[i].type == a->type && strcmp(other, destination) == 0;
    }
    fprintf(out, "%s\n%s\n%s\n%zu", id, types[a->type].name, destination, before);
    if (fclose(out) != 0 || !digest_sha256((struct span){text, size}, hash))
        r->has_no_memory = true;
    else
        digest_hex(hash, 16, a->key);
    free(text);
}

static void
policy_take(struct automation_action *a)
{
    struct err ignored;

    a->policy[0] = '\0';
    if (a->secret != NULL && azure_connection_copy(a->secret, "SharedAccessKeyName", a->policy,
                                                   sizeof a->policy, &ignored) != ST_OK)
        a->policy[0] = '\0';
}

static void
trusted_read(struct reading *r, const json_t *action, const char *target,
             struct automation_action *a)
{
    const json_t *flag = member(action, "isTrustedServiceEnabled");
    char place[120];

    snprintf(place, sizeof place, "%s.isTrustedServiceEnabled", target);
    if (flag != NULL && !json_is_boolean(flag))
        automation_fault_type(r->f, place, "true or false");
    a->has_trusted = json_is_boolean(flag);
    a->is_trusted = json_is_true(flag);
    if (a->is_trusted && a->secret != NULL) {
        automation_warning(r->f, target,
                           "connectionString is not used beside isTrustedServiceEnabled, "
                           "and not kept.");
        a->secret = NULL;
    }
}

static bool
action_type_find(const char *name, enum action_type *type)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (strcasecmp(types[i].name, name) == 0) {
            *type = (enum action_type)i;
            return true;
        }
    return false;
}

static void
action_read(struct reading *r, const json_t *action, size_t index)
{
    static const char *const members[][8] = {
        [ACTION_LOGIC_APP] = {"actionType",    "logicAppResourceId",      "uri",  NULL},
        [ACTION_EVENT_HUB] = {"actionType",               "eventHubResourceId",                             "connectionString",
                              "sasPolicyName", "isTrustedServiceEnabled", NULL},
        [ACTION_WORKSPACE] = {"actionType", "workspaceResourceId", NULL  },
    };
    struct automation_action *a = &r->x->actions[r->x->action_count];
    char target[80], place[100], text[84];
    const char *name, *id, *secret = NULL;

    *a = (struct automation_action){.secret = NULL};
    snprintf(target, sizeof target, "properties.actions[%zu]", index);
    if (!json_is_object(action)) {
        automation_fault_type(r->f, target, "an object");
        return;
    }
    name = text_get(r, action, "actionType", target, 200, true);
    if (name == NULL)
        return;
    if (!action_type_find(name, &a->type)) {
        snprintf(place, sizeof place, "%s.actionType", target);
        automation_fault(r->f, "UnknownActionType", place,
                         "'%s' is not an action type: LogicApp, EventHub or Workspace.",
                         quoted(name, text));
        return;
    }
    strangers_warn(r, action, target, members[a->type]);
    id = text_get(r, action, types[a->type].id_member, target, ARM_ID_MAX, true);
    if (types[a->type].secret_member != NULL)
        secret =
            text_get(r, action, types[a->type].secret_member, target, AUTOMATION_SECRET_MAX, false);
    if (secret != NULL && secret[0] != '\0')
        a->secret = keep(r, secret);
    policy_take(a);
    if (r->is_stored && a->type == ACTION_EVENT_HUB && a->policy[0] == '\0') {
        const char *policy = json_string_value(member(action, "sasPolicyName"));

        snprintf(a->policy, sizeof a->policy, "%s", policy == NULL ? "" : policy);
    }
    if (a->type == ACTION_EVENT_HUB)
        trusted_read(r, action, target, a);
    if (id == NULL)
        return;
    a->resource_id = keep(r, id);
    key_make(r, a);
    r->x->action_count++;
}

/* ---- the whole ---- */

static json_t *
tags_read(struct reading *r, const json_t *body)
{
    const json_t *tags = member(body, "tags");
    const char *name;
    json_t *value;

    if (tags == NULL)
        return NULL;
    if (!json_is_object(tags)) {
        automation_fault_type(r->f, "tags", "an object of strings");
        return NULL;
    }
    if (json_object_size(tags) > INVENTORY_TAGS_MAX)
        automation_fault(r->f, "TooManyItems", "tags", "%zu tags; %d are the most.",
                         json_object_size(tags), INVENTORY_TAGS_MAX);
    json_object_foreach((json_t *)(uintptr_t)tags, name, value)
    {
        char place[100], text[84];

        snprintf(place, sizeof place, "tags.%s", quoted(name, text));
        if (!json_is_string(value))
            automation_fault_type(r->f, place, "a string");
        else if (name[0] == '\0' || strlen(name) > INVENTORY_TAG_NAME_MAX ||
                 json_string_length(value) > INVENTORY_TAG_VALUE_MAX)
            automation_fault(r->f, "InvalidTag", place,
                             "A tag's name has 1 to %d bytes, its value at most %d.",
                             INVENTORY_TAG_NAME_MAX, INVENTORY_TAG_VALUE_MAX);
        else if (strcasecmp(name, "penstock-findings-case") == 0) {
            r->x->has_legacy_findings = strcasecmp(json_string_value(value), "pascal") == 0;
            if (!r->x->has_legacy_findings && strcasecmp(json_string_value(value), "camel") != 0)
                automation_fault(r->f, "InvalidTag", place,
                                 "penstock-findings-case is camel or pascal.");
        }
    }
    return json_incref((json_t *)(uintptr_t)tags);
}

static void
properties_read(struct reading *r, const json_t *properties, json_t *shown)
{
    const json_t *flag = member(properties, "isEnabled"), *item, *list;
    const char *description =
        text_get(r, properties, "description", "properties", AUTOMATION_DESCRIPTION_MAX, false);
    json_t *scopes = json_array(), *sources = json_array();
    size_t i;

    strangers_warn(
        r, properties, "properties",
        (const char *const[]){"description", "isEnabled", "scopes", "sources", "actions", NULL});
    if (flag != NULL && !json_is_boolean(flag))
        automation_fault_type(r->f, "properties.isEnabled", "true or false");
    r->x->is_enabled = flag == NULL || json_is_true(flag);
    list = array_get(r, properties, "scopes", EVENT_SCOPES_MAX);
    json_array_foreach(list, i, item) scope_read(r, item, i, scopes);
    list = array_get(r, properties, "sources", EVENT_SOURCES_MAX);
    json_array_foreach(list, i, item) source_read(r, item, i, sources);
    parents_warn(r);
    list = array_get(r, properties, "actions", AUTOMATION_ACTIONS_MAX);
    json_array_foreach(list, i, item) action_read(r, item, i);
    if (description != NULL)
        put(r, shown, "description", json_string(description));
    put(r, shown, "isEnabled", json_boolean(r->x->is_enabled));
    put(r, shown, "scopes", scopes);
    put(r, shown, "sources", sources);
    /* "actions" by automation_show_actions: what is shown of them depends on what is stored */
}

static const char *
location_read(struct reading *r, const json_t *body, const char *location)
{
    const json_t *value = member(body, "location");

    if (value == NULL && location != NULL)
        return location;
    if (value == NULL)
        automation_fault(r->f, "MissingProperty", "location", "location is missing.");
    else if (!json_is_string(value))
        automation_fault_type(r->f, "location", "a string");
    else if (json_string_length(value) == 0 || json_string_length(value) > INVENTORY_NAME_MAX)
        automation_fault(r->f, "InvalidLocation", "location", "location has 1 to %d bytes.",
                         INVENTORY_NAME_MAX);
    else
        return json_string_value(value);
    return NULL;
}

static void
body_read(struct reading *r, const json_t *body, const char *location)
{
    const json_t *properties = member(body, "properties"), *kind = member(body, "kind");
    const json_t *etag = member(body, "etag");
    const char *where = location_read(r, body, location);
    json_t *tags = tags_read(r, body), *shown;

    strangers_warn(r, body, "",
                   (const char *const[]){"id", "name", "type", "location", "kind", "etag", "tags",
                                         "properties", "systemData", NULL});
    if (kind != NULL && !json_is_string(kind))
        automation_fault_type(r->f, "kind", "a string");
    else if (json_string_length(kind) > INVENTORY_NAME_MAX)
        automation_fault(r->f, "PropertyTooLong", "kind", "kind has at most %d bytes.",
                         INVENTORY_NAME_MAX);
    if (etag != NULL && !json_is_string(etag))
        automation_fault_type(r->f, "etag", "a string");
    put(r, r->x->shown, "id", json_string(r->place->id));
    put(r, r->x->shown, "name", json_string(r->place->name));
    put(r, r->x->shown, "type", json_string("Microsoft.Security/automations"));
    if (where != NULL)
        put(r, r->x->shown, "location", json_string(where));
    if (json_is_string(kind))
        put(r, r->x->shown, "kind", json_incref((json_t *)(uintptr_t)kind));
    if (tags != NULL)
        put(r, r->x->shown, "tags", tags);
    if (properties == NULL) {
        automation_fault(r->f, "MissingProperty", "properties", "properties is missing.");
        return;
    }
    if (!json_is_object(properties)) {
        automation_fault_type(r->f, "properties", "an object");
        return;
    }
    shown = json_object();
    put(r, r->x->shown, "properties", shown);
    properties_read(r, properties, shown);
}

enum status
automation_read(const struct automation_place *place, const json_t *body, const char *location,
                bool is_stored, struct automation *out, struct automation_faults *faults,
                struct err *err)
{
    struct reading r = {.place = place, .x = out, .f = faults, .is_stored = is_stored};

    *out = (struct automation){.shown = json_object(), .memory = json_array()};
    if (out->shown != NULL && out->memory != NULL)
        body_read(&r, body, location);
    if (out->shown == NULL || out->memory == NULL || r.has_no_memory)
        return err_set(err, ST_FULL, "no memory for the automation");
    if (faults->count > 0)
        return err_set(err, ST_INVALID, "%.300s", faults->first);
    automation_show_actions(out);
    return ST_OK;
}

void
automation_show_actions(struct automation *x)
{
    json_t *actions = json_array();

    for (size_t i = 0; i < x->action_count; i++) {
        const struct automation_action *a = &x->actions[i];
        json_t *shown = json_pack("{s:s, s:s}", "actionType", types[a->type].name,
                                  types[a->type].id_member, a->resource_id);

        if (a->type == ACTION_EVENT_HUB && a->policy[0] != '\0')
            json_object_set_new(shown, "sasPolicyName", json_string(a->policy));
        if (a->type == ACTION_EVENT_HUB)
            json_object_set_new(shown, "isTrustedServiceEnabled", json_boolean(a->is_trusted));
        json_array_append_new(actions, shown);
    }
    json_object_set_new(json_object_get(x->shown, "properties"), "actions", actions);
}

void
automation_free(struct automation *x)
{
    for (size_t i = 0; i < x->source_count; i++)
        rule_sets_free((struct rule_sets *)(uintptr_t)x->sources[i].rules);
    json_decref(x->shown);
    for (size_t i = 0; i < json_array_size(x->memory); i++) { /* secrets among them */
        json_t *text = json_array_get(x->memory, i);

        explicit_bzero((char *)(uintptr_t)json_string_value(text), json_string_length(text));
    }
    json_decref(x->memory);
    *x = (struct automation){.shown = NULL};
}

enum status
automation_filter(const struct automation *x, struct event_filter **out, struct err *err)
{
    return event_filter_make(x->scopes, x->scope_count, x->sources, x->source_count, out, err);
}

enum status
automation_name_check(const char *name, struct err *err)
{
    if (name[0] == '\0' || strlen(name) > AUTOMATION_NAME_MAX)
        return err_set(err, ST_INVALID, "an automation's name has 1 to %d bytes",
                       AUTOMATION_NAME_MAX);
    for (const char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f || strchr("<>%&:\\?/", *c) != NULL)
            return err_set(err, ST_INVALID,
                           "an automation's name must not have '%c': none of < > %% & : \\ ? / and "
                           "no control characters",
                           (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
    return ST_OK;
}
