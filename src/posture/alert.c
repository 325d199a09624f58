/* alert.c - alerts as resources: what they must say, what becomes of them, and their status.
 *
 * Whatever changes an alert is sent, its status too: who keeps tickets must learn that one is closed, and who wants
 * only new ones has the rule "Status Equals New". What a suppression rule covers is kept as Dismissed and not
 * sent, as long as nobody makes it active again. */
#include "posture/alert.h"
#include "posture/alert_text.h"
#include "posture/posture_inner.h"
#include "posture/suppression.h"

const char *const alert_status_names[] = {"Active", "InProgress", "Resolved", "Dismissed", NULL};

enum { CODE_SUPPRESSED = 5 }; /* of posture_resource.code; below: alert_status + 1 */

static const char *const severities[] = {"Informational", "Low", "Medium", "High", NULL};
static const char *const flat_statuses[] = {"New",      "Active",    "InProgress",
                                            "Resolved", "Dismissed", NULL};

static const struct posture_field rest_fields[] = {
    {"properties",                      FIELD_OBJECT,  true,  NULL,               0   },
    {"properties.alertType",            FIELD_STRING,  true,  NULL,               512 },
    {"properties.alertDisplayName",     FIELD_STRING,  true,  NULL,               2048},
    {"properties.severity",             FIELD_ENUM,    true,  severities,         0   },
    {"properties.status",               FIELD_ENUM,    false, alert_status_names, 0   },
    {"properties.systemAlertId",        FIELD_STRING,  false, NULL,               512 },
    {"properties.description",          FIELD_STRING,  false, NULL,               0   },
    {"properties.intent",               FIELD_STRING,  false, NULL,               1024},
    {"properties.startTimeUtc",         FIELD_DATE,    false, NULL,               0   },
    {"properties.endTimeUtc",           FIELD_DATE,    false, NULL,               0   },
    {"properties.timeGeneratedUtc",     FIELD_DATE,    false, NULL,               0   },
    {"properties.processingEndTimeUtc", FIELD_DATE,    false, NULL,               0   },
    {"properties.isIncident",           FIELD_BOOLEAN, false, NULL,               0   },
    {"properties.remediationSteps",     FIELD_STRINGS, false, NULL,               0   },
    {"properties.extendedProperties",   FIELD_OBJECT,  false, NULL,               0   },
    {NULL,                              FIELD_STRING,  false, NULL,               0   },
};
static const struct posture_field flat_fields[] = {
    {"AlertType",          FIELD_STRING,  true,  NULL,          512 },
    {"AlertDisplayName",   FIELD_STRING,  true,  NULL,          2048},
    {"Severity",           FIELD_ENUM,    true,  severities,    0   },
    {"Status",             FIELD_ENUM,    false, flat_statuses, 0   },
    {"SystemAlertId",      FIELD_STRING,  false, NULL,          512 },
    {"Description",        FIELD_STRING,  false, NULL,          0   },
    {"Intent",             FIELD_STRING,  false, NULL,          1024},
    {"StartTimeUtc",       FIELD_DATE,    false, NULL,          0   },
    {"EndTimeUtc",         FIELD_DATE,    false, NULL,          0   },
    {"TimeGenerated",      FIELD_DATE,    false, NULL,          0   },
    {"ProcessingEndTime",  FIELD_DATE,    false, NULL,          0   },
    {"IsIncident",         FIELD_BOOLEAN, false, NULL,          0   },
    {"RemediationSteps",   FIELD_STRINGS, false, NULL,          0   },
    {"ExtendedProperties", FIELD_OBJECT,  false, NULL,          0   },
    {NULL,                 FIELD_STRING,  false, NULL,          0   },
};

static bool
alert_check(struct posture_change *c)
{
    bool is_flat = alert_is_flat(c->body);
    struct span system_id =
        json_at(c->body, is_flat ? "SystemAlertId" : "properties.systemAlertId");
    struct span name = c->path.pairs[c->path.pair_count - 1].name;
    struct text chars = {0};
    bool is_same;

    if (!posture_fields_check(c, is_flat ? flat_fields : rest_fields))
        return false;
    if (!json_text_is_string(system_id))
        return true;
    text_decode(&chars, system_id);
    is_same = arm_path_equal(text_span(&chars), name);
    text_free(&chars);
    return is_same ||
           posture_refuse(c, is_flat ? "SystemAlertId" : "properties.systemAlertId",
                          "the alert's id ends in '%.*s': give its SystemAlertId there, or none",
                          name.n > 100 ? 100 : (int)name.n, name.p);
}

