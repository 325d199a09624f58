/* posture_bulk_routes.c - POST .../Microsoft.Security/bulk: a body becomes lines of a bulk report piece by
 * piece as it is read from the socket; while a batch is on its way into the store, the socket is not read. */
#include "api/posture_bulk.h"
#include "api/posture_routes.h"
#include "wire/gunzip.h"
#include <stdlib.h>
#include <strings.h>

enum {
    GUNZIP_MEMORY = 128 << 10,
    BULK_BODY_GIB_MAX = 16, /* of one body, uncompressed */
};

struct bulk_call {
    struct bulk *bulk;
    struct gunzip gunzip;
    char *gunzip_memory; /* NULL: the body is plain */
    uint64_t size;       /* bytes of text so far */
    size_t seat;         /* of api->bulks */
    bool may_be_empty;
};

/* A seat for a report of the tenant; false: there is none. Two that come at the same moment may both get the
 * tenant's last one. */
static bool
seat_take(struct api *api, const char *tenant, size_t *seat)
{
    uint64_t whose = 14695981039346656037U;
    size_t own = 0;

    for (; *tenant != '\0'; tenant++)
        whose = (whose ^ (unsigned char)*tenant) * 1099511628211U;
    whose |= 1;
    for (size_t i = 0; i < API_BULKS_MAX; i++)
        own += atomic_load(&api->bulks[i]) == whose;
    for (size_t i = 0; i < API_BULKS_MAX && own < API_BULKS_TENANT_MAX; i++) {
        uint64_t nobody = 0;

        if (atomic_compare_exchange_strong(&api->bulks[i], &nobody, whose)) {
            *seat = i;
            return true;
        }
    }
    return false;
}

static void
refuse(struct http_reply *reply, enum status st, const struct err *err)
{
    if (st == ST_INVALID)
        arm_error(reply, 400, "InvalidReport", NULL, NULL, "%s", err->text);
    else
        arm_error_status(reply, st, err);
}

static void
on_group(void *app, struct span group)
{
    posture_group_seen(app, group);
}

/* The query's ?producer= and ?complete=, which may be there several times. False: answered. */
static bool
sections_read(struct arm_call *a, struct bulk *b, struct http_reply *reply)
{
    const char *producer = http_query(a->base.request, "producer");
    struct span name = span_of(producer == NULL ? "" : producer);
    struct err err;
    enum status st = ST_OK;

    if (producer != NULL)
        st = bulk_section(b, name, (struct span){"", 0}, &err);
    for (const char *at = a->base.request->query; *at != '\0' && st == ST_OK; at += *at == '&') {
        struct span part = {at, strcspn(at, "&")};
        static const char word[] = "complete=";
        char scope[ARM_ID_SIZE];
        size_t n = 0;

        at += part.n;
        if (part.n < sizeof word || strncasecmp(part.p, word, sizeof word - 1) != 0)
            continue;
        /* an id's slashes may be encoded here: decoded segment by segment, and joined again */
        for (size_t i = sizeof word - 1; i <= part.n && st == ST_OK;) {
            size_t end = i;

            while (end < part.n && part.p[end] != '/' &&
                   (end + 3 > part.n || strncasecmp(part.p + end, "%2f", 3) != 0))
                end++;
            struct span segment = {part.p + i, end - i};

            st = http_decode_segment(segment, scope + n, sizeof scope - n - 1, &err);
            if (st == ST_OK)
                n += strlen(scope + n);
            if (st == ST_OK && end < part.n)
                scope[n++] = '/';
            i = end + (end < part.n && part.p[end] == '%' ? 3 : 1);
        }
        if (st == ST_OK)
            st = bulk_section(b, name, (struct span){scope, n}, &err);
    }
    if (st != ST_OK)
        refuse(reply, st, &err);
    return st == ST_OK;
}

/* False: answered. */
static bool
encoding_open(struct arm_call *a, struct bulk_call *c, struct http_reply *reply)
{
    const char *encoding = http_header(a->base.request, "Content-Encoding");
    struct arena memory = {NULL, GUNZIP_MEMORY, 0};
    struct err err;

    if (encoding == NULL || encoding[0] == '\0' || strcasecmp(encoding, "identity") == 0)
        return true;
    if (strcasecmp(encoding, "gzip") != 0 && strcasecmp(encoding, "x-gzip") != 0) {
        arm_error(reply, 415, "UnsupportedMediaType", "Content-Encoding", NULL,
                  "Of content encodings only gzip and identity are taken.");
        call_header(reply, "Accept-Encoding", "gzip, identity");
        return false;
    }
    memory.base = c->gunzip_memory = aligned_alloc(64, GUNZIP_MEMORY);
    if (memory.base == NULL || gunzip_init(&c->gunzip, &memory, &err) != ST_OK) {
        arm_error_memory(reply);
        return false;
    }
    return true;
}

