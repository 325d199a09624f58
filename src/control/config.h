/* config.h - the daemon's configuration: one YAML or JSON file, optional, every key of it optional.
 * Reading checks all of it, secrets that it names in files or the environment included, and touches
 * nothing else: a configuration that was read can be run with. Immutable once read; any thread.
 *
 * One table of keys (config.c) is what parsing, checks, "penstock config describe" and the manual
 * are made from. An unknown key is an error. Secrets are written in place, or as {file: PATH} (one
 * trailing line end is cut) or {env: NAME}; they are never printed. */
#pragma once
#include "base/base.h"
#include "base/log.h"
#include "control/control.h"
#include "wire/fetch.h"

enum {
    CONFIG_FILE_SIZE_MAX = 4 << 20,
    CONFIG_SECRET_SIZE_MAX = 16384,
    CONFIG_TENANTS_MAX = 1000,
    CONFIG_RESOURCES_MAX = 10000,
    CONFIG_SOURCES_MAX = 100,
    CONFIG_TABLES_MAX = 1000,
    CONFIG_COLUMNS_MAX = 2000,       /* of one added table */
    CONFIG_SUBSCRIPTIONS_MAX = 1000, /* of one tenant */
    CONFIG_ORIGINS_MAX = 32,
    CONFIG_ORIGIN_SIZE = 280, /* of one, with its NUL */
};

/* Behind the refusal of a URL that externaldata names. */
#define CONFIG_EXTERNAL_REMEDY                                                                     \
    "An operator can allow it: hunting.externalData in the daemon's configuration"

enum config_tls { CONFIG_TLS_OFF, CONFIG_TLS_SELF_SIGNED, CONFIG_TLS_FILES };
enum config_score_metric { CONFIG_SCORE_CURRENT, CONFIG_SCORE_PERCENTAGE };
enum config_metrics {
    CONFIG_METRICS_LOOPBACK, /* /metrics without a token from this machine only; others need one */
    CONFIG_METRICS_TOKEN,    /* always a token */
    CONFIG_METRICS_OPEN
};

struct config_tenant {
    char id[37]; /* lower-case GUID */
    const char *name;
    const char *const *subscriptions; /* lower-case GUIDs, besides its own id */
    size_t subscription_count;
};
/* how an ARM id is reached; settings complete, defaults of the id's type filled in, secrets
 * opened */
struct config_resource {
    const char *id;
    const char *kind;
    const struct plan_setting *settings;
    size_t setting_count;
    bool many_hubs;             /* a Premium or Dedicated namespace: no limit of 10 hubs */
    const char *const *tenants; /* lower-case GUIDs that may use it; none: every tenant */
    size_t tenant_count;
    const char *const *solutions; /* of a workspace; none: Security */
    size_t solution_count;
};
struct config_groups {
    char tenant[37];
    const char *json; /* array of device groups, checked by kinds->check_groups */
};
struct config_source {
    const char *name, *kind; /* name: unique, safe as a file name */
    const struct plan_setting *settings;
    size_t setting_count;
    char tenant[37];   /* "": envelopes of any tenant are taken */
    const char *table; /* NULL: the records are envelopes */
};

struct config_kept { /* how much of a workspace's table is kept */
    const char *table;
    uint64_t age_ms, size_max; /* 0: no limit */
};

