#include "penstock/kinds.h"
#include "sink/sink.h"
#include "source/device_groups_json.h"
#include "source/source.h"
#include "workspace/workspace.h"
#include <pthread.h>

enum { KINDS_MAX = 16, SETTINGS_MAX = 40 };

static struct control_setting settings[2 * KINDS_MAX][SETTINGS_MAX + 1];
static struct control_kind sinks[KINDS_MAX], sources[KINDS_MAX];
static struct control_kinds kinds;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* plan_setting and sink_value are the same pair of texts under two names, since neither folder may
 * include the other. */
_Static_assert(sizeof(struct plan_setting) == sizeof(struct sink_value), "same pair");
_Static_assert(sizeof(struct plan_setting) == sizeof(struct source_value), "same pair");

static enum status
check_sink(void *app, const char *kind, const struct plan_setting *values, size_t count,
           struct err *err)
{
    const struct sink_kind *k = sink_kind_find(kind);

    (void)app;
    if (k == NULL)
        return err_set(err, ST_INVALID, "there is no sink kind '%s'", kind);
    return sink_check(k, (const struct sink_value *)values, count, err);
}

static enum status
check_source(void *app, const char *kind, const struct plan_setting *values, size_t count,
             struct err *err)
{
    const struct source_kind *k = source_kind_find(kind);

    (void)app;
    if (k == NULL)
        return err_set(err, ST_INVALID, "there is no source kind '%s'", kind);
    return source_check(k, (const struct source_value *)values, count, err);
}

static enum status
check_groups(void *app, struct span json, struct err *err)
{
    (void)app;
    return device_groups_validate(json, err);
}

static void
fill(void)
{
    size_t n = 0;

    for (; sink_kinds[n] != NULL && n < KINDS_MAX; n++) {
        sinks[n] = (struct control_kind){sink_kinds[n]->name, sink_kinds[n]->help, settings[n]};
        for (size_t i = 0; sink_kinds[n]->settings[i].name != NULL && i < SETTINGS_MAX; i++) {
            const struct sink_setting *s = &sink_kinds[n]->settings[i];

            settings[n][i] = (struct control_setting){
                s->name, s->help, s->default_value, s->is_optional, s->is_secret, s->is_file};
        }
    }
    size_t m = 0;

    for (; source_kinds[m] != NULL && m < KINDS_MAX; m++) {
        struct control_setting *to = settings[KINDS_MAX + m];

        sources[m] = (struct control_kind){source_kinds[m]->name, source_kinds[m]->help, to};
        for (size_t i = 0; source_kinds[m]->settings != NULL &&
                           source_kinds[m]->settings[i].name != NULL && i < SETTINGS_MAX;
             i++) {
            const struct source_setting *s = &source_kinds[m]->settings[i];

            to[i] = (struct control_setting){s->name,        s->help,      s->default_value,
                                             s->is_optional, s->is_secret, false};
        }
    }
    kinds = (struct control_kinds){
        .sinks = sinks,
        .sink_count = n,
        .sources = sources,
        .source_count = m,
        .has_workspaces = workspace_is_built(),
        .check_sink = check_sink,
        .check_source = check_source,
        .check_groups = check_groups,
    };
}

const struct control_kinds *
kinds_get(void)
{
    pthread_once(&once, fill);
    return &kinds;
}
