#!/usr/bin/env python3
"""penstock query against a daemon whose workspace has rows, penstock saved, and the terminal.

    test/e2e/query_test.py [SECTION ...]

What the command prints of a daemon's answer is what it prints of its own engine's: values exact, formats, the places of what is
wrong. Stored functions are a tenant's own. The terminal is a real one (a pty)."""
import argparse
import csv
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import select
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib")]
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import PENSTOCK, SUBSCRIPTION, TENANT, Daemon, has_workspaces, rows  # noqa: E402

A, B = TENANT, "11111111-2222-4333-8444-555555555555"
SOC = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc"
TYPES = ("print d = datetime(2026-01-02 03:04:05.1234567), e = decimal(1.20), g = guid(74be27de-1e4e-49d9-b579-fe0b331d3642), "
         "l = 9007199254740993, t = 1d + 0.5s, r = 0.1, n = real(nan), b = true, j = dynamic({'a': [1, 2.5, null]}), z = long(null), "
         "s = 'ü, \"q\"\\n'")
check = Checks()


class Run:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __str__(self):
        return f"exit {self.code}\n{self.out}\n{self.err}"


class Bench:
    """A daemon, two tenants that share a workspace, 300 rows of A and 5 of B."""

    def __enter__(self):
        self.daemon = Daemon()
        self.daemon.write_config(tenants=[{"id": A, "name": "a"}, {"id": B, "name": "b"}], hunting={"workspace": "soc"},
                                 resources=[{"id": SOC, "kind": "workspace", "settings": {"path": str(self.daemon.folder / "soc.duckdb")}}])
        self.daemon.start()
        for tenant, count in ((A, 300), (B, 5)):
            self.daemon.put_workspace("soc", SOC, tenant=tenant, lingerMs=20)
            answer = self.daemon.post("DeviceEvents", rows(1, count, pad="p"), tenant=tenant)
            if answer.status != 200:
                raise Failed(f"ingest: {answer}")
        self.daemon.wait_delivered("soc")
        self.daemon.wait_delivered("soc", tenant=B)
        wait_for(lambda: self("query", "DeviceEvents | count", "--format", "csv", tenant=A).out == "Count\r\n300\r\n", 10, "the rows are there")
        return self

    def __exit__(self, *_):
        self.daemon.end()

    def environment(self, tenant=None, **more):
        known = {k: v for k, v in os.environ.items() if not k.startswith(("PENSTOCK_", "LC_", "LANG"))}
        known |= {"PENSTOCK_DATA": str(self.daemon.data), "PENSTOCK_URL": self.daemon.url, "LC_ALL": "C.UTF-8", **more}
        return known | ({"PENSTOCK_TENANT": tenant} if tenant else {})

    def __call__(self, *words, tenant=None, text=None, **more):
        run = subprocess.run([PENSTOCK, *words], env=self.environment(tenant, **more), **({"input": text} if text is not None else {"stdin": subprocess.DEVNULL}),
                             capture_output=True, timeout=60)
        return Run(run.returncode, run.stdout.decode(), run.stderr.decode())


def plain(bench, *words, **more):
    run = bench("query", *words, "--format", "csv", **more)
    if run.code != 0:
        raise Failed(f"{words}: {run}")
    return list(csv.reader(io.StringIO(run.out, newline="")))


# ---- queries ----

