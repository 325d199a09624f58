/* event_row.c - an event as the row of its workspace table, and what becomes of one that is too long. */
#include "match/event_row_inner.h"
#include <stdlib.h>

enum {
    /* An event's text is in up to eight columns, each up to six times as long as it was and written
     * into a buffer that grew; no event needs as much (see try_largest in the test). */
    ROW_MEMORY_MAX = 256 * EVENT_SIZE_MAX,
    CUT_SIZE = 256, /* bytes to which text is cut at first */
};

static bool
is_there(const struct row *r, size_t i)
{
    return !r->columns[i].is_extra ||
           (r->context->has_extra_columns && r->columns[i].how != COLUMN_SHRUNK);
}

static size_t
row_size(const struct row *r)
{
    size_t size = 2;

    for (size_t i = 0; i < r->count; i++)
        if (r->cells[i].json.n > 0)
            size += strlen(r->columns[i].name) + 4 + r->cells[i].json.n;
    return size - 1;
}

/* As Azure Monitor counts: what the values say, without the standard columns. Always as many bytes, so
 * that the size of the row does not depend on it. */
static void
fill_size(struct row *r)
{
    static const char *const aside[] = {"_ResourceId", "_SubscriptionId", "_BilledSize",
                                        "_IsBillable", "Type"};
    uint64_t size = 0;
    size_t at = 0;

    for (size_t i = 0; i < r->count; i++) {
        bool counts = true;

        for (size_t j = 0; j < COUNT_OF(aside); j++)
            counts &= strcmp(r->columns[i].name, aside[j]) != 0;
        if (counts)
            size += r->cells[i].value_size;
        if (r->columns[i].how == COLUMN_SIZE)
            at = i;
    }
    r->cells[at] = cell_raw(pool_printf(&r->pool, "%llu.0", (unsigned long long)size));
}

static void
fill_marker(struct row *r)
{
    size_t room = 1, n = 0, at = r->count;
    char *names;

    for (size_t i = 0; i < r->count; i++) {
        if (r->is_shrunk[i])
            room += strlen(r->columns[i].name) + 1;
        if (r->columns[i].how == COLUMN_SHRUNK)
            at = i;
    }
    if (room == 1 || at == r->count)
        return;
    names = pool_take(&r->pool, room);
    for (size_t i = 0; i < r->count; i++)
        if (r->is_shrunk[i])
            n += (size_t)snprintf(names + n, room - n, "%s%s", n == 0 ? "" : ",",
                                  r->columns[i].name);
    r->cells[at] = cell_text(r, (struct span){names, n});
}

static bool
is_text(const struct row *r, size_t i)
{
    return r->cells[i].json.n > 0 && r->cells[i].json.p[0] == '"';
}

/* Bytes of the character or escape at 'at'; both halves of a pair of surrogates are one. */
static size_t
character_size(struct span json, size_t at)
{
    const char *p = json.p + at;
    unsigned char c = (unsigned char)*p;

    if (c != '\\')
        return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (p[1] != 'u')
        return 2;
    return (p[2] | 0x20) == 'd' && strchr("89aAbBx", p[3]) != NULL && p[6] == '\\' ? 12 : 6;
}

/* To at most 'most' bytes of JSON text, quotes included, between characters and escapes. */
static void
cut_text(struct row *r, size_t i, size_t most)
{
    struct span json = r->cells[i].json;
    size_t size = 1, last = 1;
    char *out;

    if (json.n <= most)
        return;
    while (size <= most - 1) {
        last = size;
        size += character_size(json, size);
    }
    out = pool_take(&r->pool, last + 1);
    memcpy(out, json.p, last);
    out[last] = '"';
    r->cells[i] = (struct cell){
        {out, last + 1},
        (uint32_t)(last - 1)
    };
    r->is_shrunk[i] = true;
}

static void
shrink_class(struct row *r, enum column_shrink which)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->columns[i].shrink != which || r->cells[i].json.n <= cell_null().json.n)
            continue;
        if (which == SHRINK_DESCRIPTION) {
            cut_text(r, i, CUT_SIZE);
        } else {
            r->cells[i] = cell_null();
            r->is_shrunk[i] = true;
        }
    }
}

