/* scan_avx2.c - the fast walk with AVX2. */
#include "wire/scan_inner.h"
#if defined(__x86_64__)
#define FAST_TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul")))
#include "wire/scan_fast.h"

FAST uint64_t
mask_of(__m256i low, __m256i high)
{
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

FAST __m256i
table(const uint8_t bytes[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)bytes));
}

/* Operators and white space, by simdjson's tables over the low half of a byte: the byte itself is
 * in its place if it is one. 0x20 turns [ ] into { } but also leaves : and , alone; it turns no
 * other byte into an operator but 0x1a and 0x0c, which no valid text holds outside a string, nor
 * inside one. */
static const uint8_t space_table[16] = {' ', 100,  100,  100, 17,  100,  113, 2,
                                        100, '\t', '\n', 112, 100, '\r', 100, 100};
static const uint8_t op_table[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ':', '{', ',', '}', 0, 0};
/* What may follow a backslash, by both halves; a bit for each high half: 2, 5, 6, 7. */
static const uint8_t escape_low[16] = {0, 0, 1 | 4 | 8, 0, 8, 0, 4, 0, 0, 0, 0, 0, 2, 0, 4, 1};
static const uint8_t escape_high[16] = {0, 0, 1, 0, 0, 2, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0};

struct half { /* bytes 0xff where it holds */
    __m256i quote, backslash, op, space, control, unescapable, high;
};

FAST struct half
classify(const char *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    __m256i high_half = _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(15));

    return (struct half){
        .quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
        .backslash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')),
        .op = _mm256_cmpeq_epi8(_mm256_or_si256(v, _mm256_set1_epi8(0x20)),
                                _mm256_shuffle_epi8(table(op_table), v)),
        .space = _mm256_cmpeq_epi8(v, _mm256_shuffle_epi8(table(space_table), v)),
        .control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v),
        .unescapable =
            _mm256_cmpeq_epi8(_mm256_and_si256(_mm256_shuffle_epi8(table(escape_low), v),
                                               _mm256_shuffle_epi8(table(escape_high), high_half)),
                              _mm256_setzero_si256()),
        .high = v,
    };
}

FAST struct fast_masks
fast_block(const char *block)
{
    struct half a = classify(block), b = classify(block + 32);

    return (struct fast_masks){
        .quote = mask_of(a.quote, b.quote),
        .backslash = mask_of(a.backslash, b.backslash),
        .op = mask_of(a.op, b.op),
        .space = mask_of(a.space, b.space),
        .control = mask_of(a.control, b.control),
        .escapable = ~mask_of(a.unescapable, b.unescapable),
        .high = mask_of(a.high, b.high),
    };
}

FAST __m256i
utf8_errors(const char *p)
{
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i v = _mm256_loadu_si256((const __m256i *)p);
    __m256i back1 = _mm256_loadu_si256((const __m256i *)(p - 1));
    __m256i back2 = _mm256_loadu_si256((const __m256i *)(p - 2));
    __m256i back3 = _mm256_loadu_si256((const __m256i *)(p - 3));
    __m256i special = _mm256_and_si256(
        _mm256_shuffle_epi8(table(fast_utf8_tables[0]),
                            _mm256_and_si256(_mm256_srli_epi16(back1, 4), low_half)),
        _mm256_shuffle_epi8(table(fast_utf8_tables[1]), _mm256_and_si256(back1, low_half)));
    special = _mm256_and_si256(
        special, _mm256_shuffle_epi8(table(fast_utf8_tables[2]),
                                     _mm256_and_si256(_mm256_srli_epi16(v, 4), low_half)));
    __m256i third = _mm256_subs_epu8(back2, _mm256_set1_epi8((char)(0xe0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(back3, _mm256_set1_epi8((char)(0xf0 - 0x80)));
    __m256i must = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(must, special);
}

FAST bool
fast_utf8_is_bad(const char *block)
{
    __m256i errors = _mm256_or_si256(utf8_errors(block), utf8_errors(block + 32));

    return !_mm256_testz_si256(errors, errors);
}

/* Writes the lowest 'bits' as offsets; what is behind the last one is never read. */
#define WRITE_1(out, bits, at) (*(out)++ = (at) + (uint32_t)_tzcnt_u64(bits), (bits) &= (bits)-1)
#define WRITE_4(out, bits, at)                                                                     \
    (WRITE_1(out, bits, at), WRITE_1(out, bits, at), WRITE_1(out, bits, at), WRITE_1(out, bits, at))

/* At least 8, whatever the count: branches are for more. */
FAST uint32_t *
fast_write(uint32_t *out, uint64_t bits, uint32_t at)
{
    uint32_t *end = out + __builtin_popcountll(bits);

    WRITE_4(out, bits, at);
    WRITE_4(out, bits, at);
    if (RARELY(bits)) {
        WRITE_4(out, bits, at);
        WRITE_4(out, bits, at);
        while (bits != 0)
            WRITE_4(out, bits, at);
    }
    return end;
}

FAST_TARGET enum walk
scan_avx2_walk(struct scan_private *p, struct scan_job *job)
{
    return fast_walk(p, job);
}
#endif
