/* hunting_fault.c - what is wrong with a query, in the words that tools look for: Kusto's sentence and number where the fault has one, our own text behind
 * it. */
#include "api/hunting.h"

bool
hunting_fault_is_syntax(const struct kql_diagnostic *item)
{
    return item->code == KQL_E_SYNTAX || item->code == KQL_E_TEXT;
}

const struct kql_diagnostic *
hunting_fault_next(const struct kql_diagnostics *d, const struct kql_diagnostic *before)
{
    uint32_t i = before == NULL ? 0 : (uint32_t)(before - d->items) + 1;

    while (i < d->count && d->items[i].is_warning)
        i++;
    return i < d->count ? &d->items[i] : NULL;
}

struct span
hunting_fault_token(const struct kql_diagnostics *d, const struct kql_diagnostic *item)
{
    size_t left = item->at < d->query.n ? d->query.n - item->at : 0;
    size_t size = item->size < HUNTING_TOKEN_MAX ? item->size : HUNTING_TOKEN_MAX;

    return (struct span){d->query.p + item->at, size < left ? size : left};
}

const char *
hunting_fault_code(const struct kql_diagnostic *item)
{
    switch (item->code) {
    case KQL_E_SYNTAX:
    case KQL_E_TEXT:
        return "SYN0002";
    case KQL_E_TABLE:
    case KQL_E_COLUMN:
        return "SEM0100";
    case KQL_E_FUNCTION:
        return "SEM0260";
    default:
        return kql_code_name(item->code);
    }
}

void
hunting_fault_put(struct hunting_text *out, const struct kql_diagnostics *d,
                  const struct kql_diagnostic *item)
{
    struct span token = hunting_fault_token(d, item);
    const char *sentence = NULL;

    if (item->code == KQL_E_TABLE)
        sentence = "Failed to resolve table or column expression named";
    if (item->code == KQL_E_COLUMN)
        sentence = "Failed to resolve column or scalar expression named";
    if (item->code == KQL_E_FUNCTION)
        sentence = "Unknown function:";
    if (sentence != NULL && token.n > 0 && item->origin == item->at) {
        hunting_printf(out, "%s '", sentence);
        hunting_put(out, token);
        hunting_put(out, span_of("': "));
    }
    hunting_put(out, span_of(item->text));
}
