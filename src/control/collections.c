/* collections.c - the rule that an upload names, compiled. The store is asked each time, which costs a look into an index;
 * what is compiled is kept as long as the stored text is the same, so a changed rule holds from the next upload on, whoever
 * changed it. */
#include "control/arm_store.h"
#include "control/collection_rules.h"
#include "control/inventory.h"
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

struct kept {
    const struct control *control; /* a reload may change the catalog: then it is another bundle */
    char id[COLLECTION_ID_SIZE];
    char *json;
    struct collection *compiled;
    uint64_t used;
};

struct collections {
    pthread_mutex_t lock; /* guards what follows */
    uint64_t clock;
    struct kept kept[COLLECTION_CACHE];
};

enum status
collections_make(struct collections **out, struct err *err)
{
    struct collections *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_set(err, ST_FULL, "no memory");
    pthread_mutex_init(&s->lock, NULL);
    *out = s;
    return ST_OK;
}

static void
kept_drop(struct kept *k)
{
    collection_release(k->compiled);
    free(k->json);
    *k = (struct kept){.control = NULL};
}

void
collections_free(struct collections *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < COLLECTION_CACHE; i++)
        kept_drop(&s->kept[i]);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* One that is kept and still says the same, held; or NULL. */
static struct collection *
kept_find(struct collections *s, const struct control *c, const char *id, const char *json)
{
    struct collection *found = NULL;

    if (s == NULL)
        return NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < COLLECTION_CACHE && found == NULL; i++) {
        struct kept *k = &s->kept[i];

        if (k->control != c || strcmp(k->id, id) != 0)
            continue;
        if (strcmp(k->json, json) != 0) {
            kept_drop(k);
            continue;
        }
        k->used = ++s->clock;
        found = collection_hold(k->compiled);
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static void
keep(struct collections *s, const struct control *c, const char id[COLLECTION_ID_SIZE],
     const char *json, struct collection *compiled)
{
    char *copy = s == NULL ? NULL : strdup(json);
    struct kept *oldest;

    if (copy == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    oldest = &s->kept[0];
    for (size_t i = 1; i < COLLECTION_CACHE; i++)
        if (s->kept[i].used < oldest->used)
            oldest = &s->kept[i];
    kept_drop(oldest);
    *oldest = (struct kept){
        .control = c, .json = copy, .compiled = collection_hold(compiled), .used = ++s->clock};
    memcpy(oldest->id, id, sizeof oldest->id);
    pthread_mutex_unlock(&s->lock);
}

/* ---- the rule of an id ---- */

struct found {
    char *json;
    char subscription[40], group[INVENTORY_GROUP_NAME_MAX + 2], id[AUTOMATION_NAME_MAX + 2];
};

static bool
found_copy(void *app, const struct arm_stored *x)
{
    struct found *f = app;

    f->json = strndup(x->json.p, x->json.n);
    snprintf(f->subscription, sizeof f->subscription, "%s", x->subscription);
    snprintf(f->group, sizeof f->group, "%s", x->group);
    snprintf(f->id, sizeof f->id, "%s", x->id);
    return false;
}

static enum collection_answer
compile(const struct control *c, const char *tenant, const struct found *f,
        struct collection **held, struct err *err)
{
    json_t *stored = json_loads(f->json, 0, NULL), *shown = NULL;
    const char *id = json_string_value(json_object_get(stored, "id"));
    const char *name = json_string_value(json_object_get(stored, "name"));
    struct automation_place place = {.tenant = tenant,
                                     .subscription = f->subscription,
                                     .id = id,
                                     .group = f->group,
                                     .name = name};
    struct automation_faults faults = {.details = NULL};
    enum status st = ST_IO;

    if (id == NULL || name == NULL)
        err_set(err, ST_IO, "what is stored of the rule %.80s cannot be read", f->id);
    else
        st = collection_rule_read(c, &place, stored, NULL, &shown, held, &faults, err);
    automation_faults_free(&faults);
    json_decref(shown);
    json_decref(stored);
    return st == ST_OK ? COLLECTION_FOUND : COLLECTION_BROKEN;
}

static enum collection_answer
stored_find(struct collections *s, const struct control *c, const char *tenant, const char *rule,
            char owner[40], struct collection **held, struct err *err)
{
    struct found f = {.json = NULL};
    enum collection_answer answer = COLLECTION_FOUND;
    enum status st =
        arm_store_find_beside(c->store, &arm_table_collections, rule, found_copy, &f, err);

    if (st == ST_OK && f.json == NULL)
        st = err_set(err, ST_FULL, "no memory for a collection rule");
    if (st == ST_OK)
        st = subscription_tenant(c->store, f.subscription, owner, err);
    if (st != ST_OK) {
        free(f.json);
        return st == ST_END ? COLLECTION_NO_RULE : COLLECTION_BROKEN;
    }
    if (tenant != NULL && strcmp(tenant, owner) != 0) {
        free(f.json);
        return COLLECTION_NO_RULE;
    }
    *held = kept_find(s, c, rule, f.json);
    if (*held == NULL) {
        answer = compile(c, owner, &f, held, err);
        if (answer == COLLECTION_FOUND)
            keep(s, c, rule, f.json, *held);
    }
    free(f.json);
    return answer;
}

/* ---- the built-in rule ---- */

struct owner_search {
    const char *rule;
    char *owner; /* 40 bytes */
    bool is_found;
};

static bool
owner_visit(void *app, const struct store_tenant *t)
{
    struct owner_search *o = app;
    char id[COLLECTION_ID_SIZE];

    if (!t->is_active || collection_default_id(t->id, id, NULL) != ST_OK ||
        strcmp(id, o->rule) != 0)
        return true;
    snprintf(o->owner, 40, "%s", t->id);
    o->is_found = true;
    return false;
}

/* Whether the rule is a built-in one, and whose. */
static enum collection_answer
default_owner(const struct control *c, const char *tenant, const char *rule, char owner[40],
              struct err *err)
{
    struct owner_search o = {rule, owner, false};
    char id[COLLECTION_ID_SIZE];

    if (tenant != NULL) {
        snprintf(owner, 40, "%s", tenant);
        if (strcasecmp(rule, COLLECTION_DEFAULT) == 0)
            return COLLECTION_FOUND;
        if (collection_default_id(tenant, id, err) != ST_OK)
            return COLLECTION_BROKEN;
        return strcmp(id, rule) == 0 ? COLLECTION_FOUND : COLLECTION_NO_RULE;
    }
    if (strcasecmp(rule, COLLECTION_DEFAULT) == 0)
        return COLLECTION_NO_TENANT;
    if (store_tenants(c->store, owner_visit, &o, err) != ST_OK)
        return COLLECTION_BROKEN;
    return o.is_found ? COLLECTION_FOUND : COLLECTION_NO_RULE;
}

static void
streams_tell(const struct collection *x, const char *rule, const char *wanted, struct err *err)
{
    size_t count, n;
    const struct collection_stream *streams = collection_streams(x, &count);

    err_set(err, ST_INVALID, "The stream '%.80s' is not in the data collection rule %.40s; it has",
            wanted, rule);
    for (size_t i = 0; i < count && i < 4; i++) {
        n = strlen(err->text);
        snprintf(err->text + n, sizeof err->text - n, "%s %s", i > 0 ? "," : "", streams[i].name);
    }
}

enum collection_answer
collections_find(struct collections *s, const struct control *c, const char *tenant,
                 const char *rule, const char *stream_name, char owner[40],
                 struct collection **held, const struct collection_stream **stream, struct err *err)
{
    enum collection_answer answer;
    char lower[COLLECTION_ID_SIZE];

    *held = NULL;
    if (strlen(rule) >= sizeof lower)
        return COLLECTION_NO_RULE;
    inventory_fold(rule, lower, sizeof lower);
    answer = default_owner(c, tenant, lower, owner, err);
    if (answer == COLLECTION_FOUND) {
        enum status st = collection_default(c, stream_name, held, err);

        if (st != ST_OK)
            return st == ST_INVALID ? COLLECTION_NO_STREAM : COLLECTION_BROKEN;
    } else if (answer == COLLECTION_NO_RULE) {
        answer = stored_find(s, c, tenant, lower, owner, held, err);
    }
    if (answer != COLLECTION_FOUND)
        return answer;
    *stream = collection_stream_find(*held, stream_name);
    if (*stream != NULL)
        return COLLECTION_FOUND;
    streams_tell(*held, lower, stream_name, err);
    collection_release(*held);
    *held = NULL;
    return COLLECTION_NO_STREAM;
}
