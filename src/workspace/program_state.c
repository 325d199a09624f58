/* program_state.c - an aggregate of the library over rows of a program's arguments: what its calls are told, its states. */
#include "kql/dynamic.h"
#include "workspace/program_inner.h"
#include <assert.h>

/* What one result of several needs, if not all. */
struct choice {
    const struct kql_expr **arguments;
    uint32_t count;
    uint32_t result, result_count; /* which of those that it gives then */
    enum kql_type type;
};

static struct choice
choose(struct pool *p, const struct kql_expr *e, uint32_t result)
{
    uint32_t leading = e->function->aggregate->leading;
    struct choice c = {.arguments = pool_zeroed(p, (size_t)e->count + 2, sizeof(void *)),
                       .count = e->count,
                       .result = result,
                       .result_count = e->result_count > 1 ? e->result_count : 1,
                       .type = (enum kql_type)(result == UINT32_MAX ? KQL_DYNAMIC : e->type)};

    memcpy(c.arguments, e->arguments, e->count * sizeof(void *));
    if (result == UINT32_MAX || c.result_count == 1)
        return c;
    assert(result < c.result_count);
    if (leading ==
        0) { /* a row's: of two, even where both are one, as take_any() tells one from several */
        c.arguments[1] = e->arguments[result];
        c.type = (enum kql_type)e->arguments[result]->type;
        c.count = c.result_count = 2;
        c.result = result == 0 ? 0 : 1;
    } else {
        c.arguments[leading] = e->arguments[leading + result];
        c.count = leading + 1;
        c.result = 0;
        c.result_count = 1;
    }
    return c;
}

/* What the call is told of its arguments, as the row engine tells it. */
static bool
prepare_call(struct program_aggregate *a, struct pool *p, const struct kql_expr *e,
             const struct choice *c, int64_t now, struct err *err)
{
    uint8_t *types = pool_zeroed(p, (size_t)c->count + 1, 1);
    const struct kql_value **constants = pool_zeroed(p, (size_t)c->count + 1, sizeof *constants);

    for (uint32_t i = 0; i < c->count; i++) {
        const struct kql_expr *argument = c->arguments[i];

        if (argument->kind == KQL_EXPR_CONST)
            constants[i] = &argument->value;
        types[i] =
            argument->kind == KQL_EXPR_CONVERT ? argument->arguments[0]->type : argument->type;
    }
    a->call =
        (struct kql_call){.types = types, .result_type = e->type, .count = c->count, .now = now};
    if (e->function->prepare != NULL)
        a->call.prepared = e->function->prepare(p, constants, c->count, err);
    return err->text[0] == '\0';
}

void
program_aggregate_free(const struct program_aggregate *a)
{
    if (a->call.prepared != NULL && a->function->release != NULL)
        a->function->release(a->call.prepared);
}

static struct kql_value
result_of_none(const struct program_aggregate *a, struct programs *p)
{
    struct kql_random random;
    struct program program = {.aggregate = a};
    struct program_run run = {.program = &program, .call = a->call};

    kql_random_seed(&random, (uint64_t)p->options.now);
    run.call.pool = p->options.pool;
    run.call.random = &random;
    run.results = pool_zeroed(p->options.pool, a->result_count, sizeof *run.results);
    return program_state_finish(&run, program_state_new(&run));
}

struct program *
program_aggregate_new(struct programs *p, const struct kql_expr *call, uint32_t result,
                      const struct kql_schema *schema, struct err *err)
{
    const struct kql_aggregate *code = call->function->aggregate;
    struct program_aggregate *a;
    struct program *program;
    struct choice c;

    err->text[0] = '\0';
    if (code == NULL || (call->function->flags & KQL_F_NOT_BUILT) != 0)
        return NULL;
    c = choose(p->options.pool, call, result);
    a = pool_zeroed(p->options.pool, 1, sizeof *a);
    *a = (struct program_aggregate){.function = call->function,
                                    .code = code,
                                    .result = c.result,
                                    .result_count = c.result_count};
    program = program_new(p, c.arguments, c.count, schema, c.type, err);
    if (program == NULL || !program_enter(program, err)) /* from here on it is released with 'p' */
        return NULL;
    program->aggregate = a;
    return prepare_call(a, p->options.pool, call, &c, p->options.now, err) ? program : NULL;
}

void
program_describe(const struct program *program, const char *function, struct program_call *out)
{
    *out = (struct program_call){.function = function,
                                 .number = program->number,
                                 .type = program->type,
                                 .columns = program->columns,
                                 .count = program->column_count};
    if (program->aggregate != NULL)
        out->of_none = result_of_none(program->aggregate, program->owner);
}

/* ---- states ---- */

void
program_aggregate_begin(struct program_run *run)
{
    const struct program_aggregate *a = run->program->aggregate;
    size_t room = (size_t)a->call.count + a->result_count + 1;

    if (run->results == NULL)
        run->results = pool_zeroed(&run->keep, room, sizeof *run->results);
    run->call = a->call;
    run->call.pool = &run->keep;
    run->call.random = &run->random;
}

void *
program_state_new(struct program_run *run)
{
    const struct kql_aggregate *code = run->program->aggregate->code;
    void *state = pool_zeroed(run->call.pool, 1, code->state_size + 1);

    if (code->start != NULL)
        code->start(&run->call, state);
    return state;
}

void
program_state_add(struct program_run *run, void *state)
{
    const struct program_aggregate *a = run->program->aggregate;

    for (uint32_t i = 0; i < a->call.count; i++)
        kql_eval(&run->run, run->program->code, i, &run->results[i]);
    a->code->add(&run->call, state, run->results);
}

struct kql_value
program_state_finish(struct program_run *run, void *state)
{
    const struct program_aggregate *a = run->program->aggregate;

    for (uint32_t i = 0; i < a->result_count; i++)
        run->results[i] = kql_null((enum kql_type)run->call.result_type);
    a->code->finish(&run->call, state, run->results);
    return a->result == UINT32_MAX ? kql_array_of(run->call.pool, run->results, a->result_count)
                                   : run->results[a->result];
}
