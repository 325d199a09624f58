/* tree.c - one pass without recursion: the way up from a finished object or array is kept where its
 * 'next' will stand. White space between tokens is rare (documents are stored compact), so it is only
 * noticed; where there was some, the text is compacted and read once more. */
#include "wire/tree.h"
#include "base/utf8.h"
#include <assert.h>
#include <stdlib.h>

struct reader {
    struct tree *tree;
    const char *start, *p, *end;
    size_t decoded_room;
    uint32_t open, depth; /* the object or array being read */
    bool has_blank;
    struct err *err;
};

#define NO_NODE UINT32_MAX

static enum status
wrong(struct reader *r, const char *what)
{
    return err_set(r->err, ST_INVALID, "not JSON at byte %zu: %s", (size_t)(r->p - r->start), what);
}

static void
skip_blank(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t')) {
        r->p++;
        r->has_blank = true;
    }
}

static enum status
room_for(struct tree *t, uint32_t more, struct err *err)
{
    struct tree_node *nodes;
    size_t room = t->room;

    if (more <= t->room - t->count)
        return ST_OK;
    while (room < (size_t)t->count + more)
        room = room * 2 + 16;
    nodes = room < NO_NODE ? realloc(t->nodes, room * sizeof *nodes) : NULL;
    if (nodes == NULL)
        return err_set(err, ST_FULL, "no memory for %zu parts of a document", room);
    t->nodes = nodes;
    t->room = (uint32_t)room;
    return ST_OK;
}

/* ---- strings ---- */

/* Bytes of the UTF-8 sequence at p; 0: it is none (RFC 3629). */
static size_t
utf8_size(const char *p, const char *end)
{
    const unsigned char *c = (const unsigned char *)p;
    size_t left = (size_t)(end - p);

#define IS_TAIL(i) ((c[i] & 0xc0) == 0x80)
    if (c[0] >= 0xc2 && c[0] < 0xe0)
        return left >= 2 && IS_TAIL(1) ? 2 : 0;
    if (c[0] >= 0xe0 && c[0] < 0xf0) {
        if (left < 3 || !IS_TAIL(1) || !IS_TAIL(2))
            return 0;
        if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0))
            return 0; /* overlong; surrogate */
        return 3;
    }
    if (c[0] >= 0xf0 && c[0] < 0xf5) {
        if (left < 4 || !IS_TAIL(1) || !IS_TAIL(2) || !IS_TAIL(3))
            return 0;
        if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90))
            return 0; /* overlong; beyond U+10FFFF */
        return 4;
    }
#undef IS_TAIL
    return 0;
}

static bool
read_hex(const char *p, const char *end, uint32_t *out)
{
    *out = 0;
    if (end - p < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;

        if (digit > 15)
            return false;
        *out = *out << 4 | digit;
    }
    return true;
}

/* \uXXXX at p (behind the u), with its low half if it has one. NULL: no escape. */
static const char *
decode_unicode(const char *p, const char *end, char *out, size_t *size)
{
    uint32_t c, low;

    if (!read_hex(p, end, &c))
        return NULL;
    p += 4;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
        read_hex(p + 2, end, &low) && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        p += 6;
    }
    if (c >= 0xd800 && c < 0xe000)
        c = 0xfffd;
    *size = utf8_put(c, out);
    return p;
}

/* One escape at p (behind its backslash). */
static const char *
decode_escape(const char *p, const char *end, char *out, size_t *size)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *at;

    if (p >= end || *p == '\0')
        return NULL;
    if (*p == 'u')
        return decode_unicode(p + 1, end, out, size);
    at = strchr(names, *p);
    if (at == NULL)
        return NULL;
    *out = values[at - names];
    *size = 1;
    return p + 1;
}

/* What is decoded is never longer than it was written, so the document's size is room enough for
 * all of it. */
static enum status
decode(struct reader *r, const char *p, const char *end, struct span *text)
{
    struct tree *t = r->tree;
    char *out;

    if (t->decoded == NULL) {
        t->decoded = malloc(r->decoded_room);
        if (t->decoded == NULL)
            return err_set(r->err, ST_FULL, "no memory for a document of %zu bytes",
                           r->decoded_room);
    }
    out = t->decoded + t->decoded_size;
    text->p = out;
    while (p < end) {
        size_t size;
        const char *backslash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((backslash != NULL ? backslash : end) - p);

        memcpy(out, p, plain);
        out += plain;
        if (backslash == NULL)
            break;
        p = decode_escape(backslash + 1, end, out, &size);
        assert(p != NULL); /* read_string has seen it */
        out += size;
    }
    text->n = (size_t)(out - text->p);
    t->decoded_size += text->n;
    return ST_OK;
}

