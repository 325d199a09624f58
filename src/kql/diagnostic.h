/* diagnostic.h - what is wrong with a query, where, and what would mend it. Pure. */
#pragma once
#include "base/base.h"
#include "kql/pool.h"

enum { KQL_DIAGNOSTICS_MAX = 32 }; /* per query; the last one then says that there are more */

/* Stable codes, shown to users; diagnostic.c has a row for each with its title for the manual. */
enum kql_code {
    KQL_E_SYNTAX,     /* KQL001 something else was expected here */
    KQL_E_TEXT,       /* KQL002 not a character, literal or name of the language */
    KQL_E_LIMIT,      /* KQL003 too long, too deep, too much */
    KQL_E_NOT_BUILT,  /* KQL004 known to the language, not built here */
    KQL_W_NOT_BUILT,  /* KQL005 warning: the same, found when a row gets there */
    KQL_E_TABLE,      /* KQL101 no such table */
    KQL_E_COLUMN,     /* KQL102 no such column, variable or parameter */
    KQL_E_FUNCTION,   /* KQL103 no such function */
    KQL_E_ARGUMENTS,  /* KQL104 wrong number of arguments */
    KQL_E_TYPE,       /* KQL105 wrong type */
    KQL_E_NAME,       /* KQL106 declared twice, ambiguous, or not usable as a name */
    KQL_E_CONSTANT,   /* KQL107 must be a constant */
    KQL_E_PLACE,      /* KQL108 not allowed here (an aggregate outside summarize ...) */
    KQL_E_OPTION,     /* KQL109 unknown parameter or value of an operator */
    KQL_E_VALUE,      /* KQL110 a constant with a wrong value */
    KQL_E_SERIALIZED, /* KQL111 needs a serialized row set */
    KQL_E_STREAM,     /* KQL201 cannot be done row by row in a transformation */
    KQL_W_STREAM,     /* KQL202 warning: Azure Monitor would refuse it in a transformation */
    KQL_CODE_COUNT
};

struct kql_diagnostic {
    enum kql_code code;
    bool is_warning;
    uint32_t at, size;     /* bytes of the query text; size may be 0 (something is missing) */
    uint32_t line, column; /* from 1; column counts code points */
    /* 'at' as it was given: differs where it lies in a stored function, which 'text' then names and
     * 'at' is the call of */
    uint32_t origin;
    const char *text; /* "no column 'ProcesCommandLine' in DeviceProcessEvents; did you mean
                              'ProcessCommandLine'?" */
};

/* A text beside the query's own: a stored function's. Places in it are numbers behind those of the
 * query and of the sources before it. */
struct kql_source {
    struct kql_source *older; /* private */
    uint32_t base;            /* the place of its first byte; set by kql_diagnostics_add */
    struct span name, text;   /* of the function; borrowed */
    uint32_t body;            /* lines are counted from this byte of the text on */
    /* Where it is called now, or was last: in the query or in another source */
    uint32_t called_at, called_size;
};

struct kql_diagnostics {
    struct pool *pool;
    struct span query; /* for line and column */
    struct kql_source *sources;
    struct kql_diagnostic items[KQL_DIAGNOSTICS_MAX];
    uint32_t count, error_count;
};

void kql_diagnostics_init(struct kql_diagnostics *d, struct pool *pool, struct span query);
/* Makes room for the places of one more text; it lives as long as 'd'. False: there is none left. */
MUST_CHECK bool kql_diagnostics_add(struct kql_diagnostics *d, struct kql_source *source);
/* The text that a place lies in, from there on; empty: in none. */
struct span kql_text_at(const struct kql_diagnostics *d, uint32_t at);
/* Adds one; the same code at the same place is kept once. */
void kql_complain(struct kql_diagnostics *d, enum kql_code code, uint32_t at, uint32_t size,
                  const char *format, ...) PRINTF_LIKE(5, 6);
/* Nobody reads what is complained of now: no need to look for "did you mean". */
static inline bool
kql_is_full(const struct kql_diagnostics *d)
{
    return d->count == KQL_DIAGNOSTICS_MAX;
}
const char *kql_code_name(enum kql_code code);  /* "KQL102" */
const char *kql_code_title(enum kql_code code); /* one line for the manual */
/* "query:LINE:COLUMN: error KQL102: text", a line each, with the source line and a marker below it
 * when 'shows_source'. */
struct span kql_diagnostics_print(struct pool *p, const struct kql_diagnostics *d,
                                  bool shows_source);

/* The nearest of the offered names (edit distance, case ignored), for "did you mean". Start with
 * {.wanted = name}; offer each; best.p is NULL if nothing is near enough. */
struct kql_nearest {
    struct span wanted, best;
    uint32_t distance;
};
void kql_nearest_offer(struct kql_nearest *n, struct span name);
