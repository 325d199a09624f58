/* gzip_test.c - what is packed comes back; too little room is said. */
#include "base/test.h"
#include "wire/gunzip.h"
#include "wire/gzip.h"

int
main(void)
{
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 1 << 20};
    static char in[1 << 20], back[(1 << 20) + 16], work[GZIP_WORK_SIZE];
    size_t room = gzip_bound(sizeof in);
    char *out = malloc(room), *memory = aligned_alloc(16, 1 << 20);
    uint64_t random = 1;
    struct err err = {""};

    for (int is_random = 0; is_random < 2; is_random++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            struct arena a = {memory, 1 << 20, 0};
            struct gunzip g;
            size_t size = 0, back_size = 0;

            for (size_t k = 0; k < sizes[i]; k++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                in[k] = is_random ? (char)(random >> 56) : "{\"a\":1}\n"[k % 8];
            }
            CHECK(gzip_pack((struct span){in, sizes[i]}, work, out, gzip_bound(sizes[i]), &size,
                            &err) == ST_OK,
                  "%zu: %s", sizes[i], err.text);
            CHECK(is_random || sizes[i] < 1000 || size < sizes[i] / 20, "%zu became %zu", sizes[i],
                  size);
            struct span packed = {out, size};

            CHECK(gunzip_init(&g, &a, &err) == ST_OK, "%s", err.text);
            CHECK(gunzip_feed(&g, &packed, true, back, sizeof back, &back_size, &err) == ST_END &&
                      back_size == sizes[i] && memcmp(in, back, back_size) == 0,
                  "%zu came back as %zu: %s", sizes[i], back_size, err.text);
            if (sizes[i] > 100)
                CHECK(gzip_pack((struct span){in, sizes[i]}, work, out, size - 1, &size, &err) ==
                          ST_FULL,
                      "%zu in too little", sizes[i]);
        }
    free(out);
    free(memory);
    return test_end();
}
