/* scan_fast.h - the fast walk, compiled once per instruction set: scan_avx2.c and scan_avx512.c define
 * FAST_TARGET, the functions' target attribute, include this file and give
 *   fast_block        the masks of one 64-byte block
 *   fast_utf8_is_bad  whether a block with high bytes breaks UTF-8
 *   fast_write        the set bits of a mask, as offsets
 *
 * Two stages, as in "Parsing Gigabytes of JSON per Second" (Langdale, Lemire 2019), but over windows of 4 KB that
 * stay in the L1 cache, and interleaved with the caller's work on each record:
 *
 * 1. fast_refill turns 64-byte blocks into bit masks: quotes that are not escaped, what is inside strings,
 *    structural characters, first bytes of scalars. The offsets of opening quotes, structural characters and scalars
 *    go to window->index. All that can be wrong inside a string is found here, without a look at single strings:
 *    control characters, unknown escapes, bad \u, bad UTF-8 (Keiser, Lemire 2021). It is noted per block; the judge
 *    finds the byte. An addition whose carries run from a string's first backslash to its closing quote marks the
 *    strings that hold escapes.
 * 2. fast_walk checks the grammar over these offsets. Every byte but white space begins a token or belongs to the token
 *    before; so a token ends where the next begins, white space apart. The common member, "key":scalar without
 *    white space in front of ':' and ',', is one step over four offsets, and takes strings and literals without
 *    branching on which of them it is.
 *
 * What the common step cannot take goes to the general one; what that cannot take is in doubt. */
#pragma once
#include "wire/scan_inner.h"
#include <immintrin.h>

#define FAST FAST_TARGET static inline __attribute__((always_inline))
#define RARELY(is_true) __builtin_expect((is_true) != 0, 0)

/* ---- Stage 1 */

struct fast_masks { /* bit i: byte i of the block is ... */
    uint64_t quote; /* " */
    uint64_t backslash;
    uint64_t op;        /* one of {}[]:, */
    uint64_t space;     /* JSON's white space */
    uint64_t control;   /* below 0x20 */
    uint64_t escapable; /* may follow a backslash; without u, which needs a closer look */
    uint64_t high;      /* not ASCII */
};

struct fast_carry { /* from block to block; a copy in registers of what the window keeps */
    uint64_t is_escaped, in_string, after_scalar, escape_carry, is_cut;
};

FAST struct fast_masks fast_block(const char *block);
FAST bool fast_utf8_is_bad(const char *block); /* reads the 3 bytes before it, too */
FAST uint32_t *fast_write(uint32_t *out, uint64_t bits, uint32_t at);

/* Tables of Keiser and Lemire: which errors the high half of a byte, its low half and the high half of the next
 * byte allow for. An error is what all three agree on. */
enum {
    TOO_SHORT = 1,
    TOO_LONG = 2,
    OVERLONG_3 = 4,
    TOO_LARGE = 8,
    SURROGATE = 16,
    OVERLONG_2 = 32,
    TOO_LARGE_1000 = 64,
    OVERLONG_4 = 64,
    TWO_MORE = 128,
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_MORE,
    LARGE = ANY_LOW | TOO_LARGE | TOO_LARGE_1000,
    SECOND = TOO_LONG | OVERLONG_2 | TWO_MORE
};
static const uint8_t fast_utf8_tables[3][16] = {
    {TOO_LONG,                                       TOO_LONG,             TOO_LONG,  TOO_LONG,  TOO_LONG,  TOO_LONG,  TOO_LONG,  TOO_LONG,  TWO_MORE,
     TWO_MORE,                                                                                                                                                                          TWO_MORE, TWO_MORE,                       TOO_SHORT | OVERLONG_2, TOO_SHORT,
     TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4},
    {ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, ANY_LOW | OVERLONG_2, ANY_LOW,   ANY_LOW,
     ANY_LOW | TOO_LARGE,                                                                                   LARGE,     LARGE,     LARGE,     LARGE,    LARGE,                           LARGE,    LARGE,                          LARGE,                  LARGE | SURROGATE,
     LARGE,                              LARGE                                              },
    {TOO_SHORT,                                      TOO_SHORT,            TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,
     SECOND | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4,                                                                                                SECOND | OVERLONG_3 | TOO_LARGE,
     SECOND | SURROGATE | TOO_LARGE,                                                                                                                                                              SECOND | SURROGATE | TOO_LARGE, TOO_SHORT,              TOO_SHORT,
     TOO_SHORT,                          TOO_SHORT                                          },
};

