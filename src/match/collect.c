/* collect.c - a flow, compiled; and rows through it. A row that needs no change is never copied. */
#include "match/collect.h"
#include "model/datetime.h"
#include "wire/json_find.h"
#include <stdlib.h>

enum { SCANNER_ROOM = 192 << 10, SPLICES_MAX = 64 };

static const char time_generated[] = "TimeGenerated";

/* A column whose value may have to be written as streamed records have it. */
struct retyped {
    struct span name;
    enum column_type type; /* in streamed records */
};

struct collect {
    struct pool pool;
    struct kql_table source;
    struct kql_stream *stream; /* NULL: every row passes as it is */
    const char *table, *category;
    struct span time; /* the time column's name; p NULL: none */
    bool has_alias;   /* TimeGenerated stands for it */
    struct retyped *retyped;
    size_t retyped_count;
};

/* ---- making one ---- */

static const struct catalog_column *
shape_find(const struct catalog_table *t, struct span name, bool is_workspace)
{
    return is_workspace ? catalog_column_find(t->workspace_columns, t->workspace_column_count, name)
                        : catalog_column_find(t->columns, t->column_count, name);
}

static void
add_column(struct collect *c, const char *name, enum column_type type, size_t *room)
{
    struct kql_schema *s = &c->source.schema;
    struct kql_column *columns = (struct kql_column *)(uintptr_t)s->columns;

    columns = pool_grow(&c->pool, columns, room, s->count + 1, sizeof *columns);
    columns[s->count++] =
        (struct kql_column){pool_text(&c->pool, span_of(name)), (uint8_t)kql_type_of_column(type)};
    s->columns = columns;
}

static void
source_make(struct collect *c, const struct collect_source *from)
{
    const struct catalog_table *t =
        from->input == NULL ? NULL : catalog_find(from->catalog, span_of(from->input));
    size_t room = 0;

    c->source = (struct kql_table){.name = SPAN_LITERAL("source"), .handle = c};
    for (size_t i = 0; from->columns != NULL && i < from->column_count; i++)
        add_column(c, from->columns[i].name, from->columns[i].type, &room);
    if (from->columns != NULL || t == NULL)
        return;
    for (size_t i = 0; i < t->workspace_column_count; i++)
        add_column(c, t->workspace_columns[i].name, t->workspace_columns[i].type, &room);
    for (size_t i = 0; i < t->column_count; i++)
        if (shape_find(t, span_of(t->columns[i].name), true) == NULL)
            add_column(c, t->columns[i].name, t->columns[i].type, &room);
}

/* The table's time and types. */
static void
form_make(struct collect *c, const struct collect_source *from)
{
    const struct catalog_table *t = catalog_find(from->catalog, span_of(from->table));
    size_t room = 0;

    c->table = pool_text(&c->pool, span_of(from->table)).p;
    c->category = t != NULL && t->category != NULL
                      ? pool_text(&c->pool, span_of(t->category)).p
                      : pool_printf(&c->pool, "AdvancedHunting-%s", from->table).p;
    if (t == NULL) {
        c->time = span_of(time_generated);
        return;
    }
    if (t->time_column != NULL)
        c->time = span_of(t->time_column);
    c->has_alias = t->time_column != NULL && strcmp(t->time_column, time_generated) != 0 &&
                   shape_find(t, span_of(time_generated), false) == NULL;
    for (size_t i = 0; i < t->column_count; i++) {
        const struct catalog_column *there = shape_find(t, span_of(t->columns[i].name), true);

        if (there == NULL || there->type == t->columns[i].type)
            continue;
        c->retyped =
            pool_grow(&c->pool, c->retyped, &room, c->retyped_count + 1, sizeof *c->retyped);
        c->retyped[c->retyped_count++] =
            (struct retyped){span_of(t->columns[i].name), t->columns[i].type};
    }
}

static bool
fits(enum kql_type made, enum column_type wanted)
{
    enum kql_type to = kql_type_of_column(wanted);

    return made == to || made == KQL_UNKNOWN || (made == KQL_INT && to == KQL_LONG) ||
           ((made == KQL_INT || made == KQL_LONG) && (to == KQL_REAL || to == KQL_DECIMAL)) ||
           ((made == KQL_GUID || made == KQL_TIMESPAN || made == KQL_DECIMAL) && to == KQL_STRING);
}

