#include "penstock/cmd_status.h"
#include "penstock/client.h"
#include "penstock/exports_table.h"

static const char usage_text[] =
    "Usage: penstock status [OPTIONS]\n\n"
    "How the daemon is doing: ingestion, journal, exports, sources.\n\n" CLIENT_HELP
    "\nExit codes: 0 done; 1 something is wrong there; 2 wrong usage; 3 the daemon was not "
    "reached.\n";

static void
print_for_people(json_t *answer)
{
    json_t *exports = json_incref(json_object_get(answer, "exports"));

    json_object_del(answer, "exports");
    client_print_tree(answer);
    puts("\nexports:");
    exports_table_print(exports);
    json_decref(exports);
}

int
cmd_status(int argc, char **argv)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"help", no_argument, NULL, 'h'},
        {NULL,   0,           NULL, 0  },
    };
    struct client_settings settings = {0};
    struct client client;
    struct http_exchange health;
    struct err err = {""};
    json_t *answer = NULL;
    int option, code;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(&settings, option, optarg))
            continue;
        if (option != 'h')
            return CLIENT_USAGE;
        fputs(usage_text, stdout);
        return CLIENT_DONE;
    }
    if (optind != argc)
        return client_usage_error("penstock status", "there is nothing to be named");
    if (client_open(&client, "penstock status", &settings, &err) != ST_OK)
        return client_usage_error("penstock status", "%s", err.text);
    code = client_call(&client, "GET", "/api/status", NULL, &answer);
    if (code == CLIENT_DONE) {
        if (settings.json)
            client_print_json(answer);
        else
            print_for_people(answer);
        /* the figures are there; whether they are good is another question */
        code = client_fetch(&client, "GET", "/healthz", (struct span){0}, NULL, &health);
        if (code == CLIENT_DONE && health.status != 200) {
            client_complain(&client, "health", &health);
            code = CLIENT_REFUSED;
        }
    }
    json_decref(answer);
    client_close(&client);
    return code;
}
