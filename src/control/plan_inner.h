/* plan_inner.h - what the files that build the plan share. Private to control/plan_*.c. */
#pragma once
#include "control/heap.h"
#include "control/plan_build.h"
#include "control/resource.h"

/* One automation's filter, and the rules that it borrows; lives in the plan's heap. */
struct plan_filter {
    struct event_filter *filter;
    struct rule_sets **rules;
    size_t rule_count;
    struct plan_filter *next;
};

struct plan_whole {
    struct plan plan; /* first: destroy gets its address */
    struct heap heap;
    struct plan_filter *filters;
};

struct building {
    const struct control *c;
    struct heap *heap;
    bool has_no_memory;
};

/* A copy in the plan's heap; NULL stays NULL. */
const char *plan_keep(struct building *b, const char *text);
void plan_destination_keep(struct building *b, const struct resource *r, const char *resource_id,
                           const char *hub, struct plan_route *route);
uint64_t plan_fingerprint(const struct plan_route *r, uint64_t version);

/* Takes room for all routes ('others' and those of automations) and fills in the latter: one for each action of an
 * automation that is enabled. whole->plan has them, in no order, also after a failure. */
MUST_CHECK enum status plan_automations(struct building *b, struct plan_whole *whole,
                                        uint64_t version, size_t others, struct plan_route **routes,
                                        size_t *count, plan_fault_fn fault, void *app,
                                        struct err *err);
