/* cmd_filter.c - files through a query, a record at a time: the scanner and evaluator of the
 * exports, in one thread.
 *
 * The records' form is told by the first one: an envelope has an object 'properties' and a
 * 'category'; the query then works on the properties, by the columns of the category's table, and
 * the envelope stays around them. Bare rows have the columns of --table, or those that the first
 * records show (filter_schema.h). */
#include "penstock/cmd_filter.h"
#include "base/clock.h"
#include "kql/stream.h"
#include "match/shape.h"
#include "model/catalog.h"
#include "penstock/commands.h"
#include "penstock/filter_schema.h"
#include "wire/gunzip.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RECORD_MAX = 64 << 20,
    BUFFER_FIRST = 4 << 20,
    OUT_ROOM = 1 << 20,
    GUNZIP_ROOM = 192 << 10, /* its state */
    PACKED_ROOM = 256 << 10,
    SAMPLE_RECORDS = 1000, /* that show columns, within the first buffer */
    TABLES_MAX = 256,
    QUERY_MEMORY = 256 << 20,
};

struct options {
    const char *query, *table;
    bool strict, counts, shows_schema, skips_bad;
    enum { FORM_GUESS, FORM_ROWS, FORM_ENVELOPES } form;
};

/* The query over one kind of records. */
struct lane {
    char category[104]; /* of envelopes */
    bool is_other;      /* of a table that was not asked for */
    struct kql_stream *stream;
    struct kql_stream_set *set;
    struct kql_stream_run *run;
};

struct input {
    const char *name;
    int fd;
    bool is_gzip, is_over;
    char *buffer; /* 'room' bytes and SCAN_PADDING */
    size_t size, room;
    char *packed;
    struct span packed_left;
    bool packed_over;
};

struct filter {
    struct options o;
    struct span query;
    struct pool pool; /* the queries' */
    struct scanner scanner;
    struct gunzip gunzip;
    char *memory;
    struct lane lanes[TABLES_MAX];
    size_t lane_count;
    bool is_known, has_envelopes; /* the form */
    /* bare rows inside {"records":[...]}: a scan for envelopes reads that, and reports members of
     * members too, which are left out here */
    bool has_wrapping;
    struct scan_value values[SCAN_VALUES_MAX];
    int64_t now;
    uint64_t read, left, bad, other;
    char *out;
    size_t out_size;
    int code; /* not EXIT_DONE: it ends */
};

static const char usage_text[] =
    "Usage: penstock filter 'KQL' [FILE...] [OPTIONS]\n\n"
    "Reads records (a line each, an array, or {\"records\":[...]}; gzip is recognised) from files "
    "or "
    "standard input, and writes those that the query leaves, in the shape it gives them, a line "
    "each. The query works record by record, as transformKql of an export does:\n\n"
    "  penstock filter 'where ActionType == \"ProcessCreated\" | project Timestamp, FileName' "
    "day.json.gz\n\n"
    "It may begin with 'source |', or with its first operator. Of envelopes it sees the "
    "properties, "
    "with the columns of their table; bare rows have the columns of --table, or, without it, those "
    "of the first records: string, datetime, long, real, bool, else dynamic.\n\n"
    "  --table NAME   the records' table; of envelopes: only those of this table\n"
    "  --rows         the records are bare rows (else the first one tells)\n"
    "  --envelopes    the records are envelopes\n"
    "  --count        only print how many records are left\n"
    "  --schema       only print the columns that leave\n"
    "  --strict       refuse what Azure Monitor's transformations would refuse\n"
    "  --skip-bad     pass over what is no record, instead of ending there\n";

/* ---- out ---- */

static bool
flush(struct filter *f)
{
    size_t at = 0;

    while (at < f->out_size) {
        ssize_t n = write(STDOUT_FILENO, f->out + at, f->out_size - at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            if (errno != EPIPE) /* whoever reads has had enough */
                fprintf(stderr, "penstock filter: cannot write: %s\n", strerror(errno));
            f->code = errno == EPIPE ? EXIT_DONE : EXIT_UNREACHABLE;
            f->out_size = 0;
            return false;
        }
        at += (size_t)n;
    }
    f->out_size = 0;
    return true;
}

