/* function_encode.c - the rows of the function table for encodings, hashes and compression. */
#include "kql/function_inner.h"
#include "kql/random.h"
#include "kql/text_inner.h"
#include <openssl/evp.h>
#include <zlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- Base64 ---- */

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct span
base64_print(struct pool *p, struct span bytes)
{
    char *out = pool_take(p, (bytes.n + 2) / 3 * 4 + 1);
    const uint8_t *in = (const uint8_t *)bytes.p;
    size_t n = 0, i = 0;

    for (; i + 3 <= bytes.n; i += 3) {
        uint32_t word = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            out[n++] = base64_digits[word >> shift & 63];
    }
    if (i < bytes.n) {
        uint32_t word = (uint32_t)in[i] << 16 | (i + 1 < bytes.n ? (uint32_t)in[i + 1] << 8 : 0);

        out[n++] = base64_digits[word >> 18];
        out[n++] = base64_digits[word >> 12 & 63];
        out[n++] = i + 1 < bytes.n ? base64_digits[word >> 6 & 63] : '=';
        out[n++] = '=';
    }
    return (struct span){out, n};
}

static int
base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Strict: padded, nothing else in it, no bits left over but zeros. */
static bool
base64_read(struct pool *p, struct span text, struct span *bytes)
{
    uint8_t *out = pool_take(p, text.n / 4 * 3 + 1);
    size_t n = 0, padding = 0;

    if (text.n % 4 != 0)
        return false;
    if (text.n > 0 && text.p[text.n - 1] == '=')
        padding = text.p[text.n - 2] == '=' ? 2 : 1;
    for (size_t i = 0; i < text.n; i += 4) {
        size_t digits = i + 4 == text.n ? 4 - padding : 4;
        uint32_t word = 0;

        for (size_t k = 0; k < digits; k++) {
            int value = base64_value(text.p[i + k]);

            if (value < 0)
                return false;
            word |= (uint32_t)value << (18 - 6 * k);
        }
        if (digits < 4 && (word & (digits == 2 ? 0xffffu : 0xffu)) != 0)
            return false;
        for (size_t k = 0; k + 1 < digits; k++)
            out[n++] = (uint8_t)(word >> (16 - 8 * k));
    }
    *bytes = (struct span){(const char *)out, n};
    return true;
}

static void
base64_encode(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    give_text(result, base64_print(call->pool, kql_text(&args[0])));
}

static void
base64_decode(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span bytes;

    *result = kql_null(KQL_STRING);
    if (base64_read(call->pool, kql_text(&args[0]), &bytes) && text_is_utf8(bytes))
        give_text(result, bytes);
}

static void
base64_decode_to_array(struct kql_call *call, const struct kql_value *args,
                       struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    struct span bytes;

    *result = kql_null(KQL_DYNAMIC);
    if (!base64_read(call->pool, kql_text(&args[0]), &bytes) || bytes.n > KQL_ARRAY_MAX)
        return;
    for (size_t i = 0; i < bytes.n; i++)
        kql_array_add(&b, kql_integer(KQL_LONG, (uint8_t)bytes.p[i]));
    *result = kql_array_finish(&b);
}

static void
base64_encode_from_array(struct kql_call *call, const struct kql_value *args,
                         struct kql_value *result)
{
    const struct kql_array *array;
    char *bytes;

    *result = kql_null(KQL_STRING);
    if (args[0].is_null || args[0].type != KQL_ARRAY)
        return;
    array = args[0].array;
    bytes = pool_take(call->pool, (size_t)array->count + 1);
    for (uint32_t i = 0; i < array->count; i++) {
        const struct kql_value *item = &array->items[i];

        if (item->is_null || (item->type != KQL_LONG && item->type != KQL_INT) || item->i < 0 ||
            item->i > 255)
            return;
        bytes[i] = (char)item->i;
    }
    give_text(result, base64_print(call->pool, (struct span){bytes, array->count}));
}

/* A GUID's bytes in memory of .NET: the first three groups of its digits are little-endian. */
static const uint8_t guid_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static void
base64_encode_from_guid(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    uint8_t bytes[16];

    for (int i = 0; i < 16; i++)
        bytes[i] = args[0].guid->bytes[guid_order[i]];
    give_text(result, base64_print(call->pool, (struct span){(const char *)bytes, 16}));
}

