/* hunt_bench.c - questions that hunters ask, in KQL through hunt_run and written by hand in SQL for the same tables, each time in
 * one run: what the way through KQL costs is a ratio, whatever the machine does besides.
 *   hunt_bench [ROWS] [FILE] [--json] [--only NAME] [--sql] [--keep]     (default 1000000 in /tmp; the file is removed but with
 *   --keep: ask it more with penstock query --workspace-file)
 * Rows are DeviceProcessEvents of 30 days in order of time: command lines of about 120 bytes, nearly all different, and names from few.
 * Both sides see one tenant's rows (half of one further tenant's are there, too), both read their whole answer; the first run of each
 * question is not counted, the least of five is. */
#include "base/clock.h"
#include "workspace/hunt.h"
#include "workspace/store.h"
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TENANT "11111111-2222-3333-4444-555555555555"
#define OTHER "99999999-2222-3333-4444-555555555555"
#define MINE " \"$tenant\" = '" TENANT "'"
#define FROM " FROM DeviceProcessEvents WHERE" MINE

enum { RUNS = 5 };

/* 2026-03-01 in ticks; times go on from there for 30 days. */
#define BEGIN "639079200000000000"
#define DAY "864000000000"

static const char fill[] =
    "INSERT INTO DeviceProcessEvents BY NAME SELECT"
    " CASE WHEN n %% 3 = 2 THEN '" OTHER "' ELSE '" TENANT "' END::UUID AS \"$tenant\","
    " " BEGIN " + (n * (30 * " DAY ")::HUGEINT // %llu)::BIGINT AS \"$time\","
    " " BEGIN " + (n * (30 * " DAY ")::HUGEINT // %llu)::BIGINT + 50000000 AS \"$ingested\","
    " n AS \"$position\", 0 AS \"$row\", 0 AS \"$index\", \"$time\" AS \"Timestamp\","
    " lpad((hash(n %% 4999) %% 100000000)::VARCHAR, 40, '0') AS DeviceId,"
    " 'host-' || (hash(n) %% 5000) || '.corp.example' AS DeviceName,"
    " ['ProcessCreated', 'ProcessCreated', 'ProcessCreated', 'OpenProcess'][(1 + hash(n + 7) %% "
    "4)::BIGINT] "
    "AS ActionType,"
    " CASE hash(n + 1) %% 50 WHEN 0 THEN 'powershell.exe' WHEN 1 THEN 'PowerShell.exe' WHEN 2 THEN "
    "'cmd.exe'"
    "  WHEN 3 THEN 'rundll32.exe' ELSE 'app' || (hash(n + 2) %% 3000) || '.exe' END AS FileName,"
    " 'C:\\Program Files\\Vendor' || (hash(n + 2) %% 300) || '\\app' || (hash(n + 2) %% 3000) || "
    "'.exe' AS FolderPath,"
    " md5((hash(n + 2) %% 3000)::VARCHAR) || md5('x' || (hash(n + 2) %% 3000)) AS SHA256,"
    " (hash(n + 2) %% 3000 * 1013) AS FileSize, (hash(n + 3) %% 65536) AS ProcessId,"
    " '\"C:\\Program Files\\app' || (hash(n + 2) %% 3000) || '.exe\" -p ' || md5(n::VARCHAR) || ' "
    "--mode='"
    "  || ['service', 'user', 'batch', 'Repair'][(1 + hash(n + 4) %% 4)::BIGINT]"
    "  || CASE WHEN hash(n + 5) %% 1000 = 0 THEN ' -EncodedCommand SQBFAFgA' ELSE ' --quiet' END"
    "  || ' --session ' || (hash(n + 6) %% 1000000) AS ProcessCommandLine,"
    " 'user' || (hash(n + 8) %% 3000) AS AccountName,"
    " '{\"InitiatingProcess\":{\"Kind\":\"k' || (hash(n + 9) %% 40) || '\",\"Score\":' || (hash(n "
    "+ 10) %% 100) || '},\"Tags\":[1,2]}'"
    "  AS AdditionalFields"
    " FROM range(%llu) AS r(n)";

