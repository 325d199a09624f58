/* cmd_tail.c - long polls of a local event hub; each record of a message is a line, byte for byte
 * as it was.
 *
 * With a consumer group, a cursor is committed only after what it covers was written out: what a
 * reader that dies had not written is read again. */
#include "penstock/cmd_tail.h"
#include "base/clock.h"
#include "penstock/client.h"
#include "wire/retry.h"
#include "wire/scan.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static const char command_name[] = "penstock tail";
static const char usage_text[] =
    "Usage: penstock tail HUB [OPTIONS]\n\n"
    "Prints the records of a local event hub as NDJSON. An export without a named hub has one per\n"
    "event type, named like insights-logs-advancedhunting-deviceinfo; that of the built-in export\n"
    "local-hub is called events.\n\n"
    "  --from PLACE       earliest, latest, a time (2026-09-14T08:00:00Z) or a cursor\n"
    "                     (default: where the group stood, else earliest)\n"
    "  --group NAME       consumer group: goes on where it stood, and remembers where it got to\n"
    "  --follow           go on waiting for more\n"
    "  --messages         print messages ({\"records\":[...]}) instead of records\n"
    "  --max N            end after so many records\n" CLIENT_HELP
    "\nExit codes: 0 done; 1 refused; 2 wrong usage; 3 the daemon was not reached.\n";

enum { FOLLOW_WAIT_S = 30, BYTES_AT_ONCE = 4 << 20, SCANNER_MEMORY = 1 << 20 };

struct tail {
    struct client client;
    const char *hub, *group;
    char from[128];
    bool follow, messages;
    uint64_t record_max, record_count; /* record_max 0: no limit */
    char *text;                        /* the answer, padded for the scanner */
    size_t room;
    struct arena memory;
    struct scanner scanner;
};

static atomic_bool interrupted;

