/* function_merge_test.c - an aggregate whose rows were split among states, wherever, gives the same once they are merged as one
 * that saw all rows: in that order, but for sketches, whose inner order means nothing. */
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/random.h"
#include <math.h>

enum { ROWS = 300, ARGUMENTS_MAX = 4, RESULTS_MAX = 4 };

static struct pool pool;
static struct kql_random random_numbers;

/* Kinds of arguments: l long, i int, r real, m decimal, s text, t datetime, p timespan, g guid, b bool, d dynamic; many are
 * null. 5, 9: that percentile (times 10); 7: the number 7. */
static struct kql_value
value_of(char kind)
{
    uint64_t n = kql_random_next(&random_numbers) % 40;
    struct kql_decimal *d;
    struct kql_guid *g;

    if (kind == '5' || kind == '9' || kind == '7')
        return kql_integer(KQL_LONG, kind == '7' ? 7 : (kind - '0') * 10);
    if (n < 5)
        return kql_null(kind == 's' ? KQL_STRING : KQL_DYNAMIC);
    switch (kind) {
    case 'l':
        return kql_integer(KQL_LONG, (int64_t)n * 1000 - 7777);
    case 'i':
        return kql_integer(KQL_INT, (int64_t)n);
    case 'r':
        return kql_real(n == 39 ? (double)NAN : (double)n * 1.7 - 20);
    case 's':
        return kql_string(pool_printf(&pool, "text %llu", (unsigned long long)n));
    case 't':
        return kql_integer(KQL_DATETIME, (int64_t)n * 864000000001);
    case 'p':
        return kql_integer(KQL_TIMESPAN, (int64_t)n * 1001);
    case 'b':
        return kql_bool(n % 2 == 0);
    case 'm':
        d = pool_take(&pool, sizeof *d);
        kql_decimal_of_long((int64_t)n, d);
        return (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
    case 'g':
        g = pool_zeroed(&pool, 1, sizeof *g);
        g->bytes[3] = (uint8_t)n;
        return (struct kql_value){.type = KQL_GUID, .guid = g};
    default:
        return kql_parse_json(&pool, pool_printf(&pool,
                                                 n % 3 == 0   ? "{\"k%llu\":[1,\"x\"]}"
                                                 : n % 3 == 1 ? "[%llu,{\"a\":2.5}]"
                                                              : "%llu",
                                                 (unsigned long long)n));
    }
}

static enum kql_type
type_of(char kind)
{
    static const struct {
        char kind;
        enum kql_type type;
    } rows[] = {
        {'i', KQL_INT     },
        {'r', KQL_REAL    },
        {'m', KQL_DECIMAL },
        {'s', KQL_STRING  },
        {'t', KQL_DATETIME},
        {'p', KQL_TIMESPAN},
        {'g', KQL_GUID    },
        {'b', KQL_BOOL    },
        {'d', KQL_DYNAMIC },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].kind == kind)
            return rows[i].type;
    return KQL_LONG;
}

static int
compare(const void *a, const void *b)
{
    return kql_value_compare(a, b);
}

static struct kql_value
sorted(const struct kql_value *v)
{
    struct kql_value copy = kql_value_copy(&pool, v);
    struct kql_value *items;

    if (v->is_null || v->type != KQL_ARRAY)
        return copy;
    items = (struct kql_value *)(uintptr_t)copy.array->items;
    for (uint32_t i = 0; i < copy.array->count; i++)
        items[i] = sorted(&items[i]);
    if (copy.array->count > 1)
        qsort(items, copy.array->count, sizeof *items, compare);
    return copy;
}

static bool
is_near(const struct kql_value *a, const struct kql_value *b)
{
    if (a->is_null || b->is_null || a->type != KQL_REAL || b->type != KQL_REAL)
        return a->is_null == b->is_null &&
               (a->is_null || (a->type == b->type && kql_value_same(a, b)));
    return (isnan(a->r) && isnan(b->r)) || fabs(a->r - b->r) <= 1e-9 * fmax(1, fabs(b->r));
}

static void *
state_of(struct kql_call *call, const struct kql_aggregate *code,
         struct kql_value rows[][ARGUMENTS_MAX], size_t from, size_t to)
{
    void *state = pool_zeroed(&pool, 1, code->state_size + 1);

