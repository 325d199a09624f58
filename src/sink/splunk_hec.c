/* splunk_hec.c - Splunk's HTTP Event Collector: many events a request, each with its time, host,
 * source, source type and index.
 *
 * A 200 of the collector says that it looked at the events, not that they are on a disk. With 'ack'
 * (a token with indexer acknowledgement) the rows are done only when the collector says that they
 * are indexed; all requests of a window are sent first and then asked about together.
 *
 * The collector names the first event that it does not like (invalid-event-number): that row is
 * parked, and the others of its request are sent again. Codes are those of "Troubleshoot HTTP Event
 * Collector". */
#include "base/clock.h"
#include "sink/pattern.h"
#include "sink/receiver.h"
#include "wire/gzip.h"
#include "wire/json.h"
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

enum {
    ROW_MAX = 4 << 20,
    RESPONSE_MAX = 256 << 10,
    ACKS_ASKED_MAX = 1000, /* of one question */
    POLL_MS_MIN = 100,
    POLL_MS_MAX = 2000,
    SLICE_MS = 50, /* a wait looks at 'stop' so often */
    CHANNEL_SIZE = 37,
};

struct pending { /* a request that was taken, but is not indexed yet */
    int64_t ack;
    size_t from, to; /* parcels */
};

struct splunk_hec {
    struct receiver r;
    char url[RECEIVER_URL_SIZE + 40], ack_url[RECEIVER_URL_SIZE + 40];
    char channel[CHANNEL_SIZE], channel_header[80];
    char *index, *source, *sourcetype, *host; /* patterns; index may be "" */
    bool is_packed, wants_ack, is_ack_known, has_id;
    long ack_timeout_ms;
    size_t rows_max, bytes_max;
    struct buffer body, packed, text;
    char *work; /* GZIP_WORK_SIZE */
    struct pending *pending;
    size_t pending_count, pending_room;
};

static const struct sink_setting splunk_hec_settings[] = {
    {.name = "url",
     .help = "Address of the collector, https://HOST:8088; /services/collector/event is added."},
    {.name = "token",                                                                                              .help = "The collector's token.", .is_secret = true},
    {.name = "index",
     .help = "Index of the events; by default the token's. May hold {table}, {category}, {tenant}.",
     .is_optional = true},
    {.name = "source",                                                                                              .help = "Their source; likewise.", .default_value = "penstock"},
    {.name = "sourcetype",
     .help = "Their source type; likewise.",
     .default_value = "penstock:{table}"},
    {.name = "host",                                                                                              .help = "Their host; likewise.", .default_value = "penstock"},
    {.name = "event_id",
     .help = "true: each event has the indexed field penstock_event_id, the same whenever it is "
             "sent: | dedup penstock_event_id.", .default_value = "true"},
    {.name = "ack",
     .help = "true: rows are done when they are indexed; the token must have indexer "
             "acknowledgement.", .default_value = "false"},
    {.name = "ack_timeout_ms",
     .help = "What is not indexed after so long is sent again, 1000 to 100000.",
     .default_value = "60000"},
    {.name = "gzip",                                                                                              .help = "true: requests are packed.", .default_value = "false"},
    {.name = "request_rows",
     .help = "Events that a request has at most, 1 to 10000.",
     .default_value = "1000"},
    {.name = "request_bytes",
     .help = "Bytes that a request has at most (but one row is always sent), 1000 to 8388608.",
     .default_value = "1000000"},
    RECEIVER_SETTINGS,
    {0                                                    },
};

/* ---- settings ---- */

static const char *
given(const struct sink_value *values, size_t count, const char *name)
{
    return receiver_value(&sink_splunk_hec, values, count, name);
}

/* A random GUID: a channel is one client's. */
static enum status
channel_make(char out[CHANNEL_SIZE], struct err *err)
{
    unsigned char b[16];

    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b)
        return err_set(err, ST_IO, "splunk_hec: no random bytes for a channel");
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    snprintf(out, CHANNEL_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
             b[15]);
    return ST_OK;
}

