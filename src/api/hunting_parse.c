/* hunting_parse.c - ISO 8601 periods, RFC 7240 preferences, and the bodies of hunting requests. */
#include "api/hunting_parse.h"
#include "api/arm.h"
#include "kql/value.h"
#include <ctype.h>
#include <strings.h>

/* ---- periods ---- */

/* Digits and a fraction; the fraction in ten millionths. False: no digit, or more than anybody means. */
static bool
number_read(struct span text, size_t *at, uint64_t *whole, uint64_t *fraction)
{
    size_t i = *at, digits = 0;
    uint64_t unit = 10000000;

    *whole = *fraction = 0;
    for (; i < text.n && isdigit((unsigned char)text.p[i]); i++, digits++)
        *whole = *whole * 10 + (uint64_t)(text.p[i] - '0');
    if (digits == 0 || digits > 18)
        return false;
    if (i < text.n && (text.p[i] == '.' || text.p[i] == ',')) {
        size_t first = ++i;

        for (; i < text.n && isdigit((unsigned char)text.p[i]); i++)
            *fraction += (unit /= 10) * (uint64_t)(text.p[i] - '0');
        if (i == first || i - first > 18)
            return false;
    }
    *at = i;
    return true;
}

static const struct unit {
    char letter;
    bool is_of_time; /* behind the T */
    int64_t seconds;
} units[] = {
  /* in the order in which they may come */
    {'Y', false, 365 * 86400},
    {'M', false, 30 * 86400 },
    {'W', false, 7 * 86400  },
    {'D', false, 86400      },
    {'H', true,  3600       },
    {'M', true,  60         },
    {'S', true,  1          },
};

/* Ticks, cut to the length of the calendar. */
static int64_t
ticks_of(const struct unit *unit, uint64_t whole, uint64_t fraction)
{
    uint64_t whole_max = (uint64_t)(KQL_DATETIME_MAX / kql_ticks_per_s / unit->seconds);
    int64_t ticks = KQL_DATETIME_MAX;

    if (whole < whole_max)
        ticks = ((int64_t)whole * kql_ticks_per_s + (int64_t)fraction) * unit->seconds;
    return ticks;
}

static bool
duration_read(struct span text, int64_t *ticks)
{
    size_t at = 1, next = 0;
    bool is_time = false, is_fraction = false, is_any = false;

    *ticks = 0;
    if (text.n < 2 || text.p[0] != 'P')
        return false;
    while (at < text.n) {
        uint64_t whole, fraction;

        if (text.p[at] == 'T' && !is_time) {
            is_time = true;
            at++;
            is_any = false; /* something must follow */
            continue;
        }
        if (is_fraction || !number_read(text, &at, &whole, &fraction) || at == text.n)
            return false;
        while (next < COUNT_OF(units) &&
               (units[next].letter != text.p[at] || units[next].is_of_time != is_time))
            next++;
        if (next == COUNT_OF(units))
            return false;
        *ticks += ticks_of(&units[next++], whole, fraction);
        if (*ticks > KQL_DATETIME_MAX)
            *ticks = KQL_DATETIME_MAX;
        is_fraction = fraction > 0;
        is_any = true;
        at++;
    }
    return is_any;
}

static bool
moment_read(struct span text, int64_t *ticks)
{
    return text.n >= 10 && isdigit((unsigned char)text.p[0]) && text.p[4] == '-' &&
           text.p[7] == '-' && kql_read_datetime(text, ticks);
}

static bool
period_wrong(struct span text, struct err *err)
{
    (void)err_set(err, ST_INVALID,
                  "'%.*s' is no ISO 8601 time span: P1D, PT12H, START/END, START/P1D or P1D/END, "
                  "START and END like 2024-02-01T08:00:00Z",
                  (int)(text.n < 80 ? text.n : 80), text.p);
    return false;
}

