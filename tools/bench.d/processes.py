# SPDX-License-Identifier: BSD-3-Clause
"""The processes of a benchmark: targets, and commands that are timed. None of them outlives it."""

import os
import select
import signal
import subprocess
import tempfile
import time
import typing

ANSWER_SECONDS = 300
COMMAND_SECONDS = 600


class Failed(Exception):
    """A process did not do what it was asked for."""


running = set()


def end_all():
    for pid in list(running):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def end(number, _frame):
    raise SystemExit(128 + number)


def guard():
    """A signal that ends us lets everything be put away first. Targets end with their standard input, however we end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


class Cost(typing.NamedTuple):
    status: int
    wall_ns: int
    cpu_ns: int


def run(command, output=os.devnull, errors=os.devnull):
    """Run a command to its end and say what it cost, its children included."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o600),
             (os.POSIX_SPAWN_OPEN, 2, errors, flags, 0o600)]
    start = time.monotonic_ns()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
    running.add(pid)
    ended = os.pidfd_open(pid)
    try:
        if not select.select([ended], [], [], COMMAND_SECONDS)[0]:
            os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
    finally:
        os.close(ended)
        running.discard(pid)
    wall = time.monotonic_ns() - start
    return Cost(os.waitstatus_to_exitcode(status), wall, int((usage.ru_utime + usage.ru_stime) * 1e9))


class Target:
    """A program that is looked at (./target), ready."""

    def __init__(self, path, arguments):
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
                                        stderr=self.errors)
        self.said = b""  # what is not a whole line yet, or was not asked for yet
        self.pid = self.process.pid
        running.add(self.pid)
        self.address = None
        words = self.line()
        if words[0] == "listening":
            self.address = words[1]
            words = self.line()
        if words[0] != "ready":
            raise Failed(f"the target said {words}")

    def line(self):
        end = time.monotonic() + ANSWER_SECONDS
        while b"\n" not in self.said:
            readable = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]
            piece = self.process.stdout.read(4096) if readable else b""
            if not piece:
                self.errors.seek(0)
                raise Failed(f"the target gives no answer: {self.errors.read()[-2000:]}")
            self.said += piece
        line, _, self.said = self.said.partition(b"\n")
        return line.decode().split()

    def ask(self, *words):
        self.process.stdin.write(" ".join(words).encode() + b"\n")
        name, value = self.line()
        if name not in (words[0], "done"):
            raise Failed(f"the target answered {name} to {words[0]}")
        return int(value)

    def close(self):
        running.discard(self.pid)
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.errors):
            stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
