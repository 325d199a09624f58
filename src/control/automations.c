/* automations.c - the verbs of automations. What is stored is the resource as it is answered; beside it, private to
 * each action by its key: since when it runs, its sealed secret, and who granted a foreign destination. */
#include "control/automation_store.h"
#include "control/automations_inner.h"
#include "control/inventory.h"
#include "control/secrets.h"
#include "wire/digest.h"
#include <stdlib.h>
#include <strings.h>

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
        memcpy(out, text.p, text.n);
        out[text.n] = '\0';
    }
    return out;
}

static bool
row_copy(void *app, const struct store_automation *x)
{
    struct automation_row *row = app;

    *row = (struct automation_row){.json = copy(x->json),
                                   .private = copy(x->private),
                                   .json_size = x->json.n,
                                   .private_size = x->private.n,
                                   .created = x->created};
    row->has_no_memory = row->json == NULL || row->private == NULL;
    return false;
}

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

/* Why goes to the log; the route sees to that. */
void
automations_fail_store(struct automations_reply *reply, enum status st, const struct err *why)
{
    automations_fail(reply, st == ST_IO || st == ST_FULL ? 503 : 500, "StoreFailed", "", "%s",
                     why->text);
}

void
automations_fail_absent(struct automations_reply *reply, const struct automation_place *place)
{
    automations_fail(reply, 404, "ResourceNotFound", "",
                     "Automation '%s' not found in resource group '%s'.", place->name,
                     place->group);
}

void
automation_etag(const struct automation_row *row, char out[48])
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
bool
automation_etag_in(const char *given, const char *etag)
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
void
automations_answer(const struct automation_row *row, unsigned status,
                   struct automations_reply *reply)
{
    json_t *stored = json_loadb(row->json, row->json_size, 0, NULL);

    automation_etag(row, reply->etag);
    reply->tree = stored == NULL ? NULL : shown_with_etag(stored, reply->etag);
    json_decref(stored);
    if (reply->tree == NULL)
        automations_fail(reply, 500, "StoreFailed", "", "what is stored cannot be read");
    else
        reply->status = status;
}

/* False: *st says what went wrong, ST_END that there is none. */
enum status
automation_row_find(const struct control *c, const struct automation_place *place,
                    struct automation_row *row, struct err *err)
{
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2];
    enum status st;

    *row = (struct automation_row){.json = NULL};
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    st = store_automation_find(c->store, place->subscription, group, id, row_copy, row, err);
    if (st == ST_OK && row->has_no_memory) {
        automation_row_free(row);
        st = err_set(err, ST_FULL, "no memory for the automation");
    }
    return st;
}

void
automations_get(const struct control *c, const struct automation_place *place,
                struct automations_reply *reply)
{
    struct automation_row row;
    struct err why = {""};
    enum status st = automation_row_find(c, place, &row, &why);

    *reply = (struct automations_reply){.status = 0};
    if (st == ST_END)
        automations_fail_absent(reply, place);
    else if (st != ST_OK)
        automations_fail_store(reply, st, &why);
    else
        automations_answer(&row, 200, reply);
    automation_row_free(&row);
}

/* ---- list ---- */

struct listing {
    json_t *value;
    size_t count_max, size_max, size;
    char *next; /* 400 bytes */
    char last[400];
    bool failed;
};

static bool
list_visit(void *app, const struct store_automation *x)
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
automations_list(const struct control *c, const struct automation_place *place, const char *after,
                 size_t count_max, size_t size_max, char next[400], struct automations_reply *reply)
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
    st = store_automations(c->store, place->subscription, group[0] == '\0' ? NULL : group,
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

/* ---- delete ---- */

void
automations_delete(const struct control *c, const struct automation_place *place,
                   const char *if_match, struct automations_reply *reply)
{
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2], etag[48];
    struct store_automation old = {
        .json = {NULL, 0}
    };
    struct automation_row row;
    struct err why = {""};
    enum status st = automation_row_find(c, place, &row, &why);

    *reply = (struct automations_reply){.status = 204};
    if (st == ST_END)
        return;
    if (st != ST_OK) {
        automations_fail_store(reply, st, &why);
        return;
    }
    automation_etag(&row, etag);
    old.json = (struct span){row.json, row.json_size};
    old.private = (struct span){row.private, row.private_size};
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (if_match != NULL && !automation_etag_in(if_match, etag))
        st = ST_INVALID;
    else
        st = store_automation_delete(c->store, place->subscription, group, id,
                                     if_match != NULL && strcmp(if_match, "*") != 0 ? &old : NULL,
                                     &why);
    if (st == ST_INVALID)
        automations_fail(reply, 412, "PreconditionFailed", "",
                         "The etag does not match the stored automation.");
    else if (st != ST_OK && st != ST_END)
        automations_fail_store(reply, st, &why);
    reply->has_changed = st == ST_OK;
    automation_row_free(&row);
}

