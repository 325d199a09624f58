/* query_local.c - a query bound and run in this process, by the row engine or by DuckDB. */
#include "penstock/query_local.h"
#include "base/clock.h"
#include "kql/external.h"
#include "penstock/commands.h"
#include "penstock/query_show.h"
#include "penstock/query_workspace.h"
#include "wire/json.h"
#include <stdlib.h>

enum {
    BATCH_LINE_MAX = 8 << 20, /* bytes of a line of --batch */
    DAYS_MS = 1000000000,     /* no limit of time: eleven days */
};
static const char EXTERNAL_REMEDY[] =
    "Allow it by --external-data and how its URL begins, or ask a daemon that does";

struct query_local {
    const struct query_options *o;
    struct query_tables tables;
    struct kql_environment environment;
    struct kql_rows_source source;
    struct kql_rows_limits limits;
    struct pool pool;
    struct query_workspace duckdb; /* .workspace NULL: the row engine alone */
    struct fetch_policy external;
    enum hunt_shape shape; /* that it is asked in now */
};

/* ---- externaldata: what the command line allows ---- */

/* The source's context is the tables', for their files' sake. */
static enum status
local_fetch(void *context, const struct kql_external_place *place, size_t size_max,
            struct span *bytes, void **held, struct err *err)
{
    const struct query_local *s =
        (const struct query_local *)((const char *)context - offsetof(struct query_local, tables));
    const struct fetch_ask ask = {.url = place->url,
                                  .is_concealed = place->is_concealed,
                                  .remedy = EXTERNAL_REMEDY,
                                  .size_max = size_max,
                                  .deadline_ms = s->limits.deadline_ms,
                                  .cancelled = s->o->client.stop};
    struct fetched *file;
    enum status st = fetch_read(&s->external, &ask, &file, err);

    if (st != ST_OK)
        return st;
    *bytes = file->bytes;
    *held = file;
    return ST_OK;
}

static void
local_fetched(void *held)
{
    fetch_end(held);
}

/* Where nothing is run, any workspace has the catalog's tables. */
static bool
any_place(void *context, const struct kql_place *place, void **out, struct err *err)
{
    (void)place, (void)err;
    *out = context;
    return true;
}

static void
begin(struct query_local *s)
{
    query_tables_begin(&s->tables, &s->pool);
    s->environment = (struct kql_environment){
        .table = query_tables_find,
        .table_at = query_tables_at,
        .context = &s->tables,
        .place = s->o->is_check || s->o->is_explain ? any_place : NULL,
        .now = clock_ticks(),
        .parameters = s->o->parameters,
        .parameter_count = s->o->parameter_count,
        .defers_not_built = true,
    };
    s->limits = s->o->limits;
    if (s->o->time_ms > 0)
        s->limits.deadline_ms = clock_monotonic_ms() + s->o->time_ms;
    s->pool.cancelled = s->o->client.stop;
    s->pool.limit = s->limits.memory_max;
    s->pool.deadline_ms = s->limits.deadline_ms;
}

/* Diagnostics as text; needs no escape of the caller. */
static void
print_diagnostics(struct query_local *s, const struct kql_diagnostics *d)
{
    jmp_buf here;
    struct span text;

    s->pool.escape = &here;
    s->pool.limit += 1 << 20; /* also when the query has used up all */
    s->pool.deadline_ms = 0;
    if (setjmp(here) == 0) {
        text = kql_diagnostics_print(&s->pool, d, true);
        fwrite(text.p, 1, text.n, stderr);
    } else {
        fprintf(stderr, "penstock query: no memory to say what is wrong\n");
    }
}

/* ---- by DuckDB ---- */

static enum hunt_shape
hunt_shape_of(enum query_shape shape)
{
    return shape == QUERY_HUNTING           ? HUNT_HUNTING
           : shape == QUERY_SHAPE_WORKSPACE ? HUNT_WORKSPACE
                                            : HUNT_BOTH;
}

static bool
place_find(void *context, const struct kql_place *place, struct hunt_place *out, struct err *err)
{
    const struct query_local *s = context;

    if (!place->is_database && query_workspace_find(&s->duckdb, s->o, place->name, out)) {
        out->shape = s->shape;
        return true;
    }
    (void)err_set(err, ST_INVALID,
                  "there is no workspace '%.*s' here: --workspace-file NAME=FILE gives it one",
                  (int)(place->name.n < 100 ? place->name.n : 100), place->name.p);
    return false;
}

