/* admit_bench.c - what admission costs beside the bare scan: the same bytes, in cache-sized pieces,
 * once through scan_next alone and once through scan, rows, index and seal (no journal). Targets:
 * 1.35 times the scan at most.
 *
 *   admit_bench [megabytes]    prints one line per input: records/s, GB/s, and the ratio of the
 * times */
#include "base/clock.h"
#include "source/admit.h"
#include "wire/scan.h"
#include <stdlib.h>
#include <time.h>

static const char tenant[] = "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef";
static volatile uint64_t sink;

static int64_t
bench_now(void *clock)
{
    (void)clock;
    return clock_ticks();
}

static double
cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* About 2 KB and 45 columns, as of a process event. */
static size_t
write_row(char *out, size_t room, unsigned n, bool has_group)
{
    int size = snprintf(
        out, room,
        "{\"Timestamp\":\"2026-09-14T08:%02u:%02u.%07uZ\",\"DeviceId\":\"%"
        "08x573bbfb0c502985309db5fc98bd37894\","
        "\"DeviceName\":\"ws-%04u.contoso.example\",\"ActionType\":\"ProcessCreated\",\"FileName\":"
        "\"cmd.exe\","
        "\"FolderPath\":\"C:\\\\Windows\\\\System32\\\\cmd.exe\",\"SHA1\":\"%040u\",\"SHA256\":\"%"
        "064u\","
        "\"MD5\":\"%032u\",\"FileSize\":%u,\"ProcessVersionInfoCompanyName\":\"Contoso\","
        "\"ProcessVersionInfoProductName\":\"Tools "
        "\xc2\xae\",\"ProcessVersionInfoProductVersion\":\"10.0.%u\","
        "\"ProcessVersionInfoInternalFileName\":\"cmd\",\"ProcessVersionInfoOriginalFileName\":"
        "\"cmd.exe\","
        "\"ProcessVersionInfoFileDescription\":\"Command processor\",\"ProcessId\":%u,"
        "\"ProcessCommandLine\":\"cmd.exe /c \\\"echo %u > C:\\\\Temp\\\\out.txt\\\" && type "
        "out.txt\","
        "\"ProcessIntegrityLevel\":\"Medium\",\"ProcessTokenElevation\":"
        "\"TokenElevationTypeDefault\","
        "\"ProcessCreationTime\":\"2026-09-14T08:00:00.1234567Z\",\"AccountDomain\":\"contoso\","
        "\"AccountName\":\"user%u\",\"AccountSid\":\"S-1-5-21-1004336348-1177238915-682003330-%u\","
        "\"AccountUpn\":\"user%u@contoso.example\",\"AccountObjectId\":null,\"LogonId\":%u,"
        "\"InitiatingProcessAccountDomain\":\"contoso\",\"InitiatingProcessAccountName\":\"user%"
        "u\","
        "\"InitiatingProcessAccountSid\":\"S-1-5-18\",\"InitiatingProcessAccountUpn\":null,"
        "\"InitiatingProcessAccountObjectId\":null,\"InitiatingProcessLogonId\":999,"
        "\"InitiatingProcessIntegrityLevel\":\"System\",\"InitiatingProcessTokenElevation\":"
        "\"None\","
        "\"InitiatingProcessSHA1\":\"%040u\",\"InitiatingProcessSHA256\":\"%064u\","
        "\"InitiatingProcessMD5\":\"%032u\",\"InitiatingProcessFileName\":\"services.exe\","
        "\"InitiatingProcessFileSize\":715112,\"InitiatingProcessId\":%u,"
        "\"InitiatingProcessCommandLine\":\"services.exe\",\"ReportId\":6392499875504%05u,"
        "\"AppGuardContainerId\":\"\",\"AdditionalFields\":\"{\\\"a\\\":%u,\\\"b\\\":\\\"x\\\"}\"%"
        "s}",
        n / 60 % 60, n % 60, n % 10000000, n % 5000, n % 5000, n, n, n, n, n % 1000, n % 65536, n,
        n % 900, 1000 + n % 900, n % 900, n, n % 900, n, n, n, n % 65536, n % 100000, n,
        has_group ? ",\"MachineGroup\":\"EU Workstations\"" : "");

    return (size_t)size;
}

enum form { FORM_ROW, FORM_WIRE, FORM_OTHER };

static char *
make_input(enum form form, bool has_group, size_t size, size_t *used, uint64_t *records)
{
    char *text = malloc(size + SCAN_PADDING);
    static const char *const tables[] = {"DeviceProcessEvents", "DeviceProcessEvents",
                                         "DeviceProcessEvents", "DeviceNetworkEvents",
                                         "DeviceFileEvents"};
    size_t at = 0;
    unsigned n = 0;

    for (; at + 4096 < size; n++) {
        if (form != FORM_ROW)
            at += (size_t)snprintf(text + at, 400,
                                   "{\"time\":\"2026-09-14T08:%02u:%02u.%07uZ\",%s\"tenantId\":\"%"
                                   "s\",\"operationName\":\"Publish\","
                                   "\"category\":\"AdvancedHunting-%s\",\"_TimeReceivedBySvc\":"
                                   "\"2026-09-14T08:%02u:%02u.0590254Z\","
                                   "\"properties\":",
                                   n / 60 % 60, n % 60, n % 10000000, form == FORM_OTHER ? " " : "",
                                   tenant, tables[n * 7 % 5], n / 60 % 60, n % 60);
        at += write_row(text + at, 4096, n, has_group);
        if (form != FORM_ROW)
            at += (size_t)snprintf(text + at, 40, ",\"Tenant\":\"DefaultTenant\"}");
        text[at++] = '\n';
    }
    memset(text + at, 0, SCAN_PADDING);
    *used = at;
    *records = n;
    return text;
}

