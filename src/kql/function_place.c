/* function_place.c - geo_info_from_ip_address(): a row of its own, for what it asks is not of the language. */
#include "kql/dynamic.h"
#include "kql/function_inner.h"
#include "kql/geo_source.h"
#include <arpa/inet.h>
#include <netinet/in.h>

/* Held by each program that is compiled, so that all rows of a query see one database. */
static void *
hold_source(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
            struct err *err)
{
    (void)pool, (void)constants, (void)count, (void)err;
    return kql_geo_hold();
}

static void
give_source(void *prepared)
{
    kql_geo_give(prepared);
}

/* An IPv4 address in an IPv6 one is itself. */
static bool
read_address(struct span text, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;
    struct in6_addr address;
    char copy[INET6_ADDRSTRLEN];

    memset(out, 0, sizeof *out);
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (strlen(copy) != text.n)
        return false;
    if (inet_pton(AF_INET, copy, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, copy, &address) != 1)
        return false;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
        memcpy(&four->sin_addr, address.s6_addr + 12, 4);
        four->sin_family = AF_INET;
        return true;
    }
    six->sin6_addr = address;
    six->sin6_family = AF_INET6;
    return true;
}

static void
put_text(struct kql_bag_builder *b, const char *name, struct span text)
{
    if (text.n > 0)
        (void)kql_bag_add(b, span_of(name), kql_string(pool_text(b->pool, text)), true);
}

static void
geo_info(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_geo_source *s;
    struct kql_bag_builder b = {.pool = call->pool};
    struct kql_geo_place place = {.has_position = false};
    struct sockaddr_storage address;

    *result = kql_null(KQL_DYNAMIC);
    if (call->prepared == NULL)
        pool_abandon(call->pool,
                     "geo_info_from_ip_address() needs a database of places, and there is none: an "
                     "operator names one (MaxMind's format) by hunting.geoDatabase in the daemon's "
                     "configuration; for penstock query here, --config names the configuration");
    s = kql_geo_source_of(call->prepared);
    if (!read_address(kql_text(&args[0]), &address) ||
        !s->find(s->context, (const struct sockaddr *)&address, call->pool, &place))
        return;
    put_text(&b, "country", place.country);
    put_text(&b, "state", place.state);
    put_text(&b, "city", place.city);
    if (place.has_position) {
        (void)kql_bag_add(&b, SPAN_LITERAL("latitude"), kql_real(place.latitude), true);
        (void)kql_bag_add(&b, SPAN_LITERAL("longitude"), kql_real(place.longitude), true);
    }
    if (b.count > 0)
        *result = kql_bag_finish(&b);
}

/* Never folded: a query that is only checked needs no database. */
const struct kql_function kql_functions_place[] = {
    {.name = "geo_info_from_ip_address",
     .kind = KQL_SCALAR,
     .flags = KQL_F_VOLATILE,
     .signature = "(ip: string) -> dynamic",
     .doc = "Where an address is: country, state, city, latitude, longitude, by the database that "
            "hunting.geoDatabase names; null where that knows nothing.", .call = geo_info,
     .prepare = hold_source,
     .release = give_source,
     .group = "ip"},
    {.name = NULL           },
};
