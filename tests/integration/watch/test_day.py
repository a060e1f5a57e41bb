# SPDX-License-Identifier: BSD-3-Clause
"""A day of watch compressed: a tick every 100 ms while the target restarts, the disk fills, and the tool is killed."""

import gzip
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from support import GOSTACKDUMP, environment, sample_server, server

EVERY = 0.1
KEEP = 20
NAME = re.compile(r"(\d{8}T\d{6}\.\d{6})Z\.day-server\.\d+(\.\d+)?\.pb\.gz")


class Watch:
    """A watch by name; its log is read as it comes, and its memory and descriptors are looked at now and then."""

    def __init__(self, dumps):
        self.process = subprocess.Popen(
            [GOSTACKDUMP, "watch", "--name", "day-server", "--every", "%dms" % (EVERY * 1000), "-o", dumps,
             "--keep", str(KEEP), "--log-format", "json", "--max-pause", "1m"],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), text=True,
        )
        self.captures = []  # (when the file says, event)
        self.skipped = 0
        self.full = 0
        self.other = []
        self.resident = []
        self.descriptors = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for text in self.process.stderr:
            event = json.loads(text)
            if event["event"] == "capture":
                self.captures.append({**event, "skipped": self.skipped})
                self.look()
            elif "skipped" in event.get("text", ""):
                self.skipped += int(event["text"].split()[1])
            elif "no space is left" in event.get("text", ""):
                self.full += 1
            elif event["event"] not in ("start", "ended", "hint"):
                self.other.append(event)

    def look(self):
        directory = pathlib.Path("/proc/%d" % self.process.pid)
        try:
            self.resident.append(int((directory / "statm").read_text().split()[1]) * 4096)
            self.descriptors.append(len(os.listdir(directory / "fd")))
        except (FileNotFoundError, ProcessLookupError, IndexError):
            pass

    def end(self, number):
        self.process.send_signal(number)
        self.reader.join()
        self.process.stderr.close()
        return self.process.wait()


def check_files(dumps):
    """Whatever has a capture's name is whole; there are not more than are to be kept, but for one being written."""
    names = sorted(name for name in os.listdir(dumps) if not name.startswith("."))
    captures = [name for name in names if name != "ballast"]
    for name in captures:
        assert NAME.fullmatch(name), name
        try:
            data = (dumps / name).read_bytes()
        except FileNotFoundError:
            continue  # it was one too many just now
        assert b"day-server" in gzip.decompress(data), name
    assert len(captures) <= KEEP + 1, captures
    return names


def seconds_of(event):
    """The moment in the name of the file, in seconds of the day."""
    stamp = os.path.basename(event["files"][0]["path"])
    return int(stamp[9:11]) * 3600 + int(stamp[11:13]) * 60 + float(stamp[13:22])


def drift_of(watch):
    """How many ticks the clock of a watch is off: those that it counts, against the time between first and last."""
    counted = len(watch.captures) - 1 + watch.captures[-1]["skipped"] - watch.captures[0]["skipped"]
    return abs((seconds_of(watch.captures[-1]) - seconds_of(watch.captures[0])) / EVERY - counted)


def main():
    seconds = float(sys.argv[1])
    chance = random.Random(7)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="gostackdump-day-"))
    program = directory / "day-server"
    shutil.copy(sample_server(), program)
    dumps = directory / "dumps"
    dumps.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dumps], check=True)
    target = None
    watches = [Watch(dumps)]
    filled = killed = restarts = 0
    try:
        ending = time.monotonic() + seconds
        step = 0
        while time.monotonic() < ending:
            if target is None:
                target = server(program)
                restarts += 1
            before = len(watches[-1].captures)
            # Wait for captures, not for time: what is done to it happens between any two.
            deadline = time.monotonic() + 30
            while len(watches[-1].captures) < before + 5 and time.monotonic() < deadline:
                watches[-1].reader.join(0.01)
            assert len(watches[-1].captures) >= before + 5, "no captures for 30 s"
            check_files(dumps)
            step += 1
            if step % 5 == 1:
                target.end(kill=chance.random() < 0.5)
                target = None
            elif step % 5 == 3:
                full = watches[-1].full
                with open(dumps / "ballast", "wb", buffering=0) as ballast:
                    # Captures that are removed make room for one more: that too is taken.
                    while watches[-1].full < full + 2 and time.monotonic() < deadline:
                        try:
                            while ballast.write(b"x" * 4096):
                                pass
                        except OSError:
                            watches[-1].reader.join(0.005)
                assert watches[-1].full >= full + 2, "a full disk was not said"
                filled += 1
                check_files(dumps)
                os.unlink(dumps / "ballast")
            elif step % 25 == 7:
                watches[-1].end(signal.SIGKILL)
                killed += 1
                check_files(dumps)
                watches.append(Watch(dumps))
        # One stretch without trouble, for the clock and the memory.
        if target is None:
            target = server(program)
        last = Watch(dumps) if watches[-1].end(signal.SIGTERM) in (0, 1) else None
        watches.append(last)
        while len(last.captures) < 100:
            last.reader.join(0.05)
        status = last.end(signal.SIGTERM)
        assert status == (1 if last.skipped else 0), status
    finally:
        for watch in watches:
            if watch.process.poll() is None:
                watch.end(signal.SIGKILL)
        if target is not None:
            target.end()
        names = check_files(dumps)
        subprocess.run(["umount", dumps], check=True)
        shutil.rmtree(directory)
    for watch in watches:
        assert not watch.other, watch.other
    assert restarts > 1 and filled > 0 and killed > 0, (restarts, filled, killed)
    drift = drift_of(last)
    assert drift < 3, drift  # a clock that waits after each capture loses more than 10
    # Memory and descriptors of the watch that lived longest.
    longest = max(watches, key=lambda watch: len(watch.resident))
    third = len(longest.resident) // 3
    # What is always there: a capture of a program that just starts may need three times as much for a moment.
    early, late = min(longest.resident[third : 2 * third]), min(longest.resident[2 * third :])
    assert late <= early * 1.1 + (1 << 20), (early, late)
    assert max(longest.descriptors) <= min(longest.descriptors) + 6, longest.descriptors
    total = sum(len(watch.captures) for watch in watches)
    print(
        "%d captures, %d skipped, %d restarts, %d full disks, %d kills; drift %.2f ticks in 100, memory %.1f to %.1f MiB, "
        "descriptors %d to %d, %d files left"
        % (total, sum(watch.skipped for watch in watches), restarts, filled, killed, drift, early / 2**20,
           late / 2**20, min(longest.descriptors), max(longest.descriptors), len(names))
    )


if __name__ == "__main__":
    main()
