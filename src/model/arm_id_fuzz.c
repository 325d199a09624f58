/* arm_id_fuzz.c - an id that parses is made again from its parts, and is equal to what came in. */
#include "model/arm_id.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PART(s) (int)(s).n, (s).n == 0 ? "" : (s).p

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char again[ARM_ID_MAX + 64];
    struct span text = {(const char *)data, size};
    struct arm_id id;
    struct err err = {""};
    char guid[37];
    int n = 0;

    if (arm_id_parse(text, &id, &err) != ST_OK) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    if (id.subscription.n > 0) {
        if (!guid_copy(id.subscription, guid))
            abort();
        n += sprintf(again + n, "/subscriptions/%s", guid);
    }
    if (id.resource_group.n > 0)
        n += sprintf(again + n, "/resourceGroups/%.*s", PART(id.resource_group));
    n += sprintf(again + n, "/providers/%.*s/%.*s/%.*s", PART(id.provider), PART(id.type),
                 PART(id.name));
    if (id.child_type.n > 0)
        n += sprintf(again + n, "/%.*s/%.*s", PART(id.child_type), PART(id.child_name));
    if (!arm_id_equal(text, (struct span){again, (size_t)n}))
        abort();
    return 0;
}
