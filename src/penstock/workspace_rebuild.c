/* workspace_rebuild.c - a damaged workspace comes anew out of the journal.
 *
 * The exports that fill the file are set back to their beginning: without a ledger (and without a note among those at rest) an
 * export starts at the first record that it is for and that the journal still has, as when it was made. The file is
 * moved aside after that. So a kill in between leaves a file that cannot be opened and exports that wait for it, and the
 * command, given again, goes on; and what fills the new file is what fills it every day, exactly once. */
#include "base/clock.h"
#include "base/file.h"
#include "control/config.h"
#include "control/plan_build.h"
#include "control/resource.h"
#include "control/secrets.h"
#include "control/store.h"
#include "control/workspaces.h"
#include "deliver/ledger.h"
#include "deliver/rest.h"
#include "kql/value.h"
#include "penstock/kinds.h"
#include "penstock/workspace_command.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct rebuilding {
    const struct workspace_command *o;
    struct config *config;
    struct catalog catalog;
    char *catalog_memory;
    int lock_fd;
    struct store *store;
    struct secrets *secrets;
    struct plan *plan;
    char path[WORKSPACE_PATH_MAX]; /* without links */
    unsigned exports;
};

/* The path as workspaces know it: its folder without links. */
static bool
path_without_links(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');
    char folder[WORKSPACE_PATH_MAX], *real;
    int n;

    if (strlen(path) >= sizeof folder)
        return false;
    snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
             slash != NULL ? path : ".");
    real = realpath(folder, NULL);
    if (real == NULL)
        return false;
    n = snprintf(out, room, "%s/%s", real, slash != NULL ? slash + 1 : path);
    free(real);
    return n > 0 && (size_t)n < room;
}

/* ---- what there is ---- */

static enum status
state_open(struct rebuilding *r, struct err *err)
{
    const struct workspace_command *o = r->o;
    const char *environment = getenv("PENSTOCK_DATA"), *data = o->client.data;
    char path[4200], what[4200];
    enum status st;

    /* as the daemon finds it */
    if (o->config == NULL || (environment != NULL && environment[0] != '\0'))
        data = client_data_folder(data);
    st = config_read(o->config, data, kinds_get(), &r->config, err);

    if (st == ST_OK)
        st = config_catalog(r->config, &catalog_builtin, &r->catalog, &r->catalog_memory, err);
    if (st != ST_OK)
        return st;
    snprintf(path, sizeof path, "%s/lock", r->config->data);
    snprintf(what, sizeof what, "the data folder %s: stop it first", r->config->data);
    st = file_lock_take(path, what, &r->lock_fd, err);
    if (st != ST_OK)
        return st;
    snprintf(path, sizeof path, "%s/store.db", r->config->data);
    if (access(path, F_OK) != 0)
        return err_set(err, ST_IO, "%.200s is no data folder of a daemon: name it with --data",
                       r->config->data);
    st = store_open(path, &r->store, err);
    snprintf(path, sizeof path, "%s/secret.key", r->config->data);
    if (st == ST_OK)
        st = secrets_open(r->config->secret_key_file != NULL ? r->config->secret_key_file : path,
                          false, &r->secrets, err);
    return st;
}

/* The plan, and where the workspace is. */
static enum status
plan_open(struct rebuilding *r, struct err *err)
{
    const struct control c = {.store = r->store,
                              .secrets = r->secrets,
                              .config = r->config,
                              .catalog = &r->catalog,
                              .kinds = kinds_get()};
    struct workspace_place *place = calloc(1, sizeof *place);
    const char *path = r->o->path;
    enum status st = ST_OK;

    if (place == NULL)
        return err_set(err, ST_FULL, "no memory");
    if (!r->o->is_path) {
        st = workspaces_find(&c, NULL, span_of(r->o->name), place, err);
        path = place->path;
        if (st == ST_INVALID && r->o->config == NULL) {
            struct err why = *err;

            err_set(err, st, "%.250s (does the configuration name it? say --config FILE)",
                    why.text);
        }
    }
    if (st == ST_OK && !path_without_links(path, r->path, sizeof r->path))
        st = err_set(err, ST_IO, "there is no folder of %.200s: %s", path, strerror(errno));
    free(place);
    return st == ST_OK ? plan_build(&c, 1, NULL, NULL, &r->plan, err) : st;
}

/* ---- whether it is damaged ---- */

