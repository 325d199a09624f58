/* The columns are found by the length of their key first: of some fifty keys of a row about five
 * have a length that is looked for, so the walk is one test of a bit per key. Nothing is remembered
 * from row to row about where a column stood: a duplicate key further on has to win.
 *
 * Decorating is a second pass over the rows (not over the bytes) of a block that is about to be
 * sealed, so that a DeviceInfo row at the end of a request counts for the first row too. */
#include "source/decorate.h"
#include "source/unescape.h"
#include <assert.h>
#include <stdlib.h>

enum { FACT_TEXT_MAX = 2048 };

static const struct {
    const char *name;
    uint8_t size, classes; /* bit per enum decorate_class */
} wanted[COLUMNS_WANTED] = {
#define EVERY 0xf
    [COLUMN_DEVICE_ID] = {"DeviceId",          8,  EVERY & ~(1 << DECORATE_ALERT_INFO)                    },
    [COLUMN_MACHINE_GROUP] = {"MachineGroup",      12, EVERY                                                  },
    [COLUMN_ALERT_ID] = {"AlertId",           7,  1 << DECORATE_ALERT_EVIDENCE | 1 << DECORATE_ALERT_INFO},
    [COLUMN_DEVICE_NAME] = {"DeviceName",        10, 1 << DECORATE_DEVICE_INFO                              },
    [COLUMN_OS_PLATFORM] = {"OSPlatform",        10, 1 << DECORATE_DEVICE_INFO                              },
    [COLUMN_REGISTRY_TAG] = {"RegistryDeviceTag", 17, 1 << DECORATE_DEVICE_INFO                              },
    [COLUMN_MANUAL_TAGS] = {"DeviceManualTags",  16, 1 << DECORATE_DEVICE_INFO                              },
    [COLUMN_DYNAMIC_TAGS] = {"DeviceDynamicTags", 17, 1 << DECORATE_DEVICE_INFO                              },
#undef EVERY
};

/* Bit n: some wanted key of the class has n bytes. */
static const uint32_t size_masks[] = {
    [DECORATE_DEVICE] = 1u << 8 | 1u << 12,
    [DECORATE_DEVICE_INFO] = 1u << 8 | 1u << 12 | 1u << 10 | 1u << 16 | 1u << 17,
    [DECORATE_ALERT_EVIDENCE] = 1u << 8 | 1u << 12 | 1u << 7,
    [DECORATE_ALERT_INFO] = 1u << 12 | 1u << 7,
};

enum decorate_class
decorate_class_of(struct span table)
{
    if (span_is(table, "DeviceInfo"))
        return DECORATE_DEVICE_INFO;
    if (span_is(table, "AlertEvidence"))
        return DECORATE_ALERT_EVIDENCE;
    if (span_is(table, "AlertInfo"))
        return DECORATE_ALERT_INFO;
    return DECORATE_DEVICE;
}

bool
decorate_by_default(const struct catalog_table *table)
{
    return table != NULL &&
           (table->machine_group == GROUP_DECORATED || table->machine_group == GROUP_COLUMN);
}

static void
take_column(enum decorate_class class, struct span key, const struct scan_value *v,
            struct decorate_columns *found)
{
    for (size_t i = 0; i < COLUMNS_WANTED; i++) {
        if (wanted[i].size == key.n && (wanted[i].classes >> class & 1) &&
            memcmp(key.p, wanted[i].name, key.n) == 0)
            found->value[i] = v;
    }
}

void
decorate_columns(enum decorate_class class, const char *record, const struct scan_value *values,
                 size_t count, struct decorate_columns *found)
{
    uint32_t mask = size_masks[class];

    memset(found, 0, sizeof *found);
    for (size_t i = 0; i < count; i++) {
        const struct scan_value *v = &values[i];

        if (v->key_size < 32 && (mask >> v->key_size & 1) && !v->key_escaped) {
            take_column(class, (struct span){record + v->key_at, v->key_size}, v, found);
        } else if (v->key_escaped && v->key_size <= 6 * 17) {
            char key[6 * 17];
            size_t n =
                unescape((struct span){record + v->key_at, v->key_size}, key, sizeof key, NULL);

            take_column(class, (struct span){key, n}, v, found);
        }
    }
}

