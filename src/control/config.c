/* config.c - the table of keys and the reading of single values; lists are in config_lists.c,
 * printing in config_show.c.
 *
 * Every value becomes text first, whether it stood in the file, is a default or came from the
 * command line, and is read from there by its type: so defaults obey the same checks as what people
 * write. */
#include "control/config.h"
#include "base/file.h"
#include "control/config_keys.h"
#include "control/workspaces.h"
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const tls_choices[] = {"off", "self-signed", "files", NULL};
static const char *const level_choices[] = {"debug", "info", "warn", "error", NULL};
static const char *const score_choices[] = {"current", "percentage", NULL};
static const char *const metrics_choices[] = {"loopback", "token", "open", NULL};

#define AT(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
#define MIB UINT64_C(1048576)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)
#define HOUR_MS UINT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

/* clang-format off */
const struct key_row config_keys[] = {
    {"", "data", KEY_PATH, AT(data), "penstock-data", 0, 0, NULL, true,
     "Folder of everything the daemon keeps: journal, store, keys, local storage accounts."},
    {"", "secretKeyFile", KEY_PATH, AT(secret_key_file), NULL, 0, 0, NULL, true,
     "File with the key (64 hex digits) that seals secrets in the store; made in the data folder if not named."},
    {"", "defaultExports", KEY_YES_NO, AT(default_exports), "true", 0, 0, NULL, false,
     "A tenant met for the first time gets two exports: local-archive (a storage folder) and local-hub."},
    {"http", "address", KEY_TEXT, AT(http.address), "127.0.0.1", 0, 0, NULL, true,
     "IP address to listen on. Beyond loopback TLS is needed, or allowPlaintext."},
    {"http", "port", KEY_COUNT, AT(http.port), "7780", 0, 65535, NULL, true,
     "Port to listen on; 0: a free one."},
    {"http", "tls", KEY_CHOICE, AT(http.tls), NULL, 0, 0, tls_choices, true,
     "off; self-signed: a pair made at first start; files: certificate and key. Default: files if they are named, else off."},
    {"http", "certificate", KEY_PATH, AT(http.certificate), NULL, 0, 0, NULL, true,
     "PEM file with the certificate and its chain."},
    {"http", "key", KEY_PATH, AT(http.key), NULL, 0, 0, NULL, true,
     "PEM file with the certificate's key."},
    {"http", "allowPlaintext", KEY_YES_NO, AT(http.allow_plaintext), "false", 0, 0, NULL, true,
     "Take tokens and records in the clear from other machines: only behind a proxy that ends TLS."},
    {"http", "connections", KEY_COUNT, AT(http.connections_max), "256", 1, 100000, NULL, true,
     "Connections at a time; each has a thread."},
    {"http", "idle", KEY_DURATION, AT(http.idle_ms), "60 s", 1000, HOUR_MS, NULL, true,
     "A connection that moves no byte for so long is closed."},
    {"http", "grace", KEY_DURATION, AT(http.grace_ms), "10 s", 0, 10 * 60000, NULL, false,
     "At the end, requests under way have so long."},
    {"http", "headSize", KEY_SIZE, AT(http.head_size_max), "32 KiB", 4096, MIB, NULL, true,
     "Request line and headers together."},
    {"http", "publicUrl", KEY_TEXT, AT(http.public_url), NULL, 0, 0, NULL, false,
     "What clients call the daemon where a proxy stands before it (https://arm.example); for links in answers. By default what their Host header says."},
    {"http", "allowedOrigins", KEY_ORIGINS, AT(http.allowed_origins), NULL, 0, CONFIG_ORIGINS_MAX, NULL, false,
     "Pages whose scripts may call from a browser, as https://dataexplorer.azure.com: a list of scheme://host[:port]. Every call still needs its token. Without it browsers keep answers from pages of other origins."},
    {"arm", "readBurst", KEY_COUNT, AT(arm.burst[0]), "250", 0, 1000000, NULL, false,
     "Reads that one token may make of one subscription at once; 0: no limit. Beyond, 429 with Retry-After."},
    {"arm", "readsPerSecond", KEY_COUNT, AT(arm.per_s[0]), "25", 1, 1000000, NULL, false,
     "So many come back each second."},
    {"arm", "writeBurst", KEY_COUNT, AT(arm.burst[1]), "200", 0, 1000000, NULL, false,
     "The same for PUT, PATCH and POST."},
    {"arm", "writesPerSecond", KEY_COUNT, AT(arm.per_s[1]), "10", 1, 1000000, NULL, false,
     "So many come back each second."},
    {"arm", "deleteBurst", KEY_COUNT, AT(arm.burst[2]), "200", 0, 1000000, NULL, false,
     "The same for DELETE."},
    {"arm", "deletesPerSecond", KEY_COUNT, AT(arm.per_s[2]), "10", 1, 1000000, NULL, false,
     "So many come back each second."},
    {"arm", "privateCallbacks", KEY_TEXT, AT(arm.private_callbacks), NULL, 0, 0, NULL, false,
     "Hosts, addresses and CIDR blocks, separated by blanks, that the uri of a LogicApp action may name although they are private; http is taken there too."},
    {"limits", "body", KEY_SIZE, AT(limits.body_size_max), "1 GiB", 1024, TIB, NULL, false,
     "One request's body, after decompression."},
    {"limits", "record", KEY_SIZE, AT(limits.record_size_max), "1 MiB", 1024, 4 * MIB, NULL, true,
     "One record."},
    {"limits", "depth", KEY_COUNT, AT(limits.depth_max), "128", 2, 1024, NULL, true,
     "Nesting of a record."},
    {"limits", "columns", KEY_COUNT, AT(limits.columns_max), "1000", 16, 4000, NULL, true,
     "Columns of a record."},
    {"limits", "memory", KEY_SIZE, AT(limits.memory_max), "96 MiB", 32 * MIB, TIB, NULL, true,
     "What all requests being read hold together; further ones wait."},
    {"limits", "wait", KEY_DURATION, AT(limits.wait_ms_max), "10 s", 0, 10 * 60000, NULL, true,
     "How long a request waits for memory before it is told to come again."},
    {"limits", "devices", KEY_COUNT, AT(limits.devices_max), "100000", 100, 10000000, NULL, true,
     "Devices remembered, for their groups."},
    {"limits", "settings", KEY_COUNT, AT(limits.settings_max), "100", 1, 10000, NULL, false,
     "Data export settings of one tenant."},
    {"limits", "automations", KEY_COUNT, AT(limits.automations_max), "1000", 1, 100000, NULL, false,
     "Automations of one subscription."},
    {"limits", "parked", KEY_SIZE, AT(limits.parked_size_max), "1 GiB", MIB, TIB, NULL, false,
     "Rows that a destination refused and that wait for a decision."},
    {"journal", "folder", KEY_PATH, AT(journal.folder), NULL, 0, 0, NULL, true,
     "Where the journal lies; data/journal unless named."},
    {"journal", "size", KEY_SIZE, AT(journal.size_max), "10 GiB", 64 * MIB, 1024 * TIB, NULL, true,
     "Quota of disk; when an export that lags has filled it, producers are told to wait. At least 4 segments."},
    {"journal", "reserve", KEY_SIZE, AT(journal.reserve), "1 GiB", 0, 1024 * TIB, NULL, true,
     "Free space that the journal leaves on its disk, for exports to folders there; below it, producers are told to wait and what is delivered is forgotten. 0: none."},
    {"journal", "segment", KEY_SIZE, AT(journal.segment_size), "64 MiB", 16 * MIB, GIB, NULL, true,
     "Size of one file of the journal."},
    {"journal", "keepSize", KEY_SIZE, AT(journal.keep_size_max), "2 GiB", 0, 1024 * TIB, NULL, true,
     "Delivered records beyond this are forgotten; 0: keep up to the quota."},
    {"journal", "keepAge", KEY_DURATION, AT(journal.keep_age_ms), "7 d", 0, 3650 * DAY_MS, NULL, true,
     "Delivered records older than this are forgotten; 0: no limit by age."},
    {"journal", "zstd", KEY_COUNT, AT(journal.zstd_level), "0", 0, 19, NULL, true,
     "Compression level of the journal; 0: none."},
    {"journal", "sync", KEY_YES_NO, AT(journal.sync), "true", 0, 0, NULL, true,
     "Wait for the disk before a record is acknowledged. false loses records when power fails: for measurements only."},
    {"posture", "cache", KEY_SIZE, AT(posture.cache_size), "128 MiB", 4 * MIB, TIB, NULL, true,
     "Memory for recommendations, findings and scores; however many there are. A million findings take about 100 MiB to be compared without reading the disk."},
    {"posture", "outbox", KEY_SIZE, AT(posture.outbox_size_max), "1 GiB", MIB, TIB, NULL, true,
     "Events that wait because the journal is full; beyond this, reports are told to come again."},
    {"posture", "scoreThreshold", KEY_COUNT, AT(posture.score_threshold), "1", 1, 100000, NULL, true,
     "A control's score is exported when it moved by so many hundredths since it was exported last."},
    {"posture", "scoreMetric", KEY_CHOICE, AT(posture.score_metric), "current", 0, 0, score_choices, true,
     "What the threshold is compared with: current (points) or percentage (0 to 1)."},
    {"posture", "scoreDelay", KEY_DURATION, AT(posture.score_delay_ms), "5 s", 1, DAY_MS, NULL, true,
     "Scores and compliance are computed so long after the first change."},
    {"posture", "snapshotInterval", KEY_DURATION, AT(posture.snapshot_interval_ms), "7 d", 0, 365 * DAY_MS, NULL, true,
     "How often snapshots are exported; 0: only on demand."},
    {"posture", "portal", KEY_TEXT, AT(posture.portal), NULL, 0, 0, NULL, true,
     "Host (and :port) in links of compliance events, like portal.example.com; without it they are null."},
    {"workspaces", "memory", KEY_SIZE, AT(workspaces.memory_max), "1 GiB", 64 * MIB, TIB, NULL, true,
     "What the database of each open workspace may hold in memory; what queries need beyond it is put "
     "aside beside its file, together at most four times as much, or they end."},
    {"workspaces", "threads", KEY_COUNT, AT(workspaces.threads), "0", 0, 256, NULL, true,
     "Threads of each open workspace's database; 0: as many as there are processors."},
    {"workspaces", "keepAge", KEY_DURATION, AT(workspaces.keep_age_ms), "0", 0, 36500 * DAY_MS, NULL, false,
     "Rows of events older than this are taken out of local workspaces; 0: kept for ever. Looked for every 15 minutes."},
    {"workspaces", "keepSize", KEY_SIZE, AT(workspaces.keep_size_max), "0", 0, 1024 * TIB, NULL, false,
     "What a table of a workspace may take in its file; beyond, its oldest rows are taken out until nine tenths are left. 0: no limit."},
    {"hunting", "workspace", KEY_TEXT, AT(hunting.workspace), NULL, 0, 0, NULL, false,
     "The workspace that is asked where a request names none: its name or ARM id; every tenant may ask it. Without it, the only one that the tenant's settings and automations name."},
    {"hunting", "queries", KEY_COUNT, AT(hunting.query_count), "4", 1, 64, NULL, false,
     "Queries that run side by side in one workspace, at most half of them of one tenant (all but one while it is alone); further ones wait their turn, eight for each that may run."},
    {"hunting", "time", KEY_DURATION, AT(hunting.time_ms), "3 min", 1, 10 * 60000, NULL, false,
     "A query that takes longer is ended, unless its request asks for more (prefer: wait=N)."},
    {"hunting", "timeMax", KEY_DURATION, AT(hunting.time_ms_max), "10 min", 1, HOUR_MS, NULL, false,
     "The most that a request may ask for."},
    {"hunting", "answerRows", KEY_COUNT, AT(hunting.answer_row_max), "500000", 1, 100000000, NULL, false,
     "Rows of an answer; what is more is left out, and the answer says so."},
    {"hunting", "answerSize", KEY_SIZE, AT(hunting.answer_size_max), "64 MiB", 64 * 1024, GIB, NULL, false,
     "Bytes of an answer, before compression; what is more is left out, and the answer says so."},
    {"hunting", "memory", KEY_SIZE, AT(hunting.memory_max), "512 MiB", 16 * MIB, TIB, NULL, false,
     "What one query may hold besides its workspace's own memory (memory_mb of the resource)."},
    {"hunting", "externalData", KEY_PREFIXES, AT(hunting.external.prefixes), NULL, 0, FETCH_PREFIXES_MAX, NULL, false,
     "What externaldata may read, for queries of every tenant: a list of prefixes of URLs, as https://raw.githubusercontent.com/org/ (that scheme, host and port, and paths that begin with these segments). Without it, nothing."},
    {"hunting", "externalDataSize", KEY_SIZE, AT(hunting.external.size_max), "100 MiB", 1024, GIB, NULL, false,
     "Bytes of all files that one query reads by externaldata, as they come and unpacked; its text counts in hunting.memory, too."},
    {"hunting", "externalDataTime", KEY_DURATION, AT(hunting.external.time_ms_max), "30 s", 1, 10 * 60000, NULL, false,
     "A file of externaldata that takes longer ends the query, as the query's own time does."},
    {"hunting", "geoDatabase", KEY_PATH, AT(hunting.geo_database), NULL, 0, 0, NULL, false,
     "File in MaxMind's format (GeoLite2-City.mmdb, DB-IP and their kin) that geo_info_from_ip_address() asks. One put in its place, by renaming, is taken within seconds."},
    {"log", "level", KEY_CHOICE, AT(log_level), "info", 0, 0, level_choices, false,
     "What is written to standard error."},
    {"metrics", "access", KEY_CHOICE, AT(metrics), "loopback", 0, 0, metrics_choices, false,
     "Who may read /metrics: loopback: this machine, others with a token; token: only with a token; open: everyone."},
    {"catalog", "unknownTables", KEY_YES_NO, AT(unknown_tables), "true", 0, 0, NULL, true,
     "Records of tables that nobody knows pass through."},
    {NULL, NULL, 0, 0, 0, NULL, 0, 0, NULL, false, NULL},
};

