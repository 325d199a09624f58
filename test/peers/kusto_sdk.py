"""The published Kusto client for Python against the daemon; one JSON line for each step: {"name","ok","seen"}. Run by kusto_sdk_test.py,
in a virtual environment of its own."""
import datetime
import json
import os

from azure.kusto.data import ClientRequestProperties, KustoClient, KustoConnectionStringBuilder
from azure.kusto.data.exceptions import KustoApiError, KustoServiceError
from azure.kusto.data.helpers import dataframe_from_result_table  # noqa: F401

e = os.environ


def say(name, ok, *seen):
    print(json.dumps({"name": name, "ok": bool(ok), "seen": " | ".join(str(s) for s in seen)[:1500]}), flush=True)


def make(token):
    return KustoClient(KustoConnectionStringBuilder.with_aad_user_token_authentication(e["URL"], token))


def fails(name, run, *words):
    try:
        say(name, False, "no error", run())
    except (KustoServiceError, KustoApiError) as why:
        say(name, all(w in str(why) for w in words), repr(why))


client = make(e["READER"])
result = client.execute("soc", "DeviceEvents | summarize n=count(), newest=max(TimeGenerated), ids=make_set(ReportId, 3) | extend d=1.5s")
row = result.primary_results[0][0]
say("a query", row["n"] == 1000 and row["newest"].year == 2026 and len(row["ids"]) == 3 and row["d"].total_seconds() == 1.5, row.to_dict())
say("no errors in it", result.errors_count == 0 and result.get_exceptions() == [], result.get_exceptions())
streamed = client.execute_streaming_query("soc", "DeviceEvents | project ReportId")
say("streamed", sum(1 for table in streamed.iter_primary_results() for _ in table) == 1000)
tables = client.execute_mgmt("soc", ".show tables")
say("a command", any(r["TableName"] == "DeviceEvents" for r in tables.primary_results[0]))
given = ClientRequestProperties()
given.set_parameter("name", "host")
given.set_parameter("n", 3)
given.set_option("servertimeout", datetime.timedelta(seconds=30))
answer = client.execute("soc", "declare query_parameters(name:string, n:long); DeviceEvents | where DeviceName == name | take n | count", given)
say("parameters", answer.primary_results[0][0]["Count"] == 3, answer.primary_results[0][0])
fails("a semantic error", lambda: client.execute("soc", "DeviceEvents | where Nothing == 1"), "SEM0100", "Nothing")
few = ClientRequestProperties()
few.set_option("truncationmaxrecords", 5)
fails("too many records", lambda: client.execute("soc", "DeviceEvents", few), "80DA0003", "5 records")
