/* hunt_external_test.c - lists from a server beside a workspace's tables: every engine gives the same, the table's side runs in
 * DuckDB, each list is asked for once a query, and nothing without a policy. */
#include "kql/geo_source.h"
#include "wire/http_server.h"
#include "workspace/hunt_bed.h"
#include <netinet/in.h>

static struct workspace *w;
static _Atomic unsigned asked;
static uint16_t port;

/* ---- the server ---- */

static void
answer(void *app, const struct http_request *r, void **state, struct http_reply *reply)
{
    size_t size = 0;
    FILE *out;

    (void)app;
    *state = NULL;
    asked++;
    if (strcmp(r->path, "/l/names.csv") == 0) {
        http_reply_text(reply, 200, "name,rank\nann,1\nBob,2\n\"o'hara\",\n");
    } else if (strcmp(r->path, "/l/typed.json") == 0) {
        http_reply_text(reply, 200,
                        "{\"name\":\"ann\",\"port\":22,\"when\":\"2026-03-01T10:00:00Z\",\"more\":"
                        "{\"a\":[1,\"x'y\"]}}\n{\"name\":\"zed\"}");
    } else if (strcmp(r->path, "/l/many.txt") == 0) {
        out = open_memstream(&reply->body, &size);
        for (int i = 0; i < 30000; i++)
            fprintf(out, "name-%d\n", i);
        fputs("ann\n", out);
        fclose(out);
        reply->body_size = size;
        reply->status = 200;
    } else {
        http_reply_error(reply, 404, "None", "none");
    }
}

static void
gone(void *app, void *state)
{
    (void)app;
    (void)state;
}

static const struct http_handler handler = {NULL, answer, NULL, NULL, gone};

static const struct http_handler *
route(void *app, const struct http_request *r)
{
    (void)app;
    (void)r;
    return &handler;
}

/* ---- queries ---- */

/* 'NAMES', 'TYPED' and 'MANY' are the lists. */
static const char *
with_lists(const char *query)
{
    static const struct {
        const char *word, *columns, *path, *options;
    } lists[] = {
        {"NAMES", "name: string, rank: long",                               "names.csv",  " with (ignoreFirstRecord=true)"},
        {"TYPED", "more: dynamic, port: int, when: datetime, name: string", "typed.json", ""                              },
        {"MANY",  "name: string",                                           "many.txt",   ""                              },
    };
    static char text[8192];
    size_t n = 0;

    while (*query != '\0') {
        size_t i = 0;

        while (i < COUNT_OF(lists) && strncmp(query, lists[i].word, strlen(lists[i].word)) != 0)
            i++;
        if (i == COUNT_OF(lists)) {
            text[n++] = *query++;
            continue;
        }
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "(externaldata(%s)['http://127.0.0.1:%u/l/%s']%s)", lists[i].columns,
                              port, lists[i].path, lists[i].options);
        query += strlen(lists[i].word);
    }
    text[n] = '\0';
    return text;
}

static struct hunt_request
request(const char *query, const struct fetch_policy *policy, enum hunt_engine engine)
{
    static const char *const tenants[] = {ONE};

    return (struct hunt_request){.text = span_of(query),
                                 .tenants = tenants,
                                 .tenant_count = 1,
                                 .engine = engine,
                                 .from = INT64_MIN,
                                 .to = INT64_MAX,
                                 .now = clock_ticks(),
                                 .external = policy,
                                 .external_remedy = "Ask Bob",
                                 .explains = true};
}

