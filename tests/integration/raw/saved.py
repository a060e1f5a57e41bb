# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of saved captures share: a program that has ended, with what was written of it when it ran."""

import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "parity"))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
import parity  # noqa: E402
from support import TestCase, main, run  # noqa: E402, F401

OLD, NEW = "go1.18", "go1.27"


class Saved:
    """A fixture copied to a place of its own, run, captured as JSON Lines and raw, and ended."""

    def __init__(self, test, go=NEW, kind="stripped"):
        self.folder = tempfile.mkdtemp(prefix="raw.")
        test.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.program = os.path.join(self.folder, "bin", "parity")
        shutil.copytree(os.path.dirname(parity.program(go, kind)), os.path.dirname(self.program))
        self.jsonl, self.raw = (os.path.join(self.folder, name) for name in ("live.jsonl", "capture.gsd"))
        fixture = parity.Fixture(go, kind, "all", self.folder, path=self.program)
        self.pid = fixture.pid
        try:
            test.assert_status(0, run("-p", self.pid, "-o", self.jsonl, "-o", self.raw))
        finally:
            fixture.close()
        with open(self.jsonl, "rb") as f:
            self.live = f.read()

    def move(self):
        """The program, and what is beside it, to another place: the folder that is returned."""
        elsewhere = os.path.join(self.folder, "attic", "deeper")
        os.mkdir(os.path.dirname(elsewhere))
        os.rename(os.path.dirname(self.program), elsewhere)
        return elsewhere

    def load(self, *options, **how):
        return run("--from", self.raw, *options, "-f", "jsonl", **how)


class SavedTestCase(TestCase):
    def assert_loads(self, saved, *options, **how):
        result = saved.load(*options, **how)
        self.assert_status(0, result)
        self.assert_live(saved, result.out)

    def assert_live(self, saved, out):
        """Without showing the difference, which takes minutes for so many bytes."""
        self.assertTrue(saved.live == out, "other bytes than live")

    def assert_refused(self, result, *words):
        self.assert_status(2, result)
        self.assertEqual(b"", result.out)
        self.assert_message(result, *words)


__all__ = ["NEW", "OLD", "Saved", "SavedTestCase", "main", "parity", "run", "unittest"]
