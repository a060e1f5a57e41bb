# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump run -- go test: modules whose tests hang in every way, and one whose tests pass."""

import os
import pathlib
import subprocess

from support import build_directory, go_command, main
from support_run import RunTestCase

WAITS = pathlib.Path(__file__).resolve().parents[1] / "native/waits.c"

MODULE = {
    "go.mod": "module example.com/hang\n\ngo 1.18\n",
    "hang_test.go": """package hang

import (
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"
)

func only(t *testing.T, mode string) {
	if os.Getenv("HANG") != mode {
		t.Skip()
	}
}

func TestPasses(t *testing.T) {}

func TestDeadlock(t *testing.T) {
	only(t, "deadlock")
	var mutex sync.Mutex
	mutex.Lock()
	mutex.Lock()
}

func TestSubtest(t *testing.T) {
	only(t, "subtest")
	t.Run("inner", waitForEver)
}

func waitForEver(t *testing.T) {
	<-make(chan int)
}

func TestParallel(t *testing.T) {
	only(t, "parallel")
	t.Run("first", func(t *testing.T) { t.Parallel(); waitForEver(t) })
	t.Run("second", func(t *testing.T) { t.Parallel() })
}

func TestChild(t *testing.T) {
	only(t, "child")
	child := exec.Command(os.Args[0], "-test.run=TestInChild$")
	child.Env = append(os.Environ(), "HANG=in child")
	child.Run()
}

func TestInChild(t *testing.T) {
	only(t, "in child")
	go time.Sleep(time.Hour) // or the runtime calls it a deadlock
	waitForEver(t)
}

func TestDetached(t *testing.T) {
	only(t, "detached")
	server := exec.Command("setsid", "-f", "sleep", "1000")
	server.Run()
}

func TestPeer(t *testing.T) {
	only(t, "peer")
	peer := exec.Command("sh", "-c", os.Getenv("PEER")+" 2; true")
	peer.StdinPipe()
	peer.Run()
}

func TestStubborn(t *testing.T) {
	only(t, "stubborn")
	signal.Ignore(syscall.SIGTERM)
	select {}
}
""",
    "c/c.go": """package c

// #include <unistd.h>
// static void hang_in_c(void) { for (;;) pause(); }
import "C"

func Hang() { C.hang_in_c() }
""",
    "c/c_test.go": """package c

import (
	"os"
	"testing"
)

func TestHangsInC(t *testing.T) {
	if os.Getenv("HANG") != "c" {
		t.Skip()
	}
	Hang()
}
""",
}


class GoTest(RunTestCase):
    """The tests are built before, so that time is up in a test and not in the compiler."""

    @classmethod
    def setUpClass(cls):
        cls.module = build_directory() / "hang"
        for name, text in MODULE.items():
            path = cls.module / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        cls.env = {"GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "1", "PATH": "%s:%s" % (
            os.path.dirname(go_command()), os.environ["PATH"])}
        for package in (".", "./c"):
            subprocess.run([go_command(), "test", "-count=1", package], cwd=cls.module, check=True,
                           env={**os.environ, **cls.env}, stdout=subprocess.DEVNULL)

    def go_test(self, mode, *options, package=".", env=None):
        return self.done(*options, "--", go_command(), "test", "-count=1", package, cwd=self.module,
                         env={**self.env, "HANG": mode, **(env or {})})

    def hung(self, mode, *options, package=".", env=None):
        """Standard error of a run in which MODE hangs. --idle: however long go itself takes before."""
        status, _, err = self.go_test(mode, "--idle", "3s", "--grace", "2s", *options, package=package, env=env)
        self.assertEqual(124, status, err)
        return err

    def test_tests_that_pass(self):
        status, out, err = self.go_test("nothing", "--timeout", "10m")
        self.assertEqual((0, ""), (status, err))
        self.assertIn(b"ok  \texample.com/hang", out)

    def test_a_deadlock(self):
        err = self.hung("deadlock")
        self.assertRegex(err, r"hang\.test \(pid \d+\): hung test example.com/hang\.TestDeadlock: sync\.Mutex\.Lock")
        self.assertIn("in example.com/hang.TestDeadlock (hang_test.go:25)", err)
        self.assertRegex(err, r"go \(pid \d+\) waits for those: ")
        self.assertEqual(1, err.count("hung test"))

    def test_a_subtest_is_named_and_not_those_that_wait_for_it(self):
        err = self.hung("subtest")
        self.assertIn("hung test example.com/hang.waitForEver: chan receive", err)
        self.assertEqual(1, err.count("hung test"))

    def test_of_parallel_ones_the_one_that_hangs(self):
        err = self.hung("parallel")
        self.assertIn("hung test example.com/hang.TestParallel.func1: chan receive", err)
        self.assertIn("in example.com/hang.waitForEver (hang_test.go:34)", err)
        self.assertEqual(1, err.count("hung test"))

    def test_one_that_hangs_in_a_child_process(self):
        err = self.hung("child")
        self.assertIn("hung test example.com/hang.TestInChild: ", err)
        self.assertIn("hung test example.com/hang.TestChild: ", err)

    def test_one_that_hangs_in_c(self):
        dumps = self.directory / "dumps"
        err = self.hung("c", "--native", "-o", dumps, package="./c")
        self.assertRegex(err, r"hung test example\.com/hang/c\.TestHangsInC: syscall \(C: pause\b[^)]*\), in example\.com/hang/c\.Hang \(c\.go:7\)\n")
        self.assertRegex(err, r"\n\d threads?: no goroutine\n    in the Go runtime \(--runtime-frames shows where\)\n")
        self.assertIn("hang_in_c", err)
        self.assertTrue(any(".c_test." in name for name in os.listdir(dumps)), os.listdir(dumps))

    def test_one_that_waits_for_a_c_program_below_a_shell(self):
        peer = build_directory() / "peer"
        subprocess.run(["gcc", "-g", "-O1", WAITS, "-o", peer, "-pthread"], check=True)
        err = self.hung("peer", "--native", env={"PEER": str(peer)})
        self.assertIn("hung test example.com/hang.TestPeer: ", err)
        self.assertRegex(err, r"peer \(pid \d+\): not a Go program: \S+/peer 2\n  its main thread: read, in wait_for_peer \(waits\.c:\d+\)\n")
        self.assertRegex(err, r"sh \(pid \d+\) waits for those: ")
        self.assertRegex(err, r"go \(pid \d+\) waits for those: ")
        self.assertRegex(err, r"\npeer, pid \d+, not Go, .*\n3 threads, 3 distinct stacks\n")

    def test_one_that_ignores_the_polite_signal(self):
        err = self.hung("stubborn")
        self.assertIn("hung test example.com/hang.TestStubborn: ", err)
        self.assertIn("did not end on signal 15 and ", err)

    def test_what_a_test_starts_and_leaves_is_ended(self):
        status, _, err = self.go_test("detached", "--timeout", "10m")
        self.assertEqual(0, status, err)
        self.assertIn("left 1 process running (sleep, ", err)


if __name__ == "__main__":
    main()
