/* fake_receivers.h - what receives events in tests: any webhook, Splunk's HTTP Event Collector,
 * Elasticsearch's _bulk. Each takes requests apart as the real one would, keeps the rows, and fails
 * on demand as fake_blob.h does. Tests only. */
#pragma once
#include "base/test.h"
#include "sink/buffer.h"
#include "sink/fake_blob.h"
#include "wire/gunzip.h"
#include "wire/json.h"
#include "wire/json_find.h"

enum { RECEIVED_MAX = 4096, HEADERS_KEPT = 4096 };

struct receiver_state {
    struct buffer rows;      /* what came, one behind the other */
    char head[HEADERS_KEPT]; /* of the last request */
    struct buffer last;      /* body of the last request that was taken */
    struct buffer answer;    /* lives until the next request */
    unsigned posts, taken;   /* requests; rows */
    /* webhook: a body that holds this gets the status; NULL: none */
    const char *poison;
    unsigned poison_status;
    /* elastic */
    char ids[RECEIVED_MAX][100];
    size_t id_count;
    struct buffer indices;    /* "name " for each row */
    const char *poison_error; /* type, reason as JSON members of the poisoned row's error */
    /* splunk_hec */
    bool acks, answers_acks;
    unsigned ack_next, ack_polls, ack_after; /* acknowledged from that poll on */
    bool says_which;
};

static struct receiver_state *
receiver_state(struct fake_blob *f)
{
    return f->state;
}

/* A packed body takes the place of itself. */
static inline void
receiver_unpack(struct fake_request *r)
{
    enum { ROOM = 1 << 20, STATE = 256 << 10 };
    const char *value = fake_header(r, "Content-Encoding");
    struct arena a = {NULL, STATE, 0};
    struct span packed = {r->body, r->body_size};
    struct gunzip g;
    struct err err = {""};
    char *out;
    size_t size = 0;

    if (value == NULL || strcmp(value, "gzip") != 0)
        return;
    a.base = aligned_alloc(16, STATE);
    out = malloc(ROOM);
    CHECK(gunzip_init(&g, &a, &err) == ST_OK &&
              gunzip_feed(&g, &packed, true, out, ROOM, &size, &err) == ST_END,
          "a packed body: %s", err.text);
    free(a.base);
    free(r->body);
    r->body = out;
    r->body_size = size;
}

static inline void
receiver_keep(struct receiver_state *s, const struct fake_request *r)
{
    receiver_unpack((struct fake_request *)(uintptr_t)r);
    snprintf(s->head, sizeof s->head, "%.4000s", r->head);
    s->posts++;
}

static inline bool
has_poison(const struct receiver_state *s, struct span bytes)
{
    return s->poison != NULL && memmem(bytes.p, bytes.n, s->poison, strlen(s->poison)) != NULL;
}

static inline unsigned
webhook_act(struct fake_blob *f, const struct fake_request *r, const char **answer,
            size_t *answer_size)
{
    struct receiver_state *s = receiver_state(f);
    struct span body = {r->body, r->body_size};

    receiver_keep(s, r);
    *answer = "secret words of the receiver";
    *answer_size = strlen(*answer);
    if (strcmp(r->method, "POST") != 0 || strcmp(r->path, "/hook") != 0)
        return 404;
    if (f->token != NULL) {
        const char *value = fake_header(r, "Authorization");

        if (value == NULL || strcmp(value, f->token) != 0)
            return 401;
    }
    if (has_poison(s, body))
        return s->poison_status;
    s->last.n = 0;
    s->taken++;
    return buffer_add(&s->rows, body) && buffer_add(&s->last, body) ? 202 : 500;
}

