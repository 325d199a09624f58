#include "base/test.h"
#include "kql/dynamic.h"

/* JSON text, and what it prints as; NULL: it is not JSON. */
static const struct row {
    const char *name, *text, *printed;
} rows[] = {
    {"bag",                                                  "{\"a\":1,\"b\":[true,false,null]}",                          "{\"a\":1,\"b\":[true,false,null]}"},
    {"blanks go",                                            " { \"a\" :\t1 ,\r\n\"b\" : [ ] } ",                          "{\"a\":1,\"b\":[]}"               },
    {"a key twice keeps its place and takes the last value", "{\"a\":1,\"b\":2,\"a\":3}",
     "{\"a\":3,\"b\":2}"                                                                                                                                      },
    {"numbers",                                              "[0,-1,9223372036854775807,-9223372036854775808,1.5,1e3]",
     "[0,-1,9223372036854775807,-9223372036854775808,1.5,1000.0]"                                                                                             },
    {"escapes",                                              "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud83d\\ude00\"",
     "\"\\\"\\\\/\\b\\f\\n\\r\\tA\303\251\360\237\230\200\""                                                                                                  },
    {"a lone surrogate",                                     "\"\\ud800x\"",                                               "\"\357\277\275x\""                },
    {"two high surrogates",                                  "\"\\ud800\\ud801\"",                                         "\"\357\277\275\357\277\275\""     },
    {"control characters come out escaped",                  "\"\\u0001\"",                                                "\"\\u0001\""                      },
    {"text behind",                                          "{} x",                                                       NULL                               },
    {"nothing",                                              "",                                                           NULL                               },
    {"single quotes",                                        "{'a':1}",                                                    NULL                               },
    {"a trailing comma",                                     "[1,]",                                                       NULL                               },
    {"a leading zero",                                       "01",                                                         NULL                               },
    {"no digits behind the point",                           "1.",                                                         NULL                               },
    {"half an escape",                                       "\"\\u12\"",                                                  NULL                               },
    {"an unknown escape",                                    "\"\\q\"",                                                    NULL                               },
    {"a backslash at the end",                               "\"\\",                                                       NULL                               },
    {"a control character in a string",                      "\"a\001\"",                                                  NULL                               },
    {"a control character behind an escape",                 "\"\\n\001\"",                                                NULL                               },
    {"an open string",                                       "\"abc",                                                      NULL                               },
    {"an open bag",                                          "{\"a\":1",                                                   NULL                               },
    {"half a word",                                          "tru",                                                        NULL                               },
};

static void
test_rows(struct pool *p)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct kql_value v;
        size_t at;
        bool is_read = kql_json_read(p, span_of(rows[i].text), i % 2 == 0, &v, &at);
        struct span printed = is_read ? kql_json_print(p, &v) : SPAN_LITERAL("(not read)");

        CHECK(is_read ? rows[i].printed != NULL && span_is(printed, rows[i].printed)
                      : rows[i].printed == NULL,
              "%s: %.*s", rows[i].name, (int)printed.n, printed.p);
        CHECK(at <= strlen(rows[i].text), "%s: place %zu", rows[i].name, at);
    }
}

static void
test_depth(struct pool *p)
{
    char text[2 * KQL_DEPTH_MAX + 2];
    struct kql_value v;

    memset(text, '[', KQL_DEPTH_MAX + 1);
    memset(text + KQL_DEPTH_MAX + 1, ']', KQL_DEPTH_MAX + 1);
    CHECK(!kql_json_read(p, (struct span){text, sizeof text}, true, &v, NULL), "too deep is read");
    CHECK(kql_json_read(p, (struct span){text + 1, sizeof text - 2}, true, &v, NULL),
          "the deepest is not read");
    v = kql_parse_json(p, (struct span){text, sizeof text});
    CHECK(v.type == KQL_STRING && v.size == sizeof text, "too deep is not a string");
}

static void
test_members(struct pool *p)
{
    struct kql_value v = kql_parse_json(p, SPAN_LITERAL("{\"a\":[1,2,3],\"A\":\"x\"}"));
    struct kql_value a = kql_member(&v, SPAN_LITERAL("a"));
    struct kql_value missing = kql_member(&v, SPAN_LITERAL("b"));

    CHECK(a.type == KQL_ARRAY && kql_element(&a, -1).i == 3 && kql_element(&a, 0).i == 1,
          "elements");
    CHECK(kql_element(&a, 3).is_null && kql_element(&a, -4).is_null, "outside");
    CHECK(missing.is_null && missing.type == KQL_DYNAMIC, "no such member");
    CHECK(kql_member(&a, SPAN_LITERAL("a")).is_null && kql_element(&v, 0).is_null, "wrong kind");
    CHECK(kql_parse_json(p, SPAN_LITERAL(" \n")).is_null, "blank text is null");
    CHECK(kql_parse_json(p, SPAN_LITERAL("no json")).type == KQL_STRING, "other text is a string");
}

/* A bag with many keys goes by its index: each is found, none is doubled. */
static void
test_large_bag(struct pool *p)
{
    struct kql_bag_builder b = {.pool = p};
    size_t added = 0, again = 0;
    struct kql_value bag;

    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5000; i++) {
            bool is_new =
                kql_bag_add(&b, pool_printf(p, "key %d", i), kql_integer(KQL_LONG, i), round == 0);
            added += is_new;
            again += !is_new;
        }
    bag = kql_bag_finish(&b);
    CHECK(added == 5000 && again == 5000 && bag.bag->count == 5000, "%zu %zu", added, again);
    CHECK(kql_member(&bag, SPAN_LITERAL("key 4999")).i == 4999, "the last key");
}

int
main(void)
{
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 16 * 1024 * 1024);
    pool.escape = &escape;
    if (setjmp(escape) != 0) {
        CHECK(false, "the pool was spent");
        return test_end();
    }
    test_rows(&pool);
    test_depth(&pool);
    test_members(&pool);
    test_large_bag(&pool);
    pool_free(&pool);
    return test_end();
}
