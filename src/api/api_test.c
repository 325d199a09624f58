/* api_test.c - the whole interface over loopback, with the real parts behind it: journal,
 * admission, exports, settings. The rows are in api_cases.h. */
#include "api/api.h"
#include "base/clock.h"
#include "base/file.h"
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include "control/plan_build.h"
#include "control/secrets.h"
#include "control/store.h"
#include "control/tokens.h"
#include "deliver/deliver.h"
#include "source/device_groups_json.h"
#include "source/test_bed.h"
#include "wire/gzip.h"
#include "wire/http_client.h"

#include "api/api_cases.h"

static const char configuration[] = "tenants: [{id: " A ", name: a}, {id: " B ", name: b}]\n"
                                    "http: {tls: off, allowedOrigins: [https://editor.example]}\n"
                                    "limits: {body: 1MiB, record: 64KiB, depth: 32, columns: 100}\n"
                                    "catalog: {unknownTables: false}\n";

static struct world {
    char folder[64];
    struct config *config;
    struct control control;
    struct journal *journal;
    struct devices *devices;
    struct admitter *admitter;
    struct deliverer *deliverer;
    struct api api;
    struct http_server *server;
    uint64_t version;
    bool is_well;
    char tokens[WHO_COUNT][80];
} w;

static int64_t
world_now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

/* ---- the parts, wired as the program wires them */

static enum status
park_ingest(void *app, const char *tenant, const char *table, struct span raw, const char *reason,
            int64_t now, struct err *err)
{
    struct store_parked row = {.tenant = tenant,
                               .owner = STORE_PARKED_INGEST,
                               .category = table,
                               .count = 1,
                               .reason = reason,
                               .time = now,
                               .bytes = raw};

    (void)app;
    return store_park(w.control.store, &row, 1, err);
}

static enum status
park_export(void *app, const struct plan_route *route, const struct lane *lane, struct span body,
            uint32_t row_count, uint64_t position, uint32_t row, const char *reason,
            struct err *err)
{
    struct store_parked parked = {.tenant = lane->tenant,
                                  .owner = strchr(route->id, '/') + 1,
                                  .category = lane->category,
                                  .position = position,
                                  .row = row,
                                  .count = row_count,
                                  .reason = reason,
                                  .bytes = body};

    (void)app;
    return store_park(w.control.store, &parked, 1, err);
}

static enum status
plan_changed(void *app, struct err *err)
{
    struct plan *plan;
    enum status st = plan_build(&w.control, ++w.version, NULL, NULL, &plan, err);

    (void)app;
    if (st != ST_OK)
        return st;
    st = deliver_set_plan(w.deliverer, plan, true, err);
    plan_release(plan);
    return st;
}

static enum status
groups_changed(void *app, const char *tenant, struct err *err)
{
    char *json;
    enum status st = store_groups_get(w.control.store, tenant, &json, err);

    (void)app;
    if (st != ST_OK)
        return st;
    st = device_groups_apply(w.devices, tenant, span_of(json), err);
    free(json);
    return st;
}

static bool
is_well(void *app, char text[400])
{
    (void)app;
    snprintf(text, 400, "%s", w.is_well ? "" : "export " A "/x stands still");
    return w.is_well;
}

static char *
status_extra(void *app)
{
    (void)app;
    return strdup("\"sources\":[]");
}

static enum status
check_groups(void *app, struct span json, struct err *err)
{
    (void)app;
    return device_groups_validate(json, err);
}

static const char *
in_folder(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s/%s", w.folder, name);
    return path;
}

static void
open_data_path(void)
{
    struct journal_recovery found;
    struct journal_options jo = {.segment_size = 16 << 20, .size_max = 128 << 20, .now = world_now};
    struct admit_options ao = {
        .catalog = &catalog_builtin,
        .park = {NULL, park_ingest},
        .now = world_now,
        .memory_max = 64 << 20,
        .wait_ms_max = 10000,
        .record_size_max = w.config->limits.record_size_max,
        .depth_max = w.config->limits.depth_max,
        .columns_max = w.config->limits.columns_max
    };
    struct deliver_options dopt = {
        .park = {NULL, park_export},
          .now = world_now, .block_buffers = 4
    };
    struct err err;

    jo.folder = in_folder("journal");
    bed_must(journal_open(&jo, &w.journal, &found, &err), "journal", &err);
    bed_must(devices_make(10000, &w.devices, &err), "devices", &err);
    ao.journal = dopt.journal = w.journal;
    ao.devices = w.devices;
    bed_must(admitter_make(&ao, &w.admitter, &err), "admitter", &err);
    dopt.folder = in_folder("ledgers");
    bed_must(deliver_start(&dopt, &w.deliverer, &err), "deliverer", &err);
}

