#!/usr/bin/env python3
"""Looking after workspaces: what a daemon is asked about the file that it has open, what is taken out, what comes back from the journal.

    test/e2e/workspace_keeping_test.py [--only NAME]

Events of continuous export are rows of their tables, each once; purge, export and list go through the daemon; old rows go by themselves; a
damaged file is refused, rebuilt from the journal, and holds each acknowledged record once."""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from arm import AUTOMATIONS, LOCAL, RG, SUB, Arm, automation  # noqa: E402
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import TENANT, Daemon, Load, Tally, has_workspaces  # noqa: E402
from pypi import python_with  # noqa: E402

WATCH = f"{LOCAL}/Microsoft.OperationalInsights/workspaces/Watch"
SECOND = f"{LOCAL}/Microsoft.OperationalInsights/workspaces/second"
OTHER_TENANT = "bbbbbbbb-1111-4222-8333-555555555555"
check = Checks()


def device(number, day, name="d"):
    return json.dumps({"Timestamp": f"2026-09-{day:02}T08:00:00.1234567Z", "DeviceId": f"id{number}", "DeviceName": f"{name} {number}",
                       "ReportId": number}) + "\n"


def workspace(daemon, *words, code=0):
    got, out, errors = daemon.run("workspace", *words, "--data", str(daemon.data))
    check(f"workspace {' '.join(words[:1] + words[2:])}", got == code, got, out, errors)
    return out, errors


def asked(daemon, *words):
    """A command of a name while the daemon has the file."""
    return workspace(daemon, *words, "--url", daemon.url)


def sizes(daemon, name):
    return {s["table"]: s["rows"] for s in map(json.loads, asked(daemon, "list", name, "--json")[0].splitlines())}


def simulate(arm, bundle):
    answer = arm("POST", f"{SUB}/providers/Microsoft.Security/locations/westeurope/alerts/default/simulate",
                 {"properties": {"kind": "Bundles", "bundles": [bundle]}}, "2022-01-01")
    if answer.status not in (200, 202, 204):
        raise Failed(f"sample alerts: {answer}")


def events():
    """An automation and a setting that name one local workspace fill the same file; a kill doubles nothing."""
    with Daemon() as daemon:
        daemon.write_config(tenants=[{"id": TENANT, "name": "a", "subscriptions": [SUB.split("/")[2]]}], arm={"readBurst": 0})
        daemon.start()
        arm = Arm(daemon)
        arm.make_group()
        answer = arm("PUT", f"{AUTOMATIONS}/all", automation([{"actionType": "Workspace", "workspaceResourceId": WATCH}],
                                                             [{"eventSource": "Alerts"}]))
        check("the automation is taken", answer.status == 201, answer)
        daemon.put_workspace("devices", WATCH.replace("Watch", "WATCH"), tables=("DeviceInfo",), lingerMs=1)
        daemon.post("DeviceInfo", "".join(device(i, 14) for i in range(5)).encode())
        for bundle in ("VirtualMachines", "DNS", "KeyVaults"):
            simulate(arm, bundle)
            daemon.kill()
            daemon.start()
        state = lambda: arm("GET", f"{AUTOMATIONS}/all/penstock/status").json()["actions"][0]["progress"]  # noqa: E731
        wait_for(lambda: state()["lagRecords"] == 0 and sizes(daemon, "watch").get("SecurityAlert", 0) > 0, 60, lambda: state())
        daemon.wait_delivered("devices")
        check("one file, its name in small letters", [p.name for p in (daemon.data / "workspaces").iterdir() if p.suffix == ".duckdb"] == ["watch.duckdb"])
        place = next(w for w in daemon.get("/api/workspaces").json()["value"] if w["name"].lower() == "watch")
        answer = daemon.request("POST", f"/v1/workspaces/{place['workspaceId']}/query?tenantId={TENANT}", json.dumps(
            {"query": "SecurityAlert | summarize n = count(), d = dcount(SystemAlertId), t = dcount(TenantId) by Type, TenantId, e = isnotnull(parse_json(Entities)[0])"}))
        table = answer.json()["tables"][0]["rows"] if answer.status == 200 else []
        check("alerts are rows of SecurityAlert, each once, of the workspace's id", len(table) == 1 and table[0][3] == table[0][4] > 0 and
              table[0][:2] == ["SecurityAlert", place["workspaceId"]], answer)
        check("and the list counts the same", table and sizes(daemon, "watch") == {"SecurityAlert": table[0][3], "DeviceInfo": 5}, sizes(daemon, "watch"))
        daemon.stop()


