/* defender_functions.h - the table that script/generate-functions makes of data/functions. */
#pragma once

struct kql_defender_text {
    const char *name, *hunting, *workspace; /* the text by the tables' shape */
};

extern const struct kql_defender_text kql_defender_texts[]; /* ends with a name of NULL */
