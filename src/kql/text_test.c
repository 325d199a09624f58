/* text_test.c - the search of text.h: what the language says, in a table; and every instruction set
 * against a search that is too simple to be wrong, over many made texts. */
#include "base/test.h"
#include "kql/text_inner.h"
#include "wire/scan.h"
#include <utf8proc.h>

static jmp_buf escape;
static struct pool pool;

/* ---- What the language says ---- */

static const struct {
    const char *name;
    enum kql_search_kind kind;
    bool ignores_case;
    const char *text, *needle;
    bool is_in;
} cases[] = {
    {"'_' separates",                      KQL_SEARCH_HAS,        true,  "alpha_beta",               "alpha",            true },
    {"not a part of a term",               KQL_SEARCH_HAS,        true,  "category",                 "cat",              false},
    {"'-' separates",                      KQL_SEARCH_HAS,        true,  "hello-world",              "HELLO",            true },
    {"has_cs minds case",                  KQL_SEARCH_HAS,        false, "hello-world",              "HELLO",            false},
    {"a later place counts",               KQL_SEARCH_HAS,        true,  "category cat",             "cat",              true },
    {"separators inside",                  KQL_SEARCH_HAS,        true,  "v1.2.3",                   "2.3",              true },
    {"separators inside, cut",             KQL_SEARCH_HAS,        true,  "v1.2.34",                  "2.3",              false},
    {"a separator alone",                  KQL_SEARCH_HAS,        true,  "a b",                      " ",                true },
    {"everything has nothing",             KQL_SEARCH_HAS,        true,  "",                         "",                 true },
    {"contains nothing",                   KQL_SEARCH_CONTAINS,   true,  "abc",                      "",                 true },
    {"nothing has no term",                KQL_SEARCH_HAS,        true,  "",                         "a",                false},
    {"Cyrillic, any case",                 KQL_SEARCH_HAS,        true,  "это НАПРИМЕР.", "например", true },
    {"Cyrillic, part of a term",           KQL_SEARCH_HAS,        true,  "НАПРИМЕРно",     "например", false},
    {"i with diaeresis",                   KQL_SEARCH_HAS,        true,  "so naïve!",               "NAÏVE",           true },
    {"a letter that is not ASCII goes on", KQL_SEARCH_HAS,        true,  "naïve",                   "na",               false},
    {"and in front",                       KQL_SEARCH_HAS,        true,  "naïve",                   "ve",               false},
    {"an emoji separates",                 KQL_SEARCH_HAS,        true,  "na😀ve",                 "ve",               true },
    {"the Kelvin sign is no k",            KQL_SEARCH_CONTAINS,   true,  "5 \xe2\x84\xaa",           "k",                false},
    {"nor k the Kelvin sign",              KQL_SEARCH_CONTAINS,   true,  "5 k",                      "\xe2\x84\xaa",     false},
    {"long s is no s",                     KQL_SEARCH_CONTAINS,   true,  "\xc5\xbf",                 "S",                false},
    {"final sigma is sigma",               KQL_SEARCH_EQUAL,      true,  "ΟΔΟΣ",                 "οδος",         true },
    {"micro is my",                        KQL_SEARCH_CONTAINS,   true,  "5 µs",                    "5 μ",             true },
    {"forms of other sizes",               KQL_SEARCH_HAS,        true,  "x \xc8\xba.",              "\xe2\xb1\xa5",     true },
    {"sharp s is only itself",             KQL_SEARCH_EQUAL,      true,  "straße",                  "STRASSE",          false},
    {"equal, any case",                    KQL_SEARCH_EQUAL,      true,  "PowerShell.exe",           "powershell.EXE",   true },
    {"equal means all",                    KQL_SEARCH_EQUAL,      true,  "powershell.exe ",          "powershell.exe",   false},
    {"empty is equal to empty",            KQL_SEARCH_EQUAL,      true,  "",                         "",                 true },
    {"and to nothing else",                KQL_SEARCH_EQUAL,      true,  "a",                        "",                 false},
    {"'@' is no '`'",                      KQL_SEARCH_EQUAL,      true,  "a@b[c",                    "A`B{C",            false},
    {"long words too",                     KQL_SEARCH_EQUAL,      true,  "abcdefgh@jklmnop",         "ABCDEFGH`JKLMNOP", false},
    {"starts",                             KQL_SEARCH_STARTS,     true,  "C:\\Windows",              "c:\\WIN",          true },
    {"starts_cs",                          KQL_SEARCH_STARTS,     false, "C:\\Windows",              "c:\\Win",          false},
    {"ends",                               KQL_SEARCH_ENDS,       true,  "a.EXE",                    ".exe",             true },
    {"ends, Cyrillic",                     KQL_SEARCH_ENDS,       true,  "на ПРИМЕР",        "пример",     true },
    {"the needle is longer",               KQL_SEARCH_ENDS,       true,  "exe",                      "a.exe",            false},
    {"prefix of a term",                   KQL_SEARCH_HAS_PREFIX, true,  "my powershell",            "POWER",            true },
    {"prefix, not inside",                 KQL_SEARCH_HAS_PREFIX, true,  "mypowershell",             "power",            false},
    {"suffix of a term",                   KQL_SEARCH_HAS_SUFFIX, true,  "powershell x",             "SHELL",            true },
    {"suffix, not inside",                 KQL_SEARCH_HAS_SUFFIX, true,  "powershells",              "shell",            false},
    {"whole suffix",                       KQL_SEARCH_HAS_SUFFIX, false, "shell",                    "shell",            true },
};

