/* device_rules.c - groups become one flat list of tests, in rank order, with all text folded to
 * lower case once.
 *
 * Case is folded for ASCII letters only: no byte of a longer UTF-8 sequence is an ASCII letter, so
 * any text stays whole. */
#include "source/device_rules.h"
#include <stdlib.h>

struct test {
    enum device_property property;
    enum device_operator op;
    struct span value; /* lower case */
};
struct group {
    struct span name;
    unsigned rank;
    size_t test_first, test_count;
    unsigned properties; /* bit per property that has a test */
};
struct group_set {
    size_t count;
    struct group *groups; /* by rank */
    struct test *tests;
};

static const char unassigned[] = DEVICE_UNASSIGNED_GROUP;
static const char *const property_names[] = {"name", "domain", "tag", "OS platform"};

/* ---- checks ---- */

static enum status
check_rule(const struct device_group *g, size_t number, struct err *err)
{
    const struct device_rule *r = &g->rules[number];

    if ((unsigned)r->property > DEVICE_OS_PLATFORM)
        return err_set(err, ST_INVALID,
                       "device group '%s', rule %zu: property %d is unknown (0 name, 1 domain, 2 "
                       "tag, 3 OS platform)",
                       g->name, number + 1, (int)r->property);
    if ((unsigned)r->op > OPERATOR_CONTAINS)
        return err_set(err, ST_INVALID,
                       "device group '%s', rule %zu: operator %d is unknown (1 starts with, 2 ends "
                       "with, 3 equals, 4 in list, 5 contains)",
                       g->name, number + 1, (int)r->op);
    if (r->op == OPERATOR_NONE)
        return ST_OK;
    if (r->value_count == 0)
        return err_set(err, ST_INVALID, "device group '%s', rule %zu: it has no value", g->name,
                       number + 1);
    for (size_t i = 0; i < r->value_count; i++) {
        size_t n = strlen(r->values[i]);

        if (n == 0 || n > DEVICE_VALUE_SIZE_MAX)
            return err_set(err, ST_INVALID,
                           "device group '%s', rule %zu: value %zu has %zu bytes, 1 to %d are "
                           "allowed",
                           g->name, number + 1, i + 1, n, DEVICE_VALUE_SIZE_MAX);
    }
    return ST_OK;
}

static enum status
check_group(const struct device_group *g, struct err *err)
{
    size_t values[COUNT_OF(property_names)] = {0};

    if (g->name == NULL || g->name[0] == '\0')
        return err_set(err, ST_INVALID, "the device group of rank %u has no name", g->rank);
    if (strlen(g->name) > DEVICE_GROUP_NAME_MAX)
        return err_set(err, ST_INVALID,
                       "device group '%.64s...': its name has %zu bytes, at most %d", g->name,
                       strlen(g->name), DEVICE_GROUP_NAME_MAX);
    if (strcmp(g->name, unassigned) == 0)
        return err_set(err, ST_INVALID,
                       "device group '%s': the name is reserved for devices in no group", g->name);
    if (g->rank == 0)
        return err_set(err, ST_INVALID, "device group '%s': rank 0; ranks start at 1", g->name);
    if (g->rule_count > DEVICE_RULES_MAX)
        return err_set(err, ST_INVALID, "device group '%s': %zu rules, at most %d", g->name,
                       g->rule_count, DEVICE_RULES_MAX);
    for (size_t i = 0; i < g->rule_count; i++) {
        enum status st = check_rule(g, i, err);

        if (st != ST_OK)
            return st;
        if (g->rules[i].op == OPERATOR_NONE)
            continue;
        values[g->rules[i].property] += g->rules[i].value_count;
        if (values[g->rules[i].property] > DEVICE_VALUES_MAX)
            return err_set(err, ST_INVALID,
                           "device group '%s', rule %zu: more than %d values for the %s", g->name,
                           i + 1, DEVICE_VALUES_MAX, property_names[g->rules[i].property]);
    }
    return ST_OK;
}

enum status
device_groups_check(const struct device_group *groups, size_t count, struct err *err)
{
    if (count > DEVICE_GROUPS_MAX)
        return err_set(err, ST_INVALID, "%zu device groups, at most %d", count, DEVICE_GROUPS_MAX);
    for (size_t i = 0; i < count; i++) {
        enum status st = check_group(&groups[i], err);

        if (st != ST_OK)
            return st;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(groups[i].name, groups[k].name) == 0)
                return err_set(err, ST_INVALID, "device group '%s' is there twice", groups[i].name);
            if (groups[i].rank == groups[k].rank)
                return err_set(err, ST_INVALID,
                               "device groups '%.100s' and '%.100s' have the same rank %u",
                               groups[k].name, groups[i].name, groups[i].rank);
        }
    }
    return ST_OK;
}

/* ---- making ---- */

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int
compare_ranks(const void *a, const void *b)
{
    unsigned x = ((const struct group *)a)->rank, y = ((const struct group *)b)->rank;

    return (x > y) - (x < y);
}

/* Copies the text, its letters lowered if so wanted. */
static struct span
copy_text(char **to, const char *text, bool is_lowered)
{
    struct span s = {*to, strlen(text)};

    for (size_t i = 0; i < s.n; i++)
        (*to)[i] = is_lowered ? lower(text[i]) : text[i];
    *to += s.n;
    return s;
}

