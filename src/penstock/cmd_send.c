/* cmd_send.c - a file, or what comes on standard input, to the daemon's ingestion.
 *
 * The input is cut at line ends into chunks of at most --batch-bytes; nothing is parsed here. Where
 * a cut falls depends only on where the last one fell, so that a file that is sent again from a cut
 * is cut alike. Each chunk carries a key made of the file's identity, its offset and its content:
 * whatever was sent before, in this run or another, counts once.
 *
 * The main thread reads chunks into a ring; each connection has a thread that takes the next one
 * and sends it until it is safe. Chunks may be finished in any order; the offset that is kept for
 * --resume is the one before which all are. */
#include "penstock/cmd_send.h"
#include "base/clock.h"
#include "base/file.h"
#include "penstock/client.h"
#include "wire/digest.h"
#include "wire/gzip.h"
#include "wire/retry.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    CHUNKS_MAX = CONNECTIONS_MAX * 2,
    BATCH_MIN = 4096,
    BATCH_MAX = 64 << 20, /* bytes; a longer line is a fault */
    LINGER_MS = 1000,     /* a pipe that pauses so long sends what it has */
    SAVE_MS = 1000,       /* between two writes of the state file */
    SHOW_MS = 200,        /* between two updates of the progress line */
    FAULTS_SHOWN_MAX = 20,
    STATE_MAX = 65536,
    HEAD_SIZE = 4096, /* bytes at most of the first line, which tells a file from another one */
};

static const char usage_text[] =
    "Usage: penstock send FILE|- --table TABLE [OPTIONS]\n"
    "       penstock send FILE|- --envelopes [OPTIONS]\n\n"
    "Pushes NDJSON to the daemon: bare rows of one table, or envelopes (records of a Defender "
    "export).\n"
    "What was sent before is not counted twice, however often a file is sent.\n\n"
    "  --table TABLE      the lines are rows of this table, and of the token's tenant unless\n"
    "                     --tenant is given\n"
    "  --envelopes        the lines are envelopes that name their table\n"
    "  --batch-bytes N    bytes of a request (1M)\n"
    "  --connections N    requests at a time (2)\n"
    "  --gzip             compress requests\n"
    "  --park             keep good records of a request; bad ones are parked with their reason\n"
    "  --resume FILE      go on where the run that wrote this state file stopped; keeps it "
    "written\n"
    "  --retry-s N        give up when nothing could be delivered for so long (120)\n" CLIENT_HELP
    "\nExit codes: 0 done; 1 records were refused; 2 wrong usage; 3 the daemon was not reached.\n";

enum chunk_state { CHUNK_READY, CHUNK_FLYING, CHUNK_DONE };
struct chunk {
    enum chunk_state state;
    char *bytes;
    size_t size, room;
    uint64_t offset, records_before, records; /* in the whole input */
};

struct send {
    /* settings */
    struct client_settings client_settings;
    struct client client;
    const char *path, *table, *state_path;
    bool envelopes, gzip, park;
    uint64_t batch_size, retry_s, connections;
    /* input; the main thread's */
    int fd;
    bool is_regular, is_at_end;
    uint64_t size;     /* bytes, of a regular file */
    char identity[72]; /* of the input, for keys */
    char head[65];     /* hash of its first bytes, for the state file */
    char *carry;       /* bytes behind the last cut */
    size_t carry_size, carry_room;
    uint64_t read_offset, read_records;

    pthread_mutex_t lock; /* all below */
    pthread_cond_t filled, emptied;
    struct chunk chunks[CHUNKS_MAX];
    uint64_t first, taken, filled_count; /* chunk i lives in chunks[i % chunk_count] */
    size_t chunk_count;
    bool is_ended;
    atomic_bool stops; /* no new requests: refused, not reached, interrupted */
    int code;
    uint64_t safe_offset, safe_records, start_offset, start_records; /* all before is durable */
    uint64_t requests, retries, duplicates, parked, refused, sent_bytes, body_bytes;
    int64_t last_success_ms, started_ms;
    bool is_line_shown;
};

static atomic_bool interrupted;

static void
on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

static bool
must_stop(struct send *s)
{
    return atomic_load(&s->stops) || atomic_load(&interrupted);
}

