/* saved_store.h - saved queries in the store. Private to saved_*.c. As store.h says. */
#pragma once
#include "control/store.h"

struct saved_row {
    const char *tenant, *workspace; /* lower-case GUIDs; workspace "": for all */
    const char *name;
    bool is_function;
    struct span text, parameters;
    const char *description, *category;
    int64_t created, modified; /* ticks; modified differs after each change */
};
typedef bool saved_visit(void *app, const struct saved_row *x);

enum { SAVED_ANY = -1 /* whatever it is */, SAVED_NONE = 0 /* there must be none */ };

/* 'only_if': replace only what was changed last then, or SAVED_ANY, SAVED_NONE. 'stored': its
 * created and modified as they became. ST_INVALID: 'only_if' does not hold. ST_FULL: count_max. */
MUST_CHECK enum status saved_row_put(struct store *s, const struct saved_row *x, int64_t only_if,
                                     uint64_t count_max, bool *is_new, int64_t *created,
                                     int64_t *modified, struct err *err);
/* Of exactly that workspace, in any case of the name. ST_END: not there. */
MUST_CHECK enum status saved_row_find(struct store *s, const char *tenant, const char *workspace,
                                      const char *name, saved_visit *visit, void *app,
                                      struct err *err);
/* Those of the workspace and those for all, by name. */
MUST_CHECK enum status saved_rows(struct store *s, const char *tenant, const char *workspace,
                                  saved_visit *visit, void *app, struct err *err);
/* The functions of exactly that name: of the workspace first, then for all; tenant NULL: of every
 * tenant. */
MUST_CHECK enum status saved_row_function(struct store *s, const char *tenant,
                                          const char *workspace, struct span name,
                                          saved_visit *visit, void *app, struct err *err);
MUST_CHECK enum status saved_row_delete(struct store *s, const char *tenant, const char *workspace,
                                        const char *name, int64_t only_if, struct err *err);
