/* retry_test.c - each status once, and pauses within their bounds. */
#include "base/test.h"
#include "wire/retry.h"

static const struct {
    unsigned status;
    enum retry_outcome outcome;
} statuses[] = {
    {200, RETRY_DONE    },
    {202, RETRY_DONE    },
    {204, RETRY_DONE    },
    {301, RETRY_SETTINGS},
    {400, RETRY_REFUSED },
    {401, RETRY_SETTINGS},
    {403, RETRY_SETTINGS},
    {404, RETRY_SETTINGS},
    {405, RETRY_REFUSED },
    {408, RETRY_LATER   },
    {409, RETRY_REFUSED },
    {413, RETRY_REFUSED },
    {415, RETRY_REFUSED },
    {425, RETRY_LATER   },
    {429, RETRY_LATER   },
    {500, RETRY_LATER   },
    {502, RETRY_LATER   },
    {503, RETRY_LATER   },
    {0,   RETRY_LATER   },
    {100, RETRY_LATER   },
};

static const struct {
    const char *name;
    unsigned failures;
    int64_t retry_after_ms;
    unsigned low, high;
} pauses[] = {
    {"the first",                1,    -1,        250,    500   },
    {"the second",               2,    -1,        500,    1000  },
    {"the sixth",                6,    -1,        8000,   16000 },
    {"the seventh",              7,    -1,        8000,   30000 },
    {"the thousandth",           1000, -1,        8000,   30000 },
    {"none yet",                 0,    -1,        250,    500   },
    {"the server asks for more", 1,    7000,      7000,   7000  },
    {"the server asks for less", 5,    1,         4000,   8000  },
    {"the server asks too much", 1,    100000000, 300000, 300000},
};

int
main(void)
{
    for (size_t i = 0; i < COUNT_OF(statuses); i++)
        CHECK(retry_judge(statuses[i].status) == statuses[i].outcome, "%u", statuses[i].status);
    for (size_t i = 0; i < COUNT_OF(pauses); i++)
        for (uint64_t random = 0; random < 100000; random += 997) {
            unsigned ms = retry_pause(pauses[i].failures, pauses[i].retry_after_ms, random);

            CHECK(ms >= pauses[i].low && ms <= pauses[i].high, "%s: %u ms", pauses[i].name, ms);
        }
    return test_end();
}