/* ---- saying */

static void
hide_progress(struct send *s)
{
    if (s->is_line_shown)
        fputs("\r\033[K", stderr);
    s->is_line_shown = false;
}

/* The lock is held, so that lines do not mix. */
PRINTF_LIKE(2, 3)
static void
say(struct send *s, const char *format, ...)
{
    va_list args;

    hide_progress(s);
    fputs("penstock send: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static void
show_progress(struct send *s)
{
    char done[32], all[32], rate[32], rest[128] = "";
    int64_t ms = clock_monotonic_ms() - s->started_ms;
    uint64_t bytes = s->safe_offset - s->start_offset;
    uint64_t per_s = ms <= 0 ? 0 : bytes * 1000 / (uint64_t)ms;

    client_size_text(s->safe_offset, done, sizeof done);
    client_size_text(per_s, rate, sizeof rate);
    if (s->is_regular && s->size > 0) {
        uint64_t left = s->size > s->safe_offset ? s->size - s->safe_offset : 0;
        uint64_t eta = per_s == 0 ? 0 : left / per_s;

        client_size_text(s->size, all, sizeof all);
        snprintf(rest, sizeof rest, " of %s (%" PRIu64 " %%), %02" PRIu64 ":%02" PRIu64 " left",
                 all, s->safe_offset * 100 / s->size, eta / 60, eta % 60);
    }
    fprintf(stderr, "\r\033[K%" PRIu64 " records, %s%s, %s/s%s", s->safe_records, done, rest, rate,
            s->retries > 0 && clock_monotonic_ms() - s->last_success_ms > 2000
                ? ", waiting for the daemon"
                : "");
    s->is_line_shown = true;
}

/* ---- the answer to one request; the lock is held */

static uint64_t
number_of(const json_t *object, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, names[i]);

        if (json_is_integer(value))
            return (uint64_t)json_integer_value(value);
    }
    return 0;
}

static const char *
text_of(const json_t *object, const char *const names[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *value = json_string_value(json_object_get(object, names[i]));

        if (value != NULL)
            return value;
    }
    return "";
}

#define NUMBER(object, ...)                                                                        \
    number_of(object, (const char *const[]){__VA_ARGS__},                                          \
              COUNT_OF(((const char *const[]){__VA_ARGS__})))
#define TEXT(object, ...)                                                                          \
    text_of(object, (const char *const[]){__VA_ARGS__},                                            \
            COUNT_OF(((const char *const[]){__VA_ARGS__})))

static void
say_faults(struct send *s, const struct chunk *c, const struct http_exchange *x)
{
    json_t *tree = json_loadb(x->response.p, x->response.n, 0, NULL), *fault;
    const json_t *error = json_object_get(tree, "error");
    const json_t *faults = json_object_get(tree, "faults");
    size_t i;

    if (faults == NULL)
        faults = json_object_get(error, "faults");
    if (faults == NULL)
        faults = json_object_get(error, "details");
    say(s, "refused (HTTP %u): records %" PRIu64 " to %" PRIu64 " of %s: %s", x->status,
        c->records_before + 1, c->records_before + c->records, s->path,
        error != NULL ? TEXT(error, "message") : "");
    json_array_foreach(faults, i, fault)
    {
        uint64_t record = NUMBER(fault, "record"), offset = NUMBER(fault, "offset");
        const char *column = TEXT(fault, "column");

        if (i == FAULTS_SHOWN_MAX)
            break;
        say(s, "  record %" PRIu64 ", byte %" PRIu64 "%s%s: %s",
            c->records_before + (record > 0 ? record : 1), c->offset + offset,
            column[0] != '\0' ? ", column " : "", column, TEXT(fault, "text", "message", "reason"));
    }
    json_decref(tree);
}

static void
note_done(struct send *s, const struct http_exchange *x)
{
    json_t *tree = json_loadb(x->response.p, x->response.n, 0, NULL);

    s->parked += NUMBER(tree, "parked");
    s->duplicates += json_is_true(json_object_get(tree, "duplicate"));
    s->last_success_ms = clock_monotonic_ms();
    json_decref(tree);
}

/* ---- one chunk */

