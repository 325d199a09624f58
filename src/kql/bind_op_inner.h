/* bind_op_inner.h - what the files of the tabular operators (bind_op*.c, bind_plugin.c) share. Not
 * for others. */
#pragma once
#include "kql/bind_inner.h"

enum { BIND_COLUMNS_MAX = 10000 /* of one result */ };
#define BIND_NO_COLUMN UINT32_MAX

/* ---- bind_op.c ---- */

/* Binds one operator node; b->input is 'input', everything else of 'b' is as at its start. */
typedef const struct kql_op *bind_op_function(struct bind *b, const struct kql_syntax *s,
                                              const struct kql_op *input);

/* An operator node with its schema; not serialized. Complains of a result that is too wide. */
struct kql_op *bind_op_make(struct bind *b, enum kql_op_kind kind, const struct kql_syntax *s,
                            const struct kql_op *input, struct kql_schema schema);
/* Counts in what another table than the input weighs; complains when it is too much. */
void bind_op_weigh(struct bind *b, struct kql_op *op, const struct kql_syntax *s,
                   const struct kql_op *table);
/* What a refused source gives: no rows, open schema. */
const struct kql_op *bind_op_nothing(struct bind *b, const struct kql_syntax *s);
/* A table that sees neither the row nor the allowances of the operator it is written in. */
const struct kql_op *bind_op_table(struct bind *b, const struct kql_syntax *s);
/* A sub-query over rows of that schema (KQL_ROWS_INPUT). */
const struct kql_op *bind_op_sub(struct bind *b, const struct kql_syntax *s,
                                 struct kql_schema schema, bool is_serialized);
/* A number of rows: LONG, the same for every row. */
const struct kql_expr *bind_op_count(struct bind *b, const struct kql_syntax *s, const char *what);
/* What has been seen of expressions and plans, which are no trees: what is used twice is there
 * once, and f(f(f(x))) with f(x) = x + x has many more paths than nodes. */
struct bind_seen {
    struct pool *pool;
    struct bind_seen_item {
        const void *key, *value;
    } * items;
    size_t count, room;
};
/* The place of what was noted for the node; a new node's holds NULL, and *is_new is set. Good until
 * the next call. */
const void **bind_seen_at(struct bind_seen *s, const void *node, bool *is_new);
/* Marks the columns that the expression looks at. */
void bind_op_mark_columns(struct bind *b, const struct kql_expr *e, uint8_t *marks);
/* The expression over rows that have one more column in front. */
const struct kql_expr *bind_op_shifted(struct bind *b, const struct kql_expr *e);
/* Complains of a dynamic where the language wants a type; false then. */
bool bind_op_not_dynamic(struct bind *b, const struct kql_syntax *s, const struct kql_expr *e,
                         const char *what);

/* The option's value as a word (a name or a string literal); empty: it is neither, or missing. */
struct span bind_option_word(const struct kql_option *o);
/* The option's value as one of the words: its index; complains, and gives 'otherwise', when it is
 * none of them. Without the option 'otherwise' too. */
int bind_option_choice(struct bind *b, const struct kql_syntax *s, const char *name,
                       const char *const *words, int otherwise);
bool bind_option_bool(struct bind *b, const struct kql_syntax *s, const char *name, bool otherwise);
/* A string literal; complains of others. Without the option 'otherwise'. */
struct span bind_option_text(struct bind *b, const struct kql_syntax *s, const char *name,
                             struct span otherwise);

/* The part behind "name =", or the node itself. */
static inline const struct kql_syntax *
bind_op_value(const struct kql_syntax *s)
{
    return s != NULL && s->kind == SYN_NAMED && s->child_count > 0 ? s->children[0] : s;
}
static inline const struct kql_syntax *
bind_op_child(const struct kql_syntax *s, uint32_t i)
{
    return s != NULL && i < s->child_count ? s->children[i] : NULL;
}
static inline bool
bind_op_is_plain_name(const struct kql_syntax *s)
{
    return s != NULL && s->kind == SYN_NAME && (s->op & 2) == 0;
}

/* Names in a hash table, each with a number; a name that is there stays. */
struct bind_names {
    struct pool *pool;
    struct bind_names_item {
        struct span name;
        uint32_t value, suffix;
    } * items;
    uint32_t *slots;
    size_t count, room, slot_count;
};
void bind_names_init(struct bind_names *n, struct pool *p);
struct bind_names_item *bind_names_find(const struct bind_names *n, struct span name);
/* False: it was there. */
bool bind_names_add(struct bind_names *n, struct span name, uint32_t value);
/* The name, or the name with the next free number; is in the table then. */
struct span bind_names_unique(struct bind_names *n, struct span name, uint32_t value);
/* Numbers names that come again; the first of each keeps it, and no number makes a name that is
 * there anyway: c, c, c1 gives c, c2, c1. */
