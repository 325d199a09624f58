/* posture_feed.c - one thread reads, seals, appends and drops; the other gives posture its time. */
#include "penstock/posture_feed.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "wire/json.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    ROWS_DEFAULT = 8192,
    BODY_SIZE = 4 << 20, /* bytes of events in a block; a larger single one still fits */
    RETRY_MS = 1000,
    MEMORY_HOURS = 23, /* a little less than the journal remembers ids */
    TICK_MS = 1000,
};

/* ---- what is asked for ---- */

struct want {
    char tenant[40];
    uint32_t sources; /* bits */
};

struct posture_wants {
    pthread_rwlock_t lock;
    struct want *list; /* by tenant */
    size_t count;
    bool is_everything;
};

enum status
posture_wants_make(struct posture_wants **wants, struct err *err)
{
    struct posture_wants *w = calloc(1, sizeof *w);

    if (w == NULL)
        return err_set(err, ST_FULL, "no memory");
    pthread_rwlock_init(&w->lock, NULL);
    *wants = w;
    return ST_OK;
}

void
posture_wants_free(struct posture_wants *w)
{
    if (w == NULL)
        return;
    free(w->list);
    pthread_rwlock_destroy(&w->lock);
    free(w);
}

static int
by_tenant(const void *a, const void *b)
{
    return strcmp(((const struct want *)a)->tenant, ((const struct want *)b)->tenant);
}

static uint32_t
sources_of(const struct plan_route *route)
{
    uint32_t bits = 0;

    if (route->events == NULL || !route->is_enabled || route->tenant == NULL)
        return 0;
    for (unsigned s = 0; s < EVENT_SOURCES; s++)
        if (event_filter_wants(route->events, (enum event_source)s))
            bits |= UINT32_C(1) << s;
    return bits;
}

/* One entry per tenant, in order. */
static size_t
merge(struct want *list, size_t count)
{
    size_t kept = 0;

    if (count > 0)
        qsort(list, count, sizeof *list, by_tenant);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && strcmp(list[kept - 1].tenant, list[i].tenant) == 0)
            list[kept - 1].sources |= list[i].sources;
        else
            list[kept++] = list[i];
    }
    return kept;
}

enum status
posture_wants_plan(struct posture_wants *w, const struct plan *plan, struct err *err)
{
    struct want *list = calloc(plan->route_count + 1, sizeof *list), *old;
    size_t count = 0;

    for (size_t i = 0; i < plan->route_count && list != NULL; i++) {
        uint32_t sources = sources_of(&plan->routes[i]);

        if (sources == 0)
            continue;
        snprintf(list[count].tenant, sizeof list[count].tenant, "%s", plan->routes[i].tenant);
        list[count++].sources = sources;
    }
    if (list != NULL)
        count = merge(list, count);
    pthread_rwlock_wrlock(&w->lock);
    old = w->list;
    w->list = list;
    w->count = count;
    w->is_everything = list == NULL;
    pthread_rwlock_unlock(&w->lock);
    free(old);
    return list != NULL ? ST_OK : err_set(err, ST_FULL, "no memory for what automations ask for");
}

bool
posture_is_asked_for(void *wants, const char *tenant, enum event_source source)
{
    struct posture_wants *w = wants;
    struct want key = {.sources = 0};

    snprintf(key.tenant, sizeof key.tenant, "%s", tenant);
    pthread_rwlock_rdlock(&w->lock);
    const struct want *found =
        w->count > 0 ? bsearch(&key, w->list, w->count, sizeof key, by_tenant) : NULL;
    bool is_asked =
        w->is_everything || (found != NULL && (found->sources >> source & UINT32_C(1)) != 0);

    pthread_rwlock_unlock(&w->lock);
    return is_asked;
}

/* ---- the feed ---- */

