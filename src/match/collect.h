/* collect.h - what a data flow of a collection rule makes of an uploaded row: transformKql first, then the form in which
 * the journal keeps rows of the table that they are for. Compiled when a rule is read, run by any thread with its own
 * collect_run. Pure.
 *
 * A query sees the columns that the stream declares; of a stream that is a table of the catalog, the table's in its
 * workspace shape and behind them those that only hunting has. now() is the time at which the row was received.
 *
 * What leaves is byte for byte what came in (or what the query made of it), but for this:
 *   - the row's time stands under the table's own time column: TimeGenerated becomes Timestamp where that is missing or null
 *   - a row without a time gets the time at which it was received, as the service does; a table that has no time column
 *     gets none, one that the catalog does not know has TimeGenerated
 *   - of columns that a workspace has in another type, an object or array becomes text that holds it, and text that is a
 *     whole number becomes the number, where that is what streamed records have (schema rule 2) */
#pragma once
#include "kql/stream.h"
#include "model/catalog.h"

enum {
    COLLECT_TEXT_MAX = 64 * 1024, /* bytes of one transformKql */
    COLLECT_MEMORY_MAX =
        16 << 20, /* bytes of one compiled flow; of what one row's evaluation may take */
    COLLECT_PREPARE_MS = 2000, /* that compiling one may take: its constants are computed */
};

struct collect_column {
    const char *name;
    enum column_type type;
};

struct collect_source {
    const struct catalog *catalog; /* must outlive what is made */
    const char *table; /* that the records are of; spelled as the catalog has it, if it does */
    const char *input; /* table whose columns the rows have, unless declared; NULL: none is known */
    const struct collect_column *columns; /* declared; NULL: those of 'input' */
    size_t column_count;
    const char *kql; /* NULL: every row passes */
};

struct collect; /* immutable; borrows the catalog alone */

/* ST_INVALID: err says what transformKql gets wrong, with line and column, or which column that it makes is not of the
 * table's type. ST_FULL: no memory. */
MUST_CHECK enum status collect_make(const struct collect_source *source, struct collect **out,
                                    struct err *err);
void collect_free(struct collect *c); /* NULL is fine */
const char *collect_table(const struct collect *c);
const char *collect_category(const struct collect *c); /* of the envelopes that it leaves in */

/* One thread's memory. ST_FULL: there is none. Borrows the collect. */
struct collect_run;
MUST_CHECK enum status collect_run_make(const struct collect *c, struct collect_run **out,
                                        struct err *err);
void collect_run_free(struct collect_run *run); /* NULL is fine */

/* Of a row scanned by SCAN_ROWS: 'row' from '{' to '}', with SCAN_PADDING readable bytes behind it, and its values.
 * ST_OK: *out is the record; lends until the next call, or is the row itself. ST_END: the query drops it. ST_FULL: no
 * memory. 'now': ticks. */
MUST_CHECK enum status collect_row(struct collect_run *run, struct span row,
                                   const struct scan_value *values, uint32_t count, int64_t now,
                                   struct span *out, struct err *err);
/* Rows whose query needed more memory or time than there is (see kql_stream_exhausted). */
uint64_t collect_exhausted(const struct collect_run *run);
