/* scan_bench.c - how fast texts are scanned, beside what this machine can do at all, in one run on
 * one core: a plain byte loop, memcpy and read(2) over the same text.
 *   scan_bench [--json] [--shape rows|envelopes] [--only plain|avx2|avx512] [FILE]
 * Without FILE it makes 64 MB of rows of about 2 KB with 50 columns. Figures are MB (10^6 bytes)
 * per second of CPU, the best of some rounds, and ratios to the byte loop. */
#include "base/file.h"
#include "wire/scan.h"
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 7, BUFFER = 1 << 20, MADE = 64 << 20 };

struct bench {
    const char *text;
    size_t size;
    enum scan_shape shape;
    char *buffer; /* BUFFER bytes and padding */
    int fd;
    uint64_t records, values;
};

static double
cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static volatile uint64_t sink;

static void
run_bytes(struct bench *b)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < b->size; i++) {
        sum += (unsigned char)b->text[i];
        __asm__ volatile("" : "+r"(sum)); /* a byte loop, not what a compiler makes of it */
    }
    sink = sum;
}

static void
run_copy(struct bench *b)
{
    for (size_t at = 0; at < b->size; at += BUFFER)
        memcpy(b->buffer, b->text + at, b->size - at < BUFFER ? b->size - at : BUFFER);
    sink = (uint64_t)b->buffer[0];
}

static void
run_read(struct bench *b)
{
    for (off_t at = 0; at < (off_t)b->size;) {
        ssize_t n = pread(b->fd, b->buffer, BUFFER, at);

        if (n <= 0)
            exit(1);
        at += n;
    }
}

static void
run_scan(struct bench *b)
{
    static _Alignas(64) char memory[128 * 1024];
    struct arena a = {memory, sizeof memory, 0};
    struct scan_limits limits = {16 << 20, 64, SCAN_VALUES_MAX};
    struct scanner s;
    struct scan_record record;
    struct scan_fault fault;
    enum scan_result result;
    struct err err;

    if (scanner_init(&s, &a, b->shape, &limits, &err) != ST_OK)
        exit(1);
    b->records = b->values = 0;
    while ((result = scan_next(&s, b->text, b->size, true, &record, &fault)) == SCAN_RECORD) {
        b->records++;
        b->values += record.value_count;
        sink = record.values[record.value_count / 2].value_at;
    }
    if (result != SCAN_END) {
        fprintf(stderr, "scan_bench: byte %zu, column %s: %s\n", fault.at, fault.column,
                fault.text);
        exit(1);
    }
}

static double
rate(struct bench *b, void (*run)(struct bench *))
{
    double best = 0;

    for (int i = 0; i < ROUNDS; i++) {
        double t = cpu_seconds();

        run(b);
        t = cpu_seconds() - t;
        if ((double)b->size / t > best)
            best = (double)b->size / t;
    }
    return best / 1e6;
}

/* Rows like DeviceProcessEvents; which columns are null, and sizes, vary from row to row. */
static char *
make_text(size_t *size)
{
    static const char *const values[] = {
        "null",
        "\"\"",
        "\"2026-09-14T08:12:04.0259186Z\"",
        "7412",
        "6391998037704637031",
        "false",
        "\"c:\\\\windows\\\\system32\\\\windowspowershell\\\\v1.0\\\\powershell.exe\"",
        "\"powershell.exe -NoProfile -File \\\"C:\\\\ops\\\\inventory.ps1\\\"\"",
        "\"9b9d182a573bbfb0c502985309db5fc98bd37894\"",
        "\"4245074ca4c99b84ce7d1823f61f974a0dc86e153b349337de60e4ec75288297\"",
        "\"Microsoft\xc2\xae Windows\xc2\xae Operating System\"",
        "\"contoso\"",
        "\"explorer.exe\"",
        "\"{\\\"SPF\\\":\\\"pass\\\",\\\"DKIM\\\":\\\"pass\\\"}\"",
        "\"TokenElevationTypeLimited\"",
        "null"};
    char *text = malloc(MADE + 8192 + SCAN_PADDING);
    uint64_t random = 42;
    size_t at = 0;

    while (at < MADE) {
        text[at++] = '{';
        for (unsigned i = 0; i < 50; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            /* a column has one kind of value, but in one of eight rows another */
            unsigned k = (random >> 33 & 7) == 0 ? (unsigned)(random >> 40) % 16 : i * 7 % 16;

            at += (size_t)sprintf(text + at, "%s\"InitiatingProcess%.*s%u\":%s", i > 0 ? "," : "",
                                  (int)(i % 9), "Signature", i, values[k]);
        }
        text[at++] = '}';
        text[at++] = '\n';
    }
    *size = at;
    return text;
}

