#!/usr/bin/env python3
"""Pages of other origins (http.allowedOrigins): every header of preflights and answers at each door, what pages from elsewhere learn (nothing), a
reload that takes an origin in and out; and, where there is a Chromium, pages that ask with a token and without, allowed and not.

The pages' own tests are in test/e2e/browser_page.html, which tells its server what it saw."""
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from check import Checks, wait_for  # noqa: E402
from daemon import SUBSCRIPTION, TENANT, Daemon  # noqa: E402

EDITOR, EVIL = "https://dataexplorer.azure.com", "https://evil.example"
CHROMIUM_S = 60  # until a page has reported; 2 are usual
check = Checks()

SET = "/api/dataexportsettings"
DOORS = [  # path, the methods that it knows
    ("/v1/rest/mgmt", "POST"),
    ("/v1/rest/query", "POST"),
    ("/v2/rest/query", "POST"),
    ("/v1/workspaces/soc/query", "POST, GET"),
    ("/workspaces/soc/query", "POST, GET"),
    (f"/v1{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc/query", "POST, GET"),
    ("/v1/$batch", "POST"),
    ("/v1.0/security/runHuntingQuery", "POST"),
    ("/beta/security/runHuntingQuery", "POST"),
    ("/api/advancedhunting/run", "POST"),
    ("/v1.0/security/rules/detectionRules/7", "GET, PATCH, DELETE"),
    (SET, "GET"),
    (f"{SET}/x", "GET, PUT, DELETE"),
    (f"/ingest/v1/{TENANT}/DeviceInfo", "POST"),
    ("/dataCollectionRules/default/streams/Custom-A", "POST"),
    ("/hubs/events/messages", "GET"),
    ("/api/status", "GET"),
    ("/metrics", "GET"),
    ("/healthz", "GET"),
    ("/subscriptions", None),  # ARM's
    (f"{SUBSCRIPTION}/Microsoft.Security/automations/a", None),
    ("/subscriptions/11111111-1111-1111-1111-111111111111/providers/Microsoft.Security/automations", None),
]


def cross_origin(answer):
    """The headers of an answer that are about other origins."""
    return {k.lower(): v for k, v in answer.headers.items() if k.lower().startswith("access-control-")}


def preflight(daemon, path, origin, method="POST", **more):
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    asked.update({k.replace("_", "-"): v for k, v in more.items()})
    return daemon.request("OPTIONS", path, token="", headers=asked)


def preflights(daemon):
    for path, methods in DOORS:
        plain = daemon.request("OPTIONS", path, token="")
        check(f"{path}: OPTIONS that is no preflight", plain.status == 204 and plain.headers["Allow"] == (methods or plain.headers["Allow"]) and not cross_origin(plain), plain, plain.headers)
        seen = preflight(daemon, path, EDITOR, Access_Control_Request_Headers="authorization,content-type,x-ms-app,x-evil", Access_Control_Request_Private_Network="true")
        check(f"{path}: a preflight", seen.status == 204 and not seen.body and seen.headers["Vary"] == "Origin" and cross_origin(seen) == {
            "access-control-allow-origin": EDITOR, "access-control-allow-methods": plain.headers["Allow"], "access-control-max-age": "3600",
            "access-control-allow-headers": "authorization, content-type, x-ms-app", "access-control-allow-private-network": "true"}, seen, seen.headers)
        foreign = preflight(daemon, path, EVIL, Access_Control_Request_Headers="authorization", Access_Control_Request_Private_Network="true")
        error = foreign.json()["error"]
        check(f"{path}: a preflight from elsewhere", foreign.status == 403 and error["code"] == "OriginNotAllowed" and "http.allowedOrigins" in error["message"] and
              EVIL in error["message"] and not cross_origin(foreign), foreign, foreign.headers)
    for path in ("/nothing", "/v1/rest/auth/metadata", "/subscriptions/x/nothing"):
        seen = preflight(daemon, path, EDITOR, "GET")
        check(f"{path}: no path, no preflight", seen.status == 404, seen)


def head(answer):
    return answer.status, answer.headers.get("Vary"), cross_origin(answer)


def answers(daemon):
    """The same request from an allowed page, from another and from none: the same answer, told to the first alone."""
    stranger = "pst_" + "0" * 40
    rows = [  # name, method, path, token (None: the operator's), body, status
        ("a command", "POST", "/v1/rest/mgmt", None, b'{"csl":".show version"}', 200),
        ("a command that is not known", "POST", "/v1/rest/mgmt", None, b'{"csl":".drop table T"}', 400),
        ("no JSON", "POST", "/v2/rest/query", None, b"{", 400),
        ("no token", "POST", "/v2/rest/query", "", b"{}", 401),
        ("a wrong token", "POST", "/v1/rest/mgmt", stranger, b"{}", 401),
        ("a body that is too large", "POST", "/v2/rest/query", None, b" " * (2 << 20), 413),
        ("a wrong method", "GET", "/v2/rest/query", None, None, 405),
        ("no path", "GET", "/v1/rest/auth/metadata", None, None, 404),
        ("settings", "GET", f"{SET}?tenantId={TENANT}", None, None, 200),
        ("health", "GET", "/healthz", "", None, 200),
        ("ARM", "GET", "/subscriptions?api-version=2022-12-01", None, None, 200),
        ("ARM without a token", "GET", "/subscriptions?api-version=2022-12-01", "", None, 401),
        ("ARM, no version", "GET", "/subscriptions", None, None, 400),
        ("ARM, no path", "GET", "/subscriptions/x/nothing", None, None, 404),
    ]
    for name, method, path, token, body, status in rows:
        seen = {}
        for origin in (EDITOR, EVIL, "null", None):
            headers = {"x-ms-client-request-id": "id-7", **({"Origin": origin} if origin else {}), **({"Content-Type": "application/json"} if body else {})}
            seen[origin] = daemon.request(method, path, body, token=token, headers=headers)
        ours = seen[EDITOR]
        told = cross_origin(ours)
        exposed = told.pop("access-control-expose-headers", "").split(", ")
        check(f"{name}: a page is told", ours.status == status and told == {"access-control-allow-origin": EDITOR} and
              {"x-ms-client-request-id", "x-ms-activity-id", "x-ms-request-id", "retry-after", "www-authenticate", "etag"} <= set(exposed) and
              "Origin" in ours.headers["Vary"].split(", ") and len(ours.headers.get_all("Vary")) == 1 and ours.headers["x-ms-client-request-id"] == "id-7", ours, ours.headers)
        for origin in (EVIL, "null", None):
            check(f"{name}: {origin} is told nothing", seen[origin].status == status and not cross_origin(seen[origin]) and "Origin" in seen[origin].headers["Vary"].split(", "),
                  seen[origin], seen[origin].headers)
    packed = daemon.request("POST", "/v1/rest/mgmt", b'{"csl":".show databases schema"}', headers={"Accept-Encoding": "gzip", "Origin": EDITOR})
    check("both reasons to vary in one header", packed.headers.get_all("Vary") == ["Accept-Encoding, Origin"], packed.headers)


