/* scan_plain.c - the judge: walks one record byte by byte. It finds each fault where a reader
 * would, names the mend, and is all there is on processors without AVX2. Its grammar is RFC 8259 as
 * written; see scan_inner.h for how the fast walks stand to it. */
#include "wire/scan_inner.h"

struct plain {
    const struct scan_job *job;
    struct scan_private *p;
    struct scan_fault *fault;
    const char *text;
    size_t pos, stop; /* the record cannot go on at or behind 'stop' */
    uint32_t depth;
    uint32_t value_count;
    uint32_t open[3];      /* the entry that waits for its size, of a container in depth 1 or 2 */
    struct span column[3]; /* key of depth 1, 2 that the walk is in */
    uint64_t is_object[SCAN_DEPTH_MAX / 64];
};

bool
scan_fault_set(struct scan_fault *fault, enum scan_fault_code code, size_t at, const char *format,
               ...)
{
    va_list args;

    fault->code = code;
    fault->at = at;
    fault->column[0] = '\0';
    va_start(args, format);
    vsnprintf(fault->text, sizeof fault->text, format, args);
    va_end(args);
    return false;
}

const char *
scan_byte_name(char c, char out[20])
{
    if (c > 0x20 && c < 0x7f)
        snprintf(out, 20, "'%c'", c);
    else
        snprintf(out, 20, "the byte 0x%02x", (unsigned)(unsigned char)c);
    return out;
}

/* The key of the innermost reported value that the walk is in. Cut, but not inside a character. */
static void
name_column(struct plain *w)
{
    struct span key = w->column[2].p != NULL ? w->column[2] : w->column[1];
    size_t size = key.n;

    if (size > sizeof w->fault->column - 1)
        for (size = sizeof w->fault->column - 1; size > 0 && (key.p[size] & 0xc0) == 0x80; size--)
            ;
    if (key.p != NULL)
        memcpy(w->fault->column, key.p, size);
    w->fault->column[size] = '\0';
}

#define FAIL(w, code, at, ...)                                                                     \
    (scan_fault_set((w)->fault, (code), (at), __VA_ARGS__), name_column(w), WALK_DOUBT)

static enum walk
fail_expected(struct plain *w, const char *expected)
{
    char name[20], c = w->text[w->pos];
    const char *mend = "";

    if (c == '/' || c == '#')
        mend = "; JSON has no comments";
    else if (c == '\'')
        mend = "; strings stand in double quotes";
    else if (c == 'N' || c == 'I' || c == 'u')
        mend = "; NaN, Infinity, None and undefined are not JSON: write null";
    else if (c == 'T' || c == 'F')
        mend = "; write true and false in lower case";
    return FAIL(w, FAULT_SYNTAX, w->pos, "expected %s, found %s%s", expected,
                scan_byte_name(c, name), mend);
}

