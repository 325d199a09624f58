#!/usr/bin/env python3
"""kill -9 of the daemon at random moments under load: every acknowledged record arrives, none twice in blobs.

    test/e2e/kill_test.py [--rounds 30] [--seed N] [--no-peers]

Eight senders send batches of 1 to 200 records, now and then of 4000 and more (several blocks that count as one), each with an
id, and repeat a batch until it is acknowledged. Meanwhile the daemon is killed again and again: at work, under recovery, at
start. Four exports take everything: the local archive as it comes, a folder with a window a millisecond, Azurite's append
blobs, and Kafka. At the end each record must be in the blobs exactly once and in Kafka at least once; what Kafka has twice
must be messages of windows that were under way at a kill."""
import argparse
import os
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "peers")]
from check import Checks, wait_for  # noqa: E402
from daemon import TENANT, Daemon, Load, Tally, hubs_id, storage_id  # noqa: E402
from kafka_read import read_topic  # noqa: E402

TABLES = ("DeviceEvents", "DeviceProcessEvents")
PARTITIONS = 3
check = Checks()


def resources(daemon, azurite, kafka):
    found = [{"id": storage_id("fast"), "kind": "folder", "settings": {"path": str(daemon.folder / "fast")}}]
    if azurite:
        found.append({"id": storage_id("azurite"), "kind": "blob",
                      "settings": {"endpoint": azurite.endpoint, "key": azurite.key, "timeout_ms": "10000"}})
    if kafka:
        found.append({"id": hubs_id("kafka-test"), "kind": "kafka", "manyHubs": True,
                      "settings": {"brokers": kafka.plain, "partitions": str(PARTITIONS), "timeout_ms": "10000"}})
    return found


def put_settings(daemon, azurite, kafka):
    daemon.put_setting("fast", storage=storage_id("fast"), tables=TABLES, lingerMs=1)
    if azurite:
        daemon.put_setting("azurite", storage=storage_id("azurite"), tables=TABLES, lingerMs=100)
    if kafka:
        daemon.put_setting("kafka", hubs=hubs_id("kafka-test"), hub="events", tables=TABLES, lingerMs=50)
    return ["local-archive", "fast"] + ["azurite"] * bool(azurite) + ["kafka"] * bool(kafka)


def one_round(daemon, rng):
    """A life and its end. Mostly at work; sometimes before it is ready, sometimes in the first moments after."""
    kind = rng.random()
    if kind < 0.15:
        daemon.launch()
        time.sleep(rng.uniform(0, 0.15))  # a random moment, waiting for nothing
    else:
        daemon.start()
        time.sleep(rng.uniform(0, 0.1 if kind < 0.3 else 1.2))
    daemon.kill()


def kafka_duplicates(check, tally, messages, kills):
    extra = sum(tally.counts.values()) - len(tally.counts)
    check.note(f"Kafka: {len(messages)} messages, {extra} of {sum(tally.counts.values())} records more than once")
    # Between a broker's answer and the note of it lies one window an export at most; its records are at most what came in
    # within the linger and a round trip, and all of one window are sent again together.
    check(f"Kafka holds records twice only where a window was under way at one of {kills} kills",
          extra <= (kills + 1) * 20000, extra)


def kill_rounds(rounds, rng, azurite, kafka):
    with Daemon() as daemon:
        daemon.write_config(defaultExports=True, resources=resources(daemon, azurite, kafka),
                            journal={"keepSize": "64 MiB"})
        daemon.start()
        exports = put_settings(daemon, azurite, kafka)
        load = Load(daemon, TABLES, senders=8, big_every=40, seed=rng.randrange(1 << 30), pause=0.02).start()
        load.wait_acknowledged(10)
        daemon.kill()
        began = time.monotonic()
        for number in range(rounds):
            one_round(daemon, rng)
            if (number + 1) % 100 == 0:
                check.note(f"{number + 1} kills, {load.next - 1} records, {time.monotonic() - began:.0f} s")
        daemon.start()
        load.wait_acknowledged(20)
        numbers = load.finish()
        check(f"{rounds} kills under load, and it serves", len(numbers) > 0)
        check.note(f"{len(numbers)} records in {len(load.acknowledged)} batches acknowledged, {load.duplicates} of them at a "
                   f"repeated try; answers {dict(load.answers)}")
        check("no request was refused for a wrong reason", not load.wrong, load.wrong[:3])
        check("some requests were cut off by a kill", rounds < 5 or load.answers["no answer"] > 0, load.answers)
        daemon.wait_delivered(*exports, seconds=120)
        Tally().add_folder(daemon.data / "storage").exactly(check, "the local archive holds each acknowledged record once", numbers)
        Tally().add_folder(daemon.folder / "fast").exactly(
            check, "the folder with a window a millisecond holds each once", numbers)
        if azurite:
            Tally().add_azurite(azurite).exactly(check, "Azurite's append blobs hold each once", numbers)
        if kafka:
            tally, messages = Tally(), read_topic(kafka.plain, "events", PARTITIONS)
            for message in messages:
                tally.add_message(message)
            tally.at_least_once(check, "Kafka holds each at least once", numbers)
            kafka_duplicates(check, tally, messages, rounds)
        state = daemon.status()
        check("nothing was quarantined, lost or parked", state["journal"]["quarantinedSegments"] == 0 and all(
            e["progress"]["recordsLost"] == 0 and e["progress"]["recordsRefused"] == 0 for e in state["exports"]), state)
        code, out, errors = daemon.run("journal", "check")
        check("journal check finds nothing wrong", code == 0, code, out, errors)
        check("it stops in order", daemon.stop() == 0)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3), "big"))
    options.add_argument("--no-peers", action="store_true")
    options = options.parse_args()
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    if options.no_peers:
        check.skip("Azurite and Kafka", "--no-peers")
        check.run("killed", kill_rounds, options.rounds, rng, None, None)
    else:
        import peers
        with peers.Azurite() as azurite, peers.Kafka() as kafka:
            azurite.key = peers.EMULATOR_KEY
            check.run("killed", kill_rounds, options.rounds, rng, azurite, kafka)
    check.end()


main()