static struct hunt_request
hunt_request_of(struct query_local *s, struct span text)
{
    const struct query_options *o = s->o;

    s->shape = hunt_shape_of(o->shape);
    return (struct hunt_request){
        .text = text,
        .place = o->workspace_file_count > 0 ? place_find : NULL,
        .place_context = s,
        .name = o->workspace_file_count > 0 ? o->workspace_files[0] : NULL,
        .sees_all = true,
        .shape = s->shape,
        .engine = o->workspace_file_count == 0 ? HUNT_MOST : HUNT_BEST,
        .from = INT64_MIN,
        .to = INT64_MAX,
        .now = clock_ticks(),
        .parameters = o->parameters,
        .parameter_count = o->parameter_count,
        .cancelled = o->client.stop,
        .external = &s->external,
        .external_remedy = EXTERNAL_REMEDY,
        .limits = {.time_ms = o->time_ms > 0 ? o->time_ms : DAYS_MS,
                   .answer_rows_max =
                       o->limits.answer_rows_max > 0 ? o->limits.answer_rows_max : UINT64_MAX,
                   .answer_size_max = SIZE_MAX,
                   .memory_max = o->limits.memory_max,
                   .rows_max = o->limits.rows_max},
    };
}

static void
print_rejected(const struct hunt *h)
{
    if (h->rejected.text[0] != '\0')
        fprintf(stderr,
                "penstock query: DuckDB refused the SQL that was made of the query (a fault to be "
                "told of), the row engine ran it: %s\n",
                h->rejected.text);
}

/* Diagnostics and what ended it, as those of the row engine are told. */
static void
print_hunt_end(struct query_local *s, const struct hunt *h, const struct err *err)
{
    print_rejected(h);
    if (h->diagnostics.count > 0)
        print_diagnostics(s, &h->diagnostics);
    if (h->outcome != HUNT_DONE && h->outcome != HUNT_REFUSED)
        fprintf(stderr, "penstock query: %s\n", err->text);
    else if (h->outcome == HUNT_REFUSED && h->diagnostics.error_count == 0)
        fprintf(stderr, "penstock query: %s\n", err->text);
}

/* A cut answer ends the query here, as by the row engine. */
static bool
is_cut(const struct hunt *h, const struct hunt_request *r, struct err *err)
{
    if (h->partial != HUNT_CUT_ROWS)
        return false;
    err_set(err, ST_FULL,
            "the answer has more than %llu rows: summarize or take fewer, or raise the limit of "
            "rows of an answer (max-rows)",
            (unsigned long long)r->limits.answer_rows_max);
    return true;
}

static int
run_hunt(struct query_local *s, struct span text)
{
    struct hunt_request r = hunt_request_of(s, text);
    static struct hunt h;
    struct err err = {""};
    int code = EXIT_REFUSED;
    bool is_done = hunt_run(s->duckdb.workspace, &r, &h, &err) == ST_OK;

    print_hunt_end(s, &h, &err);
    if (is_cut(&h, &r, &err))
        fprintf(stderr, "penstock query: %s\n", err.text);
    else if (is_done)
        code = query_show(s->o->format, &h.answers, NULL);
    hunt_end(&h);
    return code;
}

static int
run_query(struct query_local *s, struct span text)
{
    static struct kql_diagnostics d;
    struct kql_answers answers;
    struct err err = {""};
    bool is_done;

    if (s->duckdb.workspace != NULL)
        return run_hunt(s, text);
    pool_reset(&s->pool);
    begin(s);
    is_done =
        kql_rows_query(&s->pool, text, &s->environment, &s->source, &s->limits, &d, &answers, &err);
    if (d.count > 0)
        print_diagnostics(s, &d);
    if (!is_done) {
        if (err.text[0] != '\0')
            fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    }
    return query_show(s->o->format, &answers, NULL);
}

static const char *
shape_words(enum query_shape shape)
{
    return shape == QUERY_HUNTING           ? "hunting"
           : shape == QUERY_SHAPE_WORKSPACE ? "a workspace"
                                            : "hunting and a workspace";
}