/* True: it is, or the caller wants it all the same, or it is gone already. */
static bool
is_wanted(const struct rebuilding *r)
{
    const struct workspace_options how = {.is_read_only = true, .catalog = &r->catalog};
    struct workspace *w = NULL;
    struct err err = {""};
    uint64_t rows = 0;
    enum status st;

    if (r->o->force || access(r->path, F_OK) != 0)
        return true;
    st = workspace_open(r->path, &how, &w, &err);
    if (st == ST_OK)
        st = workspace_verify(w, &rows, &err);
    workspace_close(w);
    if (st != ST_OK)
        printf("damaged: %s\n", err.text);
    else
        fprintf(stderr,
                "penstock workspace: %s is not damaged, all of its %" PRIu64
                " rows can be read; --force rebuilds it all the same\n",
                r->path, rows);
    return st != ST_OK;
}

/* ---- setting back ---- */

static bool
fills_it(const struct rebuilding *r, const struct plan_route *route)
{
    const char *path =
        resource_value(route->destination.settings, route->destination.setting_count, "path");
    char real[WORKSPACE_PATH_MAX];

    return strcmp(route->destination.kind, "workspace") == 0 && path != NULL &&
           path_without_links(path, real, sizeof real) && strcmp(real, r->path) == 0;
}

static enum status
exports_set_back(struct rebuilding *r, struct err *err)
{
    char folder[4200];
    struct rest rest = {.is_placed = false};
    struct err told = {""};
    enum status st;

    snprintf(folder, sizeof folder, "%s/exports", r->config->data);
    st = rest_load(&rest, folder, &told);
    if (st != ST_OK) {
        *err = told;
        return st;
    }
    for (size_t i = 0; i < r->plan->route_count; i++)
        if (fills_it(r, &r->plan->routes[i])) {
            struct rest_entry *e = rest_find(&rest, r->plan->routes[i].id);

            if (e != NULL) /* when it was off stays true */
                e->position = 0;
            r->exports++;
        }
    if (r->exports > 0 && rest.is_placed)
        st = rest_save(&rest, folder, err);
    for (size_t i = 0; i < r->plan->route_count && st == ST_OK; i++)
        if (fills_it(r, &r->plan->routes[i]))
            ledger_forget(folder, r->plan->routes[i].id);
    rest_free(&rest);
    return st;
}

/* ---- aside ---- */

static enum status
file_aside(const char *path, const char *end, const char *mark, struct err *err)
{
    char from[WORKSPACE_PATH_MAX + 8], to[WORKSPACE_PATH_MAX + 60];

    snprintf(from, sizeof from, "%s%s", path, end);
    snprintf(to, sizeof to, "%s.damaged-%s%s", path, mark, end);
    if (rename(from, to) == 0)
        printf("moved aside: %s\n", to);
    else if (errno != ENOENT)
        return err_set(err, ST_IO, "cannot move %.150s aside: %s", from, strerror(errno));
    return ST_OK;
}

static enum status
aside(const struct rebuilding *r, struct err *err)
{
    char mark[40];
    size_t n = kql_print_datetime(clock_ticks(), mark);
    enum status st;

    mark[n < 19 ? n : 19] = '\0'; /* to the second */
    st = file_aside(r->path, ".wal", mark, err);
    return st == ST_OK ? file_aside(r->path, "", mark, err) : st;
}

static enum status
rebuild(struct rebuilding *r, bool *is_refused, struct err *err)
{
    enum status st = state_open(r, err);

    if (st == ST_OK)
        st = plan_open(r, err);
    if (st != ST_OK)
        return st;
    *is_refused = !is_wanted(r);
    if (*is_refused)
        return ST_OK;
    st = exports_set_back(r, err);
    if (st == ST_OK && r->exports == 0)
        return err_set(err, ST_INVALID,
                       "no export setting or automation fills %.150s: nothing would come into a "
                       "new one%s",
                       r->path,
                       r->o->config == NULL ? " (does --config FILE name the workspace?)" : "");
    return st == ST_OK ? aside(r, err) : st;
}

int
workspace_rebuild(const struct workspace_command *o)
{
    struct rebuilding *r = calloc(1, sizeof *r);
    struct err err = {""};
    bool is_refused = false;
    enum status st;

    if (r == NULL)
        return EXIT_UNREACHABLE;
    r->o = o;
    r->lock_fd = -1;
    st = rebuild(r, &is_refused, &err);
    if (st == ST_OK && !is_refused)
        printf("%u exports were set back: started again, the daemon fills a new file with what "
               "the journal still has\n",
               r->exports);
    if (st != ST_OK)
        fprintf(stderr, "penstock workspace: %s\n", err.text);
    plan_release(r->plan);
    secrets_close(r->secrets);
    store_close(r->store);
    if (r->lock_fd >= 0)
        close(r->lock_fd);
    free(r->catalog_memory);
    config_free(r->config);
    free(r);
    return st != ST_OK ? (st == ST_INVALID ? EXIT_REFUSED : EXIT_UNREACHABLE)
                       : (is_refused ? EXIT_REFUSED : EXIT_DONE);
}
