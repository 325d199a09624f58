/* shape.h - the bytes a row leaves as: spliced around what came in, never re-serialised. Pure.
 * streaming-api.md sections 2.1, 2.2, 3 and 5.1; design, wire decisions.
 *
 *   wire        {"time":T,"tenantId":G,"operationName":"Publish","category":C,
 *               "_TimeReceivedBySvc":R,"properties":ROW,"Tenant":"DefaultTenant"}
 *   documented  {"time":T,"tenantId":G,"category":C,"properties":ROW}
 *   bare        ROW
 *
 * An envelope that came in with all seven keys leaves byte for byte when nothing is to be added.
 * A record with line breaks between its tokens (ROW_LINE_BREAK) loses its insignificant white
 * space, since one row is one line; all others keep every byte. */
#pragma once
#include "base/base.h"
#include "match/plan.h"
#include "model/block.h"

/* Bytes by which a shaped row may be longer than what came in: the envelope is under 400, an
 * escaped group name of 256 bytes at most 1536. */
enum { SHAPE_OVERHEAD_MAX = 2048 };

/* Room that shape_row may need for this row. */
static inline size_t
shape_room(const struct block_row *row)
{
    return (size_t)row->size + SHAPE_OVERHEAD_MAX;
}

/* Writes the row without separator or line end into 'out', where shape_room bytes must be; returns
 * the size. */
MUST_CHECK size_t shape_row(const struct plan_route *route, const struct block *block,
                            const struct block_row *row, char *out);

/* Whether a MachineGroup is put into the row on its way out. */
bool shape_decorates(const struct plan_route *route, const struct block_row *row);
/* The row's object as it leaves, into 'out' (shape_room bytes). */
MUST_CHECK size_t shape_properties(const struct plan_route *route, const struct block *block,
                                   const struct block_row *row, char *out);
/* As shape_row, with this object in place of the row's own, which is decorated already; 'out' has
 * object.n + SHAPE_OVERHEAD_MAX bytes. */
MUST_CHECK size_t shape_row_of(const struct plan_route *route, const struct block *block,
                               const struct block_row *row, struct span object, char *out);

/* JSON text without the white space between its tokens, into 'out' (size bytes); gives its size. */
size_t shape_compact(const char *text, size_t size, char *out);