static inline bool
fast_is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* Escaped characters that the masks did not clear: fine only if each is a u with its digits. */
FAST_TARGET static __attribute__((noinline)) bool
fast_escapes_are_bad(const char *block, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1) {
        const char *u = block + __builtin_ctzll(bits);

        if (u[0] != 'u' || !fast_is_hex(u[1]) || !fast_is_hex(u[2]) || !fast_is_hex(u[3]) ||
            !fast_is_hex(u[4]))
            return true;
    }
    return false;
}

/* Indexes one block. The 3 bytes before it and the 4 behind it are readable, and the text's where there are such. */
FAST uint32_t *
fast_index_block(struct scan_window *w, struct fast_carry *carry, const char *block, size_t at,
                 uint32_t *out)
{
    const uint64_t odd = UINT64_C(0xaaaaaaaaaaaaaaaa);
    struct fast_masks m = fast_block(block);

    /* Which bytes are escaped: simdjson's subtraction over runs of backslashes. */
    uint64_t starts = m.backslash & ~carry->is_escaped;
    uint64_t code = ((starts << 1 | odd) - starts) ^ odd;
    uint64_t escaped = code ^ (m.backslash | carry->is_escaped);
    carry->is_escaped = (code & m.backslash) >> 63;

    uint64_t quote = m.quote & ~escaped;
    uint64_t in_string = /* opening quotes included, closing ones not */
        (uint64_t)_mm_cvtsi128_si64(
            _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)quote), _mm_set1_epi8(-1), 0)) ^
        carry->in_string;
    carry->in_string = (uint64_t)((int64_t)in_string >> 63);

    /* A string is a run of ones that ends before its closing quote: a backslash's bit added to it carries there. */
    unsigned long long marks;
    carry->escape_carry = _addcarry_u64((unsigned char)carry->escape_carry, in_string,
                                        m.backslash & in_string, &marks);
    w->escape_marks[at / 64 % RING_BLOCKS] = marks;

    uint64_t doubt = m.control & in_string, unclear = escaped & ~m.escapable;
    if (RARELY(unclear))
        doubt |= fast_escapes_are_bad(block, unclear);
    if (RARELY(m.high | carry->is_cut)) {
        doubt |= fast_utf8_is_bad(block);
        carry->is_cut =
            (uint8_t)block[63] >= 0xc0 || (uint8_t)block[62] >= 0xe0 || (uint8_t)block[61] >= 0xf0;
    }
    if (RARELY(doubt) && w->doubt == SIZE_MAX)
        w->doubt = at;

    uint64_t scalar = ~(m.op | m.space), inside = scalar & ~quote;
    uint64_t first = scalar & ~(inside << 1 | carry->after_scalar);
    carry->after_scalar = inside >> 63;
    return fast_write(out, (m.op | first) & ~(in_string ^ quote), (uint32_t)at);
}

/* The first block and the last one are indexed from a copy: nothing may be read before the text, and what is read
 * behind it must count as blanks. */
FAST_TARGET static __attribute__((noinline)) uint32_t *
fast_index_edge(struct scan_window *w, struct fast_carry *carry, size_t at, uint32_t *out)
{
    char copy[8 + 64 + 8];
    size_t left = w->size - at, before = at == 0 ? 0 : 3;

    memset(copy, ' ', sizeof copy);
    memcpy(copy + 8 - before, w->base + at - before, before);
    memcpy(copy + 8, w->base + at, left < 72 ? left : 72);
    return fast_index_block(w, carry, copy + 8, at, out);
}

