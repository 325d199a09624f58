#!/usr/bin/env python3
"""The documentation's examples of continuous export, end to end: posture data goes in over HTTP, automations filter it, and what
arrived in the local event hub (penstock tail) or in a workspace's folder is exactly what was asked for.

    test/e2e/automation_examples_test.py [SECTION...]"""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from arm import *  # noqa: E402,F403
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import Daemon  # noqa: E402

check = Checks()
P = "/providers/Microsoft.Security"
WAIT_S = 20
UNPACED = {"readBurst": 0, "writeBurst": 0, "deleteBurst": 0}


def key(number):
    return f"0a0a0a0a-0000-4000-8000-{number:012d}"


def machine(number, group="rg-a"):
    return f"{SUB}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/vm-{number}"


def assessment(resource, code="Unhealthy", **status):
    return {"properties": {"resourceDetails": {"source": "Azure", "id": resource}, "status": {"code": code, **status}}}


def finding(severity, name="A finding", code="Unhealthy"):
    return {"properties": {"displayName": name, "status": {"code": code, "severity": severity}, "remediation": "mend it",
                           "additionalData": {"assessedResourceType": "SqlServerVulnerability"}}}


def alert(severity, **more):
    return {"properties": {"alertType": "VM_Test", "alertDisplayName": "An alert", "severity": severity, **more}}


def source(name, *rule_sets):
    return {"eventSource": name, "ruleSets": [{"rules": [rule(*r) for r in rules]} for rules in rule_sets]}


class World:
    """A daemon with a tenant's subscription."""

    def __init__(self, daemon, **more):
        self.daemon = daemon
        daemon.write_config(**configuration(daemon, posture={"scoreDelay": "1 ms", **more}, arm=UNPACED))
        daemon.start()
        self.arm = Arm(daemon)
        self.arm.make_group()

    def must(self, method, path, body=None, version="2021-06-01"):
        answer = self.arm(method, path, body, version)
        if answer.status not in (200, 201, 204):
            raise Failed(f"{method} {path}: {answer}")
        return answer.json() if answer.body else None

    def automation(self, name, sources, scope=SUB, workspace=None, enabled=True):
        """To a hub that has its name, or to a workspace."""
        action = ({"actionType": "Workspace", "workspaceResourceId": workspace} if workspace else
                  {"actionType": "EventHub", "eventHubResourceId": LOCAL_HUB.replace("/security", f"/{name}"), "isTrustedServiceEnabled": True})
        self.must("PUT", f"{AUTOMATIONS}/{name}", automation([action], sources, isEnabled=enabled,
                                                             scopes=[{"description": "s", "scopePath": scope}]), NEW)

    def metadata(self, number, severity="High", name="A recommendation"):
        self.must("PUT", f"{SUB}{P}/assessmentMetadata/{key(number)}",
                  {"properties": {"displayName": name, "severity": severity, "assessmentType": "CustomerManaged"}})

    def assess(self, resource, number, code="Unhealthy", **status):
        self.must("PUT", f"{resource}{P}/assessments/{key(number)}", assessment(resource, code, **status))

    def find(self, resource, number, name, severity):
        self.must("PUT", f"{resource}{P}/assessments/{key(number)}/subAssessments/{name}", finding(severity, name), OLD)

    def control(self, name, points, *numbers):
        ids = [{"id": f"{P}/assessmentMetadata/{key(n)}"} for n in numbers]
        self.must("PUT", f"{SUB}{P}/secureScoreControlDefinitions/{name}",
                  {"properties": {"displayName": name, "maxScore": points, "assessmentDefinitions": ids}}, "2020-01-01")

    def bulk(self, lines, **query):
        more = "&".join(f"{k}={v}" for k, v in query.items())
        answer = self.arm("POST", f"{SUB}{P}/bulk?{more}", ("\n".join(json.dumps(line) for line in lines)).encode(), None)
        if answer.status != 200 or answer.json()["refused"]:
            raise Failed(f"bulk: {answer}")
        return answer.json()

    def hub(self, name):
        """What the hub has, in order."""
        code, out, errors = self.daemon.run("tail", name, "--from", "earliest", "--tenant", TENANT)
        if code not in (0, 1):
            raise Failed(f"tail {name}: {errors}")
        return [json.loads(line) for line in out.splitlines()]

    def rows(self, table, folder="law-secops"):
        found = (self.daemon.folder / folder).rglob("PT1H*.json")
        return [json.loads(line) for path in sorted(found) if f"insights-logs-{table.lower()}/" in str(path)
                for line in path.read_text().splitlines()]

    def settle(self):
        """Everything that is to be exported is out: the outbox is empty, and no export lags."""
        def is_settled():
            status = self.daemon.status()
            return status["posture"]["outboxEvents"] == 0 and all(e["progress"]["lagRecords"] == 0 for e in status["exports"])
        wait_for(is_settled, WAIT_S, lambda: f"all is exported: {self.daemon.status()}")

    def exactly(self, title, name, want, what):
        """The hub's documents, each made short by 'what', are these, in this order."""
        self.settle()
        wait_for(lambda: len(self.hub(name)) >= len(want), WAIT_S, lambda: f"{title}: {len(want)} events, not {self.hub(name)}")
        got = [what(e) for e in self.hub(name)]
        check(title, got == want, got, want)

    def controls(self):
        listed = self.must("GET", f"{SUB}{P}/secureScoreControls", version="2020-01-01")["value"]
        return {c["name"]: c["properties"] for c in listed}


