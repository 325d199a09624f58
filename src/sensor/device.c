#include "sensor/device.h"
#include "base/file.h"
#include "sensor/account.h"
#include "sensor/procfs.h"
#include "wire/digest.h"
#include <ctype.h>
#include <dirent.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The first line of a file, trimmed; "" if there is none. */
static void
read_line(const char *root, const char *path, char *out, size_t room)
{
    char full[512], *text;
    size_t size;

    out[0] = '\0';
    snprintf(full, sizeof full, "%s%s", root, path);
    if (file_read(full, 65536, &text, &size, NULL) != ST_OK)
        return;
    text[strcspn(text, "\n")] = '\0';
    size_t n = strlen(text);

    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    snprintf(out, room, "%.*s", (int)n, text);
    free(text);
}

/* Its own salt keeps the machine id itself (which systemd asks not to show) out of every row. */
static enum status
read_id(const char *root, const char *id_file, struct device *d, struct err *err)
{
    static const char salt[] = "penstock-sensor device id\n";
    char machine[64], salted[sizeof salt + 64];
    unsigned char digest[DIGEST_SHA1_SIZE];

    read_line(root, "/etc/machine-id", machine, sizeof machine);
    if (strlen(machine) < 32)
        read_line(root, "/var/lib/dbus/machine-id", machine, sizeof machine);
    if (strlen(machine) < 32 && id_file != NULL)
        read_line("", id_file, machine, sizeof machine);
    if (strlen(machine) < 32)
        return err_set(
            err, ST_IO,
            "%s/etc/machine-id is empty or missing; make one (systemd-machine-id-setup), "
            "or name a file with --machine-id-file",
            root);
    int n = snprintf(salted, sizeof salted, "%s%s", salt, machine);

    if (!digest_sha1((struct span){salted, (size_t)n}, digest))
        return err_set(err, ST_IO, "OpenSSL offers no SHA-1 for the device id");
    digest_hex(digest, sizeof digest, d->id);
    return ST_OK;
}

static void
read_name(const char *wanted, struct device *d)
{
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found = NULL;

    if (wanted != NULL)
        snprintf(d->name, sizeof d->name, "%s", wanted);
    else if (gethostname(d->name, sizeof d->name) != 0 || d->name[0] == '\0')
        snprintf(d->name, sizeof d->name, "localhost");
    d->name[sizeof d->name - 1] = '\0';
    if (wanted == NULL && strchr(d->name, '.') == NULL &&
        getaddrinfo(d->name, NULL, &hints, &found) == 0) {
        size_t n = strlen(d->name);

        if (found->ai_canonname != NULL && strncasecmp(found->ai_canonname, d->name, n) == 0 &&
            found->ai_canonname[n] == '.')
            snprintf(d->name, sizeof d->name, "%s", found->ai_canonname);
        freeaddrinfo(found);
    }
    snprintf(d->host, sizeof d->host, "%.*s", (int)strcspn(d->name, "."), d->name);
}

static void
copy(struct span from, char *out, size_t room)
{
    snprintf(out, room, "%.*s", (int)from.n, from.p);
}

static void
read_system(const char *root, struct device *d)
{
    char full[512], *text;
    size_t size;
    struct utsname kernel;

    snprintf(d->platform, sizeof d->platform, "Linux");
    snprintf(full, sizeof full, "%s/etc/os-release", root);
    if (file_read(full, 65536, &text, &size, NULL) == ST_OK) {
        struct span release = {text, size};

        copy(procfs_os_release(release, "ID"), d->distribution, sizeof d->distribution);
        copy(procfs_os_release(release, "VERSION_ID"), d->version, sizeof d->version);
        free(text);
    }
    if (strcmp(d->distribution, "debian") == 0) { /* os-release knows no point release */
        char point[64];

        read_line(root, "/etc/debian_version", point, sizeof point);
        if (isdigit((unsigned char)point[0]))
            snprintf(d->version, sizeof d->version, "%s", point);
    }
    d->distribution[0] = (char)toupper((unsigned char)d->distribution[0]);
    if (uname(&kernel) == 0) {
        bool is_64 = strstr(kernel.machine, "64") != NULL || strcmp(kernel.machine, "s390x") == 0;

        snprintf(d->architecture, sizeof d->architecture, is_64 ? "64-bit" : "32-bit");
        snprintf(d->kernel, sizeof d->kernel, "%s", kernel.release);
        struct text t = {d->additional, 0, sizeof d->additional - 1, false};

        text_add(&t, SPAN_LITERAL("{\"KernelRelease\":"));
        text_add_string(&t, span_of(kernel.release));
        text_add(&t, SPAN_LITERAL(",\"Machine\":"));
        text_add_string(&t, span_of(kernel.machine));
        text_add(&t, SPAN_LITERAL("}"));
        t.p[t.is_cut ? 0 : t.n] = '\0';
    }
}

