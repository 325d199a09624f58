/* text.c - one needle: how a search is prepared, and run over a value. The walks over bytes:
 * text_find.h; many needles at once: text_set.c; code points and case: unicode.c. */
#include "kql/text_set.h"
#include "wire/scan.h"

const uint8_t text_term_bytes[256] = {
    /* clang-format off */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2,
    /* clang-format on */
};

/* ---- Preparing ---- */

/* How common a byte is in command lines, paths and messages: its place in this list, later is
 * rarer. What is not in it is rarest. */
static int
rarity(uint8_t c)
{
    static const char common[] = " etaoinsrlcdmp\\uhf.g\"w:-/b_y,v0k1x2=3456789{}()jq;'";
    const char *at = memchr(common, text_lower_byte(c), sizeof common - 1);

    return at == NULL ? (int)sizeof common : (int)(at - common);
}

static void
set_bytes(struct kql_search *s, uint32_t a, uint32_t b)
{
    uint8_t x = (uint8_t)s->needle.p[a], y = (uint8_t)s->needle.p[b];

    s->bytes = (struct text_bytes){.a = a, .b = b, .byte_a = x, .byte_b = y};
    if (s->path != TEXT_FOLDED)
        return;
    if (text_lower_byte(x) >= 'a' && text_lower_byte(x) <= 'z') {
        s->bytes.byte_a = text_lower_byte(x);
        s->bytes.mask_a = 0x20;
    }
    if (text_lower_byte(y) >= 'a' && text_lower_byte(y) <= 'z') {
        s->bytes.byte_b = text_lower_byte(y);
        s->bytes.mask_b = 0x20;
    }
}

/* The two rarest bytes that differ, if there are two. */
static void
choose_bytes(struct kql_search *s)
{
    uint32_t a = 0, b;

    for (uint32_t i = 1; i < s->needle.n; i++)
        if (rarity((uint8_t)s->needle.p[i]) > rarity((uint8_t)s->needle.p[a]))
            a = i;
    b = a == 0 ? (uint32_t)s->needle.n - 1 : 0;
    for (uint32_t i = 0; i < s->needle.n; i++) {
        if (text_lower_byte((uint8_t)s->needle.p[i]) == text_lower_byte((uint8_t)s->needle.p[a]))
            continue;
        if (text_lower_byte((uint8_t)s->needle.p[b]) == text_lower_byte((uint8_t)s->needle.p[a]) ||
            rarity((uint8_t)s->needle.p[i]) > rarity((uint8_t)s->needle.p[b]))
            b = i;
    }
    set_bytes(s, a, b);
}

static bool
is_ascii(struct span text)
{
    uint8_t high = 0;

    for (size_t i = 0; i < text.n; i++)
        high |= (uint8_t)text.p[i];
    return high < 0x80;
}

static void
choose_anchor(struct kql_search *s)
{
    int32_t forms[6], c;
    size_t at = 0;

    while ((c = kql_code_point(s->needle, &at)) < 0x80)
        s->anchor++;
    s->pair_count = text_fold_forms(c, forms);
    for (uint32_t i = 0; i < s->pair_count; i++) {
        char bytes[4];

        kql_code_point_print(forms[i], bytes);
        memcpy(s->pairs[i], bytes, 2);
    }
}

void
text_search_init(struct kql_search *s, enum kql_search_kind kind, bool ignores_case,
                 struct span needle)
{
    *s = (struct kql_search){.kind = (uint8_t)kind, .ignores_case = ignores_case, .needle = needle};
    if (needle.n == 0) {
        s->path = kind == KQL_SEARCH_EQUAL ? TEXT_BYTES : TEXT_ALWAYS;
        return;
    }
    s->path = !ignores_case                               ? TEXT_BYTES
              : is_ascii(needle) || !text_is_utf8(needle) ? TEXT_FOLDED
                                                          : TEXT_UNICODE;
    if (kind == KQL_SEARCH_HAS || kind == KQL_SEARCH_HAS_PREFIX)
        s->starts_term = text_term_after(needle, 0);
    if (kind == KQL_SEARCH_HAS || kind == KQL_SEARCH_HAS_SUFFIX)
        s->ends_term = text_term_before(needle, needle.n);
    if (s->path == TEXT_UNICODE)
        choose_anchor(s);
    else
        set_bytes(s, 0, (uint32_t)needle.n - 1);
}

const struct kql_search *
kql_search_new(struct pool *p, enum kql_search_kind kind, bool ignores_case, struct span needle)
{
    struct kql_search *s = pool_take(p, sizeof *s);

    text_search_init(s, kind, ignores_case, pool_text(p, needle));
    if (s->path == TEXT_BYTES || s->path == TEXT_FOLDED)
        if (needle.n > 0)
            choose_bytes(s);
    return s;
}

/* ---- Walking ---- */

#define PLAIN static inline __attribute__((always_inline))