static bool
put(struct filter *f, const char *p, size_t n)
{
    while (n > 0) {
        size_t room = OUT_ROOM - f->out_size, piece = n < room ? n : room;

        memcpy(f->out + f->out_size, p, piece);
        f->out_size += piece;
        p += piece;
        n -= piece;
        if (f->out_size == OUT_ROOM && !flush(f))
            return false;
    }
    return true;
}

/* One record is one line: what stands on several lines loses its white space. */
static bool
put_json(struct filter *f, const char *p, size_t n)
{
    char *compact;
    bool done;

    if (n == 0)
        return true;
    if (memchr(p, '\n', n) == NULL && memchr(p, '\r', n) == NULL)
        return put(f, p, n);
    compact = malloc(n);
    if (compact == NULL) {
        fputs("penstock filter: no memory\n", stderr);
        f->code = EXIT_UNREACHABLE;
        return false;
    }
    done = put(f, compact, shape_compact(p, n, compact));
    free(compact);
    return done;
}

/* ---- the query ---- */

/* A query may begin with its first operator. */
static struct span
with_source(struct pool *pool, struct span query)
{
    static const char *const operators[] = {"where",          "filter",          "extend",
                                            "project",        "project-away",    "project-keep",
                                            "project-rename", "project-reorder", "parse",
                                            "parse-where",    "parse-kv"};
    struct span first = query;
    size_t n = 0;

    while (first.n > 0 && (unsigned char)first.p[0] <= ' ')
        first.p++, first.n--;
    if (first.n > 0 && first.p[0] == '|')
        return pool_printf(pool, "source %.*s", (int)query.n, query.p);
    while (n < first.n && ((first.p[n] >= 'a' && first.p[n] <= 'z') || first.p[n] == '-'))
        n++;
    for (size_t i = 0; i < COUNT_OF(operators); i++)
        if (span_is((struct span){first.p, n}, operators[i]))
            return pool_printf(pool, "source | %.*s", (int)query.n, query.p);
    return query;
}

static void
print_diagnostics(struct filter *f, const struct kql_diagnostics *d)
{
    struct span text = kql_diagnostics_print(&f->pool, d, true);

    fwrite(text.p, 1, text.n, stderr);
}

static void
print_schema(const struct kql_stream *stream)
{
    const struct kql_schema *schema = kql_stream_schema(stream);
    size_t width = sizeof "ColumnName" - 1;

    for (uint32_t i = 0; i < schema->count; i++)
        if (schema->columns[i].name.n > width)
            width = schema->columns[i].name.n;
    printf("%-*s  ColumnType\n", (int)width, "ColumnName");
    for (uint32_t i = 0; i < schema->count; i++)
        printf("%-*.*s  %s\n", (int)width, (int)schema->columns[i].name.n,
               schema->columns[i].name.p, kql_type_name((enum kql_type)schema->columns[i].type));
}

/* NULL: f->code says that it ends. */
static struct lane *
lane_open(struct filter *f, const char *category, const struct kql_table *source)
{
    struct lane *lane = &f->lanes[f->lane_count];
    struct kql_diagnostics d;
    struct err err = {""};

    snprintf(lane->category, sizeof lane->category, "%s", category);
    kql_diagnostics_init(&d, &f->pool, f->query);
    lane->stream = kql_stream_new(&f->pool, f->query, source,
                                  f->o.strict ? KQL_STREAM_STRICT : KQL_STREAM_WIDE, &d);
    print_diagnostics(f, &d);
    if (lane->stream == NULL) {
        if (category[0] != '\0')
            fprintf(stderr,
                    "penstock filter: the query does not fit records of %s; choose a table with "
                    "--table\n",
                    category);
        f->code = EXIT_REFUSED;
        return NULL;
    }
    lane->set =
        kql_stream_set_new(&f->pool, (const struct kql_stream *const *)&lane->stream, 1, &err);
    if (lane->set != NULL)
        lane->run = kql_stream_run_new(lane->set, 0, &err);
    f->lane_count++;
    if (lane->run != NULL)
        return lane;
    fprintf(stderr, "penstock filter: %s\n", err.text);
    f->code = EXIT_REFUSED;
    return NULL;
}

static bool
table_of(struct filter *f, struct span name, struct kql_table *table)
{
    struct kql_catalog_tables tables = {.catalog = &catalog_builtin, .pool = &f->pool};

    return kql_catalog_table(&tables, name, table);
}

