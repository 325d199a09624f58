/* text_avx2.c - the walks of text.c and text_set.c over 32 and 64 places at once.
 *
 * A place is looked at closer where two bytes of the needle stand at their distances (the generic
 * SIMD search of Muła), a letter with the bit of its case set: for ASCII letters that is exact, no
 * other byte becomes one. The last block overlaps the one before; a value with fewer places than a
 * block is copied first, since nothing behind a value may be read. */
#if defined(__x86_64__)
#include "kql/text_set.h"
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define FAST AVX2 static inline __attribute__((always_inline))

struct bytes {
    __m256i byte_a, mask_a, byte_b, mask_b;
};

FAST uint32_t
places(const struct bytes *v, const char *a, const char *b)
{
    __m256i x = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)a), v->mask_a);
    __m256i y = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)b), v->mask_b);

    return (uint32_t)_mm256_movemask_epi8(
        _mm256_and_si256(_mm256_cmpeq_epi8(x, v->byte_a), _mm256_cmpeq_epi8(y, v->byte_b)));
}

/* The first accepted one of the marked places; -1: none. */
FAST ptrdiff_t
first_accepted(const struct kql_search *s, struct span text, size_t at, uint64_t marks)
{
    for (; marks != 0; marks &= marks - 1) {
        size_t place = at + (size_t)__builtin_ctzll(marks);

        if (text_accepts(s, text, place))
            return (ptrdiff_t)place;
    }
    return -1;
}

AVX2 ptrdiff_t
text_avx2_find(const struct kql_search *s, struct span text, size_t from)
{
    const struct text_bytes *b = &s->bytes;
    struct bytes v = {_mm256_set1_epi8((char)b->byte_a), _mm256_set1_epi8((char)b->mask_a),
                      _mm256_set1_epi8((char)b->byte_b), _mm256_set1_epi8((char)b->mask_b)};
    size_t end, at = from;
    ptrdiff_t found;
    uint64_t marks;

    if (text.n < s->needle.n || text.n - s->needle.n < from)
        return -1;
    end = text.n - s->needle.n + 1;
    if (end - at < 32) {
        char a[32], c[32];

        memcpy(a, text.p + at + b->a, end - at);
        memcpy(c, text.p + at + b->b, end - at);
        marks = places(&v, a, c) & ((UINT64_C(1) << (end - at)) - 1);
        return first_accepted(s, text, at, marks);
    }
    for (; at + 64 <= end; at += 64) {
        const char *p = text.p + at;

        marks = places(&v, p + b->a, p + b->b) | (uint64_t)places(&v, p + 32 + b->a, p + 32 + b->b)
                                                     << 32;
        if (marks != 0 && (found = first_accepted(s, text, at, marks)) >= 0)
            return found;
    }
    for (; at < end; at += 32) {
        size_t seen = 0;

        if (end - at < 32) {
            seen = 32 - (end - at);
            at -= seen;
        }
        marks = places(&v, text.p + at + b->a, text.p + at + b->b) >> seen << seen;
        if (marks != 0 && (found = first_accepted(s, text, at, marks)) >= 0)
            return found;
    }
    return -1;
}

AVX2 size_t
text_avx2_pair(const struct kql_search *s, struct span text, size_t from)
{
    size_t at = from;

    for (; text.n >= 33 && at + 33 <= text.n; at += 32) {
        __m256i x = _mm256_loadu_si256((const __m256i *)(text.p + at));
        __m256i y = _mm256_loadu_si256((const __m256i *)(text.p + at + 1));
        __m256i any = _mm256_setzero_si256();
        uint32_t marks;

        if (_mm256_movemask_epi8(x) == 0) /* all ASCII */
            continue;
        for (uint32_t i = 0; i < s->pair_count; i++)
            any = _mm256_or_si256(
                any,
                _mm256_and_si256(_mm256_cmpeq_epi8(x, _mm256_set1_epi8((char)s->pairs[i][0])),
                                 _mm256_cmpeq_epi8(y, _mm256_set1_epi8((char)s->pairs[i][1]))));
        marks = (uint32_t)_mm256_movemask_epi8(any);
        if (marks != 0)
            return at + (size_t)__builtin_ctz(marks);
    }
    return text_plain_pair(s, text, at);
}
/* ---- Many needles ---- */

struct groups {
    __m256i low[4], high[4], fold;
};

FAST __m256i
groups_at(const struct groups *g, const char *p, int k)
{
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i x = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(p + k)), g->fold);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble);

    return _mm256_and_si256(_mm256_shuffle_epi8(g->low[k], _mm256_and_si256(x, nibble)),
                            _mm256_shuffle_epi8(g->high[k], high));
}

/* Bit i: at byte i a needle may begin. Reads 35 bytes. */
FAST uint32_t
may_begin(const struct groups *g, const char *p)
{
    __m256i all = _mm256_and_si256(_mm256_and_si256(groups_at(g, p, 0), groups_at(g, p, 1)),
                                   _mm256_and_si256(groups_at(g, p, 2), groups_at(g, p, 3)));

    return ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(all, _mm256_setzero_si256()));
}

/* Bit i: byte i is an ASCII letter or digit. */
FAST uint32_t
term_bytes(__m256i x)
{
    __m256i letter = _mm256_or_si256(x, _mm256_set1_epi8(0x20));
    __m256i is_letter = _mm256_and_si256(_mm256_cmpgt_epi8(letter, _mm256_set1_epi8('a' - 1)),
                                         _mm256_cmpgt_epi8(_mm256_set1_epi8('z' + 1), letter));
    __m256i is_digit = _mm256_and_si256(_mm256_cmpgt_epi8(x, _mm256_set1_epi8('0' - 1)),
                                        _mm256_cmpgt_epi8(_mm256_set1_epi8('9' + 1), x));

    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(is_letter, is_digit));
}

/* One block; *inside: the byte before it is of a term. */
FAST bool
hunt_block(struct text_hunt *h, const struct groups *g, const char *block, size_t at,
           uint32_t *inside)
{
    uint32_t marks = may_begin(g, block);

    if (h->set->all_start_terms) {
        uint32_t terms = term_bytes(_mm256_loadu_si256((const __m256i *)block));

        marks &= ~(terms << 1 | *inside);
        *inside = terms >> 31;
    }
    for (; marks != 0; marks &= marks - 1) {
        size_t place = at + (size_t)__builtin_ctz(marks);

        if (place < h->text.n && text_set_hunt(h, place))
            return true;
    }
    return false;
}

AVX2 bool
text_avx2_set(struct text_hunt *h)
{
    struct groups g = {.fold = _mm256_set1_epi32((int)h->set->folds[4])};
    char last[32 + 32 + 35] = {0};
    uint32_t inside = 0;
    size_t at = 0, n = h->text.n;

    for (int k = 0; k < 4; k++) {
        g.low[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)h->set->low[k]));
        g.high[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)h->set->high[k]));
    }
    for (; at + 35 <= n; at += 32)
        if (hunt_block(h, &g, h->text.p + at, at, &inside))
            return true;
    if (n > at)
        memcpy(last, h->text.p + at, n - at); /* at most 34 bytes */
    for (size_t i = 0; at + i < n; i += 32)
        if (hunt_block(h, &g, last + i, at + i, &inside))
            return true;
    return false;
}
#else
typedef int nothing_here; /* ISO C wants a declaration */
#endif
