#!/usr/bin/env python3
"""The doors of hunting, over a daemon whose exports fill a local workspace: Log Analytics (POST, GET, by resource id, batch, metadata),
Defender and Microsoft Graph.

    test/e2e/hunting_test.py [SECTION ...]

Rows are asked for within 5 seconds of ingestion through each door, each tenant sees its own and nothing else, whatever is wrong is told in each
service's own words, and every limit holds."""
import argparse
import gzip
import json
import pathlib
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import LOCAL, PENSTOCK, SUBSCRIPTION, TENANT, Daemon, has_workspaces, rows  # noqa: E402

A, B, C = TENANT, "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
SOC = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc"
PRIVATE = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/private-of-b"
LONG = "range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) == 'none' | count"
check = Checks()


class Hunt:
    """A daemon with three tenants: A and B share a workspace, B has one of its own besides, C has none."""

    def __init__(self, hunting=None, linger=20, **more):
        self.daemon = Daemon()
        folder = self.daemon.folder
        self.daemon.write_config(
            tenants=[{"id": A, "name": "a"}, {"id": B, "name": "b"}, {"id": C, "name": "c"}], hunting=hunting or {},
            resources=[{"id": SOC, "kind": "workspace", "settings": {"path": str(folder / "soc.duckdb"), "memory_mb": "256"}},
                       {"id": PRIVATE, "kind": "workspace", "settings": {"path": str(folder / "private.duckdb"), "memory_mb": "256"}}], **more)
        self.linger = {"lingerMs": linger} if linger else {}

    def __enter__(self):
        daemon = self.daemon.start()
        for tenant in (A, B):
            daemon.put_workspace("soc", SOC, tables=("DeviceEvents", "DeviceProcessEvents"), tenant=tenant, **self.linger)
        daemon.put_workspace("own", PRIVATE, tenant=B, **self.linger)
        self.tokens = {t: daemon.make_token(t, "SecurityReader")["token"] for t in (A, B, C)}
        self.tokens["ingest"] = daemon.make_token(A, "ingest")["token"]
        wait_for(lambda: daemon.get("/api/status", token=self.tokens[C]).status == 200, 10, "the tokens are known")
        return self

    def __exit__(self, *_):
        self.daemon.end()

    def feed(self, tenant, first, count, table="DeviceEvents"):
        answer = self.daemon.post(table, rows(first, count, pad="p"), tenant=tenant)
        if answer.status != 200:
            raise RuntimeError(f"ingest: {answer}")

    def delivered(self):
        for tenant, names in ((A, ["soc"]), (B, ["soc", "own"])):
            self.daemon.wait_delivered(*names, tenant=tenant)

    def ask(self, method, path, body=None, token=A, headers=None, **more):
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        token = self.tokens.get(token, token)
        return self.daemon.request(method, path, body, token=token, headers={"Content-Type": "application/json", **(headers or {})}, **more)

    def logs(self, query, workspace="soc", token=A, **body):
        return self.ask("POST", f"/v1/workspaces/{workspace}/query", {"query": query, **body}, token)


def quoted(text):
    return urllib.parse.quote(text, safe="")


def of_tables(answer):
    return [row for table in answer.json()["tables"] for row in table["rows"]]


def of_results(name):
    return lambda answer: [list(row.values()) for row in answer.json()[name]]


def of_batch(answer):
    return [row for r in answer.json()["responses"] for table in r["body"].get("tables", []) for row in table["rows"]]


def batch(*bodies, workspace="soc"):
    return {"requests": [{"id": str(i), "workspace": workspace, "path": "/query", "method": "POST", "body": {"query": q}} for i, q in enumerate(bodies)]}


DOORS = {  # name: (method, path, body of a query, rows of an answer)
    "by name": ("POST", "/v1/workspaces/soc/query", lambda q: {"query": q}, of_tables),
    "GET": ("GET", "/v1/workspaces/soc/query?query=", None, of_tables),
    "without /v1": ("POST", "/workspaces/soc/query", lambda q: {"query": q}, of_tables),
    "by resource id": ("POST", f"/v1/{SOC}/query", lambda q: {"query": q}, of_tables),
    "one slash": ("POST", f"/v1{SOC}/query", lambda q: {"query": q}, of_tables),
    "no /v1": ("POST", f"{SOC}/query", lambda q: {"query": q}, of_tables),
    "as ARM has it": ("POST", f"{SOC}/api/query?api-version=2020-08-01", lambda q: {"query": q}, of_tables),
    "GET by resource id": ("GET", f"/v1/{SOC}/query?query=", None, of_tables),
    "batch": ("POST", "/v1/$batch", batch, of_batch),
    "batch, encoded": ("POST", "/v1/%24batch", batch, of_batch),
    "batch without /v1": ("POST", "/$batch", batch, of_batch),
    "Defender for Endpoint": ("POST", "/api/advancedqueries/run", lambda q: {"Query": q}, of_results("Results")),
    "Defender XDR": ("POST", "/api/advancedhunting/run", lambda q: {"Query": q}, of_results("Results")),
    "Graph": ("POST", "/v1.0/security/runHuntingQuery", lambda q: {"Query": q}, of_results("results")),
    "Graph beta": ("POST", "/beta/security/runHuntingQuery", lambda q: {"query": q}, of_results("results")),
}


def through(hunt, name, query, token=A, more=""):
    """(status, rows, answer) of a query through a door."""
    method, path, body, read = DOORS[name]
    path = path + quoted(query) if method == "GET" else path
    if more:
        path += ("&" if "?" in path else "?") + more
    answer = hunt.ask(method, path, body(query) if body else None, token)
    return answer.status, read(answer) if answer.status == 200 else None, answer


# ---- sections ----

def doors():
    """As it is set up by default: rows are there within 5 s, at every door."""
    with Hunt(linger=None, hunting={"workspace": "soc", "queries": 16}) as hunt:
        hunt.feed(A, 1, 1)  # the file is made
        hunt.delivered()
        query = "DeviceEvents | where ReportId >= 100 | summarize n = count(), s = sum(ReportId)"
        names = list(DOORS)

        def look(i):
            def is_there():
                status, got, answer = through(hunt, names[i], query)
                return status != 200 or got == [[7, 721]]

            wait_for(is_there, 10, f"rows come through the door {names[i]}", 0.1)
            return time.monotonic() - began, through(hunt, names[i], query)[2]

        for _ in range(2):  # the first query of each is at most as slow as that
            through(hunt, names[0], query)
        began = time.monotonic()
        hunt.feed(A, 100, 7)
        threads, seen = in_background(len(names), look)
        for t in threads:
            t.join()
        for name, found in zip(names, seen):
            check(f"{name}: rows within 5 s", isinstance(found, tuple) and found[0] < 5 and found[1].status == 200, found)
        check.note(f"seen after {min(f[0] for f in seen if isinstance(f, tuple)):.2f} s")
        check("it stops in order", hunt.daemon.stop() == 0)


