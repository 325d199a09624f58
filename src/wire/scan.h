/* scan.h - one pass over JSON text that validates every byte and yields where each record and each
 * of its top-level values lie. It never copies, never builds a tree and never changes a byte.
 *
 * Valid means RFC 8259 in full: grammar, numbers, escapes (a lone surrogate escape is valid JSON
 * and goes through), UTF-8 per RFC 3629, no control character in a string. Duplicate keys are
 * valid.
 *
 * The text is a run of records (JSON objects) in one of three forms, told by its first bytes:
 *   lines    records separated by white space (NDJSON; blank lines, CR LF and a missing last line end are fine;
 *            two records with nothing between them are a fault)
 *   array    [record,record,...]
 *   records  {"records":[record,...]} with no other top-level key.
 *            An object whose first key is "records" with an array value is this form; to the scanner,
 *            any other object is a first record of 'lines'. (The check is made only for SCAN_ENVELOPES.)
 *
 * A scanner is a plain struct: one thread, no allocation, no clean-up. */
#pragma once
#include "base/base.h"

enum {
    SCAN_PADDING = 64, /* readable (not: zero) bytes that must follow every buffer given to it */
    SCAN_VALUES_MAX = 4096, /* values reported per record, both depths together */
};

enum scan_kind {
    SCAN_STRING,
    SCAN_NUMBER,
    SCAN_OBJECT,
    SCAN_ARRAY,
    SCAN_TRUE,
    SCAN_FALSE,
    SCAN_NULL
};

/* What the records are: bare rows, whose members are reported at depth 1; or envelopes, where in
 * addition the members of every object at depth 1 (that is, of "properties") are reported at depth
 * 2, following the entry of their parent, in text order. */
enum scan_shape { SCAN_ROWS, SCAN_ENVELOPES };

struct scan_value {
    uint32_t key_at;   /* first byte of the key's text, inside its quotes; from the record's '{' */
    uint32_t value_at; /* first byte of the value; a string's opening quote */
    uint32_t value_size; /* quotes and brackets included */
    /* bytes of the key's text as written, escapes not decoded; keys longer than 65535 are a
     * fault */
    uint16_t key_size;
    uint8_t kind;              /* enum scan_kind */
    uint8_t depth : 2;         /* 1 or 2 */
    uint8_t key_escaped : 1;   /* the key holds a backslash */
    uint8_t value_escaped : 1; /* a string value holds a backslash */
};

struct scan_limits {
    uint32_t record_size_max; /* bytes from '{' to '}'; 2 to 1 GiB */
    uint32_t depth_max;       /* nesting: {} is 1, {"a":[]} is 2; 1 to 1024 */
    uint32_t values_max;      /* 1 to SCAN_VALUES_MAX */
};

struct scan_record {
    size_t at;   /* offset of the record's '{' in the buffer of this call */
    size_t size; /* to its '}' included */
    uint32_t value_count;
    const struct scan_value *values; /* lends: valid until the next call with this scanner */
};

enum scan_result {
    SCAN_RECORD, /* *record holds the next one */
    /* the buffer ends in or after an incomplete record: come again with the bytes from scanner->consumed on, and more behind
     * them */
    SCAN_MORE,
    SCAN_END,   /* the text ended properly (only when 'is_last') */
    SCAN_FAULT, /* *fault says what is wrong */
};

enum scan_fault_code {
    FAULT_SYNTAX,
    FAULT_UTF8,
    FAULT_STRING,
    FAULT_NUMBER,
    FAULT_DEPTH,
    FAULT_SIZE,
    FAULT_VALUES,
    FAULT_NOT_OBJECT,
    FAULT_TRUNCATED,
};

struct scan_fault {
    enum scan_fault_code code;
    size_t at;        /* offset in the buffer of this call of the first byte that is wrong */
    size_t record_at; /* offset where the faulty record began; == at when between records */
    char column
        [64]; /* key of the innermost reported value it is in or right behind, as written, cut; "" if in none */
    char text[120]; /* for a person: "a control character (0x0a) stands in a string; write \n" */
    bool can_skip;  /* scan_skip can find the next record */
};