static const struct question {
    const char *name, *kql, *sql;
} questions[] = {
  /* clang-format off */
    {"has_by_device",
     "DeviceProcessEvents | where ProcessCommandLine has 'EncodedCommand' | summarize count() by "
     "DeviceName",                                                                                   "SELECT DeviceName, count(*)" FROM
     " AND contains(lower(ProcessCommandLine), 'encodedcommand') GROUP BY 1"                                                                                              },
    {"contains_count",
     "DeviceProcessEvents | where ProcessCommandLine contains 'mode=repair' | count",                "SELECT count(*)" FROM " AND contains(lower(ProcessCommandLine), 'mode=repair')"       },
    {"day_by_hour",
     "DeviceProcessEvents | where Timestamp between (datetime(2026-03-10) .. datetime(2026-03-11)) "
     "| summarize count() by bin(Timestamp, 1h)",                                                    "SELECT \"$time\" // 36000000000, count(*)" FROM " AND \"$time\" BETWEEN " BEGIN "+9*" DAY
     " AND " BEGIN "+10*" DAY " GROUP BY 1"                                                                                                },
    {"all_by_hour",     "DeviceProcessEvents | summarize count() by bin(Timestamp, 1h), ActionType",
     "SELECT \"$time\" // 36000000000, ActionType, count(*)" FROM " GROUP BY 1, 2"                                                                                                          },
    {"name_dcount",
     "DeviceProcessEvents | where FileName =~ 'powershell.exe' | summarize dcount(DeviceName), "
     "count() by AccountName",                                                                       "SELECT AccountName, count(DISTINCT DeviceName), count(*)" FROM
     " AND lower(FileName) = 'powershell.exe' GROUP BY 1"                                                                                                     },
    {"rare_names",
     "DeviceProcessEvents | summarize Devices = dcount(DeviceId), Runs = count() by FileName | "
     "where Devices < 100000 | top 50 by Runs asc",                                                  "SELECT FileName, count(DISTINCT DeviceId), count(*) AS n" FROM
     " GROUP BY 1 HAVING count(DISTINCT DeviceId) < 100000 ORDER BY n LIMIT 50"                                                          },
    {"latest",
     "DeviceProcessEvents | top 100 by Timestamp desc | project Timestamp, DeviceName, FileName, "
     "ProcessCommandLine",                                                                           "SELECT \"$time\", DeviceName, FileName, ProcessCommandLine" FROM
     " ORDER BY 1 DESC LIMIT 100"                                                                                                                                 },
    {"take",            "DeviceProcessEvents | where FileName == 'cmd.exe' | take 10",
     "SELECT *" FROM " AND FileName = 'cmd.exe' LIMIT 10"                                                                                                                                   },
    {"sums",
     "DeviceProcessEvents | where FileSize > 1000000 | summarize sum(FileSize), max(FileSize), "
     "min(Timestamp), avg(FileSize) by ActionType",                                                  "SELECT ActionType, sum(FileSize), max(FileSize), min(\"$time\"), avg(FileSize)" FROM
     " AND FileSize > 1000000 GROUP BY 1"                                                                                                },
    {"set_of_names",
     "DeviceProcessEvents | where FileName in~ ('powershell.exe', 'cmd.exe', 'rundll32.exe') | "
     "summarize make_set(FileName) by AccountName",                                                  "SELECT AccountName, list(DISTINCT FileName)" FROM
     " AND lower(FileName) IN ('powershell.exe', 'cmd.exe', 'rundll32.exe') GROUP BY 1"                                                  },
    {"last_per_device",
     "DeviceProcessEvents | summarize arg_max(Timestamp, FileName, ProcessCommandLine) by DeviceId", "SELECT DeviceId, max(\"$time\"), arg_max(FileName, \"$time\"), arg_max(ProcessCommandLine, "
     "\"$time\")" FROM " GROUP BY 1"                                                    },
    {"top_of_each",
     "DeviceProcessEvents | partition hint.strategy=native by DeviceId (top 3 by Timestamp) | "
     "project DeviceId, Timestamp, ProcessCommandLine",                                              "SELECT DeviceId, \"$time\", ProcessCommandLine" FROM
     " QUALIFY row_number() OVER (PARTITION BY DeviceId ORDER BY \"$time\" DESC) <= 3"                                               },
    {"json_field",
     "DeviceProcessEvents | where FileName == 'cmd.exe' | extend Kind = "
     "tostring(parse_json(AdditionalFields).InitiatingProcess.Kind) | summarize count() by Kind",    "SELECT AdditionalFields::JSON ->> '$.InitiatingProcess.Kind', count(*)" FROM
     " AND FileName = 'cmd.exe' GROUP BY 1"                                                },
    {"regex",
     "DeviceProcessEvents | where ProcessCommandLine matches regex 'session 9[0-9]{4}7$' | count",   "SELECT count(*)" FROM " AND regexp_matches(ProcessCommandLine, 'session 9[0-9]{4}7$')"},
 /* clang-format off */
    {"parse",
     "DeviceProcessEvents | parse ProcessCommandLine with * '.exe\" -p ' Key ' --mode=' Mode ' ' * '--session ' Session: long"
     " | summarize count(), max(Session) by Mode",
     "SELECT Mode, count(*), max(Session) FROM (SELECT p.Mode, p.Session::BIGINT AS Session FROM (SELECT regexp_extract("
     "ProcessCommandLine, '.exe\" -p (.*) --mode=(\\w+) .*--session (\\d+)', ['Key', 'Mode', 'Session']) AS p" FROM
     ")) GROUP BY 1"},
    {"parse_where",
     "DeviceProcessEvents | parse-where ProcessCommandLine with * '--mode=' Mode ' -EncodedCommand ' Code ' ' *"
     " | summarize count() by Mode, Code",
     "SELECT p.Mode, p.Code, count(*) FROM (SELECT regexp_extract(ProcessCommandLine, '--mode=(\\w+) -EncodedCommand (\\w+) ',"
     " ['Mode', 'Code']) AS p" FROM ") WHERE p.Code <> '' GROUP BY 1, 2"},
    {"apply_where",
     "DeviceProcessEvents | mv-apply Tag = parse_json(AdditionalFields).Tags to typeof(long) on "
     "(where Tag > 1) | summarize count() by ActionType, Tag",
     "SELECT ActionType, Tag, count(*) FROM (SELECT ActionType, unnest((AdditionalFields::JSON -> "
     "'$.Tags')::BIGINT[]) AS Tag" FROM ") WHERE Tag > 1 GROUP BY 1, 2"},
    {"apply_sets",
     "DeviceProcessEvents | mv-apply Tag = parse_json(AdditionalFields).Tags to typeof(long) on "
     "(where Tag > 1 | summarize Tags = make_set(Tag)) | summarize sum(array_length(Tags)) by ActionType",
     "SELECT ActionType, sum(len(list_distinct(list_filter(Tags, lambda x: x > 1)))) FROM (SELECT ActionType, (AdditionalFields::JSON -> "
     "'$.Tags')::BIGINT[] AS Tags" FROM ") GROUP BY 1"},
    {"apply_top",
     "DeviceProcessEvents | mv-apply Tag = parse_json(AdditionalFields).Tags to typeof(long) on "
     "(top 1 by Tag) | summarize sum(Tag) by ActionType",
     "SELECT ActionType, sum(list_max(Tags)) FROM (SELECT ActionType, (AdditionalFields::JSON -> "
     "'$.Tags')::BIGINT[] AS Tags" FROM ") GROUP BY 1"},
    {"gaps",
     "DeviceProcessEvents | sort by DeviceId asc, Timestamp asc | extend Gap = iff(DeviceId == prev(DeviceId), Timestamp - prev(Timestamp),"
     " timespan(null)) | summarize max(Gap) by DeviceId",
     "SELECT DeviceId, max(Gap) FROM (SELECT DeviceId, \"$time\" - lag(\"$time\") OVER (PARTITION BY DeviceId ORDER BY \"$time\") AS Gap"
     FROM ") GROUP BY 1"},
    {"sessions",
     "DeviceProcessEvents | where FileName in~ ('powershell.exe', 'cmd.exe', 'rundll32.exe') | sort by DeviceId asc, Timestamp asc"
     " | extend Begin = row_window_session(Timestamp, 365d, 1h, DeviceId != prev(DeviceId)) | summarize Runs = count() by DeviceId, Begin"
     " | summarize count(), max(Runs) by DeviceId",
     "SELECT DeviceId, count(*), max(Runs) FROM (SELECT DeviceId, Session, count(*) AS Runs FROM (SELECT DeviceId, count(CASE WHEN Gap >"
     " 36000000000 THEN 1 END) OVER (PARTITION BY DeviceId ORDER BY T ROWS UNBOUNDED PRECEDING) AS Session FROM (SELECT DeviceId,"
     " \"$time\" AS T, \"$time\" - lag(\"$time\") OVER (PARTITION BY DeviceId ORDER BY \"$time\") AS Gap" FROM
     " AND lower(FileName) IN ('powershell.exe', 'cmd.exe', 'rundll32.exe'))) GROUP BY 1, 2) GROUP BY 1"},
    {"expand",
     "DeviceProcessEvents | mv-expand Tag = parse_json(AdditionalFields).Tags to typeof(long) | summarize count() by Tag",
     "SELECT Tag, count(*) FROM (SELECT unnest(from_json(AdditionalFields::JSON -> '$.Tags', '[\"BIGINT\"]')) AS Tag" FROM
     ") GROUP BY 1"},
  /* clang-format on */
    {"join",
     "DeviceProcessEvents | where FileName == 'cmd.exe' | join kind=inner (DeviceProcessEvents | "
     "where FileName == 'rundll32.exe' | summarize Runs = count() by DeviceId) on DeviceId | "
     "summarize count(), max(Runs) by AccountName",                                                  "SELECT a.AccountName, count(*), max(b.runs) FROM (SELECT DeviceId, AccountName" FROM
     " AND FileName = 'cmd.exe') a JOIN (SELECT DeviceId, count(*) AS runs" FROM
     " AND FileName = 'rundll32.exe' GROUP BY 1) b USING (DeviceId) GROUP BY 1"                   },
    {"search",         "search in (DeviceProcessEvents) 'EncodedCommand' | count",
     "SELECT count(*)" FROM " AND (contains(lower(DeviceId), 'encodedcommand') OR "
     "contains(lower(DeviceName), 'encodedcommand')"
     " OR contains(lower(ActionType), 'encodedcommand') OR contains(lower(FileName), "
     "'encodedcommand')"
     " OR contains(lower(FolderPath), 'encodedcommand') OR contains(lower(SHA256), "
     "'encodedcommand')"
     " OR contains(lower(ProcessCommandLine), 'encodedcommand') OR contains(lower(AccountName), "
     "'encodedcommand')"
     " OR contains(lower(AdditionalFields), 'encodedcommand'))"                                                                                      },
    {"extend_bits",
     "DeviceProcessEvents | where Timestamp > datetime(2026-03-20) | extend Name = "
     "tolower(FileName), Folder = substring(FolderPath, 0, 16) | summarize count() by Name, Folder", "SELECT lower(FileName), substring(FolderPath, 1, 16), count(*)" FROM " AND \"$time\" > " BEGIN
     "+19*" DAY " GROUP BY 1, 2"                 },
    {"series_by_hour",
     "DeviceProcessEvents | make-series count() default=0 on Timestamp step 1h by ActionType",       "SELECT ActionType, list(coalesce(n, 0) ORDER BY h) FROM (SELECT DISTINCT ActionType" FROM ")"
     " CROSS JOIN (SELECT unnest(range(min(\"$time\") // 36000000000, max(\"$time\") // "
     "36000000000 + 1)) AS h" FROM ")"
     " LEFT JOIN (SELECT ActionType, \"$time\" // 36000000000 AS h, count(*) AS n" FROM
     " GROUP BY 1, 2) USING (ActionType, h) GROUP BY 1"},
 /* clang-format on */
};

