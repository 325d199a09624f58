/* arm.h - the Azure Resource Manager front door: paths that begin with /subscriptions or /providers.
 * Private to this folder; one request is one thread's at a time.
 *
 * arm.c brings a request to its row of a table and checks, in this order: path, method, bearer token,
 * auxiliary tokens, subscription (somebody else's is one that is not there), role, pace, api-version, size of
 * the body. Handlers get what is left. Every answer carries x-ms-request-id, the client's own request id and
 * what is left of its pace; errors are {"error":{"code","message","target"?,"details"?}}.
 *
 * To add resources: a table of rows in a file of one's own, and its name in arm_tables (arm.c). */
#pragma once
#include "api/arm_target.h"
#include "api/call.h"

enum {
    ARM_ARGUMENTS_MAX = 4,
    ARM_BODY_MAX = 1 << 20,   /* bytes of one resource */
    ARM_DEPTH_MAX = 64,       /* of a body's nesting */
    ARM_AUXILIARY_MAX = 3,    /* tokens of other tenants */
    ARM_PAGE = 100,           /* items of a page unless $top says otherwise */
    ARM_PAGE_MAX = 1000,      /* the most that $top may say */
    ARM_PAGE_BYTES = 4 << 20, /* a page ends early beyond this: ARM passes on 8 MB */
};

struct arm_call;

struct arm_route { /* ends at a NULL method */
    const char *method;
    /* "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/...": literal segments
     * match in any case; {names} are one segment each and land in 'arguments' in their order, except
     * {subscriptionId} and {resourceGroupName}, which have members of their own. A pattern that begins with
     * "/{scope}" matches any ARM id before its last segments; the scope's subscription and group are taken
     * from it. */
    const char *pattern;
    const char *const
        *versions;      /* api-versions, ends at NULL, oldest first; NULL: none is asked for */
    unsigned roles;     /* one of these bits for the tenant; an administrator reads too */
    const char *action; /* "Microsoft.Security/automations/write", for 403 */
    size_t body_max;    /* bytes collected for 'answer'; 0: none is taken */
    bool is_unpaced;    /* bulk: not counted against the pace */
    bool any_tenant;    /* without a subscription: a token for all tenants sees all of them */
    bool
        makes_subscription; /* the subscription need not be there; then base.tenant is the token's, or "" */
    void (*answer)(struct arm_call *a, struct http_reply *reply);
    /* Bodies that are streamed: 'begin' may refuse, 'data' takes the bytes as sent (Content-Encoding is its
     * business), 'gone' releases 'state'; then 'answer' is called at the end. NULL: collected. */
    void (*begin)(struct arm_call *a, struct http_reply *reply);
    void (*data)(struct arm_call *a, struct span bytes, struct http_reply *reply);
    void (*gone)(struct arm_call *a);
    const char *help;
};

struct arm_call {
    struct call base; /* first. api, control, request, who, body, state; 'tenant' as below */
    const struct arm_route *route;
    /* base.tenant: lower-case GUID of the tenant whose subscription it is. Without a subscription: the token's; with a token
     * for all that of ?tenantId=, or the only one; NULL only for rows with any_tenant */
    char subscription[37]; /* lower case; "": the path has none */
    char resource_group
        [91]; /* as sent, decoded; "": none. Whether it is there is the handler's to ask */
    char scope
        [ARM_ID_SIZE]; /* what {scope} stood for: "/subscriptions/..." as sent, decoded; "": no such */
    char id
        [ARM_ID_SIZE]; /* the whole path, decoded, without a slash at its end: the id of a GET, PUT, DELETE */
    char arguments[ARM_ARGUMENTS_MAX][CALL_ARGUMENT_SIZE];
    char version[40]; /* the api-version asked for, as the row spells it */
    struct principal auxiliary[ARM_AUXILIARY_MAX];
    size_t auxiliary_count;
    struct arm_pace_left { /* for the header; < 0: not paced */
        int left;
        const char *header;
    } pace;
};

/* Answers with an error; 'target' may be NULL; takes 'details' (an array, or NULL). 'code' and what the
 * format makes are the service's words: no secrets. Sets Retry-After: 1 on 429 and 503 if there is none. */
