/* window.h - shaped rows that leave together: collected by lane (tenant, table and, where the sink
 * asks for it, hour), framed as the destination wants them, cut into parcels that it can take.
 * Pure; one thread. Rows are appended in journal order, so the rows of a lane keep it.
 *
 * Its memory grows with what is in it, to about 'bytes_max' plus one block's largest row, and is
 * kept from window to window; nothing is allocated per row. */
#pragma once
#include "base/base.h"
#include "match/plan.h"
#include "match/shape.h"
#include "match/transform.h"
#include "model/block.h"

enum window_framing {
    WINDOW_LINES,   /* row + line end: CR LF in PROFILE_WIRE, LF in the others */
    WINDOW_RECORDS, /* {"records":[row,row]} */
    WINDOW_ROW      /* each row a parcel of its own, its bytes alone: each has its identity */
};

struct window_limits {
    enum window_framing framing;
    bool by_hour;       /* lanes differ by the hour of block_row.time */
    size_t parcel_max;  /* bytes of a parcel, framing included */
    size_t bytes_max;   /* sum of the bodies: the window is full at or over it */
    uint32_t rows_max;  /* likewise rows */
    uint32_t lanes_max; /* likewise lanes */
};

struct window_lane {
    char tenant[40], category[104], table[72];
    int64_t hour; /* ticks; 0 unless by_hour */
    /* private */
    char *bytes;
    size_t size, room;
    size_t parcel_at; /* where the open parcel begins */
    uint32_t parcel_rows;
    bool is_open; /* an open parcel is there */
};

struct window_parcel {
    uint32_t lane; /* index */
    uint32_t row_count;
    size_t at, size;   /* in the lane's bytes */
    uint64_t position; /* identity of its first row */
    uint32_t row;
};

struct window;

MUST_CHECK enum status window_make(struct window **window, struct err *err);
void window_free(struct window *w);

/* Empties it for the next rows. */
void window_reset(struct window *w, const struct window_limits *limits);
/* From now on rows pass through the transformation of route 'index' of the run (borrowed; NULL: none
 * any more): what it drops is not added, only counted. 'is_begun': whoever adds rows says which
 * block they are of (transform_block or transform_block_all); else window_add does. */
void window_transform(struct window *w, struct transform_run *run, size_t index, bool is_begun);
/* Rows that it dropped, ever. */
uint64_t window_filtered(const struct window *w);
/* Gives memory back beyond a small rest: for exports that have nothing to do. */
void window_shrink(struct window *w);

/* Adds the rows of 'block' (at journal position 'position') that the route wants, from row 'row'
 * on, until the window is full, or to (not including) row 'row_end'. *row: the next row that was
 * not looked at. *wanted counts rows added. ST_OK: the block is done (*row == row_end). ST_FULL:
 * the window is full; send it and come back. ST_INVALID: row *row alone is larger than parcel_max;
 * window_oversized lends its shaped bytes; it has been passed over (*row is behind it). */
MUST_CHECK enum status window_add(struct window *w, const struct plan_route *route,
                                  const struct block *block, uint64_t position, uint32_t *row,
                                  uint32_t row_end, uint32_t *wanted);
/* Adds row 'row' alone, whoever wants it. 'object': what leaves in place of its own; NULL: itself.
 * 'table': of the lane in place of the stream's; NULL: that. ST_FULL: the window is full (window_is_full),
 * the row is not in it. ST_INVALID: as window_add. */
MUST_CHECK enum status window_add_row(struct window *w, const struct plan_route *route,
                                      const struct block *block, uint64_t position, uint32_t row,
                                      const struct span *object, const char *table);
bool window_is_full(const struct window *w);
/* window_oversized lends the row's object as it came: it cannot leave. */
void window_set_aside(struct window *w, const struct block *block, uint32_t row);
struct window_oversized {
    struct span bytes;                 /* the row alone, unframed; lends until the next call */
    const struct block_stream *stream; /* lends from the block */
    uint32_t row;
};
struct window_oversized window_oversized(const struct window *w);

/* Ends open parcels; after it the lanes and parcels can be read, until window_reset. */
void window_seal(struct window *w);
size_t window_lane_count(const struct window *w);
const struct window_lane *window_lane(const struct window *w, size_t index);
size_t window_parcel_count(const struct window *w);
const struct window_parcel *window_parcel(const struct window *w, size_t index);
struct span window_parcel_body(const struct window *w, const struct window_parcel *p);
uint64_t window_row_count(const struct window *w);
size_t window_size(const struct window *w); /* bytes of all bodies */

/* The bodies of a parcel's rows, one by one, so that a refused parcel can be taken apart: calls
 * visit with each row's bytes (unframed). Works on any body made by this module. */
void window_split(enum window_framing framing, struct span body,
                  void (*visit)(void *app, struct span row), void *app);