bool
hunting_period_read(struct span text, int64_t now, struct hunting_period *out, struct err *err)
{
    const char *slash = memchr(text.p, '/', text.n);
    struct span first = {text.p, slash == NULL ? text.n : (size_t)(slash - text.p)};
    struct span second = {text.p + first.n + 1, slash == NULL ? 0 : text.n - first.n - 1};
    int64_t from = 0, to = now, length = 0;
    bool starts = moment_read(first, &from);

    if (!starts && !duration_read(first, &length))
        return period_wrong(text, err);
    if (slash != NULL && !moment_read(second, &to)) {
        if (!starts || !duration_read(second, &length))
            return period_wrong(text, err);
        to = from > KQL_DATETIME_MAX - length ? KQL_DATETIME_MAX : from + length;
    }
    if (!starts)
        from = to - length < 0 ? 0 : to - length;
    if (from > to) {
        (void)err_set(err, ST_INVALID, "the time span '%.*s' ends before it begins",
                      (int)(text.n < 80 ? text.n : 80), text.p);
        return false;
    }
    *out = (struct hunting_period){from, to};
    return true;
}

struct hunting_period
hunting_period_both(struct hunting_period a, struct hunting_period b)
{
    struct hunting_period both = {a.from > b.from ? a.from : b.from, a.to < b.to ? a.to : b.to};

    if (both.to < both.from)
        both.to = both.from;
    return both;
}

/* ---- headers ---- */

static bool
word_is(struct span word, const char *name)
{
    return word.n == strlen(name) && strncasecmp(word.p, name, word.n) == 0;
}

static struct span
trimmed(struct span s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct span){s.p + 1, s.n - 1};
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static void
preference_take(struct hunting_prefer *p, struct span name, struct span value)
{
    bool is_true = value.n == 0 || word_is(value, "true");
    uint64_t seconds = 0;

    if (word_is(name, "include-statistics"))
        p->has_statistics = is_true;
    if (word_is(name, "include-render"))
        p->has_render = is_true;
    if (!word_is(name, "wait") || value.n == 0 || value.n > 9)
        return;
    for (size_t i = 0; i < value.n; i++) {
        if (!isdigit((unsigned char)value.p[i]))
            return;
        seconds = seconds * 10 + (uint64_t)(value.p[i] - '0');
    }
    p->wait_ms = seconds == 0 ? 1000 : (int64_t)seconds * 1000;
}

struct hunting_prefer
hunting_prefer_read(const char *header)
{
    struct hunting_prefer p = {.wait_ms = 0};

    for (const char *at = header == NULL ? "" : header; *at != '\0'; at += *at != '\0') {
        struct span part = {at, strcspn(at, ",;")}, name, value = {"", 0};
        const char *equal = memchr(part.p, '=', part.n);

        at += part.n;
        name = trimmed((struct span){part.p, equal == NULL ? part.n : (size_t)(equal - part.p)});
        if (equal != NULL)
            value = trimmed((struct span){equal + 1, part.n - (size_t)(equal - part.p) - 1});
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            value = (struct span){value.p + 1, value.n - 2};
        preference_take(&p, name, value);
    }
    return p;
}

bool
hunting_takes_gzip(const char *header)
{
    bool by_star = false;

    for (const char *at = header == NULL ? "" : header; *at != '\0'; at += *at == ',') {
        size_t n, part;
        bool is_refused = false;

        at += strspn(at, " \t");
        part = strcspn(at, ",");
        n = strcspn(at, ",; \t");
        for (size_t i = n; i + 3 <= part; i++)
            if (strncasecmp(at + i, "q=0", 3) == 0) {
                size_t zeros = strspn(at + i + 3, ".0");

                is_refused = !isdigit((unsigned char)at[i + 3 + zeros]);
            }
        if (n == 4 && strncasecmp(at, "gzip", 4) == 0)
            return !is_refused;
        if (n == 1 && at[0] == '*')
            by_star = !is_refused;
        at += part;
    }
    return by_star;
}

/* ---- paths ---- */

static bool
begins(const char *text, const char *word)
{
    return strncasecmp(text, word, strlen(word)) == 0;
}

