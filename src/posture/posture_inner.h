/* posture_inner.h - private to posture: how a kind of resource plugs in, and what its hooks may use.
 *
 * A kind is one row of posture_kinds[] (posture_kinds.c). What comes in goes this way:
 *
 *   outside every lock   id parsed -> row of its kind -> body checked and hashed in one pass -> kind->check
 *                        -> looked up in 'hot' (key of the id -> number, hash): same hash: unchanged, done
 *   one transaction      kind->make (the text that is kept) -> rows written -> kind->changed (events, dirty marks)
 *
 * What is computed (scores, compliance) is kept as resources too: posture_put_computed(). */
#pragma once
#include "model/arm_path.h"
#include "posture/json_text.h"
#include "posture/posture.h"
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

/* Kept in the file: never change a number. */
enum posture_kind_number {
    KIND_METADATA = 1,
    KIND_ASSESSMENT = 2,
    KIND_SUB_ASSESSMENT = 3,
    KIND_CONTROL_DEFINITION = 4,
    KIND_SCORE = 5,
    KIND_SCORE_CONTROL = 6,
    KIND_STANDARD = 7,
    KIND_STANDARD_CONTROL = 8,
    KIND_STANDARD_ASSESSMENT = 9,
    KIND_ATTACK_PATH = 10,
    KIND_ALERT = 11,
    KIND_SUPPRESSION_RULE = 12,
    KIND_COUNT = 13 /* numbers below */
};

/* Values of posture_resource.code of assessments and findings. */
enum posture_code { CODE_NONE, CODE_HEALTHY, CODE_UNHEALTHY, CODE_NOT_APPLICABLE };

/* ---- connections ---- */

enum {
    POSTURE_STATEMENTS_MAX = 256, /* different SQL texts per connection */
    POSTURE_READERS = 4,
};

struct posture_db { /* one thread at a time */
    sqlite3 *db;
    const char *path;
    struct posture_statement {
        const char *sql;
        sqlite3_stmt *x;
    } statements[POSTURE_STATEMENTS_MAX];
};
/* A statement bound and ready to step; kept prepared for the next time, found again by the address of
 * 'sql': a literal, written at one place, and not used again inside its own loop. Types: t const char * (NULL
 * is NULL), i int64_t, b struct span as blob, s struct span as text. What is bound is borrowed until the
 * statement is done with. */
MUST_CHECK enum status posture_sql(struct posture_db *db, sqlite3_stmt **x, struct err *err,
                                   const char *sql, const char *types, ...);
/* ST_OK: a row is there. ST_END: no more; the statement is reset. Whoever stops earlier calls
 * posture_sql_end. */
MUST_CHECK enum status posture_step(struct posture_db *db, sqlite3_stmt *x, struct err *err);
void posture_sql_end(sqlite3_stmt *x);
/* Bind, run, reset: for what yields no rows. */
MUST_CHECK enum status posture_run(struct posture_db *db, struct err *err, const char *sql,
                                   const char *types, ...);
struct span posture_column(sqlite3_stmt *x, int i); /* text or blob; lends until the next step */

/* ---- kinds ---- */

struct posture_txn;

/* A resource as it is kept. Its spans live in 'memory' until posture_resource_free or the next fill. */
struct posture_resource {
    const struct posture_kind *kind;
    int64_t number;       /* of its row */
    int64_t scope_number; /* of what it is about; see scopes */
    int64_t parent;       /* number of the resource it stands below; 0: none */
    int64_t
        definition; /* posture_name_number of its last name; 0 if the kind does not say by_name */
    int64_t subscription; /* scope_number of its subscription; 0: none */
    int64_t code;         /* the kind's own small state; CODE_* of assessments and findings */
    int64_t changed;      /* ticks: last stored */
    struct span id;       /* casing last given */
    struct span name;     /* its last segment */
    struct span
        document; /* {"properties":{...}} and what else was given, without id, name and type; compact */
    struct text memory;
};
void posture_resource_free(struct posture_resource *r);

struct posture_change {
    const struct posture_kind *kind;
    struct arm_path path;
    struct span body; /* a checked JSON object; empty: the resource is to go */
    struct posture_result *result;
    const struct posture_resource *old; /* as it is kept so far; NULL: new */
    /* made by 'make' */
    struct text document;
    int64_t code;
};
/* Fills in the result and says false, so that a check reads: return posture_refuse(...). The code is
 * the kind's. */
PRINTF_LIKE(3, 4)
bool posture_refuse(struct posture_change *c, const char *target, const char *format, ...);

/* Whom a resource is written out for: action and is_snapshot are for events alone. */
struct posture_event_maker {
    struct posture *p;
    struct posture_db *db; /* to look things up */
    const char *tenant;
    const char *action; /* "Insert", "Delete" */
    bool is_snapshot;
};

enum posture_scope_rule {
    SCOPE_SUBSCRIPTION_OR_BELOW, /* a subscription, a group or a resource of one */
    SCOPE_SUBSCRIPTION,          /* only a subscription */
    SCOPE_ANY_OR_NONE,           /* or no scope: the tenant's catalog */
};

