/* devices_thread_test.c - six threads learn, ask, regroup, list, save and load at once; no answer
 * may ever be one that no state between the calls had. Run under the thread sanitizer too. */
#include "base/test.h"
#include "source/devices.h"
#include <pthread.h>
#include <unistd.h>

enum { DEVICES = 200, ROUNDS = 3000 };
static const char *const tenants[] = {"7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef",
                                      "00000000-0000-0000-0000-00000000000b"};

struct shared {
    struct devices *devices;
    const char *path;
};
struct worker {
    struct shared *shared;
    pthread_t thread;
    int number, wrong;
};

/* Tenant t's groups are named t-..., so that a name of the other tenant shows. */
static bool
is_group_of(int tenant, const char *group)
{
    return strcmp(group, "UnassignedGroup") == 0 || (group[0] == '0' + tenant && group[1] == '-');
}

static void *
learn(void *app)
{
    struct worker *w = app;

    for (int i = 0; i < ROUNDS; i++) {
        char id[16], name[64];
        int tenant = (i + w->number) % 2;

        snprintf(id, sizeof id, "d%d", i % DEVICES);
        snprintf(name, sizeof name, "%s%d.example", i % 3 == 0 ? "ws" : "srv", i % 7);
        struct device_facts f = {.id = span_of(id), .name = span_of(name)};

        w->wrong += devices_learn(w->shared->devices, tenants[tenant], &f, i) != ST_OK;
        devices_alert_learn(w->shared->devices, tenants[tenant], span_of(name), span_of(id));
    }
    return NULL;
}

static void *
ask(void *app)
{
    struct worker *w = app;
    char group[257];

    for (int i = 0; i < ROUNDS * 4; i++) {
        char id[16];
        int tenant = i % 2;

        snprintf(id, sizeof id, "d%d", i % (DEVICES + 10));
        devices_group(w->shared->devices, tenants[tenant], span_of(id), group);
        w->wrong += !is_group_of(tenant, group);
        if (devices_alert_group(w->shared->devices, tenants[tenant], SPAN_LITERAL("ws3.example"),
                                group))
            w->wrong += !is_group_of(tenant, group);
    }
    return NULL;
}

static void *
regroup(void *app)
{
    struct worker *w = app;
    struct err err;

    for (int i = 0; i < ROUNDS / 4; i++) {
        int tenant = i % 2;
        char name[32];
        const char *values[] = {i % 3 == 0 ? "ws" : "srv"};
        struct device_rule rule = {DEVICE_NAME, OPERATOR_STARTS_WITH, values, 1};
        struct device_group g = {.name = name, .rank = 1, .rules = &rule, .rule_count = 1};

        snprintf(name, sizeof name, "%d-%d", tenant, i);
        w->wrong +=
            devices_set_groups(w->shared->devices, tenants[tenant], &g, i % 5 != 0, &err) != ST_OK;
    }
    return NULL;
}

static bool
look(void *app, const struct device_view *v)
{
    struct worker *w = app;

    w->wrong += !is_group_of(strcmp(v->tenant, tenants[0]) != 0, v->group) || v->id[0] != 'd';
    return true;
}

static void *
list(void *app)
{
    struct worker *w = app;

    for (int i = 0; i < ROUNDS / 20; i++)
        devices_visit(w->shared->devices, i % 3 == 2 ? NULL : tenants[i % 2], look, w);
    return NULL;
}

static void *
save(void *app)
{
    struct worker *w = app;
    uint64_t position = 0;
    struct err err;

    for (int i = 0; i < 15; i++) {
        w->wrong += devices_save(w->shared->devices, w->shared->path, 42, &err) != ST_OK;
        w->wrong += devices_load(w->shared->devices, w->shared->path, &position, &err) != ST_OK ||
                    position != 42;
    }
    return NULL;
}

int
main(void)
{
    static void *(*const work[])(void *) = {learn, learn, ask, regroup, list, save};
    char folder[] = "/tmp/devices_thread.XXXXXX", path[64];
    struct shared shared = {.path = path};
    struct worker workers[COUNT_OF(work)];
    struct err err;

    CHECK(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/devices", folder);
    CHECK(devices_make(1000, &shared.devices, &err) == ST_OK, "%s", err.text);
    for (size_t i = 0; i < COUNT_OF(work); i++) {
        workers[i] = (struct worker){.shared = &shared, .number = (int)i};
        CHECK(pthread_create(&workers[i].thread, NULL, work[i], &workers[i]) == 0, "thread %zu", i);
    }
    for (size_t i = 0; i < COUNT_OF(work); i++) {
        pthread_join(workers[i].thread, NULL);
        CHECK(workers[i].wrong == 0, "thread %zu: %d wrong", i, workers[i].wrong);
    }
    CHECK(devices_count(shared.devices, NULL) == (size_t)DEVICES * 2 &&
              devices_refused(shared.devices) == 0,
          "%zu devices", devices_count(shared.devices, NULL));
    devices_free(shared.devices);
    unlink(path);
    rmdir(folder);
    return test_end();
}
