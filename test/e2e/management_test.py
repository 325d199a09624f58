#!/usr/bin/env python3
"""Management groups over HTTP: the tree and what of it is refused, subscriptions in it, the score of all of them together,
nothing of another tenant's; and the commands.

    test/e2e/management_test.py [SECTION...]"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from arm import *  # noqa: E402,F403
from check import Checks, Failed  # noqa: E402
from daemon import Daemon  # noqa: E402

check = Checks()
P = "/providers/Microsoft.Security"
V, SCORE = "2020-05-01", "2020-01-01"
GROUPS = "/providers/Microsoft.Management/managementGroups"
ROOT_GROUP = f"{GROUPS}/{TENANT}"
ONE, TWO, BARE = (f"5a5a5a5a-000{i}-4000-8000-000000000000" for i in (1, 2, 3))
SECRET = "secretofb"


def error(answer):
    try:
        return answer.json().get("error", {})
    except ValueError:
        return {}


def body(parent=None, name=None):
    properties = {} if name is None else {"displayName": name}
    if parent is not None:
        properties["details"] = {"parent": {"id": f"{GROUPS}/{parent}"}}
    return {"properties": properties}


def must(arm, method, path, sent=None, version=V):
    answer = arm(method, path, sent, version)
    if answer.status not in (200, 201, 204):
        raise Failed(f"{method} {path}: {answer}")
    return answer.json() if answer.body else None


def started(daemon):
    daemon.write_config(**configuration(daemon, posture={"scoreDelay": "1 ms"}, arm={"readBurst": 0, "writeBurst": 0, "deleteBurst": 0}))
    daemon.start()
    mine = Arm(daemon, daemon.make_token(TENANT, "SecurityAdministrator")["token"])
    for id in (ONE, TWO, BARE):
        must(mine, "PUT", f"/subscriptions/{id}", {"displayName": f"s {id[:13]}"}, "2021-04-01")
    return mine


# ---- the tree ----

def tree(arm):
    root = must(arm, "GET", ROOT_GROUP)
    check("the root is there by itself", root["name"] == TENANT and root["properties"]["displayName"] == "Tenant Root Group" and
          root["properties"]["details"]["parent"] is None and root["properties"]["tenantId"] == TENANT and root["id"] == ROOT_GROUP, root)
    made = must(arm, "PUT", f"{GROUPS}/Corp", body(name="All of it"))
    check("made below the root", made["properties"]["details"]["parent"]["id"] == ROOT_GROUP and made["type"] == "Microsoft.Management/managementGroups", made)
    must(arm, "PUT", f"{GROUPS}/prod", body("CORP"))
    prod = must(arm, "GET", f"{GROUPS}/PROD")
    check("below another, found in any case", prod["properties"]["details"]["parent"] == {"id": f"{GROUPS}/Corp", "name": "Corp", "displayName": "All of it"} and
          prod["properties"]["displayName"] == "prod", prod)
    for group, id in (("prod", ONE), ("corp", TWO)):
        put = must(arm, "PUT", f"{GROUPS}/{group}/subscriptions/{id.upper()}")
        check(f"a subscription into {group}", put["name"] == id and put["properties"]["parent"]["id"].lower() == f"{GROUPS}/{group}".lower() and
              put["properties"]["tenant"] == TENANT, put)
    corp = must(arm, "GET", f"{GROUPS}/corp?$expand=children")
    check("what is right below", [(c["type"], c["name"]) for c in corp["properties"]["children"]] ==
          [("Microsoft.Management/managementGroups", "prod"), ("/subscriptions", TWO)], corp)
    members = [s["name"] for s in must(arm, "GET", f"{ROOT_GROUP}/subscriptions")["value"]]
    check("who is in no group is in the root", sorted(members) == sorted([TENANT, SUBSCRIPTION, BARE]), members)
    check("in one group at a time", must(arm, "PUT", f"{GROUPS}/corp/subscriptions/{ONE}") and
          must(arm, "GET", f"{GROUPS}/prod/subscriptions")["value"] == [] and arm("GET", f"{GROUPS}/prod/subscriptions/{ONE}", version=V).status == 404)
    check("taken out of a group that it is not in", arm("DELETE", f"{GROUPS}/prod/subscriptions/{ONE}", version=V).status == 204 and
          arm("GET", f"{GROUPS}/corp/subscriptions/{ONE}", version=V).status == 200)
    url, found = f"{GROUPS}/corp/subscriptions?api-version={V}&$top=1", []
    while url:
        page = arm.daemon.get(url, token=arm.token).json()
        found += [x["name"] for x in page["value"]]
        url = page.get("nextLink", "").replace(arm.daemon.url, "")
    check("pages of subscriptions", found == [ONE, TWO], found)
    url, found = f"{GROUPS}?api-version={V}&$top=1", []
    while url:
        page = arm.daemon.get(url, token=arm.token).json()
        found += [x["name"] for x in page["value"]]
        url = page.get("nextLink", "").replace(arm.daemon.url, "")
    check("pages of groups", found == [TENANT, "Corp", "prod"], found)
    check("a group that is not empty stays", arm("DELETE", f"{GROUPS}/corp", version=V).status == 409)
    check("taken out", arm("DELETE", f"{GROUPS}/corp/subscriptions/{ONE}", version=V).status == 204 and
          arm("GET", f"{ROOT_GROUP}/subscriptions/{ONE}", version=V).status == 200)
    check("deleted", arm("DELETE", f"{GROUPS}/Prod", version=V).status == 204 and arm("GET", f"{GROUPS}/prod", version=V).status == 404 and
          arm("DELETE", f"{GROUPS}/prod", version=V).status == 204)
    arm.daemon.stop()
    arm.daemon.start()
    check("after a restart", must(arm, "GET", f"{GROUPS}/corp/subscriptions/{TWO}")["properties"]["displayName"].startswith("s "))


def refused(arm):
    for level in range(1, 7):
        must(arm, "PUT", f"{GROUPS}/deep{level}", body(f"deep{level - 1}" if level > 1 else None))
    parent = "InvalidManagementGroupParent", "properties.details.parent.id"
    here = f"{GROUPS}/deep1"
    for name, method, path, sent, status, code, target in (
            ("no such group", "GET", f"{GROUPS}/none", None, 404, "ManagementGroupNotFound", None),
            ("no such group's subscriptions", "GET", f"{GROUPS}/none/subscriptions", None, 404, "ManagementGroupNotFound", None),
            ("a subscription into no group", "PUT", f"{GROUPS}/none/subscriptions/{BARE}", None, 404, "ManagementGroupNotFound", None),
            ("a subscription that is not there", "PUT", f"{here}/subscriptions/{BARE[:-1]}9", None, 404, "SubscriptionNotFound", None),
            ("another tenant's subscription", "PUT", f"{here}/subscriptions/{OTHER_SUBSCRIPTION}", None, 404, "SubscriptionNotFound", None),
            ("a subscription that is no GUID", "PUT", f"{here}/subscriptions/mine", None, 400, "InvalidSubscriptionId", None),
            ("a name with a blank", "PUT", f"{GROUPS}/a%20b", {}, 400, "InvalidManagementGroupName", None),
            ("a name with a quote", "PUT", f"{GROUPS}/a';--", {}, 400, "InvalidManagementGroupName", None),
            ("a name that is too long", "PUT", f"{GROUPS}/{'x' * 91}", {}, 400, "InvalidManagementGroupName", None),
            ("a name that ends with a dot", "PUT", f"{GROUPS}/a.", {}, 400, "InvalidManagementGroupName", None),
            ("a name that begins with a dash", "PUT", f"{GROUPS}/-a", {}, 400, "InvalidManagementGroupName", None),
            ("a seventh level", "PUT", f"{GROUPS}/deep7", body("deep6"), 400, *parent),
            ("below itself", "PUT", here, body("deep6"), 400, *parent),
            ("its own parent", "PUT", here, body("deep1"), 400, *parent),
            ("a parent that is not there", "PUT", here, body("none"), 400, *parent),
            ("another tenant's root as parent", "PUT", here, body(OTHER), 400, *parent),
            ("a parent that is no id", "PUT", here, {"properties": {"details": {"parent": {"id": "deep2"}}}}, 400, *parent),
            ("a subscription as parent", "PUT", here, {"properties": {"details": {"parent": {"id": SUB}}}}, 400, *parent),
            ("the root is not moved", "PUT", ROOT_GROUP, body("deep1"), 400, *parent),
            ("the root is not deleted", "DELETE", ROOT_GROUP, None, 409, "ManagementGroupNotRemovable", None),
            ("a group with groups", "DELETE", here, None, 409, "ManagementGroupNotRemovable", None),
            ("a number for a name", "PUT", here, {"properties": {"displayName": 1}}, 400, "InvalidRequestContent", "properties.displayName"),
            ("a display name that is too long", "PUT", here, body(name="x" * 201), 400, "InvalidRequestContent", "properties.displayName"),
            ("properties as text", "PUT", here, {"properties": "x"}, 400, "InvalidRequestContent", "properties"),
            ("details as list", "PUT", here, {"properties": {"details": []}}, 400, "InvalidRequestContent", "properties.details"),
            ("no JSON", "PUT", here, b"{", 400, "InvalidRequestContent", "body"),
            ("an unknown expansion", "GET", f"{here}?$expand=path", None, 400, "InvalidQueryParameter", "$expand"),
            ("a recursion", "GET", f"{here}?$expand=children&$recurse=true", None, 400, "InvalidQueryParameter", "$recurse"),
            ("a $skiptoken that is none", "GET", f"{GROUPS}?$skiptoken=x", None, 400, "InvalidSkipToken", "$skiptoken"),
            ("a method that is none", "POST", here, {}, 405, "MethodNotAllowed", None)):
        answer = arm(method, path, sent, V)
        got = error(answer)
        check(f"refused: {name}", (answer.status, got.get("code"), got.get("target")) == (status, code, target) and got.get("message"),
              f"{answer.status} {got}", (status, code, target))
    check("refused: no version", error(arm("GET", GROUPS, version=None)).get("code") == "MissingApiVersionParameter")
    check("refused: a version before", error(arm("GET", GROUPS, version="2018-01-01-preview")).get("code") == "InvalidApiVersionParameter")
    check("and nothing came of it", [g["name"] for g in must(arm, "GET", f"{here}?$expand=children")["properties"]["children"]] == ["deep2"] and
          must(arm, "GET", here)["properties"]["displayName"] == "deep1")


# ---- who sees what ----

def tenants(arm):
    daemon = arm.daemon
    theirs = Arm(daemon, daemon.make_token(OTHER, "SecurityAdministrator")["token"])
    must(theirs, "PUT", f"{GROUPS}/{SECRET}", body(name=SECRET))
    must(theirs, "PUT", f"{GROUPS}/{SECRET}/subscriptions/{OTHER_SUBSCRIPTION}")
    check("to its own tenant it is there", must(theirs, "GET", f"{GROUPS}/{SECRET}/subscriptions")["value"][0]["name"] == OTHER_SUBSCRIPTION)
    for method, path, version, sent in (("GET", f"{GROUPS}/{SECRET}", V, None), ("GET", f"{GROUPS}/{SECRET}?$expand=children", V, None),
                                        ("GET", f"{GROUPS}/{SECRET}/subscriptions", V, None), ("GET", f"{GROUPS}/{SECRET}/subscriptions/{OTHER_SUBSCRIPTION}", V, None),
                                        ("GET", f"{GROUPS}/{OTHER}", V, None), ("PUT", f"{GROUPS}/{SECRET}/subscriptions/{ONE}", V, None),
                                        ("DELETE", f"{GROUPS}/{SECRET}/subscriptions/{OTHER_SUBSCRIPTION}", V, None),
                                        ("GET", f"{GROUPS}/{SECRET}{P}/secureScores", SCORE, None), ("GET", f"{GROUPS}/{SECRET}{P}/secureScoreControls", SCORE, None),
                                        ("GET", f"{GROUPS}/{OTHER}{P}/secureScores/ascScore/secureScoreControls", SCORE, None), ("GET", f"{GROUPS}/{OTHER}{P}/secureScores/ascScore", SCORE, None)):
        answer = arm(method, path, sent, version)
        check(f"{method} {path}: not there for another tenant", answer.status == 404 and error(answer)["code"] == "ManagementGroupNotFound", answer)
    listed = arm("GET", GROUPS, version=V)
    check("nor in the list", SECRET not in listed.body.decode() and OTHER not in listed.body.decode(), listed)
    check("DELETE says what it says of none, and does nothing", arm("DELETE", f"{GROUPS}/{SECRET}", version=V).status == 204 and
          must(theirs, "GET", f"{GROUPS}/{SECRET}/subscriptions/{OTHER_SUBSCRIPTION}"))
    must(arm, "PUT", f"{GROUPS}/{SECRET}", body(name="mine"))
    check("the same name in both", must(theirs, "GET", f"{GROUPS}/{SECRET}")["properties"]["displayName"] == SECRET and
          must(arm, "GET", f"{GROUPS}/{SECRET}?$expand=children")["properties"]["children"] == [])
    check("a token for another tenant asks for none", arm("GET", f"{GROUPS}?tenantId={OTHER}", version=V).status == 403)
    everyone = Arm(daemon)
    check("a token for all says which", must(everyone, "GET", f"{GROUPS}/{SECRET}?tenantId={OTHER}")["properties"]["displayName"] == SECRET and
          must(everyone, "GET", f"{GROUPS}/{SECRET}?tenantId={TENANT}")["properties"]["displayName"] == "mine")
    reader, nobody = Arm(daemon, daemon.make_token(TENANT, "SecurityReader")["token"]), Arm(daemon, "")
    scanner = Arm(daemon, daemon.make_token(TENANT, "ingest")["token"])
    for method, path, sent in (("PUT", f"{GROUPS}/r", {}), ("DELETE", f"{GROUPS}/{SECRET}", None), ("PUT", f"{GROUPS}/{SECRET}/subscriptions/{ONE}", None),
                               ("DELETE", f"{GROUPS}/{SECRET}/subscriptions/{ONE}", None)):
        got = [call(method, path, sent, V).status for call in (reader, scanner, nobody)]
        check(f"{method} {path}: administrators only", got == [403, 403, 401], got)
    check("readers read", [reader("GET", GROUPS, version=V).status, scanner("GET", GROUPS, version=V).status] == [200, 403])


# ---- the score ----

def report(arm, subscription, points, healthy, unhealthy, beside):
    """One control of 'points' over one recommendation, and 'beside' resources of one that no control has."""
    keys = [f"0a0a0a0a-0000-4000-8000-00000000000{i}" for i in (1, 2)]
    base = f"/subscriptions/{subscription}"
    must(arm, "PUT", f"{base}{P}/secureScoreControlDefinitions/c", {"properties": {
        "displayName": "C", "maxScore": points, "assessmentDefinitions": [{"id": f"{P}/assessmentMetadata/{keys[0]}"}]}}, SCORE)
    lines = []
    for number in range(healthy + unhealthy + beside):
        key = keys[number >= healthy + unhealthy]
        lines.append({"id": f"{base}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/v{number}{P}/assessments/{key}",
                      "properties": {"resourceDetails": {"source": "Azure"}, "status": {"code": "Healthy" if number < healthy else "Unhealthy"}}})
    must(arm, "POST", f"{base}{P}/bulk", "\n".join(map(json.dumps, lines)).encode(), None)


def scores(arm):
    for name in ("all", "right"):
        must(arm, "PUT", f"{GROUPS}/{name}", body("all" if name == "right" else None))
    path = f"{GROUPS}/all{P}/secureScores"
    must(arm, "PUT", f"{GROUPS}/all/subscriptions/{ONE}")
    must(arm, "PUT", f"{GROUPS}/right/subscriptions/{TWO}")
    must(arm, "PUT", f"{GROUPS}/right/subscriptions/{BARE}")
    check("no subscription has a score: none", must(arm, "GET", path, version=SCORE) == {"value": []} and
          arm("GET", f"{path}/ascScore", version=SCORE).status == 404)
    report(arm, ONE, 3, 35, 23, 9)
    report(arm, TWO, 10, 9, 1, 23)
    until, one, two = time.monotonic() + 60, None, None
    while time.monotonic() < until and not (one and two):
        one, two = ([s["properties"] for s in must(arm, "GET", f"/subscriptions/{id}{P}/secureScores", version=SCORE)["value"]] for id in (ONE, TWO))
        time.sleep(0.05)
    check("the two subscriptions of the example", [(s[0]["score"]["percentage"], s[0]["weight"]) for s in (one, two)] == [(0.6033, 67), (0.9, 33)], one, two)
    score = must(arm, "GET", f"{path}/AscScore", version=SCORE)
    check("several, weighted", score == {"id": f"{path}/ascScore", "name": "ascScore", "type": "Microsoft.Security/secureScores", "properties": {
        "displayName": "ASC score", "score": {"max": 13, "current": 10.81, "percentage": 0.7012}, "weight": 100}}, score)
    check("as a list", must(arm, "GET", path, version=SCORE) == {"value": [score]})
    right = must(arm, "GET", f"{GROUPS}/RIGHT{P}/secureScores/ascScore", version=SCORE)["properties"]
    check("of one, beside one without a score", right["score"] == {"max": 10, "current": 9, "percentage": 0.9} and right["weight"] == 33, right)
    path_of = f"{path}/ascScore/secureScoreControls"
    control = {"id": f"{path_of}/c", "name": "c", "type": "Microsoft.Security/secureScores/secureScoreControls", "properties": {
        "displayName": "C", "healthyResourceCount": 44, "unhealthyResourceCount": 24, "notApplicableResourceCount": 0,
        "score": {"max": 13, "current": 10.81, "percentage": 0.6469}, "weight": 68}}  # (0.6033 * 58 + 0.9 * 10) / 68
    for url in (path_of, f"{GROUPS}/all{P}/secureScoreControls"):
        check("controls of one name as one", must(arm, "GET", url, version=SCORE) == {"value": [control]}, must(arm, "GET", url, version=SCORE))
    must(arm, "PUT", f"/subscriptions/{TWO}{P}/secureScoreControlDefinitions/D", {"properties": {"displayName": "d\"", "maxScore": 5, "assessmentDefinitions": [{"id": f"{P}/assessmentMetadata/0a0a0a0a-0000-4000-8000-000000000002"}]}}, SCORE)
    until, names = time.monotonic() + 60, []
    while time.monotonic() < until and names != ["c", "D"]:
        url, names = f"{path_of}?api-version={SCORE}&$top=1", []
        while url:
            page = arm.daemon.get(url, token=arm.token).json()
            names += [x["name"] for x in page["value"]]
            url = page.get("nextLink", "").replace(arm.daemon.url, "")
        time.sleep(0.05)
    check("pages of controls", names == ["c", "D"], names)
    must(arm, "DELETE", f"/subscriptions/{TWO}{P}/secureScoreControlDefinitions/D", None, SCORE)
    check("controls of no score", arm("GET", f"{path}/other/secureScoreControls", version=SCORE).status == 404)
    check("controls expand nothing", error(arm("GET", f"{path_of}?$expand=definition", version=SCORE)).get("target") == "$expand")
    check("controls of no group", error(arm("GET", f"{GROUPS}/none{P}/secureScoreControls", version=SCORE)).get("code") == "ManagementGroupNotFound")
    def listed(url):
        found = []
        while url:
            answer = arm.daemon.get(url, token=arm.token)
            if answer.status != 200:
                return answer
            found += [x["id"] for x in answer.json()["value"]]
            url = answer.json().get("nextLink", "").replace(arm.daemon.url, "")
        return found
    below = f"{GROUPS}/ALL{P}/assessments?api-version=2021-06-01"
    apart = [listed(f"/subscriptions/{id}{P}/assessments?api-version=2021-06-01&$top=1000") for id in (ONE, TWO)]
    check("assessments below a group, one subscription behind the other", listed(f"{below}&$top=1000") == apart[0] + apart[1] and len(apart[0]) == 67)
    check("in pages of twenty", listed(f"{below}&$top=20") == apart[0] + apart[1])
    check("with a filter", len(listed(f"{below}&$top=20&$filter=contains(id,'/v3/')")) == 2)
    check("of none", arm("GET", f"{GROUPS}/none{P}/assessments", version="2021-06-01").status == 404 and
          arm("GET", f"{GROUPS}/{OTHER}{P}/alerts", version="2022-01-01").status == 404)
    for token in ("x", b"1-2-3-4".hex(), "1" + b"1-2-3-4".hex(), "1" + f"{ONE}-' OR 1".encode().hex(), "1" + f"{ONE}-2-1-0-0{'0' * 90}".encode().hex()):
        check(f"a made-up $skiptoken {token[:9]}", error(arm("GET", f"{below}&$skiptoken={token}", version=None)).get("code") == "InvalidSkipToken")
    must(arm, "PUT", f"{GROUPS}/right", body(TENANT))
    check("a group that moved away", must(arm, "GET", path, version=SCORE)["value"][0]["properties"]["weight"] == 67)
    answer = arm("GET", f"{path}/other", version=SCORE)
    check("another score", answer.status == 404 and error(answer)["code"] == "ResourceNotFound", answer)
    check("not written", arm("PUT", f"{path}/ascScore", {}, SCORE).status == 405)


# ---- commands ----

def commands(arm):
    daemon = arm.daemon
    for words, want, says in ((("add", "cli", "--name", "By hand"), 0, "cli: there"), (("add", "cli-2", "--parent", "CLI"), 0, "there"),
                              (("add", "cli", "--parent", "cli-2"), 1, "below itself"), (("add", "cli 3"), 1, "name 'cli 3' is invalid"),
                              (("move", ONE.upper(), "cli-2"), 0, f"{ONE}: in cli-2"), (("move", OTHER_SUBSCRIPTION, "cli-2"), 1, "Subscription not found"),
                              (("move", ONE, "none"), 1, "'none' was not found"), (("move", ONE), 2, "GUID GROUP"), (("move", "x", "cli"), 2, "GUID GROUP"),
                              (("remove", "cli-2"), 1, "still has 1"), (("move", ONE, TENANT), 0, "in"), (("remove", "cli-2"), 0, "removed"),
                              (("remove", TENANT), 1, "root group stays"), (("remove",), 2, "GROUP"), (("list", "x"), 2, "nothing"), (("drop",), 2, "move"),
                              (("list", "--name", "x"), 2, "--name")):
        code, out, errors = daemon.run("subscription", "group", *words, "--tenant", TENANT)
        check(f"subscription group {' '.join(words)}: {want}", code == want and says in out + errors, code, out, errors)
    for number in range(1001):
        must(arm, "PUT", f"{GROUPS}/many-{number}", body("cli"))
    code, out, errors = daemon.run("subscription", "group", "list", "--tenant", TENANT)
    lines = [line.split() for line in out.splitlines()]
    check("subscription group list", code == 0 and ["cli", "By", "hand", TENANT] in lines and sum(line[0].startswith("many-") and line[-1] == "cli" for line in lines) == 1001 and
          any(line[0] == TENANT and line[-1] == "-" for line in lines), len(lines), out[:400], errors)
    code, out, errors = daemon.run("subscription", "group", "list", "--json", "--tenant", TENANT)
    check("as JSON", code == 0 and {"cli", "many-1000", TENANT} <= {g["name"] for g in json.loads(out)}, errors)
    check("--parent goes with groups only", daemon.run("subscription", "list", "--parent", "x")[0] == 2)


SECTIONS = {"tree": tree, "refused": refused, "tenants": tenants, "scores": scores, "commands": commands}

if __name__ == "__main__":
    with Daemon() as one:
        caller = started(one)
        for section in sys.argv[1:] or SECTIONS:
            check.run(section, SECTIONS[section], caller)
        if check.failed:
            check.note(one.log_tail())
    check.end()
