/* stream.c - continuous rules over the journal: a reader with its own cursor, as an export is one.
 *
 * The cursor stands in the store and moves in the transaction that keeps what was found in a block, so a block is looked at once or,
 * after a kill, again as if it never had been. Blocks without hits move it now and then: looked at again they say the same. now()
 * is when the block was admitted, and the deduplication window counts by it too, so that a second look gives the same alerts.
 *
 * Without continuous rules nothing is read and nothing is held in the journal. A rule that is new begins where the journal ended when
 * it was made, whatever the reader is behind. The reader's floor yields: detections that lag never stop ingestion, they lose the oldest
 * records, counted.
 *
 * Runs of a continuous rule in its history are slots of five minutes that had hits; each has the limit of alerts that a run has. */
#include "kql/stream.h"
#include "base/clock.h"
#include "base/log.h"
#include "detect/detect_inner.h"
#include "journal/journal.h"
#include "wire/scan.h"
#include "wire/tree.h"
#include <inttypes.h>
#include <stdlib.h>

#define FLOOR "detections"

enum {
    WAIT_MS = 1000,
    IDLE_MS = 60000,
    RETRY_MS = 1000,
    SAVE_MS = 1000,         /* a cursor without hits */
    RULE_MEMORY = 64 << 20, /* of one compiled rule */
    RUN_MEMORY = 64 << 20,  /* of one record's evaluation */
    SCANNER_MEMORY = 256 << 10,
    CELLS_MAX = SCAN_VALUES_MAX,
};
#define SLOT (5 * DETECTION_MINUTE)

static const struct scan_limits limits = {
    .record_size_max = BLOCK_BODY_MAX, .depth_max = 1024, .values_max = SCAN_VALUES_MAX};

/* One rule, compiled. */
struct watch {
    struct rule *rule;
    struct pool pool;
    struct kql_stream *stream;
    uint32_t index;    /* in the table's set */
    struct hits *hits; /* of the block at hand; NULL: none */
    /* the slot of its history */
    struct store_detection_run slot;
    int64_t slot_began;
    bool has_slot;
};

/* All rules over one table. */
struct table_watch {
    char table[72];
    struct watch **watches;
    size_t count;
    struct pool pool;
    struct kql_stream_set *set;
    struct kql_stream_run *run;
};

struct stream_state {
    struct rule *rules;
    struct watch *watches;
    size_t watch_count;
    struct table_watch *tables;
    size_t table_count;
    unsigned version;
    bool is_loaded, has_cursor;
    uint64_t cursor, saved;
    int64_t saved_ms;
    struct journal_buffer *buffer;
    struct scanner scanner;
    char *memory, *copy;
    size_t copy_room;
    struct hit_cell *cells;
};

/* ---- compiling ---- */

static void
tables_free(struct stream_state *s)
{
    for (size_t i = 0; i < s->table_count; i++) {
        kql_stream_run_free(s->tables[i].run);
        kql_stream_set_free(s->tables[i].set);
        pool_free(&s->tables[i].pool);
        free(s->tables[i].watches);
    }
    for (size_t i = 0; i < s->watch_count; i++) {
        kql_stream_free(s->watches[i].stream);
        pool_free(&s->watches[i].pool);
        hits_free(s->watches[i].hits);
    }
    free(s->tables);
    free(s->watches);
    rules_free(s->rules);
    s->tables = NULL;
    s->watches = NULL;
    s->rules = NULL;
    s->table_count = s->watch_count = 0;
}

/* Compiles one rule; false: rule->broken says why not. */
static bool
watch_compile(const struct control *c, struct watch *w)
{
    struct kql_catalog_tables tables = {.catalog = c->catalog, .pool = &w->pool};
    struct kql_diagnostics d;
    struct kql_table source;
    struct rule *rule = w->rule;
    jmp_buf escape;

    if (rule->broken[0] != '\0')
        return false;
    pool_init(&w->pool, RULE_MEMORY);
    w->pool.patience_ms = DETECTION_CHECK_MS;
    w->pool.escape = &escape;
    if (setjmp(escape) != 0) {
        snprintf(rule->broken, sizeof rule->broken, "the query needs too much memory or time");
        return false;
    }
    if (!kql_catalog_table(&tables, span_of(rule->x.table), &source)) {
        snprintf(rule->broken, sizeof rule->broken, "there is no table %s any more", rule->x.table);
        return false;
    }
    kql_diagnostics_init(&d, &w->pool, span_of(rule->x.query));
    w->stream = kql_stream_new(&w->pool, span_of(rule->x.query), &source, KQL_STREAM_WIDE, &d);
    w->pool.deadline_ms = w->pool.patience_ms = 0;
    for (uint32_t i = 0; w->stream == NULL && i < d.count; i++)
        if (!d.items[i].is_warning) {
            snprintf(rule->broken, sizeof rule->broken, "line %u, column %u: %.280s",
                     d.items[i].line, d.items[i].column, d.items[i].text);
            break;
        }
    return w->stream != NULL;
}

