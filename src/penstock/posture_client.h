/* posture_client.h - what the commands about posture share: which subscription is meant, lists to their last
 * page, and rows for people. One thread. */
#pragma once
#include "penstock/client.h"

enum { POSTURE_PATH_SIZE = 4096 };

/* Lower-case GUID in 'out': 'given', $PENSTOCK_SUBSCRIPTION, or the only subscription there is for the
 * token and tenant. Exit code; other than CLIENT_DONE was printed. */
MUST_CHECK int posture_subscription(struct client *c, const char *given, char out[37]);

/* 'id' with each of its segments percent-encoded, added to the path. False: it does not fit. */
MUST_CHECK bool posture_path_add(char path[POSTURE_PATH_SIZE], const char *id);

/* A type of posture resources as the commands know it. */
struct posture_view {
    const char *type;    /* "assessments" */
    const char *version; /* api-version that is asked for */
    bool has_parent;     /* its list is found below a resource of another type only */
    bool is_of_tenant;   /* has a list without subscription too */
    const char *help;    /* one line */
    struct posture_column {
        const char *title,
            *path; /* "properties.status.code"; "scope": the id before the provider */
    } columns[6];  /* ends at a NULL title */
};
extern const struct posture_view posture_views[];               /* ends at a NULL type */
const struct posture_view *posture_view_find(const char *type); /* any case; NULL: none */

/* All pages of a list in *all, an array (the caller's). 'path' has a query. Exit code. */
MUST_CHECK int posture_list_all(struct client *c, const char *path, size_t count_max, json_t **all);
/* A text at a path of members with dots; "" if there is none. 'room' holds numbers. */
const char *posture_text_at(const json_t *object, const char *path, char room[40]);
void posture_print(const struct posture_view *v, const json_t *all);
