/* hunt_connections.c - a query's connections. A statement that runs in DuckDB looks at no clock of ours, so a thread looks for
 * it: at the deadline, and when the query is cancelled, it interrupts every connection, and goes on doing so until the
 * query is over, since an interrupt that comes before a statement has begun is forgotten. */
#include "base/clock.h"
#include "workspace/hunt_inner.h"
#include <stdlib.h>

enum { LOOK_MS = 10 };

void
hunt_connections_open(struct hunt_connections *k, int64_t deadline_ms,
                      const _Atomic bool *cancelled)
{
    pthread_condattr_t attributes;

    *k = (struct hunt_connections){.deadline_ms = deadline_ms, .cancelled = cancelled};
    pthread_mutex_init(&k->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&k->over, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void *
watch(void *context)
{
    struct hunt_connections *k = context;

    pthread_mutex_lock(&k->lock);
    while (!k->is_over) {
        int64_t now = clock_monotonic_ms(), next = k->deadline_ms;

        if (now >= k->deadline_ms || (k->cancelled != NULL && atomic_load(k->cancelled)))
            for (const struct hunt_connection *c = k->first; c != NULL; c = c->next)
                if (c->is_used)
                    duckdb_interrupt(c->c);
        if (k->cancelled != NULL || now >= k->deadline_ms)
            next = now + LOOK_MS;
        const struct timespec at = {next / 1000, (long)(next % 1000) * 1000000};

        pthread_cond_timedwait(&k->over, &k->lock, &at);
    }
    pthread_mutex_unlock(&k->lock);
    return NULL;
}

enum status
hunt_connection_take(struct hunt_connections *k, struct workspace *w, struct hunt_connection **out,
                     struct err *err)
{
    struct hunt_connection *c = k->first;
    enum status st;

    while (c != NULL && (c->is_used || c->workspace != w))
        c = c->next;
    if (c == NULL) {
        c = calloc(1, sizeof *c);
        if (c == NULL)
            return err_set(err, ST_FULL, "no memory for a connection");
        c->workspace = w;
        st = workspace_connect(w, &c->c, err);
        if (st != ST_OK) {
            free(c);
            return st;
        }
        pthread_mutex_lock(&k->lock);
        c->next = k->first;
        k->first = c;
        pthread_mutex_unlock(&k->lock);
    }
    if (!k->is_watched && pthread_create(&k->watcher, NULL, watch, k) != 0)
        return err_set(err, ST_FULL, "no thread to watch over the query's time");
    k->is_watched = true;
    pthread_mutex_lock(&k->lock);
    c->is_used = true;
    pthread_mutex_unlock(&k->lock);
    *out = c;
    return ST_OK;
}

void
hunt_connection_give(struct hunt_connections *k, struct hunt_connection *c)
{
    pthread_mutex_lock(&k->lock);
    c->is_used = false;
    pthread_mutex_unlock(&k->lock);
}

void
hunt_connections_close(struct hunt_connections *k)
{
    pthread_mutex_lock(&k->lock);
    k->is_over = true;
    pthread_cond_signal(&k->over);
    pthread_mutex_unlock(&k->lock);
    if (k->is_watched)
        pthread_join(k->watcher, NULL);
    while (k->first != NULL) {
        struct hunt_connection *c = k->first;

        k->first = c->next;
        duckdb_disconnect(&c->c);
        free(c);
    }
    pthread_cond_destroy(&k->over);
    pthread_mutex_destroy(&k->lock);
}
