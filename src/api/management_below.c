#include "api/management_below.h"
#include "control/store.h"
#include "model/arm_id.h"
#include <stdlib.h>
#include <strings.h>

enum { SUBSCRIPTIONS_AT_FIRST = 64 };

static bool
group_note(void *app, const struct management_group *x)
{
    struct management_below *b = app;

    snprintf(b->group, sizeof b->group, "%s", x->name);
    return false;
}

static bool
subscription_note(void *app, const struct subscription *x)
{
    struct management_below *b = app;

    if (b->count == b->room) {
        size_t room = b->room == 0 ? SUBSCRIPTIONS_AT_FIRST : 2 * b->room;
        void *ids = realloc(b->ids, room * sizeof *b->ids);

        if (ids == NULL) {
            b->failed = true;
            return false;
        }
        b->ids = ids;
        b->room = room;
    }
    snprintf(b->ids[b->count++], sizeof *b->ids, "%s", x->id);
    return true;
}

enum status
management_below(struct arm_call *a, const char *name, struct management_below *b, struct err *err)
{
    struct store *s = a->base.control->store;
    enum status st = management_group_find(s, a->base.tenant, name, group_note, b, err);

    if (st == ST_OK)
        st = management_group_subscriptions(s, a->base.tenant, name, true, "", subscription_note, b,
                                            err);
    if (st == ST_OK && b->failed)
        st = err_set(err, ST_FULL, "no memory for the subscriptions of a management group");
    if (st != ST_OK)
        free(b->ids);
    return st;
}

bool
management_scope(struct span scope, char name[MANAGEMENT_GROUP_NAME_MAX + 2])
{
    static const char word[] = "/providers/Microsoft.Management/managementGroups/";
    size_t n = sizeof word - 1;

    if (scope.n <= n || strncasecmp(scope.p, word, n) != 0 ||
        memchr(scope.p + n, '/', scope.n - n) != NULL)
        return false;
    snprintf(name, MANAGEMENT_GROUP_NAME_MAX + 2, "%.*s", (int)(scope.n - n), scope.p + n);
    return true;
}

/* GUID-NEXT: the subscription, and where in its list; nothing behind the '-': at its beginning. */
static bool
place_read(const char *after, char guid[37], const char **next)
{
    size_t n = strlen(after);

    if (n < 37 || n >= MANAGEMENT_NEXT_SIZE || after[36] != '-' ||
        !guid_copy((struct span){after, 36}, guid))
        return false;
    *next = after + 37;
    return true;
}

/* The page of the first subscription from 'at' on that has anything to show. */
static enum status
page_find(struct arm_call *a, const struct management_below *b, const char *guid,
          struct posture_query *q, char **text, size_t *size, char next[MANAGEMENT_NEXT_SIZE],
          struct err *err)
{
    char scope[64], more[64];
    size_t i = 0;

    while (i < b->count && strcmp(b->ids[i], guid) < 0)
        i++;
    if (i < b->count && strcmp(b->ids[i], guid) != 0)
        q->after = NULL; /* it is not below the group any more */
    for (; i < b->count; i++, q->after = NULL) {
        snprintf(scope, sizeof scope, "/subscriptions/%s", b->ids[i]);
        q->scope = span_of(scope);
        enum status st = posture_list(a->base.api->posture, q, text, size, more, err);

        if (st != ST_OK)
            return st;
        if (more[0] != '\0')
            snprintf(next, MANAGEMENT_NEXT_SIZE, "%s-%s", b->ids[i], more);
        else if (i + 1 < b->count)
            snprintf(next, MANAGEMENT_NEXT_SIZE, "%s-", b->ids[i + 1]);
        else
            next[0] = '\0';
        if (*size > 2 || more[0] != '\0' || i + 1 == b->count)
            return ST_OK;
        free(*text);
    }
    next[0] = '\0';
    *text = strdup("[]");
    *size = 2;
    return *text == NULL ? err_set(err, ST_FULL, "no memory for a list") : ST_OK;
}

enum status
management_list(struct arm_call *a, const char *group, const struct posture_query *query,
                char **text, size_t *size, char next[MANAGEMENT_NEXT_SIZE], struct err *err)
{
    struct management_below b = {.ids = NULL};
    struct posture_query q = *query;
    char guid[37] = "";

    if (q.after != NULL && !place_read(q.after, guid, &q.after))
        return err_set(err, ST_INVALID, "the link to the next page is not one of this list");
    if (q.after != NULL && q.after[0] == '\0')
        q.after = NULL;
    enum status st = management_below(a, group, &b, err);

    if (st != ST_OK)
        return st;
    st = page_find(a, &b, guid, &q, text, size, next, err);
    free(b.ids);
    return st;
}
