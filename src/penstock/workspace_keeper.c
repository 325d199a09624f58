#include "penstock/workspace_keeper.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/config.h"
#include "control/workspaces.h"
#include "workspace/keep.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    FIRST_S = 5,
    EVERY_S = 60,       /* room is given back when nobody asks */
    RETAIN_EVERY = 15,  /* of these: old rows go */
    QUIET_MS = 5000,    /* so long after a query a workspace is idle */
    COMPACT_MS = 20000, /* of each minute, for all workspaces together */
};

struct workspace_keeper {
    const _Atomic(const struct control *) *control;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool is_stopping;
    bool
        is_unfinished; /* the thread's own: a file had more room to give back than there was time for */
};

static bool
is_stopping(struct workspace_keeper *k)
{
    pthread_mutex_lock(&k->lock);
    bool stopping = k->is_stopping;

    pthread_mutex_unlock(&k->lock);
    return stopping;
}

static void
limits_of(void *app, const char *table, uint64_t *age_ms, uint64_t *size_max)
{
    const struct config *config = app;

    *age_ms = config->workspaces.keep_age_ms;
    *size_max = config->workspaces.keep_size_max;
    for (size_t i = 0; i < config->workspaces.kept_count; i++)
        if (strcmp(config->workspaces.kept[i].table, table) == 0) {
            *age_ms = config->workspaces.kept[i].age_ms;
            *size_max = config->workspaces.kept[i].size_max;
        }
}

static void
retain(const struct config *config, const struct workspace_place *place, struct workspace *w)
{
    const struct workspace_keeping keeping = {
        .of = limits_of, .app = (void *)(uintptr_t)config, .now = clock_ticks()};
    struct err err = {""};
    uint64_t rows = 0;

    if (workspace_retain(w, &keeping, &rows, &err) != ST_OK)
        log_line(LOG_WARN, "workspace", "old rows of %s stay: %s", place->name, err.text);
    if (rows > 0)
        log_line(LOG_INFO, "workspace", "%s: %llu old rows were taken out", place->name,
                 (unsigned long long)rows);
}

static bool
goes_on(void *app)
{
    return !is_stopping(app);
}

static void
compact(struct workspace_keeper *k, const struct workspace_place *place, struct workspace *w,
        int64_t until_ms)
{
    const struct workspace_compaction how = {
        .quiet_ms = QUIET_MS, .until_ms = until_ms, .goes_on = goes_on, .app = k};
    struct workspace_compacted done;
    struct err err = {""};

    if (workspace_compact_idle(w, &how, &done, &err) != ST_OK)
        log_line(LOG_WARN, "workspace", "the room of rows taken out of %s stays: %s", place->name,
                 err.text);
    if (done.pieces > 0)
        log_line(
            LOG_INFO, "workspace",
            "%s: the room of rows taken out was given back: %llu rows written anew in %u "
            "pieces, which writers waited %lld ms for at most; the file had %llu bytes and has "
            "%llu%s",
            place->name, (unsigned long long)done.rows, done.pieces, (long long)done.held_ms_max,
            (unsigned long long)done.before, (unsigned long long)done.after,
            done.is_over ? "" : "; it goes on later");
}

/* A file that is not there yet is not made for this, and one that nobody has open is opened every 15 minutes only. */
static void
look_at(struct workspace_keeper *k, const struct config *config,
        const struct workspace_place *place, bool opens, bool retains, int64_t until_ms)
{
    const struct workspace_options options = {.guid = place->guid};
    struct workspace *w = NULL;
    struct err err = {""};

    if (!(opens ? access(place->path, F_OK) == 0 : workspace_is_open(place->path)))
        return;
    if (workspace_open(place->path, &options, &w, &err) != ST_OK) {
        log_line(LOG_WARN, "workspace", "old rows of %s stay: %s", place->name, err.text);
        return;
    }
    if (retains)
        retain(config, place, w);
    compact(k, place, w, until_ms);
    workspace_close(w);
}

struct places {
    struct workspace_place *items;
    size_t count, room;
};

static bool
place_note(void *app, const struct workspace_place *place)
{
    struct places *p = app;

    if (p->count == p->room) {
        size_t room = p->room == 0 ? 8 : p->room * 2;
        void *larger = realloc(p->items, room * sizeof *p->items);

        if (larger == NULL)
            return false;
        p->items = larger;
        p->room = room;
    }
    p->items[p->count++] = *place;
    return true;
}

static void
look(struct workspace_keeper *k, bool is_retaining)
{
    const struct control *c = atomic_load(k->control);
    const struct config *config = c->config;
    bool has_limits = config->workspaces.keep_age_ms > 0 || config->workspaces.keep_size_max > 0;
    struct places p = {.items = NULL};
    struct err err;

    for (size_t i = 0; i < config->workspaces.kept_count; i++)
        has_limits |=
            config->workspaces.kept[i].age_ms > 0 || config->workspaces.kept[i].size_max > 0;
    if (workspaces_list(c, NULL, place_note, &p, &err) != ST_OK)
        log_line(LOG_WARN, "workspace", "old rows stay: %s", err.text);
    bool opens = is_retaining || k->is_unfinished;

    k->is_unfinished = false;
    for (size_t i = 0; i < p.count && !is_stopping(k); i++)
        look_at(k, config, &p.items[i], opens, is_retaining && has_limits,
                clock_monotonic_ms() + COMPACT_MS / (int64_t)p.count);
    free(p.items);
}

/* True: it was woken to end. */
static bool
rest(struct workspace_keeper *k, unsigned seconds)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&k->lock);
    while (!k->is_stopping && pthread_cond_timedwait(&k->wake, &k->lock, &until) == 0)
        ;
    bool stopping = k->is_stopping;

    pthread_mutex_unlock(&k->lock);
    return stopping;
}

static void *
run(void *app)
{
    struct workspace_keeper *k = app;

    unsigned looks = 0;

    for (unsigned seconds = FIRST_S; !rest(k, seconds); seconds = EVERY_S)
        look(k, looks++ % RETAIN_EVERY == 0);
    return NULL;
}

enum status
workspace_keeper_start(const _Atomic(const struct control *) *control,
                       struct workspace_keeper **out, struct err *err)
{
    struct workspace_keeper *k;
    pthread_condattr_t attributes;

    *out = NULL;
    if (!workspace_is_built())
        return ST_OK;
    k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(err, ST_FULL, "no memory to look after workspaces");
    k->control = control;
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&k->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&k->thread, NULL, run, k) != 0) {
        pthread_cond_destroy(&k->wake);
        pthread_mutex_destroy(&k->lock);
        free(k);
        return err_set(err, ST_FULL, "no thread to look after workspaces");
    }
    *out = k;
    return ST_OK;
}

void
workspace_keeper_stop(struct workspace_keeper *k)
{
    if (k == NULL)
        return;
    pthread_mutex_lock(&k->lock);
    k->is_stopping = true;
    pthread_cond_signal(&k->wake);
    pthread_mutex_unlock(&k->lock);
    pthread_join(k->thread, NULL);
    pthread_cond_destroy(&k->wake);
    pthread_mutex_destroy(&k->lock);
    free(k);
}
