/* connector_fuzz.c - any datagram: the parser stays within it and always moves on. */
#include "sensor/connector.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct connector_event event;
    size_t at = 0, before = 0;

    while (connector_parse((struct span){(const char *)data, size}, &at, &event)) {
        if (at <= before || at > size)
            abort();
        before = at;
    }
    return at != size ? (abort(), 0) : 0;
}
