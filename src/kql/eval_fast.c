/* eval_fast.c - nodes for the shapes that filters are made of: a text compared with or searched for
 * a constant, a text in a list of constants, a number or a time compared with a constant. They do
 * what the function's own row does (eval_test holds each to it), without arguments to be laid out
 * and a result to be made. */
#include "kql/eval_inner.h"
#include "kql/regex.h"
#include "kql/text.h"

/* The value without a copy, where it is a column's cell. */
static inline const struct kql_value *
value_of(struct kql_run *run, const struct eval_node *n, struct kql_value *room)
{
    if (n->eval == eval_column) {
        uint32_t c = n->column;

        if (run->load != NULL && !run->loaded[c]) {
            run->load(run->context, c, &run->cells[c]);
            run->loaded[c] = 1;
        }
        return &run->cells[c];
    }
    n->eval(run, n, room);
    return room;
}

static inline enum eval_truth
truth(bool is_true, bool is_negated)
{
    return is_true != is_negated ? EVAL_TRUE : EVAL_FALSE;
}

/* ---- texts ---- */

static enum eval_truth
test_equal(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value room;
    const struct kql_value *v = value_of(run, n->children[0], &room);

    return truth(v->size == n->value.size && memcmp(v->text, n->value.text, v->size) == 0,
                 n->is_negated);
}

static enum eval_truth
test_search(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value room;
    const struct kql_value *v = value_of(run, n->children[0], &room);

    return truth(kql_search_in(n->fast, kql_text(v)), n->is_negated);
}

static enum eval_truth
test_regex(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value room;
    const struct kql_value *v = value_of(run, n->children[0], &room);

    return truth(kql_regex_test(n->prepared, kql_text(v)), false);
}

static enum eval_truth
test_any(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value room;
    const struct kql_value *v = value_of(run, n->children[0], &room);

    return truth(kql_search_any(n->fast, kql_text(v), run->pool), false);
}

static enum eval_truth
test_all(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value room;
    const struct kql_value *v = value_of(run, n->children[0], &room);

    return truth(kql_search_all(n->fast, kql_text(v), run->pool), false);
}

static enum eval_truth
test_empty(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value room;

    return truth(value_of(run, n->children[0], &room)->size == 0, n->is_negated);
}

/* A list of texts: by size and fingerprint, then in full. */
struct text_list {
    uint64_t sizes; /* bit per size there is; bit 63: that and more */
    uint32_t mask;
    struct text_item {
        uint64_t print;
        struct span text;
        bool is_used;
    } items[];
};

static uint64_t
print_of(const char *p, size_t n)
{
    uint64_t first = 0, last = 0;

    if (n >= 8) {
        memcpy(&first, p, 8);
        memcpy(&last, p + n - 8, 8);
    } else {
        for (size_t i = 0; i < n; i++)
            first = first << 8 | (unsigned char)p[i];
    }
    first = (first ^ (last << 29 | last >> 35) ^ n) * UINT64_C(0x9e3779b97f4a7c15);
    return first ^ first >> 32;
}

static enum eval_truth
test_list(struct kql_run *run, const struct eval_node *n)
{
    const struct text_list *list = n->fast;
    struct kql_value room;
    const struct kql_value *v = value_of(run, n->children[0], &room);
    uint64_t print;

    if (!(list->sizes >> (v->size < 63 ? v->size : 63) & 1))
        return truth(false, n->is_negated);
    print = print_of(v->text, v->size);
    for (uint32_t i = (uint32_t)print & list->mask; list->items[i].is_used;
         i = (i + 1) & list->mask)
        if (list->items[i].print == print && list->items[i].text.n == v->size &&
            memcmp(list->items[i].text.p, v->text, v->size) == 0)
            return truth(true, n->is_negated);
    return truth(false, n->is_negated);
}

static const struct text_list *
list_make(struct pool *p, const struct eval_node *n)
{
    uint32_t room = 4;
    struct text_list *list;

    while (room < n->count * 2)
        room *= 2;
    list = pool_zeroed(p, 1, sizeof *list + room * sizeof list->items[0]);
    list->mask = room - 1;
    for (uint32_t k = 1; k < n->count; k++) {
        struct span text = kql_text(&n->children[k]->value);
        uint64_t print = print_of(text.p, text.n);
        uint32_t i = (uint32_t)print & list->mask;

        while (list->items[i].is_used && !span_equal(list->items[i].text, text))
            i = (i + 1) & list->mask;
        list->items[i] = (struct text_item){print, text, true};
        list->sizes |= UINT64_C(1) << (text.n < 63 ? text.n : 63);
    }
    return list;
}

