/* hunt.c - a query from its text to its answers: a seat, the tables it may see, the plan, the run, and what to say of its
 * end. */
#include "base/clock.h"
#include "workspace/hunt_inner.h"
#include <assert.h>
#include <time.h>

const struct hunt_limits hunt_limits_default = {
    .time_ms = 180000,
    .answer_rows_max = 500000,
    .answer_size_max = (size_t)64 << 20,
    .memory_max = (size_t)512 << 20,
    .rows_max = 100000000,
};

/* ---- seats ---- */

void
hunt_seats_use(struct workspace *w, unsigned seats)
{
    assert(seats >= 1 && seats <= 1024);
    hunt_seats_resize(&w->seats, seats);
}

void
hunt_seats_look(struct workspace *w, struct hunt_seats_state *out)
{
    struct hunt_seats *s = &w->seats;

    pthread_mutex_lock(&s->lock);
    *out = (struct hunt_seats_state){.seats = s->count,
                                     .running = s->running_count,
                                     .waiting = s->waiting_count,
                                     .given = s->turn,
                                     .refused = s->refused,
                                     .rejected = s->rejected};
    pthread_mutex_unlock(&s->lock);
}

/* ---- ends ---- */

static enum status
end(struct hunt *out, enum hunt_outcome outcome, enum status st)
{
    out->outcome = outcome;
    return st;
}

static bool
is_cancelled(const struct hunt_request *r)
{
    return r->cancelled != NULL && atomic_load(r->cancelled);
}

static enum status
end_late(struct hunt *out, const struct hunt_limits *l, struct err *err)
{
    return end(
        out, HUNT_LATE,
        err_set(err, ST_FULL,
                "the query took longer than the %lld s it may: look at less time or at fewer "
                "columns, filter before you join or summarize, or allow it more time",
                (long long)(l->time_ms + 999) / 1000));
}

static enum status
end_cancelled(struct hunt *out, struct err *err)
{
    return end(out, HUNT_CANCELLED, err_set(err, ST_FULL, "the query was cancelled"));
}

static enum status
end_refused(struct hunt *out, struct err *err)
{
    const struct kql_diagnostics *d = &out->diagnostics;
    uint32_t first = 0;

    while (first + 1 < d->count && d->items[first].is_warning)
        first++;
    if (d->error_count == 0)
        err_set(err, ST_INVALID, "the text holds no query");
    else
        err_set(err, ST_INVALID, "line %u, column %u: %s: %s", d->items[first].line,
                d->items[first].column, kql_code_name(d->items[first].code), d->items[first].text);
    return end(out, HUNT_REFUSED, ST_INVALID);
}

/* The run has ended with 'err'; what kind of end it was. */
static enum status
end_failed(const struct hunting *h, struct hunt *out, const struct hunt_limits *l, struct err *err)
{
    if (h->failure == HUNT_CANCELLED || out->pool.why == POOL_CANCELLED)
        return end_cancelled(out, err);
    if (h->failure == HUNT_LATE || out->pool.why == POOL_LATE)
        return end_late(out, l, err);
    if (h->failure == HUNT_FAILED)
        return end(out, HUNT_FAILED, ST_INVALID);
    if (h->failure == HUNT_SPENT)
        return end(
            out, HUNT_SPENT,
            err_set(err, ST_FULL,
                    "the query needs more memory than it or the database may hold: look at less "
                    "time or at fewer columns, filter before you join or summarize, or "
                    "raise the workspace's memory"));
    if (h->failure != HUNT_DONE)
        return end(out, HUNT_BROKEN, ST_IO);
    if (out->pool.why == POOL_SPENT)
        return end(out, HUNT_SPENT,
                   err_set(err, ST_FULL,
                           "the query needs more than the %zu MiB of memory it may: look at less "
                           "time or at fewer columns, filter before you join or summarize, or "
                           "allow it more memory",
                           l->memory_max >> 20));
    if (out->pool.why == POOL_EXCEEDED)
        return end(out, HUNT_SPENT, ST_FULL);
    return end(out, HUNT_FAILED, ST_INVALID);
}

