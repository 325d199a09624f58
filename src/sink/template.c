/* template.c - reading a template: its JSON is written out once, as compact text that is cut where a
 * placeholder stands, so that nothing is left to look up when an event comes but the event's own
 * values. */
#include "sink/template.h"
#include "sink/template_inner.h"
#include "wire/json.h"
#include <ctype.h>
#include <stdlib.h>

enum { PLACE_SIZE = 240, MAPS_MAX = 32, MAP_ENTRIES_MAX = 200 };

struct reader {
    struct template *t;
    const char *name; /* of the template */
    const struct template_value *values;
    size_t value_count;
    char place[PLACE_SIZE]; /* "variants.alert.text" */
    size_t place_size;
    unsigned variant;
    struct buffer literal; /* what was written since the last placeholder */
    struct err *err;
};

/* ---- memory ---- */

static void *
take(struct reader *r, size_t size)
{
    struct template_block *b = calloc(1, sizeof *b + size + 1);

    if (b == NULL) {
        (void)err_set(r->err, ST_FULL, "no memory for the template %s", r->name);
        return NULL;
    }
    b->size = size;
    b->next = r->t->blocks;
    r->t->blocks = b;
    return b->bytes;
}

static bool
keep(struct reader *r, struct span text, struct span *out)
{
    char *copy = take(r, text.n);

    if (copy == NULL)
        return false;
    memcpy(copy, text.p, text.n);
    *out = (struct span){copy, text.n};
    return true;
}

void
template_free(struct template *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < TEMPLATE_VARIANTS; i++)
        free(t->variants[i].pieces);
    while (t->blocks != NULL) { /* values of the configuration may be secrets */
        struct template_block *b = t->blocks;

        t->blocks = b->next;
        explicit_bzero(b, sizeof *b + b->size);
        free(b);
    }
    free(t);
}

static enum status
fail(const struct reader *r, const char *what, struct span which)
{
    return err_set(r->err, ST_INVALID, "template %s: %s: %s%.*s", r->name, r->place, what,
                   (int)(which.n < 60 ? which.n : 60), which.p);
}

static struct template_piece *
piece_add(struct reader *r)
{
    struct template *t = r->t;
    size_t v = r->variant;

    if (t->variants[v].count == t->variants[v].room) {
        size_t room = t->variants[v].room == 0 ? 16 : 2 * t->variants[v].room;
        struct template_piece *larger = realloc(t->variants[v].pieces, room * sizeof *larger);

        if (larger == NULL) {
            (void)err_set(r->err, ST_FULL, "no memory for the template %s", r->name);
            return NULL;
        }
        t->variants[v].pieces = larger;
        t->variants[v].room = room;
    }
    struct template_piece *p = &t->variants[v].pieces[t->variants[v].count++];

    memset(p, 0, sizeof *p);
    return p;
}

static bool
literal_flush(struct reader *r)
{
    struct template_piece *p;

    if (r->literal.n == 0)
        return true;
    p = piece_add(r);
    if (p == NULL || !keep(r, (struct span){r->literal.p, r->literal.n}, &p->literal))
        return false;
    r->literal.n = 0;
    return true;
}

static enum status
literal_add(struct reader *r, struct span s, bool escapes)
{
    if (escapes ? buffer_escape(&r->literal, s) : buffer_add(&r->literal, s))
        return ST_OK;
    return err_set(r->err, ST_FULL, "no memory for the template %s", r->name);
}

/* ---- placeholders ---- */

