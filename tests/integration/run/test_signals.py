# SPDX-License-Identifier: BSD-3-Clause
"""Signals under gostackdump run: the command gets each of them once, whoever it was sent to."""

import ctypes
import os
import pathlib
import pty
import signal
import subprocess
import time

from support import GOSTACKDUMP, TIMEOUT, build_directory, environment, main
from support_run import RunTestCase

FENCE = signal.SIGRTMAX  # handed on after all that has come before it
TIMES = 200
HANDED_ON = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR2, signal.SIGALRM, signal.SIGPROF,
             signal.SIGPOLL, signal.SIGURG, signal.SIGVTALRM, signal.SIGPWR, signal.SIGWINCH,
             *range(signal.SIGRTMIN, signal.SIGRTMAX)]


def counter():
    path = build_directory() / "counter"
    if not path.exists():
        source = pathlib.Path(__file__).parent / "counter.c"
        subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", path, source], check=True)
    return path


def parent_of(pid):
    return int(pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")")[1].split()[1])


def queue(pid, number, value):
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.sigqueue(pid, number, ctypes.c_void_p(value)) == 0, os.strerror(ctypes.get_errno())


class SignalTestCase(RunTestCase):
    def count(self, *arguments, **how):
        """A command that counts its signals, in a process group with run."""
        self.run = self.run_command("--", *how.pop("before", ()), counter(), *arguments, stdin=subprocess.PIPE,
                                    process_group=0, **how)
        self.pid = int(self.run.process.stdout.readline().split()[1])
        self.addCleanup(self.finish)

    def finish(self):
        if self.run.process.stdin:
            self.run.process.stdin.close()
            self.run.process.stdin = None
        self.assertEqual(0, self.run.end()[0])

    def counts(self):
        """Since the last time: how often each has come."""
        os.kill(self.run.pid, FENCE)
        *counts, value = self.run.process.stdout.readline().split()
        self.value = int(value.split(b":")[1])
        return {int(number): int(times) for number, times in (word.split(b":") for word in counts)}


class Once(SignalTestCase):
    def test_sent_to_run_alone(self):
        self.count()
        for number in HANDED_ON:
            with self.subTest(signal=number):
                os.kill(self.run.pid, number)
                self.assertEqual({number: 1}, self.counts())

    def test_sent_to_the_group(self):
        self.count()
        for number in HANDED_ON + [signal.SIGTERM] * TIMES:
            with self.subTest(signal=number):
                os.killpg(self.run.pid, number)
                self.assertEqual({number: 1}, self.counts())

    def test_sent_to_run_after_it_was_sent_to_the_group(self):
        self.count()
        for _ in range(TIMES):
            os.killpg(self.run.pid, signal.SIGTERM)
            self.assertEqual({signal.SIGTERM: 1}, self.counts())
            os.kill(self.run.pid, signal.SIGTERM)
            self.assertEqual({signal.SIGTERM: 1}, self.counts())

    def test_sent_to_the_group_that_the_command_has_left(self):
        self.count("apart")
        self.assertNotEqual(self.run.pid, os.getpgid(self.pid))
        os.killpg(self.run.pid, signal.SIGTERM)
        self.assertEqual({signal.SIGTERM: 1}, self.counts())

    def test_sent_to_each_process_one_by_one(self):
        """As systemd does when it stops a service, the oldest first."""
        self.count()
        for _ in range(TIMES):
            for pid in sorted(self.run.tree()):
                os.kill(pid, signal.SIGTERM)
            self.assertEqual({signal.SIGTERM: 1}, self.counts())

    def test_sent_to_the_keeper_alone(self):
        """As a command does that signals its parent."""
        self.count()
        keeper = self.keeper()
        for number in HANDED_ON:
            with self.subTest(signal=number):
                os.kill(keeper, number)
                self.assertEqual({number: 1}, self.counts_of_keeper(keeper, number))

    def test_sent_to_the_keeper_alone_and_to_the_group(self):
        self.count()
        keeper = self.keeper()
        for _ in range(20):
            os.kill(keeper, signal.SIGTERM)
            os.killpg(self.run.pid, signal.SIGUSR2)
            self.assertEqual({signal.SIGTERM: 1, signal.SIGUSR2: 1}, self.counts_of_keeper(keeper, signal.SIGTERM))
            os.kill(self.run.pid, signal.SIGTERM)
            self.assertEqual({signal.SIGTERM: 1}, self.counts())

    def keeper(self):
        return parent_of(self.pid)

    def counts_of_keeper(self, keeper, number):
        """Since the last time, up to signal number, which only the keeper got, and to another that came there later."""
        total = self.until(number)
        last = signal.SIGWINCH if number != signal.SIGWINCH else signal.SIGURG
        os.kill(keeper, last)
        for counted, times in self.until(last).items():
            total[counted] = total.get(counted, 0) + times
        del total[last]
        return total

    def until(self, number):
        total = {}
        deadline = time.monotonic() + TIMEOUT
        while number not in total and time.monotonic() < deadline:
            for counted, times in self.counts().items():
                total[counted] = total.get(counted, 0) + times
        return total

    def test_named_by_pkill(self):
        """The processes of run are one for whoever names them, and the command hears of it."""
        self.count()
        for pattern in ("^gostackdump", "-f %s run -- " % GOSTACKDUMP):
            with self.subTest(pattern=pattern):
                found = subprocess.run(["pgrep", "-g", str(self.run.pid), *pattern.split(maxsplit=1)],
                                       stdout=subprocess.PIPE, check=True).stdout
                self.assertEqual([self.run.pid], [int(pid) for pid in found.split()])

    def test_a_queued_value_comes_along(self):
        self.count()
        queue(self.run.pid, signal.SIGRTMIN + 3, 4711)
        self.assertEqual({signal.SIGRTMIN + 3: 1}, self.counts())
        self.assertEqual(4711, self.value)

    def test_realtime_signals_are_not_merged(self):
        self.count()
        for value in range(50):
            queue(self.run.pid, signal.SIGRTMIN, value)
        self.assertEqual({signal.SIGRTMIN: 50}, self.counts())

    def test_an_alarm_that_was_set_before(self):
        """alarm(2) outlives execve(2): perl -e 'alarm 9; exec @ARGV' is an old way to limit time."""
        self.count(preexec_fn=lambda: signal.setitimer(signal.ITIMER_REAL, 1))
        deadline = time.monotonic() + TIMEOUT
        while not (counts := self.counts()) and time.monotonic() < deadline:
            pass
        self.assertEqual({signal.SIGALRM: 1}, counts)


