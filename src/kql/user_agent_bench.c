/* user_agent_bench.c - microseconds a name, by rules and remembered. With a file, its lines are the names. */
#include "kql/user_agent.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NAMES_MAX = 100000, ROUNDS = 20000 };

static const char *names[NAMES_MAX] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/17.4.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.6367.82 Mobile Safari/537.36",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Microsoft-CryptoAPI/10.0",
    "python-requests/2.31.0",
    "curl/8.5.0",
    "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.4291",
};
static uint32_t name_count = 10;

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void
read_names(const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    for (name_count = 0; name_count < NAMES_MAX && (n = getline(&line, &room, file)) > 0;) {
        line[line[n - 1] == '\n' ? n - 1 : n] = '\0';
        names[name_count++] = line;
        line = NULL;
    }
    free(line);
    fclose(file);
}

/* Names with a number behind them are new each time. */
static void
measure(struct pool *p, const char *title, uint32_t kinds, bool is_new)
{
    struct span fields[USER_AGENT_FIELDS_MAX];
    double start = seconds(), took;
    char text[2048];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        const char *name = names[i % name_count];
        int n = is_new ? snprintf(text, sizeof text, "%.1900s %x", name, i)
                       : snprintf(text, sizeof text, "%.1900s", name);

        for (uint32_t kind = 0; kind < USER_AGENT_KINDS; kind++)
            if ((kinds >> kind & 1) != 0)
                user_agent_read(p, (enum user_agent_kind)kind, (struct span){text, (size_t)n},
                                fields);
        pool_reset(p);
    }
    took = seconds() - start;
    printf("  %-32s %8.2f us a name\n", title, took * 1e6 / (double)ROUNDS);
}

int
main(int argc, char **argv)
{
    double start = seconds();
    struct pool pool;
    struct err err = {""};
    jmp_buf escape;

    pool_init(&pool, 1 << 20);
    pool.escape = &escape;
    if (setjmp(escape) != 0)
        return 1;
    if (argc > 1)
        read_names(argv[1]);
    for (int kind = 0; kind < USER_AGENT_KINDS; kind++)
        if (!user_agent_prepare((enum user_agent_kind)kind, &err)) {
            fprintf(stderr, "%s\n", err.text);
            return 1;
        }
    printf("%u rules compiled in %.0f ms; %u names\n", user_agent_rule_count,
           (seconds() - start) * 1e3, name_count);
    measure(&pool, "all, first time", 7, true);
    measure(&pool, "browser", 1, true);
    measure(&pool, "os", 2, true);
    measure(&pool, "device", 4, true);
    measure(&pool, "all", 7, true);
    measure(&pool, "all, remembered if they come again", 7, false);
    pool_free(&pool);
    return 0;
}
