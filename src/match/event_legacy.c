/* event_legacy.c - findings in the form of old captures. The text is copied as it is, but for the first
 * letters of names, and the markers behind opening braces: nodes stand in the order of the text, so one
 * walk does it. */
#include "match/event.h"
#include <stdlib.h>

enum {
    MARKED_MAX = 7,
    MARKER_SIZE = 96, /* of a type's name */
    ROOM_MORE = MARKED_MAX * (MARKER_SIZE + 16),
};

struct marked {
    uint32_t node;
    char type[MARKER_SIZE];
};

struct legacy {
    const struct tree *t;
    struct marked marked[MARKED_MAX];
    size_t count;
    char *to;
    const char *from;
};

static void
mark(struct legacy *l, uint32_t node, const char *prefix, struct span name)
{
    struct marked *m = &l->marked[l->count];

    if (node == TREE_NONE && l->count > 0)
        return;
    if (l->t->nodes[node].kind != SCAN_OBJECT)
        return;
    snprintf(m->type, sizeof m->type, "%s%.*s", prefix, name.n < 60 ? (int)name.n : 60, name.p);
    m->node = node;
    l->count++;
}

/* The first letter small and without the ending that all kinds of assessed resources have. */
static struct span
kind_of(struct span assessed, char out[64])
{
    static const char ending[] = "Vulnerability";
    size_t n = assessed.n < 63 ? assessed.n : 63;

    if (n >= sizeof ending &&
        memcmp(assessed.p + n - (sizeof ending - 1), ending, sizeof ending - 1) == 0)
        n -= sizeof ending - 1;
    for (size_t i = 0; i < n; i++) {
        char c = assessed.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        out[i] = is_letter ? c : '_'; /* it comes from a sender, and stands within quotes */
    }
    if (n > 0 && out[0] >= 'A' && out[0] <= 'Z')
        out[0] = (char)(out[0] | 0x20);
    return (struct span){out, n};
}

static struct span
text_of(const struct tree *t, uint32_t object, const char *name)
{
    uint32_t node = object == TREE_NONE ? TREE_NONE : tree_member(t, object, span_of(name));

    return node == TREE_NONE ? (struct span){"", 0} : tree_text(t, node);
}

static void
mark_all(struct legacy *l)
{
    const struct span none = {"", 0};
    const struct tree *t = l->t;
    uint32_t properties = tree_member(t, 0, SPAN_LITERAL("properties")), details, data;
    char kind[64];

    mark(l, 0, "subAssessmentEvent", none);
    mark(l, tree_member(t, 0, SPAN_LITERAL("subAssessmentEventDataEnrichment")),
         "subAssessmentEventDataEnrichment", none);
    mark(l, tree_member(t, 0, SPAN_LITERAL("securityEventDataEnrichment")),
         "subAssessmentEventDataEnrichment", none);
    mark(l, properties, "response/subAssessmentProperties", none);
    if (properties == TREE_NONE)
        return;
    details = tree_member(t, properties, SPAN_LITERAL("resourceDetails"));
    data = tree_member(t, properties, SPAN_LITERAL("additionalData"));
    mark(l, tree_member(t, properties, SPAN_LITERAL("status")), "status", none);
    mark(l, details, "resourceDetails/", kind_of(text_of(t, details, "source"), kind));
    mark(l, data, "additionalData/", kind_of(text_of(t, data, "assessedResourceType"), kind));
}

static void
copy_to(struct legacy *l, const char *end)
{
    memcpy(l->to, l->from, (size_t)(end - l->from));
    l->to += end - l->from;
    l->from = end;
}

/* A name without escapes lies in the text itself, right before its value; others stay. */
static void
raise_name(struct legacy *l, const struct tree_node *n)
{
    const char *first = n->raw - 2 - n->key_size;

    if (n->key == NULL || n->key_size == 0 || n->key != first || *first < 'a' || *first > 'z')
        return;
    copy_to(l, first);
    *l->to++ = (char)(*first & ~0x20);
    l->from++;
}

static void
put_marker(struct legacy *l, uint32_t node)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->marked[i].node == node) {
            copy_to(l, l->t->nodes[node].raw + 1);
            l->to += sprintf(l->to, "\"$type\":\"%s\"%s", l->marked[i].type,
                             l->t->nodes[node].count > 0 ? "," : "");
        }
}

enum status
event_legacy(const struct event *e, char **out, size_t *out_size, struct err *err)
{
    struct legacy l = {.t = &e->tree};
    struct span raw = tree_raw(&e->tree, 0);

    if (event_source_rows[e->source].streaming != EVENT_SUB_ASSESSMENTS)
        return err_set(err, ST_INVALID, "%s has no legacy form", event_source_rows[e->source].name);
    *out = malloc(raw.n + ROOM_MORE + 1);
    if (*out == NULL)
        return err_set(err, ST_FULL, "no memory for a finding of %zu bytes", raw.n);
    l.to = *out;
    l.from = raw.p;
    mark_all(&l);
    for (uint32_t i = 0; i < tree_next(&e->tree, 0); i++) {
        raise_name(&l, &e->tree.nodes[i]);
        put_marker(&l, i);
    }
    copy_to(&l, raw.p + raw.n);
    *l.to = '\0';
    *out_size = (size_t)(l.to - *out);
    return ST_OK;
}
