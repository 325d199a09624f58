#!/usr/bin/env python3
"""Exports to receivers that speak HTTP: a webhook (with signature and templates), Splunk's HTTP Event Collector with
acknowledgement, Elasticsearch's _bulk. The receivers are small servers here that keep what came and fail when told to."""
import collections
import hashlib
import hmac
import http.server
import json
import pathlib
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from arm import AUTOMATIONS, SUB, WORKFLOW, Arm, automation, configuration  # noqa: E402
from arm import TENANT as TENANT_A  # noqa: E402
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import TENANT, Daemon, hubs_id, rows  # noqa: E402

check = Checks()
SECRET = "whsec_example"


class Receiver:
    """One server on a free port. 'answer' gets (path, headers, body) and gives (status, body); what came is kept."""

    def __init__(self, answer):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer.lock:
                    outer.requests.append((self.path, dict(self.headers), body))
                    status, text = outer.answer(self.path, self.headers, body)
                if status is None:  # acted, and the answer is lost
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.answer = answer
        self.lock = threading.Lock()
        self.requests = []
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def begin(daemon, name, kind, settings, **penstock):
    daemon.write_config(resources=daemon.config.get("resources", []) + [
        {"id": hubs_id(name), "kind": kind, "settings": settings}])
    if daemon.url is None:
        daemon.start()
    daemon.put_setting(name, hubs=hubs_id(name), lingerMs=1, **penstock)


def numbers(texts):
    return [json.loads(text)["properties"]["ReportId"] for text in texts]


def send(daemon, first, count, table="DeviceEvents", pad=""):
    answer = daemon.post(table, rows(first, count, pad))
    check(f"{count} rows from {first} on are accepted", answer.status == 200, answer)


def webhook(daemon):
    """Each row a POST of its own, in order, signed; one that is refused is parked, and the others go on; the same row has the
    same key whenever it is sent."""
    state = {"busy": 2, "bad": True}
    keys = collections.defaultdict(list)

    def answer(path, headers, body):
        number = json.loads(body)["properties"]["ReportId"]
        keys[number].append(headers["Idempotency-Key"])
        if number == 3 and state["busy"] > 0:
            state["busy"] -= 1
            return 503, "busy"
        if number == 5 and state["bad"]:
            return 422, "I do not like five"
        return 202, ""

    with Receiver(answer) as receiver:
        begin(daemon, "webhook-ns", "webhook", {"url": receiver.url + "/hook?sig=hush", "sign_secret": SECRET,
                                                "headers": "X-Team: blue\n"})
        send(daemon, 0, 8)
        daemon.wait_delivered("webhook-ns")
        taken = [json.loads(body)["properties"]["ReportId"] for _, _, body in receiver.requests]
        check("in order, the busy one again", taken == [0, 1, 2, 3, 3, 3, 4, 5, 6, 7], taken)
        check("a row's key is its own, and stays", all(len(set(k)) == 1 for k in keys.values())
              and len({k[0] for k in keys.values()}) == 8, dict(keys))
        path, headers, body = receiver.requests[0]
        time, mac = [part.split("=", 1)[1] for part in headers["penstock-signature"].split(",")]
        check("the signature is over time and body",
              hmac.new(SECRET.encode(), time.encode() + b"." + body, hashlib.sha256).hexdigest() == mac, headers)
        check("headers", path == "/hook?sig=hush" and headers["Content-Type"] == "application/json; charset=utf-8"
              and headers["penstock-event-source"] == "AdvancedHunting-DeviceEvents" and headers["X-Team"] == "blue"
              and headers["penstock-event-id"] == headers["Idempotency-Key"], path, headers)
        parked = daemon.get(f"/api/dataexportsettings/webhook-ns/parked?tenantId={TENANT}").json()["value"]
        check("what is refused is parked, with its reason", len(parked) == 1 and "422" in parked[0]["reason"]
              and "five" not in parked[0]["reason"], parked)
        state["bad"] = False
        resent = daemon.request("POST", f"/api/dataexportsettings/webhook-ns/parked/{parked[0]['id']}/resend?tenantId={TENANT}", b"")
        check("and is sent again under its own key", resent.status == 200 and len(keys[5]) == 2 and len(set(keys[5])) == 1,
              resent, keys[5])
        check("no secret is in the log", "hush" not in daemon.log() and SECRET not in daemon.log())