/* One character of two to four bytes, per the table of RFC 3629 section 4. */
static enum walk
step_utf8(struct plain *w)
{
    size_t first = w->pos;
    unsigned char lead = (unsigned char)w->text[first], low = 0x80, high = 0xbf;
    unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;

    if (lead < 0xc2 || lead > 0xf4)
        goto fail;
    if (lead == 0xe0)
        low = 0xa0; /* below: overlong */
    else if (lead == 0xed)
        high = 0x9f; /* above: surrogates */
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f; /* above: beyond U+10FFFF */
    for (w->pos++; more > 0; more--, w->pos++) {
        if (w->pos == w->stop)
            return WALK_SHORT;
        unsigned char c = (unsigned char)w->text[w->pos];
        if (c < low || c > high)
            goto fail;
        low = 0x80;
        high = 0xbf;
    }
    return WALK_DONE;

fail:
    return FAIL(w, FAULT_UTF8, first,
                "the bytes from 0x%02x on are not UTF-8; send the text in UTF-8", (unsigned)lead);
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Behind a backslash. */
static enum walk
step_escape(struct plain *w)
{
    char name[20], c;

    if (w->pos == w->stop)
        return WALK_SHORT;
    c = w->text[w->pos];
    if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
        return FAIL(w, FAULT_STRING, w->pos,
                    "%s cannot follow a backslash; write \\\\ for a backslash",
                    scan_byte_name(c, name));
    w->pos++;
    for (int i = 0; c == 'u' && i < 4; i++, w->pos++) {
        if (w->pos == w->stop)
            return WALK_SHORT;
        if (!is_hex(w->text[w->pos]))
            return FAIL(w, FAULT_STRING, w->pos, "\\u takes four hexadecimal digits, found %s",
                        scan_byte_name(w->text[w->pos], name));
    }
    return WALK_DONE;
}

/* From an opening quote to behind the closing one. */
static enum walk
step_string(struct plain *w, bool *is_escaped)
{
    enum walk step;

    *is_escaped = false;
    for (w->pos++; w->pos < w->stop;) {
        unsigned char c = (unsigned char)w->text[w->pos];

        if (c >= 0x80) {
            if ((step = step_utf8(w)) != WALK_DONE)
                return step;
            continue;
        }
        if (c == '\n')
            return FAIL(w, FAULT_STRING, w->pos,
                        "a string is not closed at the end of its line; close it, or write \\n for "
                        "a line feed");
        if (c < 0x20)
            return FAIL(w, FAULT_STRING, w->pos,
                        "a control character (0x%02x) stands in a string; write \\u%04x",
                        (unsigned)c, (unsigned)c);
        w->pos++;
        if (c == '"')
            return WALK_DONE;
        if (c == '\\') {
            *is_escaped = true;
            if ((step = step_escape(w)) != WALK_DONE)
                return step;
        }
    }
    return WALK_SHORT;
}

static enum walk
step_digits(struct plain *w, const char *after)
{
    size_t first = w->pos;
    char name[20];

    while (w->pos < w->stop && w->text[w->pos] >= '0' && w->text[w->pos] <= '9')
        w->pos++;
    if (w->pos == w->stop)
        return WALK_SHORT;
    if (w->pos == first)
        return FAIL(w, FAULT_NUMBER, first, "a digit must follow %s in a number, found %s", after,
                    scan_byte_name(w->text[first], name));
    return WALK_DONE;
}

static enum walk
step_number(struct plain *w)
{
    enum walk step;
    char c;

    if (w->text[w->pos] == '-')
        w->pos++;
    if (w->pos < w->stop && w->text[w->pos] == '0') {
        w->pos++;
        if (w->pos < w->stop && w->text[w->pos] >= '0' && w->text[w->pos] <= '9')
            return FAIL(w, FAULT_NUMBER, w->pos,
                        "a number must not begin with 0; remove the leading zeros");
    } else if ((step = step_digits(w, "-")) != WALK_DONE) {
        return step;
    }
    if (w->pos < w->stop && w->text[w->pos] == '.') {
        w->pos++;
        if ((step = step_digits(w, "the point")) != WALK_DONE)
            return step;
    }
    if (w->pos < w->stop && (w->text[w->pos] | 0x20) == 'e') {
        w->pos++;
        if (w->pos < w->stop && (w->text[w->pos] == '+' || w->text[w->pos] == '-'))
            w->pos++;
        if ((step = step_digits(w, "the exponent's mark")) != WALK_DONE)
            return step;
    }
    if (w->pos == w->stop)
        return WALK_SHORT;
    c = w->text[w->pos];
    if ((c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-' ||
        ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
        return FAIL(w, FAULT_NUMBER, w->pos, "'%c' cannot stand here in a number", c);
    return WALK_DONE;
}

static enum walk
step_literal(struct plain *w, const char *word)
{
    for (const char *c = word; *c != '\0'; c++, w->pos++) {
        if (w->pos == w->stop)
            return WALK_SHORT;
        if (w->text[w->pos] != *c)
            return FAIL(w, FAULT_SYNTAX, w->pos, "a word begins like %s but is not; write %s", word,
                        word);
    }
    return WALK_DONE;
}

static bool
in_object(const struct plain *w)
{
    return w->is_object[(w->depth - 1) / 64] >> ((w->depth - 1) % 64) & 1;
}

/* Members are reported in the record itself and, for envelopes, in the objects right below it. */
static bool
is_reported(const struct plain *w)
{
    return w->depth == 1 || (w->depth == 2 && w->job->shape == SCAN_ENVELOPES && in_object(w));
}

static enum walk
step_open(struct plain *w, bool is_object)
{
    uint32_t depth_max = w->job->is_bare ? SCAN_DEPTH_MAX : w->job->limits.depth_max;
    uint64_t bit;

    if (w->depth == depth_max)
        return FAIL(w, FAULT_DEPTH, w->pos,
                    "the record nests deeper than %u levels; flatten it, or send the inner part as "
                    "a string",
                    depth_max);
    w->pos++;
    bit = UINT64_C(1) << (w->depth % 64);
    if (is_object)
        w->is_object[w->depth / 64] |= bit;
    else
        w->is_object[w->depth / 64] &= ~bit;
    w->depth++;
    return WALK_DONE;
}

/* Any value; of a container only its opening. */
static enum walk
step_value(struct plain *w, enum scan_kind *kind, bool *is_escaped)
{
    char c = w->text[w->pos];

    *is_escaped = false;
    switch (c) {
    case '"':
        *kind = SCAN_STRING;
        return step_string(w, is_escaped);
    case '{':
        *kind = SCAN_OBJECT;
        return step_open(w, true);
    case '[':
        *kind = SCAN_ARRAY;
        return step_open(w, false);
    case 't':
        *kind = SCAN_TRUE;
        return step_literal(w, "true");
    case 'f':
        *kind = SCAN_FALSE;
        return step_literal(w, "false");
    case 'n':
        *kind = SCAN_NULL;
        return step_literal(w, "null");
    default:
        *kind = SCAN_NUMBER;
        if (c == '-' || (c >= '0' && c <= '9'))
            return step_number(w);
        if (c == '+' || c == '.')
            return FAIL(w, FAULT_NUMBER, w->pos,
                        "a number cannot begin with '%c'; begin with a digit or '-'", c);
        return fail_expected(w, "a value");
    }
}

static void
skip_space(struct plain *w)
{
    while (w->pos < w->stop && scan_is_space(w->text[w->pos]))
        w->pos++;
}

/* A key and its colon. For a reported one makes the entry. */
static enum walk
step_key(struct plain *w)
{
    size_t first = w->pos + 1, size;
    bool is_escaped;
    enum walk step;

    if (w->text[w->pos] != '"')
        return fail_expected(w, "a key in double quotes");
    if (is_reported(w) && !w->job->is_bare && w->value_count == w->job->limits.values_max)
        return FAIL(w, FAULT_VALUES, w->pos, "the record has more than %u values; send fewer",
                    w->job->limits.values_max);
    if ((step = step_string(w, &is_escaped)) != WALK_DONE)
        return step;
    size = w->pos - 1 - first;
    if (is_reported(w) && !w->job->is_bare) {
        struct scan_value *v = &w->p->values[w->value_count++];

        if (size > SCAN_KEY_SIZE_MAX)
            return FAIL(w, FAULT_SIZE, first + SCAN_KEY_SIZE_MAX,
                        "a key is longer than %d bytes; shorten it", SCAN_KEY_SIZE_MAX);
        *v = (struct scan_value){.key_at = (uint32_t)(first - w->job->at),
                                 .key_size = (uint16_t)size,
                                 .depth = w->depth & 3,
                                 .key_escaped = is_escaped};
    }
    if (is_reported(w))
        w->column[w->depth] = (struct span){w->text + first, size};
    skip_space(w);
    if (w->pos == w->stop)
        return WALK_SHORT;
    if (w->text[w->pos] != ':')
        return fail_expected(w, "':' behind the key");
    w->pos++;
    skip_space(w);
    return w->pos == w->stop ? WALK_SHORT : WALK_DONE;
}

static enum walk
step_member(struct plain *w)
{
    struct scan_value *v;
    enum scan_kind kind;
    enum walk step;
    bool is_escaped, is_entry;
    uint32_t depth = w->depth;
    size_t first;

    if ((step = step_key(w)) != WALK_DONE)
        return step;
    first = w->pos;
    is_entry = is_reported(w) && !w->job->is_bare;
    if ((step = step_value(w, &kind, &is_escaped)) != WALK_DONE || !is_entry)
        return step;
    v = &w->p->values[w->value_count - 1];
    v->value_at = (uint32_t)(first - w->job->at);
    v->value_size = (uint32_t)(w->pos - first);
    v->kind = (uint8_t)kind;
    v->value_escaped = is_escaped;
    if (w->depth > depth)
        w->open[depth] = w->value_count - 1;
    return WALK_DONE;
}

static void
step_close(struct plain *w)
{
    if (w->depth == 2)
        w->column[2] = (struct span){NULL, 0};
    w->pos++;
    w->depth--;
    if (w->depth > 0 && is_reported(w) && !w->job->is_bare) {
        struct scan_value *v = &w->p->values[w->open[w->depth]];

        v->value_size = (uint32_t)(w->pos - w->job->at) - v->value_at;
    }
}

enum want { WANT_FIRST, WANT_ITEM, WANT_NEXT };

/* The next part of the container the walk is in; *want moves along. */
static enum walk
step_item(struct plain *w, enum want *want)
{
    bool is_object = in_object(w), is_escaped;
    char c = w->text[w->pos], close = is_object ? '}' : ']';
    uint32_t depth = w->depth;
    enum scan_kind kind;
    enum walk step;

    if (c == close && *want != WANT_ITEM) {
        step_close(w);
        *want = WANT_NEXT;
        return WALK_DONE;
    }
    if (*want == WANT_NEXT) {
        if (c != ',')
            return fail_expected(w, is_object ? "',' or '}'" : "',' or ']'");
        if (is_reported(w))
            w->column[depth] = (struct span){NULL, 0};
        w->pos++;
        *want = WANT_ITEM;
        return WALK_DONE;
    }
    if (c == close)
        return FAIL(w, FAULT_SYNTAX, w->pos, "a comma stands before '%c'; remove it", c);
    step = is_object ? step_member(w) : step_value(w, &kind, &is_escaped);
    *want = w->depth > depth ? WANT_FIRST : WANT_NEXT;
    return step;
}

static enum walk
walk_object(struct plain *w)
{
    enum want want = WANT_FIRST;
    enum walk step = step_open(w, true);

    while (step == WALK_DONE && w->depth > 0) {
        skip_space(w);
        if (w->pos == w->stop)
            return WALK_SHORT;
        step = step_item(w, &want);
    }
    return step;
}

enum walk
scan_plain_walk(struct scan_private *p, struct scan_job *job, struct scan_fault *fault)
{
    struct plain w = {.job = job, .p = p, .fault = fault, .text = job->text, .pos = job->at};
    size_t size_max = job->limits.record_size_max;
    bool is_limited = job->size - job->at >= size_max;
    enum walk walk;

    w.stop = is_limited ? job->at + size_max : job->size;
    walk = walk_object(&w);
    if (walk == WALK_SHORT && is_limited)
        return FAIL(&w, FAULT_SIZE, w.stop, "the record is longer than %zu bytes; split it",
                    size_max);
    if (walk == WALK_SHORT)
        (void)FAIL(&w, FAULT_TRUNCATED, w.stop,
                   "the text ends inside a record; send the rest of it too");
    job->end = w.pos;
    job->value_count = w.value_count;
    return walk;
}
