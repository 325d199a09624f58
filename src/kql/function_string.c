/* function_string.c - the rows of the function table for strings: the operators has, contains and
 * their kin, and the functions on text. */
#include "kql/function_inner.h"
#include "kql/regex.h"
#include "kql/text.h"

/* ---- Operators: one needle ----
 *
 * A needle that is constant is prepared once. The left side may be dynamic: it is searched as the
 * text that tostring() makes of it. */

static void *
prepare_search(struct pool *pool, const struct kql_value *const *constants,
               enum kql_search_kind kind, bool ignores_case)
{
    if (constants[1] == NULL || constants[1]->type != KQL_STRING)
        return NULL;
    return (void *)kql_search_new(pool, kind, ignores_case, kql_text(constants[1]));
}

static inline void
search(struct kql_call *call, const struct kql_value *args, struct kql_value *result,
       enum kql_search_kind kind, bool ignores_case, bool is_negated)
{
    struct span text = arg_text(call, args, 0);
    bool is_in = call->prepared != NULL
                     ? kql_search_in(call->prepared, text)
                     : kql_search_once(kind, ignores_case, arg_text(call, args, 1), text);

    *result = kql_bool(is_in != is_negated);
}

#define SEARCH(name, kind, ignores_case)                                                           \
    static void *prepare_##name(struct pool *pool, const struct kql_value *const *constants,       \
                                uint32_t count, struct err *err)                                   \
    {                                                                                              \
        (void)count, (void)err;                                                                    \
        return prepare_search(pool, constants, kind, ignores_case);                                \
    }                                                                                              \
    static void name(struct kql_call *call, const struct kql_value *args,                          \
                     struct kql_value *result)                                                     \
    {                                                                                              \
        search(call, args, result, kind, ignores_case, false);                                     \
    }                                                                                              \
    static void not_##name(struct kql_call *call, const struct kql_value *args,                    \
                           struct kql_value *result)                                               \
    {                                                                                              \
        search(call, args, result, kind, ignores_case, true);                                      \
    }

SEARCH(equal_ci, KQL_SEARCH_EQUAL, true)
SEARCH(has, KQL_SEARCH_HAS, true)
SEARCH(has_cs, KQL_SEARCH_HAS, false)
SEARCH(has_prefix, KQL_SEARCH_HAS_PREFIX, true)
SEARCH(has_prefix_cs, KQL_SEARCH_HAS_PREFIX, false)
SEARCH(has_suffix, KQL_SEARCH_HAS_SUFFIX, true)
SEARCH(has_suffix_cs, KQL_SEARCH_HAS_SUFFIX, false)
SEARCH(contains, KQL_SEARCH_CONTAINS, true)
SEARCH(contains_cs, KQL_SEARCH_CONTAINS, false)
SEARCH(starts, KQL_SEARCH_STARTS, true)
SEARCH(starts_cs, KQL_SEARCH_STARTS, false)
SEARCH(ends, KQL_SEARCH_ENDS, true)
SEARCH(ends_cs, KQL_SEARCH_ENDS, false)

/* ---- has_any, has_all ---- */

/* The needles from args[1] on, arrays flattened, as text. NULL: not all are constant. */
static struct span *
collect_needles(struct pool *pool, const struct kql_value *const *args, uint32_t count,
                uint32_t *needle_count)
{
    struct span *needles = NULL;
    size_t room = 0;

    *needle_count = 0;
    for (uint32_t i = 1; i < count; i++) {
        const struct kql_value *items = args[i];
        uint32_t item_count = 1;

        if (args[i] == NULL)
            return NULL;
        if (args[i]->type == KQL_ARRAY && !args[i]->is_null) {
            items = args[i]->array->items;
            item_count = args[i]->array->count;
        }
        needles = pool_grow(pool, needles, &room, (size_t)*needle_count + item_count + 1,
                            sizeof *needles);
        for (uint32_t k = 0; k < item_count; k++) {
            struct kql_value text =
                items[k].type == KQL_STRING ? items[k] : kql_to_text(pool, KQL_DYNAMIC, &items[k]);

            needles[(*needle_count)++] = kql_text(&text);
        }
    }
    return needles;
}

static void *
prepare_has_many(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                 struct err *err)
{
    uint32_t needle_count;
    struct span *needles = collect_needles(pool, constants, count, &needle_count);

    (void)err;
    if (needles == NULL)
        return NULL;
    return (void *)kql_search_set_new(pool, KQL_SEARCH_HAS, true, needles, needle_count);
}

static const struct kql_search_set *
needles_of(struct kql_call *call, const struct kql_value *args)
{
    const struct kql_value **pointers;
    uint32_t needle_count;
    struct span *needles;

    if (call->prepared != NULL)
        return call->prepared;
    pointers = pool_zeroed(call->pool, call->count, sizeof(void *));
    for (uint32_t i = 0; i < call->count; i++)
        pointers[i] = &args[i];
    needles = collect_needles(call->pool, pointers, call->count, &needle_count);
    return kql_search_set_new(call->pool, KQL_SEARCH_HAS, true, needles, needle_count);
}

static void
has_any(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(kql_search_any(needles_of(call, args), arg_text(call, args, 0)));
}

static void
has_all(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(kql_search_all(needles_of(call, args), arg_text(call, args, 0)));
}

/* ---- like: '*' stands for any text; not documented any more ---- */

