/* rule_inner.h - compiled rules, for rule*.c and the index of event filters only. */
#pragma once
#include "kql/pool.h"
#include "kql/text.h"
#include "match/rule.h"
#include "match/rule_number.h"

struct rule_step {
    struct span name; /* p NULL: an index */
    uint64_t index;
};
struct rule_path {
    struct span text; /* as it was given */
    const struct rule_step *steps;
    uint32_t count;
};
struct rule {
    struct rule_path path;
    enum rule_type type;
    enum rule_operator how;
    struct span expected;
    const struct kql_search *search; /* of String, and of operators on text */
    struct rule_number number;
    bool is_true;
};
struct rule_set {
    const struct rule *rules;
    uint32_t count;
};
struct rule_sets {
    struct pool pool;
    const struct rule_set *sets;
    uint32_t count;
    uint64_t fingerprint;
};

/* Reads a path into 'pool'. False: 'what' says what is wrong and *at is where (bytes). */
bool rule_path_read(struct pool *pool, struct span text, struct rule_path *out, const char **what,
                    size_t *at);
bool rule_path_equal(const struct rule_path *a, const struct rule_path *b);
/* The node the path leads to from 'node' on; TREE_NONE: nothing is there. */
uint32_t rule_path_find(const struct rule_path *path, const struct tree *t, uint32_t node);
/* The member of that name, any case; see rule.h. */
uint32_t rule_member(const struct tree *t, uint32_t node, struct span name);

bool rule_compares_text(const struct rule *r);
/* 'node': what the rule's path leads to, or TREE_NONE. */
bool rule_holds(const struct rule *r, const struct tree *t, uint32_t node);
bool rule_set_holds(const struct rule_set *s, const struct tree *t);

/* The name that differs in the fewest letters, at most half of them; NULL: none does. */
const char *rule_nearest(struct span name, const char *const *names, size_t count);
