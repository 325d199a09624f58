/* counter.c - the registry behind counter.h: an atomic list of counters, in each a small hash table
 * of series that only ever grows, so that readers need no lock; writers share one. */
#include "base/counter.h"
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* for adding counters and series */
static struct counter *counters;                         /* under 'lock' */

static size_t
label_count(const struct counter *c)
{
    size_t count = 0;

    while (c->labels[count] != NULL)
        count++;
    return count;
}

void
counter_register(struct counter *c)
{
    if (atomic_load_explicit(&c->is_registered, memory_order_acquire))
        return;
    assert(c->bound_count <= COUNTER_BOUNDS_MAX);
    pthread_mutex_lock(&lock);
    if (!atomic_load_explicit(&c->is_registered, memory_order_relaxed)) {
        c->next = counters;
        counters = c;
        atomic_store_explicit(&c->is_registered, true, memory_order_release);
    }
    pthread_mutex_unlock(&lock);
    if (c->labels[0] == NULL)
        counter_alone(c);
}

static uint32_t
values_hash(const char *const *values, size_t count)
{
    uint32_t hash = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < count; i++)
        for (const char *p = values[i];; p++) {
            hash = (hash ^ (unsigned char)*p) * 16777619U;
            if (*p == '\0')
                break;
        }
    return hash;
}

static struct counter_series *
bucket_find(struct counter *c, uint32_t hash, const char *const *values, size_t count)
{
    struct counter_series *s =
        atomic_load_explicit(&c->buckets[hash % COUNTER_BUCKETS], memory_order_acquire);

    for (; s != NULL; s = s->next) {
        size_t same = 0;

        if (s->hash != hash)
            continue;
        while (same < count && strcmp(s->values[same], values[same]) == 0)
            same++;
        if (same == count)
            return s;
    }
    return NULL;
}

/* NULL: no memory. */
static struct counter_series *
series_make(struct counter *c, uint32_t hash, const char *const *values, size_t count)
{
    size_t counts_size =
        c->kind == COUNTER_HISTOGRAM ? (c->bound_count + 1) * sizeof(atomic_int_fast64_t) : 0;
    struct counter_series *s = calloc(1, sizeof *s + counts_size);

    if (s == NULL)
        return NULL;
    s->counter = c;
    s->hash = hash;
    for (size_t i = 0; i < count; i++) {
        s->values[i] = strdup(values[i]);
        if (s->values[i] == NULL)
            goto fail;
    }
    return s;

fail:
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)s->values[i]);
    free(s);
    return NULL;
}

/* Under 'lock'. */
static struct counter_series *
series_add(struct counter *c, uint32_t hash, const char *const *values, size_t count)
{
    struct counter_series *s = bucket_find(c, hash, values, count);
    _Atomic(struct counter_series *) *bucket = &c->buckets[hash % COUNTER_BUCKETS];

    if (s != NULL)
        return s;
    s = series_make(c, hash, values, count);
    if (s == NULL)
        return NULL;
    s->next = atomic_load_explicit(bucket, memory_order_relaxed);
    atomic_store_explicit(bucket, s, memory_order_release);
    c->series_count++;
    return s;
}

/* Counts where nobody looks: only when there is no memory for a real one. */
static struct counter_series nowhere;

struct counter_series *
counter_find(struct counter *c, const char *const *values)
{
    static const char *const others[COUNTER_LABELS_MAX] = {"other", "other", "other", "other"};
    size_t count = label_count(c);
    uint32_t hash;
    struct counter_series *s;

    for (size_t i = 0; i < count; i++)
        assert(values[i] != NULL);
    assert(values[count] == NULL);
    if (count > 0)
        counter_register(c);
    hash = values_hash(values, count);
    s = bucket_find(c, hash, values, count);
    if (s == NULL) {
        if (count == 0)
            counter_register(c);
        pthread_mutex_lock(&lock);
        if (c->series_count >= COUNTER_SERIES_MAX)
            s = series_add(c, values_hash(others, count), others, count);
        else
            s = series_add(c, hash, values, count);
        pthread_mutex_unlock(&lock);
        if (s == NULL)
            return &nowhere;
    }
    if (!atomic_load_explicit(&s->is_shown, memory_order_relaxed))
        atomic_store_explicit(&s->is_shown, true, memory_order_relaxed);
    return s;
}

void
counter_observe(struct counter_series *s, int64_t value)
{
    const struct counter *c = s->counter;
    size_t i = 0;

    if (c == NULL)
        return;
    while (i < c->bound_count && value > c->bounds[i])
        i++;
    atomic_fetch_add_explicit(&s->counts[i], 1, memory_order_relaxed);
    counter_add(s, value);
}

void
counter_hide(struct counter_series *s)
{
    size_t count = s->counter != NULL && s->counter->kind == COUNTER_HISTOGRAM
                       ? s->counter->bound_count + 1
                       : 0;

    atomic_store_explicit(&s->is_shown, false, memory_order_relaxed);
    counter_set(s, 0);
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&s->counts[i], 0, memory_order_relaxed);
}

