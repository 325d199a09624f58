#!/usr/bin/env python3
"""What can go wrong around the daemon, done to it: destinations, disks, damage, clocks, configurations, restarts. After each,
every acknowledged record is where it belongs, once where the destination allows that.

    test/e2e/faults_test.py [--no-peers] [SECTION...]      sections: see the end of this file"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent / "peers")]
from check import Checks, Failed, wait_for  # noqa: E402
from daemon import BUILD, ROOT, SUBSCRIPTION, TENANT, Daemon, Load, Tally, has_workspaces, hubs_id, row, rows, storage_id  # noqa: E402
from kafka_read import read_topic  # noqa: E402
from proxy import Proxy  # noqa: E402

check = Checks()
OTHER_TENANT = "9c2f1d2b-6e30-4d71-8b55-1d11aabbccdd"
SMALL_JOURNAL = {"size": "64 MiB", "segment": "16 MiB", "keepSize": "16 MiB"}


def folder_resource(daemon, name):
    return {"id": storage_id(name), "kind": "folder", "settings": {"path": str(daemon.folder / name)}}


def blob_resource(azurite, proxy=None, name="azurite", timeout_ms=5000):
    endpoint = azurite.endpoint if proxy is None else azurite.endpoint.replace(f":{azurite.port}/", f":{proxy.port}/")
    return {"id": storage_id(name), "kind": "blob",
            "settings": {"endpoint": endpoint, "key": azurite.key, "timeout_ms": str(timeout_ms)}}


def dead_resource(name="dead"):
    """A storage service whose port nobody listens at."""
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    return {"id": storage_id(name), "kind": "blob",
            "settings": {"endpoint": f"http://127.0.0.1:{port}/account", "key": "AAAA", "timeout_ms": "1000"}}


def hash_tree(folder):
    """{path: hash} of all files but those that say who is at work."""
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(pathlib.Path(folder).rglob("*")) if p.is_file() and p.name != "lock"}


def progress(daemon, name):
    return daemon.export(name)["progress"]


def send_batches(daemon, first, batches, count=100, table="DeviceEvents"):
    """Sends now, each acknowledged; the next number."""
    for number in range(batches):
        answer = daemon.post(table, rows(first, count))
        if answer.status != 200:
            raise Failed(f"batch {number}: {answer}")
        first += count
    return first


# ---- destinations ----

def storage_faults(azurite):
    """One mode of failure after the other, for as long as the export has failed three times in a row; a healthy export beside it."""
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        daemon.write_config(resources=[blob_resource(azurite, proxy), folder_resource(daemon, "fast")])
        daemon.start()
        daemon.put_setting("azurite", storage=storage_id("azurite"), lingerMs=50)
        daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
        number = send_batches(daemon, 1, 3)
        daemon.wait_delivered("azurite", "fast")
        for mode in ("down", "500", "503", "429", "garbage", "half body", "half answer", "lost answer"):
            before = progress(daemon, "azurite")["exportFailures"]
            proxy.mode = mode
            began = time.monotonic()
            number = send_batches(daemon, number, 3)
            wait_for(lambda: daemon.lag("fast") == 0, 10, f"{mode}: the healthy export goes on")
            if mode == "429":
                first = wait_for(lambda: (lambda e: e if e["attempt"] > 0 else None)(daemon.export("azurite")), 20, "a 429 is noticed")
                check("429: the next attempt waits as long as Retry-After asks (3 s)", first["nextAttemptSeconds"] > 1.5, first)
            else:
                wait_for(lambda: progress(daemon, "azurite")["exportFailures"] >= before + 2, 30, f"{mode}: attempts are counted")
                first = daemon.export("azurite")
            check(f"{mode}: the export says that it retries, and why", first["state"] == "retrying" and first["attempt"] > 0 and
                  first["lastError"] and first["progress"]["lagRecords"] > 0, first)
            check(f"{mode}: the daemon is healthy", daemon.get("/healthz").status == 200)
            proxy.mode = "pass"
            daemon.wait_delivered("azurite", seconds=40)
            check.note(f"{mode}: {first['lastError']['message'] if first['lastError'] else None} "
                       f"({time.monotonic() - began:.1f} s)")
        proxy.mode = "slow"
        number = send_batches(daemon, number, 3)
        wait_for(lambda: daemon.lag("fast") == 0, 5, "slow: the healthy export goes on")
        check("slow: the healthy export has delivered while the slow one has not", daemon.lag("azurite") > 0)
        daemon.wait_delivered("azurite", seconds=40)
        proxy.mode = "pass"
        sent = range(1, number)
        Tally().add_azurite(azurite).exactly(check, "after all this Azurite holds each record once", sent)
        Tally().add_folder(daemon.folder / "fast").exactly(check, "and so does the healthy export's folder", sent)
        state = daemon.export("azurite")
        check("nothing was parked or lost", state["progress"]["recordsRefused"] == 0 and state["progress"]["recordsLost"] == 0, state)


def storage_chaos(azurite):
    """Failures of all kinds at random, one request in three, while records flow."""
    azurite.reset()
    rng = random.Random(7)
    with Proxy(azurite.port, slow_s=0.2, retry_after_s=1) as proxy, Daemon() as daemon:
        daemon.write_config(resources=[blob_resource(azurite, proxy)])
        daemon.start()
        daemon.put_setting("azurite", storage=storage_id("azurite"), tables=("DeviceEvents", "DeviceProcessEvents"), lingerMs=1)
        kinds = ["500", "503", "garbage", "half body", "half answer", "lost answer", "lost answer", "slow"]
        load = Load(daemon, ("DeviceEvents", "DeviceProcessEvents"), senders=2, pause=0.05).start()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            if proxy.pending() == 0:
                proxy.fail("pass", rng.randint(1, 4))
                proxy.fail(rng.choice(kinds))
            load.wait_acknowledged(1)
        numbers = load.finish()
        proxy.mode = "pass"
        daemon.wait_delivered("azurite", seconds=90)
        state = progress(daemon, "azurite")
        check("random failures happened", state["exportFailures"] >= 5, state, proxy.seen)
        check.note(f"{len(numbers)} records, {state['exportFailures']} failures: {proxy.seen}")
        Tally().add_azurite(azurite).exactly(check, "random failures: Azurite holds each record once", numbers)


def dead_one():
    """An export that is down for good delays no other: the other's lag stays small all the time, under load."""
    with Daemon() as daemon:
        daemon.write_config(resources=[dead_resource(), folder_resource(daemon, "fast")], defaultExports=True)
        daemon.start()
        daemon.put_setting("dead", storage=storage_id("dead"), lingerMs=1)
        daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
        load = Load(daemon, senders=4, pause=0.01).start()
        worst, until = 0.0, time.monotonic() + 6
        while time.monotonic() < until:
            load.wait_acknowledged(2)
            worst = max(worst, daemon.export("fast")["progress"]["lagSeconds"])
        numbers = load.finish()
        wait_for(lambda: daemon.lag("fast") == 0 and daemon.lag("local-archive") == 0, 5, "the healthy exports have all")
        dead = daemon.export("dead")
        check("the dead export retries and keeps all", dead["state"] == "retrying" and
              dead["progress"]["lagRecords"] == len(numbers) and dead["progress"]["recordsLost"] == 0, dead, len(numbers))
        check("under load the healthy export was never 2 s behind", worst < 2.0, worst)
        check.note(f"{len(numbers)} records in 6 s; the healthy export at most {worst * 1000:.0f} ms behind")
        Tally().add_folder(daemon.folder / "fast").exactly(check, "the healthy export has each record once", numbers)
        metrics = daemon.get("/metrics").body.decode()
        lag = re.search(r'penstock_export_lag_records\{[^}]*export="dead"[^}]*\} (\d+)', metrics)
        check("/metrics shows its lag", lag and int(lag.group(1)) == len(numbers), lag and lag.group(0))


