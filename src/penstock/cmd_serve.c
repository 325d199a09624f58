#include "penstock/cmd_serve.h"
#include "base/log.h"
#include "penstock/client.h"
#include "penstock/commands.h"
#include "penstock/daemon.h"
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char usage_text[] =
    "Usage: penstock serve [--config FILE] [--data DIR] [--listen ADDRESS:PORT]\n\n"
    "Runs the daemon in the foreground: takes records in, keeps them, exports them.\n\n"
    "  --config FILE   YAML or JSON; see: penstock config describe. Default: built-in defaults\n"
    "  --data DIR      everything it keeps; default: PENSTOCK_DATA, then what the configuration\n"
    "                  says; without one /var/lib/penstock if it exists, else ./penstock-data\n"
    "  --listen A:P    address and port, over the configuration's (127.0.0.1:7780); port 0: a free "
    "one\n"
    "  --ready-file F  written once requests are taken: {\"url\":...,\"pid\":...}\n\n"
    "Signals: TERM and INT stop it orderly, HUP reads the configuration again.\n";

/* Tells systemd (Type=notify) where we are; silently nothing without it. */
static void
notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};

    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    strcpy(to.sun_path, path);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0';
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));

    (void)sent;
    close(fd);
}

int
cmd_serve(int argc, char **argv)
{
    static const struct option longs[] = {
        {"config",     required_argument, NULL, 'c'},
        {"data",       required_argument, NULL, 'd'},
        {"listen",     required_argument, NULL, 'l'},
        {"ready-file", required_argument, NULL, 'r'},
        {"help",       no_argument,       NULL, 'h'},
        {NULL,         0,                 NULL, 0  },
    };
    struct daemon_options o = {.config_path = NULL};
    const char *ready_file = NULL;
    struct daemon *d;
    struct err err = {""};
    sigset_t signals;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "hc:", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            o.config_path = optarg;
            break;
        case 'd':
            o.data = optarg;
            break;
        case 'l':
            o.listen = optarg;
            break;
        case 'r':
            ready_file = optarg;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return EXIT_DONE;
        default:
            fputs("See: penstock serve --help\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "penstock serve: it takes options only, not '%s'\n", argv[optind]);
        return EXIT_USAGE;
    }
    /* A configuration file may name the folder itself; --data and the environment stand above
     * it. */
    const char *environment = getenv("PENSTOCK_DATA");

    if (o.config_path == NULL || (environment != NULL && environment[0] != '\0'))
        o.data = client_data_folder(o.data);
    /* A thread per connection would make glibc keep an arena for each: resident memory grows,
     * nothing gets faster. */
    mallopt(M_ARENA_MAX, 2);
    /* Blocked before any thread is made, so that all inherit it and only sigtimedwait takes
     * them. */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    enum status st = daemon_start(&o, &d, &err);

    if (st != ST_OK) {
        fprintf(stderr, "penstock: %s\n", err.text);
        return st == ST_INVALID ? EXIT_REFUSED : EXIT_UNREACHABLE;
    }
    if (ready_file != NULL && daemon_write_ready(d, ready_file, &err) != ST_OK)
        log_line(LOG_WARN, "penstock", "%s", err.text);
    notify("READY=1");
    char *banner = daemon_banner(d);

    if (banner != NULL && isatty(STDOUT_FILENO))
        fputs(banner, stdout);
    fflush(stdout);
    free(banner);
    for (;;) {
        const struct timespec second = {1, 0};
        int got = sigtimedwait(&signals, NULL, &second);

        if (got == SIGTERM || got == SIGINT)
            break;
        if (got == SIGHUP) {
            notify("RELOADING=1");
            if (daemon_reload(d, &err) != ST_OK)
                log_line(LOG_ERROR, "penstock", "the old configuration stays in force: %s",
                         err.text);
            notify("READY=1");
        }
        daemon_tend(d);
    }
    log_line(LOG_INFO, "penstock", "stopping");
    notify("STOPPING=1");
    daemon_stop(d);
    return EXIT_DONE;
}
