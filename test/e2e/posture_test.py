#!/usr/bin/env python3
"""Posture over HTTP and by command: resources in Azure's shapes, lists, filters and pages; bulk reports; who may what; nothing of
another tenant's over any route; and a table of what must be refused, each with status, code and target.

    test/e2e/posture_test.py [SECTION...]"""
import gzip
import json
import pathlib
import re
import socket
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from arm import *  # noqa: E402,F403
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import ROOT, Daemon  # noqa: E402

check = Checks()
P = "/providers/Microsoft.Security"
V, SCORE, ALERT = "2021-06-01", "2020-01-01", "2022-01-01"
KEY = "0a0a0a0a-0000-4000-8000-000000000001"
VM = f"{SUB}/resourceGroups/rg-a/providers/Microsoft.Compute/virtualMachines/vm-1"
ONE = f"{VM}{P}/assessments/{KEY}"
FOREIGN = f"/subscriptions/{OTHER_SUBSCRIPTION}"
BULK = f"{SUB}{P}/bulk"
SECRET = "secretofb"
UNPACED = {"readBurst": 0, "writeBurst": 0, "deleteBurst": 0}


def assessment(code="Unhealthy", **more):
    return {"properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": code}, **more}}


def metadata(**more):
    return {"properties": {"displayName": "T", "severity": "High", "assessmentType": "CustomerManaged", **more}}


def alert(**more):
    return {"properties": {"alertType": "T", "alertDisplayName": "T", "severity": "High", **more}}


def finding(**more):
    return {"properties": {"displayName": "F", "status": {"code": "Unhealthy", "severity": "High"}, **more}}


def rule_of(**more):
    return {"properties": {"alertType": "T", "reason": "FalsePositive", "state": "Enabled", **more}}


def error(answer):
    try:
        return answer.json().get("error", {})
    except ValueError:
        return {}


def started(daemon):
    daemon.write_config(**configuration(daemon, posture={"scoreDelay": "1 ms"}, arm=UNPACED))
    daemon.start()
    arm = Arm(daemon)
    arm.make_group()
    return arm


def must(arm, method, path, body=None, version=V):
    answer = arm(method, path, body, version)
    if answer.status not in (200, 201, 204):
        raise Failed(f"{method} {path}: {answer}")
    return answer.json() if answer.body else None


def lines(*items):
    return "\n".join(i if isinstance(i, str) else json.dumps(i) for i in items).encode()


# ---- one resource, lists ----

def resources(arm):
    daemon = arm.daemon
    catalog = f"{SUB}{P}/assessmentMetadata/{KEY}"
    check("metadata: made and replaced, 200 each", [arm("PUT", catalog, metadata(), V).status for _ in range(2)] == [200, 200])
    answer = arm("PUT", ONE, assessment(), V)
    check("assessment: 201", answer.status == 201 and answer.json()["properties"]["status"]["code"] == "Unhealthy" and answer.json()["id"] == ONE, answer)
    same = arm("PUT", ONE, assessment(), V)
    check("assessment again: 200, unchanged", same.status == 200 and same.json() == answer.json(), same)
    shown = arm("GET", f"{ONE.upper()}?$expand=metadata", version=V)
    check("GET in another case, with metadata", shown.status == 200 and shown.json()["properties"]["metadata"]["severity"] == "High", shown)
    check("finding: 201, 200, 204 and gone", [arm("PUT", f"{ONE}/subAssessments/f", finding(), OLD).status, arm("PUT", f"{ONE}/subAssessments/f", finding(), OLD).status,
          arm("DELETE", f"{ONE}/subAssessments/f", version=OLD).status, arm("DELETE", f"{ONE}/subAssessments/f", version=OLD).status,
          arm("GET", f"{ONE}/subAssessments/f", version=OLD).status] == [201, 200, 200, 204, 404])
    tenant = f"{P}/assessmentMetadata/{KEY[:-1]}9?tenantId={TENANT}"
    check("the tenant's catalog", arm("PUT", tenant, metadata(displayName="of the tenant"), V).status == 200)
    seen = arm("GET", f"{SUB}{P}/assessmentMetadata/{KEY[:-1]}9", version=V)
    check("is seen from the subscription", seen.status == 200 and seen.json()["properties"]["displayName"] == "of the tenant", seen)
    check("metadata: DELETE is 200", arm("DELETE", tenant, version=V).status == 200)
    name = f"{SUB}{P}/alertsSuppressionRules/r"
    check("suppression rule: 200, 200, 204, 204", [arm("PUT", name, rule_of(), OLD).status, arm("GET", name, version=OLD).status] +
          [arm("DELETE", name, version=OLD).status for _ in range(2)] == [200, 200, 204, 204])
    for number in range(25):
        resource = VM.replace("vm-1", f"list-{number:02d}")
        must(arm, "PUT", f"{resource}{P}/assessments/{KEY}", assessment("Healthy" if number % 5 else "Unhealthy"))
    url, found, pages = f"{SUB}{P}/assessments?api-version={V}&$top=7", [], 0
    while url:
        page = daemon.get(url, headers={}).json()
        found += [x["id"] for x in page["value"]]
        pages += 1
        url = page.get("nextLink", "").replace(daemon.url, "")
    check("pages of seven: all of them, each once", len(found) == 26 == len(set(found)) and pages == 4, pages, len(found))
    text = urllib.parse.quote("properties/status/code eq 'Unhealthy' and contains(id,'LIST-')")
    listed = arm("GET", f"{SUB}/resourceGroups/rg-a{P}/assessments?$filter={text}", version=V).json()["value"]
    check("a filter", len(listed) == 5, listed)
    below = arm("GET", f"{VM}{P}/assessments", version=V).json()["value"]
    check("the list of one resource", [x["id"] for x in below] == [ONE], below)
    for bundle in ("DNS", "StorageAccounts"):
        must(arm, "POST", f"{SUB}{P}/locations/centralus/alerts/default/simulate", {"properties": {"kind": "Bundles", "bundles": [bundle]}}, ALERT)
    must(arm, "PUT", f"{SUB}{P}/locations/westeurope/alerts/w", alert(), ALERT)
    must(arm, "PUT", f"{SUB}/resourceGroups/rg-a{P}/locations/westeurope/alerts/g", alert(), ALERT)

    def names(path):
        return [a["name"] for a in must(arm, "GET", path, version=ALERT)["value"]]

    all_of = names(f"{SUB}{P}/alerts")
    check("alerts by subscription, group and location", set(names(f"{SUB}{P}/locations/westeurope/alerts")) == {"w", "g"} and len(all_of) > 3 and
          names(f"{SUB}/resourceGroups/rg-a{P}/alerts") == ["g"] and names(f"{SUB}/resourceGroups/rg-a{P}/locations/westeurope/alerts") == ["g"] and
          names(f"{SUB}/resourceGroups/rg-a{P}/locations/centralus/alerts") == [], all_of)
    for verb, status in (("dismiss", "Dismissed"), ("activate", "Active"), ("inProgress", "InProgress"), ("resolve", "Resolved")):
        answer = arm("POST", f"{SUB}{P}/locations/westeurope/alerts/w/{verb}", version=ALERT)
        now = must(arm, "GET", f"{SUB}{P}/locations/westeurope/alerts/w", version=ALERT)["properties"]["status"]
        check(f"alert: {verb}", answer.status == 204 and now == status, answer, now)