/* What the query makes of the table's columns must be of their types in one shape or the other. */
static enum status
types_check(const struct collect *c, const struct collect_source *from, struct err *err)
{
    const struct catalog_table *t = catalog_find(from->catalog, span_of(from->table));
    const struct kql_schema *s = kql_stream_schema(c->stream);

    for (uint32_t i = 0; i < s->count; i++) {
        const struct kql_column *made = &s->columns[i];
        bool is_time = span_equal(made->name, c->time) || span_is(made->name, time_generated);
        const struct catalog_column *streamed = t == NULL ? NULL : shape_find(t, made->name, false);
        const struct catalog_column *there = t == NULL ? NULL : shape_find(t, made->name, true);
        const struct catalog_column *known = streamed != NULL ? streamed : there;

        if (known == NULL && !(is_time && c->time.p != NULL))
            continue;
        if (known == NULL ? made->type == KQL_DATETIME
                          : (streamed != NULL && fits(made->type, streamed->type)) ||
                                (there != NULL && fits(made->type, there->type)))
            continue;
        return err_set(
            err, ST_INVALID, "it makes the column %.*s %s, and the output stream has it as %s",
            (int)made->name.n, made->name.p, kql_type_name(made->type),
            kql_type_name(known == NULL ? KQL_DATETIME : kql_type_of_column(known->type)));
    }
    return ST_OK;
}

static enum status
complain(const struct kql_diagnostics *d, struct err *err)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (!d->items[i].is_warning)
            return err_set(err, ST_INVALID, "line %u, column %u: %s: %s", d->items[i].line,
                           d->items[i].column, kql_code_name(d->items[i].code), d->items[i].text);
    return err_set(err, ST_INVALID, "it is refused");
}

static enum status
compile(struct collect *c, const struct collect_source *from, struct err *err)
{
    struct kql_diagnostics d;
    struct span text;

    if (from->kql == NULL)
        return ST_OK;
    if (strlen(from->kql) > COLLECT_TEXT_MAX)
        return err_set(err, ST_INVALID, "a query has at most %d KiB", COLLECT_TEXT_MAX / 1024);
    text = pool_text(&c->pool, span_of(from->kql));
    kql_diagnostics_init(&d, &c->pool, text);
    c->stream = kql_stream_new(&c->pool, text, &c->source, KQL_STREAM_WIDE, &d);
    return c->stream == NULL ? complain(&d, err) : types_check(c, from, err);
}

enum status
collect_make(const struct collect_source *source, struct collect **out, struct err *err)
{
    struct collect *c = calloc(1, sizeof *c);
    jmp_buf here;
    enum status st;

    if (c == NULL)
        return err_set(err, ST_FULL, "no memory for a data flow");
    pool_init(&c->pool, COLLECT_MEMORY_MAX);
    c->pool.patience_ms = COLLECT_PREPARE_MS;
    if (setjmp(here) != 0) {
        collect_free(c);
        return err_set(err, ST_INVALID, "transformKql needs too much memory or time to prepare");
    }
    c->pool.escape = &here;
    source_make(c, source);
    form_make(c, source);
    st = compile(c, source, err);
    c->pool.escape = NULL;
    c->pool.deadline_ms = c->pool.patience_ms = 0;
    if (st != ST_OK) {
        collect_free(c);
        return st;
    }
    *out = c;
    return ST_OK;
}

void
collect_free(struct collect *c)
{
    if (c == NULL)
        return;
    if (c->stream != NULL)
        kql_stream_free(c->stream);
    pool_free(&c->pool);
    free(c);
}

const char *
collect_table(const struct collect *c)
{
    return c->table;
}

const char *
collect_category(const struct collect *c)
{
    return c->category;
}

/* ---- a run ---- */

struct text {
    char *p;
    size_t n, room;
};

struct splice { /* in the order of the text */
    size_t at, size;
    struct span text; /* what stands there instead */
    bool is_quoted;   /* it is to be written as a JSON string that holds it */
};

struct collect_run {
    const struct collect *of;
    struct pool pool;
    struct kql_stream_set *set; /* NULL: no query */
    struct kql_stream_run *run;
    char *memory; /* of the scanner; NULL: there is none */
    struct scanner scanner;
    struct text changed, formed; /* what the query made, padded; what leaves */
    struct splice splices[SPLICES_MAX];
    size_t splice_count;
    uint64_t unread;
};

static const struct scan_limits limits = {1 << 30, 1024, SCAN_VALUES_MAX};

static enum status
query_make(struct collect_run *r, struct err *err)
{
    const struct kql_stream *stream = r->of->stream;
    struct arena a = {NULL, SCANNER_ROOM, 0};
    jmp_buf here;

    if (stream == NULL)
        return ST_OK;
    a.base = r->memory = aligned_alloc(64, SCANNER_ROOM);
    if (r->memory == NULL || scanner_init(&r->scanner, &a, SCAN_ROWS, &limits, err) != ST_OK)
        return err_set(err, ST_FULL, "no memory for a data flow");
    if (setjmp(here) != 0)
        return err_set(err, ST_FULL, "no memory for a data flow");
    r->pool.escape = &here;
    r->set = kql_stream_set_new(&r->pool, &stream, 1, err);
    r->pool.escape = NULL;
    if (r->set == NULL)
        return ST_FULL;
    r->run = kql_stream_run_new(r->set, COLLECT_MEMORY_MAX, err);
    return r->run == NULL ? ST_FULL : ST_OK;
}