/* ---- whole numbers and times ---- */

/* Null compared for equality with what is not null is not equal; its order is null (design facts,
 * section 4). */
#define TEST_WHOLE(name, operator, of_null)                                                        \
    static enum eval_truth name(struct kql_run *run, const struct eval_node *n)                    \
    {                                                                                              \
        struct kql_value room;                                                                     \
        const struct kql_value *v = value_of(run, n->children[0], &room);                          \
                                                                                                   \
        if (v->is_null)                                                                            \
            return of_null;                                                                        \
        return v->i operator n->value.i ? EVAL_TRUE : EVAL_FALSE;                                  \
    }
TEST_WHOLE(test_is, ==, EVAL_FALSE)
TEST_WHOLE(test_is_not, !=, EVAL_TRUE)
TEST_WHOLE(test_less, <, EVAL_NULL)
TEST_WHOLE(test_greater, >, EVAL_NULL)
TEST_WHOLE(test_at_most, <=, EVAL_NULL)
TEST_WHOLE(test_at_least, >=, EVAL_NULL)

static enum eval_truth
test_not(struct kql_run *run, const struct eval_node *n)
{
    switch (n->children[0]->test(run, n->children[0])) {
    case EVAL_FALSE:
        return EVAL_TRUE;
    case EVAL_TRUE:
        return EVAL_FALSE;
    case EVAL_NULL:
        break;
    }
    return EVAL_NULL;
}

/* ---- which ---- */

static const struct text_row {
    const char *name;
    enum kql_search_kind kind;
    bool ignores_case, is_negated;
    float cost;
} text_rows[] = {
    {"==",             KQL_SEARCH_EQUAL,      false, false, 2 },
    {"!=",             KQL_SEARCH_EQUAL,      false, true,  2 },
    {"=~",             KQL_SEARCH_EQUAL,      true,  false, 3 },
    {"!~",             KQL_SEARCH_EQUAL,      true,  true,  3 },
    {"startswith",     KQL_SEARCH_STARTS,     true,  false, 5 },
    {"!startswith",    KQL_SEARCH_STARTS,     true,  true,  5 },
    {"startswith_cs",  KQL_SEARCH_STARTS,     false, false, 4 },
    {"!startswith_cs", KQL_SEARCH_STARTS,     false, true,  4 },
    {"endswith",       KQL_SEARCH_ENDS,       true,  false, 5 },
    {"!endswith",      KQL_SEARCH_ENDS,       true,  true,  5 },
    {"endswith_cs",    KQL_SEARCH_ENDS,       false, false, 4 },
    {"!endswith_cs",   KQL_SEARCH_ENDS,       false, true,  4 },
    {"contains",       KQL_SEARCH_CONTAINS,   true,  false, 15},
    {"!contains",      KQL_SEARCH_CONTAINS,   true,  true,  15},
    {"contains_cs",    KQL_SEARCH_CONTAINS,   false, false, 12},
    {"!contains_cs",   KQL_SEARCH_CONTAINS,   false, true,  12},
    {"has",            KQL_SEARCH_HAS,        true,  false, 15},
    {"!has",           KQL_SEARCH_HAS,        true,  true,  15},
    {"has_cs",         KQL_SEARCH_HAS,        false, false, 12},
    {"!has_cs",        KQL_SEARCH_HAS,        false, true,  12},
    {"hasprefix",      KQL_SEARCH_HAS_PREFIX, true,  false, 15},
    {"!hasprefix",     KQL_SEARCH_HAS_PREFIX, true,  true,  15},
    {"hasprefix_cs",   KQL_SEARCH_HAS_PREFIX, false, false, 12},
    {"!hasprefix_cs",  KQL_SEARCH_HAS_PREFIX, false, true,  12},
    {"hassuffix",      KQL_SEARCH_HAS_SUFFIX, true,  false, 15},
    {"!hassuffix",     KQL_SEARCH_HAS_SUFFIX, true,  true,  15},
    {"hassuffix_cs",   KQL_SEARCH_HAS_SUFFIX, false, false, 12},
    {"!hassuffix_cs",  KQL_SEARCH_HAS_SUFFIX, false, true,  12},
};
static const struct {
    const char *name;
    eval_test *test;
} whole_rows[] = {
    {"==", test_is      },
    {"!=", test_is_not  },
    {"<",  test_less    },
    {">",  test_greater },
    {"<=", test_at_most },
    {">=", test_at_least},
};

