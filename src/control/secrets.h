/* secrets.h - sealing what must not lie on a disk in the clear: AES-256-GCM under a key from a
 * file. Any thread. A sealed text is bound to its context (say "tenant/setting"): moved elsewhere
 * it does not open. */
#pragma once
#include "base/base.h"

struct secrets;

enum { SECRETS_OVERHEAD = 33, SECRETS_SIZE_MAX = 16384 };

/* The key file holds 64 hex digits and belongs to its owner alone (mode 0600 or less). 'make': make
 * it if it is not there. ST_INVALID: others can read it, or it is no key. */
MUST_CHECK enum status secrets_open(const char *key_path, bool make, struct secrets **secrets,
                                    struct err *err);
void secrets_close(struct secrets *s); /* wipes the key; NULL is fine */
/* 'out' has room for plain.n + SECRETS_OVERHEAD bytes. */
MUST_CHECK enum status secrets_seal(const struct secrets *s, struct span plain, struct span context,
                                    char *out, size_t *out_size, struct err *err);
/* 'out' has room for sealed.n bytes; a NUL follows the text. ST_INVALID: another key or context, or
 * the bytes were changed. */
MUST_CHECK enum status secrets_unseal(const struct secrets *s, struct span sealed,
                                      struct span context, char *out, size_t *out_size,
                                      struct err *err);
/* Overwrites in a way that the compiler keeps. */
void secrets_wipe(void *p, size_t size);
