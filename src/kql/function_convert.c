/* function_convert.c - the rows of the function table for conversions, questions about values
 * (isnull, gettype ...), choices (iff, case, coalesce, max_of, min_of) and bits. */
#include "kql/function.h"
#include <math.h>

/* ---- conversions ---- */

/* A constant real that is beyond the integer's range becomes the smallest one, whatever its sign,
 * while one of a column stops at the range's end: so the service has it. */
static bool
is_beyond(double r, enum kql_type to)
{
    return to == KQL_LONG ? r >= 0x1p63 || r < -0x1p63 : r >= 0x1p31 || r <= -0x1p31 - 1;
}

static void
convert(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    bool is_integer = call->result_type == KQL_LONG || call->result_type == KQL_INT;

    if (is_integer && call->is_constant && !args[0].is_null && args[0].type == KQL_REAL &&
        is_beyond(args[0].r, (enum kql_type)call->result_type)) {
        *result = kql_integer((enum kql_type)call->result_type,
                              call->result_type == KQL_LONG ? INT64_MIN : INT32_MIN);
        return;
    }
    *result = kql_convert(call->pool, (enum kql_type)call->types[0], &args[0],
                          (enum kql_type)call->result_type);
}

/* Of a dynamic, what it holds; else the type that the expression has. */
static void
get_type(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const char *name = kql_type_name((enum kql_type)args[0].type);

    if (call->types[0] != KQL_DYNAMIC)
        name = kql_type_name((enum kql_type)call->types[0]);
    else if (args[0].is_null)
        name = "null";
    else if (args[0].type == KQL_ARRAY)
        name = "array";
    else if (args[0].type == KQL_BAG)
        name = "dictionary";
    else if (args[0].type == KQL_REAL)
        name = "double";
    *result = kql_string(span_of(name));
}

/* ---- questions ---- */

static void
is_null(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(args[0].is_null);
}

static void
is_not_null(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(!args[0].is_null);
}

static bool
has_nothing(const struct kql_value *v)
{
    return v->is_null || (v->type == KQL_STRING && v->size == 0);
}

static void
is_empty(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(has_nothing(&args[0]));
}

static void
is_not_empty(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(!has_nothing(&args[0]));
}

static void
is_nan(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(isnan(args[0].r));
}

static void
is_infinite(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(isinf(args[0].r));
}

static void
is_finite(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(isfinite(args[0].r));
}

static void
negation(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_bool(args[0].i == 0);
}

/* ---- choices ---- */

static void
choose(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_is_true(&args[0]) ? args[1] : args[2];
}

static void
choose_case(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    uint32_t i = 0;

    while (i + 1 < call->count && !kql_is_true(&args[i]))
        i += 2;
    *result = args[i + 1 < call->count ? i + 1 : call->count - 1];
}

static void
coalesce(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_null((enum kql_type)call->result_type);
    for (uint32_t i = 0; i < call->count; i++) {
        if (!has_nothing(&args[i])) {
            *result = args[i];
            return;
        }
    }
}

/* The largest or smallest that is there; NaN if one is. */
static void
extreme(struct kql_call *call, const struct kql_value *args, int sign, struct kql_value *result)
{
    bool is_there = false; /* a string's null is no null */

    *result = kql_null((enum kql_type)call->result_type);
    for (uint32_t i = 0; i < call->count; i++) {
        if (args[i].is_null)
            continue;
        if (args[i].type == KQL_REAL && isnan(args[i].r)) {
            *result = args[i];
            return;
        }
        if (!is_there || kql_value_compare(&args[i], result) * sign > 0)
            *result = args[i];
        is_there = true;
    }
}

static void
max_of(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    extreme(call, args, 1, result);
}

static void
min_of(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    extreme(call, args, -1, result);
}

/* ---- bits ---- */

static void
binary_and(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, args[0].i & args[1].i);
}

static void
binary_or(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, args[0].i | args[1].i);
}

static void
binary_xor(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, args[0].i ^ args[1].i);
}

static void
binary_not(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, ~args[0].i);
}

/* By the shift modulo 64; null if that is negative. */
static void
shift_left(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    if (args[1].i < 0)
        *result = kql_null(KQL_LONG);
    else
        *result = kql_integer(KQL_LONG, (int64_t)((uint64_t)args[0].i << (args[1].i & 63)));
}

static void
shift_right(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    if (args[1].i < 0)
        *result = kql_null(KQL_LONG);
    else
        *result = kql_integer(KQL_LONG, args[0].i >> (args[1].i & 63));
}

static void
count_ones(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call;
    *result = kql_integer(KQL_LONG, __builtin_popcountll((unsigned long long)args[0].i));
}

/* ---- the table ---- */

/* clang-format off */
#define CONVERSION(spelled, more_flags, to, line)                                                  \
    {.name = spelled, .kind = KQL_SCALAR,                                                          \
     .flags = KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME | (more_flags),                                 \
     .signature = "(value: any) -> " to, .call = convert, .doc = line, .group = "conversion"}
#define QUESTION(spelled, more_flags, takes, hook, line)                                           \
    {.name = spelled, .kind = KQL_SCALAR, .flags = more_flags, .signature = takes " -> bool",      \
     .call = hook, .doc = line, .group = "questions"}
#define CHOICE(spelled, more_flags, types, hook, line)                                             \
    {.name = spelled, .kind = KQL_SCALAR, .flags = KQL_F_TAKES_NULLS | (more_flags),               \
     .signature = types, .call = hook, .doc = line, .group = "choice"}
