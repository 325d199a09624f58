/* budget_test.c - the limit holds, waiting ends, and addresses stay while memory comes and goes. */
#include "base/clock.h"
#include "base/test.h"
#include "source/budget.h"
#include <unistd.h>

static void *
give_half(void *budget)
{
    budget_give(budget, 50);
    return NULL;
}

static void
test_budget(void)
{
    struct budget b;
    struct err err;
    pthread_t giver;
    uint64_t waits;

    CHECK(budget_init(&b, 100, &err) == ST_OK, "init");
    CHECK(budget_take(&b, 100, 0), "all of it");
    CHECK(!budget_take(&b, 1, 0), "no more");

    int64_t start = clock_monotonic_ms();

    CHECK(!budget_take(&b, 1, 20), "waits in vain");
    CHECK(clock_monotonic_ms() - start >= 19, "waited");
    CHECK(pthread_create(&giver, NULL, give_half, &b) == 0, "thread");
    CHECK(budget_take(&b, 50, 10000), "gets what another gives back");
    pthread_join(giver, NULL);
    CHECK(budget_used(&b, &waits) == 100, "used");
    CHECK(waits >= 1, "waits %lu", (unsigned long)waits);
    budget_give(&b, 100);
    CHECK(budget_used(&b, &waits) == 0, "all back");
    budget_destroy(&b);
}

static void
test_region(void)
{
    struct region r = {0};
    struct err err;

    region_release(&r);
    CHECK(region_reserve(&r, 1 << 20, &err) == ST_OK, "reserve");

    char *base = r.base;

    CHECK(region_grow(&r, 8192) && r.base == base && r.room == 8192, "grow");
    memset(r.base, 'x', r.room);
    CHECK(region_grow(&r, 1 << 20), "to the end");
    CHECK(r.base[8191] == 'x' && r.base[8192] == 0, "kept, and zero behind");
    region_trim(&r, 4096);
    CHECK(r.room == 4096 && r.base[4095] == 'x', "trimmed");
    CHECK(region_grow(&r, 8192) && r.base[4096] == 0, "comes back empty");
    region_trim(&r, 1 << 20);
    CHECK(r.room == 8192, "keeping more than there is changes nothing");
    region_release(&r);
}

int
main(void)
{
    test_budget();
    test_region();
    return test_end();
}