/* One event after the other, as the collector's parser goes; the row that "event" holds is kept. */
static inline unsigned
hec_act(struct fake_blob *f, const struct fake_request *r, const char **answer, size_t *answer_size)
{
    struct receiver_state *s = receiver_state(f);
    const char *value;
    size_t at = 0, count = 0, before = s->rows.n;
    struct json_path event, time;
    struct err err;
    size_t used;
    bool is_fine = true;

    receiver_keep(s, r);
    value = fake_header(r, "Authorization");
    s->answer.n = 0;
#define ANSWER(status, ...)                                                                        \
    do {                                                                                           \
        is_fine = is_fine && buffer_print(&s->answer, __VA_ARGS__);                                \
        *answer = s->answer.p;                                                                     \
        *answer_size = s->answer.n;                                                                \
        return is_fine ? (status) : 500;                                                           \
    } while (0)
    if (value == NULL || strncmp(value, "Splunk ", 7) != 0)
        ANSWER(401, "{\"text\":\"Token is required\",\"code\":2}");
    if (f->token != NULL && strcmp(value, f->token) != 0)
        ANSWER(403, "{\"text\":\"Invalid token\",\"code\":4}");
    if (s->acks && fake_header(r, "X-Splunk-Request-Channel") == NULL)
        ANSWER(400, "{\"text\":\"Data channel is missing\",\"code\":10}");
    if (strcmp(r->path, "/services/collector/ack") == 0) {
        json_t *tree = json_loadb(r->body, r->body_size, 0, NULL);
        size_t n = json_array_size(json_object_get(tree, "acks"));

        if (!s->acks) {
            json_decref(tree);
            ANSWER(400, "{\"text\":\"ACK is disabled\",\"code\":14}");
        }
        is_fine = buffer_print(&s->answer, "{\"acks\":{");
        for (size_t i = 0; i < n; i++) {
            long long id = json_integer_value(json_array_get(json_object_get(tree, "acks"), i));

            is_fine = is_fine && buffer_print(&s->answer, "%s\"%lld\":%s", i > 0 ? "," : "", id,
                                              s->ack_polls >= s->ack_after ? "true" : "false");
        }
        s->ack_polls++;
        json_decref(tree);
        ANSWER(200, "}}");
    }
    if (strcmp(r->path, "/services/collector/event") != 0 || strcmp(r->method, "POST") != 0)
        ANSWER(404, "{\"text\":\"The requested URL was not found on this server.\",\"code\":404}");
    (void)!json_path_read(SPAN_LITERAL("event"), &event, &used, &err);
    (void)!json_path_read(SPAN_LITERAL("time"), &time, &used, &err);
    while (at < r->body_size) {
        json_t *tree;
        json_error_t where;
        struct span all = {r->body + at, r->body_size - at}, row, when;

        if (*all.p == '\n' || *all.p == ' ') {
            at++;
            continue;
        }
        tree = json_loadb(all.p, all.n, JSON_DISABLE_EOF_CHECK, &where);
        if (tree == NULL || !json_find(all, &event, &row) || !json_find(all, &time, &when) ||
            has_poison(s, row)) {
            json_decref(tree);
            s->rows.n = before;
            if (s->says_which)
                ANSWER(400,
                       "{\"text\":\"Invalid data format\",\"code\":6,\"invalid-event-number\":%zu}",
                       count);
            ANSWER(400, "{\"text\":\"Invalid data format\",\"code\":6}");
        }
        json_decref(tree);
        is_fine = is_fine && buffer_add(&s->rows, row);
        at += (size_t)where.position;
        count++;
    }
    s->taken += (unsigned)count;
    s->last.n = 0;
    is_fine = is_fine && buffer_add(&s->last, (struct span){r->body, r->body_size});
    if (s->acks && s->answers_acks)
        ANSWER(200, "{\"text\":\"Success\",\"code\":0,\"ackId\":%u}", s->ack_next++);
    ANSWER(200, "{\"text\":\"Success\",\"code\":0}");
#undef ANSWER
}

