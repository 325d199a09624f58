/* hub_routes.c - the local event hub over HTTP: long poll from a cursor, and the cursors of
 * consumer groups.
 *
 * Reading moves nothing: a consumer commits when it is done with what it read, so that whatever was
 * read by one that died is read again. A cursor is "POSITION.ROW" of the journal. */
#include "api/call.h"
#include "control/store.h"
#include "deliver/deliver.h"
#include "journal/journal.h"
#include "model/datetime.h"
#include <stdlib.h>

enum {
    NAME_MAX_SIZE = 256, /* bytes of a hub's or consumer group's name */
    WAIT_S_MAX = 60,
    WAIT_S = 30,
    BYTES_MAX = 8 << 20,
    BYTES = 1 << 20,
};

struct cursor {
    uint64_t position;
    uint32_t row;
};

static bool
name_is_fine(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size <= NAME_MAX_SIZE &&
           name[strspn(
               name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-$")] == '\0';
}

/* Hub and consumer group of the request. False: answered. */
static bool
names_read(const struct call *c, const char **group, struct http_reply *reply)
{
    *group = http_query(c->request, "consumerGroup");
    if (*group == NULL)
        *group = "$Default";
    if (!name_is_fine(c->arguments[0]))
        http_reply_error(reply, 404, "HubNotFound", "there is no such event hub");
    else if (!name_is_fine(*group))
        http_reply_error(reply, 400, "InvalidParameter",
                         "a consumer group has up to %d letters, digits and . _ - $",
                         NAME_MAX_SIZE);
    return reply->status == 0;
}

static bool
cursor_parse(const char *text, struct cursor *cursor)
{
    char *end;

    if (text[0] < '0' || text[0] > '9' || strlen(text) > 32)
        return false;
    cursor->position = strtoull(text, &end, 10);
    cursor->row = 0;
    if (*end == '\0')
        return true;
    if (*end != '.' || end[1] < '0' || end[1] > '9')
        return false;
    cursor->row = (uint32_t)strtoul(end + 1, &end, 10);
    return *end == '\0';
}

/* Where to read from: ?from=, else the group's cursor, else the oldest. False: answered. */
static bool
cursor_read(const struct call *c, const char *group, struct cursor *cursor,
            struct http_reply *reply)
{
    const char *from = http_query(c->request, "from");
    int64_t ticks;
    struct err err;
    enum status st = ST_OK;

    *cursor = (struct cursor){0, 0};
    if (from == NULL)
        st = store_cursor_get(c->control->store, c->tenant, c->arguments[0], group,
                              &cursor->position, &cursor->row, &err);
    else if (strcmp(from, "latest") == 0)
        cursor->position = journal_extent(c->api->journal).end;
    else if (strcmp(from, "earliest") == 0 || cursor_parse(from, cursor))
        ;
    else if (datetime_read(span_of(from), &ticks))
        st = journal_find_time(c->api->journal, ticks, &cursor->position, &err);
    else
        http_reply_error(reply, 400, "InvalidParameter",
                         "from is a cursor, a time, 'earliest' or 'latest'");
    if (st != ST_OK && st != ST_END)
        call_reply_status(reply, st, "HubFailed", &err);
    return reply->status == 0;
}

static void
cursor_header(struct http_reply *reply, const struct cursor *cursor, uint64_t rows)
{
    char text[48];

    snprintf(text, sizeof text, "%llu.%u", (unsigned long long)cursor->position, cursor->row);
    call_header(reply, "x-penstock-cursor", text);
    snprintf(text, sizeof text, "%llu", (unsigned long long)rows);
    call_header(reply, "x-penstock-records", text);
}

void
hub_answer_messages(struct call *c, struct http_reply *reply)
{
    const char *group;
    struct cursor cursor;
    uint64_t wait_s, bytes, rows = 0;
    char *out = NULL;
    size_t size = 0;
    struct err err;
    enum status st;

    if (!names_read(c, &group, reply) || !cursor_read(c, group, &cursor, reply) ||
        !call_number(c, "maxWait", WAIT_S, WAIT_S_MAX, &wait_s, reply) ||
        !call_number(c, "maxBytes", BYTES, BYTES_MAX, &bytes, reply))
        return;
    st = deliver_hub_read(c->api->deliverer, c->tenant, c->arguments[0], &cursor.position,
                          &cursor.row, bytes == 0 ? 1 : bytes, (int)wait_s * 1000, &out, &size,
                          &rows, &err);
    if (st == ST_INVALID) {
        http_reply_error(reply, 404, "HubNotFound", "%s", err.text);
    } else if (st != ST_OK && st != ST_END) {
        call_reply_status(reply, st, "HubFailed", &err);
    } else if (out == NULL) {
        reply->status = 204;
        cursor_header(reply, &cursor, 0);
    } else {
        call_reply_taken(reply, 200, out, size);
        reply->content_type = "application/x-ndjson";
        cursor_header(reply, &cursor, rows);
    }
}

static json_t *
cursor_json(const struct store_cursor *cursor)
{
    char text[48];

    snprintf(text, sizeof text, "%llu.%u", (unsigned long long)cursor->position, cursor->row);
    return json_pack("{s:o, s:o, s:s, s:o}", "hub", call_text(cursor->hub), "consumerGroup",
                     call_text(cursor->group), "cursor", text, "modified",
                     call_time(cursor->modified));
}

void
hub_answer_cursor_get(struct call *c, struct http_reply *reply)
{
    struct store_cursor found = {.tenant = c->tenant, .hub = c->arguments[0]};
    struct err err;
    enum status st;

    if (!names_read(c, &found.group, reply))
        return;
    st = store_cursor_get(c->control->store, c->tenant, found.hub, found.group, &found.position,
                          &found.row, &err);
    if (st == ST_OK)
        call_reply_json(reply, 200, cursor_json(&found));
    else if (st == ST_END)
        http_reply_error(reply, 404, "CursorNotFound", "the consumer group has no cursor here");
    else
        call_reply_status(reply, st, "StoreFailed", &err);
}

/* A hub is what the plan's routes feed: a look without waiting says whether it is there. False:
 * answered. */
static bool
hub_is_there(const struct call *c, struct http_reply *reply)
{
    uint64_t position = journal_extent(c->api->journal).end, rows;
    uint32_t row = 0;
    char *out = NULL;
    size_t size;
    struct err err;
    enum status st = deliver_hub_read(c->api->deliverer, c->tenant, c->arguments[0], &position,
                                      &row, 1, 0, &out, &size, &rows, &err);

    free(out);
    if (st == ST_INVALID)
        http_reply_error(reply, 404, "HubNotFound", "%s", err.text);
    return reply->status == 0;
}

void
hub_answer_cursor_set(struct call *c, struct http_reply *reply)
{
    struct store_cursor set = {
        .tenant = c->tenant, .hub = c->arguments[0], .modified = call_now(c)};
    json_t *tree = NULL;
    const char *text;
    struct cursor cursor;
    struct err err;
    enum status st;

    if (!names_read(c, &set.group, reply) || !hub_is_there(c, reply))
        return;
    tree = json_loadb(c->body, c->body_size, JSON_REJECT_DUPLICATES, NULL);
    text = json_string_value(json_object_get(tree, "cursor"));
    if (text == NULL || !cursor_parse(text, &cursor)) {
        http_reply_error(reply, 400, "InvalidCursor",
                         "send {\"cursor\":\"...\"} with what x-penstock-cursor said");
    } else if (cursor.position > journal_extent(c->api->journal).end) {
        http_reply_error(reply, 400, "InvalidCursor", "the cursor is beyond what there is");
    } else {
        set.position = cursor.position;
        set.row = cursor.row;
        st = store_cursor_set(c->control->store, &set, &err);
        if (st == ST_OK)
            reply->status = 204;
        else
            call_reply_status(reply, st, "StoreFailed", &err);
    }
    json_decref(tree);
}

void
hub_answer_cursor_delete(struct call *c, struct http_reply *reply)
{
    const char *group;
    struct err err;
    enum status st;

    if (!names_read(c, &group, reply))
        return;
    st = store_cursor_delete(c->control->store, c->tenant, c->arguments[0], group, &err);
    if (st == ST_OK)
        reply->status = 204;
    else if (st == ST_END)
        http_reply_error(reply, 404, "CursorNotFound", "the consumer group has no cursor here");
    else
        call_reply_status(reply, st, "StoreFailed", &err);
}

struct cursors {
    json_t *array;
    bool failed;
};

static bool
cursors_visit(void *app, const struct store_cursor *cursor)
{
    struct cursors *all = app;

    all->failed = json_array_append_new(all->array, cursor_json(cursor)) != 0;
    return !all->failed;
}

void
hub_answer_cursors(struct call *c, struct http_reply *reply)
{
    struct cursors all = {.array = json_array()};
    struct err err;
    enum status st = store_cursors(c->control->store, c->tenant, cursors_visit, &all, &err);

    if (st != ST_OK && st != ST_END)
        call_reply_status(reply, st, "StoreFailed", &err);
    else
        call_reply_json(reply, 200, all.failed ? NULL : json_pack("{s:O}", "value", all.array));
    json_decref(all.array);
}
