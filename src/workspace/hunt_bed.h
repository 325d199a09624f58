/* hunt_bed.h - what the tests of hunting share: a workspace with rows of two tenants, and answers as text. */
#pragma once
#include "base/clock.h"
#include "base/test.h"
#include "workspace/hunt.h"
#include "workspace/writer.h"
#include <ftw.h>
#include <unistd.h>

#define ONE "11111111-2222-3333-4444-555555555555"
#define TWO "22222222-2222-3333-4444-555555555555"
#define THREE "33333333-2222-3333-4444-555555555555"

static char bed_folder[256], bed_path[300];

static inline int
bed_remove_one(const char *name, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(name);
}

static inline void
bed_remove(void)
{
    nftw(bed_folder, bed_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct catalog_column bed_device_columns[] = {
    {"Timestamp",  COLUMN_DATETIME, NULL},
    {"DeviceName", COLUMN_STRING,   NULL},
    {"Port",       COLUMN_INT,      NULL},
    {"Size",       COLUMN_LONG,     NULL},
    {"Score",      COLUMN_REAL,     NULL},
    {"IsOpen",     COLUMN_BOOL,     NULL},
    {"Key",        COLUMN_GUID,     NULL},
    {"Fields",     COLUMN_DYNAMIC,  NULL},
    {"Age",        COLUMN_TIMESPAN, NULL},
    {"Price",      COLUMN_DECIMAL,  NULL},
    {"Text",       COLUMN_STRING,   NULL},
};
static const struct catalog_column bed_device_workspace[] = {
    {"TenantId",      COLUMN_STRING,   NULL},
    {"TimeGenerated", COLUMN_DATETIME, NULL},
    {"DeviceName",    COLUMN_STRING,   NULL},
    {"Port",          COLUMN_LONG,     NULL},
    {"Text",          COLUMN_DYNAMIC,  NULL},
    {"Type",          COLUMN_STRING,   NULL},
    {"_ItemId",       COLUMN_STRING,   NULL},
};
static const struct catalog_column bed_logon_columns[] = {
    {"Timestamp",   COLUMN_DATETIME, NULL},
    {"AccountName", COLUMN_STRING,   NULL},
    {"DeviceName",  COLUMN_STRING,   NULL},
    {"Port",        COLUMN_INT,      NULL},
};
static const struct catalog_column bed_empty_columns[] = {
    {"Timestamp", COLUMN_DATETIME, NULL},
    {"Nothing",   COLUMN_STRING,   NULL},
};
static const struct catalog_table bed_tables[] = {
    {.name = "DeviceEvents",
     .family = "advanced-hunting",
     .product = "x",
     .time_column = "Timestamp",
     .columns = bed_device_columns,
     .column_count = COUNT_OF(bed_device_columns),
     .workspace_time_column = "TimeGenerated",
     .workspace_columns = bed_device_workspace,
     .workspace_column_count = COUNT_OF(bed_device_workspace)},
    {.name = "DeviceLogons",
     .family = "advanced-hunting",
     .product = "x",
     .time_column = "Timestamp",
     .columns = bed_logon_columns,
     .column_count = COUNT_OF(bed_logon_columns)                              },
    {.name = "Empty",
     .family = "advanced-hunting",
     .product = "x",
     .time_column = "Timestamp",
     .columns = bed_empty_columns,
     .column_count = COUNT_OF(bed_empty_columns)                              },
};
static const struct catalog bed_catalog = {.tables = bed_tables,
                                           .table_count = COUNT_OF(bed_tables)};

static inline struct workspace *
bed_open_with(const struct catalog *catalog)
{
    const struct workspace_options options = {
        .catalog = catalog, .memory_max = (size_t)256 << 20, .threads = 2};
    const char *top = getenv("TMPDIR");
    struct workspace *w = NULL;
    struct err err = {""};

    snprintf(bed_folder, sizeof bed_folder, "%s/penstock-hunt-XXXXXX", top != NULL ? top : "/tmp");
    if (mkdtemp(bed_folder) == NULL)
        exit(2);
    snprintf(bed_path, sizeof bed_path, "%s/test.duckdb", bed_folder);
    CHECK(workspace_open(bed_path, &options, &w, &err) == ST_OK, "open: %s", err.text);
    if (w == NULL)
        exit(1);
    return w;
}

/* A tenant's records into a table. */
static inline void
bed_write(struct workspace *w, const char *tenant, const char *table, const char *body,
          uint32_t count)
{
    static uint64_t position;
    char object[32];
    struct workspace_writer *writer = NULL;
    struct err err = {""};
    struct workspace_rows r = {.tenant = tenant,
                               .table = table,
                               .body = span_of(body),
                               .row_count = count,
                               .position = position++,
                               .object = object};

    snprintf(object, sizeof object, "bed%llu",
             (unsigned long long)position); /* its own each time */
    CHECK(workspace_writer_open(w, &writer, &err) == ST_OK, "writer: %s", err.text);
    workspace_write(writer, &r, 1, 638000000000000000);
    CHECK(r.written == WORKSPACE_DONE, "write: %s", r.err.text);
    workspace_writer_close(writer);
}

/* A cell as text: strings as they are, null as ~. */
static inline size_t
bed_print_cell(char *to, size_t room, enum kql_type type, const struct kql_value *v)
{
    static _Thread_local struct pool scratch;
    jmp_buf here;
    struct span text = SPAN_LITERAL("(no memory)");

    scratch.limit = (size_t)1 << 30;
    scratch.escape = &here;
    if (v->is_null) {
        text = SPAN_LITERAL("~");
    } else if (setjmp(here) == 0) {
        const struct kql_value printed = kql_to_text(&scratch, type, v);

        text = kql_text(&printed);
    }
    size_t n = (size_t)snprintf(to, room, "%.*s", (int)text.n, text.p);

    pool_free(&scratch);
    return n < room ? n : room;
}

/* Rows of all answers, '|' between cells, ';' behind rows, '#' between tables. */
static inline void
bed_print(const struct hunt *h, char *to, size_t room)
{
    size_t at = 0;

    to[0] = '\0';
    for (uint32_t a = 0; a < h->answers.count; a++) {
        const struct kql_answer *answer = &h->answers.items[a];

        if (a > 0 && at + 1 < room)
            at += (size_t)snprintf(to + at, room - at, "#");
        for (size_t i = 0; i < answer->row_count && at + 8 < room; i++) {
            for (uint32_t c = 0; c < answer->schema.count && at + 8 < room; c++) {
                if (c > 0)
                    to[at++] = '|';
                at += bed_print_cell(to + at, room - at - 4, answer->schema.columns[c].type,
                                     &answer->rows[i][c]);
            }
            to[at++] = ';';
            to[at] = '\0';
        }
    }
}

static inline struct hunt_request
bed_request(const char *text, const char *const *tenants, size_t tenant_count)
{
    return (struct hunt_request){.text = span_of(text),
                                 .tenants = tenants,
                                 .tenant_count = tenant_count,
                                 .from = INT64_MIN,
                                 .to = INT64_MAX,
                                 .now = INT64_C(639000000000000000)};
}
