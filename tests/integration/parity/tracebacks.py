#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hold the formats text and stacks against what the fixture traceback writes about itself.

    tracebacks.py GO KIND      e.g. tracebacks.py go1.22 stripped

The kind synctest is of Go 1.24 with GOEXPERIMENT=synctest, and built here: the other fixtures need not know of it.
GOSTACKDUMP names the tool; the fixtures are in build/fixtures or GSD_FIXTURES_DIR. Prints each difference; exit status 1
when there is one.
"""

import json
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import time

from parity import FIXTURES, ROOT, READY_SECONDS, Wrong, blocks, compare_stacks, compare_text, gostackdump, need, run

# The fixture's modes: name, its own argument, environment.
MODES = (
    ("arguments", "arguments", {}),
    ("ancestors", "ancestors", {"GODEBUG": "tracebackancestors=5"}),
    ("bubbles", "bubbles", {}),
    ("labels", "labels", {}),
    ("labels on", "labels", {"GODEBUG": "tracebacklabels=1"}),
    ("labels off", "labels", {"GODEBUG": "inittrace=0,tracebacklabels=1,tracebacklabels=0"}),
    ("shallow profile", "arguments", {"GODEBUG": "profstackdepth=7"}),
    ("neverrun", "neverrun", {"GOMAXPROCS": "1", "GODEBUG": "asyncpreemptoff=1"}),
)
AGED = ("arguments", "bubbles", "labels on")  # modes whose goroutines are made to have waited for long
AGES = (0, 1, 2, 3, 9, 10, 59, 60, 61, 119, 1439, 1440, 99999)  # minutes
SYNCTEST = "1.24.9"
DEEPEST = 9000  # calls of main.down in the deepest stack


class Program:
    """The fixture, ready."""

    def __init__(self, path, mode, environment, folder):
        env = {k: v for k, v in os.environ.items() if k not in ("GODEBUG", "GOMAXPROCS", "GOGC", "GOTRACEBACK")}
        env.update(environment)
        self.process = subprocess.Popen([path, "-mode=" + mode, "-out=" + folder], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env=env)
        self.pid = self.process.pid
        self.await_line(f"ready {self.pid}\n")

    def await_line(self, expected):
        readable = select.select([self.process.stdout], [], [], READY_SECONDS)[0]
        line = self.process.stdout.readline().decode() if readable else ""
        if line != expected:
            self.process.kill()
            self.process.wait()
            raise Wrong(f"the fixture said {line!r}")

    def write_again(self):
        """Its own profiles, as they are now."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        self.await_line("written\n")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.stdin.close()
        self.process.wait(READY_SECONDS)
        self.process.stdout.close()


def dump(program, folder, *arguments):
    """Text and stacks of a program; their paths."""
    text, stacks = os.path.join(folder, "ours.text"), os.path.join(folder, "ours.txt")
    done = gostackdump(program, os.path.join(folder, "ours.pb.gz"), ["-o", "text:" + text, "-o", stacks, *arguments])
    need(done.returncode == 0, f"exit status {done.returncode}: {done.stderr.strip()}")
    return text, stacks


def check_depth(program, folder):
    """A depth that is asked for is the only cut, and says how much it left out."""
    _, whole = dump(program, folder, "--max-frames", "20000")
    with open(whole) as f:
        text = f.read()
    need("elided" not in text, "frames are elided though all were asked for")
    deepest = max(stack.count("\nmain.down(") for stack in text.split("\n\n"))
    need(deepest == DEEPEST + 1, f"main.down is {deepest} times in the deepest stack, not {DEEPEST + 1}")
    _, cut = dump(program, folder, "--max-frames", "60")
    with open(cut) as f:
        text = f.read()
    for stack in text.split("\n\n"):
        shown = stack.count("\nmain.down(")
        left_out = re.search(r"^\.\.\.(\d+) frames elided\.\.\.$", stack, re.M)
        need(shown < 61, f"{shown} frames where 60 were asked for")
        if shown > 40:
            total = shown + int(left_out.group(1)) if left_out else shown
            need(any(total == n + 1 for n in (45, 46, 47, 48, 49, 50, 95, 96, 97, 98, 99, 100, 101, 102, 150, 1000, DEEPEST)),
                 f"{shown} shown and {total - shown} elided: no such depth")


def headers(path):
    """The first lines of goroutines, by goid, minutes and all."""
    with open(path) as f:
        return {int(line.split()[1]): line for line in f if line.startswith("goroutine ")}


def age(program, go, folder):
    """Makes the goroutines look as if they had been waiting: for so many minutes by goid, and some seconds."""
    offset = 176 if go in ("go1.23", "go1.24") else 168  # of runtime.g.waitsince: what the program says then tells if it is
    lines = os.path.join(folder, "goroutines.jsonl")
    done = gostackdump(program, os.path.join(folder, "ours.pb.gz"), ["-o", lines])
    need(done.returncode == 0, done.stderr.strip())
    with open(lines) as f:
        goroutines = [thing for thing in map(json.loads, f) if thing["type"] == "goroutine" and thing["status"] == "waiting"]
    now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    ages = [minutes for minutes in AGES if (minutes + 2) * 60 * 10**9 < now]
    minutes_of = {}
    with open(f"/proc/{program.pid}/mem", "r+b", buffering=0) as memory:
        for i, goroutine in enumerate(goroutines):
            minutes_of[goroutine["goid"]] = minutes = ages[i % len(ages)]
            memory.seek(int(goroutine["g"], 16) + offset)
            memory.write(struct.pack("<q", now - (minutes * 60 + 20) * 10**9))
    return minutes_of


