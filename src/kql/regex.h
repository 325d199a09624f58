/* regex.h - regular expressions: RE2 behind it (C++ stays in regex.cc and regex_list.cc). Linear
 * time, no back-references, no look-around. \d \w \s and their negations are Unicode's, as the
 * documented dialect has them: the shim rewrites them for RE2, whose own are ASCII. Where it differs
 * still is said in regex.cc and the manual. Any thread. */
#pragma once
#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KQL_REGEX_TEXT_MAX = 16384, /* bytes of a pattern */
    KQL_REGEX_GROUPS_MAX = 64,
    KQL_REGEX_MEMORY_MAX = 8 * 1024 * 1024, /* bytes of one compiled pattern */
};
struct kql_regex;

/* NULL: err says why. 'flags': of i m s U, as (?flags) would; empty: none. Free with
 * kql_regex_free. Holds C++ memory: compile while binding or preparing, not per row
 * (kql_regex_cached below for patterns that come from rows). */
struct kql_regex *kql_regex_new(struct span pattern, struct span flags, struct err *err);
void kql_regex_free(struct kql_regex *regex);
uint32_t kql_regex_group_count(const struct kql_regex *regex); /* without the whole */
/* Index of a named group, or -1. */
int kql_regex_group(const struct kql_regex *regex, struct span name);
/* The first match at or behind 'from': groups[0] the whole, then each group (p NULL: took no part),
 * up to 'count'. False: none. */
bool kql_regex_match(const struct kql_regex *regex, struct span text, size_t from,
                     struct span *groups, uint32_t count);
bool kql_regex_test(const struct kql_regex *regex, struct span text);
/* The same by RE2 alone, without the literals that are looked for first; for tests. */
bool kql_regex_test_plain(const struct kql_regex *regex, struct span text);
/* A small per-thread cache for patterns known only per row; NULL: it does not compile. Lends until
 * the thread's next 16 different patterns. */
const struct kql_regex *kql_regex_cached(struct span pattern);

#ifdef __cplusplus
}
#endif