/* ---- the run ---- */

static struct kql_environment
environment_of(struct hunting *h)
{
    const struct hunt_request *r = h->request;

    return (struct kql_environment){
        .table = hunt_table,
        .table_at = hunt_table_at,
        .context = &h->main,
        .place = r->place != NULL ? hunt_place : NULL,
        .beside = h->beside,
        .beside_count = h->beside_count,
        .now = r->now,
        .parameters = r->parameters,
        .parameter_count = r->parameter_count,
        .defers_not_built = true,
        .function = hunt_function,
    };
}

static const struct kql_op *
external_rows(void *context, const struct kql_op *op, size_t cells_max)
{
    const struct hunting *h = context;

    return kql_rows_external(h->rows, op, cells_max);
}

const struct kql_op *
hunt_split(struct hunting *h, const struct kql_op *plan, enum kql_rows_purpose purpose)
{
    const struct hunt_request *r = h->request;
    const struct programs_options programs = {.pool = h->pool,
                                              .now = r->now,
                                              .deadline_ms = h->deadline_ms,
                                              .memory_max = h->pool->limit,
                                              .cancelled = r->cancelled,
                                              .gives_no_lists = h->gives_no_lists};
    struct hunt_plan *made, **last = &h->plans;
    struct err err = {""};

    if (h->programs == NULL && programs_new(&programs, &h->programs, &err) != ST_OK)
        pool_abandon(h->pool, "%s", err.text);
    h->has_discovered = h->has_discovered || purpose == KQL_ROWS_DISCOVERED;

    const struct sql_options options = {.pool = h->pool,
                                        .programs = h->programs,
                                        .tables_only = h->engine == HUNT_ROWS_ONLY,
                                        .carries_all = h->engine == HUNT_MOST,
                                        .keeps_materialized =
                                            h->has_discovered || purpose == KQL_ROWS_ANSWERS,
                                        .external = h->rows != NULL ? external_rows : NULL,
                                        .context = h};
    if (h->environment_count > 1 && !options.tables_only)
        plan = sql_spread(h->pool, plan);

    const struct kql_op *split = sql_split(&options, plan);

    if (purpose != KQL_ROWS_DISCOVERED) {
        made = pool_zeroed(h->pool, 1, sizeof *made);
        *made = (struct hunt_plan){NULL, plan, split};
        while (*last != NULL)
            last = &(*last)->next;
        *last = made;
    }
    return split;
}

/* What the database refused, and how the query was run. Without what the query wants hidden. */
static void
explain(struct hunting *h, struct hunt *out)
{
    struct span text = {"", 0};

    if (out->rejected.text[0] != '\0')
        text =
            pool_printf(h->pool,
                        "The database refused the SQL that was made of this query, so all but "
                        "reading tables is done by the row engine (a fault to be told of): %s\n\n",
                        out->rejected.text);
    for (const struct hunt_plan *p = h->plans; p != NULL; p = p->next) {
        struct span one = sql_explain(h->pool, p->bound, p->split);

        text = pool_printf(h->pool, "%.*s%s%.*s", (int)text.n, text.p, p == h->plans ? "" : "\n",
                           (int)one.n, one.p);
    }
    kql_conceal_message(h->pool, h->request->text, (char *)(uintptr_t)text.p);
    out->explanation = text;
}

static size_t
external_size_of(const struct hunt_request *r)
{
    return r->external != NULL ? (size_t)r->external->size_max : 0;
}

