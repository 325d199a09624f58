#include "match/plan.h"
#include "model/catalog.h"
#include <assert.h>
#include <stdlib.h>

struct plan *
plan_hold(struct plan *plan)
{
    atomic_fetch_add_explicit(&plan->references, 1, memory_order_relaxed);
    return plan;
}

void
plan_release(struct plan *plan)
{
    if (plan == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&plan->references, 1, memory_order_acq_rel);

    assert(before > 0);
    if (before == 1)
        plan->destroy(plan);
}

static int
compare_category(const void *key, const void *element)
{
    return strcmp(key, *(const char *const *)element);
}

static bool
is_of_container(const struct plan_route *route, const struct block_stream *stream)
{
    char name[64];

    return route->container != NULL && catalog_container(span_of(stream->category), name) &&
           strcmp(name, route->container) == 0;
}

bool
plan_route_wants(const struct plan_route *route, const struct block_stream *stream)
{
    if (route->events != NULL ||
        (route->tenant != NULL && strcmp(route->tenant, stream->tenant) != 0))
        return false;
    return route->all_categories ||
           bsearch(stream->category, route->categories, route->category_count,
                   sizeof *route->categories, compare_category) != NULL ||
           is_of_container(route, stream);
}

static int
compare_route(const void *key, const void *element)
{
    return strcmp(key, ((const struct plan_route *)element)->id);
}

const struct plan_route *
plan_find(const struct plan *plan, const char *id)
{
    return bsearch(id, plan->routes, plan->route_count, sizeof *plan->routes, compare_route);
}
