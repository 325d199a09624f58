/* hits_test.c - rows to alerts: which are one, what they are called, what their evidence says, and that the same rows give the
 * same ids. */
#include "base/test.h"
#include "detect/hits.h"

#define NOW INT64_C(639000000000000000)
#define HOUR (60 * DETECTION_MINUTE)
#define C(name, text)                                                                              \
    {                                                                                              \
        {name, sizeof(name) - 1},                                                                  \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }
#define ROW(...)                                                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

enum { CELLS = 8, ROWS = 6 };
struct cell_row {
    struct hit_cell cells[CELLS]; /* ends at an empty name */
};

static struct rule
rule_make(void)
{
    static const struct detection_asset device = {DETECTION_DEVICE, "deviceId", "DeviceId"};
    struct rule rule = {
        .id = 7,
        .tenant = "aaaaaaaa-1111-4222-8333-444444444444",
        .detector = "dddddddd-1111-4222-8333-444444444444",
        .x = {.name = "n",
              .title = "{{A}} on {{DeviceName}}",
              .description = "d {{A}}",
              .category = "Execution",
              .severity = DETECTION_HIGH,
              .techniques = {"T1059"},
              .technique_count = 1,
              .asset_count = 1,
              .window = HOUR},
    };

    rule.x.assets[0] = device;
    return rule;
}

static size_t
row_size(const struct cell_row *row)
{
    size_t n = 0;

    while (n < CELLS && row->cells[n].name.n > 0)
        n++;
    return n;
}

static const struct {
    const char *name;
    struct cell_row rows[ROWS];
    size_t alerts_max, alerts;
    uint64_t merged, dropped;
    const char *title; /* of the first alert */
} cases[] = {
    {"one row",
     {ROW({C("DeviceId", "d1"), C("DeviceName", "h1"), C("A", "x")})},
     10,                                                                                    1,
     0,                                                                                           0,
     "x on h1"                                                                                             },
    {"the same entities are one alert",
     {ROW({C("DeviceId", "d1"), C("A", "x"), C("ReportId", "1")}),
      ROW({C("DeviceId", "d1"), C("A", "x"), C("ReportId", "2")})},
     10,                                                                                    1,
     1,                                                                                           0,
     "x on "                                                                                               },
    {"another device is another alert",
     {ROW({C("DeviceId", "d1"), C("A", "x")}), ROW({C("DeviceId", "d2"), C("A", "x")})},
     10,                                                                                    2,
     0,                                                                                           0,
     "x on "                                                                                               },
    {"another title is another alert",
     {ROW({C("DeviceId", "d1"), C("A", "x")}), ROW({C("DeviceId", "d1"), C("A", "y")})},
     10,                                                                                    2,
     0,                                                                                           0,
     "x on "                                                                                               },
    {"more than may be",
     {ROW({C("DeviceId", "d1")}), ROW({C("DeviceId", "d2")}), ROW({C("DeviceId", "d3")}),
      ROW({C("DeviceId", "d1")})},
     2,                                                                                     2,
     1,                                                                                           1,
     " on "                                                                                                },
    {"none may be",                       {ROW({C("DeviceId", "d1")})},                  0, 0, 0, 1, NULL  },
    {"a row that names nobody",           {ROW({C("B", "x")})},                          5, 1, 0, 0, " on "},
    {"columns in any case",
     {ROW({C("deviceid", "d1"), C("DEVICENAME", "h"), C("a", "x")})},
     5,                                                                                     1,
     0,                                                                                           0,
     "x on h"                                                                                              },
    {"texts that look like placeholders",
     {ROW({C("DeviceId", "d"), C("A", "{{DeviceName}}")})},
     5,                                                                                     1,
     0,                                                                                           0,
     "{{DeviceName}} on "                                                                                  },
};

static struct hits *
hits_of(const struct rule *rule, const struct cell_row *rows, size_t row_count, size_t alerts_max,
        struct hits_result *found)
{
    const struct hits_options o = {.rule = rule, .now = NOW, .alerts_max = alerts_max};
    struct hits *hits;
    struct err err = {""};

    CHECK(hits_make(&o, &hits, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < row_count && row_size(&rows[i]) > 0; i++)
        CHECK(hits_add(hits, rows[i].cells, row_size(&rows[i]), SPAN_LITERAL("w"), &err) == ST_OK,
              "%s", err.text);
    CHECK(hits_end(hits, found, &err) == ST_OK, "%s", err.text);
    return hits;
}

static const char *
shown(const struct hits_result *found, size_t i, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(found->shown, i), name));

    return text != NULL ? text : "";
}

