#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Nothing of our own happens while a program is stopped: no call of the allocator, no page fault, and no system call but
those that stop, look and let go.

    quiet.py COUNT GO LOAD      COUNT: the program made of count.c; LOAD: one of those below

Each capture is taken by looks around the stop, in one stop, and with C frames. The system calls are what strace saw of the
command line tool GOSTACKDUMP. The fixtures are in GSD_FIXTURES_DIR. Needs root, or perf_event_paranoid of 1 or less.
"""

import collections
import os
import re
import subprocess
import sys
import tempfile

# The fixture, its arguments, its environment, and whether the target's pages are all there that are copied without C
# frames: where nobody runs Go code, no stack is copied beyond what was written.
LOADS = {
    "parked": (["token", "-parked=20000"], {}, True),
    "busy": (["token", "-rings=100", "-members=2", "-change=1", "-every=1", "-pace=10ms", "-parked=20000"], {"GOMAXPROCS": "900"}, False),
    "running": (["busy"], {}, False),
}
CAPTURES = 8
MODES = {"looks": [], "one-stop": None, "native": ["--native"]}

# What a stop may ask the kernel for. clock_gettime is a system call where the machine has no clock in the vDSO.
CALLS = {"ptrace", "waitid", "process_vm_readv", "pread64", "lseek", "getdents64", "sched_yield", "clock_nanosleep", "clock_gettime"}
# ... and for threads that do not report: what /proc says of them.
FILE_CALLS = {"openat", "read", "close"}
OPENED = re.compile(r'openat\(\d+, "\d+/(stat|status|syscall)", O_RDONLY\|O_CLOEXEC')


def need(condition, text):
    if not condition:
        sys.exit(f"quiet: {text}")


class Program:
    def __init__(self, go, load):
        (name, *arguments), environment, self.all_there = LOADS[load]
        folder = os.path.join(os.environ["GSD_FIXTURES_DIR"], go, "default")
        self.process = subprocess.Popen([os.path.join(folder, name), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, **environment})
        self.pid = self.process.pid
        while True:
            line = self.process.stdout.readline()
            need(line, "the program did not get ready")
            if line == b"ready %d\n" % self.pid:
                break

    def close(self):
        self.process.kill()
        self.process.wait()


def count_stops(count, mode, program, totals):
    done = subprocess.run([count, mode, str(program.pid)], capture_output=True, text=True, timeout=120)
    need(done.returncode != 3, "the kernel counts no page faults for us: be root, or set kernel.perf_event_paranoid to 1")
    need(done.returncode == 0, f"{mode}: exit status {done.returncode}: {done.stderr}")
    *stops, captured = [line.split() for line in done.stdout.splitlines()]
    totals["goroutines"] += int(captured[1])
    need((int(captured[2]) > 0) == (mode == "looks"), f"{mode}: it took {captured[2]} rounds")
    for _, allocations, own_faults, all_faults in stops:
        totals["stops"] += 1
        totals["allocations"] += int(allocations)
        totals["own faults"] += int(own_faults)
        totals["faults in the target"] += int(all_faults) - int(own_faults)


def calls_in_stop(lines):
    """The lines of the tracer between the first interrupt and the last detach."""
    stop = []
    for line in lines:
        if "PTRACE_INTERRUPT" in line or stop:
            stop.append(line)
    last = max((i for i, line in enumerate(stop) if "PTRACE_DETACH" in line), default=-1)
    return stop[:last + 1]


def look_at_calls(arguments, program, folder, totals):
    trace = os.path.join(folder, "trace")
    tool = [os.environ["GOSTACKDUMP"], "-q", "--max-pause=20s", *arguments, f"--pid={program.pid}", "-o", os.path.join(folder, "a.jsonl")]
    done = subprocess.run(["strace", "-ff", "-qq", "-s", "64", "-e", "signal=none", "-o", trace, *tool], capture_output=True, text=True, timeout=120)
    need(done.returncode in (0, 1), f"under strace: exit status {done.returncode}: {done.stderr}")
    for name in os.listdir(folder):
        if not name.startswith("trace."):
            continue
        path = os.path.join(folder, name)
        with open(path) as f:
            stop = calls_in_stop(f.readlines())
        os.remove(path)
        totals["stops under strace"] += 1 if stop else 0
        for line in stop:
            call = line.split("(")[0]
            totals["system calls"] += 1
            if call == "openat" and not OPENED.match(line):
                need(False, f"in the stop: {line.strip()}")
            need(call in CALLS or call in FILE_CALLS, f"in the stop: {line.strip()}")


def main():
    count, go, load = sys.argv[1:]
    wrong = []
    program = Program(go, load)
    try:
        with tempfile.TemporaryDirectory(prefix="quiet.") as folder:
            for mode, arguments in MODES.items():
                totals = collections.Counter()
                for _ in range(CAPTURES):
                    count_stops(count, mode, program, totals)
                if arguments is not None:
                    look_at_calls(arguments, program, folder, totals)
                    need(totals["stops under strace"] > 0 and totals["system calls"] > 5, f"{mode}: strace saw no stop")
                print(f"{go} {load} {mode}:", ", ".join(f"{value} {name}" for name, value in totals.items()), flush=True)
                need(totals["goroutines"] > 0 and totals["stops"] >= CAPTURES, f"{mode}: too few stops")
                wrong += [f"{mode}: {totals[name]} {name}" for name in ("allocations", "own faults") if totals[name]]
                if program.all_there and mode != "native" and totals["faults in the target"]:
                    wrong.append(f"{mode}: {totals['faults in the target']} faults in a target whose pages are all there")
    finally:
        program.close()
    need(not wrong, "; ".join(wrong))


main()
