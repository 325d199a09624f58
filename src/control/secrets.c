/* secrets.c - a sealed text is: version (1 byte), key check (4: first bytes of SHA-256 of the key),
 * nonce (12 random bytes), cipher text, tag (16). */
#include "control/secrets.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY_SIZE = 32, CHECK_SIZE = 4, NONCE_SIZE = 12, TAG_SIZE = 16, SEALED_VERSION = 1 };
_Static_assert(1 + CHECK_SIZE + NONCE_SIZE + TAG_SIZE == SECRETS_OVERHEAD, "secrets.h");

struct secrets {
    unsigned char key[KEY_SIZE];
    unsigned char check[CHECK_SIZE];
};

void
secrets_wipe(void *p, size_t size)
{
    OPENSSL_cleanse(p, size);
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static enum status
key_read(const char *path, unsigned char key[KEY_SIZE], struct err *err)
{
    struct stat info;
    char *text = NULL;
    size_t size = 0;
    enum status st;

    st = file_read(path, 4096, &text, &size, err);
    if (st != ST_OK)
        return st;
    if (stat(path, &info) != 0) {
        st = err_set(err, ST_IO, "cannot see %s: %s", path, strerror(errno));
        goto done;
    }
    if ((info.st_mode & 077) != 0) {
        st =
            err_set(err, ST_INVALID, "the key file %s can be read by others (mode %03o): chmod 600",
                    path, info.st_mode & 0777u);
        goto done;
    }
    while (size > 0 && strchr(" \t\r\n", text[size - 1]) != NULL)
        size--;
    for (size_t i = 0; i < KEY_SIZE && size == (size_t)2 * KEY_SIZE; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            size = 0;
        else
            key[i] = (unsigned char)(high << 4 | low);
    }
    if (size != (size_t)2 * KEY_SIZE)
        st = err_set(err, ST_INVALID, "the key file %s is not 64 hex digits", path);
done:
    secrets_wipe(text, size);
    free(text);
    return st;
}

static enum status
key_make(const char *path, struct err *err)
{
    unsigned char key[KEY_SIZE];
    char text[2 * KEY_SIZE + 2];
    enum status st;

    if (RAND_bytes(key, sizeof key) != 1)
        return err_set(err, ST_IO, "no random bytes for a new key");
    for (size_t i = 0; i < KEY_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    text[sizeof text - 2] = '\n';
    st = file_replace(path, (struct span){text, sizeof text - 1}, 0600, err);
    secrets_wipe(key, sizeof key);
    secrets_wipe(text, sizeof text);
    return st;
}

enum status
secrets_open(const char *key_path, bool make, struct secrets **secrets, struct err *err)
{
    struct secrets *s = calloc(1, sizeof *s);
    unsigned char hash[EVP_MAX_MD_SIZE];
    enum status st;

    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for the key");
    st = key_read(key_path, s->key, err);
    if (st == ST_END && make) {
        st = key_make(key_path, err);
        if (st == ST_OK)
            st = key_read(key_path, s->key, err);
    }
    if (st == ST_END)
        st = err_set(err, ST_INVALID, "there is no key file %s", key_path);
    if (st == ST_OK && EVP_Digest(s->key, KEY_SIZE, hash, NULL, EVP_sha256(), NULL) != 1)
        st = err_set(err, ST_IO, "SHA-256 is not available");
    if (st != ST_OK) {
        secrets_close(s);
        return st;
    }
    memcpy(s->check, hash, CHECK_SIZE);
    *secrets = s;
    return ST_OK;
}

void
secrets_close(struct secrets *s)
{
    if (s == NULL)
        return;
    secrets_wipe(s, sizeof *s);
    free(s);
}

/* One pass of AES-256-GCM; 'tag' is written when sealing, compared when opening. False: it
 * failed. */
static bool
gcm(const struct secrets *s, bool seals, const unsigned char *nonce, struct span in,
    struct span context, unsigned char *out, unsigned char *tag)
{
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int n = 0;
    bool is_good =
        x != NULL &&
        EVP_CipherInit_ex(x, EVP_aes_256_gcm(), NULL, s->key, nonce, seals ? 1 : 0) == 1 &&
        EVP_CipherUpdate(x, NULL, &n, (const unsigned char *)context.p, (int)context.n) == 1 &&
        EVP_CipherUpdate(x, out, &n, (const unsigned char *)in.p, (int)in.n) == 1;

    if (is_good && !seals)
        is_good = EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1;
    is_good = is_good && EVP_CipherFinal_ex(x, out + n, &n) == 1;
    if (is_good && seals)
        is_good = EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(x);
    return is_good;
}

enum status
secrets_seal(const struct secrets *s, struct span plain, struct span context, char *out,
             size_t *out_size, struct err *err)
{
    unsigned char *p = (unsigned char *)out, *nonce = p + 1 + CHECK_SIZE,
                  *text = nonce + NONCE_SIZE;

    if (plain.n > SECRETS_SIZE_MAX)
        return err_set(err, ST_INVALID, "the secret is longer than 16384 bytes");
    p[0] = SEALED_VERSION;
    memcpy(p + 1, s->check, CHECK_SIZE);
    if (RAND_bytes(nonce, NONCE_SIZE) != 1)
        return err_set(err, ST_IO, "no random bytes to seal with");
    if (!gcm(s, true, nonce, plain, context, text, text + plain.n))
        return err_set(err, ST_IO, "AES-256-GCM is not available");
    *out_size = plain.n + SECRETS_OVERHEAD;
    return ST_OK;
}

enum status
secrets_unseal(const struct secrets *s, struct span sealed, struct span context, char *out,
               size_t *out_size, struct err *err)
{
    const unsigned char *p = (const unsigned char *)sealed.p,
                        *text = p + 1 + CHECK_SIZE + NONCE_SIZE;
    unsigned char tag[TAG_SIZE];
    size_t size;

    if (sealed.n < SECRETS_OVERHEAD || sealed.n > SECRETS_SIZE_MAX + SECRETS_OVERHEAD ||
        p[0] != SEALED_VERSION)
        return err_set(err, ST_INVALID, "this is not a sealed secret of this version");
    if (memcmp(p + 1, s->check, CHECK_SIZE) != 0)
        return err_set(err, ST_INVALID,
                       "the secret was sealed with another key: set it again, or "
                       "bring the old key file back");
    size = sealed.n - SECRETS_OVERHEAD;
    memcpy(tag, text + size, TAG_SIZE);
    if (!gcm(s, false, p + 1 + CHECK_SIZE, (struct span){(const char *)text, size}, context,
             (unsigned char *)out, tag)) {
        secrets_wipe(out, size);
        return err_set(err, ST_INVALID, "the sealed secret was changed or belongs elsewhere");
    }
    out[size] = '\0';
    *out_size = size;
    return ST_OK;
}
