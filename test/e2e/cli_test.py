#!/usr/bin/env python3
"""The command line as a person and a script meet it: --help of everything, exit codes, errors that begin with the command's name, --json
that is JSON, one data folder for all commands, no secrets in what is shown."""
import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from check import Checks  # noqa: E402
from daemon import PENSTOCK, TENANT, Daemon, rows, storage_id  # noqa: E402

check = Checks()
COMMANDS = ["serve", "send", "tail", "export", "status", "schema", "token", "config", "journal", "replay", "generate"]
SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="


def run(*arguments, **environment):
    done = subprocess.run([PENSTOCK, *arguments], capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
                          env=dict(os.environ, **environment))
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def helps(daemon):
    code, out, errors = run("--help")
    check("--help lists every command", code == 0 and not errors and all(f"\n  {c} " in out for c in COMMANDS), out)
    for command in COMMANDS:
        code, out, errors = run(command, "--help")
        check(f"{command} --help", code == 0 and "sage: penstock " + command in out and not errors, code, out[:200], errors)
        check(f"help {command} is the same", run("help", command) == (0, out, ""))
        code, out, errors = run(command, "--no-such-option")
        check(f"{command}: an unknown option is wrong usage and says whose", code == 2 and not out and
              errors.startswith(f"penstock {command}: "), code, out, errors)
    code, out, errors = run("bogus")
    check("an unknown command is wrong usage", code == 2 and not out and "bogus" in errors, code, errors)


def answers(daemon):
    daemon.config["defaultExports"] = True
    daemon.start()
    daemon.post("DeviceEvents", rows(0, 10))
    daemon.wait_delivered("local-archive")
    for words in ("status", "export list", "export show local-archive", "export status", "export status local-archive",
                  "export parked list local-archive", "export parked list --ingest", "schema", "schema DeviceInfo", "token list", "config describe",
                  "journal stats", "journal check"):
        code, out, errors = daemon.run(*words.split(), "--json")
        try:
            json.loads(out)
            fine = code == 0
        except ValueError as why:
            fine, errors = False, why
        check(f"{words} --json is JSON", fine, code, out[:200], errors)
    for words, wanted, text in (
            ("export show nope", 1, "there is no setting 'nope'"),
            ("export show", 2, "export --help"),
            ("schema DeviceInf", 1, "did you mean DeviceInfo?"),
            ("tail nope", 1, "no local event hub 'nope'"),
            ("token create --role god --tenant " + TENANT, 1, "there is no role 'god'"),
            ("token revoke nope", 1, "there is no token"),
            ("config show --json", 2, "--json"),
            ("export replay local-archive --from yesterday", 2, "2026-")):
        code, out, errors = daemon.run(*words.split())
        check(f"{words}: {wanted}, {text}", code == wanted and text in errors and errors.startswith("penstock "), code, out, errors)
    daemon.stop()
    code, _, errors = daemon.run("status")
    check("no daemon: 3, and how to start it", code == 3 and "penstock serve" in errors, code, errors)


def folders(daemon):
    """serve, config and the others mean the same folder."""
    data = str(daemon.folder / "elsewhere")
    code, out, _ = run("config", "show", PENSTOCK_DATA=data)
    check("config show knows PENSTOCK_DATA", code == 0 and f'data: "{data}"' in out, out[:100])
    process = subprocess.Popen([PENSTOCK, "serve", "--listen", "127.0.0.1:0", "--ready-file", str(daemon.ready_file)], cwd=daemon.folder,
                               env=dict(os.environ, PENSTOCK_DATA=data), stderr=subprocess.PIPE)
    try:
        for line in process.stderr:
            if b"takes requests" in line:
                break
        code, out, errors = run("token", "list", PENSTOCK_DATA=data)
        check("serve knows PENSTOCK_DATA, and token finds it there", code == 0 and "Operator" in out, code, errors)
        check("and made nothing elsewhere", not (daemon.folder / "penstock-data").exists())
    finally:
        process.terminate()
        process.communicate()


def secrets(daemon):
    file = daemon.folder / "secret.yaml"
    text = f"AccountName=abcd;AccountKey={SECRET};EndpointSuffix=core.windows.net"
    for name, value in (("whole", "DefaultEndpointsProtocol=https;" + text), ("broken", text.replace("=", "", 1))):
        file.write_text(json.dumps({"resources": [{"id": storage_id("abcd"), "kind": "blob",
                                                   "settings": {"connection_string": value}}]}))
        for words in (["config", "show", str(file)], ["config", "check", "--config", str(file)]):
            code, out, errors = run(*words)
            check(f"{words[1]} of a {name} connection string shows none of it", SECRET[:12] not in out + errors and (out or errors),
                  code, out[-300:], errors)


def replays(daemon):
    for name, text, wanted, says in (("empty", "", 0, ""), ("blank", "\r\n\n \n", 0, ""), ("no records", '{"records":[]}', 1, "holds no record"),
                                     ("no tenant", '{"category":"AdvancedHunting-DeviceInfo","properties":{}}', 1, "tenantId is missing"),
                                     ("one", '{"tenantId":"%s","category":"AdvancedHunting-DeviceInfo","properties":{}}\n' % TENANT, 0, "")):
        file = daemon.folder / "replayed.json"
        file.write_text(text)
        code, out, errors = run("replay", str(file), "--to", str(daemon.folder / "replayed"))
        count = 1 if name == "one" else 0
        check(f"replay of {name}: {wanted}, said once", code == wanted and f"{count} records read" in out
              and errors.count("\n") == (1 if says else 0) and says in errors, code, out, errors)


for title, function in (("help", helps), ("replay", replays), ("answers", answers), ("the data folder", folders), ("secrets", secrets)):
    with Daemon() as daemon:
        check.run(title, function, daemon)
check.end()