def template(daemon):
    with Receiver(lambda *_: (200, "ok")) as receiver:
        own = daemon.folder / "own.json"
        own.write_text(json.dumps({"variants": {"event": {"n": "{{properties.ReportId}}", "key": "{{@team}}", "raw": "{{properties.DeviceName | raw}}"}}}))
        begin(daemon, "slack-ns", "webhook", {"url": receiver.url, "template": "slack"})
        daemon.write_config(resources=daemon.config["resources"] + [
            {"id": hubs_id("own-ns"), "kind": "webhook",
             "settings": {"url": receiver.url + "/own", "template": str(own), "template_values": "team: blue \"1\"", "batch": "array"}}])
        daemon.stop()
        daemon.start()
        daemon.put_setting("own-ns", hubs=hubs_id("own-ns"), lingerMs=1)
        send(daemon, 20, 1)
        daemon.wait_delivered("slack-ns", "own-ns")
        bodies = {path: json.loads(body) for path, _, body in receiver.requests}
        check("a template of one's own", bodies.get("/own") == [{"n": "20", "key": 'blue "1"', "raw": "host"}], bodies)
        check("Slack's", any("attachments" in body for body in bodies.values() if isinstance(body, dict)), bodies)
        wrong = daemon.folder / "wrong.yaml"
        own.write_text('{"variants":{"event":{"a":["{{x | uper}}"]}}}')
        wrong.write_text(json.dumps(daemon.config))
        code, out, errors = daemon.run("config", "check", str(wrong))
        check("config check names the place of a fault", code != 0 and "variants.event.a[0]: there is no filter uper" in out + errors, out, errors)