static enum status
patterns_read(struct splunk_hec *s, const struct sink_value *values, size_t count, struct err *err)
{
    const struct {
        const char *name;
        char **out;
    } patterns[] = {
        {"index",      &s->index     },
        {"source",     &s->source    },
        {"sourcetype", &s->sourcetype},
        {"host",       &s->host      },
    };

    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        const char *text = given(values, count, patterns[i].name);
        char place[40];

        snprintf(place, sizeof place, "splunk_hec: %s", patterns[i].name);
        if (strlen(text) > 500)
            return err_set(err, ST_INVALID, "%s has more than 500 bytes", place);
        if (pattern_check(text, place, err) != ST_OK)
            return ST_INVALID;
        *patterns[i].out = strdup(text);
        if (*patterns[i].out == NULL)
            return err_set(err, ST_FULL, "splunk_hec: no memory");
    }
    return ST_OK;
}

static enum status
splunk_hec_read(struct splunk_hec *s, const struct sink_value *values, size_t count,
                struct err *err)
{
    const struct sink_kind *kind = &sink_splunk_hec;
    long rows = 0, bytes = 0;
    enum status st = receiver_read(&s->r, kind, values, count, true, err);

    if (st == ST_OK)
        st = receiver_flag(kind, values, count, "gzip", &s->is_packed, err);
    if (st == ST_OK)
        st = receiver_flag(kind, values, count, "ack", &s->wants_ack, err);
    if (st == ST_OK)
        st = receiver_flag(kind, values, count, "event_id", &s->has_id, err);
    if (st == ST_OK)
        st = receiver_number(kind, values, count, "ack_timeout_ms", 1000, 100000,
                             &s->ack_timeout_ms, err);
    if (st == ST_OK)
        st =
            receiver_number(kind, values, count, "request_rows", 1, RECEIVER_BATCH_MAX, &rows, err);
    if (st == ST_OK)
        st = receiver_number(kind, values, count, "request_bytes", 1000, RECEIVER_BODY_MAX, &bytes,
                             err);
    if (st == ST_OK)
        st = patterns_read(s, values, count, err);
    if (st == ST_OK)
        st = receiver_header(&s->r, err, "Authorization: Splunk %s", given(values, count, "token"));
    if (st != ST_OK)
        return st;
    s->rows_max = (size_t)rows;
    s->bytes_max = (size_t)bytes;
    snprintf(s->url, sizeof s->url, "%s/services/collector/event", s->r.url);
    return ST_OK;
}

/* ---- answers ---- */

static const struct {
    int code;
    enum receiver_meaning meaning;
    const char *mend;
} codes[] = {
    {1,  RECEIVER_PERSON,  "the token is disabled: enable it"                  },
    {2,  RECEIVER_PERSON,  "it wants a token"                                  },
    {3,  RECEIVER_PERSON,  "it cannot read the authorization: check the token" },
    {4,  RECEIVER_PERSON,  "it does not know the token: check it"              },
    {6,  RECEIVER_REFUSED, "it takes the row for wrong"                        },
    {7,  RECEIVER_PERSON,  "the token does not allow the index: check 'index'" },
    {8,  RECEIVER_BUSY,    "an error of its own"                               },
    {9,  RECEIVER_BUSY,    "it is busy"                                        },
    {10, RECEIVER_PERSON,  "the token wants acknowledgement: set ack"          },
    {11, RECEIVER_PERSON,  "it does not take the channel"                      },
    {12, RECEIVER_REFUSED, "it finds no event in the row"                      },
    {13, RECEIVER_REFUSED, "the event is blank"                                },
    {14, RECEIVER_PERSON,
     "the token has no indexer acknowledgement: enable it, or set ack to false"},
    {15, RECEIVER_REFUSED, "it does not take the event's fields"               },
    {16, RECEIVER_PERSON,  "it does not take the token in the query"           },
    {21, RECEIVER_PERSON,  "it does not know the token: check it"              },
    {22, RECEIVER_PERSON,  "the token is disabled: enable it"                  },
    {23, RECEIVER_BUSY,    "it is shutting down"                               },
};

