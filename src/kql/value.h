/* value.h - KQL's types and values: one representation for the front end, both evaluators and every
 * function. Pure; any thread.
 *
 * The static type of an expression (what the binder knows) is one of KQL_BOOL .. KQL_DYNAMIC. A
 * value carries the type of what it holds, never KQL_DYNAMIC: an expression of static type dynamic
 * yields values of any type, KQL_ARRAY and KQL_BAG included. Where the static type matters at run
 * time
 * (tostring(true) is "True", tostring(dynamic(true)) "true"), functions look at call->types[].
 *
 * Facts: query language documentation, scalar data types; null and empty-string rules: strings are
 * never null (a missing string is ""). */
#pragma once
#include "base/base.h"
#include "kql/pool.h"
#include "model/catalog.h"

enum kql_type {
    KQL_UNKNOWN, /* binder only: an expression with an error in it; agrees with everything */
    KQL_BOOL,
    KQL_INT,
    KQL_LONG,
    KQL_REAL,
    KQL_DECIMAL,
    KQL_STRING,
    KQL_DATETIME,
    KQL_TIMESPAN,
    KQL_GUID,
    KQL_DYNAMIC, /* static only */
    KQL_ARRAY,   /* values only: inside dynamic */
    KQL_BAG,     /* values only: inside dynamic */
    KQL_TYPE_COUNT
};

struct kql_decimal {    /* coefficient * 10^-scale; 34 significant digits, scale 0 to 34 */
    uint64_t high, low; /* |coefficient|, 128 bits, below 10^34 */
    uint8_t scale;
    bool is_negative;
};
struct kql_guid {
    uint8_t bytes[16]; /* in the order of the text's digits */
};

struct kql_value {
    uint8_t type;  /* enum kql_type; of a null: any, KQL_DYNAMIC included */
    bool is_null;  /* the union is not to be looked at. Never with KQL_STRING */
    uint32_t size; /* bytes of 'text', else 0 */
    union {
        int64_t i; /* BOOL (0, 1), INT, LONG; DATETIME: 100 ns ticks since 0001-01-01 00:00 UTC,
                      0 to KQL_DATETIME_MAX; TIMESPAN: 100 ns ticks */
        double r;  /* REAL */
        const char *text; /* STRING: UTF-8, not NUL-terminated; lives in a pool or is borrowed */
        const struct kql_decimal *decimal;
        const struct kql_guid *guid;
        const struct kql_array *array;
        const struct kql_bag *bag;
    };
};

/* Immutable once made; live in a pool. Queries can put a value into itself many times over: hence
 * how many values lie in it at every depth (parts; 0: as many as items or entries), and how many
 * levels, are kept with it and limited where it is made (kql_array_of, kql_bag_of). */
struct kql_array {
    uint32_t count;
    const struct kql_value *items; /* JSON null: is_null with type KQL_DYNAMIC */
    uint32_t parts, levels;
};
struct kql_bag_entry {
    struct span key;
    struct kql_value value;
};
struct kql_bag {
    uint32_t count;
    const struct kql_bag_entry *entries; /* in the order of the text; keys differ */
    uint32_t parts, levels;
};

#define KQL_DATETIME_MAX INT64_C(3155378975999999999) /* 9999-12-31 23:59:59.9999999 */
enum {
    KQL_STRING_MAX = 16 * 1024 * 1024, /* bytes of one string value that a function may make */
    KQL_ARRAY_MAX = 1048576,           /* items, the documented size of make_list */
    KQL_DEPTH_MAX = 64,                /* nesting of dynamic values; deeper JSON is a string */
    KQL_PARTS_MAX = 1 << 26,           /* values in an array or bag, at every depth */
    KQL_LEVELS_MAX = 512,              /* nesting of values that functions make */
};
static const int64_t kql_ticks_per_s = 10000000, kql_ticks_per_day = INT64_C(864000000000);

static inline struct kql_value
kql_null(enum kql_type type) /* of a string: "" */
{
    return (struct kql_value){.type = (uint8_t)type, .is_null = type != KQL_STRING, .text = ""};
}
static inline struct kql_value
kql_bool(bool b)
{
    return (struct kql_value){.type = KQL_BOOL, .i = b};
}
static inline struct kql_value
kql_integer(enum kql_type type, int64_t i) /* INT, LONG, DATETIME, TIMESPAN */
{
    return (struct kql_value){.type = (uint8_t)type, .i = i};
}
static inline struct kql_value
kql_real(double r)
{
    return (struct kql_value){.type = KQL_REAL, .r = r};
}
static inline struct kql_value
kql_string(struct span text) /* borrows; at most KQL_STRING_MAX */
{
    return (struct kql_value){.type = KQL_STRING, .size = (uint32_t)text.n, .text = text.p};
}
static inline struct span
kql_text(const struct kql_value *v) /* of a STRING */
{
    return (struct span){v->text, v->size};
}
static inline bool
kql_is_true(const struct kql_value *v) /* of a BOOL expression: where null drops the row */
{
    return !v->is_null && v->i != 0;
}