const struct item_row config_items[] = {
    {"tenants[]", "id", "GUID", NULL, true, false, "The tenant's id. Without a list of tenants, one is made at first start."},
    {"tenants[]", "name", "text", NULL, false, false, "For people; the id unless given."},
    {"tenants[]", "subscriptions", "list of GUIDs", NULL, false, false, "Its subscriptions, besides the one whose id is the tenant's own."},
    {"resources[]", "id", "ARM id", NULL, true, false, "The destination's id as export settings name it."},
    {"resources[]", "kind", "kind of sink", NULL, false, false, "By default what the id's type and name say: blob or kafka by Azure's public names."},
    {"resources[]", "settings", "names and values", NULL, false, true, "The kind's settings; a secret may be {file: PATH} or {env: NAME}."},
    {"resources[]", "manyHubs", "true or false", "false", false, false, "A Premium or Dedicated namespace, or not Azure: more than 10 hubs."},
    {"resources[]", "tenants", "list of GUIDs", NULL, false, false, "The only tenants that may use it; by default all."},
    {"resources[]", "solutions", "list of names", "Security", false, false, "Solutions enabled on a workspace; continuous export needs Security or SecurityCenterFree."},
    {"deviceGroups[]", "tenant", "GUID", NULL, true, false, "Whose groups these are; they replace those set over HTTP."},
    {"deviceGroups[]", "groups", "list of groups", NULL, true, false, "As over HTTP: Name, Priority, GroupRules."},
    {"catalog.tables[]", "name", "text", NULL, true, false, "A new table, or a known one that gets more columns."},
    {"catalog.tables[]", "category", "text", "AdvancedHunting-NAME", false, false, "Its event type."},
    {"catalog.tables[]", "timeColumn", "text", NULL, false, false, "Its column with the event's time."},
    {"catalog.tables[]", "deviceScoped", "true or false", "false", false, false, "It has a DeviceId."},
    {"catalog.tables[]", "machineGroup", "none | decorated | column", "none", false, false, "Whether MachineGroup is added to its rows."},
    {"catalog.tables[]", "columns", "names and types", NULL, false, false, "Kusto types: string, datetime, long, dynamic, ..."},
    {"workspaces.tables[]", "name", "text", NULL, true, false, "A table whose rows are kept otherwise than workspaces.keepAge and keepSize say."},
    {"workspaces.tables[]", "keepAge", "duration", "workspaces.keepAge", false, false, "0: for ever."},
    {"workspaces.tables[]", "keepSize", "size", "workspaces.keepSize", false, false, "0: no limit."},
    {"sources[]", "name", "text", NULL, true, false, "Unique; letters, digits, '_' and '-'."},
    {"sources[]", "kind", "kind of source", NULL, true, false, "file or kafka."},
    {"sources[]", "settings", "names and values", NULL, false, true, "The kind's settings; a secret may be {file: PATH} or {env: NAME}."},
    {"sources[]", "tenant", "GUID", NULL, false, false, "Whose records these are; needed with 'table'."},
    {"sources[]", "table", "text", NULL, false, false, "The table of bare rows; without it the records are envelopes."},
    {NULL, NULL, NULL, NULL, false, false, NULL},
};
/* clang-format on */

