/* external_fuzz.c - a byte for the format and whether the first record counts, then a file's bytes as they come: packed or not. */
#include "kql/external.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kql_column columns[] = {
    {{"s", 1}, KQL_STRING  },
    {{"n", 1}, KQL_LONG    },
    {{"d", 1}, KQL_DYNAMIC },
    {{"t", 1}, KQL_DATETIME},
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kql_schema schema = {columns, COUNT_OF(columns), false};
    struct kql_external_reader r;
    struct pool pool;
    struct span text;
    struct err err;
    jmp_buf here;
    enum status st;

    if (size == 0)
        return 0;
    pool_init(&pool, (size_t)64 << 20);
    pool.escape = &here;
    if (setjmp(here) == 0) {
        st = kql_external_text(&pool, (struct span){(const char *)data + 1, size - 1}, 1 << 20,
                               &text, &err);
        if (st == ST_OK) {
            assert(text.n <= 3 << 20); /* each byte may become U+FFFD */
            st = kql_external_begin(&r, &pool, data[0] % (KQL_EXTERNAL_JSON + 1),
                                    (data[0] & 0x80) != 0, text, &schema, &err);
        }
        while (st == ST_OK) {
            struct kql_value cells[COUNT_OF(columns)];

            st = kql_external_next(&r, &pool, cells, &err);
            for (uint32_t i = 0; st == ST_OK && i < schema.count; i++)
                (void)kql_to_text(&pool, (enum kql_type)columns[i].type, &cells[i]);
        }
    }
    pool_free(&pool);
    return 0;
}
