/* sender.h - takes batches from the queue and hands them to the daemon, one at a time, oldest first, until
 * it says that they are safe. Runs a thread of its own.
 *
 *   2xx                     done
 *   400, 405 .. 422         the daemon will never take it: dropped, counted, logged
 *   401, 403, 404           the settings are wrong, not the rows: they wait; the token file is read anew
 *   408, 429, 5xx, no answer   later, with growing pauses (0.5 to 30 s, jitter), or as Retry-After says
 *
 * A batch always carries the same Idempotency-Key, so that one whose answer was lost counts once. */
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

enum sender_outcome { SENDER_DONE, SENDER_REFUSED, SENDER_LATER, SENDER_SETTINGS };
/* What an HTTP status means for a batch. */
enum sender_outcome sender_judge(unsigned http_status);
/* Milliseconds until the next try: 'failures' in a row (from 1), Retry-After or -1, 'random' any bits. */
unsigned sender_pause(unsigned failures, int64_t retry_after_ms, uint64_t random);

struct sender;
/* ST_INVALID: the URL or the token file is wrong. */
MUST_CHECK enum status sender_start(const struct sender_options *o, struct sender **sender,
                                    struct err *err);
/* Goes on until the queue is empty or 'grace_ms' have gone by, then ends. A batch that was not delivered
 * is back in the queue. */
void sender_stop(struct sender *s, unsigned grace_ms, struct sender_counts *counts);
void sender_counts_get(struct sender *s, struct sender_counts *counts);
