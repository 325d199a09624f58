/* saved_store.c - the table of saved queries and functions. */
#include "control/saved_store.h"
#include "control/store_inner.h"

#define COLUMNS                                                                                    \
    "tenant, workspace, name, is_function, text, parameters, description, category, created, "     \
    "modified"

static bool
saved_row(sqlite3_stmt *x, void *visit, void *app)
{
    struct saved_row r = {
        .tenant = store_column(x, 0),
        .workspace = store_column(x, 1),
        .name = store_column(x, 2),
        .is_function = sqlite3_column_int(x, 3) != 0,
        .text = store_column_span(x, 4),
        .parameters = store_column_span(x, 5),
        .description = store_column(x, 6),
        .category = store_column(x, 7),
        .created = sqlite3_column_int64(x, 8),
        .modified = sqlite3_column_int64(x, 9),
    };

    return (*(saved_visit **)visit)(app, &r);
}

enum status
saved_row_find(struct store *s, const char *tenant, const char *workspace, const char *name,
               saved_visit *visit, void *app, struct err *err)
{
    static const char what[] = "find a saved query";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT " COLUMNS " FROM saved_queries WHERE tenant = ? AND workspace = ?"
                       " AND name = ?",
                       "ttt", tenant, workspace, name);
    if (st == ST_OK)
        st = store_each(s, x, what, saved_row, &visit, app, true, err);
    if (st == ST_END)
        st = err_set(err, ST_END, "there is no saved query or function '%.128s' %s", name,
                     workspace[0] == '\0' ? "for all workspaces" : "of that workspace");
    return store_leave(s, st, false);
}

enum status
saved_rows(struct store *s, const char *tenant, const char *workspace, saved_visit *visit,
           void *app, struct err *err)
{
    static const char what[] = "list the saved queries";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT " COLUMNS " FROM saved_queries WHERE tenant = ? AND"
                       " workspace IN (?, '') ORDER BY name, workspace DESC",
                       "tt", tenant, workspace);
    if (st == ST_OK)
        st = store_each(s, x, what, saved_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

enum status
saved_row_function(struct store *s, const char *tenant, const char *workspace, struct span name,
                   saved_visit *visit, void *app, struct err *err)
{
    static const char what[] = "find a stored function";
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_prepare(s, &x, what, err,
                       "SELECT " COLUMNS " FROM saved_queries WHERE (?1 IS NULL OR tenant = ?1)"
                       " AND workspace IN (?2, '') AND name = ?3 COLLATE BINARY AND is_function"
                       " ORDER BY workspace DESC, tenant",
                       "tts", tenant, workspace, name);
    if (st == ST_OK)
        st = store_each(s, x, what, saved_row, &visit, app, false, err);
    return store_leave(s, st, false);
}

/* ---- changing; all of it under the lock ---- */

/* When it was made and changed last; 0: it is not there. */
static enum status
times_read(struct store *s, const char *tenant, const char *workspace, const char *name,
           int64_t *created, int64_t *modified, struct err *err)
{
    static const char what[] = "look at a saved query";
    sqlite3_stmt *x;
    enum status st = store_prepare(s, &x, what, err,
                                   "SELECT created, modified FROM saved_queries WHERE tenant = ?"
                                   " AND workspace = ? AND name = ?",
                                   "ttt", tenant, workspace, name);
    int step;

    *created = *modified = 0;
    if (st != ST_OK)
        return st;
    step = sqlite3_step(x);
    if (step == SQLITE_ROW) {
        *created = sqlite3_column_int64(x, 0);
        *modified = sqlite3_column_int64(x, 1);
    } else if (step != SQLITE_DONE) {
        st = store_failed(s, what, err);
    }
    sqlite3_finalize(x);
    return st;
}

static enum status
condition_check(int64_t only_if, int64_t modified, struct err *err)
{
    if (only_if == SAVED_ANY || only_if == modified)
        return ST_OK;
    return err_set(err, ST_INVALID, "%s",
                   only_if == SAVED_NONE ? "there is one of this name already"
                                         : "it was changed meanwhile: read it again");
}

static enum status
count_check(struct store *s, const char *tenant, uint64_t count_max, struct err *err)
{
    static const char what[] = "count the saved queries";
    sqlite3_stmt *x;
    enum status st = store_prepare(
        s, &x, what, err, "SELECT count(*) FROM saved_queries WHERE tenant = ?", "t", tenant);

    if (st != ST_OK)
        return st;
    if (sqlite3_step(x) != SQLITE_ROW)
        st = store_failed(s, what, err);
    else if ((uint64_t)sqlite3_column_int64(x, 0) >= count_max)
        st = err_set(err, ST_FULL,
                     "the tenant has %llu saved queries and functions, as many as it may have",
                     (unsigned long long)count_max);
    sqlite3_finalize(x);
    return st;
}

static enum status
row_write(struct store *s, const struct saved_row *x, int64_t created, int64_t modified,
          struct err *err)
{
    static const char what[] = "keep a saved query";
    sqlite3_stmt *q;
    enum status st = store_prepare(
        s, &q, what, err, "INSERT OR REPLACE INTO saved_queries VALUES (?,?,?,?,?,?,?,?,?,?)",
        "tttissttii", x->tenant, x->workspace, x->name, (int64_t)x->is_function, x->text,
        x->parameters, x->description, x->category, created, modified);

    return st == ST_OK ? store_finish(s, q, what, err) : st;
}

enum status
saved_row_put(struct store *s, const struct saved_row *x, int64_t only_if, uint64_t count_max,
              bool *is_new, int64_t *created, int64_t *modified, struct err *err)
{
    static const char what[] = "keep a saved query";
    int64_t made = 0, changed = 0;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = times_read(s, x->tenant, x->workspace, x->name, &made, &changed, err);
    if (st == ST_OK)
        st = condition_check(only_if, changed, err);
    if (st == ST_OK && changed == 0)
        st = count_check(s, x->tenant, count_max, err);
    *is_new = changed == 0;
    *created = changed == 0 ? x->modified : made;
    *modified = x->modified > changed ? x->modified : changed + 1;
    if (st == ST_OK)
        st = row_write(s, x, *created, *modified, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, st == ST_OK);
}

enum status
saved_row_delete(struct store *s, const char *tenant, const char *workspace, const char *name,
                 int64_t only_if, struct err *err)
{
    static const char what[] = "delete a saved query";
    int64_t created = 0, modified = 0;
    sqlite3_stmt *x;
    enum status st;

    store_enter(s);
    st = store_execute(s, "BEGIN IMMEDIATE", what, err);
    if (st == ST_OK)
        st = times_read(s, tenant, workspace, name, &created, &modified, err);
    if (st == ST_OK && modified == 0)
        st = err_set(err, ST_END, "there is no saved query or function '%.128s' %s", name,
                     workspace[0] == '\0' ? "for all workspaces" : "of that workspace");
    if (st == ST_OK)
        st = condition_check(only_if, modified, err);
    if (st == ST_OK)
        st = store_prepare(s, &x, what, err,
                           "DELETE FROM saved_queries WHERE tenant = ? AND workspace = ?"
                           " AND name = ?",
                           "ttt", tenant, workspace, name);
    if (st == ST_OK)
        st = store_finish(s, x, what, err);
    st = store_conclude(s, st, what, err);
    return store_leave(s, st, st == ST_OK);
}
