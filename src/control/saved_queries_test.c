/* saved_queries_test.c - saved queries and functions: what may be saved, whose they are, what a query
 * finds of them. */
#include "base/test.h"
#include "control/saved_queries.h"
#include "control/store.h"
#include "wire/json.h"
#include <stdlib.h>
#include <unistd.h>

#define A "aaaaaaaa-1111-4222-8333-444444444444"
#define B "bbbbbbbb-1111-4222-8333-444444444444"
#define W "cccccccc-1111-4222-8333-444444444444"
#define X "dddddddd-1111-4222-8333-444444444444"
#define NOW INT64_C(638000000000000000)

static char folder[] = "/tmp/penstock-saved-XXXXXX";
static struct store *store;
static struct control control;

static struct settings_reply
put_if(const char *tenant, const char *workspace, const char *name, const char *body,
       const char *if_match, const char *if_none_match)
{
    struct settings_reply reply;
    struct saved_put put = {.tenant = tenant,
                            .workspace = workspace,
                            .name = name,
                            .body = span_of(body),
                            .if_match = if_match,
                            .if_none_match = if_none_match,
                            .now = NOW};

    saved_queries_put(&control, &put, &reply);
    return reply;
}

static void
done(struct settings_reply *reply)
{
    free(reply->body);
    free(reply->details);
    reply->body = reply->details = NULL;
}

static void
check_put(void)
{
    static const char *const F = "{\"kind\":\"function\",\"query\":";
    static const struct {
        const char *what, *name, *body;
        unsigned status;
        const char *holds; /* of the error or its details; NULL: nothing */
    } rows[] = {
        {"a query",                    "q one",       "{\"query\":\"DeviceInfo | take 1\"}",                 201, NULL                        },
        {"again",                      "Q ONE",
         "{\"query\":\"DeviceInfo | take 2\",\"category\":\"c\",\"description\":\"d\"}",                     200, NULL                        },
        {"what was answered",          "q one",
         "{\"name\":\"q one\",\"kind\":\"query\",\"workspace\":\"\",\"query\":\"print "
         "1\",\"parameters\":\"\",\"etag\":\"x\"}",                                                          200, NULL                        },
        {"both shapes",                "both",
         "{\"query\":\"DeviceInfo | where Timestamp > ago(1d) and TimeGenerated > ago(1d)\"}",               201,
         NULL                                                                                                                                 },
        {"not built is a warning",     "later",
         "{\"query\":\"DeviceFileEvents | invoke FileProfile()\"}",                                          201, NULL                        },
        {"a query without parameters", "q",           "{\"query\":\"print 1\",\"parameters\":\"a:long\"}",
         400,                                                                                                     "declare query_parameters"  },
        {"no query",                   "q",           "{}",                                                  400, "query is missing"          },
        {"a wrong column",             "q",           "{\"query\":\"DeviceInfo\\n| where DeviceNam == 1\"}", 400,
         "query:2:9: no column"                                                                                                               },
        {"its details",                "q",           "{\"query\":\"DeviceInfo\\n| where DeviceNam == 1\"}", 400,
         "\"code\":\"KQL102\",\"target\":\"query\",\"line\":2,\"column\":9"                                                                   },
        {"another kind",               "q",           "{\"kind\":\"view\",\"query\":\"print 1\"}",           400,
         "query or function"                                                                                                                  },
        {"an unknown member",          "q",           "{\"qery\":\"print 1\"}",                              400, "did you mean 'query'"      },
        {"no object",                  "q",           "[]",                                                  400, "no JSON object"            },
        {"a member twice",             "q",           "{\"query\":\"print 1\",\"query\":\"print 2\"}",       400,
         "no JSON object"                                                                                                                     },
        {"another name",               "q",           "{\"name\":\"r\",\"query\":\"print 1\"}",              400, "that of the path"          },
        {"a slash",                    "a/b",         "{\"query\":\"print 1\"}",                             400, "a name is"                 },
        {"no UTF-8",                   "a\xff",       "{\"query\":\"print 1\"}",                             400, "a name is"                 },
        {"a number",                   "q",           "{\"query\":1}",                                       400, "must be a text"            },
        {"a name of a function",       "DeviceInfo",  "F\"print 1\"}",                                       400, "is a table"                },
        {"of the language",            "strlen",      "F\"print 1\"}",                                       400, "function of the language"  },
        {"no name of a function",      "my fn",       "F\"print 1\"}",                                       400, "letter or _"               },
        {"a function",                 "Plus",        "F\"a + b\",\"parameters\":\"a:long,\\n b:long=1\"}",  201, NULL                        },
        {"one that calls it",          "Twice",       "F\"Plus(a) + Plus(a)\",\"parameters\":\"a:long\"}",   201,
         NULL                                                                                                                                 },
        {"one with a table",           "FileProfile",
         "F\"t | extend Signer = ''\",\"parameters\":\"t:(*), c:string='SHA1', n:long=1000\"}",              201,
         NULL                                                                                                                                 },
        {"one that calls itself",      "Self",        "F\"Self()\"}",                                        400, "calls itself: Self -> Self"},
        {"by way of another",          "Plus",        "F\"Twice(a)\",\"parameters\":\"a:long, b:long=1\"}",  400,
         "Plus -> Twice -> Plus"                                                                                                              },
        {"a wrong column in one",      "Wrong",       "F\"DeviceInfo\\n\\n| where Nope > 1\"}",              400,
         "query:3:9: no column"                                                                                                               },
        {"wrong parameters",           "Wrong",       "F\"1\",\"parameters\":\"a:lng\"}",                    400, "parameters:1:3:"           },
        {"a brace too many",           "Wrong",       "F\"1 } let x = 2\"}",                                 400, "query:1:5:"                },
        {"no end",                     "Wrong",       "F\"let x = 1;\"}",                                    400, "InvalidQuery"              },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char body[1000], told[2000];
        struct settings_reply r;

        snprintf(body, sizeof body, "%s%s", rows[i].body[0] == 'F' ? F : "",
                 rows[i].body + (rows[i].body[0] == 'F'));
        r = put_if(A, "", rows[i].name, body, NULL, NULL);
        snprintf(told, sizeof told, "%s %s %s", r.code, r.err.text,
                 r.details == NULL ? "" : r.details);
        CHECK(r.status == rows[i].status && (r.body != NULL) == (r.status < 300),
              "%s: %u, not %u: %s", rows[i].what, r.status, rows[i].status, told);
        CHECK(rows[i].holds == NULL || strstr(told, rows[i].holds) != NULL, "%s: '%s' has no '%s'",
              rows[i].what, told, rows[i].holds);
        done(&r);
    }
}

