/* user_agent_thread_test.c - the rules as the documentation's examples and uap-core's specification
 * have them; the list finds what trying every expression finds; threads may ask at once. */
#include "kql/function_play.h"
#include "kql/regex_list.h"
#include "kql/user_agent.h"
#include <pthread.h>

#define NOKIA                                                                                      \
    "Mozilla/5.0 (SymbianOS/9.2; U; Series60/3.1 NokiaN81-3/10.0.032 Profile/MIDP-2.0 "            \
    "Configuration/CLDC-1.1 ) AppleWebKit/413 (KHTML, like Gecko) Safari/4"
#define AIR "Mozilla/5.0 (Windows; U; en-US) AppleWebKit/531.9 (KHTML, like Gecko) AdobeAIR/2.5.1"
#define PHONE                                                                                      \
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "            \
    "Chrome/124.0.6367.82 Mobile Safari/537.36"
#define OTHER_BROWSER                                                                              \
    "\"Browser\":{\"Family\":\"Other\",\"MajorVersion\":\"\",\"MinorVersion\":\"\",\"Patch\":"     \
    "\"\"}"
#define OTHER_OS                                                                                   \
    "\"OperatingSystem\":{\"Family\":\"Other\",\"MajorVersion\":\"\",\"MinorVersion\":\"\","       \
    "\"Patch\":\"\",\"PatchMinor\":\"\"}"
#define OTHER_DEVICE "\"Device\":{\"Family\":\"Other\",\"Brand\":\"\",\"Model\":\"\"}"

/* clang-format off */
static const struct play_case cases[] = {
    {"parse_user_agent", {"s" AIR, "sbrowser"},
     "d{\"Browser\":{\"Family\":\"AdobeAIR\",\"MajorVersion\":\"2\",\"MinorVersion\":\"5\",\"Patch\":\"1\"}}"},
    {"parse_user_agent", {"s" NOKIA, "d[\"browser\",\"os\",\"device\"]"},
     "d{\"Browser\":{\"Family\":\"Nokia OSS Browser\",\"MajorVersion\":\"3\",\"MinorVersion\":\"1\",\"Patch\":\"\"},"
     "\"OperatingSystem\":{\"Family\":\"Symbian OS\",\"MajorVersion\":\"9\",\"MinorVersion\":\"2\",\"Patch\":\"\",\"PatchMinor\":\"\"},"
     "\"Device\":{\"Family\":\"Nokia N81\",\"Brand\":\"Nokia\",\"Model\":\"N81-3\"}}"},
    {"parse_user_agent", {"s" PHONE, "d[\"device\",\"os\"]"},
     "d{\"OperatingSystem\":{\"Family\":\"Android\",\"MajorVersion\":\"14\",\"MinorVersion\":\"\",\"Patch\":\"\",\"PatchMinor\":\"\"},"
     "\"Device\":{\"Family\":\"Samsung SM-S918B\",\"Brand\":\"Samsung\",\"Model\":\"SM-S918B\"}}"},
    {"parse_user_agent", {"s", "sbrowser"}, "d{" OTHER_BROWSER "}"},
    {"parse_user_agent", {"s-"}, "d{" OTHER_BROWSER "," OTHER_OS "," OTHER_DEVICE "}"},
    {"parse_user_agent", {"s" AIR, "d[\"os\",\"os\"]"},
     "d{\"OperatingSystem\":{\"Family\":\"Windows\",\"MajorVersion\":\"\",\"MinorVersion\":\"\",\"Patch\":\"\",\"PatchMinor\":\"\"}}"},
};
/* clang-format on */

