#include "sensor/connector.h"
#include "base/clock.h"
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MS = 1000 };

/* linux/cn_proc.h renamed its enumeration in 6.6; the numbers are ABI. */
enum { EVENT_FORK = 1, EVENT_EXEC = 2, EVENT_EXIT = (int)0x80000000 };

/* One message's payload behind the netlink header. */
static bool
parse_message(const char *p, size_t n, struct connector_event *event)
{
    struct cn_msg head;
    struct proc_event body;
    size_t fixed = offsetof(struct proc_event, event_data);

    if (n < sizeof head)
        return false;
    memcpy(&head, p, sizeof head);
    if (head.id.idx != CN_IDX_PROC || head.id.val != CN_VAL_PROC || head.len > n - sizeof head ||
        head.len < fixed + 8)
        return false;
    memset(&body, 0, sizeof body);
    memcpy(&body, p + sizeof head, head.len < sizeof body ? head.len : sizeof body);
    bool is_answer = (int)body.what == 0;

    *event = (struct connector_event){
        .kind = CONNECTOR_OTHER,
        .cpu = body.cpu,
        .sequence = head.seq,
        .time_ns = body.timestamp_ns,
        /* since 6.6 answers are counted as events are; before, they carry no processor */
        .has_sequence = !is_answer || body.cpu != UINT32_MAX,
        .is_answer = is_answer,
        .answer_to = is_answer ? head.ack - 1 : 0,
        .error = is_answer ? body.event_data.ack.err : 0,
    };
    switch ((int)body.what) {
    case EVENT_FORK:
        if (head.len < fixed + sizeof body.event_data.fork)
            return false;
        event->kind = CONNECTOR_FORK;
        event->pid = body.event_data.fork.child_tgid;
        event->parent_pid = body.event_data.fork.parent_tgid;
        event->is_thread = body.event_data.fork.child_pid != body.event_data.fork.child_tgid;
        break;
    case EVENT_EXEC:
        event->kind = CONNECTOR_EXEC;
        event->pid = body.event_data.exec.process_tgid;
        break;
    case EVENT_EXIT:
        event->kind = CONNECTOR_EXIT;
        event->pid = body.event_data.exit.process_tgid;
        event->is_thread = body.event_data.exit.process_pid != body.event_data.exit.process_tgid;
        break;
    default:
        break;
    }
    return true;
}

bool
connector_parse(struct span datagram, size_t *at, struct connector_event *event)
{
    while (datagram.n - *at >= sizeof(struct nlmsghdr)) {
        struct nlmsghdr head;
        const char *p = datagram.p + *at;

        memcpy(&head, p, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.n - *at)
            break;
        size_t step = NLMSG_ALIGN((size_t)head.nlmsg_len);

        *at = step > datagram.n - *at ? datagram.n : *at + step;
        if (head.nlmsg_type == NLMSG_DONE &&
            parse_message(p + NLMSG_HDRLEN, head.nlmsg_len - NLMSG_HDRLEN, event))
            return true;
    }
    *at = datagram.n;
    return false;
}

void
connector_count_loss(struct connector_loss *loss, const struct connector_event *event)
{
    if (!event->has_sequence || event->cpu >= CONNECTOR_CPUS_MAX)
        return;
    if (loss->cpus[event->cpu].is_known) {
        uint32_t gap = event->sequence - loss->cpus[event->cpu].next;

        /* an older number is a late one (two sockets, a restarted count), not four billion lost */
        if (gap < UINT32_MAX / 2)
            loss->lost += gap;
    }
    loss->cpus[event->cpu].is_known = true;
    loss->cpus[event->cpu].next = event->sequence + 1;
}

