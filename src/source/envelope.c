/* Almost every envelope that comes in was written by the same few programs, so the seven keys of
 * the wire profile stand where they always stand. Since the text is valid JSON, finding the fixed
 * pieces of text at the offsets that the scanned values imply proves the whole layout: six
 * comparisons instead of a walk over keys. Everything else (other orders, blanks, escapes, missing
 * or further keys) goes the slow way, which is the definition of what is right. */
#include "source/envelope.h"
#include "model/arm_id.h"
#include "model/datetime.h"
#include "source/unescape.h"
#include <assert.h>
#include <ctype.h>
#include <strings.h>

enum { TENANT_SIZE = 36, TIME_SIZE = DATETIME_TEXT_SIZE };

/* ==== streams */

static enum status
check_container(const struct known_stream *k, struct err *err)
{
    char container[64];

    if (catalog_container((struct span){k->category, k->category_size}, container))
        return ST_OK;
    return err_set(err, ST_INVALID,
                   "the category %.40s... is too long to name a container (63 bytes with "
                   "\"insights-logs-\"): give the table a shorter name",
                   k->category);
}

static enum status
refuse_unknown(const struct catalog *catalog, struct span table, struct err *err)
{
    const struct catalog_table *near = catalog_find_near(catalog, table);

    if (near != NULL)
        return err_set(err, ST_INVALID, "the table %.*s is not known; did you mean %s?",
                       (int)table.n, table.p, near->name);
    return err_set(err, ST_INVALID,
                   "the table %.*s is not known; add it to the configuration, or let unknown "
                   "tables pass",
                   (int)table.n, table.p);
}

static enum status
unsafe_name(const char *what, struct span name, size_t size_max, struct err *err)
{
    char shown[49];
    size_t n = name.n < sizeof shown - 1 ? name.n : sizeof shown - 1;

    for (size_t i = 0; i < n; i++)
        shown[i] = name.p[i] >= 0x20 && name.p[i] < 0x7f ? name.p[i] : '?';
    shown[n] = '\0';
    return err_set(err, ST_INVALID,
                   "the %s '%s%s' is not a name: letters, digits, '_' and '-' only, 1 to %zu bytes",
                   what, shown, name.n > n ? "..." : "", size_max);
}

/* Who names the category where a table is wanted means its table. */
static struct span
without_category_prefix(const struct catalog *catalog, struct span table)
{
    static const char prefix[] = "AdvancedHunting-";
    size_t n = sizeof prefix - 1;

    if (table.n > n && strncasecmp(table.p, prefix, n) == 0 && catalog_find(catalog, table) == NULL)
        return (struct span){table.p + n, table.n - n};
    return table;
}

/* A table in a path is found in any case and gets the catalog's: two spellings would be two
 * categories that share a container. */
static const struct catalog_table *
find_any_case(const struct catalog *catalog, struct span *table)
{
    const struct catalog_table *known = catalog_find(catalog, *table);

    for (size_t i = 0; i < catalog->table_count && known == NULL; i++) {
        const char *name = catalog->tables[i].name;

        if (strlen(name) == table->n && strncasecmp(name, table->p, table->n) == 0)
            known = &catalog->tables[i];
    }
    if (known != NULL)
        *table = span_of(known->name);
    return known;
}

