#include "sensor/diag.h"
#include "sensor/procfs.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 64 * 1024,
    ENDED_BUFFER = 4 << 20, /* of the kernel's: some 4,000 ended sockets between two looks */
};

/* ---- parsing */

/* Places of two counters in struct tcp_info (linux/tcp.h, which does not go with netinet/in.h). */
enum { TCP_INFO_BYTES_ACKED = 120, TCP_INFO_BYTES_RECEIVED = 128 };

static void
parse_attributes(const char *p, size_t n, struct diag_message *m)
{
    while (n >= sizeof(struct nlattr)) {
        struct nlattr head;

        memcpy(&head, p, sizeof head);
        if (head.nla_len < sizeof head || head.nla_len > n)
            return;
        const char *value = p + sizeof head;
        size_t size = head.nla_len - sizeof head, step = (head.nla_len + 3u) & ~(size_t)3;

        if (head.nla_type == INET_DIAG_PROTOCOL && size >= 1) {
            m->has_protocol = true;
            m->socket.key.is_udp = (unsigned char)value[0] == IPPROTO_UDP;
        } else if (head.nla_type == INET_DIAG_INFO && size >= TCP_INFO_BYTES_RECEIVED + 8) {
            uint64_t acked, received;

            memcpy(&acked, value + TCP_INFO_BYTES_ACKED, sizeof acked);
            memcpy(&received, value + TCP_INFO_BYTES_RECEIVED, sizeof received);
            m->has_flowed = acked > 0 || received > 0;
        }
        if (step >= n)
            return;
        p += step;
        n -= step;
    }
}

static bool
parse_socket(const char *p, size_t n, struct diag_message *m)
{
    struct inet_diag_msg body;

    if (n < sizeof body)
        return false;
    memcpy(&body, p, sizeof body);
    if (body.idiag_family != AF_INET && body.idiag_family != AF_INET6)
        return false;
    size_t address_size = body.idiag_family == AF_INET6 ? 16 : 4;

    m->kind = DIAG_SOCKET;
    m->socket.key.is_ipv6 = body.idiag_family == AF_INET6;
    memcpy(m->socket.key.local, body.id.idiag_src, address_size);
    memcpy(m->socket.key.remote, body.id.idiag_dst, address_size);
    m->socket.key.local_port = ntohs(body.id.idiag_sport);
    m->socket.key.remote_port = ntohs(body.id.idiag_dport);
    m->socket.uid = body.idiag_uid;
    m->socket.state = body.idiag_state;
    m->socket.inode = body.idiag_inode;
    parse_attributes(p + NLMSG_ALIGN(sizeof body), n - sizeof body, m);
    return true;
}

bool
diag_parse(struct span datagram, size_t *at, struct diag_message *m)
{
    while (datagram.n - *at >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr head;
        const char *p = datagram.p + *at;

        memcpy(&head, p, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.n - *at)
            break;
        size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);

        *at = step > datagram.n - *at ? datagram.n : *at + step;
        memset(m, 0, sizeof *m);
        if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR) {
            m->kind = head.nlmsg_type == NLMSG_DONE ? DIAG_DONE : DIAG_ERROR;
            return true;
        }
        if (head.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
            parse_socket(p + NLMSG_HDRLEN, head.nlmsg_len - (size_t)NLMSG_HDRLEN, m))
            return true;
    }
    *at = datagram.n;
    return false;
}

/* ---- opening */

static int
open_netlink(unsigned groups)
{
    struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = groups};
    struct timeval patience = {.tv_sec = 2};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        close(fd);
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static unsigned
group_bit(unsigned group)
{
    return 1u << (group - 1);
}

