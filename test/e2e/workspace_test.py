#!/usr/bin/env python3
"""kill -9 of the daemon while it fills a workspace: each acknowledged record is in its table exactly once.

    test/e2e/workspace_test.py [--rounds 30] [--seed N]

Eight senders send batches, each with an id, and repeat a batch until it is acknowledged. Two exports fill two tables of one
workspace, with a window of a few milliseconds, so that a kill nearly always meets a transaction. Meanwhile the daemon is killed again and
again: at work, under recovery, at start."""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from check import Checks  # noqa: E402
from daemon import LOCAL, PENSTOCK, Daemon, Load, Tally, storage_id  # noqa: E402

TABLES = ("DeviceEvents", "DeviceProcessEvents")
check = Checks()


def one_round(daemon, rng):
    kind = rng.random()
    if kind < 0.15:
        daemon.launch()
        time.sleep(rng.uniform(0, 0.3))  # a random moment, waiting for nothing
    else:
        daemon.start()
        time.sleep(rng.uniform(0, 0.1 if kind < 0.3 else 1.2))
    daemon.kill()


def printed(daemon, path, table, *more):
    code, out, errors = daemon.run("workspace", "print", str(path), table, *more)
    check(f"the rows of {table} can be printed", code == 0, code, errors)
    return [json.loads(line) for line in out.splitlines()]


def kill_rounds(rounds, rng):
    with Daemon() as daemon:
        path = daemon.folder / "soc" / "soc.duckdb"
        daemon.write_config(defaultExports=False, journal={"keepSize": "64 MiB"}, resources=[
            {"id": storage_id("tables"), "kind": "workspace", "settings": {"path": str(path), "memory_mb": "512"}}])
        daemon.start()
        for table in TABLES:
            daemon.put_setting(f"fill-{table}", storage=storage_id("tables"), tables=[table], lingerMs=20)
        load = Load(daemon, TABLES, senders=8, big_every=40, seed=rng.randrange(1 << 30), pause=0.02).start()
        load.wait_acknowledged(10)
        daemon.kill()
        for _ in range(rounds):
            one_round(daemon, rng)
        daemon.start()
        load.wait_acknowledged(20)
        numbers = list(load.finish())
        check(f"{rounds} kills under load, and it serves", len(numbers) > 0)
        check.note(f"{len(numbers)} records in {len(load.acknowledged)} batches acknowledged")
        daemon.wait_delivered(*(f"fill-{table}" for table in TABLES), seconds=180)
        code, _, errors = daemon.run("workspace", "list", str(path))
        check("the daemon's file is not another's to open", code == 3 and "another process" in errors, code, errors)
        state = daemon.status()
        check("nothing was lost or parked", all(
            e["progress"]["recordsLost"] == 0 and e["progress"]["recordsRefused"] == 0 for e in state["exports"]), state)
        check("it stops in order", daemon.stop() == 0)

        code, out, errors = daemon.run("workspace", "list", str(path), "--json")
        sizes = {s["table"]: s["rows"] for s in map(json.loads, out.splitlines())}
        check("the counts are those of the acknowledged records", code == 0 and sum(sizes.values()) == len(numbers),
              sizes, len(numbers), errors)
        tally = Tally()
        for table in TABLES:
            for row in printed(daemon, path, table):
                tally.counts[row["ReportId"]] += 1
                if row.get("NoSuchColumn") != row["ReportId"] + 0.5 or row["Timestamp"] != "2026-09-14T08:07:45.2820995Z":
                    tally.faulty.append(str(row)[:200])
        tally.exactly(check, "each is there once, with what has no column", numbers)
        purge(daemon, path, sizes)


def purge(daemon, path, sizes):
    code, out, errors = daemon.run("workspace", "purge", str(path), TABLES[0], "--before", "2026-09-14T08:07:45.2820995Z")
    check("nothing is before the first", code == 0 and out.startswith("0 rows"), code, out, errors)
    code, out, errors = daemon.run("workspace", "purge", str(path), TABLES[0], "--before", "2026-09-15")
    check("a table can be emptied", code == 0 and out.startswith(f"{sizes[TABLES[0]]} rows"), code, out, errors)
    code, out, errors = daemon.run("workspace", "list", str(path))
    check("and the other stays", code == 0 and TABLES[0] not in out and TABLES[1] in out, code, out, errors)
    code, _, errors = daemon.run("workspace", "print", str(path), "NoSuchTable")
    check("a table that is not there", code == 1 and "NoSuchTable" in errors, code, errors)


def damaged():
    """A file that is broken keeps its export waiting, with a reason; when it is moved away, all arrives."""
    with Daemon() as daemon:
        path = daemon.folder / "soc.duckdb"
        path.write_bytes(b"this is no database" * 1000)
        daemon.write_config(defaultExports=False, resources=[
            {"id": storage_id("tables"), "kind": "workspace", "settings": {"path": str(path)}}])
        daemon.start()
        daemon.put_setting("fill", storage=storage_id("tables"), tables=TABLES, lingerMs=20)
        load = Load(daemon, TABLES, senders=1, seed=5, pause=0.02).start()
        load.wait_acknowledged(5)
        numbers = list(load.finish())
        check("records are acknowledged all the same", len(numbers) > 0)
        path.rename(daemon.folder / "away")
        daemon.wait_delivered("fill", seconds=90)
        check("it stops in order", daemon.stop() == 0)
        tally = Tally()
        for table in TABLES:
            for row in printed(daemon, path, table):
                tally.counts[row["ReportId"]] += 1
        tally.exactly(check, "each arrived once in the new file", numbers)


def local():
    """A data export setting that names a local workspace, as the service spells it."""
    with Daemon() as daemon:
        daemon.write_config(defaultExports=False)
        daemon.start()
        target = {"workspaceResourceId": f"{LOCAL}/Microsoft.OperationalInsights/workspaces/soc-local"}
        body = {"workspaceProperties": target, "penstock": {"lingerMs": 20},
                "logs": [{"category": f"AdvancedHunting-{table}", "enabled": True} for table in TABLES]}
        answer = daemon.request("PUT", "/api/dataexportsettings/soc", json.dumps(body))
        check("a setting to a workspace is taken", answer.status in (200, 201), answer)
        check("and says whose it is", answer.status not in (200, 201) or answer.json()["workspaceProperties"] == {
            **target, "subscriptionId": "00000000-0000-0000-0000-000000000000", "resourceGroup": "local",
            "name": "soc-local"}, answer)
        load = Load(daemon, TABLES, senders=1, seed=5, pause=0.02).start()
        load.wait_acknowledged(5)
        numbers = list(load.finish())
        daemon.wait_delivered("soc", seconds=60)
        check("it stops in order", daemon.stop() == 0)
        tally = Tally()
        for table in TABLES:
            for row in printed(daemon, "soc-local", table, "--data", str(daemon.data)):
                tally.counts[row["ReportId"]] += 1
        tally.exactly(check, "each arrived once", numbers)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    options = options.parse_args()
    print(f"seed {options.seed}", flush=True)
    told = subprocess.run([PENSTOCK, "workspace", "list", "none"], capture_output=True, text=True).stderr
    if "this build has no workspace" in told:
        check.skip("workspaces", told.strip())
        check.end()
    check.run("killed", kill_rounds, options.rounds, random.Random(options.seed))
    check.run("damaged", damaged)
    check.run("local", local)
    check.end()


main()
