/* lexer_test.c - texts to tokens: where each begins and ends, what it is, and the values of strings. */
#include "base/test.h"
#include "kql/lexer_inner.h"

/* Tokens as "kind text", with '/' between them: w word, i integer, r real, t timespan, s string, T
 * typed literal, g guid, ! bad; signs stand for themselves, without a kind. */
static const struct {
    const char *name, *text, *tokens;
} splits[] = {
    {"nothing",                                   "",                                                                          ""                                               },
    {"blanks and comments",                       " \t\r\n // all | of this \"is\" nothing",                                   ""                                               },
    {"a comment ends with its line",              "a // b\nc",                                                                 "w a/w c"                                        },
    {"Unicode's blanks",
     "a\xc2\xa0"
     "b\xe2\x80\xaf"
     "c\xef\xbb\xbf"
     "d\xe3\x80\x80",                                                                                                          "w a/w b/w c/w d"                                },
    {"a byte order mark",                         "\xef\xbb\xbfT",                                                             "w T"                                            },
    {"names",                                     "a _b $left C9 __x a_b",                                                     "w a/w _b/w $left/w C9/w __x/w a_b"              },
    {"names that begin with digits",              "1x 3Dchart 0x 1d2 5l",                                                      "w 1x/w 3Dchart/w 0x/w 1d2/w 5l"                 },
    {"integers",                                  "0 12 0x1F 0Xff 007",                                                        "i 0/i 12/i 0x1F/i 0Xff/i 007"                   },
    {"reals",                                     "1.5 1. 1e3 1E-3 1.5e+10 1.e3",                                              "r 1.5/r 1./r 1e3/r 1E-3/r 1.5e+10/r 1.e3"       },
    {"no real",                                   "1e 1e+ .5",                                                                 "w 1e/w 1e/+/./i 5"                              },
    {"ranges",                                    "1..2 1 .. 2 1d..2d 1.5..2",                                                 "i 1/../i 2/i 1/../i 2/t 1d/../t 2d/r 1.5/../i 2"},
    {"a member of a number is none",              "1.a",                                                                       "i 1/./w a"                                      },
    {"timespans",                                 "1d 2h 3m 4s 5ms 1.5h 10seconds 1tick 7micros 9nanoseconds",
     "t 1d/t 2h/t 3m/t 4s/t 5ms/t 1.5h/t 10seconds/t 1tick/t 7micros/t 9nanoseconds"                                                                                            },
    {"no timespans",                              "1w 1 d 1us",                                                                "w 1w/i 1/w d/w 1us"                             },
    {"strings",                                   "\"a\" 'b' \"\" 'it''s'",                                                    "s \"a\"/s 'b'/s \"\"/s 'it'/s 's'"              },
    {"quotes in strings",                         "\"a'b\" 'a\"b' \"a\\\"b\" 'a\\'b'",
     "s \"a'b\"/s 'a\"b'/s \"a\\\"b\"/s 'a\\'b'"                                                                                                                                },
    {"a back-slash at the end",                   "'a\\\\' 'b'",                                                               "s 'a\\\\'/s 'b'"                                },
    {"verbatim strings",                          "@\"a\\\" @'b''c' @\"d\"\"e\"",                                              "s @\"a\\\"/s @'b''c'/s @\"d\"\"e\""             },
    {"obfuscated strings",                        "h\"a\" H'b' h@\"c\" H@'d' h```e```",
     "s h\"a\"/s H'b'/s h@\"c\"/s H@'d'/s h```e```"                                                                                                                             },
    {"long strings",                              "```a\n\"b`` ``` ~~~c\\~~~",                                                 "s ```a\n\"b`` ```/s ~~~c\\~~~"                  },
    {"h is a name too",                           "h ha h(1) h.x",                                                             "w h/w ha/w h/(/i 1/)/w h/./w x"                 },
    {"no comment in a string",                    "\"a//b\" c",                                                                "s \"a//b\"/w c"                                 },
    {"a string not closed",                       "\"ab\nc",                                                                   "! \"ab/w c"                                     },
    {"a back-slash does not join lines",          "\"ab\\\nc\"",                                                               "! \"ab\\/w c/! \""                              },
    {"a long string not closed",                  "a ```b\nc",                                                                 "w a/! ```b\nc"                                  },
    {"typed literals",                            "datetime(2020-01-01 10:00) guid(x) time(1.02:03) int(null) real(+inf)",
     "T datetime(2020-01-01 10:00)/T guid(x)/T time(1.02:03)/T int(null)/T real(+inf)"                                                                                          },
    {"a typed literal ends at the first bracket", "datetime(\")\") x",                                                         "T datetime(\")/! \") x"                         },
    {"no typed literals",                         "datetime (1) string(1) int32 (1) bool",
     "w datetime/(/i 1/)/w string/(/i 1/)/w int32/(/i 1/)/w bool"                                                                                                               },
    {"a typed literal not closed",                "datetime(2020",                                                             "w datetime/(/i 2020"                            },
    {"a type in a list",                          "(a:datetime)",                                                              "(/w a/:/w datetime/)"                           },
    {"a guid",                                    "74be27de-1e4e-49d9-b579-fe0b091d3642 abcdef12-1e4e-49d9-b579-fe0b091d3642",
     "g 74be27de-1e4e-49d9-b579-fe0b091d3642/g abcdef12-1e4e-49d9-b579-fe0b091d3642"                                                                                            },
    {"no guid",                                   "74be27de-1e4e-49d9-b579-fe0b091d36421",
     "w 74be27de/-/w 1e4e/-/w 49d9/-/w b579/-/w fe0b091d36421"                                                                                                                  },
    {"words with dashes",                         "mv-expand project-away top-nested granny-asc",
     "w mv-expand/w project-away/w top-nested/w granny-asc"                                                                                                                     },
    {"differences",                               "a-b mv-x project -away mv - expand",
     "w a/-/w b/w mv/-/w x/w project/-/w away/w mv/-/w expand"                                                                                                                  },
    {"the longest word with dashes",              "graph-mark-components materialized-view-combine graph-mark",
     "w graph-mark-components/w materialized-view-combine/w graph/-/w mark"                                                                                                     },
    {"words with !",                              "!has !in~ !in !between !startswith_cs",
     "w !has/w !in~/w !in/w !between/w !startswith_cs"                                                                                                                          },
    {"no words with !",                           "!foo ! has",                                                                "! !foo/! !/w has"                               },
    {"in~",                                       "in~ in ~",                                                                  "w in~/w in/! ~"                                 },
    {"signs",                                     "( ) [ ] { } , ; : . | * / % + - < > = ? @",
     "(/)/[/]/{/}/,/;/:/./|/*///%/+/-/</>/=/?/@"                                                                                                                                },
    {"signs of two characters",                   "== != <> <= >= =~ !~ => ..",                                                "==/!=/<>/<=/>=/=~/!~/=>/.."                     },
    {"signs together",                            "a==-1 a=~\"x\" a<=b -->",                                                   "w a/==/-/i 1/w a/=~/s \"x\"/w a/<=/w b/-/-/>"   },
    {"directives to an editor",                   "#connect cluster('x').database(\"y\n  #crp a=b\r\nT #x",
     "w T/! #/w x"                                                                                                                                                              },
    {"what is none",                              "# ^ & \\ \x01 \xc3\xa9 \xff",                                               "! #/! ^/! &/! \\/! \x01/! \xc3\xa9/! \xff"      },
};

