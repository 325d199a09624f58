/* control.h - what the parts of control share: the objects they work on, bundled, and what the
 * folders that control may not include (sink, source) tell it as data. Any thread; the bundle
 * borrows everything in it. */
#pragma once
#include "base/base.h"
#include "match/plan.h"
#include "model/catalog.h"

struct store;
struct secrets;
struct tokens;
struct config;

/* One setting of a sink or source kind (the fields of sink.h's struct sink_setting, copied by the
 * caller). */
struct control_setting {
    const char *name;
    const char *help;
    const char *default_value; /* NULL: required unless is_optional */
    bool is_optional, is_secret;
    /* Names a PEM file, which the configuration looks for from its own folder on: control checks that
     * it is there and hands on the absolute path. */
    bool is_file;
};

/* One kind of sink or source. "hub" (the journal itself) needs no row: control knows it. */
struct control_kind {
    const char *name;
    const char *help;
    const struct control_setting *settings; /* ends at a NULL name; NULL: none */
};

/* What sink and source say of themselves; constant. Any hook may be NULL: no further check. */
struct control_kinds {
    const struct control_kind *sinks;
    size_t sink_count;
    const struct control_kind *sources;
    size_t source_count;
    bool has_workspaces; /* local workspaces are tables: the build has DuckDB */
    void *app;
    /* All values of one sink or source together, names known and secrets opened: sink_check and its
     * like. Must not touch the destination. */
    enum status (*check_sink)(void *app, const char *kind, const struct plan_setting *values,
                              size_t count, struct err *err);
    enum status (*check_source)(void *app, const char *kind, const struct plan_setting *values,
                                size_t count, struct err *err);
    /* A tenant's device groups as JSON text (an array, or the object of _device-groups.json). */
    enum status (*check_groups)(void *app, struct span json, struct err *err);
};
const struct control_kind *control_sink_find(const struct control_kinds *kinds, const char *name);
const struct control_kind *control_source_find(const struct control_kinds *kinds, const char *name);

/* The nearest of the names (NULL-terminated) in spelling, for "did you mean"; NULL: none is
 * near. */
const char *control_near(const char *word, const char *const *names);

struct control {
    struct store *store;
    struct secrets *secrets;
    struct tokens *tokens;
    const struct config *config;   /* of this moment; a reload makes a new bundle */
    const struct catalog *catalog; /* with the configuration's additions */
    const struct control_kinds *kinds;
};

/* The tenant that stands in for "all of them" in a token. */
#define CONTROL_EVERY_TENANT "*"

/* Brings the store in line with the configuration, at start and after each reload, before
 * plan_build: adds and renames its tenants and switches off those that
 * it no longer names; makes one tenant with a random GUID if there is none at all; gives every tenant that is new its default exports (unless config->default_exports is false);
 * stores device groups that the configuration names. 'made': what was done, for the log ("" if
 * nothing). */
MUST_CHECK enum status control_prepare(const struct control *c, int64_t now, char made[400],
                                       struct err *err);

/* The embedded default destinations (see resource.h): well-formed ids that need no Azure. */
#define CONTROL_LOCAL_PREFIX                                                                       \
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/"
#define CONTROL_LOCAL_STORAGE CONTROL_LOCAL_PREFIX "Microsoft.Storage/storageAccounts/local"
#define CONTROL_LOCAL_HUBS CONTROL_LOCAL_PREFIX "Microsoft.EventHub/namespaces/local-hub"
#define CONTROL_LOCAL_HUB_NAME "events"