static void
test_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span text = span_of(cases[i].text), needle = span_of(cases[i].needle);
        const struct kql_search *s =
            kql_search_new(&pool, cases[i].kind, cases[i].ignores_case, needle);

        CHECK(kql_search_in(s, text) == cases[i].is_in, "%s", cases[i].name);
        CHECK(kql_search_once(cases[i].kind, cases[i].ignores_case, needle, text) == cases[i].is_in,
              "once: %s", cases[i].name);
    }
}

/* ---- Too simple to be wrong ---- */

enum { TEXT_MAX = 400 };

struct points {
    int32_t at[TEXT_MAX];
    uint32_t count;
};

static void
decode(struct span text, bool folds, struct points *out)
{
    out->count = 0;
    for (size_t i = 0; i < text.n;) {
        int32_t c = kql_code_point(text, &i);

        out->at[out->count++] = folds ? text_fold(c) : c;
    }
}

static bool
naive_at(enum kql_search_kind kind, const struct points *t, const struct points *n, uint32_t at)
{
    uint32_t end = at + n->count;
    bool joins_start, joins_end;

    if (end > t->count || memcmp(t->at + at, n->at, n->count * sizeof n->at[0]) != 0)
        return false;
    joins_start = at > 0 && kql_is_term_character(n->at[0]) && kql_is_term_character(t->at[at - 1]);
    joins_end = end < t->count && kql_is_term_character(n->at[n->count - 1]) &&
                kql_is_term_character(t->at[end]);
    switch (kind) {
    case KQL_SEARCH_EQUAL:
        return at == 0 && end == t->count;
    case KQL_SEARCH_STARTS:
        return at == 0;
    case KQL_SEARCH_ENDS:
        return end == t->count;
    case KQL_SEARCH_HAS:
        return !joins_start && !joins_end;
    case KQL_SEARCH_HAS_PREFIX:
        return !joins_start;
    case KQL_SEARCH_HAS_SUFFIX:
        return !joins_end;
    default:
        return true;
    }
}

static bool
naive(enum kql_search_kind kind, bool ignores_case, struct span needle, struct span text)
{
    struct points t, n;

    decode(text, ignores_case, &t);
    decode(needle, ignores_case, &n);
    if (n.count == 0)
        return kind != KQL_SEARCH_EQUAL || t.count == 0;
    for (uint32_t at = 0; at < t.count; at++)
        if (naive_at(kind, &t, &n, at))
            return true;
    return false;
}

/* ---- Many texts ---- */

static uint64_t seed = 1;

static uint32_t
draw(uint32_t below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % below;
}

/* Few letters, so that there are many near misses. */
static const char *const letters[][12] = {
    {"a",        "b",        "A",        " ",        "B", "_",        "1",            "a", "b",        "a",    "B",    "."               },
    {"a",        "A",        "\xc3\xa4", "\xc3\x84", " ", "k",        "\xe2\x84\xaa", "s", "\xc5\xbf", "-",    "b",    "i"               },
    {"\xcf\x83", "\xcf\x82", "\xce\xa3", " ",        "a", "\xc2\xb5", "\xce\xbc",     "A", "\xce\x9c", ".",
     "\xf0\x9f\x98\x80",                                                                                               "\xf0\x90\x90\xa8"},
    {"@",        "`",        "[",        "{",        "a", "A",        "z",            "Z", "0",        "\x10", "\x7f", "\x01"            },
};

static struct span
make_text(char *out, uint32_t count, const char *const *from)
{
    size_t n = 0;

    for (uint32_t i = 0; i < count; i++) {
        const char *c = from[draw(12)];

        memcpy(out + n, c, strlen(c));
        n += strlen(c);
    }
    return (struct span){out, n};
}

