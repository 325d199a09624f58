/* flight_test.c - a window's way out, against a destination in memory that fails in every way a
 * real one can, and with a crash after any send: at the end every lane's objects must hold exactly
 * its rows, in order, once. The faults come from a seeded generator, so a failure can be repeated
 * by its seed, which is printed. */
#include "base/clock.h"
#include "base/test.h"
#include "deliver/flight.h"
#include "deliver/pace.h"
#include <stdlib.h>

#define TENANT "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
enum { TABLES = 4, OBJECTS_MAX = 64, OBJECT_SIZE = 65536, OBJECT_FULL = 700 };

/* ---- the destination ---- */

struct object {
    char name[80], table[8];
    unsigned roll;
    size_t size;
    char bytes[OBJECT_SIZE];
};

struct world {
    struct object objects[OBJECTS_MAX];
    size_t count;
    uint64_t random;
    unsigned fault_percent;
    bool appends_whole; /* a folder tears and is cut; a blob does neither */
    char parked[4096];
};

static unsigned
chance(struct world *w)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(w->random >> 33) % 100;
}

static struct object *
object_get(struct world *w, const char *name, const char *table, bool make)
{
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->objects[i].name, name) == 0)
            return &w->objects[i];
    if (!make || w->count == OBJECTS_MAX)
        return NULL;
    struct object *o = &w->objects[w->count++];

    memset(o, 0, sizeof *o);
    snprintf(o->name, sizeof o->name, "%s", name);
    snprintf(o->table, sizeof o->table, "%s", table);
    return o;
}

static enum status
world_locate(void *state, const struct lane *lane, bool full, char name[512], uint64_t *length,
             struct err *err)
{
    struct world *w = state;
    unsigned roll = 0;

    if (chance(w) < w->fault_percent)
        return err_set(err, ST_IO, "locate failed");
    for (;; roll++) {
        snprintf(name, 512, "%s_%u", lane->table, roll);
        struct object *o = object_get(w, name, lane->table, false);

        *length = o != NULL ? o->size : 0;
        if (o == NULL)
            return ST_OK;
        char next[80];

        snprintf(next, sizeof next, "%s_%u", lane->table, roll + 1);
        if (object_get(w, next, lane->table, false) != NULL)
            continue;
        if (!full && o->size < OBJECT_FULL)
            return ST_OK;
    }
}

static enum status
world_length(void *state, const struct lane *lane, const char *name, uint64_t *length,
             struct err *err)
{
    struct world *w = state;
    struct object *o = object_get(w, name, lane->table, false);

    if (chance(w) < w->fault_percent)
        return err_set(err, ST_IO, "length failed");
    *length = o != NULL ? o->size : 0;
    return ST_OK;
}

static enum status
world_holds(void *state, const struct lane *lane, const char *name, uint64_t offset,
            struct span bytes, bool *same, struct err *err)
{
    struct world *w = state;
    struct object *o = object_get(w, name, lane->table, false);

    if (chance(w) < w->fault_percent)
        return err_set(err, ST_IO, "read failed");
    *same = o != NULL && o->size >= offset + bytes.n &&
            memcmp(o->bytes + offset, bytes.p, bytes.n) == 0;
    return ST_OK;
}

/* Somebody else appends a line to some objects, as long as a few rows of ours. */
static void
world_meddle(struct world *w)
{
    for (size_t i = 0; i < w->count; i++) {
        struct object *o = &w->objects[i];
        unsigned n = 10 + 3 * chance(w);

        if (chance(w) < 50 || o->size >= OBJECT_FULL)
            continue;
        memset(o->bytes + o->size, '#', n);
        o->bytes[o->size + n - 1] = '\n';
        o->size += n;
    }
}

static enum status
world_cut(void *state, const struct lane *lane, const char *name, uint64_t length, struct err *err)
{
    struct world *w = state;
    struct object *o = object_get(w, name, lane->table, false);

    if (chance(w) < w->fault_percent)
        return err_set(err, ST_IO, "cut failed");
    if (o != NULL && o->size > length)
        o->size = (size_t)length;
    return ST_OK;
}

