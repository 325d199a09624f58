/* admit.h - the one door into the journal: bytes of a body in, durable blocks out. HTTP, file tail,
 * Kafka and replay all go through it. An admission belongs to one thread from begin to end; the
 * admitter behind it is shared by all.
 *
 *   admit_begin -> admit_data* -> admit_end      (or admit_abort at any time)
 *
 * The body may be of any size: it is scanned as it comes in pieces of at most a block; a body that
 * fits one block is one journal_append, a larger one a journal_run, so that a request is all or
 * nothing. Memory comes from one budget for all admissions; when it is spent, admit_data waits
 * (back-pressure) and after 'wait_ms_max' says ST_FULL. */
#pragma once
#include "base/base.h"
#include "model/block.h"
#include "model/catalog.h"
#include "source/devices.h"
#include "source/envelope.h"

struct admitter;
struct journal;

/* Where rejected records go when a request asks to park them. 'raw' is borrowed for the call. Any
 * thread; must be durable when it returns ST_OK. */
struct admit_park {
    void *app;
    enum status (*park)(void *app, const char *tenant, const char *table, struct span raw,
                        const char *reason, int64_t now, struct err *err);
};

struct admit_options {
    struct journal *journal;
    const struct catalog *catalog; /* borrowed; must live as long */
    struct devices *devices;
    struct admit_park park;
    int64_t (*now)(void *clock);
    void *clock;
    size_t memory_max;    /* bytes all admissions may hold together */
    unsigned wait_ms_max; /* how long one waits for memory */
    uint32_t record_size_max, depth_max, columns_max;
    bool unknown_tables;             /* tables that the catalog does not know pass through */
    struct envelope_tenants tenants; /* whose envelopes a request without a tenant may hold */
};
MUST_CHECK enum status admitter_make(const struct admit_options *o, struct admitter **admitter,
                                     struct err *err);
void admitter_free(struct admitter *a);

enum admit_shape { ADMIT_ROWS, ADMIT_ENVELOPES };

struct admit_request {
    enum admit_shape shape;
    /* lower-case GUID that the caller may write for; envelopes of another one are a fault. NULL
     * (envelopes of a trusted source only): any tenant */
    const char *tenant;
    struct span table; /* ADMIT_ROWS */
    /* client's id of the request; empty: none. A request whose id was admitted before counts
     * once */
    struct span batch_id;
    bool park; /* onError=park */
    /* bytes are gzip (checked: one or more members, inflated size is bounded by 'inflated_max') */
    bool gzip;
    uint64_t body_max; /* bytes after inflation; 0: no limit */
    /* bytes of body per block, about; 0: BLOCK_BODY_MAX. Smaller ones stay in the processor's
     * caches (replay) */
    uint32_t block_size_max;
};

struct admit_fault {
    uint64_t record; /* 1 for the first */
    uint64_t offset; /* byte offset in the (inflated) body */
    char column[64]; /* "" if none */
    char text[160];
};
enum { ADMIT_FAULTS_MAX = 20 };

enum admit_outcome {
    ADMIT_DURABLE,
    ADMIT_DUPLICATE /* its batch id was admitted before: counts as done */,
    ADMIT_FAULTY /* nothing was kept; see faults */,
    ADMIT_LATER /* nothing was kept; try again */,
    ADMIT_UNKNOWN_TABLE,
    ADMIT_FAILED,   /* the disk failed; unknown whether it was kept */
    ADMIT_TOO_LARGE /* nothing was kept: larger than body_max after inflation */
};

struct admit_result {
    enum admit_outcome outcome;
    uint64_t accepted, parked, bytes; /* records; bytes of body after inflation */
    uint64_t first_position;          /* journal position of the first block, if accepted */
    uint64_t fault_count;             /* all; the first ADMIT_FAULTS_MAX are listed */
    struct admit_fault faults[ADMIT_FAULTS_MAX];
    struct err err; /* for a person, unless durable */
};

/* What stands in block_head.request_id of a request with a batch_id: for who looks for it in the journal himself, as that forgets ids
 * after a day. */
MUST_CHECK enum status admit_request_id(const struct admit_request *request, uint8_t id[16],
                                        struct err *err);

struct admission;
/* ST_INVALID: the table is unknown and may not pass, or its name is not safe (err names the nearest
 * known one); ST_FULL: no memory now. */
MUST_CHECK enum status admit_begin(struct admitter *a, const struct admit_request *request,
                                   struct admission **admission, struct err *err);
/* ST_OK: go on. Anything else: no more data is wanted, call admit_end for the result. Once 20
 * faults are known (and park is off) it says ST_INVALID. */
enum status admit_data(struct admission *x, struct span bytes);
/* The same without a copy, for callers that read into memory themselves: lends room for the next
 * bytes of the body (at most 256 KiB, never 0); admit_filled then says how many were put there. Not
 * for gzip. Results as admit_data. */
enum status admit_space(struct admission *x, char **space, size_t *room);
enum status admit_filled(struct admission *x, size_t size);
/* Ends the body, makes it durable, gives the result; the admission is gone. */
void admit_end(struct admission *x, struct admit_result *result);
void admit_abort(struct admission *x);

/* For replay: the same scan and block building without a journal. Called with each sealed block
 * instead of an append; the block is lent for the call. */
typedef enum status (*admit_block_fn)(void *app, struct span index, struct span body,
                                      struct err *err);
MUST_CHECK enum status admit_begin_to(struct admitter *a, const struct admit_request *request,
                                      admit_block_fn take, void *app, struct admission **admission,
                                      struct err *err);

/* Memory for bodies that a route keeps until they are whole, counted against memory_max and at most a quarter of it, so that
 * what becomes of them always finds some. Waits as admit_data does. False: not now. */
MUST_CHECK bool admit_hold(struct admitter *a, size_t size);
void admit_release(struct admitter *a, size_t size);

struct admit_counts {
    uint64_t requests, records, bytes, parked, refused_requests, refused_records, duplicates, waits;
    size_t memory_used;
};
void admit_counts_get(struct admitter *a, struct admit_counts *counts);
