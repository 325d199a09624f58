#include "sensor/writer.h"
#include "base/clock.h"
#include "sensor/account.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct open_batch {
    struct text rows; /* lives in memory of batch_max bytes */
    uint64_t count;
    int64_t since_ms;
};

struct writer {
    struct writer_options o;
    pthread_t thread;
    pthread_mutex_t lock; /* the ring and the counts */
    pthread_cond_t filled, emptied;
    struct event *ring; /* WRITER_EVENTS_MAX */
    size_t first, count;
    bool is_stopping;
    struct writer_counts counts;

    /* of the thread alone */
    struct account_cache *accounts;
    struct open_batch batches[TABLE_COUNT];
    char *row; /* WRITER_ROW_MAX */
    int64_t report_id;
    uint64_t batch_number;
    char run[24]; /* hex ticks of the start: with the device and the number, a batch's key */
};

/* ---- facts */

enum { ADDITIONAL_MAX = 24 * 1024 };

struct names { /* what facts point at while a row is made */
    char sid[2][ACCOUNT_SID_SIZE], user[2][ACCOUNT_NAME_MAX + 1];
    char local[SOCKET_ADDRESS_TEXT_SIZE], remote[SOCKET_ADDRESS_TEXT_SIZE];
    struct digest_set digests[2];
    char additional[ADDITIONAL_MAX];
};

static void
hash(struct writer *w, struct process *p, struct digest_set *out, struct process_facts *f)
{
    int fd = process_take_image(p);
    bool is_known = false;

    if (p->has_image && !image_find(w->o.images, &p->image, out, &is_known) && fd >= 0)
        is_known = image_hash(w->o.images, &p->image, fd, out);
    if (fd >= 0)
        close(fd);
    if (p->has_image)
        f->size = (int64_t)p->image.size;
    if (!is_known)
        return;
    f->sha1 = (struct span){(const char *)out->sha1, sizeof out->sha1};
    f->sha256 = (struct span){(const char *)out->sha256, sizeof out->sha256};
    f->md5 = (struct span){(const char *)out->md5, sizeof out->md5};
}

static void
set_account(struct writer *w, uint32_t uid, char *sid, char *user, struct process_facts *f)
{
    struct span name = account_user(w->accounts, uid, clock_monotonic_ms());

    f->account_sid = account_sid(uid, sid);
    f->account_domain = span_of(w->o.device->host);
    if (name.p == NULL)
        return;
    snprintf(user, ACCOUNT_NAME_MAX + 1, "%.*s", (int)name.n, name.p);
    f->account_name = span_of(user);
}

static void
describe(struct writer *w, struct process *p, struct names *n, size_t which,
         struct process_facts *f)
{
    f->name = p->name;
    f->path = p->path;
    f->command_line = p->command_line;
    f->pid = p->pid;
    f->created = p->created;
    f->unique_id = p->unique_id;
    if (p->login_session != UINT32_MAX)
        f->logon_id = p->login_session;
    if (p->has_status) {
        set_account(w, p->effective_uid, n->sid[which], n->user[which], f);
        f->elevation = SPAN_LITERAL("None");
    }
    hash(w, p, &n->digests[which], f);
}

static void
describe_initiating(struct writer *w, struct process *p, struct names *n, struct facts *f)
{
    describe(w, p, n, 1, &f->initiating);
    f->parent_pid = p->parent_pid;
    f->parent_created = p->parent_created;
    if (p->parent_name[0] != '\0')
        f->parent_name = span_of(p->parent_name);
    f->signer_type = SPAN_LITERAL("Unknown"); /* signatures are not looked for */
    f->signature_status = SPAN_LITERAL("Unknown");
}

/* {"InitiatingProcessPosixEffectiveUser":{...},...}, the keys that such rows of Linux machines
 * have. */