/* The text at the very end of its memory, where the sanitizer sees a byte too many. */
static struct span
at_end(struct span text)
{
    char *copy = malloc(text.n + 1); /* never NULL: not of size 0 */

    if (text.n > 0)
        memcpy(copy + 1, text.p, text.n);
    return (struct span){copy + 1, text.n};
}

static void
test_one_needle(enum scan_simd simd)
{
    char text_room[TEXT_MAX * 4], needle_room[64];
    int bad = 0;

    for (int round = 0; round < 60000 && bad < 5; round++) {
        const char *const *from = letters[draw(COUNT_OF(letters))];
        struct span text = at_end(make_text(text_room, draw(round % 16 == 0 ? 300 : 70), from));
        struct span needle = make_text(needle_room, draw(round % 4 == 0 ? 12 : 4), from);
        enum kql_search_kind kind = (enum kql_search_kind)draw(KQL_SEARCH_HAS_SUFFIX + 1);
        bool ignores_case = draw(3) > 0, want;
        struct pool_mark mark = pool_mark(&pool);

        if (draw(4) == 0 && text.n > 0) { /* one that is there */
            size_t a = kql_text_offset(text, draw((uint32_t)kql_text_length(text)));
            size_t b = a + kql_text_offset((struct span){text.p + a, text.n - a}, draw(10));

            needle = (struct span){text.p + a, b - a};
        }
        want = naive(kind, ignores_case, needle, text);
        if (kql_search_in(kql_search_new(&pool, kind, ignores_case, needle), text) != want ||
            kql_search_once(kind, ignores_case, needle, text) != want) {
            bad++;
            printf("%s, kind %d, ignores case %d: '%.*s' in '%.*s' is %d\n", scan_simd_name(simd),
                   kind, ignores_case, (int)needle.n, needle.p, (int)text.n, text.p, want);
        }
        pool_return(&pool, mark);
        free((void *)(text.p - 1));
    }
    CHECK(bad == 0, "%s: searches differ", scan_simd_name(simd));
}

static void
test_many_needles(enum scan_simd simd)
{
    char text_room[TEXT_MAX * 4], needle_room[40][64];
    int bad = 0;

    for (int round = 0; round < 20000 && bad < 5; round++) {
        const char *const *from = letters[draw(COUNT_OF(letters))];
        struct span text = at_end(make_text(text_room, draw(round % 8 == 0 ? 300 : 70), from));
        enum kql_search_kind kind = (enum kql_search_kind)draw(KQL_SEARCH_HAS_SUFFIX + 1);
        bool ignores_case = draw(3) > 0, any = false, all = true;
        struct pool_mark mark = pool_mark(&pool);
        struct span needles[40];
        uint32_t count = draw(40);
        const struct kql_search_set *set;

        for (uint32_t i = 0; i < count; i++) {
            needles[i] = make_text(needle_room[i], 1 + draw(7) + draw(2) * 4, from);
            any |= naive(kind, ignores_case, needles[i], text);
            all &= naive(kind, ignores_case, needles[i], text);
        }
        set = kql_search_set_new(&pool, kind, ignores_case, needles, count);
        if (kql_search_any(set, text, NULL) != any || kql_search_all(set, text, NULL) != all) {
            bad++;
            printf("%s, kind %d, ignores case %d: any %d all %d of", scan_simd_name(simd), kind,
                   ignores_case, any, all);
            for (uint32_t i = 0; i < count; i++)
                printf(" '%.*s'", (int)needles[i].n, needles[i].p);
            printf(" in '%.*s'\n", (int)text.n, text.p);
        }
        pool_return(&pool, mark);
        free((void *)(text.p - 1));
    }
    CHECK(bad == 0, "%s: sets differ", scan_simd_name(simd));
}