def answers():
    with Hunt(hunting={"workspace": SOC}) as hunt:
        hunt.feed(A, 1, 5)
        hunt.delivered()
        guid = hunt.ask("GET", "/v1/workspaces/soc/metadata").json()["workspaces"][0]["id"]
        check("by GUID", of_tables(hunt.logs("DeviceEvents | count", guid)) == [[5]])
        check("by GUID in capitals", of_tables(hunt.logs("DeviceEvents | count", guid.upper())) == [[5]])
        values = ("print l = 9007199254740993, i = int(5), r = 1.5, nan = real(nan), inf = real(+inf), d = decimal(1.25), b = true, "
                  "dt = datetime(2026-09-14T08:07:45.2820995Z), ts = time(1.02:03:04.5), g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), "
                  "dy = dynamic({'a':[1,\"x\"]}), s = 'h\\u00e9 \\\"q\\\"\\n', n = long(null), e = ''")
        answer = hunt.logs(values)
        check("each type", answer.status == 200, answer)
        table = answer.json()["tables"][0]
        check("types", [c["type"] for c in table["columns"]] == "long int real real real decimal bool datetime timespan guid dynamic string long string".split(),
              table["columns"])
        check("values", table["rows"] == [[9007199254740993, 5, 1.5, "NaN", "Infinity", "1.25", True, "2026-09-14T08:07:45.2820995Z", "1.02:03:04.5000000",
                                           "74be27de-1e4e-49d9-b579-fe0b331d3642", '{"a":[1,"x"]}', 'h\u00e9 "q"\n', None, ""]], table["rows"])
        check("digits are exact", b"[[9007199254740993," in answer.body, answer)
        check("its type", answer.headers["Content-Type"] == "application/json; charset=utf-8" and answer.headers["Cache-Control"] == "no-store", answer.headers)
        answer = hunt.ask("POST", "/api/advancedhunting/run", {"Query": values})
        got = answer.json()
        check("Defender's types", [c["Type"] for c in got["Schema"]] == "Int64 Int32 Double Double Double SqlDecimal SByte DateTime TimeSpan Guid Object String Int64 String".split(),
              got["Schema"])
        check("Defender's values", got["Results"][0]["dy"] == {"a": [1, "x"]} and got["Results"][0]["l"] == 9007199254740993 and
              got["Results"][0]["b"] is True and got["Results"][0]["n"] is None, got["Results"])
        check("Defender's statistics", got["Stats"]["dataset_statistics"][0]["table_row_count"] == 1, got["Stats"])
        answer = hunt.ask("POST", "/v1.0/security/runHuntingQuery", {"Query": values}, headers={"client-request-id": "q-1"})
        got = answer.json()
        check("Graph's words", got["@odata.context"].endswith("/v1.0/$metadata#microsoft.graph.security.huntingQueryResults") and
              got["schema"][0] == {"name": "l", "type": "Int64"} and got["results"][0]["s"] == 'h\u00e9 "q"\n' and
              answer.headers["client-request-id"] == "q-1", answer, answer.headers)
        shapes = {"/v1/workspaces/soc/query": ("TimeGenerated", True), "/api/advancedhunting/run": ("Timestamp", True),
                  "/v1.0/security/runHuntingQuery": ("Timestamp", True), "/api/advancedqueries/run": ("TenantId", False)}
        for path, (column, is_there) in shapes.items():
            answer = hunt.ask("POST", path, {"query": f"DeviceEvents | project {column} | take 1"})
            check(f"{path}: {column} {'is' if is_there else 'is not'} a column", (answer.status == 200) == is_there, answer)
        for word, query, kind, code, line, pos, token in (
                ("an operator that is none", "DeviceEvents\n| wher x", "SyntaxError", "SYN0002", 2, 2, "wher"),
                ("no such column", "DeviceEvents | where Nope == 1", "SemanticError", "SEM0100", 1, 21, "Nope"),
                ("no such table", "Nope | count", "SemanticError", "SEM0100", 1, 0, "Nope"),
                ("no such function", "print nope(1)", "SemanticError", "SEM0260", 1, 6, "nope")):
            error = hunt.logs(query).json()["error"]
            inner = error["innererror"]["innererror"]
            check(f"{word}: as the service nests it", error["code"] == "BadArgumentError" and error["message"] == "The request had some invalid properties" and
                  error["innererror"]["code"] == kind and (inner["code"], inner["line"], inner["pos"]) == (code, line, pos) and
                  inner["token"].startswith(token) and inner["message"], error)
        for path in (GRAPH, MDE):
            message = hunt.ask("POST", path, {"query": "DeviceEvents | where Nope == 1 and Nix == 2"}).json()["error"]["message"]
            check(f"{path}: the words that tools look for", message.startswith("Failed to resolve column or scalar expression named 'Nope': ") and
                  "(line 1, column 22); Failed" in message and message.endswith(". Fix semantic errors in your query."), message)
            message = hunt.ask("POST", path, {"query": "Nope | count"}).json()["error"]["message"]
            check(f"{path}: of a table", message.startswith("Failed to resolve table or column expression named 'Nope': "), message)
            message = hunt.ask("POST", path, {"query": "DeviceEvents | wher x"}).json()["error"]["message"]
            check(f"{path}: of its syntax", message.endswith(". Fix syntax errors in your query."), message)
        wanted = "wait=30,include-statistics=true,include-render=true"
        got = hunt.ask("POST", "/v1/workspaces/soc/query", {"query": "DeviceEvents | summarize count() by ActionType | render barchart with (title=\"T\", xtitle=\"X\")"},
                       headers={"Prefer": wanted}).json()
        check("statistics", got["statistics"]["query"]["executionTime"] >= 0 and
              got["statistics"]["query"]["datasetStatistics"][0]["tableRowCount"] == 1, got)
        check("render", got["render"]["visualization"] == "barchart" and got["render"]["title"] == "T" and got["render"]["xTitle"] == "X" and
              got["render"]["kind"] is None and got["render"]["yMin"] == "NaN", got)
        got = hunt.ask("POST", "/v1/workspaces/soc/query", {"query": "DeviceEvents"}, headers={"Prefer": "include-render=true"}).json()
        check("render of none", got["render"]["visualization"] is None and "statistics" not in got)
        plain = hunt.logs("DeviceEvents | count")
        check("unasked, neither", set(plain.json()) == {"tables"}, plain)
        answer = hunt.ask("POST", "/v1/workspaces/soc/query", {"query": "DeviceEvents"}, headers={"x-ms-client-request-id": "my-id"})
        check("the client's id comes back", answer.headers["x-ms-client-request-id"] == "my-id")
        big = {"query": "range i from 1 to 1000 step 1"}
        packed = hunt.ask("POST", "/v1/workspaces/soc/query", big, headers={"Accept-Encoding": "gzip,deflate"})
        open_ = hunt.ask("POST", "/v1/workspaces/soc/query", big, headers={"Accept-Encoding": "gzip;q=0"})
        check("compressed if wanted", packed.headers["Content-Encoding"] == "gzip" and len(packed.body) < len(open_.body) / 2 and
              gzip.decompress(packed.body) == open_.body and open_.headers["Content-Encoding"] is None, packed.headers)
        fork = hunt.logs("range i from 1 to 3 step 1 | fork (count) (where i > 1)").json()["tables"]
        check("several tables", [len(t["rows"]) for t in fork] == [1, 2], fork)
        answer = hunt.ask("POST", "/api/advancedhunting/run", {"Query": "print 1; print 2"})
        check("Defender answers with one", answer.status == 400 and "2 tables" in answer.json()["error"]["message"], answer)
        metadata(hunt, guid)
        periods(hunt)
        batches(hunt)
        functions(hunt)
        empty = hunt.logs("DeviceEvents | where false").json()["tables"][0]
        check("no rows", empty["rows"] == [] and len(empty["columns"]) > 20)


