/* function_sketch.c - the rows of the function table for sketches: hll() and tdigest(), what merges
 * them and what reads them. What is not a sketch answers null. */
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/sketch.h"
#include <math.h>

/* ---- hll ---- */

static void
hll_put(struct kql_call *call, struct hll *h, const struct kql_value *args, uint32_t accuracy)
{
    if (h->bits == 0) {
        bool is_given = call->count > accuracy && !args[accuracy].is_null;

        h->bits = hll_bits(is_given ? args[accuracy].i : 1);
        if (h->bits == 0)
            pool_abandon(call->pool, "hll(): an accuracy is 0 to 4, not %lld",
                         (long long)args[accuracy].i);
    }
    if (!args[0].is_null)
        hll_add(call->pool, h, kql_value_hash(&args[0]));
}

static void
hll_all_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    hll_put(call, state, args, 1);
}

static void
hll_if_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (kql_is_true(&args[1]))
        hll_put(call, state, args, 2);
}

static void
hll_merge_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (hll_merge(call->pool, state, &args[0]) == SKETCH_DIFFERS)
        pool_abandon(call->pool,
                     "hll_merge(): values of hll() with different accuracies cannot be merged");
}

static void
hll_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    struct hll *h = state;

    if (h->bits == 0) /* of no rows */
        h->bits = hll_bits(1);
    *result = hll_value(call->pool, h);
}

static void
hll_state_merge(struct kql_call *call, void *state, void *other)
{
    if (hll_absorb(call->pool, state, other) == SKETCH_DIFFERS)
        pool_abandon(call->pool,
                     "hll_merge(): values of hll() with different accuracies cannot be merged");
}

static const struct kql_aggregate hll_all = {sizeof(struct hll), NULL, hll_all_add, hll_finish,
                                             hll_state_merge,    0};
static const struct kql_aggregate hll_if = {sizeof(struct hll), NULL, hll_if_add, hll_finish,
                                            hll_state_merge,    0};
static const struct kql_aggregate hll_merge_all = {
    sizeof(struct hll), NULL, hll_merge_add, hll_finish, hll_state_merge, 0};

static void
call_hll_merge(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct hll all = {.bits = 0};

    *result = kql_null(KQL_DYNAMIC);
    for (uint32_t i = 0; i < call->count; i++)
        if (!args[i].is_null && hll_merge(call->pool, &all, &args[i]) != SKETCH_MERGED)
            return;
    if (all.bits != 0)
        *result = hll_value(call->pool, &all);
}

static void
call_dcount_hll(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct hll h = {.bits = 0};

    *result = hll_merge(call->pool, &h, &args[0]) == SKETCH_MERGED
                  ? kql_integer(KQL_LONG, hll_count(&h))
                  : kql_null(KQL_LONG);
}

/* ---- tdigest ---- */

static void
digest_all_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (call->count == 1)
        digest_add(call->pool, state, &args[0], 1);
    else if (!args[1].is_null)
        digest_add(call->pool, state, &args[0], args[1].i);
}

static void
digest_merge_add(struct kql_call *call, void *state, const struct kql_value *args)
{
    if (digest_merge(call->pool, state, &args[0]) == SKETCH_DIFFERS)
        pool_abandon(call->pool, "tdigest_merge(): values of tdigest() over different types cannot "
                                 "be merged");
}

static void
digest_finish(struct kql_call *call, void *state, struct kql_value *result)
{
    *result = digest_value(call->pool, state);
}

static void
digest_state_merge(struct kql_call *call, void *state, void *other)
{
    if (digest_absorb(call->pool, state, other) == SKETCH_DIFFERS)
        pool_abandon(call->pool, "tdigest_merge(): values of tdigest() over different types cannot "
                                 "be merged");
}

static const struct kql_aggregate digest_all = {
    sizeof(struct digest), NULL, digest_all_add, digest_finish, digest_state_merge, 0};
static const struct kql_aggregate digest_merge_all = {
    sizeof(struct digest), NULL, digest_merge_add, digest_finish, digest_state_merge, 0};

static void
call_tdigest_merge(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct digest all = {.type = KQL_UNKNOWN};
    bool any = false;

    *result = kql_null(KQL_DYNAMIC);
    for (uint32_t i = 0; i < call->count; i++) {
        if (args[i].is_null)
            continue;
        any = true;
        if (digest_merge(call->pool, &all, &args[i]) != SKETCH_MERGED)
            return;
    }
    if (any)
        *result = digest_value(call->pool, &all);
}

static void
call_percentile_tdigest(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    struct digest d = {.type = KQL_UNKNOWN};

    *result = digest_merge(call->pool, &d, &args[0]) == SKETCH_MERGED
                  ? digest_percentile(&d, args[1].r)
                  : kql_null(KQL_DYNAMIC);
}

static void
call_percentiles_array_tdigest(struct kql_call *call, const struct kql_value *args,
                               struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    const struct kql_value *asked = &args[1];
    uint32_t count = call->count - 1;
    struct digest d = {.type = KQL_UNKNOWN};

    *result = kql_null(KQL_DYNAMIC);
    if (digest_merge(call->pool, &d, &args[0]) != SKETCH_MERGED)
        return;
    if (asked->type == KQL_ARRAY) {
        count = asked->array->count;
        asked = asked->array->items;
    }
    for (uint32_t i = 0; i < count; i++) {
        double percent = asked[i].is_null               ? NAN
                         : asked[i].type == KQL_REAL    ? asked[i].r
                         : asked[i].type == KQL_DECIMAL ? kql_decimal_to_real(asked[i].decimal)
                         : asked[i].type == KQL_INT || asked[i].type == KQL_LONG
                             ? (double)asked[i].i
                             : NAN;

        kql_array_add(&b, digest_percentile(&d, percent));
    }
    *result = kql_array_finish(&b);
}

