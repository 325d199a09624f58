/* source_thread_test.c - the thread that runs a source: it steps, backs off, says how it is, and
 * ends when told. */
#include "base/clock.h"
#include "base/test.h"
#include "source/source.h"
#include <sched.h>
#include <unistd.h>

enum { SCRIPT_MAX = 8 };

/* A kind whose steps answer from a script, then ST_END; it counts them. */
static struct {
    enum status script[SCRIPT_MAX];
    atomic_uint steps, closes, opens;
    bool open_fails;
} fake;

static const struct source_setting fake_settings[] = {
    {"color", "Any.", NULL, false, false},
    {"size",   "Number", "five", false, false},
    {0 },
};

static enum status
fake_check(const struct source_value *values, size_t count, struct err *err)
{
    (void)values, (void)count, (void)err;
    return ST_OK;
}

static enum status
fake_open(const struct source_context *context, const struct source_value *values, size_t count,
          struct source_counters *counters, const atomic_bool *stop, void **state, struct err *err)
{
    (void)context, (void)values, (void)count, (void)stop;
    if (fake.open_fails)
        return err_set(err, ST_IO, "does not open");
    atomic_fetch_add(&fake.opens, 1);
    *state = counters;
    return ST_OK;
}

static enum status
fake_step(void *state, struct err *err)
{
    struct source_counters *counters = state;
    unsigned n = atomic_fetch_add(&fake.steps, 1);
    enum status st = n < SCRIPT_MAX ? fake.script[n] : ST_END;

    if (st == ST_OK)
        atomic_fetch_add(&counters->records, 1);
    else if (st != ST_END)
        err_set(err, st, "step %u", n);
    return st;
}

static void
fake_close(void *state)
{
    (void)state;
    atomic_fetch_add(&fake.closes, 1);
}

static const struct source_kind kind = {
    .name = "fake",
    .settings = fake_settings,
    .idle_ms = 1,
    .check = fake_check,
    .open = fake_open,
    .step = fake_step,
    .close = fake_close,
};

static int64_t
now(void *clock)
{
    (void)clock;
    return 7;
}

static void
wait_for(unsigned steps)
{
    while (atomic_load(&fake.steps) < steps)
        sched_yield();
}

int
main(void)
{
    char folder[] = "/tmp/penstock_source_XXXXXX";
    struct source_value values[] = {
        {"color", "red"}
    };
    struct source_context context = {.name = "fake one", .now = now, .now_ms = now};
    struct source *s;
    struct source_status status;
    struct err err = {""};

    if (mkdtemp(folder) == NULL)
        return 1;
    context.folder = folder;
    CHECK(source_start(&kind, &context, NULL, 0, &s, &err) == ST_INVALID, "needs its setting");
    CHECK(strcmp(source_value_get(&kind, values, 1, "size"), "five") == 0, "default");
    fake.open_fails = true;
    CHECK(source_start(&kind, &context, values, 1, &s, &err) == ST_IO &&
              strcmp(err.text, "does not open") == 0,
          "%s", err.text);
    fake.open_fails = false;

    /* taken, failed, taken again: the failure is remembered, the state goes on */
    fake.script[0] = ST_OK;
    fake.script[1] = ST_IO;
    fake.script[2] = ST_OK;
    for (int i = 3; i < SCRIPT_MAX; i++)
        fake.script[i] = ST_END;
    CHECK(source_start(&kind, &context, values, 1, &s, &err) == ST_OK, "%s", err.text);
    wait_for(SCRIPT_MAX);
    source_status_get(s, &status);
    CHECK(status.state == SOURCE_IDLE && status.records == 2 && status.failures == 1,
          "%s, %lu, %lu", source_state_name(status.state), (unsigned long)status.records,
          (unsigned long)status.failures);
    CHECK(strcmp(status.error.text, "step 1") == 0 && status.last_error == 7 &&
              status.last_record == 7,
          "%s", status.error.text);
    CHECK(strcmp(status.name, "fake one") == 0 && strcmp(status.kind, "fake") == 0, "names");
    source_stop(s);
    CHECK(atomic_load(&fake.closes) == 1, "closed");

    /* stuck for a minute, yet it ends at once */
    atomic_store(&fake.steps, 0);
    fake.script[0] = ST_INVALID;
    CHECK(source_start(&kind, &context, values, 1, &s, &err) == ST_OK, "%s", err.text);
    wait_for(1);
    do
        source_status_get(s, &status);
    while (status.state != SOURCE_STUCK);

    int64_t start = clock_monotonic_ms();

    source_stop(s);
    CHECK(clock_monotonic_ms() - start < 5000, "ends at once");
    CHECK(atomic_load(&fake.steps) == 1, "stepped once");
    CHECK(atomic_load(&fake.closes) == 2 && atomic_load(&fake.opens) == 2, "closed");

    /* passive */
    CHECK(source_start(&source_http, &context, NULL, 0, &s, &err) == ST_OK, "%s", err.text);
    source_status_get(s, &status);
    CHECK(status.state == SOURCE_PASSIVE, "%s", source_state_name(status.state));
    source_stop(s);
    source_stop(NULL);
    rmdir(folder);
    return test_end();
}
