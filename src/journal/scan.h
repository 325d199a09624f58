/* scan.h - what a journal's folder holds, read without changing anything: by summaries where there
 * are good ones, else from the frames. Recovery and inspection both start here. No threads. */
#pragma once
#include "journal/state.h"

struct scanned {
    /* by position; those without a good summary are in state SEGMENT_FULL */
    struct segment **segments;
    size_t count;
    uint64_t torn_bytes, torn_blocks; /* never acknowledged */
    uint64_t mark;                    /* all before this position was acknowledged, for certain */
};

enum scan_depth {
    SCAN_HEADS, /* trust payloads */
    /* verify those of the last three segments if they have no summary: what a crash can have
     * torn */
    SCAN_PAYLOADS,
};

/* ST_INVALID: a segment of a newer format. Costs by the number of segments, and by the blocks of
 * those without a summary. A segment that vanishes meanwhile (a journal at work recycles) is left
 * out. */
MUST_CHECK enum status segments_scan(const char *folder, uint64_t span_default,
                                     enum scan_depth depth, struct scanned *found, struct err *err);
void scanned_free(struct scanned *found);
