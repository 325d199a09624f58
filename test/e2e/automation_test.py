#!/usr/bin/env python3
"""Automations over the ARM interface of one daemon: the contract's examples byte for byte (from ../shared, or where
PENSTOCK_SHARED says; skipped where there is none), every error body, what survives a replacement, pages, pace, rights, other tenants'
destinations, and a table of what must be refused.

    test/e2e/automation_test.py [SECTION...]"""
import json
import os
import pathlib
import re
import socket
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from arm import *  # noqa: E402,F403
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import ROOT, Daemon  # noqa: E402

check = Checks()
EXAMPLES = pathlib.Path(os.environ.get("PENSTOCK_SHARED", ROOT.parent / "shared")) / "contracts/examples/continuous-export"
ONE = f"{AUTOMATIONS}/one"


def started(daemon, **more):
    daemon.write_config(**configuration(daemon, **more))
    daemon.start()
    arm = Arm(daemon)
    answer = arm.make_group()
    if answer.status != 201:
        raise Failed(f"the resource group: {answer}")
    return arm


def error(answer):
    return (answer.json() if answer.body else {}).get("error", {})


def example(arm, name):
    """Sends an example's request; (answer, the example's response)."""
    found = json.loads((EXAMPLES / f"{name}.json").read_text())
    request, response = found["request"], found["response"]
    url, body = request["url"].split(".example", 1)[1], request.get("body")
    if isinstance(body, dict) and body.get("etag"):  # of the day that the example was written
        body = dict(body, etag=arm("GET", url, version=None).json()["etag"])
    return arm(request["method"], url, body, None), response


def same(name, arm, example_name):
    answer, want = example(arm, example_name)
    got = json.loads(answer.body) if answer.body else None
    # As texts: the order of members counts. Etags are the daemon's own.
    check(f"{name}: byte-equal", answer.status == want["status"] and json.dumps(masked(got)) == json.dumps(masked(want["body"])),
          answer, json.dumps(want["body"]))
    for header in set(want["headers"]) - {"Date"}:
        check(f"{name}: has {header}", (answer.headers[header] or "") == want["headers"][header] or
              header in ("x-ms-request-id", "ETag") and answer.headers[header], dict(answer.headers))
    return answer


def examples():
    """Every api-*.json; etags and request ids are the daemon's own."""
    if not EXAMPLES.exists():
        check.skip("the contract's examples", "they are not here (PENSTOCK_SHARED)")
        return
    with Daemon() as daemon:
        arm = started(daemon)
        same("PUT creates", arm, "api-put-create-eventhub")
        same("PUT replaces, the secret stays", arm, "api-put-update-eventhub")
        same("GET", arm, "api-get")
        same("PUT of a workspace", arm, "api-put-workspace")
        same("list of a group", arm, "api-list-resource-group")
        same("validate, fine", arm, "api-validate-ok")
        same("validate, not fine", arm, "api-validate-invalid")
        same("PATCH", arm, "api-patch")
        same("PUT of a Logic App", arm, "api-put-logicapp")
        same("PUT for another tenant's workspace", arm, "api-put-cross-tenant-workspace")
        same("PUT as a trusted service", arm, "api-put-eventhub-trusted-service")
        for again in range(2):
            same(f"DELETE {again}", arm, "api-delete")
        body = json.loads((EXAMPLES / "automation-all-sources.json").read_text())["body"]
        answer = arm("PUT", f"{AUTOMATIONS}/all", body, OLD)
        want = json.loads(json.dumps(body))
        for source in want["properties"]["sources"]:
            source.setdefault("ruleSets", [])
        got = answer.json()
        check("all thirteen sources come back as they were", answer.status == 201 and
              got["properties"]["sources"] == want["properties"]["sources"], answer)
        pages = json.loads((EXAMPLES / "api-list-subscription.json").read_text())
        first = arm("GET", f"{SUB}/providers/Microsoft.Security/automations?$top=1")
        link = first.json()["nextLink"]
        check("nextLink has the example's form", "nextLink" in json.dumps(pages) and "&$skiptoken=" in link and
              f"api-version={NEW}" in link and link.startswith(daemon.url + SUB), link)
        policy = json.loads((EXAMPLES / "policy-expansion.json").read_text())
        bodies = [b for b in walk(policy) if isinstance(b, dict) and "sources" in b and "actions" in b]
        check("the policies' automations are here", len(bodies) == 3, len(bodies))
        for number, properties in enumerate(bodies):
            for action in properties["actions"]:
                action.update({"eventHubResourceId": HUB, "connectionString": CONNECTION} if action["actionType"] == "EventHub" else
                              {"workspaceResourceId": WORKSPACE} if action["actionType"] == "Workspace" else {"uri": CALLBACK})
            properties["scopes"] = [{"description": "s", "scopePath": SUB}]
            answer = arm("PUT", f"{AUTOMATIONS}/policy-{number}", {"location": "westeurope", "properties": properties}, OLD)
            check(f"what a policy deploys is taken ({number})", answer.status == 201 or "webhook" in str(answer), answer)


def walk(tree):
    yield tree
    for below in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from walk(below)


def errors():
    """The error bodies of the contract, each provoked."""
    want = {}
    if EXAMPLES.exists():
        for response in json.loads((EXAMPLES / "api-errors.json").read_text())["responses"]:
            want[response["body"]["error"]["code"]] = response
    with Daemon() as daemon:
        arm = started(daemon)
        reader = Arm(daemon, daemon.make_token(TENANT, "SecurityReader")["token"])
        mine = Arm(daemon, daemon.make_token(TENANT, "SecurityAdministrator")["token"])
        url = f"{AUTOMATIONS}/ExportToEventHub"
        arm("PUT", url, automation())
        bad = changed(automation(), ("properties.scopes[0].scopePath", f"/subscriptions/{OTHER_SUBSCRIPTION}"),
                      ("properties.sources[0].eventSource", "Alert"))
        rows = {
            "MissingApiVersionParameter": arm("GET", url, version=None),
            "InvalidApiVersionParameter": arm("GET", url, version="2018-01-01"),
            "InvalidRequestContent": arm("PUT", url, b'{"location":'),
            "InvalidAutomation": arm("PUT", url, bad),
            "InvalidAuthenticationToken": Arm(daemon, "")("GET", url),
            "AuthorizationFailed": reader("PUT", url, automation()),
            "LinkedAuthorizationFailed": mine("PUT", f"{AUTOMATIONS}/x", automation(
                [{"actionType": "Workspace", "workspaceResourceId": CENTRAL}])),
            "SubscriptionNotFound": arm("GET", url.replace(SUBSCRIPTION, "00000000-1111-2222-3333-444444444444")),
            "ResourceGroupNotFound": arm("GET", f"{SUB}/resourceGroups/rg-none/providers/Microsoft.Security/automations/x"),
            "ResourceNotFound": arm("GET", f"{AUTOMATIONS}/none"),
            "InvalidResourceLocation": arm("PUT", url, changed(automation(), ("location", "northeurope"))),
            "PreconditionFailed": arm("PUT", url, automation(), headers={"If-Match": '"0x0"'}),
        }
        for code, answer in rows.items():
            got = error(answer)
            check(f"{code}: status and body", got.get("code") == code and got.get("message"), answer)
            check(f"{code}: JSON in UTF-8, with a request id", answer.headers["x-ms-request-id"] and
                  answer.headers["Content-Type"] == "application/json; charset=utf-8", dict(answer.headers))
            if code in want:
                check(f"{code}: the status of the contract", answer.status == want[code]["status"], answer)
                if code not in ("ResourceGroupNotFound", "ResourceNotFound", "LinkedAuthorizationFailed"):  # they name what was asked
                    check(f"{code}: byte-equal", json.dumps(answer.json()) == json.dumps(want[code]["body"]), answer, want[code]["body"])
        challenge = rows["InvalidAuthenticationToken"].headers["WWW-Authenticate"]
        check("401 challenges", challenge.startswith("Bearer authorization_uri=") and 'error="invalid_token"' in challenge, challenge)
        linked = error(rows["LinkedAuthorizationFailed"])
        check("403 names the destination", linked["target"] == "properties.actions[0].workspaceResourceId", linked)
        echo = arm("GET", url, headers={"x-ms-client-request-id": "8c5f"})
        check("the client's request id comes back", echo.headers["x-ms-client-request-id"] == "8c5f")
        check("and what is left of its pace", int(echo.headers["x-ms-ratelimit-remaining-subscription-reads"]) > 0)
        for method, path in (("POST", url), ("PUT", AUTOMATIONS), ("GET", f"{url}/validate")):
            answer = arm(method, path, b"{}" if method != "GET" else None)
            check(f"{method} {path[-20:]}: 405 with Allow", answer.status == 405 and answer.headers["Allow"], answer)