static int
open_copy(const struct bench *b)
{
    char path[] = "/tmp/scan_bench_XXXXXX";
    int fd = mkstemp(path);
    struct err err;

    if (fd < 0 || unlink(path) != 0 || pwrite_all(fd, b->text, b->size, 0, path, &err) != ST_OK)
        exit(1);
    return fd;
}

int
main(int argc, char **argv)
{
    struct bench b = {.shape = SCAN_ROWS};
    double bytes, copy, read_, scan[SCAN_AVX512 + 1] = {0};
    char *text = NULL;
    const char *only = NULL;
    bool json = false;
    struct err err;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--shape") == 0 && i + 1 < argc) {
            b.shape = strcmp(argv[++i], "envelopes") == 0 ? SCAN_ENVELOPES : SCAN_ROWS;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            only = argv[++i];
        } else if (file_read(argv[i], (size_t)4 << 30, &text, &b.size, &err) != ST_OK) {
            fprintf(stderr, "scan_bench: %s\n", err.text);
            return 1;
        }
    }
    if (text == NULL)
        text = make_text(&b.size);
    else if ((text = realloc(text, b.size + SCAN_PADDING)) == NULL)
        return 1;
    b.text = text;
    b.buffer = malloc(BUFFER);
    b.fd = open_copy(&b);
    bytes = rate(&b, run_bytes);
    copy = rate(&b, run_copy);
    read_ = rate(&b, run_read);
    for (enum scan_simd simd = SCAN_PLAIN; simd <= scan_simd_best(); simd++) {
        if (only != NULL && strcmp(only, scan_simd_name(simd)) != 0)
            continue;
        scan_simd_use(simd);
        scan[simd] = rate(&b, run_scan);
    }
    if (json)
        printf("{\"bytes\":%zu,\"records\":%llu,\"values\":%llu,\"mb_per_s\":{\"byte_loop\":%.0f,"
               "\"memcpy\":%.0f,\"read\":%.0f,\"plain\":%.0f,\"avx2\":%.0f,\"avx512\":%.0f}}\n",
               b.size, (unsigned long long)b.records, (unsigned long long)b.values, bytes, copy,
               read_, scan[SCAN_PLAIN], scan[SCAN_AVX2], scan[SCAN_AVX512]);
    else
        printf("%zu bytes, %llu records of %.0f bytes and %.1f values\n", b.size,
               (unsigned long long)b.records, (double)b.size / (double)b.records,
               (double)b.values / (double)b.records);
    for (int i = 0; !json && i < 3; i++)
        printf("%-10s %7.0f MB/s\n", (const char *[]){"byte loop", "memcpy", "read"}[i],
               (double[]){bytes, copy, read_}[i]);
    for (enum scan_simd simd = SCAN_PLAIN; !json && simd <= scan_simd_best(); simd++)
        printf("scan %-6s%7.0f MB/s, %.2f of the byte loop\n", scan_simd_name(simd), scan[simd],
               scan[simd] / bytes);
    free(text);
    free(b.buffer);
    close(b.fd);
    return 0;
}
