/* query_repl.c - the terminal: a query over several lines, kept and completed by libedit. */
#include "penstock/query_repl.h"
#include "kql/syntax.h"
#include "penstock/commands.h"
#include "penstock/query_complete.h"
#include "penstock/query_remote.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HISTORY_MAX = 1000,          /* queries */
    LISTED_MAX = 200,            /* names shown of a word that may become many */
    PARSE_MEMORY_MAX = 64 << 20, /* to see whether a query is complete */
};

static const char help_text[] =
    "A query ends with ';' or an empty line; what it names and is not here is asked of the "
    "daemon.\n"
    "  .format FORMAT     table, chart, json, ndjson, csv, markdown\n"
    "  .shape SHAPE       columns: hunting, workspace, both\n"
    "  .timespan T        only rows of that time: P1D; without T: all\n"
    "  .workspace NAME    which one; without NAME: the default one\n"
    "  .tables [WORD]     tables, those with WORD in their name\n"
    "  .columns TABLE     its columns\n"
    "  .exit              or the end of input (Ctrl-D)\n"
    "Tab completes names, the arrows bring back what was asked, Ctrl-C drops it.\n";

struct repl {
    struct query_runner *runner;
    struct query_options *o;
    EditLine *edit;
    History *history;
    char path[4096];                     /* of the history; "": nowhere */
    char workspace[1024], timespan[200]; /* what the commands set */
    char *text;                          /* the query so far, with its line ends */
    size_t size, room;
    bool is_over;
};

static atomic_bool interrupted;

static void
on_interrupt(int signal)
{
    (void)signal;
    atomic_store(&interrupted, true);
}

/* ---- the history's file ---- */

/* Makes the folders of a path that are not there, only for the user. */
static void
folders_make(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
}

