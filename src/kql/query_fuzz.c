/* query_fuzz.c - queries made of bytes by the language's grammar, so that most of them bind: every
 * operator, and every function of the table with arguments of its signature. Each is run by the row
 * engine and explained; those that begin with "source" are compiled for streams, too, and asked about
 * a record. PENSTOCK_FUZZ_SHOW=1 in the environment prints each query. */
#include "kql/function.h"
#include "kql/rows_bed.h"
#include "kql/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXT_MAX = 32 << 10, DEPTH_MAX = 4, COLUMNS_MAX = 24, ROWS_MAX = 2048 };

struct maker {
    const uint8_t *p, *end;
    size_t size;
    unsigned depth, tables;
    bool is_stream;
    uint32_t count; /* of columns that are known now */
    struct {
        char name[16];
        enum kql_type type;
    } columns[COLUMNS_MAX];
    char text[TEXT_MAX];
};

static const struct kql_function *rows[ROWS_MAX];
static uint32_t row_count;

static unsigned
take(struct maker *m, unsigned below)
{
    return m->p == m->end ? 0 : *m->p++ % below;
}

static void
put(struct maker *m, const char *text)
{
    size_t n = strlen(text);

    if (n > TEXT_MAX - m->size)
        return;
    memcpy(m->text + m->size, text, n);
    m->size += n;
}

#define PICK(m, ...)                                                                               \
    put((m),                                                                                       \
        ((const char *const[]){                                                                    \
            __VA_ARGS__})[take((m), sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))])

/* ---- expressions ---- */

static void put_expr(struct maker *m, enum kql_type type);
static void put_pipe(struct maker *m);

