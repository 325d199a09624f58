/* receiver_bed.h - what the tests of the HTTP sinks share: a sink that sends to the fake receiver, its parcels, and what became
 * of them. Tests only; before it is included SINK_UNDER_TEST is the sink, and SINK_FIRST_SETTING a setting that it always gets (or NULL). */
#pragma once
#include "sink/fake_receivers.h"
#include "sink/parcel.h"
#include "sink/peer.h"

static struct fake_blob fake;
static struct receiver_state state;
static char url[200];

enum { VALUES_MAX = 12, ROWS_MAX = 8 };

struct bed {
    void *sink;
    struct parcel parcels[ROWS_MAX];
    size_t count;
};

/* "name=value" each, up to NULL; the url comes by itself. */
static inline enum status
bed_open(struct bed *b, const char *const *settings, const atomic_bool *stop, struct err *err)
{
    const char *const none[] = {NULL}, *const first[] = {SINK_FIRST_SETTING, NULL};
    const char *const *const lists[] = {first, settings != NULL ? settings : none};
    struct sink_value values[VALUES_MAX];
    char names[VALUES_MAX][40];
    size_t n = 1;

    values[0] = (struct sink_value){"url", url};
    for (size_t list = 0; list < COUNT_OF(lists); list++)
        for (const char *const *at = lists[list]; *at != NULL; at++) {
            size_t size = strcspn(*at, "=");

            snprintf(names[n], sizeof names[n], "%.*s", (int)size, *at);
            values[n] = (struct sink_value){names[n], *at + size + 1};
            if (strcmp(names[n], "url") == 0)
                values[0].value = values[n].value;
            else
                n++;
        }
    b->count = 0;
    return SINK_UNDER_TEST.open(values, n, stop, &b->sink, err);
}

static inline void
bed_row(struct bed *b, const struct lane *lane, const char *row)
{
    b->parcels[b->count] = peer_parcel(lane, row, 4096);
    b->parcels[b->count].row = (uint32_t)b->count;
    b->count++;
}

/* D done, L later, R refused: each row's answer. */
static inline const char *
bed_send(struct bed *b)
{
    static const char *const secrets[] = {"hush", "secret words", "/hook"};
    static char outcome[ROWS_MAX + 1];

    SINK_UNDER_TEST.send(b->sink, b->parcels, b->count);
    for (size_t i = 0; i < b->count; i++) {
        const struct parcel *p = &b->parcels[i];

        outcome[i] = p->sent == SENT_DONE ? 'D' : p->sent == SENT_RETRY ? 'L' : 'R';
        CHECK((p->sent == SENT_DONE) == (p->err.text[0] == '\0'), "row %zu: %d '%s'", i, p->sent,
              p->err.text);
        for (size_t s = 0; s < COUNT_OF(secrets); s++)
            CHECK(strstr(p->err.text, secrets[s]) == NULL, "row %zu tells a secret: %s", i,
                  p->err.text);
    }
    outcome[b->count] = '\0';
    return outcome;
}
