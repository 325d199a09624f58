/* function_network.c - the rows of the function table for IPv4 and IPv6 addresses.
 *
 * An address may carry a prefix: 192.168.1.1/24 stands for its network, and is compared as that.
 * Where two addresses are compared, the shortest of their prefixes and of the one given holds.
 * IPv6 functions take IPv4 addresses as ::ffff:0:0/96; the prefix of one written with dots counts
 * IPv4's bits. */
#include "kql/function_inner.h"
#include "kql/text_inner.h"
#include <arpa/inet.h>
#include <stdlib.h>

/* ---- Reading ---- */

struct ipv4 {
    uint32_t address; /* as written */
    uint32_t prefix;  /* 0 to 32 */
};

static uint32_t
mask4(uint32_t prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

/* Digits of a number up to 'most'; passes them. */
static bool
take_number(const char **at, const char *end, uint32_t most, uint32_t *out)
{
    uint32_t value = 0, digits = 0;

    for (; *at < end && **at >= '0' && **at <= '9' && digits < 4; ++*at, digits++)
        value = value * 10 + (uint32_t)(**at - '0');
    *out = value;
    return digits > 0 && digits < 4 && value <= most;
}

static bool
take_ipv4(const char **at, const char *end, uint32_t *address)
{
    *address = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t part;

        if (i > 0 && (*at == end || *(*at)++ != '.'))
            return false;
        if (!take_number(at, end, 255, &part))
            return false;
        *address = *address << 8 | part;
    }
    return true;
}

static bool
read_ipv4(struct span text, struct ipv4 *out)
{
    const char *at = text.p, *end = text.p + text.n;

    out->prefix = 32;
    if (!take_ipv4(&at, end, &out->address))
        return false;
    if (at < end && (*at++ != '/' || !take_number(&at, end, 32, &out->prefix)))
        return false;
    return at == end;
}

struct ipv6 {
    uint8_t bytes[16];
    uint32_t prefix; /* 0 to 128 */
};

static bool
read_ipv6(struct span text, struct ipv6 *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, zeros[12] = {0};
    const char *slash = text.n == 0 ? NULL : memchr(text.p, '/', text.n), *at;
    bool has_dots;
    char room[64];
    struct ipv4 v4;

    if (read_ipv4(text, &v4)) {
        memcpy(out->bytes, mapped, sizeof mapped);
        for (int i = 0; i < 4; i++)
            out->bytes[12 + i] = (uint8_t)(v4.address >> (24 - 8 * i));
        out->prefix = v4.prefix + 96;
        return true;
    }
    out->prefix = 128;
    if (slash != NULL) {
        at = slash + 1;
        if (!take_number(&at, text.p + text.n, 128, &out->prefix) || at != text.p + text.n)
            return false;
        text.n = (size_t)(slash - text.p);
    }
    if (text.n == 0 || text.n >= sizeof room)
        return false;
    memcpy(room, text.p, text.n);
    room[text.n] = '\0';
    if (strlen(room) != text.n || inet_pton(AF_INET6, room, out->bytes) != 1)
        return false;
    has_dots = strchr(room, '.') != NULL;
    if (has_dots && slash != NULL && out->prefix <= 32)
        out->prefix += 96;
    if (has_dots &&
        memcmp(out->bytes, zeros, sizeof zeros) == 0) /* ::1.2.3.4 is meant as 1.2.3.4 */
        memcpy(out->bytes, mapped, sizeof mapped);
    return true;
}

static void
mask6(struct ipv6 *ip, uint32_t prefix)
{
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t bits = prefix <= i * 8 ? 0 : prefix - i * 8;

        if (bits < 8)
            ip->bytes[i] &= (uint8_t)(0xff00u >> bits);
    }
}

