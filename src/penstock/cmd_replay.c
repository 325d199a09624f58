/* cmd_replay.c - for back-fill and honest benchmarks: the same admission, match, batch and sink
 * code as the daemon's, in one thread, without a journal. What the folder holds already is appended
 * to. */
#include "penstock/cmd_replay.h"
#include "base/clock.h"
#include "base/file.h"
#include "control/config.h"
#include "control/settings.h"
#include "deliver/flight.h"
#include "model/arm_id.h"
#include "penstock/commands.h"
#include "penstock/kinds.h"
#include "sink/sink.h"
#include "source/admit.h"
#include "source/device_groups_json.h"
#include "wire/json.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROUTES_MAX = 256,
    /* A block and what leaves of it stay in the second-level cache together. */
    BLOCK_SIZE = 256 << 10,
    WINDOW_SIZE = 1 << 20,
};

struct target { /* one setting */
    struct plan_route route;
    struct setting setting;
    bool has_setting;
    char path[4096];
    struct sink_value value;
    void *sink;
    struct window *window;
    struct flight flight;
    struct window_limits limits;
    uint64_t rows, bytes;
    struct transform *transform; /* NULL: none */
};

struct replay {
    struct target targets[ROUTES_MAX];
    size_t count;
    struct transform_run *transform; /* of all targets together; NULL: none has one */
    const struct plan_route *routes[ROUTES_MAX];
    uint64_t blocks, rows, oversized;
    uint64_t file_bytes, done_bytes, started_ms, shown_ms;
    bool show;
};

static const char usage_text[] =
    "Usage: penstock replay FILE... --to DIR [OPTIONS]\n\n"
    "Sends records from files (or - for standard input) to a local folder with the layout of a "
    "storage account, as an export would.\n\n"
    "  --to DIR          folder to write to (made if missing); with --settings: DIR/SETTING-ID for "
    "each\n"
    "  --settings FILE   data export settings as JSON: one, an array, or {\"value\":[...]}; "
    "default: everything, in one place\n"
    "  --rows            the records are bare rows, not envelopes; needs --table and --tenant\n"
    "  --table NAME      their table\n"
    "  --tenant GUID     their tenant; for envelopes: only this tenant's are allowed\n"
    "  --profile P       wire (default), documented or bare; where --settings does not say\n"
    "  --machine-group M catalog (default) or always; where --settings does not say\n"
    "  --groups FILE     device groups (JSON) for the decoration of device rows\n"
    "  --park FILE       bad records are appended to FILE and passed over, instead of ending the "
    "replay\n"
    "  --json            a summary as JSON\n";

static enum status
target_flush(struct target *t, struct err *err)
{
    window_seal(t->window);
    enum status st = flight_load(&t->flight, t->window, t->route.profile, err);

    while (st == ST_OK && (st = flight_send(&t->flight, NULL, NULL)) != ST_OK)
        if (t->flight.err.text[0] != '\0')
            return err_set(err, ST_IO, "%s", t->flight.err.text);
    t->rows += t->flight.sent_rows;
    t->bytes += t->flight.sent_bytes;
    t->flight.sent_rows = t->flight.sent_bytes = 0;
    flight_clear(&t->flight);
    window_reset(t->window, &t->limits);
    return st;
}

static enum status
take_block(void *app, struct span index, struct span body, struct err *err)
{
    struct replay *r = app;
    struct block block;
    enum status st = block_open(&block, index, body, err);

    if (st == ST_OK && r->transform != NULL)
        transform_block_all(r->transform, &block, r->routes);
    for (size_t i = 0; i < r->count && st == ST_OK; i++) {
        struct target *t = &r->targets[i];
        uint32_t row = 0, wanted = 0;

        do {
            st = window_add(t->window, &t->route, &block, r->blocks, &row, block.head->row_count,
                            &wanted);
            if (st == ST_INVALID) {
                r->oversized++;
                fprintf(
                    stderr,
                    "penstock replay: a row of %zu bytes is larger than %zu, and was left out\n",
                    window_oversized(t->window).bytes.n, t->limits.parcel_max);
            } else if (st == ST_FULL) {
                enum status flushed = target_flush(t, err);

                if (flushed != ST_OK)
                    return flushed;
            }
        } while (st == ST_FULL || st == ST_INVALID);
    }
    r->blocks++;
    r->rows += block.head->row_count;
    return st;
}

