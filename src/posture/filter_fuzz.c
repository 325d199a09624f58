/* filter_fuzz.c - any text as a filter, tried on a resource. */
#include "posture/filter.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char resource[] = "{\"a\":{\"b\":\"x\",\"c\":1.5,\"d\":null},\"e\":[true]}";
    struct filter *f;
    struct err err = {""};

    if (filter_make((struct span){(const char *)data, size}, &f, &err) != ST_OK) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    (void)filter_passes(f, (struct span){resource, sizeof resource - 1});
    filter_free(f);
    return 0;
}
