/* program_aggregate_test.c - the library's aggregates give the same when DuckDB's threads each take a part of the rows, with and
 * without groups, as when one state sees them all. */
#include "kql/dynamic.h"
#include "kql/random.h"
#include "workspace/program_play.h"
#include <math.h>
#include <unistd.h>

static struct play play;

static const struct programs_options options = {
    .pool = &play.pool, .now = INT64_C(638500000000000000), .memory_max = (size_t)1 << 30};

static struct programs *
make(const struct programs_options *o)
{
    struct programs *p;
    struct err err = {""};

    if (programs_new(o, &p, &err) == ST_OK)
        return p;
    CHECK(false, "%s", err.text);
    exit(1);
}

/* ---- one state that sees all rows ---- */

enum { GROUPS = 101 }; /* of column k: 0 to 99, null; or one group of all */

struct direct {
    const struct kql_expr *call;
    struct kql_program *code;
    struct kql_run run;
    struct kql_random random;
    struct kql_call how;
    void *states[GROUPS];
};

static void
direct_begin(struct direct *d, const struct kql_expr *e)
{
    uint8_t *types = pool_zeroed(&play.pool, e->count + 1, 1);
    struct err err = {""};

    *d = (struct direct){.call = e};
    for (uint32_t i = 0; i < e->count; i++)
        types[i] = e->arguments[i]->kind == KQL_EXPR_CONVERT ? e->arguments[i]->arguments[0]->type
                                                             : e->arguments[i]->type;
    d->code = kql_program_new(&play.pool, e->arguments, e->count, &err);
    CHECK(d->code != NULL, "%s", err.text);
    kql_random_seed(&d->random, 1);
    d->run =
        (struct kql_run){.pool = &play.pool,
                         .now = options.now,
                         .random = &d->random,
                         .cells = pool_zeroed(&play.pool, PLAY_COLUMNS, sizeof(struct kql_value))};
    kql_run_begin(&d->run, d->code);
    d->how = (struct kql_call){.pool = &play.pool,
                               .types = types,
                               .result_type = e->type,
                               .count = e->count,
                               .now = options.now,
                               .random = &d->random};
}

static void
direct_row(struct direct *d, bool is_grouped)
{
    const struct kql_value *key = &d->run.cells[3];
    size_t group = !is_grouped ? 0 : key->is_null ? GROUPS - 1 : (size_t)key->i;
    const struct kql_aggregate *code = d->call->function->aggregate;
    struct kql_value args[8];

    if (d->states[group] == NULL) {
        d->states[group] = pool_zeroed(&play.pool, 1, code->state_size + 1);
        if (code->start != NULL)
            code->start(&d->how, d->states[group]);
    }
    kql_run_row(&d->run, d->code);
    for (uint32_t i = 0; i < d->call->count; i++)
        kql_eval(&d->run, d->code, i, &args[i]);
    code->add(&d->how, d->states[group], args);
}