PARQUET_READ = """
import json, sys
import pyarrow.parquet as parquet
table = parquet.read_table(sys.argv[1])
first = table.to_pylist()[0]
print(json.dumps({"rows": table.num_rows, "type": str(table.schema.field("Timestamp").type), "micros": first["Timestamp"].microsecond,
                  "kept": b"penstock.types" in (table.schema.metadata or parquet.read_schema(sys.argv[1]).metadata or {}),
                  "first": {name: first[name] for name in ("DeviceName", "ReportId", "Timestamp_ticks")}}))
"""


def parquet_read(file):
    """By the reader that most tools have."""
    python, why = python_with("pyarrow==26.0.1")
    if python is None:
        check.skip("the file is read by others", why)
        return
    done = subprocess.run([python, "-c", PARQUET_READ, str(file)], capture_output=True, timeout=120)
    seen = json.loads(done.stdout) if done.returncode == 0 else {"first": {}}
    check("the file is read by others", seen.get("rows") == 4 and seen["type"] == "timestamp[us, tz=UTC]" and seen["micros"] == 123456 and seen["kept"], seen, done.stderr)
    check("with its values", seen["first"].get("DeviceName") == "web 3" and seen["first"]["ReportId"] == 3 and
          seen["first"]["Timestamp_ticks"] % 10_000_000 == 1234567, seen)


def looking():
    """List, purge and export through the daemon; a tenant's token does so with its own rows alone."""
    with Daemon() as daemon:
        daemon.write_config(tenants=[{"id": TENANT, "name": "a"}, {"id": OTHER_TENANT, "name": "b"}], metrics={"access": "open"})
        daemon.start()
        for tenant in (TENANT, OTHER_TENANT):
            daemon.put_workspace("devices", WATCH, tables=("DeviceInfo", "DeviceEvents"), tenant=tenant, lingerMs=1)
            daemon.post("DeviceInfo", "".join(device(i, 10 + i, "web" if i % 2 else "db") for i in range(10)).encode(), tenant=tenant)
            daemon.post("DeviceEvents", device(1, 14).encode(), tenant=tenant)
            daemon.wait_delivered("devices", tenant=tenant)
        check("all rows are there", sizes(daemon, "watch") == {"DeviceInfo": 20, "DeviceEvents": 2}, sizes(daemon, "watch"))
        out, _ = asked(daemon, "list", "watch", "--tenant", TENANT)
        check("of one tenant", " 10 " in out and " 1 " in out, out)
        metrics = daemon.get("/metrics").body.decode()
        check("metrics tell of it", "penstock_workspace_records{file=" in metrics and "} 22\n" in metrics, metrics[-2000:])

        file = daemon.folder / "out.parquet"
        asked(daemon, "export", "watch", "DeviceInfo", "--to", str(file), "--tenant", TENANT, "--from", "2026-09-12", "--where", "DeviceName has 'web'")
        check("a Parquet file comes", file.read_bytes()[:4] == b"PAR1" and file.read_bytes()[-4:] == b"PAR1")
        parquet_read(file)
        small = daemon.make_token(TENANT, "SecurityReader")["token"]
        full = daemon.make_token(TENANT, "SecurityReader", "SecurityAdministrator")["token"]
        wait_for(lambda: daemon.get("/api/workspaces/watch/tables", token=small).status == 200, 5, "the token is known")
        purge = lambda token, body: daemon.request("POST", "/api/workspaces/watch/purge", json.dumps(body).encode(), token=token)  # noqa: E731
        check("purging takes an administrator", purge(small, {"before": "2026-10-01"}).status == 403)
        for name, body, status in (("nothing said", {}, 400), ("a misspelt member", {"before": "2026-10-01", "wehre": "x"}, 400), ("no JSON", [], 400),
                                   ("a time that is none", {"before": "soon"}, 400), ("no such table", {"table": "Nope", "where": "true"}, 400),
                                   ("a predicate without table", {"where": "true"}, 400), ("a predicate of two", {"table": "DeviceInfo", "where": "true) | take 1 | where (true"}, 400)):
            check(name, purge(full, body).status == status, purge(full, body))
        answer = purge(full, {"table": "DeviceInfo", "where": f"DeviceName has 'web' or TenantId == '{OTHER_TENANT}'", "dryRun": True})
        check("a dry run counts its own", answer.status == 200 and answer.json() == {"rows": 5, "dryRun": True}, answer)
        answer = purge(full, {"where": "DeviceName has 'web' or true", "table": "DeviceInfo"})
        check("a tenant's token takes out its own rows alone", answer.status == 200 and answer.json()["rows"] == 10, answer)
        check("the other's stay", sizes(daemon, "watch") == {"DeviceInfo": 10, "DeviceEvents": 2}, sizes(daemon, "watch"))
        out, _ = asked(daemon, "purge", "watch", "DeviceInfo", "--before", "2026-09-15", "--dry-run")
        check("a dry run by command", out == "5 rows would go\n", out)
        out, _ = asked(daemon, "purge", "watch", "DeviceInfo", "--before", "2026-09-15", "--tenant", OTHER_TENANT)
        check("an operator's purge", out == "5 rows taken out\n" and sizes(daemon, "watch")["DeviceInfo"] == 5, out)
        answer = daemon.get("/api/workspaces/nowhere/tables", token=small)
        check("a workspace that is not there", answer.status == 404, answer)
        daemon.put_workspace("later", SECOND, tables=("DeviceNetworkInfo",), lingerMs=1)
        answer = daemon.get("/api/workspaces/second/tables", token=small)
        check("one that has no file yet is empty, and is not made", answer.status == 200 and answer.json()["value"] == [], answer)
        daemon.stop()
        out, _ = workspace(daemon, "list", "WATCH")
        check("the file itself, once the daemon has ended", "DeviceInfo" in out, out)
        workspace(daemon, "check", "watch")
        out, _ = workspace(daemon, "compact", "watch")
        check("the file is written anew", " before, " in out and [p.name for p in (daemon.data / "workspaces").iterdir()] == ["watch.duckdb"], out)
        daemon.start()
        daemon.post("DeviceInfo", device(99, 20).encode())
        daemon.wait_delivered("devices")
        check("and exports go on in it", sizes(daemon, "watch") == {"DeviceInfo": 6, "DeviceEvents": 2}, sizes(daemon, "watch"))
        _, errors = workspace(daemon, "compact", "watch", code=3)
        check("not while the daemon has it", "another process" in errors, errors)