static double
wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static bool
run_sql(duckdb_connection c, const char *sql, double *ms, uint64_t *rows)
{
    double before = wall_ms();
    duckdb_result r;
    bool done = duckdb_query(c, sql, &r) == DuckDBSuccess;

    if (!done)
        fprintf(stderr, "hunt_bench: %s\n  %s\n", duckdb_result_error(&r), sql);
    *rows = done ? duckdb_row_count(&r) : 0;
    duckdb_destroy_result(&r);
    *ms = wall_ms() - before;
    return done;
}

static bool
run_kql(struct workspace *w, const char *text, bool explains, double *ms, uint64_t *rows)
{
    static const char *const tenants[] = {TENANT};
    const struct hunt_request request = {.text = span_of(text),
                                         .tenants = tenants,
                                         .tenant_count = 1,
                                         .from = INT64_MIN,
                                         .to = INT64_MAX,
                                         .now = clock_ticks(),
                                         .explains = explains};
    double before = wall_ms();
    struct err err = {""};
    struct hunt h;
    bool done = hunt_run(w, &request, &h, &err) == ST_OK;

    if (!done)
        fprintf(stderr, "hunt_bench: %s\n  %s\n", err.text, text);
    else if (explains)
        printf("%.*s\n", (int)h.explanation.n, h.explanation.p);
    *rows = done ? h.statistics.rows : 0;
    hunt_end(&h);
    *ms = wall_ms() - before;
    return done;
}

