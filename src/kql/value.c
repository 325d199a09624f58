/* value.c - types' names; the order, equality, hash and copy of values.
 *
 * Numbers are one kind here whatever their type: they are compared exactly (a long against a real
 * beyond 2^53 too), and numbers that are the same hash alike because whole ones that fit a long are
 * hashed as such and all others as the real next to them. */
#include "kql/value.h"
#include "kql/decimal.h"
#include "kql/number_text.h"
#include <math.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- types ---- */

static const struct {
    const char *name, *data_type;
} types[KQL_TYPE_COUNT] = {
    [KQL_UNKNOWN] = {"unknown",  "System.Object"                  },
    [KQL_BOOL] = {"bool",     "System.SByte"                   },
    [KQL_INT] = {"int",      "System.Int32"                   },
    [KQL_LONG] = {"long",     "System.Int64"                   },
    [KQL_REAL] = {"real",     "System.Double"                  },
    [KQL_DECIMAL] = {"decimal",  "System.Data.SqlTypes.SqlDecimal"},
    [KQL_STRING] = {"string",   "System.String"                  },
    [KQL_DATETIME] = {"datetime", "System.DateTime"                },
    [KQL_TIMESPAN] = {"timespan", "System.TimeSpan"                },
    [KQL_GUID] = {"guid",     "System.Guid"                    },
    [KQL_DYNAMIC] = {"dynamic",  "System.Object"                  },
    [KQL_ARRAY] = {"dynamic",  "System.Object"                  },
    [KQL_BAG] = {"dynamic",  "System.Object"                  },
};

static const struct {
    const char *name;
    enum kql_type type;
} aliases[] = {
    {"boolean",  KQL_BOOL    },
    {"int8",     KQL_INT     },
    {"int64",    KQL_LONG    },
    {"double",   KQL_REAL    },
    {"date",     KQL_DATETIME},
    {"time",     KQL_TIMESPAN},
    {"uniqueid", KQL_GUID    },
};

const char *
kql_type_name(enum kql_type t)
{
    return types[t].name;
}

const char *
kql_type_data_type(enum kql_type t)
{
    return types[t].data_type;
}

