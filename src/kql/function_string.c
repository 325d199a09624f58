/* function_string.c - the rows of the function table for strings: the operators has, contains and
 * their kin, and the functions on text. */
#include "kql/function_inner.h"
#include "kql/regex.h"
#include "kql/text_inner.h"

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
    *result = kql_bool(kql_search_any(needles_of(call, args), arg_text(call, args, 0), call->pool));
}

static void
has_all(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(kql_search_all(needles_of(call, args), arg_text(call, args, 0), call->pool));
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

/* ---- matches regex ---- */

static void *
prepare_regex_at(const struct kql_value *const *constants, uint32_t i, const char *before,
                 const char *behind, struct err *err)
{
    char room[KQL_REGEX_TEXT_MAX + 64];
    struct kql_regex *regex;
    struct span pattern;
    int size;

    if (constants[i] == NULL || constants[i]->type != KQL_STRING)
        return NULL;
    pattern = kql_text(constants[i]);
    if (before[0] != '\0' || behind[0] != '\0') {
        if (pattern.n > KQL_REGEX_TEXT_MAX - 16) {
            (void)err_set(err, ST_INVALID, "a regular expression is longer than %d bytes",
                          KQL_REGEX_TEXT_MAX - 16);
            return NULL;
        }
        regex = kql_regex_new(pattern, SPAN_LITERAL(""), err); /* "a)|(b" is none by itself */
        if (regex == NULL)
            return NULL;
        kql_regex_free(regex);
        size = snprintf(room, sizeof room, "%s%.*s%s", before, (int)pattern.n, pattern.p, behind);
        pattern = (struct span){room, (size_t)size};
    }
    return kql_regex_new(pattern, SPAN_LITERAL(""), err);
}

static void
release_regex(void *prepared)
{
    kql_regex_free(prepared);
}

static void *
prepare_second_regex(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                     struct err *err)
{
    (void)pool, (void)count;
    return prepare_regex_at(constants, 1, "", "", err);
}

static void *
prepare_first_regex(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                    struct err *err)
{
    (void)pool, (void)count;
    return prepare_regex_at(constants, 0, "", "", err);
}

/* The prepared regex, or the one of the argument's text; NULL: it does not compile. */
static const struct kql_regex *
regex_of(struct kql_call *call, const struct kql_value *args, uint32_t i)
{
    return call->prepared != NULL ? call->prepared : kql_regex_cached(arg_text(call, args, i));
}

static void
matches_regex(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_regex *regex = regex_of(call, args, 1);

    if (regex == NULL)
        *result = kql_null(KQL_BOOL);
    else
        *result = kql_bool(kql_regex_test(regex, arg_text(call, args, 0)));
}

/* ---- Building and taking apart ---- */

static struct text_builder
builder(struct kql_call *call)
{
    return (struct text_builder){.pool = call->pool};
}

static struct kql_value
text_value(struct span text)
{
    return kql_string(text);
}

static void
strcat_all(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct text_builder b = builder(call);

    for (uint32_t i = 0; i < call->count; i++)
        text_add(&b, arg_text(call, args, i));
    give_built(result, &b);
}

static void
strcat_delim(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct text_builder b = builder(call);
    struct span delimiter = arg_text(call, args, 0);

    for (uint32_t i = 1; i < call->count; i++) {
        if (i > 1)
            text_add(&b, delimiter);
        text_add(&b, arg_text(call, args, i));
    }
    give_built(result, &b);
}

static void
compare_texts(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span a = arg_text(call, args, 0), b = arg_text(call, args, 1);
    size_t shared = a.n < b.n ? a.n : b.n;
    int order = shared == 0 ? 0 : memcmp(a.p, b.p, shared);

    if (order == 0)
        order = a.n < b.n ? -1 : a.n > b.n;
    *result = kql_integer(KQL_LONG, order < 0 ? -1 : order > 0);
}

static void
repeat(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct text_builder b = builder(call);
    struct span text = arg_text(call, args, 0), delimiter = {"", 0};
    int64_t times = args[1].is_null ? 0 : args[1].i;

    if (call->count > 2)
        delimiter = arg_text(call, args, 2);
    if (text.n == 0 && delimiter.n == 0)
        times = 0;
    if (times > KQL_STRING_MAX)
        b.is_too_long = true;
    for (int64_t i = 0; i < times && !b.is_too_long; i++) {
        if (i > 0)
            text_add(&b, delimiter);
        text_add(&b, text);
    }
    give_built(result, &b);
}

static void
length(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_integer(KQL_LONG, (int64_t)kql_text_length(arg_text(call, args, 0)));
}

static void
size_in_bytes(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_integer(KQL_LONG, (int64_t)arg_text(call, args, 0).n);
}

static void
to_lower(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    give_text(result, kql_lower(call->pool, arg_text(call, args, 0)));
}

static void
to_upper(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    give_text(result, kql_upper(call->pool, arg_text(call, args, 0)));
}

/* A place counted from the end if negative, at least 0. */
static size_t
place_from(struct span text, int64_t start)
{
    int64_t count;

    if (start >= 0)
        return (size_t)start;
    count = (int64_t)kql_text_length(text);
    return start < -count ? 0 : (size_t)(count + start);
}

static struct span
behind(struct span text, size_t offset)
{
    return (struct span){text.p + offset, text.n - offset};
}

/* A start before the text's begin takes that much from the length. */
static void
substring(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    int64_t start = args[1].i, size = call->count > 2 ? args[2].i : INT64_MAX;

    if (start < -INT32_MAX) /* before any text; can be negated */
        start = -INT32_MAX;
    if (start < 0)
        start += (int64_t)kql_text_length(text);
    if (start < 0) {
        if (size != INT64_MAX)
            size = size < 0 || size < -start ? 0 : size + start;
        start = 0;
    }
    text = behind(text, kql_text_offset(text, (size_t)start));
    if (size != INT64_MAX)
        text.n = size < 0 ? 0 : kql_text_offset(text, (size_t)size);
    give_text(result, text);
}

static void
reverse(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    char *out = pool_take(call->pool, text.n + 1);

    for (size_t at = 0, next = 0; at < text.n; at = next) {
        kql_code_point(text, &next);
        memcpy(out + text.n - next, text.p + at, next - at);
    }
    give_text(result, (struct span){out, text.n});
}

static void
split(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0), delimiter = arg_text(call, args, 1);
    struct kql_array_builder b = {.pool = call->pool};
    bool wants_one = call->count > 2 && !args[2].is_null;
    int64_t index = 0;
    size_t at = 0;

    for (;; index++) {
        ptrdiff_t found = delimiter.n == 0 ? -1 : kql_find(text, delimiter, at);
        size_t end = found < 0 ? text.n : (size_t)found;

        if (!wants_one || index == args[2].i)
            kql_array_add(&b, text_value((struct span){text.p + at, end - at}));
        if (found < 0 || (wants_one && index == args[2].i))
            break;
        at = end + delimiter.n;
    }
    if (wants_one && b.count == 0)
        *result = kql_null(KQL_DYNAMIC);
    else
        *result = kql_array_finish(&b);
}

