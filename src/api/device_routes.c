/* device_routes.c - device groups in the shape of streaming-api.md section 5.3, and the devices
 * that are known. */
#include "api/call.h"
#include "control/store.h"
#include "source/device_groups_json.h"
#include "source/devices.h"
#include <stdlib.h>

enum { PREVIEW_MAX = 10 /* devices shown: streaming-api.md section 5.2 */ };

/* ---- groups ---- */

/* Room for a parsed text; base NULL: no memory. The caller frees base. */
static struct arena
parse_room(size_t text_size)
{
    size_t size = (DEVICE_GROUPS_ARENA_SIZE(text_size) + 15) & ~(size_t)15;

    return (struct arena){aligned_alloc(16, size), size, 0};
}

struct named { /* a group's name and its place in the list */
    const char *name;
    size_t index;
};

static int
named_compare(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

struct tally {
    struct named *names; /* sorted */
    size_t count;
    size_t *counts; /* of each group of the list, the default group's behind */
};

static bool
tally_visit(void *app, const struct device_view *device)
{
    struct tally *t = app;
    struct named wanted = {device->group, 0};
    const struct named *found =
        bsearch(&wanted, t->names, t->count, sizeof *t->names, named_compare);

    t->counts[found == NULL ? t->count : found->index]++;
    return true;
}

/* The list with its counts as JSON text; NULL: no memory. */
static char *
groups_counted(const struct call *c, const struct device_group_list *list, size_t *size)
{
    struct tally t = {.names = calloc(list->count + 1, sizeof *t.names),
                      .count = list->count,
                      .counts = calloc(list->count + 1, sizeof *t.counts)};
    char *text = NULL;

    if (t.names != NULL && t.counts != NULL) {
        for (size_t i = 0; i < t.count; i++)
            t.names[i] = (struct named){list->groups[i].name, i};
        qsort(t.names, t.count, sizeof *t.names, named_compare);
        devices_visit(c->api->devices, c->tenant, tally_visit, &t);
        text = device_groups_print(list, t.counts, size);
    }
    free(t.names);
    free(t.counts);
    return text;
}

void
groups_answer_get(struct call *c, struct http_reply *reply)
{
    char *json = NULL, *text;
    struct device_group_list list;
    struct arena a;
    struct err err;
    enum status st = store_groups_get(c->control->store, c->tenant, &json, &err);
    size_t size;

    if (st == ST_END)
        json = strdup("[]"); /* none were ever set */
    else if (st != ST_OK) {
        call_reply_status(reply, st, "StoreFailed", &err);
        return;
    }
    a = parse_room(json == NULL ? 0 : strlen(json));
    if (json == NULL || a.base == NULL) {
        http_reply_error(reply, 503, "ServerBusy", "no memory for the device groups");
    } else if (device_groups_parse(span_of(json), &a, &list, &err) != ST_OK) {
        http_reply_error(reply, 500, "StoreFailed", "the stored device groups are damaged: %s",
                         err.text);
    } else {
        text = groups_counted(c, &list, &size);
        call_reply_taken(reply, 200, text, text == NULL ? 0 : size);
    }
    free(a.base);
    free(json);
}

/* Stores the parsed groups as our own text and makes the registry use them. */
static void
groups_store(struct call *c, const struct device_group_list *list, struct http_reply *reply)
{
    size_t size;
    char *text = device_groups_print(list, NULL, &size);
    struct err err;
    enum status st;

    if (text == NULL) {
        http_reply_error(reply, 503, "ServerBusy", "no memory for the device groups");
        return;
    }
    st = store_groups_set(c->control->store, c->tenant, (struct span){text, size}, call_now(c),
                          &err);
    free(text);
    if (st == ST_OK)
        st = c->api->groups_changed(c->api->app, c->tenant, &err);
    if (st != ST_OK)
        call_reply_status(reply, st, "InvalidDeviceGroups", &err);
    else
        groups_answer_get(c, reply);
}

void
groups_answer_put(struct call *c, struct http_reply *reply)
{
    struct device_group_list list;
    struct arena a = parse_room(c->body_size);
    struct span text = {c->body, c->body_size};
    struct err err;
    enum status st;

    if (a.base == NULL) {
        http_reply_error(reply, 503, "ServerBusy", "no memory for the device groups");
        return;
    }
    st = device_groups_parse(text, &a, &list, &err);
    if (st == ST_OK)
        st = device_groups_validate(text, &err);
    if (st != ST_OK)
        call_reply_status(reply, st, "InvalidDeviceGroups", &err);
    else
        groups_store(c, &list, reply);
    free(a.base);
}

/* ---- devices ---- */

static json_t *
tags_json(const char *tags)
{
    json_t *array = json_array();

    while (array != NULL && tags != NULL && *tags != '\0') {
        size_t size = strcspn(tags, "\n");
        char *tag = strndup(tags, size);

        if (size > 0)
            json_array_append_new(array, tag == NULL ? NULL : call_text(tag));
        free(tag);
        tags += size + (tags[size] == '\n');
    }
    return array;
}

static json_t *
device_json(const struct device_view *d)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "DeviceId", call_text(d->id),
                     "DeviceName", call_text(d->name), "Domain", call_text(d->domain), "OSPlatform",
                     call_text(d->os_platform), "Tags", tags_json(d->tags), "MachineGroup",
                     call_text(d->group), "LastSeen", call_time(d->seen));
}