# ---- bulk ----

def bulk(arm):
    def of(n, code="Unhealthy", group="rg-bulk"):
        resource = f"{SUB}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/b-{n}"
        return {"id": f"{resource}{P}/assessments/{KEY}", **assessment(code)}

    def post(body, query="", **more):
        return arm("POST", f"{BULK}?{query}", body, None, **more)

    scope = f"{SUB}/resourceGroups/rg-bulk"
    many = [of(n) for n in range(9000)]
    answer = post(lines(*many), f"producer=s&complete={scope}").json()
    check("9,000 new ones in three batches", answer["created"] == 9000 and answer["refused"] == 0 and answer["withdrawn"] == 0, answer)
    answer = post(gzip.compress(lines(*many)), f"producer=s&complete={urllib.parse.quote(scope, safe='')}", headers={"Content-Encoding": "gzip"}).json()
    check("the same, gzip, encoded scope: unchanged", answer["unchanged"] == 9000 and answer["withdrawn"] == 0, answer)
    many[5] = of(5, "Healthy")
    answer = post(lines({"producer": "s", "complete": [scope]}, *many[:8990]) + b"\n\n").json()
    check("the producer in a line; one changed, ten are gone", (answer["changed"], answer["unchanged"], answer["withdrawn"]) == (1, 8989, 10), answer)
    answer = post(lines(of(0)), f"producer=other&complete={scope}").json()
    check("another producer withdraws nothing of it", answer["withdrawn"] == 0, answer)
    answer = post(lines(*many[:10], "{\"id\": 7}", *many[10:20]), f"producer=s&complete={scope}").json()
    check("after a line that cannot be read nothing is withdrawn", answer["withdrawn"] is None and answer["refused"] == 1 and answer["faults"][0]["line"] == 11, answer)
    answer = post(lines(*many[:8990])[:-20], f"producer=s&complete={scope}").json()
    check("a cut line is a fault", answer["refused"] == 1 and answer["faults"][0]["line"] == 8990, answer)
    answer = post(b"", f"producer=s&complete={scope}")
    check("an empty report is refused", answer.status == 400 and error(answer)["code"] == "InvalidReport", answer)
    cut = gzip.compress(lines(*many[:8000]))[:-9]
    answer = post(cut, f"producer=s&complete={scope}", headers={"Content-Encoding": "gzip"})
    check("cut gzip is refused", answer.status == 400 and error(answer)["code"] == "InvalidContentEncoding", answer)
    left = must(arm, "GET", "/api/posture?x=1", version=V)["resources"]["Assessments"]
    answer = post(lines(*[{"id": x["id"], "deleted": True} for x in many[:3]], {"id": many[0]["id"], "deleted": True})).json()
    check("deletions", (answer["deleted"], answer["absent"]) == (3, 1), answer)
    check("nothing else went", must(arm, "GET", "/api/posture", version=V)["resources"]["Assessments"] == left - 3)
    answer = post(b"", f"producer=s&complete={scope}&allowEmpty=true").json()
    check("an empty report that is meant", answer["withdrawn"] >= 8986, answer)
    escaped = json.dumps(of(1, group="rg-esc")).replace("/", "\\/")
    answer = post(lines("\ufeff" + json.dumps(of(2, group="rg-crlf")) + "\r", escaped)).json()
    check("a byte order mark, CR LF, escaped slashes", answer["created"] == 2 and answer["refused"] == 0, answer)
    groups = {g["name"] for g in must(arm, "GET", f"{SUB}/resourceGroups", version="2021-04-01")["value"]}
    check("resource groups of bulk items are known", {"rg-bulk", "rg-esc", "rg-crlf"} <= groups, groups)
    wrong = [("{", "InvalidRequestContent", ""), ("{\"a\":1", "InvalidRequestContent", "id"), ("[1]", "InvalidRequestContent", ""), ("nonsense", "InvalidRequestContent", ""),
             (json.dumps({"properties": {}}), "InvalidRequestContent", "id"), (json.dumps({"id": ""}), "InvalidResourceId", "id"),
             (json.dumps({**of(1), "id": FOREIGN + ONE[len(SUB):]}), "InvalidResourceId", "id"),
             (json.dumps({**of(1), "id": SUB + "x/resourceGroups/rg"}), "InvalidResourceId", "id"),
             (json.dumps({**of(1), "id": f"{SUB}/resourceGroups/rg/../x{P}/assessments/{KEY}"}), "InvalidResourceId", "id"),
             (json.dumps({**of(1), "id": f"{P}/assessmentMetadata/{KEY}"}), "InvalidResourceId", "id"),
             (json.dumps({**of(1), "id": f"{SUB}{P}/nonsense/{KEY}"}), "InvalidResourceType", "id"),
             (json.dumps({"id": f"{SUB}{P}/secureScores/ascScore", "properties": {}}), "ReadOnlyResource", "id"),
             (json.dumps(of(1, "Sick")), "InvalidAssessment", "properties.status.code"),
             (json.dumps(of(1))[:-1] + ',"a":' + "[" * 70 + "]" * 70 + "}", "InvalidRequestContent", ""),
             (json.dumps({"id": many[7]["id"] + "/subAssessments/f", **finding()}), "ParentResourceNotFound", "id"),
             (json.dumps({**of(1), "x": "y" * 600000}), "ResourceTooLarge", "")]
    answer = post(lines(*[w[0] for w in wrong])).json()
    for number, (line, code, target) in enumerate(wrong):
        fault = next((f for f in answer["faults"] if f["line"] == number + 1), {})
        check(f"bulk line refused: {line[:60]}", (fault.get("code"), fault.get("target") or "") == (code, target), fault)
    check("and all of them counted", answer["refused"] == len(wrong) == answer["received"], answer)
    scanner = Arm(arm.daemon, arm.daemon.make_token(TENANT, "ingest")["token"])
    answer = scanner("POST", BULK, lines(of(900), {"id": f"{SUB}{P}/alertsSuppressionRules/x", **rule_of()},
                                         {"id": f"{SUB}{P}/secureScoreControlDefinitions/x", "properties": {"displayName": "x", "maxScore": 1}},
                                         {"id": f"{SUB}{P}/locations/westeurope/alerts/w", "deleted": True}), None).json()
    check("a scanner's token reports, and decides nothing", answer["created"] == 1 and [f["code"] for f in answer["faults"]] == ["AuthorizationFailed"] * 3, answer)
    slow_reports(arm)


