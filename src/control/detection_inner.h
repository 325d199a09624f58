/* detection_inner.h - what the files that read a rule share. Private to control/detection.c and detection_alert.c. */
#pragma once
#include "control/detection.h"

/* A text being read: faults are told as they are found, what is taken goes into the normal form. */
struct reading {
    struct detection *x;
    struct detection_faults *f;
    bool is_spent; /* no memory */
};

/* What a person wrote, short enough to be repeated to them. */
struct quoted {
    char text[64];
};
struct quoted detection_quote(const char *text);

/* "place.name", or "name". */
void detection_place(char out[200], const char *place, const char *name);
/* Tells of members that nobody knows; 'known' ends at NULL. */
void detection_members(struct reading *r, const json_t *object, const char *place,
                       const char *const *known);
/* A text within bounds, put into 'to'; NULL: not there, or a fault. A null is as if it were not there. */
const char *detection_take_text(struct reading *r, const json_t *object, const char *place,
                                const char *name, size_t size_max, bool is_needed, json_t *to);
/* The object of that name; NULL: not there, or a fault. */
const json_t *detection_take_object(struct reading *r, const json_t *object, const char *place,
                                    const char *name, bool is_needed);
/* The template's array of that name within a bound; NULL: not there, or a fault. */
const json_t *detection_take_array(struct reading *r, const json_t *object, const char *name,
                                   size_t count_max);
/* Index in 'names', any case; -1: a fault that lists them. */
int detection_choose(struct reading *r, const char *target, const char *text,
                     const char *const *names);

/* detection_alert.c: the member detectionAction. */
void detection_read_action(struct reading *r, const json_t *body, json_t *to);

#define DETECTION_TEMPLATE "detectionAction.alertTemplate"
