# SPDX-License-Identifier: BSD-3-Clause
"""tools/bench: its table, its file, its picture and its end. GOSTACKDUMP names the program that it measures."""

import json
import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "bench.d"))
import figures  # noqa: E402
import table  # noqa: E402

SECONDS = 120
WIDTH = 100


def bench(*arguments):
    return subprocess.run([ROOT / "tools" / "bench", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS)


def sample(case, measure, run=0, session="a", **more):
    return {"session": session, "case": case, "run": run, "measure": measure, **more}


class Measuring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="gostackdump-bench-test.")
        cls.json = pathlib.Path(cls.directory.name) / "a.json"
        cls.svg = pathlib.Path(cls.directory.name) / "a.svg"
        cls.done = bench("--quick", "--only", r"^(parked|server)/\d+\.", "--json", cls.json, "--svg", cls.svg)
        cls.result = json.loads(cls.json.read_text()) if cls.json.exists() else None

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def setUp(self):
        self.assertEqual(0, self.done.returncode, self.done.stderr)

    def of(self, case, measure):
        return [s for s in self.result["samples"] if s["case"] == case and s["measure"] == measure]

    def test_everything_is_measured_twice(self):
        for case in ("parked/1000", "parked/10000"):
            for measure in ("rest", "dump", "floor", "stack", "debug0", "debug2"):
                self.assertEqual([0, 1], [s["run"] for s in self.of(case, measure)], (case, measure))
        for measure in ("served", "served-dumped"):
            self.assertEqual(2, len(self.of("server/10000", measure)))

    def test_runs_are_interleaved(self):
        runs = [s["run"] for s in self.result["samples"] if s["case"] == "parked/1000"]
        self.assertEqual(sorted(runs), runs)

    def test_a_capture_is_of_all_goroutines_and_its_pause_is_seen(self):
        for count in (1_000, 10_000):
            for s in self.of(f"parked/{count}", "dump"):
                self.assertGreater(s["goroutines"], count)
                self.assertEqual((0, 0, 0), (s["status"], s["ambiguous"], s["unreadable"]))
                self.assertLess(s["pause_ns"], s["wall_ns"])
            # One thread may be let go early: not in each of them.
            self.assertTrue(any(s["gap_ns"] > s["pause_ns"] / 2 for s in self.of(f"parked/{count}", "dump")))

    def test_what_stops_the_world_is_seen(self):
        for s in self.of("parked/10000", "stack"):
            self.assertGreater(s["gap_ns"], s["wall_ns"] / 2)

    def test_floors_are_floors(self):
        for s in self.of("parked/10000", "floor"):
            self.assertGreater(s["goroutines"], 10_000)
            self.assertLess(s["bare_ns"], s["copy_ns"])
            self.assertLess(s["headers_ns"], s["copy_ns"])

    def test_the_table_fits(self):
        self.assertIn("pause, 10,000 parked", self.done.stdout)
        self.assertLessEqual(max(map(len, self.done.stdout.splitlines())), WIDTH)

    def test_the_file_makes_the_same_table_and_twice_the_runs_when_merged_twice(self):
        self.assertEqual(self.done.stdout, bench("--runs", 0, "--merge", self.json).stdout)
        twice = table.render({**self.result, "samples": 2 * self.result["samples"]})
        self.assertEqual(twice + "\n", bench("--runs", 0, "--merge", self.json, "--merge", self.json).stdout)

    def test_the_picture_has_a_curve_for_each(self):
        root = xml.etree.ElementTree.parse(self.svg).getroot()
        texts = ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]
        for name in ("gostackdump", "runtime.Stack", "debug=0", "debug=2"):
            self.assertEqual(2, texts.count(name), name)


class AddingUp(unittest.TestCase):
    def rows(self, *samples):
        return {row.what: row for row in figures.targets(figures.Samples(list(samples)))}

    def test_a_target_is_met_by_the_median(self):
        pauses = (0.1e6, 0.3e6, 9e6)
        rows = self.rows(*(sample("parked/1000", "dump", n, pause_ns=p, wall_ns=1) for n, p in enumerate(pauses)))
        self.assertTrue(rows["pause, 1,000 parked"].met)
        rows = self.rows(*(sample("parked/1000", "dump", n, pause_ns=p, wall_ns=1) for n, p in enumerate((0.1e6, 0.6e6, 9e6))))
        self.assertFalse(rows["pause, 1,000 parked"].met)

    def test_ratios_are_of_the_same_run_of_the_same_session(self):
        found = figures.Samples([sample("c", "dump", 0, "a", x=10), sample("c", "dump", 1, "a", x=30),
                                 sample("c", "dump", 0, "b", x=50), sample("c", "floor", 0, "a", y=10),
                                 sample("c", "floor", 1, "a", y=20), sample("c", "floor", 0, "b", y=25)])
        self.assertEqual((1, 1.5, 2), found.ratio("c", ("dump", "x"), ("floor", "y")).values)

    def test_what_was_measured_less_often_stands_for_all_runs(self):
        found = figures.Samples([sample("c", "dump", n, x=10) for n in range(3)] + [sample("c", "delve", 0, y=100)])
        self.assertEqual((0.1, 0.1, 0.1), found.ratio("c", ("dump", "x"), ("delve", "y")).values)

    def test_one_stop_without_stopping_misses_the_target(self):
        rows = self.rows(*(sample("parked/1000", "nonblocking", n, pause_ns=p) for n, p in enumerate((0, 0, 5))))
        self.assertFalse(rows["pause with --nonblocking, parked/1000"].met)

    def test_an_unsettled_capture_misses_the_target_however_short(self):
        rows = self.rows(sample("woken/10000", "dump", pause_ns=1e5, ambiguous=1))
        self.assertFalse(rows["pause, 10,000 of 100,000 woken a second, settled"].met)


class Ending(unittest.TestCase):
    def start(self):
        """A bench with its target, told apart from others by a process group and by a descriptor of the target's."""
        bench = subprocess.Popen([ROOT / "tools" / "bench", "--quick", "--runs", "1000", "--only", r"^parked/1000\.dump"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(bench.wait)
        self.addCleanup(bench.kill)
        while bench.poll() is None:
            for pid in map(int, pathlib.Path(f"/proc/{bench.pid}/task/{bench.pid}/children").read_text().split()):
                try:
                    if os.readlink(f"/proc/{pid}/exe").endswith("/build/bench/target"):
                        return bench, os.pidfd_open(pid)
                except OSError:  # it has ended
                    pass
            time.sleep(0.01)
        self.fail("the bench ended by itself")

    def assert_ends(self, pidfd):
        self.assertTrue(select.select([pidfd], [], [], SECONDS)[0], "the target outlives the bench")
        os.close(pidfd)

    def test_a_bench_that_is_told_to_end_ends_its_target(self):
        bench, target = self.start()
        bench.terminate()
        self.assert_ends(target)
        self.assertEqual(128 + signal.SIGTERM, bench.wait(SECONDS))

    def test_a_bench_that_is_killed_leaves_no_target(self):
        bench, target = self.start()
        bench.kill()
        self.assert_ends(target)


if __name__ == "__main__":
    unittest.main()