def slow_reports(arm):
    """Reports that are sent slowly hold seats; those of one tenant leave some to others."""
    daemon, held = arm.daemon, []
    other = Arm(daemon, daemon.make_token(OTHER, "Ingest")["token"])
    mine = daemon.make_token(TENANT, "Ingest")["token"]
    line = lines({"id": f"{SUB}/resourceGroups/rg-slow{P}/assessments/{KEY}", **assessment()})
    theirs = f"/subscriptions/{OTHER_SUBSCRIPTION}{P}/bulk"

    def is_full():
        connection = socket.create_connection(("127.0.0.1", int(daemon.url.rsplit(":", 1)[1])))
        connection.sendall(f"POST {BULK} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {mine}\r\nContent-Length: 100000\r\n\r\n".encode() + line)
        held.append(connection)
        return arm("POST", BULK, line, None).status == 503

    try:
        wait_for(is_full, 20, "the tenant's seats are taken")
        answer = other("POST", theirs, b"", None)
        check("slow reports of one tenant leave room for another's", answer.status == 200, answer)
    finally:
        for connection in held:
            connection.close()
    wait_for(lambda: arm("POST", BULK, line, None).status == 200, 10, "seats are given back")
    check("and give their seats back", True)


# ---- the table ----

def rows():
    """(name, method, path, api-version, body, status, code, target)."""
    table = []

    def row(name, method, path, version, body, status, code, target=None):
        table.append((name, method, path, version, body, status, code, target))

    def put(name, path, version, body, code, target, status=400):
        row(name, "PUT", path, version, body, status, code, target)

    meta = f"{SUB}{P}/assessmentMetadata/{KEY}"
    for name, body, target in (
            ("a number for a name", metadata(displayName=1), "properties.displayName"), ("no name", {"properties": {"severity": "High", "assessmentType": "CustomerManaged"}}, "properties.displayName"),
            ("an unknown severity", metadata(severity="Terrible"), "properties.severity"), ("an unknown type", metadata(assessmentType="Own"), "properties.assessmentType"),
            ("an unknown threat", metadata(threats=["boredom"]), "properties.threats[0]"), ("categories as text", metadata(categories="Compute"), "properties.categories"),
            ("preview as text", metadata(preview="yes"), "properties.preview"), ("an unknown impact", metadata(userImpact="Vast"), "properties.userImpact")):
        put(f"metadata: {name}", meta, V, body, "InvalidAssessmentMetadata", target)
    for name, body, target in (
            ("no status", {"properties": {"resourceDetails": {"source": "Azure"}}}, "properties.status"),
            ("an unknown code", assessment("Sick"), "properties.status.code"), ("code as number", assessment(1), "properties.status.code"),
            ("status as text", {"properties": {"resourceDetails": {"source": "Azure"}, "status": "Healthy"}}, "properties.status"),
            ("an unknown source", {"properties": {"resourceDetails": {"source": "Moon"}, "status": {"code": "Healthy"}}}, "properties.resourceDetails.source"),
            ("additionalData as array", assessment(additionalData=[1]), "properties.additionalData"),
            ("properties as array", {"properties": [1]}, "properties"), ("no properties", {}, "properties")):
        put(f"assessment: {name}", ONE, V, body, "InvalidAssessment", target)
    for name, body, target in (("an unknown severity", finding(status={"code": "Unhealthy", "severity": "Terrible"}), "properties.status.severity"),
                               ("no status", {"properties": {"displayName": "x"}}, "properties.status"),
                               ("time that is none", finding(timeGenerated="yesterday"), "properties.timeGenerated")):
        put(f"finding: {name}", f"{ONE}/subAssessments/f", OLD, body, "InvalidSubAssessment", target)
    put("finding: of no assessment", f"{VM}{P}/assessments/none/subAssessments/f", OLD, finding(), "ParentResourceNotFound", "id", 404)
    for name, body, target in (("no type", {"properties": {"alertDisplayName": "T", "severity": "High"}}, "properties.alertType"),
                               ("an unknown severity", alert(severity="Loud"), "properties.severity"), ("an unknown status", alert(status="Sleeping"), "properties.status"),
                               ("another's id", alert(systemAlertId="other"), "properties.systemAlertId"), ("a time that is none", alert(startTimeUtc="now"), "properties.startTimeUtc"),
                               ("steps as text", alert(remediationSteps="run"), "properties.remediationSteps"),
                               ("flat, unknown severity", {"AlertType": "T", "AlertDisplayName": "T", "Severity": "Loud"}, "Severity")):
        put(f"alert: {name}", f"{SUB}{P}/locations/westeurope/alerts/bad", ALERT, body, "InvalidAlert", target)
    path = f"{SUB}{P}/attackPaths/p"
    put("attack path: an unknown risk", path, NEW, {"properties": {"displayName": "x", "riskLevel": "Some"}}, "InvalidAttackPath", "properties.riskLevel")
    put("attack path: no name", path, NEW, {"properties": {"riskLevel": "High"}}, "InvalidAttackPath", "properties.displayName")
    put("attack path: delivered form, no risk", path, NEW, {"attackPath": {"displayName": "x"}}, "InvalidAttackPath", "attackPath.riskLevel")
    rules = f"{SUB}{P}/alertsSuppressionRules/r"
    put("suppression: no type", rules, OLD, {"properties": {"reason": "x", "state": "Enabled"}}, "InvalidAlertsSuppressionRule", "properties.alertType")
    put("suppression: an unknown state", rules, OLD, rule_of(state="Maybe"), "InvalidAlertsSuppressionRule", "properties.state")
    put("suppression: allOf as object", rules, OLD, rule_of(suppressionAlertsScope={"allOf": {}}), "InvalidAlertsSuppressionRule", "properties.suppressionAlertsScope.allOf")
    put("suppression: at a resource group", f"{SUB}/resourceGroups/rg-a{P}/alertsSuppressionRules/r", OLD, rule_of(), "InvalidResourceType", None, 404)
    controls = f"{SUB}{P}/secureScoreControlDefinitions/c"
    for name, body, target in (("points as text", {"properties": {"displayName": "c", "maxScore": "10", "assessmentDefinitions": []}}, "properties.maxScore"),
                               ("negative points", {"properties": {"displayName": "c", "maxScore": -1, "assessmentDefinitions": []}}, "properties.maxScore"),
                               ("half a point", {"properties": {"displayName": "c", "maxScore": 1.5, "assessmentDefinitions": []}}, "properties.maxScore"),
                               ("no definitions", {"properties": {"displayName": "c", "maxScore": 1}}, "properties.assessmentDefinitions"),
                               ("a definition that is no id", {"properties": {"displayName": "c", "maxScore": 1, "assessmentDefinitions": [{"id": "x"}]}}, "properties.assessmentDefinitions")):
        put(f"control: {name}", controls, SCORE, body, "InvalidSecureScoreControlDefinition", target)
    put("compliance: a control of no standard", f"{SUB}{P}/regulatoryComplianceStandards/none/regulatoryComplianceControls/1", OLD,
        {"properties": {"assessmentDefinitions": []}}, "ParentResourceNotFound", "id", 404)
    row("compliance: computed states are read only", "PUT", f"{SUB}{P}/regulatoryComplianceStandards/s/regulatoryComplianceControls/1/regulatoryComplianceAssessments/a", OLD, {}, 405, "MethodNotAllowed")
    row("scores are read only", "PUT", f"{SUB}{P}/secureScores/ascScore", SCORE, {}, 405, "MethodNotAllowed")
    row("alerts are not deleted", "DELETE", f"{SUB}{P}/locations/westeurope/alerts/a", ALERT, None, 405, "MethodNotAllowed")
    # bodies
    for name, body in (("empty", b""), ("cut", b'{"properties":'), ("an array", b"[]"), ("a text", b'"x"'), ("two documents", b"{}{}"),
                       ("not UTF-8", b'{"properties":{"displayName":"\xff"}}'), ("a NUL", b'{"properties":{"displayName":"\x00"}}')):
        put(f"body: {name}", ONE, V, body, "InvalidRequestContent", None)
    put("body: nested too deep", ONE, V, b'{"properties":' + b"[" * 80 + b"]" * 80 + b"}", "InvalidRequestContent", None)
    put("body: too large for a resource", ONE, V, assessment(additionalData={"a": "x" * (513 << 10)}), "ResourceTooLarge", None, 413)
    put("body: too large at all", ONE, V, assessment(additionalData={"a": "x" * (2 << 20)}), "RequestContentTooLarge", None, 413)
    # ids
    put("id: no subscription", f"/providers/Microsoft.Compute/x/y{P}/assessments/{KEY}?tenantId={TENANT}", V, assessment(), "InvalidResourceId", "id")
    put("id: a subscription that is no GUID", ONE.replace(SUBSCRIPTION, "mine"), V, assessment(), "InvalidSubscriptionId", None)
    put("id: a subscription that is not there", ONE.replace(SUBSCRIPTION, "00000000-1111-2222-3333-444444444444"), V, assessment(), "SubscriptionNotFound", None, 404)
    put("id: a dot for a name", f"{VM}/..{P}/assessments/{KEY}", V, assessment(), "InvalidResourceId", None)
    put("id: encoded dots", f"{SUB}/resourceGroups/rg-a/%2e%2e{P}/assessments/{KEY}", V, assessment(), "InvalidResourceId", None)
    put("id: an encoded slash", f"{VM}%2Fx{P}/assessments/{KEY}", V, assessment(), "InvalidResourceId", None)
    put("id: a control character", f"{VM}{P}/assessments/a%0ab", V, assessment(), "InvalidResourceId", None)
    put("id: markup", f"{VM}{P}/assessments/%3Cscript%3E", V, assessment(), "InvalidResourceId", "id")
    put("id: a wildcard of SQL is a name, half a resource none", f"{SUB}/resourceGroups/rg-a/providers/Microsoft.Compute/virtualMachines{P}/assessments/{KEY}", V, assessment(), "InvalidResourceId", "id")
    put("id: a group name with a quote", f"{SUB}/resourceGroups/rg';--{P}/assessments/{KEY}", V, assessment(), "InvalidResourceGroup", None)
    put("id: too long", f"{VM}{'/x/y' * 600}{P}/assessments/{KEY}", V, assessment(), "InvalidResourceId", None)
    put("id: a long name", f"{VM}{P}/assessments/{'k' * 600}", V, assessment(), "InvalidResourceName", None)
    row("an unknown type", "GET", f"{SUB}{P}/nonsense", V, None, 404, "InvalidResourceType")
    row("not there", "GET", f"{VM}{P}/assessments/none", V, None, 404, "ResourceNotFound")
    row("a group that is not there", "GET", f"{SUB}/resourceGroups/none{P}/assessments", V, None, 404, "ResourceGroupNotFound")
    row("findings of no assessment", "GET", f"{VM}{P}/assessments/none/subAssessments", OLD, None, 404, "ResourceNotFound")
    row("controls of no standard", "GET", f"{SUB}{P}/regulatoryComplianceStandards/none/regulatoryComplianceControls", OLD, None, 404, "ResourceNotFound")
    row("status of no alert", "POST", f"{SUB}{P}/locations/westeurope/alerts/none/resolve", ALERT, None, 404, "ResourceNotFound")
    row("an unknown verb", "POST", f"{SUB}{P}/locations/westeurope/alerts/none/explode", ALERT, None, 404, "InvalidResourceType")
    # versions and queries
    listed = f"{SUB}{P}/assessments"
    row("no version", "GET", listed, None, None, 400, "MissingApiVersionParameter")
    row("a version of another type", "GET", listed, "2022-01-01", None, 400, "InvalidApiVersionParameter")
    for name, query, code, target in (
            ("$top 0", "$top=0", "InvalidQueryParameter", "$top"), ("$top as text", "$top=all", "InvalidQueryParameter", "$top"),
            ("$top negative", "$top=-1", "InvalidQueryParameter", "$top"), ("an unknown $expand", "$expand=everything", "InvalidQueryParameter", "$expand"),
            ("a $skiptoken that is none", "$skiptoken=x", "InvalidSkipToken", "$skiptoken"), ("a made-up $skiptoken", "$skiptoken=1" + b"2-fffffff-0-0".hex(), "InvalidSkipToken", "$skiptoken"),
            ("a $skiptoken with SQL", "$skiptoken=1" + b"' OR 1=1 --".hex(), "InvalidSkipToken", "$skiptoken")):
        row(f"query: {name}", "GET", f"{listed}?{query}", V, None, 400, code, target)
    for name, text in (("an unknown operator", "name like 'x'"), ("no closing quote", "name eq 'x"), ("a bare word", "name"), ("SQL", "name eq 'x'; DROP TABLE resources"),
                       ("a subquery", "name in (select 1)"), ("open parentheses", "(" * 200 + "name eq 'x'"), ("many parts", " or ".join(["name eq 'x'"] * 500)),
                       ("a comment", "name eq 'x' -- or true"), ("an unknown function", "substring(name,1) eq 'x'"), ("nothing behind and", "name eq 'x' and ")):
        row(f"filter: {name}", "GET", f"{listed}?$filter={urllib.parse.quote(text)}", V, None, 400, "InvalidFilter", "$filter")
    row("filter: beside a location", "GET", f"{SUB}{P}/locations/westeurope/alerts?$filter={urllib.parse.quote('true) or (true')}", ALERT, None, 400, "InvalidFilter", "$filter")
    # simulations
    simulate = f"{SUB}{P}/locations/centralus/alerts/default/simulate"
    for name, body, target in (("an unknown bundle", {"properties": {"kind": "Bundles", "bundles": ["DNS", "Moon"]}}, "properties.bundles[1]"),
                               ("an unknown kind", {"properties": {"kind": "All"}}, "properties.kind"), ("bundles as text", {"properties": {"bundles": "DNS"}}, "properties.bundles"),
                               ("a bundle as number", {"properties": {"bundles": [1]}}, "properties.bundles[0]"), ("properties as array", {"properties": []}, "properties")):
        row(f"simulate: {name}", "POST", simulate, ALERT, body, 400, "InvalidSimulation", target)
    # bulk
    for name, query, body, code in (("a foreign scope", f"complete={FOREIGN}", b"", "InvalidReport"), ("a scope that is no id", "complete=everything", b"", "InvalidReport"),
                                    ("a long producer", "producer=" + "x" * 500, b"", "InvalidReport"), ("a producer as number", "", b'{"producer":1}', "InvalidReport"),
                                    ("an unknown word beside the producer", "", b'{"producer":"x","compleet":["y"]}', "InvalidReport"), ("a foreign scope in a line", "", lines({"producer": "x", "complete": [FOREIGN]}), "InvalidReport"),
                                    ("scopes behind resources", "", lines({"producer": "x"}, {"id": ONE, **assessment()}, {"producer": "x", "complete": [SUB]}), "InvalidReport")):
        row(f"bulk: {name}", "POST", f"{BULK}?{query}", None, body, 400, code)
    return table


