/* sketch.c - counting different values, and percentiles, in bounded memory.
 *
 * Different values: their 64-bit hashes are kept as they are up to HLL_EXACT_MAX of them, then only
 * a HyperLogLog's registers: the first bits of a hash choose a register, which keeps the largest
 * number of zeros seen before the first one in the rest (plus one). The estimate is Ertl's improved
 * one (New cardinality estimation algorithms for HyperLogLog sketches, 2017, algorithm 6), which
 * needs no table of corrections for small counts. Its standard error is 1.04 / sqrt(registers).
 *
 * Percentiles: (value, weight) pairs, kept as they are up to DIGEST_EXACT_MAX different values, then
 * merged as t-digests merge (Dunning, Computing extremely accurate quantiles using t-digests, 2019):
 * in order, neighbours are put together as long as they span less than one step of the scale
 * asin(2q - 1), which is fine at both ends and coarse in the middle. The ends stay single values,
 * so the extremes are exact. */
#include "kql/sketch.h"
#include "kql/dynamic.h"
#include <math.h>
#include <stdlib.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---- different values ---- */

uint8_t
hll_bits(int64_t accuracy)
{
    static const uint8_t bits[] = {12, 14, 16, 17, 18};

    return accuracy >= 0 && accuracy < (int64_t)COUNT_OF(bits) ? bits[accuracy] : 0;
}

static void
hll_put_register(struct hll *h, uint64_t hash)
{
    uint64_t rest = hash << h->bits;
    uint8_t rank = (uint8_t)(rest == 0 ? 64 - h->bits + 1 : __builtin_clzll(rest) + 1);
    uint8_t *at = &h->registers[hash >> (64 - h->bits)];

    if (rank > *at)
        *at = rank;
}

static void
hll_start_registers(struct pool *p, struct hll *h)
{
    h->registers = pool_zeroed(p, (size_t)1 << h->bits, 1);
    for (uint32_t i = 0; i < h->slot_count; i++)
        if (h->slots[i] != 0)
            hll_put_register(h, h->slots[i]);
    h->slots = NULL;
    h->slot_count = h->count = 0;
}

static uint64_t * /* where the hash is, or may be put */
hll_slot(const struct hll *h, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (h->slot_count - 1);

    while (h->slots[at] != 0 && h->slots[at] != hash)
        at = (at + 1) & (h->slot_count - 1);
    return &h->slots[at];
}

static void
hll_widen(struct pool *p, struct hll *h)
{
    struct hll wider = *h;

    wider.slot_count = h->slot_count == 0 ? 16 : h->slot_count * 4;
    wider.slots = pool_zeroed(p, wider.slot_count, sizeof *wider.slots);
    for (uint32_t i = 0; i < h->slot_count; i++)
        if (h->slots[i] != 0)
            *hll_slot(&wider, h->slots[i]) = h->slots[i];
    *h = wider;
}

void
hll_add(struct pool *p, struct hll *h, uint64_t hash)
{
    uint64_t *slot;

    hash += hash == 0; /* 0 marks free slots */
    if (h->registers != NULL) {
        hll_put_register(h, hash);
        return;
    }
    if ((h->count + 1) * 2 > h->slot_count)
        hll_widen(p, h);
    slot = hll_slot(h, hash);
    if (*slot != 0)
        return;
    *slot = hash;
    if (++h->count > HLL_EXACT_MAX)
        hll_start_registers(p, h);
}

static double
ertl_sigma(double x)
{
    double y = 1, z = x, before;

    if (x == 1)
        return INFINITY;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (z != before);
    return z;
}

