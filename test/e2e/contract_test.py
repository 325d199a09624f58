#!/usr/bin/env python3
"""What leaves is what the contract says, byte for byte, through the whole daemon: the examples of the contract (../shared or
PENSTOCK_SHARED; skipped where there is none) and cases of our own, as envelopes and as bare rows, to a storage folder in
three profiles, to one hub, and to a hub for each event type."""
import json
import os
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
from check import Checks, Failed  # noqa: E402
from daemon import LOCAL, ROOT, TENANT, Daemon, storage_id  # noqa: E402

check = Checks()
SHARED = pathlib.Path(os.environ.get("PENSTOCK_SHARED", ROOT.parent / "shared"))
EXAMPLES = SHARED / "contracts/examples/streaming-api"
HOUR = f"tenantId={TENANT}/y=2026/m=09/d=14/h=08/m=00/PT1H.json"
OTHER = "0b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
ENVELOPE = ('{{"time":"2026-09-14T08:07:45.2820995Z","tenantId":"{tenant}","operationName":"Publish",'
            '"category":"AdvancedHunting-{table}","_TimeReceivedBySvc":"2026-09-14T08:06:13.0590000Z",'
            '"properties":{properties},"Tenant":"DefaultTenant"}}')
# JSON texts of properties that must come out as they went in, whatever a parser of binary64 or a re-writer would make of them.
AS_THEY_ARE = {
    "the largest 64-bit integer": '{"ReportId":9223372036854775807}',
    "beyond 64 bits": '{"ReportId":18446744073709551616000}',
    "an 18-digit id": '{"ReportId":639249987550463703}',
    "numbers in every form": '{"A":-0,"B":1E400,"C":1.50,"D":1e-7,"E":0.1e+1}',
    "control characters escaped": r'{"ProcessCommandLine":"powershell -c \"a\r\n\tb\u0001\""}',
    "escapes that need not be": r'{"Url":"https:\/\/x\u002eexample","Path":"C:\\Users"}',
    "a surrogate pair escaped and raw": '{"Subject":"ok \\ud83d\\ude80 🚀"}',
    "characters some encoders escape": '{"Url":"https://x.example/?a=1&b=<c>\'d\'/ \u2028"}',
    "JSON in a string": r'{"AdditionalFields":"{\"k\":\"v \\\"q\\\"\",\"n\":1}"}',
    "a native object with odd keys": '{"AdditionalFields":{"ARG.CLOUD_SERVICE":"Portal","Request ID":"x","":[]}}',
    "null beside the empty string": '{"MergedDeviceIds":"","AadDeviceId":null}',
    "a key twice": '{"A":1,"A":2}',
    "an escaped key": r'{"\u0041ctionType":"x"}',
    "blanks inside": '{ "A" : [ 1 , 2 ] }',
    "an empty row": "{}",
    "keys of the envelope inside": '{"time":"x","tenantId":"y","category":"AdvancedHunting-DeviceInfo","properties":{}}',
}


def lines_of(data, end=b"\r\n"):
    return data.split(end)[:-1]


