"""The daemon as tests use it: a data folder and a configuration of its own, a free port, ended in any case.

    with Daemon(config={...}) as daemon:
        daemon.start()
        daemon.post_rows("DeviceEvents", rows, batch="id")
        daemon.kill()                       # SIGKILL
        daemon.start()

Standard library only. One thread starts and ends a daemon; requests come from any."""
import atexit
import collections
import ctypes
import http.client
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

from check import Failed, wait_for

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build"))
PENSTOCK = str(BUILD / "penstock")
TENANT = "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"
SUBSCRIPTION = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/test/providers"
LOCAL = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/local/providers"
START_S = 30  # of waiting for readiness; under a second is usual

libc = ctypes.CDLL(None)
alive = []  # ended at exit, whatever happens


def storage_id(name):
    return f"{SUBSCRIPTION}/Microsoft.Storage/storageAccounts/{name}"


def hubs_id(name):
    return f"{SUBSCRIPTION}/Microsoft.EventHub/namespaces/{name}"


def die_with_parent():  # in the child, before exec
    libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@atexit.register
def end_all():
    for daemon in list(alive):
        daemon.end()


def on_signal(number, _):
    sys.exit(128 + number)  # so that atexit runs


signal.signal(signal.SIGTERM, on_signal)


def has_workspaces():
    """Whether the build has DuckDB."""
    told = subprocess.run([PENSTOCK, "workspace", "list", "none"], capture_output=True, text=True).stderr
    return "this build has no workspace" not in told


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status} {self.body[:600].decode(errors='replace')}"


