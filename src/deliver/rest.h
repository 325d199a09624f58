/* rest.h - where the routes of events stand that have nothing to do, in one small file, so that a
 * thousand automations at rest cost one sync every few seconds and not a thousand. The ledgers stay the
 * truth of what was sent; this file only says that nothing between a route's ledger and the position
 * here was for it. Written anew whole and replaced by name: after a crash an older one counts, which is as
 * true, only less far. Not for several threads: its owner has a lock. */
#pragma once
#include "base/base.h"

/* With whoever reads events for all: at the file's own position. */
#define REST_WITH_ALL UINT64_MAX

struct rest_entry {
    char *id; /* of the route */
    /* all before it that is for the route is delivered, and lasting; 0: its ledger knows better */
    uint64_t position;
    /* events in [off_from, off_to) are not for it: it was switched off. off_to UINT64_MAX: it still is;
     * both 0: never */
    uint64_t off_from, off_to;
};
struct rest {
    bool is_placed;    /* false: there was no file, or nobody to read for */
    uint64_t position; /* of all that are REST_WITH_ALL */
    struct rest_entry *entries;
    size_t count, room; /* sorted by id */
};

/* Reads the file in 'folder'. No file, or one that nothing can be made of (which is told in 'err', with
 * ST_OK): an empty one. ST_INVALID: of a newer format. */
MUST_CHECK enum status rest_load(struct rest *r, const char *folder, struct err *err);
MUST_CHECK enum status rest_save(const struct rest *r, const char *folder, struct err *err);
void rest_free(struct rest *r);

struct rest_entry *rest_find(const struct rest *r, const char *id); /* NULL: none */
/* Found or added, zeroed but for the id. NULL: no memory. Lends until the next call of these. */
struct rest_entry *rest_add(struct rest *r, const char *id);
void rest_remove(struct rest *r, const char *id);
