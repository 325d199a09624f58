/* hub.h - the local event hub: the journal read through the plan's "hub" routes. Private to this
 * folder; any thread. See deliver_hub_read for the meaning of the arguments; 'no_waits' may turn
 * true at any time. */
#pragma once
#include "deliver/block_pool.h"
#include "match/plan.h"
#include <stdatomic.h>

MUST_CHECK enum status hub_read(struct journal *j, struct block_pool *pool, struct plan *plan,
                                const char *tenant, const char *hub, uint64_t *position,
                                uint32_t *row, size_t size_max, int wait_ms,
                                const atomic_bool *no_waits, char **out, size_t *out_size,
                                uint64_t *rows, struct err *err);
