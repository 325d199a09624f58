#include "api/management_scores.h"
#include "api/posture_routes.h"
#include "control/management_groups.h"
#include "control/store.h"
#include "posture/score.h"
#include <stdlib.h>
#include <strings.h>

enum { SUBSCRIPTIONS_AT_FIRST = 64 };

/* The subscriptions below the group, taken down first: the store must not wait for posture. */
struct below {
    char group[MANAGEMENT_GROUP_NAME_MAX + 2]; /* as it is spelt */
    char (*ids)[37];
    size_t count, room;
    bool failed;
};

static bool
group_note(void *app, const struct management_group *x)
{
    struct below *b = app;

    snprintf(b->group, sizeof b->group, "%s", x->name);
    return false;
}

static bool
subscription_note(void *app, const struct subscription *x)
{
    struct below *b = app;

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

/* False: answered, and nothing is kept. */
static bool
below_read(struct arm_call *a, struct below *b, struct http_reply *reply)
{
    struct store *s = a->base.control->store;
    struct err err;
    enum status st = management_group_find(s, a->base.tenant, a->arguments[0], group_note, b, &err);

    if (st == ST_OK)
        st = management_group_subscriptions(s, a->base.tenant, a->arguments[0], true, "",
                                            subscription_note, b, &err);
    if (st == ST_OK && !b->failed)
        return true;
    free(b->ids);
    if (st == ST_OK)
        arm_error_memory(reply);
    else if (st == ST_END)
        management_refuse_group(a, reply);
    else
        arm_error_status(reply, st, &err);
    return false;
}

/* A number of the document in units of 1 / 'scale'. */
static int64_t
units(const json_t *number, int scale)
{
    return (int64_t)(json_number_value(number) * scale + 0.5);
}

/* ST_END: the subscription has no score. */
static enum status
score_read(struct arm_call *a, struct posture *p, const char *subscription, struct score *score,
           struct err *err)
{
    char id[160], *text;
    size_t size;
    enum status st;

    snprintf(id, sizeof id, "/subscriptions/%s/providers/Microsoft.Security/secureScores/ascScore",
             subscription);
    st = posture_get(p, a->base.tenant, span_of(id), false, &text, &size, err);
    if (st != ST_OK)
        return st;
    json_t *document = json_loadb(text, size, 0, NULL);
    const json_t *properties = json_object_get(document, "properties");
    const json_t *told = json_object_get(properties, "score");

    free(text);
    if (document == NULL)
        return err_set(err, ST_FULL, "no memory for a score");
    score->max = units(json_object_get(told, "max"), 1);
    score->current = units(json_object_get(told, "current"), 100);
    score->percentage = units(json_object_get(told, "percentage"), 10000);
    score->weight = units(json_object_get(properties, "weight"), 1);
    json_decref(document);
    return ST_OK;
}

/* *count: how many of the subscriptions have one. */
static enum status
scores_sum(struct arm_call *a, struct posture *p, const struct below *b, struct score *sum,
           size_t *count, struct err *err)
{
    struct score_part *parts = calloc(b->count + 1, sizeof *parts);
    enum status st = ST_OK;

    *count = 0;
    *sum = (struct score){0};
    if (parts == NULL)
        return err_set(err, ST_FULL, "no memory for scores");
    for (size_t i = 0; i < b->count && (st == ST_OK || st == ST_END); i++) {
        struct score one = {0};

        st = score_read(a, p, b->ids[i], &one, err);
        if (st != ST_OK)
            continue;
        parts[(*count)++] = (struct score_part){one.percentage, one.weight};
        sum->max += one.max;
        sum->current += one.current;
        sum->weight += one.weight;
    }
    sum->percentage = score_of_several(parts, *count);
    free(parts);
    return st == ST_END ? ST_OK : st;
}

/* The resource, malloc'd, between 'before' and 'behind'. A group's name needs no escapes. */
static char *
score_text(const struct below *b, const struct score *sum, const char *before, const char *behind)
{
    char *text;

    if (asprintf(&text,
                 "%s{\"id\":\"/providers/Microsoft.Management/managementGroups/%s/providers/"
                 "Microsoft.Security/secureScores/ascScore\",\"name\":\"ascScore\",\"type\":"
                 "\"Microsoft.Security/secureScores\",\"properties\":{\"displayName\":"
                 "\"ASC score\",\"score\":{\"max\":%lld,\"current\":%.12g,\"percentage\":%.4g},"
                 "\"weight\":%lld}}%s",
                 before, b->group, (long long)sum->max, score_points(sum->current),
                 score_share(sum->percentage), (long long)sum->weight, behind) < 0)
        return NULL;
    return text;
}

/* False: answered. */
static bool
score_of_group(struct arm_call *a, struct below *b, struct score *sum, size_t *count,
               struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    struct err err;

    if (p == NULL || !below_read(a, b, reply))
        return false;
    enum status st = scores_sum(a, p, b, sum, count, &err);

    free(b->ids);
    if (st != ST_OK)
        arm_error_status(reply, st, &err);
    return st == ST_OK;
}

void
management_scores_list(struct arm_call *a, struct http_reply *reply)
{
    struct below b = {.ids = NULL};
    struct score sum;
    size_t count;

    if (!score_of_group(a, &b, &sum, &count, reply))
        return;
    char *text = count == 0 ? strdup("[]") : score_text(&b, &sum, "[", "]");

    arm_reply_list_text(a, reply, text, text == NULL ? 0 : strlen(text), NULL);
}

void
management_scores_get(struct arm_call *a, struct http_reply *reply)
{
    struct below b = {.ids = NULL};
    struct score sum;
    size_t count;

    if (!score_of_group(a, &b, &sum, &count, reply))
        return;
    if (count == 0 || strcasecmp(a->arguments[1], "ascScore") != 0) {
        posture_reply_absent(reply, a->id);
        return;
    }
    char *text = score_text(&b, &sum, "", "");

    call_reply_taken(reply, 200, text, text == NULL ? 0 : strlen(text));
}
