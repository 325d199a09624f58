/* scan_inner.h - what the scanner's own files share (scan.c, scan_plain.c, scan_avx2.c,
 * scan_avx512.c). Nobody else includes it.
 *
 * A record is walked twice at most: by the fast walk of the processor's best instructions, which
 * only says "done", "the text ends too soon" or "in doubt"; and, if in doubt, by the plain walk,
 * byte by byte, which is the judge: it alone says what is a fault, where and why. The fast walk may
 * doubt what is fine, but must never pass what the plain walk refuses; scan_test.c and scan_fuzz.c
 * hold the two to each other. */
#pragma once
#include "wire/scan.h"

enum {
    SCAN_DEPTH_MAX = 1024,
    SCAN_KEY_SIZE_MAX = 65535,
    SCAN_RECORD_SIZE_MAX = 1 << 30,
    WINDOW_BLOCKS =
        64, /* 64-byte blocks that are indexed at once: 4 KB of text stay in the L1 cache */
    WINDOW_KEPT = 8,    /* at most so many unread indexes are carried into the next window */
    WINDOW_SLACK = 64,  /* indexes are written 16 at a time, so behind the last one */
    RING_BLOCKS = 1024, /* blocks whose escape marks are kept; a power of two */
};

enum walk {
    WALK_DONE,  /* job->end, job->value_count and the values are set */
    WALK_SHORT, /* fine so far, but the text ends before the record does */
    WALK_DOUBT, /* fast walks: ask the plain one. Plain walk: *fault is set */
};

struct scan_job { /* one record to walk */
    const char *text;
    size_t at, size; /* the record's '{'; bytes in the text */
    enum scan_shape shape;
    /* plain walk: ignore depth_max and values_max, report no values: only find the end */
    bool is_bare;
    struct scan_limits limits;
    size_t end; /* out: behind the record's '}' */
    uint32_t value_count;
};

/* What the fast walks know about the text beyond the record they are at. Offsets count from
 * 'base'. */
struct scan_window {
    const char *text; /* NULL: nothing known */
    const char *base;
    size_t size;  /* bytes behind base */
    size_t front; /* bytes indexed so far; >= size once the last block is done */
    size_t stop;  /* index no block from here on: the record would be too long */
    size_t doubt; /* first block with a wrong byte in a string; SIZE_MAX: none yet */
    uint32_t next, count,
        count_fast; /* unread indexes; those before count_fast have marks in the ring */
    uint64_t is_escaped, in_string, after_scalar, escape_carry, is_cut; /* from block to block */
    uint32_t index[WINDOW_KEPT + WINDOW_BLOCKS * 64 + WINDOW_SLACK];
    /* bit: a closing quote of a string that holds a backslash */
    uint64_t escape_marks[RING_BLOCKS];
};

struct scan_private {
    struct scan_value values[SCAN_VALUES_MAX];
    struct scan_window window;
};

typedef enum walk (*scan_walk_fn)(struct scan_private *p, struct scan_job *job);

/* The judge. On WALK_DOUBT all of *fault is set but can_skip and record_at; on WALK_SHORT too, as
 * FAULT_TRUNCATED, for the case that nothing more comes. */
enum walk scan_plain_walk(struct scan_private *p, struct scan_job *job, struct scan_fault *fault);

#if defined(__x86_64__)
enum walk scan_avx2_walk(struct scan_private *p, struct scan_job *job);
enum walk scan_avx512_walk(struct scan_private *p, struct scan_job *job);
#endif

static inline bool
scan_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Sets a fault's code, place and text; always false. */
PRINTF_LIKE(4, 5)
bool scan_fault_set(struct scan_fault *fault, enum scan_fault_code code, size_t at,
                    const char *format, ...);
/* "'x'" or "the byte 0x07", for texts. Gives 'out' back. */
const char *scan_byte_name(char c, char out[20]);