struct worker {
    struct send *s;
    struct client client;
    pthread_t thread;
    char *packed, *work; /* for gzip */
    size_t packed_room;
    uint64_t random;
    bool is_started;
};

/* Without the tenant: the daemon tells keys of tenants apart, and it is the same request whether the
 * tenant was named or is the token's. */
static bool
make_key(const struct send *s, const struct chunk *c, char key[96])
{
    unsigned char content[DIGEST_SHA256_SIZE], whole[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1], text[512];

    if (!digest_sha256((struct span){c->bytes, c->size}, content))
        return false;
    digest_hex(content, sizeof content, hex);
    int n = snprintf(text, sizeof text, "penstock-send 1 %s %s %" PRIu64 " %s",
                     s->envelopes ? "records" : s->table, s->identity, c->offset, hex);

    if (!digest_sha256((struct span){text, (size_t)n}, whole))
        return false;
    digest_hex(whole, 16, hex);
    snprintf(key, 96, "Idempotency-Key: send-%s", hex);
    return true;
}

static bool
pack(struct worker *w, const struct chunk *c, struct span *body, struct err *err)
{
    size_t bound = gzip_bound(c->size), size;

    if (w->packed_room < bound) {
        free(w->packed);
        w->packed = malloc(bound);
        w->packed_room = w->packed == NULL ? 0 : bound;
    }
    if (w->work == NULL)
        w->work = malloc(GZIP_WORK_SIZE);
    if (w->packed == NULL || w->work == NULL ||
        gzip_pack((struct span){c->bytes, c->size}, w->work, w->packed, w->packed_room, &size,
                  err) != ST_OK)
        return false;
    *body = (struct span){w->packed, size};
    return true;
}

static void
rest(struct send *s, unsigned ms)
{
    int64_t until = clock_monotonic_ms() + ms;

    for (;;) {
        int64_t left = until - clock_monotonic_ms();
        struct timespec t = {0, 50000000};

        if (left <= 0 || must_stop(s))
            return;
        if (left < 50)
            t.tv_nsec = (long)left * 1000000;
        nanosleep(&t, NULL);
    }
}

static void
give_up(struct send *s, int code)
{
    if (s->code == CLIENT_DONE)
        s->code = code;
    atomic_store(&s->stops, true);
}

/* True: the chunk is safe, or needs no sending. */
static bool
send_chunk(struct worker *w, struct chunk *c)
{
    struct send *s = w->s;
    char url[4096], key[96];
    const char *headers[5] = {"Content-Type: application/x-ndjson", key};
    struct span body = {c->bytes, c->size};
    size_t header_count = 2;
    struct err err = {""};

    if (!make_key(s, c, key) || (s->gzip && !pack(w, c, &body, &err))) {
        pthread_mutex_lock(&s->lock);
        say(s, "cannot prepare a request: %s", err.text);
        give_up(s, CLIENT_UNREACHABLE);
        pthread_mutex_unlock(&s->lock);
        return false;
    }
    if (s->gzip)
        headers[header_count++] = "Content-Encoding: gzip";
    if (w->client.authorization[0] != '\0')
        headers[header_count++] = w->client.authorization;
    if (s->envelopes)
        snprintf(url, sizeof url, "%s/ingest/v1/records%s%s%s%s", w->client.url,
                 w->client.tenant[0] != '\0' ? "?tenantId=" : "", w->client.tenant,
                 !s->park                      ? ""
                 : w->client.tenant[0] != '\0' ? "&"
                                               : "?",
                 s->park ? "onError=park" : "");
    else
        snprintf(url, sizeof url, "%s/ingest/v1/%s/%s%s", w->client.url,
                 w->client.tenant[0] != '\0' ? w->client.tenant : "-", s->table,
                 s->park ? "?onError=park" : "");

    for (unsigned failures = 0; !must_stop(s);) {
        struct http_exchange x = {
            .method = "POST", .url = url, .headers = headers, .body = &body, .body_count = 1};
        enum status st = http_client_send(w->client.http, &x, &err);
        enum retry_outcome outcome = st == ST_OK        ? retry_judge(x.status)
                                     : st == ST_INVALID ? RETRY_SETTINGS
                                                        : RETRY_LATER;

        pthread_mutex_lock(&s->lock);
        s->requests++;
        if (outcome == RETRY_DONE) {
            s->sent_bytes += c->size;
            s->body_bytes += body.n;
            note_done(s, &x);
        } else if (outcome == RETRY_REFUSED) {
            s->refused += c->records;
            say_faults(s, c, &x);
            give_up(s, CLIENT_REFUSED);
        } else if (outcome == RETRY_SETTINGS) {
            hide_progress(s);
            if (st == ST_OK)
                client_complain(&w->client, url, &x);
            else
                say(s, "%s: %s", url, err.text);
            give_up(s, CLIENT_USAGE);
        } else {
            int64_t waited = clock_monotonic_ms() - s->last_success_ms;

            s->retries++;
            if (waited > (int64_t)s->retry_s * 1000) {
                if (!atomic_load(&s->stops)) {
                    if (st == ST_OK)
                        say(s, "%s answers %u for %" PRId64 " s: given up", s->client.url, x.status,
                            waited / 1000);
                    else
                        say(s, "cannot reach %s: %s", s->client.url, err.text);
                }
                give_up(s, CLIENT_UNREACHABLE);
            }
        }
        pthread_mutex_unlock(&s->lock);
        if (outcome != RETRY_LATER)
            return outcome == RETRY_DONE;
        w->random = w->random * 6364136223846793005u + 1442695040888963407u;
        rest(s, retry_pause(++failures, st == ST_OK ? x.retry_after_ms : -1, w->random >> 33));
    }
    return false;
}