static void
world_send(void *state, struct parcel *parcels, size_t count)
{
    struct world *w = state;

    for (size_t i = 0; i < count; i++) {
        struct parcel *p = &parcels[i];
        bool behind = false;

        for (size_t k = 0; k < i && !behind; k++)
            behind = parcels[k].lane == p->lane && parcels[k].sent != SENT_DONE;
        p->sent = SENT_RETRY;
        p->retry_after_ms = 7;
        if (behind)
            continue;
        if (memchr(p->body.p, '!', p->body.n) != NULL) {
            p->sent = SENT_REFUSED;
            err_set(&p->err, ST_INVALID, "it holds a !");
            continue;
        }
        struct object *o = object_get(w, p->name, p->lane->table, true);

        if (o == NULL || o->size >= OBJECT_FULL) {
            p->is_full = o != NULL;
            err_set(&p->err, ST_IO, "full");
            continue;
        }
        if (chance(w) < w->fault_percent) {
            err_set(&p->err, ST_IO, "refused to connect");
            continue;
        }
        if (o->size != p->offset && w->appends_whole) { /* 412: it is looked at */
            if (o->size >= p->offset + p->body.n &&
                memcmp(o->bytes + p->offset, p->body.p, p->body.n) == 0) {
                p->sent = SENT_DONE;
                continue;
            }
            p->is_foreign = true;
            err_set(&p->err, ST_IO, "wrong position");
            continue;
        }
        if (o->size != p->offset) { /* a positioned append */
            p->is_foreign = o->size != p->offset + p->body.n;
            err_set(&p->err, ST_IO, "wrong position");
            continue;
        }
        size_t n = p->body.n;
        bool lost = chance(w) < w->fault_percent;

        if (lost && !w->appends_whole)
            n = n * chance(w) / 100; /* torn */
        memcpy(o->bytes + o->size, p->body.p, n);
        o->size += n;
        if (lost)
            err_set(&p->err, ST_IO, "the answer was lost");
        else
            p->sent = SENT_DONE;
    }
}

static const struct sink_kind world_kind = {
    .name = "world",
    .framing = FRAME_LINES,
    .is_positioned = true,
    .is_lasting_at_once = true,
    .body_max = 200,
    .send = world_send,
    .locate = world_locate,
    .length = world_length,
    .holds = world_holds,
    .cut = world_cut,
};
static const struct sink_kind blob_kind = {
    .name = "blob",
    .framing = FRAME_LINES,
    .is_positioned = true,
    .is_lasting_at_once = true,
    .body_max = 200,
    .send = world_send,
    .locate = world_locate,
    .length = world_length,
    .holds = world_holds,
};

static enum status
park(void *app, const struct lane *lane, struct span body, uint32_t row_count, uint64_t position,
     uint32_t row, const char *reason, struct err *err)
{
    struct world *w = app;
    size_t used = strlen(w->parked);

    (void)lane, (void)position, (void)row, (void)reason;
    CHECK(row_count == 1, "parked %u rows at once", row_count);
    if (chance(w) < w->fault_percent)
        return err_set(err, ST_FULL, "no room to park");
    snprintf(w->parked + used, sizeof w->parked - used, "%.*s", (int)body.n, body.p);
    return ST_OK;
}

/* ---- the rows ---- */

static char memory[4 << 20] __attribute__((aligned(16)));

static void
build(uint64_t *random, struct block *block, char *body, char expected[TABLES][8192], char *refused,
      bool with_bad)
{
    struct arena a = {memory, sizeof memory, 0};
    struct block_builder b;
    struct span index;
    struct err err = {""};
    size_t size = 0;
    unsigned count = 40;

    CHECK(block_builder_init(&b, &a, 64, &err) == ST_OK, "%s", err.text);
    for (unsigned i = 0; i < count; i++) {
        char category[40], table[2] = {0, 0};
        uint16_t stream = 0;

        *random = *random * UINT64_C(6364136223846793005) + 1;
        unsigned t = (unsigned)(*random >> 40) % TABLES, pad = (unsigned)(*random >> 50) % 60;
        bool bad = with_bad && (*random >> 35) % 9 == 0;

        table[0] = (char)('A' + t);
        snprintf(category, sizeof category, "AdvancedHunting-%c", table[0]);
        CHECK(block_stream_index(&b, span_of(TENANT), span_of(category), span_of(table), &stream) ==
                  ST_OK,
              "stream");
        struct block_row *row = block_row_add(&b);

        row->at = row->properties_at = (uint32_t)size;
        size += (size_t)sprintf(body + size, "{\"%c%u\":\"%s%.*s\"}", table[0], i, bad ? "!" : "",
                                (int)pad,
                                "----------------------------------------------------------------");
        row->size = row->properties_size = (uint32_t)size - row->at;
        char *to = bad ? refused : expected[t];

        sprintf(to + strlen(to), "%.*s\n", (int)row->size, body + row->at);
        body[size++] = '\n';
        row->group = ROW_GROUP_AS_IS;
        row->stream = stream;
        row->time = TICKS_PER_HOUR;
    }
    size_t room = 1 << 20;
    char *image = arena_take(&a, room);

    CHECK(block_seal(&b, (uint32_t)size, 1, 1, image, room, &index, &err) == ST_OK, "%s", err.text);
    CHECK(block_open(block, index, (struct span){body, size}, &err) == ST_OK, "%s", err.text);
}