static void
progress(struct replay *r, bool last)
{
    uint64_t now = (uint64_t)clock_monotonic_ms();

    if (!r->show || (!last && now - r->shown_ms < 200))
        return;
    double seconds = (double)(now - r->started_ms + 1) / 1000;

    r->shown_ms = now;
    fprintf(stderr, "\r%llu records, %.1f of %.1f MB, %.0f records/s   %s",
            (unsigned long long)r->rows, (double)r->done_bytes / 1e6, (double)r->file_bytes / 1e6,
            (double)r->rows / seconds, last ? "\n" : "");
}

static int
print_faults(const char *name, const struct admit_result *result)
{
    fprintf(stderr, "penstock replay: %s: %s\n", name, result->err.text);
    if (result->fault_count == 1 && strstr(result->err.text, result->faults[0].text) != NULL)
        return EXIT_REFUSED; /* said */
    for (uint64_t i = 0; i < result->fault_count && i < ADMIT_FAULTS_MAX; i++)
        fprintf(stderr, "  record %llu, byte %llu%s%s: %s\n",
                (unsigned long long)result->faults[i].record,
                (unsigned long long)result->faults[i].offset,
                result->faults[i].column[0] != '\0' ? ", column " : "", result->faults[i].column,
                result->faults[i].text);
    return EXIT_REFUSED;
}

static bool
is_blank(const char *p, size_t n)
{
    while (n > 0 && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
        p++, n--;
    return n == 0;
}

/* A file without records is no fault: a day on which nothing happened leaves one. */
static int
replay_file(struct replay *r, struct admitter *admitter, const struct admit_request *request,
            const char *name)
{
    struct admission *x;
    struct admit_result *result = calloc(1, sizeof *result);
    struct err err = {""};
    int fd = strcmp(name, "-") == 0 ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    int code = EXIT_DONE;
    bool is_empty = true;

    if (fd < 0 || result == NULL) {
        fprintf(stderr, "penstock replay: cannot open %s: %s\n", name, strerror(errno));
        free(result);
        return EXIT_UNREACHABLE;
    }
    if (admit_begin_to(admitter, request, take_block, r, &x, &err) != ST_OK) {
        fprintf(stderr, "penstock replay: %s\n", err.text);
        free(result);
        return EXIT_REFUSED;
    }
    for (;;) {
        char *space;
        size_t room;

        if (admit_space(x, &space, &room) != ST_OK)
            break;
        ssize_t n = read(fd, space, room);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            fprintf(stderr, "penstock replay: cannot read %s: %s\n", name, strerror(errno));
            admit_abort(x);
            free(result);
            return EXIT_UNREACHABLE;
        }
        if (n == 0)
            break;
        r->done_bytes += (uint64_t)n;
        is_empty = is_empty && is_blank(space, (size_t)n);
        if (admit_filled(x, (size_t)n) != ST_OK)
            break;
        progress(r, false);
    }
    if (is_empty) {
        admit_abort(x);
        result->outcome = ADMIT_DURABLE;
    } else {
        admit_end(x, result);
    }
    if (fd != STDIN_FILENO)
        close(fd);
    if (result->outcome != ADMIT_DURABLE)
        code = print_faults(name, result);
    free(result);
    return code;
}

/* ---- settings ---- */

static int
target_open(struct replay *r, const char *folder, struct err *err)
{
    struct target *t = &r->targets[r->count];

    snprintf(t->path, sizeof t->path, "%s", folder);
    t->value = (struct sink_value){"path", t->path};
    t->limits = (struct window_limits){
        .framing = WINDOW_LINES,
        .by_hour = true,
        .parcel_max = sink_folder.body_max,
        .bytes_max = WINDOW_SIZE,
        .rows_max = UINT32_MAX,
        .lanes_max = LEDGER_LANES_MAX / 2,
    };
    if (folder_make(folder, err) != ST_OK || sink_check(&sink_folder, &t->value, 1, err) != ST_OK ||
        sink_folder.open(&t->value, 1, NULL, &t->sink, err) != ST_OK ||
        window_make(&t->window, err) != ST_OK)
        return EXIT_UNREACHABLE;
    flight_init(&t->flight, &sink_folder, t->sink);
    window_reset(t->window, &t->limits);
    r->count++;
    return EXIT_DONE;
}

