/* plan.h - what every record is matched against: immutable, swapped whole, counted by reference.
 * Control fills it in, deliver and the local event hub read it. Pure but for the atomic count; any
 * thread.
 *
 * A route is one export: which tenant's tables, in which shape, to which destination. */
#pragma once
#include "base/base.h"
#include "match/event.h"
#include "model/block.h"
#include <stdatomic.h>

enum profile {
    PROFILE_WIRE /* seven keys, blob rows end in CR LF */,
    PROFILE_DOCUMENTED /* four keys, LF */,
    PROFILE_BARE /* the row alone, LF */
};
enum group_mode { GROUP_BY_CATALOG, GROUP_ALWAYS };

/* How a destination is reached: filled in by control from the resources part of the configuration;
 * 'settings' are the sink's own. */
struct plan_destination {
    /* name of the sink kind: "folder", "blob", "kafka", "hub" (the journal itself), "file",
     * "stdout" */
    const char *kind;
    struct plan_setting {
        const char *name, *value;
    } * settings;
    size_t setting_count; /* secrets opened: never logged */
    const char *hub;      /* event hub: the one named hub; NULL: a hub per category */
};

struct plan_route {
    const char *id;     /* "tenant/setting-id", unique */
    const char *tenant; /* lower-case GUID; NULL: every tenant (only replay) */
    const char *const *categories;
    size_t category_count; /* sorted bytewise; NULL with all_categories */
    bool all_categories;
    /* also every category whose container has this name; NULL: none. Only while a local hub is
     * read */
    const char *container;
    enum profile profile;
    enum group_mode group_mode;
    /* An action of an automation: events that pass leave as 'event_shape'; such a route takes nothing
     * else, has no categories, and its profile is PROFILE_BARE. NULL: a data export setting. */
    const struct event_filter *events;
    enum event_shape event_shape;
    const char *workspace; /* EVENT_ROW: the workspace's GUID or name; else NULL */
    /* EVENT_DOCUMENT: findings leave in their legacy form (PascalCase with $type, section 2.4) */
    bool has_legacy_findings;
    /* for people, where the id is not: "rg-soc/ExportToEventHub EventHub security-hub"; NULL: the id */
    const char *label;
    const struct transform
        *transform; /* what its queries make of rows; NULL: rows leave as they are */
    struct plan_destination destination;
    /* pace and size; 0: the sink's default */
    uint32_t batch_bytes, batch_rows, linger_ms;
    uint64_t bytes_per_s_max, rows_per_s_max;
    bool drops_when_full; /* its floor yields at the journal's quota */
    bool is_enabled;
    /* hash of all of the above: a route whose fingerprint is unchanged goes on undisturbed over a
     * swap */
    uint64_t fingerprint;
    int64_t start_ticks; /* a new export starts at records admitted from then on */
};

struct plan {
    atomic_uint references;
    const struct plan_route *routes;
    size_t route_count; /* sorted by id */
    uint64_t version;
    void (*destroy)(struct plan *plan); /* frees it all; called by plan_release */
};

struct plan *plan_hold(struct plan *plan); /* one more reference; returns it */
void plan_release(struct plan *plan);      /* NULL is fine */

/* Whether the route wants the stream, of a block of kind BLOCK_ROWS. Routes of events want none. */
bool plan_route_wants(const struct plan_route *route, const struct block_stream *stream);
const struct plan_route *plan_find(const struct plan *plan, const char *id);
