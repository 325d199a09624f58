/* hunt_seats.c - turns. A free seat goes to the waiting tenant that runs the fewest queries; of several, to the one whose last
 * turn is longest ago; inside a tenant, to who came first. So one that asks a hundred at a time delays the others by a query at
 * most. While others run or wait, a tenant takes no seat beyond half of them; alone it takes all but one. So whoever comes
 * to a tenant that was alone finds a seat free, and those who come with it are next. */
#include "workspace/hunt_seats.h"
#include "base/clock.h"
#include <assert.h>
#include <time.h>

enum { SEATS = 4, LOOK_MS = 10 };

void
hunt_seats_init(struct hunt_seats *s)
{
    pthread_condattr_t attributes;

    memset(s, 0, sizeof *s);
    s->count = SEATS;
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->given, &attributes);
    pthread_condattr_destroy(&attributes);
}

void
hunt_seats_destroy(struct hunt_seats *s)
{
    assert(s->running == NULL && s->waiting == NULL && s->visitor_count == 0);
    pthread_cond_destroy(&s->given);
    pthread_mutex_destroy(&s->lock);
}

static uint64_t *
turn_of(struct hunt_seats *s, const char *tenant)
{
    uint32_t h = 2166136261u;

    for (; *tenant != '\0'; tenant++)
        h = (h ^ (unsigned char)*tenant) * 16777619u;
    return &s->turns[(h ^ h >> 15) % HUNT_TURNS];
}

static unsigned
running_of(const struct hunt_seats *s, const char *tenant)
{
    unsigned count = 0;

    for (const struct hunt_seat *seat = s->running; seat != NULL; seat = seat->next)
        count += strcmp(seat->tenant, tenant) == 0;
    return count;
}

static bool
holds_others(const struct hunt_seat *list, const char *tenant)
{
    while (list != NULL && strcmp(list->tenant, tenant) == 0)
        list = list->next;
    return list != NULL;
}

/* How many a tenant may have now. */
static unsigned
most_of(const struct hunt_seats *s, const char *tenant)
{
    bool has_others = holds_others(s->running, tenant) || holds_others(s->waiting, tenant);
    unsigned most = has_others ? s->count / 2 : s->count - 1;

    return most > 0 ? most : 1;
}

/* Who is next; NULL: nobody may. */
static struct hunt_seat *
next_of(struct hunt_seats *s)
{
    unsigned fewest = 0;
    struct hunt_seat *next = NULL;

    for (struct hunt_seat *seat = s->waiting; seat != NULL; seat = seat->next) {
        unsigned running = running_of(s, seat->tenant);

        if (running >= most_of(s, seat->tenant))
            continue;
        if (next == NULL || running < fewest ||
            (running == fewest && *turn_of(s, seat->tenant) < *turn_of(s, next->tenant))) {
            next = seat;
            fewest = running;
        }
    }
    return next;
}

static void
remove_from(struct hunt_seat **list, const struct hunt_seat *seat)
{
    while (*list != seat)
        list = &(*list)->next;
    *list = seat->next;
}

/* Under the lock. */
static void
give(struct hunt_seats *s)
{
    bool has_given = false;

    while (s->running_count < s->count) {
        struct hunt_seat *seat = next_of(s);

        if (seat == NULL)
            break;
        remove_from(&s->waiting, seat);
        s->waiting_count--;
        seat->next = s->running;
        s->running = seat;
        s->running_count++;
        *turn_of(s, seat->tenant) = ++s->turn;
        seat->is_given = has_given = true;
    }
    if (has_given)
        pthread_cond_broadcast(&s->given);
}

static void
wait_until(struct hunt_seats *s, int64_t ms)
{
    const struct timespec at = {ms / 1000, (long)(ms % 1000) * 1000000};

    pthread_cond_timedwait(&s->given, &s->lock, &at);
}

enum status
hunt_seat_take(struct hunt_seats *s, struct hunt_seat *seat, const char *tenant,
               int64_t deadline_ms, const _Atomic bool *cancelled)
{
    struct hunt_seat **last = &s->waiting;
    enum status st = ST_OK;

    *seat = (struct hunt_seat){0};
    snprintf(seat->tenant, sizeof seat->tenant, "%s", tenant);
    pthread_mutex_lock(&s->lock);
    while (*last != NULL)
        last = &(*last)->next;
    *last = seat;
    s->waiting_count++;
    give(s);
    while (!seat->is_given && st == ST_OK) {
        int64_t now = clock_monotonic_ms();

        if (now >= deadline_ms || (cancelled != NULL && atomic_load(cancelled)))
            st = ST_FULL;
        else /* nobody tells of 'cancelled' */
            wait_until(s, cancelled != NULL && now + LOOK_MS < deadline_ms ? now + LOOK_MS
                                                                           : deadline_ms);
    }
    if (st != ST_OK) {
        remove_from(&s->waiting, seat);
        s->waiting_count--;
        s->refused++;
    }
    pthread_mutex_unlock(&s->lock);
    return st;
}

void
hunt_seat_leave(struct hunt_seats *s, struct hunt_seat *seat)
{
    pthread_mutex_lock(&s->lock);
    remove_from(&s->running, seat);
    s->running_count--;
    s->left_ms = clock_monotonic_ms();
    give(s);
    pthread_mutex_unlock(&s->lock);
}

void
hunt_seats_resize(struct hunt_seats *s, unsigned count)
{
    pthread_mutex_lock(&s->lock);
    s->count = count;
    give(s);
    pthread_mutex_unlock(&s->lock);
}

void
hunt_seats_visit(struct hunt_seats *s)
{
    pthread_mutex_lock(&s->lock);
    s->visitor_count++;
    pthread_mutex_unlock(&s->lock);
}

void
hunt_seats_visited(struct hunt_seats *s)
{
    pthread_mutex_lock(&s->lock);
    s->visitor_count--;
    s->left_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&s->lock);
}

void
hunt_seats_count_rejected(struct hunt_seats *s)
{
    pthread_mutex_lock(&s->lock);
    s->rejected++;
    pthread_mutex_unlock(&s->lock);
}