/* Indexes the next window behind the unread indexes. False: there is nothing more to index. */
FAST_TARGET static __attribute__((noinline)) bool
fast_refill(struct scan_window *w)
{
    struct fast_carry carry = {w->is_escaped, w->in_string, w->after_scalar, w->escape_carry,
                               w->is_cut};
    uint32_t kept = w->count - w->next, *out = w->index + kept;
    size_t at = w->front, stop = at + WINDOW_BLOCKS * 64;

    if (kept > WINDOW_KEPT || at >= w->size || at >= w->stop)
        return false;
    memmove(w->index, w->index + w->next, kept * sizeof w->index[0]);
    if (at == 0) {
        out = fast_index_edge(w, &carry, at, out);
        at += 64;
    }
    for (; at < stop && at + 72 <= w->size; at += 64)
        out = fast_index_block(w, &carry, w->base + at, at, out);
    for (; at < stop && at < w->size; at += 64)
        out = fast_index_edge(w, &carry, at, out);
    w->is_escaped = carry.is_escaped;
    w->in_string = carry.in_string;
    w->after_scalar = carry.after_scalar;
    w->escape_carry = carry.escape_carry;
    w->is_cut = carry.is_cut;
    w->front = at;
    w->next = 0;
    w->count = (uint32_t)(out - w->index);
    /* A very long string may have pushed the marks of the first unread key out of the ring. */
    w->count_fast = w->index[0] + (size_t)RING_BLOCKS * 64 > at ? w->count : 0;
    return true;
}

/* ---- Stage 2 */

enum fast_class { FAST_BAD, FAST_PLAIN, FAST_NUMBER, FAST_CONTAINER };

/* What a value that begins with a given byte must look like. FAST_PLAIN: its first 8 bytes under 'mask', its size under
 * 'size_mask' and its last byte under 'last_mask' say all, given that stage 1 checked the insides of strings. */
struct fast_row {
    uint64_t expect, mask;
    uint32_t size, size_mask;
    uint8_t last, last_mask, kind, class;
};
#define ROW_NUMBER                                                                                 \
    {                                                                                              \
        .kind = SCAN_NUMBER, .class = FAST_NUMBER                                                  \
    }
static const struct fast_row fast_rows[256] = {
    ['"'] = {.last = '"',                     .last_mask = 0xff, .kind = SCAN_STRING, .class = FAST_PLAIN},
    ['n'] = {.expect = 0x6c6c756e,            /* "null", the first byte lowest */
             .mask = 0xffffffff,
             .size = 4,
             .size_mask = UINT32_MAX,
             .kind = SCAN_NULL,
             .class = FAST_PLAIN},
    ['t'] = {.expect = 0x65757274,
             .mask = 0xffffffff,
             .size = 4,
             .size_mask = UINT32_MAX,
             .kind = SCAN_TRUE,
             .class = FAST_PLAIN},
    ['f'] = {.expect = UINT64_C(0x65736c6166),
             .mask = UINT64_C(0xffffffffff),
             .size = 5,
             .size_mask = UINT32_MAX,
             .kind = SCAN_FALSE,
             .class = FAST_PLAIN},
    ['{'] = {.kind = SCAN_OBJECT,            .class = FAST_CONTAINER                                },
    ['['] = {.kind = SCAN_ARRAY,         .class = FAST_CONTAINER                                 },
    ['-'] = ROW_NUMBER,
    ['0'] = ROW_NUMBER,
    ['1'] = ROW_NUMBER,
    ['2'] = ROW_NUMBER,
    ['3'] = ROW_NUMBER,
    ['4'] = ROW_NUMBER,
    ['5'] = ROW_NUMBER,
    ['6'] = ROW_NUMBER,
    ['7'] = ROW_NUMBER,
    ['8'] = ROW_NUMBER,
    ['9'] = ROW_NUMBER,
};

