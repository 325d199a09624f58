/* watch.c - two ways to see processes.
 *
 * The kernel's events name every fork, exec and exit. A fork is when the parent is known for
 * certain: it is remembered with the child, so that a child that outlives its parent still names
 * it. An exec is when a process becomes one that is worth a row.
 *
 * Without CAP_NET_ADMIN we look at /proc now and then; /proc/stat counts forks, so that nothing is
 * read while nothing was forked. A process whose program and command line are its parent's has only
 * forked: it waits undecided for two looks, whether it will exec. */
#include "sensor/watch.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "sensor/connector.h"
#include "sensor/diag.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENT_BUFFER = 8 << 20, /* of the kernel's: about 40,000 events, a second of a busy machine */
    RECEIVE_SIZE = 16384,
    LINKS_MAX = 20000, /* /proc/PID/fd links read in one look: some 20 ms */
};

struct watch {
    struct watch_options o;
    struct process_reader reader;
    struct process_table *table;
    int connector_fd; /* -1: looking */
    struct connector_loss loss;
    bool has_network;
    struct diag diag;
    struct connections *connections;
    struct watch_counts counts;
    unsigned scan;
    uint64_t forks; /* of /proc/stat at the last look */
    size_t undecided;
    bool is_first_look;
    int64_t next_look_ms, time_set_ms;
    char mode[160], receive[RECEIVE_SIZE];
};

