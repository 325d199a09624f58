/* loganalytics_own.c - what our own command asks for beside what Log Analytics has: the member "penstock" of a
 * query's body, and of the answer to one that has it.
 *
 *   asked     {"shape":"hunting"|"workspace"|"both", "check":true, "explain":true, "rows":N,
 *              "parameters":{"n":"5","s":"\"text\""}}   literals for declare query_parameters
 *   answered  {"warnings":[{"code","message","line","pos","length"}],"explanation":"..."} */
#include "api/loganalytics.h"

static bool
shape_read(const json_t *value, enum hunt_shape *shape)
{
    static const char *const names[] = {
        [HUNT_HUNTING] = "hunting", [HUNT_WORKSPACE] = "workspace", [HUNT_BOTH] = "both"};

    if (value == NULL)
        return true;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_is_string(value) && strcmp(json_string_value(value), names[i]) == 0) {
            *shape = (enum hunt_shape)i;
            return true;
        }
    return false;
}

static bool
parameters_read(const json_t *object, struct hunting_ask *ask, struct kql_parameter_value *values)
{
    const char *name;
    json_t *value;

    if (object == NULL)
        return true;
    if (!json_is_object(object) || json_object_size(object) > LOGANALYTICS_PARAMETERS_MAX)
        return false;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        if (!json_is_string(value))
            return false;
        values[ask->parameter_count++] = (struct kql_parameter_value){
            span_of(name), {json_string_value(value), json_string_length(value)}
        };
    }
    ask->parameters = values;
    return true;
}

bool
loganalytics_own_read(const json_t *own, struct hunting_ask *ask,
                      struct kql_parameter_value values[LOGANALYTICS_PARAMETERS_MAX],
                      struct err *err)
{
    const json_t *rows = json_object_get(own, "rows");

    ask->only_checks = json_is_true(json_object_get(own, "check"));
    ask->explains = json_is_true(json_object_get(own, "explain"));
    if (!json_is_object(own))
        (void)err_set(err, ST_INVALID, "'penstock' must be an object");
    else if (!shape_read(json_object_get(own, "shape"), &ask->shape))
        (void)err_set(err, ST_INVALID, "'penstock.shape' is hunting, workspace or both");
    else if (rows != NULL && (!json_is_integer(rows) || json_integer_value(rows) < 0))
        (void)err_set(err, ST_INVALID, "'penstock.rows' is how many rows at most");
    else if (!parameters_read(json_object_get(own, "parameters"), ask, values))
        (void)err_set(err, ST_INVALID,
                      "'penstock.parameters' is an object of at most %d texts, each a literal",
                      LOGANALYTICS_PARAMETERS_MAX);
    else {
        ask->rows_max = (uint64_t)json_integer_value(rows);
        return true;
    }
    return false;
}

void
loganalytics_put_own(struct hunting_text *out, const struct hunt *hunt)
{
    const struct kql_diagnostics *d = &hunt->diagnostics;

    hunting_put(out, span_of(",\"penstock\":{\"warnings\":["));
    for (uint32_t i = 0; i < d->count; i++) {
        const struct kql_diagnostic *item = &d->items[i];

        hunting_printf(out, "%s{\"code\":\"%s\",\"line\":%u,\"pos\":%u,\"length\":%u,\"message\":",
                       i > 0 ? "," : "", kql_code_name(item->code), item->line, item->column - 1,
                       item->size);
        hunting_put_quoted(out, span_of(item->text));
        hunting_put(out, span_of("}"));
    }
    hunting_put(out, span_of("]"));
    if (hunt->explanation.n > 0) {
        hunting_put(out, span_of(",\"explanation\":"));
        hunting_put_quoted(out, hunt->explanation);
    }
    hunting_put(out, span_of("}"));
}
