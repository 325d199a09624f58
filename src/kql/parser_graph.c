/* parser_graph.c - the graph operators. They are not built: their text is read as far as brackets
 * and the end of the operator go, so that the rest of the query is understood and the binder can
 * refuse them by name. */
#include "kql/parser_inner.h"

void
parser_graph(struct parser *p, struct kql_syntax *n)
{
    int64_t open = p->open;

    (void)n;
    while (!p->is_panic) {
        const struct token *t = parser_now(p);
        bool closes = t->kind == ')' || t->kind == ']' || t->kind == '}';

        if (t->kind == TOKEN_BAD)
            parser_panic(p, KQL_E_TEXT, "not a sign of the language");
        else if (t->kind == TOKEN_END && p->open > open)
            parser_fail(p, "a closing bracket");
        else if (t->kind == TOKEN_END ||
                 (p->open == open && (t->kind == '|' || t->kind == ';' || closes)))
            return;
        parser_move(p);
    }
}