/* A string whose opening quote is at p: *raw with its quotes, *text what it says. */
static enum status
read_string(struct reader *r, struct span *raw, struct span *text)
{
    const char *start = r->p++;
    bool is_escaped = false;
    char ignored[4];
    size_t size;

    for (;;) {
        unsigned char c;

        if (r->p == r->end)
            return wrong(r, "a string has no end");
        c = (unsigned char)*r->p;
        if (c == '"')
            break;
        if (c < 0x20)
            return wrong(r, "a control character stands in a string");
        if (c == '\\') {
            const char *behind = decode_escape(r->p + 1, r->end, ignored, &size);

            if (behind == NULL)
                return wrong(r, "no such escape");
            is_escaped = true;
            r->p = behind;
        } else if (c < 0x80) {
            r->p++;
        } else {
            size = utf8_size(r->p, r->end);
            if (size == 0)
                return wrong(r, "not UTF-8");
            r->p += size;
        }
    }
    r->p++;
    *raw = (struct span){start, (size_t)(r->p - start)};
    *text = (struct span){start + 1, raw->n - 2};
    return is_escaped ? decode(r, text->p, text->p + text->n, text) : ST_OK;
}

/* ---- other scalars ---- */

static bool
read_digits(struct reader *r)
{
    const char *start = r->p;

    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        r->p++;
    return r->p > start;
}

static enum status
read_number(struct reader *r)
{
    const char *start;

    if (*r->p == '-')
        r->p++;
    start = r->p;
    if (!read_digits(r) || (*start == '0' && r->p - start > 1))
        return wrong(r, "no such number");
    if (r->p < r->end && *r->p == '.') {
        r->p++;
        if (!read_digits(r))
            return wrong(r, "no such number");
    }
    if (r->p < r->end && (*r->p == 'e' || *r->p == 'E')) {
        r->p++;
        if (r->p < r->end && (*r->p == '-' || *r->p == '+'))
            r->p++;
        if (!read_digits(r))
            return wrong(r, "no such number");
    }
    return ST_OK;
}

static enum status
read_word(struct reader *r, const char *word)
{
    size_t size = strlen(word);

    if ((size_t)(r->end - r->p) < size || memcmp(r->p, word, size) != 0)
        return wrong(r, "no such value");
    r->p += size;
    return ST_OK;
}

/* ---- values ---- */

static enum status
read_scalar(struct reader *r, struct tree_node *n)
{
    const char *start = r->p;
    struct span raw, text;
    enum status st;

    if (*start == '"') {
        n->kind = SCAN_STRING;
        st = read_string(r, &raw, &text);
        if (st != ST_OK)
            return st;
        n->raw = raw.p, n->raw_size = (uint32_t)raw.n;
        n->text = text.p, n->text_size = (uint32_t)text.n;
        return ST_OK;
    }
    if (*start == 't') {
        n->kind = SCAN_TRUE;
        st = read_word(r, "true");
    } else if (*start == 'f') {
        n->kind = SCAN_FALSE;
        st = read_word(r, "false");
    } else if (*start == 'n') {
        n->kind = SCAN_NULL;
        st = read_word(r, "null");
    } else if (*start == '-' || (*start >= '0' && *start <= '9')) {
        n->kind = SCAN_NUMBER;
        st = read_number(r);
    } else {
        st = wrong(r, "a value is missing");
    }
    n->raw = n->text = start;
    n->raw_size = n->text_size = (uint32_t)(r->p - start);
    return st;
}

/* Reads a value's beginning (or all of it, if it has no inside) into a new node. */
static enum status
read_value(struct reader *r, struct span key)
{
    struct tree *t = r->tree;
    struct tree_node *n;
    enum status st = room_for(t, 1, r->err);

    if (st != ST_OK)
        return st;
    n = &t->nodes[t->count];
    *n = (struct tree_node){.key = key.p, .key_size = (uint32_t)key.n};
    if (r->open != NO_NODE)
        t->nodes[r->open].count++;
    t->count++;
    if (*r->p == '{' || *r->p == '[') {
        if (++r->depth > TREE_DEPTH_MAX)
            return wrong(r, "nested too deeply");
        n->kind = *r->p == '{' ? SCAN_OBJECT : SCAN_ARRAY;
        n->raw = n->text = r->p++;
        n->next = r->open; /* the way up, until it is closed */
        r->open = t->count - 1;
        return ST_OK;
    }
    n->next = t->count;
    return read_scalar(r, n);
}

static void
close_open(struct reader *r)
{
    struct tree_node *n = &r->tree->nodes[r->open];
    uint32_t up = n->next;

    r->p++;
    n->raw_size = n->text_size = (uint32_t)(r->p - n->raw);
    n->next = r->tree->count;
    r->open = up;
    r->depth--;
}

static enum status
read_key(struct reader *r, struct span *key)
{
    struct span raw;
    enum status st;

    if (r->p == r->end || *r->p != '"')
        return wrong(r, "a member's name is missing");
    st = read_string(r, &raw, key);
    if (st != ST_OK)
        return st;
    skip_blank(r);
    if (r->p == r->end || *r->p != ':')
        return wrong(r, "':' is missing");
    r->p++;
    skip_blank(r);
    return ST_OK;
}

