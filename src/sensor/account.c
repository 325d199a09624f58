#include "sensor/account.h"
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

enum { SLOTS = 512, FRESH_MS = 300000 };

struct account_cache {
    struct slot {
        uint32_t id;
        bool is_used, is_known;
        int64_t asked_ms;
        char name[ACCOUNT_NAME_MAX + 1];
    } users[SLOTS], groups[SLOTS];
    char buffer[16384]; /* of getpwuid_r; a group's members must fit too */
};

enum status
account_cache_make(struct account_cache **cache, struct err *err)
{
    *cache = calloc(1, sizeof **cache);
    return *cache != NULL ? ST_OK : err_set(err, ST_FULL, "no memory for account names");
}

void
account_cache_free(struct account_cache *cache)
{
    free(cache);
}

static const char *
ask(struct account_cache *c, bool is_user, uint32_t id)
{
    struct passwd user, *user_found = NULL;
    struct group group, *group_found = NULL;

    if (is_user)
        return getpwuid_r(id, &user, c->buffer, sizeof c->buffer, &user_found) == 0 &&
                       user_found != NULL
                   ? user_found->pw_name
                   : NULL;
    return getgrgid_r(id, &group, c->buffer, sizeof c->buffer, &group_found) == 0 &&
                   group_found != NULL
               ? group_found->gr_name
               : NULL;
}

static struct span
name_of(struct account_cache *c, bool is_user, uint32_t id, int64_t now_ms)
{
    struct slot *s = &(is_user ? c->users : c->groups)[id % SLOTS];

    if (!s->is_used || s->id != id || now_ms - s->asked_ms > FRESH_MS) {
        const char *name = ask(c, is_user, id);

        *s = (struct slot){.id = id, .is_used = true, .asked_ms = now_ms, .is_known = name != NULL};
        if (name != NULL)
            snprintf(s->name, sizeof s->name, "%s", name);
    }
    return s->is_known ? span_of(s->name) : (struct span){0};
}

struct span
account_user(struct account_cache *cache, uint32_t uid, int64_t now_ms)
{
    return name_of(cache, true, uid, now_ms);
}

struct span
account_group(struct account_cache *cache, uint32_t gid, int64_t now_ms)
{
    return name_of(cache, false, gid, now_ms);
}

struct span
account_sid(uint32_t uid, char out[ACCOUNT_SID_SIZE])
{
    int n = snprintf(out, ACCOUNT_SID_SIZE, "S-1-22-1-%u", uid);

    return (struct span){out, (size_t)n};
}