class Daemon:
    """'config' is the configuration as a Python object, without 'data'. 'data': a folder given by the test; else temporary."""

    def __init__(self, config=None, data=None, environment=None, command=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-test-"))
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.config_file = self.folder / "penstock.yaml"
        self.log_file = self.folder / "log"
        self.ready_file = self.folder / "ready.json"
        self.config = {"tenants": [{"id": TENANT, "name": "test"}], "defaultExports": False}
        self.config.update(config or {})
        self.environment = dict(os.environ, **(environment or {}))
        self.command = command or [PENSTOCK]
        self.process = self.url = None
        self.token_text = None
        self.local = threading.local()
        alive.append(self)

    # ---- its life ----

    def write_config(self, **changes):
        self.config.update(changes)
        self.config_file.write_text(json.dumps(self.config, indent=1))  # JSON is YAML

    def launch(self):
        """Starts it and does not wait."""
        self.ready_file.unlink(missing_ok=True)
        if not self.config_file.exists():
            self.write_config()
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "serve", "--config", str(self.config_file), "--data", str(self.data),
                 "--listen", "127.0.0.1:0", "--ready-file", str(self.ready_file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment,
                preexec_fn=die_with_parent)

    def start(self):
        self.launch()

        def is_ready():
            if self.process.poll() is not None:
                raise Failed(f"the daemon ended with {self.process.returncode}: {self.log_tail()}")
            try:
                return json.loads(self.ready_file.read_text())
            except (OSError, ValueError):
                return None

        self.url = wait_for(is_ready, START_S, "the daemon's ready file", 0.01)["url"]
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        """Orderly; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def end(self):
        if self in alive:
            alive.remove(self)
        if self.process is not None and self.process.poll() is None:
            self.kill()
        if os.environ.get("PENSTOCK_KEEP"):
            print(f"  kept     {self.folder}", flush=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def log(self):
        try:
            return self.log_file.read_text(errors="replace")
        except OSError:
            return ""

    def log_tail(self):
        return self.log()[-1500:]

    def memory(self, key="VmRSS"):
        """Bytes, from /proc: VmRSS now, VmHWM at most."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1)) * 1024

    # ---- requests ----

    @property
    def token(self):
        if self.token_text is None:
            self.token_text = (self.data / "operator.token").read_text().strip()
        return self.token_text

    def request(self, method, path, body=None, token=None, headers=None, timeout=60):
        """token None: the operator's; "": none. Connections are kept, one a thread; an OSError says that there was no answer."""
        url = urllib.parse.urlsplit(self.url)
        place = (url.hostname, url.port)
        head = dict(headers or {})
        token = self.token if token is None else token
        if token:
            head["Authorization"] = f"Bearer {token}"
        connection = getattr(self.local, "connection", None)
        if connection is None or self.local.place != place:
            if connection is not None:
                connection.close()
            connection = self.local.connection = http.client.HTTPConnection(*place, timeout=timeout)
            self.local.place = place
        try:
            connection.request(method, path, body, head)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        except (http.client.HTTPException, OSError) as why:
            connection.close()
            self.local.connection = None
            raise why if isinstance(why, OSError) else OSError(repr(why))

    def get(self, path, **more):
        try:
            return self.request("GET", path, **more)
        except ConnectionError:  # a kept connection that was idle too long, or of a daemon that was ended
            return self.request("GET", path, **more)

    def post(self, table, body, batch=None, tenant=TENANT, **more):
        headers = dict(more.pop("headers", {}))
        if batch:
            headers["Idempotency-Key"] = batch
        return self.request("POST", f"/ingest/v1/{tenant}/{table}", body, headers=headers, **more)

    def put_setting(self, name, storage=None, hubs=None, hub=None, tables=("DeviceEvents",), tenant=TENANT, **more):
        body = {"logs": [{"category": f"AdvancedHunting-{t}", "enabled": True} for t in tables]}
        if storage:
            body["storageAccountProperties"] = {"storageAccountResourceId": storage}
        else:
            body["eventHubProperties"] = {"eventHubResourceId": hubs, "name": hub}
        if more:
            body["penstock"] = more
        answer = self.request("PUT", f"/api/dataexportsettings/{name}?tenantId={tenant}", json.dumps(body))
        if answer.status not in (200, 201):
            raise Failed(f"PUT of the setting {name}: {answer}")

    def put_workspace(self, name, workspace, tables=("DeviceEvents",), tenant=TENANT, **more):
        """A setting that fills a workspace; 'workspace' is its resource id."""
        body = {"logs": [{"category": f"AdvancedHunting-{t}", "enabled": True} for t in tables],
                "workspaceProperties": {"workspaceResourceId": workspace}, "penstock": more}
        answer = self.request("PUT", f"/api/dataexportsettings/{name}?tenantId={tenant}", json.dumps(body))
        if answer.status not in (200, 201):
            raise Failed(f"PUT of the setting {name}: {answer}")

    def enable(self, name, is_enabled=True, tenant=TENANT):
        word = "enable" if is_enabled else "disable"
        answer = self.request("POST", f"/api/dataexportsettings/{name}/{word}?tenantId={tenant}", b"")
        if answer.status != 200:
            raise Failed(f"{word} {name}: {answer}")

    def status(self):
        answer = self.get("/api/status")
        if answer.status != 200:
            raise Failed(f"/api/status: {answer}")
        return answer.json()

    def export(self, name, tenant=TENANT):
        answer = self.get(f"/api/dataexportsettings/{name}/status?tenantId={tenant}")
        if answer.status != 200:
            raise Failed(f"status of {name}: {answer}")
        return answer.json()

    def lag(self, name, tenant=TENANT):
        return self.export(name, tenant)["progress"]["lagRecords"]

    def wait_delivered(self, *names, seconds=60, tenant=TENANT):
        for name in names:
            wait_for(lambda: self.lag(name, tenant) == 0, seconds, lambda: f"{name} delivers all: {self.export(name, tenant)}")

    def run(self, *arguments, **more):
        """A subcommand beside the daemon: (exit code, output, errors)."""
        environment = dict(self.environment, PENSTOCK_DATA=str(self.data))
        if self.url:
            environment["PENSTOCK_URL"] = self.url
        done = subprocess.run([PENSTOCK, *arguments], capture_output=True, env=environment, timeout=120, **more)
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")

    def make_token(self, tenant, *roles):
        code, out, errors = self.run("token", "create", "--tenant", tenant, "--role", ",".join(roles), "--json")
        if code != 0:
            raise Failed(f"token create: {errors}")
        return json.loads(out)


# ---- numbered records, and counting them where they arrived ----

NUMBER = re.compile(rb'"ReportId":(\d+)')
PAD = "the quick brown fox jumps over the lazy dog \\u00e4 \u00e4 \\\\ \\\" " * 4


def row(number, pad=PAD):
    return (f'{{"Timestamp":"2026-09-14T08:07:45.2820995Z","DeviceId":"device-{number % 50}","DeviceName":"host",'
            f'"ActionType":"TestAction","ReportId":{number},"AdditionalFields":"{pad}","NoSuchColumn":{number}.50}}')


def rows(first, count, pad=PAD):
    return ("\n".join(row(n, pad) for n in range(first, first + count)) + "\n").encode()


class Tally:
    """How often each number arrived."""

    def __init__(self):
        self.counts = collections.Counter()
        self.faulty = []

    def add_text(self, data, where, end=b"\r\n"):
        """Lines of a blob: each whole, JSON, and one record."""
        if data and not data.endswith(end):
            self.faulty.append(f"{where}: ends in the middle of a row: {data[-80:]!r}")
        for line in data.split(end)[:-1]:
            try:
                self.counts[json.loads(line)["properties"]["ReportId"]] += 1
            except (ValueError, KeyError, TypeError) as why:
                self.faulty.append(f"{where}: {why}: {line[:120]!r}")
        return self

    def add_message(self, data):
        try:
            for record in json.loads(data)["records"]:
                self.counts[record["properties"]["ReportId"]] += 1
        except (ValueError, KeyError, TypeError) as why:
            self.faulty.append(f"message: {why}: {data[:120]!r}")

    def add_folder(self, folder):
        for path in sorted(pathlib.Path(folder).rglob("PT1H*.json")):
            self.add_text(path.read_bytes(), path.relative_to(folder))
        return self

    def add_azurite(self, azurite, container_start="insights-logs-"):
        with tempfile.TemporaryDirectory() as folder:
            for blob in azurite.read(folder):
                if blob["container"].startswith(container_start):
                    self.add_text(pathlib.Path(blob["file"]).read_bytes(), f"{blob['container']}/{blob['name']}")
        return self

    def missing(self, numbers):
        return [n for n in numbers if n not in self.counts]

    def doubled(self):
        return [n for n, count in self.counts.items() if count > 1]

    def strange(self, numbers):
        """Those that nobody sent."""
        wanted = set(numbers)
        return [n for n in self.counts if n not in wanted]

    def exactly(self, check, name, numbers):
        numbers = list(numbers)
        missing, doubled, strange = self.missing(numbers), self.doubled(), self.strange(numbers)
        return check(name, not (missing or doubled or strange or self.faulty),
                     f"{len(numbers)} sent, {len(self.counts)} there; {len(missing)} missing {missing[:5]}, "
                     f"{len(doubled)} twice {doubled[:5]}, {len(strange)} of nobody {strange[:5]}, "
                     f"{len(self.faulty)} faulty {self.faulty[:3]}")

    def at_least_once(self, check, name, numbers):
        numbers = list(numbers)
        missing, strange = self.missing(numbers), self.strange(numbers)
        extra = sum(self.counts.values()) - len(self.counts)
        check(name, not (missing or strange or self.faulty),
              f"{len(numbers)} sent, {len(self.counts)} there; {len(missing)} missing {missing[:5]}, "
              f"{len(strange)} of nobody {strange[:5]}, {len(self.faulty)} faulty {self.faulty[:3]}")
        return extra


class Load:
    """Concurrent senders of numbered records. A batch keeps its id and its bytes and is sent until it is acknowledged,
    whatever happens to the daemon meanwhile. 'rows_max' rows a batch; one in 'big_every' has 20 times as many (0: none)."""

    def __init__(self, daemon, tables=("DeviceEvents",), senders=4, rows_max=200, big_every=0, first=1, seed=1,
                 pause=0.0, pad=PAD):
        self.daemon, self.tables, self.rows_max, self.big_every, self.pause = daemon, tables, rows_max, big_every, pause
        self.pad = pad
        self.next, self.first = first, first
        self.lock = threading.Lock()
        self.is_ending = threading.Event()
        self.acknowledged = []  # (first, count)
        self.answers = collections.Counter()
        self.retry_after_missing = 0
        self.wrong = []
        self.busy = None  # the last answer that said to come again
        self.held_by = set()  # exports that such answers named
        self.duplicates = 0
        self.threads = [threading.Thread(target=self.work, args=(random.Random(seed * 1000 + i),), daemon=True)
                        for i in range(senders)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def take(self, rng):
        count = rng.randint(1, self.rows_max)
        if self.big_every and rng.randrange(self.big_every) == 0:
            count *= 20
        with self.lock:
            first = self.next
            self.next += count
        return first, count

    def note(self, answer):
        with self.lock:
            self.answers[answer.status] += 1
            if answer.status in (429, 503):
                self.busy = answer
                self.held_by.update(re.findall(r"'[0-9a-f-]{36}/(\S+)' lags", answer.body.decode()))
                self.retry_after_missing += not answer.headers.get("Retry-After")

    def attempt(self, table, body, batch, count):
        """True: acknowledged."""
        try:
            answer = self.daemon.post(table, body, batch)
        except OSError:
            with self.lock:
                self.answers["no answer"] += 1
            return False
        self.note(answer)
        if answer.status != 200:
            if answer.status not in (429, 500, 503):
                self.wrong.append(str(answer))
            return False
        told = answer.json()
        if told["accepted"] != count:
            self.wrong.append(f"batch of {count}: {answer}")
        self.duplicates += told["duplicate"]
        return True

    def work(self, rng):
        while not self.is_ending.is_set():
            first, count = self.take(rng)
            table, batch, body = rng.choice(self.tables), str(uuid.UUID(int=rng.getrandbits(128))), rows(first, count, self.pad)
            while not self.attempt(table, body, batch, count):
                if self.given_up:
                    return
                self.is_ending.wait(0.02) if not self.is_ending.is_set() else time.sleep(0.02)  # before the next attempt
            with self.lock:
                self.acknowledged.append((first, count))
            if self.pause:
                self.is_ending.wait(self.pause)

    given_up = False

    def finish(self, seconds=60):
        """Each sender ends its batch. The numbers of all that was acknowledged, which is all that was sent."""
        self.is_ending.set()
        until = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, until - time.monotonic()))
        if any(thread.is_alive() for thread in self.threads):
            self.given_up = True
            raise Failed(f"senders get no acknowledgement: {dict(self.answers)}; {self.daemon.log_tail()}")
        return self.numbers()

    def numbers(self):
        with self.lock:
            return [n for first, count in self.acknowledged for n in range(first, first + count)]

    def wait_acknowledged(self, more, seconds=60):
        """Until 'more' further batches were acknowledged."""
        target = len(self.acknowledged) + more
        wait_for(lambda: len(self.acknowledged) >= target, seconds,
                 lambda: f"{more} batches are acknowledged: {dict(self.answers)}")