enum status
known_stream_make(struct known_stream *k, const struct catalog *catalog, bool unknown_tables,
                  const char *tenant, struct span category, struct span table, struct err *err)
{
    char made[CATALOG_CATEGORY_MAX + 1];
    const struct catalog_table *known;

    if (category.n == 0) {
        table = without_category_prefix(catalog, table);
        if (!catalog_name_is_safe(table, CATALOG_TABLE_NAME_MAX))
            return unsafe_name("table", table, CATALOG_TABLE_NAME_MAX, err);
        known = find_any_case(catalog, &table);
        if (known == NULL && !unknown_tables)
            return refuse_unknown(catalog, table, err);
        int n = known != NULL && known->category != NULL
                    ? snprintf(made, sizeof made, "%s", known->category)
                    : snprintf(made, sizeof made, "AdvancedHunting-%.*s", (int)table.n, table.p);

        assert(n > 0 && (size_t)n < sizeof made);
        category = (struct span){made, (size_t)n};
    } else {
        if (!catalog_name_is_safe(category, CATALOG_CATEGORY_MAX))
            return unsafe_name("category", category, CATALOG_CATEGORY_MAX, err);
        table = catalog_category_table(catalog, category);
        if (!catalog_name_is_safe(table, CATALOG_TABLE_NAME_MAX))
            return unsafe_name("category's table", table, CATALOG_TABLE_NAME_MAX, err);
        known = catalog_find(catalog, table);
        if (known == NULL && !unknown_tables && !catalog_has_category(catalog, category))
            return refuse_unknown(catalog, table, err);
    }
    memset(k, 0, sizeof *k);
    memcpy(k->category, category.p, category.n);
    memcpy(k->table, table.p, table.n);
    snprintf(k->tenant, sizeof k->tenant, "%s", tenant);
    k->class = decorate_class_of(table);
    k->by_default = decorate_by_default(known);
    k->category_size = (uint8_t)category.n;
    if (check_container(k, err) != ST_OK) {
        k->category_size = 0;
        return ST_INVALID;
    }
    return ST_OK;
}

void
envelope_reader_init(struct envelope_reader *r, const struct catalog *catalog, bool unknown_tables,
                     const char *tenant)
{
    /* Tenants come and go: what was met without one is asked for anew in each request. */
    if (r->catalog != catalog || r->unknown_tables != unknown_tables || tenant == NULL)
        memset(r, 0, sizeof *r);
    r->catalog = catalog;
    r->unknown_tables = unknown_tables;
    r->tenant = tenant;
}

static size_t
stream_slot(const char *tenant, struct span category)
{
    uint64_t a, b = 0;
    size_t tail = category.n < 8 ? category.n : 8;

    memcpy(&a, tenant, 8);
    memcpy(&b, category.p + category.n - tail, tail);
    a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15) + category.n * UINT64_C(0xff51afd7ed558ccd);
    return (size_t)(a >> 58) % KNOWN_STREAMS;
}

/* 'tenant': canonical, 36 bytes. NULL: *fault says why the category cannot be. */
static struct known_stream *
find_stream(struct envelope_reader *r, const char *tenant, struct span category, struct err *err)
{
    struct known_stream *k = &r->streams[stream_slot(tenant, category)];
    char terminated[TENANT_SIZE + 1];

    if (k->category_size == category.n && memcmp(k->category, category.p, category.n) == 0 &&
        memcmp(k->tenant, tenant, TENANT_SIZE) == 0)
        return k;
    memcpy(terminated, tenant, TENANT_SIZE);
    terminated[TENANT_SIZE] = '\0';
    if (r->tenant == NULL && r->tenants.is_tenant != NULL &&
        !r->tenants.is_tenant(r->tenants.app, terminated)) {
        err_set(err, ST_INVALID,
                "there is no active tenant %s here: add it to 'tenants' of the configuration",
                terminated);
        return NULL;
    }
    if (known_stream_make(k, r->catalog, r->unknown_tables, terminated, category,
                          (struct span){NULL, 0}, err) != ST_OK)
        return NULL;
    return k;
}

/* ==== datetimes */

/* Digits at p as a number; *bad collects whether one of them is none. */
static inline uint32_t
digits(const char *p, int count, uint32_t *bad)
{
    uint32_t value = 0;

    for (int i = 0; i < count; i++) {
        uint32_t digit = (uint32_t)(unsigned char)p[i] - '0';

        *bad |= digit > 9;
        value = value * 10 + digit;
    }
    return value;
}

/* "YYYY-MM-DDThh:mm:ss.fffffff", 27 bytes; what stands behind is the caller's affair. */
static bool
read_seven(struct hour_cached *cache, const char *p, int64_t *ticks)
{
    uint32_t bad = p[13] != ':' || p[16] != ':' || p[19] != '.';
    uint32_t minute = digits(p + 14, 2, &bad), second = digits(p + 17, 2, &bad);
    uint32_t fraction = digits(p + 20, 7, &bad);

    if (bad || minute > 59 || second > 59)
        return false;
    if (!cache->is_set || memcmp(cache->text, p, sizeof cache->text) != 0) {
        char hour[] = "YYYY-MM-DDThh:00:00Z";

        if (p[10] != 'T')
            return false;
        memcpy(hour, p, sizeof cache->text);
        if (!datetime_read(span_of(hour), &cache->ticks)) {
            cache->is_set = false;
            return false;
        }
        memcpy(cache->text, p, sizeof cache->text);
        cache->is_set = true;
    }
    *ticks = cache->ticks + ((int64_t)minute * 60 + second) * TICKS_PER_SECOND + fraction;
    return true;
}

