/* posture_bed.h - what the tests of this folder share: a store in a file of its own with a clock that they
 * set, resources of one invented machine, and the outbox as lines. Tests only. */
#pragma once
#include "base/clock.h"
#include "base/test.h"
#include "posture/file_bed.h"
#include "posture/json_text.h"
#include "posture/posture.h"
#include <stdatomic.h>

#define TENANT "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"
#define OTHER "11111111-90d3-4f3e-8a55-1d2f6b9c0e11"
#define SUB "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
#define VM SUB "/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/vm-web-01"
#define SEC "/providers/Microsoft.Security"
#define A1 VM SEC "/assessments/a1"
#define META                                                                                       \
    "{\"properties\":{\"displayName\":\"D\",\"severity\":\"High\",\"assessmentType\":\"BuiltIn\"}" \
    "}"
#define STATE(code) "{\"properties\":{\"status\":{\"code\":\"" code "\"}}}"
#define FINDING(code, text)                                                                        \
    "{\"properties\":{\"displayName\":\"" text "\",\"status\":{\"code\":\"" code                   \
    "\",\"severity\":\"low\"},\"timeGenerated\":\"2026-05-12T08:41:05.1190002Z\"}}"

static struct err err;
static int64_t ticks;
static bool wants_nothing;
static const char *bed_portal; /* for links; NULL: none */

static inline int64_t
now(void *clock)
{
    (void)clock;
    return ticks;
}

static inline bool
is_wanted(void *app, const char *tenant, enum event_source source)
{
    (void)app;
    (void)tenant;
    (void)source;
    return !wants_nothing;
}

static inline struct posture *
open_again(uint64_t outbox_size_max)
{
    const struct posture_options o = {.path = path(),
                                      .cache_size = 4 << 20,
                                      .now = now,
                                      .is_wanted = is_wanted,
                                      .portal = bed_portal,
                                      .outbox_size_max = outbox_size_max};
    struct posture *p = NULL;

    if (posture_open(&o, &p, &err) != ST_OK) {
        printf("cannot open: %s\n", err.text);
        exit(1);
    }
    return p;
}

static inline struct posture *
open_new(void)
{
    remove_file();
    ticks = TICKS_AT_UNIX_EPOCH + 1780000000 * TICKS_PER_SECOND;
    wants_nothing = false;
    return open_again(0);
}

static inline struct posture_result
put_for(struct posture *p, const char *tenant, const char *id, const char *body)
{
    struct posture_result r = {0};
    const struct posture_item item = {span_of(id), span_of(body != NULL ? body : ""), body == NULL};

    ticks += TICKS_PER_SECOND;
    if (posture_apply(p, tenant, "test", &item, 1, &r, &err) != ST_OK) {
        CHECK(false, "%s: %s", id, err.text);
        r.outcome = (enum posture_outcome)99;
    }
    return r;
}

static inline struct posture_result
put(struct posture *p, const char *id, const char *body)
{
    return put_for(p, TENANT, id, body);
}

/* What waits in the outbox as one line per event, and drops it. */
struct seen {
    struct text lines, last;
};

static inline void
see(void *app, const struct posture_event *e)
{
    struct seen *s = app;
    struct span action = json_at(e->document, "securityEventDataEnrichment.action");
    struct span name = json_at(e->document, "name");
    struct span code = json_at(e->document, "properties.status.code");

    text_addf(&s->lines, "%s %.*s %.*s %.*s\n", event_source_rows[e->source].name, (int)name.n,
              name.p, (int)action.n, action.p, (int)code.n, code.p);
    text_reset(&s->last);
    text_add(&s->last, e->document);
    text_add(&s->last, (struct span){"", 1});
}

static inline const char *
events(struct posture *p, struct seen *s)
{
    uint64_t last;

    text_reset(&s->lines);
    if (posture_outbox_read(p, 10000, 100 << 20, see, s, &last, &err) != ST_OK)
        return err.text;
    if (last > 0 && posture_outbox_drop(p, last, &err) != ST_OK)
        return err.text;
    text_add(&s->lines, (struct span){"", 1});
    return s->lines.p;
}

static inline void
seen_free(struct seen *s)
{
    text_free(&s->lines);
    text_free(&s->last);
}

#define EXPECT(p, s, want)                                                                         \
    do {                                                                                           \
        const char *got_ = events(p, s);                                                           \
        CHECK(strcmp(got_, want) == 0, "wanted\n%sgot\n%s", want, got_);                           \
    } while (0)