struct posture_kind {
    enum posture_kind_number number;
    const char *type;         /* behind Microsoft.Security/, "assessments/subAssessments" */
    const char *type_also;    /* a second spelling of the path; NULL */
    const char *list;         /* posture_query.type: "subAssessments" */
    const char *refusal;      /* code: "InvalidSubAssessment" */
    enum event_source source; /* its streaming source; EVENT_SOURCES: none */
    enum posture_scope_rule scope;
    enum posture_kind_number
        parent;              /* 0: none. The parent must be there, and takes its children with it */
    bool by_name;            /* 'definition' is filled in */
    bool is_computed;        /* nobody may put it */
    size_t body_max;         /* bytes; 0: POSTURE_BODY_SIZE_MAX */
    const char *const *skip; /* members that make no change: json_text_check */

    /* Pure, outside locks: is the body right? */
    bool (*check)(struct posture_change *c);
    /* Before the transaction that deletes it, without locks: takes away what hangs on it, if that is much, in
     * transactions of its own. NULL: nothing. */
    enum status (*drain)(struct posture *p, const char *tenant, const char *actor, struct span id,
                         struct err *err);
    /* What is kept: c->document and c->code. May still posture_refuse (then ST_INVALID). NULL: the body's
     * members without id, name, type, etag and systemData. */
    enum status (*make)(struct posture_txn *t, struct posture_change *c, struct err *err);
    /* Stored; now or old is NULL when it is new or gone. Makes events, marks what must be computed. */
    enum status (*changed)(struct posture_txn *t, const struct posture_resource *old,
                           const struct posture_resource *now, struct err *err);
    /* The event's document and scope ("/subscriptions/s/resourcegroups/g", lower-case) for changes and
     * snapshots; NULL: makes none. */
    enum status (*event)(const struct posture_event_maker *m, const struct posture_resource *r,
                         struct text *document, struct text *scope, struct err *err);
    /* Members for GET beyond the stored ones: adds to 'out' what goes behind "type". NULL: the document's
     * members as they are. 'expand': see posture_query. */
    enum status (*show)(const struct posture_event_maker *m, const struct posture_resource *r,
                        bool expand, struct text *out, struct err *err);
};
extern const struct posture_kind *const posture_kinds[KIND_COUNT]; /* NULL: not there (yet) */
/* Kinds are defined in their own files and named in posture_kinds.c. */

/* What time brings, in the order of the table; ends at NULL. */
typedef enum status posture_tick_fn(struct posture *p, bool *more, struct err *err);
extern posture_tick_fn *const posture_ticks[];

/* ---- transactions ---- */

struct posture {
    struct posture_options options;
    char path[4096];
    uint8_t epoch[16]; /* of this file: random, made with it */
    uint64_t seed;     /* of its hashes */
    pthread_mutex_t write_lock;
    struct posture_db writer; /* under write_lock */
    int64_t number_next;      /* of resources; under write_lock */
    pthread_mutex_t reader_lock;
    pthread_cond_t reader_free;
    struct posture_db readers[POSTURE_READERS];
    bool reader_busy[POSTURE_READERS];
    atomic_int_fast64_t outbox_count, outbox_size;
    atomic_uint_fast64_t changed, unchanged, refused, events;
};

/* A connection for reading what is committed; any thread, for a short time. NULL never. */
struct posture_db *posture_reader_take(struct posture *p);
void posture_reader_give(struct posture *p, struct posture_db *db);

struct posture_txn {
    struct posture *p;
    struct posture_db *db;
    const char *tenant, *actor;
    int64_t tenant_number;
    int64_t now;      /* ticks, one for the transaction */
    int64_t producer; /* name number; 0: none */
    /* private */
    int64_t marked_last; /* subscription marked last */
    int64_t count_delta[KIND_COUNT];
    int64_t outbox_count, outbox_size; /* added */
    struct posture_redo *redo;         /* parents whose findings follow at the end */
    struct posture_resource resource;  /* scratch of change.c */
    struct text document, scope;       /* scratch of events */
};
/* Takes the write lock. On ST_OK end it with posture_commit or posture_rollback; both give it back. The
 * commit is durable with ST_OK, and rings if there are events. 'tenant' and 'actor' are borrowed. */
MUST_CHECK enum status posture_begin(struct posture *p, const char *tenant, const char *actor,
                                     struct posture_txn *t, struct err *err);
MUST_CHECK enum status posture_commit(struct posture_txn *t, struct err *err);
void posture_rollback(struct posture_txn *t);

/* ---- for hooks ---- */

/* ST_FULL: so many events wait that no change is taken. Asked before a transaction; one transaction may
 * go beyond the limit. */
MUST_CHECK enum status posture_outbox_room(const struct posture *p, struct err *err);
/* Whether anybody wants such an event now: ask before making it. */
bool posture_is_wanted(const struct posture_txn *t, enum event_source source);
/* Puts an event into the outbox, whoever wants it. 'scope' lower-case, 'document' compact. */
MUST_CHECK enum status posture_emit(struct posture_txn *t, enum event_source source,
                                    struct span scope, struct span document, struct err *err);