static struct table_watch *
table_find(struct stream_state *s, const char *name)
{
    for (size_t i = 0; i < s->table_count; i++)
        if (strcmp(s->tables[i].table, name) == 0)
            return &s->tables[i];
    return NULL;
}

static enum status
table_compile(struct table_watch *t, struct err *err)
{
    const struct kql_stream **streams = calloc(t->count + 1, sizeof *streams);

    if (streams == NULL)
        return err_set(err, ST_FULL, "no memory for continuous rules");
    for (size_t i = 0; i < t->count; i++) {
        streams[i] = t->watches[i]->stream;
        t->watches[i]->index = (uint32_t)i;
    }
    pool_init(&t->pool, RULE_MEMORY * (t->count + 1));
    t->set = kql_stream_set_new(&t->pool, streams, (uint32_t)t->count, err);
    if (t->set != NULL)
        t->run = kql_stream_run_new(t->set, RUN_MEMORY, err);
    free(streams);
    return t->run != NULL ? ST_OK : ST_FULL;
}

/* A rule that cannot be compiled says so in its history. */
static void
tell_broken(struct detect *d, const struct rule *rule)
{
    int64_t now = d->o.now(d->o.clock);
    struct err err;
    struct ended ended = {.rule = rule};

    ended.step = (struct store_detection_step){
        .run = {.rule = rule->id,
                .started = now,
                .ended = now,
                .outcome = DETECTION_RUN_FAILED,
                .trigger = "stream",
                .error = rule->broken,
                .code = "InvalidQuery"},
        .tried = now
    };
    log_line(LOG_WARN, "detect", "rule %lld of %s does not run: %s", (long long)rule->id,
             rule->tenant, rule->broken);
    (void)!detect_commit(d, &ended, 1, UINT64_MAX, &err);
}

static enum status
compile(struct detect *d, struct stream_state *s, struct err *err)
{
    size_t count = 0;
    enum status st = ST_OK;

    for (const struct rule *r = s->rules; r != NULL; r = r->next)
        count++;
    s->watches = calloc(count + 1, sizeof *s->watches);
    s->tables = calloc(count + 1, sizeof *s->tables);
    if (s->watches == NULL || s->tables == NULL)
        return err_set(err, ST_FULL, "no memory for continuous rules");
    for (struct rule *r = s->rules; r != NULL; r = r->next) {
        struct watch *w = &s->watches[s->watch_count];
        struct table_watch *t;

        w->rule = r;
        if (!watch_compile(detect_control(d), w)) {
            pool_free(&w->pool);
            *w = (struct watch){.rule = NULL};
            tell_broken(d, r);
            continue;
        }
        s->watch_count++;
        t = table_find(s, r->x.table);
        if (t == NULL) {
            t = &s->tables[s->table_count++];
            snprintf(t->table, sizeof t->table, "%s", r->x.table);
            t->watches = calloc(count + 1, sizeof(struct watch *));
        }
        if (t->watches == NULL)
            return err_set(err, ST_FULL, "no memory for continuous rules");
        t->watches[t->count++] = w;
    }
    for (size_t i = 0; i < s->table_count && st == ST_OK; i++)
        st = table_compile(&s->tables[i], err);
    return st;
}

/* Where to go on: behind what was read, and not before the first rule's beginning. */
static void
place(struct detect *d, struct stream_state *s)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < s->watch_count; i++)
        first = s->watches[i].rule->position < first ? s->watches[i].rule->position : first;
    if (s->watch_count == 0) {
        journal_floor_remove(d->o.journal, FLOOR);
        return;
    }
    if (!s->has_cursor || s->cursor < first)
        s->cursor = first;
    s->has_cursor = true;
    journal_floor_set(d->o.journal, FLOOR, s->cursor, true);
    atomic_store(&d->stream_position, s->cursor);
}

static enum status
reload(struct detect *d, struct stream_state *s, struct err *err)
{
    unsigned version = atomic_load(&d->version);
    enum status st;

    if (s->is_loaded && version == s->version)
        return ST_OK;
    s->is_loaded = false;
    tables_free(s);
    st = rules_read(detect_control(d), true, &s->rules, err);
    if (st == ST_OK)
        st = compile(d, s, err);
    if (st != ST_OK)
        return st;
    place(d, s);
    s->version = version;
    s->is_loaded = true;
    return ST_OK;
}

