#include "wire/retry.h"

enum { PAUSE_FIRST_MS = 500, DOUBLINGS_MAX = 6 };

enum retry_outcome
retry_judge(unsigned http_status)
{
    if (http_status >= 200 && http_status < 300)
        return RETRY_DONE;
    if (http_status == 401 || http_status == 403 || http_status == 404 ||
        (http_status >= 300 && http_status < 400))
        return RETRY_SETTINGS;
    if (http_status == 408 || http_status == 425 || http_status == 429 || http_status >= 500 ||
        http_status < 200)
        return RETRY_LATER;
    return RETRY_REFUSED;
}

unsigned
retry_pause(unsigned failures, int64_t retry_after_ms, uint64_t random)
{
    unsigned doublings = failures == 0              ? 0
                         : failures > DOUBLINGS_MAX ? DOUBLINGS_MAX
                                                    : failures - 1;
    uint64_t pause = (uint64_t)PAUSE_FIRST_MS << doublings;

    if (pause > RETRY_PAUSE_MAX_MS)
        pause = RETRY_PAUSE_MAX_MS;
    pause = pause / 2 + random % (pause / 2 + 1);
    if (retry_after_ms > RETRY_AFTER_MAX_MS)
        retry_after_ms = RETRY_AFTER_MAX_MS;
    return retry_after_ms > (int64_t)pause ? (unsigned)retry_after_ms : (unsigned)pause;
}
