/* admit_test.c - what a body in any form, cut anywhere, becomes in a real journal; what is refused,
 * where and why; what is parked; what counts once. */
#include "base/file.h"
#include "source/decorate.h"
#include "source/test_bed.h"

#define T1 "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
#define T2 "00000000-0000-4000-8000-000000000002"
#define NOW BED_NOW

static void
fail_hard(const char *what, const struct err *err)
{
    bed_must(ST_IO, what, err);
}

static void
world_open_with(struct bed *w, size_t memory_max, bool unknown_tables, uint32_t record_size_max)
{
    const struct admit_options o = {.memory_max = memory_max,
                                    .unknown_tables = unknown_tables,
                                    .record_size_max = record_size_max};

    bed_open(w, "admit", &o);
}

static void
world_open(struct bed *w)
{
    world_open_with(w, 64 << 20, true, 1 << 20);
}

/* ==== bodies */

/* gzip of stored deflate blocks: no compressor needed to test an inflater's user. malloc'd. */
static char *
gzip_stored(const char *text, size_t n, size_t *size)
{
    char *out = malloc(n + n / 60000 * 5 + 64);
    size_t at = 10, left = n;
    uint32_t crc = 0xffffffff;

    memcpy(out, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
    do {
        size_t piece = left < 60000 ? left : 60000;

        out[at++] = piece == left;
        out[at++] = (char)(piece & 0xff);
        out[at++] = (char)(piece >> 8);
        out[at++] = (char)(~piece & 0xff);
        out[at++] = (char)(~piece >> 8 & 0xff);
        memcpy(out + at, text + (n - left), piece);
        at += piece;
        left -= piece;
    } while (left > 0);
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)text[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        out[at++] = (char)(crc >> 8 * i & 0xff);
    for (int i = 0; i < 4; i++)
        out[at++] = (char)(n >> 8 * i & 0xff);
    *size = at;
    return out;
}

enum feed { FEED_WHOLE, FEED_BYTES, FEED_GZIP, FEED_GZIP_BYTES, FEED_SPACE, FEEDS };
static const char *const feed_names[] = {"whole", "bytes", "gzip", "gzip bytes", "space"};

static void
feed_pieces(struct admission *x, struct span body, size_t piece)
{
    for (size_t at = 0; at < body.n; at += piece) {
        size_t n = body.n - at < piece ? body.n - at : piece;

        if (admit_data(x, (struct span){body.p + at, n}) != ST_OK)
            return;
    }
}

static void
feed_space(struct admission *x, struct span body)
{
    while (body.n > 0) {
        char *space;
        size_t room;

        if (admit_space(x, &space, &room) != ST_OK)
            return;
        room = room < body.n ? room : body.n;
        memcpy(space, body.p, room);
        body.p += room;
        body.n -= room;
        if (admit_filled(x, room) != ST_OK)
            return;
    }
}

static enum status
admit(struct bed *w, struct admit_request request, struct span body, enum feed feed,
      struct admit_result *result)
{
    struct admission *x;
    char *packed = NULL;
    enum status st;

    request.gzip = feed == FEED_GZIP || feed == FEED_GZIP_BYTES;
    memset(result, 0, sizeof *result);
    st = admit_begin(w->admitter, &request, &x, &result->err);
    if (st != ST_OK)
        return st;
    if (request.gzip)
        body.p = packed = gzip_stored(body.p, body.n, &body.n);
    if (feed == FEED_SPACE)
        feed_space(x, body);
    else
        feed_pieces(x, body, feed == FEED_WHOLE || feed == FEED_GZIP ? body.n + 1 : 1);
    admit_end(x, result);
    free(packed);
    return ST_OK;
}

/* All rows as text: table, a colon, properties, a LF. */
struct text {
    char *p;
    size_t n, room;
};
static void
text_put(struct text *t, const char *p, size_t n)
{
    if (t->n + n + 1 > t->room) {
        t->room = (t->n + n + 1) * 2;
        t->p = realloc(t->p, t->room);
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
    t->p[t->n] = '\0';
}
static void
collect(void *app, const struct block *b, const struct block_row *row)
{
    struct text *t = app;

    text_put(t, b->streams[row->stream].table, strlen(b->streams[row->stream].table));
    text_put(t, ":", 1);
    text_put(t, b->body.p + row->properties_at, row->properties_size);
    text_put(t, "\n", 1);
}

/* ==== what is taken and what is refused */

#define E(category, rest) "{\"category\":\"" category "\"," rest "}"
#define DI "AdvancedHunting-DeviceInfo"
#define GOOD E(DI, "\"tenantId\":\"" T1 "\",\"properties\":{\"a\":1}")

/* clang-format 14 crashes on arrays with concatenated strings. */
/* clang-format off */
static const struct {
    const char *name;
    enum admit_shape shape;
    const char *body;
    enum admit_outcome outcome;
    uint64_t accepted;
    const char *rows; /* as collect writes them; NULL: not looked at */
    uint64_t fault_count, record, offset;
    const char *column, *text; /* of the first fault; text: a part of it */
} cases[] = {
    /* rows */
    {"lines", ADMIT_ROWS, "{\"a\":1}\n{\"b\":2}\n", ADMIT_DURABLE, 2,
     "DeviceEvents:{\"a\":1}\nDeviceEvents:{\"b\":2}\n", 0, 0, 0, "", ""},
    {"no last line end", ADMIT_ROWS, "{\"a\":1}\n{\"b\":2}", ADMIT_DURABLE, 2, NULL, 0, 0, 0, "", ""},
    {"CR LF and blank lines", ADMIT_ROWS, "\r\n{\"a\":1}\r\n\r\n{\"b\":2}\r\n", ADMIT_DURABLE, 2,
     "DeviceEvents:{\"a\":1}\nDeviceEvents:{\"b\":2}\n", 0, 0, 0, "", ""},
    {"array", ADMIT_ROWS, " [ {\"a\":1} , {} ] ", ADMIT_DURABLE, 2,
     "DeviceEvents:{\"a\":1}\nDeviceEvents:{}\n", 0, 0, 0, "", ""},
    {"a row that holds 'records' is a row", ADMIT_ROWS, "{\"records\":[{\"a\":1}]}", ADMIT_DURABLE, 1,
     "DeviceEvents:{\"records\":[{\"a\":1}]}\n", 0, 0, 0, "", ""},
    {"byte order mark", ADMIT_ROWS, "\xef\xbb\xbf{\"a\":1}\n", ADMIT_DURABLE, 1,
     "DeviceEvents:{\"a\":1}\n", 0, 0, 0, "", ""},
    {"digits, escapes, duplicates stay", ADMIT_ROWS,
     "{\"n\":639249987550463703,\"n\":0.072,\"s\":\"\\u0000\\ud83d\",\"x\":1E+400}", ADMIT_DURABLE, 1,
     "DeviceEvents:{\"n\":639249987550463703,\"n\":0.072,\"s\":\"\\u0000\\ud83d\",\"x\":1E+400}\n", 0, 0, 0,
     "", ""},
    {"nothing", ADMIT_ROWS, "", ADMIT_FAULTY, 0, "", 1, 0, 0, "", "the body holds no record"},
    {"white space", ADMIT_ROWS, " \r\n\t \n", ADMIT_FAULTY, 0, "", 1, 0, 0, "", "the body holds no record"},
    {"an empty array", ADMIT_ROWS, "[]", ADMIT_FAULTY, 0, "", 1, 0, 0, "", "the body holds no record"},
    {"a byte order mark alone", ADMIT_ROWS, "\xef\xbb\xbf", ADMIT_FAULTY, 0, "", 1, 0, 0, "", "no record"},
    {"all or nothing", ADMIT_ROWS, "{\"a\":1}\n{\"a\":tru}\n{\"a\":3}\n", ADMIT_FAULTY, 0, "", 1, 2, 16, "a",
     ""},
    {"two faults in lines", ADMIT_ROWS, "{\"a\":01}\n{\"a\":2}\n{\"b\":}\n", ADMIT_FAULTY, 0, "", 2, 1, 6, "a", ""},
    {"array: a syntax fault ends it", ADMIT_ROWS, "[{\"a\":1},{\"a\":!},{\"a\":!}]", ADMIT_FAULTY, 0, "", 1, 2, 14,
     "a", ""},
    {"bad UTF-8", ADMIT_ROWS, "{\"a\":\"\xff\"}\n", ADMIT_FAULTY, 0, "", 1, 1, 6, "a", ""},
    {"not an object", ADMIT_ROWS, "7\n", ADMIT_FAULTY, 0, "", 1, 1, 0, "", ""},
    {"ends too soon", ADMIT_ROWS, "{\"a\":1}\n{\"b\":", ADMIT_FAULTY, 0, "", 1, 2, 13, "b", ""},
    /* envelopes */
    {"an envelope", ADMIT_ENVELOPES, GOOD, ADMIT_DURABLE, 1, "DeviceInfo:{\"a\":1}\n", 0, 0, 0, "", ""},
    {"records", ADMIT_ENVELOPES, "{\"records\":[" GOOD "," GOOD "]}", ADMIT_DURABLE, 2,
     "DeviceInfo:{\"a\":1}\nDeviceInfo:{\"a\":1}\n", 0, 0, 0, "", ""},
    {"an array of envelopes", ADMIT_ENVELOPES, "[" GOOD "\n,\n" GOOD "]", ADMIT_DURABLE, 2, NULL, 0, 0, 0, "", ""},
    {"an empty records", ADMIT_ENVELOPES, "{\"records\":[]}", ADMIT_FAULTY, 0, "", 1, 0, 0, "", "no record"},
    {"no tenant where the token has one", ADMIT_ENVELOPES, E(DI, "\"properties\":{}"), ADMIT_DURABLE, 1,
     "DeviceInfo:{}\n", 0, 0, 0, "", ""},
    {"tenant in upper case", ADMIT_ENVELOPES,
     E(DI, "\"tenantId\":\"7B1E0C1A-5D2F-4C60-9A44-0C0FFEE0BEEF\",\"properties\":{}"), ADMIT_DURABLE, 1, NULL, 0, 0,
     0, "", ""},
    {"further keys, further objects, any order", ADMIT_ENVELOPES,
     "{\"x\":{\"properties\":{\"no\":1}},\"properties\":{\"yes\":1},\"y\":{\"z\":2},\"category\":\"" DI "\"}",
     ADMIT_DURABLE, 1, "DeviceInfo:{\"yes\":1}\n", 0, 0, 0, "", ""},
    {"the last of two properties", ADMIT_ENVELOPES, E(DI, "\"properties\":{\"a\":1},\"properties\":{\"b\":2}"),
     ADMIT_DURABLE, 1, "DeviceInfo:{\"b\":2}\n", 0, 0, 0, "", ""},
    {"escaped keys and values", ADMIT_ENVELOPES,
     "{\"c\\u0061tegory\":\"AdvancedHunting\\u002dDeviceInfo\",\"propertie\\u0073\":{\"a\":1}}", ADMIT_DURABLE, 1,
     "DeviceInfo:{\"a\":1}\n", 0, 0, 0, "", ""},
    {"an unknown category passes", ADMIT_ENVELOPES, E("AdvancedHunting-New_Table1", "\"properties\":{}"), ADMIT_DURABLE,
     1, "New_Table1:{}\n", 0, 0, 0, "", ""},
    {"a category without the prefix", ADMIT_ENVELOPES, E("Alert", "\"properties\":{}"), ADMIT_DURABLE, 1, "Alert:{}\n",
     0, 0, 0, "", ""},
    {"times in other forms", ADMIT_ENVELOPES,
     E(DI, "\"time\":\"2026-09-14T08:07:45Z\",\"_TimeReceivedBySvc\":\"2026-09-14T08:07:45.1\",\"properties\":{}"),
     ADMIT_DURABLE, 1, NULL, 0, 0, 0, "", ""},
    {"null times", ADMIT_ENVELOPES, E(DI, "\"time\":null,\"_TimeReceivedBySvc\":null,\"properties\":{}"), ADMIT_DURABLE,
     1, NULL, 0, 0, 0, "", ""},
    {"no category", ADMIT_ENVELOPES, "{\"properties\":{}}", ADMIT_FAULTY, 0, "", 1, 1, 0, "category", "missing"},
    {"category a number", ADMIT_ENVELOPES, "{\"category\":7,\"properties\":{}}", ADMIT_FAULTY, 0, "", 1, 1, 12,
     "category", "not a string"},
    {"category empty", ADMIT_ENVELOPES, E("", "\"properties\":{}"), ADMIT_FAULTY, 0, "", 1, 1, 12, "category", "empty"},
    {"category walks out", ADMIT_ENVELOPES, E("../../escape", "\"properties\":{}"), ADMIT_FAULTY, 0, "", 1, 1, 12,
     "category", "not a name"},
    {"category with a NUL", ADMIT_ENVELOPES, E("Alert\\u0000x", "\"properties\":{}"), ADMIT_FAULTY, 0, "", 1, 1, 12,
     "category", "not a name"},
    {"category too long for a container", ADMIT_ENVELOPES,
     E("AdvancedHunting-DeviceTvmSecureConfigurationAssessmentKB", "\"properties\":{}"), ADMIT_FAULTY, 0, "", 1, 1, 12,
     "category", "too long"},
    {"no properties", ADMIT_ENVELOPES, "{\"category\":\"" DI "\"}", ADMIT_FAULTY, 0, "", 1, 1, 0, "properties",
     "missing"},
    {"properties an array", ADMIT_ENVELOPES, "{\"properties\":[],\"category\":\"" DI "\"}", ADMIT_FAULTY, 0, "", 1, 1,
     14, "properties", "not an object"},
    {"another tenant", ADMIT_ENVELOPES, GOOD "\n" E(DI, "\"tenantId\":\"" T2 "\",\"properties\":{}"), ADMIT_FAULTY, 0,
     "", 1, 2, 165, "tenantId", "is not this token's tenant"},
    {"tenant no GUID", ADMIT_ENVELOPES, "{\"tenantId\":\"x\",\"category\":\"Alert\",\"properties\":{}}", ADMIT_FAULTY, 0,
     "", 1, 1, 12, "tenantId", "not a GUID"},
    {"time no datetime", ADMIT_ENVELOPES, "{\"time\":\"now\",\"category\":\"Alert\",\"properties\":{}}", ADMIT_FAULTY, 0,
     "", 1, 1, 8, "time", "not a datetime"},
    {"time with a wrong month", ADMIT_ENVELOPES,
     "{\"time\":\"2026-13-14T08:07:45.2820995Z\",\"category\":\"Alert\",\"properties\":{}}", ADMIT_FAULTY, 0, "", 1, 1, 8,
     "time", "not a datetime"},
    {"received no datetime", ADMIT_ENVELOPES, "{\"_TimeReceivedBySvc\":5,\"category\":\"Alert\",\"properties\":{}}",
     ADMIT_FAULTY, 0, "", 1, 1, 22, "_TimeReceivedBySvc", "not a datetime"},
    {"a bare row is no envelope", ADMIT_ENVELOPES, "{\"DeviceId\":\"x\"}", ADMIT_FAULTY, 0, "", 1, 1, 0, "properties",
     "missing"},
};
/* clang-format on */

static void
check_case(struct bed *w, size_t i, enum feed feed)
{
    struct admit_request request = {
        .shape = cases[i].shape, .tenant = T1, .table = SPAN_LITERAL("DeviceEvents")};
    struct admit_result r;
    struct text rows = {0};
    uint64_t before = journal_extent(w->journal).end;
    const char *name = cases[i].name, *how = feed_names[feed];

    if (request.shape == ADMIT_ENVELOPES)
        request.table = (struct span){NULL, 0};
    CHECK(admit(w, request, span_of(cases[i].body), feed, &r) == ST_OK, "%s, %s: begin: %s", name,
          how, r.err.text);
    CHECK(r.outcome == cases[i].outcome, "%s, %s: outcome %d: %s", name, how, r.outcome,
          r.err.text);
    CHECK(r.accepted == cases[i].accepted, "%s, %s: %lu accepted", name, how,
          (unsigned long)r.accepted);
    text_put(&rows, "", 0);
    bed_each_row(w, before, collect, &rows);
    CHECK(cases[i].rows == NULL || strcmp(rows.p, cases[i].rows) == 0, "%s, %s: rows %s", name, how,
          rows.p);
    free(rows.p);
    CHECK(r.fault_count == cases[i].fault_count, "%s, %s: %lu faults", name, how,
          (unsigned long)r.fault_count);
    if (r.fault_count == 0 || cases[i].fault_count == 0)
        return;
    CHECK(r.faults[0].record == cases[i].record && r.faults[0].offset == cases[i].offset &&
              strcmp(r.faults[0].column, cases[i].column) == 0 &&
              strstr(r.faults[0].text, cases[i].text) != NULL,
          "%s, %s: record %lu, offset %lu, column '%s': %s", name, how,
          (unsigned long)r.faults[0].record, (unsigned long)r.faults[0].offset, r.faults[0].column,
          r.faults[0].text);
}

static void
test_cases(void)
{
    struct bed w;

    world_open(&w);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (enum feed feed = 0; feed < FEEDS; feed++)
            check_case(&w, i, feed);
    bed_close(&w);
}

/* Every place to cut a body in two, and in three. */
static void
test_cuts(void)
{
    static const char *const bodies[] = {
        "{\"a\":\"\\ud83d\\ude80 \xf0\x9f\x9a\x80\"}\r\n{\"b\":[1,{\"c\":2}]}\n{}",
        "\xef\xbb\xbf[{\"a\":1},\n{\"b\":\"]\"} , {\"c\":null}]\n",
        "{\"a\":1}\n{\"b\":\"\x01\"}\n{\"c\":3}\n",
    };
    struct admit_request request = {
        .shape = ADMIT_ROWS, .tenant = T1, .table = SPAN_LITERAL("DeviceEvents"), .park = true};
    struct bed w;

    world_open(&w);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct span body = span_of(bodies[i]);
        struct text want = {0};
        size_t parked;

        for (size_t cut = 0; cut <= body.n; cut++) {
            struct admission *x;
            struct admit_result r;
            struct text got = {0};
            uint64_t before = journal_extent(w.journal).end;
            size_t parked_before = w.parked_count;

            if (admit_begin(w.admitter, &request, &x, &r.err) != ST_OK)
                fail_hard("begin", &r.err);
            (void)admit_data(x, (struct span){body.p, cut});
            (void)admit_data(x, (struct span){body.p + cut, body.n - cut});
            admit_end(x, &r);
            bed_each_row(&w, before, collect, &got);
            if (cut == 0) {
                want = got;
                parked = w.parked_count - parked_before;
                CHECK(parked == (i == 2), "body %zu: %zu parked", i, parked);
                continue;
            }
            CHECK(got.n == want.n && memcmp(got.p, want.p, got.n) == 0, "body %zu cut at %zu: %s",
                  i, cut, got.p);
            CHECK(w.parked_count - parked_before == parked, "body %zu cut at %zu: parked", i, cut);
            free(got.p);
        }
        free(want.p);
    }
    bed_close(&w);
}

/* ==== spans */

static struct span
part(const struct block *b, uint32_t at, uint32_t size)
{
    return (struct span){b->body.p + at, size};
}

static struct block_row seen_row;
static char seen_text[6][200];
static void
see_row(void *app, const struct block *b, const struct block_row *row)
{
    (void)app;
    seen_row = *row;
    snprintf(seen_text[0], 200, "%.*s", (int)row->size, part(b, row->at, row->size).p);
    snprintf(seen_text[1], 200, "%.*s", (int)row->properties_size, b->body.p + row->properties_at);
    snprintf(seen_text[2], 200, "%.*s", (int)row->time_size, b->body.p + row->time_at);
    snprintf(seen_text[3], 200, "%.*s", (int)row->received_size, b->body.p + row->received_at);
    snprintf(seen_text[4], 200, "%.*s", (int)row->group_value_size,
             b->body.p + row->group_value_at);
    snprintf(seen_text[5], 200, "%s", b->streams[row->stream].tenant);
}

#define WIRE(time, tenant, received, properties)                                                   \
    "{\"time\":\"" time "\",\"tenantId\":\"" tenant                                                \
    "\",\"operationName\":\"Publish\",\"category\":\"AdvancedHunting-DeviceEvents\","              \
    "\"_TimeReceivedBySvc\":\"" received "\",\"properties\":" properties                           \
    ",\"Tenant\":\"DefaultTenant\"}"
#define SEVEN "2026-09-14T08:07:45.2820995Z"
#define RECEIVED "2026-09-14T08:06:13.0590254Z"

/* clang-format 14 crashes on arrays with concatenated strings. */
/* clang-format off */
static const struct {
    const char *name, *body;
    unsigned flags; /* besides ROW_ENVELOPE and ROW_DECORATE */
    const char *time, *received;
    int64_t ticks; /* after 2026-09-14T08:00:00Z; -1: the time of admission */
} envelopes[] = {
    {"the wire form", WIRE(SEVEN, T1, RECEIVED, "{\"a\":1}"), ROW_WIRE_ENVELOPE, SEVEN, RECEIVED,
     4652820995},
    {"received without Z", WIRE(SEVEN, T1, "2026-09-14T08:06:13.0590254", "{\"a\":1}"), ROW_WIRE_ENVELOPE, SEVEN,
     "2026-09-14T08:06:13.0590254", 4652820995},
    {"empty properties", WIRE(SEVEN, T1, RECEIVED, "{}"), ROW_WIRE_ENVELOPE | ROW_EMPTY, SEVEN, RECEIVED, 4652820995},
    {"upper-case tenant", WIRE(SEVEN, "7B1E0C1A-5D2F-4C60-9A44-0C0FFEE0BEEF", RECEIVED, "{\"a\":1}"), 0, SEVEN, RECEIVED,
     4652820995},
    {"six digits", WIRE("2026-09-14T08:07:45.282099Z", T1, RECEIVED, "{\"a\":1}"), 0, "", RECEIVED, 4652820990},
    {"no Z in time", WIRE("2026-09-14T08:07:45.2820995", T1, RECEIVED, "{\"a\":1}"), 0, "", RECEIVED, 4652820995},
    {"an offset", WIRE("2026-09-14T10:07:45.2820995+02:00", T1, RECEIVED, "{\"a\":1}"), 0, "", RECEIVED, 4652820995},
    {"received with three digits", WIRE(SEVEN, T1, "2026-09-14T08:06:13.059Z", "{\"a\":1}"), 0, SEVEN,
     "2026-09-14T08:06:13.059Z", 4652820995},
    {"a line break", WIRE(SEVEN, T1, RECEIVED, "{\n\"a\":1}"), ROW_LINE_BREAK, SEVEN, RECEIVED, 4652820995},
    {"a lone CR", WIRE(SEVEN, T1, RECEIVED, "{\"a\":1,\"0123456789abcdef\":2\r}"), ROW_LINE_BREAK, SEVEN, RECEIVED,
     4652820995},
    {"a TAB is no line break", WIRE(SEVEN, T1, RECEIVED, "{\t\"a\":1}"), ROW_WIRE_ENVELOPE, SEVEN, RECEIVED, 4652820995},
    {"a blank after the brace", "{ \"time\":\"" SEVEN "\",\"category\":\"AdvancedHunting-DeviceEvents\",\"properties\":{}}",
     ROW_EMPTY, SEVEN, "", 4652820995},
    {"four keys, no time", "{\"tenantId\":\"" T1 "\",\"category\":\"AdvancedHunting-DeviceEvents\",\"properties\":{\"a\":1}}",
     0, "", "", -1},
    {"an eighth key", "{\"x\":1," "\"category\":\"AdvancedHunting-DeviceEvents\",\"properties\":{\"a\":1},\"time\":\"" SEVEN "\"}",
     0, SEVEN, "", 4652820995},
};
/* clang-format on */

static void
test_spans(void)
{
    struct admit_request request = {.shape = ADMIT_ENVELOPES, .tenant = T1};
    struct bed w;
    int64_t hour;

    world_open(&w);
    hour = INT64_C(639249696000000000);
    for (size_t i = 0; i < COUNT_OF(envelopes); i++) {
        for (enum feed feed = 0; feed < FEEDS; feed++) {
            struct admit_result r;
            const char *name = envelopes[i].name;

            if (admit(&w, request, span_of(envelopes[i].body), feed, &r) != ST_OK)
                fail_hard(name, &r.err);
            CHECK(r.accepted == 1, "%s: %s", name, r.err.text);
            bed_each_row(&w, r.first_position, see_row, NULL);
            CHECK((seen_row.flags & ~ROW_DECORATE) == (ROW_ENVELOPE | envelopes[i].flags),
                  "%s: flags %x", name, seen_row.flags);
            CHECK(seen_row.flags & ROW_DECORATE, "%s: decorated", name);
            CHECK(strncmp(seen_text[0], envelopes[i].body, 199) == 0, "%s: %s", name, seen_text[0]);
            CHECK(strcmp(seen_text[2], envelopes[i].time) == 0, "%s: time %s", name, seen_text[2]);
            CHECK(strcmp(seen_text[3], envelopes[i].received) == 0, "%s: received %s", name,
                  seen_text[3]);
            CHECK(seen_row.time == (envelopes[i].ticks < 0 ? NOW : hour + envelopes[i].ticks),
                  "%s: ticks %ld", name, (long)(seen_row.time - hour));
            CHECK(strcmp(seen_text[5], T1) == 0, "%s: tenant %s", name, seen_text[5]);
        }
    }
    bed_close(&w);
}

/* ==== groups */

static void
set_groups(struct bed *w)
{
    static const char *const web[] = {"web"}, *const lab[] = {"lab-"};
    static const struct device_rule tag_rule[] = {
        {DEVICE_TAG, OPERATOR_EQUALS, web, 1}
    };
    static const struct device_rule name_rule[] = {
        {DEVICE_NAME, OPERATOR_STARTS_WITH, lab, 1}
    };
    static const struct device_group groups[] = {
        {.name = " web servers", .rank = 1, .rules = tag_rule,  .rule_count = 1},
        {.name = "lab",          .rank = 2, .rules = name_rule, .rule_count = 1}
    };
    struct err err;

    if (devices_set_groups(w->devices, T1, groups, 2, &err) != ST_OK)
        fail_hard("groups", &err);
}

static void
see_group(void *app, const struct block *b, const struct block_row *row)
{
    struct text *t = app;

    if (row->group == ROW_GROUP_AS_IS)
        text_put(t, "=", 1);
    else if (row->group == ROW_GROUP_NULL)
        text_put(t, "null", 4);
    else
        text_put(t, block_string(b, row->group).p, block_string(b, row->group).n);
    if (row->flags & ROW_DECORATE)
        text_put(t, "*", 1);
    if (row->group_value_at != 0) {
        text_put(t, "@", 1);
        text_put(t, b->body.p + row->group_value_at, row->group_value_size);
    }
    text_put(t, "|", 1);
}

#define P(table, properties)                                                                       \
    "{\"category\":\"AdvancedHunting-" table "\",\"properties\":" properties "}\n"
/* clang-format 14 crashes on arrays with concatenated strings. */
/* clang-format off */
static const struct {
    const char *name, *body, *groups;
} group_cases[] = {
    {"a device learned later in the same request",
     P("DeviceEvents", "{\"DeviceId\":\"d1\"}")
         P("DeviceInfo", "{\"DeviceId\":\"d1\",\"DeviceName\":\"x.y\",\"RegistryDeviceTag\":\"web\"}"),
     " web servers*| web servers*|"},
    {"known from the request before", P("DeviceFileEvents", "{\"DeviceId\":\"d1\",\"MachineGroup\":null}"),
     " web servers*@null|"},
    {"a value of its source stays", P("DeviceEvents", "{\"MachineGroup\":\"other\",\"DeviceId\":\"d1\"}"), "=*@\"other\"|"},
    {"no group", P("DeviceEvents", "{\"DeviceId\":\"unheard\"}"), "UnassignedGroup*|"},
    {"no device", P("DeviceEvents", "{\"DeviceId\":null}") P("DeviceEvents", "{\"x\":\"DeviceId\"}") P("DeviceEvents", "{\"DeviceId\":\"\"}"),
     "null*|null*|null*|"},
    {"escapes in key and value", P("DeviceEvents", "{\"Device\\u0049d\":\"\\u00641\"}"), " web servers*|"},
    {"the last of two ids", P("DeviceEvents", "{\"DeviceId\":\"d1\",\"DeviceId\":\"no\"}"), "UnassignedGroup*|"},
    {"the last of two groups", P("DeviceEvents", "{\"MachineGroup\":\"a\",\"DeviceId\":\"d1\",\"MachineGroup\":null}"),
     " web servers*@null|"},
    {"a digit where a group belongs stays", P("DeviceEvents", "{\"DeviceId\":\"d1\",\"MachineGroup\":7}"), "=*@:7|"},
    {"only top-level columns count", P("DeviceEvents", "{\"a\":{\"DeviceId\":\"d1\",\"MachineGroup\":\"x\"}}"), "null*|"},
    {"by name, the domain left off", P("DeviceInfo", "{\"DeviceName\":\"LAB-7.contoso.example\",\"DeviceId\":\"d2\"}"),
     "lab*|"},
    {"a tag among several", P("DeviceInfo", "{\"DeviceId\":\"d3\",\"DeviceManualTags\":\"[\\\"db\\\",\\\"web\\\"]\"}"),
     " web servers*|"},
    {"a native array of tags", P("DeviceInfo", "{\"DeviceId\":\"d4\",\"DeviceDynamicTags\":[\"db\",\"w\\u0065b\"]}"),
     " web servers*|"},
    {"a tag that only holds the word", P("DeviceInfo", "{\"DeviceId\":\"d5\",\"RegistryDeviceTag\":\"webby\"}"),
     "UnassignedGroup*|"},
    {"AlertInfo before its evidence",
     P("AlertInfo", "{\"AlertId\":\"a1\",\"MachineGroup\":null}") P("AlertEvidence", "{\"AlertId\":\"a1\",\"DeviceId\":\"d1\"}"),
     " web servers*@null| web servers*|"},
    {"an alert of nobody", P("AlertInfo", "{\"AlertId\":\"a2\"}") P("AlertEvidence", "{\"AlertId\":\"a2\",\"DeviceId\":null}"),
     "null*|null*|"},
    {"tables that are not decorated keep the finding for those who ask",
     P("BehaviorInfo", "{\"DeviceId\":\"d1\"}") P("EmailEvents", "{\"a\":1}") P("Some_New", "{\"DeviceId\":\"d1\"}"),
     " web servers|null| web servers|"},
};
/* clang-format on */

static void
test_groups(void)
{
    struct admit_request request = {.shape = ADMIT_ENVELOPES, .tenant = T1};
    struct bed w;

    world_open(&w);
    set_groups(&w);
    for (size_t i = 0; i < COUNT_OF(group_cases); i++) {
        struct admit_result r;
        struct text got = {0};

        if (admit(&w, request, span_of(group_cases[i].body), FEED_WHOLE, &r) != ST_OK)
            fail_hard(group_cases[i].name, &r.err);
        text_put(&got, "", 0);
        bed_each_row(&w, r.first_position, see_group, &got);
        CHECK(strcmp(got.p, group_cases[i].groups) == 0, "%s: %s %s", group_cases[i].name, got.p,
              r.err.text);
        free(got.p);
    }
    /* What a refused request says of devices is not believed. */
    struct admit_result r;

    CHECK(admit(&w, request,
                span_of(
                    P("DeviceInfo", "{\"DeviceId\":\"liar\",\"RegistryDeviceTag\":\"web\"}") "{]"),
                FEED_WHOLE, &r) == ST_OK &&
              r.outcome == ADMIT_FAULTY,
          "refused");

    char group[257];

    devices_group(w.devices, T1, SPAN_LITERAL("liar"), group);
    CHECK(strcmp(group, "UnassignedGroup") == 0, "believed: %s", group);
    bed_close(&w);
}

/* A scanner for one call, as the owner of the registry has at start. */
static void
relearn_block(void *app, const struct block *b, const struct block_row *row)
{
    static char memory[192 << 10] __attribute__((aligned(64)));
    static struct decorator d;
    struct arena a = {memory, sizeof memory, 0};
    struct scan_limits limits = {1 << 20, 64, 200};
    struct scanner s;
    struct err err;

    if (row != &b->rows[0])
        return;
    if (scanner_init(&s, &a, SCAN_ROWS, &limits, &err) != ST_OK)
        fail_hard("scanner", &err);
    decorate_init(&d, app);
    CHECK(decorate_relearn(&d, &s, b) == 2, "rows that teach");
}

static void
test_relearn(void)
{
    struct admit_request request = {.shape = ADMIT_ENVELOPES, .tenant = T1};
    struct admit_result r;
    struct bed w;
    struct devices *fresh;
    char group[257];

    world_open(&w);
    set_groups(&w);
    CHECK(admit(&w, request,
                span_of(P("DeviceInfo", "{\"DeviceId\":\"d1\",\"RegistryDeviceTag\":\"web\"}")
                            P("EmailEvents", "{}")
                                P("AlertEvidence", "{\"AlertId\":\"a1\",\"DeviceId\":\"d1\"}")),
                FEED_WHOLE, &r) == ST_OK &&
              r.accepted == 3,
          "%s", r.err.text);
    fresh = w.devices;
    if (devices_make(100, &w.devices, &r.err) != ST_OK)
        fail_hard("devices", &r.err);
    set_groups(&w);
    bed_each_row(&w, 0, relearn_block, w.devices);
    devices_group(w.devices, T1, SPAN_LITERAL("d1"), group);
    CHECK(strcmp(group, " web servers") == 0, "learned again: %s", group);
    CHECK(devices_alert_group(w.devices, T1, SPAN_LITERAL("a1"), group) &&
              strcmp(group, " web servers") == 0,
          "alert learned again");
    devices_free(w.devices);
    w.devices = fresh;
    bed_close(&w);
}

/* ==== park */

/* clang-format 14 crashes on arrays with concatenated strings. */
/* clang-format off */
static const struct {
    const char *name;
    enum admit_shape shape;
    const char *body;
    uint64_t accepted, parked;
    const char *raw[3];
    const char *reason; /* part of the first */
} park_cases[] = {
    {"a bad line between", ADMIT_ROWS, "{\"a\":1}\n{bad}\n{\"c\":3}\n", 2, 1, {"{bad}"}, "record 2"},
    {"the last line, without end", ADMIT_ROWS, "{\"a\":1}\n{bad", 1, 1, {"{bad"}, "record 2"},
    {"garbage alone", ADMIT_ROWS, "garbage\r\nmore\n", 0, 2, {"garbage", "more"}, "record 1"},
    {"array: the rest goes", ADMIT_ROWS, "[{\"a\":1},{\"b\":!},{\"c\":3}]", 1, 1, {"{\"b\":!},{\"c\":3}]"}, "record 2"},
    {"a wrong envelope, then a good one", ADMIT_ENVELOPES, "{\"x\":1}\n" GOOD "\n{\"time\":0}", 1, 2,
     {"{\"x\":1}", "{\"time\":0}"}, "properties is missing"},
    {"records: a well-formed bad one does not end it", ADMIT_ENVELOPES, "{\"records\":[" GOOD ",{\"x\":1}," GOOD "]}", 2, 1,
     {"{\"x\":1}"}, "record 2"},
};
/* clang-format on */

static void
test_park_cases(void)
{
    struct bed w;

    world_open(&w);
    for (size_t i = 0; i < COUNT_OF(park_cases); i++) {
        for (enum feed feed = 0; feed < FEEDS; feed++) {
            struct admit_request request = {
                .shape = park_cases[i].shape, .tenant = T1, .park = true};
            struct admit_result r;
            const char *name = park_cases[i].name;
            size_t before = w.parked_count;

            if (request.shape == ADMIT_ROWS)
                request.table = SPAN_LITERAL("DeviceEvents");
            if (admit(&w, request, span_of(park_cases[i].body), feed, &r) != ST_OK)
                fail_hard(name, &r.err);
            CHECK(r.outcome == ADMIT_DURABLE, "%s, %s: %d %s", name, feed_names[feed], r.outcome,
                  r.err.text);
            CHECK(r.accepted == park_cases[i].accepted, "%s: %lu", name, (unsigned long)r.accepted);
            CHECK(r.parked == park_cases[i].parked && w.parked_count - before == r.parked,
                  "%s, %s: %lu parked", name, feed_names[feed], (unsigned long)r.parked);
            for (size_t k = 0; k < park_cases[i].parked && k < w.parked_count - before; k++) {
                const struct bed_parked *p = &w.parked[(before + k) % BED_PARKED_MAX];

                CHECK(span_is((struct span){p->raw, p->size}, park_cases[i].raw[k]),
                      "%s, %s: raw '%.*s'", name, feed_names[feed], (int)p->size, p->raw);
                CHECK(strcmp(p->tenant, T1) == 0, "%s: tenant", name);
                CHECK(k > 0 || strstr(p->reason, park_cases[i].reason) != NULL, "%s: %s", name,
                      p->reason);
            }
        }
    }
    bed_close(&w);
}

static void
test_park_limits(void)
{
    struct admit_request request = {
        .shape = ADMIT_ROWS, .tenant = T1, .table = SPAN_LITERAL("DeviceEvents"), .park = true};
    struct bed w;
    struct admit_result r;
    struct text body = {0};

    world_open_with(&w, 64 << 20, true, 1000);
    /* Many bad records: more than wait at a time. */
    for (int i = 0; i < 300; i++)
        text_put(&body, i % 3 == 0 ? "{\"a\":1}\n" : "nope\n", i % 3 == 0 ? 8 : 5);
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_WHOLE, &r) == ST_OK, "begin");
    CHECK(r.accepted == 100 && r.parked == 200 && w.parked_count == 200, "%lu, %lu",
          (unsigned long)r.accepted, (unsigned long)r.parked);
    CHECK(r.fault_count == 200, "%lu faults", (unsigned long)r.fault_count);
    /* One that is larger than a record may be: in pieces, all of it. */
    body.n = 0;
    text_put(&body, "{\"a\":\"", 6);
    for (int i = 0; i < 2500; i++)
        text_put(&body, "x", 1);
    text_put(&body, "\"}\n{}\n", 6);
    for (enum feed feed = 0; feed < FEEDS; feed++) {
        size_t before = w.parked_count, sum = 0;

        CHECK(admit(&w, request, (struct span){body.p, body.n}, feed, &r) == ST_OK, "begin");
        CHECK(r.accepted == 1 && r.parked == 1, "%s: %lu, %lu: %s", feed_names[feed],
              (unsigned long)r.accepted, (unsigned long)r.parked, r.err.text);
        for (size_t k = before; k < w.parked_count; k++)
            sum += w.parked[k % BED_PARKED_MAX].size;
        CHECK(sum == 2508, "%s: %zu bytes parked", feed_names[feed], sum);
    }
    /* A park that fails: nothing is kept. */
    w.park_fails = true;
    uint64_t end = journal_extent(w.journal).end;

    CHECK(admit(&w, request, SPAN_LITERAL("{}\nbad\n"), FEED_WHOLE, &r) == ST_OK, "begin");
    CHECK(r.outcome == ADMIT_LATER && r.accepted == 0 && journal_extent(w.journal).end == end,
          "%d %s", r.outcome, r.err.text);
    free(body.p);
    bed_close(&w);
}

