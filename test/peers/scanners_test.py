#!/usr/bin/env python3
"""The importers against the scanners themselves: Lynis audits this system, OpenSCAP evaluates the benchmark under
test/scanners; what they write is read by posture_import_test, which checks what src/posture/import.h promises of any
report. A scanner that is not installed is skipped."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
from check import Checks  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("PENSTOCK_BUILD", ROOT / "build")) / "test" / "posture_import_test"
SAMPLE = ROOT / "test" / "scanners" / "sample-xccdf.xml"
# What "oscap ds sds-compose" made of the sample; OpenSCAP 1.4 composes no longer.
STREAM = """<?xml version="1.0" encoding="utf-8"?>
<ds:data-stream-collection xmlns:ds="http://scap.nist.gov/schema/scap/source/1.2" xmlns:xlink="http://www.w3.org/1999/xlink"
    xmlns:cat="urn:oasis:names:tc:entity:xmlns:xml:catalog" id="scap_penstock_collection_sample" schematron-version="1.2">
  <ds:data-stream id="scap_penstock_datastream_sample" scap-version="1.2" use-case="OTHER">
    <ds:checklists><ds:component-ref id="scap_penstock_cref_xccdf" xlink:href="#scap_penstock_comp_xccdf">
      <cat:catalog><cat:uri name="sample-oval.xml" uri="#scap_penstock_cref_oval"/></cat:catalog>
    </ds:component-ref></ds:checklists>
    <ds:checks><ds:component-ref id="scap_penstock_cref_oval" xlink:href="#scap_penstock_comp_oval"/></ds:checks>
  </ds:data-stream>
  <ds:component id="scap_penstock_comp_oval" timestamp="2026-01-01T00:00:00">%s</ds:component>
  <ds:component id="scap_penstock_comp_xccdf" timestamp="2026-01-01T00:00:00">%s</ds:component>
</ds:data-stream-collection>
"""
check = Checks()


def imported(path):
    """What the import says came of it: (assessments, findings, scopes); nothing if a promise was broken."""
    done = subprocess.run([PROGRAM, path], capture_output=True, text=True, timeout=120, cwd=ROOT)
    said = re.search(r"(\d+) metadata, (\d+) assessments, (\d+) findings, (\d+) scopes", done.stdout)
    check(f"{path.name} is imported, twice with the same bytes", done.returncode == 0 and said, done.stdout, done.stderr)
    return tuple(int(n) for n in said.groups()[1:]) if said and done.returncode == 0 else (0, 0, 0)


def lynis(folder):
    report = folder / "lynis-report.dat"
    subprocess.run(["lynis", "audit", "system", "--quick", "--quiet", "--no-colors", "--report-file", report,
                    "--logfile", folder / "lynis.log"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL, timeout=300)
    assessments, findings, scopes = imported(report)
    text = report.read_text(errors="replace")
    ran = re.search(r"^tests_executed=(.*)$", text, re.M).group(1).strip("|").split("|")
    said = len(re.findall(r"^(?:warning|suggestion|details|vulnerable_package)\[\]=", text, re.M))
    check("every test that ran is an assessment", assessments >= len(set(ran)), assessments, len(ran))
    check("every warning, suggestion, detail and package is a finding", findings == said, findings, said)
    check("the machine is covered", scopes == 1, scopes)


def document(path):
    """Its root element: what can stand inside another document."""
    return re.sub(r"^\s*<\?xml.*?\?>", "", path.read_text())


def openscap(folder):
    for option, name in (("--results", "xccdf.xml"), ("--results-arf", "arf.xml")):
        source = SAMPLE
        if option == "--results-arf":  # an ARF collection quotes a data stream
            source = folder / "stream.xml"
            source.write_text(STREAM % (document(SAMPLE.parent / "sample-oval.xml"), document(SAMPLE)))
        subprocess.run(["oscap", "xccdf", "eval", "--profile", "xccdf_example.penstock_profile_all", option, folder / name,
                        source], cwd=SAMPLE.parent, stdout=subprocess.DEVNULL, timeout=120)
        check(f"{name}: five rules were selected", imported(folder / name) == (5, 0, 1))


def main():
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is not there: build first (cmake -S . -B build -G Ninja -DBUILD_TESTING=ON && ninja -C build)")
    with tempfile.TemporaryDirectory() as folder:
        for scanner, package, function in (("lynis", "lynis", lynis), ("oscap", "openscap-scanner", openscap)):
            if shutil.which(scanner, path=os.environ["PATH"] + ":/usr/sbin"):
                check.run(scanner, function, pathlib.Path(folder))
            else:
                check.skip(scanner, f"it is not installed (apt-get install {package})")
    check.end()


main()
