/* syntax.h - a query as written: the tree that the parser makes and the binder reads. Pure.
 *
 * One kind of node; what its children are stands beside each kind below ("?": may be missing, then
 * the child is NULL; "*": any number, to the end). Nodes and texts live in the pool given to
 * kql_parse; 'at' and 'size' are the place in the query's text. After a syntax error the tree holds
 * what could be read, with SYN_MISSING where something should be. */
#pragma once
#include "kql/diagnostic.h"
#include "kql/value.h"

enum {
    KQL_QUERY_MAX = 1024 * 1024, /* bytes of text */
    KQL_NEST_MAX = 200,          /* nesting of expressions and sub-queries in the text */
    KQL_TREE_MAX = 1000,         /* depth of the tree: pipes, sums and paths lean to the left */
    KQL_NODES_MAX = 1000000,
};

enum kql_syntax_kind {
    SYN_MISSING, /* something should be here; already complained about */

    /* ---- statements */
    SYN_QUERY,    /* statement* */
    SYN_LET,      /* name: the name; value expression (scalar, tabular, SYN_FUNCTION) */
    SYN_SET,      /* name: option; value? (literal or name) */
    SYN_DECLARE,  /* declare query_parameters: SYN_PARAMETER* */
    SYN_PATTERN,  /* declare pattern ...: name; parsed, no children: refused by name */
    SYN_ALIAS,    /* alias database ...: parsed, no children */
    SYN_RESTRICT, /* restrict access to: parsed, no children */
    /* an expression statement is the expression itself */
    SYN_FUNCTION, /* (a:long=1, T:(x:int)) { body }: parameter list SYN_LIST of SYN_PARAMETER, then body
                      statements*; op 1: "view" */
    SYN_PARAMETER,          /* name; type: SYN_TYPE or SYN_SCHEMA; default value? */
    SYN_TYPE,               /* value.type: the type */
    SYN_SCHEMA,             /* (a:int, b:string) or (*): SYN_COLUMN_DECLARATION*; op 1: has a '*' */
    SYN_COLUMN_DECLARATION, /* name; SYN_TYPE */

    /* ---- scalar expressions */
    SYN_LITERAL, /* value; of every literal form, typed nulls and dynamic(...) included; op 1: obfuscated
                     string (h"..."); adjacent string literals are one. datetime() and datetime(now) are
                     a SYN_CALL of now */
    SYN_NAME,    /* name; op 1: written in brackets ['a b']; op 2: holds wildcards (a*, *b) */
    SYN_PATH,    /* a.b: left, then SYN_NAME (or SYN_CALL: database('x').T, a.f(...)) */
    SYN_ELEMENT, /* a[b], a['b'], a.['b']: left, index */
    /* name(argument*): name; children: arguments, which may be SYN_NAMED, SYN_STAR, tabular */
    SYN_CALL,
    /* name = expr; name; one child. For (a, b) = expr: op 1, children expr, then SYN_NAME* */
    SYN_NAMED,
    SYN_STAR,   /* '*' */
    SYN_UNARY,  /* op: KQL_OP_MINUS or KQL_OP_PLUS; operand */
    SYN_BINARY, /* op: enum kql_operator; left, right */
    SYN_IN, /* op: IN, NOT_IN, IN_CS..., HAS_ANY, HAS_ALL; left, then items* (one may be tabular) */
    SYN_BETWEEN,     /* op: BETWEEN, NOT_BETWEEN; value, low, high */
    SYN_LIST,        /* ( a, b, c ) where the grammar has a list: item* */
    SYN_TO_SCALAR,   /* toscalar(expr) */
    SYN_TO_TABLE,    /* totable(expr) */
    SYN_MATERIALIZE, /* materialize(pipe) */
    SYN_TYPEOF,      /* typeof(long), typeof(a:int, b:string): SYN_TYPE or SYN_SCHEMA */
    SYN_ORDERED,     /* expr; op: bits of enum kql_order */

    /* ---- tabular sources; they are expressions too, and stand as the first child of a SYN_PIPE */
    SYN_DATATABLE,     /* SYN_SCHEMA, then SYN_LITERAL (or expression)* */
    SYN_EXTERNALDATA,  /* SYN_SCHEMA, addresses: constant expressions* */
    SYN_PRINT,         /* expr or SYN_NAMED* */
    SYN_RANGE,         /* name; from, to, step */
    SYN_UNION_SOURCE,  /* union as a source: as SYN_UNION */
    SYN_SEARCH_SOURCE, /* as SYN_SEARCH */
    SYN_FIND,          /* find: options; tables SYN_LIST?, predicate, project list SYN_LIST?; op 1:
                          project-smart; op 2: project-away in place of project */
    SYN_PIPE,          /* source or SYN_PIPE, then one operator node */

