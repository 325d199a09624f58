/* metrics.c - GET /metrics: what was counted with base/counter.h, and behind it the numbers that
 * the parts keep themselves, read at this moment. Each of those is one row of a table. Names follow
 * the product's own metrics where there are any (streaming-api.md section 7: records and bytes
 * exported, export failures). */
#include "api/call.h"
#include "base/clock.h"
#include "base/counter.h"
#include "control/store.h"
#include "deliver/deliver.h"
#include "detect/detect.h"
#include "journal/journal.h"
#include "source/admit.h"
#include "source/devices.h"
#include "workspace/keep.h"
#include <stdlib.h>

enum kind { U64, I64, SIZE, UINT, BOOL };

struct metric { /* ends at a NULL name */
    const char *name, *type, *help;
    size_t offset;
    enum kind kind;
    double unit; /* 0: 1 */
};

#define EXPORT(field) offsetof(struct deliver_status, field)
/* clang-format off */
static const struct metric export_metrics[] = {
    {"penstock_export_records_total", "counter", "Records that the destination took.",
     EXPORT(sent_rows), U64, 0},
    {"penstock_export_bytes_total", "counter", "Bytes that the destination took.",
     EXPORT(sent_bytes), U64, 0},
    {"penstock_export_batches_total", "counter", "Batches that the destination took.",
     EXPORT(sent_batches), U64, 0},
    {"penstock_export_failures_total", "counter", "Sends that had to be repeated.", EXPORT(retried),
     U64, 0},
    {"penstock_export_read_records_total", "counter", "Records read from the journal.",
     EXPORT(read_rows), U64, 0},
    {"penstock_export_refused_records_total", "counter", "Records refused for good, parked.",
     EXPORT(refused_rows), U64, 0},
    {"penstock_export_lost_records_total", "counter",
     "Records passed over: journal quota with onLag drop, or unreadable.", EXPORT(lost_rows), U64,
     0},
    {"penstock_export_resent_records_total", "counter", "Parked records sent again.",
     EXPORT(resent_rows), U64, 0},
    {"penstock_export_filtered_records_total", "counter", "Records that transformKql dropped.",
     EXPORT(filtered_rows), U64, 0},
    {"penstock_export_shared_records_total", "counter",
     "Records that were not evaluated for this export, as another one had: conditions in common.",
     EXPORT(shared_rows), U64, 0},
    {"penstock_export_exhausted_records_total", "counter",
     "Records whose transformKql needed too much memory: what it could not compute counts as true, "
     "or is null.",
     EXPORT(exhausted_rows), U64, 0},
    {"penstock_export_shrunk_records_total", "counter",
     "Rows of a workspace's table that were larger than it takes, and left cut and marked.",
     EXPORT(shrunk_rows), U64, 0},
    {"penstock_export_lag_records", "gauge", "Records of the journal still to be read.",
     EXPORT(lag_rows), U64, 0},
    {"penstock_export_lag_seconds", "gauge", "Age of the oldest record not exported yet.",
     EXPORT(lag_ms), I64, 1e-3},
    {"penstock_export_attempt", "gauge", "Failed attempts in a row; 0: all is well.",
     EXPORT(attempt), UINT, 0},
    {0},
};
/* clang-format on */

#define JOURNAL(field) offsetof(struct journal_stats, field)
/* clang-format off */
static const struct metric journal_metrics[] = {
    {"penstock_journal_bytes", "gauge", "Bytes that the segments take.", JOURNAL(size_bytes), U64,
     0},
    {"penstock_journal_quota_bytes", "gauge", "Bytes that they may take.", JOURNAL(quota_bytes),
     U64, 0},
    {"penstock_journal_segments", "gauge", "Segment files.", JOURNAL(segment_count), U64, 0},
    {"penstock_journal_records", "gauge", "Records in the journal.", JOURNAL(row_count), U64, 0},
    {"penstock_journal_end", "gauge", "Position of the journal's end.", JOURNAL(extent.end), U64,
     0},
    {"penstock_journal_syncs_total", "counter", "Times that the disk was waited for.",
     JOURNAL(sync_count), U64, 0},
    {"penstock_journal_refusals_total", "counter", "Appends refused at the quota.",
     JOURNAL(fulls_count), U64, 0},
    {"penstock_journal_quarantined_bytes", "gauge", "Bytes that could not be read.",
     JOURNAL(quarantined_bytes), U64, 0},
    {"penstock_journal_failed", "gauge", "1 after the disk failed.", JOURNAL(is_failed), BOOL, 0},
    {0},
};
/* clang-format on */

