#include "control/geo.h"
#include "kql/geo_source.h"
#include <errno.h>
#include <stdlib.h>
#ifdef PENSTOCK_HAS_MAXMINDDB
#include <maxminddb.h>

/* ---- one database ---- */

static void
close_database(void *context)
{
    MMDB_close(context);
    free(context);
}

static struct span
text_at(MMDB_lookup_result_s *r, const char *const *path)
{
    MMDB_entry_data_s data;

    if (MMDB_aget_value(&r->entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING)
        return (struct span){"", 0};
    return (struct span){data.utf8_string, data.data_size};
}

static bool
number_at(MMDB_lookup_result_s *r, const char *const *path, double *out)
{
    MMDB_entry_data_s data;

    if (MMDB_aget_value(&r->entry, &data, path) != MMDB_SUCCESS || !data.has_data)
        return false;
    *out = data.type == MMDB_DATA_TYPE_FLOAT ? (double)data.float_value : data.double_value;
    return data.type == MMDB_DATA_TYPE_DOUBLE || data.type == MMDB_DATA_TYPE_FLOAT;
}

static bool
find(void *context, const struct sockaddr *address, struct pool *p, struct kql_geo_place *out)
{
    static const char *const country[] = {"country", "names", "en", NULL};
    static const char *const state[] = {"subdivisions", "0", "names", "en", NULL};
    static const char *const city[] = {"city", "names", "en", NULL};
    static const char *const latitude[] = {"location", "latitude", NULL};
    static const char *const longitude[] = {"location", "longitude", NULL};
    int fault = MMDB_SUCCESS;
    MMDB_lookup_result_s r = MMDB_lookup_sockaddr(context, address, &fault);

    (void)p;
    if (fault != MMDB_SUCCESS || !r.found_entry)
        return false;
    out->country = text_at(&r, country);
    out->state = text_at(&r, state);
    out->city = text_at(&r, city);
    out->has_position =
        number_at(&r, latitude, &out->latitude) && number_at(&r, longitude, &out->longitude);
    return true;
}

static enum status
open_database(const char *path, struct err *err)
{
    MMDB_s *database = calloc(1, sizeof *database);
    struct kql_geo_source source = {find, close_database, database};
    enum status st;
    int fault;

    if (database == NULL)
        return err_set(err, ST_FULL, "no memory for a database of places");
    fault = MMDB_open(path, MMDB_MODE_MMAP, database);
    if (fault != MMDB_SUCCESS) {
        free(database);
        return err_set(err, ST_INVALID, "%s is no database of MaxMind's format: %s", path,
                       MMDB_strerror(fault));
    }
    st = kql_geo_use(&source, err);
    if (st != ST_OK)
        close_database(database);
    return st;
}

#else

static enum status
open_database(const char *path, struct err *err)
{
    return err_set(err, ST_INVALID,
                   "%s is not read: this program was built without libmaxminddb (run script/setup "
                   "there, then cmake again)",
                   path);
}

#endif

/* ---- the one in use ---- */

static bool
is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Another path: what was used before is not asked any more, whatever comes of the new one. */
static enum status
change(struct geo *g, const char *path, struct err *err)
{
    char *copy = path != NULL ? strdup(path) : NULL;

    if (path != NULL && copy == NULL)
        return err_set(err, ST_FULL, "no memory for a path");
    geo_end(g);
    g->path = copy;
    return ST_OK;
}

enum status
geo_use(struct geo *g, const char *path, bool *is_new, struct err *err)
{
    bool is_first = path == NULL || g->path == NULL || strcmp(path, g->path) != 0;
    struct stat now = {.st_ino = 0};
    enum status st = ST_OK;

    *is_new = false;
    if (is_first && (path != NULL || g->path != NULL))
        st = change(g, path, err);
    if (st != ST_OK || path == NULL)
        return st;
    if (stat(path, &now) != 0) {
        now = (struct stat){.st_ino = 0};
        st = err_set(err, ST_IO, "cannot read %s: %s", path, strerror(errno));
    }
    if (!is_first && is_same(&now, &g->seen))
        return ST_OK;
    g->seen = now;
    if (st == ST_OK)
        st = open_database(path, err);
    *is_new = st == ST_OK;
    return st;
}

void
geo_end(struct geo *g)
{
    if (g->path != NULL && kql_geo_use(NULL, NULL) != ST_OK)
        abort(); /* nothing is taken for none */
    free(g->path);
    *g = (struct geo){.path = NULL};
}
