/* arm_target_fuzz.c - no raw path breaks its reading; what is read has no segment that could climb or hide a slash, and joined
 * again fits where an id fits. */
#include "api/arm_target.h"
#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = malloc(size + 1), joined[ARM_ID_SIZE];
    struct arm_target *p = malloc(sizeof *p);
    struct err err = {""};

    if (raw == NULL || p == NULL)
        abort();
    if (size > 0)
        memcpy(raw, data, size);
    raw[size] = '\0';
    if (arm_target_read(raw, p, &err)) {
        for (size_t i = 0; i < p->count; i++) {
            const char *s = p->segments[i];

            assert(s[0] != '\0' && strchr(s, '/') == NULL && strcmp(s, ".") != 0 &&
                   strcmp(s, "..") != 0);
        }
        arm_target_join(p, p->count, joined);
        assert(strlen(joined) < ARM_ID_SIZE);
        (void)arm_target_matches("/{scope}/providers/{a}/b/{c}", p);
        (void)arm_target_matches("/subscriptions/{id}", p);
    } else {
        assert(err.text[0] != '\0');
    }
    free(p);
    free(raw);
    return 0;
}