def refused(arm):
    table = rows()
    check("at least 60 rows", len(table) >= 60, len(table))
    check.note(f"{len(table)} rows")
    for name, method, path, version, body, status, code, target in table:
        answer = arm(method, path, body, version)
        got = error(answer)
        check(f"refused: {name}", (answer.status, got.get("code"), got.get("target")) == (status, code, target) and got.get("message") and
              answer.headers["x-ms-request-id"], f"{answer.status} {got}", (status, code, target))
    gz = arm("POST", BULK, b"x", None, headers={"Content-Encoding": "br"})
    check("refused: bulk in brotli", gz.status == 415 and error(gz)["code"] == "UnsupportedMediaType", gz)
    typed = arm("PUT", ONE, lines(assessment()), V, headers={"Content-Type": "text/csv"})
    check("refused: CSV", typed.status == 415 and error(typed)["code"] == "UnsupportedMediaType", typed)
    check("the daemon is well", arm.daemon.get("/healthz").status == 200)


# ---- who may ----

def rights(arm):
    daemon = arm.daemon
    kinds = {"none": Arm(daemon, ""), "scanner": Arm(daemon, daemon.make_token(TENANT, "ingest")["token"]),
             "reader": Arm(daemon, daemon.make_token(TENANT, "SecurityReader")["token"]),
             "administrator": Arm(daemon, daemon.make_token(TENANT, "SecurityAdministrator")["token"])}
    rule_path, control = f"{SUB}{P}/alertsSuppressionRules/who", f"{SUB}{P}/secureScoreControlDefinitions/who"
    must(arm, "PUT", f"{SUB}{P}/locations/westeurope/alerts/who", alert(), ALERT)
    for name, method, path, version, body, may in (
            ("an assessment is put", "PUT", ONE, V, assessment(), "scanner administrator"), ("read", "GET", ONE, V, None, "reader administrator"),
            ("an alert is put", "PUT", f"{SUB}{P}/locations/westeurope/alerts/who", ALERT, alert(), "scanner administrator"),
            ("an alert is resolved", "POST", f"{SUB}{P}/locations/westeurope/alerts/who/resolve", ALERT, None, "administrator"),
            ("samples are made", "POST", f"{SUB}{P}/locations/westeurope/alerts/default/simulate", ALERT, {}, "administrator"),
            ("a suppression rule is put", "PUT", rule_path, OLD, rule_of(), "administrator"),
            ("a control is defined", "PUT", control, SCORE, {"properties": {"displayName": "c", "maxScore": 1, "assessmentDefinitions": []}}, "administrator"),
            ("the tenant's catalog is written", "PUT", f"{P}/assessmentMetadata/{KEY}", V, metadata(), "administrator"),
            ("a bulk report", "POST", BULK, None, b"", "scanner administrator"), ("counts", "GET", "/api/posture", V, None, "reader administrator")):
        for who, call in kinds.items():
            answer = call(method, path, body, version)
            want = answer.status < 300 if who in may.split() else answer.status == (401 if who == "none" else 403)
            check(f"{name}: {who} {'may' if who in may.split() else 'may not'}", want, answer)