static void
add_posix(struct writer *w, const char *prefix, const struct process *p, struct text *t)
{
    int64_t now = clock_monotonic_ms();
    struct span name;

    if (p->has_status) {
        text_format(t, ",\"%sPosixEffectiveUser\":{\"Name\":", prefix);
        name = account_user(w->accounts, p->effective_uid, now);
        text_add_string(t, name.p == NULL ? (struct span){"", 0} : name);
        text_add(t, SPAN_LITERAL(",\"DomainName\":"));
        text_add_string(t, span_of(w->o.device->host));
        text_format(
            t, ",\"PosixUserId\":%" PRIu32 ",\"PrimaryPosixGroup\":{\"Name\":", p->effective_uid);
        name = account_group(w->accounts, p->effective_gid, now);
        text_add_string(t, name.p == NULL ? (struct span){"", 0} : name);
        text_format(t, ",\"PosixGroupId\":%" PRIu32 "}}", p->effective_gid);
        if (p->uid != p->effective_uid)
            text_format(t, ",\"%sPosixRealUserId\":%" PRIu32, prefix, p->uid);
    }
    if (p->session != 0)
        text_format(t, ",\"%sPosixSessionId\":%d", prefix, p->session);
    if (p->folder.p != NULL) {
        size_t before = t->n;

        text_format(t, ",\"%sCurrentWorkingDirectory\":", prefix);
        text_add_string(t, p->folder);
        if (t->is_cut) {
            t->n = before;
            t->is_cut = false;
        }
    }
}

static void
add_additional(struct writer *w, const struct event *e, struct names *n, struct facts *f)
{
    struct text t = {n->additional, 0, sizeof n->additional - 1, false};
    const struct process *initiating = e->table == TABLE_PROCESS ? e->parent : e->process;

    if (initiating != NULL)
        add_posix(w, "InitiatingProcess", initiating, &t);
    if (e->table == TABLE_PROCESS)
        add_posix(w, "Process", e->process, &t);
    if (e->table == TABLE_PROCESS && e->process->is_partial)
        text_add(&t, SPAN_LITERAL(",\"IsPartial\":true"));
    if (e->table == TABLE_NETWORK && !e->connection.is_listening)
        text_add(&t, e->connection.is_inbound ? SPAN_LITERAL(",\"direction\":\"In\"")
                                              : SPAN_LITERAL(",\"direction\":\"Out\""));
    if (t.n == 0 || t.is_cut)
        return;
    t.p[0] = '{'; /* in place of the first comma */
    text_add(&t, SPAN_LITERAL("}"));
    if (!t.is_cut)
        f->additional = (struct span){t.p, t.n};
}

static void
describe_connection(struct writer *w, const struct connection *c, bool has_process, struct names *n,
                    struct facts *f)
{
    const struct socket_key *k = &c->socket.key;

    f->action = c->is_listening ? SPAN_LITERAL("ListeningConnectionCreated")
                : c->is_inbound ? SPAN_LITERAL("InboundConnectionAccepted")
                                : SPAN_LITERAL("ConnectionSuccess");
    f->protocol = k->is_udp ? SPAN_LITERAL("Udp") : SPAN_LITERAL("Tcp");
    socket_address_write(k->local, k->is_ipv6, n->local);
    f->local_ip = span_of(n->local);
    f->local_ip_type = span_of(socket_address_type(k->local, k->is_ipv6));
    f->local_port = k->local_port;
    if (!c->is_listening) {
        socket_address_write(k->remote, k->is_ipv6, n->remote);
        f->remote_ip = span_of(n->remote);
        f->remote_ip_type = span_of(socket_address_type(k->remote, k->is_ipv6));
        f->remote_port = k->remote_port;
    }
    /* the kernel says whose socket it is even where the process cannot be told; a socket that
     * nobody holds any more has no owner to show (its uid reads 0) */
    if (!has_process && c->socket.inode != 0)
        set_account(w, c->socket.uid, n->sid[1], n->user[1], &f->initiating);
}

