/* function_play.h - calls rows of the function table for tests, with values written as text: a
 * letter for the type and the value's text ("l42", "sabc", "d[1,2]", "n" and a letter for a null).
 * The row's first overload that takes the types gives the result's type, with the conversions of
 * numbers that the binder would make. Included by tests only. */
#pragma once
#include "base/test.h"
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/random.h"
#include <stdlib.h>

enum { PLAY_ARGUMENTS_MAX = 16 };

static struct pool play_pool;
static jmp_buf play_escape;
static struct kql_random play_random;
static int64_t play_now = INT64_C(637277409050000000); /* 2020-06-14T14:15:05 */

static inline enum kql_type
play_type(char letter)
{
    static const char letters[] = "?bilrcstpgd";
    const char *at = strchr(letters, letter);

    if (at == NULL || letter == '\0') {
        printf("no type '%c'\n", letter);
        abort();
    }
    return (enum kql_type)(at - letters);
}

static inline struct kql_value
play_read(const char *text, uint8_t *type)
{
    struct kql_value from, v;

    if (text[0] == 'n') {
        *type = (uint8_t)play_type(text[1]);
        return kql_null((enum kql_type) * type);
    }
    *type = (uint8_t)play_type(text[0]);
    if (*type == KQL_DYNAMIC)
        return kql_parse_json(&play_pool, span_of(text + 1));
    from = kql_string(span_of(text + 1));
    v = kql_convert(&play_pool, KQL_STRING, &from, (enum kql_type) * type);
    CHECK(!v.is_null, "'%s' reads", text);
    return v;
}

static inline const char *
play_print(const struct kql_value *v, enum kql_type type)
{
    static const char letters[] = "?bilrcstpgddd";
    struct kql_value text;

    if (v->is_null)
        return pool_printf(&play_pool, "n%c", letters[type]).p;
    text = kql_to_text(&play_pool, type, v);
    return pool_printf(&play_pool, "%c%.*s", letters[type], (int)text.size, text.text).p;
}

static inline bool
play_fits(uint8_t parameter, uint8_t *type, struct kql_value *v, bool converts)
{
    bool is_number = kql_type_is_number((enum kql_type) * type);

    switch (parameter) {
    case KQL_P_ANY:
    case KQL_P_T:
    case KQL_P_U:
        return true;
    case KQL_P_NUMBER:
        return is_number;
    case KQL_P_INTEGER:
        return *type == KQL_INT || *type == KQL_LONG;
    case KQL_P_SUMMABLE:
        return is_number || *type == KQL_DATETIME || *type == KQL_TIMESPAN;
    case KQL_P_ORDERED:
        return *type != KQL_DYNAMIC;
    case KQL_P_ARRAY:
    case KQL_P_BAG:
        return *type == KQL_DYNAMIC;
    default:
        if (parameter == *type)
            return true;
        if (!converts || parameter > KQL_DYNAMIC || !is_number ||
            !kql_type_is_number((enum kql_type)parameter) || parameter < *type)
            return false;
        *v = kql_convert(&play_pool, (enum kql_type) * type, v, (enum kql_type)parameter);
        return true;
    }
}

/* The common type of what stands for T, and its arguments converted to it. */
static inline uint8_t
play_common(const struct kql_signature *s, const uint8_t *types, struct kql_value *args,
            uint32_t count)
{
    uint8_t common = KQL_UNKNOWN;

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = i < s->count ? i
                                       : s->repeat_first +
                                             (i - s->repeat_first) % (s->count - s->repeat_first);

            if (s->parameters[at].type != KQL_P_T)
                continue;
            if (pass == 0 && types[i] > common)
                common = types[i];
            else if (pass == 1 && types[i] != common)
                args[i] = kql_convert(&play_pool, (enum kql_type)types[i], &args[i],
                                      (enum kql_type)common);
        }
    }
    return common;
}

