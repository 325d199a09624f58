#!/usr/bin/env python3
"""Queries of exports (transformKql) and of `penstock filter`: what leaves is what the query leaves, once, over kills, restarts and
replays, and the same bytes each time it is sent; a wrong query is refused with all that is wrong about it."""
import gzip
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from check import Checks, wait_for  # noqa: E402
from daemon import TENANT, Daemon, Load, hubs_id, rows, storage_id  # noqa: E402

check = Checks()


def begin(daemon, *folders):
    daemon.write_config(resources=[{"id": storage_id(n), "kind": "folder", "settings": {"path": str(daemon.folder / n)}}
                                   for n in folders])
    daemon.start()


def send(daemon, first, count, table="DeviceEvents"):
    answer = daemon.post(table, rows(first, count))
    check(f"{count} rows from {first} on are accepted", answer.status == 200, answer)


def lines(daemon, folder):
    found = []
    for path in sorted((daemon.folder / folder).rglob("PT1H*.json")):
        found += path.read_bytes().split(b"\r\n")[:-1]
    return found


def properties(daemon, folder):
    return [json.loads(line)["properties"] for line in lines(daemon, folder)]


def filtered(daemon):
    begin(daemon, "some", "shaped", "all")
    daemon.put_setting("some", storage=storage_id("some"), lingerMs=1, transformKql="source | where ReportId % 3 == 0 and DeviceName has 'host'")
    daemon.put_setting("shaped", storage=storage_id("shaped"), lingerMs=1, tables=("DeviceEvents", "DeviceInfo"), transformKql={
        "DeviceEvents": "source | where ReportId < 50 | extend Twice = ReportId * 2, Day = startofday(Timestamp) | project-away AdditionalFields",
    })
    daemon.put_setting("all", storage=storage_id("all"), lingerMs=1)
    send(daemon, 0, 100)
    send(daemon, 0, 5, "DeviceInfo")
    daemon.wait_delivered("some", "shaped", "all")
    whole = {json.loads(line)["properties"]["ReportId"]: line for line in lines(daemon, "all")}
    some = lines(daemon, "some")
    check("a filter leaves its rows byte for byte", some == [whole[n] for n in range(0, 100, 3)], some[:2], len(some))
    shaped = properties(daemon, "shaped")
    events = [p for p in shaped if "Twice" in p]
    check("another shape", len(events) == 50 and all(
        p["Twice"] == 2 * p["ReportId"] and p["Day"] == "2026-09-14T00:00:00.0000000Z" and "AdditionalFields" not in p
        and p["NoSuchColumn"] == p["ReportId"] + .5 for p in events), events[:1])
    check("the numbers' text stays as it came", b'"NoSuchColumn":7.50,"MachineGroup":"UnassignedGroup","Twice":14' in b"\n".join(lines(daemon, "shaped")), lines(daemon, "shaped")[7])
    check("a table without a query leaves as it is", len([p for p in shaped if "Twice" not in p]) == 5, shaped[-1:])
    progress = daemon.export("some")["progress"]
    check("what is dropped is counted", progress["recordsFiltered"] == 66 and progress["recordsExported"] == 34
          and progress["recordsExhausted"] == 0, progress)
    metrics = daemon.get("/metrics").body.decode()
    check("in the metrics too", any(line.startswith("penstock_export_filtered_records_total{") and line.endswith(" 66")
                                    for line in metrics.splitlines()))


def shared(daemon):
    """Two exports with a condition in common: it is evaluated once, and both leave what they should, over a change of one of them."""
    begin(daemon, "one", "two")
    daemon.put_setting("one", storage=storage_id("one"), lingerMs=1, transformKql="source | where ReportId % 3 == 0")
    daemon.put_setting("two", storage=storage_id("two"), lingerMs=1, transformKql="source | where DeviceName has 'host' and ReportId % 3 == 0")
    send(daemon, 0, 300)
    daemon.wait_delivered("one", "two")
    progress = [daemon.export(name)["progress"] for name in ("one", "two")]
    check("a condition in common is evaluated once", sum(p["recordsShared"] for p in progress) == 300, progress)
    daemon.put_setting("two", storage=storage_id("two"), lingerMs=1, transformKql="source | where ReportId % 3 == 1")
    send(daemon, 300, 300)
    daemon.wait_delivered("one", "two")
    found = [[p["ReportId"] for p in properties(daemon, name)] for name in ("one", "two")]
    check("what leaves is each export's own", found[0] == list(range(0, 600, 3)) and found[1] == list(range(0, 300, 3)) + list(range(301, 600, 3)), found)