/* ==== batch ids */

static void
test_duplicates(void)
{
    struct admit_request request = {.shape = ADMIT_ROWS,
                                    .tenant = T1,
                                    .table = SPAN_LITERAL("DeviceEvents"),
                                    .park = true,
                                    .batch_id = SPAN_LITERAL("batch-1")};
    struct bed w;
    struct admit_result r;
    uint64_t first;

    world_open(&w);
    CHECK(admit(&w, request, SPAN_LITERAL("{}\n{}\nbad\n"), FEED_WHOLE, &r) == ST_OK &&
              r.accepted == 2,
          "%s", r.err.text);
    first = r.first_position;
    CHECK(admit(&w, request, SPAN_LITERAL("{}\n{}\nbad\n"), FEED_WHOLE, &r) == ST_OK, "again");
    CHECK(r.outcome == ADMIT_DUPLICATE && r.accepted == 2 && r.first_position == first, "%d %s",
          r.outcome, r.err.text);
    CHECK(w.parked_count == 1, "parked %zu times", w.parked_count);
    request.tenant = T2;
    CHECK(admit(&w, request, SPAN_LITERAL("{}"), FEED_WHOLE, &r) == ST_OK &&
              r.outcome == ADMIT_DURABLE,
          "the same id of another tenant is another");
    request.tenant = T1;
    request.batch_id = SPAN_LITERAL("batch-2");
    CHECK(admit(&w, request, SPAN_LITERAL("bad"), FEED_WHOLE, &r) == ST_OK && r.parked == 1,
          "all bad: %s", r.err.text);
    CHECK(admit(&w, request, SPAN_LITERAL("bad"), FEED_WHOLE, &r) == ST_OK &&
              r.outcome == ADMIT_DUPLICATE,
          "all bad, again: %d %s", r.outcome, r.err.text);
    CHECK(w.parked_count == 2, "parked %zu times", w.parked_count);
    request.park = false;
    request.batch_id = SPAN_LITERAL("batch-3");
    CHECK(admit(&w, request, SPAN_LITERAL("bad"), FEED_WHOLE, &r) == ST_OK &&
              r.outcome == ADMIT_FAULTY,
          "refused");
    CHECK(admit(&w, request, SPAN_LITERAL("{}"), FEED_WHOLE, &r) == ST_OK &&
              r.outcome == ADMIT_DURABLE,
          "what was refused may come again: %s", r.err.text);
    /* Under way: the second one gives up after wait_ms_max. */
    struct admission *x, *y;

    request.batch_id = SPAN_LITERAL("batch-4");
    CHECK(admit_begin(w.admitter, &request, &x, &r.err) == ST_OK, "first");
    CHECK(admit_begin(w.admitter, &request, &y, &r.err) == ST_FULL, "second");
    admit_abort(x);
    CHECK(admit_begin(w.admitter, &request, &y, &r.err) == ST_OK, "after the first gave up");
    admit_abort(y);
    bed_close(&w);
}

