/* A request's life: admit_begin gives it memory and looks its batch id up, intake.c makes rows of
 * its bytes, seal.c makes them durable, admit_end says what became of it.
 *
 * Memory. An admission holds its body buffer, rows and index in reserved addresses that memory is
 * put under as they fill (budget.h), all counted against one limit. Ended admissions are kept for
 * the next request, trimmed, up to IDLE_SIZE_MAX together: the system's zeroing of fresh pages
 * costs a tenth of the scan otherwise.
 *
 * Batch ids. The journal knows those that are durable; the list in_flight knows those under way. A
 * second request with an id under way waits for the first one's outcome, and is a duplicate only if
 * that was kept. */
#include "source/admit.h"
#include "journal/journal.h"
#include "model/arm_id.h"
#include "source/admission.h"
#include "wire/digest.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
    IDLE_SIZE_MAX = 16 << 20,
    IDLE_BODY_KEPT = (2 << 20) + BODY_PADDING,
    IDLE_ROWS_KEPT = 4 * ROWS_FIRST,
    SPACE_MAX = 256 << 10, /* bytes lent at once: scanned while they are in the cache */
    SCANNER_ROOM = 192 << 10,
    GUNZIP_ROOM = 128 << 10,
    MEMORY_MIN = 4 << 20,
};

/* ==== memory */

static size_t
to_pages(size_t size)
{
    return (size + REGION_PAGE - 1) & ~(size_t)(REGION_PAGE - 1);
}

static size_t
rows_size(uint32_t count)
{
    return to_pages(count * sizeof(struct block_row));
}

static size_t
keys_size(uint32_t count)
{
    return to_pages(count * sizeof(struct row_key));
}

/* Room for the index of 'count' rows and all streams and strings that the builder may hold. */
static size_t
index_size(const struct block_builder *b, uint32_t count)
{
    return to_pages(block_index_size(b->stream_room, count, b->string_room, b->strings_room));
}

static size_t
fixed_size(void)
{
    return SCANNER_ROOM + block_builder_room(BUILDER_ROWS);
}

static void
admission_free(struct admission *x)
{
    struct budget *budget = &x->owner->budget;
    size_t charged = x->charged;

    free(x->gunzip_memory);
    region_release(&x->body);
    region_release(&x->rows);
    region_release(&x->keys);
    region_release(&x->index);
    free(x->fixed);
    free(x);
    budget_give(budget, charged);
}

/* Gives the memory of all idle admissions back. */
static bool
drop_idle(struct admitter *a)
{
    struct admission *idle;
    bool any;

    pthread_mutex_lock(&a->lock);
    idle = a->idle;
    a->idle = NULL;
    a->idle_size = 0;
    pthread_mutex_unlock(&a->lock);
    any = idle != NULL;
    while (idle != NULL) {
        struct admission *next = idle->next;

        admission_free(idle);
        idle = next;
    }
    return any;
}

static bool
charge(struct admitter *a, size_t size, unsigned wait_ms)
{
    if (budget_take(&a->budget, size, 0))
        return true;
    if (drop_idle(a) && budget_take(&a->budget, size, 0))
        return true;
    return wait_ms > 0 && budget_take(&a->budget, size, wait_ms);
}

bool
admit_hold(struct admitter *a, size_t size)
{
    if (!budget_take(&a->held, size, a->o.wait_ms_max))
        return false;
    if (charge(a, size, a->o.wait_ms_max))
        return true;
    budget_give(&a->held, size);
    return false;
}

void
admit_release(struct admitter *a, size_t size)
{
    budget_give(&a->budget, size);
    budget_give(&a->held, size);
}

bool
admission_charge(struct admission *x, size_t size, unsigned wait_ms)
{
    if (!charge(x->owner, size, wait_ms))
        return false;
    x->charged += size;
    return true;
}

static void
admission_discharge(struct admission *x, size_t size)
{
    budget_give(&x->owner->budget, size);
    x->charged -= size;
}

