#include "wire/json_find.h"
#include "base/utf8.h"
#include <ctype.h>
#include <strings.h>

/* ---- paths ---- */

static bool
ends_path(char c)
{
    return c == ' ' || c == '|' || c == '}' || c == '\t';
}

static enum status
step_add(struct json_path *path, struct span name, size_t index, struct err *err)
{
    if (path->count == JSON_PATH_STEPS_MAX)
        return err_set(err, ST_INVALID, "a path has at most %d steps", JSON_PATH_STEPS_MAX);
    path->steps[path->count].name = name;
    path->steps[path->count++].index = index;
    return ST_OK;
}

/* "[3]", "['name']"; *at stands behind the '['. */
static enum status
bracket_read(struct span text, size_t *at, struct json_path *path, struct err *err)
{
    size_t from = *at, index = 0;
    char quote = from < text.n ? text.p[from] : '\0';

    if (quote == '\'' || quote == '"') {
        const char *end = memchr(text.p + from + 1, quote, text.n - from - 1);
        size_t n = end == NULL ? 0 : (size_t)(end - text.p) - from - 1;

        if (end == NULL || from + n + 2 >= text.n || text.p[from + n + 2] != ']')
            return err_set(err, ST_INVALID, "['name'] is not closed");
        *at = from + n + 3;
        return step_add(path, (struct span){text.p + from + 1, n}, 0, err);
    }
    while (*at < text.n && isdigit((unsigned char)text.p[*at]) && *at - from < 9)
        index = index * 10 + (size_t)(text.p[(*at)++] - '0');
    if (*at == from || *at >= text.n || text.p[*at] != ']')
        return err_set(err, ST_INVALID, "[number] or ['name'] is wanted");
    ++*at;
    return step_add(path, (struct span){NULL, 0}, index, err);
}

enum status
json_path_read(struct span text, struct json_path *path, size_t *used, struct err *err)
{
    enum status st = ST_OK;
    size_t at = 0;
    bool wants_name = true; /* a name may stand here */

    path->count = 0;
    if (at < text.n && (text.p[at] == '$' || text.p[at] == '.')) {
        bool is_root = text.p[at] == '$';

        at++;
        wants_name = false;
        if (is_root && at < text.n && text.p[at] == '.') {
            at++;
            wants_name = true;
        }
    }
    while (st == ST_OK && at < text.n && !ends_path(text.p[at])) {
        size_t from = at;

        if (text.p[at] == '[') {
            at++;
            st = bracket_read(text, &at, path, err);
        } else if (wants_name) {
            while (at < text.n && !ends_path(text.p[at]) && strchr(".['\"]", text.p[at]) == NULL)
                at++;
            if (at == from)
                return err_set(err, ST_INVALID, "a name is wanted");
            st = step_add(path, (struct span){text.p + from, at - from}, 0, err);
        } else {
            return err_set(err, ST_INVALID, "'.' or '[' is wanted");
        }
        wants_name = false;
        if (st == ST_OK && at < text.n && text.p[at] == '.') {
            at++;
            wants_name = true;
        }
    }
    if (st == ST_OK && wants_name)
        return err_set(err, ST_INVALID, at == 0 ? "a path is wanted" : "the path ends with a '.'");
    *used = at;
    return st;
}

/* ---- walking ---- */

static size_t
blanks_skip(struct span s, size_t at)
{
    while (at < s.n && (s.p[at] == ' ' || s.p[at] == '\t' || s.p[at] == '\n' || s.p[at] == '\r'))
        at++;
    return at;
}

/* Behind the string that begins at 'at'. */
static size_t
string_end(struct span s, size_t at)
{
    for (at++; at < s.n; at++) {
        if (s.p[at] == '\\')
            at++;
        else if (s.p[at] == '"')
            return at + 1;
    }
    return s.n;
}

static size_t
value_end(struct span s, size_t at)
{
    size_t depth = 0;

    if (at < s.n && s.p[at] == '"')
        return string_end(s, at);
    if (at < s.n && (s.p[at] == '{' || s.p[at] == '[')) {
        while (at < s.n) {
            char c = s.p[at];

            if (c == '"') {
                at = string_end(s, at);
                continue;
            }
            at++;
            if (c == '{' || c == '[')
                depth++;
            else if ((c == '}' || c == ']') && --depth == 0)
                break;
        }
        return at;
    }
    while (at < s.n && strchr(",]} \t\r\n", s.p[at]) == NULL)
        at++;
    return at;
}

