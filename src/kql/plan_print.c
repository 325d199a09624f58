/* plan_print.c - a plan as text, for people: the operators of a pipe in their order, a line each,
 * with what they compute and the columns that leave. Tables within (the right side of a join,
 * toscalar, union) follow indented, each under a number; what is used twice is printed once. */
#include "kql/bind.h"
#include "kql/dynamic.h"
#include <math.h>

enum { PRINT_NEST_MAX = 2000 };

struct shown { /* a table that has a number */
    const struct kql_op *op;
    bool is_printed;
};

struct printer {
    struct pool *pool;
    char *text;
    size_t size, room;
    struct shown *shown;
    size_t shown_count, shown_room;
    uint32_t nest;
    bool names_are_text; /* columns stand for what computes them: aggregates */
};

static void put(struct printer *p, const char *format, ...) PRINTF_LIKE(2, 3);

static void
put_text(struct printer *p, struct span text)
{
    p->text = pool_grow(p->pool, p->text, &p->room, p->size + text.n + 1, 1);
    memcpy(p->text + p->size, text.p, text.n);
    p->size += text.n;
}

static void
put(struct printer *p, const char *format, ...)
{
    char line[512];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0)
        put_text(p, (struct span){line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1});
}

static void
put_line(struct printer *p, uint32_t indent)
{
    put(p, "\n%*s", (int)(indent * 2 > 200 ? 200 : indent * 2), "");
}

/* ---- values and names ---- */

