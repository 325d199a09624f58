/* rule_fuzz.c - rule sets, and behind the first line a document: nothing breaks; faults are told; what
 * was made is made again of its own JSON; the explanation agrees with the answer. */
#include "match/rule.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
count(void *app, const char *code, const char *target, const char *message, bool is_warning)
{
    if (code[0] == '\0' || strncmp(target, "ruleSets", 8) != 0 || message[0] == '\0')
        abort();
    *(int *)app += !is_warning;
}

static bool
explained(const struct rule_sets *r, const struct tree *t)
{
    json_t *why = rule_sets_explain(r, t), *set;
    size_t i;
    bool passes = json_array_size(why) == 0;

    json_array_foreach(why, i, set)
    {
        passes |= json_is_true(json_object_get(set, "passes"));
    }
    json_decref(why);
    return passes;
}

static void
play(const struct rule_sets *r, struct span document)
{
    json_t *json = rule_sets_json(r);
    struct rule_sets *again = NULL;
    struct tree t;
    struct err err = {""};

    if (rule_sets_make(json, "ruleSets", NULL, NULL, &again, &err) != ST_OK ||
        rule_sets_fingerprint(again) != rule_sets_fingerprint(r))
        abort();
    if (tree_parse(&t, document, &err) == ST_OK) {
        if (rule_sets_pass(r, &t) != explained(r, &t) ||
            rule_sets_pass(r, &t) != rule_sets_pass(again, &t))
            abort();
        tree_free(&t);
    }
    rule_sets_free(again);
    json_decref(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *line = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t n = line != NULL ? (size_t)(line - (const char *)data) : size;
    json_t *json = json_loadb((const char *)data, n, JSON_DECODE_ANY, NULL);
    struct rule_sets *r = NULL;
    struct err err = {""};
    int faults = 0;
    enum status st;

    if (json == NULL)
        return 0;
    st = rule_sets_make(json, "ruleSets", count, &faults, &r, &err);
    if ((st == ST_INVALID) != (faults > 0) && st != ST_FULL)
        abort();
    if ((st == ST_OK) != (r != NULL) || (st == ST_OK) != (err.text[0] == '\0'))
        abort();
    if (r != NULL && line != NULL)
        play(r, (struct span){line + 1, size - n - 1});
    rule_sets_free(r);
    json_decref(json);
    return 0;
}