FAST uint64_t
fast_load64(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

FAST uint32_t
fast_load16(const char *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* Whether a key stands from 'key' right up to 'colon'; given that a token begins at both. */
FAST bool
fast_is_key(const char *t, uint32_t key, uint32_t colon)
{
    return fast_load16(t + colon - 1) == (':' << 8 | '"') && t[key] == '"';
}

/* Zero if t[at..at+size) is the scalar that its first byte promises; for FAST_PLAIN only. */
FAST uint64_t
fast_plain_doubt(const struct fast_row *row, const char *t, uint32_t at, uint32_t size)
{
    return ((fast_load64(t + at) ^ row->expect) & row->mask) |
           ((size ^ row->size) & row->size_mask) |
           (((uint8_t)t[at + size - 1] ^ row->last) & row->last_mask);
}

/* Whether the 'size' bytes at 'p' are an integer without sign; 32 bytes are readable. */
FAST bool
fast_is_integer(const char *p, uint32_t size)
{
    __m256i v = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)p), _mm256_set1_epi8('0'));
    __m256i is_digit = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(9)), v);
    uint64_t other = ~(uint64_t)(uint32_t)_mm256_movemask_epi8(is_digit);

    return (uint32_t)__builtin_ctzll(other) == size && size < 32 && (*p != '0' || size == 1);
}

/* The size of the number at 'p', 0 if it is none. Ends by itself: what follows a token is no part of a number. */
FAST_TARGET static __attribute__((noinline)) uint32_t
fast_number_size(const char *p)
{
    const char *c = p + (*p == '-'), *first = c;

    while (*c >= '0' && *c <= '9')
        c++;
    if (c == first || (*first == '0' && c - first > 1))
        return 0;
    if (*c == '.') {
        for (first = ++c; *c >= '0' && *c <= '9';)
            c++;
        if (c == first)
            return 0;
    }
    if ((*c | 0x20) == 'e') {
        c++;
        c += *c == '+' || *c == '-';
        for (first = c; *c >= '0' && *c <= '9';)
            c++;
        if (c == first)
            return 0;
    }
    return (uint32_t)(c - p);
}

/* The size of the scalar that begins at 'at', where the next token begins at 'next'; 0: it is none. */
FAST_TARGET static __attribute__((noinline)) uint32_t
fast_scalar_size(const char *t, uint32_t at, uint32_t next)
{
    const struct fast_row *row = &fast_rows[(uint8_t)t[at]];
    uint32_t size = next - at;

    while (scan_is_space(t[at + size - 1])) /* ends at t[at], which is none */
        size--;
    if (row->class == FAST_PLAIN && (row->kind != SCAN_STRING || size > 1))
        return fast_plain_doubt(row, t, at, size) == 0 ? size : 0;
    if (row->class == FAST_NUMBER && fast_number_size(t + at) == size)
        return size;
    return 0;
}

/* The size of a key's text, when its quote stands at 'at' and the next token at 'colon'; UINT32_MAX: in doubt. */
FAST_TARGET static __attribute__((noinline)) uint32_t
fast_key_size(const char *t, uint32_t at, uint32_t colon)
{
    uint32_t end = colon;

    if (t[at] != '"' || t[colon] != ':')
        return UINT32_MAX;
    while (scan_is_space(t[end - 1]))
        end--;
    return end - at >= 2 && t[end - 1] == '"' ? end - at - 2 : UINT32_MAX;
}

/* At least 'count' unread indexes, or false at the end of the text. */
FAST bool
fast_need(struct scan_window *w, uint32_t count)
{
    while (RARELY(w->count - w->next < count))
        if (!fast_refill(w))
            return false;
    return true;
}

#define NEED(count)                                                                                \
    do {                                                                                           \
        if (!fast_need(w, (count)))                                                                \
            return WALK_SHORT;                                                                     \
    } while (0)

/* A container whose members are not reported, from behind its opening bracket to behind the closing one, whose
 * offset goes to *close. 'depth': its own. */