static void
check_world(const struct world *w, char expected[TABLES][8192], uint64_t seed, const char *what)
{
    for (unsigned t = 0; t < TABLES; t++) {
        static char seen[1 << 20];
        size_t size = 0;

        for (unsigned roll = 0; roll < OBJECTS_MAX; roll++) {
            size_t before = size;
            char name[80];

            snprintf(name, sizeof name, "%c_%u", (char)('A' + t), roll);
            for (size_t i = 0; i < w->count; i++)
                if (strcmp(w->objects[i].name, name) == 0) {
                    memcpy(seen + size, w->objects[i].bytes, w->objects[i].size);
                    size += w->objects[i].size;
                }
            /* what others wrote is not looked at */
            for (char *at = seen + before, *end = seen + size; at < end;) {
                char *line = memchr(at, '\n', (size_t)(end - at));
                size_t n = line != NULL ? (size_t)(line - at) + 1 : (size_t)(end - at);

                if (*at != '#') {
                    at += n;
                    continue;
                }
                memmove(at, at + n, (size_t)(end - at) - n);
                end -= n;
                size -= n;
            }
        }
        CHECK(size == strlen(expected[t]) && memcmp(seen, expected[t], size) == 0,
              "%s, seed %llu, table %c: %zu bytes, expected %zu:\n%.*s\nexpected:\n%s", what,
              (unsigned long long)seed, (char)('A' + t), size, strlen(expected[t]), (int)size, seen,
              expected[t]);
    }
}

static void
run(const char *what, uint64_t seed, unsigned faults, unsigned crashes, bool blob, bool with_bad,
    bool meddled)
{
    static struct world w;
    static char expected[TABLES][8192], refused[8192], body[65536];
    const struct plan_route route = {.profile = PROFILE_BARE, .all_categories = true};
    const struct window_limits limits = {WINDOW_LINES, true, 200, SIZE_MAX, UINT32_MAX, 99};
    const struct sink_kind *kind = blob ? &blob_kind : &world_kind;
    struct ledger_lane *kept = calloc(LEDGER_LANES_MAX, sizeof *kept);
    uint64_t random = seed;
    struct window *window;
    struct flight f;
    struct err err = {""};

    memset(&w, 0, sizeof w);
    memset(expected, 0, sizeof expected);
    memset(refused, 0, sizeof refused);
    w.random = seed;
    w.fault_percent = faults;
    w.appends_whole = blob;
    CHECK(window_make(&window, &err) == ST_OK, "%s", err.text);
    flight_init(&f, kind, &w);
    for (unsigned round = 0; round < 3; round++) {
        struct ledger_entry intent = {.is_pending = 0};
        struct block block;
        uint32_t row = 0, wanted = 0;
        bool landed = false, recovering = false;

        build(&random, &block, body, expected, refused, with_bad);
        window_reset(window, &limits);
        CHECK(window_add(window, &route, &block, 1, &row, 40, &wanted) == ST_OK, "window");
        window_seal(window);
        for (unsigned tries = 0; !landed && tries < 100000; tries++) {
            uint64_t doubled = 0;

            if (flight_load(&f, window, PROFILE_BARE, &err) != ST_OK)
                continue;
            if (recovering && flight_recover(&f, &intent, true, &doubled, &err) != ST_OK) {
                flight_clear(&f);
                continue;
            }
            CHECK(doubled == 0, "%s: %llu bytes doubled", what, (unsigned long long)doubled);
            f.intent_changed = true;
            for (;;) {
                if (f.intent_changed) { /* as the export does, before every send that needs it */
                    uint32_t count;
                    const struct ledger_lane *lanes = flight_intent_lanes(&f, &count);

                    memcpy(kept, lanes, count * sizeof *kept);
                    intent =
                        (struct ledger_entry){.is_pending = 1, .lane_count = count, .lanes = kept};
                }
                if (flight_send(&f, park, &w) == ST_OK) {
                    landed = true;
                    break;
                }
                if (chance(&w) < crashes && !f.intent_changed) {
                    /* The process is gone: all that is left is the world and the last intent. */
                    flight_free(&f);
                    flight_init(&f, kind, &w);
                    if (meddled)
                        world_meddle(&w);
                    recovering = true;
                    break;
                }
            }
        }
        CHECK(landed, "%s, seed %llu: never landed: %s", what, (unsigned long long)seed,
              f.err.text);
        flight_clear(&f);
    }
    check_world(&w, expected, seed, what);
    if (crashes == 0)
        CHECK(strcmp(w.parked, refused) == 0 || strlen(w.parked) == strlen(refused),
              "%s, seed %llu: parked\n%s\nexpected\n%s", what, (unsigned long long)seed, w.parked,
              refused);
    flight_free(&f);
    window_free(window);
    free(kept);
}

