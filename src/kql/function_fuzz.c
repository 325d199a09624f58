/* function_fuzz.c - every row of the function table that is a scalar function or an operator, called
 * with values from the edges of their types and texts from the input; prepared and not. The pool is
 * small and time short: a call that wants more must leave by the escape. */
#include "base/clock.h"
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/random.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *p, *end;
    struct pool *pool;
};

static unsigned
take(struct input *in, unsigned below)
{
    return in->p == in->end ? 0 : *in->p++ % below;
}

static struct span
take_text(struct input *in)
{
    size_t wanted = take(in, 40), left = (size_t)(in->end - in->p);
    struct span text = {(const char *)in->p, wanted < left ? wanted : left};

    in->p += text.n;
    return pool_text(in->pool, text);
}

static int64_t
take_whole(struct input *in)
{
    static const int64_t edges[] = {0,  1,         -1,        2,          7,         63,
                                    64, INT32_MAX, INT32_MIN, INT64_MAX,  INT64_MIN, 1000000,
                                    10, 100,       -100,      1546300800, 3,         400000};

    return edges[take(in, COUNT_OF(edges))];
}

static struct kql_value take_value(struct input *in, enum kql_type type, int depth);

static struct kql_value
take_dynamic(struct input *in, int depth)
{
    static const char *const texts[] = {"[]",
                                        "{}",
                                        "[1,2,3]",
                                        "[\"a\",\"b\",null]",
                                        "{\"a\":1,\"b\":{\"c\":[1.5]}}",
                                        "[[1,2],[3]]",
                                        "[1e308,-1e308,0]",
                                        "[null]",
                                        "[9223372036854775807,-9223372036854775808]",
                                        "{\"type\":\"Point\",\"coordinates\":[1.5,2.5]}"};
    struct kql_array_builder b = {.pool = in->pool};

    switch (depth > 3 ? 0 : take(in, 4)) {
    case 0:
        return kql_parse_json(in->pool, span_of(texts[take(in, COUNT_OF(texts))]));
    case 1:
        for (unsigned n = take(in, 12); n > 0; n--)
            kql_array_add(&b,
                          take_value(in, (enum kql_type)(1 + take(in, KQL_DYNAMIC)), depth + 1));
        return kql_array_finish(&b);
    case 2:
        return kql_parse_json(in->pool, take_text(in));
    default:
        return take_value(in, (enum kql_type)(1 + take(in, KQL_GUID)), depth + 1);
    }
}

static struct kql_value
take_value(struct input *in, enum kql_type type, int depth)
{
    static const double reals[] = {0,      -0.0, 1,       -1,   0.5,    2.5,    1e308, -1e308,
                                   5e-324, 1e15, 123.456, 1e-9, 9.3e18, 4.6e18, 90,    180};
    static const char *const decimals[] = {"0",
                                           "-0.1",
                                           "9999999999999999999999999999999999",
                                           "0.0000000000000000000000000000000001",
                                           "12.50",
                                           "-7"};
    struct kql_value v = kql_integer(type, take_whole(in)), text;

    switch (type) {
    case KQL_BOOL:
        v.i &= 1;
        return v;
    case KQL_INT:
        v.i = (int32_t)(uint32_t)(uint64_t)v.i;
        return v;
    case KQL_LONG:
    case KQL_TIMESPAN:
        return v;
    case KQL_DATETIME:
        v.i = v.i < 0 || v.i > KQL_DATETIME_MAX ? KQL_DATETIME_MAX : v.i * 7919 % KQL_DATETIME_MAX;
        return v;
    case KQL_REAL:
        switch (take(in, 8)) {
        case 0:
            return kql_real((double)NAN);
        case 1:
            return kql_real((double)INFINITY);
        default:
            return kql_real(reals[take(in, COUNT_OF(reals))]);
        }
    case KQL_STRING:
        return kql_string(take_text(in));
    case KQL_DECIMAL:
        text = kql_string(span_of(decimals[take(in, COUNT_OF(decimals))]));
        return kql_convert(in->pool, KQL_STRING, &text, KQL_DECIMAL);
    case KQL_GUID:
        text = kql_string(SPAN_LITERAL("74be27de-1e4e-49d9-b579-fe0b331d3642"));
        return kql_convert(in->pool, KQL_STRING, &text, KQL_GUID);
    default:
        return take_dynamic(in, depth);
    }
}

static enum kql_type
type_for(struct input *in, uint8_t parameter, enum kql_type common)
{
    static const uint8_t numbers[] = {KQL_LONG, KQL_REAL, KQL_DECIMAL},
                         summable[] = {KQL_LONG, KQL_REAL, KQL_DECIMAL, KQL_TIMESPAN, KQL_DATETIME};

    switch (parameter) {
    case KQL_P_NUMBER:
        return (enum kql_type)numbers[take(in, COUNT_OF(numbers))];
    case KQL_P_INTEGER:
        return KQL_LONG;
    case KQL_P_SUMMABLE:
        return (enum kql_type)summable[take(in, COUNT_OF(summable))];
    case KQL_P_ORDERED:
        return (enum kql_type)(1 + take(in, KQL_GUID));
    case KQL_P_ARRAY:
    case KQL_P_BAG:
        return KQL_DYNAMIC;
    case KQL_P_T:
    case KQL_P_U:
        return common;
    default:
        return parameter >= KQL_BOOL && parameter <= KQL_DYNAMIC
                   ? (enum kql_type)parameter
                   : (enum kql_type)(1 + take(in, KQL_DYNAMIC));
    }
}

