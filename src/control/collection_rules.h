/* collection_rules.h - list, get, put, patch and delete of data collection rules over the store, and the compiled rule that an
 * upload names. Rights are the caller's to check. Any thread. */
#pragma once
#include "control/automations.h"
#include "control/collection_rule.h"

enum {
    COLLECTION_RULES_MAX = 1000, /* of one subscription */
    COLLECTION_CACHE = 64,       /* rules kept compiled; the one idle longest makes room */
};

/* ARM's verbs. Answers are released with automations_reply_free; has_changed is never set: the next upload sees what is
 * stored. 'place' as of an automation. */
void collection_rules_get(const struct control *c, const struct automation_place *place,
                          struct automations_reply *reply);
/* Of a subscription, or of its resource group (place->group not ""); as automations_list. */
void collection_rules_list(const struct control *c, const struct automation_place *place,
                           const char *after, size_t count_max, size_t size_max, char next[400],
                           struct automations_reply *reply);
/* 201 created, 200 replaced; 'is_validation', 'may' and 'app' are not looked at. */
void collection_rules_put(const struct control *c, const struct automations_put *put,
                          struct automations_reply *reply);
/* 204, there or not. 412: If-Match. */
void collection_rules_delete(const struct control *c, const struct automation_place *place,
                             const char *if_match, struct automations_reply *reply);
/* Where what it takes in goes: {"immutableId","streams":[{"stream","table","category",
 * "exports":[...]}]}: the data export settings (and automations are not among them: they take events, not
 * tables) of the tenant that are enabled for the table. 404 as get. */
void collection_rules_uses(const struct control *c, const struct automation_place *place,
                           struct automations_reply *reply);

/* ---- uploads ---- */

struct collections; /* compiled rules, kept between uploads */
MUST_CHECK enum status collections_make(struct collections **out, struct err *err);
void collections_free(struct collections *s); /* NULL is fine */

enum collection_answer {
    COLLECTION_FOUND,
    COLLECTION_NO_RULE,   /* or another tenant's: as if it were not there */
    COLLECTION_NO_STREAM, /* the rule has no such stream; err says what there is */
    COLLECTION_NO_TENANT, /* "default" for an operator: of which tenant? */
    COLLECTION_BROKEN, /* later: the store failed, or the rule does not compile any more; err says why */
};
/* The rule "dcr-..." or "default" for a tenant (lower-case GUID; NULL: an operator, for whom the rule says whose it is) and
 * its stream. FOUND: *tenant: whose records they are; *held is due to collection_release, *stream lends from it. 's' NULL:
 * nothing is kept. */
MUST_CHECK enum collection_answer collections_find(struct collections *s, const struct control *c,
                                                   const char *tenant, const char *rule,
                                                   const char *stream_name, char owner[40],
                                                   struct collection **held,
                                                   const struct collection_stream **stream,
                                                   struct err *err);
