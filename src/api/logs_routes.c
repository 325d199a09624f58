/* logs_routes.c - Logs Ingestion: POST /dataCollectionRules/{ruleId}/streams/{stream}. A body is one JSON array of rows; it is
 * taken whole (it is small: clients cut theirs at 1 MB), so that a request is named by its bytes and all of it is known to be
 * well-formed before anything is admitted. Each row goes through the stream's data flows and from there into one admission:
 * 204 says that all of it is durable, anything else that none of it is kept. */
#include "api/call.h"
#include "base/counter.h"
#include "control/collection_rules.h"
#include "control/config.h"
#include "source/admit.h"
#include "wire/digest.h"
#include "wire/gunzip.h"
#include <stdlib.h>
#include <strings.h>

enum {
    LOGS_BODY_MAX =
        (4 << 20) + (64 << 10), /* inflated; a record of limits.record at its largest fits */
    LOGS_BODY_FIRST = 64 << 10,
    LOGS_CHUNK = 64 << 10, /* bytes of records that are handed on at once */
    SCANNER_ROOM = 192 << 10,
    GUNZIP_ROOM = 128 << 10,
    /* what a request takes besides its body: the above, and its flows' memory, about */
    LOGS_FIXED = SCANNER_ROOM + GUNZIP_ROOM + LOGS_CHUNK + (256 << 10),
};

struct counter logs_rows = {
    .name = "penstock_collected_rows_total",
    .help =
        "Rows of Logs Ingestion requests by what their data flows made of them: records that are "
        "durable (taken), nothing (dropped), or what a query that needed too much left of them "
        "(exhausted; counted beside).",
    .kind = COUNTER_TOTAL,
    .labels = {"result"}};

static const char *const versions[] = {"2023-01-01", "2021-11-01-preview"};

struct upload {
    char owner[40];
    struct collection *rule;
    const struct collection_stream *stream;
    struct span batch_id;
    char *body; /* 'room' bytes and SCAN_PADDING */
    size_t size, room, held;
    char *memory; /* of gunzip; NULL: the body is plain */
    struct gunzip gunzip;
};

static size_t
body_max(const struct call *c)
{
    uint64_t most = c->control->config->limits.body_size_max;

    return most == 0 || most > LOGS_BODY_MAX ? LOGS_BODY_MAX : (size_t)most;
}

static void
refuse_size(const struct call *c, struct http_reply *reply)
{
    http_reply_error(reply, 413, "ContentLengthLimitExceeded",
                     "Maximum allowed content length: %zu bytes, uncompressed.", body_max(c));
}

static void
refuse_memory(struct http_reply *reply)
{
    http_reply_error(reply, 503, "ServerBusy", "no memory for the body now");
}

/* ---- the body ---- */

/* Room for at least 'more' further bytes of body. False: answered. */
static bool
body_grow(struct call *c, size_t more, struct http_reply *reply)
{
    struct upload *u = c->state;
    size_t room = u->room == 0 ? LOGS_BODY_FIRST : u->room, most = body_max(c);
    char *body;

    while (room - u->size < more && room < most)
        room *= 2;
    if (room > most)
        room = most;
    if (room - u->size < more) {
        refuse_size(c, reply);
        return false;
    }
    if (room == u->room)
        return true;
    if (!admit_hold(c->api->admitter, room - u->room)) {
        refuse_memory(reply);
        return false;
    }
    u->held += room - u->room;
    body = realloc(u->body, room + SCAN_PADDING);
    if (body == NULL) {
        refuse_memory(reply);
        return false;
    }
    u->body = body;
    u->room = room;
    return true;
}

static void
inflate(struct call *c, struct span bytes, bool is_last, struct http_reply *reply)
{
    struct upload *u = c->state;
    struct err err;

    for (;;) {
        size_t room, made = 0;
        enum status st;
        char beyond;

        /* At the limit one byte more tells whether there is any. */
        if (u->size == u->room && u->room < body_max(c) && !body_grow(c, 1, reply))
            return;
        room = u->room - u->size;
        st = gunzip_feed(&u->gunzip, &bytes, is_last, room > 0 ? u->body + u->size : &beyond,
                         room > 0 ? room : 1, &made, &err);
        if (st == ST_INVALID) {
            http_reply_error(reply, 400, "InvalidPayload", "The body is not whole gzip: %s",
                             err.text);
            return;
        }
        if (room == 0 && made > 0) {
            refuse_size(c, reply);
            return;
        }
        u->size += made;
        if (st == ST_END || (bytes.n == 0 && made < (room > 0 ? room : 1)))
            return;
    }
}

