/* import_walk.c - see import_walk.h. A pull reader with one buffer; values that are taken are copied out of
 * it as they are skimmed, so that a value may be longer than the buffer. */
#include "posture/import_walk.h"
#include <stdlib.h>

enum { BUFFER_SIZE = 128 << 10 };

bool
import_walk_open(struct walk *w, struct import_run *r)
{
    *w = (struct walk){.r = r, .buffer = malloc(BUFFER_SIZE)};
    if (w->buffer != NULL)
        return true;
    w->st = err_set(r->err, ST_IO, "%s: no memory to read it", r->in->name);
    return false;
}

void
import_walk_close(struct walk *w)
{
    free(w->buffer);
    free(w->item);
    *w = (struct walk){.st = w->st};
}

uint64_t
import_walk_place(const struct walk *w)
{
    return w->offset + w->at;
}

bool
import_walk_fault(struct walk *w, uint64_t at, const char *format, ...)
{
    char text[240];
    va_list args;

    if (w->st != ST_OK)
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    w->st = import_fault(w->r, at != 0 ? at : w->item_at, "%s%s%s", w->path,
                         w->path[0] != '\0' ? ": " : "", text);
    return false;
}

/* The next byte without going over it; -1: the end, or st. */
static int
look(struct walk *w)
{
    size_t got = 0;

    if (w->at < w->end)
        return (unsigned char)w->buffer[w->at];
    if (w->is_last || w->st != ST_OK)
        return -1;
    w->offset += w->end;
    w->at = w->end = 0;
    w->st = w->r->in->read(w->r->in->context, w->buffer, BUFFER_SIZE, &got, w->r->err);
    if (w->st != ST_OK)
        return -1;
    w->is_last = got == 0;
    w->end = got;
    return got == 0 ? -1 : (unsigned char)w->buffer[0];
}

static bool
cut_off(struct walk *w)
{
    return import_walk_fault(
        w, import_walk_place(w),
        "the file ends here, in the middle: it was cut off; write the report again");
}

int
import_walk_peek(struct walk *w)
{
    int c;

    /* a byte order mark may stand at the very start */
    if (w->offset + w->at == 0 && look(w) == 0xef)
        for (size_t i = 0; i < 3 && look(w) == (unsigned char)"\xef\xbb\xbf"[i]; i++)
            w->at++;
    while ((c = look(w)) == ' ' || c == '\n' || c == '\r' || c == '\t')
        w->at++;
    return c;
}

/* "a string", "the end of the file" */
static const char *
seen_name(int c, char out[24])
{
    if (c < 0)
        return "the end of the file";
    if (c >= 0x20 && c < 0x7f)
        snprintf(out, 24, "'%c'", c);
    else
        snprintf(out, 24, "byte 0x%02x", c);
    return out;
}

static bool
expect(struct walk *w, char what, const char *why)
{
    int c = import_walk_peek(w);
    char seen[24];

    if (c == what) {
        w->at++;
        return true;
    }
    if (c < 0)
        return w->st == ST_OK && cut_off(w);
    return import_walk_fault(w, import_walk_place(w),
                             "%s stands where %s belongs: this is not the report it "
                             "should be, or it was edited",
                             seen_name(c, seen), why);
}

bool
import_walk_enter(struct walk *w, char bracket)
{
    return expect(w, bracket, bracket == '{' ? "an object" : "an array");
}

/* Over the comma before the next entry, or the closing bracket (false). */
static bool
step(struct walk *w, struct walk_list *list, char close)
{
    bool is_first = !list->is_begun;

    list->is_begun = true;
    if (import_walk_peek(w) == close) {
        w->at++;
        return false;
    }
    return is_first || expect(w, ',', "a comma");
}

bool
import_walk_element(struct walk *w, struct walk_list *list)
{
    return w->st == ST_OK && step(w, list, ']');
}

bool
import_walk_record(struct walk *w)
{
    while (import_walk_peek(w) == ',')
        w->at++;
    return w->st == ST_OK && import_walk_peek(w) >= 0;
}

static bool
keep(struct walk *w, bool is_kept, const char *p, size_t n)
{
    if (!is_kept)
        return true;
    if (n > IMPORT_ITEM_MAX - w->item_size)
        return import_walk_fault(w, 0, "longer than %d bytes: leave it out of the report",
                                 IMPORT_ITEM_MAX);
    if (n > w->item_room - w->item_size) {
        size_t room = w->item_room * 2 + n + (64 << 10);
        char *item = realloc(w->item, room);

        if (item == NULL) {
            w->st = err_set(w->r->err, ST_IO, "%s: no memory for %s", w->r->in->name, w->path);
            return false;
        }
        w->item = item;
        w->item_room = room;
    }
    memcpy(w->item + w->item_size, p, n);
    w->item_size += n;
    return true;
}