static void
become(struct eval_node *n, eval_test *test, float cost)
{
    n->test = n->compute_test = test;
    n->eval = n->compute = eval_from_test;
    n->cost = n->children[0]->cost + cost;
}

static bool
is_text(const struct eval_node *n)
{
    return n->type == KQL_STRING;
}

static bool
is_text_constant(const struct eval_node *n)
{
    return n->is_constant && !n->value.is_null && n->value.type == KQL_STRING;
}

static bool
try_text(struct pool *p, struct eval_node *n)
{
    if (n->count != 2 || !is_text(n->children[0]) || !is_text_constant(n->children[1]))
        return false;
    for (size_t i = 0; i < COUNT_OF(text_rows); i++) {
        const struct text_row *row = &text_rows[i];

        if (strcmp(row->name, n->function->name) != 0)
            continue;
        n->is_negated = row->is_negated;
        n->value = n->children[1]->value;
        if (row->kind == KQL_SEARCH_EQUAL && !row->ignores_case) {
            become(n, test_equal, row->cost);
        } else {
            n->fast = kql_search_new(p, row->kind, row->ignores_case, kql_text(&n->value));
            become(n, test_search, row->cost);
        }
        return true;
    }
    return false;
}

static bool
try_list(struct pool *p, struct eval_node *n)
{
    const char *name = n->function->name;
    bool is_in = strcmp(name, "in") == 0 || strcmp(name, "!in") == 0;
    struct span *needles;

    if (!is_in && strcmp(name, "has_any") != 0 && strcmp(name, "has_all") != 0)
        return false;
    if (n->count < 2 || !is_text(n->children[0]))
        return false;
    for (uint32_t i = 1; i < n->count; i++)
        if (!is_text_constant(n->children[i]))
            return false;
    if (is_in) {
        n->is_negated = name[0] == '!';
        n->fast = list_make(p, n);
        become(n, test_list, 4);
        return true;
    }
    needles = pool_take(p, n->count * sizeof *needles);
    for (uint32_t i = 1; i < n->count; i++)
        needles[i - 1] = kql_text(&n->children[i]->value);
    n->fast = kql_search_set_new(p, KQL_SEARCH_HAS, true, needles, n->count - 1);
    become(n, name[5] == 'n' ? test_any : test_all, 30);
    return true;
}

static bool
try_whole(struct eval_node *n)
{
    const struct eval_node *a = n->children[0], *b = n->children[1];

    if (n->count != 2 || a->type != b->type || !b->is_constant || b->value.is_null ||
        b->value.type != b->type)
        return false;
    if (a->type != KQL_INT && a->type != KQL_LONG && a->type != KQL_DATETIME &&
        a->type != KQL_TIMESPAN)
        return false;
    for (size_t i = 0; i < COUNT_OF(whole_rows); i++)
        if (strcmp(whole_rows[i].name, n->function->name) == 0) {
            n->value = b->value;
            become(n, whole_rows[i].test, 2);
            return true;
        }
    return false;
}

static bool
try_one(struct eval_node *n)
{
    const char *name = n->function->name;
    bool is_empty = strcmp(name, "isempty") == 0;

    if (n->count != 1)
        return false;
    if (strcmp(name, "not") == 0 && n->children[0]->type == KQL_BOOL) {
        become(n, test_not, 1);
        n->likely = 1 - n->children[0]->likely;
        return true;
    }
    if (!is_text(n->children[0]) || (!is_empty && strcmp(name, "isnotempty") != 0))
        return false;
    n->is_negated = !is_empty;
    become(n, test_empty, 1);
    return true;
}

bool
eval_make_fast(struct pool *p, struct eval_node *n)
{
    if (n->type != KQL_BOOL || n->count == 0)
        return false;
    if (n->count == 1)
        return try_one(n);
    return try_text(p, n) || try_list(p, n) || try_whole(n);
}

bool
eval_make_fast_prepared(struct eval_node *n)
{
    if (n->prepared == NULL || n->count != 2 || strcmp(n->function->name, "matches regex") != 0 ||
        !is_text(n->children[0]))
        return false;
    become(n, test_regex, n->cost);
    return true;
}
