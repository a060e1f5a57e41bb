# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump ps: which processes are listed, what is said of them, and that none is touched."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from support import ServerTestCase, Target, TestCase, build_directory, go_command, main, program_of_old_go, run, run_on_terminal
from support import sample_server, server

NOBODY = 65534
COUNTED = """package main

import (
	"fmt"
	"os"
)

func main() {
	started, never := make(chan bool), make(chan bool)
	for i := 0; i < 40; i++ {
		go func() { started <- true; <-never }()
	}
	for i := 0; i < 40; i++ {
		<-started
	}
	fmt.Println("ready")
	os.Stdin.Read(make([]byte, 1))
}
"""
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17


def listed(*arguments, **how):
    """What ps --json says, by pid."""
    result = run("ps", "--json", *arguments, **how)
    assert result.status == 0, result.err
    return {entry["pid"]: entry for entry in map(json.loads, result.out.splitlines())}


def status_of(pid):
    with open("/proc/%d/status" % pid) as lines:
        return dict(line.rstrip("\n").split(":\t", 1) for line in lines if ":\t" in line)


def rows(text):
    """The lines of the table, by pid."""
    lines = text.decode().splitlines()
    assert lines[0].split() == "PID GO GOROUTINES THREADS AGE STRIPPED ATTACH COMMAND".split(), lines
    return {int(line.split()[0]): line for line in lines[1:]}


def stripped_server():
    path = build_directory() / "stripped-server"
    if not path.exists():
        subprocess.run(["strip", "-o", path, sample_server()], check=True)
    return path


class Listed(ServerTestCase):
    def test_a_server_is_listed_with_what_it_says_of_itself(self):
        before = int(status_of(self.pid)["Threads"])
        entry = listed()[self.pid]
        after = int(status_of(self.pid)["Threads"])
        version = re.search(rb" goroutines, (\S+)$", self.server.line.strip()).group(1)
        self.assertEqual(version.decode(), entry["go_version"])
        self.assertEqual(entry["goroutines"], sum(entry[state] for state in ("running", "runnable", "syscall", "waiting")))
        self.assertTrue(before <= entry["threads"] <= after, (before, entry["threads"], after))
        self.assertEqual(str(sample_server()), entry["command"])
        self.assertEqual("sample-server", entry["comm"])
        self.assertEqual(os.getuid(), entry["uid"])
        self.assertFalse(entry["stripped"])
        self.assertTrue(entry["may_attach"])
        self.assertIsNone(entry["reason"])

    def test_its_age_is_that_of_ps(self):
        before = float(subprocess.check_output(["ps", "-o", "etimes=", "-p", str(self.pid)]))
        age = listed()[self.pid]["age_ns"] / 1e9
        after = float(subprocess.check_output(["ps", "-o", "etimes=", "-p", str(self.pid)]))
        self.assertLessEqual(before - 1, age)
        self.assertLessEqual(age, after + 1)

    def test_what_is_not_go_is_not_listed(self):
        sleeper = Target(["cat"])
        self.addCleanup(sleeper.end)
        entries = listed()
        self.assertNotIn(sleeper.pid, entries)
        self.assertNotIn(os.getpid(), entries)
        self.assertIn(self.pid, entries)

    def test_a_stripped_program_is_as_good_as_any(self):
        stripped = server(stripped_server())
        self.addCleanup(stripped.end)
        entry = listed()[stripped.pid]
        self.assertTrue(entry["stripped"])
        self.assertTrue(entry["may_attach"])
        self.assertGreater(entry["goroutines"], 10)

    def test_the_table_is_right_at_80_columns(self):
        row = rows(run("ps").out)[self.pid]
        self.assertRegex(row, r"^ *%d go\S+ +\d+ +\d+ +\d+[smhd]\S* +no +yes +%s$" % (self.pid, re.escape(str(sample_server()))))
        for line in run_on_terminal("ps", env={"COLUMNS": "80"}).out.decode().splitlines():
            self.assertLessEqual(len(line.rstrip("\r")), 80)

    def test_a_full_disk_is_said(self):
        for options in ([], ["--json"]):
            with self.subTest(options=options), open("/dev/full", "wb") as full:
                result = subprocess.run([os.environ["GOSTACKDUMP"], "ps", *options], stdout=full,
                                        stderr=subprocess.PIPE, text=True, check=False)
                self.assertEqual(2, result.returncode)
                self.assertIn("cannot write to standard output: No space left on device", result.stderr)

    def test_none_is_stopped_or_changed(self):
        before = status_of(self.pid)
        for _ in range(20):
            run("ps")
            self.assertEqual("0", status_of(self.pid)["TracerPid"])
        changed = {key for key, value in status_of(self.pid).items() if before[key] != value}
        self.assertFalse(changed & {"SigPnd", "ShdPnd"}, changed)


