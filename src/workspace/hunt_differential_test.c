/* hunt_differential_test.c - queries made up at random answer the same whether DuckDB runs what it can of them, or the row
 * engine everything, or the rows lie in several workspaces; and DuckDB takes all SQL that is made of them. PENSTOCK_DIFFERENTIAL_QUERIES says how many (1500),
 * PENSTOCK_DIFFERENTIAL_SEED with which to begin. */
#include "kql/dynamic.h"
#include "workspace/fill.h"
#include "workspace/hunt_bed.h"
#include "workspace/hunt_queries.h"
#include <math.h>

enum { PARTS = 3, LEFT_ROWS = 600, RIGHT_ROWS = 90, SHOWN_MAX = 12, FOUND_TIMES = 4 };

/* ---- the tables ---- */

static const struct catalog_column columns[] = {
    {"id", COLUMN_LONG,     NULL},
    {"t",  COLUMN_DATETIME, NULL},
    {"k",  COLUMN_LONG,     NULL},
    {"s",  COLUMN_STRING,   NULL},
    {"s2", COLUMN_STRING,   NULL},
    {"i",  COLUMN_INT,      NULL},
    {"l",  COLUMN_LONG,     NULL},
    {"r",  COLUMN_REAL,     NULL},
    {"b",  COLUMN_BOOL,     NULL},
    {"g",  COLUMN_GUID,     NULL},
    {"d",  COLUMN_DYNAMIC,  NULL},
    {"w",  COLUMN_TIMESPAN, NULL},
    {"c",  COLUMN_DECIMAL,  NULL},
};
static const struct catalog_table tables[] = {
    {.name = "Left",
     .family = "configuration",
     .product = "x",
     .time_column = "t",
     .columns = columns,
     .column_count = COUNT_OF(columns)},
    {.name = "Right",
     .family = "configuration",
     .product = "x",
     .time_column = "t",
     .columns = columns,
     .column_count = COUNT_OF(columns)},
};
static const struct catalog catalog = {.tables = tables, .table_count = COUNT_OF(tables)};

/* Rows made up as they are read. */
struct made {
    uint64_t random;
    int64_t next, count;
    int64_t part, parts; /* only each 'parts'th row, from 'part' on */
};

static uint64_t
random_of(struct made *m)
{
    m->random = m->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return m->random >> 33;
}

static void *
made_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    (void)handle, (void)wanted, (void)err;
    return context;
}

static void
made_close(void *reader)
{
    (void)reader;
}

static const char *
text_of(struct made *m)
{
    static const char *const texts[] = {"",
                                        "a",
                                        "A",
                                        "abc",
                                        "ABC",
                                        "abc def",
                                        "Abc.Def",
                                        "a b c",
                                        "über",
                                        "ÜBER",
                                        "日本語",
                                        "x,y,z",
                                        "12",
                                        "-7",
                                        "1.5",
                                        "true",
                                        "{\"a\":1,\"b\":\"x\"}",
                                        "[1,2,3]",
                                        "2024-01-05",
                                        "2024-01-05T10:00:00Z",
                                        "1d",
                                        "01:00:00",
                                        "it's",
                                        "back\\slash",
                                        "tab\there",
                                        "ünïcode text",
                                        "İstanbul",
                                        "straße",
                                        "STRASSE",
                                        "74be27de-1e4e-49d9-b579-fe0b331d3605",
                                        "null",
                                        "%_",
                                        "a\xcc\x81",
                                        " ",
                                        "  a  ",
                                        "a longer text with many words in it, abc among them",
                                        "ABCDEF"};

    return texts[random_of(m) % COUNT_OF(texts)];
}

static struct kql_value
real_of(struct made *m)
{
    static const double odd[] = {NAN, INFINITY, -INFINITY, 0.0, -0.0, 1e300, 5e-324};
    uint64_t pick = random_of(m) % 20;

    if (pick == 0)
        return kql_null(KQL_REAL);
    if (pick == 1)
        return kql_real(odd[random_of(m) % COUNT_OF(odd)]);
    return kql_real((double)((int64_t)(random_of(m) % 64) - 32) / 4);
}

static struct kql_value
dynamic_of(struct made *m, struct pool *p)
{
    static const char *const texts[] = {"[1,2,3]",
                                        "[]",
                                        "{\"a\":1,\"b\":\"x\"}",
                                        "{\"a\":{\"b\":[1]}}",
                                        "\"abc\"",
                                        "5",
                                        "1.5",
                                        "true",
                                        "{\"a\":\"abc\"}",
                                        "[\"a\",null,2]",
                                        "{\"a\":null}",
                                        "[{\"a\":2}]",
                                        "{}"};

    if (random_of(m) % 6 == 0)
        return kql_null(KQL_DYNAMIC);
    return kql_parse_json(p, span_of(texts[random_of(m) % COUNT_OF(texts)]));
}

