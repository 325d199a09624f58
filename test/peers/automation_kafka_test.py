#!/usr/bin/env python3
"""Automations of a running daemon to a real Apache Kafka: what a hub gets byte by byte, in which order, what rules let through, both
casings of findings, a snapshot beside the stream; and that nothing is lost, and nothing gets another identity, when the broker
and then the daemon are killed in the middle of thousands of events. Read with librdkafka itself, not by our code.

What is promised of order: the journal has a recommendation before its findings, and a hub of one partition has the first arrival
of each event in that order, whatever failed meanwhile. Of a hub of several partitions the same holds for each partition as long as nothing
had to be sent again: events have no key, and one that is sent again goes to any partition."""
import collections
import json
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import peers  # noqa: E402
from arm import *  # noqa: E402,F403
from check import wait_for  # noqa: E402
from daemon import Daemon  # noqa: E402
from kafka_read import read_messages  # noqa: E402
from peers import Kafka, check  # noqa: E402

P = "/providers/Microsoft.Security"
SEVERITIES = ("High", "Medium", "Low")
PARTITIONS = {"one": 1, "many": 3}
KEY = "0a0a0a0a-0000-4000-8000-000000000001"
BURST, BULK = 5000, 1000
WAIT_S = 60


def namespace(name):
    return NAMESPACE.replace("ehns-telemetry", f"ehns-{name}")


def hub(where, name):
    return {"actionType": "EventHub", "eventHubResourceId": f"{namespace(where)}/eventhubs/{name}", "isTrustedServiceEnabled": True}


def source(name, *rules):
    return {"eventSource": name, "ruleSets": [{"rules": [rule(*r) for r in rules]}] if rules else []}


def assessment(group, number, step=0):
    return {"id": f"{SUB}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/vm-{number}{P}/assessments/{KEY}",
            "properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": "Unhealthy" if step % 2 == 0 else "Healthy", "cause": f"step {step}"}}}


def finding(above, number, severity):
    return {"id": f"{above['id']}/subAssessments/f-{number:05}",
            "properties": {"displayName": f"Finding {number} – ä", "status": {"code": "Unhealthy", "severity": severity},
                           "additionalData": {"assessedResourceType": "ServerVulnerabilityAssessment", "number": number}}}


class World:
    def __init__(self, daemon, kafka):
        self.daemon, self.kafka, self.names = daemon, kafka, []
        settings = {"brokers": kafka.plain, "security": "plain", "timeout_ms": 4000}
        resources = [{"id": namespace(name), "kind": "kafka", "settings": dict(settings, partitions=count, replication=1)}
                     for name, count in PARTITIONS.items()]
        resources.append({"id": namespace("dead"), "kind": "kafka", "settings": dict(settings, brokers=f"127.0.0.1:{peers.free_port()}")})
        daemon.write_config(**dict(configuration(daemon, arm={"readBurst": 0, "writeBurst": 0, "deleteBurst": 0}), resources=resources))
        daemon.start()
        self.arm = Arm(daemon)
        self.arm.make_group()

    def must(self, *arguments):
        answer = self.arm(*arguments)
        if answer.status not in (200, 201, 202, 204):
            sys.exit(f"{arguments[:2]}: {answer}")
        return answer.json() if answer.body else None

    def automation(self, name, sources, *actions, group=None, **tags):
        scope = f"{SUB}/resourceGroups/{group}" if group else SUB
        body = automation(list(actions), sources, scopes=[{"description": "s", "scopePath": scope}])
        body["tags"] = {k.replace("_", "-"): v for k, v in tags.items()}
        self.must("PUT", f"{AUTOMATIONS}/{name}", body)
        self.names.append(name)

    def report(self, *items):
        answer = self.must("POST", f"{SUB}{P}/bulk", "\n".join(json.dumps(i, ensure_ascii=False) for i in items).encode(), None)
        if answer["received"] != len(items) or answer["refused"]:
            sys.exit(f"bulk: {answer}")

    def actions(self, *names, dead=False):
        """The status of each action to a hub that is there, or that is not."""
        return [a for n in names or self.names for a in self.must("GET", f"{AUTOMATIONS}/{n}/penstock/status")["actions"]
                if ("ehns-dead" in a["resourceId"]) == dead]

    def is_settled(self):
        if self.daemon.status()["posture"]["outboxEvents"] != 0:
            return False
        return all(a["progress"]["lagRecords"] == 0 for a in self.actions())

    def settle(self):
        wait_for(self.is_settled, WAIT_S, lambda: f"all but the dead are exported: {self.actions()}")

    def read(self, where, name):
        return [Seen(m) for m in read_messages(self.kafka.plain, name, PARTITIONS[where])]


