/* eval.c - runs compiled expressions. Every node is a pair of functions: one gives its value, one
 * (of bools) its truth, so that a predicate makes no values on its way.
 *
 * The memory of a run, one piece:
 *     slot 0: the number of the row | slots of shared sub-expressions | arguments of all calls
 * Arguments that are constants were put there once, so a call only computes those that vary. A node
 * is never entered again while it runs (expressions do not recurse), so its arguments can stand at a
 * fixed place.
 *
 * Null rules: a function that does not take nulls gives null for one (strings are never null); 'and',
 * 'or' are three-valued; iff and case take a null condition for false; coalesce passes over nulls
 * and, of strings, empty ones (design facts, section 4). */
#include "kql/eval_inner.h"

void
eval_constant(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    (void)run;
    *out = n->value;
}

void
eval_column(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    uint32_t c = n->column;

    if (run->load != NULL && !run->loaded[c]) {
        run->load(run->context, c, &run->cells[c]);
        run->loaded[c] = 1;
    }
    *out = run->cells[c];
}

void
eval_from_test(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    eval_set_truth(n->compute_test(run, n), out);
}

enum eval_truth
eval_test_value(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value v;

    n->eval(run, n, &v);
    return eval_truth_of(&v);
}

void
eval_slot(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    struct kql_slot *slot = &run->slots[n->slot];

    if (slot->row != run->slots->row) {
        n->compute(run, n, &slot->value);
        slot->row = run->slots->row;
    }
    *out = slot->value;
}

enum eval_truth
eval_slot_test(struct kql_run *run, const struct eval_node *n)
{
    struct kql_slot *slot = &run->slots[n->slot];

    if (slot->row != run->slots->row) {
        n->compute(run, n, &slot->value);
        slot->row = run->slots->row;
    }
    return eval_truth_of(&slot->value);
}

/* ---- calls ---- */

/* Array arguments from the second on laid out one by one; *count is theirs then. */
static const struct kql_value *
eval_flatten(struct pool *p, const struct kql_value *args, uint32_t *count)
{
    uint64_t whole = *count;
    uint32_t at = 0;
    struct kql_value *flat;

    for (uint32_t i = 1; i < *count; i++)
        if (!args[i].is_null && args[i].type == KQL_ARRAY)
            whole += (uint64_t)args[i].array->count - 1;
    if (whole > KQL_ARRAY_MAX)
        whole = KQL_ARRAY_MAX;
    flat = pool_take(p, whole * sizeof *flat);
    for (uint32_t i = 0; i < *count && at < whole; i++) {
        if (i == 0 || args[i].is_null || args[i].type != KQL_ARRAY) {
            flat[at++] = args[i];
            continue;
        }
        for (uint32_t k = 0; k < args[i].array->count && at < whole; k++)
            flat[at++] = args[i].array->items[k];
    }
    *count = at;
    return flat;
}

static void
call_now(struct kql_run *run, const struct eval_node *n, const struct kql_value *args,
         const uint8_t *types, uint32_t count, void *prepared, struct kql_value *out)
{
    struct kql_call call = {.pool = run->pool,
                            .types = types,
                            .result_type = n->type,
                            .count = count,
                            .is_constant = n->variable_count == 0 && n->count > 0,
                            .now = run->now,
                            .prepared = prepared,
                            .random = run->random};

    *out = kql_null(n->type);
    n->function->call(&call, args, out);
    if (out->is_null && n->type == KQL_STRING)
        *out = kql_null(KQL_STRING);
}

/* The arguments, those that vary computed. NULL: one is null, and so is the result. */
static struct kql_value *
arguments(struct kql_run *run, const struct eval_node *n)
{
    struct kql_value *args = run->arguments + n->args_at;

    for (uint32_t i = 0; i < n->variable_count; i++) {
        uint32_t at = n->variable[i];

        n->children[at]->eval(run, n->children[at], &args[at]);
        if (args[at].is_null && n->is_strict)
            return NULL;
    }
    return args;
}

