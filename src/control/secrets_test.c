/* secrets_test.c - what is sealed opens under the same key and context, and in no other way. */
#include "base/file.h"
#include "base/test.h"
#include "control/secrets.h"
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/penstock-secrets-XXXXXX";

static const char *
path(const char *name)
{
    static char text[200];

    snprintf(text, sizeof text, "%s/%s", folder, name);
    return text;
}

static const struct {
    const char *name, *content;
    mode_t mode;
    enum status want;
    const char *fault;
} keys[] = {
    {"a good key",            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600,
     ST_OK,                                                                                                           ""             },
    {"only readable",         "000102030405060708090A0B0C0D0E0F101112131415161718191a1b1c1d1e1f",   0400,
     ST_OK,                                                                                                           ""             },
    {"readable by the group", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
     0640,                                                                                                ST_INVALID, "chmod 600"    },
    {"readable by the world", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
     0604,                                                                                                ST_INVALID, "chmod 600"    },
    {"too short",             "000102\n",                                                           0600, ST_INVALID, "64 hex digits"},
    {"not hex",               "g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600,
     ST_INVALID,                                                                                                      "64 hex digits"},
    {"empty",                 "",                                                                   0600, ST_INVALID, "64 hex digits"},
};

static void
check_keys(void)
{
    struct secrets *s = NULL;
    struct err err = {""};
    struct stat info;

    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        err.text[0] = '\0';
        CHECK(file_replace(path("key"), span_of(keys[i].content), 0600, &err) == ST_OK, "write");
        CHECK(chmod(path("key"), keys[i].mode) == 0, "chmod");
        s = NULL;
        enum status st = secrets_open(path("key"), true, &s, &err);

        CHECK(st == keys[i].want && strstr(err.text, keys[i].fault) != NULL, "%s: %d %s",
              keys[i].name, st, err.text);
        CHECK(strstr(err.text, "0102030405") == NULL, "%s shows the key", keys[i].name);
        if (st == ST_OK)
            secrets_close(s);
        unlink(path("key"));
    }
    CHECK(secrets_open(path("none"), false, &s, &err) == ST_INVALID, "no key was taken");
    CHECK(secrets_open(path("none"), true, &s, &err) == ST_OK, "%s", err.text);
    CHECK(stat(path("none"), &info) == 0 && (info.st_mode & 0777) == 0600, "mode");
    secrets_close(s);
}

static void
check_sealing(void)
{
    struct secrets *a = NULL, *b = NULL;
    struct err err = {""};
    struct span plain = SPAN_LITERAL("AccountKey=hush=="), context = SPAN_LITERAL("t/one");
    char sealed[200], twice[200], out[200];
    size_t n = 0, m = 0, out_n = 0;

    CHECK(secrets_open(path("a"), true, &a, &err) == ST_OK, "%s", err.text);
    CHECK(secrets_open(path("b"), true, &b, &err) == ST_OK, "%s", err.text);
    CHECK(secrets_seal(a, plain, context, sealed, &n, &err) == ST_OK, "%s", err.text);
    CHECK(n == plain.n + SECRETS_OVERHEAD, "size %zu", n);
    CHECK(memmem(sealed, n, "hush", 4) == NULL, "it lies in the clear");
    CHECK(secrets_seal(a, plain, context, twice, &m, &err) == ST_OK && memcmp(sealed, twice, n),
          "two sealings are alike");
    CHECK(secrets_unseal(a, (struct span){sealed, n}, context, out, &out_n, &err) == ST_OK &&
              span_equal((struct span){out, out_n}, plain) && out[out_n] == '\0',
          "%s", err.text);
    CHECK(secrets_unseal(b, (struct span){sealed, n}, context, out, &out_n, &err) == ST_INVALID &&
              strstr(err.text, "another key"),
          "%s", err.text);
    CHECK(secrets_unseal(a, (struct span){sealed, n}, span_of("t/two"), out, &out_n, &err) ==
              ST_INVALID,
          "opened in another context");
    for (size_t i = 0; i < n; i++) {
        sealed[i] = (char)(sealed[i] ^ 1);
        CHECK(secrets_unseal(a, (struct span){sealed, n}, context, out, &out_n, &err) == ST_INVALID,
              "byte %zu changed, and it opened", i);
        sealed[i] = (char)(sealed[i] ^ 1);
    }
    for (size_t i = 0; i < n; i++)
        CHECK(secrets_unseal(a, (struct span){sealed, i}, context, out, &out_n, &err) == ST_INVALID,
              "cut to %zu, and it opened", i);
    CHECK(secrets_seal(a, (struct span){"", 0}, context, sealed, &n, &err) == ST_OK &&
              secrets_unseal(a, (struct span){sealed, n}, context, out, &out_n, &err) == ST_OK &&
              out_n == 0,
          "an empty secret: %s", err.text);
    secrets_close(a);
    secrets_close(b);
    secrets_close(NULL);
}

int
main(void)
{
    CHECK(mkdtemp(folder) != NULL, "no folder");
    check_keys();
    check_sealing();
    unlink(path("a"));
    unlink(path("b"));
    unlink(path("none"));
    rmdir(folder);
    return test_end();
}
