/* procfs_test.c - the kernel's text files, as they are and as a hostile process makes them; each
 * also cut at every byte. */
#include "base/test.h"
#include "sensor/procfs.h"

#define STAT_REST                                                                                  \
    " 9369 4317 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 150328 3133440 394 "                        \
    "18446744073709551615"

static const struct {
    const char *name, *text;
    bool is_good;
    const char *process_name;
    int pid, parent_pid, session;
    uint64_t start;
    bool is_kernel_thread;
} stats[] = {
    {"as cat sees itself",                 "9414 (cat) R 9369" STAT_REST,                                       true,  "cat",         9414, 9369, 4317, 150328,
     false                                                                                                                                                           },
    {"a name with blanks and parentheses", "7 (a) R 1 (b\n) S 1" STAT_REST,                                     true,  "a) R 1 (b\n", 7,
     1,                                                                                                                                           4317, 150328, false},
    {"an empty name",                      "7 () S 1" STAT_REST,                                                true,  "",            7,    1,    4317, 150328, false},
    {"a kernel thread",                    "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 12 0 0", true,
     "kthreadd",                                                                                                                      2,    0,    0,    12,     true },
    {"nothing",                            "",                                                                  false, NULL,          0,    0,    0,    0,      false},
    {"no name",                            "9414 cat R 1 1 1",                                                  false, NULL,          0,    0,    0,    0,      false},
    {"parentheses the wrong way",          ")9414 (",                                                           false, NULL,          0,    0,    0,    0,      false},
    {"only parentheses",                   "1 ()",                                                              false, NULL,          0,    0,    0,    0,      false},
    {"a pid beyond all",                   "99999999999 (x) S 1" STAT_REST,                                     false, NULL,          0,    0,    0,    0,      false},
    {"a number that overflows",            "1 (x) S 99999999999999999999999" STAT_REST,                         false, NULL,          0,    0,    0,
     0,                                                                                                                                                         false},
    {"letters in a number",                "1 (x) S 1x" STAT_REST,                                              false, NULL,          0,    0,    0,    0,      false},
};

static void
check_stats(void)
{
    for (size_t i = 0; i < COUNT_OF(stats); i++) {
        struct span text = span_of(stats[i].text);
        struct procfs_stat s = {0};
        bool is_good = procfs_stat_read(text, &s);

        CHECK(is_good == stats[i].is_good, "%s: %d", stats[i].name, is_good);
        if (!is_good)
            continue;
        CHECK(span_is(s.name, stats[i].process_name), "%s: '%.*s'", stats[i].name, (int)s.name.n,
              s.name.p);
        CHECK(s.pid == stats[i].pid && s.parent_pid == stats[i].parent_pid &&
                  s.session == stats[i].session && s.start == stats[i].start,
              "%s: %d %d %d %llu", stats[i].name, s.pid, s.parent_pid, s.session,
              (unsigned long long)s.start);
        CHECK(((s.flags & PROCFS_KERNEL_THREAD) != 0) == stats[i].is_kernel_thread, "%s: %x",
              stats[i].name, s.flags);
        for (size_t n = 0; n < text.n; n++) { /* in memory of its own, so that a sanitizer sees */
            char *copy = malloc(n + 1);

            memcpy(copy, text.p, n);
            if (procfs_stat_read((struct span){copy, n}, &s))
                CHECK(s.pid == stats[i].pid, "%s cut at %zu", stats[i].name, n);
            free(copy);
        }
    }
}

static const struct {
    const char *name, *text;
    bool is_good;
    struct procfs_status status;
} statuses[] = {
    {"set-user-id",
     "Name:\tsudo\nUmask:\t0022\nUid:\t1000\t0\t0\t0\nGid:\t1000\t100\t100\t100\nGroups:\t\n", true,
     {1000, 0, 100}                                                                                      },
    {"nobody's number",
     "Uid:\t4294967294\t4294967294\t0\t0\nGid:\t1\t2\t3\t4\n",                                 true,
     {4294967294u, 4294967294u, 2}                                                                       },
    {"a name that looks like a line",
     "Name:\tUid:\t9\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n",                                   true,
     {1, 2, 6}                                                                                           },
    {"no groups",                     "Uid:\t1\t2\t3\t4\n",                                    false, {0}},
    {"too large",                     "Uid:\t4294967296\t0\t0\t0\nGid:\t0\t0\t0\t0\n",         false, {0}},
    {"nothing",                       "",                                                      false, {0}},
    {"cut short",                     "Uid:\t1\nGid:\t1\t2\n",                                 false, {0}},
};

