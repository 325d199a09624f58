/* rule.c - rules from the store. Texts are copied under its lock and read behind it, as reading asks the store for nothing but takes
 * its time. */
#include "detect/rule.h"
#include <stdlib.h>

struct raw {
    struct rule *rule;
    char *json;
    size_t size;
    bool is_enabled;
    struct raw *next;
};

struct taking {
    struct raw *first, **end;
    bool wants_all, is_spent;
};

static bool
take(void *app, const struct store_detection *x)
{
    struct taking *t = app;
    struct raw *raw;

    if (!x->is_enabled && !t->wants_all)
        return true;
    raw = calloc(1, sizeof *raw);
    t->is_spent = raw == NULL || (raw->rule = calloc(1, sizeof *raw->rule)) == NULL ||
                  (raw->json = malloc(x->json.n + 1)) == NULL;
    if (raw != NULL) {
        *t->end = raw;
        t->end = &raw->next;
    }
    if (t->is_spent)
        return false;
    memcpy(raw->json, x->json.p, x->json.n);
    raw->size = x->json.n;
    *raw->rule = (struct rule){
        .id = x->id, .position = x->position, .ran = x->ran, .tried = x->tried, .since = x->since};
    snprintf(raw->rule->tenant, sizeof raw->rule->tenant, "%s", x->tenant);
    snprintf(raw->rule->detector, sizeof raw->rule->detector, "%s", x->detector);
    return true;
}

/* The raw one's rule, read; NULL: it is not one of those that are wanted. */
static struct rule *
read_raw(const struct control *c, struct raw *raw, int wants_continuous)
{
    const struct store_detection stored = {
        .json = {raw->json, raw->size}
    };
    struct rule *rule = raw->rule;
    bool is_active = false;
    struct err err = {""};

    if (wants_continuous >= 0 &&
        (store_tenant_find(c->store, rule->tenant, &is_active, &err) != ST_OK || !is_active))
        return NULL;
    if (detection_stored_read(c, &stored, &rule->x, &err) != ST_OK)
        snprintf(rule->broken, sizeof rule->broken, "%s", err.text);
    if (wants_continuous >= 0 && (rule->x.period == 0) != wants_continuous)
        return NULL;
    raw->rule = NULL;
    return rule;
}

static enum status
read_all(const struct control *c, const char *tenant, int64_t id, int wants_continuous,
         struct rule **rules, struct err *err)
{
    struct taking t = {.wants_all = wants_continuous < 0};
    struct rule *rule, **end = rules;
    enum status st;

    t.end = &t.first;
    *rules = NULL;
    st = store_detections(c->store, tenant, id, take, &t, err);
    if (st == ST_OK && t.is_spent)
        st = err_set(err, ST_FULL, "no memory for detection rules");
    for (struct raw *raw = t.first, *next; raw != NULL; raw = next) {
        next = raw->next;
        rule = st == ST_OK ? read_raw(c, raw, wants_continuous) : NULL;
        if (rule != NULL) {
            *end = rule;
            end = &rule->next;
        }
        rules_free(raw->rule);
        free(raw->json);
        free(raw);
    }
    return st;
}

enum status
rules_read(const struct control *c, bool continuous, struct rule **rules, struct err *err)
{
    return read_all(c, NULL, 0, continuous, rules, err);
}

enum status
rule_read(const struct control *c, const char *tenant, int64_t id, struct rule **rule,
          struct err *err)
{
    if (id <= 0)
        return err_set(err, ST_END, "there is no such detection rule");
    return read_all(c, tenant, id, -1, rule, err);
}

void
rules_free(struct rule *rules)
{
    for (struct rule *next; rules != NULL; rules = next) {
        next = rules->next;
        detection_free(&rules->x);
        free(rules);
    }
}
