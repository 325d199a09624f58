/* datetime_text_fuzz.c - any text through the readers of datetimes and timespans. What reads lies in
 * the type's range, and its print reads as the same. */
#include "kql/datetime_text.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    char printed[32];
    int64_t ticks, again = -1;
    bool is_read;

    if (kql_read_datetime(text, &ticks)) {
        assert(ticks >= 0 && ticks <= KQL_DATETIME_MAX);
        is_read =
            kql_read_datetime((struct span){printed, kql_print_datetime(ticks, printed)}, &again);
        assert(is_read && again == ticks);
    }
    if (kql_read_timespan(text, &ticks)) {
        is_read =
            kql_read_timespan((struct span){printed, kql_print_timespan(ticks, printed)}, &again);
        assert(is_read && again == ticks);
    }
    return 0;
}
