/* compute.c - what follows from assessments: scores of controls and subscriptions, states of compliance.
 *
 * Subscriptions whose assessments changed stand in 'dirty'. One is taken up in three steps, so that reports
 * are not held up while a million assessments are counted:
 *
 *   1  its mark is turned into its negative: under work. New marks go beside it
 *   2  everything is counted from one committed state, without the write lock
 *   3  in one transaction the results are stored, events made, and the mark under work is taken away
 *
 * After a kill the marks under work count as dirty. */
#include "posture/compute.h"
#include "posture/compliance.h"
#include "posture/score.h"
#include <stdlib.h>
#include <strings.h>

struct result {
    struct text id, properties;
    struct score score; /* of a control */
    enum posture_kind_number kind;
};

struct compute {
    struct posture *p;
    struct posture_db *db;
    char tenant[64];
    int64_t tenant_number, subscription;
    struct text subscription_id; /* "/subscriptions/{s}" */
    struct text preview;         /* JSON array of keys, lower-case, that never count */
    struct result *results;
    size_t count, room;
    struct score sum;
};

static struct result *
result_add(struct compute *c, enum posture_kind_number kind)
{
    if (c->count == c->room) {
        size_t room = c->room == 0 ? 64 : c->room * 2;
        struct result *more = realloc(c->results, room * sizeof *more);

        if (more == NULL)
            return NULL;
        c->results = more;
        c->room = room;
    }
    c->results[c->count] = (struct result){.kind = kind};
    return &c->results[c->count++];
}

static void
compute_free(struct compute *c)
{
    for (size_t i = 0; i < c->count; i++) {
        text_free(&c->results[i].id);
        text_free(&c->results[i].properties);
    }
    free(c->results);
    text_free(&c->preview);
    text_free(&c->subscription_id);
}

/* ---- 1: which one ---- */

static enum status
dirty_find(struct compute *c, int64_t now, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(c->db, &x, err,
                                 "SELECT abs(d.subscription), s.tenant, s.id, t.id FROM dirty d"
                                 " JOIN scopes s ON s.number = abs(d.subscription)"
                                 " JOIN tenants t ON t.number = s.tenant"
                                 " WHERE d.since <= ? OR d.subscription < 0"
                                 " ORDER BY d.since LIMIT 1",
                                 "i", now - c->p->options.score_delay);

    if (st == ST_OK)
        st = posture_step(c->db, x, err);
    if (st != ST_OK)
        return st;
    c->subscription = sqlite3_column_int64(x, 0);
    c->tenant_number = sqlite3_column_int64(x, 1);
    text_add(&c->subscription_id, posture_column(x, 2));
    struct span tenant = posture_column(x, 3);

    snprintf(c->tenant, sizeof c->tenant, "%.*s", (int)tenant.n, tenant.p);
    posture_sql_end(x);
    return ST_OK;
}