static void
on_signal(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

static bool
is_full(const struct tail *t)
{
    return t->record_max > 0 && t->record_count >= t->record_max;
}

static void
print_line(struct tail *t, struct span line)
{
    fwrite(line.p, 1, line.n, stdout);
    fputc('\n', stdout);
    t->record_count++;
}

/* One message; 'size' bytes at 'text', padding behind. */
static void
print_message(struct tail *t, const char *text, size_t size)
{
    static const struct scan_limits limits = {64 << 20, 1024, SCAN_VALUES_MAX};
    struct scan_record record;
    struct scan_fault fault;

    if (t->messages) {
        print_line(t, (struct span){text, size});
        return;
    }
    scanner_reset(&t->scanner, SCAN_ENVELOPES, &limits);
    for (;;) {
        enum scan_result result = scan_next(&t->scanner, text, size, true, &record, &fault);

        if (result == SCAN_RECORD && !is_full(t)) {
            print_line(t, (struct span){text + record.at, record.size});
            continue;
        }
        if (result == SCAN_FAULT) { /* show it rather than hide it */
            fprintf(stderr, "%s: a message is not as it should be: %s\n", command_name, fault.text);
            print_line(t, (struct span){text, size});
        }
        return;
    }
}

static bool
print_messages(struct tail *t, struct span answer)
{
    if (t->room < answer.n + SCAN_PADDING) {
        free(t->text);
        t->room = answer.n + SCAN_PADDING;
        t->text = malloc(t->room);
    }
    if (t->text == NULL)
        return false;
    memcpy(t->text, answer.p, answer.n);
    memset(t->text + answer.n, 0, SCAN_PADDING);
    for (size_t at = 0; at < answer.n && !is_full(t);) {
        const char *feed = memchr(t->text + at, '\n', answer.n - at);
        size_t end = feed == NULL ? answer.n : (size_t)(feed - t->text);

        if (end > at)
            print_message(t, t->text + at, end - at);
        at = end + 1;
    }
    if (fflush(stdout) == 0)
        return true;
    if (errno != EPIPE) /* the reader had enough: no fault */
        fprintf(stderr, "%s: cannot write: %s\n", command_name, strerror(errno));
    return false;
}

static int
commit(struct tail *t, const char *cursor)
{
    char path[1024], body[256];
    struct http_exchange x;

    if (t->group == NULL)
        return CLIENT_DONE;
    snprintf(path, sizeof path, "/hubs/%s/cursor?consumerGroup=%s%s%s", t->hub, t->group,
             t->client.tenant[0] != '\0' ? "&tenantId=" : "", t->client.tenant);
    snprintf(body, sizeof body, "{\"cursor\":\"%s\"}", cursor);
    int code = client_fetch(&t->client, "POST", path, span_of(body), "application/json", &x);

    if (code == CLIENT_DONE && (x.status < 200 || x.status >= 300))
        code = client_complain(&t->client, "the cursor was not kept", &x);
    return code;
}

/* One poll. CLIENT_DONE: *is_end says whether to stop. */
static int
poll_once(struct tail *t, bool *is_end, int64_t *retry_after_ms)
{
    char path[2048], from[384], cursor[128] = "";
    struct http_exchange x;

    if (!client_encode(t->from, from, sizeof from))
        return client_usage_error(command_name, "--from is too long");
    snprintf(path, sizeof path, "/hubs/%s/messages?maxWait=%d&maxBytes=%d%s%s%s%s%s%s", t->hub,
             t->follow ? FOLLOW_WAIT_S : 0, BYTES_AT_ONCE, from[0] != '\0' ? "&from=" : "", from,
             t->group != NULL ? "&consumerGroup=" : "", t->group != NULL ? t->group : "",
             t->client.tenant[0] != '\0' ? "&tenantId=" : "", t->client.tenant);
    *retry_after_ms = -1;
    int code = client_fetch(&t->client, "GET", path, (struct span){0}, NULL, &x);

    if (code != CLIENT_DONE)
        return code;
    *retry_after_ms = x.retry_after_ms;
    if (x.status != 200 && x.status != 204)
        return client_complain(&t->client, t->hub, &x);
    struct span next = http_client_header(&x, "x-penstock-cursor");

    snprintf(cursor, sizeof cursor, "%.*s", (int)next.n, next.p == NULL ? "" : next.p);
    if (x.status == 200) {
        /* a maximum may cut a message; the cursor then stays before it */
        if (!print_messages(t, x.response)) {
            *is_end = true;
            return CLIENT_DONE;
        }
    }
    *is_end = is_full(t) || (x.status == 204 && !t->follow);
    snprintf(t->from, sizeof t->from, "%s", cursor);
    return x.status == 200 && !is_full(t) ? commit(t, cursor) : CLIENT_DONE;
}

static void
rest(unsigned ms)
{
    for (unsigned gone = 0; gone < ms && !atomic_load(&interrupted); gone += 50) {
        struct timespec t = {0, 50000000};

        nanosleep(&t, NULL);
    }
}

static int
run(struct tail *t)
{
    unsigned failures = 0;
    bool is_end = false;

    while (!is_end && !atomic_load(&interrupted)) {
        int64_t retry_after_ms = -1;
        int code = poll_once(t, &is_end, &retry_after_ms);

        if (code == CLIENT_DONE) {
            failures = 0;
            continue;
        }
        if (atomic_load(&interrupted))
            break;
        if (code != CLIENT_UNREACHABLE || !t->follow)
            return code;
        failures++;
        rest(retry_pause(failures, retry_after_ms, (uint64_t)clock_ticks()));
    }
    return CLIENT_DONE;
}

/* -1: go on, else the exit code. */
static int
read_options(int argc, char **argv, struct tail *t, struct client_settings *settings)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"from",     required_argument, NULL, 'f'},
        {"group",    required_argument, NULL, 'g'},
        {"follow",   no_argument,       NULL, 'w'},
        {"messages", no_argument,       NULL, 'm'},
        {"max",      required_argument, NULL, 'x'},
        {"help",     no_argument,       NULL, 'h'},
        {NULL,       0,                 NULL, 0  },
    };
    const char *from = "";
    char encoded[800];
    int option;

    optind = 0;
    while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (client_option(settings, option, optarg))
            continue;
        switch (option) {
        case 'f':
            from = optarg;
            break;
        case 'g':
            t->group = optarg;
            break;
        case 'w':
            t->follow = true;
            break;
        case 'm':
            t->messages = true;
            break;
        case 'x':
            t->record_max = strtoull(optarg, NULL, 10);
            if (t->record_max == 0)
                return client_usage_error(command_name, "--max is '%.40s'; give a number from 1 on",
                                          optarg);
            break;
        case 'h':
            fputs(usage_text, stdout);
            return CLIENT_DONE;
        default:
            return CLIENT_USAGE;
        }
    }
    if (optind + 1 != argc)
        return client_usage_error(command_name, "give the name of one hub");
    t->hub = argv[optind];
    if (!client_encode(t->hub, encoded, sizeof encoded) || strcmp(encoded, t->hub) != 0)
        return client_usage_error(command_name, "'%.80s' is no name of a hub", t->hub);
    if (t->group != NULL && t->group[strspn(t->group, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
                                                      "RSTUVWXYZ0123456789._-$")] != '\0')
        return client_usage_error(command_name, "a consumer group has letters, digits and . _ - $");
    if (strlen(from) >= sizeof t->from)
        return client_usage_error(command_name, "--from is too long");
    snprintf(t->from, sizeof t->from, "%s",
             from[0] == '\0' && t->group == NULL ? "earliest" : from);
    return -1;
}

int
cmd_tail(int argc, char **argv)
{
    static const struct scan_limits limits = {64 << 20, 1024, SCAN_VALUES_MAX};
    struct client_settings settings = {.stop = &interrupted};
    struct sigaction act = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    struct tail t = {.hub = NULL};
    struct err err = {""};
    int code = read_options(argc, argv, &t, &settings);

    if (code >= 0)
        return code;
    t.memory = (struct arena){aligned_alloc(64, SCANNER_MEMORY), SCANNER_MEMORY, 0};
    if (t.memory.base == NULL ||
        scanner_init(&t.scanner, &t.memory, SCAN_ENVELOPES, &limits, &err) != ST_OK) {
        fprintf(stderr, "%s: no memory\n", command_name);
        free(t.memory.base);
        return CLIENT_UNREACHABLE;
    }
    if (client_open(&t.client, command_name, &settings, &err) != ST_OK) {
        code = client_usage_error(command_name, "%s", err.text);
    } else {
        sigaction(SIGINT, &act, NULL);
        sigaction(SIGTERM, &act, NULL);
        sigaction(SIGPIPE, &ignore, NULL);
        code = run(&t);
        client_close(&t.client);
    }
    free(t.memory.base);
    free(t.text);
    return code;
}
