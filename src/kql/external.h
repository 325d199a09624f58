/* external.h - the bytes of a file that externaldata names, as rows of typed columns. Pure: who has the bytes gives them.
 *
 * Files may be gzip or a zip archive with one file in it, told by their first bytes, whatever they are called. Text is UTF-8;
 * a byte order mark is passed over, bytes that are no UTF-8 become U+FFFD, UTF-16 is refused by name.
 *
 *   csv tsv psv scsv sohsv  RFC 4180 with , tab | ; or U+0001 between: quotes around a value, doubled inside, line breaks
 *                           between quotes are the value's. Lines end in LF, CR LF or CR. A line with nothing on it is no row. Values
 *                           beyond the columns are passed over, columns beyond the values are null.
 *   txt        a line is the first column's value; empty lines are no rows
 *   raw        the whole file is the first column's value
 *   json, multijson  objects, one behind the other or in an array; members are columns of their exact name
 *
 * Texts become values as toint(), todatetime() ... read them, dynamic ones as parse_json(); what does not convert is null. */
#pragma once
#include "kql/plan.h"
#include "wire/scan.h"

enum {
    KQL_EXTERNAL_PLACES_MAX = 32, /* that one query reads */
    KQL_EXTERNAL_SIZE_MAX =
        100 << 20, /* bytes that it reads, as they come, and unpacked; the default */
};

enum kql_external_format {
    KQL_EXTERNAL_CSV, /* those with something between come first */
    KQL_EXTERNAL_TSV,
    KQL_EXTERNAL_PSV,
    KQL_EXTERNAL_SCSV,
    KQL_EXTERNAL_SOHSV,
    KQL_EXTERNAL_TXT,
    KQL_EXTERNAL_RAW,
    KQL_EXTERNAL_JSON,
};

/* The format of that name (any case) or, if it is empty, by the end of the URL's path (list.json.gz; csv if that says
 * nothing). ST_INVALID: none, or one that is not read; err names it. */
MUST_CHECK enum status kql_external_format_of(struct span name, struct span url,
                                              enum kql_external_format *out, struct err *err);

/* The text in the bytes, with SCAN_PADDING readable bytes behind it; lives in 'p', whose escape is set. ST_FULL: more than
 * size_max. ST_INVALID: the archive is damaged or holds no one file, or the text is UTF-16. */
MUST_CHECK enum status kql_external_text(struct pool *p, struct span bytes, size_t size_max,
                                         struct span *out, struct err *err);

struct kql_external_reader {
    const struct kql_schema *schema;
    enum kql_external_format format;
    struct span text;    /* what is left */
    size_t record_count; /* so far, the ignored one included */
    bool ignores_first;
    struct scanner *scanner; /* of JSON; lives in the pool */
};
/* 'text' as kql_external_text gives it, and 'schema', are borrowed; needs the pool's escape. */
MUST_CHECK enum status kql_external_begin(struct kql_external_reader *r, struct pool *p,
                                          enum kql_external_format format, bool ignores_first,
                                          struct span text, const struct kql_schema *schema,
                                          struct err *err);
/* The next row: schema's cells, texts borrowed or in 'p'. ST_END: no more. ST_INVALID: err says which record is wrong, and
 * how; not asked again. */
MUST_CHECK enum status kql_external_next(struct kql_external_reader *r, struct pool *p,
                                         struct kql_value *cells, struct err *err);