static struct kql_value
long_of(struct made *m)
{
    static const int64_t odd[] = {
        0, 1, -1, INT64_MAX, INT64_MIN, INT64_C(9007199254740993), 2147483647, 4294967296};
    uint64_t pick = random_of(m) % 12;

    if (pick == 0)
        return kql_null(KQL_LONG);
    if (pick == 1)
        return kql_integer(KQL_LONG, odd[random_of(m) % COUNT_OF(odd)]);
    return kql_integer(KQL_LONG, (int64_t)(random_of(m) % 400) - 200);
}

static enum status
made_row(void *reader, struct pool *p, struct kql_value *cells, struct err *err)
{
    struct made *m = reader;
    struct kql_guid *guid = pool_zeroed(p, 1, sizeof *guid);
    struct kql_decimal *decimal = pool_zeroed(p, 1, sizeof *decimal);
    bool has[8];

    (void)err;
    if (m->next == m->count)
        return ST_END;
    for (size_t i = 0; i < COUNT_OF(has); i++)
        has[i] = random_of(m) % 10 > 0;
    CHECK(kql_read_guid(SPAN_LITERAL("74be27de-1e4e-49d9-b579-fe0b331d3600"), guid), "guid");
    guid->bytes[15] = (uint8_t)(random_of(m) % 16);
    *decimal =
        (struct kql_decimal){.low = random_of(m) % 1000, .scale = (uint8_t)(random_of(m) % 3)};
    decimal->is_negative = random_of(m) % 4 == 0 && decimal->low > 0;
    cells[0] = kql_integer(KQL_LONG, m->next++);
    cells[1] = has[0] ? kql_integer(KQL_DATETIME, INT64_C(638400000000000000) +
                                                      (int64_t)(random_of(m) % 1000000) * 10000001)
                      : kql_null(KQL_DATETIME);
    cells[2] = has[1] ? kql_integer(KQL_LONG, (int64_t)(random_of(m) % 40)) : kql_null(KQL_LONG);
    cells[3] = kql_string(span_of(text_of(m)));
    cells[4] = kql_string(span_of(text_of(m)));
    cells[5] =
        has[2] ? kql_integer(KQL_INT, (int64_t)(random_of(m) % 100) - 50) : kql_null(KQL_INT);
    cells[6] = long_of(m);
    cells[7] = real_of(m);
    cells[8] = has[3] ? kql_bool(random_of(m) % 2 == 0) : kql_null(KQL_BOOL);
    cells[9] = has[4] ? (struct kql_value){.type = KQL_GUID, .guid = guid} : kql_null(KQL_GUID);
    cells[10] = dynamic_of(m, p);
    cells[11] = has[5] ? kql_integer(KQL_TIMESPAN,
                                     ((int64_t)(random_of(m) % 2000) - 300) * INT64_C(600000001))
                       : kql_null(KQL_TIMESPAN);
    cells[12] = has[6] ? (struct kql_value){.type = KQL_DECIMAL, .decimal = decimal}
                       : kql_null(KQL_DECIMAL);
    return ST_OK;
}

static enum status
made_next(void *reader, struct pool *p, struct kql_value *cells, struct err *err)
{
    const struct made *m = reader;
    enum status st;

    do
        st = made_row(reader, p, cells, err);
    while (st == ST_OK && (m->next - 1) % m->parts != m->part);
    return st;
}

static void
table_fill(struct workspace *w, const char *name, int64_t count, uint64_t seed, int64_t part,
           int64_t parts)
{
    struct made m = {.random = seed, .count = count, .part = part, .parts = parts};
    const struct kql_rows_source source = {
        .open = made_open, .next = made_next, .close = made_close, .context = &m};
    struct kql_column own[COUNT_OF(columns)];
    struct kql_schema schema = {own, COUNT_OF(columns), false};
    struct err err = {""};
    uint64_t rows;

    for (size_t i = 0; i < COUNT_OF(columns); i++)
        own[i] = (struct kql_column){span_of(columns[i].name),
                                     (uint8_t)kql_type_of_column(columns[i].type)};
    CHECK(workspace_fill(w, span_of(name), ONE, &schema, &source, NULL, 638000000000000000, &rows,
                         &err) == ST_OK &&
              rows == (uint64_t)((count - part + parts - 1) / parts),
          "%s: %s", name, err.text);
}

/* ---- comparing ---- */