static void
quote_regex(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    char *out = pool_take(call->pool, text.n * 2 + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '\0' && strchr("\\.+*?()|[]{}^$#&-~", text.p[i]) != NULL)
            out[n++] = '\\';
        out[n++] = text.p[i];
    }
    give_text(result, (struct span){out, n});
}

/* In loops whose time is not that of what they give: looks at the deadline now and then. 'work' is
 * counted in bytes, roughly. */
static void
check_time(struct kql_call *call, size_t *work)
{
    if (*work < 1u << 20)
        return;
    *work = 0;
    pool_check(call->pool);
}

/* A match from 'at' on. Each may look at all of the text, however short what it finds: hence the
 * time is looked at before every one. */
static bool
match_from(struct kql_call *call, const struct kql_regex *regex, struct span text, size_t at,
           struct span *groups, uint32_t count)
{
    pool_check(call->pool);
    return kql_regex_match(regex, text, at, groups, count);
}

/* ---- Finding places ---- */

struct range {        /* where a search goes */
    struct span text; /* up to its end */
    struct span whole;
    size_t from;
    bool is_bounded;    /* by a length */
    int64_t occurrence; /* from 1 */
};

/* False: an argument is out of its range. Arguments: text, what, start?, length?, occurrence?. */
static bool
read_range(struct kql_call *call, const struct kql_value *args, bool allows_negative,
           struct range *r)
{
    int64_t start = call->count > 2 ? args[2].i : 0, size = call->count > 3 ? args[3].i : -1;

    r->whole = r->text = arg_text(call, args, 0);
    r->occurrence = call->count > 4 ? args[4].i : 1;
    r->is_bounded = size >= 0;
    if ((start < 0 && !allows_negative) || size < -1 || r->occurrence < 0)
        return false;
    r->from = kql_text_offset(r->text, place_from(r->text, start));
    if (r->is_bounded)
        r->text.n = r->from + kql_text_offset(behind(r->text, r->from), (size_t)size);
    return true;
}

/* The search for the next occurrence begins here, and looks at as many code points from there on:
 * so it is documented (indexof, example 8). */
static void
move_range(struct range *r, size_t from)
{
    size_t passed = from > r->whole.n ? r->whole.n - r->from : from - r->from;

    if (r->is_bounded)
        r->text.n += kql_text_offset(behind(r->whole, r->text.n),
                                     kql_text_length((struct span){r->whole.p + r->from, passed}));
    r->from = from;
}

