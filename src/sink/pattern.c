#include "sink/pattern.h"
#include "model/datetime.h"
#include "wire/json_find.h"

static const char *const names[] = {"category", "table", "tenant", "date"};
enum { IS_CATEGORY, IS_TABLE, IS_TENANT, IS_DATE, NAMES };

/* The name that begins behind a '{'; NAMES: none of ours. */
static size_t
name_find(const char *text)
{
    size_t i = 0, n = strcspn(text, "}");

    while (i < NAMES && (strlen(names[i]) != n || memcmp(names[i], text, n) != 0))
        i++;
    return text[n] == '}' ? i : NAMES;
}

enum status
pattern_check(const char *pattern, const char *place, struct err *err)
{
    for (const char *p = pattern; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return err_set(err, ST_INVALID, "%s holds a control character", place);
        if (*p == '}' || (*p == '{' && name_find(p + 1) == NAMES))
            return err_set(err, ST_INVALID,
                           "%s: only {category}, {table}, {tenant} and {date} stand in braces",
                           place);
        if (*p == '{')
            p = strchr(p, '}');
    }
    return ST_OK;
}

bool
pattern_write(const char *pattern, const struct lane *lane, int64_t ticks, struct buffer *out)
{
    while (*pattern != '\0') {
        struct span plain = {pattern, strcspn(pattern, "{")};
        char day[DATETIME_TEXT_SIZE];
        struct span value;

        if (!buffer_add(out, plain))
            return false;
        pattern += plain.n;
        if (*pattern == '\0')
            break;
        switch (name_find(pattern + 1)) {
        case IS_CATEGORY:
            value = span_of(lane->category);
            break;
        case IS_TABLE:
            value = span_of(lane->table);
            break;
        case IS_TENANT:
            value = span_of(lane->tenant);
            break;
        default:
            datetime_write(day, ticks);
            day[4] = day[7] = '.';
            value = (struct span){day, 10};
            break;
        }
        if (!buffer_add(out, value))
            return false;
        pattern = strchr(pattern, '}') + 1;
    }
    return true;
}

int64_t
row_time(struct span row, int64_t now)
{
    static const char *const paths[] = {"time", "['@timestamp']", "Timestamp", "TimeGenerated",
                                        "properties.timeGenerated"};

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct json_path path;
        struct span value;
        struct err err;
        int64_t ticks;
        size_t used;

        if (json_path_read(span_of(paths[i]), &path, &used, &err) == ST_OK &&
            json_find(row, &path, &value) && value.n > 2 && value.p[0] == '"' &&
            datetime_read((struct span){value.p + 1, value.n - 2}, &ticks))
            return ticks;
    }
    return now;
}
