/* change_inner.h - what the files of change share: an item's way from its bytes to a row. */
#pragma once
#include "posture/posture_inner.h"

/* Fills in a refusal and says false. */
PRINTF_LIKE(4, 5)
bool posture_refuse_with(struct posture_result *r, const char *code, const char *target,
                         const char *format, ...);
/* Without white space at its ends. */
struct span posture_trim(struct span s);
/* The id's parts and its kind, if it is one that may stand there; else it is refused. */
MUST_CHECK bool posture_parse(struct span id, struct arm_path *path,
                              const struct posture_kind **kind, struct posture_result *result);
/* What the hot table has. ST_END: nothing. */
MUST_CHECK enum status posture_hot_find(struct posture_db *db, const uint8_t key[16],
                                        int64_t *number, uint64_t *hash, struct err *err);
/* One item whose id, kind and body are known, inside the transaction; c->old is what is kept, or NULL.
 * The outcome is in c->result; *number is the row's. */
MUST_CHECK enum status posture_put(struct posture_txn *t, struct posture_change *c,
                                   const uint8_t key[16], uint64_t hash, int64_t *number,
                                   struct err *err);