enum status
stream_make(struct detect *d, struct err *err)
{
    struct stream_state *s = calloc(1, sizeof *s);
    struct arena a;
    enum status st;

    d->state = s;
    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for continuous rules");
    s->memory = aligned_alloc(64, SCANNER_MEMORY);
    s->cells = calloc(CELLS_MAX, sizeof *s->cells);
    a = (struct arena){s->memory, SCANNER_MEMORY, 0};
    if (s->memory == NULL || s->cells == NULL)
        return err_set(err, ST_FULL, "no memory for continuous rules");
    st = scanner_init(&s->scanner, &a, SCAN_ROWS, &limits, err);
    if (st == ST_OK)
        st = journal_buffer_make(&s->buffer, err);
    uint64_t end = journal_extent(d->o.journal).end, moved = 0;

    if (st == ST_OK)
        st = store_detection_clamp(detect_control(d)->store, end, &moved, err);
    if (moved > 0)
        log_line(
            LOG_WARN, "detect",
            "the journal ends at %llu, before where detections stood: it is another one; rules "
            "begin at its end",
            (unsigned long long)end);
    if (st == ST_OK)
        st = store_detection_cursor(detect_control(d)->store, &s->cursor, err);
    s->has_cursor = st == ST_OK;
    s->saved = s->cursor;
    if (st == ST_OK || st == ST_END)
        st = reload(d, s, err);
    return st;
}

void
stream_free(struct detect *d)
{
    struct stream_state *s = d->state;

    if (s == NULL)
        return;
    tables_free(s);
    journal_buffer_free(s->buffer);
    free(s->memory);
    free(s->copy);
    free(s->cells);
    free(s);
    d->state = NULL;
}

/* ---- a record ---- */

/* The row's object with what the scanner wants behind it, scanned. False: it is damaged. */
static bool
row_scan(struct stream_state *s, const struct block *b, const struct block_row *row,
         struct scan_record *record)
{
    size_t size = row->properties_size;
    struct scan_fault fault;

    if (s->copy_room < size + SCAN_PADDING) {
        char *larger = realloc(s->copy, size * 2 + SCAN_PADDING);

        if (larger == NULL)
            return false;
        s->copy = larger;
        s->copy_room = size * 2 + SCAN_PADDING;
    }
    memcpy(s->copy, b->body.p + row->properties_at, size);
    memset(s->copy + size, 0, SCAN_PADDING);
    scanner_reset(&s->scanner, SCAN_ROWS, &limits);
    return scan_next(&s->scanner, s->copy, size, true, record, &fault) == SCAN_RECORD;
}

/* A hit's object as cells. */
static enum status
add_hit(struct detect *d, struct stream_state *s, struct watch *w, struct span object,
        uint64_t position, uint32_t row, int64_t admitted, struct err *err)
{
    const struct hits_options options = {
        .rule = w->rule,
        .now = admitted,
        .alerts_max = w->has_slot && w->slot.alerts < DETECTION_ALERTS_MAX
                          ? DETECTION_ALERTS_MAX - w->slot.alerts
                      : w->has_slot ? 0
                                    : DETECTION_ALERTS_MAX,
        .seen = detect_seen,
        .app = d,
    };
    struct tree tree = {.nodes = NULL};
    char identity[64];
    size_t count = 0;
    enum status st = tree_parse(&tree, object, err);

    if (st == ST_OK && w->hits == NULL)
        st = hits_make(&options, &w->hits, err);
    for (uint32_t at = tree_first(0); st == ST_OK && at < tree_next(&tree, 0) && count < CELLS_MAX;
         at = tree_next(&tree, at))
        s->cells[count++] = (struct hit_cell){
            tree_key(&tree, at),
            tree.nodes[at].kind == SCAN_NULL ? (struct span){NULL, 0}
                 : tree_text(&tree, at)
        };
    snprintf(identity, sizeof identity, "row %" PRIu64 ".%" PRIu32, position, row);
    if (st == ST_OK)
        st = hits_add(w->hits, s->cells, count, span_of(identity), err);
    tree_free(&tree);
    return st;
}