static void
test_sets(void)
{
    struct span needles[500];
    char room[500][16];
    const struct kql_search_set *set;

    for (int i = 0; i < 500; i++)
        needles[i] = (struct span){room[i], (size_t)snprintf(room[i], 16, "word%d", i * 7)};
    set = kql_search_set_new(&pool, KQL_SEARCH_HAS, true, needles, 500);
    CHECK(kql_search_any(set, SPAN_LITERAL("this is WORD3493 of them"), NULL), "the last of 500");
    CHECK(!kql_search_any(set, SPAN_LITERAL("this is word34 and word34930 and sword7"), NULL),
          "none of 500");
    set = kql_search_set_new(&pool, KQL_SEARCH_HAS, true, needles, 7);
    CHECK(kql_search_all(set, SPAN_LITERAL("word0,word7,word14,word21 WORD28:word35 word42"), NULL),
          "all of 7");
    CHECK(
        !kql_search_all(set, SPAN_LITERAL("word0,word7,word14,word21 WORD28:word35 word35"), NULL),
        "not all of 7");
    set = kql_search_set_new(&pool, KQL_SEARCH_HAS, true, needles, 0);
    CHECK(!kql_search_any(set, SPAN_LITERAL("a"), NULL), "none has any of nothing");
    CHECK(kql_search_all(set, SPAN_LITERAL("a"), NULL), "all has all of nothing");
}

static void
test_find(void)
{
    struct span text =
        SPAN_LITERAL("abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcX");

    CHECK(kql_find(text, SPAN_LITERAL("abc"), 0) == 0, "first");
    CHECK(kql_find(text, SPAN_LITERAL("abc"), 1) == 3, "second");
    CHECK(kql_find(text, SPAN_LITERAL("cX"), 2) == 59, "last");
    CHECK(kql_find(text, SPAN_LITERAL("cx"), 0) == -1, "case counts");
    CHECK(kql_find(text, SPAN_LITERAL("X"), 60) == 60, "the last byte");
    CHECK(kql_find(text, SPAN_LITERAL("X"), 61) == -1, "behind the last byte");
    CHECK(kql_find(text, SPAN_LITERAL("X"), 62) == -1, "behind the text");
    CHECK(kql_find(text, SPAN_LITERAL(""), 61) == 61, "nothing is at the end, too");
}

/* Long needles in texts that are alike everywhere: found as memmem finds them, and soon. */
static void
test_long_needles(enum scan_simd simd)
{
    enum { SIZE = 20000, LONG = 300 };
    static char text[SIZE * 2], small[SIZE], needle[LONG * 2], wanted[LONG];
    struct kql_search s;
    int bad = 0, found = 0;

    for (int round = 0; round < 400; round++) {
        bool is_wide = round % 4 == 3; /* two bytes a letter */
        size_t size = 65 + draw(LONG - 65), at = draw((uint32_t)(SIZE - size)), n = 0, m = 0;
        bool is_there;

        for (size_t i = 0; i < SIZE; i++)
            small[i] = draw(200) == 0 ? 'b' : 'a';
        memcpy(wanted, small + at, size);
        if (round % 2 == 0)
            wanted[draw((uint32_t)size)] ^= 'a' ^ 'b';
        is_there = memmem(small, SIZE, wanted, size) != NULL;
        for (size_t i = 0; i < SIZE; i++) {
            if (is_wide)
                text[n++] = '\xd0';
            text[n++] = (char)(is_wide ? (draw(2) ? 0x90 : 0xb0) + (small[i] - 'a')
                                       : small[i] ^ (draw(2) ? 0x20 : 0));
        }
        for (size_t i = 0; i < size; i++) {
            if (is_wide)
                needle[m++] = '\xd0';
            needle[m++] = (char)(is_wide ? 0xb0 + (wanted[i] - 'a') : wanted[i]);
        }
        found += is_there;
        bad += kql_search_once(KQL_SEARCH_CONTAINS, true, (struct span){needle, m},
                               (struct span){text, n}) != is_there;
        if (!is_wide)
            bad += (kql_find((struct span){small, SIZE}, (struct span){needle, m}, 0) >= 0) !=
                   is_there;
    }
    CHECK(bad == 0 && found > 100, "%s: %d of the long needles differ, %d found",
          scan_simd_name(simd), bad, found);
    { /* would take minutes if all were compared */
        size_t size = 4 << 20, half = 300000;
        char *same = malloc(size), *odd = malloc(half * 2 + 1);

        memset(same, 'a', size);
        memset(odd, 'A', half * 2 + 1);
        odd[half] = 'b';
        CHECK(!kql_search_once(KQL_SEARCH_CONTAINS, true, (struct span){odd, half * 2 + 1},
                               (struct span){same, size}),
              "not there");
        CHECK(!kql_search_once(KQL_SEARCH_HAS, false, (struct span){same, size / 2},
                               (struct span){same, size}),
              "no term of that size");
        odd[half] = 'A';
        CHECK(kql_search_once(KQL_SEARCH_CONTAINS, true, (struct span){odd, half * 2 + 1},
                              (struct span){same, size}),
              "there");
        for (size_t i = 0; i + 1 < size; i += 2)
            memcpy(same + i, "\xd0\x90", 2);
        for (size_t i = 0; i + 1 < half * 2; i += 2)
            memcpy(odd + i, "\xd0\xb0", 2);
        odd[half + 1 - half % 2] = '\xb1';
        text_search_init(&s, KQL_SEARCH_CONTAINS, true, (struct span){odd, half * 2});
        CHECK(!kql_search_in(&s, (struct span){same, size}), "not there, not ASCII");
        free(same);
        free(odd);
    }
}

