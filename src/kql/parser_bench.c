/* parser_bench.c - how long a query of 30 lines takes to parse. Prints microseconds a query. */
#include "base/clock.h"
#include "kql/syntax.h"
#include <stdlib.h>

static const char query[] =
    "let lookback = 14d;\n"
    "let threshold = 25;\n"
    "let trusted = dynamic([\"10.0.0.0/8\", \"192.168.0.0/16\", \"172.16.0.0/12\"]);\n"
    "let suspicious = datatable(Tool:string, Weight:long) [\n"
    "    \"mimikatz\", 10, \"rubeus\", 9, \"sharphound\", 8, \"psexec\", 3, \"certutil\", 2\n"
    "];\n"
    "let failures = materialize(DeviceLogonEvents\n"
    "    | where Timestamp > ago(lookback) and ActionType =~ \"LogonFailed\"\n"
    "    | where isnotempty(RemoteIP) and not(ipv4_is_in_any_range(RemoteIP, trusted))\n"
    "    | summarize Failures = count(), Accounts = make_set(AccountName, 50) by DeviceId, "
    "RemoteIP\n"
    "    | where Failures > threshold);\n"
    "DeviceProcessEvents\n"
    "| where Timestamp between (ago(lookback) .. now()) // two weeks\n"
    "| where ProcessCommandLine has_any (suspicious | project Tool)\n"
    "    or FileName in~ (\"powershell.exe\", \"pwsh.exe\", \"cmd.exe\", \"rundll32.exe\", "
    "\"mshta.exe\")\n"
    "| where ProcessCommandLine matches regex "
    "@\"(?i)-e(nc|ncodedcommand)?\\s+[A-Za-z0-9+/=]{40,}\"\n"
    "| extend Encoded = extract(@\"-e\\w*\\s+([A-Za-z0-9+/=]+)\", 1, ProcessCommandLine),\n"
    "    Parent = tolower(InitiatingProcessFileName), Extra = parse_json(AdditionalFields)\n"
    "| extend Decoded = replace_string(base64_decode_tostring(Encoded), \"\\0\", \"\")\n"
    "| extend Score = iff(Decoded contains \"downloadstring\", 5, 0) + iff(Decoded has \"http\", "
    "2, 0)\n"
    "    + case(Parent == \"winword.exe\", 7, Parent startswith \"excel\", 6, Parent has "
    "\"outlook\", 5, 0)\n"
    "| join kind=inner hint.strategy=broadcast (failures) on DeviceId\n"
    "| join kind=leftouter (DeviceInfo | summarize arg_max(Timestamp, OSPlatform, PublicIP) by "
    "DeviceId)\n"
    "    on $left.DeviceId == $right.DeviceId\n"
    "| mv-expand Account = Accounts to typeof(string) limit 10\n"
    "| summarize Total = sum(Score), First = min(Timestamp), Last = max(Timestamp), "
    "Lines = dcount(ProcessCommandLine)\n"
    "    by DeviceName, Account, bin(Timestamp, 1h), tostring(Extra.Origin[\"zone\"]), OSPlatform\n"
    "| where Total >= 10 and Lines > 1 or First - Last > 1.5h\n"
    "| project-reorder DeviceName, Account, Total, *\n"
    "| top 100 by Total desc nulls last\n";

/* A function of its own: its locals are none of setjmp's. False: the query does not parse. */
__attribute__((noinline)) static bool
parse_often(struct pool *p, int rounds)
{
    const struct span text = {query, sizeof query - 1};
    int64_t began = clock_monotonic_ms();
    size_t taken = 0;

    for (int i = 0; i < rounds; i++) {
        struct kql_diagnostics d;

        pool_reset(p);
        kql_diagnostics_init(&d, p, text);
        if (kql_parse(p, text, &d)->child_count != 6 || d.count != 0) {
            printf("the query does not parse: %s\n", d.count > 0 ? d.items[0].text : "");
            return false;
        }
        taken = p->taken;
    }
    printf("%zu bytes: %.1f us a query, %zu KiB of memory\n", text.n,
           (double)(clock_monotonic_ms() - began) * 1000 / (rounds > 0 ? rounds : 1), taken / 1024);
    return true;
}

static bool
parse_guarded(struct pool *p, int rounds)
{
    jmp_buf escape;

    p->escape = &escape;
    return setjmp(escape) == 0 && parse_often(p, rounds);
}

int
main(int argc, char **argv)
{
    struct pool p;
    bool parses;

    pool_init(&p, (size_t)64 << 20);
    parses = parse_guarded(&p, argc > 1 ? atoi(argv[1]) : 20000);
    pool_free(&p);
    return parses ? 0 : 1;
}
