/* azure_auth_test.c - signatures against the contract's vectors (_auth-vectors.json), and tokens
 * against an authority of our own. */
#include "base/test.h"
#include "wire/azure_auth.h"
#include "wire/http_server.h"

#define EMULATOR_KEY                                                                               \
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
#define CONTAINER "insights-logs-advancedhunting-deviceinfo"
#define BLOB                                                                                       \
    CONTAINER "/tenantId=7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef/y=2026/m=09/d=14/h=08/m=00/"         \
              "PT1H.json"
#define DATE "x-ms-date: Sat, 21 Nov 2026 18:34:07 GMT"
#define VERSION "x-ms-version: 2023-11-03"

static void
shared_key(void)
{
    static const struct {
        const char *what, *account, *url, *headers[6];
        uint64_t length;
        const char *text, *authorization;
    } cases[] = {
        {"create a container",
         "contosostore",     "https://contosostore.blob.core.windows.net/" CONTAINER "?restype=container",
         {VERSION, DATE},
         0,  "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sat, 21 Nov 2026 18:34:07 GMT\n"
         "x-ms-version:2023-11-03\n/contosostore/" CONTAINER "\nrestype:container",
         "SharedKey contosostore:UZjtpIS1VXOrCJ25xQ+qSKDSkGmBN70CbLk13IN7zvs="                                                                                                        },
        {"create an append blob",
         "contosostore",     "https://contosostore.blob.core.windows.net/" BLOB,
         {"Content-Type: application/octet-stream", "If-None-Match: *", VERSION,
          "x-ms-blob-type: AppendBlob", DATE},
         0,  "PUT\n\n\n\n\napplication/octet-stream\n\n\n\n*\n\n\nx-ms-blob-type:AppendBlob\n"
         "x-ms-date:Sat, 21 Nov 2026 18:34:07 GMT\nx-ms-version:2023-11-03\n/contosostore/" BLOB,
         "SharedKey contosostore:9JFCPn5pjOUsgl/MHslmMo/eWiYjKDf6m3uO6MFfN/E="                                                                                                        },
        {"append 41 bytes",
         "contosostore",     "https://contosostore.blob.core.windows.net/" BLOB "?comp=appendblock",
         {"Content-Type: application/octet-stream", "x-ms-blob-condition-appendpos: 0", VERSION,
          DATE},
         41, "PUT\n\n\n41\n\napplication/octet-stream\n\n\n\n\n\n\nx-ms-blob-condition-appendpos:0\n"
         "x-ms-date:Sat, 21 Nov 2026 18:34:07 GMT\nx-ms-version:2023-11-03\n/contosostore/" BLOB
         "\ncomp:appendblock",                                                                   "SharedKey contosostore:cU9C7IbfCLlP+01V1DanJ5MVcQYKoVlt3PRpfBy2vh8="    },
        {"the emulator's path style",
         "devstoreaccount1", "http://127.0.0.1:10000/devstoreaccount1/" CONTAINER "?restype=container",
         {VERSION, DATE},
         0,  "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sat, 21 Nov 2026 18:34:07 GMT\n"
         "x-ms-version:2023-11-03\n/devstoreaccount1/devstoreaccount1/" CONTAINER
         "\nrestype:container",                                                                   "SharedKey devstoreaccount1:khDyhfT8ZBIHEoCsh+6cdSeyeii7+oGlKafWWK2bQsY="},
        {"parameters are sorted, lower-case and decoded",
         "a",                "https://a/c?restype=container&Prefix=x%2Fy%3D&comp=list&comp=again&flag",
         {DATE},
         0,  "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sat, 21 Nov 2026 18:34:07 GMT\n/a/c\n"
         "comp:list,again\nflag:\nprefix:x/y=\nrestype:container",                                NULL                                                                     },
        {"no path",
         "a",                "https://a",
         {DATE},
         0,  "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Sat, 21 Nov 2026 18:34:07 GMT\n/a/",
         NULL                                                                                                                                                                         },
    };
    struct azure_key key;
    struct err err = {""};

    CHECK(azure_key_read(EMULATOR_KEY, &key, &err) == ST_OK && key.size == 64, "key: %s", err.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[4096], out[AZURE_AUTHORIZATION_SIZE] = "";
        enum status st =
            azure_shared_key_text(cases[i].account, "PUT", cases[i].url, cases[i].headers,
                                  cases[i].length, text, sizeof text, &err);

        CHECK(st == ST_OK && strcmp(text, cases[i].text) == 0, "%s: %d '%s'", cases[i].what, st,
              text);
        st = azure_shared_key(cases[i].account, &key, "PUT", cases[i].url, cases[i].headers,
                              cases[i].length, out, &err);
        CHECK(st == ST_OK &&
                  (cases[i].authorization == NULL || strcmp(out, cases[i].authorization) == 0),
              "%s: %d '%s'", cases[i].what, st, out);
    }
    static const char *const undated[] = {VERSION, NULL};
    char out[AZURE_AUTHORIZATION_SIZE], text[40];

    CHECK(azure_shared_key("a", &key, "PUT", "https://a/c", undated, 0, out, &err) == ST_INVALID,
          "without a date");
    static const char *const dated[] = {DATE, NULL};

    CHECK(azure_shared_key_text("a", "PUT", "https://a/c", dated, 0, text, sizeof text, &err) ==
              ST_INVALID,
          "too small a room");
}