static void
put_literal(struct maker *m, enum kql_type type)
{
    switch (type) {
    case KQL_BOOL:
        PICK(m, "true", "false", "bool(null)");
        break;
    case KQL_INT:
        PICK(m, "int(1)", "int(-5)", "int(null)", "int(2147483647)", "int(-2147483648)");
        break;
    case KQL_LONG:
        PICK(m, "1", "0", "-1", "7", "100", "9223372036854775807", "long(-9223372036854775808)",
             "long(null)", "2", "3", "64", "1000000");
        break;
    case KQL_REAL:
        PICK(m, "1.5", "0.0", "-2.25", "real(nan)", "real(+inf)", "1e308", "real(null)", "5e-324");
        break;
    case KQL_DECIMAL:
        PICK(m, "decimal(1.5)", "decimal(null)", "decimal(9999999999999999999999999999999999)");
        break;
    case KQL_DATETIME:
        PICK(m, "datetime(2024-01-01)", "now()", "datetime(null)", "datetime(9999-12-31 23:59:59)",
             "datetime(0001-01-01)", "ago(1h)");
        break;
    case KQL_TIMESPAN:
        PICK(m, "1h", "1d", "0s", "-1tick", "timespan(null)", "10675199.02:48:05", "7d");
        break;
    case KQL_GUID:
        PICK(m, "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "guid(null)");
        break;
    case KQL_DYNAMIC:
        PICK(m, "dynamic([1,2,3])", "dynamic({\"a\":1,\"k\":[1.5,null]})", "dynamic(null)",
             "dynamic([])", "dynamic({})", "dynamic([[1],[2]])", "dynamic([\"a\",\"b\"])",
             "dynamic({\"type\":\"Point\",\"coordinates\":[1.5,2.5]})", "range(1,40,1)");
        break;
    default:
        PICK(m, "\"\"", "\"host-1 k=v\"", "\"a,b;c\"", "\"(a|b)+\"", "\"[0-9]*\"", "h\"secret\"",
             "\"2024-01-01\"", "\"{\\\"a\\\":1}\"", "\"10.0.0.1/8\"", "\"é\\u0000x\"", "\"day\"",
             "\"k\"", "\"$.a\"", "\"Europe/Paris\"", "\"yyyy-MM-dd\"");
    }
}

static void
put_column(struct maker *m, enum kql_type type)
{
    uint32_t at = m->count == 0 ? 0 : take(m, m->count);

    for (uint32_t i = 0; i < m->count; i++, at = (at + 1) % m->count)
        if (type == KQL_UNKNOWN || m->columns[at].type == type) {
            put(m, m->columns[at].name);
            return;
        }
    put_literal(m, type == KQL_UNKNOWN ? KQL_LONG : type);
}

static enum kql_type
any_type(struct maker *m)
{
    return (enum kql_type)(KQL_BOOL + take(m, KQL_DYNAMIC));
}

static enum kql_type
type_of_parameter(struct maker *m, uint8_t parameter, enum kql_type common)
{
    switch (parameter) {
    case KQL_P_NUMBER:
        return take(m, 2) ? KQL_LONG : KQL_REAL;
    case KQL_P_INTEGER:
        return KQL_LONG;
    case KQL_P_SUMMABLE:
        return take(m, 4) == 0 ? KQL_TIMESPAN : KQL_LONG;
    case KQL_P_ARRAY:
    case KQL_P_BAG:
        return KQL_DYNAMIC;
    case KQL_P_T:
    case KQL_P_U:
    case KQL_P_ORDERED:
        return common;
    default:
        return parameter >= KQL_BOOL && parameter <= KQL_DYNAMIC ? (enum kql_type)parameter
                                                                 : any_type(m);
    }
}

static void
put_call(struct maker *m, const struct kql_function *f)
{
    struct kql_signature s;
    enum kql_type common = any_type(m);
    uint32_t count = 0, group;

    if (!kql_signature_read(f, take(m, 4), &s) && !kql_signature_read(f, 0, &s)) {
        put(m, "1");
        return;
    }
    group = s.count - s.repeat_first;
    while (count < s.count && !s.parameters[count].is_optional)
        count++;
    count += take(m, s.count - count + 1);
    if (group > 0 && count >= s.repeat_first)
        count = s.repeat_first + group * (1 + take(m, 3));
    put(m, f->name);
    put(m, "(");
    for (uint32_t i = 0; i < count; i++) {
        const struct kql_parameter *at =
            &s.parameters[i < s.count ? i : s.repeat_first + (i - s.repeat_first) % group];
        enum kql_type type = type_of_parameter(m, at->type, common);

        put(m, i > 0 ? ", " : "");
        if (at->is_constant)
            put_literal(m, type);
        else if (at->type == KQL_P_COLUMN)
            put_column(m, KQL_UNKNOWN);
        else
            put_expr(m, type);
    }
    put(m, ")");
}

/* A function of that kind, of that result if there is one near. */
static const struct kql_function *
pick_function(struct maker *m, enum kql_function_kind kind, enum kql_type type)
{
    uint32_t at = (take(m, 256) * 256u + take(m, 256)) % row_count;
    const struct kql_function *any = NULL;
    struct kql_signature s;

    for (uint32_t i = 0; i < row_count; i++, at = (at + 1) % row_count) {
        if (rows[at]->kind != kind || (rows[at]->flags & KQL_F_NOT_BUILT))
            continue;
        any = rows[at];
        if (type == KQL_UNKNOWN || (kql_signature_read(any, 0, &s) && s.result == (uint8_t)type))
            return any;
    }
    return any;
}

static void
put_two(struct maker *m, enum kql_type left, const char *op, enum kql_type right)
{
    put(m, "(");
    put_expr(m, left);
    put(m, " ");
    put(m, op);
    put(m, " ");
    put_expr(m, right);
    put(m, ")");
}

static void
put_condition(struct maker *m)
{
    static const char *const texts[] = {
        "==",        "!=",           "=~",          "!~",         "has",      "!has",
        "has_cs",    "contains",     "contains_cs", "startswith", "endswith", "!startswith_cs",
        "hasprefix", "hassuffix_cs", "!contains",   "<",          ">=",       "like",
    };
    static const char *const orders[] = {"==", "!=", "<", "<=", ">", ">="};
    enum kql_type type;

    switch (take(m, 8)) {
    case 0:
        put_two(m, KQL_BOOL, take(m, 2) ? "and" : "or", KQL_BOOL);
        break;
    case 1:
    case 2:
        put_two(m, KQL_STRING, texts[take(m, COUNT_OF(texts))], KQL_STRING);
        break;
    case 3:
        put_expr(m, KQL_STRING);
        put(m, " matches regex ");
        put_literal(m, KQL_STRING);
        break;
    case 4:
        type = any_type(m);
        put_expr(m, type);
        PICK(m, " in (", " !in (", " in~ (", " has_any (", " has_all (");
        put_expr(m, take(m, 4) == 0 ? KQL_DYNAMIC : type);
        put(m, ", ");
        put_expr(m, type);
        put(m, ")");
        break;
    case 5:
        type = take(m, 2) ? KQL_LONG : KQL_DATETIME;
        put_expr(m, type);
        PICK(m, " between (", " !between (");
        put_expr(m, type);
        put(m, " .. ");
        put_expr(m, type);
        put(m, ")");
        break;
    default:
        type = any_type(m);
        put_two(m, type, orders[take(m, COUNT_OF(orders))], type);
    }
}

static void
put_computed(struct maker *m, enum kql_type type)
{
    static const char *const arithmetic[] = {"+", "-", "*", "/", "%"};

    switch (type) {
    case KQL_BOOL:
        put_condition(m);
        break;
    case KQL_LONG:
    case KQL_INT:
    case KQL_REAL:
    case KQL_DECIMAL:
        put_two(m, type, arithmetic[take(m, COUNT_OF(arithmetic))], type);
        break;
    case KQL_DATETIME:
        put_two(m, KQL_DATETIME, take(m, 2) ? "+" : "-", KQL_TIMESPAN);
        break;
    case KQL_TIMESPAN:
        if (take(m, 2))
            put_two(m, KQL_DATETIME, "-", KQL_DATETIME);
        else
            put_two(m, KQL_TIMESPAN, take(m, 2) ? "*" : "+", take(m, 2) ? KQL_REAL : KQL_TIMESPAN);
        break;
    case KQL_DYNAMIC:
        put_expr(m, KQL_DYNAMIC);
        PICK(m, ".a", "[0]", "[\"k\"]", "[-1]", ".a.b", "[1].k");
        break;
    default:
        put(m, "strcat(");
        put_expr(m, KQL_STRING);
        put(m, ", ");
        put_expr(m, KQL_STRING);
        put(m, ")");
    }
}

static void
put_expr(struct maker *m, enum kql_type type)
{
    static const char *const casts[] = {
        [KQL_BOOL] = "tobool(",         [KQL_INT] = "toint(",           [KQL_LONG] = "tolong(",
        [KQL_REAL] = "toreal(",         [KQL_DECIMAL] = "todecimal(",   [KQL_STRING] = "tostring(",
        [KQL_DATETIME] = "todatetime(", [KQL_TIMESPAN] = "totimespan(", [KQL_GUID] = "toguid(",
        [KQL_DYNAMIC] = "todynamic(",
    };

    if (m->depth >= DEPTH_MAX) {
        put_column(m, type);
        return;
    }
    m->depth++;
    switch (take(m, 10)) {
    case 0:
        put_literal(m, type);
        break;
    case 1:
        put(m, casts[type]);
        put_expr(m, any_type(m));
        put(m, ")");
        break;
    case 2:
    case 3:
        put_call(m, pick_function(m, KQL_SCALAR, type));
        break;
    case 4:
        put_computed(m, type);
        break;
    case 5:
        put(m, "iff(");
        put_expr(m, KQL_BOOL);
        put(m, ", ");
        put_expr(m, type);
        put(m, ", ");
        put_expr(m, type);
        put(m, ")");
        break;
    case 6:
        put(m, casts[type]);
        put_call(m, pick_function(m, take(m, 8) == 0 ? KQL_WINDOW : KQL_SCALAR, KQL_UNKNOWN));
        put(m, ")");
        break;
    default:
        put_column(m, type);
    }
    m->depth--;
}

/* ---- operators ---- */

static const char *
add_column(struct maker *m, enum kql_type type)
{
    uint32_t at = m->count < COLUMNS_MAX ? m->count++ : COLUMNS_MAX - 1;

    snprintf(m->columns[at].name, sizeof m->columns[at].name, "c%u", (unsigned)at);
    m->columns[at].type = type;
    return m->columns[at].name;
}

static void
put_new_columns(struct maker *m, bool forgets)
{
    uint32_t count = 1 + take(m, 3);
    enum kql_type types[3];

    put(m, " ");
    for (uint32_t i = 0; i < count; i++) {
        char name[16];

        types[i] = any_type(m);
        snprintf(name, sizeof name, "%sc%u = ", i > 0 ? ", " : "",
                 (unsigned)(forgets                      ? i
                            : m->count + i < COLUMNS_MAX ? m->count + i
                                                         : 0));
        put(m, name);
        put_expr(m, types[i]);
    }
    m->count = forgets ? 0 : m->count;
    for (uint32_t i = 0; i < count; i++)
        add_column(m, types[i]);
}

static void
put_summarize(struct maker *m)
{
    const char *key = m->count > 0 ? m->columns[take(m, m->count)].name : "";
    enum kql_type key_type = KQL_LONG;
    char kept[16];

    snprintf(kept, sizeof kept, "%s", key);
    for (uint32_t i = 0; i < m->count; i++)
        if (strcmp(m->columns[i].name, kept) == 0)
            key_type = m->columns[i].type;
    put(m, " a0 = ");
    put_call(m, pick_function(m, KQL_AGGREGATE, KQL_UNKNOWN));
    if (take(m, 2)) {
        put(m, ", ");
        put_call(m, pick_function(m, KQL_AGGREGATE, KQL_UNKNOWN));
    }
    if (kept[0] == '\0' || key_type == KQL_DYNAMIC || take(m, 3) == 0) {
        m->count = 0;
        return;
    }
    put(m, " by ");
    put(m, kept);
    m->count = 1;
    memcpy(m->columns[0].name, kept, sizeof kept);
    m->columns[0].type = key_type;
}

static void
put_table(struct maker *m)
{
    if (m->tables++ > 6) {
        put(m, "Events");
        return;
    }
    switch (take(m, 5)) {
    case 0:
        put(m, "(range Count from 1 to 9 step 2)");
        break;
    case 1:
        put(m, "(");
        put(m, "Devices");
        put_pipe(m);
        put(m, ")");
        break;
    default:
        PICK(m, "Events", "Devices", "(Events | take 2)", "(Devices | distinct Name)");
    }
}

static void
put_aside(struct maker *m, void (*what)(struct maker *)) /* and forget its columns */
{
    struct maker *kept = malloc(sizeof *kept);

    memcpy(kept, m, offsetof(struct maker, text));
    what(m);
    m->count = kept->count;
    memcpy(m->columns, kept->columns, sizeof m->columns);
    free(kept);
}

static void
put_join(struct maker *m)
{
    PICK(m, " kind=inner ", " ", " kind=leftouter ", " kind=leftanti ", " kind=fullouter ",
         " kind=rightsemi ", " kind=rightouter ");
    put_aside(m, put_table);
    PICK(m, " on Name", " on Count", " on $left.Count == $right.Count", " on Name, Count");
}

static void
put_parse(struct maker *m)
{
    PICK(m, " ", " kind=relaxed ", " kind=regex ", " kind=regex flags=Ui ");
    put_column(m, KQL_STRING);
    put(m, " with ");
    PICK(m, "* \"-\" x:long \" \" y", "x \" k=\" y", "\"host-\" x:long *", "x:real *",
         "* \"[a-z]+\" x:long", "\"\" x \"\" y \"\"", "* \"t\" x \"t\" *");
}

static void
put_operator(struct maker *m)
{
    put(m, "\n| ");
    switch (take(m, m->is_stream ? 6 : 34)) {
    case 0:
    case 1:
        put(m, "where ");
        put_expr(m, KQL_BOOL);
        break;
    case 2:
    case 3:
        put(m, "extend");
        put_new_columns(m, false);
        break;
    case 4:
        put(m, "project");
        put_new_columns(m, true);
        break;
    case 5:
        PICK(m, "parse", "parse-where");
        put_parse(m);
        break;
    case 6:
    case 7:
    case 8:
        put(m, "summarize");
        put_summarize(m);
        break;
    case 9:
        put(m, "sort by ");
        put_expr(m, take(m, 2) ? KQL_LONG : KQL_STRING);
        PICK(m, "", " asc", " desc nulls first", " asc nulls last");
        break;
    case 10:
        PICK(m, "top 2 by ", "top 0 by ", "top 9 by ");
        put_column(m, KQL_LONG);
        break;
    case 11:
        PICK(m, "take 3", "count", "getschema", "sample 2", "distinct *", "serialize", "as X",
             "consume", "serialize r = row_number()", "render timechart");
        break;
    case 12:
        PICK(m, "mv-expand ", "mv-expand kind=array ", "mv-expand with_itemindex=i ");
        put_column(m, KQL_DYNAMIC);
        PICK(m, "", " to typeof(long)", " limit 2", " to typeof(string) limit 5");
        break;
    case 13:
        put(m, "mv-apply e = ");
        put_column(m, KQL_DYNAMIC);
        PICK(m, " to typeof(long) on (summarize sum(e))", " on (where e > 1 | take 2)",
             " on (top 1 by tolong(e))", " on (extend z = e)", " on (count)");
        break;
    case 14:
    case 15:
        PICK(m, "join", "join", "lookup");
        put_join(m);
        break;
    case 16:
        PICK(m, "union ", "union kind=inner ", "union withsource=S ");
        put_aside(m, put_table);
        break;
    case 17:
        put(m, "parse-kv ");
        put_column(m, KQL_STRING);
        PICK(m, " as (k:string, b:long) with (pair_delimiter=' ', kv_delimiter='=')",
             " as (k:string) with (quote='\"')", " as (k:string) with (regex='(.)=(.)')");
        break;
    case 18:
        put(m, "make-series s = ");
        put_call(m, pick_function(m, KQL_AGGREGATE, KQL_UNKNOWN));
        PICK(
            m,
            " default=0 on TimeGenerated from datetime(2024-01-01) to datetime(2024-01-02) step 1h",
            " on TimeGenerated step 1h by Name", " on Count from -30 to 50 step 7",
            " on Count step 0.5");
        break;
    case 19:
        put(m, "scan declare (n: long = 0) with (step a output=all: ");
        put_expr(m, KQL_BOOL);
        put(m, " => n = a.n + 1; step b: ");
        put_expr(m, KQL_BOOL);
        put(m, ";)");
        break;
    case 20:
        PICK(m, "partition by Name (", "partition hint.strategy=native by Name (");
        PICK(m, "take 1", "count", "summarize sum(Count)", "top 1 by Count", "extend q = 1");
        put(m, ")");
        break;
    case 21:
        PICK(m, "project-away ", "project-keep ", "project-reorder ");
        PICK(m, "Name", "*e*", "Count, Name", "T*, P*", "c0");
        break;
    case 22:
        put(m, "project-rename Renamed = ");
        put_column(m, KQL_UNKNOWN);
        break;
    case 23:
        PICK(
            m, "top-nested 2 of Name by count()",
            "top-nested 2 of Name with others='x' by sum(Count), top-nested of Count by max(Ratio)",
            "top-hitters 2 of Name", "top-hitters 2 of Name by Count", "sample-distinct 2 of Name",
            "reduce by Name", "reduce by Name with threshold=0.2");
        break;
    case 24:
        PICK(m, "evaluate bag_unpack(Props)", "evaluate pivot(Name)", "evaluate narrow()",
             "evaluate pivot(Name, sum(Count))", "evaluate bag_unpack(Props, 'p_')",
             "evaluate rolling_percentile(Ratio, 50, Count, 1, 3)",
             "evaluate rows_near(Count > 3, 1)");
        break;
    case 25:
        put(m, "evaluate ");
        put_call(m, pick_function(m, KQL_PLUGIN, KQL_UNKNOWN));
        break;
    case 26:
        PICK(m, "search 'host'", "search Name: 'x'", "where * has 'host'", "find 'x'");
        break;
    case 27:
        put(m, "serialize | extend w = ");
        put_call(m, pick_function(m, KQL_WINDOW, KQL_UNKNOWN));
        break;
    case 28:
        put(m, "extend v = toscalar(");
        put_aside(m, put_table);
        put(m, ")");
        break;
    case 29:
        put(m, "where Name in (");
        put_aside(m, put_table);
        put(m, ")");
        break;
    case 30:
        PICK(m, "fork (count) (take 2)", "facet by Name with (take 2)", "facet by Count, Ratio");
        break;
    case 31:
        put(m, "extend (m, n) = ");
        put_call(m, pick_function(m, KQL_SCALAR, KQL_DYNAMIC));
        break;
    case 32:
        put(m, "invoke f()");
        break;
    default:
        put(m, "distinct ");
        put_column(m, KQL_UNKNOWN);
    }
}

static void
put_pipe(struct maker *m)
{
    for (unsigned n = 1 + take(m, 5); n > 0; n--)
        put_operator(m);
}

static void
put_query(struct maker *m)
{
    m->is_stream = take(m, 4) == 0;
    for (uint32_t i = 0; i < COUNT_OF(bed_columns); i++) {
        snprintf(m->columns[i].name, sizeof m->columns[i].name, "%s", bed_columns[i].name.p);
        m->columns[i].type = bed_columns[i].type;
    }
    m->count = COUNT_OF(bed_columns);
    if (take(m, 6) == 0) {
        put(m, "let f = (T:(Name:string)) { T | extend g = strlen(Name) };\nlet k = ");
        put_expr(m, KQL_LONG);
        put(m, ";\nlet h = (x:long) { x * k };\n");
    }
    if (m->is_stream)
        put(m, "source");
    else
        put_table(m);
    put_pipe(m);
}

/* ---- what becomes of it ---- */

static void
explain(struct span query)
{
    static struct kql_diagnostics d;
    struct kql_environment environment = {.table = bed_find_table, .table_at = bed_table_at};
    struct kql_bound bound;
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 16 << 20);
    pool.deadline_ms = clock_monotonic_ms() + 2000;
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        kql_diagnostics_init(&d, &pool, query);
        if (kql_bind(&pool, query, &environment, &d, &bound))
            (void)kql_plan_print(&pool, bound.plan);
        (void)kql_diagnostics_print(&pool, &d, true);
    }
    pool_free(&pool);
}

