/* event_inner.h - filters as the index and the explanation see them. For event*.c only. */
#pragma once
#include "match/event.h"
#include "match/rule_inner.h"

struct event_filter {
    struct span *scopes; /* lower-case, no slash at the end */
    size_t scope_count;
    struct event_filter_source *sources;
    size_t source_count;
    uint32_t wanted; /* bit n: source n */
    uint64_t fingerprint;
};

bool event_filter_covers_event(const struct event_filter *f, const struct event *e);