static enum status
run(struct hunting *h, struct hunt *out, const struct hunt_limits *l, struct err *err)
{
    const struct kql_rows_limits limits = {.memory_max = l->memory_max,
                                           .rows_max = l->rows_max,
                                           .answer_rows_max = l->answer_rows_max,
                                           .deadline_ms = h->deadline_ms,
                                           .cuts_answers = true,
                                           .answer_size_max = l->answer_size_max};
    struct kql_environment environment = environment_of(h);
    struct kql_rows_source source = hunt_source;

    source.context = h;
    source.fetched_size_max = external_size_of(h->request);
    if (!kql_rows_query(h->pool, h->request->text, &environment, &source, &limits,
                        &out->diagnostics, &out->answers, err))
        return out->diagnostics.error_count > 0 && h->failure == HUNT_DONE &&
                       out->pool.why == POOL_GOES_ON
                   ? end_refused(out, err)
                   : end_failed(h, out, l, err);
    out->partial = out->answers.cut == KQL_ANSWERS_CUT_ROWS   ? HUNT_CUT_ROWS
                   : out->answers.cut == KQL_ANSWERS_CUT_SIZE ? HUNT_CUT_SIZE
                                                              : HUNT_WHOLE;
    out->statistics.rows = out->answers.row_count;
    out->statistics.size = out->answers.size;
    return end(out, HUNT_DONE, ST_OK);
}

static void
check_plans(struct hunting *h, struct hunt *out, const struct kql_bound *bound)
{
    out->answers.items = pool_zeroed(h->pool, bound->plan_count, sizeof *out->answers.items);
    for (uint32_t i = 0; i < bound->plan_count; i++) {
        const struct kql_op *plan = bound->plans[i];

        out->answers.items[i] =
            (struct kql_answer){.name = SPAN_LITERAL("PrimaryResult"),
                                .schema = plan->schema,
                                .render = plan->kind == KQL_OP_RENDER ? plan : NULL};
        if (h->request->explains)
            hunt_split(h, plan, bound->plan_count > 1 ? KQL_ROWS_ANSWERS : KQL_ROWS_ANSWER);
    }
    out->answers.count = bound->plan_count;
}

/* Binds without running: schema and plan. Answers are without rows. */
static enum status
check(struct hunting *h, struct hunt *out, const struct hunt_limits *l, struct err *err)
{
    struct kql_environment environment = environment_of(h);
    struct kql_bound bound;
    jmp_buf here;

    h->pool->escape = &here;
    if (setjmp(here) != 0) {
        h->pool->escape = NULL;
        err_set(err, ST_INVALID, "%s", h->pool->reason.text);
        return end_failed(h, out, l, err);
    }
    kql_diagnostics_init(&out->diagnostics, h->pool, h->request->text);
    if (!kql_bind(h->pool, h->request->text, &environment, &out->diagnostics, &bound)) {
        h->pool->escape = NULL;
        return end_refused(out, err);
    }
    check_plans(h, out, &bound);
    h->pool->escape = NULL;
    return end(out, HUNT_DONE, ST_OK);
}

/* After the run, whose answers must not be lost because there is no room to explain them. */
static void
try_explain(struct hunting *h, struct hunt *out)
{
    jmp_buf here;

    h->pool->escape = &here;
    h->pool->deadline_ms = 0;
    h->pool->cancelled = NULL;
    h->pool->limit += (size_t)16 << 20;
    if (setjmp(here) == 0)
        explain(h, out);
    else
        out->explanation = SPAN_LITERAL("no memory to explain it\n");
    h->pool->escape = NULL;
}

/* Once, by one engine. */
static enum status
attempt(struct hunting *h, struct hunt *out, const struct hunt_limits *l, struct err *err)
{
    const struct hunt_request *request = h->request;
    enum status st = hunt_environment_open(h, err);

    if (st != ST_OK) {
        hunt_environment_close(h);
        return end(out, st == ST_INVALID ? HUNT_REFUSED : HUNT_SPENT, st);
    }
    out->pool.deadline_ms = h->deadline_ms;
    out->pool.cancelled = request->cancelled;
    hunt_connections_open(&h->connections, h->deadline_ms, request->cancelled);
    st = request->only_checks ? check(h, out, l, err) : run(h, out, l, err);
    hunt_source_close(h);
    if (st == ST_OK && request->explains)
        try_explain(h, out);
    hunt_connections_close(&h->connections);
    h->lists_spent = h->programs != NULL && programs_lists_spent(h->programs);
    programs_free(h->programs);
    hunt_environment_close(h);
    return st;
}

