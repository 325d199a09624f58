#!/usr/bin/env python3
"""What ingestion parks is visible, counted, and can be dropped, whoever sent it; one tenant sees nothing of another's."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from check import Checks  # noqa: E402
from daemon import TENANT, Daemon  # noqa: E402

check = Checks()
OTHER = "0b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
UNKNOWN = "11111111-1111-4111-8111-111111111111"


def envelope(tenant):
    return ('{"time":"2026-09-14T08:07:45.2820995Z","tenantId":"%s","operationName":"Publish","category":"AdvancedHunting-EmailEvents",'
            '"_TimeReceivedBySvc":"2026-09-14T08:06:13.0590000Z","properties":{"a":1},"Tenant":"DefaultTenant"}' % tenant)


def everyone(daemon):
    daemon.write_config(tenants=[{"id": TENANT}, {"id": OTHER}])
    daemon.start()
    tokens = {t: daemon.make_token(t, "SecurityAdministrator", "ingest")["token"] for t in (TENANT, OTHER)}
    post = lambda body, token: daemon.request("POST", "/ingest/v1/records?onError=park", body, token=token)  # noqa: E731
    answer = post(envelope(TENANT) + "\ngarbage\n", None)
    check("the operator's good record goes, the bad one is parked", answer.status == 200 and
          answer.json()["accepted"] == 1 and answer.json()["parked"] == 1, answer)
    answer = post(envelope(OTHER) + "\n" + envelope(TENANT), tokens[OTHER])
    check("another tenant's record is parked", answer.status == 200 and answer.json()["parked"] == 1, answer)
    shown = daemon.get("/api/ingest/parked").json()["value"]
    check("the operator sees both, and whose they are", [(v["tenantId"], v["records"]) for v in shown] == [(None, 1), (OTHER, 1)], shown)
    for tenant, wanted in ((TENANT, []), (OTHER, [shown[1]["id"]])):
        seen = daemon.get("/api/ingest/parked", token=tokens[tenant]).json()["value"]
        check(f"{tenant[:4]} sees its own alone", [v["id"] for v in seen] == wanted, seen)
    for entry in shown:
        answer = daemon.get(f"/api/ingest/parked/{entry['id']}", token=tokens[TENANT])
        check("and cannot read others by number", answer.status == 404, answer)
        answer = daemon.request("DELETE", f"/api/ingest/parked/{entry['id']}", token=tokens[TENANT])
        check("nor drop them", answer.status == 404, answer)
    answer = daemon.get(f"/api/ingest/parked/{shown[0]['id']}")
    check("the operator reads the one of nobody", answer.status == 200 and answer.json()["content"] == "garbage", answer)
    by_name = lambda *words: daemon.run("export", "parked", *words, "--ingest")  # noqa: E731
    code, out, errors = by_name("list", "--json")
    check("the command lists them too", code == 0 and json.loads(out)["value"] == shown, code, out, errors)
    code, out, errors = by_name("show", str(shown[0]["id"]))
    check("shows one", code == 0 and "garbage" in out, code, out, errors)
    code, out, errors = by_name("resend", str(shown[0]["id"]))
    check("says how it is sent again", code == 2 and "penstock send" in errors, code, out, errors)
    code, out, errors = by_name("drop", str(shown[0]["id"]))
    check("and drops it", code == 0, code, out, errors)
    check("so that it is gone", daemon.get(f"/api/ingest/parked/{shown[0]['id']}").status == 404)
    for entry in shown[1:]:
        answer = daemon.request("DELETE", f"/api/ingest/parked/{entry['id']}")
        check("the operator drops it", answer.status == 204, answer)
    answer = daemon.request("POST", "/ingest/v1/records", envelope(UNKNOWN))
    check("records of a tenant that is not there are refused, not lost", answer.status == 400 and UNKNOWN in str(answer), answer)
    answer = post(envelope(UNKNOWN) + "\n" + envelope(TENANT) + "\n" + envelope(OTHER), None)
    check("or parked", answer.status == 200 and answer.json()["accepted"] == 2 and answer.json()["parked"] == 1, answer)
    entry = daemon.get("/api/ingest/parked").json()["value"][0]
    check("with the reason", "no active tenant" in entry["reason"], entry)
    daemon.request("DELETE", f"/api/ingest/parked/{entry['id']}")
    check("nothing is left", daemon.get("/api/ingest/parked").json()["value"] == [] and daemon.status()["parked"]["entries"] == 0)
    answer = daemon.get("/api/ingest/parked/99")
    check("a number that is not there", answer.status == 404, answer)


with Daemon() as daemon:
    check.run("whoever sent it", everyone, daemon)
check.end()
