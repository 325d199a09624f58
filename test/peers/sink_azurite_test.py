#!/usr/bin/env python3
"""The blob sink against Azurite, read back with @azure/storage-blob: Shared Key, SAS and OAuth, byte for byte.

    test/peers/sink_azurite_test.py [--slow]    --slow: also 50,000 appends to one blob (minutes)"""
import pathlib
import sys
import tempfile

import peers
from peers import ACCOUNT, EMULATOR_KEY, TENANT, Authority, Azurite, Drive, check, examples


def rows_of(body):
    return [r + b"\r\n" for r in body.split(b"\r\n")[:-1]]


def write_examples(drive, folder):
    """Each table's rows in two appends, or one; gives what must be there: {container/name: (bytes, appends)}."""
    expected = {}
    for table, category, hour, body in examples("blob"):
        rows = rows_of(body)
        pieces = [p for p in (b"".join(rows[:1]), b"".join(rows[1:])) if p]
        for number, piece in enumerate(pieces):
            path = folder / f"{table}-{number}"
            path.write_bytes(piece)
            answer = drive(f"send {TENANT} {category} {hour} {path}")
            check(answer == "done", f"{table}: append {number}", answer)
        name = f"insights-logs-{category.lower()}/tenantId={TENANT}/y=2026/m=09/d=14/h=08/m=00/PT1H.json"
        expected[name] = (body, len(pieces))
    return expected


def holds(azurite, expected, what):
    with tempfile.TemporaryDirectory() as folder:
        blobs = azurite.read(folder)
        there = {f"{b['container']}/{b['name']}": b for b in blobs}
        check(set(there) == set(expected), f"{what}: which blobs are there", set(there) ^ set(expected))
        for name, (body, appends) in expected.items():
            b = there.get(name)
            if b is None:
                continue
            same = pathlib.Path(b["file"]).read_bytes() == body
            check(same and b["size"] == len(body), f"{what}: {name} byte for byte", b["size"], len(body))
            check(b["type"] == "AppendBlob" and b["blocks"] == appends and
                  b["contentType"] == "application/octet-stream", f"{what}: {name} as a blob", b)


def positions(azurite, drive, folder, expected, settings):
    """Repeated, misplaced and lost appends; another writer; a service that is away."""
    category, hour = "AdvancedHunting-DeviceEvents2", 1789372800
    name = f"insights-logs-{category.lower()}/tenantId={TENANT}/y=2026/m=09/d=14/h=08/m=00/PT1H"
    first, second, third = folder / "first", folder / "second", folder / "third"
    first.write_bytes(b'{"n":1}\r\n')
    second.write_bytes(b'{"n":2}\r\n')
    third.write_bytes(b'{"n":3}\r\n')
    check(drive(f"send {TENANT} {category} {hour} {first}") == "done", "a first parcel")
    check(drive("again") == "done", "the same at the same place counts as done")
    check(drive("length") == f"ok 9 {name}.json", "and was written once")
    check(drive(f"send {TENANT} {category} {hour} {second}") == "done", "a second parcel")
    answer = drive("at 0")
    check(answer.startswith("retry foreign"), "at a place that others' bytes have", answer)
    answer = drive("at 99")
    check(answer.startswith("retry foreign"), "behind the end", answer)
    check(drive("next") == "done", "in the next object")
    check(drive("length") == f"ok 9 {name}_1.json", "which is PT1H_1.json", drive("length"))
    with Drive("blob", **settings) as other:
        check(other(f"send {TENANT} {category} {hour} {third}") == "done", "another export goes on there")
    azurite.stop()  # killed, Azurite would lose what it has not saved
    answer = drive("at 18")
    check(answer.startswith("retry"), "while it is away", answer)
    azurite.up()
    check(drive("again") == "done", "and when it is back")
    answer = drive(f"send {TENANT} ../../escape {hour} {first}")
    check(answer.startswith("error"), "a category that is a path", answer)
    expected[f"{name}.json"] = (b'{"n":1}\r\n{"n":2}\r\n', 2)
    expected[f"{name}_1.json"] = (b'{"n":2}\r\n{"n":3}\r\n{"n":2}\r\n', 3)


