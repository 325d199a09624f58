/* template.h - JSON documents with placeholders that an event fills in: what a chat, a ticket system
 * or a pager wants instead of the event itself. Pure; a template is read once and then only looked
 * at, by any thread; one thread uses one struct template_work.
 *
 * A template is a JSON object:
 *
 *   {"description": "...",
 *    "maps": {"color": {"High": "#d13438", "*": "#605e5c"}},
 *    "variants": {"alert": {...}, "recommendation": {...}, "event": {...}}}
 *
 * A variant is any JSON value; "event" must be there and stands for those that are not. Which one an
 * event takes is said by its category (template_variant). Its strings hold placeholders:
 *
 *   {{PATH}}                           the value at the path (wire/json_find.h) of the event
 *   {{@id}} {{@source}} {{@tenant}}    the event's identity, its category, its tenant
 *   {{@name}}                          a value of the configuration (template_read)
 *   {{PATH | FILTER ARGUMENT | ...}}   changed by filters, from left to right
 *
 *   default 'text'   if there is nothing: no such member, null, or an empty string
 *   or PATH          if there is nothing: the value there
 *   map NAME         what "maps" says for it, case ignored; "*" is for all others; else nothing
 *   truncate N       at most N characters, the last one an ellipsis
 *   upper, lower     of ASCII letters
 *   hash             32 hex digits of its SHA-256: for keys that have a size
 *   join 'text'      of an array: its elements with the text between
 *   plain            HTML tags taken out, <br> a line end
 *   slack            &, < and > as Slack wants them: no mention or link is made of an event's text
 *   markdown         marks of Markdown behind backslashes: likewise
 *   raw              last, and alone in its string: the JSON value itself in place of the string
 *
 * Values are written as the contents of JSON strings, so that nothing in an event can end the string
 * that it stands in; numbers, objects and arrays as their JSON text. Nothing becomes "" (raw:
 * null). "{{" cannot be written otherwise than as {{'{{'}}: a text in quotes is a value, too. */
#pragma once
#include "sink/buffer.h"
#include "sink/sink.h"

enum {
    TEMPLATE_SIZE_MAX = 256 << 10, /* bytes of a template */
    TEMPLATE_DEPTH_MAX = 32,
    TEMPLATE_FILTERS_MAX = 8,   /* of one placeholder */
    TEMPLATE_OUT_MAX = 4 << 20, /* bytes of what is made of one event */
};

enum template_variant {
    TEMPLATE_ALERT,          /* Alerts; AlertInfo, AlertEvidence, SecurityAlert */
    TEMPLATE_RECOMMENDATION, /* assessments and findings, also of snapshots */
    TEMPLATE_EVENT,          /* all else */
    TEMPLATE_VARIANTS
};
/* By a lane's category: an event source's name, or "AdvancedHunting-<table>". */
enum template_variant template_variant(const char *category);

struct template_value { /* {{@name}} */
    const char *name, *value;
};

struct template;
/* 'place' is the template's name in errors, which say where in it the fault is. Values are copied.
 * ST_INVALID: it is none. */
MUST_CHECK enum status template_read(struct span json, const char *place,
                                     const struct template_value *values, size_t value_count,
                                     struct template **t, struct err *err);
void template_free(struct template *t); /* wipes; NULL is fine */

struct template_event {
    struct span row; /* JSON */
    const char *id, *category, *tenant;
};

struct template_work { /* zeroed at first */
    struct buffer value, other;
};
void template_work_free(struct template_work *work);

/* Adds what the event makes of the template to 'out', of which the caller frees 'p' in the end.
 * ST_INVALID: it would have more than TEMPLATE_OUT_MAX bytes. ST_FULL: no memory. 'out' is then as
 * it was. */
MUST_CHECK enum status template_render(const struct template *t, const struct template_event *event,
                                       struct template_work *work, struct buffer *out,
                                       struct err *err);

/* The templates that come with the program, from data/templates; ends at a NULL name. */
struct template_builtin {
    const char *name, *help, *json;
};
extern const struct template_builtin template_builtins[];
/* NULL: there is none of the name. */
const struct template_builtin *template_builtin_find(const char *name);
