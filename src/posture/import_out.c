/* import_out.c - the documents as the posture store takes them: keys, resource ids, and the three shapes
 * (metadata, assessment, finding). Members stand in a fixed order, so that the same state is the same
 * bytes. */
#include "posture/import_inner.h"
#include "wire/digest.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

const struct import_severity_row import_severities[] = {
    {"critical", "High"},
    {"fatal",          "High"},
    {"high","High"},
    {"warning",     "High"}, /* Lynis */
    {"medium",          "Medium"},
    {"moderate","Medium"},
    {"low",   "Low"},
    {"suggestion",          "Low"}, /* Lynis */
    {"informational",   "Low"},
    {"info",      "Low"},
    {"unknown",          "Low"}, /* never more urgent than the scanner says */
    {0},
};

const char *
import_severity(struct span word)
{
    for (const struct import_severity_row *row = import_severities; row->word != NULL; row++)
        if (import_word_is(word, row->word))
            return row->severity;
    return "Low";
}

bool
import_word_is(struct span text, const char *word)
{
    return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

bool
import_holds(struct span head, const char *text)
{
    return memmem(head.p, head.n, text, strlen(text)) != NULL;
}

enum status
import_fault(struct import_run *r, uint64_t at, const char *format, ...)
{
    char text[sizeof r->err->text];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(r->err, ST_INVALID, "%s: byte %llu: %s", r->in->name, (unsigned long long)at,
                   text);
}

void
import_name(struct span text, char out[NAME_SIZE])
{
    enum { HASHED = NAME_SIZE - 1 - 9 };
    unsigned char digest[DIGEST_SHA256_SIZE];
    bool is_lossy = text.n > HASHED;
    size_t n = 0;

    for (size_t i = 0; i < text.n && n < HASHED; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_plain = isalnum(c) || strchr("-_.()@+=~, ", c) != NULL;

        if (c == '\0')
            is_plain = false;
        if (!is_plain && c != '/' && c != ':')
            is_lossy = true;
        out[n++] = is_plain ? (char)c : c == '/' || c == ':' ? '~' : '_';
    }
    /* ARM refuses a name that ends in a dot or blank, and "." and ".." are paths */
    if (n == 0 || out[n - 1] == '.' || out[n - 1] == ' ' || out[0] == ' ')
        is_lossy = true;
    out[n] = '\0';
    if (!is_lossy)
        return;
    if (!digest_sha256(text, digest))
        memset(digest, 0, sizeof digest);
    snprintf(out + n, 10, "~%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
}

void
import_key(struct import_run *r, const struct span *parts, size_t count, char out[KEY_SIZE],
           unsigned char digest[16])
{
    unsigned char d[DIGEST_SHA256_SIZE];
    char buffer[4096];
    size_t n = 0;

    /* each part is hashed by itself first, so that no two lists of parts are the same bytes */
    for (size_t i = 0; i < count; i++) {
        if (!digest_sha256(parts[i], d))
            r->is_broken = true;
        if (n + sizeof d <= sizeof buffer) {
            memcpy(buffer + n, d, sizeof d);
            n += sizeof d;
        }
    }
    if (!digest_sha256((struct span){buffer, n}, d))
        r->is_broken = true;
    if (digest != NULL)
        memcpy(digest, d, 16);
    snprintf(out, KEY_SIZE, "%02x%02x%02x%02x-%02x%02x-8%x%02x-%x%x%02x-%02x%02x%02x%02x%02x%02x",
             d[0], d[1], d[2], d[3], d[4], d[5], d[6] & 15, d[7], 8 + (d[8] & 3), d[8] >> 4, d[9],
             d[10], d[11], d[12], d[13], d[14], d[15]);
}

void
import_producer(struct import_run *r, char out[IMPORT_PRODUCER_SIZE], const char *format, ...)
{
    const char *part = r->options->part;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(out, IMPORT_PRODUCER_SIZE, format, args);
    va_end(args);
    if (part == NULL || part[0] == '\0')
        return;
    if (n > IMPORT_PRODUCER_SIZE - 66)
        n = IMPORT_PRODUCER_SIZE - 66;
    snprintf(out + n, 66, "#%s", part); /* checked to be at most 64 bytes */
}

/* ---- resources ---- */

enum status
import_resource(struct import_run *r, struct import_resource *x, const char *format, ...)
{
    const struct import_options *o = r->options;
    va_list args;
    int n, m;

    if (o->resource_id != NULL) {
        snprintf(x->id, sizeof x->id, "%s", o->resource_id); /* checked to fit */
        return ST_OK;
    }
    n = snprintf(x->id, sizeof x->id, "/subscriptions/%s/resourceGroups/%s/providers/",
                 o->subscription, o->resource_group);
    va_start(args, format);
    m = vsnprintf(x->id + n, sizeof x->id - (size_t)n, format, args);
    va_end(args);
    if ((size_t)(n + m) >= sizeof x->id)
        return err_set(r->err, ST_INVALID, "%s: the resource id is over %d bytes: %.100s...",
                       r->in->name, ARM_ID_MAX, x->id);
    return ST_OK;
}

enum status
import_machine(struct import_run *r, struct import_resource *x, struct span name)
{
    char cleaned[NAME_SIZE];

    if (r->options->target != NULL)
        name = span_of(r->options->target);
    import_name(name, cleaned);
    snprintf(x->native, sizeof x->native, "%.*s", (int)(name.n < 1000 ? name.n : 1000), name.p);
    x->machine = x->native;
    return import_resource(r, x, "Microsoft.HybridCompute/machines/%s", cleaned);
}

struct span
import_subscription_of(const struct import_run *r, struct span id)
{
    enum { PREFIX = sizeof "/subscriptions/" - 1, GUID = 36 };

    if (id.n >= PREFIX + GUID && strncasecmp(id.p, "/subscriptions/", PREFIX) == 0)
        return (struct span){id.p + PREFIX, GUID};
    return span_of(r->options->subscription);
}

/* "Microsoft.HybridCompute/machines/web" behind the last "/providers/"; types join, the last name counts. */
static void
resource_parts(const char *id, struct span *provider, char type[NAME_SIZE], struct span *name)
{
    const char *p = NULL, *slash;
    size_t n = 0;

    for (const char *at = id; (at = strcasestr(at, "/providers/")) != NULL; at++)
        p = at;
    type[0] = '\0';
    *provider = (struct span){0};
    slash = strrchr(id, '/');
    *name = span_of(slash == NULL ? id : slash + 1);
    if (p == NULL)
        return;
    p += sizeof "/providers/" - 1;
    *provider = (struct span){p, strcspn(p, "/")};
    p += provider->n;
    while (*p == '/' && n < NAME_SIZE) { /* /type/name */
        size_t size = strcspn(++p, "/");
        int m = snprintf(type + n, NAME_SIZE - n, "%s%.*s", n > 0 ? "/" : "", (int)size, p);

        n += (size_t)m;
        p += size;
        p += *p == '/' ? 1 + strcspn(p + 1, "/") : 0;
    }
}

static void
resource_details(struct line *l, const struct import_resource *x)
{
    struct span provider, name;
    char type[NAME_SIZE];

    resource_parts(x->id, &provider, type, &name);
    import_line_open(l, "resourceDetails", '{');
    import_line_string(l, "source", x->machine != NULL ? "OnPremise" : "Azure");
    import_line_string(l, "id", x->id);
    import_line_text(l, "resourceName", name, IMPORT_TEXT_MAX);
    import_line_string(l, "resourceType", type);
    import_line_text(l, "resourceProvider", provider, IMPORT_TEXT_MAX);
    import_line_string(l, "nativeResourceId", x->native);
    import_line_string(l, "machineName", x->machine);
    import_line_close(l, '}');
}

/* ---- documents ---- */

static void
begin(struct import_run *r, enum import_what what, const char *producer)
{
    struct line *l = &r->line;

    r->what = what;
    r->producer = producer;
    l->size = 0;
    l->is_full = l->needs_comma = false;
    import_line_open(l, NULL, '{');
    import_line_string(l, "id", r->id);
    import_line_open(l, "properties", '{');
}

static bool
id_set(struct import_run *r, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(r->id, sizeof r->id, format, args);
    va_end(args);
    return n >= 0 && (size_t)n < sizeof r->id;
}

static enum status
finish(struct import_run *r)
{
    struct line *l = &r->line;
    struct import_document d = {
        r->what, r->producer, span_of(r->id), {l->base, l->size}
    };

    if (r->is_broken)
        return err_set(r->err, ST_IO, "%s: OpenSSL refuses SHA-256; check its policy", r->in->name);
    if (l->is_full)
        return err_set(r->err, ST_FULL, "%s: a document is over %d bytes: %.150s", r->in->name,
                       IMPORT_LINE_MAX, r->id);
    d.line.n = l->size;
    switch (r->what) {
    case IMPORT_METADATA:
        r->summary->metadata_count++;
        break;
    case IMPORT_ASSESSMENT:
        r->summary->assessment_count++;
        break;
    case IMPORT_FINDING:
        r->summary->finding_count++;
        break;
    }
    return r->out->document == NULL ? ST_OK : r->out->document(r->out->context, &d, r->err);
}

/* ARM ids compare without regard to case. */
struct span
import_lower(struct span id, char out[ARM_ID_MAX + 1])
{
    size_t n = id.n < ARM_ID_MAX ? id.n : ARM_ID_MAX;

    for (size_t i = 0; i < n; i++)
        out[i] = (char)tolower((unsigned char)id.p[i]);
    out[n] = '\0';
    return (struct span){out, n};
}

enum status
import_metadata(struct import_run *r, const struct import_resource *resource,
                const struct import_recommendation *m)
{
    struct span subscription = import_subscription_of(r, span_of(resource->id));
    unsigned char digest[16];
    char key[KEY_SIZE], lower[ARM_ID_MAX + 1];
    struct line *l = &r->line;

    import_key(r, (struct span[]){import_lower(subscription, lower), span_of(m->key)}, 2, key,
               digest);

    struct seen_slot *slot = import_seen_at(&r->metadata, digest, "checks", r->err);

    if (slot == NULL)
        return ST_FULL;
    if (slot->count++ > 0)
        return ST_OK;
    id_set(r, "/subscriptions/%.*s/providers/Microsoft.Security/assessmentMetadata/%s",
           (int)subscription.n, subscription.p, m->key);
    begin(r, IMPORT_METADATA, m->producer);
    import_line_text(l, "displayName", m->display_name, 500);
    import_line_text(l, "description", m->description, IMPORT_TEXT_MAX);
    import_line_text(l, "remediationDescription", m->remediation, IMPORT_TEXT_MAX);
    import_line_open(l, "categories", '[');
    import_line_string(l, NULL, m->category);
    import_line_close(l, ']');
    import_line_string(l, "severity", m->severity);
    import_line_string(l, "assessmentType", "CustomerManaged");
    import_line_close(l, '}');
    import_line_close(l, '}');
    return finish(r);
}

static const char *const code_names[] = {"Healthy", "NotApplicable", "Unhealthy"};

static void
status_member(struct line *l, const struct import_state *state, const char *severity)
{
    import_line_open(l, "status", '{');
    import_line_string(l, "code", code_names[state->code]);
    import_line_string(l, "severity", severity);
    import_line_string(l, "cause", state->cause);
    import_line_text(l, "description", state->description, IMPORT_TEXT_MAX);
    import_line_close(l, '}');
}

/* A name that does not fit is met again as a full line. */
void
import_assessment_begin(struct import_run *r, const struct import_resource *resource,
                        const struct import_recommendation *m, const struct import_state *state)
{
    struct line *l = &r->line;
    bool fits = id_set(r, "%s/providers/Microsoft.Security/assessments/%s", resource->id, m->key);

    begin(r, IMPORT_ASSESSMENT, m->producer);
    l->is_full |= !fits;
    resource_details(l, resource);
    import_line_text(l, "displayName", m->display_name, 500);
    status_member(l, state, NULL);
    import_line_open(l, "additionalData", '{');
}

void
import_finding_begin(struct import_run *r, const struct import_resource *resource,
                     const struct import_recommendation *m, const struct import_finding *f)
{
    struct line *l = &r->line;
    bool fits = id_set(r, "%s/providers/Microsoft.Security/assessments/%s/subAssessments/%s",
                       resource->id, m->key, f->key);

    begin(r, IMPORT_FINDING, m->producer);
    l->is_full |= !fits;
    import_line_text(l, "id", f->id, 500);
    import_line_text(l, "displayName", f->display_name, 500);
    status_member(l, &f->state, f->severity);
    import_line_text(l, "remediation", f->remediation, IMPORT_TEXT_MAX);
    import_line_text(l, "impact", f->impact, IMPORT_TEXT_MAX);
    import_line_string(l, "category", f->category);
    import_line_text(l, "description", f->description, IMPORT_TEXT_MAX);
    resource_details(l, resource);
    import_line_open(l, "additionalData", '{');
    import_line_string(l, "assessedResourceType", f->assessed);
}

enum status
import_end(struct import_run *r)
{
    import_line_close(&r->line, '}');
    import_line_close(&r->line, '}');
    import_line_close(&r->line, '}');
    return finish(r);
}

enum status
import_scope(struct import_run *r, const char *producer, const char *format, ...)
{
    char id[ARM_ID_MAX + 1], key[KEY_SIZE];
    unsigned char digest[16];
    struct seen_slot *slot;
    struct line *l = &r->scope_texts;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(id, sizeof id, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof id)
        return err_set(r->err, ST_INVALID, "%s: an id is over %d bytes: %.100s...", r->in->name,
                       ARM_ID_MAX, id);
    import_key(r, (struct span[]){span_of(producer), span_of(id)}, 2, key, digest);
    slot = import_seen_at(&r->scopes, digest, "scopes", r->err);
    if (slot == NULL)
        return ST_FULL;
    if (slot->count++ > 0)
        return ST_OK;
    if (r->scopes.used > IMPORT_SCOPES_MAX)
        return err_set(r->err, ST_FULL, "%s: more than %d scopes; split the report", r->in->name,
                       IMPORT_SCOPES_MAX);

    size_t need = strlen(producer) + 1 + (size_t)n + 1;

    if (need > l->room - l->size) {
        size_t room = l->room * 2 + need + 4096;
        char *base = realloc(l->base, room);

        if (base == NULL)
            return err_set(r->err, ST_IO, "%s: no memory for its scopes", r->in->name);
        l->base = base;
        l->room = room;
    }
    memcpy(l->base + l->size, producer, strlen(producer) + 1);
    l->size += strlen(producer) + 1;
    memcpy(l->base + l->size, id, (size_t)n + 1);
    l->size += (size_t)n + 1;
    return ST_OK;
}
