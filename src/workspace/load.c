#include "workspace/load.h"
#include "kql/cell.h"
#include "kql/dynamic.h"
#include "wire/scan.h"
#include <stdlib.h>
#include <strings.h>

enum {
    CHUNK_ROWS = 2048, /* duckdb_vector_size */
    SCANNER_ROOM = 1 << 20,
    TEXTS_MAX = 256 << 20, /* bytes of texts that had to be made, of a chunk's rows */
    DEPTH_MAX = 1024,
};

struct target {
    void *data;
    uint64_t *valid; /* NULL: a string, which is never null */
    uint32_t stamp;  /* the row that it was last set in */
    uint8_t type;
};

struct loader {
    struct scanner scanner;
    char *scanner_memory;
    char *body; /* a copy with the scanner's padding */
    size_t body_room;
    struct pool pool; /* texts of the chunk's rows */
    struct target *targets;
    size_t target_room;
    /* column + 1 that the n-th member was in the row before */
    const struct stored_table *guessed_for;
    uint16_t guess[SCAN_VALUES_MAX];
    /* the chunk being filled */
    const struct stored_table *table;
    duckdb_data_chunk chunk;
    uint32_t rows, stamp;
    /* the row's overflow */
    char *overflow;
    size_t overflow_size, overflow_room;
};

enum status
loader_make(struct loader **out, struct err *err)
{
    const struct scan_limits limits = {WORKSPACE_APPEND_MAX, DEPTH_MAX, SCAN_VALUES_MAX};
    struct loader *l = calloc(1, sizeof *l);
    struct arena a = {NULL, SCANNER_ROOM, 0};
    enum status st = ST_OK;

    if (l != NULL && posix_memalign((void **)&l->scanner_memory, 64, SCANNER_ROOM) != 0)
        l->scanner_memory = NULL;
    if (l == NULL || l->scanner_memory == NULL) {
        loader_free(l);
        return err_set(err, ST_FULL, "no memory to load rows");
    }
    pool_init(&l->pool, TEXTS_MAX);
    a.base = l->scanner_memory;
    st = scanner_init(&l->scanner, &a, SCAN_ENVELOPES, &limits, err);
    if (st != ST_OK) {
        loader_free(l);
        return st;
    }
    *out = l;
    return ST_OK;
}

void
loader_free(struct loader *l)
{
    if (l == NULL)
        return;
    pool_free(&l->pool);
    free(l->scanner_memory);
    free(l->body);
    free(l->targets);
    free(l);
}

/* ---- the chunk ---- */

static duckdb_type
vector_type(enum kql_type type)
{
    switch (type) {
    case KQL_BOOL:
        return DUCKDB_TYPE_BOOLEAN;
    case KQL_INT:
        return DUCKDB_TYPE_INTEGER;
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return DUCKDB_TYPE_BIGINT;
    case KQL_REAL:
        return DUCKDB_TYPE_DOUBLE;
    case KQL_GUID:
        return DUCKDB_TYPE_UUID;
    default:
        return DUCKDB_TYPE_VARCHAR;
    }
}

static const duckdb_type house_vectors[HOUSE_COUNT] = {
    [HOUSE_TENANT] = DUCKDB_TYPE_UUID,      [HOUSE_TIME] = DUCKDB_TYPE_BIGINT,
    [HOUSE_INGESTED] = DUCKDB_TYPE_BIGINT,  [HOUSE_POSITION] = DUCKDB_TYPE_UBIGINT,
    [HOUSE_ROW] = DUCKDB_TYPE_UINTEGER,     [HOUSE_INDEX] = DUCKDB_TYPE_UINTEGER,
    [HOUSE_OVERFLOW] = DUCKDB_TYPE_VARCHAR,
};

