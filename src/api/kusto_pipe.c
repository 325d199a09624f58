/* kusto_pipe.c - what stands behind a command's '|': a query over the command's table, run by the row engine. */
#include "api/kusto.h"
#include <ctype.h>

enum { COMMAND_MEMORY_MAX = 64 << 20 };

static const char table_name[] = "__command";

static bool
piped_table(void *context, struct span name, struct kql_table *out)
{
    struct kusto_table *t = context;

    if (!span_is(name, table_name))
        return false;
    *out = (struct kql_table){
        .name = span_of(table_name), .schema = {t->columns, t->column_count, false},
             .handle = t
    };
    return true;
}

struct reader {
    const struct kusto_table *table;
    size_t at;
};

static void *
piped_open(void *context, const void *handle, const uint8_t *wanted, struct err *err)
{
    struct kusto_table *t = context;
    struct reader *r = pool_take(t->pool, sizeof *r);

    (void)wanted;
    (void)err;
    *r = (struct reader){handle, 0};
    return r;
}

static enum status
piped_next(void *reader, struct pool *pool, struct kql_value *cells, struct err *err)
{
    struct reader *r = reader;

    (void)pool;
    (void)err;
    if (r->at == r->table->count)
        return ST_END;
    memcpy(cells, r->table->rows[r->at++], r->table->column_count * sizeof *cells);
    return ST_OK;
}

static void
piped_close(void *reader)
{
    (void)reader;
}

/* The command's own text becomes the table's name and blanks, so that places stay what they are. */
static struct span
piped_text(struct pool *pool, struct span csl, size_t size)
{
    char *text = pool_take(pool, csl.n + sizeof table_name);
    size_t at = 0;

    memcpy(text, csl.p, csl.n);
    while (at < size && isspace((unsigned char)text[at]))
        at++;
    for (size_t i = at; i < size; i++)
        if (text[i] != '\n')
            text[i] = ' ';
    memcpy(text + at, table_name, sizeof table_name - 1); /* ".show ..." has as many */
    return (struct span){text, csl.n};
}

enum status
kusto_pipe(struct call *c, struct kusto_table *table, struct span csl, size_t size,
           struct kql_answers *out, struct kusto_error *e, struct err *err)
{
    struct kql_rows_limits limits = kql_rows_limits_default;
    const struct kql_environment environment = {
        .table = piped_table, .context = table, .now = call_now(c)};
    const struct kql_rows_source source = {
        .open = piped_open, .next = piped_next, .close = piped_close, .context = table};
    struct kql_diagnostics d;
    struct span text = piped_text(table->pool, csl, size);

    limits.memory_max = COMMAND_MEMORY_MAX;
    kql_diagnostics_init(&d, table->pool, text);
    if (kql_rows_query(table->pool, text, &environment, &source, &limits, &d, out, err))
        return ST_OK;
    for (uint32_t i = 0; i < d.count; i++)
        if (!d.items[i].is_warning) {
            (void)err_set(err, ST_INVALID, "%s: %s [line:position=%u:%u]",
                          kql_code_name(d.items[i].code), d.items[i].text, d.items[i].line,
                          d.items[i].column);
            break;
        }
    *e = (struct kusto_error){.status = 400,
                              .code = "General_BadRequest",
                              .type = "Kusto.Data.Exceptions.SemanticException",
                              .message = err->text,
                              .is_permanent = true};
    return ST_INVALID;
}
