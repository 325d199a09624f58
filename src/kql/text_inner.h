/* text_inner.h - what text.c, text_set.c, text_avx2.c and unicode.c share. Not for others.
 *
 * A search is small enough to be made on the stack, per row. Its path says how it is run:
 *   ALWAYS   the needle is empty: every text has it
 *   BYTES    the needle's bytes, exactly
 *   FOLDED   an ASCII needle (or one that is not UTF-8): a letter's byte and its other case are alike. (Only ASCII folds to
 *            ASCII, see text_fold: so this path is right for every text.)
 *   UNICODE  the needle is not ASCII, and case does not count: code points are compared, folded
 *
 * Whether a place where the needle stands counts is text_accepts' to say: it compares in full and
 * looks at the terms' ends. What is vectorised is only the way to such places: two bytes of the
 * needle, the rarest ones, are compared at 32 or 64 places at once. */
#pragma once
#include "kql/text.h"

enum text_path { TEXT_ALWAYS, TEXT_BYTES, TEXT_FOLDED, TEXT_UNICODE };

struct text_bytes { /* what the walk compares at each place: bytes a and b of the needle */
    uint32_t a, b;  /* offsets in the needle; equal for a needle of one byte */
    uint8_t byte_a, mask_a, byte_b, mask_b; /* (text | mask) == byte */
};

struct kql_search {
    uint8_t kind; /* enum kql_search_kind */
    uint8_t path; /* enum text_path */
    bool ignores_case;
    bool starts_term, ends_term; /* a term must not go on over that end of the needle */
    struct span needle;
    struct text_bytes bytes; /* BYTES, FOLDED */
    /* UNICODE: the needle's first code point that is not ASCII, how many code points stand before
     * it, and the first two bytes of each of its forms. */
    uint32_t anchor;
    uint32_t pair_count;
    uint8_t pairs[6][2];
};

void text_search_init(struct kql_search *s, enum kql_search_kind kind, bool ignores_case,
                      struct span needle);

/* The first place from 'from' on where the needle stands and counts; -1: none. FOLDED and BYTES. */
ptrdiff_t text_plain_find(const struct kql_search *s, struct span text, size_t from);
ptrdiff_t text_avx2_find(const struct kql_search *s, struct span text, size_t from);
/* The first place from 'from' on where one of the pairs stands; text.n: none. */
size_t text_plain_pair(const struct kql_search *s, struct span text, size_t from);
size_t text_avx2_pair(const struct kql_search *s, struct span text, size_t from);

bool text_is_utf8(struct span text);

/* ---- Case ---- */

/* The code point that stands for all that differ from it in case alone. */
int32_t text_fold(int32_t code_point);
/* All code points that fold as this one does, itself included: at most 6. */
uint32_t text_fold_forms(int32_t code_point, int32_t forms[6]);

static inline uint8_t
text_lower_byte(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Where the code point that ends at 'at' > 0 begins. */
size_t text_step_back(struct span text, size_t at);

/* ---- Terms ---- */

extern const uint8_t text_term_bytes[256]; /* 1: an ASCII letter or digit; 2: not ASCII */

bool text_term_after(struct span text, size_t at);  /* a term character begins at 'at' < text.n */
bool text_term_before(struct span text, size_t at); /* one ends at 'at' > 0 */

static inline bool
text_ends_hold(const struct kql_search *s, struct span text, size_t at, size_t end)
{
    if (s->starts_term && at > 0) {
        uint8_t t = text_term_bytes[(uint8_t)text.p[at - 1]];

        if (t != 0 && (t == 1 || text_term_before(text, at)))
            return false;
    }
    if (s->ends_term && end < text.n) {
        uint8_t t = text_term_bytes[(uint8_t)text.p[end]];

        if (t != 0 && (t == 1 || text_term_after(text, end)))
            return false;
    }
    return true;
}

/* ---- Comparing ---- */

static inline uint64_t
text_load(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof word);
    return word;
}

/* Eight bytes at once: whether x and y differ in the case of ASCII letters alone. */
static inline bool
text_words_alike(uint64_t x, uint64_t y)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t differ = x ^ y, lower, from_a, behind_z;

    if (differ == 0)
        return true;
    if ((differ & ~(ones * 0x20)) != 0)
        return false;
    lower = (y | ones * 0x20) & ones * 0x7f;
    from_a = lower + ones * (0x80 - 'a');
    behind_z = lower + ones * (0x80 - 'z' - 1);
    return ((differ << 2) & ~(from_a & ~behind_z & ~y)) == 0;
}

static inline bool
text_alike(const char *x, const char *y, size_t size)
{
    if (size >= 8) {
        for (size_t i = 0; i + 8 < size; i += 8)
            if (!text_words_alike(text_load(x + i), text_load(y + i)))
                return false;
        return text_words_alike(text_load(x + size - 8), text_load(y + size - 8));
    }
    for (size_t i = 0; i < size; i++)
        if (text_lower_byte((uint8_t)x[i]) != text_lower_byte((uint8_t)y[i]))
            return false;
    return true;
}

/* BYTES and FOLDED: whether the needle stands at 'at' (there is room for it) and counts. */
static inline bool
text_accepts(const struct kql_search *s, struct span text, size_t at)
{
    const char *p = text.p + at;

    if (s->path == TEXT_FOLDED ? !text_alike(p, s->needle.p, s->needle.n)
                               : memcmp(p, s->needle.p, s->needle.n) != 0)
        return false;
    return text_ends_hold(s, text, at, at + s->needle.n);
}
