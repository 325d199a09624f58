/* query_print.h - answers of queries as text: tables for people, JSON, NDJSON, CSV, Markdown. One
 * thread. What is written: datetime 2007-03-09T00:00:00.0000000Z, timespan [-][d.]hh:mm:ss[.fffffff],
 * dynamic as JSON (in JSON formats as a value), integers as they are, NaN and infinities as the
 * texts "NaN", "Infinity", "-Infinity" in JSON formats. Tables cut long cells. */
#pragma once
#include "kql/rows.h"

enum query_format { QUERY_TABLE, QUERY_CHART, QUERY_JSON, QUERY_NDJSON, QUERY_CSV, QUERY_MARKDOWN };

/* False: there is no such format. */
bool query_format_read(struct span name, enum query_format *format);

/* Writes all answers to 'out'. ST_FULL: a cell's text needs more memory than there is. Write errors
 * are the stream's (ferror). */
MUST_CHECK enum status query_print(FILE *out, enum query_format format,
                                   const struct kql_answers *answers, struct err *err);
/* One line: {"id":ID,"columns":[...],"rows":[...]} of the last answer. */
MUST_CHECK enum status query_print_batch(FILE *out, struct span id_json,
                                         const struct kql_answers *answers, struct err *err);
/* One line: {"id":ID,"error":{"code","message","diagnostics":[...]}}. 'd' NULL: none. */
void query_print_error(FILE *out, struct span id_json, const char *code, const char *message,
                       const struct kql_diagnostics *d);
/* The columns as getschema has them: ColumnName, ColumnOrdinal, DataType, ColumnType. */
MUST_CHECK enum status query_print_schema(FILE *out, enum query_format format,
                                          const struct kql_schema *schema, struct err *err);
/* A JSON string literal. */
void query_print_json_text(FILE *out, struct span text);
