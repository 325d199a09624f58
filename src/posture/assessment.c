/* assessment.c - the state of one resource for one recommendation (continuous-export.md section 2.4).
 *
 * What is kept is the documented resource with the dates that are ours: firstEvaluationDate when it came, and
 * statusChangeDate when its code last changed. Both are taken from the report when it is new (an importer
 * may know them), and never again. Whatever changes in the resource makes an event; when the code changes, its
 * findings follow. */
#include "posture/assessment.h"
#include "model/datetime.h"

const char *const posture_codes[] = {"Healthy", "Unhealthy", "NotApplicable", NULL};
static const char *const sources[] = {"Azure", "OnPremise", "OnPremiseSql", "AWS", "GCP", NULL};
/* Ours, or of the resource as a whole. */
static const char *const skip[] = {"id",
                                   "name",
                                   "type",
                                   "etag",
                                   "systemData",
                                   "properties.status.statusChangeDate",
                                   "properties.status.firstEvaluationDate",
                                   NULL};

static const struct posture_field fields[] = {
    {"properties",                            FIELD_OBJECT, true, NULL, 0},
    {"properties.status",                                   FIELD_OBJECT, true, NULL, 0},
    {"properties.status.code",                                      FIELD_ENUM, true, posture_codes, 0},
    {"properties.status.cause",                     FIELD_STRING, false, NULL, 1024},
    {"properties.status.description",                                   FIELD_STRING, false, NULL, 0},
    {"properties.status.statusChangeDate",                                      FIELD_DATE, false, NULL, 0},
    {"properties.status.firstEvaluationDate",                FIELD_DATE, false, NULL, 0},
    {"properties.displayName",                                   FIELD_STRING, false, NULL, 1024},
    {"properties.resourceDetails",                                      FIELD_OBJECT, false, NULL, 0},
    {"properties.resourceDetails.source",               FIELD_ENUM, false, sources, 0},
    {"properties.resourceDetails.id",                                  FIELD_STRING, false, NULL, 2048},
    {"properties.additionalData",                                   FIELD_OBJECT, false, NULL, 0},
    {"properties.metadata",         FIELD_OBJECT, false, NULL, 0},
    {"properties.links",                                  FIELD_OBJECT, false, NULL, 0},
    {"properties.partnersData",                                      FIELD_OBJECT, false, NULL, 0},
    {"kind",    FIELD_STRING, false, NULL, 0},
    {"location",                                  FIELD_STRING, false, NULL, 0},
    {"tags",                                      FIELD_OBJECT, false, NULL, 0},
    {0},
};

bool
assessment_details_check(struct posture_change *c)
{
    struct text id = {0};
    struct arm_path path;
    struct err ignored;
    bool is_foreign = false;

    text_decode(&id, json_at(c->body, "properties.resourceDetails.id"));
    if (arm_path_parse(text_span(&id), &path, &ignored) == ST_OK && path.subscription.n > 0)
        is_foreign = !arm_path_equal(path.subscription, c->path.subscription);
    text_free(&id);
    return !is_foreign || posture_refuse(c, "properties.resourceDetails.id",
                                         "it is a resource of another subscription");
}

static bool
check(struct posture_change *c)
{
    return posture_fields_check(c, fields) && assessment_details_check(c);
}

/* ---- what is kept ---- */

static void
add_date(struct text *out, const char *name, int64_t ticks)
{
    char date[DATETIME_TEXT_SIZE];

    datetime_write(date, ticks);
    text_addf(out, ",\"%s\":\"%.*s\"", name, DATETIME_TEXT_SIZE, date);
}

/* The date in 'status', if it is one that has been; else 'ticks'. */
static int64_t
date_of(struct span status, const char *name, int64_t ticks)
{
    struct span value = json_at(status, name);
    int64_t found;

    if (json_text_is_string(value) &&
        datetime_read((struct span){value.p + 1, value.n - 2}, &found) && found <= ticks)
        return found;
    return ticks;
}

static void
add_status(struct posture_txn *t, struct posture_change *c, struct span status, struct text *out)
{
    static const char *const ours[] = {"code", "statusChangeDate", "firstEvaluationDate", NULL};
    int64_t since = t->now, first = t->now;
    size_t count = 1;

    if (c->old == NULL) {
        since = date_of(status, "statusChangeDate", t->now);
        first = date_of(status, "firstEvaluationDate", since);
    } else {
        struct span kept = json_at(c->old->document, "properties.status");

        first = date_of(kept, "firstEvaluationDate", t->now);
        if (c->old->code == c->code)
            since = date_of(kept, "statusChangeDate", t->now);
    }
    text_addf(out, "{\"code\":\"%s\"", posture_codes[c->code - 1]);
    posture_members(out, status, ours, &count);
    add_date(out, "statusChangeDate", since);
    add_date(out, "firstEvaluationDate", first);
    text_puts(out, "}");
}

