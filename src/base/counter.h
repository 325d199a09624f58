/* counter.h - numbers for a monitoring system: totals, gauges and histograms, with labels, rendered
 * as Prometheus text. Any thread; counting is one relaxed atomic add.
 *
 * A counter is a static struct beside the code that counts:
 *
 *     static struct counter records = {.name = "penstock_ingest_records_total",
 *                                      .help = "Records made durable.",
 *                                      .kind = COUNTER_TOTAL,
 *                                      .labels = {"tenant", "table"}};
 *     counter_add(counter_at(&records, tenant, table), n);
 *
 * These are the program's only global variables: a number is of one process by nature, and handing
 * a registry through every contract would cost each of them a member that no logic reads. Tests
 * compare differences. */
#pragma once
#include "base/base.h"
#include <stdatomic.h>

enum {
    COUNTER_LABELS_MAX = 4,
    COUNTER_BOUNDS_MAX = 24,
    COUNTER_SERIES_MAX = 4096, /* per counter; further label values count as "other" */
    COUNTER_BUCKETS = 32,
};

enum counter_kind {
    COUNTER_TOTAL,     /* only grows; its name ends in _total */
    COUNTER_GAUGE,     /* goes up and down */
    COUNTER_HISTOGRAM, /* how often an observation was at most each bound */
};

struct counter_series { /* one counter with one set of label values; lasts as long as the process */
    atomic_int_fast64_t value; /* histogram: the sum */
    atomic_bool is_shown;
    struct counter_series *next;
    struct counter *counter;
    uint32_t hash;
    const char *values[COUNTER_LABELS_MAX];
    atomic_int_fast64_t counts[]; /* histogram: bound_count + 1 */
};

struct counter {
    const char *name, *help;
    enum counter_kind kind;
    const char *labels[COUNTER_LABELS_MAX + 1]; /* names; ends at NULL */
    double unit; /* what 1 is worth in the text, e.g. 1e-6 for microseconds; 0: 1 */
    /* histogram: ascending, in units; the last bucket (+Inf) is not listed */
    const int64_t *bounds;
    size_t bound_count;
    /* private */
    struct counter *next;
    atomic_bool is_registered;
    size_t series_count;
    _Atomic(struct counter_series *) buckets[COUNTER_BUCKETS];
};

/* The series for these label values, as many as the counter has labels; made at first use, its
 * values copied. Never NULL. Keep the pointer where it counts often. counter_at(&c) is the series
 * of a counter without labels. */
struct counter_series *counter_find(struct counter *c, const char *const *values);
#define counter_at(c, ...) counter_find((c), (const char *const[]){__VA_ARGS__, NULL})
#define counter_alone(c) counter_find((c), (const char *const[]){NULL})

static inline void
counter_add(struct counter_series *s, int64_t n)
{
    atomic_fetch_add_explicit(&s->value, n, memory_order_relaxed);
}

/* For gauges, and for totals that are kept elsewhere and copied in before rendering. */
static inline void
counter_set(struct counter_series *s, int64_t value)
{
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

static inline int64_t
counter_get(struct counter_series *s)
{
    return atomic_load_explicit(&s->value, memory_order_relaxed);
}

/* One observation of a histogram, in its units. */
void counter_observe(struct counter_series *s, int64_t value);

/* Takes a series out of the text (an export was deleted). It may still be counted with;
 * counter_find brings it back, at 0. */
void counter_hide(struct counter_series *s);

/* All counters that were used or registered, sorted by name, as Prometheus text (version 0.0.4),
 * malloc'd. ST_FULL: no memory. */
MUST_CHECK enum status counters_render(char **text, size_t *size, struct err *err);
/* Shows a counter without labels as 0 before its first use, and one with labels by its HELP and
 * TYPE lines. */
void counter_register(struct counter *c);
