"""Receivers of syslog that nobody here wrote: rsyslog and syslog-ng, Debian's own.

    with Rsyslog(tls=True) as receiver: receiver.address, receiver.ca_file, receiver.lines()

The two packages exclude each other, and installing one would make it the machine's own logger; so they are unpacked
under build/peers and run from there, on loopback, with everything in a folder of their own."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import peers
from peers import PEERS, Process, free_port, make_certificate, run

MESSAGE_MAX = 131072


def unpack(name, program, packages):
    """The packages and what they need beyond what is installed: the folder, and the program's path."""
    folder = PEERS / name
    here = folder / program.lstrip("/")

    def apt(*arguments):
        return subprocess.run(["apt-get", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=600, cwd=folder)

    def make():
        for attempt in range(2):
            said = apt("-s", "install", "--no-install-recommends", *packages)
            wanted = re.findall(r"^Inst (\S+)", said.stdout, re.M)
            if said.returncode == 0 and wanted:
                said = apt("download", *wanted)
            if said.returncode == 0:
                break
            if attempt == 1:
                sys.exit(f"{name} is not to be had:\n{said.stdout[-2000:]}")
            apt("update")  # the lists are old, or not there yet
        for package in folder.glob("*.deb"):
            run(["dpkg-deb", "-x", str(package), str(folder)])
            package.unlink()

    peers.install(folder, ["syslog_peers.py"], make)
    if not here.exists():  # then it is installed
        here = pathlib.Path(program)
    if not here.exists():
        sys.exit(f"{name}: there is no {program}")
    return folder, here


def one(folder, pattern):
    """The folder in which the first file of that pattern lies, below 'folder' or in the system."""
    for top in (folder / "usr", pathlib.Path("/usr")):
        for path in sorted(top.glob(pattern)):
            return path.parent
    sys.exit(f"there is no {pattern}")


class Receiver(Process):
    """'received' is the file it writes: each message as it came, and a line end."""

    def __init__(self, tls, wants_certificate=False):
        super().__init__()
        self.tls, self.wants_certificate = tls, wants_certificate
        self.port = free_port()
        self.address = f"localhost:{self.port}"
        self.certificate, self.key = make_certificate(self.folder)
        self.ca_file = str(self.certificate)
        self.received = self.folder / "received"
        self.parsed = self.folder / "parsed"

    def lines(self):
        return self.received.read_bytes().split(b"\n")[:-1] if self.received.exists() else []

    def wait_for_lines(self, count, seconds=20):
        until = time.monotonic() + seconds
        while len(self.lines()) < count and time.monotonic() < until:
            time.sleep(0.02)  # another program's write has no event to wait for
        return len(self.lines())


class Rsyslog(Receiver):
    def __init__(self, tls, wants_certificate=False):
        super().__init__(tls, wants_certificate)
        root, self.program = unpack("rsyslog", "/usr/sbin/rsyslogd", ["rsyslog", "rsyslog-openssl"])
        self.modules = one(root, "lib/*/rsyslog/imtcp.so")
        mode = "x509/certvalid" if wants_certificate else "anon"
        driver = f'streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="{mode}"' if tls else ""
        # A direct queue: a message is read from the socket only when the one before it is in the file.
        (self.folder / "rsyslog.conf").write_text(f"""
global(workDirectory="{self.folder}" maxMessageSize="{MESSAGE_MAX}" parser.escapeControlCharactersOnReceive="off"
       defaultNetstreamDriverCAFile="{self.certificate}" defaultNetstreamDriverCertFile="{self.certificate}"
       defaultNetstreamDriverKeyFile="{self.key}")
main_queue(queue.type="Direct")
module(load="imtcp" {driver})
template(name="raw" type="string" string="%rawmsg%\\n")
template(name="parsed" type="string" string="%pri%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%structured-data%\\n")
input(type="imtcp" address="127.0.0.1" port="{self.port}")
action(type="omfile" file="{self.received}" template="raw")
action(type="omfile" file="{self.parsed}" template="parsed")
""")
        self.environment = dict(os.environ, LD_LIBRARY_PATH=str(self.modules.parent))

    def up(self):
        self.start([str(self.program), "-n", "-f", str(self.folder / "rsyslog.conf"), "-i", str(self.folder / "pid"),
                    "-M", str(self.modules)], self.port, env=self.environment)


class SyslogNg(Receiver):
    def __init__(self, tls, wants_certificate=False):
        super().__init__(tls, wants_certificate)
        root, self.program = unpack("syslog-ng", "/usr/sbin/syslog-ng", ["syslog-ng-core"])
        self.modules = one(root, "lib/syslog-ng/*/libaffile.so")
        self.libraries = one(root, "lib/syslog-ng/libsyslog-ng-*.so.0")
        verify = "required-trusted" if wants_certificate else "optional-untrusted"
        authorities = self.folder / "authorities"
        authorities.mkdir()
        digest = run(["openssl", "x509", "-noout", "-hash", "-in", self.ca_file]).strip()
        (authorities / f"{digest}.0").write_bytes(self.certificate.read_bytes())
        transport = (f'transport("tls") tls(key-file("{self.key}") cert-file("{self.certificate}") '
                     f'ca-dir("{authorities}") peer-verify({verify}))') if tls else 'transport("tcp")'
        (self.folder / "syslog-ng.conf").write_text(f"""
@version: {self.modules.name}
options {{ log-msg-size({MESSAGE_MAX}); stats-freq(0); keep-hostname(yes); }};
source s {{ syslog(ip("127.0.0.1") port({self.port}) {transport} flags(store-raw-message)); }};
destination received {{ file("{self.received}" template("$RAWMSG\\n")); }};
destination parsed {{ file("{self.parsed}" template("$PRI|$S_ISODATE|$HOST|$PROGRAM|$MSGID|$SDATA\\n") frac-digits(6) time-zone("UTC")); }};
log {{ source(s); destination(received); destination(parsed); flags(flow-control); }};
""")
        system = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu"}.get(os.uname().machine, "")
        own = [self.libraries, root / "usr/lib" / system, root / "lib" / system]
        self.environment = dict(os.environ, LD_LIBRARY_PATH=":".join(map(str, own)))

    def up(self):
        self.start([str(self.program), "-F", "--no-caps", "-f", str(self.folder / "syslog-ng.conf"),
                    "-R", str(self.folder / "persist"), "-p", str(self.folder / "pid"), "-c", str(self.folder / "control"),
                    "--module-path", str(self.modules)], self.port, env=self.environment)