class Counted(TestCase):
    def test_as_many_as_the_program_has_started(self):
        """The server's own number changes while its first connections are made; here none comes or goes."""
        path = build_directory() / "counted"
        path.mkdir(exist_ok=True)
        (path / "main.go").write_text(COUNTED)
        (path / "go.mod").write_text("module counted\n\ngo 1.18\n")
        env = {key: value for key, value in os.environ.items() if key != "GOFLAGS"}
        subprocess.run([go_command(), "build", "-o", "counted", "."], cwd=path, check=True,
                       env={**env, "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"})
        counted = server(path / "counted")
        self.addCleanup(counted.end)
        entry = listed()[counted.pid]
        self.assertEqual(41, entry["goroutines"])


class Refused(TestCase):
    def test_one_that_another_traces(self):
        traced = server()
        self.addCleanup(traced.end)
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(0, libc.ptrace(PTRACE_SEIZE, traced.pid, None, None))
        try:
            entry = listed()[traced.pid]
            self.assertFalse(entry["may_attach"])
            self.assertIn("already traced by process %d" % os.getpid(), entry["reason"])
            self.assertIn("one tracer at a time", entry["advice"])
            self.assertIsNotNone(entry["goroutines"])
            result = run("ps")
            self.assertIn(" no ", rows(result.out)[traced.pid])
            self.assert_message(result, "already traced by process %d" % os.getpid())
        finally:
            os.kill(traced.pid, signal.SIGSTOP)  # a detach needs it to stand still
            os.waitpid(traced.pid, 0)
            libc.ptrace(PTRACE_DETACH, traced.pid, None, None)
            os.kill(traced.pid, signal.SIGCONT)

    def test_a_go_that_is_too_old(self):
        old = Target([program_of_old_go()]).ready()
        self.addCleanup(old.end)
        entry = listed()[old.pid]
        self.assertFalse(entry["may_attach"])
        self.assertIn("1.17", entry["reason"])
        self.assertFalse(entry["stripped"])
        self.assertIsNone(entry["goroutines"])
        stripped = self.directory / "stripped"
        subprocess.run(["strip", "-o", stripped, program_of_old_go()], check=True)
        unknown = Target([stripped]).ready()
        self.addCleanup(unknown.end)
        self.assertIsNone(listed()[unknown.pid]["stripped"])  # it may be that we do not know where to look
        self.assertIsNone(entry["goroutines"])

    @unittest.skipIf(os.getuid() != 0, "these tests run as root")
    def test_those_of_another_user(self):
        other = server()
        self.addCleanup(other.end)
        gostackdump = build_directory() / "gostackdump"
        shutil.copy(os.environ["GOSTACKDUMP"], gostackdump)
        result = subprocess.run(
            [gostackdump, "ps"], user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, text=True, check=True
        )
        self.assertNotIn(str(other.pid), result.stdout.split())
        self.assertIn("may not be looked at", result.stderr)
        self.assertIn("sudo gostackdump ps", result.stderr)


class Hostile(TestCase):
    def test_a_name_cannot_move_the_cursor(self):
        path = self.directory / "a\x1b[2Jb) S 1 1"
        shutil.copy(sample_server(), path)
        hostile = server(path)
        self.addCleanup(hostile.end)
        row = rows(run("ps").out)[hostile.pid]
        self.assertIn(r"a\x1b[2Jb", row)
        self.assertNotIn("\x1b", row)
        self.assertEqual(str(path), listed()[hostile.pid]["command"])

    def test_processes_that_come_and_go(self):
        """Some end while they are looked at: the list is of the others, and says nothing about it."""
        script = "while :; do /bin/true; done"
        churn = subprocess.Popen(["sh", "-c", script], stdin=subprocess.DEVNULL)
        self.addCleanup(churn.wait)
        self.addCleanup(churn.kill)
        for _ in range(20):
            self.assert_status(0, run("ps", "--json"))


if __name__ == "__main__":
    main()