/* Two lines a row; an _id that is there is a conflict. */
static inline unsigned
elastic_act(struct fake_blob *f, const struct fake_request *r, const char **answer,
            size_t *answer_size)
{
    struct receiver_state *s = receiver_state(f);
    const char *at = r->body, *end = r->body + r->body_size, *value;
    bool is_first = true, is_fine;
    unsigned failed = 400;

    receiver_keep(s, r);
    s->answer.n = 0;
    value = fake_header(r, "Authorization");
    if (f->token != NULL && (value == NULL || strcmp(value, f->token) != 0))
        return 401;
    if (strcmp(r->method, "POST") != 0 || strcmp(r->path, "/_bulk") != 0)
        return 404;
    is_fine = buffer_print(&s->answer, "{\"errors\":false,\"items\":[");
    s->last.n = 0;
    is_fine = is_fine && buffer_add(&s->last, (struct span){r->body, r->body_size});
    while (at < end) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        const char *next = line == NULL ? NULL : memchr(line + 1, '\n', (size_t)(end - line - 1));
        json_t *action, *row = NULL, *create;
        size_t i = 0;

        if (next == NULL)
            return failed; /* every line ends */
        action = json_loadb(at, (size_t)(line - at), 0, NULL);
        row = json_loadb(line + 1, (size_t)(next - line - 1), 0, NULL);
        create = json_object_get(action, "create");
        const char *id = json_string_value(json_object_get(create, "_id"));
        const char *index = json_string_value(json_object_get(create, "_index"));
        struct span source = {line + 1, (size_t)(next - line - 1)};

        if (id == NULL || index == NULL || !json_is_object(row) ||
            json_object_get(row, "@timestamp") == NULL) {
            json_decref(action);
            json_decref(row);
            return failed;
        }
        while (i < s->id_count && strcmp(s->ids[i], id) != 0)
            i++;
        is_fine =
            is_fine && buffer_print(&s->answer, "%s{\"create\":{\"status\":", is_first ? "" : ",");
        if (has_poison(s, source)) {
            is_fine = is_fine && buffer_print(&s->answer, "%u,\"error\":{%s}}}", s->poison_status,
                                              s->poison_error == NULL ? "" : s->poison_error);
        } else if (i < s->id_count) {
            is_fine =
                is_fine &&
                buffer_print(&s->answer,
                             "409,\"error\":{\"type\":\"version_conflict_engine_exception\"}}}");
        } else {
            /* as it came: without the time that was put in front */
            struct span rest = source;
            const char *comma = memchr(source.p, ',', source.n);

            if (comma != NULL && strncmp(source.p, "{\"@timestamp\":", 14) == 0)
                rest = (struct span){comma + 1, source.n - (size_t)(comma + 1 - source.p)};
            snprintf(s->ids[s->id_count++ % RECEIVED_MAX], sizeof s->ids[0], "%s", id);
            is_fine = is_fine && buffer_print(&s->answer, "201}}") &&
                      (rest.p == source.p || buffer_add(&s->rows, SPAN_LITERAL("{"))) &&
                      buffer_add(&s->rows, rest) && buffer_print(&s->indices, "%s ", index);
            s->taken++;
        }
        is_first = false;
        at = next + 1;
        json_decref(action);
        json_decref(row);
    }
    is_fine = is_fine && buffer_add(&s->answer, SPAN_LITERAL("]}"));
    *answer = s->answer.p;
    *answer_size = s->answer.n;
    return is_fine ? 200 : 500;
}

static inline void
receiver_start(struct fake_blob *f, struct receiver_state *s,
               unsigned (*act)(struct fake_blob *f, const struct fake_request *r,
                               const char **answer, size_t *answer_size))
{
    memset(f, 0, sizeof *f);
    f->act = act;
    f->state = s;
    fake_start(f, 0);
}

/* Forgets what came, and whatever was to fail. */
static inline void
receiver_forget(struct fake_blob *f, struct receiver_state *s)
{
    pthread_mutex_lock(&f->lock);
    f->fault_count = 0;
    f->said = NULL;
    f->token = NULL;
    buffer_wipe(&s->rows);
    buffer_wipe(&s->last);
    buffer_wipe(&s->answer);
    buffer_wipe(&s->indices);
    memset(s, 0, sizeof *s);
    s->acks = s->answers_acks = s->says_which = true;
    pthread_mutex_unlock(&f->lock);
}

/* The last request's header; "" if it had none. */
static inline const char *
receiver_header_of(const struct receiver_state *s, const char *name)
{
    static struct fake_request r;
    const char *value;

    memcpy(r.head, s->head, sizeof s->head);
    value = fake_header(&r, name);
    return value == NULL ? "" : value;
}

/* What came, as text; "" if nothing did. */
static inline const char *
receiver_rows(const struct receiver_state *s)
{
    return s->rows.p == NULL ? "" : s->rows.p;
}