static bool
bind_with(struct query_local *s, enum query_shape shape, struct span text,
          struct kql_diagnostics *d, struct kql_bound *bound)
{
    begin(s);
    s->tables.catalog.is_workspace = shape == QUERY_SHAPE_WORKSPACE;
    s->tables.catalog.has_both = shape == QUERY_BOTH;
    kql_diagnostics_init(d, &s->pool, text);
    return kql_bind(&s->pool, text, &s->environment, d, bound) && bound->plan != NULL;
}

static bool
has_wrong_column(const struct kql_diagnostics *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (!d->items[i].is_warning &&
            (d->items[i].code == KQL_E_COLUMN || d->items[i].code == KQL_E_TYPE))
            return true;
    return false;
}

/* A query says nowhere whether it is meant for hunting (Timestamp) or for a workspace
 * (TimeGenerated), and some are for a portal that has both. If the shape that was asked for lacks a
 * column, or has it with another type, the others are tried; when all fail, the complaints are those
 * of the first. */
static bool
bind_in_some_shape(struct query_local *s, struct span text, struct kql_diagnostics *d,
                   struct kql_bound *bound)
{
    enum query_shape asked = s->o->shape;

    if (bind_with(s, asked, text, d, bound))
        return true;
    if (!has_wrong_column(d))
        return false;
    for (enum query_shape other = QUERY_HUNTING; other < QUERY_SHAPE_COUNT; other++)
        if (other != asked && bind_with(s, other, text, d, bound)) {
            fprintf(stderr, "penstock query: the tables have the shape of %s here\n",
                    shape_words(other));
            return true;
        }
    return bind_with(s, asked, text, d, bound);
}

static bool
check_hunt(struct query_local *s, enum query_shape shape, struct span text, struct hunt *h,
           struct err *err)
{
    struct hunt_request r = hunt_request_of(s, text);

    r.shape = s->shape = hunt_shape_of(shape);
    r.only_checks = r.explains = true;
    return hunt_run(s->duckdb.workspace, &r, h, err) == ST_OK;
}

/* The same by DuckDB. */
static int
show_hunt(struct query_local *s, struct span text)
{
    enum query_shape asked = s->o->shape, shape = asked;
    static struct hunt h;
    struct err err = {""};
    int code = EXIT_REFUSED;
    bool is_done = check_hunt(s, asked, text, &h, &err);

    for (enum query_shape other = QUERY_HUNTING;
         !is_done && other < QUERY_SHAPE_COUNT && has_wrong_column(&h.diagnostics); other++)
        if (other != asked) {
            hunt_end(&h);
            is_done = check_hunt(s, shape = other, text, &h, &err);
        }
    if (!is_done && shape != asked) { /* the first one's complaints */
        hunt_end(&h);
        is_done = check_hunt(s, asked, text, &h, &err);
    } else if (shape != asked) {
        fprintf(stderr, "penstock query: the tables have the shape of %s here\n",
                shape_words(shape));
    }
    print_hunt_end(s, &h, &err);
    if (is_done && s->o->is_explain) {
        fwrite(h.explanation.p, 1, h.explanation.n, stdout);
        code = query_end_output();
    } else if (is_done) {
        const struct kql_schema *schema = &h.answers.items[h.answers.count - 1].schema;

        if (query_print_schema(stdout, s->o->format, schema, &err) != ST_OK)
            fprintf(stderr, "penstock query: %s\n", err.text);
        else
            code = query_end_output();
        if (schema->is_open)
            fputs("penstock query: more columns may come, which only the rows tell\n", stderr);
    }
    hunt_end(&h);
    return code;
}

/* --check and --explain: nothing is run. */
static int
show_plan(struct query_local *s, struct span text)
{
    static struct kql_diagnostics d;
    static struct kql_bound bound;
    jmp_buf here;
    struct err err = {""};
    struct span printed;

    if (s->duckdb.workspace != NULL)
        return show_hunt(s, text);
    s->pool.escape = &here;
    d.count = 0;
    bound.plan = NULL;
    if (setjmp(here) != 0) {
        fprintf(stderr, "penstock query: %s\n", s->pool.reason.text);
        return EXIT_REFUSED;
    }
    if (!bind_in_some_shape(s, text, &d, &bound)) {
        print_diagnostics(s, &d);
        return EXIT_REFUSED;
    }
    if (s->o->is_explain) {
        printed = kql_plan_print(&s->pool, bound.plan);
        fwrite(printed.p, 1, printed.n, stdout);
    } else if (query_print_schema(stdout, s->o->format, &bound.plan->schema, &err) != ST_OK) {
        fprintf(stderr, "penstock query: %s\n", err.text);
        return EXIT_REFUSED;
    } else if (bound.plan->schema.is_open) {
        fputs("penstock query: more columns may come, which only the rows tell\n", stderr);
    }
    if (d.count > 0)
        print_diagnostics(s, &d);
    return query_end_output();
}

