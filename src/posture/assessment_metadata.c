/* assessment_metadata.c - what a recommendation says about itself: its severity, what it defends
 * against, how it is mended. Its assessments' events carry a copy. A change of it makes no event by itself:
 * later events have it. When it is deleted the recommendation is withdrawn, and with it its assessments. */
#include "posture/assessment.h"

static const char *const severities[] = {"Low", "Medium", "High", NULL};
static const char *const efforts[] = {"Low", "Moderate", "High", NULL};
static const char *const types[] = {
    "BuiltIn", "CustomPolicy",  "CustomerManaged", "VerifiedPartner",
    "Custom",  "BuiltInPolicy", "Unknown",         NULL};
static const char *const threats[] = {
    "accountBreach",    "dataExfiltration",     "dataSpillage",
    "maliciousInsider", "elevationOfPrivilege", "threatResistance",
    "missingCoverage",  "denialOfService",      NULL};

static const struct posture_field fields[] = {
    {"properties",                    FIELD_OBJECT, true, NULL, 0},
    {"properties.displayName",                           FIELD_STRING, true, NULL, 1024},
    {"properties.severity",                              FIELD_ENUM, true, severities, 0},
    {"properties.assessmentType",        FIELD_ENUM, true, types, 0},
    {"properties.policyDefinitionId",                           FIELD_STRING, false, NULL, 2048},
    {"properties.description",                           FIELD_STRING, false, NULL, 0},
    {"properties.remediationDescription",           FIELD_STRING, false, NULL, 0},
    {"properties.categories",                           FIELD_STRINGS, false, NULL, 0},
    {"properties.userImpact",                              FIELD_ENUM, false, efforts, 0},
    {"properties.implementationEffort",     FIELD_ENUM, false, efforts, 0},
    {"properties.threats",                           FIELD_ENUMS, false, threats, 0},
    {"properties.preview",                              FIELD_BOOLEAN, false, NULL, 0},
    {"properties.partnerData", FIELD_OBJECT, false, NULL, 0},
    {0                         },
};

static bool
check(struct posture_change *c)
{
    return posture_fields_check(c, fields);
}

/* How each member is kept; in the order of the documented examples. */
static const struct {
    const char *name;
    const char *const *values; /* its enumeration */
} members[] = {
    {"displayName",            NULL      },
    {"assessmentType",         types     },
    {"policyDefinitionId",     NULL      },
    {"description",            NULL      },
    {"remediationDescription", NULL      },
    {"categories",             NULL      },
    {"severity",               severities},
    {"userImpact",             efforts   },
    {"implementationEffort",   efforts   },
    {"threats",                threats   },
    {"preview",                NULL      },
};

void
assessment_enum(struct text *out, struct span value, const char *const *values)
{
    int at = json_string_among(value, values);

    if (at < 0)
        text_add(out, value);
    else
        text_string(out, span_of(values[at]));
}

/* An array of enumerated strings in their exact spelling, or with a capital at the front. */
static void
add_enums(struct text *out, struct span list, const char *const *values, bool has_capital)
{
    struct json_walk w = json_walk_begin(list);
    struct span key, value;
    bool is_first = true;

    text_puts(out, "[");
    while (json_walk_next(&w, &key, &value)) {
        size_t at = out->n + !is_first + 1;

        if (!is_first)
            text_puts(out, ",");
        assessment_enum(out, value, values);
        if (has_capital && at < out->n && out->p[at] >= 'a' && out->p[at] <= 'z')
            out->p[at] = (char)(out->p[at] - 32);
        is_first = false;
    }
    text_puts(out, "]");
}

