#!/usr/bin/env python3
"""The syslog sink against rsyslog and syslog-ng, plain and over TLS with and without a client's certificate: messages byte for
byte and once each, as the receiver's own parser reads them; who is trusted; receivers that restart, and rsyslog killed again
and again. At last the daemon itself, with a setting that names such a destination.

What a kill must not do, checked in killed(): rsyslog with a direct queue is killed by SIGKILL in the middle of windows that are
sent over TLS with confirm=read. Every row that the sink called done is in the file, whole; every row at all comes at last; a row is there
twice only if its window was answered 'retry' before; and nothing is in the file that nobody sent."""
import collections
import hashlib
import json
import pathlib
import random
import re
import sys
import tempfile
import threading
import time

import peers
from peers import ROOT, TENANT, Drive, check, make_certificate
from syslog_peers import Rsyslog, SyslogNg

sys.path.insert(0, str(ROOT / "test" / "lib"))
from check import Failed  # noqa: E402
from daemon import Daemon, hubs_id  # noqa: E402

RECEIVERS = (Rsyslog, SyslogNg)
TABLE = "DeviceEvents"
ROWS = 3000  # of a window that the receiver is killed in: large enough that it often still reads when all was sent
CATEGORY = f"AdvancedHunting-{TABLE}"
SD = f'[penstock@32473 tenant="{TENANT}" category="{CATEGORY}" id="%s"]'


def settings(receiver, **more):
    found = {"address": receiver.address, "hostname": "gateway-1", "timeout_ms": "10000", "message_bytes": "131072"}
    found.update({"ca_file": receiver.ca_file} if receiver.tls else {"tls": "false"})
    if receiver.wants_certificate:
        found.update(certificate=str(receiver.certificate), key=receiver.key.read_text())
    found.update(more)
    return found


def row(number, pad=""):
    return json.dumps({"Timestamp": f"2026-09-14T08:12:{number % 60:02}.9003059Z", "Severity": "High", "n": number, "pad": pad},
                      ensure_ascii=False, separators=(",", ":"))


def rows(first, count):
    """Some plain, some with what parsers trip over, one of nearly the longest."""
    odd = ["", "a\u2028b \u00e4 \U0001f600", 'quotes \\" ] [ <13>1 ', "\\u0000\\n", "%s %d 12 <14>", "x" * 3000]
    return [row(n, odd[n % len(odd)]) if n % 199 else row(n, "y" * 130000) for n in range(first, first + count)]


def identity(position, number, text):
    """As every destination has it: tenant, place in the journal, and the beginning of the bytes' digest."""
    return f"{TENANT}-{position}-{number}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def message(position, number, text):
    """As it must come, computed here from RFC 5424."""
    stamp = re.search(r'"Timestamp":"(.{26})', text).group(1) + "Z"
    return f"<131>1 {stamp} gateway-1 penstock - {TABLE} {SD % identity(position, number, text)} {text}".encode()


class Window:
    def __init__(self, folder, position, texts):
        self.position, self.texts = position, texts
        self.file = folder / f"window-{position}"
        self.file.write_text("".join(t + "\n" for t in texts))
        self.messages = [message(position, i, t) for i, t in enumerate(texts)]

    def send(self, drive, category=CATEGORY, table=TABLE):
        """(done, retry, refused, reason)"""
        answer = drive(f"rows {TENANT} {category} {table} {self.position} {self.file}")
        found = re.fullmatch(r"rows (\d+) (\d+) (\d+) (.*)", answer)
        if not check(found is not None, "an answer", answer):
            return 0, 0, 0, answer
        return (*map(int, found.groups()[:3]), found.group(4))