static void
keys(void)
{
    static const struct {
        const char *what, *text;
        size_t size; /* 0: refused */
    } cases[] = {
        {"one byte",      "QQ==",    1},
        {"two",           "QUI=",    2},
        {"three",         "QUJD",    3},
        {"blanks around", " QUJD\n", 3},
        {"empty",         "",        0},
        {"not base64",    "Q*==",    0},
        {"cut",           "QUJ",     0},
        {"padding alone", "====",    0},
    };
    struct azure_key key;
    struct err err;
    char long_text[401];

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum status st = azure_key_read(cases[i].text, &key, &err);

        CHECK(cases[i].size == 0 ? st == ST_INVALID : st == ST_OK && key.size == cases[i].size,
              "%s: %d", cases[i].what, st);
    }
    memset(long_text, 'A', 400);
    long_text[400] = '\0';
    CHECK(azure_key_read(long_text, &key, &err) == ST_INVALID, "too long");
}

static void
hub_tokens(void)
{
    static const struct {
        const char *uri, *token;
    } cases[] = {
        {"sb://contoso-ns.servicebus.windows.net/xdr",
         "SharedAccessSignature sr=sb%3A%2F%2Fcontoso-ns.servicebus.windows.net%2Fxdr&"
         "sig=CbkQHZ9jzbwfncG4pRWr0EpIlGsAFzt6Rf2qeMfO0%2Fs%3D&se=1767225600&skn=send"},
        {"https://contoso-ns.servicebus.windows.net/xdr",
         "SharedAccessSignature sr=https%3A%2F%2Fcontoso-ns.servicebus.windows.net%2Fxdr&"
         "sig=kDbygHL613ebqpPEK0Q8qhKLY335IGos66uPgSYjMLk%3D&se=1767225600&skn=send"  },
    };
    char out[400];
    struct err err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        enum status st = azure_hub_token(cases[i].uri, "send",
                                         "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", 1767225600,
                                         out, sizeof out, &err);

        CHECK(st == ST_OK && strcmp(out, cases[i].token) == 0, "%s: '%s'", cases[i].uri, out);
    }
    CHECK(azure_hub_token("sb://x/y", "send", "k", 1, out, 60, &err) == ST_INVALID, "no room");
}

