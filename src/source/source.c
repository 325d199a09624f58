#include "source/source.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { PAUSE_MS_MIN = 100, PAUSE_MS_MAX = 30000, STUCK_MS = 60000 };

/* ==== kinds and their settings */

static const struct source_setting http_settings[] = {{0}};

static enum status
http_check(const struct source_value *values, size_t count, struct err *err)
{
    (void)values;
    (void)count;
    (void)err;
    return ST_OK;
}

const struct source_kind source_http = {
    .name = "http",
    .help = "Records posted to /ingest/v1; always there, needs no settings.",
    .settings = http_settings,
    .check = http_check,
};

static const struct source_setting *
find_setting(const struct source_kind *kind, const char *name)
{
    for (const struct source_setting *s = kind->settings; s->name != NULL; s++) {
        if (strcmp(s->name, name) == 0)
            return s;
    }
    return NULL;
}

const char *
source_value_get(const struct source_kind *kind, const struct source_value *values, size_t count,
                 const char *name)
{
    const struct source_setting *s = find_setting(kind, name);

    assert(s != NULL);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(values[i].name, name) == 0)
            return values[i].value;
    }
    return s->default_value;
}

enum status
source_check(const struct source_kind *kind, const struct source_value *values, size_t count,
             struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (find_setting(kind, values[i].name) == NULL)
            return err_set(err, ST_INVALID, "a source of kind %s has no setting %s", kind->name,
                           values[i].name);
    }
    for (const struct source_setting *s = kind->settings; s->name != NULL; s++) {
        if (!s->is_optional && source_value_get(kind, values, count, s->name) == NULL)
            return err_set(err, ST_INVALID, "a source of kind %s needs the setting %s: %s",
                           kind->name, s->name, s->help);
    }
    return kind->check(values, count, err);
}

enum status
source_number(const struct source_kind *kind, const struct source_value *values, size_t count,
              const char *name, uint64_t min, uint64_t max, uint64_t *number, struct err *err)
{
    const char *text = source_value_get(kind, values, count, name);
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' || *number < min || *number > max)
        return err_set(err, ST_INVALID, "%s is '%.40s': expected a whole number from %llu to %llu",
                       name, text, (unsigned long long)min, (unsigned long long)max);
    return ST_OK;
}

enum status
source_settle(const struct admit_result *result, struct source_counters *counters, struct err *err)
{
    switch (result->outcome) {
    case ADMIT_DUPLICATE:
        atomic_fetch_add(&counters->duplicates, 1);
        return ST_OK;
    case ADMIT_DURABLE:
        atomic_fetch_add(&counters->records, result->accepted);
        atomic_fetch_add(&counters->parked, result->parked);
        atomic_fetch_add(&counters->bytes, result->bytes);
        atomic_fetch_add(&counters->batches, 1);
        return ST_OK;
    case ADMIT_FAULTY:
        if (result->fault_count == 1 && result->faults[0].record == 0)
            return ST_OK; /* white space alone */
        return err_set(err, ST_INVALID, "%s", result->err.text);
    case ADMIT_LATER:
        return err_set(err, ST_FULL, "%s", result->err.text);
    case ADMIT_FAILED:
        return err_set(err, ST_IO, "%s", result->err.text);
    case ADMIT_UNKNOWN_TABLE:
    case ADMIT_TOO_LARGE:
        break;
    }
    return err_set(err, ST_INVALID, "%s", result->err.text);
}

const char *
source_state_name(enum source_state state)
{
    static const char *const names[] = {"running",  "idle",  "waiting",
                                        "retrying", "stuck", "passive"};

    return names[state];
}

/* ==== a running source */

struct source {
    const struct source_kind *kind;
    struct source_context context;
    char name[128];
    char *folder, *table;
    void *state;
    struct source_counters counters;
    atomic_bool stop;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    enum source_state now;
    int64_t last_record, last_error;
    struct err error;
};

static void
pause_ms(struct source *s, unsigned ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->stop) &&
           pthread_cond_timedwait(&s->wake, &s->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&s->lock);
}

static enum source_state
state_after(enum status st)
{
    switch (st) {
    case ST_OK:
        return SOURCE_RUNNING;
    case ST_END:
        return SOURCE_IDLE;
    case ST_FULL:
        return SOURCE_WAITING;
    case ST_IO:
        return SOURCE_RETRYING;
    case ST_INVALID:
        break;
    }
    return SOURCE_STUCK;
}

