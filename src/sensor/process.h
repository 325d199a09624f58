/* process.h - processes as /proc shows them, and those that are remembered so that a child can name
 * its parent after the parent is gone.
 *
 * A struct process never changes once made; it is counted by references and may be passed between
 * threads. The reader and the table belong to one thread. */
#pragma once
#include "base/base.h"
#include "sensor/image.h"
#include "sensor/procfs.h"
#include <stdatomic.h>

enum {
    PROCESS_COMMAND_LINE_MAX = 32768, /* bytes, the largest value of the setting */
    PROCESS_PATH_MAX = 4096,          /* bytes; a longer path stays unknown */
    PROCESS_TABLE_MAX = 32768,        /* processes remembered */
    PROCESS_TEXT_MAX = 16 << 20,      /* bytes of names, paths and command lines remembered */
};

struct process {
    atomic_uint references;
    int pid, parent_pid, session;
    uint64_t start;     /* clock ticks after boot; with pid it names the process */
    uint64_t unique_id; /* the same for this process as long as the machine runs, also for a sensor
                           that was restarted; another one after a boot. 0: unknown */
    int64_t created;    /* ticks; 0: unknown */
    bool has_status;    /* the next four are known */
    uint32_t uid, effective_uid, effective_gid;
    uint32_t login_session; /* audit session, UINT32_MAX: none */
    bool is_partial;        /* it was gone, or not ours to read, before all of this could be read */
    bool is_kernel_thread;
    bool has_image;
    struct image_key image;
    atomic_int image_fd; /* to be hashed; -1: none. Closed by who takes it, or at the end */
    char parent_name[PROCFS_NAME_MAX + 1];        /* "" if unknown */
    int64_t parent_created;                       /* ticks; 0: unknown */
    struct span name, path, command_line, folder; /* {NULL,0} if unknown; within 'text' */
    size_t text_size;
    char text[];
};

struct process *process_hold(struct process *p); /* NULL is fine */
void process_drop(struct process *p);            /* NULL is fine */
/* The open file to hash, now the caller's to close; -1: there is none. */
int process_take_image(struct process *p);

struct process_reader {
    int proc_fd; /* of /proc */
    size_t command_line_max;
    uint64_t boot;        /* hash of the boot id */
    int64_t boot_ticks;   /* wall time of the boot */
    unsigned clock_per_s; /* unit of procfs_stat.start */
    struct image_cache *images;
    uint64_t partial_count; /* processes that could be read only in part */
    char *buffer;           /* working memory */
};
/* Opens 'path' ("/proc"). ST_IO: it is not there. */
MUST_CHECK enum status process_reader_open(const char *path, size_t command_line_max,
                                           struct image_cache *images, struct process_reader *r,
                                           struct err *err);
void process_reader_close(struct process_reader *r);
/* Wall time of the boot, from both clocks; call again now and then: it moves only when the wall
 * clock was set by more than half a second, so that creation times stay equal. */
void process_reader_set_time(struct process_reader *r, int64_t wall_ticks, int64_t boottime_ns);

/* Reads process 'pid'; 'parent' (or NULL) gives the parent's name and time. NULL: there is none
 * such, or no memory. The caller holds one reference. */
struct process *process_read(struct process_reader *r, int pid, const struct process *parent);
/* All that can be said of a process that was gone at once. */
struct process *process_make_unknown(struct process_reader *r, int pid,
                                     const struct process *parent, int64_t created);
/* Only its stat: for scans. False: gone. 'name' lends until the next call. */
MUST_CHECK bool process_stat(struct process_reader *r, int pid, struct procfs_stat *out);

struct process_entry {
    int pid;
    unsigned scan;                 /* number of the scan that saw it last */
    uint64_t start;                /* 0: unknown */
    bool is_undecided;             /* scans: it looked like its parent, and may be about to exec */
    struct process *self, *parent; /* either may be NULL */
};
struct process_table;
MUST_CHECK enum status process_table_make(struct process_table **table, struct err *err);
void process_table_free(struct process_table *t);
struct process_entry *process_table_find(struct process_table *t, int pid); /* NULL: unknown */
/* Found or new (zeroed but for pid). NULL: the table is full. Valid until the next call that
 * removes. */
struct process_entry *process_table_add(struct process_table *t, int pid);
/* Both set one pointer of an entry; the table then holds its own reference. May forget the texts of
 * other entries to stay within PROCESS_TEXT_MAX. */
void process_table_set_self(struct process_table *t, struct process_entry *e, struct process *p);
void process_table_set_parent(struct process_table *t, struct process_entry *e, struct process *p);
void process_table_remove(struct process_table *t, int pid);
/* Removes what no scan numbered 'scan' has seen. */
void process_table_sweep(struct process_table *t, unsigned scan);
void process_table_clear(struct process_table *t);
size_t process_table_count(const struct process_table *t);