enum status
diag_open(int proc_fd, bool want_proc, struct diag *d, struct err *err)
{
    *d = (struct diag){.mode = DIAG_PROC, .proc_fd = proc_fd, .ask_fd = -1, .ended_fd = -1};
    d->buffer = malloc(BUFFER_SIZE);
    if (d->buffer == NULL)
        return err_set(err, ST_FULL, "no memory to look at sockets");
    if (want_proc)
        return ST_OK;
    d->ask_fd = open_netlink(0);
    if (d->ask_fd < 0)
        return ST_OK;
    int size = ENDED_BUFFER;

    d->mode = DIAG_NETLINK;
    d->ended_fd =
        open_netlink(group_bit(SKNLGRP_INET_TCP_DESTROY) | group_bit(SKNLGRP_INET_UDP_DESTROY) |
                     group_bit(SKNLGRP_INET6_TCP_DESTROY) | group_bit(SKNLGRP_INET6_UDP_DESTROY));
    if (d->ended_fd >= 0 && /* the first is for CAP_NET_ADMIN */
        setsockopt(d->ended_fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(d->ended_fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return ST_OK;
}

void
diag_close(struct diag *d)
{
    if (d->ask_fd >= 0)
        close(d->ask_fd);
    if (d->ended_fd >= 0)
        close(d->ended_fd);
    free(d->buffer);
    *d = (struct diag){.ask_fd = -1, .ended_fd = -1};
}

/* ---- asking */

/* Listening sockets come first, so that who visits can tell an accepted connection from a made one.
 * Sockets that are only on their way to be connected are of no interest. */
static const struct question {
    const char *proc_name;
    bool is_ipv6, is_udp;
    uint32_t states;
} questions[] = {
    {"net/tcp",  false, false, 1u << SOCKET_LISTEN},
    {"net/tcp6", true,  false, 1u << SOCKET_LISTEN},
    {"net/udp",  false, true,  UINT32_MAX         },
    {"net/udp6", true,  true,  UINT32_MAX         },
    {"net/tcp",  false, false,
     0xfffu & ~(1u << SOCKET_LISTEN | 1u << SOCKET_SYN_SENT | 1u << SOCKET_SYN_RECEIVED |
                1u << SOCKET_CLOSE)               },
    {"net/tcp6", true,  false,
     0xfffu & ~(1u << SOCKET_LISTEN | 1u << SOCKET_SYN_SENT | 1u << SOCKET_SYN_RECEIVED |
                1u << SOCKET_CLOSE)               },
};

static bool
ask(struct diag *d, const struct question *q, diag_visit_fn visit, void *app)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } request = {
        .head = {.nlmsg_len = sizeof request,
                 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .body = {.sdiag_family = q->is_ipv6 ? AF_INET6 : AF_INET,
                 .sdiag_protocol = q->is_udp ? IPPROTO_UDP : IPPROTO_TCP,
                 .idiag_states = q->states                },
    };
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    if (sendto(d->ask_fd, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel) <
        0)
        return false;
    for (;;) {
        ssize_t n = recv(d->ask_fd, d->buffer, BUFFER_SIZE, 0);
        struct diag_message m;
        size_t at = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        while (diag_parse((struct span){d->buffer, (size_t)n}, &at, &m)) {
            if (m.kind != DIAG_SOCKET)
                return m.kind == DIAG_DONE;
            m.socket.key.is_udp = q->is_udp;
            visit(app, &m.socket);
        }
    }
}

static bool
read_proc(struct diag *d, const struct question *q, diag_visit_fn visit, void *app)
{
    int fd = openat(d->proc_fd, q->proc_name, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    bool is_whole = false;

    if (fd < 0)
        return errno == ENOENT && q->is_ipv6; /* a kernel without IPv6 has none */
    for (;;) {
        ssize_t n = read(fd, d->buffer + used, BUFFER_SIZE - used);

        if (n < 0 && errno == EINTR)
            continue;
        is_whole = n == 0;
        if (n <= 0)
            break;
        used += (size_t)n;
        char *line = d->buffer, *end = d->buffer + used, *feed;

        while ((feed = memchr(line, '\n', (size_t)(end - line))) != NULL) {
            struct socket s;

            if (procfs_socket_read((struct span){line, (size_t)(feed - line)}, q->is_ipv6,
                                   q->is_udp, &s) &&
                (s.state > 31 || (q->states >> s.state & 1) != 0))
                visit(app, &s);
            line = feed + 1;
        }
        used = (size_t)(end - line);
        if (used == BUFFER_SIZE)
            break; /* no line of the kernel's is that long */
        memmove(d->buffer, line, used);
    }
    close(fd);
    return is_whole;
}

enum status
diag_visit(struct diag *d, diag_visit_fn visit, void *app, struct err *err)
{
    bool is_whole = true;

    for (size_t i = 0; i < COUNT_OF(questions); i++) {
        const struct question *q = &questions[i];
        bool is_answered = d->mode == DIAG_NETLINK && ask(d, q, visit, app);

        if (!is_answered && d->mode == DIAG_NETLINK) {
            /* what is left of a broken answer must not be taken for the next one */
            close(d->ask_fd);
            d->ask_fd = open_netlink(0);
            d->errors++;
        }
        if (!is_answered && !read_proc(d, q, visit, app))
            is_whole = false;
    }
    if (!is_whole)
        return err_set(err, ST_IO, "neither sock_diag nor /proc/net told of all sockets");
    return ST_OK;
}

void
diag_visit_ended(struct diag *d, diag_visit_fn visit, void *app)
{
    while (d->ended_fd >= 0) {
        ssize_t n = recv(d->ended_fd, d->buffer, BUFFER_SIZE, MSG_DONTWAIT);
        struct diag_message m;
        size_t at = 0;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS) {
            d->ended_lost++;
            continue;
        }
        if (n <= 0)
            return;
        while (diag_parse((struct span){d->buffer, (size_t)n}, &at, &m)) {
            if (m.kind != DIAG_SOCKET || !m.has_protocol || m.socket.key.remote_port == 0 ||
                m.socket.key.local_port == 0 || (!m.socket.key.is_udp && !m.has_flowed))
                continue;
            m.socket.state = SOCKET_TIME_WAIT; /* its own is "closed": it was connected before */
            visit(app, &m.socket);
        }
    }
}
