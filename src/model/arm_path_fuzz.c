/* arm_path_fuzz.c - an id that parses is the sum of its parts, and parses the same when folded. */
#include "model/arm_path.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char folded[ARM_PATH_SIZE_MAX];
    struct span text = {(const char *)data, size};
    struct arm_path p, again;
    struct err err = {""};

    if (arm_path_parse(text, &p, &err) != ST_OK) {
        if (err.text[0] == '\0')
            abort();
        return 0;
    }
    arm_path_fold(p.text, folded);
    if (arm_path_parse((struct span){folded, p.text.n}, &again, &err) != ST_OK ||
        again.pair_count != p.pair_count || again.scope.n != p.scope.n ||
        !arm_path_equal(again.provider, p.provider))
        abort();
    size_t n = p.scope.n;

    if (p.provider.n > 0)
        n += strlen("/providers/") + p.provider.n;
    for (size_t i = 0; i < p.pair_count; i++)
        n += 2 + p.pairs[i].type.n + p.pairs[i].name.n;
    if (n != p.text.n || !arm_path_is_below(p.text, p.scope))
        abort();
    return 0;
}