static void
give_place(struct kql_value *result, struct span text, ptrdiff_t offset)
{
    *result = kql_integer(
        KQL_LONG,
        offset < 0 ? -1 : (int64_t)kql_text_length((struct span){text.p, (size_t)offset}));
}

static void
index_of(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span needle = arg_text(call, args, 1);
    struct range r;
    ptrdiff_t found = -1;
    size_t work = 0;

    if (!read_range(call, args, true, &r) || needle.n == 0) {
        *result = kql_null(KQL_LONG);
        return;
    }
    for (int64_t i = 0; i < r.occurrence; i++) {
        found = kql_find(r.text, needle, r.from);
        if (found < 0)
            break;
        move_range(&r, (size_t)found + 1); /* occurrences may overlap */
        work += needle.n;
        check_time(call, &work);
    }
    give_place(result, r.text, found);
}

/* Where the search after this match goes on: behind it, and at least one code point on. */
static size_t
next_search(struct span text, struct span match)
{
    size_t at = (size_t)(match.p - text.p) + match.n;

    if (match.n > 0)
        return at;
    return at < text.n ? at + kql_text_offset(behind(text, at), 1) : text.n + 1;
}

static void
index_of_regex(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_regex *regex = regex_of(call, args, 1);
    ptrdiff_t found = -1;
    struct span match;
    struct range r;

    if (regex == NULL || !read_range(call, args, false, &r)) {
        *result = kql_null(KQL_LONG);
        return;
    }
    for (int64_t i = 0; i < r.occurrence; i++) {
        if (!match_from(call, regex, r.text, r.from, &match, 1)) {
            found = -1;
            break;
        }
        found = match.p - r.text.p;
        move_range(&r, next_search(r.whole, match));
    }
    give_place(result, r.text, found);
}

static void
has_any_index(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    size_t work = 0;

    *result = kql_integer(KQL_LONG, -1);
    if (args[1].is_null || args[1].type != KQL_ARRAY)
        return;
    for (uint32_t i = 0; i < args[1].array->count; i++) {
        const struct kql_value *item = &args[1].array->items[i];
        struct kql_value needle = kql_to_text(call->pool, KQL_DYNAMIC, item);

        work += text.n;
        check_time(call, &work);
        if (kql_search_once(KQL_SEARCH_HAS, true, kql_text(&needle), text)) {
            *result = kql_integer(KQL_LONG, i);
            return;
        }
    }
}

static void
count_of(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0), needle = arg_text(call, args, 1), match;
    bool is_regex = call->count > 2 && span_is(arg_text(call, args, 2), "regex");
    int64_t count = 0;
    size_t work = 0;

    if (is_regex) { /* these do not overlap */
        const struct kql_regex *regex = regex_of(call, args, 1);

        if (regex == NULL) {
            *result = kql_null(KQL_LONG);
            return;
        }
        for (size_t at = 0; match_from(call, regex, text, at, &match, 1); count++)
            at = next_search(text, match);
    } else if (needle.n > 0) /* these may */
        for (ptrdiff_t at = 0; (at = kql_find(text, needle, (size_t)at)) >= 0; at++) {
            count++;
            work += needle.n + 32;
            check_time(call, &work);
        }
    *result = kql_integer(KQL_LONG, count);
}

static void *
prepare_count_of(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                 struct err *err)
{
    if (count < 3 || constants[2] == NULL || constants[2]->type != KQL_STRING)
        return NULL;
    if (span_is(kql_text(constants[2]), "regex"))
        return prepare_second_regex(pool, constants, count, err);
    if (!span_is(kql_text(constants[2]), "normal"))
        (void)err_set(err, ST_INVALID, "countof: kind is \"normal\" or \"regex\"");
    return NULL;
}

/* ---- Extracting ---- */

static void
extract(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_regex *regex = regex_of(call, args, 0);
    struct span groups[KQL_REGEX_GROUPS_MAX + 1];
    int64_t group = args[1].is_null ? -1 : args[1].i;

    *result = kql_null(KQL_STRING);
    if (regex == NULL || group < 0 || group > kql_regex_group_count(regex))
        return;
    if (kql_regex_match(regex, arg_text(call, args, 2), 0, groups, (uint32_t)group + 1) &&
        groups[group].p != NULL)
        give_text(result, groups[group]);
}

static void *
prepare_extract_all(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                    struct err *err)
{
    struct kql_regex *regex = prepare_first_regex(pool, constants, count, err);

    if (regex != NULL && kql_regex_group_count(regex) == 0) {
        (void)err_set(err, ST_INVALID, "extract_all: the regular expression needs a group: (...)");
        kql_regex_free(regex);
        return NULL;
    }
    return regex;
}