enum status
config_fault(const struct config_reader *r, const json_t *parent, const char *key, size_t index,
             const char *path, const char *format, ...)
{
    struct yaml_place at = {0};
    char place[40] = "", text[sizeof r->err->text];
    va_list args;

    if (parent != NULL)
        at = yaml_tree_place(&r->tree, parent, key, index);
    if (at.line > 0)
        snprintf(place, sizeof place, ":%u:%u", at.line, at.column);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return err_set(r->err, ST_INVALID, "%s%s: %s%s%s", r->origin, place, path,
                   path[0] != '\0' ? ": " : "", text);
}

enum status
config_no_memory(const struct config_reader *r)
{
    return err_set(r->err, ST_FULL, "%s: no memory", r->origin);
}

enum status
config_unknown(const struct config_reader *r, const json_t *object, const char *path,
               const char *const *names)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *near = NULL;
        size_t i = 0;

        (void)value;
        while (names[i] != NULL && strcmp(names[i], key) != 0)
            i++;
        if (names[i] != NULL)
            continue;
        near = control_near(key, names);
        return config_fault(r, object, key, 0, path, "there is no key '%.60s'%s%s%s", key,
                            near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                            near != NULL ? "'?" : "");
    }
    return ST_OK;
}

char *
config_path(const struct config_reader *r, const char *path)
{
    char here[4096] = "";
    const char *folder = r->folder;

    if (path[0] == '/')
        return heap_text(&r->whole->heap, span_of(path));
    if (folder[0] != '/' && getcwd(here, sizeof here) == NULL)
        return NULL;
    if (folder[0] == '\0')
        return heap_format(&r->whole->heap, "%s/%s", here, path);
    return heap_format(&r->whole->heap, "%s%s%s/%s", here, here[0] != '\0' ? "/" : "", folder,
                       path);
}