static void
base64_decode_to_guid(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_guid *guid = pool_take(call->pool, sizeof *guid);
    struct span bytes;

    *result = kql_null(KQL_GUID);
    if (!base64_read(call->pool, kql_text(&args[0]), &bytes) || bytes.n != 16)
        return;
    for (int i = 0; i < 16; i++)
        guid->bytes[guid_order[i]] = (uint8_t)bytes.p[i];
    /* The documented answer has the third group as it is: JpbpECu8dUy7Pv5gbeJXAA== is
     * 10e99626-bc2b-754c-..., though base64_encode_fromguid turns it. */
    guid->bytes[6] = (uint8_t)bytes.p[6];
    guid->bytes[7] = (uint8_t)bytes.p[7];
    *result = (struct kql_value){.type = KQL_GUID, .guid = guid};
}

/* ---- URL ---- */

static const char hex_digits[] = "0123456789abcdef";

static bool
is_plain_in_url(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("-_.!*()", c) != NULL);
}

static void
url_print(struct kql_call *call, const struct kql_value *args, const char *blank,
          struct kql_value *result)
{
    struct span text = kql_text(&args[0]);
    char *out = pool_take(call->pool, text.n * 3 + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = (uint8_t)text.p[i];

        if (is_plain_in_url(c))
            out[n++] = (char)c;
        else if (c == ' ') {
            memcpy(out + n, blank, strlen(blank));
            n += strlen(blank);
        } else {
            out[n++] = '%';
            out[n++] = hex_digits[c >> 4];
            out[n++] = hex_digits[c & 15];
        }
    }
    give_text(result, (struct span){out, n});
}

static void
url_encode(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    url_print(call, args, "+", result);
}

static void
url_encode_component(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    url_print(call, args, "%20", result);
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

struct span
kql_url_text(struct pool *p, struct span text)
{
    char *out = pool_take(p, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        int high = i + 2 < text.n ? hex_value(text.p[i + 1]) : -1;
        int low = i + 2 < text.n ? hex_value(text.p[i + 2]) : -1;

        if (text.p[i] == '%' && high >= 0 && low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else
            out[n++] = text.p[i] == '+' ? ' ' : text.p[i];
    }
    return text_is_utf8((struct span){out, n}) ? (struct span){out, n} : text;
}

static void
url_decode(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    give_text(result, kql_url_text(call->pool, kql_text(&args[0])));
}

/* ---- Numbers as hexadecimal digits ---- */

static void
to_hex(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    uint64_t value = (uint64_t)args[0].i;
    int64_t size_min = call->count > 1 ? args[1].i : 0;
    char digits[17];
    struct text_builder b = {.pool = call->pool};
    int size;

    if (call->types[0] == KQL_INT || args[0].type == KQL_INT)
        value &= 0xffffffffu;
    size = snprintf(digits, sizeof digits, "%llx", (unsigned long long)value);
    if (size_min > KQL_STRING_MAX)
        b.is_too_long = true;
    for (int64_t i = size; i < size_min && !b.is_too_long; i++)
        text_add(&b, SPAN_LITERAL("0"));
    text_add(&b, (struct span){digits, (size_t)size});
    give_built(result, &b);
}

/* ---- Hashes ---- */

static void
digest(struct kql_call *call, const struct kql_value *args, const EVP_MD *kind,
       struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    char *out = pool_take(call->pool, EVP_MAX_MD_SIZE * 2);
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    *result = kql_null(KQL_STRING);
    if (EVP_Digest(text.p, text.n, bytes, &size, kind, NULL) != 1)
        return; /* a provider without this one: FIPS and MD5 */
    for (unsigned i = 0; i < size; i++) {
        out[i * 2] = hex_digits[bytes[i] >> 4];
        out[i * 2 + 1] = hex_digits[bytes[i] & 15];
    }
    *result = kql_string((struct span){out, (size_t)size * 2});
}

static void
hash_md5(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    digest(call, args, EVP_md5(), result);
}

static void
hash_sha1(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    digest(call, args, EVP_sha1(), result);
}

static void
hash_sha256(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    digest(call, args, EVP_sha256(), result);
}

/* xxHash of a text's bytes, or of a number's in memory: a datetime's are its ticks. */
static uint64_t
hash_value(struct kql_call *call, const struct kql_value *args, uint32_t i)
{
    const struct kql_value *v = &args[i];
    int32_t narrow;
    uint8_t flag, bytes[16];
    struct span text;

    switch (v->type) {
    case KQL_BOOL:
        flag = v->i != 0;
        return XXH64(&flag, sizeof flag, 0);
    case KQL_INT:
        narrow = (int32_t)v->i;
        return XXH64(&narrow, sizeof narrow, 0);
    case KQL_LONG:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return XXH64(&v->i, sizeof v->i, 0);
    case KQL_REAL:
        return XXH64(&v->r, sizeof v->r, 0);
    case KQL_GUID:
        for (int k = 0; k < 16; k++)
            bytes[k] = v->guid->bytes[guid_order[k]];
        return XXH64(bytes, sizeof bytes, 0);
    default:
        text = arg_text(call, args, i);
        return XXH64(text.p, text.n, 0);
    }
}

static void
hash(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    uint64_t value = hash_value(call, args, 0);

    if (call->count > 1 && args[1].i <= 0) {
        *result = kql_null(KQL_LONG);
        return;
    }
    if (call->count > 1)
        value %= (uint64_t)args[1].i;
    *result = kql_integer(KQL_LONG, (int64_t)value);
}

/* ---- Compression ----
 *
 * What does not shrink is stored, as the service does. What unpacks to more than one text may hold
 * is no text: zlib is stopped there, so that a bomb costs no more than that. */

enum { WINDOW_ZLIB = 15, WINDOW_GZIP = 15 + 16, STORED_MAX = 65535 };

static struct span
pack(struct pool *p, struct span text, struct span head)
{
    uLong bound = compressBound((uLong)text.n);
    char *out = pool_take(p, head.n + bound + 32);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p,
                  .avail_in = (uInt)text.n,
                  .next_out = (Bytef *)out + head.n,
                  .avail_out = (uInt)bound + 16};
    size_t size;

    memcpy(out, head.p, head.n);
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -WINDOW_ZLIB, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK)
        return (struct span){NULL, 0};
    size = deflate(&z, Z_FINISH) == Z_STREAM_END ? z.total_out : 0;
    deflateEnd(&z);
    if (size == 0)
        return (struct span){NULL, 0};
    if (size + 1 >= text.n && text.n > 0 && text.n <= STORED_MAX) {
        uint8_t stored[5] = {1, (uint8_t)text.n, (uint8_t)(text.n >> 8), (uint8_t)~text.n,
                             (uint8_t)(~text.n >> 8)};

        memcpy(out + head.n, stored, sizeof stored);
        memcpy(out + head.n + sizeof stored, text.p, text.n);
        size = sizeof stored + text.n;
    }
    return (struct span){out, head.n + size};
}