static void
texts(void)
{
    static const char connection[] =
        "Endpoint=sb://ns.servicebus.windows.net/; SharedAccessKeyName=send ;"
        "SharedAccessKey=abc+/=def==;EntityPath=xdr;;Bare;Last=";
    static const struct {
        const char *name, *value;
    } cases[] = {
        {"Endpoint",            "sb://ns.servicebus.windows.net/"},
        {"sharedaccesskeyname", "send"                           },
        {"SharedAccessKey",     "abc+/=def=="                    },
        {"EntityPath",          "xdr"                            },
        {"Last",                ""                               },
        {"Bare",                NULL                             },
        {"Entity",              NULL                             },
        {"",                    NULL                             },
    };
    char date[32], encoded[64];
    struct err err;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span value = azure_connection_value(connection, cases[i].name);

        CHECK(cases[i].value == NULL ? value.p == NULL
                                     : value.p != NULL && span_is(value, cases[i].value),
              "%s: '%.*s'", cases[i].name, (int)value.n, value.p == NULL ? "" : value.p);
    }
    CHECK(azure_connection_copy(connection, "SharedAccessKey", encoded, 11, &err) == ST_INVALID,
          "too small by one");
    CHECK(azure_connection_copy(connection, "SharedAccessKey", encoded, 12, &err) == ST_OK &&
              strcmp(encoded, "abc+/=def==") == 0,
          "just enough");
    azure_http_date(1795286047, date);
    CHECK(strcmp(date, "Sat, 21 Nov 2026 18:34:07 GMT") == 0, "%s", date);
    azure_http_date(0, date);
    CHECK(strcmp(date, "Thu, 01 Jan 1970 00:00:00 GMT") == 0, "%s", date);
    CHECK(azure_percent_encode(SPAN_LITERAL("a-._~/ \xc3\xa4"), encoded, sizeof encoded) &&
              strcmp(encoded, "a-._~%2F%20%C3%A4") == 0,
          "%s", encoded);
    CHECK(!azure_percent_encode(SPAN_LITERAL("///"), encoded, 9), "no room");
}

/* ---- an authority ---- */

static struct {
    unsigned status, requests;
    const char *answer;
    char path[128], body[512];
} authority;

static void
authority_begin(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    (void)app, (void)state, (void)reply;
    snprintf(authority.path, sizeof authority.path, "%s %s", r->method, r->path);
    authority.body[0] = '\0';
    authority.requests++;
}

static void
authority_data(void *app, const struct http_request *r, void *state, struct span bytes,
               struct http_reply *reply)
{
    size_t used = strlen(authority.body);

    (void)app, (void)r, (void)state, (void)reply;
    snprintf(authority.body + used, sizeof authority.body - used, "%.*s", (int)bytes.n, bytes.p);
}

static void
authority_end(void *app, const struct http_request *r, void *state, struct http_reply *reply)
{
    (void)app, (void)r, (void)state;
    http_reply_text(reply, authority.status, "%s", authority.answer);
}

static const struct http_handler authority_handler = {
    .begin = authority_begin, .data = authority_data, .end = authority_end};

static const struct http_handler *
authority_route(void *app, const struct http_request *r)
{
    (void)app, (void)r;
    return &authority_handler;
}

