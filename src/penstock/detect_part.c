#include "penstock/detect_part.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include <pthread.h>
#include <stdlib.h>

/* An export into a local workspace. */
struct filling {
    char id[200], tenant[40], path[3000];
};

struct detect_part {
    struct detect *detect;
    struct deliverer *deliverer;
    struct journal *journal;
    pthread_mutex_t lock; /* the list */
    struct filling *list;
    size_t count;
};

enum status
detect_part_make(struct detect_part **part, struct err *err)
{
    *part = calloc(1, sizeof **part);
    if (*part == NULL)
        return err_set(err, ST_FULL, "no memory");
    pthread_mutex_init(&(*part)->lock, NULL);
    return ST_OK;
}

static const char *
path_of(const struct plan_route *route)
{
    if (strcmp(route->destination.kind, "workspace") != 0 || !route->is_enabled ||
        route->events != NULL || route->tenant == NULL)
        return NULL;
    for (size_t i = 0; i < route->destination.setting_count; i++)
        if (strcmp(route->destination.settings[i].name, "path") == 0)
            return route->destination.settings[i].value;
    return NULL;
}

enum status
detect_part_plan(struct detect_part *part, const struct plan *plan, struct err *err)
{
    struct filling *list, *old;
    size_t count = 0;

    for (size_t i = 0; i < plan->route_count; i++)
        count += path_of(&plan->routes[i]) != NULL;
    list = calloc(count + 1, sizeof *list);
    if (list == NULL)
        return err_set(err, ST_FULL, "no memory for the list of workspaces' exports");
    count = 0;
    for (size_t i = 0; i < plan->route_count; i++) {
        const struct plan_route *route = &plan->routes[i];
        const char *path = path_of(route);

        if (path == NULL)
            continue;
        snprintf(list[count].id, sizeof list->id, "%s", route->id);
        snprintf(list[count].tenant, sizeof list->tenant, "%s", route->tenant);
        snprintf(list[count++].path, sizeof list->path, "%s", path);
    }
    pthread_mutex_lock(&part->lock);
    old = part->list;
    part->list = list;
    part->count = count;
    pthread_mutex_unlock(&part->lock);
    free(old);
    if (part->detect != NULL)
        detect_changed(part->detect);
    return ST_OK;
}

/* The least of where the tenant's exports into the workspace stand. */
static uint64_t
delivered(void *app, const char *tenant, const char *path)
{
    struct detect_part *part = app;
    /* Taken first: what is appended meanwhile may be passed over by an export already. */
    uint64_t least = journal_extent(part->journal).end;
    struct deliver_status *status = malloc(sizeof *status);

    pthread_mutex_lock(&part->lock);
    for (size_t i = 0; i < part->count; i++) {
        const struct filling *f = &part->list[i];

        if (strcmp(f->tenant, tenant) != 0 || strcmp(f->path, path) != 0)
            continue;
        if (status == NULL || !deliver_status_get(part->deliverer, f->id, status))
            least = 0; /* it cannot be told: nothing new, and the next run sees it */
        else if (status->cursor < least)
            least = status->cursor;
    }
    pthread_mutex_unlock(&part->lock);
    free(status);
    return least;
}

enum status
detect_part_open(struct detect_part *part, const struct detect_options *o,
                 struct deliverer *deliverer, struct err *err)
{
    struct detect_options options = *o;

    part->deliverer = deliverer;
    part->journal = o->journal;
    options.delivered = delivered;
    options.app = part;
    return detect_make(&options, &part->detect, err);
}

enum status
detect_part_start(struct detect_part *part, struct err *err)
{
    return detect_start(part->detect, err);
}

struct detect *
detect_part_get(struct detect_part *part)
{
    return part->detect;
}

void
detect_part_stop(struct detect_part *part)
{
    if (part != NULL)
        detect_stop(part->detect);
}

void
detect_part_free(struct detect_part *part)
{
    if (part == NULL)
        return;
    detect_free(part->detect);
    free(part->list);
    pthread_mutex_destroy(&part->lock);
    free(part);
}
