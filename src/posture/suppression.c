#include "posture/suppression.h"
#include "model/datetime.h"
#include <strings.h>

enum { ALL_OF_MAX = 50, IN_MAX = 1000 };

static const char *const states[] = {"Enabled", "Disabled", "Expired", NULL};

static const struct posture_field fields[] = {
    {"properties",                        FIELD_OBJECT, true,  NULL,   0   },
    {"properties.alertType",              FIELD_STRING, true,  NULL,   512 },
    {"properties.reason",                 FIELD_STRING, true,  NULL,   2048},
    {"properties.state",                  FIELD_ENUM,   true,  states, 0   },
    {"properties.expirationDateUtc",      FIELD_DATE,   false, NULL,   0   },
    {"properties.comment",                FIELD_STRING, false, NULL,   4096},
    {"properties.suppressionAlertsScope", FIELD_OBJECT, false, NULL,   0   },
    {NULL,                                FIELD_STRING, false, NULL,   0   },
};

static bool
element_check(struct posture_change *c, struct span element, size_t index)
{
    struct span in = json_at(element, "in"), contains = json_at(element, "contains"), key, item;
    struct json_walk w = json_walk_begin(in);
    char target[120];
    size_t count = 0;

    snprintf(target, sizeof target, "properties.suppressionAlertsScope.allOf[%zu]", index);
    if (!json_text_is_string(json_at(element, "field")))
        return posture_refuse(c, target,
                              "'field' is missing: the path that is tested, like "
                              "\"entities.ip.address\"");
    if (json_text_is_string(contains))
        return true;
    if (!json_text_is_array(in))
        return posture_refuse(c, target, "it needs \"in\": [texts], or \"contains\": text");
    while (json_walk_next(&w, &key, &item))
        if (!json_text_is_string(item) || ++count > IN_MAX)
            return posture_refuse(c, target, "'in' has texts, at most %d of them", IN_MAX);
    return true;
}

static bool
rule_check(struct posture_change *c)
{
    struct span all, key, item;
    struct json_walk w;
    size_t count = 0;

    if (!posture_fields_check(c, fields))
        return false;
    all = json_at(c->body, "properties.suppressionAlertsScope.allOf");
    if (all.p != NULL && !json_text_is_array(all) && !json_text_is_null(all))
        return posture_refuse(c, "properties.suppressionAlertsScope.allOf", "it is an array");
    w = json_walk_begin(all);
    while (json_walk_next(&w, &key, &item)) {
        if (count == ALL_OF_MAX)
            return posture_refuse(c, "properties.suppressionAlertsScope.allOf",
                                  "at most %d conditions", ALL_OF_MAX);
        if (!element_check(c, item, count++))
            return false;
    }
    return true;
}

/* Its time of change is told, as the service does. */
static enum status
rule_make(struct posture_txn *t, struct posture_change *c, struct err *err)
{
    static const char *const ours[] = {"lastModifiedUtc", NULL};
    char now[DATETIME_TEXT_SIZE];
    size_t count = 0;

    datetime_write(now, t->now);
    text_puts(&c->document, "{\"properties\":{");
    posture_members(&c->document, json_at(c->body, "properties"), ours, &count);
    text_addf(&c->document, "%s\"lastModifiedUtc\":\"%.*s\"}}", count > 0 ? "," : "",
              DATETIME_TEXT_SIZE, now);
    return c->document.is_short ? err_set(err, ST_FULL, "no memory for a suppression rule") : ST_OK;
}

const struct posture_kind posture_kind_suppression_rule = {
    .number = KIND_SUPPRESSION_RULE,
    .type = "alertsSuppressionRules",
    .list = "alertsSuppressionRules",
    .refusal = "InvalidAlertsSuppressionRule",
    .source = EVENT_SOURCES,
    .scope = SCOPE_SUBSCRIPTION,
    .check = rule_check,
    .make = rule_make,
};

/* ---- matching ---- */

static struct span
member_any_case(struct span object, struct span name)
{
    struct json_walk w = json_walk_begin(object);
    struct span key, value;

    if (!json_text_is_object(object))
        return (struct span){NULL, 0};
    while (json_walk_next(&w, &key, &value))
        if (arm_path_equal(key, name))
            return value;
    return (struct span){NULL, 0};
}

/* Cuts the first of the dotted names off *path. */
static struct span
name_next(struct span *path)
{
    const char *dot = path->n > 0 ? memchr(path->p, '.', path->n) : NULL;
    size_t n = dot == NULL ? path->n : (size_t)(dot - path->p);
    struct span name = {path->p, n};

    *path = dot == NULL ? (struct span){path->p + n, 0} : (struct span){dot + 1, path->n - n - 1};
    return name;
}

