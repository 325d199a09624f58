/* pool_test.c - pools give aligned memory, keep to their limits, leave by the escape, and go back to
 * marks. */
#include "base/clock.h"
#include "base/test.h"
#include "kql/pool.h"

static jmp_buf escape;

/* Whether 'count' takes of 'size' each went well; else why not. */
static enum pool_end
take(struct pool *p, size_t count, size_t size)
{
    if (setjmp(escape) != 0)
        return p->why;
    p->escape = &escape;
    for (size_t i = 0; i < count; i++)
        memset(pool_take(p, size), 0xa5, size);
    return POOL_GOES_ON;
}

static void
check_alignment(void)
{
    struct pool p;
    size_t wrong = 0;
    char *last = NULL;

    pool_init(&p, 1024 * 1024);
    p.escape = &escape;
    for (size_t size = 0; size < 600; size++) {
        char *at = pool_take(&p, size);

        wrong += at == NULL || (uintptr_t)at % 8 != 0;
        memset(at, (int)size, size); /* the sanitizer sees what lies outside */
        wrong += size > 1 && last == at;
        last = at;
    }
    CHECK(wrong == 0, "alignment: %zu of 600 are wrong", wrong);
    pool_free(&p);
    CHECK(p.taken == 0, "all is freed: %zu", p.taken);
}

static void
check_limits(void)
{
    static const struct {
        const char *name;
        size_t limit, count, size;
        enum pool_end end;
    } cases[] = {
        {"within",                     1 << 20,  1000,    1000,         POOL_GOES_ON},
        {"exactly one large piece",    100000,   1,       99984,        POOL_GOES_ON},
        {"one byte too many",          100000,   1,       100001,       POOL_SPENT  },
        {"many small ones",            1 << 20,  1 << 20, 16,           POOL_SPENT  },
        {"a limit below a chunk",      100,      1,       64,           POOL_GOES_ON},
        {"no memory at all",           0,        1,       1,            POOL_SPENT  },
        {"more than there is",         SIZE_MAX, 1,       SIZE_MAX,     POOL_SPENT  },
        {"more than there is, nearly", SIZE_MAX, 1,       SIZE_MAX - 7, POOL_SPENT  },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct pool p;
        enum pool_end end;

        pool_init(&p, cases[i].limit);
        end = take(&p, cases[i].count, cases[i].size);
        CHECK(end == cases[i].end, "%s: %d", cases[i].name, end);
        CHECK(p.taken <= p.limit, "%s: %zu of %zu", cases[i].name, p.taken, p.limit);
        CHECK((end == POOL_GOES_ON) == (p.reason.text[0] == '\0'), "%s: '%s'", cases[i].name,
              p.reason.text);
        /* Spent or not, it serves again. */
        pool_reset(&p);
        CHECK(p.why == POOL_GOES_ON, "%s: reset", cases[i].name);
        if (p.limit > 64)
            CHECK(take(&p, 1, 64) == POOL_GOES_ON, "%s: after the reset", cases[i].name);
        pool_free(&p);
        CHECK(p.taken == 0, "%s: all is freed: %zu", cases[i].name, p.taken);
    }
}

static void
check_marks(void)
{
    struct pool p;
    struct pool_mark empty, mark;
    char *kept;
    size_t most = 0, at_mark;

    pool_init(&p, 64 << 20);
    p.escape = &escape;
    empty = pool_mark(&p);
    kept = pool_take(&p, 8);
    memcpy(kept, "keep me", 8);
    mark = pool_mark(&p);
    at_mark = p.taken;
    for (int row = 0; row < 1000; row++) {
        CHECK(take(&p, 100, 1000) == POOL_GOES_ON, "row %d", row);
        most = p.taken > most ? p.taken : most;
        pool_return(&p, mark);
    }
    CHECK(memcmp(kept, "keep me", 8) == 0, "what was before the mark stays");
    CHECK(most < (1 << 20), "rows do not add up: %zu", most);
    CHECK(p.taken <= at_mark + (1 << 20), "one chunk is kept aside: %zu", p.taken);
    CHECK(pool_take(&p, 8) == kept + 8, "the mark's place is taken up again");
    pool_return(&p, empty);
    CHECK(pool_take(&p, 8) == kept, "back to the start");
    pool_free(&p);
    CHECK(p.taken == 0, "all is freed: %zu", p.taken);
}

