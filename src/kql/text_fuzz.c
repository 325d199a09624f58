/* text_fuzz.c - searches of every kind agree on all instruction sets, singly and in sets, and
 * nothing reads beside a value. Input: kind and flags, then needles, each behind its size; the rest
 * is the text. */
#include "kql/text_inner.h"
#include "wire/scan.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NEEDLES_MAX = 24 };

static jmp_buf escape;

/* At the very end of its memory. */
static struct span
apart(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);

    memcpy(copy + 1, data, size);
    return (struct span){copy + 1, size};
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span needles[NEEDLES_MAX], text;
    enum kql_search_kind kind;
    bool ignores_case, first_any = false, first_all = false;
    bool first[NEEDLES_MAX] = {false};
    ptrdiff_t first_find = -1;
    uint32_t count;
    struct pool pool;

    if (size < 2)
        return 0;
    kind = (enum kql_search_kind)(data[0] % (KQL_SEARCH_HAS_SUFFIX + 1));
    ignores_case = (data[0] & 0x80) != 0;
    count = data[1] % NEEDLES_MAX;
    data += 2;
    size -= 2;
    for (uint32_t i = 0; i < count; i++) {
        size_t n = size == 0 ? 0 : data[0] % 32;

        if (size > 0) {
            data++;
            size--;
        }
        n = n < size ? n : size;
        needles[i] = (struct span){(const char *)data, n};
        data += n;
        size -= n;
    }
    text = apart(data, size);
    pool_init(&pool, 16 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        abort();
    for (int simd = SCAN_PLAIN; simd <= (int)scan_simd_best(); simd++) {
        const struct kql_search_set *set;
        bool any = false, all = true;

        scan_simd_use((enum scan_simd)simd);
        for (uint32_t i = 0; i < count; i++) {
            bool is_in = kql_search_in(kql_search_new(&pool, kind, ignores_case, needles[i]), text);

            if (is_in != kql_search_once(kind, ignores_case, needles[i], text))
                abort();
            if (simd == SCAN_PLAIN)
                first[i] = is_in;
            if (is_in != first[i])
                abort();
            any |= is_in;
            all &= is_in;
        }
        set = kql_search_set_new(&pool, kind, ignores_case, needles, count);
        if (kql_search_any(set, text, NULL) != any || kql_search_all(set, text, NULL) != all)
            abort();
        if (simd == SCAN_PLAIN) {
            first_any = any;
            first_all = all;
            first_find = count > 0 ? kql_find(text, needles[0], 0) : -1;
        }
        if (any != first_any || all != first_all ||
            (count > 0 && kql_find(text, needles[0], 0) != first_find))
            abort();
        pool_reset(&pool);
    }
    (void)kql_lower(&pool, text);
    (void)kql_upper(&pool, text);
    if (kql_text_offset(text, kql_text_length(text)) > text.n)
        abort();
    pool_free(&pool);
    free((void *)(uintptr_t)(text.p - 1));
    return 0;
}
