#!/usr/bin/env python3
"""The published Logs Ingestion client (npm @azure/monitor-ingestion) feeds the daemon over TLS: thousands of rows in chunks through a
data collection rule with transformKql, the built-in rule, two flows at once, every refusal; and what an export then has of it. Beside it
what the client does not do: bodies that are wrong in each of many ways, requests sent twice, and rules on the command line."""
import collections
import gzip
import http.client
import json
import os
import pathlib
import random
import shutil
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import peers  # noqa: E402
from arm import GROUP, OTHER, RG, SUBSCRIPTION, TENANT, configuration  # noqa: E402
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import TENANT as daemon_tenant, Daemon  # noqa: E402

check = Checks()
RULES = f"{RG}/providers/Microsoft.Insights/dataCollectionRules"
LOCAL = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/local"
COLUMNS = [{"name": "Time", "type": "datetime"}, {"name": "Number", "type": "int"}, {"name": "Message", "type": "string"}, {"name": "Extra", "type": "dynamic"}]
RULE = {"location": "westeurope", "kind": "Direct", "properties": {
    "description": "what the test sends",
    "streamDeclarations": {"Custom-Events": {"columns": COLUMNS}, "Custom-Twice": {"columns": COLUMNS[1:2]}},
    "destinations": {"logAnalytics": [{"name": "ws", "workspaceResourceId": "/subscriptions/x"}]},
    "dataFlows": [
        {"streams": ["Custom-Events"], "destinations": ["ws"], "outputStream": "Custom-Events_CL",
         "transformKql": "source | where Number > 0 | extend TimeGenerated = Time, Length = strlen(Message) | project-away Time, Message"},
        {"streams": ["Custom-Twice"], "outputStream": "Custom-First_CL"},
        {"streams": ["Custom-Twice"], "outputStream": "Microsoft-DeviceEvents", "transformKql": "source | where Number == 2 | project ReportId = tolong(Number)"}]}}


