/* retry.h - what an HTTP status means for a request that must arrive, and how long to pause before
 * it is sent again. Pure; any thread. */
#pragma once
#include "base/base.h"

enum retry_outcome {
    RETRY_DONE,     /* 2xx */
    RETRY_LATER,    /* 408, 425, 429, 5xx: send the same bytes again after a pause */
    RETRY_SETTINGS, /* 3xx, 401, 403, 404: address, token or tenant are wrong, not the bytes */
    RETRY_REFUSED,  /* any other 4xx: never send these bytes again */
};
enum retry_outcome retry_judge(unsigned http_status);

enum { RETRY_PAUSE_MAX_MS = 30000, RETRY_AFTER_MAX_MS = 300000 };
/* Milliseconds: 0.5 s doubled for each of 'failures' in a row (from 1), at most 30 s, of which half
 * is jitter from 'random' (any bits) so that a thousand clients do not come at once; or what the
 * server asked for ('retry_after_ms', -1: nothing), if that is longer, at most 5 minutes. */
unsigned retry_pause(unsigned failures, int64_t retry_after_ms, uint64_t random);