static enum status
attempt_again(struct hunting *h, struct hunt *out, const struct hunt_limits *l, struct err *err)
{
    pool_reset(&out->pool);
    out->answers = (struct kql_answers){0};
    out->diagnostics.count = out->diagnostics.error_count = 0;
    *h = (struct hunting){.workspace = h->workspace,
                          .request = h->request,
                          .pool = h->pool,
                          .deadline_ms = h->deadline_ms,
                          .gives_no_lists = h->lists_spent,
                          .engine = h->is_rejected ? HUNT_ROWS_ONLY : h->engine};
    return attempt(h, out, l, err);
}

/* SQL of ours that the database does not take is our fault, and nobody's hunt should end by it. And lists that DuckDB wants for many
 * rows at once the row engine makes item by item. */
static enum status
work(struct workspace *w, const struct hunt_request *request, const struct hunt_limits *l,
     int64_t deadline_ms, struct hunt *out, struct err *err)
{
    struct hunting h = {.workspace = w,
                        .request = request,
                        .pool = &out->pool,
                        .deadline_ms = deadline_ms,
                        .engine = request->engine};
    struct err first = {""};
    enum status st = attempt(&h, out, l, &first);

    if (st != ST_OK && h.is_rejected && h.engine != HUNT_ROWS_ONLY) {
        out->rejected = first;
        hunt_seats_count_rejected(&w->seats);
        return attempt_again(&h, out, l, err);
    }
    if (st != ST_OK && h.lists_spent)
        return attempt_again(&h, out, l, err);
    if (st != ST_OK && err != NULL)
        *err = first;
    return st;
}

static int64_t
cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct hunt_limits
limits_of(const struct hunt_limits *asked)
{
    struct hunt_limits l = *asked;

    if (l.time_ms <= 0)
        l.time_ms = hunt_limits_default.time_ms;
    if (l.answer_rows_max == 0)
        l.answer_rows_max = hunt_limits_default.answer_rows_max;
    if (l.answer_size_max == 0)
        l.answer_size_max = hunt_limits_default.answer_size_max;
    if (l.memory_max == 0)
        l.memory_max = hunt_limits_default.memory_max;
    if (l.rows_max == 0)
        l.rows_max = hunt_limits_default.rows_max;
    return l;
}

enum status
hunt_run(struct workspace *w, const struct hunt_request *request, struct hunt *out, struct err *err)
{
    const struct hunt_limits limits = limits_of(&request->limits);
    const int64_t begun = clock_monotonic_ms(), cpu = cpu_ms(), deadline = begun + limits.time_ms;
    const char *tenant = request->sees_all           ? "*"
                         : request->tenant_count > 0 ? request->tenants[0]
                                                     : "";
    struct hunt_seat seat;
    enum status st = ST_OK;

    memset(out, 0, sizeof *out);
    pool_init(&out->pool, limits.memory_max);
    if (!request->only_checks)
        st = hunt_seat_take(&w->seats, &seat, tenant, deadline, request->cancelled);
    out->statistics.waited_ms = clock_monotonic_ms() - begun;
    if (st != ST_OK && is_cancelled(request)) {
        st = end_cancelled(out, err);
    } else if (st != ST_OK) {
        st = end(out, HUNT_BUSY,
                 err_set(err, ST_FULL,
                         "too many queries run on this workspace, and none ended within %lld s: "
                         "ask again later, or allow more at once",
                         (long long)(limits.time_ms + 999) / 1000));
    } else {
        st = work(w, request, &limits, deadline, out, err);
        if (!request->only_checks)
            hunt_seat_leave(&w->seats, &seat);
    }
    out->statistics.memory_peak = out->pool.peak;
    out->statistics.cpu_ms = cpu_ms() - cpu;
    out->statistics.wall_ms = clock_monotonic_ms() - begun;
    return st;
}

void
hunt_end(struct hunt *h)
{
    pool_free(&h->pool);
}