class Door:
    """The daemon over TLS."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.certificate, key = peers.make_certificate(daemon.folder)
        daemon.write_config(**configuration(daemon, http={"tls": "files", "certificate": str(self.certificate), "key": str(key)}))
        daemon.start()
        self("PUT", f"{RG}?api-version=2021-04-01", {"location": "westeurope"}, status=201)
        self.rule = self("PUT", f"{RULES}/events?api-version=2023-03-11", RULE, status=201)["properties"]["immutableId"]

    def raw(self, method, path, body=b"", token=None, **headers):
        url = urllib.parse.urlsplit(self.daemon.url)
        connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=60, context=ssl.create_default_context(cafile=str(self.certificate)))
        try:
            connection.request(method, path, body or None, {"Authorization": f"Bearer {token or self.daemon.token}", "Content-Type": "application/json", **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def __call__(self, method, path, body, status=200, **more):
        got, _, text = self.raw(method, path, b"" if body is None else json.dumps(body), **more)
        if got != status:
            raise Failed(f"{method} {path}: {got} {text[:600]}")
        return json.loads(text) if text else None

    def upload(self, body, stream="Custom-Events", rule=None, query="api-version=2023-01-01", **headers):
        got, head, text = self.raw("POST", f"/dataCollectionRules/{rule or self.rule}/streams/{stream}?{query}", body, **headers)
        return got, head, json.loads(text)["error"] if text else {}

    def export(self, name="all"):
        """Sends everything to the local storage account."""
        self("PUT", f"/api/dataexportsettings/{name}?tenantId={TENANT}", {
            "storageAccountProperties": {"storageAccountResourceId": LOCAL}, "logs": [], "penstock": {"allCategories": True}}, status=201)

    def arrived(self, table, count):
        """What the export has of a table: 'count' records, and no more."""
        folder = self.daemon.data / "storage"

        def look():
            found = []
            for path in sorted(folder.rglob("PT1H*.json")):
                for line in path.read_bytes().splitlines():
                    record = json.loads(line)
                    if record["category"] == f"AdvancedHunting-{table}":
                        found.append(record)
            return found if len(found) >= count else None

        found = wait_for(look, 30, lambda: f"{count} records of {table} arrive in {folder}")
        return found if len(found) == count else [f"{len(found)} records instead of {count}"]


def client(door, part):
    script = peers.NODE / "logs_sdk.js"
    shutil.copy(HERE / "logs_sdk.js", script)
    tokens = {name: door.daemon.make_token(tenant, role)["token"] for name, tenant, role in (
        ("INGEST", TENANT, "ingest"), ("READER", TENANT, "SecurityReader"), ("STRANGER", OTHER, "ingest"))}
    code, shown, errors = door.daemon.run("collection", "show", "default", "--tenant", TENANT, "--ca-file", str(door.certificate), "--json")
    port = urllib.parse.urlsplit(door.daemon.url).port
    environment = dict(os.environ, NODE_EXTRA_CA_CERTS=str(door.certificate), URL=f"https://localhost:{port}", RULE=door.rule,
                       DEFAULT=json.loads(shown)["immutableId"] if code == 0 else errors, **tokens)
    done = subprocess.run(peers.node(script, part), env=environment, capture_output=True, timeout=180, cwd=peers.NODE)
    lines = done.stdout.decode(errors="replace").splitlines()
    for line in lines:
        seen = json.loads(line)
        check(f"{part}: {seen['name']}", seen["ok"], seen["seen"])
    check(f"{part}: the client ran", done.returncode == 0 and lines, done.stderr.decode(errors="replace")[-2000:])
    return done.stderr.decode(errors="replace")


def sdk():
    with Daemon() as daemon:
        daemon.write_config(limits={"record": "2MiB"})
        door = Door(daemon)
        door.export()
        client(door, "upload")
        events = door.arrived("Events_CL", 3000)
        numbers = sorted(r["properties"]["Number"] for r in events)
        check("each row is there once", numbers == list(range(1, 3001)), len(numbers), numbers[:3])
        one = min(events, key=lambda r: r["properties"]["Number"])
        check("as transformKql made it", set(one["properties"]) == {"Number", "Extra", "TimeGenerated", "Length"} and
              one["properties"]["TimeGenerated"].startswith("2026-09-14T08:00:00.001") and one["properties"]["Extra"] == {"deep": [1.5, None, True]}, one)
        check("for the token's tenant", one["tenantId"] == TENANT, one["tenantId"])
        devices = {r["properties"]["DeviceId"]: r["properties"] for r in door.arrived("DeviceInfo", 2)}
        check("a hunting table has its own time and types", devices["d1"]["Timestamp"] == "2026-09-14T09:00:00Z" and
              devices["d1"]["LoggedOnUsers"] == '[{"UserName":"u"}]', devices["d1"])
        check("a row without a time has that of its coming", devices["d2"]["Timestamp"].startswith("20"), devices["d2"])
        check("a custom table of the built-in rule", door.arrived("Anything_CL", 1)[0]["properties"]["A"] == 1)
        check("two flows of one stream", len(door.arrived("First_CL", 2)) == 2 and [r["properties"]["ReportId"] for r in door.arrived("DeviceEvents", 1)] == [2])
        check("a large row", sorted(len(r["properties"]["A"]) for r in door.arrived("Large_CL", 2)) == [1, 1500000])
        errors = client(door, "errors")
        kept = json.loads(errors.strip().splitlines()[-1])["kept"]
        events = door.arrived("Events_CL", 3000 + len(kept))
        check("of a request that is refused in part nothing else is missing",
              sorted(r["properties"]["Number"] for r in events) == sorted(list(range(1, 3001)) + kept), len(events))
        uses = daemon.run("collection", "uses", f"{GROUP}/events", "--subscription", SUBSCRIPTION, "--ca-file", str(door.certificate))
        check("where it goes", [line.split()[-1] for line in uses[1].splitlines()] == ["EXPORTS", "all", "all", "all"], uses)
        metrics = door.raw("GET", "/metrics")[2].decode()
        check("what was dropped is counted", 'penstock_collected_rows_total{result="dropped"}' in metrics, metrics[:300])
        check("it stops", daemon.stop() == 0, daemon.log_tail())


def packed(text):
    return gzip.compress(text)


GZIP = {"Content-Encoding": "gzip"}
ROW = b'{"Number":1}'
BODIES = [  # name, body, headers, status, code, what the message holds
    ("an empty array", b"[]", {}, 204, None, ""),
    ("blanks and a mark before it", b"\xef\xbb\xbf \n[ {\"Number\":-5} ] \n", {}, 204, None, ""),
    ("nothing", b"", {}, 400, "InvalidPayload", "empty"),
    ("blanks", b" \n\t", {}, 400, "InvalidPayload", "empty"),
    ("an object", ROW, {}, 400, "InvalidPayload", "must be a JSON array"),
    ("an object of records", b'{"records":[' + ROW + b"]}", {}, 400, "InvalidPayload", "must be a JSON array"),
    ("lines", ROW + b"\n" + ROW, {}, 400, "InvalidPayload", "must be a JSON array"),
    ("text", b"Number,Message\n1,a", {}, 400, "InvalidPayload", "must be a JSON array"),
    ("null", b"null", {}, 400, "InvalidPayload", "must be a JSON array"),
    ("an array of numbers", b"[1,2]", {}, 400, "InvalidPayload", "Row 1"),
    ("an array in an array", b"[[" + ROW + b"]]", {}, 400, "InvalidPayload", "Row 1"),
    ("null for a row", b"[" + ROW + b",null]", {}, 400, "InvalidPayload", "Row 2"),
    ("a string for a row", b'["a"]', {}, 400, "InvalidPayload", "Row 1"),
    ("an array that does not end", b"[" + ROW, {}, 400, "InvalidPayload", "Row 2"),
    ("a row that does not end", b"[" + ROW + b',{"Number":', {}, 400, "InvalidPayload", "Row 2"),
    ("a comma too many", b"[" + ROW + b",]", {}, 400, "InvalidPayload", "Row 2"),
    ("a comma too few", b"[" + ROW + ROW + b"]", {}, 400, "InvalidPayload", "Row 2"),
    ("more behind the array", b"[" + ROW + b"]x", {}, 400, "InvalidPayload", "Row 2"),
    ("two arrays", b"[" + ROW + b"][" + ROW + b"]", {}, 400, "InvalidPayload", "Row 2"),
    ("a NUL", b"[" + ROW + b"\x00]", {}, 400, "InvalidPayload", "Row 2"),
    ("not UTF-8", b'[{"Message":"\xff"}]', {}, 400, "InvalidPayload", "column Message"),
    ("UTF-16", "[{}]".encode("utf-16"), {}, 400, "InvalidPayload", "must be a JSON array"),
    ("a control character", b'[{"Message":"\x01"}]', {}, 400, "InvalidPayload", "column Message"),
    ("a number that is none", b'[{"Number":01}]', {}, 400, "InvalidPayload", "column Number"),
    ("NaN", b'[{"Number":NaN}]', {}, 400, "InvalidPayload", "column Number"),
    ("single quotes", b"[{'Number':1}]", {}, 400, "InvalidPayload", "Row 1"),
    ("a comment", b"[/* */" + ROW + b"]", {}, 400, "InvalidPayload", "Row 1"),
    ("too deep", b'[{"Extra":' + b"[" * 2000 + b"]" * 2000 + b"}]", {}, 400, "InvalidPayload", "column Extra"),
    ("a fault in row 700", b"[" + b",".join([ROW] * 699 + [b"{]"] + [ROW] * 5) + b"]", {}, 400, "InvalidPayload", "Row 700"),
    ("more columns than a row may have", b"[{" + b",".join(b'"c%d":1' % n for n in range(5000)) + b"}]", {}, 400, "InvalidPayload", "Row 1"),
    ("a row larger than limits.record", b'[{"Message":"' + b"x" * 1100000 + b'"}]', {}, 413, "ContentLengthLimitExceeded", "Row 1"),
    ("a body larger than any may be", b"[" + b",".join([b'{"Number":-1,"Message":"' + b"x" * 100000 + b'"}'] * 50) + b"]", {}, 413, "ContentLengthLimitExceeded", "Maximum"),
    ("the same, packed", packed(b"[" + b",".join([b'{"Number":-1,"Message":"' + b"x" * 100000 + b'"}'] * 50) + b"]"), GZIP, 413, "ContentLengthLimitExceeded", "Maximum"),
    ("a bomb", packed(b"[" + b" " * (256 << 20) + b"]"), GZIP, 413, "ContentLengthLimitExceeded", "Maximum"),
    ("packed", packed(b'[{"Number":-1}]'), GZIP, 204, None, ""),
    ("packed, in two members", packed(b'[{"Number"') + packed(b":-1}]"), GZIP, 204, None, ""),
    ("packed as x-gzip", packed(b'[{"Number":-1}]'), {"Content-Encoding": "x-gzip"}, 204, None, ""),
    ("said to be packed", b"[{}]", GZIP, 400, "InvalidPayload", "gzip"),
    ("packed and cut", packed(b"[" + b",".join([ROW] * 100) + b"]")[:-9], GZIP, 400, "InvalidPayload", "gzip"),
    ("packed and damaged", packed(b'[{"Number":-1}]')[:-5] + b"\x00\x00\x00\x00\x00", GZIP, 400, "InvalidPayload", "gzip"),
    ("packed with more behind it", packed(b"[]") + b"junk", GZIP, 400, "InvalidPayload", "gzip"),
    ("packed nothing", packed(b""), GZIP, 400, "InvalidPayload", "empty"),
    ("packed and not said so", packed(b"[]"), {}, 400, "InvalidPayload", "must be a JSON array"),
    ("deflate", b"[]", {"Content-Encoding": "deflate"}, 415, "UnsupportedMediaType", "gzip"),
    ("an id that is too long", b"[]", {"x-ms-client-request-id": "x" * 300}, 400, "InvalidBatchId", "256"),
]


def bodies():
    with Daemon() as daemon:
        door = Door(daemon)
        door.export()
        for name, body, headers, status, code, says in BODIES:
            got, _, error = door.upload(body, **headers)
            check(name, got == status and error.get("code") == code and says in error.get("message", ""), got, error)
        check("no version", door.upload(b"[]", query="x=1")[2].get("code") == "MissingApiVersionParameter")
        check("another version", door.upload(b"[]", query="api-version=2019-01-01")[2].get("code") == "UnsupportedApiVersion")
        check("its older version, the name encoded", door.upload(b"[]", query="api%2Dversion=2021-11-01-preview")[0] == 204)
        check("only POST", door.raw("GET", f"/dataCollectionRules/{door.rule}/streams/Custom-Events")[0] == 405)
        check("an operator says whose the built-in rule is", door.upload(b"[]", rule="default", stream="Custom-A")[2].get("code") == "TenantRequired")
        got = door.upload(b'[{"A":1}]', rule="default", stream="Custom-A", query=f"api-version=2023-01-01&tenantId={TENANT}")
        check("or with a tenant", got[0] == 204, got)
        # sent twice
        body = b'[{"Number":41},{"Number":42}]'
        for again in range(3):
            got = door.upload(body, **{"x-ms-client-request-id": "6c0a5a3e-0000-4000-8000-000000000001"})
            check(f"the same request, {again + 1}", got[0] == 204, got)
        check("the client's id comes back", got[1].get("x-ms-client-request-id") == "6c0a5a3e-0000-4000-8000-000000000001", got[1])
        check("other rows under the same id", door.upload(b'[{"Number":43}]', **{"x-ms-client-request-id": "6c0a5a3e-0000-4000-8000-000000000001"})[0] == 204)
        check("the same without an id", [door.upload(b'[{"Number":44}]')[0] for _ in range(2)] == [204, 204])
        events = door.arrived("Events_CL", 5)
        check("nothing of what was refused is there, and what was sent again is there once",
              sorted(r["properties"]["Number"] for r in events) == [41, 42, 43, 44, 44], events)


FAULTY = [  # name, path of the change, value, target, what the message holds
    ("no properties", ["properties"], None, "properties", "missing"),
    ("no flows", ["properties", "dataFlows"], [], "properties.dataFlows", "missing"),
    ("flows that are none", ["properties", "dataFlows"], {}, "properties.dataFlows", "missing"),
    ("a flow without streams", ["properties", "dataFlows", 0, "streams"], [], "properties.dataFlows[0].streams", "missing"),
    ("a stream that is not declared", ["properties", "dataFlows", 0, "streams"], ["Custom-Nothing"], "properties.dataFlows[0].streams[0]", "neither declared"),
    ("a stream of no kind", ["properties", "dataFlows", 0, "streams"], ["Events"], "properties.dataFlows[0].streams[0]", "neither declared"),
    ("a stream that is a number", ["properties", "dataFlows", 0, "streams"], [7], "properties.dataFlows[0].streams[0]", "a string"),
    ("an output that is no stream", ["properties", "dataFlows", 0, "outputStream"], "Events_CL", "properties.dataFlows[0].outputStream", "Microsoft-TABLE or Custom-TABLE_CL"),
    ("a custom table without _CL", ["properties", "dataFlows", 0, "outputStream"], "Custom-Events", "properties.dataFlows[0].outputStream", "_CL"),
    ("a table whose name is a path", ["properties", "dataFlows", 0, "outputStream"], "Custom-../x_CL", "properties.dataFlows[0].outputStream", "no name of a table"),
    ("a query that is none", ["properties", "dataFlows", 0, "transformKql"], "source | wher Number > 1", "properties.dataFlows[0].transformKql", "line 1, column 10"),
    ("a query of a column that is not declared", ["properties", "dataFlows", 0, "transformKql"], "source\n| where Nmber > 1", "properties.dataFlows[0].transformKql", "line 2, column 9: KQL102"),
    ("a query that is not row by row", ["properties", "dataFlows", 0, "transformKql"], "source | count", "properties.dataFlows[0].transformKql", "KQL201"),
    ("a time that is text", ["properties", "dataFlows", 0, "transformKql"], "source | project TimeGenerated = Message", "properties.dataFlows[0].transformKql", "as datetime"),
    ("a query that is a number", ["properties", "dataFlows", 0, "transformKql"], 7, "properties.dataFlows[0].transformKql", "a string"),
    ("a destination that is not there", ["properties", "dataFlows", 0, "destinations"], ["elsewhere"], "properties.dataFlows[0].destinations[0]", "none named 'elsewhere'"),
    ("destinations that are none", ["properties", "destinations"], [], "properties.destinations", "an object"),
    ("a built-in transform", ["properties", "dataFlows", 0, "builtInTransform"], "x", "properties.dataFlows[0].builtInTransform", "transformKql"),
    ("a stream's name", ["properties", "streamDeclarations", "Events"], {"columns": COLUMNS}, "properties.streamDeclarations.Events", "Custom-NAME"),
    ("no columns", ["properties", "streamDeclarations", "Custom-Events"], {"columns": []}, "properties.streamDeclarations.Custom-Events", "columns is missing"),
    ("a type that is none", ["properties", "streamDeclarations", "Custom-Events", "columns", 0, "type"], "text", "properties.streamDeclarations.Custom-Events.columns[0]", "no type"),
    ("a column without type", ["properties", "streamDeclarations", "Custom-Events", "columns", 0], {"name": "Time"}, "properties.streamDeclarations.Custom-Events.columns[0]", "name and a type"),
    ("a column twice", ["properties", "streamDeclarations", "Custom-Events", "columns", 1, "name"], "Time", "properties.streamDeclarations.Custom-Events.columns[1]", "twice"),
    ("a column's name", ["properties", "streamDeclarations", "Custom-Events", "columns", 0, "name"], "a b", "properties.streamDeclarations.Custom-Events.columns[0]", "no column name"),
    ("a description that is none", ["properties", "description"], 7, "properties.description", "a string"),
]


def rules():
    with Daemon() as daemon:
        door = Door(daemon)
        path = f"{RULES}/events?api-version=2023-03-11"
        shown = door("GET", path, None)
        check("what is stored is what was sent", all(shown["properties"][k] == v for k, v in RULE["properties"].items()) and
              shown["properties"]["endpoints"]["logsIngestion"].startswith("https://") and shown["name"] == "events" and shown["etag"], shown)
        check("the immutable id", shown["properties"]["immutableId"] == door.rule and len(door.rule) == 36 and door.rule.startswith("dcr-"), door.rule)
        for name, place, value, target, says in FAULTY:
            body = json.loads(json.dumps(RULE))
            at = body
            for key in place[:-1]:
                at = at[key]
            at[place[-1]] = value
            got, _, text = door.raw("PUT", f"{RULES}/faulty?api-version=2023-03-11", json.dumps(body))
            details = json.loads(text)["error"].get("details", [])
            check(name, got == 400 and any(d["target"] == target and says in d["message"] for d in details), got, text)
        check("no location", door.raw("PUT", f"{RULES}/faulty?api-version=2023-03-11", json.dumps({"properties": RULE["properties"]}))[0] == 400)
        check("a name that is none", door.raw("PUT", f"{RULES}/a%20b?api-version=2023-03-11", json.dumps(RULE))[0] == 400)
        check("no such group", door.raw("PUT", f"{RULES.replace(GROUP, 'none')}/x?api-version=2023-03-11", json.dumps(RULE))[0] == 404)
        check("a stale etag", door.raw("PUT", path, json.dumps(RULE), **{"If-Match": '"0x0"'})[0] == 412)
        check("the same once more keeps its etag", door("PUT", path, RULE)["etag"] == shown["etag"])
        changed = door("PATCH", path, {"tags": {"a": "b"}, "properties": {"description": None}})
        check("patched", changed["tags"] == {"a": "b"} and "description" not in changed["properties"], changed)
        # the next upload goes by it
        door.export()
        check("before", door.upload(b'[{"Number":1}]')[0] == 204)
        changed["properties"]["dataFlows"][0]["outputStream"] = "Custom-Changed_CL"
        door("PUT", path, changed)
        check("after", door.upload(b'[{"Number":2}]')[0] == 204)
        check("a changed rule holds from the next upload on", [r["properties"]["Number"] for r in door.arrived("Events_CL", 1) + door.arrived("Changed_CL", 1)] == [1, 2])
        check("listed", [r["name"] for r in door("GET", f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/dataCollectionRules?api-version=2022-06-01", None)["value"]] == ["events"])
        reader, stranger = (daemon.make_token(t, r)["token"] for t, r in ((TENANT, "SecurityReader"), (OTHER, "SecurityAdministrator")))
        check("a reader reads", door.raw("GET", path, token=reader)[0] == 200)
        check("and does not write", door.raw("PUT", path, json.dumps(RULE), token=reader)[0] == 403)
        check("another tenant sees nothing", [door.raw(m, path, b, token=stranger)[0] for m, b in (("GET", b""), ("PUT", json.dumps(RULE)), ("DELETE", b""))] == [404] * 3)
        # the command line
        file = daemon.folder / "rule.yaml"
        file.write_text(json.dumps(dict(RULE, name="second")))
        more = ("--subscription", SUBSCRIPTION, "--ca-file", str(door.certificate))
        for arguments, says in ((("apply", f"{GROUP}/second", str(file)), "dcr-"), (("list",), "second"), (("show", f"{GROUP}/second"), "streamDeclarations"),
                                (("uses", f"{GROUP}/second"), "Events_CL"), (("delete", f"{GROUP}/second"), "not there")):
            code, out, errors = daemon.run("collection", *arguments, *more)
            check(f"penstock collection {arguments[0]}", code == 0 and says in out, code, out, errors)
        check("deleted", door.raw("DELETE", path)[0] == 204 and door.raw("DELETE", path)[0] == 204 and door.upload(b"[]")[0] == 404)
        door("PUT", path, RULE, status=201)
        check("made anew it has its id again", door.upload(b"[]")[0] == 204)
        with sqlite3.connect(daemon.data / "store.db", timeout=10) as store:
            store.execute("UPDATE collection_rules SET json = replace(json, 'Custom-Events_CL', 'Custom-Events')")
        got, head, error = door.upload(b"[]")
        check("a stored rule that does not compile any more is for later", got == 503 and error["code"] == "RuleNotUsable" and head.get("Retry-After") and
              "_CL" in error["message"], got, head, error)
        check("and can be replaced", door("PUT", path, RULE)["name"] == "events" and door.upload(b"[]")[0] == 204)
        check("it goes with its group", door.raw("DELETE", f"{RG}?api-version=2021-04-01")[0] in (200, 202, 204) and door.upload(b"[]")[0] == 404)


class Senders:
    """Uploads of numbered rows through two flows, each repeated under its id until it is acknowledged."""

    def __init__(self, daemon, rule, count, rows_max=300, pad=20):
        self.daemon, self.rule, self.rows_max, self.pad = daemon, rule, rows_max, pad
        self.lock, self.ending = threading.Lock(), threading.Event()
        self.next, self.acknowledged, self.answers, self.wrong = 1, [], collections.Counter(), []
        self.threads = [threading.Thread(target=self.work, args=(random.Random(i),), daemon=True) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def work(self, rng):
        while not self.ending.is_set():
            count = rng.randint(1, self.rows_max)
            with self.lock:
                first, self.next = self.next, self.next + count
            body = gzip.compress(json.dumps([{"Number": n, "Pad": "x" * self.pad} for n in range(first, first + count)]).encode(), 1)
            head = {"Content-Encoding": "gzip", "x-ms-client-request-id": str(uuid.UUID(int=rng.getrandbits(128)))}
            until = time.monotonic() + 90
            while not self.send(body, head):
                if time.monotonic() > until:
                    self.wrong.append("no acknowledgement in 90 s")
                    return
                time.sleep(0.02)  # before the next attempt
            with self.lock:
                self.acknowledged.append((first, count))

    def send(self, body, head):
        try:
            answer = self.daemon.request("POST", f"/dataCollectionRules/{self.rule}/streams/Custom-Twice?api-version=2023-01-01", body, headers=head)
        except OSError:
            return False
        with self.lock:
            self.answers[answer.status] += 1
            if answer.status not in (204, 503) or (answer.status == 503 and not answer.headers.get("Retry-After")):
                self.wrong.append(str(answer)[:300])
        return answer.status == 204

    def wait(self, more):
        target = len(self.acknowledged) + more
        wait_for(lambda: len(self.acknowledged) >= target, 60, lambda: f"{more} uploads are acknowledged: {dict(self.answers)} {self.wrong[:3]}")

    def finish(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(100)
        return sorted(n for first, count in self.acknowledged for n in range(first, first + count))


def twice(daemon):
    """A rule whose one stream becomes two tables, on a daemon without TLS."""
    daemon.request("PUT", f"/subscriptions/{daemon_tenant}/resourceGroups/rg?api-version=2021-04-01", b'{"location":"x"}')
    rule = {"location": "x", "properties": {
        "streamDeclarations": {"Custom-Twice": {"columns": [{"name": "Number", "type": "long"}, {"name": "Pad", "type": "string"}]}},
        "dataFlows": [{"streams": ["Custom-Twice"], "outputStream": "Custom-First_CL"},
                      {"streams": ["Custom-Twice"], "outputStream": "Custom-Second_CL", "transformKql": "source | extend Half = Number / 2"}]}}
    answer = daemon.request("PUT", f"/subscriptions/{daemon_tenant}/resourceGroups/rg/providers/Microsoft.Insights/dataCollectionRules/twice?api-version=2023-03-11",
                            json.dumps(rule))
    if answer.status != 201:
        raise Failed(f"the rule: {answer}")
    return answer.json()["properties"]["immutableId"]


def exported(daemon):
    found = {"First_CL": collections.Counter(), "Second_CL": collections.Counter()}
    for path in (daemon.data / "storage").rglob("PT1H*.json"):
        for line in path.read_bytes().splitlines():
            record = json.loads(line)
            found[record["category"].removeprefix("AdvancedHunting-")][record["properties"]["Number"]] += 1
    return found


def kills():
    """kill -9 under load: whatever was answered with 204 is in both tables exactly once, and nothing is in one of them alone."""
    with Daemon() as daemon:
        daemon.write_config(defaultExports=True)
        daemon.start()
        load = Senders(daemon, twice(daemon), 4)
        for _ in range(6):
            load.wait(8)
            daemon.kill()
            daemon.start()
        load.wait(8)
        numbers = load.finish()
        daemon.wait_delivered("local-archive")
        found = exported(daemon)
        check("kills: no upload went wrong", not load.wrong, load.wrong[:3])
        check("kills: each acknowledged row is in both tables once", all(found[t] == collections.Counter(numbers) for t in found),
              len(numbers), {t: (len(c), [n for n, k in c.items() if k > 1][:5], [n for n in numbers if n not in c][:5]) for t, c in found.items()})
        check("it stops", daemon.stop() == 0, daemon.log_tail())


def pressure():
    """More bodies at once than memory is for: they wait or are told to come again, and memory stays where it is."""
    with Daemon() as daemon:
        daemon.write_config(limits={"memory": "32MiB", "wait": "200ms"})
        daemon.start()
        rule = twice(daemon)
        Senders(daemon, rule, 1, 10).finish()
        before = daemon.memory("VmHWM")
        load = Senders(daemon, rule, 24, 900, 3000)
        load.wait(60)
        numbers = load.finish()
        grown = (daemon.memory("VmHWM") - before) >> 20
        check("pressure: all is taken in the end, or told to come again", not load.wrong and len(numbers) > 1000, load.wrong[:3], dict(load.answers))
        check("pressure: memory is bounded", grown < 80 or "asan" in str(daemon.command), f"{grown} MiB", dict(load.answers))
        check.note(f"{grown} MiB more, {dict(load.answers)}")


if __name__ == "__main__":
    peers.install_node()
    for section in (sdk, bodies, rules, kills, pressure):
        check.run(section.__name__, section)
    check.end()