static bool
keep_byte(struct walk *w, bool is_kept)
{
    w->at++;
    return keep(w, is_kept, w->buffer + w->at - 1, 1);
}

/* A string from its opening quote on; 'is_kept': into the item. */
static bool
string(struct walk *w, bool is_kept)
{
    bool is_escaped = false;

    if (!keep_byte(w, is_kept))
        return false;
    for (;;) {
        size_t from, at;

        if (look(w) < 0)
            return w->st == ST_OK && cut_off(w);
        from = at = w->at;
        if (is_escaped) {
            at++;
            is_escaped = false;
        }
        while (at < w->end && w->buffer[at] != '"' && w->buffer[at] != '\\')
            at++;
        w->at = at;
        if (!keep(w, is_kept, w->buffer + from, at - from))
            return false;
        if (at == w->end)
            continue;
        is_escaped = w->buffer[at] == '\\';
        if (!keep_byte(w, is_kept))
            return false;
        if (!is_escaped)
            return true;
    }
}

static bool
scalar_byte(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

static bool
value(struct walk *w, bool is_kept)
{
    char stack[IMPORT_DEPTH_MAX];
    size_t depth = 0;
    char seen[24];

    do {
        int c = import_walk_peek(w);

        if (c < 0)
            return w->st == ST_OK && cut_off(w);
        if (c == '"') {
            if (!string(w, is_kept))
                return false;
            continue;
        }
        if (c == '{' || c == '[') {
            if (depth == IMPORT_DEPTH_MAX)
                return import_walk_fault(w, import_walk_place(w), "nested deeper than %d",
                                         IMPORT_DEPTH_MAX);
            stack[depth++] = c == '{' ? '}' : ']';
        } else if (depth > 0 && c == stack[depth - 1]) {
            depth--;
        } else if (!(depth > 0 && (c == ',' || c == ':')) && !scalar_byte(c)) {
            return import_walk_fault(w, import_walk_place(w), "%s stands where a value belongs",
                                     seen_name(c, seen));
        }
        if (!keep_byte(w, is_kept))
            return false;
        if (scalar_byte(c))
            while (scalar_byte(look(w)))
                if (!keep_byte(w, is_kept))
                    return false;
        if (w->st != ST_OK)
            return false;
    } while (depth > 0);
    return true;
}

bool
import_walk_skip(struct walk *w)
{
    return w->st == ST_OK && value(w, false);
}

static bool
take(struct walk *w)
{
    if (w->st != ST_OK)
        return false;
    w->item_size = 0;
    import_walk_peek(w);
    w->item_at = import_walk_place(w);
    return value(w, true);
}

bool
import_walk_member(struct walk *w, struct walk_list *list, char key[WALK_KEY_SIZE])
{
    size_t n;

    if (w->st != ST_OK || !step(w, list, '}'))
        return false;
    if (import_walk_peek(w) != '"')
        return expect(w, '"', "a member's name");
    if (!take(w))
        return false;
    n = w->item_size - 2 < WALK_KEY_SIZE - 1 ? w->item_size - 2 : WALK_KEY_SIZE - 1;
    memcpy(key, w->item + 1, n);
    key[n] = '\0';
    return expect(w, ':', "a colon");
}

json_t *
import_walk_tree(struct walk *w, json_type type, const char *what)
{
    json_error_t error;
    json_t *tree;

    if (!take(w))
        return NULL;
    /* an integer too large for us, in data that is not read, must not spoil a report */
    tree = json_loadb(w->item, w->item_size,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (tree == NULL) {
        uint64_t place = error.position > 0 ? (uint64_t)error.position : 0;

        import_walk_fault(w, w->item_at + place, "not valid JSON: %s", error.text);
        return NULL;
    }
    if (json_typeof(tree) == type)
        return tree;
    json_decref(tree);
    import_walk_fault(w, w->item_at,
                      "something else stands where %s belongs: this is not the report it "
                      "should be, or it was edited",
                      what);
    return NULL;
}

bool
import_walk_string(struct walk *w, char *out, size_t room)
{
    json_t *text;
    size_t n;

    if (import_walk_peek(w) == 'n') {
        out[0] = '\0';
        return import_walk_skip(w);
    }
    text = import_walk_tree(w, JSON_STRING, "a string");
    if (text == NULL)
        return false;
    n = json_string_length(text) < room ? json_string_length(text) : room - 1;
    memcpy(out, json_string_value(text), n);
    out[n] = '\0';
    json_decref(text);
    return true;
}

struct span
import_tree_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return (struct span){json_is_string(value) ? json_string_value(value) : "",
                         json_string_length(value)};
}

struct span
import_tree_text_in(const json_t *object, const char *key, const char *inner)
{
    return import_tree_text(json_object_get(object, key), inner);
}

int64_t
import_tree_integer(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    double x = json_number_value(value);

    return json_is_number(value) && x > -1e15 && x < 1e15 ? (int64_t)x : otherwise;
}