/* ---- the text ---- */

static void
escape(FILE *out, const char *text, bool is_label)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            fputs("\\\\", out);
        else if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '"' && is_label)
            fputs("\\\"", out);
        else
            fputc(*text, out);
    }
}

static void
number(FILE *out, const struct counter *c, int64_t value)
{
    if (c->unit == 0 || c->unit == 1)
        fprintf(out, "%" PRId64, value);
    else
        fprintf(out, "%.9g", (double)value * c->unit);
}

/* name_suffix{labels,le="bound"} */
static void
sample_name(FILE *out, const struct counter_series *s, const char *suffix, const int64_t *bound,
            bool is_infinite)
{
    const struct counter *c = s->counter;
    const char *before = "{";

    fprintf(out, "%s%s", c->name, suffix);
    for (size_t i = 0; c->labels[i] != NULL; i++, before = ",") {
        fprintf(out, "%s%s=\"", before, c->labels[i]);
        escape(out, s->values[i], true);
        fputc('"', out);
    }
    if (bound != NULL || is_infinite) {
        fprintf(out, "%sle=\"", before);
        if (is_infinite)
            fputs("+Inf", out);
        else
            number(out, c, *bound);
        fputc('"', out);
        before = ",";
    }
    fputs(before[0] == ',' ? "} " : " ", out);
}

static void
histogram_render(FILE *out, struct counter_series *s)
{
    const struct counter *c = s->counter;
    int64_t count = 0;

    for (size_t i = 0; i <= c->bound_count; i++) {
        bool is_infinite = i == c->bound_count;

        count += atomic_load_explicit(&s->counts[i], memory_order_relaxed);
        sample_name(out, s, "_bucket", is_infinite ? NULL : &c->bounds[i], is_infinite);
        fprintf(out, "%" PRId64 "\n", count);
    }
    sample_name(out, s, "_sum", NULL, false);
    number(out, c, counter_get(s));
    fputc('\n', out);
    sample_name(out, s, "_count", NULL, false);
    fprintf(out, "%" PRId64 "\n", count);
}

static int
series_compare(const void *a, const void *b)
{
    const struct counter_series *x = *(struct counter_series *const *)a;
    const struct counter_series *y = *(struct counter_series *const *)b;

    for (size_t i = 0; x->counter->labels[i] != NULL; i++) {
        int order = strcmp(x->values[i], y->values[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

static bool
counter_render(FILE *out, struct counter *c)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct counter_series **all = calloc(c->series_count + 1, sizeof(void *));
    size_t count = 0;

    if (all == NULL)
        return false;
    for (size_t i = 0; i < COUNTER_BUCKETS; i++)
        for (struct counter_series *s = atomic_load_explicit(&c->buckets[i], memory_order_acquire);
             s != NULL && count < c->series_count; s = s->next)
            if (atomic_load_explicit(&s->is_shown, memory_order_relaxed))
                all[count++] = s;
    qsort(all, count, sizeof(void *), series_compare);
    fprintf(out, "# HELP %s ", c->name);
    escape(out, c->help, false);
    fprintf(out, "\n# TYPE %s %s\n", c->name, types[c->kind]);
    for (size_t i = 0; i < count; i++) {
        if (c->kind == COUNTER_HISTOGRAM) {
            histogram_render(out, all[i]);
            continue;
        }
        sample_name(out, all[i], "", NULL, false);
        number(out, c, counter_get(all[i]));
        fputc('\n', out);
    }
    free(all);
    return true;
}

static int
counter_compare(const void *a, const void *b)
{
    return strcmp((*(struct counter *const *)a)->name, (*(struct counter *const *)b)->name);
}

enum status
counters_render(char **text, size_t *size, struct err *err)
{
    struct counter **all = NULL;
    size_t count = 0;
    bool is_whole = true;
    FILE *out = open_memstream(text, size);

    if (out == NULL)
        return err_set(err, ST_FULL, "no memory to write the metrics");
    pthread_mutex_lock(&lock); /* counting goes on; only new series wait */
    for (struct counter *c = counters; c != NULL; c = c->next)
        count++;
    all = calloc(count + 1, sizeof(void *));
    if (all != NULL) {
        count = 0;
        for (struct counter *c = counters; c != NULL; c = c->next)
            all[count++] = c;
        qsort(all, count, sizeof(void *), counter_compare);
        for (size_t i = 0; i < count; i++)
            is_whole = counter_render(out, all[i]) && is_whole;
    }
    pthread_mutex_unlock(&lock);
    is_whole = !ferror(out) && all != NULL && is_whole;
    free(all);
    if (fclose(out) == 0 && is_whole)
        return ST_OK;
    free(*text);
    *text = NULL;
    return err_set(err, ST_FULL, "no memory to write the metrics");
}