static const struct filter_row {
    const char *name;
    enum { TAKES_NOTHING, TAKES_TEXT, TAKES_NUMBER, TAKES_SOURCE, TAKES_MAP } takes;
} filters[FILTER_KINDS] = {
    [FILTER_DEFAULT] = {"default",  TAKES_TEXT   },
    [FILTER_OR] = {"or",       TAKES_SOURCE },
    [FILTER_MAP] = {"map",      TAKES_MAP    },
    [FILTER_TRUNCATE] = {"truncate", TAKES_NUMBER },
    [FILTER_UPPER] = {"upper",    TAKES_NOTHING},
    [FILTER_LOWER] = {"lower",    TAKES_NOTHING},
    [FILTER_HASH] = {"hash",     TAKES_NOTHING},
    [FILTER_JOIN] = {"join",     TAKES_TEXT   },
    [FILTER_PLAIN] = {"plain",    TAKES_NOTHING},
    [FILTER_SLACK] = {"slack",    TAKES_NOTHING},
    [FILTER_MARKDOWN] = {"markdown", TAKES_NOTHING},
    [FILTER_RAW] = {"raw",      TAKES_NOTHING},
};

static void
blanks_skip(struct span *rest)
{
    while (rest->n > 0 && (*rest->p == ' ' || *rest->p == '\t' || *rest->p == '\n'))
        rest->p++, rest->n--;
}

static struct span
word_take(struct span *rest)
{
    struct span word = {rest->p, 0};

    while (rest->n > 0 && (isalnum((unsigned char)*rest->p) || *rest->p == '_'))
        rest->p++, rest->n--, word.n++;
    return word;
}

static enum status
quoted_take(struct reader *r, struct span *rest, struct span *out)
{
    const char *end =
        rest->n > 1 && *rest->p == '\'' ? memchr(rest->p + 1, '\'', rest->n - 1) : NULL;

    if (end == NULL)
        return fail(r, "a text in '...' is wanted before ", *rest);
    struct span text = {rest->p + 1, (size_t)(end - rest->p) - 1};

    rest->n -= text.n + 2;
    rest->p = end + 1;
    return keep(r, text, out) ? ST_OK : ST_FULL;
}

static enum status
source_take(struct reader *r, struct span *rest, struct template_source *s)
{
    static const struct {
        const char *name;
        enum source_kind kind;
    } own[] = {
        {"id",     SOURCE_ID      },
        {"source", SOURCE_CATEGORY},
        {"tenant", SOURCE_TENANT  },
    };
    struct span text;
    struct err why;
    size_t used;

    if (rest->n > 0 && *rest->p == '\'') {
        s->kind = SOURCE_TEXT;
        return quoted_take(r, rest, &s->text);
    }
    if (rest->n > 0 && *rest->p == '@') {
        rest->p++, rest->n--;
        struct span name = word_take(rest);

        for (size_t i = 0; i < COUNT_OF(own); i++)
            if (span_is(name, own[i].name)) {
                s->kind = own[i].kind;
                return ST_OK;
            }
        for (size_t i = 0; i < r->value_count; i++)
            if (span_is(name, r->values[i].name)) {
                s->kind = SOURCE_TEXT;
                return keep(r, span_of(r->values[i].value), &s->text) ? ST_OK : ST_FULL;
            }
        return fail(r, "it wants a value that template_values does not give: ", name);
    }
    /* Names lend from the text that is read: from a copy that stays. */
    if (!keep(r, *rest, &text))
        return ST_FULL;
    if (json_path_read(text, &s->path, &used, &why) != ST_OK)
        return fail(r, why.text, (struct span){"", 0});
    rest->p += used;
    rest->n -= used;
    s->kind = SOURCE_PATH;
    return ST_OK;
}

