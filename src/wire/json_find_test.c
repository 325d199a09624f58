/* json_find_test.c - paths that are and are not, and what stands at them. */
#include "base/test.h"
#include "wire/json_find.h"

#define DOCUMENT                                                                                   \
    "{\"a\":1.50,\"b\":{\"c\":[10,{\"d\":\"x\"},[1,2]],\"e\":null,\"C\":\"upper\"},"               \
    " \"name with blanks\" : \"y\" ,\"A\":2,\"esc\":\"\\\"}],{\",\"after\":true,\"a\":3,"          \
    "\"dup\":1,\"deep\":{\"deep\":{\"deep\":-1e5}},\"dot.ted\":7,\"empty\":[],\"o\":{}}"

static const struct {
    const char *path, *value; /* NULL: nothing there */
} finds[] = {
    {"a",                    "1.50"        },
    {"A",                    "2"           },
    {"$.a",                  "1.50"        },
    {"b.c[0]",               "10"          },
    {"b.c[1].d",             "\"x\""       },
    {"b.c[2][1]",            "2"           },
    {"b.c[3]",               NULL          },
    {"b.C",                  "\"upper\""   },
    {"B.e",                  "null"        },
    {"b.E",                  "null"        },
    {"['name with blanks']", "\"y\""       },
    {"$['b'][\"c\"][0]",     "10"          },
    {"esc",                  "\"\\\"}],{\""},
    {"after",                "true"        },
    {"AFTER",                "true"        },
    {"deep.deep.deep",       "-1e5"        },
    {"deep.deep.deep.deep",  NULL          },
    {"['dot.ted']",          "7"           },
    {"empty[0]",             NULL          },
    {"empty",                "[]"          },
    {"o.x",                  NULL          },
    {"a.b",                  NULL          },
    {"a[0]",                 NULL          },
    {"nothing",              NULL          },
    {"$",                    DOCUMENT      },
    {".",                    DOCUMENT      },
    {"a | upper",            "1.50"        },
    {"a}}",                  "1.50"        },
};

static const char *const wrong[] = {"",
                                    "a.",
                                    "a..b",
                                    "a[",
                                    "a[x]",
                                    "a[1",
                                    "a['x]",
                                    "a['x'",
                                    "$a",
                                    "a b[",
                                    "a[-1]",
                                    "a[]",
                                    "$..a",
                                    "a'b",
                                    "]",
                                    "a[1]b",
                                    "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"};

static const struct {
    const char *value, *text;
} texts[] = {
    {"\"plain\"",                       "plain"               },
    {"\"\"",                            ""                    },
    {"\"a\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "a\n\t\"\\/\b\f\r"    },
    {"\"\\u00e9\\u20ac\"",              "\xc3\xa9\xe2\x82\xac"},
    {"\"\\ud83d\\ude00!\"",             "\xf0\x9f\x98\x80!"   },
    {"\"\\ud83d!\"",                    "\xef\xbf\xbd!"       },
    {"\"\\ude00\"",                     "\xef\xbf\xbd"        },
    {"\"\\ud83d\\u0041\"",              "\xef\xbf\xbd"
                           "A"      },
    {"\"\\u12\"",                       "u12"                 },
    {"\"\\",                            "\\"                  },
};

int
main(void)
{
    struct span document = span_of(DOCUMENT), value;
    struct json_path path;
    struct err err = {""};
    size_t used;

    for (size_t i = 0; i < COUNT_OF(finds); i++) {
        enum status st = json_path_read(span_of(finds[i].path), &path, &used, &err);

        CHECK(st == ST_OK, "%s: %s", finds[i].path, err.text);
        bool is_there = st == ST_OK && json_find(document, &path, &value);

        CHECK(is_there == (finds[i].value != NULL) && (!is_there || span_is(value, finds[i].value)),
              "%s: '%.*s'", finds[i].path, is_there ? (int)value.n : 0, value.p);
        /* Of any part of the document: something within it, or nothing. */
        for (size_t n = 0; n < document.n; n++)
            if (json_find((struct span){document.p, n}, &path, &value))
                CHECK(value.p >= document.p && value.p + value.n <= document.p + n, "%s of %zu",
                      finds[i].path, n);
    }
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        err.text[0] = '\0';
        CHECK(i == 9 || (json_path_read(span_of(wrong[i]), &path, &used, &err) == ST_INVALID &&
                         err.text[0] != '\0'),
              "'%s' is taken for a path", wrong[i]);
    }
    CHECK(json_path_read(span_of("a b["), &path, &used, &err) == ST_OK && used == 1,
          "ends at a blank");
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        char out[64];
        size_t n = json_text(span_of(texts[i].value), out);

        CHECK(n == strlen(texts[i].text) && memcmp(out, texts[i].text, n) == 0, "%s: '%.*s'",
              texts[i].value, (int)n, out);
    }
    size_t at = 0, count = 0;

    while (json_next(document, &at, &value))
        count++;
    CHECK(count == 12, "%zu members", count);
    at = 0;
    CHECK(!json_next(SPAN_LITERAL("[]"), &at, &value) &&
              !json_next(SPAN_LITERAL("7"), &at, &value) &&
              !json_next((struct span){"", 0}, &at, &value),
          "nothing to walk");
    return test_end();
}