/* ---- what is private to actions ---- */

const json_t *
automation_private_of(const json_t *tree, const struct automation_action *a)
{
    return json_object_get(json_object_get(tree, "actions"), a->key);
}

void
automation_secret_context(const struct automation_action *a, const char *tenant, char out[160])
{
    snprintf(out, 160, "automation/%s/%s", tenant, a->key);
}

/* Opens a stored secret into 'out'. ST_END: there is none. */
enum status
automation_secret_open(const struct control *c, const char *tenant,
                       const struct automation_action *a, const json_t *private, char *out,
                       struct err *err)
{
    const json_t *hex = json_object_get(private, "secret");
    size_t n = json_string_length(hex) / 2, size = 0;
    char context[160];
    unsigned char *sealed;
    enum status st;

    if (n == 0 || n > AUTOMATION_SECRET_MAX + SECRETS_OVERHEAD)
        return ST_END;
    sealed = malloc(n);
    char *plain = malloc(n + 1);

    if (sealed == NULL || plain == NULL) {
        free(sealed);
        free(plain);
        return err_set(err, ST_FULL, "no memory for a secret");
    }
    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;

        (void)sscanf(json_string_value(hex) + 2 * i, "%2x", &byte);
        sealed[i] = (unsigned char)byte;
    }
    automation_secret_context(a, tenant, context);
    st = secrets_unseal(c->secrets, (struct span){(char *)sealed, n}, span_of(context), plain,
                        &size, err);
    if (st == ST_OK && size <= AUTOMATION_SECRET_MAX) {
        memcpy(out, plain, size);
        out[size] = '\0';
    }
    secrets_wipe(plain, n);
    free(plain);
    free(sealed);
    return st;
}

bool
automation_grant_holds(const struct control *c, const json_t *grant, const char *owner)
{
    const char *tenant = json_string_value(json_object_get(grant, "tenant"));
    const char *token = json_string_value(json_object_get(grant, "token"));
    bool is_good = false;
    struct err ignored;

    return tenant != NULL && token != NULL && (owner == NULL || strcmp(tenant, owner) == 0) &&
           store_token_standing(c->store, token, &is_good, &ignored) == ST_OK && is_good;
}

bool
automation_grant_may(void *app, const char *tenant)
{
    const char *of = json_string_value(json_object_get(app, "tenant"));

    return of != NULL && strcmp(of, tenant) == 0;
}

/* ---- for the plan ---- */

struct visiting {
    struct stored_row {
        char subscription[40];
        struct automation_row row;
        int64_t modified;
    } * rows;
    size_t count, room;
    bool has_no_memory;
};

static bool
visit_copy(void *app, const struct store_automation *x)
{
    struct visiting *v = app;

    if (v->count == v->room) {
        size_t room = v->room == 0 ? 16 : v->room * 2;
        void *rows = realloc(v->rows, room * sizeof *v->rows);

        if (rows == NULL) {
            v->has_no_memory = true;
            return false;
        }
        v->rows = rows;
        v->room = room;
    }
    struct stored_row *to = &v->rows[v->count++];

    snprintf(to->subscription, sizeof to->subscription, "%s", x->subscription);
    row_copy(&to->row, x);
    to->modified = x->modified;
    v->has_no_memory |= to->row.has_no_memory;
    return !v->has_no_memory;
}

