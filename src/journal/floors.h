/* floors.h - what readers still need; private. The journal's lock is held by the caller unless said
 * otherwise. */
#pragma once
#include "journal/state.h"

enum { PASSED_MAX = 32768 };
enum hold { HOLD_NONE, HOLD_YIELDS /* only floors that yield */, HOLD_FIRM };
/* Who needs positions before 'end', and which floor is the lowest of the firmest kind (borrowed;
 * NULL: none or unknown). */
enum hold floors_hold(const struct journal *j, uint64_t end, const struct floor_entry **holder);
/* Positions of yielding floors at or after 'from' and before 'end'; at most 'room'. */
size_t floors_between(const struct journal *j, uint64_t from, uint64_t end, uint64_t *positions,
                      size_t room);

/* Rows before a position that is gone. False: nobody wrote it down. */
bool yielded_find(const struct journal *j, uint64_t position, uint64_t *rows);
/* Remembers, while the program runs, the rows before a position that goes: for readers that read
 * ahead of their floor. The last PASSED_MAX stay. */
void passed_add(struct journal *j, uint64_t position, uint64_t rows);
/* Writes down, durably, before the segment goes; entries that no floor needs are left out. Lock not
 * held, names held. */
MUST_CHECK enum status yielded_add(struct journal *j, const struct yielded *more, size_t count,
                                   struct err *err);
/* At start. What is damaged is forgotten: it only makes counts of lost rows exact. */
void yielded_load(struct journal *j);
