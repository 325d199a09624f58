#include "deliver/flight.h"
#include <stdlib.h>

enum window_framing
flight_framing(const struct sink_kind *kind)
{
    static const enum window_framing framings[] = {
        [FRAME_LINES] = WINDOW_LINES,
        [FRAME_RECORDS] = WINDOW_RECORDS,
        [FRAME_ROW] = WINDOW_ROW,
    };

    return framings[kind->framing];
}

void
flight_init(struct flight *f, const struct sink_kind *kind, void *sink)
{
    *f = (struct flight){
        .kind = kind,
        .sink = sink,
        .framing = flight_framing(kind),
    };
}

void
flight_clear(struct flight *f)
{
    for (size_t i = 0; i < f->item_count; i++)
        free(f->items[i].owned);
    f->item_count = 0;
    f->lane_count = 0;
    f->intent_changed = false;
}

static void
objects_start(struct flight *f)
{
    for (size_t i = 0; i < f->object_count; i++)
        f->objects[i].start_length = f->objects[i].length;
}

void
flight_forget_objects(struct flight *f)
{
    f->object_count = 0;
}

void
flight_free(struct flight *f)
{
    flight_clear(f);
    free(f->items);
    free(f->lanes);
    free(f->objects);
    free(f->parcels);
    free(f->parcel_item);
    free(f->lent);
}

static bool
room_for(void **array, size_t *room, size_t count, size_t element)
{
    if (count < *room)
        return true;
    size_t wanted = *room < 16 ? 16 : *room * 2;
    void *larger = realloc(*array, wanted * element);

    if (larger == NULL)
        return false;
    *array = larger;
    *room = wanted;
    return true;
}