static inline bool
play_overload(const struct kql_signature *s, const uint8_t *types, struct kql_value *args,
              uint32_t count, bool converts)
{
    uint32_t needed = 0;

    while (needed < s->count && !s->parameters[needed].is_optional)
        needed++;
    if (count < needed || (count > s->count && s->repeat_first == s->count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i < s->count
                          ? i
                          : s->repeat_first + (i - s->repeat_first) % (s->count - s->repeat_first);
        uint8_t type = types[i];

        if (!play_fits(s->parameters[at].type, &type, &args[i], converts))
            return false;
    }
    return true;
}

/* The result, printed as arguments are written; "?" if no overload takes them. */
static inline const char *
play_call(const char *name, enum kql_function_kind kind, const char *const *texts, bool prepares)
{
    const struct kql_function *f = kql_function_find(span_of(name), kind);
    struct kql_value args[PLAY_ARGUMENTS_MAX], converted[PLAY_ARGUMENTS_MAX], result;
    const struct kql_value *constants[PLAY_ARGUMENTS_MAX];
    uint8_t types[PLAY_ARGUMENTS_MAX];
    struct kql_call call = {
        .pool = &play_pool, .types = types, .now = play_now, .random = &play_random};
    struct kql_signature s;
    struct err err = {""};
    bool is_found = false;

    if (f == NULL)
        return "no such function";
    for (; texts[call.count] != NULL; call.count++)
        args[call.count] = play_read(texts[call.count], &types[call.count]);
    for (int converts = 0; converts < 2 && !is_found; converts++) {
        for (uint32_t i = 0; !is_found && kql_signature_read(f, i, &s); i++) {
            memcpy(converted, args, sizeof args);
            is_found = play_overload(&s, types, converted, call.count, converts != 0);
        }
    }
    if (!is_found)
        return "?";
    uint8_t common = play_common(&s, types, converted, call.count);

    call.result_type = s.result_of > 0          ? types[s.result_of - 1]
                       : s.result == KQL_P_T    ? common
                       : s.result > KQL_DYNAMIC ? types[0]
                                                : s.result;
    result = kql_null((enum kql_type)call.result_type);
    for (uint32_t i = 0; i < call.count; i++) {
        if (converted[i].is_null && !(f->flags & KQL_F_TAKES_NULLS))
            return play_print(&result, (enum kql_type)call.result_type);
        constants[i] = i == 0 && f->kind == KQL_OPERATOR ? NULL : &converted[i];
    }
    if (prepares && f->prepare != NULL) {
        call.prepared = f->prepare(&play_pool, constants, call.count, &err);
        if (call.prepared == NULL && err.text[0] != '\0')
            return pool_text(&play_pool, span_of(err.text)).p;
    }
    f->call(&call, converted, &result);
    if (prepares && call.prepared != NULL && f->release != NULL)
        f->release(call.prepared);
    return play_print(&result, (enum kql_type)call.result_type);
}

struct play_case {
    const char *name;
    const char *arguments[8];
    const char *result;
};

/* All rows of a table of cases; prepared and not. Whatever takes too much memory fails loudly. */
static inline void
play_all(const struct play_case *cases, size_t count, enum kql_function_kind kind)
{
    pool_init(&play_pool, 64 * 1024 * 1024);
    play_pool.escape = &play_escape;
    kql_random_seed(&play_random, 1);
    if (setjmp(play_escape) != 0) {
        CHECK(false, "the pool is spent: %s", play_pool.reason.text);
        pool_free(&play_pool);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        for (int prepares = 0; prepares < 2; prepares++) {
            const char *got = play_call(cases[i].name, kind, cases[i].arguments, prepares != 0);

            CHECK(strcmp(got, cases[i].result) == 0, "%s(%s, %s, %s)%s: %s, not %s", cases[i].name,
                  cases[i].arguments[0] == NULL ? "" : cases[i].arguments[0],
                  cases[i].arguments[0] == NULL || cases[i].arguments[1] == NULL
                      ? ""
                      : cases[i].arguments[1],
                  cases[i].arguments[0] == NULL || cases[i].arguments[1] == NULL ||
                          cases[i].arguments[2] == NULL
                      ? ""
                      : cases[i].arguments[2],
                  prepares ? " prepared" : "", got, cases[i].result);
            pool_reset(&play_pool);
        }
    }
    pool_free(&play_pool);
}