/* ==== the fast way */

#define TIME_HEAD "{\"time\":\""
#define TENANT_HEAD "\",\"tenantId\":\""
#define CATEGORY_HEAD "\",\"operationName\":\"Publish\",\"category\":\""
#define RECEIVED_HEAD "\",\"_TimeReceivedBySvc\":\""
#define PROPERTIES_HEAD "\",\"properties\":"
#define TAIL ",\"Tenant\":\"DefaultTenant\"}"
#define SIZE_OF(literal) (sizeof(literal) - 1)
#define STANDS_AT(p, literal) (memcmp((p), (literal), SIZE_OF(literal)) == 0)

enum {
    TIME_AT = SIZE_OF(TIME_HEAD),
    TENANT_AT = TIME_AT + TIME_SIZE + SIZE_OF(TENANT_HEAD),
    CATEGORY_AT = TENANT_AT + TENANT_SIZE + SIZE_OF(CATEGORY_HEAD),
};

/* Text offsets of the wire layout; false: it is another. */
static bool
has_wire_layout(const char *p, const struct scan_record *s, uint32_t *received_at)
{
    const struct scan_value *v = s->values;

    if (s->value_count < 7 || v[0].value_size != TIME_SIZE + 2 || v[3].kind != SCAN_STRING ||
        v[3].value_at != CATEGORY_AT - 1 || v[4].kind != SCAN_STRING || v[5].kind != SCAN_OBJECT ||
        v[1].value_size != TENANT_SIZE + 2)
        return false;
    *received_at = v[3].value_at + v[3].value_size - 1 + (uint32_t)SIZE_OF(RECEIVED_HEAD);
    if (v[4].value_at != *received_at - 1 ||
        v[5].value_at != v[4].value_at + v[4].value_size - 1 + SIZE_OF(PROPERTIES_HEAD) ||
        v[5].value_at + v[5].value_size + SIZE_OF(TAIL) != s->size)
        return false;
    return STANDS_AT(p, TIME_HEAD) && STANDS_AT(p + TIME_AT + TIME_SIZE, TENANT_HEAD) &&
           STANDS_AT(p + TENANT_AT + TENANT_SIZE, CATEGORY_HEAD) &&
           STANDS_AT(p + *received_at - SIZE_OF(RECEIVED_HEAD), RECEIVED_HEAD) &&
           STANDS_AT(p + v[5].value_at - SIZE_OF(PROPERTIES_HEAD), PROPERTIES_HEAD) &&
           STANDS_AT(p + s->size - SIZE_OF(TAIL), TAIL);
}

/* True: *e is filled in. False: not of the wire form, or something is wrong: look closer. */
static bool
read_wire(struct envelope_reader *r, const char *p, const struct scan_record *s, struct envelope *e)
{
    const struct scan_value *v = s->values;
    uint32_t received_at;
    int64_t received;
    struct err err;

    if (!has_wire_layout(p, s, &received_at))
        return false;
    if (v[1].value_escaped || v[3].value_escaped ||
        (r->tenant != NULL && memcmp(p + TENANT_AT, r->tenant, TENANT_SIZE) != 0))
        return false;

    uint32_t received_size = v[4].value_size - 2;

    if (p[TIME_AT + TIME_SIZE - 1] != 'Z' || !read_seven(&r->time, p + TIME_AT, &e->time) ||
        (received_size != TIME_SIZE && received_size != TIME_SIZE - 1) ||
        (received_size == TIME_SIZE && p[received_at + TIME_SIZE - 1] != 'Z') ||
        !read_seven(&r->received, p + received_at, &received))
        return false;

    char lower[TENANT_SIZE + 1];
    struct span tenant = {p + TENANT_AT, TENANT_SIZE};

    if (r->tenant == NULL) {
        const struct known_stream *k =
            &r->streams[stream_slot(tenant.p, (struct span){p + CATEGORY_AT, v[3].value_size - 2})];

        /* A tenant that was met is canonical; another is checked. */
        if (memcmp(k->tenant, tenant.p, TENANT_SIZE) != 0 &&
            (!guid_copy(tenant, lower) || memcmp(lower, tenant.p, TENANT_SIZE) != 0))
            return false;
    }
    e->stream = find_stream(r, tenant.p, (struct span){p + CATEGORY_AT, v[3].value_size - 2}, &err);
    if (e->stream == NULL)
        return false;
    e->members = v + 6;
    e->member_count = s->value_count - 7;
    e->properties_at = v[5].value_at;
    e->properties_size = v[5].value_size;
    e->time_at = TIME_AT;
    e->received_at = received_at;
    e->received_size = (uint8_t)received_size;
    e->is_wire = true;
    return true;
}

