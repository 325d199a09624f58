/* bind_bed.h - what the binder's tests stand on: a table T with a column of every type, and a query
 * bound to one line of text: its columns, or its complaints with the text that each is about. */
#pragma once
#include "base/test.h"
#include "kql/bind.h"

static const struct kql_column bed_columns[] = {
    {{"b", 1}, KQL_BOOL    },
    {{"i", 1}, KQL_INT     },
    {{"l", 1}, KQL_LONG    },
    {{"r", 1}, KQL_REAL    },
    {{"e", 1}, KQL_DECIMAL },
    {{"s", 1}, KQL_STRING  },
    {{"t", 1}, KQL_DATETIME},
    {{"p", 1}, KQL_TIMESPAN},
    {{"g", 1}, KQL_GUID    },
    {{"d", 1}, KQL_DYNAMIC },
};

static inline bool
bed_table(void *context, struct span name, struct kql_table *out)
{
    (void)context;
    *out = (struct kql_table){
        .name = SPAN_LITERAL("T"), .schema = {bed_columns, COUNT_OF(bed_columns), false}
    };
    return span_is(name, "T");
}

static inline bool
bed_table_at(void *context, size_t index, struct kql_table *out)
{
    return index == 0 && bed_table(context, SPAN_LITERAL("T"), out);
}

static const struct kql_environment bed_environment = {
    .table = bed_table, .table_at = bed_table_at, .now = INT64_C(638000000000000000)};

static inline struct span
bed_add(struct pool *p, struct span line, size_t *room, struct span more)
{
    char *text =
        pool_grow(p, *room == 0 ? NULL : (char *)(uintptr_t)line.p, room, line.n + more.n + 1, 1);

    memcpy(text + line.n, more.p, more.n);
    return (struct span){text, line.n + more.n};
}

/* "a:long b:string", or "!KQL105 s < s !KQL102 nme". Lives in the pool. */
static inline struct span
bed_bind(struct pool *p, const char *query, const struct kql_environment *environment)
{
    struct kql_diagnostics d;
    struct kql_bound bound;
    struct span text = span_of(query), line = {"", 0};
    size_t room = 0;
    bool is_bound;

    kql_diagnostics_init(&d, p, text);
    is_bound = kql_bind(p, text, environment, &d, &bound);
    if (is_bound != (d.error_count == 0))
        return SPAN_LITERAL("kql_bind and its diagnostics disagree");
    for (uint32_t i = 0; !is_bound && i < d.count; i++)
        line =
            bed_add(p, line, &room,
                    pool_printf(p, "%s!%s %.*s", i > 0 ? " " : "", kql_code_name(d.items[i].code),
                                (int)d.items[i].size, query + d.items[i].at));
    for (uint32_t i = 0; is_bound && i < bound.plan->schema.count; i++) {
        const struct kql_column *c = &bound.plan->schema.columns[i];

        line = bed_add(p, line, &room,
                       pool_printf(p, "%s%.*s:%s", i > 0 ? " " : "", (int)c->name.n, c->name.p,
                                   kql_type_name(c->type)));
    }
    return line;
}

/* Runs a row of a test: true when the query binds to that line. '*seen' lives in the pool. */
static inline bool
bed_check(struct pool *p, const char *query, const char *expected,
          const struct kql_environment *environment, struct span *seen)
{
    jmp_buf escape;

    pool_reset(p);
    p->escape = &escape;
    if (setjmp(escape) != 0) {
        *seen = SPAN_LITERAL("the pool is spent");
        return false;
    }
    *seen = bed_bind(p, query, environment);
    return span_is(*seen, expected);
}

struct bed_case {
    const char *query, *line; /* as bed_bind gives it */
};

static inline void
bed_check_all(struct pool *p, const struct bed_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct span seen;
        bool is_same = bed_check(p, cases[i].query, cases[i].line, &bed_environment, &seen);

        CHECK(is_same, "%s\n    gives    %.*s\n    and not  %s", cases[i].query, (int)seen.n,
              seen.p, cases[i].line);
    }
}