def exact(kind, tls, certificate, folder):
    name = f"{kind.__name__}, {'tls' if tls else 'plain'}{', our certificate' if certificate else ''}"
    with kind(tls, certificate) as receiver:
        wanted = []
        for i, confirm in enumerate(("received", "read")):
            with Drive("syslog", **settings(receiver, confirm=confirm)) as drive:
                for k in range(3):
                    window = Window(folder, 4096 * (1 + 3 * i + k), rows(1000 * i + 200 * k, 200))
                    answer = window.send(drive)
                    check(answer[:3] == (200, 0, 0), f"{name}, {confirm}: done", answer)
                    wanted += window.messages
        receiver.wait_for_lines(len(wanted))
        got = receiver.lines()
        check(got == wanted, f"{name}: each message once, in order, byte for byte", len(got), len(wanted),
              next(((g[:300], w[:300]) for g, w in zip(got, wanted) if g != w), ""))
        fields = receiver.parsed.read_bytes().decode().splitlines()[0].replace("+00:00", "Z").split("|")
        check(fields == ["131", "2026-09-14T08:12:00.900305Z", "gateway-1", "penstock", TABLE, SD % identity(4096, 0, rows(0, 1)[0])],
              f"{name}: as it reads them", fields)


def newlines(folder):
    """The other framing, which rsyslog tells from the first byte."""
    window = Window(folder, 4096, [row(n, "pad \u2028") for n in range(500)])
    with Rsyslog(True) as receiver, Drive("syslog", **settings(receiver, framing="newline", confirm="read")) as drive:
        answer = window.send(drive)
        check(answer[:3] == (500, 0, 0), "newline framing: done", answer)
        receiver.wait_for_lines(500)
        check(receiver.lines() == window.messages, "newline framing: each message once", len(receiver.lines()))


def formats(folder):
    """CEF and LEEF reach the receiver as they were made; what they say is checked in src/sink."""
    alert = ('{"VendorName":"Contoso","ProductName":"Shield","AlertType":"T1","AlertDisplayName":"a|b","Severity":"High",'
             '"TimeGenerated":"2026-05-12T09:00:02.485Z","Description":"one=two\\nthree","SystemAlertId":"id-1"}')
    starts = {"cef": "CEF:0|Contoso|Shield|", "leef": "LEEF:2.0|Contoso|Shield|"}
    parts = {"cef": "|T1|a\\|b|8|rt=1778576402485 externalId=id-1 cat=Alerts msg=one\\=two\\nthree",
             "leef": "|T1|x09|name=a|b\tsev=8\tdevTime=1778576402485\tSystemAlertId=id-1\tcat=Alerts\tmsg=one=two\\nthree"}
    for kind in RECEIVERS:
        with kind(True) as receiver:
            for count, form in enumerate(starts, 1):
                window = Window.__new__(Window)
                window.position, window.file = 8192, folder / "alert"
                window.file.write_text(alert + "\n")
                with Drive("syslog", **settings(receiver, format=form, confirm="read")) as drive:
                    answer = window.send(drive, "Alerts", "Alerts")
                    check(answer[:3] == (1, 0, 0), f"{kind.__name__}: {form}", answer)
                receiver.wait_for_lines(count)
                came = receiver.lines()[-1].decode()
                text = came.partition(f'id="{identity(8192, 0, alert)}"] ')[2]
                check(text.startswith(starts[form]) and text.endswith(parts[form]), f"{kind.__name__}: {form} arrives", came)