def remote():
    with Bench() as bench:
        check("a table of the catalog is the daemon's", plain(bench, "DeviceEvents | count", tenant=A) == [["Count"], ["300"]])
        check("each tenant sees its own", plain(bench, "DeviceEvents | count", tenant=B) == [["Count"], ["5"]])
        check("an operator sees all", plain(bench, "DeviceEvents | count") == [["Count"], ["305"]])
        there, here = plain(bench, TYPES, "--workspace-name", "soc"), plain(bench, TYPES, "--local")
        check("values come back exact", there == here, there, here)
        for form in ("json", "ndjson", "markdown", "table"):
            both = [bench("query", TYPES, "--format", form, *where).out for where in (("--workspace-name", "soc"), ("--local",))]
            check(f"{form} as here", both[0] == both[1], *both)
        check("--json is a format", bench("query", "DeviceEvents | count", "--json", tenant=A).out.endswith("[300]]}\n"))
        check("a query by standard input", "300" in bench("query", "-", tenant=A, text=b"DeviceEvents\n| count").out)
        hunting, workspace = (plain(bench, "DeviceEvents | getschema | project ColumnName", "--shape", s, tenant=A) for s in ("hunting", "workspace"))
        check("columns of hunting", ["Timestamp"] in hunting and ["TimeGenerated"] not in hunting)
        check("columns of a workspace", ["TimeGenerated"] in workspace and ["TenantId"] in workspace)
        both = plain(bench, "DeviceEvents | where Timestamp == TimeGenerated | count", "--shape", "both", tenant=A)
        check("both", both == [["Count"], ["300"]], both)
        early = plain(bench, "DeviceEvents | count", "--timespan", "2020-01-01/2020-02-01", tenant=A)
        check("a time span", early == [["Count"], ["0"]], early)
        check("parameters", plain(bench, "declare query_parameters(n: long); DeviceEvents | where ReportId < n | count", "--parameter", "n=4",
                                  tenant=A) == [["Count"], ["3"]])
        cut = bench("query", "DeviceEvents | project ReportId", "--max-rows", "2", "--format", "csv", tenant=A)
        check("fewer rows than there are: said", cut.code == 0 and cut.out.count("\r\n") == 3 and "rows are missing" in cut.err, cut)
        shown = bench("query", "DeviceEvents | project ReportId", "--check", "--workspace-name", "soc", "--format", "csv", tenant=A)
        check("--check by the daemon", "ReportId,0,System.Int64,long" in shown.out, shown)
        explained = bench("query", "DeviceEvents | where ReportId < 3", "--explain", "--workspace-name", "soc", tenant=A)
        check("--explain by the daemon", explained.code == 0 and "DeviceEvents" in explained.out, explained)
        by_name = [plain(bench, "DeviceEvents | count", "--workspace-name", n, tenant=A) for n in ("soc", "SOC", SOC)]
        check("by name in any case and by resource id", all(v == [["Count"], ["300"]] for v in by_name), by_name)
        union = plain(bench, "union * | count", tenant=A)
        check("a wildcard is of the daemon's tables", int(union[1][0]) >= 300, union)


def wrong():
    with Bench() as bench:
        run = bench("query", "DeviceEvents\n| where 'ü' == Nope", tenant=A)
        check("the place of what is wrong", run.code == 1 and "query:2:16: error KQL102: " in run.err and
              "\n    | where 'ü' == Nope\n                   ^^^^\n" in run.err, run)
        run = bench("query", "DeviceEvents | where (", tenant=A)
        check("a wrong syntax is told here", run.code == 1 and "KQL001" in run.err, run)
        run = bench("query", "DeviceEventz | take 1", tenant=A)
        check("an unknown table", run.code == 1 and "did you mean 'DeviceEvents'" in run.err, run)
        run = bench("query", "DeviceEvents | take 1", "--workspace-name", "nope", tenant=A)
        check("an unknown workspace", run.code == 1 and "nope" in run.err, run)
        run = bench("query", "DeviceEvents | take 1", "--token", "pst_x", tenant=A)
        check("a wrong token", run.code == 2 and "token" in run.err and "pst_x" not in run.err, run)
        run = bench("query", "DeviceEvents | where DeviceName == h'swordfish' and Nope > 1", tenant=A)
        check("no secret in errors", run.code == 1 and "swordfish" not in run.err, run)
        run = bench("query", "range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) == 'x' | count", "--limit-time", "1",
                    "--workspace-name", "soc", tenant=A)
        check("a time limit", run.code == 3 and run.err, run)
        run = bench("query", "DeviceEvents | take 1", PENSTOCK_URL="http://127.0.0.1:1")
        check("no daemon", run.code == 3 and "penstock serve" in run.err and "--table NAME=FILE" in run.err, run)
        run = bench("query", "print 1", "--format", "csv", PENSTOCK_URL="http://127.0.0.1:1")
        check("what needs no table needs no daemon", run.code == 0 and run.out == "print_0\r\n1\r\n", run)
        run = bench("query", "--local", "DeviceEvents | take 1")
        check("--local asks nobody", run.code == 1 and "no rows were given" in run.err, run)
        run = bench("query", "print 1", "--local", "--watch", "1")
        check("files and a daemon at once", run.code == 2, run)
        run = bench("query", "DeviceEvents | invoke _Im_Files('SHA1')", tenant=A)
        check("what is not built teaches", run.code == 1 and "_Im_Files() is" in run.err and "not built" in run.err, run)


