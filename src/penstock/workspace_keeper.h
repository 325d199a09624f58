/* workspace_keeper.h - the daemon's thread that takes old rows out of workspaces, as workspaces.keepAge and keepSize say: a moment after
 * the start and every 15 minutes from then on; and that gives the room of rows that were taken out back, each minute in
 * which a workspace is open and idle, every 15 minutes in others, for 20 seconds at most (workspace_compact_idle). One thread makes and ends it. */
#pragma once
#include "control/control.h"
#include <stdatomic.h>

struct workspace_keeper;

/* 'control': the bundle in force, which may be swapped at any time; old ones live as long as the keeper. */
MUST_CHECK enum status workspace_keeper_start(const _Atomic(const struct control *) *control,
                                              struct workspace_keeper **out, struct err *err);
/* Waits for what it does right now: seconds at most. NULL is fine. */
void workspace_keeper_stop(struct workspace_keeper *k);