/* The numbers of the groups that are asked for; false: one of them is not there. */
static bool
wanted_groups(const struct kql_regex *regex, const struct kql_value *wanted,
              uint32_t numbers[KQL_REGEX_GROUPS_MAX], uint32_t *count)
{
    uint32_t all = kql_regex_group_count(regex);

    *count = 0;
    if (wanted == NULL) {
        for (uint32_t i = 1; i <= all; i++)
            numbers[(*count)++] = i;
        return all > 0;
    }
    if (wanted->is_null || wanted->type != KQL_ARRAY || wanted->array->count > KQL_REGEX_GROUPS_MAX)
        return false;
    for (uint32_t i = 0; i < wanted->array->count; i++) {
        const struct kql_value *item = &wanted->array->items[i];
        int64_t number = -1;

        if (!item->is_null && item->type == KQL_STRING)
            number = kql_regex_group(regex, kql_text(item));
        else if (!item->is_null && (item->type == KQL_LONG || item->type == KQL_INT))
            number = item->i;
        if (number < 0 || number > all)
            return false;
        numbers[(*count)++] = (uint32_t)number;
    }
    return *count > 0;
}

static void
extract_all(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_regex *regex = regex_of(call, args, 0);
    struct span text = arg_text(call, args, call->count - 1);
    struct span groups[KQL_REGEX_GROUPS_MAX + 1];
    struct kql_array_builder all = {.pool = call->pool};
    uint32_t numbers[KQL_REGEX_GROUPS_MAX], count, asked;

    *result = kql_null(KQL_DYNAMIC);
    if (regex == NULL || !wanted_groups(regex, call->count > 2 ? &args[1] : NULL, numbers, &count))
        return;
    asked = kql_regex_group_count(regex) + 1;
    for (size_t at = 0; match_from(call, regex, text, at, groups, asked);) {
        struct kql_array_builder one = {.pool = call->pool};
        struct kql_array_builder *to = count == 1 ? &all : &one;

        for (uint32_t i = 0; i < count; i++)
            kql_array_add(to, groups[numbers[i]].p == NULL ? kql_null(KQL_STRING)
                                                           : text_value(groups[numbers[i]]));
        if (count > 1)
            kql_array_add(&all, kql_array_finish(&one));
        at = next_search(text, groups[0]);
    }
    if (all.count > 0)
        *result = kql_array_finish(&all);
}

/* One step of a JSON path: .name, ['name'] or [7]; false: there is none, or it is none. */
static bool
path_step(struct span *path, struct span *name, int64_t *index)
{
    const char *end = path->p + path->n, *p = path->p;

    *name = (struct span){NULL, 0};
    if (p == end)
        return false;
    if (*p == '.') {
        const char *first = ++p;

        while (p < end && *p != '.' && *p != '[')
            p++;
        *name = (struct span){first, (size_t)(p - first)};
    } else if (*p == '[' && end - p > 2 && (p[1] == '\'' || p[1] == '"')) {
        const char *close = memchr(p + 2, p[1], (size_t)(end - p - 2));

        if (close == NULL || end - close < 2 || close[1] != ']')
            return false;
        *name = (struct span){p + 2, (size_t)(close - p - 2)};
        p = close + 2;
    } else {
        const char *close = *p == '[' ? memchr(p, ']', (size_t)(end - p)) : NULL;

        if (close == NULL || !kql_read_long((struct span){p + 1, (size_t)(close - p - 1)}, index))
            return false;
        p = close + 1;
    }
    path->p = p;
    path->n = (size_t)(end - p);
    return name->p == NULL || name->n > 0;
}

static void *
prepare_json_path(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                  struct err *err)
{
    struct span path, name;
    int64_t index;

    (void)pool, (void)count;
    if (constants[0] == NULL)
        return NULL;
    path = kql_text(constants[0]);
    if (path.n > 0 && path.p[0] == '$') {
        path.p++;
        path.n--;
        while (path_step(&path, &name, &index))
            ;
        if (path.n == 0)
            return NULL;
    }
    (void)err_set(err, ST_INVALID, "extract_json: '%.*s' is no path of the form $.name['name'][0]",
                  (int)(constants[0]->size < 100 ? constants[0]->size : 100), constants[0]->text);
    return NULL;
}

static void
extract_json(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span path = arg_text(call, args, 0), name;
    struct kql_value value;
    int64_t index;
    size_t at;

    *result = kql_null(KQL_STRING);
    if (path.n == 0 || path.p[0] != '$' ||
        !kql_json_read(call->pool, arg_text(call, args, 1), true, &value, &at))
        return;
    path.p++;
    path.n--;
    while (path_step(&path, &name, &index))
        value = name.p != NULL ? kql_member(&value, name) : kql_element(&value, index);
    if (path.n == 0)
        *result = kql_to_text(call->pool, KQL_DYNAMIC, &value);
}

