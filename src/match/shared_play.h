/* shared_play.h - for tests: files that lie beside the project where there are any. Without them a
 * test says "skipped" and goes by its own cases. */
#pragma once
#include "wire/json.h"
#include <stdio.h>
#include <stdlib.h>

/* From PENSTOCK_SHARED or ../shared; NULL: it is not there. */
static inline json_t *
shared_example(const char *name)
{
    const char *root = getenv("PENSTOCK_SHARED");
    char path[512];

    snprintf(path, sizeof path, "%s/contracts/examples/continuous-export/%s",
             root != NULL ? root : "../shared", name);
    return json_load_file(path, JSON_DECODE_ANY, NULL);
}

/* The file's text, to be freed; NULL: it is not there. */
static inline char *
shared_text(const char *name)
{
    const char *root = getenv("PENSTOCK_SHARED");
    char path[512], *text = NULL;
    size_t size = 0;
    FILE *f;

    snprintf(path, sizeof path, "%s/contracts/examples/continuous-export/%s",
             root != NULL ? root : "../shared", name);
    f = fopen(path, "r");
    if (f == NULL || getdelim(&text, &size, '\0', f) < 0) {
        free(text);
        text = NULL;
    }
    if (f != NULL)
        fclose(f);
    return text;
}
