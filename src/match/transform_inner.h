/* transform_inner.h - what transform.c (compiling) and transform_run.c (running) share. Not for
 * others. */
#pragma once
#include "match/transform.h"

struct transform_table {
    const char *name;
    struct kql_table source;
    struct kql_stream *stream;
    bool is_decorated; /* the query looks at MachineGroup, or gives the row another shape */
    /* as of the stream, with identities that tell also how rows are decorated */
    struct kql_stream_condition conditions[TRANSFORM_CONDITIONS_MAX];
    uint32_t condition_count;
};

struct transform {
    struct pool pool;
    struct transform_table *tables;
    size_t count, room;
    uint64_t fingerprint;
};

const struct transform_table *transform_table_find(const struct transform *t, const char *name);
