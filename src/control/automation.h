/* automation.h - one automation: the ARM resource Microsoft.Security/automations as text, as an object,
 * and its destinations (continuous-export.md section 1). Any thread; an object is one thread's.
 *
 *   {"location","kind"?,"tags"?,"etag"?,"properties":{"description"?,"isEnabled","scopes":[{"description"?,"scopePath"}],
 *    "sources":[{"eventSource","ruleSets":[...]}],"actions":[{"actionType",...}]}}
 *
 * Member names and enumerations match in any case and are answered in their exact spelling; members that
 * nobody knows are left out (validate warns of them). What may be read only is ignored where it is sent.
 * The tag penstock-findings-case: pascal sends findings in their legacy form (section 2.4). */
#pragma once
#include "control/control.h"
#include "control/resource.h"
#include "match/event.h"
#include "wire/json.h"

enum {
    AUTOMATION_NAME_MAX = 260, /* bytes; without < > % & : \ ? / and controls */
    AUTOMATION_ACTIONS_MAX = 16,
    AUTOMATION_SECRET_MAX = 4096,      /* bytes of connectionString or uri */
    AUTOMATION_DESCRIPTION_MAX = 4096, /* bytes */
    AUTOMATION_FAULTS_MAX = 100,       /* told in one answer */
    AUTOMATION_KEY_SIZE = 33,          /* of an action's key, with its NUL */
};

enum action_type { ACTION_LOGIC_APP, ACTION_EVENT_HUB, ACTION_WORKSPACE };
const char *action_type_name(enum action_type type); /* "EventHub" */

struct automation_action {
    enum action_type type;
    const char *resource_id;
    const char *secret; /* connectionString or uri of this text; NULL: none */
    bool has_trusted, is_trusted;
    char policy[128]; /* sasPolicyName; "": none */
    /* What it is over PUTs: hash of the automation's id, the type and the destination; of two alike the second
     * has its own. The route's id ends in it, so its place in the journal survives a PUT. */
    char key[AUTOMATION_KEY_SIZE];
};

struct automation {
    json_t *shown; /* as answered, without etag and secrets */
    bool is_enabled, has_legacy_findings;
    struct automation_action actions[AUTOMATION_ACTIONS_MAX];
    size_t action_count;
    struct span scopes[EVENT_SCOPES_MAX];
    size_t scope_count;
    struct event_filter_source sources[EVENT_SOURCES_MAX];
    size_t source_count;
    json_t *memory; /* private: what the texts above lie in */
};

/* Whose it is, all from the URL. */
struct automation_place {
    const char *tenant;
    const char *subscription; /* lower-case GUID */
    const char *id;           /* /subscriptions/.../automations/NAME as sent */
    const char *group, *name; /* as sent */
};
/* Faults and warnings of one reading. */
struct automation_faults {
    json_t *details;       /* [{"code","message","target"}] */
    size_t count;          /* faults, also those beyond the first hundred */
    bool has_type_fault;   /* one is a wrong JSON type */
    char type_target[200]; /* of the first such */
    char first[700];       /* "target: message" of the first fault */
    char first_type[700];  /* message of the first wrong type */
    char warnings[2000];   /* the same of the warnings, one behind the other */
    size_t warning_count;
};
void automation_faults_free(struct automation_faults *f);
/* 'target' may hold a place ("properties.actions[0].uri"). */
PRINTF_LIKE(4, 5)
void automation_fault(struct automation_faults *f, const char *code, const char *target,
                      const char *format, ...);

/* A wrong JSON type: not a fault of the model, but of the request. "properties.kind must be a string." */
void automation_fault_type(struct automation_faults *f, const char *target, const char *wanted);
void automation_warning(struct automation_faults *f, const char *target, const char *message);
/* A rule_told; 'app' are the faults. */
void automation_fault_rule(void *app, const char *code, const char *target, const char *message,
                           bool is_warning);

/* Reads and checks 'body' (an object); all faults are told. 'is_stored': text of our own, read without
 * complaint about what newer rules forbid. 'location': of the stored one, where the body brings none; NULL: it
 * must. ST_INVALID: there are faults. ST_FULL: no memory. Borrows nothing of 'body'. */
MUST_CHECK enum status automation_read(const struct automation_place *place, const json_t *body,
                                       const char *location, bool is_stored, struct automation *out,
                                       struct automation_faults *faults, struct err *err);
void automation_free(struct automation *x);
/* Writes properties.actions of 'shown' anew: after a policy or flag was taken over from what is stored. */
void automation_show_actions(struct automation *x);
/* The filter of all its actions; the automation must outlive it. */
MUST_CHECK enum status automation_filter(const struct automation *x, struct event_filter **out,
                                         struct err *err);
/* Whether a name is one; err says what not. */
MUST_CHECK enum status automation_name_check(const char *name, struct err *err);

/* ---- destinations (automation_destination.c) ---- */

/* Whom a destination belongs to, seen from the automation's tenant. */
enum destination_owner {
    DESTINATION_OWN,    /* the tenant's, or everybody's */
    DESTINATION_FOREIGN /* another tenant's: takes a right there */
};
/* 'may': whether the caller may write there (asked for each tenant that owns it); *owner: the first it was
 * said yes for, else "". */
enum destination_owner destination_owner_find(const struct control *c, const char *tenant,
                                              const char *resource_id,
                                              bool (*may)(void *app, const char *tenant), void *app,
                                              char owner[40]);

struct destination {
    struct resource r;     /* points into itself and into what it was made of: not to be copied */
    const char *hub;       /* the named hub; NULL: the kind has none */
    const char *workspace; /* its name; NULL: no workspace */
    char hub_text[257], workspace_text[64], networks[1024];
};
/* 'tenant': who may use it: the automation's, or the owner that granted it. 'secret': opened, NULL: none; with
 * the action borrowed as long as 'd'. ST_INVALID: 'code' is one of InvalidDestination, InvalidConnectionString,
 * InvalidUri, MissingConnectionString, MissingUri, TrustedServiceNotConfigured, SolutionNotEnabled; *member
 * names the action's member. */
MUST_CHECK enum status destination_make(const struct control *c, const char *tenant,
                                        const struct automation_action *action, const char *secret,
                                        struct destination *d, char code[48], const char **member,
                                        struct err *err);
