/* regex_test.c - the dialect of regex.h: what matches, what is refused, groups, limits. */
#include "base/test.h"
#include "kql/regex.h"

static const struct {
    const char *name, *pattern, *flags, *text;
    const char *found; /* NULL: no match; else the whole match, and the first group behind a '|' */
} matches[] = {
    {"search, not full match",                "b+",                               "",  "abbc",                       "bb"                      },
    {"no match",                              "x",                                "",  "abbc",                       NULL                      },
    {"a group",                               "User (\\w+) ",                     "",  "the User bob logged",        "User bob |bob"           },
    {"leftmost first, not longest",           "a|ab",                             "",  "ab",                         "a"                       },
    {"digits are Unicode's",                  "\\d+",                             "",  "x\xef\xbc\x91\xef\xbc\x92y", "\xef\xbc\x91\xef\xbc\x92"},
    {"digits of ASCII",                       "\\d+",                             "",  "x12y",                       "12"                      },
    {"no digits",                             "\\D+",                             "",  "1\xef\xbc\x91zä",           "zä"                     },
    {"words are Unicode's",                   "\\w+",                             "",  "-café-",                    "café"                   },
    {"words hold digits and _",               "\\w+",                             "",  "-a_1-",                      "a_1"                     },
    {"no words",                              "\\W+",                             "",  "café - x",                  " - "                     },
    {"spaces are Unicode's",                  "a\\sb",                            "",
     "a\xc2\xa0"
     "b",                                                                                                            "a\xc2\xa0"
     "b"                                                                                                                              },
    {"a vertical tab is a space",             "a\\sb",                            "",  "a\vb",                       "a\vb"                    },
    {"no spaces",                             "\\S+",                             "",  " \xe3\x80\x80xä\t",         "xä"                     },
    {"all there is",                          "[\\s\\S]+",                        "",  "a\nä",                      "a\nä"                   },
    {"all there is, of words",                "[\\w\\W]+",                        "",  "a\nb",                       "a\nb"                    },
    {"words in a class",                      "[\\w.-]+",                         "",  "(a-b.é)",                   "a-b.é"                  },
    {"words in a class, ASCII",               "[\\w.-]+",                         "",  "(a-b.c)",                    "a-b.c"                   },
    {"'-' behind words is itself",            "[\\w-.]+",                         "",  "(a-b.c)",                    "a-b.c"                   },
    {"'-' behind words is itself, not ASCII", "[\\w-.]+",                         "",  "(é-b.c)",                   "é-b.c"                  },
    {"no words but _",                        "[\\W_]+",                          "",  "é_- b",                     "_- "                     },
    {"words without _",                       "[^\\W_]+",                         "",  "__a1é_",                    "a1é"                    },
    {"digits in a class",                     "[\\da-f]+",                        "",  "xyz1f",                      "1f"                      },
    {"spaces in a class",                     "[^\\s,]+",                         "",  " ,a\tb",                     "a"                       },
    {"] first in a class",                    "[]a]+",                            "",  "x]a",                        "]a"                      },
    {"escaped brackets",                      "[^\\[\\]]+",                       "",  "[ab]",                       "ab"                      },
    {"POSIX classes",                         "[[:alpha:]_]+",                    "",  "1a_b2",                      "a_b"                     },
    {"POSIX classes, not",                    "[[:^alpha:]]+",                    "",  "a12b",                       "12"                      },
    {"both of two classes",                   "[a-z&&[^aeiou]]+",                 "",  "aebcd",                      "bcd"                     },
    {"one class without another",             "[a-z--b-d]+",                      "",  "bcdefa",                     "efa"                     },
    {"one of two, not both",                  "[a-d~~c-f]+",                      "",  "cdabef",                     "abef"                    },
    {"a class in a class",                    "[x[0-9]]+",                        "",  "ab1x2",                      "1x2"                     },
    {"a class in a class with words",         "[\\w&&[^\\d]]+",                   "",  "12é3",                      "é"                      },
    {"categories",                            "\\p{Lu}+",                         "",  "aÄB",                       "ÄB"                     },
    {"categories by long names",              "\\p{Uppercase_Letter}+",           "",  "aÄB",                       "ÄB"                     },
    {"one letter",                            "\\pN+",                            "",  "a12",                        "12"                      },
    {"scripts",                               "\\p{Greek}+",                      "",  "aβγ",                      "βγ"                    },
    {"scripts with prefix",                   "\\p{sc=Greek}+",                   "",  "aβγ",                      "βγ"                    },
    {"not a category",                        "\\P{L}+",                          "",  "a12é",                      "12"                      },
    {"names",                                 "(?P<n>b+)",                        "",  "abbc",                       "bb|bb"                   },
    {"names without P",                       "(?<n>b+)",                         "",  "abbc",                       "bb|bb"                   },
    {"numbers of code points",                "\\u00e4\\x{e4}\\U000000E4\\u{e4}", "",  "ääää",                   "ääää"                },
    {"case does not count",                   "ABC",                              "i", "xabc",                       "abc"                     },
    {"case does not count, inline",           "(?i)ÄB",                          "",  "xäb",                       "äb"                     },
    {"lines",                                 "^b$",                              "m", "a\nb\nc",                    "b"                       },
    {"no lines",                              "^b$",                              "",  "a\nb\nc",                    NULL                      },
    {"'.' is no line feed",                   "a.b",                              "",  "a\nb",                       NULL                      },
    {"'.' is a line feed with s",             "a.b",                              "s", "a\nb",                       "a\nb"                    },
    {"least first",                           "a.*b",                             "U", "aabb",                       "aab"                     },
    {"lazy",                                  "a.*?b",                            "",  "aabb",                       "aab"                     },
    {"ends",                                  "\\Aab\\z",                         "",  "ab",                         "ab"                      },
    {"word boundaries",                       "\\bcat\\b",                        "",  "a cat.",                     "cat"                     },
    {"an escaped underline",                  "a\\_b",                            "",  "a_b",                        "a_b"                     },
    {"a group that takes no part",            "(x)?b",                            "",  "ab",                         "b|"                      },
    {"nothing matches at once",               "",                                 "",  "ab",                         ""                        },
    {"'.' is one code point",                 "^.$",                              "",  "ä",                         "ä"                      },
    {"hex in class",                          "[\\x41-\\x43]+",                   "",  "xABC",                       "ABC"                     },
};

