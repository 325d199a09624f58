/* parcel.h - how the kinds of sink say what became of a parcel. Private to the folder sink/. */
#pragma once
#include "sink/sink.h"

/* Each sets the parcel's whole answer. The reason is for a person: the thing, the place, the
 * mend. */
void parcel_done(struct parcel *p);
PRINTF_LIKE(3, 4)
void parcel_retry(struct parcel *p, int64_t retry_after_ms, const char *format, ...);
PRINTF_LIKE(2, 3) void parcel_refuse(struct parcel *p, const char *format, ...);

/* The identity of a parcel's first row, the same whenever it is sent, and by whichever export: tenant,
 * journal position, row, and the beginning of a SHA-256 of its bytes, so that a journal that was
 * begun anew does not give an old identity to another row. False: no digest. */
enum { PARCEL_IDENTITY_SIZE = 40 + 20 + 10 + 16 + 4 };
MUST_CHECK bool parcel_identity(const struct parcel *p, char out[PARCEL_IDENTITY_SIZE]);

bool lane_equal(const struct lane *a, const struct lane *b);

/* Holds parcel 'index' back (SENT_RETRY) when an earlier one of its lane was not done; true if so.
 * To be asked only once some parcel was not done. */
bool parcel_held_back(struct parcel *parcels, size_t index);
