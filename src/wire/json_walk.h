/* json_walk.h - the members and items of one JSON value where they stand, without a tree and without
 * memory of its own. For text that was validated already (scan.h): of any other bytes it finds
 * something or nothing, but always ends and never reads outside. Pure; any thread. */
#pragma once
#include "base/base.h"

struct json_walk {
    /* private */
    const char *at, *end;
    bool is_object;
};

/* The value that a text begins with, without the blanks before it and what stands behind; {NULL, 0}: none. */
struct span json_walk_value(struct span text);
/* Begins with an object or array; false: the value is neither. */
MUST_CHECK bool json_walk_open(struct json_walk *w, struct span value);
/* The next member or item; false: there is none. *key is what stands between the quotes, escapes as
 * written ({NULL, 0} in an array); *value is the whole value, quotes and brackets included. */
MUST_CHECK bool json_walk_next(struct json_walk *w, struct span *key, struct span *value);
/* The first member of an object with this key, which is compared as written; {NULL, 0}: none. */
struct span json_walk_member(struct span object, struct span key);

/* Whether it is a string; *text is what stands between its quotes, escapes as written. */
MUST_CHECK bool json_walk_is_text(struct span value, struct span *text);
/* Takes text, escapes as written, apart: each call gives either a run without escapes, which lends
 * from 'rest', or what one escape stands for, in 'room'. An escape that stands for no character (half
 * a pair of surrogates, or wrong) is given as it is written, with *is_raw true. False: the end. */
MUST_CHECK bool json_walk_piece(struct span *rest, struct span *piece, char room[4], bool *is_raw);