/* ---- batches ---- */

/* The id as it came, to be given back. */
static struct span
id_text(const json_t *id, char **text)
{
    *text = id == NULL ? NULL : json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT);
    return *text == NULL ? SPAN_LITERAL("null") : span_of(*text);
}

/* The answer, or the first error, as a line. */
static void
batch_print(struct span id, const struct kql_answers *answers, const struct kql_diagnostics *d,
            const char *kind, struct err *err)
{
    uint32_t first = 0;

    while (first + 1 < d->count && d->items[first].is_warning)
        first++;
    if (answers != NULL && answers->count == 0)
        query_print_error(stdout, id, "KQL001", "the text holds no query", NULL);
    else if (answers != NULL && query_print_batch(stdout, id, answers, err) != ST_OK)
        query_print_error(stdout, id, "limit", err->text, NULL);
    else if (answers == NULL && d->error_count > 0)
        query_print_error(stdout, id, kql_code_name(d->items[first].code), d->items[first].text, d);
    else if (answers == NULL)
        query_print_error(stdout, id, kind, err->text, NULL);
}

static void
batch_hunt(struct query_local *s, struct span id, struct span text)
{
    struct hunt_request r = hunt_request_of(s, text);
    static struct hunt h;
    struct err err = {""};
    bool is_done = hunt_run(s->duckdb.workspace, &r, &h, &err) == ST_OK;

    print_rejected(&h);
    is_done = is_done && !is_cut(&h, &r, &err);
    batch_print(id, is_done ? &h.answers : NULL, &h.diagnostics,
                h.outcome == HUNT_FAILED || h.outcome == HUNT_REFUSED ? "run"
                : h.outcome == HUNT_BROKEN                            ? "database"
                                                                      : "limit",
                &err);
    hunt_end(&h);
}

static void
batch_query(struct query_local *s, struct span id, struct span text)
{
    static struct kql_diagnostics d;
    struct kql_answers answers;
    struct err err = {""};
    bool is_done;

    if (s->duckdb.workspace != NULL) {
        batch_hunt(s, id, text);
        return;
    }
    pool_reset(&s->pool);
    begin(s);
    is_done =
        kql_rows_query(&s->pool, text, &s->environment, &s->source, &s->limits, &d, &answers, &err);
    batch_print(id, is_done ? &answers : NULL, &d, s->pool.why == POOL_ABANDONED ? "run" : "limit",
                &err);
}

int
query_local_batch(struct query_local *s)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;

    while ((size = getline(&line, &room, stdin)) > 0) {
        json_error_t where;
        json_t *root = NULL;
        const char *query = NULL;
        char *id = NULL;
        struct span id_json;

        if (size <= BATCH_LINE_MAX)
            root = json_loadb(line, (size_t)size, JSON_ALLOW_NUL, &where);
        if (json_is_object(root))
            query = json_string_value(json_object_get(root, "query"));
        id_json = id_text(json_object_get(root, "id"), &id);
        if (query == NULL)
            query_print_error(stdout, id_json, "usage",
                              "a line of a batch is {\"id\": ..., \"query\": \"...\"}", NULL);
        else
            batch_query(s, id_json,
                        (struct span){query, json_string_length(json_object_get(root, "query"))});
        free(id);
        json_decref(root);
        if (fflush(stdout) != 0)
            break;
    }
    free(line);
    return query_end_output();
}

/* ---- what of it needs a daemon ---- */

struct probe {
    struct query_local *l;
    bool is_foreign; /* it names what is not here */
};

