/* change_id.c - which resource an item is about: its id, its kind, its key in the hot table. */
#include "posture/change_inner.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LINE_SIZE = 64 + ARM_PATH_SIZE_MAX };

/* ---- keys, kinds ---- */

void
posture_key(const struct posture *p, const char *tenant, struct span id, uint8_t key[16])
{
    char line[LINE_SIZE];
    size_t n = strlen(tenant);
    XXH128_canonical_t canonical;

    if (n > 63)
        n = 63;
    memcpy(line, tenant, n);
    if (id.n > 0 && id.p[id.n - 1] == '/')
        id.n--;
    if (id.n > ARM_PATH_SIZE_MAX)
        id.n = ARM_PATH_SIZE_MAX;
    arm_path_fold(id, line + n);
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_withSeed(line, n + id.n, p->seed));
    memcpy(key, &canonical, 16);
}

static bool
type_is(const struct arm_path *path, const char *type)
{
    for (size_t i = 0; i < path->pair_count; i++) {
        const char *slash = strchr(type, '/');
        struct span word = {type, slash != NULL ? (size_t)(slash - type) : strlen(type)};

        if (!arm_path_equal(path->pairs[i].type, word))
            return false;
        if (slash == NULL)
            return i + 1 == path->pair_count;
        type = slash + 1;
    }
    return false;
}

static const struct posture_kind *
kind_of(const struct arm_path *path)
{
    if (!arm_path_equal(path->provider, SPAN_LITERAL("Microsoft.Security")))
        return NULL;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        const struct posture_kind *k = posture_kinds[i];

        if (k != NULL &&
            (type_is(path, k->type) || (k->type_also != NULL && type_is(path, k->type_also))))
            return k;
    }
    return NULL;
}

bool
posture_refuse_with(struct posture_result *r, const char *code, const char *target,
                    const char *format, ...)
{
    va_list args;

    r->outcome = POSTURE_REFUSED;
    snprintf(r->code, sizeof r->code, "%s", code);
    snprintf(r->target, sizeof r->target, "%s", target);
    va_start(args, format);
    vsnprintf(r->message.text, sizeof r->message.text, format, args);
    va_end(args);
    return false;
}

bool
posture_refuse(struct posture_change *c, const char *target, const char *format, ...)
{
    va_list args;
    char text[sizeof c->result->message.text];

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return posture_refuse_with(c->result, c->kind->refusal, target, "%s", text);
}

static bool
scope_is_right(const struct posture_kind *k, const struct arm_path *path,
               struct posture_result *result)
{
    bool is_below =
        arm_path_is_below(path->scope, path->subscription_id) && path->subscription_id.n > 0;

    if (k->scope == SCOPE_ANY_OR_NONE && (path->scope.n == 0 || is_below))
        return true;
    if (k->scope == SCOPE_SUBSCRIPTION && !arm_path_equal(path->scope, path->subscription_id))
        return posture_refuse_with(result, "InvalidResourceId", "id",
                                   "%s belong to a subscription: "
                                   "/subscriptions/{id}/providers/Microsoft.Security/%s/{name}",
                                   k->list, k->type);
    if (!is_below)
        return posture_refuse_with(result, "InvalidResourceId", "id",
                                   "%s belong to a subscription or what is below it: "
                                   "/subscriptions/{id}/...",
                                   k->list);
    return true;
}

struct span
posture_trim(struct span s)
{
    while (s.n > 0 && strchr(" \t\r\n", s.p[0]) != NULL && s.p[0] != '\0')
        s = (struct span){s.p + 1, s.n - 1};
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL && s.p[s.n - 1] != '\0')
        s.n--;
    return s;
}

bool
posture_parse(struct span id, struct arm_path *path, const struct posture_kind **kind,
              struct posture_result *result)
{
    struct err why = {""};
    char type[120];

    if (arm_path_parse(id, path, &why) != ST_OK)
        return posture_refuse_with(result, "InvalidResourceId", "id", "%s", why.text);
    *kind = kind_of(path);
    if (*kind == NULL) {
        arm_path_type(path, type, sizeof type);
        return posture_refuse_with(result, "InvalidResourceType", "id",
                                   "'%.*s/%s' is no type that posture keeps", (int)path->provider.n,
                                   path->provider.p, type);
    }
    return scope_is_right(*kind, path, result);
}

enum status
posture_hot_find(struct posture_db *db, const uint8_t key[16], int64_t *number, uint64_t *hash,
                 struct err *err)
{
    sqlite3_stmt *x;
    enum status st = posture_sql(db, &x, err, "SELECT number, hash FROM hot WHERE key = ?", "b",
                                 (struct span){(const char *)key, 16});

    if (st == ST_OK)
        st = posture_step(db, x, err);
    if (st != ST_OK)
        return st;
    *number = sqlite3_column_int64(x, 0);
    *hash = (uint64_t)sqlite3_column_int64(x, 1);
    posture_sql_end(x);
    return ST_OK;
}

enum status
posture_find_hash(struct posture *p, struct posture_db *db, const char *tenant, struct span id,
                  int64_t *number, uint64_t *hash, struct err *err)
{
    uint8_t key[16];

    posture_key(p, tenant, id, key);
    return posture_hot_find(db, key, number, hash, err);
}
