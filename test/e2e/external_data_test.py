#!/usr/bin/env python3
"""externaldata against a real HTTP server on loopback: what is allowed and nothing else, for every door, tenant and rule; formats;
limits of size and time; a client that goes away; reload; the command that asks no daemon. And the other thing that is read from elsewhere: the
database of places.

    test/e2e/external_data_test.py [SECTION ...]"""
import argparse
import gzip
import http.server
import io
import json
import pathlib
import sys
import threading
import time
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import SUBSCRIPTION, TENANT, Daemon, has_workspaces, rows  # noqa: E402

A, B = TENANT, "11111111-2222-4333-8444-555555555555"
SOC = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc"
SECRET = "sig=c2VjcmV0LXNpZ25hdHVyZQ"
check = Checks()


def zipped(text):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/list.csv", text)
    return out.getvalue()


LIST = b"id,what\r\ndevice-1,\"bad, \"\"very\"\"\"\r\ndevice-3,worse\r\n"
FILES = {
    "/lists/iocs.csv": LIST,
    "/lists/iocs.csv.gz": gzip.compress(LIST),
    "/lists/iocs.zip": zipped(LIST),
    "/lists/ids.txt": b"device-1\n\ndevice-2\n",
    "/lists/rows.json": b'[{"id": "device-1", "more": {"score": 7}},\n {"id": "device-4", "more": null}]',
    "/lists/bad.json": b'{"id": "device-1"}\n{"id":',
    "/lists/large.txt": b"0123456789\n" * 200000,
    "/lists/bomb.txt.gz": gzip.compress(b"0" * 50_000_000),
    "/private/keys.txt": b"the-private-key\n",
}
MOVES = {"/lists/near": "iocs.csv", "/lists/leaves": "/private/keys.txt", "/lists/dots": "/lists/../private/keys.txt",
         "/lists/elsewhere": "http://localhost:{port}/lists/ids.txt", "/lists/loop": "/lists/loop", "/lists/metadata": "http://169.254.169.254/latest/"}