def get_patterns():
    """The GET routes of the posture table, from its source: a new one is tested without being named here."""
    text = (ROOT / "src/api/posture_routes.c").read_text()
    words = dict(re.findall(r'#define (\w+) ((?:\w+ )*"[^"]*")\n', text))

    def expand(pattern):
        while re.search(r"[A-Z]{4,}", re.sub(r'"[^"]*"', "", pattern)):
            pattern = re.sub(r'("[^"]*")|([A-Z_]{4,})', lambda m: m[1] or words[m[2]], pattern)
        return re.sub(r'"\s*"|"', "", pattern)

    table = text[text.index("arm_posture_routes[] = {"):]
    found = re.findall(r'(?:LIST|GET|ROW)\((?:"GET",\s*)?((?:[A-Z_]{4,}|"[^"]*")(?:\s*"[^"]*")*),\s*(\w+_versions)', table)
    return sorted({(expand(p), v) for p, v in found})


def tenants(arm):
    """Over every GET route of posture: another tenant's is not there, in its subscription, in one's own, and without one."""
    daemon = arm.daemon
    theirs = Arm(daemon, daemon.make_token(OTHER, "SecurityAdministrator")["token"])
    mine = Arm(daemon, daemon.make_token(TENANT, "SecurityAdministrator")["token"])
    vm = f"{FOREIGN}/resourceGroups/rg-{SECRET}/providers/Microsoft.Compute/virtualMachines/{SECRET}"
    names = {"assessmentMetadataName": KEY, "assessmentName": KEY, "subAssessmentName": SECRET, "secureScoreName": "ascScore", "controlName": SECRET,
             "standardName": SECRET, "attackPathName": SECRET, "location": "westeurope", "alertName": SECRET, "ruleName": SECRET,
             "subscriptionId": OTHER_SUBSCRIPTION}
    refs = [{"id": f"{P}/assessmentMetadata/{KEY}"}]
    control = {"properties": {"displayName": SECRET, "maxScore": 1, "assessmentDefinitions": refs}}
    standard = f"{FOREIGN}{P}/regulatoryComplianceStandards/{SECRET}"
    for path, version, body in ((f"{P}/assessmentMetadata/{KEY}", V, metadata(displayName=SECRET)), (f"{FOREIGN}{P}/assessmentMetadata/{KEY}", V, metadata(displayName=SECRET)),
                                (f"{vm}{P}/assessments/{KEY}", V, assessment()), (f"{vm}{P}/assessments/{KEY}/subAssessments/{SECRET}", OLD, finding()),
                                (f"{P}/secureScoreControlDefinitions/{SECRET}", SCORE, control), (f"{FOREIGN}{P}/secureScoreControlDefinitions/{SECRET}", SCORE, control),
                                (standard, OLD, {"properties": {}}), (f"{standard}/regulatoryComplianceControls/{SECRET}", OLD, {"properties": {"assessmentDefinitions": refs}}),
                                (f"{vm}{P}/attackPaths/{SECRET}", NEW, {"properties": {"displayName": "x", "riskLevel": "High"}}),
                                (f"{vm}{P}/locations/westeurope/alerts/{SECRET}", ALERT, alert()), (f"{vm}{P}/alerts/{SECRET}-2", ALERT, alert()),
                                (f"{FOREIGN}{P}/alertsSuppressionRules/{SECRET}", OLD, rule_of())):
        must(theirs, "PUT", path, body, version)
    versions = {"metadata_versions": V, "finding_versions": OLD, "score_versions": SCORE, "compliance_versions": OLD, "alert_versions": ALERT,
                "rule_versions": OLD, "path_versions": NEW}
    patterns = get_patterns()
    check("the table's GET routes are found", len(patterns) >= 25, patterns)
    shown = 0
    for pattern, version in patterns:
        path = re.sub(r"\{(\w+)\}", lambda m: names[m[1]] if m[1] != "scope" else vm[1:], pattern)
        own = theirs("GET", path, version=versions[version])
        shown += own.status == 200 and SECRET.encode() in own.body
        for call, url in ((mine, path), (mine, path.replace(OTHER_SUBSCRIPTION, SUBSCRIPTION)), (Arm(daemon, ""), path)):
            answer = call("GET", url, version=versions[version])
            check(f"{pattern}: nothing of another tenant's", (answer.status >= 400 and SECRET.encode() not in answer.body.replace(url.encode(), b"").replace(SECRET.encode(), b"", 9)) or
                  SECRET.encode() not in answer.body, answer)
            if OTHER_SUBSCRIPTION in url:
                check(f"{pattern}: a foreign subscription is not there", answer.status in (401, 404) and error(answer)["code"] in
                      ("SubscriptionNotFound", "InvalidAuthenticationToken"), answer)
    check("to its own tenant most of them show it", shown >= 18, shown)
    for method, path, body in (("PUT", f"{vm}{P}/assessments/{KEY}", assessment("Healthy")), ("DELETE", f"{vm}{P}/assessments/{KEY}", None),
                               ("POST", f"{FOREIGN}{P}/bulk", lines({"id": f"{vm}{P}/assessments/{KEY}", "deleted": True}))):
        answer = mine(method, path, body, V)
        check(f"{method} in another tenant's subscription: not there", answer.status == 404 and error(answer)["code"] == "SubscriptionNotFound", answer)
    kept = theirs("GET", f"{vm}{P}/assessments/{KEY}", version=V).json()
    check("and it is as it was", kept["properties"]["status"]["code"] == "Unhealthy", kept)
    counts = mine("GET", "/api/posture", version=V).json()["resources"]
    other = theirs("GET", "/api/posture", version=V).json()["resources"]
    check("counts are one's own", other["AttackPaths"] == 1 and other["Assessments"] == 1 and counts["AttackPaths"] == 0, counts, other)