struct posture_feed {
    struct posture_feed_options o;
    uint8_t epoch[16];
    pthread_t feed, tick;
    bool has_feed, has_tick;
    pthread_mutex_t lock;
    pthread_cond_t bell, clock_bell; /* both on the monotonic clock */
    bool is_rung, is_stopping, is_clock_stopping;
    char trouble[320]; /* why events cannot leave; "" */
    bool is_waiting;   /* for room in the journal: no fault, it passes */
    uint64_t blocks, events;
    /* of the feed thread */
    bool is_behind; /* the journal's memory of ids may have ended before this start: look once */
    struct arena arena, index;
    struct block_builder builder;
    char *body;
    size_t body_size, body_room;
    uint64_t first, last; /* numbers of the block being built */
    size_t count;
    struct err failed; /* while it was built */
    enum status built;
};

static bool
body_fits(struct posture_feed *f, size_t more)
{
    if (f->body_size + more <= f->body_room)
        return true;
    if (f->body_size > 0)
        return false;
    char *larger = realloc(f->body, more);

    if (larger == NULL)
        return false;
    f->body = larger;
    f->body_room = more;
    return true;
}

/* One event into the block; once one did not fit, the rest waits for the next. */
static void
add_event(void *app, const struct posture_event *e)
{
    struct posture_feed *f = app;
    struct span name = span_of(event_source_rows[e->source].name);
    uint16_t stream = 0, scope = 0;
    struct block_row *row = NULL;

    if (f->built != ST_OK)
        return;
    if (!body_fits(f, e->document.n))
        f->built = err_set(&f->failed, ST_FULL, "no memory for an event");
    if (f->built == ST_OK)
        f->built = block_stream_index(&f->builder, span_of(e->tenant), name, name, &stream);
    if (f->built == ST_OK)
        f->built = block_string_index(&f->builder, e->scope, &scope);
    if (f->built == ST_OK && (row = block_row_add(&f->builder)) == NULL)
        f->built = ST_FULL;
    if (f->built != ST_OK) {
        if (f->count == 0 && f->failed.text[0] == '\0')
            (void)err_set(&f->failed, f->built, "event %llu does not fit into a block",
                          (unsigned long long)e->number);
        return;
    }
    *row = (struct block_row){
        .at = (uint32_t)f->body_size,
        .size = (uint32_t)e->document.n,
        .properties_at = (uint32_t)f->body_size,
        .properties_size = (uint32_t)e->document.n,
        .group = scope,
        .stream = stream,
    };
    memcpy(f->body + f->body_size, e->document.p, e->document.n);
    f->body_size += e->document.n;
    if (f->count++ == 0)
        f->first = e->number;
    f->last = e->number;
}

static void
request_id(const struct posture_feed *f, uint64_t first, uint8_t id[16])
{
    memcpy(id, f->epoch, 16);
    for (int i = 0; i < 8; i++)
        id[8 + i] ^= (uint8_t)(first >> (8 * i));
}

static void
note_last(void *app, const struct posture_event *e)
{
    *(uint64_t *)app = e->number;
}

/* The block that begins with 'first' is in the journal, with so many rows: so many leave the outbox. */
static enum status
drop_fed(struct posture_feed *f, uint64_t rows, struct err *err)
{
    uint64_t number = 0, last;
    enum status st =
        posture_outbox_read(f->o.posture, (size_t)rows, SIZE_MAX, note_last, &number, &last, err);

    return st == ST_OK && number > 0 ? posture_outbox_drop(f->o.posture, number, err) : st;
}

static enum status
append(struct posture_feed *f, const uint8_t id[16], uint64_t *position, struct err *err)
{
    int64_t now = f->o.now(f->o.clock);
    struct span index;

    f->builder.head.kind = BLOCK_EVENTS;
    memcpy(f->builder.head.request_id, id, 16);
    enum status st = block_seal(&f->builder, (uint32_t)f->body_size, now, now, f->index.base,
                                f->index.size, &index, err);

    return st == ST_OK ? journal_append(f->o.journal, index, (struct span){f->body, f->body_size},
                                        position, err)
                       : st;
}

