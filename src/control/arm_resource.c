#include "control/arm_resource.h"
#include "control/inventory.h"
#include "wire/digest.h"
#include <stdlib.h>

enum { GROUP_SIZE = INVENTORY_GROUP_NAME_MAX + 2, ID_SIZE = AUTOMATION_NAME_MAX + 2 };

/* ---- rows ---- */

void
automation_row_free(struct automation_row *row)
{
    free(row->json);
    free(row->private);
    *row = (struct automation_row){.json = NULL};
}

static char *
copy(struct span text)
{
    char *out = malloc(text.n + 1);

    if (out != NULL) {
        if (text.n > 0)
            memcpy(out, text.p, text.n);
        out[text.n] = '\0';
    }
    return out;
}

void
automation_row_copy(struct automation_row *row, const struct arm_resource *kind,
                    const struct arm_stored *x)
{
    struct span private = kind->has_private ? x->beside : span_of("");

    *row = (struct automation_row){.json = copy(x->json),
                                   .private = copy(private),
                                   .json_size = x->json.n,
                                   .private_size = private.n,
                                   .created = x->created};
    row->has_no_memory = row->json == NULL || row->private == NULL;
}

struct finding {
    const struct arm_resource *kind;
    struct automation_row *row;
};

static bool
find_visit(void *app, const struct arm_stored *x)
{
    const struct finding *f = app;

    automation_row_copy(f->row, f->kind, x);
    return false;
}

/* ST_END: there is none. */
static enum status
row_find(const struct control *c, const struct arm_resource *kind,
         const struct automation_place *place, struct automation_row *row, struct err *err)
{
    struct finding f = {kind, row};
    char group[GROUP_SIZE], id[ID_SIZE];
    enum status st;

    *row = (struct automation_row){.json = NULL};
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    st = arm_store_find(c->store, kind->table, place->subscription, group, id, find_visit, &f, err);
    if (st == ST_OK && row->has_no_memory) {
        automation_row_free(row);
        st = err_set(err, ST_FULL, "no memory for the %s", kind->table->noun);
    }
    return st;
}

static struct arm_stored
only_if_of(const struct arm_resource *kind, const struct automation_row *row)
{
    return (struct arm_stored){
        .json = {row->json,                               row->json_size},
        .beside = {kind->has_private ? row->private : NULL,
                 kind->has_private ? row->private_size : 0              }
    };
}

/* ---- answers ---- */

void
automations_reply_free(struct automations_reply *reply)
{
    json_decref(reply->tree);
    json_decref(reply->details);
    *reply = (struct automations_reply){.status = 0};
}

void
automations_fail(struct automations_reply *reply, unsigned status, const char *code,
                 const char *target, const char *format, ...)
{
    va_list args;

    automations_reply_free(reply);
    reply->status = status;
    snprintf(reply->code, sizeof reply->code, "%s", code);
    snprintf(reply->target, sizeof reply->target, "%s", target);
    va_start(args, format);
    vsnprintf(reply->err.text, sizeof reply->err.text, format, args);
    va_end(args);
}

void
automations_fail_memory(struct automations_reply *reply)
{
    automations_fail(reply, 503, "ServiceUnavailable", "", "No memory for the request.");
}

void
automations_fail_store(struct automations_reply *reply, enum status st, const struct err *why)
{
    automations_fail(reply, st == ST_IO || st == ST_FULL ? 503 : 500, "StoreFailed", "", "%s",
                     why->text);
}

static void
fail_etag(struct automations_reply *reply, const struct arm_resource *kind)
{
    automations_fail(reply, 412, "PreconditionFailed", "", "The etag does not match the stored %s.",
                     kind->table->noun);
}

static void
row_etag(const struct automation_row *row, char out[48])
{
    unsigned char hash[DIGEST_SHA256_SIZE] = {0};
    char hex[2 * DIGEST_SHA256_SIZE + 1];
    char *text = NULL;
    size_t size = 0;
    FILE *both = open_memstream(&text, &size);

    if (both != NULL) {
        fwrite(row->json, 1, row->json_size + 1, both);
        fwrite(row->private, 1, row->private_size, both);
        if (fclose(both) == 0)
            (void)!digest_sha256((struct span){text, size}, hash);
        free(text);
    }
    digest_hex(hash, 10, hex);
    snprintf(out, 48, "\"0x%.20s\"", hex);
}