def state(event):
    return (event["id"].split("/")[8], event["properties"]["status"]["code"], event["assessmentEventDataEnrichment"]["action"])


# ---- the four examples ----

def high_alerts(w):
    """All high-severity alerts go to an event hub."""
    w.automation("ex-high", [source("Alerts", [("Severity", "String", "High", "Equals")])])
    alerts = f"{SUB}{P}/locations/westeurope/alerts"
    for name, severity in (("a1", "High"), ("a2", "Medium"), ("a3", "Low"), ("a4", "Informational"), ("a5", "high")):
        w.must("PUT", f"{alerts}/{name}", alert(severity), "2022-01-01")
    flat = {"AlertType": "VM_Flat", "AlertDisplayName": "As delivered", "Severity": "High", "SystemAlertId": "a6"}
    w.must("PUT", f"{alerts}/a6", flat, "2022-01-01")
    code, out, errors = w.daemon.run("alert", "simulate", "--subscription", SUBSCRIPTION, "--bundles", "VirtualMachines")
    check("samples can be made", code == 0, out, errors)
    samples = [a for a in w.must("GET", f"{SUB}{P}/alerts?$top=100", version="2022-01-01")["value"] if "SAMPLE" in a["properties"]["alertDisplayName"]]
    high = [a["name"] for a in samples if a["properties"]["severity"] == "High"]
    check("among the samples are high ones and others", 0 < len(high) < len(samples), [a["properties"]["severity"] for a in samples])
    w.settle()
    wait_for(lambda: len(w.hub("ex-high")) >= 3 + len(high), WAIT_S, lambda: w.hub("ex-high"))
    got = w.hub("ex-high")
    check("example 1: all high-severity alerts, and no others", [e["SystemAlertId"] for e in got[:3]] == ["a1", "a5", "a6"] and
          sorted(e["SystemAlertId"] for e in got[3:]) == sorted(high), [e["SystemAlertId"] for e in got])
    check("they are as alerts are delivered: flat, PascalCase", all("properties" not in e and e["Severity"].lower() == "high" and
          e["Status"] == "New" for e in got), got[:2])
    w.must("POST", f"{alerts}/a1/resolve", None, "2022-01-01")
    w.must("POST", f"{alerts}/a2/dismiss", None, "2022-01-01")
    w.settle()
    wait_for(lambda: len(w.hub("ex-high")) == 4 + len(high), WAIT_S, "the change of a1's status")
    last = w.hub("ex-high")[-1]
    check("a change of status is told, of the high one only", (last["SystemAlertId"], last["Status"]) == ("a1", "Resolved"), last)