struct printed {
    char text[32 << 20];
    char *rows[20000];
    size_t count, all; /* rows that were printed, and that there are */
    bool is_done;
    enum hunt_outcome outcome;
};

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sums of reals and of long decimals depend on the order of what is added in their last digits. */
static size_t
print_cell(char *to, size_t room, enum kql_type type, const struct kql_value *v)
{
    const struct kql_value rounded = !v->is_null && v->type == KQL_DECIMAL
                                         ? kql_real(kql_decimal_to_real(v->decimal))
                                         : kql_null(KQL_REAL);

    if (!rounded.is_null)
        return print_cell(to, room, KQL_REAL, &rounded);
    if (!v->is_null && v->type == KQL_REAL && !isnan(v->r)) {
        size_t n = (size_t)snprintf(to, room, "%.9g", v->r == 0 ? 0.0 : v->r);

        return n < room ? n : room;
    }
    return bed_print_cell(to, room, type, v);
}

static void
print_answer(const struct hunt *h, struct printed *out)
{
    size_t at = 0;

    out->count = out->all = 0;
    for (uint32_t a = 0; a < h->answers.count; a++) {
        const struct kql_answer *answer = &h->answers.items[a];

        out->all += answer->row_count;
        for (size_t i = 0; i < answer->row_count && out->count < COUNT_OF(out->rows) &&
                           at + 65536 < sizeof out->text;
             i++) {
            out->rows[out->count++] = out->text + at;
            for (uint32_t c = 0; c < answer->schema.count; c++) {
                at +=
                    print_cell(out->text + at, 4096, (enum kql_type)answer->schema.columns[c].type,
                               &answer->rows[i][c]);
                out->text[at++] = '|';
            }
            out->text[at++] = '\0';
        }
    }
    qsort(out->rows, out->count, sizeof *out->rows, by_text);
}

/* Operators that were run by DuckDB, and by the row engine though SQL was wanted. */
static unsigned long by_duckdb, by_rows, in_parts;

static void
count_engines(struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        size_t at = i;

        while (at < text.n && text.p[at] == ' ')
            at++;
        if (text.n - at > 8 && (i == 0 || text.p[i - 1] == '\n')) {
            by_duckdb += memcmp(text.p + at, "duckdb  ", 8) == 0;
            by_rows += memcmp(text.p + at, "rows  ", 6) == 0;
        }
    }
}

/* Beside the one that a query is run in: the same rows, in parts. */
static struct workspace *parts[PARTS];

static void
parts_open(void)
{
    static const struct workspace_options options = {
        .catalog = &catalog, .memory_max = (size_t)256 << 20, .threads = 2};
    struct err err = {""};

    for (int64_t i = 0; i < PARTS; i++) {
        CHECK(workspace_open(WORKSPACE_IN_MEMORY, &options, &parts[i], &err) == ST_OK, "%s",
              err.text);
        table_fill(parts[i], "Left", LEFT_ROWS, 1, i, PARTS);
        table_fill(parts[i], "Right", RIGHT_ROWS, 2, i, PARTS);
    }
}

static void
answer_of(struct workspace *w, const char *text, enum hunt_engine engine, struct printed *out)
{
    static const char *const one[] = {ONE};
    struct hunt_request r = bed_request(text, one, 1);
    struct err err = {""};
    struct hunt h;

    const struct hunt_place beside[] = {
        {parts[1], "one", HUNT_HUNTING},
        {parts[2], "two", HUNT_HUNTING}
    };

    r.beside = beside;
    r.beside_count = w == parts[0] ? COUNT_OF(beside) : 0;
    r.engine = engine;
    r.explains = engine != HUNT_ROWS_ONLY;
    r.limits.time_ms = 60000;
    r.limits.answer_rows_max = COUNT_OF(out->rows);
    out->is_done = hunt_run(w, &r, &h, &err) == ST_OK;
    out->outcome = h.outcome;
    print_answer(&h, out);
    if (r.beside_count == 0)
        count_engines(h.explanation);
    else if (h.explanation.n > 0 &&
             memmem(h.explanation.p, h.explanation.n, "] in workspace", 14) != NULL)
        in_parts++;
    if (!out->is_done)
        snprintf(out->text, sizeof out->text, "%s", err.text);
    CHECK(h.rejected.text[0] == '\0', "DuckDB refuses the SQL of:\n  %s\n  %s", text,
          h.rejected.text);
    hunt_end(&h);
}

