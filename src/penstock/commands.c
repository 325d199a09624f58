#include "penstock/commands.h"
#include "penstock/cmd_alert.h"
#include "penstock/cmd_automation.h"
#include "penstock/cmd_collection.h"
#include "penstock/cmd_config.h"
#include "penstock/cmd_detection.h"
#include "penstock/cmd_export.h"
#include "penstock/cmd_filter.h"
#include "penstock/cmd_generate.h"
#include "penstock/cmd_journal.h"
#include "penstock/cmd_manual.h"
#include "penstock/cmd_posture.h"
#include "penstock/cmd_query.h"
#include "penstock/cmd_replay.h"
#include "penstock/cmd_saved.h"
#include "penstock/cmd_schema.h"
#include "penstock/cmd_send.h"
#include "penstock/cmd_serve.h"
#include "penstock/cmd_status.h"
#include "penstock/cmd_subscription.h"
#include "penstock/cmd_tail.h"
#include "penstock/cmd_token.h"
#include "penstock/cmd_workspace.h"
#include "penstock/kinds.h"
#include <stddef.h>

static int
config_with_kinds(int argc, char **argv)
{
    return cmd_config(argc, argv, kinds_get());
}

const struct exit_row exit_rows[] = {
    {EXIT_DONE,        "done"                                            },
    {EXIT_REFUSED,     "refused or found wrong"                          },
    {EXIT_USAGE,       "wrong usage"                                     },
    {EXIT_UNREACHABLE, "not reachable or a machine's failure (try again)"},
    {0,                NULL                                              },
};

const struct command commands[] = {
    {"serve",        "run the daemon: take records in, keep them, export them",          cmd_serve        },
    {"send",         "push NDJSON from a file or standard input to the daemon",          cmd_send         },
    {"tail",         "read a local event hub",                                           cmd_tail         },
    {"export",       "list, show, set, pause, replay and repair exports",                cmd_export       },
    {"automation",   "continuous export: list, show, apply, test and watch automations",
     cmd_automation                                                                                       },
    {"collection",   "data collection rules: what Logs Ingestion clients may send",      cmd_collection   },
    {"posture",      "bring what scanners found, list recommendations and scores",       cmd_posture      },
    {"alert",        "list alerts, change their status, make samples",                   cmd_alert        },
    {"detection",    "rules that make alerts: list, apply, test, run, history",          cmd_detection    },
    {"subscription", "which subscriptions there are, and whose",                         cmd_subscription },
    {"status",       "how everything is doing",                                          cmd_status       },
    {"schema",       "tables, columns and types",                                        cmd_schema       },
    {"token",        "create, list and revoke bearer tokens",                            cmd_token        },
    {"config",       "check, show and describe the configuration",                       config_with_kinds},
    {"journal",      "check, print and measure the journal's files",                     cmd_journal      },
    {"query",        "run a query (KQL) over a workspace, or tables in files",           cmd_query        },
    {"saved",        "queries and functions that are kept for workspaces",               cmd_saved        },
    {"workspace",    "look into a workspace, print and purge its rows",                  cmd_workspace    },
    {"replay",       "files through the same pipeline to a local folder",                cmd_replay       },
    {"filter",       "records of files through a query, one by one",                     cmd_filter       },
    {"manual",       "the reference manual of this very program, in Markdown",           cmd_manual       },
    {"generate",     "make realistic records for tests and benchmarks",                  cmd_generate     },
    {NULL,           NULL,                                                               NULL             },
};
