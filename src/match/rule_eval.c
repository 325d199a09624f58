/* rule_eval.c - a compiled rule and a document. Nothing here allocates. */
#include "match/rule_inner.h"
#include <strings.h>

bool
rule_compares_text(const struct rule *r)
{
    return r->type == RULE_STRING || r->how >= RULE_CONTAINS;
}

static bool
number_holds(const struct rule *r, struct span found)
{
    struct rule_number n;
    int order;

    if (!rule_number_read(found, &n))
        return false;
    order = rule_number_compare(&n, &r->number);
    switch (r->how) {
    case RULE_EQUALS:
        return order == 0;
    case RULE_NOT_EQUALS:
        return order != 0;
    case RULE_GREATER_THAN:
        return order > 0;
    case RULE_GREATER_THAN_OR_EQUAL_TO:
        return order >= 0;
    case RULE_LESSER_THAN:
        return order < 0;
    case RULE_LESSER_THAN_OR_EQUAL_TO:
        return order <= 0;
    default:
        return false;
    }
}

static bool
boolean_holds(const struct rule *r, struct span found)
{
    bool is_true = found.n == 4 && strncasecmp(found.p, "true", 4) == 0;

    if (!is_true && !(found.n == 5 && strncasecmp(found.p, "false", 5) == 0))
        return false;
    return (is_true == r->is_true) == (r->how == RULE_EQUALS);
}

bool
rule_holds(const struct rule *r, const struct tree *t, uint32_t node)
{
    struct span found;

    if (node == TREE_NONE || t->nodes[node].kind == SCAN_NULL)
        return r->how == RULE_NOT_EQUALS;
    found = tree_text(t, node);
    if (rule_compares_text(r))
        return kql_search_in(r->search, found) != (r->how == RULE_NOT_EQUALS);
    return r->type == RULE_BOOLEAN ? boolean_holds(r, found) : number_holds(r, found);
}

bool
rule_set_holds(const struct rule_set *s, const struct tree *t)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (!rule_holds(&s->rules[i], t, rule_path_find(&s->rules[i].path, t, 0)))
            return false;
    return true;
}

bool
rule_sets_pass(const struct rule_sets *r, const struct tree *document)
{
    if (r == NULL || r->count == 0)
        return true;
    for (uint32_t i = 0; i < r->count; i++)
        if (rule_set_holds(&r->sets[i], document))
            return true;
    return false;
}