static const struct {
    const char *name, *pattern, *flags;
} refusals[] = {
    {"look-ahead",                          "a(?=b)",               "" },
    {"look-behind",                         "(?<=a)b",              "" },
    {"back-references",                     "(a)\\1",               "" },
    {"an open group",                       "(a",                   "" },
    {"an open class",                       "[a",                   "" },
    {"an open class in a class",            "[a[b]",                "" },
    {"a trailing backslash",                "a\\",                  "" },
    {"bytes",                               "\\C",                  "" },
    {"quotes",                              "\\Qa\\E",              "" },
    {"special boundaries",                  "\\b{start}a",          "" },
    {"nothing to repeat",                   "*a",                   "" },
    {"too much to repeat",                  "a{1001}",              "" },
    {"nested repeats that grow",            "((a{100}){100}){100}", "" },
    {"too large a program",                 "((\\w{30}){30})",      "" },
    {"ranges the wrong way",                "[z-a]",                "" },
    {"ranges the wrong way, in operations", "[z-a&&b]",             "" },
    {"unknown classes",                     "\\p{Nonsense}",        "" },
    {"unknown escapes",                     "\\y",                  "" },
    {"unknown flags",                       "a",                    "x"},
    {"too large a code point",              "\\x{110000}",          "" },
    {"a property without end",              "\\p{L",                "" },
    {"a script in operations",              "[\\p{Greek}&&a]",      "" },
    {"not UTF-8",                           "\xff",                 "" },
    {"not UTF-8 in operations",             "[\xff&&a]",            "" },
};

static void
test_match(size_t i)
{
    struct err err = {""};
    struct kql_regex *r =
        kql_regex_new(span_of(matches[i].pattern), span_of(matches[i].flags), &err);
    struct span text = span_of(matches[i].text), groups[2] = {
                                                     {NULL, 0},
                                                     {NULL, 0}
    };
    char got[100] = "";
    bool is_found;

    CHECK(r != NULL, "%s: %s", matches[i].name, err.text);
    if (r == NULL)
        return;
    is_found = kql_regex_match(r, text, 0, groups, 2);
    if (is_found && kql_regex_group_count(r) > 0)
        snprintf(got, sizeof got, "%.*s|%.*s", (int)groups[0].n, groups[0].p, (int)groups[1].n,
                 groups[1].p == NULL ? "" : groups[1].p);
    else if (is_found)
        snprintf(got, sizeof got, "%.*s", (int)groups[0].n, groups[0].p);
    CHECK(is_found == (matches[i].found != NULL) &&
              (!is_found || strcmp(got, matches[i].found) == 0),
          "%s: %s '%s'", matches[i].name, is_found ? "found" : "not found", got);
    CHECK(kql_regex_test(r, text) == is_found, "%s: test", matches[i].name);
    kql_regex_free(r);
}

static void
test_groups(void)
{
    struct err err;
    struct kql_regex *r =
        kql_regex_new(span_of("(?<year>\\d{4})-(?P<month>\\d\\d)|(none)"), SPAN_LITERAL(""), &err);
    struct span text = SPAN_LITERAL("from 2020-01 to 2021-12."), groups[6];

    CHECK(r != NULL, "%s", err.text);
    CHECK(kql_regex_group_count(r) == 3, "three groups");
    CHECK(kql_regex_group(r, SPAN_LITERAL("month")) == 2, "by name");
    CHECK(kql_regex_group(r, SPAN_LITERAL("mont")) == -1, "not by a part of it");
    CHECK(kql_regex_match(r, text, 6, groups, 6), "behind the first");
    CHECK(groups[0].p == text.p + 16 && groups[0].n == 7, "whole");
    CHECK(span_is(groups[1], "2021") && span_is(groups[2], "12"), "both groups");
    CHECK(groups[3].p == NULL && groups[4].p == NULL && groups[5].p == NULL, "no part");
    CHECK(!kql_regex_match(r, text, text.n + 1, groups, 1), "behind the end");
    kql_regex_free(r);
    r = kql_regex_new(SPAN_LITERAL("^b|$"), SPAN_LITERAL(""), &err);
    CHECK(kql_regex_match(r, SPAN_LITERAL("ab"), 1, groups, 1) && groups[0].n == 0,
          "the start is the text's, not the search's");
    kql_regex_free(r);
}

