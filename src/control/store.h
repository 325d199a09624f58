/* store.h - what must survive a restart and is not a record: tenants, tokens, settings, device
 * groups, parked rows, hub cursors. One SQLite file (WAL, synchronous=FULL: what a call said ST_OK
 * to is on the disk). Any thread, one lock inside; the daemon and the command line may have the
 * same file open. 'visit' functions are called under the lock: they must be quick and not call the
 * store. ST_END: not there. ST_FULL: a limit, or the disk is full. ST_IO: the disk, or the file
 * stays locked for 10 s. */
#pragma once
#include "base/base.h"

struct store;

/* Opens or makes the file (mode 0600) and brings an older version forward. ST_INVALID: made by a
 * newer penstock, or not ours. */
MUST_CHECK enum status store_open(const char *path, struct store **store, struct err *err);
void store_close(struct store *store); /* NULL is fine */
/* Differs after tenants, tokens, settings or groups were changed through this store, or anything at
 * all in the file by another process. Costs a read of the file's head. */
uint64_t store_changed(struct store *store);

struct store_tenant {
    const char *id, *name; /* lower-case GUID */
    bool is_active;        /* false: the configuration named it once and does no more */
    bool is_configured;    /* named by the configuration; else made at first start */
    int64_t created;       /* ticks */
};
/* Adds or changes. 'is_new' (may be NULL): it was not there before. */
MUST_CHECK enum status store_tenant_set(struct store *s, const struct store_tenant *t, bool *is_new,
                                        struct err *err);
MUST_CHECK enum status store_tenants(struct store *s,
                                     bool (*visit)(void *app, const struct store_tenant *t),
                                     void *app, struct err *err);
/* Whether it is there and active. */
MUST_CHECK enum status store_tenant_find(struct store *s, const char *id, bool *is_active,
                                         struct err *err);

struct store_token {
    const char *id;     /* the token text's public part */
    const char *tenant; /* GUID or "*" */
    const char *name;
    unsigned roles;
    uint8_t hash[32];                  /* SHA-256 of the whole text */
    int64_t created, expires, revoked; /* ticks; 0: never */
};
MUST_CHECK enum status store_token_add(struct store *s, const struct store_token *t,
                                       struct err *err);
MUST_CHECK enum status store_tokens(struct store *s,
                                    bool (*visit)(void *app, const struct store_token *t),
                                    void *app, struct err *err);
MUST_CHECK enum status store_token_revoke(struct store *s, const char *id, int64_t now,
                                          struct err *err);
/* Whether the token was revoked, or its tenant switched off; ST_END: there is no such token. */
MUST_CHECK enum status store_token_standing(struct store *s, const char *token_id, bool *is_good,
                                            struct err *err);

struct store_setting { /* a data export setting */
    const char *tenant, *id;
    struct span json;   /* without secrets */
    struct span secret; /* sealed; empty: none */
    int64_t created, modified;
};
/* 'only_if': replace only while the stored json is this (NULL p: whatever it is); 'count_max': of
 * the tenant, when it would be a new one (0: no limit). ST_FULL: count_max (a full disk is ST_IO
 * here). ST_INVALID: 'only_if' does not hold, or it is not there. 'is_new' may be NULL. 'created'
 * stays that of the first. */
MUST_CHECK enum status store_setting_put(struct store *s, const struct store_setting *x,
                                         struct span only_if, uint64_t count_max, bool *is_new,
                                         struct err *err);
/* Of one tenant, or all (NULL); by tenant and id. */
MUST_CHECK enum status store_settings(struct store *s, const char *tenant,
                                      bool (*visit)(void *app, const struct store_setting *x),
                                      void *app, struct err *err);
MUST_CHECK enum status store_setting_find(struct store *s, const char *tenant, const char *id,
                                          bool (*visit)(void *app, const struct store_setting *x),
                                          void *app, struct err *err);
MUST_CHECK enum status store_setting_delete(struct store *s, const char *tenant, const char *id,
                                            struct span only_if, struct err *err);

