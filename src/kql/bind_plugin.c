/* bind_plugin.c - evaluate: plugins, and what columns they give. */
#include "kql/bind_op_inner.h"

const struct kql_op *
bind_evaluate(struct bind *b, const struct kql_syntax *s, const struct kql_op *input)
{
    (void)input;
    bind_op_not_built(b, s, "evaluate");
    return bind_op_nothing(b, s);
}