def saved():
    with Bench() as bench:
        for words in (("set", "Few", "--query", "DeviceEvents | where ReportId < n", "--parameters", "n:long=4", "--description", "the first ones"),
                      ("set", "OfWs", "--function", "--query", "Few(3) | project ReportId", "--workspace-name", "soc"),
                      ("set", "FileProfile", "--query", "t | extend Signer = strcat('signer of ', c), Limit = n",
                       "--parameters", "t:(*), c:string, n:long=1000"),
                      ("set", "all of them", "--query", "DeviceEvents | count")):
            run = bench("saved", *words, tenant=A)
            check(f"saved {' '.join(words[:2])}", run.code == 0, run)
        check("a view", plain(bench, "Few | count", tenant=A) == [["Count"], ["3"]])
        check("a function", plain(bench, "Few(10) | count", tenant=A) == [["Count"], ["9"]])
        check("one that calls it", plain(bench, "OfWs | count", tenant=A) == [["Count"], ["2"]])
        profile = plain(bench, "DeviceEvents | take 1 | invoke FileProfile('SHA1', 500) | project Signer, Limit", tenant=A)
        check("FileProfile of one's own", profile == [["Signer", "Limit"], ["signer of SHA1", "500"]], profile)
        run = bench("query", "Few | count", tenant=B)
        check("not another tenant's", run.code == 1 and "no table 'Few'" in run.err, run)
        listed = bench("saved", "list", "--workspace-name", "soc", "--json", tenant=A)
        check("listed", [v["name"] for v in json.loads(listed.out)["value"]] == ["all of them", "Few", "FileProfile", "OfWs"], listed)
        check("for people", "the first ones" in bench("saved", "list", tenant=A).out)
        check("nothing for the other tenant", json.loads(bench("saved", "list", "--json", tenant=B).out)["value"] == [])
        shown = bench("saved", "show", "Few", "--json", tenant=A)
        path = bench.daemon.folder / "few.json"
        path.write_text(shown.out)
        check("what show prints set takes", bench("saved", "set", "Few2", str(path), tenant=A).code == 0 and
              plain(bench, "Few2(2) | count", tenant=A) == [["Count"], ["1"]])
        run = bench("saved", "run", "Few", "6", "--format", "csv", tenant=A)
        check("run with a value", run.code == 0 and run.out.count("\r\n") == 6, run)
        check("run a query", "300" in bench("saved", "run", "all of them", tenant=A).out)
        run = bench("saved", "set", "Bad", "--query", "DeviceEvents\n| where Nope > n", "--parameters", "n:long", tenant=A)
        check("a wrong one is not saved, with its place", run.code == 1 and "query:2:9" in run.err, run)
        run = bench("saved", "set", "Few", "--query", "OfWs | take n", "--parameters", "n:long", "--workspace-name", "soc", tenant=A)
        check("one that calls itself by way of another", run.code == 1 and "Few -> OfWs -> Few" in run.err, run)
        bench("saved", "set", "Few", "--query", "DeviceEvents | take 1", "--parameters", "", tenant=A)
        run = bench("query", "OfWs | count", tenant=A)
        check("a function that was changed below another: said which", run.code == 1 and "in function 'OfWs'" in run.err and
              "query:1:1" in run.err, run)
        bench("saved", "delete", "FileProfile", tenant=A)
        again = plain(bench, "DeviceEvents | take 1 | invoke FileProfile('SHA1') | project ProfileAvailability", tenant=A)
        check("deleted: the workspace's own again", again[0] == ["ProfileAvailability"] and len(again) == 2, again)
        check("deleted twice", bench("saved", "delete", "FileProfile", tenant=A).code == 1)
        reader = bench.daemon.make_token(A, "SecurityReader")["token"]
        wait_for(lambda: bench("saved", "list", PENSTOCK_TOKEN=reader).code == 0, 10, "the token is known")
        check("a reader does not write", bench("saved", "set", "x", "--query", "print 1", PENSTOCK_TOKEN=reader).code == 2)
        bench.daemon.stop()
        bench.daemon.start()
        check("they outlive the daemon", plain(bench, "Few2(2) | count", tenant=A) == [["Count"], ["1"]])