/* SMBIOS chassis types (DSP0134, 7.4.1), where they say what the machine is for. */
static const char *
type_of(int chassis)
{
    static const int servers[] = {17, 23, 25, 28, 29};
    static const int workstations[] = {3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 24, 30, 31, 32, 35};

    for (size_t i = 0; i < COUNT_OF(servers); i++)
        if (servers[i] == chassis)
            return "Server";
    for (size_t i = 0; i < COUNT_OF(workstations); i++)
        if (workstations[i] == chassis)
            return "Workstation";
    return NULL;
}

enum status
device_read(const char *root, const struct device_given *given, struct device *d, struct err *err)
{
    char chassis[16];

    memset(d, 0, sizeof *d);
    enum status st = read_id(root, given->id_file, d, err);

    if (st != ST_OK)
        return st;
    read_name(given->name, d);
    read_system(root, d);
    read_line(root, "/sys/class/dmi/id/sys_vendor", d->vendor, sizeof d->vendor);
    read_line(root, "/sys/class/dmi/id/product_name", d->model, sizeof d->model);
    read_line(root, "/sys/class/dmi/id/product_uuid", d->uuid, sizeof d->uuid);
    read_line(root, "/sys/class/dmi/id/chassis_type", chassis, sizeof chassis);
    d->type = type_of(atoi(chassis));
    snprintf(d->tag, sizeof d->tag, "%s", given->tag == NULL ? "" : given->tag);
    device_read_users(root, d);
    return ST_OK;
}

void
device_read_users(const char *root, struct device *d)
{
    char path[512], sid[ACCOUNT_SID_SIZE];
    struct text t = {d->users, 0, sizeof d->users - 2, false};
    DIR *folder;

    snprintf(path, sizeof path, "%s/run/systemd/users", root);
    folder = opendir(path);
    if (folder == NULL) {
        d->users[0] = '\0';
        return;
    }
    text_add(&t, SPAN_LITERAL("["));
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        char file[800], *text;
        size_t size, before = t.n;

        if (!isdigit((unsigned char)e->d_name[0]))
            continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (file_read(file, 65536, &text, &size, NULL) != ST_OK)
            continue;
        struct span name = procfs_os_release((struct span){text, size}, "NAME");
        struct span state = procfs_os_release((struct span){text, size}, "STATE");

        if (name.n > 0 && (span_is(state, "active") || span_is(state, "online"))) {
            text_add(&t,
                     t.n > 1 ? SPAN_LITERAL(",{\"UserName\":") : SPAN_LITERAL("{\"UserName\":"));
            text_add_string(&t, name);
            text_add(&t, SPAN_LITERAL(",\"DomainName\":"));
            text_add_string(&t, span_of(d->host));
            text_add(&t, SPAN_LITERAL(",\"Sid\":"));
            text_add_string(&t, account_sid((uint32_t)strtoul(e->d_name, NULL, 10), sid));
            text_add(&t, SPAN_LITERAL("}"));
        }
        free(text);
        if (t.is_cut) { /* dozens are shown, the rest is not */
            t.n = before;
            break;
        }
    }
    closedir(folder);
    memcpy(t.p + t.n, "]", 2);
}

static struct span
known(const char *text)
{
    return text == NULL || text[0] == '\0' ? (struct span){0} : span_of(text);
}

void
device_identify(const struct device *d, struct facts *f)
{
    f->device_id = span_of(d->id);
    f->device_name = span_of(d->name);
}

void
device_describe(const struct device *d, struct facts *f)
{
    f->client_version = SPAN_LITERAL(PENSTOCK_VERSION);
    f->os_architecture = known(d->architecture);
    f->os_platform = known(d->platform);
    f->os_version = known(d->version);
    f->os_distribution = known(d->distribution);
    f->vendor = known(d->vendor);
    f->model = known(d->model);
    f->hardware_uuid = known(d->uuid);
    f->tag = known(d->tag);
    f->logged_on_users = known(d->users);
    f->additional = known(d->additional);
    f->onboarding_status = SPAN_LITERAL("Onboarded");
    f->sensor_health = SPAN_LITERAL("Active");
    f->device_category = SPAN_LITERAL("Endpoint");
    f->device_type = known(d->type);
}