static enum status
dirty_take(struct compute *c, struct err *err)
{
    struct posture_txn t;
    enum status st = posture_begin(c->p, c->tenant, "penstock", &t, err);

    if (st != ST_OK)
        return st;
    st = posture_run(t.db, err,
                     "UPDATE OR REPLACE dirty SET subscription = -subscription"
                     " WHERE subscription = ?",
                     "i", c->subscription);
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

/* ---- 2: counting ---- */

static void
array_add(struct text *array, struct span folded)
{
    text_puts(array, array->n == 0 ? "[" : ",");
    text_string(array, folded);
}

static void
array_end(struct text *array)
{
    text_puts(array, array->n == 0 ? "[]" : "]");
}

/* The last segment of an id, lower-case, into 'out'. */
static void
key_of_id(struct span id_value, struct text *out)
{
    struct text id = {0};
    const char *slash;

    text_decode(&id, id_value);
    while (id.n > 0 && id.p[id.n - 1] == '/')
        id.n--;
    slash = id.n > 0 ? memrchr(id.p, '/', id.n) : NULL;
    if (slash != NULL) {
        size_t n = (size_t)(id.p + id.n - (slash + 1));
        size_t at = out->n;

        text_add(out, (struct span){slash + 1, n});
        if (!out->is_short)
            arm_path_fold((struct span){slash + 1, n}, out->p + at);
    }
    text_free(&id);
}

static bool
json_is_true(struct span value)
{
    return value.n == 4 && memcmp(value.p, "true", 4) == 0;
}

/* Calls 'visit' with every resource of a kind that is defined for the tenant or for the subscription
 * alone. */
static enum status
each_definition(struct compute *c, enum posture_kind_number kind,
                enum status (*visit)(struct compute *c, const struct posture_resource *r,
                                     struct err *err),
                struct err *err)
{
    int64_t scopes[2] = {0, c->subscription}, *numbers = NULL;
    size_t count = 0, room = 0;
    enum status st = posture_scope_find(c->db, c->tenant, (struct span){"", 0}, &scopes[0], err);

    if (st != ST_OK && st != ST_END)
        return st;
    for (size_t i = st == ST_END ? 1 : 0; i < COUNT_OF(scopes); i++) {
        sqlite3_stmt *x;

        st = posture_sql(c->db, &x, err,
                         "SELECT number FROM resources WHERE scope = ? AND kind = ?"
                         " ORDER BY parent, number",
                         "ii", scopes[i], (int64_t)kind);
        while (st == ST_OK && (st = posture_step(c->db, x, err)) == ST_OK) {
            if (count == room) {
                int64_t *more = realloc(numbers, (room = room * 2 + 64) * sizeof *more);

                if (more == NULL) {
                    posture_sql_end(x);
                    free(numbers);
                    return err_set(err, ST_FULL, "no memory for definitions");
                }
                numbers = more;
            }
            numbers[count++] = sqlite3_column_int64(x, 0);
        }
        if (st != ST_END) {
            free(numbers);
            return st;
        }
    }
    struct posture_resource r = {0};

    st = ST_OK;
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        st = posture_find_number(c->db, numbers[i], &r, err);
        if (st == ST_OK)
            st = visit(c, &r, err);
    }
    posture_resource_free(&r);
    free(numbers);
    return st;
}

static enum status
see_metadata(struct compute *c, const struct posture_resource *r, struct err *err)
{
    (void)err;
    if (json_is_true(json_at(r->document, "properties.preview"))) {
        char folded[ARM_PATH_SEGMENT_MAX];

        arm_path_fold(r->name, folded);
        array_add(&c->preview, (struct span){folded, r->name.n});
    }
    return ST_OK;
}

/* The keys of a definition's recommendations as a JSON array, lower-case. */
static void
keys_of(struct span definitions, struct text *keys)
{
    struct json_walk w = json_walk_begin(definitions);
    struct span key, item;
    struct text one = {0};

    while (json_walk_next(&w, &key, &item)) {
        text_reset(&one);
        key_of_id(json_at(item, "id"), &one);
        array_add(keys, text_span(&one));
    }
    array_end(keys);
    text_free(&one);
}

struct tally {
    int64_t healthy, unhealthy, not_applicable;
};

/* Resources by what all these recommendations say of each: unhealthy if one does, healthy if one does and
 * none says unhealthy. */
static enum status
count_resources(struct compute *c, struct span keys, struct tally *n, struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(
        c->db, &x, err,
        "SELECT count(*) FILTER (WHERE h AND NOT u), count(*) FILTER (WHERE u),"
        " count(*) FILTER (WHERE NOT h AND NOT u) FROM"
        " (SELECT max(code = 1) h, max(code = 2) u FROM resources WHERE kind = 2"
        "  AND subscription = ?1 AND definition IN (SELECT number FROM names WHERE tenant = ?2"
        "   AND folded IN (SELECT value FROM json_each(?3))"
        "   AND folded NOT IN (SELECT value FROM json_each(?4)))"
        "  AND code BETWEEN 1 AND 3 GROUP BY scope)",
        "iiss", c->subscription, c->tenant_number, keys, text_span(&c->preview));

    if (st == ST_OK)
        st = posture_step(c->db, x, err);
    if (st != ST_OK)
        return st == ST_END ? err_set(err, ST_IO, "a count gave no row") : st;
    *n = (struct tally){sqlite3_column_int64(x, 0), sqlite3_column_int64(x, 1),
                        sqlite3_column_int64(x, 2)};
    posture_sql_end(x);
    return ST_OK;
}

