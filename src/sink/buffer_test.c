/* buffer_test.c - base64 by RFC 4648, and bytes as JSON. */
#include "base/test.h"
#include "sink/buffer.h"

static const struct {
    const char *text, *base64;
} encodings[] = {
    {"",       ""        },
    {"f",      "Zg=="    },
    {"fo",     "Zm8="    },
    {"foo",    "Zm9v"    },
    {"foob",   "Zm9vYg=="},
    {"fooba",  "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static const struct {
    const char *text, *json;
} escapes[] = {
    {"",                                     ""                                           },
    {"plain",                                "plain"                                      },
    {"\"\\/",                                "\\\"\\\\/"                                  },
    {"\b\t\n\v\f\r\x01\x1f\x7f",             "\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\\u007f"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"       },
    {"\xff"
     "a",                               "\xef\xbf\xbd"
     "a"                                                                    },
    {"\xc3",                                 "\xef\xbf\xbd"                               },
    {"\xc0\xaf",                             "\xef\xbf\xbd\xef\xbf\xbd"                   },
    {"\xed\xa0\x80",                         "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"       },
};

int
main(void)
{
    struct buffer t = {NULL, 0, 0};

    for (size_t i = 0; i < COUNT_OF(encodings); i++) {
        t.n = 0;
        CHECK(buffer_base64(&t, span_of(encodings[i].text)) &&
                  strcmp(t.p, encodings[i].base64) == 0,
              "%s: %s", encodings[i].text, t.p);
    }
    for (size_t i = 0; i < COUNT_OF(escapes); i++) {
        t.n = 0;
        CHECK(buffer_escape(&t, span_of(escapes[i].text)) && strcmp(t.p, escapes[i].json) == 0,
              "%zu: %s", i, t.p);
    }
    t.n = 0;
    CHECK(buffer_print(&t, "%d-%s", 7, "x") &&
              buffer_one_line(&t, SPAN_LITERAL("{\r\n \"a\":\n1}")) &&
              strcmp(t.p, "7-x{   \"a\": 1}") == 0,
          "%s", t.p);
    CHECK(!buffer_room(&t, BUFFER_SIZE_MAX) && !buffer_room(&t, SIZE_MAX) && t.n == 14, "%zu", t.n);
    buffer_wipe(&t);
    CHECK(t.p == NULL && t.n == 0, "wiped");
    return test_end();
}
