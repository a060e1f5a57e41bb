# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of run share: a command under gostackdump run, and who is left of its tree."""

import os
import subprocess
import uuid

from support import GOSTACKDUMP, TestCase, environment

RUN_TIMEOUT = 300


class Run:
    """gostackdump run under way. Every process of its tree carries a mark in its environment."""

    def __init__(self, *arguments, env=None, prefix=(), **how):
        self.mark = "GSD_RUN_TEST=" + uuid.uuid4().hex
        name, value = self.mark.split("=")
        how.setdefault("stdin", subprocess.DEVNULL)
        how.setdefault("stdout", subprocess.PIPE)
        self.process = subprocess.Popen(
            [*prefix, GOSTACKDUMP, "run", *map(str, arguments)],
            stderr=subprocess.PIPE,
            env=environment(**{name: value}, **(env or {})),
            **how,
        )
        self.pid = self.process.pid

    def end(self):
        """Status, standard output and standard error; fails when anything of the tree is left."""
        out, err = self.process.communicate(timeout=RUN_TIMEOUT)
        left = self.tree()
        assert not left, (left, err)
        return self.process.returncode, out, err.decode("utf-8", "replace")

    def tree(self):
        """The command lines of all living processes that carry the mark, by pid."""
        found = {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open("/proc/%s/environ" % entry, "rb") as file:
                    if self.mark.encode() not in file.read().split(b"\0"):
                        continue
                with open("/proc/%s/cmdline" % entry, "rb") as file:
                    found[int(entry)] = file.read().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass
        return found


class RunTestCase(TestCase):
    def run_command(self, *arguments, **how):
        run = Run(*arguments, **how)
        self.addCleanup(run.process.wait)
        self.addCleanup(run.process.kill)
        return run

    def done(self, *arguments, **how):
        return self.run_command(*arguments, **how).end()
