/* posture_alerts.c - what is done to alerts beside putting and reading them: their status, and samples on
 * demand. */
#include "api/posture_routes.h"
#include "posture/alert.h"
#include <strings.h>
#include <sys/random.h>

static void
status_set(struct arm_call *a, enum alert_status status, struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    const char *slash = strrchr(a->id, '/'); /* in front of the verb */
    struct span id = {a->id, (size_t)(slash - a->id)};
    struct err err;

    if (p == NULL)
        return;
    switch (posture_alert_set_status(p, a->base.tenant, a->base.who.name, id, status, &err)) {
    case ST_OK:
        reply->status = 204;
        break;
    case ST_END:
        a->id[id.n] = '\0';
        posture_reply_absent(reply, a->id);
        break;
    case ST_INVALID:
        arm_error(reply, 400, "InvalidAlert", NULL, NULL, "%s", err.text);
        break;
    case ST_FULL:
    case ST_IO:
        arm_error_status(reply, ST_FULL, &err);
    }
}

void
alert_answer_activate(struct arm_call *a, struct http_reply *reply)
{
    status_set(a, ALERT_ACTIVE, reply);
}

void
alert_answer_dismiss(struct arm_call *a, struct http_reply *reply)
{
    status_set(a, ALERT_DISMISSED, reply);
}

void
alert_answer_resolve(struct arm_call *a, struct http_reply *reply)
{
    status_set(a, ALERT_RESOLVED, reply);
}

void
alert_answer_in_progress(struct arm_call *a, struct http_reply *reply)
{
    status_set(a, ALERT_IN_PROGRESS, reply);
}

/* ---- samples ---- */

static bool
bundle_add(const json_t *name, size_t index, uint32_t *bundles, struct http_reply *reply)
{
    const char *text = json_string_value(name);
    char known[300] = "", target[60];
    size_t n = 0;

    for (size_t i = 0; alert_bundles[i] != NULL; i++) {
        if (text != NULL && strcasecmp(text, alert_bundles[i]) == 0) {
            *bundles |= UINT32_C(1) << i;
            return true;
        }
        if (n < sizeof known)
            n += (size_t)snprintf(known + n, sizeof known - n, "%s%s", i == 0 ? "" : ", ",
                                  alert_bundles[i]);
    }
    snprintf(target, sizeof target, "properties.bundles[%zu]", index);
    arm_error(reply, 400, "InvalidSimulation", target, NULL, "A bundle must be one of %s.", known);
    return false;
}

/* The bits of the bundles asked for, all of them if none is named. False: answered. */
static bool
bundles_read(const json_t *body, uint32_t *bundles, struct http_reply *reply)
{
    const json_t *properties = json_object_get(body, "properties");
    const json_t *kind = json_object_get(properties, "kind");
    const json_t *list = json_object_get(properties, "bundles"), *name;
    size_t i;

    *bundles = 0;
    if (properties != NULL && !json_is_object(properties)) {
        arm_error(reply, 400, "InvalidSimulation", "properties", NULL, "It must be an object.");
        return false;
    }
    if (kind != NULL &&
        (!json_is_string(kind) || strcasecmp(json_string_value(kind), "Bundles") != 0)) {
        arm_error(reply, 400, "InvalidSimulation", "properties.kind", NULL,
                  "The kind of a simulation is Bundles.");
        return false;
    }
    if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
        arm_error(reply, 400, "InvalidSimulation", "properties.bundles", NULL,
                  "It must be an array of names.");
        return false;
    }
    json_array_foreach(list, i, name) if (!bundle_add(name, i, bundles, reply)) return false;
    if (*bundles == 0)
        *bundles = (UINT32_C(1) << ALERT_BUNDLES) - 1;
    return true;
}

void
alert_answer_simulate(struct arm_call *a, struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    json_t *body = p == NULL ? NULL : arm_body(a, reply);
    char count[24];
    uint32_t bundles;
    uint64_t salt = 0;
    size_t made;
    struct err err;

    if (body == NULL)
        return;
    if (bundles_read(body, &bundles, reply)) {
        if (getrandom(&salt, sizeof salt, 0) != (ssize_t)sizeof salt)
            salt = (uint64_t)call_now(&a->base);
        switch (posture_alert_simulate(p, a->base.tenant, a->base.who.name,
                                       span_of(a->subscription), span_of(a->arguments[0]), bundles,
                                       salt, call_now(&a->base), &made, &err)) {
        case ST_OK:
            posture_group_seen(a, SPAN_LITERAL("Sample-RG")); /* where the samples are */
            snprintf(count, sizeof count, "%zu", made);
            call_header(reply, "x-penstock-alerts", count);
            reply->status = 204; /* the samples are there: nothing to wait for */
            break;
        case ST_INVALID:
        case ST_END:
            arm_error(reply, 400, "InvalidSimulation", NULL, NULL, "%s", err.text);
            break;
        case ST_FULL:
        case ST_IO:
            arm_error_status(reply, ST_FULL, &err);
        }
    }
    json_decref(body);
}
