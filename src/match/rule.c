/* rule.c - rule sets from JSON. All faults are told, each with its place, since whoever writes an
 * automation by hand or by a template wants to mend them at once. */
#include "base/spelling.h"
#include "match/rule_inner.h"
#include <stdlib.h>
#include <strings.h>

static const char *const type_names[] = {"String", "Integer", "Number", "Boolean"};
static const char *const operator_names[] = {
    "Equals",     "NotEquals",           "GreaterThan", "GreaterThanOrEqualTo",
    "LesserThan", "LesserThanOrEqualTo", "Contains",    "StartsWith",
    "EndsWith"};
enum { MEMBER_PATH, MEMBER_TYPE, MEMBER_EXPECTED, MEMBER_OPERATOR, MEMBERS };
static const char *const member_names[MEMBERS] = {"propertyJPath", "propertyType", "expectedValue",
                                                  "operator"};
static const char *const set_member_names[] = {"rules"};

struct maker {
    struct rule_sets *sets;
    rule_told *told;
    void *app;
    struct err *err;
    const char *base;
    size_t fault_count;
    const json_t *json;
};

const char *
rule_type_name(enum rule_type type)
{
    return type_names[type];
}

const char *
rule_operator_name(enum rule_operator which)
{
    return operator_names[which];
}

/* ---- telling ---- */

struct place {
    char text[512];
};

PRINTF_LIKE(5, 6)
static void
tell(struct maker *m, const char *code, bool is_warning, const struct place *place,
     const char *format, ...)
{
    char message[768];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (!is_warning && m->fault_count++ == 0)
        err_set(m->err, ST_INVALID, "%s: %s", place->text, message);
    if (m->told != NULL)
        m->told(m->app, code, place->text, message, is_warning);
}

#define TELL_FAULT(m, code, ...) tell(m, code, false, __VA_ARGS__)
#define TELL_WARNING(m, code, ...) tell(m, code, true, __VA_ARGS__)

PRINTF_LIKE(2, 3)
static struct place
place_of(const struct maker *m, const char *format, ...)
{
    struct place place;
    int n = snprintf(place.text, sizeof place.text, "%.255s", m->base);
    va_list args;

    va_start(args, format);
    vsnprintf(place.text + n, sizeof place.text - (size_t)n, format, args);
    va_end(args);
    return place;
}

static const char *
kind_of(const json_t *json)
{
    if (json == NULL || json_is_null(json))
        return "null";
    return json_is_object(json)    ? "an object"
           : json_is_array(json)   ? "an array"
           : json_is_string(json)  ? "a string"
           : json_is_boolean(json) ? "a boolean"
                                   : "a number";
}

/* For messages: a value as given, cut. */
struct shown {
    char text[96];
};

static struct shown
show(const char *text)
{
    struct shown shown;
    size_t n = strlen(text), most = 80;

    if (n > most)
        while (most > 0 && ((unsigned char)text[most] & 0xc0) == 0x80)
            most--;
    snprintf(shown.text, sizeof shown.text, "%.*s%s", (int)(n > most ? most : n), text,
             n > most ? "..." : "");
    return shown;
}

/* ---- names ---- */

const char *
rule_nearest(struct span name, const char *const *names, size_t count)
{
    size_t best = name.n / 2 + 1;
    const char *found = NULL;

    for (size_t i = 0; i < count; i++) {
        size_t d = spelling_distance(name, span_of(names[i]));

        if (d < best) {
            best = d;
            found = names[i];
        }
    }
    return found;
}

static bool
find_name(const char *text, const char *const *names, size_t count, unsigned *index)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *index = (unsigned)i;
            return true;
        }
    }
    return false;
}

/* An enumeration's value. */
static bool
read_name(struct maker *m, const char *code, const char *what, const struct place *place,
          const char *text, const char *const *names, size_t count, unsigned *index)
{
    const char *near;
    char list[256];
    size_t n = 0;

    if (find_name(text, names, count, index))
        return true;
    near = rule_nearest(span_of(text), names, count);
    if (near != NULL) {
        TELL_FAULT(m, code, place, "'%s' is not %s. Did you mean '%s'?", show(text).text, what,
                   near);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i == 0 ? "" : ", ", names[i]);
    TELL_FAULT(m, code, place, "'%s' is not %s. Known: %s.", show(text).text, what, list);
    return false;
}

/* By name, exactly, else in any case. */
static const json_t *
member(const json_t *object, const char *name)
{
    const json_t *found = json_object_get(object, name), *value;
    const char *key;

    if (found != NULL)
        return found;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (strcasecmp(key, name) == 0)
            return value;
    }
    return NULL;
}

