/* tree_test.c - what is JSON and what is not, and that nodes tell it as it was written. */
#include "base/test.h"
#include "wire/tree.h"

/* How a tree is printed here: kind letters and what strings say. */
static void
print_into(const struct tree *t, uint32_t node, char *out, size_t room)
{
    static const char kinds[] = "snoatf0";
    const struct tree_node *n = &t->nodes[node];
    size_t used = strlen(out);

    if (n->key != NULL)
        used += (size_t)snprintf(out + used, room - used, "%.*s=", (int)n->key_size, n->key);
    used += (size_t)snprintf(out + used, room - used, "%c", kinds[n->kind]);
    if (n->kind != SCAN_OBJECT && n->kind != SCAN_ARRAY) {
        snprintf(out + used, room - used, ":%.*s ", (int)n->text_size, n->text);
        return;
    }
    snprintf(out + used, room - used, "%u( ", n->count);
    for (uint32_t i = tree_first(node); i < tree_next(t, node); i = tree_next(t, i))
        print_into(t, i, out, room);
    used = strlen(out);
    snprintf(out + used, room - used, ") ");
}

static const struct {
    const char *text, *printed; /* NULL: refused */
    const char *raw;            /* of the root; NULL: the text */
} cases[] = {
    {"{}",                                               "o0( ) ",                                    NULL  },
    {"[]",                                               "a0( ) ",                                    NULL  },
    {"true",                                             "t:true ",                                   NULL  },
    {"  null ",                                          "0:null ",                                   "null"},
    {"{\"a\":1,\"b\":[true,false,null,\"x\"],\"c\":{}}",
     "o3( a=n:1 b=a4( t:true f:false 0:null s:x ) c=o0( ) ) ",                                        NULL  },
    {"{ \"a b\" : [ 1 ,\t2 ],\r\n\"c\": \" x \" }",      "o2( a b=a2( n:1 n:2 ) c=s: x  ) ",
     "{\"a b\":[1,2],\"c\":\" x \"}"                                                                        },
    {"[\"\\\" \\\\ \\/\", \"\\\\\\\" \"]",               "a2( s:\" \\ / s:\\\"  ) ",
     "[\"\\\" \\\\ \\/\",\"\\\\\\\" \"]"                                                                    },
    {"[1.50,-0,0.1e+10,123456789012345678901234567890]",
     "a4( n:1.50 n:-0 n:0.1e+10 n:123456789012345678901234567890 ) ",                                 NULL  },
    {"\"\\u0041\\u00e9\\ud83d\\ude00\\ud800x\"",         "s:A\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdx ", NULL  },
    {"{\"k\\u0041\":1,\"kA\":2}",                        "o2( kA=n:1 kA=n:2 ) ",                      NULL  },
    {"[[[]],[]]",                                        "a2( a1( a0( ) ) a0( ) ) ",                  NULL  },
    {"",                                                 NULL,                                        NULL  },
    {" ",                                                NULL,                                        NULL  },
    {"{",                                                NULL,                                        NULL  },
    {"[1,]",                                             NULL,                                        NULL  },
    {"[1 2]",                                            NULL,                                        NULL  },
    {"{\"a\"}",                                          NULL,                                        NULL  },
    {"{\"a\":}",                                         NULL,                                        NULL  },
    {"{\"a\":1,}",                                       NULL,                                        NULL  },
    {"{a:1}",                                            NULL,                                        NULL  },
    {"{\"a\":1]",                                        NULL,                                        NULL  },
    {"[1}",                                              NULL,                                        NULL  },
    {"{} {}",                                            NULL,                                        NULL  },
    {"01",                                               NULL,                                        NULL  },
    {"1.",                                               NULL,                                        NULL  },
    {".5",                                               NULL,                                        NULL  },
    {"1e",                                               NULL,                                        NULL  },
    {"-",                                                NULL,                                        NULL  },
    {"+1",                                               NULL,                                        NULL  },
    {"nul",                                              NULL,                                        NULL  },
    {"truex",                                            NULL,                                        NULL  },
    {"\"a",                                              NULL,                                        NULL  },
    {"\"\\x\"",                                          NULL,                                        NULL  },
    {"\"\\u12g4\"",                                      NULL,                                        NULL  },
    {"\"\\",                                             NULL,                                        NULL  },
    {"\"a\nb\"",                                         NULL,                                        NULL  },
    {"\"\xff\"",                                         NULL,                                        NULL  },
    {"\"\xc0\x80\"",                                     NULL,                                        NULL  },
    {"\"\xed\xa0\x80\"",                                 NULL,                                        NULL  },
    {"\"\xf4\x90\x80\x80\"",                             NULL,                                        NULL  },
    {"\"\xe2\x82\"",                                     NULL,                                        NULL  },
};

