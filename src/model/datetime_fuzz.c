/* datetime_fuzz.c - what is read can be written, and reads as the same moment again. */
#include "model/datetime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char out[DATETIME_TEXT_SIZE];
    int64_t ticks, again;

    if (!datetime_read((struct span){(const char *)data, size}, &ticks))
        return 0;
    datetime_write(out, ticks);
    if (!datetime_read((struct span){out, sizeof out}, &again) || again != ticks)
        __builtin_trap();
    return 0;
}