def metadata(hunt, guid):
    for method in ("GET", "POST"):
        got = hunt.ask(method, "/v1/workspaces/soc/metadata", b"" if method == "POST" else None).json()
        table = next(t for t in got["tables"] if t["name"] == "DeviceEvents")
        check(f"{method} metadata", table["timespanColumn"] == "TimeGenerated" and {"name": "TimeGenerated", "type": "datetime"} in table["columns"] and
              got["workspaces"][0]["id"] == guid and got["workspaces"][0]["resourceId"] == SOC, table)
        shown = hunt.logs("DeviceEvents | getschema | project ColumnName, ColumnType").json()["tables"][0]["rows"]
        check(f"{method} metadata says what getschema says", [[c["name"], c["type"]] for c in table["columns"]] == shown, shown)


def periods(hunt):
    """All rows are of 2026-09-14T08:07:45.2820995Z."""
    for span, count in (("2026-09-14/2026-09-15", 5), ("2026-09-13/2026-09-14", 0), ("2026-09-14T08:00:00Z/PT1H", 5), ("PT1H/2026-09-14T08:00:00Z", 0),
                        ("P1D/2026-09-14T09:00:00Z", 5), ("2026-09-14T08:07:45.2820995Z/PT1S", 5), ("2026-09-14/2026-09-14T08:07:45.2820995Z", 0),
                        ("2026-09-14T08:07:45.2820996Z/PT1S", 0), ("2026-09-14", 5), ("P100Y", 5), ("P99999Y", 5), ("PT1S", 0),
                        ("0001-01-01/9999-12-31", 5), ("2026-09-14T10:07:45+02:00/PT1S", 5), ("", 5), (None, 5)):
        answer = hunt.logs("DeviceEvents | count", timespan=span)
        check(f"time span {span}", answer.status == 200 and of_tables(answer) == [[count]], answer)
        if span:
            got = hunt.ask("GET", f"/v1/workspaces/soc/query?query=DeviceEvents%7Ccount&timespan={quoted(span)}")
            check(f"time span {span}, GET", got.status == 200 and of_tables(got) == [[count]], got)
            got = hunt.ask("POST", "/v1.0/security/runHuntingQuery", {"Query": "DeviceEvents | count", "Timespan": span})
            check(f"time span {span}, Graph", got.status == 200 and got.json()["results"] == [{"Count": count}], got)
    got = hunt.ask("POST", "/v1/workspaces/soc/query?timespan=2026-09-14%2FP1D", {"query": "DeviceEvents | count", "timespan": "2026-09-13/P1D"})
    check("two time spans: what lies in both", of_tables(got) == [[0]], got)
    got = hunt.ask("POST", "/api/advancedhunting/run", {"Query": "DeviceEvents | count"})
    check("nothing is cut unasked", got.json()["Results"] == [{"Count": 5}], got)


def batches(hunt):
    answer = hunt.ask("POST", "/v1/$batch", {"requests": [
        {"id": "z", "workspace": "soc", "path": "/query", "method": "POST", "body": {"query": "range i from 1 to 300000 step 1 | summarize count()"}},
        {"id": "none", "workspace": "nope", "path": "/query", "method": "POST", "body": {"query": "print 1"}},
        {"id": "wrong", "workspace": "soc", "path": "/query", "method": "POST", "body": {"query": "|"}},
        {"id": "path", "workspace": "soc", "path": "/fakePath", "method": "POST", "body": {"query": "print 1"}},
        {"id": "method", "workspace": "soc", "path": "/query", "method": "DELETE", "body": {"query": "print 1"}},
        {"id": "body", "workspace": "soc", "path": "/query", "method": "POST"},
        {"id": "late", "workspace": "soc", "path": "/query", "method": "POST", "headers": {"Prefer": "wait=1"}, "body": {"query": LONG}},
        {"id": "told", "workspace": "soc", "path": "/query", "headers": {"prefer": "include-statistics=true"}, "body": {"query": "print 1"}},
        {"id": "a", "workspace": SOC, "path": "/query", "method": "POST", "body": {"query": "print 2", "timespan": "P1D"}}]})
    got = [(r["id"], r["status"]) for r in answer.json()["responses"]]
    check("a batch's answers in the order asked, each with its status", got == [
        ("z", 200), ("none", 404), ("wrong", 400), ("path", 404), ("method", 404), ("body", 400), ("late", 504), ("told", 200), ("a", 200)], answer)
    told = answer.json()["responses"]
    check("and its own answer", told[0]["body"]["tables"][0]["rows"] == [[300000]] and told[8]["body"]["tables"][0]["rows"] == [[2]] and
          "statistics" in told[7]["body"] and told[3]["body"]["error"]["code"] == "PathNotFoundError" and
          told[2]["body"]["error"]["innererror"]["code"] == "SyntaxError", answer)


