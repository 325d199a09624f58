/* text_set.c - many needles at once: the time a value takes does not grow with their number as it
 * would needle by needle.
 *
 * Needles of bytes (TEXT_BYTES, TEXT_FOLDED) are kept by a hash of their first four bytes, or fewer
 * if the needle is shorter: one table for all sizes, the size is part of the key. A place of the
 * text is looked up there only when it may begin a needle: the walk over 32 places at once (Teddy,
 * of Intel's Hyperscan) asks of the four bytes from there on whether any of eight groups of needles
 * has such bytes first to fourth, and, if all needles begin with a term, whether a term
 * begins there. What is found in the table is then compared in full.
 *
 * Needles that are not ASCII in a set that ignores case are kept by their first code point, folded,
 * and are looked for only in texts that are not ASCII, code point by code point. */
#include "kql/text_set.h"
#include "wire/scan.h"

/* ---- Preparing ---- */

static uint32_t
key_hash(const struct kql_search_set *set, uint32_t key, uint32_t size)
{
    return text_key_hash(key, size) & set->head_mask;
}

static void
put_in_table(struct kql_search_set *set, uint32_t i)
{
    const struct kql_search *s = &set->searches[i];
    uint32_t size = s->needle.n < 4 ? (uint32_t)s->needle.n : 4;
    uint32_t key = text_key((const uint8_t *)s->needle.p, size) | set->folds[size];
    uint32_t at = key_hash(set, key, size);

    set->next[i] = set->heads[at];
    set->heads[at] = i + 1;
    set->keys[i] = key;
    set->key_sizes = (uint8_t)(set->key_sizes | 1u << size);
    set->all_start_terms &= s->starts_term;
    set->byte_count++;
    for (uint32_t fold = 0; fold <= 0x20; fold += 0x20)
        set->may_begin[((uint8_t)s->needle.p[0] | (set->folds[1] & 0x20)) ^
                       (set->folds[1] != 0 ? fold : 0)] = true;
}

static void
put_in_unicode_table(struct kql_search_set *set, uint32_t i)
{
    size_t at = 0;
    uint32_t head = text_unicode_hash(text_fold(kql_code_point(set->searches[i].needle, &at)));

    set->next[i] = set->unicode_heads[head];
    set->unicode_heads[head] = i + 1;
    set->unicode_count++;
}

/* The order of needles by their first bytes: those in one group are then alike. */
static int
compare_needles(const void *x, const void *y)
{
    const struct kql_search *const *a = x, *const *b = y;
    size_t size = (*a)->needle.n < (*b)->needle.n ? (*a)->needle.n : (*b)->needle.n;

    for (size_t i = 0; i < size; i++) {
        int differ = ((uint8_t)(*a)->needle.p[i] | 0x20) - ((uint8_t)(*b)->needle.p[i] | 0x20);

        if (differ != 0)
            return differ;
    }
    return (*a)->needle.n < (*b)->needle.n ? -1 : (*a)->needle.n > (*b)->needle.n;
}

static void
make_groups(struct pool *p, struct kql_search_set *set)
{
    const struct kql_search **sorted = pool_zeroed(p, set->byte_count, sizeof(void *));
    uint32_t count = 0;

    for (uint32_t i = 0; i < set->count; i++)
        if (set->searches[i].path == TEXT_BYTES || set->searches[i].path == TEXT_FOLDED)
            sorted[count++] = &set->searches[i];
    qsort(sorted, count, sizeof(void *), compare_needles);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t bit = (uint8_t)(1u << (uint64_t)i * 8 / count);

        for (uint32_t k = 0; k < 4; k++) {
            uint8_t c;

            if (k >= sorted[i]->needle.n) { /* anything may stand behind a short needle */
                for (uint32_t nibble = 0; nibble < 16; nibble++) {
                    set->low[k][nibble] |= bit;
                    set->high[k][nibble] |= bit;
                }
                continue;
            }
            c = (uint8_t)sorted[i]->needle.p[k] | (set->folds[4] & 0xff);
            set->low[k][c & 15] |= bit;
            set->high[k][c >> 4] |= bit;
        }
    }
}

const struct kql_search_set *
kql_search_set_new(struct pool *p, enum kql_search_kind kind, bool ignores_case,
                   const struct span *needles, uint32_t count)
{
    struct kql_search_set *set = pool_zeroed(p, 1, sizeof *set);
    struct kql_search *searches = pool_zeroed(p, count, sizeof *searches);
    uint32_t heads = 64;

    while (heads < count * 2 && heads < 1u << 20)
        heads *= 2;
    *set = (struct kql_search_set){.kind = (uint8_t)kind,
                                   .count = count,
                                   .searches = searches,
                                   .all_start_terms = true,
                                   .heads = pool_zeroed(p, heads, sizeof *set->heads),
                                   .head_mask = heads - 1,
                                   .next = pool_zeroed(p, count, sizeof *set->next),
                                   .keys = pool_zeroed(p, count, sizeof *set->keys)};
    for (uint32_t size = 1; size <= 4; size++) {
        set->masks[size] = text_key((const uint8_t *)"\xff\xff\xff\xff", size);
        if (ignores_case) /* a blank is 0x20 */
            set->folds[size] = text_key((const uint8_t *)"    ", size);
    }
    for (uint32_t i = 0; i < count; i++) {
        searches[i] = *kql_search_new(p, kind, ignores_case, needles[i]);
        if (searches[i].path == TEXT_ALWAYS)
            set->empty_count++;
        else if (kind == KQL_SEARCH_EQUAL || kind == KQL_SEARCH_STARTS || kind == KQL_SEARCH_ENDS)
            continue;
        else if (searches[i].path == TEXT_UNICODE)
            put_in_unicode_table(set, i);
        else
            put_in_table(set, i);
    }
    if (set->byte_count > 0)
        make_groups(p, set);
    return set;
}