    if (code->start != NULL)
        code->start(call, state);
    for (size_t i = from; i < to; i++)
        code->add(call, state, rows[i]);
    return state;
}

static void
check(const char *name, const char *kinds, enum kql_type result, uint32_t results, bool is_sketch)
{
    const struct kql_function *f = kql_function_find(span_of(name), KQL_AGGREGATE);
    static const size_t cuts[][3] = {
        {1,   2,   3  },
        {100, 200, 250},
        {1,   150, 299},
        {297, 298, 299},
        {10,  11,  290}
    };
    static struct kql_value rows[ROWS][ARGUMENTS_MAX];
    uint8_t types[ARGUMENTS_MAX];
    struct kql_call call = {.pool = &pool,
                            .types = types,
                            .result_type = (uint8_t)result,
                            .count = (uint32_t)strlen(kinds),
                            .now = 1,
                            .random = &random_numbers};

    if (f == NULL || f->aggregate == NULL || f->aggregate->merge == NULL) {
        CHECK(false, "%s cannot be merged", name);
        return;
    }
    for (size_t i = 0; i < call.count; i++)
        types[i] = (uint8_t)type_of(kinds[i]);
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < call.count; i++)
            rows[row][i] = value_of(kinds[i]);
    for (size_t c = 0; c < COUNT_OF(cuts); c++) {
        struct kql_value whole[RESULTS_MAX], merged[RESULTS_MAX];
        void *all = state_of(&call, f->aggregate, rows, 0, ROWS);
        void *a = state_of(&call, f->aggregate, rows, 0, cuts[c][0]);
        void *b = state_of(&call, f->aggregate, rows, cuts[c][0], cuts[c][1]);
        void *d = state_of(&call, f->aggregate, rows, cuts[c][1], cuts[c][2]);
        void *e = state_of(&call, f->aggregate, rows, cuts[c][2], ROWS);

        f->aggregate->merge(&call, d, e); /* (a b) (d e) */
        f->aggregate->merge(&call, a, b);
        f->aggregate->merge(&call, a, d);
        for (uint32_t i = 0; i < results; i++)
            whole[i] = merged[i] = kql_null(result);
        f->aggregate->finish(&call, all, whole);
        f->aggregate->finish(&call, a, merged);
        for (uint32_t i = 0; i < results; i++) {
            if (is_sketch) {
                whole[i] = sorted(&whole[i]);
                merged[i] = sorted(&merged[i]);
            }
            CHECK(is_near(&merged[i], &whole[i]), "%s(%s) cut at %zu, result %u: %.80s, not %.80s",
                  name, kinds, cuts[c][0], i, kql_to_text(&pool, KQL_DYNAMIC, &merged[i]).text,
                  kql_to_text(&pool, KQL_DYNAMIC, &whole[i]).text);
        }
    }
}

