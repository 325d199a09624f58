/* text_bench.c - how fast values are searched: GB/s of text gone through, for each instruction set,
 * beside libc's memchr and memmem. Texts are command lines, made; most searches find nothing, as
 * most rows do not match. Usage: text_bench [bytes of one text] */
#include "kql/regex.h"
#include "kql/text.h"
#include "wire/scan.h"
#include <stdlib.h>
#include <time.h>

enum { TOTAL = 1 << 20 };

static char *texts;
static size_t text_size = 400, text_count;
static jmp_buf escape;
static struct pool pool;

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
make_texts(void)
{
    static const char *const words[] = {
        "C:\\Windows\\System32\\",
        "svchost.exe",
        "-k",
        "netsvcs",
        "powershell.exe",
        "-NoProfile",
        "/c",
        "\"C:\\Program Files\\",
        "Microsoft\\Edge",
        "--type=renderer",
        "--lang=en",
        "--field-trial-handle=1718,",
        "https://www.contoso.com/",
        "user@contoso",
        "10.0.0.17",
        "cmd.exe",
        "reg add HKLM\\SOFTWARE",
        "/v",
        "Start",
        "-EncodedArguments",
    };
    uint64_t seed = 1;
    size_t n = 0;

    texts = malloc(TOTAL + 256);
    while (n < TOTAL) {
        const char *word = words[(seed >> 33) % COUNT_OF(words)];

        memcpy(texts + n, word, strlen(word));
        n += strlen(word);
        texts[n++] = ' ';
        seed = seed * 6364136223846793005u + 1442695040888963407u;
    }
    text_count = TOTAL / text_size;
}

typedef bool test_fn(const void *what, struct span text);

static bool
run_search(const void *what, struct span text)
{
    return kql_search_in(what, text);
}

static bool
run_any(const void *what, struct span text)
{
    return kql_search_any(what, text, NULL);
}

static bool
run_regex(const void *what, struct span text)
{
    return kql_regex_test(what, text);
}

static bool
run_memchr(const void *what, struct span text)
{
    (void)what;
    return memchr(text.p, '\1', text.n) != NULL;
}

static bool
run_memmem(const void *what, struct span text)
{
    return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static void
measure(const char *name, test_fn *test, const void *what)
{
    double best = 1e9;
    size_t found = 0;

    for (int round = 0; round < 20; round++) {
        double start = seconds(), took;

        found = 0;
        for (size_t i = 0; i < text_count; i++)
            found += test(what, (struct span){texts + i * text_size, text_size});
        took = seconds() - start;
        if (took < best)
            best = took;
    }
    printf("  %-44s %7.2f GB/s  %6.1f ns a text  (%zu of %zu)\n", name,
           (double)(text_count * text_size) / best * 1e-9, best * 1e9 / (double)text_count, found,
           text_count);
}

static void
measure_search(const char *name, enum kql_search_kind kind, bool ignores_case, const char *needle)
{
    measure(name, run_search, kql_search_new(&pool, kind, ignores_case, span_of(needle)));
}

static void
measure_any(const char *name, uint32_t count)
{
    static const char *const terms[] = {
        "mimikatz", "sekurlsa",  "lsadump",  "procdump", "bloodhound", "sharphound", "rubeus",
        "certutil", "bitsadmin", "mshta",    "regsvr32", "rundll32",   "wmic",       "psexec",
        "cobalt",   "beacon",    "vssadmin", "schtasks", "nltest",     "adfind",
    };
    struct span *needles = pool_zeroed(&pool, count, sizeof *needles);

    for (uint32_t i = 0; i < count; i++)
        needles[i] = i < COUNT_OF(terms) ? span_of(terms[i])
                                         : pool_printf(&pool, "%s%u", terms[i % 20], i * 7919u);
    measure(name, run_any, kql_search_set_new(&pool, KQL_SEARCH_HAS, true, needles, count));
}

static void
measure_regex(const char *name, const char *pattern)
{
    struct err err = {""};
    struct kql_regex *regex = kql_regex_new(span_of(pattern), SPAN_LITERAL(""), &err);

    if (regex == NULL)
        printf("%s: %s\n", name, err.text);
    else
        measure(name, run_regex, regex);
    kql_regex_free(regex);
}

int
main(int argc, char **argv)
{
    pool_init(&pool, 64 << 20);
    pool.escape = &escape;
    if (argc > 1 && atoi(argv[1]) > 0 && atoi(argv[1]) <= TOTAL)
        text_size = (size_t)atoi(argv[1]);
    make_texts();
    if (setjmp(escape) != 0)
        return 1;
    printf("texts of %zu bytes\n", text_size);
    measure("memchr, absent", run_memchr, NULL);
    measure("memmem, absent", run_memmem, "mimikatz");
    for (enum scan_simd simd = SCAN_PLAIN; simd <= scan_simd_best(); simd++) {
        scan_simd_use(simd);
        printf("%s\n", scan_simd_name(simd));
        measure_search("has, absent", KQL_SEARCH_HAS, true, "mimikatz");
        measure_search("has, absent, of common letters", KQL_SEARCH_HAS, true, "tones");
        measure_search("has, present but as a part", KQL_SEARCH_HAS, true, "vchos");
        measure_search("has, present", KQL_SEARCH_HAS, true, "POWERSHELL");
        measure_search("has_cs, absent", KQL_SEARCH_HAS, false, "mimikatz");
        measure_search("contains, absent", KQL_SEARCH_CONTAINS, true, "invoke-expression");
        measure_search("contains_cs, absent", KQL_SEARCH_CONTAINS, false, "invoke-expression");
        measure_search("contains, a letter not ASCII", KQL_SEARCH_CONTAINS, true, "na\xc3\xafve");
        measure_any("has_any of 2", 2);
        measure_any("has_any of 20", 20);
        measure_any("has_any of 100", 100);
        measure_any("has_any of 500", 500);
    }
    measure_regex("regex, a literal", "mimikatz");
    measure_regex("regex, a literal, any case", "(?i)mimikatz");
    measure_regex("regex, classes", "\\b\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}:\\d+");
    measure_regex("regex, alternatives", "(?i)(mimikatz|sekurlsa|lsadump)");
    measure_regex("regex, words", "invoke\\w+\\s+\\w+");
    pool_free(&pool);
    free(texts);
    return 0;
}