static void
open_control(void)
{
    static struct control_kinds kinds;
    char made[400];
    struct err err;

    kinds = test_kinds;
    kinds.check_groups = check_groups;
    bed_must(config_read_text(span_of(configuration), "t.yaml", w.folder, &kinds, &w.config, &err),
             "configuration", &err);
    w.control.config = w.config;
    w.control.catalog = &catalog_builtin;
    w.control.kinds = &kinds;
    bed_must(store_open(in_folder("store.db"), &w.control.store, &err), "store", &err);
    bed_must(secrets_open(in_folder("secret.key"), true, &w.control.secrets, &err), "secrets",
             &err);
    bed_must(control_prepare(&w.control, clock_ticks(), made, &err), "prepare", &err);
}

static void
token_make(enum who who, const char *tenant, unsigned roles, int64_t expires)
{
    struct token_request r = {tenant, roles, "test", 1, expires};
    char text[TOKEN_TEXT_SIZE];
    struct err err;

    bed_must(token_create(w.control.store, &r, text, &err), "token", &err);
    snprintf(w.tokens[who], sizeof w.tokens[who], "Bearer %s", text);
}

static void
make_tokens(void)
{
    struct store_tenant off = {.id = C, .name = "off", .is_active = true};
    char id[TOKEN_ID_SIZE];
    struct err err;

    token_make(INGEST_A, A, ROLE_INGEST, 0);
    token_make(READER_A, A, ROLE_SECURITY_READER, 0);
    token_make(ADMIN_A, A, ROLE_SECURITY_ADMINISTRATOR, 0);
    token_make(HUB_A, A, ROLE_HUB_READER, 0);
    token_make(INGEST_B, B, ROLE_INGEST, 0);
    token_make(ADMIN_B, B, ROLE_SECURITY_ADMINISTRATOR, 0);
    token_make(OPERATOR, "*", ROLE_OPERATOR, 0);
    token_make(FORWARDER, "*", ROLE_INGEST, 0);
    token_make(EXPIRED, A, ROLE_INGEST, clock_ticks() - 1);
    token_make(REVOKED, A, ROLE_INGEST, 0);
    CHECK(token_text_is(span_of(w.tokens[REVOKED] + 7), id), "not a token");
    bed_must(store_token_revoke(w.control.store, id, 2, &err), "revoke", &err);
    bed_must(store_tenant_set(w.control.store, &off, NULL, &err), "tenant", &err);
    token_make(SWITCHED_OFF, C, ROLE_INGEST, 0);
    off.is_active = false;
    bed_must(store_tenant_set(w.control.store, &off, NULL, &err), "tenant", &err);
    snprintf(w.tokens[MISTYPED], sizeof w.tokens[0], "%s", w.tokens[INGEST_A]);
    w.tokens[MISTYPED][20] = w.tokens[MISTYPED][20] == 'x' ? 'y' : 'x';
    snprintf(w.tokens[GARBAGE], sizeof w.tokens[0], "Bearer ' OR 1=1 --");
    snprintf(w.tokens[BASIC], sizeof w.tokens[0], "Basic dXNlcjpwYXNz");
    bed_must(tokens_open(w.control.store, &w.control.tokens, &err), "tokens", &err);
}

static void
world_open(void)
{
    struct http_server_options o = {.address = "127.0.0.1", .head_size_max = 8 << 10};
    struct err err;

    bed_folder_make(w.folder, "api");
    w.is_well = true;
    open_control();
    make_tokens();
    open_data_path();
    bed_must(plan_changed(NULL, &err), "plan", &err);
    w.api = (struct api){.admitter = w.admitter,
                         .devices = w.devices,
                         .journal = w.journal,
                         .deliverer = w.deliverer,
                         .now = world_now,
                         .version = "0.0.0",
                         .started = clock_ticks(),
                         .plan_changed = plan_changed,
                         .groups_changed = groups_changed,
                         .is_healthy = is_well,
                         .is_ready = is_well,
                         .status_extra = status_extra};
    atomic_init(&w.api.control, &w.control);
    bed_must(http_server_start(&o, api_route, &w.api, &w.server, &err), "server", &err);
}

static void
world_close(void)
{
    http_server_stop(w.server, 5000);
    deliver_stop(w.deliverer, 5000);
    admitter_free(w.admitter);
    devices_free(w.devices);
    journal_close(w.journal);
    tokens_close(w.control.tokens);
    secrets_close(w.control.secrets);
    store_close(w.control.store);
    config_free(w.config);
    bed_folder_remove(w.folder);
}

