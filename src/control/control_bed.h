/* control_bed.h - what the tests of control share: a control with a store and a key in a folder of its own. */
#pragma once
#include "base/test.h"
#include "control/config.h"
#include "control/kinds_for_tests.h"
#include "control/secrets.h"
#include "control/store.h"
#include <unistd.h>

/* Without a configuration yet. Ends the test if there is something that it cannot open. */
static inline void
control_bed_open(struct control *c, const char *folder)
{
    char path[200];
    struct err err = {""};

    c->catalog = &catalog_builtin;
    c->kinds = &test_kinds;
    snprintf(path, sizeof path, "%s/store.db", folder);
    CHECK(store_open(path, &c->store, &err) == ST_OK, "%s", err.text);
    snprintf(path, sizeof path, "%s/secret.key", folder);
    CHECK(secrets_open(path, true, &c->secrets, &err) == ST_OK, "%s", err.text);
    if (test_failed > 0)
        exit(test_end());
}

/* What it opened is closed and gone; the folder stays. */
static inline void
control_bed_close(struct control *c, const char *folder)
{
    static const char *const files[] = {"store.db", "secret.key"};
    char path[200];

    store_close(c->store);
    secrets_close(c->secrets);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
}

/* A folder, the control in it, and its configuration, made ready. */
static inline void
control_bed_begin(struct control *c, char *folder, const char *configuration)
{
    struct config *config = NULL;
    char made[400];
    struct err err = {""};

    if (mkdtemp(folder) == NULL)
        exit(1);
    control_bed_open(c, folder);
    CHECK(config_read_text(span_of(configuration), "t.yaml", folder, &test_kinds, &config, &err) ==
              ST_OK,
          "%s", err.text);
    c->config = config;
    if (test_failed > 0)
        exit(test_end());
    CHECK(control_prepare(c, 1, made, &err) == ST_OK, "%s", err.text);
}

/* And away with it all. */
static inline void
control_bed_end(struct control *c, const char *folder)
{
    control_bed_close(c, folder);
    config_free((struct config *)(uintptr_t)c->config);
    CHECK(rmdir(folder) == 0, "cleared");
}
