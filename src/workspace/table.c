/* table.c - the catalog's tables as tables of the file.
 *
 * What the file has is told by a table of its own, "$column": a row for each column with the names that records and SQL
 * know it by and its KQL type, which SQL's types do not tell. Columns are only ever added, so rows that are there keep their
 * meaning; one that the catalog gives another type later keeps its own here, and readers convert. */
#include "workspace/inner.h"
#include <stdlib.h>
#include <strings.h>

static const char *const house_types[HOUSE_COUNT] = {
    "\"$tenant\" UUID",  "\"$time\" BIGINT",    "\"$ingested\" BIGINT",  "\"$position\" UBIGINT",
    "\"$row\" UINTEGER", "\"$index\" UINTEGER", "\"$overflow\" VARCHAR",
};

static const char *
sql_type(enum kql_type type)
{
    switch (type) {
    case KQL_BOOL:
        return "BOOLEAN";
    case KQL_INT:
        return "INTEGER";
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return "BIGINT";
    case KQL_REAL:
        return "DOUBLE";
    case KQL_GUID:
        return "UUID";
    default:
        return "VARCHAR";
    }
}

static char
fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static uint32_t
fold_hash(struct span s)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)fold(s.p[i])) * 16777619u;
    return h ^ h >> 15;
}

static bool
same_fold(struct span a, struct span b)
{
    return a.n == b.n && strncasecmp(a.p, b.p, a.n) == 0;
}

/* 'text' between quotes of SQL. */
static const char *
quoted(struct pool *p, const char *text, char quote)
{
    size_t n = strlen(text), at = 0;
    char *out = pool_take(p, 2 * n + 3);

    out[at++] = quote;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == quote)
            out[at++] = quote;
        out[at++] = text[i];
    }
    out[at++] = quote;
    out[at] = '\0';
    return out;
}

const struct stored_table *
stored_find(const struct workspace *w, struct span table)
{
    for (size_t i = 0; i < w->stored_count; i++)
        if (span_is(table, w->stored[i].name))
            return &w->stored[i];
    return NULL;
}

size_t
stored_column_find(const struct stored_table *t, struct span name)
{
    size_t mask = t->slot_count - 1, near = SIZE_MAX;

    for (size_t at = fold_hash(name) & mask; t->slots[at] != 0; at = (at + 1) & mask) {
        size_t c = (size_t)t->slots[at] - 1;
        struct span own = span_of(t->columns[c].name);

        if (span_equal(own, name))
            return c;
        if (near == SIZE_MAX && same_fold(own, name))
            near = c;
    }
    return near;
}

/* ---- what the file has ---- */

static struct stored_table *
table_add(struct workspace *w, const char *name, const char *sql_name)
{
    if (w->stored_count == w->stored_room)
        w->stored =
            pool_grow(&w->pool, w->stored, &w->stored_room, w->stored_count + 1, sizeof *w->stored);
    struct stored_table *t = &w->stored[w->stored_count++];

    *t = (struct stored_table){.name = name, .sql_name = sql_name, .time = SIZE_MAX};
    return t;
}

static void
column_add(struct workspace *w, struct stored_table *t, const char *name, const char *sql_name,
           enum kql_type type)
{
    if (t->count == t->room)
        t->columns = pool_grow(&w->pool, t->columns, &t->room, t->count + 1, sizeof *t->columns);
    t->columns[t->count++] =
        (struct stored_column){name, quoted(&w->pool, sql_name, '"'), sql_name, type};
}

static const char *
cell(struct pool *p, duckdb_result *r, idx_t column, idx_t row)
{
    char *text = duckdb_value_varchar(r, column, row);
    struct span kept = pool_text(p, span_of(text != NULL ? text : ""));

    duckdb_free(text);
    return kept.p;
}

