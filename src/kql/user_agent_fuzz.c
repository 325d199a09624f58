/* user_agent_fuzz.c - names from anywhere: what the literals let through is what trying every rule
 * finds; groups and fields are whole characters where the name is text. Input: the name. */
#include "kql/regex_list.h"
#include "kql/user_agent.h"
#include <stdlib.h>
#include <utf8proc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kql_regex_list *
list_of(enum user_agent_kind kind)
{
    static struct kql_regex_item items[KQL_REGEX_LIST_MAX];
    struct err err = {""};
    uint32_t count = 0;
    struct kql_regex_list *list;

    for (uint32_t i = 0; i < user_agent_rule_count; i++)
        if (user_agent_rules[i].kind == kind)
            items[count++] = (struct kql_regex_item){user_agent_rules[i].regex,
                                                     user_agent_rules[i].ignores_case};
    list = kql_regex_list_new(items, count, &err);
    if (list == NULL)
        abort();
    return list;
}

static bool
is_text(struct span text)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n;

    for (; text.n > 0; text.p += n, text.n -= (size_t)n)
        if ((n = utf8proc_iterate((const utf8proc_uint8_t *)text.p, (utf8proc_ssize_t)text.n,
                                  &c)) <= 0)
            return false;
    return true;
}

static void
compare(const struct kql_regex_list *list, struct span text)
{
    struct span groups[USER_AGENT_GROUPS_MAX + 1], plain[USER_AGENT_GROUPS_MAX + 1];
    int32_t found = kql_regex_list_first(list, text, groups, COUNT_OF(groups));
    bool is_whole = is_text(text);

    if (found != kql_regex_list_first_plain(list, text, plain, COUNT_OF(plain)))
        abort();
    for (size_t i = 0; found >= 0 && i < COUNT_OF(groups); i++) {
        if (groups[i].p != plain[i].p || groups[i].n != plain[i].n)
            abort();
        if (groups[i].p != NULL &&
            (groups[i].p < text.p || groups[i].p + groups[i].n > text.p + text.n))
            abort();
        if (is_whole && !is_text(groups[i]))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct kql_regex_list *lists[USER_AGENT_KINDS];
    struct span text = {(const char *)data, size > 1024 ? 1024 : size};
    struct span fields[USER_AGENT_FIELDS_MAX];
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 1 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        abort();
    for (int kind = 0; kind < USER_AGENT_KINDS; kind++) {
        if (lists[kind] == NULL)
            lists[kind] = list_of((enum user_agent_kind)kind);
        if (text.n > 0)
            compare(lists[kind], text);
        user_agent_read(&pool, (enum user_agent_kind)kind, (struct span){(const char *)data, size},
                        fields);
        for (uint32_t i = 0; i < user_agent_field_count((enum user_agent_kind)kind); i++)
            if (is_text((struct span){(const char *)data, size}) && !is_text(fields[i]))
                abort();
    }
    pool_free(&pool);
    return 0;
}