/* Puts memory under the rows' three regions; it is charged already. */
static bool
commit_rows(struct admission *x, uint32_t count)
{
    struct block_builder *b = &x->builder;

    if (!region_grow(&x->rows, rows_size(count)) || !region_grow(&x->keys, keys_size(count)) ||
        !region_grow(&x->index, index_size(b, count)))
        return false;
    b->rows = (struct block_row *)(void *)x->rows.base;
    b->row_room = count;
    return true;
}

static size_t
rows_cost(const struct admission *x, uint32_t count)
{
    return rows_size(count) + keys_size(count) + index_size(&x->builder, count);
}

bool
admission_grow_rows(struct admission *x, uint32_t count)
{
    uint32_t room = count < BLOCK_ROWS_MAX ? count : BLOCK_ROWS_MAX;
    size_t more = rows_cost(x, room) - rows_cost(x, x->builder.row_room);

    if (!admission_charge(x, more, 0))
        return false;
    if (commit_rows(x, room))
        return true;
    admission_discharge(x, more);
    return false;
}

static enum status
admission_reserve(struct admission *x, struct err *err)
{
    const struct block_builder *b = &x->builder;

    if (region_reserve(&x->body, BLOCK_BODY_MAX + BODY_PADDING, err) != ST_OK ||
        region_reserve(&x->rows, rows_size(BLOCK_ROWS_MAX), err) != ST_OK ||
        region_reserve(&x->keys, keys_size(BLOCK_ROWS_MAX), err) != ST_OK ||
        region_reserve(&x->index, index_size(b, BLOCK_ROWS_MAX), err) != ST_OK)
        return ST_FULL;
    if (!region_grow(&x->body, BODY_FIRST + BODY_PADDING) || !commit_rows(x, ROWS_FIRST))
        return err_set(err, ST_FULL, "the system has no memory for a request now");
    return ST_OK;
}

/* A new admission, or NULL with the reason. */
static struct admission *
admission_make(struct admitter *a, struct err *err)
{
    struct admission *x;
    struct arena arena;
    /* The index of ROWS_FIRST rows with a full builder is part of the first charge. */
    size_t first = sizeof *x + fixed_size() + BODY_FIRST + BODY_PADDING;

    if (!charge(a, first, a->o.wait_ms_max)) {
        err_set(err, ST_FULL, "all memory for requests is in use");
        return NULL;
    }
    x = calloc(1, sizeof *x);
    if (x == NULL) {
        budget_give(&a->budget, first);
        err_set(err, ST_FULL, "the system has no memory for a request now");
        return NULL;
    }
    x->owner = a;
    x->charged = first;
    x->fixed = aligned_alloc(64, (fixed_size() + 63) & ~(size_t)63);
    if (x->fixed == NULL) {
        err_set(err, ST_FULL, "the system has no memory for a request now");
        goto fail;
    }
    arena = (struct arena){x->fixed, fixed_size(), 0};
    if (scanner_init(&x->scanner, &arena, SCAN_ROWS, &a->limits, err) != ST_OK ||
        block_builder_init(&x->builder, &arena, BUILDER_ROWS, err) != ST_OK)
        goto fail;
    if (!admission_charge(x, rows_cost(x, ROWS_FIRST), a->o.wait_ms_max)) {
        err_set(err, ST_FULL, "all memory for requests is in use");
        goto fail;
    }
    if (admission_reserve(x, err) != ST_OK)
        goto fail;
    decorate_init(&x->decorator, a->o.devices);
    return x;

fail:
    admission_free(x);
    return NULL;
}

static struct admission *
admission_get(struct admitter *a, struct err *err)
{
    struct admission *x;

    pthread_mutex_lock(&a->lock);
    x = a->idle;
    if (x != NULL) {
        a->idle = x->next;
        a->idle_size -= x->charged;
    }
    pthread_mutex_unlock(&a->lock);
    return x != NULL ? x : admission_make(a, err);
}

