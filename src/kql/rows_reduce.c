#include "kql/rows_inner.h"
struct rows_cursor *
rows_open_reduce(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    (void)wanted;
    (void)op;
    pool_abandon(run->engine->pool, "reduce: not yet");
}
