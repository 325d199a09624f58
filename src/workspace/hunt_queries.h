/* hunt_queries.h - queries made up at random, for the differential test: over the tables Left and Right of that test, with types
 * that fit mostly. Their answers hang on no order and no choice that the language leaves open: rows are taken by a key that is
 * unique, lists are sorted, sums of reals are exact. */
#pragma once
#include "kql/value.h"
#include "workspace/hunt_query_forms.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { QUERY_TEXT_MAX = 32768, QUERY_COLUMNS_MAX = 64 };

struct query_column {
    char name[24];
    enum kql_type type;
};
struct query_maker {
    uint64_t random;
    char text[QUERY_TEXT_MAX];
    size_t n;
    /* the row set now; 'id' is there and unique while has_id */
    struct query_column columns[QUERY_COLUMNS_MAX];
    unsigned count;
    bool has_id;
    unsigned made;  /* names so far */
    bool in_sub;    /* what is put in is run for each of many runs */
    char index[24]; /* a column that is unique in each run; "": none */
    unsigned depth;
};

static inline uint64_t
query_random(struct query_maker *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random * UINT64_C(0x2545f4914f6cdd1d) >> 16;
}

static inline unsigned
query_pick(struct query_maker *m, unsigned count)
{
    return (unsigned)(query_random(m) % count);
}

PRINTF_LIKE(2, 3)
static inline void
query_put(struct query_maker *m, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(m->text + m->n, sizeof m->text - m->n, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof m->text - m->n)
        m->n += (size_t)n;
}

#define QUERY_ONE_OF(m, list) ((list)[query_pick(m, (unsigned)COUNT_OF(list))])

static void query_expr(struct query_maker *m, enum kql_type type);

/* A column of the type; false: there is none. */
static inline bool
query_put_column(struct query_maker *m, enum kql_type type)
{
    unsigned first = query_pick(m, m->count);

    for (unsigned i = 0; i < m->count; i++) {
        const struct query_column *c = &m->columns[(first + i) % m->count];

        if (c->type == type) {
            query_put(m, "%s", c->name);
            return true;
        }
    }
    return false;
}

static inline void
query_leaf(struct query_maker *m, enum kql_type type)
{
    if (query_pick(m, 4) > 0 && query_put_column(m, type))
        return;
    switch (type) {
    case KQL_BOOL:
        query_put(m, "%s", query_pick(m, 2) == 0 ? "true" : "bool(null)");
        break;
    case KQL_INT:
        query_put(m, "int(%d)", (int)query_pick(m, 40) - 20);
        break;
    case KQL_LONG:
        query_put(m, "%s", QUERY_ONE_OF(m, query_longs));
        break;
    case KQL_REAL:
        query_put(m, "%s", QUERY_ONE_OF(m, query_reals));
        break;
    case KQL_DECIMAL:
        query_put(m, "decimal(%u.%02u)", query_pick(m, 50), query_pick(m, 100));
        break;
    case KQL_STRING:
        query_put(m, "%s", QUERY_ONE_OF(m, query_texts));
        break;
    case KQL_DATETIME:
        query_put(m, "%s", QUERY_ONE_OF(m, query_times));
        break;
    case KQL_TIMESPAN:
        query_put(m, "%s", QUERY_ONE_OF(m, query_spans));
        break;
    case KQL_GUID:
        query_put(m, "guid(74be27de-1e4e-49d9-b579-fe0b331d36%02u)", query_pick(m, 20));
        break;
    default:
        query_put(m, "%s", QUERY_ONE_OF(m, query_dynamics));
        break;
    }
}

/* A form is text in which %b %i %l %r %c %s %t %d %g %y stand for an expression of bool, int, long, real, decimal, string,
 * datetime, timespan, guid, dynamic; %w for a word, %n for a small number, and %% for itself. */
static inline void
query_form(struct query_maker *m, const char *form)
{
    static const struct {
        char letter;
        enum kql_type type;
    } letters[] = {
        {'b', KQL_BOOL    },
        {'i', KQL_INT     },
        {'l', KQL_LONG    },
        {'r', KQL_REAL    },
        {'c', KQL_DECIMAL },
        {'s', KQL_STRING  },
        {'t', KQL_DATETIME},
        {'d', KQL_TIMESPAN},
        {'g', KQL_GUID    },
        {'y', KQL_DYNAMIC }
    };

    for (; *form != '\0'; form++) {
        if (*form != '%') {
            query_put(m, "%c", *form);
            continue;
        }
        form++;
        if (*form == 'w')
            query_put(m, "%s", QUERY_ONE_OF(m, query_words));
        else if (*form == 'n')
            query_put(m, "%u", query_pick(m, 6));
        else if (*form == '%')
            query_put(m, "%%");
        for (size_t i = 0; i < COUNT_OF(letters); i++)
            if (letters[i].letter == *form)
                query_expr(m, letters[i].type);
    }
}

