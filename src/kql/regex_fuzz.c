/* regex_fuzz.c - patterns from anywhere: refused or compiled, never crashed; what is found lies in
 * the text. Input: the pattern, a line feed, the text. */
#include "kql/regex.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size == 0 ? NULL : memchr(data, '\n', size);
    struct span pattern = {(const char *)data, line == NULL ? size : (size_t)(line - data)};
    struct span text = {"", 0}, groups[KQL_REGEX_GROUPS_MAX + 1];
    struct err err = {""};
    struct kql_regex *regex = kql_regex_new(pattern, SPAN_LITERAL(""), &err);

    if ((regex == NULL) == (err.text[0] == '\0'))
        abort();
    if (regex == NULL)
        return 0;
    if (line != NULL)
        text = (struct span){(const char *)line + 1, size - pattern.n - 1};
    if (kql_regex_match(regex, text, 0, groups, kql_regex_group_count(regex) + 1)) {
        for (uint32_t i = 0; i <= kql_regex_group_count(regex); i++)
            if (groups[i].p != NULL &&
                (groups[i].p < text.p || groups[i].p + groups[i].n > text.p + text.n))
                abort();
        if (!kql_regex_test(regex, text))
            abort();
    } else if (kql_regex_test(regex, text))
        abort();
    if (kql_regex_test(regex, text) != kql_regex_test_plain(regex, text))
        abort();
    kql_regex_free(regex);
    return 0;
}