def kafka_faults(kafka):
    """The broker stops and comes back, orderly and killed."""
    with Daemon() as daemon:
        daemon.write_config(resources=[
            {"id": hubs_id("kafka-test"), "kind": "kafka", "manyHubs": True,
             "settings": {"brokers": kafka.plain, "partitions": "3", "timeout_ms": "5000"}},
            folder_resource(daemon, "fast")])
        daemon.start()
        daemon.put_setting("kafka", hubs=hubs_id("kafka-test"), hub="faults", lingerMs=20)
        daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
        load = Load(daemon, senders=2, pause=0.05).start()
        load.wait_acknowledged(5)
        wait_for(lambda: progress(daemon, "kafka")["recordsExported"] > 0, 30, "Kafka gets records")
        for kill in (False, True):
            kafka.stop(kill=kill)
            how = "killed" if kill else "stopped"
            load.wait_acknowledged(10)
            wait_for(lambda: daemon.export("kafka")["state"] == "retrying", 40,
                     lambda: f"broker {how}: the export retries: {daemon.export('kafka')}")
            wait_for(lambda: progress(daemon, "fast")["lagSeconds"] < 1, 5, "the other export goes on")
            check(f"broker {how}: the export retries, the other goes on", True)
            kafka.up()
            wait_for(lambda: daemon.export("kafka")["attempt"] == 0, 60,
                     lambda: f"broker back: the export goes on: {daemon.export('kafka')}")
        numbers = load.finish()
        daemon.wait_delivered("kafka", "fast", seconds=60)
        tally = Tally()
        for message in read_topic(kafka.plain, "faults", 3):
            tally.add_message(message)
        extra = tally.at_least_once(check, "Kafka holds each record at least once", numbers)
        check.note(f"{len(numbers)} records, {extra} more than once in Kafka")
        Tally().add_folder(daemon.folder / "fast").exactly(check, "the other export has each once", numbers)


def kafka_new_topics(kafka):
    """Topics that are made while the first messages for them are sent, several a partition: what counts as delivered is there."""
    count = 12
    with Daemon() as daemon:
        daemon.write_config(resources=[{"id": hubs_id("kafka-test"), "kind": "kafka", "manyHubs": True,
                                        "settings": {"brokers": kafka.plain, "partitions": "1", "timeout_ms": "20000"}}])
        daemon.start()
        lost, first = {}, 1
        for i in range(count):
            daemon.put_setting("new", hubs=hubs_id("kafka-test"), hub=f"new{i}", lingerMs=20, enabled=False)
            end = first + 10000
            for at in range(first, end, 2500):
                answer = daemon.post("DeviceEvents", rows(at, 2500))
                if answer.status != 200:
                    raise Failed(str(answer))
            daemon.enable("new")
            daemon.wait_delivered("new", seconds=60)
            tally = Tally()
            for message in read_topic(kafka.plain, f"new{i}", 1):
                tally.add_message(message)
            missing = tally.missing(range(first, end))
            if missing:
                lost[f"new{i}"] = len(missing)
            first = end
        check(f"{count} topics made as their first messages come hold each record", not lost, lost)


# ---- disks and quotas ----

