/* rule_explain.c - why a document passed or did not, rule by rule, in words. */
#include "base/spelling.h"
#include "match/rule_inner.h"

enum { SHOWN_MAX = 200 /* bytes of a value in a sentence */, FOUND_MAX = 4096 };

/* What a rule says when it holds and when it does not: 'FOUND' ... 'EXPECTED'. */
static const struct {
    const char *holds, *fails;
} words[] = {
    [RULE_EQUALS] = {"equals",              "is not equal to"    },
    [RULE_NOT_EQUALS] = {"is not equal to",     "equals"             },
    [RULE_GREATER_THAN] = {"is greater than",     "is not greater than"},
    [RULE_GREATER_THAN_OR_EQUAL_TO] = {"is not less than",    "is less than"       },
    [RULE_LESSER_THAN] = {"is less than",        "is not less than"   },
    [RULE_LESSER_THAN_OR_EQUAL_TO] = {"is not greater than", "is greater than"    },
    [RULE_CONTAINS] = {"contains",            "does not contain"   },
    [RULE_STARTS_WITH] = {"starts with",         "does not start with"},
    [RULE_ENDS_WITH] = {"ends with",           "does not end with"  },
};

/* 'text', cut between characters. */
static int
shown_size(struct span text, size_t most)
{
    if (text.n <= most)
        return (int)text.n;
    while (most > 0 && ((unsigned char)text.p[most] & 0xc0) == 0x80)
        most--;
    return (int)most;
}

#define SHOWN(s) shown_size(s, SHOWN_MAX), (s).p, (s).n > SHOWN_MAX ? "..." : ""

/* The member next in spelling to the name that is not there; p NULL: none is near. */
static struct span
near_member(const struct tree *t, uint32_t node, struct span name)
{
    struct span near = {NULL, 0};
    size_t best = name.n / 2 + 1;

    if (t->nodes[node].kind != SCAN_OBJECT)
        return near;
    for (uint32_t i = tree_first(node), end = tree_next(t, node); i < end; i = tree_next(t, i)) {
        size_t d = spelling_distance(name, tree_key(t, i));

        if (d < best) {
            best = d;
            near = tree_key(t, i);
        }
    }
    return near;
}

static void
say_missing(const struct rule *r, const struct tree *t, char *out, size_t room)
{
    struct rule_path path = r->path;
    uint32_t parent = 0;
    struct span near = {NULL, 0};
    int n;

    for (path.count = 1; path.count < r->path.count; path.count++) {
        uint32_t node = rule_path_find(&path, t, 0);

        if (node == TREE_NONE)
            break;
        parent = node;
    }
    n = snprintf(out, room, "'%.*s%s' is missing", SHOWN(r->path.text));
    if (path.steps[path.count - 1].name.p != NULL)
        near = near_member(t, parent, path.steps[path.count - 1].name);
    if (near.p != NULL)
        n += snprintf(out + n, room - (size_t)n, " (is '%.*s' meant?)", (int)near.n, near.p);
    snprintf(out + n, room - (size_t)n, "%s",
             r->how == RULE_NOT_EQUALS ? ", which counts as not equal" : "");
}

static void
say_why(const struct rule *r, const struct tree *t, uint32_t node, bool passes, char *out,
        size_t room)
{
    struct span found;
    struct rule_number number;

    if (node == TREE_NONE) {
        say_missing(r, t, out, room);
        return;
    }
    found = tree_text(t, node);
    if (t->nodes[node].kind == SCAN_NULL)
        snprintf(out, room, "'%.*s%s' is null%s", SHOWN(r->path.text),
                 passes ? ", which counts as not equal" : "");
    else if (!rule_compares_text(r) && r->type != RULE_BOOLEAN && !rule_number_read(found, &number))
        snprintf(out, room, "'%.*s%s' is not a number", SHOWN(found));
    else if (!rule_compares_text(r) && r->type == RULE_BOOLEAN && !passes &&
             kql_compare_ci(found, SPAN_LITERAL("true")) != 0 &&
             kql_compare_ci(found, SPAN_LITERAL("false")) != 0)
        snprintf(out, room, "'%.*s%s' is neither true nor false", SHOWN(found));
    else
        snprintf(out, room, "'%.*s%s' %s '%.*s%s'", SHOWN(found),
                 passes ? words[r->how].holds : words[r->how].fails, SHOWN(r->expected));
}

static bool
has_fraction(struct span number)
{
    for (size_t i = 0; i < number.n; i++)
        if (strchr(".eE", number.p[i]) != NULL)
            return true;
    return false;
}

static json_t *
found_json(const struct tree *t, uint32_t node)
{
    struct span raw, text;
    json_t *json = NULL;

    if (node == TREE_NONE || t->nodes[node].kind == SCAN_NULL)
        return json_null();
    raw = tree_raw(t, node);
    text = tree_text(t, node);
    if (t->nodes[node].kind == SCAN_NUMBER && has_fraction(raw))
        return json_stringn_nocheck(raw.p, raw.n);
    if (t->nodes[node].kind != SCAN_STRING && raw.n <= FOUND_MAX)
        json = json_loadb(raw.p, raw.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (json != NULL)
        return json;
    return json_stringn_nocheck(text.p, (size_t)shown_size(text, FOUND_MAX));
}

static json_t *
rule_explain(const struct rule *r, const struct tree *t, bool *passes)
{
    uint32_t node = rule_path_find(&r->path, t, 0);
    json_t *json = json_object();
    char why[1024];

    *passes = rule_holds(r, t, node);
    say_why(r, t, node, *passes, why, sizeof why);
    if (json_object_set_new(json, "propertyJPath", json_stringn(r->path.text.p, r->path.text.n)) !=
            0 ||
        json_object_set_new(json, "operator", json_string(rule_operator_name(r->how))) != 0 ||
        json_object_set_new(json, "expectedValue", json_stringn(r->expected.p, r->expected.n)) !=
            0 ||
        json_object_set_new(json, "found", found_json(t, node)) != 0 ||
        json_object_set_new(json, "passes", json_boolean(*passes)) != 0 ||
        json_object_set_new(json, "why", json_stringn_nocheck(why, strlen(why))) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *
set_explain(const struct rule_set *s, const struct tree *t)
{
    json_t *json = json_object(), *rules = json_array();
    bool all = true;

    for (uint32_t i = 0; i < s->count; i++) {
        bool passes;

        if (json_array_append_new(rules, rule_explain(&s->rules[i], t, &passes)) != 0)
            goto fail;
        all &= passes;
    }
    if (json_object_set_new(json, "passes", json_boolean(all)) != 0 ||
        json_object_set(json, "rules", rules) != 0)
        goto fail;
    json_decref(rules);
    return json;

fail:
    json_decref(rules);
    json_decref(json);
    return NULL;
}

json_t *
rule_sets_explain(const struct rule_sets *r, const struct tree *document)
{
    json_t *json = json_array();

    for (uint32_t i = 0; json != NULL && r != NULL && i < r->count; i++) {
        if (json_array_append_new(json, set_explain(&r->sets[i], document)) != 0) {
            json_decref(json);
            return NULL;
        }
    }
    return json;
}
