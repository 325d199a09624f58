/* scan_fast.h - the fast walk, compiled once per instruction set: scan_avx2.c and scan_avx512.c
 * define FAST_TARGET, the functions' target attribute, include this file and give
 *   fast_block        the masks of one 64-byte block
 *   fast_utf8_is_bad  whether a block with high bytes breaks UTF-8
 *   fast_write        the set bits of a mask, as offsets
 *
 * Two stages, as in "Parsing Gigabytes of JSON per Second" (Langdale, Lemire 2019), but over
 * windows of 4 KB that stay in the L1 cache, and interleaved with the caller's work on each record:
 *
 * 1. fast_refill turns 64-byte blocks into bit masks: quotes that are not escaped, what is inside
 * strings,
 *    structural characters, first bytes of scalars. The offsets of opening quotes, structural characters and scalars
 *    go to window->index. All that can be wrong inside a string is found here, without a look at single strings:
 *    control characters, unknown escapes, bad \u, bad UTF-8 (Keiser, Lemire 2021). It is noted per block; the judge
 *    finds the byte. An addition whose carries run from a string's first backslash to its closing quote marks the
 *    strings that hold escapes.
 * 2. fast_walk checks the grammar over these offsets. Every byte but white space begins a token or
 * belongs to the token
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

/* Tables of Keiser and Lemire: which errors the high half of a byte, its low half and the high half
 * of the next byte allow for. An error is what all three agree on. */
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

/* Indexes one block. The 3 bytes before it and the 4 behind it are readable, and the text's where
 * there are such. */
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

    /* A string is a run of ones that ends before its closing quote: a backslash's bit added to it
     * carries there. */
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

/* The first block and the last one are indexed from a copy: nothing may be read before the text,
 * and what is read behind it must count as blanks. */
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
    stop = stop < w->size ? stop : w->size;
    if (at == 0) {
        out = fast_index_edge(w, &carry, at, out);
        at += 64;
    }
    { /* the edge takes addresses: a copy of its own keeps this loop's in registers */
        struct fast_carry inner = carry;
        const char *base = w->base;
        size_t stop_inner = w->size < 72 ? 0 : stop + 8 <= w->size ? stop : w->size - 71;

        for (; at < stop_inner; at += 64) {
            _mm_prefetch(base + at + WINDOW_BLOCKS * 64, _MM_HINT_T0);
            out = fast_index_block(w, &inner, base + at, at, out);
        }
        carry = inner;
    }
    for (; at < stop; at += 64)
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

/* What a value that begins with a given byte must look like, and what follows it, for the common
 * step. FAST_PLAIN: its first 8 bytes under 'mask', and its last byte with the next under
 * 'tail_mask', say all: a word with its comma is of the right size, since the comma is a token; a
 * string that ends in a quote ends there, since stage 1 checked its inside. */
struct fast_row {
    uint64_t expect, mask;
    uint16_t tail, tail_mask;
    uint32_t class;
    uint32_t word; /* the kind, in its place in an entry's last word */
    uint32_t size; /* of a word, without its comma; 0 else */
};
#define ROW_WORD(kind, low, high, word_size)                                                       \
    {                                                                                              \
        .expect = (low) | (uint64_t)(high) << 32,                                                  \
        .mask = (UINT64_C(1) << ((word_size)*8 + 8)) - 1, .class = FAST_PLAIN,                     \
        .word = (kind) << 16, .size = (word_size)                                                  \
    }
#define ROW_NUMBER                                                                                 \
    {                                                                                              \
        .word = SCAN_NUMBER << 16, .class = FAST_NUMBER, .tail = ',' << 8, .tail_mask = 0xff00     \
    }
