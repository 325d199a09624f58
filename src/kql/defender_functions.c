/* defender_functions.c - the functions that Defender itself has (FileProfile, SeenBy ...), as queries over
 * the environment's own tables: what the world knows is not here, what was streamed is. */
#include "kql/defender_functions.h"
#include "kql/bind.h"

bool
kql_defender_function(struct span name, bool is_hunting, struct span *text)
{
    for (const struct kql_defender_text *t = kql_defender_texts; t->name != NULL; t++) {
        if (!span_equal(name, span_of(t->name)))
            continue;
        *text = span_of(is_hunting ? t->hunting : t->workspace);
        return true;
    }
    return false;
}