/* An expression of the type; not too deep. */
static void
query_expr(struct query_maker *m, enum kql_type type)
{
    static const struct {
        const char *const *forms;
        unsigned count;
    } forms[KQL_TYPE_COUNT] = {
        [KQL_BOOL] = {query_forms_bool,    COUNT_OF(query_forms_bool)    },
        [KQL_INT] = {query_forms_int,     COUNT_OF(query_forms_int)     },
        [KQL_LONG] = {query_forms_long,    COUNT_OF(query_forms_long) - 1},
        [KQL_REAL] = {query_forms_real,    COUNT_OF(query_forms_real)    },
        [KQL_DECIMAL] = {query_forms_decimal, COUNT_OF(query_forms_decimal) },
        [KQL_STRING] = {query_forms_text,    COUNT_OF(query_forms_text)    },
        [KQL_DATETIME] = {query_forms_time,    COUNT_OF(query_forms_time)    },
        [KQL_TIMESPAN] = {query_forms_span,    COUNT_OF(query_forms_span)    },
        [KQL_GUID] = {query_forms_guid,    COUNT_OF(query_forms_guid)    },
        [KQL_DYNAMIC] = {query_forms_dynamic, COUNT_OF(query_forms_dynamic) },
    };
    unsigned leaf = m->depth == 0 ? 8 : m->depth == 1 ? 2 : 1; /* the deeper, the likelier */

    if (m->depth >= 3 || query_pick(m, leaf + 1) == 0 || m->n > QUERY_TEXT_MAX / 2) {
        query_leaf(m, type);
        return;
    }
    m->depth++;
    query_form(m, forms[type].forms[query_pick(m, forms[type].count)]);
    m->depth--;
}

/* ---- operators ---- */

static inline enum kql_type
query_any_type(struct query_maker *m)
{
    static const enum kql_type types[] = {
        KQL_BOOL,   KQL_INT,      KQL_LONG,     KQL_LONG, KQL_REAL,    KQL_STRING, KQL_STRING,
        KQL_STRING, KQL_DATETIME, KQL_TIMESPAN, KQL_GUID, KQL_DYNAMIC, KQL_DECIMAL};

    return QUERY_ONE_OF(m, types);
}

static inline void
query_add_column(struct query_maker *m, const char *name, enum kql_type type)
{
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->columns[i].name, name) == 0) {
            m->columns[i].type = type;
            return;
        }
    if (m->count == QUERY_COLUMNS_MAX)
        return;
    snprintf(m->columns[m->count].name, sizeof m->columns[0].name, "%.23s", name);
    m->columns[m->count++].type = type;
}

static inline void
query_where(struct query_maker *m)
{
    query_put(m, " | where ");
    query_expr(m, KQL_BOOL);
}

static inline void
query_extend(struct query_maker *m)
{
    enum kql_type type = query_any_type(m);
    char name[24];

    snprintf(name, sizeof name, "x%u", m->made++);
    query_put(m, " | extend %s = ", name);
    query_expr(m, type);
    query_add_column(m, name, type);
}

static inline void
query_project(struct query_maker *m)
{
    struct query_column kept[8];
    unsigned count = 0, first = query_pick(m, m->count);

    query_put(m, " | project ");
    if (m->has_id) {
        query_put(m, "id");
        snprintf(kept[0].name, sizeof kept[0].name, "id");
        kept[count++].type = KQL_LONG;
    }
    for (unsigned i = 0; i < m->count && count < 4; i++) {
        const struct query_column *c = &m->columns[(first + i) % m->count];

        if (strcmp(c->name, "id") == 0)
            continue;
        query_put(m, "%s%s", count > 0 ? ", " : "", c->name);
        kept[count++] = *c;
    }
    for (unsigned i = query_pick(m, 3); i > 0; i--) {
        enum kql_type type = query_any_type(m);

        snprintf(kept[count].name, sizeof kept[count].name, "p%u", m->made++);
        query_put(m, "%s%s = ", count > 0 ? ", " : "", kept[count].name);
        query_expr(m, type);
        kept[count++].type = type;
    }
    memcpy(m->columns, kept, count * sizeof *kept);
    m->count = count;
}

/* Behind groups by decimals: of equal ones that differ as texts (1.0, 1.00) any is given, so that nothing more is asked of them. */
static inline void
query_forget_decimals(struct query_maker *m)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < m->count; i++)
        if (m->columns[i].type != KQL_DECIMAL)
            m->columns[kept++] = m->columns[i];
    m->count = kept;
    if (kept > 0)
        return;
    query_put(m, " | count");
    snprintf(m->columns[0].name, sizeof m->columns[0].name, "Count");
    m->columns[0].type = KQL_LONG;
    m->count = 1;
}

