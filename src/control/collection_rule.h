/* collection_rule.h - one data collection rule: the ARM resource Microsoft.Insights/dataCollectionRules as text, and compiled:
 * which streams an upload may name, and what becomes of their rows. Any thread; what is compiled is immutable and counted.
 *
 *   {"location","kind"?,"tags"?,"properties":{"description"?,"streamDeclarations":{"Custom-X":{"columns":[{"name","type"}]}},
 *    "destinations"?:{"logAnalytics":[{"name",...}]},
 *    "dataFlows":[{"streams":["Custom-X"],"destinations"?:["..."],"transformKql"?,"outputStream"?}]}}
 *
 * Rows go into the journal as records of the output stream's table, and from there wherever settings and automations send
 * that table; destinations are kept and their names checked, no more. Other members (data sources, agent settings) are kept as
 * they are. An output stream is Microsoft-TABLE or Custom-TABLE_CL; without one, the stream itself.
 *
 * Every tenant has one rule that nobody makes, "default": Microsoft-TABLE for each table of the catalog, and Custom-TABLE_CL
 * (Custom-TABLE means the same) where unknown tables are let in. */
#pragma once
#include "control/automation.h"
#include "match/collect.h"

enum {
    COLLECTION_FLOWS_MAX = 64,    /* of a rule */
    COLLECTION_STREAMS_MAX = 256, /* of a rule: streams times flows that take them */
    COLLECTION_STREAM_NAME_MAX =
        CATALOG_TABLE_NAME_MAX + 13, /* bytes, "Microsoft-" and "_CL" included */
    COLLECTION_ID_SIZE = 37,         /* "dcr-" and 32 digits, with the NUL */
    COLLECTION_NAME_MAX = 64,        /* bytes of a rule's name */
};
#define COLLECTION_DEFAULT "default"

/* immutableId: of the resource's id in small letters, so that a rule that is deleted and made anew keeps its own. */
MUST_CHECK enum status collection_rule_id(const char *resource_id, char out[COLLECTION_ID_SIZE],
                                          struct err *err);
/* The one of a tenant's built-in rule. */
MUST_CHECK enum status collection_default_id(const char *tenant, char out[COLLECTION_ID_SIZE],
                                             struct err *err);

struct collection_stream {
    const char *name;
    struct collect *const *flows; /* each makes a record of a row, or drops it */
    size_t flow_count;            /* at least 1 */
};

struct collection; /* borrows the catalog */
struct collection *collection_hold(struct collection *x);
void collection_release(struct collection *x); /* NULL is fine */
/* In any case; NULL: it has none of that name. Lends as long as the collection is held. */
const struct collection_stream *collection_stream_find(const struct collection *x,
                                                       const char *name);
/* All of them, for listings. */
const struct collection_stream *collection_streams(const struct collection *x, size_t *count);

/* Reads and checks 'body' (an object) and compiles it; all faults are told with their place. 'location': of the stored one,
 * where the body brings none; NULL: it must. *shown: as answered, without etag. ST_INVALID: there are faults (nothing is
 * given then). ST_FULL: no memory. */
MUST_CHECK enum status collection_rule_read(const struct control *c,
                                            const struct automation_place *place,
                                            const json_t *body, const char *location,
                                            json_t **shown, struct collection **compiled,
                                            struct automation_faults *faults, struct err *err);
/* The built-in rule with the one stream that is asked for. ST_INVALID: it has none of that name. */
MUST_CHECK enum status collection_default(const struct control *c, const char *stream,
                                          struct collection **compiled, struct err *err);
