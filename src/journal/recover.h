/* recover.h - from what is in the folder to a journal at work; part of journal_open, private. One
 * thread. */
#pragma once
#include "journal/state.h"

/* Reads the folder into 'j': segments, positions, requests; seals what a crash left, continues the
 * last segment if it was closed in order, removes what was never acknowledged. ST_INVALID: a newer
 * format; nothing was touched then. */
MUST_CHECK enum status recover(struct journal *j, struct journal_recovery *found, struct err *err);
