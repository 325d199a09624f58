#include "penstock/query_print.h"
#include "kql/dynamic.h"
#include "kql/text.h"
#include <math.h>

enum {
    CELL_TEXT_MAX = 256 << 20, /* memory for the texts of one answer's cells, or of one row's */
    CELL_WIDTH_MAX = 120,      /* code points of a cell in a table for people */
};

static const struct {
    const char *name;
    enum query_format format;
} formats[] = {
    {"table",    QUERY_TABLE   },
    {"chart",    QUERY_CHART   },
    {"json",     QUERY_JSON    },
    {"ndjson",   QUERY_NDJSON  },
    {"csv",      QUERY_CSV     },
    {"markdown", QUERY_MARKDOWN},
};

bool
query_format_read(struct span name, enum query_format *format)
{
    for (size_t i = 0; i < COUNT_OF(formats); i++)
        if (span_is(name, formats[i].name)) {
            *format = formats[i].format;
            return true;
        }
    return false;
}

/* ---- cells ---- */

void
query_print_json_text(FILE *out, struct span text)
{
    size_t from = 0;

    putc('"', out);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c >= ' ' && c != '"' && c != '\\')
            continue;
        fwrite(text.p + from, 1, i - from, out);
        from = i + 1;
        if (c == '\n')
            fputs("\\n", out);
        else if (c == '\t')
            fputs("\\t", out);
        else if (c >= ' ')
            fprintf(out, "\\%c", c);
        else
            fprintf(out, "\\u%04x", c);
    }
    fwrite(text.p + from, 1, text.n - from, out);
    putc('"', out);
}

/* As text; a null is empty. */
static struct span
cell_text(struct pool *p, const struct kql_value *v)
{
    char text[48];
    size_t size = 0;

    if (v->is_null)
        return (struct span){"", 0};
    switch (v->type) {
    case KQL_STRING:
        return kql_text(v);
    case KQL_BOOL:
        return v->i != 0 ? SPAN_LITERAL("true") : SPAN_LITERAL("false");
    case KQL_INT:
    case KQL_LONG:
        return pool_printf(p, "%lld", (long long)v->i);
    case KQL_REAL:
        if (isnan(v->r))
            return SPAN_LITERAL("NaN");
        if (isinf(v->r))
            return v->r > 0 ? SPAN_LITERAL("Infinity") : SPAN_LITERAL("-Infinity");
        size = kql_print_real(v->r, text);
        break;
    case KQL_DECIMAL:
        size = kql_print_decimal(v->decimal, text);
        break;
    case KQL_DATETIME:
        size = kql_print_datetime(v->i, text);
        break;
    case KQL_TIMESPAN:
        size = kql_print_timespan(v->i, text);
        break;
    case KQL_GUID:
        size = kql_print_guid(v->guid, text);
        break;
    case KQL_ARRAY:
    case KQL_BAG:
        return kql_json_print(p, v);
    default:
        break;
    }
    return pool_text(p, (struct span){text, size});
}

/* As a JSON value. */
static void
print_json_cell(FILE *out, struct pool *p, const struct kql_value *v, enum kql_type column)
{
    struct span text;

    if (v->is_null && column != KQL_STRING) {
        fputs("null", out);
        return;
    }
    text = cell_text(p, v);
    if (v->type == KQL_BOOL || v->type == KQL_INT || v->type == KQL_LONG || v->type == KQL_ARRAY ||
        v->type == KQL_BAG || (v->type == KQL_REAL && isfinite(v->r)) || v->type == KQL_DECIMAL)
        fwrite(text.p, 1, text.n, out);
    else
        query_print_json_text(out, text);
}

/* ---- one answer in each format ---- */

static void
print_columns(FILE *out, const struct kql_schema *schema)
{
    fputs("\"columns\":[", out);
    for (uint32_t i = 0; i < schema->count; i++) {
        fputs(i > 0 ? ",{\"name\":" : "{\"name\":", out);
        query_print_json_text(out, schema->columns[i].name);
        fprintf(out, ",\"type\":\"%s\"}", kql_type_name(schema->columns[i].type));
    }
    putc(']', out);
}

