/* tree.h - a JSON document to look into: an array of nodes that lend from its text, in the order of
 * the text. For whoever must see the inside of one document (rules, rows) and must keep what is
 * written: a number stays the digits it came as. Immutable once parsed; then any thread.
 *
 * Strict RFC 8259, UTF-8 checked. The text is kept free of white space between its tokens, so that
 * 'raw' of any node is compact JSON. Keys that come twice are both there. */
#pragma once
#include "base/base.h"
#include "wire/scan.h"

enum {
    TREE_DEPTH_MAX = 1024,     /* {} is 1 */
    TREE_TEXT_MAX = 256 << 20, /* bytes of a document; nodes take up to 24 times as much */
    TREE_NONE = 0,             /* no node: the root is nobody's member */
};

struct tree_node {
    const char *raw;  /* as written, quotes and brackets included */
    const char *text; /* of a string what it says (escapes decoded); of others the same as raw */
    const char *key;  /* what it says; NULL: an item, or the root */
    uint32_t raw_size, text_size, key_size;
    uint32_t next;  /* number of the node behind this one and all that is in it */
    uint32_t count; /* members or items */
    uint32_t kind;  /* enum scan_kind */
};

struct tree {
    struct tree_node *nodes; /* [0] is the root; a node's first member follows it */
    uint32_t count, room;
    char *decoded, *compact; /* private: escaped strings; the text without white space */
    size_t decoded_size;
};

/* Parses 'text', which must outlive the tree. On ST_INVALID (err tells what and at which byte) and
 * ST_FULL (no memory, or longer than TREE_TEXT_MAX) the tree holds nothing. A lone surrogate escape
 * is read as U+FFFD. */
MUST_CHECK enum status tree_parse(struct tree *t, struct span text, struct err *err);
/* Frees what it holds; a zeroed tree is fine. */
void tree_free(struct tree *t);

static inline struct span
tree_raw(const struct tree *t, uint32_t node)
{
    return (struct span){t->nodes[node].raw, t->nodes[node].raw_size};
}

static inline struct span
tree_text(const struct tree *t, uint32_t node)
{
    return (struct span){t->nodes[node].text, t->nodes[node].text_size};
}

static inline struct span
tree_key(const struct tree *t, uint32_t node)
{
    return (struct span){t->nodes[node].key, t->nodes[node].key_size};
}

/* First member or item of a node; then tree_next of each, until it gives 'node's own tree_next. */
static inline uint32_t
tree_first(uint32_t node)
{
    return node + 1;
}

static inline uint32_t
tree_next(const struct tree *t, uint32_t node)
{
    return t->nodes[node].next;
}

/* The first member of that name, exactly; TREE_NONE: there is none, or 'node' is no object. */
uint32_t tree_member(const struct tree *t, uint32_t node, struct span name);
/* The n-th item of an array; TREE_NONE: there is none, or 'node' is no array. */
uint32_t tree_item(const struct tree *t, uint32_t node, uint64_t index);

/* One more member of the root (an object), behind the others: a copy of node 'value' of this tree
 * and all in it. 'key' must outlive the tree. ST_FULL: no memory; nothing changed. */
MUST_CHECK enum status tree_add_copy(struct tree *t, struct span key, uint32_t value,
                                     struct err *err);
/* The same with a string, given as its JSON text without escapes ("\"3.0\""), which must outlive the
 * tree. The root's raw text has neither. */
MUST_CHECK enum status tree_add_string(struct tree *t, struct span key, struct span quoted,
                                       struct err *err);