/* 'value' in units of 1/'unit' as a JSON number without zeros at its end: 333, 100 is 3.33. */
static void
add_decimal(struct text *out, int64_t value, int64_t unit)
{
    int64_t rest = value % unit;

    text_addf(out, "%lld", (long long)(value / unit));
    if (rest == 0)
        return;
    text_puts(out, ".");
    while (rest != 0) {
        unit /= 10;
        text_addf(out, "%lld", (long long)(rest / unit));
        rest %= unit;
    }
}

static void
add_score(struct text *out, const struct score *s)
{
    text_addf(out, "\"score\":{\"max\":%lld,\"current\":", (long long)s->max);
    add_decimal(out, s->current, 100);
    text_puts(out, ",\"percentage\":");
    add_decimal(out, s->percentage, 10000);
    text_puts(out, "}");
}

static int64_t
whole_number(struct span value)
{
    int64_t n = 0;

    for (size_t i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '9'; i++)
        n = n * 10 + (value.p[i] - '0');
    return n;
}

static enum status
see_control(struct compute *c, const struct posture_resource *r, struct err *err)
{
    struct span properties = json_at(r->document, "properties");
    struct text keys = {0};
    struct tally n;
    enum status st;

    keys_of(json_at(properties, "assessmentDefinitions"), &keys);
    st = count_resources(c, text_span(&keys), &n, err);
    text_free(&keys);
    if (st != ST_OK)
        return st;
    struct result *to = result_add(c, KIND_SCORE_CONTROL);

    if (to == NULL)
        return err_set(err, ST_FULL, "no memory for scores");
    to->score =
        score_of_control(n.healthy, n.unhealthy, whole_number(json_at(properties, "maxScore")));
    score_add(&c->sum, to->score);
    text_addf(&to->id,
              "%.*s/providers/Microsoft.Security/secureScores/ascScore/secureScoreControls/%.*s",
              (int)c->subscription_id.n, c->subscription_id.p, (int)r->name.n, r->name.p);
    struct text *out = &to->properties;

    text_puts(out, "{\"displayName\":");
    text_add(out, json_at(properties, "displayName"));
    text_addf(out,
              ",\"healthyResourceCount\":%lld,\"unhealthyResourceCount\":%lld,"
              "\"notApplicableResourceCount\":%lld,",
              (long long)n.healthy, (long long)n.unhealthy, (long long)n.not_applicable);
    add_score(out, &to->score);
    text_puts(out, ",\"definition\":{\"id\":");
    text_string(out, r->id);
    text_puts(out, ",\"name\":");
    text_string(out, r->name);
    text_puts(out,
              ",\"type\":\"Microsoft.Security/secureScoreControlDefinitions\",\"properties\":");
    text_add(out, properties);
    text_addf(out, "},\"weight\":%lld}", (long long)to->score.weight);
    return ST_OK;
}

