/* automations.c - the verbs of automations. What is stored is the resource as it is answered; beside it, private to
 * each action by its key: since when it runs, its sealed secret, and who granted a foreign destination. */
#include "control/automations.h"
#include "control/automation_store.h"
#include "control/config.h"
#include "control/inventory.h"
#include "control/secrets.h"
#include "wire/digest.h"
#include <stdlib.h>
#include <strings.h>

enum { RACES_MAX = 20 /* tries of a PUT among others of the same automation */ };

/* A row of the store, copied. */
struct row {
    char *json, *private;
    size_t json_size, private_size;
    int64_t created;
    bool has_no_memory;
};

static void
row_free(struct row *row)
{
    free(row->json);
    free(row->private);
    *row = (struct row){.json = NULL};
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
    struct row *row = app;

    *row = (struct row){.json = copy(x->json),
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

PRINTF_LIKE(5, 6)
static void
fail(struct automations_reply *reply, unsigned status, const char *code, const char *target,
     const char *format, ...)
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

static void
fail_memory(struct automations_reply *reply)
{
    fail(reply, 503, "ServiceUnavailable", "", "No memory for the request.");
}

/* Why goes to the log; the route sees to that. */
static void
fail_store(struct automations_reply *reply, enum status st, const struct err *why)
{
    fail(reply, st == ST_IO || st == ST_FULL ? 503 : 500, "StoreFailed", "", "%s", why->text);
}

static void
fail_absent(struct automations_reply *reply, const struct automation_place *place)
{
    fail(reply, 404, "ResourceNotFound", "", "Automation '%s' not found in resource group '%s'.",
         place->name, place->group);
}

static void
etag_make(const struct row *row, char out[48])
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
answer(const struct row *row, unsigned status, struct automations_reply *reply)
{
    json_t *stored = json_loadb(row->json, row->json_size, 0, NULL);

    etag_make(row, reply->etag);
    reply->tree = stored == NULL ? NULL : shown_with_etag(stored, reply->etag);
    json_decref(stored);
    if (reply->tree == NULL)
        fail(reply, 500, "StoreFailed", "", "what is stored cannot be read");
    else
        reply->status = status;
}

/* False: *st says what went wrong, ST_END that there is none. */
static enum status
row_find(const struct control *c, const struct automation_place *place, struct row *row,
         struct err *err)
{
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2];
    enum status st;

    *row = (struct row){.json = NULL};
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    st = store_automation_find(c->store, place->subscription, group, id, row_copy, row, err);
    if (st == ST_OK && row->has_no_memory) {
        row_free(row);
        st = err_set(err, ST_FULL, "no memory for the automation");
    }
    return st;
}

void
automations_get(const struct control *c, const struct automation_place *place,
                struct automations_reply *reply)
{
    struct row row;
    struct err why = {""};
    enum status st = row_find(c, place, &row, &why);

    *reply = (struct automations_reply){.status = 0};
    if (st == ST_END)
        fail_absent(reply, place);
    else if (st != ST_OK)
        fail_store(reply, st, &why);
    else
        answer(&row, 200, reply);
    row_free(&row);
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
    struct row row;
    struct automations_reply one = {.status = 0};

    if (json_array_size(l->value) == l->count_max ||
        (l->size > 0 && l->size + x->json.n > l->size_max)) {
        snprintf(l->next, 400, "%s", l->last);
        return false;
    }
    row_copy(&row, x);
    if (!row.has_no_memory)
        answer(&row, 200, &one);
    l->failed = one.status != 200 || json_array_append(l->value, one.tree) != 0;
    automations_reply_free(&one);
    row_free(&row);
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
        fail_store(reply, st, &why);
    else if (l.value == NULL || l.failed)
        fail_memory(reply);
    else {
        reply->status = 200;
        reply->tree = json_incref(l.value);
    }
    json_decref(l.value);
}

/* ---- put ---- */

struct putting {
    const struct control *c;
    const struct automations_put *put;
    struct automations_reply *reply;
    struct row old; /* json NULL: there is none */
    json_t *old_shown, *old_private;
    struct automation x;
    struct automation_faults faults;
    json_t *private; /* of the new one */
    bool has_raced;  /* another writer was quicker */
    char *secret;    /* of the action at hand, opened */
};

static const json_t *
private_of(const json_t *tree, const struct automation_action *a)
{
    return json_object_get(json_object_get(tree, "actions"), a->key);
}

static const char *
body_text(const json_t *body, const char *name)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)body, key, value)
    {
        if (strcasecmp(key, name) == 0 && json_is_string(value))
            return json_string_value(value);
    }
    return NULL;
}