/* ==== many blocks */

static void
count_rows(void *app, const struct block *b, const struct block_row *row)
{
    struct {
        uint64_t next;
        bool bad;
    } *c = app;
    char want[64];
    int n = snprintf(want, sizeof want, "{\"n\":%llu,", (unsigned long long)c->next);

    c->next++;
    if (memcmp(b->body.p + row->at, want, (size_t)n) != 0)
        c->bad = true;
}

static void
test_large(void)
{
    struct admit_request request = {
        .shape = ADMIT_ROWS, .tenant = T1, .table = SPAN_LITERAL("DeviceEvents")};
    struct bed w;
    struct admit_result r;
    struct text body = {0};
    struct {
        uint64_t next;
        bool bad;
    } seen;
    uint64_t rows = 0;
    char pad[1200];

    world_open(&w);
    memset(pad, 'x', sizeof pad);
    while (body.n < (20u << 20)) {
        char head[64];
        int n = snprintf(head, sizeof head, "{\"n\":%llu,\"pad\":\"", (unsigned long long)rows++);

        text_put(&body, head, (size_t)n);
        text_put(&body, pad, (rows * 7919) % sizeof pad);
        text_put(&body, "\"}\n", 3);
    }
    for (enum feed feed = 0; feed < FEEDS; feed++) {
        if (feed == FEED_BYTES || feed == FEED_GZIP_BYTES)
            continue; /* minutes */
        seen.next = 0;
        seen.bad = false;
        CHECK(admit(&w, request, (struct span){body.p, body.n}, feed, &r) == ST_OK &&
                  r.accepted == rows,
              "%s: %s", feed_names[feed], r.err.text);
        CHECK(bed_each_row(&w, r.first_position, count_rows, &seen) == rows && !seen.bad,
              "%s: rows and their order", feed_names[feed]);
        CHECK(r.bytes == body.n, "%s: bytes", feed_names[feed]);
    }
    /* A fault in the last record leaves nothing. */
    uint64_t end = journal_extent(w.journal).end;

    text_put(&body, "{\"n\":}\n", 7);
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_WHOLE, &r) == ST_OK, "begin");
    CHECK(r.outcome == ADMIT_FAULTY && r.accepted == 0 && r.fault_count == 1 &&
              r.faults[0].record == rows + 1 && r.faults[0].offset == body.n - 2,
          "%d, record %lu, byte %lu of %zu", r.outcome, (unsigned long)r.faults[0].record,
          (unsigned long)r.faults[0].offset, body.n);
    CHECK(journal_extent(w.journal).end == end, "the journal is as it was");
    /* Parked instead, the others stay. */
    request.park = true;
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_WHOLE, &r) == ST_OK &&
              r.accepted == rows && r.parked == 1,
          "%s", r.err.text);
    request.park = false;
    request.body_max = 10 << 20;
    end = journal_extent(w.journal).end;
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_GZIP, &r) == ST_OK &&
              r.outcome == ADMIT_TOO_LARGE,
          "%d", r.outcome);
    CHECK(journal_extent(w.journal).end == end, "too large leaves nothing");
    request.body_max = 0;
    /* Short of memory the blocks are smaller; the request still passes whole. */
    struct bed small;

    world_open_with(&small, 4 << 20, true, 1 << 20);
    CHECK(admit(&small, request, (struct span){body.p, body.n - 7}, FEED_WHOLE, &r) == ST_OK &&
              r.accepted == rows,
          "%s", r.err.text);
    seen.next = 0;
    seen.bad = false;
    CHECK(bed_each_row(&small, 0, count_rows, &seen) == rows && !seen.bad,
          "rows and their order in small blocks");
    bed_close(&small);
    /* More rows than a block takes. */
    body.n = 0;
    for (int i = 0; i < 70000; i++)
        text_put(&body, "{}\n", 3);
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_WHOLE, &r) == ST_OK &&
              r.accepted == 70000,
          "%s", r.err.text);
    CHECK(bed_each_row(&w, r.first_position, NULL, NULL) == 70000, "70000 rows");
    free(body.p);
    bed_close(&w);
}