static enum status
tell_kernel(int fd, enum proc_cn_mcast_op op, uint32_t number, struct err *err)
{
    /* laid out by hand: struct cn_msg ends in a flexible array, which may not stand inside
     * another */
    uint32_t body = (uint32_t)op;
    char request[NLMSG_HDRLEN + sizeof(struct cn_msg) + sizeof body];
    struct nlmsghdr head = {.nlmsg_len = sizeof request, .nlmsg_type = NLMSG_DONE};
    struct cn_msg message = {.ack = number, .len = sizeof body}; /* comes back, one larger */
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    message.id.idx = CN_IDX_PROC;
    message.id.val = CN_VAL_PROC;
    memcpy(request, &head, sizeof head);
    memcpy(request + NLMSG_HDRLEN, &message, sizeof message);
    memcpy(request + NLMSG_HDRLEN + sizeof message, &body, sizeof body);
    if (sendto(fd, request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return err_set(err, ST_INVALID, "the kernel takes no subscription to process events: %s",
                       strerror(errno));
    return ST_OK;
}

/* Outside of the first namespaces the kernel takes the subscription and does not answer; events
 * that some other listener asked for come all the same, but with numbers of processes that are not
 * those of our /proc. What comes before the answer is dropped: it is from before the start. */
static enum status
await_answer(int fd, uint32_t number, struct err *err)
{
    int64_t until = clock_monotonic_ms() + ANSWER_MS;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = until - clock_monotonic_ms();
        char buffer[4096];
        struct connector_event event;
        size_t size, at = 0;

        if (left <= 0)
            return err_set(
                err, ST_INVALID,
                "the kernel tells of processes in the first user and PID namespaces only");
        (void)poll(&p, 1, (int)left);
        if (connector_receive(fd, buffer, sizeof buffer, &size, err) != ST_OK)
            continue;
        while (connector_parse((struct span){buffer, size}, &at, &event)) {
            if (!event.is_answer || event.answer_to != number)
                continue;
            return event.error == 0
                       ? ST_OK
                       : err_set(err, ST_INVALID, "process events: %s", strerror((int)event.error));
        }
    }
}

enum status
connector_open(size_t buffer_size, int *out, struct err *err)
{
    struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);
    int size = buffer_size > INT32_MAX / 2 ? INT32_MAX / 2 : (int)buffer_size;
    enum status st;

    if (fd < 0) {
        st = err_set(err, ST_INVALID,
                     "this kernel offers no process events (CONFIG_PROC_EVENTS): %s",
                     strerror(errno));
        goto fail;
    }
    /* the first is for CAP_NET_ADMIN, the second as far as net.core.rmem_max goes */
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) {
        st = err_set(err, ST_INVALID,
                     "process events need CAP_NET_ADMIN in the first user namespace: %s",
                     strerror(errno));
        goto fail;
    }
    uint32_t number = (uint32_t)getpid() ^ (uint32_t)clock_ticks();

    st = tell_kernel(fd, PROC_CN_MCAST_LISTEN, number, err);
    if (st == ST_OK)
        st = await_answer(fd, number, err);
    if (st != ST_OK)
        goto fail;
    *out = fd;
    return ST_OK;

fail:
    if (fd >= 0)
        close(fd);
    return st;
}

enum status
connector_receive(int fd, char *buffer, size_t room, size_t *size, struct err *err)
{
    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof from;
        ssize_t n = recvfrom(fd, buffer, room, MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);

        if (n >= 0 && from.nl_pid == 0) {
            *size = (size_t)n;
            return ST_OK;
        }
        if (n >= 0 || errno == EINTR)
            continue; /* a message of another process is no event */
        if (errno == EAGAIN)
            return ST_END;
        if (errno == ENOBUFS)
            return err_set(err, ST_FULL, "process events came faster than they were read");
        return err_set(err, ST_IO, "cannot receive process events: %s", strerror(errno));
    }
}

void
connector_close(int fd)
{
    if (fd < 0)
        return;
    if (tell_kernel(fd, PROC_CN_MCAST_IGNORE, 0, NULL) != ST_OK) {
        /* the kernel then goes on making events until the socket is closed, which is next */
    }
    close(fd);
}
