#include "source/device_groups_json.h"
#include "model/datetime.h"
#include "source/device_rules.h"
#include "wire/json.h"
#include <limits.h>
#include <stdlib.h>

enum { PROPERTIES_PRINTED = 5, PRIORITY_UNASSIGNED = 2147483647 };

static const char *const property_words[] = {"name", "domain", "tag", "os"};
static const char *const operator_words[] = {"",       "startsWith", "endsWith",
                                             "equals", "in",         "contains"};

/* Where the text is being read, for errors. */
struct place {
    struct arena *arena;
    const char *group; /* name, once it is known; else NULL */
    size_t item, rule; /* from 1; rule 0: none */
    struct err *err;
};

PRINTF_LIKE(2, 3)
static enum status
wrong(const struct place *at, const char *format, ...)
{
    char where[160], what[160];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (at->group == NULL)
        snprintf(where, sizeof where, "device group number %zu", at->item);
    else
        snprintf(where, sizeof where, "device group '%.100s'", at->group);
    if (at->rule == 0)
        return err_set(at->err, ST_INVALID, "%s: %s", where, what);
    return err_set(at->err, ST_INVALID, "%s, rule %zu: %s", where, at->rule, what);
}

static enum status
no_room(const struct place *at)
{
    return err_set(at->err, ST_FULL, "device groups: no room for them");
}

static enum status
copy_text(const struct place *at, const char *text, const char **copy)
{
    size_t size = strlen(text) + 1;
    char *to = arena_take(at->arena, size);

    if (to == NULL)
        return no_room(at);
    *copy = memcpy(to, text, size);
    return ST_OK;
}

/* ---- reading ---- */

/* Leaves *text alone where the key is absent or null. */
static enum status
read_text(const struct place *at, const json_t *object, const char *key, const char **text)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return ST_OK;
    if (!json_is_string(value))
        return wrong(at, "%s is not a text", key);
    return copy_text(at, json_string_value(value), text);
}

static enum status
read_number(const struct place *at, const json_t *object, const char *key, long least, long most,
            long *number)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL || json_is_null(value))
        return ST_OK;
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most)
        return wrong(at, "%s is not a whole number from %ld to %ld", key, least, most);
    *number = (long)json_integer_value(value);
    return ST_OK;
}

/* A number, or one of the words that stand for 0, 1, ... */
static enum status
read_choice(const struct place *at, const json_t *rule, const char *key, const char *const *words,
            size_t word_count, long *choice)
{
    const char *word = json_string_value(json_object_get(rule, key));

    if (json_object_get(rule, key) == NULL)
        return wrong(at, "it has no %s", key);
    if (word == NULL)
        return read_number(at, rule, key, LONG_MIN, LONG_MAX, choice);
    for (size_t i = 0; i < word_count; i++) {
        if (words[i][0] != '\0' && strcasecmp(word, words[i]) == 0) {
            *choice = (long)i;
            return ST_OK;
        }
    }
    return wrong(at, "%s '%.40s' is unknown", key, word);
}

static enum status
read_values(const struct place *at, const json_t *array, struct device_rule *r)
{
    size_t count = json_array_size(array);
    const char **values = arena_take(at->arena, (count + 1) * sizeof *values);

    if (values == NULL)
        return no_room(at);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        enum status st;

        if (text == NULL)
            return wrong(at, "value %zu of PropertyValue is not a text", i + 1);
        st = copy_text(at, text, &values[i]);
        if (st != ST_OK)
            return st;
    }
    r->values = values;
    r->value_count = count;
    return ST_OK;
}

/* "[\"Windows10\",\"Windows11\"]": a JSON array inside a text. */
static enum status
read_list(const struct place *at, const char *text, struct device_rule *r)
{
    json_t *array = json_loads(text, 0, NULL);
    enum status st;

    if (!json_is_array(array))
        st = wrong(at,
                   "operator 4 takes the text of a JSON array of texts, like [\"Windows10\"], not "
                   "'%.40s'",
                   text);
    else
        st = read_values(at, array, r);
    json_decref(array);
    return st;
}

static enum status
read_property_value(const struct place *at, const json_t *rule, struct device_rule *r)
{
    const json_t *value = json_object_get(rule, "PropertyValue");
    const char *text = json_string_value(value);

    if (json_is_array(value))
        return read_values(at, value, r);
    if (text == NULL)
        return wrong(at, "PropertyValue is not a text");
    if (r->op == OPERATOR_IN)
        return read_list(at, text, r);
    const char **values = arena_take(at->arena, sizeof *values);

    if (values == NULL)
        return no_room(at);
    r->values = values;
    r->value_count = 1;
    return copy_text(at, text, &values[0]);
}