/* Looks for a block by its id, from where the one before it was put. ST_END: it is not there. */
static enum status
find_block(struct posture_feed *f, const uint8_t id[16], uint64_t *rows, struct err *err)
{
    uint64_t position, at, next, first = journal_extent(f->o.journal).first;
    struct journal_buffer *buffer;
    struct journal_gap gap;
    struct block b;
    enum status st = posture_outbox_place(f->o.posture, &position, err);

    if (st == ST_OK)
        st = journal_buffer_make(&buffer, err);
    if (st != ST_OK)
        return st;
    for (position = position > first ? position : 0;; position = next) {
        st = journal_read(f->o.journal, position, buffer, &b, &at, &next, &gap, err);
        if (st == ST_INVALID && position != 0) { /* not a place of this journal */
            next = 0;
            continue;
        }
        if (st != ST_OK)
            break;
        if (b.head->kind == BLOCK_EVENTS && memcmp(b.head->request_id, id, 16) == 0) {
            *rows = b.head->row_count;
            break;
        }
    }
    journal_buffer_free(buffer);
    return st;
}

/* Whether the block is in the journal already: ST_OK, and its rows; ST_END: it is not. */
static enum status
find_fed(struct posture_feed *f, const uint8_t id[16], uint64_t *rows, struct err *err)
{
    uint64_t position;

    if (journal_find_request(f->o.journal, id, &position, rows))
        return ST_OK;
    enum status st = f->is_behind ? find_block(f, id, rows, err) : ST_END;

    /* Several blocks may be there; what follows the first that is not, is not there either. */
    if (st == ST_END)
        f->is_behind = false;
    return st;
}

/* One block's worth of the outbox. ST_END: it is empty. */
static enum status
feed_once(struct posture_feed *f, struct err *err)
{
    uint64_t last, position, rows;
    uint8_t id[16];

    block_builder_reset(&f->builder);
    f->body_size = f->count = 0;
    f->built = ST_OK;
    enum status st =
        posture_outbox_read(f->o.posture, f->o.rows_max, BODY_SIZE, add_event, f, &last, err);

    if (st != ST_OK || last == 0)
        return st == ST_OK ? ST_END : st;
    if (f->count == 0) {
        *err = f->failed;
        return f->built;
    }
    request_id(f, f->first, id);
    st = find_fed(f, id, &rows, err);
    if (st == ST_OK)
        return drop_fed(f, rows, err);
    if (st == ST_END)
        st = append(f, id, &position, err);
    if (st != ST_OK)
        return st;
    pthread_mutex_lock(&f->lock);
    f->blocks++;
    f->events += f->count;
    pthread_mutex_unlock(&f->lock);
    return posture_outbox_drop_at(f->o.posture, f->last, position, err);
}

/* Keeps why events cannot leave; says it once, and when they can again. */
static void
note_trouble(struct posture_feed *f, enum status st, const struct err *err)
{
    bool was_fine = f->trouble[0] == '\0', is_fine = st == ST_OK || st == ST_END;

    snprintf(f->trouble, sizeof f->trouble, "%s", is_fine ? "" : err->text);
    f->is_waiting = st == ST_FULL;
    if (was_fine && !is_fine)
        log_line(LOG_WARN, "posture", "events wait in the outbox: %s", err->text);
    if (!was_fine && is_fine)
        log_line(LOG_INFO, "posture", "events leave the outbox again");
}

static void *
feed_thread(void *app)
{
    struct posture_feed *f = app;

    for (;;) {
        struct err err;
        enum status st = feed_once(f, &err);
        struct timespec until = clock_after_ms(RETRY_MS);

        pthread_mutex_lock(&f->lock);
        note_trouble(f, st, &err);
        /* At the end an outbox that cannot leave stays where it is: it is durable. */
        bool is_over = f->is_stopping && st != ST_OK;

        if (!is_over && st != ST_OK) {
            /* Trouble waits its time whoever rings; an empty outbox waits for the bell. */
            bool is_timed_out = false;

            while (!f->is_stopping && !is_timed_out && (st != ST_END || !f->is_rung))
                is_timed_out = pthread_cond_timedwait(&f->bell, &f->lock, &until) != 0;
        }
        f->is_rung = false;
        pthread_mutex_unlock(&f->lock);
        if (is_over)
            return NULL;
    }
}

