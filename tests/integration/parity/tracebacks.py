#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hold the formats text and stacks against what the fixture traceback writes about itself.

    tracebacks.py GO KIND      e.g. tracebacks.py go1.22 stripped

GOSTACKDUMP names the tool; the fixtures are in build/fixtures or GSD_FIXTURES_DIR. Prints each difference; exit status 1
when there is one.
"""

import os
import re
import select
import subprocess
import sys
import tempfile

from parity import FIXTURES, READY_SECONDS, Wrong, blocks, compare_stacks, compare_text, gostackdump, need, run

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
DEEPEST = 9000  # calls of main.down in the deepest stack


class Program:
    """The fixture, ready."""

    def __init__(self, go, kind, mode, environment, folder):
        env = {k: v for k, v in os.environ.items() if k not in ("GODEBUG", "GOMAXPROCS", "GOGC", "GOTRACEBACK")}
        env.update(environment)
        self.process = subprocess.Popen([os.path.join(FIXTURES, go, kind, "traceback"), "-mode=" + mode, "-out=" + folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
        self.pid = self.process.pid
        readable = select.select([self.process.stdout], [], [], READY_SECONDS)[0]
        line = self.process.stdout.readline().decode() if readable else ""
        if line != f"ready {self.pid}\n":
            self.process.kill()
            self.process.wait()
            raise Wrong(f"the fixture said {line!r}")

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


def check(go, kind, name, mode, environment):
    with tempfile.TemporaryDirectory(prefix="tracebacks.") as folder, Program(go, kind, mode, environment, folder) as program:
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


def main():
    go, kind = sys.argv[1:]
    failures = 0
    for name, mode, environment in MODES:
        try:
            check(go, kind, name, mode, environment)
        except (Wrong, OSError, subprocess.TimeoutExpired) as wrong:
            failures += 1
            print(f"FAILED {go} {kind} {name}: {wrong or type(wrong)}", flush=True)
    print(f"{go} {kind}: {len(MODES) - failures} of {len(MODES)} modes are the same")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
