#include "kql/geo_source.h"
#include <pthread.h>
#include <stdlib.h>

struct kql_geo_held {
    struct kql_geo_source source;
    size_t count; /* who holds it, being the one in use included */
};

/* One for the process, as its database is: a query's functions know nothing of who runs them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kql_geo_held *used;

enum status
kql_geo_use(const struct kql_geo_source *s, struct err *err)
{
    struct kql_geo_held *made = NULL, *old;

    if (s != NULL) {
        made = malloc(sizeof *made);
        if (made == NULL)
            return err_set(err, ST_FULL, "no memory for a database of places");
        *made = (struct kql_geo_held){*s, 1};
    }
    pthread_mutex_lock(&lock);
    old = used;
    used = made;
    pthread_mutex_unlock(&lock);
    kql_geo_give(old);
    return ST_OK;
}

struct kql_geo_held *
kql_geo_hold(void)
{
    struct kql_geo_held *h;

    pthread_mutex_lock(&lock);
    h = used;
    if (h != NULL)
        h->count++;
    pthread_mutex_unlock(&lock);
    return h;
}

const struct kql_geo_source *
kql_geo_source_of(const struct kql_geo_held *h)
{
    return &h->source;
}

void
kql_geo_give(struct kql_geo_held *h)
{
    bool is_last;

    if (h == NULL)
        return;
    pthread_mutex_lock(&lock);
    is_last = --h->count == 0;
    pthread_mutex_unlock(&lock);
    if (!is_last)
        return;
    h->source.close(h->source.context);
    free(h);
}