/* ---- single values ---- */

static bool
digits_read(const char **p, uint64_t *n)
{
    const char *start = *p;

    *n = 0;
    for (; **p >= '0' && **p <= '9'; ++*p)
        if (__builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, **p - '0', n))
            return false;
    return *p != start;
}

struct unit {
    const char *name;
    uint64_t factor;
};
static const struct unit sizes[] = {
    {"TiB", TIB },
    {"GiB", GIB },
    {"MiB", MIB },
    {"KiB", 1024},
    {"B",   1   },
    {"",    1   },
    {NULL,  0   },
};
static const struct unit durations[] = {
    {"d",   DAY_MS },
    {"h",   HOUR_MS},
    {"min", 60000  },
    {"s",   1000   },
    {"ms",  1      },
    {NULL,  0      },
};

/* "64 MiB", "30 s"; a bare 0 needs no unit. */
static bool
united_read(const char *text, const struct unit *units, uint64_t *value)
{
    const char *p = text;

    if (!digits_read(&p, value))
        return false;
    if (*value == 0 && *p == '\0')
        return true;
    while (*p == ' ')
        p++;
    for (; units->name != NULL; units++)
        if (strcmp(p, units->name) == 0)
            return !__builtin_mul_overflow(*value, units->factor, value);
    return false;
}

static void
united_write(uint64_t value, const struct unit *units, char *out, size_t out_size)
{
    while (units[1].name != NULL && units[1].name[0] != '\0' &&
           (value == 0 || value % units->factor != 0))
        units++;
    snprintf(out, out_size, value == 0 ? "0" : "%llu %s",
             (unsigned long long)(value / units->factor), units->name);
}

bool
config_duration_read(const char *text, uint64_t *ms)
{
    return united_read(text, durations, ms);
}

bool
config_size_read(const char *text, uint64_t *bytes)
{
    return united_read(text, sizes, bytes);
}

void
config_duration_write(uint64_t ms, char *out, size_t room)
{
    united_write(ms, durations, out, room);
}

void
config_size_write(uint64_t bytes, char *out, size_t room)
{
    united_write(bytes, sizes, out, room);
}

static void
integer_set(struct config *c, const struct key_row *row, uint64_t value)
{
    char *at = (char *)c + row->offset;

    switch (row->size) { /* little or big endian alike: by type */
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        *(uint16_t *)(void *)at = (uint16_t)value;
        break;
    case 4:
        *(uint32_t *)(void *)at = (uint32_t)value;
        break;
    default:
        *(uint64_t *)(void *)at = value;
    }
}