bool
hunting_path_plain(const char *path, char *out, size_t room)
{
    static const char type[] = "/providers/Microsoft.OperationalInsights/workspaces/";
    const char *id = path + (begins(path, "/v1/") ? 3 : 0), *name = NULL, *end;
    int n;

    while (id[0] == '/' && id[1] == '/')
        id++;
    if (!begins(id, "/subscriptions/"))
        return false;
    for (const char *at = id; *at != '\0' && name == NULL; at++)
        if (begins(at, type))
            name = at + sizeof type - 1;
    if (name == NULL)
        return false;
    end = name + strcspn(name, "/");
    if (strcasecmp(end, "/query") != 0 && strcasecmp(end, "/api/query") != 0)
        return false;
    n = snprintf(out, room, "/v1%.*s/query", (int)(end - id), id);
    return n > 0 && (size_t)n < room;
}

/* ---- bodies ---- */

json_t *
hunting_json_read(struct span text, struct err *err)
{
    char where[120] = "";
    json_t *tree = arm_json_read(text, where);

    if (tree == NULL)
        (void)err_set(err, ST_INVALID, "the body is not JSON: %s", where);
    return tree;
}

const json_t *
hunting_member(const json_t *object, const char *name)
{
    const json_t *exact = json_object_get(object, name), *found = NULL;
    const char *key;
    json_t *value;

    if (exact == NULL)
        json_object_foreach((json_t *)object, key, value) if (strcasecmp(key, name) == 0) found =
            value;
    found = exact != NULL ? exact : found;
    return json_is_null(found) ? NULL : found;
}

static struct span
text_of(const json_t *string)
{
    return (struct span){json_string_value(string), json_string_length(string)};
}

static bool
workspaces_read(const json_t *list, struct hunting_query *out, struct err *err)
{
    size_t count = json_array_size(list);

    if (list == NULL)
        return true;
    if (!json_is_array(list) || count > HUNTING_ADDITIONAL_MAX) {
        (void)err_set(err, ST_INVALID, "'workspaces' must be a list of at most %d names",
                      HUNTING_ADDITIONAL_MAX);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *name = json_array_get(list, i);

        if (!json_is_string(name) || json_string_length(name) == 0) {
            (void)err_set(err, ST_INVALID, "'workspaces[%zu]' must be a name or id", i);
            return false;
        }
        out->workspaces[out->workspace_count++] = text_of(name);
    }
    return true;
}

bool
hunting_query_read(const json_t *object, int64_t now, struct hunting_query *out, struct err *err)
{
    const json_t *text, *period, *workspace;

    *out = (struct hunting_query){
        .period = {INT64_MIN, INT64_MAX}
    };
    if (!json_is_object(object)) {
        (void)err_set(err, ST_INVALID, "the body must be an object with a member 'query'");
        return false;
    }
    text = hunting_member(object, "query");
    if (!json_is_string(text)) {
        (void)err_set(err, ST_INVALID, "%s",
                      text == NULL ? "'query' is missing: it is the text of the query"
                                   : "'query' must be a text");
        return false;
    }
    out->text = text_of(text);
    out->own = hunting_member(object, "penstock");
    if (trimmed(out->text).n == 0) {
        (void)err_set(err, ST_INVALID, "'query' is empty");
        return false;
    }
    period = hunting_member(object, "timespan");
    if (period != NULL && !json_is_string(period)) {
        (void)err_set(err, ST_INVALID, "'timespan' must be a text like P1D");
        return false;
    }
    if (period != NULL && json_string_length(period) > 0 &&
        !hunting_period_read(text_of(period), now, &out->period, err))
        return false;
    workspace = hunting_member(object, "workspaceId");
    if (workspace != NULL && !json_is_string(workspace)) {
        (void)err_set(err, ST_INVALID, "'workspaceId' must be a text");
        return false;
    }
    if (workspace != NULL)
        out->workspace = text_of(workspace);
    return workspaces_read(hunting_member(object, "workspaces"), out, err);
}
