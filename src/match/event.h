/* event.h - which actions of automations an event is for, and the shape it leaves in
 * (continuous-export.md sections 1.8, 2.2, 2.9). Immutable once made; any thread. Pure. */
#pragma once
#include "base/base.h"
#include "match/rule.h"
#include "model/block.h"
#include "model/event_source.h"

enum event_shape {
    EVENT_DOCUMENT, /* the document as it is */
    EVENT_ROW       /* the row of the source's workspace table */
};

enum {
    EVENT_SCOPES_MAX = 100, /* of one automation */
    EVENT_SOURCES_MAX =
        100, /* entries in an automation's 'sources': one source may stand there twice */
    EVENT_SIZE_MAX = 1 << 20, /* bytes of a document */
};

/* What one automation asks for. Several routes (its actions) share one filter by reference. */
struct event_filter;
struct event_filter_source {
    enum event_source source;
    const struct rule_sets *rules; /* NULL: all of its events. Borrowed while the filter lives */
};
/* 'scopes': ids of subscriptions or resource groups, any case; borrowed for the call. ST_INVALID: one
 * is neither, there is none, or there are too many. */
MUST_CHECK enum status event_filter_make(const struct span *scopes, size_t scope_count,
                                         const struct event_filter_source *sources,
                                         size_t source_count, struct event_filter **out,
                                         struct err *err);
void event_filter_free(struct event_filter *f); /* NULL is fine */
uint64_t event_filter_fingerprint(const struct event_filter *f);
/* Whether events of the source can pass at all. */
bool event_filter_wants(const struct event_filter *f, enum event_source source);

/* Whether the scope of an event (as in its block, lower-case) is in one of the filter's. Cheap: for
 * leaving out blocks before their events are opened. Not for attack paths, which belong to the scopes of
 * their two ends too. */
bool event_filter_covers(const struct event_filter *f, struct span scope);
/* Told of rules that can be saved but never match events of the source: "properties." paths on
 * Alerts (section 1.6). 'target' as in rule_sets_make. */
void event_source_check(enum event_source source, const struct rule_sets *rules, const char *target,
                        rule_told *told, void *app);

/* An event opened for matching: parsed once, whatever the number of filters. For rules, an alert has
 * the synthetic members of section 1.8 (Version, ProductComponentName). */
struct event {
    enum event_source source;
    struct span scope;   /* lower-case, see event_source.h */
    struct span text;    /* the document's bytes */
    struct tree tree;    /* private: the document, and for alerts the synthetic members behind it */
    struct span ends[2]; /* private: of an attack path: ids of entry point and target, any case */
};
/* Row 'row' of a block of kind BLOCK_EVENTS; lends from it. ST_INVALID: no event (counted and parked by
 * the caller, never dropped silently). ST_FULL: no memory now. After a failure there is nothing to
 * close. */
MUST_CHECK enum status event_open(struct event *e, const struct block *block, uint32_t row,
                                  struct err *err);
/* The same from parts, for "automation test" and tests. */
MUST_CHECK enum status event_open_text(struct event *e, enum event_source source, struct span scope,
                                       struct span text, struct err *err);
void event_close(struct event *e);

bool event_filter_passes(const struct event_filter *f, const struct event *e);
/* Filter by filter part: {"matches":bool,"why":TEXT,"scope":{"matches":bool,"event":SCOPE,"scopePaths":[...],"why":TEXT},
 * "sources":[{"eventSource","matches":bool,"why":TEXT,"ruleSets":rule_sets_explain}]} (ruleSets only where
 * the source is the event's). New reference; NULL: no memory. */
json_t *event_filter_explain(const struct event_filter *f, const struct event *e);

/* Many filters at once: by source, scope and the rarest equality or search among the rules of a set, so
 * that a thousand automations cost little more than ten where few match. Borrows the filters.
 * ST_FULL: no memory, or more than EVENT_INDEX_FILTERS_MAX filters or EVENT_INDEX_PARTS_MAX (scope,
 * source, rule set) of them: ask each filter then. */
enum { EVENT_INDEX_FILTERS_MAX = 65536, EVENT_INDEX_PARTS_MAX = 4 << 20 };
struct event_index;
MUST_CHECK enum status event_index_make(const struct event_filter *const *filters, size_t count,
                                        struct event_index **out, struct err *err);
void event_index_free(struct event_index *x); /* NULL is fine */
/* Calls 'hit' with the number of each filter that passes, ascending, each once. */
void event_index_match(const struct event_index *x, const struct event *e,
                       void (*hit)(void *app, size_t filter), void *app);

/* What the row of a workspace table needs beside the event. */
struct event_row_context {
    int64_t exported;      /* ticks: TimeGenerated where the contract says export time: the block's
                                  admission, so that a row sent again is the same bytes */
    const char *workspace; /* GUID or name: TenantId of the tables marked so */
    /* "https://portal.example" without a slash at the end, for links that an event lacks; NULL: they
     * are null */
    const char *portal;
    bool
        has_legacy_names; /* AdditionalData of SecurityNestedRecommendation as in the event; default
                              off: its names in PascalCase, as published queries read them */
    bool has_extra_columns; /* columns marked is_extra, behind the others; default off */
};
/* The row as compact JSON, its columns in the table's order, in *out (malloc'd, NUL-terminated). Numbers
 * are the digits of the event, columns without a value are null. Rows over 'size_max' bytes (0: no limit;
 * a workspace takes EVENT_ROW_SIZE_MAX) are shrunk in the order of section 5: Properties, then
 * AdditionalData, Entities and other columns of JSON, then Description, at last whatever text is longest;
 * JSON becomes null, text is cut between characters. *is_shrunk says so, and the column ShrunkColumns
 * behind all others names them. A 'size_max' below 8 KiB may be exceeded. ST_INVALID: the document is not
 * an event of its source. ST_FULL: no memory now. */
enum { EVENT_ROW_SIZE_MAX = 32 * 1024 };
MUST_CHECK enum status event_row(const struct event *e, const struct event_row_context *context,
                                 size_t size_max, char **out, size_t *out_size, bool *is_shrunk,
                                 struct err *err);

/* A finding as it was delivered once (section 2.4): names in PascalCase at every depth, and the sender's
 * type markers, as compact JSON in *out (malloc'd, NUL-terminated). The markers of additionalData are known for
 * GeneralVulnerability; others follow its pattern. ST_INVALID: no finding. ST_FULL: no memory now. */
MUST_CHECK enum status event_legacy(const struct event *e, char **out, size_t *out_size,
                                    struct err *err);

/* Columns of the workspace tables, for the catalog, the manual and tests. */
struct event_column {
    const char *name, *type; /* KQL type: "string", "datetime", ... */
    /* private: how its value is found, see event_column.c */
    uint8_t how, shrink;
    const char *path, *other;
    bool is_extra; /* only there on request (or, ShrunkColumns, in rows that were shrunk) */
};
/* Of the source's table, in the order of its rows; *count is set. */
const struct event_column *event_columns(enum event_source source, size_t *count);
/* Where a column's value comes from, for people: "properties.status.code; Removed when deleted". Gives
 * 'out'. */
const char *event_column_origin(const struct event_column *column, char out[256]);