static void
direct_rows(struct direct *d, const char *sql, bool is_grouped)
{
    duckdb_data_chunk chunk;
    duckdb_result r;

    if (!play_run(&play, sql, &r))
        return;
    while ((chunk = duckdb_fetch_chunk(r)) != NULL) {
        struct cell_column columns[PLAY_COLUMNS];

        for (size_t i = 0; i < PLAY_COLUMNS; i++)
            cell_column_open(&columns[i], play_columns[i].type,
                             duckdb_data_chunk_get_vector(chunk, i));
        for (size_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++) {
            for (size_t i = 0; i < PLAY_COLUMNS; i++)
                cell_read(&columns[i], &play.pool, row, &d->run.cells[i]);
            direct_row(d, is_grouped);
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&r);
}

/* ---- comparing ---- */

static int
compare_values(const void *a, const void *b)
{
    return kql_value_compare(a, b);
}

/* An array whose order means nothing, in one; those in it, too. */
static struct kql_value
sorted(const struct kql_value *v)
{
    struct kql_value copy = kql_value_copy(&play.pool, v);

    if (v->is_null || v->type != KQL_ARRAY)
        return copy;
    for (uint32_t i = 0; i < copy.array->count; i++)
        if (copy.array->items[i].type == KQL_ARRAY)
            ((struct kql_value *)(uintptr_t)copy.array->items)[i] = sorted(&copy.array->items[i]);
    if (v->array->count > 1)
        qsort((void *)(uintptr_t)copy.array->items, copy.array->count, sizeof(struct kql_value),
              compare_values);
    return copy;
}

static bool
is_near(const struct kql_value *a, const struct kql_value *b)
{
    if (a->is_null || b->is_null || a->type != KQL_REAL || b->type != KQL_REAL)
        return a->is_null == b->is_null && (a->is_null || a->type == b->type) &&
               kql_value_same(a, b);
    return (isnan(a->r) && isnan(b->r)) || a->r == b->r ||
           fabs(a->r - b->r) <= 1e-9 * fmax(fabs(a->r), fabs(b->r));
}

static bool
is_alike(const struct kql_value *a, const struct kql_value *b, bool minds_order)
{
    struct kql_value x, y;

    if (minds_order)
        return is_near(a, b);
    x = sorted(a);
    y = sorted(b);
    return is_near(&x, &y);
}

static const struct kql_expr *
aggregate_of(const char *text)
{
    const struct kql_op *plan =
        play_bind(&play, pool_printf(&play.pool, "T | summarize %s", text).p);

    while (plan != NULL && plan->kind != KQL_OP_SUMMARIZE)
        plan = plan->input;
    return plan == NULL ? NULL : plan->u.summarize.aggregates[0];
}

/* function(number, list({...} ORDER BY order)) */
static struct span
fold_call(const struct program_call *call, const char *order)
{
    struct span text =
        pool_printf(&play.pool, "%s(%llu, list(", call->function, (unsigned long long)call->number);

    if (call->count > 1)
        text = pool_printf(&play.pool, "%s{", text.p);
    for (uint32_t i = 0; i < call->count && call->count > 1; i++)
        text = pool_printf(&play.pool, "%s%s'f%u': c%u", text.p, i > 0 ? ", " : "", i,
                           call->columns[i]);
    if (call->count > 1)
        text = pool_printf(&play.pool, "%s}", text.p);
    else if (call->count == 1)
        text = pool_printf(&play.pool, "%sc%u", text.p, call->columns[0]);
    else
        text = pool_printf(&play.pool, "%s1", text.p);
    return pool_printf(&play.pool, "%s ORDER BY %s))", text.p, order);
}

/* Result 'result' of the aggregate, by DuckDB and directly, over the rows of 'from'; in an order: as a fold. */
static void
check_same(struct programs *p, const char *text, uint32_t result, const char *from,
           const char *order, bool is_grouped)
{
    const struct kql_expr *e = aggregate_of(text);
    struct program_call call = {0};
    struct err err = {""};
    struct direct direct;
    struct span f, sql;
    duckdb_data_chunk chunk;
    duckdb_result r;
    size_t groups = 0, differ = 0;

    if (e == NULL ||
        !(order == NULL ? programs_add_aggregate(p, e, result, &play.schema, &call, &err)
                        : programs_add_fold(p, e, result, &play.schema, &call, &err))) {
        CHECK(false, "%s: %s", text, err.text);
        return;
    }
    direct_begin(&direct, e);
    direct_rows(&direct,
                pool_printf(&play.pool, "SELECT * FROM %s%s%s", from,
                            order == NULL ? "" : " ORDER BY ", order == NULL ? "" : order)
                    .p,
                is_grouped);
    f = order == NULL ? play_call(&play, &call) : fold_call(&call, order);
    sql = pool_printf(&play.pool, "SELECT %s, %s FROM %s%s", is_grouped ? "c3" : "NULL::INTEGER",
                      f.p, from, is_grouped ? " GROUP BY c3" : "");
    if (!play_run(&play, sql.p, &r))
        return;
    while ((chunk = duckdb_fetch_chunk(r)) != NULL) {
        struct cell_column key, value;

        cell_column_open(&key, KQL_INT, duckdb_data_chunk_get_vector(chunk, 0));
        cell_column_open(&value,
                         result == UINT32_MAX ? KQL_DYNAMIC
                         : e->result_count > 1 && e->function->aggregate->leading == 0
                             ? (enum kql_type)e->arguments[result]->type
                             : (enum kql_type)e->type,
                         duckdb_data_chunk_get_vector(chunk, 1));
        for (size_t row = 0; row < duckdb_data_chunk_get_size(chunk); row++, groups++) {
            struct kql_value k, v, should[16];
            size_t group;

            cell_read(&key, &play.pool, row, &k);
            cell_read(&value, &play.pool, row, &v);
            group = !is_grouped ? 0 : k.is_null ? GROUPS - 1 : (size_t)k.i;
            for (size_t i = 0; i < COUNT_OF(should); i++)
                should[i] = kql_null((enum kql_type)e->type);
            e->function->aggregate->finish(&direct.how, direct.states[group], should);
            if (result == UINT32_MAX)
                should[0] = kql_array_of(
                    &play.pool, memcpy(pool_take(&play.pool, sizeof should), should, sizeof should),
                    e->result_count);
            else
                should[0] = should[result];
            if (!is_alike(&v, &should[0], order != NULL || result == UINT32_MAX) && differ++ == 0)
                printf("%s: %.200s, not %.200s\n", text,
                       kql_to_text(&play.pool, KQL_DYNAMIC, &v).text,
                       kql_to_text(&play.pool, KQL_DYNAMIC, &should[0]).text);
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    CHECK(differ == 0 && groups == (is_grouped ? GROUPS : 1), "%s%s: %zu groups of %zu differ",
          text, is_grouped ? " by k" : "", differ, groups);
    duckdb_destroy_result(&r);
    kql_program_free(direct.code);
}

static const char *const aggregates[] = {
    "count()",
    "countif(n > 0)",
    "sum(n)",
    "sum(k)",
    "sum(r)",
    "sum(m)",
    "sum(p)",
    "sumif(n, b)",
    "avg(n)",
    "avg(m)",
    "avg(p)",
    "avg(t)",
    "avgif(r, r < 100)",
    "min(n)",
    "max(s)",
    "min(r)",
    "max(r)",
    "min(t)",
    "min(m)",
    "maxif(n, b)",
    "minif(s, n > 0)",
    "dcount(s)",
    "dcount(g)",
    "dcountif(n, b)",
    "count_distinct(w)",
    "make_list(n)",
    "make_list(s, 3000)",
    "make_list_if(n, b)",
    "make_list_with_nulls(k)",
    "make_list(d)",
    "make_list(t)",
    "make_set(s)",
    "make_set(n)",
    "make_set_if(w, b)",
    "make_set(d)",
    "make_set(g)",
    "make_bag(d)",
    "make_bag(bag_pack(w, n > 10000))",
    "percentile(n, 50)",
    "percentile(t, 90)",
    "percentilew(n, 3, 25)",
    "percentiles_array(n, 5, 50, 95)",
    "percentiles_array(r, dynamic([10, 20]))",
    "stdev(n)",
    "stdevp(k)",
    "variance(n)",
    "variancep(n)",
    "stdevif(n, b)",
    "covariance(n, k)",
    "variance(p)",
    "binary_all_and(n)",
    "binary_all_or(n)",
    "binary_all_xor(n)",
    "buildschema(d)",
    "dcount(strcat(s, w, n, tostring(g)))",
    "take_anyif(one, n > 0)",
    "take_any(one)",
    "sum(iff(s has 'cmd', 1, 0))",
    "hll(s)",
    "hll(w, 4)",
    "hll_if(n, b)",
    "hll(strcat(s, n, k, w))",
    "tdigest(n)",
    "tdigest(k, 3)",
};

static void
test_same(void)
{
    static const struct {
        const char *text;
        uint32_t result;
    } several[] = {
        {"arg_max(t, s, n, d)",       0         },
        {"arg_max(t, s, n, d)",       1         },
        {"arg_max(t, s, n, d)",       3         },
        {"arg_max(t, s, n, d)",       UINT32_MAX},
        {"arg_min(t, g, m)",          2         },
        {"arg_min(t, p)",             0         },
        {"percentiles(n, 5, 50, 95)", 2         },
        {"percentiles(t, 5, 50, 95)", 0         },
        {"percentilesw(n, k, 5, 50)", 1         },
        {"percentiles(n, 5, 50)",     UINT32_MAX},
    };
    struct programs *p;

    for (size_t i = 0; i < COUNT_OF(aggregates); i++)
        for (int is_grouped = 0; is_grouped < 2; is_grouped++) {
            struct pool_mark mark = pool_mark(&play.pool);

            p = make(&options);
            check_same(p, aggregates[i], 0, "big", NULL, is_grouped);
            programs_free(p);
            pool_return(&play.pool, mark);
        }
    for (size_t i = 0; i < COUNT_OF(several); i++)
        for (int is_grouped = 0; is_grouped < 2; is_grouped++) {
            struct pool_mark mark = pool_mark(&play.pool);

            p = make(&options);
            check_same(p, several[i].text, several[i].result, "big", NULL, is_grouped);
            programs_free(p);
            pool_return(&play.pool, mark);
        }
}

/* Gathered in an order, and in that order. */
static void
test_order(void)
{
    static const char order[] = "c6 DESC NULLS LAST, c2, c4, c3";

    for (size_t i = 0; i < COUNT_OF(aggregates); i++)
        for (int is_grouped = 0; is_grouped < 2; is_grouped++) {
            struct pool_mark mark = pool_mark(&play.pool);
            struct programs *p = make(&options);

            check_same(p, aggregates[i], 0, "T", order, is_grouped);
            programs_free(p);
            pool_return(&play.pool, mark);
        }
    struct programs *p = make(&options);

    check_same(p, "arg_max(n, s, d)", 1, "T", order, true);
    check_same(p, "arg_max(n, s, d)", UINT32_MAX, "T", order, false);
    check_same(p, "take_any(s, d)", 0, "T", order, false);
    check_same(p, "make_list(1)", 0, "T", order, true);
    programs_free(p);
}

/* Groups by columns that a file keeps as one value, in runs or in a dictionary: DuckDB has ways of its own for those. */
static void
test_compressed_keys(void)
{
    static const char *const keys[] = {"one", "w", "run", "one, run", "w, run", "run, w, one"};
    char folder[] = "/tmp/program_aggregate_test.XXXXXX", sql[512];
    const struct kql_expr *e = aggregate_of("sum(n)");
    struct programs *p = make(&options);
    struct program_call call;
    struct err err = {""};

    if (mkdtemp(folder) == NULL || e == NULL ||
        !programs_add_aggregate(p, e, 0, &play.schema, &call, &err)) {
        CHECK(false, "%s %s", folder, err.text);
        return;
    }
    snprintf(sql, sizeof sql,
             "ATTACH '%s/f' AS f; CREATE TABLE f.L AS SELECT 'one value' AS one, 'word ' || x %% 7 "
             "AS w, "
             "x // 3000 AS run, CASE WHEN x %% 5 > 0 THEN x END AS c2 FROM range(200000) t(x); "
             "CHECKPOINT f",
             folder);
    for (size_t i = 0; play_run(&play, i == 0 ? sql : "SELECT 1", NULL) && i < COUNT_OF(keys);
         i++) {
        duckdb_result r;

        snprintf(
            sql, sizeof sql,
            "SELECT count(*) FROM (SELECT %s AS a, coalesce(sum(c2), 0) AS b FROM f.L GROUP BY %s) "
            "WHERE a IS DISTINCT FROM b",
            play_call(&play, &call).p, keys[i]);
        if (!play_run(&play, sql, &r))
            continue;
        CHECK(duckdb_value_int64(&r, 0, 0) == 0, "by %s: %lld groups differ", keys[i],
              (long long)duckdb_value_int64(&r, 0, 0));
        duckdb_destroy_result(&r);
    }
    play_run(&play, "DETACH f", NULL);
    programs_free(p);
    snprintf(sql, sizeof sql, "%s/f", folder);
    unlink(sql);
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
}

/* The calls of one arg_max or take_any over the same rows choose one row. */
static void
test_one_row(void)
{
    const struct kql_expr *e = aggregate_of("take_any(s, n, t, g)");
    struct programs *p = make(&options);
    struct program_call calls[4];
    struct err err = {""};
    duckdb_result r;
    char sql[1024];

    for (uint32_t i = 0; e != NULL && i < 4; i++)
        if (!programs_add_aggregate(p, e, i, &play.schema, &calls[i], &err)) {
            CHECK(false, "%s", err.text);
            return;
        }
    snprintf(sql, sizeof sql,
             "SELECT count(*), count(DISTINCT k), sum((SELECT count(*) > 0 FROM T WHERE T.c0 = x.s "
             "AND T.c2 IS NOT "
             "DISTINCT FROM x.n AND T.c6 IS NOT DISTINCT FROM x.t AND T.c8 IS NOT DISTINCT FROM "
             "x.g)::INTEGER) FROM "
             "(SELECT c3 AS k, %s AS s, %s AS n, %s AS t, %s AS g FROM big GROUP BY c3) x",
             play_call(&play, &calls[0]).p, play_call(&play, &calls[1]).p,
             play_call(&play, &calls[2]).p, play_call(&play, &calls[3]).p);
    if (play_run(&play, sql, &r)) {
        CHECK(duckdb_value_int64(&r, 2, 0) == GROUPS, "%lld of %lld rows are rows of the table",
              (long long)duckdb_value_int64(&r, 2, 0), (long long)duckdb_value_int64(&r, 0, 0));
        duckdb_destroy_result(&r);
    }
    programs_free(p);
}

/* Without a row a program cannot be known: NULL, and what is to stand there is told. */
static void
test_none(void)
{
    static const struct {
        const char *text, *none;
    } rows[] = {
        {"count()",          "0"  },
        {"sum(r)",           "0.0"},
        {"avg(n)",           "nan"},
        {"make_list(n)",     "[]" },
        {"make_set(s)",      "[]" },
        {"make_bag(d)",      "{}" },
        {"min(n)",           ""   },
        {"max(s)",           ""   },
        {"percentile(n, 5)", ""   },
        {"stdev(n)",         "0.0"},
        {"dcount(s)",        "0"  },
        {"arg_max(n, s)",    ""   },
        {"binary_all_or(n)", ""   },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct kql_expr *e = aggregate_of(rows[i].text);
        struct programs *p = make(&options);
        struct program_call call;
        struct err err = {""};
        duckdb_result r;

        if (e == NULL || !programs_add_aggregate(p, e, 0, &play.schema, &call, &err)) {
            CHECK(false, "%s: %s", rows[i].text, err.text);
            continue;
        }
        struct kql_value none = kql_to_text(&play.pool, KQL_DYNAMIC, &call.of_none);

        CHECK(span_is(kql_text(&none), rows[i].none), "%s of none is %s", rows[i].text, none.text);
        if (play_run(&play,
                     pool_printf(&play.pool, "SELECT %s IS NULL, count(*) FROM T WHERE c2 > 9999",
                                 play_call(&play, &call).p)
                         .p,
                     &r)) {
            CHECK(duckdb_value_boolean(&r, 0, 0), "%s of none is not NULL", rows[i].text);
            duckdb_destroy_result(&r);
        }
        struct kql_value of_fold;

        if (programs_add_fold(p, e, 0, &play.schema, &call, &err) &&
            play_run(&play,
                     pool_printf(&play.pool, "SELECT %s FROM T WHERE c2 > 9999",
                                 fold_call(&call, "c1").p)
                         .p,
                     &r)) {
            duckdb_data_chunk chunk = duckdb_fetch_chunk(r);
            struct cell_column c;

            cell_column_open(&c, call.type, duckdb_data_chunk_get_vector(chunk, 0));
            cell_read(&c, &play.pool, 0, &of_fold);
            CHECK(is_near(&of_fold, &call.of_none), "%s of no list", rows[i].text);
            duckdb_destroy_data_chunk(&chunk);
            duckdb_destroy_result(&r);
        }
        programs_free(p);
    }
}

static void
check_fails(const char *name, const char *sql, const char *says)
{
    duckdb_result r;
    bool is_done = duckdb_query(play.connection, sql, &r) == DuckDBSuccess;

    CHECK(!is_done && strstr(duckdb_result_error(&r), says) != NULL, "%s: %.200s", name,
          is_done ? "done" : duckdb_result_error(&r));
    duckdb_destroy_result(&r);
}

static void
test_ends(void)
{
    static _Atomic bool cancelled = true;
    static const struct {
        const char *name, *text, *format;
        size_t memory_max;
        bool is_cancelled;
        const char *says;
    } rows[] = {
        {"memory",             "make_list(s)", "SELECT %s FROM big",                 1 << 20, false, "memory limit"},
        {"memory of groups",   "make_list(s)", "SELECT c3, %s FROM big GROUP BY c3", 1 << 20, false,
         "memory limit"                                                                                            },
        {"memory of a result", "make_list(n)", "SELECT %s FROM T",                   180000,  false, "memory limit"},
        {"cancelled",          "sum(n)",       "SELECT %s FROM big",                 1 << 20, true,  "cancelled"   },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct programs_options o = options;
        const struct kql_expr *e = aggregate_of(rows[i].text);
        struct program_call call;
        struct programs *p;
        struct err err = {""};
        enum pool_end why = POOL_GOES_ON;

        o.memory_max = rows[i].memory_max;
        o.cancelled = rows[i].is_cancelled ? &cancelled : NULL;
        p = make(&o);
        if (e == NULL || !programs_add_aggregate(p, e, 0, &play.schema, &call, &err)) {
            CHECK(false, "%s: %s", rows[i].text, err.text);
            continue;
        }
        char sql[256];

        snprintf(sql, sizeof sql, rows[i].format, play_call(&play, &call).p);
        check_fails(rows[i].name, sql, rows[i].says);
        CHECK(programs_failed(p, &why, &err) &&
                  why == (rows[i].is_cancelled ? POOL_ABANDONED : POOL_SPENT),
              "%s: %d %s", rows[i].name, why, err.text);
        CHECK(programs_memory(p) <= o.memory_max, "%s: %zu bytes", rows[i].name,
              programs_memory(p));
        programs_free(p);
    }
}

static void
test_wrong_calls(void)
{
    const struct kql_expr *e = aggregate_of("sum(n)"), *scalar = play_expr(&play, "n + 1"),
                          *late = aggregate_of("hll(s)");
    struct programs *p = make(&options);
    struct program_call call, other;
    struct err err = {""};
    char sql[256];

    if (e == NULL || scalar == NULL || late == NULL ||
        !programs_add_aggregate(p, e, 0, &play.schema, &call, &err) ||
        !programs_add(p, scalar, &play.schema, &other, &err)) {
        CHECK(false, "%s", err.text);
        return;
    }
    static const struct {
        const char *format, *says;
        bool is_other;
    } rows[] = {
        {"SELECT kql_sum_long(%llu, c3) FROM T",               "another type than BIGINT",     false},
        {"SELECT kql_sum_long(%llu) FROM T",                   "called with 0 columns, not 1", false},
        {"SELECT kql_sum_real(%llu, c2) FROM T",               "not one of kql_sum_real",      false},
        {"SELECT kql_long(%llu, c2) FROM T",                   "not one of kql_long",          false},
        {"SELECT kql_sum_long(%llu, c2) FROM T",               "not one of kql_sum_long",      true },
        {"SELECT kql_sum_long(NULL, c2 + %llu) FROM T",        "no number",                    false},
        {"SELECT kql_sum_long((%llu + 5)::BIGINT, c2) FROM T", "no program",                   false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        snprintf(sql, sizeof sql, rows[i].format,
                 (unsigned long long)(rows[i].is_other ? other.number : call.number));
        check_fails(sql, sql, rows[i].says);
    }
    CHECK(programs_add_fold(p, late, 0, &play.schema, &other, &err), "%s", err.text);
    static const struct {
        const char *format, *says;
    } folds[] = {
        {"SELECT kql_fold_dynamic(%llu, c0) FROM T",              "not one list"              },
        {"SELECT kql_fold_dynamic(%llu) FROM T",                  "not one list"              },
        {"SELECT kql_fold_dynamic(%llu, list(c0), 1) FROM T",     "not one list"              },
        {"SELECT kql_fold_dynamic(%llu, list(c2)) FROM T",        "another type than VARCHAR" },
        {"SELECT kql_fold_dynamic(%llu, list({'a': c0})) FROM T", "another type than VARCHAR" },
        {"SELECT kql_fold_long(%llu, list(c0)) FROM T",           "not one of kql_fold_long"  },
        {"SELECT kql_sum_dynamic(%llu, c0) FROM T",               "not one of kql_sum_dynamic"},
    };

    for (size_t i = 0; i < COUNT_OF(folds); i++) {
        snprintf(sql, sizeof sql, folds[i].format, (unsigned long long)other.number);
        check_fails(sql, sql, folds[i].says);
    }
    snprintf(sql, sizeof sql, "SELECT kql_fold_long(%llu, list(c2)) FROM T",
             (unsigned long long)call.number);
    check_fails(sql, sql, "not one of kql_fold_long");
    programs_free(p);
    snprintf(sql, sizeof sql, "SELECT kql_sum_long(%llu, c2) FROM T",
             (unsigned long long)call.number);
    check_fails("a number out of date", sql, "no program");
}

int
main(void)
{
    jmp_buf spent;

    pool_init(&play.pool, (size_t)2 << 30);
    if (setjmp(spent) != 0) {
        CHECK(false, "the pool ended: %s", play.pool.reason.text);
        return test_end();
    }
    play.pool.escape = &spent;
    /* each part is read with states of its own, which are merged */
    if (!play_open(&play) ||
        !play_run(&play,
                  "CREATE VIEW big AS FROM T UNION ALL FROM T UNION ALL FROM T UNION ALL "
                  "SELECT * FROM T WHERE c2 > 400 UNION ALL FROM T",
                  NULL))
        return test_end();
    test_same();
    test_order();
    test_one_row();
    test_compressed_keys();
    test_none();
    test_ends();
    test_wrong_calls();
    play_close(&play);
    return test_end();
}
