/* yaml_test.c - text in, tree (as compact JSON) or the place and reason of the refusal out. */
#include "base/test.h"
#include "wire/yaml.h"

static const struct {
    const char *name, *text;
    const char *json;  /* NULL: refused */
    const char *fault; /* piece of the error's text */
} cases[] = {
    {"nothing is an empty object",    "",                                                  "{}",                             NULL                                   },
    {"only a comment",                "# nothing\n",                                       "{}",                             NULL                                   },
    {"only a mark",                   "---\n",                                             "null",                           NULL                                   },
    {"a byte order mark",
     "\xef\xbb\xbf"
     "a: 1",                                                                               "{\"a\":1}",                      NULL                                   },
    {"nested mappings and lists",     "a:\n  b: [1, two]\nc:\n- d: x\n- e\n",
     "{\"a\":{\"b\":[1,\"two\"]},\"c\":[{\"d\":\"x\"},\"e\"]}",                                                              NULL                                   },
    {"true in three spellings",       "[true, True, TRUE]",                                "[true,true,true]",               NULL                                   },
    {"tRUE is a string",              "[tRUE]",                                            "[\"tRUE\"]",                     NULL                                   },
    {"false",                         "[false, False, FALSE]",                             "[false,false,false]",            NULL                                   },
    {"yes, no, on, off are strings",  "[yes, no, on, off, y, n]",
     "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\"]",                                                                          NULL                                   },
    {"null in its spellings",         "[null, Null, NULL, ~]",                             "[null,null,null,null]",          NULL                                   },
    {"an absent value is null",       "a:\n",                                              "{\"a\":null}",                   NULL                                   },
    {"integers",                      "[0, -1, +2, 007, 0x1F, 0o17]",                      "[0,-1,2,7,31,15]",               NULL                                   },
    {"the largest integer",           "[9223372036854775807]",                             "[9223372036854775807]",          NULL                                   },
    {"an integer too large",          "[9223372036854775808]",                             NULL,                             "1:2: the integer does not fit"        },
    {"floats",                        "[1.5, .5, 1e3, -2.5E-1]",                           "[1.5,0.5,1000.0,-0.25]",         NULL                                   },
    {"not quite numbers",             "[1.2.3, 1e, 0x, -, 1_000, 0b1, 12:30]",
     "[\"1.2.3\",\"1e\",\"0x\",\"-\",\"1_000\",\"0b1\",\"12:30\"]",                                                          NULL                                   },
    {"a float too large",             "[1e999]",                                           NULL,                             "too large"                            },
    {"infinity",                      "a: .inf",                                           NULL,                             "1:4: infinities"                      },
    {"not a number",                  "a: .NaN",                                           NULL,                             "infinities and NaN"                   },
    {"dates are strings",             "a: 2026-01-02",                                     "{\"a\":\"2026-01-02\"}",         NULL                                   },
    {"quoted is always a string",     "['1', \"true\", 'null', \"\"]",                     "[\"1\",\"true\",\"null\",\"\"]",
     NULL                                                                                                                                                           },
    {"a block of text",               "a: |\n  x\n  y\n",                                  "{\"a\":\"x\\ny\\n\"}",           NULL                                   },
    {"number as key",                 "1: x",                                              "{\"1\":\"x\"}",                  NULL                                   },
    {"JSON",                          "{\"a\":[1,2.5,{\"b\":null}],\"c\":\"\\u00e9\\/\"}",
     "{\"a\":[1,2.5,{\"b\":null}],\"c\":\"é/\"}",                                                                           NULL                                   },
    {"JSON with a surrogate pair",    "{\"a\":\"\\ud83d\\ude00\"}",                        "{\"a\":\"😀\"}",               NULL                                   },
    {"JSON with tabs",                "{\n\t\"a\":\t1\n}",                                 "{\"a\":1}",                      NULL                                   },
    {"JSON, duplicate and surrogate", "{\"a\":\"\\ud83d\\ude00\",\"a\":1}",                NULL,                             "1:"                                   },
    {"a key twice",                   "a: 1\nb: 2\na: 3\n",                                NULL,                             "t.yaml:3:1: the key 'a' is here twice"},
    {"a key twice, deep",             "x:\n  - a: 1\n    a: 2\n",                          NULL,                             "3:5: the key 'a'"                     },
    {"an anchor",                     "a: &x 1",                                           NULL,                             "1:4: anchors"                         },
    {"an anchor on a mapping",        "a: &x {b: 1}",                                      NULL,                             "anchors"                              },
    {"an anchor on a list",           "a: &x [b]",                                         NULL,                             "anchors"                              },
    {"an anchor on a key",            "&x a: 1",                                           NULL,                             "anchors"                              },
    {"an alias",                      "a: *x",                                             NULL,                             "alias"                                },
    {"a tag",                         "a: !!str 1",                                        NULL,                             "tags"                                 },
    {"a tag on a list",               "a: !!seq [1]",                                      NULL,                             "tags"                                 },
    {"a tag on a mapping",            "a: !x {}",                                          NULL,                             "tags"                                 },
    {"two documents",                 "a: 1\n---\nb: 2\n",                                 NULL,                             "second document"                      },
    {"a list as key",                 "? [a]\n: 1\n",                                      NULL,                             "a key must be"                        },
    {"a mapping as key",              "? {a: 1}\n: 1\n",                                   NULL,                             "a key must be"                        },
    {"a NUL",                         "a: \"x\\0y\"",                                      NULL,                             "NUL"                                  },
    {"a tab as indentation",          "a:\n\tb: 1\n",                                      NULL,                             "2:1"                                  },
    {"an open bracket",               "a: [1, 2\n",                                        NULL,                             "t.yaml:2:1"                           },
    {"an open quote keeps its text",  "a: \"hush",                                         NULL,                             "t.yaml:1"                             },
    {"bad indentation",               "a: 1\n  b: 2\n",                                    NULL,                             "2:4"                                  },
    {"invalid UTF-8",                 "a: \xff",                                           NULL,                             "byte 3"                               },
    {"a control character",           "a: \x01",                                           NULL,                             "byte"                                 },
};