def nothing_left(daemon):
    begin(daemon, "none")
    daemon.put_setting("e", storage=storage_id("none"), lingerMs=1, transformKql="source | where false")
    send(daemon, 0, 500)
    daemon.wait_delivered("e")
    daemon.kill()
    daemon.start()
    send(daemon, 500, 10)
    daemon.wait_delivered("e")
    check("the cursor moves over what is dropped", daemon.export("e")["progress"]["recordsFiltered"] <= 510 and not lines(daemon, "none"))


def killed(daemon):
    """Exactly once, and what is collected again after a kill is the same bytes: now() is the time of admission."""
    begin(daemon, "out")
    query = "source | where ReportId % 2 == 1 | project ReportId, At = now(), Length = strlen(AdditionalFields)"
    daemon.put_setting("e", storage=storage_id("out"), lingerMs=1, batchRows=50, transformKql=query)
    load = Load(daemon, senders=2, rows_max=100).start()
    for round_ in range(4):
        have = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) > have + 10, 60, "batches are acknowledged")
        daemon.kill()
        daemon.start()
    load.is_ending.set()
    for thread in load.threads:
        thread.join()
    daemon.wait_delivered("e")
    sent = sorted(n for first, count in load.acknowledged for n in range(first, first + count) if n % 2 == 1)
    there = sorted(p["ReportId"] for p in properties(daemon, "out"))
    check("every row that passes, once", there == sent, len(sent), len(there))
    before = lines(daemon, "out")
    answer = daemon.request("POST", f"/api/dataexportsettings/e/replay?tenantId={TENANT}&from=2020-01-01T00:00:00Z", b"")
    check("a replay is accepted", answer.status in (200, 202, 204), answer)
    wait_for(lambda: len(lines(daemon, "out")) >= 2 * len(before), 60, "all is sent again")
    daemon.wait_delivered("e")
    again = lines(daemon, "out")
    check("and gives the same bytes", sorted(again) == sorted(before * 2), len(again))


def changed(daemon):
    begin(daemon, "out")
    daemon.put_setting("e", storage=storage_id("out"), lingerMs=1, transformKql="source | project A = ReportId")
    send(daemon, 0, 10)
    daemon.wait_delivered("e")
    daemon.put_setting("e", storage=storage_id("out"), lingerMs=1, transformKql="source | project B = ReportId")
    send(daemon, 10, 10)
    daemon.wait_delivered("e")
    daemon.put_setting("e", storage=storage_id("out"), lingerMs=1)
    send(daemon, 20, 1)
    daemon.wait_delivered("e")
    got = properties(daemon, "out")
    check("another query holds from where the export stood", got[:20] == [{"A": n} for n in range(10)] + [{"B": n} for n in range(10, 20)]
          and len(got) == 21 and got[20]["DeviceName"] == "host", got[8:12], len(got))