/* Eight places at once: a byte of the result is 0x80 where the needle's byte stands, or (seldom)
 * behind such a place. */
PLAIN uint64_t
zeros(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u;

    return (word - ones) & ~word & ones * 0x80;
}

ptrdiff_t
text_plain_find(const struct kql_search *s, struct span text, size_t from)
{
    const uint64_t ones = 0x0101010101010101u;
    const struct text_bytes *b = &s->bytes;
    uint64_t mask_a = ones * b->mask_a, mask_b = ones * b->mask_b;
    uint64_t byte_a = ones * b->byte_a, byte_b = ones * b->byte_b;
    size_t places, at = from;

    if (text.n < s->needle.n)
        return -1;
    places = text.n - s->needle.n + 1;
    for (; at + 8 <= places; at += 8) {
        uint64_t x = (text_load(text.p + at + b->a) | mask_a) ^ byte_a;
        uint64_t y = (text_load(text.p + at + b->b) | mask_b) ^ byte_b;

        if (zeros(x | y) == 0)
            continue;
        for (size_t i = at; i < at + 8; i++)
            if (text_accepts(s, text, i))
                return (ptrdiff_t)i;
    }
    for (; at < places; at++)
        if (text_accepts(s, text, at))
            return (ptrdiff_t)at;
    return -1;
}

size_t
text_plain_pair(const struct kql_search *s, struct span text, size_t from)
{
    for (size_t at = from; at + 1 < text.n; at++) {
        if ((uint8_t)text.p[at] < 0x80)
            continue;
        for (uint32_t i = 0; i < s->pair_count; i++)
            if (memcmp(text.p + at, s->pairs[i], 2) == 0)
                return at;
    }
    return text.n;
}

/* The vectorised way. */
static ptrdiff_t
find_short(const struct kql_search *s, struct span text, size_t from)
{
#if defined(__x86_64__)
    if (scan_simd_used() != SCAN_PLAIN)
        return text_avx2_find(s, text, from);
#endif
    return text_plain_find(s, text, from);
}

static size_t
find_pair(const struct kql_search *s, struct span text, size_t from)
{
#if defined(__x86_64__)
    if (scan_simd_used() != SCAN_PLAIN)
        return text_avx2_pair(s, text, from);
#endif
    return text_plain_pair(s, text, from);
}

/* ---- Code points ---- */

/* The next code point, folded; -1: a byte that is none. (A needle of that path has none.) */
static int32_t
fold_next(struct span text, size_t *at)
{
    size_t begin = *at;
    int32_t c = kql_code_point(text, at);

    return c == 0xfffd && *at - begin == 1 ? -1 : text_fold(c);
}

bool
text_folds_alike(struct span needle, struct span text, size_t at, size_t *end)
{
    size_t i = 0;

    while (i < needle.n) {
        if (at >= text.n || fold_next(needle, &i) != fold_next(text, &at))
            return false;
    }
    *end = at;
    return true;
}

static bool
unicode_ends_with(struct span needle, struct span text)
{
    size_t i = needle.n, j = text.n;

    while (i > 0 && j > 0) {
        size_t x, y;

        x = i = text_step_back(needle, i);
        y = j = text_step_back(text, j);
        if (fold_next(needle, &x) != fold_next(text, &y))
            return false;
    }
    return i == 0;
}

/* ---- Long needles ----
 *
 * Places where much of a long needle stands, but not all, could be so many that the time grows as
 * the sizes' product. So it is counted what comparing costs; when that is some times the text, a
 * rolling hash (Rabin and Karp, modulo 2^61 - 1) goes on, whose time is that of the text. */

enum { LONG_NEEDLE = 64, LONG_TEXT = 2048, PREFIX_SIZE = 32, COST_FACTOR = 16 };

__extension__ typedef unsigned __int128 uint128;

static const uint64_t hash_modulus = (UINT64_C(1) << 61) - 1,
                      hash_base = UINT64_C(0x15f4ad1c9e37b795);

static uint64_t
hash_times(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    uint64_t sum = (uint64_t)(product & hash_modulus) + (uint64_t)(product >> 61);

    return sum >= hash_modulus ? sum - hash_modulus : sum;
}

/* What is compared next: a byte, or a code point, folded. */
static uint64_t
next_unit(const struct kql_search *s, struct span text, size_t *at)
{
    if (s->path == TEXT_UNICODE)
        return (uint64_t)(fold_next(text, at) + 2);
    return s->path == TEXT_FOLDED ? text_lower_byte((uint8_t)text.p[(*at)++]) + 1u
                                  : (uint8_t)text.p[(*at)++] + 1u;
}

static bool
stands_at(const struct kql_search *s, struct span text, size_t at)
{
    size_t end = at + s->needle.n;

    if (s->path == TEXT_UNICODE)
        return text_folds_alike(s->needle, text, at, &end) && text_ends_hold(s, text, at, end);
    return text_ends_hold(s, text, at, end) && text_accepts(s, text, at);
}