static enum status
alert_make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    struct alert_defaults d = {
        .subscription = c->path.subscription,
        .name = c->path.pairs[c->path.pair_count - 1].name,
        .scope = c->path.scope,
        .now = t->now,
    };
    struct text kept = {0};
    bool is_suppressed = false;
    enum status st = ST_OK;

    alert_keep(c->body, &d, &kept);
    if (c->old == NULL)
        st = suppression_covers(t, c->path.subscription_id, text_span(&kept), &is_suppressed, err);
    c->code = json_string_among(json_at(text_span(&kept), "status"), alert_status_names) + 1;
    text_puts(&c->document, "{\"properties\":");
    if (is_suppressed)
        alert_with_status(text_span(&kept), "Dismissed", &c->document);
    else
        text_add(&c->document, text_span(&kept));
    text_puts(&c->document, "}");
    if (is_suppressed)
        c->code = CODE_SUPPRESSED;
    if (st == ST_OK && (kept.is_short || c->document.is_short))
        st = err_set(err, ST_FULL, "no memory for an alert");
    text_free(&kept);
    return st;
}

static enum status
alert_changed(struct posture_txn *t, const struct posture_resource *old,
              const struct posture_resource *now, struct err *err)
{
    (void)old;
    if (now == NULL || now->code == CODE_SUPPRESSED) /* one that is gone says nothing */
        return ST_OK;
    return posture_emit_resource(t, EVENT_ALERTS, now, "Insert", err);
}

/* The scope is that of the resource it is about, if that is of the same subscription. */
static enum status
alert_event(const struct posture_event_maker *m, const struct posture_resource *r,
            struct text *document, struct text *scope, struct err *err)
{
    struct span properties = json_at(r->document, "properties");
    struct text about = {0}, own = {0};

    (void)m;
    (void)err;
    alert_deliver(properties, document);
    alert_resource(properties, &about);
    posture_event_scope(r->id, &own);
    posture_event_scope(text_span(&about), scope);
    if (!arm_path_is_below(text_span(scope), (struct span){own.p, own.n < 51 ? own.n : 51})) {
        text_reset(scope);
        text_add(scope, text_span(&own));
    }
    text_free(&about);
    text_free(&own);
    return ST_OK;
}

static enum status
alert_show_members(const struct posture_event_maker *m, const struct posture_resource *r,
                   bool expand, struct text *out, struct err *err)
{
    (void)m, (void)expand, (void)err;
    text_puts(out, "\"properties\":");
    alert_show(json_at(r->document, "properties"), out);
    return ST_OK;
}

const struct posture_kind posture_kind_alert = {
    .number = KIND_ALERT,
    .type = "locations/alerts",
    .type_also = "alerts",
    .list = "alerts",
    .refusal = "InvalidAlert",
    .source = EVENT_ALERTS,
    .scope = SCOPE_SUBSCRIPTION_OR_BELOW,
    .check = alert_check,
    .make = alert_make,
    .changed = alert_changed,
    .event = alert_event,
    .show = alert_show_members,
};

/* ---- status ---- */

static enum status
set_status(struct posture_txn *t, struct span id, enum alert_status status, struct err *err)
{
    struct posture_resource r = {0};
    struct text body = {0};
    enum posture_outcome outcome;
    enum status st = posture_find(t->p, t->db, t->tenant, id, &r, err);

    if (st == ST_OK && r.kind->number != KIND_ALERT)
        st = err_set(err, ST_END, "that id is no alert's");
    if (st == ST_OK) {
        text_puts(&body, "{\"properties\":");
        alert_with_status(json_at(r.document, "properties"), alert_status_names[status], &body);
        text_puts(&body, "}");
        st = body.is_short ? err_set(err, ST_FULL, "no memory for an alert")
                           : posture_put_computed(t, r.id, text_span(&body), &outcome, err);
    }
    text_free(&body);
    posture_resource_free(&r);
    return st;
}

enum status
posture_alert_set_status(struct posture *p, const char *tenant, const char *actor, struct span id,
                         enum alert_status status, struct err *err)
{
    struct posture_txn t;
    enum status st = posture_begin(p, tenant, actor, &t, err);

    if (st != ST_OK)
        return st;
    st = set_status(&t, id, status, err);
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}
