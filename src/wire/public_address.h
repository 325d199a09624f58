/* public_address.h - whether an address lies in the public internet, for destinations that are named
 * by somebody who must not reach into the operator's own network. Pure; any thread.
 *
 * Refused are: this host, loopback, link-local (with the metadata services of clouds), private,
 * shared (carrier-grade NAT), unique-local, multicast, benchmarking, documentation and reserved
 * networks (IANA's special-purpose registries), and Azure's 168.63.129.16. An IPv4 address inside an
 * IPv6 one (mapped, NAT64) counts as itself; tunnels that hide one (6to4, Teredo) are refused. */
#pragma once
#include "base/base.h"
#include <sys/socket.h>

struct address_network { /* 10.0.0.0/8, fd00::/8, or one address */
    int family;          /* AF_INET or AF_INET6 */
    unsigned char bytes[16];
    unsigned bits;
};

bool address_is_public(const struct sockaddr *address);

/* "10.1.0.0/16", "192.0.2.7", "fd12::/16". ST_INVALID: it is none, or has bits beyond its mask. */
MUST_CHECK enum status address_network_read(struct span text, struct address_network *network,
                                            struct err *err);
bool address_is_in(const struct sockaddr *address, const struct address_network *networks,
                   size_t count);

/* Whether a URL's host is named by a pattern: the same name, or "*.example.com" for all names below
 * (not itself). Case and one last '.' do not count. */
bool host_matches(struct span host, const char *pattern);
