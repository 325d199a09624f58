/* query_run.c - the choice between here and the daemon. */
#include "penstock/query_run.h"
#include "penstock/commands.h"
#include "penstock/query_local.h"
#include "penstock/query_remote.h"

void
query_runner_begin(struct query_runner *r, const struct query_options *o,
                   const struct catalog *catalog)
{
    *r = (struct query_runner){.o = o, .catalog = catalog};
}

void
query_runner_end(struct query_runner *r)
{
    query_local_close(r->local);
    query_remote_close(r->remote);
    r->local = NULL;
    r->remote = NULL;
}

static int
local_open(struct query_runner *r)
{
    return r->local != NULL ? EXIT_DONE : query_local_open(r->o, r->catalog, &r->local);
}

static int
remote_run(struct query_runner *r, struct span text)
{
    int code = r->remote != NULL ? EXIT_DONE : query_remote_open(r->o, &r->remote);

    return code == EXIT_DONE ? query_remote_run(r->remote, text) : code;
}

int
query_runner_run(struct query_runner *r, struct span text)
{
    const struct query_options *o = r->o;
    int code;

    if (o->is_remote)
        return remote_run(r, text);
    code = local_open(r);
    if (code != EXIT_DONE)
        return code;
    if (o->is_local || o->is_check || o->is_explain || query_local_suffices(r->local, text))
        return query_local_run(r->local, text);
    code = remote_run(r, text);
    if (code == EXIT_UNREACHABLE) {
        fputs("penstock query: without it: --table NAME=FILE reads a table's rows from a file, "
              "--external-data URL lets externaldata read what begins so\n",
              stderr);
        query_local_complain(r->local, text);
    }
    return code;
}

int
query_runner_batch(struct query_runner *r)
{
    int code = local_open(r);

    return code == EXIT_DONE ? query_local_batch(r->local) : code;
}
