/* summary.h - what a segment that will not grow holds, in a file beside it, so that a start need
 * not read the segment. Lost or damaged, it is made again from the frame heads (scan.h). No
 * threads. */
#pragma once
#include "journal/state.h"

/* Writes FOLDER/BASE.sum durably. */
MUST_CHECK enum status summary_write(const char *folder, const struct segment *s, bool may_go_on,
                                     struct err *err);
/* Fills in 's', whose base is set. ST_END: there is none. ST_INVALID: damaged, or of another life
 * than 'epoch' (0: any). 's' is as it was then. */
MUST_CHECK enum status summary_read(const char *folder, uint64_t epoch, struct segment *s,
                                    struct err *err);