static inline void
query_summarize(struct query_maker *m)
{
    static const struct {
        const char *form;
        enum kql_type type;
    } aggregates[] = {
        {"count()",                             KQL_LONG    },
        {"countif(%b)",                         KQL_LONG    },
        {"sum(bin(%l, 1) %% 1000)",             KQL_LONG    },
        {"sumif(%i, %b)",                       KQL_LONG    },
        {"min(%l)",                             KQL_LONG    },
        {"max(%l)",                             KQL_LONG    },
        {"min(%t)",                             KQL_DATETIME},
        {"max(%t)",                             KQL_DATETIME},
        {"min(%s)",                             KQL_STRING  },
        {"max(%s)",                             KQL_STRING  },
        {"min(%r)",                             KQL_REAL    },
        {"max(%r)",                             KQL_REAL    },
        {"avg(%i)",                             KQL_REAL    },
        {"dcount(%s)",                          KQL_LONG    },
        {"dcount(%l)",                          KQL_LONG    },
        {"count_distinct(%s)",                  KQL_LONG    },
        {"count_distinctif(%l, %b)",            KQL_LONG    },
        {"array_sort_asc(make_set(%l))",        KQL_DYNAMIC },
        {"array_sort_asc(make_set(%s))",        KQL_DYNAMIC },
        {"array_sort_asc(make_list(%i))",       KQL_DYNAMIC },
        {"array_length(make_list(%s))",         KQL_LONG    },
        {"round(stdev(%i), 4)",                 KQL_REAL    },
        {"round(variance(%i), 4)",              KQL_REAL    },
        {"minif(%l, %b)",                       KQL_LONG    },
        {"maxif(%t, %b)",                       KQL_DATETIME},
        {"sum(%d)",                             KQL_TIMESPAN},
        {"max(%d)",                             KQL_TIMESPAN},
        {"binary_all_or(%l)",                   KQL_LONG    },
        {"binary_all_and(%l)",                  KQL_LONG    },
        {"avgif(%i, %b)",                       KQL_REAL    },
        {"dcountif(%s, %b)",                    KQL_LONG    },
        {"sum(%c)",                             KQL_DECIMAL },
        {"max(%c)",                             KQL_DECIMAL },
        {"array_sort_asc(make_set_if(%s, %b))", KQL_DYNAMIC },
        {"min(%g)",                             KQL_GUID    },
        {"count() * 2 + max(%i)",               KQL_LONG    },
        {"binary_all_xor(%i)",                  KQL_LONG    },
        {"percentile(%i, 50)",                  KQL_LONG    },
        {"max(%b)",                             KQL_BOOL    },
        {"avg(%d)",                             KQL_TIMESPAN},
        {"avg(%t)",                             KQL_DATETIME},
    };
    struct query_column made[12];
    unsigned count = 0, keys = query_pick(m, 3);

    query_put(m, " | summarize ");
    for (unsigned i = query_pick(m, 3) + 1; i > 0; i--) {
        unsigned a = query_pick(m, COUNT_OF(aggregates));

        snprintf(made[count].name, sizeof made[0].name, "a%u", m->made++);
        query_put(m, "%s%s = ", count > 0 ? ", " : "", made[count].name);
        m->depth += 2;
        query_form(m, aggregates[a].form);
        m->depth -= 2;
        made[count++].type = aggregates[a].type;
    }
    if (m->has_id && query_pick(m, 5) == 0) {
        snprintf(made[count].name, sizeof made[0].name, "m%u", m->made++);
        query_put(m, ", (i%s, %s) = arg_%s(id, ", made[count].name, made[count].name,
                  query_pick(m, 2) == 0 ? "max" : "min");
        if (!query_put_column(m, KQL_STRING))
            query_put(m, "'x'");
        query_put(m, ")");
        made[count++].type = KQL_STRING;
    }
    for (unsigned i = 0; i < keys; i++) {
        static const enum kql_type types[] = {KQL_BOOL,     KQL_INT,  KQL_LONG,
                                              KQL_STRING,   KQL_REAL, KQL_DATETIME,
                                              KQL_TIMESPAN, KQL_GUID, KQL_DECIMAL};
        enum kql_type type = QUERY_ONE_OF(m, types);

        snprintf(made[count].name, sizeof made[0].name, "g%u", m->made++);
        query_put(m, "%s%s = ", i == 0 ? " by " : ", ", made[count].name);
        m->depth++;
        query_expr(m, type);
        m->depth--;
        made[count++].type = type;
    }
    memcpy(m->columns, made, count * sizeof *made);
    m->count = count;
    m->has_id = false;
    query_forget_decimals(m);
}