def check_minutes(program, go, folder):
    """Minutes of waiting are there as the program itself says them, and in their place among what else a header has."""
    minutes_of = age(program, go, folder)
    _, stacks = dump(program, folder)
    program.write_again()
    own = os.path.join(folder, "own.debug2")
    theirs, ours = headers(own), headers(stacks)
    for goid, minutes in minutes_of.items():
        found = re.search(r", (\d+) minutes\b", theirs[goid])
        need(int(found[1] if found else 0) == minutes, f"made to wait for {minutes} minutes: {theirs[goid]!r}")
        need(ours[goid] == theirs[goid], f"{ours[goid]!r}, not {theirs[goid]!r}")
    need(len(set(minutes_of.values())) > 2, f"only {len(minutes_of)} goroutines have waited")
    compare_stacks(own, stacks, "main.park")


def read(reader, path):
    """What a reader of tracebacks makes of a file: a list of fields for each goroutine; and what it complains of."""
    done = run([os.path.join(FIXTURES, "readers"), reader, path])
    need(done.returncode == 0, f"{reader}: {done.stderr.strip()}")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return ({int(line[1]): line[2:] for line in lines if line[0] == reader}, [line for line in lines if line[0] == "error"])


def without_deep(path):
    """A copy of a dump without the stacks that Go cuts: readers stop at the line that says so."""
    with open(path) as f:
        stacks = [stack for stack in f.read().split("\n\n") if "\nmain.down" not in stack]
    copy = path + ".txt"
    with open(copy, "w") as f:
        f.write("\n\n".join(stacks))
    return copy


def check_readers(program, folder):
    """panicparse and gostackparse read every goroutine, and find in it what they find in the program's own dump."""
    own = os.path.join(folder, "own.debug2")
    goids = [int(block.split()[1]) for block in blocks(own)]
    _, stacks = dump(program, folder, "--max-frames", "20000")
    for reader in ("panicparse", "gostackparse"):
        ours, errors = read(reader, stacks)
        need(not errors, f"{reader} complains: {errors[:3]}")
        need(sorted(ours) == sorted(goids) and len(goids) > 70, f"{reader} reads {len(ours)} goroutines, not {len(goids)}")
        theirs, errors = read(reader, without_deep(own))
        need(not errors and len(theirs) > 40, f"{reader} reads {len(theirs)} goroutines of the program's own dump: {errors[:3]}")
        for goid in theirs.keys() - {goids[0]}:  # the first one wrote
            need(theirs[goid] == ours[goid], f"{reader}, goroutine {goid}: theirs {theirs[goid]}, ours {ours[goid]}")


def check(go, path, name, mode, environment):
    with tempfile.TemporaryDirectory(prefix="tracebacks.") as folder, Program(path, mode, environment, folder) as program:
        text, stacks = dump(program, folder)
        parked = "main.main" if mode == "neverrun" else "main.park"
        compare_stacks(os.path.join(folder, "own.debug2"), stacks, parked)
        if mode != "neverrun":
            compare_text(os.path.join(folder, "own.debug1"), text, parked)
        dump(program, folder, "--max-frames", "go")
        compare_stacks(os.path.join(folder, "own.debug2"), stacks, parked)
        if name == "arguments":
            check_depth(program, folder)
            check_readers(program, folder)
        if name in AGED and len(headers(os.path.join(folder, "own.debug2"))) > 1:
            check_minutes(program, go, folder)


def build_synctest(folder):
    """The fixture with the bubbles of Go 1.24."""
    path = os.path.join(folder, "traceback")
    modfile = os.path.join(folder, "go.mod")
    with open(modfile, "w") as f:
        f.write("module traceback\n\ngo 1.24\n")
    env = {k: v for k, v in os.environ.items() if k not in ("GOFLAGS", "GOWORK")}
    env.update(GOTOOLCHAIN="go" + SYNCTEST, GOEXPERIMENT="synctest", CGO_ENABLED="0", GOWORK="off")
    done = subprocess.run(["go", "build", "-buildvcs=false", "-modfile=" + modfile, "-o", path, "."], env=env, text=True,
                          cwd=os.path.join(ROOT, "tests", "fixtures", "traceback"), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    need(done.returncode == 0, done.stdout)
    return path


def main():
    go, kind = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="tracebacks.") as folder:
        synctest = kind == "synctest"
        path = build_synctest(folder) if synctest else os.path.join(FIXTURES, go, kind, "traceback")
        check_modes(go, kind, path, [mode for mode in MODES if not synctest or mode[1] == "bubbles"])


def check_modes(go, kind, path, modes):
    failures = 0
    for name, mode, environment in modes:
        try:
            check(go, path, name, mode, environment)
        except (Wrong, OSError, subprocess.TimeoutExpired) as wrong:
            failures += 1
            print(f"FAILED {go} {kind} {name}: {wrong or type(wrong)}", flush=True)
    print(f"{go} {kind}: {len(modes) - failures} of {len(modes)} modes are the same")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
