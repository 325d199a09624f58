/* stream.h - queries over one record at a time: transformKql of an export, and `penstock filter`. A
 * record goes in as JSON text with the spans of its members; it is dropped, passed on byte for
 * byte, or rewritten. Compiled once, run by any thread with its own kql_stream_run.
 *
 * Rules of the field: data-collection-transformations-kql page (design facts section 7). One record
 * in, at most one out; names are the table's columns; a member that does not convert to its
 * column's type is null; evaluation never fails a record. where alone leaves the bytes untouched;
 * extend, project-away and project-rename splice only what changes; members that no column names
 * pass through unless project drops them. */
#pragma once
#include "kql/bind.h"
#include "wire/scan.h"

enum kql_stream_strictness {
    KQL_STREAM_WIDE,   /* all that works row by row */
    KQL_STREAM_STRICT, /* only what Azure Monitor allows: the rest is an error that says so */
    KQL_STREAM_WARN,   /* wide; what Azure Monitor would refuse is a warning */
};
struct kql_stream; /* immutable; counted by its owner */

/* Parses, binds and compiles 'text' over the table ('source'). NULL: 'd' says why. 'pool' must
 * outlive it (kql_stream_free releases regexes). */
struct kql_stream *kql_stream_new(struct pool *pool, struct span text,
                                  const struct kql_table *source,
                                  enum kql_stream_strictness strictness, struct kql_diagnostics *d);
void kql_stream_free(struct kql_stream *stream);
const struct kql_schema *kql_stream_schema(const struct kql_stream *stream); /* of what leaves */
/* Never rewrites: records pass or are dropped. */
bool kql_stream_is_filter(const struct kql_stream *stream);

/* A group of streams over the same table that are asked about each record together: equal
 * predicates are evaluated once. */
struct kql_stream_set;
struct kql_stream_set *kql_stream_set_new(struct pool *pool,
                                          const struct kql_stream *const *streams, uint32_t count);

struct kql_stream_run; /* one thread's memory */
struct kql_stream_run *kql_stream_run_new(const struct kql_stream_set *set, size_t memory_max,
                                          struct err *err);
void kql_stream_run_free(struct kql_stream_run *run);

/* The record that the next questions are about: 'record' at its '{', and the values of depth
 * 'depth' in it (1 for bare rows, 2 for the members of an envelope's properties; object_at,
 * object_size: where that object lies). Borrowed until the next call. */
void kql_stream_record(struct kql_stream_run *run, const char *record, size_t object_at,
                       size_t object_size, const struct scan_value *values, uint32_t count,
                       uint32_t depth, int64_t now);
enum kql_stream_result { KQL_STREAM_DROP, KQL_STREAM_SAME, KQL_STREAM_CHANGED };
/* What stream 'index' of the set makes of it. CHANGED: *out is the new object's text; lends until
 * the next record. */
enum kql_stream_result kql_stream_ask(struct kql_stream_run *run, uint32_t index, struct span *out);
