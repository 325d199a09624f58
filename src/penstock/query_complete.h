/* query_complete.h - how a word of a query may go on: tables, columns of the tables that the text names, operators and
 * functions. Pure; any thread. */
#pragma once
#include "model/catalog.h"
#include "penstock/query_options.h"

enum { QUERY_COMPLETE_MAX = 4000 };

struct query_completion {
    size_t word; /* bytes at the text's end that the names stand for */
    const char *names
        [QUERY_COMPLETE_MAX]; /* sorted, each once; lent from constant tables and the catalog */
    size_t count;
    size_t common; /* bytes that all of them begin with, as names[0] writes them */
};

/* 'text': the query up to the cursor. */
void query_complete(const struct catalog *catalog, enum query_shape shape, struct span text,
                    struct query_completion *out);
