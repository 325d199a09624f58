/* import_walk.h - goes through JSON text of any size with little memory: into the objects and arrays that
 * the caller names, over those that it skips, and takes single values as text. Shared by the JSON
 * importers; one run, one thread.
 *
 * What is taken is for the caller to parse; what is skipped is only skimmed: brackets must match and
 * strings end, no more. A failed call says false, and 'st' why; err then names byte and path. */
#pragma once
#include "posture/import_inner.h"
#include "wire/json.h"

enum { WALK_KEY_SIZE = 64 };

struct walk {
    enum status st; /* of the first failure */
    char path[200]; /* where the caller is, for errors: "Results[3].Secrets[0]" */
    /* private */
    struct import_run *r;
    char *buffer;
    size_t at, end;
    uint64_t offset; /* of buffer[0] in the file */
    bool is_last;
    char *item; /* the value taken */
    size_t item_size, item_room;
    uint64_t item_at;
};
/* Of an object or array that is gone through: zeroed before the first step. */
struct walk_list {
    bool is_begun;
};

bool import_walk_open(struct walk *w, struct import_run *r);
void import_walk_close(struct walk *w); /* a zeroed one is fine */
/* The first byte of the next value or bracket, over white space; -1: the text ends, or st says why. */
int import_walk_peek(struct walk *w);
uint64_t import_walk_place(const struct walk *w); /* offset of the next byte */
/* Into an object ('{') or array ('['); what else stands there is a fault. */
bool import_walk_enter(struct walk *w, char bracket);
/* To the value of the next member, with its key as written, cut to WALK_KEY_SIZE - 1 bytes; false: the
 * object ended, or st says why. */
bool import_walk_member(struct walk *w, struct walk_list *list, char key[WALK_KEY_SIZE]);
bool import_walk_element(struct walk *w, struct walk_list *list);
/* Over commas and white space to the next record of a sequence of values; false: the text ends. */
bool import_walk_record(struct walk *w);
bool import_walk_skip(struct walk *w);
/* Takes a value as a tree; new reference. 'type': what it must be (a json_type); 'what' for the error:
 * "an object". NULL: st says why. */
json_t *import_walk_tree(struct walk *w, json_type type, const char *what);
/* Takes a string (null: an empty one), cut to 'room' - 1 bytes. */
bool import_walk_string(struct walk *w, char *out, size_t room);
/* A fault at the last value taken (or at 'at', if not 0). */
PRINTF_LIKE(3, 4)
bool import_walk_fault(struct walk *w, uint64_t at, const char *format, ...);

/* Members of a tree: empty or NULL unless there and of the type. */
struct span import_tree_text(const json_t *object, const char *key);
struct span import_tree_text_in(const json_t *object, const char *key, const char *inner);
int64_t import_tree_integer(const json_t *object, const char *key, int64_t otherwise);
