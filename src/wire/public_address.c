#include "wire/public_address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

/* RFC 6890 and IANA's registry of special-purpose IPv4 addresses. */
static const struct {
    unsigned char bytes[4];
    unsigned bits;
} not_public_v4[] = {
    {{0, 0, 0, 0},       8 }, /* this network */
    {{10, 0, 0, 0},      8 },
    {{100, 64, 0, 0},    10}, /* shared: carrier-grade NAT; Alibaba's metadata */
    {{127, 0, 0, 0},     8 },
    {{168, 63, 129, 16}, 32}, /* Azure's platform, from within its machines */
    {{169, 254, 0, 0},   16}, /* link-local; 169.254.169.254 */
    {{172, 16, 0, 0},    12},
    {{192, 0, 0, 0},     24}, /* protocol assignments; Oracle's metadata */
    {{192, 0, 2, 0},     24}, /* documentation */
    {{192, 88, 99, 0},   24}, /* 6to4 relays */
    {{192, 168, 0, 0},   16},
    {{198, 18, 0, 0},    15}, /* benchmarks */
    {{198, 51, 100, 0},  24}, /* documentation */
    {{203, 0, 113, 0},   24}, /* documentation */
    {{224, 0, 0, 0},     4 }, /* multicast */
    {{240, 0, 0, 0},     4 }, /* reserved, broadcast */
};

/* Within 2000::/3, the only part of IPv6 that is public at all. */
static const struct {
    unsigned char bytes[4];
    unsigned bits;
} not_public_v6[] = {
    {{0x20, 0x01, 0x00, 0x00}, 23}, /* protocol assignments; Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02, 0x00, 0x00}, 16}, /* 6to4 */
    {{0x3f, 0xff, 0x00, 0x00}, 20}, /* documentation */
};

static bool
has_prefix(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(address, prefix, whole) == 0 &&
           (rest == 0 || ((address[whole] ^ prefix[whole]) & (0xff00u >> rest & 0xff)) == 0);
}

static bool
is_public_v4(const unsigned char address[4])
{
    for (size_t i = 0; i < COUNT_OF(not_public_v4); i++)
        if (has_prefix(address, not_public_v4[i].bytes, not_public_v4[i].bits))
            return false;
    return true;
}

static const unsigned char mapped[12] = {[10] = 0xff, 0xff}, nat64[12] = {0, 0x64, 0xff, 0x9b};

static bool
is_public_v6(const unsigned char address[16])
{
    if (memcmp(address, mapped, sizeof mapped) == 0 || memcmp(address, nat64, sizeof nat64) == 0)
        return is_public_v4(address + 12);
    if ((address[0] & 0xe0) != 0x20)
        return false;
    for (size_t i = 0; i < COUNT_OF(not_public_v6); i++)
        if (has_prefix(address, not_public_v6[i].bytes, not_public_v6[i].bits))
            return false;
    return true;
}

bool
address_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (address->sa_family == AF_INET) {
        memcpy(&v4, address, sizeof v4);
        return is_public_v4((const unsigned char *)&v4.sin_addr);
    }
    if (address->sa_family != AF_INET6)
        return false;
    memcpy(&v6, address, sizeof v6);
    return is_public_v6(v6.sin6_addr.s6_addr);
}

enum status
address_network_read(struct span text, struct address_network *network, struct err *err)
{
    const char *slash = memchr(text.p, '/', text.n);
    size_t n = slash == NULL ? text.n : (size_t)(slash - text.p);
    char address[INET6_ADDRSTRLEN], bits[8], *end;
    unsigned most;

    *network = (struct address_network){.family = AF_INET};
    if (n == 0 || n >= sizeof address)
        goto fail;
    memcpy(address, text.p, n);
    address[n] = '\0';
    if (inet_pton(AF_INET, address, network->bytes) != 1) {
        network->family = AF_INET6;
        if (inet_pton(AF_INET6, address, network->bytes) != 1)
            goto fail;
    }
    most = network->family == AF_INET ? 32 : 128;
    network->bits = most;
    if (slash != NULL) {
        size_t size = text.n - n - 1;

        if (size == 0 || size > 3 || slash[1] < '0' || slash[1] > '9')
            goto fail;
        memcpy(bits, slash + 1, size);
        bits[size] = '\0';
        network->bits = (unsigned)strtoul(bits, &end, 10);
        if (*end != '\0' || network->bits > most)
            goto fail;
    }
    for (unsigned i = network->bits; i < most; i++)
        if ((network->bytes[i / 8] >> (7 - i % 8) & 1) != 0)
            return err_set(err, ST_INVALID, "'%.*s' has bits beyond its /%u", (int)text.n, text.p,
                           network->bits);
    return ST_OK;

fail:
    return err_set(err, ST_INVALID, "'%.*s' is no network: 10.0.0.0/8, fd00::/8 or an address",
                   (int)(text.n < 80 ? text.n : 80), text.p);
}

bool
address_is_in(const struct sockaddr *address, const struct address_network *networks, size_t count)
{
    unsigned char bytes[16];
    int family = address->sa_family;

    if (family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof v4);
        memcpy(bytes, &v4.sin_addr, 4);
    } else if (family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof v6);
        memcpy(bytes, v6.sin6_addr.s6_addr, sizeof bytes);
        if (memcmp(bytes, mapped, sizeof mapped) == 0) {
            family = AF_INET;
            memmove(bytes, bytes + 12, 4);
        }
    }
    for (size_t i = 0; i < count; i++)
        if (networks[i].family == family && has_prefix(bytes, networks[i].bytes, networks[i].bits))
            return true;
    return false;
}

bool
host_matches(struct span host, const char *pattern)
{
    size_t n = strlen(pattern);

    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    if (n > 2 && pattern[0] == '*' && pattern[1] == '.')
        return host.n > n - 1 && strncasecmp(host.p + host.n - (n - 1), pattern + 1, n - 1) == 0;
    return host.n == n && strncasecmp(host.p, pattern, n) == 0;
}