static enum status
filter_take(struct reader *r, struct span *rest, struct template_filter *f)
{
    struct span name = word_take(rest), argument;
    size_t kind = 0;

    while (kind < FILTER_KINDS && !span_is(name, filters[kind].name))
        kind++;
    if (kind == FILTER_KINDS)
        return fail(r, name.n == 0 ? "a filter is wanted before " : "there is no filter ",
                    name.n == 0 ? *rest : name);
    f->kind = (enum filter_kind)kind;
    blanks_skip(rest);
    switch (filters[kind].takes) {
    case TAKES_TEXT:
        return quoted_take(r, rest, &f->text);
    case TAKES_SOURCE:
        return source_take(r, rest, &f->other);
    case TAKES_NUMBER:
        argument = word_take(rest);
        for (size_t i = 0; i < argument.n; i++) {
            if (!isdigit((unsigned char)argument.p[i]) || f->number > 1000000)
                return fail(r, "this is no number of characters: ", argument);
            f->number = f->number * 10 + (size_t)(argument.p[i] - '0');
        }
        return f->number == 0
                   ? fail(r, "truncate wants a number of characters", (struct span){"", 0})
                   : ST_OK;
    case TAKES_MAP:
        argument = word_take(rest);
        for (size_t i = 0; i < r->t->map_count; i++)
            if (span_is(argument, r->t->maps[i].name)) {
                f->map = &r->t->maps[i];
                return ST_OK;
            }
        return fail(r, "\"maps\" has no map ", argument);
    default:
        return ST_OK;
    }
}

/* *rest stands behind "{{". */
static enum status
placeholder_take(struct reader *r, struct span *rest, bool is_first)
{
    struct template_piece read = {0}, *p;
    enum status st;

    blanks_skip(rest);
    st = source_take(r, rest, &read.source);
    blanks_skip(rest);
    while (st == ST_OK && rest->n > 0 && *rest->p == '|') {
        rest->p++, rest->n--;
        blanks_skip(rest);
        if (read.is_raw)
            return fail(r, "raw must be the last filter", (struct span){"", 0});
        if (read.filter_count == TEMPLATE_FILTERS_MAX)
            return fail(r, "a placeholder has too many filters", (struct span){"", 0});
        st = filter_take(r, rest, &read.filters[read.filter_count]);
        read.is_raw = read.filters[read.filter_count++].kind == FILTER_RAW;
        blanks_skip(rest);
    }
    if (st != ST_OK)
        return st;
    if (rest->n < 2 || memcmp(rest->p, "}}", 2) != 0)
        return fail(r, "}} is wanted before ", rest->n > 0 ? *rest : SPAN_LITERAL("the end"));
    rest->p += 2;
    rest->n -= 2;
    if (read.is_raw && (!is_first || rest->n > 0))
        return fail(r, "raw must stand alone in its string", (struct span){"", 0});
    if (read.is_raw)
        r->literal.n--; /* the quote */
    if (!literal_flush(r) || (p = piece_add(r)) == NULL)
        return ST_FULL;
    *p = read;
    return ST_OK;
}

static enum status
string_write(struct reader *r, struct span rest)
{
    size_t size = rest.n;
    enum status st = literal_add(r, SPAN_LITERAL("\""), false);
    bool is_raw = false;

    while (st == ST_OK && rest.n > 0) {
        const char *open = memmem(rest.p, rest.n, "{{", 2);
        struct span plain = {rest.p, open == NULL ? rest.n : (size_t)(open - rest.p)};

        st = literal_add(r, plain, true);
        rest.p += plain.n;
        rest.n -= plain.n;
        if (st != ST_OK || open == NULL)
            continue;
        bool is_first = rest.n == size;

        rest.p += 2;
        rest.n -= 2;
        st = placeholder_take(r, &rest, is_first);
        if (st == ST_OK) {
            size_t count = r->t->variants[r->variant].count;

            is_raw = r->t->variants[r->variant].pieces[count - 1].is_raw;
        }
    }
    return st != ST_OK || is_raw ? st : literal_add(r, SPAN_LITERAL("\""), false);
}

/* ---- the document ---- */

static size_t
place_push(struct reader *r, const char *format, const char *name, size_t index)
{
    size_t before = r->place_size, room = sizeof r->place - before;
    int n = format[0] == '['
                ? snprintf(r->place + before, room, "[%zu]", index)
                : snprintf(r->place + before, room, "%s%.60s", before > 0 ? "." : "", name);

    r->place_size = before + (n > 0 && (size_t)n < room ? (size_t)n : room - 1);
    return before;
}

