/* program_aggregate.c - aggregates as functions of DuckDB. */
#include "workspace/program_inner.h"

enum status
program_aggregates_register(duckdb_connection c, struct err *err)
{
    (void)c, (void)err;
    return ST_OK;
}

void
program_aggregate_free(const struct program_aggregate *a)
{
    (void)a;
}

bool
programs_add_aggregate(struct programs *p, const struct kql_expr *call, uint32_t result,
                       const struct kql_schema *schema, struct program_call *out, struct err *err)
{
    (void)p, (void)call, (void)result, (void)schema, (void)out;
    err->text[0] = '\0';
    return false;
}
