/* main.c - penstock-sensor: puts the watcher, the writer, the queue and the sender together;
 * signals; figures at the end. */
#include "base/clock.h"
#include "base/log.h"
#include "sensor/options.h"
#include "sensor/privileges.h"
#include "sensor/selftest.h"
#include "sensor/sender.h"
#include "sensor/watch.h"
#include "sensor/writer.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EXIT_LOST = 1, EXIT_USAGE = 2, EXIT_UNREACHED = 3 };

struct sensor {
    struct options o;
    int signal_fd;
    struct device device;
    struct rows *rows;
    struct image_cache *images;
    struct queue *queue;
    struct writer *writer;
    struct sender *sender;
    struct watch *watch;
};

struct figures {
    struct watch_counts watch;
    struct writer_counts writer;
    struct queue_counts queue;
    struct sender_counts sender;
    struct image_counts images;
};

static uint64_t
lost_rows(const struct figures *f)
{
    return f->watch.lost_events + f->watch.dropped_sockets + f->writer.dropped_events +
           f->writer.large_rows + f->queue.dropped_rows + f->sender.refused_rows;
}

static void
log_figures(const struct figures *f, const char *when)
{
    log_line(
        lost_rows(f) > 0 ? LOG_WARN : LOG_INFO, "sensor",
        "%s: rows %llu device, %llu process, %llu network; sent %llu in %llu batches, %llu bytes, "
        "%llu retries; waiting %llu bytes, spooled %llu in %llu files; lost: %llu events of the "
        "kernel in %llu overruns, %llu unseen forks or threads at most, %llu dropped before "
        "being rows, %llu dropped for want of room, %llu refused, %llu too large, %llu sockets "
        "too many at once; %llu processes read in part, %llu sockets without a process; %llu "
        "programs hashed, %llu not (size, remote or unreadable)",
        when, (unsigned long long)f->writer.rows[TABLE_INFO],
        (unsigned long long)f->writer.rows[TABLE_PROCESS],
        (unsigned long long)f->writer.rows[TABLE_NETWORK], (unsigned long long)f->sender.sent_rows,
        (unsigned long long)f->sender.sent_batches, (unsigned long long)f->sender.sent_bytes,
        (unsigned long long)f->sender.retries, (unsigned long long)f->queue.memory_size,
        (unsigned long long)f->queue.spool_size, (unsigned long long)f->queue.spool_batches,
        (unsigned long long)f->watch.lost_events, (unsigned long long)f->watch.overruns,
        (unsigned long long)f->watch.unseen_forks, (unsigned long long)f->writer.dropped_events,
        (unsigned long long)f->queue.dropped_rows, (unsigned long long)f->sender.refused_rows,
        (unsigned long long)f->writer.large_rows, (unsigned long long)f->watch.dropped_sockets,
        (unsigned long long)f->watch.partial, (unsigned long long)f->watch.unattributed,
        (unsigned long long)f->images.hashed,
        (unsigned long long)(f->images.skipped + f->images.failed));
}

static enum status
block_signals(int *fd, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGHUP);
    /* before any thread is started: all of them inherit it */
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || sigaction(SIGPIPE, &ignore, NULL) != 0)
        return err_set(err, ST_IO, "cannot set signals: %s", strerror(errno));
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *fd >= 0 ? ST_OK : err_set(err, ST_IO, "cannot wait for signals: %s", strerror(errno));
}

/* A process may live for less than a millisecond: who wants to read it must come at once. The other
 * threads go back to what is usual. Not permitted is no error. */
static void
hurry(void)
{
    (void)setpriority(PRIO_PROCESS, 0, -10);
}

/* Programs that wait to be hashed are held open: as many files as the system lets us have. */
static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static enum status
open_delivery(struct sensor *s, struct err *err)
{
    struct queue_options queue = {.memory_max = (size_t)s->o.queue_max,
                                  .spool = s->o.spool,
                                  .spool_max = (uint64_t)s->o.spool_max};
    enum status st = s->o.to_stdout ? ST_OK : queue_make(&queue, &s->queue, err);
    struct sender_options sender = {.url = s->o.url,
                                    .tenant = s->o.tenant,
                                    .token_file = s->o.token_file,
                                    .ca_file = s->o.ca_file,
                                    .insecure = s->o.insecure,
                                    .queue = s->queue,
                                    .seed = (uint64_t)clock_ticks() ^ (uint64_t)getpid() << 32};

    if (st == ST_OK && !s->o.to_stdout)
        st = sender_start(&sender, &s->sender, err);
    struct writer_options writer = {.rows = s->rows,
                                    .device = &s->device,
                                    .images = s->images,
                                    .queue = s->queue,
                                    .batch_max = (size_t)s->o.batch_max,
                                    .linger_ms = (unsigned)s->o.linger_ms};

    return st == ST_OK ? writer_start(&writer, &s->writer, err) : st;
}