static void
check_cases(void)
{
    struct rule rule = rule_make();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hits_result found, again;
        struct hits *hits = hits_of(&rule, cases[i].rows, ROWS, cases[i].alerts_max, &found);
        struct hits *twice = hits_of(&rule, cases[i].rows, ROWS, cases[i].alerts_max, &again);

        CHECK(found.alert_count == cases[i].alerts && found.merged == cases[i].merged &&
                  found.dropped == cases[i].dropped,
              "%s: %zu alerts, %llu merged, %llu dropped", cases[i].name, found.alert_count,
              (unsigned long long)found.merged, (unsigned long long)found.dropped);
        CHECK(cases[i].title == NULL || strcmp(shown(&found, 0, "title"), cases[i].title) == 0,
              "%s: '%s'", cases[i].name, shown(&found, 0, "title"));
        CHECK(span_equal(found.envelopes, again.envelopes) &&
                  span_equal(found.alerts, again.alerts),
              "%s: the same again", cases[i].name);
        hits_free(hits);
        hits_free(twice);
    }
}

static size_t
lines_of(struct span text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

static void
check_ids(void)
{
    static const struct cell_row rows[][ROWS] = {
        {ROW({C("DeviceId", "d1"), C("ReportId", "1"), C("Timestamp", "2026-01-01T00:00:00Z")})},
        {ROW({C("DeviceId", "d1"), C("ReportId", "2"), C("Timestamp", "2026-01-01T00:00:00Z")})},
        {ROW({C("DeviceId", "d1")})},
    };
    char ids[COUNT_OF(rows)][48];
    struct rule rule = rule_make();

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct hits_result found;
        struct hits *hits = hits_of(&rule, rows[i], ROWS, 5, &found);

        snprintf(ids[i], sizeof ids[i], "%s", shown(&found, 0, "alertId"));
        CHECK(strlen(ids[i]) == 38 && strncmp(ids[i], "ra", 2) == 0, "'%s'", ids[i]);
        hits_free(hits);
    }
    CHECK(strcmp(ids[0], ids[1]) != 0 && strcmp(ids[1], ids[2]) != 0,
          "another event has another id");
}

static void
check_own(void)
{
    static const struct cell_row rows[ROWS] = {ROW({C("DeviceId", "d1")})};
    struct rule rule = rule_make();
    struct hits_result found, again;
    struct hits *hits = hits_of(&rule, rows, ROWS, 5, &found);
    char id[48];

    snprintf(id, sizeof id, "%s", shown(&found, 0, "alertId"));
    CHECK(hit_alert_is_ours(span_of(id)), "its own: %s", id);
    struct cell_row about = {
        {{SPAN_LITERAL("DeviceId"), SPAN_LITERAL("d1")}, {SPAN_LITERAL("AlertId"), span_of(id)}}
    };
    struct hits *more = hits_of(&rule, &about, 1, 5, &again);

    CHECK(again.rows == 0 && again.alert_count == 0, "a rule does not answer itself");
    hits_free(more);
    id[20] = id[20] == 'a' ? 'b' : 'a';
    CHECK(!hit_alert_is_ours(span_of(id)), "somebody else's: %s", id);
    CHECK(!hit_alert_is_ours(SPAN_LITERAL("da637_1")) && !hit_alert_is_ours((struct span){NULL, 0}),
          "other forms");
    hits_free(hits);
}

static void
check_evidence(void)
{
    static const struct cell_row rows[ROWS] = {ROW(
        {C("DeviceId", "d1"), C("DeviceName", "h1"), C("A", "x\xff"), C("RemoteIP", "192.0.2.1"),
         C("FileName", "f"), C("FileSize", "42"), C("Timestamp", "2026-01-01T00:00:00Z")})};
    struct rule rule = rule_make();
    struct hits_result found;
    struct hits *hits = hits_of(&rule, rows, ROWS, 5, &found);
    const json_t *alert = json_array_get(found.shown, 0);
    const json_t *list = json_object_get(alert, "alertEvidence");
    const char *kinds[] = {"Machine", "File", "Ip"};

    CHECK(json_array_size(list) == 3 && lines_of(found.envelopes) == 4,
          "three, and AlertInfo: %zu %zu", json_array_size(list), lines_of(found.envelopes));
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        const json_t *e = json_array_get(list, i);

        CHECK(strcmp(json_string_value(json_object_get(e, "EntityType")), kinds[i]) == 0 &&
                  strcmp(json_string_value(json_object_get(e, "DeviceId")), "d1") == 0,
              "%s", kinds[i]);
    }
    CHECK(json_integer_value(json_object_get(json_array_get(list, 1), "FileSize")) == 42,
          "a number is one");
    CHECK(strcmp(shown(&found, 0, "title"), "x? on h1") == 0, "text that is no UTF-8: '%s'",
          shown(&found, 0, "title"));
    CHECK(strncmp(
              json_string_value(json_object_get(json_object_get(alert, "alertInfo"), "Timestamp")),
              "2026-01-01T00:00:00", 19) == 0,
          "the event's time");
    hits_free(hits);
}

