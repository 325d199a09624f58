/* rule_json.c - rule sets as answers show them. */
#include "match/rule_inner.h"

static json_t *
rule_json(const struct rule *r)
{
    json_t *json = json_object();

    if (json_object_set_new(json, "propertyJPath", json_stringn(r->path.text.p, r->path.text.n)) !=
            0 ||
        json_object_set_new(json, "propertyType", json_string(rule_type_name(r->type))) != 0 ||
        json_object_set_new(json, "expectedValue", json_stringn(r->expected.p, r->expected.n)) !=
            0 ||
        json_object_set_new(json, "operator", json_string(rule_operator_name(r->how))) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *
set_json(const struct rule_set *s)
{
    json_t *json = json_object(), *rules = json_array();

    if (json_object_set(json, "rules", rules) != 0)
        goto fail;
    for (uint32_t i = 0; i < s->count; i++)
        if (json_array_append_new(rules, rule_json(&s->rules[i])) != 0)
            goto fail;
    json_decref(rules);
    return json;

fail:
    json_decref(rules);
    json_decref(json);
    return NULL;
}

json_t *
rule_sets_json(const struct rule_sets *r)
{
    json_t *json = json_array();

    for (uint32_t i = 0; json != NULL && r != NULL && i < r->count; i++) {
        if (json_array_append_new(json, set_json(&r->sets[i])) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}