/* An argument that is a prefix; 'most' where there is none. False: it is out of its range. */
static bool
prefix_of(struct kql_call *call, const struct kql_value *args, uint32_t i, uint32_t most,
          uint32_t *prefix)
{
    *prefix = most;
    if (call->count <= i)
        return true;
    if (args[i].is_null || args[i].i < 0 || args[i].i > most)
        return false;
    *prefix = (uint32_t)args[i].i;
    return true;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* ---- IPv4 ---- */

static void
parse_ipv4(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv4 ip;
    uint32_t prefix;

    if (read_ipv4(arg_text(call, args, 0), &ip) && prefix_of(call, args, 1, 32, &prefix))
        *result = kql_integer(KQL_LONG, ip.address & mask4(least(ip.prefix, prefix)));
    else
        *result = kql_null(KQL_LONG);
}

/* -1, 0, 1; false: an argument is none. */
static bool
compare4(struct kql_call *call, const struct kql_value *args, int *order)
{
    struct ipv4 a, b;
    uint32_t prefix, mask;

    if (!read_ipv4(arg_text(call, args, 0), &a) || !read_ipv4(arg_text(call, args, 1), &b) ||
        !prefix_of(call, args, 2, 32, &prefix))
        return false;
    mask = mask4(least(prefix, least(a.prefix, b.prefix)));
    *order = (a.address & mask) < (b.address & mask) ? -1 : (a.address & mask) > (b.address & mask);
    return true;
}

static void
ipv4_compare(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int order;

    *result = compare4(call, args, &order) ? kql_integer(KQL_LONG, order) : kql_null(KQL_LONG);
}

static void
ipv4_is_match(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int order;

    *result = compare4(call, args, &order) ? kql_bool(order == 0) : kql_null(KQL_BOOL);
}

static void
ipv4_is_private(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv4 ip;

    if (!read_ipv4(arg_text(call, args, 0), &ip)) {
        *result = kql_null(KQL_BOOL);
        return;
    }
    ip.address &= mask4(ip.prefix);
    *result =
        kql_bool((ip.address & mask4(8)) == 0x0a000000 || (ip.address & mask4(12)) == 0xac100000 ||
                 (ip.address & mask4(16)) == 0xc0a80000);
}

static void
ipv4_netmask_suffix(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv4 ip;

    *result = read_ipv4(arg_text(call, args, 0), &ip) ? kql_integer(KQL_LONG, ip.prefix)
                                                      : kql_null(KQL_LONG);
}

static struct span
print_ipv4(struct pool *p, uint32_t a)
{
    return pool_printf(p, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* A text, or the number of an address. */
static bool
address_of(struct kql_call *call, const struct kql_value *args, struct ipv4 *ip)
{
    const struct kql_value *v = &args[0];

    if (v->is_null)
        return false;
    if (v->type != KQL_INT && v->type != KQL_LONG)
        return read_ipv4(arg_text(call, args, 0), ip);
    *ip = (struct ipv4){(uint32_t)v->i, 32};
    return v->i >= 0 && v->i <= UINT32_MAX;
}

static void
format_ipv4(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv4 ip;
    uint32_t prefix;

    *result = kql_null(KQL_STRING);
    if (address_of(call, args, &ip) && prefix_of(call, args, 1, 32, &prefix))
        *result = kql_string(print_ipv4(call->pool, ip.address & mask4(least(ip.prefix, prefix))));
}

static void
format_ipv4_mask(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv4 ip;
    uint32_t prefix;
    struct span text;

    *result = kql_null(KQL_STRING);
    if (!address_of(call, args, &ip) || !prefix_of(call, args, 1, 32, &prefix))
        return;
    prefix = least(ip.prefix, prefix);
    text = print_ipv4(call->pool, ip.address & mask4(prefix));
    *result = kql_string(pool_printf(call->pool, "%.*s/%u", (int)text.n, text.p, prefix));
}

static void
ipv4_range_to_cidr_list(struct kql_call *call, const struct kql_value *args,
                        struct kql_value *result)
{
    struct kql_array_builder b = {.pool = call->pool};
    struct ipv4 first, last;
    uint64_t at, end;

    *result = kql_null(KQL_DYNAMIC);
    if (!read_ipv4(arg_text(call, args, 0), &first) || !read_ipv4(arg_text(call, args, 1), &last))
        return;
    at = first.address & mask4(first.prefix);
    end = (uint64_t)(last.address & mask4(last.prefix)) + 1;
    while (at < end) {
        uint32_t bits = 0; /* the largest network that begins here and ends in the range */
        struct span text;

        while (bits < 32 && (at & UINT64_C(1) << bits) == 0 && at + (UINT64_C(2) << bits) <= end)
            bits++;
        text = print_ipv4(call->pool, (uint32_t)at);
        kql_array_add(
            &b, kql_string(pool_printf(call->pool, "%.*s/%u", (int)text.n, text.p, 32 - bits)));
        at += UINT64_C(1) << bits;
    }
    *result = kql_array_finish(&b);
}

/* ---- IPv6 ---- */

static bool
compare6(struct kql_call *call, const struct kql_value *args, int *order)
{
    struct ipv6 a, b;
    uint32_t prefix;

    if (!read_ipv6(arg_text(call, args, 0), &a) || !read_ipv6(arg_text(call, args, 1), &b) ||
        !prefix_of(call, args, 2, 128, &prefix))
        return false;
    prefix = least(prefix, least(a.prefix, b.prefix));
    mask6(&a, prefix);
    mask6(&b, prefix);
    *order = memcmp(a.bytes, b.bytes, sizeof a.bytes);
    return true;
}

static void
ipv6_compare(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int order;

    *result = compare6(call, args, &order) ? kql_integer(KQL_LONG, order < 0 ? -1 : order > 0)
                                           : kql_null(KQL_LONG);
}

static void
ipv6_is_match(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int order;

    *result = compare6(call, args, &order) ? kql_bool(order == 0) : kql_null(KQL_BOOL);
}

static void
parse_ipv6(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv6 ip;
    uint32_t prefix;
    char *out;

    *result = kql_null(KQL_STRING);
    if (!read_ipv6(arg_text(call, args, 0), &ip) || !prefix_of(call, args, 1, 128, &prefix))
        return;
    mask6(&ip, least(ip.prefix, prefix));
    out = pool_take(call->pool, 40);
    for (int i = 0; i < 8; i++)
        snprintf(out + i * 5, 6, "%02x%02x:", ip.bytes[i * 2], ip.bytes[i * 2 + 1]);
    *result = kql_string((struct span){out, 39});
}

/* ---- Ranges ----
 *
 * Of constants, IPv4 ranges are read once, put in order and joined where they touch; an address is
 * then found by halving. IPv6 ranges are read once. */

struct ranges4 {
    uint32_t count;
    struct range4 {
        uint32_t first, last;
    } items[];
};
struct ranges6 {
    uint32_t count;
    struct ipv6 items[];
};

/* What is to be read: arguments from 1 on, arrays flattened. NULL: not all are constant. */
static struct span *
collect_texts(struct pool *pool, const struct kql_value *const *args, uint32_t count,
              uint32_t *text_count)
{
    struct span *texts = NULL;
    size_t room = 0;

    *text_count = 0;
    for (uint32_t i = 1; i < count; i++) {
        const struct kql_value *items = args[i];
        uint32_t item_count = 1;

        if (args[i] == NULL)
            return NULL;
        if (!args[i]->is_null && args[i]->type == KQL_ARRAY) {
            items = args[i]->array->items;
            item_count = args[i]->array->count;
        }
        texts = pool_grow(pool, texts, &room, (size_t)*text_count + item_count + 1, sizeof *texts);
        for (uint32_t k = 0; k < item_count; k++)
            if (!items[k].is_null && items[k].type == KQL_STRING)
                texts[(*text_count)++] = kql_text(&items[k]);
    }
    return texts;
}

static struct span *
call_texts(struct kql_call *call, const struct kql_value *args, uint32_t *count)
{
    const struct kql_value **pointers = pool_zeroed(call->pool, call->count, sizeof(void *));

    for (uint32_t i = 0; i < call->count; i++)
        pointers[i] = &args[i];
    return collect_texts(call->pool, pointers, call->count, count);
}

static int
compare_ranges(const void *x, const void *y)
{
    const struct range4 *a = x, *b = y;

    return a->first < b->first ? -1 : a->first > b->first;
}

static struct ranges4 *
make_ranges4(struct pool *pool, const struct span *texts, uint32_t count)
{
    struct ranges4 *r = pool_take(pool, sizeof *r + count * sizeof r->items[0]);
    uint32_t kept = 0;

    r->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct ipv4 ip;

        if (!read_ipv4(texts[i], &ip))
            continue;
        ip.address &= mask4(ip.prefix);
        r->items[r->count++] = (struct range4){ip.address, ip.address | ~mask4(ip.prefix)};
    }
    qsort(r->items, r->count, sizeof r->items[0], compare_ranges);
    for (uint32_t i = 1; i < r->count; i++) {
        if (r->items[i].first <= r->items[kept].last) {
            if (r->items[i].last > r->items[kept].last)
                r->items[kept].last = r->items[i].last;
        } else
            r->items[++kept] = r->items[i];
    }
    if (r->count > 0)
        r->count = kept + 1;
    return r;
}

static void *
prepare_ranges4(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                struct err *err)
{
    uint32_t text_count;
    struct span *texts = collect_texts(pool, constants, count, &text_count);

    (void)err;
    return texts == NULL ? NULL : make_ranges4(pool, texts, text_count);
}

static bool
is_in_ranges4(const struct ranges4 *r, uint32_t address)
{
    uint32_t low = 0, high = r->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (address > r->items[middle].last)
            low = middle + 1;
        else if (address < r->items[middle].first)
            high = middle;
        else
            return true;
    }
    return false;
}

static void
ipv4_is_in_any_range(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct ranges4 *r = call->prepared;
    struct ipv4 ip;

    if (r == NULL) {
        uint32_t count;
        struct span *texts = call_texts(call, args, &count);

        r = make_ranges4(call->pool, texts, count);
    }
    if (read_ipv4(arg_text(call, args, 0), &ip))
        *result = kql_bool(is_in_ranges4(r, ip.address & mask4(ip.prefix)));
    else
        *result = kql_null(KQL_BOOL);
}

static void
ipv4_is_in_range(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv4 ip, range;

    if (!read_ipv4(arg_text(call, args, 0), &ip) || !read_ipv4(arg_text(call, args, 1), &range))
        *result = kql_null(KQL_BOOL);
    else
        *result = kql_bool(
            (((ip.address & mask4(ip.prefix)) ^ range.address) & mask4(range.prefix)) == 0);
}

static struct ranges6 *
make_ranges6(struct pool *pool, const struct span *texts, uint32_t count)
{
    struct ranges6 *r = pool_take(pool, sizeof *r + count * sizeof r->items[0]);

    r->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct ipv6 *ip = &r->items[r->count];

        if (!read_ipv6(texts[i], ip))
            continue;
        mask6(ip, ip->prefix);
        r->count++;
    }
    return r;
}

