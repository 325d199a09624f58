/* device_table.c - devices are entries in an array that only grows, found through a hash of tenant
 * and id; an entry's text is one piece of the pool, written anew when a fact changes. Which group a
 * device is in is worked out when first asked, and again after its facts or its tenant's groups
 * have changed: setting groups costs the same for ten devices and for ten million. */
#include "source/device_table.h"
#include <assert.h>
#include <stdlib.h>

enum {
    TEXT_MAX = DEVICE_ID_SIZE_MAX + DEVICE_NAME_SIZE_MAX + DEVICE_DOMAIN_SIZE_MAX +
               DEVICE_OS_SIZE_MAX + DEVICE_TAGS_SIZE_MAX + DEVICE_FIELDS,
    ENTRIES_FIRST = 64,
    ALERT_TEXT_SIZE_MEAN = 160,
};
_Static_assert((size_t)TEXT_MAX <= (size_t)TEXT_PIECE_MAX, "a device's text is one piece");

static const size_t field_max[DEVICE_FIELDS] = {
    [FIELD_ID] = DEVICE_ID_SIZE_MAX,         [FIELD_NAME] = DEVICE_NAME_SIZE_MAX,
    [FIELD_DOMAIN] = DEVICE_DOMAIN_SIZE_MAX, [FIELD_OS] = DEVICE_OS_SIZE_MAX,
    [FIELD_TAGS] = DEVICE_TAGS_SIZE_MAX,
};

void
device_table_init(struct device_table *t, size_t devices_max, uint64_t seed)
{
    *t = (struct device_table){.devices_max = devices_max, .seed = seed};
    text_pool_init(&t->pool, devices_max * DEVICE_TEXT_SIZE_MEAN +
                                 (size_t)DEVICE_ALERTS_MAX * ALERT_TEXT_SIZE_MEAN + (1 << 20));
}

void
device_table_free(struct device_table *t)
{
    for (size_t i = 0; i < t->tenant_count; i++)
        group_set_free(t->tenants[i].groups);
    text_pool_free(&t->pool);
    hash_index_free(&t->tenant_index);
    hash_index_free(&t->index);
    hash_index_free(&t->alert_index);
    free(t->tenants);
    free(t->entries);
    free(t->alerts);
}

/* ---- tenants ---- */

static bool
tenant_find(const struct device_table *t, struct span tenant, uint32_t hash, uint32_t *number)
{
    for (size_t at = hash_index_first(&t->tenant_index, hash);
         hash_index_at(&t->tenant_index, &at, hash, number); at++)
        if (span_is(tenant, t->tenants[*number].id))
            return true;
    return false;
}

static enum status
tenant_add(struct device_table *t, struct span tenant, uint32_t *number)
{
    uint32_t hash = (uint32_t)hash_bytes(t->seed, tenant.p, tenant.n);

    if (tenant_find(t, tenant, hash, number))
        return ST_OK;
    if (tenant.n == 0 || tenant.n >= sizeof t->tenants[0].id)
        return ST_INVALID;
    if (t->tenant_count == DEVICES_TENANTS_MAX || !hash_index_reserve(&t->tenant_index))
        return ST_FULL;
    if ((t->tenant_count & (t->tenant_count - 1)) == 0) { /* full at each power of two */
        size_t wanted = t->tenant_count == 0 ? 1 : t->tenant_count * 2;
        struct device_tenant *larger = realloc(t->tenants, wanted * sizeof *larger);

        if (larger == NULL)
            return ST_FULL;
        t->tenants = larger;
    }
    *number = (uint32_t)t->tenant_count++;
    t->tenants[*number] = (struct device_tenant){.groups_version = 1};
    memcpy(t->tenants[*number].id, tenant.p, tenant.n);
    hash_index_put(&t->tenant_index, hash, *number);
    return ST_OK;
}