/* Keys, arrays, and the axis' own. Steps are few, whatever the data. */
static inline void
query_series(struct query_maker *m)
{
    static const char *const values[] = {"count()",
                                         "countif(%b)",
                                         "sum(%i)",
                                         "min(%l)",
                                         "max(%t) default=datetime(2024-01-01)",
                                         "max(%s)",
                                         "min(%r) + 0.0",
                                         "avg(%i)",
                                         "dcount(%s)",
                                         "sum(%d)",
                                         "max(%i) default=7",
                                         "count() default=-1",
                                         "max(%i) - min(%i)",
                                         "min(%g)",
                                         "sum(%i) default=long(null)",
                                         "max(%r) + 0.0 default=0.5",
                                         "array_sort_asc(make_set(%i)) default=dynamic(null)"};
    static const struct {
        const char *axis, *ends;
    } axes[] = {
        {"%t",              "from datetime(2024-01-04) to datetime(2024-01-17) step 7h"                },
        {"%t",              "from datetime(2024-01-04 05:06) to datetime(2024-01-10) step 1d"          },
        {"%t",              "in range(datetime(2024-01-04 01:00), datetime(2024-01-16), 9h)"           },
        {"%t",              "step 36500d"                                                              },
        {"%t",              "from datetime(2024-01-05 10:00) step 36501d"                              },
        {"%t",              "to datetime(2024-01-10 03:00) step 36499d"                                },
        {"%t",              "from toscalar(Right | summarize min(t)) to datetime(2024-01-12) step 300h"},
        {"%l",              "from -20 to 200 step 9"                                                   },
        {"%l",              "in range(-50, 150, 12)"                                                   },
        {"%l",              "step 1000000000000000000"                                                 },
        {"(%l %% 1000)",    "step 17"                                                                  },
        {"(%l %% 1000)",    "from 5 step 17"                                                           },
        {"(%l %% 1000)",    "to 400 step 17"                                                           },
        {"%i",              "from -30 to 30 step 4"                                                    },
        {"(%i %% 100)",     "step 3"                                                                   },
        {"%d",              "from -1d to 2d step 5h"                                                   },
        {"%d",              "step 3000000d"                                                            },
        {"%r",              "from -8.0 to 8.0 step 0.75"                                               },
        {"%r",              "in range(-3.3, 7.0, 0.7)"                                                 },
        {"min_of(%r, 9.0)", "from -9.0 step 0.3"                                                       },
        {"(%r %% 16.0)",    "step 0.7"                                                                 },
        {"%c",              "from decimal(-5) to decimal(20) step decimal(1.5)"                        },
    };
    static const enum kql_type types[] = {KQL_BOOL, KQL_INT,      KQL_STRING,
                                          KQL_REAL, KQL_DATETIME, KQL_TIMESPAN,
                                          KQL_GUID, KQL_DECIMAL,  KQL_DYNAMIC};
    struct query_column made[8];
    unsigned count = 0, axis = query_pick(m, COUNT_OF(axes)), keys = query_pick(m, 3);

    query_put(m, " | make-series %s", query_pick(m, 6) == 0 ? "kind=nonempty " : "");
    m->depth += 2;
    for (unsigned i = query_pick(m, 3) + 1; i > 0; i--) {
        snprintf(made[count].name, sizeof made[0].name, "a%u", m->made++);
        query_put(m, "%s%s = ", count > 0 ? ", " : "", made[count].name);
        query_form(m, QUERY_ONE_OF(m, values));
        made[count++].type = KQL_DYNAMIC;
    }
    snprintf(made[count].name, sizeof made[0].name, "x%u", m->made++);
    query_put(m, " on %s = ", made[count].name);
    query_form(m, axes[axis].axis);
    query_put(m, " %s", axes[axis].ends);
    made[count++].type = KQL_DYNAMIC;
    for (unsigned i = 0; i < keys; i++) {
        enum kql_type type = QUERY_ONE_OF(m, types);

        snprintf(made[count].name, sizeof made[0].name, "g%u", m->made++);
        query_put(m, "%s%s = ", i == 0 ? " by " : ", ", made[count].name);
        if (type !=
            KQL_DYNAMIC) /* of equal ones that differ as texts any is given: none are made */
            query_expr(m, type);
        else if (!query_put_column(m, type))
            query_put(m, "dynamic([1])");
        made[count++].type = type;
    }
    m->depth -= 2;
    memcpy(m->columns, made, count * sizeof *made);
    m->count = count;
    m->has_id = false;
    query_forget_decimals(m);
}

