/* gunzip.h - gzip in, bytes out, a bounded piece at a time; hides ISA-L. It never holds more than
 * its fixed state, so a bomb costs its caller only what he asks for: he counts the bytes and stops
 * when there are too many. Any number of members one behind the other; header and trailer checksums
 * and sizes are checked.
 *
 * A gunzip belongs to one thread and needs no clean-up. */
#pragma once
#include "base/base.h"

struct gunzip {
    uint64_t in_size,
        out_size; /* bytes taken and given so far; out_size counts before checks of the trailer */
    uint64_t member; /* 1 for the first */
    /* private */
    struct inflate_state *state; /* lives in the arena */
    uint8_t phase, flags;        /* of the member's header */
    bool is_broken;
    uint16_t number, check; /* the last two bytes of the header; its checksum */
    uint32_t left, crc;     /* bytes left of the phase; checksum of the header so far */
};

/* Its state (about 90 KB) lives in 'a'. ST_FULL: no room. */
MUST_CHECK enum status gunzip_init(struct gunzip *g, struct arena *a, struct err *err);

/* Back to the state after gunzip_init, for the next text. */
void gunzip_reset(struct gunzip *g);

/* Takes bytes from the front of *input (moves it along) and puts up to 'out_max' (at least 1) bytes
 * to 'out'. ST_OK: *out_size bytes came. Call again with what is left of *input until it is empty
 * and *out_size < out_max: then more input
 *   is needed.
 * ST_END: as ST_OK, and everything was given: 'is_last', all input taken, the last member complete.
 * ST_INVALID: this is not gzip, or it is damaged, cut, or followed by something else; err says
 * which and where.
 *   *out_size bytes came before, but a member is only to be trusted when it is complete. All further calls say the
 * same. */
MUST_CHECK enum status gunzip_feed(struct gunzip *g, struct span *input, bool is_last, char *out,
                                   size_t out_max, size_t *out_size, struct err *err);
