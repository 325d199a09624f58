#include "sensor/options.h"
#include "base/log.h"
#include "model/arm_id.h"
#include "sensor/process.h"
#include <stdlib.h>

enum kind { OPTION_TEXT, OPTION_FLAG, OPTION_SIZE, OPTION_NUMBER, OPTION_CHOICE };

/* clang-format off */
static const struct option {
    const char *name, *argument; /* the choices are the argument's words */
    enum kind kind;
    size_t at; /* in struct options */
    int64_t min, max, value; /* bounds and default */
    const char *environment, *help;
} table[] = {
#define AT(member) offsetof(struct options, member)
    {"url",              "URL",      OPTION_TEXT,   AT(url),              0, 0, 0, "PENSTOCK_URL",
     "where penstock listens, e.g. https://penstock.example:8443"},
    {"tenant",           "GUID",     OPTION_TEXT,   AT(tenant),           0, 0, 0, "PENSTOCK_TENANT",
     "tenant that the rows belong to"},
    {"token-file",       "FILE",     OPTION_TEXT,   AT(token_file),       0, 0, 0, "PENSTOCK_TOKEN_FILE",
     "file with the bearer token; read anew when it is refused"},
    {"ca-file",          "FILE",     OPTION_TEXT,   AT(ca_file),          0, 0, 0, NULL,
     "PEM file of the authorities to trust, instead of the system's"},
    {"insecure",         NULL,       OPTION_FLAG,   AT(insecure),         0, 0, 0, NULL,
     "do not verify the server's certificate (for tests only)"},
    {"spool",            "DIR",      OPTION_TEXT,   AT(spool),            0, 0, 0, NULL,
     "folder for rows that no longer fit in memory, and for those left at the end"},
    {"spool-max",        "SIZE",     OPTION_SIZE,   AT(spool_max),        1 << 20, INT64_C(1) << 40, 64 << 20, NULL,
     "bytes that the spool may take"},
    {"queue-max",        "SIZE",     OPTION_SIZE,   AT(queue_max),        1 << 20, INT64_C(1) << 32, 16 << 20, NULL,
     "bytes of rows that may wait in memory; beyond, the oldest are dropped and counted"},
    {"batch-max",        "SIZE",     OPTION_SIZE,   AT(batch_max),        4096, 16 << 20, 256 << 10, NULL,
     "bytes of rows sent at once"},
    {"linger-ms",        "N",        OPTION_NUMBER, AT(linger_ms),        0, 60000, 1000, NULL,
     "how long a row waits for others"},
    {"stop-ms",          "N",        OPTION_NUMBER, AT(stop_ms),          0, 600000, 5000, NULL,
     "how long to go on sending at the end"},
    {"processes",        "auto|connector|poll|off", OPTION_CHOICE, AT(processes), 0, 0, MODE_AUTO, NULL,
     "how new processes are seen: as the kernel tells (CAP_NET_ADMIN before Linux 6.6), or by looking"},
    {"network",          "auto|proc|off", OPTION_CHOICE, AT(network),     0, 0, NETWORK_AUTO, NULL,
     "how connections are seen: by sock_diag, or from /proc/net"},
    {"poll-ms",          "N",        OPTION_NUMBER, AT(poll_ms),          50, 3600000, 1000, NULL,
     "time between two looks"},
    {"info-s",           "N",        OPTION_NUMBER, AT(info_s),           10, 86400, 3600, NULL,
     "time between two rows of DeviceInfo"},
    {"command-line-max", "SIZE",     OPTION_SIZE,   AT(command_line_max), 64, PROCESS_COMMAND_LINE_MAX, 8192, NULL,
     "bytes of a command line that are kept"},
    {"hash-max",         "SIZE",     OPTION_SIZE,   AT(hash_max),         0, INT64_C(1) << 40, 256 << 20, NULL,
     "larger programs are not hashed; 0: none is"},
    {"device-name",      "NAME",     OPTION_TEXT,   AT(device_name),      0, 0, 0, NULL,
     "DeviceName, instead of this machine's full name"},
    {"machine-id-file",  "FILE",     OPTION_TEXT,   AT(machine_id_file),  0, 0, 0, NULL,
     "32 hex digits that tell this machine from others, where /etc/machine-id is missing, as in containers"},
    {"tag",              "TEXT",     OPTION_TEXT,   AT(tag),              0, 0, 0, NULL,
     "RegistryDeviceTag, for device groups"},
    {"user",             "NAME",     OPTION_TEXT,   AT(user),             0, 0, 0, NULL,
     "go on as this user, with the few capabilities that are needed"},
    {"once",             NULL,       OPTION_FLAG,   AT(once),             0, 0, 0, NULL,
     "send the device, all running processes and all sockets, then end"},
    {"stdout",           NULL,       OPTION_FLAG,   AT(to_stdout),        0, 0, 0, NULL,
     "print {\"table\":...,\"row\":...} lines instead of sending"},
    {"self-test",        NULL,       OPTION_FLAG,   AT(self_test),        0, 0, 0, NULL,
     "say what this system permits and whether penstock can be reached, then end"},
    {"log-level",        "debug|info|warn|error", OPTION_CHOICE, AT(log_level), 0, 0, LOG_INFO, NULL,
     "what is logged on standard error, as JSON lines"},
    {"version",          NULL,       OPTION_FLAG,   AT(version),          0, 0, 0, NULL, "print the version and end"},
    {"help",             NULL,       OPTION_FLAG,   AT(help),             0, 0, 0, NULL, "print this and end"},
};
/* clang-format on */

