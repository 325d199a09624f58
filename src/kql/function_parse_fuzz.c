/* function_parse_fuzz.c - functions of one text, called with any: those that take forms apart,
 * decode, unpack, and read addresses. Input: which function, then its argument (the second one, if
 * it has two, behind a line feed). */
#include "kql/dynamic.h"
#include "kql/function.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {
    "parse_url",
    "parse_urlquery",
    "parse_path",
    "parse_version",
    "parse_csv",
    "parse_xml",
    "parse_cef_dictionary",
    "base64_decode_tostring",
    "base64_decode_toarray",
    "base64_decode_toguid",
    "url_decode",
    "url_encode",
    "punycode_to_string",
    "punycode_from_string",
    "punycode_domain_to_string",
    "punycode_domain_from_string",
    "gzip_decompress_from_base64_string",
    "zlib_decompress_from_base64_string",
    "parse_ipv4",
    "parse_ipv6",
    "ipv4_is_private",
    "ipv4_netmask_suffix",
    "reverse",
    "tolower",
    "toupper",
    "regex_quote",
    "unicode_codepoints_from_string",
    "isutf8",
    "parse_command_line",
    "ipv4_compare",
    "ipv6_compare",
    "ipv4_is_in_any_range",
    "ipv6_is_in_any_range",
    "has_ipv4_prefix",
    "has_ipv4",
    "ipv4_range_to_cidr_list",
    "split",
    "indexof",
    "countof",
    "replace_regex",
    "extract_json",
    "translate",
    "replace_string",
};

static jmp_buf escape;

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kql_function *f;
    const uint8_t *rest, *end = data + size;
    struct kql_value args[3], result;
    uint8_t types[3] = {KQL_STRING, KQL_STRING, KQL_STRING};
    struct kql_signature s;
    struct pool pool;
    struct kql_call call = {.pool = &pool, .types = types};

    if (size == 0)
        return 0;
    f = kql_function_find(span_of(names[data[0] % COUNT_OF(names)]), KQL_SCALAR);
    if (f == NULL || !kql_signature_read(f, 0, &s))
        abort();
    while (call.count < s.count && !s.parameters[call.count].is_optional)
        call.count++;
    rest = data + 1;
    for (uint32_t i = 0; i < call.count; i++) {
        const uint8_t *line = i + 1 < call.count ? memchr(rest, '\n', (size_t)(end - rest)) : NULL;
        const uint8_t *stop = line == NULL ? end : line;

        args[i] = kql_string((struct span){(const char *)rest, (size_t)(stop - rest)});
        rest = line == NULL ? end : line + 1;
    }
    pool_init(&pool, 64 << 20);
    pool.escape = &escape;
    if (setjmp(escape) == 0) {
        call.result_type = s.result;
        result = kql_null((enum kql_type)s.result);
        f->call(&call, args, &result);
        if (!result.is_null && (result.type == KQL_ARRAY || result.type == KQL_BAG))
            (void)kql_json_print(&pool, &result);
        else if (result.type == KQL_STRING && result.size > KQL_STRING_MAX)
            abort();
    }
    pool_free(&pool);
    return 0;
}
