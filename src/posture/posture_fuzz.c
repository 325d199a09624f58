/* posture_fuzz.c - one item: its id up to the first line feed, its body behind it. What is taken is
 * unchanged when it is reported again, is read back as JSON, and made an event that is JSON. */
#include "base/clock.h"
#include "posture/json_text.h"
#include "posture/posture.h"
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TENANT "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"
#define A1                                                                                         \
    "/subscriptions/3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610/providers/Microsoft.Security/"            \
    "assessments/a"

static int64_t
now(void *clock)
{
    (void)clock;
    return TICKS_AT_UNIX_EPOCH;
}

static struct posture *
posture(void)
{
    static struct posture *p;
    static char path[100];
    struct err err;

    if (p != NULL)
        return p;
    snprintf(path, sizeof path, "/dev/shm/posture_fuzz.%d.db", (int)getpid());
    const struct posture_options o = {.path = path, .cache_size = 8 << 20, .now = now};

    if (posture_open(&o, &p, &err) != ST_OK) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    unlink(path); /* gone with the process */
    return p;
}

static enum posture_outcome
apply(struct span id, struct span body, bool is_delete)
{
    const struct posture_item item = {id, body, is_delete};
    struct posture_result r;
    struct err err;

    if (posture_apply(posture(), TENANT, "fuzz", &item, 1, &r, &err) != ST_OK)
        abort();
    if (r.outcome == POSTURE_REFUSED && (r.code[0] == '\0' || r.message.text[0] == '\0'))
        abort();
    return r.outcome;
}

static void
check_event(void *app, const struct posture_event *e)
{
    uint64_t hash;
    struct err err;

    if (json_text_check(e->document, NULL, 0, &hash, &err) != ST_OK || e->scope.n == 0)
        abort();
    *(bool *)app = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = memchr(text, '\n', size);
    struct span id = SPAN_LITERAL(A1), body = {text, size};
    uint64_t last, hash;
    bool is_event = false;
    char *answer;
    size_t answer_size;
    struct err err;

    if (line != NULL) {
        body = (struct span){line + 1, size - (size_t)(line + 1 - text)};
        if (line > text)
            id = (struct span){text, (size_t)(line - text)};
    }
    enum posture_outcome first = apply(id, body, false);

    if (first == POSTURE_REFUSED)
        return 0;
    if (apply(id, body, false) != POSTURE_UNCHANGED)
        abort();
    if (posture_get(posture(), TENANT, id, true, &answer, &answer_size, &err) != ST_OK ||
        json_text_check((struct span){answer, answer_size}, NULL, 0, &hash, &err) != ST_OK)
        abort();
    free(answer);
    if (posture_outbox_read(posture(), 1000, SIZE_MAX, check_event, &is_event, &last, &err) !=
            ST_OK ||
        (last > 0 && posture_outbox_drop(posture(), last, &err) != ST_OK))
        abort();
    if (id.n == sizeof A1 - 1 && first == POSTURE_CREATED && !is_event)
        abort();
    if (apply(id, (struct span){"", 0}, true) != POSTURE_DELETED ||
        apply(id, (struct span){"", 0}, true) != POSTURE_ABSENT)
        abort();
    return 0;
}
