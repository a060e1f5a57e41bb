# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of diff share: a program that leaks on command, captures of it, and a reader of the report."""

import collections
import os
import pathlib
import re
import subprocess

from support import TestCase, build_directory, go_command, run

HERE = pathlib.Path(__file__).resolve().parent
ENDINGS = [".gsd", ".jsonl", ".pb.gz", ".goroutines.pb.gz"]
WITH_IDS = [".gsd", ".jsonl", ".goroutines.pb.gz"]
OWN = ".own.pb.gz"  # a profile that the program wrote itself


def leaker():
    """The program, built once."""
    path = build_directory() / "leaker"
    if not path.exists():
        go_env = {key: value for key, value in os.environ.items() if key != "GOFLAGS"}
        go_env.update(CGO_ENABLED="0", GOFLAGS="-buildvcs=false")
        subprocess.run([go_command(), "build", "-o", str(path), "."], cwd=HERE / "leaker", env=go_env, check=True)
    return path


class Leaker:
    """One that runs. Each command is answered with its own count of goroutines."""

    def __init__(self, path=None, **env):
        self.process = subprocess.Popen([path or leaker()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **env})
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def __call__(self, *command):
        self.process.stdin.write(" ".join(map(str, command)) + "\n")
        self.process.stdin.flush()
        word, count = self.process.stdout.readline().split()
        assert word == "done", word
        return int(count)

    def begin_anew(self):
        """Another program in the same process."""
        self.process.stdin.write("exec\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"

    def capture(self, place):
        """One moment in every format, and the profile that it writes itself right afterwards."""
        outputs = [word for ending in ENDINGS for word in ("-o", str(place) + ending)]
        result = run("-p", self.pid, *outputs)
        assert result.status == 0, result.err
        self("profile", str(place) + OWN)

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


class LeakerTestCase(TestCase):
    def leaker(self):
        program = Leaker()
        self.addCleanup(lambda: program.process.poll() is not None or program.end())
        return program


Change = collections.namedtuple("Change", "change old new frames")


def numbers(text):
    return int(text.replace(",", ""))


def changes(report):
    """The groups of a report that have changed: {innermost frame that is shown: Change}."""
    found = {}
    pattern = r"^([+-][\d,]+) goroutines?(?: appeared| vanished)?: ([\d,]+) → ([\d,]+).*\n((?:    .*\n)+)"
    for match in re.finditer(pattern, report, re.MULTILINE):
        frames = [line.split() for line in match[4].splitlines()]
        key = " ".join(frames[0])
        assert key not in found, key
        found[key] = Change(numbers(match[1]), numbers(match[2]), numbers(match[3]), frames)
    return found


def where_they_were(report):
    """{innermost frame: (how many are where they were, their first ids)}."""
    found = {}
    for match in re.finditer(r"^([\d,]+) goroutines? \(([\d ]+?)(?: …)?\).*\n    (.*)\n", report, re.MULTILINE):
        found[" ".join(match[3].split())] = (numbers(match[1]), [int(goid) for goid in match[2].split()])
    return found