static void
print_json_rows(FILE *out, struct pool *p, const struct kql_answer *a, const char *between)
{
    print_columns(out, &a->schema);
    fprintf(out, ",%s\"rows\":[", between);
    for (size_t i = 0; i < a->row_count; i++) {
        struct pool_mark mark = pool_mark(p);

        fprintf(out, "%s%s[", i > 0 ? "," : "", between);
        for (uint32_t c = 0; c < a->schema.count; c++) {
            if (c > 0)
                putc(',', out);
            print_json_cell(out, p, &a->rows[i][c], a->schema.columns[c].type);
        }
        putc(']', out);
        pool_return(p, mark);
    }
    putc(']', out);
}

static void
print_ndjson(FILE *out, struct pool *p, const struct kql_answer *a)
{
    for (size_t i = 0; i < a->row_count; i++) {
        struct pool_mark mark = pool_mark(p);

        putc('{', out);
        for (uint32_t c = 0; c < a->schema.count; c++) {
            if (c > 0)
                putc(',', out);
            query_print_json_text(out, a->schema.columns[c].name);
            putc(':', out);
            print_json_cell(out, p, &a->rows[i][c], a->schema.columns[c].type);
        }
        fputs("}\n", out);
        pool_return(p, mark);
    }
}

/* RFC 4180: quotes where they are needed, doubled inside; lines end in CR LF. */
static void
print_csv_cell(FILE *out, struct span text)
{
    bool is_quoted = false;

    for (size_t i = 0; i < text.n && !is_quoted; i++)
        is_quoted = text.p[i] == '"' || text.p[i] == ',' || text.p[i] == '\n' || text.p[i] == '\r';
    if (!is_quoted) {
        fwrite(text.p, 1, text.n, out);
        return;
    }
    putc('"', out);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            putc('"', out);
        putc(text.p[i], out);
    }
    putc('"', out);
}

static void
print_csv(FILE *out, struct pool *p, const struct kql_answer *a)
{
    for (uint32_t c = 0; c < a->schema.count; c++) {
        if (c > 0)
            putc(',', out);
        print_csv_cell(out, a->schema.columns[c].name);
    }
    fputs("\r\n", out);
    for (size_t i = 0; i < a->row_count; i++) {
        struct pool_mark mark = pool_mark(p);

        for (uint32_t c = 0; c < a->schema.count; c++) {
            if (c > 0)
                putc(',', out);
            print_csv_cell(out, cell_text(p, &a->rows[i][c]));
        }
        fputs("\r\n", out);
        pool_return(p, mark);
    }
}

/* For eyes: nothing breaks the line. 'escapes': characters that get a back-slash besides. */
static struct span
one_line(struct pool *p, struct span text, const char *escapes)
{
    size_t extra = 0, n = 0;
    char *out;

    for (size_t i = 0; i < text.n; i++)
        extra += (unsigned char)text.p[i] < ' '                     ? 3
                 : text.p[i] != 0x7f && !strchr(escapes, text.p[i]) ? 0
                                                                    : 3;
    if (extra == 0)
        return text;
    out = pool_take(p, text.n + extra + 1);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n' || c == '\t' || c == '\r') {
            out[n++] = '\\';
            out[n++] = c == '\n' ? 'n' : c == '\t' ? 't' : 'r';
        } else if (c < ' ' || c == 0x7f) {
            n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
        } else {
            if (strchr(escapes, (char)c) != NULL)
                out[n++] = '\\';
            out[n++] = (char)c;
        }
    }
    return (struct span){out, n};
}

/* A long text is cut for the eye: the other formats have it whole. */
static struct span
cut(struct pool *p, struct span text)
{
    size_t kept;

    if (text.n <= CELL_WIDTH_MAX || kql_text_length(text) <= CELL_WIDTH_MAX)
        return text;
    kept = kql_text_offset(text, CELL_WIDTH_MAX - 1);
    return pool_printf(p, "%.*s…", (int)kept, text.p);
}

static bool
is_right(enum kql_type t)
{
    return kql_type_is_number(t) || t == KQL_TIMESPAN;
}

