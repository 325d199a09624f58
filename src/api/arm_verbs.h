/* arm_verbs.h - list, get, put, patch and delete of resources that control keeps (control/automations.h,
 * control/collection_rules.h), as routes. Private to this folder. */
#pragma once
#include "api/arm.h"
#include "control/automations.h"

struct arm_verbs {
    const char *provider; /* "Microsoft.Security/automations" */
    const char *noun;     /* with its article, for the log */
    bool keeps_case;      /* its id spells the subscription as the caller did */
    bool checks_tags;     /* here; else control does */
    void (*get)(const struct control *c, const struct automation_place *place,
                struct automations_reply *reply);
    void (*list)(const struct control *c, const struct automation_place *place, const char *after,
                 size_t count_max, size_t size_max, char next[400],
                 struct automations_reply *reply);
    void (*put)(const struct control *c, const struct automations_put *put,
                struct automations_reply *reply);
    void (*remove)(const struct control *c, const struct automation_place *place,
                   const char *if_match, struct automations_reply *reply);
    /* For automations_put; the call is its 'app'. NULL: nobody. */
    const struct principal *(*may)(void *app, const char *tenant);
    /* What is added to each that is shown; NULL: nothing. */
    void (*show)(const struct arm_call *a, json_t *one);
};

/* Where the resource of the path lies; its id, whatever stands behind it. */
struct arm_placed {
    struct automation_place place;
    char id[ARM_ID_SIZE];
};
void arm_verbs_place(const struct arm_call *a, const struct arm_verbs *v, struct arm_placed *p);
/* What control answered goes out (and is released); a change is in force before it is answered. */
void arm_verbs_reply(struct arm_call *a, const struct arm_verbs *v, struct automations_reply *from,
                     struct http_reply *reply);

void arm_verbs_list_all(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply);
void arm_verbs_list(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply);
void arm_verbs_get(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply);
void arm_verbs_put(struct arm_call *a, const struct arm_verbs *v, bool is_patch, bool is_validation,
                   struct http_reply *reply);
void arm_verbs_delete(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply);
