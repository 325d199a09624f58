#include "sensor/process.h"
#include "base/clock.h"
#include "sensor/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_SIZE = PROCESS_COMMAND_LINE_MAX + 4096 };

struct process *
process_hold(struct process *p)
{
    if (p != NULL)
        atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void
process_drop(struct process *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1)
        return;
    int fd = process_take_image(p);

    if (fd >= 0)
        close(fd);
    free(p);
}

int
process_take_image(struct process *p)
{
    return atomic_exchange(&p->image_fd, -1);
}

/* ---- reading */

/* A small file below 'at', as much as fits. -1: it cannot be read. */
static ssize_t
read_file(int at, const char *name, char *buffer, size_t room)
{
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    size_t used = 0;
    ssize_t n = -1;

    if (fd < 0)
        return -1;
    while (used < room) {
        n = read(fd, buffer + used, room - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    close(fd);
    return n < 0 ? -1 : (ssize_t)used;
}

static uint64_t
mix(uint64_t x) /* splitmix64's finalizer: one to one, so that ids of one boot never meet */
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

enum status
process_reader_open(const char *path, size_t command_line_max, struct image_cache *images,
                    struct process_reader *r, struct err *err)
{
    long per_s = sysconf(_SC_CLK_TCK);
    char boot_id[64];

    *r = (struct process_reader){.proc_fd = -1,
                                 .command_line_max = command_line_max,
                                 .clock_per_s = per_s > 0 ? (unsigned)per_s : 100,
                                 .images = images};
    r->buffer = malloc(BUFFER_SIZE);
    if (r->buffer == NULL)
        return err_set(err, ST_FULL, "no memory to read %s", path);
    r->proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->proc_fd < 0) {
        enum status st = err_set(err, ST_IO, "cannot open %s: %s", path, strerror(errno));

        process_reader_close(r);
        return st;
    }
    ssize_t n = read_file(r->proc_fd, "sys/kernel/random/boot_id", boot_id, sizeof boot_id);

    r->boot = 0xcbf29ce484222325u; /* FNV-1a */
    for (ssize_t i = 0; i < n; i++)
        r->boot = (r->boot ^ (unsigned char)boot_id[i]) * 0x100000001b3u;
    return ST_OK;
}

void
process_reader_close(struct process_reader *r)
{
    if (r->proc_fd >= 0)
        close(r->proc_fd);
    free(r->buffer);
    r->proc_fd = -1;
    r->buffer = NULL;
}

void
process_reader_set_time(struct process_reader *r, int64_t wall_ticks, int64_t boottime_ns)
{
    int64_t boot = wall_ticks - boottime_ns / 100, moved = boot - r->boot_ticks;

    if (moved > TICKS_PER_SECOND / 2 || moved < -TICKS_PER_SECOND / 2)
        r->boot_ticks = boot - boot % (TICKS_PER_SECOND / 1000); /* milliseconds are plenty */
}

bool
process_stat(struct process_reader *r, int pid, struct procfs_stat *out)
{
    char name[32];

    snprintf(name, sizeof name, "%d/stat", pid);
    ssize_t n = read_file(r->proc_fd, name, r->buffer, 4096);

    return n > 0 && procfs_stat_read((struct span){r->buffer, (size_t)n}, out);
}

static struct span
read_link(int at, const char *name, char *buffer, size_t room)
{
    ssize_t n = readlinkat(at, name, buffer, room);

    return n <= 0 || (size_t)n == room ? (struct span){0} : (struct span){buffer, (size_t)n};
}

/* The kernel writes " (deleted)" behind the path of a file that has no name any more. */
static struct span
without_deleted(struct span path)
{
    struct span end = SPAN_LITERAL(" (deleted)");

    if (path.n > end.n && span_equal((struct span){path.p + path.n - end.n, end.n}, end))
        path.n -= end.n;
    return path;
}

static struct span
base_name(struct span path)
{
    const char *slash = path.n == 0 ? NULL : memrchr(path.p, '/', path.n);

    return slash == NULL || slash + 1 == path.p + path.n
               ? path
               : (struct span){slash + 1, (size_t)(path.p + path.n - slash - 1)};
}

static void
set_parent(struct process *p, const struct process *parent)
{
    if (parent == NULL)
        return;
    snprintf(p->parent_name, sizeof p->parent_name, "%.*s", (int)parent->name.n,
             parent->name.p == NULL ? "" : parent->name.p);
    p->parent_created = parent->created;
}

static void
set_start(struct process *p, const struct process_reader *r, uint64_t start)
{
    p->start = start;
    p->unique_id = mix(r->boot ^ (start << 22 | (unsigned)p->pid)); /* pids have 22 bits */
    p->created = r->boot_ticks + (int64_t)(start / r->clock_per_s) * TICKS_PER_SECOND +
                 (int64_t)(start % r->clock_per_s) * (TICKS_PER_SECOND / r->clock_per_s);
}

/* What is opened is the very file that runs, also when its name now belongs to another one. */
static void
open_image(struct process *p, struct process_reader *r, int at)
{
    int fd = openat(at, "exe", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct digest_set digests;
    bool is_known;

    if (fd < 0)
        return;
    p->has_image = image_key_read(fd, &p->image);
    if (p->has_image && !image_find(r->images, &p->image, &digests, &is_known))
        atomic_store(&p->image_fd, fd); /* hashed later, by a thread that has the time */
    else
        close(fd);
}

static struct span
keep(struct process *p, struct span text)
{
    char *to = p->text + p->text_size;

    if (text.p == NULL)
        return text;
    memcpy(to, text.p, text.n);
    p->text_size += text.n;
    return (struct span){to, text.n};
}

static void
read_owner(struct process *p, int at)
{
    char text[4096];
    struct procfs_status status;
    ssize_t n = read_file(at, "status", text, sizeof text);

    if (n > 0 && procfs_status_read((struct span){text, (size_t)n}, &status)) {
        p->has_status = true;
        p->uid = status.uid;
        p->effective_uid = status.effective_uid;
        p->effective_gid = status.effective_gid;
    }
    n = read_file(at, "sessionid", text, sizeof text - 1);
    p->login_session = UINT32_MAX;
    if (n > 0) {
        text[n] = '\0';
        p->login_session = (uint32_t)strtoul(text, NULL, 10);
    }
}

struct process *
process_read(struct process_reader *r, int pid, const struct process *parent)
{
    char number[16], exe[PROCESS_PATH_MAX], cwd[PROCESS_PATH_MAX], stat_text[1024];
    struct procfs_stat stat;
    struct process *p = NULL;

    snprintf(number, sizeof number, "%d", pid);
    int at = openat(r->proc_fd, number, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (at < 0)
        return NULL;
    /* what a process that ends takes away first is read first */
    struct span path = without_deleted(read_link(at, "exe", exe, sizeof exe));
    ssize_t line = read_file(at, "cmdline", r->buffer, r->command_line_max + 1);
    ssize_t n = read_file(at, "stat", stat_text, sizeof stat_text);

    if (n <= 0 || !procfs_stat_read((struct span){stat_text, (size_t)n}, &stat))
        goto out;
    struct span folder = read_link(at, "cwd", cwd, sizeof cwd);
    struct span name = path.n > 0 ? base_name(path) : stat.name;
    size_t line_size = line <= 0 ? 0 : (size_t)line;

    p = calloc(1, sizeof *p + path.n + folder.n + name.n + line_size);
    if (p == NULL)
        goto out;
    atomic_init(&p->references, 1);
    atomic_init(&p->image_fd, -1);
    p->pid = stat.pid;
    p->parent_pid = stat.parent_pid;
    p->session = stat.session;
    p->is_kernel_thread = (stat.flags & PROCFS_KERNEL_THREAD) != 0;
    set_start(p, r, stat.start);
    set_parent(p, parent);
    p->path = keep(p, path);
    p->folder = keep(p, folder);
    p->name = keep(p, name);
    if (line_size > 0) {
        char *to = p->text + p->text_size;
        struct span raw = {r->buffer, line_size};
        size_t size = procfs_command_line(raw, text_size_within(raw, r->command_line_max), to);

        p->command_line = (struct span){to, size};
        p->text_size += size;
    }
    open_image(p, r, at);
    read_owner(p, at);
    p->is_partial = !p->is_kernel_thread && (path.n == 0 || line_size == 0 || !p->has_status);
    r->partial_count += p->is_partial;
out:
    close(at);
    return p;
}

struct process *
process_make_unknown(struct process_reader *r, int pid, const struct process *parent,
                     int64_t created)
{
    struct process *p = calloc(1, sizeof *p);

    if (p == NULL)
        return NULL;
    atomic_init(&p->references, 1);
    atomic_init(&p->image_fd, -1);
    p->pid = pid;
    p->parent_pid = parent == NULL ? 0 : parent->pid;
    p->login_session = UINT32_MAX;
    p->created = created;
    p->is_partial = true;
    set_parent(p, parent);
    r->partial_count++;
    return p;
}

/* ---- remembering: a hash table with linear probing; what is removed closes the gap, so that no
 * marks pile up. Entries are at most half of the slots. */

enum { SLOTS = PROCESS_TABLE_MAX * 2 };

struct process_table {
    size_t count, text_size, hand;
    struct process_entry slots[SLOTS]; /* pid 0: free */
};

enum status
process_table_make(struct process_table **table, struct err *err)
{
    *table = calloc(1, sizeof **table); /* pages that are never touched cost nothing */
    if (*table == NULL)
        return err_set(err, ST_FULL, "no memory to remember processes");
    return ST_OK;
}

void
process_table_free(struct process_table *t)
{
    if (t == NULL)
        return;
    process_table_clear(t);
    free(t);
}

static size_t
home_of(int pid)
{
    return (unsigned)pid * 2654435761u >> 15 & (SLOTS - 1);
}

static size_t
slot_of(const struct process_table *t, int pid) /* its slot, or the free one where it would be */
{
    size_t i = home_of(pid);

    while (t->slots[i].pid != 0 && t->slots[i].pid != pid)
        i = (i + 1) & (SLOTS - 1);
    return i;
}

struct process_entry *
process_table_find(struct process_table *t, int pid)
{
    size_t i = slot_of(t, pid);

    return t->slots[i].pid == 0 ? NULL : &t->slots[i];
}

struct process_entry *
process_table_add(struct process_table *t, int pid)
{
    size_t i = slot_of(t, pid);

    if (pid <= 0 || (t->slots[i].pid == 0 && t->count == PROCESS_TABLE_MAX))
        return NULL;
    if (t->slots[i].pid == 0) {
        t->slots[i].pid = pid;
        t->count++;
    }
    return &t->slots[i];
}

static void
replace(struct process_table *t, struct process **slot, struct process *p)
{
    struct process *old = *slot;

    *slot = process_hold(p);
    t->text_size += p == NULL ? 0 : sizeof *p + p->text_size;
    t->text_size -= old == NULL ? 0 : sizeof *old + old->text_size;
    process_drop(old);
}

static void
shed(struct process_table *t, const struct process_entry *spared)
{
    for (size_t i = 0; i < SLOTS && t->text_size > PROCESS_TEXT_MAX; i++) {
        struct process_entry *e = &t->slots[t->hand++ & (SLOTS - 1)];

        if (e == spared)
            continue;
        replace(t, &e->self, NULL);
        replace(t, &e->parent, NULL);
    }
}

void
process_table_set_self(struct process_table *t, struct process_entry *e, struct process *p)
{
    replace(t, &e->self, p);
    shed(t, e);
}

void
process_table_set_parent(struct process_table *t, struct process_entry *e, struct process *p)
{
    replace(t, &e->parent, p);
    shed(t, e);
}

static void
remove_slot(struct process_table *t, size_t gap)
{
    replace(t, &t->slots[gap].self, NULL);
    replace(t, &t->slots[gap].parent, NULL);
    t->slots[gap] = (struct process_entry){0};
    t->count--;
    for (size_t i = (gap + 1) & (SLOTS - 1); t->slots[i].pid != 0; i = (i + 1) & (SLOTS - 1)) {
        size_t home = home_of(t->slots[i].pid);

        if (((i - home) & (SLOTS - 1)) < ((i - gap) & (SLOTS - 1)))
            continue; /* its home lies behind the gap: it stands well */
        t->slots[gap] = t->slots[i];
        t->slots[i] = (struct process_entry){0};
        gap = i;
    }
}

void
process_table_remove(struct process_table *t, int pid)
{
    size_t i = slot_of(t, pid);

    if (t->slots[i].pid != 0)
        remove_slot(t, i);
}

void
process_table_sweep(struct process_table *t, unsigned scan)
{
    for (size_t i = 0; i < SLOTS && t->count > 0; i++)
        while (t->slots[i].pid != 0 && t->slots[i].scan != scan)
            remove_slot(t, i);
}

void
process_table_clear(struct process_table *t)
{
    for (size_t i = 0; i < SLOTS && t->count > 0; i++)
        while (t->slots[i].pid != 0)
            remove_slot(t, i);
}

size_t
process_table_count(const struct process_table *t)
{
    return t->count;
}