static bool
conditions_hold(struct putting *p)
{
    const struct automations_put *put = p->put;
    const char *in_body = body_text(put->body, "etag");
    bool is_there = p->old.json != NULL;
    char etag[48] = "";

    if (put->is_validation)
        return true;
    if (is_there)
        etag_make(&p->old, etag);
    if ((put->if_match != NULL && (!is_there || !etag_in(put->if_match, etag))) ||
        (is_there && in_body != NULL && in_body[0] != '\0' && !etag_in(in_body, etag))) {
        fail(p->reply, 412, "PreconditionFailed", "",
             "The etag does not match the stored automation.");
        return false;
    }
    if (put->if_none_match != NULL && is_there && etag_in(put->if_none_match, etag)) {
        fail(p->reply, 412, "PreconditionFailed", "", "The automation exists already.");
        return false;
    }
    return true;
}

static bool
location_holds(struct putting *p)
{
    const char *old = json_string_value(json_object_get(p->old_shown, "location"));
    const char *given = body_text(p->put->body, "location");

    if (old == NULL || given == NULL || location_equal(old, given))
        return true;
    fail(p->reply, 409, "InvalidResourceLocation", "",
         "The automation already exists in another location; location cannot change.");
    return false;
}

/* RFC 7396, on properties; tags as a whole. */
static json_t *
patched(const struct putting *p)
{
    json_t *out = json_deep_copy(p->old_shown), *properties, *value;
    const char *key, *inner;
    json_t *change;

    json_object_foreach((json_t *)(uintptr_t)p->put->body, key, value)
    {
        if (strcasecmp(key, "tags") == 0 && !json_is_null(value))
            json_object_set(out, "tags", value);
        if (strcasecmp(key, "properties") != 0 || json_is_null(value))
            continue;
        if (!json_is_object(value)) { /* told as the wrong type that it is */
            json_object_set(out, "properties", value);
            continue;
        }
        properties = json_object_get(out, "properties");
        json_object_foreach(value, inner, change)
        {
            const char *spelt = inner, *known;
            json_t *ignored;

            json_object_foreach(properties, known, ignored)
            {
                (void)ignored;
                if (strcasecmp(known, inner) == 0)
                    spelt = known;
            }
            if (json_is_null(change))
                json_object_del(properties, spelt);
            else
                json_object_set(properties, spelt, change);
        }
    }
    return out;
}

static void
context_make(const struct automation_action *a, const char *tenant, char out[160])
{
    snprintf(out, 160, "automation/%s/%s", tenant, a->key);
}

/* Opens a stored secret into 'out'. ST_END: there is none. */
static enum status
secret_open(const struct control *c, const char *tenant, const struct automation_action *a,
            const json_t *private, char *out, struct err *err)
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
    context_make(a, tenant, context);
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

static bool
secret_seal(struct putting *p, const struct automation_action *a, json_t *private)
{
    size_t n = strlen(a->secret), size = 0;
    char *sealed = malloc(n + SECRETS_OVERHEAD), *hex = malloc(2 * (n + SECRETS_OVERHEAD) + 1);
    char context[160];
    struct err why = {""};
    enum status st = ST_FULL;

    context_make(a, p->put->place.tenant, context);
    if (sealed != NULL && hex != NULL)
        st = secrets_seal(p->c->secrets, span_of(a->secret), span_of(context), sealed, &size, &why);
    if (st == ST_OK) {
        digest_hex((unsigned char *)sealed, size, hex);
        json_object_set_new(private, "secret", json_string(hex));
    } else {
        fail(p->reply, 500, "StoreFailed", "", "%s", why.text);
    }
    free(sealed);
    free(hex);
    return st == ST_OK;
}

