/* requests.h - client batch ids seen lately, so that a request that is sent again counts once. The
 * window: ids of blocks admitted in the last 24 hours, at most 500,000 of them (the oldest go
 * first); after a restart those whose segments are still there. One lock above it: the
 * journal's. */
#pragma once
#include "journal/state.h"

#define REQUEST_AGE_MAX (24 * INT64_C(36000000000)) /* ticks */
enum { REQUESTS_MAX = 500000 };

MUST_CHECK struct request_window *requests_make(void);
void requests_free(struct request_window *w);
/* Parts of one request add up; of two requests with one id the first stays. Without memory the id
 * is not remembered. */
void requests_add(struct request_window *w, const struct request_entry *e);
/* The request's first position and rows of all its parts. False: unknown, too old, or its last part
 * never came. */
MUST_CHECK bool requests_find(const struct request_window *w, const uint8_t id[16], int64_t now,
                              uint64_t *position, uint64_t *rows);
