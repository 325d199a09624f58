/* writer.h - events become rows, rows become batches. A thread of its own, so that what takes time
 * (a program's hashes, a user's name) never makes the watcher miss a process. Between both stands a
 * bounded ring; when it is full the newest event is dropped and counted. */
#pragma once
#include "base/base.h"
#include "sensor/connections.h"
#include "sensor/device.h"
#include "sensor/image.h"
#include "sensor/process.h"
#include "sensor/queue.h"
#include "sensor/rows.h"

enum { WRITER_EVENTS_MAX = 4096, WRITER_ROW_MAX = 512 * 1024 };

struct event {
    enum table table;
    int64_t time;            /* ticks */
    struct process *process; /* the new one, or who holds the socket; may be NULL for a socket */
    struct process *parent;  /* of a new one; may be NULL */
    struct connection connection;
};

struct writer_options { /* borrowed until writer_stop */
    const struct rows *rows;
    struct device *device; /* the writer refreshes its users */
    struct image_cache *images;
    struct queue *queue; /* NULL: rows are printed on standard output, with their table's name */
    size_t batch_max;    /* bytes */
    unsigned linger_ms;  /* how long a row waits for others */
};

struct writer_counts {
    uint64_t rows[TABLE_COUNT];
    uint64_t dropped_events; /* the ring was full */
    uint64_t large_rows;     /* rows beyond WRITER_ROW_MAX: not made */
    uint64_t batches;
};

struct writer;
MUST_CHECK enum status writer_start(const struct writer_options *o, struct writer **writer,
                                    struct err *err);
/* Takes the event's references. Never waits unless 'can_wait': then for room in the ring. */
void writer_put(struct writer *w, const struct event *event, bool can_wait);
/* All events put so far become batches; ends the thread. */
void writer_stop(struct writer *w, struct writer_counts *counts);
void writer_counts_get(struct writer *w, struct writer_counts *counts);