static void
print_padded(FILE *out, struct span text, size_t width, bool right, bool is_last)
{
    size_t length = kql_text_length(text), pad = width > length ? width - length : 0;

    if (right)
        fprintf(out, "%*s", (int)pad, "");
    fwrite(text.p, 1, text.n, out);
    if (!right && !is_last)
        fprintf(out, "%*s", (int)pad, "");
}

/* Columns are as wide as their widest cell, counted in code points. */
static void
print_aligned(FILE *out, struct pool *p, const struct kql_answer *a, bool is_markdown)
{
    uint32_t count = a->schema.count;
    size_t *widths = pool_zeroed(p, count + 1, sizeof *widths);
    struct span *names = pool_zeroed(p, count + 1, sizeof *names);
    struct span *texts = pool_zeroed(p, a->row_count + 1, (count + 1) * sizeof *texts);
    const char *escapes = is_markdown ? "|\\" : "", *edge = is_markdown ? "| " : "",
               *gap = is_markdown ? " | " : "  ", *end = is_markdown ? " |\n" : "\n";

    for (uint32_t c = 0; c < count; c++) {
        names[c] = one_line(p, a->schema.columns[c].name, escapes);
        widths[c] = kql_text_length(names[c]);
        if (is_markdown && widths[c] < 3)
            widths[c] = 3;
        for (size_t i = 0; i < a->row_count; i++) {
            struct span text = one_line(p, cell_text(p, &a->rows[i][c]), escapes);
            size_t length;

            if (!is_markdown)
                text = cut(p, text);
            length = kql_text_length(text);

            texts[i * count + c] = text;
            widths[c] = length > widths[c] ? length : widths[c];
        }
    }
    fputs(edge, out);
    for (uint32_t c = 0; c < count; c++) {
        fputs(c > 0 ? gap : "", out);
        print_padded(out, names[c], widths[c], is_right(a->schema.columns[c].type),
                     c + 1 == count && !is_markdown);
    }
    fputs(end, out);
    fputs(edge, out);
    for (uint32_t c = 0; c < count; c++) {
        bool right = is_markdown && is_right(a->schema.columns[c].type);

        fputs(c > 0 ? gap : "", out);
        for (size_t i = right; i < widths[c]; i++)
            putc('-', out);
        fputs(right ? ":" : "", out);
    }
    fputs(end, out);
    for (size_t i = 0; i < a->row_count; i++) {
        fputs(edge, out);
        for (uint32_t c = 0; c < count; c++) {
            fputs(c > 0 ? gap : "", out);
            print_padded(out, texts[i * count + c], widths[c], is_right(a->schema.columns[c].type),
                         c + 1 == count && !is_markdown);
        }
        fputs(end, out);
    }
}

static void
print_json(FILE *out, struct pool *p, const struct kql_answers *answers)
{
    if (answers->count == 1) {
        putc('{', out);
        print_json_rows(out, p, &answers->items[0], "\n");
        fputs("}\n", out);
        return;
    }
    fputs("{\"tables\":[", out);
    for (uint32_t i = 0; i < answers->count; i++) {
        fputs(i > 0 ? ",\n{\"name\":" : "\n{\"name\":", out);
        query_print_json_text(out, answers->items[i].name);
        fputs(",\n", out);
        print_json_rows(out, p, &answers->items[i], "\n");
        putc('}', out);
    }
    fputs("]}\n", out);
}

static void
print_answer(FILE *out, enum query_format format, struct pool *p, const struct kql_answer *a)
{
    switch (format) {
    case QUERY_NDJSON:
        print_ndjson(out, p, a);
        break;
    case QUERY_CSV:
        print_csv(out, p, a);
        break;
    case QUERY_TABLE:
    case QUERY_CHART:
    case QUERY_MARKDOWN:
        print_aligned(out, p, a, format == QUERY_MARKDOWN);
        break;
    case QUERY_JSON:
        break;
    }
}

/* ---- with memory ---- */

struct print_work {
    FILE *out;
    enum query_format format;
    const struct kql_answers *answers;
    const struct span *id; /* NULL: not a batch */
};