static void
check_statuses(void)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++) {
        struct procfs_status s = {0};
        bool is_good = procfs_status_read(span_of(statuses[i].text), &s);

        CHECK(is_good == statuses[i].is_good, "%s: %d", statuses[i].name, is_good);
        if (is_good)
            CHECK(memcmp(&s, &statuses[i].status, sizeof s) == 0, "%s: %u %u %u", statuses[i].name,
                  s.uid, s.effective_uid, s.effective_gid);
    }
}

static const struct {
    const char *name, *line;
    bool is_ipv6, is_udp, is_good;
    const char *local, *remote;
    unsigned local_port, remote_port, state, uid;
    uint64_t inode;
    bool is_listening, is_connected;
    const char *local_type, *remote_type;
} sockets[] = {
    {"a title",              "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt",
     false,                                                                                                        false, false, NULL,           NULL,           0,     0,     0,  0,    0,           false, false, NULL,               NULL     },
    {"listening on all",
     "   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 "
     "    0        0 1667 1 00000000a44ef2b2 100 0 0 10 0",                                                 false, false, true,  "0.0.0.0",      "0.0.0.0",      2024,  0,     10, 0,    1667,        true,  false, "Reserved",
     "Reserved"                                                                                                                                                                                                                                  },
    {"connected",
     "  12: 0100007F:C350 0A00020A:01BB 01 00000000:00000000 02:000A5E5A 00000000  1000"
     "        0 4294967299 2 0000000000000000 20 4 30 10 -1",                                               false, false, true,  "127.0.0.1",    "10.2.0.10",    50000, 443,   1,  1000, 4294967299u, false, true,
     "Loopback",                                                                                                                                                                                                                        "Private"},
    {"time wait",
     "   3: 0100007F:0050 0100007F:C350 06 00000000:00000000 03:00000123 00000000     0"
     "        0 0 3 0000000000000000",                                                                      false, false, true,  "127.0.0.1",    "127.0.0.1",    80,    50000, 6,  0,    0,           false, true,  "Loopback",
     "Loopback"                                                                                                                                                                                                                                  },
    {"IPv6",
     "   0: B80D0120000000000000000042000000:01BB B80D0120000000000000000042000000:0050 01 "
     "00000000:00000000 00:00000000 00000000     0        0 77 1 0 100 0 0 10 0",                           true,  false, true,  "2001:db8::42", "2001:db8::42", 443,   80,    1,  0,    77,          false, true,  "Reserved",
     "Reserved"                                                                                                                                                                                                                                  },
    {"IPv4 within IPv6",
     "   0: 0000000000000000FFFF00000100007F:01BB "
     "0000000000000000FFFF000008080808:0050 01 00000000:00000000 00:00000000 00000000 0 0 78 1",            true,  false, true,  "127.0.0.1",    "8.8.8.8",      443,   80,    1,  0,    78,          false, true,  "FourToSixMapping",
     "FourToSixMapping"                                                                                                                                                                                                                          },
    {"UDP bound",
     " 2051: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000   101 "
     "       0 9001 2 0000000000000000 0",                                                                  false, true,  true,  "0.0.0.0",      "0.0.0.0",      68,    0,     7,  101,  9001,        true,  false, "Reserved",
     "Reserved"                                                                                                                                                                                                                                  },
    {"UDP with a peer",
     " 1: 0100007F:0044 08080808:0035 01 00000000:00000000 00:00000000 00000000 1 0 "
     "9002 2 0 0",                                                                                          false, true,  true,  "127.0.0.1",    "8.8.8.8",      68,    53,    1,  1,    9002,        false, true,  "Loopback",
     "Public"                                                                                                                                                                                                                                    },
    {"an address too short", "   0: 0000000:07E8 00000000:0000 0A 0:0 0:0 0 0 0 1667",                      false, false,
     false,                                                                                                                      NULL,           NULL,           0,     0,     0,  0,    0,           false, false, NULL,               NULL     },
    {"a port too large",     "   0: 00000000:107E8 00000000:0000 0A 0:0 0:0 0 0 0 1667",                    false, false,
     false,                                                                                                                      NULL,           NULL,           0,     0,     0,  0,    0,           false, false, NULL,               NULL     },
    {"no inode",             "   0: 00000000:07E8 00000000:0000 0A 0:0 0:0 0 0 0",                          false, false, false, NULL,
     NULL,                                                                                                                                                       0,     0,     0,  0,    0,           false, false, NULL,               NULL     },
};

