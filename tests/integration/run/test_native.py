# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump run --native: what is not Go in the tree of a command is shown, too: C programs, shells, interpreters."""

import os
import pathlib
import shlex
import subprocess

from support import build_directory, main
from support_run import RunTestCase

WAITS = pathlib.Path(__file__).resolve().parents[1] / "native/waits.c"
# pause(2) for ever, by the system calls of 32-bit x86.
PAUSE_32 = ".globl _start\n_start:\tmov $29, %eax\n\tint $0x80\n\tjmp _start\n"
# Starts a child that ends at once, and never asks for its status.
FORGETS = "import os, signal\nif os.fork() == 0: os._exit(0)\nsignal.pause()"


def build_pause_32():
    path = build_directory() / "pause32"
    (build_directory() / "pause.s").write_text(PAUSE_32)
    subprocess.run(["as", "--32", "pause.s", "-o", "pause.o"], cwd=build_directory(), check=True)
    subprocess.run(["ld", "-m", "elf_i386", "pause.o", "-o", path], cwd=build_directory(), check=True)
    return path


class NativeTest(RunTestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = build_directory() / "peer"
        subprocess.run(["gcc", "-g", "-O1", WAITS, "-o", cls.peer, "-pthread"], check=True)

    def hung(self, *command, options=("--native",), **how):
        """Standard error of a run whose processes wait for their standard input. --idle: until all of them do."""
        run = self.run_command("--idle", "1s", "--grace", "1s", *options, "--", *command, stdin=subprocess.PIPE, **how)
        run.process.stdin, stdin = None, run.process.stdin  # or communicate() would close it
        status, _, err = run.end()
        stdin.close()
        self.assertEqual(124, status, err)
        return err

    def check_peer(self, err, pid=r"(\d+)"):
        self.assertRegex(err, r"\ngostackdump: peer \(pid %s\): not a Go program: \S*/peer 4\n"
                              r"  its main thread: read, in wait_for_peer \(waits\.c:\d+\)\n" % pid)
        self.assertRegex(err, r"\npeer, pid %s, not Go, .*\n5 threads, 3 distinct stacks\n" % pid)
        self.assertRegex(err, r"\n3 threads\n(    .*\n)+    worker +\S*waits\.c:\d+\n")
        self.assertRegex(err, r"\n    wait_for_peer +\S*waits\.c:\d+\n    main +\S*waits\.c:\d+\n")

    def test_a_c_program_is_shown_by_its_threads(self):
        self.check_peer(self.hung(self.peer, 4))

    def test_so_it_is_where_only_ancestors_may_trace(self):
        self.check_peer(self.hung(self.peer, 4, env={"GOSTACKDUMP_TRACER": "thread"}))

    def test_a_shell_that_waits_for_it_is_one_line(self):
        for shell in ("sh", "bash"):
            with self.subTest(shell=shell):
                err = self.hung(shell, "-c", "%s 4; true" % shlex.quote(str(self.peer)))
                self.check_peer(err)
                self.assertRegex(err, r"\ngostackdump: %s \(pid \d+\) waits for those: %s -c " % (shell, shell))
                self.assertNotRegex(err, r"\n%s, pid" % os.path.basename(os.path.realpath("/bin/" + shell)))

    def test_one_that_does_something_else_meanwhile_is_not(self):
        err = self.hung("sh", "-c", "%s 4 <&3 & read line" % shlex.quote(str(self.peer)), prefix=("sh", "-c", 'exec 3<&0; exec "$@"', "sh"))
        self.check_peer(err)
        self.assertRegex(err, r"\ngostackdump: sh \(pid \d+\): not a Go program: sh -c .*\n  its main thread: read\n")

    def test_each_has_its_files(self):
        err = self.hung("sh", "-c", "%s 4; true" % shlex.quote(str(self.peer)),
                        options=("--native", "-o", self.directory, "-o", "html:%s" % self.directory))
        names = [name.split(".", 2)[2] for name in sorted(os.listdir(self.directory))]
        self.assertEqual(["html", "html", "pb.gz", "pb.gz"], sorted(name.split(".", 2)[2] for name in names), err)
        self.assertEqual({"peer", "sh"}, {name.split(".")[0] for name in names})
        self.assertEqual(4, err.count("\n  wrote "))

    def test_formats_of_goroutines_are_left_out(self):
        err = self.hung(self.peer, 4, options=("--native", "-o", "stacks:%s" % self.directory))
        self.assertEqual([], os.listdir(self.directory))
        self.assertNotIn("cannot", err)

    def test_without_native_they_are_named_and_it_is_said_what_shows_more(self):
        err = self.hung(self.peer, 4, options=())
        self.assertRegex(err, r"\ngostackdump: peer \(pid \d+\): not a Go program: .*\n  --native shows where the threads ")
        self.assertNotIn("wait_for_peer", err)

    def test_one_that_has_ended_and_was_not_asked_for_its_status_is_named(self):
        err = self.hung("python3", "-c", FORGETS)
        self.assertRegex(err, r"\ngostackdump: \S+ \(pid (\d+)\) has ended, and python3 \(pid (?!\1)\d+\) has not asked for its status\n")

    def test_one_of_another_architecture_is_named_with_the_reason(self):
        err = self.hung("sh", "-c", "%s; true" % shlex.quote(str(build_pause_32())))
        self.assertRegex(err, r"\ngostackdump: cannot look at process (\d+)[^:]*: its program is for 32-bit x86, and only .*\n"
                              r"  it is pause32 \(pid \1\): \S*/pause32\n")

    def test_one_of_another_user_is_named_with_the_reason(self):
        privileged = build_directory() / "privileged"
        subprocess.run(["cp", self.peer, privileged], check=True)
        privileged.chmod(0o4755)
        err = self.hung(privileged, 4, prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"))
        self.assertRegex(err, r"\ngostackdump: cannot .* process (\d+)[^\n]*\n(  .*\n)*  it is privileged \(pid \1\): ")


if __name__ == "__main__":
    main()
