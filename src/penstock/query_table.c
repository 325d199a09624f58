#include "penstock/query_table.h"
#include "kql/cell.h"
#include "wire/scan.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 256 << 10,
    SCANNER_SIZE = 512 << 10,
    DEPTH_MAX = 128,
};

/* ---- records of one file after the other ---- */

struct reader {
    const struct query_table *table;
    size_t file_index;
    int fd;
    char *buffer;
    size_t room, start, end; /* of the buffer's bytes: not yet done with */
    bool is_last, has_envelopes, is_row_there;
    uint64_t record_count;
    struct scanner scanner;
    struct arena arena;
    /* where the row's members stand among the scanner's values */
    struct scan_record record;
    uint32_t first, last;
    uint8_t depth;
    const uint8_t *wanted; /* NULL: all */
    uint32_t *hints;       /* by place in the record: the column that was there last, plus 1 */
};

static void
reader_close(void *context)
{
    struct reader *r = context;

    if (r == NULL)
        return;
    if (r->fd >= 0)
        close(r->fd);
    free(r->buffer);
    free(r->arena.base);
    free(r->hints);
    free(r);
}

static enum status
reader_file(struct reader *r, struct err *err)
{
    const struct query_file *f = &r->table->files[r->file_index];
    struct scan_limits limits = {QUERY_RECORD_MAX, DEPTH_MAX, SCAN_VALUES_MAX};

    r->fd = open(f->path, O_RDONLY | O_CLOEXEC);
    if (r->fd < 0)
        return err_set(err, ST_IO, "cannot open %s: %s", f->path, strerror(errno));
    if (lseek(r->fd, 0, SEEK_SET) < 0 && errno != ESPIPE)
        return err_set(err, ST_IO, "cannot read %s: %s", f->path, strerror(errno));
    r->has_envelopes = f->has_envelopes;
    r->start = r->end = 0;
    r->is_last = false;
    r->record_count = 0;
    scanner_reset(&r->scanner, f->has_rows ? SCAN_ROWS : SCAN_ENVELOPES, &limits);
    return ST_OK;
}

static struct reader *
reader_new(const struct query_table *table, struct err *err)
{
    struct scan_limits limits = {QUERY_RECORD_MAX, DEPTH_MAX, SCAN_VALUES_MAX};
    struct reader *r = calloc(1, sizeof *r);

    if (r == NULL)
        goto fail;
    r->fd = -1;
    r->table = table;
    r->room = BUFFER_SIZE;
    r->buffer = malloc(r->room + SCAN_PADDING);
    r->arena = (struct arena){aligned_alloc(16, SCANNER_SIZE), SCANNER_SIZE, 0};
    r->hints = calloc(SCAN_VALUES_MAX, sizeof *r->hints);
    if (r->buffer == NULL || r->arena.base == NULL || r->hints == NULL)
        goto fail;
    memset(r->buffer, 0, r->room + SCAN_PADDING);
    if (scanner_init(&r->scanner, &r->arena, SCAN_ENVELOPES, &limits, err) != ST_OK) {
        reader_close(r);
        return NULL;
    }
    return r;

fail:
    err_set(err, ST_FULL, "no memory to read table %.*s", (int)table->name.n, table->name.p);
    reader_close(r);
    return NULL;
}

/* More bytes behind those that are there. */
static enum status
reader_fill(struct reader *r, struct err *err)
{
    ssize_t n;

    if (r->start > 0) {
        memmove(r->buffer, r->buffer + r->start, r->end - r->start);
        r->end -= r->start;
        r->start = 0;
    }
    if (r->end == r->room) {
        size_t room = r->room * 2;
        char *grown = realloc(r->buffer, room + SCAN_PADDING);

        if (grown == NULL)
            return err_set(err, ST_FULL, "no memory for a record of more than %zu bytes", r->room);
        memset(grown + r->room, 0, room - r->room + SCAN_PADDING);
        r->buffer = grown;
        r->room = room;
    }
    do
        n = read(r->fd, r->buffer + r->end, r->room - r->end);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_set(err, ST_IO, "cannot read %s: %s", r->table->files[r->file_index].path,
                       strerror(errno));
    r->end += (size_t)n;
    r->is_last = n == 0;
    return ST_OK;
}