def watch():
    with Bench() as bench:
        process = subprocess.Popen([PENSTOCK, "query", "DeviceEvents | count", "--watch", "0.2", "--format", "csv"], env=bench.environment(A),
                                   stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        try:
            check("the first answer", process.stdout.readline() + process.stdout.readline() == b"Count\r\n300\r\n")
            bench.daemon.post("DeviceEvents", rows(301, 1, pad="p"))
            ready, _, _ = select.select([process.stdout], [], [], 20)
            check("only what differs is printed", bool(ready) and process.stdout.readline() + process.stdout.readline() == b"Count\r\n301\r\n")
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)


# ---- the terminal ----

class Terminal:
    def __init__(self, *words, environment, rows=30, columns=100):
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(PENSTOCK, ["penstock", *words], environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, seconds=20):
        """What was printed up to the pattern; taken away."""
        until = time.monotonic() + seconds
        while True:
            found = re.search(pattern.encode(), self.seen, re.S)
            if found:
                before = self.seen[:found.end()]
                self.seen = self.seen[found.end():]
                return before.decode(errors="replace")
            if time.monotonic() > until:
                raise Failed(f"no {pattern!r} in {self.seen!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65536)
                except OSError:
                    raise Failed(f"it ended without {pattern!r}: {self.seen!r}") from None

    def press(self, key, pattern):
        """A key until the pattern comes: one that is pressed while libedit sets the terminal, between two reads, moves nothing."""
        for _ in range(20):
            self.send(key)
            try:
                return self.expect(pattern, 1)
            except Failed:
                pass
        return self.expect(pattern)

    def end(self):
        """The exit code; the key is pressed again for the reason above."""
        until, again = time.monotonic() + 20, 0
        while time.monotonic() < until:
            if time.monotonic() > again:
                os.write(self.fd, b"\x04")
                again = time.monotonic() + 1
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    break
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def terminal():
    with Bench() as bench, tempfile.TemporaryDirectory() as home:
        # libedit keeps the names of functions that are added to it
        environment = bench.environment(A, HOME=home, TERM="xterm") | {"NO_COLOR": "1", "ASAN_OPTIONS": "detect_leaks=0"}
        environment.pop("XDG_STATE_HOME", None)
        history = pathlib.Path(home, ".local/state/penstock/query-history")
        t = Terminal("query", environment=environment)
        try:
            t.expect("kql> ")
            t.send("DeviceEvents | count;\r")
            check("a query ends with ;", "300" in t.expect("kql> "))
            t.send("DeviceEvents\r")
            t.expect(r"\| ")
            t.send("| count\r")
            t.send("\r")
            check("or an empty line", "300" in t.expect("kql> "))
            t.send("let n = 3;\r")
            t.expect(r"   \| ")
            check("a let is no query yet", True)
            t.send("DeviceEvents | where ReportId < n | count;\r")
            check("the query behind it is", re.search(r"\b2\b", t.expect("kql> ")))
            t.send("DeviceEv\t")
            t.expect("ents")
            check("a table's name is completed", True)
            t.send("| where Repo\t")
            t.expect("rtId")
            check("and a column's", True)
            t.send("< 6 | count;\r")
            check("and what came of it runs", re.search(r"\b5\b", t.expect("kql> ")))
            t.send("DeviceEvents | where Nope;\r")
            check("a mistake has its place", "^^^^" in t.expect("kql> "))
            t.send("print h'swordfish';\r")
            t.expect("kql> ")
            t.send("DeviceEvents | where (")
            t.expect(r"where \(")  # it reads
            t.press("\x03", "kql> ")
            check("Ctrl-C drops what was begun", True)
            t.send("print 77;\r")
            t.expect("kql> ")
            t.send("\x1b[A\r")
            check("the arrow brings back", "77" in t.expect("kql> "))
            t.send("range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) == 'x' | count;\r")
            t.expect("count;")
            time.sleep(0.3)  # until it runs
            t.press("\x03", "kql> ")
            check("Ctrl-C ends a query that runs", True)
            t.send("range i from 1 to 100000000000 step 1 | where hash_sha256(tostring(i)) in ((DeviceEvents | project DeviceId)) | count;\r")
            t.expect("count;")
            time.sleep(0.3)
            t.press("\x03", "kql> ")
            check("and one that the daemon runs", True)
            t.send("DeviceEvents | summarize n = count() by ActionType | render barchart;\r")
            check("render draws", "█" in t.expect("kql> "))
            t.send("range x from 1 to 9 step 1 | extend y = x * x | render linechart;\r")
            drawn = t.expect("kql> ")
            check("lines, as wide as the terminal", "└" in drawn and 80 < max(map(len, drawn.splitlines())) <= 110, drawn)
            check("without colour, as asked", "\x1b[36m" not in drawn)
            t.send("range x from 1 to 2 step 1 | render treemap;\r")
            check("what is not drawn is a table", "not drawn here" in t.expect("kql> "))
            for line, wanted in ((".help", "Tab completes"), (".tables DeviceProc", "DeviceProcessEvents"), (".columns DeviceInfo", "OSPlatform"),
                                 (".format csv", ""), (".workspace nope", ""), (".nonsense", "no command")):
                t.send(line + "\r")
                check(line, wanted in t.expect("kql> "))
            t.send("DeviceEvents | count;\r")
            check(".workspace is asked", "nope" in t.expect("kql> "))
            t.send(".workspace\r")
            t.expect("kql> ")
            t.send("DeviceEvents | count;\r")
            check("and the default one again, as CSV", "Count\r\n300" in t.expect("kql> ").replace("\r\r", "\r"))
            check("the end of input ends it", t.end() == 0)
        finally:
            t.kill()
        text = history.read_text()
        check("what was asked is kept", "swordfish" not in text and "77" in text and "let" in text, text)
        check("for the user alone", stat.S_IMODE(history.stat().st_mode) == 0o600 and
              stat.S_IMODE(history.parent.stat().st_mode) == 0o700, oct(history.stat().st_mode))
        t = Terminal("query", environment=environment)
        try:
            t.expect("kql> ")
            t.send("\x1b[A")
            t.expect("count")
            check("and is there the next time", True)
            t.press("\x03", "kql> ")
            check("the second ends well", t.end() == 0)
        finally:
            t.kill()
        t = Terminal("query", "DeviceEvents | count", "--watch", "0.2", environment=environment)
        try:
            t.expect(r"\x1b\[H\x1b\[2Jevery 0.2 s")
            t.expect("300")
            t.expect(r"\x1b\[H\x1b\[2Jevery 0.2 s")
            check("--watch draws in place", True)
            os.write(t.fd, b"\x03")
            check("Ctrl-C ends it", os.waitstatus_to_exitcode(os.waitpid(t.pid, 0)[1]) == -signal.SIGINT)
        finally:
            t.kill()


SECTIONS = {"remote": remote, "wrong": wrong, "saved": saved, "watch": watch, "terminal": terminal}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    options = options.parse_args()
    if not has_workspaces():
        check.skip("queries", "this build has no workspace")
        check.end()
    for name in options.sections or SECTIONS:
        check.run(name, SECTIONS[name])
    check.end()


main()
