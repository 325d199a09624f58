/* syslog_bench.c - what a row costs as a syslog message, in each format, by itself and through the sink
 * to a receiver in this process that reads and forgets (its time counts too).
 *
 *   syslog_bench [rows]    prints a line per case: rows/s and MB/s of rows, for one thread */
#include "sink/security_play.h"
#include "wire/stream_peer.h"
#include <signal.h>

enum { WINDOW = 4096, WINDOW_SIZE = 8 << 20 };

static char text[4096];

/* About 2 KB, as of a process event in its envelope; or an alert. */
static struct span
row_make(bool is_alert)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog \\\\ \\\" ";
    size_t n =
        (size_t)(is_alert
                     ? snprintf(text, sizeof text,
                                "{\"VendorName\":\"V\",\"ProductName\":\"P\",\"AlertType\":\"T\","
                                "\"AlertDisplayName\":\"An alert\",\"Severity\":\"High\","
                                "\"TimeGenerated\":\"2026-05-12T09:00:02.485Z\",\"Entities\":["
                                "{\"Type\":\"host\",\"HostName\":\"h\"},{\"Type\":\"ip\","
                                "\"Address\":\"192.0.2.1\"}]")
                     : snprintf(
                           text, sizeof text,
                           "{\"time\":\"2026-09-14T08:14:25.2820995Z\",\"tenantId\":\"" PLAY_TENANT
                           "\",\"category\":\"AdvancedHunting-DeviceNetworkEvents\","
                           "\"properties\":{\"Timestamp\":\"2026-09-14T08:12:35.9003059Z\","
                           "\"ActionType\":\"ConnectionSuccess\",\"RemoteIP\":\"192.0.2.1\","
                           "\"RemotePort\":443"));

    for (int i = 0; n < 1950; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, ",\"Column%d\":\"%s\"", i, words);
    n += (size_t)snprintf(text + n, sizeof text - n, is_alert ? "}" : "}}");
    return (struct span){text, n};
}

static void
report(const char *what, struct span row, size_t rows, int64_t began_ms)
{
    double seconds = (double)(clock_monotonic_ms() - began_ms) / 1000;

    printf("%-28s %9.0f rows/s %8.1f MB/s\n", what, (double)rows / seconds,
           (double)rows * (double)row.n / seconds / 1e6);
}

static void
bench_messages(const char *what, int lane, enum syslog_format format, size_t rows)
{
    static struct security_record record;
    static char room[WINDOW_SIZE];
    struct syslog_style style = {.format = format, .hostname = "h", .app_name = "a"};
    struct span row = row_make(lane == 0);
    int64_t began_ms = clock_monotonic_ms();

    for (size_t i = 0; i < rows; i++) {
        struct text out = {.p = room, .room = sizeof room};

        security_record_read(&record, &play_lanes[lane], row, "id");
        if (!syslog_message_put(&style, &record, 65536, &out))
            exit(1);
    }
    report(what, row, rows, began_ms);
}

static void
bench_sink(const char *what, const char *folder, bool is_tls, const char *confirm, size_t rows)
{
    char certificate[64], key[64], address[32];
    struct stream_peer peer = {.manner = PEER_FORGETS, .is_tls = is_tls};
    struct parcel *parcels = calloc(WINDOW, sizeof *parcels);
    struct span row = row_make(false);
    struct err err;
    void *state = NULL;

    snprintf(certificate, sizeof certificate, "%s/c.pem", folder);
    snprintf(key, sizeof key, "%s/k.pem", folder);
    stream_peer_certificate("peer", certificate, key);
    peer.certificate_file = certificate;
    peer.key_file = key;
    stream_peer_start(&peer);
    snprintf(address, sizeof address, "127.0.0.1:%u", peer.port);
    const struct sink_value values[] = {
        {"address", address                  },
        {"confirm", confirm                  },
        {"tls",     is_tls ? "true" : "false"},
        {"ca_file", certificate              },
    };

    if (sink_syslog.open(values, is_tls ? 4 : 3, NULL, &state, &err) != ST_OK) {
        printf("%s\n", err.text);
        exit(1);
    }
    int64_t began_ms = clock_monotonic_ms();

    for (size_t sent = 0; sent < rows; sent += WINDOW) {
        for (size_t i = 0; i < WINDOW; i++)
            parcels[i] = (struct parcel){.lane = &play_lanes[3],
                                         .body = row,
                                         .row_count = 1,
                                         .position = sent,
                                         .row = (uint32_t)i};
        sink_syslog.send(state, parcels, WINDOW);
        for (size_t i = 0; i < WINDOW; i++)
            if (parcels[i].sent != SENT_DONE) {
                printf("%s\n", parcels[i].err.text);
                exit(1);
            }
    }
    report(what, row, (rows + WINDOW - 1) / WINDOW * WINDOW, began_ms);
    sink_syslog.close(state);
    stream_peer_stop(&peer);
    free(parcels);
    unlink(certificate);
    unlink(key);
}

int
main(int argc, char **argv)
{
    size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    char folder[] = "/tmp/syslog_bench.XXXXXX";

    signal(SIGPIPE, SIG_IGN);
    if (rows == 0 || mkdtemp(folder) == NULL)
        return 2;
    bench_messages("message json", 3, SYSLOG_JSON, rows);
    bench_messages("message cef", 3, SYSLOG_CEF, rows);
    bench_messages("message leef", 3, SYSLOG_LEEF, rows);
    bench_messages("message cef, an alert", 0, SYSLOG_CEF, rows);
    bench_sink("sink plain, received", folder, false, "received", rows);
    bench_sink("sink plain, read", folder, false, "read", rows);
    bench_sink("sink tls, received", folder, true, "received", rows);
    bench_sink("sink tls, read", folder, true, "read", rows);
    rmdir(folder);
    return 0;
}