static bool
ask(struct workspace *w, duckdb_connection c, const struct question *q, bool explains, bool is_json,
    bool is_first)
{
    double kql = 1e18, sql = 1e18, ms;
    uint64_t kql_rows = 0, sql_rows = 0;

    if (explains && !run_kql(w, q->kql, true, &ms, &kql_rows))
        return false;
    for (int i = 0; i <= RUNS; i++) { /* in turn, so that both see the same machine */
        if (!run_sql(c, q->sql, &ms, &sql_rows))
            return false;
        sql = i > 0 && ms < sql ? ms : sql;
        if (!run_kql(w, q->kql, false, &ms, &kql_rows))
            return false;
        kql = i > 0 && ms < kql ? ms : kql;
    }
    if (kql_rows != sql_rows) {
        fprintf(stderr, "hunt_bench: %s: %llu rows by KQL, %llu by SQL\n", q->name,
                (unsigned long long)kql_rows, (unsigned long long)sql_rows);
        return false;
    }
    if (is_json)
        printf("%s{\"name\":\"%s\",\"kql_ms\":%.2f,\"sql_ms\":%.2f,\"ratio\":%.3f,\"rows\":%llu}",
               is_first ? "" : ",", q->name, kql, sql, kql / sql, (unsigned long long)kql_rows);
    else
        printf("%-16s %9.1f ms by KQL %9.1f ms by SQL   ratio %5.2f   %llu rows\n", q->name, kql,
               sql, kql / sql, (unsigned long long)kql_rows);
    fflush(stdout);
    return true;
}