/* Secret and flag of the action: its own, or those that are stored for the same destination. False: answered. */
static bool
secret_settle(struct putting *p, struct automation_action *a, json_t *private)
{
    const json_t *old = private_of(p->old_private, a);
    struct err why = {""};
    enum status st;

    p->secret[0] = '\0';
    if (a->type == ACTION_WORKSPACE || (a->is_trusted && a->has_trusted))
        return true;
    st = old == NULL ? ST_END : secret_open(p->c, p->put->place.tenant, a, old, p->secret, &why);
    if (a->secret != NULL) {
        if (st == ST_OK &&
            strcmp(p->secret, a->secret) == 0) /* the same once more: the same etag */
            json_object_set(private, "secret", json_object_get(old, "secret"));
        else if (!secret_seal(p, a, private))
            return false;
        snprintf(p->secret, AUTOMATION_SECRET_MAX + 1, "%s", a->secret);
        return true;
    }
    if (st == ST_OK) {
        json_object_set(private, "secret", json_object_get(old, "secret"));
        json_t *policy = json_object_get(old, "policy");

        snprintf(a->policy, sizeof a->policy, "%s",
                 json_is_string(policy) ? json_string_value(policy) : "");
    } else if (st == ST_END && !a->has_trusted && json_is_true(json_object_get(old, "trusted"))) {
        a->is_trusted = true;
    } else if (st == ST_INVALID) {
        fail(p->reply, 500, "StoreFailed", "", "a stored secret does not open: %s", why.text);
        return false;
    }
    return true;
}

struct asking {
    const struct putting *p;
    const struct principal *who;
};

static bool
caller_may(void *app, const char *tenant)
{
    struct asking *ask = app;

    if (ask->who == NULL && ask->p->put->may != NULL)
        ask->who = ask->p->put->may(ask->p->put->app, tenant);
    return ask->who != NULL;
}

static bool
grant_holds(const struct control *c, const json_t *grant, const char *owner)
{
    const char *tenant = json_string_value(json_object_get(grant, "tenant"));
    const char *token = json_string_value(json_object_get(grant, "token"));
    bool is_good = false;
    struct err ignored;

    return tenant != NULL && token != NULL && (owner == NULL || strcmp(tenant, owner) == 0) &&
           store_token_standing(c->store, token, &is_good, &ignored) == ST_OK && is_good;
}

static bool
grant_may(void *app, const char *tenant)
{
    const char *of = json_string_value(json_object_get(app, "tenant"));

    return of != NULL && strcmp(of, tenant) == 0;
}

/* The right to write at the destination: the caller's in its tenant, or one that was granted before. *user: the tenant
 * as whose it is used. False: answered. */
static bool
grant_settle(struct putting *p, const struct automation_action *a, size_t index, json_t *private,
             char user[40])
{
    static const char *const members[] = {"logicAppResourceId", "eventHubResourceId",
                                          "workspaceResourceId"};
    const char *tenant = p->put->place.tenant;
    struct asking ask = {.p = p};
    json_t *old = json_object_get(private_of(p->old_private, a), "grant");
    char target[120];

    snprintf(user, 40, "%s", tenant);
    if (destination_owner_find(p->c, tenant, a->resource_id, caller_may, &ask, user) ==
        DESTINATION_OWN) {
        snprintf(user, 40, "%s", tenant);
        return true;
    }
    if (user[0] != '\0') {
        json_object_set_new(private, "grant",
                            json_pack("{s:s, s:s, s:s, s:I}", "tenant", user, "token",
                                      ask.who->token_id, "name", ask.who->name, "time",
                                      (json_int_t)p->put->now));
        if (json_is_object(old) && /* the same once more */
            strcmp(json_string_value(json_object_get(old, "token")), ask.who->token_id) == 0)
            json_object_set(private, "grant", old);
        return true;
    }
    if (old != NULL && grant_holds(p->c, old, NULL) &&
        destination_owner_find(p->c, tenant, a->resource_id, grant_may, old, user) ==
            DESTINATION_FOREIGN &&
        user[0] != '\0') {
        json_object_set(private, "grant", old);
        return true;
    }
    snprintf(target, sizeof target, "properties.actions[%zu].%s", index, members[a->type]);
    fail(p->reply, 403, "LinkedAuthorizationFailed", target,
         "The caller may write the automation but has no permission on the linked destination.");
    return false;
}