def retention():
    """Old rows go by themselves, a table's own time before the general one."""
    with Daemon() as daemon:
        daemon.start()
        daemon.put_workspace("devices", WATCH, tables=("DeviceInfo", "DeviceEvents"), lingerMs=1)
        for table in ("DeviceInfo", "DeviceEvents"):
            daemon.post(table, (device(1, 14) + device(2, 15)).replace("2026-09-14", "2020-01-01").replace("2026-09-15", "2999-01-01").encode())
        daemon.wait_delivered("devices")
        check("all are there", sizes(daemon, "watch") == {"DeviceInfo": 2, "DeviceEvents": 2})
        daemon.stop()
        daemon.write_config(workspaces={"keepAge": "30 d", "tables": [{"name": "DeviceEvents", "keepAge": 0}]})
        daemon.start()
        wait_for(lambda: sizes(daemon, "watch")["DeviceInfo"] == 1, 30, "old rows go")
        check("and those of a table that is kept stay", sizes(daemon, "watch") == {"DeviceInfo": 1, "DeviceEvents": 2}, sizes(daemon, "watch"))
        daemon.stop()


def room():
    """Rows taken out here and there give their room back while the daemon is at work, kills in the middle or not. A quarter of two row
    groups: fewer than DuckDB's own checkpoint looks after, and more than 4 MiB."""
    rng = random.Random(11)
    with Daemon() as daemon:
        daemon.start()
        daemon.put_workspace("devices", WATCH, tables=("DeviceInfo",), lingerMs=1)
        for first in range(0, 200_000, 20_000):
            daemon.post("DeviceInfo", "".join(device(i, 14, rng.randbytes(90).hex()) for i in range(first, first + 20_000)).encode())
        daemon.wait_delivered("devices", seconds=120)
        daemon.stop()
        daemon.start()
        asked(daemon, "purge", "watch", "DeviceInfo", "--where", "ReportId % 4 == 0")
        numbers = {n for n in range(200_000) if n % 4 != 0}
        for i in range(4):
            more = range(1_000_000 + i * 10, 1_000_010 + i * 10)
            daemon.post("DeviceInfo", "".join(device(n, 15) for n in more).encode())
            numbers |= set(more)
            time.sleep(4.8 + rng.random())  # the first look is 5 s after the start
            daemon.kill()
            daemon.start()
        wait_for(lambda: "room of rows taken out was given back" in daemon.log(), 150, lambda: daemon.log_tail())
        daemon.wait_delivered("devices")
        check("each record that was acknowledged and stays is there", sizes(daemon, "watch") == {"DeviceInfo": len(numbers)}, sizes(daemon, "watch"), len(numbers))
        daemon.stop()
        tally = Tally()
        for row in map(json.loads, workspace(daemon, "print", "watch", "DeviceInfo")[0].splitlines()):
            tally.counts[row["ReportId"]] += 1
        tally.exactly(check, "once", numbers)
        workspace(daemon, "check", "watch")


def spoil_head(path, rng):
    with open(path, "r+b") as f:
        f.write(bytes(rng.randrange(256) for _ in range(12288)))


