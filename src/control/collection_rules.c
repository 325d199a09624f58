/* collection_rules.c - the verbs of data collection rules. What is stored is the resource as it is answered. */
#include "control/collection_rules.h"
#include "control/arm_resource.h"
#include "control/inventory.h"
#include "control/settings.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { RACES_MAX = 20 };

/* ---- get, list, delete ---- */

static void
fail_absent(struct automations_reply *reply, const struct automation_place *place)
{
    automations_fail(reply, 404, "ResourceNotFound", "",
                     "The Resource 'Microsoft.Insights/dataCollectionRules/%s' under resource "
                     "group '%s' was not found.",
                     place->name, place->group);
}

static const struct arm_resource rules = {.table = &arm_table_collections,
                                          .fail_absent = fail_absent};

void
collection_rules_get(const struct control *c, const struct automation_place *place,
                     struct automations_reply *reply)
{
    arm_resource_get(c, &rules, place, reply);
}

void
collection_rules_list(const struct control *c, const struct automation_place *place,
                      const char *after, size_t count_max, size_t size_max, char next[400],
                      struct automations_reply *reply)
{
    arm_resource_list(c, &rules, place, after, count_max, size_max, next, reply);
}

void
collection_rules_delete(const struct control *c, const struct automation_place *place,
                        const char *if_match, struct automations_reply *reply)
{
    arm_resource_delete(c, &rules, place, if_match, reply);
}

/* ---- put, patch ---- */

struct putting {
    const struct control *c;
    const struct automations_put *put;
    struct automations_reply *reply;
    struct automation_row old; /* json NULL: there is none */
    json_t *old_shown;
    struct automation_faults faults;
    bool has_raced;
};

/* PATCH: tags as a whole, and members of properties; null takes one away. */
static json_t *
patched(const struct putting *p)
{
    json_t *out = json_deep_copy(p->old_shown), *value;
    const json_t *tags = json_object_get(p->put->body, "tags");
    json_t *into = json_object_get(out, "properties");
    const char *key;

    if (json_is_object(tags))
        json_object_set(out, "tags", (json_t *)(uintptr_t)tags);
    json_object_foreach(json_object_get(p->put->body, "properties"), key, value)
    {
        if (json_is_null(value))
            json_object_del(into, key);
        else
            json_object_set(into, key, value);
    }
    return out;
}

static void
rule_read(struct putting *p)
{
    const struct automations_put *put = p->put;
    json_t *merged = put->is_patch ? patched(p) : NULL, *shown = NULL;
    struct collection *compiled;
    struct err why = {""};
    enum status st =
        collection_rule_read(p->c, &put->place, put->is_patch ? merged : put->body,
                             json_string_value(json_object_get(p->old_shown, "location")), &shown,
                             &compiled, &p->faults, &why);

    json_decref(merged);
    if (st == ST_OK) {
        collection_release(compiled);
        p->has_raced = !arm_resource_store(
            p->c, &rules, put, &p->old, shown,
            json_string_value(json_object_get(json_object_get(shown, "properties"), "immutableId")),
            COLLECTION_RULES_MAX, p->reply);
        json_decref(shown);
    } else if (st != ST_INVALID) {
        automations_fail_memory(p->reply);
    } else {
        if (p->faults.has_type_fault)
            automations_fail(p->reply, 400, "InvalidRequestContent", p->faults.type_target,
                             "The request body is not valid: %.200s", p->faults.first_type);
        else
            automations_fail(p->reply, 400, "InvalidPayload", "properties",
                             "Data collection rule is invalid: %.200s", p->faults.first);
        p->reply->details = json_incref(p->faults.details);
    }
}

static bool
name_is(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > COLLECTION_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("-_.", name[i]) == NULL)
            return false;
    return true;
}

void
collection_rules_put(const struct control *c, const struct automations_put *put,
                     struct automations_reply *reply)
{
    bool again = true;