static int
setting_add(struct replay *r, const struct control *c, const char *to, const json_t *item,
            const char *tenant, struct err *err)
{
    struct target *t = &r->targets[r->count];
    const char *id = json_string_value(json_object_get(item, "id"));
    char code[48], folder[8192];

    if (r->count == ROUTES_MAX) {
        err_set(err, ST_INVALID, "more than %d settings", ROUTES_MAX);
        return EXIT_REFUSED;
    }
    if (id == NULL) {
        err_set(err, ST_INVALID, "setting %zu has no \"id\"", r->count + 1);
        return EXIT_REFUSED;
    }
    char *text = json_dumps(item, JSON_COMPACT);
    enum status st = text == NULL ? err_set(err, ST_FULL, "no memory")
                                  : setting_read(c, tenant != NULL ? tenant : "", id, span_of(text),
                                                 false, &t->setting, code, err);

    free(text);
    if (st != ST_OK)
        return EXIT_REFUSED;
    t->has_setting = true;
    if (setting_transform(c, &t->setting, KQL_STREAM_WIDE, NULL, NULL, &t->transform, err) !=
        ST_OK) {
        setting_free(&t->setting);
        t->has_setting = false;
        return EXIT_REFUSED;
    }
    t->route = (struct plan_route){
        .id = t->setting.id,
        .tenant = tenant,
        .categories = t->setting.categories,
        .category_count = t->setting.category_count,
        .all_categories = t->setting.all_categories,
        .profile = t->setting.profile,
        .group_mode = t->setting.group_mode,
        .is_enabled = t->setting.is_enabled,
        .transform = t->transform,
    };
    snprintf(folder, sizeof folder, "%s/%s", to, id);
    return target_open(r, folder, err);
}

static int
settings_load(struct replay *r, const struct control *c, const char *path, const char *to,
              const char *tenant, struct err *err)
{
    json_error_t where;
    char *text;
    size_t size;
    int code = EXIT_DONE;

    if (file_read(path, 64 << 20, &text, &size, err) != ST_OK)
        return EXIT_UNREACHABLE;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);

    free(text);
    if (root == NULL) {
        err_set(err, ST_INVALID, "%s:%d:%d: %s", path, where.line, where.column, where.text);
        return EXIT_REFUSED;
    }
    const json_t *list = json_is_object(root) && json_object_get(root, "value") != NULL
                             ? json_object_get(root, "value")
                             : root;

    if (json_is_object(list)) {
        code = setting_add(r, c, to, list, tenant, err);
    } else {
        for (size_t i = 0; i < json_array_size(list) && code == EXIT_DONE; i++)
            code = setting_add(r, c, to, json_array_get(list, i), tenant, err);
        if (json_array_size(list) == 0) {
            err_set(err, ST_INVALID, "%s holds no setting", path);
            code = EXIT_REFUSED;
        }
    }
    json_decref(root);
    return code;
}

/* One run for all targets: what their transformations share is computed once per row. */
static enum status
transforms_begin(struct replay *r, struct err *err)
{
    const struct transform *transforms[ROUTES_MAX];
    bool any = false;

    for (size_t i = 0; i < r->count; i++) {
        transforms[i] = r->targets[i].transform;
        r->routes[i] = &r->targets[i].route;
        any |= transforms[i] != NULL;
    }
    if (!any)
        return ST_OK;
    if (transform_run_make(transforms, r->count, &r->transform, err) != ST_OK)
        return ST_FULL;
    for (size_t i = 0; i < r->count; i++)
        if (transforms[i] != NULL)
            window_transform(r->targets[i].window, r->transform, i, true);
    return ST_OK;
}

static enum status
park_to_file(void *app, const char *tenant, const char *table, struct span raw, const char *reason,
             int64_t now, struct err *err)
{
    FILE *file = app;

    (void)tenant, (void)table, (void)now;
    fprintf(stderr, "penstock replay: a record was parked: %s\n", reason);
    if (fwrite(raw.p, 1, raw.n, file) != raw.n || fputc('\n', file) == EOF)
        return err_set(err, ST_IO, "cannot write parked records: %s", strerror(errno));
    return ST_OK;
}

