/* attack_path.c - attack paths: put as {"properties":{...}} or as they are delivered, {"attackPath":{...}}
 * (continuous-export.md section 2.7); kept in the first form. */
#include "posture/posture_inner.h"

static const char *const risk_levels[] = {"Critical", "High", "Medium", "Low", NULL};

static bool
path_check(struct posture_change *c)
{
    bool is_delivered = json_at(c->body, "attackPath").p != NULL;
    const struct posture_field resource[] = {
        {"properties",             FIELD_OBJECT,  true,  NULL,        0   },
        {"properties.displayName", FIELD_STRING,  true,  NULL,        2048},
        {"properties.riskLevel",   FIELD_ENUM,    true,  risk_levels, 0   },
        {"properties.description", FIELD_STRING,  false, NULL,        0   },
        {"properties.attackStory", FIELD_STRING,  false, NULL,        0   },
        {"properties.riskFactors", FIELD_STRINGS, false, NULL,        0   },
        {"properties.assessments", FIELD_OBJECT,  false, NULL,        0   },
        {NULL,                     FIELD_STRING,  false, NULL,        0   },
    };
    const struct posture_field delivered[] = {
        {"attackPath",             FIELD_OBJECT,  true,  NULL,        0   },
        {"attackPath.displayName", FIELD_STRING,  true,  NULL,        2048},
        {"attackPath.riskLevel",   FIELD_ENUM,    true,  risk_levels, 0   },
        {"attackPath.description", FIELD_STRING,  false, NULL,        0   },
        {"attackPath.attackStory", FIELD_STRING,  false, NULL,        0   },
        {"attackPath.riskFactors", FIELD_STRINGS, false, NULL,        0   },
        {"attackPath.assessments", FIELD_OBJECT,  false, NULL,        0   },
        {NULL,                     FIELD_STRING,  false, NULL,        0   },
    };

    return posture_fields_check(c, is_delivered ? delivered : resource);
}

static enum status
path_make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    struct span body = json_at(c->body, "attackPath");

    (void)t;
    if (body.p == NULL)
        body = json_at(c->body, "properties");
    text_puts(&c->document, "{\"properties\":{");
    if (json_at(body, "attackPathId").p == NULL) {
        text_puts(&c->document, "\"attackPathId\":");
        text_string(&c->document, c->path.pairs[c->path.pair_count - 1].name);
        text_puts(&c->document, ",");
    }
    struct text compact = {0};

    text_compact(&compact, body);
    if (!compact.is_short) /* it has two members at least: it was checked */
        text_add(&c->document, (struct span){compact.p + 1, compact.n - 2});
    text_puts(&c->document, "}}");
    bool is_short = compact.is_short || c->document.is_short;

    text_free(&compact);
    return is_short ? err_set(err, ST_FULL, "no memory for an attack path") : ST_OK;
}

static enum status
path_changed(struct posture_txn *t, const struct posture_resource *old,
             const struct posture_resource *now, struct err *err)
{
    return now != NULL ? posture_emit_resource(t, EVENT_ATTACK_PATHS, now, "Insert", err)
                       : posture_emit_resource(t, EVENT_ATTACK_PATHS, old, "Delete", err);
}

static enum status
path_event(const struct posture_event_maker *m, const struct posture_resource *r,
           struct text *document, struct text *scope, struct err *err)
{
    (void)err;
    text_addf(document,
              "{\"securityEventDataEnrichment\":{\"action\":\"%s\",\"apiVersion\":\"2023-12-01-"
              "preview\",\"isSnapshot\":%s,\"interval\":\"%s\"},\"id\":",
              m->action, m->is_snapshot ? "true" : "false",
              m->is_snapshot ? "7.00:00:00" : "00:00:00");
    text_string(document, r->id);
    text_puts(document, ",\"name\":");
    text_string(document, r->name);
    text_addf(document, ",\"type\":\"Microsoft.Security/attackPaths\",\"tenantId\":\"%s\"",
              m->tenant);
    text_puts(document, ",\"attackPath\":");
    text_add(document, json_at(r->document, "properties"));
    text_puts(document, "}");
    posture_event_scope(r->id, scope);
    return ST_OK;
}

const struct posture_kind posture_kind_attack_path = {
    .number = KIND_ATTACK_PATH,
    .type = "attackPaths",
    .list = "attackPaths",
    .refusal = "InvalidAttackPath",
    .source = EVENT_ATTACK_PATHS,
    .scope = SCOPE_SUBSCRIPTION_OR_BELOW,
    .check = path_check,
    .make = path_make,
    .changed = path_changed,
    .event = path_event,
};