const struct device_tenant *
device_table_tenant(const struct device_table *t, struct span tenant)
{
    uint32_t number;

    if (!tenant_find(t, tenant, (uint32_t)hash_bytes(t->seed, tenant.p, tenant.n), &number))
        return NULL;
    return &t->tenants[number];
}

enum status
device_table_set_groups(struct device_table *t, struct span tenant, struct group_set *set)
{
    uint32_t number;
    enum status st = tenant_add(t, tenant, &number);

    if (st != ST_OK)
        return st;
    group_set_free(t->tenants[number].groups);
    t->tenants[number].groups = set;
    if (++t->tenants[number].groups_version == 0)
        t->tenants[number].groups_version = 1;
    return ST_OK;
}

/* ---- devices ---- */

static uint32_t
key_hash(const struct device_table *t, struct span tenant, struct span id)
{
    return (uint32_t)hash_bytes(hash_bytes(t->seed, tenant.p, tenant.n), id.p, id.n);
}

struct span
device_table_field(const struct device_table *t, const struct device_entry *e,
                   enum device_field field)
{
    const char *p = text_pool_at(&t->pool, e->text);

    for (unsigned i = 0; i < field; i++)
        p += e->sizes[i] + 1;
    return (struct span){p, e->sizes[field]};
}

static struct device_entry *
entry_find(const struct device_table *t, struct span tenant, struct span id, uint32_t hash)
{
    uint32_t number;

    for (size_t at = hash_index_first(&t->index, hash);
         hash_index_at(&t->index, &at, hash, &number); at++) {
        struct device_entry *e = &t->entries[number];

        if (span_equal(id, device_table_field(t, e, FIELD_ID)) &&
            span_is(tenant, t->tenants[e->tenant].id))
            return e;
    }
    return NULL;
}

static size_t
entry_text_size(const struct device_entry *e)
{
    size_t size = DEVICE_FIELDS;

    for (unsigned i = 0; i < DEVICE_FIELDS; i++)
        size += e->sizes[i];
    return size;
}

/* What is kept of a field: nothing behind a NUL (views are C strings), no more than fits, no half
 * UTF-8 sequence. */