static struct span
at_path(struct span value, struct span path)
{
    while (path.n > 0 && value.p != NULL)
        value = member_any_case(value, name_next(&path));
    return value;
}

static bool
contains_any_case(struct span text, struct span part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (arm_path_equal((struct span){text.p + i, part.n}, part))
            return true;
    return false;
}

/* A text's characters, a number or truth value as written; in 'out'. */
static struct span
chars_of(struct span value, struct text *out)
{
    text_reset(out);
    if (json_text_is_string(value))
        text_decode(out, value);
    else
        text_add(out, value);
    return text_span(out);
}

static bool
value_meets(struct span element, struct span value)
{
    struct span contains = json_at(element, "contains"), key, item;
    struct json_walk w = json_walk_begin(json_at(element, "in"));
    struct text have = {0}, want = {0};
    bool meets = false;

    if (!json_text_is_null(value) && !json_text_is_object(value) && !json_text_is_array(value)) {
        struct span text = chars_of(value, &have);

        if (json_text_is_string(contains))
            meets = contains_any_case(text, chars_of(contains, &want));
        else
            while (!meets && json_walk_next(&w, &key, &item))
                meets = arm_path_equal(text, chars_of(item, &want));
    }
    text_free(&have);
    text_free(&want);
    return meets;
}

/* entities.{type}.{member...}: of any entity of that type; else a member of the alert. */
static bool
element_meets(struct span element, struct span alert)
{
    struct text decoded = {0}, type = {0};
    struct span field, first, wanted, key, entity;
    bool meets = false;

    text_decode(&decoded, json_at(element, "field"));
    field = text_span(&decoded);
    first = name_next(&field);
    if (!arm_path_equal(first, span_of("entities"))) {
        meets = value_meets(element, at_path(alert, text_span(&decoded)));
    } else {
        struct json_walk w = json_walk_begin(json_at(alert, "entities"));

        wanted = name_next(&field);
        while (!meets && json_walk_next(&w, &key, &entity)) {
            struct span is = chars_of(member_any_case(entity, span_of("type")), &type);

            meets = arm_path_equal(is, wanted) && value_meets(element, at_path(entity, field));
        }
    }
    text_free(&decoded);
    text_free(&type);
    return meets;
}

static bool
is_in_force(struct span rule, int64_t now)
{
    struct text date = {0};
    int64_t end;
    bool is_over;

    if (json_string_among(json_at(rule, "state"), states) != 0)
        return false;
    text_decode(&date, json_at(rule, "expirationDateUtc"));
    is_over = date.n > 0 && datetime_read(text_span(&date), &end) && end <= now;
    text_free(&date);
    return !is_over;
}

bool
suppression_rule_covers(struct span rule, struct span alert, int64_t now)
{
    struct json_walk w = json_walk_begin(json_at(rule, "suppressionAlertsScope.allOf"));
    struct text wanted = {0}, have = {0};
    struct span key, element;
    bool covers;

    if (!is_in_force(rule, now))
        return false;
    text_decode(&wanted, json_at(rule, "alertType"));
    text_decode(&have, json_at(alert, "alertType"));
    covers =
        span_is(text_span(&wanted), "*") || arm_path_equal(text_span(&wanted), text_span(&have));
    text_free(&wanted);
    text_free(&have);
    while (covers && json_walk_next(&w, &key, &element))
        covers = element_meets(element, alert);
    return covers;
}

enum status
suppression_covers(struct posture_txn *t, struct span subscription_id, struct span alert,
                   bool *covers, struct err *err)
{
    sqlite3_stmt *x;
    int64_t scope;
    enum status st = posture_scope_find(t->db, t->tenant, subscription_id, &scope, err);

    *covers = false;
    if (st != ST_OK)
        return st == ST_END ? ST_OK : st;
    st = posture_sql(t->db, &x, err,
                     "SELECT document FROM resources WHERE scope = ? AND kind = 12 AND parent = 0",
                     "i", scope);
    if (st != ST_OK)
        return st;
    while (!*covers && (st = posture_step(t->db, x, err)) == ST_OK)
        *covers =
            suppression_rule_covers(json_at(posture_column(x, 0), "properties"), alert, t->now);
    if (st == ST_OK)
        posture_sql_end(x);
    return st == ST_END ? ST_OK : st;
}
