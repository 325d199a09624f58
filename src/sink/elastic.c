/* elastic.c - Elasticsearch, OpenSearch and what speaks their _bulk: data streams or indices, exactly
 * once.
 *
 * Every row is created under its identity as _id. When the answer of a request was lost and the rows
 * come again, those that are there answer 409: done. (A data stream knows an _id within its newest
 * index: a row that is repeated across a rollover can be there twice.)
 *
 * Each row has its own answer. What the cluster has no room for now is sent again alone; what it
 * cannot map is parked row by row; the rest of the request is done. */
#include "base/clock.h"
#include "model/datetime.h"
#include "sink/pattern.h"
#include "sink/receiver.h"
#include "wire/gzip.h"
#include "wire/json.h"
#include "wire/json_find.h"
#include <ctype.h>
#include <stdlib.h>

enum {
    ROW_MAX = 4 << 20,
    RESPONSE_MAX = 16 << 20,
    INDEX_SIZE_MAX = 255, /* bytes; the service's limit */
    URL_EXTRA = 400,
};

struct elastic {
    struct receiver r;
    char url[RECEIVER_URL_SIZE + URL_EXTRA];
    char *index; /* pattern */
    bool is_packed;
    size_t rows_max, bytes_max;
    struct buffer body, packed, name;
    char *work; /* GZIP_WORK_SIZE */
};

static const struct sink_setting elastic_settings[] = {
    {.name = "url",                                        .help = "Address of the cluster, https://HOST:9200; /_bulk is added."},
    {.name = "index",
     .help = "Data stream or index; {table}, {category}, {tenant} and {date} (the row's day) stand "
             "for themselves in lower case.", .default_value = "logs-penstock.{table}-default"},
    {.name = "api_key",
     .help = "API key as the service gives it (encoded).",
     .is_optional = true,
     .is_secret = true},
    {.name = "user",                                                    .help = "User of basic authentication.", .is_optional = true},
    {.name = "password", .help = "Its password.", .is_optional = true, .is_secret = true},
    {.name = "pipeline",                                    .help = "Ingest pipeline that rows go through.", .is_optional = true},
    {.name = "gzip",                                       .help = "true: requests are packed.", .default_value = "false"},
    {.name = "request_rows",
     .help = "Rows that a request has at most, 1 to 10000.",
     .default_value = "2000"},
    {.name = "request_bytes",
     .help = "Bytes that a request has at most (but one row is always sent), 1000 to 8388608.",
     .default_value = "5000000"},
    RECEIVER_SETTINGS,
    {0                                },
};

/* ---- settings ---- */

static const char *
given(const struct sink_value *values, size_t count, const char *name)
{
    return receiver_value(&sink_elastic, values, count, name);
}

static enum status
credentials_read(struct elastic *e, const struct sink_value *values, size_t count, struct err *err)
{
    const char *key = given(values, count, "api_key"), *user = given(values, count, "user");
    const char *password = given(values, count, "password");

    if (key[0] != '\0' && user[0] != '\0')
        return err_set(err, ST_INVALID, "elastic: more than one credential: keep api_key or user");
    if ((user[0] != '\0') != (password[0] != '\0'))
        return err_set(err, ST_INVALID, "elastic: user and password belong together");
    if (key[0] != '\0')
        return receiver_header(&e->r, err, "Authorization: ApiKey %s", key);
    return user[0] != '\0' ? receiver_basic(&e->r, user, password, err) : ST_OK;
}

static enum status
index_read(struct elastic *e, const char *pattern, struct err *err)
{
    if (pattern_check(pattern, "elastic: index", err) != ST_OK)
        return ST_INVALID;
    if (strlen(pattern) > INDEX_SIZE_MAX)
        return err_set(err, ST_INVALID, "elastic: index has more than %d bytes", INDEX_SIZE_MAX);
    if (strpbrk(pattern, "\\/*?\"<>| ,#:") != NULL || strchr("-_+.", pattern[0]) != NULL)
        return err_set(err, ST_INVALID,
                       "elastic: index '%.100s' is no name: none of \\ / * ? \" < > | , # : or "
                       "blank, and none of - _ + . first",
                       pattern);
    e->index = strdup(pattern);
    return e->index != NULL ? ST_OK : err_set(err, ST_FULL, "elastic: no memory");
}