    /* ---- operators. 'options' are those written as name=value between keyword and body: kind=,
     *        hint.*=, isfuzzy=, withsource=, with_itemindex=, with (a=b): names in 'name', value as
     * child */
    SYN_WHERE,            /* predicate (filter is the same) */
    SYN_EXTEND,           /* (expr | SYN_NAMED)* */
    SYN_PROJECT,          /* (expr | SYN_NAMED | SYN_STAR?)* */
    SYN_PROJECT_AWAY,     /* SYN_NAME* (wildcards) */
    SYN_PROJECT_KEEP,     /* SYN_NAME* */
    SYN_PROJECT_RENAME,   /* SYN_NAMED* (new = old) */
    SYN_PROJECT_REORDER,  /* (SYN_NAME | SYN_ORDERED with op bits ORDER_ASC/DESC/GRANNY)* */
    SYN_PROJECT_BY_NAMES, /* expr* (project-by-names) */
    SYN_DISTINCT,         /* (SYN_STAR | expr | SYN_NAMED)* */
    SYN_SORT,             /* SYN_ORDERED* (sort, order) */
    SYN_TOP,              /* count expr, SYN_ORDERED* */
    SYN_TAKE,             /* count expr (take, limit) */
    SYN_COUNT,            /* name: of "count as name", or empty */
    SYN_SAMPLE,           /* count */
    SYN_SAMPLE_DISTINCT,  /* count, of expr */
    SYN_SUMMARIZE, /* aggregates SYN_LIST, then by-keys SYN_LIST? ; third child: bin= expression? */
    SYN_MAKE_SERIES, /* aggregates SYN_LIST (SYN_NAMED or expr; a default as SYN_DEFAULT around it), axis
                        SYN_NAME/SYN_NAMED, from?, to?, step, by-keys SYN_LIST?; or op 1: "in range(a,b,c)"
                        whose three are from, to, step */
    SYN_DEFAULT,   /* aggregate, default expr */
    SYN_JOIN,      /* right table expr, conditions SYN_LIST? ("on"); op 1: where instead of on */
    SYN_LOOKUP,    /* as SYN_JOIN */
    SYN_UNION,     /* table expr* (SYN_NAME may hold wildcards) */
    SYN_MV_EXPAND, /* SYN_EXPAND*; limit count? as option "limit" */
    SYN_EXPAND,    /* (expr | SYN_NAMED), SYN_TYPE? (to typeof(T)) */
    SYN_MV_APPLY, /* SYN_LIST of SYN_EXPAND, limit?, sub-query (operators as a SYN_PIPE chain that starts at
                        SYN_CONTEXT); option "with_itemindex"; "id" */
    SYN_CONTEXT, /* the row set that a sub-query starts with (implicit source) */
    SYN_PARSE, /* expr, then pattern pieces*: SYN_STAR, SYN_LITERAL string, SYN_COLUMN_DECLARATION (type may
                        be NULL: string); options kind, flags */
    SYN_PARSE_WHERE, /* as SYN_PARSE */
    SYN_PARSE_KV,    /* expr, SYN_SCHEMA; with(...) as options */
    SYN_PARTITION, /* by expr, sub-query (SYN_PIPE from SYN_CONTEXT, or legacy { query } with a source of its
                        own); op 1: legacy braces; options hint.* */
    SYN_PARTITION_BY, /* __partitionby and the like: as SYN_PARTITION */
    SYN_SCAN, /* declarations SYN_LIST of SYN_PARAMETER?, order by SYN_LIST?, partition by SYN_LIST?,
                        then SYN_STEP*; option with_match_id */
    SYN_STEP, /* name; condition, assignments SYN_LIST of SYN_NAMED?; op bits: 1 optional, 2 output=last, 4
                        output=none */
    SYN_SERIALIZE,  /* (expr | SYN_NAMED)* */
    SYN_TOP_NESTED, /* SYN_LEVEL* */
    SYN_LEVEL, /* count?, of (expr | SYN_NAMED), with others = expr?, by: SYN_ORDERED of an aggregate
                        or SYN_NAMED */
    SYN_TOP_HITTERS,       /* count, of expr, by expr? */
    SYN_SEARCH,            /* predicate, in (tables) SYN_LIST?; option kind */
    SYN_EVALUATE,          /* SYN_CALL, SYN_SCHEMA? (": (a:int, *)"); options hint.* */
    SYN_INVOKE,            /* SYN_CALL, or SYN_PATH that ends in one */
    SYN_RENDER,            /* name: chart; options: with (...), values may be SYN_LIST of names */
    SYN_AS,                /* name; options */
    SYN_CONSUME,           /* nothing */
    SYN_GETSCHEMA,         /* nothing */
    SYN_REDUCE,            /* expr; options kind, with */
    SYN_FACET,             /* by SYN_NAME list SYN_LIST, sub-query? */
    SYN_FORK,              /* (sub-query | SYN_NAMED sub-query)* */
    SYN_EXECUTE_AND_CACHE, /* nothing */
    SYN_ASSERT_SCHEMA,     /* SYN_SCHEMA */
    SYN_MACRO_EXPAND,      /* parsed, refused by name */
    SYN_GRAPH, /* make-graph, graph-match, graph-to-table, graph-shortest-paths, graph-where-nodes ...:
                  name: the operator; children as found, not to be relied on: refused by name */
    SYN_KIND_COUNT
};