static void
see_tenant(void *app, const struct block *b, const struct block_row *row)
{
    uint64_t *next = app;
    char want[64];

    snprintf(want, sizeof want, "00000000-0000-4000-8000-%012llu", (unsigned long long)*next % 300);
    ++*next;
    CHECK(strcmp(b->streams[row->stream].tenant, want) == 0, "tenant %s",
          b->streams[row->stream].tenant);
}

/* More streams, and more groups, than a builder holds. */
static void
test_many(void)
{
    struct admit_request request = {.shape = ADMIT_ENVELOPES};
    struct bed w;
    struct admit_result r;
    struct text body = {0}, got = {0}, want = {0};
    uint64_t next = 0;
    static char names[300][300];
    static const char *values[300];
    static struct device_rule rules[300];
    static struct device_group groups[300];

    world_open(&w);
    for (int i = 0; i < 600; i++) {
        char line[400];
        int n = snprintf(line, sizeof line,
                         "{\"tenantId\":\"00000000-0000-4000-8000-%012d\",\"category\":\"Alert\","
                         "\"properties\":{}}\n",
                         i % 300);

        text_put(&body, line, (size_t)n);
    }
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_WHOLE, &r) == ST_OK &&
              r.accepted == 600,
          "%s", r.err.text);
    CHECK(bed_each_row(&w, r.first_position, see_tenant, &next) == 600, "600 rows");
    body.n = 0;
    for (int i = 0; i < 300; i++) {
        char line[400];
        int n;

        snprintf(names[i], sizeof names[i], "group %d", i);
        values[i] = names[i];
        rules[i] = (struct device_rule){DEVICE_TAG, OPERATOR_EQUALS, &values[i], 1};
        groups[i] = (struct device_group){
            .name = names[i], .rank = (unsigned)i + 1, .rules = &rules[i], .rule_count = 1};
        n = snprintf(line, sizeof line,
                     "{\"category\":\"AdvancedHunting-DeviceInfo\",\"time\":\"" SEVEN
                     "\",\"_TimeReceivedBySvc\":\"" RECEIVED
                     "\",\"properties\":{\"MachineGroup\":null,\"DeviceId\":\"d%d\","
                     "\"RegistryDeviceTag\":\"group %d\"}}\n",
                     i, i);
        text_put(&body, line, (size_t)n);
        n = snprintf(line, sizeof line, "group %d*@null|", i);
        text_put(&want, line, (size_t)n);
    }
    if (devices_set_groups(w.devices, T1, groups, 300, &r.err) != ST_OK)
        fail_hard("groups", &r.err);
    request.tenant = T1;
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_WHOLE, &r) == ST_OK &&
              r.accepted == 300,
          "%s", r.err.text);
    bed_each_row(&w, r.first_position, see_group, &got);
    CHECK(got.n == want.n && memcmp(got.p, want.p, got.n) == 0, "300 groups: %.300s", got.p);
    bed_each_row(&w, r.first_position, see_row, NULL);
    CHECK(strcmp(seen_text[2], SEVEN) == 0 && strcmp(seen_text[3], RECEIVED) == 0,
          "times of the last row: %s, %s", seen_text[2], seen_text[3]);
    free(body.p);
    free(got.p);
    free(want.p);
    bed_close(&w);
}