FAST_TARGET static __attribute__((noinline)) enum walk
fast_inner(struct scan_window *w, uint32_t depth, uint32_t depth_max, uint32_t *close)
{
    const char *t = w->base;
    uint64_t is_object[SCAN_DEPTH_MAX / 64 + 1];
    uint32_t bottom = depth, at, next;
    bool in_object;
    char c;

open:
    if (depth > depth_max)
        return WALK_DOUBT;
    in_object = t[w->index[w->next - 1]] == '{';
    is_object[depth / 64] &= ~(UINT64_C(1) << depth % 64);
    is_object[depth / 64] |= (uint64_t)in_object << depth % 64;
    NEED(1);
    if (t[w->index[w->next]] == (in_object ? '}' : ']'))
        goto after;
item:
    if (in_object) {
        NEED(2);
        at = w->index[w->next];
        next = w->index[w->next + 1];
        if (RARELY(!fast_is_key(t, at, next)) && fast_key_size(t, at, next) == UINT32_MAX)
            return WALK_DOUBT;
        w->next += 2;
    }
    NEED(2);
    at = w->index[w->next];
    next = w->index[w->next + 1];
    w->next++;
    c = t[at];
    if (c == '{' || c == '[') {
        depth++;
        goto open;
    }
    if (c != '"' || t[next - 1] != '"' || next - at < 2)
        if (fast_scalar_size(t, at, next) == 0)
            return WALK_DOUBT;
after:
    NEED(1);
    at = w->index[w->next++];
    c = t[at];
    if (c == ',')
        goto item;
    if (c != (in_object ? '}' : ']'))
        return WALK_DOUBT;
    if (depth == bottom) {
        *close = at;
        return WALK_DONE;
    }
    depth--;
    in_object = is_object[depth / 64] >> depth % 64 & 1;
    goto after;
}

/* Puts the window to the record's '{'. */
FAST_TARGET static __attribute__((noinline)) bool
fast_seek(struct scan_window *w, const struct scan_job *job)
{
    const char *record = job->text + job->at;

    if (w->text != job->text || w->base + w->size != job->text + job->size || w->base > record ||
        record - w->base > SCAN_RECORD_SIZE_MAX) {
        w->text = job->text;
        w->base = record;
        w->size = job->size - job->at;
        w->front = 0;
        w->doubt = SIZE_MAX;
        w->next = w->count = 0;
        w->is_escaped = w->in_string = w->after_scalar = w->escape_carry = w->is_cut = 0;
    }
    w->stop = (size_t)(record - w->base) + job->limits.record_size_max;
    for (;; w->next++) {
        if (!fast_need(w, 1) || w->base + w->index[w->next] > record)
            return false;
        if (w->base + w->index[w->next] == record)
            return true;
    }
}

FAST uint64_t
fast_mark(const struct scan_window *w, uint32_t at)
{
    return w->escape_marks[at / 64 % RING_BLOCKS] >> at % 64 & 1;
}

/* All of an entry at once; the bit-fields are laid out from the lowest bit on x86-64. */
FAST void
fast_emit(struct scan_value *v, uint32_t key_at, uint32_t key_size, uint32_t value_at,
          uint32_t value_size, uint32_t kind, uint32_t flags)
{
    uint64_t words[2] = {key_at | (uint64_t)value_at << 32,
                         value_size | (uint64_t)(key_size | kind << 16 | flags << 24) << 32};

    memcpy(v, words, sizeof *v);
}
_Static_assert(sizeof(struct scan_value) == 16, "fast_emit writes it as two words");

