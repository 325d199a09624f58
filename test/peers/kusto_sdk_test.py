#!/usr/bin/env python3
"""The published Kusto clients (npm azure-kusto-data, PyPI azure-kusto-data where that can be had) ask a workspace over plain http, and Grafana's
Azure Data Explorer data source is played back: what it sends when it is set up and when it draws (grafana/azure-data-explorer-datasource,
pkg/azuredx/client/client.go, resource_handler.go, models/table.go). Beside them whatever a request can get wrong."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import peers  # noqa: E402
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import SUBSCRIPTION, TENANT, Daemon, has_workspaces, rows  # noqa: E402
from pypi import python_with  # noqa: E402

OTHER = "11111111-2222-4333-8444-555555555555"
SOC = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc"
PRIVATE = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/private"
check = Checks()


class World:
    """Two tenants with rows in one workspace; the other one has a workspace of its own besides."""

    def __init__(self):
        self.daemon = Daemon()
        folder = self.daemon.folder
        self.daemon.write_config(
            tenants=[{"id": TENANT, "name": "a"}, {"id": OTHER, "name": "b"}], hunting={"workspace": "soc"},
            catalog={"tables": [{"name": "Doors_CL", "category": "Doors_CL", "timeColumn": "TimeGenerated",
                                 "columns": {"TimeGenerated": "datetime", "Door": "string", "Granted": "bool"}}]},
            resources=[{"id": i, "kind": "workspace", "settings": {"path": str(folder / f"{n}.duckdb"), "memory_mb": "256"}} for n, i in (("soc", SOC), ("private", PRIVATE))])

    def __enter__(self):
        daemon = self.daemon.start()
        for tenant in (TENANT, OTHER):
            daemon.put_workspace("soc", SOC, tables=("DeviceEvents",), tenant=tenant, lingerMs=20, allCategories=True)
        daemon.put_workspace("own", PRIVATE, tables=("DeviceEvents",), tenant=OTHER, lingerMs=20)
        for tenant, count in ((TENANT, 1000), (OTHER, 5)):
            if daemon.post("DeviceEvents", rows(1, count, pad="p"), tenant=tenant).status != 200:
                raise Failed("ingest")
        saved = {"kind": "function", "query": "DeviceEvents | where ReportId % 2 == n", "parameters": "n:long"}
        answer = daemon.request("PUT", f"/api/workspaces/soc/savedQueries/Odd?tenantId={TENANT}", json.dumps(saved))
        if answer.status != 201:
            raise Failed(f"a stored function: {answer}")
        for name, query, given in (("Between", "DeviceEvents | where ActionType >= a and ReportId < n", "a:string='a', n:long=9"),
                                   ("Lists", "DeviceEvents | where ActionType != a and ReportId != n", "a:string = 'x, (\\'y', n:long = 7"),
                                   ("Anything", "T | extend Mark = 1", "T:(*)"), ("Marked", "T | extend Mark = 1", "T:(ReportId:long, DeviceId:string)")):
            answer = daemon.request("PUT", f"/api/workspaces/soc/savedQueries/{name}?tenantId={TENANT}", json.dumps({"kind": "function", "query": query, "parameters": given}))
            if answer.status != 201:
                raise Failed(f"a stored function: {answer}")
        self.tokens = {"READER": daemon.make_token(TENANT, "SecurityReader")["token"], "INGEST": daemon.make_token(TENANT, "ingest")["token"],
                       "STRANGER": daemon.make_token(OTHER, "SecurityReader")["token"]}
        wait_for(lambda: daemon.get("/api/workspaces", token=self.tokens["STRANGER"]).status == 200, 10, "the tokens are known")
        for tenant in (TENANT, OTHER):
            daemon.wait_delivered("soc", tenant=tenant)
        daemon.wait_delivered("own", tenant=OTHER)
        listed = daemon.get("/api/workspaces", token=self.tokens["READER"]).json()["value"]
        self.guid = next(w["workspaceId"] for w in listed if w["name"] == "soc")
        return self

    def __exit__(self, *_):
        self.daemon.end()

    def environment(self):
        return dict(os.environ, URL=self.daemon.url, GUID=self.guid, **self.tokens)

    def ask(self, path, body, token="READER", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.daemon.request("POST", path, body, token=self.tokens[token], headers={"Content-Type": "application/json", **headers})


def told(part, done):
    lines = [line for line in done.stdout.decode(errors="replace").splitlines() if line.startswith("{")]
    for line in lines:
        seen = json.loads(line)
        check(f"{part}: {seen['name']}", seen["ok"], seen["seen"])
    check(f"{part}: the client ran", done.returncode == 0 and lines, done.stderr.decode(errors="replace")[-2000:])


def node_client(world):
    script = peers.NODE / "kusto_sdk.js"
    shutil.copy(HERE / "kusto_sdk.js", script)
    for part in ("queries", "commands", "editor", "errors"):
        told(part, subprocess.run(peers.node(script, part), env=world.environment(), capture_output=True, timeout=180, cwd=peers.NODE))


def python_client(world):
    python, why = python_with("azure-kusto-data==6.0.4")
    if python is None:
        check.skip("the client for Python", why)
        return
    told("python", subprocess.run([python, str(HERE / "kusto_sdk.py")], env=world.environment(), capture_output=True, timeout=180))


def v1_tables(answer):
    return answer.json()["Tables"]


def grafana(world):
    """The data source's own readers: TableFromJSON takes Exceptions for a failure, Table_0 for the answer, and a row that is no array for one."""
    head = {"Accept": "application/json", "x-ms-app": "Grafana-ADX"}
    test = world.ask("/v1/rest/query", {"csl": ".show databases schema", "db": "", "properties": {"Options": {"servertimeout": "00:00:30"}}}, **head)
    check("its test of the data source", test.status == 200 and v1_tables(test)[0]["Rows"], test)
    listed = world.ask("/v1/rest/mgmt", {"csl": ".show databases", "db": ""}, **head)
    check("its list of databases", [(r[5] or r[0]) for r in v1_tables(listed)[0]["Rows"]] == ["soc", "soc.hunting"], listed)
    schema = json.loads(v1_tables(world.ask("/v1/rest/mgmt", {"csl": ".show databases schema as json", "db": "", "querySource": "schema"}, **head))[0]["Rows"][0][0])
    check("its schema", {"Name": "TimeGenerated", "Type": "System.DateTime", "CslType": "datetime"} in schema["Databases"]["soc"]["Tables"]["DeviceEvents"]["OrderedColumns"] and
          set(schema["Databases"]["soc"]) >= {"Name", "Tables", "ExternalTables", "Functions", "MaterializedViews"}, list(schema["Databases"]["soc"]))
    drawn = world.ask("/v1/rest/query", {"db": "soc", "querySource": "raw", "properties": {"Options": {"queryconsistency": "strongconsistency", "servertimeout": "00:00:30"}}, "csl":
                      "DeviceEvents | make-series n=count() default=0 on TimeGenerated from datetime(2026-09-14T08:00) to datetime(2026-09-14T09:00) step 30m by DeviceName "
                      "| project DeviceName, Timestamp=TimeGenerated, n"}, **head)
    table = v1_tables(drawn)[0]
    check("a series, its lists in place", table["TableName"] == "Table_0" and [c["ColumnType"] for c in table["Columns"]] == ["string", "dynamic", "dynamic"] and
          table["Rows"][0][2] == [1000, 0] and table["Rows"][0][1][0] == "2026-09-14T08:00:00.0000000Z", drawn)
    contents = v1_tables(drawn)[-1]
    check("the table of contents", [r[1] for r in contents["Rows"]] == ["QueryResult", "QueryProperties", "QueryStatus"] and
          [c["ColumnName"] for c in contents["Columns"]] == ["Ordinal", "Kind", "Name", "Id", "PrettyName"] and [t["TableName"] for t in v1_tables(drawn)] ==
          ["Table_0", "Table_1", "Table_2", "Table_3"], contents)
    kinds = world.ask("/v1/rest/query", {"db": "soc", "csl": "print a=true, b=1, c=1.5, d=now(), e=1s, f='x', g=dynamic(1), h=int(1), i=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), j=decimal(1)"}, **head)
    check("the .NET names of types", [c["DataType"] for c in v1_tables(kinds)[0]["Columns"]] ==
          ["SByte", "Int64", "Double", "DateTime", "TimeSpan", "String", "Object", "Int32", "Guid", "SqlDecimal"], v1_tables(kinds)[0]["Columns"])
    cut = world.ask("/v1/rest/query", {"db": "soc", "csl": "DeviceEvents", "properties": {"Options": {"truncationmaxrecords": 3}}}, **head).json()
    check("too many rows are an exception", len(cut["Exceptions"]) == 1 and "80DA0003" in cut["Exceptions"][0] and len(cut["Tables"][0]["Rows"]) == 4 and
          "Exceptions" in cut["Tables"][0]["Rows"][3], cut["Exceptions"])
    wrong = world.ask("/v1/rest/query", {"db": "soc", "csl": "DeviceEvents | where"}, **head)
    check("an error has a message", wrong.status == 400 and wrong.json()["error"]["message"], wrong)
    check("metadata that it can do without", world.daemon.get("/v1/rest/auth/metadata", token="").status == 404)