enum status
collect_run_make(const struct collect *c, struct collect_run **out, struct err *err)
{
    struct collect_run *r = calloc(1, sizeof *r);
    enum status st;

    if (r == NULL)
        return err_set(err, ST_FULL, "no memory for a data flow");
    r->of = c;
    pool_init(&r->pool, COLLECT_MEMORY_MAX);
    st = query_make(r, err);
    if (st != ST_OK) {
        collect_run_free(r);
        return st;
    }
    *out = r;
    return ST_OK;
}

void
collect_run_free(struct collect_run *run)
{
    if (run == NULL)
        return;
    kql_stream_run_free(run->run);
    kql_stream_set_free(run->set);
    pool_free(&run->pool);
    free(run->memory);
    free(run->changed.p);
    free(run->formed.p);
    free(run);
}

uint64_t
collect_exhausted(const struct collect_run *run)
{
    return run->unread + (run->run == NULL ? 0 : kql_stream_exhausted(run->run));
}

/* ---- the form ---- */

static bool
room_make(struct text *t, size_t more)
{
    size_t room = t->room < 4096 ? 4096 : t->room;
    char *p;

    while (room - t->n < more)
        room *= 2;
    if (room == t->room)
        return true;
    p = realloc(t->p, room);
    if (p == NULL)
        return false;
    t->p = p;
    t->room = room;
    return true;
}

static bool
put(struct text *t, struct span text)
{
    if (!room_make(t, text.n))
        return false;
    memcpy(t->p + t->n, text.p, text.n);
    t->n += text.n;
    return true;
}

/* Text of JSON as a JSON string: besides quotes and backslashes it may hold only white space that needs an escape. */
static bool
put_quoted(struct text *t, struct span text)
{
    char *to;

    if (!room_make(t, 2 * text.n + 2))
        return false;
    to = t->p + t->n;
    *to++ = '"';
    for (size_t i = 0; i < text.n; i++) {
        char b = text.p[i];
        char escape = b == '"' || b == '\\' ? b
                      : b == '\n'           ? 'n'
                      : b == '\r'           ? 'r'
                      : b == '\t'           ? 't'
                                            : '\0';

        if (escape != '\0')
            *to++ = '\\';
        *to++ = escape != '\0' ? escape : b;
    }
    *to++ = '"';
    t->n = (size_t)(to - t->p);
    return true;
}

static bool
key_is(const char *row, const struct scan_value *v, struct span name)
{
    char decoded[6 * CATALOG_COLUMN_NAME_MAX + 2];

    if (!v->key_escaped)
        return v->key_size == name.n && memcmp(row + v->key_at, name.p, name.n) == 0;
    if (v->key_size > sizeof decoded - 2)
        return false;
    return json_text((struct span){row + v->key_at - 1, (size_t)v->key_size + 2}, decoded) ==
               name.n &&
           memcmp(decoded, name.p, name.n) == 0;
}

/* Splices come by place: of one that does not fit any more, the row keeps what it has. */
static void
splice(struct collect_run *r, size_t at, size_t size, struct span text, bool is_quoted)
{
    size_t i = r->splice_count;

    if (i == SPLICES_MAX)
        return;
    for (; i > 0 && r->splices[i - 1].at > at; i--)
        r->splices[i] = r->splices[i - 1];
    r->splices[i] = (struct splice){at, size, text, is_quoted};
    r->splice_count++;
}

static bool
is_whole_number(struct span text)
{
    size_t sign = text.n > 0 && text.p[0] == '-', i = sign;

    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
        i++;
    return i == text.n && i > sign && i - sign <= 19 && (text.p[sign] != '0' || i - sign == 1);
}

static void
retype(struct collect_run *r, const char *row, const struct scan_value *v)
{
    struct span value = {row + v->value_at, v->value_size};

    for (size_t i = 0; i < r->of->retyped_count; i++) {
        const struct retyped *to = &r->of->retyped[i];
        struct span inner = {value.p + 1, value.n - 2};

        if (!key_is(row, v, to->name))
            continue;
        if (to->type == COLUMN_STRING && (v->kind == SCAN_OBJECT || v->kind == SCAN_ARRAY))
            splice(r, v->value_at, value.n, value, true);
        else if ((to->type == COLUMN_INT || to->type == COLUMN_LONG) && v->kind == SCAN_STRING &&
                 is_whole_number(inner))
            splice(r, v->value_at, value.n, inner, false);
        return;
    }
}

