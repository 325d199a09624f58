/* sink_test.c - every kind of sink keeps the contract of sink.h. A new kind is one more row in
 * 'peers'. */
#include "sink/peer.h"
#include "sink/sink_peers.h"

static void *
opened(struct peer *peer, const atomic_bool *stop)
{
    struct err err = {""};
    void *state = NULL;
    enum status st = peer->kind->open(peer->values, peer->value_count, stop, &state, &err);

    CHECK(st == ST_OK && err.text[0] == '\0', "%s: open: %s", peer->name, err.text);
    return st == ST_OK ? state : NULL;
}

/* Gives the parcel its place, as deliver does. */
static bool
placed(struct peer *peer, void *state, struct parcel *p, uint64_t ahead)
{
    struct err err = {""};
    enum status st = ST_OK;

    if (peer->kind->is_positioned)
        st = peer->kind->locate(state, p->lane, false, p->name, &p->offset, &err);
    p->offset += ahead;
    CHECK(st == ST_OK && (!peer->kind->is_positioned || p->name[0] != '\0'), "%s: locate: %s",
          peer->name, err.text);
    return st == ST_OK;
}

static bool
sends(struct peer *peer, void *state, const struct lane *lane, const char *text)
{
    struct parcel p = peer_parcel(lane, text, 1);

    if (!placed(peer, state, &p, 0))
        return false;
    peer->kind->send(state, &p, 1);
    CHECK((p.sent == SENT_DONE) == (p.err.text[0] == '\0'), "%s: %d and '%s'", peer->name, p.sent,
          p.err.text);
    if (p.sent != SENT_DONE)
        printf("%s: %s\n", peer->name, p.err.text);
    return p.sent == SENT_DONE;
}

static void
holds(struct peer *peer, const struct lane *lane, const char *expected, const char *what)
{
    size_t size;
    char *text = peer->read(peer, lane, &size);

    CHECK(size == strlen(expected) && memcmp(text, expected, size) == 0,
          "%s: %s: '%.*s' is not '%s'", peer->name, what, (int)size, text, expected);
    free(text);
}

/* What a row of the table says must fit together. */
static void
kind_row(struct peer *peer)
{
    const struct sink_kind *k = peer->kind;

    CHECK(sink_kind_find(k->name) == k && strcmp(k->name, peer->name) == 0, "%s: find", peer->name);
    CHECK(k->help != NULL && k->open != NULL && k->send != NULL && k->close != NULL &&
              k->settings != NULL,
          "%s: hooks", peer->name);
    CHECK(k->body_max > 0 && k->batch_bytes >= k->body_max / 8 && k->linger_ms > 0, "%s: sizes",
          peer->name);
    CHECK(k->is_positioned == (k->locate != NULL) && k->is_positioned == (k->length != NULL) &&
              (k->is_positioned || k->cut == NULL) && k->is_lasting_at_once == (k->sync == NULL),
          "%s: hooks and flags", peer->name);
    for (const struct sink_setting *s = k->settings; s->name != NULL; s++)
        CHECK(s->help != NULL && s->help[0] != '\0', "%s: %s has no help", peer->name, s->name);
}

static void
settings(struct peer *peer)
{
    struct sink_value values[32];
    struct err err = {""};
    void *state = NULL;

    CHECK(sink_check(peer->kind, peer->values, peer->value_count, &err) == ST_OK, "%s: check: %s",
          peer->name, err.text);
    memcpy(values, peer->values, peer->value_count * sizeof values[0]);
    values[peer->value_count] = (struct sink_value){"no-such-setting", "x"};
    CHECK(sink_check(peer->kind, values, peer->value_count + 1, &err) == ST_INVALID &&
              strstr(err.text, "no-such-setting") != NULL,
          "%s: an unknown setting: %s", peer->name, err.text);
    CHECK(peer->kind->open(values, peer->value_count + 1, NULL, &state, &err) == ST_INVALID,
          "%s: opens with it", peer->name);
    for (const struct sink_setting *s = peer->kind->settings; s->name != NULL; s++) {
        size_t count = 0;

        if (s->is_optional || s->default_value != NULL)
            continue;
        for (size_t i = 0; i < peer->value_count; i++)
            if (strcmp(peer->values[i].name, s->name) != 0)
                values[count++] = peer->values[i];
        CHECK(sink_check(peer->kind, values, count, &err) == ST_INVALID &&
                  strstr(err.text, s->name) != NULL,
              "%s: without %s: %s", peer->name, s->name, err.text);
    }
}