def functions(hunt):
    """What a tenant stored can be called; what another one stored is not there."""
    for workspace, name, query in (("-", "Mine", "DeviceEvents | count"), ("soc", "Here", "Mine() | extend here = true")):
        put = hunt.daemon.request("PUT", f"/api/workspaces/{workspace}/savedQueries/{name}?tenantId={A}", json.dumps({"kind": "function", "query": query}))
        check(f"the function {name} is stored", put.status in (200, 201), put)
    for door in DOORS:
        status, got, answer = through(hunt, door, "Here() | where here | project Count")
        check(f"{door}: a stored function", status == 200 and got == [[5]], answer)
        status, _, answer = through(hunt, door, "Mine()", token=B)
        check(f"{door}: of another tenant", status == 400 or b'"status":400' in answer.body, answer)
    got = hunt.ask("GET", "/v1/workspaces/soc/metadata").json()["functions"]
    check("metadata lists them", sorted(f["name"] for f in got) == ["Here", "Mine"] and got[0]["body"], got)
    check("to no other tenant", hunt.ask("GET", "/v1/workspaces/soc/metadata", token=B).json()["functions"] == [])


def isolation():
    """Each tenant its own rows, at every door, whatever it writes."""
    with Hunt(hunting={"workspace": "soc"}) as hunt:
        hunt.feed(A, 1, 3)
        hunt.feed(B, 100, 5)
        hunt.delivered()
        for name in DOORS:
            for token, numbers in ((A, [1, 2, 3]), (B, [100, 101, 102, 103, 104]), (C, [])):
                status, got, answer = through(hunt, name, "DeviceEvents | project ReportId | sort by ReportId asc", token)
                # C exports nothing, but the configuration names the workspace for hunting: every tenant may ask it.
                check(f"{name}: its own", status == 200 and [r[0] for r in got] == numbers, answer)
            status, got, answer = through(hunt, name, "DeviceEvents | count", None)
            check(f"{name}: an operator sees all", got == [[8]], answer)
            status, got, answer = through(hunt, name, "DeviceEvents | count", None, f"tenantId={B}")
            check(f"{name}: or one tenant", got == [[5]], answer)
            status, _, answer = through(hunt, name, "print 1", None, "tenantId=7b1e0c1a-0000-4c60-9a44-0c0ffee0beef")
            check(f"{name}: a tenant that is not there", status == 404, answer)
            for token, more, what in ((A, f"tenantId={B}", "another tenant"), (A, "tenantId=x", "a tenant that is none"), ("ingest", "", "a token to ingest")):
                status, _, answer = through(hunt, name, "print 1", token, more)
                check(f"{name}: {what} is refused", status == 403, answer)
            for token, what in (("", "no token"), ("pst_nonsense", "no good token")):
                status, _, answer = through(hunt, name, "print 1", token)
                check(f"{name}: {what}", status == 401 and answer.headers["WWW-Authenticate"], answer)
        for query in ("union *", "union * | summarize by TenantId", "search '104'", "find in (*) where ReportId > 50", f"DeviceEvents | where TenantId == '{B}'",
                      "DeviceEvents | where 1 == 1 or TenantId != ''", "DeviceEvents | where ReportId > 50", "workspace('soc').DeviceEvents | where ReportId > 50",
                      "DeviceEvents | join kind=fullouter DeviceEvents on ReportId", "DeviceEvents | summarize make_set(ReportId)",
                      "DeviceEvents | project-away TenantId", "DeviceEvents | getschema", "let T = DeviceEvents; T | union T", "materialize(DeviceEvents)",
                      "DeviceEvents | as X | union X", "print toscalar(DeviceEvents | summarize max(ReportId))", "DeviceEvents | evaluate bag_unpack(AdditionalFields)",
                      "DeviceEvents | where DeviceId !in ((DeviceEvents | project DeviceId | take 0))", "DeviceEvents | lookup DeviceEvents on ReportId",
                      "DeviceEvents | partition by DeviceId (top 1 by ReportId)", "DeviceEvents | make-series count() on TimeGenerated step 1d",
                      "DeviceEvents | extend x = column_ifexists('$tenant', '')", "DeviceEvents | where ['$tenant'] != ''",
                      "DeviceEvents | project ['$position']", "\"$tenant\"", "['DeviceEvents\" UNION SELECT * FROM \"DeviceEvents']", "DeviceEvents'; SELECT 1; --",
                      "externaldata(x:string)['/etc/passwd']", "externaldata(x:string)[@'file:///etc/passwd'] with (format='txt')",
                      "evaluate http_request('http://127.0.0.1/')", "evaluate sql_request('x', 'select 1')", "duckdb_settings() | take 1",
                      ".show tables", "read_csv('/etc/passwd')", "cluster('x').database('y').DeviceEvents",
                      "workspace('private-of-b').DeviceEvents", "union isfuzzy=true DeviceEvents, workspace('private-of-b').DeviceEvents | where ReportId > 50",
                      "union workspace('soc').*", "union workspace('soc').DeviceEvents, DeviceEvents | where ReportId > 50",
                      "let f = (n: string) { workspace('soc').DeviceEvents | where ReportId > toint(n) }; f('50')",
                      "resource('private-of-b').DeviceEvents", "database('private-of-b').DeviceEvents", "DeviceEvents | union workspace('soc').DeviceEvents, workspace('').DeviceEvents"):
            for name in ("by name", "Defender XDR", "Graph", "GET"):
                status, got, answer = through(hunt, name, query)
                leaks = [w for w in (b"104", b'"100"', b"[100", B.encode(), b"root:") if w in answer.body and w.decode() not in query]
                check(f"{name}: {query}: nothing of another's", status in (200, 400) and not leaks, leaks, answer)
        # Whose a workspace is: one that only others may ask is as one that is not there.
        for method, path, body in (("POST", "/v1/workspaces/{}/query", {"query": "print 1"}), ("GET", "/v1/workspaces/{}/query?query=print+1", None),
                                   ("GET", "/v1/workspaces/{}/metadata", None), ("POST", "/v1/workspaces/{}/metadata", {})):
            told = {}
            for who in (A, B):
                for name in ("private-of-b", "nobodys"):
                    told[who, name] = hunt.ask(method, path.format(name), body, who)
            check(f"{method} {path}: the owner may", told[B, "private-of-b"].status == 200, told[B, "private-of-b"])
            check(f"{method} {path}: to others it is not there", told[A, "private-of-b"].status == 404 and
                  told[A, "private-of-b"].body.replace(b"private-of-b", b"nobodys") == told[A, "nobodys"].body, told[A, "private-of-b"], told[A, "nobodys"])
            check(f"{method} {path}: as the service says it", told[A, "nobodys"].json()["error"]["code"] == "PathNotFoundError", told[A, "nobodys"])
        guid = hunt.ask("GET", "/v1/workspaces/private-of-b/metadata", token=B).json()["workspaces"][0]["id"]
        check("nor by its GUID", hunt.logs("print 1", guid).status == 404 and hunt.logs("print 1", guid, B).status == 200)
        for path in (f"/v1/{PRIVATE}/query", f"/v1{PRIVATE}/query", f"{PRIVATE}/query"):
            mine, theirs = (hunt.ask("POST", path, {"query": "print 1"}, who) for who in (A, B))
            check(f"nor by its id: {path}", mine.status == 404 and mine.json()["error"]["code"] == "ResourceNotFoundError" and theirs.status == 200, mine, theirs)
        told = {name: hunt.logs("print 1", workspaces=[name]) for name in ("private-of-b", "nobodys")}
        check("nor beside another", all(a.status == 400 for a in told.values()) and
              told["private-of-b"].body.replace(b"private-of-b", b"nobodys") == told["nobodys"].body, *told.values())
        got = hunt.ask("POST", "/v1/$batch", batch("print 1", workspace="private-of-b")).json()["responses"][0]
        check("nor in a batch", got["status"] == 404, got)