class Lists:
    """The server, and what was asked of it."""

    def __init__(self):
        self.asked, self.release, self.gone = [], threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = self.path.split("?")[0]
                outer.asked.append((self.path, dict(self.headers)))
                if path == "/lists/slow":
                    self.slow()
                elif path in MOVES:
                    self.answer(302, b"", Location=MOVES[path].format(port=outer.port))
                elif path in FILES:
                    self.answer(200, FILES[path])
                else:
                    self.answer(404, b"there is the-private-key")

            def answer(self, status, body, **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:  # who asked has heard enough
                    self.close_connection = True

            def slow(self):
                """A byte now and then, until somebody goes or it is released."""
                self.send_response(200)
                self.end_headers()
                self.close_connection = True
                try:
                    while not outer.release.wait(0.05):
                        self.wfile.write(b"x\n")
                except OSError:
                    outer.gone.set()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # of connections that are cut, as they are to be
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def count(self, path):
        return sum(1 for asked, _ in self.asked if asked.split("?")[0] == path)

    def end(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


class Bed:
    def __init__(self, **hunting):
        self.lists = Lists()
        self.daemon = Daemon()
        self.hunting = {"workspace": "soc", "externalData": [self.lists.url + "/lists/"], **hunting}
        self.daemon.write_config(tenants=[{"id": A, "name": "a"}, {"id": B, "name": "b"}], hunting=self.hunting, resources=[
            {"id": SOC, "kind": "workspace", "settings": {"path": str(self.daemon.folder / "soc.duckdb"), "memory_mb": "256"}}])

    def __enter__(self):
        self.daemon.start()
        for tenant, first in ((A, 1), (B, 1001)):
            self.daemon.put_workspace("soc", SOC, tenant=tenant, lingerMs=5)
            answer = self.daemon.post("DeviceEvents", rows(first, 100, pad="p"), tenant=tenant)
            if answer.status != 200:
                raise Failed(f"ingest: {answer}")
            self.daemon.wait_delivered("soc", tenant=tenant)
        self.tokens = {t: self.daemon.make_token(t, "SecurityReader")["token"] for t in (A, B)}
        wait_for(lambda: self.daemon.get("/api/status", token=self.tokens[B]).status == 200, 10, "the tokens are known")
        return self

    def __exit__(self, *_):
        self.lists.end()
        self.daemon.end()

    def ask(self, query, tenant=A, **more):
        """'LISTS' in the query is the server."""
        body = json.dumps({"query": query.replace("LISTS", self.lists.url), **more})
        return self.daemon.request("POST", "/v1/workspaces/soc/query", body, token=self.tokens[tenant], headers={"Content-Type": "application/json"})


def values(answer):
    return [row for table in answer.json()["tables"] for row in table["rows"]] if answer.status == 200 else answer


IOCS = "externaldata(id: string, what: string)['LISTS/lists/iocs.csv'] with (format='csv', ignoreFirstRecord=true)"


def reads():
    with Bed() as bed:
        wanted = [["device-1", 'bad, "very"'], ["device-3", "worse"]]
        for name, query, rows_wanted in (
                ("csv", IOCS, wanted),
                ("gzip", "externaldata(id: string, what: string)[@'LISTS/lists/iocs.csv.gz'] with (ignoreFirstRecord=true)", wanted),
                ("zip", "externaldata(id: string, what: string)[@'LISTS/lists/iocs.zip'] with (format='csv', ignoreFirstRecord=true)", wanted),
                ("txt", "externaldata(id: string)['LISTS/lists/ids.txt']", [["device-1"], ["device-2"]]),
                ("json", "externaldata(id: string, more: dynamic)['LISTS/lists/rows.json'] | project id, s = tolong(more.score)",
                 [["device-1", 7], ["device-4", None]]),
                ("a redirect that stays", "externaldata(id: string)['LISTS/lists/near'] with (format='csv', ignoreFirstRecord=true) | count", [[2]]),
                ("two files", "externaldata(id: string)['LISTS/lists/ids.txt', h@'LISTS/lists/ids.txt?" + SECRET + "'] | count", [[4]]),
                ("in", f"let iocs = {IOCS}; DeviceEvents | where DeviceId in (iocs) | count", [[4]]),
                ("in~", f"let iocs = {IOCS} | project id = toupper(id); DeviceEvents | where DeviceId in~ (iocs) | count", [[4]]),
                ("has_any", f"let iocs = {IOCS}; DeviceEvents | where DeviceId has_any (iocs) | count", [[4]]),
                ("join", f"DeviceEvents | join kind=inner ({IOCS}) on $left.DeviceId == $right.id | summarize count() by what | sort by what asc",
                 [['bad, "very"', 2], ["worse", 2]]),
                ("join from the other side", f"{IOCS} | join kind=leftanti DeviceEvents on $left.id == $right.DeviceId | count", [[0]]),
                ("lookup", f"DeviceEvents | lookup kind=leftouter ({IOCS}) on $left.DeviceId == $right.id | where isnotempty(what) | count", [[4]]),
                ("union", f"let iocs = {IOCS}; union (iocs | project id), (DeviceEvents | project id = DeviceId) | summarize dcount(id)", [[50]]),
                ("toscalar", f"print toscalar({IOCS} | summarize make_set(id))", [['["device-1","device-3"]']]),
                ("a parameter", "let place = 'LISTS/lists/ids.txt'; externaldata(id: string)[place] | count", [[2]])):
            answer = bed.ask(query)
            check(name, values(answer) == rows_wanted, answer)
        before = bed.lists.count("/lists/iocs.csv")
        answer = bed.ask(f"let iocs = {IOCS}; DeviceEvents | where DeviceId in (iocs) | join iocs on $left.DeviceId == $right.id | join (iocs) on id | count")
        check("one query, one request", values(answer) == [[2]] and bed.lists.count("/lists/iocs.csv") == before + 1, answer, bed.lists.count("/lists/iocs.csv"), before)
        check("each tenant its own rows", values(bed.ask(f"let iocs = {IOCS}; DeviceEvents | where DeviceId in (iocs) | summarize min(ReportId)", B)) == [[1001]])
        check("nothing of ours is sent", all("Authorization" not in h and "Cookie" not in h for _, h in bed.lists.asked), bed.lists.asked[0])
        # Defender's and Kusto's doors are the same way in.
        for path, body in (("/api/advancedhunting/run", {"Query": IOCS}), ("/v1.0/security/runHuntingQuery", {"Query": IOCS}),
                           ("/v2/rest/query", {"db": "soc", "csl": IOCS})):
            answer = bed.daemon.request("POST", path, json.dumps(body).replace("LISTS", bed.lists.url), token=bed.tokens[A],
                                        headers={"Content-Type": "application/json"})
            check(path, answer.status == 200 and b"device-3" in answer.body, answer)


def refused():
    with Bed() as bed:
        for name, query, says in (
                ("another folder", f"externaldata(x: string)['LISTS/private/keys.txt?{SECRET}']", "hunting.externalData"),
                ("dots", f"externaldata(x: string)['LISTS/lists/../private/keys.txt?{SECRET}']", "segment"),
                ("encoded dots", f"externaldata(x: string)['LISTS/lists/%2e%2e/private/keys.txt?{SECRET}']", "segment"),
                ("an encoded slash", f"externaldata(x: string)['LISTS/lists/..%2fprivate/keys.txt?{SECRET}']", "encoded slash"),
                ("another host", f"externaldata(x: string)['https://host.evil.example/lists/x?{SECRET}']", "https://host.evil.example"),
                ("a user", f"externaldata(x: string)['http://127.0.0.1@host.evil.example/lists/x?{SECRET}']", "a user"),
                ("another port", f"externaldata(x: string)['http://127.0.0.1:1/lists/x?{SECRET}']", "hunting.externalData"),
                ("another name of the host", f"externaldata(x: string)['http://localhost:{bed.lists.port}/lists/ids.txt']", "hunting.externalData"),
                ("the daemon itself", f"externaldata(x: string)['{bed.daemon.url}/metrics'] with (format='txt')", "hunting.externalData"),
                ("a file", "externaldata(x: string)['file:///etc/passwd'] with (format='txt')", "is not read"),
                ("a path", "externaldata(x: string)['/etc/passwd'] with (format='txt')", "is not read"),
                ("concealed", f"externaldata(x: string)[h@'https://host.evil.example/x?{SECRET}']", "obfuscated"),
                ("a redirect that leaves", f"externaldata(x: string)['LISTS/lists/leaves?{SECRET}']", "leads on"),
                ("a redirect with dots", f"externaldata(x: string)['LISTS/lists/dots?{SECRET}']", "leads on"),
                ("a redirect to another host", f"externaldata(x: string)['LISTS/lists/elsewhere?{SECRET}']", "leads on"),
                ("a redirect to metadata", f"externaldata(x: string)['LISTS/lists/metadata?{SECRET}']", "leads on"),
                ("redirects without end", f"externaldata(x: string)['LISTS/lists/loop?{SECRET}']", "more than 5 times"),
                ("nothing there", f"externaldata(x: string)['LISTS/lists/none.txt?{SECRET}']", "answers 404"),
                ("a broken file", f"externaldata(id: string)['LISTS/lists/bad.json?{SECRET}']", "record 2"),
                ("a format", f"externaldata(id: string)['LISTS/lists/x.parquet?{SECRET}']", "parquet"),
                ("in a set", f"DeviceEvents | where DeviceId in ((externaldata(x: string)['LISTS/private/keys.txt?{SECRET}'])) | count", "hunting.externalData")):
            for tenant in (A, B):
                answer = bed.ask(query, tenant)
                told = answer.body.decode()
                check(name, answer.status == 400 and says in told and SECRET not in told and "private-key" not in told and "/lists/" not in told, answer)
                if name == "concealed":
                    check("a concealed host is not told", "evil" not in told, answer)
        check("nothing else was asked for", not [p for p, _ in bed.lists.asked if p.startswith("/private") or ".." in p], bed.lists.asked)
        check("no secret in the log", SECRET not in bed.daemon.log(), bed.daemon.log_tail())
        # Reload: what is taken away is refused at once, what is added is read.
        bed.daemon.write_config(hunting={**bed.hunting, "externalData": [bed.lists.url + "/private/keys.txt"]})
        bed.daemon.reload()
        wait_for(lambda: bed.ask("externaldata(x: string)['LISTS/private/keys.txt']").status == 200, 10, "the new prefix counts")
        check("what was allowed is not any more", bed.ask(IOCS).status == 400)
        bed.daemon.write_config(hunting={"workspace": "soc"})
        bed.daemon.reload()
        wait_for(lambda: bed.ask("externaldata(x: string)['LISTS/private/keys.txt']").status == 400, 10, "without the key nothing is read")
        check("checked all the same", bed.ask(IOCS + " | project nope").status == 400)


def limits():
    with Bed(externalDataSize="1 MiB", externalDataTime="10 min") as bed:
        for name, query in (("too large", "externaldata(x: string)['LISTS/lists/large.txt'] | count"),
                            ("a bomb", "externaldata(x: string)['LISTS/lists/bomb.txt.gz'] | count")):
            answer = bed.ask(query)
            check(name, answer.status == 400 and b"1048576 bytes" in answer.body, answer)
        began = time.monotonic()
        answer = bed.daemon.request("POST", "/v1/workspaces/soc/query", json.dumps({"query": f"externaldata(x: string)['{bed.lists.url}/lists/slow'] | count"}),
                                    token=bed.tokens[A], headers={"Content-Type": "application/json", "Prefer": "wait=1"})
        check("slow: the query's own time", answer.status == 504 and time.monotonic() - began < 20, answer, time.monotonic() - began)
        check("its server sees it go", bed.lists.gone.wait(20))
        bed.lists.gone.clear()
        # A client that goes away takes its query's request with it.
        import http.client
        host = bed.daemon.url.split("//")[1]
        asked = bed.lists.count("/lists/slow")
        client = http.client.HTTPConnection(host)
        client.request("POST", "/v1/workspaces/soc/query", json.dumps({"query": f"externaldata(x: string)['{bed.lists.url}/lists/slow'] | count"}),
                       {"Authorization": f"Bearer {bed.tokens[A]}", "Content-Type": "application/json"})
        wait_for(lambda: bed.lists.count("/lists/slow") > asked, 10, "it is read")
        client.close()
        check("a client that leaves ends the reading", bed.lists.gone.wait(20))
        bed.lists.gone.clear()
        bed.daemon.write_config(hunting={**bed.hunting, "externalDataTime": "200 ms", "externalData": [bed.lists.url]})
        bed.daemon.reload()
        wait_for(lambda: bed.ask("externaldata(x: string)['LISTS/private/keys.txt']").status == 200, 10, "the new configuration counts")
        answer = bed.ask("externaldata(x: string)['LISTS/lists/slow'] | count")
        check("slow: a file's own time", answer.status == 400 and b"cannot be read" in answer.body, answer)
        check("and others go on", values(bed.ask("DeviceEvents | count")) == [[100]])


def detection():
    with Bed() as bed:
        rule = {"displayName": "listed", "isEnabled": True, "queryCondition": {
            "queryText": f"let iocs = {IOCS}; DeviceEvents | where DeviceId in (iocs)".replace("LISTS", bed.lists.url)},
            "schedule": {"period": "1H"}, "detectionAction": {"alertTemplate": {
                "title": "t", "description": "d", "severity": "medium", "category": "Execution", "recommendedActions": None, "mitreTechniques": ["T1059.001"],
                "impactedAssets": [{"@odata.type": "#microsoft.graph.security.impactedDeviceAsset", "identifier": "deviceId"}]},
                "organizationalScope": None, "responseActions": []}}

        def run(rule):
            answer = bed.daemon.request("POST", f"/beta/security/rules/detectionRules?tenantId={A}", json.dumps(rule))
            if answer.status != 201:
                raise Failed(f"a rule: {answer}")
            number = answer.json()["id"]
            bed.daemon.post("DeviceEvents", rows(200, 100, pad="p"), tenant=A)
            bed.daemon.wait_delivered("soc", tenant=A)
            return bed.daemon.request("POST", f"/beta/security/rules/detectionRules/{number}/run?wait=60&tenantId={A}", b"")

        answer = run(rule)
        check("a scheduled rule reads it", answer.status == 200 and bed.lists.count("/lists/iocs.csv") >= 1 and "fail" not in answer.json().get("status", "").lower(), answer)
        rule["displayName"], rule["queryCondition"]["queryText"] = "not allowed", f"DeviceEvents | where DeviceId in ((externaldata(x: string)['{bed.lists.url}/private/keys.txt']))"
        answer = run(rule)
        check("and is refused the same", b"hunting.externalData" in answer.body, answer)


def command():
    bed = Bed()
    lists, daemon = bed.lists, bed.daemon
    try:
        query = IOCS.replace("LISTS", lists.url)
        wanted = [["device-1", 'bad, "very"'], ["device-3", "worse"]]
        for name, arguments in (("allowed by an option", ["--external-data", lists.url + "/lists/"]),
                                ("by DuckDB", ["--external-data", lists.url + "/lists", "--engine", "duckdb"]),
                                ("by the configuration", ["--local", "--config", str(daemon.config_file)])):
            if "duckdb" in arguments and not has_workspaces():
                check.skip(name, "this build has no workspace")
                continue
            code, out, errors = daemon.run("query", query, "--format", "json", *arguments)
            check(name, code == 0 and json.loads(out)["rows"] == wanted, code, out, errors)
        code, _, errors = daemon.run("query", "--local", query)
        check("not without", code == 1 and "--external-data" in errors, code, errors)
        code, _, errors = daemon.run("query", query.replace("/lists/", "/private/"), "--external-data", lists.url + "/lists/")
        check("not elsewhere", code == 1 and "not allowed" in errors, code, errors)
        code, _, errors = daemon.run("query", query, "--external-data", "https://host/?x")
        check("no prefix", code == 2 and "query" in errors, code, errors)
        code, out, errors = daemon.run("query", query, "--explain", "--external-data", lists.url)
        check("--explain reads nothing and tells no URL", code == 0 and "externaldata of 1" in out and lists.url not in out and not lists.asked[3:], out, errors)
        daemon.write_config(hunting={"externalData": ["https://a.example/x/../y"]})
        code, _, errors = daemon.run("config", "check", str(daemon.config_file))
        check("a wrong prefix is told with its place", code != 0 and "hunting.externalData[0]" in errors and "segment" in errors, code, errors)
    finally:
        lists.end()
        daemon.end()


def mmdb(country, network=(8, 8, 8)):
    """A database in MaxMind's format that knows one IPv4 network (a /24) and its country."""
    def control(kind, size):
        return bytes([kind << 5 | size]) if kind <= 7 else bytes([size, kind - 7])

    def coded(value):
        if isinstance(value, str):
            return control(2, len(value)) + value.encode()
        if isinstance(value, dict):
            return control(7, len(value)) + b"".join(coded(k) + coded(v) for k, v in value.items())
        if isinstance(value, list):
            return control(11, len(value)) + b"".join(map(coded, value))
        kind, size = {"u16": (5, 2), "u32": (6, 4), "u64": (9, 8)}[value[0]]
        return control(kind, size) + value[1].to_bytes(size, "big")

    bits = "".join(f"{b:08b}" for b in network)
    count = len(bits)
    tree = b""
    for i, bit in enumerate(bits):
        ahead = i + 1 if i + 1 < count else count + 16
        tree += b"".join((ahead if str(side) == bit else count).to_bytes(4, "big") for side in (0, 1))
    about = {"node_count": ("u32", count), "record_size": ("u16", 32), "ip_version": ("u16", 4), "database_type": "Test-City", "languages": ["en"],
             "binary_format_major_version": ("u16", 2), "binary_format_minor_version": ("u16", 0), "build_epoch": ("u64", 1700000000), "description": {"en": "x"}}
    return tree + bytes(16) + coded({"country": {"names": {"en": country}}}) + b"\xab\xcd\xefMaxMind.com" + coded(about)


def places():
    with Bed() as bed:
        query = "DeviceEvents | take 1 | project g = geo_info_from_ip_address(strcat('8.8.8.', ReportId % 200))"
        answer = bed.ask(query)
        check("without a database", answer.status == 400 and b"hunting.geoDatabase" in answer.body, answer)
        file = bed.daemon.folder / "places.mmdb"
        bed.daemon.write_config(hunting={**bed.hunting, "geoDatabase": str(file)})
        bed.daemon.reload()
        wait_for(lambda: "hunting.geoDatabase: cannot read" in bed.daemon.log(), 10, "the log says that it is not there")

        def put(country):
            new = file.with_suffix(".new")
            new.write_bytes(mmdb(country))
            new.rename(file)

        put("Here")
        wait_for(lambda: "places are asked of" in bed.daemon.log() or "without libmaxminddb" in bed.daemon.log(), 10, "the file is seen")
        if "without libmaxminddb" in bed.daemon.log():
            check.skip("places", "this build has no libmaxminddb")
            return

        for country in ("Here", "There"):
            put(country)
            wait_for(lambda: values(bed.ask(query)) == [[json.dumps({"country": country}, separators=(",", ":"))]], 10, lambda: f"{country}: {bed.ask(query)}")
            check(f"{country}, within seconds and without a reload", True)
        new = file.with_suffix(".new")
        new.write_bytes(b"no database")
        new.rename(file)
        wait_for(lambda: "no database of MaxMind's format" in bed.daemon.log(), 10, "the log says that it is broken")
        check("a broken one changes nothing", b"There" in bed.ask(query).body, bed.ask(query))
        check("and is told once", bed.daemon.log().count("no database of MaxMind's format") == 1, bed.daemon.log_tail())
        put("Here")
        code, out, errors = bed.daemon.run("query", "print g = geo_info_from_ip_address('8.8.8.8').country", "--local", "--config", str(bed.daemon.config_file), "--format", "json")
        check("the command by the configuration", code == 0 and json.loads(out)["rows"] == [["Here"]], code, out, errors)
        bed.daemon.write_config(hunting=bed.hunting)
        bed.daemon.reload()
        wait_for(lambda: bed.ask(query).status == 400, 10, "without the key there is none")


SECTIONS = {"places": places, "reads": reads, "refused": refused, "limits": limits, "detection": detection, "command": command}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    options = options.parse_args()
    for name in options.sections or SECTIONS:
        if name == "command" or has_workspaces():
            check.run(name, SECTIONS[name])
        else:
            check.skip(name, "this build has no workspace")
    check.end()


main()
