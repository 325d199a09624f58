/* parked.c - what a destination refused, or ingestion could not take: listed, shown, sent again,
 * dropped. Entries of another owner or tenant are not there. */
#include "api/call.h"
#include "control/store.h"
#include "deliver/deliver.h"
#include "model/catalog.h"
#include "model/datetime.h"
#include <stdlib.h>

enum { RESEND_MS_MAX = 15000 };

static bool
is_of_ingest(const struct call *c)
{
    return strncmp(c->route->pattern, "/api/ingest/", 12) == 0;
}

/* Whose entries the route is about: ingestion's, or an export's. */
static const char *
owner_of(const struct call *c)
{
    return is_of_ingest(c) ? STORE_PARKED_INGEST : c->arguments[0];
}

static json_t *
row_json(const struct store_parked *row)
{
    char position[48];

    snprintf(position, sizeof position, "%llu.%u", (unsigned long long)row->position, row->row);
    return json_pack("{s:I, s:o, s:o, s:s, s:I, s:I, s:o, s:o}", "id", (json_int_t)row->id,
                     "tenantId", row->tenant[0] == '\0' ? json_null() : call_text(row->tenant),
                     "category", call_text(row->category), "position", position, "records",
                     (json_int_t)row->count, "bytes", (json_int_t)row->bytes_size, "reason",
                     call_text(row->reason), "time", call_time(row->time));
}

struct list {
    json_t *array;
    int64_t last;
    bool failed;
};

static bool
list_visit(void *app, const struct store_parked *row)
{
    struct list *list = app;

    list->last = row->id;
    list->failed = json_array_append_new(list->array, row_json(row)) != 0;
    return !list->failed;
}

void
parked_answer_list(struct call *c, struct http_reply *reply)
{
    struct list list = {.array = json_array()};
    struct store_parked_filter filter = {
        .tenant = c->tenant, .owner = owner_of(c), .category = http_query(c->request, "category")};
    uint64_t after, limit;
    struct err err;
    enum status st;
    json_t *tree;

    if (!call_number(c, "after", 0, INT64_MAX, &after, reply) ||
        !call_number(c, "limit", 100, CALL_LIST_MAX, &limit, reply))
        goto end;
    filter.after = (int64_t)after;
    filter.count_max = limit == 0 ? 1 : limit;
    st = store_parked_list(c->control->store, &filter, list_visit, &list, &err);
    if (st != ST_OK && st != ST_END) {
        call_reply_status(reply, st, "StoreFailed", &err);
        goto end;
    }
    tree = list.failed ? NULL : json_pack("{s:O}", "value", list.array);
    if (tree != NULL && json_array_size(list.array) == filter.count_max) /* there may be more */
        json_object_set_new(tree, "after", json_integer(list.last));
    call_reply_json(reply, 200, tree);

end:
    json_decref(list.array);
}

/* A copy of one entry: the store lends only for the visit. */
struct entry {
    const char *owner; /* wanted */
    bool is_found, failed;
    int64_t id, time;
    uint32_t count;
    char category[104];
    uint64_t position;
    uint32_t row;
    json_t *shown;
    char *bytes;
    size_t size;
};

static bool
entry_visit(void *app, const struct store_parked *row)
{
    struct entry *e = app;

    if (strcmp(row->owner, e->owner) != 0)
        return false;
    e->is_found = true;
    e->id = row->id;
    e->time = row->time;
    e->count = row->count;
    e->position = row->position;
    e->row = row->row;
    snprintf(e->category, sizeof e->category, "%s", row->category == NULL ? "" : row->category);
    e->shown = row_json(row);
    e->size = row->bytes.n;
    e->bytes = malloc(row->bytes.n + 1);
    if (e->bytes != NULL && row->bytes.n > 0)
        memcpy(e->bytes, row->bytes.p, row->bytes.n);
    e->failed = e->shown == NULL || e->bytes == NULL;
    return false;
}

static void
entry_free(struct entry *e)
{
    json_decref(e->shown);
    free(e->bytes);
}

struct owner_found {
    char tenant[40];
    int64_t id;
};

static bool
tenant_visit(void *app, const struct store_parked *row)
{
    struct owner_found *found = app;

    found->id = row->id;
    snprintf(found->tenant, sizeof found->tenant, "%s", row->tenant);
    return false;
}

/* Whose entry 'id' is, for a token of every tenant that names none. Records of requests without a
 * tenant have none ("") either. */
static enum status
tenant_find(struct call *c, int64_t id, struct err *err)
{
    struct store_parked_filter filter = {
        .owner = STORE_PARKED_INGEST, .after = id - 1, .count_max = 1};
    struct owner_found found = {.id = -1};
    enum status st;

    if (c->tenant != NULL)
        return ST_OK;
    st = store_parked_list(c->control->store, &filter, tenant_visit, &found, err);
    if (st == ST_OK && found.id != id)
        st = ST_END;
    if (st == ST_OK) {
        snprintf(c->tenant_text, sizeof c->tenant_text, "%s", found.tenant);
        c->tenant = c->tenant_text;
    }
    return st;
}

