#!/usr/bin/env python3
"""What an export has yet to send, and where it stands, outlives everything but its deletion: being disabled, restarts, a tenant that is
switched off and on again, a destination that is taken out of the configuration, a changed destination. Nothing comes twice."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from check import Checks, wait_for  # noqa: E402
from daemon import TENANT, Daemon, Tally, rows, storage_id  # noqa: E402

check = Checks()
OTHER = "0b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"


def resources(daemon, *names):
    return [{"id": storage_id(n), "kind": "folder", "settings": {"path": str(daemon.folder / n)}} for n in names]


def reload(daemon, **changes):
    daemon.write_config(**changes)
    text = "the configuration was read again"
    before = daemon.log().count(text)
    daemon.reload()
    wait_for(lambda: daemon.log().count(text) > before, 20, "the configuration is read again")


def send(daemon, first, count, tenant=TENANT):
    answer = daemon.post("DeviceEvents", rows(first, count), tenant=tenant)
    check(f"{count} rows from {first} on are accepted", answer.status == 200, answer)


def arrived(daemon, folder, name, numbers):
    Tally().add_folder(daemon.folder / folder).exactly(check, name, numbers)


def disabled(daemon):
    daemon.write_config(resources=resources(daemon, "first", "second"))
    daemon.start()
    daemon.put_setting("e", storage=storage_id("first"), lingerMs=1)
    send(daemon, 0, 10)
    daemon.wait_delivered("e")
    daemon.enable("e", False)
    send(daemon, 10, 10)
    shown = daemon.export("e")
    check("disabled: says how much waits", shown["state"] == "disabled" and shown["progress"]["lagRecords"] == 10, shown)
    daemon.kill()
    daemon.start()
    shown = daemon.export("e")
    check("and after a kill too", shown["state"] == "disabled" and shown["progress"]["lagRecords"] == 10, shown)
    daemon.stop()
    daemon.start()
    daemon.enable("e")
    daemon.wait_delivered("e")
    arrived(daemon, "first", "enabled again: all is there once", range(20))
    daemon.enable("e", False)
    send(daemon, 20, 10)
    answer = daemon.request("DELETE", f"/api/dataexportsettings/e?tenantId={TENANT}")
    check("deleted while disabled", answer.status == 204, answer)
    daemon.put_setting("e", storage=storage_id("second"), lingerMs=1)
    send(daemon, 30, 10)
    daemon.wait_delivered("e")
    arrived(daemon, "second", "a new export of its name begins anew", range(30, 40))


def destinations(daemon):
    daemon.write_config(resources=resources(daemon, "first", "second"))
    daemon.start()
    daemon.put_setting("e", storage=storage_id("first"), lingerMs=1)
    send(daemon, 0, 10)
    daemon.wait_delivered("e")
    daemon.put_setting("e", storage=storage_id("second"), lingerMs=1)
    send(daemon, 10, 10)
    daemon.wait_delivered("e")
    reload(daemon, resources=[])
    send(daemon, 20, 10)
    shown = wait_for(lambda: (s := daemon.export("e"))["state"] == "retrying" and s, 20, "the export says that it cannot go on")
    check("without its resource: says what waits, and why", shown["progress"]["lagRecords"] == 10 and shown["lastError"], shown)
    daemon.kill()
    daemon.start()
    shown = wait_for(lambda: (s := daemon.export("e"))["state"] == "retrying" and s, 20, "the export says that it cannot go on")
    check("and after a kill too", shown["progress"]["lagRecords"] == 10, shown)
    reload(daemon, resources=resources(daemon, "first", "second"))
    daemon.wait_delivered("e")
    arrived(daemon, "first", "what went before the change", range(10))
    arrived(daemon, "second", "what went after it", range(10, 30))


def tenants(daemon):
    both = [{"id": TENANT}, {"id": OTHER}]
    daemon.write_config(tenants=both, resources=resources(daemon, "first"))
    daemon.start()
    daemon.put_setting("e", storage=storage_id("first"), lingerMs=1, tenant=OTHER)
    send(daemon, 0, 10, OTHER)
    daemon.wait_delivered("e", tenant=OTHER)
    reload(daemon, tenants=both[:1])
    answer = daemon.post("DeviceEvents", rows(10, 10), tenant=OTHER)
    check("a tenant that is switched off sends nothing", answer.status == 404, answer)
    reload(daemon, tenants=both)
    send(daemon, 10, 10, OTHER)
    daemon.wait_delivered("e", tenant=OTHER)
    arrived(daemon, "first", "switched on again: nothing twice", range(20))
    reload(daemon, tenants=both[:1])
    daemon.kill()
    daemon.start()
    reload(daemon, tenants=both)
    send(daemon, 20, 10, OTHER)
    daemon.wait_delivered("e", tenant=OTHER)
    arrived(daemon, "first", "and with a kill in between", range(30))


def long_names(daemon):
    """Two names that are alike for long do not share a place in the journal."""
    daemon.write_config(resources=resources(daemon, "first", "second"))
    daemon.start()
    names = ["n" * 100 + end for end in ("a", "b")]
    daemon.put_setting(names[0], storage=storage_id("first"), lingerMs=1)
    daemon.put_setting(names[1], storage=storage_id("second"), lingerMs=1)
    send(daemon, 0, 10)
    daemon.wait_delivered(*names)
    for folder in ("first", "second"):
        arrived(daemon, folder, f"all in {folder}", range(10))
    for name in names:
        answer = daemon.request("DELETE", f"/api/dataexportsettings/{name}?tenantId={TENANT}")
        check("deleted", answer.status == 204, answer)
    # events.rest is not an export's: it says where routes of automations rest
    left = json.dumps([str(p) for p in (daemon.data / "exports").iterdir() if p.name != "events.rest"])
    check("a deleted export leaves nothing behind", left == "[]", left)


def two_daemons(daemon):
    """A second one on the same data is refused before it can change anything."""
    daemon.write_config(tenants=[{"id": TENANT}, {"id": OTHER}])
    daemon.start()
    other = daemon.folder / "other.yaml"
    other.write_text(json.dumps({"tenants": [{"id": TENANT}]}))
    code, _, errors = daemon.run("serve", "--config", str(other), "--data", str(daemon.data), "--listen", "127.0.0.1:0")
    check("the second is told what is wrong", code == 1 and "another process" in errors and str(daemon.data) in errors, code, errors)
    reload(daemon)
    answer = daemon.post("DeviceEvents", rows(0, 1), tenant=OTHER)
    check("and has switched no tenant off", answer.status == 200, answer)
    fresh = daemon.folder / "fresh"
    code, _, errors = daemon.run("serve", "--data", str(fresh), "--listen", "nowhere")
    check("a wrong --listen is told before anything is made", code == 1 and "ADDRESS:PORT" in errors and not fresh.exists(), code, errors)


def section(title, function):
    with Daemon() as daemon:
        check.run(title, function, daemon)


section("an export that is disabled", disabled)
section("a destination that changes", destinations)
section("a tenant that is switched off", tenants)
section("long names", long_names)
section("two daemons", two_daemons)
check.end()