static enum status
elastic_read(struct elastic *e, const struct sink_value *values, size_t count, struct err *err)
{
    const struct sink_kind *kind = &sink_elastic;
    const char *pipeline = given(values, count, "pipeline");
    long rows = 0, bytes = 0;
    enum status st = receiver_read(&e->r, kind, values, count, true, err);

    for (const char *c = pipeline; *c != '\0' && st == ST_OK; c++)
        if ((!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL) || strlen(pipeline) > 200)
            st = err_set(err, ST_INVALID,
                         "elastic: pipeline is letters, digits, '-', '_' and '.', at most 200");
    if (st == ST_OK)
        st = receiver_flag(kind, values, count, "gzip", &e->is_packed, err);
    if (st == ST_OK)
        st =
            receiver_number(kind, values, count, "request_rows", 1, RECEIVER_BATCH_MAX, &rows, err);
    if (st == ST_OK)
        st = receiver_number(kind, values, count, "request_bytes", 1000, RECEIVER_BODY_MAX, &bytes,
                             err);
    if (st == ST_OK)
        st = index_read(e, given(values, count, "index"), err);
    if (st == ST_OK)
        st = credentials_read(e, values, count, err);
    if (st != ST_OK)
        return st;
    e->rows_max = (size_t)rows;
    e->bytes_max = (size_t)bytes;
    snprintf(
        e->url, sizeof e->url,
        "%s/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason%s%s",
        e->r.url, pipeline[0] != '\0' ? "&pipeline=" : "", pipeline);
    return ST_OK;
}

/* ---- a request ---- */

/* Lower case, and '-' for what no name may hold: a lane's category is anybody's word. */
static bool
index_write(struct elastic *e, const struct parcel *p, int64_t ticks)
{
    size_t from = 0;

    e->name.n = 0;
    if (!pattern_write(e->index, p->lane, ticks, &e->name))
        return false;
    for (size_t i = 0; i < e->name.n; i++) {
        unsigned char c = (unsigned char)e->name.p[i];

        if (isupper(c))
            e->name.p[i] = (char)tolower(c);
        else if (!isalnum(c) && strchr("-_.+", c) == NULL)
            e->name.p[i] = '-';
    }
    while (from < e->name.n && strchr("-_+.", e->name.p[from]) != NULL)
        from++;
    if (e->name.n - from > INDEX_SIZE_MAX)
        e->name.n = from + INDEX_SIZE_MAX;
    return buffer_add(&e->body, (struct span){e->name.p + from, e->name.n - from});
}

/* The row as one line, with its time as @timestamp in front unless it has one. */
static bool
row_write(struct elastic *e, const struct parcel *p, int64_t ticks)
{
    static const struct json_path path = {.steps = {{{"@timestamp", 10}, 0}}, .count = 1};
    char time[DATETIME_TEXT_SIZE];
    struct span row = p->body, value;
    size_t at = 0;

    while (at < row.n &&
           (row.p[at] == ' ' || row.p[at] == '\t' || row.p[at] == '\n' || row.p[at] == '\r'))
        at++;
    if (at == row.n || row.p[at] != '{' || json_find(row, &path, &value))
        return buffer_one_line(&e->body, row) && buffer_add(&e->body, SPAN_LITERAL("\n"));
    for (at++; at < row.n &&
               (row.p[at] == ' ' || row.p[at] == '\t' || row.p[at] == '\n' || row.p[at] == '\r');)
        at++;
    datetime_write(time, ticks);
    return buffer_print(&e->body, "{\"@timestamp\":\"%.*s\"%s", DATETIME_TEXT_SIZE, time,
                        at < row.n && row.p[at] == '}' ? "" : ",") &&
           buffer_one_line(&e->body, (struct span){row.p + at, row.n - at}) &&
           buffer_add(&e->body, SPAN_LITERAL("\n"));
}

static bool
body_write(struct elastic *e, const struct parcel *parcels, size_t from, size_t to,
           struct span *body)
{
    int64_t now = clock_ticks();
    struct err err;
    size_t size;

    e->body.n = 0;
    for (size_t i = from; i < to; i++) {
        int64_t ticks = row_time(parcels[i].body, now);
        char identity[PARCEL_IDENTITY_SIZE];

        if (!parcel_identity(&parcels[i], identity) ||
            !buffer_add(&e->body, SPAN_LITERAL("{\"create\":{\"_index\":\"")) ||
            !index_write(e, &parcels[i], ticks) ||
            !buffer_print(&e->body, "\",\"_id\":\"%s\"}}\n", identity) ||
            !row_write(e, &parcels[i], ticks))
            return false;
    }
    *body = (struct span){e->body.p, e->body.n};
    if (!e->is_packed)
        return true;
    e->packed.n = 0;
    if (!buffer_room(&e->packed, gzip_bound(e->body.n)) ||
        gzip_pack(*body, e->work, e->packed.p, e->packed.room, &size, &err) != ST_OK)
        return false;
    *body = (struct span){e->packed.p, size};
    return true;
}

/* ---- answers ---- */

