#include "penstock/sources.h"
#include "base/clock.h"
#include "control/config.h"
#include "model/datetime.h"
#include "source/source.h"
#include "wire/json.h"
#include <stdlib.h>

struct sources {
    struct source **list;
    size_t count;
};

static int64_t
now_ticks(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static int64_t
now_ms(void *clock)
{
    (void)clock;
    return clock_monotonic_ms();
}

enum status
sources_start(const struct config *config, struct admitter *admitter, struct sources **sources,
              struct err *err)
{
    struct sources *s = calloc(1, sizeof *s);
    char folder[4200];

    if (s == NULL ||
        (s->list = calloc(config->source_count + 1, sizeof(struct source *))) == NULL) {
        free(s);
        return err_set(err, ST_FULL, "no memory for %zu sources", config->source_count);
    }
    snprintf(folder, sizeof folder, "%s/sources", config->data);
    for (size_t i = 0; i < config->source_count; i++) {
        const struct config_source *c = &config->sources[i];
        struct source_context context = {
            .name = c->name,
            .admitter = admitter,
            .folder = folder,
            .table = c->table,
            .can_park = true,
            .record_size_max = config->limits.record_size_max,
            .now = now_ticks,
            .now_ms = now_ms,
        };

        memcpy(context.tenant, c->tenant, sizeof context.tenant);
        enum status st = source_start(source_kind_find(c->kind), &context,
                                      (const struct source_value *)c->settings, c->setting_count,
                                      &s->list[s->count], err);

        if (st != ST_OK) {
            sources_stop(s);
            return st;
        }
        s->count++;
    }
    *sources = s;
    return ST_OK;
}

void
sources_stop(struct sources *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        source_stop(s->list[i]);
    free(s->list);
    free(s);
}

bool
sources_are_healthy(struct sources *s, char *text, size_t text_size)
{
    for (size_t i = 0; i < s->count; i++) {
        struct source_status status;

        source_status_get(s->list[i], &status);
        if (status.state == SOURCE_STUCK) {
            snprintf(text, text_size, "source %s: %s", status.name, status.error.text);
            return false;
        }
    }
    return true;
}

static json_t *
time_json(int64_t ticks)
{
    char text[DATETIME_TEXT_SIZE];

    if (ticks == 0)
        return json_null();
    datetime_write(text, ticks);
    return json_stringn(text, sizeof text);
}

char *
sources_status_json(struct sources *s, const struct journal_recovery *recovery)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->count; i++) {
        struct source_status x;

        source_status_get(s->list[i], &x);
        json_array_append_new(
            list,
            json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:s}", "name", x.name,
                      "kind", x.kind, "state", source_state_name(x.state), "records",
                      (json_int_t)x.records, "bytes", (json_int_t)x.bytes, "batches",
                      (json_int_t)x.batches, "parked", (json_int_t)x.parked, "duplicates",
                      (json_int_t)x.duplicates, "failures", (json_int_t)x.failures, "lagBytes",
                      (json_int_t)x.lag_bytes, "lastRecord", time_json(x.last_record), "lastError",
                      time_json(x.last_error), "error", x.error.text));
    }
    json_t *root =
        json_pack("{s:o,s:{s:I,s:I,s:I,s:I,s:I,s:s}}", "sources", list, "recovery", "segments",
                  (json_int_t)recovery->segment_count, "tornBytes",
                  (json_int_t)recovery->torn_bytes, "tornBlocks", (json_int_t)recovery->torn_blocks,
                  "quarantined", (json_int_t)recovery->quarantined_count, "quarantinedBytes",
                  (json_int_t)recovery->quarantined_bytes, "text", recovery->text);
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;

    json_decref(root);
    if (text == NULL)
        return NULL;
    size_t size = strlen(text); /* the members alone, without the braces around them */

    memmove(text, text + 1, size - 2);
    text[size - 2] = '\0';
    return text;
}