static bool
probe_table(void *context, struct span name, struct kql_table *out)
{
    struct probe *p = context;
    bool is_found = query_tables_find(&p->l->tables, name, out);

    p->is_foreign = p->is_foreign || (is_found && out->handle == NULL);
    return is_found;
}

/* A wildcard: all that the workspace has. */
static bool
probe_table_at(void *context, size_t index, struct kql_table *out)
{
    struct probe *p = context;

    p->is_foreign = p->is_foreign || p->l->tables.count == 0;
    return query_tables_at(&p->l->tables, index, out);
}

static bool
probe_function(void *context, struct span name, struct span *text)
{
    struct probe *p = context;
    struct kql_table table;

    (void)text;
    if (!query_tables_find(&p->l->tables, name, &table))
        p->is_foreign = true;
    return false;
}

/* Workspaces are the daemon's. */
static bool
probe_place(void *context, const struct kql_place *place, void **out, struct err *err)
{
    struct probe *p = context;

    (void)place, (void)err;
    p->is_foreign = true;
    *out = context;
    return true;
}

static bool
is_syntax_error(const struct kql_diagnostics *d)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->items[i].code == KQL_E_SYNTAX || d->items[i].code == KQL_E_TEXT)
            return true;
    return false;
}

bool
query_local_suffices(struct query_local *l, struct span text)
{
    static struct kql_diagnostics d;
    static struct kql_bound bound;
    struct probe probe = {l, false};
    struct kql_environment e;
    jmp_buf here;

    pool_reset(&l->pool);
    begin(l);
    l->pool.escape = &here;
    e = l->environment;
    e.table = probe_table;
    e.table_at = probe_table_at;
    e.function = probe_function;
    e.place = probe_place;
    e.context = &probe;
    if (setjmp(here) != 0)
        return true;
    kql_diagnostics_init(&d, &l->pool, text);
    if (kql_bind(&l->pool, text, &e, &d,
                 &bound)) /* a daemon may be allowed to read what this is not */
        return !probe.is_foreign && (!bound.reads_external || l->o->external.prefix_count > 0);
    return is_syntax_error(&d) || !probe.is_foreign;
}

void
query_local_complain(struct query_local *l, struct span text)
{
    static struct kql_diagnostics d;
    static struct kql_bound bound;
    jmp_buf here;

    pool_reset(&l->pool);
    l->pool.escape = &here;
    if (setjmp(here) == 0 && !bind_in_some_shape(l, text, &d, &bound))
        print_diagnostics(l, &d);
}

int
query_local_run(struct query_local *l, struct span text)
{
    return l->o->is_check || l->o->is_explain ? show_plan(l, text) : run_query(l, text);
}

/* ---- from first to last ---- */

int
query_local_open(const struct query_options *o, const struct catalog *catalog,
                 struct query_local **out)
{
    struct query_local *l = calloc(1, sizeof *l);
    struct err err = {""};
    enum status st = ST_OK;

    *out = NULL;
    if (l == NULL) {
        fprintf(stderr, "penstock query: no memory\n");
        return EXIT_UNREACHABLE;
    }
    l->o = o;
    pool_init(&l->pool, o->limits.memory_max);
    query_tables_init(&l->tables, catalog, o->shape == QUERY_SHAPE_WORKSPACE,
                      o->shape == QUERY_BOTH);
    l->tables.only_checks = o->is_check || o->is_explain;
    l->source = query_tables_source;
    l->source.context = &l->tables;
    l->external = o->external;
    l->external.prefixes = o->prefixes;
    l->source.fetch = local_fetch;
    l->source.fetched = local_fetched;
    l->source.fetched_size_max = (size_t)o->external.size_max;
    for (size_t i = 0; i < o->table_count && st == ST_OK; i++)
        st = query_tables_add(&l->tables, o->tables[i], &err);
    if (st == ST_OK && o->is_duckdb)
        st = query_workspace_open(&l->duckdb, o, &l->tables, &err);
    if (st == ST_OK) {
        *out = l;
        return EXIT_DONE;
    }
    fprintf(stderr, "penstock query: %s\n", err.text);
    query_local_close(l);
    return EXIT_REFUSED;
}

void
query_local_close(struct query_local *l)
{
    if (l == NULL)
        return;
    query_workspace_close(&l->duckdb);
    pool_free(&l->pool);
    query_tables_free(&l->tables);
    free(l);
}
