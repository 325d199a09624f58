/* event_row_inner.h - how the columns of workspace tables are filled. For event_*.c only. */
#pragma once
#include "kql/pool.h"
#include "match/event.h"

enum column_how {
    COLUMN_NONE,        /* unused: always null */
    COLUMN_PATH,        /* what is at 'path', else at 'other', as the column's type */
    COLUMN_TEXT,        /* 'path' itself */
    COLUMN_PATH_OR,     /* text at 'path', else 'other' itself */
    COLUMN_ENVIRONMENT, /* properties.environment, else what resourceDetails says, else Azure */
    COLUMN_LOWER,       /* text at 'path', lower-case */
    COLUMN_SEGMENT,     /* of the event's id: the name behind the segment 'path' */
    COLUMN_PASCAL,      /* JSON at 'path' with names in PascalCase */
    COLUMN_RESOURCE,    /* id of the assessed resource */
    COLUMN_RESOURCE_LOWER,
    COLUMN_STATE,    /* text at 'path', or Removed */
    COLUMN_ASSESSED, /* time of the assessment */
    COLUMN_RESOLVED, /* when it became healthy */
    COLUMN_EXPORTED, /* what is at 'path', if anything; else context's */
    COLUMN_SNAPSHOT,
    COLUMN_LINK,      /* to the recommendation */
    COLUMN_WORKSPACE, /* context's */
    COLUMN_TABLE,
    COLUMN_SIZE,
    COLUMN_SHRUNK,
};

/* Order in which columns give way; 0: when nothing else is left. */
enum column_shrink { SHRINK_LAST, SHRINK_PROPERTIES, SHRINK_JSON, SHRINK_DESCRIPTION };

enum { COLUMNS_MAX = 48 };

struct cell {
    struct span json;    /* as it will stand in the row; n 0: the column is left out */
    uint32_t value_size; /* of what it says */
};

struct row {
    const struct event *e;
    const struct event_row_context *context;
    const struct event_column *columns;
    size_t count;
    struct cell cells[COLUMNS_MAX];
    bool is_shrunk[COLUMNS_MAX];
    struct pool pool;
};

/* "null": what a column without a value is. */
struct cell cell_null(void);
struct cell cell_raw(struct span json);
/* A string; null if text.p is NULL. */
struct cell cell_text(struct row *r, struct span text);
/* The column's value; null for those that are filled in at the end. */
struct cell cell_of(struct row *r, const struct event_column *column);
/* What is not null at a path; TREE_NONE: nothing. */
uint32_t event_row_find(const struct row *r, const char *path);