static void
check_sockets(void)
{
    for (size_t i = 0; i < COUNT_OF(sockets); i++) {
        struct span line = span_of(sockets[i].line);
        struct socket s;
        bool is_good = procfs_socket_read(line, sockets[i].is_ipv6, sockets[i].is_udp, &s);
        char local[SOCKET_ADDRESS_TEXT_SIZE], remote[SOCKET_ADDRESS_TEXT_SIZE];

        CHECK(is_good == sockets[i].is_good, "%s: %d", sockets[i].name, is_good);
        if (!is_good)
            continue;
        socket_address_write(s.key.local, s.key.is_ipv6, local);
        socket_address_write(s.key.remote, s.key.is_ipv6, remote);
        CHECK(strcmp(local, sockets[i].local) == 0 && strcmp(remote, sockets[i].remote) == 0,
              "%s: %s %s", sockets[i].name, local, remote);
        CHECK(s.key.local_port == sockets[i].local_port &&
                  s.key.remote_port == sockets[i].remote_port && s.state == sockets[i].state &&
                  s.uid == sockets[i].uid && s.inode == sockets[i].inode,
              "%s: %u %u %u %u %llu", sockets[i].name, s.key.local_port, s.key.remote_port, s.state,
              s.uid, (unsigned long long)s.inode);
        CHECK(socket_is_listening(&s) == sockets[i].is_listening &&
                  socket_is_connected(&s) == sockets[i].is_connected,
              "%s: listening %d, connected %d", sockets[i].name, socket_is_listening(&s),
              socket_is_connected(&s));
        const char *local_type = socket_address_type(s.key.local, s.key.is_ipv6);
        const char *remote_type = socket_address_type(s.key.remote, s.key.is_ipv6);

        CHECK(strcmp(local_type, sockets[i].local_type) == 0 &&
                  strcmp(remote_type, sockets[i].remote_type) == 0,
              "%s: %s %s", sockets[i].name, local_type, remote_type);
        for (size_t n = 0; n < line.n; n++) {
            char *copy = malloc(n + 1);

            memcpy(copy, line.p, n);
            if (procfs_socket_read((struct span){copy, n}, sockets[i].is_ipv6, sockets[i].is_udp,
                                   &s))
                CHECK(s.key.local_port == sockets[i].local_port, "%s cut at %zu", sockets[i].name,
                      n);
            free(copy);
        }
    }
}

static const struct {
    const char *name, *raw;
    size_t n, max;
    const char *text;
} command_lines[] = {
    {"arguments",          "curl\0-sS\0x\0",        11, 99, "curl -sS x"   },
    {"an empty argument",  "a\0\0b\0",              5,  99, "a  b"         },
    {"a title put there",  "nginx: worker\0\0\0\0", 17, 99, "nginx: worker"},
    {"no end",             "abc",                   3,  99, "abc"          },
    {"only NULs",          "\0\0\0",                3,  99, ""             },
    {"nothing",            "",                      0,  99, ""             },
    {"cut",                "abcdef\0",              7,  3,  "abc"          },
    {"odd bytes are kept", "\xff\n\x01\0",          4,  99, "\xff\n\x01"   },
};

int
main(void)
{
    check_stats();
    check_statuses();
    check_sockets();
    for (size_t i = 0; i < COUNT_OF(command_lines); i++) {
        char out[128];
        size_t n = procfs_command_line((struct span){command_lines[i].raw, command_lines[i].n},
                                       command_lines[i].max, out);

        CHECK(span_is((struct span){out, n}, command_lines[i].text), "%s: '%.*s'",
              command_lines[i].name, (int)n, out);
    }
    struct span kernel = span_of("cpu  1 2 3\nctxt 5\nbtime 1700000000\nprocesses 4711\nx");
    uint64_t value = 0;

    CHECK(procfs_number(kernel, "btime", &value) && value == 1700000000, "btime");
    CHECK(procfs_number(kernel, "processes", &value) && value == 4711, "processes");
    CHECK(!procfs_number(kernel, "softirq", &value), "softirq is not there");
    CHECK(!procfs_number(kernel, "x", &value), "x has no value");
    struct span release =
        span_of("PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\nVERSION_ID='12'\n"
                "BUG=\"\nLAST=end");

    CHECK(span_is(procfs_os_release(release, "PRETTY_NAME"), "Debian GNU/Linux 12"), "quoted");
    CHECK(span_is(procfs_os_release(release, "ID"), "debian"), "plain; not VERSION_ID");
    CHECK(span_is(procfs_os_release(release, "VERSION_ID"), "12"), "single quotes");
    CHECK(span_is(procfs_os_release(release, "LAST"), "end"), "no line end");
    CHECK(span_is(procfs_os_release(release, "BUG"), "\""), "half a quote stays");
    CHECK(procfs_os_release(release, "NAME").n == 0, "absent");
    return test_end();
}
