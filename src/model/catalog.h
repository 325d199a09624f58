/* catalog.h - the schema catalog: every known table, its columns and how it streams. Built into the
 * program from data/schema; configuration may add tables and columns. Immutable once made; any
 * thread. Pure. */
#pragma once
#include "base/base.h"

enum {
    CATALOG_TABLE_NAME_MAX = 64, /* bytes */
    CATALOG_CATEGORY_MAX = 96,   /* bytes */
    CATALOG_COLUMN_NAME_MAX = 128,
    CATALOG_COLUMNS_MAX = 2048, /* of one table, additions included */
    CATALOG_TABLES_MAX = 4096,  /* additions included */
};

enum column_type {
    COLUMN_STRING,
    COLUMN_DATETIME,
    COLUMN_INT,
    COLUMN_LONG,
    COLUMN_REAL,
    COLUMN_BOOL,
    COLUMN_DYNAMIC,
    COLUMN_GUID,
    COLUMN_TIMESPAN,
    COLUMN_DECIMAL
};
enum stream_status { STREAM_NO, STREAM_PLANNED, STREAM_CATEGORY, STREAM_CAPTURED, STREAM_GA };
/* Whether MachineGroup is none of the table's, spliced into streamed rows, a column of its own, or
 * in the workspace shape only. */
enum machine_group { GROUP_NONE, GROUP_DECORATED, GROUP_COLUMN, GROUP_WORKSPACE };

struct catalog_column {
    const char *name;
    enum column_type type;
    /* NULL: the table's reference page; else "stream", "validator", "result-set",
     * "configuration" */
    const char *origin;
};

struct catalog_table {
    const char *name;             /* exact case */
    const char *family, *product; /* family: "advanced-hunting", "log-analytics", "configuration" */
    /* log-analytics only: "continuous-export", "sentinel-connector", "related"; else NULL */
    const char *role;
    /* envelope category, e.g. "AdvancedHunting-DeviceInfo"; NULL if it does not stream */
    const char *category;
    enum stream_status stream;
    enum machine_group machine_group;
    bool is_streamable, is_device_scoped, is_preview;
    const char *time_column;   /* NULL: none */
    const char *superseded_by; /* the table to use instead; NULL: none */
    const struct catalog_column *columns;
    size_t column_count;
    const char *workspace_time_column;
    /* count 0: the table has no other shape there */
    const struct catalog_column *workspace_columns;
    size_t workspace_column_count;
    const char *const
        *not_in_stream; /* names of columns that complete streamed records were seen without */
    size_t not_in_stream_count;
    const char *const *action_types; /* known values of ActionType, never all of them */
    size_t action_type_count;
};

struct catalog {
    const struct catalog_table *tables;
    size_t table_count; /* sorted by name, case-sensitive byte order */
    const char *const *categories;
    /* the settings object's list, in its order; added tables' categories behind */
    size_t category_count;
};

extern const struct catalog catalog_builtin;

/* By exact name; NULL if unknown. */
const struct catalog_table *catalog_find(const struct catalog *c, struct span table);
/* By name ignoring case, and by nearest spelling for error texts ("did you mean DeviceInfo?"); NULL
 * if nothing is near. */
const struct catalog_table *catalog_find_near(const struct catalog *c, struct span table);
/* By envelope category, exact; NULL if no table has it. */
const struct catalog_table *catalog_find_category(const struct catalog *c, struct span category);
bool catalog_has_category(const struct catalog *c, struct span category);
/* The category of the list that is nearest in spelling, for error texts; NULL if nothing is
 * near. */
const char *catalog_category_near(const struct catalog *c, struct span category);
/* The table name that an envelope category stands for: the catalog's, else what follows
 * "AdvancedHunting-", else the category itself. */
struct span catalog_category_table(const struct catalog *c, struct span category);
/* By exact name among columns or workspace_columns; NULL if unknown. */
const struct catalog_column *catalog_column_find(const struct catalog_column *columns, size_t count,
                                                 struct span name);
const char *column_type_name(enum column_type t); /* "datetime" */
/* The .NET type that getschema shows: "System.DateTime" (streaming-api.md section 6). */
const char *column_type_data_type(enum column_type t);
bool column_type_read(
    struct span name,
    enum column_type
        *t); /* Kusto's names and documented aliases (boolean, integer, double ...), in any case */
const char *stream_status_name(enum stream_status s); /* "ga" */
const char *machine_group_name(enum machine_group g); /* "decorated" */
/* A safe name for a table or category: letters, digits, '_' and '-' only, not empty, within the
 * limit. What becomes a file, container or topic name must pass. */
bool catalog_name_is_safe(struct span name, size_t size_max);
/* "insights-logs-" + the category lower-cased: container and per-category hub name
 * (streaming-api.md section 3). A container's name knows no '_' and no "--": each run of '_' and
 * '-' becomes one '-', at the end none. False: the category is not a safe name, or it does not fit
 * in 63 bytes. */
MUST_CHECK bool catalog_container(struct span category, char out[64]);

/* One table, or more columns for one that is there, added by configuration. */
struct catalog_addition {
    struct catalog_table table;
};
/* A catalog with additions merged in; everything lives in 'a' or is borrowed from the inputs, which
 * must outlive it. A new table needs a name; its family is "configuration" unless given, its
 * columns' origin too. For a table that is there, columns not known yet are put behind its own
 * (known ones must have the same type); a category, time column or machine group is set only where
 * the table has none; a category makes it stream; flags can be raised, not lowered. Anything else
 * is ST_INVALID and err names table and column. ST_FULL: no room in 'a'; catalog_extend_size says
 * how much is enough. On failure 'out' is untouched. */
MUST_CHECK enum status catalog_extend(const struct catalog *base,
                                      const struct catalog_addition *additions, size_t count,
                                      struct arena *a, struct catalog *out, struct err *err);
size_t catalog_extend_size(const struct catalog *base, const struct catalog_addition *additions,
                           size_t count);
