# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump diff DIR: series of what watch has written."""

import re
import signal
import subprocess

from leaker import LeakerTestCase, numbers
from support import GOSTACKDUMP, environment, main, run, run_on_terminal

STEPS = 12


class Series(LeakerTestCase):
    def watch(self, program, *outputs):
        """Lets watch capture it while it leaks steadily, and lends ten times as much that comes back."""
        watch = subprocess.Popen(
            [GOSTACKDUMP, "watch", "-p", str(program.pid), "--every", "50ms", *outputs],
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment(), text=True,
        )
        for line in watch.stderr:
            if " goroutines, paused" in line:
                break
        for step in range(STEPS):
            program("leak", 5)
            program(*(("borrow", 200) if step % 2 == 0 else ("give", 195)))
            self.next_capture(watch)
        self.next_capture(watch)  # the one before may be of the last step under way
        watch.send_signal(signal.SIGTERM)
        watch.stderr.read()
        watch.wait(60)
        watch.stderr.close()

    def next_capture(self, watch):
        while " goroutines, paused" not in watch.stderr.readline():
            pass

    def suspects(self, report):
        """[(change, plot, innermost frame), …] in the order of the report. Without the program's own main goroutine, which
        need not have stood in the first capture where it stands in the last."""
        found = re.findall(r"^\d+\. ([+-][\d,]+): .*\n    ▕(.*)▏\n    (\S+)", report, re.MULTILINE)
        return [(numbers(change), plot, function) for change, plot, function in found
                if numbers(change) > 1]

    def test_the_group_that_leaks_is_ranked_first(self):
        dumps = self.directory / "dumps"
        program = self.leaker()
        self.watch(program, "-o", dumps)
        result = run("diff", dumps)
        self.assert_status(0, result)
        report = result.out.decode()
        first, second = self.suspects(report)
        self.assertEqual("main.leaking", first[2])
        self.assertEqual("main.borrowed", second[2])
        # It never fell: each column is at least as high as the one before; the last one is full.
        heights = [" ▁▂▃▄▅▆▇█".index(column) for column in first[1]]
        self.assertEqual(sorted(heights), heights)
        self.assertEqual(8, heights[-1])
        self.assertIn("never fell", report)
        lent = [" ▁▂▃▄▅▆▇█".index(column) for column in second[1]]
        self.assertNotEqual(sorted(lent), lent)
        # The last capture saw all of what had leaked, or all but the last step's.
        self.assertIn(first[0], (5 * STEPS, 5 * (STEPS - 1)))

    def test_a_terminal_gets_what_fits_it(self):
        dumps = self.directory / "dumps"
        program = self.leaker()
        self.watch(program, "-o", "jsonl:%s" % dumps)
        def rows(report):
            return sum(max(1, -(-len(line) // 80)) for line in report.splitlines())

        shown = []
        for lines in (24, 40, 80):
            seen = run_on_terminal("diff", dumps, env={"LINES": str(lines), "COLUMNS": "80", "NO_COLOR": "1"})
            report = seen.out.decode().replace("\r", "")
            shown.append(rows(report))
            self.assertLess(shown[-1], lines, report)
            self.assertEqual("main.leaking", self.suspects(report)[0][2])
        self.assertLess(shown[0], shown[1])
        whole = run_on_terminal("diff", "--full", dumps, env={"LINES": "24", "COLUMNS": "80", "NO_COLOR": "1"})
        self.assertGreater(rows(whole.out.decode().replace("\r", "")), shown[0])
        self.assertGreaterEqual(rows(whole.out.decode().replace("\r", "")), shown[2])
        self.assertNotIn(b"--full", whole.out)

    def test_conditions_are_about_first_and_last(self):
        dumps = self.directory / "dumps"
        program = self.leaker()
        self.watch(program, "-o", dumps)
        for condition, status in (("group>50", 3), ("group>1000", 0), ("growth>1000%", 3), ("goroutines>5000", 0)):
            result = run("diff", dumps, "--fail-on", condition)
            self.assert_status(status, result)
            if status == 3:
                self.assertRegex(result.err, r"leaker %d: %s holds\n" % (program.pid, re.escape(condition)))

    def test_a_process_that_restarts_begins_a_new_series(self):
        dumps = self.directory / "dumps"
        pids = []
        for _ in range(2):
            program = self.leaker()
            pids.append(program.pid)
            self.watch(program, "-o", "jsonl:%s" % dumps, "-o", dumps)
            program.end()
        result = run("diff", dumps)
        self.assert_status(0, result)
        report = result.out.decode()
        found = re.findall(r"^leaker (\d+), go[\d.]+: (\d+) snapshots in", report, re.MULTILINE)
        self.assertEqual(pids, [int(pid) for pid, _ in found])
        # One moment in two formats is one snapshot; of jsonl, which has ids.
        self.assertEqual(len(list(dumps.iterdir())), 2 * sum(int(count) for _, count in found))
        self.assertEqual(2, len(re.findall(r"goroutines? (?:is where it was|are where they were) ", report)))

    def test_times_are_those_of_the_names(self):
        dumps = self.directory / "dumps"
        program = self.leaker()
        for _ in range(3):
            self.assert_status(0, run("-p", program.pid, "-o", "jsonl:%s/" % dumps))
            program("leak", 60)
        for hour, name in enumerate(sorted(path.name for path in dumps.iterdir())):
            (dumps / name).rename(dumps / ("20250131T%02d0000.000000Z" % (12 + hour) + name[23:]))
        report = run("diff", dumps).out.decode()
        self.assertIn("3 snapshots in 2 hours\n2025-01-31 12:00:00 UTC to 2025-01-31 14:00:00 UTC\n", report)
        self.assertIn("+120: 0 → 120, 1 a minute, never fell", report)


class Unreadable(LeakerTestCase):
    def test_what_cannot_be_read_is_said_and_the_rest_is_compared(self):
        dumps = self.directory / "dumps"
        program = self.leaker()
        for _ in range(3):
            self.assert_status(0, run("-p", program.pid, "-o", "jsonl:%s/" % dumps))
        names = sorted(dumps.iterdir())
        names[1].write_bytes(names[1].read_bytes()[:-5])
        result = run("diff", dumps)
        self.assert_status(1, result)
        self.assert_message(result, str(names[1]), "line 3 is cut")
        self.assertIn("2 snapshots", result.out.decode())

    def test_programs_without_go_are_left_out(self):
        """What run --native writes into one directory: nothing is wrong with any of it."""
        dumps = self.directory / "dumps"
        other = subprocess.Popen(["sleep", "1000"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        for format in ("jsonl", "pprof", "raw"):
            self.assert_status(0, run("-p", other.pid, "--native", "-o", "%s:%s/" % (format, dumps)))
        result = run("diff", dumps)
        self.assert_status(2, result)
        self.assert_message(result, "all captures in %s are of programs without Go" % dumps)
        program = self.leaker()
        for _ in range(2):
            self.assert_status(0, run("-p", program.pid, "-o", "jsonl:%s/" % dumps))
        result = run("diff", dumps)
        self.assert_status(0, result)
        self.assertEqual("gostackdump: left out 3 captures of programs without Go: goroutines are compared\n", result.err)
        self.assertIn("2 snapshots", result.out.decode())
        self.assertNotIn("sleep", result.out.decode())

    def test_another_format_of_the_moment_stands_in(self):
        dumps = self.directory / "dumps"
        program = self.leaker()
        for _ in range(2):
            self.assert_status(0, run("-p", program.pid, "-o", "jsonl:%s/" % dumps, "-o", "pprof:%s/" % dumps))
        for path in dumps.glob("*.jsonl"):
            path.write_bytes(b"{\n")
        result = run("diff", dumps)
        self.assert_status(0, result)
        self.assertEqual("", result.err)
        self.assertIn("nothing changed", result.out.decode())

    def test_nothing_to_compare(self):
        dumps = self.directory / "dumps"
        dumps.mkdir()
        (dumps / "notes.jsonl").write_text("x")
        result = run("diff", dumps)
        self.assert_status(2, result)
        self.assert_message(result, "no captures to compare are in %s" % dumps)
        (dumps / "20250131T120000.000000Z.shop.7.jsonl").write_text("x")
        result = run("diff", dumps)
        self.assert_status(2, result)
        self.assert_message(result, "20250131T120000.000000Z.shop.7.jsonl", "none of the captures in")
        self.assert_status(2, run("diff", self.directory / "nowhere"))


if __name__ == "__main__":
    main()