/* False: answered. Faults of destinations are told with the others. */
static bool
action_settle(struct putting *p, size_t index)
{
    struct automation_action *a = &p->x.actions[index];
    const json_t *old = private_of(p->old_private, a);
    const json_t *since = json_object_get(old, "since");
    bool was_enabled =
        !json_is_false(json_object_get(json_object_get(p->old_shown, "properties"), "isEnabled"));
    json_t *private = json_object();
    char code[48] = "", target[120], user[40];
    const char *member = "";
    struct destination *d = malloc(sizeof *d);
    struct err why = {""};
    bool is_fine = false;

    if (d == NULL || private == NULL) {
        fail_memory(p->reply);
        goto end;
    }
    json_object_set_new(json_object_get(p->private, "actions"), a->key, json_incref(private));
    json_object_set_new(private, "since",
                        since != NULL && (was_enabled || !p->x.is_enabled)
                            ? json_incref((json_t *)(uintptr_t)since)
                            : json_integer(p->put->now));
    if (!secret_settle(p, a, private) || !grant_settle(p, a, index, private, user))
        goto end;
    if (a->is_trusted)
        json_object_set_new(private, "trusted", json_true());
    if (a->policy[0] != '\0')
        json_object_set_new(private, "policy", json_string(a->policy));
    is_fine = true;
    if (destination_make(p->c, user, a, p->secret[0] == '\0' ? NULL : p->secret, d, code, &member,
                         &why) != ST_OK) {
        snprintf(target, sizeof target, "properties.actions[%zu].%s", index, member);
        automation_fault(&p->faults, code, target, "%s", why.text);
    }

end:
    json_decref(private);
    free(d);
    return is_fine;
}

/* {"isValid","message"}: the first fault, or what to beware of. */
static void
validation_answer(struct putting *p)
{
    const struct automation_faults *f = &p->faults;
    json_t *message;

    automations_reply_free(p->reply);
    if (f->count > 0)
        message = json_string(f->first);
    else if (f->warning_count > 0)
        message = json_sprintf("Validation Successful. Warning: %s", f->warnings);
    else
        message = json_string("Validation Successful");
    p->reply->tree = json_pack("{s:b, s:o}", "isValid", f->count == 0, "message",
                               message == NULL ? json_string("") : message);
    p->reply->status = 200;
    if (p->reply->tree == NULL)
        fail_memory(p->reply);
}

static void
faults_answer(struct putting *p)
{
    struct automation_faults *f = &p->faults;

    if (p->put->is_validation) {
        validation_answer(p);
        return;
    }
    if (f->has_type_fault)
        fail(p->reply, 400, "InvalidRequestContent", f->type_target,
             "The request body is not valid: %.200s", f->first_type);
    else
        fail(p->reply, 400, "InvalidAutomation", "properties", "The automation is not valid.");
    p->reply->details = json_incref(f->details);
}

