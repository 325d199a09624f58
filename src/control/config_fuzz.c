/* config_fuzz.c - no text crashes the reading, and what was read can be shown and read again. No
 * files are named: that would read the machine's. */
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = NULL, *again = NULL;
    struct err err = {""};

    if (memmem(data, size, "file", 4) != NULL)
        return 0;
    if (config_read_text((struct span){(const char *)data, size}, "fuzz", "/data", &test_kinds, &c,
                         &err) != ST_OK) {
        assert(err.text[0] != '\0');
        return 0;
    }
    char *shown = config_show(c, &test_kinds);

    if (config_read_text(span_of(shown), "shown", NULL, &test_kinds, &again, &err) != ST_OK) {
        fprintf(stderr, "%s\n%s\n", err.text, shown);
        abort();
    }
    config_free(again);
    config_free(c);
    free(shown);
    return 0;
}