def trust(folder):
    """Nothing reaches a receiver that is not who it should be, nor one that wants to know us and does not."""
    window = Window(folder, 4096, rows(1, 3))
    stranger = folder / "stranger"
    stranger.mkdir()
    other = [str(path) for path in make_certificate(stranger)]
    for kind in RECEIVERS:
        with kind(True) as receiver:
            for what, more, reason in (("another authority", {"ca_file": other[0]}, "not trusted"),
                                       ("another name", {"tls_name": "siem.example"}, "not trusted for siem.example"),
                                       ("the system's authorities", {"ca_file": ""}, "of the system")):
                with Drive("syslog", **settings(receiver, confirm="read", **more)) as drive:
                    answer = window.send(drive)
                    check(answer[0] == 0 and reason in answer[3], f"{kind.__name__}: {what}", answer)
            with Drive("syslog", **settings(receiver, ca_file="", insecure="true", confirm="read")) as drive:
                answer = window.send(drive)
                check(answer[:3] == (3, 0, 0), f"{kind.__name__}: which is taken if told so", answer)
            receiver.wait_for_lines(3)
            check(receiver.lines() == window.messages, f"{kind.__name__}: and nothing else came", receiver.lines()[:5])
        with kind(True, True) as receiver:
            for what, certificate, key in (("no certificate", "", ""),
                                           ("a stranger's certificate", other[0], pathlib.Path(other[1]).read_text())):
                with Drive("syslog", **settings(receiver, certificate=certificate, key=key, confirm="read")) as drive:
                    answer = window.send(drive)
                    check(answer[0] == 0, f"{kind.__name__}: {what} of ours", answer)
            check(receiver.lines() == [], f"{kind.__name__}: nothing came", receiver.lines()[:3])


def restarts(kind, tls, folder):
    """A receiver that restarts between windows: the closed connection is noticed before it is written to, so that with
    confirm=received, too, each message is there once. While it is away rows wait."""
    name = f"{kind.__name__}, {'tls' if tls else 'plain'}, restarts"
    with kind(tls) as receiver, Drive("syslog", **settings(receiver, confirm="received")) as drive:
        wanted = []
        for k in range(4):
            window = Window(folder, 4096 * (k + 1), rows(300 * k, 100))
            if k > 0:
                receiver.stop()
                answer = window.send(drive)
                check(answer[:3] == (0, 100, 0) and "refused" in answer[3], f"{name}: away", answer)
                receiver.up()
            answer = window.send(drive)
            check(answer[:3] == (100, 0, 0), f"{name}: back", answer)
            wanted += window.messages
            receiver.wait_for_lines(len(wanted))  # read, before it is stopped: 'received' promises no more
        check(receiver.lines() == wanted, f"{name}: each message once", len(receiver.lines()), len(wanted))


def torn_apart(lines):
    """(whole lines, torn pieces): the kernel may end a write of a killed program between two pages, and what comes next is
    appended right there."""
    whole, torn = [], []
    for line in lines:
        at = line.rfind(b"<131>1 ")
        if at > 0:
            torn.append(line[:at])
        whole.append(line[max(at, 0):])
    return whole, torn


class Killer:
    """Kills the receiver at random moments and brings it back, until told to stop."""

    def __init__(self, receiver, seed):
        self.receiver, self.rng = receiver, random.Random(seed)
        self.count = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def work(self):
        while not self.is_over.wait(self.rng.uniform(0.01, 0.15)):
            self.receiver.stop(kill=True)
            self.count += 1
            self.receiver.up()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


def killed(rounds, folder):
    done, again, count, sent = set(), set(), 0, 0
    with Rsyslog(True) as receiver:
        with Drive("syslog", **settings(receiver, confirm="read")) as drive, Killer(receiver, 7) as killer:
            until = time.monotonic() + 60 + rounds
            while killer.count < rounds and time.monotonic() < until:
                window = Window(folder, 4096 * (count + 1), [row(n, "x" * (n % 7 * 200)) for n in range(ROWS * count, ROWS * (count + 1))])
                count += 1
                while time.monotonic() < until:
                    answer = window.send(drive)
                    sent += 1
                    if answer[0] == len(window.texts):
                        done.update(window.messages)
                        break
                    check(answer[:3] == (0, len(window.texts), 0), "killed: all or nothing is done", answer)
                    again.update(window.messages)
                    time.sleep(0.01)  # as the pump would pause
        receiver.stop()
        whole, torn = torn_apart(receiver.lines())
        got = collections.Counter(whole)
    check(killer.count >= rounds, f"killed: {rounds} times", killer.count)
    check(len(done) == ROWS * count, "killed: all is done at last", len(done))
    there = set(got)
    check(done <= there, "killed: what was called done is there", len(done - there), sorted(done - there)[:2])
    check(there <= done, "killed: whole messages, and nobody else's", len(there - done), [m[:300] for m in there - done][:2])
    check(len(torn) <= killer.count and all(any(m.startswith(t) for m in again) for t in torn),
          "killed: at most the message that was being written is torn, and was sent again", [t[:300] for t in torn][:2])
    doubled = {m for m, n in got.items() if n > 1}
    check(doubled <= again, "killed: twice only what was to be sent again", len(doubled - again))
    print(f"killed {killer.count} times: {count} windows of {ROWS} rows, sent {sent} times; {len(there)} rows there, "
          f"{len(doubled)} of them more than once", flush=True)