static void
check_long(void)
{
    struct rule rule = rule_make();
    const struct hits_options o = {.rule = &rule, .now = NOW, .alerts_max = 5};
    size_t size = 100000;
    char *text = malloc(size);
    struct hits_result found;
    struct hits *hits;
    struct err err;

    for (size_t i = 0; i < size; i++) /* characters of two bytes, so that a cut may be inside one */
        text[i] = (char)(i % 2 == 0 ? 0xc3 : 0xa4);
    const struct hit_cell cells[] = {
        {SPAN_LITERAL("A"),        {text + 1, 0}       },
        {SPAN_LITERAL("DeviceId"), {text, size}        },
        {SPAN_LITERAL("FileName"), {text, size}        },
        {SPAN_LITERAL("A"),        SPAN_LITERAL("late")},
    };

    CHECK(hits_make(&o, &hits, &err) == ST_OK &&
              hits_add(hits, cells, COUNT_OF(cells), SPAN_LITERAL("w"), &err) == ST_OK &&
              hits_end(hits, &found, &err) == ST_OK,
          "long texts");
    const char *id = json_string_value(json_object_get(
        json_array_get(json_object_get(json_array_get(found.shown, 0), "alertEvidence"), 0),
        "DeviceId"));

    CHECK(id != NULL && strlen(id) == HITS_CELL_MAX && (unsigned char)id[0] == 0xc3,
          "cut at a character: %zu", id == NULL ? 0 : strlen(id));
    hits_free(hits);
    free(text);
}

/* ---- what was made before ---- */

static int64_t seen_when;
static enum status seen_says;

static enum status
seen(void *app, int64_t rule, const uint8_t key[STORE_DETECTION_KEY_SIZE], int64_t *when,
     struct err *err)
{
    (void)app;
    (void)key;
    CHECK(rule == 7, "whose");
    *when = seen_when;
    return seen_says == ST_OK ? ST_OK : err_set(err, seen_says, "no");
}

static void
check_seen(void)
{
    static const struct {
        const char *name;
        int64_t when, window;
        size_t alerts;
    } rows[] = {
        {"never",                0,          HOUR, 1},
        {"just now",             NOW,        HOUR, 0},
        {"within the window",    NOW - 1000, HOUR, 0},
        {"as long ago as it is", NOW - HOUR, HOUR, 1},
        {"no window",            NOW,        0,    1},
    };
    static const struct hit_cell cell = C("DeviceId", "d1");

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct rule rule = rule_make();
        const struct hits_options o = {.rule = &rule, .now = NOW, .alerts_max = 5, .seen = seen};
        struct hits_result found;
        struct hits *hits;
        struct err err;

        rule.x.window = rows[i].window;
        seen_when = rows[i].when;
        CHECK(hits_make(&o, &hits, &err) == ST_OK &&
                  hits_add(hits, &cell, 1, SPAN_LITERAL("w"), &err) == ST_OK &&
                  hits_end(hits, &found, &err) == ST_OK,
              "%s", rows[i].name);
        CHECK(found.alert_count == rows[i].alerts && found.merged == 1 - rows[i].alerts, "%s: %zu",
              rows[i].name, found.alert_count);
        hits_free(hits);
    }
    struct rule rule = rule_make();
    const struct hits_options o = {.rule = &rule, .now = NOW, .alerts_max = 5, .seen = seen};
    struct hits *hits;
    struct err err;

    seen_says = ST_IO;
    CHECK(hits_make(&o, &hits, &err) == ST_OK &&
              hits_add(hits, &cell, 1, SPAN_LITERAL("w"), &err) == ST_IO,
          "what cannot be known is not guessed");
    hits_free(hits);
}

int
main(void)
{
    check_cases();
    check_ids();
    check_own();
    check_evidence();
    check_long();
    check_seen();
    return test_end();
}
