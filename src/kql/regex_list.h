/* regex_list.h - a long list of regular expressions, and the first of them that a text matches:
 * RE2 behind it, as in regex.h. The literals that a match needs are looked for first, all at once,
 * so a text meets only the few expressions that it may match. Made once and immutable; any thread.
 *
 * The dialect is RE2's own (\d \w \s and \b are ASCII's), which is what lists kept for several
 * languages are written in. "." and what is counted are bytes; groups hold whole characters. */
#pragma once
#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    KQL_REGEX_LIST_MAX = 4096, /* expressions */
    /* bytes of one of them, program and states: 1 kB for each instruction, within these */
    KQL_REGEX_LIST_MEMORY_MIN = 64 * 1024,
    KQL_REGEX_LIST_MEMORY_MAX = 1024 * 1024,
    KQL_REGEX_LIST_LITERALS_MAX = 8192,
    KQL_REGEX_LIST_GROUPS_MAX = 15,
};
struct kql_regex_item {
    const char *pattern; /* borrowed for the call that makes the list */
    bool ignores_case;
};
struct kql_regex_list;

/* NULL: err says why, and names the expression. Free with kql_regex_list_free. */
struct kql_regex_list *kql_regex_list_new(const struct kql_regex_item *items, uint32_t count,
                                          struct err *err);
void kql_regex_list_free(struct kql_regex_list *list); /* NULL is fine */
/* The index of the first expression that matches somewhere in the text, or -1. groups[0] is then the
 * whole match, followed by its groups (p NULL: took no part), up to 'count'. Time grows with the
 * text and the number of literals found in it: callers limit the text. */
int32_t kql_regex_list_first(const struct kql_regex_list *list, struct span text,
                             struct span *groups, uint32_t count);
/* The same, every expression tried in its turn; for tests. */
int32_t kql_regex_list_first_plain(const struct kql_regex_list *list, struct span text,
                                   struct span *groups, uint32_t count);

#ifdef __cplusplus
}
#endif
