/* gunzip_fuzz.c - no bytes may break it, and cuts of input and output may not change what comes out
 * of good ones. */
#include "wire/gunzip.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TOTAL_MAX = 1 << 18 };

static enum status
run(struct gunzip *g, struct span in, size_t in_step, size_t out_step, uint32_t *sum, size_t *total)
{
    enum status st = ST_OK;
    char out[1024];
    size_t n;

    gunzip_reset(g);
    *sum = 0;
    *total = 0;
    for (bool is_last = false; st == ST_OK && !is_last && *total < TOTAL_MAX;) {
        size_t step = in.n < in_step ? in.n : in_step;
        char *copy = malloc(step > 0 ? step : 1);
        struct span piece = {memcpy(copy, in.p, step), step};

        in.p += step;
        in.n -= step;
        is_last = in.n == 0;
        do {
            st = gunzip_feed(g, &piece, is_last, out, out_step, &n, NULL);
            for (size_t i = 0; i < n; i++)
                *sum = *sum * 31 + (uint8_t)out[i];
            *total += n;
        } while (st == ST_OK && (piece.n > 0 || n == out_step) && *total < TOTAL_MAX);
        free(copy);
    }
    return st;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(16) char memory[128 * 1024];
    struct arena a = {memory, sizeof memory, 0};
    struct span in = {(const char *)data + 2, size - 2};
    struct gunzip g;
    uint32_t sum, sum_cut;
    size_t total, total_cut;
    enum status st, st_cut;

    if (size < 2)
        return -1;
    if (gunzip_init(&g, &a, NULL) != ST_OK)
        abort();
    st = run(&g, in, SIZE_MAX, 1024, &sum, &total);
    st_cut = run(&g, in, 1 + data[0] % 64, 1 + data[1], &sum_cut, &total_cut);
    if (total >= TOTAL_MAX || total_cut >= TOTAL_MAX)
        return 0;
    if (st != st_cut || (st == ST_END && (sum != sum_cut || total != total_cut)))
        abort();
    return 0;
}
