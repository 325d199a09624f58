/* security_record.h - a row as tools of a security team want to see it: which kind of record it is, when
 * it happened, how severe it is, and where each of their fields stands in it. What goes into which
 * field of CEF and LEEF is data: the tables of security_map.c. Pure; any thread.
 *
 * A row is an envelope of the Streaming API, whose record is its "properties", or the record itself
 * (profile bare, and the events of continuous export). */
#pragma once
#include "sink/sink.h"

enum security_severity {
    SECURITY_NONE, /* the record says nothing that is known */
    SECURITY_INFORMATIONAL,
    SECURITY_LOW,
    SECURITY_MEDIUM,
    SECURITY_HIGH,
    SECURITY_CRITICAL,
    SECURITY_SEVERITIES /* how many */
};
struct security_severity_row {
    const char *name; /* as records have it, in any case; "" for SECURITY_NONE */
    int syslog;       /* 0 (emergency) to 7 (debug), RFC 5424 section 6.2.1 */
    int score;        /* 0 to 10, for CEF and LEEF */
};
extern const struct security_severity_row security_severity_rows[SECURITY_SEVERITIES];

enum security_form {
    SECURITY_TEXT,    /* a text as it is, a number or bool as written, anything else as JSON */
    SECURITY_TIME,    /* milliseconds since 1970; left out if it is no time */
    SECURITY_ADDRESS, /* left out if it is no IP address; in CEF IPv6 has fields of its own */
};

/* Where a field comes from, and what it is called.
 *
 * A path is names joined by dots, from the record on; "Entities[host]" is the first item of an array
 * whose "Type" is host, in any case. Facts about the record begin with '@': @id, @tenant, @category,
 * @table, @time, @record (the whole of it as JSON). '=' begins a text of ours. What is absent,
 * null or empty is left out. */
struct security_field {
    const char *from;
    enum security_form form;
    const char *cef;       /* key in the extension; NULL: not there */
    const char *cef_label; /* a custom field: what <key>Label says; else NULL */
    const char *leef;      /* attribute; NULL: not there */
};

struct security_kind {
    const char *name;      /* for people */
    const char *tables[4]; /* those it is for; all others, if none is named */
    const char *vendor;    /* paths; what the header falls back to stands in security_text.h */
    const char *product;
    const char *event, *title;           /* what happened, for machines and for people */
    const struct security_field *fields; /* ends at a NULL 'from' */
};
/* The first one that fits counts; the last one fits all. Ends at a NULL name. */
extern const struct security_kind security_kinds[];

enum { SECURITY_MEMBERS_MAX = 256 /* of a record, found at once; those beyond are searched for */ };

struct security_record {
    const struct lane *lane; /* borrowed, as row, while the record is used */
    struct span row, record;
    const struct security_kind *kind;
    enum security_severity severity;
    struct span time; /* the text of the event's own time, else of the envelope's; n 0: none */
    const char *id;   /* as given */
    /* private */
    size_t count;
    struct security_member {
        struct span key, value;
    } members[SECURITY_MEMBERS_MAX];
};

/* Any bytes are fine; of text that is no JSON object nothing is found. 'id' is the record's identity
 * (parcel_identity); borrowed like lane and row. */
void security_record_read(struct security_record *r, const struct lane *lane, struct span row,
                          const char *id);
/* The JSON value at a path that is no fact; {NULL, 0}: absent, null or "". */
struct span security_record_find(const struct security_record *r, const char *path);
