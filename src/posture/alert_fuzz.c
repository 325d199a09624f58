/* alert_fuzz.c - any checked JSON as an alert and as a suppression rule: what is kept, delivered and shown is
 * JSON again, and what was delivered is kept the same when it comes back. The input is split at its first
 * NUL: alert, then rule. */
#include "posture/alert_text.h"
#include "posture/suppression.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must_be_json(struct span text)
{
    struct err err;
    uint64_t hash;

    if (json_text_check(text, NULL, 1, &hash, &err) == ST_OK)
        return;
    fprintf(stderr, "%s: %.*s\n", err.text, (int)text.n, text.p);
    abort();
}

static bool
is_object(struct span text)
{
    struct err err;
    uint64_t hash;

    return json_text_check(text, NULL, 1, &hash, &err) == ST_OK && json_text_is_object(text);
}

static void
try_alert(struct span body, struct text *kept)
{
    const struct alert_defaults d = {
        .name = SPAN_LITERAL("n"), .scope = SPAN_LITERAL("/s"), .now = 1};
    struct text delivered = {0}, showed = {0}, again = {0};

    alert_keep(body, &d, kept);
    must_be_json(text_span(kept));
    alert_deliver(text_span(kept), &delivered);
    must_be_json(text_span(&delivered));
    alert_show(text_span(kept), &showed);
    must_be_json(text_span(&showed));
    alert_keep(text_span(&delivered), &d, &again);
    must_be_json(text_span(&again));
    text_free(&delivered);
    text_free(&showed);
    text_free(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *nul = size > 0 ? memchr(text, '\0', size) : NULL;
    struct span body = {text, nul != NULL ? (size_t)(nul - text) : size};
    struct span rule = {nul != NULL ? nul + 1 : "", nul != NULL ? size - body.n - 1 : 0};
    struct text kept = {0};

    if (is_object(body) &&
        (alert_is_flat(body) || json_text_is_object(json_at(body, "properties")))) {
        try_alert(body, &kept);
        if (is_object(rule))
            (void)suppression_rule_covers(rule, text_span(&kept), 7);
    }
    text_free(&kept);
    return 0;
}