static enum status
stored_read(struct workspace *w, duckdb_connection c, struct err *err)
{
    duckdb_result r;
    enum status st = sql_run(c,
                             "SELECT tbl, sql_tbl, name, sql_name, type FROM \"$column\" "
                             "ORDER BY tbl, place",
                             &r, err);
    idx_t rows = st == ST_OK ? duckdb_row_count(&r) : 0;
    struct stored_table *t = NULL;

    if (st != ST_OK)
        return st;
    for (idx_t i = 0; i < rows && st == ST_OK; i++) {
        const char *name = cell(&w->pool, &r, 0, i), *type = cell(&w->pool, &r, 4, i);
        enum kql_type read = KQL_STRING;

        if (t == NULL || strcmp(t->name, name) != 0)
            t = table_add(w, name, cell(&w->pool, &r, 1, i));
        t->is_there = true;
        if (type[0] == '\0')
            continue; /* the table's own row: it may have no columns */
        if (!kql_type_read(span_of(type), &read))
            st = err_set(err, ST_INVALID, "%s: column %s.%s is of an unknown type %s", w->path,
                         name, cell(&w->pool, &r, 2, i), type);
        column_add(w, t, cell(&w->pool, &r, 2, i), cell(&w->pool, &r, 3, i), read);
        t->there_count = t->count;
    }
    duckdb_destroy_result(&r);
    return st;
}

/* ---- what the catalog wants ---- */

static bool
sql_name_is_used(const struct workspace *w, const struct stored_table *t, const char *name)
{
    if (t == NULL) {
        for (size_t i = 0; i < w->stored_count; i++)
            if (strcasecmp(w->stored[i].sql_name, name) == 0)
                return true;
        return false;
    }
    for (size_t i = 0; i < t->count; i++)
        if (strncasecmp(t->columns[i].sql + 1, name, strlen(name)) == 0 &&
            t->columns[i].sql[strlen(name) + 1] == '"')
            return true;
    return false;
}

/* A name that SQL, which folds case, does not know yet. */
static const char *
sql_name_new(struct workspace *w, const struct stored_table *t, const char *name)
{
    struct span made = pool_text(&w->pool, span_of(name));

    for (unsigned n = 2; sql_name_is_used(w, t, made.p); n++)
        made = pool_printf(&w->pool, "%s$%u", name, n);
    return made.p;
}

static struct stored_table *
table_want(struct workspace *w, const char *name)
{
    struct stored_table *t = (struct stored_table *)stored_find(w, span_of(name));

    return t != NULL ? t
                     : table_add(w, name, sql_name_new(w, NULL, name[0] != '\0' ? name : "$other"));
}

/* A column of the table under exactly this name, or (where 'is_near') any spelling of it. */
static void
column_want(struct workspace *w, struct stored_table *t, const char *name, enum kql_type type,
            bool is_near)
{
    for (size_t i = 0; i < t->count; i++)
        if (is_near ? strcasecmp(t->columns[i].name, name) == 0
                    : strcmp(t->columns[i].name, name) == 0)
            return;
    column_add(w, t, name, sql_name_new(w, t, name), type);
}

static void
column_print(const struct stored_column *c, FILE *sql)
{
    fprintf(sql, "%s %s%s", c->sql, sql_type(c->type), c->type == KQL_STRING ? " DEFAULT ''" : "");
}

/* What makes the file's table as it is wanted. A statement for each new table, not for each of its columns: opening an empty file
 * takes a quarter of the time. */
static void
table_print(struct workspace *w, const struct stored_table *t, FILE *sql)
{
    const char *name = quoted(&w->pool, t->sql_name, '"');

    for (size_t i = t->there_count; i < t->count && t->is_there; i++) {
        fprintf(sql, "ALTER TABLE %s ADD COLUMN ", name);
        column_print(&t->columns[i], sql);
        fputs(";\n", sql);
    }
    if (t->is_there)
        return;
    fprintf(sql, "CREATE TABLE %s (", name);
    for (size_t i = 0; i < HOUSE_COUNT; i++)
        fprintf(sql, "%s%s", i > 0 ? ", " : "", house_types[i]);
    for (size_t i = 0; i < t->count; i++) {
        fputs(", ", sql);
        column_print(&t->columns[i], sql);
    }
    fputs(");\n", sql);
}