/* Whether it is a row of an alert that a rule made. */
static bool
is_ours(const struct stream_state *s, const struct scan_record *record)
{
    const char *text = s->copy + record->at;

    for (uint32_t i = 0; i < record->value_count; i++) {
        const struct scan_value *v = &record->values[i];

        if (v->depth == 1 && v->kind == SCAN_STRING && v->key_size == 7 && v->value_size > 2 &&
            memcmp(text + v->key_at, "AlertId", 7) == 0)
            return hit_alert_is_ours((struct span){text + v->value_at + 1, v->value_size - 2});
    }
    return false;
}

static enum status
ask_row(struct detect *d, struct stream_state *s, struct table_watch *t, const struct block *b,
        uint32_t n, uint64_t position, struct err *err)
{
    const struct block_row *row = &b->rows[n];
    const char *tenant = b->streams[row->stream].tenant;
    struct scan_record record;
    enum status st = ST_OK;
    bool is_told = false;

    for (size_t i = 0; i < t->count && st == ST_OK; i++) {
        struct watch *w = t->watches[i];
        struct span object = {s->copy, 0};
        enum kql_stream_result said;

        if (position < w->rule->position || strcmp(w->rule->tenant, tenant) != 0)
            continue;
        if (!is_told) {
            if (!row_scan(s, b, row, &record))
                return ST_OK; /* admission took it: damage, which the journal's own checks tell */
            if (is_ours(s, &record))
                return ST_OK;
            kql_stream_record(t->run, s->copy + record.at, 0, record.size, record.values,
                              record.value_count, 1, b->head->admitted);
            is_told = true;
        }
        said = kql_stream_ask(t->run, w->index, &object);
        if (said == KQL_STREAM_SAME)
            object = (struct span){s->copy + record.at, record.size};
        if (said != KQL_STREAM_DROP)
            st = add_hit(d, s, w, object, position, n, b->head->admitted, err);
    }
    return st;
}

/* ---- a block ---- */

/* Opens the slot of the rule's history that a time belongs to. */
static void
slot_open(struct watch *w, int64_t now, uint64_t position)
{
    int64_t began = now - now % SLOT;

    if (w->has_slot && w->slot_began == began)
        return;
    w->slot = (struct store_detection_run){.rule = w->rule->id,
                                           .started = now,
                                           .trigger = "stream",
                                           .error = "",
                                           .code = "",
                                           .from = position};
    w->slot_began = began;
    w->has_slot = true;
}

/* What a rule found in the block, beside what its slot has already. */
static enum status
watch_end(struct detect *d, struct watch *w, uint64_t next, int64_t admitted, struct ended *ended,
          struct err *err)
{
    int64_t now = d->o.now(d->o.clock);
    enum status st = hits_end(w->hits, &ended->found, err);

    ended->rule = w->rule;
    ended->step = (struct store_detection_step){
        .run = w->slot, .ran = now, .tried = now, .key_time = admitted};
    ended->step.run.ended = now;
    ended->step.run.to = next;
    ended->step.run.rows += ended->found.rows;
    ended->step.run.alerts += ended->found.alert_count;
    ended->step.run.merged += ended->found.merged;
    ended->step.run.dropped += ended->found.dropped;
    return st;
}

/* Keeps what all rules found in the block, and the cursor behind it, in one transaction. */
static enum status
block_end(struct detect *d, struct stream_state *s, const struct block *b, uint64_t next,
          struct err *err)
{
    struct ended *ended = NULL;
    size_t count = 0, at = 0;
    enum status st = ST_OK;

    for (size_t i = 0; i < s->watch_count; i++)
        count += s->watches[i].hits != NULL;
    if (count == 0)
        return ST_OK;
    ended = calloc(count, sizeof *ended);
    if (ended == NULL)
        return err_set(err, ST_FULL, "no memory for alerts");
    for (size_t i = 0; i < s->watch_count && st == ST_OK; i++)
        if (s->watches[i].hits != NULL)
            st = watch_end(d, &s->watches[i], next, b->head->admitted, &ended[at++], err);
    if (st == ST_OK)
        st = detect_commit(d, ended, count, next, err);
    at = 0;
    for (size_t i = 0; i < s->watch_count && st == ST_OK; i++)
        if (s->watches[i].hits != NULL)
            s->watches[i].slot = ended[at++].step.run;
    if (st == ST_OK) {
        s->saved = next;
        s->saved_ms = clock_monotonic_ms();
    }
    free(ended);
    return st;
}

static void
hits_drop(struct stream_state *s)
{
    for (size_t i = 0; i < s->watch_count; i++) {
        hits_free(s->watches[i].hits);
        s->watches[i].hits = NULL;
    }
}

