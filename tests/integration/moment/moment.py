#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Capture busy programs at random moments: every goroutine has a stack, each frame of it really calls the next, it ends
at the goroutine's entry, and the two ways to walk it agree.

    moment.py GO CAPTURES [--nonblocking] TARGET [ARGUMENT]      e.g. moment.py go1.22 50 busy profile,
                                                                 moment.py go1.27 50 --nonblocking compile

TARGET is a fixture (busy, garbage, server, callbacks) or compile: the Go compiler while it compiles the standard
library. Every fourth time the program is stopped with SIGSTOP, captured by each --unwind, and the stacks are compared:
auto and table give the same, and fp what is left of it by the instructions that it was left at (frame_pointers.py). With
--nonblocking it is never stopped, and what has a stack is judged in the same way. GOSTACKDUMP names the tool; the
fixtures are in build/fixtures or GSD_FIXTURES_DIR. GSD_RESULTS names a file that gets the figures, a JSON object a line.
"""

import collections
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import callers
import frame_pointers
import gocode
import targets

# What is left of a goroutine that has returned and is about to end: only runtime.goexit, which is not shown, is above.
ENDING = {"runtime.goexit1"}
# Where goroutines begin that were made for a thread of C.
FROM_C = {"runtime.cgocallback"}
# Why a goroutine may have no stack in a program that runs as usual: for no reason at all.
REASONS = set()
# ... and when it is looked at without a stop: it runs, or went on each time that it was read.
RUNS, MOVED = "running", "moved"
# Deeper than anything here, so that no stack is cut in the middle.
MAX_FRAMES = "--max-frames=100000"
# Why frame pointers may not reach a goroutine's entry (docs/HACKING.md).
REASONS_BY_FRAME_POINTER = {"broken", "unknown-pc"}


# What the tool says of a process that ended before or while it looked.
ENDED = re.compile("no such process|has ended|exited while we looked")
# What it says of one whose runtime has not come so far as to have goroutines, and how long a processor works for that.
TOO_YOUNG, YOUNG_SECONDS = "cannot find runtime.allgs", 0.1


class Wrong(Exception):
    pass


class Looker:
    """Captures one target, judges every stack, counts everything."""

    def __init__(self, go, target, folder, nonblocking):
        self.tool = os.environ["GOSTACKDUMP"]
        self.nonblocking = nonblocking
        self.target = target
        self.folder = folder
        self.executable = gocode.Executable(target.exe, int(go.split(".")[1]))
        self.callers = callers.Callers(self.executable)
        self.frame_pointers = frame_pointers.FramePointers(self.executable)
        self.figures = collections.Counter()
        self.problems = collections.Counter()

    def wrong(self, text):
        self.problems[text] += 1

    # ---- one capture ----

    def capture(self, pid, mode, *options):
        """Returns the goroutines, None when the process ended meanwhile."""
        file, stats = os.path.join(self.folder, "a.jsonl"), os.path.join(self.folder, "stats")
        worked = targets.seconds_worked(pid)
        how = ["--nonblocking"] if self.nonblocking else ["--max-pause=20s"]
        done = subprocess.run([self.tool, "-q", *how, "--system", MAX_FRAMES, f"--unwind={mode}", f"--pid={pid}", "-o", file, "--stats", stats, *options],
                              capture_output=True, text=True, timeout=120)
        if done.returncode == 2 and self.target.may_end() and ENDED.search(done.stderr) and targets.ends(pid):
            self.figures["ended"] += 1
            return None
        if done.returncode == 2 and self.target.may_end() and TOO_YOUNG in done.stderr and worked < YOUNG_SECONDS:
            self.figures["too young"] += 1
            return None
        if done.returncode not in (0, 1):
            self.wrong(f"exit status {done.returncode}: {done.stderr.strip()}")
            return None
        with open(stats) as f:
            figures = json.load(f)
        with open(file) as f:
            goroutines = [o for o in map(json.loads, f) if o["type"] == "goroutine"]
        self.figures["captures"] += 1
        self.figures[f"captures by {mode}"] += 1
        self.check_capture(done, mode, figures, goroutines)
        return goroutines

    def check_capture(self, done, mode, figures, goroutines):
        reasons = collections.Counter(g["unreadable"] for g in goroutines if g["unreadable"])
        for reason, count in reasons.items():
            self.figures[f"unreadable by {mode}: {reason}"] += count
            if reason not in (REASONS_BY_FRAME_POINTER if mode == "fp" else {RUNS, MOVED} if self.nonblocking else REASONS):
                self.wrong(f"{count} goroutines unreadable by {mode}: {reason}")
        if sum(reasons.values()) != figures["unreadable"]:
            self.wrong(f"{figures['unreadable']} unreadable in the statistics, {sum(reasons.values())} in the file")
        # Without a stop nothing is missing when those that run have no stack.
        missing = sum(reasons.values()) - (reasons[RUNS] if self.nonblocking else 0)
        partial = missing > 0 or figures["ambiguous"] > 0
        if self.nonblocking:
            self.check_nonblocking(figures, reasons, goroutines)
        if done.returncode != partial or bool(done.stderr) != partial:
            self.wrong(f"exit status {done.returncode}: {done.stderr.strip()}")
        if figures["unwind_disagreements"]:
            self.wrong(f"table and frame pointers disagree by {mode}")
        if len(goroutines) != figures["goroutines"]:
            self.wrong(f"{figures['goroutines']} goroutines in the statistics, {len(goroutines)} in the file")

    def check_nonblocking(self, figures, reasons, goroutines):
        if (figures["mode"], figures["stops"], figures["pause_ns"]) != ("nonblocking", 0, 0):
            self.wrong(f"mode {figures['mode']} with {figures['stops']} stops, {figures['pause_ns']} ns")
        if figures["unread_running"] != reasons[RUNS]:
            self.wrong(f"{figures['unread_running']} running in the statistics, {reasons[RUNS]} in the file")
        for goroutine in goroutines:
            self.figures["with a stack"] += 0 if goroutine["unreadable"] else 1
            if goroutine["unreadable"] == RUNS and goroutine["status"] not in ("running", "waiting"):
                self.wrong(f"one that is {goroutine['status']} is without a stack because it runs")

    # ---- one stack ----

    def addresses(self, goroutine):
        """The addresses of a stack, one for each real frame: what is inlined is a part of the next one."""
        found, part_of = [], None
        for frame in [] if goroutine["unreadable"] else goroutine["frames"]:
            pc = int(frame["pc"] or "0", 16)
            function = self.executable.function(pc)
            if part_of is None or function != part_of:
                found.append(pc)
            part_of = function if frame["inlined"] else None
        return found

    def check_stack(self, goroutine):
        self.figures["goroutines"] += 1
        stack = self.addresses(goroutine)
        self.figures["frames"] += len(stack)
        self.figures["deepest"] = max(self.figures["deepest"], len(stack))
        for text in self.callers.wrong(stack):
            self.wrong(f"{text} ({goroutine['state']})")
        if not stack:
            return self.check_empty(goroutine)
        self.check_innermost(goroutine, stack[0])
        self.check_outermost(goroutine, stack[-1])

    def check_empty(self, goroutine):
        """Only goroutines in runtime.goexit, which is not shown, have no frame: about to begin or to end, or for C."""
        self.figures["without a frame"] += 1
        for_c = goroutine["start"] is None and goroutine["status"] == "syscall"  # runtime/proc.go, needm and dropm
        if goroutine["status"] not in ("running", "runnable") and not for_c:
            self.wrong(f"a goroutine without a frame is {goroutine['state']}")

    def check_innermost(self, goroutine, address):
        """What does not run was left at a call, or has never run."""
        if goroutine["status"] == "running":
            return
        function = self.executable.function(address)
        if goroutine["never_run"]:
            if function is None or address != function.entry:
                self.wrong(f"a goroutine that never ran is at {address:#x} of {function and function.name}")
        elif not self.callers.was_left_at(function, address):
            self.wrong(f"{goroutine['state']} was left in {function and function.name} at {address + 1:#x}, not at a call")

    def check_outermost(self, goroutine, address):
        """The stack ends where the goroutine began: what g.startpc says, not the walk."""
        last = self.executable.function(address)
        start = goroutine["start"] and self.executable.function(int(goroutine["start"]["pc"], 16))
        if last is not None and last.name in ENDING:
            self.figures["ending"] += 1
        elif start is None:
            if last is None or last.name not in FROM_C:
                self.wrong(f"a stack of a thread of C ends at {last and last.name}")
        elif last is None or (last != start and not (start.wrapper and self.executable.leads_to(start, last))):
            self.wrong(f"a stack that began at {start.name} ends at {last and last.name} ({goroutine['state']})")

    # ---- a program that is stopped, by each way to unwind ----

    def stopped(self, pid):
        """Sends SIGSTOP and waits until every thread has stopped: False when the process ended instead."""
        try:
            os.kill(pid, signal.SIGSTOP)
            limit = time.monotonic() + 60
            while time.monotonic() < limit:
                states = [open(f"/proc/{pid}/task/{tid}/stat").read().rpartition(")")[2].split()[0]
                          for tid in os.listdir(f"/proc/{pid}/task")]
                if states and all(state == "T" for state in states):
                    return True
                if targets.ended(pid):
                    return False
        except (FileNotFoundError, ProcessLookupError):
            return not targets.ended(pid) and self.stopped(pid)
        raise Wrong("the program did not stop for a minute")

    def three_ways(self, pid):
        try:
            if not self.stopped(pid):
                self.figures["ended"] += 1
                return
            named = self.capture(pid, "auto")  # the others with every frame, also of wrappers
            auto, table, by_frame_pointers = (self.capture(pid, mode, "--no-symbolize") for mode in ("auto", "table", "fp"))
        finally:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        if None in (named, auto, table, by_frame_pointers):
            return
        self.figures["compared"] += 1
        for goroutine in named:
            if not goroutine["unreadable"]:
                self.check_stack(goroutine)
        whole = {g["goid"]: self.addresses(g) for g in auto}
        if whole != {g["goid"]: self.addresses(g) for g in table}:
            self.wrong("--unwind=auto and --unwind=table give different stacks of one moment")
        for goroutine in by_frame_pointers:
            self.compare_frame_pointers(whole.get(goroutine["goid"], []), goroutine)

    def compare_frame_pointers(self, whole, goroutine):
        """What frame pointers show is what the instructions say, or ends in a frame pointer that is none."""
        self.figures["compared with frame pointers"] += 1
        stack = self.addresses(goroutine)
        if goroutine["unreadable"]:
            return
        expected = [whole] if goroutine["never_run"] else self.frame_pointers.shows(whole)
        if stack in expected:
            self.figures["frames hidden from frame pointers"] += len(whole) - len(stack)
            return
        self.wrong(f"frame pointers give another stack of a goroutine that is {goroutine['state']}: "
                   f"{self.callers.describe(stack[:12])} and not {[self.callers.describe(e[:12]) for e in expected]}, "
                   f"the whole is {self.callers.describe(whole[:12])}")

    # ---- all of it ----

    def look(self, captures):
        n = 0
        while self.figures["captures"] < captures:
            pid = self.target.next()
            n += 1
            if n % 4 == 0 and not self.nonblocking:
                self.three_ways(pid)
                continue
            for goroutine in self.capture(pid, "auto") or []:
                if not goroutine["unreadable"]:
                    self.check_stack(goroutine)
            if sum(self.problems.values()) > 1000:
                return


def main():
    go, captures, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    nonblocking = arguments[0] == "--nonblocking"
    name, *arguments = arguments[1:] if nonblocking else arguments
    begin = time.monotonic()
    target = targets.target(go, name, *arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            looker = Looker(go, target, folder, nonblocking)
            looker.look(captures)
        for text in target.problems():
            looker.wrong(text)
    finally:
        target.close()
    figures = {"go": go, "target": " ".join([name, *arguments]), "nonblocking": nonblocking, "seconds": round(time.monotonic() - begin),
               **looker.figures, **{f"calls {k}": n for k, n in looker.callers.counts.items()}}
    for text, count in looker.problems.most_common(40):
        print(f"FAILED {go} {' '.join([name, *arguments])}: {count} times: {text}")
    print(", ".join(f"{key}: {value}" for key, value in figures.items()))
    if os.environ.get("GSD_RESULTS"):
        with open(os.environ["GSD_RESULTS"], "a") as f:
            f.write(json.dumps(figures) + "\n")
    if looker.figures["goroutines"] < captures * 2 or looker.callers.counts["direct"] < captures * 4:
        sys.exit("moment: too little was seen for this to mean anything")
    sys.exit(1 if looker.problems else 0)


main()
