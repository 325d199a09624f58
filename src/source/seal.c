/* What must be kept when several things can fail: parked records first, then the rows. A crash in
 * between loses neither, since the request was not acknowledged and comes again; its bad records
 * are then parked once more, which is better than not at all.
 *
 * A request of one block is one append. Only when a second block is needed does a run begin, which
 * the journal shows to nobody before it is whole. */
#include "journal/journal.h"
#include "source/admission.h"
#include <assert.h>

/* ==== bad records */

/* 'size' bytes in pieces that the park takes. */
static enum status
park_pieces(struct admission *x, const struct bad *bad)
{
    const struct admit_options *o = &x->owner->o;
    size_t piece_max = o->record_size_max;

    for (size_t done = 0; done < bad->size;) {
        size_t n = bad->size - done < piece_max ? bad->size - done : piece_max;
        char reason[sizeof bad->reason + 64];
        struct err err = {""};
        enum status st;

        if (bad->size > piece_max)
            snprintf(reason, sizeof reason, "%s (bytes %zu to %zu of %zu)", bad->reason, done + 1,
                     done + n, bad->size);
        else
            snprintf(reason, sizeof reason, "%s", bad->reason);
        st = o->park.park(o->park.app, x->tenant, x->table.table,
                          (struct span){x->body.base + bad->at + done, n}, reason, o->now(o->clock),
                          &err);
        if (st != ST_OK)
            return admission_stop(x, ADMIT_LATER, st == ST_IO ? ST_IO : ST_FULL,
                                  "bad records cannot be parked: %s", err.text);
        done += n;
    }
    x->result.parked++;
    return ST_OK;
}

enum status
seal_park(struct admission *x)
{
    for (size_t i = 0; i < x->bad_count && x->stop == ST_OK; i++)
        park_pieces(x, &x->bad[i]);
    x->bad_count = 0;
    return x->stop;
}

static bool
is_blank(struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (strchr(" \t\r\n", text.p[i]) == NULL || text.p[i] == '\0')
            return false;
    }
    return true;
}

enum status
seal_bad(struct admission *x, size_t at, size_t size, const char *reason)
{
    struct bad *bad;

    while (size > 0 && strchr("\r\n", x->body.base[at + size - 1]) != NULL &&
           x->body.base[at + size - 1] != '\0')
        size--;
    if (!x->park || is_blank((struct span){x->body.base + at, size}))
        return x->stop;
    if (x->bad_count == BAD_MAX && seal_park(x) != ST_OK)
        return x->stop;
    bad = &x->bad[x->bad_count++];
    bad->at = at;
    bad->size = size;
    snprintf(bad->reason, sizeof bad->reason, "record %llu: %s",
             (unsigned long long)x->record_number, reason);
    return x->stop;
}

/* ==== blocks */

static void
begin_block(struct admission *x, size_t at)
{
    block_builder_reset(&x->builder);
    decorate_reset(&x->decorator);
    x->generation++;
    x->block_at = at;
}

void
seal_drop(struct admission *x)
{
    begin_block(x, x->scan_at);
    if (x->run != NULL)
        journal_run_abort(x->run);
    x->run = NULL;
    x->part = 0;
    x->result.accepted = 0;
}

static enum status
stop_for(struct admission *x, enum status st, enum admit_outcome on_io, const struct err *err)
{
    switch (st) {
    case ST_FULL:
        return admission_stop(x, ADMIT_LATER, ST_FULL, "%s", err->text);
    case ST_IO:
        return admission_stop(x, on_io, ST_IO, "%s", err->text);
    default:
        return admission_stop(x, ADMIT_FAILED, ST_INVALID, "%s", err->text);
    }
}

