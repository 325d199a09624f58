/* query_show.h - answers for whoever asked: as a chart where the query wants one and the format is
 * QUERY_CHART, else as query_print has it. Says what is wrong on standard error; exit codes. One thread. */
#pragma once
#include "penstock/chart.h"
#include "penstock/query_print.h"

/* Standard output. 'charts': what each answer is drawn as (.kind empty: a table); NULL: by the answers' own
 * render. */
int query_show(enum query_format format, const struct kql_answers *answers,
               const struct chart_spec *charts);
/* Flushes standard output; exit code. */
int query_end_output(void);
