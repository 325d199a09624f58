/* spelling.h - how far one name is from another, for "did you mean". Pure; any thread. What still
 * counts as near is the caller's to say. */
#pragma once
#include "base/base.h"

enum { SPELLING_SIZE_MAX = 128 /* bytes of a name */ };

/* Steps that make one name of the other: insert, drop, change, swap of neighbours; the case of ASCII
 * letters costs nothing (Damerau and Levenshtein's distance, each place touched once). SIZE_MAX: a
 * name is longer than SPELLING_SIZE_MAX, and so far from everything. */
size_t spelling_distance(struct span a, struct span b);