static void
warn_of_strangers(struct maker *m, const json_t *object, const struct place *place,
                  const char *const *names, size_t count)
{
    const char *key;
    const json_t *value;
    unsigned ignored;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *near;

        if (find_name(key, names, count, &ignored))
            continue;
        near = rule_nearest(span_of(key), names, count);
        if (near != NULL)
            TELL_WARNING(m, "UnknownProperty", place,
                         "'%s' is unknown and ignored. Did you mean '%s'?", show(key).text, near);
        else
            TELL_WARNING(m, "UnknownProperty", place, "'%s' is unknown and ignored.",
                         show(key).text);
    }
}

/* ---- a rule ---- */

static bool
read_path(struct maker *m, const struct place *place, const char *text, struct rule *r)
{
    struct span path = span_of(text);
    const char *what;
    size_t at;

    if (path.n == 0) {
        TELL_FAULT(m, "InvalidPropertyPath", place, "propertyJPath is empty; name a property.");
        return false;
    }
    if (rule_path_read(&m->sets->pool, path, &r->path, &what, &at))
        return true;
    TELL_FAULT(m, "InvalidPropertyPath", place, "propertyJPath '%s', character %zu: %s.",
               show(text).text, kql_text_length((struct span){text, at}) + 1, what);
    return false;
}

static bool
is_integer(struct span text)
{
    size_t i = text.n > 0 && (text.p[0] == '-' || text.p[0] == '+');

    if (i == text.n)
        return false;
    for (; i < text.n; i++)
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    return true;
}

static bool
read_expected(struct maker *m, const struct place *place, const json_t *json, struct rule *r)
{
    struct span text = {json_string_value(json), json_string_length(json)};
    const char *wanted = NULL;

    if (text.n > RULE_VALUE_SIZE_MAX) {
        TELL_FAULT(m, "InvalidExpectedValue", place,
                   "expectedValue has %zu bytes; %d are the most.", text.n, RULE_VALUE_SIZE_MAX);
        return false;
    }
    r->expected = pool_text(&m->sets->pool, text);
    r->is_true = text.n == 4 && strncasecmp(text.p, "true", 4) == 0;
    if (r->type == RULE_INTEGER && !is_integer(text))
        wanted = "an integer, e.g. 10";
    else if (r->type == RULE_NUMBER && !rule_number_read(text, &r->number))
        wanted = "a number, e.g. 0.5";
    else if (r->type == RULE_BOOLEAN && !r->is_true &&
             !(text.n == 5 && strncasecmp(text.p, "false", 5) == 0))
        wanted = "true or false";
    if (wanted != NULL) {
        TELL_FAULT(m, "InvalidExpectedValue", place, "'%s' is not %s, as propertyType %s asks for.",
                   show(text.p).text, wanted, type_names[r->type]);
        return false;
    }
    if (r->type != RULE_STRING && r->type != RULE_BOOLEAN)
        return rule_number_read(r->expected, &r->number); /* now lends from the copy */
    return true;
}

/* Section 1.4: comparisons are for numbers, searches for all else. */
static bool
operator_fits(const struct rule *r)
{
    bool is_number = r->type == RULE_INTEGER || r->type == RULE_NUMBER;

    return r->how <= RULE_NOT_EQUALS || (r->how >= RULE_CONTAINS) != is_number;
}

static void
prepare_search(struct pool *pool, struct rule *r)
{
    enum kql_search_kind kind = r->how == RULE_CONTAINS      ? KQL_SEARCH_CONTAINS
                                : r->how == RULE_STARTS_WITH ? KQL_SEARCH_STARTS
                                : r->how == RULE_ENDS_WITH   ? KQL_SEARCH_ENDS
                                                             : KQL_SEARCH_EQUAL;

    if (rule_compares_text(r) && r->expected.p != NULL)
        r->search = kql_search_new(pool, kind, true, r->expected);
}

/* The members of a rule as JSON strings, told where they are none. */
static bool
read_members(struct maker *m, const json_t *json, size_t set, size_t rule,
             const json_t *found[MEMBERS])
{
    bool is_fine = true;

    for (size_t i = 0; i < MEMBERS; i++) {
        struct place place = place_of(m, "[%zu].rules[%zu].%s", set, rule, member_names[i]);

        found[i] = member(json, member_names[i]);
        if (found[i] == NULL || json_is_null(found[i]))
            TELL_FAULT(m, "MissingProperty", &place, "%s is missing.", member_names[i]);
        else if (!json_is_string(found[i]))
            TELL_FAULT(m, i == MEMBER_EXPECTED ? "InvalidExpectedValue" : "InvalidRule", &place,
                       "%s must be a string%s; here is %s.", member_names[i],
                       i == MEMBER_EXPECTED ? ", also for numbers and booleans" : "",
                       kind_of(found[i]));
        else
            continue;
        found[i] = NULL;
        is_fine = false;
    }
    return is_fine;
}