static const struct {
    const char *name, *query, *answer;
    const char *in_duckdb; /* what the best plan has; NULL: not looked at */
    unsigned asked;
} cases[] = {
    {"alone",                 "NAMES | sort by name asc",                                                      "Bob|2;ann|1;o'hara|~;",                              "rows  sort",        1},
    {"in",                    "let n = NAMES; DeviceEvents | where DeviceName in (n) | summarize c = count()", "2;",
     "duckdb  summarize",                                                                                                                                                                 1},
    {"in~ of many",           "let n = MANY; DeviceEvents | where DeviceName in~ (n) | summarize c = count()",
     "1;",                                                                                                                                                           "duckdb  summarize", 1},
    {"!in",
     "let n = NAMES | where rank == 1; DeviceEvents | where DeviceName !in (n) | project "
     "DeviceName",                                                                                             "Bob;",                                               "duckdb  project",   1},
    {"has_any",               "let n = NAMES; DeviceEvents | where DeviceName has_any (n) | count",            "2;",
     "duckdb  count",                                                                                                                                                                     1},
    {"join",
     "DeviceEvents | join kind=inner NAMES on $left.DeviceName == $right.name | summarize s = "
     "sum(rank)",                                                                                              "3;",                                                 "duckdb  join",      1},
    {"join with its default",
     "NAMES | join DeviceEvents on $left.name == $right.DeviceName | summarize c = count()",                   "2;",
     "duckdb  join",                                                                                                                                                                      1},
    {"lookup",
     "DeviceLogons | lookup kind=leftouter NAMES on $left.DeviceName == $right.name | project "
     "DeviceName, rank",                                                                                       "ann|1;",                                             "duckdb",            1},
    {"join with many",
     "DeviceEvents | where DeviceName != 'x' | join kind=inner MANY on $left.DeviceName == "
     "$right.name | count",                                                                                    "1;",                                                 "duckdb  where",     1},
    {"typed values",
     "TYPED | join kind=leftouter DeviceLogons on $left.port == $right.Port | project name, when, "
     "x = tostring(more.a[1]), AccountName | sort by name asc",                                                "ann|2026-03-01T10:00:00.0000000Z|x'y|root;zed|~||;", NULL,                1},
    {"union",
     "let n = NAMES; union (n | project name), (DeviceEvents | project name = DeviceName) | "
     "summarize c = dcount(name)",                                                                             "3;",                                                 "duckdb",            1},
    {"several times",
     "let n = NAMES; DeviceEvents | where DeviceName in (n) | join kind=inner n on "
     "$left.DeviceName == $right.name | join kind=leftsemi n on name | count",                                 "2;",                                                 "duckdb  count",     1},
    {"materialized",
     "let n = materialize(NAMES | where rank > 0); DeviceEvents | where DeviceName in (n) | join "
     "kind=inner n on $left.DeviceName == $right.name | count",                                                "2;",                                                 NULL,                1},
    {"two lists",
     "DeviceEvents | where DeviceName in (NAMES) and DeviceName !in (MANY) | project DeviceName",              "Bob;",                                               "duckdb  project",   2},
    {"toscalar",
     "DeviceEvents | where strlen(DeviceName) == toscalar(NAMES | summarize max(rank)) + 1 | count",           "2;",                                                 "duckdb  count",     1},
    {"a plugin's columns",
     "TYPED | where isnotnull(more) | evaluate bag_unpack(more) | project name, a = tostring(a)",              "ann|[1,\"x'y\"];",                                   NULL,                1},
    {"several answers",       "let n = NAMES; n | count; DeviceEvents | where DeviceName in (n) | count",
     "3;#2;",                                                                                                                                                        NULL,                1},
};

static void
test_engines(const struct fetch_policy *policy)
{
    for (size_t i = 0; i < 3 * COUNT_OF(cases); i++) {
        size_t k = i / 3;
        enum hunt_engine engine = (enum hunt_engine)(i % 3);
        struct hunt_request r = request(with_lists(cases[k].query), policy, engine);
        struct hunt h;
        struct err err = {""};
        char text[4096] = "";
        enum status st;

        asked = 0;
        st = hunt_run(w, &r, &h, &err);
        if (st == ST_OK)
            bed_print(&h, text, sizeof text);
        CHECK(st == ST_OK && strcmp(text, cases[k].answer) == 0, "%s, engine %d: '%s' %s",
              cases[k].name, (int)engine, text, err.text);
        CHECK(asked == cases[k].asked, "%s, engine %d: asked %u times", cases[k].name, (int)engine,
              asked);
        CHECK(h.rejected.text[0] == '\0', "%s: %s", cases[k].name, h.rejected.text);
        if (engine == HUNT_BEST && cases[k].in_duckdb != NULL)
            CHECK(strncmp(h.explanation.p, cases[k].in_duckdb, strlen(cases[k].in_duckdb)) == 0 ||
                      memmem(h.explanation.p, h.explanation.n, cases[k].in_duckdb,
                             strlen(cases[k].in_duckdb)) != NULL,
                  "%s: %.*s", cases[k].name, (int)h.explanation.n, h.explanation.p);
        hunt_end(&h);
    }
}

static void
check_end(const char *name, const struct hunt_request *r, enum hunt_outcome outcome,
          const char *says)
{
    struct hunt h;
    struct err err = {""};
    enum status st = hunt_run(w, r, &h, &err);

    CHECK(st != ST_OK && h.outcome == outcome && strstr(err.text, says) != NULL,
          "%s: %d, outcome %d: %s", name, st, (int)h.outcome, err.text);
    hunt_end(&h);
}