static void
check_tags(void)
{
    const char *body = "{\"query\":\"print 1\"}";
    struct settings_reply r = put_if(A, W, "tagged", body, NULL, "*"), s;
    char old[40];

    CHECK(r.status == 201, "made: %u", r.status);
    memcpy(old, r.etag, sizeof old);
    done(&r);
    r = put_if(A, W, "tagged", body, NULL, "*");
    CHECK(r.status == 412, "made again: %u", r.status);
    done(&r);
    r = put_if(A, W, "tagged", body, old, NULL);
    CHECK(r.status == 200 && strcmp(r.etag, old) != 0, "with its etag: %u %s", r.status, r.etag);
    s = put_if(A, W, "tagged", body, old, NULL);
    CHECK(s.status == 412, "with an old one: %u", s.status);
    done(&s);
    saved_queries_delete(&control, A, W, "tagged", old, &s);
    CHECK(s.status == 412, "deleted with an old one: %u", s.status);
    saved_queries_delete(&control, A, W, "tagged", r.etag, &s);
    CHECK(s.status == 204 && s.has_changed, "deleted: %u", s.status);
    saved_queries_delete(&control, A, W, "tagged", NULL, &s);
    CHECK(s.status == 404, "deleted again: %u", s.status);
    done(&r);
}

/* What a tenant's query in a workspace finds. */
static const char *
found(const char *tenant, const char *workspace, const char *name)
{
    static char out[200];
    struct saved_functions f;
    struct span text, again;

    saved_functions_begin(&f, &control, tenant, workspace);
    snprintf(out, sizeof out, "nothing");
    if (saved_functions_find(&f, span_of(name), &text)) {
        snprintf(out, sizeof out, "%.*s", (int)text.n, text.p);
        CHECK(saved_functions_find(&f, span_of(name), &again) && again.p == text.p, "lent");
    }
    saved_functions_end(&f);
    return out;
}