static void
make_row(struct writer *w, const struct event *e, struct text *row)
{
    static const char created[] = "ProcessCreated";
    struct facts f;
    struct names n;

    facts_clear(&f);
    device_identify(w->o.device, &f);
    f.time = e->time;
    int64_t now = clock_ticks();

    w->report_id = now > w->report_id ? now : w->report_id + 1;
    f.report_id = w->report_id;
    switch (e->table) {
    case TABLE_INFO:
        device_read_users("", w->o.device);
        device_describe(w->o.device, &f);
        break;
    case TABLE_PROCESS:
        f.action = SPAN_LITERAL(created);
        describe(w, e->process, &n, 0, &f.self);
        if (e->parent != NULL)
            describe_initiating(w, e->parent, &n, &f);
        else if (e->process->parent_pid != 0)
            f.initiating.pid = e->process->parent_pid;
        add_additional(w, e, &n, &f);
        break;
    default:
        describe_connection(w, &e->connection, e->process != NULL, &n, &f);
        if (e->process != NULL)
            describe_initiating(w, e->process, &n, &f);
        add_additional(w, e, &n, &f);
        break;
    }
    rows_write(w->o.rows, e->table, &f, row);
}

/* ---- batches */

static void
close_batch(struct writer *w, enum table table)
{
    struct open_batch *b = &w->batches[table];
    char key[QUEUE_KEY_MAX];

    if (b->count == 0)
        return;
    snprintf(key, sizeof key, "%s-%s-%" PRIx64, w->o.device->id, w->run, w->batch_number++);
    struct batch *batch =
        batch_make(table_names[table], key, b->count, (struct span){b->rows.p, b->rows.n});

    pthread_mutex_lock(&w->lock);
    if (batch == NULL)
        w->counts.dropped_events += b->count;
    else
        w->counts.batches++;
    pthread_mutex_unlock(&w->lock);
    if (batch != NULL)
        queue_put(w->o.queue, batch);
    b->rows.n = 0;
    b->count = 0;
}

static void
print_row(enum table table, struct span row)
{
    struct span name = span_of(table_names[table]);

    fputs("{\"table\":\"", stdout);
    fwrite(name.p, 1, name.n, stdout);
    fputs("\",\"row\":", stdout);
    fwrite(row.p, 1, row.n, stdout);
    fputs("}\n", stdout);
}

static void
write_event(struct writer *w, const struct event *e)
{
    struct text row = {w->row, 0, WRITER_ROW_MAX, false};
    struct open_batch *b = &w->batches[e->table];

    make_row(w, e, &row);
    pthread_mutex_lock(&w->lock);
    w->counts.rows[e->table] += !row.is_cut;
    w->counts.large_rows += row.is_cut;
    pthread_mutex_unlock(&w->lock);
    if (row.is_cut)
        return;
    if (w->o.queue == NULL) {
        print_row(e->table, (struct span){row.p, row.n});
        return;
    }
    if (b->count > 0 && b->rows.n + row.n + 1 > w->o.batch_max)
        close_batch(w, e->table);
    if (b->count == 0)
        b->since_ms = clock_monotonic_ms();
    text_add(&b->rows, (struct span){row.p, row.n});
    text_add(&b->rows, SPAN_LITERAL("\n"));
    b->count++;
}

/* Closes what has waited long enough; returns how long the rest may still wait. */
static unsigned
close_old(struct writer *w)
{
    int64_t now = clock_monotonic_ms(), left = 60000;

    for (size_t i = 0; i < TABLE_COUNT; i++) {
        struct open_batch *b = &w->batches[i];

        if (b->count == 0)
            continue;
        int64_t wait = b->since_ms + w->o.linger_ms - now;

        if (wait <= 0)
            close_batch(w, (enum table)i);
        else if (wait < left)
            left = wait;
    }
    return (unsigned)left;
}

/* ---- the thread */

/* The next event; false: none within 'wait_ms', or (is_last) none any more. */
static bool
take(struct writer *w, unsigned wait_ms, struct event *e, bool *is_last)
{
    struct timespec until;
    bool is_there = false;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&w->lock);
    while (w->count == 0 && !w->is_stopping)
        if (pthread_cond_timedwait(&w->filled, &w->lock, &until) == ETIMEDOUT)
            break;
    if (w->count > 0) {
        *e = w->ring[w->first];
        w->first = (w->first + 1) % WRITER_EVENTS_MAX;
        w->count--;
        is_there = true;
        pthread_cond_signal(&w->emptied);
    }
    *is_last = w->is_stopping && !is_there;
    pthread_mutex_unlock(&w->lock);
    return is_there;
}