/* ==== the slow way */

enum key { KEY_TIME, KEY_TENANT_ID, KEY_CATEGORY, KEY_RECEIVED, KEY_PROPERTIES, KEYS };
static const struct span key_names[KEYS] = {
    [KEY_TIME] = {"time",               4 },
    [KEY_TENANT_ID] = {"tenantId",           8 },
    [KEY_CATEGORY] = {"category",           8 },
    [KEY_RECEIVED] = {"_TimeReceivedBySvc", 18},
    [KEY_PROPERTIES] = {"properties",         10},
};
struct keys {
    const struct scan_value *value[KEYS];
};

PRINTF_LIKE(4, 5)
static bool
wrong(struct envelope_fault *fault, const char *column, const struct scan_value *v,
      const char *format, ...)
{
    va_list args;

    fault->column = column;
    fault->at = v != NULL ? v->value_at : 0;
    va_start(args, format);
    vsnprintf(fault->err.text, sizeof fault->err.text, format, args);
    va_end(args);
    return false;
}

static void
find_keys(const char *p, const struct scan_record *s, struct keys *keys)
{
    memset(keys, 0, sizeof *keys);
    for (uint32_t i = 0; i < s->value_count; i++) {
        const struct scan_value *v = &s->values[i];
        char decoded[6 * 18];
        struct span key = {p + v->key_at, v->key_size};

        if (v->depth != 1)
            continue;
        if (v->key_escaped)
            key = (struct span){decoded, unescape(key, decoded, sizeof decoded, NULL)};
        for (size_t k = 0; k < KEYS; k++) {
            if (key.n == key_names[k].n && memcmp(key.p, key_names[k].p, key.n) == 0)
                keys->value[k] = v;
        }
    }
    for (size_t k = 0; k < KEYS; k++) {
        if ((k == KEY_TIME || k == KEY_RECEIVED) && keys->value[k] != NULL &&
            keys->value[k]->kind == SCAN_NULL)
            keys->value[k] = NULL;
    }
}

/* The text of a string value; decoded into 'out' if it holds escapes. Texts longer than 'room' are
 * of no use to any caller: they come back cut and fail its check. */
static struct span
value_text(const char *p, const struct scan_value *v, char *out, size_t room)
{
    struct span text = {p + v->value_at + 1, v->value_size - 2};

    if (!v->value_escaped)
        return text;
    return (struct span){out, unescape(text, out, room, NULL)};
}

static bool
read_tenant(const struct envelope_reader *r, const char *p, const struct keys *keys,
            char tenant[TENANT_SIZE + 1], struct envelope_fault *fault)
{
    const struct scan_value *v = keys->value[KEY_TENANT_ID];
    char decoded[64];

    if (v == NULL && r->tenant == NULL)
        return wrong(fault, "tenantId", v, "tenantId is missing: expected a GUID");
    if (v == NULL ||
        (r->tenant != NULL && v->kind == SCAN_STRING && v->value_size == TENANT_SIZE + 2 &&
         memcmp(p + v->value_at + 1, r->tenant, TENANT_SIZE) == 0)) {
        memcpy(tenant, r->tenant, TENANT_SIZE + 1);
        return true;
    }
    if (v->kind != SCAN_STRING || !guid_copy(value_text(p, v, decoded, sizeof decoded), tenant))
        return wrong(fault, "tenantId", v,
                     "tenantId is not a GUID: expected 8-4-4-4-12 hexadecimal digits");
    if (r->tenant != NULL && memcmp(tenant, r->tenant, TENANT_SIZE) != 0)
        return wrong(fault, "tenantId", v, "tenantId is not this token's tenant");
    return true;
}