enum status
group_set_make(const struct device_group *groups, size_t count, struct group_set **set,
               struct err *err)
{
    size_t tests = 0, text = 0;
    struct group_set *s;
    enum status st = device_groups_check(groups, count, err);

    if (st != ST_OK)
        return st;
    for (size_t i = 0; i < count; i++) {
        text += strlen(groups[i].name);
        for (size_t r = 0; r < groups[i].rule_count; r++) {
            for (size_t v = 0; v < groups[i].rules[r].value_count; v++) {
                tests++;
                text += strlen(groups[i].rules[r].values[v]);
            }
        }
    }
    s = malloc(sizeof *s + count * sizeof *s->groups + tests * sizeof *s->tests + text);
    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for %zu device groups", count);
    s->count = count;
    s->groups = (struct group *)(s + 1);
    s->tests = (struct test *)(s->groups + count);
    char *to = (char *)(s->tests + tests);

    tests = 0;
    for (size_t i = 0; i < count; i++) {
        struct group *g = &s->groups[i];

        *g = (struct group){copy_text(&to, groups[i].name, false), groups[i].rank, tests, 0, 0};
        for (size_t r = 0; r < groups[i].rule_count; r++) {
            const struct device_rule *rule = &groups[i].rules[r];

            if (rule->op == OPERATOR_NONE)
                continue;
            g->properties |= 1u << rule->property;
            for (size_t v = 0; v < rule->value_count; v++)
                s->tests[tests++] =
                    (struct test){rule->property, rule->op, copy_text(&to, rule->values[v], true)};
        }
        g->test_count = tests - g->test_first;
    }
    qsort(s->groups, count, sizeof *s->groups, compare_ranks);
    *set = s;
    return ST_OK;
}

void
group_set_free(struct group_set *set)
{
    free(set);
}

/* ---- sorting ---- */

static bool
text_matches(struct span text, enum device_operator op, struct span value)
{
    if (value.n > text.n)
        return false;
    switch (op) {
    case OPERATOR_STARTS_WITH:
        return memcmp(text.p, value.p, value.n) == 0;
    case OPERATOR_ENDS_WITH:
        return memcmp(text.p + text.n - value.n, value.p, value.n) == 0;
    case OPERATOR_EQUALS:
    case OPERATOR_IN:
        return value.n == text.n && memcmp(text.p, value.p, value.n) == 0;
    case OPERATOR_CONTAINS:
        return memmem(text.p, text.n, value.p, value.n) != NULL;
    case OPERATOR_NONE:
        break;
    }
    return false;
}

static struct span
up_to(struct span text, char end)
{
    const char *p = text.n == 0 ? NULL : memchr(text.p, end, text.n);

    return p == NULL ? text : (struct span){text.p, (size_t)(p - text.p)};
}

static bool
tag_matches(struct span tags, const struct test *t)
{
    while (tags.n > 0) {
        struct span tag = up_to(tags, '\n');

        if (text_matches(tag, t->op, t->value))
            return true;
        if (tag.n == tags.n)
            return false;
        tags = (struct span){tags.p + tag.n + 1, tags.n - tag.n - 1};
    }
    return false;
}

static bool
test_matches(const struct device_facts *f, const struct test *t)
{
    switch (t->property) {
    case DEVICE_NAME:
        return text_matches(f->name, t->op, t->value) ||
               text_matches(up_to(f->name, '.'), t->op, t->value);
    case DEVICE_DOMAIN:
        return text_matches(f->domain, t->op, t->value);
    case DEVICE_TAG:
        return tag_matches(f->tags, t);
    case DEVICE_OS_PLATFORM:
        return text_matches(f->os_platform, t->op, t->value);
    }
    return false;
}

static struct span
lowered(char **to, struct span text, size_t size_max)
{
    struct span s = {*to, text.n < size_max ? text.n : size_max};

    for (size_t i = 0; i < s.n; i++)
        (*to)[i] = lower(text.p[i]);
    *to += s.n;
    return s;
}

uint16_t
group_set_find(const struct group_set *set, const struct device_facts *facts)
{
    char text[DEVICE_NAME_SIZE_MAX + DEVICE_DOMAIN_SIZE_MAX + DEVICE_OS_SIZE_MAX +
              DEVICE_TAGS_SIZE_MAX],
        *to = text;

    if (set == NULL || set->count == 0)
        return GROUP_SET_NONE;
    struct device_facts f = {
        .name = lowered(&to, facts->name, DEVICE_NAME_SIZE_MAX),
        .domain = lowered(&to, facts->domain, DEVICE_DOMAIN_SIZE_MAX),
        .os_platform = lowered(&to, facts->os_platform, DEVICE_OS_SIZE_MAX),
        .tags = lowered(&to, facts->tags, DEVICE_TAGS_SIZE_MAX),
    };

    for (size_t i = 0; i < set->count; i++) {
        const struct group *g = &set->groups[i];
        unsigned matched = 0;

        for (size_t k = g->test_first; k < g->test_first + g->test_count; k++)
            if ((matched & 1u << set->tests[k].property) == 0 && test_matches(&f, &set->tests[k]))
                matched |= 1u << set->tests[k].property;
        if (g->properties != 0 && matched == g->properties)
            return (uint16_t)i;
    }
    return GROUP_SET_NONE;
}

struct span
group_set_name(const struct group_set *set, uint16_t index)
{
    return index == GROUP_SET_NONE ? span_of(unassigned) : set->groups[index].name;
}