static void
ask(const struct kql_stream *stream, struct pool *pool)
{
    static const char record[] =
        "{\"TimeGenerated\":\"2024-01-01T00:00:00Z\",\"Name\":\"host-1 k=v\",\"Count\":5,"
        "\"Ratio\":1.5,\"Props\":{\"k\":[7,\"x\"],\"a\":1},\"Other\":[true,null]}";
    static char memory[512 * 1024], padded[sizeof record + SCAN_PADDING];
    static const struct scan_limits limits = {1 << 16, 64, SCAN_VALUES_MAX};
    struct arena a = {memory, sizeof memory, 0};
    struct kql_stream_set *set;
    struct kql_stream_run *run;
    struct scan_record found;
    struct scan_fault fault;
    struct scanner scanner;
    struct span out;
    struct err err;

    memcpy(padded, record, sizeof record - 1);
    if (scanner_init(&scanner, &a, SCAN_ROWS, &limits, NULL) != ST_OK ||
        scan_next(&scanner, padded, sizeof record - 1, true, &found, &fault) != SCAN_RECORD)
        abort();
    set = kql_stream_set_new(pool, &stream, 1, &err);
    if (set == NULL)
        return;
    run = kql_stream_run_new(set, 4 << 20, &err);
    kql_stream_record(run, padded, 0, found.size, found.values, found.value_count, 1, 77);
    (void)kql_stream_ask(run, 0, &out);
    kql_stream_run_free(run);
    kql_stream_set_free(set);
}