def elastic(daemon):
    """Lost answers and kills: each row is there once. What cannot be mapped is parked alone."""
    documents, state = {}, {"lost": 3}

    def answer(path, headers, body):
        items, lines = [], body.decode().split("\n")
        for action, source in zip(lines[0:-1:2], lines[1:-1:2]):
            create, row = json.loads(action)["create"], json.loads(source)
            if row["properties"]["ReportId"] == 107:
                items.append({"create": {"status": 400, "error": {"type": "document_parsing_exception", "reason": "failed to parse field [x]"}}})
            elif create["_id"] in documents:
                items.append({"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}})
            else:
                documents[create["_id"]] = (create["_index"], row)
                items.append({"create": {"status": 201}})
        if state["lost"] > 0:
            state["lost"] -= 1
            return None, ""
        return 200, json.dumps({"errors": False, "items": items})

    with Receiver(answer) as receiver:
        begin(daemon, "elastic-ns", "elastic", {"url": receiver.url, "request_rows": 50, "api_key": "hush", "gzip": "false"})
        for first in range(100, 2100, 500):
            send(daemon, first, 500)
            state["lost"] = 1
            wait_for(lambda: len(documents) > first - 100 + 60, 30, "some rows arrive")
            daemon.kill()
            daemon.start()
        daemon.wait_delivered("elastic-ns")
        found = sorted(row["properties"]["ReportId"] for _, row in documents.values())
        check("each once, over kills and lost answers", found == [n for n in range(100, 2100) if n != 107],
              len(found), found[:5], [n for n, c in collections.Counter(found).items() if c > 1][:5])
        index, row = next(iter(documents.values()))
        check("in its data stream, with its time", index == "logs-penstock.deviceevents-default"
              and row["@timestamp"] == row["time"], index, row)
        parked = daemon.get(f"/api/dataexportsettings/elastic-ns/parked?tenantId={TENANT}").json()["value"]
        check("what cannot be mapped is parked alone", {p["records"] for p in parked} == {1}
              and "failed to parse field" in parked[0]["reason"], parked)


def splunk(daemon):
    """Done only when indexed: what the collector forgot is sent again."""
    events, acks, state = [], {}, {"index": False}

    def answer(path, headers, body):
        if headers.get("Authorization") != "Splunk hush":
            return 403, json.dumps({"text": "Invalid token", "code": 4})
        if "X-Splunk-Request-Channel" not in headers:
            return 400, json.dumps({"text": "Data channel is missing", "code": 10})
        if path == "/services/collector/ack":
            return 200, json.dumps({"acks": {str(n): state["index"] for n in json.loads(body)["acks"]}})
        decoder, text, at = json.JSONDecoder(), body.decode(), 0
        while at < len(text):
            event, at = decoder.raw_decode(text, at)
            events.append(event)
            while at < len(text) and text[at].isspace():
                at += 1
        acks[len(acks)] = True
        return 200, json.dumps({"text": "Success", "code": 0, "ackId": len(acks) - 1})

    with Receiver(answer) as receiver:
        begin(daemon, "splunk-ns", "splunk_hec", {"url": receiver.url, "token": "hush", "ack": "true", "ack_timeout_ms": "1000", "index": "sec"})
        send(daemon, 5000, 100)
        wait_for(lambda: len(events) >= 200, 30, "what is not indexed is sent again")
        check("and not counted as delivered", daemon.lag("splunk-ns") > 0, daemon.export("splunk-ns"))
        state["index"] = True
        daemon.wait_delivered("splunk-ns")
        found = {e["event"]["properties"]["ReportId"]: e for e in events if e["event"]["properties"]["ReportId"] >= 5000}
        check("all are there", sorted(found) == list(range(5000, 5100)), len(found))
        check("with time, index, source type and identity", all(
            e["index"] == "sec" and e["sourcetype"] == "penstock:DeviceEvents" and e["time"] > 1.7e9
            and e["fields"]["penstock_event_id"].startswith(TENANT) for e in found.values()), next(iter(found.values()), None))
        ids = collections.defaultdict(set)
        for e in events:
            ids[e["event"]["properties"]["ReportId"]].add(e["fields"]["penstock_event_id"])
        check("one that is repeated can be told", all(len(v) == 1 for v in ids.values()), len(ids))


def logic_app(daemon):
    """A LogicApp action gets the same document as an event hub, a POST for each event; into one's own network only where the
    configuration says so."""
    with Receiver(lambda *_: (202, "")) as receiver:
        daemon.write_config(**configuration(daemon, arm={"privateCallbacks": "127.0.0.1"}))
        daemon.start()
        arm = Arm(daemon)
        if arm.make_group().status != 201:
            raise Failed("no resource group")
        action = {"actionType": "LogicApp", "logicAppResourceId": WORKFLOW, "uri": receiver.url + "/invoke?sig=hush"}
        answer = arm("PUT", f"{AUTOMATIONS}/hook", automation([action], [{"eventSource": "Alerts", "ruleSets": []}]))
        check("the automation is taken, and does not tell its uri", answer.status == 201 and b"hush" not in answer.body, answer)
        answer = arm("POST", f"{SUB}/providers/Microsoft.Security/locations/westeurope/alerts/default/simulate",
                     {"properties": {"kind": "Bundles", "bundles": ["VirtualMachines"]}}, "2022-01-01")
        check("sample alerts are made", answer.status in (200, 202, 204), answer)
        wait_for(lambda: receiver.requests, 30, lambda: f"an event comes: {daemon.log_tail()}")
        path, headers, body = receiver.requests[0]
        event = json.loads(body)
        check("the bare document", path == "/invoke?sig=hush" and "AlertDisplayName" in event and "records" not in event
              and headers["Content-Type"] == "application/json; charset=utf-8", path, headers, body[:300])
        check("its source and identity beside it", headers["penstock-event-source"] == "Alerts"
              and headers["penstock-event-id"].startswith(TENANT_A), headers)
        check("no secret is in the log", "hush" not in daemon.log())


def main():
    for name, function in (("a webhook", webhook), ("templates", template), ("Elasticsearch", elastic), ("Splunk", splunk),
                           ("a Logic App's callback", logic_app)):
        with Daemon() as daemon:
            check.run(name, function, daemon)
    check.end()


main()
