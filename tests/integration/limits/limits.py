#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""--max-pause: the process is never stopped for much longer; what cannot be settled so is marked, nothing is lost, and it
is said how many and why.

    limits.py GO...     e.g. limits.py go1.18 go1.27

GOSTACKDUMP names the tool; the fixtures are in build/fixtures or GSD_FIXTURES_DIR.
"""

import collections
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))
# How much longer than allowed: mostly, and when the guard has to wait for its processor.
SLACK_NS, MOST_NS = 5_000_000, 1_000_000_000
CAPTURES = 8
SAID = re.compile(r"(\d+) of (\d+) goroutines are not settled to be of one moment: .*(longer than --max-pause|in time)")
RING = ["-rings=1", "-members=2000", "-change=64", "-every=2", "-pace=1ms"]
COROUTINES = ["-pairs=20"]


class Wrong(Exception):
    pass


def need(condition, text):
    if not condition:
        raise Wrong(text)


class Program:
    def __init__(self, go, name, *arguments):
        self.folder = tempfile.TemporaryDirectory(prefix="limits.")
        if name == "parity":
            arguments = ["-out=" + self.folder.name, *arguments]
        self.process = subprocess.Popen([os.path.join(FIXTURES, go, "default", name), *arguments], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        line = ""
        for line in self.process.stdout:
            if line.startswith("ready"):
                break
        need(line == f"ready {self.process.pid}\n", f"{name} did not get ready")

    def capture(self, limit):
        """The tool's exit status, what it said, its figures, and the goroutines."""
        file, stats = (os.path.join(self.folder.name, name) for name in ("a.jsonl", "stats"))
        done = subprocess.run([os.environ["GOSTACKDUMP"], f"--pid={self.process.pid}", f"--max-pause={limit}", "-o", file,
                               "--stats", stats], capture_output=True, text=True, timeout=120)
        need(done.returncode in (0, 1), f"exit status {done.returncode}: {done.stderr}")
        with open(stats) as f:
            figures = json.load(f)
        with open(file) as f:
            goroutines = [g for g in map(json.loads, f) if g["type"] == "goroutine"]
        need(self.process.poll() is None, "the program ended")
        return done, figures, goroutines

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()


def check(done, figures, goroutines, limit_ns):
    """What holds for every capture; the number of those that are marked."""
    need(figures["pause_ns"] <= limit_ns + MOST_NS, f"a pause of {figures['pause_ns']} ns, allowed are {limit_ns}")
    marked = [g for g in goroutines if g["ambiguous"]]
    need(figures["unsettled"] == figures["ambiguous"] == len(marked),
         f"{figures['unsettled']} unsettled, {figures['ambiguous']} ambiguous, {len(marked)} marked in the file")
    need(len({g["goid"] for g in goroutines}) == len(goroutines), "a goroutine is there twice")
    need(done.returncode == (1 if marked or figures["unreadable"] else 0), f"exit status {done.returncode}: {done.stderr}")
    said = SAID.search(done.stderr)
    need(bool(said) == bool(marked), f"{len(marked)} are marked, and it is said: {done.stderr}")
    if said:
        need((int(said[1]), int(said[2])) == (len(marked), len(goroutines)), f"{len(marked)} are marked: {done.stderr}")
        # On a machine that is very busy even attaching, which stops nothing, may take longer than it is waited for.
        late = said[3] == "in time"
        need(late == (figures["refused_pause_ns"] == 0), f"a stop of {figures['refused_pause_ns']} ns was refused: {done.stderr}")
        need(late or figures["refused_pause_ns"] > limit_ns, f"a stop of {figures['refused_pause_ns']} ns was refused")
    need(("not paused" in done.stderr) == (figures["stops"] == 0), f"{figures['stops']} stops: {done.stderr}")
    return len(marked)


def is_parked(goroutine):
    return goroutine["status"] == "waiting" and goroutine["thread"] is None


def parked(go):
    """Next to nothing moves: what stood still is not marked, and is what a stop says; the rest is there, and marked."""
    with Program(go, "parity", "-mode=all") as program:
        done, figures, truth = program.capture("20s")
        need(check(done, figures, truth, 20e9) == 0 and done.returncode == 0, f"with 20 s: {done.stderr}")
        truth = {g["goid"]: g for g in truth}
        for limit, limit_ns in (("1us", 1e3), ("50us", 50e3)):
            done, figures, goroutines = program.capture(limit)
            marked = check(done, figures, goroutines, limit_ns)
            need(0 < marked < len(goroutines) / 2, f"{marked} of {len(goroutines)} are marked with {limit}")
            need((figures["mode"], figures["stops"]) == ("nonblocking", 0), f"{figures['stops']} stops, {figures['mode']}")
            need({g["goid"] for g in goroutines} == truth.keys(), "other goroutines than with a stop")
            for g in goroutines:
                need(g["frames"] == truth[g["goid"]]["frames"], f"another stack than with a stop: {g}")
        return f"{marked} marked of {len(goroutines)}"


def churning(go):
    """Much moves, and nobody comes or goes: everybody is there with each limit."""
    more = COROUTINES if int(go.split(".")[1]) >= 23 else []
    seen = collections.Counter()
    with Program(go, "token", *RING, *more) as program:
        done, figures, goroutines = program.capture("20s")
        need(check(done, figures, goroutines, 20e9) == 0 and done.returncode == 0, f"with 20 s: {done.stderr}")
        members = {g["goid"] for g in goroutines}
        for limit, limit_ns in (("1us", 1e3), ("50us", 50e3), ("200us", 200e3), ("500us", 500e3), ("1ms", 1e6), ("3ms", 3e6)):
            pauses = []
            for _ in range(CAPTURES):
                done, figures, goroutines = program.capture(limit)
                pauses.append(figures["pause_ns"])
                marked = check(done, figures, goroutines, limit_ns)
                need({g["goid"] for g in goroutines} == members, f"{len(goroutines)} goroutines, not {len(members)}")
                cut = figures["stops"] > 0 and figures["mode"] == "nonblocking"
                seen["settled" if not marked else "cut short" if cut else figures["mode"]] += 1
                need(marked > 0 or limit_ns > 100e3, f"none is marked with {limit}")
            need(statistics.median(pauses) <= limit_ns + SLACK_NS, f"pauses of {sorted(pauses)} ns, allowed are {limit_ns}")
    need(seen["nonblocking"] >= 2 * CAPTURES, f"the moment was given up too seldom to mean anything: {seen}")
    return dict(seen)


def main():
    failures = 0
    for go in sys.argv[1:]:
        for case in (parked, churning):
            try:
                print(f"ok {go} {case.__name__}: {case(go)}", flush=True)
            except Wrong as wrong:
                failures += 1
                print(f"FAILED {go} {case.__name__}: {wrong}", flush=True)
    sys.exit(1 if failures else 0)


main()
