/* plan.h - a bound query: what is to be computed, with every name resolved and every type known.
 * Immutable, free of I/O, lives in the pool given to kql_bind; any thread may read it. Three back
 * ends run it: rows.h (in memory), stream.h (row by row over JSON), and SQL later.
 *
 * Columns are addressed by index in the operator's input schema. */
#pragma once
#include "kql/function.h"
#include "kql/value.h"

struct kql_column {
    struct span name;
    uint8_t type; /* enum kql_type, KQL_BOOL .. KQL_DYNAMIC */
};
struct kql_schema {
    const struct kql_column *columns;
    uint32_t count;
    /* more columns may come that are not known (bag_unpack without a schema, when only checking) */
    bool is_open;
};

enum kql_expr_kind {
    KQL_EXPR_CONST,  /* value */
    KQL_EXPR_COLUMN, /* column: index in the input row */
    KQL_EXPR_CALL,   /* function (scalar, operator or window), arguments */
    KQL_EXPR_CONVERT, /* arguments[0] to 'type': the implicit conversions, and dynamic to a scalar (null when
                         it holds another kind) */
    /* toscalar(T): table: its first row's first column, run once per query (same pointer: same
     * run) */
    KQL_EXPR_TO_SCALAR,
    /* arguments[0] in (T): table: first column; function: the operator row (in, !in, in~, !in~,
     * has_any) */
    KQL_EXPR_IN_TABLE,
    /* in scan: step s's stored row: step, column (columns of the input, then declared ones) */
    KQL_EXPR_STEP_COLUMN,
    KQL_EXPR_TABLE, /* an argument that is a table (plugins): table */
};

struct kql_expr {
    uint8_t kind;      /* enum kql_expr_kind */
    uint8_t type;      /* static: KQL_BOOL .. KQL_DYNAMIC */
    uint32_t at, size; /* in the query text (0, 0: made by the binder) */
    struct kql_value value;
    uint32_t column, step;
    const struct kql_function *function;
    const struct kql_expr *const *arguments;
    uint32_t count;
    /* Of an expression with arguments: its nodes, each counted as often as it is used. The binder
     * limits it, so that it can be walked as if it were a tree. */
    uint32_t weight;
    const struct kql_op *table;
    /* of an aggregate with several results (arg_max with columns): how many; else 1 */
    uint16_t result_count;
    bool is_concealed; /* CONST: comes of an obfuscated literal (h"..."): not to be shown */
};

enum kql_op_kind {
    KQL_ROWS_TABLE,  /* u.table: a table of the environment */
    KQL_ROWS_INLINE, /* u.rows: datatable, getschema's answer, print of constants */
    KQL_ROWS_PRINT,  /* u.project: one row, no input */
    KQL_ROWS_RANGE,  /* u.range */
    /* the row set that a sub-query is handed (mv-apply, partition, scan, facet, fork) */
    KQL_ROWS_INPUT,
    KQL_ROWS_UNION, /* u.join_union: inputs */
    KQL_ROWS_EXTERNAL, /* u.external: externaldata, or a stored function of the service, which every back end refuses */
    KQL_OP_WHERE,           /* u.predicate */
    KQL_OP_PROJECT,         /* u.project */
    KQL_OP_SUMMARIZE,       /* u.summarize; distinct is one without aggregates */
    KQL_OP_SORT,            /* u.sort */
    KQL_OP_TOP,             /* u.sort with limit */
    KQL_OP_TAKE,            /* u.limit */
    KQL_OP_COUNT_ROWS,      /* one row: the count */
    KQL_OP_SAMPLE,          /* u.limit */
    KQL_OP_SAMPLE_DISTINCT, /* u.limit, of u.limit.expr */
    KQL_OP_JOIN,            /* u.join: join and lookup */
    KQL_OP_MV_EXPAND,       /* u.expand */
    KQL_OP_MV_APPLY,        /* u.expand with sub */
    KQL_OP_PARSE_TEXT,      /* u.parse: parse and parse-where */
    KQL_OP_PARSE_PAIRS,     /* u.parse_kv */
    KQL_OP_SERIES,          /* u.series: make-series */
    KQL_OP_PARTITION,       /* u.partition */
    KQL_OP_SCAN,            /* u.scan */
    KQL_OP_TOP_NESTED,      /* u.nested */
    KQL_OP_TOP_HITTERS,     /* u.hitters */
    KQL_OP_PLUGIN,          /* u.plugin: evaluate */
    KQL_OP_REDUCE,          /* u.reduce */
    KQL_OP_FORK,            /* u.fork: fork and facet: several answers */
    KQL_OP_SERIALIZE_ROWS,  /* marks rows as serialized; nothing to do */
    KQL_OP_MATERIALIZE,     /* input run once, shared by all that point here */
    KQL_OP_RENDER,          /* u.render; rows pass */
};