static void
put_number(char *at, uint32_t value, bool is_big_endian)
{
    for (int i = 0; i < 4; i++)
        at[i] = (char)(value >> (is_big_endian ? 24 - 8 * i : 8 * i));
}

static void
gzip_compress(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = kql_text(&args[0]);
    struct span packed =
        pack(call->pool, text, SPAN_LITERAL("\x1f\x8b\x08\0\0\0\0\0\0\xff")); /* system: unknown */
    char *end = (char *)(uintptr_t)packed.p + packed.n;

    *result = kql_null(KQL_STRING);
    if (packed.p == NULL)
        return;
    put_number(end, (uint32_t)crc32(0, (const Bytef *)text.p, (uInt)text.n), false);
    put_number(end + 4, (uint32_t)text.n, false);
    give_text(result, base64_print(call->pool, (struct span){packed.p, packed.n + 8}));
}

static void
zlib_compress(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct span text = kql_text(&args[0]),
                packed = pack(call->pool, text, SPAN_LITERAL("\x78\x9c"));
    char *end = (char *)(uintptr_t)packed.p + packed.n;

    *result = kql_null(KQL_STRING);
    if (packed.p == NULL)
        return;
    put_number(end, (uint32_t)adler32(1, (const Bytef *)text.p, (uInt)text.n), true);
    give_text(result, base64_print(call->pool, (struct span){packed.p, packed.n + 4}));
}

/* Unpacks into 'out'; false: it is not what it should be, or too large (then *size is more than
 * the room). Holds zlib's state only in here: nothing is taken from a pool. */
static bool
unpack_into(struct span packed, int window, char *out, size_t room, size_t *size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.p,
                  .avail_in = (uInt)packed.n,
                  .next_out = (Bytef *)out,
                  .avail_out = (uInt)room};
    int end;

    *size = 0;
    if (inflateInit2(&z, window) != Z_OK)
        return false;
    end = inflate(&z, Z_FINISH);
    *size = end == Z_STREAM_END ? z.total_out : z.avail_out == 0 ? room + 1 : 0;
    if (z.avail_in != 0 && end == Z_STREAM_END)
        *size = 0; /* something comes behind it */
    inflateEnd(&z);
    return end == Z_STREAM_END && z.avail_in == 0;
}

