# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump watch --on: captures only when it matters. The truth is what the program was told to do."""

import json
import os
import shutil
import signal
import struct
import time

from leaker import Leaker, leaker
from support import TIMEOUT, main, run
from support_watch import NAME, WatchTestCase

MORE = 50  # goroutines that are not yet too many
WAITSINCE = 168  # of runtime.g, Go 1.25 and 1.26 (runtime/runtime2.go); what a capture says then tells if it is


class Any(WatchTestCase):
    def test_nothing_is_captured_while_none_holds(self):
        target = self.server()
        result = run("watch", "-p", target.pid, "--once", "-o", self.dumps, "--on", "goroutines>1000000")
        self.assertEqual((0, ""), (result.status, result.err))
        self.assertEqual([], self.files())

    def test_the_condition_that_holds_is_the_reason(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--once", "--on", "goroutines>1000000", "--on", "goroutines>5")
        self.assertEqual("goroutines>5", watch.event("capture")["reason"])
        self.assertEqual(0, watch.end()[0])

    def test_a_signal_captures_whatever_they_say(self):
        target = self.server()
        watch = self.watch("-p", target.pid, "--every", "1h", "--on", "growth>1000000%")
        watch.event("start")
        watch.signal(signal.SIGUSR1)
        self.assertEqual("signal", watch.event("capture")["reason"])
        watch.signal(signal.SIGTERM)
        self.assertEqual(0, watch.end()[0])


class LeakerTestCase(WatchTestCase):
    def leaker(self, path=None, **env):
        program = Leaker(path, **env)
        self.addCleanup(lambda: program.process.poll() is not None or program.end())
        return program

    def until_it_has_looked(self, watch):
        """It has waited three times, mostly for ticks: it has probably looked."""
        def ticks():
            with open("/proc/%d/status" % watch.process.pid) as lines:
                return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

        before, deadline = ticks(), time.monotonic() + TIMEOUT
        while ticks() < before + 3:
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(watch.process.poll())
            time.sleep(0.002)


class Growth(LeakerTestCase):
    def begin(self, *arguments, condition="growth>%d" % MORE):
        """A watch that has captured, and looks again and again."""
        watch = self.watch(*arguments, "--every", "10ms", "--on", condition)
        watch.event("start")
        watch.signal(signal.SIGUSR1)
        self.base = watch.event("capture")["goroutines"]
        return watch

    def expect(self, watch, goroutines, reason="growth>%d" % MORE):
        event = watch.event("capture")
        self.assertEqual((reason, goroutines), (event["reason"], event["goroutines"]))

    def until_it_captures(self, watch, program, most):
        """
        More goroutines than the condition allows between two looks, until there is a capture: nobody knows when in a
        program's beginning the first look at it comes. There are never more than that many.
        """
        def captures():
            return sum(NAME.fullmatch(name) is not None for name in os.listdir(self.dumps))

        before, count = captures(), 0
        while captures() == before:
            self.assertLessEqual(count + MORE + 1, most, "it grew and was not captured")
            count = program("leak", MORE + 1)
            self.until_it_has_looked(watch)
        event = watch.event("capture")
        self.assertEqual("growth>%d" % MORE, event["reason"])
        self.assertLessEqual(event["goroutines"], count)

    def test_it_is_compared_with_the_last_capture(self):
        program = self.leaker()
        watch = self.begin("-p", program.pid)
        for _ in range(2):
            program("leak", MORE)
            self.until_it_has_looked(watch)
            program("leak", 1)
            self.base += MORE + 1
            self.expect(watch, self.base)

    def test_what_shrinks_does_not_lower_it(self):
        program = self.leaker()
        program("borrow", 200)
        watch = self.begin("-p", program.pid)
        program("give", 200)
        self.until_it_has_looked(watch)
        program("borrow", 200 + MORE)
        self.until_it_has_looked(watch)
        program("leak", 1)
        self.expect(watch, self.base + MORE + 1)

    def test_in_percent(self):
        program = self.leaker()
        program("leak", 100)
        watch = self.begin("-p", program.pid, condition="growth>100%")
        program("leak", self.base)
        self.until_it_has_looked(watch)
        program("leak", 1)
        self.expect(watch, 2 * self.base + 1, "growth>100%")

    def test_one_that_restarts_is_compared_with_itself(self):
        path = self.directory / "begins-anew"
        shutil.copy(leaker(), path)
        program = self.leaker(path)
        few = program("leak", 1) - 1
        program("leak", 1000)
        watch = self.begin("--name", "begins-anew")
        self.assertEqual(few + 1001, self.base)
        program.end()
        watch.event("ended")
        self.until_it_captures(watch, self.leaker(path), few + 1000)

    def test_one_that_calls_execve_is_compared_with_itself(self):
        program = self.leaker()
        few = program("leak", 1) - 1
        program("leak", 1000)
        watch = self.begin("-p", program.pid)
        self.assertEqual(few + 1001, self.base)
        program.begin_anew()
        self.until_it_captures(watch, program, few + 1000)


class Age(LeakerTestCase):
    def wait_since(self, program, ns):
        """Lets the one that leaks look as if it had been waiting since then (CLOCK_MONOTONIC), as a collection notes it."""
        path = self.directory / "goroutines.jsonl"
        self.assert_status(0, run("-p", program.pid, "-o", path))
        with open(path) as lines:
            goroutines = [thing for thing in map(json.loads, lines) if thing["type"] == "goroutine"]
        found, = (each for each in goroutines if any(frame["function"] == "main.leaking" for frame in each["frames"]))
        with open("/proc/%d/mem" % program.pid, "r+b", buffering=0) as memory:
            memory.seek(int(found["g"], 16) + WAITSINCE)
            memory.write(struct.pack("<q", ns))
        return found

    def once(self, program, condition):
        """Whether a capture is made, and then the reason."""
        before = len(self.files())
        result = run("watch", "-p", program.pid, "--once", "--on", condition, "-o", self.dumps, "--log-format", "json")
        self.assert_status(0, result)
        captures = [json.loads(line) for line in result.err.splitlines() if '"capture"' in line]
        self.assertEqual(len(self.files()) - before, len(captures))
        return [event["reason"] for event in captures]

    def test_the_longest_wait_is_what_the_runtime_has_noted(self):
        program = self.leaker(GOGC="off")  # no collection notes anything
        program("leak", 1)
        self.assertEqual([], self.once(program, "age>1ms"))  # nothing has been noted
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        age = now // 2
        self.wait_since(program, now - age)
        told = self.wait_since(program, now - age)["wait_ns"]
        self.assertTrue(age <= told <= age + time.clock_gettime_ns(time.CLOCK_MONOTONIC) - now)  # the field is the right one
        older, younger = "age>%dms" % (age // 10**6 + 10**6), "age>%dms" % (age // 10**6)
        self.assertEqual([], self.once(program, older))
        self.assertEqual([younger], self.once(program, younger))
        self.wait_since(program, 0)
        self.assertEqual([], self.once(program, "age>1ms"))

    def test_a_wait_that_begins_in_the_future_is_none(self):
        program = self.leaker(GOGC="off")  # no collection notes anything
        program("leak", 1)
        self.wait_since(program, time.clock_gettime_ns(time.CLOCK_MONOTONIC) + 10**15)
        self.assertEqual([], self.once(program, "age>1ms"))


if __name__ == "__main__":
    main()
