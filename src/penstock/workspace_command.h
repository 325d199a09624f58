/* workspace_command.h - what "penstock workspace" was asked for, shared by the files that do it: with the file itself, or by
 * asking the daemon that has it open. */
#pragma once
#include "penstock/client.h"
#include "penstock/commands.h"
#include "workspace/keep.h"

enum workspace_verb {
    WORKSPACE_LIST,
    WORKSPACE_PRINT,
    WORKSPACE_PURGE,
    WORKSPACE_EXPORT,
    WORKSPACE_CHECK,
    WORKSPACE_COMPACT,
    WORKSPACE_REBUILD,
    WORKSPACE_VERBS
};

struct workspace_command {
    enum workspace_verb verb;
    const char *name, *table;
    struct client_settings client; /* where the daemon is, tenant, data folder, json */
    const char *config;
    const char *from_text, *before_text, *where, *to, *shape;
    int64_t from, before; /* ticks; INT64_MIN, INT64_MAX: not given */
    bool dry_run, plain, force;
    bool is_path; /* 'name' is a file's path, not a workspace's name */
    char path[4200];
};

/* A line of list: from the file, or from the daemon's answer. */
void workspace_size_print(const struct workspace_command *o, const struct workspace_size *s);

/* Asks the daemon; the exit code. */
int workspace_remote(const struct workspace_command *o);

/* Moves the file aside and sets the exports that fill it back, so that the next start fills a new one; the exit
 * code. */
int workspace_rebuild(const struct workspace_command *o);