static void
unpack(struct kql_call *call, const struct kql_value *args, int window, struct kql_value *result)
{
    struct span packed;
    size_t size;

    *result = kql_null(KQL_STRING);
    if (!base64_read(call->pool, kql_text(&args[0]), &packed) || packed.n == 0)
        return;
    for (size_t room = packed.n * 4 + 64; room < KQL_STRING_MAX * 4u; room *= 4) {
        size_t allowed = room < KQL_STRING_MAX ? room : KQL_STRING_MAX;
        char *out = pool_take(call->pool, allowed);

        if (unpack_into(packed, window, out, allowed, &size)) {
            if (text_is_utf8((struct span){out, size}))
                give_text(result, (struct span){out, size});
            return;
        }
        if (size <= allowed || allowed == KQL_STRING_MAX)
            return;
    }
}

static void
gzip_decompress(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    unpack(call, args, WINDOW_GZIP, result);
}

static void
zlib_decompress(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    unpack(call, args, WINDOW_ZLIB, result);
}

/* ---- Punycode (RFC 3492) ---- */

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 128 };
enum { PUNYCODE_MAX = 4096 }; /* code points: encoding takes time by their number squared */

static uint32_t
adapt(uint32_t delta, uint32_t count, bool is_first)
{
    uint32_t k = 0;

    delta = is_first ? delta / DAMP : delta / 2;
    delta += delta / count;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t
threshold(uint32_t k, uint32_t bias)
{
    return k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
}

static void
punycode_print_delta(struct text_builder *b, uint32_t q, uint32_t bias)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    for (uint32_t k = BASE;; k += BASE) {
        uint32_t t = threshold(k, bias);

        if (q < t)
            break;
        text_add(b, (struct span){&digits[t + (q - t) % (BASE - t)], 1});
        q = (q - t) / (BASE - t);
    }
    text_add(b, (struct span){&digits[q], 1});
}

/* False: too long. */
static bool
punycode_print(struct pool *p, struct text_builder *b, struct span text)
{
    int32_t *points = pool_take(p, (text.n + 1) * sizeof *points);
    uint32_t count = 0, handled = 0, n = FIRST, bias = BIAS, basic;
    uint64_t delta = 0;

    for (size_t at = 0; at < text.n; count++) {
        if (count == PUNYCODE_MAX)
            return false;
        points[count] = kql_code_point(text, &at);
        if (points[count] < FIRST) {
            char c = (char)points[count];

            text_add(b, (struct span){&c, 1});
            handled++;
        }
    }
    basic = handled;
    if (basic > 0)
        text_add(b, SPAN_LITERAL("-"));
    for (; handled < count; n++, delta++) {
        uint32_t next = UINT32_MAX;

        for (uint32_t i = 0; i < count; i++)
            if ((uint32_t)points[i] >= n && (uint32_t)points[i] < next)
                next = (uint32_t)points[i];
        delta += (uint64_t)(next - n) * (handled + 1);
        if (delta > UINT32_MAX - count)
            return false;
        n = next;
        for (uint32_t i = 0; i < count; i++) {
            if ((uint32_t)points[i] < n)
                delta++;
            if ((uint32_t)points[i] != n)
                continue;
            punycode_print_delta(b, (uint32_t)delta, bias);
            bias = adapt((uint32_t)delta, handled + 1, handled == basic);
            delta = 0;
            handled++;
        }
    }
    return true;
}

