/* print.c - a table's rows as JSON, for people and for moving them elsewhere. */
#include "kql/dynamic.h"
#include "workspace/inner.h"
#include "workspace/keep.h"

struct printing {
    FILE *out;
    struct pool pool;
    const struct stored_table *table;
    bool has_members; /* of the row */
};

static void
member(struct printing *p, const char *name)
{
    struct span key = kql_json_quote(&p->pool, span_of(name));

    fprintf(p->out, "%s%.*s:", p->has_members ? "," : "{", (int)key.n, key.p);
    p->has_members = true;
}

static void
text_of(const void *data, idx_t row, struct span *out)
{
    duckdb_string_t *s = (duckdb_string_t *)data + row;

    *out = (struct span){duckdb_string_t_data(s), duckdb_string_t_length(*s)};
}

static size_t
guid_print(const void *data, idx_t row, char out[64])
{
    const duckdb_hugeint *h = (const duckdb_hugeint *)data + row;
    uint64_t high = (uint64_t)h->upper ^ UINT64_C(1) << 63;
    struct kql_guid g;

    for (int i = 0; i < 8; i++) {
        g.bytes[i] = (uint8_t)(high >> (56 - 8 * i));
        g.bytes[8 + i] = (uint8_t)(h->lower >> (56 - 8 * i));
    }
    return kql_print_guid(&g, out);
}

static void
cell_print(struct printing *p, const struct stored_column *column, const void *data, idx_t row)
{
    struct span text = {NULL, 0};
    char room[64];

    switch (column->type) {
    case KQL_STRING:
        text_of(data, row, &text);
        if (text.n == 0)
            return;
        member(p, column->name);
        text = kql_json_quote(&p->pool, text);
        fwrite(text.p, 1, text.n, p->out);
        return;
    case KQL_BOOL:
        member(p, column->name);
        fputs(((const bool *)data)[row] ? "true" : "false", p->out);
        return;
    case KQL_INT:
        member(p, column->name);
        fprintf(p->out, "%d", ((const int32_t *)data)[row]);
        return;
    case KQL_LONG:
        member(p, column->name);
        fprintf(p->out, "%lld", (long long)((const int64_t *)data)[row]);
        return;
    case KQL_REAL:
        text = (struct span){room, kql_print_real(((const double *)data)[row], room)};
        break;
    case KQL_DATETIME:
        text = (struct span){room, kql_print_datetime(((const int64_t *)data)[row], room)};
        break;
    case KQL_TIMESPAN:
        text = (struct span){room, kql_print_timespan(((const int64_t *)data)[row], room)};
        break;
    case KQL_GUID:
        text = (struct span){room, guid_print(data, row, room)};
        break;
    default: /* JSON, and the digits of decimals */
        text_of(data, row, &text);
        break;
    }
    bool is_plain = column->type == KQL_DYNAMIC || column->type == KQL_DECIMAL ||
                    (column->type == KQL_REAL && strpbrk(text.p, "in") == NULL);

    member(p, column->name);
    fprintf(p->out, "%s%.*s%s", is_plain ? "" : "\"", (int)text.n, text.p, is_plain ? "" : "\"");
}

static void
chunk_print(struct printing *p, duckdb_data_chunk chunk)
{
    idx_t rows = duckdb_data_chunk_get_size(chunk);

    for (idx_t row = 0; row < rows; row++) {
        p->has_members = false;
        for (size_t i = 0; i <= p->table->count; i++) { /* the overflow last */
            bool is_overflow = i == p->table->count;
            duckdb_vector v =
                duckdb_data_chunk_get_vector(chunk, is_overflow ? HOUSE_OVERFLOW : HOUSE_COUNT + i);
            uint64_t *valid = duckdb_vector_get_validity(v);
            struct span text;

            if (valid != NULL && !duckdb_validity_row_is_valid(valid, row))
                continue;
            if (!is_overflow) {
                cell_print(p, &p->table->columns[i], duckdb_vector_get_data(v), row);
                continue;
            }
            text_of(duckdb_vector_get_data(v), row, &text);
            fprintf(p->out, "%s%.*s", p->has_members ? "," : "{", (int)text.n - 2, text.p + 1);
            p->has_members = true;
        }
        fputs(p->has_members ? "}\n" : "{}\n", p->out);
        pool_reset(&p->pool);
    }
}

static enum status
result_print(struct printing *p, duckdb_result *r, uint64_t *rows, struct err *err)
{
    jmp_buf spent;
    duckdb_data_chunk volatile chunk = NULL;

    if (setjmp(spent) != 0) {
        duckdb_data_chunk held = chunk;

        duckdb_destroy_data_chunk(&held);
        return err_set(err, ST_FULL, "no memory for a row's texts");
    }
    p->pool.escape = &spent;
    while ((chunk = duckdb_fetch_chunk(*r)) != NULL) {
        duckdb_data_chunk held = chunk;

        *rows += duckdb_data_chunk_get_size(held);
        chunk_print(p, held);
        duckdb_destroy_data_chunk(&held);
    }
    if (duckdb_result_error(r) != NULL && duckdb_result_error(r)[0] != '\0')
        return err_set(err, ST_IO, "%.250s", duckdb_result_error(r));
    if (fflush(p->out) != 0 || ferror(p->out))
        return err_set(err, ST_IO, "the rows cannot be written");
    return ST_OK;
}

enum status
workspace_print(struct workspace *w, struct span table, const char *tenant, FILE *out,
                uint64_t *rows, struct err *err)
{
    struct printing p = {.out = out, .table = stored_find(w, table)};
    duckdb_prepared_statement s = NULL;
    duckdb_connection c = NULL;
    duckdb_result r;
    char sql[512];
    enum status st;

    *rows = 0;
    if (p.table == NULL)
        return err_set(err, ST_INVALID, "%s has no table %.*s", w->path,
                       table.n < 64 ? (int)table.n : 64, table.p);
    st = workspace_connect(w, &c, err);
    if (st != ST_OK)
        return st;
    snprintf(sql, sizeof sql,
             "SELECT * FROM \"%s\"%s ORDER BY \"$ingested\", \"$position\", \"$row\", \"$index\"",
             p.table->sql_name, tenant != NULL ? " WHERE \"$tenant\" = CAST(? AS UUID)" : "");
    memset(&r, 0, sizeof r);
    if (duckdb_prepare(c, sql, &s) != DuckDBSuccess ||
        (tenant != NULL && duckdb_bind_varchar(s, 1, tenant) != DuckDBSuccess) ||
        duckdb_execute_prepared_streaming(s, &r) != DuckDBSuccess)
        st = err_set(err, ST_IO, "%s cannot be read: %.200s", w->path,
                     duckdb_result_error(&r) != NULL ? duckdb_result_error(&r) : "no reason given");
    pool_init(&p.pool, (size_t)256 << 20);
    if (st == ST_OK)
        st = result_print(&p, &r, rows, err);
    pool_free(&p.pool);
    duckdb_destroy_result(&r);
    duckdb_destroy_prepare(&s);
    duckdb_disconnect(&c);
    return st;
}
