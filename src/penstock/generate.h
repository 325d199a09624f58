/* generate.h - Advanced Hunting records as a tenant's machines would send them, without a tenant:
 * for tests, benchmarks and first steps. What it makes follows from the options alone, byte for
 * byte, on any machine.
 *
 * Columns are the catalog's, all of them, nulls and empty strings mixed in; devices, users and
 * programs are few and skewed; paths hold escapes, names hold more than ASCII, AdditionalFields
 * hold JSON in strings; some ids need 64 bits. Names and addresses are those reserved for examples.
 * One thread per generator; no clean-up. */
#pragma once
#include "base/base.h"
#include "model/catalog.h"

enum {
    GENERATE_RECORD_MAX = 32 << 10, /* no record is longer, line feed included */
    GENERATE_TABLES_MAX = 32,
};

enum generate_form {
    /* the seven keys of the wire, MachineGroup on device tables (streaming-api.md section 2.1) */
    GENERATE_ENVELOPES,
    GENERATE_ROWS, /* bare rows, as a source sends them: without MachineGroup */
};

struct generate_options {
    const struct catalog *catalog; /* borrowed */
    uint64_t seed;
    char tenant[37];           /* lower-case GUID */
    const char *const *tables; /* borrowed; count 0: a mix of 14 tables as of an office's tenant */
    size_t table_count;        /* at most GENERATE_TABLES_MAX */
    enum generate_form form;
};

struct generator; /* private */

/* Lives in 'a' (about 1 MB), as all it needs. ST_INVALID: an unknown table, or one that does not
 * stream though envelopes are asked for. ST_FULL: no room. */
MUST_CHECK enum status generator_make(const struct generate_options *o, struct arena *a,
                                      struct generator **g, struct err *err);

/* The next record and a line feed, to 'out' of GENERATE_RECORD_MAX bytes. Gives the size. */
size_t generate_next(struct generator *g, char *out);
