/* device_groups_json_fuzz.c - what parses is printed, parses again, and prints the same; the
 * arena's formula is always enough. */
#include "source/device_groups_json.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *
print_parsed(struct span text, size_t *size)
{
    size_t room = DEVICE_GROUPS_ARENA_SIZE(text.n);
    struct arena a = {malloc(room), room, 0};
    struct device_group_list list;
    struct err err = {""};
    enum status st = device_groups_parse(text, &a, &list, &err);
    char *printed = NULL;

    if (st == ST_FULL || (st != ST_OK && err.text[0] == '\0'))
        abort();
    if (st == ST_OK && (printed = device_groups_print(&list, NULL, size)) == NULL)
        abort();
    free(a.base);
    return printed;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t once_size, twice_size;
    char *once = print_parsed((struct span){(const char *)data, size}, &once_size), *twice;

    if (once == NULL)
        return 0;
    twice = print_parsed((struct span){once, once_size}, &twice_size);
    if (twice == NULL || twice_size != once_size || memcmp(once, twice, once_size) != 0)
        abort();
    free(once);
    free(twice);
    return 0;
}
