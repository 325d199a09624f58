/* function_encode_test.c - encodings, hashes, compression. */
#include "kql/function_play.h"

/* clang-format off */
static const struct play_case cases[] = {
    {"base64_encode_tostring", {"sKusto"}, "sS3VzdG8="},
    {"base64_encode_tostring", {"s"}, "s"},
    {"base64_encode_tostring", {"sa"}, "sYQ=="},
    {"base64_encodestring", {"sKus"}, "sS3Vz"},
    {"base64_decode_tostring", {"sS3VzdG8="}, "sKusto"},
    {"base64_decode_tostring", {"sU3RyaW5n0KHR0tGA0L7Rh9C60LA="}, "s"},
    {"base64_decode_tostring", {"sS3VzdG8"}, "s"},
    {"base64_decode_tostring", {"sS3Vz*G8="}, "s"},
    {"base64_decode_tostring", {"s===="}, "s"},
    {"base64_decode_tostring", {"s="}, "s"},
    {"base64_decodestring", {"sYQ=="}, "sa"},
    {"base64_decode_tostring", {"sYR=="}, "s"},
    {"base64_decode_toarray", {"sS3VzdG8="}, "d[75,117,115,116,111]"},
    {"base64_decode_toarray", {"sU3RyaW5n0KHR0tGA0L7Rh9C60LA"}, "nd"},
    {"base64_encode_fromarray", {"d[75,117,115,116,111]"}, "sS3VzdG8="},
    {"base64_encode_fromarray", {"d[256]"}, "s"},
    {"base64_encode_fromarray", {"nd"}, "s"},
    {"base64_encode_fromguid", {"gae3133f2-6e22-49ae-b06a-16e6a9b212eb"}, "s8jMxriJurkmwahbmqbIS6w=="},
    {"base64_decode_toguid", {"sJpbpECu8dUy7Pv5gbeJXAA=="}, "g10e99626-bc2b-754c-bb3e-fe606de25700"},
    {"base64_decode_toguid", {"sabcd1231"}, "ng"},
    {"url_encode", {"shttps://www.bing.com/hello world"}, "shttps%3a%2f%2fwww.bing.com%2fhello+world"},
    {"url_encode_component", {"shttps://www.bing.com/hello world"}, "shttps%3a%2f%2fwww.bing.com%2fhello%20world"},
    {"url_encode", {"sä-_.!*()~"}, "s%c3%a4-_.!*()%7e"},
    {"url_decode", {"shttps%3a%2f%2fwww.bing.com%2f"}, "shttps://www.bing.com/"},
    {"url_decode", {"shello%20world+%C3%A4%2"}, "shello world ä%2"},
    {"tohex", {"l256"}, "s100"},
    {"tohex", {"l-256"}, "sffffffffffffff00"},
    {"tohex", {"i-256", "l8"}, "sffffff00"},
    {"tohex", {"l256", "l8"}, "s00000100"},
    {"tohex", {"l256", "l2"}, "s100"},
    {"tohex", {"l0"}, "s0"},
    {"hash", {"sWorld"}, "l1846988464401551951"},
    {"hash", {"sWorld", "l100"}, "l51"},
    {"hash", {"sWorld", "l0"}, "nl"},
    {"hash", {"t2015-01-01"}, "l1380966698541616202"},
    {"hash_xxhash64", {"sWorld"}, "l1846988464401551951"},
    {"hash_md5", {"sWorld"}, "sf5a7924e621e84c9280a9a27e1bcb7f6"},
    {"hash_md5", {"t2020-01-01"}, "s786c530672d1f8db31fee25ea8a9390b"},
    {"hash_sha1", {"sWorld"}, "s70c07ec18ef89c5309bbb0937f3a6342411e1fdd"},
    {"hash_sha1", {"t2020-01-01"}, "se903e533f4d636b4fc0dcf3cf81e7b7f330de776"},
    {"hash_sha256", {"sWorld"}, "s78ae647dc5544d227130a0682a51e30bc7777fbb6d8a8f17007463a3ecd1d524"},
    {"gzip_compress_to_base64_string", {"s1234567890qwertyuiop"}, "sH4sIAAAAAAAA/wEUAOv/MTIzNDU2Nzg5MHF3ZXJ0eXVpb3A6m7f2FAAAAA=="},
    {"gzip_decompress_from_base64_string", {"sH4sIAAAAAAAA/wEUAOv/MTIzNDU2Nzg5MHF3ZXJ0eXVpb3A6m7f2FAAAAA=="}, "s1234567890qwertyuiop"},
    {"gzip_decompress_from_base64_string", {"sH4sIAAAAAAAA/wEUAOv/MTIzNDU2Nzg5MHF3ZXJ0eXVpb3A6m7f2FAAAAQ=="}, "s"},
    {"zlib_compress_to_base64_string", {"s1234567890qwertyuiop"}, "seJwBFADr/zEyMzQ1Njc4OTBxd2VydHl1aW9wOAkGdw=="},
    {"zlib_decompress_from_base64_string", {"seJwLSS0uUSguKcrMS1cwNDIGACxqBQ4="}, "sTest string 123"},
    {"zlib_decompress_from_base64_string", {"sx0x0x0"}, "s"},
    {"punycode_from_string", {"sacadémie-française"}, "sacadmie-franaise-npb1a"},
    {"punycode_to_string", {"sacadmie-franaise-npb1a"}, "sacadémie-française"},
    {"punycode_from_string", {"sünchen"}, "snchen-jva"},
    {"punycode_to_string", {"s99999999"}, "s"},
    {"punycode_to_string", {"sa-é"}, "s"},
    {"punycode_domain_from_string", {"swww.münchen.de"}, "swww.xn--mnchen-3ya.de"},
    {"punycode_domain_to_string", {"swww.xn--mnchen-3ya.de"}, "swww.münchen.de"},
};
/* clang-format on */