struct page {
    json_t *array;
    const char *group; /* NULL: of any */
    uint64_t skip, limit;
    bool has_more, failed;
};

static bool
page_visit(void *app, const struct device_view *device)
{
    struct page *p = app;

    if (p->group != NULL && strcmp(p->group, device->group) != 0)
        return true;
    if (p->skip > 0) {
        p->skip--;
        return true;
    }
    p->has_more = json_array_size(p->array) >= p->limit;
    if (p->has_more)
        return false;
    p->failed = json_array_append_new(p->array, device_json(device)) != 0;
    return !p->failed;
}

void
devices_answer_list(struct call *c, struct http_reply *reply)
{
    struct page page = {.array = json_array(), .group = http_query(c->request, "group")};
    uint64_t skip;
    json_t *tree = NULL;

    if (!call_number(c, "skip", 0, INT64_MAX, &skip, reply) ||
        !call_number(c, "limit", 100, CALL_LIST_MAX, &page.limit, reply)) {
        json_decref(page.array);
        return;
    }
    page.skip = skip;
    if (page.limit == 0)
        page.limit = 1;
    devices_visit(c->api->devices, c->tenant, page_visit, &page);
    if (!page.failed)
        tree =
            json_pack("{s:I, s:O}", "count", (json_int_t)devices_count(c->api->devices, c->tenant),
                      "value", page.array);
    if (tree != NULL && page.has_more)
        json_object_set_new(tree, "skip", json_integer((json_int_t)(skip + page.limit)));
    json_decref(page.array);
    call_reply_json(reply, 200, tree);
}

/* The body is one group, or a list of which the first counts. */
void
groups_answer_preview(struct call *c, struct http_reply *reply)
{
    struct page page = {.array = json_array(), .limit = PREVIEW_MAX};
    size_t size = c->body_size + 3, matches = 0;
    char *text = malloc(size);
    struct arena a = parse_room(size);
    struct device_group_list list = {.count = 0};
    struct err err = {"say which group to preview"};
    enum status st = ST_INVALID;
    bool is_list = c->body[strspn(c->body, " \t\r\n")] == '[';

    if (text == NULL || a.base == NULL || page.array == NULL)
        st = err_set(&err, ST_FULL, "no memory for a preview");
    else {
        snprintf(text, size, is_list ? "%s" : "[%s]", c->body);
        if (memchr(c->body, '\0', c->body_size) != NULL)
            (void)err_set(&err, ST_INVALID, "the body holds a NUL byte");
        else
            st = device_groups_parse(span_of(text), &a, &list, &err);
        if (st == ST_OK && list.count == 0)
            st = err_set(&err, ST_INVALID, "say which group to preview");
        if (st == ST_OK)
            st = devices_preview(c->api->devices, c->tenant, &list.groups[0], &matches, page_visit,
                                 &page, &err);
    }
    if (st != ST_OK)
        call_reply_status(reply, st, "InvalidDeviceGroups", &err);
    else
        call_reply_json(
            reply, 200,
            json_pack("{s:I, s:O}", "MachineCount", (json_int_t)matches, "devices", page.array));
    free(text);
    free(a.base);
    json_decref(page.array);
}