#define INGEST(field) offsetof(struct admit_counts, field)
/* clang-format off */
static const struct metric ingest_metrics[] = {
    {"penstock_ingest_requests_total", "counter", "Bodies that were begun.", INGEST(requests), U64,
     0},
    {"penstock_ingest_records_total", "counter", "Records made durable.", INGEST(records), U64, 0},
    {"penstock_ingest_bytes_total", "counter", "Bytes of bodies after inflation.", INGEST(bytes),
     U64, 0},
    {"penstock_ingest_parked_records_total", "counter", "Faulty records parked.", INGEST(parked),
     U64, 0},
    {"penstock_ingest_refused_requests_total", "counter", "Bodies refused for their faults.",
     INGEST(refused_requests), U64, 0},
    {"penstock_ingest_refused_records_total", "counter", "Faulty records in them.",
     INGEST(refused_records), U64, 0},
    {"penstock_ingest_duplicates_total", "counter", "Bodies whose batch id was known.",
     INGEST(duplicates), U64, 0},
    {"penstock_ingest_waits_total", "counter", "Times that a body waited for memory.",
     INGEST(waits), U64, 0},
    {"penstock_ingest_memory_bytes", "gauge", "Memory that bodies hold.", INGEST(memory_used), SIZE,
     0},
    {0},
};
/* clang-format on */

/* clang-format off */
static const struct metric parked_metrics[] = {
    {"penstock_parked_entries", "gauge", "Parked entries.",
     offsetof(struct store_parked_totals, entries), U64, 0},
    {"penstock_parked_records", "gauge", "Records in them.",
     offsetof(struct store_parked_totals, rows), U64, 0},
    {"penstock_parked_bytes", "gauge", "Bytes that they take.",
     offsetof(struct store_parked_totals, size_bytes), U64, 0},
    {0},
};
/* clang-format on */

#define WORKSPACE(field) offsetof(struct workspace_state, field)
/* clang-format off */
static const struct metric workspace_metrics[] = {
    {"penstock_workspace_records", "gauge", "Records in an open workspace, about.", WORKSPACE(rows), U64, 0},
    {"penstock_workspace_bytes", "gauge", "Bytes of its file.", WORKSPACE(bytes), U64, 0},
    {"penstock_workspace_log_bytes", "gauge", "Bytes of its log, which a checkpoint moves into the file.", WORKSPACE(log_bytes), U64, 0},
    {"penstock_workspace_commits_total", "counter", "Transactions with records since it was opened.", WORKSPACE(commits), U64, 0},
    {"penstock_workspace_added_records_total", "counter", "Records that they brought.", WORKSPACE(added_rows), U64, 0},
    {"penstock_workspace_removed_records_total", "counter", "Records taken out, by age, size or purge.", WORKSPACE(removed_rows), U64, 0},
    {"penstock_workspace_compactions_total", "counter", "Pieces of the file written anew, to give back the room of records that were taken out.", WORKSPACE(compactions), U64, 0},
    {"penstock_workspace_compacted_records_total", "counter", "Records in them.", WORKSPACE(compacted_rows), U64, 0},
    {"penstock_workspace_compaction_ms_total", "counter", "Milliseconds that exports stood aside for them.", WORKSPACE(compaction_ms), U64, 0},
    {0},
};
/* clang-format on */

/* Those that no structure holds as a number. */
enum {
    OTHER_STATE,
    OTHER_CATEGORY,
    OTHER_DEVICES,
    OTHER_START,
    OTHER_COUNT,
};
static const struct api_metric other_metrics[OTHER_COUNT] = {
    [OTHER_STATE] = {"penstock_export_state",                  "gauge",   "tenant, export, state",
                     "1 for the state that the export is in."                                                                                       },
    [OTHER_CATEGORY] = {"penstock_export_category_records_total", "counter",
                     "tenant, export, category",                                                   "Records that the destination took, by category."},
    [OTHER_DEVICES] = {"penstock_devices",                       "gauge",   "",                      "Devices that are known."                        },
    [OTHER_START] = {"penstock_start_time_seconds",            "gauge",   "",                      "When the program started."                      },
};

