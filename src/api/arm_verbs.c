#include "api/arm_verbs.h"
#include "base/log.h"

void
arm_verbs_place(const struct arm_call *a, const struct arm_verbs *v, struct arm_placed *p)
{
    const char *subscription = a->subscription;

    if (v->keeps_case && strlen(a->id) > 50)
        subscription = a->id + strlen("/subscriptions/");
    snprintf(p->id, sizeof p->id, "/subscriptions/%.36s/resourceGroups/%s/providers/%s/%s",
             subscription, a->resource_group, v->provider, a->arguments[0]);
    p->place = (struct automation_place){.tenant = a->base.tenant,
                                         .subscription = a->subscription,
                                         .id = p->id,
                                         .group = a->resource_group,
                                         .name = a->arguments[0]};
}

void
arm_verbs_reply(struct arm_call *a, const struct arm_verbs *v, struct automations_reply *from,
                struct http_reply *reply)
{
    struct err err = {""};

    if (from->has_changed && a->base.api->plan_changed(a->base.api->app, &err) != ST_OK) {
        automations_reply_free(from);
        log_line(LOG_WARN, "api", "%s was stored but is not in force yet: %s", v->noun, err.text);
        arm_error(reply, 500, "InternalServerError", NULL, NULL,
                  "Unexpected failure; retry with the same request.");
        return;
    }
    if (from->status >= 400 && strcmp(from->code, "StoreFailed") == 0) {
        arm_error_status(reply, from->status == 503 ? ST_IO : ST_INVALID, &from->err);
    } else if (from->status >= 400) {
        arm_error(reply, from->status, from->code, from->target[0] == '\0' ? NULL : from->target,
                  json_incref(from->details), "%s", from->err.text);
    } else if (from->status == 204) {
        reply->status = 204;
    } else {
        if (v->show != NULL)
            v->show(a, from->tree);
        arm_reply(reply, from->status, json_incref(from->tree));
        if (from->etag[0] != '\0')
            call_header(reply, "ETag", from->etag);
    }
    automations_reply_free(from);
}

static void
list(struct arm_call *a, const struct arm_verbs *v, const char *group, struct http_reply *reply)
{
    struct automation_place place = {
        .tenant = a->base.tenant, .subscription = a->subscription, .group = group};
    struct automations_reply from;
    char after[400], next[400];
    size_t count, i;
    json_t *one;

    if (!arm_page_size(a, &count, reply) || !arm_page_after(a, after, sizeof after, reply))
        return;
    v->list(a->base.control, &place, after, count, ARM_PAGE_BYTES, next, &from);
    if (from.status != 200) {
        arm_verbs_reply(a, v, &from, reply);
        return;
    }
    json_array_foreach(from.tree, i, one)
    {
        if (v->show != NULL)
            v->show(a, one);
    }
    arm_reply_list(a, reply, json_incref(from.tree), next);
    automations_reply_free(&from);
}

void
arm_verbs_list_all(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply)
{
    list(a, v, "", reply);
}

void
arm_verbs_list(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply)
{
    if (arm_group_is_there(a, reply))
        list(a, v, a->resource_group, reply);
}

void
arm_verbs_get(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply)
{
    struct automations_reply from;
    struct arm_placed p;

    if (!arm_group_is_there(a, reply))
        return;
    arm_verbs_place(a, v, &p);
    v->get(a->base.control, &p.place, &from);
    arm_verbs_reply(a, v, &from, reply);
}

void
arm_verbs_put(struct arm_call *a, const struct arm_verbs *v, bool is_patch, bool is_validation,
              struct http_reply *reply)
{
    struct automations_put put = {.is_patch = is_patch, .is_validation = is_validation};
    struct automations_reply from;
    struct arm_placed p;
    json_t *body;

    if (!arm_group_is_there(a, reply))
        return;
    body = arm_body(a, reply);
    if (body == NULL)
        return;
    if (!v->checks_tags || arm_tags_check(json_object_get(body, "tags"), reply)) {
        arm_verbs_place(a, v, &p);
        put.place = p.place;
        put.body = body;
        put.if_match = http_header(a->base.request, "If-Match");
        put.if_none_match = http_header(a->base.request, "If-None-Match");
        put.may = v->may;
        put.app = a;
        put.now = call_now(&a->base);
        v->put(a->base.control, &put, &from);
        arm_verbs_reply(a, v, &from, reply);
    }
    json_decref(body);
}

void
arm_verbs_delete(struct arm_call *a, const struct arm_verbs *v, struct http_reply *reply)
{
    struct automations_reply from;
    struct arm_placed p;

    if (!arm_group_is_there(a, reply))
        return;
    arm_verbs_place(a, v, &p);
    v->remove(a->base.control, &p.place, http_header(a->base.request, "If-Match"), &from);
    arm_verbs_reply(a, v, &from, reply);
}
