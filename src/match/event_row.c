/* event_row.c - an event as the row of its workspace table. Values are copied as they are written,
 * between the spans of the event's tree; only what the table says is made anew. */
#include "kql/dynamic.h"
#include "match/event_row_inner.h"
#include "match/rule_inner.h"
#include "model/datetime.h"
#include <math.h>
#include <stdlib.h>
#include <strings.h>

enum {
    COLUMNS_MAX = 48,
    /* An event's text is in several columns, each at most twice as long as it was. */
    ROW_MEMORY_MAX = 64 * EVENT_SIZE_MAX,
    CUT_SIZE = 256, /* bytes to which text is cut at first */
    REAL_SIZE_MAX = 64,
};

struct cell {
    struct span json;    /* as it will stand in the row; n 0: the column is left out */
    uint32_t value_size; /* of what it says */
};

struct row {
    const struct event *e;
    const struct event_row_context *context;
    const struct event_column *columns;
    size_t count;
    struct cell cells[COLUMNS_MAX];
    bool is_shrunk[COLUMNS_MAX];
    struct pool pool;
};

static const struct span null_json = {"null", 4};

/* ---- finding ---- */

/* Paths of the table are member names joined by points. */
static uint32_t
find(const struct row *r, const char *path)
{
    uint32_t node = 0;

    while (path != NULL) {
        const char *point = strchr(path, '.');
        size_t size = point != NULL ? (size_t)(point - path) : strlen(path);

        node = rule_member(&r->e->tree, node, (struct span){path, size});
        if (node == TREE_NONE)
            return TREE_NONE;
        path = point != NULL ? point + 1 : NULL;
    }
    return r->e->tree.nodes[node].kind != SCAN_NULL ? node : TREE_NONE;
}

static struct span
text_at(const struct row *r, const char *path)
{
    uint32_t node = find(r, path);

    return node != TREE_NONE ? tree_text(&r->e->tree, node) : (struct span){NULL, 0};
}

/* Of an ARM id: the name that follows the segment, any case. */
static struct span
segment_of(struct span id, const char *segment)
{
    size_t size = strlen(segment);
    const char *end = id.p + id.n, *p = id.p;

    while (p != NULL && (p = memchr(p, '/', (size_t)(end - p))) != NULL) {
        p++;
        if ((size_t)(end - p) > size && strncasecmp(p, segment, size) == 0 && p[size] == '/') {
            const char *name = p + size + 1;
            const char *slash = memchr(name, '/', (size_t)(end - name));

            return (struct span){name, (size_t)((slash != NULL ? slash : end) - name)};
        }
    }
    return (struct span){NULL, 0};
}

/* ---- cells ---- */

static struct cell
cell_null(void)
{
    return (struct cell){null_json, 0};
}

static struct cell
cell_text(struct row *r, struct span text)
{
    if (text.p == NULL)
        return cell_null();
    return (struct cell){kql_json_quote(&r->pool, text), (uint32_t)text.n};
}

static struct cell
cell_raw(struct span json)
{
    return (struct cell){json, (uint32_t)json.n};
}

static struct cell
cell_time(struct row *r, int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    datetime_write(text, ticks);
    return cell_text(r, (struct span){text, sizeof text});
}

/* As it is written if it is UTC; else as UTC. */
static struct cell
cell_datetime(struct row *r, struct span text)
{
    int64_t ticks;

    if (text.p == NULL || !datetime_read(text, &ticks))
        return cell_null();
    if (text.p[text.n - 1] == 'Z' && text.p[10] == 'T')
        return cell_text(r, text);
    return cell_time(r, ticks);
}

/* A whole number by its digits: 4.0 and 0.4e1 are 4. Null if it is none, or larger than 'most'. */
static struct cell
cell_whole(struct row *r, struct span text, struct span most)
{
    struct rule_number n, limit, size_only;
    char *out;
    size_t size = 0;

    if (text.p == NULL || !rule_number_read(text, &n))
        return cell_null();
    if (n.sign == 0)
        return cell_raw(SPAN_LITERAL("0"));
    size_only = n;
    size_only.sign = 1;
    if (n.point < (int64_t)(n.digits[0].n + n.digits[1].n) || !rule_number_read(most, &limit) ||
        rule_number_compare(&size_only, &limit) > 0)
        return cell_null();
    out = pool_take(&r->pool, 24);
    if (n.sign < 0)
        out[size++] = '-';
    for (size_t part = 0; part < 2; part++) {
        memcpy(out + size, n.digits[part].n > 0 ? n.digits[part].p : "", n.digits[part].n);
        size += n.digits[part].n;
    }
    for (size_t digits = size - (n.sign < 0); digits < (size_t)n.point; digits++)
        out[size++] = '0';
    return cell_raw((struct span){out, size});
}