bool
kql_type_read(struct span name, enum kql_type *t)
{
    for (int i = KQL_BOOL; i <= KQL_DYNAMIC; i++) {
        if (span_is(name, types[i].name)) {
            *t = (enum kql_type)i;
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(aliases); i++) {
        if (span_is(name, aliases[i].name)) {
            *t = aliases[i].type;
            return true;
        }
    }
    return false;
}

enum kql_type
kql_type_of_column(enum column_type t)
{
    static const uint8_t map[] = {
        [COLUMN_STRING] = KQL_STRING,     [COLUMN_DATETIME] = KQL_DATETIME,
        [COLUMN_INT] = KQL_INT,           [COLUMN_LONG] = KQL_LONG,
        [COLUMN_REAL] = KQL_REAL,         [COLUMN_BOOL] = KQL_BOOL,
        [COLUMN_DYNAMIC] = KQL_DYNAMIC,   [COLUMN_GUID] = KQL_GUID,
        [COLUMN_TIMESPAN] = KQL_TIMESPAN, [COLUMN_DECIMAL] = KQL_DECIMAL,
    };

    return (enum kql_type)map[t];
}

/* ---- order ---- */

enum {
    /* Levels of arrays and bags that are looked into. Values nest this deep only when a query makes
     * them so row by row; what lies deeper is taken for equal. */
    DEPTH_MAX = 512,
    /* Entries of bags with differing orders of keys that are looked up one by one; larger bags are
     * told apart by their hashes. */
    LOOKUPS_MAX = 64,
};

static int
order_of(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* 'r' is not NaN. */
static int
compare_long_real(int64_t i, double r)
{
    int64_t whole;

    if (r >= 0x1p63)
        return -1;
    if (r < -0x1p63)
        return 1;
    whole = (int64_t)r;
    if (i != whole)
        return i < whole ? -1 : 1;
    return ((double)whole > r) - ((double)whole < r);
}

static int
compare_decimal_real(const struct kql_decimal *d, double r)
{
    struct kql_decimal other;

    if (!kql_decimal_of_real(r, &other))
        return r > 0 ? -1 : 1;
    return kql_decimal_compare(d, &other);
}

static int
compare_real(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(b) - isnan(a);
    return (a > b) - (a < b);
}

static int
compare_numbers(const struct kql_value *a, const struct kql_value *b)
{
    struct kql_decimal converted;

    if (a->type == KQL_REAL) {
        if (b->type == KQL_REAL)
            return compare_real(a->r, b->r);
        return -compare_numbers(b, a);
    }
    if (b->type == KQL_REAL) {
        if (isnan(b->r))
            return 1;
        return a->type == KQL_DECIMAL ? compare_decimal_real(a->decimal, b->r)
                                      : compare_long_real(a->i, b->r);
    }
    if (a->type == KQL_DECIMAL) {
        if (b->type == KQL_DECIMAL)
            return kql_decimal_compare(a->decimal, b->decimal);
        kql_decimal_of_long(b->i, &converted);
        return kql_decimal_compare(a->decimal, &converted);
    }
    if (b->type == KQL_DECIMAL)
        return -compare_numbers(b, a);
    return order_of(a->i, b->i);
}

static int
compare_text(struct span a, struct span b)
{
    size_t common = a.n < b.n ? a.n : b.n;
    int order = common == 0 ? 0 : memcmp(a.p, b.p, common);

    return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

static bool same_at(const struct kql_value *a, const struct kql_value *b, int depth);
static uint64_t hash_at(const struct kql_value *v, int depth);

/* Whatever the order of the keys. */
static uint64_t
hash_bag(const struct kql_bag *bag, int depth, uint64_t seed)
{
    uint64_t sum = bag->count;

    for (uint32_t i = 0; i < bag->count; i++) {
        const struct kql_bag_entry *e = &bag->entries[i];

        sum += XXH3_64bits_withSeed(e->key.p, e->key.n, hash_at(&e->value, depth + 1) ^ seed);
    }
    return sum;
}

static bool
same_bags(const struct kql_bag *a, const struct kql_bag *b, int depth)
{
    const uint64_t other_seed = UINT64_C(0x9e3779b97f4a7c15);
    uint32_t same = 0;

    if (a->count != b->count)
        return false;
    while (same < a->count && span_equal(a->entries[same].key, b->entries[same].key)) {
        if (!same_at(&a->entries[same].value, &b->entries[same].value, depth + 1))
            return false;
        same++;
    }
    if (a->count - same > LOOKUPS_MAX)
        return hash_bag(a, depth, 0) == hash_bag(b, depth, 0) &&
               hash_bag(a, depth, other_seed) == hash_bag(b, depth, other_seed);
    for (uint32_t i = same; i < a->count; i++) {
        uint32_t k = same;

        while (k < b->count && !span_equal(a->entries[i].key, b->entries[k].key))
            k++;
        if (k == b->count || !same_at(&a->entries[i].value, &b->entries[k].value, depth + 1))
            return false;
    }
    return true;
}

static int compare_at(const struct kql_value *a, const struct kql_value *b, int depth);

static int
compare_arrays(const struct kql_array *a, const struct kql_array *b, int depth)
{
    for (uint32_t i = 0; i < a->count && i < b->count; i++) {
        int order = compare_at(&a->items[i], &b->items[i], depth + 1);

        if (order != 0)
            return order;
    }
    return order_of(a->count, b->count);
}

/* By size, then in an order that means nothing but is always the same. */
static int
compare_bags(const struct kql_bag *a, const struct kql_bag *b, int depth)
{
    uint64_t x, y;

    if (a->count != b->count)
        return order_of(a->count, b->count);
    if (same_bags(a, b, depth))
        return 0;
    x = hash_bag(a, depth, 0);
    y = hash_bag(b, depth, 0);
    return (x > y) - (x < y);
}

static int
rank_of(const struct kql_value *v)
{
    return kql_type_is_number((enum kql_type)v->type) ? KQL_INT : v->type;
}

static int
compare_at(const struct kql_value *a, const struct kql_value *b, int depth)
{
    if (depth > DEPTH_MAX)
        return 0;
    if (a->is_null || b->is_null)
        return b->is_null - a->is_null;
    if (rank_of(a) != rank_of(b))
        return rank_of(a) - rank_of(b);
    switch (a->type) {
    case KQL_STRING:
        return compare_text(kql_text(a), kql_text(b));
    case KQL_GUID:
        return memcmp(a->guid->bytes, b->guid->bytes, sizeof a->guid->bytes);
    case KQL_ARRAY:
        return compare_arrays(a->array, b->array, depth);
    case KQL_BAG:
        return compare_bags(a->bag, b->bag, depth);
    case KQL_REAL:
    case KQL_DECIMAL:
        return compare_numbers(a, b);
    case KQL_INT:
    case KQL_LONG:
        if (b->type >= KQL_REAL)
            return compare_numbers(a, b);
        return order_of(a->i, b->i);
    default: /* BOOL, DATETIME, TIMESPAN */
        return order_of(a->i, b->i);
    }
}

int
kql_value_compare(const struct kql_value *a, const struct kql_value *b)
{
    return compare_at(a, b, 0);
}

/* ---- equality ---- */

static bool
same_at(const struct kql_value *a, const struct kql_value *b, int depth)
{
    if (!a->is_null && !b->is_null && depth <= DEPTH_MAX) {
        if (a->type == KQL_STRING && b->type == KQL_STRING)
            return a->size == b->size && (a->size == 0 || memcmp(a->text, b->text, a->size) == 0);
        if (a->type == KQL_BAG && b->type == KQL_BAG)
            return same_bags(a->bag, b->bag, depth);
        if (a->type == KQL_ARRAY && b->type == KQL_ARRAY) {
            if (a->array->count != b->array->count)
                return false;
            for (uint32_t i = 0; i < a->array->count; i++)
                if (!same_at(&a->array->items[i], &b->array->items[i], depth + 1))
                    return false;
            return true;
        }
    }
    return compare_at(a, b, depth) == 0;
}

bool
kql_value_same(const struct kql_value *a, const struct kql_value *b)
{
    return same_at(a, b, 0);
}

static uint64_t
hash_bits(uint64_t bits, uint64_t seed)
{
    return XXH3_64bits_withSeed(&bits, sizeof bits, seed);
}

static uint64_t
hash_real(double r)
{
    uint64_t bits;

    if (r >= -0x1p63 && r < 0x1p63 && r == (double)(int64_t)r)
        return hash_bits((uint64_t)(int64_t)r, KQL_LONG);
    if (isnan(r))
        r = (double)NAN; /* one of them all */
    memcpy(&bits, &r, sizeof bits);
    return hash_bits(bits, KQL_REAL);
}

static uint64_t
hash_decimal(const struct kql_decimal *d)
{
    int64_t whole;

    if (kql_decimal_is_long(d, &whole))
        return hash_bits((uint64_t)whole, KQL_LONG);
    return hash_real(kql_decimal_to_real(d));
}

static uint64_t
hash_at(const struct kql_value *v, int depth)
{
    uint64_t hash = KQL_ARRAY;

    if (depth > DEPTH_MAX)
        return 0;
    if (v->is_null)
        return UINT64_C(0x6e756c6c);
    switch (v->type) {
    case KQL_INT:
    case KQL_LONG:
        return hash_bits((uint64_t)v->i, KQL_LONG);
    case KQL_REAL:
        return hash_real(v->r);
    case KQL_DECIMAL:
        return hash_decimal(v->decimal);
    case KQL_STRING:
        return XXH3_64bits(v->text, v->size); /* longer texts are slow with a seed */
    case KQL_GUID:
        return XXH3_64bits_withSeed(v->guid->bytes, sizeof v->guid->bytes, KQL_GUID);
    case KQL_ARRAY:
        for (uint32_t i = 0; i < v->array->count; i++)
            hash = hash_bits(hash_at(&v->array->items[i], depth + 1), hash);
        return hash;
    case KQL_BAG:
        return hash_bits(hash_bag(v->bag, depth, 0), KQL_BAG);
    default:
        return hash_bits((uint64_t)v->i, v->type);
    }
}

uint64_t
kql_value_hash(const struct kql_value *v)
{
    return hash_at(v, 0);
}

/* ---- copies ---- */

static struct kql_value copy_at(struct pool *to, const struct kql_value *v, int depth);

static const struct kql_array *
copy_array(struct pool *to, const struct kql_array *from, int depth)
{
    struct kql_array *array = pool_take(to, sizeof *array);
    struct kql_value *items = pool_zeroed(to, from->count, sizeof *items);

    for (uint32_t i = 0; i < from->count; i++)
        items[i] = copy_at(to, &from->items[i], depth + 1);
    *array = (struct kql_array){from->count, items, from->parts, from->levels};
    return array;
}

static const struct kql_bag *
copy_bag(struct pool *to, const struct kql_bag *from, int depth)
{
    struct kql_bag *bag = pool_take(to, sizeof *bag);
    struct kql_bag_entry *entries = pool_zeroed(to, from->count, sizeof *entries);

    for (uint32_t i = 0; i < from->count; i++) {
        entries[i].key = pool_text(to, from->entries[i].key);
        entries[i].value = copy_at(to, &from->entries[i].value, depth + 1);
    }
    *bag = (struct kql_bag){from->count, entries, from->parts, from->levels};
    return bag;
}

static const void *
copy_bytes(struct pool *to, const void *from, size_t size)
{
    return memcpy(pool_take(to, size), from, size);
}

static struct kql_value
copy_at(struct pool *to, const struct kql_value *v, int depth)
{
    struct kql_value copy = *v;

    if (v->is_null)
        return copy;
    if (depth > DEPTH_MAX)
        return kql_null(KQL_DYNAMIC);
    switch (v->type) {
    case KQL_STRING:
        copy.text = pool_text(to, kql_text(v)).p;
        break;
    case KQL_DECIMAL:
        copy.decimal = copy_bytes(to, v->decimal, sizeof *v->decimal);
        break;
    case KQL_GUID:
        copy.guid = copy_bytes(to, v->guid, sizeof *v->guid);
        break;
    case KQL_ARRAY:
        copy.array = copy_array(to, v->array, depth);
        break;
    case KQL_BAG:
        copy.bag = copy_bag(to, v->bag, depth);
        break;
    default:
        break;
    }
    return copy;
}

struct kql_value
kql_value_copy(struct pool *to, const struct kql_value *v)
{
    return copy_at(to, v, 0);
}

static size_t
size_at(const struct kql_value *v, int depth)
{
    size_t size = sizeof *v;

    if (v->is_null || depth > DEPTH_MAX)
        return size;
    switch (v->type) {
    case KQL_STRING:
        return size + v->size + 8;
    case KQL_DECIMAL:
        return size + sizeof *v->decimal;
    case KQL_GUID:
        return size + sizeof *v->guid;
    case KQL_ARRAY:
        size += sizeof *v->array;
        for (uint32_t i = 0; i < v->array->count; i++)
            size += size_at(&v->array->items[i], depth + 1);
        return size;
    case KQL_BAG:
        size += sizeof *v->bag;
        for (uint32_t i = 0; i < v->bag->count; i++)
            size += sizeof(struct span) + v->bag->entries[i].key.n + 8 +
                    size_at(&v->bag->entries[i].value, depth + 1);
        return size;
    default:
        return size;
    }
}

size_t
kql_value_size(const struct kql_value *v)
{
    return size_at(v, 0);
}
