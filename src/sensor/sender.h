/* sender.h - takes batches from the queue and hands them to the daemon, one at a time, oldest
 * first, until it says that they are safe. Runs a thread of its own.
 *
 *   done       2xx
 *   refused    the daemon will never take it: dropped, counted, logged
 *   settings   address, token or tenant are wrong, not the rows: they wait; the token file is read anew
 *   later      429, 5xx, no answer: after a growing pause, or as Retry-After says (wire/retry.h)
 *
 * A batch always carries the same Idempotency-Key, so that one whose answer was lost counts
 * once. */
#pragma once
#include "base/base.h"
#include "sensor/queue.h"

struct sender_options {       /* all borrowed until sender_stop */
    const char *url, *tenant; /* rows go to URL/ingest/v1/TENANT/TABLE */
    const char *token_file;   /* NULL: none */
    const char *ca_file;
    bool insecure;
    struct queue *queue;
    uint64_t seed; /* of the jitter */
};

struct sender_counts {
    uint64_t sent_rows, sent_batches, sent_bytes, retries;
    uint64_t refused_rows, refused_batches;
    bool is_connected; /* the last request was answered with 2xx */
};

struct sender;
/* ST_INVALID: the URL or the token file is wrong. */
MUST_CHECK enum status sender_start(const struct sender_options *o, struct sender **sender,
                                    struct err *err);
/* Goes on until the queue is empty or 'grace_ms' have gone by, then ends. A batch that was not
 * delivered is back in the queue. */
void sender_stop(struct sender *s, unsigned grace_ms, struct sender_counts *counts);
void sender_counts_get(struct sender *s, struct sender_counts *counts);
