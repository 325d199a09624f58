/* stream_client.h - one TCP connection that bytes are sent over, plain or in TLS, for protocols in
 * which the peer never answers; hides OpenSSL. Knows no product.
 *
 * Such protocols lose data in silence: a send succeeds when the kernel took the bytes, and a peer that
 * went away is noticed a send later. So there are three calls besides sending: 'ready' notices a peer
 * that has closed before a byte is wasted on it; 'settle' waits until the peer's machine has
 * acknowledged every byte; 'finish' ends the connection in order and waits for the peer to do so too,
 * which its program does only when it has read all.
 *
 * One thread uses one client. The process ignores SIGPIPE. What the peer sends is read and dropped. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

struct stream_options {
    const char *host, *port; /* a name or an address without brackets; a number */
    bool is_tls;             /* 1.2 or later */
    const char *name;        /* that the peer's certificate must have; NULL: the host */
    const char *ca_file;     /* PEM file of the authorities to trust; NULL: the system's */
    /* The client's own: a PEM file with its chain, and the key as PEM text. Both or neither. */
    const char *certificate_file;
    struct span key;
    bool insecure;           /* do not verify the peer; only for an explicit setting */
    unsigned connect_ms_max; /* to connect, TLS included. Names take as long as the resolver does */
    unsigned
        stall_ms_max; /* a send that moves no byte for so long fails; 'settle' and 'finish' too */
    const atomic_bool *stop; /* NULL or a flag: calls end early with ST_IO once it is true */
};

struct stream_client;

/* Reads certificates and key; does not connect. Copies what it keeps of 'o', but for 'stop'.
 * ST_INVALID: a file or the key is no good. */
MUST_CHECK enum status stream_client_open(const struct stream_options *o,
                                          struct stream_client **client, struct err *err);
/* Connected, and the peer has not closed: connects if need be. *is_new: with a new connection.
 * ST_IO: the peer cannot be reached, or is not who it should be. */
MUST_CHECK enum status stream_client_ready(struct stream_client *c, bool *is_new, struct err *err);
/* Hands all bytes to the connection of 'ready'. After ST_IO it is cut, and nobody knows how much came
 * over it. */
MUST_CHECK enum status stream_client_send(struct stream_client *c, struct span bytes,
                                          struct err *err);
/* ST_OK: the peer's TCP has acknowledged every byte and the peer has not closed; its program may not
 * have read them yet. ST_IO: as with send. */
MUST_CHECK enum status stream_client_settle(struct stream_client *c, struct err *err);
/* Says that nothing more comes (in TLS with close_notify), and waits for the peer's own orderly end.
 * ST_OK: the peer's program has read every byte: a kernel with unread bytes would have reset the
 * connection. In TLS the end is the program's own word (close_notify is insisted on); in plain TCP
 * the kernel of a program that was killed right then says the same. The connection is gone in any
 * case; 'ready' makes the next one. */
MUST_CHECK enum status stream_client_finish(struct stream_client *c, struct err *err);
/* Ends the connection in order, but waits for the peer no longer than 'ms'. */
void stream_client_end(struct stream_client *c, unsigned ms);
/* As 'end' with a short wait; then all memory. NULL is fine. */
void stream_client_close(struct stream_client *c);
