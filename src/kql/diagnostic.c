/* diagnostic.c - the table of codes, and how a complaint is placed and printed. */
#include "kql/diagnostic.h"
#include "base/spelling.h"
#include "kql/syntax.h"
#include <assert.h>

enum {
    SOURCE_WIDTH_MAX = 200, /* bytes of a source line that are shown */
    TEXT_MAX = 600,         /* bytes of a complaint */
    NEAREST_MAX = 64,       /* bytes of a name that are compared */
    CALLERS_MAX = 4,        /* functions that a complaint names */
};

static const struct {
    const char *name, *title;
} codes[KQL_CODE_COUNT] = {
    [KQL_E_SYNTAX] = {"KQL001", "something else was expected here"                                           },
    [KQL_E_TEXT] = {"KQL002", "not a character, literal or name of the language"                           },
    [KQL_E_LIMIT] = {"KQL003", "too long, too deep or too much"                                             },
    [KQL_E_NOT_BUILT] = {"KQL004", "known to the language, but not built here"                                  },
    [KQL_W_NOT_BUILT] =
        {"KQL005", "known to the language, not built here: a row that gets there ends the query"},
    [KQL_E_TABLE] = {"KQL101", "no such table"                                                              },
    [KQL_E_COLUMN] = {"KQL102", "no such column, variable or parameter"                                      },
    [KQL_E_FUNCTION] = {"KQL103", "no such function"                                                           },
    [KQL_E_ARGUMENTS] = {"KQL104", "wrong number of arguments"                                                  },
    [KQL_E_TYPE] = {"KQL105", "wrong type"                                                                 },
    [KQL_E_NAME] = {"KQL106", "declared twice, ambiguous, or not usable as a name"                         },
    [KQL_E_CONSTANT] = {"KQL107", "must be a constant"                                                         },
    [KQL_E_PLACE] = {"KQL108", "not allowed in this place"                                                  },
    [KQL_E_OPTION] = {"KQL109", "unknown parameter of an operator, or a value it does not have"              },
    [KQL_E_VALUE] = {"KQL110", "a constant with a wrong value"                                              },
    [KQL_E_SERIALIZED] = {"KQL111", "needs a serialized row set"                                                 },
    [KQL_E_STREAM] = {"KQL201", "cannot be done row by row in a transformation"                              },
    [KQL_W_STREAM] = {"KQL202", "Azure Monitor would refuse it in a transformation"                          },
};

const char *
kql_code_name(enum kql_code code)
{
    assert(code < KQL_CODE_COUNT);
    return codes[code].name;
}

const char *
kql_code_title(enum kql_code code)
{
    assert(code < KQL_CODE_COUNT);
    return codes[code].title;
}

void
kql_diagnostics_init(struct kql_diagnostics *d, struct pool *pool, struct span query)
{
    d->pool = pool;
    d->query = query;
    d->sources = NULL;
    d->count = d->error_count = 0;
}

bool
kql_diagnostics_add(struct kql_diagnostics *d, struct kql_source *source)
{
    const struct kql_source *last = d->sources;
    uint64_t base = (last == NULL ? d->query.n : (uint64_t)last->base + last->text.n) + 1;

    /* places of the text itself, before they are moved, are told from moved ones */
    if (base <= source->text.n)
        base = source->text.n + 1;
    if (base + source->text.n >= UINT32_MAX)
        return false;
    source->base = (uint32_t)base;
    source->older = d->sources;
    d->sources = source;
    return true;
}

/* NULL: in the query itself. */
static const struct kql_source *
source_of(const struct kql_diagnostics *d, uint32_t at)
{
    for (const struct kql_source *s = d->sources; s != NULL; s = s->older)
        if (at >= s->base)
            return s;
    return NULL;
}

struct span
kql_text_at(const struct kql_diagnostics *d, uint32_t at)
{
    const struct kql_source *source = source_of(d, at);
    struct span text = source == NULL ? d->query : source->text;
    size_t from = source == NULL ? at : at - source->base;

    if (from >= text.n)
        return (struct span){"", 0};
    return (struct span){text.p + from, text.n - from};
}

static bool
is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Line and column of a byte, both from 1. */
static void
place(struct span text, uint32_t at, uint32_t *line, uint32_t *column)
{
    *line = *column = 1;
    for (uint32_t i = 0; i < at && i < text.n; i++) {
        if (text.p[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (!is_continuation(text.p[i]))
            ++*column;
    }
}

static bool
is_known_at(const struct kql_diagnostics *d, enum kql_code code, uint32_t at)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->items[i].code == code && d->items[i].at == at)
            return true;
    return false;
}

static bool
is_known(const struct kql_diagnostics *d, enum kql_code code, uint32_t at)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->items[i].code == code && d->items[i].origin == at)
            return true;
    return false;
}

/* The complaint's text with the stored functions in front that it is about, innermost first. *at and
 * *size become the call in the query. */
static char *
place_in_query(struct kql_diagnostics *d, uint32_t *at, uint32_t *size, char *text)
{
    const struct kql_source *s = source_of(d, *at);
    struct span lead = {"", 0};

    if (s == NULL)
        return text;
    for (uint32_t depth = 0; s != NULL; s = source_of(d, *at), depth++) {
        uint32_t in = *at - s->base, line, column;

        if (in >= s->body)
            place((struct span){s->text.p + s->body, s->text.n - s->body}, in - s->body, &line,
                  &column);
        if (depth >= CALLERS_MAX)
            lead =
                depth == CALLERS_MAX ? pool_printf(d->pool, "%.*s ...", (int)lead.n, lead.p) : lead;
        else if (in >= s->body)
            lead = pool_printf(d->pool, "%.*s%s function '%.*s' (line %u, column %u)", (int)lead.n,
                               lead.p, depth == 0 ? "in" : ", called by", (int)s->name.n, s->name.p,
                               line, column);
        else
            lead =
                pool_printf(d->pool, "%.*s%s function '%.*s' (its parameters)", (int)lead.n, lead.p,
                            depth == 0 ? "in" : ", called by", (int)s->name.n, s->name.p);
        kql_conceal_message(d->pool, s->text, text);
        *at = s->called_at;
        *size = s->called_size;
    }
    return (char *)(uintptr_t)pool_printf(d->pool, "%.*s: %s", (int)lead.n, lead.p, text).p;
}

