/* daemon.c - what is made before what, and why in that order:
 *
 *   configuration (all of it checked, nothing touched) -> store, secrets, tokens -> catalog -> journal (recovery) -> device registry (its file, then
 *   what the journal has since) -> admission -> posture -> plan and exports -> posture's feed -> sources -> HTTP: nothing is taken in before everything behind it stands.
 *
 * A reload makes a new configuration and catalog beside the old ones; those are kept until the end,
 * since requests and exports may still look at them. */
#include "penstock/daemon.h"
#include "api/api.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "control/collection_rules.h"
#include "control/config.h"
#include "control/geo.h"
#include "control/plan_build.h"
#include "control/secrets.h"
#include "control/store.h"
#include "control/tokens.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include "penstock/detect_part.h"
#include "penstock/kinds.h"
#include "penstock/posture_part.h"
#include "penstock/registry.h"
#include "penstock/sources.h"
#include "penstock/workspace_keeper.h"
#include "source/admit.h"
#include "source/device_groups_json.h"
#include "source/devices.h"
#include "workspace/workspace.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    REGISTRY_SAVE_MS = 30000,
    RETAIN_MS = 1000, /* also how soon a full disk gets back what is delivered */
    STALL_MS =
        120000, /* an export that moves nothing for so long while it has work is not healthy */
    GENERATIONS_MAX = 1000, /* reloads */
    BLOCK_BUFFERS = 4,
};

/* One reading of the configuration. */
struct generation {
    struct config *config;
    struct catalog catalog;
    char *catalog_memory;
    struct control control;
};

struct daemon {
    struct daemon_options options;
    struct generation *generations[GENERATIONS_MAX];
    size_t generation_count;
    int lock_fd; /* of the data folder */
    struct store *store;
    struct secrets *secrets;
    struct tokens *tokens;
    struct journal *journal;
    struct journal_recovery recovery;
    struct devices *devices;
    struct admitter *admitter;
    struct deliverer *deliverer;
    struct sources *sources;
    struct posture_part *posture;
    struct detect_part *detect;
    struct workspace_keeper *keeper;
    struct geo geo;
    struct http_server *server;
    struct api api;
    pthread_mutex_t plan_lock;
    uint64_t plan_version, store_seen, registry_seen;
    int64_t registry_saved_ms, retained_ms;
    char registry_path[4096], url[300];
    bool is_stopping;
    atomic_bool is_ready;
};