/* ---- rows that are parcels of their own ---- */

struct receiver { /* takes rows in any order; answers each for itself */
    char taken[4096], parked[4096];
    unsigned sends;
    const char *busy; /* this row is not taken now */
};

static void
receiver_send(void *state, struct parcel *parcels, size_t count)
{
    struct receiver *r = state;

    r->sends++;
    for (size_t i = 0; i < count; i++) {
        struct parcel *p = &parcels[i];
        size_t used = strlen(r->taken);

        p->sent = SENT_DONE;
        if (r->busy != NULL && memmem(p->body.p, p->body.n, r->busy, strlen(r->busy)) != NULL) {
            p->sent = SENT_RETRY;
            err_set(&p->err, ST_IO, "busy");
        } else if (memchr(p->body.p, '!', p->body.n) != NULL) {
            p->sent = SENT_REFUSED;
            err_set(&p->err, ST_INVALID, "it holds a !");
        } else {
            snprintf(r->taken + used, sizeof r->taken - used, "%llu/%u%.*s ",
                     (unsigned long long)p->position, p->row, (int)p->body.n, p->body.p);
        }
    }
}

static enum status
receiver_park(void *app, const struct lane *lane, struct span body, uint32_t row_count,
              uint64_t position, uint32_t row, const char *reason, struct err *err)
{
    struct receiver *r = app;
    size_t used = strlen(r->parked);

    (void)lane, (void)reason, (void)err;
    CHECK(row_count == 1 && position == 9, "parked %u rows of %llu", row_count,
          (unsigned long long)position);
    snprintf(r->parked + used, sizeof r->parked - used, "%u%.*s ", row, (int)body.n, body.p);
    return ST_OK;
}

static const struct sink_kind receiver_kind = {
    .name = "receiver",
    .framing = FRAME_ROW,
    .is_lasting_at_once = true,
    .body_max = 200,
    .send = receiver_send,
};

static const struct {
    const char *name, *body;
    uint32_t rows;
    const char *busy, *taken, *parked;
    enum status st;
} row_cases[] = {
    {"lines become rows of their own",                              "{\"a\":1}\r\n{\"b\":2}\n",            2, NULL,
     "9/4{\"a\":1} 9/4{\"b\":2} ",                                                                                                                   "",            ST_OK  },
    {"so do records",                                               "{\"records\":[{\"a\":1},{\"b\":2}]}", 2, NULL,    "9/4{\"a\":1} 9/4{\"b\":2} ",
     "",                                                                                                                                                            ST_OK  },
    {"a row alone stays as it is",                                  "{\"a\":{\"records\":[]}}",            1, NULL,
     "9/4{\"a\":{\"records\":[]}} ",                                                                                                                 "",            ST_OK  },
    {"what is no row at all is sent as it is",                      "plain",                               1, NULL,    "9/4plain ",                  "",            ST_OK  },
    {"all that is refused is parked in one round",                  "{\"!\":1}\n{\"!\":2}\n{\"!\":3}\n",   3, NULL,    "",
     "4{\"!\":3} 4{\"!\":2} 4{\"!\":1} ",                                                                                                                           ST_OK  },
    {"and does not wait for a row before it that is not taken now",
     "{\"a\":1}\n{\"!\":2}\n{\"b\":3}\n",                                                                  3, "\"a\"", "9/4{\"b\":3} ",              "4{\"!\":2} ", ST_FULL},
};