/* ---- bodies */

static char *
body_plain(const struct body *b, size_t *size)
{
    size_t unit = b->unit == NULL ? 0 : strlen(b->unit);
    size_t tail = b->tail == NULL ? 0 : strlen(b->tail);
    char *text = malloc(b->head_size + unit * b->times + tail + 1), *at = text;

    if (b->head_size > 0)
        memcpy(at, b->head, b->head_size);
    at += b->head_size;
    for (unsigned i = 0; i < b->times; i++, at += unit)
        memcpy(at, b->unit, unit);
    if (tail > 0)
        memcpy(at, b->tail, tail);
    *size = (size_t)(at - text) + tail;
    return text;
}

static char *
body_make(const struct body *b, size_t *size)
{
    char *plain = body_plain(b, size), *packed, *work;
    size_t room = gzip_bound(*size), packed_size = 0;
    struct err err;

    if (b->pack == PLAIN)
        return plain;
    packed = malloc(2 * room + 16);
    work = malloc(GZIP_WORK_SIZE);
    bed_must(gzip_pack((struct span){plain, *size}, work, packed, room, &packed_size, &err), "gzip",
             &err);
    switch (b->pack) {
    case GZIP_CUT:
        packed_size -= 3;
        break;
    case GZIP_DAMAGED:
        packed[packed_size - 6] ^= 0x55; /* in the checksum */
        break;
    case GZIP_TWICE:
        memcpy(packed + packed_size, packed, packed_size);
        packed_size *= 2;
        break;
    case GZIP_AND_MORE:
        memcpy(packed + packed_size, "more", 4);
        packed_size += 4;
        break;
    default:
        break;
    }
    free(work);
    free(plain);
    *size = packed_size;
    return packed;
}

/* ---- one row */

/* "Name: %300%" stands for a value of 300 letters. */
static const char *
header_value(const char *line)
{
    static char text[16 << 10];
    const char *mark = strchr(line, '%');
    size_t size, letters;

    if (mark == NULL)
        return line;
    letters = strtoul(mark + 1, NULL, 10);
    size = (size_t)snprintf(text, sizeof text, "%.*s", (int)(mark - line), line);
    memset(text + size, 'a', letters);
    text[size + letters] = '\0';
    return text;
}

static void
run(struct http_client *client, const struct test_case *t)
{
    char method[16], url[1000], lines[1000], authorization[120];
    const char *headers[8];
    size_t header_count = 0, size;
    char *body = body_make(&t->body, &size), *save = NULL;
    struct span piece = {body, size};
    struct http_exchange x = {.method = method, .url = url, .headers = headers};
    struct err err = {""};
    bool is_absent = t->has[0] == '!', is_there;
    const char *has = t->has + is_absent;
    enum status st;

    sscanf(t->what, "%15s", method);
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", http_server_port(w.server),
             strchr(t->what, ' ') + 1);
    snprintf(lines, sizeof lines, "%s", t->headers);
    for (char *line = strtok_r(lines, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save))
        headers[header_count++] = header_value(line);
    if (w.tokens[t->who][0] != '\0') {
        snprintf(authorization, sizeof authorization, "Authorization: %s", w.tokens[t->who]);
        headers[header_count++] = authorization;
    }
    headers[header_count] = NULL;
    if (size > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
        x.body = &piece;
        x.body_count = 1;
    }
    st = http_client_send(client, &x, &err);
    is_there = st == ST_OK && (has[0] == '\0' || strstr(x.response.p, has) != NULL ||
                               strstr(x.response_head.p, has) != NULL);
    CHECK(st == ST_OK && x.status == t->status && is_there != is_absent,
          "%s: %u, wanted %u with '%s': %s\n    %.*s", t->name, x.status, t->status, t->has,
          err.text, (int)(x.response.n < 600 ? x.response.n : 600),
          x.response.p == NULL ? "" : x.response.p);
    /* Whatever was refused is refused in the one shape that all clients read. */
    CHECK(x.status < 400 || strcmp(method, "HEAD") == 0 ||
              strncmp(x.response.p, "{\"error\":{\"code\":\"", 18) == 0 ||
              strstr(t->what, "/healthz") != NULL || strstr(t->what, "/readyz") != NULL,
          "%s: no error body: %.*s", t->name, (int)x.response.n, x.response.p);
    free(body);
}

