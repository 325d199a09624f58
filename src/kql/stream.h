/* stream.h - queries over one record at a time: transformKql of an export, and `penstock filter`. A
 * record goes in as JSON text with the spans of its members; it is dropped, passed on byte for
 * byte, or rewritten. Compiled once, run by any thread with its own kql_stream_run.
 *
 * Rules of the field: data-collection-transformations-kql page of the monitor's documentation. One
 * record in, at most one out; names are the table's columns; a member that does not convert to its
 * column's type is null (cell.h); evaluation never fails a record, and depends on nothing but the
 * record and 'now': rand(), new_guid() and their like are refused.
 *
 * What leaves:
 *   where                        the bytes that came in
 *   extend, parse, project-away, project-rename, project-reorder   the object's text with what changes spliced in:
 *                                a replaced or renamed member stands where it stood, new ones come last, members that
 *                                no column names pass as they are
 *   project, project-keep, print exactly the named members in the query's order, each always there: a member that the
 *                                record lacks is written as null
 * A column that is passed on (under its own or another name) keeps its bytes. Computed ones: bool,
 * int, long, real as JSON has them, exact; datetime "2007-03-09T00:00:00.0000000Z"; timespan, guid,
 * decimal as text; dynamic as JSON; null as null; NaN and the infinities as text. Of members that
 * come twice the last one is the column's value. */
#pragma once
#include "kql/bind.h"
#include "wire/scan.h"

enum kql_stream_strictness {
    KQL_STREAM_WIDE,   /* all that works row by row */
    KQL_STREAM_STRICT, /* only what Azure Monitor allows: the rest is an error that says so */
    KQL_STREAM_WARN,   /* wide; what Azure Monitor would refuse is a warning */
};
struct kql_stream; /* immutable; counted by its owner */

/* Parses, binds and compiles 'text' over the table ('source', or its own name). NULL: 'd' says why. 'pool' must
 * outlive it (kql_stream_free releases regexes), and so must the source's schema; 'text' is copied.
 * When the pool is spent that is an error in 'd', too: the escape is set here. */
struct kql_stream *kql_stream_new(struct pool *pool, struct span text,
                                  const struct kql_table *source,
                                  enum kql_stream_strictness strictness, struct kql_diagnostics *d);
/* The same of a bound plan, whose leaf 'source' (a table or a KQL_ROWS_INLINE) gives the records'
 * columns. For tests of both back ends. */
struct kql_stream *kql_stream_of_plan(struct pool *pool, const struct kql_op *plan,
                                      const struct kql_op *source, struct kql_diagnostics *d);
void kql_stream_free(struct kql_stream *stream);
const struct kql_schema *kql_stream_schema(const struct kql_stream *stream); /* of what leaves */
/* Never rewrites: records pass or are dropped. */
bool kql_stream_is_filter(const struct kql_stream *stream);
/* Whether a condition or a computed column asks for that column of the source. */
bool kql_stream_reads(const struct kql_stream *stream, struct span column);

enum { KQL_STREAM_CONDITIONS_MAX = 8 }; /* of one stream: the last one is all that are left */
/* Equal of conditions that ask the same of columns of the same names and types, whichever query or
 * table they come from, as long as the process lives. All zero: it cannot be told. */
struct kql_stream_identity {
    uint64_t low, high;
};
/* One condition of a stream: itself a stream over the same source that only filters. */
struct kql_stream_condition {
    const struct kql_stream *stream;
    struct kql_stream_identity identity;
};
/* The conditions that a record must all meet to leave, in the order in which they are best asked.
 * They live as long as the stream; they are not to be freed. */
const struct kql_stream_condition *kql_stream_conditions(const struct kql_stream *stream,
                                                         uint32_t *count);

/* A group of streams over the same table that are asked about each record together: equal
 * predicates are evaluated once. */
struct kql_stream_set;
/* NULL: err says why (the pool is spent). Borrows the streams. */
struct kql_stream_set *kql_stream_set_new(struct pool *pool,
                                          const struct kql_stream *const *streams, uint32_t count,
                                          struct err *err);
void kql_stream_set_free(struct kql_stream_set *set); /* NULL is fine */

struct kql_stream_run; /* one thread's memory */
/* 'memory_max': bytes that one record's evaluation may take, at least 512 KiB; 0: 64 MiB. NULL: no memory. */
struct kql_stream_run *kql_stream_run_new(const struct kql_stream_set *set, size_t memory_max,
                                          struct err *err);
void kql_stream_run_free(struct kql_stream_run *run); /* NULL is fine */
/* Records whose evaluation took more than memory_max, or longer than two seconds. They are not lost: a condition that could not
 * be evaluated lets the record through, and columns that could not be computed are null (so what
 * project drops stays dropped). */
uint64_t kql_stream_exhausted(const struct kql_stream_run *run);

/* The record that the next questions are about: 'record' at its '{', and the values of depth
 * 'depth' in it (1: of a scan by SCAN_ROWS; 2: by SCAN_ENVELOPES, the members of the object at
 * object_at, object_size). Borrowed until the next call. 'now': ticks, for now() and ago(). */
void kql_stream_record(struct kql_stream_run *run, const char *record, size_t object_at,
                       size_t object_size, const struct scan_value *values, uint32_t count,
                       uint32_t depth, int64_t now);
/* Whether it would drop the record, only. */
bool kql_stream_passes(struct kql_stream_run *run, uint32_t index);
enum kql_stream_result { KQL_STREAM_DROP, KQL_STREAM_SAME, KQL_STREAM_CHANGED };
/* What stream 'index' of the set makes of it. CHANGED: *out is the new object's text; lends until
 * the next call with this run. */
enum kql_stream_result kql_stream_ask(struct kql_stream_run *run, uint32_t index, struct span *out);