/* The subscription's own score stands before its controls, which stand below it. */
static enum status
count_score(struct compute *c, struct err *err)
{
    sqlite3_stmt *x;
    struct result *first = result_add(c, KIND_SCORE);
    enum status st;

    if (first == NULL)
        return err_set(err, ST_FULL, "no memory for scores");
    st = each_definition(c, KIND_CONTROL_DEFINITION, see_control, err);
    if (st != ST_OK)
        return st;
    st = posture_sql(c->db, &x, err,
                     "SELECT count(*) FROM resources WHERE kind = 2 AND subscription = ?1"
                     " AND code IN (1, 2) AND definition NOT IN (SELECT number FROM names"
                     "  WHERE tenant = ?2 AND folded IN (SELECT value FROM json_each(?3)))",
                     "iis", c->subscription, c->tenant_number, text_span(&c->preview));
    if (st == ST_OK)
        st = posture_step(c->db, x, err);
    if (st != ST_OK)
        return st == ST_END ? err_set(err, ST_IO, "a count gave no row") : st;
    c->sum.weight = sqlite3_column_int64(x, 0);
    posture_sql_end(x);
    first = &c->results[0];
    text_addf(&first->id, "%.*s/providers/Microsoft.Security/secureScores/ascScore",
              (int)c->subscription_id.n, c->subscription_id.p);
    text_puts(&first->properties, "{\"displayName\":\"ASC score\",");
    add_score(&first->properties, &c->sum);
    text_addf(&first->properties, ",\"weight\":%lld}", (long long)c->sum.weight);
    return ST_OK;
}

/* ---- compliance ---- */

/* Display name of a recommendation as a JSON string; the key where nobody describes it. */
static enum status
add_description(struct compute *c, struct span key, bool *is_known, struct text *out,
                struct err *err)
{
    struct posture_resource r = {0};
    struct text id = {0};
    enum status st = ST_END;

    for (int i = 0; i < 2 && st == ST_END; i++) {
        text_reset(&id);
        if (i == 1)
            text_add(&id, text_span(&c->subscription_id));
        text_addf(&id, "/providers/Microsoft.Security/assessmentMetadata/%.*s", (int)key.n, key.p);
        st = posture_find(c->p, c->db, c->tenant, text_span(&id), &r, err);
    }
    *is_known = st == ST_OK;
    if (st == ST_OK)
        text_add(out, json_at(r.document, "properties.displayName"));
    else if (st == ST_END)
        text_string(out, key);
    text_free(&id);
    posture_resource_free(&r);
    return st == ST_END ? ST_OK : st;
}

static const char *
state_of(const struct tally *n, bool is_known)
{
    if (n->unhealthy > 0)
        return compliance_states[COMPLIANCE_FAILED];
    if (n->healthy > 0)
        return compliance_states[COMPLIANCE_PASSED];
    return compliance_states[is_known || n->not_applicable > 0 ? COMPLIANCE_SKIPPED
                                                               : COMPLIANCE_UNSUPPORTED];
}

static enum status
see_requirement(struct compute *c, const struct posture_resource *control, struct span key,
                struct err *err)
{
    struct result *to = result_add(c, KIND_STANDARD_ASSESSMENT);
    struct text keys = {0};
    struct tally n;
    bool is_known;
    enum status st;

    if (to == NULL)
        return err_set(err, ST_FULL, "no memory for compliance states");
    array_add(&keys, key);
    array_end(&keys);
    st = count_resources(c, text_span(&keys), &n, err);
    text_free(&keys);
    if (st != ST_OK)
        return st;
    text_addf(&to->id, "%.*s/regulatoryComplianceAssessments/%.*s", (int)control->id.n,
              control->id.p, (int)key.n, key.p);
    text_puts(&to->properties, "{\"description\":");
    st = add_description(c, key, &is_known, &to->properties, err);
    text_addf(&to->properties,
              ",\"state\":\"%s\",\"scope\":\"Subscription\",\"passedResources\":%lld,"
              "\"failedResources\":%lld,\"skippedResources\":%lld,"
              "\"assessmentType\":\"AssessmentResult\",\"assessmentDetailsLink\":",
              state_of(&n, is_known), (long long)n.healthy, (long long)n.unhealthy,
              (long long)n.not_applicable);
    compute_link(c->p->options.portal, key, control->id, &to->properties);
    text_puts(&to->properties, "}");
    return st;
}

void
compute_link(const char *portal, struct span key, struct span control, struct text *out)
{
    struct arm_path path;
    struct err ignored;

    if (portal == NULL || arm_path_parse(control, &path, &ignored) != ST_OK) {
        text_puts(out, "null");
        return;
    }
    struct text link = {0};

    text_addf(&link, "https://%s/#recommendations/assessmentKey/%.*s/initiativeId/%.*s", portal,
              (int)key.n, key.p, (int)path.pairs[0].name.n, path.pairs[0].name.p);
    text_string(out, text_span(&link));
    text_free(&link);
}

