/* rows_fuzz.c - any text as a query: parsed, bound and run over small tables with small limits. It
 * may be refused or ended, but never crashes, hangs or leaks; and an answer's cells hold what its
 * columns say. Seeds: rows_fuzz/. */
#include "kql/rows_bed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bed_run((struct span){(const char *)data, size});
    return 0;
}
