/* evidence.h - the records of one alert, made of the row that it is about. Private to this folder. */
#pragma once
#include "detect/hits.h"

enum { ALERT_ID_SIZE = 39 }; /* "ra" and the form of a GUID, with its NUL */

struct alert_of {
    const struct rule *rule;
    const char *id, *title, *text; /* filled in */
    const struct hit_cell *cells;
    size_t count;
    int64_t now; /* ticks */
};

/* *envelopes: an array, evidence first (the registry learns from it whose device the alert is about), AlertInfo last; *resource:
 * {"id","resource"}, the SecurityAlert and where it is put; *shown: what a test-run tells. False: no memory; then some of them
 * may be there, and are the caller's as well. */
MUST_CHECK bool alert_records(const struct alert_of *a, json_t **envelopes, json_t **resource,
                              json_t **shown);

/* A column's text, any case, at most HITS_CELL_MAX bytes; NULL p: it is not there, or null. */
struct span hit_text(const struct hit_cell *cells, size_t count, struct span column);