/* As it is written, if it is a number as JSON has it (also in text) that a real can hold. */
static struct cell
cell_real(struct row *r, uint32_t node)
{
    const struct tree *t = &r->e->tree;
    struct tree number;
    struct span text;
    double value;
    bool is_number;

    if (node == TREE_NONE)
        return cell_null();
    text = tree_text(t, node);
    is_number = t->nodes[node].kind == SCAN_NUMBER;
    if (t->nodes[node].kind == SCAN_STRING && tree_parse(&number, text, NULL) == ST_OK) {
        is_number = number.nodes[0].kind == SCAN_NUMBER && number.nodes[0].raw_size == text.n;
        tree_free(&number);
    }
    if (!is_number || text.n > REAL_SIZE_MAX || !kql_read_real(text, &value) || !isfinite(value))
        return cell_null();
    return cell_raw(text);
}

static struct cell
cell_bool(struct span text)
{
    if (text.n == 4 && strncasecmp(text.p, "true", 4) == 0)
        return cell_raw(SPAN_LITERAL("true"));
    if (text.n == 5 && strncasecmp(text.p, "false", 5) == 0)
        return cell_raw(SPAN_LITERAL("false"));
    return cell_null();
}

/* What stands in the event, as a value of the column's type. */
static struct cell
cell_of_node(struct row *r, const char *type, uint32_t node)
{
    const struct tree *t = &r->e->tree;

    if (node == TREE_NONE)
        return cell_null();
    switch (type[0]) {
    case 's':
        if (t->nodes[node].kind == SCAN_STRING)
            return (struct cell){tree_raw(t, node), (uint32_t)tree_text(t, node).n};
        return cell_text(r, tree_raw(t, node)); /* JSON text in a string */
    case 'd':
        return type[1] == 'a' ? cell_datetime(r, tree_text(t, node)) : cell_raw(tree_raw(t, node));
    case 'b':
        return cell_bool(tree_text(t, node));
    case 'r':
        return cell_real(r, node);
    default:
        return cell_whole(r, tree_text(t, node),
                          type[0] == 'i' ? SPAN_LITERAL("2147483647")
                                         : SPAN_LITERAL("9223372036854775807"));
    }
}

static struct cell
cell_lower(struct row *r, struct span text)
{
    char *lower = text.p != NULL ? pool_take(&r->pool, text.n) : NULL;

    for (size_t i = 0; i < text.n; i++)
        lower[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] | 0x20) : text.p[i];
    return cell_text(r, (struct span){lower, text.n});
}

/* Members with their names in PascalCase, at all depths. A name that has escapes is written anew. */
static struct cell
cell_pascal(struct row *r, uint32_t top)
{
    const struct tree *t = &r->e->tree;
    uint32_t end = tree_next(t, top);
    char *out = pool_take(&r->pool, tree_raw(t, top).n), *p = out;
    const char *from = tree_raw(t, top).p, *behind = from + tree_raw(t, top).n;

    for (uint32_t i = top + 1; i < end; i++) {
        struct span key = tree_key(t, i);
        const char *first;

        /* a name without escapes lies in the text itself, right before its value */
        first = t->nodes[i].raw - 2 - key.n;
        if (key.p == NULL || key.n == 0 || key.p != first || *first < 'a' || *first > 'z')
            continue;
        memcpy(p, from, (size_t)(first - from));
        p += first - from;
        *p++ = (char)(*first & ~0x20);
        from = first + 1;
    }
    memcpy(p, from, (size_t)(behind - from));
    p += behind - from;
    return cell_raw((struct span){out, (size_t)(p - out)});
}

/* ---- what an event says of itself ---- */

static bool
is_deleted(const struct row *r)
{
    static const char *const paths[] = {"securityEventDataEnrichment.action",
                                        "assessmentEventDataEnrichment.action",
                                        "subAssessmentEventDataEnrichment.action"};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct span action = text_at(r, paths[i]);

        if (action.p != NULL)
            return kql_compare_ci(action, SPAN_LITERAL("Delete")) == 0;
    }
    return false;
}

static bool
is_snapshot(const struct row *r)
{
    struct span said = text_at(r, "securityEventDataEnrichment.isSnapshot");

    if (said.p == NULL)
        return event_source_rows[r->e->source].is_snapshot;
    return kql_compare_ci(said, SPAN_LITERAL("true")) == 0;
}

static struct span
resource_of(const struct row *r)
{
    static const char provider[] = "/providers/Microsoft.Security/";
    struct span id = text_at(r, "properties.resourceDetails.id");

    if (id.p != NULL)
        return id;
    id = text_at(r, "id");
    for (size_t i = 0; id.p != NULL && i + sizeof provider - 1 <= id.n; i++)
        if (strncasecmp(id.p + i, provider, sizeof provider - 1) == 0)
            return (struct span){id.p, i};
    return id;
}

/* The same row must sort behind what it replaces: a deletion and a snapshot carry the date of an older
 * change, so they count from their export. */