def verbs():
    with Daemon() as daemon:
        arm = started(daemon)
        first = arm("PUT", ONE, automation())
        etag = first.json()["etag"]
        check("201 when made, with an etag in body and header", first.status == 201 and first.headers["ETag"] == etag, first)
        again = arm("PUT", ONE, automation())
        check("200 when replaced; the same again keeps its etag", again.status == 200 and again.json()["etag"] == etag, again)
        text = json.dumps(first.json())
        check("no secret comes back", "INVENTED" not in text and "connectionString" not in text, text)
        stored = b"".join(p.read_bytes() for p in daemon.data.glob("store.db*"))
        check("nor lies in the store in the clear", b"INVENTED-NOT-A-KEY" not in stored)
        check("the policy's name is shown", first.json()["properties"]["actions"][0]["sasPolicyName"] == "export-send", first)
        bare = changed(automation(), ("properties.actions[0].connectionString", DELETE))
        kept = arm("PUT", ONE, bare)
        check("PUT without the secret keeps it, and the policy", kept.status == 200 and
              kept.json()["properties"]["actions"] == first.json()["properties"]["actions"], kept)
        echo = arm("PUT", ONE, kept.json())
        check("what was read can be put back", echo.status == 200 and masked(echo.json()) == masked(kept.json()), echo)
        moved = changed(bare, ("properties.actions[0].eventHubResourceId", f"{NAMESPACE}/eventhubs/other"))
        answer = arm("PUT", ONE, moved)
        check("another hub needs its own", answer.status == 400 and error(answer)["details"][0]["code"] == "MissingConnectionString", answer)
        trusted = changed(bare, ("properties.actions[0].isTrustedServiceEnabled", True))
        answer = arm("PUT", ONE, trusted)
        check("trusted: no secret needed", answer.status == 200 and
              answer.json()["properties"]["actions"][0]["isTrustedServiceEnabled"] is True, answer)
        answer = arm("PUT", ONE, bare)
        check("without the flag it stays trusted (npm drops it)", answer.status == 200 and
              answer.json()["properties"]["actions"][0]["isTrustedServiceEnabled"] is True, answer)
        answer = arm("PUT", ONE, changed(bare, ("properties.actions[0].isTrustedServiceEnabled", False)))
        check("said to be trusted no more, it needs a secret", answer.status == 400, answer)
        # etags
        now = arm("GET", ONE).json()["etag"]
        for name, headers, body, status in (
                ("If-Match of today", {"If-Match": now}, bare, 200), ("If-Match *", {"If-Match": "*"}, bare, 200),
                ("If-Match of another day", {"If-Match": '"0x0"'}, bare, 412),
                ("a body's etag of another day", {}, dict(bare, etag='"0x1"'), 412), ("an empty etag", {}, dict(bare, etag=""), 200),
                ("a body's etag of today", {}, dict(bare, etag=now), 200), ("If-None-Match *", {"If-None-Match": "*"}, bare, 412)):
            answer = arm("PUT", ONE, body, headers=headers)
            check(f"PUT, {name}: {status}", answer.status == status, answer)
        answer = arm("PUT", f"{AUTOMATIONS}/new", automation(), headers={"If-Match": "*"})
        check("If-Match * makes nothing", answer.status == 412, answer)
        answer = arm("PUT", f"{AUTOMATIONS}/new", automation(), headers={"If-None-Match": "*"})
        check("If-None-Match * makes it", answer.status == 201, answer)
        answer = arm("DELETE", f"{AUTOMATIONS}/new", headers={"If-Match": '"0x0"'})
        check("DELETE obeys If-Match", answer.status == 412, answer)
        # names and case
        upper = arm("GET", ONE.replace("/one", "/ONE").replace("resourceGroups", "RESOURCEGROUPS").replace("Microsoft.Security", "microsoft.security"))
        check("names and keywords ignore case, the casing stays", upper.status == 200 and upper.json()["name"] == "one", upper)
        check("a new casing is kept", arm("PUT", ONE.replace("/one", "/One"), bare).json()["name"] == "One")
        spaced = arm("PUT", f"{AUTOMATIONS}/na%20me%20%C3%A4", automation())
        check("names are decoded", spaced.status == 201 and spaced.json()["name"] == "na me \u00e4" and
              arm("GET", f"{AUTOMATIONS}/na%20me%20%C3%A4").status == 200, spaced)
        # enumerations and defaults
        odd = automation([{"actiontype": "workspace", "workspaceResourceId": WORKSPACE.upper()}],
                         [{"eventSource": "alerts", "ruleSets": [{"rules": [rule(kind="string", operator="equals")]}]}, {"eventSource": "ATTACKPATHS"}])
        del odd["properties"]["isEnabled"]
        got = arm("PUT", f"{AUTOMATIONS}/odd", odd, OLD).json()["properties"]
        check("enumerations come back in their spelling, isEnabled is true", got["isEnabled"] is True and
              got["actions"][0]["actionType"] == "Workspace" and [s["eventSource"] for s in got["sources"]] == ["Alerts", "AttackPaths"] and
              got["sources"][0]["ruleSets"][0]["rules"][0] == rule() and got["sources"][1]["ruleSets"] == [], got)
        # PATCH
        patch = arm("PATCH", ONE, {"location": "West Europe", "tags": {"a": "b"}, "properties": {"isEnabled": False, "description": None}})
        check("PATCH merges, tags as a whole, null takes out", patch.status == 200 and patch.json()["tags"] == {"a": "b"} and
              patch.json()["properties"]["isEnabled"] is False and "description" not in patch.json()["properties"] and
              patch.json()["properties"]["sources"], patch)
        check("PATCH under the old version too", arm("PATCH", ONE, {"tags": {}}, OLD).status == 200)
        check("PATCH of nothing there: 404", error(arm("PATCH", f"{AUTOMATIONS}/none", {})).get("code") == "ResourceNotFound")
        check("PATCH is checked like PUT", arm("PATCH", ONE, {"properties": {"actions": []}}).status == 400)
        check("PATCH cannot move it", arm("PATCH", ONE, {"location": "x"}).status == 409)
        # validate
        for name, body, valid, words in (
                ("fine", automation(), True, "Validation Successful"),
                ("two equalities at once", automation(sources=[{"eventSource": "Alerts", "ruleSets": [{"rules": [rule(), rule(value="Low")]}]}]), True, "never"),
                ("REST paths on alerts", automation(sources=[{"eventSource": "Alerts", "ruleSets": [{"rules": [rule("properties.metadata.severity")]}]}]), True, "properties."),
                ("findings alone", automation(sources=[{"eventSource": "SubAssessments"}]), True, "SubAssessments without Assessments"),
                ("an unknown member", automation(colour="red"), True, "colour"),
                ("no secret", changed(automation(), ("properties.actions[0].connectionString", DELETE)), False, "connectionString"),
                ("no solution", automation([{"actionType": "Workspace", "workspaceResourceId": WORKSPACE + "-bare"}]), False, "SecurityCenterFree")):
            answer = arm("POST", f"{AUTOMATIONS}/never-made/validate", body)
            got = answer.json()
            check(f"validate: {name}", answer.status == 200 and got["isValid"] is valid and words in got["message"], answer)
        check("validate stores nothing", arm("GET", f"{AUTOMATIONS}/never-made").status == 404)
        # delete
        check("DELETE: 204 without a body", [(a.status, a.body) for a in (arm("DELETE", ONE), arm("DELETE", ONE))] == [(204, b"")] * 2)
        check("and it is gone", arm("GET", ONE).status == 404)
        answer = arm("DELETE", ONE.replace(GROUP, "rg-none"))
        check("DELETE in a group that is not there: 404", error(answer).get("code") == "ResourceGroupNotFound", answer)
        daemon.kill()
        daemon.start()
        statuses = []
        def write(number):
            for turn in range(10):
                statuses.append(arm("PUT", f"{AUTOMATIONS}/raced", automation(description=f"{number}.{turn}")).status)
        writers = [threading.Thread(target=write, args=(n,)) for n in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        check("many writers at once: the last one wins, nobody is refused", sorted(set(statuses)) == [200, 201] and statuses.count(201) == 1 and
              len(statuses) == 40, statuses)
        check("all of it survives a kill", arm("GET", f"{AUTOMATIONS}/odd").status == 200)
        arm("DELETE", RG, version="2021-04-01")
        arm.make_group()
        check("a deleted group takes its automations along", arm("GET", AUTOMATIONS).json() == {"value": []})
        check("the daemon ends well", daemon.stop() == 0, daemon.log_tail())


def pages():
    with Daemon() as daemon:
        arm = started(daemon)
        arm.make_group(f"{SUB}/resourceGroups/rg-b")
        made = set()
        for number in range(13):
            place = AUTOMATIONS if number % 2 else AUTOMATIONS.replace(GROUP, "rg-b")
            answer = arm("PUT", f"{place}/a{number}", automation())
            made.add(answer.json()["id"])
        for name, url, count in (("subscription", f"{SUB}/providers/Microsoft.Security/automations?api%2Dversion={NEW}&%24top=3", 13),
                                 ("group", f"{AUTOMATIONS}?api-version={NEW}&$top=4", 6)):
            found, pages_seen, link = [], 0, url
            while link:
                answer = arm("GET", link.replace(daemon.url, ""), version=None)
                found += [v["id"] for v in answer.json()["value"]]
                link = answer.json().get("nextLink")
                pages_seen += 1
                if pages_seen > 20 or answer.status != 200:
                    raise Failed(f"{name}: {answer}")
            check(f"{name}: all of them, once, over pages", len(found) == len(set(found)) == count and set(found) <= made and
                  pages_seen == -(-count // (3 if count == 13 else 4)), found)
            check(f"{name}: the last page has no nextLink", "nextLink" not in answer.json(), answer)
        check("a page without end is one", "nextLink" not in arm("GET", AUTOMATIONS).json())
        with socket.create_connection(("127.0.0.1", int(daemon.url.rsplit(":", 1)[1]))) as raw:
            raw.sendall(f"GET {AUTOMATIONS}?api-version={NEW}&$top=1&x=".encode() + b"\xff\"" +
                        f" HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {daemon.token}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: raw.recv(65536), b""))
        check("bytes of any kind in the query are in nextLink encoded", b" 200 " in answer[:20] and b"&x=%FF%22&$skiptoken=" in answer, answer)
        arm("DELETE", f"{AUTOMATIONS}/a1")
        link = arm("GET", f"{AUTOMATIONS}?$top=2").json()["nextLink"]
        arm("DELETE", f"{AUTOMATIONS}/a5")
        rest = arm("GET", link.replace(daemon.url, ""), version=None)
        check("what is deleted meanwhile does no harm", rest.status == 200 and rest.json()["value"], rest)


def pace():
    with Daemon() as daemon:
        arm = started(daemon, arm={"readBurst": 3, "readsPerSecond": 1})
        answers = [arm("GET", AUTOMATIONS) for _ in range(5)]
        last = answers[-1]
        check("beyond the burst: 429 with Retry-After", answers[0].status == 200 and last.status == 429 and
              int(last.headers["Retry-After"]) >= 1 and error(last) == {"code": "TooManyRequests", "message": "Too many requests."}, last)
        check("writes have a pace of their own", arm("PUT", ONE, automation()).status == 201)
        check("so has another token", Arm(daemon, daemon.make_token(TENANT, "SecurityReader")["token"])("GET", AUTOMATIONS).status == 200)
        wait_for(lambda: arm("GET", AUTOMATIONS).status == 200, 10, "it comes back")


def tenants():
    with Daemon() as daemon:
        arm = started(daemon)
        arm("PUT", ONE, automation())
        mine, theirs, reads, ingests = (daemon.make_token(t, r)["token"] for t, r in (
            (TENANT, "SecurityAdministrator"), (OTHER, "SecurityAdministrator"), (TENANT, "SecurityReader"), (TENANT, "ingest")))
        stranger = Arm(daemon, theirs)
        for method, path, body in (("GET", ONE, None), ("PUT", ONE, automation()), ("PATCH", ONE, {}), ("DELETE", ONE, None), ("GET", AUTOMATIONS, None),
                                   ("POST", f"{ONE}/validate", automation()), ("GET", f"{SUB}/providers/Microsoft.Security/automations", None),
                                   ("GET", f"{ONE}/penstock/status", None)):
            there = stranger(method, path, body)
            nowhere = stranger(method, path.replace(SUBSCRIPTION, "01234567-89ab-4def-8123-456789abcdef"), body)
            check(f"{method} {path[-22:]}: another tenant's subscription is as one that is not there",
                  there.status == nowhere.status == 404 and there.body == nowhere.body and error(there)["code"] == "SubscriptionNotFound", there, nowhere)
        listed = stranger("GET", "/subscriptions", version="2020-01-01").json()["value"]
        check("nor is it listed", {s["subscriptionId"] for s in listed} == {OTHER, OTHER_SUBSCRIPTION}, listed)
        answer = stranger("PUT", f"/subscriptions/{SUBSCRIPTION}", {"displayName": "x"}, "2020-01-01")
        check("nor can it be taken", error(answer).get("code") == "SubscriptionNotFound", answer)
        for token, method, path, body, status in ((reads, "GET", ONE, None, 200), (reads, "DELETE", ONE, None, 403), (reads, "PATCH", ONE, {}, 403),
                                                  (ingests, "GET", ONE, None, 403), (mine, "PATCH", ONE, {}, 200)):
            answer = Arm(daemon, token)(method, path, body)
            check(f"{method} by role: {status}", answer.status == status, answer)
        # another tenant's destination
        me, url = Arm(daemon, mine), f"{AUTOMATIONS}/central"
        central = automation([{"actionType": "Workspace", "workspaceResourceId": CENTRAL}])
        auxiliary = "x-ms-authorization-auxiliary"
        read_there = daemon.make_token(OTHER, "SecurityReader")["token"]
        for name, header, status, code in (
                ("without a token of it", None, 403, "LinkedAuthorizationFailed"),
                ("with one that may only read there", f"Bearer {read_there}", 403, "LinkedAuthorizationFailed"),
                ("with a bad one beside", f"Bearer {theirs}, Bearer pst_nonsense", 401, "InvalidAuthenticationToken"),
                ("with four", ", ".join([f"Bearer {theirs}"] * 4), 401, "InvalidAuthenticationToken"),
                ("with one that may", f"Bearer {reads}, Bearer {theirs}", 201, None)):
            answer = me("PUT", url, central, headers={auxiliary: header} if header else {})
            check(f"another tenant's workspace, {name}: {status}", answer.status == status and error(answer).get("code") == code, answer)
        check("granted once, it can be replaced without", me("PUT", url, changed(central, ("properties.description", "x"))).status == 200)
        answer = me("POST", f"{AUTOMATIONS}/v/validate", central)
        check("validate asks for the right as well", error(answer).get("code") == "LinkedAuthorizationFailed", answer)
        grantor = daemon.make_token(OTHER, "SecurityAdministrator")
        me("PUT", f"{AUTOMATIONS}/revoked", central, headers={auxiliary: f"Bearer {grantor['token']}"})
        state = me("GET", f"{AUTOMATIONS}/revoked/penstock/status").json()["actions"][0]
        check("the grant shows in the status", state["grant"]["tenantId"] == OTHER and state["paused"] is None, state)
        daemon.run("token", "revoke", grantor["id"])
        wait_for(lambda: me("GET", f"{AUTOMATIONS}/revoked/penstock/status").json()["actions"][0]["paused"], 10, "the revoked grant pauses it")
        check("put again it needs a token once more", me("PUT", f"{AUTOMATIONS}/revoked", central).status == 403)


def routes():
    """Every GET of the manual below a subscription, whoever wrote it: another tenant's administrator sees what one would see of a
    subscription that is not there."""
    with Daemon() as daemon:
        arm = started(daemon)
        arm("PUT", ONE, automation())
        stranger = Arm(daemon, daemon.make_token(OTHER, "SecurityAdministrator", "SecurityReader", "ingest", "HubReader")["token"])
        code, manual, _ = daemon.run("manual")
        rows = re.findall(r"`?(GET|PUT|PATCH|POST|DELETE)`?\s*\|?\s*`?(/(?:subscriptions|\{scope\})[^`|\s]*)", manual)
        check("the manual lists the ARM routes", code == 0 and len(rows) >= 17, len(rows))
        for method, pattern in rows:
            if pattern == "/subscriptions" or (method, pattern) == ("PUT", "/subscriptions/{subscriptionId}"):
                continue  # what these show and do is looked at above
            path = pattern.replace("{scope}", SUB[1:]).replace("{subscriptionId}", SUBSCRIPTION).replace("{resourceGroupName}", GROUP)
            path = re.sub(r"\{automationName\}", "one", path)
            path = re.sub(r"\{[^}]*\}", "00000000-0000-4000-8000-000000000000", path)
            body = b"{}" if method in ("PUT", "PATCH", "POST") else None
            version = "2021-04-01" if re.search("resourcegroups($|/[^/]*$)|subscriptions/[^/]*$", path, re.I) else NEW
            there = stranger(method, path, body, version)
            nowhere = stranger(method, path.replace(SUBSCRIPTION, "01234567-89ab-4def-8123-456789abcdef"), body, version)
            check(f"{method} {pattern}: as if it were not there", there.status == 404 and there.body == nowhere.body and
                  error(there).get("code") == "SubscriptionNotFound", there, nowhere)
        check("nothing changed", arm("GET", ONE).status == 200)


def commands():
    with Daemon() as daemon:
        arm = started(daemon)
        folder = daemon.folder
        (folder / "a.json").write_text(json.dumps(automation(
            [{"actionType": "Workspace", "workspaceResourceId": LOCAL_WORKSPACE}, {"actionType": "EventHub", "eventHubResourceId": LOCAL_HUB}])))
        (folder / "bad.yaml").write_text("location: West Europe\nproperties: {scopes: [], sources: [{eventSource: Alert}], actions: []}\n")
        alert = {"SystemAlertId": "1", "Severity": "High", "AzureResourceId": f"{SUB.upper()}/RESOURCEGROUPS/RG-X/providers/Microsoft.Compute/virtualMachines/vm"}
        (folder / "high.json").write_text(json.dumps(alert))
        (folder / "low.json").write_text(json.dumps(dict(alert, Severity="Low")))
        (folder / "far.json").write_text(json.dumps(dict(alert, AzureResourceId=f"/subscriptions/{OTHER}/x")))
        s, name = ("--subscription", SUBSCRIPTION), f"{GROUP}/cli"

        def run(*words, code=0, says=""):
            got, out, errors = daemon.run("automation", *words)
            check(f"automation {' '.join(words[:2])}: {code}, says {says!r}", got == code and says in out + errors, got, out, errors)
            return out

        run("apply", name, str(folder / "a.json"), *s, says="in force")
        run("apply", "rg-new/x", str(folder / "a.json"), *s, code=1, says="Resource group 'rg-new' not found")
        run("apply", "rg-new/x", str(folder / "a.json"), "--create-group", *s, says="in force")
        run("list", *s, says="Workspace local, EventHub security")
        run("list", "--group", GROUP, *s, says="cli")
        shown = run("show", name, *s, says='"eventSource"')
        (folder / "shown.json").write_text(shown)
        run("apply", str(folder / "shown.json"), says="in force")
        run("validate", name, str(folder / "a.json"), *s, says="valid: Validation Successful")
        run("validate", name, str(folder / "bad.yaml"), *s, code=1, says="not valid: properties.scopes")
        run("apply", name, str(folder / "bad.yaml"), *s, code=1, says="'Alert' is not an event source.")
        run("test", str(folder / "a.json"), str(folder / "high.json"), says="matches: Alerts event of /subscriptions/" + SUBSCRIPTION + "/resourcegroups/rg-x")
        run("test", str(folder / "a.json"), str(folder / "low.json"), code=1, says="'Low'")
        run("test", str(folder / "a.json"), str(folder / "far.json"), code=1, says="scope: outside")
        run("test", str(folder / "a.json"), str(folder / "a.json"), code=2, says="--source")
        run("test", str(folder / "bad.yaml"), str(folder / "high.json"), code=2, says="properties.scopes")
        run("runs", *s, says="NEXT EVENT")
        run("status", name, *s, says="automation#")
        state = json.loads(run("status", name, "--json", *s))
        check("each action has its state", [a["actionType"] for a in state["actions"]] == ["Workspace", "EventHub"] and
              all(a["paused"] is None and a["exportId"].startswith("automation#") for a in state["actions"]) and
              [a["kind"] for a in state["actions"]] == ["folder", "hub"], state)
        parked = daemon.run("export", "parked", "list", state["actions"][0]["exportId"], "--tenant", TENANT)
        check("what is refused can be asked for", parked[0] == 0 and "nothing is parked" in parked[1], parked)
        run("disable", name, *s, says="disabled")
        state = json.loads(run("status", name, "--json", *s))
        check("disabled shows", state["isEnabled"] is False and {a["state"] for a in state["actions"]} == {"disabled"}, state)
        routes = {e["id"] for e in daemon.status()["exports"] if "automation#" in e["id"]}
        check("and has no exports any more", len(routes) == 2, routes)  # those of rg-new/x
        run("enable", name, *s, says="from now on")
        run("export-now", name, *s, code=1, says="asks for no snapshot")
        run("delete", name, *s, says="not there")
        run("show", name, *s, code=1, says="Automation 'cli' not found")
        run("show", "cli", *s, code=2, says="--group")
        code, out, _ = daemon.run("subscription", "list")
        check("subscription list", code == 0 and SUBSCRIPTION in out and "configured" in out, out)
        more = "11111111-2222-4333-8444-555555555555"
        for words, want, says in ((("add", more, "--name", "more", "--tenant", TENANT), 0, TENANT), (("add", more, "--tenant", OTHER), 1, "belongs to tenant"),
                                  (("remove", SUBSCRIPTION), 1, "configuration"), (("remove", more), 0, "removed"), (("remove", more), 1, "Subscription not found"),
                                  (("add", "x"), 2, "GUID"), (("drop", more), 2, "list, add, remove")):
            code, out, errors = daemon.run("subscription", *words)
            check(f"subscription {' '.join(words[:2])}: {want}", code == want and says in out + errors, code, out, errors)


def simulate(arm, bundle):
    answer = arm("POST", f"{SUB}/providers/Microsoft.Security/locations/westeurope/alerts/default/simulate",
                 {"properties": {"kind": "Bundles", "bundles": [bundle]}}, "2022-01-01")
    if answer.status not in (200, 202, 204):
        raise Failed(f"sample alerts: {answer}")


def hub_events(daemon, name="security"):
    """All events of a local hub, as texts."""
    found, cursor = [], "earliest"
    while True:
        answer = daemon.get(f"/hubs/{name}/messages?from={cursor}&maxWait=0&tenantId={TENANT}")
        lines = [m for m in answer.body.decode().splitlines() if m] if answer.status == 200 else []
        if not lines:
            return found
        found += lines
        cursor = answer.headers["x-penstock-cursor"]


def state(arm, name):
    return arm("GET", f"{AUTOMATIONS}/{name}/penstock/status").json()["actions"]


def delivery():
    """What an automation asks for arrives, from when it was made; a replacement loses and doubles nothing; what happens while it is disabled
    is not sent; what is deleted is forgotten."""
    with Daemon() as daemon:
        arm = started(daemon, arm={"readBurst": 0})
        simulate(arm, "DNS")  # before anything asks: never sent
        workspace = {"actionType": "Workspace", "workspaceResourceId": LOCAL_WORKSPACE}
        every = [{"eventSource": "Alerts"}]
        high = [{"eventSource": "Alerts", "ruleSets": [{"rules": [rule()]}]}]
        for name, actions, sources in (("all", [workspace, dict(HUB_ACTION, eventHubResourceId=LOCAL_HUB, connectionString=DELETE)], every),
                                       ("high", [dict(workspace, workspaceResourceId=WORKSPACE)], high)):
            for action in actions:
                if action.get("connectionString") is DELETE:
                    del action["connectionString"]
            answer = arm("PUT", f"{AUTOMATIONS}/{name}", automation(actions, sources))
            if answer.status != 201:
                raise Failed(f"{name}: {answer}")
        simulate(arm, "VirtualMachines")
        wait_for(lambda: state(arm, "all")[0]["progress"]["recordsExported"] >= 1, 30, lambda: f"it delivers: {state(arm, 'all')}")
        wait_for(lambda: all(a["progress"]["lagRecords"] == 0 for n in ("all", "high") for a in state(arm, n)), 30, "all is delivered")
        count = state(arm, "all")[0]["progress"]["recordsExported"]

        def rows(place):
            wait_for(lambda: list(place.rglob("*.json")), 20, f"files in {place}")
            return [json.loads(line) for p in sorted(place.rglob("*.json")) for line in p.read_text().splitlines()]

        stored = rows(daemon.data / "workspaces/local")
        check("rows of the workspace's table", len(stored) == count and all(r["Type"] == "SecurityAlert" and r["AlertName"] for r in stored), stored[:1])
        events = [json.loads(e) for e in hub_events(daemon)]
        check("and the documents in the hub", len(events) == count and {e["SystemAlertId"] for e in events} == {r["SystemAlertId"] for r in stored},
              len(events), count)
        check("nothing from before it was made", count < 20 and all(e["AlertDisplayName"] for e in events))
        wanted = {e["SystemAlertId"] for e in events if e["Severity"] == "High"}
        got = {r["SystemAlertId"] for r in rows(daemon.folder / "law-secops")} if wanted else set()
        check("the other one got the high ones only", got == wanted, got, wanted)
        # replaced: goes on where it stood
        shown = arm("GET", f"{AUTOMATIONS}/all").json()
        arm("PUT", f"{AUTOMATIONS}/all", changed(shown, ("properties.description", "replaced"), ("etag", DELETE)))
        simulate(arm, "KeyVaults")
        wait_for(lambda: len(rows(daemon.data / "workspaces/local")) > count, 30, "more arrives after a replacement")
        ids = [r["SystemAlertId"] for r in rows(daemon.data / "workspaces/local")]
        check("nothing twice", len(ids) == len(set(ids)), ids)
        # disabled: what happens meanwhile is not sent
        wait_for(lambda: all(a["progress"]["lagRecords"] == 0 for a in state(arm, "all")), 30, "all is delivered")
        before = len(rows(daemon.data / "workspaces/local"))
        arm("PATCH", f"{AUTOMATIONS}/all", {"properties": {"isEnabled": False}})
        simulate(arm, "StorageAccounts")
        wait_for(lambda: all(a["progress"]["lagRecords"] == 0 for a in state(arm, "high")), 30, "the other one is through")
        arm("PATCH", f"{AUTOMATIONS}/all", {"properties": {"isEnabled": True}})
        simulate(arm, "SqlServers")
        wait_for(lambda: len(rows(daemon.data / "workspaces/local")) > before, 30, lambda: f"enabled again it sends: {state(arm, 'all')}")
        wait_for(lambda: all(a["progress"]["lagRecords"] == 0 for a in state(arm, "all")), 30, "all is delivered")
        names = " ".join(r["AlertName"] + r["ResourceId"] for r in rows(daemon.data / "workspaces/local")[before:])
        check("and only what happened since", "torage" not in names and "ql" in names, names)
        # deleted: its ledgers go
        ledgers = lambda: sorted(p.name for p in (daemon.data / "exports").glob("*automation*"))  # noqa: E731
        check("each has its ledger", len(ledgers()) == 2, ledgers())  # the local hub needs none
        arm("DELETE", f"{AUTOMATIONS}/all")
        wait_for(lambda: len(ledgers()) == 1, 20, lambda: f"ledgers go: {ledgers()}")
        # a snapshot on demand
        answer = arm("PUT", f"{AUTOMATIONS}/snap", automation([workspace], [{"eventSource": "SecureScoresSnapshot"}, {"eventSource": "AssessmentsSnapshot"}]))
        answer = arm("POST", f"{AUTOMATIONS}/snap/penstock/snapshot", {})
        check("a snapshot is under way", answer.status == 202 and answer.json()["snapshotId"], answer)
        silent = "/subscriptions/" + SUBSCRIPTION[:-3] + "fff"
        arm("PUT", silent, {"tenantId": TENANT}, "2021-04-01")
        arm.make_group(f"{silent}/resourceGroups/g")
        one = f"{silent}/resourceGroups/g/providers/Microsoft.Security/automations/one"
        answer = arm("PUT", one, automation([workspace], [{"eventSource": "AssessmentsSnapshot"}], scopes=[{"scopePath": silent}]))
        check("an automation of a subscription that nobody reported on", answer.status == 201, answer)
        answer = arm("POST", f"{one}/penstock/snapshot", {})
        check("has nothing to show", answer.status == 409 and error(answer)["code"] == "NothingReported", answer)
        check("the daemon ends well", daemon.stop() == 0, daemon.log_tail())


# ---- what must be refused ----

SHORT = changed  # a body, and what is wrong with it
BASE = automation()
S, A, R = "properties.sources[0]", "properties.actions[0]", "properties.sources[0].ruleSets[0].rules[0]"
HUB_ACTION = {"actionType": "EventHub", "eventHubResourceId": HUB, "connectionString": CONNECTION}
APP = {"actionType": "LogicApp", "logicAppResourceId": WORKFLOW, "uri": CALLBACK}


def app(**changes):
    return automation([dict(APP, **changes)])


def hub(**changes):
    return automation([dict(HUB_ACTION, **changes)])


MODEL = [  # name, body, code of the first detail (None: of the error itself), its target
    ("no location", SHORT(BASE, ("location", DELETE)), "MissingProperty", "location"),
    ("location a number", SHORT(BASE, ("location", 7)), "InvalidType", "location"),
    ("location empty", SHORT(BASE, ("location", "")), "InvalidLocation", "location"),
    ("location too long", SHORT(BASE, ("location", "x" * 201)), "InvalidLocation", "location"),
    ("kind a number", SHORT(BASE, ("kind", 1)), "InvalidType", "kind"),
    ("kind too long", SHORT(BASE, ("kind", "k" * 300)), "PropertyTooLong", "kind"),
    ("etag a number", SHORT(BASE, ("etag", 1)), "InvalidType", "etag"),
    ("tags a list", SHORT(BASE, ("tags", [])), "InvalidType", "tags"),
    ("a tag a number", SHORT(BASE, ("tags", {"a": 1})), "InvalidType", "tags.a"),
    ("a tag without name", SHORT(BASE, ("tags", {"": "x"})), "InvalidTag", "tags."),
    ("a tag too long", SHORT(BASE, ("tags", {"a": "x" * 1025})), "InvalidTag", "tags.a"),
    ("51 tags", SHORT(BASE, ("tags", {f"t{i}": "x" for i in range(51)})), "TooManyItems", "tags"),
    ("a findings case that nobody knows", SHORT(BASE, ("tags", {"penstock-findings-case": "kebab"})), "InvalidTag", "tags.penstock-findings-case"),
    ("no properties", SHORT(BASE, ("properties", DELETE)), "MissingProperty", "properties"),
    ("properties null", SHORT(BASE, ("properties", None)), "MissingProperty", "properties"),
    ("properties a list", SHORT(BASE, ("properties", [])), "InvalidType", "properties"),
    ("description a number", SHORT(BASE, ("properties.description", 3)), "InvalidType", "properties.description"),
    ("description too long", SHORT(BASE, ("properties.description", "x" * 4097)), "PropertyTooLong", "properties.description"),
    ("isEnabled a text", SHORT(BASE, ("properties.isEnabled", "true")), "InvalidType", "properties.isEnabled"),
    ("isEnabled a number", SHORT(BASE, ("properties.isEnabled", 1)), "InvalidType", "properties.isEnabled"),
    # scopes
    ("no scopes", SHORT(BASE, ("properties.scopes", DELETE)), "MissingProperty", "properties.scopes"),
    ("scopes empty", SHORT(BASE, ("properties.scopes", [])), "MissingProperty", "properties.scopes"),
    ("scopes an object", SHORT(BASE, ("properties.scopes", {})), "InvalidType", "properties.scopes"),
    ("a scope a text", SHORT(BASE, ("properties.scopes", ["x"])), "InvalidType", "properties.scopes[0]"),
    ("a scope without path", SHORT(BASE, ("properties.scopes[0]", {})), "MissingProperty", "properties.scopes[0].scopePath"),
    ("scopePath a number", SHORT(BASE, ("properties.scopes[0].scopePath", 1)), "InvalidType", "properties.scopes[0].scopePath"),
    ("scopePath empty", SHORT(BASE, ("properties.scopes[0].scopePath", "")), "MissingProperty", "properties.scopes[0].scopePath"),
    ("a foreign subscription", SHORT(BASE, ("properties.scopes[0].scopePath", f"/subscriptions/{OTHER_SUBSCRIPTION}")), "InvalidScope",
     "properties.scopes[0].scopePath"),
    ("a foreign subscription beside", SHORT(BASE, ("properties.scopes", [{"scopePath": SUB}, {"scopePath": f"/subscriptions/{OTHER}"}])),
     "InvalidScope", "properties.scopes[1].scopePath"),
    ("all subscriptions", SHORT(BASE, ("properties.scopes[0].scopePath", "/subscriptions/")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("everything", SHORT(BASE, ("properties.scopes[0].scopePath", "/")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("a subscription and more", SHORT(BASE, ("properties.scopes[0].scopePath", SUB + "0")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("a resource as scope", SHORT(BASE, ("properties.scopes[0].scopePath", WORKSPACE)), "InvalidScope", "properties.scopes[0].scopePath"),
    ("a group without name", SHORT(BASE, ("properties.scopes[0].scopePath", f"{SUB}/resourceGroups/")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("a group with a pattern", SHORT(BASE, ("properties.scopes[0].scopePath", f"{SUB}/resourceGroups/*")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("a group that climbs", SHORT(BASE, ("properties.scopes[0].scopePath", f"{SUB}/resourceGroups/..")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("a management group", SHORT(BASE, ("properties.scopes[0].scopePath", "/providers/Microsoft.Management/managementGroups/x")), "InvalidScope",
     "properties.scopes[0].scopePath"),
    ("a scope's SQL", SHORT(BASE, ("properties.scopes[0].scopePath", "/subscriptions/' OR 1=1 --")), "InvalidScope", "properties.scopes[0].scopePath"),
    ("101 scopes", SHORT(BASE, ("properties.scopes", [{"scopePath": SUB}] * 101)), "TooManyItems", "properties.scopes"),
    ("a scope's description a list", SHORT(BASE, ("properties.scopes[0].description", [])), "InvalidType", "properties.scopes[0].description"),
    # sources and rules
    ("no sources", SHORT(BASE, ("properties.sources", DELETE)), "MissingProperty", "properties.sources"),
    ("sources empty", SHORT(BASE, ("properties.sources", [])), "MissingProperty", "properties.sources"),
    ("sources a text", SHORT(BASE, ("properties.sources", "Alerts")), "InvalidType", "properties.sources"),
    ("a source a text", SHORT(BASE, ("properties.sources", ["Alerts"])), "InvalidType", S),
    ("101 sources", SHORT(BASE, ("properties.sources", [{"eventSource": "Alerts"}] * 101)), "TooManyItems", "properties.sources"),
    ("no eventSource", SHORT(BASE, (S, {})), "MissingProperty", S + ".eventSource"),
    ("an unknown eventSource", SHORT(BASE, (S + ".eventSource", "Alert")), "UnknownEventSource", S + ".eventSource"),
    ("a snapshot of alerts", SHORT(BASE, (S + ".eventSource", "AlertsSnapshot")), "UnknownEventSource", S + ".eventSource"),
    ("an eventSource with blanks", SHORT(BASE, (S + ".eventSource", " Alerts")), "UnknownEventSource", S + ".eventSource"),
    ("eventSource a number", SHORT(BASE, (S + ".eventSource", 1)), "InvalidType", S + ".eventSource"),
    ("ruleSets an object", SHORT(BASE, (S + ".ruleSets", {})), "InvalidRuleSets", S + ".ruleSets"),
    ("a rule set a list", SHORT(BASE, (S + ".ruleSets", [[]])), "InvalidRuleSets", S + ".ruleSets[0]"),
    ("rules an object", SHORT(BASE, (S + ".ruleSets", [{"rules": {}}])), "InvalidRuleSets", S + ".ruleSets[0].rules"),
    ("1001 rule sets", SHORT(BASE, (S + ".ruleSets", [{"rules": []}] * 1001)), "TooManyRules", S + ".ruleSets"),
    ("101 rules", SHORT(BASE, (S + ".ruleSets", [{"rules": [rule()] * 101}])), "TooManyRules", S + ".ruleSets[0].rules"),
    ("a rule a text", SHORT(BASE, (R, "x")), "InvalidRule", R),
    ("no propertyJPath", SHORT(BASE, (R + ".propertyJPath", DELETE)), "MissingProperty", R + ".propertyJPath"),
    ("no propertyType", SHORT(BASE, (R + ".propertyType", DELETE)), "MissingProperty", R + ".propertyType"),
    ("no expectedValue", SHORT(BASE, (R + ".expectedValue", DELETE)), "MissingProperty", R + ".expectedValue"),
    ("no operator", SHORT(BASE, (R + ".operator", None)), "MissingProperty", R + ".operator"),
    ("an unknown operator", SHORT(BASE, (R + ".operator", "Like")), "UnknownOperator", R + ".operator"),
    ("an unknown type", SHORT(BASE, (R + ".propertyType", "Date")), "UnknownPropertyType", R + ".propertyType"),
    ("expectedValue a number", SHORT(BASE, (R + ".expectedValue", 1)), "InvalidExpectedValue", R + ".expectedValue"),
    ("greater than a text", SHORT(BASE, (R + ".operator", "GreaterThan")), "OperatorTypeMismatch", R),
    ("a number that contains", SHORT(BASE, (R, rule("a", "Number", "1", "Contains"))), "OperatorTypeMismatch", R),
    ("a truth that is lesser", SHORT(BASE, (R, rule("a", "Boolean", "true", "LesserThan"))), "OperatorTypeMismatch", R),
    ("an integer of letters", SHORT(BASE, (R, rule("a", "Integer", "ten"))), "InvalidExpectedValue", R + ".expectedValue"),
    ("an integer of half", SHORT(BASE, (R, rule("a", "Integer", "1.5"))), "InvalidExpectedValue", R + ".expectedValue"),
    ("a number of two points", SHORT(BASE, (R, rule("a", "Number", "1.2.3"))), "InvalidExpectedValue", R + ".expectedValue"),
    ("a number with a comma", SHORT(BASE, (R, rule("a", "Number", "0,5"))), "InvalidExpectedValue", R + ".expectedValue"),
    ("a truth of yes", SHORT(BASE, (R, rule("a", "Boolean", "yes"))), "InvalidExpectedValue", R + ".expectedValue"),
    ("a value too long", SHORT(BASE, (R + ".expectedValue", "x" * 4097)), "InvalidExpectedValue", R + ".expectedValue"),
    ("a path empty", SHORT(BASE, (R + ".propertyJPath", "")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path with a wildcard", SHORT(BASE, (R + ".propertyJPath", "Entities[*].Type")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path with a filter", SHORT(BASE, (R + ".propertyJPath", "Entities[?(@.Type=='ip')]")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path that descends", SHORT(BASE, (R + ".propertyJPath", "$..Type")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path that ends early", SHORT(BASE, (R + ".propertyJPath", "a.")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path with an open bracket", SHORT(BASE, (R + ".propertyJPath", "a[1")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path too long", SHORT(BASE, (R + ".propertyJPath", "a." * 600 + "b")), "InvalidPropertyPath", R + ".propertyJPath"),
    ("a path too deep", SHORT(BASE, (R + ".propertyJPath", ".".join("a" * 33))), "InvalidPropertyPath", R + ".propertyJPath"),
    # actions
    ("no actions", SHORT(BASE, ("properties.actions", DELETE)), "MissingProperty", "properties.actions"),
    ("actions empty", SHORT(BASE, ("properties.actions", [])), "MissingProperty", "properties.actions"),
    ("actions an object", SHORT(BASE, ("properties.actions", HUB_ACTION)), "InvalidType", "properties.actions"),
    ("an action a text", SHORT(BASE, ("properties.actions", ["EventHub"])), "InvalidType", A),
    ("17 actions", automation([dict(HUB_ACTION)] * 17), "TooManyItems", "properties.actions"),
    ("no actionType", SHORT(BASE, (A + ".actionType", DELETE)), "MissingProperty", A + ".actionType"),
    ("an unknown actionType", SHORT(BASE, (A + ".actionType", "Email")), "UnknownActionType", A + ".actionType"),
    ("actionType a number", SHORT(BASE, (A + ".actionType", 1)), "InvalidType", A + ".actionType"),
    ("a hub without id", SHORT(BASE, (A + ".eventHubResourceId", DELETE)), "MissingProperty", A + ".eventHubResourceId"),
    ("a hub's id a number", hub(eventHubResourceId=5), "InvalidType", A + ".eventHubResourceId"),
    ("a hub's id no id", hub(eventHubResourceId="ehns-telemetry"), "InvalidDestination", A + ".eventHubResourceId"),
    ("a workspace as hub", hub(eventHubResourceId=WORKSPACE), "InvalidDestination", A + ".eventHubResourceId"),
    ("a hub that climbs", hub(eventHubResourceId=f"{NAMESPACE}/eventhubs/.."), "InvalidDestination", A + ".eventHubResourceId"),
    ("a hub's rule in place of it", hub(eventHubResourceId=f"{NAMESPACE}/authorizationRules/send"), "InvalidDestination", A + ".eventHubResourceId"),
    ("a hub with odd letters", hub(eventHubResourceId=f"{NAMESPACE}/eventhubs/a b"), "InvalidDestination", A + ".eventHubResourceId"),
    ("a namespace, and no hub anywhere", hub(eventHubResourceId=NAMESPACE, connectionString=CONNECTION.rsplit(";", 1)[0]), "InvalidDestination",
     A + ".eventHubResourceId"),
    ("neither secret nor trust", SHORT(BASE, (A + ".connectionString", DELETE)), "MissingConnectionString", A + ".connectionString"),
    ("a secret that is empty", hub(connectionString=""), "MissingConnectionString", A + ".connectionString"),
    ("a secret a number", hub(connectionString=1), "InvalidType", A + ".connectionString"),
    ("a secret too long", hub(connectionString=CONNECTION + "x" * 5000), "PropertyTooLong", A + ".connectionString"),
    ("a secret without endpoint", hub(connectionString="SharedAccessKeyName=a;SharedAccessKey=b"), "InvalidConnectionString", A + ".connectionString"),
    ("a secret for another host", hub(connectionString=CONNECTION.replace("ehns-telemetry", "elsewhere")), "InvalidConnectionString", A + ".connectionString"),
    ("a secret for this machine", hub(connectionString=CONNECTION.replace("ehns-telemetry.servicebus.example", "127.0.0.1")), "InvalidConnectionString",
     A + ".connectionString"),
    ("a secret for another hub", hub(connectionString=CONNECTION.replace("defender-stream", "other")), "InvalidConnectionString", A + ".connectionString"),
    ("trust a text", hub(isTrustedServiceEnabled="true"), "InvalidType", A + ".isTrustedServiceEnabled"),
    ("trusted, and nobody knows the namespace", automation([{"actionType": "EventHub", "isTrustedServiceEnabled": True,
     "eventHubResourceId": HUB.replace("ehns-telemetry", "ehns-unknown")}]), "TrustedServiceNotConfigured", A + ".isTrustedServiceEnabled"),
    ("a workspace without id", automation([{"actionType": "Workspace"}]), "MissingProperty", A + ".workspaceResourceId"),
    ("a workspace nobody knows", automation([{"actionType": "Workspace", "workspaceResourceId": WORKSPACE + "-unknown"}]), "InvalidDestination",
     A + ".workspaceResourceId"),
    ("a workspace that climbs", automation([{"actionType": "Workspace", "workspaceResourceId": LOCAL_WORKSPACE + "/../x"}]), "InvalidDestination",
     A + ".workspaceResourceId"),
    ("a local workspace with odd letters", automation([{"actionType": "Workspace", "workspaceResourceId": LOCAL_WORKSPACE + "%2F.."}]),
     "InvalidDestination", A + ".workspaceResourceId"),
    ("a workspace without the solution", automation([{"actionType": "Workspace", "workspaceResourceId": WORKSPACE + "-bare"}]), "SolutionNotEnabled",
     A + ".workspaceResourceId"),
    ("a Logic App without id", automation([{"actionType": "LogicApp", "uri": CALLBACK}]), "MissingProperty", A + ".logicAppResourceId"),
    ("a Logic App without uri", SHORT(app(), (A + ".uri", DELETE)), "MissingUri", A + ".uri"),
    ("a hub as Logic App", app(logicAppResourceId=HUB), "InvalidDestination", A + ".logicAppResourceId"),
    ("a callback in the clear", app(uri=CALLBACK.replace("https", "http")), "InvalidUri", A + ".uri"),
    ("a callback to this machine", app(uri="http://127.0.0.1:7780/"), "InvalidUri", A + ".uri"),
    ("a callback to a file", app(uri="file:///etc/passwd"), "InvalidUri", A + ".uri"),
    ("a callback by gopher", app(uri="gopher://hooks.penstock.example/"), "InvalidUri", A + ".uri"),
    ("a callback with a user", app(uri="https://a:b@hooks.penstock.example/"), "InvalidUri", A + ".uri"),
    ("a callback without host", app(uri="https:///x"), "InvalidUri", A + ".uri"),
    ("a callback with a blank", app(uri="https://hooks.penstock.example/a b"), "InvalidUri", A + ".uri"),
    ("a callback with a line end", app(uri="https://hooks.penstock.example/\r\nX: y"), "InvalidUri", A + ".uri"),
    ("a callback a number", app(uri=3), "InvalidType", A + ".uri"),
    ("a callback too long", app(uri=CALLBACK + "x" * 4096), "PropertyTooLong", A + ".uri"),
]


def deep(count):
    return b'{"a":' * count + b"1" + b"}" * count


WIRE = [  # name, method, path, body, headers, version, status, code, target
    ("not JSON", "PUT", ONE, b"location: West Europe", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("nothing", "PUT", ONE, b"", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("JSON that ends early", "PUT", ONE, b'{"location":"westeurope"', {}, NEW, 400, "InvalidRequestContent", "body"),
    ("JSON and more", "PUT", ONE, b"{} {}", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a list", "PUT", ONE, b"[]", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a text", "PUT", ONE, b'"x"', {}, NEW, 400, "InvalidRequestContent", "body"),
    ("null", "PUT", ONE, b"null", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a member twice", "PUT", ONE, b'{"location":"a","location":"b"}', {}, NEW, 400, "InvalidRequestContent", "body"),
    ("no UTF-8", "PUT", ONE, b'{"location":"\xff"}', {}, NEW, 400, "InvalidRequestContent", "body"),
    ("NaN", "PUT", ONE, b'{"location":NaN}', {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a NUL in a text", "PUT", ONE, b'{"location":"west\\u0000europe"}', {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a hundred levels", "PUT", ONE, deep(100), {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a hundred thousand levels", "PUT", ONE, deep(100000), {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a patch that is no object", "PATCH", ONE, b"[]", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("a validation of nonsense", "POST", f"{ONE}/validate", b"nonsense", {}, NEW, 400, "InvalidRequestContent", "body"),
    ("two megabytes", "PUT", ONE, b'{"a":"' + b"x" * (2 << 20) + b'"}', {}, NEW, 413, "RequestContentTooLarge", None),
    ("another type of body", "PUT", ONE, b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, NEW, 415, "UnsupportedMediaType", None),
    ("XML", "PUT", ONE, b"<a/>", {"Content-Type": "text/xml"}, NEW, 415, "UnsupportedMediaType", None),
    ("a compressed body", "PUT", ONE, b"\x1f\x8b", {"Content-Encoding": "gzip"}, NEW, 415, "UnsupportedMediaType", None),
    ("no version", "GET", ONE, None, {}, None, 400, "MissingApiVersionParameter", None),
    ("an empty version", "GET", f"{ONE}?api-version=", None, {}, None, 400, "MissingApiVersionParameter", None),
    ("a version of never", "GET", ONE, None, {}, "2018-01-01", 400, "InvalidApiVersionParameter", None),
    ("a version of another type", "GET", ONE, None, {}, "2021-04-01", 400, "InvalidApiVersionParameter", None),
    ("a version of quotes", "GET", f"{ONE}?api-version=%22%3Cscript%3E", None, {}, None, 400, "InvalidApiVersionParameter", None),
    ("a version of two", "PUT", ONE, b"{}", {}, f"{NEW},{OLD}", 400, "InvalidApiVersionParameter", None),
    ("a group's version", "GET", RG, None, {}, NEW, 400, "InvalidApiVersionParameter", None),
    ("no subscription", "GET", "/subscriptions/x/resourceGroups", None, {}, "2021-04-01", 400, "InvalidSubscriptionId", None),
    ("a subscription of SQL", "GET", "/subscriptions/'%20OR%20'1'='1", None, {}, "2021-04-01", 400, "InvalidSubscriptionId", None),
    ("a subscription that is not there", "GET", "/subscriptions/01234567-89ab-4def-8123-456789abcdef", None, {}, "2021-04-01", 404, "SubscriptionNotFound", None),
    ("a group that is not there", "GET", AUTOMATIONS.replace(GROUP, "rg-none"), None, {}, NEW, 404, "ResourceGroupNotFound", None),
    ("a PUT into it", "PUT", ONE.replace(GROUP, "rg-none"), BASE, {}, NEW, 404, "ResourceGroupNotFound", None),
    ("a group of blanks", "GET", AUTOMATIONS.replace(GROUP, "rg%20x"), None, {}, NEW, 400, "InvalidResourceGroup", None),
    ("a group of quotes", "GET", AUTOMATIONS.replace(GROUP, "rg'--"), None, {}, NEW, 400, "InvalidResourceGroup", None),
    ("a group that ends in a point", "GET", AUTOMATIONS.replace(GROUP, "rg."), None, {}, NEW, 400, "InvalidResourceGroup", None),
    ("a group of 91", "GET", AUTOMATIONS.replace(GROUP, "g" * 91), None, {}, NEW, 400, "InvalidResourceGroup", None),
    ("an automation that is not there", "GET", f"{AUTOMATIONS}/none", None, {}, NEW, 404, "ResourceNotFound", None),
    ("a name with <", "PUT", f"{AUTOMATIONS}/a%3Cb", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name with %", "PUT", f"{AUTOMATIONS}/a%25b", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name with &", "PUT", f"{AUTOMATIONS}/a%26b", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name with :", "PUT", f"{AUTOMATIONS}/a:b", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name with ?", "PUT", f"{AUTOMATIONS}/a%3Fb", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name with \\", "PUT", f"{AUTOMATIONS}/a%5Cb", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name of 261", "PUT", f"{AUTOMATIONS}/{'n' * 261}", BASE, {}, NEW, 400, "InvalidResourceName", "name"),
    ("a name of 600", "PUT", f"{AUTOMATIONS}/{'n' * 600}", BASE, {}, NEW, 400, "InvalidResourceName", None),
    ("a name with a slash inside", "GET", f"{AUTOMATIONS}/a%2Fb", None, {}, NEW, 400, "InvalidResourceId", None),
    ("a name with a NUL", "GET", f"{AUTOMATIONS}/a%00b", None, {}, NEW, 400, "InvalidResourceId", None),
    ("a name with a line end", "GET", f"{AUTOMATIONS}/a%0Ab", None, {}, NEW, 400, "InvalidResourceId", None),
    ("a name that climbs", "GET", f"{AUTOMATIONS}/%2E%2E", None, {}, NEW, 400, "InvalidResourceId", None),
    ("a path that climbs", "GET", f"{AUTOMATIONS}/../automations/one", None, {}, NEW, 400, "InvalidResourceId", None),
    ("a bad escape", "GET", f"{AUTOMATIONS}/a%zz", None, {}, NEW, 400, "InvalidResourceId", None),
    ("two slashes", "GET", AUTOMATIONS.replace("/providers", "//providers"), None, {}, NEW, 400, "InvalidResourceId", None),
    ("a path of 3000", "GET", f"{AUTOMATIONS}/" + "a/" * 1500, None, {}, NEW, 400, "InvalidResourceId", None),
    ("another provider", "GET", AUTOMATIONS.replace("Microsoft.Security", "Microsoft.Insecurity"), None, {}, NEW, 404, "InvalidResourceType", None),
    ("another type", "GET", AUTOMATIONS.replace("automations", "automatons"), None, {}, NEW, 404, "InvalidResourceType", None),
    ("below an automation", "GET", f"{ONE}/x/y", None, {}, NEW, 404, "InvalidResourceType", None),
    ("a method that is not known", "POST", ONE, b"{}", {}, NEW, 405, "MethodNotAllowed", None),
    ("$top of none", "GET", f"{AUTOMATIONS}?$top=0", None, {}, NEW, 400, "InvalidQueryParameter", "$top"),
    ("$top of letters", "GET", f"{AUTOMATIONS}?$top=ten", None, {}, NEW, 400, "InvalidQueryParameter", "$top"),
    ("$top below none", "GET", f"{AUTOMATIONS}?$top=-1", None, {}, NEW, 400, "InvalidQueryParameter", "$top"),
    ("$top beyond all", "GET", f"{AUTOMATIONS}?$top=99999999999999999999", None, {}, NEW, 400, "InvalidQueryParameter", "$top"),
    ("a $skiptoken of letters", "GET", f"{AUTOMATIONS}?$skiptoken=next", None, {}, NEW, 400, "InvalidSkipToken", "$skiptoken"),
    ("a $skiptoken that is cut", "GET", f"{AUTOMATIONS}?$skiptoken=16", None, {}, NEW, 400, "InvalidSkipToken", "$skiptoken"),
    ("a $skiptoken with a NUL", "GET", f"{AUTOMATIONS}?$skiptoken=100", None, {}, NEW, 400, "InvalidSkipToken", "$skiptoken"),
    ("a $skiptoken of 4000", "GET", f"{AUTOMATIONS}?$skiptoken=1" + "61" * 2000, None, {}, NEW, 400, "InvalidSkipToken", "$skiptoken"),
    ("a token that is none", "GET", ONE, None, {"Authorization": "Bearer nonsense"}, NEW, 401, "InvalidAuthenticationToken", None),
    ("another way to sign in", "GET", ONE, None, {"Authorization": "Basic YTpi"}, NEW, 401, "InvalidAuthenticationToken", None),
    ("an auxiliary token that is none", "GET", ONE, None, {"x-ms-authorization-auxiliary": "Bearer nonsense"}, NEW, 401, "InvalidAuthenticationToken", None),
    ("a tenant that is none", "GET", "/subscriptions?tenantId=x", None, {}, "2021-04-01", 400, "InvalidTenantId", "tenantId"),
    ("a group without location", "PUT", RG + "2", {}, {}, "2021-04-01", 400, "LocationRequired", "location"),
    ("a group's location a number", "PUT", RG + "2", {"location": 1}, {}, "2021-04-01", 400, "InvalidRequestContent", "location"),
    ("a group moved", "PUT", RG, {"location": "northeurope"}, {}, "2021-04-01", 409, "InvalidResourceGroupLocation", "location"),
    ("a group's tags a list", "PUT", RG, {"location": "westeurope", "tags": [1]}, {}, "2021-04-01", 400, "InvalidRequestContent", "tags"),
    ("a subscription's name a number", "PUT", SUB, {"displayName": 1}, {}, "2021-04-01", 400, "InvalidRequestContent", "displayName"),
    ("a subscription's tenant none", "PUT", SUB, {"tenantId": "x"}, {}, "2021-04-01", 400, "InvalidTenantId", "tenantId"),
    ("a subscription of two", "PUT", SUB, {"tenantId": OTHER}, {}, "2021-04-01", 409, "SubscriptionAlreadyRegistered", "tenantId"),
    ("a tenant's own subscription removed", "DELETE", f"/subscriptions/{TENANT}", None, {}, "2021-04-01", 409, "SubscriptionNotRemovable", None),
    ("one of the configuration removed", "DELETE", SUB, None, {}, "2021-04-01", 409, "SubscriptionNotRemovable", None),
]


def refused():
    """Every row: status, code and target. validate says the same of the model rows without refusing them. After all of it
    nothing was stored, and the daemon is well."""
    with Daemon() as daemon:
        arm = started(daemon, arm={"readBurst": 0, "writeBurst": 0, "deleteBurst": 0})
        for name, body, code, target in MODEL:
            answer = arm("PUT", ONE, body)
            got = error(answer)
            detail = (got.get("details") or [{}])[0]
            outer = "InvalidRequestContent" if code == "InvalidType" else "InvalidAutomation"
            check(f"{name}: {code}", answer.status == 400 and got.get("code") == outer and detail.get("code") == code and
                  detail.get("target") == target and detail.get("message"), answer)
            if not all(secret not in answer.body for secret in (b"INVENTED", b"SharedAccessKey=b")):
                check(f"{name}: no secret in the answer", False, answer)
            verdict = arm("POST", f"{ONE}/validate", body)
            if not (verdict.status == 200 and verdict.json()["isValid"] is False and target in verdict.json()["message"]):
                check(f"{name}: validate says so", False, verdict)
        for name, method, path, body, headers, version, status, code, target in WIRE:
            own = "" if "Authorization" in headers else None
            answer = daemon_call(arm, own, method, path, body, headers, version)
            got = error(answer)
            check(f"{name}: {status} {code}", answer.status == status and got.get("code") == code and got.get("target") == target and
                  got.get("message"), answer)
        both = arm("PUT", ONE, changed(BASE, ("location", DELETE), (R + ".operator", "Like"), (A + ".actionType", "Email")))
        check("all faults are told at once", [d["code"] for d in error(both)["details"]] ==
              ["MissingProperty", "UnknownOperator", "UnknownActionType"], both)
        many = arm("PUT", ONE, automation(sources=[{"eventSource": "Alerts", "ruleSets": [{"rules": [rule(operator="x")] * 100}] * 3}]))
        check("but at most a hundred", len(error(many)["details"]) == 100, many)
        check("nothing of it was stored", arm("GET", AUTOMATIONS).json() == {"value": []} and daemon.get("/healthz").status == 200)
        check("the daemon ends well", daemon.stop() == 0, daemon.log_tail())
        check(f"rows in the tables: {len(MODEL)} + {len(WIRE)}", len(MODEL) + len(WIRE) >= 150)


def daemon_call(arm, token, method, path, body, headers, version):
    return (arm if token is None else Arm(arm.daemon, token))(method, path, body, version, headers)


SECTIONS = {"examples": examples, "errors": errors, "verbs": verbs, "pages": pages, "pace": pace, "tenants": tenants, "routes": routes, "delivery": delivery, "commands": commands, "refused": refused}

if __name__ == "__main__":
    for section in sys.argv[1:] or SECTIONS:
        check.run(section, SECTIONS[section])
    check.end()