/* Binary and list operators, and their spelling in kql_operator_name. */
enum kql_operator {
    KQL_OP_NONE,
    KQL_OP_OR,
    KQL_OP_AND,
    KQL_OP_EQUAL,     /* == */
    KQL_OP_NOT_EQUAL, /* != <> */
    KQL_OP_LESS,
    KQL_OP_GREATER,
    KQL_OP_LESS_EQUAL,
    KQL_OP_GREATER_EQUAL,
    KQL_OP_PLUS,
    KQL_OP_MINUS,
    KQL_OP_MULTIPLY,
    KQL_OP_DIVIDE,
    KQL_OP_MODULO,
    KQL_OP_EQUAL_CI,     /* =~ */
    KQL_OP_NOT_EQUAL_CI, /* !~ */
    KQL_OP_HAS,          /* has, and ':' */
    KQL_OP_NOT_HAS,
    KQL_OP_HAS_CS,
    KQL_OP_NOT_HAS_CS,
    KQL_OP_HASPREFIX,
    KQL_OP_NOT_HASPREFIX,
    KQL_OP_HASPREFIX_CS,
    KQL_OP_NOT_HASPREFIX_CS,
    KQL_OP_HASSUFFIX,
    KQL_OP_NOT_HASSUFFIX,
    KQL_OP_HASSUFFIX_CS,
    KQL_OP_NOT_HASSUFFIX_CS,
    KQL_OP_CONTAINS,
    KQL_OP_NOT_CONTAINS,
    KQL_OP_CONTAINS_CS,
    KQL_OP_NOT_CONTAINS_CS,
    KQL_OP_STARTSWITH,
    KQL_OP_NOT_STARTSWITH,
    KQL_OP_STARTSWITH_CS,
    KQL_OP_NOT_STARTSWITH_CS,
    KQL_OP_ENDSWITH,
    KQL_OP_NOT_ENDSWITH,
    KQL_OP_ENDSWITH_CS,
    KQL_OP_NOT_ENDSWITH_CS,
    KQL_OP_LIKE,
    KQL_OP_NOT_LIKE,
    KQL_OP_LIKE_CS,
    KQL_OP_NOT_LIKE_CS,
    KQL_OP_MATCHES_REGEX,
    KQL_OP_IN, /* list operators: SYN_IN */
    KQL_OP_NOT_IN,
    KQL_OP_IN_CI, /* in~ */
    KQL_OP_NOT_IN_CI,
    KQL_OP_HAS_ANY,
    KQL_OP_HAS_ALL,
    KQL_OP_BETWEEN, /* SYN_BETWEEN */
    KQL_OP_NOT_BETWEEN,
    KQL_OP_COUNT
};
enum kql_order {
    KQL_ORDER_ASC = 1, /* written */
    KQL_ORDER_DESC = 2,
    KQL_ORDER_NULLS_FIRST = 4,
    KQL_ORDER_NULLS_LAST = 8,
    KQL_ORDER_GRANNY = 16, /* granny-asc, granny-desc with ASC or DESC */
};

struct kql_option { /* kind=inner, hint.strategy=broadcast, with (title="x") */
    struct span name;
    uint32_t at, size;              /* of the name */
    const struct kql_syntax *value; /* a literal or a name; NULL: none was written */
};

struct kql_syntax {
    enum kql_syntax_kind kind;
    uint32_t op;
    uint32_t at, size;           /* of the whole node */
    struct span name;            /* without brackets and quotes; empty where the kind has none */
    uint32_t name_at, name_size; /* as written */
    struct kql_value value;      /* SYN_LITERAL, SYN_TYPE */
    const struct kql_syntax *const *children;
    uint32_t child_count;
    const struct kql_option *options;
    uint32_t option_count;
};

/* Parses a query. Always gives a SYN_QUERY (perhaps with no statements); errors are in 'd'. Texts
 * of names and string literals may be borrowed from 'text', which must outlive the tree. Linear
 * time, bounded stack. */
const struct kql_syntax *kql_parse(struct pool *p, struct span text, struct kql_diagnostics *d);
const char *kql_operator_name(enum kql_operator op); /* "has_cs" */
const char *
kql_syntax_name(enum kql_syntax_kind kind); /* "summarize", "function call" for messages */
/* The text with every obfuscated string literal's content replaced by ****: for logs and lists of
 * queries. Works on text that does not parse. */
struct span kql_conceal(struct pool *p, struct span text);
/* The same with a star per byte, so that every place stays where it is: for showing source lines. */
struct span kql_veil(struct pool *p, struct span text);
/* Stars over what a message about the query tells of its obfuscated strings: their values and pieces
 * of four bytes and more. */
void kql_conceal_message(struct pool *p, struct span query, char *message);
/* The tree on one line, for tests and explanations: (where (pipe T ...)); '_' is a child that is
 * NULL, '?' one that is missing. Obfuscated strings are hidden. */
struct span kql_syntax_print(struct pool *p, const struct kql_syntax *s);
/* A word that cannot stand bare as a column or variable name. */
bool kql_is_reserved(struct span name);
