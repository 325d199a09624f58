/* fetch_fuzz.c - a prefix, a line end, a URL: what may be read has the prefix in plain sight, whatever else the text holds. */
#include "wire/fetch.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = size > 0 ? memchr(data, '\n', size) : NULL;
    char prefix[FETCH_PREFIX_SIZE], again[FETCH_PREFIX_SIZE], origin[FETCH_ORIGIN_SIZE];
    const char *const list[] = {prefix};
    const struct fetch_policy p = {.prefixes = list, .prefix_count = 1};
    struct err err;
    struct span url;

    if (line == NULL)
        return 0;
    if (fetch_prefix_write((struct span){text, (size_t)(line - text)}, prefix, &err) != ST_OK)
        return 0;
    assert(fetch_prefix_write(span_of(prefix), again, &err) == ST_OK && strcmp(prefix, again) == 0);
    url = (struct span){line + 1, size - (size_t)(line + 1 - text)};
    if (fetch_check(&p, url, origin, &err) != ST_OK)
        return 0;
    assert(strncmp(prefix, origin, strlen(origin)) == 0 && prefix[strlen(origin)] == '/');
    for (size_t i = 0; i < url.n; i++)
        assert(url.p[i] > ' ' && url.p[i] <= '~' && url.p[i] != '\\');
    return 0;
}