struct scanner {
    /* read by callers */
    /* bytes of the last buffer that are done with: all before the next or unfinished record */
    size_t consumed;
    uint64_t record_count; /* SCAN_RECORDs so far */
    enum { FORM_UNKNOWN, FORM_LINES, FORM_ARRAY, FORM_RECORDS } form;
    /* private */
    enum scan_shape shape;
    struct scan_limits limits;
    uint8_t state;
    bool is_moved; /* the last answer was SCAN_MORE: the next buffer begins at the consumed byte */
    struct scan_private *p; /* lives in the arena given to scanner_init */
};

/* Prepares a scanner; its working memory (about 100 KB, values included) lives in 'a'. ST_FULL: no
 * room. ST_INVALID: a limit is out of its range. */
MUST_CHECK enum status scanner_init(struct scanner *s, struct arena *a, enum scan_shape shape,
                                    const struct scan_limits *limits, struct err *err);
/* Back to the state after scanner_init, for the next text; may change shape and limits. */
void scanner_reset(struct scanner *s, enum scan_shape shape, const struct scan_limits *limits);

/* The next record of 'text', whose first 'size' bytes are there ('SCAN_PADDING' readable bytes
 * follow).
 * Call it again with the same buffer until it says other than SCAN_RECORD; s->consumed moves along, and scanning goes on from there.
 * A buffer handed in after SCAN_MORE starts at the old consumed byte (the caller moves the tail to
 * the front, or grows the buffer in place and passes 'text + consumed'). So after SCAN_MORE,
 * offsets count from the new 'text', and consumed is 0 again. A record that cannot fit any more
 * (longer than record_size_max) is FAULT_SIZE as soon as that is known. Which fault is found does
 * not depend on how the text is cut into buffers. After SCAN_FAULT, consumed is the fault's
 * record_at: without scan_skip, the same fault comes again. */
MUST_CHECK enum scan_result scan_next(struct scanner *s, const char *text, size_t size,
                                      bool is_last, struct scan_record *record,
                                      struct scan_fault *fault);

/* After SCAN_FAULT with can_skip, with the same buffer: moves past the faulty record. In form
 * 'lines' to the next line: the first one up to the fault that begins with '{' (the line before was
 * torn, and this
 * one is whole; of a FAULT_SIZE before it), else the one behind the first line feed at or behind fault->at.
 * In the other forms can_skip is true only if the record is well-formed but breaks depth_max,
 * values_max or the size of a key; it is skipped as a whole. (One longer than record_size_max
 * cannot be skipped there.) SCAN_RECORD: skipped, go on with scan_next. SCAN_MORE: no line feed
 * yet; all is dropped (consumed is 'size') and the next buffer goes on being dropped: call
 * scan_skip on it to count it ('fault' is not looked at), or scan_next. SCAN_FAULT: it cannot be
 * skipped. *bad_at, *bad_size: the bytes skipped in this buffer, up to and with the line feed. */
enum scan_result scan_skip(struct scanner *s, const char *text, size_t size, bool is_last,
                           const struct scan_fault *fault, size_t *bad_at, size_t *bad_size);

/* Which instructions are used: chosen once at first use from what the processor has. For tests and
 * benchmarks, and PENSTOCK_SIMD in the environment (plain, avx2, avx512). */
enum scan_simd { SCAN_PLAIN, SCAN_AVX2, SCAN_AVX512 };
enum scan_simd scan_simd_best(void); /* the best this processor has */
enum scan_simd scan_simd_used(void); /* what is used; text search goes by it, too */
void scan_simd_use(
    enum scan_simd simd); /* from now on, all threads; only what scan_simd_best allows or less */
const char *scan_simd_name(enum scan_simd simd);
