/* receiver_bench.c - what a row costs on its way to a receiver that speaks HTTP, in this process, which
 * reads and forgets (its time counts too).
 *
 *   receiver_bench [rows]    prints a line per case: rows/s and MB/s of rows, for one thread */
#include "base/clock.h"
#include "sink/fake_receivers.h"
#include "sink/peer.h"

enum { WINDOW = 4000 };

static char row[4096];
static const char *said;

static unsigned
forget_act(struct fake_blob *f, const struct fake_request *r, const char **answer,
           size_t *answer_size)
{
    (void)f, (void)r;
    *answer = said;
    *answer_size = strlen(said);
    return 200;
}

/* About 1 KB. */
static void
row_make(void)
{
    int n = snprintf(row, sizeof row,
                     "{\"time\":\"2026-09-14T08:14:25.2820995Z\",\"tenantId\":\"" PEER_TENANT
                     "\",\"category\":\"AdvancedHunting-DeviceInfo\",\"properties\":{\"n\":1");

    for (int i = 0; n < 1000; i++)
        n += snprintf(row + n, sizeof row - (size_t)n, ",\"Column%d\":\"the quick brown fox\"", i);
    snprintf(row + n, sizeof row - (size_t)n, "}}");
}

static void
bench(const char *what, const struct sink_kind *kind, const struct sink_value *settings,
      size_t count, size_t rows)
{
    struct parcel *parcels = calloc(WINDOW, sizeof *parcels);
    struct fake_blob fake = {.act = forget_act};
    struct sink_value values[6];
    struct err err = {""};
    size_t done = 0, position = 0;
    void *state = NULL;
    char url[80];

    fake_start(&fake, 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%u", fake.port);
    values[0] = (struct sink_value){"url", url};
    for (size_t i = 0; i < count; i++)
        values[i + 1] = settings[i];
    if (kind->open(values, count + 1, NULL, &state, &err) != ST_OK) {
        printf("%s: %s\n", what, err.text);
        exit(1);
    }
    int64_t began_ms = clock_monotonic_ms();

    while (done < rows) {
        for (size_t i = 0; i < WINDOW; i++)
            parcels[i] = peer_parcel(&peer_device, row, ++position);
        kind->send(state, parcels, WINDOW);
        for (size_t i = 0; i < WINDOW; i++) {
            if (parcels[i].sent != SENT_DONE && parcels[i].err.text[0] != '\0') {
                printf("%s: %s\n", what, parcels[i].err.text);
                exit(1);
            }
            done += parcels[i].sent == SENT_DONE;
        }
    }
    double seconds = (double)(clock_monotonic_ms() - began_ms) / 1000;

    printf("%-28s %9.0f rows/s %8.1f MB/s\n", what, (double)done / seconds,
           (double)done * (double)strlen(row) / seconds / 1e6);
    kind->close(state);
    fake_down(&fake);
    fake_free(&fake);
    free(parcels);
}

int
main(int argc, char **argv)
{
    const struct sink_value batch[] =
        {
            {"batch", "array"}
    },
                            template[] = {{"template", "slack"}},
                            token[] = {{"token", "x"}, {"gzip", "false"}},
                            packed[] = {{"token", "x"}, {"gzip", "true"}};
    size_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    struct buffer items = {NULL, 0, 0};

    row_make();
    said = "";
    bench("webhook, a row a request", &sink_webhook, NULL, 0, rows / 10);
    bench("webhook, by a template", &sink_webhook, template, 1, rows / 10);
    bench("webhook, an array", &sink_webhook, batch, 1, rows);
    said = "{\"text\":\"Success\",\"code\":0}";
    bench("splunk_hec", &sink_splunk_hec, token, 2, rows);
    bench("splunk_hec, packed", &sink_splunk_hec, packed, 2, rows);
    if (!buffer_print(&items, "{\"errors\":false,\"items\":["))
        return 1;
    for (int i = 0; i < 2000; i++)
        if (!buffer_print(&items, "%s{\"create\":{\"status\":201}}", i > 0 ? "," : ""))
            return 1;
    if (!buffer_print(&items, "]}"))
        return 1;
    said = items.p;
    bench("elastic", &sink_elastic, NULL, 0, rows);
    buffer_wipe(&items);
    return 0;
}
