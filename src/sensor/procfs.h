/* procfs.h - the kernel's text files as structs (proc(5)). Pure: text in, facts out; nothing here
 * opens a file. Text comes as it was read and may be cut short, torn or hostile (a process chooses
 * its own name and command line). Any thread. */
#pragma once
#include "base/base.h"
#include "sensor/socket.h"

enum { PROCFS_NAME_MAX = 64 }; /* bytes of a process's short name; the kernel keeps 15 or 63 */

struct procfs_stat { /* /proc/PID/stat */
    int pid, parent_pid, session;
    uint32_t flags;
    uint64_t start;   /* clock ticks after boot: with pid it names a process */
    struct span name; /* lends: within the text */
};
enum { PROCFS_KERNEL_THREAD = 0x00200000 }; /* in procfs_stat.flags */

/* The name stands in parentheses and may itself hold blanks, line feeds and ')'. */
MUST_CHECK bool procfs_stat_read(struct span text, struct procfs_stat *out);

struct procfs_status { /* /proc/PID/status */
    uint32_t uid, effective_uid, effective_gid;
};
MUST_CHECK bool procfs_status_read(struct span text, struct procfs_status *out);

/* One line of /proc/net/{tcp,tcp6,udp,udp6}; false for the title and for what is no such line. */
MUST_CHECK bool procfs_socket_read(struct span line, bool is_ipv6, bool is_udp, struct socket *out);

/* /proc/PID/cmdline as people write it: arguments joined by one blank, NULs at the end dropped, cut
 * to 'size_max' bytes. 'out' has room for 'size_max'. Returns the size. Arguments are not quoted:
 * the same text as other sensors show. */
size_t procfs_command_line(struct span raw, size_t size_max, char *out);

/* The number behind 'name' at the start of a line ("btime 1700000000", "processes 4711"). */
MUST_CHECK bool procfs_number(struct span text, const char *name, uint64_t *value);

/* Value of KEY=value or KEY="value" of os-release, unquoted; empty if absent. lends: within the
 * text; escapes are left as they are (names and versions have none). */
struct span procfs_os_release(struct span text, const char *key);