static void
history_find(struct repl *r)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int fd;

    if (state != NULL && state[0] == '/')
        snprintf(r->path, sizeof r->path, "%s/penstock/query-history", state);
    else if (home != NULL && home[0] == '/')
        snprintf(r->path, sizeof r->path, "%s/.local/state/penstock/query-history", home);
    else
        return;
    folders_make(r->path);
    fd = open(r->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0) /* also of one that somebody else made wider */
        r->path[0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* With secrets it is not kept; on one line, so that one key brings all of it back, unless a comment's end would be
 * lost. */
static void
history_add(struct repl *r)
{
    struct span text = {r->text, r->size};
    struct pool pool;
    jmp_buf here;
    HistEvent event;
    volatile bool is_secret = true;

    pool_init(&pool, PARSE_MEMORY_MAX);
    pool.escape = &here;
    if (setjmp(here) == 0)
        is_secret = !span_equal(kql_veil(&pool, text), text);
    pool_free(&pool);
    while (r->size > 0 && isspace((unsigned char)r->text[r->size - 1]))
        r->text[--r->size] = '\0';
    if (is_secret || r->size == 0)
        return;
    if (strstr(r->text, "//") == NULL && strstr(r->text, "```") == NULL) {
        char *copy = strdup(r->text);

        for (char *at = copy; at != NULL && *at != '\0'; at++)
            *at = *at == '\n' ? ' ' : *at;
        if (copy != NULL)
            history(r->history, &event, H_ENTER, copy);
        free(copy);
    } else {
        char *rest = strdup(r->text), *state = NULL;

        for (char *line = rest == NULL ? NULL : strtok_r(rest, "\n", &state); line != NULL;
             line = strtok_r(NULL, "\n", &state))
            history(r->history, &event, H_ENTER, line);
        free(rest);
    }
    if (r->path[0] != '\0')
        history(r->history, &event, H_SAVE, r->path);
}

/* ---- completion ---- */

static void
print_names(const struct query_completion *names)
{
    size_t widest = 0, shown = names->count < LISTED_MAX ? names->count : LISTED_MAX, across;

    for (size_t i = 0; i < shown; i++)
        widest = strlen(names->names[i]) > widest ? strlen(names->names[i]) : widest;
    across = 80 / (widest + 2) > 0 ? 80 / (widest + 2) : 1;
    fputc('\n', stdout);
    for (size_t i = 0; i < shown; i++)
        printf("%-*s%s", (int)widest + 2, names->names[i],
               (i + 1) % across == 0 || i + 1 == shown ? "\n" : "");
    if (shown < names->count)
        printf("... and %zu more\n", names->count - shown);
}

static unsigned char
complete(EditLine *edit, int key)
{
    static struct query_completion names;
    const LineInfo *line = el_line(edit);
    struct repl *r = NULL;
    size_t here = (size_t)(line->cursor - line->buffer);
    char *text, word[200];

    (void)key;
    if (el_get(edit, EL_CLIENTDATA, &r) != 0 || r == NULL)
        return CC_ERROR;
    text = malloc(r->size + here + 1);
    if (text == NULL)
        return CC_ERROR;
    if (r->size > 0)
        memcpy(text, r->text, r->size);
    memcpy(text + r->size, line->buffer, here);
    query_complete(r->runner->catalog, r->o->shape, (struct span){text, r->size + here}, &names);
    free(text);
    if (names.count == 0)
        return CC_ERROR;
    if (names.common > names.word || names.count == 1) {
        snprintf(word, sizeof word, "%.*s%s", (int)names.common, names.names[0],
                 names.count == 1 ? " " : "");
        el_deletestr(edit, (int)names.word);
        return el_insertstr(edit, word) == 0 ? CC_REFRESH : CC_ERROR;
    }
    print_names(&names);
    return CC_REDISPLAY;
}

static char *
prompt(EditLine *edit)
{
    static char first[] = "kql> ", more[] = "   | ";
    struct repl *r = NULL;

    return el_get(edit, EL_CLIENTDATA, &r) == 0 && r != NULL && r->size > 0 ? more : first;
}

/* ---- commands ---- */

static void
list_tables(const struct repl *r, const char *word)
{
    for (size_t i = 0; i < r->runner->catalog->table_count; i++)
        if (word == NULL || strcasestr(r->runner->catalog->tables[i].name, word) != NULL)
            puts(r->runner->catalog->tables[i].name);
}

static void
list_columns(const struct repl *r, const char *name)
{
    const struct catalog_table *t =
        name == NULL ? NULL : catalog_find(r->runner->catalog, span_of(name));
    bool has_workspace = t != NULL && r->o->shape != QUERY_HUNTING && t->workspace_column_count > 0;

    if (t == NULL) {
        printf("no table '%s'; .tables lists them\n", name == NULL ? "" : name);
        return;
    }
    for (size_t i = 0; has_workspace && i < t->workspace_column_count; i++)
        printf("%-40s %s\n", t->workspace_columns[i].name,
               column_type_name(t->workspace_columns[i].type));
    for (size_t i = 0; !has_workspace && i < t->column_count; i++)
        printf("%-40s %s\n", t->columns[i].name, column_type_name(t->columns[i].type));
}

/* The daemon is asked anew, with what was changed. */
static void
remote_forget(struct repl *r)
{
    query_remote_close(r->runner->remote);
    r->runner->remote = NULL;
}

static void
command(struct repl *r, char *line)
{
    char *state = NULL, *name = strtok_r(line, " \t\r\n", &state),
         *word = strtok_r(NULL, " \t\r\n", &state);

    if (strcmp(name, ".exit") == 0 || strcmp(name, ".quit") == 0) {
        r->is_over = true;
    } else if (strcmp(name, ".format") == 0) {
        if (word == NULL || !query_format_read(span_of(word), &r->o->format))
            puts(".format is table, chart, json, ndjson, csv or markdown");
    } else if (strcmp(name, ".shape") == 0) {
        if (word == NULL || !query_shape_read(word, &r->o->shape))
            printf(".shape is hunting, workspace or both; now %s\n", query_shape_name(r->o->shape));
    } else if (strcmp(name, ".timespan") == 0) {
        snprintf(r->timespan, sizeof r->timespan, "%s", word == NULL ? "" : word);
        r->o->timespan = word == NULL ? NULL : r->timespan;
    } else if (strcmp(name, ".workspace") == 0) {
        snprintf(r->workspace, sizeof r->workspace, "%s", word == NULL ? "" : word);
        r->o->workspace = word == NULL ? NULL : r->workspace;
        remote_forget(r);
    } else if (strcmp(name, ".tables") == 0) {
        list_tables(r, word);
    } else if (strcmp(name, ".columns") == 0) {
        list_columns(r, word);
    } else {
        if (strcmp(name, ".help") != 0)
            printf("no command %s\n", name);
        fputs(help_text, stdout);
    }
}

/* ---- queries ---- */

static bool
add_line(struct repl *r, const char *line, size_t n)
{
    if (r->size + n + 1 > r->room) {
        size_t room = (r->size + n + 1) * 2 + 1024;
        char *grown = realloc(r->text, room);

        if (grown == NULL)
            return false;
        r->text = grown;
        r->room = room;
    }
    memcpy(r->text + r->size, line, n);
    r->size += n;
    r->text[r->size] = '\0';
    return true;
}

/* Whether more than let, set and declare stands there: those end with ';' and are no query yet. */
static bool
has_query(struct span text)
{
    struct kql_diagnostics d;
    const struct kql_syntax *query;
    struct pool pool;
    jmp_buf here;
    volatile bool has = false;

    pool_init(&pool, PARSE_MEMORY_MAX);
    pool.escape = &here;
    if (setjmp(here) == 0) {
        kql_diagnostics_init(&d, &pool, text);
        query = kql_parse(&pool, text, &d);
        has = d.error_count > 0;
        for (uint32_t i = 0; i < query->child_count && !has; i++) {
            enum kql_syntax_kind kind = query->children[i]->kind;

            has = kind != SYN_LET && kind != SYN_SET && kind != SYN_DECLARE && kind != SYN_MISSING;
        }
    }
    pool_free(&pool);
    return has;
}

static bool
is_complete(const struct repl *r, bool is_blank)
{
    size_t n = r->size;

    if (is_blank)
        return true;
    while (n > 0 && isspace((unsigned char)r->text[n - 1]))
        n--;
    return n > 0 && r->text[n - 1] == ';' && has_query((struct span){r->text, r->size});
}

static bool
is_blank_text(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isspace((unsigned char)text[i]))
            return false;
    return true;
}