#define BITS(spelled, more_flags, takes, hook, line)                                               \
    {.name = spelled, .kind = KQL_SCALAR, .flags = KQL_F_FIRST_NAME | (more_flags),                \
     .signature = takes " -> long", .call = hook, .doc = line, .group = "bits"}

const struct kql_function kql_functions_convert[] = {
    CONVERSION("tobool", KQL_F_TRANSFORM, "bool",
               "The value as a bool: text \"true\" and \"false\", numbers but 0."),
    CONVERSION("toboolean", 0, "bool", "The same as tobool()."),
    CONVERSION("todatetime", KQL_F_TRANSFORM, "datetime",
               "The value as a datetime: text in ISO 8601, RFC 822 or 850, a number of ticks."),
    CONVERSION("todecimal", 0, "decimal", "The value as a decimal number of 34 digits."),
    CONVERSION("todouble", KQL_F_TRANSFORM, "real", "The value as a real."),
    CONVERSION("toreal", KQL_F_TRANSFORM, "real", "The value as a real."),
    {.name = "toguid", .kind = KQL_SCALAR,
     .flags = KQL_F_TAKES_NULLS | KQL_F_FIRST_NAME | KQL_F_TRANSFORM,
     .signature = "(value: string) -> guid\n(value: dynamic) -> guid\n(value: guid) -> guid",
     .call = convert, .doc = "The text as a guid.", .group = "conversion"},
    CONVERSION("toint", KQL_F_TRANSFORM, "int",
               "The value as an int; fractions are cut, a long keeps its low 32 bits."),
    CONVERSION("tolong", KQL_F_TRANSFORM, "long",
               "The value as a long; fractions are cut; text may be hexadecimal (0x1f)."),
    CONVERSION("tostring", KQL_F_TRANSFORM, "string", "The value as text; of a null \"\"."),
    CONVERSION("totimespan", KQL_F_TRANSFORM, "timespan",
               "The value as a timespan: text as 1.02:03:04.5 or 90s, a number of ticks."),
    CONVERSION("totime", KQL_F_LEGACY, "timespan", "The same as totimespan()."),

    {.name = "gettype", .kind = KQL_SCALAR, .flags = KQL_F_TAKES_NULLS | KQL_F_TRANSFORM,
     .signature = "(value: any) -> string", .call = get_type, .column = "type_*",
     .doc = "The name of the value's type; of a dynamic, of what it holds.",
     .group = "questions"},
    QUESTION("isnull", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(expression: any)", is_null,
             "Whether the value is null; text never is."),
    QUESTION("isnotnull", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(expression: any)", is_not_null,
             "Whether the value is there."),
    QUESTION("notnull", KQL_F_TAKES_NULLS | KQL_F_LEGACY, "(expression: any)", is_not_null,
             "The same as isnotnull()."),
    QUESTION("isempty", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(value: any)", is_empty,
             "Whether the value is \"\" or null."),
    QUESTION("isnotempty", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(value: any)", is_not_empty,
             "Whether the value is neither \"\" nor null."),
    QUESTION("notempty", KQL_F_TAKES_NULLS | KQL_F_LEGACY, "(value: any)", is_not_empty,
             "The same as isnotempty()."),
    QUESTION("isnan", KQL_F_TRANSFORM, "(number: real)", is_nan, "Whether the number is NaN."),
    QUESTION("isinf", KQL_F_TRANSFORM, "(number: real)", is_infinite,
             "Whether the number is infinite, of either sign."),
    QUESTION("isfinite", KQL_F_TRANSFORM, "(number: real)", is_finite,
             "Whether the number is neither infinite nor NaN."),
    QUESTION("not", KQL_F_TRANSFORM, "(expression: bool)", negation,
             "True for false, false for true, null for null."),

    CHOICE("iff", KQL_F_LAZY, "(if: bool, then: T, else: T) -> T", choose,
           "The second argument if the first is true, else the third."),
    CHOICE("iif", KQL_F_LAZY | KQL_F_TRANSFORM, "(if: bool, then: T, else: T) -> T", choose,
           "The same as iff()."),
    CHOICE("case", KQL_F_LAZY | KQL_F_TRANSFORM, "(predicate: bool, then: T, else: any...) -> T",
           choose_case, "The value behind the first condition that is true, else the last one."),
    CHOICE("coalesce", KQL_F_LAZY, "(arg: T, more: T...) -> T", coalesce,
           "The first value that is neither null nor \"\"."),
    CHOICE("max_of", KQL_F_TRANSFORM, "(arg: T, more: T...) -> T", max_of,
           "The largest of the values; nulls are passed over."),
    CHOICE("min_of", KQL_F_TRANSFORM, "(arg: T, more: T...) -> T", min_of,
           "The smallest of the values; nulls are passed over."),

    BITS("binary_and", KQL_F_TRANSFORM, "(value1: long, value2: long)", binary_and,
         "The bits that both have."),
    BITS("binary_or", KQL_F_TRANSFORM, "(value1: long, value2: long)", binary_or,
         "The bits that either has."),
    BITS("binary_xor", KQL_F_TRANSFORM, "(value1: long, value2: long)", binary_xor,
         "The bits that only one has."),
    BITS("binary_not", KQL_F_TRANSFORM, "(value: long)", binary_not, "All bits turned over."),
    BITS("binary_shift_left", KQL_F_TRANSFORM, "(value: long, shift: long)", shift_left,
         "The bits moved up by the shift, modulo 64."),
    BITS("binary_shift_right", KQL_F_TRANSFORM, "(value: long, shift: long)", shift_right,
         "The bits moved down by the shift, modulo 64; the sign stays."),
    BITS("bitset_count_ones", 0, "(value: long)", count_ones, "How many bits are set."),
    {.name = NULL},
};
/* clang-format on */
