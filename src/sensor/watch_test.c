/* watch_test.c - true processes, seen by the kernel's events (where permitted) and by looking, as
 * the rows that leave. Nothing sleeps: children wait for us, and we wait for rows. */
#include "base/test.h"
#include "sensor/watch.h"
#include "wire/json.h"
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define ODD "a\xff\n\x01\"\\z"
#define ODD_JSON "a\xef\xbf\xbd\n\x01\"\\z"

struct bench {
    struct rows *rows;
    struct device device;
    struct image_cache *images;
    struct queue *queue;
    struct writer *writer;
    struct watch *watch;
};

/* False: not permitted here. */
static bool
open_bench(struct bench *b, bool by_events, bool is_snapshot, size_t command_line_max)
{
    struct queue_options queue = {.memory_max = 64 << 20};
    struct err err = {""};
    const char *mode;

    memset(b, 0, sizeof *b);
    snprintf(b->device.id, sizeof b->device.id, "%040d", 7);
    snprintf(b->device.name, sizeof b->device.name, "host.example");
    snprintf(b->device.host, sizeof b->device.host, "host");
    CHECK(rows_make(&catalog_builtin, &b->rows, &err) == ST_OK, "%s", err.text);
    CHECK(image_cache_make(64 << 20, &b->images, &err) == ST_OK, "%s", err.text);
    CHECK(queue_make(&queue, &b->queue, &err) == ST_OK, "%s", err.text);
    struct writer_options writer = {.rows = b->rows,
                                    .device = &b->device,
                                    .images = b->images,
                                    .queue = b->queue,
                                    .batch_max = 4096};

    CHECK(writer_start(&writer, &b->writer, &err) == ST_OK, "%s", err.text);
    struct watch_options watch = {.proc = "/proc",
                                  .command_line_max = command_line_max,
                                  .images = b->images,
                                  .writer = b->writer,
                                  .want_connector = by_events,
                                  .want_poll = !by_events,
                                  .is_snapshot = is_snapshot,
                                  .poll_ms = 1000};

    if (watch_open(&watch, &b->watch, &mode, &err) == ST_OK)
        return true;
    printf("skipped: %s\n", err.text);
    return false;
}

/* All rows so far, as an array. */
static json_t *
close_bench(struct bench *b)
{
    json_t *all = json_array();
    struct writer_counts counts;
    struct queue_counts left;

    watch_close(b->watch);
    writer_stop(b->writer, &counts);
    for (struct batch *batch; (batch = queue_take(b->queue, 0)) != NULL;) {
        uint64_t lines = 0;

        for (const char *p = batch->rows, *end = p + batch->size; p < end;) {
            const char *feed = memchr(p, '\n', (size_t)(end - p));
            json_error_t why;
            json_t *row = json_loadb(p, (size_t)(feed - p), JSON_REJECT_DUPLICATES, &why);

            CHECK(row != NULL, "a row is no JSON: %s", why.text);
            json_array_append_new(all, row);
            p = feed + 1;
            lines++;
        }
        CHECK(lines == batch->row_count, "a batch counts its rows");
        queue_done(b->queue, batch);
    }
    CHECK(counts.dropped_events == 0 && counts.large_rows == 0, "nothing was dropped");
    queue_free(b->queue, &left);
    image_cache_free(b->images);
    rows_free(b->rows);
    return all;
}

static const char *
text(const json_t *row, const char *column)
{
    const char *value = json_string_value(json_object_get(row, column));

    return value == NULL ? "(null)" : value;
}

/* The only row about process 'pid'; NULL: none, or several. */
static json_t *
row_of(const json_t *all, pid_t pid)
{
    json_t *row, *found = NULL;
    size_t i, count = 0;

    json_array_foreach(all, i, row)
    {
        if (json_integer_value(json_object_get(row, "ProcessId")) != pid)
            continue;
        found = row;
        count++;
    }
    return count == 1 ? found : NULL;
}

/* A shell that waits until 'hold' is closed. It runs when this returns, its exec is over. */
static pid_t
start_shell(int *hold, const char *last)
{
    char odd[] = ODD, name[64], byte;
    char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char[]){"echo; read x"}, name, odd, NULL};
    posix_spawn_file_actions_t actions;
    int in[2], out[2];
    pid_t pid = -1;

    snprintf(name, sizeof name, "%s", last);
    CHECK(pipe(in) == 0 && pipe(out) == 0, "pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, in[1]);
    CHECK(posix_spawn(&pid, "/bin/sh", &actions, NULL, argv, environ) == 0, "spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(in[0]);
    close(out[1]);
    CHECK(read(out[0], &byte, 1) == 1, "the shell speaks");
    close(out[0]);
    *hold = in[1];
    return pid;
}

/* Over, but not yet gone from /proc. */
static void
wait_for_end(pid_t pid)
{
    siginfo_t info;

    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0, "wait");
}

