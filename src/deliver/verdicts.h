/* verdicts.h - what exports have found out about the rows of a block, shared: a condition of
 * transformKql that several exports have is evaluated once per row, whoever comes first. Any
 * thread; a verdicts_user is one thread's.
 *
 * Kept by (block's position, condition), a byte per row. A verdict depends on the row and its
 * block's admission alone, and a position is never used twice: so nothing here is ever stale, over
 * swaps of the plan and over the block's leaving the pool. Conditions are known by what they ask
 * (transform.h), not by setting: one common condition among many is shared as well as a whole query.
 * Only conditions that at least two running exports have on the same table of the same tenant take
 * part; the others cost nothing here.
 *
 * Two that want the same: one evaluates, VERDICTS_STEP rows at a time, the others sleep until it has. The
 * work is the same that the sleeper would do, never I/O, and of a bounded number of rows, so nobody is
 * held up for longer than by its own evaluation. Both evaluating would be simpler, but exports
 * that are woken by the same append would then all do all the work, in step, on as many cores.
 * Nobody sleeps while it holds a claim, so there is no circle. */
#pragma once
#include "base/base.h"
#include "match/transform.h"

enum {
    VERDICTS_SIZE_MAX = 8 << 20, /* bytes of verdicts; beyond it what was unused for longest goes */
    VERDICTS_ENTRIES_MAX = 4096, /* likewise: blocks times conditions */
    VERDICTS_USED_MAX = 64,      /* of one export in one block; beyond it nothing is shared */
    VERDICTS_STEP = 256,         /* rows */
};

struct verdicts;
struct verdicts_user;

MUST_CHECK enum status verdicts_make(struct verdicts **verdicts, struct err *err);
void verdicts_free(struct verdicts *v); /* NULL is fine; its users must be gone */

/* An export joins: others begin to share with it. Borrows 'route' (which has a transform) and 'run'
 * (its own, of this route alone). */
MUST_CHECK enum status verdicts_join(struct verdicts *v, const struct plan_route *route,
                                     struct transform_run *run, struct verdicts_user **user,
                                     struct err *err);
void verdicts_leave(struct verdicts_user *user); /* NULL is fine */

/* Around the rows of one block: begins it in the run (transform_block) and shares what is shared. */
void verdicts_begin(struct verdicts_user *user, const struct block *block, uint64_t position);
/* Sees to it that the shared conditions of rows [from, to) are known, at most VERDICTS_STEP of them;
 * gives the row up to which they are. */
uint32_t verdicts_know(struct verdicts_user *user, uint32_t from, uint32_t to);
void verdicts_end(struct verdicts_user *user);

/* Rows that this user looked at where a condition is shared, and those of them for which it
 * evaluated any of them itself. */
struct verdicts_counts {
    uint64_t rows, evaluated;
};
struct verdicts_counts verdicts_counts(const struct verdicts_user *user);
/* Bytes of verdicts that are kept; for tests. */
size_t verdicts_size(struct verdicts *v);
