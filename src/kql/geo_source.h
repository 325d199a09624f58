/* geo_source.h - where geo_info_from_ip_address() looks. The language opens no file: whoever has a database of places lends it here,
 * for all queries of the process. Any thread. */
#pragma once
#include "kql/pool.h"
#include <sys/socket.h>

struct kql_geo_place {
    struct span country, state, city; /* empty: not known; UTF-8 */
    double latitude, longitude;
    bool has_position;
};
struct kql_geo_source {
    /* False: the address is not known. Any thread, many at a time; texts live in 'p', or as long as the source. */
    bool (*find)(void *context, const struct sockaddr *address, struct pool *p,
                 struct kql_geo_place *out);
    void (*close)(void *context); /* once, when nobody uses it any more */
    void *context;
};

/* What is asked from now on: a copy of 's', closed when another one is used and the last query that holds it has ended. NULL: none.
 * ST_FULL: no memory, nothing has changed. */
MUST_CHECK enum status kql_geo_use(const struct kql_geo_source *s, struct err *err);

/* For the function: the source of now, to be given back; NULL: there is none. */
struct kql_geo_held;
struct kql_geo_held *kql_geo_hold(void);
const struct kql_geo_source *kql_geo_source_of(const struct kql_geo_held *h);
void kql_geo_give(struct kql_geo_held *h);
