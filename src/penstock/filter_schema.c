#include "penstock/filter_schema.h"
#include "kql/cell.h"

enum kinds {
    SEEN_TEXT = 1,
    SEEN_TIME = 2,
    SEEN_LONG = 4,
    SEEN_REAL = 8,
    SEEN_BOOL = 16,
    SEEN_OTHER = 32
};

struct filter_member {
    struct span name;
    unsigned kinds; /* that were seen; null is none */
};

static size_t
hash_of(struct span name)
{
    uint64_t h = 1469598103934665603u;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static uint32_t *
slot_of(const struct filter_schema *s, struct span name)
{
    size_t i = hash_of(name) & (s->slot_room - 1);

    while (s->slots[i] != 0 && !span_equal(s->members[s->slots[i] - 1].name, name))
        i = (i + 1) & (s->slot_room - 1);
    return &s->slots[i];
}

static struct filter_member *
member_of(struct filter_schema *s, struct span name)
{
    uint32_t *slot;

    if (s->count * 2 >= s->slot_room) {
        s->slot_room = s->slot_room == 0 ? 256 : s->slot_room * 2;
        s->slots = pool_zeroed(s->pool, s->slot_room, sizeof *s->slots);
        for (size_t i = 0; i < s->count; i++)
            *slot_of(s, s->members[i].name) = (uint32_t)i + 1;
    }
    slot = slot_of(s, name);
    if (*slot != 0)
        return &s->members[*slot - 1];
    if (s->count == FILTER_MEMBERS_MAX)
        return NULL;
    s->members = pool_grow(s->pool, s->members, &s->room, s->count + 1, sizeof *s->members);
    s->members[s->count] = (struct filter_member){.name = pool_text(s->pool, name)};
    *slot = (uint32_t)++s->count;
    return &s->members[s->count - 1];
}

/* 2024-05-06T07:08 and more: what else could be read as a time may be meant as text. */
static bool
is_time(struct span text)
{
    static const char form[] = "dddd-dd-ddtdd:dd";
    int64_t ticks;

    if (text.n < sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++) {
        char c = text.p[i];

        if (form[i] == 'd' ? c < '0' || c > '9' : form[i] == 't' ? c != 'T' : c != form[i])
            return false;
    }
    return kql_read_datetime(text, &ticks);
}

static unsigned
kind_of(const char *record, const struct scan_value *v)
{
    struct span text = {record + v->value_at, v->value_size};
    int64_t i;

    switch ((enum scan_kind)v->kind) {
    case SCAN_STRING:
        return !v->value_escaped && is_time((struct span){text.p + 1, text.n - 2}) ? SEEN_TIME
                                                                                   : SEEN_TEXT;
    case SCAN_NUMBER:
        return kql_read_long(text, &i) ? SEEN_LONG : SEEN_REAL;
    case SCAN_TRUE:
    case SCAN_FALSE:
        return SEEN_BOOL;
    case SCAN_OBJECT:
    case SCAN_ARRAY:
        return SEEN_OTHER;
    case SCAN_NULL:
        break;
    }
    return 0;
}

void
filter_schema_see(struct filter_schema *s, const char *record, const struct scan_value *values,
                  uint32_t count, uint32_t depth, size_t from, size_t to)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct scan_value *v = &values[i];
        struct span name = {record + v->key_at, v->key_size};
        struct filter_member *m;

        if (v->depth != depth || v->key_at < from || v->key_at >= to)
            continue;
        if (v->key_escaped)
            name = kql_cell_text(s->pool, (struct span){name.p - 1, name.n + 2}, true);
        m = member_of(s, name);
        if (m != NULL)
            m->kinds |= kind_of(record, v);
    }
}

static enum kql_type
type_of(unsigned kinds)
{
    switch (kinds) {
    case SEEN_TEXT:
    case SEEN_TEXT | SEEN_TIME:
        return KQL_STRING;
    case SEEN_TIME:
        return KQL_DATETIME;
    case SEEN_LONG:
        return KQL_LONG;
    case SEEN_REAL:
    case SEEN_REAL | SEEN_LONG:
        return KQL_REAL;
    case SEEN_BOOL:
        return KQL_BOOL;
    default:
        return KQL_DYNAMIC;
    }
}

struct kql_schema
filter_schema_columns(const struct filter_schema *s)
{
    struct kql_column *columns = pool_zeroed(s->pool, s->count + 1, sizeof *columns);

    for (size_t i = 0; i < s->count; i++)
        columns[i] = (struct kql_column){s->members[i].name, (uint8_t)type_of(s->members[i].kinds)};
    return (struct kql_schema){columns, (uint32_t)s->count, false};
}
