/* block.h - the unit that admission writes, the journal keeps and exports read: some rows as the
 * bytes they came in, and beside them all that the scan found, so that nobody ever scans them
 * again. Pure.
 *
 * A block is two pieces of memory:
 *   index  struct block_head, then streams, strings and rows as laid out below (little endian, native alignment)
 *   body   the bytes as received (white space, commas and envelopes between and around the rows included); rows point into it
 *
 * Row n of the block at journal position p has the identity (p, n): stable for ever, over retries
 * and restarts. */
#pragma once
#include "base/base.h"

enum {
    BLOCK_VERSION = 1,
    BLOCK_BODY_MAX = 8 << 20, /* bytes of body */
    BLOCK_ROWS_MAX = 65535,
    BLOCK_STREAMS_MAX = 1024,
    BLOCK_STRINGS_MAX = 65000,
    BLOCK_INDEX_MAX = 12 << 20,
};

enum block_kind {
    BLOCK_ROWS = 1, /* rows to be exported */
    BLOCK_CONTROL =
        2, /* written by the daemon for itself (the device registry's changes, say); exports pass over it */
    BLOCK_EVENTS =
        3 /* events of continuous export (event_source.h): only for routes that have a filter for them */
};

/* One (tenant, table) pair that occurs in the block. */
struct block_stream {
    char tenant[40];    /* lower-case GUID, NUL-terminated */
    char category[104]; /* "AdvancedHunting-DeviceInfo", NUL-terminated */
    char table[72];     /* "DeviceInfo", NUL-terminated */
    uint32_t row_count; /* rows of this stream in this block */
    uint32_t reserved;
};

enum row_flag {
    /* came in an envelope: at/size span it; else the record is the row itself */
    ROW_ENVELOPE = 1,
    /* and that envelope has the seven keys of the wire profile, in order, compact, for this stream:
     * it may leave byte for byte */
    ROW_WIRE_ENVELOPE = 2,
    /* properties is {} (white space aside) */
    ROW_EMPTY = 4,
    /* the catalog says that rows of this table leave with a MachineGroup */
    ROW_DECORATE = 8,
    /* the record holds a CR or LF between its tokens: it is compacted on its way out */
    ROW_LINE_BREAK = 16,
};

/* Values of block_row.group that are no string's index. */
enum {
    /* properties already holds the MachineGroup it should leave with, or the table has none */
    ROW_GROUP_AS_IS = 0xffff,
    /* no device: leaves with null where a MachineGroup belongs */
    ROW_GROUP_NULL = 0xfffe,
};

/* One row; offsets count from the body's first byte unless said otherwise. 48 bytes. */
struct block_row {
    uint32_t at, size;                       /* the record as received, '{' to '}' */
    uint32_t properties_at, properties_size; /* the row object, '{' to '}' */
    /* value of a MachineGroup key that is there (with quotes, or null); 0: there is none */
    uint32_t group_value_at;
    uint16_t group_value_size;
    /* BLOCK_EVENTS: string that tells the scope */
    uint16_t group;       /* MachineGroup found at admission: index of a string, or ROW_GROUP_* */
    uint16_t stream;      /* index of its block_stream */
    uint16_t flags;       /* enum row_flag */
    uint32_t received_at; /* text inside the quotes of the envelope's _TimeReceivedBySvc; 0: none */
    uint8_t time_size,
        received_size; /* envelope's time text is at time_at; 0: none, made from 'time' */
    uint16_t reserved;
    uint32_t time_at;
    int64_t time; /* ticks: envelope time; decides the blob's hour */
};

struct block_head {
    uint32_t version; /* BLOCK_VERSION */
    uint32_t kind;    /* enum block_kind */
    uint32_t index_size, body_size;
    uint32_t row_count, stream_count, string_count, strings_size;
    int64_t received; /* ticks: the request's first byte */
    /* ticks: the block was sealed; rows get time = admitted + their number, so neighbours differ */
    int64_t admitted;
    uint8_t request_id[16]; /* hash of (tenant, client's batch id); zero if none was given */
    uint32_t part,
        /* part n of a request of several blocks; parts_end: 1 on its last (or only) block */
        parts_end;
    uint32_t reserved[4];
};

/* A block opened for reading; lends from the two pieces. */
struct block {
    const struct block_head *head;
    const struct block_stream *streams;
    const struct block_row *rows;
    const uint32_t *string_at; /* string_count + 1 offsets into strings */
    const char *strings;
    struct span body;
};

/* Layout of the index, each part 8-byte aligned: head, streams[stream_count], rows[row_count],
 * uint32 string_at[string_count + 1], strings. */
size_t block_index_size(uint32_t stream_count, uint32_t row_count, uint32_t string_count,
                        uint32_t strings_size);

/* Opens and checks every offset, so that nothing read through the block can lie outside it. 'index'
 * must be 8-byte aligned. ST_INVALID says what is wrong: the bytes are not a block of this
 * version. */
MUST_CHECK enum status block_open(struct block *b, struct span index, struct span body,
                                  struct err *err);

static inline struct span
block_string(const struct block *b, uint32_t index)
{
    return (struct span){b->strings + b->string_at[index],
                         b->string_at[index + 1] - b->string_at[index]};
}

/* Builds a block's index in memory that the caller gives; the body is the caller's. One thread. */
struct block_builder {
    struct block_head head;
    struct block_stream *streams;
    uint32_t stream_room;
    struct block_row *rows;
    uint32_t row_room;
    uint32_t *string_at;
    uint32_t string_room;
    char *strings;
    uint32_t strings_room;
    uint32_t stream_last;   /* private: where the last lookup hit */
    uint16_t *stream_slots; /* private: hash table of stream index + 1 */
};
/* Bytes of arena that block_builder_init takes for 'row_room' rows. */
size_t block_builder_room(uint32_t row_room);
/* All arrays live in 'a', sized for 'row_room' rows (BLOCK_ROWS_MAX at most), 256 streams, 1024
 * strings and 64 KiB of their text: fewer than a block may have, but more only means more blocks.
 * ST_FULL: no room in the arena. */
MUST_CHECK enum status block_builder_init(struct block_builder *b, struct arena *a,
                                          uint32_t row_room, struct err *err);
/* Empty again: a block of kind BLOCK_ROWS, the only part of a request without id. Callers set kind,
 * request_id, part and parts_end in 'head'. */
void block_builder_reset(struct block_builder *b);
/* Index of the stream, added if new. ST_FULL: seal the block first. ST_INVALID: a name does not fit
 * in struct block_stream. */
MUST_CHECK enum status block_stream_index(struct block_builder *b, struct span tenant,
                                          struct span category, struct span table, uint16_t *index);
/* Index of the string, added if new (searches the strings that are there: few, group names).
 * ST_FULL: seal first. ST_INVALID: longer than 64 KiB. */
MUST_CHECK enum status block_string_index(struct block_builder *b, struct span text,
                                          uint16_t *index);
/* The next row, zeroed, to fill in; NULL: full, seal first. Its stream's row_count is counted by
 * block_seal. */
struct block_row *block_row_add(struct block_builder *b);
/* Lays the index out in 'out' (8-byte aligned, which is asserted; block_index_size bytes or more)
 * and fills in the head's sizes and counts, the streams' row counts, and the time of rows that have
 * none (admitted + row number). ST_FULL: 'out' is too small. */
MUST_CHECK enum status block_seal(struct block_builder *b, uint32_t body_size, int64_t received,
                                  int64_t admitted, char *out, size_t out_size, struct span *index,
                                  struct err *err);
