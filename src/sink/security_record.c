#include "sink/security_record.h"
#include "wire/json_walk.h"
#include <strings.h>

/* In this order; the first that is there and known counts. */
static const char *const severity_paths[] = {
    "Severity",
    "properties.metadata.severity",
    "properties.status.severity",
    "attackPath.riskLevel",
    "AlertSeverity",
    "Properties.Status.Severity",
};
static const char *const time_paths[] = {
    "Timestamp",
    "TimeGenerated",
    "properties.timeGenerated",
    "properties.status.statusChangeDate",
};

static void
members_find(struct security_record *r)
{
    struct json_walk w;
    struct security_member *m = r->members;

    r->count = 0;
    if (r->record.n == 0 || r->record.p[0] != '{' || !json_walk_open(&w, r->record))
        return;
    while (r->count < SECURITY_MEMBERS_MAX && json_walk_next(&w, &m->key, &m->value)) {
        r->count++;
        m++;
    }
}

static struct span
member(const struct security_record *r, struct span key)
{
    for (size_t i = 0; i < r->count; i++)
        if (span_equal(r->members[i].key, key))
            return r->members[i].value;
    return r->count < SECURITY_MEMBERS_MAX ? (struct span){NULL, 0}
                                           : json_walk_member(r->record, key);
}

/* The first item whose "Type" is this. */
static struct span
item_of_type(struct span array, struct span type)
{
    struct json_walk w;
    struct span key, item, text;

    if (array.n > 0 && array.p[0] == '[' && json_walk_open(&w, array))
        while (json_walk_next(&w, &key, &item))
            if (json_walk_is_text(json_walk_member(item, SPAN_LITERAL("Type")), &text) &&
                text.n == type.n && strncasecmp(text.p, type.p, type.n) == 0)
                return item;
    return (struct span){NULL, 0};
}

struct span
security_record_find(const struct security_record *r, const char *path)
{
    struct span value = {NULL, 0};

    for (bool is_first = true; *path != '\0'; is_first = false) {
        size_t n = strcspn(path, ".["), size;
        struct span key = {path, n};

        value = is_first ? member(r, key) : json_walk_member(value, key);
        path += n;
        if (*path == '[') {
            size = strcspn(path, "]");
            value = item_of_type(value, (struct span){path + 1, size - 1});
            path += size + (path[size] == ']');
        }
        path += *path == '.';
    }
    if (span_is(value, "null") || span_is(value, "\"\""))
        return (struct span){NULL, 0};
    return value;
}

static enum security_severity
severity_find(const struct security_record *r)
{
    for (size_t i = 0; i < COUNT_OF(severity_paths); i++) {
        struct span text;

        if (!json_walk_is_text(security_record_find(r, severity_paths[i]), &text))
            continue;
        for (int k = SECURITY_INFORMATIONAL; k < SECURITY_SEVERITIES; k++)
            if (strlen(security_severity_rows[k].name) == text.n &&
                strncasecmp(security_severity_rows[k].name, text.p, text.n) == 0)
                return (enum security_severity)k;
    }
    return SECURITY_NONE;
}

static const struct security_kind *
kind_find(const char *table)
{
    const struct security_kind *k = security_kinds;

    for (; k[1].name != NULL; k++)
        for (size_t i = 0; i < COUNT_OF(k->tables) && k->tables[i] != NULL; i++)
            if (strcmp(k->tables[i], table) == 0)
                return k;
    return k;
}

/* An envelope tells its time and the lane's category, and holds the record. */
static bool
is_envelope(const struct security_record *r, struct span *time, struct span *properties)
{
    struct span category;

    *properties = member(r, SPAN_LITERAL("properties"));
    return properties->n > 0 && properties->p[0] == '{' &&
           json_walk_is_text(member(r, SPAN_LITERAL("time")), time) &&
           json_walk_is_text(member(r, SPAN_LITERAL("category")), &category) &&
           span_is(category, r->lane->category);
}

void
security_record_read(struct security_record *r, const struct lane *lane, struct span row,
                     const char *id)
{
    struct span properties;

    r->lane = lane;
    r->row = r->record = row;
    r->kind = kind_find(lane->table);
    r->time = (struct span){NULL, 0};
    r->id = id;
    members_find(r);
    if (is_envelope(r, &r->time, &properties)) {
        r->record = properties;
        members_find(r);
    } else {
        r->time = (struct span){NULL, 0};
    }
    for (size_t i = 0; i < COUNT_OF(time_paths); i++) {
        struct span text;

        if (!json_walk_is_text(security_record_find(r, time_paths[i]), &text))
            continue;
        r->time = text;
        break;
    }
    r->severity = severity_find(r);
}