static void
test_rows(void)
{
    const struct lane lane = {.tenant = TENANT, .category = "Alerts", .table = "Alerts"};

    for (size_t i = 0; i < COUNT_OF(row_cases); i++) {
        struct receiver r = {.busy = row_cases[i].busy};
        struct flight f;
        struct err err = {""};

        flight_init(&f, &receiver_kind, &r);
        CHECK(flight_load_one(&f, &lane, span_of(row_cases[i].body), row_cases[i].rows, 9, 4,
                              PROFILE_BARE, &err) == ST_OK,
              "%s: %s", row_cases[i].name, err.text);
        CHECK(f.item_count == row_cases[i].rows, "%s: %zu items", row_cases[i].name, f.item_count);
        enum status st = flight_send(&f, receiver_park, &r);

        CHECK(st == row_cases[i].st && r.sends == 1 && strcmp(r.taken, row_cases[i].taken) == 0 &&
                  strcmp(r.parked, row_cases[i].parked) == 0,
              "%s: %d, took '%s', parked '%s'", row_cases[i].name, (int)st, r.taken, r.parked);
        r.busy = NULL;
        if (st != ST_OK)
            CHECK(flight_send(&f, receiver_park, &r) == ST_OK &&
                      strstr(r.taken, "9/4{\"a\":1} ") != NULL,
                  "%s: the rest is '%s'", row_cases[i].name, r.taken);
        flight_free(&f);
    }
}

static void
test_pace(void)
{
    struct pace p;

    pace_init(&p, 1000, 0);
    CHECK(pace_wait(&p, 0) == 0, "a fresh pace lets go");
    pace_spend(&p, 3000);
    CHECK(pace_wait(&p, 0) == 2001, "debt of two seconds: %lld", (long long)pace_wait(&p, 0));
    CHECK(pace_wait(&p, 1000) == 1001, "one later: %lld", (long long)pace_wait(&p, 1000));
    CHECK(pace_wait(&p, 2001) == 0, "paid");
    pace_init(&p, 0, 0);
    pace_spend(&p, UINT64_MAX);
    CHECK(pace_wait(&p, 0) == 0, "no limit");
    for (unsigned n = 1; n < 100; n++) {
        int64_t wait = pace_backoff(n, 250, 60000, n * 7919, -1);

        CHECK(wait >= 125 && wait <= 60000, "backoff %u is %lld", n, (long long)wait);
    }
    CHECK(pace_backoff(50, 250, 60000, 0, -1) == 30000, "half of the most");
    CHECK(pace_backoff(1, 250, 60000, 0, 5000) == 5000, "the destination's wish");
    CHECK(pace_backoff(1, 250, 60000, 0, INT64_MAX) == 3600000, "but not for ever");
}

int
main(void)
{
    test_pace();
    test_rows();
    for (uint64_t seed = 1; seed <= 60; seed++) {
        run("no faults", seed, 0, 0, false, false, false);
        run("faults of a folder", seed, 25, 0, false, false, false);
        run("faults of a blob", seed, 25, 0, true, false, false);
        run("crashes over a folder", seed, 20, 30, false, false, false);
        run("crashes over a blob", seed, 20, 30, true, false, false);
        run("bad rows", seed, 0, 0, false, true, false);
        run("bad rows and faults", seed, 20, 0, true, true, false);
        run("bad rows, faults and crashes", seed, 15, 15, true, true, false);
        run("crashes over a blob that others write, too", seed, 20, 30, true, false, true);
        run("crashes alone, over such a blob", seed, 0, 60, true, false, true);
    }
    return test_end();
}