static enum status
read_rule(const struct place *at, const json_t *rule, struct device_rule *r)
{
    long property = 0, op = 0;
    const char *text = json_string_value(json_object_get(rule, "PropertyValue"));
    enum status st;

    if (!json_is_object(rule))
        return wrong(at, "it is not an object");
    st = read_choice(at, rule, "Property", property_words, COUNT_OF(property_words), &property);
    if (st == ST_OK)
        st = read_choice(at, rule, "OperatorType", operator_words, COUNT_OF(operator_words), &op);
    if (st != ST_OK)
        return st;
    if (op == 0 &&
        (text == NULL ? !json_is_array(json_object_get(rule, "PropertyValue")) : text[0] == '\0') &&
        property >= 0 && property < PROPERTIES_PRINTED)
        return ST_OK; /* not used; what 'r' holds is OPERATOR_NONE */
    if (property < 0 || property > DEVICE_OS_PLATFORM)
        return wrong(at, "Property %ld is unknown: 0 is name, 1 domain, 2 tag, 3 OS platform",
                     property);
    if (op < 0 || op > OPERATOR_CONTAINS)
        return wrong(at,
                     "OperatorType %ld is unknown: 1 is starts with, 2 ends with, 3 equals, 4 in "
                     "list, 5 contains",
                     op);
    r->property = (enum device_property)property;
    r->op = op == 0 ? OPERATOR_STARTS_WITH : (enum device_operator)op;
    return read_property_value(at, rule, r);
}

static enum status
read_rules(struct place *at, const json_t *rules, struct device_group *g)
{
    size_t count = json_array_size(rules);
    struct device_rule *list;
    enum status st = ST_OK;

    if (rules == NULL || json_is_null(rules))
        return ST_OK;
    if (!json_is_array(rules))
        return wrong(at, "GroupRules is not an array");
    if (count > DEVICE_RULES_MAX)
        return wrong(at, "%zu rules, at most %d", count, DEVICE_RULES_MAX);
    list = arena_take(at->arena, (count + 1) * sizeof *list);
    if (list == NULL)
        return no_room(at);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        at->rule = i + 1;
        st = read_rule(at, json_array_get(rules, i), &list[i]);
    }
    at->rule = 0;
    g->rules = list;
    g->rule_count = count;
    return st;
}

static enum status
read_updated(const struct place *at, const json_t *item, struct device_group *g)
{
    enum status st = read_text(at, item, "LastUpdated", &g->updated);
    int64_t ticks;

    if (st == ST_OK && g->updated != NULL && !datetime_read(span_of(g->updated), &ticks))
        return wrong(at, "LastUpdated '%.40s' is not a time like 2026-05-18T12:09:03Z", g->updated);
    return st;
}

static enum status
read_item(struct place *at, const json_t *item, struct device_group *g, bool *is_unassigned)
{
    long id = 0, remediation = 0, priority = 0;
    enum status st = read_text(at, item, "Name", &g->name);

    *is_unassigned = json_is_true(json_object_get(item, "IsUnassignedMachineGroup"));
    if (st == ST_OK && g->name == NULL && !*is_unassigned)
        return wrong(at, "it has no Name");
    if (st == ST_OK && g->name != NULL && g->name[0] != '\0')
        at->group = g->name;
    if (st == ST_OK)
        st = read_text(at, item, "Description", &g->description);
    if (st == ST_OK)
        st = read_updated(at, item, g);
    if (st == ST_OK)
        st = read_number(at, item, "MachineGroupId", 0, INT_MAX, &id);
    if (st == ST_OK)
        st = read_number(at, item, "AutoRemediationLevel", 0, INT_MAX, &remediation);
    if (st == ST_OK)
        st = read_number(at, item, "Priority", 1, PRIORITY_UNASSIGNED, &priority);
    if (st == ST_OK && priority == 0 && !*is_unassigned)
        return wrong(at, "it has no Priority: 1 is looked at first");
    if (st == ST_OK)
        st = read_rules(at, json_object_get(item, "GroupRules"), g);
    g->id = (unsigned)id;
    g->remediation = (int)remediation;
    g->rank = (unsigned)priority;
    return st;
}

