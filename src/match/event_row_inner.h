/* event_row_inner.h - how the columns of workspace tables are filled. For event_*.c only. */
#pragma once
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