/* ---- Replacing ---- */

/* Text that stands for a match: \0 to \9 are its groups. */
static void
add_rewrite(struct text_builder *b, struct span rewrite, const struct span *groups, uint32_t count)
{
    size_t from = 0;

    for (size_t i = 0; i + 1 < rewrite.n; i++) {
        uint8_t next = (uint8_t)rewrite.p[i + 1];

        if (rewrite.p[i] != '\\' || (next != '\\' && (next < '0' || next > '9')))
            continue;
        text_add(b, (struct span){rewrite.p + from, i - from});
        if (next == '\\')
            text_add(b, SPAN_LITERAL("\\"));
        else if (next - '0' < (int)count && groups[next - '0'].p != NULL)
            text_add(b, groups[next - '0']);
        from = ++i + 1;
    }
    text_add(b, behind(rewrite, from));
}

static void
replace_matches(struct kql_call *call, const struct kql_regex *regex, struct span text,
                struct span rewrite, struct kql_value *result)
{
    struct span groups[KQL_REGEX_GROUPS_MAX + 1];
    struct text_builder b = builder(call);
    size_t done = 0, at = 0;
    uint32_t asked;

    if (regex == NULL) {
        *result = kql_null(KQL_STRING);
        return;
    }
    asked = memchr(rewrite.p, '\\', rewrite.n) == NULL ? 1 : kql_regex_group_count(regex) + 1;
    while (!b.is_too_long && match_from(call, regex, text, at, groups, asked)) {
        size_t begin = (size_t)(groups[0].p - text.p);

        text_add(&b, (struct span){text.p + done, begin - done});
        add_rewrite(&b, rewrite, groups, asked);
        done = begin + groups[0].n;
        at = next_search(text, groups[0]);
    }
    if (done == 0 && b.size == 0 && !b.is_too_long) {
        give_text(result, text);
        return;
    }
    text_add(&b, behind(text, done));
    give_built(result, &b);
}

static void
replace_regex(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    replace_matches(call, regex_of(call, args, 1), arg_text(call, args, 0), arg_text(call, args, 2),
                    result);
}

static void /* (regex, rewrite, source) */
replace_old(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    replace_matches(call, regex_of(call, args, 0), arg_text(call, args, 2), arg_text(call, args, 1),
                    result);
}

static void
replace_string(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0), lookup = arg_text(call, args, 1);
    struct span rewrite = arg_text(call, args, 2);
    struct text_builder b = builder(call);
    ptrdiff_t found = lookup.n == 0 ? -1 : kql_find(text, lookup, 0);
    size_t done = 0;

    if (found < 0) {
        give_text(result, text);
        return;
    }
    for (; found >= 0 && !b.is_too_long; found = kql_find(text, lookup, done)) {
        text_add(&b, (struct span){text.p + done, (size_t)found - done});
        text_add(&b, rewrite);
        done = (size_t)found + lookup.n;
    }
    text_add(&b, behind(text, done));
    give_built(result, &b);
}

/* All places of one lookup that no earlier one has taken. 'owners' says at each taken byte whose it
 * is: 1 + the lookup's index where the match begins, UINT32_MAX behind that. */
static void
take_places(struct span text, struct span lookup, uint32_t index, uint32_t *owners)
{
    ptrdiff_t found = 0;

    while ((found = kql_find(text, lookup, (size_t)found)) >= 0) {
        size_t size = 0;

        while (size < lookup.n && owners[(size_t)found + size] == 0)
            size++;
        if (size < lookup.n) {
            found++;
            continue;
        }
        owners[found++] = index + 1;
        for (size_t i = 1; i < size; i++)
            owners[found++] = UINT32_MAX;
    }
}

/* The order of the lookups counts, not that of their places: "is" goes before "This" if it stands
 * first. A match whose rewrite is no text stays, and is passed over. */
static void
replace_strings(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    struct text_builder b = builder(call);
    const struct kql_array *lookups, *rewrites;
    uint32_t *owners;
    size_t done = 0;

    *result = kql_null(KQL_STRING);
    if (args[1].is_null || args[1].type != KQL_ARRAY || args[2].is_null ||
        args[2].type != KQL_ARRAY || args[1].array->count != args[2].array->count)
        return;
    lookups = args[1].array;
    rewrites = args[2].array;
    owners = pool_zeroed(call->pool, text.n + 1, sizeof *owners);
    for (uint32_t i = 0; i < lookups->count; i++) {
        const struct kql_value *lookup = &lookups->items[i];

        if (!lookup->is_null && lookup->type == KQL_STRING && lookup->size > 0)
            take_places(text, kql_text(lookup), i, owners);
        if (i % 64 == 63)
            pool_check(call->pool);
    }
    for (size_t at = 0; at < text.n; at++) {
        uint32_t i = owners[at] - 1;

        if (owners[at] == 0 || owners[at] == UINT32_MAX || rewrites->items[i].is_null ||
            rewrites->items[i].type != KQL_STRING)
            continue;
        text_add(&b, (struct span){text.p + done, at - done});
        text_add(&b, kql_text(&rewrites->items[i]));
        done = at + lookups->items[i].size;
    }
    text_add(&b, behind(text, done));
    give_built(result, &b);
}