static void *
tick_thread(void *app)
{
    struct posture_feed *f = app;
    bool is_stopping = false, was_fine = true;

    while (!is_stopping) {
        struct err err;
        bool more = false;
        enum status st = posture_tick(f->o.posture, &more, &err);
        struct timespec until = clock_after_ms(TICK_MS);

        if (st != ST_OK && was_fine)
            log_line(LOG_WARN, "posture", "scores and snapshots wait: %s", err.text);
        was_fine = st == ST_OK;
        pthread_mutex_lock(&f->lock);
        bool is_timed_out = st == ST_OK && more;

        while (!f->is_clock_stopping && !is_timed_out)
            is_timed_out = pthread_cond_timedwait(&f->clock_bell, &f->lock, &until) != 0;
        is_stopping = f->is_clock_stopping;
        pthread_mutex_unlock(&f->lock);
    }
    return NULL;
}

/* ---- starting and stopping ---- */

static void
feed_free(struct posture_feed *f)
{
    free(f->arena.base);
    free(f->index.base);
    free(f->body);
    pthread_cond_destroy(&f->bell);
    pthread_cond_destroy(&f->clock_bell);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static enum status
make_memory(struct posture_feed *f, struct err *err)
{
    f->arena.size = block_builder_room(f->o.rows_max);
    f->arena.base = aligned_alloc(16, (f->arena.size + 15) / 16 * 16);
    /* rows, and as many streams, strings and bytes of strings as a builder has */
    f->index.size = f->arena.size + sizeof(struct block_head) + 64;
    f->index.base = aligned_alloc(16, (f->index.size + 15) / 16 * 16);
    f->body = malloc(BODY_SIZE);
    f->body_room = BODY_SIZE;
    if (f->arena.base == NULL || f->index.base == NULL || f->body == NULL)
        return err_set(err, ST_FULL, "no memory for posture's events");
    return block_builder_init(&f->builder, &f->arena, f->o.rows_max, err);
}

enum status
posture_feed_start(const struct posture_feed_options *o, struct posture_feed **feed,
                   struct err *err)
{
    struct posture_feed *f = calloc(1, sizeof *f);
    pthread_condattr_t monotonic;
    enum status st;

    if (f == NULL)
        return err_set(err, ST_FULL, "no memory");
    f->o = *o;
    if (f->o.rows_max == 0 || f->o.rows_max > BLOCK_ROWS_MAX)
        f->o.rows_max = ROWS_DEFAULT;
    posture_epoch(o->posture, f->epoch);
    struct journal_stats stats;

    journal_stats_get(o->journal, &stats);
    f->is_behind = stats.newest_admitted < o->now(o->clock) - MEMORY_HOURS * TICKS_PER_HOUR;
    pthread_mutex_init(&f->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&f->bell, &monotonic);
    pthread_cond_init(&f->clock_bell, &monotonic);
    pthread_condattr_destroy(&monotonic);
    st = make_memory(f, err);
    if (st == ST_OK) {
        f->has_feed = pthread_create(&f->feed, NULL, feed_thread, f) == 0;
        f->has_tick = f->has_feed && pthread_create(&f->tick, NULL, tick_thread, f) == 0;
        if (!f->has_tick)
            st = err_set(err, ST_IO, "no thread for posture's events");
    }
    if (st != ST_OK) {
        posture_feed_stop(f);
        return st;
    }
    *feed = f;
    return ST_OK;
}

void
posture_feed_ring(struct posture_feed *f)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->is_rung = true;
    pthread_cond_signal(&f->bell);
    pthread_mutex_unlock(&f->lock);
}