static void
end_child(pid_t pid, int hold)
{
    int status;

    if (hold >= 0)
        close(hold);
    CHECK(waitpid(pid, &status, 0) == pid, "wait");
}

static void
check_shell_row(const json_t *row, const char *mode)
{
    CHECK(row != NULL, "%s: the shell has one row", mode);
    CHECK(strcmp(text(row, "ActionType"), "ProcessCreated") == 0, "%s", mode);
    CHECK(strcmp(text(row, "ProcessCommandLine"), "sh -c echo; read x name " ODD_JSON) == 0,
          "%s: '%s'", mode, text(row, "ProcessCommandLine"));
    CHECK(text(row, "FolderPath")[0] == '/' && strlen(text(row, "SHA256")) == 64 &&
              strlen(text(row, "SHA1")) == 40 && strlen(text(row, "MD5")) == 32,
          "%s: %s %s", mode, text(row, "FolderPath"), text(row, "SHA256"));
    CHECK(json_integer_value(json_object_get(row, "InitiatingProcessId")) == getpid() &&
              strcmp(text(row, "InitiatingProcessFileName"), "sensor_watch_test") == 0 &&
              strlen(text(row, "InitiatingProcessSHA256")) == 64,
          "%s: by %s", mode, text(row, "InitiatingProcessFileName"));
    CHECK(json_integer_value(json_object_get(row, "InitiatingProcessParentId")) == getppid(),
          "%s: our own parent", mode);
    CHECK(strcmp(text(row, "ProcessUniqueId"), text(row, "InitiatingProcessUniqueId")) != 0,
          "%s: ids differ", mode);
    CHECK(strcmp(text(row, "DeviceName"), "host.example") == 0 &&
              strcmp(text(row, "AccountDomain"), "host") == 0,
          "%s", mode);
    CHECK(strcmp(text(row, "ProcessCreationTime"), text(row, "InitiatingProcessCreationTime")) >= 0,
          "%s: born after its parent", mode);
}

static void
check_by_events(void)
{
    struct bench b;
    char *argv[] = {(char[]){"true"}, (char[]){"odd \"arg"}, NULL};
    pid_t quick[8], gone, shell;
    int hold;

    if (!open_bench(&b, true, false, 8192)) {
        json_decref(close_bench(&b));
        return;
    }
    watch_look(b.watch);
    shell = start_shell(&hold, "name");
    watch_look(b.watch);
    end_child(shell, hold);
    for (size_t i = 0; i < COUNT_OF(quick); i++)
        CHECK(posix_spawn(&quick[i], "/bin/true", NULL, NULL, argv, environ) == 0, "spawn");
    for (size_t i = 0; i < COUNT_OF(quick); i++)
        wait_for_end(quick[i]);
    watch_look(b.watch);
    for (size_t i = 0; i < COUNT_OF(quick); i++)
        end_child(quick[i], -1);
    CHECK(posix_spawn(&gone, "/bin/true", NULL, NULL, argv, environ) == 0, "spawn");
    end_child(gone, -1);
    watch_look(b.watch); /* now there is nothing left of it in /proc */

    struct watch_counts counts;

    watch_counts_get(b.watch, &counts);
    CHECK(counts.events > 0 && counts.overruns == 0, "the buffer did not run over");
    json_t *all = close_bench(&b);
    const json_t *row = row_of(all, gone);

    check_shell_row(row_of(all, shell), "events");
    for (size_t i = 0; i < COUNT_OF(quick); i++)
        CHECK(strcmp(text(row_of(all, quick[i]), "FileName"), "true") == 0,
              "even what was over at once has its row and name: %s, %s",
              text(row_of(all, quick[i]), "FileName"),
              text(row_of(all, quick[i]), "ProcessCommandLine"));
    CHECK(row != NULL && json_is_null(json_object_get(row, "FileName")) &&
              strstr(text(row, "AdditionalFields"), "\"IsPartial\":true") != NULL,
          "what was gone has a row that says so");
    CHECK(json_integer_value(json_object_get(row, "InitiatingProcessId")) == getpid(),
          "and that names its parent");
    json_decref(all);
}