static enum status
write_block(struct admission *x, struct span index, struct span body, bool is_last)
{
    struct journal *j = x->owner->o.journal;
    struct err err = {""};
    uint64_t end;
    enum status st;

    if (x->take != NULL) {
        st = x->take(x->take_app, index, body, &err);
        return st == ST_OK ? ST_OK : stop_for(x, st, ADMIT_FAILED, &err);
    }
    if (is_last && x->run == NULL) {
        st = journal_append(j, index, body, &x->result.first_position, &err);
        return st == ST_OK ? ST_OK : stop_for(x, st, ADMIT_FAILED, &err);
    }
    if (x->run == NULL && (st = journal_run_begin(j, &x->run, &err)) != ST_OK) {
        x->run = NULL;
        return stop_for(x, st, ADMIT_LATER, &err);
    }
    /* Nobody sees a run before its commit: whatever fails until then, nothing was kept. */
    st = journal_run_append(x->run, index, body, &err);
    if (st != ST_OK)
        return stop_for(x, st, ADMIT_LATER, &err);
    if (!is_last)
        return ST_OK;
    st = journal_run_commit(x->run, &x->result.first_position, &end, &err);
    x->run = NULL;
    return st == ST_OK ? ST_OK : stop_for(x, st, ADMIT_FAILED, &err);
}

/* Seals the builder's rows, whose body is 'size' bytes from block_at. */
static enum status
emit(struct admission *x, size_t size, bool is_last)
{
    struct block_builder *b = &x->builder;
    const struct admit_options *o = &x->owner->o;
    struct span index;
    struct err err = {""};

    memcpy(b->head.request_id, x->id, sizeof x->id);
    b->head.part = x->part++;
    b->head.parts_end = is_last;
    if (block_seal(b, (uint32_t)size, x->received, o->now(o->clock), x->index.base, x->index.room,
                   &index, &err) != ST_OK)
        return admission_stop(x, ADMIT_FAILED, ST_INVALID, "%s", err.text);
    if (write_block(x, index, (struct span){x->body.base + x->block_at, size}, is_last) != ST_OK)
        return x->stop;
    x->result.accepted += b->head.row_count;
    return x->stop;
}

static uint32_t
moved(uint32_t at, uint32_t by)
{
    return at == 0 ? 0 : at - by;
}

/* The block's strings are full after 'done' rows: they leave alone, the others stay as a block
 * whose body begins with the first of them. */
static enum status
emit_first(struct admission *x, uint32_t done)
{
    struct block_builder *b = &x->builder;
    struct row_key *keys = (struct row_key *)(void *)x->keys.base;
    uint32_t rest = b->head.row_count - done, by = b->rows[done].at;

    assert(done > 0);
    b->head.row_count = done;
    if (emit(x, by, false) != ST_OK)
        return x->stop;
    memmove(b->rows, b->rows + done, rest * sizeof *b->rows);
    memmove(keys, keys + done, rest * sizeof *keys);
    for (uint32_t i = 0; i < rest; i++) {
        struct block_row *row = &b->rows[i];

        row->at -= by;
        row->properties_at -= by;
        row->group_value_at = moved(row->group_value_at, by);
        row->received_at = moved(row->received_at, by);
        row->time_at = moved(row->time_at, by);
        keys[i].at -= keys[i].kind == KEY_NONE ? 0 : by;
    }
    b->head.row_count = rest;
    b->head.string_count = 0;
    decorate_reset(&x->decorator);
    x->block_at += by;
    return x->stop;
}

enum status
seal_block(struct admission *x, size_t end, bool is_last)
{
    struct block_builder *b = &x->builder;
    const struct row_key *keys = (const struct row_key *)(const void *)x->keys.base;
    uint32_t done;

    if (seal_park(x) != ST_OK)
        return x->stop;
    if (b->head.row_count == 0 && !is_last) {
        begin_block(x, end);
        return x->stop;
    }
    while ((done = decorate_block(&x->decorator, b, keys, x->body.base + x->block_at,
                                  x->received)) < b->head.row_count) {
        if (emit_first(x, done) != ST_OK)
            return x->stop;
    }
    if (emit(x, end - x->block_at, is_last) == ST_OK)
        begin_block(x, end);
    return x->stop;
}
