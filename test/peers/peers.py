"""Real peers for the tests: Azurite, Apache Kafka, and an authority that gives tokens. Each is installed under
build/peers (once; again when its lock file changes), runs on free loopback ports, and is ended with the test.

    with Azurite(oauth=True) as azurite: azurite.endpoint, azurite.ca_file
    with Kafka() as kafka:               kafka.plain, kafka.tls, kafka.oauth, kafka.ca_file
    with Authority(claims) as authority: authority.url

Standard library only. Every wait has an end."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build"))
PEERS = ROOT / "build" / "peers"
NODE = PEERS / "node"
JARS = PEERS / "kafka" / "jars"
EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
ACCOUNT = "devstoreaccount1"
TENANT = "7b1e0c1a-5d2f-4c60-9a44-0c0ffee0beef"

passed = failed = 0


def check(is_true, what, *seen):
    global passed, failed
    if is_true:
        passed += 1
    else:
        failed += 1
        print("FAILED:", what, *seen, flush=True)
    return is_true


def end():
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def run(command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900, **more)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')[-3000:]}")
    return done.stdout.decode(errors="replace")


def install(folder, sources, make):
    """Runs make() unless 'folder' was made from the same sources."""
    stamp = folder / ".made-from"
    digest = hashlib.sha256(b"".join((HERE / s).read_bytes() for s in sources)).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"installing {folder.relative_to(ROOT)}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    make()
    stamp.write_text(digest)


def install_node():
    sources = ["package.json", "package-lock.json", ".npmrc"]

    def make():
        for s in sources:
            shutil.copy(HERE / s, NODE)
        run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], cwd=NODE)

    install(NODE, sources, make)


def node(*arguments):
    """A command of Node. The lock file brings its own (Debian 12's is too old for the rest of it); other processors have
    the system's."""
    own = [str(p) for p in NODE.glob("node_modules/node-linux-*/bin/node")]  # npm lays down the one that fits
    return [*(own or ["node"]), *map(str, arguments)]


def install_kafka():
    install(JARS.parent, ["pom.xml"], lambda: run(
        ["mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
         f"-DoutputDirectory={JARS}"]))


def make_certificate(folder):
    """A self-signed certificate for loopback: (certificate, key), the certificate also being its own authority."""
    certificate, key = folder / "cert.pem", folder / "key.pem"
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "7", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)])
    return certificate, key


class Process:
    """A peer: a folder of its own, a process group of its own, ended in any case."""

    def __init__(self):
        PEERS.mkdir(parents=True, exist_ok=True)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=PEERS))
        self.process = None

    def start(self, command, port, seconds=90, **more):
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL, start_new_session=True, **more)
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.1)  # another program's start has no event to wait for
        log = (self.folder / "log").read_text(errors="replace")[-3000:]
        self.stop()
        sys.exit(f"{command[0]} did not start:\n{log}")

    def stop(self, kill=False):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL if kill else signal.SIGTERM)
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        except ProcessLookupError:
            pass
        self.process = None
        self.log.close()

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Azurite(Process):
    def __init__(self, oauth=False):
        super().__init__()
        install_node()
        self.port, self.oauth, self.ca_file = free_port(), oauth, ""
        self.endpoint = f"http{'s' if oauth else ''}://127.0.0.1:{self.port}/{ACCOUNT}"
        self.extra = []
        if oauth:
            certificate, key = make_certificate(self.folder)
            self.ca_file = str(certificate)
            self.extra = ["--oauth", "basic", "--cert", str(certificate), "--key", str(key)]

    def up(self):
        self.start(node(NODE / "node_modules/azurite/dist/src/blob/main.js", "--silent", "--disableTelemetry",
                        "--blobHost", "127.0.0.1", "--blobPort", self.port, "--location", self.folder / "data",
                        *self.extra), self.port)

    def read(self, folder):
        """All blobs by @azure/storage-blob, their bytes under 'folder': [{container, name, type, size, blocks, file}]."""
        environment = dict(os.environ, NODE_EXTRA_CA_CERTS=self.ca_file, PEERS_NODE=str(NODE))
        return json.loads(run(node(HERE / "blob.js", "read", self.endpoint, ACCOUNT, EMULATOR_KEY, folder),
                              env=environment))

    def sas(self, permissions="racw"):
        environment = dict(os.environ, PEERS_NODE=str(NODE))
        return run(node(HERE / "blob.js", "sas", ACCOUNT, EMULATOR_KEY, permissions), env=environment).strip()