static const struct kql_function *rows[2048];
static unsigned row_count;

static void
collect(void)
{
    for (const struct kql_function *f = kql_function_next(NULL);
         f != NULL && row_count < COUNT_OF(rows); f = kql_function_next(f))
        if ((f->kind == KQL_SCALAR || f->kind == KQL_OPERATOR) && f->call != NULL &&
            !(f->flags & KQL_F_NOT_BUILT))
            rows[row_count++] = f;
}

enum { ARGUMENTS_MAX = 12 };

static uint32_t
take_arguments(struct input *in, const struct kql_function *f, const struct kql_signature *s,
               struct kql_value *args, uint8_t *types)
{
    enum kql_type common = (enum kql_type)(1 + take(in, KQL_DYNAMIC));
    uint32_t needed = 0, count, group = s->count - s->repeat_first;

    while (needed < s->count && !s->parameters[needed].is_optional &&
           needed < s->repeat_first + group)
        needed++;
    count = s->count > needed ? needed + take(in, s->count - needed + 1) : needed;
    if (group > 0 && count >= s->repeat_first)
        count = s->repeat_first + group * (1 + take(in, 3));
    if (count > ARGUMENTS_MAX)
        count = needed < ARGUMENTS_MAX ? needed : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i < s->count ? i : s->repeat_first + (i - s->repeat_first) % group;
        enum kql_type type = type_for(in, s->parameters[at].type, common);
        bool is_null = (f->flags & KQL_F_TAKES_NULLS) && take(in, 6) == 0;

        types[i] = (uint8_t)type;
        args[i] = is_null ? kql_null(type) : take_value(in, type, 0);
        if (args[i].is_null && !(f->flags & KQL_F_TAKES_NULLS))
            return UINT32_MAX;
    }
    return count;
}

/* What came back is a value that others can use. */
static void
check_result(struct pool *p, struct kql_value *result)
{
    struct kql_value text = kql_to_text(p, KQL_DYNAMIC, result);

    assert(result->type <= KQL_BAG && text.type == KQL_STRING);
    if (!result->is_null && result->type == KQL_DATETIME)
        assert(result->i >= 0 && result->i <= KQL_DATETIME_MAX);
    if (!result->is_null && result->type == KQL_INT)
        assert(result->i >= INT32_MIN && result->i <= INT32_MAX);
    (void)kql_value_hash(result);
}

static void
call_row(struct input *in, const struct kql_function *f)
{
    struct kql_value args[ARGUMENTS_MAX], result;
    const struct kql_value *constants[ARGUMENTS_MAX];
    uint8_t types[ARGUMENTS_MAX] = {0};
    struct kql_random random;
    struct kql_signature s;
    struct err err = {""};
    uint32_t overload = take(in, 8), constant = take(in, 255);
    struct kql_call call = {
        .pool = in->pool, .types = types, .random = &random, .now = INT64_C(637277409050000000)};

    if (!kql_signature_read(f, overload, &s) && !kql_signature_read(f, 0, &s))
        return;
    kql_random_seed(&random, 1);
    call.count = take_arguments(in, f, &s, args, types);
    if (call.count > ARGUMENTS_MAX)
        return;
    call.result_type = s.result_of > 0 && call.count > 0 ? types[s.result_of - 1]
                       : s.result < KQL_TYPE_COUNT       ? s.result
                       : call.count > 0                  ? types[call.count - 1]
                                                         : KQL_LONG;
    for (uint32_t i = 0; i < call.count; i++) {
        bool is_constant =
            (constant >> (i % 8) & 1) || (i < s.count && s.parameters[i].is_constant);

        constants[i] = is_constant ? &args[i] : NULL;
    }
    if (f->prepare != NULL) {
        call.prepared = f->prepare(in->pool, constants, call.count, &err);
        if (call.prepared == NULL && err.text[0] != '\0')
            return;
    }
    result = kql_null((enum kql_type)call.result_type);
    jmp_buf *outer = in->pool->escape, here;

    in->pool->escape = &here;
    if (setjmp(here) == 0) {
        f->call(&call, args, &result);
        check_result(in->pool, &result);
    }
    in->pool->escape = outer;
    if (call.prepared != NULL && f->release != NULL)
        f->release(call.prepared);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pool pool;
    struct input in = {data, data + size, &pool};
    jmp_buf escape;

    if (row_count == 0)
        collect();
    if (size < 4)
        return 0;
    pool_init(&pool, 8 * 1024 * 1024);
    pool.deadline_ms = clock_monotonic_ms() + 3000;
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        unsigned row = (unsigned)(data[0] << 8 | data[1]) % row_count;

        in.p += 2;
        call_row(&in, rows[row]);
    }
    pool_free(&pool);
    return 0;
}
