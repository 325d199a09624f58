/* admission.h - what the files of admission share: admit.c (a request's life), intake.c (bytes to
 * rows) and seal.c (rows to durable blocks). Nobody else includes it. */
#pragma once
#include "source/admit.h"
#include "source/budget.h"
#include "source/envelope.h"
#include "wire/gunzip.h"
#include "wire/scan.h"
#include <pthread.h>

struct journal_run;

enum {
    BODY_FIRST = 64 << 10,      /* bytes of body buffer to begin with */
    BODY_PADDING = REGION_PAGE, /* SCAN_PADDING, as a page */
    ROWS_FIRST = 1024,
    BUILDER_ROWS = 256, /* sizes the builder's streams and strings; its rows are ours */
    BAD_MAX = 64,       /* records waiting to be parked */
};

struct bad {         /* a record, or a piece of the body, that is to be parked */
    size_t at, size; /* in the buffer */
    char reason[256];
};

enum lost {
    LOST_NOT,
    LOST_LINE, /* the scanner looks for the line end behind a fault */
    LOST_REST, /* nothing can be read any more */
};

struct admission {
    struct admitter *owner;
    struct admission *next; /* in the owner's list of idle ones, or of those in flight */

    /* memory: 'charged' of the owner's budget */
    size_t charged;
    struct region body, rows, keys, index;
    char *fixed; /* scanner and builder */
    struct scanner scanner;
    struct block_builder builder;
    struct envelope_reader envelopes;
    struct decorator decorator;
    char *gunzip_memory; /* NULL until a request needs it */
    struct gunzip gunzip;

    /* the request */
    enum admit_shape shape;
    bool park, is_gzip, has_id, is_in_flight;
    char tenant[37];           /* "" : any */
    struct known_stream table; /* ADMIT_ROWS */
    uint8_t id[16];
    uint64_t body_max;
    size_t block_max;
    admit_block_fn take; /* replay; NULL: the journal */
    void *take_app;
    int64_t received;

    /* the buffer: [block_at, scan_at) is scanned, [scan_at, size) is not */
    size_t size, block_at, scan_at;
    size_t scan_when; /* unscanned bytes that make scanning again worth it */
    uint64_t base;    /* offset of the buffer's first byte in the body */
    bool is_started;  /* the byte order mark has been looked for */
    bool is_ended;    /* the scanner has seen the end */
    enum lost lost;
    size_t lost_at, lost_seen; /* where the lost bytes begin; no line end before 'seen' */
    struct err lost_reason;
    uint64_t record_number;
    uint32_t generation; /* counts blocks; says whether a known_stream's index is of this one */
    size_t bad_count;
    struct bad bad[BAD_MAX];

    /* what became of it */
    struct journal_run *run;
    uint32_t part;
    bool is_faulty;   /* nothing will be kept */
    enum status stop; /* what admit_data says; not ST_OK: result.outcome is decided */
    struct admit_result result;
};

struct admitter {
    struct admit_options o;
    struct budget budget;
    struct budget held; /* of bodies that are kept whole: a quarter of it, taken from both */
    struct scan_limits limits;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t landed;
    struct admission *idle, *in_flight;
    size_t idle_size;
    struct admit_counts counts;
};

/* ---- admit.c ---- */
/* Takes memory for an admission that has some, giving up idle ones first. */
MUST_CHECK bool admission_charge(struct admission *x, size_t size, unsigned wait_ms);
/* Room for 'count' rows. False: no memory. */
MUST_CHECK bool admission_grow_rows(struct admission *x, uint32_t count);
/* Ends the taking-in with an outcome; returns x->stop. The first call decides. */
PRINTF_LIKE(4, 5)
enum status admission_stop(struct admission *x, enum admit_outcome outcome, enum status st,
                           const char *format, ...);
/* Notes a fault; without park the request keeps nothing from now on. */
void admission_fault(struct admission *x, uint64_t offset, const char *column, const char *text);

/* ---- intake.c ---- */
static inline size_t
intake_room(const struct admission *x)
{
    return x->body.room - BODY_PADDING;
}
/* Makes room for at least a byte in the buffer. Returns x->stop. */
enum status intake_make_room(struct admission *x);
/* Scans what has come. Returns x->stop. */
enum status intake_scan(struct admission *x, bool is_last);

/* ---- seal.c ---- */
/* A raw piece to be parked before the next seal. Returns x->stop. */
enum status seal_bad(struct admission *x, size_t at, size_t size, const char *reason);
/* Parks what waits for it. Returns x->stop. */
enum status seal_park(struct admission *x);
/* Seals the rows in hand; their body ends at buffer offset 'end', where the next block's begins.
 * Not
 * the last: into the run. Returns x->stop. */
enum status seal_block(struct admission *x, size_t end, bool is_last);
/* Forgets the rows in hand and what was written of the request. */
void seal_drop(struct admission *x);
