#include "api/management_scores.h"
#include "api/management_below.h"
#include "api/posture_routes.h"
#include "posture/score.h"
#include <stdlib.h>
#include <strings.h>

enum {
    AT_FIRST = 64,
    PLACE_MAX = 500, /* bytes of a control's name that say where a page ended */
};

/* False: answered, and nothing is kept. */
static bool
below_read(struct arm_call *a, struct management_below *b, struct http_reply *reply)
{
    struct err err;
    enum status st = management_below(a, a->arguments[0], b, &err);

    if (st == ST_END)
        management_refuse_group(a, reply);
    else if (st != ST_OK)
        arm_error_status(reply, st, &err);
    return st == ST_OK;
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
scores_sum(struct arm_call *a, struct posture *p, const struct management_below *b,
           struct score *sum, size_t *count, struct err *err)
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
score_text(const struct management_below *b, const struct score *sum, const char *before,
           const char *behind)
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
score_of_group(struct arm_call *a, struct management_below *b, struct score *sum, size_t *count,
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
    struct management_below b = {.ids = NULL};
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
    struct management_below b = {.ids = NULL};
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

/* ---- controls ---- */

struct control_part {
    char *name, *display; /* display: a JSON value */
    struct score score;
    int64_t healthy, unhealthy, not_applicable;
    size_t order; /* of equal names the first one's spelling counts */
};
struct controls {
    struct control_part *at;
    size_t count, room;
};

static void
controls_free(struct controls *c)
{
    for (size_t i = 0; i < c->count; i++) {
        free(c->at[i].name);
        free(c->at[i].display);
    }
    free(c->at);
}

static bool
control_add(struct controls *c, const json_t *document)
{
    const json_t *properties = json_object_get(document, "properties");
    const json_t *told = json_object_get(properties, "score");
    const char *name = json_string_value(json_object_get(document, "name"));

    if (c->count == c->room) {
        size_t room = c->room == 0 ? AT_FIRST : 2 * c->room;
        void *at = realloc(c->at, room * sizeof *c->at);

        if (at == NULL)
            return false;
        c->at = at;
        c->room = room;
    }
    struct control_part *to = &c->at[c->count];

    *to = (struct control_part){
        .name = strdup(name == NULL ? "" : name),
        .display = json_dumps(json_object_get(properties, "displayName"), JSON_ENCODE_ANY),
        .score = {.max = units(json_object_get(told, "max"), 1),
                  .current = units(json_object_get(told, "current"), 100),
                  .percentage = units(json_object_get(told, "percentage"), 10000),
                  .weight = units(json_object_get(properties, "weight"), 1)},
        .healthy = units(json_object_get(properties, "healthyResourceCount"), 1),
        .unhealthy = units(json_object_get(properties, "unhealthyResourceCount"), 1),
        .not_applicable = units(json_object_get(properties, "notApplicableResourceCount"), 1),
        .order = c->count,
    };
    c->count++; /* freed also if half of it is missing */
    return to->name != NULL && to->display != NULL;
}

/* The controls of one subscription. */
static enum status
controls_read(struct arm_call *a, struct posture *p, const char *subscription, struct controls *c,
              struct err *err)
{
    char scope[64], next[64] = "", after[64], *text;
    struct posture_query q = {
        .tenant = a->base.tenant, .type = "secureScoreControls", .top = POSTURE_PAGE_MAX};
    size_t size;
    enum status st;

    snprintf(scope, sizeof scope, "/subscriptions/%s", subscription);
    q.scope = span_of(scope);
    do {
        snprintf(after, sizeof after, "%s", next);
        q.after = after[0] == '\0' ? NULL : after;
        st = posture_list(p, &q, &text, &size, next, err);
        if (st != ST_OK)
            return st;
        json_t *page = json_loadb(text, size, 0, NULL);
        bool is_fine = page != NULL;

        free(text);
        for (size_t i = 0; is_fine && i < json_array_size(page); i++)
            is_fine = control_add(c, json_array_get(page, i));
        json_decref(page);
        if (!is_fine)
            return err_set(err, ST_FULL, "no memory for controls");
    } while (next[0] != '\0');
    return ST_OK;
}

static int
control_order(const void *a, const void *b)
{
    const struct control_part *x = a, *y = b;
    int order = strcasecmp(x->name, y->name);

    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

/* One control of all subscriptions: those from 'at' on with its name. */
static void
control_print(FILE *out, const char *group, const struct control_part *at, size_t count,
              struct score_part *parts)
{
    json_t *name = call_text(at->name);
    char *quoted = json_dumps(name, JSON_ENCODE_ANY);
    struct control_part sum = {.name = NULL};

    json_decref(name);
    for (size_t i = 0; i < count; i++) {
        parts[i] = (struct score_part){at[i].score.percentage, at[i].score.weight};
        sum.score.max += at[i].score.max;
        sum.score.current += at[i].score.current;
        sum.score.weight += at[i].score.weight;
        sum.healthy += at[i].healthy;
        sum.unhealthy += at[i].unhealthy;
        sum.not_applicable += at[i].not_applicable;
    }
    sum.score.percentage = score_of_several(parts, count);
    fprintf(out,
            "{\"id\":\"/providers/Microsoft.Management/managementGroups/%s/providers/"
            "Microsoft.Security/secureScores/ascScore/secureScoreControls/%.*s,\"name\":%s,"
            "\"type\":\"Microsoft.Security/secureScores/secureScoreControls\",\"properties\":{"
            "\"displayName\":%s,\"healthyResourceCount\":%lld,\"unhealthyResourceCount\":%lld,"
            "\"notApplicableResourceCount\":%lld,\"score\":{\"max\":%lld,\"current\":%.12g,"
            "\"percentage\":%.4g},\"weight\":%lld}}",
            group, quoted == NULL ? 0 : (int)strlen(quoted) - 1, quoted == NULL ? "" : quoted + 1,
            quoted == NULL ? "null" : quoted, at->display, (long long)sum.healthy,
            (long long)sum.unhealthy, (long long)sum.not_applicable, (long long)sum.score.max,
            score_points(sum.score.current), score_share(sum.score.percentage),
            (long long)sum.score.weight);
    free(quoted);
}

/* The page behind 'after', and where the next one begins. */
static void
controls_answer(struct arm_call *a, const char *group, const struct controls *c, size_t top,
                const char *after, struct http_reply *reply)
{
    struct score_part *parts = calloc(c->count + 1, sizeof *parts);
    char *text = NULL, next[512] = "";
    size_t size = 0, n, shown = 0;
    FILE *out = open_memstream(&text, &size);

    if (parts == NULL || out == NULL) {
        if (out != NULL)
            fclose(out);
        free(text);
        free(parts);
        arm_error_memory(reply);
        return;
    }
    fputc('[', out);
    for (size_t i = 0; i < c->count; i += n) {
        for (n = 1; i + n < c->count && strcasecmp(c->at[i].name, c->at[i + n].name) == 0;)
            n++;
        if (after[0] != '\0' && strncasecmp(c->at[i].name, after, PLACE_MAX) <= 0)
            continue;
        if (shown == top) {
            snprintf(next, sizeof next, "%.*s", PLACE_MAX, c->at[i - 1].name);
            break;
        }
        if (shown++ > 0)
            fputc(',', out);
        control_print(out, group, &c->at[i], n, parts);
    }
    fputc(']', out);
    free(parts);
    bool is_fine = !ferror(out);

    if (fclose(out) != 0 || !is_fine) {
        free(text);
        text = NULL;
    }
    arm_reply_list_text(a, reply, text, size, next);
}

void
management_controls_list(struct arm_call *a, struct http_reply *reply)
{
    struct posture *p = posture_of(a, reply);
    struct management_below b = {.ids = NULL};
    struct controls c = {.at = NULL};
    char after[512];
    size_t top;
    struct err err;
    enum status st = ST_OK;

    if (p == NULL || !arm_page_size(a, &top, reply) ||
        !arm_page_after(a, after, sizeof after, reply))
        return;
    if (http_query(a->base.request, "$expand") != NULL) {
        arm_error(reply, 400, "InvalidQueryParameter", "$expand", NULL,
                  "The controls of a management group have nothing to expand.");
        return;
    }
    if (!below_read(a, &b, reply))
        return;
    if (a->arguments[1][0] != '\0' && strcasecmp(a->arguments[1], "ascScore") != 0) {
        *strrchr(a->id, '/') = '\0';
        posture_reply_absent(reply, a->id);
        free(b.ids);
        return;
    }
    for (size_t i = 0; i < b.count && st == ST_OK; i++)
        st = controls_read(a, p, b.ids[i], &c, &err);
    free(b.ids);
    if (st == ST_OK) {
        if (c.count > 0)
            qsort(c.at, c.count, sizeof *c.at, control_order);
        controls_answer(a, b.group, &c, top, after, reply);
    } else {
        arm_error_status(reply, st, &err);
    }
    controls_free(&c);
}
