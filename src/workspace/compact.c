/* compact.c - a workspace's file written anew, without what was taken out of it.
 *
 * A database in memory attaches the old file to be read and a new one beside it, and copies. The new one is held against the old one by its
 * counts, synced, and takes the old one's name in one step: a kill at any moment leaves the old file or the new one, and at
 * most a file NAME.compact, which the next time begins with removing. The old file's log must be empty before: a
 * log beside a file that it is not of would be taken for its own. */
#include "base/file.h"
#include "workspace/inner.h"
#include "workspace/keep.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct compacting {
    char path[WORKSPACE_PATH_MAX], made[WORKSPACE_PATH_MAX + 16], log[WORKSPACE_PATH_MAX + 24];
    char folder[WORKSPACE_PATH_MAX];
    duckdb_database database;
    duckdb_connection c;
};

static void
put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

/* Moves the log into the file, and sees that it is one of ours, and whole enough to be opened. */
static enum status
settle(struct compacting *x, const char *path, const struct workspace_options *o, uint64_t *rows,
       struct err *err)
{
    const char *slash;
    struct workspace *w = NULL;
    duckdb_connection c = NULL;
    enum status st = workspace_open(path, o, &w, err);

    if (st != ST_OK)
        return st;
    snprintf(x->path, sizeof x->path, "%s", workspace_path(w));
    snprintf(x->made, sizeof x->made, "%s.compact", x->path);
    slash = strrchr(x->path, '/');
    snprintf(x->folder, sizeof x->folder, "%.*s", (int)(slash - x->path) + 1, x->path);
    if (w->references > 1) /* the lock that DuckDB takes is no word between parts of one process */
        st = err_set(err, ST_FULL, "%s is open in this process", x->path);
    if (st == ST_OK)
        st = workspace_verify(w, rows, err);
    if (st == ST_OK)
        st = workspace_connect(w, &c, err);
    if (st == ST_OK)
        st = sql_run(c, "CHECKPOINT", NULL, err);
    duckdb_disconnect(&c);
    workspace_close(w);
    snprintf(x->log, sizeof x->log, "%s.wal", x->path);
    if (st == ST_OK && access(x->log, F_OK) == 0)
        st = err_set(err, ST_IO, "%s is in use: its log could not be emptied", x->path);
    return st;
}

static enum status
remove_made(struct compacting *x, struct err *err)
{
    snprintf(x->log, sizeof x->log, "%s.wal", x->made);
    if ((unlink(x->made) != 0 && errno != ENOENT) || (unlink(x->log) != 0 && errno != ENOENT))
        return err_set(err, ST_IO, "cannot remove %s: %s", x->made, strerror(errno));
    return ST_OK;
}

static enum status
copy(struct compacting *x, const struct workspace_options *o, struct err *err)
{
    char *sql = NULL;
    size_t size = 0;
    FILE *out;
    enum status st;

    if (duckdb_open(NULL, &x->database) != DuckDBSuccess ||
        duckdb_connect(x->database, &x->c) != DuckDBSuccess)
        return err_set(err, ST_FULL, "no memory to write a file");
    out = open_memstream(&sql, &size);
    if (out == NULL)
        return err_set(err, ST_FULL, "no memory for a statement");
    fprintf(out,
            "SET memory_limit = '%zuMiB'; SET autoinstall_known_extensions = false; "
            "SET autoload_known_extensions = false; SET temp_directory = ",
            (o->memory_max != 0 ? o->memory_max : (size_t)1 << 30) >> 20);
    snprintf(x->log, sizeof x->log, "%s.tmp", x->made);
    put_quoted(out, x->log);
    fputs("; ATTACH ", out);
    put_quoted(out, x->path);
    fputs(" AS old (READ_ONLY); ATTACH ", out);
    put_quoted(out, x->made);
    fputs(" AS made; COPY FROM DATABASE old TO made; CHECKPOINT made; DETACH made; DETACH old;",
          out);
    st = fclose(out) != 0 ? err_set(err, ST_FULL, "no memory for a statement")
                          : sql_run(x->c, sql, NULL, err);
    free(sql);
    duckdb_disconnect(&x->c);
    duckdb_close(&x->database);
    return st;
}

/* As many rows, all of which can be read. */
static enum status
compare(const struct compacting *x, const struct workspace_options *o, uint64_t rows,
        struct err *err)
{
    struct workspace_options how = *o;
    struct workspace *w = NULL;
    uint64_t copied = 0;
    enum status st;

    how.is_read_only = true;
    st = workspace_open(x->made, &how, &w, err);
    if (st == ST_OK)
        st = workspace_verify(w, &copied, err);
    workspace_close(w);
    if (st == ST_OK && copied != rows)
        st = err_set(err, ST_IO, "%s has %llu rows where %llu should be: it is not used", x->made,
                     (unsigned long long)copied, (unsigned long long)rows);
    return st;
}

static enum status
replace(struct compacting *x, struct err *err)
{
    struct stat info;
    int fd = open(x->made, O_RDWR | O_CLOEXEC);
    bool is_good = fd >= 0 && stat(x->path, &info) == 0 && fchmod(fd, info.st_mode & 07777) == 0;

    /* Its owner, as far as we may: a daemon's file that root writes anew stays the daemon's. */
    if (is_good && fchown(fd, info.st_uid, info.st_gid) != 0)
        is_good = errno == EPERM;
    is_good = is_good && fsync(fd) == 0 && rename(x->made, x->path) == 0;
    if (!is_good)
        err_set(err, ST_IO, "cannot put %s in place: %s", x->made, strerror(errno));
    if (fd >= 0)
        close(fd);
    return is_good ? folder_sync(x->folder, err) : ST_IO;
}

enum status
workspace_compact(const char *path, const struct workspace_options *o, uint64_t *before,
                  uint64_t *after, struct err *err)
{
    struct compacting *x;
    struct stat info;
    uint64_t rows = 0;
    struct err ignored;
    enum status st;

    *before = *after = 0;
    if (stat(path, &info) != 0)
        return err_set(err, ST_IO, "cannot open the workspace %s: %s", path, strerror(errno));
    x = calloc(1, sizeof *x);
    if (x == NULL)
        return err_set(err, ST_FULL, "no memory to write a file");
    st = settle(x, path, o, &rows, err);
    if (st == ST_OK) {
        *before = stat(x->path, &info) == 0 ? (uint64_t)info.st_size : 0;
        st = remove_made(x, err);
        if (st == ST_OK)
            st = copy(x, o, err);
        if (st == ST_OK)
            st = compare(x, o, rows, err);
        if (st == ST_OK)
            st = replace(x, err);
        if (st != ST_OK && remove_made(x, &ignored) != ST_OK)
            st = ST_IO; /* err says what went wrong first */
    }
    if (st == ST_OK)
        *after = stat(x->path, &info) == 0 ? (uint64_t)info.st_size : 0;
    free(x);
    return st;
}