static int64_t
now_ticks(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static struct generation *
newest(const struct daemon *d)
{
    return d->generations[d->generation_count - 1];
}

static const struct config *
config_of(const struct daemon *d)
{
    return newest(d)->config;
}

/* ---- configuration ---- */

static void
generation_free(struct generation *g)
{
    if (g == NULL)
        return;
    free(g->catalog_memory);
    config_free(g->config);
    free(g);
}

static enum status
generation_read(const struct daemon_options *o, struct generation **out, struct err *err)
{
    struct generation *g = calloc(1, sizeof *g);
    enum status st;

    if (g == NULL)
        return err_set(err, ST_FULL, "no memory for the configuration");
    st = config_read(o->config_path, o->data, kinds_get(), &g->config, err);
    if (st == ST_OK)
        st = config_catalog(g->config, &catalog_builtin, &g->catalog, &g->catalog_memory, err);
    if (st != ST_OK) {
        generation_free(g);
        return st;
    }
    *out = g;
    return ST_OK;
}

/* The database of places as the configuration names it, and as it lies there now. */
static void
geo_look(struct daemon *d, const struct config *config)
{
    struct err err;
    bool is_new;

    if (geo_use(&d->geo, config->hunting.geo_database, &is_new, &err) != ST_OK)
        log_line(LOG_WARN, "control", "hunting.geoDatabase: %s", err.text);
    else if (is_new)
        log_line(LOG_INFO, "control", "places are asked of %s", config->hunting.geo_database);
}

static void
generation_adopt(struct daemon *d, struct generation *g)
{
    g->control = (struct control){
        .store = d->store,
        .secrets = d->secrets,
        .tokens = d->tokens,
        .config = g->config,
        .catalog = &g->catalog,
        .kinds = kinds_get(),
    };
    d->generations[d->generation_count++] = g;
    workspace_catalog_use(&g->catalog);
    geo_look(d, g->config);
    workspace_limits_use((size_t)g->config->workspaces.memory_max, g->config->workspaces.threads);
    atomic_store(&d->api.control, &g->control);
}

/* ---- plan, groups ---- */

static void
plan_fault(void *app, const char *route, const struct err *why)
{
    (void)app;
    log_line(LOG_WARN, "control", "export %s: %s", route, why->text);
}

static enum status
rebuild_plan(void *app, struct err *err)
{
    struct daemon *d = app;
    struct plan *plan;

    pthread_mutex_lock(&d->plan_lock);
    /* Before it is read: what another process changes meanwhile is seen as a change the next
     * time. */
    d->store_seen = store_changed(d->store);
    enum status st =
        plan_build(atomic_load(&d->api.control), ++d->plan_version, plan_fault, d, &plan, err);

    if (st == ST_OK) {
        st = deliver_set_plan(d->deliverer, plan, true, err);
        if (st == ST_OK)
            posture_part_plan(d->posture, plan);
        if (st == ST_OK)
            st = detect_part_plan(d->detect, plan, err);
        plan_release(plan);
    }
    if (st != ST_OK)
        d->store_seen = UINT64_MAX; /* daemon_tend tries again */
    pthread_mutex_unlock(&d->plan_lock);
    return st;
}

static enum status
use_groups(void *app, const char *tenant, struct err *err)
{
    struct daemon *d = app;
    char *json;
    enum status st = store_groups_get(d->store, tenant, &json, err);

    if (st == ST_END)
        return ST_OK;
    if (st != ST_OK)
        return st;
    st = device_groups_apply(d->devices, tenant, span_of(json), err);
    free(json);
    return st;
}

struct tenants {
    char (*ids)[37];
    size_t count, room;
};

static bool
tenant_note(void *app, const struct store_tenant *t)
{
    struct tenants *list = app;

    if (list->count == list->room) {
        size_t room = list->room == 0 ? 16 : list->room * 2;
        void *larger = realloc(list->ids, room * sizeof *list->ids);

        if (larger == NULL)
            return false;
        list->ids = larger;
        list->room = room;
    }
    snprintf(list->ids[list->count++], sizeof *list->ids, "%s", t->id);
    return true;
}

static enum status
use_all_groups(struct daemon *d, struct err *err)
{
    struct tenants list = {NULL, 0, 0};
    enum status st = store_tenants(d->store, tenant_note, &list, err);

    for (size_t i = 0; i < list.count && st == ST_OK; i++)
        st = use_groups(d, list.ids[i], err);
    free(list.ids);
    return st;
}

/* ---- parking ---- */

static enum status
park_intake(void *app, const char *tenant, const char *table, struct span raw, const char *reason,
            int64_t now, struct err *err)
{
    struct daemon *d = app;
    struct store_parked row = {
        .tenant = tenant,
        .owner = STORE_PARKED_INGEST,
        .category = table,
        .count = 1,
        .reason = reason,
        .time = now,
        .bytes = raw,
        .bytes_size = raw.n,
    };

    return store_park(d->store, &row, 1, err);
}

static enum status
park_export(void *app, const struct plan_route *route, const struct lane *lane, struct span body,
            uint32_t row_count, uint64_t position, uint32_t row, const char *reason,
            struct err *err)
{
    struct daemon *d = app;
    const char *slash = strchr(route->id, '/');
    struct store_parked parked = {
        .tenant = lane->tenant,
        .owner = slash != NULL ? slash + 1 : route->id,
        .category = lane->category,
        .position = position,
        .row = row,
        .count = row_count,
        .reason = reason,
        .time = clock_ticks(),
        .bytes = body,
        .bytes_size = body.n,
    };

    return store_park(d->store, &parked, 1, err);
}

/* ---- health ---- */

static bool
is_healthy(void *app, char text[400])
{
    struct daemon *d = app;
    struct journal_stats stats;
    char stuck[200];

    journal_stats_get(d->journal, &stats);
    if (stats.is_failed) {
        snprintf(text, 400, "the journal takes no more records: %s", stats.failure);
        return false;
    }
    if (!deliver_is_healthy(d->deliverer, STALL_MS, stuck)) {
        snprintf(text, 400, "%s", stuck);
        return false;
    }
    if (!posture_part_is_healthy(d->posture, text, 400) ||
        !detect_is_healthy(detect_part_get(d->detect), text, 400))
        return false;
    return sources_are_healthy(d->sources, text, 400);
}

static bool
is_ready(void *app, char text[400])
{
    struct daemon *d = app;

    if (atomic_load(&d->is_ready))
        return true;
    snprintf(text, 400, "%s", d->is_stopping ? "stopping" : "starting");
    return false;
}

static char *
status_extra(void *app)
{
    struct daemon *d = app;

    char *of_sources = sources_status_json(d->sources, &d->recovery);
    char *of_posture = posture_part_status_json(d->posture);
    char *of_detect = detect_status_json(detect_part_get(d->detect)), *all = NULL;

    if (of_sources == NULL || of_posture == NULL || of_detect == NULL ||
        asprintf(&all, "%s,%s,%s", of_sources, of_posture, of_detect) < 0)
        all = NULL;
    free(of_posture);
    free(of_detect);
    if (all == NULL)
        return of_sources;
    free(of_sources);
    return all;
}

/* ---- start ---- */

static enum status
open_state(struct daemon *d, struct generation *g, struct err *err)
{
    const struct config *c = g->config;
    char path[4200], what[4200], made[400];
    enum status st = folder_make(c->data, err);

    if (st != ST_OK)
        return st;
    /* Before anything is written: a second daemon's tenants must not replace those of the one at
     * work. */
    snprintf(path, sizeof path, "%s/lock", c->data);
    snprintf(what, sizeof what, "the data folder %s: end it, or name another folder", c->data);
    st = file_lock_take(path, what, &d->lock_fd, err);
    if (st != ST_OK)
        return st;
    if (chmod(c->data, 0750) != 0 && errno != EPERM)
        return err_set(err, ST_IO, "cannot protect %s: %s", c->data, strerror(errno));
    snprintf(path, sizeof path, "%s/store.db", c->data);
    st = store_open(path, &d->store, err);
    if (st != ST_OK)
        return st;
    store_parked_limit(d->store, c->limits.parked_size_max);
    snprintf(path, sizeof path, "%s/secret.key", c->data);
    st = secrets_open(c->secret_key_file != NULL ? c->secret_key_file : path,
                      c->secret_key_file == NULL, &d->secrets, err);
    if (st == ST_OK)
        st = tokens_open(d->store, &d->tokens, err);
    if (st != ST_OK)
        return st;
    generation_adopt(d, g);
    st = control_prepare(&g->control, clock_ticks(), made, err);
    if (st != ST_OK)
        return st;
    if (made[0] != '\0')
        log_line(LOG_INFO, "control", "%s", made);
    snprintf(path, sizeof path, "%s/operator.token", c->data);
    st = token_file_make(d->store, path, clock_ticks(), err);
    return st == ST_OK ? tokens_refresh(d->tokens, err) : st;
}

static enum status
open_journal(struct daemon *d, struct err *err)
{
    const struct config *c = config_of(d);
    const struct journal_options o = {
        .folder = c->journal.folder,
        .segment_size = c->journal.segment_size,
        .size_max = c->journal.size_max,
        .reserve = c->journal.reserve,
        .keep_size_max = c->journal.keep_size_max,
        .keep_age_ticks = (int64_t)c->journal.keep_age_ms * (TICKS_PER_SECOND / 1000),
        .zstd_level = c->journal.zstd_level,
        .sync = c->journal.sync,
        .now = now_ticks,
    };
    enum status st = journal_open(&o, &d->journal, &d->recovery, err);

    if (st == ST_OK && d->recovery.text[0] != '\0')
        log_line(LOG_WARN, "journal", "%s", d->recovery.text);
    return st;
}

static bool
is_tenant(void *app, const char *tenant)
{
    struct daemon *d = app;
    bool is_active = false;
    struct err ignored;

    return store_tenant_find(d->store, tenant, &is_active, &ignored) == ST_OK && is_active;
}

static enum status
open_admission(struct daemon *d, struct err *err)
{
    const struct config *c = config_of(d);
    uint64_t position = 0, learned;
    enum status st = devices_make((size_t)c->limits.devices_max, &d->devices, err);

    if (st != ST_OK)
        return st;
    snprintf(d->registry_path, sizeof d->registry_path, "%s/devices", c->data);
    st = devices_load(d->devices, d->registry_path, &position, err);
    if (st != ST_OK && st != ST_END) {
        /* It can be learned again: from the journal now, and from the devices' next reports. */
        log_line(LOG_WARN, "source", "the device registry starts anew: %s", err->text);
        position = 0;
    }
    st = use_all_groups(d, err);
    if (st == ST_OK)
        st = registry_learn(d->devices, d->journal, position, &learned, err);
    if (st != ST_OK)
        return st;
    d->registry_saved_ms = clock_monotonic_ms();
    const struct admit_options o = {
        .journal = d->journal,
        .catalog = &newest(d)->catalog,
        .devices = d->devices,
        .park = {d, park_intake},
        .now = now_ticks,
        .memory_max = c->limits.memory_max,
        .wait_ms_max = c->limits.wait_ms_max,
        .record_size_max = c->limits.record_size_max,
        .depth_max = c->limits.depth_max,
        .columns_max = c->limits.columns_max,
        .unknown_tables = c->unknown_tables,
        .tenants = {d, is_tenant  },
    };

    return admitter_make(&o, &d->admitter, err);
}

static enum status
open_delivery(struct daemon *d, struct err *err)
{
    char folder[4200];

    snprintf(folder, sizeof folder, "%s/exports", config_of(d)->data);
    const struct deliver_options o = {
        .journal = d->journal,
        .folder = folder,
        .park = {d, park_export},
        .now = now_ticks,
        .block_buffers = BLOCK_BUFFERS,
    };
    enum status st = deliver_start(&o, &d->deliverer, err);

    return st == ST_OK ? rebuild_plan(d, err) : st;
}

/* PEM text of the certificate and key that the configuration asks for; a self-signed pair is made
 * once and kept. */
static enum status
tls_pair(const struct config *c, char **certificate, char **key, struct err *err)
{
    char certificate_path[4200], key_path[4200], host[256] = "localhost";
    size_t size;
    enum status st;

    *certificate = *key = NULL;
    if (c->http.tls == CONFIG_TLS_OFF)
        return ST_OK;
    snprintf(certificate_path, sizeof certificate_path, "%s/tls-certificate.pem", c->data);
    snprintf(key_path, sizeof key_path, "%s/tls-key.pem", c->data);
    if (c->http.tls == CONFIG_TLS_FILES) {
        snprintf(certificate_path, sizeof certificate_path, "%s", c->http.certificate);
        snprintf(key_path, sizeof key_path, "%s", c->http.key);
    }
    st = file_read(certificate_path, 1 << 20, certificate, &size, err);
    if (st == ST_OK)
        st = file_read(key_path, 1 << 20, key, &size, err);
    if (st != ST_END || c->http.tls == CONFIG_TLS_FILES)
        return st == ST_END ? ST_INVALID : st;
    free(*certificate);
    *certificate = NULL;
    gethostname(host, sizeof host - 1);
    st = http_make_certificate(host, certificate, key, err);
    if (st == ST_OK)
        st = file_replace(key_path, span_of(*key), 0600, err);
    if (st == ST_OK)
        st = file_replace(certificate_path, span_of(*certificate), 0644, err);
    return st;
}

static enum status
listen_address(const struct config *c, const char *listen, char address[128], uint16_t *port,
               struct err *err)
{
    snprintf(address, 128, "%s", c->http.address);
    *port = c->http.port;
    if (listen == NULL)
        return ST_OK;
    const char *colon = strrchr(listen, ':');
    char *end = NULL;
    unsigned long number = colon != NULL ? strtoul(colon + 1, &end, 10) : 70000;

    if (colon == NULL || colon - listen > 100 || end == colon + 1 || *end != '\0' || number > 65535)
        return err_set(err, ST_INVALID,
                       "--listen wants ADDRESS:PORT, such as 127.0.0.1:7780, not '%s'", listen);
    bool bracketed = listen[0] == '[' && colon > listen && colon[-1] == ']';

    snprintf(address, 128, "%.*s", (int)(colon - listen) - 2 * bracketed, listen + bracketed);
    *port = (uint16_t)number;
    bool is_loopback = strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 ||
                       strcmp(address, "localhost") == 0;

    if (!is_loopback && c->http.tls == CONFIG_TLS_OFF && !c->http.allow_plaintext)
        return err_set(err, ST_INVALID,
                       "--listen %s reaches beyond this machine without TLS: set http.tls, or "
                       "http.allowPlaintext behind a proxy",
                       listen);
    return ST_OK;
}

static enum status
open_detect(struct daemon *d, struct err *err)
{
    const struct detect_options o = {
        .control = &d->api.control,
        .journal = d->journal,
        .admitter = d->admitter,
        .posture = posture_part_get(d->posture),
        .now = now_ticks,
    };

    return detect_part_open(d->detect, &o, d->deliverer, err);
}

static enum status
open_server(struct daemon *d, struct err *err)
{
    const struct config *c = config_of(d);
    char address[128], *certificate, *key;
    uint16_t port;
    enum status st = listen_address(c, d->options.listen, address, &port, err);

    if (st != ST_OK)
        return st;
    st = tls_pair(c, &certificate, &key, err);
    if (st == ST_OK) {
        const struct http_server_options o = {
            .address = address,
            .port = port,
            .certificate_pem = certificate,
            .key_pem = key,
            .connections_max = c->http.connections_max,
            .idle_s_max = (unsigned)(c->http.idle_ms / 1000),
            .head_size_max = (size_t)c->http.head_size_max,
        };

        st = http_server_start(&o, api_route, &d->api, &d->server, err);
    }
    if (st == ST_OK)
        snprintf(d->url, sizeof d->url,
                 strchr(address, ':') != NULL ? "%s://[%s]:%u" : "%s://%s:%u",
                 certificate != NULL ? "https" : "http", address, http_server_port(d->server));
    if (key != NULL)
        secrets_wipe(key, strlen(key));
    free(certificate);
    free(key);
    return st;
}

enum status
daemon_start(const struct daemon_options *o, struct daemon **daemon, struct err *err)
{
    struct daemon *d = calloc(1, sizeof *d);
    struct generation *g = NULL;
    enum status st;

    if (d == NULL)
        return err_set(err, ST_FULL, "no memory");
    d->options = *o;
    d->lock_fd = -1;
    pthread_mutex_init(&d->plan_lock, NULL);
    st = generation_read(o, &g, err);
    if (st != ST_OK)
        goto fail;
    log_set_level(g->config->log_level);
    char address[128];
    uint16_t port;

    st = listen_address(g->config, o->listen, address, &port, err);
    if (st == ST_OK)
        st = open_state(d, g, err);
    if (d->generation_count == 0)
        generation_free(g);
    if (st == ST_OK)
        st = open_journal(d, err);
    if (st == ST_OK)
        st = open_admission(d, err);
    if (st == ST_OK)
        st = posture_part_open(config_of(d), &d->posture, err);
    if (st == ST_OK)
        st = detect_part_make(&d->detect, err);
    if (st == ST_OK)
        st = open_delivery(d, err);
    if (st == ST_OK)
        st = open_detect(d, err);
    if (st == ST_OK)
        st = posture_part_start(d->posture, d->journal, err);
    if (st == ST_OK)
        st = detect_part_start(d->detect, err);
    if (st == ST_OK)
        st = sources_start(config_of(d), d->admitter, &d->sources, err);
    if (st != ST_OK)
        goto fail;
    st = arm_pace_make(&d->api.pace, err);
    if (st == ST_OK)
        st = collections_make(&d->api.collections, err);
    if (st != ST_OK)
        goto fail;
    st = hunting_make(&d->api.hunting, err);
    if (st == ST_OK)
        st = workspace_keeper_start(&d->api.control, &d->keeper, err);
    if (st != ST_OK)
        goto fail;
    d->api.admitter = d->admitter;
    d->api.devices = d->devices;
    d->api.journal = d->journal;
    d->api.posture = posture_part_get(d->posture);
    d->api.detect = detect_part_get(d->detect);
    d->api.deliverer = d->deliverer;
    d->api.now = now_ticks;
    d->api.version = PENSTOCK_VERSION;
    d->api.started = clock_ticks();
    d->api.plan_changed = rebuild_plan;
    d->api.groups_changed = use_groups;
    d->api.is_healthy = is_healthy;
    d->api.is_ready = is_ready;
    d->api.status_extra = status_extra;
    d->api.app = d;
    st = open_server(d, err);
    if (st != ST_OK)
        goto fail;
    atomic_store(&d->is_ready, true);
    log_line(LOG_INFO, "penstock", "penstock %s takes requests at %s, data in %s", PENSTOCK_VERSION,
             d->url, config_of(d)->data);
    *daemon = d;
    return ST_OK;

fail:
    daemon_stop(d);
    return st;
}

/* ---- running ---- */

static void
registry_save(struct daemon *d)
{
    struct err err;
    uint64_t version = devices_version(d->devices);
    /* Taken before saving: what is admitted meanwhile is learned again, which does no harm. */
    uint64_t position = journal_extent(d->journal).end;

    d->registry_saved_ms = clock_monotonic_ms();
    if (version == d->registry_seen)
        return;
    if (devices_save(d->devices, d->registry_path, position, &err) == ST_OK)
        d->registry_seen = version;
    else
        log_line(LOG_WARN, "source", "the device registry was not saved: %s", err.text);
}

void
daemon_tend(struct daemon *d)
{
    struct err err;
    int64_t now_ms = clock_monotonic_ms();

    if (tokens_refresh(d->tokens, &err) != ST_OK)
        log_line(LOG_WARN, "control", "tokens: %s", err.text);
    geo_look(d, config_of(d));
    if (store_changed(d->store) != d->store_seen && rebuild_plan(d, &err) != ST_OK)
        log_line(LOG_WARN, "control", "the plan was not rebuilt: %s", err.text);
    if (now_ms - d->registry_saved_ms >= REGISTRY_SAVE_MS)
        registry_save(d);
    if (now_ms - d->retained_ms >= RETAIN_MS) {
        d->retained_ms = now_ms;
        journal_retain(d->journal);
        posture_part_tend(d->posture);
        detect_count(detect_part_get(d->detect));
    }
}

enum status
daemon_reload(struct daemon *d, struct err *err)
{
    struct generation *g;
    char made[400];

    if (d->generation_count == GENERATIONS_MAX)
        return err_set(err, ST_FULL, "reloaded %d times: restart to reload again", GENERATIONS_MAX);
    enum status st = generation_read(&d->options, &g, err);

    if (st != ST_OK)
        return st;
    char later[80];

    if (config_needs_restart(config_of(d), g->config, later))
        log_line(LOG_WARN, "control", "%s takes effect at the next start", later);
    log_set_level(g->config->log_level);
    generation_adopt(d, g);
    st = control_prepare(&g->control, clock_ticks(), made, err);
    if (st == ST_OK && made[0] != '\0')
        log_line(LOG_INFO, "control", "%s", made);
    if (st == ST_OK)
        st = use_all_groups(d, err);
    if (st == ST_OK)
        st = rebuild_plan(d, err);
    if (st == ST_OK)
        log_line(LOG_INFO, "control", "the configuration was read again from %s",
                 g->config->origin);
    return st;
}

void
daemon_stop(struct daemon *d)
{
    d->is_stopping = true;
    atomic_store(&d->is_ready, false);
    unsigned grace_ms = d->generation_count > 0 ? (unsigned)config_of(d)->http.grace_ms : 0;

    sources_stop(d->sources);
    if (d->deliverer != NULL)
        deliver_end_waits(d->deliverer); /* long polls end */
    hunting_stop(d->api.hunting);        /* and so do queries */
    detect_part_stop(d->detect);         /* and who waits for a rule's run */
    workspace_keeper_stop(d->keeper);
    if (d->server != NULL)
        http_server_stop(d->server, grace_ms);
    posture_part_stop(d->posture); /* nobody reports any more; its last events may still leave */
    deliver_stop(d->deliverer, grace_ms);
    if (d->journal != NULL && d->devices != NULL && d->admitter != NULL)
        registry_save(d);
    detect_part_free(d->detect);
    posture_part_close(d->posture);
    admitter_free(d->admitter);
    devices_free(d->devices);
    if (d->journal != NULL)
        journal_close(d->journal);
    arm_pace_free(d->api.pace);
    hunting_free(d->api.hunting);
    collections_free(d->api.collections);
    tokens_close(d->tokens);
    secrets_close(d->secrets);
    store_close(d->store);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    workspace_catalog_use(NULL);
    geo_end(&d->geo);
    while (d->generation_count > 0)
        generation_free(d->generations[--d->generation_count]);
    pthread_mutex_destroy(&d->plan_lock);
    free(d);
}

static bool
tenant_first(void *app, const struct store_tenant *t)
{
    if (t->is_active)
        snprintf(app, 37, "%s", t->id);
    return !t->is_active;
}

enum status
daemon_write_ready(struct daemon *d, const char *path, struct err *err)
{
    char text[512], tenant[37] = "";
    enum status st = store_tenants(d->store, tenant_first, tenant, err);
    int n = snprintf(text, sizeof text, "{\"url\":\"%s\",\"pid\":%d,\"tenant\":\"%s\"}\n", d->url,
                     (int)getpid(), tenant);

    return st == ST_OK ? file_replace(path, (struct span){text, (size_t)n}, 0644, err) : st;
}

struct banner {
    struct daemon *d;
    char *text;
    size_t size, room;
};

PRINTF_LIKE(2, 3)
static void
say(struct banner *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(b->text + b->size, b->room - b->size, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < b->room - b->size)
        b->size += (size_t)n;
}

static bool
say_tenant(void *app, const struct store_tenant *t)
{
    struct banner *b = app;

    if (t->is_active)
        say(b, "  tenant     %s  (%s)\n", t->id, t->name);
    return true;
}

static void
say_export(void *app, const struct deliver_status *status)
{
    say(app, "  export     %s  (%s)\n", status->id, export_state_name(status->state));
}

char *
daemon_banner(struct daemon *d)
{
    struct banner b = {.d = d, .text = malloc(16384), .room = 16384};

    if (b.text == NULL)
        return NULL;
    b.text[0] = '\0';
    say(&b, "penstock %s\n  takes      %s/ingest/v1/{tenant}/{Table}\n  data       %s\n",
        PENSTOCK_VERSION, d->url, config_of(d)->data);
    if (store_tenants(d->store, say_tenant, &b, NULL) != ST_OK)
        say(&b, "  (the tenants cannot be read)\n");
    deliver_visit(d->deliverer, say_export, &b);
    say(&b,
        "  look       penstock status; penstock tail events; ls -R %s/storage\n  stop       "
        "Ctrl-C\n",
        config_of(d)->data);
    return b.text;
}
