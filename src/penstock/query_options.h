/* query_options.h - what "penstock query" was told. One thread. */
#pragma once
#include "penstock/client.h"
#include "penstock/query_print.h"
#include "penstock/query_table.h"
#include "wire/fetch.h"

enum { QUERY_PARAMETERS_MAX = 256, QUERY_WORKSPACES_MAX = 100 };
enum query_shape { QUERY_HUNTING, QUERY_SHAPE_WORKSPACE, QUERY_BOTH, QUERY_SHAPE_COUNT };

struct query_options {
    const char *query, *file, *config, *group;
    bool is_batch, is_check, is_explain, is_functions, has_format, has_time;
    enum query_format format;
    enum query_shape shape;
    struct kql_parameter_value parameters[QUERY_PARAMETERS_MAX];
    size_t parameter_count;
    struct kql_rows_limits limits;
    int64_t time_ms; /* 0: none */

    /* ---- here: over files */
    bool is_local, is_duckdb;
    /* [NAME=]FILE: tables are the first one's, the others are named by workspace("NAME") */
    const char *workspace_files[QUERY_WORKSPACES_MAX];
    size_t workspace_file_count;
    const char *tables[QUERY_TABLES_MAX];
    size_t table_count;
    const char *prefixes[FETCH_PREFIXES_MAX];
    struct fetch_policy external; /* .prefixes is the array above, to be set */

    /* ---- the daemon's workspaces */
    bool is_remote; /* something was said that only a daemon can do */
    struct client_settings client;
    const char *workspace;                    /* name, GUID or resource id; NULL: the default one */
    const char *beside[QUERY_WORKSPACES_MAX]; /* further ones: a table is that of all */
    size_t beside_count;
    const char *timespan;
    int64_t watch_ms; /* 0: once */
};

/* False: 'code' is what to end with; it has said why. */
MUST_CHECK bool query_options_read(int argc, char **argv, struct query_options *o, int *code);
/* The file of a --workspace-file, and its name (empty: it has none). */
const char *query_workspace_file(const char *value, struct span *name);
/* False: there is none of that name. */
MUST_CHECK bool query_shape_read(const char *name, enum query_shape *shape);
const char *query_shape_name(enum query_shape shape); /* "hunting" */
