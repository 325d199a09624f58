/* text_test.c - any bytes become valid JSON strings; whole or not at all. */
#include "base/test.h"
#include "sensor/text.h"

#define R "\xef\xbf\xbd" /* U+FFFD */

static const struct {
    const char *name, *bytes;
    size_t n;
    const char *json;
} cases[] = {
    {"nothing",                   "",                                     0,  "\"\""                                    },
    {"plain",                     "curl -sS x",                           10, "\"curl -sS x\""                          },
    {"quotes and backslashes",    "a\"b\\c",                              5,  "\"a\\\"b\\\\c\""                         },
    {"control characters",        "\x01\n\r\t\b\f\x1f\x7f",               8,  "\"\\u0001\\n\\r\\t\\b\\f\\u001f\\u007f\""},
    {"a NUL",                     "a\0b",                                 3,  "\"a\\u0000b\""                           },
    {"two, three and four bytes", "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9,
     "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\""                                                                         },
    {"a lone continuation byte",  "a\x80z",                               3,  "\"a" R "z\""                             },
    {"latin-1",                   "M\xfcller",                            6,  "\"M" R "ller\""                          },
    {"overlong slash",            "\xc0\xaf",                             2,  "\"" R R "\""                             },
    {"overlong three",            "\xe0\x80\x80",                         3,  "\"" R R R "\""                           },
    {"a surrogate",               "\xed\xa0\x80",                         3,  "\"" R R R "\""                           },
    {"beyond the last character", "\xf4\x90\x80\x80",                     4,  "\"" R R R R "\""                         },
    {"cut short at the end",      "a\xe2\x82",                            3,  "\"a" R "\""                              },
    {"cut short before another",
     "\xf0\x9f\x98"
     "a",                                                                 4,  "\"" R "a\""                              },
    {"bytes that never occur",    "\xff\xfe",                             2,  "\"" R R "\""                             },
};

static const struct {
    const char *name, *bytes;
    size_t max, size;
} cuts[] = {
    {"short enough",        "abc",                      3, 3},
    {"between letters",     "abcd",                     3, 3},
    {"inside two bytes",    "ab\xc3\xbc",               3, 2},
    {"inside four bytes",   "\xf0\x9f\x98\x80",         3, 0},
    {"no UTF-8 to respect", "\x80\x80\x80\x80\x80\x80", 5, 5},
};

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char out[200];
        struct span bytes = {cases[i].bytes, cases[i].n};
        size_t size = strlen(cases[i].json);

        for (size_t room = 0; room <= size + 8; room++) {
            struct text t = {out, 0, room, false};

            text_add_string(&t, bytes);
            if (!t.is_cut)
                CHECK(t.n == size && memcmp(out, cases[i].json, size) == 0, "%s: %.*s",
                      cases[i].name, (int)t.n, out);
            else
                CHECK(t.n == 0 && room < size + 8, "%s: cut to %zu in %zu", cases[i].name, t.n,
                      room);
        }
    }
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        size_t size = text_size_within(span_of(cuts[i].bytes), cuts[i].max);

        CHECK(size == cuts[i].size, "%s: %zu", cuts[i].name, size);
    }
    return test_end();
}