/* ==== limits and failures */

static void
test_memory(void)
{
    struct admit_request request = {
        .shape = ADMIT_ROWS, .tenant = T1, .table = SPAN_LITERAL("DeviceEvents")};
    struct admission *held[64];
    struct admit_counts counts;
    struct bed w;
    struct err err;
    size_t count = 0;

    world_open_with(&w, 4 << 20, true, 1 << 20);
    while (count < 64 && admit_begin(w.admitter, &request, &held[count], &err) == ST_OK)
        count++;
    CHECK(count > 1 && count < 64, "%zu at once", count);
    admit_counts_get(w.admitter, &counts);
    CHECK(counts.memory_used <= 4 << 20 && counts.waits > 0, "%zu bytes, %lu waits",
          counts.memory_used, (unsigned long)counts.waits);
    admit_abort(held[--count]);
    CHECK(admit_begin(w.admitter, &request, &held[count], &err) == ST_OK, "after one is gone: %s",
          err.text);
    count++;
    /* A record larger than what is left cannot be taken now; the others are untouched. */
    struct admit_result r;
    char *large = malloc(1 << 20);
    enum status st;

    memset(large, 'x', 1 << 20);
    memcpy(large, "{\"a\":\"", 6);
    for (size_t i = 0; i < count; i++)
        CHECK(admit_data(held[i], SPAN_LITERAL("{\"b\":1}")) == ST_OK, "small ones");
    admit_end(held[0], &r);
    CHECK(r.outcome == ADMIT_DURABLE, "small one");
    CHECK(admit_begin(w.admitter, &request, &held[0], &err) == ST_OK, "one more");
    st = admit_data(held[0], (struct span){large, (1 << 20) - 1});
    CHECK(st == ST_FULL, "large one: %d", st);
    admit_end(held[0], &r);
    CHECK(r.outcome == ADMIT_LATER && r.err.text[0] != '\0', "%d", r.outcome);
    for (size_t i = 1; i < count; i++) {
        admit_end(held[i], &r);
        CHECK(r.outcome == ADMIT_DURABLE && r.accepted == 1, "%zu: %s", i, r.err.text);
    }
    admit_counts_get(w.admitter, &counts);
    CHECK(counts.memory_used <= 4 << 20, "%zu bytes", counts.memory_used);
    free(large);
    bed_close(&w);
}

