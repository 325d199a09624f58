#!/usr/bin/env python3
"""Detection rules over a real daemon: what is refused, hits of scheduled and continuous rules as alerts in exports, automations and
status, each once however often the daemon is killed; test-runs that make nothing; tenants apart.

    test/e2e/detection_test.py [--kills N] [SECTION...]      sections: see the end of this file"""
import argparse
import collections
import json
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from arm import DELETE, Arm, changed  # noqa: E402
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import BUILD, LOCAL, SUBSCRIPTION, TENANT, Daemon, has_workspaces, storage_id  # noqa: E402

OTHER = "b0a4d6c2-3e77-4a19-9c41-58e2f7d10a22"
RULES = "/beta/security/rules/detectionRules"
SOC, SECOND, PRIVATE = (f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/{name}" for name in ("soc", "second", "private"))
ALERTS = ("AlertInfo", "AlertEvidence")
HUB = f"{LOCAL}/Microsoft.EventHub/namespaces/local-hub"
DEVICE = {"@odata.type": "#microsoft.graph.security.impactedDeviceAsset", "identifier": "deviceId"}
check = Checks()


def rule(name, query, period, **template):
    return {"displayName": name, "isEnabled": True, "queryCondition": {"queryText": query}, "schedule": {"period": period},
            "detectionAction": {"alertTemplate": {
                "title": "t", "description": "d", "severity": "medium", "category": "Execution", "recommendedActions": None,
                "mitreTechniques": ["T1059.001"], "impactedAssets": [DEVICE], **template}, "organizationalScope": None,
                "responseActions": []}}


def event(number, action="Bad", device=None, **more):
    return json.dumps({"Timestamp": "2026-09-14T08:07:45.2820995Z", "DeviceId": device or f"dev-{number}", "DeviceName": f"host-{number}",
                       "ActionType": action, "ReportId": number, "FileName": "evil.exe", "SHA1": "a" * 40,
                       "InitiatingProcessCommandLine": "powershell -enc \u00e4\"x\"", "AccountName": "eve", **more})


def started(daemon, kill=False):
    """Two tenants, a folder and the local hub for alerts, a workspace where there is DuckDB."""
    resources = [{"id": storage_id("alerts"), "kind": "folder", "settings": {"path": str(daemon.folder / "alerts")}}]
    if has_workspaces():
        resources += [{"id": i, "kind": "workspace", "settings": {"path": str(daemon.folder / f"{i.split('/')[-1]}.duckdb")}} for i in (SOC, SECOND, PRIVATE)]
    daemon.write_config(tenants=[{"id": TENANT, "name": "a"}, {"id": OTHER, "name": "b"}], resources=resources, defaultExports=False)
    daemon.start()
    for tenant, name in ((TENANT, "alerts"), (OTHER, "theirs")):
        if tenant == TENANT:
            daemon.put_setting(name, storage=storage_id("alerts"), tables=ALERTS, tenant=tenant, lingerMs=20)
            daemon.put_setting("hub", hubs=HUB, hub="found", tables=ALERTS, tenant=tenant)
        if has_workspaces():
            daemon.put_workspace(f"soc-{name}", SOC, tables=("DeviceEvents",), tenant=tenant, lingerMs=5)


def made(daemon, body, tenant=TENANT, status=201, **more):
    answer = daemon.request("POST", f"{RULES}?tenantId={tenant}", json.dumps(body), **more)
    if answer.status != status:
        raise Failed(f"POST of {body['displayName']}: {answer}")
    return answer.json()


def send(daemon, *events, tenant=TENANT, batch=None):
    answer = daemon.post("DeviceEvents", ("\n".join(events) + "\n").encode(), tenant=tenant, batch=batch)
    if answer.status != 200:
        raise Failed(f"ingest: {answer}")


def exported(daemon):
    """(AlertInfo, AlertEvidence) rows in the folder."""
    found = {"AdvancedHunting-AlertInfo": [], "AdvancedHunting-AlertEvidence": []}
    for path in sorted((daemon.folder / "alerts").rglob("*.json")):
        for line in path.read_bytes().splitlines():
            envelope = json.loads(line)
            found[envelope["category"]].append(envelope)
    return found["AdvancedHunting-AlertInfo"], found["AdvancedHunting-AlertEvidence"]


def wait_exported(daemon, count):
    wait_for(lambda: len(exported(daemon)[0]) >= count, 30, lambda: f"{count} alerts are exported: {len(exported(daemon)[0])}, "
             f"{daemon.get('/api/status').json().get('detections')}")
    daemon.wait_delivered("alerts")
    return exported(daemon)


def run_now(daemon, number, tenant=TENANT):
    answer = daemon.request("POST", f"{RULES}/{number}/run?wait=60&tenantId={tenant}", b"")
    if answer.status != 200:
        raise Failed(f"run: {answer}")
    return answer.json()


def wait_workspace(daemon, tenant=TENANT):
    daemon.wait_delivered("soc-alerts" if tenant == TENANT else "soc-theirs", tenant=tenant)


def runs(daemon, number, tenant=TENANT):
    return daemon.get(f"{RULES}/{number}/runs?tenantId={tenant}").json()["value"]


def hub_texts(daemon, name):
    found, cursor = [], "earliest"
    while True:
        answer = daemon.get(f"/hubs/{name}/messages?from={cursor}&maxWait=0&tenantId={TENANT}")
        lines = [m for m in answer.body.decode().splitlines() if m] if answer.status == 200 else []
        if not lines:
            return found
        found += lines
        cursor = answer.headers["x-penstock-cursor"]


# ---- the resource ----

def resource():
    with Daemon() as daemon:
        started(daemon)
        body = rule("one", "DeviceEvents | where ActionType == 'Bad'", "0")
        answer = daemon.request("POST", f"{RULES}?tenantId={TENANT}", json.dumps(body))
        shown = answer.json()
        check("POST makes it, and says where", answer.status == 201 and answer.headers["Location"].endswith(f"{RULES}/{shown['id']}"), answer,
              answer.headers)
        check("it has Graph's form", shown["@odata.type"] == "#microsoft.graph.security.detectionRule" and len(shown["detectorId"]) == 36 and
              shown["lastRunDetails"]["status"] is None and shown["schedule"]["frequency"] == "PT0S" and shown["createdBy"], shown)
        path = f"{RULES}/{shown['id']}?tenantId={TENANT}"
        check("GET shows the same", daemon.get(path).json() == shown, daemon.get(path))
        check("v1.0 leads there too", daemon.get(path.replace("/beta/", "/v1.0/")).json() == shown)
        answer = daemon.request("PATCH", path, json.dumps({"detectionAction": {"alertTemplate": {"severity": "high"}}}))
        check("PATCH changes what is sent", answer.status == 200 and answer.json()["detectionAction"]["alertTemplate"]["severity"] == "high" and
              answer.json()["detectionAction"]["alertTemplate"]["title"] == "t", answer)
        answer = daemon.request("PATCH", path, json.dumps(answer.json()))
        check("and takes its own answer back", answer.status == 200, answer)
        check("a name is one rule's", daemon.request("POST", f"{RULES}?tenantId={TENANT}", json.dumps(changed(body, ("displayName", "ONE")))).status == 409)
        for i in range(4):
            made(daemon, changed(body, ("displayName", f"more-{i}")))
        answer = daemon.get(f"{RULES}?tenantId={TENANT}&$top=3").json()
        token = answer["@odata.nextLink"].rsplit("skiptoken=", 1)[1]
        rest = daemon.get(f"{RULES}?tenantId={TENANT}&$top=3&$skiptoken={token}").json()
        check("pages", len(answer["value"]) == 3 and len(rest["value"]) == 2 and "@odata.nextLink" not in rest, answer, rest)
        for text, count in (("displayName eq 'more-1'", 1), ("startswith(displayName,'more') and isEnabled eq true", 4), ("isEnabled eq false", 0)):
            found = daemon.get(f"{RULES}?tenantId={TENANT}&$filter={text.replace(' ', '%20')}").json()
            check(f"$filter={text}", len(found["value"]) == count, found)
        check("a filter that is not known is refused", daemon.get(f"{RULES}?tenantId={TENANT}&$filter=severity%20eq%201").status == 400)
        check("another tenant sees none", daemon.get(f"{RULES}?tenantId={OTHER}").json()["value"] == [])
        for method, more in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/runs"), ("POST", "/run"), ("POST", "/test")):
            answer = daemon.request(method, f"{RULES}/{shown['id']}{more}?tenantId={OTHER}", b"{}" if method in ("PATCH", "POST") else None)
            check(f"nor does {method} {more or 'of one'}", answer.status == 404, answer)
        reader = daemon.make_token(TENANT, "SecurityReader")["token"]
        wait_for(lambda: daemon.get(RULES, token=reader).status == 200, 5, "the token is known")
        for method, more in (("POST", ""), ("PATCH", f"/{shown['id']}"), ("DELETE", f"/{shown['id']}"), ("POST", f"/{shown['id']}/run")):
            answer = daemon.request(method, RULES + more, json.dumps(body), token=reader)
            check(f"a reader may not {method} {more}", answer.status == 403, answer)
        check("DELETE", daemon.request("DELETE", path).status == 204 and daemon.get(path).status == 404)


T = "detectionAction.alertTemplate"
BASE = rule("n", "DeviceEvents | where ActionType == 'Bad'", "0")
HOURLY = rule("n", "DeviceEvents | where ActionType == 'Bad'", "1H")
REFUSED = [  # name, body, target of a fault
    ("an array", [], "JSON object"),
    ("no JSON", b"{", "no JSON"),
    ("names twice", b'{"displayName":"a","displayName":"b"}', "no JSON"),
    ("nothing", {}, "displayName"),
    ("no name", changed(BASE, ("displayName", DELETE)), "displayName"),
    ("a name of blanks", changed(BASE, ("displayName", "  ")), "displayName"),
    ("a name a number", changed(BASE, ("displayName", 5)), "displayName"),
    ("a name too long", changed(BASE, ("displayName", "x" * 257)), "displayName"),
    ("isEnabled a text", changed(BASE, ("isEnabled", "no")), "isEnabled"),
    ("a member misspelt", changed(BASE, ("isEnable", True)), "isEnable"),
    ("no query", changed(BASE, ("queryCondition", DELETE)), "queryCondition"),
    ("a query a list", changed(BASE, ("queryCondition", [])), "queryCondition"),
    ("an empty query", changed(BASE, ("queryCondition.queryText", "")), "queryCondition.queryText"),
    ("a query too long", changed(BASE, ("queryCondition.queryText", "DeviceEvents //" + "x" * 66000)), "queryCondition.queryText"),
    ("a query that is none", changed(BASE, ("queryCondition.queryText", "where x")), "queryCondition.queryText:1:"),
    ("no such table", changed(BASE, ("queryCondition.queryText", "DeviceEvnts")), "queryCondition.queryText:1:1"),
    ("no such column", changed(BASE, ("queryCondition.queryText", "DeviceEvents\n| where Bad == 1")), "queryCondition.queryText:2:9"),
    ("a type that cannot be", changed(BASE, ("queryCondition.queryText", "DeviceEvents | where FileName > 5")), "queryCondition.queryText:1:"),
    ("continuous: a join", changed(BASE, ("queryCondition.queryText", "DeviceEvents | join DeviceInfo on DeviceId")), "queryCondition.queryText"),
    ("continuous: a count", changed(BASE, ("queryCondition.queryText", "DeviceEvents | summarize count() by DeviceId")), "queryCondition.queryText:1:16"),
    ("continuous: an order", changed(BASE, ("queryCondition.queryText", "DeviceEvents | sort by DeviceId")), "queryCondition.queryText"),
    ("continuous: a union", changed(BASE, ("queryCondition.queryText", "union DeviceEvents, DeviceInfo")), "queryCondition.queryText"),
    ("continuous: take", changed(BASE, ("queryCondition.queryText", "DeviceEvents | take 5")), "queryCondition.queryText"),
    ("continuous: a random number", changed(BASE, ("queryCondition.queryText", "DeviceEvents | where rand() > 0.5")), "queryCondition.queryText"),
    ("no schedule", changed(BASE, ("schedule", DELETE)), "schedule"),
    ("an empty schedule", changed(BASE, ("schedule.period", DELETE)), "schedule.period"),
    ("a period a number", changed(BASE, ("schedule.period", 0)), "schedule.period"),
    ("a period of a minute", changed(HOURLY, ("schedule.period", "1M")), "schedule.period"),
    ("a period of two days", changed(HOURLY, ("schedule.period", "2D")), "schedule.period"),
    ("a period that is none", changed(HOURLY, ("schedule.period", "hourly")), "schedule.period"),
    ("a negative period", changed(HOURLY, ("schedule.period", "-1H")), "schedule.period"),
    ("a frequency that disagrees", changed(HOURLY, ("schedule.frequency", "P1D")), "schedule.frequency"),
    ("no action", changed(BASE, ("detectionAction", DELETE)), "detectionAction"),
    ("no title", changed(BASE, (T + ".title", DELETE)), T + ".title"),
    ("a title too long", changed(BASE, (T + ".title", "x" * 257)), T + ".title"),
    ("a title naming no column", changed(BASE, (T + ".title", "on {{Nowhere}}")), T + ".title"),
    ("a title naming four columns", changed(BASE, (T + ".title", "{{DeviceId}} {{DeviceName}} {{SHA1}} {{FileName}}")), T + ".title"),
    ("a description naming no column", changed(BASE, (T + ".description", "{{Nowhere}}")), T + ".description"),
    ("a severity that is none", changed(BASE, (T + ".severity", "critical")), T + ".severity"),
    ("no category", changed(BASE, (T + ".category", DELETE)), T + ".category"),
    ("a category that is none", changed(BASE, (T + ".category", "Bad")), T + ".category"),
    ("a technique that is none", changed(BASE, (T + ".mitreTechniques[0]", "T10")), T + ".mitreTechniques[0]"),
    ("too many techniques", changed(BASE, (T + ".mitreTechniques", ["T1059"] * 21)), T + ".mitreTechniques"),
    ("no asset", changed(BASE, (T + ".impactedAssets", [])), T + ".impactedAssets"),
    ("an asset without type", changed(BASE, (T + ".impactedAssets[0]", {"identifier": "deviceId"})), T + ".impactedAssets[0].@odata.type"),
    ("an asset that is none", changed(BASE, (T + ".impactedAssets[0].identifier", "deviceSerial")), T + ".impactedAssets[0].identifier"),
    ("an asset that the answer lacks", changed(BASE, ("queryCondition.queryText", "DeviceEvents | project FileName")), T + ".impactedAssets[0].identifier"),
    ("a detail that the answer lacks", changed(BASE, (T + ".customDetails", {"x": "Nowhere"})), T + ".customDetails.x"),
    ("response actions", changed(BASE, ("detectionAction.responseActions", [{"@odata.type": "x"}])), "detectionAction.responseActions"),
    ("a scope", changed(BASE, ("detectionAction.organizationalScope", {"scopeType": "deviceGroup"})), "detectionAction.organizationalScope"),
    ("a lookback of a continuous rule", changed(BASE, ("penstock", {"lookback": "PT1H"})), "penstock.lookback"),
    ("a lookback too short", changed(HOURLY, ("penstock", {"lookback": "PT1M"})), "penstock.lookback"),
    ("a workspace that is not there", changed(HOURLY, ("penstock", {"workspace": "nowhere"})), "penstock.workspace"),
    ("a subscription that is none", changed(HOURLY, ("penstock", {"subscriptionId": "x"})), "penstock.subscriptionId"),
    ("somebody else's subscription", changed(HOURLY, ("penstock", {"subscriptionId": OTHER})), "penstock.subscriptionId"),
]


def bad_input():
    with Daemon() as daemon:
        started(daemon)
        for name, body, target in REFUSED:
            text = body if isinstance(body, bytes) else json.dumps(body).encode()
            answer = daemon.request("POST", f"{RULES}?tenantId={TENANT}", text)
            error = answer.json().get("error", {}) if answer.status == 400 else {}
            told = [d["target"] for d in error.get("details", [])] or [error.get("message", "")]
            check(f"refused: {name}", answer.status == 400 and any(target in t for t in told), answer)
        check("nothing was kept", daemon.get(f"{RULES}?tenantId={TENANT}").json()["value"] == [])
        for path, status in (("/abc", 404), ("/0", 404), ("/-1", 404), ("/99999999999999999999", 404), ("/1", 404), ("/1/runs", 404)):
            check(f"GET {path}: {status}", daemon.get(f"{RULES}{path}?tenantId={TENANT}").status == status)
        check("$top beyond the limit", daemon.get(f"{RULES}?tenantId={TENANT}&$top=1001").status == 400)


# ---- continuous ----

def continuous():
    with Daemon() as daemon:
        started(daemon)
        send(daemon, event(1))  # before the rule: not its business
        arm = Arm(daemon)
        group = f"/subscriptions/{TENANT}/resourceGroups/rg"
        arm.make_group(group)
        answer = arm("PUT", f"{group}/providers/Microsoft.Security/automations/all", {
            "location": "westeurope", "properties": {
                "isEnabled": True, "scopes": [{"scopePath": f"/subscriptions/{TENANT}"}], "sources": [{"eventSource": "Alerts"}],
                "actions": [{"actionType": "EventHub", "eventHubResourceId": f"{HUB}/eventhubs/security"}]}})
        check("an automation wants alerts", answer.status == 201, answer)
        number = made(daemon, rule("bad", "DeviceEvents | where ActionType == 'Bad'", "0", title="Bad on {{DeviceName}}",
                                   description="by {{AccountName}}", severity="high", customDetails={"File": "FileName"}))["id"]
        made(daemon, rule("bad", "DeviceEvents | where ActionType == 'Bad'", "0"), tenant=OTHER)
        send(daemon, event(2), event(3, action="Good"), event(4, device="dev-2", DeviceName="host-2"), event(5))
        info, evidence = wait_exported(daemon, 2)
        check("an alert for each device", sorted(i["properties"]["Title"] for i in info) == ["Bad on host-2", "Bad on host-5"], info)
        first = next(i["properties"] for i in info if i["properties"]["Title"].endswith("-2"))
        check("AlertInfo is complete", first["Severity"] == "High" and first["Category"] == "Execution" and first["DetectionSource"] == "Custom detection" and
              first["AttackTechniques"] == '["T1059.001"]' and first["Timestamp"].startswith("2026-09-14T08:07:45.282") and first["AlertId"], first)
        own = [e["properties"] for e in evidence if e["properties"]["AlertId"] == first["AlertId"]]
        kinds = {(e["EntityType"], e["EvidenceRole"]) for e in own}
        check("its evidence: the device, and what the row names as well", kinds == {("Machine", "Impacted"), ("File", "Related"), ("Process", "Related")}, own)
        machine = next(e for e in own if e["EntityType"] == "Machine")
        more = json.loads(machine["AdditionalFields"])
        check("with id and name, and the rule's details", machine["DeviceId"] == "dev-2" and machine["DeviceName"] == "host-2" and
              more["CustomDetails"] == {"File": "evil.exe"} and more["DetectionRuleId"] == number, machine)
        process = next(e for e in own if e["EntityType"] == "Process")
        check("texts as they were", process["ProcessCommandLine"] == "powershell -enc \u00e4\"x\"", process)
        documents = wait_for(lambda: [json.loads(t) for t in hub_texts(daemon, "security")], 20, "SecurityAlerts in the automation's hub")
        wait_for(lambda: len(hub_texts(daemon, "security")) == 2, 10, lambda: hub_texts(daemon, "security"))
        documents = {d["SystemAlertId"]: d for d in map(json.loads, hub_texts(daemon, "security"))}
        alert = documents.get(first["AlertId"], {})
        check("the SecurityAlert", alert.get("AlertDisplayName") == "Bad on host-2" and alert["Severity"] == "High" and
              alert["Description"] == "by eve" and alert["Entities"][0]["HostName"] == "host-2" and alert["ExtendedProperties"]["Events"] == "2" and
              alert["Intent"] == "Execution" and alert["Techniques"] == ["T1059.001"], documents)
        hub = [r for t in hub_texts(daemon, "found") for r in json.loads(t)["records"]]
        check("the local hub has the same rows", len(hub) == len(info) + len(evidence), len(hub), len(info), len(evidence))
        slot = runs(daemon, number)[0]
        check("its history", slot["trigger"] == "stream" and slot["status"] == "completed" and slot["rows"] == 3 and slot["alerts"] == 2 and
              slot["merged"] == 1, slot)
        send(daemon, event(6, device="dev-2", DeviceName="host-2"))
        wait_for(lambda: runs(daemon, number)[0]["merged"] == 2, 20, lambda: f"the same again is merged: {runs(daemon, number)}")
        check("and makes no alert", len(exported(daemon)[0]) == 2)
        daemon.request("PATCH", f"{RULES}/{number}?tenantId={TENANT}", json.dumps({"isEnabled": False}))
        send(daemon, event(7))
        daemon.request("PATCH", f"{RULES}/{number}?tenantId={TENANT}", json.dumps({"isEnabled": True}))
        send(daemon, event(8))
        info, _ = wait_exported(daemon, 3)
        check("while it is off nothing is seen", sorted(i["properties"]["Title"] for i in info)[2] == "Bad on host-8" and len(info) == 3, info)
        answer = daemon.request("POST", f"{RULES}/{number}/run?tenantId={TENANT}", b"")
        check("a continuous rule is not run", answer.status == 400, answer)
        alerts_of_other = [d for d in hub_texts(daemon, "found") if OTHER in d]
        check("nothing of the other tenant", alerts_of_other == [] and all(i["tenantId"] == TENANT for i in info))
        metrics = daemon.get("/metrics").body.decode()
        check("metrics", f'penstock_detection_alerts_total{{tenant="{TENANT}",rule="{number}"}} 3' in metrics,
              [m for m in metrics.splitlines() if "detection" in m])
        check("healthy", daemon.get("/healthz").status == 200, daemon.get("/healthz"))
        # more than a run may make
        send(daemon, *(event(1000 + n) for n in range(200)))
        wait_for(lambda: sum(r["dropped"] for r in runs(daemon, number)) > 0, 20, lambda: f"the limit: {runs(daemon, number)}")
        slots = runs(daemon, number)
        check("at most 150 a run, the rest counted", all(r["alerts"] <= 150 for r in slots) and sum(r["alerts"] + r["dropped"] for r in slots) == 203, slots)


def journal_replaced():
    """Somebody deletes the journal: rules go on with what comes."""
    with Daemon() as daemon:
        started(daemon)
        send(daemon, *(event(n, action="Good") for n in range(50)))
        made(daemon, changed(rule("bad", "DeviceEvents | where ActionType == 'Bad'", "0", title="{{DeviceId}}")))
        send(daemon, event(1))
        wait_exported(daemon, 1)
        daemon.kill()
        shutil.rmtree(daemon.data / "journal")
        shutil.rmtree(daemon.data / "exports")
        daemon.start()
        send(daemon, event(2))
        info, _ = wait_exported(daemon, 2)
        check("an alert of what came behind", sorted(i["properties"]["Title"] for i in info) == ["dev-1", "dev-2"], info)
        check("and it is told", "it is another one" in daemon.log(), daemon.log_tail())


def continuous_kills(count):
    """Events under kill -9: each makes its alert, once."""
    rng = random.Random(7)
    with Daemon() as daemon:
        started(daemon)
        made(daemon, changed(rule("bad", "DeviceEvents | where ActionType == 'Bad'", "0", title="{{DeviceId}}"),
                             ("penstock", {"deduplicationWindow": "PT0S"})))
        made(daemon, changed(rule("all", "DeviceEvents | where ReportId % 2 == 0 | project DeviceId, ReportId, Timestamp", "0", title="even {{DeviceId}}"),
                             ("penstock", {"deduplicationWindow": "PT0S"})))
        number, limit = 0, 140  # below the limit of a slot
        for turn in range(count):
            for _ in range(limit // count):
                number += 1
                batch = f"b{number}"
                while True:
                    try:
                        send(daemon, event(number), batch=batch)
                        break
                    except OSError:
                        wait_for(lambda: daemon.process.poll() is None, 10, "it lives")
            time.sleep(rng.uniform(0, 0.05))  # a random moment of the work, waited for by nobody
            daemon.kill()
            daemon.start()
        wanted = {f"dev-{n}" for n in range(1, number + 1)} | {f"even dev-{n}" for n in range(2, number + 1, 2)}
        info, _ = wait_exported(daemon, len(wanted))
        titles = collections.Counter(i["properties"]["Title"] for i in info)
        check(f"{count} kills: an alert for each event", set(titles) == wanted, sorted(wanted - set(titles))[:5], len(titles), len(wanted))
        check("and none twice", max(titles.values()) == 1, titles.most_common(3))
        check("each has an id of its own", len({i["properties"]["AlertId"] for i in info}) == len(info))


# ---- on the workspace ----

def across():
    """A rule over its own workspace and another that its owner may ask."""
    with Daemon() as daemon:
        started(daemon)
        daemon.put_workspace("second", SECOND, tables=("DeviceEvents",), lingerMs=5)
        daemon.put_workspace("private", PRIVATE, tables=("DeviceEvents",), tenant=OTHER, lingerMs=5)

        def arrived():
            daemon.wait_delivered("soc-alerts", "second")

        send(daemon, event(1))
        send(daemon, event(9, device="dev-9", DeviceName="secret"), tenant=OTHER)
        arrived()
        both = "union DeviceEvents, workspace('second').DeviceEvents | where ActionType == 'Bad' | summarize Count = count(), arg_max(Timestamp, *) by DeviceId"
        number = made(daemon, changed(rule("both", both, "1H", title="{{Count}} on {{DeviceName}}"), ("penstock", {"workspace": "soc"})))["id"]
        info, _ = wait_exported(daemon, 1)
        check("both are read, of its tenant", [i["properties"]["Title"] for i in info] == ["2 on host-1"], info)
        for k in range(3):
            send(daemon, event(10 + k, device=f"dev-{k}", DeviceName=f"host-{k}"))
            arrived()
            run = run_now(daemon, number)
            check("what came since, once", run["rows"] == 1 and run["alerts"] == 1 and run["status"] == "completed", run)
        check("windows follow each other", all(a["fromPosition"] == b["toPosition"] for a, b in zip(runs(daemon, number), runs(daemon, number)[1:])), runs(daemon, number))
        run = run_now(daemon, number)
        check("then nothing is new", run["rows"] == 0, run)
        for name in ("private", "nowhere"):
            wrong = made(daemon, changed(rule(name, f"workspace('{name}').DeviceEvents | where ActionType == 'Bad'", "1H"), ("penstock", {"workspace": "soc"})))["id"]
            wait_for(lambda: runs(daemon, wrong), 10, "its run")
            run = runs(daemon, wrong)[0]
            check(f"{name} is not there", run["status"] == "failed" and f"there is no workspace {name} here" in run["failureReason"], run)
        answer = daemon.request("POST", f"{RULES}?tenantId={TENANT}", json.dumps(rule("continuous", "workspace('second').DeviceEvents | where ActionType == 'Bad'", "0")))
        check("a continuous rule reads no workspace", answer.status == 400 and b"cannot be reached from here" in answer.body, answer)
        tried = daemon.request("POST", f"{RULES}/test?tenantId={TENANT}", json.dumps(changed(rule("tried", both, "1H", title="t"), ("penstock", {"workspace": "soc"}))))
        check("a test-run reads both", tried.status == 200 and sum(int(h["Count"]) for h in tried.json()["hits"]) == 8, tried)


def scheduled():
    with Daemon() as daemon:
        started(daemon)
        send(daemon, event(1), event(2, action="Good"))
        wait_workspace(daemon)
        query = "DeviceEvents | where ActionType == 'Bad' | summarize Count = count(), arg_max(Timestamp, *) by DeviceId"
        number = made(daemon, rule("hourly", query, "1H", title="{{Count}} bad on {{DeviceName}}"))["id"]
        info, evidence = wait_exported(daemon, 1)
        check("a new rule runs at once, over its lookback", [i["properties"]["Title"] for i in info] == ["1 bad on host-1"], info)
        wait_for(lambda: runs(daemon, number), 10, "its run")
        shown = daemon.get(f"{RULES}/{number}?tenantId={TENANT}").json()
        check("and says so", shown["lastRunDetails"]["status"] == "completed" and shown["lastRunDetails"]["lastRunDateTime"] and
              shown["schedule"]["nextRunDateTime"] > shown["lastRunDetails"]["lastRunDateTime"], shown)
        run = run_now(daemon, number)
        check("run now: nothing is new", run["rows"] == 0 and run["alerts"] == 0 and run["trigger"] == "request", run)
        send(daemon, event(3), event(4, device="dev-3", DeviceName="host-3"))
        wait_workspace(daemon)
        run = run_now(daemon, number)
        check("run now: what came since", run["rows"] == 1 and run["alerts"] == 1, run)
        info, _ = wait_exported(daemon, 2)
        check("its alert", sorted(i["properties"]["Title"] for i in info) == ["1 bad on host-1", "2 bad on host-3"], info)
        check("windows follow each other", all(a["fromPosition"] == b["toPosition"] for a, b in zip(runs(daemon, number), runs(daemon, number)[1:])),
              runs(daemon, number))

        wide = made(daemon, changed(rule("wide", "DeviceEvents | where ActionType == 'Bad' | summarize count() by DeviceId", "1H", title="wide"),
                                    ("penstock", {"lookback": "P1D"})))["id"]
        info, _ = wait_exported(daemon, 4)
        run = run_now(daemon, wide)
        check("a lookback sees old rows again, and makes no second alert", run["rows"] == 2 and run["alerts"] == 0 and run["merged"] == 2, run)
        check("an alert for each, once", sum(i["properties"]["Title"] == "wide" for i in info) == 2, info)

        broken = made(daemon, rule("broken", "DeviceEvents | extend x = assert(strlen(DeviceId) < 0, 'never') | where x", "1H"))["id"]
        wait_for(lambda: runs(daemon, broken), 10, "its run")
        run = runs(daemon, broken)[0]
        check("a query that ends itself is told", run["status"] == "failed" and run["errorCode"] and run["failureReason"], run)
        check("and in lastRunDetails", daemon.get(f"{RULES}/{broken}?tenantId={TENANT}").json()["lastRunDetails"]["status"] == "failed")
        check("a failed rule stands where it stood", run_now(daemon, broken)["fromPosition"] == run["fromPosition"])

        answer = daemon.request("PUT", f"/api/workspaces/-/savedQueries/Bad?tenantId={TENANT}", json.dumps(
            {"kind": "function", "query": "DeviceEvents | where ActionType == 'Bad'"}))
        check("a stored function is made", answer.status == 201, answer)
        stored = made(daemon, rule("stored", "Bad | where ReportId == 3", "5M", title="stored"))["id"]
        info, _ = wait_exported(daemon, 5)
        check("a rule may call it", any(i["properties"]["Title"] == "stored" for i in info) and runs(daemon, stored)[0]["alerts"] == 1, runs(daemon, stored))

        theirs = made(daemon, rule("theirs", "DeviceEvents", "1H"), tenant=OTHER)["id"]
        wait_for(lambda: runs(daemon, theirs, OTHER), 10, "the other tenant's run")
        check("the other tenant's rule sees none of these rows", runs(daemon, theirs, OTHER)[0]["rows"] == 0, runs(daemon, theirs, OTHER))


def schedule():
    """By the clock, which is moved: an hour, ten hours while it runs, ten while it is down. Each record in one run, one run for what was missed."""
    shim = BUILD / "test" / "clock_shift.so"
    shim.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", str(shim), str(HERE.parent / "lib" / "clock_shift.c"), "-ldl"], check=True)
    with tempfile.NamedTemporaryFile() as shift_file:
        def shift(hours):
            shift_file.seek(0)
            shift_file.write(struct.pack("<q", int(hours * 3600)))
            shift_file.flush()

        shift(0)
        with Daemon(environment={"LD_PRELOAD": str(shim), "CLOCK_SHIFT_FILE": shift_file.name}) as daemon:
            started(daemon)
            number = made(daemon, rule("bad", "DeviceEvents | where ActionType == 'Bad'", "1H", title="{{DeviceId}}"))["id"]
            path = f"{RULES}/{number}?tenantId={TENANT}"
            wait_for(lambda: len(runs(daemon, number)) == 1, 20, "the first run")

            def ring():  # a change makes the runner look at the clock at once
                daemon.request("PATCH", path, json.dumps({"isEnabled": True}))

            def waits(name, count):
                wait_for(lambda: len(runs(daemon, number)) >= count, 30, lambda: f"{name}: {runs(daemon, number)}")
                check(name, len(runs(daemon, number)) == count and runs(daemon, number)[0]["trigger"] == "schedule", runs(daemon, number)[0])

            send(daemon, event(1))
            wait_workspace(daemon)
            ring()
            check("before it is due nothing runs", len(runs(daemon, number)) == 1, runs(daemon, number))
            shift(1.01)
            ring()
            waits("an hour later it runs", 2)
            check("and sees what came", runs(daemon, number)[0]["rows"] == 1, runs(daemon, number)[0])
            send(daemon, event(2), event(3))
            wait_workspace(daemon)
            shift(11.5)
            ring()
            waits("ten hours later it runs once", 3)
            due = daemon.get(path).json()["schedule"]["nextRunDateTime"]
            began = daemon.get(path).json()["createdDateTime"]
            check("on its grid", due[14:19] == began[14:19], due, began)
            send(daemon, event(4))
            wait_workspace(daemon)
            daemon.kill()
            shift(21.5)
            daemon.start()
            waits("after a night off one run sees what was missed", 4)
            check("all of it", runs(daemon, number)[0]["rows"] == 1, runs(daemon, number)[0])
            shift(5)
            ring()
            wait_for(lambda: len(runs(daemon, number)) == 5, 30, lambda: f"a clock that was set back stops nothing: {runs(daemon, number)}")
            info, _ = wait_exported(daemon, 4)
            check("each record made its alert, once", sorted(i["properties"]["Title"] for i in info) == [f"dev-{n}" for n in range(1, 5)], info)


def test_runs():
    with Daemon() as daemon:
        started(daemon)
        send(daemon, *(event(n) for n in range(3)), event(9, action="Good"))
        wait_workspace(daemon)
        body = rule("x", "DeviceEvents | where ActionType == 'Bad'", "0", title="on {{DeviceName}}")
        answer = daemon.request("POST", f"{RULES}/test?tenantId={TENANT}", json.dumps(body))
        got = answer.json()
        check("a test-run of a body shows hits and alerts", answer.status == 200 and got["rows"] == 3 and len(got["hits"]) == 3 and
              sorted(a["title"] for a in got["alerts"]) == ["on host-0", "on host-1", "on host-2"] and
              got["alerts"][0]["alertEvidence"], answer)
        number = made(daemon, changed(body, ("schedule.period", "24H"), ("isEnabled", False)))["id"]
        for span, rows in (("", 3), ("?span=P1D&", 3)):
            answer = daemon.request("POST", f"{RULES}/{number}/test{span or '?'}tenantId={TENANT}", b"")
            check(f"and of a stored rule {span}", answer.status == 200 and answer.json()["rows"] == rows, answer)
        check("a span that is none", daemon.request("POST", f"{RULES}/{number}/test?span=day&tenantId={TENANT}", b"").status == 400)
        answer = daemon.request("POST", f"{RULES}/test?tenantId={OTHER}", json.dumps(body))
        check("another tenant's test-run sees none", answer.status == 200 and answer.json()["rows"] == 0, answer)
        check("a body that is wrong is refused", daemon.request("POST", f"{RULES}/test?tenantId={TENANT}", b"{}").status == 400)
        check("a disabled rule is not run", daemon.request("POST", f"{RULES}/{number}/run?tenantId={TENANT}", b"").status == 400)
        send(daemon, event(50))
        daemon.wait_delivered("alerts")
        status = daemon.status()["detections"]
        check("no alert was made, no run kept", exported(daemon) == ([], []) and runs(daemon, number) == [] and status["alerts"] == 0, status)


def scheduled_kills(count):
    """Runs under kill -9: each record makes its alert, once."""
    rng = random.Random(11)
    with Daemon() as daemon:
        started(daemon)
        number = made(daemon, rule("bad", "DeviceEvents | where ActionType == 'Bad'", "24H", title="{{DeviceId}}"))["id"]
        wait_for(lambda: runs(daemon, number), 20, "its first run")
        sent = 0
        for turn in range(count):
            first = sent
            sent += 10
            send(daemon, *(event(n) for n in range(first, sent)), batch=f"b{turn}")
            wait_workspace(daemon)
            try:
                daemon.request("POST", f"{RULES}/{number}/run?wait=0&tenantId={TENANT}", b"")
            except OSError:
                pass
            time.sleep(rng.uniform(0, 0.08))
            daemon.kill()
            daemon.start()
        wait_workspace(daemon)
        run_now(daemon, number)
        info, _ = wait_exported(daemon, sent)
        titles = collections.Counter(i["properties"]["Title"] for i in info)
        check(f"{count} kills: an alert for each record", set(titles) == {f"dev-{n}" for n in range(sent)}, len(titles), sent)
        check("and none twice", max(titles.values()) == 1, titles.most_common(3))


# ---- the command ----

def command():
    with Daemon() as daemon:
        started(daemon)
        file = daemon.folder / "rules.yaml"
        file.write_text("""
- displayName: it's bad
  queryCondition: {queryText: "DeviceEvents | where ActionType == 'Bad'"}
  schedule: {period: 0}
  detectionAction:
    alertTemplate:
      title: Bad on {{DeviceName}}
      severity: medium
      category: Execution
      impactedAssets:
        - {"@odata.type": "#microsoft.graph.security.impactedDeviceAsset", identifier: deviceId}
""")

        def run(name, *words, code=0, says=""):
            got, out, errors = daemon.run("detection", *words, "--tenant", TENANT)
            check(name, got == code and says in out + errors, got, out, errors)
            return out

        run("apply makes it", "apply", str(file), says="made as 1")
        run("apply again changes it", "apply", str(file), says="changed as 1")
        run("list", "list", says="it's bad")
        run("show by name", "show", "it's bad", says="Bad on {{DeviceName}}")
        run("show as JSON", "show", "1", "--json", says='"displayName": "it\'s bad"')
        run("disable", "disable", "it's bad", says="disabled")
        run("enable", "enable", "1", says="enabled")
        run("runs", "runs", "1")
        run("a continuous rule is not run", "run", "1", code=1, says="continuous")
        run("no such rule", "show", "nobody", code=1, says="there is no rule 'nobody'")
        run("no such verb", "lst", code=2)
        run("too little", "show", code=2)
        if has_workspaces():
            send(daemon, event(1))
            wait_workspace(daemon)
            run("test a rule", "test", "1", says="1 rows would make 1 alerts")
            one = daemon.folder / "one.json"
            one.write_text(json.dumps(rule("hourly", "DeviceEvents", "1H", title="here")))
            run("test a file", "test", str(one), "--span", "P1D", says="1 x here")
            run("apply one of JSON", "apply", str(one), says="made as 2")
            run("run", "run", "hourly", says="completed")
        bad = daemon.folder / "bad.json"
        bad.write_text(json.dumps(changed(rule("bad", "DeviceEvnts", "1H"), (T + ".severity", "huge"))))
        run("faults with their places", "apply", str(bad), code=1, says="queryCondition.queryText:1:1")
        run("all of them", "apply", str(bad), code=1, says=T + ".severity")
        run("delete", "delete", "it's bad", says="deleted")


SECTIONS = {
    "resource": (resource, None),
    "input": (bad_input, None),
    "continuous": (continuous, None),
    "journal": (journal_replaced, None),
    "continuous-kills": (continuous_kills, "kills"),
    "command": (command, None),
    "scheduled": (scheduled, "workspace"),
    "across": (across, "workspace"),
    "schedule": (schedule, "workspace"),
    "test-runs": (test_runs, "workspace"),
    "scheduled-kills": (scheduled_kills, "workspace kills"),
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("sections", nargs="*")
    options = parser.parse_args()
    for name, (function, needs) in SECTIONS.items():
        if options.sections and name not in options.sections:
            continue
        if "workspace" in (needs or "") and not has_workspaces():
            check.skip(name, "this build has no workspaces")
            continue
        check.run(name, function, *([options.kills] if "kills" in (needs or "") else []))
    check.end()


if __name__ == "__main__":
    main()
