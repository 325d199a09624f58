/* queue.h - batches that wait to be delivered: bounded memory, and behind it an optional folder
 * (the spool), bounded as well. First in, first out. When both are full the oldest batch is dropped
 * and counted: what is newest tells most about an attack that is going on. Any thread: one lock
 * inside; it is held while a batch is written to or read from the spool.
 *
 * The spool's files outlive the program: NNN.batch holds one line about the batch, then its rows. A
 * file that cannot be read is renamed to NNN.bad and counted, never deleted. */
#pragma once
#include "base/base.h"

enum {
    QUEUE_TABLE_MAX = 64,
    QUEUE_KEY_MAX = 80,
    QUEUE_ROWS_MAX = 64 << 20, /* bytes of one batch, as read back from the spool */
};

struct batch {
    struct batch *next;
    char table[QUEUE_TABLE_MAX]; /* [A-Za-z0-9_-] only, likewise the key */
    char key[QUEUE_KEY_MAX];     /* Idempotency-Key: the same bytes always go with the same key */
    uint64_t row_count;
    size_t size;
    char rows[]; /* NDJSON */
};
/* NULL: no memory. 'table' and 'key' are cut to their limits. Freed with free(). */
struct batch *batch_make(const char *table, const char *key, uint64_t row_count, struct span rows);

struct queue_options {
    size_t memory_max;  /* bytes of rows that wait in memory, the batch in flight included */
    const char *spool;  /* folder, made if missing; NULL: none. Borrowed for the call */
    uint64_t spool_max; /* bytes of its files */
};

struct queue_counts {
    size_t waiting_batches, memory_size; /* now */
    uint64_t spool_size, spool_batches;  /* now */
    uint64_t put_rows, done_rows;
    uint64_t dropped_rows, dropped_batches; /* the oldest, for want of room */
    uint64_t spool_errors, bad_files;
};

struct queue;
/* Finds what an earlier run left in the spool. ST_IO, ST_INVALID: the spool cannot be used. */
MUST_CHECK enum status queue_make(const struct queue_options *o, struct queue **queue,
                                  struct err *err);
/* What waits in memory is moved to the spool, or, without one, dropped and counted; *counts (or
 * NULL) are the last. */
void queue_free(struct queue *q, struct queue_counts *counts);

void queue_put(struct queue *q, struct batch *batch); /* takes */
/* The oldest batch, the caller's until queue_done or queue_back; waits for one at most 'wait_ms'.
 * NULL: none came, or the queue was woken. */
struct batch *queue_take(struct queue *q, unsigned wait_ms);
void queue_done(struct queue *q, struct batch *batch); /* delivered, or given up: frees it */
void queue_back(struct queue *q, struct batch *batch); /* not delivered: it is the oldest again */
void queue_wake(struct queue *q);                      /* ends a wait, also the next one */
void queue_counts_get(struct queue *q, struct queue_counts *out);