/* ---- Walking ---- */

bool
text_set_hunt(struct text_hunt *h, size_t at)
{
    const struct kql_search_set *set = h->set;
    struct span text = h->text;
    size_t room = text.n - at;
    uint32_t word;

    if (room >= 4)
        memcpy(&word, text.p + at, 4);
    else
        word = text_key((const uint8_t *)text.p + at, (uint32_t)room);
    for (uint32_t size = 1; size <= 4 && size <= room; size++) {
        uint32_t key = (word & set->masks[size]) | set->folds[size];

        if ((set->key_sizes & 1u << size) == 0)
            continue;
        for (uint32_t i = set->heads[key_hash(set, key, size)]; i != 0; i = set->next[i - 1]) {
            const struct kql_search *s = &set->searches[i - 1];

            text_hunt_works(h, 1);
            if (set->keys[i - 1] == key && s->needle.n <= room && text_accepts(s, text, at) &&
                text_hunt_found(h, i - 1))
                return true;
        }
    }
    return false;
}

bool
text_plain_set(struct text_hunt *h)
{
    const struct kql_search_set *set = h->set;
    bool is_inside = false; /* a term, of ASCII */

    for (size_t at = 0; at < h->text.n; at++) {
        uint8_t c = (uint8_t)h->text.p[at];

        if (set->may_begin[c] && !(is_inside && set->all_start_terms) && text_set_hunt(h, at))
            return true;
        is_inside = text_term_bytes[c] == 1;
    }
    return false;
}

static bool
unicode_walk(struct text_hunt *h)
{
    const struct kql_search_set *set = h->set;

    for (size_t at = 0, next = 0; at < h->text.n; at = next) {
        int32_t c = text_fold(kql_code_point(h->text, &next));
        uint32_t i = set->unicode_heads[text_unicode_hash(c)];

        for (; i != 0; i = set->next[i - 1]) {
            const struct kql_search *s = &set->searches[i - 1];
            size_t end;

            text_hunt_works(h, s->needle.n);
            if (text_folds_alike(s->needle, h->text, at, &end) &&
                text_ends_hold(s, h->text, at, end) && text_hunt_found(h, i - 1))
                return true;
        }
    }
    return false;
}

static bool
is_ascii(struct span text)
{
    size_t i = 0;
    uint64_t high = 0;

    for (; i + 8 <= text.n; i += 8)
        high |= text_load(text.p + i);
    for (; i < text.n; i++)
        high |= (uint8_t)text.p[i];
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

/* True as soon as enough is found. */
static bool
walk(struct text_hunt *h)
{
    bool done = false;

    if (h->set->byte_count > 0) {
#if defined(__x86_64__)
        if (scan_simd_used() != SCAN_PLAIN)
            done = text_avx2_set(h);
        else
#endif
            done = text_plain_set(h);
    }
    return done || (h->set->unicode_count > 0 && !is_ascii(h->text) && unicode_walk(h));
}

static bool
is_walked(const struct kql_search_set *set)
{
    return set->count > 1 && set->byte_count + set->unicode_count + set->empty_count == set->count;
}

bool
kql_search_any(const struct kql_search_set *set, struct span text, struct pool *pool)
{
    struct text_hunt h = {.set = set, .text = text, .left = 1, .pool = pool};

    if (set->empty_count > 0)
        return true;
    if (is_walked(set))
        return walk(&h);
    for (uint32_t i = 0; i < set->count; i++) {
        text_hunt_works(&h, text.n);
        if (kql_search_in(&set->searches[i], text))
            return true;
    }
    return false;
}

bool
kql_search_all(const struct kql_search_set *set, struct span text, struct pool *pool)
{
    struct text_hunt h = {
        .set = set, .text = text, .left = set->count - set->empty_count, .pool = pool};
    uint64_t found[TEXT_SET_ALL_MAX / 64];

    /* A few needles one by one: the first that is not there ends it. */
    if (!is_walked(set) || h.left <= 4 || set->count > TEXT_SET_ALL_MAX) {
        for (uint32_t i = 0; i < set->count; i++) {
            text_hunt_works(&h, text.n);
            if (!kql_search_in(&set->searches[i], text))
                return false;
        }
        return true;
    }
    memset(found, 0, (set->count + 63) / 64 * 8);
    h.found = found;
    return walk(&h);
}