/* A 400 of one row blames the row, unless it is one of these. */
static const struct {
    const char *type;   /* how the type begins */
    const char *reason; /* how the reason begins */
    const char *mend;
} not_the_row[] = {
    {"illegal_argument_exception",   "pipeline with id",          "make the pipeline, or set another"      },
    {"illegal_argument_exception",   "no write index is defined", "give the alias a write index"           },
    {"validation_exception",         "",                          "the cluster has no room for more shards"},
    {"invalid_index_name_exception", "",                          "set another index"                      },
    {"index_closed_exception",       "",                          "open the index"                         },
    {"index_not_found_exception",    "",                          "make the index, or allow it to be made" },
    {"cluster_block_exception",      "",                          "lift the block (a full disk sets one)"  },
    {"security_exception",           "",                          "the credential does not allow it"       },
};

static bool
begins(const char *text, const char *head)
{
    return strncmp(text, head, strlen(head)) == 0;
}

/* One row's answer. */
static void
item_answer(const struct elastic *e, const json_t *item, struct receiver_answer *answer)
{
    const json_t *result = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)item));
    long long status = json_integer_value(json_object_get(result, "status"));
    const json_t *error = json_object_get(result, "error");
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *reason = json_string_value(json_object_get(error, "reason"));
    enum receiver_meaning meaning = RECEIVER_PERSON;
    char what[180], cut[160];
    const char *mend = "";

    type = type == NULL ? "" : type;
    reason = reason == NULL ? "" : reason;
    *answer = (struct receiver_answer){RECEIVER_DONE, -1, {""}};
    if ((status >= 200 && status < 300) || status == 409)
        return;
    if (status == 429 || status == 408 || status >= 500)
        meaning = RECEIVER_BUSY;
    else if (status == 400 || status == 413)
        meaning = RECEIVER_REFUSED;
    for (size_t i = 0; i < COUNT_OF(not_the_row) && meaning != RECEIVER_BUSY; i++)
        if (begins(type, not_the_row[i].type) && begins(reason, not_the_row[i].reason)) {
            meaning = RECEIVER_PERSON;
            mend = not_the_row[i].mend;
        }
    /* The preview of the field's value is the row's, and not for a log. */
    const char *preview = strstr(reason, ". Preview of field");
    struct span shown = {reason, preview == NULL ? strlen(reason) : (size_t)(preview - reason)};

    receiver_clean(span_of(type), what, 64);
    receiver_clean(shown, cut, sizeof cut);
    answer->meaning = meaning;
    (void)err_set(&answer->err, ST_IO, "%s answered %lld %s: %s%s%s", e->r.place, status, what, cut,
                  mend[0] != '\0' ? ": " : "", mend);
}

/* The request was taken: each row's own answer. *answer becomes what is to be waited for most. */
static void
items_take(struct elastic *e, struct parcel *parcels, size_t from, size_t to,
           const struct http_exchange *x, struct receiver_answer *answer)
{
    json_t *tree = json_loadb(x->response.p, x->response.n, 0, NULL);
    const json_t *items = json_object_get(tree, "items");
    size_t person = to; /* the first row that waits for one */

    if (!json_is_array(items) || json_array_size(items) != to - from) {
        json_decref(tree);
        receiver_means(&e->r, answer, RECEIVER_PERSON,
                       "answered %u, but not with the results of %zu rows: is it Elasticsearch or "
                       "OpenSearch?",
                       x->status, to - from);
        for (size_t i = from; i < to; i++)
            receiver_tell(answer, &parcels[i]);
        return;
    }
    for (size_t i = from; i < to; i++) {
        struct receiver_answer one;

        item_answer(e, json_array_get(items, i - from), &one);
        receiver_tell(&one, &parcels[i]);
        if (one.meaning == RECEIVER_PERSON && person == to)
            person = i;
        if (one.meaning == RECEIVER_BUSY && answer->meaning == RECEIVER_DONE)
            *answer = one;
    }
    json_decref(tree);
    if (person < to) {
        receiver_means(&e->r, answer, RECEIVER_PERSON, "%s",
                       parcels[person].err.text + strlen(e->r.place) + 1);
        receiver_tell(answer, &parcels[person]); /* now with its wait */
    }
}

/* Sends parcels [from, to) in one request; in halves when it is refused as a whole. */
static void
range_send(struct elastic *e, struct parcel *parcels, size_t from, size_t to,
           struct receiver_answer *answer)
{
    const char *extra[RECEIVER_EXTRA_MAX] = {"Content-Type: application/x-ndjson",
                                             e->is_packed ? "Content-Encoding: gzip" : NULL};
    struct http_exchange x;
    struct span body;

