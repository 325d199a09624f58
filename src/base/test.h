/* test.h - what every *_test.c shares: named checks, and the closing line that CI reads. A test
 * program is one thread unless it says otherwise; it never sleeps. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

static int test_passed, test_failed;

/* Counts one named check; on failure says where and, printf-like, what was seen. */
#define CHECK(is_true, ...)                                                                        \
    do {                                                                                           \
        if (is_true) {                                                                             \
            test_passed++;                                                                         \
        } else {                                                                                   \
            test_failed++;                                                                         \
            printf("%s:%d: ", __FILE__, __LINE__);                                                 \
            printf(__VA_ARGS__);                                                                   \
            printf("\n");                                                                          \
        }                                                                                          \
    } while (0)

/* For main's return. */
static inline int
test_end(void)
{
    printf("%d passed, %d failed\n", test_passed, test_failed);
    return test_failed != 0;
}