class Rig:
    """A daemon with five exports of everything."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.folders = {}
        all_of = {"allCategories": True, "lingerMs": 1}
        daemon.write_config(
            tenants=[{"id": TENANT}, {"id": OTHER}],
            resources=[{"id": storage_id(p + "st"), "kind": "folder", "settings": {"path": str(daemon.folder / p)}}
                       for p in ("wire", "documented", "bare")])
        daemon.start()
        for profile in ("wire", "documented", "bare"):
            self.folders[profile] = daemon.folder / profile
            self.put(profile, {"storageAccountProperties": {"storageAccountResourceId": storage_id(profile + "st")}},
                     dict(all_of, profile=profile))
        local = f"{LOCAL}/Microsoft.EventHub/namespaces/penstock"
        self.put("one-hub", {"eventHubProperties": {"eventHubResourceId": local, "name": "xdr"}}, all_of)
        self.put("hub-per-table", {"eventHubProperties": {"eventHubResourceId": local, "name": None}}, all_of)
        self.names = ["wire", "documented", "bare"]

    def put(self, name, destination, more):
        answer = self.daemon.request("PUT", f"/api/dataexportsettings/{name}?tenantId={TENANT}",
                                     json.dumps(dict(destination, penstock=more)))
        if answer.status != 201:
            raise Failed(f"PUT {name}: {answer}")

    def send(self, body, what, headers=None):
        body = body if isinstance(body, bytes) else body.encode()
        answer = self.daemon.request("POST", "/ingest/v1/records", body, headers=headers)
        check(f"{what}: accepted", answer.status == 200, answer)
        self.daemon.wait_delivered(*self.names)

    def file(self, profile, table, blob=HOUR):
        path = self.folders[profile] / f"insights-logs-advancedhunting-{table.lower()}" / blob
        return path.read_bytes() if path.exists() else b""

    def messages(self, hub, cursor="earliest"):
        return self.daemon.get(f"/hubs/{hub}/messages?tenantId={TENANT}&from={cursor}&maxWait=0&maxBytes=4000000")

    def end(self):
        return self.messages("xdr", "latest").headers["x-penstock-cursor"]


def examples_as_envelopes(daemon):
    """Each table's rows; blob and hub examples hold the same rows."""
    rig = Rig(daemon)
    manifest = json.loads((EXAMPLES / "_manifest.json").read_text())
    for name, table in manifest["tables"].items():
        blob = (EXAMPLES / table["blobFile"]).read_bytes()
        rig.send(blob, f"{name} as lines")
        check(f"{name}: the blob is the example", rig.file("wire", name, table["blobName"]) == blob)
        rows = [json.loads(line) for line in lines_of(blob)]
        four = b"".join(json.dumps({k: r[k] for k in ("time", "tenantId", "category", "properties")}, ensure_ascii=False,
                                   separators=(",", ":")).encode() + b"\n" for r in rows)
        check(f"{name}: the documented profile has four keys and LF", rig.file("documented", name) == four,
              rig.file("documented", name)[:300])
        bare = b"".join(json.dumps(r["properties"], ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for r in rows)
        check(f"{name}: the bare profile is the row", rig.file("bare", name) in (bare, bare.replace(b"\n", b"\r\n")),
              rig.file("bare", name)[:300])
        message = (EXAMPLES / table["eventHubFile"]).read_bytes()
        before = rig.end()
        rig.send(message, f"{name} as a message of a hub")
        check(f"{name}: both forms give the same rows", rig.file("wire", name, table["blobName"]) == blob + blob)
        for hub in ("xdr", table["eventHubNameWhenPerTable"]):
            answer = rig.messages(hub, before)
            check(f"{name}: the message in {hub} is the example", answer.body == message + b"\n", answer)
        other = "insights-logs-advancedhunting-" + ("emailurlinfo" if name != "EmailUrlInfo" else "emailevents")
        answer = rig.messages(other, before)
        check(f"{name}: nothing of it in another table's hub", answer.status == 204, answer)
    answer = rig.messages("no-container")
    check("a hub that no event type has is not there", answer.status == 404, answer)
    for case in json.loads((EXAMPLES / "_edge-cases.json").read_text()):
        before = rig.file("wire", "EmailEvents")
        rig.send(ENVELOPE.format(tenant=TENANT, table="EmailEvents", properties=case["wire"]), case["case"])
        after = rig.file("wire", "EmailEvents")[len(before):]
        check(f"{case['case']}: byte for byte", after.endswith(b"\r\n") and case["wire"].encode() in after, after)


def examples_as_rows(daemon):
    """Without their MachineGroup, which the groups of the contract then give back."""
    rig = Rig(daemon)
    groups = (EXAMPLES / "_device-groups.json").read_bytes()
    answer = daemon.request("PUT", f"/api/devicegroups?tenantId={TENANT}", groups)
    check("the groups of the contract are taken", answer.status == 200, answer)
    manifest = json.loads((EXAMPLES / "_manifest.json").read_text())
    order = sorted(manifest["tables"], key=lambda t: (t != "DeviceInfo", t != "AlertEvidence", t))
    for name in order:
        rows = [json.loads(line)["properties"] for line in lines_of((EXAMPLES / manifest["tables"][name]["blobFile"]).read_bytes())]
        body = "\n".join(json.dumps({k: v for k, v in r.items() if k != "MachineGroup"}, ensure_ascii=False,
                                    separators=(",", ":")) for r in rows).encode()
        answer = daemon.post(name, body)
        check(f"{name}: rows accepted", answer.status == 200 and answer.json()["accepted"] == len(rows), answer)
        daemon.wait_delivered(*rig.names)
        blobs = sorted((rig.folders["wire"] / f"insights-logs-advancedhunting-{name.lower()}").rglob("PT1H*.json"))
        got = [json.loads(line) for path in blobs for line in lines_of(path.read_bytes())]
        check(f"{name}: seven keys in their order",
              all(list(g) == ["time", "tenantId", "operationName", "category", "_TimeReceivedBySvc", "properties", "Tenant"]
                  for g in got) and len(got) == len(rows), got)
        check(f"{name}: the columns are those of the row", [{k: v for k, v in g["properties"].items() if k != "MachineGroup"}
                                                            for g in got] ==
              [{k: v for k, v in r.items() if k != "MachineGroup"} for r in rows])
        check(f"{name}: MachineGroup", [g["properties"].get("MachineGroup", "absent") for g in got] ==
              [r.get("MachineGroup", "absent") for r in rows], [g["properties"].get("MachineGroup", "absent") for g in got],
              [r.get("MachineGroup", "absent") for r in rows])
        hour = time.strptime(got[0]["time"][:13], "%Y-%m-%dT%H")
        check(f"{name}: the blob's hour is that of time",
              blobs and str(blobs[0]).endswith(time.strftime(f"tenantId={TENANT}/y=%Y/m=%m/d=%d/h=%H/m=00/PT1H.json", hour)), blobs)
        check(f"{name}: times of 28 characters", all(len(g["time"]) == 28 and len(g["_TimeReceivedBySvc"]) == 28 for g in got))


def own_cases(daemon):
    rig = Rig(daemon)
    table = "EmailEvents"  # has no MachineGroup: nothing is added
    expected = b""
    shapes = {
        "lines": lambda e: e + "\n",
        "lines that end in CR LF behind a byte order mark": lambda e: "\ufeff" + e + "\r\n",
        "an array": lambda e: "[" + e + "]",
        "a message": lambda e: '{"records":[' + e + "]}",
        "a message with blanks": lambda e: ' { "records" : [ ' + e + " ] } \r\n",
    }
    for name, properties in AS_THEY_ARE.items():
        envelope = ENVELOPE.format(tenant=TENANT, table=table, properties=properties)
        for shape, make in shapes.items():
            rig.send(make(envelope).encode(), f"{name} as {shape}")
            expected += envelope.encode() + b"\r\n"
        got = rig.file("wire", table)
        check(f"{name}: byte for byte", got == expected, got[len(expected) - 400:])
    # Other orders, other keys, blanks: the envelope is written anew, the row is not.
    turned = ('{ "properties" : {"A":1.0} , "category":"AdvancedHunting-EmailEvents", "extra":[1], "tenantId":"%s",\r\n'
              '"time":"2026-09-14T08:07:45.2820995Z" }' % TENANT.upper())
    rig.send(turned.encode(), "an envelope of another order")
    last = lines_of(rig.file("wire", table))[-1].decode()
    check("an envelope of another order leaves in the one order", last.startswith(
        f'{{"time":"2026-09-14T08:07:45.2820995Z","tenantId":"{TENANT}","operationName":"Publish",'
        f'"category":"AdvancedHunting-EmailEvents","_TimeReceivedBySvc":"') and
        last.endswith('"properties":{"A":1.0},"Tenant":"DefaultTenant"}'), last)
    rig.send(ENVELOPE.format(tenant=TENANT, table=table, properties='{\n  "A": "a  b",\r\n  "B": [1,\n2]\n}').encode(),
             "a row of several lines")
    last = lines_of(rig.file("wire", table))[-1].decode()
    check("a row of several lines leaves on one", '"properties":{"A":"a  b","B":[1,2]}' in last, last)


def groups(daemon):
    rig = Rig(daemon)
    answer = daemon.request("PUT", f"/api/devicegroups?tenantId={TENANT}", json.dumps([
        {"Name": " eu \"domain\" ä", "Priority": 1, "GroupRules": [{"OperatorType": 1, "Property": 0, "PropertyValue": "ws-"}]},
        {"Name": "second", "Priority": 2, "GroupRules": [{"OperatorType": 5, "Property": 0, "PropertyValue": "s"}]}]))
    check("groups are taken", answer.status == 200, answer)
    answer = daemon.post("DeviceInfo", '{"DeviceId":"d1","DeviceName":"WS-1.x","OSPlatform":"Linux"}\n{"DeviceId":"d2","DeviceName":"dbs.x"}\n'
                         '{"DeviceId":"d3","DeviceName":"other"}')
    check("devices are taken", answer.status == 200 and answer.json()["accepted"] == 3, answer)
    for device, group in (("d1", " eu \"domain\" ä"), ("d2", "second"), ("d3", "UnassignedGroup"), ("d4", "UnassignedGroup")):
        daemon.post("DeviceEvents", f'{{"DeviceId":"{device}"}}')
        daemon.wait_delivered(*rig.names)
        path = sorted(rig.folders["bare"].glob("*deviceevents/**/PT1H*.json"))[-1]
        last = json.loads(path.read_bytes().splitlines()[-1])
        check(f"{device} belongs to {group}", last == {"DeviceId": device, "MachineGroup": group}, last)
    daemon.post("DeviceEvents", '{"DeviceId":"d1"}', tenant=OTHER)
    check("a tenant's groups are its own",
          daemon.get(f"/api/devices?tenantId={OTHER}").json().get("items", daemon.get(f"/api/devices?tenantId={OTHER}").json().get("value"))
          is not None and b" eu " not in daemon.get(f"/api/devices?tenantId={OTHER}").body, daemon.get(f"/api/devices?tenantId={OTHER}"))


def names(daemon):
    """One table, one container, however a client spells it; a batch id counts once for each table."""
    rig = Rig(daemon)
    for spelling in ("DeviceEvents", "deviceevents", "DEVICEEVENTS"):
        answer = daemon.post(spelling, '{"DeviceId":"d1"}')
        check(f"{spelling} is taken", answer.status == 200, answer)
    daemon.wait_delivered(*rig.names)
    blobs = sorted(rig.folders["wire"].rglob("PT1H*"))
    check("a table in any case is one category and one blob", len(blobs) == 1 and
          blobs[0].read_bytes().count(b'"category":"AdvancedHunting-DeviceEvents"') == 3, blobs)
    for table, tenant, duplicate in (("DeviceEvents", TENANT, False), ("DeviceFileEvents", TENANT, False), ("DeviceEvents", OTHER, False),
                                     ("DeviceEvents", TENANT, True), ("DeviceFileEvents", TENANT, True)):
        answer = daemon.post(table, '{"DeviceId":"d1"}', batch="b-1", tenant=tenant)
        check(f"one batch id, {table} of {tenant[:4]}: {'again' if duplicate else 'first'}",
              answer.status == 200 and answer.json()["duplicate"] == duplicate, answer)


def section(title, function):
    with Daemon() as daemon:
        check.run(title, function, daemon)


if (EXAMPLES / "_manifest.json").exists():
    section("the contract's examples as envelopes", examples_as_envelopes)
    section("the contract's examples as rows", examples_as_rows)
else:
    check.skip("the contract's examples", f"there is no {EXAMPLES}")
section("bytes that stay as they are", own_cases)
section("device groups", groups)
section("names", names)
check.end()