static void *
prepare_ranges6(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                struct err *err)
{
    uint32_t text_count;
    struct span *texts = collect_texts(pool, constants, count, &text_count);

    (void)err;
    return texts == NULL ? NULL : make_ranges6(pool, texts, text_count);
}

static bool
is_in_range6(const struct ipv6 *ip, const struct ipv6 *range)
{
    struct ipv6 masked = *ip;

    mask6(&masked, ip->prefix);
    mask6(&masked, range->prefix);
    return memcmp(masked.bytes, range->bytes, sizeof masked.bytes) == 0;
}

static void /* of one range, or of any */
ipv6_is_in_any_range(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    const struct ranges6 *r = call->prepared;
    struct ipv6 ip;

    if (r == NULL) {
        uint32_t count;
        struct span *texts = call_texts(call, args, &count);

        r = make_ranges6(call->pool, texts, count);
    }
    *result = kql_null(KQL_BOOL);
    if (!read_ipv6(arg_text(call, args, 0), &ip))
        return;
    *result = kql_bool(false);
    for (uint32_t i = 0; i < r->count; i++)
        if (is_in_range6(&ip, &r->items[i]))
            *result = kql_bool(true);
}

static void
ipv6_is_in_range(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    struct ipv6 range;

    if (read_ipv6(arg_text(call, args, 1), &range))
        ipv6_is_in_any_range(call, args, result);
    else
        *result = kql_null(KQL_BOOL);
}

