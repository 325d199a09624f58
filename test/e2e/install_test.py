#!/usr/bin/env python3
"""What "cmake --install" lays down: for the default prefix, /usr and a prefix of one's own, with and without DESTDIR."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "test" / "lib"))
from check import Checks  # noqa: E402
from daemon import BUILD  # noqa: E402

check = Checks()
UNITS = ["penstock.service", "penstock-sensor.service"]
NAMES = ["bin/penstock", "bin/penstock-sensor", "share/man/man1/penstock.1", "share/man/man1/penstock-sensor.1",
         *(f"lib/systemd/system/{u}" for u in UNITS), "lib/sysusers.d/penstock.conf", "lib/tmpfiles.d/penstock.conf",
         "share/doc/penstock/LICENSE", "share/doc/penstock/examples/penstock.yaml", "share/doc/penstock/examples/sensor.env"]

if b"/build/deps/duckdb/lib" in (BUILD / "penstock").read_bytes():  # not the system's: it comes along
    NAMES.append("lib/penstock/libduckdb.so")


def install(prefix, staging=None):
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    if staging:
        environment["DESTDIR"] = str(staging)
    done = subprocess.run(["cmake", "--install", str(BUILD), "--prefix", str(prefix)], env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    check("the install ends well, without warnings", done.returncode == 0 and "arning" not in done.stdout, done.stdout)


def lies(prefix, settings, staging):
    """'staging': the folder that stands for / ("" for none)."""
    there = {str(f)[len(str(staging)):] for f in pathlib.Path(staging or prefix).rglob("*") if f.is_file()}
    wanted = {f"{prefix}/{n}" for n in NAMES} | {f"{settings}/penstock.yaml"}
    documents = {f for f in there if f.startswith(f"{prefix}/share/doc/penstock/")}
    check("just what is wanted is there, beside documents", there - documents <= wanted <= there, sorted(there ^ wanted))
    for unit in UNITS:
        text = pathlib.Path(f"{staging}{prefix}/lib/systemd/system/{unit}").read_text()
        program = re.search(r"^ExecStart=(\S+)", text, re.M).group(1)
        check(f"{unit}: its program is there", program in there, program)
        paths = set(re.findall(r"\S*/etc/penstock\b", "".join(
            line for line in text.splitlines(True) if not line.startswith("#"))))
        check(f"{unit}: its settings are the installed ones",
              {p.split("=")[-1].split(":")[-1] for p in paths} == {settings}, paths)
    text = pathlib.Path(f"{staging}{prefix}/lib/tmpfiles.d/penstock.conf").read_text()
    check("the folder of settings is made", f"d {settings} " in text, text)
    done = subprocess.run([f"{staging}{prefix}/bin/penstock", "config", "check", f"{staging}{settings}/penstock.yaml"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    check("the installed settings are right", done.returncode == 0, done.stdout)


def staged(folder, prefix, settings):
    install(prefix, folder / "root")
    lies(prefix, settings, str(folder / "root"))
    yaml = pathlib.Path(f"{folder}/root{settings}/penstock.yaml")
    yaml.write_text("# somebody's\n")
    install(prefix, folder / "root")
    check("settings that are there stay", yaml.read_text() == "# somebody's\n")
    shutil.rmtree(folder / "root")


def own(folder):
    prefix = folder / "own"
    install(prefix)
    lies(str(prefix), f"{prefix}/etc/penstock", "")
    if shutil.which("systemd-analyze"):
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(f"{prefix}/lib/systemd/system/{u}" for u in UNITS)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        check("systemd takes the units", done.returncode == 0 and "penstock" not in done.stdout, done.stdout)
    else:
        check.skip("systemd takes the units", "systemd-analyze is not there")


def manuals():
    if not shutil.which("man") or not shutil.which("groff"):
        check.skip("the manuals are clean", "man and groff are not there")
        return
    for page in ("penstock.1", "penstock-sensor.1"):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(ROOT / "doc" / page)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
        check(f"{page} is clean", done.returncode == 0 and not done.stderr, done.stderr)


with tempfile.TemporaryDirectory() as name:
    where = pathlib.Path(name)
    check.run("the default prefix, staged", staged, where, "/usr/local", "/etc/penstock")
    check.run("a package's prefix, staged", staged, where, "/usr", "/etc/penstock")
    check.run("a foreign prefix, staged", staged, where, "/opt/penstock", "/opt/penstock/etc/penstock")
    check.run("a prefix of one's own", own, where)
    check.run("the manuals", manuals)
check.end()