#define FOUR(a, b, c, d) ((a) | (b) << 8 | (c) << 16 | (d) << 24) /* the first byte lowest */
static const struct fast_row fast_rows[256] = {
    ['"'] = {.tail = '"' | ',' << 8,
             .tail_mask = 0xffff,
             .class = FAST_PLAIN,
             .word = SCAN_STRING << 16},
    ['n'] = ROW_WORD(SCAN_NULL, FOUR('n', 'u', 'l', 'l'), ',', 4),
    ['t'] = ROW_WORD(SCAN_TRUE, FOUR('t', 'r', 'u', 'e'), ',', 4),
    ['f'] = ROW_WORD(SCAN_FALSE, FOUR('f', 'a', 'l', 's'), 'e' | ',' << 8, 5),
    ['{'] = {.word = SCAN_OBJECT << 16, .class = FAST_CONTAINER},
    ['['] = {.word = SCAN_ARRAY << 16,  .class = FAST_CONTAINER },
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
fast_is_key(const char *t, size_t key, size_t colon)
{
    return fast_load16(t + colon - 1) == (':' << 8 | '"') && t[key] == '"';
}

/* Zero if the common step may take what stands from 'at' up to the token at 'end', and a comma
 * stands there. */
FAST uint64_t
fast_doubt(const struct fast_row *row, const char *t, size_t at, size_t end)
{
    return ((fast_load64(t + at) ^ row->expect) & row->mask) |
           ((fast_load16(t + end - 1) ^ row->tail) & row->tail_mask);
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

/* The size of the number at 'p', 0 if it is none. Ends by itself: what follows a token is no part
 * of a number. */
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

/* The size of the scalar that begins at 'at', where the next token begins at 'next'; 0: it is
 * none. */
FAST_TARGET static __attribute__((noinline)) uint32_t
fast_scalar_size(const char *t, uint32_t at, uint32_t next)
{
    const struct fast_row *row = &fast_rows[(uint8_t)t[at]];
    uint32_t size = next - at;

    while (scan_is_space(t[at + size - 1])) /* ends at t[at], which is none */
        size--;
    if (t[at] == '"')
        return size > 1 && t[at + size - 1] == '"' ? size : 0;
    if (row->class == FAST_PLAIN) /* without its comma */
        return size == row->size && ((fast_load64(t + at) ^ row->expect) & row->mask >> 8) == 0
                   ? size
                   : 0;
    if (row->class == FAST_NUMBER && fast_number_size(t + at) == size)
        return size;
    return 0;
}

/* The size of a key's text, when its quote stands at 'at' and the next token at 'colon';
 * UINT32_MAX: in doubt. */
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

/* A container whose members are not reported, from behind its opening bracket to behind the closing
 * one, whose offset goes to *close. 'depth': its own. */
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

FAST uint32_t
fast_mark(const uint64_t *marks, uint32_t at)
{
    return (uint32_t)(marks[at / 64 % RING_BLOCKS] >> at % 64) & 1;
}

/* The last word of an entry: key_size, kind and the bit-fields, which on x86-64 are laid out from
 * the lowest bit. */
enum { WORD_KIND = 16, WORD_DEPTH = 24, WORD_KEY_ESCAPED = 26, WORD_VALUE_ESCAPED = 27 };

FAST void
fast_emit(struct scan_value *v, uint64_t places, uint64_t sizes)
{
    memcpy(v, &places, sizeof places);
    memcpy((char *)v + 8, &sizes, sizeof sizes);
}
_Static_assert(sizeof(struct scan_value) == 16 && offsetof(struct scan_value, key_size) == 12,
               "fast_emit writes two words");

struct fast_run { /* where a walk is */
    const char *t;
    const uint32_t *next, *fast_end; /* unread indexes, and how far they have marks */
    struct scan_value *v, *v_end;
    uint32_t record, depth;
};

/* The hot loop: "key":scalar, over and over. Stops in front of the first member that is anything
 * else (true), or behind a scalar that no comma follows (false). It is a function of its own, so
 * that all it needs stays in registers. No key here is too long, since the marks of all that lies
 * between index[0] and the front are in the ring. */
FAST_TARGET static __attribute__((noinline)) bool
fast_members(struct fast_run *run, const uint64_t *marks)
{
    const char *t = run->t;
    const uint32_t *next = run->next, *stop;
    struct scan_value *v = run->v;
    uint32_t depth = run->depth << WORD_DEPTH;
    /* key_at and value_at in one word, less the record's offset in one subtraction */
    uint64_t record = (run->record - UINT64_C(1)) + ((uint64_t)run->record << 32);
    size_t most = next < run->fast_end ? (size_t)(run->fast_end - next) / 4 : 0;
    bool is_member = true;

    if (most > (size_t)(run->v_end - v))
        most = (size_t)(run->v_end - v);
    for (stop = next + 4 * most; next < stop; next += 4) {
        size_t key = next[0], colon = next[1], at = next[2], end = next[3];
        const struct fast_row *row = &fast_rows[(uint8_t)t[at]];
        uint64_t word, doubt = fast_doubt(row, t, at, end);

        if (RARELY(!fast_is_key(t, key, colon)))
            break;
        if (row->class != FAST_PLAIN &&
            (row->class != FAST_NUMBER || !fast_is_integer(t + at, (uint32_t)(end - at))))
            break;
        if (RARELY(doubt)) { /* the last one of an object? */
            if (t[end] != '}' || row->class == FAST_BAD ||
                fast_scalar_size(t, (uint32_t)at, (uint32_t)end) != end - at)
                break;
            is_member = false;
        }
        word = (colon - key - 2) | row->word | depth |
               fast_mark(marks, (uint32_t)colon - 1) << WORD_KEY_ESCAPED |
               fast_mark(marks, (uint32_t)end - 1) << WORD_VALUE_ESCAPED;
        fast_emit(v++, (key | at << 32) - record, (end - at) | word << 32);
        if (!is_member) {
            next += 3;
            break;
        }
    }
    run->next = next;
    run->v = v;
    return is_member;
}

/* One member of any form up to behind its value, of a container only up to behind its opening
 * bracket. */
FAST_TARGET static __attribute__((noinline)) enum walk
fast_member(struct scan_window *w, struct fast_run *run)
{
    const char *t = run->t;
    uint32_t key, key_size, at, size = 0, word;
    const struct fast_row *row;

    NEED(2);
    key = w->index[w->next];
    key_size = fast_key_size(t, key, w->index[w->next + 1]);
    if (key_size > SCAN_KEY_SIZE_MAX || run->v == run->v_end)
        return WALK_DOUBT;
    w->next += 2;
    word = key_size | run->depth << WORD_DEPTH;
    if (memchr(t + key + 1, '\\', key_size) != NULL)
        word |= 1u << WORD_KEY_ESCAPED;
    NEED(2);
    at = w->index[w->next++];
    row = &fast_rows[(uint8_t)t[at]];
    if (row->class != FAST_CONTAINER) {
        size = fast_scalar_size(t, at, w->index[w->next]);
        if (size == 0)
            return WALK_DOUBT;
        if (t[at] == '"' && memchr(t + at, '\\', size) != NULL)
            word |= 1u << WORD_VALUE_ESCAPED;
    }
    fast_emit(run->v++, (key + 1 - run->record) | (uint64_t)(at - run->record) << 32,
              size | (uint64_t)(word | row->word) << 32);
    return WALK_DONE;
}

FAST enum walk
fast_walk_record(struct scan_private *p, struct scan_job *job)
{
    struct scan_window *w = &p->window;
    struct fast_run run = {.v = p->values, .v_end = p->values + job->limits.values_max, .depth = 1};
    struct scan_value *outer = NULL, *last;
    uint32_t next;
    const char *t;
    enum walk walk;

    if (!fast_seek(w, job))
        return WALK_DOUBT;
    run.t = t = w->base;
    run.record = w->index[w->next++];
    NEED(1);
    if (t[w->index[w->next]] == '}')
        goto after;

member:
    if (w->next + 4 > w->count_fast)
        fast_refill(w);
    run.next = w->index + w->next;
    run.fast_end = w->index + w->count_fast;
    bool is_member = fast_members(&run, w->escape_marks);
    w->next = (uint32_t)(run.next - w->index);
    if (!is_member)
        goto after;
    /* Only if a refill will go on; else a record that is too long would be asked for its end for
     * ever. */
    if (w->next + 4 > w->count_fast && w->count_fast > 0 && w->front < w->size &&
        w->front < w->stop)
        goto member;
    if ((walk = fast_member(w, &run)) != WALK_DONE)
        return walk;
    last = run.v - 1;
    if (last->kind != SCAN_OBJECT && last->kind != SCAN_ARRAY)
        goto after;
    if (run.depth == job->limits.depth_max)
        return WALK_DOUBT;
    if (run.depth == 1 && last->kind == SCAN_OBJECT && job->shape == SCAN_ENVELOPES) {
        outer = last;
        run.depth = 2;
        NEED(1);
        if (t[w->index[w->next]] != '}')
            goto member;
    } else {
        walk = fast_inner(w, run.depth + 1, job->limits.depth_max, &next);
        if (walk != WALK_DONE)
            return walk;
        last->value_size = next + 1 - run.record - last->value_at;
    }

after:
    NEED(1);
    next = w->index[w->next++];
    if (t[next] == ',')
        goto member;
    if (t[next] != '}')
        return WALK_DOUBT;
    if (run.depth == 2) {
        outer->value_size = next + 1 - run.record - outer->value_at;
        run.depth = 1;
        goto after;
    }
    job->end = (size_t)(t + next + 1 - job->text);
    job->value_count = (uint32_t)(run.v - p->values);
    return w->doubt > next ? WALK_DONE : WALK_DOUBT;
}

/* Stage 1 may have seen that the record is wrong although its end is not there yet: then say so
 * now. */
FAST enum walk
fast_walk(struct scan_private *p, struct scan_job *job)
{
    enum walk walk = fast_walk_record(p, job);

    return walk == WALK_SHORT && p->window.doubt != SIZE_MAX ? WALK_DOUBT : walk;
}