/* The entry that the path names; its tenant is the call's then. False: answered. */
static bool
entry_find(struct call *c, struct entry *e, struct http_reply *reply)
{
    const char *number = c->arguments[is_of_ingest(c) ? 0 : 1];
    struct err err;
    enum status st = ST_END;

    *e = (struct entry){.owner = owner_of(c)};
    if (number[0] != '\0' && strlen(number) < 19 && number[strspn(number, "0123456789")] == '\0')
        st = tenant_find(c, strtoll(number, NULL, 10), &err);
    if (st == ST_OK)
        st = store_parked_show(c->control->store, c->tenant, strtoll(number, NULL, 10), entry_visit,
                               e, &err);
    if (st != ST_OK && st != ST_END)
        call_reply_status(reply, st, "StoreFailed", &err);
    else if (!e->is_found)
        http_reply_error(reply, 404, "ParkedNotFound", "there is no parked entry of this number");
    else if (e->failed)
        http_reply_error(reply, 503, "ServerBusy", "no memory for the entry");
    else
        return true;
    entry_free(e);
    return false;
}

static json_t *
base64_json(const char *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc(4 * ((size + 2) / 3) + 1);
    size_t n = 0;
    json_t *string = NULL;

    for (size_t i = 0; text != NULL && i < size; i += 3) {
        uint32_t group = 0;

        for (size_t k = 0; k < 3; k++)
            group = group << 8 | (i + k < size ? (unsigned char)bytes[i + k] : 0U);
        for (size_t k = 0; k < 4; k++)
            text[n++] = i + k > size ? '=' : digits[group >> (18 - 6 * k) & 63];
    }
    if (text != NULL)
        string = json_stringn(text, n);
    free(text);
    return string;
}

void
parked_answer_show(struct call *c, struct http_reply *reply)
{
    struct entry e;
    json_t *content;

    if (!entry_find(c, &e, reply))
        return;
    content = json_stringn(e.bytes, e.size);
    if (content != NULL)
        json_object_set_new(e.shown, "content", content);
    else /* not UTF-8: that may be why it was parked */
        json_object_set_new(e.shown, "contentBase64", base64_json(e.bytes, e.size));
    call_reply_json(reply, 200, json_incref(e.shown));
    entry_free(&e);
}

/* The hour that the rows belong to: that of the first envelope's time, which stands near the front;
 * of rows without envelope that of their parking. */
static int64_t
hour_of(const struct entry *e)
{
    static const char key[] = "\"time\":\"";
    const char *at = memmem(e->bytes, e->size < 64 ? e->size : 64, key, sizeof key - 1);
    int64_t ticks = e->time;
    const char *end;

    if (at != NULL) {
        at += sizeof key - 1;
        end = memchr(at, '"', (size_t)(e->bytes + e->size - at));
        if (end == NULL || !datetime_read((struct span){at, (size_t)(end - at)}, &ticks))
            ticks = e->time;
    }
    return ticks - ticks % TICKS_PER_HOUR;
}

static enum status
drop(struct call *c, int64_t id, uint64_t *dropped, struct err *err)
{
    struct store_parked_filter filter = {.tenant = c->tenant, .owner = owner_of(c)};

    return store_parked_drop(c->control->store, id, &filter, dropped, err);
}

void
parked_answer_resend(struct call *c, struct http_reply *reply)
{
    char route[CALL_ARGUMENT_SIZE + 40];
    struct lane lane = {.hour = 0};
    struct entry e;
    struct span table;
    uint64_t dropped;
    struct err err;
    enum status st;

    if (!entry_find(c, &e, reply))
        return;
    table = catalog_category_table(c->control->catalog, span_of(e.category));
    snprintf(lane.tenant, sizeof lane.tenant, "%s", c->tenant);
    snprintf(lane.category, sizeof lane.category, "%s", e.category);
    snprintf(lane.table, sizeof lane.table, "%.*s", (int)table.n, table.p);
    lane.hour = hour_of(&e);
    snprintf(route, sizeof route, "%s/%s", c->tenant, c->arguments[0]);
    st = deliver_resend(c->api->deliverer, route, &lane, (struct span){e.bytes, e.size}, e.count,
                        e.position, e.row, RESEND_MS_MAX, &err);
    if (st == ST_OK)
        st = drop(c, e.id, &dropped, &err);
    if (st == ST_OK || st == ST_END)
        call_reply_json(reply, 200, json_pack("{s:I}", "resent", (json_int_t)e.count));
    else if (st == ST_INVALID)
        http_reply_error(reply, 409, "ResendRefused", "%s", err.text);
    else
        call_reply_status(reply, st, "ResendFailed", &err);
    entry_free(&e);
}

void
parked_answer_drop(struct call *c, struct http_reply *reply)
{
    struct entry e;
    uint64_t dropped;
    struct err err;
    enum status st;

    if (!entry_find(c, &e, reply))
        return;
    st = drop(c, e.id, &dropped, &err);
    entry_free(&e);
    if (st == ST_OK || st == ST_END)
        reply->status = 204;
    else
        call_reply_status(reply, st, "StoreFailed", &err);
}