/* What is passed over for want of a literal does not match. */
static void
test_filter(void)
{
    static const char *const patterns[] = {
        "(?i)abc",         "abc|bcd",         "(abc)?d",      "ab+c{2}",
        "(?i:ABC)d*",      "a.c.*bcd",        "[ab]cd[abc]a", "abca|",
        "(?:aaa|bbb)+cc",  "\\bcab\\b",       "^abc",         "cab$",
        "(?s)abc.cab",     "(a|b)(b|c)(c|d)", "abc\\w",       "[aA][bB][cC]",
        "ab(?:cd|dc)(ab)", "(abcd){2,3}",
    };
    uint64_t seed = 7;
    int bad = 0, found = 0;

    for (size_t i = 0; i < COUNT_OF(patterns); i++) {
        struct err err;
        struct kql_regex *r = kql_regex_new(span_of(patterns[i]), SPAN_LITERAL(""), &err);

        for (int round = 0; round < 20000; round++) {
            char text[64];
            size_t n = 0;

            for (; n < 4 + (size_t)(round % 50); n++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                text[n] = "abcdABC\n"[seed >> 61];
            }
            found += kql_regex_test(r, (struct span){text, n});
            bad += kql_regex_test(r, (struct span){text, n}) !=
                   kql_regex_test_plain(r, (struct span){text, n});
        }
        kql_regex_free(r);
    }
    CHECK(bad == 0 && found > 1000, "%d of the filter's answers are wrong; %d found", bad, found);
}

static void
test_limits(void)
{
    static char long_pattern[KQL_REGEX_TEXT_MAX + 2];
    struct err err = {""};
    struct kql_regex *r;

    memset(long_pattern, 'a', sizeof long_pattern - 1);
    CHECK(kql_regex_new(span_of(long_pattern), SPAN_LITERAL(""), &err) == NULL, "too long");
    CHECK(strstr(err.text, "longer than 16384 bytes") != NULL, "%s", err.text);
    r = kql_regex_new((struct span){long_pattern, KQL_REGEX_TEXT_MAX}, SPAN_LITERAL(""), &err);
    CHECK(r != NULL, "just not too long");
    kql_regex_free(r);
    for (size_t i = 0; i < 300; i++)
        memcpy(long_pattern + i * 3, "\\pL", 3);
    CHECK(kql_regex_new((struct span){long_pattern, 900}, SPAN_LITERAL(""), &err) == NULL,
          "too many classes");
    memset(long_pattern, '[', 200);
    CHECK(kql_regex_new((struct span){long_pattern, 200}, SPAN_LITERAL(""), &err) == NULL,
          "too deep classes");
    for (size_t i = 0; i < 65; i++)
        memcpy(long_pattern + i * 3, "(a)", 3);
    CHECK(kql_regex_new((struct span){long_pattern, 195}, SPAN_LITERAL(""), &err) == NULL,
          "too many groups");
}

static void
test_cache(void)
{
    const struct kql_regex *first = kql_regex_cached(SPAN_LITERAL("a+"));

    CHECK(first != NULL && kql_regex_test(first, SPAN_LITERAL("baa")), "compiled");
    CHECK(kql_regex_cached(SPAN_LITERAL("(")) == NULL, "what does not compile");
    CHECK(kql_regex_cached(SPAN_LITERAL("(")) == NULL, "nor the second time");
    for (int i = 0; i < 100; i++) {
        char pattern[16];
        int n = snprintf(pattern, sizeof pattern, "x%d", i % 15);
        const struct kql_regex *r = kql_regex_cached((struct span){pattern, (size_t)n});

        CHECK(r != NULL && kql_regex_test(r, (struct span){pattern, (size_t)n}), "%s", pattern);
        if (i < 14)
            CHECK(kql_regex_cached(SPAN_LITERAL("a+")) == first, "what is used stays");
    }
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(matches); i++)
        test_match(i);
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct err err = {""};
        struct kql_regex *r =
            kql_regex_new(span_of(refusals[i].pattern), span_of(refusals[i].flags), &err);

        CHECK(r == NULL && err.text[0] != '\0', "%s is not refused", refusals[i].name);
        kql_regex_free(r);
    }
    test_groups();
    test_filter();
    test_limits();
    test_cache();
    return test_end();
}
