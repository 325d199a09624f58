#!/usr/bin/env python3
"""Queries over several workspaces, through every door: workspace("x").T, the request's "workspaces", Kusto's database("x").T.

    test/e2e/hunting_across_test.py [SECTION ...]

What a token may ask it may ask from anywhere; what it may not is as if it were not there."""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
from check import wait_for  # noqa: E402
from daemon import has_workspaces  # noqa: E402
from hunting_test import A, B, DOORS, PRIVATE, SOC, Hunt, check, of_tables, quoted, through  # noqa: E402

SUBSCRIPTION = PRIVATE.split("/")[2]
BOTH = "union DeviceEvents, workspace('{}').DeviceEvents | summarize n = count(), d = dcount(ReportId), s = sum(ReportId)"


class Across(Hunt):
    """A and B have rows in soc, B the same again in one of its own."""

    def __init__(self):
        super().__init__(hunting={"workspace": "soc"})

    def __enter__(self):
        super().__enter__()
        self.feed(A, 1, 3)
        self.feed(B, 100, 5)
        self.delivered()
        self.guid = self.ask("GET", "/v1/workspaces/private-of-b/metadata", token=B).json()["workspaces"][0]["id"]
        self.soc_guid = self.ask("GET", "/v1/workspaces/soc/metadata", token=B).json()["workspaces"][0]["id"]
        return self

    def kusto(self, csl, token=B, db="soc", command=False):
        return self.ask("POST", "/v1/rest/mgmt" if command else "/v1/rest/query", {"db": db, "csl": csl}, token)


def of_kusto(answer):
    return answer.json()["Tables"][0]["Rows"]


def by_name():
    with Across() as hunt:
        for door in DOORS:
            status, got, answer = through(hunt, door, BOTH.format("private-of-b"), B)
            check(f"{door}: both, and its own alone", status == 200 and got == [[10, 5, 1020]], answer)
            told = [through(hunt, door, BOTH.format(name), A)[2] for name in ("private-of-b", "nobodys-at-b")]
            check(f"{door}: who may not learns nothing", all(a.status == told[0].status and a.status in ((200,) if "batch" in door else (400,)) for a in told) and
                  told[0].body.replace(b"private-of-b", b"nobodys-at-b") == told[1].body, *told)
            status, got, answer = through(hunt, door, BOTH.format("private-of-b"), None)
            check(f"{door}: an operator sees all", got == [[13, 8, 1026]], answer)
            status, got, answer = through(hunt, door, BOTH.format("private-of-b"), None, f"tenantId={B}")
            check(f"{door}: or one tenant", got == [[10, 5, 1020]], answer)
        for name in ("private-of-b", "PRIVATE-of-b", hunt.guid, hunt.guid.upper(), PRIVATE, PRIVATE[1:], f"{SUBSCRIPTION}/{PRIVATE.split('/')[4]}/private-of-b"):
            answer = hunt.logs(BOTH.format(name), token=B)
            check(f"it is called {name}", answer.status == 200 and of_tables(answer) == [[10, 5, 1020]], answer)
            for form in ("resource('{}').DeviceEvents | count", "workspace('{}').['DeviceEvents'] | count", "union workspace('{}').Device* | count"):
                answer = hunt.logs(form.format(name), token=B)
                check(f"{form.format(name)}", answer.status == 200 and of_tables(answer) == [[5]], answer)
        for name in ("", "-", "*", "private-of-b'", "../soc", "x" * 500):
            answer = hunt.logs(f"workspace(\"{name}\").DeviceEvents | count", token=B)
            check(f"none is called '{name[:20]}'", answer.status == 400 and answer.json()["error"]["innererror"]["code"] == "SemanticError", answer)
        answer = hunt.logs("union withsource=S DeviceEvents, workspace('private-of-b').DeviceEvents | summarize n = count() by S, TenantId | sort by S asc", token=B)
        check("source and TenantId tell whose", of_tables(answer) == [["DeviceEvents", hunt.soc_guid, 5], ["workspace('private-of-b').DeviceEvents", hunt.guid, 5]], answer)
        answer = hunt.logs("DeviceEvents | join kind=inner (workspace('private-of-b').DeviceEvents) on ReportId | count", token=B)
        check("a join", of_tables(answer) == [[5]], answer)
        answer = hunt.logs("union isfuzzy=true DeviceEvents, workspace('nobodys').DeviceEvents | count", token=B)
        check("isfuzzy forgives", of_tables(answer) == [[5]], answer)
        answer = hunt.logs("workspace('nobodys').DeviceEvents | count", token=B)
        check("what the service says", answer.status == 400 and answer.json()["error"]["code"] == "BadArgumentError" and
              answer.json()["error"]["innererror"]["innererror"]["code"] == "SEM0100", answer)
        check("from the other one", of_tables(hunt.logs("workspace('soc').DeviceEvents | union DeviceEvents | count", "private-of-b", B)) == [[10]])
        put = hunt.daemon.request("PUT", f"/api/workspaces/soc/savedQueries/Both?tenantId={B}",
                                  json.dumps({"kind": "function", "query": "union DeviceEvents, workspace('private-of-b').DeviceEvents"}))
        check("a function that names one is kept", put.status in (200, 201), put)
        check("and called", of_tables(hunt.logs("Both | count", token=B)) == [[10]])
        check("it stops in order", hunt.daemon.stop() == 0)


