#include "kql/text_filter.h"
#include "kql/text.h"
#include <stdlib.h>

enum { FILTER_MEMORY_MAX = 1024 * 1024 };

struct text_filter {
    struct pool pool;
    const struct kql_search_set *set;
};

static bool
fill(struct text_filter *filter, const struct span *literals, uint32_t count)
{
    jmp_buf escape;

    filter->pool.escape = &escape;
    if (setjmp(escape) != 0)
        return false;
    filter->set = kql_search_set_new(&filter->pool, KQL_SEARCH_CONTAINS, true, literals, count);
    filter->pool.escape = NULL;
    return true;
}

struct text_filter *
text_filter_new(const struct span *literals, uint32_t count)
{
    struct text_filter *filter = calloc(1, sizeof *filter);

    if (filter == NULL)
        return NULL;
    pool_init(&filter->pool, FILTER_MEMORY_MAX);
    if (fill(filter, literals, count))
        return filter;
    text_filter_free(filter);
    return NULL;
}

void
text_filter_free(struct text_filter *filter)
{
    if (filter != NULL)
        pool_free(&filter->pool);
    free(filter);
}

bool
text_filter_passes(const struct text_filter *filter, struct span text)
{
    return kql_search_any(filter->set, text, NULL);
}