def on_small_disk(what, test):
    mount = pathlib.Path(tempfile.mkdtemp(prefix="penstock-disk-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(mount)], capture_output=True, text=True)
    if done.returncode != 0:
        mount.rmdir()
        check.skip(what, f"mount is not permitted: {done.stderr.strip()}")
        return
    try:
        test(mount)
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)
        mount.rmdir()


def full_disk():
    on_small_disk("a full disk", on_a_full_disk)


def reserve():
    on_small_disk("a disk's reserve", on_a_shared_disk)


def free_mib(folder):
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize >> 20


def on_a_shared_disk(mount):
    """The archive lags and lies on the journal's disk: the journal stops before the archive has no room to catch up."""
    with Daemon(data=mount / "data") as daemon:
        daemon.write_config(resources=[{"id": storage_id("near"), "kind": "folder", "settings": {"path": str(mount / "near")}}],
                            journal={"size": "1 GiB", "segment": "16 MiB", "keepSize": "16 MiB", "reserve": "64 MiB"})
        daemon.start()
        daemon.put_setting("near", storage=storage_id("near"), lingerMs=1, bytesPerSecond=100000)
        load = Load(daemon, senders=4, pad="x" * 2000).start()
        wait_for(lambda: load.answers[503] + load.answers[429] >= 10, 60, lambda: f"the reserve is reached: {dict(load.answers)}")
        check("reserve: producers are told to come again", load.retry_after_missing == 0 and not load.wrong and
              load.answers[500] == 0, dict(load.answers), load.retry_after_missing, load.wrong[:3])
        check("reserve: the answer says so, without a path", b"journal.reserve" in load.busy.body and
              str(mount).encode() not in load.busy.body, load.busy)
        check("reserve: it is free", free_mib(mount) >= 60, free_mib(mount))
        load.given_up = True  # nothing more is taken in: senders leave what was not acknowledged
        numbers = load.finish()
        behind = daemon.lag("near")
        check("reserve: most of it is not delivered yet", behind > len(numbers) / 2, behind, len(numbers))
        daemon.put_setting("near", storage=storage_id("near"), lingerMs=1)
        daemon.wait_delivered("near", seconds=60)
        Tally().add_folder(mount / "near").exactly(check, "reserve: the archive gets all of it on to the same disk", numbers)


def on_a_full_disk(mount):
    filler = mount / "filler"
    with Daemon(data=mount / "data") as daemon:
        daemon.write_config(resources=[folder_resource(daemon, "fast")], defaultExports=True, journal={**SMALL_JOURNAL, "reserve": 0})
        with open(filler, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, 260 << 20)
        daemon.start()
        daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
        load = Load(daemon, senders=4).start()
        wait_for(lambda: load.answers[503] + load.answers[429] >= 10, 60, lambda: f"the disk fills up: {dict(load.answers)}")
        check("full disk: producers are told to come again", load.retry_after_missing == 0 and not load.wrong and
              load.answers[500] == 0, dict(load.answers), load.retry_after_missing, load.wrong[:3])
        check.note(f"{len(load.acknowledged)} batches acknowledged before; then: {load.busy}")
        check("full disk: the answer says so", b"space" in load.busy.body or b"full" in load.busy.body, load.busy)
        check("full disk: where the journal lies is in the log, not in the answer", str(mount).encode() not in load.busy.body and
              f"cannot make {mount}" in daemon.log(), load.busy)
        health = daemon.get("/healthz")
        check("full disk: status still answers", daemon.get("/api/status").status == 200, health)
        daemon.kill()
        restarted = True
        try:
            daemon.start()
        except Failed as why:
            restarted = False
            check.note(f"killed on a full disk, it does not start: {why}")
        check("killed on a full disk, it starts again", restarted)
        filler.unlink()
        if not restarted:
            daemon.start()
        load.wait_acknowledged(50, 90)
        numbers = load.finish()
        daemon.wait_delivered("fast", "local-archive", seconds=90)
        check("after space was freed it takes records again", True)
        Tally().add_folder(daemon.folder / "fast").exactly(check, "full disk: nothing acknowledged is lost, nothing twice", numbers)
        Tally().add_folder(daemon.data / "storage").exactly(
            check, "full disk: the archive on that disk has each record once", numbers)


def quota(azurite):
    """The journal is full because an export lags: producers wait. With onLag drop they do not, and the loss is counted."""
    azurite.reset()
    pad = "x" * 2000
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        daemon.write_config(resources=[blob_resource(azurite, proxy), folder_resource(daemon, "fast")], journal=SMALL_JOURNAL)
        daemon.start()
        daemon.put_setting("azurite", storage=storage_id("azurite"), lingerMs=20)
        daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
        proxy.mode = "down"
        load = Load(daemon, senders=4, pad=pad).start()
        wait_for(lambda: load.answers[503] + load.answers[429] >= 10, 60, lambda: f"the quota is reached: {dict(load.answers)}")
        check("quota: producers are told to come again", load.retry_after_missing == 0 and not load.wrong,
              dict(load.answers), load.wrong[:3])
        check("quota: the answer names the export that holds it", b"azurite" in load.busy.body, load.busy)
        wait_for(lambda: daemon.lag("fast") == 0, 10, "the other export has all")
        size = daemon.status()["journal"]
        check("quota: the journal keeps to it", size["bytes"] <= size["quotaBytes"], size)
        for _ in range(3):  # nothing may be given up before it is known who still needs it
            daemon.kill()
            daemon.start()
            wait_for(lambda: daemon.export("azurite")["state"] == "retrying", 10, "the export retries again")
        check("quota: killed and started there, nothing is lost", progress(daemon, "azurite")["recordsLost"] == 0,
              progress(daemon, "azurite"))
        proxy.mode = "pass"
        load.wait_acknowledged(20, 90)
        numbers = load.finish()
        daemon.wait_delivered("azurite", "fast", seconds=90)
        check("quota: it goes on when the export has caught up", True)
        Tally().add_azurite(azurite).exactly(check, "quota: the export that lagged has each record once", numbers)
        Tally().add_folder(daemon.folder / "fast").exactly(check, "quota: the other too", numbers)

        azurite.reset()
        daemon.put_setting("azurite", storage=storage_id("azurite"), lingerMs=20, onLag="drop")
        proxy.mode = "down"
        before = progress(daemon, "azurite")
        load = Load(daemon, senders=4, pad=pad, first=load.next, seed=2).start()
        want = 100 << 20
        wait_for(lambda: load.next - numbers[-1] > want // (len(pad) + 300), 90, "more than the quota was sent")
        numbers = load.finish()
        check("onLag drop: no producer waited for the laggard", "azurite" not in load.held_by, dict(load.answers), load.busy)
        proxy.mode = "pass"
        daemon.wait_delivered("azurite", "fast", seconds=90)
        after = progress(daemon, "azurite")
        lost = after["recordsLost"] - before["recordsLost"]
        tally = Tally().add_azurite(azurite)
        there = len(tally.counts)
        check("onLag drop: what is there and what is counted as lost is all that was sent",
              lost > 0 and there + lost == len(numbers), f"{len(numbers)} sent, {there} there, {lost} lost", after)
        check("onLag drop: nothing twice", not tally.doubled() and not tally.faulty, tally.doubled()[:5], tally.faulty[:3])
        check("onLag drop: it lost the oldest", there > 0 and max(tally.counts) >= max(numbers) - 4 * 200)
        Tally().add_folder(daemon.folder / "fast").exactly(check, "onLag drop: the other export has each once",
                                                          range(1, load.next))


# ---- damage ----

def segments(daemon):
    return sorted((daemon.data / "journal").glob("*.seg"))


def last_used(path):
    """Offset behind the last byte that is not zero."""
    data = path.read_bytes()
    return len(data.rstrip(b"\0"))


def scribble(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def flip(path, offset, count):
    with open(path, "r+b") as f:
        f.seek(offset)
        data = f.read(count)
        f.seek(offset)
        f.write(bytes(b ^ 0x5a for b in data))


def start_with_backlog(daemon, azurite, proxy, batches=60, pad="x" * 2000):
    """Records of several segments: all delivered to 'fast', none to 'azurite', which is down. Stopped by kill -9."""
    daemon.write_config(resources=[blob_resource(azurite, proxy), folder_resource(daemon, "fast")],
                        journal={"segment": "16 MiB", "size": "1 GiB"})
    daemon.start()
    proxy.mode = "down"
    daemon.put_setting("azurite", storage=storage_id("azurite"), lingerMs=1)
    daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
    first = 1
    for _ in range(batches):
        answer = daemon.post("DeviceEvents", rows(first, 200, pad))
        if answer.status != 200:
            raise Failed(str(answer))
        first += 200
    daemon.wait_delivered("fast")
    daemon.kill()
    return range(1, first)


def torn_tail(azurite):
    """The machine stopped in the middle of writing a block that was never acknowledged; its sender comes again."""
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        sent = start_with_backlog(daemon, azurite, proxy)
        daemon.start()
        batch = rows(sent.stop, 200)
        if daemon.post("DeviceEvents", batch, batch="torn").status != 200:
            raise Failed("the last batch")
        daemon.kill()
        last = [s for s in segments(daemon) if last_used(s) > 4096][-1]  # the one behind it is made ahead and empty
        end = last_used(last)
        scribble(last, end - 20000, bytes(20000))
        code, out, errors = daemon.run("journal", "check")
        check("torn tail: journal check says so", "torn" in (out + errors).lower(), code, out, errors)
        log_size = len(daemon.log())
        daemon.start()
        text = daemon.status()["recovery"]["text"]
        check("torn tail: the daemon starts and reports it, in status and log", "torn" in text and text in daemon.log()[log_size:], text)
        answer = daemon.post("DeviceEvents", batch, batch="torn")
        check("torn tail: the batch that was cut is taken anew", answer.status == 200 and not answer.json()["duplicate"], answer)
        proxy.mode = "pass"
        more = send_batches(daemon, sent.stop + 200, 5)
        daemon.wait_delivered("azurite", seconds=90)
        Tally().add_azurite(azurite).exactly(check, "torn tail: each record is served once", range(1, more))
        check("torn tail: nothing is counted as lost", progress(daemon, "azurite")["recordsLost"] == 0)
        check("torn tail: it ends in order", daemon.stop() == 0)
        code, out, errors = daemon.run("journal", "check")
        check("torn tail: afterwards journal check finds nothing wrong", code == 0, code, out, errors)


def damage(azurite, what, spoil, spares_blocks=False):
    """'spoil' damages the first segment while the daemon is stopped and one export still needs it."""
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        sent = start_with_backlog(daemon, azurite, proxy)
        check(f"{what}: there are several segments", len(segments(daemon)) >= 2, segments(daemon))
        spoil(segments(daemon)[0])
        code, out, errors = daemon.run("journal", "check")
        check(f"{what}: journal check ends with 1 and says where", code == 1, code, out, errors)
        daemon.start()
        more = send_batches(daemon, sent.stop, 5)
        proxy.mode = "pass"
        daemon.wait_delivered("azurite", "fast", seconds=90)
        tally = Tally().add_azurite(azurite)
        all_sent = range(1, more)
        missing = tally.missing(all_sent)
        lost = progress(daemon, "azurite")["recordsLost"]
        check(f"{what}: the rest is served, what is not is counted", len(missing) == lost and not tally.faulty and
              not tally.strange(all_sent) and not tally.doubled(), f"{len(missing)} missing, {lost} counted",
              tally.faulty[:3], tally.doubled()[:3])
        if spares_blocks:
            check(f"{what}: it costs no record", lost == 0, lost)
            return
        check(f"{what}: it costs the blocks that it hit and no other", 0 < lost <= 600, lost)
        status = daemon.status()
        quarantine = [p.name for p in (daemon.data / "journal" / "quarantine").glob("*")]
        check(f"{what}: the bytes are in quarantine, with a reason", len(quarantine) > 0, quarantine, status["journal"])
        reported = status["recovery"]["text"] + json.dumps(status["journal"]) + daemon.log()
        check(f"{what}: it is reported", "quarantin" in reported, status["recovery"])
        check.note(f"{what}: {lost} of {len(sent)} records lost; quarantine {quarantine[:4]}; {out.strip()[:300]}")
        Tally().add_folder(daemon.folder / "fast").exactly(check, f"{what}: the export that had all has each once", all_sent)
        daemon.kill()
        daemon.start()
        check(f"{what}: it starts again", daemon.get("/readyz").status == 200)
        check(f"{what}: nothing was deleted from quarantine",
              set(quarantine) <= {p.name for p in (daemon.data / "journal" / "quarantine").glob("*")})


def damaged_segments(azurite):
    damage(azurite, "flipped bytes in a payload", lambda path: flip(path, 3_000_000, 200))
    damage(azurite, "a flipped bit", lambda path: flip(path, 5_000_000, 1))
    damage(azurite, "a hole of zeros", lambda path: scribble(path, 4_000_000, bytes(100_000)))


def damaged_head(azurite):
    """The head of a segment is gone: its summary knows all that matters."""
    damage(azurite, "a segment without its head", lambda path: scribble(path, 0, bytes(4096)), spares_blocks=True)


def damaged_summary(azurite):
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        sent = start_with_backlog(daemon, azurite, proxy)
        summaries = sorted((daemon.data / "journal").glob("*.sum"))
        check("there are summaries", len(summaries) >= 1, summaries)
        if summaries:
            flip(summaries[0], 40, 20)
        for other in summaries[1:]:
            other.unlink()
        daemon.start()
        proxy.mode = "pass"
        daemon.wait_delivered("azurite", seconds=90)
        Tally().add_azurite(azurite).exactly(check, "damaged and missing summaries: each record is served once", sent)


def newer_version(azurite):
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        sent = start_with_backlog(daemon, azurite, proxy, batches=5)
        first = segments(daemon)[0]
        version, crc = struct.unpack("<II", first.read_bytes()[8:16])  # src/journal/segment.h: the version is part of the sum
        scribble(first, 8, struct.pack("<II", 99, crc ^ version ^ 99))
        before = hash_tree(daemon.data / "journal")
        daemon.launch()
        code = daemon.process.wait(20)
        text = daemon.log_tail()
        check("a newer journal is refused, and the reason is its version", code != 0 and "newer" in text and first.name in text, code, text)
        check("and stays untouched", hash_tree(daemon.data / "journal") == before)
        code, out, errors = daemon.run("journal", "check")
        check("journal check refuses it as well", code not in (0, 2) and "newer" in (out + errors), code, out, errors)
        scribble(first, 8, struct.pack("<II", version, crc))
        proxy.mode = "pass"
        daemon.start()
        daemon.wait_delivered("azurite", seconds=60)
        Tally().add_azurite(azurite).exactly(check, "by the version that made it, all of it is served", sent)


# ---- configuration, start, stop ----

def config_faults(azurite):
    """A mistake in the configuration at a restart leaves the backlog untouched (others consumed and discarded it)."""
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        sent = start_with_backlog(daemon, azurite, proxy, batches=5)
        good = dict(daemon.config)
        before = {part: hash_tree(daemon.data / part) for part in ("journal", "exports")}
        blob = good["resources"][0]
        mistakes = (
            ("a key with a typo", {**good, "jurnal": {}}, "journal"),
            ("a nested key with a typo", {**good, "http": {"adress": "127.0.0.1"}}, "address"),
            ("a number that is none", {**good, "limits": {"depth": "many"}}, "limits.depth"),
            ("a sink setting that does not exist", {**good, "resources": [{**blob, "settings": {**blob["settings"], "endpiont": "x"}}]},
             "endpiont"),
            ("a kind that does not exist", {**good, "resources": [{**blob, "kind": "blobb"}]}, "blobb"),
            ("a secret in a file that is not there",
             {**good, "resources": [{**blob, "settings": {**blob["settings"], "key": {"file": "/no/such/file"}}}]}, "/no/such/file"),
            ("not YAML at all", None, "penstock.yaml"),
        )
        for name, config, word in mistakes:
            daemon.config_file.write_text("a: [1, 2\nb: }" if config is None else json.dumps(config, indent=1))
            log_size = len(daemon.log())
            daemon.launch()
            code = daemon.process.wait(20)
            said = daemon.log()[log_size:]
            check(f"{name}: refused with its place", code == 1 and word in said and "penstock.yaml" in said, code, said)
            check(f"{name}: no secret in the message", azurite.key not in said, said)
            check(f"{name}: the backlog is untouched",
                  {part: hash_tree(daemon.data / part) for part in before} == before)
        daemon.config_file.unlink()
        daemon.launch()
        daemon.write_config(**good)
        code = daemon.process.poll()
        if code is None:
            daemon.kill()
        daemon.start()
        proxy.mode = "pass"
        daemon.wait_delivered("azurite", seconds=60)
        Tally().add_azurite(azurite).exactly(check, "with the mistake mended the backlog is delivered, each record once", sent)


def resource_gone(azurite):
    """A restart with a configuration that no longer names an export's destination: it retries or says so, its backlog is kept."""
    azurite.reset()
    with Proxy(azurite.port) as proxy, Daemon() as daemon:
        sent = start_with_backlog(daemon, azurite, proxy, batches=5)
        good = dict(daemon.config)
        daemon.write_config(resources=good["resources"][1:])
        daemon.start()
        number = send_batches(daemon, sent.stop, 2)
        daemon.wait_delivered("fast")
        state = daemon.export("azurite")
        check("its destination is no longer configured: the export keeps its backlog", state["progress"]["lagRecords"] ==
              number - 1 and state["progress"]["recordsLost"] == 0, state)
        proxy.mode = "pass"
        daemon.write_config(**good)
        daemon.reload()
        daemon.wait_delivered("azurite", seconds=60)
        Tally().add_azurite(azurite).exactly(check, "configured again (SIGHUP), it delivers each record once", range(1, number))


def reload_config():
    with Daemon() as daemon:
        daemon.write_config(resources=[folder_resource(daemon, "one")])
        daemon.start()
        daemon.put_setting("one", storage=storage_id("one"), lingerMs=1)
        load = Load(daemon, senders=2, pause=0.01).start()
        load.wait_acknowledged(5)
        two = folder_resource(daemon, "two")
        daemon.write_config(resources=[*daemon.config["resources"], two])
        daemon.reload()
        wait_for(lambda: "read again" in daemon.log(), 10, "SIGHUP is answered in the log")
        daemon.put_setting("two", storage=storage_id("two"), lingerMs=1)
        wait_for(lambda: progress(daemon, "two")["recordsExported"] > 0, 10, "a destination that the reload brought gets records")
        check("SIGHUP: a new destination works without restart", (daemon.folder / "two").exists())
        text = daemon.config_file.read_text()
        daemon.config_file.write_text(text.replace('"resources"', '"resuorces"'))
        daemon.reload()
        wait_for(lambda: "stays in force" in daemon.log(), 10, "the mistake is in the log")
        check("SIGHUP with a mistake: the old configuration stays, the log says where", "resuorces" in daemon.log(), daemon.log_tail())
        load.wait_acknowledged(5)
        daemon.write_config(journal={"segment": "32 MiB"})
        daemon.reload()
        wait_for(lambda: "next start" in daemon.log(), 10, "what needs a restart is said")
        check("SIGHUP: what takes effect only at the next start is said", "journal.segment" in daemon.log(), daemon.log_tail())
        numbers = load.finish()
        daemon.wait_delivered("one", "two")
        Tally().add_folder(daemon.folder / "one").exactly(check, "over all reloads each record arrived once", numbers)


def settings_under_load():
    with Daemon() as daemon:
        names = ("stay", "toggle", "left", "right", "come")
        daemon.write_config(resources=[folder_resource(daemon, n) for n in names])
        daemon.start()
        daemon.put_setting("stay", storage=storage_id("stay"), lingerMs=1)
        daemon.put_setting("toggle", storage=storage_id("toggle"), lingerMs=5)
        daemon.put_setting("moving", storage=storage_id("left"), lingerMs=5)
        load = Load(daemon, ("DeviceEvents",), senders=4, pause=0.01).start()
        for turn in range(12):
            load.wait_acknowledged(6)
            daemon.enable("toggle", turn % 2 == 1)
            daemon.put_setting("moving", storage=storage_id("right" if turn % 2 == 0 else "left"), lingerMs=5)
            daemon.put_setting("come", storage=storage_id("come"), lingerMs=1)
            load.wait_acknowledged(6)
            answer = daemon.request("DELETE", f"/api/dataexportsettings/come?tenantId={TENANT}")
            if answer.status != 204:
                raise Failed(f"DELETE: {answer}")
        daemon.enable("toggle", True)
        numbers = load.finish()
        daemon.wait_delivered("stay", "toggle", "moving")
        check("36 changes of settings under load", not load.wrong and load.answers[200] == len(load.acknowledged), load.wrong[:3], dict(load.answers))
        Tally().add_folder(daemon.folder / "stay").exactly(check, "the export that stayed has each record once", numbers)
        Tally().add_folder(daemon.folder / "toggle").exactly(check, "the one that was disabled and enabled too", numbers)
        both = Tally().add_folder(daemon.folder / "left").add_folder(daemon.folder / "right")
        both.exactly(check, "the one that moved between two accounts has each once, here or there", numbers)
        check("both accounts got some", any((daemon.folder / "left").rglob("*.json")) and any((daemon.folder / "right").rglob("*.json")))


def orderly_stop():
    with Daemon() as daemon:
        daemon.write_config(resources=[folder_resource(daemon, "fast")], defaultExports=True)
        daemon.start()
        daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
        load = Load(daemon, ("DeviceEvents", "DeviceProcessEvents"), senders=6, big_every=30).start()
        for turn in range(4):
            load.wait_acknowledged(20)
            began = time.monotonic()
            code = daemon.stop()
            took = time.monotonic() - began
            check(f"SIGTERM under load, {turn + 1}: ends with 0 within its grace", code == 0 and took < 15, code, took)
            log_size = len(daemon.log())
            daemon.start()
            check(f"SIGTERM under load, {turn + 1}: the journal was closed in order",
                  "not closed in order" not in daemon.log()[log_size:], daemon.log()[log_size:])
        load.wait_acknowledged(10)
        numbers = load.finish()
        daemon.put_setting("fast", storage=storage_id("fast"), tables=("DeviceEvents", "DeviceProcessEvents"), lingerMs=1)
        daemon.wait_delivered("fast", "local-archive")
        Tally().add_folder(daemon.data / "storage").exactly(check, "four orderly stops under load: each record once", numbers)


def two_daemons():
    with Daemon() as daemon, Daemon(data=daemon.data) as other:
        daemon.start()
        send_batches(daemon, 1, 1)
        before = hash_tree(daemon.data / "journal")
        other.write_config(tenants=[{"id": OTHER_TENANT, "name": "other"}], defaultExports=True)
        other.launch()
        code = other.process.wait(20)
        check("a second daemon on the same data is refused, and told who has it",
              code != 0 and str(daemon.process.pid) in other.log(), code, other.log())
        check("and changed nothing there", hash_tree(daemon.data / "journal") == before)
        tenants = {e["tenantId"] for e in daemon.status()["exports"]}
        check("nor the store of the one at work", OTHER_TENANT not in tenants and
              daemon.post("DeviceEvents", rows(1, 1), tenant=OTHER_TENANT).status == 404, tenants,
              daemon.post("DeviceEvents", rows(1, 1), tenant=OTHER_TENANT))
        daemon.kill()
        other.write_config(tenants=[{"id": TENANT, "name": "test"}], defaultExports=False)
        other.start()
        check("after a kill of the first the second starts", other.get("/readyz").status == 200)


# ---- clocks ----

def clock_jumps(azurite):
    shim = BUILD / "test" / "clock_shift.so"
    shim.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", str(shim), str(HERE.parent / "lib" / "clock_shift.c"),
                    "-ldl"], check=True)
    azurite.reset()
    with tempfile.NamedTemporaryFile() as shift_file:
        def shift(seconds):
            shift_file.seek(0)
            shift_file.write(struct.pack("<q", seconds))
            shift_file.flush()

        shift(0)
        with Daemon(environment={"LD_PRELOAD": str(shim), "CLOCK_SHIFT_FILE": shift_file.name}) as daemon:
            daemon.write_config(resources=[blob_resource(azurite), folder_resource(daemon, "fast")])
            daemon.start()
            daemon.put_setting("azurite", storage=storage_id("azurite"), lingerMs=20)
            daemon.put_setting("fast", storage=storage_id("fast"), lingerMs=1)
            load = Load(daemon, senders=2, pause=0.02).start()
            load.wait_acknowledged(10)
            negative, unhealthy = [], []
            for seconds in (7200, -10800, 86400 * 40, 0, -86400 * 400, 1800):
                shift(seconds)
                for _ in range(6):
                    load.wait_acknowledged(3)
                    for name in ("azurite", "fast"):
                        p = progress(daemon, name)
                        if p["lagSeconds"] < 0:
                            negative.append((seconds, name, p["lagSeconds"]))
                    if daemon.get("/healthz").status != 200:
                        unhealthy.append((seconds, str(daemon.get("/healthz"))))
                wait_for(lambda: daemon.lag("fast") < 2000 and daemon.lag("azurite") < 5000, 30,
                         lambda: f"clock at {seconds:+d} s: exports go on: {daemon.status()['exports']}")
            check("clock jumps: no negative lag", not negative, negative[:3])
            check("clock jumps: healthy all the time", not unhealthy, unhealthy[:3])
            shift(-86400)
            daemon.kill()
            daemon.start()
            load.wait_acknowledged(10)
            check("a restart a day back in time works", True)
            numbers = load.finish()
            check("clock jumps: no request went wrong", not load.wrong, load.wrong[:3])
            daemon.wait_delivered("fast", "azurite", seconds=60)
            Tally().add_folder(daemon.folder / "fast").exactly(check, "clock jumps: the folder has each record once", numbers)
            Tally().add_azurite(azurite).exactly(check, "clock jumps: Azurite has each record once", numbers)
            hours = {p.relative_to(daemon.folder / "fast") for p in (daemon.folder / "fast").rglob("PT1H*.json")}
            check("clock jumps: records lie in the hours that the clock said", len(hours) >= 5, hours)


# ---- who may see what ----

def token_revoked():
    with Daemon() as daemon:
        daemon.start()
        token = daemon.make_token(TENANT, "ingest")
        text, identity = token["token"], token["id"]
        wait_for(lambda: daemon.post("DeviceEvents", rows(1, 1), token=text).status == 200, 5, "a new token is known")
        check("a new token works without restart", True)
        stop, seen = threading.Event(), []

        def post():
            while not stop.is_set():
                seen.append((time.monotonic(), daemon.post("DeviceEvents", rows(1, 1), token=text).status))

        thread = threading.Thread(target=post, daemon=True)
        thread.start()
        wait_for(lambda: len(seen) > 5, 10, "requests with the token")
        code, _, errors = daemon.run("token", "revoke", identity)
        revoked = time.monotonic()
        check("token revoke", code == 0, errors)
        wait_for(lambda: seen[-1][1] == 401, 5, lambda: f"the revoked token is refused: {seen[-1]}")
        stop.set()
        thread.join()
        last = max(t for t, status in seen if status == 200)
        check("a revoked token is refused within 1.5 s, on a connection that is open", last - revoked < 1.5, last - revoked)
        check.note(f"refused {max(0.0, last - revoked):.2f} s after the revocation")


def get_routes():
    """Patterns of all GET routes, from the table in api.c: a new route needs a row in isolation()."""
    text = (ROOT / "src/api/api.c").read_text().replace("\\\n", "")
    words = {name: "".join(re.findall(r'"([^"]*)"', value)) for name, value in re.findall(r'#define ([A-Z_]+)((?:\s+"[^"]*")+)', text)}
    found = re.findall(r'\{"GET",\s*((?:[A-Z_]+\b|"[^"]*")(?:\s*"[^"]*")*)', text)
    return sorted({"".join(w.strip('"') if w[0] == '"' else words[w] for w in re.findall(r'"[^"]*"|[A-Z_]+', f)) for f in found})


def isolation():
    """Whatever a tenant's token reads, over every route: nothing of the other's."""
    with Daemon() as daemon:
        soc = f"{SUBSCRIPTION}/Microsoft.OperationalInsights/workspaces/soc"
        shared = [{"id": soc, "kind": "workspace", "settings": {"path": str(daemon.folder / "soc.duckdb")}}] if has_workspaces() else []
        daemon.write_config(tenants=[{"id": TENANT, "name": "a"}, {"id": OTHER_TENANT, "name": "b"}], defaultExports=True,
                            resources=[folder_resource(daemon, "bstorage"), *shared], metrics={"access": "token"})
        daemon.start()
        secret = "secretofb"
        for tenant in (TENANT, OTHER_TENANT) if shared else ():
            daemon.put_workspace("shared", soc, tables=("DeviceInfo", "DeviceEvents"), tenant=tenant, lingerMs=1)
        device = '{{"Timestamp":"2026-09-14T08:07:45Z","DeviceId":"{0}-device","DeviceName":"{0}-name","ReportId":{1},"OSPlatform":"Linux"}}\n'
        for tenant, word, number in ((TENANT, "ofa", 1), (OTHER_TENANT, secret, 2)):
            answers = [daemon.post("DeviceInfo", device.format(word, number).encode(), tenant=tenant),
                       daemon.request("POST", f"/ingest/v1/{tenant}/DeviceEvents?onError=park",
                                      (device.format(word, number) + f'{{"DeviceId":"{word}-parked" broken\n').encode())]
            if any(a.status != 200 for a in answers):
                raise Failed(f"ingest for {word}: {[str(a) for a in answers]}")
        daemon.put_setting(f"{secret}-setting", storage=storage_id("bstorage"), tables=("DeviceInfo",), tenant=OTHER_TENANT, lingerMs=1)
        groups = json.dumps([{"Name": f"{secret}-group", "Priority": 1, "GroupRules": []}])
        answer = daemon.request("PUT", f"/api/devicegroups?tenantId={OTHER_TENANT}", groups)
        if answer.status not in (200, 204):
            check.note(f"device groups were not taken: {answer}")
        daemon.request("POST", f"/hubs/events/cursor?tenantId={OTHER_TENANT}&consumerGroup={secret}-group", b'{"cursor":"0.0"}')
        answer = daemon.request("PUT", f"/api/workspaces/-/savedQueries/{secret}_saved?tenantId={OTHER_TENANT}",
                                json.dumps({"kind": "function", "query": f"print x = '{secret}'"}))
        check("a function is saved for the other tenant", answer.status == 201, answer)
        rule = daemon.request("POST", f"/beta/security/rules/detectionRules?tenantId={OTHER_TENANT}", json.dumps({
            "displayName": f"{secret}-rule", "queryCondition": {"queryText": "DeviceInfo"}, "schedule": {"period": "0"},
            "detectionAction": {"alertTemplate": {"title": secret, "severity": "low", "category": "Execution", "impactedAssets": [
                {"@odata.type": "#microsoft.graph.security.impactedDeviceAsset", "identifier": "deviceId"}]}}}).encode()).json()["id"]
        daemon.wait_delivered("local-archive", f"{secret}-setting", *(["shared"] if shared else []), tenant=OTHER_TENANT)
        mine = daemon.make_token(TENANT, "ingest", "SecurityReader", "SecurityAdministrator", "HubReader")["token"]
        theirs = daemon.make_token(OTHER_TENANT, "SecurityReader", "HubReader")["token"]
        wait_for(lambda: daemon.get("/api/dataexportsettings", token=mine).status == 200 and
                 daemon.get("/api/dataexportsettings", token=theirs).status == 200, 5, "the tokens are known")
        parked = daemon.get("/api/ingest/parked", token=theirs)
        number = parked.json()["value"][0]["id"]
        shown = daemon.get(f"/api/ingest/parked/{number}", token=theirs)
        check("the other tenant sees its parked record itself", secret.encode() in shown.body, shown)
        paths = {  # pattern: paths that lead to the other's things if anything does
            "/api/schema": [], "/api/schema/{table}": [], "/healthz": [], "/readyz": [],
            "/api/dataexportsettings": ["/api/dataexportsettings"],
            "/api/dataexportsettings/{id}": [f"/api/dataexportsettings/{secret}-setting"],
            "/api/dataexportsettings/{id}/status": [f"/api/dataexportsettings/{secret}-setting/status"],
            "/api/dataexportsettings/{id}/schema": [f"/api/dataexportsettings/{secret}-setting/schema"],
            "/api/dataexportsettings/{id}/parked": [f"/api/dataexportsettings/{secret}-setting/parked", "/api/dataexportsettings/local-archive/parked"],
            "/api/dataexportsettings/{id}/parked/{n}": [f"/api/dataexportsettings/{secret}-setting/parked/{number}",
                                                        f"/api/dataexportsettings/local-archive/parked/{number}"],
            "/api/ingest/parked": ["/api/ingest/parked"],
            "/api/ingest/parked/{n}": [f"/api/ingest/parked/{number}"],
            "/api/devicegroups": ["/api/devicegroups"],
            "/api/devices": ["/api/devices", f"/api/devices?group={secret}-group"],
            "/hubs": ["/hubs"],
            "/hubs/{hub}/messages": ["/hubs/events/messages?from=earliest&maxWait=0",
                                     f"/hubs/events/messages?consumerGroup={secret}-group&maxWait=0"],
            "/hubs/{hub}/cursor": [f"/hubs/events/cursor?consumerGroup={secret}-group"],
            "/api/status": ["/api/status"],
            "/api/posture": ["/api/posture"],
            "/metrics": ["/metrics"],
            # What stands behind the doors of hunting is tested there too (hunting_test.py).
            "/api/workspaces": ["/api/workspaces"],
            "/api/workspaces/{workspace}/tables": ["/api/workspaces/soc/tables"],
            "/api/workspaces/{workspace}/tables/{table}/export": ["/api/workspaces/soc/tables/DeviceInfo/export",
                                                                  "/api/workspaces/soc/tables/DeviceInfo/export?shape=workspace&where=true"],
            "/api/workspaces/{workspace}/savedQueries": ["/api/workspaces/-/savedQueries"],
            "/api/workspaces/{workspace}/savedQueries/{name}": [f"/api/workspaces/-/savedQueries/{secret}_saved"],
            "/v1/workspaces/{workspaceId}/query": ["/v1/workspaces/soc/query?query=union+*", "/v1/workspaces/soc/query?query=DeviceInfo",
                                                     f"/v1/workspaces/soc/query?query={secret}_saved"],
            "/v1/workspaces/{workspaceId}/metadata": ["/v1/workspaces/soc/metadata"],
            "/v1/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.OperationalInsights/"
            "workspaces/{workspaceName}/query": [f"/v1/{soc}/query?query=DeviceInfo"],
        }
        paths.update({"/v1.0/security/rules/detectionRules": ["/v1.0/security/rules/detectionRules", "/beta/security/rules/detectionRules?$top=1"],
                      "/v1.0/security/rules/detectionRules/{id}": [f"/v1.0/security/rules/detectionRules/{rule}"],
                      "/v1.0/security/rules/detectionRules/{id}/runs": [f"/v1.0/security/rules/detectionRules/{rule}/runs"]})
        check("every GET route has its row here", set(get_routes()) == set(paths), set(get_routes()) ^ set(paths))
        words = (secret.encode(), OTHER_TENANT.encode(), OTHER_TENANT.upper().encode())

        def seen_in(answer):
            # An error may repeat what the caller himself asked for; data may not.
            return answer.status < 300 and any(word in answer.body for word in words)

        for pattern, concrete in paths.items():
            for path in concrete:
                joint = "&" if "?" in path else "?"
                own = daemon.get(path, token=mine)
                check(f"{path}: nothing of the other tenant's", not seen_in(own) and own.status < 500, own)
                other = daemon.get(f"{path}{joint}tenantId={OTHER_TENANT}", token=mine)
                check(f"{path} of the other tenant: refused", other.status in (401, 403, 404), other)
        if shared:
            check("the workspace shows each its own", all(word in daemon.get("/v1/workspaces/soc/query?query=DeviceInfo", token=token).body
                                                          for word, token in ((b"ofa-device", mine), (secret.encode(), theirs))))
        shown = [p for pattern in ("/api/dataexportsettings", "/api/devices", "/api/workspaces/{workspace}/savedQueries", "/api/ingest/parked/{n}", "/hubs/{hub}/messages")
                 for p in paths[pattern][:1] if not any(w in daemon.get(p, token=theirs).body for w in words)]
        check("to the other tenant itself these show its things", not shown, shown)
        for what, answer in (
                ("ingest", daemon.post("DeviceEvents", rows(1, 1), tenant=OTHER_TENANT, token=mine)),
                ("a setting", daemon.request("PUT", f"/api/dataexportsettings/x?tenantId={OTHER_TENANT}", b"{}", token=mine)),
                ("a deletion", daemon.request("DELETE", f"/api/dataexportsettings/{secret}-setting", token=mine)),
                ("a cursor", daemon.request("POST", f"/hubs/events/cursor?tenantId={OTHER_TENANT}", b'{"cursor":"0.0"}', token=mine))):
            check(f"writing: {what} for the other tenant is refused", answer.status in (403, 404), answer)
        envelope = json.dumps({"time": "2026-09-14T08:07:45.0000000Z", "tenantId": OTHER_TENANT, "operationName": "Publish",
                               "category": "AdvancedHunting-DeviceEvents", "properties": {"DeviceId": "forged", "ReportId": 77}})
        answer = daemon.request("POST", "/ingest/v1/records", envelope.encode(), token=mine)
        check("an envelope that names the other tenant is refused", answer.status in (400, 403), answer)
        check("and nothing of it arrived", daemon.get("/hubs/events/messages?from=earliest&maxWait=1", token=theirs).body.find(b"forged") < 0)


# ---- all of it ----

SECTIONS = {  # name: (function, peers it needs)
    "destinations": (storage_faults, "azurite"),
    "chaos": (storage_chaos, "azurite"),
    "dead": (dead_one, None),
    "kafka": (kafka_faults, "kafka"),
    "topics": (kafka_new_topics, "kafka"),
    "disk": (full_disk, None),
    "reserve": (reserve, None),
    "quota": (quota, "azurite"),
    "torn": (torn_tail, "azurite"),
    "damage": (damaged_segments, "azurite"),
    "head": (damaged_head, "azurite"),
    "summary": (damaged_summary, "azurite"),
    "version": (newer_version, "azurite"),
    "config": (config_faults, "azurite"),
    "unnamed": (resource_gone, "azurite"),
    "reload": (reload_config, None),
    "settings": (settings_under_load, None),
    "stop": (orderly_stop, None),
    "two": (two_daemons, None),
    "clock": (clock_jumps, "azurite"),
    "revoke": (token_revoked, None),
    "tenants": (isolation, None),
}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--no-peers", action="store_true")
    options.add_argument("sections", nargs="*", choices=[[], *SECTIONS], default=[])
    options = options.parse_args()
    chosen = options.sections or list(SECTIONS)
    needed = {SECTIONS[name][1] for name in chosen} - {None}
    running = {}
    try:
        if needed and not options.no_peers:
            import peers
            if "azurite" in needed:
                class Fresh(peers.Azurite):
                    key = peers.EMULATOR_KEY

                    def reset(self):
                        """Empty again."""
                        self.stop(kill=True)
                        shutil.rmtree(self.folder / "data", ignore_errors=True)
                        self.up()

                running["azurite"] = Fresh()
                running["azurite"].up()
            if "kafka" in needed:
                running["kafka"] = peers.Kafka()
                running["kafka"].up()
        for name in chosen:
            function, peer = SECTIONS[name]
            if peer and peer not in running:
                check.skip(name, "--no-peers")
            else:
                check.run(name, function, *([running[peer]] if peer else []))
    finally:
        for peer in running.values():
            peer.__exit__()
    check.end()


main()
