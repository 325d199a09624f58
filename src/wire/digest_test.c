/* digest_test.c - the published vectors, from memory and from a file. */
#include "base/test.h"
#include "wire/digest.h"
#include <unistd.h>

static const struct {
    const char *name, *text, *sha1, *sha256, *md5;
} cases[] = {
    {"nothing", "",    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "d41d8cd98f00b204e9800998ecf8427e"},
    {"abc",     "abc", "a9993e364706816aba3e25717850c26c9cd0d89d",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "900150983cd24fb0d6963f7d28e17f72"},
};

/* RFC 4231 */
static const struct {
    const char *name, *key;
    size_t key_size;
    const char *text, *mac;
} macs[] = {
    {"case 1",          "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
     20,                                                                                                       "Hi There",                     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
    {"case 2",          "Jefe",                                                                             4, "what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"                                                                                                                                          },
    {"no key, no text", "",                                                                                 0, "",
     "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"                                                                                                                                          },
};

static void
test_macs(void)
{
    for (size_t i = 0; i < COUNT_OF(macs); i++) {
        struct span key = {macs[i].key, macs[i].key_size}, text = span_of(macs[i].text);

        for (size_t cut = 0; cut <= text.n; cut++) {
            struct span pieces[] = {
                {text.p,       cut         },
                {text.p + cut, text.n - cut}
            };
            unsigned char mac[DIGEST_SHA256_SIZE];
            char hex[65];

            CHECK(digest_hmac_sha256(key, pieces, 2, mac), "%s", macs[i].name);
            digest_hex(mac, sizeof mac, hex);
            CHECK(strcmp(hex, macs[i].mac) == 0, "%s, cut at %zu: %s", macs[i].name, cut, hex);
        }
    }
}

int
main(void)
{
    test_macs();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span text = span_of(cases[i].text);
        unsigned char sha1[DIGEST_SHA1_SIZE], sha256[DIGEST_SHA256_SIZE];
        struct digest_set set;
        struct err err = {""};
        uint64_t size = 99;
        char hex[65];
        char path[] = "/tmp/penstock-digest-XXXXXX";
        int fd = mkstemp(path);

        CHECK(digest_sha1(text, sha1), "%s", cases[i].name);
        digest_hex(sha1, sizeof sha1, hex);
        CHECK(strcmp(hex, cases[i].sha1) == 0, "%s: %s", cases[i].name, hex);
        CHECK(digest_sha256(text, sha256), "%s", cases[i].name);
        digest_hex(sha256, sizeof sha256, hex);
        CHECK(strcmp(hex, cases[i].sha256) == 0, "%s: %s", cases[i].name, hex);
        CHECK(fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n, "%s", cases[i].name);
        CHECK(digest_file(fd, 3, &set, &size, &err) == ST_OK && size == text.n, "%s: %s",
              cases[i].name, err.text);
        digest_hex(set.md5, sizeof set.md5, hex);
        CHECK(strcmp(hex, cases[i].md5) == 0, "%s: %s", cases[i].name, hex);
        CHECK(memcmp(set.sha1, sha1, sizeof sha1) == 0, "%s", cases[i].name);
        CHECK(memcmp(set.sha256, sha256, sizeof sha256) == 0, "%s", cases[i].name);
        if (text.n > 0)
            CHECK(digest_file(fd, text.n - 1, &set, &size, &err) == ST_INVALID, "%s is too large",
                  cases[i].name);
        close(fd);
        unlink(path);
    }
    struct digest_set set;
    struct err err = {""};
    uint64_t size;

    CHECK(digest_file(-1, 3, &set, &size, &err) == ST_IO && err.text[0] != '\0', "a bad fd");
    return test_end();
}