void
decorate_init(struct decorator *d, struct devices *devices)
{
    d->devices = devices;
    d->generation = 1;
    d->learn_count = 0;
    memset(d->cache, 0, sizeof d->cache);
}

void
decorate_reset(struct decorator *d)
{
    d->learn_count = 0;
    if (++d->generation == 0)
        decorate_init(d, d->devices);
}

/* The text of a string value, quotes left off; size 0 for anything else. */
static struct text_at
text_of(const struct scan_value *v, const struct block_row *row)
{
    if (v == NULL || v->kind != SCAN_STRING)
        return (struct text_at){0, 0};
    return (struct text_at){row->at + v->value_at + 1, v->value_size - 2};
}

/* Tags may be a string or, from other producers, a native array: both are kept with their first
 * byte. */
static struct text_at
tags_of(const struct scan_value *v, const struct block_row *row)
{
    if (v == NULL || (v->kind != SCAN_STRING && v->kind != SCAN_ARRAY))
        return (struct text_at){0, 0};
    return (struct text_at){row->at + v->value_at, v->value_size};
}

static void
note_learn(struct decorator *d, const struct decorate_columns *found, uint32_t index,
           const struct block_row *row)
{
    struct learn *l = &d->learn[d->learn_count++];

    l->row = index;
    for (size_t i = 0; i < COLUMNS_WANTED; i++)
        l->text[i] = i >= COLUMN_REGISTRY_TAG ? tags_of(found->value[i], row)
                                              : text_of(found->value[i], row);
}

static bool
has_text(const struct scan_value *v)
{
    return v != NULL && v->kind == SCAN_STRING && v->value_size > 2;
}

static bool
teaches(enum decorate_class class, const struct decorate_columns *found)
{
    switch (class) {
    case DECORATE_DEVICE_INFO:
        return has_text(found->value[COLUMN_DEVICE_ID]);
    case DECORATE_ALERT_EVIDENCE:
        return has_text(found->value[COLUMN_DEVICE_ID]) && has_text(found->value[COLUMN_ALERT_ID]);
    default:
        return false;
    }
}

bool
decorate_note(struct decorator *d, const struct decorate_columns *found, enum decorate_class class,
              bool by_default, uint32_t index, struct block_row *row, struct row_key *key)
{
    const struct scan_value *group = found->value[COLUMN_MACHINE_GROUP];
    const struct scan_value *id =
        found->value[class == DECORATE_ALERT_INFO ? COLUMN_ALERT_ID : COLUMN_DEVICE_ID];

    if (d->devices != NULL && teaches(class, found)) {
        if (d->learn_count == LEARN_MAX)
            return false;
        note_learn(d, found, index, row);
    }
    if (by_default)
        row->flags |= ROW_DECORATE;
    *key = (struct row_key){0};
    row->group = ROW_GROUP_NULL;
    if (group != NULL) {
        /* A block's group value has two bytes at least; a digit takes the byte before it along.
         * That is never looked at: such a value stays as it is. */
        uint32_t wider = group->value_size < 2;

        row->group_value_at = row->at + group->value_at - wider;
        row->group_value_size =
            group->value_size > UINT16_MAX ? UINT16_MAX : (uint16_t)(group->value_size + wider);
        if (group->kind != SCAN_NULL) {
            row->group = ROW_GROUP_AS_IS;
            return true;
        }
    }
    if (has_text(id) && id->value_size - 2 <= UINT16_MAX)
        *key = (struct row_key){
            .at = row->at + id->value_at + 1,
            .size = (uint16_t)(id->value_size - 2),
            .kind = class == DECORATE_ALERT_INFO ? KEY_ALERT : KEY_DEVICE,
            .escaped = id->value_escaped,
        };
    return true;
}

/* Decodes into d->scratch at *used; an empty span when there is no room. */
static struct span
decoded(struct decorator *d, const char *body, struct text_at text, size_t size_max, size_t *used)
{
    char *out = d->scratch + *used;
    size_t room = sizeof d->scratch - *used;
    size_t n = unescape((struct span){body + text.at, text.size}, out,
                        room < size_max ? room : size_max, NULL);

    *used += n;
    return (struct span){out, n};
}

