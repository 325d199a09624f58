/* import_inner.h - what the importers share; for import*.c only. One run, one thread. */
#pragma once
#include "model/arm_id.h"
#include "posture/import.h"

enum {
    NAME_SIZE = 160, /* of a resource's name, with the NUL */
    KEY_SIZE = 37,
};

/* How often something was met, by 16 bytes of its digest. */
struct seen_slot {
    unsigned char key[16];
    uint32_t count; /* 0: free */
    uint32_t note;  /* the importer's own */
};
struct seen {
    struct seen_slot *slots;
    size_t room, used;
};

/* Text that only grows; all calls are fine after one did not fit (is_full). */
struct line {
    char *base;
    size_t size, room;
    bool is_full, needs_comma;
};

struct import_run {
    const struct import_input *in;
    const struct import_options *options;
    const struct import_output *out;
    struct import_summary *summary;
    struct err *err;
    struct line line;
    char id[ARM_ID_MAX + 1]; /* of the document under way */
    enum import_what what;
    const char *producer; /* of the document under way */
    struct seen metadata; /* given so far */
    struct seen scopes;
    struct line scope_texts; /* producer NUL id NUL ... */
    bool is_broken;          /* a digest could not be made, or memory is spent */
};

/* ---- import_seen.c ---- */

/* The slot of 'key', made with count 0 if it is new: the caller counts it at once, or it is lost. Good until the next
 * call. NULL: the limit or memory; err names 'what' is too many. */
struct seen_slot *import_seen_at(struct seen *s, const unsigned char key[16], const char *what,
                                 struct err *err);
void import_seen_free(struct seen *s);

/* ---- import_line.c ---- */

void import_line_raw(struct line *l, const char *text);
/* Opens an object or array ('{', '['); 'key' NULL: in an array, or the outermost. */
void import_line_open(struct line *l, const char *key, char bracket);
void import_line_close(struct line *l, char bracket);
/* A string, cut to 'max' bytes; bad UTF-8 and NUL become U+FFFD. An empty one is left out. */
void import_line_text(struct line *l, const char *key, struct span text, size_t max);
void import_line_string(struct line *l, const char *key,
                        const char *text); /* as line_text; NULL is fine */
void import_line_bool(struct line *l, const char *key, bool value);
void import_line_json(struct line *l, const char *key, const char *json); /* as it is: a number */

/* ---- import_out.c ---- */

/* A name for an ARM id from any text (import.h); never empty. */
void import_name(struct span text, char out[NAME_SIZE]);
/* A GUID (version 8) from the parts; digest: the first 16 bytes for a seen table, NULL is fine. */
void import_key(struct import_run *r, const struct span *parts, size_t count, char out[KEY_SIZE],
                unsigned char digest[16]);
/* Once more or again: makes the producer's name "scanner/detail...#part". */
void import_producer(struct import_run *r, char out[IMPORT_PRODUCER_SIZE], const char *format, ...)
    PRINTF_LIKE(3, 4);

/* What was scanned. */
struct import_resource {
    char id[ARM_ID_MAX + 1];
    char native[1024];   /* its name where it lives ("arn:..."); "": has none */
    const char *machine; /* set: resourceDetails.source is OnPremise, with this machineName */
};
/* "/subscriptions/S/resourceGroups/RG/providers/" + format, or options' resource_id. ST_INVALID: too long. */
enum status import_resource(struct import_run *r, struct import_resource *x, const char *format,
                            ...) PRINTF_LIKE(3, 4);
/* A machine by its name; options' target goes before it. 'native' is kept. */
enum status import_machine(struct import_run *r, struct import_resource *x, struct span name);
/* A copy in lower case, to compare. */
struct span import_lower(struct span id, char out[ARM_ID_MAX + 1]);
/* The subscription that an id lies in, else the one of the options. */
struct span import_subscription_of(const struct import_run *r, struct span id);

struct import_recommendation {
    const char *producer;
    const char *key;
    struct span display_name, description, remediation;
    const char *severity; /* High, Medium, Low */
    const char *category; /* Compute, Networking, Data, IdentityAndAccess, AppServices, Container */
};
/* Under the subscription of 'resource'; the second time nothing is done. */
enum status import_metadata(struct import_run *r, const struct import_resource *resource,
                            const struct import_recommendation *m);

enum { CODE_HEALTHY, CODE_NOT_APPLICABLE, CODE_UNHEALTHY }; /* the worse the higher */
struct import_state {
    int code;
    const char *cause;       /* NULL: none */
    struct span description; /* empty: none */
};
/* Up to and with the opening of additionalData; its members (strings) are the caller's, then
 * import_end. */
void import_assessment_begin(struct import_run *r, const struct import_resource *resource,
                             const struct import_recommendation *m,
                             const struct import_state *state);
struct import_finding {
    const char *key; /* its own */
    struct span id;  /* CVE, rule, test */
    struct span display_name, description, remediation, impact;
    const char *category;
    const char *severity; /* High, Medium, Low */
    struct import_state state;
    const char *assessed; /* assessedResourceType */
};
void import_finding_begin(struct import_run *r, const struct import_resource *resource,
                          const struct import_recommendation *m, const struct import_finding *f);
enum status import_end(struct import_run *r);

/* Notes a scope; a second time does nothing. They are given by import_run at the end. */
enum status import_scope(struct import_run *r, const char *producer, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* A scanner's word for severity. */
struct import_severity_row {
    const char *word; /* compared without case */
    const char *severity;
};
extern const struct import_severity_row import_severities[]; /* ends at NULL */
const char *import_severity(struct span word);               /* not in the table: Low */
bool import_word_is(struct span text, const char *word);     /* ignoring ASCII case */
/* Whether the head holds the text. */
bool import_holds(struct span head, const char *text);
/* One document and all that an error ends with: "name: byte N: ". */
PRINTF_LIKE(3, 4)
enum status import_fault(struct import_run *r, uint64_t at, const char *format, ...);

bool trivy_knows(struct span head);
bool openscap_knows(struct span head);
bool lynis_knows(struct span head);
bool ocsf_knows(struct span head);
enum status trivy_run(struct import_run *r);
enum status openscap_run(struct import_run *r);
enum status lynis_run(struct import_run *r);
enum status ocsf_run(struct import_run *r);
