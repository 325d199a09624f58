/* kusto_routes.c - the three routes of the Kusto door. A text that begins with '.' is a command, wherever it is sent. */
#include "api/hunting_parse.h"
#include "api/kusto.h"
#include <stdlib.h>

enum { ASK_MEMORY_MAX = 64 << 20 /* of a request's parameters, and of a command */ };

struct asking {
    struct call *call;
    struct kusto_call k;
    struct kusto_ask ask;
    struct pool pool;
    struct hunting_text out;
    bool is_v2, only_commands;
    unsigned status;
};

static void
tell(struct asking *a, const struct kusto_error *e)
{
    kusto_put_error(&a->out, &a->k, e);
    a->status = e->status;
}

static void
tell_invalid(struct asking *a, const char *message)
{
    const struct kusto_error e = {.status = 400,
                                  .code = "General_BadRequest",
                                  .type = "Kusto.Data.Exceptions.KustoBadRequestException",
                                  .message = message,
                                  .is_permanent = true};

    tell(a, &e);
}

static void
put_result(struct asking *a, struct kusto_result *r)
{
    a->status = 200;
    if (a->is_v2)
        kusto_put_v2(&a->out, &a->k, &a->ask, r);
    else
        kusto_put_v1(&a->out, &a->k, r);
}

static size_t
size_least(const struct call *c, const struct kusto_ask *ask)
{
    uint64_t most = c->control->config->hunting.answer_size_max;

    return (size_t)(ask->size_max < most ? ask->size_max : most);
}

/* ---- commands ---- */

static void
command_run(struct asking *a)
{
    struct kql_answers answers;
    struct kusto_error e;
    struct err err = {""};

    if (kusto_command(a->call, &a->pool, &a->ask, &answers, &e, &err) != ST_OK) {
        tell(a, &e);
        return;
    }
    struct kusto_result result = {
        .answers = answers.items, .count = answers.count, .size_max = size_least(a->call, &a->ask)};

    put_result(a, &result);
}

/* ---- queries ---- */

static void
query_run(struct asking *a)
{
    const struct config *config = a->call->control->config;
    uint64_t rows_max = a->ask.rows_max < config->hunting.answer_row_max
                            ? a->ask.rows_max
                            : config->hunting.answer_row_max;
    bool takes = a->ask.take_max > 0 && a->ask.take_max <= rows_max;
    struct hunting_ask ask = {
        .workspace = a->ask.workspace,
        .database = kusto_database_named,
        .text = a->ask.csl,
        .shape = a->ask.shape,
        .from = INT64_MIN,
        .to = INT64_MAX,
        .time_ms = a->ask.time_ms,
        .rows_max = takes ? a->ask.take_max : rows_max,
        .size_max = size_least(a->call, &a->ask),
        .parameters = a->ask.parameters,
        .parameter_count = a->ask.parameter_count,
    };
    struct hunt hunt;
    struct err err = {""};
    enum status st;

    if (!hunting_run(a->call, &ask, &hunt, &st, &err)) {
        const struct kusto_error e = {.status = 400,
                                      .code = "BadRequest_DatabaseNotExist",
                                      .type = "Kusto.Data.Exceptions.DatabaseNotFoundException",
                                      .message = err.text,
                                      .is_permanent = true};

        tell(a, &e);
        return;
    }
    if (st == ST_OK) {
        struct kusto_result result = {.answers = hunt.answers.items,
                                      .count = hunt.answers.count,
                                      .statistics = &hunt.statistics,
                                      .size_max = ask.size_max};

        if (hunt.partial == HUNT_CUT_ROWS && !takes)
            result.cut_rows = ask.rows_max;
        else if (hunt.partial == HUNT_CUT_SIZE)
            result.cut_size = ask.size_max;
        put_result(a, &result);
    } else {
        a->status = kusto_put_failure(&a->out, &a->k, &hunt, &err);
    }
    hunt_end(&hunt);
}

/* ---- one request ---- */

static void
ask_run(struct asking *a, const json_t *body)
{
    struct err err = {""};
    jmp_buf here;

    if (setjmp(here) != 0) {
        hunting_text_cut(&a->out, 0);
        tell_invalid(a, "the request needs too much memory");
        return;
    }
    a->pool.escape = &here;
    if (kusto_ask_read(&a->pool, body, &a->ask, &err) != ST_OK)
        tell_invalid(a, err.text);
    else if (a->ask.csl.p[strspn(a->ask.csl.p, " \t\r\n")] == '.')
        command_run(a);
    else if (a->only_commands)
        tell_invalid(a, "csl is no command: a command begins with '.', a query goes to "
                        "/v2/rest/query");
    else
        query_run(a);
    a->pool.escape = NULL;
}

static void
answer(struct call *c, struct http_reply *reply, bool is_v2, bool only_commands)
{
    struct asking *a = calloc(1, sizeof *a);
    struct err err = {""};
    json_t *body;

    if (a == NULL) {
        http_reply_error(reply, 503, "ServiceUnavailable", "no memory for the request");
        return;
    }
    a->call = c;
    a->is_v2 = is_v2;
    a->only_commands = only_commands;
    kusto_call_begin(c, &a->k);
    pool_init(&a->pool, ASK_MEMORY_MAX);
    body = hunting_json_read((struct span){c->body, c->body_size}, &err);
    if (body == NULL)
        tell_invalid(a, err.text);
    else
        ask_run(a, body);
    hunting_reply(c, reply, a->status, &a->out);
    if (reply->status == 429 || reply->status == 503)
        reply->retry_after_s = HUNTING_RETRY_S;
    call_header(reply, "x-ms-activity-id", a->k.activity_id);
    json_decref(body);
    pool_free(&a->pool);
    free(a);
}

void
kusto_query_v2(struct call *c, struct http_reply *reply)
{
    answer(c, reply, true, false);
}

void
kusto_query_v1(struct call *c, struct http_reply *reply)
{
    answer(c, reply, false, false);
}

void
kusto_mgmt(struct call *c, struct http_reply *reply)
{
    answer(c, reply, false, true);
}