#define ROOM_FOR(f, what)                                                                          \
    room_for((void **)&(f)->what##s, &(f)->what##_room, (f)->what##_count, sizeof *(f)->what##s)

static bool
lane_equal(const struct lane *a, const struct lane *b)
{
    return a->hour == b->hour && strcmp(a->category, b->category) == 0 &&
           strcmp(a->tenant, b->tenant) == 0;
}

static enum status
object_find(struct flight *f, const struct lane *lane, uint32_t *index, struct err *err)
{
    for (size_t i = 0; i < f->object_count; i++) {
        if (lane_equal(&f->objects[i].lane, lane)) {
            *index = (uint32_t)i;
            f->objects[i].used_last = f->number;
            return ST_OK;
        }
    }
    if (!ROOM_FOR(f, object))
        return err_set(err, ST_FULL, "no memory for a further object");
    struct lane_object *o = &f->objects[f->object_count];

    *o = (struct lane_object){.lane = *lane, .used_last = f->number};
    enum status st = f->kind->locate(f->sink, lane, false, o->name, &o->length, err);

    o->start_length = o->length;
    if (st == ST_OK)
        *index = (uint32_t)f->object_count++;
    return st;
}

enum status
flight_load(struct flight *f, const struct window *w, enum profile profile, struct err *err)
{
    flight_clear(f);
    objects_start(f);
    f->profile = profile;
    f->number++;
    /* A ledger entry tells of so many objects; their lengths are then asked for anew. */
    if (f->object_count + window_lane_count(w) > LEDGER_LANES_MAX)
        flight_forget_objects(f);
    for (size_t i = 0; i < window_lane_count(w); i++) {
        const struct window_lane *from = window_lane(w, i);

        if (!ROOM_FOR(f, lane))
            return err_set(err, ST_FULL, "no memory for a further lane");
        struct flight_lane *to = &f->lanes[f->lane_count];

        *to = (struct flight_lane){.done = 0};
        memcpy(to->lane.tenant, from->tenant, sizeof to->lane.tenant);
        memcpy(to->lane.category, from->category, sizeof to->lane.category);
        memcpy(to->lane.table, from->table, sizeof to->lane.table);
        to->lane.hour = from->hour;
        if (f->kind->is_positioned) {
            enum status st = object_find(f, &to->lane, &to->object, err);

            if (st == ST_INVALID) {
                to->is_refused = true;
                to->reason = *err;
            } else if (st != ST_OK) {
                return st;
            }
        }
        f->lane_count++;
    }
    for (size_t i = 0; i < window_parcel_count(w); i++) {
        const struct window_parcel *p = window_parcel(w, i);

        if (!ROOM_FOR(f, item))
            return err_set(err, ST_FULL, "no memory for a further parcel");
        f->items[f->item_count++] = (struct flight_item){
            .body = window_parcel_body(w, p),
            .lane = p->lane,
            .row_count = p->row_count,
            .position = p->position,
            .row = p->row,
        };
    }
    return ST_OK;
}

/* Marks the first 'bytes' bytes of a lane as being there; a torn parcel goes on where it stops. */
static void
lane_skip(struct flight *f, uint32_t lane, uint64_t bytes)
{
    for (size_t i = 0; i < f->item_count && bytes > 0; i++) {
        struct flight_item *item = &f->items[i];

        if (item->lane != lane)
            continue;
        size_t n = bytes < item->body.n ? (size_t)bytes : item->body.n;

        item->body.p += n;
        item->body.n -= n;
        item->is_done = item->body.n == 0;
        item->row_count = 0; /* one line end a row: positioned sinks take lines */
        for (size_t k = 0; k < item->body.n; k++)
            item->row_count += item->body.p[k] == '\n';
        f->lanes[lane].done += n;
        bytes -= n;
    }
}

static const struct ledger_lane *
intent_lane(const struct ledger_entry *intent, const struct lane *lane)
{
    for (uint32_t i = 0; i < intent->lane_count; i++) {
        const struct ledger_lane *l = &intent->lanes[i];

        if (l->hour == lane->hour && strcmp(l->category, lane->category) == 0 &&
            strcmp(l->tenant, lane->tenant) == 0)
            return l;
    }
    return NULL;
}

/* How much of what the journal still has of a lane went before the crash: 'went' bytes of the whole
 * lane, of which the journal lost some behind the first 'before' ones. */
static uint64_t
gap_skip(const struct flight *f, uint32_t lane, const struct ledger_lane *told, uint64_t went,
         uint64_t before, bool is_single)
{
    uint64_t left = 0;

    for (size_t i = 0; i < f->item_count; i++)
        if (f->items[i].lane == lane)
            left += f->items[i].body.n;
    uint64_t lost = told->done + told->size - left;

    if (told->done + told->size <= left || went <= before)
        return went;
    return is_single && went >= before + lost ? went - lost : before;
}

/* How many of the 'there' bytes behind what was told are the lane's own: another export or program
 * may have appended to the object since. */
static enum status
lane_compare(struct flight *f, uint32_t lane, const struct ledger_lane *told, uint64_t there,
             uint64_t *own, struct err *err)
{
    uint64_t at = 0;

    *own = 0;
    for (size_t i = 0; i < f->item_count && *own < there; i++) {
        const struct flight_item *item = &f->items[i];
        uint64_t from = told->done > at ? told->done - at : 0;
        bool same;

        if (item->lane != lane)
            continue;
        at += item->body.n;
        if (from >= item->body.n)
            continue;
        struct span bytes = {item->body.p + from, item->body.n - (size_t)from};

        if (bytes.n > there - *own)
            bytes.n = (size_t)(there - *own);
        enum status st = f->kind->holds(f->sink, &f->lanes[lane].lane, told->name,
                                        told->length + *own, bytes, &same, err);

        if (st != ST_OK || !same)
            return st;
        *own += bytes.n;
    }
    return ST_OK;
}

static enum status
recover_lanes(struct flight *f, const struct ledger_entry *intent, bool same_bytes,
              const uint64_t *before, bool is_single, uint64_t *doubled, struct err *err)
{
    *doubled = 0;
    if (!f->kind->is_positioned)
        return ST_OK;
    for (uint32_t i = 0; i < f->lane_count; i++) {
        struct flight_lane *l = &f->lanes[i];
        const struct ledger_lane *told = intent_lane(intent, &l->lane);
        struct lane_object *o = &f->objects[l->object];
        uint64_t now;

        if (told == NULL || l->is_refused || told->name[0] == '\0')
            /* nothing of it is there; or the setting has it since: it was not being sent */
            continue;
        enum status st = f->kind->length(f->sink, &l->lane, told->name, &now, err);

        if (st != ST_OK)
            return st;
        uint64_t there = now > told->length ? now - told->length : 0;

        memcpy(o->name, told->name, sizeof o->name);
        o->length = now;
        o->start_length = told->length < now ? told->length : now;
        if (there > 0 && same_bytes && before == NULL && f->kind->holds != NULL) {
            uint64_t own, most = there < told->size ? there : told->size;

            st = lane_compare(f, i, told, most, &own, err);
            if (st == ST_OK && own < most) {
                st = f->kind->locate(f->sink, &l->lane, true, o->name, &o->length, err);
                o->start_length = o->length;
                o->in_checkpoint = false;
                lane_skip(f, i, told->done + own);
            }
            if (st != ST_OK)
                return st;
            if (own < most)
                continue;
        }
        if (there >= told->size) {
            /* All of it went, whatever followed it; nothing of the lane is left to send. */
            lane_skip(f, i, UINT64_MAX / 2);
            continue;
        }
        if (same_bytes) {
            uint64_t went = told->done + there;

            if (before != NULL) {
                uint64_t skip = gap_skip(f, i, told, went, before[i], is_single);

                if (!is_single)
                    *doubled += went - skip;
                went = skip;
            }
            lane_skip(f, i, went);
        } else if (there > 0 && f->kind->cut != NULL && before == NULL) {
            st = f->kind->cut(f->sink, &l->lane, told->name, told->length, err);
            if (st != ST_OK)
                return st;
            o->length = told->length;
            *doubled += told->done;
        } else {
            *doubled += there + told->done;
        }
    }
    return ST_OK;
}

enum status
flight_recover(struct flight *f, const struct ledger_entry *intent, bool same_bytes,
               uint64_t *doubled, struct err *err)
{
    return recover_lanes(f, intent, same_bytes, NULL, true, doubled, err);
}

enum status
flight_recover_gap(struct flight *f, const struct ledger_entry *intent, bool same_bytes,
                   const uint64_t *before, bool is_single, uint64_t *doubled, struct err *err)
{
    return recover_lanes(f, intent, same_bytes, before, is_single, doubled, err);
}

static struct ledger_lane *
lend(struct flight *f, size_t count)
{
    if (count > f->lent_room) {
        struct ledger_lane *larger = realloc(f->lent, count * sizeof *larger);

        if (larger == NULL)
            return NULL;
        f->lent = larger;
        f->lent_room = count;
    }
    memset(f->lent, 0, count * sizeof *f->lent);
    return f->lent;
}

static void
lend_lane(struct ledger_lane *to, const struct lane *lane, const struct lane_object *o)
{
    memcpy(to->tenant, lane->tenant, sizeof to->tenant);
    memcpy(to->category, lane->category, sizeof to->category);
    memcpy(to->table, lane->table, sizeof to->table);
    to->hour = lane->hour;
    memcpy(to->name, o->name, sizeof to->name);
    to->length = o->length;
}

const struct ledger_lane *
flight_intent_lanes(struct flight *f, uint32_t *count)
{
    struct ledger_lane *lanes = lend(f, f->lane_count + 1);

    if (lanes == NULL)
        return NULL;
    static const struct lane_object nowhere;

    /* A refused lane is told with no object and no size: nothing of it is ever there. */
    for (size_t i = 0; i < f->lane_count; i++) {
        const struct flight_lane *from = &f->lanes[i];

        lend_lane(&lanes[i], &from->lane, from->is_refused ? &nowhere : &f->objects[from->object]);
        lanes[i].done = from->done;
    }
    for (size_t i = 0; i < f->item_count; i++)
        if (!f->items[i].is_done && !f->lanes[f->items[i].lane].is_refused)
            lanes[f->items[i].lane].size += f->items[i].body.n;
    *count = (uint32_t)f->lane_count;
    f->intent_changed = false;
    return lanes;
}

const struct ledger_lane *
flight_checkpoint_lanes(struct flight *f, uint32_t *count)
{
    struct ledger_lane *lanes = lend(f, f->object_count + 1);

    if (lanes == NULL)
        return NULL;
    for (size_t i = 0; i < f->object_count; i++) {
        lend_lane(&lanes[i], &f->objects[i].lane, &f->objects[i]);
        /* Under way, the cursor is still that of the flight's start. */
        if (f->item_count > 0)
            lanes[i].length = f->objects[i].start_length;
    }
    *count = (uint32_t)f->object_count;
    return lanes;
}

bool
flight_needs_checkpoint(const struct flight *f)
{
    for (size_t i = 0; i < f->lane_count; i++)
        if (!f->lanes[i].is_refused && !f->objects[f->lanes[i].object].in_checkpoint)
            return true;
    return false;
}

void
flight_checkpointed(struct flight *f)
{
    for (size_t i = 0; i < f->object_count; i++)
        f->objects[i].in_checkpoint = true;
}

/* Lines up what is not done as parcels, each behind the one before it in its lane. */
static enum status
parcels_fill(struct flight *f, size_t *count)
{
    size_t n = 0;

    if (f->item_count > f->parcel_room) {
        free(f->parcels);
        free(f->parcel_item);
        f->parcel_room = 0;
        f->parcels = malloc(f->item_count * sizeof *f->parcels);
        f->parcel_item = malloc(f->item_count * sizeof *f->parcel_item);
        if (f->parcels == NULL || f->parcel_item == NULL)
            return err_set(&f->err, ST_FULL, "no memory for %zu parcels", f->item_count);
        f->parcel_room = f->item_count;
    }
    for (size_t i = 0; i < f->item_count; i++) {
        const struct flight_item *item = &f->items[i];

        if (item->is_done || f->lanes[item->lane].is_refused)
            continue;
        struct parcel *p = &f->parcels[n];

        p->lane = &f->lanes[item->lane].lane;
        p->body = item->body;
        p->row_count = item->row_count;
        p->position = item->position;
        p->row = item->row;
        p->offset = 0;
        p->name[0] = '\0';
        p->sent = SENT_RETRY;
        p->retry_after_ms = -1;
        p->is_full = p->is_foreign = false;
        p->err.text[0] = '\0';
        if (f->kind->is_positioned) {
            const struct lane_object *o = &f->objects[f->lanes[item->lane].object];

            memcpy(p->name, o->name, sizeof p->name);
            p->offset = o->length;
            for (size_t k = n; k-- > 0;) {
                if (f->items[f->parcel_item[k]].lane == item->lane) {
                    p->offset = f->parcels[k].offset + f->parcels[k].body.n;
                    break;
                }
            }
        }
        f->parcel_item[n++] = i;
    }
    *count = n;
    return ST_OK;
}

struct splitting {
    struct flight *f;
    struct flight_item *half[2];
    size_t room[2];
    uint32_t row, rows_first; /* rows that go to the first half */
    bool failed;
};

static void
split_count(void *app, struct span row)
{
    (void)row;
    ++*(uint32_t *)app;
}

static void
split_row(void *app, struct span row)
{
    struct splitting *s = app;
    int which = s->row++ >= s->rows_first;
    struct flight_item *half = s->half[which];
    bool records = s->f->framing == WINDOW_RECORDS;
    struct span lead =
        records ? (half->row_count == 0 ? SPAN_LITERAL("{\"records\":[") : SPAN_LITERAL(","))
                : (struct span){"", 0};
    struct span tail = records                         ? (struct span){"", 0}
                       : s->f->profile == PROFILE_WIRE ? SPAN_LITERAL("\r\n")
                                                       : SPAN_LITERAL("\n");
    size_t needed = half->body.n + lead.n + row.n + tail.n + 2;

    if (s->failed)
        return;
    if (needed > s->room[which]) {
        size_t room = needed * 2;
        char *larger = realloc(half->owned, room);

        if (larger == NULL) {
            s->failed = true;
            return;
        }
        half->owned = larger;
        half->body.p = larger;
        s->room[which] = room;
    }
    char *out = half->owned + half->body.n;

    memcpy(out, lead.p, lead.n);
    memcpy(out + lead.n, row.p, row.n);
    memcpy(out + lead.n + row.n, tail.p, tail.n);
    half->body.n += lead.n + row.n + tail.n;
    half->row_count++;
}

/* Puts two halves in the place of a refused item, to find the rows that are to blame. */
static enum status
item_split(struct flight *f, size_t index)
{
    struct flight_item whole = f->items[index], halves[2] = {whole, whole};
    uint32_t rows = 0;

    if (!ROOM_FOR(f, item))
        return err_set(&f->err, ST_FULL, "no memory to take a refused parcel apart");
    window_split(f->framing, whole.body, split_count, &rows);
    struct splitting s = {
        .f = f, .half = {&halves[0], &halves[1]},
             .rows_first = rows / 2
    };

    for (int i = 0; i < 2; i++) {
        halves[i].owned = NULL;
        halves[i].body = (struct span){NULL, 0};
        halves[i].row_count = 0;
    }
    window_split(f->framing, whole.body, split_row, &s);
    if (s.failed || rows < 2) {
        free(halves[0].owned);
        free(halves[1].owned);
        return err_set(&f->err, ST_FULL, "no memory to take a refused parcel apart");
    }
    if (f->framing == WINDOW_RECORDS)
        for (int i = 0; i < 2; i++) { /* split_row keeps two bytes of room for it */
            memcpy(halves[i].owned + halves[i].body.n, "]}", 2);
            halves[i].body.n += 2;
        }
    memmove(&f->items[index + 2], &f->items[index + 1],
            (f->item_count - index - 1) * sizeof *f->items);
    f->items[index] = halves[0];
    f->items[index + 1] = halves[1];
    f->item_count++;
    free(whole.owned);
    return ST_OK;
}

struct singling {
    struct flight *f;
    struct flight_item whole;
    bool failed;
};

static void
single_row(void *app, struct span row)
{
    struct singling *s = app;
    struct flight *f = s->f;

    if (!ROOM_FOR(f, item)) {
        s->failed = true;
        return;
    }
    struct flight_item *item = &f->items[f->item_count++];

    *item = s->whole;
    item->body = row;
    item->row_count = 1;
}

/* Makes each row of the only item's body, which is borrowed, an item of its own. */
static enum status
item_single(struct flight *f, enum window_framing from, struct err *err)
{
    struct singling s = {.f = f, .whole = f->items[--f->item_count]};

    window_split(from, s.whole.body, single_row, &s);
    if (s.failed)
        return err_set(err, ST_FULL, "no memory to take a parked parcel apart");
    return ST_OK;
}

/* Puts the rows of a body, whatever framed them, into the framing that the destination wants. What
 * cannot be told apart stays as it is. */
static enum status
item_frame(struct flight *f, struct flight_item *item, struct err *err)
{
    static const char head[] = "{\"records\":[";
    struct span body = item->body;
    enum window_framing from = WINDOW_LINES;
    uint32_t rows = 0;

    if (body.n > sizeof head && memcmp(body.p, head, sizeof head - 1) == 0) {
        window_split(WINDOW_RECORDS, body, split_count, &rows);
        if (rows == item->row_count)
            from = WINDOW_RECORDS;
    }
    rows = 0;
    window_split(from, body, split_count, &rows);
    if (rows == 0)
        return ST_OK;
    if (f->framing == WINDOW_ROW)
        return item_single(f, from, err);
    item->body = (struct span){NULL, 0};
    item->row_count = 0;
    struct splitting s = {
        .f = f, .half = {item, item},
             .rows_first = UINT32_MAX
    };

    window_split(from, body, split_row, &s);
    if (s.failed)
        return err_set(err, ST_FULL, "no memory to frame a parcel anew");
    if (f->framing == WINDOW_RECORDS) { /* split_row keeps two bytes of room for it */
        memcpy(item->owned + item->body.n, "]}", 2);
        item->body.n += 2;
    }
    return ST_OK;
}

enum status
flight_load_one(struct flight *f, const struct lane *lane, struct span body, uint32_t row_count,
                uint64_t position, uint32_t row, enum profile profile, struct err *err)
{
    flight_clear(f);
    objects_start(f);
    f->profile = profile;
    f->number++;
    if (f->object_count == LEDGER_LANES_MAX)
        flight_forget_objects(f);
    if (!ROOM_FOR(f, lane) || !ROOM_FOR(f, item))
        return err_set(err, ST_FULL, "no memory for a further lane");
    f->lanes[0] = (struct flight_lane){.lane = *lane};
    if (f->kind->is_positioned) {
        enum status st = object_find(f, lane, &f->lanes[0].object, err);

        if (st != ST_OK)
            return st;
    }
    f->lane_count = 1;
    struct flight_item *item = &f->items[f->item_count++];

    *item = (struct flight_item){
        .body = body, .row_count = row_count, .position = position, .row = row};
    return item_frame(f, item, err);
}

static void
reason_keep(struct flight *f, const struct parcel *p)
{
    if (f->err.text[0] == '\0')
        f->err = p->err;
    if (p->retry_after_ms > f->retry_after_ms)
        f->retry_after_ms = p->retry_after_ms;
}

static void
item_done(struct flight *f, struct flight_item *item)
{
    struct flight_lane *lane = &f->lanes[item->lane];

    item->is_done = true;
    lane->done += item->body.n;
    if (f->kind->is_positioned)
        f->objects[lane->object].length += item->body.n;
    f->sent_rows += item->row_count;
    f->sent_bytes += item->body.n;
    f->sent_parcels++;
}

/* What became of a parcel whose answer was lost, or whose object is not as we left it. Until a look
 * succeeds, the object may hold bytes of ours that we do not know of (is_unsure). */
static enum status
object_look(struct flight *f, struct flight_item *item, const struct parcel *p)
{
    struct flight_lane *lane = &f->lanes[item->lane];
    struct lane_object *o = &f->objects[lane->object];
    struct lane_object fresh = *o;
    bool ours = o->is_unsure || !p->is_foreign;
    enum status st;

    if (p->is_full && !o->is_unsure) {
        st = f->kind->locate(f->sink, &lane->lane, true, fresh.name, &fresh.length, &f->err);
    } else {
        o->is_unsure = ours;
        st = f->kind->length(f->sink, &lane->lane, o->name, &fresh.length, &f->err);
        if (st == ST_OK && ours && fresh.length == o->length + item->body.n) {
            item_done(f, item);
            o->is_unsure = false;
            return ST_OK;
        }
        if (st == ST_OK && ours && fresh.length > o->length && f->kind->cut != NULL) {
            /* A torn append of ours: it is cut off, so that no reader is left with half a line. */
            st = f->kind->cut(f->sink, &lane->lane, o->name, o->length, &f->err);
            fresh.length = o->length;
        } else if (st == ST_OK && fresh.length != o->length) {
            /* Somebody else wrote or removed it: go on in the next object, or at its new end. */
            st = f->kind->locate(f->sink, &lane->lane, fresh.length > 0, fresh.name, &fresh.length,
                                 &f->err);
        }
    }
    if (st != ST_OK)
        return st;
    fresh.is_unsure = false;
    if (strcmp(fresh.name, o->name) != 0 || fresh.length != o->length) {
        fresh.in_checkpoint = false;
        fresh.start_length = strcmp(fresh.name, o->name) != 0 ? fresh.length : o->start_length;
        f->intent_changed = true;
    }
    *o = fresh;
    return ST_OK;
}

/* Rows of lanes that the destination cannot have are parked parcel by parcel. */
static void
park_refused_lanes(struct flight *f, flight_park_fn park, void *app)
{
    for (size_t i = 0; i < f->item_count; i++) {
        struct flight_item *item = &f->items[i];
        const struct flight_lane *lane = &f->lanes[item->lane];

        if (item->is_done || !lane->is_refused)
            continue;
        if (park(app, &lane->lane, item->body, item->row_count, item->position, item->row,
                 lane->reason.text, &f->err) != ST_OK)
            return;
        item->is_done = true;
    }
}

enum status
flight_send(struct flight *f, flight_park_fn park, void *app)
{
    size_t count = 0;

    f->err.text[0] = '\0';
    f->retry_after_ms = -1;
    enum status st = parcels_fill(f, &count);

    if (st != ST_OK)
        return st;
    if (count > 0)
        f->kind->send(f->sink, f->parcels, count);
    park_refused_lanes(f, park, app);
    /* From behind, so that taking an item apart leaves the others' numbers alone. Positioned lanes
     * that were looked at have one look per send: the first of their parcels that is not done. */
    for (size_t k = count; k-- > 0;) {
        struct parcel *p = &f->parcels[k];
        struct flight_item *item = &f->items[f->parcel_item[k]];

        if (p->sent == SENT_DONE)
            item_done(f, item);
    }
    for (size_t k = count; k-- > 0;) {
        struct parcel *p = &f->parcels[k];
        size_t index = f->parcel_item[k];
        struct flight_item *item = &f->items[index];
        bool first_left = true;

        if (p->sent == SENT_DONE)
            continue;
        /* A row that is refused for itself waits for nobody: where each row is a parcel, a window of
         * them that are all refused would else take a round each. */
        if (p->sent != SENT_REFUSED || item->row_count > 1 || f->kind->is_positioned)
            for (size_t i = 0; i < k && first_left; i++)
                first_left = f->parcels[i].lane != p->lane || f->parcels[i].sent == SENT_DONE;
        if (!first_left)
            continue; /* waits behind one of its lane */
        if (p->sent == SENT_RETRY) {
            reason_keep(f, p);
            f->retried++;
            if (f->kind->is_positioned && object_look(f, item, p) != ST_OK)
                f->retried++;
        } else if (item->row_count > 1) {
            if (item_split(f, index) != ST_OK)
                f->retried++; /* no memory now: it is refused again the next time */
        } else {
            st = park(app, &f->lanes[item->lane].lane, item->body, item->row_count, item->position,
                      item->row, p->err.text, &f->err);
            if (st != ST_OK)
                continue; /* the others still want their look */
            item->is_done = true;
            f->lanes[item->lane].done += item->body.n;
            f->intent_changed = true;
        }
    }
    for (size_t i = 0; i < f->item_count; i++)
        if (!f->items[i].is_done)
            return ST_FULL;
    return ST_OK;
}