static void
test_ends(const struct fetch_policy *policy)
{
    static const char *const queries[] = {
        "NAMES",
        "DeviceEvents | where DeviceName in (NAMES) | count",
        "DeviceEvents | join kind=inner NAMES on $left.DeviceName == $right.name | count",
        "TYPED | evaluate bag_unpack(more)",
    };
    struct fetch_policy small = *policy;
    _Atomic bool cancelled = true;
    struct hunt_request r;

    small.size_max = 10;
    for (size_t i = 0; i < COUNT_OF(queries); i++) {
        const char *query = with_lists(queries[i]);
        struct hunt h;
        struct err err = {""};

        asked = 0;
        r = request(query, NULL, HUNT_BEST);
        check_end("nothing is allowed", &r, HUNT_FAILED, "not allowed. Ask Bob");
        CHECK(asked == 0, "%s: asked %u times", query, asked);
        r.only_checks = true;
        CHECK(hunt_run(w, &r, &h, &err) == ST_OK && asked == 0, "%s: only checked: %s", query,
              err.text);
        hunt_end(&h);
        r = request(query, &small, HUNT_BEST);
        check_end("too large", &r, HUNT_SPENT, "more than the 10 bytes");
        r = request(query, policy, HUNT_BEST);
        r.cancelled = &cancelled;
        check_end("cancelled", &r, HUNT_CANCELLED, "cancelled");
        r.cancelled = NULL;
        r.limits.memory_max = 1 << 10;
        check_end("memory", &r, HUNT_SPENT, "memory");
    }
}

/* ---- the other thing from outside: places of addresses ---- */

static _Atomic unsigned finds, closes;

static bool
find_place(void *context, const struct sockaddr *address, struct pool *p, struct kql_geo_place *out)
{
    const struct sockaddr_in *a = (const struct sockaddr_in *)address;
    uint32_t last = ntohl(a->sin_addr.s_addr) & 255;

    finds++;
    out->country = pool_printf(p, "%s-%u", (const char *)context, last);
    return address->sa_family == AF_INET && last != 80;
}

static void
close_places(void *context)
{
    (void)context;
    closes++;
}

static void
test_places(void)
{
    static char name[] = "land", other[] = "other";
    const struct kql_geo_source s = {find_place, close_places, name},
                                t = {find_place, close_places, other};
    const char *query =
        "DeviceEvents | extend g = geo_info_from_ip_address(strcat('10.0.0.', Port)) "
        "| summarize c = count() by x = tostring(g.country) | sort by x asc";
    struct hunt_request r = request(query, NULL, HUNT_BEST);
    struct err err = {""};

    check_end("no database", &r, HUNT_FAILED, "hunting.geoDatabase");
    CHECK(kql_geo_use(&s, &err) == ST_OK, "%s", err.text);
    for (int engine = HUNT_BEST; engine <= HUNT_ROWS_ONLY; engine++) {
        struct hunt h;
        char text[200] = "";

        r = request(query, NULL, (enum hunt_engine)engine);
        if (hunt_run(w, &r, &h, &err) == ST_OK)
            bed_print(&h, text, sizeof text);
        CHECK(strcmp(text, "|1;land-1|1;") == 0 && h.rejected.text[0] == '\0',
              "engine %d: '%s' %s%s", engine, text, err.text, h.rejected.text);
        CHECK(engine == HUNT_ROWS_ONLY || strncmp(h.explanation.p, "duckdb  sort", 12) == 0, "%.*s",
              (int)h.explanation.n, h.explanation.p);
        hunt_end(&h);
    }
    CHECK(finds == 6, "%u lookups of two rows, three times", finds);
    CHECK(kql_geo_use(&t, &err) == ST_OK && closes == 1, "closed %u times", closes);
    CHECK(kql_geo_use(NULL, &err) == ST_OK && closes == 2, "closed %u times", closes);
}

int
main(void)
{
    struct http_server_options o = {.address = "127.0.0.1"};
    struct http_server *server;
    struct err err = {""};
    char prefix[60];
    const char *const prefixes[] = {prefix};
    const struct fetch_policy policy = {
        .prefixes = prefixes, .prefix_count = 1, .time_ms_max = 20000, .size_max = 1 << 20};

    w = bed_open_with(&bed_catalog);
    bed_write(w, ONE, "DeviceEvents",
              "{\"Timestamp\":\"2026-03-01T10:00:00Z\",\"DeviceName\":\"ann\",\"Port\":80}\n"
              "{\"Timestamp\":\"2026-03-02T10:00:00Z\",\"DeviceName\":\"Bob\",\"Port\":1}\n",
              2);
    bed_write(w, TWO, "DeviceEvents",
              "{\"Timestamp\":\"2026-03-03T10:00:00Z\",\"DeviceName\":\"ann\",\"Port\":1}\n", 1);
    bed_write(w, ONE, "DeviceLogons",
              "{\"Timestamp\":\"2026-03-01T11:00:00Z\",\"AccountName\":\"root\",\"DeviceName\":"
              "\"ann\",\"Port\":22}\n",
              1);
    if (http_server_start(&o, route, NULL, &server, &err) != ST_OK)
        exit(1);
    port = http_server_port(server);
    snprintf(prefix, sizeof prefix, "http://127.0.0.1:%u/l/", port);
    test_engines(&policy);
    test_ends(&policy);
    test_places();
    http_server_stop(server, 1000);
    workspace_close(w);
    bed_remove();
    return test_end();
}
