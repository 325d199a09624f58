/* The body's bytes land in one buffer and never move while they are part of a block. The scanner
 * runs over what has come; a record that is not complete is scanned again when more has come, but
 * not before the unfinished piece has doubled, so that a large record in small pieces costs twice
 * its size and not its square.
 *
 * When the buffer is full it grows if there is memory. If not, or at its limit, the records that
 * are in it become a block, and the unfinished one moves to the front. So a lack of memory makes
 * smaller blocks and only stops a request that has a single record larger than what it can get. */
#include "model/datetime.h"
#include "source/admission.h"
#include <assert.h>

/* ==== rows */

typedef unsigned char vector __attribute__((vector_size(16)));

/* True if a CR or LF stands between the record's tokens (in a string it cannot). Looks first for
 * any byte of 8 to 15, of which JSON text holds only TAB besides. */
static bool
has_line_break(const char *p, size_t n)
{
    vector found = {0}, bytes[4];
    const char *end = p + n, *at = p;
    uint64_t halves[2];

    for (; end - at >= 64; at += 64) {
        memcpy(bytes, at, 64);
        found |= (vector)(((bytes[0] & 0xf8) == 8) | ((bytes[1] & 0xf8) == 8) |
                          ((bytes[2] & 0xf8) == 8) | ((bytes[3] & 0xf8) == 8));
    }
    memcpy(halves, &found, 16);
    halves[0] |= halves[1];
    for (; at < end; at++)
        halves[0] |= (*at & 0xf8) == 8;
    return halves[0] != 0 && (memchr(p, '\n', n) != NULL || memchr(p, '\r', n) != NULL);
}

/* The stream's index in the block being built; ST_FULL: seal first. */
static enum status
stream_index(struct admission *x, struct known_stream *k, uint16_t *index)
{
    if (k->generation != x->generation) {
        enum status st = block_stream_index(&x->builder, span_of(k->tenant), span_of(k->category),
                                            span_of(k->table), &k->index);

        if (st != ST_OK)
            return st;
        k->generation = x->generation;
    }
    *index = k->index;
    return ST_OK;
}

/* A zeroed row with its stream set, in a new block if need be. NULL: stopped. 'at': the record. */
static struct block_row *
add_row(struct admission *x, struct known_stream *k, size_t at)
{
    struct block_builder *b = &x->builder;
    uint16_t stream;

    if (b->head.row_count == b->row_room &&
        (b->row_room == BLOCK_ROWS_MAX || !admission_grow_rows(x, b->row_room * 4)) &&
        seal_block(x, at, false) != ST_OK)
        return NULL;
    if (stream_index(x, k, &stream) != ST_OK) {
        if (seal_block(x, at, false) != ST_OK)
            return NULL;
        if (stream_index(x, k, &stream) != ST_OK) {
            admission_stop(x, ADMIT_FAILED, ST_INVALID, "no room for a stream in an empty block");
            return NULL;
        }
    }

    struct block_row *row = block_row_add(b);

    assert(row != NULL);
    row->stream = stream;
    return row;
}

static void
note_columns(struct admission *x, const struct known_stream *k, const char *record,
             const struct scan_value *members, size_t count, struct block_row *row)
{
    struct row_key *keys = (struct row_key *)(void *)x->keys.base;
    uint32_t index = x->builder.head.row_count - 1;
    struct decorate_columns found;

    decorate_columns(k->class, record, members, count, &found);
    if (!decorate_note(&x->decorator, &found, k->class, k->by_default, index, row, &keys[index])) {
        bool has_room;

        decorate_learn(&x->decorator, &x->builder, x->body.base + x->block_at, x->received);
        has_room =
            decorate_note(&x->decorator, &found, k->class, k->by_default, index, row, &keys[index]);
        assert(has_room);
        (void)has_room;
    }
}

