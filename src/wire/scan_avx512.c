/* scan_avx512.c - the fast walk with AVX-512 (BW, VBMI and VBMI2: Ice Lake, Zen 4 and later). */
#include "wire/scan_inner.h"
#if defined(__x86_64__)
#define FAST_TARGET                                                                                \
    __attribute__((                                                                                \
        target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul,avx512f,avx512bw,avx512vl,avx512vbmi,"           \
               "avx512vbmi2")))
#include "wire/scan_fast.h"

enum {
    IS_OP = 1,
    IS_SPACE = 2,
    IS_ESCAPABLE = 4,
    IS_QUOTE = 8,
    IS_BACKSLASH = 16,
    IS_CONTROL = 32
};

static const uint8_t classes[128] = {
    [0] = IS_CONTROL,
    [1] = IS_CONTROL,
    [2] = IS_CONTROL,
    [3] = IS_CONTROL,
    [4] = IS_CONTROL,
    [5] = IS_CONTROL,
    [6] = IS_CONTROL,
    [7] = IS_CONTROL,
    [8] = IS_CONTROL,
    ['\t'] = IS_CONTROL | IS_SPACE,
    ['\n'] = IS_CONTROL | IS_SPACE,
    [11] = IS_CONTROL,
    [12] = IS_CONTROL,
    ['\r'] = IS_CONTROL | IS_SPACE,
    [14] = IS_CONTROL,
    [15] = IS_CONTROL,
    [16] = IS_CONTROL,
    [17] = IS_CONTROL,
    [18] = IS_CONTROL,
    [19] = IS_CONTROL,
    [20] = IS_CONTROL,
    [21] = IS_CONTROL,
    [22] = IS_CONTROL,
    [23] = IS_CONTROL,
    [24] = IS_CONTROL,
    [25] = IS_CONTROL,
    [26] = IS_CONTROL,
    [27] = IS_CONTROL,
    [28] = IS_CONTROL,
    [29] = IS_CONTROL,
    [30] = IS_CONTROL,
    [31] = IS_CONTROL,
    [' '] = IS_SPACE,
    ['{'] = IS_OP,
    ['}'] = IS_OP,
    ['['] = IS_OP,
    [']'] = IS_OP,
    [':'] = IS_OP,
    [','] = IS_OP,
    ['"'] = IS_QUOTE | IS_ESCAPABLE,
    ['\\'] = IS_BACKSLASH | IS_ESCAPABLE,
    ['/'] = IS_ESCAPABLE,
    ['b'] = IS_ESCAPABLE,
    ['f'] = IS_ESCAPABLE,
    ['n'] = IS_ESCAPABLE,
    ['r'] = IS_ESCAPABLE,
    ['t'] = IS_ESCAPABLE,
};

FAST struct fast_masks
fast_block(const char *block)
{
    __m512i v = _mm512_loadu_si512(block);
    __mmask64 high = _mm512_movepi8_mask(v);
    __m512i class = _mm512_maskz_permutex2var_epi8(~high, _mm512_loadu_si512(classes), v,
                                                   _mm512_loadu_si512(classes + 64));

    return (struct fast_masks){
        .quote = _mm512_test_epi8_mask(class, _mm512_set1_epi8(IS_QUOTE)),
        .backslash = _mm512_test_epi8_mask(class, _mm512_set1_epi8(IS_BACKSLASH)),
        .op = _mm512_test_epi8_mask(class, _mm512_set1_epi8(IS_OP)),
        .space = _mm512_test_epi8_mask(class, _mm512_set1_epi8(IS_SPACE)),
        .control = _mm512_test_epi8_mask(class, _mm512_set1_epi8(IS_CONTROL)),
        .escapable = _mm512_test_epi8_mask(class, _mm512_set1_epi8(IS_ESCAPABLE)),
        .high = high,
    };
}

FAST __m512i
table(const uint8_t bytes[16])
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)bytes));
}

FAST bool
fast_utf8_is_bad(const char *block)
{
    const __m512i low_half = _mm512_set1_epi8(15);
    __m512i v = _mm512_loadu_si512(block);
    __m512i back1 = _mm512_loadu_si512(block - 1);
    __m512i back2 = _mm512_loadu_si512(block - 2);
    __m512i back3 = _mm512_loadu_si512(block - 3);
    __m512i special = _mm512_and_si512(
        _mm512_shuffle_epi8(table(fast_utf8_tables[0]),
                            _mm512_and_si512(_mm512_srli_epi16(back1, 4), low_half)),
        _mm512_shuffle_epi8(table(fast_utf8_tables[1]), _mm512_and_si512(back1, low_half)));
    special = _mm512_and_si512(
        special, _mm512_shuffle_epi8(table(fast_utf8_tables[2]),
                                     _mm512_and_si512(_mm512_srli_epi16(v, 4), low_half)));
    __m512i third = _mm512_subs_epu8(back2, _mm512_set1_epi8((char)(0xe0 - 0x80)));
    __m512i fourth = _mm512_subs_epu8(back3, _mm512_set1_epi8((char)(0xf0 - 0x80)));
    __m512i must = _mm512_and_si512(_mm512_or_si512(third, fourth), _mm512_set1_epi8((char)0x80));
    __m512i errors = _mm512_xor_si512(must, special);

    return _mm512_test_epi8_mask(errors, errors) != 0;
}

static const uint8_t counting[64] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

FAST uint32_t *
fast_write(uint32_t *out, uint64_t bits, uint32_t at)
{
    __m512i packed = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(counting));
    __m512i base = _mm512_set1_epi32((int)at);
    uint32_t *end = out + __builtin_popcountll(bits);

    _mm512_storeu_si512(
        out, _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed))));
    if (RARELY(end > out + 16)) {
        _mm512_storeu_si512(
            out + 16,
            _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 1))));
        _mm512_storeu_si512(
            out + 32,
            _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 2))));
        _mm512_storeu_si512(
            out + 48,
            _mm512_add_epi32(base, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 3))));
    }
    return end;
}

FAST_TARGET enum walk
scan_avx512_walk(struct scan_private *p, struct scan_job *job)
{
    return fast_walk(p, job);
}
#endif