/* End of the JSON string whose opening quote is at p: its closing quote, or 'end'. */
static const char *
string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p < end ? p : end;
}

/* Appends one tag and LF to scratch. */
static void
put_tag(struct decorator *d, struct span text, size_t *used)
{
    size_t room = sizeof d->scratch - *used;
    size_t n;

    if (text.n == 0 || room < 2)
        return;
    n = unescape(text, d->scratch + *used, room - 1, NULL);
    d->scratch[*used + n] = '\n';
    *used += n + 1;
}

/* Appends the strings of an array's text. */
static void
put_tag_array(struct decorator *d, struct span array, size_t *used)
{
    const char *p = array.p, *end = array.p + array.n;

    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *close = string_end(p, end);

        put_tag(d, (struct span){p + 1, (size_t)(close - p - 1)}, used);
        p = close + 1;
    }
}

/* A tag column: one tag, or an array of tags, native or as JSON text in a string. */
static void
put_tags(struct decorator *d, const char *body, struct text_at text, size_t *used)
{
    struct span value = {body + text.at, text.size};

    if (value.n == 0)
        return;
    if (value.p[0] == '[') {
        put_tag_array(d, value, used);
        return;
    }
    value = (struct span){value.p + 1, value.n - 2};
    if (value.n == 0 || value.p[0] != '[') {
        put_tag(d, value, used);
        return;
    }
    char array[FACT_TEXT_MAX];
    size_t n = unescape(value, array, sizeof array, NULL);

    put_tag_array(d, (struct span){array, n}, used);
}

static void
learn_row(struct decorator *d, const char *tenant, bool is_alert, const struct learn *l,
          const char *body, int64_t seen)
{
    size_t used = 0;
    struct device_facts facts = {0};

    facts.id = decoded(d, body, l->text[COLUMN_DEVICE_ID], FACT_TEXT_MAX, &used);
    if (is_alert) {
        devices_alert_learn(d->devices, tenant,
                            decoded(d, body, l->text[COLUMN_ALERT_ID], FACT_TEXT_MAX, &used),
                            facts.id);
        return;
    }
    facts.name = decoded(d, body, l->text[COLUMN_DEVICE_NAME], FACT_TEXT_MAX, &used);
    facts.os_platform = decoded(d, body, l->text[COLUMN_OS_PLATFORM], FACT_TEXT_MAX, &used);

    size_t tags = used;

    put_tags(d, body, l->text[COLUMN_REGISTRY_TAG], &used);
    put_tags(d, body, l->text[COLUMN_MANUAL_TAGS], &used);
    put_tags(d, body, l->text[COLUMN_DYNAMIC_TAGS], &used);
    facts.tags = (struct span){d->scratch + tags, used > tags ? used - tags - 1 : 0};
    /* A full registry counts it; the row itself is none the worse for it. */
    (void)devices_learn(d->devices, tenant, &facts, seen);
}

void
decorate_learn(struct decorator *d, const struct block_builder *b, const char *body, int64_t seen)
{
    for (uint32_t i = 0; i < d->learn_count; i++) {
        const struct learn *l = &d->learn[i];
        const char *tenant = b->streams[b->rows[l->row].stream].tenant;

        learn_row(d, tenant, l->text[COLUMN_ALERT_ID].size != 0, l, body, seen);
    }
    d->learn_count = 0;
}

static uint64_t
hash_bytes(const char *p, size_t n)
{
    uint64_t h = n * UINT64_C(0x9e3779b97f4a7c15), word;

    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&word, p, 8);
        h = (h ^ word) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, p, n);
    h = (h ^ word) * UINT64_C(0x9fb21c651e98df25);
    return h ^ h >> 29;
}

