#include "wire/digest.h"
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <unistd.h>

static bool
digest_once(const EVP_MD *kind, struct span bytes, unsigned char *out, size_t size)
{
    if (EVP_Digest(bytes.n == 0 ? "" : bytes.p, bytes.n, out, NULL, kind, NULL) == 1)
        return true;
    memset(out, 0, size);
    return false;
}

bool
digest_sha256(struct span bytes, unsigned char out[DIGEST_SHA256_SIZE])
{
    return digest_once(EVP_sha256(), bytes, out, DIGEST_SHA256_SIZE);
}

bool
digest_sha1(struct span bytes, unsigned char out[DIGEST_SHA1_SIZE])
{
    return digest_once(EVP_sha1(), bytes, out, DIGEST_SHA1_SIZE);
}

bool
digest_hmac_sha256(struct span key, const struct span *pieces, size_t piece_count,
                   unsigned char out[DIGEST_SHA256_SIZE])
{
    EVP_MAC *kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *x = kind == NULL ? NULL : EVP_MAC_CTX_new(kind);
    char name[] = "SHA256";
    OSSL_PARAM settings[] = {OSSL_PARAM_construct_utf8_string("digest", name, 0),
                             OSSL_PARAM_construct_end()};
    size_t size = 0;
    bool is_fine = x != NULL && EVP_MAC_init(x, (const unsigned char *)(key.n == 0 ? "" : key.p),
                                             key.n, settings) == 1;

    for (size_t i = 0; i < piece_count && is_fine; i++)
        is_fine = pieces[i].n == 0 ||
                  EVP_MAC_update(x, (const unsigned char *)pieces[i].p, pieces[i].n) == 1;
    is_fine = is_fine && EVP_MAC_final(x, out, &size, DIGEST_SHA256_SIZE) == 1 &&
              size == DIGEST_SHA256_SIZE;
    EVP_MAC_CTX_free(x);
    EVP_MAC_free(kind);
    if (!is_fine)
        memset(out, 0, DIGEST_SHA256_SIZE);
    return is_fine;
}

enum status
digest_file(int fd, uint64_t size_max, struct digest_set *out, uint64_t *size, struct err *err)
{
    EVP_MD_CTX *contexts[3] = {EVP_MD_CTX_new(), EVP_MD_CTX_new(), EVP_MD_CTX_new()};
    const EVP_MD *kinds[3] = {EVP_sha1(), EVP_sha256(), EVP_md5()};
    unsigned char *results[3] = {out->sha1, out->sha256, out->md5};
    char buffer[64 * 1024];
    enum status st = ST_OK;
    uint64_t at = 0;

    for (size_t i = 0; i < 3 && st == ST_OK; i++)
        if (contexts[i] == NULL || EVP_DigestInit_ex(contexts[i], kinds[i], NULL) != 1)
            st = err_set(err, ST_IO, "OpenSSL offers no %s digest", EVP_MD_get0_name(kinds[i]));
    while (st == ST_OK) {
        ssize_t n = pread(fd, buffer, sizeof buffer, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            st = err_set(err, ST_IO, "cannot read a file to hash: %s", strerror(errno));
        if (n <= 0)
            break;
        at += (uint64_t)n;
        if (at > size_max) {
            st = err_set(err, ST_INVALID, "the file is larger than %llu bytes",
                         (unsigned long long)size_max);
            break;
        }
        for (size_t i = 0; i < 3; i++)
            EVP_DigestUpdate(contexts[i], buffer, (size_t)n);
    }
    for (size_t i = 0; i < 3; i++) {
        if (st == ST_OK)
            EVP_DigestFinal_ex(contexts[i], results[i], NULL);
        EVP_MD_CTX_free(contexts[i]);
    }
    *size = at;
    return st;
}

void
digest_hex(const unsigned char *bytes, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
}
