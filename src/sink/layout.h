/* layout.h - the names that a storage account gives to a lane's objects, in a folder and in Azure
 * alike (streaming-api.md section 3). Pure. Private to the folder sink/.
 *
 *   insights-logs-<category>/tenantId=<guid>/y=2026/m=09/d=14/h=08/m=00/PT1H.json, PT1H_1.json,
 * ... */
#pragma once
#include "sink/sink.h"

enum {
    LAYOUT_NAME_MAX = 256,      /* bytes of a whole name, its NUL included */
    LAYOUT_APPENDS_MAX = 50000, /* appends that Azure takes for one append blob */
    LAYOUT_OBJECTS_MAX = 10000, /* objects of one lane; beyond, ST_FULL */
};
/* 50,000 appends of 4 MiB: what one append blob can hold, and where a folder rolls over too. */
#define LAYOUT_OBJECT_SIZE_MAX (UINT64_C(50000) * 4 * 1024 * 1024)

/* Azure holds container names to 3-63 lower-case letters, digits and single hyphens; a folder does
 * not. An '_' of a category becomes '-' in Azure. */
enum layout_rules { LAYOUT_FOLDER, LAYOUT_AZURE };

/* What a category's container or hub is called: "insights-logs-" and the category in lower case.
 * ST_INVALID: it cannot be one. */
MUST_CHECK enum status layout_container(const char *category, enum layout_rules rules,
                                        char out[128], struct err *err);

/* The name of the lane's object number 'index' (0: PT1H.json). ST_INVALID: the tenant, category or
 * hour is not one that can become a name. */
MUST_CHECK enum status layout_name(const struct lane *lane, enum layout_rules rules, unsigned index,
                                   char name[LAYOUT_NAME_MAX], struct err *err);

/* Whether 'name' is one that layout_name gives for the lane; anything else (a damaged ledger, '..')
 * is ST_INVALID. */
MUST_CHECK enum status layout_check(const struct lane *lane, enum layout_rules rules,
                                    const char *name, struct err *err);
