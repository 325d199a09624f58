/* hunting_places.c - the workspaces that a query reads beside the one it is run in. Which it may is decided anew for each name, as
 * for the first: so no form of naming one goes round that. */
#include "api/hunting.h"
#include "base/log.h"
#include <stdlib.h>

void
hunting_places_close(struct hunting_places *p)
{
    while (p->count > 0) {
        struct hunting_taken *t = p->items[--p->count];

        hunting_opened_return(p->call, t->opened);
        free(t);
    }
}

static struct hunting_taken *
taken_find(const struct hunting_places *p, const struct opened *opened)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->items[i]->opened == opened)
            return p->items[i];
    return NULL;
}

/* False: the reason is 'failure', which clients are not told in full. */
static bool
take(struct hunting_places *p, const struct workspace_place *place, enum hunt_shape shape,
     struct hunt_place *out, struct err *err)
{
    struct hunting_taken *made = NULL, *known;
    struct workspace *w = NULL;
    struct opened *opened;

    p->failure = hunting_opened_take(p->call, place, &opened, &w, &p->err);
    if (p->failure != ST_OK) {
        if (p->failure == ST_INVALID)
            p->failure = ST_IO;
        log_line(LOG_WARN, "api", "a query of workspace %s: %s", place->name, p->err.text);
        (void)err_set(err, ST_IO, "the workspace %s cannot be asked now", place->name);
        return false;
    }
    known = taken_find(p, opened);
    if (known == NULL && p->count < HUNT_PLACES_MAX)
        made = calloc(1, sizeof *made);
    if (made == NULL)
        hunting_opened_return(p->call, opened);
    if (known == NULL && made == NULL) {
        (void)err_set(err, ST_INVALID, "a query reads %d workspaces at most", HUNT_PLACES_MAX);
        return false;
    }
    if (made != NULL) {
        made->opened = opened;
        snprintf(made->name, sizeof made->name, "%s", place->name);
        p->items[p->count++] = made;
        known = made;
    }
    *out = (struct hunt_place){w, known->name, shape};
    return true;
}

static bool
find(struct hunting_places *p, struct span name, bool is_database, enum hunt_shape shape,
     struct hunt_place *out, struct err *err)
{
    struct workspace_place *place;
    bool is_there;

    /* No name means the default one where a database is named, and nothing else. */
    if (!is_database && (name.n == 0 || span_is(name, "-"))) {
        (void)err_set(err, ST_INVALID, "there is no workspace '%.*s'", (int)name.n, name.p);
        return false;
    }
    place = malloc(sizeof *place);
    if (place == NULL) {
        (void)err_set(err, ST_FULL, "no memory for a workspace's name");
        return false;
    }
    is_there = hunting_place(p->call, name, place, err) && take(p, place, shape, out, err);
    free(place);
    return is_there;
}

bool
hunting_places_find(void *context, const struct kql_place *place, struct hunt_place *out,
                    struct err *err)
{
    struct hunting_places *p = context;
    struct span name = place->name;
    enum hunt_shape shape = p->ask->shape;

    if (place->is_database && p->ask->database == NULL) {
        (void)err_set(err, ST_INVALID,
                      "databases are named in the Kusto API only: here it is "
                      "workspace(\"%.*s\")",
                      (int)(name.n < 80 ? name.n : 80), name.p);
        return false;
    }
    if (place->is_database && !p->ask->database(p->call, place, &name, &shape, err))
        return false;
    return find(p, name, place->is_database, shape, out, err);
}

bool
hunting_places_open(struct hunting_places *p, struct err *err)
{
    for (size_t i = 0; i < p->ask->beside_count; i++) {
        struct hunt_place place;
        bool is_known = false;

        if (!find(p, p->ask->beside[i], false, p->ask->shape, &place, err))
            return false;
        for (size_t k = 0; k < p->beside_count; k++)
            is_known |= p->beside[k].workspace == place.workspace;
        if (!is_known)
            p->beside[p->beside_count++] = place;
    }
    return true;
}