static void
value_write(FILE *out, const struct metric *m, const void *from)
{
    const char *at = (const char *)from + m->offset;
    uint64_t u64 = 0;
    int64_t i64 = 0;
    size_t size;
    unsigned number;
    bool flag;

    switch (m->kind) {
    case U64:
        memcpy(&u64, at, sizeof u64);
        break;
    case I64:
        memcpy(&i64, at, sizeof i64);
        u64 = i64 < 0 ? 0 : (uint64_t)i64;
        break;
    case SIZE:
        memcpy(&size, at, sizeof size);
        u64 = size;
        break;
    case UINT:
        memcpy(&number, at, sizeof number);
        u64 = number;
        break;
    case BOOL:
        memcpy(&flag, at, sizeof flag);
        u64 = flag;
        break;
    }
    if (m->unit == 0)
        fprintf(out, " %llu\n", (unsigned long long)u64);
    else
        fprintf(out, " %.9g\n", (double)u64 * m->unit);
}

static void
head_write(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
other_head_write(FILE *out, int which)
{
    head_write(out, other_metrics[which].name, other_metrics[which].type,
               other_metrics[which].help);
}

static void
table_write(FILE *out, const struct metric *table, const void *from)
{
    for (const struct metric *m = table; m->name != NULL; m++) {
        head_write(out, m->name, m->type, m->help);
        fputs(m->name, out);
        value_write(out, m, from);
    }
}

static void
label_write(FILE *out, const char *name, const char *value, size_t size)
{
    fprintf(out, "%s=\"", name);
    for (size_t i = 0; i < size; i++) {
        if (value[i] == '\\' || value[i] == '"')
            fputc('\\', out);
        if (value[i] == '\n')
            fputs("\\n", out);
        else
            fputc(value[i], out);
    }
    fputc('"', out);
}

/* {tenant="...",export="..." without the closing brace. */
static void
export_labels(FILE *out, const struct deliver_status *s)
{
    size_t tenant = strcspn(s->id, "/");
    const char *id = s->id + tenant + (s->id[tenant] == '/');

    fputc('{', out);
    label_write(out, "tenant", s->id, tenant);
    fputc(',', out);
    label_write(out, "export", id, strlen(id));
}

struct states {
    struct workspace_state *items;
    size_t count, room;
};

static void
state_note(void *app, const struct workspace_state *state)
{
    struct states *s = app;

    if (s->count == s->room) {
        size_t room = s->room * 2 + 8;
        void *items = realloc(s->items, room * sizeof *s->items);

        if (items == NULL)
            return;
        s->items = items;
        s->room = room;
    }
    s->items[s->count++] = *state;
}

static void
workspaces_write(FILE *out)
{
    struct states s = {NULL, 0, 0};

    workspace_states(state_note, &s);
    for (const struct metric *m = workspace_metrics; m->name != NULL; m++) {
        head_write(out, m->name, m->type, m->help);
        for (size_t i = 0; i < s.count; i++) {
            fprintf(out, "%s{", m->name);
            label_write(out, "file", s.items[i].path, strlen(s.items[i].path));
            fputc('}', out);
            value_write(out, m, &s.items[i]);
        }
    }
    free(s.items);
}

struct all {
    struct deliver_status *statuses;
    size_t count, room;
};

static void
all_visit(void *app, const struct deliver_status *s)
{
    struct all *all = app;

    if (all->count == all->room) {
        size_t room = all->room * 2 + 8;
        void *statuses = realloc(all->statuses, room * sizeof *all->statuses);

        if (statuses == NULL)
            return;
        all->statuses = statuses;
        all->room = room;
    }
    all->statuses[all->count++] = *s;
}

static void
exports_write(FILE *out, const struct all *all)
{
    for (const struct metric *m = export_metrics; m->name != NULL; m++) {
        head_write(out, m->name, m->type, m->help);
        for (size_t i = 0; i < all->count; i++) {
            fputs(m->name, out);
            export_labels(out, &all->statuses[i]);
            fputc('}', out);
            value_write(out, m, &all->statuses[i]);
        }
    }
    other_head_write(out, OTHER_STATE);
    for (size_t i = 0; i < all->count; i++) {
        const char *state = export_state_name(all->statuses[i].state);

        fputs(other_metrics[OTHER_STATE].name, out);
        export_labels(out, &all->statuses[i]);
        fputc(',', out);
        label_write(out, "state", state, strlen(state));
        fputs("} 1\n", out);
    }
    other_head_write(out, OTHER_CATEGORY);
    for (size_t i = 0; i < all->count; i++)
        for (uint32_t k = 0; k < all->statuses[i].category_count; k++) {
            const struct deliver_category *category = &all->statuses[i].categories[k];

            fputs(other_metrics[OTHER_CATEGORY].name, out);
            export_labels(out, &all->statuses[i]);
            fputc(',', out);
            label_write(out, "category", category->category, strlen(category->category));
            fprintf(out, "} %llu\n", (unsigned long long)category->rows);
        }
}

static void
everything_write(FILE *out, const struct call *c)
{
    struct all all = {NULL, 0, 0};
    struct journal_stats journal;
    struct admit_counts ingest;
    struct store_parked_totals parked;
    struct err err;

    deliver_visit(c->api->deliverer, all_visit, &all);
    exports_write(out, &all);
    free(all.statuses);
    journal_stats_get(c->api->journal, &journal);
    table_write(out, journal_metrics, &journal);
    admit_counts_get(c->api->admitter, &ingest);
    table_write(out, ingest_metrics, &ingest);
    if (store_parked_count(c->control->store, NULL, NULL, &parked, &err) == ST_OK)
        table_write(out, parked_metrics, &parked);
    workspaces_write(out);
    other_head_write(out, OTHER_DEVICES);
    fprintf(out, "%s %zu\n", other_metrics[OTHER_DEVICES].name,
            devices_count(c->api->devices, NULL));
    other_head_write(out, OTHER_START);
    fprintf(out, "%s %.3f\n", other_metrics[OTHER_START].name,
            (double)(c->api->started - TICKS_AT_UNIX_EPOCH) / (double)TICKS_PER_SECOND);
}

/* From this machine, or for whoever may read every tenant: the labels name them all. */
static bool
is_allowed(struct call *c, struct http_reply *reply)
{
    const char *header = http_header(c->request, "Authorization");
    bool is_local =
        strncmp(c->request->peer, "127.", 4) == 0 || strcmp(c->request->peer, "::1") == 0;
    enum config_metrics mode = c->control->config->metrics;

    if (mode == CONFIG_METRICS_OPEN || (mode == CONFIG_METRICS_LOOPBACK && is_local))
        return true;
    if (header != NULL &&
        token_verify(c->control->tokens, span_of(header), call_now(c), &c->who) == TOKEN_GOOD) {
        if (principal_may(&c->who, NULL, ROLE_SECURITY_READER))
            return true;
        http_reply_error(reply, 403, "AuthorizationFailed",
                         "metrics are of every tenant: they take an operator's token");
        return false;
    }
    http_reply_error(reply, 401, "InvalidAuthenticationToken", "a valid token is needed");
    call_header(reply, "WWW-Authenticate", "Bearer realm=\"penstock\"");
    return false;
}

void
metrics_answer(struct call *c, struct http_reply *reply)
{
    char *counted = NULL, *text = NULL;
    size_t counted_size = 0, size = 0;
    FILE *out;
    struct err err;

    if (!is_allowed(c, reply))
        return;
    out = open_memstream(&text, &size);
    if (out == NULL || counters_render(&counted, &counted_size, &err) != ST_OK) {
        if (out != NULL)
            fclose(out);
        free(text);
        http_reply_error(reply, 503, "ServerBusy", "no memory for the metrics");
        return;
    }
    fwrite(counted, 1, counted_size, out);
    free(counted);
    everything_write(out, c);
    if (fclose(out) != 0) {
        free(text);
        text = NULL;
    }
    call_reply_taken(reply, 200, text, size);
    if (reply->status == 200)
        reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
}

/* ---- for the manual ---- */

static const char *
counter_type(const struct counter *c)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};

    return types[c->kind];
}