static int64_t
now_ticks(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static int
summary(struct replay *r, bool json, struct err *err)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < r->count; i++)
        if (target_flush(&r->targets[i], err) != ST_OK) {
            fprintf(stderr, "penstock replay: %s\n", err->text);
            code = EXIT_UNREACHABLE;
        }
    progress(r, true);
    double seconds = (double)((uint64_t)clock_monotonic_ms() - r->started_ms) / 1000;
    uint64_t rows = 0, bytes = 0, filtered = 0;

    for (size_t i = 0; i < r->count; i++) {
        rows += r->targets[i].rows;
        bytes += r->targets[i].bytes;
        filtered += window_filtered(r->targets[i].window);
    }
    if (json)
        printf("{\"read\":%llu,\"readBytes\":%llu,\"written\":%llu,\"writtenBytes\":%llu,"
               "\"leftOut\":%llu,\"filtered\":%llu,"
               "\"settings\":%zu,\"seconds\":%.3f}\n",
               (unsigned long long)r->rows, (unsigned long long)r->done_bytes,
               (unsigned long long)rows, (unsigned long long)bytes,
               (unsigned long long)r->oversized, (unsigned long long)filtered, r->count, seconds);
    else
        printf("%llu records read, %llu written (%.1f MB) in %.2f s\n", (unsigned long long)r->rows,
               (unsigned long long)rows, (double)bytes / 1e6, seconds);
    return code == EXIT_DONE && r->oversized > 0 ? EXIT_REFUSED : code;
}

struct replay_options {
    const char *to, *settings, *table, *tenant, *groups, *park;
    bool rows, json;
    enum profile profile;
    enum group_mode group_mode;
};