class Terminal(RunTestCase):
    def test_keys_come_once(self):
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        reading, writing = os.pipe()
        process = subprocess.Popen(
            ["setsid", "-c", GOSTACKDUMP, "run", "--", counter()],
            stdin=terminal, stdout=writing, stderr=writing, env=environment(),
        )
        os.close(terminal)
        os.close(writing)
        output = os.fdopen(reading)
        self.assertTrue(output.readline().startswith("ready"))
        for key, number in ((b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)):
            for _ in range(20):
                os.write(controller, key)
                counts = ""
                while not counts:
                    os.kill(process.pid, FENCE)
                    counts = output.readline().rpartition("value")[0]
                os.kill(process.pid, FENCE)  # and nothing later
                counts += output.readline().rpartition("value")[0]
                self.assertEqual("%d:1 " % number, counts)
            os.killpg(process.pid, number)
            os.kill(process.pid, FENCE)
            self.assertEqual("%d:1 " % number, output.readline().rpartition("value")[0])
        os.write(controller, b"q\n")
        self.assertEqual(0, process.wait(TIMEOUT))
        output.close()

    def test_the_end_of_the_terminal_comes_once(self):
        """The kernel tells the session's leader, and when that one ends, the group in the foreground."""
        for leader in ([], ["sh", "-c", '"$@"; :', "sh"]):
            with self.subTest(leader=leader or "run"):
                controller, terminal = pty.openpty()
                reading, writing = os.pipe()
                endless, held = os.pipe()  # the command is not to end because its input did
                process = subprocess.Popen(
                    ["setsid", "-c", *leader, "sh", "-c", 'exec "$@" <&%d' % endless, "sh", GOSTACKDUMP, "run", "--", counter()],
                    stdin=terminal, stdout=writing, stderr=writing, pass_fds=[endless], env=environment(),
                )
                os.close(terminal)
                os.close(writing)
                os.close(endless)
                output = os.fdopen(reading)
                command = int(output.readline().split()[1])
                os.close(controller)
                counts = ""
                deadline = time.monotonic() + 20
                while not counts and time.monotonic() < deadline:
                    os.kill(command, FENCE)
                    counts = output.readline().rpartition("value")[0]
                os.kill(parent_of(parent_of(command)), FENCE)  # and nothing later
                counts += output.readline().rpartition("value")[0]
                os.kill(command, signal.SIGKILL)
                output.close()
                os.close(held)
                process.wait(TIMEOUT)
                self.assertIn(counts, ("1:1 ", "1:1 18:1 "))  # the kernel also continues whom it tells


if __name__ == "__main__":
    main()