static void
writes(struct peer *peer)
{
    struct err err = {""};
    void *state = opened(peer, NULL);
    struct parcel p[3] = {
        peer_parcel(&peer_device, peer->bodies[0], 1),
        peer_parcel(&peer_alert, peer->bodies[1], 2),
        peer_parcel(&peer_device, peer->bodies[2], 3),
    };
    char all[4096];

    if (state == NULL)
        return;
    if (peer->starts_down != NULL) { /* open needed nothing; sending does */
        struct parcel down = peer_parcel(&peer_device, peer->bodies[0], 1);
        uint64_t length;

        if (!peer->kind->is_positioned) {
            peer->kind->send(state, &down, 1);
            CHECK(down.sent == SENT_RETRY && down.err.text[0] != '\0', "%s: while down: %d",
                  peer->name, down.sent);
        } else {
            CHECK(peer->kind->locate(state, &peer_device, false, down.name, &length, &err) == ST_IO,
                  "%s: locate while down", peer->name);
        }
        peer->starts_down(peer);
    }
    for (int i = 0; i < 3; i++)
        placed(peer, state, &p[i], i == 2 ? p[0].body.n : 0);
    peer->kind->send(state, p, 3);
    for (int i = 0; i < 3; i++)
        CHECK(p[i].sent == SENT_DONE && p[i].err.text[0] == '\0', "%s: parcel %d: %d %s",
              peer->name, i, p[i].sent, p[i].err.text);
    if (peer->kind->sync != NULL)
        CHECK(peer->kind->sync(state, &err) == ST_OK, "%s: sync: %s", peer->name, err.text);
    if (peer->reads_by_lane) {
        snprintf(all, sizeof all, "%s%s", peer->bodies[0], peer->bodies[2]);
        holds(peer, &peer_device, all, "two parcels of a lane");
        holds(peer, &peer_alert, peer->bodies[1], "another lane");
    } else {
        snprintf(all, sizeof all, "%s%s%s", peer->bodies[0], peer->bodies[1], peer->bodies[2]);
        holds(peer, &peer_device, all, "all lanes");
    }
    peer->kind->close(state);

    state = opened(peer, NULL); /* goes on where it was */
    CHECK(sends(peer, state, &peer_device, peer->bodies[3]), "%s: after opening again", peer->name);
    strcat(all, peer->bodies[3]);
    if (peer->reads_by_lane)
        snprintf(all, sizeof all, "%s%s%s", peer->bodies[0], peer->bodies[2], peer->bodies[3]);
    holds(peer, &peer_device, all, "after opening again");
    peer->kind->close(state);
}

/* A repeated parcel of a positioned sink changes nothing. */
static void
repeats(struct peer *peer)
{
    void *state = peer->kind->is_positioned ? opened(peer, NULL) : NULL;
    struct parcel p = peer_parcel(&peer_device, peer->bodies[0], 9);
    struct err err = {""};
    uint64_t length = 0;
    size_t before, after;

    if (state == NULL)
        return;
    placed(peer, state, &p, 0);
    peer->kind->send(state, &p, 1);
    CHECK(p.sent == SENT_DONE, "%s: %s", peer->name, p.err.text);
    free(peer->read(peer, p.lane, &before));
    peer->kind->send(state, &p, 1);
    free(peer->read(peer, p.lane, &after));
    CHECK(before == after, "%s: a repeated parcel was written twice", peer->name);
    CHECK(p.sent == SENT_DONE || p.is_foreign, "%s: a repeated parcel: %d %s", peer->name, p.sent,
          p.err.text);
    CHECK(peer->kind->length(state, p.lane, p.name, &length, &err) == ST_OK &&
              length == p.offset + p.body.n,
          "%s: length %llu", peer->name, (unsigned long long)length);
    CHECK(peer->kind->locate(state, p.lane, true, p.name, &length, &err) == ST_OK && length == 0,
          "%s: the next object", peer->name);
    p.offset = 0;
    peer->kind->send(state, &p, 1);
    CHECK(p.sent == SENT_DONE, "%s: in the next object: %s", peer->name, p.err.text);
    CHECK(peer->kind->length(state, p.lane, p.name, &length, &err) == ST_OK && length == p.body.n,
          "%s: length of the next object", peer->name);
    peer->kind->close(state);
}