static void
fill_row(struct admission *x, const struct known_stream *k, const char *record,
         const struct scan_record *scanned, const struct envelope *e, struct block_row *row)
{
    uint32_t at = (uint32_t)((size_t)(record - x->body.base) - x->block_at);

    row->at = at;
    row->size = (uint32_t)scanned->size;
    if (has_line_break(record, scanned->size))
        row->flags |= ROW_LINE_BREAK;
    if (e == NULL) {
        row->properties_at = at;
        row->properties_size = row->size;
        if (scanned->value_count == 0)
            row->flags |= ROW_EMPTY;
        note_columns(x, k, record, scanned->values, scanned->value_count, row);
        return;
    }
    row->flags |= ROW_ENVELOPE;
    if (e->is_wire && !(row->flags & ROW_LINE_BREAK))
        row->flags |= ROW_WIRE_ENVELOPE;
    if (e->member_count == 0)
        row->flags |= ROW_EMPTY;
    row->properties_at = at + e->properties_at;
    row->properties_size = e->properties_size;
    row->time = e->time;
    if (e->time_at != 0) {
        row->time_at = at + e->time_at;
        row->time_size = DATETIME_TEXT_SIZE;
    }
    if (e->received_at != 0) {
        row->received_at = at + e->received_at;
        row->received_size = e->received_size;
    }
    note_columns(x, k, record, e->members, e->member_count, row);
}

/* A record whose text is fine but which says something wrong. */
static void
refuse_record(struct admission *x, size_t at, size_t size, const struct envelope_fault *fault)
{
    admission_fault(x, x->base + at + fault->at, fault->column, fault->err.text);
    if (x->park && x->stop == ST_OK)
        seal_bad(x, at, size, fault->err.text);
}

static void
take_record(struct admission *x, size_t text_at, const struct scan_record *scanned)
{
    size_t at = text_at + scanned->at;
    const char *record = x->body.base + at;
    struct known_stream *k = &x->table;
    struct envelope envelope, *e = NULL;

    x->record_number++;
    if (x->shape == ADMIT_ENVELOPES) {
        struct envelope_fault fault;

        e = &envelope;
        if (!envelope_read(&x->envelopes, record, scanned, e, &fault)) {
            refuse_record(x, at, scanned->size, &fault);
            return;
        }
        k = e->stream;
    }
    if (x->is_faulty)
        return; /* only further faults are of interest */

    struct block_row *row = add_row(x, k, at);

    if (row != NULL)
        fill_row(x, k, record, scanned, e, row);
}

/* ==== faults of the text */

/* The bytes behind a fault are found bit by bit; a line's end closes the piece. */
static void
follow_lost_line(struct admission *x)
{
    const char *from = x->body.base + x->lost_seen;
    const char *end = memchr(from, '\n', x->size - x->lost_seen);

    if (end == NULL) {
        x->lost_seen = x->size;
        return;
    }
    x->lost = LOST_NOT;
    seal_bad(x, x->lost_at, (size_t)(end - x->body.base) - x->lost_at, x->lost_reason.text);
}

/* Nothing behind the fault can be read. */
static void
lose_rest(struct admission *x, size_t at, const char *reason)
{
    x->is_ended = true;
    if (!x->park) {
        admission_stop(x, ADMIT_FAULTY, ST_INVALID, "%s", reason);
        return;
    }
    x->lost = LOST_REST;
    x->lost_at = at;
    x->scan_at = x->size;
    err_set(&x->lost_reason, ST_OK, "%s", reason);
}

/* True: scanning can go on in this buffer. */
static bool
take_fault(struct admission *x, size_t text_at, bool is_last, const struct scan_fault *fault)
{
    const char *text = x->body.base + text_at;
    size_t bad_at, bad_size;
    enum scan_result r;

    x->record_number++;
    admission_fault(x, x->base + text_at + fault->at, fault->column, fault->text);
    if (x->stop != ST_OK)
        return false;
    if (!fault->can_skip) {
        lose_rest(x, text_at + fault->record_at, fault->text);
        return false;
    }
    r = scan_skip(&x->scanner, text, x->size - text_at, is_last, fault, &bad_at, &bad_size);
    if (r == SCAN_MORE) {
        x->scan_at = text_at + x->scanner.consumed;
        x->lost = LOST_LINE;
        x->lost_at = text_at + bad_at;
        x->lost_seen = x->size;
        err_set(&x->lost_reason, ST_OK, "%s", fault->text);
        return false;
    }
    assert(r == SCAN_RECORD);
    seal_bad(x, text_at + bad_at, bad_size, fault->text);
    return x->stop == ST_OK;
}