def spoil_end(path, rng):
    size = path.stat().st_size
    with open(path, "r+b") as f:
        f.truncate(size // 2)


def spoil_middle(path, rng):
    """A byte in each of the blocks."""
    with open(path, "r+b") as f:
        for at in range(12288, path.stat().st_size, 262144):
            f.seek(at + 9000)
            byte = f.read(1)
            f.seek(at + 9000)
            f.write(bytes([byte[0] ^ 0x40]) if byte else b"")


def rebuild():
    """Damaged in several ways: refused with a word on what helps; then each acknowledged record is there once, and those that come."""
    rng = random.Random(7)
    for name, spoil in (("a beginning of garbage", spoil_head), ("half a file", spoil_end), ("blocks flipped", spoil_middle)):
        with Daemon() as daemon:
            daemon.write_config(tenants=[{"id": TENANT, "name": "a", "subscriptions": [SUB.split("/")[2]]}], arm={"readBurst": 0})
            daemon.start()
            arm = Arm(daemon)
            arm.make_group()
            load = Load(daemon, ("DeviceInfo", "DeviceEvents"), senders=2, seed=3, pause=0.01).start()  # before the setting is made: not for it
            load.wait_acknowledged(3)
            before = set(load.finish())
            daemon.put_workspace("fill", WATCH, tables=("DeviceInfo", "DeviceEvents"), lingerMs=5)
            daemon.put_workspace("other", SECOND, tables=("DeviceInfo",), lingerMs=5)
            arm("PUT", f"{AUTOMATIONS}/all", automation([{"actionType": "Workspace", "workspaceResourceId": WATCH}], [{"eventSource": "Alerts"}]))
            simulate(arm, "VirtualMachines")
            load = Load(daemon, ("DeviceInfo", "DeviceEvents"), senders=2, seed=5, pause=0.01, first=1_000_000).start()
            load.wait_acknowledged(20)
            numbers = set(load.finish())
            daemon.wait_delivered("fill", "other")
            wait_for(lambda: sizes(daemon, "watch").get("SecurityAlert", 0) > 0, 30, "alerts")
            alerts = sizes(daemon, "watch")["SecurityAlert"]
            _, errors = workspace(daemon, "rebuild", "watch", code=1)
            check("not while the daemon is at work", "stop it" in errors, errors)
            daemon.stop()
            _, errors = workspace(daemon, "rebuild", "watch", code=1)
            check("not what is whole", "not damaged" in errors, errors)
            path = daemon.data / "workspaces/watch.duckdb"
            spoil(path, rng)
            _, errors = workspace(daemon, "check", "watch", code=3)
            check(f"{name}: refused", "penstock workspace rebuild" in errors, errors)
            out, _ = workspace(daemon, "rebuild", "watch")
            check("it says what it did", "2 exports were set back" in out and "moved aside" in out, out)
            check("the damaged one is kept", not path.exists() and len(list(path.parent.glob("watch.duckdb.damaged-*"))) == 1)
            daemon.start()
            more = Load(daemon, ("DeviceInfo", "DeviceEvents"), senders=1, seed=6, pause=0.01, first=2_000_000).start()
            more.wait_acknowledged(3)
            daemon.kill()
            daemon.start()
            more.wait_acknowledged(6)
            numbers |= set(more.finish())
            daemon.wait_delivered("fill", "other", seconds=120)
            wait_for(lambda: sizes(daemon, "watch").get("SecurityAlert", 0) >= alerts, 30, "alerts come again")
            daemon.stop()
            workspace(daemon, "check", "watch")
            tally = Tally()
            for table in ("DeviceInfo", "DeviceEvents"):
                for row in map(json.loads, workspace(daemon, "print", "watch", table)[0].splitlines()):
                    tally.counts[row["ReportId"]] += 1
            tally.exactly(check, f"{name}: each acknowledged record is there once", numbers)
            ids = [json.loads(row)["SystemAlertId"] for row in workspace(daemon, "print", "watch", "SecurityAlert")[0].splitlines()]
            check("and each alert", len(ids) == len(set(ids)) == alerts, len(ids), alerts)
            check("what came before the setting was made is not", not before & set(tally.counts))
            other = Tally()
            for row in map(json.loads, workspace(daemon, "print", "second", "DeviceInfo")[0].splitlines()):
                other.counts[row["ReportId"]] += 1
            check("the other workspace has nothing twice", set(other.counts.values()) == {1}, other.counts.most_common(3))


SECTIONS = {"events": events, "looking": looking, "retention": retention, "room": room, "rebuild": rebuild}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--only", choices=SECTIONS)
    options = options.parse_args()
    if not has_workspaces():
        check.skip("workspaces", "this build has none")
        check.end()
    for name, section in SECTIONS.items():
        if options.only in (None, name):
            check.run(name, section)
    check.end()


main()
