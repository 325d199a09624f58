/* public_address_test.c - one row per network that must not be reached, and its neighbours. */
#include "base/test.h"
#include "wire/public_address.h"
#include <arpa/inet.h>
#include <netinet/in.h>

static const struct {
    const char *address;
    bool is_public;
} addresses[] = {
    {"8.8.8.8",                true },
    {"1.1.1.1",                true },
    {"0.0.0.0",                false},
    {"0.1.2.3",                false},
    {"9.255.255.255",          true },
    {"10.0.0.0",               false},
    {"10.255.255.255",         false},
    {"11.0.0.0",               true },
    {"100.63.255.255",         true },
    {"100.64.0.1",             false},
    {"100.100.100.200",        false},
    {"100.127.255.255",        false},
    {"100.128.0.0",            true },
    {"127.0.0.1",              false},
    {"127.255.255.254",        false},
    {"128.0.0.1",              true },
    {"168.63.129.16",          false},
    {"168.63.129.17",          true },
    {"169.253.255.255",        true },
    {"169.254.169.254",        false},
    {"172.15.255.255",         true },
    {"172.16.0.1",             false},
    {"172.31.255.255",         false},
    {"172.32.0.0",             true },
    {"192.0.0.192",            false},
    {"192.0.2.1",              false},
    {"192.88.99.1",            false},
    {"192.167.255.255",        true },
    {"192.168.1.1",            false},
    {"192.169.0.0",            true },
    {"198.17.255.255",         true },
    {"198.18.0.1",             false},
    {"198.19.255.255",         false},
    {"198.51.100.7",           false},
    {"203.0.113.7",            false},
    {"223.255.255.255",        true },
    {"224.0.0.1",              false},
    {"239.255.255.250",        false},
    {"240.0.0.1",              false},
    {"255.255.255.255",        false},
    {"2606:4700:4700::1111",   true },
    {"2a01::1",                true },
    {"2003::1",                true },
    {"::",                     false},
    {"::1",                    false},
    {"::7f00:1",               false},
    {"::ffff:127.0.0.1",       false},
    {"::ffff:10.1.2.3",        false},
    {"::ffff:169.254.169.254", false},
    {"::ffff:8.8.8.8",         true },
    {"64:ff9b::8.8.8.8",       true },
    {"64:ff9b::127.0.0.1",     false},
    {"64:ff9b::a9fe:a9fe",     false},
    {"64:ff9b:1::8.8.8.8",     false},
    {"100::1",                 false},
    {"2001::1",                false},
    {"2001:1ff::1",            false},
    {"2001:200::1",            true },
    {"2001:db8::1",            false},
    {"2002:7f00:1::1",         false},
    {"3ffe::1",                true },
    {"3fff::1",                false},
    {"5f00::1",                false},
    {"fc00::1",                false},
    {"fd00:ec2::254",          false},
    {"fe80::1",                false},
    {"fec0::1",                false},
    {"ff02::1",                false},
};

static const struct {
    const char *network, *address; /* NULL: the network is none */
    bool is_in;
} networks[] = {
    {"10.0.0.0/8",   "10.200.3.4",      true },
    {"10.0.0.0/8",   "11.0.0.1",        false},
    {"10.20.0.0/15", "10.21.255.255",   true },
    {"10.20.0.0/15", "10.22.0.0",       false},
    {"192.0.2.7",    "192.0.2.7",       true },
    {"192.0.2.7",    "192.0.2.8",       false},
    {"0.0.0.0/0",    "203.0.113.9",     true },
    {"0.0.0.0/0",    "::1",             false},
    {"10.0.0.0/8",   "::ffff:10.9.9.9", true },
    {"fd00::/8",     "fd12:3456::1",    true },
    {"fd00::/8",     "fe80::1",         false},
    {"::1/128",      "::1",             true },
    {"10.0.0.1/8",   NULL,              false},
    {"10.0.0.0/33",  NULL,              false},
    {"10.0.0.0/",    NULL,              false},
    {"10.0.0.0/-1",  NULL,              false},
    {"10.0.0.0/8x",  NULL,              false},
    {"10.0.0/8",     NULL,              false},
    {"fd00::/129",   NULL,              false},
    {"",             NULL,              false},
    {"/8",           NULL,              false},
    {"example.com",  NULL,              false},
};

static const struct {
    const char *host, *pattern;
    bool matches;
} hosts[] = {
    {"hooks.example.com",  "hooks.example.com", true },
    {"HOOKS.example.com.", "hooks.example.com", true },
    {"hooks.example.com",  "*.example.com",     true },
    {"a.b.example.com",    "*.example.com",     true },
    {"example.com",        "*.example.com",     false},
    {"badexample.com",     "*.example.com",     false},
    {".example.com",       "*.example.com",     false},
    {"hooks.example.com",  "example.com",       false},
    {"10.0.0.1",           "10.0.0.1",          true },
    {"",                   "*.",                false},
};

static struct sockaddr_storage
read_address(const char *text)
{
    struct sockaddr_storage storage = {.ss_family = AF_INET};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

    if (inet_pton(AF_INET, text, &v4->sin_addr) != 1) {
        storage.ss_family = AF_INET6;
        CHECK(inet_pton(AF_INET6, text, &v6->sin6_addr) == 1, "'%s' is no address", text);
    }
    return storage;
}

int
main(void)
{
    struct sockaddr_storage local = {.ss_family = AF_UNIX};

    CHECK(!address_is_public((struct sockaddr *)&local), "a socket in the file system");
    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct sockaddr_storage a = read_address(addresses[i].address);

        CHECK(address_is_public((struct sockaddr *)&a) == addresses[i].is_public, "%s",
              addresses[i].address);
    }
    for (size_t i = 0; i < COUNT_OF(networks); i++) {
        struct address_network n;
        struct err err = {""};
        enum status st = address_network_read(span_of(networks[i].network), &n, &err);

        CHECK((st == ST_OK) == (networks[i].address != NULL) &&
                  (st == ST_OK) == (err.text[0] == '\0'),
              "%s: %d %s", networks[i].network, (int)st, err.text);
        if (st != ST_OK || networks[i].address == NULL)
            continue;
        struct sockaddr_storage a = read_address(networks[i].address);

        CHECK(address_is_in((struct sockaddr *)&a, &n, 1) == networks[i].is_in, "%s in %s",
              networks[i].address, networks[i].network);
    }
    for (size_t i = 0; i < COUNT_OF(hosts); i++)
        CHECK(host_matches(span_of(hosts[i].host), hosts[i].pattern) == hosts[i].matches,
              "%s by %s", hosts[i].host, hosts[i].pattern);
    return test_end();
}
