/* collection_rules.c - the verbs of data collection rules. What is stored is the resource as it is answered. */
#include "control/collection_rules.h"
#include "control/automations_inner.h"
#include "control/collection_store.h"
#include "control/inventory.h"
#include "control/settings.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { RACES_MAX = 20 };

/* ---- rows ---- */

static bool
row_copy(void *app, const struct store_collection *x)
{
    struct automation_row *row = app;

    *row = (struct automation_row){.json = malloc(x->json.n + 1),
                                   .private = strdup(""),
                                   .json_size = x->json.n,
                                   .created = x->created};
    row->has_no_memory = row->json == NULL || row->private == NULL;
    if (!row->has_no_memory) {
        memcpy(row->json, x->json.p, x->json.n);
        row->json[x->json.n] = '\0';
    }
    return false;
}

static enum status
row_find(const struct control *c, const struct automation_place *place, struct automation_row *row,
         struct err *err)
{
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2];
    enum status st;

    *row = (struct automation_row){.json = NULL};
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    st = store_collection_find(c->store, place->subscription, group, id, row_copy, row, err);
    if (st == ST_OK && row->has_no_memory) {
        automation_row_free(row);
        return err_set(err, ST_FULL, "no memory for the collection rule");
    }
    return st;
}

static void
fail_absent(struct automations_reply *reply, const struct automation_place *place)
{
    automations_fail(reply, 404, "ResourceNotFound", "",
                     "The Resource 'Microsoft.Insights/dataCollectionRules/%s' under resource "
                     "group '%s' was not found.",
                     place->name, place->group);
}

/* ---- get, list, delete ---- */

void
collection_rules_get(const struct control *c, const struct automation_place *place,
                     struct automations_reply *reply)
{
    struct automation_row row;
    struct err why = {""};
    enum status st = row_find(c, place, &row, &why);

    *reply = (struct automations_reply){.status = 0};
    if (st == ST_END)
        fail_absent(reply, place);
    else if (st != ST_OK)
        automations_fail_store(reply, st, &why);
    else
        automations_answer(&row, 200, reply);
    automation_row_free(&row);
}

struct listing {
    json_t *value;
    size_t count_max, size_max, size;
    char *next; /* 400 bytes */
    char last[400];
    bool failed;
};

static bool
list_visit(void *app, const struct store_collection *x)
{
    struct listing *l = app;
    struct automation_row row;
    struct automations_reply one = {.status = 0};

    if (json_array_size(l->value) == l->count_max ||
        (l->size > 0 && l->size + x->json.n > l->size_max)) {
        snprintf(l->next, 400, "%s", l->last);
        return false;
    }
    row_copy(&row, x);
    if (!row.has_no_memory)
        automations_answer(&row, 200, &one);
    l->failed = one.status != 200 || json_array_append(l->value, one.tree) != 0;
    automations_reply_free(&one);
    automation_row_free(&row);
    l->size += x->json.n;
    snprintf(l->last, sizeof l->last, "%s/%s", x->group, x->id);
    return !l->failed;
}

void
collection_rules_list(const struct control *c, const struct automation_place *place,
                      const char *after, size_t count_max, size_t size_max, char next[400],
                      struct automations_reply *reply)
{
    struct listing l = {
        .value = json_array(), .count_max = count_max, .size_max = size_max, .next = next};
    char group[INVENTORY_GROUP_NAME_MAX + 2], after_group[400];
    const char *after_id = "";
    struct err why = {""};
    enum status st;

    *reply = (struct automations_reply){.status = 0};
    next[0] = '\0';
    inventory_fold(place->group, group, sizeof group);
    snprintf(after_group, sizeof after_group, "%s", after);
    if (strchr(after_group, '/') != NULL) {
        after_id = strchr(after_group, '/') + 1;
        *strchr(after_group, '/') = '\0';
    }
    st = store_collections(c->store, place->subscription, group[0] == '\0' ? NULL : group,
                           after_group, after_id, list_visit, &l, &why);
    if (st != ST_OK)
        automations_fail_store(reply, st, &why);
    else if (l.value == NULL || l.failed)
        automations_fail_memory(reply);
    else {
        reply->status = 200;
        reply->tree = json_incref(l.value);
    }
    json_decref(l.value);
}