static void
check_cases(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct yaml_tree tree;
        struct err err = {""};
        enum status st = yaml_tree_read(span_of(cases[i].text), "t.yaml", &tree, &err);

        if (cases[i].json == NULL) {
            CHECK(st == ST_INVALID && strstr(err.text, cases[i].fault) != NULL, "%s: %d '%s'",
                  cases[i].name, st, err.text);
            CHECK(strstr(err.text, "hush") == NULL, "%s: '%s'", cases[i].name, err.text);
        } else {
            char *json = st == ST_OK ? json_dumps(tree.root, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

            CHECK(json != NULL && strcmp(json, cases[i].json) == 0, "%s: %s '%s'", cases[i].name,
                  json ? json : "-", err.text);
            free(json);
        }
        yaml_tree_free(&tree);
    }
}

static void
check_places(void)
{
    struct yaml_tree tree;
    struct err err = {""};
    enum status st =
        yaml_tree_read(SPAN_LITERAL("a: 1\nb:\n  - x\n  -   y: true\n"), "t", &tree, &err);
    json_t *b = json_object_get(tree.root, "b");
    struct yaml_place a_at = yaml_tree_place(&tree, tree.root, "a", 0);
    struct yaml_place second = yaml_tree_place(&tree, b, NULL, 1);
    struct yaml_place y = yaml_tree_place(&tree, json_array_get(b, 1), "y", 0);
    struct yaml_place none = yaml_tree_place(&tree, tree.root, "zz", 0);

    CHECK(st == ST_OK, "%s", err.text);
    CHECK(a_at.line == 1 && a_at.column == 4, "a at %u:%u", a_at.line, a_at.column);
    CHECK(second.line == 4 && second.column == 7, "b[1] at %u:%u", second.line, second.column);
    CHECK(y.line == 4 && y.column == 10, "y at %u:%u", y.line, y.column);
    CHECK(none.line == 0, "zz at %u", none.line);
    yaml_tree_free(&tree);
}

/* 'count' times 'open', then 'count' times 'close'. */
static enum status
read_deep(const char *open, const char *close, size_t count, struct err *err)
{
    char *text = calloc(1, (strlen(open) + strlen(close)) * count + 1);
    struct yaml_tree tree;
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "%s", open);
    for (size_t i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "%s", close);
    enum status st = yaml_tree_read(span_of(text), "t", &tree, err);

    yaml_tree_free(&tree);
    free(text);
    return st;
}

static void
check_limits(void)
{
    struct err err = {""};

    CHECK(read_deep("[", "]", 32, &err) == ST_OK, "%s", err.text);
    CHECK(read_deep("[", "]", 33, &err) == ST_INVALID, "33 deep was taken");
    CHECK(read_deep("[", "]", 100000, &err) == ST_INVALID && strstr(err.text, "deeper"), "%s",
          err.text);
    CHECK(read_deep("{\"\\ud83d\\ude00\":", "}", 5000, &err) == ST_INVALID, "deep JSON was taken");
    CHECK(read_deep("- ", "x", 3000, &err) == ST_INVALID, "deep block was taken");
    CHECK(read_deep("- 1\n", "", 199999, &err) == ST_OK, "%s", err.text);
    CHECK(read_deep("- 1\n", "", 200001, &err) == ST_INVALID, "too many values were taken");
    CHECK(read_deep("#########\n", "", 500000, &err) == ST_INVALID, "5 MB were taken");
}

int
main(void)
{
    check_cases();
    check_places();
    check_limits();
    return test_end();
}
