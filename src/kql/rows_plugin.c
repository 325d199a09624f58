#include "kql/rows_inner.h"
const struct rows_table *
rows_plugin_run(struct rows_run *run, const struct kql_op *op)
{
    pool_abandon(run->engine->pool, "plugin %s: not yet", op->u.plugin.function->name);
}
struct rows_cursor *
rows_open_plugin(struct rows_run *run, const struct kql_op *op, const uint8_t *wanted)
{
    (void)wanted;
    rows_plugin_run(run, op);
    return NULL;
}