/* ---- Code points ---- */

static void
test_unicode(void)
{
    int bad_forms = 0, bad_prints = 0, bad_steps = 0;

    for (int32_t c = 0; c < 0x110000; c++) {
        int32_t forms[6];
        uint32_t count = text_fold_forms(c, forms), i = 0;
        char text[8] = {'x'};
        size_t n, at = 1;

        if (c >= 0xd800 && c < 0xe000)
            continue;
        while (i < count && forms[i] != c)
            i++;
        if (c >= 0x80 &&
            (i == count || text_fold(c) < 0x80 || text_fold(text_fold(c)) != text_fold(c)))
            bad_forms++;
        n = 1 + kql_code_point_print(c, text + 1);
        if (kql_code_point((struct span){text, n}, &at) != c || at != n)
            bad_prints++;
        if (text_step_back((struct span){text, n}, n) != 1)
            bad_steps++;
    }
    CHECK(bad_forms == 0, "%d code points are not among the forms of what they fold to", bad_forms);
    CHECK(bad_prints == 0, "%d code points do not survive UTF-8", bad_prints);
    CHECK(bad_steps == 0, "%d code points are not stepped over", bad_steps);
}

static void
test_case_and_length(void)
{
    static const struct {
        const char *text, *lower, *upper;
        size_t length;
    } rows[] = {
        {"",                   "",                   "",                   0 },
        {"Hello, World [`@]",  "hello, world [`@]",  "HELLO, WORLD [`@]",  17},
        {"Ärger straße",     "ärger straße",     "ÄRGER STRAßE",     12},
        {"\xc4\xb0\xc4\xb1",   "\xc4\xb0\xc4\xb1",   "\xc4\xb0\xc4\xb1",   2 },
        {"\xc9\x90",           "\xc9\x90",           "\xe2\xb1\xaf",       1 }, /* two bytes become three */
        {"👨‍👩‍👦", "👨‍👩‍👦", "👨‍👩‍👦", 5 },
        {"\xff\x80z",          "\xff\x80z",          "\xff\x80Z",          2 },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span text = span_of(rows[i].text);

        CHECK(span_is(kql_lower(&pool, text), rows[i].lower), "lower of %s", rows[i].text);
        CHECK(span_is(kql_upper(&pool, text), rows[i].upper), "upper of %s", rows[i].text);
        CHECK(kql_text_length(text) == rows[i].length, "length of %s", rows[i].text);
        CHECK(kql_text_offset(text, rows[i].length) == text.n, "end of %s", rows[i].text);
        CHECK(kql_text_offset(text, 1000) == text.n, "behind the end of %s", rows[i].text);
    }
    CHECK(kql_text_offset(SPAN_LITERAL("ä😀b"), 1) == 2, "offset 1");
    CHECK(kql_text_offset(SPAN_LITERAL("ä😀b"), 2) == 6, "offset 2");
    for (size_t n = 0; n < 200; n++) { /* over the blocks' edges */
        char text[400];

        for (size_t i = 0; i < 200; i++)
            memcpy(text + i * 2, "\xc3\xa4", 2);
        CHECK(kql_text_offset((struct span){text, 400}, n) == n * 2, "offset %zu", n);
    }
    CHECK(kql_compare_ci(SPAN_LITERAL("ÄB"), SPAN_LITERAL("äb")) == 0, "alike");
    CHECK(kql_compare_ci(SPAN_LITERAL("a"), SPAN_LITERAL("B")) < 0, "a is before B");
    CHECK(kql_compare_ci(SPAN_LITERAL("ab"), SPAN_LITERAL("A")) > 0, "longer is behind");
}

int
main(void)
{
    pool_init(&pool, 64 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0) {
        CHECK(false, "the pool is spent");
        return test_end();
    }
    test_unicode();
    test_case_and_length();
    for (enum scan_simd simd = SCAN_PLAIN; simd <= scan_simd_best(); simd++) {
        scan_simd_use(simd);
        test_cases();
        test_find();
        test_sets();
        test_one_needle(simd);
        test_many_needles(simd);
        test_long_needles(simd);
    }
    pool_free(&pool);
    return test_end();
}