static void
read_rule(struct maker *m, const json_t *json, size_t set, size_t rule, struct rule *r)
{
    struct place at = place_of(m, "[%zu].rules[%zu]", set, rule);
    struct place places[MEMBERS];
    const json_t *found[MEMBERS];
    unsigned type = RULE_STRING, how = RULE_EQUALS;
    bool has_type = false, has_operator = false;

    *r = (struct rule){.type = RULE_STRING};
    if (!json_is_object(json)) {
        TELL_FAULT(m, "InvalidRule", &at, "a rule must be an object; here is %s.", kind_of(json));
        return;
    }
    for (size_t i = 0; i < MEMBERS; i++)
        places[i] = place_of(m, "[%zu].rules[%zu].%s", set, rule, member_names[i]);
    warn_of_strangers(m, json, &at, member_names, MEMBERS);
    read_members(m, json, set, rule, found);
    if (found[MEMBER_PATH] != NULL)
        read_path(m, &places[MEMBER_PATH], json_string_value(found[MEMBER_PATH]), r);
    if (found[MEMBER_TYPE] != NULL)
        has_type = read_name(m, "UnknownPropertyType", "a property type", &places[MEMBER_TYPE],
                             json_string_value(found[MEMBER_TYPE]), type_names,
                             COUNT_OF(type_names), &type);
    if (found[MEMBER_OPERATOR] != NULL)
        has_operator = read_name(m, "UnknownOperator", "an operator", &places[MEMBER_OPERATOR],
                                 json_string_value(found[MEMBER_OPERATOR]), operator_names,
                                 COUNT_OF(operator_names), &how);
    r->type = (enum rule_type)type;
    r->how = (enum rule_operator)how;
    if (found[MEMBER_EXPECTED] != NULL && has_type)
        read_expected(m, &places[MEMBER_EXPECTED], found[MEMBER_EXPECTED], r);
    if (has_type && has_operator && !operator_fits(r))
        TELL_FAULT(m, "OperatorTypeMismatch", &at, "operator %s does not apply to propertyType %s",
                   operator_names[how], type_names[type]);
    prepare_search(&m->sets->pool, r);
}

/* ---- sets ---- */

static bool
expects_alike(const struct rule *a, const struct rule *b)
{
    if (a->type == RULE_BOOLEAN && b->type == RULE_BOOLEAN)
        return a->is_true == b->is_true;
    if (!rule_compares_text(a) && !rule_compares_text(b))
        return rule_number_compare(&a->number, &b->number) == 0;
    return kql_compare_ci(a->expected, b->expected) == 0;
}

/* Seen in published templates: all severities in one set. */
static void
warn_of_contradictions(struct maker *m, const struct rule_set *s, size_t set)
{
    for (uint32_t i = 0; i < s->count; i++) {
        const struct rule *a = &s->rules[i];

        if (a->how != RULE_EQUALS || a->path.count == 0)
            continue;
        for (uint32_t j = 0; j < i; j++) {
            const struct rule *b = &s->rules[j];

            if (b->how == RULE_EQUALS && b->type == a->type &&
                rule_path_equal(&a->path, &b->path) && !expects_alike(a, b)) {
                struct place place = place_of(m, "[%zu].rules[%u]", set, i);

                TELL_WARNING(
                    m, "NeverTrue", &place,
                    "'%s' cannot equal '%s' and '%s' at once: this rule set never "
                    "matches. Rules of a set are all to hold; put one in a set of its own.",
                    show(a->path.text.p).text, show(b->expected.p).text, show(a->expected.p).text);
                break;
            }
        }
    }
}

