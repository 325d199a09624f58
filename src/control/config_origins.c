/* config_origins.c - http.allowedOrigins: the pages whose scripts may call, each as browsers write it in their Origin header
 * ("ASCII serialisation of an origin", RFC 6454 section 6.2), so that a comparison of bytes decides; and the other list of
 * places, hunting.externalData. */
#include "control/config_keys.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static const struct {
    const char *start;
    unsigned port; /* which browsers leave out */
} schemes[] = {
    {"http://",  80 },
    {"https://", 443},
};

static bool
port_read(const char *text, unsigned *port)
{
    size_t n = strlen(text);

    if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
        return false;
    *port = (unsigned)strtoul(text, NULL, 10);
    return *port > 0 && *port <= 65535;
}

/* The address between brackets, written as browsers do. */
static bool
address_write(struct span address, char *out, size_t room)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr six;

    if (address.n >= sizeof text)
        return false;
    snprintf(text, sizeof text, "%.*s", (int)address.n, address.p);
    if (inet_pton(AF_INET6, text, &six) != 1 ||
        inet_ntop(AF_INET6, &six, text, sizeof text) == NULL)
        return false;
    return (size_t)snprintf(out, room, "[%s]", text) < room;
}

static bool
name_write(struct span name, char *out, size_t room)
{
    if (name.n == 0 || name.n > 253 || name.n >= room || name.p[0] == '.' || name.p[0] == '-')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (!isalnum((unsigned char)name.p[i]) && strchr("-._", name.p[i]) == NULL)
            return false;
        out[i] = (char)tolower((unsigned char)name.p[i]);
    }
    out[name.n] = '\0';
    return true;
}

/* What is wrong with it; NULL: nothing, 'out' has it in the browsers' way. */
static const char *
origin_write(const char *text, char out[CONFIG_ORIGIN_SIZE])
{
    char host[260];
    const char *at, *colon;
    unsigned port = 0;
    struct span name;
    size_t i = 0;

    if (strchr(text, '*') != NULL)
        return "'*' would let every page that somebody opens try this daemon: name the origins";
    if (strcasecmp(text, "null") == 0)
        return "every sandboxed page and local file calls itself null: name an origin";
    while (i < COUNT_OF(schemes) &&
           strncasecmp(text, schemes[i].start, strlen(schemes[i].start)) != 0)
        i++;
    if (i == COUNT_OF(schemes))
        return "an origin begins with https:// or http://";
    at = text + strlen(schemes[i].start);
    if (strchr(at, '@') != NULL)
        return "an origin has no user";
    if (at[strcspn(at, "/?#")] != '\0')
        return "an origin ends behind its host and port, without a slash or a path";
    name = (struct span){at, at[0] == '[' ? strcspn(at, "]") : strcspn(at, ":")};
    if (at[0] == '[' ? at[name.n] != ']' ||
                           !address_write((struct span){at + 1, name.n - 1}, host, sizeof host)
                     : !name_write(name, host, sizeof host))
        return "that is no host; one with other letters is written as browsers send it (xn--...)";
    colon = at + name.n + (at[0] == '[');
    if (*colon == ':' ? !port_read(colon + 1, &port) : *colon != '\0')
        return "its port is to be 1 to 65535";
    if (port == 0 || port == schemes[i].port)
        snprintf(out, CONFIG_ORIGIN_SIZE, "%s%s", schemes[i].start, host);
    else
        snprintf(out, CONFIG_ORIGIN_SIZE, "%s%s:%u", schemes[i].start, host, port);
    return NULL;
}

enum status
config_read_origins(struct config_reader *r, const json_t *list)
{
    struct config *c = &r->whole->c;
    size_t count = json_array_size(list);
    const char **origins;

    if (count > CONFIG_ORIGINS_MAX)
        return config_fault(r, list, NULL, CONFIG_ORIGINS_MAX, "http.allowedOrigins",
                            "more than %d", CONFIG_ORIGINS_MAX);
    origins = heap_take(&r->whole->heap, count * sizeof *origins + 1);
    if (origins == NULL)
        return config_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);
        const char *text = json_string_value(value), *fault;
        char path[60], origin[CONFIG_ORIGIN_SIZE];

        snprintf(path, sizeof path, "http.allowedOrigins[%zu]", i);
        if (text == NULL || text[0] == '\0')
            return config_fault(r, list, NULL, i, path,
                                "an origin is wanted here, as in https://dataexplorer.azure.com");
        fault = origin_write(text, origin);
        if (fault != NULL)
            return config_fault(r, list, NULL, i, path, "'%.80s': %s", text, fault);
        for (size_t k = 0; k < i; k++)
            if (strcmp(origins[k], origin) == 0)
                return config_fault(r, list, NULL, i, path, "%s is there twice", origin);
        origins[i] = heap_text(&r->whole->heap, span_of(origin));
        if (origins[i] == NULL)
            return config_no_memory(r);
    }
    c->http.allowed_origins = origins;
    c->http.allowed_origin_count = count;
    return ST_OK;
}

/* ---- hunting.externalData ---- */

enum status
config_read_prefixes(struct config_reader *r, const json_t *list)
{
    struct fetch_policy *p = &r->whole->c.hunting.external;
    size_t count = json_array_size(list);
    const char **prefixes;

    if (count > FETCH_PREFIXES_MAX)
        return config_fault(r, list, NULL, FETCH_PREFIXES_MAX, "hunting.externalData",
                            "more than %d", FETCH_PREFIXES_MAX);
    prefixes = heap_take(&r->whole->heap, count * sizeof *prefixes + 1);
    if (prefixes == NULL)
        return config_no_memory(r);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        char path[60], prefix[FETCH_PREFIX_SIZE];
        struct err why = {""};

        snprintf(path, sizeof path, "hunting.externalData[%zu]", i);
        if (text == NULL)
            return config_fault(r, list, NULL, i, path,
                                "the beginning of a URL is wanted here, as in "
                                "https://raw.githubusercontent.com/org/");
        if (fetch_prefix_write(span_of(text), prefix, &why) != ST_OK)
            return config_fault(r, list, NULL, i, path, "'%.80s': %s", text, why.text);
        prefixes[i] = heap_text(&r->whole->heap, span_of(prefix));
        if (prefixes[i] == NULL)
            return config_no_memory(r);
    }
    p->prefixes = prefixes;
    p->prefix_count = count;
    return ST_OK;
}