static void
finish(struct send *s, struct chunk *c)
{
    c->state = CHUNK_DONE;
    while (s->first < s->taken && s->chunks[s->first % s->chunk_count].state == CHUNK_DONE) {
        struct chunk *oldest = &s->chunks[s->first % s->chunk_count];

        s->safe_offset = oldest->offset + oldest->size;
        s->safe_records = oldest->records_before + oldest->records;
        s->first++;
    }
    pthread_cond_signal(&s->emptied);
}

static void *
run_worker(void *app)
{
    struct worker *w = app;
    struct send *s = w->s;

    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (s->taken == s->filled_count && !s->is_ended && !must_stop(s)) {
            struct timespec until;

            clock_gettime(CLOCK_REALTIME, &until);
            until.tv_sec++; /* an interruption wakes nobody */
            pthread_cond_timedwait(&s->filled, &s->lock, &until);
        }
        if (s->taken == s->filled_count || must_stop(s)) {
            pthread_mutex_unlock(&s->lock);
            return NULL;
        }
        struct chunk *c = &s->chunks[s->taken++ % s->chunk_count];

        c->state = CHUNK_FLYING;
        pthread_mutex_unlock(&s->lock);
        bool is_safe = c->records == 0 || send_chunk(w, c);

        pthread_mutex_lock(&s->lock);
        if (is_safe)
            finish(s, c);
        pthread_cond_signal(&s->emptied);
        pthread_mutex_unlock(&s->lock);
    }
}

/* ---- reading */

/* Fills up to 'wanted' bytes. False: it cannot be read (said). A pipe that pauses ends early if
 * there is a whole line. */
static bool
fill(struct send *s, struct chunk *c, size_t wanted)
{
    while (c->size < wanted && !s->is_at_end && !must_stop(s)) {
        if (!s->is_regular) {
            struct pollfd p = {.fd = s->fd, .events = POLLIN};
            int ready = poll(&p, 1, LINGER_MS);

            if (ready == 0 && memchr(c->bytes, '\n', c->size) != NULL)
                return true;
            if (ready <= 0)
                continue;
        }
        ssize_t n = read(s->fd, c->bytes + c->size, wanted - c->size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            pthread_mutex_lock(&s->lock);
            say(s, "cannot read %s: %s", s->path, strerror(errno));
            give_up(s, CLIENT_USAGE);
            pthread_mutex_unlock(&s->lock);
            return false;
        }
        s->is_at_end = n == 0;
        c->size += (size_t)n;
    }
    return !must_stop(s);
}

static bool
make_room(char **bytes, size_t *room, size_t wanted)
{
    if (*room >= wanted)
        return true;
    char *larger = realloc(*bytes, wanted);

    if (larger == NULL)
        return false;
    *bytes = larger;
    *room = wanted;
    return true;
}