def uploaded(world):
    """What Logs Ingestion takes is asked like any record: rows of a hunting table in the shape a workspace has, and of a custom table of the configuration."""
    door = "/dataCollectionRules/default/streams/{}?api-version=2023-01-01"
    for stream, body in (("Microsoft-DeviceEvents", [{"TimeGenerated": "2026-10-01T10:00:00Z", "ReportId": 77001, "AdditionalFields": {"via": "upload"}}]),
                         ("Custom-Doors_CL", [{"TimeGenerated": "2020-10-01T10:00:00Z", "Door": "7", "Granted": False}, {"Door": "8"}])):
        answer = world.ask(door.format(stream), body, token="INGEST")
        if answer.status != 204:
            raise Failed(f"upload: {answer}")

    def rows_of(text):
        answer = world.ask("/v1/rest/query", {"db": "soc", "csl": text})
        return answer.json().get("Tables", [{}])[0].get("Rows") or None

    seen = wait_for(lambda: rows_of("DeviceEvents | where ReportId == 77001 | project TimeGenerated, via=AdditionalFields.via"), 10, "the row is there")
    check("a hunting table's row", seen == [["2026-10-01T10:00:00.0000000Z", "upload"]], seen)
    seen = wait_for(lambda: rows_of("Doors_CL | sort by Door asc | project Door, Granted, isnotnull(TimeGenerated), TimeGenerated < ago(1h)"), 10, "the rows are there")
    check("a custom table's rows, the one without a time having got one", seen == [["7", False, True, True], ["8", None, True, False]], seen)