/* Whether the tag is in a header like: "a", W/"b" - or the header is *. A bare tag of a body counts as well. */
static bool
etag_in(const char *given, const char *etag)
{
    size_t n = strlen(etag);

    while (*given == ' ')
        given++;
    return strcmp(given, "*") == 0 || strstr(given, etag) != NULL ||
           (strlen(given) + 2 == n && strncmp(given, etag + 1, n - 2) == 0);
}

/* The stored resource with its etag behind location and kind, where ARM has it. */
static json_t *
shown_with_etag(const json_t *stored, const char *etag)
{
    json_t *out = json_object(), *value;
    const char *key;
    bool is_done = false;

    json_object_foreach((json_t *)(uintptr_t)stored, key, value)
    {
        if (!is_done && (strcmp(key, "tags") == 0 || strcmp(key, "properties") == 0)) {
            json_object_set_new(out, "etag", json_string(etag));
            is_done = true;
        }
        json_object_set(out, key, value);
    }
    return out;
}

/* The row as an answer. */
static void
row_answer(const struct automation_row *row, unsigned status, struct automations_reply *reply)
{
    json_t *stored = json_loadb(row->json, row->json_size, 0, NULL);

    row_etag(row, reply->etag);
    reply->tree = stored == NULL ? NULL : shown_with_etag(stored, reply->etag);
    json_decref(stored);
    if (reply->tree == NULL)
        automations_fail(reply, 500, "StoreFailed", "", "what is stored cannot be read");
    else
        reply->status = status;
}

/* ---- get, list, delete ---- */

void
arm_resource_get(const struct control *c, const struct arm_resource *kind,
                 const struct automation_place *place, struct automations_reply *reply)
{
    struct automation_row row;
    struct err why = {""};
    enum status st = row_find(c, kind, place, &row, &why);

    *reply = (struct automations_reply){.status = 0};
    if (st == ST_END)
        kind->fail_absent(reply, place);
    else if (st != ST_OK)
        automations_fail_store(reply, st, &why);
    else
        row_answer(&row, 200, reply);
    automation_row_free(&row);
}

struct listing {
    const struct arm_resource *kind;
    json_t *value;
    size_t count_max, size_max, size;
    char *next; /* 400 bytes */
    char last[400];
    bool failed;
};

static bool
list_visit(void *app, const struct arm_stored *x)
{
    struct listing *l = app;
    struct automation_row row;
    struct automations_reply one = {.status = 0};

    if (json_array_size(l->value) == l->count_max ||
        (l->size > 0 && l->size + x->json.n > l->size_max)) {
        snprintf(l->next, 400, "%s", l->last);
        return false;
    }
    automation_row_copy(&row, l->kind, x);
    if (!row.has_no_memory)
        row_answer(&row, 200, &one);
    l->failed = one.status != 200 || json_array_append(l->value, one.tree) != 0;
    automations_reply_free(&one);
    automation_row_free(&row);
    l->size += x->json.n;
    snprintf(l->last, sizeof l->last, "%s/%s", x->group, x->id);
    return !l->failed;
}