static void
stream(struct span query)
{
    static const struct kql_table source = {
        .name = {"source",               6    },
        .schema = { bed_columns, COUNT_OF(bed_columns), false},
        .handle = bed_columns,
    };
    static struct kql_diagnostics d;
    struct kql_stream *made;
    struct pool pool;
    jmp_buf escape;

    pool_init(&pool, 16 << 20);
    pool.patience_ms = 2000;
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        abort(); /* it has its own */
    kql_diagnostics_init(&d, &pool, query);
    made = kql_stream_new(&pool, query, &source, KQL_STREAM_WARN, &d);
    pool.patience_ms = pool.deadline_ms = 0;
    if (made != NULL)
        ask(made, &pool);
    kql_stream_free(made);
    pool_free(&pool);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct maker m;

    for (const struct kql_function *f = row_count == 0 ? kql_function_next(NULL) : NULL;
         f != NULL && row_count < ROWS_MAX; f = kql_function_next(f))
        rows[row_count++] = f;
    memset(&m, 0, offsetof(struct maker, text));
    m.p = data;
    m.end = data + size;
    put_query(&m);
    if (getenv("PENSTOCK_FUZZ_SHOW") != NULL)
        fprintf(stderr, "%.*s\n\n", (int)m.size, m.text);
    if (m.is_stream)
        stream((struct span){m.text, m.size});
    else {
        bed_run((struct span){m.text, m.size});
        explain((struct span){m.text, m.size});
    }
    return 0;
}
