/* stream_bench.c - how fast records go through queries: the scan alone, one filter, twenty of them
 * asked together, shapes; and how long it takes to read and bind a query. One thread, the file in
 * memory; the best of several rounds.
 *
 * stream_bench [--json] [--rounds N] [--table NAME] FILE     FILE: bare rows of one table */
#include "base/clock.h"
#include "base/file.h"
#include "kql/stream.h"
#include <stdlib.h>
#include <time.h>

enum { STREAMS_MAX = 20 };

static jmp_buf escape; /* to main, which ends */

static const char *const words[STREAMS_MAX] = {
    "powershell", "encodedcommand", "collect",  "rundll32", "certutil", "bypass", "python3",
    "curl",       "wget",           "hidden",   "mshta",    "regsvr32", "whoami", "mimikatz",
    "bitsadmin",  "psexec",         "schtasks", "vssadmin", "nltest",   "lsass",
};

static const char long_query[] =
    "let window = 1d;\n"
    "let suspicious = dynamic(['powershell.exe', 'cmd.exe', 'wscript.exe', 'mshta.exe']);\n"
    "let score = (name:string, line:string) {\n"
    "    case(line has '-enc', 10, line has_any ('bypass', 'hidden'), 5, name in~ (suspicious), 2, "
    "0)\n"
    "};\n"
    "let parents = DeviceProcessEvents\n"
    "    | where Timestamp > ago(window)\n"
    "    | where InitiatingProcessFileName in~ (suspicious)\n"
    "    | summarize Children = dcount(FileName), First = min(Timestamp) by DeviceId, "
    "InitiatingProcessId;\n"
    "DeviceProcessEvents\n"
    "| where Timestamp > ago(window)\n"
    "| where ActionType in ('ProcessCreated', 'OpenProcess')\n"
    "| where ProcessCommandLine has_any ('invoke-expression', 'downloadstring', "
    "'frombase64string')\n"
    "    or (FileName =~ 'rundll32.exe' and ProcessCommandLine contains 'javascript:')\n"
    "| where AccountName !in ('system', 'network service') and isnotempty(AccountSid)\n"
    "| extend Score = score(FileName, ProcessCommandLine)\n"
    "| extend Encoded = extract('-enc[a-z]* +([A-Za-z0-9+/=]{20,})', 1, ProcessCommandLine)\n"
    "| extend Decoded = base64_decode_tostring(Encoded), Length = strlen(ProcessCommandLine)\n"
    "| extend Domain = tostring(split(AccountUpn, '@')[1]), Hour = hourofday(Timestamp)\n"
    "| extend Details = bag_pack('score', Score, 'hour', Hour, 'length', Length)\n"
    "| join kind=inner (parents) on DeviceId, InitiatingProcessId\n"
    "| where Timestamp between (First .. (First + 1h))\n"
    "| project Timestamp, DeviceName, FileName, ProcessCommandLine, Score, Decoded, Domain,\n"
    "    Details, Children\n"
    "| summarize Events = count(), Devices = make_set(DeviceName, 100), Highest = max(Score),\n"
    "    arg_max(Timestamp, ProcessCommandLine, Decoded) by Domain, bin(Timestamp, 1h)\n"
    "| where Events > 3 and Highest >= 5\n"
    "| extend Severity = iff(Highest >= 10, 'High', 'Medium')\n"
    "| sort by Highest desc, Events desc\n"
    "| take 100\n";

struct bench {
    struct pool pool;
    struct kql_table table;
    struct span text;
    int rounds;
};

static double
seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void
fail(const char *text)
{
    fprintf(stderr, "stream_bench: %s\n", text);
    exit(1);
}

/* One pass over all records; gives how many the streams left. */
static uint64_t
pass(const struct bench *b, struct scanner *scanner, struct kql_stream_run *run, uint32_t streams)
{
    struct scan_limits limits = {8 << 20, 64, SCAN_VALUES_MAX};
    struct scan_record record;
    struct scan_fault fault;
    enum scan_result result;
    struct span out;
    uint64_t left = 0;

    scanner_reset(scanner, SCAN_ROWS, &limits);
    while ((result = scan_next(scanner, b->text.p, b->text.n, true, &record, &fault)) ==
           SCAN_RECORD) {
        if (run == NULL)
            continue;
        kql_stream_record(run, b->text.p + record.at, 0, record.size, record.values,
                          record.value_count, 1, 0);
        for (uint32_t i = 0; i < streams; i++)
            left += kql_stream_ask(run, i, &out) != KQL_STREAM_DROP;
    }
    if (result != SCAN_END)
        fail(fault.text);
    return left;
}

