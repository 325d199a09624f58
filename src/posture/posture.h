/* posture.h - the state behind continuous export: assessment metadata, assessments, findings,
 * controls and scores, compliance, attack paths, alerts; kept in one SQLite file, posture.db. What
 * changes becomes an event in the outbox, in the transaction of the change, so that a kill loses none and
 * makes none twice. Any thread; one writer at a time inside, readers beside it.
 *
 * A resource is named by its ARM id; ids compare without regard to case and keep the casing given with the
 * last change. Who may see which subscription is decided at the door: every call names the tenant, and sees
 * only what was put under it. Memory is bounded by 'cache_size', whatever the number of findings.
 *
 * Kinds, by the last provider segment of the id (continuous-export.md section 2):
 *   {scope}/providers/Microsoft.Security/...
 *     assessmentMetadata/{key}                   also without scope: the tenant's own catalog
 *     assessments/{key}                          scope: a resource, resource group or subscription
 *     assessments/{key}/subAssessments/{key}
 *     secureScoreControlDefinitions/{name}       as assessmentMetadata
 *     secureScores/ascScore, .../secureScoreControls/{name}           computed: read only
 *     regulatoryComplianceStandards/{s}, .../regulatoryComplianceControls/{c}  definitions: which
 *                                                assessments a control has
 *     .../regulatoryComplianceAssessments/{key}  computed: read only
 *     attackPaths/{id}
 *     locations/{l}/alerts/{id} and alerts/{id}
 *     alertsSuppressionRules/{name} */
#pragma once
#include "base/base.h"
#include "model/event_source.h"

struct posture;

enum {
    POSTURE_ID_SIZE_MAX = 2048, /* bytes of an id */
    POSTURE_BODY_SIZE_MAX =
        512 << 10,             /* bytes of one resource; with its metadata it still is an event */
    POSTURE_BATCH_MAX = 10000, /* items of one posture_apply */
    POSTURE_PAGE_MAX = 1000,   /* resources of one posture_list */
    POSTURE_REPORT_SCOPES_MAX = 20000,
    POSTURE_PRODUCER_SIZE = 400, /* of a producer's name, with the NUL */
};

struct posture_options {
    const char *path;            /* of posture.db, made if missing (mode 0600) */
    uint64_t cache_size;         /* bytes; 0: 128 MiB */
    int64_t (*now)(void *clock); /* ticks */
    void *clock;
    /* Whether anybody asks for such events at this moment; NULL: always. What nobody asks for is not
     * made into events (streaming sends changes, not state). Quick, any thread. */
    bool (*is_wanted)(void *app, const char *tenant, enum event_source source);
    /* the outbox is no longer empty: called after the commit, outside all locks; NULL is fine */
    void (*rang)(void *app);
    void *app;
    double score_threshold;    /* points a control's score must move; 0: 0.01 */
    bool score_by_percentage;  /* compare percentage (0..1) in place of current */
    int64_t score_delay;       /* ticks from a change to the computation it causes; 0: 5 s */
    const char *portal;        /* "host[:port]" in links; NULL: links are null. Borrowed */
    int64_t snapshot_interval; /* ticks; 0: 7 days; < 0: only on demand */
    uint64_t
        outbox_size_max; /* bytes of events that wait; beyond it no change is taken; 0: 1 GiB */
};
MUST_CHECK enum status posture_open(const struct posture_options *o, struct posture **p,
                                    struct err *err);
void posture_close(struct posture *p); /* NULL is fine */

/* ---- writing ---- */

struct posture_item {
    struct span id;   /* ARM id as given */
    struct span body; /* the resource as JSON ({"properties":{...}, ...}); empty with is_delete */
    bool is_delete;
};
enum posture_outcome {
    POSTURE_CREATED,
    POSTURE_CHANGED,
    POSTURE_UNCHANGED,
    POSTURE_DELETED,
    POSTURE_ABSENT, /* to be deleted, and was not there */
    POSTURE_REFUSED /* code, target and message say why; nothing of it was stored */
};
struct posture_result {
    enum posture_outcome outcome;
    char code[48];    /* "InvalidAssessment" */
    char target[160]; /* "properties.status.code" */
    struct err message;
};
/* All items in order in one transaction, durable with ST_OK; refused ones leave no trace. 'actor': who, for
 * the history of alerts' status. ST_FULL: disk or limit; ST_IO. With these nothing was stored. */
MUST_CHECK enum status posture_apply(struct posture *p, const char *tenant, const char *actor,
                                     const struct posture_item *items, size_t count,
                                     struct posture_result *results, struct err *err);

/* A scanner's full report: what of the covered scopes it does not name any more is withdrawn at its end. One
 * report is one thread's; several may run side by side. 'scopes': ids of resources, groups and subscriptions
 * whose assessments and findings (at the scope and below it), or of assessments whose findings the report
 * names completely; none: the report is partial, and only says whose is what it names. 'producer': withdraws
 * only what the same producer ("trivy") put or changed last; NULL: all. What came after the report's
 * beginning stays. Named is also what was refused. A report that is given up withdraws nothing. */
struct posture_report;
MUST_CHECK enum status posture_report_begin(struct posture *p, const char *tenant,
                                            const char *producer, const struct span *scopes,
                                            size_t scope_count, struct posture_report **report,
                                            struct err *err);
MUST_CHECK enum status posture_report_apply(struct posture_report *r,
                                            const struct posture_item *items, size_t count,
                                            struct posture_result *results, struct err *err);