def beside():
    """The request's "workspaces"."""
    with Across() as hunt:
        count = "DeviceEvents | summarize n = count(), d = dcount(ReportId)"
        for name in ("private-of-b", hunt.guid, PRIVATE):
            for what, answer in (("POST", hunt.logs(count, token=B, workspaces=[name])),
                                 ("GET", hunt.ask("GET", f"/v1/workspaces/soc/query?query={quoted(count)}&workspaces={quoted(name)}", token=B)),
                                 ("by resource id", hunt.ask("POST", f"/v1{SOC}/query", {"query": count, "workspaces": [name, "soc", name]}, B))):
                check(f"{what}, {name}", answer.status == 200 and of_tables(answer) == [[10, 5]], answer)
        answer = hunt.ask("POST", "/v1/$batch", {"requests": [{"id": "1", "workspace": "soc", "path": "/query", "method": "POST",
                                                               "body": {"query": count, "workspaces": ["private-of-b"]}}]}, B)
        check("in a batch", of_tables(type("", (), {"json": lambda self: answer.json()["responses"][0]["body"]})()) == [[10, 5]], answer)
        answer = hunt.logs("union * | where TimeGenerated > ago(100000d) | summarize count() by Type, TenantId | sort by TenantId asc", token=B, workspaces=["private-of-b"])
        check("as the service's page asks", of_tables(answer) == sorted([["DeviceEvents", g, 5] for g in (hunt.guid, hunt.soc_guid)], key=lambda r: r[1]), answer)
        answer = hunt.logs("workspace('private-of-b').DeviceEvents | count", token=B, workspaces=["private-of-b"])
        check("named, it is one", of_tables(answer) == [[5]], answer)
        answer = hunt.logs(count, token=None, workspaces=["private-of-b"])
        check("an operator sees all", of_tables(answer) == [[13, 8]], answer)
        told = [hunt.logs(count, workspaces=["soc", name]) for name in ("private-of-b", "nobodys-at-b")]
        check("who may not learns nothing", told[0].status == 400 and told[0].body.replace(b"private-of-b", b"nobodys-at-b") == told[1].body, *told)
        answer = hunt.logs("DeviceEvents | where NoSuch == 1", token=B, workspaces=["private-of-b"])
        check("faults as always", answer.status == 400 and b"NoSuch" in answer.body, answer)


def kusto():
    """Databases are workspaces."""
    with Across() as hunt:
        base = hunt.daemon.url
        host = base.split("//")[1]
        for name, n in (("private-of-b", 10), ("PRIVATE-OF-B", 10), (hunt.guid, 10)):
            for cluster in ("", f"cluster('{base}').", f"cluster('{base}/').", f"cluster('{host}').", f"cluster('{host.split(':')[0]}')."):
                answer = hunt.kusto(f"union DeviceEvents, {cluster}database('{name}').DeviceEvents | count")
                check(f"{cluster}database('{name}')", answer.status == 200 and of_kusto(answer) == [[n]], answer)
        answer = hunt.kusto("database('private-of-b.hunting').DeviceEvents | where Timestamp > ago(100000d) | count")
        check("in hunting's shape", answer.status == 200 and of_kusto(answer) == [[5]], answer)
        answer = hunt.kusto("database('private-of-b').DeviceEvents | where TimeGenerated > ago(100000d) | count", db="soc.hunting")
        check("whichever is asked", answer.status == 200 and of_kusto(answer) == [[5]], answer)
        answer = hunt.kusto("database('NetDefaultDB').DeviceEvents | union database('').DeviceEvents | count", db="private-of-b")
        check("the default one", answer.status == 200 and of_kusto(answer) == [[10]], answer)
        answer = hunt.kusto("workspace('private-of-b').DeviceEvents | count")
        check("or as a workspace", answer.status == 200 and of_kusto(answer) == [[5]], answer)
        told = [hunt.kusto(f"database('{name}').DeviceEvents | count", A) for name in ("private-of-b", "nobodys-at-b")]
        bodies = [a.json()["error"]["@message"] for a in told]
        check("who may not learns nothing", told[0].status == 400 and bodies[0].replace("private-of-b", "nobodys-at-b") == bodies[1], *told)
        answer = hunt.kusto("cluster('help').database('Samples').StormEvents | count")
        check("another cluster", answer.status == 400 and b"the cluster 'help' cannot be reached from here" in answer.body, answer)
        answer = hunt.logs("database('private-of-b').DeviceEvents | count", token=B)
        check("databases are Kusto's", answer.status == 400 and b"here it is workspace(" in answer.body, answer)