static enum status
drop_block(void *app, struct span index, struct span body, struct err *err)
{
    (void)app;
    (void)err;
    sink += (unsigned char)index.p[index.n - 1] + body.n;
    return ST_OK;
}

/* The bare scan, in the pieces and from the kind of buffer that admission uses. */
static double
scan_alone(enum form form, const char *text, size_t size, size_t piece)
{
    struct scan_limits limits = {1 << 20, 64, 1024};
    struct arena a = {aligned_alloc(64, 256 << 10), 256 << 10, 0};
    char *buffer = malloc(piece * 2 + SCAN_PADDING);
    struct scanner s;
    struct err err;
    double start = cpu_seconds();
    size_t kept = 0;

    if (scanner_init(&s, &a, form == FORM_ROW ? SCAN_ROWS : SCAN_ENVELOPES, &limits, &err) != ST_OK)
        exit(1);
    for (size_t at = 0; at < size; at += piece) {
        size_t n = size - at < piece ? size - at : piece;
        struct scan_record record;
        struct scan_fault fault;
        enum scan_result r;

        memcpy(buffer + kept, text + at, n);
        while ((r = scan_next(&s, buffer, kept + n, false, &record, &fault)) == SCAN_RECORD)
            sink += record.value_count;
        if (r != SCAN_MORE) {
            printf("fault: %s\n", fault.text);
            exit(1);
        }
        memmove(buffer, buffer + s.consumed, kept + n - s.consumed);
        kept = kept + n - s.consumed;
    }
    start = cpu_seconds() - start;
    free(buffer);
    free(a.base);
    return start;
}

static double
admit_all(struct admitter *a, enum form form, const char *text, size_t size, size_t piece,
          uint64_t records)
{
    struct admit_request request = {
        .shape = form == FORM_ROW ? ADMIT_ROWS : ADMIT_ENVELOPES,
        .tenant = tenant,
        .block_size_max = (uint32_t)piece * 4,
    };
    struct admission *x;
    static struct admit_result r;
    double start = cpu_seconds();

    if (form == FORM_ROW)
        request.table = SPAN_LITERAL("DeviceProcessEvents");
    if (admit_begin_to(a, &request, drop_block, NULL, &x, &r.err) != ST_OK)
        exit(1);
    for (size_t at = 0; at < size;) {
        char *space;
        size_t room;

        if (admit_space(x, &space, &room) != ST_OK)
            break;
        room = room < piece ? room : piece;
        room = room < size - at ? room : size - at;
        memcpy(space, text + at, room);
        at += room;
        if (admit_filled(x, room) != ST_OK)
            break;
    }
    admit_end(x, &r);
    start = cpu_seconds() - start;
    if (r.accepted != records) {
        printf("%s\n", r.err.text);
        exit(1);
    }
    return start;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        enum form form;
        bool has_group;
    } inputs[] = {
        {"rows",                  FORM_ROW,   true },
        {"rows to be decorated",  FORM_ROW,   false},
        {"wire envelopes",        FORM_WIRE,  true },
        {"wire, to be decorated", FORM_WIRE,  false},
        {"other envelopes",       FORM_OTHER, true },
    };
    size_t size = (size_t)(argc > 1 ? atoi(argv[1]) : 128) << 20, piece = 128 << 10;
    struct devices *devices;
    struct err err;
    struct admitter *a;

    if (devices_make(100000, &devices, &err) != ST_OK)
        return 1;
    struct admit_options o = {.catalog = &catalog_builtin,
                              .devices = devices,
                              .now = bench_now,
                              .memory_max = 64 << 20,
                              .record_size_max = 1 << 20,
                              .depth_max = 64,
                              .columns_max = 960,
                              .unknown_tables = true};
    if (admitter_make(&o, &a, &err) != ST_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    printf("%s, %zu MB, pieces of %zu KB\n", scan_simd_name(scan_simd_best()), size >> 20,
           piece >> 10);
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        size_t used;
        uint64_t records;
        char *text = make_input(inputs[i].form, inputs[i].has_group, size, &used, &records);
        double scan = 1e9, all = 1e9;

        for (int round = 0; round < 5; round++) {
            double s = scan_alone(inputs[i].form, text, used, piece);
            double t = admit_all(a, inputs[i].form, text, used, piece, records);

            scan = s < scan ? s : scan;
            all = t < all ? t : all;
        }
        printf("%-24s %5.0f bytes  scan %7.0f records/s %.2f GB/s  admission %7.0f records/s %.2f "
               "GB/s  ratio %.2f\n",
               inputs[i].name, (double)used / (double)records, (double)records / scan,
               (double)used / scan * 1e-9, (double)records / all, (double)used / all * 1e-9,
               all / scan);
        free(text);
    }
    admitter_free(a);
    devices_free(devices);
    return 0;
}