static void
put_store(struct putting *p)
{
    const struct automation_place *place = &p->put->place;
    char group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2];
    struct row next = {.json = json_dumps(p->x.shown, JSON_COMPACT),
                       .private = json_dumps(p->private, JSON_COMPACT)};
    bool is_new = p->old.json == NULL;
    struct err why = {""};
    enum status st = ST_OK;

    if (next.json == NULL || next.private == NULL) {
        fail_memory(p->reply);
        row_free(&next);
        return;
    }
    next.json_size = strlen(next.json);
    next.private_size = strlen(next.private);
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (is_new || strcmp(next.json, p->old.json) != 0 ||
        strcmp(next.private, p->old.private) != 0) {
        struct store_automation x = {
            place->subscription,
            group,
            id,
            {next.json,    next.json_size   },
            {next.private, next.private_size},
            p->put->now,
            p->put->now
        };
        struct store_automation old = {
            .json = {p->old.json,    p->old.json_size   },
            .private = {p->old.private, p->old.private_size}
        };

        st = store_automation_put(p->c->store, &x, is_new ? NULL : &old,
                                  p->c->config->limits.automations_max, &why);
        p->reply->has_changed = st == ST_OK;
    }
    if (st == ST_OK)
        answer(&next, is_new ? 201 : 200, p->reply);
    else if (st == ST_INVALID) {
        p->has_raced = true;
        fail(p->reply, 412, "PreconditionFailed", "",
             "The automation was changed meanwhile: read it again.");
    } else if (st == ST_END)
        fail(p->reply, 404, "ResourceGroupNotFound", "", "Resource group '%s' not found.",
             place->group);
    else if (st == ST_FULL)
        fail(p->reply, 409, "QuotaExceeded", "", "%s", why.text);
    else
        fail_store(p->reply, st, &why);
    row_free(&next);
}

static void
put_read(struct putting *p)
{
    const struct automations_put *put = p->put;
    json_t *merged = put->is_patch ? patched(p) : NULL;
    struct err why = {""};
    enum status st = automation_read(&put->place, put->is_patch ? merged : put->body,
                                     json_string_value(json_object_get(p->old_shown, "location")),
                                     false, &p->x, &p->faults, &why);

    json_decref(merged);
    if (st == ST_FULL) {
        fail_memory(p->reply);
        return;
    }
    p->private = json_pack("{s:{}}", "actions");
    p->secret = malloc(AUTOMATION_SECRET_MAX + 1);
    if (p->private == NULL || p->secret == NULL) {
        fail_memory(p->reply);
        return;
    }
    for (size_t i = 0; i < p->x.action_count; i++)
        if (!action_settle(p, i))
            return;
    if (p->faults.count > 0) {
        faults_answer(p);
    } else if (put->is_validation) {
        validation_answer(p);
    } else {
        automation_show_actions(&p->x);
        put_store(p);
    }
}

/* What is stored now. False: answered. */
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
    if (st != ST_OK) {
        fail_store(p->reply, st, &why);
        return false;
    }
    p->old_shown = json_loadb(p->old.json, p->old.json_size, 0, NULL);
    p->old_private = json_loadb(p->old.private, p->old.private_size, 0, NULL);
    if (p->old_shown != NULL && p->old_private != NULL)
        return true;
    fail(p->reply, 500, "StoreFailed", "", "what is stored cannot be read");
    return false;
}

static void
put_free(struct putting *p)
{
    automation_free(&p->x);
    automation_faults_free(&p->faults);
    json_decref(p->old_shown);
    json_decref(p->old_private);
    json_decref(p->private);
    row_free(&p->old);
    if (p->secret != NULL)
        secrets_wipe(p->secret, AUTOMATION_SECRET_MAX + 1);
    free(p->secret);
}

void
automations_put(const struct control *c, const struct automations_put *put,
                struct automations_reply *reply)
{
    struct err why = {""};
    bool again = true;

    *reply = (struct automations_reply){.status = 0};
    if (automation_name_check(put->place.name, &why) != ST_OK) {
        fail(reply, 400, "InvalidResourceName", "name", "%s.", why.text);
        return;
    }
    /* Without a condition the last writer wins: who was overtaken looks once more at what is there now. With one,
     * that look tells. */
    for (int i = 0; i < RACES_MAX && again; i++) {
        struct putting p = {.c = c, .put = put, .reply = reply};

        automations_reply_free(reply);
        if (old_read(&p) && conditions_hold(&p) && (put->is_validation || location_holds(&p)))
            put_read(&p);
        again = p.has_raced;
        put_free(&p);
    }
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
    struct row row;
    struct err why = {""};
    enum status st = row_find(c, place, &row, &why);