/* Device groups of a tenant as checked JSON text, *json malloc'd, NUL-terminated. */
MUST_CHECK enum status store_groups_set(struct store *s, const char *tenant, struct span json,
                                        int64_t now, struct err *err);
MUST_CHECK enum status store_groups_get(struct store *s, const char *tenant, char **json,
                                        struct err *err);

#define STORE_PARKED_INGEST "ingest" /* owner of what admission parked */
struct store_parked {
    int64_t id;         /* by park: ascending, never used again */
    const char *tenant; /* lower-case GUID */
    const char *owner;  /* export setting's id, or STORE_PARKED_INGEST */
    const char *category;
    uint64_t position; /* identity of the (first) row in the journal; 0: never was in it */
    uint32_t row;
    uint32_t count; /* rows in 'bytes' */
    const char *reason;
    int64_t time;        /* ticks: parked */
    struct span bytes;   /* as they came in or should have left; empty in lists */
    uint64_t bytes_size; /* also in lists */
};
/* What parked rows may take together, bytes and a little for each; 1 GiB until set. */
void store_parked_limit(struct store *s, uint64_t size_max);
/* All of them, or none, in one transaction; ids are filled in. ST_FULL: the limit: the rows must
 * stay where they are. */
MUST_CHECK enum status store_park(struct store *s, struct store_parked *rows, size_t count,
                                  struct err *err);
struct store_parked_filter { /* all NULL/0: everything */
    const char *tenant, *owner, *category;
    int64_t after; /* ids beyond this one */
    uint64_t count_max;
};
/* Oldest first, without bytes. */
MUST_CHECK enum status store_parked_list(struct store *s, const struct store_parked_filter *f,
                                         bool (*visit)(void *app, const struct store_parked *row),
                                         void *app, struct err *err);
/* One, with bytes, of this tenant only. To send again: show it, make it durable elsewhere, then
 * drop it by its id. */
MUST_CHECK enum status store_parked_show(struct store *s, const char *tenant, int64_t id,
                                         bool (*visit)(void *app, const struct store_parked *row),
                                         void *app, struct err *err);
/* One by id ('tenant' must be its own) or, with id 0, all that the filter names (tenant required).
 * 'dropped': how many. */
MUST_CHECK enum status store_parked_drop(struct store *s, int64_t id,
                                         const struct store_parked_filter *f, uint64_t *dropped,
                                         struct err *err);
struct store_parked_totals {
    uint64_t entries, rows, size_bytes, size_max;
};
/* Of one tenant and owner; NULL: of all. size_max is the whole store's. */
MUST_CHECK enum status store_parked_count(struct store *s, const char *tenant, const char *owner,
                                          struct store_parked_totals *totals, struct err *err);

struct store_cursor { /* where a consumer group of a local hub goes on */
    const char *tenant, *hub, *group;
    uint64_t position;
    uint32_t row;
    int64_t modified;
};
enum { STORE_CURSORS_MAX = 10000 };
MUST_CHECK enum status store_cursor_set(struct store *s, const struct store_cursor *c,
                                        struct err *err);
MUST_CHECK enum status store_cursor_get(struct store *s, const char *tenant, const char *hub,
                                        const char *group, uint64_t *position, uint32_t *row,
                                        struct err *err);
MUST_CHECK enum status store_cursors(struct store *s, const char *tenant,
                                     bool (*visit)(void *app, const struct store_cursor *c),
                                     void *app, struct err *err);
MUST_CHECK enum status store_cursor_delete(struct store *s, const char *tenant, const char *hub,
                                           const char *group, struct err *err);

/* Small named values (at most 64 KiB); *value malloc'd, NUL-terminated. */
MUST_CHECK enum status store_value_set(struct store *s, const char *name, struct span value,
                                       struct err *err);
MUST_CHECK enum status store_value_get(struct store *s, const char *name, char **value,
                                       size_t *size, struct err *err);
