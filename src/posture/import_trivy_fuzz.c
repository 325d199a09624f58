/* import_trivy_fuzz.c - no report crashes the importer, and what it gives keeps import.h. */
#include "posture/import_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return play_fuzz("trivy", data, size);
}