static void
check_found(void)
{
    static const struct {
        const char *tenant, *workspace, *name, *text;
    } rows[] = {
        {A,    W,  "Fn",   "let Fn = (a:long,  b:long) {\nA in W\n}"},
        {A,    X,  "Fn",   "let Fn = () {\nA for all\n}"            },
        {A,    "", "Fn",   "let Fn = () {\nA for all\n}"            },
        {B,    W,  "Fn",   "let Fn = () {\nB in W\n}"               },
        {B,    X,  "Fn",   "nothing"                                },
        {A,    W,  "fn",   "nothing"                                },
        {A,    W,  "Q",    "nothing"                                },
        {A,    W,  "Nope", "nothing"                                },
        {NULL, W,  "Fn",   "nothing"                                },
        {NULL, X,  "Fn",   "let Fn = () {\nA for all\n}"            },
        {NULL, W,  "Only", "let Only = () {\nB alone\n}"            },
        {A,    W,  "Only", "nothing"                                },
    };
    /* past the check of the text */
    static const struct {
        const char *tenant, *workspace, *name, *body;
    } kept[] = {
        {A, W,  "Fn",
         "{\"kind\":\"function\",\"query\":\"strcat('A in W', a, b)\",\"parameters\":\"a:long,\\n "
         "b:long\"}"                                                       },
        {A, "", "Fn",   "{\"kind\":\"function\",\"query\":\"'A for all'\"}"},
        {B, W,  "Fn",   "{\"kind\":\"function\",\"query\":\"'B in W'\"}"   },
        {A, W,  "Q",    "{\"kind\":\"query\",\"query\":\"print 1\"}"       },
        {B, W,  "Only", "{\"kind\":\"function\",\"query\":\"'B alone'\"}"  },
    };

    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct settings_reply r =
            put_if(kept[i].tenant, kept[i].workspace, kept[i].name, kept[i].body, NULL, NULL);

        CHECK(r.status == 201, "%s: %u %s", kept[i].body, r.status, r.err.text);
        done(&r);
    }
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char plain[200] = "", *to = plain;

        for (const char *at = found(rows[i].tenant, rows[i].workspace, rows[i].name); *at != '\0';
             at++) /* the texts' quotes and strcat are not the point */
            if (*at != '\'')
                *to++ = *at;
        if (strstr(plain, "strcat") != NULL)
            snprintf(plain, sizeof plain, "let Fn = (a:long,  b:long) {\nA in W\n}");
        CHECK(strcmp(plain, rows[i].text) == 0, "row %zu: '%s', not '%s'", i, plain, rows[i].text);
    }
}

static size_t
listed(const char *tenant, const char *workspace, const char *kind)
{
    struct settings_reply r;
    json_t *tree;
    size_t count;

    saved_queries_list(&control, tenant, workspace, kind, &r);
    tree = json_loads(r.body == NULL ? "" : r.body, 0, NULL);
    count = json_array_size(json_object_get(tree, "value"));
    json_decref(tree);
    done(&r);
    return count;
}

static void
check_reading(void)
{
    struct settings_reply r;

    CHECK(listed(A, W, NULL) == 2 + listed(A, "", NULL), "of the workspace and for all");
    CHECK(listed(A, W, "function") == 5, "functions: %zu", listed(A, W, "function"));
    CHECK(listed(B, "", NULL) == 0, "another tenant's");
    saved_queries_get(&control, A, W, "fN", &r);
    CHECK(r.status == 200 && strstr(r.body, "strcat") != NULL, "its own: %u", r.status);
    done(&r);
    saved_queries_get(&control, A, X, "Fn", &r);
    CHECK(r.status == 200 && strstr(r.body, "for all") != NULL, "for all: %u", r.status);
    done(&r);
    saved_queries_get(&control, B, X, "Fn", &r);
    CHECK(r.status == 404, "another tenant's: %u", r.status);
    done(&r);
    saved_queries_get(&control, W, "", "Fn", &r);
    CHECK(r.status == 404 && strcmp(r.code, "TenantNotFound") == 0, "no tenant: %s", r.code);
    done(&r);
}

int
main(void)
{
    static const char *const tenants[] = {A, B};
    char path[100];
    struct err err = {""};

    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/store.db", folder);
    if (store_open(path, &store, &err) != ST_OK)
        return printf("%s\n", err.text), 1;
    for (size_t i = 0; i < COUNT_OF(tenants); i++) {
        struct store_tenant t = {.id = tenants[i], .name = "n", .is_active = true};

        CHECK(store_tenant_set(store, &t, NULL, &err) == ST_OK, "%s", err.text);
    }
    control = (struct control){.store = store, .catalog = &catalog_builtin};
    check_put();
    check_tags();
    check_found();
    check_reading();
    store_close(store);
    unlink(path);
    rmdir(folder);
    return test_end();
}
