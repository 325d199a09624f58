/* template_render.c - an event's values into a template's pieces.
 *
 * A value is first what stands in the event (raw JSON, nothing copied); the first filter that wants
 * its text decodes it into one of two buffers, between which the filters then go to and fro. */
#include "model/event_source.h"
#include "sink/template_inner.h"
#include "wire/digest.h"
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { HASH_SIZE = 32, TAG_MAX = 200 };

void
template_work_free(struct template_work *work)
{
    free(work->value.p);
    free(work->other.p);
    *work = (struct template_work){
        .value = {NULL, 0, 0}
    };
}

/* ---- one value ---- */

struct value {
    enum { IS_NOTHING, IS_RAW, IS_TEXT } state;
    struct span raw;      /* JSON */
    struct buffer *text;  /* of the work's buffers, */
    struct buffer *spare; /* and the other one */
};

static bool
is_nothing(const struct value *v)
{
    return v->state == IS_NOTHING || (v->state == IS_TEXT && v->text->n == 0) ||
           (v->state == IS_RAW && (span_is(v->raw, "null") || span_is(v->raw, "\"\"")));
}

static bool
text_set(struct value *v, struct span text)
{
    v->text->n = 0;
    v->state = IS_TEXT;
    return buffer_add(v->text, text);
}

static bool
text_of(struct value *v)
{
    if (v->state == IS_TEXT)
        return true;
    if (is_nothing(v))
        return text_set(v, (struct span){"", 0});
    if (v->raw.p[0] != '"')
        return text_set(v, v->raw);
    v->text->n = 0;
    if (!buffer_room(v->text, v->raw.n))
        return false;
    v->text->n = json_text(v->raw, v->text->p);
    v->text->p[v->text->n] = '\0';
    v->state = IS_TEXT;
    return true;
}

static bool
source_get(const struct template_source *s, const struct template_event *e, struct value *v)
{
    switch (s->kind) {
    case SOURCE_TEXT:
        return text_set(v, s->text);
    case SOURCE_ID:
        return text_set(v, span_of(e->id));
    case SOURCE_CATEGORY:
        return text_set(v, span_of(e->category));
    case SOURCE_TENANT:
        return text_set(v, span_of(e->tenant));
    case SOURCE_PATH:
        break;
    }
    v->state = json_find(e->row, &s->path, &v->raw) ? IS_RAW : IS_NOTHING;
    return true;
}

/* ---- filters: from v->text to v->spare, which then change places ---- */

static void
turn(struct value *v)
{
    struct buffer *text = v->text;

    v->text = v->spare;
    v->spare = text;
}

static bool
map_apply(struct value *v, const struct template_map *map)
{
    if (!text_of(v))
        return false;
    for (size_t i = 0; i < map->count; i++)
        if (strlen(map->entries[i].from) == v->text->n &&
            strncasecmp(map->entries[i].from, v->text->p, v->text->n) == 0)
            return text_set(v, span_of(map->entries[i].to));
    if (map->rest != NULL)
        return text_set(v, span_of(map->rest));
    v->state = IS_NOTHING;
    return true;
}

static bool
truncate_apply(struct value *v, size_t most)
{
    static const char ellipsis[] = "\xe2\x80\xa6";
    size_t count = 0, cut = 0, at = 0;

    if (!text_of(v))
        return false;
    while (at < v->text->n) {
        size_t size = buffer_character((struct span){v->text->p + at, v->text->n - at});

        if (++count == most)
            cut = at; /* where the last one that fits begins */
        at += size == 0 ? 1 : size;
    }
    if (count <= most)
        return true;
    v->text->n = cut;
    return buffer_add(v->text, SPAN_LITERAL(ellipsis));
}

static bool
hash_apply(struct value *v)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    if (is_nothing(v)) {
        v->state = IS_NOTHING;
        return true;
    }
    if (!text_of(v) || !digest_sha256((struct span){v->text->p, v->text->n}, digest))
        return false;
    digest_hex(digest, sizeof digest, hex);
    return text_set(v, (struct span){hex, HASH_SIZE});
}

static bool
join_apply(struct value *v, struct span between)
{
    struct buffer *out = v->spare;
    struct span element;
    size_t at = 0;

    if (v->state != IS_RAW || v->raw.p[0] != '[')
        return true;
    out->n = 0;
    while (json_next(v->raw, &at, &element)) {
        struct value one = {IS_RAW, element, v->text, NULL};

        if (!text_of(&one) || (out->n > 0 && !buffer_add(out, between)) ||
            !buffer_add(out, (struct span){one.text->p, one.text->n}))
            return false;
    }
    v->state = IS_TEXT;
    turn(v);
    return out->p != NULL || buffer_room(out, 0);
}

/* "<br>" and ends of blocks become line ends, other tags nothing; '<' that begins no tag stays. */
static bool
plain_apply(struct value *v)
{
    static const char *const breaks[] = {"br", "/p", "/li", "/div"};
    struct buffer *out = v->spare;

    if (!text_of(v))
        return false;
    out->n = 0;
    for (size_t i = 0; i < v->text->n;) {
        const char *p = v->text->p + i;
        size_t left = v->text->n - i, most = left < TAG_MAX ? left : TAG_MAX;
        const char *end = *p == '<' && left > 1 && (isalpha((unsigned char)p[1]) || p[1] == '/')
                              ? memchr(p, '>', most)
                              : NULL;

        if (end == NULL) {
            if (!buffer_add(out, (struct span){p, 1}))
                return false;
            i++;
            continue;
        }
        for (size_t k = 0; k < COUNT_OF(breaks); k++) {
            size_t n = strlen(breaks[k]);

            if (strncasecmp(p + 1, breaks[k], n) == 0 && !isalnum((unsigned char)p[1 + n]) &&
                !buffer_add(out, SPAN_LITERAL("\n")))
                return false;
        }
        i += (size_t)(end - p) + 1;
    }
    turn(v);
    return v->text->p != NULL || buffer_room(v->text, 0);
}

