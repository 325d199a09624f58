/* kinds.c - the table of all kinds, apart from source.c so that one kind can be linked without the
 * others. */
#include "source/source.h"

const struct source_kind *const source_kinds[] = {&source_http, &source_file, &source_kafka, NULL};

const struct source_kind *
source_kind_find(const char *name)
{
    for (size_t i = 0; source_kinds[i] != NULL; i++) {
        if (strcmp(source_kinds[i]->name, name) == 0)
            return source_kinds[i];
    }
    return NULL;
}
