/* main.c - the table of subcommands. Everything a command does stands in its cmd_*.c. */
#include "penstock/commands.h"
#include <stdio.h>
#include <string.h>

static void
usage(FILE *to)
{
    fprintf(to,
            "penstock %s - continuous export of security telemetry, without loss\n\n"
            "Usage: penstock COMMAND [OPTIONS]      penstock COMMAND --help tells the rest\n\n",
            PENSTOCK_VERSION);
    for (const struct command *c = commands; c->name != NULL; c++)
        fprintf(to, "  %-12s %s\n", c->name, c->help);
    fputs("\nExit codes:", to);
    for (const struct exit_row *e = exit_rows; e->help != NULL; e++)
        fprintf(to, "%s %d %s", e == exit_rows ? "" : ";", e->code, e->help);
    fputs(".\nFiles: penstock.yaml where --config says; data in --data, PENSTOCK_DATA, "
          "/var/lib/penstock or ./penstock-data.\n",
          to);
}

/* getopt's own words begin with argv[0]: "penstock send", as all others do. */
static int
run(const struct command *c, int argc, char **argv)
{
    char name[40];

    snprintf(name, sizeof name, "penstock %s", c->name);
    argv[0] = name;
    return c->run(argc, argv);
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("penstock %s\n", PENSTOCK_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "help") == 0) { /* penstock help CMD = penstock CMD --help */
        char help[] = "--help";
        char *swapped[] = {argv[2], help, NULL};

        for (const struct command *c = commands; c->name != NULL; c++)
            if (strcmp(argv[2], c->name) == 0)
                return run(c, 2, swapped);
    }
    for (const struct command *c = commands; c->name != NULL; c++)
        if (strcmp(argv[1], c->name) == 0)
            return run(c, argc - 1, argv + 1);
    fprintf(stderr, "penstock: there is no command '%s'; see: penstock --help\n", argv[1]);
    return EXIT_USAGE;
}
