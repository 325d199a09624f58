/* connections_test.c - what is new, what is inbound, who holds it; with true sockets for the
 * latter. */
#include "base/test.h"
#include "sensor/connections.h"
#include "sensor/diag.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LISTENS, INBOUND, OUTBOUND, NOT };

static const struct {
    const char *name;
    unsigned look; /* a step up begins a new one */
    bool is_ipv6, is_udp;
    unsigned local_ip, local_port, remote_ip, remote_port, state;
    uint64_t inode;
    int wanted;
} steps[] = {
    {"a server listens",                      1, false, false, 0, 80,    0, 0,    10, 5,  LISTENS },
    {"one listens for both",                  1, true,  false, 0, 8080,  0, 0,    10, 6,  LISTENS },
    {"an accepted connection",                1, false, false, 1, 80,    9, 5000, 1,  7,  INBOUND },
    {"accepted by the one for both",          1, false, false, 1, 8080,  9, 5001, 1,  8,  INBOUND },
    {"one of ours",                           1, false, false, 1, 40000, 9, 443,  1,  9,  OUTBOUND},
    {"on its way",                            1, false, false, 1, 40001, 9, 443,  2,  10, NOT     },
    {"waits to be accepted",                  1, false, false, 1, 80,    9, 5002, 1,  0,  NOT     },
    {"UDP server",                            1, false, true,  0, 53,    0, 0,    7,  11, LISTENS },
    {"UDP client without a peer",             1, false, true,  0, 40000, 0, 0,    7,  12, NOT     },
    {"UDP with a peer",                       1, false, true,  1, 53,    9, 53,   1,  13, OUTBOUND},
    {"no port yet",                           1, false, true,  0, 0,     0, 0,    7,  14, NOT     },
    {"the server still listens",              2, false, false, 0, 80,    0, 0,    10, 5,  NOT     },
    {"now accepted",                          2, false, false, 1, 80,    9, 5002, 1,  15, INBOUND },
    {"ours goes down",                        2, false, false, 1, 40000, 9, 443,  4,  9,  NOT     },
    {"ours again, without an owner",          3, false, false, 1, 40000, 9, 443,  6,  0,  NOT     },
    {"the same addresses, another socket",    3, false, false, 1, 40000, 9, 443,  1,  16, OUTBOUND},
    {"the server came back after being away", 3, false, false, 0, 80,    0, 0,    10, 17, LISTENS },
    {"it was forgotten and is new",           5, false, false, 1, 40000, 9, 443,  1,  16, OUTBOUND},
    {"over before it was seen",               5, false, false, 1, 40009, 9, 443,  6,  0,  OUTBOUND},
};

static void
check_steps(void)
{
    struct connections *c = NULL;
    struct err err = {""};
    unsigned look = 0;
    size_t told = 0;

    CHECK(connections_make(&c, &err) == ST_OK, "%s", err.text);
    connections_set_ephemeral(c, 32768, 60999);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct socket s = {.state = steps[i].state, .inode = steps[i].inode};
        size_t count;

        while (look < steps[i].look) {
            if (look > 0)
                connections_end(c, true, &count);
            connections_begin(c);
            told = 0;
            look++;
        }
        s.key.is_ipv6 = steps[i].is_ipv6;
        s.key.is_udp = steps[i].is_udp;
        s.key.local[3] = (unsigned char)steps[i].local_ip;
        s.key.remote[3] = (unsigned char)steps[i].remote_ip;
        s.key.local_port = (uint16_t)steps[i].local_port;
        s.key.remote_port = (uint16_t)steps[i].remote_port;
        connections_see(c, &s);
        struct connection *news = connections_end(c, false, &count);
        int seen = count == told             ? NOT
                   : news[told].is_listening ? LISTENS
                   : news[told].is_inbound   ? INBOUND
                                             : OUTBOUND;

        CHECK(seen == steps[i].wanted && count <= told + 1, "%s: %d", steps[i].name, seen);
        told = count;
    }
    connections_free(c);
}

static void
check_many(void)
{
    struct connections *c = NULL;
    size_t count, all = CONNECTIONS_MAX + 100;
    struct err err = {""};

    CHECK(connections_make(&c, &err) == ST_OK, "%s", err.text);
    for (int look = 0; look < 3; look++) {
        connections_begin(c);
        for (size_t i = 0; i < all; i++) {
            struct socket s = {.state = SOCKET_ESTABLISHED, .inode = i + 1};

            memcpy(s.key.remote, &(uint32_t){(uint32_t)i}, 4);
            s.key.local_port = s.key.remote_port = 1;
            connections_see(c, &s);
        }
        connections_end(c, true, &count);
        CHECK(connections_count(c) == CONNECTIONS_MAX, "look %d: %zu", look, connections_count(c));
        CHECK(count == (look == 0 ? CONNECTIONS_NEW_MAX : 100), "look %d: %zu new", look, count);
    }
    CHECK(connections_dropped(c) == all - CONNECTIONS_NEW_MAX, "%llu dropped",
          (unsigned long long)connections_dropped(c));
    connections_begin(c);
    connections_end(c, false, &count);
    CHECK(connections_count(c) == CONNECTIONS_MAX, "a look that failed forgets nothing");
    connections_begin(c);
    connections_end(c, true, &count);
    CHECK(connections_count(c) == 0, "%zu left", connections_count(c));
    connections_free(c);
}

