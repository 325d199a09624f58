/* scan_avx512.c - the fast walk with AVX-512 (BW, VBMI, VBMI2 and GFNI: Ice Lake, Zen 4 and
 * later). */
#include "wire/scan_inner.h"
#if defined(__x86_64__)
#define FAST_TARGET                                                                                \
    __attribute__((                                                                                \
        target("avx2,bmi,bmi2,lzcnt,popcnt,pclmul,avx512f,avx512bw,avx512vl,avx512vbmi,"           \
               "avx512vbmi2,gfni")))
#include "wire/scan_fast.h"

/* A byte's class; bit 7 is the byte's own. */
enum { OP, SPACE, ESCAPABLE, QUOTE, BACKSLASH, CONTROL, HIGH = 7 };
#define BIT(class) (1 << (class))

static const uint8_t classes[128] = {
    [0] = BIT(CONTROL),
    [1] = BIT(CONTROL),
    [2] = BIT(CONTROL),
    [3] = BIT(CONTROL),
    [4] = BIT(CONTROL),
    [5] = BIT(CONTROL),
    [6] = BIT(CONTROL),
    [7] = BIT(CONTROL),
    [8] = BIT(CONTROL),
    ['\t'] = BIT(CONTROL) | BIT(SPACE),
    ['\n'] = BIT(CONTROL) | BIT(SPACE),
    [11] = BIT(CONTROL),
    [12] = BIT(CONTROL),
    ['\r'] = BIT(CONTROL) | BIT(SPACE),
    [14] = BIT(CONTROL),
    [15] = BIT(CONTROL),
    [16] = BIT(CONTROL),
    [17] = BIT(CONTROL),
    [18] = BIT(CONTROL),
    [19] = BIT(CONTROL),
    [20] = BIT(CONTROL),
    [21] = BIT(CONTROL),
    [22] = BIT(CONTROL),
    [23] = BIT(CONTROL),
    [24] = BIT(CONTROL),
    [25] = BIT(CONTROL),
    [26] = BIT(CONTROL),
    [27] = BIT(CONTROL),
    [28] = BIT(CONTROL),
    [29] = BIT(CONTROL),
    [30] = BIT(CONTROL),
    [31] = BIT(CONTROL),
    [' '] = BIT(SPACE),
    ['{'] = BIT(OP),
    ['}'] = BIT(OP),
    ['['] = BIT(OP),
    [']'] = BIT(OP),
    [':'] = BIT(OP),
    [','] = BIT(OP),
    ['"'] = BIT(QUOTE) | BIT(ESCAPABLE),
    ['\\'] = BIT(BACKSLASH) | BIT(ESCAPABLE),
    ['/'] = BIT(ESCAPABLE),
    ['b'] = BIT(ESCAPABLE),
    ['f'] = BIT(ESCAPABLE),
    ['n'] = BIT(ESCAPABLE),
    ['r'] = BIT(ESCAPABLE),
    ['t'] = BIT(ESCAPABLE),
};

/* 64 classes to 8 masks: the affine transformation, with the classes for its matrices and a one in
 * each bit for its vectors, turns the 8 x 8 bits of each 8 bytes around, but counts a matrix's rows
 * from the last one; so the bits of each byte are reversed, too. Then the bytes of each mask are
 * brought together. This spares the detour over mask registers, which only one port serves. */
FAST void
transpose(__m512i class, uint64_t masks[8])
{
    static const uint8_t gather[64] = {
        0,  8,  16, 24, 32, 40, 48, 56, 1,  9,  17, 25, 33, 41, 49, 57, 2,  10, 18, 26, 34, 42,
        50, 58, 3,  11, 19, 27, 35, 43, 51, 59, 4,  12, 20, 28, 36, 44, 52, 60, 5,  13, 21, 29,
        37, 45, 53, 61, 6,  14, 22, 30, 38, 46, 54, 62, 7,  15, 23, 31, 39, 47, 55, 63};
    const __m512i each_bit = _mm512_set1_epi64((long long)0x8040201008040201);
    __m512i turned = _mm512_gf2p8affine_epi64_epi8(each_bit, class, 0);

    turned = _mm512_gf2p8affine_epi64_epi8(turned, each_bit, 0);
    _mm512_storeu_si512(masks, _mm512_permutexvar_epi8(_mm512_loadu_si512(gather), turned));
}

FAST struct fast_masks
fast_block(const char *block)
{
    _Alignas(64) uint64_t masks[8];
    uint64_t low;
    __m512i v = _mm512_loadu_si512(block);
    __m512i class =
        _mm512_permutex2var_epi8(_mm512_loadu_si512(classes), v, _mm512_loadu_si512(classes + 64));

    class = _mm512_ternarylogic_epi64(class, v, _mm512_set1_epi8((char)BIT(HIGH)), 0xf8);
    transpose(class, masks);
    __asm__("" : "+m"(masks)); /* loads are cheaper than the extractions gcc would make of them */
    low = ~masks[HIGH];        /* the table's index is only 7 bits */
    return (struct fast_masks){
        .quote = masks[QUOTE] & low,
        .backslash = masks[BACKSLASH] & low,
        .op = masks[OP] & low,
        .space = masks[SPACE] & low,
        .control = masks[CONTROL] & low,
        .escapable = masks[ESCAPABLE] & low,
        .high = masks[HIGH],
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