static bool
has_id(const struct device_group_list *list, unsigned id)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->groups[i].id == id)
            return true;
    return list->unassigned.id == id;
}

static enum status
give_ids(struct device_group_list *list, struct err *err)
{
    unsigned next = 1;

    for (size_t i = 0; i < list->count; i++)
        for (size_t k = 0; k < i && list->groups[i].id != 0; k++)
            if (list->groups[k].id == list->groups[i].id)
                return err_set(
                    err, ST_INVALID,
                    "device groups '%.100s' and '%.100s' have the same MachineGroupId %u",
                    list->groups[k].name, list->groups[i].name, list->groups[i].id);
    for (size_t i = 0; i <= list->count; i++) {
        struct device_group *g = i < list->count ? &list->groups[i] : &list->unassigned;

        if (g->id != 0)
            continue;
        while (has_id(list, next))
            next++;
        g->id = next;
    }
    return ST_OK;
}

static enum status
read_items(const json_t *items, struct place *at, struct device_group_list *list)
{
    size_t count = json_array_size(items);
    bool has_unassigned = false;
    enum status st = ST_OK;

    if (!json_is_array(items))
        return err_set(at->err, ST_INVALID,
                       "device groups: neither an array of groups nor an object with such 'items'");
    if (count > DEVICE_GROUPS_MAX + 1)
        return err_set(at->err, ST_INVALID, "%zu device groups, at most %d", count,
                       DEVICE_GROUPS_MAX);
    for (at->item = 1; at->item <= count; at->item++)
        if (!json_is_object(json_array_get(items, at->item - 1)))
            return wrong(at, "it is not an object");
    list->groups = arena_take(at->arena, (count + 1) * sizeof *list->groups);
    if (list->groups == NULL)
        return no_room(at);
    list->unassigned = (struct device_group){.name = "", .rank = PRIORITY_UNASSIGNED};
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        struct device_group g = {.name = NULL};
        bool is_unassigned;

        at->item = i + 1;
        at->group = NULL;
        st = read_item(at, json_array_get(items, i), &g, &is_unassigned);
        if (st != ST_OK)
            return st;
        if (!is_unassigned) {
            list->groups[list->count++] = g;
            continue;
        }
        if (has_unassigned)
            return wrong(at, "a second default group (IsUnassignedMachineGroup)");
        for (size_t r = 0; r < g.rule_count; r++)
            if (g.rules[r].op != OPERATOR_NONE)
                return wrong(at, "the default group (IsUnassignedMachineGroup) takes no rules");
        has_unassigned = true;
        list->unassigned.id = g.id;
        list->unassigned.remediation = g.remediation;
        list->unassigned.updated = g.updated;
    }
    return give_ids(list, at->err);
}

enum status
device_groups_parse(struct span text, struct arena *a, struct device_group_list *list,
                    struct err *err)
{
    struct device_group_list found = {.count = 0};
    struct place at = {.arena = a, .err = err};
    json_error_t fault;
    json_t *root;
    enum status st;

    if (text.n > DEVICE_GROUPS_JSON_SIZE_MAX)
        return err_set(err, ST_INVALID, "device groups: %zu bytes, at most %d", text.n,
                       DEVICE_GROUPS_JSON_SIZE_MAX);
    root = json_loadb(text.p == NULL ? "" : text.p, text.n, JSON_REJECT_DUPLICATES, &fault);
    if (root == NULL)
        return err_set(err, ST_INVALID, "device groups: line %d, column %d: %s", fault.line,
                       fault.column, fault.text);
    st = read_items(json_is_object(root) ? json_object_get(root, "items") : root, &at, &found);
    json_decref(root);
    if (st == ST_OK)
        st = device_groups_check(found.groups, found.count, err);
    if (st == ST_OK)
        *list = found;
    return st;
}

/* ---- printing ---- */

static json_t *
rule_json(enum device_operator op, int property, json_t *value)
{
    return json_pack("{s:i, s:i, s:o}", "OperatorType", (int)op, "Property", property,
                     "PropertyValue", value);
}

/* One rule becomes as many as its shape needs: a list is one text, values of another operator stand
 * alone. */
static int
append_rule(json_t *rules, const struct device_rule *r)
{
    int failed = 0;

    if (r->op == OPERATOR_IN) {
        json_t *list = json_array();
        char *text;

        for (size_t i = 0; i < r->value_count; i++)
            failed |= json_array_append_new(list, json_string(r->values[i]));
        text = json_dumps(list, JSON_COMPACT);
        json_decref(list);
        failed |= text == NULL || json_array_append_new(rules, rule_json(r->op, (int)r->property,
                                                                         json_string(text))) != 0;
        free(text);
        return failed;
    }
    for (size_t i = 0; i < r->value_count; i++)
        failed |= json_array_append_new(
            rules, rule_json(r->op, (int)r->property, json_string(r->values[i])));
    return failed;
}