static uint64_t
integer_get(const struct config *c, const struct key_row *row)
{
    const char *at = (const char *)c + row->offset;

    switch (row->size) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        return *(const uint16_t *)(const void *)at;
    case 4:
        return *(const uint32_t *)(const void *)at;
    default:
        return *(const uint64_t *)(const void *)at;
    }
}

static const char **
text_at(struct config *c, const struct key_row *row)
{
    return (const char **)(void *)((char *)c + row->offset);
}

void
config_value_write(const struct config *c, const struct key_row *row, char out[4200])
{
    const char *text;

    switch (row->type) {
    case KEY_TEXT:
    case KEY_PATH:
        memcpy(&text, (const char *)c + row->offset, sizeof text);
        snprintf(out, 4200, "%s", text == NULL ? "" : text);
        break;
    case KEY_YES_NO:
        snprintf(out, 4200, "%s", integer_get(c, row) ? "true" : "false");
        break;
    case KEY_COUNT:
        snprintf(out, 4200, "%llu", (unsigned long long)integer_get(c, row));
        break;
    case KEY_SIZE:
        united_write(integer_get(c, row), sizes, out, 4200);
        break;
    case KEY_DURATION:
        united_write(integer_get(c, row), durations, out, 4200);
        break;
    case KEY_CHOICE:
        snprintf(out, 4200, "%s", row->choices[integer_get(c, row)]);
        break;
    case KEY_ORIGINS: /* config_show.c writes them as the list they are */
    case KEY_PREFIXES:
        out[0] = '\0';
        break;
    }
}

/* What may stand there, for errors and the manual. */
static void
limits_write(const struct key_row *row, char *out, size_t size)
{
    const struct unit *units = row->type == KEY_SIZE ? sizes : durations;
    char low[40], high[40];

    out[0] = '\0';
    if (row->type == KEY_CHOICE) {
        for (size_t i = 0, n = 0; row->choices[i] != NULL && n < size; i++)
            n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? " | " : "", row->choices[i]);
    } else if (row->type == KEY_COUNT) {
        snprintf(out, size, "%llu to %llu", (unsigned long long)row->min,
                 (unsigned long long)row->max);
    } else if (row->type == KEY_SIZE || row->type == KEY_DURATION) {
        united_write(row->min, units, low, sizeof low);
        united_write(row->max, units, high, sizeof high);
        snprintf(out, size, "%s to %s", low, high);
    } else if (row->type == KEY_ORIGINS || row->type == KEY_PREFIXES) {
        snprintf(out, size, "at most %llu", (unsigned long long)row->max);
    }
}

static const char *const type_texts[] = {"text",
                                         "path",
                                         "true or false",
                                         "a number",
                                         "a size like 64 MiB",
                                         "a duration like 30 s, 5 min or 7 d",
                                         "one of",
                                         "a list of origins",
                                         "a list of URLs"};

static bool
value_read(const struct key_row *row, const char *text, uint64_t *value)
{
    const char *p = text;

    switch (row->type) {
    case KEY_YES_NO:
        *value = strcmp(text, "true") == 0;
        return *value || strcmp(text, "false") == 0;
    case KEY_COUNT:
        return digits_read(&p, value) && *p == '\0' && *value >= row->min && *value <= row->max;
    case KEY_SIZE:
        return united_read(text, sizes, value) && *value >= row->min && *value <= row->max;
    case KEY_DURATION:
        return united_read(text, durations, value) && *value >= row->min && *value <= row->max;
    case KEY_CHOICE:
        for (*value = 0; row->choices[*value] != NULL; ++*value)
            if (strcmp(row->choices[*value], text) == 0)
                return true;
        return false;
    default:
        return false;
    }
}

static enum status
value_set(struct config_reader *r, const struct key_row *row, const json_t *parent,
          const char *text)
{
    struct config *c = &r->whole->c;
    char limits[120], path[120];
    uint64_t value = 0;

    if (row->type == KEY_TEXT || row->type == KEY_PATH) {
        char *copy = row->type == KEY_PATH ? config_path(r, text)
                                           : heap_text(&r->whole->heap, span_of(text));

        *text_at(c, row) = copy;
        return copy != NULL ? ST_OK : config_no_memory(r);
    }
    if (!value_read(row, text, &value)) {
        limits_write(row, limits, sizeof limits);
        snprintf(path, sizeof path, "%s%s%s", row->section, row->section[0] ? "." : "", row->name);
        return config_fault(r, parent, row->name, 0, path, "'%.40s' is not %s%s%s", text,
                            type_texts[row->type],
                            limits[0] == '\0'         ? ""
                            : row->type == KEY_CHOICE ? " "
                                                      : ", ",
                            limits);
    }
    integer_set(c, row, value);
    return ST_OK;
}

static enum status
value_take(struct config_reader *r, const struct key_row *row, const json_t *parent,
           const json_t *value)
{
    char text[40], path[120];

    snprintf(path, sizeof path, "%s%s%s", row->section, row->section[0] ? "." : "", row->name);
    if (json_is_string(value) && json_string_length(value) > 0) {
        if (json_string_length(value) >= 4000)
            return config_fault(r, parent, row->name, 0, path, "longer than 4000 bytes");
        return value_set(r, row, parent, json_string_value(value));
    }
    if (json_is_integer(value))
        snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        snprintf(text, sizeof text, "%s", json_is_true(value) ? "true" : "false");
    else if (json_is_real(value))
        snprintf(text, sizeof text, "%g", json_real_value(value));
    else
        return config_fault(r, parent, row->name, 0, path,
                            "a single value is wanted here (leave the key out for the default)");
    return value_set(r, row, parent, text);
}

/* ---- the whole ---- */