PRINTF_LIKE(6, 7)
void arm_error(struct http_reply *reply, unsigned status, const char *code, const char *target,
               json_t *details, const char *format, ...);
/* ST_FULL and ST_IO of a part below: 503 ServiceUnavailable, else 500 InternalServerError; 'err' goes to the
 * log, not to the client. */
void arm_error_status(struct http_reply *reply, enum status st, const struct err *err);
void arm_error_memory(struct http_reply *reply);
/* Takes the tree (NULL: no memory). */
void arm_reply(struct http_reply *reply, unsigned status, json_t *tree);

/* The collected body as a JSON object, new reference; NULL: answered with 400 InvalidRequestContent (not JSON,
 * not an object, a member twice, nested too deep). */
json_t *arm_body(struct arm_call *a, struct http_reply *reply);
/* The same for any text; on failure *where says why in a few words. */
json_t *arm_json_read(struct span text, char where[120]);

/* A member that must be a text of 1 to 'size_max' bytes if it is there (NULL: it is not, or null); 'target': what errors call
 * it. False: answered with 400. */
MUST_CHECK bool arm_text_get(const json_t *from, const char *key, const char *target,
                             size_t size_max, const char **text, struct http_reply *reply);

/* Whether tags are an object of texts (absent and null are fine). False: answered. */
MUST_CHECK bool arm_tags_check(const json_t *tags, struct http_reply *reply);

/* How many items a page may have (?$top=). False: answered. */
MUST_CHECK bool arm_page_size(struct arm_call *a, size_t *count, struct http_reply *reply);
/* What $skiptoken holds, as arm_reply_list got it: "" on the first page. False: answered with 400
 * InvalidSkipToken. */
MUST_CHECK bool arm_page_after(struct arm_call *a, char *after, size_t room,
                               struct http_reply *reply);
/* {"value":[...],"nextLink":"https://..."}: takes 'value'; 'next': where the next page begins (any text up to
 * 500 bytes), NULL or "": this is the last. The link is the request's own path and query with $skiptoken
 * replaced. */
void arm_reply_list(struct arm_call *a, struct http_reply *reply, json_t *value, const char *next);
/* The same of an array as text, malloc'd; takes it (NULL: no memory). */
void arm_reply_list_text(struct arm_call *a, struct http_reply *reply, char *value, size_t size,
                         const char *next);

/* 404 SubscriptionNotFound. */
void arm_refuse_subscription(struct http_reply *reply);

/* Whether the resource group of the path is there. False: answered with 404 ResourceGroupNotFound. */
MUST_CHECK bool arm_group_is_there(struct arm_call *a, struct http_reply *reply);

/* ---- for api.c ---- */

/* Handlers of a request whose path is ARM's; NULL: it is not. */
const struct http_handler *arm_handler(const struct http_request *r);
/* As api_describe. */
bool arm_describe(bool (*visit)(void *app, const struct api_row *row), void *app);

/* The tables, in the order they are looked through. */
extern const struct arm_route arm_inventory_routes[];  /* arm_inventory.c */
extern const struct arm_route arm_management_routes[]; /* management_routes.c */
extern const struct arm_route arm_automation_routes[]; /* automation_routes.c */
extern const struct arm_route arm_collection_routes[]; /* collection_routes.c */
extern const struct arm_route arm_posture_routes[];    /* posture_routes.c */

/* arm_pace.c: a token bucket for each subscription and token. */
enum arm_pace_kind { PACE_READS, PACE_WRITES, PACE_DELETES, PACE_KINDS };
enum {
    ARM_PACE_BUCKETS = 4096 /* remembered; the one idle longest makes room, and starts full again */
};
/* Takes one. Number of what is left; < 0: none was, come again in *wait_s. 'burst' and 'per_s' of the
 * kind; burst 0: no limit. */
int arm_pace_take(struct arm_pace *pace, enum arm_pace_kind kind, const char *subscription,
                  const char *token_id, unsigned burst, unsigned per_s, int64_t now_ms,
                  unsigned *wait_s);