/* {"source":"Azure","id":SCOPE} where the report says nothing; the source in its exact spelling. */
static void
add_details(struct span details, struct span scope, struct text *out)
{
    static const char *const ours[] = {"source", "id", NULL};
    struct span source = json_at(details, "source"), id = json_at(details, "id");
    size_t count = 0;

    text_puts(out, "{\"source\":");
    if (json_text_is_null(source))
        text_puts(out, "\"Azure\"");
    else
        assessment_enum(out, source, sources);
    count++;
    if (!json_text_is_null(id)) {
        posture_member(out, "id", id, &count);
    } else {
        text_puts(out, ",\"id\":");
        text_string(out, scope);
    }
    posture_members(out, details, ours, &count);
    text_puts(out, "}");
}

static enum status
make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    static const char *const outside[] = {"id",         "name",       "type", "etag",
                                          "systemData", "properties", NULL};
    static const char *const known[] = {"resourceDetails", "displayName", "status",
                                        "additionalData",  "metadata",    "links",
                                        "partnersData",    NULL};
    static const char *const secret[] = {"secret", NULL};
    struct span properties = json_at(c->body, "properties");
    struct span partners = json_at(properties, "partnersData");
    struct text whole = {0};
    size_t count = 2;

    (void)err;
    c->code = json_string_among(json_at(properties, "status.code"), posture_codes) + 1;
    text_puts(&whole, "{\"properties\":{\"resourceDetails\":");
    add_details(json_at(properties, "resourceDetails"), c->path.scope, &whole);
    posture_member(&whole, "displayName", json_at(properties, "displayName"), &count);
    text_puts(&whole, ",\"status\":");
    add_status(t, c, json_at(properties, "status"), &whole);
    posture_member(&whole, "additionalData", json_at(properties, "additionalData"), &count);
    posture_member(&whole, "metadata", json_at(properties, "metadata"), &count);
    posture_member(&whole, "links", json_at(properties, "links"), &count);
    if (json_text_is_object(partners)) {
        size_t kept = 0;

        text_puts(&whole, ",\"partnersData\":{");
        posture_members(&whole, partners, secret, &kept);
        text_puts(&whole, "}");
    }
    posture_members(&whole, properties, known, &count);
    text_puts(&whole, "}");
    posture_members(&whole, c->body, outside, &count);
    text_puts(&whole, "}");
    text_compact(&c->document, text_span(&whole));
    c->document.is_short |= whole.is_short;
    text_free(&whole);
    return ST_OK;
}

/* ---- events ---- */

struct span
assessment_resource_id(struct span id, struct span document)
{
    struct span given = json_at(document, "properties.resourceDetails.id");
    struct arm_path path = {0}, about;
    struct err ignored;

    if (arm_path_parse(id, &path, &ignored) != ST_OK)
        return id;
    if (json_text_is_string(given)) {
        given = (struct span){given.p + 1, given.n - 2};
        if (arm_path_parse(given, &about, &ignored) == ST_OK &&
            arm_path_equal(about.subscription, path.subscription))
            return given;
    }
    return path.scope;
}