/* Back to what is kept of an idle admission. */
static void
admission_trim(struct admission *x)
{
    size_t before = x->body.room;
    uint32_t rows = x->builder.row_room;

    region_trim(&x->body, IDLE_BODY_KEPT);
    admission_discharge(x, before - x->body.room);
    if (rows <= IDLE_ROWS_KEPT)
        return;
    before = rows_cost(x, rows);
    region_trim(&x->rows, rows_size(IDLE_ROWS_KEPT));
    region_trim(&x->keys, keys_size(IDLE_ROWS_KEPT));
    region_trim(&x->index, index_size(&x->builder, IDLE_ROWS_KEPT));
    x->builder.row_room = IDLE_ROWS_KEPT;
    admission_discharge(x, before - rows_cost(x, IDLE_ROWS_KEPT));
}

static void
admission_put(struct admission *x)
{
    struct admitter *a = x->owner;
    bool kept = false;

    admission_trim(x);
    pthread_mutex_lock(&a->lock);
    if (a->idle_size + x->charged <= IDLE_SIZE_MAX) {
        x->next = a->idle;
        a->idle = x;
        a->idle_size += x->charged;
        kept = true;
    }
    pthread_mutex_unlock(&a->lock);
    if (!kept)
        admission_free(x);
}

/* ==== the admitter */

static enum status
check_options(const struct admit_options *o, struct err *err)
{
    if (o->record_size_max < 2 || o->record_size_max > BLOCK_BODY_MAX - 4096)
        return err_set(err, ST_INVALID, "a record's size limit of %u is not 2 to %d bytes",
                       o->record_size_max, BLOCK_BODY_MAX - 4096);
    if (o->depth_max < 2 || o->depth_max > 1024)
        return err_set(err, ST_INVALID, "a record's depth limit of %u is not 2 to 1024",
                       o->depth_max);
    if (o->columns_max < 1 || o->columns_max > SCAN_VALUES_MAX - 64)
        return err_set(err, ST_INVALID, "a limit of %u columns is not 1 to %d", o->columns_max,
                       SCAN_VALUES_MAX - 64);
    if (o->memory_max < MEMORY_MIN)
        return err_set(err, ST_INVALID, "%zu bytes of memory for requests are less than %d",
                       o->memory_max, MEMORY_MIN);
    return ST_OK;
}

enum status
admitter_make(const struct admit_options *o, struct admitter **admitter, struct err *err)
{
    struct admitter *a;
    pthread_condattr_t attributes;

    if (check_options(o, err) != ST_OK)
        return ST_INVALID;
    a = calloc(1, sizeof *a);
    if (a == NULL)
        return err_set(err, ST_FULL, "no memory");
    a->o = *o;
    a->limits = (struct scan_limits){o->record_size_max, o->depth_max, o->columns_max};
    if (budget_init(&a->budget, o->memory_max, err) != ST_OK) {
        free(a);
        return ST_IO;
    }
    if (budget_init(&a->held, o->memory_max / 4, err) != ST_OK) {
        budget_destroy(&a->budget);
        free(a);
        return ST_IO;
    }
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->landed, &attributes);
    pthread_condattr_destroy(&attributes);
    *admitter = a;
    return ST_OK;
}

void
admitter_free(struct admitter *a)
{
    if (a == NULL)
        return;
    assert(a->in_flight == NULL);
    drop_idle(a);
    pthread_cond_destroy(&a->landed);
    pthread_mutex_destroy(&a->lock);
    budget_destroy(&a->budget);
    budget_destroy(&a->held);
    free(a);
}

void
admit_counts_get(struct admitter *a, struct admit_counts *counts)
{
    uint64_t waits;
    size_t used = budget_used(&a->budget, &waits);

    pthread_mutex_lock(&a->lock);
    *counts = a->counts;
    pthread_mutex_unlock(&a->lock);
    counts->memory_used = used;
    counts->waits = waits;
}

/* ==== batch ids */

