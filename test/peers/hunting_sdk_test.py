#!/usr/bin/env python3
"""The published query client of Azure Monitor (npm @azure/monitor-query-logs) asks the daemon's workspaces over TLS: by workspace, by resource, in
batches, with statistics and visualization; partial results, errors, time-outs and throttling arrive as it knows them."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import peers  # noqa: E402
from check import Checks  # noqa: E402
from daemon import SUBSCRIPTION, TENANT, Daemon, has_workspaces, rows  # noqa: E402

OTHER = "11111111-2222-4333-8444-555555555555"
SOC = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc"
PRIVATE = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/private-of-b"
LONG = "range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) == 'none' | count"
check = Checks()


def client(daemon, certificate, part, tokens):
    """Runs a part of hunting_sdk.js, beside the modules that it needs."""
    script = peers.NODE / "hunting_sdk.js"
    shutil.copy(HERE / "hunting_sdk.js", script)
    port = urllib.parse.urlsplit(daemon.url).port
    environment = dict(os.environ, NODE_EXTRA_CA_CERTS=str(certificate), URL=f"https://localhost:{port}", SOC=SOC, PRIVATE=PRIVATE, LONG=LONG, **tokens)
    done = subprocess.run(peers.node(script, part), env=environment, capture_output=True, timeout=180, cwd=peers.NODE)
    lines = done.stdout.decode(errors="replace").splitlines()
    for line in lines:
        seen = json.loads(line)
        check(f"{part}: {seen['name']}", seen["ok"], seen["seen"])
    check(f"{part}: the client ran", done.returncode == 0 and lines, done.stderr.decode(errors="replace")[-2000:])
    return len(lines)


def sdk():
    with Daemon() as daemon:
        certificate, key = peers.make_certificate(daemon.folder)
        daemon.write_config(
            tenants=[{"id": TENANT, "name": "a"}, {"id": OTHER, "name": "b"}], hunting={"queries": 1, "answerRows": 2000, "timeMax": "60 s"},
            resources=[{"id": id, "kind": "workspace", "settings": {"path": str(daemon.folder / name), "memory_mb": "256"}}
                       for id, name in ((SOC, "soc.duckdb"), (PRIVATE, "private.duckdb"))])
        # Exports are set up and fed before TLS is on: this file is about the client.
        daemon.start()
        daemon.put_workspace("own", PRIVATE, tenant=OTHER, lingerMs=20)
        for tenant, first, count in ((TENANT, 1, 3), (OTHER, 100, 2)):
            daemon.put_workspace("soc", SOC, tenant=tenant, lingerMs=20)
            answer = daemon.post("DeviceEvents", rows(first, count, pad="p"), tenant=tenant)
            check(f"ingest for {tenant}", answer.status == 200, answer)
        daemon.wait_delivered("soc")
        daemon.wait_delivered("soc", "own", tenant=OTHER)
        tokens = {name: daemon.make_token(tenant, role)["token"] for name, tenant, role in (
            ("A", TENANT, "SecurityReader"), ("B", OTHER, "SecurityReader"), ("INGEST", TENANT, "ingest"))}
        daemon.stop()
        daemon.write_config(http={"tls": "files", "certificate": str(certificate), "key": str(key)})
        daemon.start()
        check("as many steps as there are", client(daemon, certificate, "queries", tokens) == 15)
        check("as many errors as there are", client(daemon, certificate, "errors", tokens) == 12)
        client(daemon, certificate, "busy", tokens)


if __name__ == "__main__":
    if not has_workspaces():
        check.skip("hunting", "this build has no workspace")
        check.end()
    peers.install_node()
    check.run("sdk", sdk)
    check.end()