class Seen:
    def __init__(self, message):
        self.message, self.partition, self.offset = message, message.partition, message.offset
        self.identities = [v.decode() for k, v in message.headers if k == "penstock-event-id"]
        self.identity = self.identities[0] if self.identities else ""
        self.body = message.payload
        self.event = json.loads(self.body)
        self.id = self.event.get("id") or self.event.get("Id")
        self.is_finding = "/subassessments/" in self.id.lower()
        parts = self.identity[len(TENANT) + 1:].split("-")
        self.place = (int(parts[0]), int(parts[1]))  # journal position and row


def firsts(messages):
    """The first arrival of each identity, as the partitions have them."""
    seen = set()
    return [m for m in messages if not (m.identity in seen or seen.add(m.identity))]


def is_in_order(messages):
    by_partition = collections.defaultdict(list)
    for m in messages:
        by_partition[m.partition].append(m.place)
    return all(places == sorted(places) for places in by_partition.values())


def messages_are(title, seen):
    check(seen and all(m.body[:1] == b"{" and m.body[-1:] == b"}" and "records" not in m.event for m in seen), f"{title}: bare documents")
    check(all(m.message.key is None for m in seen), f"{title}: no keys", [m.message.key for m in seen][:3])
    check(all(len(m.identities) == 1 for m in seen), f"{title}: each has its identity beside it", [m.message.headers for m in seen][:3])
    bodies = collections.defaultdict(set)
    for m in seen:
        bodies[m.identity].add(m.body)
    check(all(len(b) == 1 for b in bodies.values()), f"{title}: one identity, one body")


# ---- what is asked for, and what is done ----

def make(w):
    both = [source("Assessments"), source("SubAssessments")]
    w.must("PUT", f"{SUB}{P}/assessmentMetadata/{KEY}", {"properties": {"displayName": "A recommendation", "severity": "High",
                                                                        "assessmentType": "CustomerManaged"}}, "2021-06-01")
    w.automation("strict", both, hub("one", "strict"), hub("dead", "nowhere"), group="rg-a")
    w.automation("spread", both, hub("many", "spread"), group="rg-a")
    w.automation("high", [source("Assessments", ("properties.metadata.severity", "String", "low", "Equals")),
                          source("SubAssessments", ("properties.status.severity", "String", "high", "Equals"))], hub("many", "high"), group="rg-a")
    w.automation("legacy", both, hub("one", "legacy"), group="rg-a", penstock_findings_case="pascal")
    w.automation("burst", both, hub("one", "burst"), group="rg-burst")
    w.automation("burst-spread", both, hub("many", "burst-spread"), hub("dead", "nowhere-too"), group="rg-burst")


def work(w):
    """30 recommendations with 6 findings each, reported; then 10 of them change their state, so that their findings follow."""
    parents = [assessment("rg-a", n) for n in range(30)]
    for at in range(0, 30, 10):
        w.report(*[i for p in range(at, at + 10)
                   for i in (parents[p], *(finding(parents[p], p * 6 + f, SEVERITIES[f % 3]) for f in range(6)))])
    w.settle()
    w.report(*(assessment("rg-a", n, 1) for n in range(10)))
    w.settle()


def snapshot(w):
    w.automation("snap", [source("Assessments"), source("AssessmentsSnapshot")], hub("many", "snap"), group="rg-a")
    w.report(assessment("rg-a", 20, 3))
    w.must("POST", f"{AUTOMATIONS}/snap/penstock/snapshot", {})
    wait_for(lambda: len(w.read("many", "snap")) >= 31, WAIT_S, lambda: w.actions("snap"), 0.2)


def burst(w):
    """The broker is killed and comes back; as soon as it has the first event that waited, the daemon is killed."""
    parent = assessment("rg-burst", 1)
    w.report(parent)
    log = w.kafka.folder / "data" / "burst-0" / "00000000000000000000.log"
    for at in range(0, 4 * BULK, BULK):
        if at == 2 * BULK:
            w.settle()
            w.kafka.stop(kill=True)
            size = log.stat().st_size
        w.report(*(finding(parent, n, "Low") for n in range(at, at + BULK)))
    w.kafka.up()
    wait_for(lambda: log.stat().st_size > size, WAIT_S, "the first event after the broker came back", 0.001)
    w.daemon.kill()
    w.daemon.start()
    w.report(*(finding(parent, n, "Low") for n in range(4 * BULK, BURST)))
    w.settle()


# ---- what arrived ----

