/* posture_spool.h - what an importer gives, as bodies of bulk reports in temporary files without names:
 * one for each subscription that it is about. One thread. */
#pragma once
#include "posture/import.h"
#include <stdio.h>

enum { POSTURE_SPOOL_SUBSCRIPTIONS_MAX = 64 };

struct posture_spool {        /* zeroed but for 'subscription' */
    const char *subscription; /* lower-case GUID: where ids without one belong */
    struct posture_spool_body {
        char subscription[37];
        FILE *head;  /* what its producers' reports are complete for: goes in front */
        FILE *lines; /* the resources */
        char producer[IMPORT_PRODUCER_SIZE]; /* of the last line */
        bool is_empty;
    } bodies[POSTURE_SPOOL_SUBSCRIPTIONS_MAX];
    size_t count;
};

/* For struct import_output, with the spool as context. */
MUST_CHECK enum status posture_spool_document(void *context, const struct import_document *d,
                                              struct err *err);
MUST_CHECK enum status posture_spool_scope(void *context, const struct import_scope *s,
                                           struct err *err);
/* Everything is in the files. */
MUST_CHECK enum status posture_spool_flush(struct posture_spool *all, struct err *err);
void posture_spool_close(struct posture_spool *all);
