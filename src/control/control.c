/* control.c - the kinds by name, and the nearest word for error texts. */
#include "control/control.h"
#include "base/spelling.h"

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

const char *
control_near(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance =
        strlen(word) / 3 + 2; /* 2 for short words, and one more for every 3 letters */

    for (size_t i = 0; names[i] != NULL; i++) {
        size_t d = spelling_distance(span_of(word), span_of(names[i]));

        if (d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}
