/* json_text_test.c - what is JSON, what counts as the same, and what is found in it. */
#include "base/test.h"
#include "posture/json_text.h"

static struct err err;
static const char *const skip[] = {"id", "p.time", "p.s.date", NULL};

static uint64_t
hash_of(const char *text)
{
    uint64_t hash = 0;

    CHECK(json_text_check(span_of(text), skip, 42, &hash, &err) == ST_OK, "%s: %s", text, err.text);
    return hash;
}

static const struct {
    const char *a, *b;
    bool is_same;
} pairs[] = {
    {"{\"a\":1,\"b\":2}",              " { \"b\" : 2 , \"a\" : 1 } ",    true },
    {"{\"a\":1,\"b\":2}",              "{\"a\":2,\"b\":1}",              false},
    {"[1,2]",                          "[2,1]",                          false},
    {"[1,2]",                          "[ 1 ,\n2 ]",                     true },
    {"[]",                             "{}",                             false},
    {"[]",                             "[null]",                         false},
    {"[[],[]]",                        "[[[]]]",                         false},
    {"\"a/\\u0062\"",                  "\"\\u0061\\/b\"",                true },
    {"\"\\ud83d\\ude00\"",             "\"\xf0\x9f\x98\x80\"",           true },
    {"\"1\"",                          "1",                              false},
    {"\"true\"",                       "true",                           false},
    {"\"\"",                           "null",                           false},
    {"1",                              "1.0",                            false},
    {"{\"a\":null}",                   "{}",                             false},
    {"{\"a\":{}}",                     "{\"a\":[]}",                     false},
    {"{\"id\":1,\"x\":2}",             "{\"x\":2}",                      true },
    {"{\"x\":{\"id\":1}}",             "{\"x\":{}}",                     false},
    {"{\"p\":{\"time\":1}}",           "{\"p\":{\"time\":2}}",           true },
    {"{\"p\":{\"s\":{\"date\":1}}}",   "{\"p\":{\"s\":{}}}",             true },
    {"{\"p\":{\"s\":{\"dates\":1}}}",  "{\"p\":{\"s\":{}}}",             false},
    {"{\"p\":[{\"time\":1}]}",         "{\"p\":[{\"time\":2}]}",         false},
    {"{\"p\":1,\"q\":{\"time\":1}}",   "{\"p\":1,\"q\":{\"time\":2}}",   false},
    {"{\"q\":{\"p\":{\"time\":1}}}",   "{\"q\":{\"p\":{\"time\":2}}}",   false},
    {"{\"p\":{\"s\":[{\"date\":1}]}}", "{\"p\":{\"s\":[{\"date\":2}]}}", false},
    {"{\"a\":1,\"a\":2}",              "{\"a\":2}",                      false},
};

static const char *const bad[] = {
    "",
    " ",
    "{",
    "}",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{a:1}",
    "{'a':1}",
    "[1,]",
    "[,1]",
    "[1 2]",
    "01",
    "1.",
    ".5",
    "1e",
    "+1",
    "-",
    "nul",
    "truE",
    "NaN",
    "\"a",
    "\"\\x\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\n\"",
    "\"\xff\"",
    "\"\xc0\x80\"",
    "\"\xed\xa0\x80\"",
    "{} {}",
    "1 2",
    "[}",
    "{]",
    "// a\n1",
    "\"\\",
};

static void
test_depth(void)
{
    char text[2 * JSON_TEXT_DEPTH_MAX + 4];
    uint64_t hash;

    memset(text, '[', sizeof text);
    memset(text + JSON_TEXT_DEPTH_MAX, ']', JSON_TEXT_DEPTH_MAX);
    CHECK(json_text_check((struct span){text, 2 * JSON_TEXT_DEPTH_MAX}, NULL, 0, &hash, &err) ==
              ST_OK,
          "%s", err.text);
    memset(text, '[', sizeof text);
    memset(text + JSON_TEXT_DEPTH_MAX + 1, ']', JSON_TEXT_DEPTH_MAX + 1);
    CHECK(json_text_check((struct span){text, 2 * JSON_TEXT_DEPTH_MAX + 2}, NULL, 0, &hash, &err) ==
              ST_INVALID,
          "nested too deep");
}

static void
test_text(void)
{
    struct text t = {0};
    struct span doc = SPAN_LITERAL(
        "{\"a\" : {\"b\\u0063\":[1, \"x y\"], \"n\":1.10}, \"a\":2, \"t\":\"\\u0041\\n\"}");
    static const char *const among[] = {"One", "a\n", "Two", NULL};

    text_compact(&t, doc);
    CHECK(span_is(text_span(&t),
                  "{\"a\":{\"b\\u0063\":[1,\"x y\"],\"n\":1.10},\"a\":2,\"t\":\"\\u0041\\n\"}"),
          "%.*s", (int)t.n, t.p);
    CHECK(span_is(json_at(text_span(&t), "a.n"), "1.10"), "a number as it came");
    CHECK(json_at(text_span(&t), "a.bc").n > 0, "a name with an escape");
    CHECK(json_at(text_span(&t), "a.x").n == 0 && json_at(text_span(&t), "t.x").n == 0, "missing");
    CHECK(json_string_is(json_at(text_span(&t), "t"), "A\n"), "decoded");
    CHECK(json_string_among(SPAN_LITERAL("\"TWO\""), among) == 2, "any case");
    CHECK(json_string_among(SPAN_LITERAL("\"Three\""), among) == -1, "none");
    text_reset(&t);
    text_string(&t, SPAN_LITERAL("a\"b\\c\x01\n"));
    CHECK(span_is(text_span(&t), "\"a\\\"b\\\\c\\u0001\\u000a\""), "%.*s", (int)t.n, t.p);
    text_reset(&t);
    text_decode(&t, SPAN_LITERAL("\"\\ud83d\\ude00\\ud83dx\\b\""));
    CHECK(span_is(text_span(&t), "\xf0\x9f\x98\x80\xef\xbf\xbdx\b"), "surrogates");
    text_free(&t);
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        CHECK((hash_of(pairs[i].a) == hash_of(pairs[i].b)) == pairs[i].is_same, "%s and %s",
              pairs[i].a, pairs[i].b);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint64_t hash;

        err.text[0] = '\0';
        CHECK(json_text_check(span_of(bad[i]), NULL, 0, &hash, &err) == ST_INVALID &&
                  strncmp(err.text, "byte ", 5) == 0,
              "%s: %s", bad[i], err.text);
    }
    test_depth();
    test_text();
    return test_end();
}