/* The first 16 bytes of SHA-256 over the tenant, the table as the client wrote it (none: envelopes)
 * and the client's id, NULs between: an id that a client uses for what belongs together, a batch to
 * each of several tables, is not taken for one request sent again. */
enum status
admit_request_id(const struct admit_request *r, uint8_t id[16], struct err *err)
{
    char text[38 + CATALOG_TABLE_NAME_MAX + 512];
    unsigned char digest[DIGEST_SHA256_SIZE];
    int head = snprintf(text, sizeof text, "%s%c%.*s%c", r->tenant != NULL ? r->tenant : "", 0,
                        r->shape == ADMIT_ROWS ? (int)r->table.n : 0,
                        r->table.p != NULL ? r->table.p : "", 0);

    if (r->batch_id.n > 512)
        return err_set(err, ST_INVALID, "a batch id of %zu bytes is longer than 512",
                       r->batch_id.n);
    if (head < 0 || (size_t)head + r->batch_id.n > sizeof text)
        return err_set(err, ST_INVALID, "the table's name is too long");
    memcpy(text + head, r->batch_id.p, r->batch_id.n);
    if (!digest_sha256((struct span){text, (size_t)head + r->batch_id.n}, digest))
        return err_set(err, ST_IO, "no SHA-256 for the batch id");
    memcpy(id, digest, 16);
    return ST_OK;
}

static bool
is_in_flight(const struct admitter *a, const uint8_t id[16])
{
    for (const struct admission *x = a->in_flight; x != NULL; x = x->next) {
        if (memcmp(x->id, id, sizeof x->id) == 0)
            return true;
    }
    return false;
}

/* Waits until no other request with this id is under way, then takes its place. False: it still
 * is. */
static bool
take_off(struct admission *x)
{
    struct admitter *a = x->owner;
    struct timespec deadline;
    bool free_to_go;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += a->o.wait_ms_max / 1000;
    deadline.tv_nsec += (long)(a->o.wait_ms_max % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&a->lock);
    while (is_in_flight(a, x->id) &&
           pthread_cond_timedwait(&a->landed, &a->lock, &deadline) != ETIMEDOUT)
        ;
    free_to_go = !is_in_flight(a, x->id);
    if (free_to_go) {
        x->is_in_flight = true;
        x->next = a->in_flight;
        a->in_flight = x;
    }
    pthread_mutex_unlock(&a->lock);
    return free_to_go;
}

static void
land(struct admission *x)
{
    struct admitter *a = x->owner;

    if (!x->is_in_flight)
        return;
    pthread_mutex_lock(&a->lock);
    for (struct admission **at = &a->in_flight; *at != NULL; at = &(*at)->next) {
        if (*at == x) {
            *at = x->next;
            break;
        }
    }
    x->is_in_flight = false;
    pthread_cond_broadcast(&a->landed);
    pthread_mutex_unlock(&a->lock);
}

/* ==== begin */

static enum status
check_request(const struct admitter *a, const struct admit_request *r, struct err *err)
{
    char lower[37];

    if (r->tenant == NULL && r->shape == ADMIT_ROWS)
        return err_set(err, ST_INVALID, "rows need the tenant that they belong to");
    if (r->tenant != NULL &&
        (!guid_copy(span_of(r->tenant), lower) || strcmp(lower, r->tenant) != 0))
        return err_set(err, ST_INVALID, "the tenant is not a GUID in lower case");
    if (r->park && a->o.park.park == NULL)
        return err_set(err, ST_INVALID, "there is nowhere to park bad records");
    return ST_OK;
}

