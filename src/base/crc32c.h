/* crc32c.h - CRC-32C (Castagnoli), as stored with everything the journal writes. Any thread. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* crc32c("123456789") is 0xe3069283. Extend: crc32c_extend(crc32c(a), b) == crc32c(a b). */
uint32_t crc32c_extend(uint32_t crc, const void *data, size_t size);

static inline uint32_t
crc32c(const void *data, size_t size)
{
    return crc32c_extend(0, data, size);
}