static bool
read_failed(struct send *s, const char *why)
{
    pthread_mutex_lock(&s->lock);
    say(s, "record %" PRIu64 " of %s, byte %" PRIu64 ": %s", s->read_records + 1, s->path,
        s->read_offset, why);
    give_up(s, CLIENT_REFUSED);
    pthread_mutex_unlock(&s->lock);
    return false;
}

static uint64_t
count_records(const char *p, size_t size)
{
    const char *end = p + size;
    uint64_t count = 0;

    while (p < end) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        const char *line_end = feed == NULL ? end : feed;

        while (p < line_end && (*p == ' ' || *p == '\t' || *p == '\r'))
            p++;
        count += p < line_end;
        p = line_end + 1;
    }
    return count;
}

/* The next chunk: as many whole lines as fit in the batch size, or one longer line. False: no
 * more. */
static bool
read_chunk(struct send *s, struct chunk *c)
{
    size_t limit = s->batch_size, cut = 0;

    c->size = 0;
    if (!make_room(&c->bytes, &c->room, s->carry_size > limit ? s->carry_size : limit))
        return read_failed(s, "no memory");
    if (s->carry_size > 0)
        memcpy(c->bytes, s->carry, s->carry_size);
    c->size = s->carry_size;
    for (;;) {
        if (!make_room(&c->bytes, &c->room, limit))
            return read_failed(s, "no memory");
        if (!fill(s, c, limit))
            return false;
        size_t within = c->size < limit ? c->size : limit;
        const char *feed = within == 0 ? NULL : memrchr(c->bytes, '\n', within);

        if (s->is_at_end && c->size <= limit)
            cut = c->size;
        else if (feed != NULL)
            cut = (size_t)(feed - c->bytes) + 1;
        if (cut > 0 || c->size == 0)
            break;
        if (limit >= BATCH_MAX)
            return read_failed(s, "the line is longer than 64 MiB");
        limit = limit * 2 < BATCH_MAX ? limit * 2 : BATCH_MAX;
    }
    s->carry_size = c->size - cut;
    if (!make_room(&s->carry, &s->carry_room, s->carry_size))
        return read_failed(s, "no memory");
    if (s->carry_size > 0)
        memcpy(s->carry, c->bytes + cut, s->carry_size);
    c->size = cut;
    c->offset = s->read_offset;
    c->records_before = s->read_records;
    c->records = count_records(c->bytes, c->size);
    s->read_offset += cut;
    s->read_records += c->records;
    return cut > 0;
}

/* ---- state */

static enum status
save_state(struct send *s, uint64_t offset, uint64_t records, struct err *err)
{
    json_t *tree = json_pack(
        "{s:i,s:s,s:s,s:s,s:s,s:I,s:I,s:I}", "version", 1, "file", s->path, "identity", s->identity,
        "head", s->head, "target", s->envelopes ? "records" : s->table, "batchBytes",
        (json_int_t)s->batch_size, "offset", (json_int_t)offset, "records", (json_int_t)records);
    char *text = tree == NULL ? NULL : json_dumps(tree, JSON_INDENT(2));
    enum status st = text == NULL ? err_set(err, ST_IO, "the name of %s is no UTF-8", s->path)
                                  : file_replace(s->state_path, span_of(text), 0600, err);

    free(text);
    json_decref(tree);
    return st;
}

static enum status
load_state(struct send *s, struct err *err)
{
    const char *target = s->envelopes ? "records" : s->table;
    char *text;
    size_t size;
    enum status st = file_read(s->state_path, STATE_MAX, &text, &size, err);

    if (st == ST_END)
        return ST_OK; /* the first run */
    if (st != ST_OK)
        return st;
    json_t *tree = json_loadb(text, size, 0, NULL);
    uint64_t offset = NUMBER(tree, "offset"), records = NUMBER(tree, "records");
    uint64_t batch_size = NUMBER(tree, "batchBytes");

    free(text);
    if (NUMBER(tree, "version") != 1 || batch_size < BATCH_MIN || batch_size > BATCH_MAX)
        st = err_set(err, ST_INVALID, "%s is no state file of penstock send", s->state_path);
    else if (strcmp(TEXT(tree, "target"), target) != 0)
        st = err_set(err, ST_INVALID, "%s was written when sending to '%s', not '%s'",
                     s->state_path, TEXT(tree, "target"), target);
    else if (strcmp(TEXT(tree, "head"), s->head) != 0 || offset > s->size)
        st = err_set(
            err, ST_INVALID,
            "%s belongs to another file than %s, or it was changed; delete it to start anew",
            s->state_path, s->path);
    if (st == ST_OK) {
        /* chunks that were under way then must be cut alike, so that they count once; likewise the
         * file may have been copied since */
        s->batch_size = batch_size;
        snprintf(s->identity, sizeof s->identity, "%s", TEXT(tree, "identity"));
        s->start_offset = offset;
        s->start_records = records;
    }
    json_decref(tree);
    return st;
}

