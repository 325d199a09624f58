/* collection_inner.h - how a compiled rule is made. Private to collection.c and collection_rule.c. */
#pragma once
#include "control/collection_rule.h"

/* Without streams; NULL: no memory. */
struct collection *collection_new(void);
/* One more flow of the stream. Takes 'flow', also when there is no memory (false). */
MUST_CHECK bool collection_add(struct collection *x, const char *stream, struct collect *flow);