/* project, extend and their kin all give a list of output expressions; 'form' tells a streaming
 * back end what it may leave as it is: with EXTEND and AWAY and RENAME and REORDER, members of the
 * record that no column names pass through. */
enum kql_project_form {
    KQL_FORM_PROJECT,
    KQL_FORM_EXTEND,
    KQL_FORM_AWAY,
    KQL_FORM_KEEP,
    KQL_FORM_RENAME,
    KQL_FORM_REORDER,
    KQL_FORM_PRINT,
    KQL_FORM_SERIALIZE,
};
enum kql_join_kind {
    KQL_JOIN_INNERUNIQUE,
    KQL_JOIN_INNER,
    KQL_JOIN_LEFTOUTER,
    KQL_JOIN_RIGHTOUTER,
    KQL_JOIN_FULLOUTER,
    KQL_JOIN_LEFTSEMI,
    KQL_JOIN_RIGHTSEMI,
    KQL_JOIN_LEFTANTI,
    KQL_JOIN_RIGHTANTI,
};

struct kql_sort_key {
    const struct kql_expr *expr;
    bool is_descending, nulls_first;
};

struct kql_op {
    enum kql_op_kind kind;
    uint32_t at, size; /* of the operator in the query text */
    /* What the binder gave, of an operator that a back end has made anew of it; NULL: this is it. Two of one origin that are
     * run once per query (materialize, toscalar, plugins) are run once together. */
    const struct kql_op *origin;
    const struct kql_op *input; /* NULL for sources */
    struct kql_schema schema;   /* of the result */
    bool is_serialized;         /* the result's order is meant: window functions may follow */
    /* The operators that a run goes through, each as often as it is used (but what is materialized
     * once); the binder limits it. */
    uint32_t weight;
    union {
        struct {
            struct span name;        /* as in the environment */
            const void *handle;      /* the environment's own mark for the table */
            struct kql_schema whole; /* same as schema */
        } table;
        struct {
            const struct kql_value *cells; /* row after row */
            size_t row_count;
        } rows;
        struct {
            struct span
                function; /* of the service, over data that is not here; empty: externaldata */
            const struct kql_external_place {
                struct span url;
                bool is_concealed; /* comes of an obfuscated literal: not to be shown */
            } * places;
            uint32_t place_count;
            struct span format; /* as written; empty: by the place's name (kql/external.h) */
            bool ignores_first; /* record of each place */
            bool has_mapping;   /* an ingestionMapping, which is not built */
        } external;
        struct {
            const struct kql_expr *from, *to,
                *step; /* all of the column's type, but step a timespan for datetime */
        } range;
        const struct kql_expr *predicate;
        struct {
            enum kql_project_form form;
            const struct kql_expr *const *exprs; /* schema.count of them, over input's schema */
        } project;
        struct {
            const struct kql_expr *const *keys; /* the first columns of the result */
            uint32_t key_count;
            const struct kql_expr *const *aggregates; /* EXPR_CALL of a KQL_AGGREGATE */
            uint32_t aggregate_count;
            /* Then the columns behind the keys are computed by these, over a row of the keys
             * followed by all results of the aggregates (so sum(a) / count() is two aggregates and
             * one expression). */
            const struct kql_expr *const *finals; /* schema.count - key_count of them */
        } summarize;
        struct {
            const struct kql_sort_key *keys;
            uint32_t key_count;
            const struct kql_expr *limit; /* top: LONG, constant or toscalar; sort: NULL */
        } sort;
        struct {
            const struct kql_expr *count; /* LONG */
            const struct kql_expr *expr;  /* sample-distinct's */
        } limit;
        struct {
            enum kql_join_kind kind;
            const struct kql_op *right;
            const struct kql_expr *const *left_keys,
                *const *right_keys; /* over each side's schema, types made equal */
            uint32_t key_count;
            /* result column i: side 0 left, 1 right, and the column's index there */
            const struct kql_join_column {
                uint8_t side;
                uint32_t column;
            } * output;
            bool is_lookup;
        } join;
        struct {
            const struct kql_op *const *inputs;
            uint32_t count;
            /* result column c of input i comes from input's column map[i * schema.count + c];
             * UINT32_MAX: null or "" */
            const uint32_t *map;
            /* withsource=: the first result column (map is UINT32_MAX there); its text per input;
             * NULL: none */
            const struct span *sources;
        } join_union;
        struct {
            const struct kql_expand {
                const struct kql_expr *expr; /* over the input row */
                uint32_t column;             /* of the result: replaced in place, or added */
                uint8_t type;                /* to typeof(T); KQL_DYNAMIC: as is */
            } * columns;
            uint32_t count;
            bool bag_as_array;     /* kind=array: [key, value] in place of {key: value} */
            uint32_t index_column; /* of with_itemindex; UINT32_MAX: none */
            uint64_t limit;        /* rows per input row; UINT64_MAX: none */
            /* where the result's other columns come from: input index, or UINT32_MAX for the
             * expanded and the index */
            const uint32_t *map;
            /* mv-apply: run over the expanded rows of each input row (they are its KQL_ROWS_INPUT,
             * with the columns as above in 'expanded'); the result is the input's columns that are
             * not expanded (by 'map'), then what of sub's result has other names: a result column
             * with UINT32_MAX in 'map' is sub's of the same name. NULL: mv-expand */
            const struct kql_op *sub;
            struct kql_schema expanded;
        } expand;
        struct {
            const struct kql_expr *expr; /* the text: STRING */
            enum { KQL_PARSE_SIMPLE, KQL_PARSE_RELAXED, KQL_PARSE_REGEX } mode;
            struct span flags; /* of regex mode */
            const struct kql_parse_piece {
                enum { KQL_PIECE_STAR, KQL_PIECE_TEXT, KQL_PIECE_COLUMN } kind;
                struct span text;  /* of TEXT: literal or regex */
                bool is_concealed; /* TEXT: an obfuscated literal */
                uint32_t column;   /* of the result; its type says how it converts */
            } * pieces;
            uint32_t count;
            bool drops_failed;   /* parse-where */
            const uint32_t *map; /* other result columns, from the input; UINT32_MAX: captured */
        } parse;
        struct {
            const struct kql_expr *expr;
            uint32_t first_column, column_count; /* of the result: the keys, named as its columns */
            const struct span *keys;             /* the texts looked for */
            struct span pair_delimiter, kv_delimiter, escape, regex;
            const struct span *quotes; /* one or two texts: opening, closing */
            uint32_t quote_count;
            bool is_greedy;
            const uint32_t *map;
        } parse_kv;
        struct {
            const struct kql_expr *const *aggregates; /* EXPR_CALLs, of all values */
            uint32_t aggregate_count;
            const struct kql_series_value {
                const struct kql_expr
                    *final;            /* over all results of the aggregates, from column 0 */
                struct kql_value fill; /* default= */
            } * values;
            uint32_t value_count;
            const struct kql_expr *axis, *from, *to, *step; /* from, to: NULL: of the data */
            bool to_is_inclusive;                           /* "in range(a, b, c)" */
            bool is_nonempty; /* kind=nonempty: no rows give one of defaults */
            const struct kql_expr *const *keys;
            /* result: keys, values, axis - as schema says; order: keys, axis?, see map */
            uint32_t key_count;
            /* result column c is key k (k), value v (key_count + v), or the axis (key_count +
             * value_count) */
            const uint32_t *map;
        } series;
        struct {
            const struct kql_expr *key;
            const struct kql_op *sub; /* over KQL_ROWS_INPUT (the rows of one key) */
        } partition;
        struct {
            /* A row in scan has the input's columns, then the declared ones, then (with_match_id)
             * the match id. */
            const struct kql_value *declared; /* defaults */
            uint32_t declared_count;
            bool has_match_id;
            const struct kql_sort_key *order;
            uint32_t order_count;
            const struct kql_expr *const *partition;
            uint32_t partition_count;
            const struct kql_scan_step {
                struct span name;
                const struct kql_expr
                    *condition;           /* over the row; other steps by EXPR_STEP_COLUMN */
                const uint32_t *assigned; /* declared columns' row indexes */
                const struct kql_expr *const *values;
                uint32_t assigned_count;
                bool is_optional;
                enum { KQL_OUTPUT_ALL, KQL_OUTPUT_LAST, KQL_OUTPUT_NONE } output;
            } * steps;
            uint32_t step_count;
        } scan;
        struct {
            const struct kql_level {
                const struct kql_expr *count; /* NULL: all */
                const struct kql_expr *expr;
                const struct kql_expr *others;            /* NULL: no row for the rest */
                const struct kql_expr *const *aggregates; /* of the ordering value: as in series */
                uint32_t aggregate_count;
                const struct kql_expr *final;
                bool is_ascending;
                uint32_t value_column, aggregate_column; /* of the result; UINT32_MAX: not shown */
            } * levels;
            uint32_t count;
        } nested;
        struct {
            const struct kql_expr *count, *expr, *weight; /* weight NULL: count rows */
        } hitters;
        struct {
            /* The result's schema: as written behind ':'; else as environment->discover says, and
             * open where it does not. An argument name=value is bound to its value; a table to an
             * EXPR_TABLE; a call of an aggregate (pivot) to an EXPR_CALL of it. */
            const struct kql_function *function;
            /* In the order of the plugin's parameters (bind_plugin.c), however they were written;
             * NULL: not given, or one that is not an expression (typeof). Constants are folded; a
             * table is a KQL_EXPR_TABLE, its key a column of that table, an aggregate (pivot's,
             * always there) an EXPR_CALL over the input. Repeated ones (dimensions, pivot's
             * groups, all there) come last. ipv4_lookup: table, source, key, return_unmatched,
             * then pairs of further keys: here, there. sequence_detect: the steps are those whose
             * 'written' is a SYN_NAMED */
            const struct kql_expr *const *arguments;
            uint32_t count;
            const struct kql_syntax *const *written; /* each as written; NULL: not given */
        } plugin;
        struct {
            const struct kql_expr *expr;
            double threshold;
            struct span characters;
            bool keeps_rows; /* kind=source: the input's rows with the pattern behind */
        } reduce;
        struct {
            const struct kql_op *const *branches; /* each over KQL_ROWS_INPUT */
            const struct span *names;
            uint32_t count;
        } fork;
        struct {
            struct span chart;
            const struct kql_render_property {
                struct span name, value;
            } * properties;
            uint32_t property_count;
        } render;
    } u;
};

/* A printable tree: an operator a line, its expressions, its schema; for --explain and tests. */
struct span kql_plan_print(struct pool *p, const struct kql_op *plan);
