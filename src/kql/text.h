/* text.h - the string operators: substring, prefix, suffix and term search, with and without case,
 * prepared once and run per value. Vectorised (AVX2, chosen at run time) with a plain path; both
 * tested alike. Pure; any thread.
 *
 * Term: a maximal run of letters and digits (Unicode); everything else, '_' included, separates.
 * "v1.2.3" has "2.3": a needle with separators inside is found as text whose two ends lie on term
 * boundaries. Every text has "". Case is ignored as .NET's OrdinalIgnoreCase does: simple upper-case
 * forms are compared, and only ASCII equals ASCII. (string operators page; unicode.c.) */
#pragma once
#include "base/base.h"
#include "kql/pool.h"

enum kql_search_kind {
    KQL_SEARCH_EQUAL, /* whole value (=~ with ignores_case) */
    KQL_SEARCH_CONTAINS,
    KQL_SEARCH_STARTS,
    KQL_SEARCH_ENDS,
    KQL_SEARCH_HAS,
    KQL_SEARCH_HAS_PREFIX,
    KQL_SEARCH_HAS_SUFFIX,
};
struct kql_search; /* immutable once made; lives in the pool */

const struct kql_search *kql_search_new(struct pool *p, enum kql_search_kind kind,
                                        bool ignores_case, struct span needle);
bool kql_search_in(const struct kql_search *s, struct span text);
/* The needle is known per row only. */
bool kql_search_once(enum kql_search_kind kind, bool ignores_case, struct span needle,
                     struct span text);

/* Any (or all) of many needles: has_any, has_all. */
struct kql_search_set;
const struct kql_search_set *kql_search_set_new(struct pool *p, enum kql_search_kind kind,
                                                bool ignores_case, const struct span *needles,
                                                uint32_t count);
/* Many needles that begin alike, in a long text, take long: the pool's deadline is looked at then.
 * NULL: no deadline. */
bool kql_search_any(const struct kql_search_set *s, struct span text, struct pool *pool);
bool kql_search_all(const struct kql_search_set *s, struct span text, struct pool *pool);
/* Offset of the first occurrence (bytes), or -1; for indexof, replace, split, parse, countof. */
ptrdiff_t kql_find(struct span text, struct span needle, size_t from);

/* ---- Unicode (utf8proc behind it) ---- */
bool kql_is_term_character(int32_t code_point);
struct span kql_lower(struct pool *p, struct span text);
struct span kql_upper(struct pool *p, struct span text);
size_t kql_text_length(struct span text); /* code points */
/* Byte offset of the n-th code point; text.n if there are fewer. */
size_t kql_text_offset(struct span text, size_t n);
int32_t kql_code_point(struct span text,
                       size_t *at); /* decodes one and moves on; U+FFFD for a bad byte */
size_t kql_code_point_print(int32_t code_point, char out[4]);
int kql_compare_ci(struct span a, struct span b);
