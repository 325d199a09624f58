/* json_find.h - the value at a path within JSON text, as it stands there: nothing is parsed into a
 * tree, and no number changes. Pure; any thread.
 *
 * A path is names joined by '.', with [n] for elements and ['name with blanks'] (or ["..."]) for any
 * name; "$" or "$." may lead; "$" alone (or ".") is the whole document. A name is looked for as it is
 * written and, if there is none, ignoring the case of ASCII letters. Of a name that is there twice
 * the first counts. The text should be valid JSON; if it is not, the result is some part of it or
 * nothing. */
#pragma once
#include "base/base.h"

enum { JSON_PATH_STEPS_MAX = 16 };

struct json_path {
    struct {
        struct span name; /* p == NULL: an element; lends from the text that was read */
        size_t index;
    } steps[JSON_PATH_STEPS_MAX];
    size_t count;
};

/* ST_INVALID: it is no path. *used: bytes of 'text' that were read; a path ends at a blank, '|', '}'
 * or the text's end. */
MUST_CHECK enum status json_path_read(struct span text, struct json_path *path, size_t *used,
                                      struct err *err);
/* False: there is nothing at the path. *value: the whole value, a string with its quotes. */
MUST_CHECK bool json_find(struct span json, const struct json_path *path, struct span *value);

/* The next element of an array (or the next member's value of an object), for walks: *at is 0 at
 * first. False: no more. */
MUST_CHECK bool json_next(struct span container, size_t *at, struct span *value);

/* The text of a string value (given with its quotes) with its escapes decoded; 'out' has room for
 * value.n bytes. What is no code point (a lone surrogate) becomes U+FFFD. Gives the size. */
size_t json_text(struct span value, char *out);