static struct span
trimmed(struct span text, size_t size_max)
{
    const char *nul = text.n == 0 ? NULL : memchr(text.p, '\0', text.n);

    if (nul != NULL)
        text.n = (size_t)(nul - text.p);
    if (text.n > size_max) {
        text.n = size_max;
        while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    return text;
}

static struct span
domain_of(struct span name)
{
    const char *dot = name.n == 0 ? NULL : memchr(name.p, '.', name.n);

    if (dot == NULL)
        return (struct span){"", 0};
    return (struct span){dot + 1, name.n - (size_t)(dot + 1 - name.p)};
}

/* What the fields are after the facts: 'old' is NULL for a new device. Gives the known bits. */
static uint16_t
join_facts(const struct device_table *t, const struct device_entry *old,
           const struct device_facts *facts, int64_t seen, struct span fields[DEVICE_FIELDS])
{
    const struct span said[DEVICE_FIELDS] = {facts->id, facts->name, facts->domain,
                                             facts->os_platform, facts->tags};
    bool is_late = old != NULL && seen < old->seen;
    uint16_t known = old == NULL ? 0 : old->known;

    for (unsigned i = 0; i < DEVICE_FIELDS; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        struct span text = trimmed(said[i], field_max[i]);
        bool is_said = text.p != NULL && (i != FIELD_DOMAIN || text.n > 0);

        fields[i] = old == NULL ? (struct span){"", 0} : device_table_field(t, old, i);
        if (is_said && (!is_late || (known & bit) == 0)) {
            fields[i] = text;
            known |= bit;
        }
    }
    if ((known & 1u << FIELD_DOMAIN) == 0)
        fields[FIELD_DOMAIN] = trimmed(domain_of(fields[FIELD_NAME]), DEVICE_DOMAIN_SIZE_MAX);
    return known;
}

static bool
entries_reserve(struct device_table *t)
{
    size_t wanted = t->room == 0 ? ENTRIES_FIRST : t->room * 2;
    struct device_entry *larger;

    if (t->count < t->room)
        return true;
    if (wanted > t->devices_max)
        wanted = t->devices_max;
    larger = realloc(t->entries, wanted * sizeof *larger);
    if (larger == NULL)
        return false;
    t->entries = larger;
    t->room = wanted;
    return true;
}

/* A new entry without text, not yet in the index; NULL: no room. */
static struct device_entry *
entry_new(struct device_table *t, uint32_t tenant)
{
    if (t->count == t->devices_max || !entries_reserve(t) || !hash_index_reserve(&t->index))
        return NULL;
    t->entries[t->count] = (struct device_entry){.tenant = (uint16_t)tenant, .seen = INT64_MIN};
    return &t->entries[t->count];
}

enum status
device_table_learn(struct device_table *t, struct span tenant, const struct device_facts *facts,
                   int64_t seen)
{
    char text[TEXT_MAX], *to = text;
    struct span fields[DEVICE_FIELDS];
    struct device_entry next;
    uint32_t hash, number = 0;
    enum status st;

    if (facts->id.n == 0 || facts->id.n > DEVICE_ID_SIZE_MAX ||
        memchr(facts->id.p, '\0', facts->id.n) != NULL)
        return ST_INVALID;
    hash = key_hash(t, tenant, facts->id);
    struct device_entry *e = entry_find(t, tenant, facts->id, hash), *old = e;

    if (old == NULL) {
        st = tenant_add(t, tenant, &number);
        e = st != ST_OK ? NULL : entry_new(t, number);
        if (e == NULL) {
            t->refused += st != ST_INVALID;
            return st == ST_OK ? ST_FULL : st;
        }
    }
    next = *e;
    next.known = join_facts(t, old, facts, seen, fields);
    for (unsigned i = 0; i < DEVICE_FIELDS; i++) {
        next.sizes[i] = (uint16_t)fields[i].n;
        memcpy(to, fields[i].p, fields[i].n);
        to[fields[i].n] = '\0';
        to += fields[i].n + 1;
    }
    next.seen = seen > e->seen ? seen : e->seen;
    if (old != NULL && memcmp(next.sizes, old->sizes, sizeof next.sizes) == 0 &&
        memcmp(text, text_pool_at(&t->pool, old->text), (size_t)(to - text)) == 0) {
        t->version += next.seen != old->seen || next.known != old->known;
        *old = next;
        return ST_OK;
    }
    next.text = text_pool_take(&t->pool, (size_t)(to - text));
    if (next.text == 0) {
        t->refused++;
        return ST_FULL;
    }
    memcpy(text_pool_at(&t->pool, next.text), text, (size_t)(to - text));
    next.sorted = 0;
    if (old == NULL) {
        hash_index_put(&t->index, hash, (uint32_t)t->count++);
        t->tenants[next.tenant].device_count++;
    } else {
        text_pool_give(&t->pool, old->text, entry_text_size(old));
    }
    *e = next;
    t->version++;
    return ST_OK;
}

struct span
device_table_entry_group(struct device_table *t, struct device_entry *e)
{
    const struct device_tenant *tenant = &t->tenants[e->tenant];

    if (e->sorted != tenant->groups_version) {
        struct device_facts facts = {
            device_table_field(t, e, FIELD_ID), device_table_field(t, e, FIELD_NAME),
            device_table_field(t, e, FIELD_DOMAIN), device_table_field(t, e, FIELD_OS),
            device_table_field(t, e, FIELD_TAGS)};

        e->group = group_set_find(tenant->groups, &facts);
        e->sorted = tenant->groups_version;
    }
    return group_set_name(tenant->groups, e->group);
}

struct span
device_table_group(struct device_table *t, struct span tenant, struct span device_id)
{
    struct device_entry *e = entry_find(t, tenant, device_id, key_hash(t, tenant, device_id));

    return e == NULL ? span_of(DEVICE_UNASSIGNED_GROUP) : device_table_entry_group(t, e);
}

/* ---- alerts ---- */

static bool
alert_find(const struct device_table *t, struct span tenant, struct span alert_id, uint32_t hash,
           uint32_t *number)
{
    for (size_t at = hash_index_first(&t->alert_index, hash);
         hash_index_at(&t->alert_index, &at, hash, number); at++) {
        const struct device_alert *a = &t->alerts[*number];

        if (span_equal(alert_id, (struct span){text_pool_at(&t->pool, a->text), a->alert_size}) &&
            span_is(tenant, t->tenants[a->tenant].id))
            return true;
    }
    return false;
}

static void
alert_forget(struct device_table *t, uint32_t number)
{
    struct device_alert *a = &t->alerts[number];

    if (a->text == 0)
        return;
    hash_index_remove(&t->alert_index, a->hash, number);
    text_pool_give(&t->pool, a->text, (size_t)a->alert_size + a->device_size);
    a->text = 0;
}

void
device_table_alert_learn(struct device_table *t, struct span tenant, struct span alert_id,
                         struct span device_id)
{
    uint32_t hash = key_hash(t, tenant, alert_id), number, tenant_number;

    if (alert_id.n == 0 || alert_id.n > DEVICE_ALERT_ID_SIZE_MAX || device_id.n == 0 ||
        device_id.n > DEVICE_ID_SIZE_MAX || alert_find(t, tenant, alert_id, hash, &number))
        return;
    if (t->alerts == NULL)
        t->alerts = calloc(DEVICE_ALERTS_MAX, sizeof *t->alerts);
    if (t->alerts == NULL || tenant_add(t, tenant, &tenant_number) != ST_OK ||
        !hash_index_reserve(&t->alert_index)) {
        t->refused++;
        return;
    }
    number = (uint32_t)(t->alert_end % DEVICE_ALERTS_MAX);
    alert_forget(t, number);
    struct device_alert a = {.hash = hash,
                             .tenant = (uint16_t)tenant_number,
                             .alert_size = (uint16_t)alert_id.n,
                             .device_size = (uint16_t)device_id.n,
                             .text = text_pool_take(&t->pool, alert_id.n + device_id.n)};

    if (a.text == 0) {
        t->refused++;
        return;
    }
    memcpy(text_pool_at(&t->pool, a.text), alert_id.p, alert_id.n);
    memcpy(text_pool_at(&t->pool, a.text) + alert_id.n, device_id.p, device_id.n);
    t->alerts[number] = a;
    hash_index_put(&t->alert_index, hash, number);
    t->alert_end++;
    t->version++;
}

bool
device_table_alert_group(struct device_table *t, struct span tenant, struct span alert_id,
                         struct span *group)
{
    uint32_t number;

    if (!alert_find(t, tenant, alert_id, key_hash(t, tenant, alert_id), &number))
        return false;
    const struct device_alert *a = &t->alerts[number];

    *group = device_table_group(
        t, tenant, (struct span){text_pool_at(&t->pool, a->text) + a->alert_size, a->device_size});
    return true;
}

bool
device_table_alert(const struct device_table *t, uint64_t number, struct span *tenant,
                   struct span *alert_id, struct span *device_id)
{
    const struct device_alert *a;

    if (number >= t->alert_end || t->alert_end - number > DEVICE_ALERTS_MAX)
        return false;
    a = &t->alerts[number % DEVICE_ALERTS_MAX];
    if (a->text == 0)
        return false;
    *tenant = span_of(t->tenants[a->tenant].id);
    *alert_id = (struct span){text_pool_at(&t->pool, a->text), a->alert_size};
    *device_id = (struct span){alert_id->p + a->alert_size, a->device_size};
    return true;
}