FAST enum walk
fast_walk_record(struct scan_private *p, struct scan_job *job)
{
    struct scan_window *w = &p->window;
    struct scan_value *v = p->values, *v_end = v + job->limits.values_max, *outer = NULL;
    uint32_t depth = 1, depth_max = job->limits.depth_max;
    uint32_t record, key, colon, at, next, key_size, size, key_mark;
    uint32_t key_at;
    const struct fast_row *row;
    const char *t;
    enum walk walk;

    if (!fast_seek(w, job))
        return WALK_DOUBT;
    t = w->base;
    record = w->index[w->next++];
    if (depth > depth_max)
        return WALK_DOUBT;
    NEED(1);
    if (t[w->index[w->next]] == '}')
        goto after;

member:
    if (RARELY(w->next + 4 > w->count_fast)) {
        fast_refill(w);
        if (w->next + 4 > w->count_fast)
            goto general;
    }
    key = w->index[w->next];
    colon = w->index[w->next + 1];
    at = w->index[w->next + 2];
    next = w->index[w->next + 3];
    key_size = colon - key - 2;
    if (RARELY(!fast_is_key(t, key, colon) || key_size > SCAN_KEY_SIZE_MAX || v == v_end))
        goto general;
    row = &fast_rows[(uint8_t)t[at]];
    size = next - at;
    key_at = key + 1 - record;
    key_mark = (uint32_t)fast_mark(w, colon - 1);
    if (row->class == FAST_PLAIN) {
        if (RARELY(fast_plain_doubt(row, t, at, size)))
            goto general;
    } else if (row->class == FAST_NUMBER) {
        if (RARELY(!fast_is_integer(t + at, size)))
            goto general;
    } else {
        w->next += 2;
        goto container;
    }
    fast_emit(v++, key_at, key_size, at - record, size, row->kind,
              depth | key_mark << 2 | (uint32_t)fast_mark(w, next - 1) << 3);
    w->next += 4;
    if (t[next] == ',')
        goto member;
    w->next--;
    goto after;

general:
    NEED(2);
    key = w->index[w->next];
    key_size = fast_key_size(t, key, w->index[w->next + 1]);
    if (key_size > SCAN_KEY_SIZE_MAX || v == v_end)
        return WALK_DOUBT;
    w->next += 2;
    key_at = key + 1 - record;
    key_mark = memchr(t + key + 1, '\\', key_size) != NULL;
    NEED(2);
    at = w->index[w->next];
    row = &fast_rows[(uint8_t)t[at]];
    if (row->class != FAST_CONTAINER) {
        size = fast_scalar_size(t, at, w->index[w->next + 1]);
        if (size == 0)
            return WALK_DOUBT;
        fast_emit(v++, key_at, key_size, at - record, size, row->kind,
                  depth | key_mark << 2 |
                      (uint32_t)(row->kind == SCAN_STRING && memchr(t + at, '\\', size) != NULL)
                          << 3);
        w->next++;
        goto after;
    }

container:
    if (row->class != FAST_CONTAINER || depth == depth_max)
        return WALK_DOUBT;
    fast_emit(v++, key_at, key_size, at - record, 0, row->kind, depth | key_mark << 2);
    w->next++;
    if (depth == 1 && row->kind == SCAN_OBJECT && job->shape == SCAN_ENVELOPES) {
        outer = v - 1;
        depth = 2;
        NEED(1);
        if (t[w->index[w->next]] == '}')
            goto after;
        goto member;
    } else {
        struct scan_value *entry = v - 1;

        walk = fast_inner(w, depth + 1, depth_max, &next);
        if (walk != WALK_DONE)
            return walk;
        entry->value_size = next + 1 - at;
    }

after:
    NEED(1);
    next = w->index[w->next++];
    if (t[next] == ',')
        goto member;
    if (t[next] != '}')
        return WALK_DOUBT;
    if (depth == 2) {
        outer->value_size = next + 1 - record - outer->value_at;
        depth = 1;
        goto after;
    }
    job->end = (size_t)(t + next + 1 - job->text);
    job->value_count = (uint32_t)(v - p->values);
    return w->doubt > next ? WALK_DONE : WALK_DOUBT;
}

/* Stage 1 may have seen that the record is wrong although its end is not there yet: then say so now. */
FAST enum walk
fast_walk(struct scan_private *p, struct scan_job *job)
{
    enum walk walk = fast_walk_record(p, job);

    return walk == WALK_SHORT && p->window.doubt != SIZE_MAX ? WALK_DOUBT : walk;
}
