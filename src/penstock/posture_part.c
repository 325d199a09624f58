#include "penstock/posture_part.h"
#include "base/clock.h"
#include "base/log.h"
#include "control/config.h"
#include <stdatomic.h>
#include <stdlib.h>

struct posture_part {
    struct posture *posture;
    struct posture_wants *wants;
    _Atomic(struct posture_feed *) feed; /* NULL: not started, or stopped */
    char path[4200];
};

static int64_t
now_ticks(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static bool
is_wanted(void *app, const char *tenant, enum event_source source)
{
    struct posture_part *part = app;

    return posture_is_asked_for(part->wants, tenant, source);
}

static void
rang(void *app)
{
    struct posture_part *part = app;

    posture_feed_ring(atomic_load(&part->feed));
}

enum status
posture_part_open(const struct config *c, struct posture_part **out, struct err *err)
{
    struct posture_part *part = calloc(1, sizeof *part);

    if (part == NULL)
        return err_set(err, ST_FULL, "no memory");
    snprintf(part->path, sizeof part->path, "%s/posture.db", c->data);
    const struct posture_options o = {
        .path = part->path,
        .cache_size = c->posture.cache_size,
        .now = now_ticks,
        .is_wanted = is_wanted,
        .rang = rang,
        .app = part,
        .score_threshold = (double)c->posture.score_threshold / 100,
        .score_by_percentage = c->posture.score_metric == CONFIG_SCORE_PERCENTAGE,
        .score_delay = (int64_t)c->posture.score_delay_ms * (TICKS_PER_SECOND / 1000),
        .snapshot_interval =
            c->posture.snapshot_interval_ms == 0
                ? -1
                : (int64_t)c->posture.snapshot_interval_ms * (TICKS_PER_SECOND / 1000),
        .outbox_size_max = c->posture.outbox_size_max,
        .portal = c->posture.portal,
    };
    enum status st = posture_wants_make(&part->wants, err);

    if (st == ST_OK)
        st = posture_open(&o, &part->posture, err);
    if (st != ST_OK) {
        posture_part_close(part);
        return st;
    }
    *out = part;
    return ST_OK;
}

enum status
posture_part_start(struct posture_part *part, struct journal *journal, struct err *err)
{
    const struct posture_feed_options o = {
        .posture = part->posture, .journal = journal, .now = now_ticks};
    struct posture_feed *feed;
    enum status st = posture_feed_start(&o, &feed, err);

    if (st == ST_OK)
        atomic_store(&part->feed, feed);
    return st;
}

void
posture_part_plan(struct posture_part *part, const struct plan *plan)
{
    struct err err;

    if (posture_wants_plan(part->wants, plan, &err) != ST_OK)
        log_line(LOG_WARN, "posture", "all events are made: %s", err.text);
}

struct posture *
posture_part_get(struct posture_part *part)
{
    return part->posture;
}

void
posture_part_tend(struct posture_part *part)
{
    struct posture_feed *feed = atomic_load(&part->feed);

    if (feed != NULL)
        posture_feed_count(feed);
}

bool
posture_part_is_healthy(struct posture_part *part, char *text, size_t text_size)
{
    struct posture_feed *feed = atomic_load(&part->feed);

    return feed == NULL || posture_feed_is_healthy(feed, text, text_size);
}

char *
posture_part_status_json(struct posture_part *part)
{
    struct posture_feed *feed = atomic_load(&part->feed);

    return feed == NULL ? NULL : posture_feed_status_json(feed);
}

void
posture_part_stop(struct posture_part *part)
{
    if (part == NULL)
        return;
    /* Its own clock may ring until it has ended: the pointer stays until then. */
    struct posture_feed *feed = atomic_load(&part->feed);

    posture_feed_stop(feed);
    atomic_store(&part->feed, NULL);
}

void
posture_part_close(struct posture_part *part)
{
    if (part == NULL)
        return;
    posture_close(part->posture);
    posture_wants_free(part->wants);
    free(part);
}