/* What the body says besides. */
struct said {
    int64_t code, ack, invalid; /* -1: nothing */
};

static struct said
said_read(const struct http_exchange *x)
{
    json_t *tree = json_loadb(x->response.p, x->response.n, 0, NULL);
    const json_t *code = json_object_get(tree, "code"), *ack = json_object_get(tree, "ackId");
    const json_t *invalid = json_object_get(tree, "invalid-event-number");
    struct said said = {json_is_integer(code) ? json_integer_value(code) : -1,
                        json_is_integer(ack) ? json_integer_value(ack) : -1,
                        json_is_integer(invalid) ? json_integer_value(invalid) : -1};

    json_decref(tree);
    return said;
}

static struct said
hec_post(struct splunk_hec *s, const char *url, struct span body, bool is_packed,
         struct receiver_answer *answer)
{
    const char *extra[RECEIVER_EXTRA_MAX] = {"Content-Type: application/json"};
    struct http_exchange x;
    size_t n = 1;

    if (s->wants_ack)
        extra[n++] = s->channel_header;
    if (is_packed)
        extra[n++] = "Content-Encoding: gzip";
    receiver_post(&s->r, url, extra, &body, 1, &x, answer);
    if (x.status == 0)
        return (struct said){-1, -1, -1};
    struct said said = said_read(&x);

    if (x.status == 200 && said.code != 0 && url == s->url) {
        receiver_means(&s->r, answer, RECEIVER_PERSON,
                       "is no HTTP Event Collector: it answered 200 without its code");
        return said;
    }
    for (size_t i = 0; i < COUNT_OF(codes) && x.status != 200; i++)
        if (codes[i].code == said.code)
            receiver_means(&s->r, answer, codes[i].meaning, "answered %u, code %d: %s", x.status,
                           codes[i].code, codes[i].mend);
    return said;
}

/* ---- sending ---- */

static bool
member_write(struct splunk_hec *s, const char *name, const char *pattern, const struct parcel *p,
             int64_t ticks)
{
    s->text.n = 0;
    return pattern[0] == '\0' || (buffer_print(&s->body, ",\"%s\":\"", name) &&
                                  pattern_write(pattern, p->lane, ticks, &s->text) &&
                                  buffer_escape(&s->body, (struct span){s->text.p, s->text.n}) &&
                                  buffer_add(&s->body, SPAN_LITERAL("\"")));
}

static bool
event_write(struct splunk_hec *s, const struct parcel *p, int64_t now)
{
    int64_t ticks = row_time(p->body, now), since = ticks - TICKS_AT_UNIX_EPOCH;
    char identity[PARCEL_IDENTITY_SIZE];

    if (since < 0)
        since = 0;
    return buffer_print(&s->body, "{\"time\":%lld.%06lld", (long long)(since / TICKS_PER_SECOND),
                        (long long)(since % TICKS_PER_SECOND / 10)) &&
           member_write(s, "host", s->host, p, ticks) &&
           member_write(s, "source", s->source, p, ticks) &&
           member_write(s, "sourcetype", s->sourcetype, p, ticks) &&
           member_write(s, "index", s->index, p, ticks) &&
           buffer_add(&s->body, SPAN_LITERAL(",\"event\":")) && buffer_add(&s->body, p->body) &&
           (!s->has_id ||
            (parcel_identity(p, identity) &&
             buffer_print(&s->body, ",\"fields\":{\"penstock_event_id\":\"%s\"}", identity))) &&
           buffer_add(&s->body, SPAN_LITERAL("}\n"));
}