static enum status
see_standard_control(struct compute *c, const struct posture_resource *r, struct err *err)
{
    struct json_walk w = json_walk_begin(json_at(r->document, "properties.assessmentDefinitions"));
    struct span name, item;
    struct text key = {0};
    enum status st = ST_OK;

    while (st == ST_OK && json_walk_next(&w, &name, &item)) {
        text_reset(&key);
        key_of_id(json_at(item, "id"), &key);
        st = see_requirement(c, r, text_span(&key), err);
    }
    text_free(&key);
    return st;
}

static enum status
count_all(struct compute *c, struct err *err)
{
    enum status st = posture_run(c->db, err, "BEGIN", "");
    struct err ignored;

    if (st == ST_OK)
        st = each_definition(c, KIND_METADATA, see_metadata, err);
    array_end(&c->preview);
    if (st == ST_OK)
        st = count_score(c, err);
    if (st == ST_OK)
        st = each_definition(c, KIND_STANDARD_CONTROL, see_standard_control, err);
    if (!sqlite3_get_autocommit(c->db->db) && posture_run(c->db, &ignored, "COMMIT", "") != ST_OK)
        sqlite3_exec(c->db->db, "ROLLBACK", NULL, NULL, NULL);
    for (size_t i = 0; i < c->count; i++)
        if (c->results[i].id.is_short || c->results[i].properties.is_short)
            return err_set(err, ST_FULL, "no memory for scores");
    return st;
}

/* ---- 3: storing ---- */

static int64_t
threshold(const struct posture_options *o)
{
    double points = o->score_threshold > 0 ? o->score_threshold : 0.01;
    int64_t whole = (int64_t)(points * (o->score_by_percentage ? 10000 : 100) + 0.5);

    return whole > 0 ? whole : 1;
}

/* *sent: what was sent last, plus 1; 0: never. */
static enum status
sent_last(struct posture_txn *t, struct span id, int64_t *sent, struct err *err)
{
    struct posture_resource r = {0};
    enum status st = posture_find(t->p, t->db, t->tenant, id, &r, err);

    *sent = st == ST_OK ? r.code : 0;
    posture_resource_free(&r);
    return st == ST_END ? ST_OK : st;
}

static enum status
store(struct posture_txn *t, const struct result *r, int64_t sent, struct err *err)
{
    struct text body = {0};
    enum posture_outcome outcome;
    enum status st;

    text_puts(&body, "{");
    if (r->kind != KIND_STANDARD_ASSESSMENT)
        text_addf(&body, "\"sent\":%lld,", (long long)sent);
    text_puts(&body, "\"properties\":");
    text_add(&body, text_span(&r->properties));
    text_puts(&body, "}");
    st = body.is_short
             ? err_set(err, ST_FULL, "no memory for scores")
             : posture_put_computed(t, text_span(&r->id), text_span(&body), &outcome, err);
    text_free(&body);
    return st;
}

static enum status
emit(struct posture_txn *t, enum event_source source, struct span id, struct err *err)
{
    struct posture_resource r = {0};
    enum status st = posture_find(t->p, t->db, t->tenant, id, &r, err);

    if (st == ST_OK)
        st = posture_emit_resource(t, source, &r, "Insert", err);
    posture_resource_free(&r);
    return st;
}

/* What moved is noted as sent only if somebody is there to get it: who comes later gets the first value. */
static enum status
store_score(struct posture_txn *t, const struct result *r, bool *has_moved, struct err *err)
{
    const struct posture_options *o = &t->p->options;
    bool is_wanted = posture_is_wanted(t, EVENT_SECURE_SCORE_CONTROLS) ||
                     posture_is_wanted(t, EVENT_SECURE_SCORES);
    struct score last = {0};
    int64_t sent;
    enum status st = sent_last(t, text_span(&r->id), &sent, err);

    if (st != ST_OK)
        return st;
    last.current = last.percentage = sent - 1;
    if (!is_wanted ||
        !score_moved(sent > 0 ? &last : NULL, &r->score, threshold(o), o->score_by_percentage))
        return store(t, r, sent, err);
    sent = 1 + (o->score_by_percentage ? r->score.percentage : r->score.current);
    *has_moved = true;
    st = store(t, r, sent, err);
    return st == ST_OK ? emit(t, EVENT_SECURE_SCORE_CONTROLS, text_span(&r->id), err) : st;
}

