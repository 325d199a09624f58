/* hunting_text.c - answers as JSON text, written once into memory and handed to the server as it is. */
#include "api/hunting.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <strings.h>

enum { ROOM_MIN = 4096 };

void
hunting_put(struct hunting_text *t, struct span text)
{
    if (t->is_spent || t->is_over)
        return;
    if (t->limit > 0 && text.n > t->limit - t->n) {
        t->is_over = true;
        return;
    }
    if (text.n > t->room - t->n) {
        size_t room = t->room < ROOM_MIN ? ROOM_MIN : t->room;
        char *larger;

        while (text.n > room - t->n)
            room += room / 2;
        larger = realloc(t->p, room);
        if (larger == NULL) {
            t->is_spent = true;
            return;
        }
        t->p = larger;
        t->room = room;
    }
    if (text.n > 0)
        memcpy(t->p + t->n, text.p, text.n);
    t->n += text.n;
}

void
hunting_printf(struct hunting_text *t, const char *format, ...)
{
    char text[401];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (n > 0)
        hunting_put(t, (struct span){text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1});
}

void
hunting_text_cut(struct hunting_text *t, size_t n)
{
    t->n = n;
    t->is_over = false;
}

void
hunting_text_free(struct hunting_text *t)
{
    free(t->p);
    *t = (struct hunting_text){.limit = 0};
}

/* ---- strings ---- */

static void
put_escaped(struct hunting_text *t, unsigned char c)
{
    static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    const char *letter = c == 0 ? NULL : strchr(letters, c);

    if (letter != NULL)
        hunting_put(t, (struct span){
                           (char[]){'\\', letter[1]},
                           2
        });
    else
        hunting_printf(t, "\\u%04x", c);
}

void
hunting_put_quoted(struct hunting_text *t, struct span text)
{
    const unsigned char *p = (const unsigned char *)text.p;
    size_t from = 0, size;

    hunting_put(t, (struct span){"\"", 1});
    for (size_t i = 0; i < text.n;) {
        if (p[i] >= 0x20 && p[i] < 0x80 && p[i] != '"' && p[i] != '\\') {
            i++;
            continue;
        }
        size = p[i] >= 0x80 ? utf8_length(p + i, text.n - i) : 0;
        if (size > 0) {
            i += size;
            continue;
        }
        hunting_put(t, (struct span){text.p + from, i - from});
        if (p[i] >= 0x80)
            hunting_put(t, (struct span){"\xef\xbf\xbd", 3});
        else
            put_escaped(t, p[i]);
        from = ++i;
    }
    hunting_put(t, (struct span){text.p + from, text.n - from});
    hunting_put(t, (struct span){"\"", 1});
}

/* ---- cells ---- */

static void
put_real(struct hunting_text *t, double r)
{
    char text[40];

    if (r != r)
        hunting_put(t, span_of("\"NaN\""));
    else if (r - r != 0)
        hunting_put(t, span_of(r > 0 ? "\"Infinity\"" : "\"-Infinity\""));
    else
        hunting_put(t, (struct span){text, kql_print_real(r, text)});
}

static void
put_plain(struct hunting_text *t, const char *text, size_t size) /* it needs no escapes */
{
    hunting_put(t, (struct span){"\"", 1});
    hunting_put(t, (struct span){text, size});
    hunting_put(t, (struct span){"\"", 1});
}

/* Recursion is bounded by KQL_LEVELS_MAX. */
static void
put_nested(struct hunting_text *t, const struct kql_value *v)
{
    bool is_array = v->type == KQL_ARRAY;
    uint32_t count = is_array ? v->array->count : v->bag->count;

    hunting_put(t, (struct span){is_array ? "[" : "{", 1});
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            hunting_put(t, (struct span){",", 1});
        if (!is_array) {
            hunting_put_quoted(t, v->bag->entries[i].key);
            hunting_put(t, (struct span){":", 1});
        }
        hunting_put_cell(t, is_array ? &v->array->items[i] : &v->bag->entries[i].value,
                         HUNTING_DYNAMIC_JSON);
    }
    hunting_put(t, (struct span){is_array ? "]" : "}", 1});
}

static void
put_as_text(struct hunting_text *t, const struct kql_value *v)
{
    struct hunting_text inner = {.limit = t->limit};

    put_nested(&inner, v);
    t->is_spent |= inner.is_spent;
    t->is_over |= inner.is_over;
    hunting_put_quoted(t, (struct span){inner.p, inner.n});
    hunting_text_free(&inner);
}

void
hunting_put_cell(struct hunting_text *t, const struct kql_value *v, enum hunting_dynamic how)
{
    char text[48];

    if (v->is_null) {
        hunting_put(t, span_of("null"));
        return;
    }
    switch (v->type) {
    case KQL_BOOL:
        hunting_put(t, span_of(v->i ? "true" : "false"));
        break;
    case KQL_INT:
    case KQL_LONG:
        hunting_put(
            t, (struct span){text, (size_t)snprintf(text, sizeof text, "%lld", (long long)v->i)});
        break;
    case KQL_REAL:
        put_real(t, v->r);
        break;
    case KQL_DECIMAL:
        put_plain(t, text, kql_print_decimal(v->decimal, text));
        break;
    case KQL_STRING:
        hunting_put_quoted(t, kql_text(v));
        break;
    case KQL_DATETIME:
        put_plain(t, text, kql_print_datetime(v->i, text));
        break;
    case KQL_TIMESPAN:
        put_plain(t, text, kql_print_timespan(v->i, text));
        break;
    case KQL_GUID:
        put_plain(t, text, kql_print_guid(v->guid, text));
        break;
    case KQL_ARRAY:
    case KQL_BAG:
        if (how == HUNTING_DYNAMIC_JSON)
            put_nested(t, v);
        else
            put_as_text(t, v);
        break;
    default:
        hunting_put(t, span_of("null"));
    }
}

bool
hunting_put_rows(struct hunting_text *out, const struct kql_answer *a, size_t limit,
                 enum hunting_dynamic how, size_t *count)
{
    bool has_all = true;

    *count = 0;
    out->limit = limit;
    for (size_t r = 0; r < a->row_count && has_all; r++) {
        size_t before = out->n;

        hunting_put(out, span_of(r == 0 ? "[" : ",["));
        for (uint32_t i = 0; i < a->schema.count; i++) {
            if (i > 0)
                hunting_put(out, span_of(","));
            hunting_put_cell(out, &a->rows[r][i], how);
        }
        hunting_put(out, span_of("]"));
        if (out->is_over) {
            hunting_text_cut(out, before);
            has_all = false;
        } else {
            ++*count;
        }
    }
    out->limit = 0;
    return has_all;
}

bool
hunting_render_property(const struct kql_op *render, const char *name, struct span *value)
{
    for (uint32_t i = 0; render != NULL && i < render->u.render.property_count; i++) {
        const struct span key = render->u.render.properties[i].name;

        if (key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0) {
            *value = render->u.render.properties[i].value;
            return true;
        }
    }
    return false;
}