void
logs_data(struct call *c, struct span bytes, struct http_reply *reply)
{
    struct upload *u = c->state;

    if (u->memory != NULL) {
        inflate(c, bytes, false, reply);
    } else if (body_grow(c, bytes.n, reply)) {
        memcpy(u->body + u->size, bytes.p, bytes.n);
        u->size += bytes.n;
    }
}

/* ---- the beginning ---- */

static bool
version_check(const struct call *c, struct http_reply *reply)
{
    const char *version = http_query(c->request, "api-version");

    for (size_t i = 0; version != NULL && i < COUNT_OF(versions); i++)
        if (strcasecmp(version, versions[i]) == 0)
            return true;
    if (version == NULL)
        http_reply_error(reply, 400, "MissingApiVersionParameter",
                         "The query parameter api-version is missing; %s is one.", versions[0]);
    else
        http_reply_error(reply, 400, "UnsupportedApiVersion",
                         "The api-version is not known here: %s or %s.", versions[0], versions[1]);
    return false;
}

/* False: answered. */
static bool
stream_find(struct call *c, struct upload *u, struct http_reply *reply)
{
    const char *rule = c->arguments[0], *stream = c->arguments[1];
    struct err err = {""};

    switch (collections_find(c->api->collections, c->control, c->tenant, rule, stream, u->owner,
                             &u->rule, &u->stream, &err)) {
    case COLLECTION_FOUND:
        return true;
    case COLLECTION_NO_TENANT:
        if (!call_tenant_choose(c, NULL, false, reply))
            return false;
        return stream_find(c, u, reply);
    case COLLECTION_NO_RULE:
        http_reply_error(reply, 404, "NotFound",
                         "Data collection rule with immutable Id '%.60s' not found.", rule);
        return false;
    case COLLECTION_NO_STREAM:
        http_reply_error(reply, 404, "StreamNotFound", "%s", err.text);
        return false;
    case COLLECTION_BROKEN:
        break;
    }
    http_reply_error(reply, 503, "RuleNotUsable", "%s", err.text);
    return false;
}

static bool
gunzip_open(struct upload *u, struct http_reply *reply)
{
    struct arena a = {NULL, GUNZIP_ROOM, 0};
    struct err err;

    a.base = u->memory = aligned_alloc(64, GUNZIP_ROOM);
    if (u->memory != NULL && gunzip_init(&u->gunzip, &a, &err) == ST_OK)
        return true;
    refuse_memory(reply);
    return false;
}

void
logs_begin(struct call *c, struct http_reply *reply)
{
    const char *length = http_header(c->request, "Content-Length");
    unsigned long long size = length == NULL ? 0 : strtoull(length, NULL, 10);
    bool is_gzip = call_is_gzip(c, reply);
    struct span id;
    struct upload *u;

    if (reply->status == 0)
        id = call_batch_id(c, reply);
    if (reply->status != 0 || !version_check(c, reply))
        return;
    if (!is_gzip && size > body_max(c)) {
        refuse_size(c, reply);
        return;
    }
    u = c->state = calloc(1, sizeof *u);
    if (u == NULL) {
        refuse_memory(reply);
        return;
    }
    u->batch_id = id;
    if (!stream_find(c, u, reply))
        return;
    if (!admit_hold(c->api->admitter, LOGS_FIXED)) {
        refuse_memory(reply);
        return;
    }
    u->held = LOGS_FIXED;
    if (is_gzip && !gunzip_open(u, reply))
        return;
    /* Enough at once, as far as it can be told: whoever holds half a body does not wait for more. */
    size = is_gzip && size < LOGS_BODY_MAX ? 8 * size : size;
    (void)body_grow(c, size < body_max(c) ? (size_t)size : body_max(c), reply);
}

void
logs_gone(struct call *c)
{
    struct upload *u = c->state;

    if (u == NULL)
        return;
    if (u->held > 0)
        admit_release(c->api->admitter, u->held);
    collection_release(u->rule);
    free(u->body);
    free(u->memory);
    free(u);
}

/* ---- rows ---- */

struct feeding {
    struct call *c;
    struct upload *u;
    struct http_reply *reply;
    struct scanner scanner;
    char *memory; /* of the scanner, then of the chunk */
    struct collect_run **runs;
    struct admission *admission; /* NULL: no row was left so far */
    char *chunk;
    size_t chunk_size;
    uint64_t dropped;
    int64_t now;
};