void
eval_call(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    const struct kql_value *args = arguments(run, n);

    if (args == NULL)
        *out = kql_null(n->type);
    else
        call_now(run, n, args, n->types, n->count, n->prepared, out);
}

/* Its types[] says dynamic for what was flattened: the function sees elements of a dynamic. */
void
eval_call_lists(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    const struct kql_value *args = arguments(run, n);
    uint32_t count = n->count;
    uint8_t *types;

    if (args == NULL) {
        *out = kql_null(n->type);
        return;
    }
    args = eval_flatten(run->pool, args, &count);
    types = pool_take(run->pool, count);
    memset(types, KQL_DYNAMIC, count);
    types[0] = n->types[0];
    call_now(run, n, args, types, count, NULL, out);
}

/* "x in (T)": the table's column was laid out once per run, behind a place for x. */
void
eval_in_table(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    struct eval_set *set;

    memcpy(&set, &run->slots[n->column].value.i, sizeof set);
    n->children[0]->eval(run, n->children[0], &set->args[0]);
    if (set->args[0].is_null && n->is_strict) {
        *out = kql_null(KQL_BOOL);
        return;
    }
    call_now(run, n, set->args, set->types, set->count, set->prepared, out);
}

static void
table_begin(struct kql_run *run, const struct eval_node *n)
{
    const struct kql_array *items = run->set == NULL ? NULL : run->set(run->context, n->table);
    struct eval_set *set = pool_zeroed(run->pool, 1, sizeof *set);
    uint32_t count = items == NULL ? 0 : items->count;

    set->args = pool_zeroed(run->pool, (size_t)count + 1, sizeof *set->args);
    set->types = pool_take(run->pool, (size_t)count + 1);
    memset(set->types, n->types[1], (size_t)count + 1);
    set->types[0] = n->types[0];
    set->count = count + 1;
    if (count > 0)
        memcpy(set->args + 1, items->items, count * sizeof *set->args);
    /* What prepares with memory of its own could not be released: such a function goes without. */
    if (n->function->prepare != NULL && n->function->release == NULL) {
        const struct kql_value **constants =
            pool_zeroed(run->pool, (size_t)count + 1, sizeof *constants);
        struct err err = {""};

        for (uint32_t i = 1; i <= count; i++)
            constants[i] = &set->args[i];
        set->prepared = n->function->prepare(run->pool, constants, count + 1, &err);
    }
    memcpy(&run->slots[n->column].value.i, &set, sizeof set);
}

/* ---- conversions ---- */

/* What a dynamic holds, as a scalar. Numbers are one kind; text is what tostring() prints. */
static void
convert_dynamic(struct kql_run *run, const struct kql_value *v, enum kql_type to,
                struct kql_value *out)
{
    if (to == KQL_STRING)
        *out = kql_to_text(run->pool, KQL_DYNAMIC, v);
    else if (kql_type_is_number(v->type) && kql_type_is_number(to))
        *out = kql_convert(run->pool, KQL_DYNAMIC, v, to);
    else
        *out = kql_null(to);
}

void
eval_convert(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    const struct eval_node *child = n->children[0];
    struct kql_value v;

    child->eval(run, child, &v);
    if (v.is_null)
        *out = kql_null(n->type);
    else if (v.type == n->type || n->type == KQL_DYNAMIC)
        *out = v;
    else if (v.type == KQL_INT && n->type == KQL_LONG)
        *out = kql_integer(KQL_LONG, v.i);
    else if (child->type == KQL_DYNAMIC)
        convert_dynamic(run, &v, n->type, out);
    else
        *out = kql_convert(run->pool, child->type, &v, n->type);
}

/* ---- what is lazy ---- */

enum eval_truth
eval_and(struct kql_run *run, const struct eval_node *n)
{
    enum eval_truth all = EVAL_TRUE;

    for (uint32_t i = 0; i < n->count; i++) {
        enum eval_truth t = n->children[i]->test(run, n->children[i]);

        if (t == EVAL_FALSE)
            return EVAL_FALSE;
        if (t == EVAL_NULL)
            all = EVAL_NULL;
    }
    return all;
}

