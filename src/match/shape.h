/* shape.h - the bytes a row leaves as: spliced around what came in, never re-serialised. Pure.
 * streaming-api.md sections 2.1, 2.2, 3, 5.1; design, wire decisions. */
#pragma once
#include "base/base.h"
#include "match/plan.h"
#include "model/block.h"

enum {
    SHAPE_OVERHEAD_MAX = 1024
}; /* bytes a shaped row may be longer than its properties; group names are at most 256 bytes */

/* Writes the row without separator or line end into 'out'; returns the size. 'room' must be at least properties_size + SHAPE_OVERHEAD_MAX,
 * and the record's size where it is larger (shape_room). Unknown (already checked) blocks only. */
size_t shape_row(const struct plan_route *route, const struct block *block,
                 const struct block_row *row, char *out);
static inline size_t
shape_room(const struct block_row *row)
{
    return (row->size > row->properties_size ? row->size : row->properties_size) +
           SHAPE_OVERHEAD_MAX;
}