def refused(daemon):
    begin(daemon, "out")
    body = {"logs": [{"category": "AdvancedHunting-DeviceEvents", "enabled": True}],
            "storageAccountProperties": {"storageAccountResourceId": storage_id("out")},
            "penstock": {"transformKql": "source\n| where Nme == 'a'\n| extend x = rand()\n| project Timestmp"}}
    answer = daemon.request("PUT", f"/api/dataexportsettings/e?tenantId={TENANT}", json.dumps(body))
    error = answer.json()["error"]
    check("a wrong query is refused", answer.status == 400 and error["code"] == "InvalidTransform", answer)
    places = [(d["target"], d["line"], d["column"], d["code"]) for d in error.get("details", [])]
    check("with every place", ("DeviceEvents", 2, 9, "KQL102") in places and ("DeviceEvents", 4, 11, "KQL102") in places, places)
    body["penstock"]["transformKql"] = "source | where DeviceName in~ ('a') | project Timestamp, n = strlen(DeviceName)"
    answer = daemon.request("PUT", f"/api/dataexportsettings/e?tenantId={TENANT}", json.dumps(body))
    check("mended, it is accepted", answer.status == 201, answer)
    answer = daemon.get(f"/api/dataexportsettings/e/schema?tenantId={TENANT}")
    shown = answer.json()["value"][0]
    check("the columns that leave are shown", shown["columns"] == [{"name": "Timestamp", "type": "datetime"}, {"name": "n", "type": "long"}]
          and shown["table"] == "DeviceEvents", shown)
    code, out, errors = daemon.run("export", "schema", "e")
    check("on the command line too", code == 0 and [line.split() for line in out.splitlines()[:3]]
          == [["DeviceEvents"], ["Timestamp", "datetime"], ["n", "long"]] and "in~" in out, out, errors)
    body["penstock"]["transformKql"] = "source | where Nme == 1 | project Neither"
    (daemon.folder / "wrong.json").write_text(json.dumps(body))
    code, out, errors = daemon.run("export", "set", "e", str(daemon.folder / "wrong.json"))
    check("where every place is told as well", code == 1 and "DeviceEvents:1:16:" in errors and "Neither" in errors, code, errors)
    check("and what Azure Monitor would refuse", "in~" in json.dumps(shown["warnings"]), shown)


def deep(daemon):
    """Nested, long and greedy queries are refused or run; the daemon stays up, and no record is lost to them."""
    begin(daemon, "out")
    sent = 0
    for name, query, passes in [
            ("a nested condition", "source | where " + "not(" * 190 + "ReportId < 0" + ")" * 190, 0),
            ("a nested call", "source | extend x = " + "strcat(DeviceName, " * 190 + "'a'" + ")" * 190, 10),
            ("a long sum", "source | extend x = " + " + ".join(["ReportId"] * 490), 10),
            ("a sum that is too long", "source | extend x = " + " + ".join(["ReportId"] * 5000), None),
            ("many alternatives", "source | where " + " or ".join(f'DeviceName == "{i}"' for i in range(2500)), 0),
            ("text that doubles and doubles", "source " + "| extend DeviceName = strcat(DeviceName, DeviceName) " * 100, 10),
            ("brackets", "source | extend x = " + "[" * 5000, None)]:
        body = {"logs": [{"category": "AdvancedHunting-DeviceEvents", "enabled": True}],
                "storageAccountProperties": {"storageAccountResourceId": storage_id("out")}, "penstock": {"transformKql": query, "lingerMs": 1}}
        answer = daemon.request("PUT", f"/api/dataexportsettings/e?tenantId={TENANT}", json.dumps(body))
        if passes is None:
            check(f"{name} is refused", answer.status == 400, answer)
            continue
        check(f"{name} is accepted", answer.status in (200, 201), answer)
        send(daemon, 0, 10)
        daemon.wait_delivered("e")
        sent += passes
        check("and gives its rows", len(lines(daemon, "out")) == sent, len(lines(daemon, "out")), sent)


def local_hub(daemon):
    names = hubs_id("local-hubs")
    daemon.write_config(resources=[{"id": names, "kind": "hub"}])
    daemon.start()
    daemon.put_setting("odd", hubs=names, hub="h", transformKql="source | where ReportId % 2 == 1 | project ReportId")
    daemon.put_setting("fives", hubs=names, hub="h", transformKql="source | where ReportId % 5 == 0")
    send(daemon, 0, 20)
    answer = daemon.get(f"/hubs/h/messages?tenantId={TENANT}&from=earliest&maxWait=0")
    records = []
    for line in answer.body.splitlines():
        records += json.loads(line)["records"]
    numbers = [r["properties"]["ReportId"] for r in records]
    check("a hub of two settings shows what either lets through, once", numbers == [n for n in range(20) if n % 2 == 1 or n % 5 == 0], answer)
    by_number = {r["properties"]["ReportId"]: r["properties"] for r in records}
    check("as the first that does makes it", len(by_number) == 12 and len(by_number[3]) == 1 and len(by_number[5]) > 1
          and len(by_number[10]) > 1, by_number.get(5))