static void
see(void *app, const struct socket *s)
{
    connections_see(app, s);
}

/* Our own sockets, as the kernel shows them in both ways. */
static void
check_live(bool want_proc)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY), accepted = -1;
    struct connections *c = NULL;
    struct diag d;
    struct err err = {""};
    size_t count, found = 0;

    CHECK(bind(server, (struct sockaddr *)&address, size) == 0 && listen(server, 1) == 0 &&
              getsockname(server, (struct sockaddr *)&address, &size) == 0 &&
              connect(client, (struct sockaddr *)&address, size) == 0,
          "loopback");
    accepted = accept(server, NULL, NULL);
    CHECK(connections_make(&c, &err) == ST_OK, "%s", err.text);
    CHECK(diag_open(proc_fd, want_proc, &d, &err) == ST_OK, "%s", err.text);
    connections_begin(c);
    CHECK(diag_visit(&d, see, c, &err) == ST_OK, "%s", err.text);
    struct connection *news = connections_end(c, true, &count);

    (void)connections_own(c, proc_fd, news, count, 1000000);
    for (size_t i = 0; i < count; i++) {
        const struct socket_key *k = &news[i].socket.key;
        unsigned port = ntohs(address.sin_port);

        if (k->is_udp || k->is_ipv6 || (k->local_port != port && k->remote_port != port))
            continue;
        found++;
        CHECK(news[i].pid == getpid(), "port %u: process %d", k->local_port, news[i].pid);
        CHECK(news[i].is_listening == (k->remote_port == 0), "port %u", k->local_port);
        CHECK(news[i].is_inbound == (k->local_port == port && k->remote_port != 0), "port %u",
              k->local_port);
    }
    CHECK(found == 3, "%zu of 3 sockets by %s", found, want_proc ? "/proc/net" : "sock_diag");
    close(accepted);
    close(client);
    close(server);
    close(proc_fd);
    diag_close(&d);
    connections_free(c);
}

/* One message of sock_diag as the kernel lays it out; also cut at every byte. */
static void
check_parse(void)
{
    char datagram[1024] = {0};
    struct inet_diag_msg body = {
        .idiag_family = AF_INET6, .idiag_state = 1, .idiag_uid = 1000, .idiag_inode = 4294967295u};
    struct nlattr protocol = {5, INET_DIAG_PROTOCOL}, info = {4 + 232, INET_DIAG_INFO};
    struct nlmsghdr head = {.nlmsg_type = SOCK_DIAG_BY_FAMILY};
    uint64_t acked = 1;
    size_t n = NLMSG_HDRLEN, at = 0;
    struct diag_message m;

    body.id.idiag_sport = htons(443);
    body.id.idiag_dport = htons(50000);
    memset(body.id.idiag_src, 0xab, 16);
    memcpy(datagram + n, &body, sizeof body);
    n += sizeof body;
    memcpy(datagram + n, &protocol, sizeof protocol);
    datagram[n + 4] = IPPROTO_UDP;
    n += 8;
    memcpy(datagram + n, &info, sizeof info);
    memcpy(datagram + n + 4 + 120, &acked, sizeof acked);
    n += 4 + 232;
    head.nlmsg_len = (uint32_t)n;
    memcpy(datagram, &head, sizeof head);
    CHECK(diag_parse((struct span){datagram, n}, &at, &m) && at == n, "at %zu of %zu", at, n);
    CHECK(m.kind == DIAG_SOCKET && m.socket.key.is_ipv6 == 1 && m.socket.key.is_udp == 1 &&
              m.has_protocol && m.has_flowed && m.socket.key.local_port == 443 &&
              m.socket.key.remote_port == 50000 && m.socket.uid == 1000 &&
              m.socket.inode == 4294967295u && m.socket.key.local[15] == 0xab,
          "port %u", m.socket.key.local_port);
    CHECK(!diag_parse((struct span){datagram, n}, &at, &m), "no second one");
    for (size_t cut = 0; cut < n; cut++) {
        char *copy = malloc(cut + 1);

        memcpy(copy, datagram, cut);
        at = 0;
        CHECK(!diag_parse((struct span){copy, cut}, &at, &m) && at == cut, "cut at %zu", cut);
        free(copy);
    }
    for (uint32_t size = NLMSG_HDRLEN; size < n; size++) { /* the message says it is shorter */
        memcpy(datagram, &size, sizeof size);
        at = 0;
        bool is_there = diag_parse((struct span){datagram, size}, &at, &m);

        CHECK(is_there == (size >= NLMSG_HDRLEN + sizeof body), "of %u bytes", size);
    }
}

int
main(void)
{
    check_steps();
    check_many();
    check_parse();
    check_live(false);
    check_live(true);
    return test_end();
}