static json_t *
rules_json(const struct device_group *g)
{
    json_t *rules = json_array();
    int failed = rules == NULL;

    for (int property = 0; property < PROPERTIES_PRINTED && !failed; property++) {
        size_t before = json_array_size(rules);

        for (size_t i = 0; i < g->rule_count; i++)
            if ((int)g->rules[i].property == property && g->rules[i].op != OPERATOR_NONE)
                failed |= append_rule(rules, &g->rules[i]);
        if (json_array_size(rules) == before)
            failed |=
                json_array_append_new(rules, rule_json(OPERATOR_NONE, property, json_string("")));
    }
    if (!failed)
        return rules;
    json_decref(rules);
    return NULL;
}

static json_t *
group_json(const struct device_group *g, size_t machine_count, bool is_unassigned)
{
    json_t *o =
        json_pack("{s:I, s:s, s:s, s:i, s:I, s:s?, s:b, s:I}", "MachineGroupId", (json_int_t)g->id,
                  "Name", g->name, "Description", g->description == NULL ? "" : g->description,
                  "AutoRemediationLevel", g->remediation, "Priority", (json_int_t)g->rank,
                  "LastUpdated", g->updated, "IsUnassignedMachineGroup", is_unassigned,
                  "MachineCount", (json_int_t)machine_count);

    if (!is_unassigned && json_object_set_new(o, "GroupRules", rules_json(g)) != 0) {
        json_decref(o);
        return NULL;
    }
    return o;
}

/* The group that comes next by rank behind 'rank'; list->count: none. */
static size_t
next_by_rank(const struct device_group_list *list, unsigned rank)
{
    size_t next = list->count;

    for (size_t i = 0; i < list->count; i++)
        if (list->groups[i].rank > rank &&
            (next == list->count || list->groups[i].rank < list->groups[next].rank))
            next = i;
    return next;
}

char *
device_groups_print(const struct device_group_list *list, const size_t *machine_counts,
                    size_t *size)
{
    json_t *items = json_array(), *root = NULL;
    unsigned rank = 0;
    char *text = NULL;
    int failed = items == NULL;

    for (size_t n = 0; n < list->count && !failed; n++) {
        size_t i = next_by_rank(list, rank);

        rank = list->groups[i].rank;
        failed = json_array_append_new(
            items,
            group_json(&list->groups[i], machine_counts == NULL ? 0 : machine_counts[i], false));
    }
    if (!failed)
        failed = json_array_append_new(
            items, group_json(&list->unassigned,
                              machine_counts == NULL ? 0 : machine_counts[list->count], true));
    if (!failed)
        root = json_pack("{s:O, s:b, s:b}", "items", items, "containsAadGroupNames", 1,
                         "containsMachineGroupCount", machine_counts != NULL);
    if (root != NULL)
        text = json_dumps(root, JSON_COMPACT);
    if (text != NULL)
        *size = strlen(text);
    json_decref(root);
    json_decref(items);
    return text;
}

/* ---- using ---- */

static enum status
parse_and(struct devices *d, const char *tenant, struct span text, struct err *err)
{
    size_t size = DEVICE_GROUPS_ARENA_SIZE(text.n);
    struct device_group_list list = {.count = 0};
    struct arena a = {NULL, size, 0};
    enum status st = ST_OK;

    if (text.n > DEVICE_GROUPS_JSON_SIZE_MAX)
        return device_groups_parse(text, &a, &list, err); /* which says so */
    a.base = malloc(size);
    if (a.base == NULL)
        return err_set(err, ST_FULL, "no memory for device groups of %zu bytes", text.n);
    if (text.n > 0)
        st = device_groups_parse(text, &a, &list, err);
    if (st == ST_OK && d != NULL)
        st = devices_set_groups(d, tenant, list.groups, list.count, err);
    free(a.base);
    return st;
}

enum status
device_groups_apply(struct devices *d, const char *tenant, struct span text, struct err *err)
{
    return parse_and(d, tenant, text, err);
}

enum status
device_groups_validate(struct span text, struct err *err)
{
    return parse_and(NULL, "", text, err);
}