static struct lane *
lane_of_category(struct filter *f, struct span category)
{
    struct kql_table table;
    struct lane *lane;
    char name[104];

    for (size_t i = f->lane_count; i-- > 0;)
        if (span_is(category, f->lanes[i].category))
            return &f->lanes[i];
    if (f->lane_count == TABLES_MAX || category.n >= sizeof name) {
        fprintf(stderr, "penstock filter: more than %d categories, or a name that is none\n",
                TABLES_MAX);
        f->code = EXIT_REFUSED;
        return NULL;
    }
    memcpy(name, category.p, category.n);
    name[category.n] = '\0';
    struct span table_name = catalog_category_table(&catalog_builtin, category);

    if (f->o.table != NULL && !span_is(table_name, f->o.table)) {
        lane = &f->lanes[f->lane_count++];
        snprintf(lane->category, sizeof lane->category, "%s", name);
        lane->is_other = true;
        return lane;
    }
    if (table_of(f, table_name, &table))
        return lane_open(f, name, &table);
    fprintf(stderr,
            "penstock filter: no table '%.*s' is known; take the properties out and filter them as "
            "bare rows\n",
            (int)table_name.n, table_name.p);
    f->code = EXIT_REFUSED;
    return NULL;
}

/* ---- records ---- */

struct envelope {
    const struct scan_value *properties, *category;
};

static bool
envelope_read(const char *text, const struct scan_record *record, struct envelope *e)
{
    *e = (struct envelope){NULL, NULL};
    for (uint32_t i = 0; i < record->value_count; i++) {
        const struct scan_value *v = &record->values[i];
        struct span key = {text + record->at + v->key_at, v->key_size};

        if (v->depth != 1)
            continue;
        if (v->kind == SCAN_OBJECT && span_is(key, "properties"))
            e->properties = v;
        else if (v->kind == SCAN_STRING && !v->value_escaped && span_is(key, "category"))
            e->category = v;
    }
    return e->properties != NULL && e->category != NULL;
}

static bool
put_result(struct filter *f, enum kql_stream_result result, const char *record, size_t size,
           size_t object_at, size_t object_size, struct span changed)
{
    if (result == KQL_STREAM_DROP)
        return true;
    f->left++;
    if (f->o.counts)
        return true;
    if (result == KQL_STREAM_SAME)
        return put_json(f, record, size) && put(f, "\n", 1);
    return put_json(f, record, object_at) && put_json(f, changed.p, changed.n) &&
           put_json(f, record + object_at + object_size, size - object_at - object_size) &&
           put(f, "\n", 1);
}

static uint32_t
own_values(struct filter *f, const struct scan_record *record)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < record->value_count; i++)
        if (record->values[i].depth == 1)
            f->values[count++] = record->values[i];
    return count;
}

static bool
take_record(struct filter *f, const char *text, const struct scan_record *record)
{
    const char *at = text + record->at;
    struct span changed = {"", 0};
    struct envelope e;
    struct lane *lane;

    f->read++;
    if (!f->has_envelopes) {
        uint32_t count = f->has_wrapping ? own_values(f, record) : record->value_count;

        lane = &f->lanes[0];
        kql_stream_record(lane->run, at, 0, record->size,
                          f->has_wrapping ? f->values : record->values, count, 1, f->now);
        return put_result(f, kql_stream_ask(lane->run, 0, &changed), at, record->size, 0,
                          record->size, changed);
    }
    if (!envelope_read(text, record, &e)) {
        fprintf(stderr, "penstock filter: record %llu is no envelope, as the first was\n",
                (unsigned long long)f->read);
        f->bad++;
        f->code = f->o.skips_bad ? f->code : EXIT_REFUSED;
        return f->o.skips_bad;
    }
    lane = lane_of_category(
        f, (struct span){at + e.category->value_at + 1, e.category->value_size - 2});
    if (lane == NULL)
        return false;
    if (lane->is_other) {
        f->other++;
        return true;
    }
    kql_stream_record(lane->run, at, e.properties->value_at, e.properties->value_size,
                      record->values, record->value_count, 2, f->now);
    return put_result(f, kql_stream_ask(lane->run, 0, &changed), at, record->size,
                      e.properties->value_at, e.properties->value_size, changed);
}

static const struct scan_limits limits = {RECORD_MAX, 512, SCAN_VALUES_MAX};