static void
collect_category(void *app, const struct block *b, const struct block_row *row)
{
    const struct block_stream *stream = &b->streams[row->stream];

    snprintf(app, 300, "%s %s", stream->table, stream->category);
}

/* A table is found however it is spelled, and its category's prefix is never doubled. */
static void
test_table_names(void)
{
    static const struct {
        const char *table, *stream;
    } names[] = {
        {"DeviceInfo",                     "DeviceInfo AdvancedHunting-DeviceInfo"        },
        {"deviceINFO",                     "DeviceInfo AdvancedHunting-DeviceInfo"        },
        {"AdvancedHunting-DeviceInfo",     "DeviceInfo AdvancedHunting-DeviceInfo"        },
        {"advancedhunting-deviceinfo",     "DeviceInfo AdvancedHunting-DeviceInfo"        },
        {"AdvancedHunting-Whatever_1",     "Whatever_1 AdvancedHunting-Whatever_1"        },
        {"AdvancedHunting-DeviceTvmInfoX", "DeviceTvmInfoX AdvancedHunting-DeviceTvmInfoX"},
    };
    struct bed w;

    world_open(&w);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct admit_request request = {
            .shape = ADMIT_ROWS, .tenant = T1, .table = span_of(names[i].table)};
        struct admit_result r;
        char stream[300] = "";

        CHECK(admit(&w, request, span_of("{}"), FEED_WHOLE, &r) == ST_OK, "%s: %s", names[i].table,
              r.err.text);
        bed_each_row(&w, r.first_position, collect_category, stream);
        CHECK(strcmp(stream, names[i].stream) == 0, "%s: became %s", names[i].table, stream);
    }
    bed_close(&w);
}