def command(daemon):
    folder = daemon.folder
    plain, packed = folder / "rows.json", folder / "rows.json.gz"
    plain.write_bytes(rows(0, 1000))
    packed.write_bytes(gzip.compress(rows(1000, 1000)))
    code, out, errors = daemon.run("filter", "where ReportId % 100 == 7 | project ReportId, Next = Timestamp + 1h", str(plain), str(packed))
    check("filter: files, packed or not", code == 0 and [json.loads(line) for line in out.splitlines()]
          == [{"ReportId": n, "Next": "2026-09-14T09:07:45.2820995Z"} for n in range(7, 2000, 100)], out[:300], errors)
    code, out, errors = daemon.run("filter", "source | where ReportId < 10", "--count", input=rows(0, 50))
    check("filter: standard input, counted", code == 0 and out == "10\n", out, errors)
    code, out, errors = daemon.run("filter", "where ReportId == 5", "--table", "DeviceEvents", str(plain))
    check("filter: bytes stay", code == 0 and out.encode() == rows(5, 1), out[:200], errors)
    code, out, errors = daemon.run("filter", "where RepotId == 5", "--table", "DeviceEvents", str(plain))
    check("filter: a wrong name is told", code == 1 and "KQL102" in errors and "ReportId" in errors and not out, errors)
    code, out, errors = daemon.run("filter", "project x = strlen(DeviceName), Timestamp", "--table", "DeviceEvents", "--schema")
    check("filter: the columns that leave", code == 0 and [line.split() for line in out.splitlines()[1:]]
          == [["x", "long"], ["Timestamp", "datetime"]], out, errors)
    code, out, errors = daemon.run("filter", "where DeviceName in~ ('HOST')", "--table", "DeviceEvents", "--strict", str(plain))
    check("filter --strict", code == 1 and "in~" in errors, errors)
    wrapped = b'{"records":[\n{"a":1,"b":{"a":5}},\n{"a":2,"b":{"a":1}}]}'
    code, out, errors = daemon.run("filter", "where a > 1 | extend c = b.a", input=wrapped)
    check("filter: a message of records", code == 0 and out == '{"a":2,"b":{"a":1},"c":1}\n', out, errors)
    code, out, errors = daemon.run("filter", "where a > 1", input=b' [{"a":1}, {"a":2.5}]\n')
    check("filter: an array", code == 0 and out == '{"a":2.5}\n', out, errors)
    broken = folder / "broken.json"
    broken.write_bytes(rows(0, 2) + b"{not json}\n" + rows(2, 2))
    code, out, errors = daemon.run("filter", "where true", str(broken))
    check("filter: what is no record ends it", code == 1 and len(out.splitlines()) == 2 and "byte" in errors, out[:100], errors)
    code, out, errors = daemon.run("filter", "where true", "--skip-bad", str(broken))
    check("or is passed over", code == 1 and len(out.splitlines()) == 4, len(out.splitlines()), errors)
    code, made, errors = daemon.run("generate", "--records", "300", "--tables", "DeviceEvents,DeviceProcessEvents")
    code, out, errors = daemon.run("filter", "where ActionType != '' | extend n = 1", "--table", "DeviceProcessEvents", input=made.encode())
    kept = [json.loads(line) for line in out.splitlines()]
    wanted = sum('"category":"AdvancedHunting-DeviceProcessEvents"' in line for line in made.splitlines())
    check("filter: envelopes stay around", code == 0 and len(kept) == wanted > 0 and all(
        r["properties"]["n"] == 1 and r["category"] == "AdvancedHunting-DeviceProcessEvents" for r in kept), len(kept), wanted, errors)


def section(title, function):
    with Daemon() as daemon:
        check.run(title, function, daemon)


section("queries that filter and shape", filtered)
section("queries that have a condition in common", shared)
section("a query that leaves nothing", nothing_left)
section("kills and replays", killed)
section("a query that changes", changed)
section("queries that are wrong", refused)
section("queries that are deep", deep)
section("a local hub", local_hub)
section("penstock filter", command)
check.end()