static void
place_pop(struct reader *r, size_t before)
{
    r->place_size = before;
    r->place[before] = '\0';
}

static enum status value_write(struct reader *r, const json_t *value, unsigned depth);

static enum status
object_write(struct reader *r, const json_t *object, unsigned depth)
{
    enum status st = literal_add(r, SPAN_LITERAL("{"), false);
    bool is_first = true;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t before = place_push(r, "name", key, 0);

        if (st == ST_OK)
            st = literal_add(r, is_first ? SPAN_LITERAL("\"") : SPAN_LITERAL(",\""), false);
        if (st == ST_OK)
            st = literal_add(r, span_of(key), true);
        if (st == ST_OK)
            st = literal_add(r, SPAN_LITERAL("\":"), false);
        if (st == ST_OK)
            st = value_write(r, value, depth);
        if (st != ST_OK)
            return st;
        is_first = false;
        place_pop(r, before);
    }
    return st == ST_OK ? literal_add(r, SPAN_LITERAL("}"), false) : st;
}

static enum status
value_write(struct reader *r, const json_t *value, unsigned depth)
{
    enum status st;
    char *text;

    if (depth > TEMPLATE_DEPTH_MAX)
        return fail(r, "it is nested too deep", (struct span){"", 0});
    if (json_is_string(value))
        return string_write(r, (struct span){json_string_value(value), json_string_length(value)});
    if (json_is_object(value))
        return object_write(r, value, depth + 1);
    if (json_is_array(value)) {
        st = literal_add(r, SPAN_LITERAL("["), false);
        for (size_t i = 0; i < json_array_size(value) && st == ST_OK; i++) {
            size_t before = place_push(r, "[", NULL, i);

            if (i > 0)
                st = literal_add(r, SPAN_LITERAL(","), false);
            if (st == ST_OK)
                st = value_write(r, json_array_get(value, i), depth + 1);
            if (st == ST_OK)
                place_pop(r, before);
        }
        return st == ST_OK ? literal_add(r, SPAN_LITERAL("]"), false) : st;
    }
    text = json_dumps(value, JSON_ENCODE_ANY);
    if (text == NULL)
        return err_set(r->err, ST_FULL, "no memory for the template %s", r->name);
    st = literal_add(r, span_of(text), false);
    free(text);
    return st;
}

static enum status
map_read(struct reader *r, const char *name, const json_t *object)
{
    struct template_map *map = &r->t->maps[r->t->map_count];
    size_t count = json_object_size(object);
    struct span text;
    const char *key;
    json_t *value;

    if (!json_is_object(object) || count == 0 || count > MAP_ENTRIES_MAX)
        return fail(r, "a map is an object of texts, at most 200", (struct span){"", 0});
    map->entries = take(r, count * sizeof *map->entries);
    if (map->entries == NULL || !keep(r, span_of(name), &text))
        return ST_FULL;
    map->name = text.p;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t before = place_push(r, "name", key, 0);

        if (!json_is_string(value))
            return fail(r, "a text is wanted", (struct span){"", 0});
        if (!keep(r, span_of(json_string_value(value)), &text))
            return ST_FULL;
        if (strcmp(key, "*") == 0) {
            map->rest = text.p;
        } else {
            map->entries[map->count].to = text.p;
            if (!keep(r, span_of(key), &text))
                return ST_FULL;
            map->entries[map->count++].from = text.p;
        }
        place_pop(r, before);
    }
    r->t->map_count++;
    return ST_OK;
}