static enum status
make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    static const char *const outside[] = {"id",         "name",       "type", "etag",
                                          "systemData", "properties", NULL};
    static const char *const known[] = {
        "displayName", "assessmentType", "policyDefinitionId",     "description",
        "categories",  "severity",       "remediationDescription", "userImpact",
        "threats",     "preview",        "implementationEffort",   "partnerData",
        NULL};
    static const char *const secret[] = {"secret", NULL};
    struct span properties = json_at(c->body, "properties");
    struct span partner = json_at(properties, "partnerData");
    struct text whole = {0};
    size_t count = 0, inner = 0;

    (void)t;
    (void)err;
    text_puts(&whole, "{\"properties\":{");
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct span value = json_at(properties, members[i].name);

        if (value.n == 0)
            continue;
        if (inner++ > 0)
            text_puts(&whole, ",");
        text_addf(&whole, "\"%s\":", members[i].name);
        if (members[i].values != NULL && json_text_is_array(value))
            add_enums(&whole, value, members[i].values, false);
        else if (members[i].values != NULL)
            assessment_enum(&whole, value, members[i].values);
        else
            text_add(&whole, value);
    }
    if (json_text_is_object(partner)) {
        size_t kept = 0;

        text_puts(&whole, inner++ > 0 ? ",\"partnerData\":{" : "\"partnerData\":{");
        posture_members(&whole, partner, secret, &kept);
        text_puts(&whole, "}");
    }
    posture_members(&whole, properties, known, &inner);
    text_puts(&whole, "}");
    count = 1;
    posture_members(&whole, c->body, outside, &count);
    text_puts(&whole, "}");
    text_compact(&c->document, text_span(&whole));
    c->document.is_short |= whole.is_short;
    text_free(&whole);
    return ST_OK;
}

/* ---- withdrawn ---- */

/* Numbers of the assessments of a definition, as int64_t one behind the other in 'numbers'. */
static enum status
withdraw_list(struct posture_db *db, const struct posture_resource *metadata, struct text *numbers,
              struct err *err)
{
    sqlite3_stmt *x;
    enum status st =
        posture_sql(db, &x, err,
                    "SELECT number FROM resources WHERE definition = ? AND kind = 2 AND"
                    " (?2 = 0 OR subscription = ?2)",
                    "ii", metadata->definition, metadata->subscription);

    while (st == ST_OK) {
        st = posture_step(db, x, err);
        if (st != ST_OK)
            break;
        int64_t number = sqlite3_column_int64(x, 0);

        text_add(numbers, (struct span){(const char *)&number, sizeof number});
    }
    if (st == ST_END && numbers->is_short)
        return err_set(err, ST_FULL, "no memory to withdraw a recommendation");
    return st == ST_END ? ST_OK : st;
}

/* The subscription may have metadata of its own for an assessment: then that stays. */
static enum status
withdraw_one(struct posture_txn *t, const struct posture_resource *metadata, int64_t number,
             struct posture_resource *assessment, struct err *err)
{
    const struct posture_event_maker m = {.p = t->p, .db = t->db, .tenant = t->tenant};
    struct posture_resource other = {0};
    enum status st = posture_find_number(t->db, number, assessment, err);

    if (st == ST_END) /* gone meanwhile */
        return ST_OK;
    if (st == ST_OK)
        st = assessment_metadata_find(&m, assessment->id, assessment->name, &other, err);
    bool is_ours = st == ST_OK && other.number == metadata->number;

    posture_resource_free(&other);
    if (st == ST_OK && is_ours)
        st = posture_remove(t, assessment, err);
    return st == ST_END ? ST_OK : st;
}