static void
test_begin(void)
{
    /* clang-format off */
    static const struct {
        const char *name, *tenant, *table;
        bool unknown_tables;
        enum status st;
        const char *text;
    } begins[] = {
        {"known",                 T1,     "DeviceInfo", false, ST_OK,      ""                     },
        {"unknown, may pass",     T1,     "Whatever_1", true,  ST_OK,      ""                     },
        {"unknown, may not",      T1,     "DeviceInf",  false, ST_INVALID, "did you mean DeviceInfo"},
        {"walks out",             T1,     "../x",       true,  ST_INVALID, "not a name"           },
        {"empty",                 T1,     "",           true,  ST_INVALID, "not a name"           },
        {"no container for it",   T1,     "DeviceTvmSecureConfigurationAssessmentKB", true, ST_INVALID, "too long"},
        {"tenant in upper case",  "7B1E0C1A-5D2F-4C60-9A44-0C0FFEE0BEEF", "DeviceInfo", true, ST_INVALID, "tenant"},
        {"rows without a tenant", NULL,   "DeviceInfo", true,  ST_INVALID, "tenant"               },
    };
    /* clang-format on */

    for (size_t i = 0; i < COUNT_OF(begins); i++) {
        struct admit_request request = {
            .shape = ADMIT_ROWS, .tenant = begins[i].tenant, .table = span_of(begins[i].table)};
        struct bed w;
        struct admission *x;
        struct err err = {""};
        enum status st;

        world_open_with(&w, 8 << 20, begins[i].unknown_tables, 1 << 20);
        st = admit_begin(w.admitter, &request, &x, &err);
        CHECK(st == begins[i].st && strstr(err.text, begins[i].text) != NULL, "%s: %d %s",
              begins[i].name, st, err.text);
        if (st == ST_OK)
            admit_abort(x);
        bed_close(&w);
    }
}