static enum status
maps_read(struct reader *r, const json_t *maps)
{
    size_t count = json_object_size(maps), before = place_push(r, "name", "maps", 0);
    enum status st = ST_OK;
    const char *name;
    json_t *map;

    if (maps != NULL && (!json_is_object(maps) || count > MAPS_MAX))
        return fail(r, "an object of maps is wanted, at most 32", (struct span){"", 0});
    r->t->maps = count == 0 ? NULL : take(r, count * sizeof *r->t->maps);
    if (count > 0 && r->t->maps == NULL)
        return ST_FULL;
    json_object_foreach((json_t *)(uintptr_t)maps, name, map)
    {
        size_t within = place_push(r, "name", name, 0);

        st = map_read(r, name, map);
        if (st != ST_OK)
            return st;
        place_pop(r, within);
    }
    place_pop(r, before);
    return st;
}

static const char *const variant_names[TEMPLATE_VARIANTS] = {
    [TEMPLATE_ALERT] = "alert",
    [TEMPLATE_RECOMMENDATION] = "recommendation",
    [TEMPLATE_EVENT] = "event",
};

static enum status
variants_read(struct reader *r, const json_t *variants)
{
    size_t before = place_push(r, "name", "variants", 0);
    const char *name;
    json_t *value;

    if (!json_is_object(variants) || json_object_get(variants, "event") == NULL)
        return fail(r,
                    "an object with alert, recommendation and event is wanted; event must be "
                    "there",
                    (struct span){"", 0});
    json_object_foreach((json_t *)(uintptr_t)variants, name, value)
    {
        size_t within = place_push(r, "name", name, 0);
        enum status st;

        for (r->variant = 0; r->variant < TEMPLATE_VARIANTS; r->variant++)
            if (strcmp(variant_names[r->variant], name) == 0)
                break;
        if (r->variant == TEMPLATE_VARIANTS)
            return fail(r, "there is no such variant: alert, recommendation or event",
                        (struct span){"", 0});
        st = value_write(r, value, 1);
        if (st == ST_OK && !literal_flush(r))
            st = ST_FULL;
        if (st != ST_OK)
            return st;
        r->t->variants[r->variant].is_there = true;
        place_pop(r, within);
    }
    place_pop(r, before);
    return ST_OK;
}

static enum status
document_read(struct reader *r, const json_t *document)
{
    static const char *const known[] = {"description", "maps", "variants"};
    enum status st;
    const char *key;
    json_t *value;

    if (!json_is_object(document))
        return err_set(r->err, ST_INVALID, "template %s: a JSON object is wanted", r->name);
    json_object_foreach((json_t *)(uintptr_t)document, key, value)
    {
        size_t i = 0;

        while (i < COUNT_OF(known) && strcmp(key, known[i]) != 0)
            i++;
        if (i == COUNT_OF(known))
            return err_set(r->err, ST_INVALID,
                           "template %s: there is no '%.60s': description, maps, variants", r->name,
                           key);
    }
    st = maps_read(r, json_object_get(document, "maps"));
    return st == ST_OK ? variants_read(r, json_object_get(document, "variants")) : st;
}

enum status
template_read(struct span json, const char *place, const struct template_value *values,
              size_t value_count, struct template **out, struct err *err)
{
    struct reader r = {.name = place, .values = values, .value_count = value_count, .err = err};
    json_error_t why;
    json_t *document;
    enum status st;

    if (json.n > TEMPLATE_SIZE_MAX)
        return err_set(err, ST_INVALID, "template %s has more than %d bytes", place,
                       TEMPLATE_SIZE_MAX);
    document = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);
    if (document == NULL)
        return err_set(err, ST_INVALID, "template %s: line %d, column %d: %.150s", place, why.line,
                       why.column, why.text);
    r.t = calloc(1, sizeof *r.t);
    st = r.t == NULL ? err_set(err, ST_FULL, "no memory for the template %s", place)
                     : document_read(&r, document);
    json_decref(document);
    if (r.literal.p != NULL)
        explicit_bzero(r.literal.p, r.literal.room);
    free(r.literal.p);
    if (st != ST_OK) {
        template_free(r.t);
        return st;
    }
    *out = r.t;
    return ST_OK;
}
