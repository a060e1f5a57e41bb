#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A process that is writing a core dump is looked at, and the dump goes on and is whole.

    test_core_dump.py GO...       e.g. test_core_dump.py 1.18 1.27; for root, with /proc/sys/kernel/core_pattern writable

The kernel's core pattern is, for as long as this takes, a helper that reads the dump only when it is told to.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import hold

PATTERN = "/proc/sys/kernel/core_pattern"

# What the kernel starts: the dump of the process that the test names waits for the gate, all others are thrown away.
HELPER = """#!/bin/sh
cd {folder} || exit 1
[ "$(/bin/cat pid)" = "$1" ] || exec /bin/cat > /dev/null
echo > begun
/bin/cat gate > /dev/null
/bin/cat > core
/bin/mv core whole
"""


class SlowDumps:
    """Core dumps last until they are let go, while this is entered."""

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="gsd-core-", dir="/tmp")
        helper = os.path.join(self.folder, "helper")
        with open(helper, "w") as f:
            f.write(HELPER.format(folder=self.folder))
        os.chmod(helper, 0o700)
        with open(PATTERN) as f:
            self.before = f.read()
        with open(PATTERN, "w") as f:
            f.write(f"|{helper} %P")
        return self

    def __exit__(self, *_):
        with open(PATTERN, "w") as f:
            f.write(self.before)
        self.open_gate()
        shutil.rmtree(self.folder)

    def open_gate(self):
        """Ends the helper's wait, if it waits; without a reader there is nothing to open."""
        try:
            os.close(os.open(self.path("gate"), os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            pass

    def path(self, name):
        return os.path.join(self.folder, name)

    def expect(self, pid):
        for name in ("begun", "whole", "gate"):
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        os.mkfifo(self.path("gate"))
        with open(self.path("pid"), "w") as f:
            f.write(str(pid))

    def await_begun(self):
        hold.wait_for(lambda: os.path.exists(self.path("begun")), "the core dump to begin")

    def finish(self):
        """Lets the dump go on, and returns the path of the core file."""
        os.close(os.open(self.path("gate"), os.O_WRONLY))
        hold.wait_for(lambda: os.path.exists(self.path("whole")), "the core dump to end")
        return self.path("whole")


def check(condition, what, dump=None):
    if not condition:
        raise hold.Failed(f"{what}\n{dump.err if dump else ''}" + "\n".join(map(str, dump.goroutines if dump else [])))


def check_dump(dump, spinning_states):
    check(dump.exit == 0, f"exit status {dump.exit}", dump)
    parked = [g for g in dump.of("main.parked") if g.frames[-1] in ("main.start.func1", "main.start.gowrap1")]
    check(len(parked) == 3, "the three parked goroutines", dump)
    spinning = dump.of("main.spinning")
    check(len(spinning) == 1 and spinning[0].frames[-2:] == ["main.spinning", "main.start.func1"] and
          spinning[0].status in spinning_states, "the spinning goroutine", dump)
    check([g.frames[-2:] for g in dump.of("main.main")] == [["main.main", "runtime.main"]], "the main goroutine", dump)
    for g in dump.goroutines:
        check(g.unreadable is None and g.frames, "a goroutine without a stack", dump)


def check_core(program, core, threads):
    """gdb reads the core to its end, finds all threads, and reads each one's stack."""
    said = subprocess.run(["gdb", "-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off",
                           "-ex", "info threads", "-ex", "thread apply all x/gx $sp", program.path, core],
                          capture_output=True, text=True, timeout=60)
    check("truncated" not in said.stderr and "Failed to read" not in said.stderr, f"gdb: {said.stderr}")
    check(len(set(re.findall(r"LWP (\d+)", said.stdout))) == threads,
          f"gdb sees other than {threads} threads:\n{said.stdout}{said.stderr}")
    check(len(re.findall(r"^0x\w+.*:\t0x\w+$", said.stdout, re.M)) == threads, f"gdb: {said.stdout}{said.stderr}")


def dump_core(dumps, go, how):
    """`crash`: the runtime ends itself after its tracebacks, in a signal handler of each thread; `plain`: the kernel
    ends all threads wherever they are."""
    with hold.Program(go, GOTRACEBACK="crash", GODEBUG="asyncpreemptoff=1") as program:
        program.do("spin")
        if how == "plain":
            program.do("plain")
        dumps.expect(program.pid)
        os.kill(program.pid, signal.SIGABRT if how == "crash" else signal.SIGQUIT)
        dumps.await_begun()
        threads = len(hold.threads(program.pid))
        for _ in range(3):
            check(hold.status_of(program.pid)["CoreDumping"] == "1", "it is in its core dump")
            check_dump(hold.dump(program), ("running",))
        core = dumps.finish()
        status = program.process.wait(hold.PATIENCE)
        check(status == -(signal.SIGABRT if how == "crash" else signal.SIGQUIT), f"it ended with {status}")
        check_core(program, core, threads)


def main():
    with SlowDumps() as dumps:
        for go in sys.argv[1:]:
            for how in ("crash", "plain"):
                try:
                    dump_core(dumps, go, how)
                except hold.Failed as failure:
                    sys.exit(f"FAILED go{go} {how}: {failure}")
                print(f"ok go{go} {how}")


main()
