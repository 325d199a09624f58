/* arm_pace_thread_test.c - token buckets: what they give, and that many threads together get no more. */
#include "api/arm.h"
#include "base/test.h"
#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4, TRIES = 2000, BURST = 500 };

static struct arm_pace *pace;
static atomic_int taken;

static int
take(const char *subscription, const char *token, enum arm_pace_kind kind, int64_t now_ms,
     unsigned *wait_s)
{
    return arm_pace_take(pace, kind, subscription, token, 3, 2, now_ms, wait_s);
}

static void
check_bucket(void)
{
    unsigned wait = 0;

    CHECK(take("s", "t", PACE_READS, 1000, &wait) == 2 &&
              take("s", "t", PACE_READS, 1000, &wait) == 1 &&
              take("s", "t", PACE_READS, 1000, &wait) == 0,
          "the burst");
    CHECK(take("s", "t", PACE_READS, 1000, &wait) < 0 && wait == 1, "then no more: %u", wait);
    CHECK(take("s", "t", PACE_WRITES, 1000, &wait) == 2, "writes apart");
    CHECK(take("s2", "t", PACE_READS, 1000, &wait) == 2 &&
              take("s", "t2", PACE_READS, 1000, &wait) == 2,
          "other subscriptions and tokens apart");
    CHECK(take("s", "t", PACE_READS, 1499, &wait) < 0 &&
              take("s", "t", PACE_READS, 1500, &wait) == 0,
          "one comes back each half second");
    CHECK(take("s", "t", PACE_READS, 900000, &wait) == 2, "never more than the burst");
    CHECK(take("s", "t", PACE_READS, 1, &wait) == 1, "a clock that goes back gives nothing");
    CHECK(arm_pace_take(pace, PACE_READS, "s", "t", 0, 1, 1, &wait) == 0, "no limit");
}

/* More keys than it remembers: those that come back start full, nothing breaks. */
static void
check_crowd(void)
{
    unsigned wait;
    char token[TOKEN_ID_SIZE];
    int refused = 0;

    for (int i = 0; i < 3 * ARM_PACE_BUCKETS; i++) {
        snprintf(token, sizeof token, "%d", i);
        refused += take("crowd", token, PACE_READS, i, &wait) < 0;
    }
    CHECK(refused == 0, "each its own: %d", refused);
}

static void *
taker(void *unused)
{
    unsigned wait;

    for (int i = 0; i < TRIES; i++)
        if (arm_pace_take(pace, PACE_READS, "many", "one", BURST, 1, 5, &wait) >= 0)
            atomic_fetch_add(&taken, 1);
    return unused;
}

int
main(void)
{
    pthread_t threads[THREADS];
    struct err err = {""};

    CHECK(arm_pace_make(&pace, &err) == ST_OK, "%s", err.text);
    if (pace == NULL)
        return test_end();
    check_bucket();
    check_crowd();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, taker, NULL) == 0, "thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&taken) == BURST, "%d of %d", atomic_load(&taken), BURST);
    arm_pace_free(pace);
    return test_end();
}
