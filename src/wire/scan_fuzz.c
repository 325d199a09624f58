/* scan_fuzz.c - every path must say the same as the plain one, of any text, however it is cut. The
 * first four bytes choose shape, limits and cuts; the rest is the text. */
#include "wire/scan.h"
#include "wire/scan_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(16) char memory[128 * 1024];
    struct arena a = {memory, sizeof memory, 0};
    struct scanner scanner;
    struct play play = {
        .limits = {1 << 16, 64, SCAN_VALUES_MAX}
    };
    char *want, *log;

    if (size < 4)
        return -1;
    play.shape = (enum scan_shape)(data[0] & 1);
    play.skip = data[0] & 2;
    if (data[0] & 4)
        play.limits = (struct scan_limits){2 + data[1], 1 + data[1] % 7, 1 + data[2] % 16};
    play.shift = data[0] >> 3;
    play.padding = (char)data[3];
    play.text = (struct span){(const char *)data + 4, size - 4};
    if (scanner_init(&scanner, &a, play.shape, &play.limits, NULL) != ST_OK)
        abort();
    scan_simd_use(SCAN_PLAIN);
    want = play_run(&play, &scanner);
    for (int cut = 0; cut < 2; cut++) {
        for (enum scan_simd simd = SCAN_PLAIN; simd <= scan_simd_best(); simd++) {
            scan_simd_use(simd);
            log = play_run(&play, &scanner);
            if (strcmp(log, want) != 0) {
                fprintf(stderr, "%s:\n%s\nwant:\n%s\n", scan_simd_name(simd), log, want);
                abort();
            }
            free(log);
        }
        play.first = 1 + data[2];
        play.step = 1 + data[3] % 100;
    }
    free(want);
    return 0;
}