static void
tokens(void)
{
    static const struct http_server_options options = {.address = "127.0.0.1",
                                                       .connections_max = 8,
                                                       .idle_s_max = 30,
                                                       .head_size_max = 8192,
                                                       .read_size = 4096};
    /* in this order; times on the monotonic clock that is handed in */
    static const struct {
        const char *what;
        int64_t now_ms;
        unsigned status;
        const char *answer;
        unsigned asked;    /* requests so far, after the call */
        const char *token; /* NULL: ST_IO, and 'says' in the reason */
        const char *says;
        bool forget; /* before the call */
    } cases[] = {
        {"a wrong secret",              1000,    401,
         "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: Invalid client "
         "secret\\r\\nTrace\"}",                                                                         1,  NULL,    "AADSTS7000215", false},
        {"garbage",                     1000,    200, "<html>",                                          2,  NULL,    "no token",      false},
        {"no token in it",              1000,    200, "{\"expires_in\":3600}",                           3,  NULL,    "no token",      false},
        {"a header in the token",       1000,    200,
         "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}",                                       4,  NULL,    "no token",      false},
        {"no life",                     1000,    200, "{\"access_token\":\"a\",\"expires_in\":0}",       5,  NULL,    "no token",
         false                                                                                                                              },
        {"a token",                     1000,    200, "{\"access_token\":\"one\",\"expires_in\":1000}",  6,  "one",   NULL,
         false                                                                                                                              },
        {"kept",                        800000,  200, "{\"access_token\":\"two\",\"expires_in\":1000}",  6,  "one",   NULL,
         false                                                                                                                              },
        {"renewed with a fifth left",   801001,  200,
         "{\"access_token\":\"two\",\"expires_in\":\"1000\"}",                                           7,  "two",   NULL,            false},
        {"a renewal that fails",        1602000, 503, "busy",                                            8,  "two",   NULL,            false},
        {"is not repeated at once",     1603000, 503, "busy",                                            8,  "two",   NULL,            false},
        {"but after 30 s",              1632000, 503, "busy",                                            9,  "two",   NULL,            false},
        {"and it ends",                 1801001, 503, "busy",                                            10, NULL,    "503",           false},
        {"until the authority is back", 1801002, 200,
         "{\"access_token\":\"three\",\"expires_in\":1000}",                                             11, "three", NULL,            false},
        {"forgotten",                   1801003, 200, "{\"access_token\":\"four\",\"expires_in\":1000}", 12, "four",
         NULL,                                                                                                                         true },
    };
    struct http_server *server;
    struct azure_oauth *oauth;
    struct err err = {""};
    char url[64];

    if (http_server_start(&options, authority_route, NULL, &server, &err) != ST_OK) {
        CHECK(false, "authority: %s", err.text);
        return;
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", http_server_port(server));
    struct azure_oauth_options o = {.authority = url,
                                    .tenant = "contoso.example",
                                    .client_id = "app id",
                                    .client_secret = "p&ss=w/rd",
                                    .scope = "https://storage.azure.com/.default"};

    CHECK(azure_oauth_open(&o, &oauth, &err) == ST_OK, "open: %s", err.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *token = NULL;

        authority.status = cases[i].status;
        authority.answer = cases[i].answer;
        if (cases[i].forget)
            azure_oauth_forget(oauth);
        enum status st = azure_oauth_token(oauth, cases[i].now_ms, &token, NULL, &err);

        CHECK(authority.requests == cases[i].asked, "%s: %u requests", cases[i].what,
              authority.requests);
        if (cases[i].token != NULL)
            CHECK(st == ST_OK && strcmp(token, cases[i].token) == 0, "%s: %d %s", cases[i].what, st,
                  st == ST_OK ? token : err.text);
        else
            CHECK(st == ST_IO && strstr(err.text, cases[i].says) != NULL &&
                      strstr(err.text, "p&ss") == NULL && strpbrk(err.text, "\r\n") == NULL,
                  "%s: %d %s", cases[i].what, st, err.text);
    }
    CHECK(strcmp(authority.path, "POST /contoso.example/oauth2/v2.0/token") == 0, "%s",
          authority.path);
    CHECK(strcmp(authority.body,
                 "grant_type=client_credentials&client_id=app%20id&client_secret="
                 "p%26ss%3Dw%2Frd&scope=https%3A%2F%2Fstorage.azure.com%2F.default") == 0,
          "%s", authority.body);
    azure_oauth_close(oauth);
    http_server_stop(server, 1000);
    o.authority = "http://login.example.org";
    CHECK(azure_oauth_open(&o, &oauth, &err) == ST_INVALID && strstr(err.text, "https") != NULL,
          "in the clear: %s", err.text);
    o.authority = NULL;
    o.client_secret = NULL;
    CHECK(azure_oauth_open(&o, &oauth, &err) == ST_INVALID, "without a secret");
    azure_oauth_close(NULL);
}

int
main(void)
{
    shared_key();
    keys();
    hub_tokens();
    texts();
    tokens();
    return test_end();
}