/* Notes how a step went; logs when that is news. */
static void
note(struct source *s, enum status st, const struct err *err)
{
    int64_t now = s->context.now(s->context.clock);
    enum source_state state = state_after(st);
    bool failed = state >= SOURCE_WAITING, is_news, is_over;

    pthread_mutex_lock(&s->lock);
    is_news = failed && (s->now != state || strcmp(s->error.text, err->text) != 0);
    is_over = !failed && s->now >= SOURCE_WAITING;
    s->now = state;
    if (st == ST_OK)
        s->last_record = now;
    if (failed) {
        s->last_error = now;
        s->error = *err;
    }
    pthread_mutex_unlock(&s->lock);
    if (failed)
        atomic_fetch_add(&s->counters.failures, 1);
    if (is_news)
        log_line(LOG_WARN, "source", "%s is %s: %s", s->name, source_state_name(state), err->text);
    if (is_over)
        log_line(LOG_INFO, "source", "%s goes on", s->name);
}

static void *
run(void *app)
{
    struct source *s = app;
    unsigned pause = PAUSE_MS_MIN;

    while (!atomic_load(&s->stop)) {
        struct err err = {""};
        enum status st = s->kind->step(s->state, &err);

        note(s, st, &err);
        if (st == ST_OK || st == ST_END) {
            pause = PAUSE_MS_MIN;
            if (st == ST_END && s->kind->idle_ms > 0)
                pause_ms(s, s->kind->idle_ms);
            continue;
        }
        /* Half of the pause is by chance, so that sources that failed together do not return so. */
        pause_ms(s, st == ST_INVALID ? STUCK_MS
                                     : pause / 2 + (unsigned)(clock_ticks() / 7 % (pause / 2 + 1)));
        pause = pause * 2 < PAUSE_MS_MAX ? pause * 2 : PAUSE_MS_MAX;
    }
    return NULL;
}

static void
source_free(struct source *s)
{
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s->folder);
    free(s->table);
    free(s);
}

static enum status
copy_context(struct source *s, const struct source_context *context, struct err *err)
{
    s->context = *context;
    if ((size_t)snprintf(s->name, sizeof s->name, "%s", context->name) >= sizeof s->name)
        return err_set(err, ST_INVALID, "the source name %.40s... is longer than %zu bytes",
                       context->name, sizeof s->name - 1);
    s->context.name = s->name;
    s->folder = strdup(context->folder);
    s->context.folder = s->folder;
    if (context->table != NULL)
        s->table = strdup(context->table);
    s->context.table = s->table;
    if (s->folder == NULL || (context->table != NULL && s->table == NULL))
        return err_set(err, ST_FULL, "no memory for a source");
    return folder_make(s->folder, err);
}

enum status
source_start(const struct source_kind *kind, const struct source_context *context,
             const struct source_value *values, size_t count, struct source **source,
             struct err *err)
{
    struct source *s;
    pthread_condattr_t attributes;
    enum status st = source_check(kind, values, count, err);

    if (st != ST_OK)
        return st;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ST_FULL, "no memory for a source");
    s->kind = kind;
    s->now = kind->open != NULL ? SOURCE_IDLE : SOURCE_PASSIVE;
    atomic_init(&s->counters.lag_bytes, -1);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    if ((st = copy_context(s, context, err)) != ST_OK)
        goto fail;
    if (kind->open != NULL) {
        st = kind->open(&s->context, values, count, &s->counters, &s->stop, &s->state, err);
        if (st != ST_OK)
            goto fail;
        if (pthread_create(&s->thread, NULL, run, s) != 0) {
            kind->close(s->state);
            st = err_set(err, ST_FULL, "no thread for the source %s", s->name);
            goto fail;
        }
        s->has_thread = true;
    }
    *source = s;
    return ST_OK;

fail:
    source_free(s);
    return st;
}

void
source_status_get(struct source *s, struct source_status *status)
{
    *status = (struct source_status){
        .records = atomic_load(&s->counters.records),
        .bytes = atomic_load(&s->counters.bytes),
        .batches = atomic_load(&s->counters.batches),
        .parked = atomic_load(&s->counters.parked),
        .duplicates = atomic_load(&s->counters.duplicates),
        .failures = atomic_load(&s->counters.failures),
        .lag_bytes = atomic_load(&s->counters.lag_bytes),
    };
    snprintf(status->name, sizeof status->name, "%s", s->name);
    snprintf(status->kind, sizeof status->kind, "%s", s->kind->name);
    pthread_mutex_lock(&s->lock);
    status->state = s->now;
    status->last_record = s->last_record;
    status->last_error = s->last_error;
    status->error = s->error;
    pthread_mutex_unlock(&s->lock);
}

void
source_stop(struct source *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->stop, true);
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    if (s->has_thread) {
        pthread_join(s->thread, NULL);
        s->kind->close(s->state);
    }
    source_free(s);
}