static int
punycode_digit(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

static bool
punycode_read(struct pool *p, struct text_builder *b, struct span text)
{
    int32_t *points = pool_take(p, (text.n + 1) * sizeof *points);
    uint32_t count = 0, n = FIRST, bias = BIAS;
    uint64_t i = 0;
    const char *dash = text.n == 0 ? NULL : memrchr(text.p, '-', text.n);
    size_t at = dash == NULL ? 0 : (size_t)(dash - text.p) + 1;

    if (text.n > PUNYCODE_MAX)
        return false;
    for (size_t k = 0; dash != NULL && k + 1 < at; k++) {
        if ((uint8_t)text.p[k] >= FIRST)
            return false;
        points[count++] = text.p[k];
    }
    while (at < text.n) {
        uint64_t before = i, weight = 1;

        for (uint32_t k = BASE;; k += BASE) {
            int digit = at < text.n ? punycode_digit(text.p[at++]) : -1;
            uint32_t t = threshold(k, bias);

            if (digit < 0)
                return false;
            i += (uint64_t)digit * weight;
            if (i > UINT32_MAX)
                return false;
            if ((uint32_t)digit < t)
                break;
            weight *= BASE - t;
            if (weight > UINT32_MAX)
                return false;
        }
        bias = adapt((uint32_t)(i - before), count + 1, before == 0);
        if (n + i / (count + 1) > 0x10ffff)
            return false;
        n += (uint32_t)(i / (count + 1));
        i %= count + 1;
        memmove(points + i + 1, points + i, (count - i) * sizeof *points);
        points[i++] = (int32_t)n;
        count++;
    }
    for (uint32_t k = 0; k < count; k++) {
        char bytes[4];

        text_add(b, (struct span){bytes, kql_code_point_print(points[k], bytes)});
    }
    return true;
}

static void
punycode_from_string(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct text_builder b = {.pool = call->pool};

    *result = kql_null(KQL_STRING);
    if (punycode_print(call->pool, &b, kql_text(&args[0])))
        give_built(result, &b);
}

static void
punycode_to_string(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct text_builder b = {.pool = call->pool};

    *result = kql_null(KQL_STRING);
    if (punycode_read(call->pool, &b, kql_text(&args[0])))
        give_built(result, &b);
}

/* Label by label; those that need it get, or lose, "xn--". */
static bool
punycode_labels(struct pool *p, struct text_builder *b, struct span domain, bool encodes)
{
    for (;;) {
        const char *dot = domain.n == 0 ? NULL : memchr(domain.p, '.', domain.n);
        struct span label = {domain.p, dot == NULL ? domain.n : (size_t)(dot - domain.p)};
        bool is_ascii = true, is_encoded = label.n >= 4 && strncasecmp(label.p, "xn--", 4) == 0;

        for (size_t i = 0; i < label.n; i++)
            is_ascii &= (uint8_t)label.p[i] < 0x80;
        if (encodes && !is_ascii) {
            text_add(b, SPAN_LITERAL("xn--"));
            if (!punycode_print(p, b, kql_lower(p, label)))
                return false;
        } else if (!encodes && is_encoded) {
            if (!punycode_read(p, b, (struct span){label.p + 4, label.n - 4}))
                return false;
        } else
            text_add(b, label);
        if (dot == NULL)
            return true;
        text_add(b, SPAN_LITERAL("."));
        domain.n -= label.n + 1;
        domain.p = dot + 1;
    }
}

static void
punycode_domain_from_string(struct kql_call *call, const struct kql_value *args,
                            struct kql_value *result)
{
    struct text_builder b = {.pool = call->pool};

    *result = kql_null(KQL_STRING);
    if (punycode_labels(call->pool, &b, kql_text(&args[0]), true))
        give_built(result, &b);
}

static void
punycode_domain_to_string(struct kql_call *call, const struct kql_value *args,
                          struct kql_value *result)
{
    struct text_builder b = {.pool = call->pool};

    *result = kql_null(KQL_STRING);
    if (punycode_labels(call->pool, &b, kql_text(&args[0]), false))
        give_built(result, &b);
}

/* ---- GUIDs ---- */

static void
new_guid(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct kql_guid *guid = pool_take(call->pool, sizeof *guid);
    uint64_t words[2] = {kql_random_next(call->random), kql_random_next(call->random)};

    (void)args;
    memcpy(guid->bytes, words, sizeof words);
    guid->bytes[6] = (uint8_t)((guid->bytes[6] & 0x0f) | 0x40); /* version 4 */
    guid->bytes[8] = (uint8_t)((guid->bytes[8] & 0x3f) | 0x80);
    *result = (struct kql_value){.type = KQL_GUID, .guid = guid};
}

/* ---- The table ---- */

#define ROW(spelled, bits, text, hook, heading, line)                                              \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = bits, .signature = text, .doc = line,        \
        .call = hook, .group = heading                                                             \
    }