static void
told_one(struct workspace *w, FILE *sql, const struct stored_table *t, size_t place,
         const struct stored_column *c, bool *has_begun)
{
    fprintf(sql, "%s(%s, %s, %zu, %s, %s, %s)",
            *has_begun ? ",\n" : "INSERT INTO \"$column\" VALUES ", quoted(&w->pool, t->name, '\''),
            quoted(&w->pool, t->sql_name, '\''), place,
            quoted(&w->pool, c != NULL ? c->name : "", '\''),
            quoted(&w->pool, c != NULL ? c->sql_name : "", '\''),
            quoted(&w->pool, c != NULL ? kql_type_name(c->type) : "", '\''));
    *has_begun = true;
}

/* What is new in "$column": a row for a table, which is its place 0, and one for each column. */
static void
told_print(struct workspace *w, FILE *sql)
{
    bool has_begun = false;

    for (size_t i = 0; i < w->stored_count; i++) {
        const struct stored_table *t = &w->stored[i];

        if (!t->is_there)
            told_one(w, sql, t, 0, NULL, &has_begun);
        for (size_t c = t->there_count; c < t->count; c++)
            told_one(w, sql, t, c + 1, &t->columns[c], &has_begun);
    }
    if (has_begun)
        fputs(";\n", sql);
}

/* What the workspace shape shows of the row's housekeeping, and nobody stores: Log Analytics' standard columns. Of tables
 * that are a workspace's alone, rows may bring those that are marked: then they count. */
enum house_how { HOUSE_SQL, HOUSE_GUID, HOUSE_TYPE, HOUSE_SIZE };

static const struct house_column {
    const char *name;
    enum house_how how;
    const char *sql;
    enum kql_type type;
    bool is_brought;  /* with the rows of a workspace's own tables */
    bool is_standard; /* there, behind the others, in each workspace shape that does not list it */
} house_columns[] = {
    {"TimeGenerated", HOUSE_SQL,  "\"$time\"",                               KQL_DATETIME, true,  false},
    {"TenantId",      HOUSE_GUID, NULL,                                      KQL_STRING,   true,  false},
    {"Type",          HOUSE_TYPE, NULL,                                      KQL_STRING,   true,  false},
    {"SourceSystem",  HOUSE_SQL,  "'Azure'",                                 KQL_STRING,   true,  false},
    {"_IsBillable",   HOUSE_SQL,  "'true'",                                  KQL_STRING,   true,  false},
    {"_BilledSize",   HOUSE_SIZE, NULL,                                      KQL_REAL,     true,  false},
 /* The three that make a row unique are 128 bits together. */
    {"_ItemId",       HOUSE_SQL,
     "printf('%08x-%04x-%04x-%04x-%04x%08x', \"$position\" >> 32, (\"$position\" >> 16) & 65535, "
     "\"$position\" & 65535, \"$row\" >> 16, \"$row\" & 65535, \"$index\")", KQL_STRING,   false, true },
    {"_TimeReceived", HOUSE_SQL,  "\"$ingested\"",                           KQL_DATETIME, false, true },
};

static bool
is_workspace_table(const struct catalog_table *t)
{
    return t->workspace_column_count == 0 && strcmp(t->family, "log-analytics") == 0;
}

/* 'columns': of the shape in question. */
static const struct house_column *
house_find(const struct catalog_table *t, const struct catalog_column *columns, const char *name)
{
    if (columns != t->workspace_columns && !is_workspace_table(t))
        return NULL; /* the hunting shape has none */
    for (size_t i = 0; i < COUNT_OF(house_columns); i++)
        if (strcmp(house_columns[i].name, name) == 0)
            return &house_columns[i];
    return NULL;
}

/* Whether it is made of the row's housekeeping alone. */
static bool
house_is_whole(const struct catalog_table *t, const struct house_column *h)
{
    return h != NULL && !(h->is_brought && is_workspace_table(t));
}

static void
table_make(struct workspace *w, const struct catalog_table *c)
{
    struct stored_table *t = table_want(w, c->name);

    for (size_t i = 0; i < c->column_count; i++)
        if (!house_is_whole(c, house_find(c, c->columns, c->columns[i].name)))
            column_want(w, t, c->columns[i].name, kql_type_of_column(c->columns[i].type), false);
    for (size_t i = 0; i < c->workspace_column_count; i++)
        if (!house_is_whole(c, house_find(c, c->workspace_columns, c->workspace_columns[i].name)))
            column_want(w, t, c->workspace_columns[i].name,
                        kql_type_of_column(c->workspace_columns[i].type), true);
}

