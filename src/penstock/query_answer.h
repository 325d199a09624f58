/* query_answer.h - what Log Analytics' query API answers, read back into values: ticks, 64-bit integers and decimals
 * stay exact. Pure; lives in the pool given. */
#pragma once
#include "penstock/chart.h"

struct query_answer {
    struct kql_answers answers;
    struct chart_spec *charts; /* one for each answer; the first has what 'render' said */
    struct span partial;       /* why rows are missing; empty: none are */
    struct span explanation;
    struct kql_diagnostics
        diagnostics;   /* warnings; or, of an error, what is wrong with the query */
    struct span error; /* of an error that is not about a place in the query; empty: none */
};

/* 'body': the answer's JSON, which must outlive it; 'query': the text that was asked. False: err; it is no such
 * answer. */
MUST_CHECK bool query_answer_read(struct pool *p, struct span body, struct span query,
                                  struct query_answer *out, struct err *err);
/* The same of an error's body (HTTP 400 and above): diagnostics and error are filled in. */
void query_answer_read_error(struct pool *p, struct span body, struct span query,
                             struct query_answer *out);
