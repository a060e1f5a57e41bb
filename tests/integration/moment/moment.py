#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Capture a busy program at random moments: every goroutine has a stack, it ends at the goroutine's entry, and the two
ways to walk it agree.

    moment.py GO CAPTURES [ARGUMENT]      e.g. moment.py go1.22 50 profile

GOSTACKDUMP names the tool; the fixtures are in build/fixtures or GSD_FIXTURES_DIR.
"""

import json
import os
import re
import select
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))

# Where goroutines of the fixture begin; a stack that ends anywhere else was walked wrongly.
ENTRIES = {
    "runtime.main", "main.compute", "main.askTheTime", "main.allocate", "main.growStacks", "main.growOne",
    "main.growStacks.func1", "main.growStacks.gowrap1", "main.encode", "main.ping", "main.pong", "main.ping.func1",
    "main.ping.gowrap1", "main.readFiles", "runtime/pprof.profileWriter",
    "runtime.goexit1",  # one that has returned and is about to end: only runtime.goexit, which no profile shows, is above
}


def start(go, arguments):
    path = os.path.join(FIXTURES, go, "default", "busy")
    process = subprocess.Popen([path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    if not select.select([process.stdout], [], [], 60)[0] or process.stdout.readline() != f"ready {process.pid}\n":
        process.kill()
        sys.exit(f"moment: {path} did not get ready")
    return process


def roots(path):
    """The outermost function of each stack of a profile, as `go tool pprof` reads it."""
    text = subprocess.run(["go", "tool", "pprof", "-traces", path], capture_output=True, text=True, timeout=60,
                          check=True).stdout
    stacks = re.split(r"^-+\+-+$", text, flags=re.M)[1:]
    found = set()
    for stack in stacks:
        lines = [line.split() for line in stack.splitlines() if line.strip() and not re.match(r"\s*\w+:", line)]
        if lines:
            found.add(lines[-1][-1] if lines[-1][-1] != "(inline)" else lines[-1][-2])
    return found


def wrong(problems, text):
    problems[text] = problems.get(text, 0) + 1


def capture(tool, process, folder, problems):
    profile, stats = os.path.join(folder, "a.pb.gz"), os.path.join(folder, "stats")
    done = subprocess.run([tool, "-q", "--max-pause=20s", f"--pid={process.pid}", "-o", profile, "--stats", stats],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or done.stderr:
        wrong(problems, f"exit status {done.returncode}: {done.stderr.strip()}")
    if done.returncode > 1:
        return 0
    with open(stats) as f:
        figures = json.load(f)
    if figures["unreadable"]:
        wrong(problems, "a goroutine could not be read")
    if figures["unwind_disagreements"]:
        wrong(problems, "table and frame pointers disagree")
    for root in roots(profile) - ENTRIES:
        wrong(problems, f"a stack ends at {root}")
    return figures["goroutines"]


def main():
    go, captures, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    tool = os.environ["GOSTACKDUMP"]
    process = start(go, arguments)
    problems, goroutines = {}, 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(captures):
                goroutines += capture(tool, process, folder, problems)
        if process.poll() is not None:
            wrong(problems, f"the program ended: {process.returncode}")
        with open(f"/proc/{process.pid}/status") as f:
            if "TracerPid:\t0\n" not in f.read():
                wrong(problems, "the program is still traced")
    finally:
        process.kill()
        process.wait()
    for text, count in sorted(problems.items()):
        print(f"FAILED {go} {' '.join(arguments)}: {count} of {captures} captures: {text}")
    print(f"{go}: {captures} captures, {goroutines} goroutines")
    if goroutines < captures * 10:
        sys.exit("moment: too few goroutines were seen for this to mean anything")
    sys.exit(1 if problems else 0)


main()
