#!/usr/bin/env python3
"""What the README promises: script/server on a fresh data folder, and within a minute this machine's own process events lie as
hourly JSON blobs in the local storage account and on the local event hub. And what it costs in memory.

    test/e2e/quickstart_test.py"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from check import Checks, wait_for  # noqa: E402
from daemon import PENSTOCK, ROOT, TENANT, Daemon, Load, die_with_parent, storage_id  # noqa: E402

check = Checks()
MIB = 1 << 20
PROMISE_S = 60


def tail(data, url, *more):
    done = subprocess.run([PENSTOCK, "tail", "events", "--from", "earliest", "--data", str(data), "--url", url, *more],
                          capture_output=True, timeout=30)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def blobs(data, table):
    return sorted((data / "storage").glob(f"*/insights-logs-advancedhunting-{table.lower()}/tenantId=*/y=*/m=*/d=*/h=*/m=00/PT1H.json"))


def quickstart():
    with tempfile.TemporaryDirectory(prefix="penstock-test-") as folder:
        data = pathlib.Path(folder) / "data"
        log = open(pathlib.Path(folder) / "log", "wb")
        began = time.monotonic()
        server = subprocess.Popen(["script/server", "--listen", "127.0.0.1:0"], cwd=ROOT, stdout=log, stderr=log,
                                  stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent,
                                  env=dict(os.environ, PENSTOCK_DATA=str(data)))
        ready = data / "ready.json"
        children = []
        try:
            wait_for(lambda: ready.exists() and ready.stat().st_size > 0 or server.poll() is not None, PROMISE_S,
                     lambda: "script/server is ready: " + pathlib.Path(log.name).read_text()[-800:])
            url = json.loads(ready.read_text())["url"]
            check.note(f"ready after {time.monotonic() - began:.1f} s at {url}")
            watch(data, url, began)
            token = (data / "operator.token").read_text().strip()
            children = [int(p) for p in subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True,
                                                       text=True).stdout.split()]
            request = urllib.request.Request(url + "/api/status", headers={"Authorization": f"Bearer {token}"})
            status = json.load(urllib.request.urlopen(request, timeout=10))
            check("nothing fails meanwhile", status["healthy"] and all(e["lastError"] is None for e in status["exports"]),
                  status)
            for pid in children:
                text = pathlib.Path(f"/proc/{pid}/status").read_text()
                name, high = re.search(r"Name:\s+(\S+)", text).group(1), int(re.search(r"VmHWM:\s+(\d+)", text).group(1))
                check.note(f"{name}: at most {high / 1024:.1f} MiB resident")
        finally:
            os.kill(server.pid, signal.SIGTERM)
            try:
                code = server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                code = server.wait()
            log.close()
        check("script/server ends on SIGTERM, and its programs with it", code in (0, 143) and not any(
            pathlib.Path(f"/proc/{pid}").exists() for pid in children), code, children)


def watch(data, url, began):
    marker = f"penstock-quickstart-{os.getpid()}"

    def process_and_look():
        # Something must happen on this machine: a program with a command line that is known.
        subprocess.run(["/bin/sh", "-c", ": " + marker + "; /bin/true"], check=True)
        return any(marker in path.read_text() for path in blobs(data, "DeviceProcessEvents"))

    wait_for(process_and_look, PROMISE_S - (time.monotonic() - began), "this machine's process events in the archive", 0.3)
    check(f"within {PROMISE_S} s of script/server a program that was just run is in the hourly blob", True)
    check.note(f"after {time.monotonic() - began:.1f} s")
    rows = [json.loads(line) for path in blobs(data, "DeviceProcessEvents") for line in path.read_bytes().split(b"\r\n")[:-1]]
    keys = ["time", "tenantId", "operationName", "category", "_TimeReceivedBySvc", "properties", "Tenant"]
    check("rows have the envelope's seven keys in order", all(list(r) == keys for r in rows), rows[:1])
    mine = [r for r in rows if marker in (r["properties"]["ProcessCommandLine"] or "")]
    check("with command line, process and parent", mine and mine[-1]["properties"]["FileName"] and
          mine[-1]["properties"]["InitiatingProcessId"] is not None, mine[:1])
    schema = subprocess.run([PENSTOCK, "schema", "DeviceProcessEvents"], capture_output=True, text=True).stdout
    columns = set(re.findall(r"^\s*(\w+)\s+\w+\s*$", schema, re.M)) - {"ColumnName"}
    missing = columns - set(mine[-1]["properties"])
    check("with every column of the table", len(columns) > 20 and not missing, len(columns), missing)
    wait_for(lambda: blobs(data, "DeviceInfo"), 20, "DeviceInfo in the archive")
    code, out, errors = tail(data, url, "--max", "100000")
    records = [json.loads(line) for line in out.splitlines()]
    check("penstock tail events shows it too", code == 0 and any(marker in json.dumps(r) for r in records), code,
          errors, out[-500:])
    check("and other tables of this machine", {"AdvancedHunting-DeviceInfo", "AdvancedHunting-DeviceProcessEvents"} <=
          {r["category"] for r in records}, {r["category"] for r in records})


def memory():
    """Resident memory: idle, and at most under full load with one export down for good."""
    with Daemon() as daemon:
        daemon.write_config(defaultExports=True, resources=[
            {"id": storage_id("dead"), "kind": "blob",
             "settings": {"endpoint": "http://127.0.0.1:9/account", "key": "AAAA", "timeout_ms": "1000"}}])
        daemon.start()
        daemon.status()
        idle = daemon.memory()
        check("idle: under 64 MiB", idle < 64 * MIB, f"{idle / MIB:.1f} MiB")
        daemon.put_setting("dead", storage=storage_id("dead"), tables=("DeviceEvents", "DeviceProcessEvents", "DeviceNetworkEvents"))
        body = subprocess.run([PENSTOCK, "generate", "--records", "12000", "--form", "rows", "--table", "DeviceProcessEvents"],
                              capture_output=True, check=True).stdout
        lines = body.splitlines(keepends=True)
        bodies = [b"".join(lines[i:i + 500]) for i in range(0, len(lines), 500)]
        sent, stop, wrong = [0] * 8, threading.Event(), []

        def work(number):
            turn = number
            while not stop.is_set():
                answer = daemon.post("DeviceProcessEvents", bodies[turn % len(bodies)])
                if answer.status == 200:
                    sent[number] += answer.json()["accepted"]
                else:
                    wrong.append(str(answer))
                turn += 1

        threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(8)]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        wait_for(lambda: sum(sent) >= 1_000_000 or time.monotonic() - began > 15, 60, "a million records, or 15 s of load")
        took = time.monotonic() - began
        stop.set()
        for thread in threads:
            thread.join(30)
        high = daemon.memory("VmHWM")
        dead = daemon.export("dead")
        check("load with one export down for good: under 256 MiB", high < 256 * MIB, f"{high / MIB:.1f} MiB")
        check("the dead export retries", dead["state"] == "retrying" and dead["progress"]["lagRecords"] > 0, dead)
        check("all requests were taken", not wrong, wrong[:3])
        daemon.wait_delivered("local-archive", seconds=60)
        check.note(f"resident: idle {idle / MIB:.1f} MiB; at most {high / MIB:.1f} MiB, at {sum(sent) / took:.0f} records/s of "
                   f"{len(body) / len(lines):.0f} bytes by 8 connections (Python's), one of three exports dead; "
                   f"now {daemon.memory() / MIB:.1f} MiB")


check.run("quickstart", quickstart)
check.run("memory", memory)
check.end()