static void
refuse_row(struct feeding *f, const struct scan_fault *fault)
{
    unsigned long long row = f->scanner.record_count + 1;
    bool is_large = fault->code == FAULT_SIZE;

    http_reply_error(f->reply, is_large ? 413 : 400,
                     is_large ? "ContentLengthLimitExceeded" : "InvalidPayload",
                     "Row %llu, byte %zu%s%s: %s", row, fault->at,
                     fault->column[0] == '\0' ? "" : ", column ", fault->column, fault->text);
}

/* All is durable that is to be. */
static void
reply_done(struct feeding *f, uint64_t taken)
{
    uint64_t exhausted = 0;

    for (size_t i = 0; i < f->u->stream->flow_count; i++)
        exhausted += collect_exhausted(f->runs[i]);
    counter_add(counter_at(&logs_rows, "taken"), (int64_t)taken);
    counter_add(counter_at(&logs_rows, "dropped"), (int64_t)f->dropped);
    counter_add(counter_at(&logs_rows, "exhausted"), (int64_t)exhausted);
    f->reply->status = 204;
}

static void
reply_result(struct feeding *f, const struct admit_result *result)
{
    switch (result->outcome) {
    case ADMIT_DURABLE:
        reply_done(f, result->accepted);
        return;
    case ADMIT_DUPLICATE:
        f->reply->status = 204;
        return;
    case ADMIT_FAULTY:
        http_reply_error(f->reply, 400, "InvalidPayload", "After the data flows: %s",
                         result->err.text);
        return;
    case ADMIT_LATER:
        http_reply_error(f->reply, 503, "ServerBusy", "%s", result->err.text);
        return;
    case ADMIT_UNKNOWN_TABLE:
        http_reply_error(f->reply, 404, "TableNotFound", "%s", result->err.text);
        return;
    case ADMIT_TOO_LARGE:
        refuse_size(f->c, f->reply);
        return;
    case ADMIT_FAILED:
        break;
    }
    http_reply_error(f->reply, 500, "StorageFailed", "%s", result->err.text);
}

/* Ends the admission and answers with what became of it. */
static void
finish(struct feeding *f)
{
    struct admit_result result;

    admit_end(f->admission, &result);
    f->admission = NULL;
    reply_result(f, &result);
}

enum { BATCH_NAME_SIZE = 512 };

/* The client's id of the request, where it goes and its bytes: sent again, it counts once; an id used for something else does not
 * make that a repetition. */