static bool
is_like(struct span text, struct span pattern)
{
    const char *star = NULL;
    bool is_first = true;

    for (;;) {
        struct span piece = pattern;
        ptrdiff_t at;

        star = pattern.n == 0 ? NULL : memchr(pattern.p, '*', pattern.n);
        if (star != NULL)
            piece.n = (size_t)(star - pattern.p);
        if (star == NULL && is_first)
            return span_equal(text, piece);
        if (star == NULL)
            return text.n >= piece.n &&
                   span_equal((struct span){text.p + text.n - piece.n, piece.n}, piece);
        at = kql_find(text, piece, 0);
        if (at < 0 || (is_first && at != 0))
            return false;
        is_first = false;
        text.p += (size_t)at + piece.n;
        text.n -= (size_t)at + piece.n;
        pattern.p = star + 1;
        pattern.n -= piece.n + 1;
    }
}

static bool
like_of(struct kql_call *call, const struct kql_value *args, bool ignores_case)
{
    struct span text = arg_text(call, args, 0), pattern = arg_text(call, args, 1);

    if (ignores_case) {
        text = kql_upper(call->pool, text);
        pattern = kql_upper(call->pool, pattern);
    }
    return is_like(text, pattern);
}

static void
like(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(like_of(call, args, true));
}

static void
not_like(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(!like_of(call, args, true));
}

static void
like_cs(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(like_of(call, args, false));
}

static void
not_like_cs(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(!like_of(call, args, false));
}

/* ---- The table ---- */

#define TEXT_PAIR                                                                                  \
    "(text: string, needle: string) -> bool\n(text: dynamic, needle: string) -> bool\n"            \
    "(text: string, needle: dynamic) -> bool\n(text: dynamic, needle: dynamic) -> bool"
#define TEXT_LIST                                                                                  \
    "(text: string, needles: any...) -> bool\n(text: dynamic, needles: any...) -> bool"
#define OPERATOR(spelled, hook, prepared, azure, line)                                             \
    {                                                                                              \
        .name = spelled, .kind = KQL_OPERATOR, .flags = KQL_F_TAKES_NULLS | (azure),               \
        .signature = TEXT_PAIR, .doc = line, .call = hook, .prepare = prepared, .group = "string"  \
    }
#define BOTH(spelled, hook, azure, line)                                                           \
    OPERATOR(spelled, hook, prepare_##hook, azure, line),                                          \
        OPERATOR("!" spelled, not_##hook, prepare_##hook, azure, "The opposite of " spelled ".")

const struct kql_function kql_functions_string[] = {
    OPERATOR("=~", equal_ci, prepare_equal_ci, KQL_F_TRANSFORM,
             "Whether the texts are equal but for case."),
    OPERATOR("!~", not_equal_ci, prepare_equal_ci, KQL_F_TRANSFORM, "The opposite of =~."),
    BOTH("has", has, KQL_F_TRANSFORM, "Whether the text has the term, in any case."),
    BOTH("has_cs", has_cs, KQL_F_TRANSFORM, "Whether the text has the term."),
    BOTH("hasprefix", has_prefix, 0, "Whether a term of the text starts with it, in any case."),
    BOTH("hasprefix_cs", has_prefix_cs, 0, "Whether a term of the text starts with it."),
    BOTH("hassuffix", has_suffix, 0, "Whether a term of the text ends with it, in any case."),
    BOTH("hassuffix_cs", has_suffix_cs, 0, "Whether a term of the text ends with it."),
    BOTH("contains", contains, KQL_F_TRANSFORM, "Whether it is a part of the text, in any case."),
    BOTH("contains_cs", contains_cs, KQL_F_TRANSFORM, "Whether it is a part of the text."),
    BOTH("startswith", starts, KQL_F_TRANSFORM, "Whether the text starts with it, in any case."),
    BOTH("startswith_cs", starts_cs, KQL_F_TRANSFORM, "Whether the text starts with it."),
    BOTH("endswith", ends, KQL_F_TRANSFORM, "Whether the text ends with it, in any case."),
    BOTH("endswith_cs", ends_cs, KQL_F_TRANSFORM, "Whether the text ends with it."),
    OPERATOR("like", like, NULL, KQL_F_LEGACY, "contains, with '*' for any text; write has."),
    OPERATOR("notlike", not_like, NULL, KQL_F_LEGACY, "The opposite of like."),
    OPERATOR("likecs", like_cs, NULL, KQL_F_LEGACY, "like, where case counts."),
    OPERATOR("notlikecs", not_like_cs, NULL, KQL_F_LEGACY, "The opposite of likecs."),
    {
                                                                               .name = "has_any",
                                                                               .kind = KQL_OPERATOR,
                                                                               .flags = KQL_F_TAKES_NULLS | KQL_F_ARRAY_LIST,
                                                                               .signature = TEXT_LIST,
                                                                               .doc = "Whether the text has one of the terms, in any case.",
                                                                               .call = has_any,
                                                                               .prepare = prepare_has_many,
                                                                               .group = "string",
                                                                               },
    {
                                                                               .name = "has_all",
                                                                               .kind = KQL_OPERATOR,
                                                                               .flags = KQL_F_TAKES_NULLS | KQL_F_ARRAY_LIST,
                                                                               .signature = TEXT_LIST,
                                                                               .doc = "Whether the text has all of the terms, in any case.",
                                                                               .call = has_all,
                                                                               .prepare = prepare_has_many,
                                                                               .group = "string",
                                                                               },
    {.name = NULL},
};
