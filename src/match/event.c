#include "match/event.h"
#include "match/event_inner.h"
#include <stdlib.h>
#include <strings.h>

/* ---- opening ---- */

static const struct span version_name = {"Version", 7}, version_value = {"\"3.0\"", 5},
                         component_name = {"ProductComponentName", 20},
                         extended_name = {"ExtendedProperties", 18};

/* Section 1.8: templates filter on both, delivered alerts have neither. */
static enum status
add_synthetic(struct tree *t, struct err *err)
{
    uint32_t extended = rule_member(t, 0, extended_name), component = TREE_NONE;
    enum status st = ST_OK;

    if (extended != TREE_NONE)
        component = rule_member(t, extended, component_name);
    if (rule_member(t, 0, version_name) == TREE_NONE)
        st = tree_add_string(t, version_name, version_value, err);
    if (st == ST_OK && component != TREE_NONE && rule_member(t, 0, component_name) == TREE_NONE)
        st = tree_add_copy(t, component_name, component, err);
    return st;
}

static struct span
text_of(const struct tree *t, uint32_t node, const char *name)
{
    uint32_t found = node == TREE_NONE ? TREE_NONE : rule_member(t, node, span_of(name));

    if (found == TREE_NONE || t->nodes[found].kind != SCAN_STRING)
        return (struct span){NULL, 0};
    return tree_text(t, found);
}

static enum status
prepare(struct event *e, struct err *err)
{
    enum event_source streaming = event_source_rows[e->source].streaming;

    if (streaming == EVENT_ALERTS)
        return add_synthetic(&e->tree, err);
    if (streaming == EVENT_ATTACK_PATHS) {
        uint32_t path = rule_member(&e->tree, 0, SPAN_LITERAL("attackPath"));

        e->ends[0] = text_of(&e->tree, path, "entryPointId");
        e->ends[1] = text_of(&e->tree, path, "targetId");
    }
    return ST_OK;
}

enum status
event_open_text(struct event *e, enum event_source source, struct span scope, struct span text,
                struct err *err)
{
    enum status st;

    *e = (struct event){.source = source, .scope = scope, .text = text};
    if (text.n > EVENT_SIZE_MAX)
        return err_set(err, ST_INVALID, "an event of %zu bytes: %d are the most", text.n,
                       EVENT_SIZE_MAX);
    st = tree_parse(&e->tree, text, err);
    if (st == ST_OK && e->tree.nodes[0].kind != SCAN_OBJECT)
        st = err_set(err, ST_INVALID, "an event is a JSON object");
    if (st == ST_OK)
        st = prepare(e, err);
    if (st != ST_OK)
        event_close(e);
    return st;
}

enum status
event_open(struct event *e, const struct block *block, uint32_t row, struct err *err)
{
    const struct block_row *r = &block->rows[row];
    struct span category = span_of(block->streams[r->stream].category);
    enum event_source source;

    *e = (struct event){0};
    if (block->head->kind != BLOCK_EVENTS)
        return err_set(err, ST_INVALID, "the block holds no events");
    if (!event_source_find(category, &source))
        return err_set(err, ST_INVALID, "'%.*s' is not an event source", (int)category.n,
                       category.p);
    if (r->group >= block->head->string_count)
        return err_set(err, ST_INVALID, "an event of %s without a scope",
                       event_source_rows[source].name);
    return event_open_text(e, source, block_string(block, r->group),
                           (struct span){block->body.p + r->properties_at, r->properties_size},
                           err);
}

void
event_close(struct event *e)
{
    tree_free(&e->tree);
}

/* ---- filters ---- */

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* "/subscriptions/S" or "/subscriptions/S/resourceGroups/G", a slash at the end aside. */
static bool
is_scope(struct span s)
{
    static const char subscriptions[] = "/subscriptions/", groups[] = "resourcegroups/";
    const char *slash, *end = s.p + s.n, *p = s.p + sizeof subscriptions - 1;

    if (s.n < sizeof subscriptions ||
        strncasecmp(s.p, subscriptions, sizeof subscriptions - 1) != 0)
        return false;
    slash = memchr(p, '/', (size_t)(end - p));
    if (slash == NULL)
        return true;
    if (slash == p || (size_t)(end - slash) <= sizeof groups ||
        strncasecmp(slash + 1, groups, sizeof groups - 1) != 0)
        return false;
    p = slash + sizeof groups;
    return memchr(p, '/', (size_t)(end - p)) == NULL;
}