static double
measure(struct bench *b, const char *const *queries, uint32_t count, uint64_t *left)
{
    static char memory[1 << 20];
    struct arena a = {memory, sizeof memory, 0};
    struct scan_limits limits = {8 << 20, 64, SCAN_VALUES_MAX};
    const struct kql_stream *streams[STREAMS_MAX];
    struct kql_stream_set *set = NULL;
    struct kql_stream_run *run = NULL;
    struct scanner scanner;
    struct err err = {""};
    double best = 1e9;

    for (uint32_t i = 0; i < count; i++) {
        struct kql_diagnostics d;

        kql_diagnostics_init(&d, &b->pool, span_of(queries[i]));
        streams[i] = kql_stream_new(&b->pool, span_of(queries[i]), &b->table, KQL_STREAM_WIDE, &d);
        if (streams[i] == NULL)
            fail(d.items[0].text);
    }
    if (scanner_init(&scanner, &a, SCAN_ROWS, &limits, &err) != ST_OK)
        fail(err.text);
    if (count > 0) {
        set = kql_stream_set_new(&b->pool, streams, count, &err);
        run = set == NULL ? NULL : kql_stream_run_new(set, 0, &err);
        if (run == NULL)
            fail(err.text);
    }
    for (int round = 0; round < b->rounds; round++) {
        double began = seconds_now(), took;

        *left = pass(b, &scanner, run, count);
        took = seconds_now() - began;
        if (took < best)
            best = took;
    }
    kql_stream_run_free(run);
    kql_stream_set_free(set);
    for (uint32_t i = 0; i < count; i++)
        kql_stream_free((struct kql_stream *)streams[i]);
    return best;
}

/* Milliseconds to read and bind the query above. */
static double
measure_bind(void)
{
    double best = 1e9;

    for (int round = 0; round < 200; round++) {
        struct pool p;

        pool_init(&p, 64 << 20);
        p.escape = &escape;
        struct kql_catalog_tables tables = {.catalog = &catalog_builtin, .pool = &p};
        struct kql_environment environment = {.table = kql_catalog_table,
                                              .table_at = kql_catalog_table_at,
                                              .context = &tables,
                                              .now = clock_ticks()};
        struct kql_diagnostics d;
        struct kql_bound bound;
        double began = seconds_now(), took;

        kql_diagnostics_init(&d, &p, span_of(long_query));
        if (!kql_bind(&p, span_of(long_query), &environment, &d, &bound))
            fail(d.items[0].text);
        took = seconds_now() - began;
        if (took < best)
            best = took;
        pool_free(&p);
    }
    return best * 1000;
}

static int
run(int argc, char **argv)
{
    struct bench b = {.rounds = 5};
    struct kql_catalog_tables tables = {.catalog = &catalog_builtin, .pool = &b.pool};
    const char *table = "DeviceProcessEvents", *path = NULL;
    char queries_text[STREAMS_MAX][200];
    const char *queries[STREAMS_MAX];
    static const char *const shapes[] = {
        "source | where false",
        /* one line, as clang takes two for a missing comma */
        "source | where ActionType in ('ProcessCreated') and ProcessCommandLine has 'powershell'",
        "source | extend Length = strlen(ProcessCommandLine), Hour = startofday(Timestamp)",
        "source | project Timestamp, DeviceName, FileName, ProcessCommandLine",
    };
    static const char *const names[] = {"nothing", "filter", "extend", "project"};
    bool json = false;
    struct err err;
    uint64_t left;
    char *text;
    size_t size;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            b.rounds = atoi(argv[++i]);
        else if (strcmp(argv[i], "--table") == 0 && i + 1 < argc)
            table = argv[++i];
        else
            path = argv[i];
    if (path == NULL)
        fail("usage: stream_bench [--json] [--rounds N] [--table NAME] FILE");
    if (file_read(path, (size_t)4 << 30, &text, &size, &err) != ST_OK)
        fail(err.text);
    text = realloc(text, size + SCAN_PADDING);
    if (text == NULL)
        fail("no memory");
    memset(text + size, 0, SCAN_PADDING);
    b.text = (struct span){text, size};
    pool_init(&b.pool, (size_t)1 << 30);
    b.pool.escape = &escape;
    if (!kql_catalog_table(&tables, span_of(table), &b.table))
        fail("no such table");
    b.table.name = SPAN_LITERAL("source");

    double scan = measure(&b, NULL, 0, &left), mb = (double)size / 1e6;

    printf(json ? "{\"scan_mb_per_s\":%.0f" : "scan alone          %8.0f MB/s\n", mb / scan);
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        double took = measure(&b, &shapes[i], 1, &left);

        printf(json ? ",\"%s_mb_per_s\":%.0f" : "%-20s%8.0f MB/s\n", names[i], mb / took);
    }
    for (uint32_t i = 0; i < STREAMS_MAX; i++) {
        snprintf(queries_text[i], sizeof queries_text[i],
                 "source | where ActionType in ('ProcessCreated', 'OpenProcess') and "
                 "ProcessCommandLine has '%s'",
                 words[i]);
        queries[i] = queries_text[i];
    }
    double one = measure(&b, queries, 1, &left), twenty = measure(&b, queries, STREAMS_MAX, &left);

    printf(json ? ",\"twenty_to_one\":%.2f" : "twenty filters      %8.2f times one\n",
           twenty / one);
    printf(json ? ",\"bind_ms\":%.3f}\n" : "read and bind       %8.3f ms (30 lines)\n",
           measure_bind());
    return 0;
}

int
main(int argc, char **argv)
{
    if (setjmp(escape) != 0)
        fail("no memory for a query");
    return run(argc, argv);
}