def daemon(folder):
    """A data export setting, the pump and rsyslog, which is killed twice: each row comes, the one that is too long is parked."""
    with Rsyslog(True) as receiver:
        resource = {"id": hubs_id("soc-syslog"), "kind": "syslog",
                    "settings": {"address": receiver.address, "ca_file": receiver.ca_file, "confirm": "read",
                                 "hostname": "gateway-1", "message_bytes": 65536}}
        with Daemon(config={"resources": [resource]}) as penstock:
            penstock.start()
            penstock.put_setting("siem", hubs=hubs_id("soc-syslog"), tables=(TABLE,), profile="bare", lingerMs=50)
            count = 6000
            for first in range(0, count, 500):
                body = "".join(row(n, "pad") + "\n" for n in range(first, first + 500))
                answer = penstock.post(TABLE, body.encode())
                check(answer.status == 200, "rows are taken", answer)
                if first in (1500, 3500):
                    receiver.stop(kill=True)
                    receiver.up()
            answer = penstock.post(TABLE, row(count, "z" * 70000).encode() + b"\n" + row(count + 1).encode())
            check(answer.status == 200, "a long row is taken", answer)
            try:
                penstock.wait_delivered("siem")
            except Failed as why:
                check(False, "all is delivered", why)
            status = penstock.export("siem")
            code, out, errors = penstock.run("export", "parked", "list", "siem", "--json")
            parked = json.loads(out)["value"] if code == 0 else errors
            check(code == 0 and len(parked) == 1 and "message_bytes (65536)" in parked[0]["reason"], "the long row is parked",
                  parked)
            receiver.wait_for_lines(count + 1)
        receiver.stop()
        seen = {}
        whole, torn = torn_apart(receiver.lines())
        check(len(torn) <= 2, "at most a message a kill is torn", len(torn))
        for line in whole:
            found = re.fullmatch(rb'<131>1 \S+ gateway-1 penstock - DeviceEvents \[.* id="([-0-9a-f]+)"\] (\{.*\})', line)
            if not check(found is not None, "a whole message", line[:200]):
                continue
            number = json.loads(found.group(2))["n"]
            check(seen.setdefault(number, found.groups()) == found.groups(), "a repetition has the same id and bytes", line[:200])
        wanted = set(range(count)) | {count + 1}
        check(set(seen) == wanted, "every row came", len(seen), sorted(wanted - set(seen))[:5], status)
        check(len({i for i, _ in seen.values()}) == len(seen), "no two have one id")
        check(all(text.decode() == row(n, "pad")[:-1] + ',"MachineGroup":null}' for n, (_, text) in seen.items()
                  if n < count), "byte for byte", seen.get(7))


def main():
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 20

    def section(function, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            function(*arguments, pathlib.Path(folder))

    for kind in RECEIVERS:
        for tls, certificate in ((False, False), (True, False), (True, True)):
            section(exact, kind, tls, certificate)
        for tls in (False, True):
            section(restarts, kind, tls)
    section(newlines)
    section(formats)
    section(trust)
    section(killed, rounds)
    section(daemon)
    peers.end()


main()
