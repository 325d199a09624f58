/* event_cell.c - one value of a row: copied as it is written, between the spans of the event's tree, or
 * made as the table of columns says. */
#include "kql/dynamic.h"
#include "match/event_row_inner.h"
#include "match/rule_inner.h"
#include "model/datetime.h"
#include <math.h>
#include <strings.h>

enum { REAL_SIZE_MAX = 64 };

static const struct span null_json = {"null", 4};

/* ---- finding ---- */

/* Paths of the table are member names joined by points. */
uint32_t
event_row_find(const struct row *r, const char *path)
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
    uint32_t node = event_row_find(r, path);

    return node != TREE_NONE ? tree_text(&r->e->tree, node) : (struct span){NULL, 0};
}

/* Of an ARM id: the name that follows the segment, any case. */
static struct span
segment_of(struct span id, const char *segment)
{
    size_t size = strlen(segment);
    const char *end, *p = id.p;

    if (p == NULL)
        return id;
    end = p + id.n;
    while ((p = memchr(p, '/', (size_t)(end - p))) != NULL) {
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

struct cell
cell_null(void)
{
    return (struct cell){null_json, 0};
}

struct cell
cell_text(struct row *r, struct span text)
{
    if (text.p == NULL)
        return cell_null();
    return (struct cell){kql_json_quote(&r->pool, text), (uint32_t)text.n};
}

struct cell
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
    uint32_t node = event_row_find(r, "properties.environment");

    if (node == TREE_NONE)
        node = event_row_find(r, "properties.resourceDetails.source");
    return node != TREE_NONE ? cell_of_node(r, "string", node)
                             : cell_text(r, SPAN_LITERAL("Azure"));
}

static struct cell
cell_path(struct row *r, const struct event_column *c)
{
    uint32_t node = event_row_find(r, c->path);

    if (node == TREE_NONE && c->other != NULL)
        node = event_row_find(r, c->other);
    return cell_of_node(r, c->type, node);
}

struct cell
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
        cell = cell_of_node(r, c->type, event_row_find(r, c->path));
        return cell.json.p != null_json.p ? cell : cell_text(r, span_of(c->other));
    case COLUMN_ENVIRONMENT:
        return cell_environment(r);
    case COLUMN_LOWER:
        return cell_lower(r, text_at(r, c->path));
    case COLUMN_SEGMENT:
        return cell_text(r, segment_of(text_at(r, "id"), c->path));
    case COLUMN_PASCAL:
        node = event_row_find(r, c->path);
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
