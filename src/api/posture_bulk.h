/* posture_bulk.h - a bulk report of posture data on its way from lines of NDJSON into the store.
 * Private to this folder; one thread.
 *
 * A line is
 *   {"id":"/subscriptions/...","properties":{...}}     a resource, as its PUT takes it
 *   {"id":"/subscriptions/...","deleted":true}         one that is gone
 *   {"producer":"trivy","complete":["/subscriptions/..."]}
 *       what follows is this producer's, until another such line; and its report of these scopes is complete: what
 *       it put there before and does not name now is withdrawn at the end. Scopes of one producer may come in several such
 *       lines, before its first resource. Without "producer": of whoever put it.
 *
 * Lines go to the store in batches; each batch is durable for itself and what a line says is idempotent, so
 * a report that broke off is sent again as a whole. Withdrawing happens at the very end, and only if every
 * line could be read. */
#pragma once
#include "posture/posture.h"

enum {
    BULK_ITEMS = 4000,         /* of a batch */
    BULK_BATCH_SIZE = 2 << 20, /* bytes of text that make a batch */
    BULK_FAULTS_MAX = 20,      /* that are told */
    BULK_PRODUCERS_MAX = 64,   /* in one body */
    BULK_PRODUCER_SIZE = 400,  /* with the NUL */
    BULK_LINE_MAX = POSTURE_BODY_SIZE_MAX + (8 << 10),
    BULK_GROUPS = 4096, /* resource groups remembered at once */
};

struct bulk;

struct bulk_options {
    struct posture *posture;
    const char *tenant, *actor;
    const char *subscription; /* lower-case GUID: every id must be below it */
    /* May also define controls and standards, set suppression rules and delete alerts. */
    bool is_administrator;
    /* A resource group in which something is; may be told again. */
    void (*group_seen)(void *app, struct span group);
    void *app;
};
/* Copies the options; what they point to outlives the bulk. NULL: no memory. */
struct bulk *bulk_make(const struct bulk_options *o);
void bulk_free(struct bulk *b); /* gives up what has not ended; NULL is fine */

/* As a line {"producer":...,"complete":[scope]}; empty: none. ST_INVALID: err says why. */
MUST_CHECK enum status bulk_section(struct bulk *b, struct span producer, struct span scope,
                                    struct err *err);

/* Where the next bytes of the body are to be put, 'room' of them; then bulk_take says how many came. */
char *bulk_room(struct bulk *b, size_t *room);
/* ST_INVALID: a line that no report can have; err says which and why. ST_FULL, ST_IO: of the store. */
MUST_CHECK enum status bulk_take(struct bulk *b, size_t size, struct err *err);

struct bulk_fault {
    uint64_t line; /* from 1 */
    char code[48], target[160];
    struct err message;
};
struct bulk_result {
    uint64_t received, created, changed, unchanged, deleted, absent, refused, withdrawn;
    bool has_scopes;  /* it was a complete report of something */
    bool is_complete; /* and could be read as a whole, so that the rest was withdrawn */
    size_t fault_count;
    struct bulk_fault faults[BULK_FAULTS_MAX]; /* the first ones */
};
/* The body is complete. 'may_be_empty': also a report without resources withdraws. ST_INVALID: it does
 * not, and had none. */
MUST_CHECK enum status bulk_end(struct bulk *b, bool may_be_empty, struct err *err);
/* What became of it so far; lives in the bulk. */
const struct bulk_result *bulk_result(const struct bulk *b);