/* ---- Addresses in texts ---- */

static bool
has_address(struct span text, struct span wanted)
{
    struct ipv4 ip;

    return memchr(wanted.p, '/', wanted.n) == NULL && read_ipv4(wanted, &ip) &&
           kql_search_once(KQL_SEARCH_HAS, false, wanted, text);
}

/* An address, or the first numbers of one with a '.' behind each. */
static bool
is_address_prefix(struct span wanted)
{
    const char *at = wanted.p, *end = wanted.p + wanted.n;
    uint32_t number, count = 0;

    while (at < end && take_number(&at, end, 255, &number)) {
        count++;
        if (at == end)
            return count == 4;
        if (*at++ != '.' || count == 4)
            return false;
    }
    return count > 0 && count < 4 && at == end && end[-1] == '.';
}

static bool
has_prefix(struct span text, struct span wanted)
{
    if (!is_address_prefix(wanted))
        return false;
    for (ptrdiff_t found = 0; (found = kql_find(text, wanted, (size_t)found)) >= 0; found++) {
        const char *at = text.p + found, *end = text.p + text.n;
        uint32_t address;

        if ((found == 0 || !text_term_before(text, (size_t)found)) &&
            take_ipv4(&at, end, &address) &&
            (at == end || !text_term_after(text, (size_t)(at - text.p))))
            return true;
    }
    return false;
}