/* Levels are ranked by what is another one for each group: ids. */
static inline void
query_top(struct query_maker *m)
{
    static const struct {
        enum kql_type type;
        const char *others;
    } values[] = {
        {KQL_BOOL,     "bool(null)"          },
        {KQL_INT,      "int(999)"            },
        {KQL_LONG,     "77777"               },
        {KQL_STRING,   "'the rest'"          },
        {KQL_REAL,     "-77.5"               },
        {KQL_DATETIME, "datetime(1999-01-01)"},
        {KQL_TIMESPAN, "-77d"                },
        {KQL_DECIMAL,  "decimal(-77.5)"      },
    };
    static const char *const ranks[] = {"max(id)", "min(id)", "max(id) * 2.0", "-1 * max(id)"};
    struct query_column made[8];
    unsigned count = 0;

    if (!m->has_id || query_pick(m, 4) == 0) {
        query_put(m, " | top-hitters 100000 of ");
        memcpy(made, &m->columns[query_pick(m, m->count)], sizeof *made);
        if (made[0].type == KQL_DYNAMIC)
            snprintf(made[0].name, sizeof made[0].name, "%s", "k");
        query_put(m, "%s | count", made[0].name);
        snprintf(made[count].name, sizeof made[0].name, "Count");
        made[count++].type = KQL_LONG;
    } else {
        m->depth += 2;
        query_put(m, " | ");
        for (unsigned i = query_pick(m, 3) + 1; i > 0; i--) {
            unsigned v = query_pick(m, COUNT_OF(values));

            query_put(m, "%stop-nested ", count > 0 ? ", " : "");
            if (query_pick(m, 5) > 0)
                query_put(m, "%u ", query_pick(m, 9));
            snprintf(made[count].name, sizeof made[0].name, "g%u", m->made++);
            query_put(m, "of %s = ", made[count].name);
            query_expr(m, values[v].type);
            made[count++].type = values[v].type;
            if (query_pick(m, 2) == 0)
                query_put(m, " with others = %s", values[v].others);
            snprintf(made[count].name, sizeof made[0].name, "a%u", m->made++);
            query_put(m, " by %s = tolong(%s)%s", made[count].name, QUERY_ONE_OF(m, ranks),
                      query_pick(m, 3) == 0 ? " asc" : "");
            made[count++].type = KQL_LONG;
        }
        m->depth -= 2;
    }
    memcpy(m->columns, made, count * sizeof *made);
    m->count = count;
    m->has_id = false;
    query_forget_decimals(m);
}

static inline void
query_distinct(struct query_maker *m)
{
    struct query_column kept[3];
    unsigned count = 0, first = query_pick(m, m->count);

    for (unsigned i = 0; i < m->count && count < 3; i++)
        if (m->columns[(first + i) % m->count].type != KQL_DYNAMIC)
            kept[count++] = m->columns[(first + i) % m->count];
    if (count == 0)
        return;
    query_put(m, " | distinct ");
    for (unsigned i = 0; i < count; i++)
        query_put(m, "%s%s", i > 0 ? ", " : "", kept[i].name);
    memcpy(m->columns, kept, count * sizeof *kept);
    m->count = count;
    m->has_id = false;
    query_forget_decimals(m);
}

/* By a column of any type, and then by id, so that rows have one order. */
static inline void
query_order(struct query_maker *m)
{
    static const char *const orders[] = {"asc", "desc", "asc nulls last", "desc nulls first", ""};
    static const enum kql_type types[] = {KQL_LONG, KQL_LONG, KQL_REAL, KQL_STRING, KQL_DECIMAL};

    if (!m->has_id)
        return;
    query_put(m, " | sort by ");
    m->depth += 2;
    query_expr(m, types[query_pick(m, COUNT_OF(types))]);
    m->depth -= 2;
    query_put(m, " %s, id %s", QUERY_ONE_OF(m, orders), query_pick(m, 2) == 0 ? "asc" : "desc");
}

static inline void
query_take(struct query_maker *m)
{
    if (!m->has_id)
        return;
    if (query_pick(m, 2) == 0) {
        query_put(m, " | top %u by id %s", query_pick(m, 50), query_pick(m, 2) == 0 ? "asc" : "");
        return;
    }
    query_order(m);
    query_put(m, " | take %u", query_pick(m, 60));
}

/* Rows in one order, and what window functions make of it: a column, or a condition. */
static inline void
query_windows(struct query_maker *m)
{
    char name[24];

    if (!m->has_id)
        return;
    if (query_pick(m, 2) == 0)
        query_put(m, " | sort by id asc");
    else
        query_order(m);
    m->depth++;
    for (unsigned i = query_pick(m, 2) + 1; i > 0; i--) {
        unsigned w = query_pick(m, COUNT_OF(query_forms_window));

        if (query_pick(m, 5) == 0) {
            query_put(m, " | where ");
            query_form(m, QUERY_ONE_OF(m, query_forms_window_bool));
            continue;
        }
        snprintf(name, sizeof name, "n%u", m->made++);
        query_put(m, " | extend %s = ", name);
        query_form(m, query_forms_window[w].form);
        query_add_column(m, name, query_forms_window[w].type);
    }
    m->depth--;
}