/* ---- the whole */

static enum status
hash_head(struct send *s, struct err *err)
{
    char head[HEAD_SIZE];
    unsigned char digest[DIGEST_SHA256_SIZE];
    ssize_t n = pread(s->fd, head, sizeof head, 0);
    /* its first line: a file that grows at its end stays the same one */
    const char *feed = n <= 0 ? NULL : memchr(head, '\n', (size_t)n);
    size_t size = feed != NULL ? (size_t)(feed - head) + 1 : n == HEAD_SIZE ? HEAD_SIZE : 0;

    if (n < 0 || !digest_sha256((struct span){head, size}, digest))
        return err_set(err, ST_IO, "cannot read %s: %s", s->path, strerror(errno));
    digest_hex(digest, sizeof digest, s->head);
    return ST_OK;
}

static enum status
open_input(struct send *s, struct err *err)
{
    unsigned char random[16];
    struct stat info;
    enum status st;

    s->fd = strcmp(s->path, "-") == 0 ? STDIN_FILENO : open(s->path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &info) != 0)
        return err_set(err, ST_INVALID, "cannot open %s: %s", s->path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return err_set(err, ST_INVALID, "%s is a folder", s->path);
    s->is_regular = S_ISREG(info.st_mode);
    if (!s->is_regular) {
        /* nothing tells this stream from the next one: keys are of this run only */
        if (getrandom(random, sizeof random, 0) != sizeof random)
            return err_set(err, ST_IO, "no random numbers: %s", strerror(errno));
        digest_hex(random, sizeof random, s->identity);
        return s->state_path == NULL
                   ? ST_OK
                   : err_set(err, ST_INVALID, "--resume needs a file, not a pipe");
    }
    s->size = (uint64_t)info.st_size;
    snprintf(s->identity, sizeof s->identity, "%" PRIx64 ":%" PRIx64, (uint64_t)info.st_dev,
             (uint64_t)info.st_ino);
    if (s->state_path == NULL)
        return ST_OK;
    st = hash_head(s, err);
    if (st == ST_OK)
        st = load_state(s, err);
    if (st == ST_OK && lseek(s->fd, (off_t)s->start_offset, SEEK_SET) < 0)
        st = err_set(err, ST_IO, "cannot go to byte %" PRIu64 " of %s: %s", s->start_offset,
                     s->path, strerror(errno));
    return st;
}

/* What is done now and then by the thread that reads; the lock is held. */
static void
tend(struct send *s, int64_t *saved_ms, int64_t *shown_ms, bool is_terminal)
{
    int64_t now = clock_monotonic_ms();
    struct err err;

    if (is_terminal && now - *shown_ms >= SHOW_MS) {
        show_progress(s);
        *shown_ms = now;
    }
    if (s->state_path != NULL && now - *saved_ms >= SAVE_MS) {
        uint64_t offset = s->safe_offset, records = s->safe_records;

        *saved_ms = now;
        pthread_mutex_unlock(&s->lock); /* the disk may be slow */
        enum status st = save_state(s, offset, records, &err);

        pthread_mutex_lock(&s->lock);
        if (st != ST_OK) {
            say(s, "%s", err.text);
            give_up(s, CLIENT_USAGE);
        }
    }
}