static void
set_number(struct options *o, const struct option *row, int64_t value)
{
    memcpy((char *)o + row->at, &value, sizeof value);
}

static void
set_text(struct options *o, const struct option *row, const char *value)
{
    memcpy((char *)o + row->at, &value, sizeof value);
}

/* "4096", "256K", "16M", "1G". */
static bool
read_number(const char *text, bool is_size, int64_t *value)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    unsigned long long n = strtoull(text, &end, 10);
    unsigned shift = 0;

    if (is_size && (*end == 'K' || *end == 'k'))
        shift = 10;
    else if (is_size && (*end == 'M' || *end == 'm'))
        shift = 20;
    else if (is_size && (*end == 'G' || *end == 'g'))
        shift = 30;
    if (shift > 0)
        end++;
    if (*end != '\0' || n > (unsigned long long)INT64_MAX >> shift)
        return false;
    *value = (int64_t)(n << shift);
    return true;
}

static bool
read_choice(const char *choices, const char *text, int64_t *value)
{
    size_t n = strlen(text);
    int64_t i = 0;

    for (const char *p = choices; n > 0; i++) {
        size_t size = strcspn(p, "|");

        if (size == n && memcmp(p, text, n) == 0) {
            *value = i;
            return true;
        }
        if (p[size] == '\0')
            break;
        p += size + 1;
    }
    return false;
}

static enum status
set_value(struct options *o, const struct option *row, const char *value, struct err *err)
{
    int64_t number = 0;

    switch (row->kind) {
    case OPTION_TEXT:
        if (value[0] == '\0')
            return err_set(err, ST_INVALID, "--%s is empty; give %s", row->name, row->argument);
        set_text(o, row, value);
        return ST_OK;
    case OPTION_SIZE:
    case OPTION_NUMBER:
        if (!read_number(value, row->kind == OPTION_SIZE, &number) || number < row->min ||
            number > row->max)
            return err_set(err, ST_INVALID, "--%s is '%.40s'; give a number from %lld to %lld%s",
                           row->name, value, (long long)row->min, (long long)row->max,
                           row->kind == OPTION_SIZE ? ", or with K, M, G behind it" : "");
        break;
    case OPTION_CHOICE:
        if (!read_choice(row->argument, value, &number))
            return err_set(err, ST_INVALID, "--%s is '%.40s'; give one of %s", row->name, value,
                           row->argument);
        break;
    default:
        break;
    }
    set_number(o, row, number);
    return ST_OK;
}

static const struct option *
find(const char *name, size_t size)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strlen(table[i].name) == size && memcmp(table[i].name, name, size) == 0)
            return &table[i];
    return NULL;
}