def sql_findings(w):
    """Medium or higher findings of SQL vulnerability assessment go to a given workspace, with their parents."""
    databases, servers, other = 101, 102, 103
    for number, name in ((databases, "SQL databases should have vulnerability findings resolved"),
                         (servers, "SQL servers on machines should have vulnerability findings resolved"), (other, "Something else")):
        w.metadata(number, name=name)
    parents = [[("name", "String", key(n), "Contains")] for n in (databases, servers)]
    findings = [[("id", "String", f"/assessments/{key(n)}/", "Contains"), ("properties.status.severity", "String", s, "Equals")]
                for n in (databases, servers) for s in ("High", "Medium")]
    sources = [source("SubAssessments", *findings), source("Assessments", *parents)]
    w.automation("ex-sql", sources, workspace=WORKSPACE)
    w.automation("ex-sql-hub", sources)
    for number in (databases, servers, other):
        w.assess(machine("sql"), number)
        for severity in ("High", "Medium", "Low"):
            w.find(machine("sql"), number, f"va-{severity}", severity)
    w.settle()
    wait_for(lambda: len(w.rows("SubAssessments")) >= 4 and len(w.rows("Assessments")) >= 2, WAIT_S,
             lambda: f"rows: {w.rows('SubAssessments')} {w.rows('Assessments')}")
    rows, above = w.rows("SubAssessments"), w.rows("Assessments")
    check("example 2: medium and high findings of both, none of others", sorted((r["ParentRecommendationId"], r["RecommendationSeverity"]) for r in rows) ==
          sorted((key(n), s) for n in (databases, servers) for s in ("High", "Medium")), rows)
    check("example 2: with their parents", sorted(r["RecommendationId"] for r in above) == [key(databases), key(servers)], above)
    events = w.hub("ex-sql-hub")
    where = {e["id"].lower(): i for i, e in enumerate(events)}
    check("a parent comes before its findings", len(events) == 6 and all(where[i.rsplit("/", 2)[0]] < n for i, n in where.items()
          if "/subassessments/" in i), list(where))
    w.assess(machine("sql"), databases, "Healthy")
    w.settle()
    wait_for(lambda: len(w.hub("ex-sql-hub")) >= 9, WAIT_S, lambda: w.hub("ex-sql-hub"))
    again = [e["id"].split("/")[-1] for e in w.hub("ex-sql-hub")[6:]]
    check("when the parent changes its state, it comes first and its findings follow", again[0] == key(databases) and
          sorted(again[1:]) == ["va-High", "va-Medium"], again)


def two_recommendations(w):
    """Two named recommendations go to an event hub whenever they are generated."""
    for number in (201, 202, 203):
        w.metadata(number)
    w.automation("ex-two", [source("Assessments", *[[("name", "String", key(n), "Contains")] for n in (201, 202)])])
    for number in (201, 202, 203):
        for vm in ("two-1", "two-2"):
            w.assess(machine(vm), number)
    w.assess(machine("two-1"), 201)  # the same again
    w.exactly("example 3: the two recommendations, on each resource, once", "ex-two",
              [(key(n), vm) for n in (201, 202) for vm in ("vm-two-1", "vm-two-2")],
              lambda e: (e["name"], e["id"].split("/")[8]))


