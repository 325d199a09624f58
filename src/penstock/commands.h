/* commands.h - the subcommands of penstock. */
#pragma once

/* Exit codes of every command; documented in penstock(1). */
enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };
struct exit_row {
    int code;
    const char *help;
};
extern const struct exit_row exit_rows[]; /* ends at a NULL help */

struct command {
    const char *name;
    const char *help;                  /* one line */
    int (*run)(int argc, char **argv); /* argv[0] is "penstock NAME"; the result is the exit code */
};
extern const struct command commands[]; /* ends at a NULL name */