void
collection_rules_delete(const struct control *c, const struct automation_place *place,
                        const char *if_match, struct automations_reply *reply)
{
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2], etag[48];
    struct automation_row row;
    struct span only_if = {NULL, 0};
    struct err why = {""};
    enum status st = row_find(c, place, &row, &why);

    *reply = (struct automations_reply){.status = 204};
    if (st == ST_END)
        return;
    if (st != ST_OK) {
        automations_fail_store(reply, st, &why);
        return;
    }
    automation_etag(&row, etag);
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (if_match != NULL && strcmp(if_match, "*") != 0)
        only_if = (struct span){row.json, row.json_size};
    if (if_match != NULL && !automation_etag_in(if_match, etag))
        st = ST_INVALID;
    else
        st = store_collection_delete(c->store, place->subscription, group, id, only_if, &why);
    if (st == ST_INVALID)
        automations_fail(reply, 412, "PreconditionFailed", "",
                         "The etag does not match the stored rule.");
    else if (st != ST_OK && st != ST_END)
        automations_fail_store(reply, st, &why);
    automation_row_free(&row);
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

static bool
old_read(struct putting *p)
{
    struct err why = {""};
    enum status st = row_find(p->c, &p->put->place, &p->old, &why);

    if (st == ST_END && p->put->is_patch) {
        fail_absent(p->reply, &p->put->place);
        return false;
    }
    if (st == ST_END)
        return true;
    if (st == ST_OK)
        p->old_shown = json_loadb(p->old.json, p->old.json_size, 0, NULL);
    if (st != ST_OK)
        automations_fail_store(p->reply, st, &why);
    else if (p->old_shown == NULL)
        automations_fail(p->reply, 500, "StoreFailed", "", "what is stored cannot be read");
    return p->old_shown != NULL;
}

static bool
conditions_hold(struct putting *p)
{
    const struct automations_put *put = p->put;
    const char *location = json_string_value(json_object_get(put->body, "location"));
    const char *stored = json_string_value(json_object_get(p->old_shown, "location"));
    bool is_there = p->old.json != NULL;
    char etag[48] = "";

    if (is_there)
        automation_etag(&p->old, etag);
    if (put->if_match != NULL && (!is_there || !automation_etag_in(put->if_match, etag)))
        automations_fail(p->reply, 412, "PreconditionFailed", "",
                         "The etag does not match the stored rule.");
    else if (put->if_none_match != NULL && is_there && automation_etag_in(put->if_none_match, etag))
        automations_fail(p->reply, 412, "PreconditionFailed", "", "The rule exists already.");
    else if (stored != NULL && location != NULL && !location_equal(stored, location))
        automations_fail(p->reply, 409, "InvalidResourceLocation", "",
                         "The rule already exists in another location; location cannot change.");
    else
        return true;
    return false;
}

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
rule_store(struct putting *p, const json_t *shown)
{
    const struct automation_place *place = &p->put->place;
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2];
    struct automation_row next = {.json = json_dumps(shown, JSON_COMPACT), .private = strdup("")};
    bool is_new = p->old.json == NULL;
    struct err why = {""};
    enum status st = ST_OK;

    if (next.json == NULL || next.private == NULL) {
        automations_fail_memory(p->reply);
        automation_row_free(&next);
        return;
    }
    next.json_size = strlen(next.json);
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (is_new || strcmp(next.json, p->old.json) != 0) {
        const struct store_collection x = {
            .subscription = place->subscription,
            .group = group,
            .id = id,
            .immutable = json_string_value(
                json_object_get(json_object_get(shown, "properties"), "immutableId")),
            .json = {next.json, next.json_size},
            .created = p->put->now,
            .modified = p->put->now
        };

        st = store_collection_put(p->c->store, &x, (struct span){p->old.json, p->old.json_size},
                                  COLLECTION_RULES_MAX, &why);
    }
    if (st == ST_OK)
        automations_answer(&next, is_new ? 201 : 200, p->reply);
    else if (st == ST_INVALID) {
        p->has_raced = true;
        automations_fail(p->reply, 412, "PreconditionFailed", "",
                         "The rule was changed meanwhile: read it again.");
    } else if (st == ST_END)
        automations_fail(p->reply, 404, "ResourceGroupNotFound", "",
                         "Resource group '%s' not found.", place->group);
    else if (st == ST_FULL)
        automations_fail(p->reply, 409, "QuotaExceeded", "", "%s", why.text);
    else
        automations_fail_store(p->reply, st, &why);
    automation_row_free(&next);
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
        rule_store(p, shown);
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
        if (old_read(&p) && conditions_hold(&p))
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
