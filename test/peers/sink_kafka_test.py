#!/usr/bin/env python3
"""The event hub sink against a real Apache Kafka: plain, SASL PLAIN with a connection string over TLS as Event Hubs has it, and
OAUTHBEARER; topics made, messages byte for byte, sizes, a broker that goes away, and a consumer group that goes on where it was."""
import pathlib
import re
import subprocess
import tempfile

import peers
from peers import BUILD, TENANT, Authority, Drive, Kafka, check, examples

HOUR = 1789372800
CONNECTION = ("Endpoint=sb://localhost/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0LWtleS1vZi10aGUtaHVi"
              "LTEyMzQ1Njc4OTA=")


def read(kafka, topic, count, group="all"):
    """[(key, partition, offset, payload)] by our own consumer, which commits each."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(BUILD / "test" / "peers_drive"), "read", kafka.plain, topic, group, str(count), folder],
                              stdout=subprocess.PIPE, text=True, timeout=120)
        if not check(done.returncode == 0, f"reading {topic}", done.stdout[-300:]):
            return []
        lines = [re.fullmatch(r"(\S+) (\d+) (\d+) (\d+)", line).groups() for line in done.stdout.splitlines()]
        return [(k, int(p), int(o), (pathlib.Path(folder) / str(i)).read_bytes())
                for i, (k, p, o, _) in enumerate(lines)]


def per_category(kafka, folder):
    with Drive("kafka", brokers=kafka.plain, partitions="2", replication="1") as drive:
        for table, category, hour, body in examples("eventhub"):
            path = folder / f"{table}.message"
            path.write_bytes(body)
            answer = drive(f"send {TENANT} {category} {hour} {path}")
            check(answer == "done", f"{table}: sent", answer)
            messages = read(kafka, f"insights-logs-{category.lower()}", 1)
            check([m[3] for m in messages] == [body] and messages[0][0] == "-", f"{table}: byte for byte, no key")


def named_hub(kafka, folder):
    sizes = {"small": 100, "large": 999990, "too-large": 1000100}
    for name, size in sizes.items():
        (folder / name).write_bytes(b'{"records":["' + b"x" * (size - 16) + b'"]}')
    with Drive("kafka", brokers=kafka.plain, hub="xdr", key="tenantId") as drive:
        for name in ("small", "large"):
            answer = drive(f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / name}")
            check(answer == "done", f"a {name} message", answer)
        answer = drive(f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'too-large'}")
        check(answer.startswith("refused"), "a message over the limit", answer)
        messages = read(kafka, "xdr", 2)
        check([m[3] for m in messages] == [(folder / n).read_bytes() for n in ("small", "large")],
              "one tenant's messages, in order")
        check({m[0] for m in messages} == {TENANT} and len({m[1] for m in messages}) == 1,
              "with the tenant as key, in one partition", [m[:3] for m in messages])
    with Drive("kafka", brokers=kafka.plain, hub="xdr", idempotent="false") as drive:
        answer = drive(f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'small'}")
        check(answer == "done", "without idempotence", answer)
    check(len(read(kafka, "xdr", 1)) == 1, "the group goes on behind what it committed")


def broker_limit(kafka, folder):
    """The broker's own limit is below ours: it refuses what is larger, and goes on."""
    with Drive("kafka", brokers=kafka.plain, hub="narrow") as drive:
        answer = drive(f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'small'}")
        check(answer == "done", "a topic of the broker's limit", answer)
        answer = drive(f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'large'}")
        check(answer.startswith("refused"), "a message over it", answer)
        answer = drive(f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'small'}")
        check(answer == "done", "and the next one", answer)


def credentials(kafka, folder):
    small = f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'small'}"
    text = f"{CONNECTION};EntityPath=secured"
    secret = {"brokers": kafka.tls, "ca_file": kafka.ca_file, "timeout_ms": "8000"}
    with Drive("kafka", connection_string=text, **secret) as drive:
        answer = drive(small)
        check(answer == "done", "a connection string over TLS", answer)
    check(len(read(kafka, "secured", 1)) == 1, "is in the hub of its EntityPath")
    with Drive("kafka", connection_string=text.replace("c2Vj", "AAAA"), **secret) as drive:
        answer = drive(small)
        check(answer.startswith("retry") and "AAAA" not in answer and "uthentication" in answer, "a wrong key", answer)
    del secret["ca_file"]
    with Drive("kafka", connection_string=text, **secret) as drive:
        answer = drive(small)
        check(answer.startswith("retry") and "certificate" in answer, "an unknown certificate", answer)
    with Drive("kafka", connection_string=text, insecure="true", **secret) as drive:
        answer = drive(small)
        check(answer == "done", "which is taken if told so", answer)
    with Authority({"sub": "penstock"}) as authority:
        identity = {"brokers": kafka.oauth, "ca_file": kafka.ca_file, "timeout_ms": "8000", "tenant": TENANT,
                    "client_id": "app", "authority": authority.url, "hub": "identity"}
        with Drive("kafka", client_secret="right", **identity) as drive:
            answer = drive(small)
            check(answer == "done", "OAUTHBEARER", answer)
        check("scope=https%3A%2F%2Flocalhost%2F.default" in authority.requests[0][1], "the scope asked for",
              authority.requests)
        with Drive("kafka", client_secret="wrong", **identity) as drive:
            answer = drive(small)
            check(answer.startswith("retry") and "AADSTS7000215" in answer, "a wrong secret", answer)
    with Authority({"sub": "penstock"}, life=10) as authority:
        identity["authority"] = authority.url
        with Drive("kafka", client_secret="right", **identity) as drive:
            answer = drive(small)
            check(answer == "done", "a token of ten seconds", answer)


def broker_away(kafka, folder):
    small = f"send {TENANT} AdvancedHunting-DeviceInfo {HOUR} {folder / 'small'}"
    with Drive("kafka", brokers=kafka.plain, hub="away", timeout_ms="4000") as drive:
        check(drive(small) == "done", "before")
        kafka.stop(kill=True)
        answer = drive("again")
        check(answer.startswith("retry"), "the broker was killed", answer)
        kafka.up()
        for _ in range(15):
            answer = drive("again")
            if answer == "done":
                break
        check(answer == "done", "and is back", answer)
    messages = read(kafka, "away", 2)
    check(len(messages) == 2 and all(m[3] == (folder / "small").read_bytes() for m in messages), "both are there")


def main():
    with tempfile.TemporaryDirectory() as top, Kafka(CONNECTION + ";EntityPath=secured") as kafka:
        folder = pathlib.Path(top)
        per_category(kafka, folder)
        named_hub(kafka, folder)
        credentials(kafka, folder)
        broker_away(kafka, folder)
    with tempfile.TemporaryDirectory() as top, Kafka(more=["message.max.bytes=500000"]) as kafka:
        folder = pathlib.Path(top)
        (folder / "small").write_bytes(b'{"records":["x"]}')
        (folder / "large").write_bytes(b'{"records":["' + b"x" * 600000 + b'"]}')
        broker_limit(kafka, folder)
    peers.end()


main()