static void
test_failures(void)
{
    struct admit_request request = {
        .shape = ADMIT_ROWS, .tenant = T1, .table = SPAN_LITERAL("DeviceEvents")};
    struct bed w;
    struct admit_result r;
    char *packed;
    size_t size;
    struct admission *x;

    world_open(&w);
    /* gzip: cut short, and a wrong checksum */
    packed = gzip_stored("{\"a\":1}\n", 8, &size);
    request.gzip = true;
    for (size_t cut = 0; cut < size; cut++) {
        if (admit_begin(w.admitter, &request, &x, &r.err) != ST_OK)
            fail_hard("begin", &r.err);
        (void)admit_data(x, (struct span){packed, cut});
        admit_end(x, &r);
        CHECK(r.outcome == ADMIT_FAULTY && r.fault_count > 0, "gzip cut at %zu: %d", cut,
              r.outcome);
    }
    packed[size - 8] ^= 1;
    if (admit_begin(w.admitter, &request, &x, &r.err) != ST_OK)
        fail_hard("begin", &r.err);
    (void)admit_data(x, (struct span){packed, size});
    admit_end(x, &r);
    CHECK(r.outcome == ADMIT_FAULTY && r.accepted == 0, "wrong checksum: %d", r.outcome);
    free(packed);
    CHECK(bed_each_row(&w, 0, NULL, NULL) == 0, "nothing was kept");
    /* 20 faults are enough */
    struct text body = {0};

    for (int i = 0; i < 50; i++)
        text_put(&body, "x\n", 2);
    request.gzip = false;
    CHECK(admit(&w, request, (struct span){body.p, body.n}, FEED_BYTES, &r) == ST_OK &&
              r.outcome == ADMIT_FAULTY && r.fault_count == ADMIT_FAULTS_MAX &&
              r.faults[19].record == 20 && r.faults[19].offset == 38,
          "%lu faults", (unsigned long)r.fault_count);
    free(body.p);
    /* the disk */
    w.fault_errno = 5; /* EIO */
    CHECK(admit(&w, request, SPAN_LITERAL("{}"), FEED_WHOLE, &r) == ST_OK &&
              r.outcome == ADMIT_FAILED && r.accepted == 0,
          "%d %s", r.outcome, r.err.text);
    w.fault_errno = 0;
    bed_close(&w);
}

/* ==== replay */

static enum status
take_block(void *app, struct span index, struct span body, struct err *err)
{
    struct block b;
    enum status st = block_open(&b, index, body, err);

    CHECK(st == ST_OK, "%s", err->text);
    CHECK(body.n <= 128 << 10, "block of %zu bytes", body.n);
    *(uint64_t *)app += b.head->row_count;
    return st;
}

static void
test_replay(void)
{
    struct admit_request request = {.shape = ADMIT_ENVELOPES, .block_size_max = 128 << 10};
    struct bed w;
    struct text body = {0};
    struct admission *x;
    struct admit_result r;
    uint64_t rows = 0;

    world_open(&w);
    for (int i = 0; i < 5000; i++)
        text_put(&body,
                 i % 2 ? WIRE(SEVEN, T1, RECEIVED, "{\"a\":1}") "\n"
                       : WIRE(SEVEN, T2, RECEIVED, "{\"a\":1}") "\n",
                 sizeof(WIRE(SEVEN, T1, RECEIVED, "{\"a\":1}")));
    if (admit_begin_to(w.admitter, &request, take_block, &rows, &x, &r.err) != ST_OK)
        fail_hard("begin", &r.err);
    feed_space(x, (struct span){body.p, body.n});
    admit_end(x, &r);
    CHECK(r.outcome == ADMIT_DURABLE && r.accepted == 5000 && rows == 5000, "%lu rows: %s",
          (unsigned long)rows, r.err.text);
    CHECK(bed_each_row(&w, 0, NULL, NULL) == 0, "the journal saw nothing");
    free(body.p);
    bed_close(&w);
}

/* ==== the contract's examples, where they are */

static void
check_example(struct bed *w, const char *path)
{
    struct admit_request request = {.shape = ADMIT_ENVELOPES, .tenant = T1};
    struct admit_result r;
    struct err err;
    char *text;
    size_t size;

    if (file_read(path, 1 << 20, &text, &size, &err) != ST_OK)
        fail_hard(path, &err);
    for (enum feed feed = 0; feed < FEEDS; feed++) {
        CHECK(admit(w, request, (struct span){text, size}, feed, &r) == ST_OK &&
                  r.outcome == ADMIT_DURABLE && r.accepted >= 1,
              "%s: %s", path, r.err.text);
        bed_each_row(w, r.first_position, see_row, NULL);
        CHECK(seen_row.flags & ROW_WIRE_ENVELOPE, "%s: not seen to be of the wire form", path);
    }
    free(text);
}

static void
test_examples(void)
{
    const char *shared = getenv("PENSTOCK_SHARED");
    char folder[400], path[800];
    struct bed w;
    struct dirent *e;
    DIR *d;
    size_t count = 0;

    snprintf(folder, sizeof folder, "%s/contracts/examples/streaming-api",
             shared != NULL ? shared : "../shared");
    d = opendir(folder);
    if (d == NULL) {
        printf("examples: skipped, there is no %s\n", folder);
        return;
    }
    world_open(&w);
    while ((e = readdir(d)) != NULL) {
        bool is_message = strstr(e->d_name, ".eventhub.json") != NULL;

        if (!is_message && strstr(e->d_name, ".blob.json") == NULL)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        check_example(&w, path);
        count++;
    }
    closedir(d);
    CHECK(count >= 2, "%zu examples", count);
    bed_close(&w);
}

int
main(void)
{
    test_cases();
    test_cuts();
    test_spans();
    test_groups();
    test_relearn();
    test_park_cases();
    test_park_limits();
    test_duplicates();
    test_large();
    test_many();
    test_memory();
    test_table_names();
    test_begin();
    test_failures();
    test_replay();
    test_examples();
    return test_end();
}