def scores(w):
    """The secure score goes to a workspace whenever a control's score changes by 0.01 or more; slow drift adds up."""
    w.metadata(301)
    w.control("mfa", 10, 301)
    w.automation("ex-score", [source("SecureScores"), source("SecureScoreControls", [("name", "String", "mfa", "Equals")])])
    w.automation("ex-score-ws", [source("SecureScores"), source("SecureScoreControls", [("name", "String", "mfa", "Equals")])], workspace=WORKSPACE)
    count = 4000  # one resource is 0.0025 points of 10

    def report(unhealthy):
        lines = [{"id": f"{machine(f'score-{i}')}{P}/assessments/{key(301)}", **assessment(machine(f"score-{i}"), "Unhealthy" if i < unhealthy else "Healthy")}
                 for i in range(count)]
        w.bulk(lines, producer="scores")
        wait_for(lambda: w.controls().get("mfa", {}).get("unhealthyResourceCount") == unhealthy, WAIT_S, lambda: w.controls())
        w.settle()

    def sent():
        return [e["properties"]["score"]["current"] for e in w.hub("ex-score") if e["type"].endswith("secureScoreControls")]

    report(1000)
    wait_for(lambda: sent()[-1:] == [7.5], WAIT_S, sent)
    first = sent()  # a computation between two batches may have sent one before
    check("example 4: the first score of the control", len(first) <= 2, first)
    report(1001)  # 7.4975, rounded 7.5
    report(1002)  # 7.495
    slow = sent()
    report(1004)  # 7.49: four quarters of a hundredth
    wait_for(lambda: sent()[-1] == 7.49, WAIT_S, sent)
    check("example 4: less than a hundredth is not sent, and adds up", slow in (first, first + [7.49]) and sent() == first + [7.49], first, slow, sent())
    subscription = [e["properties"]["score"]["current"] for e in w.hub("ex-score") if e["type"].endswith("secureScores")]
    check("example 4: the subscription's score goes with it", subscription == sent(), subscription, sent())
    wait_for(lambda: len(w.rows("SecureScores")) >= len(subscription), WAIT_S, lambda: w.rows("SecureScores"))
    rows = w.rows("SecureScores")
    check("example 4: as rows of SecureScores in the workspace", [r["CurrentScore"] for r in rows] == subscription and
          rows[-2]["PercentageScore"] == 0.75 and rows[0]["DisplayName"] == "ASC score", rows)
    wait_for(lambda: len(w.rows("SecureScoreControls")) >= len(sent()), WAIT_S, lambda: w.rows("SecureScoreControls"))
    rows = w.rows("SecureScoreControls")
    check("example 4: and of SecureScoreControls", [(r["ControlId"], r["CurrentScore"], r["UnhealthyResources"]) for r in rows[-2:]] ==
          [("mfa", 7.5, 1000), ("mfa", 7.49, 1004)], rows)


def drift(_):
    """By percentage, of 10,000 resources: 0.0099 is not sent, 0.01 is."""
    with Daemon() as daemon:
        w = World(daemon, scoreMetric="percentage")
        w.metadata(1)
        w.control("c", 100, 1)  # one resource is 0.01 points: the percentage is made of rounded points
        w.automation("drift", [source("SecureScoreControls")])
        count = 10000

        def report(first, last, code):
            w.bulk([{"id": f"{machine(i)}{P}/assessments/{key(1)}", **assessment(machine(i), code)} for i in range(first, last)])

        def computed(unhealthy):
            wait_for(lambda: w.controls().get("c", {}).get("unhealthyResourceCount") == unhealthy, WAIT_S, lambda: w.controls())
            w.settle()
            return [e["properties"]["score"]["percentage"] for e in w.hub("drift")]

        report(0, count, "Healthy")
        wait_for(lambda: w.controls().get("c", {}).get("healthyResourceCount") == count, WAIT_S, lambda: w.controls())
        w.settle()
        wait_for(lambda: w.hub("drift") and w.hub("drift")[-1]["properties"]["score"]["percentage"] == 1, WAIT_S, lambda: w.hub("drift"))
        first = [e["properties"]["score"]["percentage"] for e in w.hub("drift")]  # it may have been computed in between
        report(0, 50, "Unhealthy")
        half = computed(50)
        report(50, 99, "Unhealthy")
        most = computed(99)
        check("0.0050 and then 0.0099 since the last one sent: nothing", half == first == most and
              w.controls()["c"]["score"]["percentage"] == 0.9901, first, half, most, w.controls())
        report(99, 100, "Unhealthy")
        computed(100)
        wait_for(lambda: len(w.hub("drift")) > len(first), WAIT_S, lambda: w.hub("drift"))
        check("0.0001 more makes 0.01, and it is sent", computed(100) == first + [0.99], w.hub("drift"))


# ---- and the rest ----

