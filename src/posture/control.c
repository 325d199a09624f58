/* control.c - secure score controls: what they count (secureScoreControlDefinitions), and how they show
 * themselves and the subscription's score (secureScores, secureScoreControls), which compute.c makes. */
#include "posture/compliance.h"
#include "posture/posture_inner.h"
#include "posture/score.h"

enum { DEFINITIONS_MAX = 1000 /* recommendations of one control */ };

bool
posture_definitions_check(struct posture_change *c, const char *path)
{
    struct span all = json_at(c->body, path), key, item;
    struct json_walk w = json_walk_begin(all);
    size_t count = 0;

    if (!json_text_is_array(all))
        return posture_refuse(c, path,
                              "it is an array of {\"id\": \".../assessmentMetadata/{key}\"}");
    while (json_walk_next(&w, &key, &item)) {
        struct text id = {0};
        struct arm_path parsed;
        struct err err = {""};
        bool is_id;

        if (count++ == DEFINITIONS_MAX)
            return posture_refuse(c, path, "at most %d recommendations", DEFINITIONS_MAX);
        text_decode(&id, json_at(item, "id"));
        is_id = arm_path_parse(text_span(&id), &parsed, &err) == ST_OK && parsed.pair_count > 0;
        text_free(&id);
        if (!is_id)
            return posture_refuse(c, path,
                                  "element %zu has no id of a recommendation's metadata%s%s",
                                  count - 1, err.text[0] != '\0' ? ": " : "", err.text);
    }
    return true;
}

static bool
control_check(struct posture_change *c)
{
    static const struct posture_field fields[] = {
        {"properties",             FIELD_OBJECT, true,  NULL, 0   },
        {"properties.displayName", FIELD_STRING, true,  NULL, 2048},
        {"properties.description", FIELD_STRING, false, NULL, 0   },
        {"properties.maxScore",    FIELD_NUMBER, true,  NULL, 0   },
        {NULL,                     FIELD_STRING, false, NULL, 0   },
    };
    struct span max;
    int64_t points = 0;

    if (!posture_fields_check(c, fields))
        return false;
    max = json_at(c->body, "properties.maxScore");
    for (size_t i = 0; i < max.n; i++) {
        if (max.p[i] < '0' || max.p[i] > '9' || points > SCORE_MAX_MAX)
            return posture_refuse(c, "properties.maxScore", "it is a whole number from 0 to %d",
                                  SCORE_MAX_MAX);
        points = points * 10 + (max.p[i] - '0');
    }
    if (points > SCORE_MAX_MAX)
        return posture_refuse(c, "properties.maxScore", "it is at most %d", SCORE_MAX_MAX);
    return posture_definitions_check(c, "properties.assessmentDefinitions");
}

/* Every subscription of the tenant that has assessments may have another score now. */
static enum status
control_changed(struct posture_txn *t, const struct posture_resource *old,
                const struct posture_resource *now, struct err *err)
{
    (void)old, (void)now;
    return posture_run(t->db, err,
                       "INSERT OR IGNORE INTO dirty (subscription, since) SELECT number, ?2 FROM "
                       "scopes WHERE tenant = ?1 AND subscription = number",
                       "ii", t->tenant_number, t->now);
}

const struct posture_kind posture_kind_control_definition = {
    .number = KIND_CONTROL_DEFINITION,
    .type = "secureScoreControlDefinitions",
    .list = "secureScoreControlDefinitions",
    .refusal = "InvalidSecureScoreControlDefinition",
    .source = EVENT_SOURCES,
    .scope = SCOPE_ANY_OR_NONE,
    .check = control_check,
    .changed = control_changed,
};

/* ---- the score of a subscription, and of its controls ---- */

static void
event_head(const struct posture_event_maker *m, const struct posture_resource *r, const char *type,
           struct text *document)
{
    text_addf(document,
              "{\"securityEventDataEnrichment\":{\"action\":\"%s\",\"apiVersion\":\"2020-01-01\","
              "\"isSnapshot\":%s},\"id\":",
              m->action, m->is_snapshot ? "true" : "false");
    text_string(document, r->id);
    text_puts(document, ",\"name\":");
    text_string(document, r->name);
    text_addf(document, ",\"type\":\"Microsoft.Security/%s\",\"properties\":", type);
    text_add(document, json_at(r->document, "properties"));
    text_puts(document, "}");
}

static enum status
score_event(const struct posture_event_maker *m, const struct posture_resource *r,
            struct text *document, struct text *scope, struct err *err)
{
    (void)err;
    event_head(m, r, "secureScores", document);
    posture_event_scope(r->id, scope);
    return ST_OK;
}

static enum status
score_control_event(const struct posture_event_maker *m, const struct posture_resource *r,
                    struct text *document, struct text *scope, struct err *err)
{
    (void)err;
    event_head(m, r, "secureScores/secureScoreControls", document);
    posture_event_scope(r->id, scope);
    return ST_OK;
}

/* "sent": what was sent last, in the unit of the threshold and 1 more; 0 or absent: nothing. */
static enum status
computed_make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    struct span sent = json_at(c->body, "sent");

    (void)t;
    c->code = 0;
    for (size_t i = 0; i < sent.n; i++)
        c->code = c->code * 10 + (sent.p[i] - '0');
    text_puts(&c->document, "{\"properties\":");
    text_compact(&c->document, json_at(c->body, "properties"));
    text_puts(&c->document, "}");
    return c->document.is_short ? err_set(err, ST_FULL, "no memory for a score") : ST_OK;
}

const struct posture_kind posture_kind_score = {
    .number = KIND_SCORE,
    .type = "secureScores",
    .list = "secureScores",
    .refusal = "InvalidSecureScore",
    .source = EVENT_SECURE_SCORES,
    .scope = SCOPE_SUBSCRIPTION,
    .is_computed = true,
    .make = computed_make,
    .event = score_event,
};

const struct posture_kind posture_kind_score_control = {
    .number = KIND_SCORE_CONTROL,
    .type = "secureScores/secureScoreControls",
    .list = "secureScoreControls",
    .refusal = "InvalidSecureScoreControl",
    .source = EVENT_SECURE_SCORE_CONTROLS,
    .scope = SCOPE_SUBSCRIPTION,
    .parent = KIND_SCORE,
    .is_computed = true,
    .make = computed_make,
    .event = score_control_event,
};