/* The request's body, packed if asked for. False: no memory. */
static bool
body_write(struct splunk_hec *s, const struct parcel *parcels, size_t from, size_t to,
           struct span *body)
{
    int64_t now = clock_ticks();
    struct err err;
    size_t size;

    s->body.n = 0;
    for (size_t i = from; i < to; i++)
        if (!event_write(s, &parcels[i], now))
            return false;
    *body = (struct span){s->body.p, s->body.n};
    if (!s->is_packed)
        return true;
    s->packed.n = 0;
    if (!buffer_room(&s->packed, gzip_bound(s->body.n)) ||
        gzip_pack(*body, s->work, s->packed.p, s->packed.room, &size, &err) != ST_OK)
        return false;
    *body = (struct span){s->packed.p, size};
    return true;
}

static bool
pending_add(struct splunk_hec *s, int64_t ack, size_t from, size_t to)
{
    if (s->pending_count == s->pending_room) {
        size_t room = s->pending_room == 0 ? 64 : 2 * s->pending_room;
        struct pending *larger = realloc(s->pending, room * sizeof *larger);

        if (larger == NULL)
            return false;
        s->pending = larger;
        s->pending_room = room;
    }
    s->pending[s->pending_count++] = (struct pending){ack, from, to};
    return true;
}

/* Sends parcels [from, to) in one request; without the rows to blame when they are refused. */
static void
range_send(struct splunk_hec *s, struct parcel *parcels, size_t from, size_t to,
           struct receiver_answer *answer)
{
    struct span body;
    struct said said;

    if (from == to)
        return;
    if (!body_write(s, parcels, from, to, &body)) {
        *answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"splunk_hec: no memory"}};
        return;
    }
    said = hec_post(s, s->url, body, s->is_packed, answer);
    if (answer->meaning == RECEIVER_REFUSED && to - from > 1) {
        bool is_named = said.invalid >= 0 && (uint64_t)said.invalid < to - from;
        size_t bad = from + (is_named ? (size_t)said.invalid : 0);
        size_t middle = is_named ? bad : from + (to - from) / 2;

        if (is_named)
            receiver_tell(answer, &parcels[bad]);
        answer->meaning = RECEIVER_DONE;
        range_send(s, parcels, from, middle, answer);
        if (answer->meaning == RECEIVER_DONE || answer->meaning == RECEIVER_REFUSED)
            range_send(s, parcels, is_named ? bad + 1 : middle, to, answer);
        return;
    }
    if (answer->meaning == RECEIVER_DONE && s->wants_ack) {
        if (said.ack < 0 || !pending_add(s, said.ack, from, to))
            receiver_means(&s->r, answer, RECEIVER_PERSON,
                           "gave no ackId: enable the token's indexer acknowledgement, or set ack "
                           "to false");
        return; /* answered when they are indexed */
    }
    for (size_t i = from; i < to; i++)
        receiver_tell(answer, &parcels[i]);
}

/* ---- acknowledgement ---- */

/* True: the stop was asked for. */
static bool
wait_ms(const struct splunk_hec *s, int64_t ms)
{
    for (; ms > 0 && !receiver_is_stopping(&s->r); ms -= SLICE_MS) {
        int64_t slice = ms < SLICE_MS ? ms : SLICE_MS;

        nanosleep(&(struct timespec){slice / 1000, slice % 1000 * 1000000}, NULL);
    }
    return receiver_is_stopping(&s->r);
}