static bool
batch_name(const struct feeding *f, char out[BATCH_NAME_SIZE])
{
    unsigned char hash[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    if (!digest_sha256((struct span){f->u->body, f->u->size}, hash))
        return false;
    digest_hex(hash, sizeof hash, hex);
    snprintf(out, CALL_BATCH_ID_MAX + 80, "%s/%.*s", hex, (int)f->u->batch_id.n, f->u->batch_id.p);
    return true;
}

/* False: answered. */
static bool
admission_open(struct feeding *f)
{
    const struct collection_stream *stream = f->u->stream;
    char id[BATCH_NAME_SIZE] = "";
    struct err err = {""};
    struct admit_request request = {
        .shape = stream->flow_count == 1 ? ADMIT_ROWS : ADMIT_ENVELOPES,
        .tenant = f->u->owner,
        .table = span_of(stream->flow_count == 1 ? collect_table(stream->flows[0]) : ""),
    };

    if (f->u->batch_id.n > 0 && batch_name(f, id))
        request.batch_id = span_of(id);
    switch (admit_begin(f->c->api->admitter, &request, &f->admission, &err)) {
    case ST_OK:
        return true;
    case ST_INVALID:
        http_reply_error(f->reply, 404, "TableNotFound", "%s", err.text);
        return false;
    default:
        http_reply_error(f->reply, 503, "ServerBusy", "%s", err.text);
        return false;
    }
}

/* False: answered. */
static bool
flush(struct feeding *f)
{
    struct span bytes = {f->chunk, f->chunk_size};

    f->chunk_size = 0;
    if (bytes.n == 0 || admit_data(f->admission, bytes) == ST_OK)
        return true;
    finish(f);
    return false;
}

static bool
put(struct feeding *f, struct span text)
{
    if (f->chunk_size + text.n > LOGS_CHUNK && !flush(f))
        return false;
    if (text.n > LOGS_CHUNK) {
        if (admit_data(f->admission, text) == ST_OK)
            return true;
        finish(f);
        return false;
    }
    memcpy(f->chunk + f->chunk_size, text.p, text.n);
    f->chunk_size += text.n;
    return true;
}

/* One record of one flow. False: answered. */
static bool
record_put(struct feeding *f, size_t flow, struct span record)
{
    char head[200];
    int n;

    if (f->admission == NULL && !admission_open(f))
        return false;
    if (f->u->stream->flow_count == 1)
        return put(f, record) && put(f, SPAN_LITERAL("\n"));
    n = snprintf(head, sizeof head,
                 "{\"tenantId\":\"%s\",\"category\":\"%s\",\"properties\":", f->u->owner,
                 collect_category(f->u->stream->flows[flow]));
    return put(f, (struct span){head, (size_t)n}) && put(f, record) && put(f, SPAN_LITERAL("}\n"));
}

/* False: answered. */
static bool
row_take(struct feeding *f, const char *text, const struct scan_record *scanned)
{
    struct span row = {text + scanned->at, scanned->size}, record;
    struct err err = {""};

    for (size_t i = 0; i < f->u->stream->flow_count; i++) {
        enum status st = collect_row(f->runs[i], row, scanned->values, scanned->value_count, f->now,
                                     &record, &err);

        if (st == ST_END) {
            f->dropped++;
            continue;
        }
        if (st != ST_OK) {
            http_reply_error(f->reply, 503, "ServerBusy", "%s", err.text);
            return false;
        }
        if (!record_put(f, i, record))
            return false;
    }
    return true;
}

static void
rows_take(struct feeding *f, const char *text, size_t size)
{
    struct scan_record record;
    struct scan_fault fault;

    for (;;) {
        switch (scan_next(&f->scanner, text, size, true, &record, &fault)) {
        case SCAN_RECORD:
            if (!row_take(f, text, &record))
                return;
            break;
        case SCAN_END:
            if (f->admission == NULL) /* nothing came, or nothing was left of it */
                reply_done(f, 0);
            else if (flush(f))
                finish(f);
            return;
        default:
            refuse_row(f, &fault);
            return;
        }
    }
}

/* ---- the end ---- */

static bool
feeding_open(struct feeding *f)
{
    const struct config *config = f->c->control->config;
    const struct scan_limits limits = {config->limits.record_size_max, config->limits.depth_max,
                                       config->limits.columns_max};
    const struct collection_stream *stream = f->u->stream;
    struct arena a = {NULL, SCANNER_ROOM, 0};
    struct err err;

    a.base = f->memory = aligned_alloc(64, SCANNER_ROOM + LOGS_CHUNK);
    f->runs = calloc(stream->flow_count, sizeof(struct collect_run *));
    if (f->memory == NULL || f->runs == NULL)
        return false;
    f->chunk = f->memory + SCANNER_ROOM;
    for (size_t i = 0; i < stream->flow_count; i++)
        if (collect_run_make(stream->flows[i], &f->runs[i], &err) != ST_OK)
            return false;
    return scanner_init(&f->scanner, &a, SCAN_ROWS, &limits, &err) == ST_OK;
}

static void
feeding_close(struct feeding *f)
{
    if (f->admission != NULL)
        admit_abort(f->admission);
    for (size_t i = 0; f->runs != NULL && i < f->u->stream->flow_count; i++)
        collect_run_free(f->runs[i]);
    free(f->runs);
    free(f->memory);
}

void
logs_answer(struct call *c, struct http_reply *reply)
{
    struct upload *u = c->state;
    struct feeding f = {.c = c, .u = u, .reply = reply, .now = call_now(c)};
    size_t at = 0;

    if (u->memory != NULL)
        inflate(c, (struct span){"", 0}, true, reply);
    if (reply->status != 0)
        return;
    if (u->size >= 3 && memcmp(u->body, "\xef\xbb\xbf", 3) == 0)
        at = 3;
    while (at < u->size && strchr(" \t\r\n", u->body[at]) != NULL && u->body[at] != '\0')
        at++;
    if (at == u->size || u->body[at] != '[') {
        http_reply_error(reply, 400, "InvalidPayload",
                         "The body is %s: it must be a JSON array of rows.",
                         at == u->size ? "empty" : "no array");
        return;
    }
    memset(u->body + u->size, 0, SCAN_PADDING);
    if (feeding_open(&f))
        rows_take(&f, u->body + at, u->size - at);
    else
        refuse_memory(reply);
    feeding_close(&f);
}
