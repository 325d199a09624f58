/* diag.h - the kernel's internet sockets: asked for by netlink (sock_diag) or read from /proc/net,
 * and told of when they end, so that a connection that came and went between two looks is seen as
 * well. One thread. */
#pragma once
#include "base/base.h"
#include "sensor/socket.h"

enum diag_kind { DIAG_SOCKET, DIAG_DONE, DIAG_ERROR };
struct diag_message {
    enum diag_kind kind;
    struct socket socket;
    bool has_protocol; /* else the question says what it is */
    bool has_flowed;   /* TCP: bytes were acknowledged or came in, so it was connected once */
};
/* The next message of a datagram, from *at on; moves *at behind it. False: no further one. */
MUST_CHECK bool diag_parse(struct span datagram, size_t *at, struct diag_message *message);

enum diag_mode { DIAG_NETLINK, DIAG_PROC };
struct diag {
    enum diag_mode mode;
    int proc_fd;  /* borrowed: of /proc */
    int ask_fd;   /* netlink; -1 in mode DIAG_PROC */
    int ended_fd; /* netlink, ended sockets; -1: not told of. For poll */
    char *buffer; /* working memory */
    uint64_t errors, ended_lost;
};
/* Opens what the system lets us have. 'want_proc': /proc/net even where netlink would do. */
MUST_CHECK enum status diag_open(int proc_fd, bool want_proc, struct diag *d, struct err *err);
void diag_close(struct diag *d);

typedef void (*diag_visit_fn)(void *app, const struct socket *s);
/* Visits every TCP and UDP socket, listening ones first. ST_IO: not all could be asked for; those
 * that were not visited may exist all the same. */
MUST_CHECK enum status diag_visit(struct diag *d, diag_visit_fn visit, void *app, struct err *err);
/* Visits the connected sockets that ended since the last call (their inode is mostly 0 by then). */
void diag_visit_ended(struct diag *d, diag_visit_fn visit, void *app);
