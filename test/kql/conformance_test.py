"""Runs the public conformance cases (see CONTRIBUTING.md) where they are present: beside the repository in ../shared, or
where PENSTOCK_SHARED says. They belong to others and are not part of the project."""
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))
import peers  # noqa: E402

# suite, tier (None: all), least share that must pass: what is reached, so that nothing is lost again. What fails in docs core
# are hash_combine() and hash_many(), which are not built since their algorithm is not published, and a page that prints a no-break space as a blank; in
# schema what is not built (plugins that ask other services, geo_simplify_polygons_array()), and functions of several results under one
# name, where the engine gives the first and the binder all.
FLOORS = [
    ("docs", "core", 0.98),
    ("docs", None, 0.75),
    ("kustainer", None, 0.99),
    ("loco", None, 1.00),
    ("schema", None, 0.94),
    ("reject", None, 1.00),
]


def main():
    shared = pathlib.Path(os.environ.get("PENSTOCK_SHARED", peers.ROOT.parent / "shared")) / "kql"
    runner = shared / "run_cases.py"
    if not runner.exists():
        print("skipped: the conformance cases are not here (PENSTOCK_SHARED)")
        peers.end()
    for suite, tier, floor in FLOORS:
        command = [sys.executable, str(runner), "--batch-cmd", f"{peers.BUILD / 'penstock'} query --batch",
                   str(shared / f"cases-{suite}-public.jsonl"), "--list-failures"]
        done = subprocess.run(command + (["--tier", tier] if tier else []), stdout=subprocess.PIPE, timeout=600)
        text = done.stdout.decode(errors="replace")
        counts = re.findall(r"(\d+) passed, (\d+) failed", text)
        name = f"{suite} {tier or 'all'}"
        if not peers.check(bool(counts), f"{name}: the runner counts", text[-2000:]):
            continue
        passed, failed = map(int, counts[-1])
        print(f"{name:15} {passed} of {passed + failed} ({passed / max(passed + failed, 1):.1%}), at least {floor:.0%}")
        if not peers.check(passed >= floor * (passed + failed), f"{name}: at least {floor:.0%}"):
            print(text[-4000:])
    peers.end()


if __name__ == "__main__":
    main()