static struct cell
cell_assessed(struct row *r)
{
    struct cell cell = cell_null();

    if (!is_deleted(r) && !is_snapshot(r))
        cell = cell_datetime(r, text_at(r, "properties.status.statusChangeDate"));
    return cell.value_size > 0 ? cell : cell_time(r, r->context->exported);
}

static struct cell
cell_resolved(struct row *r)
{
    struct cell cell = cell_null();

    if (kql_compare_ci(text_at(r, "properties.status.code"), SPAN_LITERAL("Healthy")) == 0)
        cell = cell_datetime(r, text_at(r, "properties.status.statusChangeDate"));
    return cell.value_size > 0 ? cell : cell_text(r, SPAN_LITERAL("0001-01-01T00:00:00Z"));
}

/* Links of assessments come without "https://" (section 2.2). */
static struct cell
cell_link(struct row *r, const struct event_column *c)
{
    struct span link = text_at(r, c->path), key = segment_of(text_at(r, "id"), c->other);

    if (link.p != NULL && link.n > 0)
        return cell_text(r, link.n > 8 && strncasecmp(link.p, "https://", 8) == 0
                                ? link
                                : pool_printf(&r->pool, "https://%.*s", (int)link.n, link.p));
    if (key.p == NULL || r->context->portal == NULL)
        return cell_null();
    return cell_text(r, pool_printf(&r->pool, "%s/#recommendations/assessmentKey/%.*s",
                                    r->context->portal, (int)key.n, key.p));
}

static struct cell
cell_environment(struct row *r)
{
    uint32_t node = find(r, "properties.environment");

    if (node == TREE_NONE)
        node = find(r, "properties.resourceDetails.source");
    return node != TREE_NONE ? cell_of_node(r, "string", node)
                             : cell_text(r, SPAN_LITERAL("Azure"));
}

static struct cell
cell_path(struct row *r, const struct event_column *c)
{
    uint32_t node = find(r, c->path);

    if (node == TREE_NONE && c->other != NULL)
        node = find(r, c->other);
    return cell_of_node(r, c->type, node);
}

static struct cell
cell_of(struct row *r, const struct event_column *c)
{
    struct cell cell;
    uint32_t node;

    switch ((enum column_how)c->how) {
    case COLUMN_PATH:
        return cell_path(r, c);
    case COLUMN_TEXT:
        return cell_text(r, span_of(c->path));
    case COLUMN_PATH_OR:
        cell = cell_of_node(r, c->type, find(r, c->path));
        return cell.json.p != null_json.p ? cell : cell_text(r, span_of(c->other));
    case COLUMN_ENVIRONMENT:
        return cell_environment(r);
    case COLUMN_LOWER:
        return cell_lower(r, text_at(r, c->path));
    case COLUMN_SEGMENT:
        return cell_text(r, segment_of(text_at(r, "id"), c->path));
    case COLUMN_PASCAL:
        node = find(r, c->path);
        return node == TREE_NONE || r->context->has_legacy_names ? cell_of_node(r, c->type, node)
                                                                 : cell_pascal(r, node);
    case COLUMN_RESOURCE:
        return cell_text(r, resource_of(r));
    case COLUMN_RESOURCE_LOWER:
        return cell_lower(r, resource_of(r));
    case COLUMN_STATE:
        return is_deleted(r) ? cell_text(r, SPAN_LITERAL("Removed")) : cell_path(r, c);
    case COLUMN_ASSESSED:
        return cell_assessed(r);
    case COLUMN_RESOLVED:
        return cell_resolved(r);
    case COLUMN_EXPORTED:
        cell = c->path != NULL ? cell_path(r, c) : cell_null();
        return cell.value_size > 0 ? cell : cell_time(r, r->context->exported);
    case COLUMN_SNAPSHOT:
        return cell_bool(is_snapshot(r) ? SPAN_LITERAL("true") : SPAN_LITERAL("false"));
    case COLUMN_LINK:
        return cell_link(r, c);
    case COLUMN_WORKSPACE:
        return r->context->workspace != NULL ? cell_text(r, span_of(r->context->workspace))
                                             : cell_null();
    case COLUMN_TABLE:
        return cell_text(r, span_of(event_source_rows[r->e->source].table));
    case COLUMN_NONE:
    case COLUMN_SIZE:
    case COLUMN_SHRUNK:
        break; /* null, or filled in at the end */
    }
    return cell_null();
}

/* ---- the row as a whole ---- */

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
        if (r->columns[i].shrink != which || r->cells[i].json.n <= null_json.n)
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
        return find(r, "SystemAlertId") == TREE_NONE ? "SystemAlertId" : NULL;
    case EVENT_ATTACK_PATHS:
        return find(r, "attackPath") == TREE_NONE ? "attackPath" : NULL;
    default:
        return find(r, "id") == TREE_NONE           ? "id"
               : find(r, "properties") == TREE_NONE ? "properties"
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