static inline void
query_join(struct query_maker *m)
{
    static const char *const kinds[] = {"inner",    "leftouter", "rightouter", "fullouter",
                                        "leftsemi", "leftanti",  "rightanti",  "rightsemi"};
    unsigned kind =
        query_pick(m, COUNT_OF(kinds)); /* those of the right side's rows: not for each */
    bool has_k = false;
    unsigned before = m->count;

    if (m->in_sub && kinds[kind][0] != 'l') /* not all of the right side's rows for each run */
        kind = 0;
    for (unsigned i = 0; i < m->count; i++) {
        has_k = has_k || (strcmp(m->columns[i].name, "k") == 0 && m->columns[i].type == KQL_LONG);
        if (strcmp(m->columns[i].name, "rid") == 0) /* joined before */
            return;
    }
    if (!has_k)
        return;
    if (query_pick(m, 4) == 0) {
        query_put(m, " | lookup kind=%s (Right | summarize rid = max(id), rs = max(s2) by k) on k",
                  query_pick(m, 2) == 0 ? "inner" : "leftouter");
    } else if (query_pick(m, 2) == 0) {
        query_put(m, " | join kind=%s (Right | project rid = id, k, rs = s2, rt = t) on k",
                  kinds[kind]);
        m->has_id = m->has_id && kind >= 4 && kind < 6;
    } else if (query_pick(m, 3) == 0) {
        query_put(m, " | join kind=%s (Right | project rid = id, c2 = c, rs = s2) on $left.",
                  kinds[kind]);
        if (!query_put_column(m, KQL_DECIMAL)) /* what there is not is an error on both sides */
            query_put(m, "c");
        query_put(m, " == $right.c2");
        m->has_id = m->has_id && kind >= 4 && kind < 6;
    } else {
        query_put(
            m,
            " | join kind=%s (Right | where k %% 2 == 0 | project rid = id, k2 = k, rs = s2) on "
            "$left.k == $right.k2",
            kinds[kind]);
        m->has_id = m->has_id && kind >= 4 && kind < 6;
    }
    if (kind >= 6) { /* only the right side's columns; or those of a lookup: known columns only */
        m->count = 0;
        query_put(m, " | project rid = column_ifexists('rid', 0), rs = column_ifexists('rs', '')");
    } else if (kind >= 4) {
        m->count = before;
        query_put(m, " | extend rid = column_ifexists('rid', 0), rs = column_ifexists('rs', '')");
    }
    query_add_column(m, "rid", KQL_LONG);
    query_add_column(m, "rs", KQL_STRING);
    m->has_id = m->has_id && kind < 6;
}

static inline void
query_union(struct query_maker *m)
{
    unsigned kept = 0;

    query_put(m, " | union (Right | where k > %u | project k, s = s2, t)", query_pick(m, 20));
    m->has_id = false;
    for (unsigned i = 0; i < m->count;
         i++) /* what has one type on both sides, or is of one alone */
        if ((strcmp(m->columns[i].name, "k") != 0 || m->columns[i].type == KQL_LONG) &&
            (strcmp(m->columns[i].name, "s") != 0 || m->columns[i].type == KQL_STRING) &&
            (strcmp(m->columns[i].name, "t") != 0 || m->columns[i].type == KQL_DATETIME))
            m->columns[kept++] = m->columns[i];
    m->count = kept;
    if (m->count == 0)
        query_add_column(m, "k", KQL_LONG);
}

/* One dynamic column, or two side by side; as it is, or to a type; of rows that are ordered the first items. */
static inline void
query_expand(struct query_maker *m)
{
    static const enum kql_type types[] = {KQL_BOOL,     KQL_INT,    KQL_LONG, KQL_REAL,
                                          KQL_DECIMAL,  KQL_STRING, KQL_GUID, KQL_DATETIME,
                                          KQL_TIMESPAN, KQL_DYNAMIC};
    unsigned first = query_pick(m, m->count), count = query_pick(m, 3) == 0 ? 2 : 1, put = 0;
    bool is_ordered = m->has_id && query_pick(m, 3) == 0;
    char index[24] = "";

    for (unsigned i = 0; i < m->count && put < count; i++) {
        struct query_column *c = &m->columns[(first + i) % m->count];

        if (c->type != KQL_DYNAMIC)
            continue;
        if (put == 0) {
            query_put(m, "%s", is_ordered ? " | sort by id desc" : "");
            query_put(m, " | mv-expand %s", query_pick(m, 4) == 0 ? "kind=array " : "");
            if (query_pick(m, 3) == 0) {
                snprintf(index, sizeof index, "e%u", m->made++);
                query_put(m, "with_itemindex=%s ", index);
            }
        }
        query_put(m, "%s%s", put++ > 0 ? ", " : "", c->name);
        if (query_pick(m, 2) == 0) {
            c->type = QUERY_ONE_OF(m, types);
            query_put(m, " to typeof(%s)", kql_type_name(c->type));
        }
    }
    if (put == 0)
        return;
    if (query_pick(m, 4) == 0)
        query_put(m, " limit %u", query_pick(m, 4));
    if (index[0] != '\0')
        query_add_column(m, index, KQL_LONG);
    if (is_ordered && query_pick(m, 2) == 0) /* a row's items stay as they were */
        query_put(m, " | take %u", query_pick(m, 60));
    m->has_id = false;
}