static struct pool pool;
static jmp_buf escape;

static const char *
kind_letter(uint8_t kind)
{
    switch (kind) {
    case TOKEN_WORD:
        return "w ";
    case TOKEN_INTEGER:
        return "i ";
    case TOKEN_REAL:
        return "r ";
    case TOKEN_TIMESPAN:
        return "t ";
    case TOKEN_STRING:
        return "s ";
    case TOKEN_TYPED:
        return "T ";
    case TOKEN_GUID:
        return "g ";
    case TOKEN_BAD:
        return "! ";
    default:
        return "";
    }
}

static void
check_splits(void)
{
    for (size_t i = 0; i < COUNT_OF(splits); i++) {
        size_t size = strlen(splits[i].text);
        char *copy = malloc(size == 0 ? 1 : size); /* nothing is read behind the text */
        struct kql_diagnostics d;
        struct kql_tokens tokens;
        struct span all = {"", 0};
        uint32_t bad = 0, at = 0;

        memcpy(copy, splits[i].text, size);
        pool_reset(&pool);
        kql_diagnostics_init(&d, &pool, (struct span){copy, size});
        tokens = kql_lex(&pool, d.query, &d);
        for (size_t k = 0; k + 1 < tokens.count; k++) {
            const struct token *t = &tokens.items[k];

            all = pool_printf(&pool, "%.*s%s%s%.*s", (int)all.n, all.p, k == 0 ? "" : "/",
                              kind_letter(t->kind), (int)t->size, copy + t->at);
            bad += t->kind == TOKEN_BAD;
            CHECK(t->at >= at && ((t->flags & TOKEN_GLUED) != 0) == (k > 0 && t->at == at),
                  "%s: token %zu begins at %u", splits[i].name, k, t->at);
            at = t->at + t->size;
        }
        CHECK(tokens.items[tokens.count - 1].kind == TOKEN_END, "%s: no end", splits[i].name);
        CHECK(span_is(all, splits[i].tokens), "%s: %.*s", splits[i].name, (int)all.n, all.p);
        CHECK(d.error_count == bad, "%s: %u complaints, %u bad tokens", splits[i].name,
              d.error_count, bad);
        free(copy);
    }
}

