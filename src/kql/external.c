#include "kql/external.h"
#include "kql/cell.h"
#include "kql/dynamic.h"
#include <strings.h>

enum {
    DEPTH_MAX = 128,
    RECORD_MAX = 1 << 30, /* bytes of a JSON record: as much as a scanner takes */
    SCANNER_SIZE = 512 << 10,
    CHECK_EVERY = 1024, /* records between two looks at the clock */
};

/* ---- which format ---- */

static const struct {
    const char *name;
    int format; /* -1: known to the service, not read here */
} formats[] = {
    {"csv",        KQL_EXTERNAL_CSV  },
    {"tsv",        KQL_EXTERNAL_TSV  },
    {"psv",        KQL_EXTERNAL_PSV  },
    {"scsv",       KQL_EXTERNAL_SCSV },
    {"sohsv",      KQL_EXTERNAL_SOHSV},
    {"txt",        KQL_EXTERNAL_TXT  },
    {"raw",        KQL_EXTERNAL_RAW  },
    {"json",       KQL_EXTERNAL_JSON },
    {"multijson",  KQL_EXTERNAL_JSON },
    {"singlejson", KQL_EXTERNAL_JSON },
    {"apacheavro", -1                },
    {"avro",       -1                },
    {"orc",        -1                },
    {"parquet",    -1                },
    {"sstream",    -1                },
    {"tsve",       -1                },
    {"w3clogfile", -1                },
};

static bool
is_word(struct span s, const char *word)
{
    return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* Takes ".gz" off the end. */
static bool
drop_end(struct span *name, const char *end)
{
    size_t n = strlen(end);

    if (name->n <= n || strncasecmp(name->p + name->n - n, end, n) != 0)
        return false;
    name->n -= n;
    return true;
}

/* "json" of https://host/folder/list.json.gz?x=y; empty: nothing is said. */
static struct span
ending_of(struct span url)
{
    size_t at;

    for (at = 0; at < url.n && url.p[at] != '?' && url.p[at] != '#'; at++)
        ;
    url.n = at;
    if (!drop_end(&url, ".gz"))
        (void)drop_end(&url, ".zip");
    while (at > 0 && (at > url.n || (url.p[at - 1] != '.' && url.p[at - 1] != '/')))
        at--;
    if (at == 0 || url.p[at - 1] != '.')
        return (struct span){"", 0};
    return (struct span){url.p + at, url.n - at};
}

enum status
kql_external_format_of(struct span name, struct span url, enum kql_external_format *out,
                       struct err *err)
{
    bool is_guess = name.n == 0;

    if (is_guess)
        name = ending_of(url);
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        if (!is_word(name, formats[i].name))
            continue;
        if (formats[i].format < 0)
            return err_set(err, ST_INVALID,
                           "the format %s is not read here: csv, tsv, psv, scsv, sohsv, txt, raw, "
                           "json and multijson are",
                           formats[i].name);
        *out = (enum kql_external_format)formats[i].format;
        return ST_OK;
    }
    *out = KQL_EXTERNAL_CSV;
    if (is_guess)
        return ST_OK;
    return err_set(err, ST_INVALID,
                   "there is no format '%.*s': csv, tsv, psv, scsv, sohsv, txt, raw, json and "
                   "multijson are read",
                   name.n > 40 ? 40 : (int)name.n, name.p);
}

/* ---- values ---- */

static struct kql_value
value_of(struct pool *p, enum kql_type type, struct span text)
{
    struct kql_value v;

    if (text.n > KQL_STRING_MAX) /* in the service a longer one is cut, too */
        for (text.n = KQL_STRING_MAX; ((unsigned char)text.p[text.n] & 0xc0) == 0x80;)
            text.n--;
    v = kql_string(text);
    if (type == KQL_STRING)
        return v;
    if (text.n == 0)
        return kql_null(type);
    return type == KQL_DYNAMIC ? kql_parse_json(p, text) : kql_convert(p, KQL_STRING, &v, type);
}

static void
cells_clear(const struct kql_external_reader *r, struct kql_value *cells)
{
    for (uint32_t i = 0; i < r->schema->count; i++)
        cells[i] = kql_null((enum kql_type)r->schema->columns[i].type);
}

