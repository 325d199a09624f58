/* cmd_posture_load.c - files of scanners to the daemon's bulk route.
 *
 * A file is read to its end before the first byte is sent: a report that is broken or cut withdraws nothing. What
 * the importers make of it goes to a temporary file without a name, in the bulk form; it is sent from there
 * by the piece that the system maps, so that memory does not grow with the report. Sending the same again
 * changes nothing, so what did not go through is tried again.
 *
 * A report may be about several subscriptions (Prowler of Azure): each gets a request of its own. */
#include "base/clock.h"
#include "penstock/cmd_posture.h"
#include "penstock/posture_client.h"
#include "penstock/posture_spool.h"
#include "wire/retry.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char command_name[] = "penstock posture load";
enum {
    COPY_SIZE = 1 << 20,
    TRIES_MAX = 6,
    SCOPES_MAX = 64, /* --complete, each */
    SEND_MS_MAX = 24 * 3600 * 1000,
    STALL_MS_MAX = 900 * 1000, /* a large report's end takes its time */
};

static void
print_usage(void)
{
    fputs("Usage: penstock posture load FILE... [OPTIONS]\n\n"
          "Brings what scanners found to the daemon: recommendations and findings, and what is "
          "gone of\n"
          "them. Loading a file again changes nothing. FILE may be - for standard input.\n\n"
          "  --format NAME          default auto: by what is in the file\n",
          stdout);
    for (const struct import_kind *k = import_kinds; k->name != NULL; k++)
        printf("    %-9s %s\n", k->name, k->help);
    fputs(
        "    bulk      NDJSON of resources, as the bulk route takes it; may be gzip\n"
        "  --subscription GUID    ($PENSTOCK_SUBSCRIPTION; the only one there is)\n"
        "  --resource-group NAME  where what was scanned belongs (scans)\n"
        "  --resource ID          all is about this ARM id; default: made from what was scanned\n"
        "  --target NAME          name of the machine or cluster, if the report does not say it\n"
        "  --part NAME            slices of one scanner's work: each replaces its own only\n"
        "  --cover WHAT           what counts as looked at, so that what is not in the report is\n"
        "                         gone: shown (by the report itself), all, none (shown)\n"
        "  --producer NAME        of a bulk file: whose report it is\n"
        "  --complete ID          of a bulk file: it names all that its producer has there; may "
        "be\n"
        "                         given several times\n"
        "  --allow-empty          a bulk file without resources withdraws too\n"
        "  --dry-run              print the lines that would be sent\n" CLIENT_HELP
        "\nExit codes: 0 done; 1 something was refused; 2 wrong usage; 3 the daemon was not "
        "reached.\n",
        stdout);
}

struct load {
    struct client_settings settings;
    struct client client;
    struct import_options import;
    const struct import_kind *kind; /* NULL: by the content */
    const char *subscription_given, *producer;
    const char *scopes[SCOPES_MAX];
    size_t scope_count;
    bool is_bulk, is_dry, may_be_empty;
    char subscription[37];
    json_t *answers; /* with --json */
};

static int
fail(const char *file, enum status st, const struct err *err)
{
    bool has_name = strncmp(err->text, file, strlen(file)) == 0; /* the importers name it */

    fprintf(stderr, "%s: %s%s%s\n", command_name, has_name ? "" : file, has_name ? "" : ": ",
            err->text);
    return st == ST_IO ? CLIENT_UNREACHABLE : CLIENT_REFUSED;
}

/* ---- reports ---- */

static int
report_read(struct load *l, int fd, const char *file, struct posture_spool *spool)
{
    struct import_file from = {fd};
    struct import_input in = import_input_file(&from, file);
    struct import_output out = {spool, posture_spool_document, posture_spool_scope};
    struct import_summary summary;
    struct err err = {""};
    enum status st = import_run(l->kind, &in, &l->import, &out, &summary, &err);

    if (st == ST_OK)
        st = posture_spool_flush(spool, &err);
    if (st != ST_OK)
        return fail(file, st, &err);
    if (!summary.is_complete)
        fprintf(stderr, "%s: %s: the scan did not come to its end: nothing is withdrawn\n",
                command_name, file);
    if (spool->count == 0)
        fprintf(stderr, "%s: %s: there is nothing in it to be kept\n", command_name, file);
    return CLIENT_DONE;
}

