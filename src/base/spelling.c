#include "base/spelling.h"

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t
least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
spelling_distance(struct span a, struct span b)
{
    size_t rows[3]
               [SPELLING_SIZE_MAX + 1]; /* only the last three rows of the matrix are looked at */

    if (a.n > SPELLING_SIZE_MAX || b.n > SPELLING_SIZE_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t *here = rows[i % 3], *above = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        here[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);

            here[j] = least_of(above[j - 1] + (x != y), least_of(above[j], here[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && y == lower(a.p[i - 2]))
                here[j] = least_of(here[j], before[j - 2] + 1);
        }
    }
    return rows[a.n % 3][b.n];
}