/* One member or element further; *at stands behind the bracket or the last value. */
static bool
next(struct span s, size_t *at, struct span *key, struct span *value)
{
    bool is_object = s.n > 0 && s.p[0] == '{';
    size_t i = *at == 0 ? 1 : *at;

    i = blanks_skip(s, i);
    if (*at != 0) {
        if (i >= s.n || s.p[i] != ',')
            return false;
        i = blanks_skip(s, i + 1);
    }
    if (i >= s.n || s.p[i] == '}' || s.p[i] == ']')
        return false;
    *key = (struct span){NULL, 0};
    if (is_object) {
        size_t end = s.p[i] == '"' ? string_end(s, i) : i;

        if (end < i + 2)
            return false;
        *key = (struct span){s.p + i + 1, end - i - 2};
        i = blanks_skip(s, end);
        if (i >= s.n || s.p[i] != ':')
            return false;
        i = blanks_skip(s, i + 1);
    }
    *at = value_end(s, i);
    *value = (struct span){s.p + i, *at - i};
    return value->n > 0;
}

bool
json_next(struct span container, size_t *at, struct span *value)
{
    struct span key;

    if (container.n == 0 || (container.p[0] != '{' && container.p[0] != '['))
        return false;
    return next(container, at, &key, value);
}

static bool
member_find(struct span object, struct span name, struct span *value)
{
    struct span key, one;
    bool is_found = false;

    if (object.n == 0 || object.p[0] != '{')
        return false;
    for (size_t at = 0; next(object, &at, &key, &one);) {
        if (key.n != name.n)
            continue;
        if (memcmp(key.p, name.p, name.n) == 0) {
            *value = one;
            return true;
        }
        if (!is_found && strncasecmp(key.p, name.p, name.n) == 0) {
            *value = one;
            is_found = true;
        }
    }
    return is_found;
}

static bool
element_find(struct span array, size_t index, struct span *value)
{
    size_t at = 0;

    if (array.n == 0 || array.p[0] != '[')
        return false;
    while (json_next(array, &at, value))
        if (index-- == 0)
            return true;
    return false;
}

bool
json_find(struct span json, const struct json_path *path, struct span *value)
{
    size_t at = blanks_skip(json, 0);
    struct span here = {json.p + at, value_end(json, at) - at};

    for (size_t i = 0; i < path->count; i++)
        if (path->steps[i].name.p != NULL ? !member_find(here, path->steps[i].name, &here)
                                          : !element_find(here, path->steps[i].index, &here))
            return false;
    *value = here;
    return here.n > 0;
}

/* ---- text ---- */

/* Four hex digits; false: they are none. */
static bool
unit_read(struct span s, size_t at, uint32_t *unit)
{
    *unit = 0;
    if (at + 4 > s.n)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = s.p[at + i];

        if (!isxdigit((unsigned char)c))
            return false;
        *unit = *unit << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return true;
}

size_t
json_text(struct span value, char *out)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    bool has_end = value.n >= 2 && value.p[value.n - 1] == '"';
    size_t n = 0, end = has_end ? value.n - 1 : value.n;

    for (size_t at = 1; at < end; at++) {
        uint32_t unit, low;
        const char *name;

        if (value.p[at] != '\\' || at + 1 >= end) {
            out[n++] = value.p[at];
            continue;
        }
        at++;
        name = memchr(names, value.p[at], sizeof names - 1);
        if (name != NULL) {
            out[n++] = bytes[name - names];
        } else if (value.p[at] == 'u' && unit_read(value, at + 1, &unit)) {
            at += 4;
            if (unit >= 0xd800 && unit < 0xdc00 && at + 2 < end && value.p[at + 1] == '\\' &&
                value.p[at + 2] == 'u' && unit_read(value, at + 3, &low) && low >= 0xdc00 &&
                low < 0xe000) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                at += 6;
            }
            n += utf8_put(unit >= 0xd800 && unit < 0xe000 ? 0xfffd : unit, out + n);
        } else {
            out[n++] = value.p[at];
        }
    }
    return n;
}