/* The next record of the file; ST_END: none. */
static enum status
reader_record(struct reader *r, struct err *err)
{
    struct scan_fault fault;
    enum status st;

    for (;;) {
        enum scan_result result = scan_next(&r->scanner, r->buffer + r->start, r->end - r->start,
                                            r->is_last, &r->record, &fault);

        switch (result) {
        case SCAN_RECORD:
            r->record.at += r->start;
            r->record_count++;
            return ST_OK;
        case SCAN_END:
            return ST_END;
        case SCAN_MORE:
            r->start += r->scanner.consumed;
            st = reader_fill(r, err);
            if (st != ST_OK)
                return st;
            break;
        case SCAN_FAULT:
            return err_set(err, ST_INVALID, "%s, record %llu%s%s: %s",
                           r->table->files[r->file_index].path,
                           (unsigned long long)r->record_count + 1,
                           fault.column[0] != '\0' ? ", column " : "", fault.column, fault.text);
        }
    }
}

static struct span
key_of(const struct reader *r, const struct scan_value *v)
{
    return (struct span){r->buffer + r->record.at + v->key_at, v->key_size};
}

static struct span
value_of(const struct reader *r, const struct scan_value *v)
{
    return (struct span){r->buffer + r->record.at + v->value_at, v->value_size};
}

static const struct scan_value *
find_top(const struct reader *r, const char *key)
{
    for (uint32_t i = 0; i < r->record.value_count; i++)
        if (r->record.values[i].depth == 1 && span_is(key_of(r, &r->record.values[i]), key))
            return &r->record.values[i];
    return NULL;
}

/* Where the row's members are. False: the record is of another table. */
static bool
find_row(struct reader *r)
{
    const struct scan_value *properties, *category;

    r->first = 0;
    r->last = r->record.value_count;
    r->depth = 1;
    if (!r->has_envelopes)
        return true;
    properties = find_top(r, "properties");
    if (properties == NULL || properties->kind != SCAN_OBJECT)
        return true;
    category = find_top(r, "category");
    if (category != NULL && r->table->known != NULL && r->table->known->category != NULL &&
        category->kind == SCAN_STRING && category->value_size >= 2) {
        struct span text = value_of(r, category);

        text = (struct span){text.p + 1, text.n - 2};
        if (!span_is(text, r->table->known->category))
            return false;
    }
    r->depth = 2;
    r->first = (uint32_t)(properties - r->record.values) + 1;
    r->last = r->first;
    while (r->last < r->record.value_count && r->record.values[r->last].depth == 2)
        r->last++;
    return true;
}

/* The next row of all files; ST_END: none. */
static enum status
reader_next(struct reader *r, struct err *err)
{
    for (;;) {
        enum status st = r->fd < 0 ? reader_file(r, err) : ST_OK;

        if (st == ST_OK)
            st = reader_record(r, err);
        if (st == ST_OK && !find_row(r))
            continue;
        if (st != ST_END)
            return st;
        close(r->fd);
        r->fd = -1;
        if (++r->file_index == r->table->file_count)
            return ST_END;
    }
}

/* ---- columns ---- */

static uint32_t
name_hash(struct span name)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 16777619u;
    return h ^ (h >> 15);
}

/* UINT32_MAX: there is no such column. */
static uint32_t
column_of(const struct query_table *t, struct span name)
{
    for (uint32_t at = name_hash(name); t->slot_count > 0; at++) {
        uint32_t slot = t->by_name[at & (t->slot_count - 1)];

        if (slot == 0)
            break;
        if (span_equal(t->columns[slot - 1].name, name))
            return slot - 1;
    }
    return UINT32_MAX;
}

static void
enter(struct query_table *t, uint32_t column)
{
    uint32_t at = name_hash(t->columns[column].name);

    while (t->by_name[at & (t->slot_count - 1)] != 0)
        at++;
    t->by_name[at & (t->slot_count - 1)] = column + 1;
}