static void
stops(struct peer *peer)
{
    atomic_bool stop = false;
    void *state = opened(peer, &stop);
    struct parcel p[2] = {peer_parcel(&peer_device, peer->bodies[0], 20),
                          peer_parcel(&peer_alert, peer->bodies[1], 21)};

    if (state == NULL)
        return;
    for (int i = 0; i < 2; i++)
        placed(peer, state, &p[i], 0);
    atomic_store(&stop, true);
    peer->kind->send(state, p, 2);
    for (int i = 0; i < 2; i++)
        CHECK(p[i].sent == SENT_RETRY && p[i].err.text[0] != '\0', "%s: stopping: %d", peer->name,
              p[i].sent);
    peer->kind->close(state);
}

/* Rows of a workspace that are too old are taken out once new ones have come. */
static void
retention(struct peer *peer)
{
    struct parcel p = peer_parcel(
        &peer_device,
        "{\"Timestamp\":\"2001-01-01T00:00:00Z\"}\n{\"Timestamp\":\"2999-01-01T00:00:00Z\"}\n", 1);
    struct err err = {""};
    size_t before, after, kept_count = peer->value_count;
    void *state = NULL;
    char *text;

    if (peer->kind != &sink_workspace)
        return;
    p.row_count = 2;
    free(peer->read(peer, &peer_device, &before));
    peer->values[peer->value_count++] = (struct sink_value){"retention_days", "365"};
    peer->values[3].value = "retention";
    CHECK(peer->kind->open(peer->values, peer->value_count, NULL, &state, &err) == ST_OK, "%s: %s",
          peer->name, err.text);
    if (state != NULL && placed(peer, state, &p, 0)) {
        peer->kind->send(state, &p, 1);
        CHECK(p.sent == SENT_DONE, "%s: %s", peer->name, p.err.text);
        peer->kind->close(state);
    }
    text = peer->read(peer, &peer_device, &after);
    CHECK(strstr(text, "2999") != NULL && strstr(text, "2001") == NULL, "%s: keeps '%s'",
          peer->name, text);
    CHECK(strstr(text, "\"n\":1") != NULL && after > before, "%s: rows that came now stay: %s",
          peer->name, text);
    free(text);
    peer->value_count = kept_count;
}

static void
unsafe_lanes(struct peer *peer)
{
    static const struct lane lanes[] = {
        {PEER_TENANT,       "../../escape", "x", PEER_HOUR},
        {PEER_TENANT,       "a/b",          "x", PEER_HOUR},
        {PEER_TENANT,       "",             "x", PEER_HOUR},
        {"../../../../etc", "X",            "x", PEER_HOUR},
    };
    void *state = peer->kind->is_positioned ? opened(peer, NULL) : NULL;

    for (size_t i = 0; state != NULL && i < COUNT_OF(lanes); i++) {
        char name[512];
        uint64_t length;
        struct err err = {""};

        CHECK(peer->kind->locate(state, &lanes[i], false, name, &length, &err) == ST_INVALID &&
                  err.text[0] != '\0',
              "%s: lane '%s' of '%s'", peer->name, lanes[i].category, lanes[i].tenant);
    }
    if (state != NULL)
        peer->kind->close(state);
}

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(peers); i++) {
        struct peer *peer = &peers[i];

        kind_row(peer);
        if (peer->kind == &sink_workspace && !workspace_is_built())
            continue; /* a build without DuckDB */
        peer->start(peer);
        settings(peer);
        writes(peer);
        repeats(peer);
        stops(peer);
        retention(peer);
        unsafe_lanes(peer);
        peer->end(peer);
    }
    for (size_t i = 0; sink_kinds[i] != NULL; i++) {
        bool is_tested = false;

        for (size_t k = 0; k < COUNT_OF(peers); k++)
            is_tested = is_tested || peers[k].kind == sink_kinds[i];
        CHECK(is_tested, "the kind %s has no peer here", sink_kinds[i]->name);
    }
    CHECK(sink_kind_find("no-such-kind") == NULL, "an unknown kind");
    return test_end();
}