    *reply = (struct automations_reply){.status = 0};
    if (!name_is(put->place.name)) {
        automations_fail(reply, 400, "InvalidResourceName", "name",
                         "A rule's name has 1 to %d letters, digits, '-', '_' and '.'.",
                         COLLECTION_NAME_MAX);
        return;
    }
    /* As automations_put: without a condition the last writer wins. */
    for (int i = 0; i < RACES_MAX && again; i++) {
        struct putting p = {.c = c, .put = put, .reply = reply};

        automations_reply_free(reply);
        if (arm_resource_old(c, &rules, put, &p.old, &p.old_shown, reply) &&
            arm_resource_conditions_hold(&rules, put, &p.old, NULL, reply) &&
            arm_resource_location_holds(&rules, p.old_shown,
                                        json_string_value(json_object_get(put->body, "location")),
                                        reply))
            rule_read(&p);
        again = p.has_raced;
        automation_faults_free(&p.faults);
        json_decref(p.old_shown);
        automation_row_free(&p.old);
    }
}

/* ---- uses ---- */

struct uses {
    const struct control *c;
    struct span table;
    json_t *exports;
};

static bool
setting_takes(const struct uses *u, const struct setting *x)
{
    for (size_t i = 0; i < x->category_count; i++)
        if (span_equal(catalog_category_table(u->c->catalog, span_of(x->categories[i])), u->table))
            return true;
    return x->all_categories;
}

static bool
uses_visit(void *app, const struct store_setting *stored)
{
    struct uses *u = app;
    struct setting x;
    char code[48];
    struct err why;

    if (setting_read(u->c, stored->tenant, stored->id, stored->json, true, &x, code, &why) != ST_OK)
        return true;
    if (x.is_enabled && setting_takes(u, &x))
        json_array_append_new(u->exports, json_string(stored->id));
    setting_free(&x);
    return true;
}

static enum status
uses_add(const struct control *c, const char *tenant, const struct collection_stream *stream,
         json_t *into, struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < stream->flow_count && st == ST_OK; i++) {
        const struct collect *flow = stream->flows[i];
        struct uses u = {c, span_of(collect_table(flow)), json_array()};

        st = store_settings(c->store, tenant, uses_visit, &u, err);
        json_array_append_new(into, json_pack("{s:s, s:s, s:s, s:o}", "stream", stream->name,
                                              "table", collect_table(flow), "category",
                                              collect_category(flow), "exports", u.exports));
    }
    return st;
}

void
collection_rules_uses(const struct control *c, const struct automation_place *place,
                      struct automations_reply *reply)
{
    struct automation_faults faults = {.details = NULL};
    struct collection *compiled = NULL;
    json_t *shown = NULL, *list;
    struct err why = {""};
    size_t count;
    enum status st;

    collection_rules_get(c, place, reply);
    if (reply->status != 200)
        return;
    st = collection_rule_read(c, place, reply->tree, NULL, &shown, &compiled, &faults, &why);
    automation_faults_free(&faults);
    if (st != ST_OK) {
        automations_fail(reply, 409, "InvalidPayload", "properties",
                         "The stored rule does not compile any more: %.200s", why.text);
        return;
    }
    list = json_array();
    const struct collection_stream *streams = collection_streams(compiled, &count);

    for (size_t i = 0; i < count && st == ST_OK; i++)
        st = uses_add(c, place->tenant, &streams[i], list, &why);
    automations_reply_free(reply);
    if (st != ST_OK) {
        json_decref(list);
        automations_fail_store(reply, st, &why);
    } else {
        reply->status = 200;
        reply->tree = json_pack(
            "{s:O, s:o}", "immutableId",
            json_object_get(json_object_get(shown, "properties"), "immutableId"), "streams", list);
        if (reply->tree == NULL)
            automations_fail_memory(reply);
    }
    json_decref(shown);
    collection_release(compiled);
}
