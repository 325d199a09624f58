/* arm_pace.c - token buckets, as ARM has them: a burst, and so many a second back. One lock around a
 * table of fixed size: a request holds it for a look-up. */
#include "api/arm.h"
#include <pthread.h>
#include <stdlib.h>

enum { WAYS = 8 /* buckets that a key may lie in */ };

struct bucket {
    char subscription[37], token_id[TOKEN_ID_SIZE];
    bool is_used;
    int64_t at_ms[PACE_KINDS];  /* filled up to then */
    uint64_t milli[PACE_KINDS]; /* thousandths of a request that are left */
    int64_t seen_ms;
};

struct arm_pace {
    pthread_mutex_t lock;
    struct bucket buckets[ARM_PACE_BUCKETS];
};

enum status
arm_pace_make(struct arm_pace **pace, struct err *err)
{
    struct arm_pace *p = calloc(1, sizeof *p);

    if (p == NULL)
        return err_set(err, ST_FULL, "no memory for the pace of requests");
    pthread_mutex_init(&p->lock, NULL);
    *pace = p;
    return ST_OK;
}

void
arm_pace_free(struct arm_pace *pace)
{
    if (pace == NULL)
        return;
    pthread_mutex_destroy(&pace->lock);
    free(pace);
}

static size_t
hash_of(const char *a, const char *b)
{
    uint64_t h = 0xcbf29ce484222325;

    for (; *a != '\0'; a++)
        h = (h ^ (unsigned char)*a) * 0x100000001b3;
    for (; *b != '\0'; b++)
        h = (h ^ (unsigned char)*b) * 0x100000001b3;
    return (size_t)(h ^ h >> 29) % (ARM_PACE_BUCKETS / WAYS) * WAYS;
}

static struct bucket *
bucket_find(struct arm_pace *p, const char *subscription, const char *token_id)
{
    struct bucket *way = &p->buckets[hash_of(subscription, token_id)], *oldest = way;

    for (size_t i = 0; i < WAYS; i++, way++) {
        if (way->is_used && strcmp(way->subscription, subscription) == 0 &&
            strcmp(way->token_id, token_id) == 0)
            return way;
        if (!way->is_used || (oldest->is_used && way->seen_ms < oldest->seen_ms))
            oldest = way;
    }
    *oldest = (struct bucket){.is_used = true};
    snprintf(oldest->subscription, sizeof oldest->subscription, "%s", subscription);
    snprintf(oldest->token_id, sizeof oldest->token_id, "%s", token_id);
    for (size_t k = 0; k < PACE_KINDS; k++)
        oldest->at_ms[k] = -1; /* full */
    return oldest;
}

int
arm_pace_take(struct arm_pace *pace, enum arm_pace_kind kind, const char *subscription,
              const char *token_id, unsigned burst, unsigned per_s, int64_t now_ms,
              unsigned *wait_s)
{
    const uint64_t full = (uint64_t)burst * 1000;
    struct bucket *b;
    int left = -1;

    if (burst == 0)
        return 0;
    pthread_mutex_lock(&pace->lock);
    b = bucket_find(pace, subscription, token_id);
    if (b->at_ms[kind] < 0)
        b->milli[kind] = full;
    else if (now_ms > b->at_ms[kind])
        b->milli[kind] += (uint64_t)(now_ms - b->at_ms[kind]) * per_s;
    if (b->milli[kind] > full)
        b->milli[kind] = full;
    b->at_ms[kind] = now_ms;
    b->seen_ms = now_ms;
    if (b->milli[kind] >= 1000) {
        b->milli[kind] -= 1000;
        left = (int)(b->milli[kind] / 1000);
    } else if (per_s > 0) {
        *wait_s = (unsigned)((1000 - b->milli[kind]) / per_s / 1000) + 1;
    } else {
        *wait_s = 60;
    }
    pthread_mutex_unlock(&pace->lock);
    return left;
}
