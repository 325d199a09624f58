/* connections.h - which of the sockets seen now were not there before, and who holds them. One
 * thread.
 *
 *   connections_begin -> connections_see* -> connections_end, once a look
 *
 * A socket is told by its addresses and ports; one that was seen before is new again when another
 * inode holds them. A connection that waits to be accepted (no inode yet) is told at the next look,
 * when it has an owner, or when it is over. */
#pragma once
#include "base/base.h"
#include "sensor/socket.h"

enum {
    CONNECTIONS_MAX =
        32768, /* sockets remembered; further ones are counted and told each time... */
    CONNECTIONS_NEW_MAX = 4096, /* ...and at most so many in one look; what is beyond is counted */
};

struct connection {
    struct socket socket;
    bool is_listening, is_inbound;
    int pid; /* 0: unknown; set by connections_own */
};

struct connections;
MUST_CHECK enum status connections_make(struct connections **c, struct err *err);
void connections_free(struct connections *c);
/* UDP sockets bound to a port from 'first' to 'last' without a peer are a client's, not listening:
 * net.ipv4.ip_local_port_range. */
void connections_set_ephemeral(struct connections *c, uint16_t first, uint16_t last);

void connections_begin(struct connections *c);
void connections_see(struct connections *c, const struct socket *s);
/* The new ones of this look, in the order seen; lends: valid until the next begin. 'is_whole':
 * every socket was visited, so that what was not is forgotten. */
struct connection *connections_end(struct connections *c, bool is_whole, size_t *count);
uint64_t connections_dropped(const struct connections *c); /* beyond CONNECTIONS_NEW_MAX */
size_t connections_count(const struct connections *c);

/* Who holds which socket, from /proc/PID/fd; those that held new sockets lately are asked first.
 * Sets 'pid' of each connection whose holder may be seen. 'proc_fd': of /proc. Reads at most
 * 'links_max' links. Returns how many stay unknown. */
size_t connections_own(struct connections *c, int proc_fd, struct connection *news, size_t count,
                       size_t links_max);