static void
table_index(struct workspace *w, struct stored_table *t)
{
    const struct catalog_table *c = catalog_find(w->catalog, span_of(t->name));

    t->slot_count = 64;
    while (t->slot_count < 4 * t->count)
        t->slot_count *= 2;
    t->slots = pool_zeroed(&w->pool, t->slot_count, sizeof *t->slots);
    for (size_t i = 0; i < t->count; i++) {
        size_t at = fold_hash(span_of(t->columns[i].name)) & (t->slot_count - 1);

        while (t->slots[at] != 0)
            at = (at + 1) & (t->slot_count - 1);
        t->slots[at] = (uint16_t)(i + 1);
    }
    if (c != NULL && c->time_column != NULL)
        t->time = stored_column_find(t, span_of(c->time_column));
    if (t->time != SIZE_MAX && t->columns[t->time].type != KQL_DATETIME)
        t->time = SIZE_MAX;
}

/* ---- shapes ---- */

/* Bytes of the row's values: texts as long as they are, 8 for any other. */
static const char *
size_sql(struct workspace *w, const struct stored_table *t)
{
    size_t room = 64 + strlen("coalesce(strlen(\"$overflow\"), 0)"), n;
    char *out;

    for (size_t i = 0; i < t->count; i++)
        room += strlen(t->columns[i].sql) + 40;
    out = pool_take(&w->pool, room);
    n = (size_t)snprintf(out, room, "CAST(coalesce(strlen(\"$overflow\"), 0)");
    for (size_t i = 0; i < t->count; i++)
        n += (size_t)snprintf(out + n, room - n,
                              strcmp(sql_type(t->columns[i].type), "VARCHAR") == 0
                                  ? " + coalesce(strlen(%s), 0)"
                                  : " + CASE WHEN %s IS NULL THEN 0 ELSE 8 END",
                              t->columns[i].sql);
    snprintf(out + n, room - n, " AS DOUBLE)");
    return out;
}

static const char *
house_sql(struct workspace *w, const struct stored_table *t, const struct house_column *h)
{
    switch (h->how) {
    case HOUSE_GUID:
        return w->guid[0] != '\0' ? quoted(&w->pool, w->guid, '\'')
                                  : "CAST(\"$tenant\" AS VARCHAR)";
    case HOUSE_TYPE:
        return quoted(&w->pool, t->name, '\'');
    case HOUSE_SIZE:
        return size_sql(w, t);
    default:
        return h->sql;
    }
}

static void
house_fill(struct workspace *w, const struct catalog_table *c, const struct stored_table *t,
           const struct house_column *h, struct workspace_column *out)
{
    const char *own = house_sql(w, t, h);
    size_t at = house_is_whole(c, h) ? SIZE_MAX : stored_column_find(t, span_of(h->name));

    out->stored = h->type;
    out->sql = own;
    if (at == SIZE_MAX || h->how == HOUSE_TYPE)
        return;
    if (h->type == KQL_STRING)
        out->sql = pool_printf(&w->pool, "CASE WHEN %s = '' THEN %s ELSE %s END",
                               t->columns[at].sql, own, t->columns[at].sql)
                       .p;
    else if (at != t->time && t->columns[at].type == h->type)
        out->sql = pool_printf(&w->pool, "coalesce(%s, %s)", t->columns[at].sql, own).p;
    else if (t->columns[at].type != h->type) {
        out->stored = t->columns[at].type;
        out->sql = t->columns[at].sql;
    } /* else the event time, which "$time" has, too, and without nulls */
}

