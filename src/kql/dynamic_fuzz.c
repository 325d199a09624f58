/* What is JSON prints as JSON that reads as the same text again. */
#include "kql/dynamic.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pool pool;
    jmp_buf escape;
    struct kql_value v, again;

    pool_init(&pool, 64 * 1024 * 1024);
    pool.escape = &escape;
    if (setjmp(escape) == 0 &&
        kql_json_read(&pool, (struct span){(const char *)data, size}, true, &v, NULL)) {
        struct span first = kql_json_print(&pool, &v);

        if (!kql_json_read(&pool, first, true, &again, NULL) ||
            !span_equal(first, kql_json_print(&pool, &again)))
            abort();
    }
    pool_free(&pool);
    return 0;
}