enum status
automations_visit(const struct control *c, const char *subscription,
                  bool (*visit)(void *app, const struct automation_stored *x), void *app,
                  struct err *err)
{
    struct visiting v = {.rows = NULL};
    const char *of = ""; /* whose owner this is */
    char tenant[40] = "";
    bool is_active = false;
    enum status st = store_automations(c->store, subscription, NULL, "", "", visit_copy, &v, err);

    if (st == ST_OK && v.has_no_memory)
        st = err_set(err, ST_FULL, "no memory for the automations");
    for (size_t i = 0; i < v.count && st == ST_OK; i++) {
        const struct stored_row *r = &v.rows[i];

        if (strcmp(of, r->subscription) != 0) {
            of = r->subscription;
            st = subscription_owner(c->store, of, tenant, &is_active, err);
            if (st == ST_END) /* it went a moment ago: "" says so */
                st = ST_OK;
        }
        if (st == ST_OK && !visit(app, &(struct automation_stored){
                                           .subscription = r->subscription,
                                           .tenant = tenant,
                                           .is_active = is_active,
                                           .json = {r->row.json,    r->row.json_size   },
                                           .private = {r->row.private, r->row.private_size},
                                           .created = r->row.created,
                                           .modified = r->modified
        }))
            break;
    }
    for (size_t i = 0; i < v.count; i++)
        automation_row_free(&v.rows[i].row);
    free(v.rows);
    return st;
}

enum status
automation_stored_read(const struct control *c, const char *tenant, const char *subscription,
                       struct span json, struct span private, struct automation *x,
                       json_t **private_tree, struct err *err)
{
    json_t *shown = json_loadb(json.p, json.n, 0, NULL);
    struct automation_faults faults = {.count = 0};
    struct automation_place place = {
        .tenant = tenant,
        .subscription = subscription,
        .id = json_string_value(json_object_get(shown, "id")),
        .name = json_string_value(json_object_get(shown, "name")),
        .group = "",
    };
    enum status st = ST_INVALID;

    (void)c;
    *x = (struct automation){.shown = NULL};
    *private_tree = json_loadb(private.p, private.n, 0, NULL);
    if (place.id != NULL && place.name != NULL && *private_tree != NULL)
        st = automation_read(&place, shown, NULL, true, x, &faults, err);
    else
        err_set(err, ST_INVALID, "what is stored cannot be read");
    automation_faults_free(&faults);
    json_decref(shown);
    if (st != ST_OK) {
        automation_free(x);
        json_decref(*private_tree);
        *private_tree = NULL;
    }
    return st;
}

enum status
automation_action_open(const struct control *c, const char *tenant,
                       const struct automation_action *action, const json_t *private_tree,
                       char *secret, struct destination *d, char granted[40], struct err *err)
{
    const json_t *private = automation_private_of(private_tree, action);
    json_t *grant = json_object_get(private, "grant");
    char code[48], user[40];
    const char *member;
    enum status st = automation_secret_open(c, tenant, action, private, secret, err);

    granted[0] = '\0';
    *d = (struct destination){.hub = NULL};
    if (st != ST_OK && st != ST_END)
        return st;
    if (destination_owner_find(c, tenant, action->resource_id, automation_grant_may, grant, user) ==
        DESTINATION_FOREIGN) {
        if (user[0] == '\0' || !automation_grant_holds(c, grant, user))
            return err_set(
                err, ST_INVALID,
                "the grant of the destination's tenant was withdrawn: put the automation "
                "again with a token of that tenant");
        snprintf(granted, 40, "%s", user);
    } else {
        snprintf(user, sizeof user, "%s", tenant);
    }
    return destination_make(c, user, action, st == ST_OK ? secret : NULL, d, code, &member, err);
}

int64_t
automation_action_since(const struct automation_action *action, const json_t *private_tree)
{
    return json_integer_value(
        json_object_get(automation_private_of(private_tree, action), "since"));
}

void
automation_route_id(const char *tenant, const struct automation_action *action,
                    char out[AUTOMATION_ROUTE_SIZE])
{
    snprintf(out, AUTOMATION_ROUTE_SIZE, "%s/automation#%s", tenant, action->key);
}
