#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A program whose bytes were changed is refused, with what is wrong by name, or read rightly; never misread.

What a Go program checks of itself when it starts is changed afterwards, in the memory of a stopped one, and put back.
"""

import contextlib
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))
import parity  # noqa: E402

VERSIONS = ("go1.18", "go1.27")
LONG = bool(os.environ.get("GSD_LONG"))
SEED = 20260101


def sections(path):
    """Address and size of each section of an ELF file, by name."""
    with open(path, "rb") as f:
        data = f.read()
    offset, = struct.unpack_from("<Q", data, 0x28)
    count, names_index = struct.unpack_from("<HH", data, 0x3C)
    headers = [struct.unpack_from("<IIQQQQIIQQ", data, offset + 64 * i) for i in range(count)]
    names = headers[names_index][4]
    return {data[names + h[0]:data.index(b"\0", names + h[0])].decode(): (h[3], h[5]) for h in headers}


def symbol(path, name):
    text = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return next(int(line.split()[0], 16) for line in text.splitlines() if line.endswith(" " + name))


class Garbled(unittest.TestCase):
    def start(self, go, kind):
        self.folder = tempfile.mkdtemp(prefix="kinds.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.fixture = parity.Fixture(go, kind, "finalizer-idle", self.folder)
        self.addCleanup(self.fixture.close)
        # It must not run into what is wrong itself: a collection reads types.
        os.kill(self.fixture.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.fixture.pid, os.WSTOPPED | os.WNOWAIT)
        self.sections = sections(parity.program(go, kind))
        self.memory = os.open(f"/proc/{self.fixture.pid}/mem", os.O_RDWR)
        self.addCleanup(os.close, self.memory)

    def read(self, address, length):
        return os.pread(self.memory, length, address)

    @contextlib.contextmanager
    def changed(self, address, content):
        before = self.read(address, len(content))
        os.pwrite(self.memory, content, address)
        try:
            yield
        finally:
            os.pwrite(self.memory, before, address)

    def types(self, go):
        """Address and size of the type descriptors: a section since Go 1.27, before that .rodata begins with them."""
        if ".go.type" in self.sections:
            return self.sections[".go.type"]
        path = parity.program(go, "default")
        return self.sections[".rodata"][0], symbol(path, "go.string.*") - symbol(path, "runtime.types")

    def dump(self):
        """Status and message; a dump that succeeds equals what the fixture wrote."""
        ours = os.path.join(self.folder, "ours.pb.gz")
        with contextlib.suppress(FileNotFoundError):
            os.remove(ours)
        done = parity.gostackdump(self.fixture, ours, ["--max-frames", "go"])
        self.assertIn(done.returncode, (0, 2), done.stderr)
        self.assertEqual(done.returncode == 0, os.path.exists(ours))
        if done.returncode == 0:
            about = ["-root", self.fixture.root, "-parked", self.fixture.parked, "-total", str(self.fixture.goroutines)]
            parity.compare(self.fixture.own, ours, *about)
        return done

    def assert_refused(self, pattern):
        done = self.dump()
        self.assertEqual(2, done.returncode, done.stderr)
        self.assertRegex(done.stderr, r"^gostackdump: cannot .*(" + pattern + ")")

    def assert_whole(self):
        done = self.dump()
        self.assertEqual(0, done.returncode, done.stderr)

    def test_another_first_word_of_the_function_table(self):
        for go in VERSIONS:
            for kind in ("default", "stripped"):
                with self.subTest(go=go, kind=kind):
                    self.start(go, kind)
                    for word in (b"\0\0\0\0", b"\xef\xbe\xad\xde", b"\xf2\xff\xff\xff"):
                        with self.changed(self.sections[".gopclntab"][0], word):
                            self.assert_refused("function table")
                    self.assert_whole()

    def test_build_information_that_lies(self):
        for go, lie in (("go1.18", b"go1.27.30"), ("go1.18", b"go1.19.13"), ("go1.27", b"go1.18.9"), ("go1.27", b"go1.26.8"),
                        ("go1.27", b"go1.28.1")):
            for kind in ("default", "stripped"):
                with self.subTest(go=go, kind=kind, lie=lie):
                    self.start(go, kind)
                    with self.changed(self.sections[".go.buildinfo"][0] + 32, bytes([len(lie)]) + lie):
                        self.assert_refused("build information says " + lie.decode() + ".*" + go)
                    self.assert_whole()

    def test_any_word_of_the_module_data(self):
        for go in VERSIONS:
            with self.subTest(go=go):
                self.start(go, "default")
                start = symbol(parity.program(go, "default"), "runtime.firstmoduledata")
                statuses = set()
                for place in range(start, start + 600, 8):
                    word, = struct.unpack("<Q", self.read(place, 8))
                    for wrong in (0, word + 8, 0xdeadbeefdeadbeef):
                        with self.changed(place, struct.pack("<Q", wrong % 2**64)):
                            statuses.add(self.dump().returncode)
                self.assertEqual({0, 2}, statuses)
                self.assert_whole()

    def test_types_of_zeroes(self):
        """DWARF knows the layouts as well, where it is."""
        for go in VERSIONS:
            for kind in ("default", "stripped"):
                with self.subTest(go=go, kind=kind):
                    self.start(go, kind)
                    address, size = self.types(go)
                    with self.changed(address, bytes(size)):
                        if kind == "default":
                            self.assert_whole()
                        else:
                            self.assert_refused("runtime.g|types")
                    self.assert_whole()

    def test_bytes_anywhere(self):
        """In the types and the build information, here and there. (A name in the function table can be any.)"""
        for go in VERSIONS:
            with self.subTest(go=go):
                self.start(go, "stripped")
                chance = random.Random(SEED)
                places = [self.types(go), self.sections[".go.buildinfo"]]
                for _ in range(2000 if LONG else 40):
                    address, size = chance.choice(places)
                    with contextlib.ExitStack() as changes:
                        for _ in range(chance.choice((1, 10, 1000))):
                            at = address + chance.randrange(size)
                            changes.enter_context(self.changed(at, bytes([chance.randrange(256)])))
                        self.dump()
                self.assert_whole()


if __name__ == "__main__":
    unittest.main(verbosity=2)