def frames(answer):
    return [f["FrameType"] for f in answer.json()]


def go_client(world):
    """azure-kusto-go reads frames line by line, and wants tables in fragments (azkustodata/query/v2)."""
    options = {"results_v2_newlines_between_frames": True, "results_v2_fragment_primary_tables": True, "results_error_reporting_placement": "end_of_table"}
    answer = world.ask("/v2/rest/query", {"db": "soc", "csl": "DeviceEvents | take 2", "properties": {"Options": options}})
    check("its frames", frames(answer) == ["DataSetHeader", "DataTable", "TableHeader", "TableFragment", "TableCompletion", "DataTable", "DataSetCompletion"], answer)
    lines = answer.body.decode().split("\n")
    check("a line each", all(json.loads(line[1:]) for line in lines[:-1]) and lines[-1] == "]", lines)
    check("said at the head", answer.json()[0] == {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0", "IsFragmented": True, "ErrorReportingPlacement": "EndOfTable"})
    cut = world.ask("/v2/rest/query", {"db": "soc", "csl": "DeviceEvents", "properties": {"Options": {**options, "truncationmaxrecords": 1}}}).json()
    done = [f for f in cut if f["FrameType"] == "TableCompletion"][0]
    check("its errors at the end of the table", done["RowCount"] == 1 and "80DA0003" in done["OneApiErrors"][0]["error"]["@message"] and cut[-1]["HasErrors"], done)


def options(**more):
    return {"db": "soc", "csl": "DeviceEvents | count", "properties": {"Options": more}}


def parameters(text, **more):
    return {"db": "soc", "csl": text, "properties": {"Parameters": more}}


V2, V1, MGMT = "/v2/rest/query", "/v1/rest/query", "/v1/rest/mgmt"
BODIES = [  # name, path, body, status, code, what the message holds
    ("nothing", V2, b"", 400, "General_BadRequest", "JSON"),
    ("no JSON", V2, b"{", 400, "General_BadRequest", "JSON"),
    ("two of them", V2, b'{"db":"soc","csl":"print 1"}{}', 400, "General_BadRequest", "JSON"),
    ("a list", V2, [], 400, "General_BadRequest", "object"),
    ("a text", V2, "print 1", 400, "General_BadRequest", "JSON"),
    ("null", V2, None, 400, "General_BadRequest", "JSON"),
    ("an empty object", V2, {}, 400, "General_BadRequest", "csl"),
    ("no csl", V2, {"db": "soc"}, 400, "General_BadRequest", "csl"),
    ("csl that is a number", V2, {"db": "soc", "csl": 1}, 400, "General_BadRequest", "csl"),
    ("csl that is empty", V2, {"db": "soc", "csl": ""}, 400, "General_BadRequest", "csl is empty"),
    ("csl of blanks", V2, {"db": "soc", "csl": " \n\t"}, 400, "General_BadRequest", "csl is empty"),
    ("csl with a NUL", V2, b'{"db":"soc","csl":"print\\u0000 1"}', 400, "General_BadRequest", "JSON"),
    ("csl twice", V2, b'{"db":"soc","csl":"print 1","csl":"print 2"}', 400, "General_BadRequest", ""),
    ("db that is a number", V2, {"db": 1, "csl": "print 1"}, 400, "General_BadRequest", "db"),
    ("db that is a list", V2, {"db": ["soc"], "csl": "print 1"}, 400, "General_BadRequest", "db"),
    ("db that is not there", V2, {"db": "none", "csl": "print 1"}, 400, "BadRequest_DatabaseNotExist", "none"),
    ("db that is a path", V2, {"db": "../soc", "csl": "print 1"}, 400, "BadRequest_DatabaseNotExist", ""),
    ("db that is long", V2, {"db": "x" * 5000, "csl": "print 1"}, 400, "BadRequest_DatabaseNotExist", ""),
    ("another tenant's db", V2, {"db": PRIVATE, "csl": "print 1"}, 400, "BadRequest_DatabaseNotExist", ""),
    ("not UTF-8", V2, b'{"db":"soc","csl":"print \xff"}', 400, "General_BadRequest", ""),
    ("nested too deep", V2, b'{"db":"soc","csl":"print 1","x":' + b"[" * 200 + b"]" * 200 + b"}", 400, "General_BadRequest", ""),
    ("properties that are a list", V2, {"db": "soc", "csl": "print 1", "properties": []}, 400, "General_BadRequest", "properties"),
    ("properties as text that is none", V2, {"db": "soc", "csl": "print 1", "properties": "{"}, 400, "General_BadRequest", "properties"),
    ("properties as text that holds a list", V2, {"db": "soc", "csl": "print 1", "properties": "[]"}, 400, "General_BadRequest", "properties"),
    ("options that are a list", V2, {"db": "soc", "csl": "print 1", "properties": {"Options": []}}, 400, "General_BadRequest", "properties.Options"),
    ("a timeout that is none", V2, options(servertimeout="soon"), 400, "General_BadRequest", "servertimeout"),
    ("a timeout of nothing", V2, options(servertimeout="00:00:00"), 400, "General_BadRequest", "servertimeout"),
    ("a timeout before now", V2, options(servertimeout="-00:01:00"), 400, "General_BadRequest", "servertimeout"),
    ("a timeout that is a number", V2, options(servertimeout=60), 400, "General_BadRequest", "servertimeout"),
    ("no records", V2, options(truncationmaxrecords=0), 400, "General_BadRequest", "truncationmaxrecords"),
    ("less than no records", V2, options(truncationmaxrecords=-1), 400, "General_BadRequest", "truncationmaxrecords"),
    ("records in words", V2, options(truncationmaxrecords="many"), 400, "General_BadRequest", "truncationmaxrecords"),
    ("a size that is none", V2, options(truncationmaxsize="x"), 400, "General_BadRequest", "truncationmaxsize"),
    ("a flag that is none", V2, options(notruncation="perhaps"), 400, "General_BadRequest", "notruncation"),
    ("take nothing", V2, options(query_take_max_records=0), 400, "General_BadRequest", "query_take_max_records"),
    ("SQL", V2, options(query_language="sql"), 400, "General_BadRequest", "query_language"),
    ("parameters that are a list", V2, {"db": "soc", "csl": "print 1", "properties": {"Parameters": [1]}}, 400, "General_BadRequest", "properties.Parameters"),
    ("a parameter that is an object", V2, parameters("declare query_parameters(a:long); print a", a={}), 400, "General_BadRequest", "properties.Parameters.a"),
    ("a parameter that does not convert", V2, parameters("declare query_parameters(a:long); print a", a="x"), 400, "General_BadRequest", "'a'"),
    ("a parameter without a value", V2, parameters("declare query_parameters(a:long); print a", b=1), 400, "General_BadRequest", "'a'"),
    ("a parameter that is a query", V2, parameters("declare query_parameters(a:long); print a", a="1); union *; print (1"), 400, "General_BadRequest", "'a'"),
    ("a query that is none", V2, {"db": "soc", "csl": "DeviceEvents |"}, 400, "General_BadRequest", "Syntax error"),
    ("a query that is long", V2, {"db": "soc", "csl": "print " + "1+" * 300000 + "1"}, 400, "General_BadRequest", ""),
    ("a query that ends itself", V2, {"db": "soc", "csl": "print assert(1 == 2, 'no')"}, 400, "General_BadRequest", "no"),
    ("another database in a query", V2, {"db": "soc", "csl": "database('private').DeviceEvents | count"}, 400, "General_BadRequest", ""),
    ("a file in a query", V2, {"db": "soc", "csl": "externaldata(a:string)['file:///etc/passwd']"}, 400, "General_BadRequest", ""),
    ("SQL's text", V2, {"db": "soc", "csl": "SELECT * FROM DeviceEvents"}, 400, "General_BadRequest", ""),
    ("a query as a command", MGMT, {"db": "soc", "csl": "print 1"}, 400, "General_BadRequest", "no command"),
    ("a command that is none", MGMT, {"db": "soc", "csl": "."}, 400, "General_BadRequest", "not known"),
    ("a command that changes something", MGMT, {"db": "soc", "csl": ".create table T (a:string)"}, 400, "General_BadRequest", "'.create table T (a:string)'"),
    ("ingestion", MGMT, {"db": "soc", "csl": ".ingest inline into table DeviceEvents <| 1"}, 400, "General_BadRequest", "not known"),
    ("a quote that does not end", MGMT, {"db": "soc", "csl": ".show table ['DeviceEvents"}, 400, "General_BadRequest", "not known"),
    ("many words", MGMT, {"db": "soc", "csl": ".show " + "a " * 200}, 400, "General_BadRequest", "not known"),
    ("a long command", MGMT, {"db": "soc", "csl": ".show tables | where TableName == '" + "x" * 20000 + "'"}, 400, "General_BadRequest", "not known"),
    ("a database of a command that is not there", MGMT, {"db": "soc", "csl": ".show database nothing schema as json"}, 400, "BadRequest_DatabaseNotExist", "nothing"),
    ("another tenant's database in a command", MGMT, {"db": "soc", "csl": ".show database private schema as json"}, 400, "BadRequest_DatabaseNotExist", "private"),
    ("tables of no database", MGMT, {"db": "none", "csl": ".show tables"}, 400, "BadRequest_DatabaseNotExist", "none"),
    ("a function that is not there", MGMT, {"db": "soc", "csl": ".show function None"}, 400, "BadRequest_EntityNotFound", "None"),
]


def bodies(world):
    for name, path, body, status, code, says in BODIES:
        for door in {path, V1} if path == V2 else {path}:
            answer = world.ask(door, body)
            error = answer.json().get("error", {})
            check(f"{name}: {door}", answer.status == status and error.get("code") == code and says in error.get("@message", "") and error.get("@permanent") is True, answer)
    check("a body larger than any may be", world.ask(V2, b" " * (2 << 20)).status == 413)
    check("only POST", world.daemon.get(V2, token=world.tokens["READER"]).status == 405)
    answer = world.ask(V2, {"db": "soc", "csl": "print 1"}, **{"x-ms-client-request-id": "KPC.execute;7"})
    check("the client's id comes back, beside one of ours", answer.headers["x-ms-client-request-id"] == "KPC.execute;7" and len(answer.headers["x-ms-activity-id"]) == 36 and
          answer.json()[-2]["Rows"][0][1] == "KPC.execute;7", dict(answer.headers))
    check("properties as text", world.ask(V1, {"db": "soc", "csl": "DeviceEvents", "properties": json.dumps({"Options": {"query_take_max_records": 2}})}).json()["Tables"][0]["Rows"].__len__() == 2)


if __name__ == "__main__":
    if not has_workspaces():
        check.skip("all of it", "this build has no DuckDB")
        check.end()
    peers.install_node()
    with World() as the_world:
        for section in (node_client, python_client, grafana, go_client, bodies, uploaded):
            check.run(section.__name__, section, the_world)
        check("it stops", the_world.daemon.stop() == 0, the_world.daemon.log_tail())
    check.end()