/* The resource's event by its kind's hook, if it is wanted. 'source': streaming or snapshot. */
MUST_CHECK enum status posture_emit_resource(struct posture_txn *t, enum event_source source,
                                             const struct posture_resource *r, const char *action,
                                             struct err *err);
/* The resource's findings follow it, as they are at the transaction's end. */
MUST_CHECK enum status posture_redo_parent(struct posture_txn *t,
                                           const struct posture_resource *parent, struct err *err);
/* Its scores and compliance are to be computed: row in 'dirty' (subscription, since), the first mark
 * stays. 0 is passed over. */
MUST_CHECK enum status posture_mark(struct posture_txn *t, int64_t subscription, struct err *err);
/* "{/subscriptions/{s}[/resourcegroups/{rg}]}" of an id, lower-case, added to 'out'. */
void posture_event_scope(struct span id, struct text *out);

/* Number of a tenant, scope or name; made if missing ('db' must be the transaction's). */
MUST_CHECK enum status posture_scope_number(struct posture_txn *t, struct span scope,
                                            int64_t *number, struct err *err);
MUST_CHECK enum status posture_name_number(struct posture_txn *t, struct span name, int64_t *number,
                                           struct err *err);
/* The same without making them. ST_END: there is none. */
MUST_CHECK enum status posture_scope_find(struct posture_db *db, const char *tenant,
                                          struct span scope, int64_t *number, struct err *err);
MUST_CHECK enum status posture_name_find(struct posture_db *db, const char *tenant,
                                         struct span name, int64_t *number, struct err *err);
MUST_CHECK enum status posture_tenant_find(struct posture_db *db, const char *tenant,
                                           int64_t *number, struct err *err);

/* A resource by id (any case) or number. ST_END: not there. 'r' zeroed or filled before. */
MUST_CHECK enum status posture_find(struct posture *p, struct posture_db *db, const char *tenant,
                                    struct span id, struct posture_resource *r, struct err *err);
MUST_CHECK enum status posture_find_number(struct posture_db *db, int64_t number,
                                           struct posture_resource *r, struct err *err);
/* What the hot table knows of an id: cheap, without its row. */
MUST_CHECK enum status posture_find_hash(struct posture *p, struct posture_db *db,
                                         const char *tenant, struct span id, int64_t *number,
                                         uint64_t *hash, struct err *err);

/* Stores a resource of a computed kind: as an item would, 'changed' hook included. 'body': {"properties":{...}}.
 * *outcome: POSTURE_CREATED, CHANGED, UNCHANGED. ST_INVALID: it is not right; err says why. */
MUST_CHECK enum status posture_put_computed(struct posture_txn *t, struct span id, struct span body,
                                            enum posture_outcome *outcome, struct err *err);
/* Takes a resource away, its children after it, 'changed' hooks included. */
MUST_CHECK enum status posture_remove(struct posture_txn *t, const struct posture_resource *r,
                                      struct err *err);

/* ---- for compose hooks ---- */

/* The resource as its GET answers it, added to 'out'. */
MUST_CHECK enum status posture_show(struct posture *p, struct posture_db *db, const char *tenant,
                                    const struct posture_resource *r, bool expand, struct text *out,
                                    struct err *err);
/* {"id":...,"name":...,"type":... and a comma} of a resource; to be followed by members and '}'. */
void posture_show_head(const struct posture_resource *r, struct text *out);
/* The members of an object between its braces, but those named in 'without' (ends at NULL), each
 * preceded by a comma unless *count is 0; *count counts them. */
void posture_members(struct text *out, struct span object, const char *const *without,
                     size_t *count);
/* One member, if 'value' is there. */
void posture_member(struct text *out, const char *name, struct span value, size_t *count);
/* Type checks from a table: each present member must have the type; ends at a NULL path. */
struct posture_field {
    const char *path; /* "properties.displayName" */
    enum posture_field_type {
        FIELD_STRING,
        FIELD_OBJECT,
        FIELD_STRINGS, /* array of strings */
        FIELD_BOOLEAN,
        FIELD_NUMBER,
        FIELD_ENUM,  /* one of 'values' (ends at NULL), any case */
        FIELD_ENUMS, /* array of them */
        FIELD_DATE,
    } type;
    bool is_required;
    const char *const *values;
    size_t size_max; /* bytes of a string as written; 0: no limit but the body's */
};
bool posture_fields_check(struct posture_change *c, const struct posture_field *fields);

extern const char *const posture_codes[]; /* "Healthy", ...: index + 1 is the CODE_* */

/* ---- change.c, for report.c ---- */

struct posture_seen; /* numbers that a report named */
MUST_CHECK bool posture_seen_add(struct posture_seen *s, int64_t number);
MUST_CHECK enum status posture_change_items(struct posture *p, const char *tenant,
                                            const char *actor, struct span producer,
                                            const struct posture_item *items, size_t count,
                                            struct posture_result *results,
                                            struct posture_seen *seen, struct err *err);
/* 16 bytes that name a resource in the hot table. */
void posture_key(const struct posture *p, const char *tenant, struct span id, uint8_t key[16]);
