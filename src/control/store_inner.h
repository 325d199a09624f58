/* store_inner.h - how the files that keep tables in the store speak to SQLite. Private to
 * control/store.c, inventory.c, management_groups.c and arm_store.c. Everything between store_enter and store_leave. */
#pragma once
#include "control/store.h"
#include <pthread.h>
#include <sqlite3.h>

struct store {
    pthread_mutex_t lock;
    sqlite3 *db;
    char path[4096];
    uint32_t own_changes;
    uint64_t parked_size_max;
};

void store_enter(struct store *s);
/* Gives 'st' back; 'has_changed': store_changed is to differ. */
enum status store_leave(struct store *s, enum status st, bool has_changed);
/* The status of what SQLite said last; 'what' as in "cannot keep a tenant". */
enum status store_failed(struct store *s, const char *what, struct err *err);
/* Prepares and binds: t const char *, i int64_t, b struct span as blob, s struct span as text.
 * Borrowed until the statement is finalized. */
MUST_CHECK enum status store_prepare(struct store *s, sqlite3_stmt **out, const char *what,
                                     struct err *err, const char *sql, const char *types, ...);
/* Runs a statement that yields no rows, and is done with it. */
MUST_CHECK enum status store_finish(struct store *s, sqlite3_stmt *x, const char *what,
                                    struct err *err);
MUST_CHECK enum status store_execute(struct store *s, const char *sql, const char *what,
                                     struct err *err);
/* Ends a transaction: keeps it if all went well so far. */
MUST_CHECK enum status store_conclude(struct store *s, enum status st, const char *what,
                                      struct err *err);
/* One integer of the only row. */
MUST_CHECK enum status store_integer(struct store *s, const char *sql, const char *what,
                                     int64_t *value, struct err *err);
/* Steps through a statement and hands each row to 'row' until that says false, or to the end; then it is
 * done with it. 'wants_one': ST_END if there was no row. */
MUST_CHECK enum status store_each(struct store *s, sqlite3_stmt *x, const char *what,
                                  bool (*row)(sqlite3_stmt *x, void *visit, void *app), void *visit,
                                  void *app, bool wants_one, struct err *err);
/* Lend until the next step. */
const char *store_column(sqlite3_stmt *x, int i);
struct span store_column_span(sqlite3_stmt *x, int i);