/* What is kept aside does not stand in the way of the limit. */
static void
check_spare(void)
{
    struct pool p;
    struct pool_mark mark;

    pool_init(&p, 100000);
    p.escape = &escape;
    pool_take(&p, 8);
    mark = pool_mark(&p);
    CHECK(take(&p, 1, 60000) == POOL_GOES_ON, "a large piece");
    pool_return(&p, mark);
    CHECK(take(&p, 1, 70000) == POOL_GOES_ON, "a larger one, where the spare would be too much");
    pool_free(&p);
    CHECK(p.taken == 0, "all is freed: %zu", p.taken);
}

static void
check_account(void)
{
    struct pool whole, a, b;

    pool_init(&whole, 200000);
    pool_init(&a, SIZE_MAX);
    pool_init(&b, SIZE_MAX);
    a.account = b.account = &whole;
    CHECK(take(&a, 1, 100000) == POOL_GOES_ON && whole.taken >= 100000, "counted in the account");
    CHECK(take(&b, 1, 150000) == POOL_SPENT, "the account's limit holds");
    pool_free(&a);
    CHECK(take(&b, 1, 150000) == POOL_GOES_ON, "what the other gave back is there");
    whole.deadline_ms = clock_monotonic_ms() - 1;
    CHECK(take(&b, 1, 40000) == POOL_LATE, "the account's deadline holds");
    pool_free(&b);
    CHECK(whole.taken == 0, "nothing is left: %zu", whole.taken);
}

static void
check_escapes(void)
{
    struct pool p;

    pool_init(&p, 1 << 20);
    p.escape = &escape;
    p.deadline_ms = clock_monotonic_ms() - 1;
    if (setjmp(escape) == 0) {
        pool_check(&p);
        CHECK(false, "the deadline has passed");
    } else
        CHECK(p.why == POOL_LATE && p.reason.text[0] != '\0', "late: '%s'", p.reason.text);
    p.deadline_ms = clock_monotonic_ms() + 100000;
    pool_check(&p);
    if (setjmp(escape) == 0)
        pool_abandon(&p, "%d rows are too many", 5);
    CHECK(p.why == POOL_ABANDONED && strcmp(p.reason.text, "5 rows are too many") == 0,
          "abandoned: '%s'", p.reason.text);
    if (setjmp(escape) == 0) {
        pool_zeroed(&p, SIZE_MAX / 2, 3);
        CHECK(false, "a product that wraps");
    }
    CHECK(p.why == POOL_SPENT, "a product that wraps: %d", p.why);
    pool_free(&p);
}

static void
check_helpers(void)
{
    struct pool p;
    struct span text;
    int *items = NULL;
    size_t room = 0, wrong = 0;

    pool_init(&p, 64 << 20);
    p.escape = &escape;
    text = pool_text(&p, SPAN_LITERAL("abc"));
    CHECK(span_is(text, "abc") && text.p[3] == '\0', "a copy, with a NUL behind");
    text = pool_text(&p, (struct span){NULL, 0});
    CHECK(text.n == 0 && text.p[0] == '\0', "a copy of nothing");
    text = pool_printf(&p, "%s-%05d", "x", 42);
    CHECK(span_is(text, "x-00042"), "printed: %s", text.p);
    for (int i = 0; i < 100000; i++) {
        items = pool_grow(&p, items, &room, (size_t)i + 1, sizeof *items);
        items[i] = i;
    }
    for (int i = 0; i < 100000; i++)
        wrong += items[i] != i;
    CHECK(wrong == 0 && room >= 100000 && room < 300000, "grown: %zu wrong, room %zu", wrong, room);
    pool_free(&p);
}

int
main(void)
{
    check_alignment();
    check_limits();
    check_marks();
    check_spare();
    check_account();
    check_escapes();
    check_helpers();
    return test_end();
}