/* What is packed comes out again, also when it is large; what would be too large does not. */
static void
test_packing(void)
{
    static const char *const packs[][2] = {
        {"gzip_compress_to_base64_string", "gzip_decompress_from_base64_string"},
        {"zlib_compress_to_base64_string", "zlib_decompress_from_base64_string"},
    };

    pool_init(&play_pool, 512 << 20);
    play_pool.escape = &play_escape;
    for (size_t i = 0; i < COUNT_OF(packs); i++)
        for (size_t size = 0; size <= 3000000; size = size * 7 + 1) {
            char *text = pool_take(&play_pool, size + 2);
            const char *packed;

            text[0] = 's';
            for (size_t k = 1; k <= size; k++)
                text[k] = (char)('a' + k * k / 97 % 26);
            text[size + 1] = '\0';
            packed = play_call(packs[i][0], KQL_SCALAR, (const char *const[]){text, NULL}, false);
            CHECK(strcmp(play_call(packs[i][1], KQL_SCALAR, (const char *const[]){packed, NULL},
                                   false),
                         text) == 0,
                  "%s: %zu bytes", packs[i][0], size);
            pool_reset(&play_pool);
        }
    {
        size_t size = KQL_STRING_MAX + 2; /* one byte more than a text may have, but for the 's' */
        struct kql_value big = kql_string(
            (struct span){memset(pool_take(&play_pool, size), 'a', size), KQL_STRING_MAX});
        struct kql_value packed, result;
        uint8_t type = KQL_STRING;
        struct kql_call call = {.pool = &play_pool, .types = &type, .count = 1};

        kql_function_find(span_of(packs[0][0]), KQL_SCALAR)->call(&call, &big, &packed);
        kql_function_find(span_of(packs[0][1]), KQL_SCALAR)->call(&call, &packed, &result);
        CHECK(result.size == KQL_STRING_MAX, "the largest text: %u", result.size);
        big.size++;
        kql_function_find(span_of(packs[0][0]), KQL_SCALAR)->call(&call, &big, &packed);
        kql_function_find(span_of(packs[0][1]), KQL_SCALAR)->call(&call, &packed, &result);
        CHECK(packed.size > 0 && result.size == 0, "a larger one is none: %u", result.size);
    }
    pool_free(&play_pool);
}

static void
test_random(void)
{
    const char *first, *second;

    pool_init(&play_pool, 1 << 20);
    play_pool.escape = &play_escape;
    kql_random_seed(&play_random, 1);
    first = play_call("new_guid", KQL_SCALAR, (const char *const[]){NULL}, false);
    second = play_call("new_guid", KQL_SCALAR, (const char *const[]){NULL}, false);
    CHECK(strlen(first) == 37 && first[15] == '4' && strcmp(first, second) != 0, "%s %s", first,
          second);
    pool_free(&play_pool);
}

int
main(void)
{
    play_all(cases, COUNT_OF(cases), KQL_SCALAR);
    test_packing();
    test_random();
    return test_end();
}