static void
print_all(const struct print_work *w, struct pool *p)
{
    const struct kql_answers *answers = w->answers;

    if (w->id != NULL) {
        fprintf(w->out, "{\"id\":%.*s,", (int)w->id->n, w->id->p);
        print_json_rows(w->out, p, &answers->items[answers->count - 1], "");
        fputs("}\n", w->out);
        return;
    }
    if (w->format == QUERY_JSON) {
        print_json(w->out, p, answers);
        return;
    }
    for (uint32_t i = 0; i < answers->count; i++) {
        struct pool_mark mark = pool_mark(p);
        bool is_named = answers->count > 1 && w->format != QUERY_NDJSON;

        if (is_named)
            fprintf(w->out, "%s%.*s\n", i > 0 ? "\n" : "", (int)answers->items[i].name.n,
                    answers->items[i].name.p);
        print_answer(w->out, w->format, p, &answers->items[i]);
        pool_return(p, mark);
    }
}

static enum status
print_guarded(const struct print_work *w, struct err *err)
{
    struct pool p;
    jmp_buf here;

    pool_init(&p, CELL_TEXT_MAX);
    p.escape = &here;
    if (setjmp(here) != 0) {
        pool_free(&p);
        return err_set(err, ST_FULL,
                       "the answer is too large to be printed: take fewer rows, or "
                       "another format");
    }
    print_all(w, &p);
    pool_free(&p);
    return ST_OK;
}

enum status
query_print(FILE *out, enum query_format format, const struct kql_answers *answers, struct err *err)
{
    struct print_work w = {out, format, answers, NULL};

    return print_guarded(&w, err);
}

enum status
query_print_batch(FILE *out, struct span id_json, const struct kql_answers *answers,
                  struct err *err)
{
    struct print_work w = {out, QUERY_JSON, answers, &id_json};

    return print_guarded(&w, err);
}

void
query_print_error(FILE *out, struct span id_json, const char *code, const char *message,
                  const struct kql_diagnostics *d)
{
    fprintf(out, "{\"id\":%.*s,\"error\":{\"code\":\"%s\",\"message\":", (int)id_json.n, id_json.p,
            code);
    query_print_json_text(out, span_of(message));
    if (d != NULL && d->count > 0) {
        fputs(",\"diagnostics\":[", out);
        for (uint32_t i = 0; i < d->count; i++) {
            const struct kql_diagnostic *x = &d->items[i];

            fprintf(out, "%s{\"code\":\"%s\",\"line\":%u,\"column\":%u,\"length\":%u,\"text\":",
                    i > 0 ? "," : "", kql_code_name(x->code), x->line, x->column, x->size);
            query_print_json_text(out, span_of(x->text));
            putc('}', out);
        }
        putc(']', out);
    }
    fputs("}}\n", out);
}

enum status
query_print_schema(FILE *out, enum query_format format, const struct kql_schema *schema,
                   struct err *err)
{
    static const struct kql_column columns[] = {
        {{"ColumnName", 10},    KQL_STRING},
        {{"ColumnOrdinal", 13}, KQL_LONG  },
        {{"DataType", 8},       KQL_STRING},
        {{"ColumnType", 10},    KQL_STRING},
    };
    struct kql_answer a = {
        SPAN_LITERAL("Schema"), {columns, 4, false},
         NULL, 0, NULL
    };
    struct kql_answers answers = {.items = &a, .count = 1};
    struct pool p;
    jmp_buf here;
    enum status st;

    pool_init(&p, CELL_TEXT_MAX);
    p.escape = &here;
    if (setjmp(here) != 0) {
        pool_free(&p);
        return err_set(err, ST_FULL, "no memory for %u columns", schema->count);
    }
    const struct kql_value **rows = pool_zeroed(&p, schema->count + 1, sizeof *rows);

    for (uint32_t i = 0; i < schema->count; i++) {
        struct kql_value *cells = pool_take(&p, 4 * sizeof *cells);
        enum kql_type type = schema->columns[i].type;

        cells[0] = kql_string(schema->columns[i].name);
        cells[1] = kql_integer(KQL_LONG, i);
        cells[2] = kql_string(span_of(kql_type_data_type(type)));
        cells[3] = kql_string(span_of(kql_type_name(type)));
        rows[i] = cells;
    }
    a.rows = rows;
    a.row_count = schema->count;
    st = query_print(out, format, &answers, err);
    pool_free(&p);
    return st;
}