static struct span
slack_mark(char c)
{
    return c == '&'   ? SPAN_LITERAL("&amp;")
           : c == '<' ? SPAN_LITERAL("&lt;")
           : c == '>' ? SPAN_LITERAL("&gt;")
                      : (struct span){NULL, 0};
}

static struct span
markdown_mark(char c)
{
    static const char marks[] = "\\[\\]\\(\\)\\*\\_\\`\\~\\#\\!\\|\\<\\>\\\\";

    for (size_t i = 0; i + 1 < sizeof marks - 1; i += 2)
        if (marks[i + 1] == c)
            return (struct span){marks + i, 2};
    return (struct span){NULL, 0};
}

static bool
marks_apply(struct value *v, struct span (*mark)(char c))
{
    struct buffer *out = v->spare;

    if (!text_of(v))
        return false;
    out->n = 0;
    for (size_t i = 0; i < v->text->n; i++) {
        struct span m = mark(v->text->p[i]);

        if (!buffer_add(out, m.p != NULL ? m : (struct span){v->text->p + i, 1}))
            return false;
    }
    turn(v);
    return v->text->p != NULL || buffer_room(v->text, 0);
}

static bool
case_apply(struct value *v, int (*change)(int c))
{
    if (!text_of(v))
        return false;
    for (size_t i = 0; i < v->text->n; i++)
        if ((unsigned char)v->text->p[i] < 0x80)
            v->text->p[i] = (char)change((unsigned char)v->text->p[i]);
    return true;
}

static bool
filter_apply(const struct template_filter *f, const struct template_event *e, struct value *v)
{
    switch (f->kind) {
    case FILTER_DEFAULT:
        return !is_nothing(v) || text_set(v, f->text);
    case FILTER_OR:
        return !is_nothing(v) || source_get(&f->other, e, v);
    case FILTER_MAP:
        return map_apply(v, f->map);
    case FILTER_TRUNCATE:
        return truncate_apply(v, f->number);
    case FILTER_UPPER:
        return case_apply(v, toupper);
    case FILTER_LOWER:
        return case_apply(v, tolower);
    case FILTER_HASH:
        return hash_apply(v);
    case FILTER_JOIN:
        return join_apply(v, f->text);
    case FILTER_PLAIN:
        return plain_apply(v);
    case FILTER_SLACK:
        return marks_apply(v, slack_mark);
    case FILTER_MARKDOWN:
        return marks_apply(v, markdown_mark);
    case FILTER_RAW:
    case FILTER_KINDS:
        break;
    }
    return true;
}

/* ---- pieces ---- */

static bool
raw_write(struct value *v, struct buffer *out)
{
    if (v->state == IS_RAW)
        return buffer_add(out, v->raw);
    if (v->state == IS_NOTHING)
        return buffer_add(out, SPAN_LITERAL("null"));
    return buffer_add(out, SPAN_LITERAL("\"")) &&
           buffer_escape(out, (struct span){v->text->p, v->text->n}) &&
           buffer_add(out, SPAN_LITERAL("\""));
}

static bool
piece_write(const struct template_piece *p, const struct template_event *e,
            struct template_work *work, struct buffer *out)
{
    struct value v = {.text = &work->value, .spare = &work->other};

    if (p->literal.p != NULL)
        return buffer_add(out, p->literal);
    if (!source_get(&p->source, e, &v))
        return false;
    for (size_t i = 0; i < p->filter_count; i++)
        if (!filter_apply(&p->filters[i], e, &v))
            return false;
    if (p->is_raw)
        return raw_write(&v, out);
    return text_of(&v) && buffer_escape(out, (struct span){v.text->p, v.text->n});
}

enum status
template_render(const struct template *t, const struct template_event *e,
                struct template_work *work, struct buffer *out, struct err *err)
{
    enum template_variant which = template_variant(e->category);
    size_t before = out->n;

    if (!t->variants[which].is_there)
        which = TEMPLATE_EVENT;
    for (size_t i = 0; i < t->variants[which].count; i++) {
        bool is_written = piece_write(&t->variants[which].pieces[i], e, work, out);

        if (is_written && out->n - before <= TEMPLATE_OUT_MAX)
            continue;
        out->n = before;
        return err_set(err, ST_INVALID,
                       "what the template makes of the event has more than %d bytes",
                       TEMPLATE_OUT_MAX);
    }
    return ST_OK;
}

enum template_variant
template_variant(const char *category)
{
    static const char *const alerts[] = {"AlertInfo", "AlertEvidence", "SecurityAlert"};
    static const char prefix[] = "AdvancedHunting-";
    enum event_source source;

    if (event_source_find(span_of(category), &source)) {
        switch (event_source_rows[source].streaming) {
        case EVENT_ALERTS:
            return TEMPLATE_ALERT;
        case EVENT_ASSESSMENTS:
        case EVENT_SUB_ASSESSMENTS:
            return TEMPLATE_RECOMMENDATION;
        default:
            return TEMPLATE_EVENT;
        }
    }
    if (strncasecmp(category, prefix, sizeof prefix - 1) == 0)
        category += sizeof prefix - 1;
    for (size_t i = 0; i < COUNT_OF(alerts); i++)
        if (strcasecmp(category, alerts[i]) == 0)
            return TEMPLATE_ALERT;
    return TEMPLATE_EVENT;
}

const struct template_builtin *
template_builtin_find(const char *name)
{
    for (const struct template_builtin *b = template_builtins; b->name != NULL; b++)
        if (strcmp(b->name, name) == 0)
            return b;
    return NULL;
}