static int
by_id(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
    int order = strncasecmp(x->id.p, y->id.p, n);

    return order != 0 ? order : (x->id.n > y->id.n) - (x->id.n < y->id.n);
}

/* What a definition that is gone, or has fewer recommendations now, left behind. 'results' are sorted. */
static enum status
remove_stale(struct posture_txn *t, const struct compute *c, enum posture_kind_number kind,
             struct err *err)
{
    int64_t number = 0;
    enum status st = ST_OK;
    struct posture_resource r = {0};

    while (st == ST_OK) {
        sqlite3_stmt *x;
        struct result wanted = {0};

        st = posture_sql(t->db, &x, err,
                         "SELECT min(number) FROM resources WHERE scope = ? AND kind = ?"
                         " AND number > ?",
                         "iii", c->subscription, (int64_t)kind, number);
        if (st == ST_OK)
            st = posture_step(t->db, x, err);
        if (st != ST_OK)
            break;
        bool is_end = sqlite3_column_type(x, 0) == SQLITE_NULL;

        number = sqlite3_column_int64(x, 0);
        posture_sql_end(x);
        if (is_end)
            break;
        st = posture_find_number(t->db, number, &r, err);
        if (st != ST_OK)
            break;
        text_add(&wanted.id, r.id);
        if (bsearch(&wanted, c->results, c->count, sizeof *c->results, by_id) == NULL)
            st = posture_remove(t, &r, err);
        text_free(&wanted.id);
    }
    posture_resource_free(&r);
    return st;
}

static enum status
store_results(struct posture_txn *t, struct compute *c, struct err *err)
{
    bool has_moved = false;
    enum status st = ST_OK;

    for (size_t i = 0; i < c->count && st == ST_OK; i++)
        st = c->results[i].kind == KIND_SCORE_CONTROL
                 ? store_score(t, &c->results[i], &has_moved, err)
                 : store(t, &c->results[i], 0, err);
    if (st == ST_OK && has_moved)
        st = emit(t, EVENT_SECURE_SCORES, text_span(&c->results[0].id), err);
    qsort(c->results, c->count, sizeof *c->results, by_id);
    if (st == ST_OK)
        st = remove_stale(t, c, KIND_SCORE_CONTROL, err);
    if (st == ST_OK)
        st = remove_stale(t, c, KIND_STANDARD_ASSESSMENT, err);
    if (st == ST_OK)
        st = posture_run(t->db, err, "DELETE FROM dirty WHERE subscription = ?", "i",
                         -c->subscription);
    return st;
}

static enum status
finish(struct compute *c, struct err *err)
{
    struct posture_txn t;
    enum status st = posture_begin(c->p, c->tenant, "penstock", &t, err);

    if (st != ST_OK)
        return st;
    st = store_results(&t, c, err);
    if (st == ST_OK)
        return posture_commit(&t, err);
    posture_rollback(&t);
    return st;
}

enum status
compute_tick(struct posture *p, bool *more, struct err *err)
{
    struct compute c = {.p = p, .db = posture_reader_take(p)};
    enum status st = dirty_find(&c, p->options.now(p->options.clock), err);

    if (st == ST_OK)
        st = dirty_take(&c, err);
    if (st == ST_OK)
        st = count_all(&c, err);
    posture_reader_give(p, c.db);
    if (st == ST_OK)
        st = finish(&c, err);
    if (st == ST_OK)
        *more = true;
    compute_free(&c);
    return st == ST_END ? ST_OK : st;
}
