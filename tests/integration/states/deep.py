#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A goroutine with a stack of hundreds of megabytes: its innermost and its outermost frames are those that the program
itself shows, its frames are counted, and the tool stays small.

    deep.py GO

GOSTACKDUMP names the tool; the fixtures are in build/fixtures or GSD_FIXTURES_DIR.
"""

import json
import os
import subprocess
import sys
import tempfile

import dumps
from support import TOOL, Target, equal, fixture, need

MEGABYTE = 1 << 20
PEAK_LIMIT = 100 * MEGABYTE
KEPT = 4096  # frames of a stack by default, half of them the innermost
CYCLE = ["main.deepSmall", "main.deepMiddle", "main.deepLarge"]


def capture(target, folder, *options):
    """What the tool says of each goroutine, its statistics, and the most memory that it had."""
    file, stats = os.path.join(folder, "a.jsonl"), os.path.join(folder, "stats")
    if os.path.exists(stats):
        os.remove(stats)
    tool = subprocess.Popen([TOOL, "-q", "--max-pause=20s", f"--pid={target.pid}", "-f", "jsonl", "-o", file, "--stats", stats, *options],
                            stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(tool.pid, 0)
    tool.returncode = os.waitstatus_to_exitcode(status)
    need(tool.returncode in (0, 1), f"exit status {tool.returncode}")
    with open(file) as f:
        goroutines = {g["goid"]: g for g in map(json.loads, f) if g["type"] == "goroutine"}
    with open(stats) as f:
        return goroutines, json.load(f), usage.ru_maxrss * 1024


def outermost(count):
    """The calls at the root, innermost first."""
    return [CYCLE[n % 3] for n in reversed(range(count))]


def check_frames(found, calls):
    names = [frame["function"] for frame in found["frames"]]
    equal(1, names.count("gostackdump.elided"), "marks for what was left out")
    cut = names.index("gostackdump.elided")
    root = names[cut + 1:]
    # The outermost frame is runtime.goexit, the next one may be the function that the compiler makes for a go statement.
    need(KEPT // 2 <= cut <= KEPT // 2 + 1 and KEPT // 2 - 2 <= len(root) <= KEPT // 2, f"{cut} innermost and {len(root)} outermost frames")
    equal(outermost(len(root)), root, "the outermost frames")
    at = names.index("main.deepest")
    need(at < 20, f"main.deepest is at {at}")
    equal(outermost(calls)[:cut - at - 1], names[at + 1:cut], "the innermost calls")
    return names, cut


def check_against_dump(found, theirs, cut):
    """The program's own dump has the innermost frames, from Go 1.21 on also the outermost ones."""
    ours = [(frame["function"], frame["file"], frame["line"]) for frame in found["frames"]]
    said = [(frame.function, frame.file, frame.line) for frame in theirs.frames]
    # Up to Go 1.20 it does not always say that it ends after 100 frames.
    inner = theirs.elided[0] if theirs.elided else len(said)
    need(45 <= inner <= 100, f"the dump has {inner} frames")
    skip = next(i for i, frame in enumerate(ours) if frame[0] == said[0][0])
    equal(said[:inner], ours[skip:skip + inner], "the innermost frames")
    if said[inner:]:
        equal(said[inner:], ours[cut + 1:][-len(said[inner:]):], "the outermost frames")


def check_still(target, folder, goid, calls):
    path = os.path.join(folder, "own")
    target.ask("dump " + path)
    with open(path) as f:
        theirs = dumps.parse(f.read())[goid]
    for options in ([], ["--unwind=fp"]):
        goroutines, stats, peak = capture(target, folder, *options)
        found = goroutines[goid]
        need(found["stack"]["used"] > 300 * MEGABYTE, f"the stack has only {found['stack']['used']} bytes")
        _, cut = check_frames(found, calls)
        check_against_dump(found, theirs, cut)
        need(calls < stats["frames"] < calls + 1000, f"{stats['frames']} frames, and {calls} calls")
        need(peak < PEAK_LIMIT, f"the tool had {peak // MEGABYTE} MB")
        equal(["atomic", 0], [stats["mode"], stats["unwind_disagreements"]], "how it was taken")
        # In a system call up to Go 1.22, as its first goroutine is, frame pointers say nothing (docs/HACKING.md).
        equal([], [g["goid"] for g in goroutines.values() if g["unreadable"] and (g["goid"] != 1 or not options)], "unreadable goroutines")
        print(f"{options}: {found['stack']['used'] // MEGABYTE} MB of stack, pause {stats['pause_ns'] // 1000} us, "
              f"{stats['total_ns'] // 1000000} ms, {peak // MEGABYTE} MB", flush=True)


def check_busy(target, folder, goid, calls):
    """One that works and waits in turns is copied in the stop."""
    for _ in range(3):
        goroutines, stats, peak = capture(target, folder)
        check_frames(goroutines[goid], calls)
        print(f"busy: pause {stats['pause_ns'] // 1000} us, {stats['total_ns'] // 1000000} ms, {peak // MEGABYTE} MB", flush=True)


def main():
    go, = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="deep.") as folder:
        for mode, check in (("deep", check_still), ("deepbusy", check_busy)):
            with Target([fixture(go, "default", "states"), mode], folder) as target:
                goid, calls = map(int, target.before[-1].split()[1:])
                check(target, folder, goid, calls)


main()