class Kafka(Process):
    """One node, broker and controller. Listeners: plain; tls with SASL PLAIN as Event Hubs has it; tls with OAUTHBEARER."""

    def __init__(self, connection_string="", more=()):
        super().__init__()
        install_kafka()
        ports = [free_port() for _ in range(4)]
        certificate, key = make_certificate(self.folder)
        self.ca_file = str(certificate)
        self.port = ports[0]
        self.plain, self.tls, self.oauth = (f"localhost:{p}" for p in ports[:3])

        def pem(path):  # in one property
            return path.read_text().strip().replace("\n", "\\n")

        lines = [
            "process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@localhost:{ports[3]}",
            f"listeners=PLAIN://127.0.0.1:{ports[0]},TLS://127.0.0.1:{ports[1]},OAUTH://127.0.0.1:{ports[2]},"
            f"CONTROLLER://127.0.0.1:{ports[3]}",
            f"advertised.listeners=PLAIN://{self.plain},TLS://{self.tls},OAUTH://{self.oauth}",
            "listener.security.protocol.map=PLAIN:PLAINTEXT,TLS:SASL_SSL,OAUTH:SASL_SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name=PLAIN", "controller.listener.names=CONTROLLER",
            f"log.dirs={self.folder}/data", "auto.create.topics.enable=false", "num.partitions=3",
            "offsets.topic.replication.factor=1", "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1", "transaction.state.log.min.isr=1",
            "group.initial.rebalance.delay.ms=0", "ssl.keystore.type=PEM", "ssl.client.auth=none",
            f"ssl.keystore.certificate.chain={pem(certificate)}", f"ssl.keystore.key={pem(key)}",
            "listener.name.tls.sasl.enabled.mechanisms=PLAIN",
            "listener.name.tls.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
            f"user_$ConnectionString=\"{connection_string}\";",
            "listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER",
            "listener.name.oauth.oauthbearer.sasl.jaas.config="
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
            "unsecuredLoginStringClaim_sub=\"broker\";",
            *more,
        ]
        (self.folder / "server.properties").write_text("\n".join(lines) + "\n")
        self.java = ["java", "-Xmx320m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                     "-cp", f"{JARS}/*"]
        properties = str(self.folder / "server.properties")
        identity = base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=").replace("-", "a")
        run([*self.java, "kafka.tools.StorageTool", "format", "-t", identity, "-c", properties])

    def up(self):
        self.start([*self.java, "kafka.Kafka", str(self.folder / "server.properties")], self.port)


def unsigned_token(claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}."


class Authority:
    """Gives unsigned tokens for a client secret, as login.microsoftonline.com gives signed ones."""

    def __init__(self, claims, life=3600, signature=""):
        self.requests = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.requests.append((self.path, body))
                now = int(time.time())
                fine = "client_secret=right" in body
                answer = {"access_token": unsigned_token(dict(claims, iat=now, nbf=now - 60, exp=now + life))
                          + signature, "expires_in": life, "token_type": "Bearer"} if fine else \
                    {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"}
                text = json.dumps(answer).encode()
                self.send_response(200 if fine else 401)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Drive:
    """A sink of ours, by build/test/peers_drive: drive("send ...") gives the answer's line."""

    def __init__(self, kind, **settings):
        program = BUILD / "test" / "peers_drive"
        if not program.exists():
            sys.exit(f"{program} is not there: build first (cmake -S . -B build -G Ninja && ninja -C build)")
        self.process = subprocess.Popen([str(program), kind, *(f"{k}={v}" for k, v in settings.items())],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            check(self.process.wait(60) == 0, "the sink closes", self.process.returncode)
        except subprocess.TimeoutExpired:
            self.process.kill()
            check(False, "the sink closes within a minute")


def examples(suffix):
    """(table, category, hour, whole body) of the contract's examples when they are there, else of our own few."""
    shared = pathlib.Path(os.environ.get("PENSTOCK_SHARED", ROOT.parent / "shared"))
    folder = shared / "contracts" / "examples" / "streaming-api"
    hour = 1789372800  # 2026-09-14T08:00:00Z
    if (folder / "_manifest.json").exists():
        tables = json.loads((folder / "_manifest.json").read_text())["tables"]
        return [(name, t["category"], hour, (folder / f"{name}.{suffix}.json").read_bytes())
                for name, t in tables.items() if (folder / f"{name}.{suffix}.json").exists()]
    print("skipped: the contract's examples are not there; two of our own instead", flush=True)
    made = []
    for table in ("DeviceInfo", "AlertInfo"):
        rows = [json.dumps({"time": "2026-09-14T08:07:45.2820995Z", "tenantId": TENANT, "operationName": "Publish",
                            "category": f"AdvancedHunting-{table}", "properties": {"n": i, "text": "ä\u2028 \\ /"}},
                           ensure_ascii=False) for i in range(3)]
        body = "".join(r + "\r\n" for r in rows) if suffix == "blob" else '{"records":[' + ",".join(rows) + "]}"
        made.append((table, f"AdvancedHunting-{table}", hour, body.encode()))
    return made
