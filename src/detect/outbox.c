/* outbox.c - alerts from the store into the journal and to posture. */
#include "base/clock.h"
#include "base/log.h"
#include "detect/detect_inner.h"
#include "journal/journal.h"
#include "posture/posture.h"
#include "source/admit.h"
#include <stdlib.h>

enum { RETRY_MS = 1000, IDLE_MS = 60000 };

/* The oldest entry, copied out. */
struct waiting {
    int64_t id;
    char tenant[40], batch[STORE_DETECTION_BATCH_SIZE];
    uint64_t place;
    char *envelopes, *alerts;
    size_t envelopes_size, alerts_size;
    bool is_spent;
};

static char *
copy(struct span text)
{
    char *made = malloc(text.n + 1);

    if (made == NULL)
        return NULL;
    memcpy(made, text.p, text.n);
    made[text.n] = '\0';
    return made;
}

static bool
take(void *app, const struct store_detection_outbox *x)
{
    struct waiting *w = app;

    w->id = x->id;
    w->place = x->place;
    snprintf(w->tenant, sizeof w->tenant, "%s", x->tenant);
    snprintf(w->batch, sizeof w->batch, "%s", x->batch);
    w->envelopes = copy(x->envelopes);
    w->envelopes_size = x->envelopes.n;
    w->alerts = copy(x->alerts);
    w->alerts_size = x->alerts.n;
    w->is_spent = w->envelopes == NULL || w->alerts == NULL;
    return false;
}

/* Looks for the batch from where the journal ended when it was put into the outbox. ST_END: it is not there. */
static enum status
find_batch(struct detect *d, const struct admit_request *request, uint64_t place, struct err *err)
{
    uint64_t position = place, at, next, first = journal_extent(d->o.journal).first;
    struct journal_buffer *buffer;
    struct journal_gap gap;
    struct block b;
    uint8_t id[16];
    enum status st = admit_request_id(request, id, err);

    if (st == ST_OK)
        st = journal_buffer_make(&buffer, err);
    if (st != ST_OK)
        return st;
    for (position = position > first ? position : 0;; position = next) {
        st = journal_read(d->o.journal, position, buffer, &b, &at, &next, &gap, err);
        if (st == ST_INVALID && position != 0) { /* not a place of this journal */
            next = 0;
            continue;
        }
        if (st != ST_OK || memcmp(b.head->request_id, id, sizeof id) == 0)
            break;
    }
    journal_buffer_free(buffer);
    return st;
}

/* Into the journal. Rows that admission would refuse (a configuration with small limits) are parked: visible, not lost. */
static enum status
admit(struct detect *d, const struct waiting *w, struct err *err)
{
    struct admit_request request = {
        .shape = ADMIT_ENVELOPES,
        .tenant = w->tenant,
        .batch_id = span_of(w->batch),
        .park = true,
    };
    struct admission *x;
    struct admit_result result;
    enum status st = d->is_behind ? find_batch(d, &request, w->place, err) : ST_END;

    if (st != ST_END)
        return st;
    d->is_behind = false; /* what waits behind it was not sent either */
    st = admit_begin(d->o.admitter, &request, &x, err);
    if (st != ST_OK)
        return st;
    (void)admit_data(x, (struct span){w->envelopes, w->envelopes_size});
    admit_end(x, &result);
    switch (result.outcome) {
    case ADMIT_DURABLE:
    case ADMIT_DUPLICATE:
        if (result.parked > 0)
            log_line(LOG_WARN, "detect", "%llu rows of alerts were parked: see 'penstock parked'",
                     (unsigned long long)result.parked);
        return ST_OK;
    case ADMIT_LATER:
        *err = result.err;
        return ST_FULL;
    case ADMIT_FAULTY:
    case ADMIT_UNKNOWN_TABLE:
    case ADMIT_FAILED:
    case ADMIT_TOO_LARGE:
        break;
    }
    *err = result.err;
    return ST_IO;
}

/* To posture: one change each, as the same alert again is none. A refusal is for the log: the rows are in the journal. */
static enum status
tell_posture(struct detect *d, const struct waiting *w, struct err *err)
{
    json_t *list = json_loadb(w->alerts, w->alerts_size, 0, NULL);
    enum status st = ST_OK;

    for (size_t i = 0; i < json_array_size(list) && st == ST_OK; i++) {
        const json_t *alert = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(alert, "id"));
        char *body = json_dumps(json_object_get(alert, "resource"), JSON_COMPACT);
        struct posture_result result;

        if (id == NULL || body == NULL) {
            free(body);
            st = err_set(err, ST_FULL, "no memory for an alert");
            break;
        }
        const struct posture_item item = {.id = span_of(id), .body = span_of(body)};

        st = posture_apply(d->o.posture, w->tenant, "detections", &item, 1, &result, err);
        if (st == ST_OK && result.outcome == POSTURE_REFUSED)
            log_line(LOG_WARN, "detect", "no SecurityAlert for %s: %s: %s", id, result.target,
                     result.message.text);
        free(body);
    }
    json_decref(list);
    return st;
}

int64_t
feed_work(struct detect *d)
{
    struct store *store = detect_control(d)->store;
    enum status st = ST_OK;
    struct err err = {""};

    while (st == ST_OK && !atomic_load(&d->is_stopping)) {
        struct waiting w = {.id = 0};

        st = store_detection_outbox_first(store, take, &w, &err);
        if (st == ST_OK && w.is_spent)
            st = err_set(&err, ST_FULL, "no memory for alerts");
        if (st == ST_OK)
            st = admit(d, &w, &err);
        if (st == ST_OK && d->o.posture != NULL)
            st = tell_posture(d, &w, &err);
        if (st == ST_OK)
            st = store_detection_outbox_drop(store, w.id, &err);
        if (st == ST_OK)
            atomic_fetch_add(&d->outbox_sent, 1);
        free(w.envelopes);
        free(w.alerts);
    }
    /* A journal that is full passes, and is told elsewhere. */
    worker_trouble(&d->feed, "alerts wait in the store",
                   st == ST_OK || st == ST_END || st == ST_FULL ? NULL : &err);
    return st == ST_END || st == ST_OK ? IDLE_MS : RETRY_MS;
}