/* A string column into new ones. In a pattern @ stands for the next column, with its type. */
static inline void
query_parse(struct query_maker *m)
{
    static const struct {
        const char *operator, * pattern;
        enum kql_type types[2];
    } forms[] = {
        {"parse %s with ",                    "@ ' ' @",             {KQL_STRING, KQL_STRING}  },
        {"parse %s with ",                    "* 'a' @ *",           {KQL_LONG}                },
        {"parse %s with ",                    "@ '.' @",             {KQL_LONG, KQL_INT}       },
        {"parse %s with ",                    "@ '-' @",             {KQL_STRING, KQL_REAL}    },
        {"parse %s with ",                    "@ 'T' *",             {KQL_DATETIME}            },
        {"parse %s with ",                    "@",                   {KQL_REAL}                },
        {"parse kind=relaxed %s with ",       "@ 'b' @",             {KQL_TIMESPAN, KQL_STRING}},
        {"parse kind=relaxed %s with ",       "* ':' @ ',' @",       {KQL_DECIMAL, KQL_DYNAMIC}},
        {"parse kind=regex %s with ",         "'[a-c]+' @ '[ .]' @", {KQL_STRING, KQL_STRING}  },
        {"parse kind=regex flags=i %s with ", "@ 'B' @",             {KQL_STRING, KQL_STRING}  },
        {"parse-where %s with ",              "@ 'b' @",             {KQL_STRING, KQL_STRING}  },
        {"parse-where %s with ",              "@",                   {KQL_GUID}                },
        {"parse-where kind=relaxed %s with ", "* 'a' @",             {KQL_BOOL}                },
        {"parse-kv %s as ",
         "(@, @) with (pair_delimiter=',', kv_delimiter=':')",       {KQL_LONG, KQL_STRING}    },
        {"parse-kv %s as ",                   "(@, @)",              {KQL_STRING, KQL_BOOL}    },
    };
    unsigned form = query_pick(m, COUNT_OF(forms)), next = 0;
    unsigned first = query_pick(m, m->count), i = 0;
    char name[24];

    while (i < m->count && m->columns[(first + i) % m->count].type != KQL_STRING)
        i++;
    if (i == m->count)
        return;
    query_put(m, " | ");
    for (const char *at = forms[form].operator; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 's')
            query_put(m, "%s", m->columns[(first + i) % m->count].name), at++;
        else
            query_put(m, "%c", *at);
    }
    for (const char *at = forms[form].pattern; *at != '\0'; at++) {
        if (*at != '@') {
            query_put(m, "%c", *at);
            continue;
        }
        snprintf(name, sizeof name, "v%u", m->made++);
        query_put(m, "%s: %s", name, kql_type_name(forms[form].types[next]));
        query_add_column(m, name, forms[form].types[next++]);
    }
}

static inline bool
query_has_column(const struct query_maker *m, const char *name)
{
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->columns[i].name, name) == 0)
            return true;
    return false;
}

/* By what is unique in each run. */
static inline void
query_take_item(struct query_maker *m)
{
    if (m->index[0] == '\0' || !query_has_column(m, m->index))
        return;
    if (query_pick(m, 2) == 0) {
        query_put(m, " | top %u by %s %s", query_pick(m, 3), m->index,
                  query_pick(m, 2) == 0 ? "asc" : "");
        return;
    }
    query_put(m, " | sort by ");
    m->depth += 2;
    query_expr(m, query_pick(m, 2) == 0 ? KQL_LONG : KQL_STRING);
    m->depth -= 2;
    query_put(m, ", %s asc | take %u", m->index, query_pick(m, 3));
}

