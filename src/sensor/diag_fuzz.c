/* diag_fuzz.c - any datagram: the parser stays within it and always moves on. */
#include "sensor/diag.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diag_message m;
    size_t at = 0, before = 0;

    while (diag_parse((struct span){(const char *)data, size}, &at, &m)) {
        if (at <= before || at > size)
            abort();
        before = at;
    }
    if (at != size)
        abort();
    return 0;
}