/* *withdrawn: how many, without the findings that their assessments took along. In transactions of some
 * hundred: other than ST_OK may leave a part withdrawn, and the next report does the rest. Frees the
 * report in any case. */
MUST_CHECK enum status posture_report_end(struct posture_report *r, uint64_t *withdrawn,
                                          struct err *err);
void posture_report_give_up(struct posture_report *r);

/* ---- reading ---- */

/* The resource as its GET answers it, as compact JSON text: numbers leave as they came. *text is
 * malloc'd, NUL-terminated. ST_END: not there (for this tenant). */
MUST_CHECK enum status posture_get(struct posture *p, const char *tenant, struct span id,
                                   bool expand, char **text, size_t *size, struct err *err);
struct posture_query {
    const char *tenant;
    const char *type; /* "assessments", "subAssessments", "secureScoreControls", ... any case */
    struct span
        scope; /* id below which: "/subscriptions/s", a resource, an assessment, a standard; "": all */
    struct span filter; /* $filter; "": none. See posture_filter_help */
    const char *after;  /* the last page's 'next'; NULL: the first page */
    size_t top;         /* 1 to POSTURE_PAGE_MAX */
    bool expand;        /* definitions and metadata with the resource ($expand) */
};
/* Resources, those of one scope together, as the text of a JSON array in *text (malloc'd, NUL-terminated),
 * and where the next page begins ("" if there is none). A page may be short or empty and yet have a
 * next one: looking for what a filter lets through is done in portions, of about a second. ST_INVALID: a type, scope,
 * 'after' or filter that is not understood, named with its place. */
MUST_CHECK enum status posture_list(struct posture *p, const struct posture_query *q, char **text,
                                    size_t *size, char next[64], struct err *err);
/* What $filter may say, one paragraph for people. */
extern const char posture_filter_help[];

/* ---- events ---- */

/* What makes one (continuous-export.md section 2):
 *   assessment   any change of it but its dates, which are kept here: firstEvaluationDate when it came, statusChangeDate
 *                when its code changed. A change of its code is followed by all its findings, each once
 *                and in its last state of the transaction.
 *   finding      any change of it but timeGenerated alone.
 *   withdrawn    the same with action Delete and the last state: the assessment first, then its findings. Deleting metadata
 *                withdraws its assessments (where they are more than some hundred, in transactions before its own: a
 *                failure may leave a part of them withdrawn and the metadata there, and deleting it again goes on); a
 *                change of metadata makes none, later events have it. */
struct posture_event {
    uint64_t
        number; /* ascending, never used again: the event's identity until it is in the journal */
    const char *tenant;
    enum event_source source;
    struct span scope;    /* as in event_source.h */
    struct span document; /* as it is delivered, compact */
};
/* The oldest events in order, at most 'count_max' and about 'size_max' bytes; 'visit' must not call
 * posture. *last: number of the last one; 0: there was none. */
MUST_CHECK enum status posture_outbox_read(struct posture *p, size_t count_max, size_t size_max,
                                           void (*visit)(void *app, const struct posture_event *e),
                                           void *app, uint64_t *last, struct err *err);
/* 16 random bytes that name the file: with an event's number its identity over all files there ever were. */
void posture_epoch(const struct posture *p, uint8_t epoch[16]);
/* They are durable elsewhere. posture_outbox_drop_at notes beside it, in the same transaction, where: any
 * number, for posture_outbox_place to find again (0: none was noted). */
MUST_CHECK enum status posture_outbox_drop(struct posture *p, uint64_t up_to, struct err *err);
MUST_CHECK enum status posture_outbox_drop_at(struct posture *p, uint64_t up_to, uint64_t place,
                                              struct err *err);
MUST_CHECK enum status posture_outbox_place(struct posture *p, uint64_t *place, struct err *err);

/* What time brings: scores and compliance of subscriptions that changed, snapshots that are due or under way
 * (in portions: call again at once while *more). Called by one thread, every second or so. */
MUST_CHECK enum status posture_tick(struct posture *p, bool *more, struct err *err);
/* A snapshot of the subscription now: the bits (1 << source) of snapshot sources. Durable: it goes on
 * after a restart. 'id': to be found in runs; that of an equal one which waits still. ST_END: nothing was ever
 * reported of the subscription. */
MUST_CHECK enum status posture_snapshot(struct posture *p, const char *tenant,
                                        struct span subscription, uint32_t sources, char id[40],
                                        struct err *err);

struct posture_snapshot_run {
    char id[40];
    int64_t requested, ended; /* ticks; ended 0: under way or waiting */
    uint64_t made;            /* resources gone through */
    bool is_scheduled;        /* weekly; else on demand */
};
/* The subscription's runs, newest first: those under way and the last hundred. 'visit' must not call
 * posture. */
MUST_CHECK enum status
posture_snapshots(struct posture *p, const char *tenant, struct span subscription,
                  void (*visit)(void *app, const struct posture_snapshot_run *run), void *app,
                  struct err *err);

struct posture_counts {
    uint64_t resources[EVENT_SOURCES]; /* by streaming source */
    uint64_t metadata, outbox, outbox_size,
        size; /* outbox: events that wait; sizes in bytes, of the file */
    uint64_t changed, unchanged, refused, events; /* since open */
};
/* 'tenant' NULL: of all. The outbox and what counts since open is always of all. */
void posture_counts(struct posture *p, const char *tenant, struct posture_counts *counts);