def default_workspace():
    """Doors whose paths name none."""
    with Hunt() as hunt:
        for name in ("Defender for Endpoint", "Defender XDR", "Graph", "Graph beta"):
            status, got, answer = through(hunt, name, "print 1")
            check(f"{name}: a tenant's only one", status == 200, answer)
            status, got, answer = through(hunt, name, "print 1", B)
            check(f"{name}: of several one has to be named", status == 404 and "soc" in answer.json()["error"]["message"], answer)
            path = DOORS[name][1]
            for workspace in ("soc", PRIVATE):
                answer = hunt.ask("POST", path, {"query": "print 1", "workspaceId": workspace}, B)
                check(f"{name}: {workspace[-12:]} is named", answer.status == 200, answer)
            answer = hunt.ask("POST", path, {"query": "print 1", "workspaceId": "private-of-b"}, A)
            check(f"{name}: another tenant's is not there", answer.status == 404, answer)
            status, got, answer = through(hunt, name, "print 1", C)
            check(f"{name}: who has none", status == 404 and "soc" not in answer.json()["error"]["message"], answer)


def nested(depth):
    return b'{"query":"print 1","x":' + b"[" * depth + b"]" * depth + b"}"


LOGS, GRAPH, MDE = "/v1/workspaces/soc/query", "/v1.0/security/runHuntingQuery", "/api/advancedhunting/run"
Q = {"query": "print 1"}
BAD = [  # name, method, path, body, status, what the answer has
    *[row for path, code in ((LOGS, "QueryValidationError"), (GRAPH, "BadRequest"), (MDE, "InvalidRequestBody"), ("/api/advancedqueries/run", "InvalidRequestBody"))
      for row in (
        ("no body", "POST", path, b"", 400, code),
        ("no JSON", "POST", path, b"print 1", 400, code),
        ("half of it", "POST", path, b'{"query":"print 1"', 400, code),
        ("an array", "POST", path, [Q], 400, code),
        ("a text", "POST", path, b'"print 1"', 400, code),
        ("two of it", "POST", path, b'{"query":"print 1"}{"query":"print 1"}', 400, code),
        ("a member twice", "POST", path, b'{"query":"print 1","query":"print 2"}', 400, code),
        ("no query", "POST", path, {}, 400, "'query' is missing"),
        ("null", "POST", path, {"query": None}, 400, "'query' is missing"),
        ("a number", "POST", path, {"query": 1}, 400, "'query' must be a text"),
        ("an object", "POST", path, {"query": {"query": "print 1"}}, 400, "'query' must be a text"),
        ("an empty one", "POST", path, {"query": ""}, 400, "'query' is empty"),
        ("blanks", "POST", path, {"query": " \t "}, 400, "'query' is empty"),
        ("a NUL", "POST", path, b'{"query":"print 1\\u0000"}', 400, code),
        ("no UTF-8", "POST", path, b'{"query":"print \'\xff\'"}', 400, code),
        ("half a surrogate", "POST", path, b'{"query":"print \'\\ud800\'"}', 400, code),
        ("too deep", "POST", path, nested(70), 400, code),
        ("far too deep", "POST", path, nested(100000), 400, code),
        ("over 1 MiB", "POST", path, b'{"query":"' + b" " * (1 << 20) + b'print 1"}', 413, "at most 1048576 bytes"),
        ("a long query", "POST", path, {"query": "print " + "1+" * 200000 + "1"}, 400, "error"),
        ("brackets", "POST", path, {"query": "print " + "(" * 100000}, 400, "error"),
        ("a time span of nonsense", "POST", path, {"query": "print 1", "timespan": "soon"}, 400, "'soon' is no ISO 8601 time span"),
        ("a time span that is a number", "POST", path, {"query": "print 1", "timespan": 1}, 400, "'timespan' must be a text"),
        ("a time span backwards", "POST", path, {"query": "print 1", "timespan": "2026-02-02/2026-02-01"}, 400, "ends before it begins"),
        ("a time span with more digits than time", "POST", path, {"query": "print 1", "timespan": "P" + "9" * 30 + "D"}, 400, "is no ISO 8601 time span"),
        ("a time span of a megabyte", "POST", path, {"query": "print 1", "timespan": "9" * 1000000}, 400, "is no ISO 8601 time span"),
        ("SQL", "POST", path, {"query": "SELECT * FROM DeviceEvents"}, 400, "error"),
        ("SQL behind a query", "POST", path, {"query": "DeviceEvents; DROP TABLE DeviceEvents"}, 400, "error"),
        ("an end while it runs", "POST", path, {"query": "print assert(1 == 2, 'no') "}, 400, "error"),
        ("GET", "DELETE", path, None, 405, "MethodNotAllowed"),
        ("compressed", "POST", path, (b"\x1f\x8b", {"Content-Encoding": "gzip"}), 415, "UnsupportedMediaType"),
      )],
    ("workspaces that are no list", "POST", LOGS, {"query": "print 1", "workspaces": "soc"}, 400, "'workspaces' must be a list"),
    ("workspaces of numbers", "POST", LOGS, {"query": "print 1", "workspaces": [1]}, 400, "'workspaces[0]' must be a name"),
    ("too many workspaces", "POST", LOGS, {"query": "print 1", "workspaces": ["soc"] * 101}, 400, "at most 100"),
    ("another workspace besides", "POST", LOGS, {"query": "print 1", "workspaces": ["soc", "other"]}, 400, "there is no workspace other here"),
    ("itself besides", "POST", LOGS, {"query": "print 1", "workspaces": ["soc", SOC]}, 200, "print_0"),
    ("no such workspace", "POST", "/v1/workspaces/none/query", Q, 404, "PathNotFoundError"),
    ("a GUID of none", "POST", "/v1/workspaces/b438b4f6-912a-46d5-9cb1-b44069212abc/query", Q, 404, "PathNotFoundError"),
    ("a workspace that climbs", "POST", "/v1/workspaces/../query", Q, 404, "PathNotFoundError"),
    ("a workspace with a slash", "POST", "/v1/workspaces/..%2f..%2fetc/query", Q, 400, "InvalidPath"),
    ("a workspace with a NUL", "POST", "/v1/workspaces/soc%00/query", Q, 400, "InvalidPath"),
    ("a workspace with a quote", "POST", "/v1/workspaces/soc'%22/query", Q, 404, "PathNotFoundError"),
    ("a workspace that is a file", "POST", "/v1/workspaces/soc.duckdb/query", Q, 404, "PathNotFoundError"),
    ("a workspace of 600 letters", "POST", f"/v1/workspaces/{'x' * 600}/query", Q, 400, "InvalidPath"),
    ("no workspace", "POST", "/v1/workspaces//query", Q, 404, "NotFound"),
    ("no such verb", "POST", "/v1/workspaces/soc/search", Q, 404, "NotFound"),
    ("a resource of another kind", "POST", f"/v1/{SUBSCRIPTION}/Microsoft.Compute/virtualMachines/soc/query", Q, 404, "NotFound"),
    ("a resource that is not there", "POST", f"/v1/{SOC}x/query", Q, 404, "ResourceNotFoundError"),
    ("a resource that climbs", "POST", f"/v1/{SOC.replace('test', '..')}/query", Q, 404, "ResourceNotFoundError"),
    ("GET without a query", "GET", LOGS, None, 400, "the parameter query is missing"),
    ("GET with an empty one", "GET", f"{LOGS}?query=", None, 400, "the parameter query is missing"),
    ("GET with blanks", "GET", f"{LOGS}?query=%20%0a", None, 400, "the parameter query is missing"),
    ("GET with a bad escape", "GET", f"{LOGS}?query=%zz", None, 400, "BadRequest"),
    ("GET with a query twice", "GET", f"{LOGS}?query=print+1&query=print+2", None, 200, "1"),
    ("GET, a time span of nonsense", "GET", f"{LOGS}?query=print+1&timespan=soon", None, 400, "is no ISO 8601 time span"),
    ("GET, another workspace besides", "GET", f"{LOGS}?query=print+1&workspaces=soc,other", None, 400, "there is no workspace other here"),
    ("GET of 40 KB", "GET", f"{LOGS}?query=print+1{'%20' * 14000}", None, 431, ""),
    ("POST, a time span of nonsense in the path", "POST", f"{LOGS}?timespan=soon", Q, 400, "is no ISO 8601 time span"),
    ("a batch of nothing", "POST", "/v1/$batch", {}, 400, "'requests' must be a list"),
    ("an empty batch", "POST", "/v1/$batch", {"requests": []}, 400, "'requests' must be a list of 1 to 100"),
    ("a batch of 101", "POST", "/v1/$batch", batch(*["print 1"] * 101), 400, "'requests' must be a list of 1 to 100"),
    ("a batch that is a list", "POST", "/v1/$batch", [Q], 400, "'requests' must be a list"),
    ("a batch of texts", "POST", "/v1/$batch", {"requests": ["print 1"]}, 400, "'requests[0]' needs the texts id"),
    ("a batch without ids", "POST", "/v1/$batch", {"requests": [{"workspace": "soc", "path": "/query", "body": Q}]}, 400, "'requests[0]' needs the texts id"),
    ("a batch with ids that are numbers", "POST", "/v1/$batch", {"requests": [{"id": 1, "workspace": "soc", "path": "/query", "body": Q}]}, 400, "needs the texts id"),
    ("a batch with an id of 201 bytes", "POST", "/v1/$batch", {"requests": [{"id": "x" * 201, "workspace": "soc", "path": "/query", "body": Q}]}, 400, "at most 200"),
    ("a batch without workspaces", "POST", "/v1/$batch", {"requests": [{"id": "1", "path": "/query", "body": Q}]}, 400, "'requests[0]' needs the texts id"),
    ("a batch without paths", "POST", "/v1/$batch", {"requests": [{"id": "1", "workspace": "soc", "body": Q}]}, 400, "'requests[0]' needs the texts id"),
    ("a batch with an id twice", "POST", "/v1/$batch", {"requests": batch("print 1", "print 2")["requests"] + batch("print 3")["requests"]}, 400,
     "'requests[2]' has the id of an earlier one"),
    ("a batch, GET", "GET", "/v1/$batch", None, 405, "MethodNotAllowed"),
    ("a batch of no JSON", "POST", "/v1/$batch", b"{", 400, "QueryValidationError"),
    ("metadata of none", "GET", "/v1/workspaces/none/metadata", None, 404, "PathNotFoundError"),
    ("metadata, PUT", "PUT", "/v1/workspaces/soc/metadata", {}, 405, "MethodNotAllowed"),
]


