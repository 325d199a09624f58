/* connector.h - the kernel's process events (netlink proc connector, CN_PROC): every fork, exec and
 * exit as it happens. Needs CAP_NET_ADMIN before Linux 6.6, and the first user and PID namespaces.
 * One thread.
 *
 * Each message carries a number that its processor counts, so that what was lost when the socket's
 * buffer ran over is known exactly and not only suspected. */
#pragma once
#include "base/base.h"

enum connector_kind { CONNECTOR_FORK, CONNECTOR_EXEC, CONNECTOR_EXIT, CONNECTOR_OTHER };

struct connector_event {
    enum connector_kind kind;
    int pid;        /* of the process (thread group): for a fork, of the child */
    int parent_pid; /* fork: who forked (thread group) */
    bool is_thread; /* fork, exit: of a thread within a process, not of a process */
    uint32_t cpu, sequence;
    uint64_t time_ns; /* on CLOCK_MONOTONIC */
    /* 'sequence' is the processor's count (an answer of older kernels has none) */
    bool has_sequence;
    bool is_answer;     /* to a command: of ours or of another listener */
    uint32_t answer_to; /* number that the command carried */
    uint32_t error;     /* of the command: errno, 0: done */
};

/* The next event of a datagram, from *at on; moves *at behind it. False: no further one. What is no
 * proc event, or is cut short, is passed over. */
MUST_CHECK bool connector_parse(struct span datagram, size_t *at, struct connector_event *event);

enum { CONNECTOR_CPUS_MAX = 8192 };
struct connector_loss {
    struct {
        uint32_t next;
        bool is_known;
    } cpus[CONNECTOR_CPUS_MAX];
    uint64_t lost; /* events that the kernel made and we never saw */
};
void connector_count_loss(struct connector_loss *loss, const struct connector_event *event);

/* A socket that events come to, its buffer at least 'buffer_size' bytes where we may. Returns when
 * the kernel has agreed, within a second. ST_INVALID: not permitted, or there are none here (err
 * says what would help). */
MUST_CHECK enum status connector_open(size_t buffer_size, int *fd, struct err *err);
/* One datagram from the kernel, without waiting; messages of other processes are dropped. ST_END:
 * none now. ST_FULL: the buffer ran over; go on receiving. */
MUST_CHECK enum status connector_receive(int fd, char *buffer, size_t room, size_t *size,
                                         struct err *err);
/* Tells the kernel that nobody listens here any more, and closes. */
void connector_close(int fd);