static bool
read_stream(struct envelope_reader *r, const char *p, const struct keys *keys, const char *tenant,
            struct envelope *e, struct envelope_fault *fault)
{
    const struct scan_value *v = keys->value[KEY_CATEGORY];
    char decoded[2 * CATALOG_CATEGORY_MAX];
    struct span category;

    if (v == NULL || v->kind != SCAN_STRING)
        return wrong(fault, "category", v,
                     "category is %s: expected a string such as \"AdvancedHunting-DeviceInfo\"",
                     v == NULL ? "missing" : "not a string");
    category = value_text(p, v, decoded, sizeof decoded);
    if (category.n == 0)
        return wrong(fault, "category", v,
                     "category is empty: expected one such as \"AdvancedHunting-DeviceInfo\"");
    e->stream = find_stream(r, tenant, category, &fault->err);
    fault->column = "category";
    fault->at = v->value_at;
    return e->stream != NULL;
}

/* A datetime value. *is_exact: it has the form that leaves as it came. */
static bool
read_time(struct hour_cached *cache, const char *p, const struct scan_value *v, int64_t *ticks,
          bool *is_exact)
{
    char decoded[64];
    struct span text;

    *is_exact = false;
    if (v->kind != SCAN_STRING)
        return false;
    text = value_text(p, v, decoded, sizeof decoded);
    *is_exact = !v->value_escaped && text.n == TIME_SIZE && text.p[TIME_SIZE - 1] == 'Z' &&
                read_seven(cache, text.p, ticks);
    return *is_exact || datetime_read(text, ticks);
}

static bool
read_times(struct envelope_reader *r, const char *p, const struct keys *keys, struct envelope *e,
           struct envelope_fault *fault)
{
    const struct scan_value *time = keys->value[KEY_TIME], *received = keys->value[KEY_RECEIVED];
    int64_t ticks;
    bool is_exact;

    if (time != NULL) {
        if (!read_time(&r->time, p, time, &e->time, &is_exact))
            return wrong(fault, "time", time,
                         "time is not a datetime: expected one such as "
                         "\"2026-09-14T08:07:45.2820995Z\"");
        if (is_exact)
            e->time_at = time->value_at + 1;
    }
    if (received != NULL) {
        if (!read_time(&r->received, p, received, &ticks, &is_exact) ||
            received->value_size - 2 > UINT8_MAX)
            return wrong(fault, "_TimeReceivedBySvc", received,
                         "_TimeReceivedBySvc is not a datetime: expected one such as "
                         "\"2026-09-14T08:06:13.0590254Z\"");
        e->received_at = received->value_at + 1;
        e->received_size = (uint8_t)(received->value_size - 2);
    }
    return true;
}

static bool
read_any(struct envelope_reader *r, const char *p, const struct scan_record *s, struct envelope *e,
         struct envelope_fault *fault)
{
    struct keys keys;
    char tenant[TENANT_SIZE + 1];
    const struct scan_value *v;

    find_keys(p, s, &keys);
    v = keys.value[KEY_PROPERTIES];
    if (v == NULL || v->kind != SCAN_OBJECT)
        return wrong(fault, "properties", v, "properties is %s: expected the row as an object",
                     v == NULL ? "missing" : "not an object");
    if (!read_tenant(r, p, &keys, tenant, fault) || !read_stream(r, p, &keys, tenant, e, fault) ||
        !read_times(r, p, &keys, e, fault))
        return false;
    e->properties_at = v->value_at;
    e->properties_size = v->value_size;
    e->members = v + 1;
    while (e->members + e->member_count < s->values + s->value_count &&
           e->members[e->member_count].depth == 2)
        e->member_count++;
    return true;
}

bool
envelope_read(struct envelope_reader *r, const char *record, const struct scan_record *scanned,
              struct envelope *e, struct envelope_fault *fault)
{
    memset(e, 0, sizeof *e);
    if (read_wire(r, record, scanned, e))
        return true;
    memset(e, 0, sizeof *e);
    return read_any(r, record, scanned, e, fault);
}
