/* writer.h - how a sink fills a workspace, exactly once. A writer appends rows to tables and, in the same transaction, the
 * count of their bytes to an object's length, by which the caller tells after a crash what is there. One thread uses one
 * writer. */
#pragma once
#include "workspace/workspace.h"

enum { WORKSPACE_OBJECT_MAX = 512 }; /* bytes of an object's name, its NUL included */

enum workspace_written {
    WORKSPACE_DONE,    /* lasting */
    WORKSPACE_LATER,   /* none of it is there, or that is not known: ask for the object's length */
    WORKSPACE_FOREIGN, /* the object is not as long as 'offset' */
    WORKSPACE_REFUSED, /* the rows are not JSON objects, or not as many as was said */
};

/* Some rows of one table. */
struct workspace_rows {
    const char *tenant; /* lower-case GUID */
    const char *table;
    struct span
        body; /* rows as lines: bare, or in envelopes that begin with "time" (match/shape.h) */
    uint32_t row_count;
    uint64_t position; /* of the first row */
    uint32_t row;
    const char *object; /* any name of the caller's */
    uint64_t offset;    /* the object's length before */
    /* out */
    enum workspace_written written;
    struct err err;
};

struct workspace_writer;

/* The workspace must outlive it. */
MUST_CHECK enum status workspace_writer_open(struct workspace *w, struct workspace_writer **out,
                                             struct err *err);
void workspace_writer_close(struct workspace_writer *writer); /* NULL is fine */

/* Appends all that can be in one transaction, in order; of rows of one object, those behind one that is not done are 'later'.
 * 'now': ticks, the ingestion time of rows that do not bring one. At most WORKSPACE_APPEND_MAX bytes of body each. */
void workspace_write(struct workspace_writer *writer, struct workspace_rows *rows, size_t count,
                     int64_t now);
/* Length of an object; 0: there is none. */
MUST_CHECK enum status workspace_object_length(struct workspace_writer *writer, const char *object,
                                               uint64_t *length, struct err *err);
/* Whether these bytes were appended to the object at 'offset'. Known of what was appended last (256 times). */
MUST_CHECK enum status workspace_object_holds(struct workspace_writer *writer, const char *object,
                                              uint64_t offset, struct span bytes, bool *same,
                                              struct err *err);