# ---- commands ----

def commands(arm):
    daemon, seeds = arm.daemon, ROOT / "src/posture"

    def run(*words, **more):
        return daemon.run(*words, "--subscription", SUBSCRIPTION, **more)

    for path, words in ((seeds / "import_trivy_fuzz/image.json", ()), (seeds / "import_openscap_fuzz/arf.xml", ()),
                        (seeds / "import_lynis_fuzz/lynis-report.dat", ()), (seeds / "import_ocsf_fuzz/aws.json", ())):
        code, out, errors = run("posture", "load", str(path), "--json", *words)
        first = json.loads(out)[0] if code == 0 else {}
        check(f"load {path.name}: recognised, and new", code == 0 and first["created"] > 0 and first["refused"] == 0, out, errors)
        code, out, errors = run("posture", "load", "-", "--json", *words, input=path.read_bytes())
        again = json.loads(out)[0] if code == 0 else {}
        check(f"load {path.name} again, from standard input: unchanged", code == 0 and again["unchanged"] == first.get("created") and again["withdrawn"] == 0, out, errors)
    trivy = json.loads((seeds / "import_trivy_fuzz/image.json").read_text())
    gone = [r.pop("Vulnerabilities") for r in trivy["Results"] if r.get("Vulnerabilities")][0]
    trivy["Results"][0]["Vulnerabilities"] = gone[1:] or []
    code, out, errors = run("posture", "load", "-", "--json", input=json.dumps(trivy).encode())
    check("what a scanner does not find any more is withdrawn", code == 0 and json.loads(out)[0]["withdrawn"] > 0, out, errors)
    code, out, errors = run("posture", "load", "--dry-run", str(seeds / "import_trivy_fuzz/image.json"))
    dry = [json.loads(line) for line in out.splitlines()]
    check("--dry-run prints what would be sent", code == 0 and dry[0]["producer"] == "trivy" and any("/assessments/" in d.get("id", "") for d in dry), out[:400], errors)
    bulk_file = daemon.folder / "bulk.ndjson"
    bulk_file.write_bytes(lines({"id": ONE, **assessment()}, {"id": ONE, **assessment("Sick")}))
    code, out, errors = run("posture", "load", str(bulk_file))
    check("a bulk file; what is refused is told with its line", code == 1 and "line 2: InvalidAssessment: properties.status.code" in errors, out, errors)
    for name, words, want in (("no file", (), 2), ("a file that is not there", ("/no/such",), 3), ("a file of something else", ("/etc/passwd",), 1),
                              ("an unknown format", ("--format", "nessus", "x"), 2), ("a cut report", ("-",), 1)):
        text = (seeds / "import_trivy_fuzz/image.json").read_bytes()[:-30] if name == "a cut report" else b""
        code, out, errors = run("posture", "load", *words, input=text)
        check(f"load: {name}", code == want and errors.startswith("penstock posture load: "), code, out, errors)
    for kind in ("assessments", "subAssessments", "assessmentMetadata", "alerts", "secureScores", "secureScoreControls", "secureScoreControlDefinitions",
                 "regulatoryComplianceStandards", "attackPaths", "alertsSuppressionRules"):
        code, out, errors = run("posture", "list", kind, "--max", "5")
        check(f"list {kind}", code == 0 and out and not errors, code, out, errors)
    code, out, errors = daemon.run("posture", "status")
    check("status", code == 0 and "SubAssessments" in out, out, errors)
    code, out, errors = daemon.run("posture", "list", "assessments")
    check("which subscription must be said when there are several", code == 2 and SUBSCRIPTION in errors, errors)
    code, out, errors = run("alert", "simulate", "--bundles", "dns")
    check("alert simulate", code == 0 and "sample alerts made" in out, out, errors)
    code, out, errors = run("alert", "list", "--json", "--filter", "properties/alertType eq 'SIMULATED_DNS_Tunnel'")
    name = json.loads(out)[0]["name"]
    for verb, status in (("resolve", "Resolved"), ("activate", "Active"), ("progress", "InProgress"), ("dismiss", "Dismissed")):
        code, out, errors = run("alert", verb, name)
        _, shown, _ = run("alert", "show", name, "--json")
        check(f"alert {verb}", code == 0 and json.loads(shown)["properties"]["status"] == status, out, errors, shown)
    code, out, errors = run("alert", "resolve", "o'none")
    check("an alert that is not there", code == 1 and "0 alerts" in errors, errors)


SECTIONS = {"resources": resources, "bulk": bulk, "refused": refused, "rights": rights, "tenants": tenants, "commands": commands}

if __name__ == "__main__":
    with Daemon() as one:
        caller = started(one)
        for section in sys.argv[1:] or SECTIONS:
            check.run(section, SECTIONS[section], caller)
        if check.failed:
            check.note(one.log_tail())
    check.end()