/* The longest text there is, to half of it. False: all is short. */
static bool
shrink_longest(struct row *r)
{
    size_t longest = r->count;

    for (size_t i = 0; i < r->count; i++)
        if (is_text(r, i) && r->columns[i].how != COLUMN_SHRUNK &&
            r->cells[i].json.n > CUT_SIZE / 2 &&
            (longest == r->count || r->cells[i].json.n > r->cells[longest].json.n))
            longest = i;
    if (longest == r->count)
        return false;
    cut_text(r, longest, r->cells[longest].json.n / 2);
    return true;
}

static bool
shrink(struct row *r, size_t size_max)
{
    static const enum column_shrink order[] = {SHRINK_PROPERTIES, SHRINK_JSON, SHRINK_DESCRIPTION};
    bool is_shrunk = false;

    for (size_t i = 0; i < COUNT_OF(order) && row_size(r) > size_max; i++) {
        shrink_class(r, order[i]);
        fill_size(r);
        fill_marker(r);
        is_shrunk = true;
    }
    while (row_size(r) > size_max && shrink_longest(r)) {
        fill_size(r);
        fill_marker(r);
        is_shrunk = true;
    }
    return is_shrunk;
}

/* What no event of the source is without. */
static const char *
missing_part(const struct row *r)
{
    switch (event_source_rows[r->e->source].streaming) {
    case EVENT_ALERTS:
        return event_row_find(r, "SystemAlertId") == TREE_NONE ? "SystemAlertId" : NULL;
    case EVENT_ATTACK_PATHS:
        return event_row_find(r, "attackPath") == TREE_NONE ? "attackPath" : NULL;
    default:
        return event_row_find(r, "id") == TREE_NONE           ? "id"
               : event_row_find(r, "properties") == TREE_NONE ? "properties"
                                                              : NULL;
    }
}

static char *
print(const struct row *r, size_t size)
{
    char *out = malloc(size + 1), *p = out;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < r->count; i++) {
        size_t name_size = strlen(r->columns[i].name);

        if (r->cells[i].json.n == 0)
            continue;
        *p = p == out ? '{' : ',';
        p++;
        *p++ = '"';
        memcpy(p, r->columns[i].name, name_size);
        p += name_size;
        *p++ = '"';
        *p++ = ':';
        memcpy(p, r->cells[i].json.p, r->cells[i].json.n);
        p += r->cells[i].json.n;
    }
    *p++ = '}';
    *p = '\0';
    return out;
}

static void
fill(struct row *r, size_t size_max, bool *is_shrunk)
{
    for (size_t i = 0; i < r->count; i++)
        if (is_there(r, i))
            r->cells[i] = cell_of(r, &r->columns[i]);
    fill_size(r);
    *is_shrunk = size_max > 0 && shrink(r, size_max);
}

/* All that takes from the pool runs below here; false: it is spent. */
static bool
fill_within(struct row *r, size_t size_max, bool *is_shrunk)
{
    jmp_buf escape;

    r->pool.escape = &escape;
    if (setjmp(escape) != 0)
        return false;
    fill(r, size_max, is_shrunk);
    return true;
}

enum status
event_row(const struct event *e, const struct event_row_context *context, size_t size_max,
          char **out, size_t *out_size, bool *is_shrunk, struct err *err)
{
    struct row r = {.e = e, .context = context};
    const char *missing;
    enum status st = ST_OK;

    r.columns = event_columns(e->source, &r.count);
    missing = missing_part(&r);
    if (missing != NULL)
        return err_set(err, ST_INVALID, "not an event of %s: it has no '%s'",
                       event_source_rows[e->source].name, missing);
    pool_init(&r.pool, ROW_MEMORY_MAX);
    if (!fill_within(&r, size_max, is_shrunk)) {
        st = err_set(err, ST_FULL, "no memory for a row of %s", event_source_rows[e->source].table);
    } else {
        *out_size = row_size(&r);
        *out = print(&r, *out_size);
        if (*out == NULL)
            st = err_set(err, ST_FULL, "no memory for a row of %zu bytes", *out_size);
    }
    pool_free(&r.pool);
    return st;
}