static int64_t
clock_ns(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- processes: parents */

/* What is known of 'pid', read now if need be; the table's own, or NULL. */
static struct process *
known_process(struct watch *w, int pid)
{
    struct process_entry *e = pid <= 0 ? NULL : process_table_find(w->table, pid);

    if (pid <= 0)
        return NULL;
    if (e != NULL && e->self != NULL)
        return e->self;
    struct procfs_stat stat;
    struct process *grandparent = e != NULL ? e->parent : NULL;

    /* one step up only: the parent's name and time, not its whole line of ancestors */
    struct process *held = NULL;
    if (grandparent == NULL && process_stat(&w->reader, pid, &stat) && stat.parent_pid > 0) {
        struct process_entry *up = process_table_find(w->table, stat.parent_pid);

        grandparent = up != NULL && up->self != NULL
                          ? up->self
                          : (held = process_read(&w->reader, stat.parent_pid, NULL));
    }
    struct process *p = process_read(&w->reader, pid, grandparent);

    process_drop(held);
    if (p == NULL)
        return NULL;
    e = process_table_add(w->table, pid);
    if (e != NULL) {
        process_table_set_self(w->table, e, p);
        e->start = p->start;
    }
    process_drop(p); /* the table holds it; a full one leaves us without */
    return e == NULL ? NULL : p;
}

static void
put_process(struct watch *w, struct process *p, struct process *parent, int64_t time)
{
    struct event event = {.table = TABLE_PROCESS,
                          .time = time,
                          .process = process_hold(p),
                          .parent = process_hold(parent)};

    writer_put(w->o.writer, &event, w->o.is_snapshot && w->is_first_look);
}

/* ---- processes: the kernel's events */

static void
on_fork(struct watch *w, const struct connector_event *event)
{
    struct process *parent = process_hold(known_process(w, event->parent_pid));

    process_table_remove(w->table, event->pid); /* an older bearer of the number */
    struct process_entry *e = process_table_add(w->table, event->pid);

    if (e != NULL)
        process_table_set_parent(w->table, e, parent);
    process_drop(parent);
}

static void
on_exec(struct watch *w, const struct connector_event *event, int64_t time)
{
    struct process_entry *e = process_table_find(w->table, event->pid);
    struct process *parent = process_hold(e == NULL ? NULL : e->parent);
    struct process *p = process_read(&w->reader, event->pid, parent);

    if (p != NULL && parent == NULL && p->parent_pid > 0) {
        parent = process_hold(known_process(w, p->parent_pid));
        if (parent != NULL) { /* now with its parent's name */
            snprintf(p->parent_name, sizeof p->parent_name, "%.*s", (int)parent->name.n,
                     parent->name.p == NULL ? "" : parent->name.p);
            p->parent_created = parent->created;
        }
    }
    if (p == NULL)
        p = process_make_unknown(&w->reader, event->pid, parent, time);
    if (p != NULL) {
        put_process(w, p, parent, time);
        e = process_table_add(w->table, event->pid);
        if (e != NULL) {
            process_table_set_self(w->table, e, p);
            process_table_set_parent(w->table, e, parent);
            e->start = p->start;
        }
    }
    process_drop(p);
    process_drop(parent);
}

static void
on_event(struct watch *w, const struct connector_event *event)
{
    /* the event's clock is the monotonic one */
    int64_t time = clock_ticks() - (clock_ns(CLOCK_MONOTONIC) - (int64_t)event->time_ns) / 100;

    w->counts.events++;
    connector_count_loss(&w->loss, event);
    if (event->kind == CONNECTOR_FORK && !event->is_thread)
        on_fork(w, event);
    else if (event->kind == CONNECTOR_EXEC)
        on_exec(w, event, time);
    else if (event->kind == CONNECTOR_EXIT && !event->is_thread)
        process_table_remove(w->table, event->pid);
}

static void
receive_events(struct watch *w)
{
    struct err err;
    size_t size;

    for (;;) {
        enum status st =
            connector_receive(w->connector_fd, w->receive, sizeof w->receive, &size, &err);
        struct connector_event event;
        size_t at = 0;

        if (st == ST_FULL) {
            w->counts.overruns++;
            process_table_clear(w->table); /* exits were missed: numbers may have new bearers */
            continue;
        }
        if (st != ST_OK)
            return;
        while (connector_parse((struct span){w->receive, size}, &at, &event))
            on_event(w, &event);
    }
}

/* ---- processes: looking */

static bool
is_like(const struct process *p, const struct process *parent)
{
    return parent != NULL && p->has_image && parent->has_image &&
           memcmp(&p->image, &parent->image, sizeof p->image) == 0 &&
           span_equal(p->command_line, parent->command_line);
}

static void
look_at_process(struct watch *w, int pid)
{
    struct process_entry *e = process_table_find(w->table, pid);
    struct procfs_stat stat;

    /* scan 0: known as somebody's parent only */
    if (e != NULL && e->scan != 0 && !e->is_undecided && w->scan % 8 != (unsigned)pid % 8) {
        e->scan = w->scan; /* every eighth look sees whether the number has a new bearer */
        return;
    }
    if (!process_stat(&w->reader, pid, &stat))
        return;
    bool is_new = e == NULL || e->scan == 0 || e->start != stat.start;

    if (e == NULL)
        e = process_table_add(w->table, pid);
    if (e == NULL)
        return;
    e->scan = w->scan;
    if (!is_new && !e->is_undecided)
        return;
    bool was_undecided = !is_new && e->is_undecided;

    e->start = stat.start;
    e->is_undecided = false;
    if (is_new)
        process_table_set_self(w->table, e, NULL);
    if ((stat.flags & PROCFS_KERNEL_THREAD) != 0 || (w->is_first_look && !w->o.is_snapshot))
        return;
    struct process *parent = process_hold(known_process(w, stat.parent_pid));
    struct process *p = process_read(&w->reader, pid, parent);

    /* known_process may have moved entries */
    e = process_table_find(w->table, pid);
    if (p != NULL && e != NULL) {
        bool is_fork = !w->is_first_look && is_like(p, parent);

        process_table_set_self(w->table, e, p);
        if (is_fork && !was_undecided) {
            e->is_undecided = true;
            w->undecided++;
        } else if (!is_fork) {
            put_process(w, p, parent, p->created);
        }
    }
    process_drop(p);
    process_drop(parent);
}

static uint64_t
fork_count(struct watch *w)
{
    char path[64], *text;
    size_t size;
    uint64_t forks = 0;

    snprintf(path, sizeof path, "/proc/self/fd/%d/stat", w->reader.proc_fd);
    if (file_read(path, 16 << 20, &text, &size, NULL) != ST_OK)
        return 0;
    if (!procfs_number((struct span){text, size}, "processes", &forks))
        forks = 0;
    free(text);
    return forks;
}

static void
look_at_processes(struct watch *w)
{
    uint64_t forks = fork_count(w), seen;
    size_t before = process_table_count(w->table);

    if (forks != 0 && forks == w->forks && w->undecided == 0)
        return;
    int fd = openat(w->reader.proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);

    if (folder == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    w->scan++;
    w->undecided = 0;
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        int pid = atoi(e->d_name);

        if (pid > 0)
            look_at_process(w, pid);
    }
    closedir(folder);
    seen = process_table_count(w->table) - before; /* before any is swept */
    process_table_sweep(w->table, w->scan);
    if (!w->is_first_look && forks > w->forks && forks - w->forks > seen)
        w->counts.unseen_forks += forks - w->forks - seen;
    w->forks = forks;
}

/* ---- sockets */

static void
see(void *app, const struct socket *s)
{
    connections_see(app, s);
}

static void
look_at_sockets(struct watch *w)
{
    struct connection *news;
    size_t count;
    struct err err;

    connections_begin(w->connections);
    bool is_whole = diag_visit(&w->diag, see, w->connections, &err) == ST_OK;

    diag_visit_ended(&w->diag, see, w->connections);
    w->counts.socket_errors += !is_whole;
    news = connections_end(w->connections, is_whole, &count);
    if (count == 0 || (w->is_first_look && !w->o.is_snapshot))
        return;
    w->counts.unattributed +=
        connections_own(w->connections, w->reader.proc_fd, news, count, LINKS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct event event = {.table = TABLE_NETWORK,
                              .time = clock_ticks(),
                              .process = process_hold(known_process(w, news[i].pid)),
                              .connection = news[i]};

        writer_put(w->o.writer, &event, w->o.is_snapshot && w->is_first_look);
    }
}

static void
read_ephemeral(struct watch *w)
{
    char path[96], *text;
    size_t size;
    unsigned first, last;

    snprintf(path, sizeof path, "/proc/self/fd/%d/sys/net/ipv4/ip_local_port_range",
             w->reader.proc_fd);
    if (file_read(path, 4096, &text, &size, NULL) != ST_OK)
        return;
    if (sscanf(text, "%u %u", &first, &last) == 2 && first <= last && last <= UINT16_MAX)
        connections_set_ephemeral(w->connections, (uint16_t)first, (uint16_t)last);
    free(text);
}

/* ---- the whole */

static void
set_time(struct watch *w)
{
    process_reader_set_time(&w->reader, clock_ticks(), clock_ns(CLOCK_BOOTTIME));
    w->time_set_ms = clock_monotonic_ms();
}

void
watch_look(struct watch *w)
{
    if (clock_monotonic_ms() - w->time_set_ms > 10000)
        set_time(w);
    if (w->connector_fd >= 0)
        receive_events(w);
    if ((w->connector_fd < 0 && w->o.want_poll) || (w->is_first_look && w->o.is_snapshot))
        look_at_processes(w);
    if (w->has_network)
        look_at_sockets(w);
    w->is_first_look = false;
    w->next_look_ms = clock_monotonic_ms() + w->o.poll_ms;
}

bool
watch_wait(struct watch *w, int extra_fd, unsigned wait_ms)
{
    struct pollfd fds[2] = {
        {.fd = extra_fd,        .events = POLLIN},
        {.fd = w->connector_fd, .events = POLLIN},
    };
    bool looks = w->has_network || (w->connector_fd < 0 && w->o.want_poll);
    int64_t left = looks ? w->next_look_ms - clock_monotonic_ms() : wait_ms;

    if (left > wait_ms)
        left = wait_ms;
    if (left < 0)
        left = 0;
    int n = poll(fds, 2, (int)left);

    if (n > 0 && fds[1].revents != 0)
        receive_events(w);
    if (looks && clock_monotonic_ms() >= w->next_look_ms)
        watch_look(w);
    return n > 0 && fds[0].revents != 0;
}

static enum status
open_processes(struct watch *w, struct err *err)
{
    struct err why = {""};

    if (w->o.want_connector) {
        enum status st = connector_open(EVENT_BUFFER, &w->connector_fd, &why);

        if (st == ST_OK || !w->o.want_poll) {
            if (st != ST_OK)
                *err = why;
            return st;
        }
        log_line(LOG_WARN, "sensor",
                 "%s; looking at %s every %u ms instead: processes shorter than that may be missed",
                 why.text, w->o.proc, w->o.poll_ms);
    }
    return ST_OK;
}

enum status
watch_open(const struct watch_options *o, struct watch **watch, const char **mode, struct err *err)
{
    struct watch *w = calloc(1, sizeof *w);
    enum status st;

    if (w == NULL)
        return err_set(err, ST_FULL, "no memory to watch processes");
    w->o = *o;
    w->connector_fd = w->reader.proc_fd = -1;
    w->diag = (struct diag){.ask_fd = -1, .ended_fd = -1};
    w->is_first_look = true;
    st = process_reader_open(o->proc, o->command_line_max, o->images, &w->reader, err);
    if (st == ST_OK)
        st = process_table_make(&w->table, err);
    if (st == ST_OK)
        st = open_processes(w, err);
    if (st == ST_OK && o->want_network) {
        w->has_network = true;
        st = diag_open(w->reader.proc_fd, o->want_proc_net, &w->diag, err);
        if (st == ST_OK)
            st = connections_make(&w->connections, err);
        if (st == ST_OK)
            read_ephemeral(w);
    }
    if (st != ST_OK) {
        watch_close(w);
        return st;
    }
    set_time(w);
    snprintf(w->mode, sizeof w->mode, "processes: %s; network: %s%s",
             w->connector_fd >= 0 ? "the kernel's events"
             : o->want_poll       ? "looking at /proc"
                                  : "off",
             !w->has_network                ? "off"
             : w->diag.mode == DIAG_NETLINK ? "sock_diag"
                                            : "/proc/net",
             w->has_network && w->diag.ended_fd >= 0 ? ", ended sockets too" : "");
    *mode = w->mode;
    *watch = w;
    return ST_OK;
}

void
watch_counts_get(const struct watch *w, struct watch_counts *out)
{
    *out = w->counts;
    out->lost_events = w->loss.lost;
    out->partial = w->reader.partial_count;
    out->processes = process_table_count(w->table);
    out->socket_errors += w->diag.errors + w->diag.ended_lost;
    if (w->has_network) {
        out->dropped_sockets = connections_dropped(w->connections);
        out->sockets = connections_count(w->connections);
    }
}

void
watch_close(struct watch *w)
{
    if (w == NULL)
        return;
    connector_close(w->connector_fd);
    if (w->has_network)
        diag_close(&w->diag);
    connections_free(w->connections);
    process_table_free(w->table);
    process_reader_close(&w->reader);
    free(w);
}