static void
try_case(size_t i)
{
    /* in memory of exactly its size, so that reading beyond it is found */
    size_t size = strlen(cases[i].text);
    char *text = malloc(size + (size == 0)), printed[512] = "";
    struct tree t;
    struct err err = {""};
    enum status st;

    memcpy(text, cases[i].text, size);
    st = tree_parse(&t, (struct span){text, size}, &err);
    CHECK((st == ST_OK) == (cases[i].printed != NULL), "%s: %d, %s", cases[i].text, (int)st,
          err.text);
    if (st == ST_OK && cases[i].printed != NULL) {
        print_into(&t, 0, printed, sizeof printed);
        CHECK(strcmp(printed, cases[i].printed) == 0, "%s: %s", cases[i].text, printed);
        CHECK(span_is(tree_raw(&t, 0), cases[i].raw != NULL ? cases[i].raw : cases[i].text),
              "%s: raw %.*s", cases[i].text, (int)tree_raw(&t, 0).n, tree_raw(&t, 0).p);
    } else if (st != ST_OK) {
        CHECK(err.text[0] != '\0' && t.nodes == NULL, "%s: no reason, or something held",
              cases[i].text);
    }
    tree_free(&t);
    free(text);
}

static void
try_looking(void)
{
    static const char text[] = "{\"a\":{\"x\":1},\"b\":[10,[20],30],\"a\":2}";
    struct tree t;
    struct err err = {""};
    uint32_t b, x;

    CHECK(tree_parse(&t, span_of(text), &err) == ST_OK, "%s", err.text);
    b = tree_member(&t, 0, SPAN_LITERAL("b"));
    CHECK(span_is(tree_raw(&t, tree_member(&t, 0, SPAN_LITERAL("a"))), "{\"x\":1}"), "first a");
    CHECK(tree_member(&t, 0, SPAN_LITERAL("x")) == TREE_NONE, "x is further down");
    CHECK(tree_member(&t, b, SPAN_LITERAL("x")) == TREE_NONE, "an array has no members");
    CHECK(span_is(tree_raw(&t, tree_item(&t, b, 2)), "30"), "third item");
    CHECK(tree_item(&t, b, 3) == TREE_NONE && tree_item(&t, 0, 0) == TREE_NONE, "no such item");

    CHECK(tree_add_string(&t, SPAN_LITERAL("v"), SPAN_LITERAL("\"3.0\""), &err) == ST_OK, "add");
    CHECK(tree_add_copy(&t, SPAN_LITERAL("c"), b, &err) == ST_OK, "copy");
    x = tree_member(&t, 0, SPAN_LITERAL("c"));
    CHECK(x != TREE_NONE && span_is(tree_raw(&t, tree_item(&t, tree_item(&t, x, 1), 0)), "20"),
          "what is in the copy");
    CHECK(span_is(tree_text(&t, tree_member(&t, 0, SPAN_LITERAL("v"))), "3.0"), "the string");
    CHECK(t.nodes[0].count == 5 && tree_next(&t, 0) == t.count, "the root goes to the end");
    tree_free(&t);
}

static void
try_depth(void)
{
    for (size_t depth = TREE_DEPTH_MAX; depth <= TREE_DEPTH_MAX + 1; depth++) {
        char text[2 * TREE_DEPTH_MAX + 2];
        struct tree t;
        struct err err = {""};

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        CHECK((tree_parse(&t, (struct span){text, 2 * depth}, &err) == ST_OK) ==
                  (depth == TREE_DEPTH_MAX),
              "depth %zu: %s", depth, err.text);
        tree_free(&t);
    }
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        try_case(i);
    try_looking();
    try_depth();
    return test_end();
}