/* What a sub-query does: nothing that hangs on more than the rows of its run. */
static inline void
query_sub(struct query_maker *m)
{
    query_put(m, "%s", query_pick(m, 2) == 0 ? "serialize" : "where true");
    m->in_sub = true;
    for (unsigned i = query_pick(m, 3) + 1; i > 0; i--)
        switch (query_pick(m, 8)) {
        case 0:
        case 1:
            query_where(m);
            break;
        case 2:
            query_extend(m);
            break;
        case 3:
            query_project(m);
            break;
        case 4:
            query_summarize(m);
            break;
        case 5:
            query_pick(m, 3) == 0 ? query_distinct(m) : query_join(m);
            m->index[0] = '\0';
            break;
        case 6:
            query_pick(m, 2) == 0 ? query_expand(m) : query_parse(m);
            m->index[0] = '\0';
            break;
        default:
            query_take_item(m);
            query_take(m);
            break;
        }
    m->in_sub = false;
    m->index[0] = '\0';
}

/* The columns of the input that the sub-query does not give stay. */
static inline void
query_apply(struct query_maker *m)
{
    struct query_column before[QUERY_COLUMNS_MAX], *c;
    unsigned count = m->count, at = query_pick(m, m->count);
    bool in_place = query_pick(m, 3) == 0;
    char name[24], index[24] = "";

    for (unsigned i = 0; i < count && m->columns[at].type != KQL_DYNAMIC; i++)
        at = (at + 1) % count;
    if (m->columns[at].type != KQL_DYNAMIC || count + 8 > QUERY_COLUMNS_MAX)
        return;
    memcpy(before, m->columns, sizeof before);
    query_put(m, " | mv-apply ");
    if (query_pick(m, 2) == 0) {
        snprintf(index, sizeof index, "e%u", m->made++);
        query_put(m, "with_itemindex=%s ", index);
    }
    snprintf(name, sizeof name, "y%u", m->made++);
    query_put(m, in_place ? "%.0s%s" : "%s = %s", name, m->columns[at].name);
    if (in_place)
        before[at].name[0] = '\0';
    else
        query_add_column(m, name, KQL_DYNAMIC);
    c = &m->columns[in_place ? at : m->count - 1];
    if (query_pick(m, 2) == 0) {
        c->type = query_pick(m, 2) == 0 ? KQL_LONG : KQL_STRING;
        query_put(m, " to typeof(%s)", kql_type_name(c->type));
    }
    if (query_pick(m, 6) == 0)
        query_put(m, " limit %u", query_pick(m, 4));
    if (index[0] != '\0')
        query_add_column(m, index, KQL_LONG);
    memcpy(m->index, index, sizeof m->index);
    m->has_id = false;
    query_put(m, " on (");
    query_sub(m);
    query_put(m, ")");
    for (unsigned i = 0; i < count; i++)
        if (before[i].name[0] != '\0' && !query_has_column(m, before[i].name))
            query_add_column(m, before[i].name, before[i].type);
}

static inline void
query_partition(struct query_maker *m)
{
    unsigned first = query_pick(m, m->count);

    for (unsigned i = 0; i < m->count; i++) {
        const struct query_column *c = &m->columns[(first + i) % m->count];

        if (c->type == KQL_DYNAMIC || (strcmp(c->name, "id") == 0 && query_pick(m, 4) > 0))
            continue;
        query_put(m, " | partition by %s (", c->name);
        query_sub(m);
        query_put(m, ")");
        return;
    }
}

static inline void
query_operator(struct query_maker *m)
{
    switch (query_pick(m, 21)) {
    case 0:
    case 1:
    case 2:
    case 3:
        query_where(m);
        break;
    case 4:
    case 5:
    case 6:
        query_extend(m);
        break;
    case 7:
        query_project(m);
        break;
    case 8:
    case 9:
        query_summarize(m);
        break;
    case 10:
        query_distinct(m);
        break;
    case 11:
        query_take(m);
        break;
    case 12:
        query_join(m);
        break;
    case 13:
        query_union(m);
        break;
    case 14:
        query_order(m);
        break;
    case 15:
        query_expand(m);
        break;
    case 16:
        query_parse(m);
        break;
    case 17:
        query_series(m);
        break;
    case 18:
        query_pick(m, 2) == 0 ? query_partition(m) : query_apply(m);
        break;
    case 19:
        query_top(m);
        break;
    default:
        query_windows(m);
        break;
    }
}

/* The next query, over what the columns of Left are. */
static inline const char *
query_make(struct query_maker *m, const struct query_column *left, unsigned left_count)
{
    m->n = 0;
    m->made = 0;
    m->depth = 0;
    m->count = left_count;
    memcpy(m->columns, left, left_count * sizeof *left);
    m->has_id = true;
    if (query_pick(m, 12) == 0)
        query_put(m, "let L = materialize(Left | where id %% 3 == 0); L");
    else
        query_put(m, "Left");
    for (unsigned i = query_pick(m, 5) + 1; i > 0; i--)
        query_operator(m);
    if (query_pick(m, 20) == 0)
        query_put(m, " | count");
    return m->text;
}