/* ---- trim: one match of the regex is taken away at an end ---- */

static void *
prepare_trim_start(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                   struct err *err)
{
    (void)pool, (void)count;
    return prepare_regex_at(constants, 0, "\\A(?:", ")", err);
}

static void *
prepare_trim_end(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                 struct err *err)
{
    (void)pool, (void)count;
    return prepare_regex_at(constants, 0, "(?:", ")\\z", err);
}

struct trims {
    struct kql_regex *start, *end;
};

static void *
prepare_trim(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
             struct err *err)
{
    struct trims *t = pool_zeroed(pool, 1, sizeof *t);

    t->start = prepare_trim_start(pool, constants, count, err);
    if (t->start == NULL)
        return NULL;
    t->end = prepare_trim_end(pool, constants, count, err);
    if (t->end != NULL)
        return t;
    kql_regex_free(t->start);
    return NULL;
}

static void
release_trims(void *prepared)
{
    struct trims *t = prepared;

    kql_regex_free(t->start);
    kql_regex_free(t->end);
}

/* The regex of the first argument, at one end. */
static const struct kql_regex *
regex_at_end(struct kql_call *call, const struct kql_value *args, const char *format)
{
    struct span pattern = arg_text(call, args, 0);

    if (pattern.n > KQL_REGEX_TEXT_MAX)
        return NULL;
    return kql_regex_cached(pool_printf(call->pool, format, (int)pattern.n, pattern.p));
}

static struct span
without_start(const struct kql_regex *regex, struct span text)
{
    struct span match;

    return regex != NULL && kql_regex_match(regex, text, 0, &match, 1) ? behind(text, match.n)
                                                                       : text;
}

static struct span
without_end(const struct kql_regex *regex, struct span text)
{
    struct span match;

    if (regex != NULL && kql_regex_match(regex, text, 0, &match, 1))
        text.n = (size_t)(match.p - text.p);
    return text;
}

static void
trim_start(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_regex *start = call->prepared;

    if (start == NULL)
        start = regex_at_end(call, args, "\\A(?:%.*s)");
    give_text(result, without_start(start, arg_text(call, args, 1)));
}

static void
trim_end(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct kql_regex *end = call->prepared;

    if (end == NULL)
        end = regex_at_end(call, args, "(?:%.*s)\\z");
    give_text(result, without_end(end, arg_text(call, args, 1)));
}

static void
trim(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct trims *t = call->prepared;
    struct span text = arg_text(call, args, 1);

    text = without_start(t != NULL ? t->start : regex_at_end(call, args, "\\A(?:%.*s)"), text);
    text = without_end(t != NULL ? t->end : regex_at_end(call, args, "(?:%.*s)\\z"), text);
    give_text(result, text);
}

/* ---- Code points ---- */

enum { TRANSLATE_HEADS = 1024 };

static void
translate(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span from = arg_text(call, args, 0), to = arg_text(call, args, 1);
    struct span text = arg_text(call, args, 2);
    struct text_builder b = builder(call);
    int32_t *search = pool_take(call->pool, (from.n + to.n) * sizeof *search);
    int32_t *replacements = search + from.n;
    /* By code point: 1 + the index of the first that falls here, then its next. */
    uint32_t *heads = pool_zeroed(call->pool, TRANSLATE_HEADS, sizeof *heads);
    uint32_t *next = pool_zeroed(call->pool, from.n + 1, sizeof *next);
    uint32_t from_count = 0, to_count = 0, i;
    char bytes[4];

    for (size_t at = 0; at < from.n;) {
        int32_t c = kql_code_point(from, &at);
        uint32_t *link = &heads[c % TRANSLATE_HEADS];

        while (*link != 0 && search[*link - 1] != c)
            link = &next[*link - 1];
        search[from_count++] = c;
        if (*link == 0) /* of several the first counts */
            *link = from_count;
    }
    for (size_t at = 0; at < to.n;)
        replacements[to_count++] = kql_code_point(to, &at);
    for (size_t at = 0; at < text.n;) {
        size_t begin = at;
        int32_t c = kql_code_point(text, &at);

        for (i = heads[c % TRANSLATE_HEADS]; i != 0 && search[i - 1] != c; i = next[i - 1])
            ;
        if (i == 0)
            text_add(&b, (struct span){text.p + begin, at - begin});
        else if (to_count > 0) { /* the last one stands for all that have none */
            int32_t other = replacements[i <= to_count ? i - 1 : to_count - 1];

            text_add(&b, (struct span){bytes, kql_code_point_print(other, bytes)});
        }
    }
    give_built(result, &b);
}

