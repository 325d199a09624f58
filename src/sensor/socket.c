#include "sensor/socket.h"
#include <arpa/inet.h>

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
socket_address_write(const unsigned char address[16], bool is_ipv6,
                     char out[SOCKET_ADDRESS_TEXT_SIZE])
{
    bool is_mapped = is_ipv6 && memcmp(address, mapped_prefix, sizeof mapped_prefix) == 0;

    if (is_mapped)
        inet_ntop(AF_INET, address + 12, out, SOCKET_ADDRESS_TEXT_SIZE);
    else
        inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, address, out, SOCKET_ADDRESS_TEXT_SIZE);
}

/* IANA's special-purpose registries, first match wins. */
static const struct {
    bool is_ipv6;
    unsigned char prefix[16];
    unsigned bits;
    const char *type;
} ranges[] = {
    {false, {127},                    8,   "Loopback"        },
    {false, {10},                     8,   "Private"         },
    {false, {172, 16},                12,  "Private"         },
    {false, {192, 168},               16,  "Private"         },
    {false, {169, 254},               16,  "Private"         },
    {false, {255, 255, 255, 255},     32,  "Broadcast"       },
    {false, {0},                      8,   "Reserved"        },
    {false, {100, 64},                10,  "Reserved"        },
    {false, {192, 0, 0},              24,  "Reserved"        },
    {false, {192, 0, 2},              24,  "Reserved"        },
    {false, {198, 18},                15,  "Reserved"        },
    {false, {198, 51, 100},           24,  "Reserved"        },
    {false, {203, 0, 113},            24,  "Reserved"        },
    {false, {224},                    3,   "Reserved"        },
    {true,  {[15] = 1},               128, "Loopback"        },
    {true,  {[10] = 0xff, 0xff},      96,  "FourToSixMapping"},
    {true,  {0x20, 0x01, 0, 0},       32,  "Teredo"          },
    {true,  {0xfc},                   7,   "Private"         },
    {true,  {0xfe, 0x80},             10,  "Private"         },
    {true,  {0x20, 0x01, 0x0d, 0xb8}, 32,  "Reserved"        },
    {true,  {0xff},                   8,   "Reserved"        },
    {true,  {[15] = 0},               128, "Reserved"        },
};

static bool
is_within(const unsigned char *address, const unsigned char *prefix, unsigned bits)
{
    unsigned rest = bits % 8;

    if (memcmp(address, prefix, bits / 8) != 0)
        return false;
    return rest == 0 || ((address[bits / 8] ^ prefix[bits / 8]) & (0xff00u >> rest & 0xff)) == 0;
}

const char *
socket_address_type(const unsigned char address[16], bool is_ipv6)
{
    for (size_t i = 0; i < COUNT_OF(ranges); i++)
        if (ranges[i].is_ipv6 == is_ipv6 && is_within(address, ranges[i].prefix, ranges[i].bits))
            return ranges[i].type;
    return "Public";
}

bool
socket_is_listening(const struct socket *s)
{
    return s->key.is_udp ? s->key.remote_port == 0 : s->state == SOCKET_LISTEN;
}

bool
socket_is_connected(const struct socket *s)
{
    if (s->key.is_udp)
        return s->key.remote_port != 0;
    switch (s->state) {
    case SOCKET_ESTABLISHED:
    case SOCKET_FIN_WAIT1:
    case SOCKET_FIN_WAIT2:
    case SOCKET_TIME_WAIT:
    case SOCKET_CLOSE_WAIT:
    case SOCKET_LAST_ACK:
    case SOCKET_CLOSING:
        return true;
    default:
        return false;
    }
}