enum eval_truth
eval_or(struct kql_run *run, const struct eval_node *n)
{
    enum eval_truth any = EVAL_FALSE;

    for (uint32_t i = 0; i < n->count; i++) {
        enum eval_truth t = n->children[i]->test(run, n->children[i]);

        if (t == EVAL_TRUE)
            return EVAL_TRUE;
        if (t == EVAL_NULL)
            any = EVAL_NULL;
    }
    return any;
}

/* True only when true: stops at the first that is not. */
static bool
eval_is_true(struct kql_run *run, const struct eval_node *n)
{
    if (n->test != eval_and)
        return n->test(run, n) == EVAL_TRUE;
    for (uint32_t i = 0; i < n->count; i++)
        if (!eval_is_true(run, n->children[i]))
            return false;
    return true;
}

void
eval_iff(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    const struct eval_node *taken = n->children[eval_is_true(run, n->children[0]) ? 1 : 2];

    taken->eval(run, taken, out);
}

void
eval_case(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    uint32_t i = 0;

    while (i + 1 < n->count && !eval_is_true(run, n->children[i]))
        i += 2;
    const struct eval_node *taken = n->children[i + 1 < n->count ? i + 1 : n->count - 1];

    taken->eval(run, taken, out);
}

void
eval_coalesce(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    *out = kql_null(n->type);
    for (uint32_t i = 0; i < n->count; i++) {
        n->children[i]->eval(run, n->children[i], out);
        if (!out->is_null && (out->type != KQL_STRING || out->size > 0))
            return;
    }
}

/* ---- what others know ---- */

void
eval_not_built(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    *out = kql_null(n->type);
    pool_abandon(run->pool, "%s() is known to the language, but not built here%s",
                 n->function->name,
                 strcmp(n->function->name, "FileProfile") == 0
                     ? ": a stored function of that name is called in its place ('penstock saved')"
                     : "");
}

void
eval_to_scalar(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    const struct kql_value *v = run->scalar == NULL ? NULL : run->scalar(run->context, n->table);

    *out = v == NULL || v->is_null ? kql_null(n->type) : *v;
}

void
eval_step_cell(struct kql_run *run, const struct eval_node *n, struct kql_value *out)
{
    const struct kql_value *v =
        run->step_cell == NULL ? NULL : run->step_cell(run->context, n->step, n->column);

    *out = v == NULL || v->is_null ? kql_null(n->type) : *v;
}

/* ---- a run ---- */

void
kql_run_begin(struct kql_run *run, const struct kql_program *program)
{
    run->slots = pool_zeroed(run->pool, program->slot_count, sizeof *run->slots);
    run->slots->row = 1;
    run->arguments = pool_take(run->pool, (program->args_count + 1) * sizeof *run->arguments);
    if (program->args_count > 0)
        memcpy(run->arguments, program->args, program->args_count * sizeof *run->arguments);
    for (uint32_t i = 0; i < program->table_count; i++)
        table_begin(run, program->tables[i]);
}

void
kql_run_row(struct kql_run *run, const struct kql_program *program)
{
    (void)program;
    run->slots->row++;
}

void
kql_eval(struct kql_run *run, const struct kql_program *program, uint32_t index,
         struct kql_value *out)
{
    program->roots[index]->eval(run, program->roots[index], out);
}

bool
kql_test(struct kql_run *run, const struct kql_program *program, uint32_t index)
{
    return eval_is_true(run, program->roots[index]);
}

const uint32_t *
kql_program_columns(const struct kql_program *program, uint32_t *count)
{
    *count = program->column_count;
    return program->columns;
}

void
kql_program_free(struct kql_program *program)
{
    if (program == NULL)
        return;
    for (uint32_t i = 0; i < program->prepared_count; i++)
        program->prepared[i].function->release(program->prepared[i].prepared);
    program->prepared_count = 0;
}
