/* decorate.h - the MachineGroup of rows, found at admission: which columns of a row say whose
 * device it is, what DeviceInfo and AlertEvidence rows teach the registry, and the group that each
 * row of a block is to leave with. streaming-api.md section 5.1, schema/README.md rule 4.
 *
 * A decorator belongs to one block being built; one thread. It allocates nothing.
 *
 *   decorate_columns (per record, while its values are lent) -> decorate_note (once its row is added)
 *   -> decorate_block (before the block is sealed) */
#pragma once
#include "base/base.h"
#include "model/block.h"
#include "model/catalog.h"
#include "source/devices.h"
#include "wire/scan.h"

/* What is looked for in a table's rows. */
enum decorate_class {
    DECORATE_DEVICE,         /* DeviceId, MachineGroup */
    DECORATE_DEVICE_INFO,    /* and what the registry learns of a device */
    DECORATE_ALERT_EVIDENCE, /* AlertId beside DeviceId */
    DECORATE_ALERT_INFO,     /* AlertId; has no device of its own */
};
enum decorate_class decorate_class_of(struct span table);
/* The catalog says that rows of this table leave with a MachineGroup. NULL (unknown table): no. */
bool decorate_by_default(const struct catalog_table *table);

enum {
    COLUMN_DEVICE_ID,
    COLUMN_MACHINE_GROUP,
    COLUMN_ALERT_ID,
    COLUMN_DEVICE_NAME,
    COLUMN_OS_PLATFORM,
    COLUMN_REGISTRY_TAG,
    COLUMN_MANUAL_TAGS,
    COLUMN_DYNAMIC_TAGS,
    COLUMNS_WANTED
};
/* The wanted columns of one record; NULL: not there. The last of several equal keys wins, as in
 * JSON parsers. */
struct decorate_columns {
    const struct scan_value *value[COLUMNS_WANTED];
};

/* Finds the wanted columns among values[0..count), the members of the row object. 'record' is the
 * record's '{', which the values' offsets count from. */
void decorate_columns(enum decorate_class class, const char *record,
                      const struct scan_value *values, size_t count,
                      struct decorate_columns *found);

/* Beside each row of the block being built: whose group it takes. 8 bytes. */
struct row_key {
    uint32_t at; /* text inside the quotes, in the body */
    uint16_t size;
    uint8_t kind; /* enum row_key_kind */
    uint8_t escaped;
};
enum row_key_kind { KEY_NONE, KEY_DEVICE, KEY_ALERT };

struct text_at { /* a string value's text, in the body */
    uint32_t at, size;
};
enum { LEARN_MAX = 512, GROUP_CACHE_COUNT = 1024 };
struct learn {
    uint32_t row;
    struct text_at text[COLUMNS_WANTED];
};
struct group_cached {
    uint64_t hash;
    uint32_t generation, at;
    uint16_t size, stream, group;
};

struct decorator {
    struct devices *devices; /* NULL: every row keeps what it has; no groups are known */
    uint32_t generation;     /* of the cache: one per block */
    uint32_t learn_count;
    struct learn learn[LEARN_MAX];
    struct group_cached cache[GROUP_CACHE_COUNT];
    char scratch[16384];
};
void decorate_init(struct decorator *d, struct devices *devices);
/* Forgets the block that was being built. */
void decorate_reset(struct decorator *d);

/* Fills in 'row' (group_value_*, group, and its flag ROW_DECORATE) and 'key' from the columns
 * found.
 * row->at is set; record offsets become body offsets through it. 'index': the row's number.
 * Returns false if what this row teaches has no room: call decorate_learn first. */
MUST_CHECK bool decorate_note(struct decorator *d, const struct decorate_columns *found,
                              enum decorate_class class, bool by_default, uint32_t index,
                              struct block_row *row, struct row_key *key);

/* Teaches the registry what the noted rows say. 'body': first byte of the block's body. */
void decorate_learn(struct decorator *d, const struct block_builder *b, const char *body,
                    int64_t seen);

/* Learns, then gives every row that waits for one its group. Returns the number of rows that are
 * done: less than b->head.row_count if the block's strings are full, so that the rest must go into
 * the next block (after decorate_reset). */
uint32_t decorate_block(struct decorator *d, struct block_builder *b, const struct row_key *keys,
                        const char *body, int64_t seen);

/* Teaches the registry from a block that was journalled (after a start: what came after the last
 * save). Scans the DeviceInfo and AlertEvidence rows again; 's' is a scanner of the caller's, in
 * any state. Returns the number of rows that taught something. */
size_t decorate_relearn(struct decorator *d, struct scanner *s, const struct block *block);