def full_blob(azurite, drive, folder):
    category, hour = "AdvancedHunting-Many", 1789372800
    one = folder / "one"
    one.write_bytes(b"1\r\n")
    drive(f"send {TENANT} {category} {hour} {one}")
    for number in range(1, 50000):
        answer = drive(f"at {number * 3}")
        if answer != "done":
            break
    check(answer == "done", "50,000 appends", number, answer)
    answer = drive("at 150000")
    check(answer.startswith("retry full"), "the next one", answer)
    check(drive("next") == "done" and "PT1H_1.json" in drive("length"), "rolls over")
    answer = drive(f"send {TENANT} {category} {hour} {one}")
    check(answer == "done" and "PT1H_1.json" in drive("length"), "and stays there", answer)


def main():
    slow = "--slow" in sys.argv[1:]
    with tempfile.TemporaryDirectory() as top:
        folder = pathlib.Path(top)
        with Azurite() as azurite:
            key = {"endpoint": azurite.endpoint, "account": ACCOUNT, "key": EMULATOR_KEY}
            with Drive("blob", **key) as drive:
                expected = write_examples(drive, folder)
                positions(azurite, drive, folder, expected, key)
                holds(azurite, expected, "Shared Key")
                if slow:
                    full_blob(azurite, drive, folder)
        with Azurite() as azurite:
            with Drive("blob", endpoint=azurite.endpoint, sas=azurite.sas()) as drive:
                holds(azurite, write_examples(drive, folder), "SAS")
            with Drive("blob", endpoint=azurite.endpoint, sas=azurite.sas("r")) as drive:
                answer = drive(f"send {TENANT} AdvancedHunting-Other 1789372800 {folder / 'first'}")
                check(answer.startswith("retry ") and "403" in answer and "sig=" not in answer,
                      "a SAS that may only read", answer)
            wrong = "A" * 86 + "=="
            with Drive("blob", endpoint=azurite.endpoint, key=wrong) as drive:
                answer = drive(f"send {TENANT} AdvancedHunting-Other 1789372800 {folder / 'first'}")
                check(answer.startswith("error") and "403" in answer, "a wrong key", answer)
            text = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={EMULATOR_KEY};" \
                   f"BlobEndpoint={azurite.endpoint};"
            with Drive("blob", connection_string=text) as drive:
                answer = drive(f"send {TENANT} AdvancedHunting-Other 1789372800 {folder / 'first'}")
                check(answer == "done", "a connection string", answer)
        claims = {"aud": "https://storage.azure.com", "iss": f"https://sts.windows.net/{TENANT}/"}
        with Azurite(oauth=True) as azurite, Authority(claims, signature="c2lnbmVk") as authority:
            identity = {"endpoint": azurite.endpoint, "tenant": TENANT, "client_id": "app",
                        "authority": authority.url, "ca_file": azurite.ca_file}
            with Drive("blob", client_secret="right", **identity) as drive:
                holds(azurite, write_examples(drive, folder), "OAuth")
            check(len(authority.requests) == 1, "one token for all requests", len(authority.requests))
            with Drive("blob", client_secret="wrong", **identity) as drive:
                answer = drive(f"send {TENANT} AdvancedHunting-Other 1789372800 {folder / 'first'}")
                check(answer.startswith("error") and "AADSTS7000215" in answer, "a wrong secret", answer)
            del identity["ca_file"]
            with Drive("blob", client_secret="right", **identity) as drive:
                answer = drive(f"send {TENANT} AdvancedHunting-Other 1789372800 {folder / 'first'}")
                check(answer.startswith("error") and "trusted" in answer, "an unknown authority", answer)
    peers.end()


main()
