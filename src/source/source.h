/* source.h - what every kind of source implements, and how one runs: in a thread of its own, a step
 * at a time, each step one admission. A source that fails tries again with growing pauses; one
 * whose journal is full waits; none of them drops anything.
 *
 * Exactly once across crashes: a source durably notes what it is about to admit (or its peer does:
 * Kafka's offsets), gives the admission a batch id that names exactly these bytes, and moves on
 * only when they are durable. After a crash the same bytes come again under the same id and count
 * once, as long as the journal remembers batch ids. */
#pragma once
#include "source/admit.h"
#include <stdatomic.h>

/* its check, the configuration's and the manual's entry are made from this */
struct source_setting {
    const char *name;
    const char *help;
    const char *default_value; /* NULL: required unless is_optional */
    bool is_optional, is_secret;
};
struct source_value {
    const char *name, *value;
};

/* What a source works with; the strings are copied by source_start, the rest is borrowed until
 * source_stop. */
struct source_context {
    const char *name; /* unique, safe as a file name */
    struct admitter *admitter;
    const char *folder;             /* of checkpoints; made if missing */
    char tenant[37];                /* "": envelopes of any tenant */
    const char *table;              /* NULL: the records are envelopes */
    bool can_park;                  /* the admitter has somewhere to park bad records */
    size_t record_size_max;         /* the admitter's */
    int64_t (*now)(void *clock);    /* ticks */
    int64_t (*now_ms)(void *clock); /* monotonic */
    void *clock;
};

/* Counted by the source's thread, read by any. */
struct source_counters {
    atomic_uint_fast64_t records, bytes, batches, parked, duplicates, failures;
    atomic_int_fast64_t lag_bytes; /* known to be there and not taken yet; -1: not known */
};

struct source_kind {
    const char *name;
    const char *help;
    const struct source_setting *settings; /* ends at a NULL name */
    unsigned idle_ms; /* pause after a step that found nothing; 0: the step itself waits */
    /* Only the values; touches nothing. */
    enum status (*check)(const struct source_value *values, size_t count, struct err *err);
    /* Does not need files or peer to be there. On error holds nothing. NULL: passive, somebody else
     * feeds it (HTTP). */
    enum status (*open)(const struct source_context *context, const struct source_value *values,
                        size_t count, struct source_counters *counters, const atomic_bool *stop,
                        void **state, struct err *err);
    /* One batch, or a look whether there is one; returns within about a second once 'stop' is true.
     * ST_OK: something was taken. ST_END: nothing was there. ST_FULL: the journal is full, ST_IO:
     * something failed: later. ST_INVALID: it cannot go on without a person; err says why. */
    enum status (*step)(void *state, struct err *err);
    void (*close)(void *state);
};
extern const struct source_kind source_http, source_file, source_kafka;
extern const struct source_kind *const source_kinds[]; /* NULL-terminated */
const struct source_kind *source_kind_find(const char *name);
/* Value of a setting, its default, or NULL. */
const char *source_value_get(const struct source_kind *kind, const struct source_value *values,
                             size_t count, const char *name);
/* Required ones there, no unknown ones, then kind->check. */
MUST_CHECK enum status source_check(const struct source_kind *kind,
                                    const struct source_value *values, size_t count,
                                    struct err *err);
/* A whole number within bounds; for kinds' checks. */
MUST_CHECK enum status source_number(const struct source_kind *kind,
                                     const struct source_value *values, size_t count,
                                     const char *name, uint64_t min, uint64_t max, uint64_t *number,
                                     struct err *err);

/* What an admission's result means for a source, counted. ST_OK: the bytes are done with (durable,
 * duplicate, or there was no record in them). Otherwise as a step's result: the same bytes are to
 * come again. */
enum status source_settle(const struct admit_result *result, struct source_counters *counters,
                          struct err *err);

enum source_state {
    SOURCE_RUNNING,  /* took something in its last step */
    SOURCE_IDLE,     /* nothing was there */
    SOURCE_WAITING,  /* the journal is full, or memory is */
    SOURCE_RETRYING, /* something failed */
    SOURCE_STUCK,    /* ST_INVALID: waits for a person; tries again every minute */
    SOURCE_PASSIVE,  /* fed by the HTTP routes */
};
const char *source_state_name(enum source_state state); /* "running" */

struct source_status {
    char name[128], kind[32];
    enum source_state state;
    uint64_t records, bytes, batches, parked, duplicates, failures;
    int64_t lag_bytes;   /* -1: not known */
    int64_t last_record; /* ticks; 0: never */
    int64_t last_error;  /* ticks; 0: never */
    struct err error;    /* the last one, even if it is over */
};

struct source;
/* Opens and runs it in a thread of its own (none for a passive kind). */
MUST_CHECK enum status source_start(const struct source_kind *kind,
                                    const struct source_context *context,
                                    const struct source_value *values, size_t count,
                                    struct source **source, struct err *err);
void source_status_get(struct source *s, struct source_status *status);
/* Ends the thread after its step and frees the source. NULL is fine. */
void source_stop(struct source *s);