def bad():
    with Hunt(hunting={"workspace": "soc"}) as hunt:
        for path in (GRAPH, MDE):
            answer = hunt.ask("POST", path, {"query": "print 1", "workspaceId": 7})
            check(f"{path}: a workspace that is a number", answer.status == 400 and b"'workspaceId' must be a text" in answer.body, answer)
        check("a table of at least 60 rows", len(BAD) >= 60, len(BAD))
        for name, method, path, body, status, has in BAD:
            headers = {}
            if isinstance(body, tuple):
                body, headers = body
            try:
                answer = hunt.ask(method, path, body, headers=headers)
            except OSError as why:  # a request of 1 MiB may be reset while it is still being sent
                check(f"{name}: {method} {path[:60]}: closed", status == 413, why)
                continue
            check(f"{name}: {method} {path[:60]}", answer.status == status and has.encode() in answer.body.replace(b'\\"', b'"'), answer)
            if status == 400 and answer.status == 400:
                check(f"{name}: an error that clients read", answer.json()["error"]["code"] and answer.json()["error"]["message"], answer)
        check("and it lives", of_tables(hunt.logs("print 7")) == [[7]])


def in_background(count, run):
    answers = [None] * count

    def one(i):
        try:
            answers[i] = run(i)
        except (OSError, Failed) as why:
            answers[i] = why

    threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(count)]
    for t in threads:
        t.start()
    return threads, answers