void
assessment_event_head(const struct posture_event_maker *m, const struct posture_resource *r,
                      const char *enrichment, const char *version, struct text *out)
{
    const char *names[] = {enrichment, "securityEventDataEnrichment"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        text_addf(out, "%s\"%s\":{\"action\":\"%s\",\"apiVersion\":\"%s\",\"isSnapshot\":%s}",
                  i == 0 ? "{" : ",", names[i], m->action, version,
                  m->is_snapshot ? "true" : "false");
    text_puts(out, ",\"tenantId\":");
    text_string(out, span_of(m->tenant));
    text_addf(out, ",\"type\":\"Microsoft.Security/%s\"", r->kind->type);
}

static void
add_or_null(struct text *out, const char *name, struct span value)
{
    text_addf(out, ",\"%s\":", name);
    text_add(out, value.n > 0 ? value : SPAN_LITERAL("null"));
}

/* resourceDetails with what an Azure id says about its resource, where the report did not. */
static void
add_event_details(struct text *out, struct span details)
{
    struct arm_path path = {0};
    struct span id = json_at(details, "id");
    struct err ignored;
    size_t count = 0;

    text_puts(out, "{");
    posture_members(out, details, NULL, &count);
    if (json_text_is_string(id) && json_string_is(json_at(details, "source"), "Azure") &&
        arm_path_parse((struct span){id.p + 1, id.n - 2}, &path, &ignored) == ST_OK &&
        path.pair_count > 0) {
        const struct arm_path_pair *last = &path.pairs[path.pair_count - 1];
        const struct {
            const char *name;
            struct span value;
        } derived[] = {
            {"resourceName",     last->name   },
            {"resourceType",     last->type   },
            {"resourceProvider", path.provider},
            {"nativeResourceId", path.text    },
        };

        for (size_t i = 0; i < COUNT_OF(derived); i++)
            if (json_at(details, derived[i].name).n == 0) {
                text_addf(out, ",\"%s\":", derived[i].name);
                /* inside its quotes as it was written: escapes stay escapes */
                text_addf(out, "\"%.*s\"", (int)derived[i].value.n, derived[i].value.p);
            }
    }
    text_puts(out, "}");
}

/* The recommendation's metadata as it is now; what the report itself says, if there is none. */
static enum status
metadata_for(const struct posture_event_maker *m, const struct posture_resource *r,
             struct posture_resource *metadata, struct span *properties, struct err *err)
{
    enum status st = assessment_metadata_find(m, r->id, r->name, metadata, err);

    *properties = st == ST_OK ? json_at(metadata->document, "properties")
                              : json_at(r->document, "properties.metadata");
    return st == ST_END ? ST_OK : st;
}

static enum status
event(const struct posture_event_maker *m, const struct posture_resource *r, struct text *out,
      struct text *scope, struct err *err)
{
    static const char *const known[] = {
        "resourceDetails", "displayName", "status", "additionalData", "metadata", "links", NULL};
    struct span properties = json_at(r->document, "properties"), about, name;
    struct posture_resource metadata = {0};
    enum status st = metadata_for(m, r, &metadata, &about, err);
    size_t count = 4;

    if (st != ST_OK)
        goto done;
    name = json_at(properties, "displayName");
    assessment_event_head(m, r, "assessmentEventDataEnrichment", "2019-01-01", out);
    add_or_null(out, "kind", json_at(r->document, "kind"));
    add_or_null(out, "location", json_at(r->document, "location"));
    text_puts(out, ",\"id\":");
    text_string(out, r->id);
    text_puts(out, ",\"name\":");
    text_string(out, r->name);
    add_or_null(out, "tags", json_at(r->document, "tags"));
    text_puts(out, ",\"properties\":{\"resourceDetails\":");
    add_event_details(out, json_at(properties, "resourceDetails"));
    add_or_null(out, "displayName", name.n > 0 ? name : json_at(about, "displayName"));
    posture_member(out, "status", json_at(properties, "status"), &count);
    text_puts(out, ",\"additionalData\":");
    name = json_at(properties, "additionalData");
    text_add(out, name.n > 0 ? name : SPAN_LITERAL("{}"));
    text_puts(out, ",\"metadata\":");
    if (json_text_is_object(about))
        assessment_metadata_copy(about, out);
    else
        text_puts(out, "null");
    posture_member(out, "links", json_at(properties, "links"), &count);
    posture_members(out, properties, known, &count);
    text_puts(out, "}}");
    posture_event_scope(assessment_resource_id(r->id, r->document), scope);
done:
    posture_resource_free(&metadata);
    return st;
}

static enum status
changed(struct posture_txn *t, const struct posture_resource *old,
        const struct posture_resource *now, struct err *err)
{
    enum status st = posture_mark(t, now != NULL ? now->subscription : old->subscription, err);

    if (st == ST_OK)
        st = posture_emit_resource(t, EVENT_ASSESSMENTS, now != NULL ? now : old,
                                   now != NULL ? "Insert" : "Delete", err);
    if (st == ST_OK && old != NULL && now != NULL && old->code != now->code)
        st = posture_redo_parent(t, now, err);
    return st;
}

/* For GET: the display name of the metadata where the report has none; $expand=metadata adds it. */
static enum status
show(const struct posture_event_maker *m, const struct posture_resource *r, bool expand,
     struct text *out, struct err *err)
{
    static const char *const without[] = {"properties", NULL};
    static const char *const inner_without[] = {"metadata", NULL};
    struct span properties = json_at(r->document, "properties"), about;
    struct posture_resource metadata = {0};
    enum status st = metadata_for(m, r, &metadata, &about, err);
    size_t count = 0;

    if (st == ST_OK) {
        text_puts(out, "\"properties\":{");
        posture_members(out, properties, inner_without, &count);
        if (json_at(properties, "displayName").n == 0)
            posture_member(out, "displayName", json_at(about, "displayName"), &count);
        if (expand)
            posture_member(out, "metadata", about, &count);
        text_puts(out, "}");
        count = 1;
        posture_members(out, r->document, without, &count);
    }
    posture_resource_free(&metadata);
    return st;
}

const struct posture_kind posture_kind_assessment = {
    .number = KIND_ASSESSMENT,
    .type = "assessments",
    .list = "assessments",
    .refusal = "InvalidAssessment",
    .source = EVENT_ASSESSMENTS,
    .scope = SCOPE_SUBSCRIPTION_OR_BELOW,
    .by_name = true,
    .skip = skip,
    .check = check,
    .make = make,
    .changed = changed,
    .event = event,
    .show = show,
};
