/* function_other.c - what belongs nowhere else: assert(), the size of values; and functions and
 * aggregates that the language knows and that are not built here: named, so that a query that needs
 * one is told so. */
#include "kql/dynamic.h"
#include "kql/function.h"

/* assert(predicate, message): ends the query unless the predicate holds. */
static void
assert_call(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    if (!kql_is_true(&args[0])) {
        struct span message = args[1].type == KQL_STRING ? kql_text(&args[1]) : SPAN_LITERAL("");

        pool_abandon(call->pool, "assert() has failed: %.*s",
                     (int)(message.n > 200 ? 200 : message.n), message.p);
    }
    *result = kql_bool(true);
}

/* Bytes of the types that have a fixed size (estimate_data_size page: a long has 8). */
static int64_t
size_of(struct kql_call *call, const struct kql_value *v, enum kql_type type)
{
    switch (type) {
    case KQL_BOOL:
        return 1;
    case KQL_INT:
        return 4;
    case KQL_LONG:
    case KQL_REAL:
    case KQL_DATETIME:
    case KQL_TIMESPAN:
        return 8;
    case KQL_DECIMAL:
    case KQL_GUID:
        return 16;
    case KQL_STRING:
        return v->size;
    default:
        return v->is_null ? 0 : (int64_t)kql_json_print(call->pool, v).n;
    }
}

static void
estimate_data_size(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    int64_t size = 0;

    for (uint32_t i = 0; i < call->count; i++)
        size += size_of(call, &args[i], call->types[i]);
    *result = kql_integer(KQL_LONG, size);
}

/* Tables here have no policy that would record it. */
static void
ingestion_time(struct kql_call *call, const struct kql_value *args, struct kql_value *result)
{
    (void)call, (void)args;
    *result = kql_null(KQL_DATETIME);
}

#define NOT_BUILT(spelled, of, types, line)                                                        \
    {                                                                                              \
        .name = spelled, .kind = of, .flags = KQL_F_NOT_BUILT, .signature = types, .doc = line,    \
        .group = "not built"                                                                       \
    }

/* clang-format off */
const struct kql_function kql_functions_other[] = {
    {.name = "assert",
     .kind = KQL_SCALAR,
     .flags = KQL_F_TAKES_NULLS | KQL_F_VOLATILE,
     .signature = "(predicate: bool, message: string) -> bool",
     .doc = "Ends the query with the message unless the predicate is true.",
     .call = assert_call,
     .group = "metadata"},
    {.name = "estimate_data_size",
     .kind = KQL_SCALAR,
     .flags = KQL_F_TAKES_NULLS,
     .signature = "(columns: any...) -> long",
     .doc = "About how many bytes the values take.",
     .call = estimate_data_size,
     .group = "metadata"},
    {.name = "ingestion_time",
     .kind = KQL_SCALAR,
     .flags = KQL_F_TAKES_NULLS,
     .signature = "() -> datetime",
     .doc = "When the record was ingested: null, for it is not kept here.",
     .call = ingestion_time,
     .group = "metadata"},
    NOT_BUILT("around", KQL_SCALAR, "(value: any, center: any, delta: any) -> bool",
              "Whether the value lies within delta of the center."),
    NOT_BUILT("hll_isvalid", KQL_SCALAR, "(hll: dynamic) -> bool",
              "Whether it is a result of hll()."),
    NOT_BUILT("tdigest_isvalid", KQL_SCALAR, "(digest: dynamic) -> bool",
              "Whether it is a result of tdigest()."),
    NOT_BUILT("FileProfile", KQL_SCALAR, "(x: any, limit?: any) -> dynamic",
              "What is known of a file all over the world: invoke FileProfile(SHA1)."),
    NOT_BUILT("iscolumnexists", KQL_SCALAR, "(column_name: const string) -> bool",
              "Whether the rows have a column of that name."),
    {.name = "column_names_of", .kind = KQL_SCALAR, .flags = KQL_F_LAZY,
     .signature = "(table: any) -> dynamic", .doc = "The names of the columns of a table.",
     .group = "metadata"}, /* the binder answers it */
    NOT_BUILT("current_cluster_endpoint", KQL_SCALAR, "() -> string",
              "The name of the cluster."),
    NOT_BUILT("current_database", KQL_SCALAR, "() -> string",
              "The name of the database."),
    NOT_BUILT("current_principal", KQL_SCALAR, "() -> string",
              "Who asks."),
    NOT_BUILT("current_principal_details", KQL_SCALAR, "() -> dynamic",
              "Who asks, with all that is known of them."),
    NOT_BUILT("current_principal_is_member_of", KQL_SCALAR, "(groups: any...) -> bool",
              "Whether who asks is a member of one of the groups."),
    NOT_BUILT("extent_id", KQL_SCALAR, "() -> guid",
              "The piece of storage that holds the row."),
    NOT_BUILT("extentid", KQL_SCALAR, "() -> guid",
              "The piece of storage that holds the row."),
    NOT_BUILT("extent_tags", KQL_SCALAR, "() -> dynamic",
              "The tags of the piece of storage that holds the row."),
    NOT_BUILT("row_id", KQL_SCALAR, "() -> string",
              "The row's place in storage."),
    NOT_BUILT("current_node_id", KQL_SCALAR, "() -> string",
              "The machine that works on the row."),
    NOT_BUILT("cursor_after", KQL_SCALAR, "(cursor: string) -> bool",
              "Whether the row came in on that side of a moment."),
    NOT_BUILT("cursor_before_or_at", KQL_SCALAR, "(cursor: string) -> bool",
              "Whether the row came in on that side of a moment."),
    NOT_BUILT("cursor_current", KQL_SCALAR, "() -> string",
              "The moment up to which rows have come in."),
    NOT_BUILT("current_cursor", KQL_SCALAR, "() -> string",
              "The moment up to which rows have come in."),
    NOT_BUILT("rowstore_ordinal_range", KQL_SCALAR, "(from: any, to: any...) -> bool",
              "Rows of a range of the row store."),
    NOT_BUILT("inner_nodes", KQL_SCALAR, "(element?: any...) -> dynamic",
              "Of graphs."),
    NOT_BUILT("node_id", KQL_SCALAR, "(element?: any...) -> dynamic",
              "Of graphs."),
    NOT_BUILT("node_degree_in", KQL_SCALAR, "(element?: any...) -> dynamic",
              "Of graphs."),
    NOT_BUILT("node_degree_out", KQL_SCALAR, "(element?: any...) -> dynamic",
              "Of graphs."),
    NOT_BUILT("labels", KQL_SCALAR, "(element?: any...) -> dynamic",
              "Of graphs."),
    NOT_BUILT("passthrough", KQL_AGGREGATE, "(value: any) -> dynamic",
              "Every value, as it is."),
    {.name = NULL},
};