static bool
describe_counter(const struct counter *c, bool (*visit)(void *app, const struct api_metric *metric),
                 void *app)
{
    char labels[100] = "";

    for (size_t k = 0; c->labels[k] != NULL; k++)
        snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%s", k > 0 ? ", " : "",
                 c->labels[k]);
    return visit(app, &(struct api_metric){c->name, counter_type(c), labels, c->help});
}

void
api_describe_metrics(bool (*visit)(void *app, const struct api_metric *metric), void *app)
{
    static const struct {
        const struct metric *rows;
        const char *labels;
    } tables[] = {
        {export_metrics,    "tenant, export"},
        {journal_metrics,   ""              },
        {ingest_metrics,    ""              },
        {parked_metrics,    ""              },
        {workspace_metrics, "file"          },
    };

    for (size_t i = 0; i < COUNT_OF(tables); i++)
        for (const struct metric *m = tables[i].rows; m->name != NULL; m++)
            if (!visit(app, &(struct api_metric){m->name, m->type, tables[i].labels, m->help}))
                return;
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (!visit(app, &other_metrics[i]))
            return;
    for (size_t i = 0; api_counters[i] != NULL; i++)
        if (!describe_counter(api_counters[i], visit, app))
            return;
    for (size_t i = 0; detect_counters[i] != NULL; i++)
        if (!describe_counter(detect_counters[i], visit, app))
            return;
}
