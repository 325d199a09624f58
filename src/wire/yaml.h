/* yaml.h - YAML or JSON text as a JSON tree, for cold paths (configuration, settings in files);
 * hides libyaml. Any thread.
 *
 * Scalars follow the YAML 1.2 core schema: plain true, false, null (with their two other spellings
 * of case), ~, integers and floats are typed; "yes", "on", dates and everything quoted stay
 * strings. Refused, each with line and column: aliases and anchors, tags, duplicate and non-scalar
 * keys, several documents, a NUL in a string, infinities, and whatever breaks a limit. Error texts
 * never quote a value: it may be a secret. */
#pragma once
#include "base/base.h"
#include "wire/json.h"

enum {
    YAML_SIZE_MAX = 4 << 20,  /* bytes of text */
    YAML_DEPTH_MAX = 32,      /* nesting: a top-level mapping is 1 */
    YAML_NODES_MAX = 200000,  /* mappings, sequences and scalars together */
    YAML_KEY_SIZE_MAX = 1024, /* bytes of one key */
};

struct yaml_place { /* counted from 1; {0, 0}: not known */
    unsigned line, column;
};

struct yaml_tree {
    json_t *root; /* an empty text is an empty object */
    struct yaml_places *places;
};

/* Reads 'text', called 'name' in errors ("penstock.yaml:3:5: ..."). On error holds nothing. */
MUST_CHECK enum status yaml_tree_read(struct span text, const char *name, struct yaml_tree *tree,
                                      struct err *err);
/* Where a member of an object (by key) or of an array (key NULL, by index) stands in the text. The
 * tree must not have been changed. */
struct yaml_place yaml_tree_place(const struct yaml_tree *tree, const json_t *parent,
                                  const char *key, size_t index);
void yaml_tree_free(struct yaml_tree *tree); /* a zeroed one is fine */
