#!/usr/bin/env python3
"""The published Azure SDK client (npm @azure/arm-security) drives automations of the daemon, over TLS with a certificate of our own making:
create, list in pages, get, replace without the secret, validate, delete, every error, and 429 that it waits for."""
import http.client
import json
import os
import pathlib
import shutil
import sqlite3
import ssl
import subprocess
import sys
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import peers  # noqa: E402
from arm import CENTRAL, CONNECTION, GROUP, HUB, OTHER, RG, SUBSCRIPTION, TENANT, WORKSPACE, AUTOMATIONS, automation, configuration  # noqa: E402
from check import Checks, Failed  # noqa: E402
from daemon import Daemon  # noqa: E402

check = Checks()


def call(daemon, certificate, method, path, body):
    url = urllib.parse.urlsplit(daemon.url)
    connection = http.client.HTTPSConnection(url.hostname, url.port, timeout=30, context=ssl.create_default_context(cafile=str(certificate)))
    connection.request(method, path, json.dumps(body), {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status not in (200, 201):
        raise Failed(f"{method} {path}: {answer.status} {answer.read()[:500]}")
    connection.close()


def started(daemon, **more):
    certificate, key = peers.make_certificate(daemon.folder)
    daemon.write_config(**configuration(daemon, http={"tls": "files", "certificate": str(certificate), "key": str(key)}, **more))
    daemon.start()
    call(daemon, certificate, "PUT", f"{RG}?api-version=2021-04-01", {"location": "westeurope"})
    return certificate


def client(daemon, certificate, part):
    """Runs a part of arm_sdk.js, beside the modules that it needs."""
    script = peers.NODE / "arm_sdk.js"
    shutil.copy(HERE / "arm_sdk.js", script)
    tokens = {name: daemon.make_token(tenant, role)["token"] for name, tenant, role in (
        ("ADMIN", TENANT, "SecurityAdministrator"), ("READER", TENANT, "SecurityReader"), ("STRANGER", OTHER, "SecurityAdministrator"))}
    port = urllib.parse.urlsplit(daemon.url).port
    environment = dict(os.environ, NODE_EXTRA_CA_CERTS=str(certificate), URL=f"https://localhost:{port}", SUB=SUBSCRIPTION, GROUP=GROUP, HUB=HUB,
                       CONNECTION=CONNECTION, WORKSPACE=WORKSPACE, CENTRAL=CENTRAL, **tokens)
    done = subprocess.run(peers.node(script, part), env=environment, capture_output=True, timeout=180, cwd=peers.NODE)
    lines = done.stdout.decode(errors="replace").splitlines()
    for line in lines:
        seen = json.loads(line)
        check(f"{part}: {seen['name']}", seen["ok"], seen["seen"])
    check(f"{part}: the client ran", done.returncode == 0 and lines, done.stderr.decode(errors="replace")[-2000:])
    return len(lines)


def cycle():
    with Daemon() as daemon:
        certificate = started(daemon)
        check("as many steps as there are", client(daemon, certificate, "cycle") >= 14)
        call(daemon, certificate, "PUT", f"{AUTOMATIONS}/damaged?api-version=2023-12-01-preview", automation())
        with sqlite3.connect(daemon.data / "store.db", timeout=10) as store:
            store.execute("UPDATE automations SET json = '{' WHERE id = 'damaged'")
        check("as many errors as there are", client(daemon, certificate, "errors") == 16)


def pace():
    with Daemon() as daemon:
        certificate = started(daemon, arm={"readBurst": 2, "readsPerSecond": 1})
        call(daemon, certificate, "PUT", f"{AUTOMATIONS}/ExportToEventHub?api-version=2023-12-01-preview", automation())
        client(daemon, certificate, "pace")


if __name__ == "__main__":
    peers.install_node()
    for section in (cycle, pace):
        check.run(section.__name__, section)
    check.end()