/* The group of one key's device, as an index of the block's strings. */
static enum status
find_group(struct decorator *d, struct block_builder *b, uint16_t stream, const struct row_key *key,
           const char *body, uint16_t *group)
{
    const char *tenant = b->streams[stream].tenant;
    struct span id = {body + key->at, key->size};
    char name[257];
    size_t used = 0;

    if (key->escaped)
        id = decoded(d, body, (struct text_at){key->at, key->size}, sizeof d->scratch, &used);
    if (key->kind == KEY_DEVICE) {
        devices_group(d->devices, tenant, id, name);
    } else if (!devices_alert_group(d->devices, tenant, id, name)) {
        *group = ROW_GROUP_NULL;
        return ST_OK;
    }
    return block_string_index(b, span_of(name), group);
}

static bool
cache_holds(const struct decorator *d, const struct block_builder *b, const struct group_cached *c,
            uint64_t hash, const struct block_row *row, const struct row_key *key, const char *body)
{
    return c->hash == hash && c->generation == d->generation && c->size == key->size &&
           memcmp(body + c->at, body + key->at, key->size) == 0 &&
           (c->stream == row->stream ||
            strcmp(b->streams[c->stream].tenant, b->streams[row->stream].tenant) == 0);
}

uint32_t
decorate_block(struct decorator *d, struct block_builder *b, const struct row_key *keys,
               const char *body, int64_t seen)
{
    if (d->devices == NULL)
        return b->head.row_count;
    decorate_learn(d, b, body, seen);
    for (uint32_t i = 0; i < b->head.row_count; i++) {
        const struct row_key *key = &keys[i];
        struct block_row *row = &b->rows[i];

        if (key->kind == KEY_NONE)
            continue;

        uint64_t hash = hash_bytes(body + key->at, key->size) + key->kind;
        struct group_cached *c = &d->cache[hash % GROUP_CACHE_COUNT];

        if (!cache_holds(d, b, c, hash, row, key, body)) {
            uint16_t group;

            if (find_group(d, b, row->stream, key, body, &group) != ST_OK)
                return i;
            *c = (struct group_cached){hash, d->generation, key->at, key->size, row->stream, group};
        }
        row->group = c->group;
    }
    return b->head.row_count;
}

/* One row of a journalled block, copied to 'text' (SCAN_PADDING readable bytes behind it). */
static bool
relearn_row(struct decorator *d, struct scanner *s, const char *tenant, enum decorate_class class,
            const char *text, size_t size, int64_t seen)
{
    struct scan_record record;
    struct scan_fault fault;
    struct decorate_columns found;
    struct scan_limits limits = {(uint32_t)size, 1024, SCAN_VALUES_MAX};
    struct block_row row = {0};

    scanner_reset(s, SCAN_ROWS, &limits);
    if (scan_next(s, text, size, true, &record, &fault) != SCAN_RECORD)
        return false;
    decorate_columns(class, text + record.at, record.values, record.value_count, &found);
    if (!teaches(class, &found))
        return false;
    row.at = (uint32_t)record.at;
    d->learn_count = 0;
    note_learn(d, &found, 0, &row);
    d->learn_count = 0;
    learn_row(d, tenant, class == DECORATE_ALERT_EVIDENCE, &d->learn[0], text, seen);
    return true;
}

size_t
decorate_relearn(struct decorator *d, struct scanner *s, const struct block *block)
{
    char *text = NULL;
    size_t room = 0, learned = 0;

    for (uint32_t i = 0; d->devices != NULL && i < block->head->row_count; i++) {
        const struct block_row *row = &block->rows[i];
        const struct block_stream *stream = &block->streams[row->stream];
        enum decorate_class class = decorate_class_of(span_of(stream->table));

        if (class != DECORATE_DEVICE_INFO && class != DECORATE_ALERT_EVIDENCE)
            continue;
        if (row->properties_size + SCAN_PADDING > room) {
            char *larger = realloc(text, row->properties_size + SCAN_PADDING);

            if (larger == NULL)
                continue;
            text = larger;
            room = row->properties_size + SCAN_PADDING;
        }
        memcpy(text, block->body.p + row->properties_at, row->properties_size);
        memset(text + row->properties_size, 0, SCAN_PADDING);
        learned += relearn_row(d, s, stream->tenant, class, text, row->properties_size,
                               block->head->admitted);
    }
    free(text);
    return learned;
}