/* A name can be as long as the query. No character is cut in two. */
static void
cut(char *text, size_t size)
{
    size -= 3;
    while (size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80)
        size--;
    memcpy(text + size, "...", 4);
}

void
kql_complain(struct kql_diagnostics *d, enum kql_code code, uint32_t at, uint32_t size,
             const char *format, ...)
{
    struct kql_diagnostic *item;
    bool is_warning = code == KQL_W_STREAM || code == KQL_W_NOT_BUILT;
    va_list args;
    uint32_t origin = at;
    char *text;
    int length;

    if (!is_warning)
        d->error_count++;
    if (is_known(d, code, at)) {
        d->error_count -= !is_warning;
        return;
    }
    if (d->count == KQL_DIAGNOSTICS_MAX)
        return;
    va_start(args, format);
    length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(length >= 0);
    text = pool_take(d->pool, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    if (length > TEXT_MAX)
        cut(text, TEXT_MAX);
    kql_conceal_message(d->pool, d->query, text);
    text = place_in_query(d, &at, &size, text);
    if (at != origin && code == KQL_E_LIMIT && is_known_at(d, code, at)) {
        d->error_count--; /* each of the functions below would say it */
        return;
    }
    if (d->count == KQL_DIAGNOSTICS_MAX - 1) {
        text = "there is more; mend these first";
        is_warning = is_warning && d->error_count == 0;
    }
    item = &d->items[d->count++];
    *item = (struct kql_diagnostic){.code = code,
                                    .is_warning = is_warning,
                                    .at = at,
                                    .size = size,
                                    .text = text,
                                    .origin = origin};
    place(d->query, at, &item->line, &item->column);
}

/* The line that holds the byte, and a marker below the place. */
static struct span
source_lines(struct pool *p, struct span query, const struct kql_diagnostic *item)
{
    size_t from = item->at < query.n ? item->at : query.n, to = from, mark = 1, ahead;
    char *marker;

    while (from > 0 && query.p[from - 1] != '\n')
        from--;
    while (to < query.n && query.p[to] != '\n' && query.p[to] != '\r')
        to++;
    if (item->at > from + SOURCE_WIDTH_MAX / 2) { /* a long line: what is around the place */
        from = item->at - SOURCE_WIDTH_MAX / 2;
        while (from < to && is_continuation(query.p[from]))
            from++;
    }
    if (to > from + SOURCE_WIDTH_MAX) {
        to = from + SOURCE_WIDTH_MAX;
        while (to > from && is_continuation(query.p[to]))
            to--;
    }
    ahead = item->at > to ? to - from : item->at - from;
    if (item->size > 1)
        mark = item->at + item->size > to && to > item->at ? to - item->at : item->size;
    if (mark > SOURCE_WIDTH_MAX)
        mark = SOURCE_WIDTH_MAX;
    marker = pool_take(p, ahead + mark + 1);
    size_t n = 0;
    for (size_t i = 0; i < ahead; i++) /* tabs stay tabs, so that the marker stands right */
        if (!is_continuation(query.p[from + i]))
            marker[n++] = query.p[from + i] == '\t' ? '\t' : ' ';
    for (size_t i = 0; i < mark; i++)
        if (item->at + i >= query.n || !is_continuation(query.p[item->at + i]))
            marker[n++] = '^';
    return pool_printf(p, "    %.*s\n    %.*s\n", (int)(to - from), query.p + from, (int)n, marker);
}

struct span
kql_diagnostics_print(struct pool *p, const struct kql_diagnostics *d, bool shows_source)
{
    struct span parts[KQL_DIAGNOSTICS_MAX * 2] = {{0}};
    size_t count = 0, size = 0, at = 0;
    struct span query = shows_source ? kql_veil(p, d->query) : d->query;
    char *text;

    for (uint32_t i = 0; i < d->count; i++) {
        const struct kql_diagnostic *item = &d->items[i];

        parts[count] = pool_printf(p, "query:%u:%u: %s %s: %s\n", item->line, item->column,
                                   item->is_warning ? "warning" : "error",
                                   kql_code_name(item->code), item->text);
        size += parts[count++].n;
        if (shows_source) {
            parts[count] = source_lines(p, query, item);
            size += parts[count++].n;
        }
    }
    text = pool_take(p, size + 1);
    for (size_t i = 0; i < count; i++) {
        memcpy(text + at, parts[i].p, parts[i].n);
        at += parts[i].n;
    }
    text[size] = '\0';
    return (struct span){text, size};
}

void
kql_nearest_offer(struct kql_nearest *n, struct span name)
{
    size_t longer = n->wanted.n > name.n ? n->wanted.n : name.n;
    size_t shorter = n->wanted.n + name.n - longer;
    uint32_t most = longer <= 2 ? 0 : longer <= 5 ? 1 : longer <= 9 ? 2 : 3, found;

    if (longer > NEAREST_MAX || longer - shorter > most)
        return;
    found = (uint32_t)spelling_distance(n->wanted, name);
    if (found > most || (n->best.p != NULL && found >= n->distance))
        return;
    n->best = name;
    n->distance = found;
}
