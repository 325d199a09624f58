/* socket.h - one internet socket as the kernel describes it, and the plain facts of addresses.
 * Pure. */
#pragma once
#include "base/base.h"

/* The kernel's numbers (include/net/tcp_states.h); the same in /proc/net and sock_diag. */
enum {
    SOCKET_ESTABLISHED = 1,
    SOCKET_SYN_SENT,
    SOCKET_SYN_RECEIVED,
    SOCKET_FIN_WAIT1,
    SOCKET_FIN_WAIT2,
    SOCKET_TIME_WAIT,
    SOCKET_CLOSE,
    SOCKET_CLOSE_WAIT,
    SOCKET_LAST_ACK,
    SOCKET_LISTEN,
    SOCKET_CLOSING,
    SOCKET_NEW_SYN_RECEIVED,
};

struct socket_key {                      /* compared as bytes: no padding */
    unsigned char local[16], remote[16]; /* IPv4 in the first 4 bytes, the rest 0 */
    uint16_t local_port, remote_port;    /* host order */
    uint8_t is_ipv6, is_udp;
    uint16_t zero;
};
_Static_assert(sizeof(struct socket_key) == 40, "socket_key has padding");

struct socket {
    struct socket_key key;
    uint32_t uid;   /* effective user of its maker */
    uint32_t state; /* SOCKET_* */
    uint64_t inode; /* 0: no process holds it (any more) */
};

enum { SOCKET_ADDRESS_TEXT_SIZE = 46 };
/* "192.0.2.1", "2001:db8::1"; an IPv4 address within IPv6 (::ffff:192.0.2.1) is written as IPv4. */
void socket_address_write(const unsigned char address[16], bool is_ipv6,
                          char out[SOCKET_ADDRESS_TEXT_SIZE]);

/* The documented values of LocalIPType: "Public", "Private", "Reserved", "Loopback", "Teredo",
 * "FourToSixMapping", "Broadcast". */
const char *socket_address_type(const unsigned char address[16], bool is_ipv6);

bool socket_is_listening(const struct socket *s); /* TCP listening, or UDP bound with no peer */
/* TCP that has been established at some time, or UDP with a peer. */
bool socket_is_connected(const struct socket *s);
