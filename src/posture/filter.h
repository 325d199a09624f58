/* filter.h - $filter of the posture lists: a small part of OData (posture_filter_help says which),
 * compiled once and tried on each resource's text. Immutable once made; any thread. Private to posture. */
#pragma once
#include "posture/json_text.h"

enum {
    FILTER_SIZE_MAX = 4096, /* bytes */
    FILTER_NODES_MAX = 128, /* comparisons and what joins them */
    FILTER_DEPTH_MAX = 32,
};

struct filter;
/* ST_INVALID: err says what is wrong, and at which character. */
MUST_CHECK enum status filter_make(struct span text, struct filter **out, struct err *err);
void filter_free(struct filter *f); /* NULL is fine */
/* 'resource': checked JSON text, as GET answers it. */
bool filter_passes(const struct filter *f, struct span resource);
