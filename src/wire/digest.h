/* digest.h - SHA-1, SHA-256 and MD5 of bytes and of open files; hides OpenSSL's. Any thread.
 * For telling things apart (files, batches, devices) and for signing; not for passwords. */
#pragma once
#include "base/base.h"

enum { DIGEST_SHA1_SIZE = 20, DIGEST_SHA256_SIZE = 32, DIGEST_MD5_SIZE = 16 };

struct digest_set {
    unsigned char sha1[DIGEST_SHA1_SIZE], sha256[DIGEST_SHA256_SIZE], md5[DIGEST_MD5_SIZE];
};

/* False: OpenSSL refused (a policy without SHA-1, say); 'out' is then zeroed. */
MUST_CHECK bool digest_sha256(struct span bytes, unsigned char out[DIGEST_SHA256_SIZE]);
MUST_CHECK bool digest_sha1(struct span bytes, unsigned char out[DIGEST_SHA1_SIZE]);

/* HMAC (RFC 2104) with SHA-256. False: OpenSSL refused; 'out' is then zeroed. */
MUST_CHECK bool digest_hmac_sha256(struct span key, const struct span *pieces, size_t piece_count,
                                   unsigned char out[DIGEST_SHA256_SIZE]);

/* All three of what 'fd' holds from its start, in one pass; the file offset does not move.
 * ST_INVALID: the file is larger than 'size_max' bytes. ST_IO: it cannot be read. *size: bytes
 * read. */
MUST_CHECK enum status digest_file(int fd, uint64_t size_max, struct digest_set *out,
                                   uint64_t *size, struct err *err);

/* Lower-case hex; 'out' has room for 2 * size + 1 bytes. */
void digest_hex(const unsigned char *bytes, size_t size, char *out);
