/* snapshot.h - snapshots' share of what time brings. Private to this folder. */
#pragma once
#include "posture/posture_inner.h"

/* Asks for the snapshots whose moment has come; and goes on with the oldest that is asked for. */
posture_tick_fn snapshot_schedule_tick, snapshot_tick;