static void
run(struct repl *r)
{
    if (!is_blank_text(r->text, r->size)) {
        history_add(r);
        (void)query_runner_run(r->runner, (struct span){r->text, r->size});
        if (atomic_load(&interrupted))
            fputs("\n", stderr);
    }
    if (r->text != NULL)
        explicit_bzero(r->text, r->room);
    r->size = 0;
}

static void
take_line(struct repl *r, const char *line, size_t n)
{
    bool is_blank = is_blank_text(line, n);

    if (r->size == 0 && is_blank)
        return;
    if (r->size == 0 && line[0] == '.') {
        char *copy = strndup(line, n);

        if (copy != NULL)
            command(r, copy);
        free(copy);
        return;
    }
    if (!add_line(r, line, n)) {
        fputs("penstock query: no memory\n", stderr);
        r->size = 0;
    } else if (is_complete(r, is_blank)) {
        run(r);
    }
}

static void
loop(struct repl *r)
{
    while (!r->is_over) {
        int n = 0;
        const char *line;

        atomic_store(&interrupted, false);
        line = el_gets(r->edit, &n);
        if (line != NULL && n > 0) {
            /* libedit prints its prompt before it reads: a Ctrl-C in between is not for this query */
            atomic_store(&interrupted, false);
            take_line(r, line, (size_t)n);
            fflush(stdout);
        } else if (atomic_load(&interrupted)) { /* what was begun is dropped */
            r->size = 0;
            fputc('\n', stdout);
            el_reset(r->edit);
        } else {
            fputc('\n', stdout);
            r->is_over = true;
        }
    }
}

static bool
open_all(struct repl *r)
{
    HistEvent event;

    r->edit = el_init("penstock", stdin, stdout, stderr);
    r->history = history_init();
    if (r->edit == NULL || r->history == NULL)
        return false;
    history(r->history, &event, H_SETSIZE, HISTORY_MAX);
    history(r->history, &event, H_SETUNIQUE, 1);
    history_find(r);
    if (r->path[0] != '\0')
        history(r->history, &event, H_LOAD, r->path);
    el_set(r->edit, EL_CLIENTDATA, r);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_PROMPT, prompt);
    el_set(r->edit, EL_HIST, history, r->history);
    el_set(r->edit, EL_ADDFN, "penstock-complete", "names of a query", complete);
    el_set(r->edit, EL_BIND, "^I", "penstock-complete", NULL);
    el_set(r->edit, EL_BIND, "^R", "em-inc-search-prev", NULL);
    el_source(r->edit, NULL); /* the user's ~/.editrc goes last */
    return true;
}

int
query_repl(struct query_runner *runner, struct query_options *o)
{
    struct repl r = {.runner = runner, .o = o};
    struct sigaction action = {.sa_handler = on_interrupt},
                     before; /* no SA_RESTART: reading ends */
    int code = EXIT_DONE;

    setlocale(LC_CTYPE, "");
    o->client.stop = &interrupted;
    sigaction(SIGINT, &action, &before);
    if (open_all(&r)) {
        printf("penstock %s: a query ends with ';' or an empty line, .help tells the rest\n",
               PENSTOCK_VERSION);
        loop(&r);
    } else {
        fputs("penstock query: no memory for the terminal\n", stderr);
        code = EXIT_UNREACHABLE;
    }
    if (r.history != NULL)
        history_end(r.history);
    if (r.edit != NULL)
        el_end(r.edit);
    sigaction(SIGINT, &before, NULL);
    o->client.stop = NULL;
    free(r.text);
    return code;
}