static ptrdiff_t
find_rolling(const struct kql_search *s, struct span text, size_t from)
{
    uint64_t wanted = 0, hash = 0, weight = 1; /* base to the needle's units */
    size_t head = from, tail = from, at = 0;

    while (at < s->needle.n) {
        if (tail >= text.n)
            return -1;
        wanted = (hash_times(wanted, hash_base) + next_unit(s, s->needle, &at)) % hash_modulus;
        hash = (hash_times(hash, hash_base) + next_unit(s, text, &tail)) % hash_modulus;
        weight = hash_times(weight, hash_base);
    }
    for (;;) {
        uint64_t gone;

        if (hash == wanted && text_ends_hold(s, text, head, tail) && stands_at(s, text, head))
            return (ptrdiff_t)head;
        if (tail >= text.n)
            return -1;
        gone = hash_times(weight, next_unit(s, text, &head));
        hash = (hash_times(hash, hash_base) + next_unit(s, text, &tail)) % hash_modulus;
        hash = hash >= gone ? hash - gone : hash + hash_modulus - gone;
    }
}

static ptrdiff_t
find(const struct kql_search *s, struct span text, size_t from)
{
    struct kql_search prefix = *s;
    struct span places = text;
    size_t cost = 0;
    ptrdiff_t at;

    if (s->needle.n <= LONG_NEEDLE || text.n <= LONG_TEXT)
        return find_short(s, text, from);
    if (text.n < s->needle.n)
        return -1;
    prefix.needle.n = PREFIX_SIZE;
    prefix.starts_term = prefix.ends_term = false;
    set_bytes(&prefix, 0, PREFIX_SIZE - 1);
    places.n = text.n - s->needle.n + PREFIX_SIZE;
    for (; (at = find_short(&prefix, places, from)) >= 0; from = (size_t)at + 1) {
        if (cost > COST_FACTOR * text.n)
            return find_rolling(s, text, (size_t)at);
        if (!text_ends_hold(s, text, (size_t)at, (size_t)at + s->needle.n))
            continue;
        if (text_accepts(s, text, (size_t)at))
            return at;
        cost += s->needle.n;
    }
    return -1;
}

static bool
unicode_find(const struct kql_search *s, struct span text)
{
    size_t cost = 0;

    for (size_t at = find_pair(s, text, 0); at < text.n; at = find_pair(s, text, at + 1)) {
        size_t begin = at, end;
        uint32_t left = s->anchor;

        if (cost > COST_FACTOR * text.n + LONG_TEXT)
            return find_rolling(s, text, 0) >= 0;
        for (; left > 0 && begin > 0; left--)
            begin = text_step_back(text, begin);
        cost += s->anchor + s->needle.n;
        if (left == 0 && text_folds_alike(s->needle, text, begin, &end) &&
            text_ends_hold(s, text, begin, end))
            return true;
    }
    return false;
}

/* ---- Running ---- */

static bool
bytes_alike(const struct kql_search *s, const char *p)
{
    return s->path == TEXT_FOLDED ? text_alike(p, s->needle.p, s->needle.n)
                                  : memcmp(p, s->needle.p, s->needle.n) == 0;
}

bool
kql_search_in(const struct kql_search *s, struct span text)
{
    size_t end;

    if (s->path == TEXT_ALWAYS)
        return true;
    switch ((enum kql_search_kind)s->kind) {
    case KQL_SEARCH_EQUAL:
        if (s->path == TEXT_UNICODE)
            return text_folds_alike(s->needle, text, 0, &end) && end == text.n;
        return text.n == s->needle.n && (text.n == 0 || bytes_alike(s, text.p));
    case KQL_SEARCH_STARTS:
        if (s->path == TEXT_UNICODE)
            return text_folds_alike(s->needle, text, 0, &end);
        return text.n >= s->needle.n && bytes_alike(s, text.p);
    case KQL_SEARCH_ENDS:
        if (s->path == TEXT_UNICODE)
            return unicode_ends_with(s->needle, text);
        return text.n >= s->needle.n && bytes_alike(s, text.p + text.n - s->needle.n);
    default:
        return s->path == TEXT_UNICODE ? unicode_find(s, text) : find(s, text, 0) >= 0;
    }
}

bool
kql_search_once(enum kql_search_kind kind, bool ignores_case, struct span needle, struct span text)
{
    struct kql_search s;

    text_search_init(&s, kind, ignores_case, needle);
    return kql_search_in(&s, text);
}

ptrdiff_t
kql_find(struct span text, struct span needle, size_t from)
{
    struct kql_search s;

    if (from > text.n || needle.n > text.n - from)
        return -1;
    if (needle.n == 0)
        return (ptrdiff_t)from;
    text_search_init(&s, KQL_SEARCH_CONTAINS, false, needle);
    return find(&s, text, from);
}