/* ==== scanning */

/* RFC 8259 section 8.1: a parser may ignore a byte order mark. False: wait for more. */
static bool
skip_mark(struct admission *x, bool is_last)
{
    static const char mark[] = "\xef\xbb\xbf";
    size_t n = x->size < 3 ? x->size : 3;

    if (n < 3 && !is_last && memcmp(x->body.base, mark, n) == 0)
        return false;
    x->is_started = true;
    if (n == 3 && memcmp(x->body.base, mark, 3) == 0)
        x->scan_at = 3;
    return true;
}

static void
scan_on(struct admission *x, bool is_last)
{
    size_t text_at = x->scan_at;
    const char *text = x->body.base + text_at;
    struct scan_record record;
    struct scan_fault fault;

    while (x->stop == ST_OK) {
        switch (scan_next(&x->scanner, text, x->size - text_at, is_last, &record, &fault)) {
        case SCAN_RECORD:
            take_record(x, text_at, &record);
            break;
        case SCAN_MORE:
            x->scan_at = text_at + x->scanner.consumed;
            return;
        case SCAN_END:
            x->scan_at = x->size;
            x->is_ended = true;
            return;
        case SCAN_FAULT:
            if (!take_fault(x, text_at, is_last, &fault))
                return;
            break;
        }
    }
}

enum status
intake_scan(struct admission *x, bool is_last)
{
    if (!x->is_started && !skip_mark(x, is_last))
        return x->stop;
    if (x->lost == LOST_LINE)
        follow_lost_line(x);
    if (x->stop == ST_OK && !x->is_ended)
        scan_on(x, is_last);
    if (x->lost == LOST_REST)
        x->scan_at = x->size;
    x->scan_when = 2 * (x->size - x->scan_at);
    return x->stop;
}

/* ==== the buffer */

/* What is scanned leaves the buffer: rows as a block, lost bytes to be parked. */
static enum status
turn(struct admission *x)
{
    size_t kept = x->scan_at;

    if (x->lost != LOST_NOT) {
        seal_bad(x, x->lost_at, kept - x->lost_at, x->lost_reason.text);
        x->lost_at = 0;
        x->lost_seen = x->size - kept;
    }
    if (!x->is_faulty && seal_block(x, kept, false) != ST_OK)
        return x->stop;
    memmove(x->body.base, x->body.base + kept, x->size - kept);
    x->base += kept;
    x->size -= kept;
    x->scan_at = x->block_at = 0;
    return x->stop;
}

static bool
grow(struct admission *x, size_t room, unsigned wait_ms)
{
    size_t more = room - intake_room(x);

    if (!admission_charge(x, more, wait_ms))
        return false;
    if (region_grow(&x->body, room + BODY_PADDING))
        return true;
    budget_give(&x->owner->budget, more);
    x->charged -= more;
    return false;
}

enum status
intake_make_room(struct admission *x)
{
    unsigned wait_ms = x->owner->o.wait_ms_max;
    size_t room = intake_room(x);

    if (x->stop != ST_OK || x->size < room)
        return x->stop;
    if (intake_scan(x, false) != ST_OK)
        return x->stop;

    bool can_turn = x->scan_at > 0;
    size_t limit = can_turn && x->block_max < BLOCK_BODY_MAX ? x->block_max : BLOCK_BODY_MAX;

    if (room < limit) {
        size_t larger = room * 2 < limit ? room * 2 : limit;

        /* Waiting for memory while holding some is for those only who cannot do without. */
        if (grow(x, larger, can_turn ? 0 : wait_ms))
            return x->stop;
        if (!can_turn)
            return admission_stop(x, ADMIT_LATER, ST_FULL,
                                  "no memory for a record of more than %zu bytes now", room);
    }
    if (!can_turn)
        return admission_stop(x, ADMIT_FAILED, ST_INVALID, "a record fills the buffer of %zu bytes",
                              room);
    return turn(x);
}