static void
read_set(struct maker *m, const json_t *json, size_t set, struct rule_set *s)
{
    struct place at = place_of(m, "[%zu]", set), inside = place_of(m, "[%zu].rules", set);
    const json_t *rules;
    struct rule *r;

    if (!json_is_object(json)) {
        TELL_FAULT(m, "InvalidRuleSets", &at, "a rule set must be {\"rules\":[...]}; here is %s.",
                   kind_of(json));
        return;
    }
    warn_of_strangers(m, json, &at, set_member_names, COUNT_OF(set_member_names));
    rules = member(json, "rules");
    if (rules == NULL || json_is_null(rules))
        return; /* no rules: true (section 1.8) */
    if (!json_is_array(rules)) {
        TELL_FAULT(m, "InvalidRuleSets", &inside, "rules must be an array; here is %s.",
                   kind_of(rules));
        return;
    }
    if (json_array_size(rules) > RULES_MAX) {
        TELL_FAULT(m, "TooManyRules", &inside, "%zu rules; a set takes %d.", json_array_size(rules),
                   RULES_MAX);
        return;
    }
    r = pool_zeroed(&m->sets->pool, json_array_size(rules), sizeof *r);
    for (size_t i = 0; i < json_array_size(rules); i++)
        read_rule(m, json_array_get(rules, i), set, i, &r[i]);
    *s = (struct rule_set){r, (uint32_t)json_array_size(rules)};
    if (m->fault_count == 0)
        warn_of_contradictions(m, s, set);
}

static void
mix(uint64_t *x, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *x = (*x ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
    *x = (*x ^ size) * UINT64_C(1099511628211);
}

static uint64_t
fingerprint(const struct rule_sets *sets)
{
    uint64_t x = UINT64_C(14695981039346656037);

    for (uint32_t i = 0; i < sets->count; i++) {
        mix(&x, &sets->sets[i].count, sizeof sets->sets[i].count);
        for (uint32_t j = 0; j < sets->sets[i].count; j++) {
            const struct rule *r = &sets->sets[i].rules[j];

            mix(&x, &r->type, sizeof r->type);
            mix(&x, &r->how, sizeof r->how);
            mix(&x, r->path.text.p, r->path.text.n);
            mix(&x, r->expected.p, r->expected.n);
        }
    }
    return x;
}

static void
read_sets(struct maker *m)
{
    struct place all = place_of(m, "%s", "");
    size_t count = json_array_size(m->json);
    struct rule_set *s;

    if (m->json == NULL || json_is_null(m->json)) {
        count = 0;
    } else if (!json_is_array(m->json)) {
        TELL_FAULT(m, "InvalidRuleSets", &all, "ruleSets must be an array or null; here is %s.",
                   kind_of(m->json));
        count = 0;
    } else if (count > RULE_SETS_MAX) {
        TELL_FAULT(m, "TooManyRules", &all, "%zu rule sets; a source takes %d.", count,
                   RULE_SETS_MAX);
        count = 0;
    }
    s = pool_zeroed(&m->sets->pool, count, sizeof *s);
    for (size_t i = 0; i < count; i++)
        read_set(m, json_array_get(m->json, i), i, &s[i]);
    m->sets->sets = s;
    m->sets->count = (uint32_t)count;
    m->sets->fingerprint = fingerprint(m->sets);
}

/* All that takes from the pool runs below here; false: it is spent. */
static bool
read_within(struct maker *m)
{
    jmp_buf escape;

    m->sets->pool.escape = &escape;
    if (setjmp(escape) != 0)
        return false;
    read_sets(m);
    m->sets->pool.escape = NULL;
    return true;
}

enum status
rule_sets_make(const json_t *json, const char *target, rule_told *told, void *app,
               struct rule_sets **out, struct err *err)
{
    struct rule_sets *sets = calloc(1, sizeof *sets);
    struct maker m = {
        .sets = sets, .told = told, .app = app, .err = err, .base = target, .json = json};
    enum status st = ST_OK;

    *out = NULL;
    if (sets == NULL)
        return err_set(err, ST_FULL, "%s: no memory", target);
    pool_init(&sets->pool, RULE_MEMORY_MAX);
    if (!read_within(&m))
        st = err_set(err, ST_FULL, "%s: the rules take more than %d MiB of memory", target,
                     RULE_MEMORY_MAX >> 20);
    else if (m.fault_count > 0)
        st = ST_INVALID;
    if (st != ST_OK) {
        rule_sets_free(sets);
        return st;
    }
    *out = sets;
    return ST_OK;
}

void
rule_sets_free(struct rule_sets *r)
{
    if (r == NULL)
        return;
    pool_free(&r->pool);
    free(r);
}

uint64_t
rule_sets_fingerprint(const struct rule_sets *r)
{
    return r->fingerprint;
}

bool
rule_sets_look_at(const struct rule_sets *r, struct span name)
{
    for (uint32_t i = 0; r != NULL && i < r->count; i++) {
        for (uint32_t j = 0; j < r->sets[i].count; j++) {
            const struct rule_path *path = &r->sets[i].rules[j].path;

            if (path->count > 1 && path->steps[0].name.p != NULL &&
                kql_compare_ci(path->steps[0].name, name) == 0)
                return true;
        }
    }
    return false;
}
