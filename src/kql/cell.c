#include "kql/cell.h"
#include "kql/dynamic.h"
#include <math.h>

struct span
kql_cell_text(struct pool *p, struct span json, bool has_escapes)
{
    struct kql_value v;
    size_t at;

    if (!has_escapes || memchr(json.p, '\\', json.n) == NULL)
        return (struct span){json.p + 1, json.n - 2};
    if (kql_json_read(p, json, true, &v, &at) && !v.is_null && v.type == KQL_STRING)
        return kql_text(&v);
    return (struct span){json.p + 1, json.n - 2};
}

/* Integers as JSON writes them, fast; false: another form. */
static bool
read_plain(struct span s, int64_t *out)
{
    bool is_negative = s.p[0] == '-';
    uint64_t n = 0;
    size_t i = is_negative;

    if (s.n - i == 0 || s.n - i > 18)
        return false;
    for (; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';

        if (digit > 9)
            return false;
        n = n * 10 + digit;
    }
    *out = is_negative ? -(int64_t)n : (int64_t)n;
    return true;
}

static bool
read_whole(struct span s, bool is_number, int64_t *out)
{
    double r;

    if (read_plain(s, out) || kql_read_long(s, out))
        return true;
    /* 1.0 and 1e3 are whole numbers too, as far as a double is exact */
    if (!is_number || !kql_read_real(s, &r) || r != floor(r) || fabs(r) > 9007199254740992.0)
        return false;
    *out = (int64_t)r;
    return true;
}

static struct kql_value
whole(enum kql_type type, int64_t i)
{
    if (type == KQL_INT && (i < INT32_MIN || i > INT32_MAX))
        return kql_null(type);
    return kql_integer(type, i);
}

/* 's': a number as written, or what a string holds. */
static struct kql_value
read_scalar(struct pool *p, enum kql_type type, struct span s, bool is_number)
{
    struct kql_decimal decimal, *d;
    struct kql_guid guid, *g;
    int64_t i;
    double r;
    bool b;

    switch (type) {
    case KQL_INT:
    case KQL_LONG:
        return s.n > 0 && read_whole(s, is_number, &i) ? whole(type, i) : kql_null(type);
    case KQL_REAL:
        return kql_read_real(s, &r) ? kql_real(r) : kql_null(type);
    case KQL_BOOL:
        if (is_number)
            return kql_read_real(s, &r) ? kql_bool(r != 0) : kql_null(type);
        return kql_read_bool(s, &b) ? kql_bool(b) : kql_null(type);
    case KQL_DATETIME:
        return !is_number && kql_read_datetime(s, &i) ? kql_integer(type, i) : kql_null(type);
    case KQL_TIMESPAN:
        return !is_number && kql_read_timespan(s, &i) ? kql_integer(type, i) : kql_null(type);
    case KQL_DECIMAL:
        if (!kql_read_decimal(s, &decimal))
            return kql_null(type);
        d = pool_take(p, sizeof *d);
        *d = decimal;
        return (struct kql_value){.type = KQL_DECIMAL, .decimal = d};
    case KQL_GUID:
        if (is_number || !kql_read_guid(s, &guid))
            return kql_null(type);
        g = pool_take(p, sizeof *g);
        *g = guid;
        return (struct kql_value){.type = KQL_GUID, .guid = g};
    default:
        return kql_null(type);
    }
}

static struct kql_value
read_dynamic(struct pool *p, struct span json, bool has_escapes)
{
    struct kql_value v;
    size_t at;

    if (json.p[0] == '"') {
        struct span text = kql_cell_text(p, json, has_escapes), inner = text;

        while (inner.n > 0 && (unsigned char)inner.p[0] <= ' ')
            inner.p++, inner.n--;
        if (inner.n > 1 && (inner.p[0] == '{' || inner.p[0] == '[') &&
            kql_json_read(p, inner, true, &v, &at))
            return v;
        return kql_string(text);
    }
    if (kql_json_read(p, json, true, &v, &at))
        return v;
    return kql_string(json); /* nested deeper than dynamic values are */
}

struct kql_value
kql_cell_read(struct pool *p, enum kql_type type, struct span json, bool has_escapes)
{
    if (json.n == 0 || json.n > KQL_STRING_MAX)
        return kql_null(type);
    if (type == KQL_DYNAMIC)
        return read_dynamic(p, json, has_escapes);
    switch (json.p[0]) {
    case '"':
        if (type == KQL_STRING)
            return kql_string(kql_cell_text(p, json, has_escapes));
        return read_scalar(p, type, kql_cell_text(p, json, has_escapes), false);
    case 'n':
        return kql_null(type);
    case 't':
    case 'f':
        if (type == KQL_BOOL)
            return kql_bool(json.p[0] == 't');
        if (type == KQL_INT || type == KQL_LONG)
            return kql_integer(type, json.p[0] == 't');
        if (type == KQL_REAL)
            return kql_real(json.p[0] == 't');
        break;
    case '{':
    case '[':
        break;
    default:
        if (type != KQL_STRING)
            return read_scalar(p, type, json, true);
    }
    return type == KQL_STRING ? kql_string(json) : kql_null(type);
}

/* ---- guessing ---- */

static bool
looks_like_time(struct span text)
{
    static const char form[] = "0000-00-00T00:00";
    int64_t ticks;

    if (text.n < sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == '0' ? text.p[i] < '0' || text.p[i] > '9' : text.p[i] != form[i])
            return false;
    return kql_read_datetime(text, &ticks);
}

static enum kql_type
guess_number(struct span text)
{
    int64_t whole;

    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '.' || text.p[i] == 'e' || text.p[i] == 'E')
            return KQL_REAL;
    return kql_read_long(text, &whole) ? KQL_LONG : KQL_REAL; /* all 64 bits */
}

enum kql_type
kql_cell_guess(struct span json, bool has_escapes)
{
    switch (json.p[0]) {
    case '"':
        return !has_escapes && looks_like_time((struct span){json.p + 1, json.n - 2}) ? KQL_DATETIME
                                                                                      : KQL_STRING;
    case 't':
    case 'f':
        return KQL_BOOL;
    case '{':
    case '[':
        return KQL_DYNAMIC;
    case 'n':
        return KQL_UNKNOWN;
    default:
        return guess_number(json);
    }
}

enum kql_type
kql_cell_wider(enum kql_type a, enum kql_type b)
{
    if (a == KQL_UNKNOWN || a == b)
        return b;
    if (b == KQL_UNKNOWN)
        return a;
    if ((a == KQL_LONG && b == KQL_REAL) || (a == KQL_REAL && b == KQL_LONG))
        return KQL_REAL;
    if ((a == KQL_STRING && b == KQL_DATETIME) || (a == KQL_DATETIME && b == KQL_STRING))
        return KQL_STRING;
    return KQL_DYNAMIC;
}
