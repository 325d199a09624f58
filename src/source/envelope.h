/* envelope.h - what an envelope says: which tenant's which table, when, and where the row is.
 * streaming-api.md section 2.1. One thread; allocates nothing.
 *
 * Needed: category (string), properties (object), tenantId (a GUID; may be missing where the
 * request is bound to a tenant). time and _TimeReceivedBySvc may be missing or null, else they are
 * datetimes. Any other key is fine. */
#pragma once
#include "model/block.h"
#include "model/catalog.h"
#include "source/decorate.h"
#include "wire/scan.h"

/* One (tenant, category) that was met, checked and resolved. */
struct known_stream {
    char tenant[37], category[CATALOG_CATEGORY_MAX + 1], table[CATALOG_TABLE_NAME_MAX + 1];
    uint8_t category_size; /* 0: free */
    bool by_default;       /* decorate_by_default */
    enum decorate_class class;
    uint32_t generation; /* of the block that 'index' is valid for; 0: none */
    uint16_t index;      /* block_stream_index */
};

/* Checks and resolves a stream. Not safe, or unknown and !unknown_tables: ST_INVALID, err names the
 * nearest known one. An empty 'category' is made from the table, which may be spelled in any
 * case and as its category, AdvancedHunting-X. */
MUST_CHECK enum status known_stream_make(struct known_stream *k, const struct catalog *catalog,
                                         bool unknown_tables, const char *tenant,
                                         struct span category, struct span table, struct err *err);

enum { KNOWN_STREAMS = 64 };
struct hour_cached { /* the hour of the last datetime of this kind */
    char text[13];   /* "2026-09-14T08" */
    bool is_set;
    int64_t ticks;
};
/* Whether records may belong to a tenant (a lower-case GUID). Any thread; asked once for each
 * stream of a request that names no tenant. */
struct envelope_tenants {
    void *app;
    bool (*is_tenant)(void *app, const char *tenant); /* NULL: any may */
};
struct envelope_reader {
    const struct catalog *catalog;
    bool unknown_tables;
    const char *tenant; /* borrowed; NULL: any that 'tenants' knows */
    /* set behind init, which forgets the streams of a reader without a tenant */
    struct envelope_tenants tenants;
    struct hour_cached time, received;
    struct known_stream streams[KNOWN_STREAMS];
};
/* Keeps what it knows of streams if the catalog and 'unknown_tables' are the same as before. Zeroed
 * memory is fine to begin with. */
void envelope_reader_init(struct envelope_reader *r, const struct catalog *catalog,
                          bool unknown_tables, const char *tenant);

struct envelope {
    struct known_stream *stream;      /* lends: until the next envelope_read */
    const struct scan_value *members; /* of properties */
    size_t member_count;
    uint32_t properties_at, properties_size; /* from the record's '{' */
    uint32_t time_at; /* text of the exact 28-byte form, else 0 and 'time' alone says it */
    uint32_t received_at;
    uint8_t received_size;
    bool is_wire; /* the seven keys, in order, compact, in the wire profile's exact form */
    int64_t time; /* ticks; 0: none */
};

struct envelope_fault {
    const char *column;
    uint32_t at; /* from the record's '{' */
    struct err err;
};

/* Reads one scanned record (SCAN_ENVELOPES); 'record' is its '{'. False: *fault says what is
 * wrong. */
MUST_CHECK bool envelope_read(struct envelope_reader *r, const char *record,
                              const struct scan_record *scanned, struct envelope *e,
                              struct envelope_fault *fault);