static void
has_any_of(struct kql_call *call, const struct kql_value *args,
           bool (*has)(struct span, struct span), struct kql_value *result)
{
    struct span text = arg_text(call, args, 0);
    uint32_t count;
    struct span *wanted = call_texts(call, args, &count);
    bool found = false;

    for (uint32_t i = 0; i < count && !found; i++)
        found = has(text, wanted[i]);
    *result = kql_bool(found);
}

/* Constant addresses are one set of terms. */
static void *
prepare_addresses(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                  struct err *err)
{
    uint32_t text_count, kept = 0;
    struct span *texts = collect_texts(pool, constants, count, &text_count);

    (void)err;
    if (texts == NULL)
        return NULL;
    for (uint32_t i = 0; i < text_count; i++) {
        struct ipv4 ip;

        if (memchr(texts[i].p, '/', texts[i].n) == NULL && read_ipv4(texts[i], &ip))
            texts[kept++] = texts[i];
    }
    return (void *)kql_search_set_new(pool, KQL_SEARCH_HAS, false, texts, kept);
}

static void
has_ipv4(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    if (call->prepared != NULL)
        *result = kql_bool(kql_search_any(call->prepared, arg_text(call, args, 0), call->pool));
    else
        has_any_of(call, args, has_address, result);
}

static void
has_ipv4_prefix(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    has_any_of(call, args, has_prefix, result);
}

/* ---- The table ---- */

#define ROW(spelled, bits, text, hook, prepared, line)                                             \
    {                                                                                              \
        .name = spelled, .kind = KQL_SCALAR, .flags = bits, .signature = text, .doc = line,        \
        .call = hook, .prepare = prepared, .group = "ip"                                           \
    }
#define LIST(source, name)                                                                         \
    "(" source ": string, " name ": string...) -> bool\n"                                          \
    "(" source ": string, " name ": array) -> bool\n"                                              \
    "(" source ": dynamic, " name ": string...) -> bool\n"                                         \
    "(" source ": dynamic, " name ": array) -> bool"