void
arm_resource_list(const struct control *c, const struct arm_resource *kind,
                  const struct automation_place *place, const char *after, size_t count_max,
                  size_t size_max, char next[400], struct automations_reply *reply)
{
    struct listing l = {.kind = kind,
                        .value = json_array(),
                        .count_max = count_max,
                        .size_max = size_max,
                        .next = next};
    char group[GROUP_SIZE], after_group[400];
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
    st = arm_store_list(c->store, kind->table, place->subscription, group[0] == '\0' ? NULL : group,
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
arm_resource_delete(const struct control *c, const struct arm_resource *kind,
                    const struct automation_place *place, const char *if_match,
                    struct automations_reply *reply)
{
    char group[GROUP_SIZE], id[ID_SIZE], etag[48];
    struct arm_stored old;
    struct automation_row row;
    struct err why = {""};
    enum status st = row_find(c, kind, place, &row, &why);

    *reply = (struct automations_reply){.status = 204};
    if (st == ST_END)
        return;
    if (st != ST_OK) {
        automations_fail_store(reply, st, &why);
        return;
    }
    row_etag(&row, etag);
    old = only_if_of(kind, &row);
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (if_match != NULL && !etag_in(if_match, etag))
        st = ST_INVALID;
    else
        st = arm_store_delete(c->store, kind->table, place->subscription, group, id,
                              if_match != NULL && strcmp(if_match, "*") != 0 ? &old : NULL, &why);
    if (st == ST_INVALID)
        fail_etag(reply, kind);
    else if (st != ST_OK && st != ST_END)
        automations_fail_store(reply, st, &why);
    reply->has_changed = kind->is_planned && st == ST_OK;
    automation_row_free(&row);
}

/* ---- put ---- */

bool
arm_resource_old(const struct control *c, const struct arm_resource *kind,
                 const struct automations_put *put, struct automation_row *old, json_t **shown,
                 struct automations_reply *reply)
{
    struct err why = {""};
    enum status st = row_find(c, kind, &put->place, old, &why);

    *shown = NULL;
    if (st == ST_END && put->is_patch) {
        kind->fail_absent(reply, &put->place);
        return false;
    }
    if (st == ST_END)
        return true;
    if (st != ST_OK) {
        automations_fail_store(reply, st, &why);
        return false;
    }
    *shown = json_loadb(old->json, old->json_size, 0, NULL);
    if (*shown == NULL)
        automations_fail(reply, 500, "StoreFailed", "", "what is stored cannot be read");
    return *shown != NULL;
}

bool
arm_resource_conditions_hold(const struct arm_resource *kind, const struct automations_put *put,
                             const struct automation_row *old, const char *in_body,
                             struct automations_reply *reply)
{
    bool is_there = old->json != NULL;
    char etag[48] = "";

    if (is_there)
        row_etag(old, etag);
    if ((put->if_match != NULL && (!is_there || !etag_in(put->if_match, etag))) ||
        (is_there && in_body != NULL && in_body[0] != '\0' && !etag_in(in_body, etag))) {
        fail_etag(reply, kind);
        return false;
    }
    if (put->if_none_match != NULL && is_there && etag_in(put->if_none_match, etag)) {
        automations_fail(reply, 412, "PreconditionFailed", "", "The %s exists already.",
                         kind->table->noun);
        return false;
    }
    return true;
}

bool
arm_resource_location_holds(const struct arm_resource *kind, const json_t *old, const char *given,
                            struct automations_reply *reply)
{
    const char *stored = json_string_value(json_object_get(old, "location"));

    if (stored == NULL || given == NULL || location_equal(stored, given))
        return true;
    automations_fail(reply, 409, "InvalidResourceLocation", "",
                     "The %s already exists in another location; location cannot change.",
                     kind->table->noun);
    return false;
}

bool
arm_resource_store(const struct control *c, const struct arm_resource *kind,
                   const struct automations_put *put, const struct automation_row *old,
                   const json_t *shown, const char *beside, uint64_t count_max,
                   struct automations_reply *reply)
{
    const struct automation_place *place = &put->place;
    char group[GROUP_SIZE], id[ID_SIZE];
    struct automation_row next = {.json = json_dumps(shown, JSON_COMPACT),
                                  .private = strdup(kind->has_private ? beside : "")};
    bool is_new = old->json == NULL;
    struct err why = {""};
    enum status st = ST_OK;

    if (next.json == NULL || next.private == NULL) {
        automations_fail_memory(reply);
        automation_row_free(&next);
        return true;
    }
    next.json_size = strlen(next.json);
    next.private_size = strlen(next.private);
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (is_new || strcmp(next.json, old->json) != 0 || strcmp(next.private, old->private) != 0) {
        const struct arm_stored x = {
            .subscription = place->subscription,
            .group = group,
            .id = id,
            .json = {next.json, next.json_size},
            .beside = span_of(beside),
            .created = put->now,
            .modified = put->now
        };
        const struct arm_stored only_if = only_if_of(kind, old);

        st = arm_store_put(c->store, kind->table, &x, is_new ? NULL : &only_if, count_max, &why);
        reply->has_changed = kind->is_planned && st == ST_OK;
    }
    if (st == ST_OK)
        row_answer(&next, is_new ? 201 : 200, reply);
    else if (st == ST_INVALID)
        automations_fail(reply, 412, "PreconditionFailed", "",
                         "The %s was changed meanwhile: read it again.", kind->table->noun);
    else if (st == ST_END)
        automations_fail(reply, 404, "ResourceGroupNotFound", "", "Resource group '%s' not found.",
                         place->group);
    else if (st == ST_FULL)
        automations_fail(reply, 409, "QuotaExceeded", "", "%s", why.text);
    else
        automations_fail_store(reply, st, &why);
    automation_row_free(&next);
    return st != ST_INVALID;
}