const struct kql_function kql_functions_encode[] = {
    ROW("base64_encode_tostring", 0, "(string: string) -> string", base64_encode, "encoding",
        "The text in base64."),
    ROW("base64_encodestring", KQL_F_LEGACY | KQL_F_TRANSFORM, "(string: string) -> string",
        base64_encode, "encoding", "Write base64_encode_tostring; transformations keep this name."),
    ROW("base64_decode_tostring", 0, "(base64_string: string) -> string", base64_decode, "encoding",
        "The text that was put in base64; empty if it is not UTF-8."),
    ROW("base64_decodestring", KQL_F_LEGACY | KQL_F_TRANSFORM, "(base64_string: string) -> string",
        base64_decode, "encoding", "Write base64_decode_tostring; transformations keep this name."),
    ROW("base64_decode_toarray", 0, "(base64_string: string) -> dynamic", base64_decode_to_array,
        "encoding", "The bytes that were put in base64, as an array."),
    ROW("base64_encode_fromarray", KQL_F_TAKES_NULLS,
        "(base64_string_decoded_as_array: array) -> string", base64_encode_from_array, "encoding",
        "An array of bytes in base64."),
    ROW("base64_decode_toguid", 0, "(base64_string: string) -> guid", base64_decode_to_guid,
        "encoding", "The GUID whose bytes were put in base64."),
    ROW("base64_encode_fromguid", 0, "(guid: guid) -> string", base64_encode_from_guid, "encoding",
        "A GUID's bytes in base64."),
    ROW("url_encode", 0, "(url: string) -> string", url_encode, "encoding",
        "The text with percent signs for what a URL cannot hold, + for blanks."),
    ROW("url_encode_component", 0, "(url: string) -> string", url_encode_component, "encoding",
        "As url_encode, with %20 for blanks."),
    ROW("url_decode", 0, "(encoded_url: string) -> string", url_decode, "encoding",
        "The text of what url_encode made."),
    ROW("punycode_from_string", 0, "(string: string) -> string", punycode_from_string, "encoding",
        "The text in punycode."),
    ROW("punycode_to_string", 0, "(string: string) -> string", punycode_to_string, "encoding",
        "The text that was put in punycode."),
    ROW("punycode_domain_from_string", 0, "(string: string) -> string", punycode_domain_from_string,
        "encoding", "A domain's name in ASCII: xn--..."),
    ROW("punycode_domain_to_string", 0, "(string: string) -> string", punycode_domain_to_string,
        "encoding", "A domain's name as it is read."),
    ROW("gzip_compress_to_base64_string", 0, "(string: string) -> string", gzip_compress,
        "encoding", "The text, gzipped, in base64."),
    ROW("gzip_decompress_from_base64_string", 0, "(string: string) -> string", gzip_decompress,
        "encoding", "The text that was gzipped and put in base64."),
    ROW("zlib_compress_to_base64_string", 0, "(string: string) -> string", zlib_compress,
        "encoding", "The text, compressed by zlib, in base64."),
    ROW("zlib_decompress_from_base64_string", 0, "(string: string) -> string", zlib_decompress,
        "encoding", "The text that was compressed by zlib and put in base64."),
    ROW("tohex", KQL_F_FIRST_NAME,
        "(value: int, minLength?: integer) -> string\n(value: long, minLength?: integer) -> string",
        to_hex, "conversion", "The number in hexadecimal digits, as many as asked for at least."),
    ROW("hash", 0, "(source: ordered, mod?: integer) -> long", hash, "hash",
        "The value's xxHash64, or its remainder."),
    ROW("hash_xxhash64", 0, "(source: ordered, mod?: integer) -> long", hash, "hash",
        "The value's xxHash64, or its remainder."),
    /* How the service combines hashes is not published, and another number would be a wrong one. */
    ROW("hash_combine", KQL_F_NOT_BUILT, "(source: ordered, source2: ordered...) -> long", NULL,
        "hash", "One hash of several."),
    ROW("hash_many", KQL_F_NOT_BUILT, "(source: ordered...) -> long", NULL, "hash",
        "One hash of several values."),
    ROW("hash_md5", 0, "(source: ordered) -> string", hash_md5, "hash",
        "The MD5 digest of the value's text, in hexadecimal digits."),
    ROW("hash_sha1", 0, "(source: ordered) -> string", hash_sha1, "hash",
        "The SHA-1 digest of the value's text, in hexadecimal digits."),
    ROW("hash_sha256", KQL_F_TRANSFORM, "(source: ordered) -> string", hash_sha256, "hash",
        "The SHA-256 digest of the value's text, in hexadecimal digits."),
    ROW("new_guid", KQL_F_VOLATILE, "() -> guid", new_guid, "type", "A new random GUID."),
    {.name = NULL},
};
