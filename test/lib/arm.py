"""Azure Resource Manager as the tests of automations speak it. Standard library only."""
import copy
import json

SUBSCRIPTION = "3f0d8a52-6b1e-4c55-9d0e-7a41c2b9e610"
TENANT = "7c1e0b54-90d3-4f3e-8a55-1d2f6b9c0e11"
OTHER = "b0a4d6c2-3e77-4a19-9c41-58e2f7d10a22"  # another tenant
OTHER_SUBSCRIPTION = "95b7c3e1-0f28-4d6a-b3c4-2e8d1f70a933"
GROUP = "rg-penstock-export"
OLD, NEW = "2019-01-01-preview", "2023-12-01-preview"
SUB = f"/subscriptions/{SUBSCRIPTION}"
RG = f"{SUB}/resourceGroups/{GROUP}"
AUTOMATIONS = f"{RG}/providers/Microsoft.Security/automations"
NAMESPACE = f"{SUB}/resourceGroups/rg-hub/providers/Microsoft.EventHub/namespaces/ehns-telemetry"
HUB = f"{NAMESPACE}/eventhubs/defender-stream"
WORKSPACE = f"{SUB}/resourceGroups/rg-hub/providers/Microsoft.OperationalInsights/workspaces/law-secops"
CENTRAL = (f"/subscriptions/{OTHER_SUBSCRIPTION}/resourceGroups/rg-central/providers/"
           "Microsoft.OperationalInsights/workspaces/law-central")
WORKFLOW = f"{SUB}/resourceGroups/rg-soar/providers/Microsoft.Logic/workflows/la-open-ticket"
LOCAL = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers"
LOCAL_HUB = f"{LOCAL}/Microsoft.EventHub/namespaces/local-hub/eventhubs/security"
LOCAL_WORKSPACE = f"{LOCAL}/Microsoft.OperationalInsights/workspaces/local"
CONNECTION = ("Endpoint=sb://ehns-telemetry.servicebus.example/;SharedAccessKeyName=export-send;"
              "SharedAccessKey=INVENTED-NOT-A-KEY;EntityPath=defender-stream")
CALLBACK = "https://hooks.penstock.example/workflows/la-open-ticket/triggers/manual/paths/invoke?sig=INVENTED"


def configuration(daemon, **more):
    """Two tenants, a namespace with an identity of its own, two workspaces, one in the other tenant's subscription."""
    folder = str(daemon.folder)
    return {"tenants": [{"id": TENANT, "name": "a", "subscriptions": [SUBSCRIPTION]},
                        {"id": OTHER, "name": "b", "subscriptions": [OTHER_SUBSCRIPTION]}],
            "resources": [
                {"id": NAMESPACE, "kind": "kafka",
                 "settings": {"brokers": "ehns-telemetry.servicebus.example:9093", "security": "sasl_tls",
                              "user": "$ConnectionString", "password": "own"}},
                {"id": WORKSPACE, "kind": "folder", "settings": {"path": folder + "/law-secops"}},
                {"id": CENTRAL, "kind": "folder", "settings": {"path": folder + "/law-central"}},
                {"id": LOCAL_WORKSPACE, "kind": "folder"},  # else it is tables, which another process cannot look into
                {"id": WORKSPACE + "-bare", "kind": "folder", "settings": {"path": folder + "/bare"},
                 "solutions": ["SecurityInsights"]}], **more}


def rule(path="Severity", kind="String", value="High", operator="Equals"):
    return {"propertyJPath": path, "propertyType": kind, "expectedValue": value, "operator": operator}


def automation(actions=None, sources=None, **properties):
    """A body that is taken."""
    return {"location": "westeurope", "tags": {"owner": "secops"},
            "properties": {"description": "d", "isEnabled": True, "scopes": [{"description": "s", "scopePath": SUB}],
                           "sources": sources or [{"eventSource": "Alerts", "ruleSets": [{"rules": [rule()]}]}],
                           "actions": actions or [{"actionType": "EventHub", "eventHubResourceId": HUB,
                                                   "connectionString": CONNECTION}], **properties}}


DELETE = object()


def changed(body, *changes):
    """A copy with ("properties.scopes[0].scopePath", value) set, or taken out with DELETE."""
    body = copy.deepcopy(body)
    for path, value in changes:
        at, steps = body, path.replace("[", ".#").replace("]", "").split(".")
        keys = [int(s[1:]) if s.startswith("#") else s for s in steps]
        for key in keys[:-1]:
            at = at[key]
        if value is DELETE:
            del at[keys[-1]]
        else:
            at[keys[-1]] = value
    return body


class Arm:
    """A daemon's ARM with one token."""

    def __init__(self, daemon, token=None):
        self.daemon, self.token = daemon, token

    def __call__(self, method, path, body=None, version=NEW, headers=None, **more):
        joint = "&" if "?" in path else "?"
        url = path if version is None else f"{path}{joint}api-version={version}"
        head = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            head.setdefault("Content-Type", "application/json")
        return self.daemon.request(method, url, body, token=self.token, headers=head, **more)

    def make_group(self, path=RG):
        return self("PUT", path, {"location": "westeurope"}, "2021-04-01")


def masked(tree):
    """With what differs from run to run made the same: etags."""
    if isinstance(tree, dict):
        return {k: "E" if k == "etag" else masked(v) for k, v in tree.items()}
    return [masked(v) for v in tree] if isinstance(tree, list) else tree
