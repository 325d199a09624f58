/* automations_put.c - PUT, PATCH and validate: what is stored for the same destination is kept, what the caller may is
 * asked, and all that is wrong is told before anything is written. */
#include "control/automations_inner.h"
#include "control/config.h"
#include "control/inventory.h"
#include "control/secrets.h"
#include "wire/digest.h"
#include <stdlib.h>
#include <strings.h>

enum { RACES_MAX = 20 /* tries of a PUT among others of the same automation */ };

struct putting {
    const struct control *c;
    const struct automations_put *put;
    struct automations_reply *reply;
    struct automation_row old; /* json NULL: there is none */
    json_t *old_shown, *old_private;
    struct automation x;
    struct automation_faults faults;
    json_t *private; /* of the new one */
    bool has_raced;  /* another writer was quicker */
    char *secret;    /* of the action at hand, opened */
};

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

    return put->is_validation ||
           (arm_resource_conditions_hold(&arm_resource_automations, put, &p->old,
                                         body_text(put->body, "etag"), p->reply) &&
            arm_resource_location_holds(&arm_resource_automations, p->old_shown,
                                        body_text(put->body, "location"), p->reply));
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

static bool
secret_seal(struct putting *p, const struct automation_action *a, json_t *private)
{
    size_t n = strlen(a->secret), size = 0;
    char *sealed = malloc(n + SECRETS_OVERHEAD), *hex = malloc(2 * (n + SECRETS_OVERHEAD) + 1);
    char context[160];
    struct err why = {""};
    enum status st = ST_FULL;

    automation_secret_context(a, p->put->place.tenant, context);
    if (sealed != NULL && hex != NULL)
        st = secrets_seal(p->c->secrets, span_of(a->secret), span_of(context), sealed, &size, &why);
    if (st == ST_OK) {
        digest_hex((unsigned char *)sealed, size, hex);
        json_object_set_new(private, "secret", json_string(hex));
    } else {
        automations_fail(p->reply, 500, "StoreFailed", "", "%s", why.text);
    }
    free(sealed);
    free(hex);
    return st == ST_OK;
}

/* Secret and flag of the action: its own, or those that are stored for the same destination. False: answered. */
static bool
secret_settle(struct putting *p, struct automation_action *a, json_t *private)
{
    const json_t *old = automation_private_of(p->old_private, a);
    struct err why = {""};
    enum status st;

    p->secret[0] = '\0';
    if (a->type == ACTION_WORKSPACE || (a->is_trusted && a->has_trusted))
        return true;
    st = old == NULL ? ST_END
                     : automation_secret_open(p->c, p->put->place.tenant, a, old, p->secret, &why);
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
        automations_fail(p->reply, 500, "StoreFailed", "", "a stored secret does not open: %s",
                         why.text);
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
    json_t *old = json_object_get(automation_private_of(p->old_private, a), "grant");
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
    if (old != NULL && automation_grant_holds(p->c, old, NULL) &&
        destination_owner_find(p->c, tenant, a->resource_id, automation_grant_may, old, user) ==
            DESTINATION_FOREIGN &&
        user[0] != '\0') {
        json_object_set(private, "grant", old);
        return true;
    }
    snprintf(target, sizeof target, "properties.actions[%zu].%s", index, members[a->type]);
    automations_fail(
        p->reply, 403, "LinkedAuthorizationFailed", target,
        "The caller may write the automation but has no permission on the linked destination.");
    return false;
}

/* False: answered. Faults of destinations are told with the others. */
static bool
action_settle(struct putting *p, size_t index)
{
    struct automation_action *a = &p->x.actions[index];
    const json_t *old = automation_private_of(p->old_private, a);
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
        automations_fail_memory(p->reply);
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
        automations_fail_memory(p->reply);
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
        automations_fail(p->reply, 400, "InvalidRequestContent", f->type_target,
                         "The request body is not valid: %.200s", f->first_type);
    else
        automations_fail(p->reply, 400, "InvalidAutomation", "properties",
                         "The automation is not valid.");
    p->reply->details = json_incref(f->details);
}

static void
put_store(struct putting *p)
{
    char *private = json_dumps(p->private, JSON_COMPACT);

    if (private == NULL)
        automations_fail_memory(p->reply);
    else
        p->has_raced =
            !arm_resource_store(p->c, &arm_resource_automations, p->put, &p->old, p->x.shown,
                                private, p->c->config->limits.automations_max, p->reply);
    free(private);
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
        automations_fail_memory(p->reply);
        return;
    }
    p->private = json_pack("{s:{}}", "actions");
    p->secret = malloc(AUTOMATION_SECRET_MAX + 1);
    if (p->private == NULL || p->secret == NULL) {
        automations_fail_memory(p->reply);
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
    if (!arm_resource_old(p->c, &arm_resource_automations, p->put, &p->old, &p->old_shown,
                          p->reply))
        return false;
    if (p->old.json == NULL)
        return true;
    p->old_private = json_loadb(p->old.private, p->old.private_size, 0, NULL);
    if (p->old_private != NULL)
        return true;
    automations_fail(p->reply, 500, "StoreFailed", "", "what is stored cannot be read");
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
    automation_row_free(&p->old);
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
        automations_fail(reply, 400, "InvalidResourceName", "name", "%s.", why.text);
        return;
    }
    /* Without a condition the last writer wins: who was overtaken looks once more at what is there now. With one,
     * that look tells. */
    for (int i = 0; i < RACES_MAX && again; i++) {
        struct putting p = {.c = c, .put = put, .reply = reply};

        automations_reply_free(reply);
        if (old_read(&p) && conditions_hold(&p))
            put_read(&p);
        again = p.has_raced;
        put_free(&p);
    }
}
