/* parser_inner.h - what the parts of the parser share: parser.c (statements, pipes), parser_expr.c
 * (expressions), parser_literal.c (literals), parser_op.c and parser_graph.c (operators). Not for
 * others.
 *
 * After a syntax error the parser is in panic: every question about the next token is answered with
 * "no", so that the functions run to their ends without a word and without moving; whoever reads a
 * list of operators or statements then skips to the next one and goes on. */
#pragma once
#include "kql/lexer_inner.h"

struct parser {
    struct pool *pool;
    struct kql_diagnostics *d;
    struct span text;
    const struct token *tokens;
    size_t next;  /* index of the next token */
    int64_t open; /* brackets that are open before it */
    uint32_t nest, node_count;
    bool is_panic;
    bool takes_star;                 /* '*' may stand as a value: search */
    bool is_let;                     /* the statement is one */
    uint32_t rescan_count;           /* times that recovery has gone back */
    const struct kql_syntax **stack; /* children of the nodes being read */
    size_t stack_count, stack_room;
    struct kql_option *options; /* likewise */
    size_t option_count, option_room;
};

/* ---- parser.c: tokens */

/* The next one; END while in panic. */
const struct token *parser_now(const struct parser *p);
/* The one that many behind the next. */
const struct token *parser_ahead(const struct parser *p, size_t count);
void parser_move(struct parser *p);
struct span parser_token_text(const struct parser *p, const struct token *t);
bool parser_is_word(const struct parser *p, const struct token *t, const char *word);

static inline bool
parser_at(const struct parser *p, int kind)
{
    return !p->is_panic && p->tokens[p->next].kind == kind;
}
bool parser_at_word(const struct parser *p, const char *word);
bool parser_accept(struct parser *p, int kind);
bool parser_accept_word(struct parser *p, const char *word);
/* Complains and panics when it is not there; 'what' says what for ("behind the list of columns"). */
bool parser_expect(struct parser *p, int kind, const char *what);
bool parser_expect_word(struct parser *p, const char *word);
/* "expected X, found Y", and panic. */
void parser_fail(struct parser *p, const char *expected);
/* Any complaint at the next token, and panic. */
void parser_panic(struct parser *p, enum kql_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/* False: too deep, complained. Otherwise parser_leave must follow. */
bool parser_enter(struct parser *p);
void parser_leave(struct parser *p);

/* ---- parser.c: nodes */

/* A node that begins at that byte; its end is set by parser_finish. */
struct kql_syntax *parser_node(struct parser *p, enum kql_syntax_kind kind, uint32_t at);
struct kql_syntax *parser_missing(struct parser *p);
void parser_push(struct parser *p, const struct kql_syntax *child);
/* Gives what was pushed since the stack had 'base' items to the node, which ends here. */
const struct kql_syntax *parser_finish(struct parser *p, struct kql_syntax *n, size_t base);
/* Likewise for options. */
void parser_finish_options(struct parser *p, struct kql_syntax *n, size_t base);
void parser_name_token(struct parser *p, struct kql_syntax *n, const struct token *t);

/* ---- parser.c: statements and pipes */
const struct kql_syntax *parser_pipe(struct parser *p);
/* Operators as a chain from SYN_CONTEXT, with the brackets around them. */
const struct kql_syntax *parser_bracketed_sub_pipe(struct parser *p);
/* Statements up to the closing bracket, pushed. */
void parser_statements(struct parser *p, int close);
/* "(a:int, b:string)", "(*)", "(a:int, *)" */
const struct kql_syntax *parser_schema(struct parser *p);
const struct kql_syntax *parser_type(struct parser *p);

/* ---- parser_expr.c */
const struct kql_syntax *parser_expr(struct parser *p);
/* ... by one who has entered a level of nesting for it. */
const struct kql_syntax *parser_expr_entered(struct parser *p);
/* Sums and what binds tighter: no comparison. */
const struct kql_syntax *parser_sum(struct parser *p);
/* expr, name = expr, (a, b) = expr */
const struct kql_syntax *parser_named(struct parser *p);
/* Pushes named expressions with commas between them. */
void parser_named_list(struct parser *p);
void parser_expr_list(struct parser *p);
/* Both as a SYN_LIST. */
const struct kql_syntax *parser_named_list_node(struct parser *p);
const struct kql_syntax *parser_expr_list_node(struct parser *p);
/* A name that is given: of a column, variable, parameter. Complains of what cannot be one. */
const struct kql_syntax *parser_new_name(struct parser *p, const char *what);
/* ... put into the node. */
void parser_take_name(struct parser *p, struct kql_syntax *n, const char *what);
/* ... of a variable, which can be used nowhere if it is kept by the language. */
void parser_take_plain_name(struct parser *p, struct kql_syntax *n, const char *what);
/* A name that is used. */
const struct kql_syntax *parser_used_name(struct parser *p, const char *what);
/* a*, *b, or a used name. */
const struct kql_syntax *parser_wild_name(struct parser *p, const char *what);
/* Whether name = stands here. */
bool parser_at_named(const struct parser *p);
const struct kql_syntax *parser_call(struct parser *p);
/* A path of names and calls, no operators: what names a table. May end in a wildcard. */
const struct kql_syntax *parser_table_name(struct parser *p);
/* a.b[c], no calls: "partition by a (top 1 by b)" */
const struct kql_syntax *parser_entity(struct parser *p, const char *what);
/* Any word at all, keywords too. */
const struct kql_syntax *parser_any_word(struct parser *p, const char *what);
const struct kql_syntax *parser_star(struct parser *p);
const struct kql_syntax *parser_unary(struct parser *p);

/* ---- parser_literal.c */
bool parser_at_literal(const struct parser *p);
/* A literal of any form, with a sign if it has one. */
const struct kql_syntax *parser_literal(struct parser *p);
const struct kql_syntax *parser_string(struct parser *p);

/* ---- parser_op.c */
/* One operator behind a '|'. */
const struct kql_syntax *parser_operator(struct parser *p);
/* Whether an operator stands here that makes rows by itself: print, union, range ... */
bool parser_at_source(const struct parser *p);
const struct kql_syntax *parser_source(struct parser *p);
const struct kql_syntax *parser_datatable(struct parser *p);
const struct kql_syntax *parser_externaldata(struct parser *p);
/* Pushes the options that stand here: name=value. 'known' ends at NULL: others are left alone;
 * NULL: whatever looks like one is one. */
void parser_options(struct parser *p, const char *const *known);
bool parser_is_operator_name(struct span name);

/* ---- parser_graph.c: each reads what is behind the operator's name. */
void parser_graph(struct parser *p, struct kql_syntax *n);