/* What stands next inside of the open object or array. */
static enum status
read_part(struct reader *r)
{
    const struct tree_node *n = &r->tree->nodes[r->open];
    bool is_object = n->kind == SCAN_OBJECT;
    struct span key = {NULL, 0};
    enum status st;

    skip_blank(r);
    if (r->p < r->end && *r->p == (is_object ? '}' : ']')) {
        close_open(r);
        return ST_OK;
    }
    if (n->count > 0) {
        if (r->p == r->end || *r->p != ',')
            return wrong(r, is_object ? "',' or '}' is missing" : "',' or ']' is missing");
        r->p++;
        skip_blank(r);
    }
    if (is_object) {
        st = read_key(r, &key);
        if (st != ST_OK)
            return st;
    }
    if (r->p == r->end)
        return wrong(r, "a value is missing");
    return read_value(r, key);
}

static enum status
parse(struct tree *t, struct span text, bool *has_blank, struct err *err)
{
    struct reader r = {.tree = t,
                       .start = text.p,
                       .p = text.p,
                       .end = text.p + text.n,
                       .decoded_room = text.n,
                       .open = NO_NODE,
                       .err = err};
    enum status st;

    t->count = 0;
    t->decoded_size = 0;
    skip_blank(&r);
    r.has_blank = false;
    if (r.p == r.end)
        return wrong(&r, "there is nothing");
    st = read_value(&r, (struct span){NULL, 0});
    while (st == ST_OK && r.open != NO_NODE)
        st = read_part(&r);
    if (st != ST_OK)
        return st;
    *has_blank = r.has_blank;
    skip_blank(&r);
    return r.p == r.end ? ST_OK : wrong(&r, "something follows the document");
}

/* 'text' is valid. */
static size_t
compact(struct span text, char *out)
{
    size_t n = 0;
    bool is_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (is_string && c == '\\') {
            out[n++] = c;
            c = text.p[++i];
        } else if (c == '"') {
            is_string = !is_string;
        } else if (!is_string && (c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            continue;
        }
        out[n++] = c;
    }
    return n;
}

enum status
tree_parse(struct tree *t, struct span text, struct err *err)
{
    bool has_blank = false;
    enum status st;

    *t = (struct tree){0};
    if (text.n > TREE_TEXT_MAX)
        return err_set(err, ST_FULL, "a document of %zu bytes: %d are the most", text.n,
                       TREE_TEXT_MAX);
    st = room_for(t, (uint32_t)(text.n / 32 + 8), err);
    if (st == ST_OK)
        st = parse(t, text, &has_blank, err);
    if (st == ST_OK && has_blank) {
        t->compact = malloc(text.n);
        if (t->compact == NULL)
            st = err_set(err, ST_FULL, "no memory for a document of %zu bytes", text.n);
        else
            st = parse(t, (struct span){t->compact, compact(text, t->compact)}, &has_blank, err);
    }
    if (st != ST_OK)
        tree_free(t);
    return st;
}

void
tree_free(struct tree *t)
{
    free(t->nodes);
    free(t->decoded);
    free(t->compact);
    *t = (struct tree){0};
}

/* ---- looking ---- */

uint32_t
tree_member(const struct tree *t, uint32_t node, struct span name)
{
    if (t->nodes[node].kind != SCAN_OBJECT)
        return TREE_NONE;
    for (uint32_t i = tree_first(node), end = tree_next(t, node); i < end; i = tree_next(t, i))
        if (span_equal(tree_key(t, i), name))
            return i;
    return TREE_NONE;
}

uint32_t
tree_item(const struct tree *t, uint32_t node, uint64_t index)
{
    uint32_t i = tree_first(node);

    if (t->nodes[node].kind != SCAN_ARRAY || index >= t->nodes[node].count)
        return TREE_NONE;
    while (index-- > 0)
        i = tree_next(t, i);
    return i;
}

/* ---- members that no text has ---- */

enum status
tree_add_copy(struct tree *t, struct span key, uint32_t value, struct err *err)
{
    uint32_t size = tree_next(t, value) - value, shift;
    enum status st = room_for(t, size, err);

    assert(t->nodes[0].kind == SCAN_OBJECT && value > 0);
    if (st != ST_OK)
        return st;
    shift = t->count - value;
    memcpy(&t->nodes[t->count], &t->nodes[value], size * sizeof *t->nodes);
    for (uint32_t i = t->count; i < t->count + size; i++)
        t->nodes[i].next += shift;
    t->nodes[t->count].key = key.p;
    t->nodes[t->count].key_size = (uint32_t)key.n;
    t->count += size;
    t->nodes[0].next = t->count;
    t->nodes[0].count++;
    return ST_OK;
}

enum status
tree_add_string(struct tree *t, struct span key, struct span quoted, struct err *err)
{
    enum status st = room_for(t, 1, err);

    assert(t->nodes[0].kind == SCAN_OBJECT && quoted.n >= 2);
    if (st != ST_OK)
        return st;
    t->nodes[t->count] = (struct tree_node){.raw = quoted.p,
                                            .raw_size = (uint32_t)quoted.n,
                                            .text = quoted.p + 1,
                                            .text_size = (uint32_t)quoted.n - 2,
                                            .key = key.p,
                                            .key_size = (uint32_t)key.n,
                                            .next = t->count + 1,
                                            .kind = SCAN_STRING};
    t->count++;
    t->nodes[0].next = t->count;
    t->nodes[0].count++;
    return ST_OK;
}