/* Everything of the request into an admission that was used before or is new. */
static void
admission_set(struct admission *x, const struct admit_request *r)
{
    struct admitter *a = x->owner;
    struct scan_limits limits = a->limits;

    if (r->shape == ADMIT_ENVELOPES)
        limits.values_max += 64; /* the envelope's own keys */
    scanner_reset(&x->scanner, r->shape == ADMIT_ROWS ? SCAN_ROWS : SCAN_ENVELOPES, &limits);
    block_builder_reset(&x->builder);
    decorate_reset(&x->decorator);
    x->generation++;
    x->shape = r->shape;
    x->park = r->park;
    x->is_gzip = r->gzip;
    x->has_id = false;
    snprintf(x->tenant, sizeof x->tenant, "%s", r->tenant != NULL ? r->tenant : "");
    envelope_reader_init(&x->envelopes, a->o.catalog, a->o.unknown_tables,
                         r->tenant != NULL ? x->tenant : NULL);
    x->envelopes.tenants = a->o.tenants;
    memset(x->id, 0, sizeof x->id);
    x->body_max = r->body_max;
    x->block_max = r->block_size_max == 0 || r->block_size_max > BLOCK_BODY_MAX
                       ? BLOCK_BODY_MAX
                       : to_pages(r->block_size_max);
    x->take = NULL;
    x->received = a->o.now(a->o.clock);
    x->size = x->block_at = x->scan_at = x->scan_when = 0;
    x->base = 0;
    x->is_started = x->is_ended = false;
    x->lost = LOST_NOT;
    x->lost_at = x->lost_seen = 0;
    x->record_number = 0;
    x->bad_count = 0;
    x->run = NULL;
    x->part = 0;
    x->is_faulty = false;
    x->stop = ST_OK;
    memset(&x->result, 0, sizeof x->result);
    x->result.outcome = ADMIT_DURABLE;
}

static enum status
set_table(struct admission *x, const struct admit_request *r, struct err *err)
{
    const struct admit_options *o = &x->owner->o;

    memset(&x->table, 0, sizeof x->table);
    if (r->shape != ADMIT_ROWS)
        return ST_OK;
    return known_stream_make(&x->table, o->catalog, o->unknown_tables, x->tenant,
                             (struct span){NULL, 0}, r->table, err);
}

static enum status
set_gzip(struct admission *x, struct err *err)
{
    struct arena arena;

    if (!x->is_gzip)
        return ST_OK;
    if (x->gunzip_memory != NULL) {
        gunzip_reset(&x->gunzip);
        return ST_OK;
    }
    if (!admission_charge(x, GUNZIP_ROOM, x->owner->o.wait_ms_max))
        return err_set(err, ST_FULL, "all memory for requests is in use");
    x->gunzip_memory = aligned_alloc(64, GUNZIP_ROOM);
    arena = (struct arena){x->gunzip_memory, GUNZIP_ROOM, 0};
    if (x->gunzip_memory != NULL && gunzip_init(&x->gunzip, &arena, err) == ST_OK)
        return ST_OK;
    free(x->gunzip_memory);
    x->gunzip_memory = NULL;
    admission_discharge(x, GUNZIP_ROOM);
    return err_set(err, ST_FULL, "the system has no memory for a request now");
}

static enum status
set_id(struct admission *x, const struct admit_request *r, struct err *err)
{
    enum status st;
    uint64_t position, rows;

    if (r->batch_id.n == 0)
        return ST_OK;
    if ((st = admit_request_id(r, x->id, err)) != ST_OK)
        return st;
    if (!take_off(x))
        return err_set(err, ST_FULL, "a request with this batch id is still under way");
    x->has_id = true;
    if (journal_find_request(x->owner->o.journal, x->id, &position, &rows)) {
        admission_stop(x, ADMIT_DUPLICATE, ST_END, "this batch id was admitted before");
        x->result.accepted = rows;
        x->result.first_position = position;
        land(x);
    }
    return ST_OK;
}

static enum status
begin(struct admitter *a, const struct admit_request *r, bool is_journalled,
      struct admission **admission, struct err *err)
{
    struct admission *x;
    enum status st = check_request(a, r, err);