static bool
is_plain_name(struct span name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
              (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return name.n > 0;
}

static void
put_name(struct printer *p, struct span name)
{
    if (p->names_are_text || is_plain_name(name)) {
        put_text(p, name);
        return;
    }
    put(p, "[");
    put_text(p, kql_json_quote(p->pool, name));
    put(p, "]");
}

static void
put_typed(struct printer *p, const struct kql_value *v)
{
    char text[48];
    size_t n = 0;

    switch (v->type) {
    case KQL_BOOL:
        put(p, "%s", v->i != 0 ? "true" : "false");
        return;
    case KQL_INT:
        put(p, "int(%lld)", (long long)v->i);
        return;
    case KQL_LONG:
        put(p, "%lld", (long long)v->i);
        return;
    case KQL_REAL:
        n = kql_print_real(v->r, text);
        put(p, isfinite(v->r) ? "%.*s" : "real(%.*s)", (int)n, text);
        return;
    case KQL_DECIMAL:
        n = kql_print_decimal(v->decimal, text);
        break;
    case KQL_STRING:
        put_text(p, kql_json_quote(p->pool, kql_text(v)));
        return;
    case KQL_DATETIME:
        n = kql_print_datetime(v->i, text);
        break;
    case KQL_TIMESPAN:
        n = kql_print_timespan(v->i, text);
        break;
    case KQL_GUID:
        n = kql_print_guid(v->guid, text);
        break;
    default:
        put(p, "dynamic(");
        put_text(p, kql_json_print(p->pool, v));
        put(p, ")");
        return;
    }
    put(p, "%s(%.*s)", kql_type_name(v->type), (int)n, text);
}

static void
put_value(struct printer *p, enum kql_type type, const struct kql_value *v)
{
    if (v->is_null) {
        put(p, "%s(null)", type == KQL_UNKNOWN ? "dynamic" : kql_type_name(type));
    } else if (type == KQL_DYNAMIC && v->type < KQL_DYNAMIC) {
        put(p, "dynamic(");
        put_text(p, kql_json_print(p->pool, v));
        put(p, ")");
    } else {
        put_typed(p, v);
    }
}

static void
put_schema(struct printer *p, const struct kql_schema *s)
{
    put(p, "(");
    for (uint32_t i = 0; i < s->count; i++) {
        put(p, i > 0 ? ", " : "");
        put_name(p, s->columns[i].name);
        put(p, ": %s", kql_type_name(s->columns[i].type));
    }
    put(p, s->is_open ? "%s*)" : "%s)", s->count > 0 && s->is_open ? ", " : "");
}

/* ---- expressions ---- */

static size_t
number_of(struct printer *p, const struct kql_op *op)
{
    for (size_t i = 0; i < p->shown_count; i++)
        if (p->shown[i].op == op)
            return i + 1;
    p->shown = pool_grow(p->pool, p->shown, &p->shown_room, p->shown_count + 1, sizeof *p->shown);
    p->shown[p->shown_count++] = (struct shown){op, false};
    return p->shown_count;
}

static void put_expr(struct printer *p, const struct kql_expr *e, const struct kql_schema *schema);

static void
put_arguments(struct printer *p, const struct kql_expr *e, uint32_t from,
              const struct kql_schema *schema)
{
    put(p, "(");
    for (uint32_t i = from; i < e->count; i++) {
        put(p, i > from ? ", " : "");
        put_expr(p, e->arguments[i], schema);
    }
    put(p, ")");
}

static void
put_operand(struct printer *p, const struct kql_expr *e, const struct kql_schema *schema)
{
    bool is_nested = e->kind == KQL_EXPR_CALL && e->function != NULL &&
                     e->function->kind == KQL_OPERATOR && strcmp(e->function->name, ".") != 0 &&
                     strcmp(e->function->name, "[]") != 0;

    put(p, is_nested ? "(" : "");
    put_expr(p, e, schema);
    put(p, is_nested ? ")" : "");
}

static void
put_operator(struct printer *p, const struct kql_expr *e, const struct kql_schema *schema)
{
    const char *name = e->function->name;

    if (strcmp(name, "-1") == 0 && e->count == 1) {
        put(p, "-");
        put_operand(p, e->arguments[0], schema);
        return;
    }
    if (e->count == 0) {
        put(p, "%s()", name);
        return;
    }
    put_operand(p, e->arguments[0], schema);
    if (strcmp(name, ".") == 0 || strcmp(name, "[]") == 0) {
        put(p, "[");
        if (e->count > 1)
            put_expr(p, e->arguments[1], schema);
        put(p, "]");
    } else if (e->count == 3 && strstr(name, "between") != NULL) {
        put(p, " %s (", name);
        put_expr(p, e->arguments[1], schema);
        put(p, " .. ");
        put_expr(p, e->arguments[2], schema);
        put(p, ")");
    } else if (e->count == 2 && strstr(name, "in") != name && strncmp(name, "!in", 3) != 0 &&
               strcmp(name, "has_any") != 0 && strcmp(name, "has_all") != 0) {
        put(p, " %s ", name);
        put_operand(p, e->arguments[1], schema);
    } else {
        put(p, " %s ", name);
        put_arguments(p, e, 1, schema);
    }
}

static void
put_expr_kind(struct printer *p, const struct kql_expr *e, const struct kql_schema *schema)
{
    switch (e->kind) {
    case KQL_EXPR_CONST:
        if (e->is_concealed)
            put(p, "\"****\"");
        else
            put_value(p, e->type, &e->value);
        return;
    case KQL_EXPR_COLUMN:
        if (schema != NULL && e->column < schema->count)
            put_name(p, schema->columns[e->column].name);
        else
            put(p, "column %u", (unsigned)e->column);
        return;
    case KQL_EXPR_CALL:
        if (e->function != NULL && e->function->kind == KQL_OPERATOR) {
            put_operator(p, e, schema);
            return;
        }
        put(p, "%s", e->function == NULL ? "?" : e->function->name);
        put_arguments(p, e, 0, schema);
        return;
    case KQL_EXPR_CONVERT:
        put(p, "%s(", kql_type_name(e->type));
        put_expr(p, e->arguments[0], schema);
        put(p, ")");
        return;
    case KQL_EXPR_TO_SCALAR:
        put(p, "toscalar(#%zu)", number_of(p, e->table));
        return;
    case KQL_EXPR_IN_TABLE:
        put_operand(p, e->arguments[0], schema);
        put(p, " %s (#%zu)", e->function->name, number_of(p, e->table));
        return;
    case KQL_EXPR_STEP_COLUMN:
        put(p, "step %u.", (unsigned)e->step + 1);
        if (schema != NULL && e->column < schema->count)
            put_name(p, schema->columns[e->column].name);
        return;
    case KQL_EXPR_TABLE:
        put(p, "#%zu", number_of(p, e->table));
        return;
    }
}

static void
put_expr(struct printer *p, const struct kql_expr *e, const struct kql_schema *schema)
{
    if (e == NULL) {
        put(p, "-");
        return;
    }
    if (p->nest >= PRINT_NEST_MAX) {
        put(p, "...");
        return;
    }
    p->nest++;
    put_expr_kind(p, e, schema);
    p->nest--;
}

static struct span
expr_text(struct printer *p, const struct kql_expr *e, const struct kql_schema *schema)
{
    struct printer q = {.pool = p->pool,
                        .shown = p->shown,
                        .shown_count = p->shown_count,
                        .shown_room = p->shown_room};

    put_expr(&q, e, schema);
    p->shown = q.shown;
    p->shown_count = q.shown_count;
    p->shown_room = q.shown_room;
    return (struct span){q.text, q.size};
}

/* ---- operators ---- */

static const char *const kind_names[] = {
    [KQL_ROWS_TABLE] = "table",
    [KQL_ROWS_INLINE] = "rows",
    [KQL_ROWS_PRINT] = "print",
    [KQL_ROWS_RANGE] = "range",
    [KQL_ROWS_INPUT] = "rows given",
    [KQL_ROWS_UNION] = "union",
    [KQL_ROWS_EXTERNAL] = "externaldata",
    [KQL_OP_WHERE] = "where",
    [KQL_OP_PROJECT] = "project",
    [KQL_OP_SUMMARIZE] = "summarize",
    [KQL_OP_SORT] = "sort",
    [KQL_OP_TOP] = "top",
    [KQL_OP_TAKE] = "take",
    [KQL_OP_COUNT_ROWS] = "count",
    [KQL_OP_SAMPLE] = "sample",
    [KQL_OP_SAMPLE_DISTINCT] = "sample-distinct",
    [KQL_OP_JOIN] = "join",
    [KQL_OP_MV_EXPAND] = "mv-expand",
    [KQL_OP_MV_APPLY] = "mv-apply",
    [KQL_OP_PARSE_TEXT] = "parse",
    [KQL_OP_PARSE_PAIRS] = "parse-kv",
    [KQL_OP_SERIES] = "make-series",
    [KQL_OP_PARTITION] = "partition",
    [KQL_OP_SCAN] = "scan",
    [KQL_OP_TOP_NESTED] = "top-nested",
    [KQL_OP_TOP_HITTERS] = "top-hitters",
    [KQL_OP_PLUGIN] = "evaluate",
    [KQL_OP_REDUCE] = "reduce",
    [KQL_OP_FORK] = "fork",
    [KQL_OP_SERIALIZE_ROWS] = "serialize",
    [KQL_OP_MATERIALIZE] = "materialize",
    [KQL_OP_RENDER] = "render",
};
static const char *const form_names[] = {
    [KQL_FORM_PROJECT] = "project",       [KQL_FORM_EXTEND] = "extend",
    [KQL_FORM_AWAY] = "project-away",     [KQL_FORM_KEEP] = "project-keep",
    [KQL_FORM_RENAME] = "project-rename", [KQL_FORM_REORDER] = "project-reorder",
    [KQL_FORM_PRINT] = "print",           [KQL_FORM_SERIALIZE] = "serialize",
};
static const char *const join_names[] = {
    [KQL_JOIN_INNERUNIQUE] = "innerunique", [KQL_JOIN_INNER] = "inner",
    [KQL_JOIN_LEFTOUTER] = "leftouter",     [KQL_JOIN_RIGHTOUTER] = "rightouter",
    [KQL_JOIN_FULLOUTER] = "fullouter",     [KQL_JOIN_LEFTSEMI] = "leftsemi",
    [KQL_JOIN_RIGHTSEMI] = "rightsemi",     [KQL_JOIN_LEFTANTI] = "leftanti",
    [KQL_JOIN_RIGHTANTI] = "rightanti",
};

static void
put_keys(struct printer *p, const struct kql_sort_key *keys, uint32_t count,
         const struct kql_schema *in)
{
    for (uint32_t i = 0; i < count; i++) {
        put(p, i > 0 ? ", " : " by ");
        put_expr(p, keys[i].expr, in);
        put(p, " %s nulls %s", keys[i].is_descending ? "desc" : "asc",
            keys[i].nulls_first ? "first" : "last");
    }
}

static void
put_project(struct printer *p, const struct kql_op *op, const struct kql_schema *in,
            uint32_t indent)
{
    for (uint32_t i = 0; i < op->schema.count; i++) {
        const struct kql_expr *e = op->u.project.exprs[i];

        if (e->kind == KQL_EXPR_COLUMN && in != NULL && e->column < in->count &&
            span_equal(in->columns[e->column].name, op->schema.columns[i].name))
            continue; /* as it was */
        put_line(p, indent + 2);
        put_name(p, op->schema.columns[i].name);
        put(p, " = ");
        put_expr(p, e, in);
    }
}

/* A row of the keys, then the results of the aggregates, each named by its text. */
static struct kql_schema
results_of(struct printer *p, const struct kql_schema *in, const struct kql_column *keys,
           uint32_t key_count, const struct kql_expr *const *aggregates, uint32_t aggregate_count)
{
    uint32_t count = key_count, k = key_count;
    struct kql_column *columns;

    for (uint32_t i = 0; i < aggregate_count; i++)
        count += aggregates[i]->result_count;
    columns = pool_zeroed(p->pool, count + 1, sizeof *columns);
    for (uint32_t i = 0; i < key_count; i++)
        columns[i] = keys[i];
    for (uint32_t i = 0; i < aggregate_count; i++) {
        const struct kql_expr *e = aggregates[i];

        for (uint32_t r = 0; r < e->result_count; r++) {
            columns[k] = (struct kql_column){expr_text(p, e, in), e->type};
            if (e->result_count > 1)
                columns[k].name = pool_printf(p->pool, "%.*s.%u", (int)columns[k].name.n,
                                              columns[k].name.p, (unsigned)r + 1);
            k++;
        }
    }
    return (struct kql_schema){columns, count, false};
}

/* Over results_of: the names of results are their texts. */
static void
put_final(struct printer *p, const struct kql_expr *e, const struct kql_schema *results)
{
    p->names_are_text = true;
    put_expr(p, e, results);
    p->names_are_text = false;
}

static void
put_summarize(struct printer *p, const struct kql_op *op, const struct kql_schema *in,
              uint32_t indent)
{
    uint32_t keys = op->u.summarize.key_count;
    struct kql_schema results =
        results_of(p, in, op->schema.columns, keys, op->u.summarize.aggregates,
                   op->u.summarize.aggregate_count);

    for (uint32_t k = 0; k < keys; k++) {
        put_line(p, indent + 2);
        put(p, "by ");
        put_name(p, op->schema.columns[k].name);
        put(p, " = ");
        put_expr(p, op->u.summarize.keys[k], in);
    }
    for (uint32_t i = keys; i < op->schema.count; i++) {
        put_line(p, indent + 2);
        put_name(p, op->schema.columns[i].name);
        put(p, " = ");
        put_final(p, op->u.summarize.finals[i - keys], &results);
    }
}

static void
put_join(struct printer *p, const struct kql_op *op, const struct kql_schema *in)
{
    put(p, " kind=%s with #%zu", join_names[op->u.join.kind], number_of(p, op->u.join.right));
    for (uint32_t i = 0; i < op->u.join.key_count; i++) {
        put(p, i > 0 ? ", " : " on ");
        put_expr(p, op->u.join.left_keys[i], in);
        put(p, " == ");
        put_expr(p, op->u.join.right_keys[i], &op->u.join.right->schema);
    }
}

static void
put_parse(struct printer *p, const struct kql_op *op, const struct kql_schema *in)
{
    static const char *const modes[] = {"simple", "relaxed", "regex"};

    put(p, "%s kind=%s ", op->u.parse.drops_failed ? "-where" : "", modes[op->u.parse.mode]);
    put_expr(p, op->u.parse.expr, in);
    put(p, " with");
    for (uint32_t i = 0; i < op->u.parse.count; i++) {
        const struct kql_parse_piece *piece = &op->u.parse.pieces[i];

        put(p, " ");
        if (piece->kind == KQL_PIECE_STAR)
            put(p, "*");
        else if (piece->kind == KQL_PIECE_TEXT)
            put_text(p, piece->is_concealed ? SPAN_LITERAL("\"****\"")
                                            : kql_json_quote(p->pool, piece->text));
        else
            put_name(p, op->schema.columns[piece->column].name);
    }
}

static void
put_scan(struct printer *p, const struct kql_op *op, const struct kql_schema *in, uint32_t indent)
{
    put_keys(p, op->u.scan.order, op->u.scan.order_count, in);
    for (uint32_t i = 0; i < op->u.scan.step_count; i++) {
        const struct kql_scan_step *step = &op->u.scan.steps[i];

        put_line(p, indent + 2);
        put(p, "step ");
        put_name(p, step->name);
        put(p, "%s: ", step->is_optional ? " optional" : "");
        put_expr(p, step->condition, &op->schema);
        for (uint32_t k = 0; k < step->assigned_count; k++) {
            put(p, k > 0 ? ", " : " => ");
            if (step->assigned[k] < op->schema.count)
                put_name(p, op->schema.columns[step->assigned[k]].name);
            put(p, " = ");
            put_expr(p, step->values[k], &op->schema);
        }
    }
}

static void
put_series(struct printer *p, const struct kql_op *op, const struct kql_schema *in, uint32_t indent)
{
    struct kql_schema results =
        results_of(p, in, NULL, 0, op->u.series.aggregates, op->u.series.aggregate_count);

    for (uint32_t i = 0; i < op->u.series.value_count; i++) {
        put_line(p, indent + 2);
        put_final(p, op->u.series.values[i].final, &results);
    }
    put_line(p, indent + 2);
    put(p, "on ");
    put_expr(p, op->u.series.axis, in);
    put(p, " from ");
    put_expr(p, op->u.series.from, in);
    put(p, " to ");
    put_expr(p, op->u.series.to, in);
    put(p, " step ");
    put_expr(p, op->u.series.step, in);
    for (uint32_t i = 0; i < op->u.series.key_count; i++) {
        put(p, i > 0 ? ", " : " by ");
        put_expr(p, op->u.series.keys[i], in);
    }
}

static void
put_nested(struct printer *p, const struct kql_op *op, const struct kql_schema *in, uint32_t indent)
{
    for (uint32_t i = 0; i < op->u.nested.count; i++) {
        const struct kql_level *level = &op->u.nested.levels[i];
        struct kql_schema results =
            results_of(p, in, NULL, 0, level->aggregates, level->aggregate_count);

        put_line(p, indent + 2);
        put_expr(p, level->count, in);
        put(p, " of ");
        put_expr(p, level->expr, in);
        put(p, " by ");
        put_final(p, level->final, &results);
    }
}

static void
put_union(struct printer *p, const struct kql_op *op)
{
    for (uint32_t i = 0; i < op->u.join_union.count; i++)
        put(p, "%s#%zu", i > 0 ? ", " : " of ", number_of(p, op->u.join_union.inputs[i]));
}

static void
put_operation(struct printer *p, const struct kql_op *op, uint32_t indent)
{
    const struct kql_schema *in = op->input != NULL ? &op->input->schema : NULL;
    const char *name = op->kind < COUNT_OF(kind_names) ? kind_names[op->kind] : NULL;

    if (op->kind == KQL_OP_PROJECT)
        name = form_names[op->u.project.form];
    put(p, "%s", name == NULL ? "?" : name);
    switch (op->kind) {
    case KQL_ROWS_TABLE:
        put(p, " ");
        put_name(p, op->u.table.name);
        break;
    case KQL_ROWS_INLINE:
        put(p, " %zu", op->u.rows.row_count);
        break;
    case KQL_ROWS_EXTERNAL: /* where from is not said: a URL may hold a signature */
        put(p, " of %u", (unsigned)op->u.external.place_count);
        break;
    case KQL_ROWS_PRINT:
    case KQL_OP_PROJECT:
        put_project(p, op, in, indent);
        break;
    case KQL_ROWS_RANGE:
        put(p, " from ");
        put_expr(p, op->u.range.from, NULL);
        put(p, " to ");
        put_expr(p, op->u.range.to, NULL);
        put(p, " step ");
        put_expr(p, op->u.range.step, NULL);
        break;
    case KQL_ROWS_UNION:
        put_union(p, op);
        break;
    case KQL_OP_WHERE:
        put(p, " ");
        put_expr(p, op->u.predicate, in);
        break;
    case KQL_OP_SUMMARIZE:
        put_summarize(p, op, in, indent);
        break;
    case KQL_OP_SORT:
    case KQL_OP_TOP:
        if (op->u.sort.limit != NULL) {
            put(p, " ");
            put_expr(p, op->u.sort.limit, in);
        }
        put_keys(p, op->u.sort.keys, op->u.sort.key_count, in);
        break;
    case KQL_OP_TAKE:
    case KQL_OP_SAMPLE:
    case KQL_OP_SAMPLE_DISTINCT:
        put(p, " ");
        put_expr(p, op->u.limit.count, in);
        if (op->u.limit.expr != NULL) {
            put(p, " of ");
            put_expr(p, op->u.limit.expr, in);
        }
        break;
    case KQL_OP_JOIN:
        put_join(p, op, in);
        break;
    case KQL_OP_MV_EXPAND:
    case KQL_OP_MV_APPLY:
        for (uint32_t i = 0; i < op->u.expand.count; i++) {
            put(p, i > 0 ? ", " : " ");
            put_expr(p, op->u.expand.columns[i].expr, in);
        }
        if (op->u.expand.sub != NULL)
            put(p, " with #%zu", number_of(p, op->u.expand.sub));
        break;
    case KQL_OP_PARSE_TEXT:
        put_parse(p, op, in);
        break;
    case KQL_OP_PARSE_PAIRS:
        put(p, " ");
        put_expr(p, op->u.parse_kv.expr, in);
        break;
    case KQL_OP_SERIES:
        put_series(p, op, in, indent);
        break;
    case KQL_OP_PARTITION:
        put(p, " by ");
        put_expr(p, op->u.partition.key, in);
        put(p, " with #%zu", number_of(p, op->u.partition.sub));
        break;
    case KQL_OP_SCAN:
        put_scan(p, op, in, indent);
        break;
    case KQL_OP_TOP_NESTED:
        put_nested(p, op, in, indent);
        break;
    case KQL_OP_TOP_HITTERS:
        put(p, " ");
        put_expr(p, op->u.hitters.count, in);
        put(p, " of ");
        put_expr(p, op->u.hitters.expr, in);
        break;
    case KQL_OP_PLUGIN:
        put(p, " %s(", op->u.plugin.function == NULL ? "?" : op->u.plugin.function->name);
        for (uint32_t i = 0; i < op->u.plugin.count; i++) {
            put(p, i > 0 ? ", " : "");
            put_expr(p, op->u.plugin.arguments[i], in);
        }
        put(p, ")");
        break;
    case KQL_OP_REDUCE:
        put(p, " by ");
        put_expr(p, op->u.reduce.expr, in);
        break;
    case KQL_OP_FORK:
        for (uint32_t i = 0; i < op->u.fork.count; i++)
            put(p, "%s#%zu", i > 0 ? ", " : " to ", number_of(p, op->u.fork.branches[i]));
        break;
    case KQL_OP_RENDER:
        put(p, " ");
        put_text(p, op->u.render.chart);
        break;
    default:
        break;
    }
}

static void
put_plan(struct printer *p, const struct kql_op *plan, uint32_t indent)
{
    const struct kql_op **chain;
    size_t count = 0, i = 0;

    for (const struct kql_op *op = plan; op != NULL; op = op->input)
        count++;
    chain = pool_take(p->pool, (count + 1) * sizeof *chain);
    for (const struct kql_op *op = plan; op != NULL; op = op->input)
        chain[count - ++i] = op;
    for (i = 0; i < count; i++) {
        put_line(p, indent);
        put(p, i > 0 ? "| " : "");
        put_operation(p, chain[i], indent);
        if (i + 1 == count || chain[i]->schema.count != chain[i + 1]->schema.count) {
            put_line(p, indent + 2);
            put(p, "-> ");
            put_schema(p, &chain[i]->schema);
        }
    }
}

struct span
kql_plan_print(struct pool *pool, const struct kql_op *plan)
{
    struct printer p = {.pool = pool};

    if (plan == NULL)
        return (struct span){"", 0};
    put_plan(&p, plan, 0);
    for (size_t i = 0; i < p.shown_count; i++) { /* grows as tables within tables are met */
        if (p.shown[i].is_printed)
            continue;
        p.shown[i].is_printed = true;
        put(&p, "\n#%zu:", i + 1);
        put_plan(&p, p.shown[i].op, 1);
        pool_check(pool);
    }
    put(&p, "\n");
    return (struct span){p.text + 1, p.size - 1}; /* without the first line's end */
}