/* So many numbers of the list in a transaction of their own. */
static enum status
withdraw_portion(struct posture *p, const char *tenant, const char *actor,
                 const struct posture_resource *metadata, struct span numbers, struct err *err)
{
    struct posture_resource assessment = {0};
    struct posture_txn t;
    enum status st = posture_outbox_room(p, err);

    if (st == ST_OK)
        st = posture_begin(p, tenant, actor, &t, err);
    if (st != ST_OK)
        return st;
    for (size_t at = 0; at < numbers.n && st == ST_OK; at += sizeof(int64_t)) {
        int64_t number;

        memcpy(&number, numbers.p + at, sizeof number);
        st = withdraw_one(&t, metadata, number, &assessment, err);
    }
    posture_resource_free(&assessment);
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

/* A recommendation may have a million assessments: they go in portions, while the metadata is still there, so
 * that nobody waits long and the outbox keeps to its limit; 'changed' does the rest. */
static enum status
drain(struct posture *p, const char *tenant, const char *actor, struct span id, struct err *err)
{
    enum { AT_ONCE = 500 };
    struct posture_db *db = posture_reader_take(p);
    struct posture_resource metadata = {0};
    struct text numbers = {0};
    enum status st = posture_find(p, db, tenant, id, &metadata, err);

    if (st == ST_OK)
        st = withdraw_list(db, &metadata, &numbers, err);
    posture_reader_give(p, db);
    size_t portion = AT_ONCE * sizeof(int64_t);

    for (size_t at = 0; st == ST_OK && numbers.n - at > portion; at += portion)
        st = withdraw_portion(p, tenant, actor, &metadata, (struct span){numbers.p + at, portion},
                              err);
    posture_resource_free(&metadata);
    text_free(&numbers);
    return st == ST_END ? ST_OK : st;
}

static enum status
changed(struct posture_txn *t, const struct posture_resource *old,
        const struct posture_resource *now, struct err *err)
{
    struct posture_resource assessment = {0};
    struct text numbers = {0};
    enum status st = ST_OK;

    if (now == NULL)
        st = withdraw_list(t->db, old, &numbers, err);
    for (size_t at = 0; at < numbers.n && st == ST_OK; at += sizeof(int64_t)) {
        int64_t number;

        memcpy(&number, numbers.p + at, sizeof number);
        st = withdraw_one(t, old, number, &assessment, err);
    }
    posture_resource_free(&assessment);
    text_free(&numbers);
    return st;
}

/* ---- used by assessments ---- */

enum status
assessment_metadata_find(const struct posture_event_maker *m, struct span id, struct span name,
                         struct posture_resource *metadata, struct err *err)
{
    struct arm_path path = {0};
    struct text of = {0};
    enum status st = arm_path_parse(id, &path, err);

    if (st != ST_OK)
        return st;
    text_add(&of, path.subscription_id);
    text_addf(&of, "/providers/Microsoft.Security/assessmentMetadata/%.*s", (int)name.n, name.p);
    st = of.is_short ? err_set(err, ST_FULL, "no memory") : ST_END;
    if (st == ST_END)
        st = posture_find(m->p, m->db, m->tenant, text_span(&of), metadata, err);
    if (st == ST_END)
        st = posture_find(
            m->p, m->db, m->tenant,
            (struct span){of.p + path.subscription_id.n, of.n - path.subscription_id.n}, metadata,
            err);
    text_free(&of);
    return st;
}

void
assessment_metadata_copy(struct span properties, struct text *out)
{
    struct json_walk w = json_walk_begin(properties);
    struct span key, value;
    bool is_first = true;

    text_puts(out, "{");
    while (json_walk_next(&w, &key, &value)) {
        text_addf(out, "%s\"%.*s\":", is_first ? "" : ",", (int)key.n, key.p);
        if (span_is(key, "threats") && json_text_is_array(value))
            add_enums(out, value, threats, true);
        else
            text_add(out, value);
        is_first = false;
    }
    text_puts(out, "}");
}

const struct posture_kind posture_kind_metadata = {
    .number = KIND_METADATA,
    .type = "assessmentMetadata",
    .list = "assessmentMetadata",
    .refusal = "InvalidAssessmentMetadata",
    .source = EVENT_SOURCES,
    .scope = SCOPE_ANY_OR_NONE,
    .by_name = true,
    .body_max = 256 << 10,
    .check = check,
    .make = make,
    .drain = drain,
    .changed = changed,
};