static bool
is_same(const struct printed *a, const struct printed *b)
{
    if (a->is_done != b->is_done || a->outcome != b->outcome || a->all != b->all)
        return false;
    if (a->count < a->all && b->count < b->all) /* others may have been printed */
        return true;
    if (a->count == COUNT_OF(a->rows) && b->count == COUNT_OF(b->rows))
        return true; /* the answer was cut: which rows are left hangs on their order */
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->rows[i], b->rows[i]) != 0)
            return false;
    return a->count == b->count;
}

static void
show(const char *name, const struct printed *p, const struct printed *other)
{
    size_t shown = 0;

    printf("  %s: outcome %d, %zu rows%s%s\n", name, p->outcome, p->count, p->is_done ? "" : ": ",
           p->is_done ? "" : p->text);
    for (size_t i = 0, k = 0; i < p->count && shown < 3; i++) {
        while (k < other->count && strcmp(other->rows[k], p->rows[i]) < 0)
            k++;
        if (k < other->count && strcmp(other->rows[k], p->rows[i]) == 0)
            k++;
        else
            printf("    only here: %.400s\n", (shown++, p->rows[i]));
    }
}

static unsigned long
number_from(const char *name, unsigned long otherwise)
{
    const char *text = getenv(name);

    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

/* What was once answered otherwise now and then, asked first. */
static const char *const found[] = {
    "Left | where id % 3 == 0 | sort by l desc nulls first, id desc | take 55"
    " | where k in ((Right | project k)) | project id, l, k",
    "Left | where id % 3 == 0 | top 55 by id asc"
    " | join kind=inner (Right | summarize c = count() by k | where k > 5) on k",
    "Left | where id % 3 == 0 | sort by id asc"
    " | join kind=innerunique (Left | where id < 50 | project s2, x = id) on s2"
    " | join kind=inner (Right | summarize c = count() by k | where k > 5) on k",
};

static void
expect_same(const char *text, unsigned long number, const char *one, const struct printed *a,
            const char *other, const struct printed *b)
{
    CHECK(is_same(a, b), "query %lu, %s and %s:\n  %s", number, one, other, text);
    if (!is_same(a, b)) {
        show(one, a, b);
        show(other, b, a);
    }
}

/* By the row engine, by DuckDB, and of several workspaces. */
static void
compare(struct workspace *w, const char *text, unsigned long number, struct printed *rows,
        struct printed *sql)
{
    answer_of(w, text, HUNT_ROWS_ONLY, rows);
    answer_of(w, text, number % 4 == 0 ? HUNT_MOST : HUNT_BEST, sql);
    expect_same(text, number, "rows", rows, "duckdb", sql);
    answer_of(parts[0], text, number % 8 == 1 ? HUNT_ROWS_ONLY : HUNT_BEST, sql);
    expect_same(text, number, "whole", rows, "in parts", sql);
}

int
main(void)
{
    static struct query_maker maker;
    static struct printed rows, sql;
    struct query_column left[COUNT_OF(columns)];
    unsigned long count = number_from("PENSTOCK_DIFFERENTIAL_QUERIES", 1500), done = 0;
    struct workspace *w;

    if (!workspace_is_built()) {
        printf("skipped: this build has no workspace\n");
        return test_end();
    }
    w = bed_open_with(&catalog);
    table_fill(w, "Left", LEFT_ROWS, 1, 0, 1);
    table_fill(w, "Right", RIGHT_ROWS, 2, 0, 1);
    parts_open();
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        snprintf(left[i].name, sizeof left[i].name, "%s", columns[i].name);
        left[i].type = kql_type_of_column(columns[i].type);
    }
    maker.random = number_from("PENSTOCK_DIFFERENTIAL_SEED", 1) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (unsigned long i = 0; i < FOUND_TIMES * COUNT_OF(found); i++)
        compare(w, found[i % COUNT_OF(found)], i, &rows, &sql);
    for (unsigned long i = 0; i < count && test_failed < SHOWN_MAX; i++) {
        compare(w, query_make(&maker, left, COUNT_OF(columns)), i, &rows, &sql);
        done += rows.is_done;
    }
    CHECK(in_parts * 10 > count * 7, "only %lu queries read several workspaces", in_parts);
    CHECK(done * 10 >= count * 8 || test_failed > 0, "only %lu of %lu queries run", done, count);
    CHECK(by_duckdb > 3 * by_rows, "DuckDB runs only %lu operators, the row engine %lu", by_duckdb,
          by_rows);
    printf("%lu of %lu queries had an answer; DuckDB ran %lu operators, the row engine %lu\n", done,
           count, by_duckdb, by_rows);
    for (size_t i = 0; i < PARTS; i++)
        workspace_close(parts[i]);
    workspace_close(w);
    bed_remove();
    return test_end();
}