static duckdb_data_chunk
chunk_make(const struct stored_table *t)
{
    size_t count = HOUSE_COUNT + t->count;
    duckdb_logical_type *types = calloc(count, sizeof *types);
    duckdb_data_chunk chunk = NULL;

    if (types == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        types[i] = duckdb_create_logical_type(
            i < HOUSE_COUNT ? house_vectors[i] : vector_type(t->columns[i - HOUSE_COUNT].type));
    chunk = duckdb_create_data_chunk(types, count);
    for (size_t i = 0; i < count; i++)
        duckdb_destroy_logical_type(&types[i]);
    free(types);
    return chunk;
}

/* Every cell null, every string empty. */
static void
chunk_begin(struct loader *l)
{
    size_t count = HOUSE_COUNT + l->table->count;

    duckdb_data_chunk_reset(l->chunk);
    pool_reset(&l->pool);
    l->rows = 0;
    for (size_t i = 0; i < count; i++) {
        duckdb_vector v = duckdb_data_chunk_get_vector(l->chunk, i);
        struct target *to = &l->targets[i];

        to->data = duckdb_vector_get_data(v);
        to->type =
            (uint8_t)(i < HOUSE_COUNT ? KQL_DYNAMIC : l->table->columns[i - HOUSE_COUNT].type);
        to->valid = NULL;
        if (to->type == KQL_STRING) {
            memset(to->data, 0, CHUNK_ROWS * sizeof(duckdb_string_t));
        } else if (i >= HOUSE_COUNT || i == HOUSE_OVERFLOW) {
            duckdb_vector_ensure_validity_writable(v);
            to->valid = duckdb_vector_get_validity(v);
            memset(to->valid, 0, CHUNK_ROWS / 8);
        }
    }
}

static enum status
chunk_flush(struct loader *l, duckdb_appender appender, struct err *err)
{
    if (l->rows == 0)
        return ST_OK;
    duckdb_data_chunk_set_size(l->chunk, l->rows);
    if (duckdb_append_data_chunk(appender, l->chunk) != DuckDBSuccess)
        return err_set(err, ST_IO, "%.300s", duckdb_appender_error(appender));
    chunk_begin(l);
    return ST_OK;
}

static void
set_valid(const struct target *to, uint32_t row)
{
    to->valid[row >> 6] |= UINT64_C(1) << (row & 63);
}

/* Lends 'text' until the chunk is appended. */
static void
set_text(const struct target *to, uint32_t row, struct span text)
{
    duckdb_string_t *s = (duckdb_string_t *)to->data + row;

    s->value.inlined.length = (uint32_t)text.n;
    if (text.n <= sizeof s->value.inlined.inlined) {
        memset(s->value.inlined.inlined, 0, sizeof s->value.inlined.inlined);
        memcpy(s->value.inlined.inlined, text.p, text.n);
    } else {
        memcpy(s->value.pointer.prefix, text.p, sizeof s->value.pointer.prefix);
        s->value.pointer.ptr = (char *)text.p;
    }
    if (to->valid != NULL)
        set_valid(to, row);
}

/* DuckDB orders UUIDs as signed numbers: the first bit is turned. */
static void
set_guid(const struct target *to, uint32_t row, const struct kql_guid *g)
{
    duckdb_hugeint *h = (duckdb_hugeint *)to->data + row;
    uint64_t high = 0, low = 0;

    for (int i = 0; i < 8; i++) {
        high = high << 8 | g->bytes[i];
        low = low << 8 | g->bytes[8 + i];
    }
    h->upper = (int64_t)(high ^ UINT64_C(1) << 63);
    h->lower = low;
    if (to->valid != NULL)
        set_valid(to, row);
}

/* ---- cells ---- */

/* JSON as dynamic columns hold it: a string with an object or array in it is that (kql/cell.h). */
static struct span
dynamic_text(struct loader *l, struct span json, bool has_escapes)
{
    struct span text;
    struct kql_value ignored;
    struct pool_mark mark;
    size_t at;
    bool is_json;

    if (json.p[0] != '"')
        return json;
    text = kql_cell_text(&l->pool, json, has_escapes);
    while (text.n > 0 && (unsigned char)text.p[0] <= ' ')
        text.p++, text.n--;
    if (text.n < 2 || (text.p[0] != '{' && text.p[0] != '['))
        return json;
    mark = pool_mark(&l->pool);
    is_json = kql_json_read(&l->pool, text, true, &ignored, &at);
    pool_return(&l->pool, mark);
    return is_json ? text : json;
}

/* False: the value is not of the column's type. */
static bool
set_cell(struct loader *l, const struct target *to, uint32_t row, struct span json,
         bool has_escapes)
{
    struct kql_value v;
    char text[48];

    if (to->type == KQL_DYNAMIC) {
        set_text(to, row, dynamic_text(l, json, has_escapes));
        return true;
    }
    v = kql_cell_read(&l->pool, to->type, json, has_escapes);
    if (v.is_null)
        return false;
    switch (to->type) {
    case KQL_STRING:
        set_text(to, row, kql_text(&v));
        return true;
    case KQL_BOOL:
        ((bool *)to->data)[row] = v.i != 0;
        break;
    case KQL_INT:
        ((int32_t *)to->data)[row] = (int32_t)v.i;
        break;
    case KQL_REAL:
        ((double *)to->data)[row] = v.r;
        break;
    case KQL_GUID:
        set_guid(to, row, v.guid);
        return true;
    case KQL_DECIMAL:
        set_text(to, row,
                 pool_text(&l->pool, (struct span){text, kql_print_decimal(v.decimal, text)}));
        return true;
    default: /* long, datetime, timespan */
        ((int64_t *)to->data)[row] = v.i;
        break;
    }
    set_valid(to, row);
    return true;
}

static void
overflow_add(struct loader *l, struct span key, struct span json)
{
    size_t need = l->overflow_size + key.n + json.n + 6;

    if (need > l->overflow_room)
        l->overflow = pool_grow(&l->pool, l->overflow, &l->overflow_room, need, 1);
    char *at = l->overflow + l->overflow_size;

    *at++ = l->overflow_size == 0 ? '{' : ',';
    *at++ = '"';
    memcpy(at, key.p, key.n);
    at += key.n;
    *at++ = '"';
    *at++ = ':';
    memcpy(at, json.p, json.n);
    at += json.n;
    l->overflow_size = (size_t)(at - l->overflow);
}

static void
overflow_end(struct loader *l)
{
    if (l->overflow_size > 0) {
        l->overflow[l->overflow_size++] = '}';
        set_text(&l->targets[HOUSE_OVERFLOW], l->rows,
                 (struct span){l->overflow, l->overflow_size});
    }
    l->overflow = NULL;
    l->overflow_size = l->overflow_room = 0;
}

static size_t
column_of(struct loader *l, size_t member, struct span key, bool is_escaped)
{
    const struct stored_table *t = l->table;
    size_t c;

    if (is_escaped)
        return SIZE_MAX; /* no column's name needs it */
    c = (size_t)l->guess[member];
    if (c != 0 && span_is(key, t->columns[c - 1].name))
        return c - 1;
    c = stored_column_find(t, key);
    l->guess[member] = (uint16_t)(c == SIZE_MAX ? 0 : c + 1);
    return c;
}

static void
set_member(struct loader *l, size_t member, const char *record, const struct scan_value *v)
{
    struct span key = {record + v->key_at, v->key_size};
    struct span json = {record + v->value_at, v->value_size};
    size_t c = column_of(l, member, key, v->key_escaped);
    struct target *to = c != SIZE_MAX ? &l->targets[HOUSE_COUNT + c] : NULL;

    if (to != NULL && v->kind == SCAN_NULL) {
        to->stamp = l->stamp;
        return;
    }
    /* A second member of that name does not take the first one's place, nor is it lost. */
    if (to == NULL || to->stamp == l->stamp) {
        overflow_add(l, key, json);
        return;
    }
    to->stamp = l->stamp;
    if (!set_cell(l, to, l->rows, json, v->value_escaped))
        overflow_add(l, key, json);
}

/* ---- rows ---- */

/* Which of the record's values is the row itself, if it comes in an envelope: the index of "properties"; else SIZE_MAX. */
static size_t
envelope_find(const struct scan_record *r, const char *record, const char *tenant, int64_t *time)
{
    size_t properties = SIZE_MAX;
    bool has_time = false, has_tenant = false;

    for (size_t i = 0; i < r->value_count; i++) {
        const struct scan_value *v = &r->values[i];
        struct span key = {record + v->key_at, v->key_size};
        struct span text = {record + v->value_at + 1, v->value_size - 2};

        if (v->depth != 1)
            continue;
        if (v->kind == SCAN_OBJECT && span_is(key, "properties"))
            properties = i;
        else if (v->kind == SCAN_STRING && span_is(key, "time"))
            has_time = kql_read_datetime(text, time);
        else if (v->kind == SCAN_STRING && span_is(key, "tenantId"))
            has_tenant = text.n == strlen(tenant) && strncasecmp(text.p, tenant, text.n) == 0;
    }
    return has_time && has_tenant ? properties : SIZE_MAX;
}

static void
set_members(struct loader *l, const struct scan_record *r, const char *record, size_t properties)
{
    size_t from = properties == SIZE_MAX ? 0 : properties + 1;
    unsigned depth = properties == SIZE_MAX ? 1 : 2;

    for (size_t i = from, member = 0; i < r->value_count; i++) {
        if (r->values[i].depth == depth)
            set_member(l, member++, record, &r->values[i]);
        else if (r->values[i].depth < depth)
            break; /* the envelope goes on */
    }
}

/* A row of a table that the catalog does not know: whole, in the overflow. */
static void
set_other(struct loader *l, const struct workspace_rows *rows, struct span row)
{
    overflow_add(l, SPAN_LITERAL("table"), kql_json_quote(&l->pool, span_of(rows->table)));
    overflow_add(l, SPAN_LITERAL("record"), row);
}

static void
row_add(struct loader *l, const struct workspace_rows *rows, const struct kql_guid *tenant,
        uint32_t index, const struct scan_record *r, const char *record, int64_t ingested)
{
    int64_t time = ingested;
    size_t properties = envelope_find(r, record, rows->tenant, &ingested);

    if (properties == SIZE_MAX)
        ingested = time;
    l->stamp++;
    if (l->table->name[0] == '\0' && properties != SIZE_MAX)
        set_other(l, rows,
                  (struct span){record + r->values[properties].value_at,
                                r->values[properties].value_size});
    else if (l->table->name[0] == '\0')
        set_other(l, rows, (struct span){record, r->size});
    else
        set_members(l, r, record, properties);
    overflow_end(l);
    time = ingested;
    if (l->table->time != SIZE_MAX) {
        const struct target *t = &l->targets[HOUSE_COUNT + l->table->time];

        if ((t->valid[l->rows >> 6] >> (l->rows & 63) & 1) != 0)
            time = ((const int64_t *)t->data)[l->rows];
    }
    set_guid(&l->targets[HOUSE_TENANT], l->rows, tenant);
    ((int64_t *)l->targets[HOUSE_TIME].data)[l->rows] = time;
    ((int64_t *)l->targets[HOUSE_INGESTED].data)[l->rows] = ingested;
    ((uint64_t *)l->targets[HOUSE_POSITION].data)[l->rows] = rows->position;
    ((uint32_t *)l->targets[HOUSE_ROW].data)[l->rows] = rows->row;
    ((uint32_t *)l->targets[HOUSE_INDEX].data)[l->rows] = index;
    l->rows++;
}

static enum status
rows_load(struct loader *l, duckdb_appender appender, const struct workspace_rows *rows,
          int64_t ingested, struct err *err)
{
    const struct scan_limits limits = {WORKSPACE_APPEND_MAX, DEPTH_MAX, SCAN_VALUES_MAX};
    static const char envelope[] = "{\"time\":\"";
    bool is_envelope = rows->body.n >= sizeof envelope - 1 &&
                       memcmp(rows->body.p, envelope, sizeof envelope - 1) == 0;
    struct scan_record record;
    struct scan_fault fault;
    struct kql_guid tenant;
    uint32_t index = 0;
    enum status st = ST_OK;
    enum scan_result found;

    if (!kql_read_guid(span_of(rows->tenant), &tenant))
        return err_set(err, ST_INVALID, "'%.60s' is no tenant", rows->tenant);
    scanner_reset(&l->scanner, is_envelope ? SCAN_ENVELOPES : SCAN_ROWS, &limits);
    chunk_begin(l);
    while ((found = scan_next(&l->scanner, l->body, rows->body.n, true, &record, &fault)) ==
           SCAN_RECORD) {
        row_add(l, rows, &tenant, index++, &record, l->body + record.at, ingested);
        if (l->rows == CHUNK_ROWS)
            st = chunk_flush(l, appender, err);
        if (st != ST_OK)
            return st;
    }
    if (found != SCAN_END)
        return err_set(err, ST_INVALID, "row %u is no JSON object: %s", index, fault.text);
    if (index != rows->row_count)
        return err_set(err, ST_INVALID, "there are %u rows where %u should be", index,
                       rows->row_count);
    return chunk_flush(l, appender, err);
}

static enum status
rooms_make(struct loader *l, const struct stored_table *t, struct span body)
{
    size_t columns = HOUSE_COUNT + t->count;

    if (l->body_room < body.n + SCAN_PADDING) {
        free(l->body);
        l->body_room = 0;
        l->body = malloc(body.n + SCAN_PADDING);
        if (l->body == NULL)
            return ST_FULL;
        l->body_room = body.n + SCAN_PADDING;
    }
    memcpy(l->body, body.p, body.n);
    memset(l->body + body.n, 0, SCAN_PADDING);
    if (l->target_room < columns) {
        struct target *larger = realloc(l->targets, columns * sizeof *larger);

        if (larger == NULL)
            return ST_FULL;
        l->targets = larger;
        l->target_room = columns;
    }
    memset(l->targets, 0, columns * sizeof *l->targets);
    l->stamp = 0;
    if (l->guessed_for != t)
        memset(l->guess, 0, sizeof l->guess);
    l->guessed_for = l->table = t;
    l->chunk = chunk_make(t);
    return l->chunk != NULL ? ST_OK : ST_FULL;
}

enum status
loader_append(struct loader *l, const struct stored_table *t, duckdb_appender appender,
              const struct workspace_rows *rows, int64_t ingested, struct err *err)
{
    jmp_buf spent;
    enum status st;

    if (rows->body.n > WORKSPACE_APPEND_MAX)
        return err_set(err, ST_INVALID, "%zu bytes of rows at once, at most %d are taken",
                       rows->body.n, WORKSPACE_APPEND_MAX);
    if (rooms_make(l, t, rows->body) != ST_OK)
        return err_set(err, ST_FULL, "no memory to load rows of %s", rows->table);
    l->overflow = NULL;
    l->overflow_size = l->overflow_room = 0;
    if (setjmp(spent) == 0) {
        l->pool.escape = &spent;
        st = rows_load(l, appender, rows, ingested, err);
    } else {
        st = err_set(err, ST_FULL, "no memory for the texts of rows of %s", rows->table);
    }
    l->pool.escape = NULL;
    pool_reset(&l->pool);
    duckdb_destroy_data_chunk(&l->chunk);
    return st;
}