static struct workspace_shape
shape_make(struct workspace *w, const struct catalog_table *c, const struct stored_table *t,
           const struct catalog_column *columns, size_t count)
{
    struct workspace_column *made =
        pool_take(&w->pool, (count + COUNT_OF(house_columns) + 1) * sizeof *made);
    bool is_workspace = columns == c->workspace_columns || is_workspace_table(c);
    size_t total = count;

    for (size_t i = 0; i < count; i++) {
        const struct house_column *house = house_find(c, columns, columns[i].name);
        size_t at = stored_column_find(t, span_of(columns[i].name));

        made[i] = (struct workspace_column){.name = columns[i].name,
                                            .type = kql_type_of_column(columns[i].type)};
        if (house != NULL) {
            house_fill(w, c, t, house, &made[i]);
        } else if (at == SIZE_MAX) {
            made[i].stored = KQL_STRING;
            made[i].sql = "''";
        } else {
            made[i].stored = t->columns[at].type;
            made[i].sql = t->columns[at].sql;
            if (at == t->time && c->workspace_column_count == 0)
                made[i].sql = "\"$time\"";
        }
    }
    for (size_t i = 0; is_workspace && i < COUNT_OF(house_columns); i++) {
        const struct house_column *h = &house_columns[i];

        if (!h->is_standard || catalog_column_find(columns, count, span_of(h->name)) != NULL)
            continue;
        made[total] = (struct workspace_column){.name = h->name, .type = h->type};
        house_fill(w, c, t, h, &made[total++]);
    }
    return (struct workspace_shape){made, total};
}

static void
shapes_make(struct workspace *w)
{
    w->tables = pool_zeroed(&w->pool, w->catalog->table_count + 1, sizeof *w->tables);
    for (size_t i = 0; i < w->catalog->table_count; i++) {
        const struct catalog_table *c = &w->catalog->tables[i];
        const struct stored_table *t = stored_find(w, span_of(c->name));
        struct workspace_table *to = &w->tables[i];

        *to = (struct workspace_table){.catalog = c, .sql = quoted(&w->pool, t->sql_name, '"')};
        to->hunting = shape_make(w, c, t, c->columns, c->column_count);
        to->workspace = to->hunting;
        if (c->workspace_column_count > 0)
            to->workspace = shape_make(w, c, t, c->workspace_columns, c->workspace_column_count);
    }
}

const struct workspace_table *
workspace_table_find(const struct workspace *w, struct span name)
{
    const struct catalog_table *c = catalog_find(w->catalog, name);

    return c != NULL ? &w->tables[c - w->catalog->tables] : NULL;
}

const struct workspace_table *
workspace_tables(const struct workspace *w, size_t *count)
{
    *count = w->catalog->table_count;
    return w->tables;
}

/* Leaves by the pool's escape: 'sql' is closed by the caller. */
static void
tables_want(struct workspace *w, FILE *sql)
{
    table_want(w, "");
    for (size_t i = 0; i < w->catalog->table_count; i++)
        table_make(w, &w->catalog->tables[i]);
    fputs("BEGIN;\n", sql);
    for (size_t i = 0; i < w->stored_count; i++)
        table_print(w, &w->stored[i], sql);
    told_print(w, sql);
    fputs("COMMIT;\n", sql);
}

enum status
tables_open(struct workspace *w, duckdb_connection c, struct err *err)
{
    char *text = NULL;
    size_t size = 0;
    enum status st = stored_read(w, c, err);
    FILE *sql = st == ST_OK ? open_memstream(&text, &size) : NULL;
    jmp_buf here, *outer = w->pool.escape;

    if (st != ST_OK)
        return st;
    if (sql == NULL)
        return err_set(err, ST_FULL, "no memory for the tables of %s", w->path);
    w->pool.escape = &here;
    if (setjmp(here) != 0) {
        fclose(sql);
        free(text);
        w->pool.escape = outer;
        longjmp(*outer, 1);
    }
    tables_want(w, sql);
    w->pool.escape = outer;
    if (fclose(sql) != 0)
        st = err_set(err, ST_FULL, "no memory for the tables of %s", w->path);
    else if (size > sizeof "BEGIN;\nCOMMIT;\n" && !w->is_read_only)
        st = sql_run(c, text, NULL, err);
    else if (size > sizeof "BEGIN;\nCOMMIT;\n")
        st = err_set(err, ST_INVALID,
                     "%s lacks tables or columns of the catalog: open it once to be written",
                     w->path);
    free(text);
    for (size_t i = 0; st == ST_OK && i < w->stored_count; i++)
        table_index(w, &w->stored[i]);
    if (st == ST_OK)
        shapes_make(w);
    return st;
}