static void
add_code_points(struct text_builder *b, const struct kql_value *v)
{
    char bytes[4];

    if (v->is_null)
        return;
    if (v->type == KQL_ARRAY) {
        for (uint32_t i = 0; i < v->array->count; i++)
            if (v->array->items[i].type != KQL_ARRAY)
                add_code_points(b, &v->array->items[i]);
    } else if ((v->type == KQL_LONG || v->type == KQL_INT) && v->i >= 0 && v->i <= 0x10ffff)
        text_add(b, (struct span){bytes, kql_code_point_print((int32_t)v->i, bytes)});
}

static void
from_code_points(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct text_builder b = builder(call);

    for (uint32_t i = 0; i < call->count; i++)
        add_code_points(&b, &args[i]);
    give_built(result, &b);
}

static void
to_code_points(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    struct kql_array_builder b = {.pool = call->pool};

    for (size_t at = 0; at < text.n;)
        kql_array_add(&b, kql_integer(KQL_LONG, kql_code_point(text, &at)));
    *result = kql_array_finish(&b);
}

static void
is_ascii(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    uint8_t high = 0;

    for (size_t i = 0; i < text.n; i++)
        high |= (uint8_t)text.p[i];
    *result = kql_bool(high < 0x80);
}

static void
is_utf8(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    *result = kql_bool(text_is_utf8(arg_text(call, args, 0)));
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
    {
                                                                               .name = "matches regex",
                                                                               .kind = KQL_OPERATOR,
                                                                               .flags = KQL_F_TRANSFORM,
                                                                               .signature = TEXT_PAIR,
                                                                               .doc = "Whether the regular expression matches somewhere in the text.",
                                                                               .call = matches_regex,
                                                                               .prepare = prepare_second_regex,
                                                                               .release = release_regex,
                                                                               .group = "string",
                                                                               },

#define ROW(spelled, bits, text, hook, line)                                                       \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = bits, .signature = text, .doc = line,        \
        .call = hook, .group = "string"                                                            \
    }
#define PREPARED(spelled, bits, text, hook, prepared, released, line)                              \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = bits, .signature = text, .doc = line,        \
        .call = hook, .prepare = prepared, .release = released, .group = "string"                  \
    }
