"""The binder against Microsoft's own language service (npm @kusto/language-service-next): queries made from a seed, every
operator with every pair of types, every function with every type in every place, and pipelines of operators. Both must
accept or refuse the same ones, and give the same result columns with the same types.

    python3 test/kql/oracle_test.py [--seed N] [--count N] [--show N] [--kind operator|function|pipeline]

What is refused as "not built" (KQL004) is counted apart: it is neither agreement nor difference. Differences that are
known, with their reason, are in EXPLAINED; they still count as differences."""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))
import peers  # noqa: E402

FLOOR = 0.98  # of all that is built

# (pattern of the query's last line, why)
EXPLAINED = [
    (r"v = (series_\w+|array_sort_\w+)\(", "a single name takes the first of several results, as the engine answers; there the rest come too"),
    (r"\b(t \+ t|ts - t|t % \w+|ts % [rd]|o [-+*/%] o)\b", "the engine has no such arithmetic"),
    (r"(array_\w+|strcat_array|bag_\w+|zip|set_\w+)\(.*(dynamic\(\{|bag_pack\()", "the language service knows a literal bag from an array"),
    (r"(dynamic\(\{.*\}\)|bag_pack\(.*\))\[0\]", "the language service knows a literal bag from an array"),
    (r"count\(\w+\)", "the engine takes count(x) and counts all rows"),
    (r"make_timespan\(", "seconds with a fraction (make_timespan page)"),
    (r"(extract|replace_regex|trim\w*|matches regex|split|parse_command_line|unicode_codepoints_to_string|make_string)\W",
     "a constant of the wrong kind is seen here, or taken as its text"),
    (r"format_(datetime|timespan)\(", "parts that the engine refuses are refused here"),
    (r"binary_all_(or|and|xor)\(", "of integers, and long (aggregation page)"),
    (r"v = range\(", "start, stop and step are of one kind (range page)"),
    (r"v = (dcount\w*|hll\w*|prev|next|row_\w+)\(", "what must be a constant for the engine"),
]


def generate(options):
    module = os.environ.get("KQL_ORACLE")
    if module is None:
        peers.install_node()
        module = str(peers.NODE / "node_modules" / "@kusto" / "language-service-next")
    made = subprocess.run(peers.node(HERE / "oracle.js", str(options.seed), str(options.count)), check=True,
                          stdout=subprocess.PIPE, env=dict(os.environ, KQL_ORACLE=module), timeout=600)
    return [json.loads(line) for line in made.stdout.splitlines()]


def answers(queries):
    """What penstock says of each, in one process."""
    asked = "".join(json.dumps({"id": q["id"], "query": q["query"]}) + "\n" for q in queries)
    done = subprocess.run([str(peers.BUILD / "penstock"), "query", "--batch"], input=asked.encode(), check=True,
                          stdout=subprocess.PIPE, timeout=900)
    return {a["id"]: a for a in map(json.loads, done.stdout.splitlines())}


def compare(query, answer):
    """"same", "not built", or what differs."""
    error = answer.get("error")
    if error and any(d["code"] == "KQL004" for d in error.get("diagnostics", [])):
        return "not built"
    if query["accepted"] and error:
        return f"refused here: {error['message'][:150]}"
    if not query["accepted"]:
        return "same" if error else f"accepted here, refused there: {query['codes'][0][:150]}"
    ours = [(c["name"], c["type"]) for c in answer["columns"]]
    theirs = [(c["name"], c["type"]) for c in query["columns"]]
    return "same" if ours == theirs else f"columns here {ours}, there {theirs}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--show", type=int, default=15)
    parser.add_argument("--kind")
    options = parser.parse_args()
    queries = [q for q in generate(options) if options.kind in (None, q["kind"])]
    said = answers(queries)
    tally = collections.defaultdict(collections.Counter)
    differences = []
    for q in queries:
        verdict = compare(q, said[q["id"]]) if q["id"] in said else "no answer"
        kind = verdict if verdict in ("same", "not built") else "different"
        tally[q["kind"]][kind] += 1
        if kind == "different":
            last = q["query"].split("\n", 2)[2]
            why = next((why for pattern, why in EXPLAINED if re.search(pattern, last)), None)
            differences.append((q["kind"], last, verdict, why))
    for kind, counts in sorted(tally.items()):
        judged = counts["same"] + counts["different"]
        print(f"{kind:10} {counts['same']:6} of {judged:6} agree ({counts['same'] / max(judged, 1):.2%}), "
              f"{counts['not built']} not built")
    reasons = collections.Counter(why or "not explained" for _, _, _, why in differences)
    for why, count in reasons.most_common():
        print(f"  {count:5}  {why}")
    for kind, last, verdict, why in [d for d in differences if d[3] is None][:options.show]:
        print(f"  {kind}: {last}\n      {verdict}")
    same = sum(c["same"] for c in tally.values())
    judged = same + sum(c["different"] for c in tally.values())
    peers.check(len(said) == len(queries), "every query has an answer", len(said), len(queries))
    for kind, counts in sorted(tally.items()):
        built = counts["same"] + counts["different"]
        peers.check(built > 0 and counts["same"] >= FLOOR * built, f"{kind}: agreement of at least {FLOOR:.0%}",
                    f"{counts['same']} of {built}")
    print(f"agreement {same} of {judged}: {same / max(judged, 1):.2%}")
    peers.end()


if __name__ == "__main__":
    main()