struct config {
    const char *origin; /* name of the file, or "built-in defaults" */
    const char *data;   /* folder of everything the daemon keeps; absolute */
    struct {
        const char *address;
        uint16_t port; /* 0: a free one */
        enum config_tls tls;
        const char *certificate, *key; /* paths of PEM files; NULL unless CONFIG_TLS_FILES */
        bool allow_plaintext;
        unsigned connections_max;
        uint64_t idle_ms, grace_ms;
        uint64_t head_size_max;
        const char *public_url; /* without a slash at its end; NULL: what the client's Host says */
        /* of pages whose scripts may call, as browsers write them: lower case, no default port */
        const char *const *allowed_origins;
        size_t allowed_origin_count;
    } http;
    struct {
        /* of one token in one subscription: reads, writes, deletes. 0: no limit */
        unsigned burst[3], per_s[3];
        const char
            *private_callbacks; /* hosts and CIDR blocks, separated by blanks or commas; NULL */
    } arm;
    struct {
        uint64_t body_size_max; /* after inflation; 0: no limit */
        uint32_t record_size_max, depth_max, columns_max;
        uint64_t memory_max; /* bytes that all requests hold together */
        uint32_t wait_ms_max;
        uint64_t devices_max, settings_max; /* settings: per tenant */
        uint64_t automations_max;           /* per subscription */
        uint64_t parked_size_max;
    } limits;
    struct {
        const char *folder;
        uint64_t segment_size, size_max, reserve, keep_size_max, keep_age_ms;
        int zstd_level;
        bool sync;
    } journal;
    struct {
        uint64_t cache_size, outbox_size_max;
        unsigned score_threshold; /* hundredths of a point or of 1 */
        enum config_score_metric score_metric;
        uint64_t score_delay_ms, snapshot_interval_ms; /* interval 0: only on demand */
        const char *portal;                            /* host in links; NULL: none */
    } posture;
    struct {
        uint64_t memory_max; /* bytes, of each open one */
        unsigned threads;    /* of each; 0: as many as there are processors */
        /* of each table that 'kept' does not name; 0: no limit */
        uint64_t keep_age_ms, keep_size_max;
        const struct config_kept *kept;
        size_t kept_count;
    } workspaces;
    struct {
        const char *workspace;         /* name or ARM id; NULL: a tenant's only one */
        unsigned query_count;          /* that run side by side in one workspace */
        uint64_t time_ms, time_ms_max; /* of one query: by default, and the most one may ask for */
        uint64_t answer_row_max, answer_size_max, memory_max; /* of one query */
        const char *geo_database;                             /* NULL: none */
        struct fetch_policy external;                         /* what externaldata may read */
    } hunting;
    const char *secret_key_file; /* NULL: data/secret.key, made at first start */
    enum log_level log_level;
    enum config_metrics metrics;
    bool unknown_tables;  /* tables that the catalog does not know pass through */
    bool default_exports; /* new tenants get local-archive and local-hub */
    const struct config_tenant *tenants;
    size_t tenant_count;
    const struct config_resource *resources;
    size_t resource_count; /* sorted by id, case ignored */
    const struct config_groups *groups;
    size_t group_count;
    const struct catalog_addition *additions;
    size_t addition_count;
    const struct config_source *sources;
    size_t source_count;
    uint64_t file_hash;      /* of the text: has it changed? */
    bool has_inline_secrets; /* the file itself holds secrets: others should not read it */
};

/* Reads the file at 'path' (NULL: all defaults). 'data': overrides the key of that name unless NULL
 * (the command line's --data). Relative paths in the file count from the file's folder; without a
 * file, from the working folder. On error nothing is held and err says file:line:column, the key,
 * what is allowed, and the nearest known key. */
MUST_CHECK enum status config_read(const char *path, const char *data,
                                   const struct control_kinds *kinds, struct config **config,
                                   struct err *err);
/* The same from text that the caller has; 'origin' names it in errors. */
MUST_CHECK enum status config_read_text(struct span text, const char *origin, const char *data,
                                        const struct control_kinds *kinds, struct config **config,
                                        struct err *err);
void config_free(struct config *config);

/* What cannot be changed while running (data, http.port, journal.*, ...): true, and the first key
 * that differs, for reload to say "takes effect at the next start". */
bool config_needs_restart(const struct config *old, const struct config *new_one, char key[80]);

/* The catalog with the configuration's additions; *memory is malloc'd, holds what is new, and must
 * outlive the catalog, as must 'config'. */
MUST_CHECK enum status config_catalog(const struct config *config, const struct catalog *base,
                                      struct catalog *out, char **memory, struct err *err);

/* One key of the configuration, for the manual, the man page and "config describe". */
struct config_key {
    const char *key;  /* "http.port", "tenants[].id" */
    const char *type; /* "text", "size", "duration", "yes or no", "number", "one of a | b" */
    const char *default_value; /* as one would write it; NULL: none, or required */
    char limits[96];           /* "1 to 65535"; "" if none */
    const char *help;
    bool is_secret, is_required, needs_restart;
};
/* Calls 'visit' for each key in the order of the manual, lists behind; stops when it returns
 * false. */
void config_describe(bool (*visit)(void *app, const struct config_key *key), void *app);

/* The configuration in force, all keys, as YAML that config_read takes; secrets as "***". malloc'd.
 * NULL: no memory. */
char *config_show(const struct config *config, const struct control_kinds *kinds);