def life(w):
    """A recommendation becomes healthy, not applicable, is withdrawn, by hand and by a full report."""
    w.metadata(401)
    w.automation("ex-life", [source("Assessments", [("name", "String", key(401), "Equals")])])
    vm = machine("life")
    w.assess(vm, 401)
    w.assess(vm, 401, "Healthy")
    w.assess(vm, 401, "NotApplicable", cause="Exempt", description="not here")
    w.must("DELETE", f"{vm}{P}/assessments/{key(401)}")
    w.must("DELETE", f"{vm}{P}/assessments/{key(401)}")  # gone is gone: no second event
    lines = [{"id": f"{machine(f'life-{i}')}{P}/assessments/{key(401)}", **assessment(machine(f"life-{i}"))} for i in range(3)]
    scope = f"{SUB}/resourceGroups/rg-a"
    w.bulk(lines, producer="nightly", complete=scope)
    done = w.bulk(lines[:2], producer="nightly", complete=scope)
    check("a full report withdraws its own only", done["withdrawn"] == 1 and done["unchanged"] == 2, done)
    w.exactly("each state is told, and what is withdrawn", "ex-life",
              [("vm-life", "Unhealthy", "Insert"), ("vm-life", "Healthy", "Insert"), ("vm-life", "NotApplicable", "Insert"),
               ("vm-life", "NotApplicable", "Delete")] + [(f"vm-life-{i}", "Unhealthy", "Insert") for i in range(3)] +
              [("vm-life-2", "Unhealthy", "Delete")], state)


def compliance(w):
    """One assessment under several compliance controls."""
    w.metadata(501)
    standards = f"{SUB}{P}/regulatoryComplianceStandards"
    for standard in ("CIS-1.4.0", "PCI-DSS-4"):
        w.must("PUT", f"{standards}/{standard}", {"properties": {"displayName": standard}}, OLD)
    w.automation("ex-compliance", [source("RegulatoryComplianceAssessment", [("properties.state", "String", "failed", "Equals")])])
    for control in ("CIS-1.4.0/regulatoryComplianceControls/1.1", "CIS-1.4.0/regulatoryComplianceControls/2.7", "PCI-DSS-4/regulatoryComplianceControls/8"):
        w.must("PUT", f"{standards}/{control}", {"properties": {"description": "c", "assessmentDefinitions": [
            {"id": f"{P}/assessmentMetadata/{key(501)}"}]}}, OLD)
    w.assess(machine("compliance"), 501)
    wait_for(lambda: len(w.hub("ex-compliance")) >= 3, WAIT_S, lambda: w.hub("ex-compliance"))
    w.settle()
    got = sorted("/".join(e["id"].split("/")[6:9:2]) for e in w.hub("ex-compliance"))
    check("an assessment fails under each control that has it", got == ["CIS-1.4.0/1.1", "CIS-1.4.0/2.7", "PCI-DSS-4/8"], w.hub("ex-compliance"))
    states = {s["name"]: s["properties"]["state"] for s in w.must("GET", standards, version=OLD)["value"]}
    check("and so do the standards", states == {"CIS-1.4.0": "Failed", "PCI-DSS-4": "Failed"}, states)


def paths(w):
    """Attack paths above a risk level."""
    w.automation("ex-paths", [source("AttackPaths", *[[("attackPath.riskLevel", "String", level, "Equals")] for level in ("Critical", "High")])])
    for name, level in (("p1", "Critical"), ("p2", "High"), ("p3", "Medium"), ("p4", "Low")):
        w.must("PUT", f"{SUB}{P}/attackPaths/{name}", {"properties": {"displayName": name, "riskLevel": level}}, NEW)
    w.must("PUT", f"{SUB}{P}/attackPaths/p3", {"properties": {"displayName": "p3", "riskLevel": "High"}}, NEW)
    w.exactly("attack paths of high risk and above, and one that got there", "ex-paths", ["p1", "p2", "p3"], lambda e: e["name"])


def snapshot(w):
    """A snapshot beside the stream: what is there already comes with it."""
    w.metadata(601)
    for vm in ("snap-1", "snap-2"):
        w.assess(machine(vm), 601)
    w.settle()  # in the journal, for the automations that are there
    rules = [("name", "String", key(601), "Equals")]
    w.automation("ex-snapshot", [source("Assessments", rules), source("AssessmentsSnapshot", rules)], workspace=WORKSPACE)
    w.assess(machine("snap-3"), 601)
    w.settle()

    def rows():
        return [(r["AssessedResourceId"].split("/")[-1], r["IsSnapshot"]) for r in w.rows("Assessments") + w.rows("AssessmentsSnapshot")
                if r["RecommendationId"] == key(601)]

    answer = w.arm("POST", f"{AUTOMATIONS}/ex-snapshot/penstock/snapshot", {}, NEW)
    check("a snapshot can be asked for", answer.status == 202, answer)
    wait_for(lambda: len(rows()) >= 4, WAIT_S, rows)
    w.settle()
    check("the stream has the change, the snapshot has all", sorted(rows()) == [("vm-snap-1", True), ("vm-snap-2", True), ("vm-snap-3", False),
                                                                               ("vm-snap-3", True)], rows())


