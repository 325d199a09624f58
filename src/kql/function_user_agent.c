/* function_user_agent.c - parse_user_agent(): what user_agent.h finds, as a bag. */
#include "kql/dynamic.h"
#include "kql/function.h"
#include "kql/user_agent.h"

static const struct {
    const char *asked, *member; /* what look_for says, and where the answer stands */
    const char *fields[USER_AGENT_FIELDS_MAX];
} kinds[USER_AGENT_KINDS] = {
    [USER_AGENT_BROWSER] = {"browser",
                            "Browser",           {"Family", "MajorVersion", "MinorVersion", "Patch"}              },
    [USER_AGENT_OS] = {"os",
                            "OperatingSystem",   {"Family", "MajorVersion", "MinorVersion", "Patch", "PatchMinor"}},
    [USER_AGENT_DEVICE] = {"device",  "Device", {"Family", "Brand", "Model"}                                     },
};

enum { ALL_KINDS = (1 << USER_AGENT_KINDS) - 1 };

/* A bit for the kind; 0: there is none such. */
static uint32_t
bit_of(const struct kql_value *v)
{
    if (v->type == KQL_STRING && !v->is_null)
        for (uint32_t i = 0; i < USER_AGENT_KINDS; i++)
            if (span_equal(kql_text(v), span_of(kinds[i].asked)))
                return 1u << i;
    return 0;
}

/* The kinds that are looked for; 0: none, or something else too. */
static uint32_t
bits_of(const struct kql_value *v)
{
    uint32_t bits = 0, bit;

    if (v->is_null)
        return 0;
    if (v->type != KQL_ARRAY)
        return bit_of(v);
    for (uint32_t i = 0; i < v->array->count; i++, bits |= bit)
        if ((bit = bit_of(&v->array->items[i])) == 0)
            return 0;
    return bits;
}

static void *
prepare_user_agent(struct pool *pool, const struct kql_value *const *constants, uint32_t count,
                   struct err *err)
{
    uint32_t bits = count < 2 ? ALL_KINDS : constants[1] != NULL ? bits_of(constants[1]) : 0;

    (void)pool;
    if (count >= 2 && constants[1] != NULL && bits == 0) {
        (void)err_set(err, ST_INVALID,
                      "parse_user_agent: look for \"browser\", \"os\" or \"device\", or for a "
                      "dynamic array of these");
        return NULL;
    }
    for (uint32_t i = 0; i < USER_AGENT_KINDS; i++) /* before any row, for it takes a moment */
        if ((bits >> i & 1) != 0 && !user_agent_prepare((enum user_agent_kind)i, err))
            return NULL;
    return NULL;
}

static struct kql_value
read_kind(struct pool *p, enum user_agent_kind kind, struct span text)
{
    struct span fields[USER_AGENT_FIELDS_MAX];
    uint32_t count = user_agent_field_count(kind);
    struct kql_bag_builder b = {.pool = p};

    user_agent_read(p, kind, text, fields);
    for (uint32_t i = 0; i < count; i++)
        (void)kql_bag_add(&b, span_of(kinds[kind].fields[i]), kql_string(fields[i]), true);
    return kql_bag_finish(&b);
}

static void
parse_user_agent(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    uint32_t bits = call->count < 2 ? ALL_KINDS : bits_of(&args[1]);
    struct kql_bag_builder b = {.pool = call->pool};

    if (bits == 0) {
        *result = kql_null(KQL_DYNAMIC);
        return;
    }
    for (uint32_t i = 0; i < USER_AGENT_KINDS; i++)
        if ((bits >> i & 1) != 0)
            (void)kql_bag_add(&b, span_of(kinds[i].member),
                              read_kind(call->pool, (enum user_agent_kind)i, kql_text(&args[0])),
                              true);
    *result = kql_bag_finish(&b);
}

const struct kql_function kql_functions_user_agent[] = {
    {.name = "parse_user_agent",
     .kind = KQL_SCALAR,
     .signature = "(user_agent: string, look_for?: string) -> dynamic\n"
                  "(user_agent: string, look_for: array) -> dynamic", .doc = "What a user agent's name tells of \"browser\", \"os\" and \"device\", by the rules of "
            "uap-core.", .call = parse_user_agent,
     .prepare = prepare_user_agent,
     .group = "parse"},
    {.name = NULL},
};
