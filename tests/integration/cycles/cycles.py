#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whole cycles of the garbage collector inside every capture: between the first look and the stop, and between the stop and the
look after it. Goroutines that stand still are settled all the same, in as many rounds as without collections, and few of them
are read in the stop.

    cycles.py CYCLES GO

CYCLES is the program made of cycles.c, which has the collector go round inside each capture and can compare other things than
the library does: "raw", the stack pointer itself, and "since", since when a goroutine waits. The collector changes the one
again and again while a large stack has little use, the other once, in the first cycle that a goroutine stands still. So with
the first every capture must fail, and with the other it must be seen to: what stood still is read in the stop, or all of it is copied
in one. That is the proof that the cycles do what they are there for. The fixtures are in GSD_FIXTURES_DIR.
"""

import os
import subprocess
import sys

PARKED, GROWING = 10000, 1000
CAPTURES = {"ours": 30, "raw": 5, "since": 5}
MOST_ROUNDS = 2
FEW = GROWING // 4  # the stacks of some move each time that they are read; those are read in the stop
MANY = GROWING // 2


def need(condition, text):
    if not condition:
        sys.exit(f"cycles: {text}")


class Program:
    def __init__(self, go):
        exe = os.path.join(os.environ["GSD_FIXTURES_DIR"], go, "default", "garbage")
        self.process = subprocess.Popen([exe, f"-parked={PARKED}", f"-growing={GROWING}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.counts = []
        for line in self.process.stdout:
            words = line.decode().split()
            if words[0] == "counts":
                self.counts = words[1:]
            if words[0] == "ready":
                break
        if len(self.counts) != 2:
            self.close()
            need(False, "the program did not get ready")

    def captures(self, tool, validator):
        """What the tool says of each capture: mode and figures."""
        stdin = self.process.stdin.fileno()
        command = [tool, str(self.process.pid), *self.counts, str(stdin), validator, str(CAPTURES[validator])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, pass_fds=[stdin])
        need(done.returncode == 0, f"{validator}: exit status {done.returncode}: {done.stderr}")
        for line in done.stdout.splitlines():
            mode, *figures = line.split()
            yield mode, *map(int, figures)

    def close(self):
        self.process.kill()
        self.process.wait()


def look(program, tool, go, validator):
    wrong, rounds_of, read_of, pauses, failures = [], [], [], [], 0
    for mode, rounds, ambiguous, read, goroutines, pause, cycles in program.captures(tool, validator):
        rounds_of.append(rounds)
        read_of.append(read)
        pauses.append(pause)
        need(cycles > 1, f"only {cycles} collections between the first look and the last")
        if goroutines < PARKED or ambiguous:
            wrong.append(f"{goroutines} goroutines, {ambiguous} ambiguous")
        settled = mode == "atomic" and rounds <= MOST_ROUNDS and read <= FEW
        failed = mode == "atomic-fallback" or read >= MANY
        failures += failed
        if (validator == "ours" and not settled) or (validator == "raw" and not failed):
            wrong.append(f"{mode}, {rounds} rounds, {read} read in the stop")
    if validator != "ours" and failures == 0:
        wrong.append("no capture failed")
    need(len(rounds_of) == CAPTURES[validator], f"{len(rounds_of)} captures")
    print(f"{go} {validator}: {len(rounds_of)} captures, rounds {sorted(rounds_of)}, read in the stop {sorted(read_of)}, "
          f"longest pause {max(pauses) / 1e6:.2f} ms", flush=True)
    return [f"{validator}: {text}" for text in wrong]


def main():
    tool, go = sys.argv[1:]
    program = Program(go)
    try:
        wrong = [text for validator in CAPTURES for text in look(program, tool, go, validator)]
    finally:
        program.close()
    need(not wrong, "; ".join(wrong))


main()