static void
set_defaults(struct options *o)
{
    memset(o, 0, sizeof *o);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const char *value = table[i].environment == NULL ? NULL : getenv(table[i].environment);

        if (table[i].kind == OPTION_TEXT)
            set_text(o, &table[i], value != NULL && value[0] != '\0' ? value : NULL);
        else if (table[i].kind != OPTION_FLAG)
            set_number(o, &table[i], table[i].value);
    }
}

enum status
options_parse(int argc, char **argv, struct options *o, struct err *err)
{
    set_defaults(o);
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + 2, *value = NULL;

        if (strncmp(argv[i], "--", 2) != 0)
            return err_set(err, ST_INVALID, "'%.60s' is no option; see --help", argv[i]);
        size_t size = strcspn(name, "=");
        const struct option *row = find(name, size);

        if (row == NULL)
            return err_set(err, ST_INVALID, "there is no option --%.60s; see --help", name);
        if (name[size] == '=')
            value = name + size + 1;
        if (row->kind == OPTION_FLAG) {
            bool yes = true;

            if (value != NULL)
                return err_set(err, ST_INVALID, "--%s takes no value", row->name);
            memcpy((char *)o + row->at, &yes, sizeof yes);
            continue;
        }
        if (value == NULL && i + 1 < argc)
            value = argv[++i];
        if (value == NULL)
            return err_set(err, ST_INVALID, "--%s needs a value: %s", row->name, row->argument);
        enum status st = set_value(o, row, value, err);

        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

enum status
options_check(const struct options *o, struct err *err)
{
    if (o->to_stdout || o->self_test)
        return ST_OK;
    if (o->url == NULL)
        return err_set(
            err, ST_INVALID,
            "--url is missing: where rows go, e.g. --url http://127.0.0.1:8443; or --stdout");
    if (strncmp(o->url, "http://", 7) != 0 && strncmp(o->url, "https://", 8) != 0)
        return err_set(err, ST_INVALID, "--url is '%.80s'; it begins with http:// or https://",
                       o->url);
    if (o->tenant == NULL)
        return err_set(err, ST_INVALID, "--tenant is missing: the tenant's GUID");
    if (!guid_is(span_of(o->tenant)))
        return err_set(
            err, ST_INVALID,
            "--tenant is '%.60s'; a GUID looks like 7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef",
            o->tenant);
    if (o->batch_max > o->queue_max)
        return err_set(err, ST_INVALID, "--batch-max is larger than --queue-max");
    return ST_OK;
}

void
options_help(FILE *out)
{
    fputs(
        "usage: penstock-sensor --url URL --tenant GUID [--token-file FILE] [options]\n"
        "       penstock-sensor --stdout [--once] [options]\n\n"
        "Tells penstock of this machine: DeviceInfo, DeviceProcessEvents, DeviceNetworkEvents.\n\n",
        out);
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const struct option *row = &table[i];
        char left[64], value[64] = "";

        snprintf(left, sizeof left, "--%s%s%s", row->name, row->argument == NULL ? "" : " ",
                 row->argument == NULL ? "" : row->argument);
        if (row->kind == OPTION_SIZE && row->value >= 1 << 20)
            snprintf(value, sizeof value, " (%lldM)", (long long)row->value >> 20);
        else if (row->kind == OPTION_SIZE && row->value >= 1 << 10)
            snprintf(value, sizeof value, " (%lldK)", (long long)row->value >> 10);
        else if (row->kind == OPTION_NUMBER || row->kind == OPTION_SIZE)
            snprintf(value, sizeof value, " (%lld)", (long long)row->value);
        else if (row->kind == OPTION_CHOICE)
            snprintf(value, sizeof value, " (%s)", row->at == AT(log_level) ? "info" : "auto");
        else if (row->environment != NULL)
            snprintf(value, sizeof value, " ($%s)", row->environment);
        if (strlen(left) > 24)
            fprintf(out, "  %s\n  %-24s  %s%s\n", left, "", row->help, value);
        else
            fprintf(out, "  %-24s  %s%s\n", left, row->help, value);
    }
    fputs("\nSignals: SIGUSR1 logs what was seen, sent and lost; SIGTERM and SIGINT end in order.\n"
          "Exit codes: 0 all well; 1 rows were lost; 2 wrong usage; 3 penstock was not reached "
          "(--once,\n"
          "--self-test).\n",
          out);
}
