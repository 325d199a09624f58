/* account.h - names of users and groups, remembered for five minutes. A look-up may ask the network
 * (LDAP), so only the thread that builds rows does it. One thread. */
#pragma once
#include "base/base.h"

enum { ACCOUNT_NAME_MAX = 255, ACCOUNT_SID_SIZE = 24 };

struct account_cache;
MUST_CHECK enum status account_cache_make(struct account_cache **cache, struct err *err);
void account_cache_free(struct account_cache *cache);
/* lends: until the next call with this cache. {NULL,0}: the number has no name. */
struct span account_user(struct account_cache *cache, uint32_t uid, int64_t now_ms);
struct span account_group(struct account_cache *cache, uint32_t gid, int64_t now_ms);
/* "S-1-22-1-1000": Samba's well-known form for a Unix user, so that a column that wants a SID has
 * one. */
struct span account_sid(uint32_t uid, char out[ACCOUNT_SID_SIZE]);