static void
call_rank_tdigest(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct digest d = {.type = KQL_UNKNOWN};
    double rank;

    *result = kql_null(KQL_REAL);
    if (digest_merge(call->pool, &d, &args[0]) != SKETCH_MERGED || d.count == 0)
        return;
    rank = digest_rank(&d, &args[1]);
    if (!isnan(rank))
        *result = kql_real(rank);
}

static void
call_percentrank_tdigest(struct kql_call *call, const struct kql_value *args,
                         struct kql_value *result)
{
    struct digest d = {.type = KQL_UNKNOWN};

    call_rank_tdigest(call, args, result);
    if (!result->is_null && digest_merge(call->pool, &d, &args[0]) == SKETCH_MERGED)
        *result = kql_real(result->r * 100 / (double)d.weight);
}

#define AGGREGATE(NAME, SIGNATURE, STATE, COLUMN, DOC)                                             \
    {                                                                                              \
        .name = (NAME), .kind = KQL_AGGREGATE, .signature = (SIGNATURE), .aggregate = &(STATE),    \
        .column = (COLUMN), .doc = (DOC), .group = "sketch", .flags = KQL_F_TAKES_NULLS            \
    }
#define SCALAR(NAME, SIGNATURE, CALL, FLAGS, COLUMN, DOC)                                          \
    {                                                                                              \
        .name = (NAME), .kind = KQL_SCALAR, .flags = (FLAGS), .signature = (SIGNATURE),            \
        .call = (CALL), .column = (COLUMN), .doc = (DOC), .group = "sketch"                        \
    }

const struct kql_function kql_functions_sketch[] = {
    AGGREGATE("hll", "(expr: any, accuracy?: const long) -> dynamic", hll_all, "hll_*",
              "A sketch of the different values, for dcount_hll() and hll_merge(); accuracy 0 to "
              "4."),
    AGGREGATE("hll_if", "(expr: any, predicate: bool, accuracy?: const long) -> dynamic", hll_if,
              "hll_if_*", "hll() over the rows for which the predicate is true."),
    AGGREGATE("hll_merge", "(hll: dynamic) -> dynamic", hll_merge_all, "hll_merge_*",
              "One sketch of several made by hll()."),
    AGGREGATE("tdigest",
              "(expr: int, weight?: long) -> dynamic\n(expr: long, weight?: long) -> dynamic\n"
              "(expr: real, weight?: long) -> dynamic\n(expr: datetime, weight?: long) -> dynamic\n"
              "(expr: timespan, weight?: long) -> dynamic\n"
              "(expr: decimal, weight?: long) -> dynamic",
              digest_all, "tdigest_*",
              "A sketch of how the values are distributed, for percentile_tdigest() and others."),
    AGGREGATE("tdigest_merge", "(tdigest: dynamic) -> dynamic", digest_merge_all,
              "merge_tdigests_*", "One sketch of several made by tdigest()."),
    AGGREGATE("merge_tdigest", "(tdigest: dynamic) -> dynamic", digest_merge_all,
              "merge_tdigests_*", "tdigest_merge()."),
    SCALAR("hll_merge", "(hll: dynamic, hlls: dynamic...) -> dynamic", call_hll_merge,
           KQL_F_TAKES_NULLS, "hll_merged_result", "One sketch of several made by hll()."),
    SCALAR("dcount_hll", "(hll: dynamic) -> long", call_dcount_hll, 0, "dcount_hll_*",
           "How many different values a sketch made by hll() stands for."),
    SCALAR("tdigest_merge", "(tdigest: dynamic, tdigests: dynamic...) -> dynamic",
           call_tdigest_merge, KQL_F_TAKES_NULLS, "tdigests_merge_result",
           "One sketch of several made by tdigest()."),
    SCALAR("merge_tdigest", "(tdigest: dynamic, tdigests: dynamic...) -> dynamic",
           call_tdigest_merge, KQL_F_TAKES_NULLS, "tdigests_merge_result", "tdigest_merge()."),
    SCALAR("percentile_tdigest", "(tdigest: dynamic, percentile1: real) -> dynamic",
           call_percentile_tdigest, 0, "percentile_tdigest_*",
           "The percentile of the values that a tdigest() stands for; typeof(...) as third "
           "argument gives the result's type."),
    SCALAR("percentiles_array_tdigest",
           "(tdigest: dynamic, percentiles: dynamic) -> dynamic\n"
           "(tdigest: dynamic, percentile: real...) -> dynamic",
           call_percentiles_array_tdigest, 0, "percentile_tdigest_*",
           "Several percentiles of the values that a tdigest() stands for, in an array."),
    SCALAR("rank_tdigest", "(digest: dynamic, value: any) -> real", call_rank_tdigest, 0, NULL,
           "How many of the values that a tdigest() stands for are not above this one."),
    SCALAR("percentrank_tdigest", "(digest: dynamic, value: any) -> real", call_percentrank_tdigest,
           0, NULL, "rank_tdigest() in percent of all the values."),
    {.name = NULL},
};