int
main(int argc, char **argv)
{
    const char *path = "/tmp/penstock-hunt-bench.duckdb", *only = NULL;
    unsigned long long rows = 1000000;
    bool is_json = false, explains = false, keeps = false, done = true;
    struct workspace_options options = {.memory_max = (size_t)4 << 30};
    struct workspace *w = NULL;
    duckdb_connection c = NULL;
    struct err err = {""};
    char sql[sizeof fill + 100];
    struct stat info = {0};
    uint64_t counted;
    double ms = 0;

    for (int i = 1, places = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            is_json = true;
        else if (strcmp(argv[i], "--sql") == 0)
            explains = true;
        else if (strcmp(argv[i], "--keep") == 0)
            keeps = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            only = argv[++i];
        else if (places++ == 0)
            rows = strtoull(argv[i], NULL, 10);
        else
            path = argv[i];
    }
    unlink(path);
    if (rows == 0 || workspace_open(path, &options, &w, &err) != ST_OK ||
        workspace_connect(w, &c, &err) != ST_OK) {
        fprintf(stderr, "hunt_bench: %s\n", rows == 0 ? "how many rows?" : err.text);
        return 1;
    }
    snprintf(sql, sizeof sql, fill, rows, rows, rows);
    if (!run_sql(c, sql, &ms, &counted) || !run_sql(c, "CHECKPOINT", &ms, &counted))
        return 1;
    stat(path, &info);
    if (is_json)
        printf("{\"rows\":%llu,\"file_size\":%lld,\"questions\":[", rows, (long long)info.st_size);
    else
        printf("%llu rows in a file of %lld MiB\n", rows, (long long)info.st_size >> 20);
    for (size_t i = 0, asked = 0; i < COUNT_OF(questions) && done; i++)
        if (only == NULL || strcmp(only, questions[i].name) == 0)
            done = ask(w, c, &questions[i], explains, is_json, asked++ == 0);
    if (is_json)
        printf("]}\n");
    duckdb_disconnect(&c);
    workspace_close(w);
    if (!keeps)
        unlink(path);
    return done ? 0 : 1;
}