static enum status
open_watch(struct sensor *s, struct err *err)
{
    const struct options *o = &s->o;
    const char *mode;
    struct watch_options watch = {
        .proc = "/proc",
        .command_line_max = (size_t)o->command_line_max,
        .images = s->images,
        .writer = s->writer,
        .want_connector = o->processes == MODE_CONNECTOR || (o->processes == MODE_AUTO && !o->once),
        .want_poll = o->processes == MODE_POLL || o->processes == MODE_AUTO,
        .want_network = o->network != NETWORK_OFF,
        .want_proc_net = o->network == NETWORK_PROC,
        .is_snapshot = o->once,
        .poll_ms = (unsigned)o->poll_ms,
    };
    enum status st = watch_open(&watch, &s->watch, &mode, err);

    if (st == ST_OK)
        log_line(LOG_INFO, "sensor", "watching as device %s (%s): %s", s->device.id, s->device.name,
                 mode);
    return st;
}

static void
get_figures(const struct sensor *s, struct figures *f)
{
    memset(f, 0, sizeof *f);
    watch_counts_get(s->watch, &f->watch);
    writer_counts_get(s->writer, &f->writer);
    if (s->queue != NULL)
        queue_counts_get(s->queue, &f->queue);
    if (s->sender != NULL)
        sender_counts_get(s->sender, &f->sender);
    image_counts_get(s->images, &f->images);
}

/* True: it is time to end. */
static bool
take_signals(struct sensor *s)
{
    struct signalfd_siginfo info;
    bool ends = false;

    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        struct figures f;

        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
            ends = true;
        if (info.ssi_signo == SIGUSR1) {
            get_figures(s, &f);
            log_figures(&f, "so far");
        }
    }
    return ends;
}

static void
put_info(struct sensor *s)
{
    struct event event = {.table = TABLE_INFO, .time = clock_ticks()};

    writer_put(s->writer, &event, false);
}

static void
run(struct sensor *s)
{
    int64_t next_info = clock_monotonic_ms() + s->o.info_s * 1000;
    bool ends = false;

    put_info(s);
    watch_look(s->watch);
    while (!s->o.once && !ends) {
        int64_t left = next_info - clock_monotonic_ms();

        if (left <= 0) {
            put_info(s);
            next_info += s->o.info_s * 1000;
            continue;
        }
        if (watch_wait(s->watch, s->signal_fd, left > 60000 ? 60000 : (unsigned)left))
            ends = take_signals(s);
    }
}

/* In the order of the flow: the watcher ends first, then what it saw becomes rows, then they are
 * sent, then what could not be sent is spooled or counted as lost. */
static int
close_all(struct sensor *s)
{
    struct figures f = {0};
    bool is_open = s->watch != NULL;

    if (is_open)
        watch_counts_get(s->watch, &f.watch);
    watch_close(s->watch);
    if (s->writer != NULL)
        writer_stop(s->writer, &f.writer);
    if (s->sender != NULL)
        sender_stop(s->sender, s->o.once && s->o.stop_ms < 30000 ? 30000 : (unsigned)s->o.stop_ms,
                    &f.sender);
    queue_free(s->queue, &f.queue);
    if (s->images != NULL)
        image_counts_get(s->images, &f.images);
    if (is_open)
        log_figures(&f, "ended");
    image_cache_free(s->images);
    rows_free(s->rows);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    if (s->o.once && !s->o.to_stdout && f.sender.sent_batches == 0)
        return EXIT_UNREACHED;
    return lost_rows(&f) > 0 ? EXIT_LOST : EXIT_SUCCESS;
}

static enum status
open_all(struct sensor *s, struct err *err)
{
    const struct device_given given = {s->o.device_name, s->o.tag, s->o.machine_id_file};
    bool has[PRIVILEGE_COUNT];
    enum status st = block_signals(&s->signal_fd, err);

    raise_file_limit();
    hurry();
    if (st == ST_OK) /* its serial number is root's to read */
        st = device_read("", &given, &s->device, err);
    if (st == ST_OK)
        st = privileges_drop(s->o.user, s->o.spool, has, err);
    for (size_t i = 0; st == ST_OK && i < PRIVILEGE_COUNT; i++)
        if (!has[i])
            log_line(LOG_INFO, "sensor", "without %s: some things cannot be seen (--self-test)",
                     privilege_names[i]);
    if (st == ST_OK)
        st = rows_make(&catalog_builtin, &s->rows, err);
    if (st == ST_OK)
        st = image_cache_make((uint64_t)s->o.hash_max, &s->images, err);
    if (st == ST_OK)
        st = open_delivery(s, err);
    return st == ST_OK ? open_watch(s, err) : st;
}

int
main(int argc, char **argv)
{
    struct sensor s = {.signal_fd = -1};
    struct err err = {""};

    if (options_parse(argc, argv, &s.o, &err) != ST_OK ||
        (!s.o.help && !s.o.version && options_check(&s.o, &err) != ST_OK)) {
        fprintf(stderr, "penstock-sensor: %s\n", err.text);
        return EXIT_USAGE;
    }
    if (s.o.help || s.o.version) {
        if (s.o.help)
            options_help(stdout);
        else
            printf("penstock-sensor %s\n", PENSTOCK_VERSION);
        return EXIT_SUCCESS;
    }
    log_set_level((enum log_level)s.o.log_level);
    if (s.o.self_test)
        return selftest_run(&s.o, stdout) ? EXIT_SUCCESS : EXIT_UNREACHED;
    if (open_all(&s, &err) != ST_OK) {
        fprintf(stderr, "penstock-sensor: %s\n", err.text);
        close_all(&s);
        return EXIT_USAGE;
    }
    run(&s);
    return close_all(&s);
}
