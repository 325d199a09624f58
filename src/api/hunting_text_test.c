/* hunting_text_test.c - cells as JSON, strings that are none, and where a text ends that has a limit. */
#include "api/hunting.h"
#include "base/test.h"
#include <math.h>

#define S(text)                                                                                    \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
static const struct {
    struct span text;
    const char *json;
} quoted[] = {
    {S(""),                             "\"\""                                                },
    {S("plain"),                        "\"plain\""                                           },
    {S("a\"b\\c/d"),                    "\"a\\\"b\\\\c/d\""                                   },
    {S("\b\f\n\r\t"),                   "\"\\b\\f\\n\\r\\t\""                                 },
    {S("\0\x01\x1f"),                   "\"\\u0000\\u0001\\u001f\""                           },
    {S("\x7f"),                         "\"\x7f\""                                            },
    {S("h\xc3\xa9llo"),                 "\"h\xc3\xa9llo\""                                    },
    {S("\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xe2\x82\xac\xf0\x9f\x98\x80\""                    },
    {S("\xff"),                         "\"\xef\xbf\xbd\""                                    },
    {S("a\xc3"),                        "\"a\xef\xbf\xbd\""                                   },
    {S("\xc3(\xe2\x82"),                "\"\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\""           },
    {S("\xc0\x80"),                     "\"\xef\xbf\xbd\xef\xbf\xbd\""                        },
    {S("\xed\xa0\x80"),                 "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""            },
    {S("\xf4\x90\x80\x80"),             "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
};

static void
check_is(struct hunting_text *t, const char *want)
{
    CHECK(!t->is_spent && !t->is_over && t->n == strlen(want) && memcmp(t->p, want, t->n) == 0,
          "%.*s is not %s", (int)t->n, t->p, want);
    hunting_text_free(t);
}

static void
check_quoted(void)
{
    for (size_t i = 0; i < COUNT_OF(quoted); i++) {
        struct hunting_text t = {.limit = 0};

        hunting_put_quoted(&t, quoted[i].text);
        check_is(&t, quoted[i].json);
    }
}

static void
cell(struct kql_value v, const char *json, const char *text)
{
    struct hunting_text t = {.limit = 0};

    hunting_put_cell(&t, &v, HUNTING_DYNAMIC_JSON);
    check_is(&t, json);
    hunting_put_cell(&t, &v, HUNTING_DYNAMIC_TEXT);
    check_is(&t, text == NULL ? json : text);
}

static void
check_cells(void)
{
    struct kql_decimal decimal;
    struct kql_guid guid;
    struct kql_value items[] = {kql_integer(KQL_LONG, 1), kql_string(span_of("x\"")),
                                kql_null(KQL_DYNAMIC), kql_bool(false)};
    const struct kql_array array = {.count = 4, .items = items};
    const struct kql_value list = {.type = KQL_ARRAY, .array = &array};
    const struct kql_bag_entry entries[] = {
        {span_of("k\n"),            list     },
        { span_of("t"), kql_integer(KQL_TIMESPAN, 10000000)}
    };
    const struct kql_bag bag = {.count = 2, .entries = entries};
    const struct kql_array none = {.count = 0};

    CHECK(kql_read_decimal(span_of("12345678901234567890.125"), &decimal), "decimal");
    CHECK(kql_read_guid(span_of("74BE27DE-1e4e-49d9-b579-fe0b331d3642"), &guid), "guid");
    cell(kql_null(KQL_LONG), "null", NULL);
    cell(kql_null(KQL_DYNAMIC), "null", NULL);
    cell(kql_null(KQL_STRING), "\"\"", NULL);
    cell(kql_bool(true), "true", NULL);
    cell(kql_bool(false), "false", NULL);
    cell(kql_integer(KQL_INT, -5), "-5", NULL);
    cell(kql_integer(KQL_LONG, INT64_MAX), "9223372036854775807", NULL);
    cell(kql_integer(KQL_LONG, INT64_MIN), "-9223372036854775808", NULL);
    cell(kql_real(0.1), "0.1", NULL);
    cell(kql_real(1.0), "1.0", NULL);
    cell(kql_real((double)NAN), "\"NaN\"", NULL);
    cell(kql_real((double)INFINITY), "\"Infinity\"", NULL);
    cell(kql_real(-(double)INFINITY), "\"-Infinity\"", NULL);
    cell(kql_string(span_of("s")), "\"s\"", NULL);
    cell(kql_integer(KQL_DATETIME, 0), "\"0001-01-01T00:00:00.0000000Z\"", NULL);
    cell(kql_integer(KQL_DATETIME, KQL_DATETIME_MAX), "\"9999-12-31T23:59:59.9999999Z\"", NULL);
    cell(kql_integer(KQL_TIMESPAN, 50000000), "\"00:00:05\"", NULL);
    cell((struct kql_value){.type = KQL_DECIMAL, .decimal = &decimal},
         "\"12345678901234567890.125\"", NULL);
    cell((struct kql_value){.type = KQL_GUID, .guid = &guid},
         "\"74be27de-1e4e-49d9-b579-fe0b331d3642\"", NULL);
    cell(list, "[1,\"x\\\"\",null,false]", "\"[1,\\\"x\\\\\\\"\\\",null,false]\"");
    cell((struct kql_value){.type = KQL_BAG, .bag = &bag},
         "{\"k\\n\":[1,\"x\\\"\",null,false],\"t\":\"00:00:01\"}",
         "\"{\\\"k\\\\n\\\":[1,\\\"x\\\\\\\"\\\",null,false],\\\"t\\\":\\\"00:00:01\\\"}\"");
    cell((struct kql_value){.type = KQL_ARRAY, .array = &none}, "[]", "\"[]\"");
}

static void
check_limits(void)
{
    struct hunting_text t = {.limit = 10};

    hunting_put(&t, span_of("0123456789"));
    CHECK(!t.is_over && t.n == 10, "up to the limit");
    hunting_put(&t, span_of("x"));
    CHECK(t.is_over && t.n == 10, "beyond it nothing is taken");
    hunting_put(&t, span_of(""));
    hunting_text_cut(&t, 4);
    CHECK(!t.is_over, "cut back it goes on");
    hunting_put(&t, span_of("abc"));
    hunting_put(&t, span_of("too long"));
    CHECK(t.is_over && t.n == 7 && memcmp(t.p, "0123abc", 7) == 0, "what came before stays");
    hunting_text_free(&t);
    CHECK(t.p == NULL && t.n == 0, "freed");

    const struct kql_value items[] = {kql_string(span_of("a long text"))};
    const struct kql_array array = {.count = 1, .items = items};
    const struct kql_value list = {.type = KQL_ARRAY, .array = &array};

    t.limit = 8;
    hunting_put_cell(&t, &list, HUNTING_DYNAMIC_TEXT);
    CHECK(t.is_over, "a list as text knows the limit too");
    hunting_text_free(&t);
    for (int i = 0; i < 100000; i++)
        hunting_put(&t, span_of("0123456789"));
    hunting_printf(&t, "%s", "!");
    CHECK(t.n == 1000001 && t.p[999999] == '9' && t.p[1000000] == '!', "it grows");
    hunting_text_free(&t);
}

int
main(void)
{
    check_quoted();
    check_cells();
    check_limits();
    return test_end();
}