def damaged():
    """One that is there, but cannot be opened, is no fault of the query's."""
    with Across() as hunt:
        hunt.daemon.stop()
        path = hunt.daemon.folder / "private.duckdb"
        path.rename(hunt.daemon.folder / "away")
        path.write_bytes(b"this is no database" * 1000)
        hunt.daemon.start()
        wait_for(lambda: hunt.logs("print 1", token=B).status == 200, 10, "it answers", 0.2)
        for what, answer in (("by name", hunt.logs("workspace('private-of-b').DeviceEvents | count", token=B)),
                             ("beside", hunt.logs("DeviceEvents | count", token=B, workspaces=["private-of-b"])),
                             ("through Graph", through(hunt, "Graph", "workspace('private-of-b').DeviceEvents | count", B)[2])):
            check(f"{what}: 500 and no path", answer.status == 500 and b"duckdb" not in answer.body, answer)
        check("the log says which", "private.duckdb" in hunt.daemon.log())
        check("who may not asks in vain", hunt.logs("workspace('private-of-b').DeviceEvents | count").status == 400)


def command():
    """penstock query, of the daemon and of files."""
    with Across() as hunt:
        daemon = hunt.daemon

        def query(text, *options):
            code, out, errors = daemon.run("query", text, "--format", "csv", *options)
            return code, out.split()[1:], errors

        count = "DeviceEvents | summarize n = count(), d = dcount(ReportId)"
        both = "union DeviceEvents, workspace('private-of-b').DeviceEvents | count"
        for what, text, expected, *options in (("beside", count, ["13,8"], "--beside", "private-of-b"), ("beside, by its id", count, ["13,8"], "--beside", PRIVATE, "--beside", "soc"),
                                               ("named", both, ["13"]), ("the other way", both, ["10"], "--workspace-name", hunt.guid),
                                               ("named, and told apart", "workspace('private-of-b').DeviceEvents | count", ["5"], "--beside", "private-of-b")):
            got = query(text, *options)
            check(f"{what}", got[:2] == (0, expected), got)
        code, out, errors = daemon.run("query", both, "--explain", "--workspace-name", "soc")
        check("the plan names them", code == 0 and "] in workspace soc\n" in out and "] in workspace private-of-b\n" in out and out.count("duckdb  count [") == 2, code, out, errors)
        code, out, errors = daemon.run("query", "workspace('nope').DeviceEvents | count")
        check("none of that name", code == 1 and "there is no workspace nope here" in errors, code, out, errors)
        code, out, errors = daemon.run("query", "workspace('any').DeviceEvents | project ReportId", "--check", "--local", "--format", "csv")
        check("checked here", code == 0 and "ReportId" in out, code, out, errors)
        daemon.stop()
        files = ["--workspace-file", f"a={daemon.folder}/soc.duckdb", "--workspace-file", f"B={daemon.folder}/private.duckdb"]
        for text, expected in ((both.replace("private-of-b", "b"), ["13"]), (both.replace("private-of-b", "a"), ["16"]), (count, ["8,8"])):
            got = query(text, *files)
            check(f"of files: {text}", got[:2] == (0, expected), got)
        code, out, errors = daemon.run("query", both, *files)
        check("none of that name among files", code == 1 and "there is no workspace 'private-of-b' here" in errors, code, out, errors)
        code, out, errors = daemon.run("query", both, "--workspace-file", files[1], "--workspace-file", "x.duckdb")
        check("a second file wants a name", code == 2 and "wants a name before it" in errors, code, out, errors)


SECTIONS = {"name": by_name, "beside": beside, "kusto": kusto, "damaged": damaged, "command": command}


def main():
    if not has_workspaces():
        check.skip("hunting across", "this build has no workspace")
        check.end()
    for name in sys.argv[1:] or SECTIONS:
        check.run(name, SECTIONS[name])
    check.end()


if __name__ == "__main__":
    main()