static enum scan_shape
shape_of(const struct filter *f)
{
    return f->has_envelopes || f->has_wrapping ? SCAN_ENVELOPES : SCAN_ROWS;
}

/* The form, and the columns of bare rows, by the first records. */
static bool
look(struct filter *f, const char *text, size_t size, bool is_last)
{
    struct filter_schema seen = {.pool = &f->pool};
    struct kql_table table = {
        .name = {"source", 6}
    };
    struct scan_record record;
    struct scan_fault fault;
    struct envelope e;

    scanner_reset(&f->scanner, SCAN_ENVELOPES, &limits);
    f->has_envelopes = f->o.form == FORM_ENVELOPES;
    if (scan_next(&f->scanner, text, size, is_last, &record, &fault) == SCAN_RECORD &&
        f->o.form == FORM_GUESS)
        f->has_envelopes = envelope_read(text, &record, &e);
    f->has_wrapping = !f->has_envelopes && f->scanner.form == FORM_RECORDS;
    f->is_known = true;
    if (f->has_envelopes)
        return true;
    if (f->o.table != NULL) {
        if (table_of(f, span_of(f->o.table), &table))
            return lane_open(f, "", &table) != NULL;
        fprintf(stderr, "penstock filter: no table '%s'; see: penstock schema\n", f->o.table);
        f->code = EXIT_REFUSED;
        return false;
    }
    scanner_reset(&f->scanner, shape_of(f), &limits);
    for (int i = 0; i < SAMPLE_RECORDS &&
                    scan_next(&f->scanner, text, size, is_last, &record, &fault) == SCAN_RECORD;
         i++)
        filter_schema_see(&seen, text + record.at, record.values, record.value_count, 1, 0,
                          record.size);
    table.schema = filter_schema_columns(&seen);
    table.handle = &f->o;
    return lane_open(f, "", &table) != NULL;
}

/* ---- in ---- */

static bool
input_fail(struct filter *f, const struct input *in, const char *what)
{
    fprintf(stderr, "penstock filter: %s: %s\n", in->name, what);
    f->code = EXIT_UNREACHABLE;
    return false;
}

static bool
read_plain(struct filter *f, struct input *in, char *to, size_t room, size_t *got)
{
    ssize_t n;

    do
        n = read(in->fd, to, room);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return input_fail(f, in, strerror(errno));
    *got = (size_t)n;
    return true;
}

static bool
read_packed(struct filter *f, struct input *in)
{
    while (in->size < in->room && !in->is_over) {
        struct err err = {""};
        size_t got;

        if (in->packed_left.n == 0 && !in->packed_over) {
            if (!read_plain(f, in, in->packed, PACKED_ROOM, &got))
                return false;
            in->packed_left = (struct span){in->packed, got};
            in->packed_over = got == 0;
        }
        enum status st = gunzip_feed(&f->gunzip, &in->packed_left, in->packed_over,
                                     in->buffer + in->size, in->room - in->size, &got, &err);

        in->size += got;
        if (st == ST_INVALID)
            return input_fail(f, in, err.text);
        in->is_over = st == ST_END;
    }
    return true;
}

/* More behind what the buffer holds. */
static bool
input_fill(struct filter *f, struct input *in)
{
    size_t got;

    if (in->size == in->room) {
        char *larger =
            in->room >= RECORD_MAX ? NULL : realloc(in->buffer, in->room * 2 + SCAN_PADDING);

        if (larger == NULL)
            return input_fail(f, in, "a record is too large, or there is no memory");
        in->buffer = larger;
        in->room *= 2;
    }
    if (in->is_gzip)
        return read_packed(f, in);
    if (!read_plain(f, in, in->buffer + in->size, in->room - in->size, &got))
        return false;
    in->size += got;
    in->is_over = got == 0;
    return true;
}

static bool
report_fault(struct filter *f, struct input *in, const struct scan_fault *fault, uint64_t done)
{
    fprintf(stderr, "penstock filter: %s, byte %llu: %s\n", in->name,
            (unsigned long long)(done + fault->at), fault->text);
    f->bad++;
    if (f->o.skips_bad && fault->can_skip)
        return true;
    f->code = EXIT_REFUSED;
    return false;
}

