"""Runs the public conformance cases (see CONTRIBUTING.md) where they are present: beside the repository in ../shared, or
where PENSTOCK_SHARED says. They belong to others and are not part of the project."""
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))
import peers  # noqa: E402

# suite, tier (None: all), least share that must pass, by the row engine and by DuckDB: what is reached, so that nothing is lost again. What fails in docs core
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


PENSTOCK = peers.BUILD / "penstock"


def run_suite(shared, runner, engine, suite, tier, floor):
    command = [sys.executable, str(runner), "--batch-cmd", f"{PENSTOCK} query --batch --engine {engine}",
               str(shared / f"cases-{suite}-public.jsonl"), "--list-failures"]
    done = subprocess.run(command + (["--tier", tier] if tier else []), stdout=subprocess.PIPE, timeout=600)
    text = done.stdout.decode(errors="replace")
    counts = re.findall(r"(\d+) passed, (\d+) failed", text)
    name = f"{engine} {suite} {tier or 'all'}"
    if not peers.check(bool(counts), f"{name}: the runner counts", text[-2000:]):
        return
    passed, failed = map(int, counts[-1])
    print(f"{name:20} {passed} of {passed + failed} ({passed / max(passed + failed, 1):.1%}), at least {floor:.0%}")
    if not peers.check(passed >= floor * (passed + failed), f"{name}: at least {floor:.0%}"):
        print(text[-4000:])


def check_sql(shared):
    """The row engine steps in where DuckDB refuses SQL of ours: in none of the suites may it have to."""
    lines = []
    for path in sorted(shared.glob("cases-*-public.jsonl")):
        for case in map(json.loads, path.read_text().splitlines()):
            lines.append(json.dumps({"id": case["id"], "query": case["query"]}))
    done = subprocess.run([str(PENSTOCK), "query", "--batch", "--engine", "duckdb"], input="\n".join(lines).encode(),
                          capture_output=True, timeout=600)
    errors = done.stderr.decode(errors="replace")
    peers.check(done.stdout.count(b"\n") == len(lines), "duckdb: an answer to each query", errors[-2000:])
    peers.check("refused the SQL" not in errors, "duckdb: it takes all SQL", errors[-2000:])


def main():
    shared = pathlib.Path(os.environ.get("PENSTOCK_SHARED", peers.ROOT.parent / "shared")) / "kql"
    runner = shared / "run_cases.py"
    if not runner.exists():
        print("skipped: the conformance cases are not here (PENSTOCK_SHARED)")
        peers.end()
    engines = ["rows"]
    if subprocess.run([str(PENSTOCK), "query", "--engine", "duckdb", "print 1"], stdout=subprocess.DEVNULL).returncode == 0:
        engines.append("duckdb")
    else:
        print("skipped: the suites by DuckDB, which this build is without")
    for engine in engines:
        for suite, tier, floor in FLOORS:
            run_suite(shared, runner, engine, suite, tier, floor)
    if "duckdb" in engines:
        check_sql(shared)
    peers.end()


if __name__ == "__main__":
    main()
