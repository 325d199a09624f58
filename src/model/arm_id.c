/* arm_id.c - one pass over the segments between slashes; the grammar is the order of the checks in
 * arm_id_parse. */
#include "model/arm_id.h"

/* Longest part of an error text that quotes the input. */
enum { QUOTE_MAX = 80 };

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool
equal_ignoring_case(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

static bool
is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'f');
}

bool
guid_is(struct span text)
{
    if (text.n != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (is_dash ? text.p[i] != '-' : !is_hex(text.p[i]))
            return false;
    }
    return true;
}

bool
guid_copy(struct span text, char out[37])
{
    if (!guid_is(text))
        return false;
    for (size_t i = 0; i < 36; i++)
        out[i] = lower(text.p[i]);
    out[36] = '\0';
    return true;
}

static struct span
without_slash(struct span text)
{
    if (text.n > 1 && text.p[text.n - 1] == '/')
        text.n--;
    return text;
}

bool
arm_id_equal(struct span a, struct span b)
{
    return equal_ignoring_case(without_slash(a), without_slash(b));
}

/* Takes "/segment" off the front; false when nothing is left. An empty segment is given as such. */
static bool
take_segment(struct span *rest, struct span *segment)
{
    size_t n = 1;

    if (rest->n == 0)
        return false;
    while (n < rest->n && rest->p[n] != '/')
        n++;
    *segment = (struct span){rest->p + 1, n - 1};
    *rest = (struct span){rest->p + n, rest->n - n};
    return true;
}

/* Takes the segment only if it is the keyword. */
static bool
take_keyword(struct span *rest, const char *keyword)
{
    struct span left = *rest, segment;

    if (!take_segment(&left, &segment) || !equal_ignoring_case(segment, span_of(keyword)))
        return false;
    *rest = left;
    return true;
}

/* Resource names: Azure forbids control characters and these; "." and ".." would climb once the id
 * becomes a path. */
static bool
is_name(struct span s, size_t size_max)
{
    if (s.n == 0 || s.n > size_max || span_is(s, ".") || span_is(s, ".."))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || strchr("<>%&\\?#/\"", s.p[i]) != NULL)
            return false;
    return true;
}

/* Providers and types: letters and digits in parts set off by dots. */
static bool
is_dotted(struct span s, bool is_dot_needed)
{
    bool has_dot = false;

    if (s.n == 0 || s.n > ARM_NAME_MAX || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.')
            has_dot = true;
        else if (!is_letter_or_digit(s.p[i]))
            return false;
    }
    return has_dot || !is_dot_needed;
}

static enum status
wrong(struct err *err, const char *part, struct span seen, const char *form)
{
    int n = seen.n > QUOTE_MAX ? QUOTE_MAX : (int)seen.n;

    return err_set(err, ST_INVALID, "resource id: the %s '%.*s' is not %s", part, n, seen.p, form);
}

/* /{type}/{name}; 'what' tells the first pair from the nested one. */
static enum status
take_pair(struct span *rest, struct span *type, struct span *name, const char *what,
          struct err *err)
{
    if (!take_segment(rest, type) || !is_dotted(*type, false))
        return wrong(err, what, *type, "a resource type of letters and digits");
    if (!take_segment(rest, name))
        return err_set(err, ST_INVALID, "resource id: the name behind the type '%.*s' is missing",
                       type->n > QUOTE_MAX ? QUOTE_MAX : (int)type->n, type->p);
    if (!is_name(*name, ARM_NAME_MAX))
        return wrong(err, "resource name", *name,
                     "1 to 260 characters without < > % & \\ ? # \" and control characters");
    return ST_OK;
}

enum status
arm_id_parse(struct span text, struct arm_id *id, struct err *err)
{
    static const char form[] =
        "/subscriptions/{guid}/resourceGroups/{name}/providers/{provider}/{type}/{name}";
    struct span rest = without_slash(text);
    struct arm_id found = {0};
    enum status st;

    if (text.n > ARM_ID_MAX)
        return err_set(err, ST_INVALID, "resource id: %zu bytes, at most %d are allowed", text.n,
                       ARM_ID_MAX);
    if (text.n == 0 || text.p[0] != '/')
        return wrong(err, "text", text, form);
    if (take_keyword(&rest, "subscriptions")) {
        if (!take_segment(&rest, &found.subscription) || !guid_is(found.subscription))
            return wrong(err, "subscription", found.subscription,
                         "a GUID (8-4-4-4-12 hexadecimal digits)");
        if (take_keyword(&rest, "resourceGroups") &&
            (!take_segment(&rest, &found.resource_group) || !is_name(found.resource_group, 90) ||
             found.resource_group.p[found.resource_group.n - 1] == '.'))
            return wrong(err, "resource group", found.resource_group,
                         "a name of 1 to 90 characters that does not end in a dot");
    }
    if (!take_keyword(&rest, "providers"))
        return wrong(err, "text", text, form);
    if (!take_segment(&rest, &found.provider) || !is_dotted(found.provider, true))
        return wrong(err, "provider", found.provider, "like Microsoft.EventHub");
    st = take_pair(&rest, &found.type, &found.name, "type", err);
    if (st == ST_OK && rest.n > 0)
        st = take_pair(&rest, &found.child_type, &found.child_name, "nested type", err);
    if (st != ST_OK)
        return st;
    if (rest.n > 0)
        return wrong(err, "part", rest, "expected: at most one nested {type}/{name} is");
    *id = found;
    return ST_OK;
}