static void *
run(void *app)
{
    struct writer *w = app;
    struct event e;
    bool is_last = false, is_flushed = true;

    (void)setpriority(PRIO_PROCESS, 0, 0); /* the watcher, who started us, is in more of a hurry */
    while (!is_last) {
        unsigned wait = close_old(w);

        if (take(w, is_flushed ? wait : 0, &e, &is_last)) {
            write_event(w, &e);
            is_flushed = w->o.queue != NULL;
            process_drop(e.process);
            process_drop(e.parent);
        } else if (!is_flushed) {
            fflush(stdout);
            is_flushed = true;
        }
    }
    for (size_t i = 0; i < TABLE_COUNT; i++)
        close_batch(w, (enum table)i);
    if (w->o.queue == NULL)
        fflush(stdout);
    return NULL;
}

static void
release(struct writer *w)
{
    for (size_t i = 0; i < TABLE_COUNT; i++)
        free(w->batches[i].rows.p);
    account_cache_free(w->accounts);
    pthread_cond_destroy(&w->filled);
    pthread_cond_destroy(&w->emptied);
    pthread_mutex_destroy(&w->lock);
    free(w->ring);
    free(w->row);
    free(w);
}

enum status
writer_start(const struct writer_options *o, struct writer **writer, struct err *err)
{
    struct writer *w = calloc(1, sizeof *w);
    pthread_condattr_t attributes;
    enum status st;

    if (w == NULL)
        return err_set(err, ST_FULL, "no memory for the writer");
    w->o = *o;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_cond_init(&w->emptied, NULL);
    snprintf(w->run, sizeof w->run, "%" PRIx64, (uint64_t)clock_ticks());
    w->ring = calloc(WRITER_EVENTS_MAX, sizeof *w->ring);
    w->row = malloc(WRITER_ROW_MAX);
    st = w->ring == NULL || w->row == NULL ? err_set(err, ST_FULL, "no memory for the writer")
                                           : account_cache_make(&w->accounts, err);
    for (size_t i = 0; i < TABLE_COUNT && st == ST_OK; i++) {
        /* a single row may be larger than a batch should be; it then leaves alone */
        size_t room = (o->batch_max > WRITER_ROW_MAX ? o->batch_max : WRITER_ROW_MAX) + 1;

        w->batches[i].rows = (struct text){malloc(room), 0, room, false};
        if (w->batches[i].rows.p == NULL)
            st = err_set(err, ST_FULL, "no memory for batches");
    }
    if (st == ST_OK && pthread_create(&w->thread, NULL, run, w) != 0)
        st = err_set(err, ST_FULL, "cannot start the writer's thread");
    if (st != ST_OK) {
        release(w);
        return st;
    }
    *writer = w;
    return ST_OK;
}

void
writer_put(struct writer *w, const struct event *event, bool can_wait)
{
    pthread_mutex_lock(&w->lock);
    while (can_wait && w->count == WRITER_EVENTS_MAX)
        pthread_cond_wait(&w->emptied, &w->lock);
    bool is_kept = w->count < WRITER_EVENTS_MAX;

    if (is_kept)
        w->ring[(w->first + w->count++) % WRITER_EVENTS_MAX] = *event;
    else
        w->counts.dropped_events++;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    if (!is_kept) {
        process_drop(event->process);
        process_drop(event->parent);
    }
}

void
writer_stop(struct writer *w, struct writer_counts *counts)
{
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_signal(&w->filled);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    *counts = w->counts;
    release(w);
}

void
writer_counts_get(struct writer *w, struct writer_counts *counts)
{
    pthread_mutex_lock(&w->lock);
    *counts = w->counts;
    pthread_mutex_unlock(&w->lock);
}