void bind_names_number(struct pool *p, struct kql_column *columns, uint32_t count);

/* A list of columns that grows. */
struct bind_list {
    struct pool *pool;
    struct kql_column *columns;
    const struct kql_expr **exprs; /* NULL unless bind_list_expr is used */
    uint32_t *map;                 /* where from; see the operators */
    size_t count, column_room, expr_room, map_room;
};
uint32_t bind_list_add(struct bind_list *l, struct span name, enum kql_type type,
                       const struct kql_expr *e, uint32_t from);
struct kql_schema bind_list_schema(const struct bind_list *l, bool is_open);
/* Every column of the schema, each from its index. */
void bind_list_all(struct bind_list *l, const struct kql_schema *schema);
/* The columns of (a: int, b: string); complains of names that come twice. */
struct kql_schema bind_op_schema(struct bind *b, const struct kql_syntax *s);

/* A value over groups: "sum(a) / count()" is two aggregates, put in the list, and what is made of
 * them: 'finals' are over the results of all in the list from column 0; more than one, with their
 * names, for percentiles(a, 5, 50) and the like. False: complained; there is one final then. */
struct bind_value {
    const struct kql_expr *const *finals;
    const struct span *names;
    uint32_t count;
};
bool bind_op_value_of(struct bind *b, const struct kql_syntax *s,
                      struct bind_aggregates *aggregates, struct bind_value *out);

/* Complains that something known is not built. */
void bind_op_not_built(struct bind *b, const struct kql_syntax *s, const char *what);
static inline bool
bind_op_is_good(const struct kql_expr *e)
{
    return e != NULL && e->type != KQL_UNKNOWN;
}

/* ---- the operators, by file ---- */

/* bind_op_project.c */
bind_op_function bind_where, bind_extend, bind_project, bind_project_away, bind_project_keep,
    bind_project_rename, bind_project_reorder, bind_project_by_names, bind_serialize;
/* bind_op_summarize.c */
bind_op_function bind_summarize, bind_distinct, bind_make_series, bind_top_nested, bind_top_hitters;
/* bind_op_join.c */
bind_op_function bind_join, bind_lookup, bind_union;
/* The union of tables: 'names' for withsource, or NULL. Used by union, search and find. */
const struct kql_op *bind_union_of(struct bind *b, const struct kql_syntax *s,
                                   const struct kql_op *const *inputs, const struct span *sources,
                                   uint32_t count, struct span source_column, bool is_inner);
/* bind_op_expand.c */
bind_op_function bind_mv_expand, bind_mv_apply;
/* bind_op_parse.c */
bind_op_function bind_parse, bind_parse_kv;
/* bind_op_scan.c */
bind_op_function bind_scan;
/* bind_op_source.c: 'input' is NULL */
bind_op_function bind_datatable, bind_externaldata, bind_print, bind_range;
/* bind_op_search.c */
bind_op_function bind_search, bind_find;
/* The tables of the list (names, wildcards, expressions), or every table when 'list' is NULL. */
struct bind_tables {
    struct bind *b;
    const char *unnamed; /* "search_arg"; NULL: "union_arg" */
    const struct kql_op **items;
    struct span *names;
    size_t count, item_room, name_room;
};
void bind_tables_add(struct bind_tables *t, const struct kql_syntax *s, bool is_fuzzy);
/* What withsource= and its kin say of a table: its own name, that of a view, or what "as" called
 * it; empty: none of these. 's' may be NULL. */
struct span bind_table_name(struct bind *b, const struct kql_syntax *s, const struct kql_op *op);
void bind_tables_put(struct bind_tables *t, const struct kql_op *table, struct span name);
void bind_tables_all(struct bind_tables *t, const struct kql_syntax *at);
/* bind_plugin.c */
bind_op_function bind_evaluate;
/* bind_op_misc.c */
bind_op_function bind_sort, bind_top, bind_take, bind_count, bind_sample, bind_sample_distinct,
    bind_partition, bind_getschema, bind_reduce, bind_facet, bind_fork, bind_render, bind_as,
    bind_consume, bind_invoke_operator, bind_assert_schema, bind_pass;
