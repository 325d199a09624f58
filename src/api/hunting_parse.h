/* hunting_parse.h - what hunting clients write into headers and bodies, read: time spans, preferences, queries. Pure, but for
 * memory; any thread. Private to this folder. */
#pragma once
#include "base/base.h"
#include "wire/json.h"

enum {
    HUNTING_BATCH_MAX = 100,      /* requests of one batch */
    HUNTING_ADDITIONAL_MAX = 100, /* further workspaces that a query names */
    HUNTING_ID_MAX = 200,         /* bytes of the id of a batch's request */
};

struct hunting_period { /* ticks: [from, to) */
    int64_t from, to;   /* INT64_MIN, INT64_MAX: no such bound */
};
/* An ISO 8601 duration that ends now (P30D, PT12H, P1DT2H3M4.5S, P2W; a year has 365 days and a month 30, as in .NET's
 * XmlConvert), START/END, START/DURATION, DURATION/END, or START alone, which ends now. Moments: 2024-02-01, 2024-02-01T08:00:00Z,
 * with up to 7 digits of seconds and with an offset. What lies outside the calendar is cut to it. False: err says what was expected. */
MUST_CHECK bool hunting_period_read(struct span text, int64_t now, struct hunting_period *out,
                                    struct err *err);
/* What lies in both. */
struct hunting_period hunting_period_both(struct hunting_period a, struct hunting_period b);

struct hunting_prefer {
    int64_t wait_ms; /* 0: not said. At least 1 s */
    bool has_statistics, has_render;
};
/* "wait=30, include-statistics=true,include-render=true" (RFC 7240; also ';' between). What is not known, or not
 * well-formed, is passed over, as the RFC wants it. NULL: nothing preferred. */
struct hunting_prefer hunting_prefer_read(const char *header);

/* Whether Accept-Encoding takes gzip: named, or by *, and not with q=0. NULL: no. */
bool hunting_takes_gzip(const char *header);

/* The ways to write a query of a workspace by its resource id: "/v1//subscriptions/.../query", as the published client writes it, with one
 * slash, without /v1, with ".../api/query" at the end, as ARM has it. True: 'out' has the one with a row of its own,
 * "/v1/subscriptions/.../query". False: it is no such path. */
bool hunting_path_plain(const char *path, char *out, size_t room);

/* A query as a body has it: {"query","timespan"?,"workspaces"?,"workspaceId"?}. Texts live in the tree. */
struct hunting_query {
    struct span text;
    struct hunting_period period; /* without bounds if none is given */
    struct span workspaces[HUNTING_ADDITIONAL_MAX];
    size_t workspace_count;
    struct span workspace; /* Graph's "workspaceId"; empty: not given */
    const json_t *own;     /* the member "penstock", unread; NULL: none */
};
/* Member names in any case: Log Analytics writes small letters, Defender "Query", Graph's clients either. Members that are not
 * known are passed over. False: err says which member is wrong, and how. */
MUST_CHECK bool hunting_query_read(const json_t *object, int64_t now, struct hunting_query *out,
                                   struct err *err);
/* The member of that name in any case; NULL: there is none, or it is null. */
const json_t *hunting_member(const json_t *object, const char *name);
/* The tree of a body; NULL: err says where it is not JSON (at most 64 levels deep, no member twice). */
json_t *hunting_json_read(struct span text, struct err *err);
