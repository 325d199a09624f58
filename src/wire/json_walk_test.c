/* json_walk_test.c - members, items and texts of valid JSON, and what becomes of other bytes. */
#include "base/test.h"
#include "wire/json_walk.h"

static const struct {
    const char *name, *text, *out; /* "key=value;" of each */
} walks[] = {
    {"members",                "{\"a\":1,\"b\":\"x\"}",                   "a=1;b=\"x\";"                   },
    {"white space",            "{ \"a\" : 1 ,\n\t\"b\" : [ ] }",          "a=1;b=[ ];"                     },
    {"items",                  "[1,\"two\",{\"n\":[3]},null]",            "=1;=\"two\";={\"n\":[3]};=null;"},
    {"empty object",           "{}",                                      ""                               },
    {"empty array",            "[]",                                      ""                               },
    {"brackets in a string",   "{\"a\":{\"x\":\"}]\\\"}\"},\"b\":2}",     "a={\"x\":\"}]\\\"}\"};b=2;"     },
    {"backslashes at the end", "{\"a\":\"\\\\\\\\\",\"b\":\"\\\\\\\"\"}",
     "a=\"\\\\\\\\\";b=\"\\\\\\\"\";"                                                                      },
    {"an escaped key",         "{\"a\\\"b\":1}",                          "a\\\"b=1;"                      },
    {"no container",           "17",                                      ""                               },
    {"nothing",                "",                                        ""                               },
    {"a torn string",          "{\"a\":\"xyz",                            "a=\"xyz;"                       },
    {"a torn key",             "{\"a",                                    ""                               },
    {"a torn object",          "{\"a\":{\"b\":1",                         "a={\"b\":1;"                    },
    {"no colon",               "{\"a\" 1}",                               ""                               },
    {"no value",               "{\"a\":}",                                ""                               },
    {"two commas",             "[1,,2]",                                  "=1;"                            },
};

static const struct {
    const char *name, *text, *out; /* decoded; raw pieces in < > */
} texts[] = {
    {"plain",             "abc",                        "abc"               },
    {"letters",           "\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"   },
    {"a code point",      "\\u00e4x",                   "\xc3\xa4x"         },
    {"a pair",            "\\ud83d\\ude00",             "\xf0\x9f\x98\x80"  },
    {"half a pair",       "\\ud83dx",                   "<\\ud83d>x"        },
    {"the other half",    "\\ude00\\ud83d",             "<\\ude00><\\ud83d>"},
    {"wrong digits",      "\\u12g4",                    "<\\u>12g4"         },
    {"an unknown letter", "\\qx",                       "<\\q>x"            },
    {"a last backslash",  "x\\",                        "x<\\>"             },
    {"too short",         "\\u12",                      "<\\u>12"           },
};

int
main(void)
{
    char out[256];

    for (size_t i = 0; i < COUNT_OF(walks); i++) {
        struct json_walk w;
        struct span key, value;
        size_t n = 0;

        out[0] = '\0';
        if (json_walk_open(&w, span_of(walks[i].text)))
            while (json_walk_next(&w, &key, &value))
                n += (size_t)snprintf(out + n, sizeof out - n, "%.*s=%.*s;", (int)key.n, key.p,
                                      (int)value.n, value.p);
        CHECK(strcmp(out, walks[i].out) == 0, "%s: '%s'", walks[i].name, out);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct span rest = span_of(texts[i].text), piece;
        char room[4];
        bool is_raw;
        size_t n = 0;

        out[0] = '\0';
        while (json_walk_piece(&rest, &piece, room, &is_raw))
            n += (size_t)snprintf(out + n, sizeof out - n, is_raw ? "<%.*s>" : "%.*s", (int)piece.n,
                                  piece.p);
        CHECK(strcmp(out, texts[i].out) == 0, "%s: '%s'", texts[i].name, out);
    }
    struct span object = SPAN_LITERAL("{\"a\":1,\"b\":{\"a\":2},\"a\":3}"), text;

    CHECK(span_is(json_walk_value(SPAN_LITERAL(" \n{\"a\":[1]} ")), "{\"a\":[1]}") &&
              span_is(json_walk_value(SPAN_LITERAL("12 13")), "12") &&
              span_is(json_walk_value(SPAN_LITERAL("\"a b\",")), "\"a b\"") &&
              json_walk_value(SPAN_LITERAL("  ")).n == 0 &&
              json_walk_value(SPAN_LITERAL("")).n == 0,
          "the value of a text");
    CHECK(span_is(json_walk_member(object, SPAN_LITERAL("a")), "1"), "the first of two");
    CHECK(span_is(json_walk_member(object, SPAN_LITERAL("b")), "{\"a\":2}"), "an object");
    CHECK(json_walk_member(object, SPAN_LITERAL("c")).p == NULL, "none");
    CHECK(json_walk_member(SPAN_LITERAL("[1]"), SPAN_LITERAL("")).p == NULL, "of an array");
    CHECK(json_walk_is_text(SPAN_LITERAL("\"x\""), &text) && span_is(text, "x"), "a text");
    CHECK(!json_walk_is_text(SPAN_LITERAL("1"), &text) &&
              !json_walk_is_text(SPAN_LITERAL("\""), &text),
          "no text");
    return test_end();
}