#define TEXT_RESULT(result) "(string: string) -> " result "\n(string: dynamic) -> " result

    ROW("strcat", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(arg: any...) -> string", strcat_all,
        "The texts of up to 64 values, one behind the other."),
    ROW("strcat_delim", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM,
        "(delimiter: any, arg: any, args: any...) -> string", strcat_delim,
        "The texts of 2 to 64 values with a delimiter between them."),
    ROW("strcmp", KQL_F_TAKES_NULLS, "(s1: any, s2: any) -> long", compare_texts,
        "-1, 0 or 1: the first text comes before the second, is equal, or comes behind."),
    ROW("strrep", KQL_F_TAKES_NULLS, "(value: any, multiplier: long, delimiter?: any) -> string",
        repeat, "The value's text so many times, with a delimiter between."),
    {.name = "strlen",
                                                                               .kind = KQL_SCALAR,
                                                                               .flags = KQL_F_TRANSFORM,
                                                                               .signature = TEXT_RESULT("long"),
                                                                               .doc = "How many code points the text has.",
                                                                               .call = length,
                                                                               .column = "strlen_*",
                                                                               .group = "string"},
    {.name = "string_size",
                                                                               .kind = KQL_SCALAR,
                                                                               .signature = TEXT_RESULT("long"),
                                                                               .doc = "How many bytes the text has in UTF-8.",
                                                                               .call = size_in_bytes,
                                                                               .column = "string_size_*",
                                                                               .group = "string"},
    ROW("tolower", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(value: any) -> string", to_lower,
        "The text with every letter in lower case."),
    ROW("toupper", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM, "(value: any) -> string", to_upper,
        "The text with every letter in upper case."),
    ROW("substring", KQL_F_TRANSFORM, "(string: any, start: integer, length?: integer) -> string",
        substring, "A part of the text, from a place (negative: from the end) on."),
    ROW("reverse", KQL_F_TAKES_NULLS, "(value: any) -> string", reverse,
        "The text's characters in reverse."),
    ROW("split", KQL_F_TAKES_NULLS | KQL_F_TRANSFORM | KQL_F_FIRST_NAME,
        "(source: any, delimiter: string, requestedIndex?: integer) -> dynamic", split,
        "The parts of the text between delimiters, or an array of the one asked for."),
    ROW("regex_quote", KQL_F_TAKES_NULLS, "(string: any) -> string", quote_regex,
        "A regular expression that matches just this text."),
    ROW("indexof", KQL_F_TRANSFORM,
        "(string: any, match: any, start?: integer, length?: integer, occurrence?: const integer) "
        "-> long",
        index_of, "Where it stands in the text, from 0; -1: nowhere."),
    PREPARED(
        "indexof_regex", 0,
        "(string: any, match: const any, start?: integer, length?: integer, occurrence?: const "
        "integer) -> long",
        index_of_regex, prepare_second_regex, release_regex,
        "Where the regular expression matches first, from 0; -1: nowhere."),
    ROW("has_any_index", KQL_F_TAKES_NULLS,
        "(source: string, values: array) -> long\n(source: dynamic, values: array) -> long",
        has_any_index, "The index of the first of the terms that the text has; -1: none."),
    PREPARED("countof", KQL_F_TRANSFORM,
             "(source: string, search: string, kind?: const string) -> long", count_of,
             prepare_count_of, release_regex,
             "How often it occurs: \"normal\" as text, which may overlap, or \"regex\"."),
    PREPARED("extract", KQL_F_TRANSFORM,
             "(regex: const string, captureGroup: long, source: string) -> string", extract,
             prepare_first_regex, release_regex, "A group of the first match; 0: the whole match."),
    PREPARED("extract_all", KQL_F_TRANSFORM,
             "(regex: const string, source: string) -> dynamic\n(regex: const string, "
             "captureGroups: array, source: string) -> dynamic",
             extract_all, prepare_extract_all, release_regex, "The groups of all matches."),
    PREPARED("extractall", KQL_F_LEGACY,
             "(regex: const string, source: string) -> dynamic\n(regex: const string, "
             "captureGroups: array, source: string) -> dynamic",
             extract_all, prepare_extract_all, release_regex, "Write extract_all."),
    PREPARED("extract_json", 0, "(jsonPath: const string, jsonText: string) -> string",
             extract_json, prepare_json_path, NULL,
             "What stands at a path ($.name[0]) of a JSON text."),
    PREPARED("extractjson", 0, "(jsonPath: const string, jsonText: string) -> string", extract_json,
             prepare_json_path, NULL, "The same as extract_json."),
    PREPARED("replace", KQL_F_LEGACY,
             "(regex: const string, rewrite: const string, source: string) -> string", replace_old,
             prepare_first_regex, release_regex, "Write replace_regex."),
    PREPARED(
        "replace_regex", 0,
        "(source: string, lookup_regex: const string, rewrite_pattern: const string) -> string",
        replace_regex, prepare_second_regex, release_regex,
        "The text with every match rewritten; \\1 is the first group."),
    ROW("replace_string", 0, "(text: string, lookup: string, rewrite: string) -> string",
        replace_string, "The text with one text in place of another, everywhere."),
    ROW("replace_strings", KQL_F_TAKES_NULLS,
        "(text: string, lookups: array, rewrites: array) -> string", replace_strings,
        "The text with texts in place of others; the earlier lookup goes first."),
    PREPARED("trim", 0, "(regex: const string, source: string) -> string", trim, prepare_trim,
             release_trims, "The text without one match at each end."),
    PREPARED("trim_start", 0, "(regex: const string, source: string) -> string", trim_start,
             prepare_trim_start, release_regex, "The text without one match at its start."),
    PREPARED("trim_end", 0, "(regex: const string, source: string) -> string", trim_end,
             prepare_trim_end, release_regex, "The text without one match at its end."),
    ROW("translate", 0, "(searchList: string, replacementList: string, source: string) -> string",
        translate, "The text with characters of one list in place of those of another."),
    ROW("unicode_codepoints_to_string", KQL_F_TAKES_NULLS, "(value: any...) -> string",
        from_code_points, "The text of code points, given one by one or in arrays."),
    ROW("make_string", KQL_F_TAKES_NULLS | KQL_F_LEGACY, "(value: any...) -> string",
        from_code_points, "Write unicode_codepoints_to_string."),
    ROW("unicode_codepoints_from_string", KQL_F_TAKES_NULLS, "(value: any) -> dynamic",
        to_code_points, "An array of the text's code points."),
    ROW("to_utf8", KQL_F_TAKES_NULLS | KQL_F_LEGACY, "(value: any) -> dynamic", to_code_points,
        "Write unicode_codepoints_from_string."),
    ROW("isascii", KQL_F_TAKES_NULLS, "(value: any) -> bool", is_ascii,
        "Whether the text is ASCII."),
    ROW("isutf8", KQL_F_TAKES_NULLS, "(value: any) -> bool", is_utf8,
        "Whether the text is valid UTF-8."),
    {.name = NULL                                           },
};