/* Whether a rule over the table belongs to a tenant that has rows of it in the block. */
static bool
has_rows_for(const struct table_watch *t, const struct block *b)
{
    for (uint32_t i = 0; i < b->head->stream_count; i++) {
        if (strcmp(b->streams[i].table, t->table) != 0)
            continue;
        for (size_t k = 0; k < t->count; k++)
            if (strcmp(t->watches[k]->rule->tenant, b->streams[i].tenant) == 0)
                return true;
    }
    return false;
}

static enum status
ask_block(struct detect *d, struct stream_state *s, const struct block *b, uint64_t position,
          struct err *err)
{
    int64_t now = d->o.now(d->o.clock);
    enum status st = ST_OK;

    if (b->head->kind != BLOCK_ROWS)
        return ST_OK;
    for (size_t i = 0; i < s->watch_count; i++)
        slot_open(&s->watches[i], now, position);
    for (size_t k = 0; k < s->table_count && st == ST_OK; k++) {
        struct table_watch *t = &s->tables[k];

        if (!has_rows_for(t, b))
            continue;
        for (uint32_t i = 0; i < b->head->row_count && st == ST_OK; i++)
            if (strcmp(b->streams[b->rows[i].stream].table, t->table) == 0)
                st = ask_row(d, s, t, b, i, position, err);
    }
    return st;
}

/* ---- the worker ---- */

static enum status
cursor_save(struct detect *d, struct stream_state *s, bool now, struct err *err)
{
    int64_t ms = clock_monotonic_ms();
    enum status st = ST_OK;

    if (s->cursor != s->saved && (now || ms - s->saved_ms >= SAVE_MS)) {
        st = store_detection_commit(detect_control(d)->store, NULL, 0, NULL, 0, s->cursor, err);
        if (st == ST_OK) {
            s->saved = s->cursor;
            s->saved_ms = ms;
        }
    }
    /* Never beyond what is kept: a restart reads from there. */
    journal_floor_set(d->o.journal, FLOOR, s->saved < s->cursor ? s->saved : s->cursor, true);
    atomic_store(&d->stream_position, s->cursor);
    return st;
}

/* The next block. ST_END: there is none. */
static enum status
step(struct detect *d, struct stream_state *s, struct err *err)
{
    struct journal_gap gap = {.from = 0};
    struct block b;
    uint64_t at, next;
    enum status st = journal_read(d->o.journal, s->cursor, s->buffer, &b, &at, &next, &gap, err);

    if (st == ST_INVALID && s->cursor != 0) {
        /* A journal that was replaced: whatever is there now is new to the rules. */
        log_line(LOG_WARN, "detect", "continuous rules begin anew: %s", err->text);
        s->cursor = 0;
        return ST_OK;
    }
    if ((st == ST_OK || st == ST_END) && gap.to > gap.from) {
        atomic_fetch_add(&d->lost_rows, gap.rows);
        log_line(LOG_WARN, "detect", "continuous rules were not asked about %llu records: %s",
                 (unsigned long long)gap.rows, gap.reason);
    }
    if (st != ST_OK) {
        if (st == ST_END)
            s->cursor = next;
        return st;
    }
    st = ask_block(d, s, &b, at, err);
    if (st == ST_OK)
        st = block_end(d, s, &b, next, err);
    hits_drop(s);
    if (st != ST_OK)
        return st == ST_END ? ST_IO : st;
    s->cursor = next;
    int64_t lag = d->o.now(d->o.clock) - b.head->admitted;

    atomic_store(&d->stream_lag_ms, lag > 0 ? lag / (TICKS_PER_SECOND / 1000) : 0);
    return cursor_save(d, s, false, err);
}

int64_t
stream_work(struct detect *d)
{
    struct stream_state *s = d->state;

    while (!atomic_load(&d->is_stopping)) {
        struct err err = {""};
        enum status st = reload(d, s, &err);

        if (st == ST_OK && s->watch_count == 0) {
            worker_trouble(&d->stream, "continuous rules", NULL);
            atomic_store(&d->stream_lag_ms, 0);
            return IDLE_MS;
        }
        if (st == ST_OK)
            st = step(d, s, &err);
        if (st == ST_END) {
            atomic_store(&d->stream_lag_ms, 0);
            st = cursor_save(d, s, false, &err);
            if (st == ST_OK)
                (void)journal_wait(d->o.journal, s->cursor, WAIT_MS);
        }
        worker_trouble(&d->stream, "continuous rules are not asked", st == ST_OK ? NULL : &err);
        if (st != ST_OK)
            return RETRY_MS;
    }
    return IDLE_MS;
}