    if (!body_write(e, parcels, from, to, &body)) {
        *answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"elastic: no memory"}};
        return;
    }
    receiver_post(&e->r, e->url, extra, &body, 1, &x, answer);
    if (answer->meaning == RECEIVER_DONE) {
        items_take(e, parcels, from, to, &x, answer);
        return;
    }
    if (answer->meaning == RECEIVER_REFUSED && to - from > 1) {
        size_t middle = from + (to - from) / 2;

        *answer = (struct receiver_answer){.meaning = RECEIVER_DONE};
        range_send(e, parcels, from, middle, answer);
        if (answer->meaning == RECEIVER_DONE || answer->meaning == RECEIVER_REFUSED)
            range_send(e, parcels, middle, to, answer);
        return;
    }
    for (size_t i = from; i < to; i++)
        receiver_tell(answer, &parcels[i]);
}

static size_t
range_end(const struct elastic *e, const struct parcel *parcels, size_t from, size_t count)
{
    enum { FRAME = 400 }; /* at most about what is written around a row */
    size_t to = from + 1, bytes = parcels[from].body.n + FRAME;

    while (to < count && to - from < e->rows_max &&
           bytes + parcels[to].body.n + FRAME <= e->bytes_max)
        bytes += parcels[to++].body.n + FRAME;
    return to;
}

static void
elastic_send(void *state, struct parcel *parcels, size_t count)
{
    struct elastic *e = state;
    struct receiver_answer answer = {.meaning = RECEIVER_DONE};
    int64_t until_ms = clock_monotonic_ms() + RECEIVER_SEND_MS_MAX;
    size_t from = 0;

    for (size_t i = 0; i < count; i++)
        parcel_retry(&parcels[i], -1, "%s", "");
    while (from < count && answer.meaning != RECEIVER_BUSY && answer.meaning != RECEIVER_PERSON) {
        if (from > 0 && clock_monotonic_ms() >= until_ms)
            break;
        size_t to = range_end(e, parcels, from, count);

        answer = (struct receiver_answer){.meaning = RECEIVER_DONE, .retry_after_ms = -1};
        if (receiver_is_stopping(&e->r))
            answer = (struct receiver_answer){RECEIVER_BUSY, -1, {"stopping"}};
        else
            range_send(e, parcels, from, to, &answer);
        from = to;
    }
    for (size_t i = 0; i < count; i++)
        if (parcels[i].sent == SENT_RETRY && parcels[i].err.text[0] == '\0')
            parcel_retry(&parcels[i], answer.retry_after_ms, "%s", answer.err.text);
}

/* ---- open and close ---- */

static void
elastic_close(void *state)
{
    struct elastic *e = state;

    receiver_close(&e->r);
    free(e->index);
    buffer_wipe(&e->body);
    buffer_wipe(&e->packed);
    buffer_wipe(&e->name);
    free(e->work);
    free(e);
}

static enum status
elastic_make(const struct sink_value *values, size_t count, struct elastic **out, struct err *err)
{
    struct elastic *e = calloc(1, sizeof *e);
    enum status st = e == NULL ? err_set(err, ST_FULL, "elastic: no memory")
                               : elastic_read(e, values, count, err);

    if (st != ST_OK && e != NULL)
        elastic_close(e);
    *out = e;
    return st;
}

static enum status
elastic_check(const struct sink_value *values, size_t count, struct err *err)
{
    struct elastic *e;
    enum status st = elastic_make(values, count, &e, err);

    if (st == ST_OK)
        elastic_close(e);
    return st;
}

static enum status
elastic_open(const struct sink_value *values, size_t count, const atomic_bool *stop, void **state,
             struct err *err)
{
    enum status st = sink_check(&sink_elastic, values, count, err);
    struct elastic *e;

    if (st == ST_OK)
        st = elastic_make(values, count, &e, err);
    if (st != ST_OK)
        return st;
    if (e->is_packed && (e->work = malloc(GZIP_WORK_SIZE)) == NULL)
        st = err_set(err, ST_FULL, "elastic: no memory");
    if (st == ST_OK)
        st = receiver_open(&e->r, RESPONSE_MAX, false, stop, err);
    if (st != ST_OK) {
        elastic_close(e);
        return st;
    }
    *state = e;
    return ST_OK;
}

const struct sink_kind sink_elastic = {
    .name = "elastic",
    .help = "Elasticsearch or OpenSearch by _bulk: data streams or indices, each row under its "
            "identity.",
    .guarantee =
        "exactly once, until a data stream rolls over to its next index: each row is created "
        "under its identity",
    .framing = FRAME_ROW,
    .is_lasting_at_once = true,
    .body_max = ROW_MAX,
    .batch_bytes = RECEIVER_BODY_MAX,
    .batch_rows = 10000,
    .linger_ms = 1000,
    .settings = elastic_settings,
    .check = elastic_check,
    .open = elastic_open,
    .send = elastic_send,
    .close = elastic_close,
};
