# SPDX-License-Identifier: BSD-3-Clause
"""Programs to look at, and what gostackdump -f jsonl says of them."""

import json
import os
import select
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
FIXTURES = os.path.abspath(os.environ.get("GSD_FIXTURES_DIR") or os.path.join(ROOT, "build", "fixtures"))
TOOL = os.environ.get("GOSTACKDUMP") or os.path.join(ROOT, "build", "release", "src", "gostackdump")
PATIENCE = 120


class Wrong(Exception):
    """What was promised is not so."""


def need(condition, text):
    if not condition:
        raise Wrong(text)


def equal(expected, found, what):
    need(expected == found, f"{what}: {found!r}, not {expected!r}")


def fixture(go, kind, program):
    return os.path.join(FIXTURES, go, kind, program)


class Target:
    """A program that says "ready PID" (its pid as it sees it) and ends with its standard input."""

    def __init__(self, command, folder, before=(), preexec_fn=None, **environment):
        env = {k: v for k, v in os.environ.items() if k not in ("GODEBUG", "GOMAXPROCS", "GOGC", "GOTRACEBACK")}
        self.errors = open(os.path.join(folder, "stderr"), "w+")
        self.process = subprocess.Popen([*before, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                        stderr=self.errors, env={**env, **environment},
                                        preexec_fn=preexec_fn)
        self.said = b""
        try:
            self.before = []  # what it said before it was ready
            while not (line := self.line()).startswith("ready "):
                self.before.append(line)
            self.pid = self.process.pid if not before else inner_process(self.process.pid)
        except BaseException:
            self.close()
            raise

    def line(self):
        end = time.monotonic() + PATIENCE
        while b"\n" not in self.said:
            left = end - time.monotonic()
            need(left > 0 and select.select([self.process.stdout], [], [], left)[0],
                 f"the program said nothing for {PATIENCE} s; so far {self.said!r}")
            piece = os.read(self.process.stdout.fileno(), 65536)
            need(piece, f"the program ended: {self.stderr()[-4000:]}")
            self.said += piece
        line, self.said = self.said.split(b"\n", 1)
        return line.decode()

    def ask(self, command):
        """The words of the answer, without the first one, which is that of the command."""
        self.process.stdin.write(command.encode() + b"\n")
        words = self.line().split()
        equal(command.split()[0], words[0] if words else None, f"the answer to {command!r}")
        return words[1:]

    def stderr(self):
        self.errors.flush()
        with open(self.errors.name, errors="replace") as f:
            return f.read()

    def close(self):
        if self.process.poll() is None:
            try:
                os.kill(getattr(self, "pid", self.process.pid), 9)
            except ProcessLookupError:
                pass
        self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def inner_process(pid):
    """The process at the end of a chain of commands that each run the next as their only child."""
    while True:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            children = f.read().split()
        if not children:
            return pid
        pid = int(children[0])


class Capture:
    """What the tool says: .goroutines by goid, and between which readings of CLOCK_MONOTONIC it looked."""

    def __init__(self, pid, *options):
        self.before_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        done = subprocess.run([TOOL, "-q", "--max-pause=20s", f"--pid={pid}", "--max-frames=100000", "-f", "jsonl",
                               "-o", "-", *options],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        self.after_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        need(done.returncode == 0, f"exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
        lines = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
        self.header, listed = lines[0], lines[1:]
        equal("capture", self.header["type"], "the first object's type")
        equal(len(listed), self.header["goroutines"], "how many goroutines the first object announces")
        need(all(g["type"] == "goroutine" for g in listed), "an object that is no goroutine")
        self.goroutines = {g["goid"]: g for g in listed}
        equal(len(listed), len(self.goroutines), "different goids")

    def at(self, function):
        """The goroutines on whose stacks a function is."""
        return [g for g in self.goroutines.values() if any(f["function"] == function for f in g["frames"])]
