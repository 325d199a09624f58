/* text_filter.h - whether a text holds one of some literals, in any case: a set of needles with
 * memory of its own, for regex.cc, which has no pool. ASCII texts and literals only: regular
 * expressions fold other letters differently. */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
#include "base/base.h"

struct text_filter; /* immutable once made; any thread */

/* Copies the literals. NULL: no memory. */
struct text_filter *text_filter_new(const struct span *literals, uint32_t count);
void text_filter_free(struct text_filter *filter); /* NULL is fine */
bool text_filter_passes(const struct text_filter *filter, struct span text);

#ifdef __cplusplus
}
#endif