/* ---- sending ---- */

struct mapped {
    void *p;
    size_t n;
};

static bool
map(int fd, struct mapped *m)
{
    struct stat stat;

    *m = (struct mapped){NULL, 0};
    if (fstat(fd, &stat) != 0)
        return false;
    if (stat.st_size == 0)
        return true;
    m->n = (size_t)stat.st_size;
    m->p = mmap(NULL, m->n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m->p == MAP_FAILED)
        return false;
    (void)madvise(m->p, m->n, MADV_SEQUENTIAL);
    return true;
}

static void
unmap(struct mapped *m)
{
    if (m->n > 0)
        munmap(m->p, m->n);
}

static char *
bulk_url(const struct load *l, const char *subscription, bool may_be_empty)
{
    char *text = NULL, encoded[3 * IMPORT_PRODUCER_SIZE], scope[POSTURE_PATH_SIZE];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bool is_fine = out != NULL;

    if (out == NULL)
        return NULL;
    fprintf(out, "%s/subscriptions/%s/providers/Microsoft.Security/bulk?allowEmpty=%s",
            l->client.url, subscription, may_be_empty ? "true" : "false");
    if (l->producer != NULL) {
        is_fine = client_encode(l->producer, encoded, sizeof encoded);
        fprintf(out, "&producer=%s", encoded);
    }
    for (size_t i = 0; i < l->scope_count && is_fine; i++) {
        scope[0] = '\0';
        is_fine = posture_path_add(scope, l->scopes[i]);
        fprintf(out, "&complete=%s", scope);
    }
    if (fclose(out) == 0 && is_fine)
        return text;
    free(text);
    return NULL;
}