static struct span
without_slash(struct span s)
{
    if (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    return s;
}

static void
mix(uint64_t *x, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *x = (*x ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    *x = (*x ^ size) * UINT64_C(1099511628211);
}

static void
set_fingerprint(struct event_filter *f)
{
    uint64_t x = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < f->scope_count; i++)
        mix(&x, f->scopes[i].p, f->scopes[i].n);
    for (size_t i = 0; i < f->source_count; i++) {
        uint64_t rules =
            f->sources[i].rules != NULL ? rule_sets_fingerprint(f->sources[i].rules) : 0;

        mix(&x, &f->sources[i].source, sizeof f->sources[i].source);
        mix(&x, &rules, sizeof rules);
    }
    f->fingerprint = x;
}

enum status
event_filter_make(const struct span *scopes, size_t scope_count,
                  const struct event_filter_source *sources, size_t source_count,
                  struct event_filter **out, struct err *err)
{
    size_t room =
        sizeof(struct event_filter) + source_count * sizeof *sources + scope_count * sizeof *scopes;
    struct event_filter *f;
    char *text;

    *out = NULL;
    if (scope_count == 0 || scope_count > EVENT_SCOPES_MAX)
        return err_set(err, ST_INVALID, "%zu scopes; an automation takes 1 to %d", scope_count,
                       EVENT_SCOPES_MAX);
    if (source_count == 0 || source_count > EVENT_SOURCES_MAX)
        return err_set(err, ST_INVALID, "%zu sources; an automation takes 1 to %d", source_count,
                       EVENT_SOURCES_MAX);
    for (size_t i = 0; i < scope_count; i++) {
        if (!is_scope(without_slash(scopes[i])))
            return err_set(err, ST_INVALID,
                           "scope '%.*s' is neither a subscription nor a resource group",
                           (int)(scopes[i].n < 200 ? scopes[i].n : 200), scopes[i].p);
        room += scopes[i].n;
    }
    f = calloc(1, room);
    if (f == NULL)
        return err_set(err, ST_FULL, "no memory for a filter of %zu bytes", room);
    f->sources = (struct event_filter_source *)(f + 1);
    f->scopes = (struct span *)(f->sources + source_count);
    text = (char *)(f->scopes + scope_count);
    for (size_t i = 0; i < scope_count; i++) {
        struct span s = without_slash(scopes[i]);

        f->scopes[i] = (struct span){text, s.n};
        for (size_t j = 0; j < s.n; j++)
            *text++ = lower(s.p[j]);
    }
    memcpy(f->sources, sources, source_count * sizeof *sources);
    f->scope_count = scope_count;
    f->source_count = source_count;
    for (size_t i = 0; i < source_count; i++)
        f->wanted |= UINT32_C(1) << sources[i].source;
    set_fingerprint(f);
    *out = f;
    return ST_OK;
}

void
event_filter_free(struct event_filter *f)
{
    free(f);
}

uint64_t
event_filter_fingerprint(const struct event_filter *f)
{
    return f->fingerprint;
}

bool
event_filter_wants(const struct event_filter *f, enum event_source source)
{
    return (f->wanted >> source & 1) != 0;
}

/* Section 1.8: equal, or going on at a '/'. */
static bool
is_within(struct span scope, struct span id)
{
    return id.n >= scope.n && (id.n == scope.n || id.p[scope.n] == '/') &&
           strncasecmp(scope.p, id.p, scope.n) == 0;
}

bool
event_filter_covers(const struct event_filter *f, struct span scope)
{
    for (size_t i = 0; i < f->scope_count; i++)
        if (is_within(f->scopes[i], scope))
            return true;
    return false;
}

bool
event_filter_covers_event(const struct event_filter *f, const struct event *e)
{
    if (event_filter_covers(f, e->scope))
        return true;
    for (size_t i = 0; i < COUNT_OF(e->ends); i++)
        if (e->ends[i].n > 0 && event_filter_covers(f, e->ends[i]))
            return true;
    return false;
}

bool
event_filter_passes(const struct event_filter *f, const struct event *e)
{
    if (!event_filter_wants(f, e->source) || !event_filter_covers_event(f, e))
        return false;
    for (size_t i = 0; i < f->source_count; i++)
        if (f->sources[i].source == e->source && rule_sets_pass(f->sources[i].rules, &e->tree))
            return true;
    return false;
}

void
event_source_check(enum event_source source, const struct rule_sets *rules, const char *target,
                   rule_told *told, void *app)
{
    if (source == EVENT_ALERTS && rule_sets_look_at(rules, SPAN_LITERAL("properties")))
        told(app, "NeverTrue", target,
             "alerts have no 'properties': their members stand at the top, e.g. 'Severity'. Rules "
             "on 'properties.' paths never match (NotEquals always does).",
             true);
}