/* 'name' is copied. */
static enum status
add_column(struct query_table *t, struct span name, enum kql_type type, struct err *err)
{
    struct kql_column *columns = realloc(t->columns, (t->column_count + 1) * sizeof *columns);
    char *copy = malloc(name.n + 1);

    if (columns != NULL)
        t->columns = columns;
    if (columns == NULL || copy == NULL || t->column_count == CATALOG_COLUMNS_MAX) {
        free(copy);
        return err_set(err, ST_FULL, "table %.*s: more than %d columns, or no memory",
                       (int)t->name.n, t->name.p, CATALOG_COLUMNS_MAX);
    }
    memcpy(copy, name.p, name.n);
    copy[name.n] = '\0';
    columns[t->column_count] = (struct kql_column){
        {copy, name.n},
        (uint8_t)type
    };
    t->column_count++;
    if (t->column_count * 2 > t->slot_count) {
        uint32_t slots = t->slot_count == 0 ? 64 : t->slot_count * 2;
        uint32_t *by_name = calloc(slots, sizeof *by_name);

        if (by_name == NULL)
            return err_set(err, ST_FULL, "no memory for a table's columns");
        free(t->by_name);
        t->by_name = by_name;
        t->slot_count = slots;
        for (uint32_t i = 0; i < t->column_count; i++)
            enter(t, i);
    } else {
        enter(t, t->column_count - 1);
    }
    return ST_OK;
}

static enum status
add_shape(struct query_table *t, const struct catalog_column *columns, size_t count,
          struct err *err)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < count && st == ST_OK; i++)
        if (column_of(t, span_of(columns[i].name)) == UINT32_MAX)
            st = add_column(t, span_of(columns[i].name), kql_type_of_column(columns[i].type), err);
    return st;
}

/* The catalog's columns, as kql_catalog_table has them. */
static enum status
add_known_columns(struct query_tables *tables, struct query_table *t, struct err *err)
{
    const struct catalog_table *known = t->known;
    bool has_both = tables->catalog.has_both, has_shape = known->workspace_column_count > 0;
    enum status st = ST_OK;

    if (has_shape && (has_both || tables->catalog.is_workspace))
        st = add_shape(t, known->workspace_columns, known->workspace_column_count, err);
    if (st == ST_OK && (has_both || t->column_count == 0))
        st = add_shape(t, known->columns, known->column_count, err);
    t->known_count = t->column_count;
    if (has_both && has_shape && known->time_column != NULL &&
        known->workspace_time_column != NULL) {
        t->time_columns[0] = column_of(t, span_of(known->time_column));
        t->time_columns[1] = column_of(t, span_of(known->workspace_time_column));
    }
    return st;
}

/* What the first records of the newest file have besides the columns that are there. */
static enum status
sample(struct query_table *t, struct err *err)
{
    struct query_file *file = &t->files[t->file_count - 1];
    struct reader *r = reader_new(t, err);
    enum status st = ST_OK;
    bool has_rows = false;

    if (r == NULL)
        return ST_FULL;
    r->file_index = t->file_count - 1;
    for (int rows = 0; rows < QUERY_SAMPLE_ROWS && st == ST_OK; rows++) {
        st = reader_next(r, err);
        if (st == ST_OK && rows == 0) {
            const struct scan_value *properties = find_top(r, "properties");

            file->has_envelopes = r->has_envelopes =
                properties != NULL && properties->kind == SCAN_OBJECT &&
                (find_top(r, "category") != NULL || find_top(r, "time") != NULL);
            has_rows = !file->has_envelopes && r->scanner.form != FORM_RECORDS;
            if (!find_row(r))
                continue;
        }
        for (uint32_t i = r->first; i < r->last && st == ST_OK; i++) {
            const struct scan_value *v = &r->record.values[i];
            uint32_t column;

            if (v->depth != r->depth || v->key_escaped || v->key_size == 0)
                continue;
            column = column_of(t, key_of(r, v));
            if (column == UINT32_MAX)
                st = add_column(t, key_of(r, v), kql_cell_guess(value_of(r, v), v->value_escaped),
                                err);
            else if (column >= t->known_count)
                t->columns[column].type = (uint8_t)kql_cell_wider(
                    t->columns[column].type, kql_cell_guess(value_of(r, v), v->value_escaped));
        }
    }
    for (uint32_t i = t->known_count; i < t->column_count; i++)
        if (t->columns[i].type == KQL_UNKNOWN)
            t->columns[i].type = KQL_DYNAMIC;
    reader_close(r);
    file->has_rows = has_rows;
    return st == ST_END ? ST_OK : st;
}