    *reply = (struct automations_reply){.status = 204};
    if (st == ST_END)
        return;
    if (st != ST_OK) {
        fail_store(reply, st, &why);
        return;
    }
    etag_make(&row, etag);
    old.json = (struct span){row.json, row.json_size};
    old.private = (struct span){row.private, row.private_size};
    inventory_fold(place->group, group, sizeof group);
    inventory_fold(place->name, id, sizeof id);
    if (if_match != NULL && !etag_in(if_match, etag))
        st = ST_INVALID;
    else
        st = store_automation_delete(c->store, place->subscription, group, id,
                                     if_match != NULL && strcmp(if_match, "*") != 0 ? &old : NULL,
                                     &why);
    if (st == ST_INVALID)
        fail(reply, 412, "PreconditionFailed", "",
             "The etag does not match the stored automation.");
    else if (st != ST_OK && st != ST_END)
        fail_store(reply, st, &why);
    reply->has_changed = st == ST_OK;
    row_free(&row);
}

/* ---- for the plan ---- */

struct visiting {
    struct stored_row {
        char subscription[40];
        struct row row;
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

struct owner {
    char tenant[40];
    bool is_active;
    const char *wanted;
};

static bool
owner_visit(void *app, const struct subscription *x)
{
    struct owner *o = app;

    if (strcmp(x->id, o->wanted) != 0)
        return true;
    snprintf(o->tenant, sizeof o->tenant, "%s", x->tenant);
    o->is_active = x->is_active;
    return false;
}

enum status
automations_visit(const struct control *c, const char *subscription,
                  bool (*visit)(void *app, const struct automation_stored *x), void *app,
                  struct err *err)
{
    struct visiting v = {.rows = NULL};
    struct owner owner = {.wanted = ""};
    enum status st = store_automations(c->store, subscription, NULL, "", "", visit_copy, &v, err);

    if (st == ST_OK && v.has_no_memory)
        st = err_set(err, ST_FULL, "no memory for the automations");
    for (size_t i = 0; i < v.count && st == ST_OK; i++) {
        const struct stored_row *r = &v.rows[i];

        if (strcmp(owner.wanted, r->subscription) != 0) {
            owner = (struct owner){.wanted = r->subscription};
            st = subscriptions(c->store, NULL, true, owner_visit, &owner, err);
        }
        if (st == ST_OK && !visit(app, &(struct automation_stored){
                                           .subscription = r->subscription,
                                           .tenant = owner.tenant,
                                           .is_active = owner.is_active,
                                           .json = {r->row.json,    r->row.json_size   },
                                           .private = {r->row.private, r->row.private_size},
                                           .created = r->row.created,
                                           .modified = r->modified
        }))
            break;
    }
    for (size_t i = 0; i < v.count; i++)
        row_free(&v.rows[i].row);
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
    const json_t *private = private_of(private_tree, action);
    json_t *grant = json_object_get(private, "grant");
    char code[48], user[40];
    const char *member;
    enum status st = secret_open(c, tenant, action, private, secret, err);

    granted[0] = '\0';
    *d = (struct destination){.hub = NULL};
    if (st != ST_OK && st != ST_END)
        return st;
    if (destination_owner_find(c, tenant, action->resource_id, grant_may, grant, user) ==
        DESTINATION_FOREIGN) {
        if (user[0] == '\0' || !grant_holds(c, grant, user))
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
    return json_integer_value(json_object_get(private_of(private_tree, action), "since"));
}

void
automation_route_id(const char *tenant, const struct automation_action *action,
                    char out[AUTOMATION_ROUTE_SIZE])
{
    snprintf(out, AUTOMATION_ROUTE_SIZE, "%s/automation#%s", tenant, action->key);
}
