/* watch.h - sees processes start and sockets come, and hands them to the writer. One thread: it
 * waits in watch_wait, and does nothing that may take long. */
#pragma once
#include "base/base.h"
#include "sensor/connections.h"
#include "sensor/process.h"
#include "sensor/writer.h"
#include <poll.h>

struct watch_options { /* borrowed until watch_close */
    const char *proc;  /* "/proc" */
    size_t command_line_max;
    struct image_cache *images;
    struct writer *writer;
    bool want_connector, want_poll; /* both: the connector, or else looking */
    bool want_network, want_proc_net;
    bool is_snapshot; /* everything that is there at the start counts as new */
    unsigned poll_ms;
};

struct watch_counts {
    uint64_t events;      /* of the kernel */
    uint64_t lost_events; /* the kernel made them and we never saw them: exact */
    uint64_t overruns;    /* times that the socket's buffer ran over */
    uint64_t
        unseen_forks; /* looking: processes and threads that came and went between two looks, at
                                most; threads cannot be told apart */
    uint64_t partial; /* processes gone, or not ours, before all could be read */
    uint64_t unattributed;    /* sockets whose process could not be told */
    uint64_t dropped_sockets; /* too many new ones in one look */
    uint64_t socket_errors;
    size_t processes, sockets; /* remembered now */
};

struct watch;
/* *mode says in words how it sees ("the kernel's process events, sock_diag"), for the log; lives as long as
 * the watch. ST_INVALID: what was asked for is not permitted. */
MUST_CHECK enum status watch_open(const struct watch_options *o, struct watch **watch,
                                  const char **mode, struct err *err);
/* Waits for what comes, at most 'wait_ms' and until 'extra_fd' can be read; handles it. True:
 * 'extra_fd' can be read. */
bool watch_wait(struct watch *w, int extra_fd, unsigned wait_ms);
/* Looks once at all that is only seen by looking. */
void watch_look(struct watch *w);
void watch_counts_get(const struct watch *w, struct watch_counts *out);
void watch_close(struct watch *w);