/* Asks about the pending requests; what is indexed leaves the list, its parcels done. */
static void
acks_ask(struct splunk_hec *s, struct parcel *parcels, struct receiver_answer *answer)
{
    size_t count = s->pending_count < ACKS_ASKED_MAX ? s->pending_count : ACKS_ASKED_MAX, kept = 0;
    struct span body = {"", 0};
    struct http_exchange x;
    const char *extra[RECEIVER_EXTRA_MAX] = {"Content-Type: application/json", s->channel_header};
    bool is_written;

    s->body.n = 0;
    is_written = buffer_add(&s->body, SPAN_LITERAL("{\"acks\":["));
    for (size_t i = 0; i < count && is_written; i++)
        is_written =
            buffer_print(&s->body, "%s%lld", i > 0 ? "," : "", (long long)s->pending[i].ack);
    if (!is_written || !buffer_add(&s->body, SPAN_LITERAL("]}"))) {
        *answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"splunk_hec: no memory"}};
        return;
    }
    body = (struct span){s->body.p, s->body.n};
    receiver_post(&s->r, s->ack_url, extra, &body, 1, &x, answer);
    if (answer->meaning != RECEIVER_DONE)
        return;
    json_t *tree = json_loadb(x.response.p, x.response.n, 0, NULL);
    const json_t *acks = json_object_get(tree, "acks");

    for (size_t i = 0; i < s->pending_count; i++) {
        char name[24];

        snprintf(name, sizeof name, "%lld", (long long)s->pending[i].ack);
        if (i < count && json_is_true(json_object_get(acks, name)))
            for (size_t k = s->pending[i].from; k < s->pending[i].to; k++)
                parcel_done(&parcels[k]);
        else
            s->pending[kept++] = s->pending[i];
    }
    s->pending_count = kept;
    json_decref(tree);
}

static void
acks_wait(struct splunk_hec *s, struct parcel *parcels)
{
    int64_t until_ms = clock_monotonic_ms() + s->ack_timeout_ms, pause_ms = POLL_MS_MIN;
    struct receiver_answer answer;

    while (s->pending_count > 0) {
        size_t before = s->pending_count;

        acks_ask(s, parcels, &answer);
        if (answer.meaning == RECEIVER_PERSON || s->pending_count == 0 ||
            clock_monotonic_ms() >= until_ms)
            break;
        pause_ms = s->pending_count < before ? POLL_MS_MIN : 2 * pause_ms;
        if (pause_ms > POLL_MS_MAX)
            pause_ms = POLL_MS_MAX;
        if (wait_ms(s, pause_ms))
            break;
    }
    for (size_t i = 0; i < s->pending_count; i++)
        for (size_t k = s->pending[i].from; k < s->pending[i].to; k++)
            parcel_retry(&parcels[k], -1, "%s took it, but had not indexed it after %ld ms",
                         s->r.place, s->ack_timeout_ms);
    s->pending_count = 0;
}

/* Before anything is sent: a token without acknowledgement would be noticed only when the rows are
 * there, and they would be sent again and again. */
static void
ack_check(struct splunk_hec *s, struct receiver_answer *answer)
{
    struct said said;

    if (!s->wants_ack || s->is_ack_known)
        return;
    said = hec_post(s, s->ack_url, SPAN_LITERAL("{\"acks\":[0]}"), false, answer);
    (void)said;
    s->is_ack_known = answer->meaning == RECEIVER_DONE;
    if (answer->meaning == RECEIVER_REFUSED)
        answer->meaning = RECEIVER_PERSON;
}

static size_t
range_end(const struct splunk_hec *s, const struct parcel *parcels, size_t from, size_t count)
{
    enum { FRAME = 400 }; /* about what is written around a row */
    size_t to = from + 1, bytes = parcels[from].body.n + FRAME;

    while (to < count && to - from < s->rows_max &&
           bytes + parcels[to].body.n + FRAME <= s->bytes_max)
        bytes += parcels[to++].body.n + FRAME;
    return to;
}

