/* alert_text.h - an alert's two forms, member by member (continuous-export.md section 2.3). Pure; any
 * thread. Private to this folder.
 *
 *   kept, REST     {"alertDisplayName":..., "timeGeneratedUtc":..., "status":"Active", ...}
 *   delivered      {"AlertDisplayName":..., "TimeGenerated":..., "Status":"New", ...}
 *
 * Values keep their bytes, but the member names in entities, links and resource identifiers, whose first
 * letter follows the form. Those in ExtendedProperties are the detection's own and stay. */
#pragma once
#include "posture/json_text.h"

/* What a text without such members gets. */
struct alert_defaults {
    struct span subscription; /* GUID */
    struct span name;         /* last segment of the id */
    struct span scope;        /* id before "/providers/Microsoft.Security" */
    int64_t now;              /* ticks */
};

/* Whether it is the delivered form: no "properties", but a "Severity" or "AlertType". */
bool alert_is_flat(struct span body);
/* The members of "properties" as they are kept, with braces, from either form. */
void alert_keep(struct span body, const struct alert_defaults *d, struct text *out);
/* The delivered document from what is kept. */
void alert_deliver(struct span properties, struct text *out);
/* "properties" of the REST resource from what is kept. */
void alert_show(struct span properties, struct text *out);
/* 'properties' with another status. */
void alert_with_status(struct span properties, const char *status, struct text *out);
/* Id of the resource that the alert is about; decoded into 'out', empty if there is none. */
void alert_resource(struct span properties, struct text *out);