/* What a destination refused is shown, sent again into the folder, and then gone. */
static void
test_resend(struct http_client *client)
{
    static const char row[] = ENVELOPE(A, "AdvancedHunting-DeviceInfo", P) "\r\n";
    struct store_parked parked = {.tenant = A,
                                  .owner = "local-archive",
                                  .category = "AdvancedHunting-DeviceInfo",
                                  .count = 1,
                                  .reason = "was refused",
                                  .time = clock_ticks(),
                                  .bytes = SPAN_LITERAL(row)};
    char show[100], resend[120], drop[100], *blob;
    struct err err;
    size_t size;
    enum status st;

    bed_must(store_park(w.control.store, &parked, 1, &err), "park", &err);
    snprintf(show, sizeof show, "GET " SET "/local-archive/parked/%ld", (long)parked.id);
    snprintf(resend, sizeof resend, "POST " SET "/local-archive/parked/%ld/resend",
             (long)parked.id);
    snprintf(drop, sizeof drop, "DELETE " SET "/local-archive/parked/%ld", (long)parked.id);
    const struct test_case rows[] = {
        {"what was refused is listed",     READER_A, "GET " SET "/local-archive/parked", "", NONE, 200,
         "was refused"                                                                                                     },
        {"with its bytes",                 READER_A, show,                               "", NONE, 200, "\\\"tenantId\\\":"},
        {"another export has not got it",  READER_A, "GET " SET "/local-hub/parked",     "", NONE, 200,
         "{\"value\":[]}"                                                                                                  },
        {"a reader may not send it",       READER_A, resend,                             "", NONE, 403, ""                 },
        {"another tenant may not, either", ADMIN_B,  resend,                             "", NONE, 404, ""                 },
        {"sent again",                     ADMIN_A,  resend,                             "", NONE, 200, "\"resent\":1"     },
        {"and gone",                       ADMIN_A,  drop,                               "", NONE, 404, "ParkedNotFound"   },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        run(client, &rows[i]);
    st = file_read(in_folder("storage/local/insights-logs-advancedhunting-deviceinfo/tenantId=" A
                             "/y=2026/m=01/d=01/h=00/m=00/PT1H.json"),
                   1 << 20, &blob, &size, &err);
    CHECK(st == ST_OK && size >= sizeof row - 1 && strstr(blob, "\"d9\"") != NULL, "blob: %s",
          st == ST_OK ? blob : err.text);
    if (st == ST_OK)
        free(blob);
}

/* Not well: said to probes; the reason only to this machine, which we are. */
static void
test_unwell(struct http_client *client)
{
    static const struct test_case rows[] = {
        {"not healthy",         NOBODY,   "GET /healthz",    "", NONE, 503, "stands still"     },
        {"asked to come again", NOBODY,   "GET /healthz",    "", NONE, 503, "Retry-After: 5"   },
        {"not ready",           NOBODY,   "GET /readyz",     "", NONE, 503, "not ready"        },
        {"the status says so",  OPERATOR, "GET /api/status", "", NONE, 200, "\"healthy\":false"},
    };

    w.is_well = false;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        run(client, &rows[i]);
    w.is_well = true;
}

static void
test_metrics_access(struct http_client *client)
{
    static const struct test_case rows[] = {
        {"metrics without a token",    NOBODY,   "GET /metrics", "", NONE, 401, "WWW-Authenticate"},
        {"metrics with a bad one",     GARBAGE,  "GET /metrics", "", NONE, 401, ""                },
        {"metrics with a tenant's",    ADMIN_A,  "GET /metrics", "", NONE, 403, "operator"        },
        {"metrics with an operator's", OPERATOR, "GET /metrics", "", NONE, 200, "# TYPE"          },
    };

    w.config->metrics = CONFIG_METRICS_TOKEN;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        run(client, &rows[i]);
}

static size_t rows_seen;

static bool
describe_visit(void *app, const struct api_row *row)
{
    (void)app;
    CHECK(row->pattern[0] == '/' && row->help[strlen(row->help) - 1] == '.', "%s %s: '%s'",
          row->method, row->pattern, row->help);
    rows_seen++;
    return true;
}

int
main(void)
{
    static const struct http_client_options o = {.connect_ms_max = 5000,
                                                 .total_ms_max = 60000,
                                                 .stall_ms_max = 60000,
                                                 .response_size_max = 16 << 20};
    struct http_client *client;
    struct err err;

    world_open();
    bed_must(http_client_open(&o, &client, &err), "client", &err);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        run(client, &cases[i]);
    test_resend(client);
    test_unwell(client);
    test_metrics_access(client);
    api_describe(describe_visit, NULL);
    CHECK(rows_seen > 30, "%zu routes", rows_seen);
    http_client_close(client);
    world_close();
    printf("%zu rows\n", COUNT_OF(cases));
    return test_end();
}