    if (st != ST_OK)
        return st;
    x = admission_get(a, err);
    if (x == NULL)
        return ST_FULL;
    admission_set(x, r);
    if ((st = set_table(x, r, err)) != ST_OK || (st = set_gzip(x, err)) != ST_OK ||
        (is_journalled && (st = set_id(x, r, err)) != ST_OK)) {
        admission_put(x);
        return st;
    }
    pthread_mutex_lock(&a->lock);
    a->counts.requests++;
    pthread_mutex_unlock(&a->lock);
    *admission = x;
    return ST_OK;
}

enum status
admit_begin(struct admitter *a, const struct admit_request *request, struct admission **admission,
            struct err *err)
{
    assert(a->o.journal != NULL);
    return begin(a, request, true, admission, err);
}

enum status
admit_begin_to(struct admitter *a, const struct admit_request *request, admit_block_fn take,
               void *app, struct admission **admission, struct err *err)
{
    enum status st = begin(a, request, false, admission, err);

    if (st != ST_OK)
        return st;
    (*admission)->take = take;
    (*admission)->take_app = app;
    return ST_OK;
}

/* ==== outcomes */

enum status
admission_stop(struct admission *x, enum admit_outcome outcome, enum status st, const char *format,
               ...)
{
    va_list args;

    assert(st != ST_OK);
    if (x->stop != ST_OK)
        return x->stop;
    x->stop = st;
    x->result.outcome = outcome;
    va_start(args, format);
    vsnprintf(x->result.err.text, sizeof x->result.err.text, format, args);
    va_end(args);
    return st;
}

void
admission_fault(struct admission *x, uint64_t offset, const char *column, const char *text)
{
    struct admit_result *r = &x->result;

    if (r->fault_count < ADMIT_FAULTS_MAX) {
        struct admit_fault *f = &r->faults[r->fault_count];

        f->record = x->record_number;
        f->offset = offset;
        snprintf(f->column, sizeof f->column, "%s", column);
        snprintf(f->text, sizeof f->text, "%s", text);
    }
    r->fault_count++;
    if (x->park)
        return;
    if (!x->is_faulty) {
        x->is_faulty = true;
        seal_drop(x);
    }
    if (r->fault_count >= ADMIT_FAULTS_MAX)
        admission_stop(x, ADMIT_FAULTY, ST_INVALID, "%d faults and perhaps more", ADMIT_FAULTS_MAX);
}

/* ==== data */

enum status
admit_space(struct admission *x, char **space, size_t *room)
{
    enum status st = intake_make_room(x);

    if (st != ST_OK)
        return st;
    *space = x->body.base + x->size;
    *room = intake_room(x) - x->size;
    if (*room > SPACE_MAX)
        *room = SPACE_MAX;
    return ST_OK;
}

enum status
admit_filled(struct admission *x, size_t size)
{
    if (x->stop != ST_OK)
        return x->stop;
    assert(size <= intake_room(x) - x->size);
    x->size += size;
    x->result.bytes += size;
    if (x->body_max != 0 && x->result.bytes > x->body_max)
        return admission_stop(
            x, ADMIT_TOO_LARGE, ST_INVALID, "the body is larger than %llu bytes%s",
            (unsigned long long)x->body_max, x->is_gzip ? " after inflation" : "");
    if (x->size - x->scan_at >= x->scan_when)
        return intake_scan(x, false);
    return x->stop;
}

static enum status
take_plain(struct admission *x, struct span bytes)
{
    while (bytes.n > 0) {
        char *space;
        size_t room;

        if (admit_space(x, &space, &room) != ST_OK)
            return x->stop;
        if (room > bytes.n)
            room = bytes.n;
        memcpy(space, bytes.p, room);
        bytes.p += room;
        bytes.n -= room;
        if (admit_filled(x, room) != ST_OK)
            return x->stop;
    }
    return x->stop;
}

/* Inflates straight into the buffer. With 'is_last' to its proper end. Returns
 * x->stop. */
