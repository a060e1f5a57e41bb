#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A program is what runs, not what a path leads to: each is dumped, and equals the profile that it wrote itself."""

import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "parity"))
import parity  # noqa: E402

OLD_MIDDLE_NEW = ("go1.18", "go1.22", "go1.27")
OLD_NEW = ("go1.18", "go1.27")
LOADED = "c-shared-stripped"  # a C program that loads libparity.so beside it


def for_each(versions):
    """The test is run once for each Go."""

    def decorate(test):
        def run(self):
            for go in versions:
                with self.subTest(go=go):
                    test(self, go)

        return run

    return decorate


class Places(unittest.TestCase):
    def folder(self):
        folder = tempfile.mkdtemp(prefix="kinds.")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    def start(self, go, kind="default", **how):
        fixture = parity.Fixture(go, kind, "all", self.folder(), **how)
        self.addCleanup(fixture.close)
        return fixture

    def copy(self, go, kind="default"):
        """A copy of a fixture and of what is beside it."""
        folder = os.path.join(self.folder(), "copy")
        shutil.copytree(os.path.dirname(parity.program(go, kind)), folder)
        return os.path.join(folder, "parity")

    def assert_equal(self, fixture, *options, **expected):
        """The dump equals what the fixture wrote, which then ends as it should."""
        ours = os.path.join(os.path.dirname(fixture.own), "ours.pb.gz")
        done = parity.gostackdump(fixture, ours, ["--max-frames", "go"])
        parity.check_dump(fixture, done, ours, **expected)
        about = ["-root", fixture.root, "-parked", fixture.parked, "-total", str(fixture.goroutines)]
        parity.compare(fixture.own, ours, *about, *options)
        fixture.finish()

    @for_each(OLD_MIDDLE_NEW)
    def test_a_program_that_was_deleted(self, go):
        path = self.copy(go)
        fixture = self.start(go, path=path)
        os.remove(path)
        self.assert_equal(fixture, go_version=version(go))

    @for_each(OLD_MIDDLE_NEW)
    def test_a_program_that_was_replaced_by_one_of_another_go(self, go):
        path = self.copy(go)
        fixture = self.start(go, path=path)
        replace(path, parity.program("go1.22" if go != "go1.22" else "go1.27", "default"))
        self.assert_equal(fixture, go_version=version(go))

    @for_each(OLD_NEW)
    def test_a_library_that_was_deleted(self, go):
        path = self.copy(go, LOADED)
        fixture = self.start(go, LOADED, path=path)
        os.remove(os.path.join(os.path.dirname(path), "libparity.so"))
        self.assert_equal(fixture, go_version=version(go))

    @for_each(OLD_NEW)
    def test_a_library_that_was_replaced_by_one_of_another_go(self, go):
        path = self.copy(go, LOADED)
        fixture = self.start(go, LOADED, path=path)
        other = parity.program("go1.27" if go != "go1.27" else "go1.18", LOADED)
        replace(os.path.join(os.path.dirname(path), "libparity.so"), os.path.join(os.path.dirname(other), "libparity.so"))
        self.assert_equal(fixture, go_version=version(go))

    @for_each(OLD_MIDDLE_NEW)
    def test_a_program_in_anonymous_memory(self, go):
        """It could not read its build id: Go opens the file by the path in /proc/self/maps."""
        file = os.memfd_create("parity", 0)
        self.addCleanup(os.close, file)
        with open(parity.program(go, "default"), "rb") as program:
            os.write(file, program.read())
        fixture = self.start(go, path=f"/proc/self/fd/{file}", pass_fds=(file,))
        self.assertIn("memfd:parity", os.readlink(f"/proc/{fixture.pid}/exe"))
        self.assert_equal(fixture, "-no-build-ids", go_version=version(go))

    @for_each(OLD_NEW)
    def test_a_process_whose_first_thread_has_ended(self, go):
        """/proc/PID/maps is empty then, which the fixture reads for its own profile."""
        fixture = self.start(go, LOADED, after=["leader-exits"])
        self.assertEqual("Z", state(fixture.pid))
        self.assert_equal(fixture, "-no-mappings", go_version=version(go))

    @for_each(OLD_NEW)
    def test_a_process_in_other_mount_and_pid_namespaces(self, go):
        """Where the target has its program, we see another one; the process is 1 there."""
        path = self.copy("go1.22")
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        if os.getuid() != 0:
            enter += ["--user", "--map-root-user"]
        mount = 'mount -t tmpfs none "$1" && cp "$2" "$1/parity" && shift 2 && exec "$@"'
        before = [*enter, "sh", "-c", mount, "sh", os.path.dirname(path), parity.program(go, "default")]
        fixture = self.start(go, path=path, before=before)
        outer = fixture.pid
        with open(f"/proc/{outer}/task/{outer}/children") as children:
            fixture.pid = int(children.read())
        self.assertEqual("1", inner_pid(fixture.pid))
        self.assert_equal(fixture, go_version=version(go))


def version(go):
    """The release that the matrix has of a Go."""
    with open(os.path.join(parity.ROOT, "tests", "fixtures", "matrix")) as lines:
        return next("go" + line.split()[0] for line in lines if ("go" + line).startswith(go + "."))


def replace(path, other):
    shutil.copy(other, path + ".new")
    os.replace(path + ".new", path)


def state(pid):
    with open(f"/proc/{pid}/task/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def inner_pid(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(line.split()[-1] for line in status if line.startswith("NSpid:"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