def order_is(title, seen):
    at = {}  # of a parent's latest event, per partition
    check(is_in_order(seen), f"{title}: each partition has the journal's order")
    wrong = []
    for m in sorted(seen, key=lambda m: m.place):  # the order of the journal, by identities
        if not m.is_finding:
            at[m.id] = m.event["properties"]["status"]["code"]
        elif m.id.split("/subAssessments/")[0] not in at:
            wrong.append(m.id)
    check(not wrong, f"{title}: recommendations before their findings", wrong[:3])


def arrived(w):
    strict, spread, high, legacy = w.read("one", "strict"), w.read("many", "spread"), w.read("many", "high"), w.read("one", "legacy")
    for title, seen in (("strict", strict), ("spread", spread), ("high", high), ("legacy", legacy)):
        messages_are(title, seen)
        check(len({m.identity for m in seen}) == len(seen), f"{title}: each event once")
    # 30 + 180, then 11 changed with their 66 findings behind them
    check([len(strict), len(spread), len(legacy)] == [287] * 3, "one message for each event", len(strict), len(spread), len(legacy))
    check({m.identity for m in strict} == {m.identity for m in spread}, "an event has one identity, whoever gets it")
    check(sorted(m.body for m in strict) == sorted(m.body for m in spread), "and the same body")
    check(len({m.partition for m in spread}) == 3, "several partitions are used", {m.partition for m in spread})
    order_is("strict", strict)
    order_is("spread", spread)
    changed = [i for i, m in enumerate(strict) if m.event["properties"]["status"].get("cause") in ("step 1", "step 3")]
    behind = [sum(n.id.startswith(strict[i].id + "/subAssessments/") for n in strict[i + 1:]) for i in changed]
    check(behind == [6] * 11, "a recommendation's change has its findings behind it, each once", behind)
    want = [m.identity for m in strict if m.is_finding and m.event["properties"]["status"]["severity"] == "High"]
    check(sorted(m.identity for m in high) == sorted(want) and len(want) == 82, "rules: the findings of high severity, and no others", len(high), len(want))
    pascal, camel = [m for m in legacy if m.is_finding], {m.place: m for m in strict if m.is_finding}
    check(len(pascal) == 246 and all(m.event["$type"] == "subAssessmentEvent" and "properties" not in m.event and
                                     m.event["Properties"]["Status"]["Severity"] == camel[m.place].event["properties"]["status"]["severity"]
                                     for m in pascal), "findings in their legacy form where the tag says so", pascal[0].body[:300])
    check(all("$type" not in m.event for m in camel.values()), "and in camelCase elsewhere")
    check([m.body for m in legacy if not m.is_finding] == [m.body for m in strict if not m.is_finding], "recommendations have one form")
    snap = w.read("many", "snap")
    messages_are("snapshot", snap)
    kinds = collections.Counter(m.event["securityEventDataEnrichment"]["isSnapshot"] for m in snap)
    check(kinds == {False: 1, True: 30}, "the snapshot beside the stream", kinds)


def survived(w):
    names = {f"f-{n:05}" for n in range(BURST)}
    for where, name in (("one", "burst"), ("many", "burst-spread")):
        seen = w.read(where, name)
        messages_are(name, seen)
        got = {m.id.split("/")[-1] for m in seen if m.is_finding}
        check(got == names, f"{name}: each of {BURST} findings at least once", len(got), sorted(names - got)[:5])
        identities = collections.Counter(m.identity for m in seen)
        check(len(identities) == BURST + 1, f"{name}: what came again has the identity that it had", len(identities))
        if where == "one":
            check(len(seen) > len(identities), f"{name}: some came again: the daemon was killed in the middle of them")
        print(f"  {name}: {len(seen) - len(identities)} of {len(seen)} messages are repetitions", flush=True)
        if where == "one":
            check(is_in_order(firsts(seen)), f"{name}: first arrivals have the journal's order")


def main():
    began = time.monotonic()

    def took(what):
        print(f"  {what}: {time.monotonic() - began:.1f} s", flush=True)

    with Kafka() as kafka, Daemon() as daemon:
        took("Kafka is up")
        w = World(daemon, kafka)
        make(w)
        at = time.monotonic()
        work(w)
        check(time.monotonic() - at < 10, "a dead destination delays nobody", time.monotonic() - at)
        dead = w.actions(dead=True)
        check(len(dead) == 2 and dead[0]["progress"]["lagRecords"] >= 280, "it lags, and says so", dead)
        took("the first events are there")
        snapshot(w)
        took("the snapshot is there")
        burst(w)
        took("the burst is there")
        arrived(w)
        survived(w)
        took("read")
    peers.end()


main()