static double
ertl_tau(double x)
{
    double y = 1, z = 1 - x, before;

    if (x == 0 || x == 1)
        return 0;
    do {
        x = sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (z != before);
    return z / 3;
}

int64_t
hll_count(const struct hll *h)
{
    double counts[66] = {0}, size, z;
    int top = 64 - h->bits;

    if (h->registers == NULL)
        return h->count;
    size = (double)(UINT64_C(1) << h->bits);
    for (size_t i = 0; i < (size_t)1 << h->bits; i++)
        counts[h->registers[i]]++;
    z = size * ertl_tau(1 - counts[top + 1] / size);
    for (int k = top; k >= 1; k--)
        z = (z + counts[k]) * 0.5;
    z += size * ertl_sigma(counts[0] / size);
    return llround(size * size / (2 * log(2) * z));
}

struct kql_value
hll_value(struct pool *p, const struct hll *h)
{
    struct kql_array_builder kind = {.pool = p}, hashes = {.pool = p}, rest = {.pool = p};
    struct kql_array_builder all = {.pool = p};

    kql_array_add(&kind, kql_integer(KQL_LONG, HLL_EXACT_MAX));
    kql_array_add(&kind, kql_integer(KQL_LONG, h->bits));
    for (uint32_t i = 0; i < h->slot_count; i++)
        if (h->slots[i] != 0)
            kql_array_add(&hashes, kql_string(pool_printf(p, "%lld", (long long)h->slots[i])));
    if (h->registers != NULL) {
        size_t size = (size_t)1 << h->bits;
        char *text = pool_take(p, size);

        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[h->registers[i]];
        kql_array_add(&rest, kql_string((struct span){text, size}));
    }
    kql_array_add(&all, kql_array_finish(&kind));
    kql_array_add(&all, kql_array_finish(&hashes));
    kql_array_add(&all, kql_array_finish(&rest));
    return kql_array_finish(&all);
}

static bool
hash_of(const struct kql_value *v, uint64_t *out)
{
    int64_t hash = 0;

    if (v->is_null || (v->type != KQL_LONG && v->type != KQL_STRING))
        return false;
    if (v->type == KQL_LONG)
        hash = v->i;
    else if (!kql_read_long(kql_text(v), &hash))
        return false;
    *out = (uint64_t)hash;
    return true;
}

static int /* below 0: not a register's */
register_of(char c)
{
    const char *at = c == '\0' ? NULL : strchr(alphabet, c);

    return at == NULL ? -1 : (int)(at - alphabet);
}

/* The three arrays, if 'v' is what hll_value() gives. */
static bool
hll_parts(const struct kql_value *v, uint8_t *bits, const struct kql_array **hashes,
          const struct kql_value **registers)
{
    const struct kql_array *all = kql_array_in(v), *kind, *rest;
    uint64_t hash;

    if (all == NULL || all->count != 3)
        return false;
    kind = kql_array_in(&all->items[0]);
    *hashes = kql_array_in(&all->items[1]);
    rest = kql_array_in(&all->items[2]);
    if (kind == NULL || *hashes == NULL || rest == NULL || kind->count != 2 ||
        kind->items[1].is_null || kind->items[1].type != KQL_LONG ||
        kind->items[1].i < HLL_BITS_MIN || kind->items[1].i > HLL_BITS_MAX || rest->count > 1)
        return false;
    *bits = (uint8_t)kind->items[1].i;
    for (uint32_t i = 0; i < (*hashes)->count; i++)
        if (!hash_of(&(*hashes)->items[i], &hash))
            return false;
    *registers = rest->count == 1 ? &rest->items[0] : NULL;
    if (*registers == NULL)
        return true;
    if ((*registers)->is_null || (*registers)->type != KQL_STRING ||
        (*registers)->size != UINT32_C(1) << *bits)
        return false;
    for (uint32_t i = 0; i < (*registers)->size; i++)
        if (register_of((*registers)->text[i]) < 0 ||
            register_of((*registers)->text[i]) > 64 - *bits + 1)
            return false;
    return true;
}

enum sketch_merge
hll_merge(struct pool *p, struct hll *h, const struct kql_value *v)
{
    const struct kql_array *hashes;
    const struct kql_value *registers;
    uint8_t bits;

    if (!hll_parts(v, &bits, &hashes, &registers))
        return SKETCH_NONE;
    if (h->bits == 0)
        h->bits = bits;
    if (h->bits != bits)
        return SKETCH_DIFFERS;
    for (uint32_t i = 0; i < hashes->count; i++) {
        uint64_t hash;

        if (hash_of(&hashes->items[i], &hash))
            hll_add(p, h, hash);
    }
    if (registers != NULL && h->registers == NULL)
        hll_start_registers(p, h);
    for (uint32_t i = 0; registers != NULL && i < registers->size; i++) {
        uint8_t rank = (uint8_t)register_of(registers->text[i]);

        if (rank > h->registers[i])
            h->registers[i] = rank;
    }
    return SKETCH_MERGED;
}

enum sketch_merge
hll_absorb(struct pool *p, struct hll *h, const struct hll *other)
{
    if (other->bits == 0)
        return SKETCH_MERGED;
    if (h->bits == 0) {
        *h = *other;
        return SKETCH_MERGED;
    }
    if (h->bits != other->bits)
        return SKETCH_DIFFERS;
    for (uint32_t i = 0; i < other->slot_count; i++)
        if (other->slots[i] != 0)
            hll_add(p, h, other->slots[i]);
    if (other->registers != NULL && h->registers == NULL)
        hll_start_registers(p, h);
    for (size_t i = 0; other->registers != NULL && i < (size_t)1 << h->bits; i++)
        if (other->registers[i] > h->registers[i])
            h->registers[i] = other->registers[i];
    return SKETCH_MERGED;
}

/* ---- a distribution ---- */

enum { DIGEST_STEPS = 2000 }; /* of the whole scale: two neighbours span more than one step */

static bool
is_real(const struct digest *d)
{
    return d->type == KQL_REAL;
}

static int
compare_whole(const void *a, const void *b)
{
    const struct digest_item *x = a, *y = b;

    return x->whole < y->whole ? -1 : x->whole > y->whole;
}

static int
compare_real(const void *a, const void *b) /* NaN first, as everywhere */
{
    const struct digest_item *x = a, *y = b;

    if (isnan(x->real) || isnan(y->real))
        return (isnan(x->real) ? 0 : 1) - (isnan(y->real) ? 0 : 1);
    return x->real < y->real ? -1 : x->real > y->real;
}

/* In order, each value once. */
static void
digest_sort(struct digest *d)
{
    int (*compare)(const void *, const void *) = is_real(d) ? compare_real : compare_whole;
    size_t kept = 0;

    if (d->is_sorted)
        return;
    d->is_sorted = true;
    if (d->count > 0)
        qsort(d->items, d->count, sizeof *d->items, compare);
    for (size_t i = 0; i < d->count; i++)
        if (kept > 0 && compare(&d->items[kept - 1], &d->items[i]) == 0)
            d->items[kept - 1].weight += d->items[i].weight;
        else
            d->items[kept++] = d->items[i];
    d->count = kept;
}

static void
digest_join(const struct digest *d, struct digest_item *to, const struct digest_item *from)
{
    double share = (double)from->weight / (double)(to->weight + from->weight);

    if (is_real(d))
        to->real += (from->real - to->real) * share;
    else /* the difference of two may not fit 64 bits */
        to->whole += (int64_t)((double)((uint64_t)from->whole - (uint64_t)to->whole) * share);
    to->weight += from->weight;
}

static double
digest_scale(double passed, double weight)
{
    double q = passed / weight;

    return (double)DIGEST_STEPS / M_PI * asin(q >= 1 ? 1 : 2 * q - 1);
}

static void
digest_compress(struct digest *d)
{
    double begins = 0, weight = (double)d->weight;
    size_t kept = 0;

    for (size_t i = 1; i < d->count; i++) {
        struct digest_item *to = &d->items[kept], *from = &d->items[i];
        double ends = begins + (double)to->weight + (double)from->weight;

        if (digest_scale(ends, weight) - digest_scale(begins, weight) <= 1 &&
            !(is_real(d) && !isfinite(from->real - to->real))) {
            digest_join(d, to, from);
        } else {
            begins += (double)to->weight;
            d->items[++kept] = *from;
        }
    }
    d->count = kept + 1;
    d->is_approximate = true;
}

static void
digest_put(struct pool *p, struct digest *d, struct digest_item item)
{
    if (__builtin_add_overflow(d->weight, item.weight, &d->weight)) {
        d->weight -= item.weight;
        return;
    }
    if (d->count == d->room && d->room >= 2 * DIGEST_EXACT_MAX) {
        digest_sort(d);
        if (d->count > DIGEST_EXACT_MAX)
            digest_compress(d);
    }
    d->items = pool_grow(p, d->items, &d->room, d->count + 1, sizeof *d->items);
    d->items[d->count++] = item;
    d->is_sorted = false;
}

static void
digest_to_real(struct digest *d)
{
    for (size_t i = 0; i < d->count && !is_real(d); i++)
        d->items[i].real = (double)d->items[i].whole;
    d->type = KQL_REAL;
}

/* Whether values of the type can be put in; the digest's type widens. */
static bool
digest_takes(struct digest *d, enum kql_type type)
{
    if (type == KQL_DECIMAL)
        type = KQL_REAL;
    if (type != KQL_REAL && type != KQL_INT && type != KQL_LONG && type != KQL_DATETIME &&
        type != KQL_TIMESPAN)
        return false;
    if (d->type == KQL_UNKNOWN || d->type == type) {
        d->type = (uint8_t)type;
        return true;
    }
    if (!kql_type_is_number(type) || !kql_type_is_number((enum kql_type)d->type))
        return false;
    if (type == KQL_REAL)
        digest_to_real(d);
    else if (!is_real(d))
        d->type = KQL_LONG;
    return true;
}

static bool
digest_item_of(const struct digest *d, const struct kql_value *v, struct digest_item *out)
{
    bool is_number = kql_type_is_number((enum kql_type)v->type);

    if (v->is_null ||
        (is_number ? !kql_type_is_number((enum kql_type)d->type) : v->type != d->type))
        return false;
    if (!is_real(d)) {
        out->whole = v->i;
        return is_number ? v->type == KQL_INT || v->type == KQL_LONG : true;
    }
    out->real = v->type == KQL_REAL      ? v->r
                : v->type == KQL_DECIMAL ? kql_decimal_to_real(v->decimal)
                                         : (double)v->i;
    return true;
}

void
digest_add(struct pool *p, struct digest *d, const struct kql_value *v, int64_t weight)
{
    struct digest_item item = {.weight = weight};

    if (!v->is_null && weight > 0 && digest_takes(d, (enum kql_type)v->type) &&
        digest_item_of(d, v, &item))
        digest_put(p, d, item);
}

static struct kql_value
digest_item_value(const struct digest *d, const struct digest_item *item)
{
    return is_real(d) ? kql_real(item->real) : kql_integer((enum kql_type)d->type, item->whole);
}

struct kql_value
digest_percentile(struct digest *d, double percent)
{
    double wanted = ceil(percent / 100 * (double)d->weight), passed = 0;

    if (d->count == 0 || isnan(percent))
        return kql_null(KQL_DYNAMIC);
    digest_sort(d);
    for (size_t i = 0; i < d->count; i++) {
        passed += (double)d->items[i].weight;
        if (passed >= wanted)
            return digest_item_value(d, &d->items[i]);
    }
    return digest_item_value(d, &d->items[d->count - 1]);
}

/* Of an approximate digest, half of a pair's weight lies below its value. */
double
digest_rank(struct digest *d, const struct kql_value *v)
{
    struct kql_value at = *v;
    double passed = 0;

    digest_sort(d);
    for (size_t i = 0; i < d->count; i++) {
        struct kql_value item = digest_item_value(d, &d->items[i]);
        int order;

        if (at.is_null || (kql_type_is_number((enum kql_type)at.type)
                               ? !kql_type_is_number((enum kql_type)item.type)
                               : at.type != item.type))
            return NAN;
        order = kql_value_compare(&item, &at);
        if (order > 0) {
            if (d->is_approximate && i > 0 && d->items[i].weight > 1) {
                struct kql_value low = digest_item_value(d, &d->items[i - 1]);
                double from = is_real(d) ? low.r : (double)low.i;
                double to = is_real(d) ? item.r : (double)item.i;
                double x = at.type == KQL_REAL      ? at.r
                           : at.type == KQL_DECIMAL ? kql_decimal_to_real(at.decimal)
                                                    : (double)at.i;

                if (to > from && x > from && x < to)
                    passed += (double)d->items[i].weight / 2 * (x - from) / (to - from);
            }
            return passed;
        }
        passed += (double)d->items[i].weight;
        if (d->is_approximate && d->items[i].weight > 1 && order == 0)
            return passed - (double)d->items[i].weight / 2;
    }
    return passed;
}

struct kql_value
digest_value(struct pool *p, struct digest *d)
{
    struct kql_array_builder kind = {.pool = p}, values = {.pool = p}, weights = {.pool = p};
    struct kql_array_builder all = {.pool = p};

    digest_sort(d);
    if (d->is_approximate)
        digest_compress(d);
    if (d->type != KQL_UNKNOWN)
        kql_array_add(&kind, kql_string(span_of(kql_type_name((enum kql_type)d->type))));
    if (d->is_approximate)
        kql_array_add(&kind, kql_string(SPAN_LITERAL("approximate")));
    for (size_t i = 0; i < d->count; i++) {
        kql_array_add(&values, is_real(d) ? kql_real(d->items[i].real)
                                          : kql_integer(KQL_LONG, d->items[i].whole));
        kql_array_add(&weights, kql_integer(KQL_LONG, d->items[i].weight));
    }
    kql_array_add(&all, kql_array_finish(&kind));
    kql_array_add(&all, kql_array_finish(&values));
    kql_array_add(&all, kql_array_finish(&weights));
    return kql_array_finish(&all);
}

/* A number as it is; NaN and the infinities are texts after a way through JSON. */
static bool
number_of(const struct kql_value *v, struct kql_value *out)
{
    struct span text;

    *out = *v;
    if (v->is_null)
        return false;
    if (v->type != KQL_STRING)
        return v->type == KQL_LONG || v->type == KQL_REAL;
    text = kql_text(v);
    *out = kql_real(span_is(text, "NaN") ? NAN : span_is(text, "Infinity") ? INFINITY : -INFINITY);
    return span_is(text, "NaN") || span_is(text, "Infinity") || span_is(text, "-Infinity");
}

/* The values and weights, if 'v' is what digest_value() gives; the type as it is named there, or
 * that of the values. */
static bool
digest_parts(const struct kql_value *v, enum kql_type *type, bool *is_approximate,
             const struct kql_array **values, const struct kql_array **weights)
{
    const struct kql_array *all = kql_array_in(v), *kind;
    struct kql_value number;

    *type = KQL_UNKNOWN;
    *is_approximate = false;
    if (all == NULL || all->count != 3)
        return false;
    kind = kql_array_in(&all->items[0]);
    *values = kql_array_in(&all->items[1]);
    *weights = kql_array_in(&all->items[2]);
    if (kind == NULL || *values == NULL || *weights == NULL ||
        (*values)->count != (*weights)->count)
        return false;
    for (uint32_t i = 0; i < kind->count; i++) {
        if (kind->items[i].is_null || kind->items[i].type != KQL_STRING)
            continue;
        if (span_is(kql_text(&kind->items[i]), "approximate"))
            *is_approximate = true;
        else if (!kql_type_read(kql_text(&kind->items[i]), type))
            return false;
    }
    for (uint32_t i = 0; i < (*values)->count; i++) {
        const struct kql_value *weight = &(*weights)->items[i];

        if (!number_of(&(*values)->items[i], &number) || weight->is_null ||
            weight->type != KQL_LONG || weight->i <= 0)
            return false;
        if (*type == KQL_UNKNOWN || number.type == KQL_REAL)
            *type = (enum kql_type)number.type;
    }
    return true;
}

enum sketch_merge
digest_merge(struct pool *p, struct digest *d, const struct kql_value *v)
{
    const struct kql_array *values, *weights;
    struct kql_value number;
    enum kql_type type;
    bool is_approximate;

    if (!digest_parts(v, &type, &is_approximate, &values, &weights))
        return SKETCH_NONE;
    if (type == KQL_UNKNOWN) /* of no values */
        return SKETCH_MERGED;
    if (!digest_takes(d, type))
        return SKETCH_DIFFERS;
    d->is_approximate |= is_approximate;
    for (uint32_t i = 0; i < values->count; i++) {
        struct digest_item item = {.weight = weights->items[i].i};

        if (!number_of(&values->items[i], &number))
            continue;
        if (is_real(d))
            item.real = number.type == KQL_REAL ? number.r : (double)number.i;
        else
            item.whole = number.i;
        digest_put(p, d, item);
    }
    return SKETCH_MERGED;
}

enum sketch_merge
digest_absorb(struct pool *p, struct digest *d, const struct digest *other)
{
    if (other->type == KQL_UNKNOWN)
        return SKETCH_MERGED;
    if (d->type == KQL_UNKNOWN) {
        *d = *other;
        return SKETCH_MERGED;
    }
    if (!digest_takes(d, (enum kql_type)other->type))
        return SKETCH_DIFFERS;
    d->is_approximate |= other->is_approximate;
    for (size_t i = 0; i < other->count; i++) {
        struct digest_item item = other->items[i];

        if (is_real(d) && !is_real(other))
            item.real = (double)item.whole;
        digest_put(p, d, item);
    }
    return SKETCH_MERGED;
}