void
bulk_begin(struct arm_call *a, struct http_reply *reply)
{
    const char *empty = http_query(a->base.request, "allowEmpty");
    struct posture *p = posture_of(a, reply);
    struct bulk_call *c;
    size_t seat;

    if (p == NULL)
        return;
    if (!seat_take(a->base.api, a->base.tenant, &seat)) {
        arm_error(reply, 503, "ServiceUnavailable", NULL, NULL,
                  "%d bulk reports of the tenant are running, or %d of all; retry with the same "
                  "request.",
                  API_BULKS_TENANT_MAX, API_BULKS_MAX);
        return;
    }
    c = a->base.state = calloc(1, sizeof *c);
    struct bulk_options o = {
        .posture = p,
        .tenant = a->base.tenant,
        .actor = a->base.who.name,
        .subscription = a->subscription,
        .is_administrator =
            principal_may(&a->base.who, a->base.tenant, ROLE_SECURITY_ADMINISTRATOR),
        .group_seen = on_group,
        .app = a,
    };

    if (c != NULL) {
        c->seat = seat;
        c->bulk = bulk_make(&o);
    }
    if (c == NULL || c->bulk == NULL) {
        if (c == NULL)
            atomic_store(&a->base.api->bulks[seat], 0);
        arm_error_memory(reply);
        return;
    }
    c->may_be_empty = empty != NULL && strcasecmp(empty, "true") == 0;
    if (encoding_open(a, c, reply))
        (void)sections_read(a, c->bulk, reply);
}

/* Plain bytes, or what comes out of gzip; false: answered. */
static bool
text_take(struct bulk_call *c, size_t size, struct http_reply *reply)
{
    struct err err;
    enum status st;

    c->size += size;
    if (c->size > (uint64_t)BULK_BODY_GIB_MAX << 30) {
        arm_error(reply, 413, "RequestContentTooLarge", NULL, NULL,
                  "The body may have at most %d GiB here, uncompressed.", BULK_BODY_GIB_MAX);
        return false;
    }
    st = bulk_take(c->bulk, size, &err);
    if (st != ST_OK)
        refuse(reply, st, &err);
    return st == ST_OK;
}

static void
gzip_take(struct bulk_call *c, struct span bytes, bool is_last, struct http_reply *reply)
{
    struct err err;

    for (;;) {
        size_t room, size;
        char *to = bulk_room(c->bulk, &room);
        enum status st = gunzip_feed(&c->gunzip, &bytes, is_last, to, room, &size, &err);

        if (st == ST_INVALID) {
            arm_error(reply, 400, "InvalidContentEncoding", NULL, NULL, "%s", err.text);
            return;
        }
        if (!text_take(c, size, reply) || st == ST_END || (bytes.n == 0 && size < room))
            return;
    }
}

void
bulk_data(struct arm_call *a, struct span bytes, struct http_reply *reply)
{
    struct bulk_call *c = a->base.state;

    if (c->gunzip_memory != NULL) {
        gzip_take(c, bytes, false, reply);
        return;
    }
    while (bytes.n > 0) {
        size_t room;
        char *to = bulk_room(c->bulk, &room);
        size_t n = bytes.n < room ? bytes.n : room;

        memcpy(to, bytes.p, n);
        bytes = (struct span){bytes.p + n, bytes.n - n};
        if (!text_take(c, n, reply))
            return;
    }
}

static json_t *
faults_json(const struct bulk_result *r)
{
    json_t *faults = json_array();

    for (size_t i = 0; i < r->fault_count; i++) {
        const struct bulk_fault *f = &r->faults[i];
        json_t *fault =
            json_pack("{s:I, s:s, s:o, s:o}", "line", (json_int_t)f->line, "code", f->code,
                      "target", f->target[0] == '\0' ? json_null() : call_text(f->target),
                      "message", call_text(f->message.text));

        if (json_array_append_new(faults, fault) != 0) {
            json_decref(faults);
            return NULL;
        }
    }
    return faults;
}

void
bulk_answer(struct arm_call *a, struct http_reply *reply)
{
    struct bulk_call *c = a->base.state;
    const struct bulk_result *r = bulk_result(c->bulk);
    struct err err;
    enum status st;

    if (c->gunzip_memory != NULL)
        gzip_take(c, (struct span){"", 0}, true, reply);
    if (reply->status != 0)
        return;
    st = bulk_end(c->bulk, c->may_be_empty, &err);
    if (st != ST_OK) {
        refuse(reply, st, &err);
        return;
    }
    json_t *tree = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "received",
                             (json_int_t)r->received, "created", (json_int_t)r->created, "changed",
                             (json_int_t)r->changed, "unchanged", (json_int_t)r->unchanged,
                             "deleted", (json_int_t)r->deleted, "absent", (json_int_t)r->absent,
                             "refused", (json_int_t)r->refused, "withdrawn",
                             r->is_complete ? json_integer((json_int_t)r->withdrawn) : json_null(),
                             "faults", faults_json(r));

    arm_reply(reply, 200, tree);
}

void
bulk_gone(struct arm_call *a)
{
    struct bulk_call *c = a->base.state;

    if (c == NULL)
        return;
    atomic_store(&a->base.api->bulks[c->seat], 0);
    bulk_free(c->bulk);
    free(c->gunzip_memory);
    free(c);
}
