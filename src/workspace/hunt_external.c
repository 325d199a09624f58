/* hunt_external.c - files that externaldata names, within what the request allows. */
#include "workspace/hunt_inner.h"

enum status
hunt_fetch(void *context, const struct kql_external_place *place, size_t size_max,
           struct span *bytes, void **held, struct err *err)
{
    static const struct fetch_policy nothing = {.prefixes = NULL};
    const struct hunting *h = context;
    const struct hunt_request *r = h->request;
    const struct fetch_ask ask = {.url = place->url,
                                  .is_concealed = place->is_concealed,
                                  .remedy = r->external_remedy,
                                  .size_max = size_max,
                                  .deadline_ms = h->deadline_ms,
                                  .cancelled = r->cancelled};
    struct fetched *file;
    enum status st = fetch_read(r->external != NULL ? r->external : &nothing, &ask, &file, err);

    if (st != ST_OK)
        return st;
    *bytes = file->bytes;
    *held = file;
    return ST_OK;
}

void
hunt_fetched(void *held)
{
    fetch_end(held);
}
