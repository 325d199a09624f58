/* automations.c - the verbs of automations. What is stored is the resource as it is answered; beside it, private to
 * each action by its key: since when it runs, its sealed secret, and who granted a foreign destination. */
#include "control/automations_inner.h"
#include "control/inventory.h"
#include "control/secrets.h"
#include "wire/digest.h"
#include <stdlib.h>
#include <strings.h>

static void
fail_absent(struct automations_reply *reply, const struct automation_place *place)
{
    automations_fail(reply, 404, "ResourceNotFound", "",
                     "Automation '%s' not found in resource group '%s'.", place->name,
                     place->group);
}

const struct arm_resource arm_resource_automations = {
    .table = &arm_table_automations,
    .has_private = true,
    .is_planned = true,
    .fail_absent = fail_absent,
};

void
automations_get(const struct control *c, const struct automation_place *place,
                struct automations_reply *reply)
{
    arm_resource_get(c, &arm_resource_automations, place, reply);
}

void
automations_list(const struct control *c, const struct automation_place *place, const char *after,
                 size_t count_max, size_t size_max, char next[400], struct automations_reply *reply)
{
    arm_resource_list(c, &arm_resource_automations, place, after, count_max, size_max, next, reply);
}

void
automations_delete(const struct control *c, const struct automation_place *place,
                   const char *if_match, struct automations_reply *reply)
{
    arm_resource_delete(c, &arm_resource_automations, place, if_match, reply);
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
visit_copy(void *app, const struct arm_stored *x)
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
    automation_row_copy(&to->row, &arm_resource_automations, x);
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
    enum status st = arm_store_list(c->store, &arm_table_automations, subscription, NULL, "", "",
                                    visit_copy, &v, err);

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