static void
rest(unsigned ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

/* The request, until it is answered for good. */
static int
exchange(struct load *l, const char *file, struct http_exchange *x)
{
    struct err err = {""};

    for (unsigned tries = 1;; tries++) {
        enum status st = http_client_send(l->client.http, x, &err);
        bool may_try = st == ST_IO || (st == ST_OK && retry_judge(x->status) == RETRY_LATER);

        if (st == ST_OK && !may_try)
            return CLIENT_DONE;
        if (!may_try || tries == TRIES_MAX) {
            if (st == ST_OK)
                return client_complain(&l->client, file, x);
            fprintf(stderr, "%s: cannot reach %s: %s\n", command_name, l->client.url, err.text);
            return st == ST_INVALID ? CLIENT_USAGE : CLIENT_UNREACHABLE;
        }
        fprintf(stderr, "%s: %s: %s; trying again\n", command_name, file,
                st == ST_OK ? "the daemon is busy" : err.text);
        rest(retry_pause(tries, st == ST_OK ? x->retry_after_ms : -1, (uint64_t)clock_ticks()));
    }
}

static long long
number(const json_t *answer, const char *name)
{
    return (long long)json_integer_value(json_object_get(answer, name));
}

/* What the daemon did with it; the exit code. */
static int
tell(struct load *l, const char *file, const struct http_exchange *x)
{
    json_error_t why;
    json_t *answer = json_loadb(x->response.p, x->response.n, 0, &why), *fault;
    const json_t *withdrawn = json_object_get(answer, "withdrawn");
    size_t i;

    if (!json_is_object(answer)) {
        json_decref(answer);
        fprintf(stderr, "%s: %s answered no JSON: %s\n", command_name, l->client.url, why.text);
        return CLIENT_UNREACHABLE;
    }
    if (!l->settings.json)
        printf("%s: %lld resources: %lld new, %lld changed, %lld unchanged, %lld deleted, %lld "
               "refused",
               file, number(answer, "received"), number(answer, "created"),
               number(answer, "changed"), number(answer, "unchanged"), number(answer, "deleted"),
               number(answer, "refused"));
    if (!l->settings.json && json_is_integer(withdrawn))
        printf("; %lld not named any more, withdrawn", (long long)json_integer_value(withdrawn));
    if (!l->settings.json)
        putchar('\n');
    json_array_foreach(json_object_get(answer, "faults"), i, fault)
    {
        char room[4][40];
        const char *target = posture_text_at(fault, "target", room[0]);

        fprintf(stderr, "%s: %s: line %s: %s: %s%s%s\n", command_name, file,
                posture_text_at(fault, "line", room[1]), posture_text_at(fault, "code", room[2]),
                target, target[0] == '\0' ? "" : ": ", posture_text_at(fault, "message", room[3]));
    }
    int code = number(answer, "refused") > 0 ? CLIENT_REFUSED : CLIENT_DONE;

    json_object_set_new(answer, "file", json_string(file));
    if (l->answers != NULL)
        json_array_append(l->answers, answer);
    json_decref(answer);
    return code;
}

static int
post(struct load *l, const char *file, const char *subscription, const struct mapped *pieces,
     size_t count, bool may_be_empty)
{
    static const char gzip[] = "Content-Encoding: gzip";
    const char *headers[4] = {"Content-Type: application/x-ndjson", NULL};
    char *url = bulk_url(l, subscription, may_be_empty);
    struct span body[2];
    struct http_exchange x;
    size_t n = 1;

    if (url == NULL)
        return client_usage_error(command_name, "--producer or --complete is too long");
    for (size_t i = 0; i < count; i++)
        body[i] = (struct span){pieces[i].p, pieces[i].n};
    if (count == 1 && body[0].n > 2 && memcmp(body[0].p, "\x1f\x8b", 2) == 0)
        headers[n++] = gzip;
    if (l->client.authorization[0] != '\0')
        headers[n++] = l->client.authorization;
    x = (struct http_exchange){
        .method = "POST", .url = url, .headers = headers, .body = body, .body_count = count};
    int code = exchange(l, file, &x);

    if (code == CLIENT_DONE)
        code = x.status == 200 ? tell(l, file, &x) : client_complain(&l->client, file, &x);
    if (x.status == 404)
        fprintf(stderr, "%s: subscription %s: PUT /subscriptions/%s registers one\n", command_name,
                subscription, subscription);
    free(url);
    return code;
}

static int
send_or_print(struct load *l, const char *file, const char *subscription, const int *fds,
              size_t count, bool may_be_empty)
{
    struct mapped pieces[2] = {
        {NULL, 0},
        {NULL, 0}
    };
    int code = CLIENT_DONE;

    for (size_t i = 0; i < count && code == CLIENT_DONE; i++)
        if (!map(fds[i], &pieces[i])) {
            fprintf(stderr, "%s: cannot map %s: %s\n", command_name, file, strerror(errno));
            pieces[i].n = 0;
            code = CLIENT_UNREACHABLE;
        }
    for (size_t i = 0; i < count && code == CLIENT_DONE && l->is_dry; i++)
        if (pieces[i].n > 0 && fwrite(pieces[i].p, 1, pieces[i].n, stdout) != pieces[i].n)
            code = CLIENT_UNREACHABLE;
    if (code == CLIENT_DONE && !l->is_dry)
        code = post(l, file, subscription, pieces, count, may_be_empty);
    for (size_t i = 0; i < count; i++)
        unmap(&pieces[i]);
    return code;
}

/* ---- files ---- */

/* Standard input, or what else cannot be read twice, as a file without a name. < 0: told. */
static int
spool(int fd, const char *file)
{
    char *buffer = malloc(COPY_SIZE);
    FILE *to = tmpfile();
    ssize_t n = -1;
    int copy = -1;

    while (buffer != NULL && to != NULL && (n = read(fd, buffer, COPY_SIZE)) > 0)
        if (fwrite(buffer, 1, (size_t)n, to) != (size_t)n) {
            n = -1;
            break;
        }
    if (n == 0 && fflush(to) == 0 && (copy = dup(fileno(to))) >= 0)
        (void)lseek(copy, 0, SEEK_SET);
    else
        fprintf(stderr, "%s: cannot read %s: %s\n", command_name, file, strerror(errno));
    if (to != NULL)
        fclose(to);
    free(buffer);
    return copy;
}

static int
file_open(const char *file)
{
    bool is_input = strcmp(file, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
    struct stat stat;

    if (fd < 0 || fstat(fd, &stat) != 0 || S_ISDIR(stat.st_mode)) {
        fprintf(stderr, "%s: cannot read %s: %s\n", command_name, file,
                fd >= 0 && S_ISDIR(stat.st_mode) ? "it is a folder" : strerror(errno));
        if (fd >= 0 && !is_input)
            close(fd);
        return -1;
    }
    if (S_ISREG(stat.st_mode) && !is_input)
        return fd;
    int copy = spool(fd, file);

    if (!is_input)
        close(fd);
    return copy;
}

/* Whether the file is in the bulk form already: its first object begins with one of the form's words. */
static bool
looks_like_bulk(int fd)
{
    static const char *const words[] = {"\"id\"", "\"producer\"", "\"complete\"", "\"deleted\""};
    char head[256];
    ssize_t n = pread(fd, head, sizeof head - 1, 0);
    const char *at = head;

    if (n <= 0)
        return false;
    if (n > 2 && memcmp(head, "\x1f\x8b", 2) == 0) /* no importer reads gzip */
        return true;
    head[n] = '\0';
    at += strspn(at, "\xef\xbb\xbf \t\r\n");
    if (*at != '{')
        return false;
    at++;
    at += strspn(at, " \t");
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static int
load_report(struct load *l, int fd, const char *file)
{
    struct posture_spool *spool = calloc(1, sizeof *spool);
    int code;

    if (spool == NULL)
        return CLIENT_UNREACHABLE;
    spool->subscription = l->subscription;
    code = report_read(l, fd, file, spool);
    for (size_t i = 0; i < spool->count && code == CLIENT_DONE; i++) {
        struct posture_spool_body *b = &spool->bodies[i];
        int fds[2] = {fileno(b->head), fileno(b->lines)};

        /* a clean report names nothing, and means it: the importer knows that the scan was whole */
        code = send_or_print(l, file, b->subscription, fds, 2, b->is_empty);
    }
    posture_spool_close(spool);
    free(spool);
    return code;
}

static int
load_file(struct load *l, const char *file)
{
    int fd = file_open(file), code;

    if (fd < 0)
        return CLIENT_UNREACHABLE;
    if (l->is_bulk || (l->kind == NULL && looks_like_bulk(fd)))
        code = send_or_print(l, file, l->subscription, &fd, 1, l->may_be_empty);
    else if (l->producer != NULL || l->scope_count > 0)
        code = client_usage_error(command_name,
                                  "%s: --producer and --complete go with bulk files; a report says "
                                  "that itself (--part, --cover)",
                                  file);
    else
        code = load_report(l, fd, file);
    close(fd);
    return code;
}

/* ---- options ---- */

static int
format_read(struct load *l, const char *name)
{
    l->is_bulk = strcasecmp(name, "bulk") == 0;
    if (l->is_bulk || strcasecmp(name, "auto") == 0)
        return -1;
    l->kind = import_find(name);
    return l->kind != NULL ? -1
                           : client_usage_error(command_name,
                                                "--format '%.40s' is not known; see --help", name);
}

static int
cover_read(struct load *l, const char *name)
{
    static const char *const names[] = {"shown", "all", "none"};
    static const enum import_cover covers[] = {IMPORT_COVER_SHOWN, IMPORT_COVER_ALL,
                                               IMPORT_COVER_NONE};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcasecmp(name, names[i]) == 0) {
            l->import.cover = covers[i];
            return -1;
        }
    return client_usage_error(command_name, "--cover is shown, all or none, not '%.40s'", name);
}

/* -1: go on, else the exit code. */
static int
option_take(struct load *l, int option, const char *value)
{
    switch (option) {
    case 'f':
        return format_read(l, value);
    case 's':
        l->subscription_given = value;
        return -1;
    case 'g':
        l->import.resource_group = value;
        return -1;
    case 'r':
        l->import.resource_id = value;
        return -1;
    case 't':
        l->import.target = value;
        return -1;
    case 'p':
        l->import.part = value;
        return -1;
    case 'c':
        return cover_read(l, value);
    case 'P':
        l->producer = value;
        return -1;
    case 'C':
        if (l->scope_count == SCOPES_MAX)
            return client_usage_error(command_name, "--complete at most %d times", SCOPES_MAX);
        l->scopes[l->scope_count++] = value;
        return -1;
    case 'e':
        l->may_be_empty = true;
        return -1;
    case 'd':
        l->is_dry = true;
        return -1;
    case 'h':
        print_usage();
        return CLIENT_DONE;
    default:
        return CLIENT_USAGE;
    }
}

static int
read_options(int argc, char **argv, struct load *l)
{
    static const struct option longs[] = {
        CLIENT_OPTIONS,
        {"format",         required_argument, NULL, 'f'},
        {"subscription",   required_argument, NULL, 's'},
        {"resource-group", required_argument, NULL, 'g'},
        {"resource",       required_argument, NULL, 'r'},
        {"target",         required_argument, NULL, 't'},
        {"part",           required_argument, NULL, 'p'},
        {"cover",          required_argument, NULL, 'c'},
        {"producer",       required_argument, NULL, 'P'},
        {"complete",       required_argument, NULL, 'C'},
        {"allow-empty",    no_argument,       NULL, 'e'},
        {"dry-run",        no_argument,       NULL, 'd'},
        {"help",           no_argument,       NULL, 'h'},
        {NULL,             0,                 NULL, 0  },
    };
    int option, code = -1;

    optind = 0;
    while (code < 0 && (option = getopt_long(argc, argv, "", longs, NULL)) != -1)
        if (!client_option(&l->settings, option, optarg))
            code = option_take(l, option, optarg);
    if (code < 0 && optind == argc)
        return client_usage_error(command_name, "name the file to be loaded; - is standard input");
    return code;
}

/* Requests of this command may take long, which those of others must not. */
static enum status
http_open(struct client *c, struct err *err)
{
    struct http_client_options o = {
        .connect_ms_max = 10000,
        .total_ms_max = SEND_MS_MAX,
        .stall_ms_max = STALL_MS_MAX,
        .ca_file = c->ca_file[0] != '\0' ? c->ca_file : NULL,
        .insecure = c->insecure,
        .response_size_max = 1 << 20,
    };

    http_client_close(c->http);
    c->http = NULL;
    return http_client_open(&o, &c->http, err);
}

static int
run(struct load *l, char **files, int count)
{
    int code = CLIENT_DONE;

    for (int i = 0; i < count; i++) {
        int of_file = load_file(l, files[i]);

        if (of_file > code)
            code = of_file;
    }
    if (l->answers != NULL && !l->is_dry)
        client_print_json(l->answers);
    return code;
}

int
cmd_posture_load(int argc, char **argv)
{
    struct load l = {.import.resource_group = "scans"};
    struct err err = {""};
    int code = read_options(argc, argv, &l);

    if (code >= 0)
        return code;
    if (client_open(&l.client, command_name, &l.settings, &err) != ST_OK)
        return client_usage_error(command_name, "%s", err.text);
    code = posture_subscription(&l.client, l.subscription_given, l.subscription);
    l.import.subscription = l.subscription;
    if (code == CLIENT_DONE && http_open(&l.client, &err) != ST_OK)
        code = client_usage_error(command_name, "%s", err.text);
    if (code == CLIENT_DONE) {
        l.answers = l.settings.json ? json_array() : NULL;
        code = run(&l, argv + optind, argc - optind);
        json_decref(l.answers);
    }
    client_close(&l.client);
    return code;
}