static enum status
take_gzip(struct admission *x, struct span bytes, bool is_last)
{
    for (;;) {
        struct err err = {""};
        char *space;
        size_t room, made = 0;
        enum status st = admit_space(x, &space, &room);

        if (st != ST_OK)
            return st;
        st = gunzip_feed(&x->gunzip, &bytes, is_last, space, room, &made, &err);
        if (st == ST_INVALID) {
            x->record_number++;
            admission_fault(x, x->result.bytes + made, "", err.text);
            return admission_stop(x, ADMIT_FAULTY, ST_INVALID, "%s", err.text);
        }
        if (admit_filled(x, made) != ST_OK)
            return x->stop;
        if (st == ST_END || (bytes.n == 0 && made < room))
            return ST_OK;
    }
}

enum status
admit_data(struct admission *x, struct span bytes)
{
    if (x->stop != ST_OK || bytes.n == 0)
        return x->stop;
    return x->is_gzip ? take_gzip(x, bytes, false) : take_plain(x, bytes);
}

/* ==== end */

/* The rest of the body, and everything durable. Returns x->stop. */
static enum status
finish(struct admission *x)
{
    if (x->is_gzip && take_gzip(x, (struct span){"", 0}, true) != ST_OK)
        return x->stop;
    if (intake_scan(x, true) != ST_OK)
        return x->stop;
    if (x->lost != LOST_NOT &&
        seal_bad(x, x->lost_at, x->size - x->lost_at, x->lost_reason.text) != ST_OK)
        return x->stop;
    if (x->is_faulty)
        return admission_stop(x, ADMIT_FAULTY, ST_INVALID, "%llu faulty record%s",
                              (unsigned long long)x->result.fault_count,
                              x->result.fault_count == 1 ? "" : "s");
    if (x->record_number == 0) {
        admission_fault(x, 0, "", "the body holds no record");
        return admission_stop(x, ADMIT_FAULTY, ST_INVALID, "the body holds no record");
    }
    /* A request all of whose records are parked still leaves its batch id behind, in a block
     * without rows, so that its repetition does not park them again. */
    if (x->builder.head.row_count > 0 || x->run != NULL || (x->has_id && x->result.accepted == 0))
        return seal_block(x, x->builder.head.row_count > 0 ? x->size : x->block_at, true);
    return seal_park(x);
}

/* Rows still count as accepted only if the request does. */
static void
settle(struct admission *x)
{
    struct admit_result *r = &x->result;

    if (r->outcome == ADMIT_DURABLE || r->outcome == ADMIT_DUPLICATE)
        return;
    if (x->run != NULL)
        journal_run_abort(x->run);
    x->run = NULL;
    r->accepted = 0;
    if (r->outcome == ADMIT_FAULTY && r->fault_count == 1 && r->faults[0].text[0] != '\0')
        snprintf(r->err.text, sizeof r->err.text, "record %llu, byte %llu: %s",
                 (unsigned long long)r->faults[0].record, (unsigned long long)r->faults[0].offset,
                 r->faults[0].text);
}

static void
count(struct admitter *a, const struct admit_result *r)
{
    struct admit_counts *c = &a->counts;

    pthread_mutex_lock(&a->lock);
    c->bytes += r->bytes;
    c->parked += r->parked;
    if (r->outcome == ADMIT_DURABLE)
        c->records += r->accepted;
    else if (r->outcome == ADMIT_DUPLICATE)
        c->duplicates++;
    else
        c->refused_requests++;
    if (r->outcome == ADMIT_FAULTY)
        c->refused_records += r->fault_count;
    pthread_mutex_unlock(&a->lock);
}

void
admit_end(struct admission *x, struct admit_result *result)
{
    if (x->stop == ST_OK)
        (void)finish(x);
    settle(x);
    land(x);
    count(x->owner, &x->result);
    *result = x->result;
    admission_put(x);
}

void
admit_abort(struct admission *x)
{
    if (x->run != NULL)
        journal_run_abort(x->run);
    x->run = NULL;
    land(x);
    admission_put(x);
}