/* ---- the tables ---- */

void
query_tables_init(struct query_tables *t, const struct catalog *catalog, bool is_workspace,
                  bool has_both)
{
    *t = (struct query_tables){
        .catalog = {.catalog = catalog, .is_workspace = is_workspace, .has_both = has_both}
    };
}

void
query_tables_free(struct query_tables *t)
{
    for (size_t i = 0; i < t->count; i++) {
        for (uint32_t c = 0; c < t->tables[i]->column_count; c++)
            free((char *)(uintptr_t)t->tables[i]->columns[c].name.p);
        free(t->tables[i]->columns);
        free(t->tables[i]->by_name);
        free(t->tables[i]->files);
        free(t->tables[i]);
    }
    t->count = 0;
    if (t->spool != NULL)
        fclose(t->spool);
    t->spool = NULL;
}

/* Standard input can be read once, a table more often: it goes to a file without a name. */
static enum status
spool_input(struct query_tables *t, struct err *err)
{
    static char path[40];
    char buffer[1 << 16];
    size_t n;

    if (t->spool != NULL)
        return err_set(err, ST_INVALID, "only one table can be read from standard input");
    t->spool = tmpfile();
    if (t->spool == NULL)
        return err_set(err, ST_IO, "no temporary file: %s", strerror(errno));
    while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0)
        fwrite(buffer, 1, n, t->spool);
    if (fflush(t->spool) != 0 || ferror(t->spool) || ferror(stdin))
        return err_set(err, ST_IO, "standard input cannot be kept in a temporary file: %s",
                       strerror(errno));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(t->spool));
    t->tables[t->count - 1]->files[t->tables[t->count - 1]->file_count - 1].path = path;
    return ST_OK;
}

static struct query_table *
find_table(const struct query_tables *t, struct span name)
{
    for (size_t i = 0; i < t->count; i++)
        if (span_equal(t->tables[i]->name, name))
            return t->tables[i];
    return NULL;
}

enum status
query_tables_add(struct query_tables *t, const char *argument, struct err *err)
{
    const char *equals = strchr(argument, '=');
    struct query_table *table;
    struct query_file *files;
    struct span name;
    enum status st = ST_OK;

    if (equals == NULL || equals == argument || equals[1] == '\0')
        return err_set(err, ST_INVALID, "--table '%s': say NAME=FILE", argument);
    name = (struct span){argument, (size_t)(equals - argument)};
    table = find_table(t, name);
    if (table == NULL) {
        if (t->count == QUERY_TABLES_MAX)
            return err_set(err, ST_FULL, "more than %d tables", QUERY_TABLES_MAX);
        table = calloc(1, sizeof *table);
        if (table == NULL)
            return err_set(err, ST_FULL, "no memory for table %.*s", (int)name.n, name.p);
        table->name = name;
        table->time_columns[0] = table->time_columns[1] = UINT32_MAX;
        table->known = catalog_find(t->catalog.catalog, name);
        t->tables[t->count++] = table;
        if (table->known != NULL)
            st = add_known_columns(t, table, err);
        if (st != ST_OK)
            return st;
    }
    files = realloc(table->files, (table->file_count + 1) * sizeof *files);
    if (files == NULL)
        return err_set(err, ST_FULL, "no memory for table %.*s", (int)name.n, name.p);
    table->files = files;
    files[table->file_count++] = (struct query_file){.path = equals + 1};
    if (strcmp(equals + 1, "-") == 0)
        st = table == t->tables[t->count - 1]
                 ? spool_input(t, err)
                 : err_set(err, ST_INVALID, "standard input must be a table's only file");
    return st == ST_OK ? sample(table, err) : st;
}