void
posture_feed_stop(struct posture_feed *f)
{
    if (f == NULL)
        return;
    pthread_mutex_lock(&f->lock);
    f->is_clock_stopping = true;
    pthread_cond_signal(&f->clock_bell);
    pthread_mutex_unlock(&f->lock);
    if (f->has_tick)
        pthread_join(f->tick, NULL);
    pthread_mutex_lock(&f->lock);
    f->is_stopping = true;
    pthread_cond_signal(&f->bell);
    pthread_mutex_unlock(&f->lock);
    if (f->has_feed)
        pthread_join(f->feed, NULL);
    feed_free(f);
}

bool
posture_feed_is_healthy(struct posture_feed *f, char *text, size_t text_size)
{
    pthread_mutex_lock(&f->lock);
    bool is_fine = f->trouble[0] == '\0' || f->is_waiting;

    if (!is_fine)
        snprintf(text, text_size, "posture's events wait: %s", f->trouble);
    pthread_mutex_unlock(&f->lock);
    return is_fine;
}

/* ---- numbers ---- */

static struct counter resources_gauge = {.name = "penstock_posture_resources",
                                         .help = "Posture resources that are kept.",
                                         .kind = COUNTER_GAUGE,
                                         .labels = {"source"}};
static struct counter outbox_gauge = {.name = "penstock_posture_outbox_events",
                                      .help = "Posture events that are not yet in the journal.",
                                      .kind = COUNTER_GAUGE};
static struct counter size_gauge = {.name = "penstock_posture_size_bytes",
                                    .help = "Size of the posture file.",
                                    .kind = COUNTER_GAUGE};
static struct counter reports_total = {
    .name = "penstock_posture_reports_total",
    .help = "Posture resources that were reported, by what came of it.",
    .kind = COUNTER_TOTAL,
    .labels = {"outcome"}};
static struct counter events_total = {.name = "penstock_posture_events_total",
                                      .help = "Posture events that were made.",
                                      .kind = COUNTER_TOTAL};

void
posture_feed_count(struct posture_feed *f)
{
    struct posture_counts c;

    posture_counts(f->o.posture, NULL, &c);
    for (size_t s = 0; s < EVENT_SOURCES; s++)
        if (!event_source_rows[s].is_snapshot)
            counter_set(counter_at(&resources_gauge, event_source_rows[s].name),
                        (int64_t)c.resources[s]);
    counter_set(counter_alone(&outbox_gauge), (int64_t)c.outbox);
    counter_set(counter_alone(&size_gauge), (int64_t)c.size);
    counter_set(counter_alone(&events_total), (int64_t)c.events);
    counter_set(counter_at(&reports_total, "changed"), (int64_t)c.changed);
    counter_set(counter_at(&reports_total, "unchanged"), (int64_t)c.unchanged);
    counter_set(counter_at(&reports_total, "refused"), (int64_t)c.refused);
}

char *
posture_feed_status_json(struct posture_feed *f)
{
    struct posture_counts c;
    json_t *resources = json_object(), *tree;
    char *text, *whole = NULL;
    size_t size;

    posture_counts(f->o.posture, NULL, &c);
    for (size_t s = 0; s < EVENT_SOURCES; s++)
        if (!event_source_rows[s].is_snapshot)
            json_object_set_new(resources, event_source_rows[s].name,
                                json_integer((json_int_t)c.resources[s]));
    pthread_mutex_lock(&f->lock);
    tree =
        json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "resources", resources,
                  "metadata", (json_int_t)c.metadata, "sizeBytes", (json_int_t)c.size,
                  "outboxEvents", (json_int_t)c.outbox, "outboxBytes", (json_int_t)c.outbox_size,
                  "changed", (json_int_t)c.changed, "unchanged", (json_int_t)c.unchanged, "refused",
                  (json_int_t)c.refused, "waitsBecause", f->trouble[0] != '\0' ? f->trouble : NULL);
    pthread_mutex_unlock(&f->lock);
    text = tree != NULL ? json_dumps(tree, JSON_COMPACT) : NULL;
    json_decref(tree);
    size = text != NULL ? strlen(text) + sizeof "\"posture\":" : 0;
    if (text != NULL && (whole = malloc(size)) != NULL)
        snprintf(whole, size, "\"posture\":%s", text);
    free(text);
    return whole;
}
