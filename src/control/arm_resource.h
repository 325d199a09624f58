/* arm_resource.h - what the verbs of automations and of data collection rules share: rows, etags, conditions, and what is
 * answered. Private to control/automations*.c and collection_rules.c. Any thread. */
#pragma once
#include "control/arm_store.h"
#include "control/automations.h"

struct arm_resource {
    const struct arm_table *table;
    bool
        has_private; /* what is beside it belongs to its etag, and is no copy of what the json says */
    bool is_planned; /* a change asks for a new plan */
    void (*fail_absent)(struct automations_reply *reply, const struct automation_place *place);
};
extern const struct arm_resource arm_resource_automations; /* automations.c */

/* A row of the store, copied. */
struct automation_row {
    char *json, *private; /* NULL: there is none */
    size_t json_size, private_size;
    int64_t created;
    bool has_no_memory;
};
void automation_row_free(struct automation_row *row);
/* has_no_memory tells. */
void automation_row_copy(struct automation_row *row, const struct arm_resource *kind,
                         const struct arm_stored *x);

PRINTF_LIKE(5, 6)
void automations_fail(struct automations_reply *reply, unsigned status, const char *code,
                      const char *target, const char *format, ...);
void automations_fail_memory(struct automations_reply *reply);
/* Why goes to the log; the route sees to that. */
void automations_fail_store(struct automations_reply *reply, enum status st, const struct err *why);

/* ---- the verbs, as automations.h has them */

void arm_resource_get(const struct control *c, const struct arm_resource *kind,
                      const struct automation_place *place, struct automations_reply *reply);
void arm_resource_list(const struct control *c, const struct arm_resource *kind,
                       const struct automation_place *place, const char *after, size_t count_max,
                       size_t size_max, char next[400], struct automations_reply *reply);
void arm_resource_delete(const struct control *c, const struct arm_resource *kind,
                         const struct automation_place *place, const char *if_match,
                         struct automations_reply *reply);

/* ---- what a put is made of; false: answered */

/* What is stored now; 'old' and *shown stay NULL if there is nothing and it is no PATCH. */
MUST_CHECK bool arm_resource_old(const struct control *c, const struct arm_resource *kind,
                                 const struct automations_put *put, struct automation_row *old,
                                 json_t **shown, struct automations_reply *reply);
/* The headers' conditions; 'in_body': an etag there is one more, NULL or "": none. */
MUST_CHECK bool arm_resource_conditions_hold(const struct arm_resource *kind,
                                             const struct automations_put *put,
                                             const struct automation_row *old, const char *in_body,
                                             struct automations_reply *reply);
/* A resource does not move: 'given' NULL: the body names no location. */
MUST_CHECK bool arm_resource_location_holds(const struct arm_resource *kind, const json_t *old,
                                            const char *given, struct automations_reply *reply);
/* Stores and answers, if 'old' is still what is there. False: it is not (and that is answered). */
MUST_CHECK bool arm_resource_store(const struct control *c, const struct arm_resource *kind,
                                   const struct automations_put *put,
                                   const struct automation_row *old, const json_t *shown,
                                   const char *beside, uint64_t count_max,
                                   struct automations_reply *reply);