static int
options_read(int argc, char **argv, struct replay_options *o)
{
    static const struct option longs[] = {
        {"to",            required_argument, NULL, 't'},
        {"settings",      required_argument, NULL, 's'},
        {"rows",          no_argument,       NULL, 'r'},
        {"table",         required_argument, NULL, 'T'},
        {"tenant",        required_argument, NULL, 'i'},
        {"profile",       required_argument, NULL, 'p'},
        {"groups",        required_argument, NULL, 'g'},
        {"machine-group", required_argument, NULL, 'm'},
        {"park",          required_argument, NULL, 'k'},
        {"json",          no_argument,       NULL, 'j'},
        {"help",          no_argument,       NULL, 'h'},
        {NULL,            0,                 NULL, 0  },
    };
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (option) {
        case 't':
            o->to = optarg;
            break;
        case 's':
            o->settings = optarg;
            break;
        case 'r':
            o->rows = true;
            break;
        case 'T':
            o->table = optarg;
            break;
        case 'i':
            o->tenant = optarg;
            break;
        case 'g':
            o->groups = optarg;
            break;
        case 'k':
            o->park = optarg;
            break;
        case 'j':
            o->json = true;
            break;
        case 'p':
            if (strcmp(optarg, "wire") == 0)
                o->profile = PROFILE_WIRE;
            else if (strcmp(optarg, "documented") == 0)
                o->profile = PROFILE_DOCUMENTED;
            else if (strcmp(optarg, "bare") == 0)
                o->profile = PROFILE_BARE;
            else {
                fprintf(stderr,
                        "penstock replay: --profile is wire, documented or bare, not '%s'\n",
                        optarg);
                return EXIT_USAGE;
            }
            break;
        case 'm':
            if (strcmp(optarg, "catalog") != 0 && strcmp(optarg, "always") != 0) {
                fprintf(stderr, "penstock replay: --machine-group is catalog or always, not '%s'\n",
                        optarg);
                return EXIT_USAGE;
            }
            o->group_mode = optarg[0] == 'a' ? GROUP_ALWAYS : GROUP_BY_CATALOG;
            break;
        case 'h':
            fputs(usage_text, stdout);
            return -1;
        default:
            fputs("See: penstock replay --help\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (o->to == NULL || optind == argc) {
        fprintf(stderr, "penstock replay: %s\n%s",
                o->to == NULL ? "say where to: --to DIR" : "name a file, or -", usage_text);
        return EXIT_USAGE;
    }
    if (o->rows && (o->table == NULL || o->tenant == NULL)) {
        fputs("penstock replay: bare rows need --table and --tenant\n", stderr);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

static enum status
groups_load(struct devices *devices, const char *path, const char *tenant, struct err *err)
{
    char *text;
    size_t size;
    enum status st = file_read(path, 16 << 20, &text, &size, err);

    if (st != ST_OK)
        return st;
    st = device_groups_apply(devices, tenant, (struct span){text, size}, err);
    free(text);
    return st;
}

int
cmd_replay(int argc, char **argv)
{
    struct replay_options o = {.profile = PROFILE_WIRE};
    struct replay *r = calloc(1, sizeof *r);
    struct config *config = NULL;
    struct devices *devices = NULL;
    struct admitter *admitter = NULL;
    struct err err = {""};
    FILE *parked = NULL;
    char tenant[37] = "";
    int code = options_read(argc, argv, &o);

    if (code != EXIT_DONE || r == NULL) {
        free(r);
        return code == -1 ? EXIT_DONE : code;
    }
    if (o.tenant != NULL && !guid_copy(span_of(o.tenant), tenant)) {
        fprintf(stderr,
                "penstock replay: --tenant is a GUID like 7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef, "
                "not '%s'\n",
                o.tenant);
        free(r);
        return EXIT_USAGE;
    }
    code = EXIT_REFUSED;
    if (config_read(NULL, o.to, kinds_get(), &config, &err) != ST_OK ||
        devices_make(1 << 20, &devices, &err) != ST_OK)
        goto fail;
    if (o.groups != NULL && groups_load(devices, o.groups, tenant, &err) != ST_OK)
        goto fail;
    if (o.park != NULL && (parked = fopen(o.park, "ae")) == NULL) {
        err_set(&err, ST_IO, "cannot open %s: %s", o.park, strerror(errno));
        goto fail;
    }
    const struct control control = {
        .config = config, .catalog = &catalog_builtin, .kinds = kinds_get()};
    const struct admit_options admit = {
        .catalog = &catalog_builtin,
        .devices = devices,
        .park = {parked, park_to_file},
        .now = now_ticks,
        .memory_max = 64 << 20,
        .wait_ms_max = 1000,
        .record_size_max = 4 << 20,
        .depth_max = 64,
        .columns_max = 1024,
        .unknown_tables = true,
    };

    if (admitter_make(&admit, &admitter, &err) != ST_OK)
        goto fail;
    if (o.settings != NULL) {
        code = settings_load(r, &control, o.settings, o.to, o.tenant != NULL ? tenant : NULL, &err);
    } else {
        r->targets[0].route = (struct plan_route){.id = "replay",
                                                  .all_categories = true,
                                                  .profile = o.profile,
                                                  .group_mode = o.group_mode,
                                                  .is_enabled = true};
        code = target_open(r, o.to, &err);
    }
    if (code == EXIT_DONE && transforms_begin(r, &err) != ST_OK)
        code = EXIT_UNREACHABLE;
    if (code != EXIT_DONE)
        goto fail;
    r->started_ms = (uint64_t)clock_monotonic_ms();
    r->show = isatty(STDERR_FILENO);
    for (int i = optind; i < argc; i++) {
        struct stat info;

        if (stat(argv[i], &info) == 0)
            r->file_bytes += (uint64_t)info.st_size;
    }
    for (int i = optind; i < argc && code == EXIT_DONE; i++) {
        const struct admit_request request = {
            .shape = o.rows ? ADMIT_ROWS : ADMIT_ENVELOPES,
            .tenant = o.tenant != NULL ? tenant : NULL,
            .table = o.table != NULL ? span_of(o.table) : (struct span){"", 0},
            .park = o.park != NULL,
            .block_size_max = BLOCK_SIZE,
        };

        code = replay_file(r, admitter, &request, argv[i]);
    }
    int flushed = summary(r, o.json, &err);

    err.text[0] = '\0';
    code = code != EXIT_DONE ? code : flushed;

fail:
    if (err.text[0] != '\0')
        fprintf(stderr, "penstock replay: %s\n", err.text);
    for (size_t i = 0; i < r->count; i++) {
        flight_free(&r->targets[i].flight);
        window_free(r->targets[i].window);
        sink_folder.close(r->targets[i].sink);
    }
    transform_run_free(r->transform);
    for (size_t i = 0; i < ROUTES_MAX; i++) {
        transform_free(r->targets[i].transform);
        if (r->targets[i].has_setting)
            setting_free(&r->targets[i].setting);
    }
    if (parked != NULL && fclose(parked) != 0)
        code = EXIT_UNREACHABLE;
    admitter_free(admitter);
    devices_free(devices);
    config_free(config);
    free(r);
    return code;
}
