#include "base/crc32c.h"
#include <isa-l/crc.h>

/* ISA-L counts in int, wants a non-const pointer, and leaves both inversions to the caller. */
uint32_t
crc32c_extend(uint32_t crc, const void *data, size_t size)
{
    unsigned char *p = (unsigned char *)(uintptr_t)data;

    crc = ~crc;
    while (size > 0) {
        int n = size > (1u << 30) ? 1 << 30 : (int)size;

        crc = crc32_iscsi(p, n, crc);
        p += n;
        size -= (size_t)n;
    }
    return ~crc;
}