void
query_tables_begin(struct query_tables *t, struct pool *pool)
{
    t->catalog.pool = pool;
    t->catalog.made = NULL;
}

static void
give(const struct query_table *t, struct kql_table *out)
{
    *out = (struct kql_table){
        .name = t->name, .schema = {t->columns, t->column_count, false},
             .handle = t
    };
}

bool
query_tables_find(void *context, struct span name, struct kql_table *out)
{
    struct query_tables *t = context;
    const struct query_table *table = find_table(t, name);

    if (table != NULL)
        give(table, out);
    else if (!kql_catalog_table(&t->catalog, name, out))
        return false;
    else
        out->handle = NULL; /* no rows */
    return true;
}

/* Those with rows, then the catalog's. */
bool
query_tables_at(void *context, size_t index, struct kql_table *out)
{
    struct query_tables *t = context;

    if (index < t->count) {
        give(t->tables[index], out);
        return true;
    }
    if (!kql_catalog_table_at(&t->catalog, index - t->count, out))
        return false;
    out->handle = NULL;
    out->has_no_rows = !t->only_checks || find_table(t, out->name) != NULL;
    return true;
}

/* ---- as a source ---- */

static void *
source_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    struct reader *r;

    (void)context;
    if (handle == NULL) {
        err_set(err, ST_INVALID,
                "no rows were given for it; name a file of its rows (NDJSON): --table NAME=FILE");
        return NULL;
    }
    r = reader_new(handle, err);
    if (r != NULL)
        r->wanted = wanted; /* lives as long as the run */
    return r;
}

/* A row of one shape's time has it as the other's too. 'times': where they stand in the record. */
static void
share_time(const struct reader *r, struct pool *pool, const struct scan_value *const times[2],
           struct kql_value *cells)
{
    const struct query_table *t = r->table;

    for (int i = 0; i < 2; i++) {
        const struct scan_value *v = times[1 - i];
        uint32_t column = t->time_columns[i];

        if (times[i] == NULL && v != NULL && (r->wanted == NULL || r->wanted[column]))
            cells[column] =
                kql_cell_read(pool, t->columns[column].type, value_of(r, v), v->value_escaped);
    }
}

static enum status
source_next(void *context, struct pool *pool, struct kql_value *cells, struct err *err)
{
    struct reader *r = context;
    const struct query_table *t = r->table;
    const struct scan_value *times[2] = {NULL, NULL};
    enum status st = reader_next(r, err);

    if (st != ST_OK)
        return st;
    for (uint32_t i = 0; i < t->column_count; i++)
        cells[i] = kql_null(t->columns[i].type);
    for (uint32_t i = r->first; i < r->last; i++) {
        const struct scan_value *v = &r->record.values[i];
        struct span key = key_of(r, v);
        uint32_t column;

        if (v->depth != r->depth)
            continue;
        if (v->key_escaped)
            key = kql_cell_text(pool, (struct span){key.p - 1, key.n + 2}, true);
        column = r->hints[i];
        if (column == 0 || !span_equal(t->columns[column - 1].name, key)) {
            column = column_of(t, key);
            if (column == UINT32_MAX)
                continue;
            r->hints[i] = ++column;
        }
        column--;
        for (int k = 0; k < 2; k++)
            if (column == t->time_columns[k])
                times[k] = v;
        if (r->wanted == NULL || r->wanted[column])
            cells[column] =
                kql_cell_read(pool, t->columns[column].type, value_of(r, v), v->value_escaped);
    }
    share_time(r, pool, times, cells);
    return ST_OK;
}

const struct kql_rows_source query_tables_source = {
    .open = source_open,
    .next = source_next,
    .close = reader_close,
};