/* kind, name, fields with bars between */
static const struct {
    enum user_agent_kind kind;
    const char *name, *fields;
} rows[] = {
    {USER_AGENT_BROWSER, "curl/8.5.0",                                                                    "curl|8|5|0"                                                       },
    {USER_AGENT_BROWSER, "python-requests/2.31.0",                                                        "Python Requests|2|31|"                                            },
    {USER_AGENT_BROWSER,
     "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/124.0.0.0 Safari/537.36 Edg/124.0.2478.67",                                                  "Edge|124|0|2478"                                                  },
    {USER_AGENT_BROWSER,
     "Mozilla/5.0 (Windows; Windows NT 5.1; rv:2.0b3pre) Gecko/20100727 Minefield/4.0.1pre",              "Firefox (Minefield)|4|0|1pre"                                     },
    {USER_AGENT_OS,      "Mozilla/5.0 (Windows; U; Win95; en-US; rv:1.1) Gecko/20020826",
     "Windows|95|||"                                                                                                                                                         },
    {USER_AGENT_OS,      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15",
     "iOS|17|4|1|"                                                                                                                                                           },
    {USER_AGENT_DEVICE,  "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
     "Spider|Spider|Desktop"                                                                                                                                                 },
    {USER_AGENT_DEVICE,  "Mozilla/5.0 (Linux; Android 4.2; PEDI_PLUS_W Build/JDQ39) Safari",
     "Odys PEDI PLUS W|Odys|PEDI PLUS W"                                                                                                                                     },
    {USER_AGENT_DEVICE,
     "Mozilla/5.0 (Linux; Android 9; \xd0\xa2\xd0\xb5\xd0\xbb Build/X) Mobile Safari",                    "\xd0\xa2\xd0\xb5\xd0\xbb|Generic_Android|\xd0\xa2\xd0\xb5\xd0\xbb"},
};

static const char *
read_row(struct pool *p, enum user_agent_kind kind, struct span name)
{
    struct span fields[USER_AGENT_FIELDS_MAX];
    const char *out = "";

    user_agent_read(p, kind, name, fields);
    for (uint32_t i = 0; i < user_agent_field_count(kind); i++)
        out = pool_printf(p, "%s%s%.*s", out, i > 0 ? "|" : "", (int)fields[i].n, fields[i].p).p;
    return out;
}

static void
check_rows(struct pool *p, const char *when)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *got = read_row(p, rows[i].kind, span_of(rows[i].name));

        CHECK(strcmp(got, rows[i].fields) == 0, "%s, %s: %s", rows[i].name, when, got);
    }
}

/* More names than are remembered, in between and again. */
static void
test_memory(struct pool *p)
{
    check_rows(p, "first");
    check_rows(p, "remembered");
    for (int i = 0; i < 3 * USER_AGENT_KEPT; i++) {
        struct span name = pool_printf(p, "curl/%d.%d", i, i + 1);
        const char *want = pool_printf(p, "curl|%d|%d|", i, i + 1).p;
        const char *got = read_row(p, USER_AGENT_BROWSER, name);

        if (strcmp(got, want) != 0)
            CHECK(false, "%s: %s", name.p, got);
    }
    check_rows(p, "after others");
}

static void
test_long(struct pool *p)
{
    char *text = pool_take(p, 3 * USER_AGENT_TEXT_MAX);
    struct span name = {text, 3 * USER_AGENT_TEXT_MAX};

    memset(text, ' ', name.n);
    memcpy(text, "curl/7.1", 8);
    CHECK(strcmp(read_row(p, USER_AGENT_BROWSER, name), "curl|7|1|") == 0, "a long name");
    memset(text, ' ', 8);
    memcpy(text + USER_AGENT_TEXT_MAX, "curl/7.1", 8);
    CHECK(strcmp(read_row(p, USER_AGENT_BROWSER, name), "Other|||") == 0,
          "behind what is looked at");
    /* a letter of two bytes lies across the end of what is looked at */
    memcpy(text, "Mozilla/5.0 (Linux; Android 9; ", 31);
    for (size_t i = 31; i + 2 <= name.n; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    CHECK(strcmp(read_row(p, USER_AGENT_OS, name), "Android|9|||") == 0, "cut within a character");
}

static void
test_prepare(struct pool *p)
{
    const struct kql_function *f = kql_function_find(SPAN_LITERAL("parse_user_agent"), KQL_SCALAR);
    static const struct {
        const char *look_for;
        bool is_fine;
    } wanted[] = {
        {"\"os\"",               true },
        {"[\"os\",\"browser\"]", true },
        {"\"Os\"",               false},
        {"[\"os\",\"engine\"]",  false},
        {"[]",                   false},
    };

    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        struct kql_value v = kql_parse_json(p, span_of(wanted[i].look_for));
        const struct kql_value *constants[] = {NULL, &v};
        struct err err = {""};

        CHECK(f->prepare(p, constants, 2, &err) == NULL &&
                  (err.text[0] == '\0') == wanted[i].is_fine,
              "%s: %s", wanted[i].look_for, err.text);
    }
}