static void
run_reader(struct send *s)
{
    bool is_terminal = isatty(STDERR_FILENO) && !s->client.json, goes_on = true;
    int64_t saved_ms = clock_monotonic_ms(), shown_ms = 0;

    pthread_mutex_lock(&s->lock);
    while (!must_stop(s) && (goes_on || s->first < s->filled_count)) {
        tend(s, &saved_ms, &shown_ms, is_terminal);
        if (goes_on && s->filled_count - s->first < s->chunk_count) {
            struct chunk *c = &s->chunks[s->filled_count % s->chunk_count];

            pthread_mutex_unlock(&s->lock);
            goes_on = read_chunk(s, c);
            pthread_mutex_lock(&s->lock);
            if (goes_on) {
                c->state = CHUNK_READY;
                s->filled_count++;
                pthread_cond_signal(&s->filled);
            }
            continue;
        }
        struct timespec until;

        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += SHOW_MS * 1000000L;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&s->emptied, &s->lock, &until);
    }
    s->is_ended = true;
    pthread_cond_broadcast(&s->filled);
    pthread_mutex_unlock(&s->lock);
}

static void
print_summary(const struct send *s, int64_t ms)
{
    uint64_t records = s->safe_records - s->start_records, bytes = s->safe_offset - s->start_offset;
    char size[32], rate[32];

    if (s->client.json) {
        json_t *tree =
            json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f,s:b}", "file", s->path,
                      "records", (json_int_t)records, "bytes", (json_int_t)bytes, "requests",
                      (json_int_t)s->requests, "retries", (json_int_t)s->retries, "duplicates",
                      (json_int_t)s->duplicates, "parked", (json_int_t)s->parked, "refused",
                      (json_int_t)s->refused, "bodyBytes", (json_int_t)s->body_bytes, "offset",
                      (json_int_t)s->safe_offset, "resumedAt", (json_int_t)s->start_offset,
                      "seconds", (double)ms / 1000.0, "complete", s->code == CLIENT_DONE);

        client_print_json(tree);
        json_decref(tree);
        return;
    }
    client_size_text(bytes, size, sizeof size);
    client_size_text(ms <= 0 ? 0 : bytes * 1000 / (uint64_t)ms, rate, sizeof rate);
    fprintf(stderr,
            "penstock send: %" PRIu64 " records, %s in %.1f s (%s/s), %" PRIu64
            " requests, %" PRIu64 " retries, %" PRIu64 " already there, %" PRIu64
            " parked, %" PRIu64 " refused%s\n",
            records, size, (double)ms / 1000.0, rate, s->requests, s->retries, s->duplicates,
            s->parked, s->refused, s->code == CLIENT_DONE ? "" : "; not complete");
    if (s->refused > 0 && !s->park)
        fputs(
            "penstock send: nothing of a refused request was kept; mend the records, or send with "
            "--park\n",
            stderr);
    if (s->parked > 0)
        fputs("penstock send: see parked records: penstock export parked list --ingest\n", stderr);
}

static int
send_all(struct send *s)
{
    struct worker workers[CONNECTIONS_MAX];
    struct sigaction act = {.sa_handler = on_signal};
    struct err err = {""};
    size_t started = 0;

    memset(workers, 0, sizeof workers);
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
    s->chunk_count = s->connections * 2;
    s->safe_offset = s->read_offset = s->start_offset;
    s->safe_records = s->read_records = s->start_records;
    s->started_ms = s->last_success_ms = clock_monotonic_ms();
    for (; started < s->connections; started++) {
        struct worker *w = &workers[started];

        w->s = s;
        w->random = (uint64_t)clock_ticks() + started;
        if (client_open_again(&w->client, &s->client, &err) != ST_OK)
            break;
        if (pthread_create(&w->thread, NULL, run_worker, w) != 0) {
            client_close(&w->client);
            break;
        }
    }
    if (started == 0) {
        fprintf(stderr, "penstock send: cannot start: %s\n", err.text);
        return CLIENT_UNREACHABLE;
    }
    run_reader(s);
    for (size_t i = 0; i < started; i++) {
        pthread_join(workers[i].thread, NULL);
        client_close(&workers[i].client);
        free(workers[i].packed);
        free(workers[i].work);
    }
    hide_progress(s);
    if (atomic_load(&interrupted) && s->code == CLIENT_DONE)
        s->code = CLIENT_UNREACHABLE;
    if (s->state_path != NULL && save_state(s, s->safe_offset, s->safe_records, &err) != ST_OK) {
        fprintf(stderr, "penstock send: %s\n", err.text);
        s->code = s->code == CLIENT_DONE ? CLIENT_USAGE : s->code;
    }
    print_summary(s, clock_monotonic_ms() - s->started_ms);
    return s->code;
}