def disabled(w):
    """A disabled automation gets nothing, and nothing of that time later."""
    w.metadata(701)
    sources = [source("Assessments", [("name", "String", key(701), "Equals")])]
    w.automation("ex-disabled", sources, workspace=WORKSPACE, enabled=False)
    w.automation("ex-enabled", sources)

    def rows():
        return [r["AssessedResourceId"].split("/")[-1] for r in w.rows("Assessments") if r["RecommendationId"] == key(701)]

    w.assess(machine("off-1"), 701)
    w.exactly("an enabled one beside it gets it", "ex-enabled", ["vm-off-1"], lambda e: e["id"].split("/")[8])
    check("a disabled automation gets nothing", rows() == [], rows())
    w.automation("ex-disabled", sources, workspace=WORKSPACE)
    w.assess(machine("off-2"), 701)
    w.settle()
    wait_for(rows, WAIT_S, "the first row")
    check("from then on it gets what changes, and nothing of before", rows() == ["vm-off-2"], rows())
    w.automation("ex-disabled", sources, workspace=WORKSPACE, enabled=False)
    w.assess(machine("off-3"), 701)
    w.exactly("switched off again", "ex-enabled", ["vm-off-1", "vm-off-2", "vm-off-3"], lambda e: e["id"].split("/")[8])
    check("it gets no more", rows() == ["vm-off-2"], rows())


def group_scope(w):
    """The scope of a resource group; ids in mixed case."""
    w.metadata(801)
    rules = [("name", "String", key(801), "Equals")]
    w.must("PUT", f"{SUB}/resourceGroups/rg-scope", {"location": "westeurope"}, "2021-04-01")
    w.automation("ex-group", [source("Assessments", rules)], scope=f"{SUB}/resourceGroups/RG-Scope")
    w.assess(machine("in-1", "rg-scope"), 801)
    w.assess(machine("out-1", "rg-scope-2"), 801)
    w.assess(machine("out-2", "rg"), 801)
    shouting = machine("in-2", "rg-scope").replace("/subscriptions/", "/SUBSCRIPTIONS/").replace("/resourceGroups/rg-scope", "/RESOURCEGROUPS/RG-SCOPE")
    w.must("PUT", f"{shouting}{P}/Assessments/{key(801).upper()}", assessment(shouting))
    w.must("PUT", f"{machine('IN-1', 'rg-SCOPE')}{P}/assessments/{key(801)}", assessment(machine("in-1", "rg-scope")))  # the same resource
    w.exactly("only what is in the group, whatever the case", "ex-group", ["in-1", "in-2"], lambda e: e["id"].split("/")[8].lower()[3:])
    listed = w.must("GET", f"{SUB}/resourcegroups/rg-scope{P}/assessments".replace("/subscriptions/", "/Subscriptions/"))["value"]
    check("and is listed once each", len(listed) == 2, listed)
    groups = {g["name"] for g in w.must("GET", f"{SUB}/resourceGroups", version="2021-04-01")["value"]}
    check("groups become known by what is reported of them", {"rg-scope-2", "rg"} <= groups, groups)


SECTIONS = {"high-alerts": high_alerts, "sql-findings": sql_findings, "two-recommendations": two_recommendations, "life": life,
            "compliance": compliance, "paths": paths, "snapshot": snapshot, "disabled": disabled, "group-scope": group_scope, "scores": scores,
            "drift": drift}

if __name__ == "__main__":
    with Daemon() as one:
        world = World(one)
        for section in sys.argv[1:] or SECTIONS:
            check.run(section, SECTIONS[section], world)
        if check.failed:
            check.note(one.log_tail())
    check.end()