def limits():
    with Hunt(hunting={"workspace": "soc", "queries": 1, "time": "2 s", "timeMax": "20 s", "answerRows": 1000, "answerSize": "256 KiB"}) as hunt:
        hunt.logs("print 1")  # the file is opened
        for path in (LOGS, GRAPH, MDE):
            began = time.monotonic()
            answer = hunt.ask("POST", path, {"query": LONG})
            took = time.monotonic() - began
            check(f"{path}: ended after its time", answer.status == 504 and 1.5 < took < 6 and answer.json()["error"]["code"] == "GatewayTimeout", took, answer)
        began = time.monotonic()
        answer = hunt.ask("POST", LOGS, {"query": LONG}, headers={"Prefer": "wait=1"})
        check("or the time that it asked for", answer.status == 504 and time.monotonic() - began < 1.9, time.monotonic() - began, answer)
        got = hunt.logs("range i from 1 to 5000 step 1").json()
        check("too many rows: some, and it says so", len(got["tables"][0]["rows"]) == 1000 and got["error"]["code"] == "PartialError" and
              "set limit of 1000 records" in got["error"]["details"][0]["innererror"]["message"], got.get("error"))
        answer = hunt.logs("range i from 1 to 900 step 1 | extend s = strrep('x', 1000)")
        got = answer.json()
        count = len(got["tables"][0]["rows"])
        check("too many bytes: whole rows, and it says so", 100 < count < 300 and got["error"]["code"] == "PartialError" and
              "bytes" in got["error"]["details"][0]["innererror"]["message"] and len(answer.body) < 300 << 10, count, len(answer.body), got.get("error"))
        answer = hunt.logs("range i from 1 to 300 step 1 | extend s = strcat_array(repeat('\\n\\t', 300), '')")
        check("bytes are counted as they leave", answer.json()["error"]["code"] == "PartialError" and len(answer.body) < 300 << 10, len(answer.body))
        answer = hunt.ask("POST", MDE, {"query": "range i from 1 to 5000 step 1"})
        check("Defender: some rows, and a header says so", len(answer.json()["Results"]) == 1000 and answer.headers["x-penstock-partial"] == "rows", answer.headers)
        answer = hunt.ask("POST", GRAPH, {"query": "range i from 1 to 900 step 1 | extend s = strrep('x', 1000)"})
        check("Graph: too many bytes are refused", answer.status == 400 and "exceeded the allowed result size" in answer.json()["error"]["message"], answer)
        answer = hunt.ask("POST", "/v1/$batch", batch(*["range i from 1 to 200 step 1 | extend s = strrep('x', 1000)"] * 3))
        parts = answer.json()["responses"]
        check("a batch has one limit", len(answer.body) < 320 << 10 and "error" not in parts[0]["body"] and parts[2]["body"]["error"]["code"] == "PartialError",
              len(answer.body), [list(p["body"]) for p in parts])
        answer = hunt.logs("range i from 1 to 100000000 step 1 | extend s = strrep('x', 100) | sort by s, i desc | summarize make_list(s)")
        check("too much memory or time", answer.status in (400, 504), answer)
        throttling(hunt)
        leaving(hunt)
        stopping(hunt)


def throttling(hunt):
    """One query runs, three of a tenant wait; further ones are told to come again. Another tenant has its turn."""
    threads, answers = in_background(6, lambda i: hunt.ask("POST", LOGS, {"query": LONG}, headers={"Prefer": "wait=4"}))
    wait_for(lambda: sum(a is not None for a in answers) == 2, 3, "two of six are refused", 0.01)
    got = [a for a in answers if a is not None]
    got += [hunt.logs("print 1"), hunt.ask("POST", MDE, {"query": "print 1"}), hunt.ask("POST", GRAPH, {"query": "print 1"})]
    check("429, with Retry-After", all(a.status == 429 and a.headers["Retry-After"] == "5" for a in got), *got)
    check("in each service's words", [a.json()["error"]["code"] for a in got] == ["ThrottledError"] * 3 + ["TooManyRequests"] * 2, *got)
    got = hunt.ask("POST", "/v1/$batch", batch("print 1"))
    check("in a batch too", got.status == 200 and got.json()["responses"][0]["status"] == 429, got)
    answer = hunt.ask("POST", LOGS, {"query": "print 7"}, B, headers={"Prefer": "wait=15"})
    check("another tenant waits its turn", answer.status == 200 and of_tables(answer) == [[7]], answer)
    for t in threads:
        t.join()
    check("those that waited ended in time", all(a.status in (504, 429) for a in answers), *answers)