static const struct {
    const char *name, *arguments;
    enum kql_type result;
    uint32_t results;
    bool is_sketch;
} cases[] = {
    {"count",                "",     KQL_LONG,     1, false},
    {"countif",              "b",    KQL_LONG,     1, false},
    {"sum",                  "l",    KQL_LONG,     1, false},
    {"sum",                  "r",    KQL_REAL,     1, false},
    {"sum",                  "m",    KQL_DECIMAL,  1, false},
    {"sumif",                "pb",   KQL_TIMESPAN, 1, false},
    {"avg",                  "i",    KQL_REAL,     1, false},
    {"avg",                  "t",    KQL_DATETIME, 1, false},
    {"avg",                  "m",    KQL_DECIMAL,  1, false},
    {"avgif",                "pb",   KQL_TIMESPAN, 1, false},
    {"min",                  "r",    KQL_REAL,     1, false},
    {"max",                  "r",    KQL_REAL,     1, false},
    {"min",                  "s",    KQL_STRING,   1, false},
    {"maxif",                "tb",   KQL_DATETIME, 1, false},
    {"minif",                "mb",   KQL_DECIMAL,  1, false},
    {"arg_max",              "lsd",  KQL_LONG,     3, false},
    {"arg_min",              "rst",  KQL_REAL,     3, false},
    {"take_any",             "s",    KQL_STRING,   1, false},
    {"take_any",             "lsd",  KQL_LONG,     3, false},
    {"take_anyif",           "gb",   KQL_GUID,     1, false},
    {"dcount",               "s",    KQL_LONG,     1, false},
    {"dcountif",             "gb",   KQL_LONG,     1, false},
    {"count_distinct",       "d",    KQL_LONG,     1, false},
    {"make_list",            "l",    KQL_DYNAMIC,  1, false},
    {"make_list",            "d7",   KQL_DYNAMIC,  1, false},
    {"make_list_if",         "sb",   KQL_DYNAMIC,  1, false},
    {"make_list_with_nulls", "i",    KQL_DYNAMIC,  1, false},
    {"make_set",             "s",    KQL_DYNAMIC,  1, false},
    {"make_set",             "d7",   KQL_DYNAMIC,  1, false},
    {"make_set_if",          "tb",   KQL_DYNAMIC,  1, false},
    {"make_bag",             "d",    KQL_DYNAMIC,  1, false},
    {"make_bag",             "d7",   KQL_DYNAMIC,  1, false},
    {"make_bag_if",          "db",   KQL_DYNAMIC,  1, false},
    {"percentile",           "l5",   KQL_LONG,     1, false},
    {"percentiles",          "s59",  KQL_STRING,   2, false},
    {"percentilesw",         "li59", KQL_LONG,     2, false},
    {"percentiles_array",    "r59",  KQL_DYNAMIC,  1, false},
    {"percentilesw_array",   "ti5",  KQL_DYNAMIC,  1, false},
    {"stdev",                "l",    KQL_REAL,     1, false},
    {"stdevpif",             "ib",   KQL_REAL,     1, false},
    {"variance",             "l",    KQL_REAL,     1, false},
    {"variancepif",          "ib",   KQL_REAL,     1, false},
    {"covariance",           "li",   KQL_REAL,     1, false},
    {"covariancepif",        "lib",  KQL_REAL,     1, false},
    {"binary_all_and",       "l",    KQL_LONG,     1, false},
    {"binary_all_or",        "l",    KQL_LONG,     1, false},
    {"binary_all_xor",       "i",    KQL_INT,      1, false},
    {"buildschema",          "d",    KQL_DYNAMIC,  1, false},
    {"hll",                  "s",    KQL_DYNAMIC,  1, true },
    {"hll_if",               "lb",   KQL_DYNAMIC,  1, true },
    {"tdigest",              "r",    KQL_DYNAMIC,  1, true },
    {"tdigest",              "l",    KQL_DYNAMIC,  1, true },
};

/* Sketches of more values than they keep. */
static void
test_large_sketches(void)
{
    const struct kql_aggregate *hll =
        kql_function_find(SPAN_LITERAL("hll"), KQL_AGGREGATE)->aggregate;
    uint8_t types[] = {KQL_LONG};
    struct kql_call call = {
        .pool = &pool, .types = types, .result_type = KQL_DYNAMIC, .count = 1, .now = 1};
    void *parts[3], *all = pool_zeroed(&pool, 1, hll->state_size);
    struct kql_value a, b;

    for (size_t i = 0; i < COUNT_OF(parts); i++)
        parts[i] = pool_zeroed(&pool, 1, hll->state_size);
    for (int64_t i = 0; i < 20000; i++) {
        struct kql_value v = kql_integer(KQL_LONG, i);

        hll->add(&call, all, &v);
        hll->add(&call, parts[i < 500 ? 0 : i < 12000 ? 1 : 2], &v); /* exact, and twice not */
    }
    hll->merge(&call, parts[0], parts[1]);
    hll->merge(&call, parts[0], parts[2]);
    hll->finish(&call, all, &a);
    hll->finish(&call, parts[0], &b);
    CHECK(kql_value_same(&a, &b), "the registers differ");
}

static void
test_all_merge(void)
{
    const struct kql_function *f = NULL;

    while ((f = kql_function_next(f)) != NULL)
        CHECK(f->aggregate == NULL || f->aggregate->merge != NULL, "%s() cannot be merged",
              f->name);
}

int
main(void)
{
    jmp_buf spent;

    pool_init(&pool, (size_t)256 << 20);
    kql_random_seed(&random_numbers, 11);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", pool.reason.text);
        return test_end();
    }
    pool.escape = &spent;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check(cases[i].name, cases[i].arguments, cases[i].result, cases[i].results,
              cases[i].is_sketch);
    test_large_sketches();
    test_all_merge();
    pool_free(&pool);
    return test_end();
}