/* What only the rows know, and is nothing to look for. */
static void
test_unknown(void)
{
    static const char *const unknown[] = {"sengine", "d[\"os\",1]", "d[]", "d{\"os\":1}"};

    for (size_t i = 0; i < COUNT_OF(unknown); i++) {
        const char *const arguments[8] = {"s" AIR, unknown[i]};
        const char *got = play_call("parse_user_agent", KQL_SCALAR, arguments, false);

        CHECK(strcmp(got, "nd") == 0, "%s: %s", unknown[i], got);
    }
}

static void
test_list_refuses(void)
{
    static const struct {
        const char *name;
        struct kql_regex_item item;
        const char *text;
    } bad[] = {
        {"look-ahead",           {"a(?=b)", false},                           "RE2 does not compile it"},
        {"letters beyond ASCII", {"\xc3\xa9t\xc3\xa9", true},                 "not ASCII's"            },
        {"groups",               {"()()()()()()()()()()()()()()()()", false}, "too many groups"        },
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct err err = {""};
        struct kql_regex_list *list = kql_regex_list_new(&bad[i].item, 1, &err);

        CHECK(list == NULL && strstr(err.text, bad[i].text) != NULL, "%s: %s", bad[i].name,
              err.text);
        kql_regex_list_free(list);
    }
}

/* What needs no literal, short literals, any case, bytes that are no characters. */
static void
test_list(void)
{
    static const struct kql_regex_item items[] = {
        {"(x+)y",           false},
        {"foo(ba[rz])?",    false},
        {"K(elv)in",        true },
        {"\xc3\xa9t(.)(.)", false},
        {"(..)$",           false},
    };
    static const struct {
        const char *text;
        int32_t index;
        const char *group;
    } wanted[] = {
        {"a xxy foo",          0,  "xx" },
        {"a foobaz",           1,  "baz"},
        {"FOO kELVIN",         2,  "ELV"},
        {"\xc3\xa9t\xc3\xa9s", 3,  ""   }, /* a byte of a letter alone is none */
        {"\xc3\x89tab",        4,  "ab" },
        {"",                   -1, NULL },
        {"a",                  -1, NULL },
    };
    struct err err = {""};
    struct kql_regex_list *list = kql_regex_list_new(items, COUNT_OF(items), &err);

    CHECK(list != NULL, "%s", err.text);
    for (size_t i = 0; list != NULL && i < COUNT_OF(wanted); i++) {
        struct span groups[4], plain[4];
        int32_t got = kql_regex_list_first(list, span_of(wanted[i].text), groups, 4);

        CHECK(got == wanted[i].index &&
                  (got < 0 || (span_is(groups[1], wanted[i].group) && groups[3].p == NULL)),
              "'%s': %d", wanted[i].text, got);
        CHECK(kql_regex_list_first_plain(list, span_of(wanted[i].text), plain, 4) == got &&
                  (got < 0 || memcmp(groups, plain, sizeof plain) == 0),
              "'%s': the same without a filter", wanted[i].text);
    }
    kql_regex_list_free(list);
}

static void *
ask(void *is_right)
{
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 1 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        return NULL;
    *(bool *)is_right = true;
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            if (strcmp(read_row(&pool, rows[i].kind, span_of(rows[i].name)), rows[i].fields) != 0)
                *(bool *)is_right = false;
    pool_free(&pool);
    return NULL;
}

/* The first to ask compile the rules: all at once. */
static void
test_threads(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    bool is_right[THREADS] = {false};

    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, ask, &is_right[i]) == 0, "a thread");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        CHECK(is_right[i], "thread %d", i);
    }
}

int
main(void)
{
    test_threads();
    pool_init(&play_pool, 4 << 20);
    play_pool.escape = &play_escape;
    test_memory(&play_pool);
    test_long(&play_pool);
    test_prepare(&play_pool);
    test_unknown();
    pool_free(&play_pool);
    test_list_refuses();
    test_list();
    play_all(cases, COUNT_OF(cases), KQL_SCALAR);
    return test_end();
}