def leaving(hunt):
    """A client that has gone leaves its seat."""
    url = urllib.parse.urlsplit(hunt.daemon.url)
    body = json.dumps({"query": LONG}).encode()
    with socket.create_connection((url.hostname, url.port)) as s:
        s.sendall((f"POST {LOGS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hunt.tokens[A]}\r\nPrefer: wait=20\r\n"
                   f"Content-Length: {len(body)}\r\n\r\n").encode() + body)
        wait_for(lambda: hunt.ask("POST", LOGS, {"query": "print 1"}, headers={"Prefer": "wait=1"}).status == 429, 5, "it has the only seat")
    began = time.monotonic()
    answer = hunt.logs("print 1")
    took = time.monotonic() - began
    check("the next one has its seat soon", answer.status == 200 and took < 2, took, answer)


def stopping(hunt):
    threads, answers = in_background(1, lambda i: hunt.ask("POST", LOGS, {"query": LONG}, headers={"Prefer": "wait=20"}))
    wait_for(lambda: hunt.ask("POST", LOGS, {"query": "print 1"}, headers={"Prefer": "wait=1"}).status == 429, 5, "it runs")
    began = time.monotonic()
    code = hunt.daemon.stop()
    took = time.monotonic() - began
    threads[0].join()
    check("a query does not hold up the end", code == 0 and took < 8, code, took)
    check("and is told to come again", isinstance(answers[0], OSError) or (answers[0].status == 503 and answers[0].headers["Retry-After"]), answers[0])


def slow_readers():
    """Answers that nobody reads are bounded together; another tenant is not held up."""
    with Hunt(hunting={"workspace": "soc", "answerSize": "32 MiB"}) as hunt:
        url = urllib.parse.urlsplit(hunt.daemon.url)
        body = json.dumps({"query": "range i from 1 to 300000 step 1 | extend s = strcat(i, strrep('x', 100))"}).encode()
        readers = []
        for _ in range(2):
            s = socket.create_connection((url.hostname, url.port))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            s.sendall((f"POST {LOGS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {hunt.tokens[A]}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
            check("a large answer begins", s.recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK")
            readers.append(s)
        answer = hunt.ask("POST", LOGS, body)
        check("a third is too much", answer.status == 429 and answer.headers["Retry-After"], answer.status, len(answer.body))
        answer = hunt.ask("POST", LOGS, body, token=B)
        check("another tenant is answered", answer.status == 200 and len(answer.body) > 30000000, answer.status, len(answer.body))
        check("and small answers are", hunt.logs("print 1", token=B).status == 200)
        for s in readers:
            s.close()
        check("when they have gone there is room", wait_for(lambda: hunt.ask("POST", LOGS, body).status == 200, 20, "room for answers", 0.2))


def damaged():
    """A workspace that cannot be opened: told without its path, and asked again once it is mended."""
    with Hunt(hunting={"workspace": "soc"}) as hunt:
        hunt.daemon.stop()
        path = hunt.daemon.folder / "soc.duckdb"
        if path.exists():
            path.rename(hunt.daemon.folder / "away")
        path.write_bytes(b"this is no database" * 1000)
        hunt.daemon.start()
        for door in (LOGS, GRAPH, MDE):
            answer = hunt.ask("POST", door, Q)
            check(f"{door}: 500 and no path", answer.status == 500 and b"duckdb" not in answer.body and answer.json()["error"]["code"] == "InternalServerError", answer)
        check("the log says which", "soc.duckdb" in hunt.daemon.log())
        path.unlink()
        wait_for(lambda: hunt.logs("print 1").status == 200, 10, "it is made anew", 0.2)
        check("no harm to the rest", hunt.daemon.get("/healthz").status in (200, 503))


def local():
    """A workspace that a setting makes by its local id, asked by name."""
    with Daemon() as daemon:
        daemon.write_config()
        daemon.start()
        daemon.put_workspace("fill", f"{LOCAL}/Microsoft.OperationalInsights/workspaces/corner", lingerMs=20)
        daemon.post("DeviceEvents", rows(1, 4))
        daemon.wait_delivered("fill")
        for path in ("/v1/workspaces/corner/query", "/v1/workspaces/CORNER/query", f"/v1/{LOCAL}/Microsoft.OperationalInsights/workspaces/corner/query", MDE):
            answer = daemon.request("POST", path, json.dumps({"query": "DeviceEvents | count"}))
            check(f"{path}", answer.status == 200 and b"4" in answer.body, answer)


def absent():
    """A build without DuckDB: every door says so, and records go their way."""
    with Daemon() as daemon:
        daemon.start()
        doors = {name: (method, path, body and body("print 1")) for name, (method, path, body, _) in DOORS.items()}
        doors |= {"Kusto": ("POST", "/v2/rest/query", {"db": "soc", "csl": "print 1"}),
                  "Kusto's commands": ("POST", "/v1/rest/mgmt", {"db": "soc", "csl": ".show tables"})}
        for name, (method, path, body) in doors.items():
            answer = daemon.request(method, path + ("print" if body is None else ""), body and json.dumps(body))
            check(name, answer.status in ((200,) if "batch" in name else (400, 404)) and b"built without DuckDB" in answer.body, answer)
        daemon.put_workspace("fill", f"{LOCAL}/Microsoft.OperationalInsights/workspaces/corner", lingerMs=20)
        daemon.post("DeviceEvents", rows(1, 4))
        daemon.wait_delivered("fill")
        check("a local id is a folder", not list(daemon.folder.rglob("*.duckdb")))
        table = daemon.folder / "rows.ndjson"
        table.write_text('{"DeviceName": "a"}\n{"DeviceName": "b"}\n')
        asked = subprocess.run([PENSTOCK, "query", "--table", f"DeviceEvents={table}", "DeviceEvents | where DeviceName == 'b' | count",
                                "--format", "csv"], capture_output=True, text=True)
        check("files are asked", asked.returncode == 0 and asked.stdout.split() == ["Count", "1"], asked)


SECTIONS = {"doors": doors, "answers": answers, "isolation": isolation, "default": default_workspace, "bad": bad, "limits": limits,
            "readers": slow_readers, "damaged": damaged, "local": local}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    options = options.parse_args()
    if not has_workspaces():
        check.skip("hunting", "this build has no workspace")
        check.run("absent", absent)
        check.end()
    for name in options.sections or SECTIONS:
        check.run(name, SECTIONS[name])
    check.end()


if __name__ == "__main__":
    main()
