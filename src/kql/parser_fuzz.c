/* Any text: the tree lies within it, and hiding its secrets leaves a query a query. */
#include "kql/syntax.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_sound(const struct kql_syntax *s, size_t size)
{
    if (s == NULL)
        return true;
    if (s->kind >= SYN_KIND_COUNT || s->at > size || s->size > size - s->at)
        return false;
    for (uint32_t i = 0; i < s->child_count; i++)
        if (!is_sound(s->children[i], size))
            return false;
    for (uint32_t i = 0; i < s->option_count; i++)
        if (!is_sound(s->options[i].value, size))
            return false;
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 64 * 1024 * 1024);
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        struct kql_diagnostics d, again;
        const struct kql_syntax *query;
        struct span concealed;

        kql_diagnostics_init(&d, &pool, text);
        query = kql_parse(&pool, text, &d);
        if (query == NULL || query->kind != SYN_QUERY || !is_sound(query, size))
            abort();
        for (uint32_t i = 0; i < d.count; i++)
            if (d.items[i].at > size || d.items[i].size > size - d.items[i].at)
                abort();
        kql_syntax_print(&pool, query);
        kql_diagnostics_print(&pool, &d, true);
        concealed = kql_conceal(&pool, text);
        kql_diagnostics_init(&again, &pool, concealed);
        kql_parse(&pool, concealed, &again);
        if (d.error_count == 0 && again.error_count != 0)
            abort();
    }
    pool_free(&pool);
    return 0;
}
