/* rule.h - rule sets of automations: OR of ANDs of comparisons on a JSON document
 * (continuous-export.md section 1.8). Compiled once, immutable; any thread. Pure.
 *
 *   [{"rules":[{"propertyJPath","propertyType","expectedValue","operator"}]}]
 *
 * Paths: member names joined by '.', [n], ['a name'], an optional leading "$" or "$.". Names ignore
 * case; of members that differ only in case the first that is spelt alike counts, else the first.
 * Missing or null: false, but NotEquals: true. String: scalars as text, objects and arrays as compact
 * JSON; case ignored as .NET's OrdinalIgnoreCase does (kql/text.h: what is not ASCII never equals
 * ASCII). Integer and Number: both sides as exact decimals, what is no number is false. Boolean: true
 * and false in any case, all else is false. */
#pragma once
#include "base/base.h"
#include "wire/json.h"
#include "wire/tree.h"

enum {
    RULE_SETS_MAX = 1000,      /* of one source */
    RULES_MAX = 100,           /* of one set */
    RULE_PATH_SIZE_MAX = 1024, /* bytes */
    RULE_PATH_STEPS_MAX = 32,
    RULE_VALUE_SIZE_MAX = 4096, /* bytes of expectedValue */
    RULE_MEMORY_MAX = 16 << 20, /* bytes of one source's compiled sets */
};

enum rule_type { RULE_STRING, RULE_INTEGER, RULE_NUMBER, RULE_BOOLEAN };
enum rule_operator {
    RULE_EQUALS,
    RULE_NOT_EQUALS,
    RULE_GREATER_THAN,
    RULE_GREATER_THAN_OR_EQUAL_TO,
    RULE_LESSER_THAN,
    RULE_LESSER_THAN_OR_EQUAL_TO,
    RULE_CONTAINS,
    RULE_STARTS_WITH,
    RULE_ENDS_WITH
};
const char *rule_type_name(enum rule_type type);          /* "String" */
const char *rule_operator_name(enum rule_operator which); /* "LesserThanOrEqualTo" */

/* What is wrong with a rule, told one by one: 'target' as "properties.sources[0].ruleSets[1].rules[0].operator"
 * (where two members disagree: the rule); 'is_warning': it can be saved all the same. Faults:
 * InvalidRuleSets, InvalidRule, TooManyRules, MissingProperty, InvalidPropertyPath, UnknownPropertyType,
 * UnknownOperator, OperatorTypeMismatch, InvalidExpectedValue. Warnings: NeverTrue, UnknownProperty.
 * Lends. */
typedef void rule_told(void *app, const char *code, const char *target, const char *message,
                       bool is_warning);

struct rule_sets;
/* 'json': the array, null or NULL (no filter: everything passes). 'target': "properties.sources[0].ruleSets".
 * Tells all faults ('told' may be NULL); ST_INVALID if one of them is no warning, and err holds the first.
 * ST_FULL: they take more than RULE_MEMORY_MAX. Borrows nothing of 'json'. */
MUST_CHECK enum status rule_sets_make(const json_t *json, const char *target, rule_told *told,
                                      void *app, struct rule_sets **out, struct err *err);
void rule_sets_free(struct rule_sets *r); /* NULL is fine */
/* As answers show it: [] if there is none; enumerations in their exact spelling. New reference; NULL:
 * no memory. */
json_t *rule_sets_json(const struct rule_sets *r);
uint64_t rule_sets_fingerprint(const struct rule_sets *r);
/* 'r' may be NULL: passes. */
bool rule_sets_pass(const struct rule_sets *r, const struct tree *document);
/* Whether a rule looks at a member below this top-level one ("properties"), any case. */
bool rule_sets_look_at(const struct rule_sets *r, struct span member);
/* What each rule found, for "automation test": [{"passes":bool,"rules":[{"propertyJPath","operator","expectedValue",
 * "found":VALUE|null,"passes":bool,"why":"'Medium' is not equal to 'High'"}]}]. A number that is no 64-bit integer is found
 * as its text; what is long is cut. New reference; NULL: no memory. */
json_t *rule_sets_explain(const struct rule_sets *r, const struct tree *document);