const struct kql_function kql_functions_network[] = {
    ROW("parse_ipv4", 0, "(ip: string) -> long", parse_ipv4, NULL,
        "The number of the address, or of its network."),
    ROW("parse_ipv4_mask", 0, "(ip: string, prefix: long) -> long", parse_ipv4, NULL,
        "The number of the address's network."),
    ROW("ipv4_compare", 0, "(ip1: string, ip2: string, prefix?: long) -> long", ipv4_compare, NULL,
        "-1, 0 or 1, by the shortest of the prefixes."),
    ROW("ipv4_is_match", 0, "(ip1: string, ip2: string, prefix?: long) -> bool", ipv4_is_match,
        NULL, "Whether both are in one network, by the shortest of the prefixes."),
    ROW("ipv4_is_in_range", 0, "(ip: string, ip_range: string) -> bool", ipv4_is_in_range, NULL,
        "Whether the address is in the network."),
    ROW("ipv4_is_in_any_range", KQL_F_TAKES_NULLS, LIST("ip", "ranges"), ipv4_is_in_any_range,
        prepare_ranges4, "Whether the address is in one of the networks."),
    ROW("ipv4_is_private", 0, "(ip: string) -> bool", ipv4_is_private, NULL,
        "Whether the address is of a private network."),
    ROW("ipv4_netmask_suffix", 0, "(ip: string) -> long", ipv4_netmask_suffix, NULL,
        "The prefix that the address carries, or 32."),
    ROW("ipv4_range_to_cidr_list", 0, "(start_ip: string, end_ip: string) -> dynamic",
        ipv4_range_to_cidr_list, NULL, "The fewest networks that make up the range."),
    ROW("format_ipv4", KQL_F_TAKES_NULLS, "(ip: any, prefix?: long) -> string", format_ipv4, NULL,
        "The text of an address, or of its network."),
    ROW("format_ipv4_mask", KQL_F_TAKES_NULLS, "(ip: any, prefix: long) -> string",
        format_ipv4_mask, NULL, "The text of an address's network, with its prefix."),
    ROW("parse_ipv6", 0, "(ip: string) -> string", parse_ipv6, NULL,
        "All 32 digits of an address, or of its network."),
    ROW("parse_ipv6_mask", 0, "(ip: string, prefix: long) -> string", parse_ipv6, NULL,
        "All 32 digits of an address's network."),
    ROW("ipv6_compare", 0, "(ip1: string, ip2: string, prefix?: long) -> long", ipv6_compare, NULL,
        "-1, 0 or 1, by the shortest of the prefixes."),
    ROW("ipv6_is_match", 0, "(ip1: string, ip2: string, prefix?: long) -> bool", ipv6_is_match,
        NULL, "Whether both are in one network, by the shortest of the prefixes."),
    ROW("ipv6_is_in_range", 0, "(ip: string, ip_range: string) -> bool", ipv6_is_in_range, NULL,
        "Whether the address is in the network."),
    ROW("ipv6_is_in_any_range", KQL_F_TAKES_NULLS, LIST("ip", "ranges"), ipv6_is_in_any_range,
        prepare_ranges6, "Whether the address is in one of the networks."),
    ROW("has_ipv4", KQL_F_TAKES_NULLS,
        "(source: string, ip: string) -> bool\n(source: dynamic, ip: string) -> bool", has_ipv4,
        prepare_addresses, "Whether the text has the address, set apart."),
    ROW("has_ipv4_prefix", KQL_F_TAKES_NULLS,
        "(source: string, ip_prefix: string) -> bool\n(source: dynamic, ip_prefix: string) -> bool",
        has_ipv4_prefix, NULL, "Whether the text has an address that begins so (\"10.1.\")."),
    ROW("has_any_ipv4", KQL_F_TAKES_NULLS, LIST("source", "ips"), has_ipv4, prepare_addresses,
        "Whether the text has one of the addresses, set apart."),
    ROW("has_any_ipv4_prefix", KQL_F_TAKES_NULLS, LIST("source", "ip_prefixes"), has_ipv4_prefix,
        NULL, "Whether the text has an address that begins as one of these."),
    ROW("geo_location", KQL_F_NOT_BUILT | KQL_F_TRANSFORM_ONLY, "(ip: string) -> dynamic", NULL,
        NULL, "Where an address is; needs a database that is not shipped."),
    {.name = NULL},
};