static enum status
defaults_set(struct config_reader *r)
{
    enum status st = ST_OK;

    for (const struct key_row *row = config_keys; row->name != NULL && st == ST_OK; row++) {
        const char *folder = r->folder;

        if (row->default_value == NULL)
            continue;
        r->folder = ""; /* a default path counts from the working folder, wherever the file lies */
        st = value_set(r, row, NULL, row->default_value);
        r->folder = folder;
    }
    return st;
}

static const struct key_row *
row_find(const char *section, const char *name)
{
    for (const struct key_row *row = config_keys; row->name != NULL; row++)
        if (strcmp(row->section, section) == 0 && strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

/* The names that may stand in a section: its keys, and behind them 'more' (ends at NULL). */
static void
names_of(const char *section, const char *const *more, const char *names[64])
{
    size_t n = 0;

    for (const struct key_row *row = config_keys; row->name != NULL; row++) {
        bool is_known = strcmp(row->section, section) != 0;

        if (section[0] == '\0' &&
            row->section[0] != '\0') { /* the sections themselves, once each */
            is_known = n > 0 && strcmp(names[n - 1], row->section) == 0;
            if (!is_known)
                names[n++] = row->section;
        } else if (!is_known) {
            names[n++] = row->name;
        }
    }
    while (*more != NULL)
        names[n++] = *more++;
    names[n] = NULL;
}

static enum status
section_read(struct config_reader *r, const char *section, const json_t *object,
             const char *const *more)
{
    const char *names[64], *key;
    json_t *value;
    enum status st;

    names_of(section, more, names);
    st = config_unknown(r, object, section, names);
    if (st != ST_OK)
        return st;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const struct key_row *row = row_find(section, key);

        if (row != NULL && row->type < KEY_ORIGINS && st == ST_OK)
            st = value_take(r, row, object, value);
    }
    return st;
}

static const struct {
    const char *section, *name; /* where the list stands */
    enum status (*read)(struct config_reader *r, const json_t *list);
} lists[] = {
    {"",           "tenants",        config_read_tenants  },
    {"",           "resources",      config_read_resources},
    {"",           "deviceGroups",   config_read_groups   },
    {"catalog",    "tables",         config_read_tables   },
    {"workspaces", "tables",         config_read_kept     },
    {"http",       "allowedOrigins", config_read_origins  },
    {"hunting",    "externalData",   config_read_prefixes },
    {"",           "sources",        config_read_sources  },
};

static enum status
lists_read(struct config_reader *r, const json_t *root)
{
    enum status st = ST_OK;

    for (size_t i = 0; i < COUNT_OF(lists) && st == ST_OK; i++) {
        const json_t *parent =
            lists[i].section[0] == '\0' ? root : json_object_get(root, lists[i].section);
        const json_t *list = json_object_get(parent, lists[i].name);

        if (list == NULL || json_is_null(list))
            continue;
        if (!json_is_array(list))
            return config_fault(r, parent, lists[i].name, 0, lists[i].name,
                                "a list is wanted here");
        st = lists[i].read(r, list);
    }
    return st;
}

static bool
loopback_is(const char *address)
{
    struct in6_addr six;
    struct in_addr four;

    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

enum status
config_pem_check(const char *path, struct err *err)
{
    struct stat info;

    if (stat(path, &info) != 0)
        return errno == EACCES
                   ? ST_OK
                   : err_set(err, ST_INVALID, "cannot read %s: %s", path, strerror(errno));
    return S_ISDIR(info.st_mode)
               ? err_set(err, ST_INVALID, "%s is a folder, a PEM file is wanted", path)
               : ST_OK;
}

static enum status
file_check(const struct config_reader *r, const json_t *http, const char *key, const char *place,
           const char *path)
{
    struct err why;

    return config_pem_check(path, &why) == ST_OK
               ? ST_OK
               : config_fault(r, http, key, 0, place, "%s", why.text);
}

/* What only several keys together can get wrong. */
static enum status
http_check(const struct config_reader *r, const json_t *root)
{
    struct config *c = &r->whole->c;
    const json_t *http = json_object_get(root, "http");
    bool has_files = c->http.certificate != NULL && c->http.key != NULL;
    char binary[16];

    if (inet_pton(AF_INET, c->http.address, binary) != 1 &&
        inet_pton(AF_INET6, c->http.address, binary) != 1)
        return config_fault(r, http, "address", 0, "http.address",
                            "'%.60s' is no IP address; say 127.0.0.1, ::1 or 0.0.0.0",
                            c->http.address);
    if ((c->http.certificate == NULL) != (c->http.key == NULL))
        return config_fault(r, http, c->http.key == NULL ? "certificate" : "key", 0, "http",
                            "certificate and key go together; %s is missing",
                            c->http.key == NULL ? "key" : "certificate");
    if (has_files && json_object_get(http, "tls") == NULL)
        c->http.tls = CONFIG_TLS_FILES;
    if ((c->http.tls == CONFIG_TLS_FILES) != has_files)
        return config_fault(r, http, "tls", 0, "http.tls",
                            has_files ? "certificate and key are named, so this is 'files'"
                                      : "'files' needs http.certificate and http.key");
    if (has_files) {
        enum status st =
            file_check(r, http, "certificate", "http.certificate", c->http.certificate);

        if (st == ST_OK)
            st = file_check(r, http, "key", "http.key", c->http.key);
        if (st != ST_OK)
            return st;
    }
    if (c->http.tls == CONFIG_TLS_OFF && !loopback_is(c->http.address) && !c->http.allow_plaintext)
        return config_fault(r, http, "address", 0, "http.address",
                            "%.60s can be reached from other machines, and there is no TLS: set "
                            "http.tls to self-signed or files, or, behind a proxy, "
                            "http.allowPlaintext: true",
                            c->http.address);
    return ST_OK;
}

static enum status
whole_check(struct config_reader *r, const json_t *root)
{
    struct config *c = &r->whole->c;
    const json_t *journal = json_object_get(root, "journal");
    struct catalog ignored;
    char *memory = NULL;
    struct err why = {""};
    enum status st = http_check(r, root);

    if (st != ST_OK)
        return st;
    if (workspaces_hunting_check(c, &why) != ST_OK)
        return config_fault(r, json_object_get(root, "hunting"), "workspace", 0,
                            "hunting.workspace", "%.250s", why.text);
    if (c->journal.size_max < 4 * c->journal.segment_size)
        return config_fault(r, journal, "size", 0, "journal.size",
                            "less than 4 segments (journal.segment)");
    if (c->journal.folder == NULL)
        c->journal.folder = heap_format(&r->whole->heap, "%s/journal", c->data);
    if (c->journal.folder == NULL)
        return config_no_memory(r);
    st = config_catalog(c, &catalog_builtin, &ignored, &memory, r->err);
    free(memory);
    if (st == ST_INVALID) {
        char text[sizeof r->err->text];

        memcpy(text, r->err->text, sizeof text);
        return config_fault(r, json_object_get(root, "catalog"), "tables", 0, "catalog.tables",
                            "%s", text);
    }
    return st;
}

/* The data folder stands before everything else: other defaults and the local resources count from
 * it. */
static enum status
data_set(struct config_reader *r, const char *data)
{
    const char *folder = r->folder;
    enum status st = ST_OK;

    if (data == NULL)
        return ST_OK;
    r->folder = "";
    st = value_set(r, row_find("", "data"), NULL, data);
    r->folder = folder;
    return st;
}

static enum status
root_read(struct config_reader *r, const json_t *root, const char *data)
{
    static const char *const top_lists[] = {"tenants", "resources", "deviceGroups", "sources",
                                            NULL};
    static const char *const with_tables[] = {"tables", NULL};
    static const char *const none[] = {NULL};
    enum status st = defaults_set(r);

    if (st != ST_OK)
        return st;
    if (!json_is_object(root))
        return config_fault(r, NULL, NULL, 0, "",
                            "keys and their values are wanted, as in "
                            "'http:' and below it '  port: 7780'");
    st = section_read(r, "", root, top_lists);
    for (const struct key_row *row = config_keys; row->name != NULL && st == ST_OK; row++) {
        const char *section = row->section;
        bool is_first = row == config_keys || strcmp(row[-1].section, section) != 0;
        const json_t *object =
            section[0] == '\0' || !is_first ? NULL : json_object_get(root, section);

        if (object == NULL || json_is_null(object))
            continue;
        if (!json_is_object(object))
            return config_fault(r, root, section, 0, section,
                                "keys and their values are wanted here");
        st = section_read(r, section, object,
                          strcmp(section, "catalog") == 0 || strcmp(section, "workspaces") == 0
                              ? with_tables
                              : none);
    }
    if (st == ST_OK)
        st = data_set(r, data);
    if (st == ST_OK)
        st = lists_read(r, root);
    if (st == ST_OK)
        st = whole_check(r, root);
    return st;
}

static uint64_t
hash_of(struct span text)
{
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    uint64_t n;

    if (EVP_Digest(text.p, text.n, hash, NULL, EVP_sha256(), NULL) != 1)
        return 0;
    memcpy(&n, hash, sizeof n);
    return n;
}

static enum status
text_read(struct span text, const char *origin, const char *folder, const char *data,
          const struct control_kinds *kinds, struct config **config, struct err *err)
{
    struct config_reader r = {.origin = origin, .folder = folder, .kinds = kinds, .err = err};
    enum status st;

    if (text.n > CONFIG_FILE_SIZE_MAX)
        return err_set(err, ST_INVALID, "%s: larger than 4 MiB", origin);
    r.whole = calloc(1, sizeof *r.whole);
    if (r.whole == NULL)
        return err_set(err, ST_FULL, "%s: no memory", origin);
    st = yaml_tree_read(text, origin, &r.tree, err);
    if (st != ST_OK) {
        config_free(&r.whole->c);
        return st;
    }
    st = root_read(&r, r.tree.root, data);
    yaml_tree_free(&r.tree);
    r.whole->c.file_hash = hash_of(text);
    r.whole->c.origin = heap_text(&r.whole->heap, span_of(origin));
    if (st == ST_OK && r.whole->c.origin == NULL)
        st = config_no_memory(&r);
    if (st != ST_OK) {
        config_free(&r.whole->c);
        return st;
    }
    *config = &r.whole->c;
    return ST_OK;
}

enum status
config_read_text(struct span text, const char *origin, const char *data,
                 const struct control_kinds *kinds, struct config **config, struct err *err)
{
    return text_read(text, origin, "", data, kinds, config, err);
}

enum status
config_read(const char *path, const char *data, const struct control_kinds *kinds,
            struct config **config, struct err *err)
{
    char *text = NULL, folder[4096] = "";
    size_t size = 0;
    const char *slash;
    enum status st;

    if (path == NULL)
        return text_read((struct span){"", 0}, "built-in defaults", "", data, kinds, config, err);
    st = file_read(path, CONFIG_FILE_SIZE_MAX, &text, &size, err);
    if (st == ST_END)
        return err_set(err, ST_INVALID, "there is no configuration file %s", path);
    if (st != ST_OK)
        return st;
    slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    st = text_read((struct span){text, size}, path, folder, data, kinds, config, err);
    explicit_bzero(text, size);
    free(text);
    return st;
}

void
config_free(struct config *config)
{
    struct config_whole *whole = (struct config_whole *)(void *)config;

    if (config == NULL)
        return;
    heap_free(&whole->heap);
    free(whole);
}

/* Sources run, and admission has its catalog, from start to end. */
static const char *const restart_lists[] = {"sources[]", "catalog.tables[]", NULL};

static bool
list_needs_restart(const char *list)
{
    for (size_t i = 0; restart_lists[i] != NULL; i++)
        if (strcmp(restart_lists[i], list) == 0)
            return true;
    return false;
}

static bool
texts_differ(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static bool
source_differs(const struct config_source *a, const struct config_source *b)
{
    if (strcmp(a->name, b->name) != 0 || strcmp(a->kind, b->kind) != 0 ||
        strcmp(a->tenant, b->tenant) != 0 || texts_differ(a->table, b->table) ||
        a->setting_count != b->setting_count)
        return true;
    for (size_t i = 0; i < a->setting_count; i++)
        if (strcmp(a->settings[i].name, b->settings[i].name) != 0 ||
            texts_differ(a->settings[i].value, b->settings[i].value))
            return true;
    return false;
}

static bool
table_differs(const struct catalog_table *a, const struct catalog_table *b)
{
    if (strcmp(a->name, b->name) != 0 || texts_differ(a->category, b->category) ||
        texts_differ(a->time_column, b->time_column) ||
        a->is_device_scoped != b->is_device_scoped || a->machine_group != b->machine_group ||
        a->column_count != b->column_count)
        return true;
    for (size_t i = 0; i < a->column_count; i++)
        if (strcmp(a->columns[i].name, b->columns[i].name) != 0 ||
            a->columns[i].type != b->columns[i].type)
            return true;
    return false;
}

static bool
lists_differ(const struct config *a, const struct config *b, const char **list)
{
    *list = "sources";
    if (a->source_count != b->source_count)
        return true;
    for (size_t i = 0; i < a->source_count; i++)
        if (source_differs(&a->sources[i], &b->sources[i]))
            return true;
    *list = "catalog.tables";
    if (a->addition_count != b->addition_count)
        return true;
    for (size_t i = 0; i < a->addition_count; i++)
        if (table_differs(&a->additions[i].table, &b->additions[i].table))
            return true;
    return false;
}

bool
config_needs_restart(const struct config *old, const struct config *new_one, char key[80])
{
    char before[4200], after[4200];

    for (const struct key_row *row = config_keys; row->name != NULL; row++) {
        if (!row->needs_restart)
            continue;
        config_value_write(old, row, before);
        config_value_write(new_one, row, after);
        if (strcmp(before, after) == 0)
            continue;
        snprintf(key, 80, "%s%s%s", row->section, row->section[0] ? "." : "", row->name);
        return true;
    }
    const char *list;

    if (!lists_differ(old, new_one, &list))
        return false;
    snprintf(key, 80, "%s", list);
    return true;
}

enum status
config_catalog(const struct config *config, const struct catalog *base, struct catalog *out,
               char **memory, struct err *err)
{
    struct arena a = {0};
    enum status st;

    *memory = NULL;
    if (config->addition_count == 0) {
        *out = *base;
        return ST_OK;
    }
    a.size = catalog_extend_size(base, config->additions, config->addition_count);
    a.base = malloc(a.size); /* malloc's alignment is 16 */
    if (a.base == NULL)
        return err_set(err, ST_FULL, "no memory for the catalog");
    st = catalog_extend(base, config->additions, config->addition_count, &a, out, err);
    if (st != ST_OK) {
        free(a.base);
        return st;
    }
    *memory = a.base;
    return ST_OK;
}

void
config_describe(bool (*visit)(void *app, const struct config_key *key), void *app)
{
    static const char *const types[] = {
        [KEY_TEXT] = "text",
        [KEY_PATH] = "path",
        [KEY_YES_NO] = "true or false",
        [KEY_COUNT] = "number",
        [KEY_SIZE] = "size",
        [KEY_DURATION] = "duration",
        [KEY_CHOICE] = "one of",
        [KEY_ORIGINS] = "list of origins",
        [KEY_PREFIXES] = "list of URLs",
    };
    char name[120];
    bool goes_on = true;

    for (const struct key_row *row = config_keys; row->name != NULL && goes_on; row++) {
        struct config_key key = {.key = name,
                                 .type = types[row->type],
                                 .default_value = row->default_value,
                                 .help = row->help,
                                 .needs_restart = row->needs_restart};

        snprintf(name, sizeof name, "%s%s%s", row->section, row->section[0] ? "." : "", row->name);
        limits_write(row, key.limits, sizeof key.limits);
        goes_on = visit(app, &key);
    }
    for (const struct item_row *row = config_items; row->name != NULL && goes_on; row++) {
        struct config_key key = {.key = name,
                                 .type = row->type,
                                 .default_value = row->default_value,
                                 .help = row->help,
                                 .is_secret = row->is_secret,
                                 .is_required = row->is_required,
                                 .needs_restart = list_needs_restart(row->list)};

        snprintf(name, sizeof name, "%s.%s", row->list, row->name);
        goes_on = visit(app, &key);
    }
}