static void
splunk_hec_send(void *state, struct parcel *parcels, size_t count)
{
    struct splunk_hec *s = state;
    struct receiver_answer answer = {.meaning = RECEIVER_DONE};
    int64_t until_ms = clock_monotonic_ms() + RECEIVER_SEND_MS_MAX;
    size_t from = 0;

    for (size_t i = 0; i < count; i++)
        parcel_retry(&parcels[i], -1, "%s", "");
    s->pending_count = 0;
    if (!receiver_is_stopping(&s->r))
        ack_check(s, &answer);
    while (from < count && answer.meaning != RECEIVER_BUSY && answer.meaning != RECEIVER_PERSON) {
        if (from > 0 && clock_monotonic_ms() >= until_ms)
            break;
        size_t to = range_end(s, parcels, from, count);

        answer = (struct receiver_answer){.meaning = RECEIVER_DONE};
        if (receiver_is_stopping(&s->r))
            answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"stopping"}};
        else
            range_send(s, parcels, from, to, &answer);
        from = to;
    }
    acks_wait(s, parcels);
    for (size_t i = 0; i < count; i++)
        if (parcels[i].sent == SENT_RETRY && parcels[i].err.text[0] == '\0')
            parcel_retry(&parcels[i], answer.retry_after_ms, "%s", answer.err.text);
}

/* ---- open and close ---- */

static void
splunk_hec_close(void *state)
{
    struct splunk_hec *s = state;

    receiver_close(&s->r);
    free(s->index);
    free(s->source);
    free(s->sourcetype);
    free(s->host);
    buffer_wipe(&s->body);
    buffer_wipe(&s->packed);
    buffer_wipe(&s->text);
    free(s->work);
    free(s->pending);
    free(s);
}

static enum status
splunk_hec_make(const struct sink_value *values, size_t count, struct splunk_hec **out,
                struct err *err)
{
    struct splunk_hec *s = calloc(1, sizeof *s);
    enum status st = s == NULL ? err_set(err, ST_FULL, "splunk_hec: no memory")
                               : splunk_hec_read(s, values, count, err);

    if (st != ST_OK && s != NULL)
        splunk_hec_close(s);
    *out = s;
    return st;
}

static enum status
splunk_hec_check(const struct sink_value *values, size_t count, struct err *err)
{
    struct splunk_hec *s;
    enum status st = splunk_hec_make(values, count, &s, err);

    if (st == ST_OK)
        splunk_hec_close(s);
    return st;
}

static enum status
splunk_hec_open(const struct sink_value *values, size_t count, const atomic_bool *stop,
                void **state, struct err *err)
{
    enum status st = sink_check(&sink_splunk_hec, values, count, err);
    struct splunk_hec *s;

    if (st == ST_OK)
        st = splunk_hec_make(values, count, &s, err);
    if (st != ST_OK)
        return st;
    if (s->is_packed && (s->work = malloc(GZIP_WORK_SIZE)) == NULL)
        st = err_set(err, ST_FULL, "splunk_hec: no memory");
    if (st == ST_OK && s->wants_ack)
        st = channel_make(s->channel, err);
    snprintf(s->channel_header, sizeof s->channel_header, "X-Splunk-Request-Channel: %s",
             s->channel);
    snprintf(s->ack_url, sizeof s->ack_url, "%s/services/collector/ack", s->r.url);
    if (st == ST_OK)
        st = receiver_open(&s->r, RESPONSE_MAX, false, stop, err);
    if (st != ST_OK) {
        splunk_hec_close(s);
        return st;
    }
    *state = s;
    return ST_OK;
}

const struct sink_kind sink_splunk_hec = {
    .name = "splunk_hec",
    .help = "Splunk by its HTTP Event Collector; done when taken, or when indexed (ack).",
    .framing = FRAME_ROW,
    .is_lasting_at_once = true, /* as far as the collector promises */
    .body_max = ROW_MAX,
    .batch_bytes = ROW_MAX,
    .batch_rows = 10000,
    .linger_ms = 1000,
    .settings = splunk_hec_settings,
    .check = splunk_hec_check,
    .open = splunk_hec_open,
    .send = splunk_hec_send,
    .close = splunk_hec_close,
};