static void
cell_set(const struct kql_external_reader *r, struct pool *p, uint32_t column, struct span text,
         struct kql_value *cells)
{
    if (column < r->schema->count)
        cells[column] = value_of(p, (enum kql_type)r->schema->columns[column].type, text);
}

/* ---- lines ---- */

static void
skip(struct kql_external_reader *r, size_t size)
{
    r->text.p += size;
    r->text.n -= size;
}

/* Over a line's end, of whatever kind, if one is there. */
static void
skip_line_end(struct kql_external_reader *r)
{
    if (r->text.n > 1 && r->text.p[0] == '\r' && r->text.p[1] == '\n')
        skip(r, 2);
    else if (r->text.n > 0 && (r->text.p[0] == '\r' || r->text.p[0] == '\n'))
        skip(r, 1);
}

static enum status
next_line(struct kql_external_reader *r, struct pool *p, struct kql_value *cells)
{
    while (r->text.n > 0) {
        const char *end = memchr(r->text.p, '\n', r->text.n);
        size_t size = end == NULL ? r->text.n : (size_t)(end - r->text.p);
        struct span line = {r->text.p, size};

        skip(r, size + (end != NULL));
        if (line.n > 0 && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            continue;
        cells_clear(r, cells);
        cell_set(r, p, 0, line, cells);
        return ST_OK;
    }
    return ST_END;
}

static enum status
next_raw(struct kql_external_reader *r, struct pool *p, struct kql_value *cells)
{
    if (r->record_count > 0)
        return ST_END;
    cells_clear(r, cells);
    cell_set(r, p, 0, r->text, cells);
    return ST_OK;
}

/* ---- values with something between (RFC 4180) ---- */

static const char delimiters[] = {',', '\t', '|', ';', '\x01'};

/* Of what stands between quotes, each doubled one once. */
static struct span
unquoted(struct pool *p, struct span text, size_t doubled)
{
    char *out;
    size_t n = 0;

    if (doubled == 0)
        return text;
    out = pool_take(p, text.n);
    for (size_t i = 0; i < text.n; i++) {
        out[n++] = text.p[i];
        if (text.p[i] == '"')
            i++;
    }
    return (struct span){out, n};
}

/* The text is at an opening quote. False: nothing closes it. */
static bool
take_quoted(struct kql_external_reader *r, struct pool *p, struct span *out)
{
    const char *begin = r->text.p + 1, *end = r->text.p + r->text.n, *at = begin;
    size_t doubled = 0;

    for (;;) {
        at = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
        if (at == NULL)
            return false;
        if (at + 1 == end || at[1] != '"')
            break;
        doubled++;
        at += 2;
    }
    *out = unquoted(p, (struct span){begin, (size_t)(at - begin)}, doubled);
    skip(r, (size_t)(at + 1 - r->text.p));
    return true;
}

/* Up to the next delimiter or the line's end. */
static struct span
take_plain(struct kql_external_reader *r, char delimiter)
{
    const char *p = r->text.p;
    size_t n = 0;

    while (n < r->text.n && p[n] != delimiter && p[n] != '\n' && p[n] != '\r')
        n++;
    skip(r, n);
    return (struct span){p, n};
}

static struct span
joined(struct pool *p, struct span a, struct span b)
{
    char *out = pool_take(p, a.n + b.n);

    memcpy(out, a.p, a.n);
    memcpy(out + a.n, b.p, b.n);
    return (struct span){out, a.n + b.n};
}

/* One value. What stands behind a closing quote is kept behind it, as others do. */
static bool
take_value(struct kql_external_reader *r, struct pool *p, char delimiter, struct span *out)
{
    struct span rest;

    if (r->text.n == 0 || r->text.p[0] != '"') {
        *out = take_plain(r, delimiter);
        return true;
    }
    if (!take_quoted(r, p, out))
        return false;
    rest = take_plain(r, delimiter);
    if (rest.n > 0)
        *out = joined(p, *out, rest);
    return true;
}

static enum status
next_record(struct kql_external_reader *r, struct pool *p, struct kql_value *cells, struct err *err)
{
    char delimiter = delimiters[r->format];

    while (r->text.n > 0 && (r->text.p[0] == '\n' || r->text.p[0] == '\r'))
        skip(r, 1);
    if (r->text.n == 0)
        return ST_END;
    cells_clear(r, cells);
    for (uint32_t column = 0;; column++) {
        struct span value;

        if (!take_value(r, p, delimiter, &value))
            return err_set(err, ST_INVALID, "record %zu: nothing closes the quote of value %u",
                           r->record_count + 1, column + 1);
        cell_set(r, p, column, value, cells);
        if (r->text.n == 0 || r->text.p[0] != delimiter)
            break;
        skip(r, 1);
    }
    skip_line_end(r);
    return ST_OK;
}

/* ---- JSON ---- */

/* The column of a member; UINT32_MAX: none. 'hint': where it would stand if members were in the columns' order. */
static uint32_t
column_of(const struct kql_schema *schema, struct span name, uint32_t hint)
{
    for (uint32_t i = 0; i < schema->count; i++) {
        uint32_t at = (hint + i) % schema->count;

        if (span_equal(schema->columns[at].name, name))
            return at;
    }
    return UINT32_MAX;
}

static void
member_take(const struct kql_external_reader *r, struct pool *p, const char *record,
            const struct scan_value *v, uint32_t *hint, struct kql_value *cells)
{
    struct span name = {record + v->key_at, v->key_size};
    struct span json = {record + v->value_at, v->value_size};
    uint32_t column;

    if (v->key_escaped) /* with its quotes */
        name = kql_cell_text(p, (struct span){name.p - 1, name.n + 2}, true);
    column = column_of(r->schema, name, *hint);
    if (column == UINT32_MAX)
        return;
    *hint = column + 1;
    cells[column] =
        kql_cell_read(p, (enum kql_type)r->schema->columns[column].type, json, v->value_escaped);
}

static enum status
next_object(struct kql_external_reader *r, struct pool *p, struct kql_value *cells, struct err *err)
{
    struct scan_record record;
    struct scan_fault fault;
    uint32_t hint = 0;

    switch (scan_next(r->scanner, r->text.p, r->text.n, true, &record, &fault)) {
    case SCAN_RECORD:
        break;
    case SCAN_END:
        return ST_END;
    case SCAN_MORE:
    case SCAN_FAULT:
        return err_set(err, ST_INVALID, "record %zu, byte %zu: %s", r->record_count + 1,
                       fault.at + 1, fault.text);
    }
    cells_clear(r, cells);
    for (uint32_t i = 0; i < record.value_count; i++)
        if (record.values[i].depth == 1)
            member_take(r, p, r->text.p + record.at, &record.values[i], &hint, cells);
    return ST_OK;
}

static enum status
scanner_make(struct kql_external_reader *r, struct pool *p, struct err *err)
{
    const struct scan_limits limits = {RECORD_MAX, DEPTH_MAX, SCAN_VALUES_MAX};
    char *base = pool_take(p, SCANNER_SIZE + 16);
    struct arena arena = {base + (16 - ((uintptr_t)base & 15)) % 16, SCANNER_SIZE, 0};

    r->scanner = pool_zeroed(p, 1, sizeof *r->scanner);
    return scanner_init(r->scanner, &arena, SCAN_ROWS, &limits, err);
}

/* ---- rows ---- */

enum status
kql_external_begin(struct kql_external_reader *r, struct pool *p, enum kql_external_format format,
                   bool ignores_first, struct span text, const struct kql_schema *schema,
                   struct err *err)
{
    *r = (struct kql_external_reader){
        .schema = schema, .format = format, .text = text, .ignores_first = ignores_first};
    return format == KQL_EXTERNAL_JSON ? scanner_make(r, p, err) : ST_OK;
}

static enum status
next(struct kql_external_reader *r, struct pool *p, struct kql_value *cells, struct err *err)
{
    if (r->record_count % CHECK_EVERY == 0)
        pool_check(p);
    switch (r->format) {
    case KQL_EXTERNAL_TXT:
        return next_line(r, p, cells);
    case KQL_EXTERNAL_RAW:
        return next_raw(r, p, cells);
    case KQL_EXTERNAL_JSON:
        return next_object(r, p, cells, err);
    default:
        return next_record(r, p, cells, err);
    }
}

enum status
kql_external_next(struct kql_external_reader *r, struct pool *p, struct kql_value *cells,
                  struct err *err)
{
    enum status st = next(r, p, cells, err);

    if (st == ST_OK && r->record_count++ == 0 && r->ignores_first)
        st = kql_external_next(r, p, cells, err);
    return st;
}
