/* cell.h - one value of a JSON record as the cell of a typed column; the same for streams and for
 * files that are read as tables. Pure; any thread.
 *
 *   column     JSON that gives a value; all else is null (never an error, never a lost record)
 *   string     string: its text; null: ""; number, true, false, array, object: as written
 *   int, long  number without a fraction that fits (1, 1.0, 1e3); string with such a number or 0x..; true, false
 *   real       number; string with a number, "inf", "nan"; true, false
 *   decimal    number; string with a number
 *   bool       true, false; number (0 is false); string: "true", "false", "1", "0"
 *   datetime, timespan, guid   string in a form that the language reads
 *   dynamic    anything. A string that holds a JSON object or array is that: events carry such fields as text */
#pragma once
#include "kql/value.h"

/* 'json': one JSON value, well-formed (a scanner saw it), no blanks around. 'has_escapes': a string
 * that may hold a backslash. Texts without escapes are borrowed. */
struct kql_value kql_cell_read(struct pool *p, enum kql_type type, struct span json,
                               bool has_escapes);
/* The text of a JSON string literal, quotes included. */
struct span kql_cell_text(struct pool *p, struct span json, bool has_escapes);

/* The type that a value would give a column of its own; KQL_UNKNOWN: null says nothing. A string is a
 * datetime if it begins with a date, an hour and a minute (2024-05-06T07:08) and reads as one: what else
 * could be read as a time may be meant as text. 'json', 'has_escapes': as above. */
enum kql_type kql_cell_guess(struct span json, bool has_escapes);
/* The type of a column that has values of both: long and real make real, string and datetime string, all
 * else that differs dynamic. */
enum kql_type kql_cell_wider(enum kql_type a, enum kql_type b);