static void
check_by_looking(void)
{
    struct bench b;
    pid_t before, shell, only_forked;
    int hold_before, hold, ends[2];

    before = start_shell(&hold_before, "before");
    CHECK(open_bench(&b, false, false, 8192), "looking is always permitted");
    watch_look(b.watch);
    shell = start_shell(&hold, "name");
    CHECK(pipe(ends) == 0, "pipe");
    only_forked = fork();
    if (only_forked == 0) {
        char byte;

        close(ends[1]);
        close(hold);
        close(hold_before);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(ends[0]);
    for (int i = 0; i < 4; i++)
        watch_look(b.watch);
    end_child(shell, hold);
    end_child(before, hold_before);
    end_child(only_forked, ends[1]);
    watch_look(b.watch);
    json_t *all = close_bench(&b);

    check_shell_row(row_of(all, shell), "looking");
    CHECK(row_of(all, before) == NULL, "what ran before is not new");
    CHECK(row_of(all, only_forked) == NULL, "a fork that runs the same program is no new program");
    json_decref(all);
}

static void
check_snapshot(void)
{
    struct bench b;
    int hold;
    pid_t shell = start_shell(&hold, "name");
    uint64_t last = 0;
    json_t *row;
    size_t i;

    CHECK(open_bench(&b, false, true, 18), "looking is always permitted");
    watch_look(b.watch);
    end_child(shell, hold);
    json_t *all = close_bench(&b);

    CHECK(row_of(all, shell) != NULL && row_of(all, getpid()) != NULL, "all that runs has a row");
    CHECK(strcmp(text(row_of(all, shell), "ProcessCommandLine"), "sh -c echo; read x") == 0,
          "cut to 18 bytes: '%s'", text(row_of(all, shell), "ProcessCommandLine"));
    json_array_foreach(all, i, row)
    {
        uint64_t id = (uint64_t)json_integer_value(json_object_get(row, "ReportId"));

        CHECK(id > last, "ReportId grows");
        last = id;
    }
    json_decref(all);
}

/* ---- the table of processes against a plain model of it */

static struct process *
make_process(int pid)
{
    struct process *p = calloc(1, sizeof *p);

    atomic_init(&p->references, 1);
    atomic_init(&p->image_fd, -1);
    p->pid = pid;
    return p;
}

static void
check_table(void)
{
    enum { PIDS = 5000 };
    static unsigned char is_there[PIDS + 1];
    struct process_table *t = NULL;
    struct err err = {""};
    uint64_t random = 1;
    size_t count = 0, wrong = 0;

    CHECK(process_table_make(&t, &err) == ST_OK, "%s", err.text);
    for (int step = 0; step < 100000; step++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int pid = (int)(random >> 33) % PIDS + 1;

        if ((random >> 60) < 9) {
            struct process_entry *e = process_table_add(t, pid);
            struct process *p = make_process(pid);

            process_table_set_self(t, e, p);
            process_drop(p);
            count += !is_there[pid];
            is_there[pid] = 1;
        } else {
            process_table_remove(t, pid);
            count -= is_there[pid];
            is_there[pid] = 0;
        }
    }
    for (int pid = 1; pid <= PIDS; pid++) {
        struct process_entry *e = process_table_find(t, pid);

        wrong += (e != NULL) != is_there[pid] || (e != NULL && e->self->pid != pid);
    }
    CHECK(wrong == 0 && process_table_count(t) == count, "%zu wrong, %zu of %zu", wrong,
          process_table_count(t), count);
    for (int pid = 1; pid <= PIDS; pid++)
        if (is_there[pid])
            process_table_find(t, pid)->scan = pid % 2 == 0 ? 7 : 6;
    process_table_sweep(t, 7);
    for (int pid = 1; pid <= PIDS; pid++)
        wrong += (process_table_find(t, pid) != NULL) != (is_there[pid] && pid % 2 == 0);
    CHECK(wrong == 0, "%zu wrong after a sweep", wrong);
    process_table_clear(t);
    CHECK(process_table_count(t) == 0, "cleared");
    for (int pid = 1; pid <= PROCESS_TABLE_MAX; pid++)
        wrong += process_table_add(t, pid) == NULL;
    CHECK(wrong == 0 && process_table_add(t, PROCESS_TABLE_MAX + 1) == NULL, "full at its limit");
    CHECK(process_table_add(t, 1) != NULL, "what is there is found when full");
    process_table_free(t);
}

int
main(void)
{
    check_table();
    check_by_looking();
    check_snapshot();
    check_by_events();
    return test_end();
}
