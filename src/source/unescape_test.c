/* unescape_test.c - JSON string text becomes the bytes it stands for. */
#include "base/test.h"
#include "source/unescape.h"

static const struct {
    const char *name, *text, *want;
    size_t room;
    bool is_cut;
} cases[] = {
    {"plain",                    "web",                        "web",                          64, false},
    {"empty",                    "",                           "",                             64, false},
    {"short escapes",            "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t",              64, false},
    {"two bytes",                "\\u00e9",                    "\xc3\xa9",                     64, false},
    {"three bytes, upper hex",   "\\u20AC",                    "\xe2\x82\xac",                 64, false},
    {"a pair",                   "\\ud83d\\ude80",             "\xf0\x9f\x9a\x80",             64, false},
    {"a lone high half",         "\\ud83dx",                   "\xef\xbf\xbdx",                64, false},
    {"a lone low half",          "\\ude80",                    "\xef\xbf\xbd",                 64, false},
    {"two high halves",          "\\ud83d\\ud83d\\ude80",      "\xef\xbf\xbd\xf0\x9f\x9a\x80", 64, false},
    {"raw UTF-8",                "\xe2\x82\xac!",              "\xe2\x82\xac!",                64, false},
    {"cut",                      "abcdef",                     "abcd",                         4,  true },
    {"never cut in a character", "abc\xe2\x82\xac",            "abc",                          5,  true },
    {"exactly full",             "abcd",                       "abcd",                         4,  false},
};

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[64];
        bool is_cut;
        size_t n = unescape(span_of(cases[i].text), out, cases[i].room, &is_cut);
        struct span got = {out, n};

        CHECK(span_is(got, cases[i].want), "%s: '%.*s'", cases[i].name, (int)n, out);
        CHECK(is_cut == cases[i].is_cut, "%s: cut %d", cases[i].name, is_cut);
    }
    return test_end();
}