def told_by_reload(daemon):
    """An origin is taken in and out while the daemon runs; without any, no answer says a word about origins."""
    later = "https://later.example"

    def allow(*origins):
        daemon.write_config(http={"allowedOrigins": list(origins)})
        daemon.reload()

    check("not yet", preflight(daemon, "/v1/rest/mgmt", later).status == 403)
    allow(EDITOR, later)
    wait_for(lambda: preflight(daemon, "/v1/rest/mgmt", later).status == 204, 10, "an origin is taken in")
    allow()
    wait_for(lambda: preflight(daemon, "/v1/rest/mgmt", later).status == 403, 10, "origins are taken out")
    seen = daemon.get("/healthz", headers={"Origin": later})
    check("without origins nothing is said", seen.status == 200 and not cross_origin(seen) and "Vary" not in seen.headers, seen.headers)
    daemon.write_config(http={"allowedOrigins": ["*"]})
    daemon.reload()
    wait_for(lambda: "http.allowedOrigins[0]: '*': '*' would let every page" in daemon.log(), 10, "'*' is refused")
    check("and what was in force stays", preflight(daemon, "/v1/rest/mgmt", later).status == 403 and daemon.get("/healthz").status == 200)
    code, _, errors = daemon.run("config", "check", str(daemon.config_file))
    check("as 'config check' says", code != 0 and "http.allowedOrigins[0]" in errors, code, errors)


# ---- a browser ----


class Pages:
    """Serves one page to whoever asks, at an origin of its own, and keeps what it reports."""

    def __init__(self, parameters):
        outer = self
        page = (HERE / "browser_page.html").read_text()
        self.seen, self.is_told = None, threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = page.replace("PARAMETERS", json.dumps(parameters())).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_POST(self):
                outer.seen = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                outer.is_told.set()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def opened(browser, pages):
    """What the page reported."""
    profile = tempfile.mkdtemp(prefix="penstock-browser-")
    with open(pathlib.Path(profile) / "log", "wb") as log:
        process = subprocess.Popen([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                                    "--disable-component-update", "--no-first-run", f"--user-data-dir={profile}", "--remote-debugging-port=0", pages.origin],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        is_told = pages.is_told.wait(CHROMIUM_S)
        check("the page ran", is_told, (pathlib.Path(profile) / "log").read_text(errors="replace")[-1500:])
        return pages.seen or {}
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)


def browser(_):
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-headless-shell", "google-chrome"))), None)
    if program is None:
        check.skip("pages in a browser", "there is no Chromium")
        return
    with Daemon() as daemon:
        def parameters():
            return {"url": daemon.url, "token": daemon.token, "tenant": TENANT}

        ours, foreign = Pages(parameters), Pages(parameters)
        try:
            daemon.write_config(http={"allowedOrigins": [ours.origin]})
            daemon.start()
            seen = opened(program, ours)
            want = {"command": [200, "id-7", 36], "wrong token": [401, "InvalidAuthenticationToken", True], "fault": [400, "General_BadRequest"], "text": [200, "Status"],
                    "ARM": [200, True, 36], "no path": "TypeError", "a header that none takes": "TypeError", "credentials of the browser's own": "TypeError"}
            for name, value in want.items():
                check(f"an allowed page: {name}", seen.get(name) == value, seen.get(name), value)
            seen = opened(program, foreign)
            for name in want:
                check(f"another page: {name}", seen.get(name) == "TypeError", seen.get(name))
            counted = [line for line in daemon.get("/metrics").body.decode().splitlines() if line.startswith("penstock_http_requests_total") and "/v1/rest/mgmt" in line]
            check("its requests do not even arrive", counted == ['penstock_http_requests_total{method="POST",route="/v1/rest/mgmt",status="200"} 1'], counted)
        finally:
            ours.close()
            foreign.close()


if __name__ == "__main__":
    with Daemon(config={"http": {"allowedOrigins": [EDITOR, "http://127.0.0.1:8080"]}}) as the_daemon:
        the_daemon.start()
        for section in (preflights, answers, told_by_reload, browser):
            check.run(section.__name__.replace("_", " "), section, the_daemon)
        check("it stops", the_daemon.stop() == 0, the_daemon.log_tail())
    check.end()
