#include "wire/json_find.h"
#include "base/utf8.h"
#include "wire/json_walk.h"
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

bool
json_next(struct span container, size_t *at, struct span *value)
{
    struct json_walk w;
    struct span key;

    if (!json_walk_open(&w, container))
        return false;
    w.at += *at == 0 ? 0 : *at - 1; /* it begins behind the bracket */
    if (!json_walk_next(&w, &key, value))
        return false;
    *at = (size_t)(w.at - container.p);
    return true;
}

static bool
member_find(struct span object, struct span name, struct span *value)
{
    struct json_walk w;
    struct span key, one;
    bool is_found = false;

    if (!json_walk_open(&w, object) || object.p[0] != '{')
        return false;
    while (json_walk_next(&w, &key, &one)) {
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
    struct span here = json_walk_value(json);

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