static bool
scan_all(struct filter *f, struct input *in)
{
    struct scan_record record;
    struct scan_fault fault;
    uint64_t done = 0;

    for (;;) {
        enum scan_result result;

        while ((result = scan_next(&f->scanner, in->buffer, in->size, in->is_over, &record,
                                   &fault)) == SCAN_RECORD)
            if (!take_record(f, in->buffer, &record))
                return false;
        if (result == SCAN_END)
            return true;
        if (result == SCAN_FAULT) {
            size_t bad_at, bad_size;

            if (!report_fault(f, in, &fault, done))
                return false;
            if (scan_skip(&f->scanner, in->buffer, in->size, in->is_over, &fault, &bad_at,
                          &bad_size) == SCAN_RECORD)
                continue;
        }
        if (in->is_over)
            return true;
        done += f->scanner.consumed;
        in->size -= f->scanner.consumed;
        memmove(in->buffer, in->buffer + f->scanner.consumed, in->size);
        if (!input_fill(f, in))
            return false;
        memset(in->buffer + in->size, 0, SCAN_PADDING);
    }
}

/* Enough to tell what it is: records may come slowly through a pipe, so one is enough. */
static bool
input_begin(struct filter *f, struct input *in)
{
    size_t got = 0, size = 0;

    in->room = BUFFER_FIRST;
    in->buffer = malloc(in->room + SCAN_PADDING);
    in->packed = malloc(PACKED_ROOM);
    if (in->buffer == NULL || in->packed == NULL)
        return input_fail(f, in, "no memory");
    do {
        if (!read_plain(f, in, in->packed + size, 2 - size, &got))
            return false;
        size += got;
    } while (size < 2 && got > 0);
    in->is_gzip =
        size == 2 && (unsigned char)in->packed[0] == 0x1f && (unsigned char)in->packed[1] == 0x8b;
    if (in->is_gzip) {
        in->packed_left = (struct span){in->packed, size};
        gunzip_reset(&f->gunzip);
    } else {
        memcpy(in->buffer, in->packed, size);
        in->size = size;
        in->is_over = size < 2;
    }
    return in->is_over || input_fill(f, in);
}

/* Until the first record is whole, or the buffer is full of several. */
static bool
input_look(struct filter *f, struct input *in)
{
    for (;;) {
        struct scan_record record;
        struct scan_fault fault;

        memset(in->buffer + in->size, 0, SCAN_PADDING);
        scanner_reset(&f->scanner, SCAN_ENVELOPES, &limits);
        if (in->is_over ||
            scan_next(&f->scanner, in->buffer, in->size, in->is_over, &record, &fault) != SCAN_MORE)
            break;
        if (!input_fill(f, in))
            return false;
    }
    return look(f, in->buffer, in->size, in->is_over);
}

static bool
run_file(struct filter *f, const char *name)
{
    bool is_standard = strcmp(name, "-") == 0;
    struct input in = {.name = is_standard ? "standard input" : name,
                       .fd = is_standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC)};
    bool goes_on = in.fd < 0 ? input_fail(f, &in, strerror(errno)) : input_begin(f, &in);

    if (goes_on && !f->is_known)
        goes_on = input_look(f, &in);
    if (goes_on && f->o.shows_schema && !f->has_envelopes) {
        print_schema(f->lanes[0].stream);
        goes_on = false;
    }
    if (goes_on) {
        memset(in.buffer + in.size, 0, SCAN_PADDING);
        scanner_reset(&f->scanner, shape_of(f), &limits);
        goes_on = scan_all(f, &in);
    }
    free(in.buffer);
    free(in.packed);
    if (in.fd > STDIN_FILENO)
        close(in.fd);
    return goes_on;
}

/* ---- the command ---- */

static bool
options_read(int argc, char **argv, struct options *o, int *code)
{
    static const struct option longs[] = {
        {"table",     required_argument, NULL, 't'},
        {"rows",      no_argument,       NULL, 'r'},
        {"envelopes", no_argument,       NULL, 'e'},
        {"count",     no_argument,       NULL, 'c'},
        {"schema",    no_argument,       NULL, 's'},
        {"strict",    no_argument,       NULL, 'S'},
        {"skip-bad",  no_argument,       NULL, 'b'},
        {"help",      no_argument,       NULL, 'h'},
        {NULL,        0,                 NULL, 0  },
    };
    int option;

    *code = EXIT_USAGE;
    optind = 1;
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1)
        switch (option) {
        case 't':
            o->table = optarg;
            break;
        case 'r':
            o->form = FORM_ROWS;
            break;
        case 'e':
            o->form = FORM_ENVELOPES;
            break;
        case 'c':
            o->counts = true;
            break;
        case 's':
            o->shows_schema = true;
            break;
        case 'S':
            o->strict = true;
            break;
        case 'b':
            o->skips_bad = true;
            break;
        case 'h':
            fputs(usage_text, stdout);
            *code = EXIT_DONE;
            return false;
        default: /* getopt has said why */
            fputs("See: penstock filter --help\n", stderr);
            return false;
        }
    if (optind == argc) {
        fprintf(stderr, "penstock filter: say what: a query in KQL\n%s", usage_text);
        return false;
    }
    o->query = argv[optind++];
    return true;
}

