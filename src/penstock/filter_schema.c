#include "penstock/filter_schema.h"
#include "kql/cell.h"

struct filter_member {
    struct span name;
    enum kql_type type; /* of all that was seen; KQL_UNKNOWN: only null */
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
    s->members[s->count] = (struct filter_member){pool_text(s->pool, name), KQL_UNKNOWN};
    *slot = (uint32_t)++s->count;
    return &s->members[s->count - 1];
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
            m->type = kql_cell_wider(
                m->type, kql_cell_guess((struct span){record + v->value_at, v->value_size},
                                        v->value_escaped));
    }
}

struct kql_schema
filter_schema_columns(const struct filter_schema *s)
{
    struct kql_column *columns = pool_zeroed(s->pool, s->count + 1, sizeof *columns);

    for (size_t i = 0; i < s->count; i++) {
        enum kql_type type = s->members[i].type;

        columns[i] = (struct kql_column){s->members[i].name,
                                         (uint8_t)(type == KQL_UNKNOWN ? KQL_DYNAMIC : type)};
    }
    return (struct kql_schema){columns, (uint32_t)s->count, false};
}