const char *kql_type_name(enum kql_type t);             /* "long"; as getschema's ColumnType */
const char *kql_type_data_type(enum kql_type t);        /* "System.Int64" */
bool kql_type_read(struct span name, enum kql_type *t); /* names and aliases as KQL has them: long,
                                                           double, date, time, boolean ... */
enum kql_type kql_type_of_column(enum column_type t);   /* catalog's to KQL's */
static inline bool
kql_type_is_number(enum kql_type t)
{
    return t >= KQL_INT && t <= KQL_DECIMAL;
}

/* ---- orders and equality, used by sort, group, join, min, max, distinct, sets ---- */

/* Total order within one type, for sorting: nulls are smallest, then NaN, then by value; strings by
 * bytes. Values of different types (inside dynamic): by type, numbers among each other by value. */
int kql_value_compare(const struct kql_value *a, const struct kql_value *b);
/* Same group, same join key: null is null, NaN is NaN, 1 (int) is 1 (long) is 1.0; arrays and bags
 * by content (bags in any order of keys). */
bool kql_value_same(const struct kql_value *a, const struct kql_value *b);
uint64_t kql_value_hash(const struct kql_value *v); /* same values hash alike */
/* Deep copy into another pool. */
struct kql_value kql_value_copy(struct pool *to, const struct kql_value *v);
/* Bytes the copy would take, roughly; for limits. */
size_t kql_value_size(const struct kql_value *v);

/* ---- conversions: what toX() does, by the value's own type; null when it does not convert ---- */

/* 'from' is the static type of the expression (KQL_DYNAMIC matters for text and bool). */
struct kql_value kql_convert(struct pool *p, enum kql_type from, const struct kql_value *v,
                             enum kql_type to);
/* As tostring() prints it; never null. */
struct kql_value kql_to_text(struct pool *p, enum kql_type from, const struct kql_value *v);

/* Text of literals and conversions. Blanks around numbers are allowed; see each .c for the
 * forms. */
bool kql_read_long(struct span text, int64_t *out); /* decimal or 0x; false: does not convert */
bool kql_read_real(struct span text, double *out);
bool kql_read_bool(struct span text, bool *out);
bool kql_read_decimal(struct span text, struct kql_decimal *out);
bool kql_read_datetime(struct span text, int64_t *ticks); /* ISO 8601, RFC 822 and 850 forms */
bool kql_read_timespan(struct span text, int64_t *ticks); /* [-][d.]hh:mm[:ss[.f]], 1d, 90s, ... */
bool kql_read_guid(struct span text, struct kql_guid *out);
/* Each writes at most the given bytes and gives the size back. */
size_t kql_print_real(double r, char out[40]); /* "1.0", "inf", "nan" */
size_t kql_print_decimal(const struct kql_decimal *d, char out[48]);
size_t kql_print_datetime(int64_t ticks, char out[32]); /* 2007-03-09T00:00:00.0000000Z */
size_t kql_print_timespan(int64_t ticks, char out[32]); /* [-][d.]hh:mm:ss[.fffffff] */
size_t kql_print_guid(const struct kql_guid *g, char out[40]);

/* ---- decimal arithmetic ---- */
/* False: overflow or division by zero (the result is null). */
bool kql_decimal_add(const struct kql_decimal *a, const struct kql_decimal *b,
                     struct kql_decimal *out);
bool kql_decimal_subtract(const struct kql_decimal *a, const struct kql_decimal *b,
                          struct kql_decimal *out);
bool kql_decimal_multiply(const struct kql_decimal *a, const struct kql_decimal *b,
                          struct kql_decimal *out);
bool kql_decimal_divide(const struct kql_decimal *a, const struct kql_decimal *b,
                        struct kql_decimal *out);
bool kql_decimal_modulo(const struct kql_decimal *a, const struct kql_decimal *b,
                        struct kql_decimal *out);
int kql_decimal_compare(const struct kql_decimal *a, const struct kql_decimal *b);
void kql_decimal_of_long(int64_t i, struct kql_decimal *out);
bool kql_decimal_of_real(double r, struct kql_decimal *out);
double kql_decimal_to_real(const struct kql_decimal *d);
/* A number that is there (BOOL to DECIMAL) as a real. */
static inline double
kql_real_in(const struct kql_value *v)
{
    return v->type == KQL_REAL      ? v->r
           : v->type == KQL_DECIMAL ? kql_decimal_to_real(v->decimal)
                                    : (double)v->i;
}
/* A number or bool of a dynamic value. False: null, or something else. */
static inline bool
kql_number_in(const struct kql_value *v, double *out)
{
    if (v->is_null || (v->type != KQL_BOOL && !kql_type_is_number(v->type)))
        return false;
    *out = kql_real_in(v);
    return true;
}
bool kql_decimal_to_long(const struct kql_decimal *d, int64_t *out); /* truncates */
