/* control.c - the kinds by name, and the nearest word for error texts. */
#include "control/control.h"
#include <strings.h>

static const struct control_kind *
find(const struct control_kind *kinds, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

const struct control_kind *
control_sink_find(const struct control_kinds *kinds, const char *name)
{
    static const struct control_kind hub = {
        .name = "hub",
        .help = "The local event hub: the journal itself, read by long poll and penstock tail.",
    };
    const struct control_kind *found = find(kinds->sinks, kinds->sink_count, name);

    return found == NULL && strcmp(name, hub.name) == 0 ? &hub : found;
}

const struct control_kind *
control_source_find(const struct control_kinds *kinds, const char *name)
{
    return find(kinds->sources, kinds->source_count, name);
}

/* Edit distance with neighbours swapped counting once, up to 'limit'; words beyond 40 bytes are far
 * from everything. */
static size_t
distance(const char *a, const char *b)
{
    size_t rows[3][42], m = strlen(a), n = strlen(b);

    if (m > 40 || n > 40)
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        size_t *now = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];

        now[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = last[j - 1] + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);

            if (last[j] + 1 < best)
                best = last[j] + 1;
            if (now[j - 1] + 1 < best)
                best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return rows[m % 3][n];
}

const char *
control_near(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance =
        strlen(word) / 3 + 2; /* 2 for short words, and one more for every 3 letters */

    for (size_t i = 0; names[i] != NULL; i++) {
        size_t d = distance(word, names[i]);

        if (d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
