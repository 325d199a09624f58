/* cells_fuzz.c - any bytes are read as a dynamic's text; and what came of them is written and read again as it was. */
#include "workspace/cells.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_identical(const struct kql_value *a, const struct kql_value *b)
{
    if (a->is_null || b->is_null || a->type != b->type)
        return a->is_null == b->is_null && (a->is_null || a->type == b->type);
    if (a->type == KQL_REAL)
        return memcmp(&a->r, &b->r, sizeof a->r) == 0;
    if (a->type == KQL_ARRAY) {
        if (a->array->count != b->array->count)
            return false;
        for (uint32_t i = 0; i < a->array->count; i++)
            if (!is_identical(&a->array->items[i], &b->array->items[i]))
                return false;
        return true;
    }
    if (a->type == KQL_BAG) {
        if (a->bag->count != b->bag->count)
            return false;
        for (uint32_t i = 0; i < a->bag->count; i++)
            if (!span_equal(a->bag->entries[i].key, b->bag->entries[i].key) ||
                !is_identical(&a->bag->entries[i].value, &b->bag->entries[i].value))
                return false;
        return true;
    }
    return kql_value_same(a, b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct kql_value v, again;
    struct pool pool;
    jmp_buf spent;

    pool_init(&pool, (size_t)64 << 20);
    if (setjmp(spent) != 0) {
        pool_free(&pool);
        return 0;
    }
    pool.escape = &spent;
    v = cell_dynamic_read(&pool, cell_valid_text(&pool, text));
    if (!v.is_null) {
        text = cell_dynamic_text(&pool, &v);
        if (!span_equal(cell_valid_text(&pool, text), text))
            abort();
        again = cell_dynamic_read(&pool, text);
        if (!is_identical(&v, &again))
            abort();
    }
    pool_free(&pool);
    return 0;
}
