#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Capture a program whose stacks say what came before what (tests/fixtures/token): no capture shows an effect without its
cause, whatever the program does meanwhile.

    single.py GO CAPTURES [LOAD]...

CAPTURES of each load; judge.py says what is possible. GOSTACKDUMP names the tool; the fixtures are in build/fixtures or
GSD_FIXTURES_DIR. Each load must really be settled by looks around the stop, with the rules that it is there for.
"""

import collections
import json
import os
import select
import subprocess
import sys
import tempfile
import time

import judge

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))

ONE_RING = {"rings": 1, "members": 2000, "change": 64, "every": 16, "pace": "1ms"}
BIRTHS = {"parents": 60, "pace": "4ms", "parked": 1000}
RULE_SECONDS = 40  # to see a rule at work; a second does mostly

# What the fixture is told, and which rule must have settled something in all captures of the load together.
LOADS = {
    "ring": (ONE_RING, "one_step"),
    "beside": (dict(ONE_RING, every=8, parked=5000), "one_step"),
    "garbage": (dict(ONE_RING, every=8, pace="4ms", gc=True), None),
    "traced": (dict(ONE_RING, every=8, pace="2ms", trace=True), None),
    "callers": ({"rings": 150, "members": 2, "change": 1, "every": 1, "pace": "20ms", "parked": 2000}, None),
    "births": (BIRTHS, "births"),
    "births-garbage": (dict(BIRTHS, gc=True), None),
    "coroutines": (dict(ONE_RING, every=2, pace="8ms", pairs=20), None),
}
COROUTINES_SINCE = 23


class Program:
    """The fixture, and what it said of itself."""

    def __init__(self, go, options):
        arguments = [f"-{name}" if value is True else f"-{name}={value}" for name, value in options.items()]
        self.process = subprocess.Popen([os.path.join(FIXTURES, go, "default", "token"), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.rings = []
        text = b""
        end = time.monotonic() + 60
        while b"ready" not in text:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                break
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                break
            text += part
        for line in text.decode().splitlines():
            words = line.split()
            if words[0] == "ring":
                self.rings.append([int(word) for word in words[1:]])
        if not text.endswith(b"ready %d\n" % self.process.pid) or len(self.rings) != options.get("rings", 0):
            self.close()
            sys.exit("single: the program did not get ready")

    def close(self):
        self.process.kill()
        self.process.wait()


class Looker:
    def __init__(self, go, load, folder):
        self.load = load
        self.options, self.rule = LOADS[load]
        self.program = Program(go, self.options)
        self.folder = folder
        self.figures = collections.Counter()
        self.pauses = []
        self.problems = collections.Counter()

    def wrong(self, text):
        self.problems[text] += 1

    def capture(self):
        file, stats = os.path.join(self.folder, "a.jsonl"), os.path.join(self.folder, "stats")
        command = [os.environ["GOSTACKDUMP"], "-q", "--max-pause=20s", f"--pid={self.program.process.pid}", "-o", file]
        done = subprocess.run([*command, "--stats", stats], capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            self.wrong(f"exit status {done.returncode}: {done.stderr.strip()}")
        if done.returncode not in (0, 1):
            return
        with open(stats) as f:
            self.count(json.load(f))
        with open(file) as f:
            goroutines = [value for value in map(json.loads, f) if value["type"] == "goroutine"]
        for goroutine in goroutines:
            goroutine["functions"] = [frame["function"] for frame in goroutine["frames"]]
        judge.judge(goroutines, self.program.rings, self.options, self.wrong)

    def count(self, stats):
        self.figures["captures"] += 1
        self.figures[stats["mode"]] += 1
        self.figures[f"rounds {stats['rounds']}"] += 1
        for name in ("one_step", "births", "read_at_stop"):
            self.figures[name] += stats[name]
        self.pauses.append(stats["pause_ns"])
        if stats["mode"] not in ("atomic", "atomic-fallback") or stats["rounds"] == 0:
            self.wrong(f"the moment was taken otherwise: {stats['mode']}, {stats['rounds']} rounds")
        if stats["ambiguous"]:
            self.wrong("something is ambiguous")

    def look(self, captures):
        for _ in range(captures):
            self.capture()
        # What a rule settles is a matter of microseconds: go on until it has had something to do.
        end = time.monotonic() + RULE_SECONDS
        while self.rule and self.figures[self.rule] == 0 and not self.problems and time.monotonic() < end:
            self.capture()
        if self.program.process.poll() is not None:
            self.wrong("the program ended")
        # A load that is always copied in one stop says nothing of the looks.
        if self.figures["atomic"] == 0:
            self.wrong("none was settled by looks")
        if self.rule and self.figures[self.rule] == 0:
            self.wrong(f"nothing was settled by {self.rule}")


def run(go, load, captures):
    """Captures one load; returns who did."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        looker = Looker(go, load, folder)
        try:
            looker.look(captures)
        finally:
            looker.program.close()
    pause = sorted(looker.pauses)[len(looker.pauses) // 2] // 1000 if looker.pauses else None
    figures = {"go": go, "load": load, "seconds": round(time.monotonic() - begin, 1), "median pause us": pause,
               **dict(sorted(looker.figures.items()))}
    print(", ".join(f"{key}: {value}" for key, value in figures.items()), flush=True)
    for text, count in looker.problems.most_common(10):
        print(f"FAILED {go} {load}: {count} times: {text}")
    return looker


def main():
    go, captures = sys.argv[1], int(sys.argv[2])
    loads = sys.argv[3:] or [load for load in LOADS if load != "coroutines" or int(go.split(".")[1]) >= COROUTINES_SINCE]
    lookers = [run(go, load, captures) for load in loads]
    settled, taken = (sum(looker.figures[name] for looker in lookers) for name in ("atomic", "captures"))
    print(f"{go}: {settled} of {taken} were settled by looks")
    if settled * 3 < taken:
        sys.exit("single: too few for this to mean anything")
    sys.exit(1 if any(looker.problems for looker in lookers) else 0)


main()