/* Values of strings; NULL: the escape at 'at' is none. */
static const struct {
    const char *text, *value;
    uint32_t at;
} values[] = {
    {"\"abc\"",                            "abc",                                  0},
    {"''",                                 "",                                     0},
    {"@\"a\\b\"",                          "a\\b",                                 0},
    {"@\"a\"\"b\"",                        "a\"b",                                 0},
    {"@'a''b\"\"'",                        "a'b\"\"",                              0},
    {"h@'x'",                              "x",                                    0},
    {"```a\\n\"```",                       "a\\n\"",                               0},
    {"h~~~a~b~~~",                         "a~b",                                  0},
    {"'\\'\\\"\\\\\\a\\b\\f\\n\\r\\t\\v'", "'\"\\\a\b\f\n\r\t\v",                  0},
    {"'\\x41\\u0042\\U00000043'",          "ABC",                                  0},
    {"'\\u00e9\\u20ac\\U0001f600'",        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 0},
    {"'\\ud83d\\ude00'",                   "\xf0\x9f\x98\x80",                     0},
    {"'\\ud83d!'",                         "\xef\xbf\xbd!",                        0},
    {"'\\101\\7\\60'",                     "A\a0",                                 0},
    {"'\\377\\400'",                       "\xc3\xbf 0",                           0},
    {"'\\q'",                              NULL,                                   1},
    {"'ab\\x4g'",                          NULL,                                   3},
    {"'\\u12'",                            NULL,                                   1},
    {"h'a\\U00110000'",                    NULL,                                   3},
    {"'\\8'",                              NULL,                                   1},
};

static void
check_values(void)
{
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        struct span text = span_of(values[i].text), value = {"", 0};
        struct kql_tokens tokens = kql_lex(&pool, text, NULL);
        uint32_t at = 0, size = 0;
        bool is_fine;

        CHECK(tokens.count == 2 && tokens.items[0].kind == TOKEN_STRING, "%s is no string",
              values[i].text);
        is_fine = kql_string_token_value(&pool, text, &tokens.items[0], &value, &at, &size);
        CHECK(is_fine == (values[i].value != NULL), "%s: %s", values[i].text,
              is_fine ? "taken" : "refused");
        if (is_fine)
            CHECK(span_is(value, values[i].value), "%s: %.*s", values[i].text, (int)value.n,
                  value.p);
        else
            CHECK(at == values[i].at && size == 2, "%s: %u bytes at %u", values[i].text, size, at);
    }
}

static void
check_words(void)
{
    CHECK(kql_word_count > 150 && kql_word_count < 256, "%u words; a token holds 8 bits",
          kql_word_count);
    for (uint32_t i = 1; i < kql_word_count; i++) {
        CHECK(strcmp(kql_words[i - 1].name, kql_words[i].name) < 0, "%s is not in order",
              kql_words[i].name);
        CHECK(kql_word_find(span_of(kql_words[i].name)) == i, "%s is not found", kql_words[i].name);
    }
    CHECK(kql_word_find(SPAN_LITERAL("foo")) == 0, "foo is a word");
    CHECK(kql_word_find((struct span){"", 0}) == 0, "nothing is a word");
    CHECK(kql_word_find(SPAN_LITERAL("proj")) == 0, "the beginning of a word is one");
}

int
main(void)
{
    pool_init(&pool, (size_t)1 << 30);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        return 1;
    check_splits();
    check_values();
    check_words();
    pool_free(&pool);
    return test_end();
}