static bool
read_count(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    *value = strtoull(text, &end, 10);
    unsigned shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : 0;

    if (*value > max)
        return false;
    *value <<= shift;
    return end[shift > 0] == '\0' && *value >= min && *value <= max;
}

/* False: end with *code. */
static bool
read_options(int argc, char **argv, struct send *s, int *code)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"table",       required_argument, NULL, 't'},
        {"envelopes",   no_argument,       NULL, 'e'},
        {"batch-bytes", required_argument, NULL, 'b'},
        {"connections", required_argument, NULL, 'c'},
        {"gzip",        no_argument,       NULL, 'z'},
        {"park",        no_argument,       NULL, 'p'},
        {"resume",      required_argument, NULL, 'r'},
        {"retry-s",     required_argument, NULL, 'y'},
        {"help",        no_argument,       NULL, 'h'},
        {NULL,          0,                 NULL, 0  },
    };
    static const char command[] = "penstock send";
    bool is_good = true;
    int option;

    optind = 0;
    *code = CLIENT_USAGE;
    while (is_good && (option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&s->client_settings, option, optarg))
            continue;
        switch (option) {
        case 't':
            s->table = optarg;
            break;
        case 'e':
            s->envelopes = true;
            break;
        case 'b':
            is_good = read_count(optarg, BATCH_MIN, BATCH_MAX, &s->batch_size);
            break;
        case 'c':
            is_good = read_count(optarg, 1, CONNECTIONS_MAX, &s->connections);
            break;
        case 'z':
            s->gzip = true;
            break;
        case 'p':
            s->park = true;
            break;
        case 'r':
            s->state_path = optarg;
            break;
        case 'y':
            is_good = read_count(optarg, 0, 1000000, &s->retry_s);
            break;
        case 'h':
            fputs(usage_text, stdout);
            *code = CLIENT_DONE;
            return false;
        default: /* getopt_long said what is wrong */
            return false;
        }
        if (!is_good)
            client_usage_error(
                command,
                "'%s' is out of range: --batch-bytes is 4K to 64M, --connections 1 to "
                "64, --retry-s 0 to 1000000",
                optarg);
    }
    if (!is_good)
        return false;
    if (optind + 1 != argc)
        client_usage_error(command, "give one file, or - for standard input");
    else if ((s->table == NULL) == !s->envelopes)
        client_usage_error(command, "give either --table TABLE or --envelopes");
    else {
        s->path = argv[optind];
        return true;
    }
    return false;
}

int
cmd_send(int argc, char **argv)
{
    static struct send zero;
    struct send *s = malloc(sizeof *s);
    struct err err = {""};
    int code;

    if (s == NULL)
        return CLIENT_UNREACHABLE;
    *s = zero;
    s->fd = -1;
    s->batch_size = 1 << 20;
    s->connections = 2;
    s->retry_s = 120;
    s->client_settings.stop = &interrupted;
    atomic_init(&s->stops, false);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->filled, NULL);
    pthread_cond_init(&s->emptied, NULL);
    if (!read_options(argc, argv, s, &code))
        goto out;
    char encoded[512];

    if (client_open(&s->client, "penstock send", &s->client_settings, &err) != ST_OK)
        code = client_usage_error("penstock send", "%s", err.text);
    else if (!s->envelopes &&
             (!client_encode(s->table, encoded, sizeof encoded) || strcmp(encoded, s->table) != 0))
        code = client_usage_error("penstock send", "'%.80s' is no name of a table", s->table);
    else if (open_input(s, &err) != ST_OK)
        code = client_usage_error("penstock send", "%s", err.text);
    else
        code = send_all(s);
out:
    client_close(&s->client);
    if (s->fd > STDIN_FILENO)
        close(s->fd);
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        free(s->chunks[i].bytes);
    free(s->carry);
    pthread_cond_destroy(&s->filled);
    pthread_cond_destroy(&s->emptied);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return code;
}
