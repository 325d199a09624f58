#include "sensor/selftest.h"
#include "base/file.h"
#include "sensor/connector.h"
#include "sensor/device.h"
#include "sensor/diag.h"
#include "sensor/privileges.h"
#include "wire/http_client.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum outcome { FINE, LIMITED, FAILED };

struct check {
    const struct options *o;
    char text[800]; /* what was found, or what would help */
};

static enum outcome
check_device(struct check *c)
{
    const struct device_given given = {c->o->device_name, c->o->tag, c->o->machine_id_file};
    struct device d;
    struct err err = {""};

    if (device_read("", &given, &d, &err) != ST_OK) {
        snprintf(c->text, sizeof c->text, "%s", err.text);
        return FAILED;
    }
    snprintf(c->text, sizeof c->text, "%s, id %s", d.name, d.id);
    return FINE;
}

static enum outcome
check_privileges(struct check *c)
{
    bool has[PRIVILEGE_COUNT];
    struct err err = {""};
    size_t used = 0, missing = 0;

    if (privileges_drop(c->o->user, NULL, has, &err) != ST_OK) {
        snprintf(c->text, sizeof c->text, "%s", err.text);
        return FAILED;
    }
    for (size_t i = 0; i < PRIVILEGE_COUNT; i++) {
        used += (size_t)snprintf(c->text + used, sizeof c->text - used, "%s%s%s",
                                 i == 0 ? "" : ", ", has[i] ? "" : "no ", privilege_names[i]);
        missing += !has[i];
    }
    return missing > 0 ? LIMITED : FINE;
}

static enum outcome
check_events(struct check *c)
{
    struct err err = {""};
    int fd;

    if (connector_open(1 << 20, &fd, &err) != ST_OK) {
        snprintf(c->text, sizeof c->text, "%s; looking every %lld ms would miss short processes",
                 err.text, (long long)c->o->poll_ms);
        return c->o->processes == MODE_CONNECTOR ? FAILED : LIMITED;
    }
    connector_close(fd);
    snprintf(c->text, sizeof c->text, "the kernel tells of every process");
    return FINE;
}

static enum outcome
check_inspect(struct check *c)
{
    char link[64];

    if (readlink("/proc/1/exe", link, sizeof link) < 0) {
        snprintf(c->text, sizeof c->text,
                 "other users' programs stay unnamed and unhashed (%s); needs CAP_SYS_PTRACE",
                 strerror(errno));
        return LIMITED;
    }
    snprintf(c->text, sizeof c->text, "programs and sockets of all users can be named");
    return FINE;
}

static void
count(void *app, const struct socket *s)
{
    (void)s;
    ++*(size_t *)app;
}

static enum outcome
check_sockets(struct check *c)
{
    int proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum outcome outcome = FAILED;
    struct err err = {""};
    struct diag d;
    size_t n = 0;

    if (diag_open(proc_fd, c->o->network == NETWORK_PROC, &d, &err) == ST_OK &&
        diag_visit(&d, count, &n, &err) == ST_OK) {
        outcome = d.mode == DIAG_NETLINK && d.ended_fd >= 0 ? FINE : LIMITED;
        snprintf(c->text, sizeof c->text, "%zu sockets from %s%s", n,
                 d.mode == DIAG_NETLINK ? "sock_diag" : "/proc/net",
                 d.ended_fd >= 0 ? "" : "; short connections may be missed");
    } else {
        snprintf(c->text, sizeof c->text, "%s", err.text);
    }
    diag_close(&d);
    close(proc_fd);
    return outcome;
}

static enum outcome
check_spool(struct check *c)
{
    struct err err = {""};

    if (c->o->spool == NULL) {
        snprintf(c->text, sizeof c->text, "none: rows that wait are lost at a restart (--spool)");
        return LIMITED;
    }
    if (folder_make(c->o->spool, &err) != ST_OK || access(c->o->spool, R_OK | W_OK | X_OK) != 0) {
        snprintf(c->text, sizeof c->text, "%s", err.text[0] != '\0' ? err.text : strerror(errno));
        return FAILED;
    }
    snprintf(c->text, sizeof c->text, "%s", c->o->spool);
    return FINE;
}

/* An empty body: the whole way is walked, and nothing is kept. */
static enum outcome
check_daemon(struct check *c)
{
    struct http_client_options options = {.connect_ms_max = 5000,
                                          .total_ms_max = 10000,
                                          .stall_ms_max = 10000,
                                          .ca_file = c->o->ca_file,
                                          .insecure = c->o->insecure,
                                          .response_size_max = 4096};
    char url[2048], authorization[8300] = "", *token = NULL;
    const char *headers[3] = {"Content-Type: application/x-ndjson", authorization};
    struct http_exchange x = {.method = "POST", .url = url, .headers = headers};
    struct http_client *client = NULL;
    struct err err = {""};
    size_t size = 0;
    enum status st = ST_OK;

    if (c->o->url == NULL || c->o->tenant == NULL) {
        snprintf(c->text, sizeof c->text, "not asked for (--url, --tenant)");
        return LIMITED;
    }
    snprintf(url, sizeof url, "%s/ingest/v1/%s/DeviceInfo", c->o->url, c->o->tenant);
    if (c->o->token_file != NULL)
        st = file_read(c->o->token_file, 8192, &token, &size, &err);
    while (size > 0 && isspace((unsigned char)token[size - 1]))
        size--;
    if (size > 0)
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %.*s", (int)size,
                 token);
    free(token);
    if (authorization[0] == '\0')
        headers[1] = NULL;
    if (st == ST_OK)
        st = http_client_open(&options, &client, &err);
    if (st == ST_OK)
        st = http_client_send(client, &x, &err);
    enum outcome outcome = FAILED;

    if (st != ST_OK) {
        snprintf(c->text, sizeof c->text, "%s: %s", c->o->url, err.text);
    } else {
        /* 400: it would have taken rows, but an empty body holds none */
        outcome = x.status < 300 || x.status == 400 ? FINE : FAILED;
        snprintf(c->text, sizeof c->text, "%s %s%u%s", c->o->url,
                 outcome == FINE ? "would take rows; answers " : "answers ", x.status,
                 x.status == 401 || x.status == 403 ? ": see --token-file"
                 : x.status == 404                  ? ": see --url and --tenant"
                                                    : "");
    }
    if (client != NULL)
        http_client_close(client);
    return outcome;
}

static const struct {
    const char *name;
    enum outcome (*run)(struct check *c);
} checks[] = {
    {"device",         check_device    },
    {"capabilities",   check_privileges},
    {"process events", check_events    },
    {"processes",      check_inspect   },
    {"sockets",        check_sockets   },
    {"spool",          check_spool     },
    {"penstock",       check_daemon    },
};

bool
selftest_run(const struct options *o, FILE *out)
{
    static const char *const words[] = {"ok", "limited", "FAILED"};
    struct check c = {.o = o};
    bool is_fine = true;

    for (size_t i = 0; i < COUNT_OF(checks); i++) {
        enum outcome outcome = checks[i].run(&c);

        fprintf(out, "%-15s %-8s %s\n", checks[i].name, words[outcome], c.text);
        is_fine = is_fine && outcome != FAILED;
    }
    return is_fine;
}