/* Lives as long as the row is being formed. */
struct stamp {
    char now[DATETIME_TEXT_SIZE + 2];
    char member[CATALOG_COLUMN_NAME_MAX + DATETIME_TEXT_SIZE + 8];
};

static void
time_form(struct collect_run *r, const char *row, const struct scan_value *values, uint32_t count,
          int64_t now, struct stamp *stamp)
{
    const struct scan_value *time = NULL, *alias = NULL;
    const struct collect *c = r->of;

    for (uint32_t i = 0; i < count; i++) {
        if (key_is(row, &values[i], c->time))
            time = &values[i];
        else if (c->has_alias && key_is(row, &values[i], span_of(time_generated)))
            alias = &values[i];
    }
    if (time != NULL && time->kind != SCAN_NULL)
        return;
    if (alias != NULL && alias->kind == SCAN_NULL)
        alias = NULL;
    if (alias != NULL && time == NULL) {
        splice(r, alias->key_at, alias->key_size, c->time, false);
        return;
    }
    stamp->now[0] = stamp->now[DATETIME_TEXT_SIZE + 1] = '"';
    datetime_write(stamp->now + 1, now);
    if (time != NULL) {
        splice(r, time->value_at, time->value_size,
               alias != NULL ? (struct span){row + alias->value_at, alias->value_size}
                             : (struct span){stamp->now, sizeof stamp->now},
               false);
        return;
    }
    int n = snprintf(stamp->member, sizeof stamp->member, "\"%.*s\":%.*s%s", (int)c->time.n,
                     c->time.p, (int)sizeof stamp->now, stamp->now, count > 0 ? "," : "");

    splice(r, 1, 0, (struct span){stamp->member, (size_t)n}, false);
}

static enum status
form(struct collect_run *r, struct span row, const struct scan_value *values, uint32_t count,
     int64_t now, struct span *out, struct err *err)
{
    struct stamp stamp;
    size_t from = 0;
    bool is_fine = true;

    r->splice_count = 0;
    if (r->of->time.p != NULL)
        time_form(r, row.p, values, count, now, &stamp);
    for (uint32_t i = 0; r->of->retyped_count > 0 && i < count; i++)
        retype(r, row.p, &values[i]);
    *out = row;
    if (r->splice_count == 0)
        return ST_OK;
    r->formed.n = 0;
    for (size_t i = 0; i < r->splice_count && is_fine; i++) {
        const struct splice *s = &r->splices[i];

        is_fine = put(&r->formed, (struct span){row.p + from, s->at - from}) &&
                  (s->is_quoted ? put_quoted(&r->formed, s->text) : put(&r->formed, s->text));
        from = s->at + s->size;
    }
    is_fine = is_fine && put(&r->formed, (struct span){row.p + from, row.n - from});
    *out = (struct span){r->formed.p, r->formed.n};
    return is_fine ? ST_OK : err_set(err, ST_FULL, "no memory for a row of %zu bytes", row.n);
}

/* What the query made, scanned anew. */
static enum status
form_changed(struct collect_run *r, struct span made, int64_t now, struct span *out,
             struct err *err)
{
    struct scan_record record;
    struct scan_fault fault;

    r->changed.n = 0;
    if (!room_make(&r->changed, made.n + SCAN_PADDING))
        return err_set(err, ST_FULL, "no memory for a row of %zu bytes", made.n);
    memcpy(r->changed.p, made.p, made.n);
    memset(r->changed.p + made.n, 0, SCAN_PADDING);
    scanner_reset(&r->scanner, SCAN_ROWS, &limits);
    if (scan_next(&r->scanner, r->changed.p, made.n, true, &record, &fault) != SCAN_RECORD) {
        r->unread++; /* our own writing: admission will say what is wrong with it */
        *out = made;
        return ST_OK;
    }
    return form(r, (struct span){r->changed.p + record.at, record.size}, record.values,
                record.value_count, now, out, err);
}

enum status
collect_row(struct collect_run *run, struct span row, const struct scan_value *values,
            uint32_t count, int64_t now, struct span *out, struct err *err)
{
    struct span made;

    if (run->run == NULL)
        return form(run, row, values, count, now, out, err);
    kql_stream_record(run->run, row.p, 0, row.n, values, count, 1, now);
    switch (kql_stream_ask(run->run, 0, &made)) {
    case KQL_STREAM_DROP:
        return ST_END;
    case KQL_STREAM_SAME:
        return form(run, row, values, count, now, out, err);
    default:
        return form_changed(run, made, now, out, err);
    }
}
