#!/usr/bin/env python3
"""The published Azure SDK client (npm @azure/arm-security) reads and writes posture of the daemon: metadata, assessments, findings,
scores, compliance, alerts, suppression rules. It throws at any status that Azure does not document."""
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
from arm import OLD, SUB, SUBSCRIPTION, TENANT  # noqa: E402
from arm_sdk_test import call, started  # noqa: E402
from check import Checks, wait_for  # noqa: E402
from daemon import Daemon  # noqa: E402

check = Checks()
P = "/providers/Microsoft.Security"
KEY = "0a0a0a0a-0000-4000-8000-000000000001"
COUNT = 230  # more than two pages


def machine(number):
    return f"{SUB}/resourceGroups/rg-a/providers/Microsoft.Compute/virtualMachines/vm-{number}"


def fill(daemon, certificate):
    def put(path, version, properties):
        call(daemon, certificate, "PUT", f"{path}?api-version={version}&tenantId={TENANT}", {"properties": properties})

    refs = [{"id": f"{P}/assessmentMetadata/{KEY}"}]
    put(f"{SUB}{P}/assessmentMetadata/{KEY}", "2021-06-01", {"displayName": "T", "severity": "High", "assessmentType": "CustomerManaged"})
    put(f"{P}/secureScoreControlDefinitions/c", "2020-01-01", {"displayName": "c", "maxScore": 10, "assessmentDefinitions": refs})
    put(f"{SUB}{P}/regulatoryComplianceStandards/CIS", OLD, {})
    put(f"{SUB}{P}/regulatoryComplianceStandards/CIS/regulatoryComplianceControls/1.1", OLD, {"assessmentDefinitions": refs})
    for number in range(COUNT):
        put(f"{machine(number)}{P}/assessments/{KEY}", "2021-06-01", {"resourceDetails": {"source": "Azure"}, "status": {"code": "Unhealthy"}})
    put(f"{machine(0)}{P}/assessments/{KEY}/subAssessments/f", OLD, {"displayName": "A finding", "status": {"code": "Unhealthy", "severity": "High"}})


def run(daemon):
    certificate = started(daemon, posture={"scoreDelay": "1 ms"}, arm={"readBurst": 0, "writeBurst": 0, "deleteBurst": 0})
    fill(daemon, certificate)

    def counted():
        _, out, _ = daemon.run("posture", "list", "secureScoreControls", "--json", "--subscription", SUBSCRIPTION, "--ca-file", str(certificate))
        return [c["properties"]["unhealthyResourceCount"] for c in json.loads(out or "[]")] == [COUNT]

    wait_for(counted, 20, "the score is computed")
    script = peers.NODE / "posture_sdk.js"
    shutil.copy(HERE / "posture_sdk.js", script)
    token = daemon.make_token(TENANT, "SecurityAdministrator")["token"]
    environment = dict(os.environ, NODE_EXTRA_CA_CERTS=str(certificate), URL=f"https://localhost:{urllib.parse.urlsplit(daemon.url).port}",
                       SUB=SUBSCRIPTION, TOKEN=token, KEY=KEY, VM=machine(0), ASSESSMENTS=str(COUNT))
    done = subprocess.run(peers.node(script), env=environment, capture_output=True, timeout=180, cwd=peers.NODE)
    lines = [json.loads(line) for line in done.stdout.decode(errors="replace").splitlines()]
    for seen in lines:
        check(seen["name"], seen["ok"], seen["seen"])
    check("the client ran to its end", done.returncode == 0 and len(lines) >= 20, len(lines), done.stderr.decode(errors="replace")[-2000:])


if __name__ == "__main__":
    peers.install_node()
    with Daemon() as one:
        check.run("posture by the Azure SDK", run, one)
        if check.failed:
            check.note(one.log_tail())
    check.end()