static bool
filter_begin(struct filter *f)
{
    struct arena a;
    struct err err = {"no memory"};

    f->now = clock_ticks();
    f->out = malloc(OUT_ROOM);
    f->memory = aligned_alloc(64, (1 << 20) + GUNZIP_ROOM);
    a = (struct arena){f->memory, (1 << 20) + GUNZIP_ROOM, 0};
    if (f->out != NULL && f->memory != NULL &&
        scanner_init(&f->scanner, &a, SCAN_ROWS, &limits, &err) == ST_OK &&
        gunzip_init(&f->gunzip, &a, &err) == ST_OK)
        return true;
    fprintf(stderr, "penstock filter: %s\n", err.text);
    f->code = EXIT_UNREACHABLE;
    return false;
}

/* A schema can be asked for, and a query be wrong, without a record. */
static bool
check_alone(struct filter *f)
{
    struct kql_table table;

    if (!f->o.shows_schema || f->o.table == NULL)
        return true;
    if (!table_of(f, span_of(f->o.table), &table)) {
        fprintf(stderr, "penstock filter: no table '%s'; see: penstock schema\n", f->o.table);
        f->code = EXIT_REFUSED;
    } else if (lane_open(f, "", &table) != NULL) {
        print_schema(f->lanes[0].stream);
    }
    return false;
}

static void
run_files(struct filter *f, int argc, char **argv, int at)
{
    if (!filter_begin(f) || !check_alone(f))
        return;
    if (at == argc && !run_file(f, "-"))
        return;
    for (; at < argc; at++)
        if (!run_file(f, argv[at]))
            return;
}

static void
tell(struct filter *f)
{
    uint64_t exhausted = 0;

    for (size_t i = 0; i < f->lane_count; i++) {
        if (f->lanes[i].run != NULL)
            exhausted += kql_stream_exhausted(f->lanes[i].run);
        if (f->o.shows_schema && f->has_envelopes && f->lanes[i].stream != NULL) {
            printf("%s\n", f->lanes[i].category);
            print_schema(f->lanes[i].stream);
        }
    }
    if (f->o.counts && !f->o.shows_schema)
        printf("%llu\n", (unsigned long long)f->left);
    if (exhausted > 0)
        fprintf(stderr,
                "penstock filter: %llu records needed too much memory: what could not be computed "
                "counts as true, or is null\n",
                (unsigned long long)exhausted);
    if (f->bad > 0 && f->code == EXIT_DONE)
        f->code = EXIT_REFUSED;
}

int
cmd_filter(int argc, char **argv)
{
    struct filter *f = calloc(1, sizeof *f);
    jmp_buf escape;
    int code;

    if (f == NULL || !options_read(argc, argv, &f->o, &code)) {
        free(f);
        return f == NULL ? EXIT_UNREACHABLE : code;
    }
    pool_init(&f->pool, QUERY_MEMORY);
    f->pool.escape = &escape;
    if (setjmp(escape) == 0) {
        f->query = with_source(&f->pool, span_of(f->o.query));
        run_files(f, argc, argv, optind);
    } else {
        fprintf(stderr, "penstock filter: %s\n", f->pool.reason.text);
        f->code = EXIT_REFUSED;
    }
    flush(f);
    tell(f);
    code = f->code;
    for (size_t i = 0; i < f->lane_count; i++) {
        kql_stream_run_free(f->lanes[i].run);
        kql_stream_set_free(f->lanes[i].set);
        kql_stream_free(f->lanes[i].stream);
    }
    pool_free(&f->pool);
    free(f->out);
    free(f->memory);
    free(f);
    return code;
}
