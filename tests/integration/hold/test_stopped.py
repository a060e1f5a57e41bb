#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A program that others have stopped is looked at and stays stopped; one that another tracer holds is refused by name.

    test_stopped.py FREEZER GO...     e.g. test_stopped.py /sys/fs/cgroup/freezer 1.18 1.27

FREEZER: where a cgroup can be made that freezes: a v1 freezer hierarchy or a v2 one; "none": there is none here.
"""

import os
import signal
import sys
import time

import hold


def check(condition, what, dump=None):
    if not condition:
        raise hold.Failed(f"{what}\n{dump.err if dump else ''}" + "\n".join(map(repr, dump.goroutines if dump else [])))


def check_dump(dump, spinning=("running", "runnable")):
    check(dump.exit == 0, f"exit status {dump.exit} after {dump.seconds:.1f} s", dump)
    check(len([g for g in dump.of("main.parked") if g.wait_reason == "chan receive"]) == 3, "parked ones", dump)
    found = dump.of("main.spinning")
    check(len(found) == 1 and found[0].frames[-2:] == ["main.spinning", "main.start.func1"] and
          found[0].status in spinning, "the spinning one", dump)
    check([g.frames[-2:] for g in dump.of("main.main")] == [["main.main", "runtime.main"]], "the main one", dump)
    check(all(g.unreadable is None for g in dump.goroutines), "none unreadable", dump)


def check_unstopped(dump):
    """Without a stop: what runs has no stack, though it is frozen."""
    check(dump.exit == 0, f"exit status {dump.exit}", dump)
    check(len(dump.of("main.parked")) == 3, "parked ones", dump)
    check({g.unreadable for g in dump.goroutines if g.status == "running"} <= {"running"} and
          all(g.unreadable is None for g in dump.goroutines if g.status != "running"), "only those that run have no stack", dump)


def states(program):
    return {hold.state_of(program.pid, tid) for tid in hold.threads(program.pid)}


def group_stopped(go, _):
    """SIGSTOP: all threads are stopped before, during and after, until SIGCONT."""
    with hold.Program(go) as program:
        program.do("spin")
        os.kill(program.pid, signal.SIGSTOP)
        hold.wait_for(lambda: states(program) == {"T"}, "the stop")
        for _ in range(3):
            check_dump(hold.dump(program))
            check(states(program) == {"T"}, f"still stopped: {states(program)}")
        os.kill(program.pid, signal.SIGCONT)
        program.do("unspin")
        program.finish()


def traced(go, _):
    """A thread that another tracer holds: refused, and the tracer is named."""
    with hold.Program(go) as program:
        hold.trace(hold.PTRACE_SEIZE, program.pid)
        hold.trace(hold.PTRACE_INTERRUPT, program.pid)
        os.waitpid(program.pid, hold.WALL)
        dump = hold.dump(program, traced_by=str(os.getpid()))
        with open("/proc/self/comm") as f:
            name = f.read().strip()
        check(dump.exit == 2 and str(os.getpid()) in dump.err and name in dump.err, "its tracer is named", dump)
        check(hold.state_of(program.pid) == "t", "it is held still")
        hold.trace(hold.PTRACE_DETACH, program.pid)
        check_again = hold.dump(program)
        check(check_again.exit == 0 and len(check_again.of("main.parked")) == 3, "it can be looked at again", check_again)
        program.finish()


class Frozen:
    """A process in a frozen cgroup of its own."""

    def __init__(self, freezer, pid):
        self.pid, self.root = pid, freezer
        self.folder = os.path.join(freezer, f"gsd-test-{pid}")
        os.mkdir(self.folder)
        self.write(self.folder, "cgroup.procs", pid)
        if os.path.exists(os.path.join(self.folder, "freezer.state")):
            self.switch = ("freezer.state", "FROZEN", "THAWED")
        else:
            self.switch = ("cgroup.freeze", "1", "0")
        self.write(self.folder, self.switch[0], self.switch[1])

    @staticmethod
    def write(folder, name, text):
        with open(os.path.join(folder, name), "w") as f:
            f.write(str(text))

    def is_frozen(self):
        name, text = ("freezer.state", "FROZEN") if self.switch[0] == "freezer.state" else ("cgroup.events", "frozen 1")
        with open(os.path.join(self.folder, name)) as f:
            return text in f.read()

    def thaw(self):
        self.write(self.folder, self.switch[0], self.switch[2])

    def remove(self):
        self.thaw()
        self.write(self.root, "cgroup.procs", self.pid)
        hold.wait_for(self.try_rmdir, "the cgroup to be empty")

    def try_rmdir(self):
        try:
            os.rmdir(self.folder)
            return True
        except OSError:
            return False


def frozen(go, freezer):
    """A frozen cgroup (v1: its threads are in D state and cannot be stopped; the kernel tells their registers)."""
    with hold.Program(go) as program:
        program.do("spin")
        cage = Frozen(freezer, program.pid)
        try:
            hold.wait_for(cage.is_frozen, "the cgroup to freeze")
            for _ in range(3):
                check_dump(hold.dump(program))
                check_unstopped(hold.dump(program, "--nonblocking"))
                check(hold.wait_for(cage.is_frozen, "it to be frozen still"), "frozen still")
            cage.thaw()
            program.do("unspin")
        finally:
            cage.remove()
        program.finish()


def main():
    freezer, versions = sys.argv[1], sys.argv[2:]
    failures = 0
    for go in versions:
        for case in (group_stopped, traced, *([frozen] if freezer != "none" else [])):
            start = time.monotonic()
            try:
                case(go, freezer)
                print(f"ok {case.__name__} go{go} {time.monotonic() - start:.1f} s", flush=True)
            except hold.Failed as failure:
                failures += 1
                print(f"FAILED {case.__name__} go{go}: {failure}", flush=True)
    sys.exit(1 if failures else 0)


main()
