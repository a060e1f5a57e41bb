# SPDX-License-Identifier: BSD-3-Clause
"""`-f pprof-goroutines` as go tool pprof reads it; what it must find is what jsonl says of the same capture."""

import re
import subprocess

from captures import Listener, ParityTestCase, TestCase, counted, dump, main, server
from support import go_command


def pprof(*arguments):
    """Rows of `go tool pprof -top` as {name: (flat, cum)}, and its total."""
    command = [go_command(), "tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0"]
    command += ["-relative_percentages", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, errors="replace")
    assert done.returncode == 0, done.stderr
    total = re.search(r" of (-?\d+)(?:B|bytes)? total", done.stdout)
    number = r"(-?\d+)(?:B|bytes)?"
    rows = re.findall(rf"^ *{number} +\S+ +\S+ +{number} +\S+  (.*)$", done.stdout, re.M)
    names = {re.sub(r" \(inline\)$", "", name): (int(flat), int(cum)) for flat, cum, name in rows}
    return names, int(total.group(1)) if total else None


def exactly(text):
    """A regular expression of Go's; a comma would part two of them."""
    return re.sub(r"[^\w ]", lambda match: "\\x%02x" % ord(match.group()), text)


class Reading(ParityTestCase):
    def setUp(self):
        super().setUp()
        self.path = self.directory / "a.pb.gz"
        _, self.goroutines = dump(self, self.fixture.pid, f"pprof-goroutines:{self.path}")

    def total(self, *arguments):
        return pprof(*arguments, self.path)[1]

    def test_sums_of_each_type_are_those_of_the_goroutines(self):
        stacks = [goroutine["stack"] or {"used": 0, "reserved": 0} for goroutine in self.goroutines]
        self.assertEqual(len(self.goroutines), self.total(), "the type that is shown unasked")
        self.assertEqual(len(self.goroutines), self.total("-sample_index=goroutine"))
        self.assertEqual(sum(s["used"] or 0 for s in stacks), self.total("-sample_index=stack_inuse", "-unit=bytes"))
        self.assertEqual(sum(s["reserved"] for s in stacks), self.total("-sample_index=stack_reserved", "-unit=bytes"))

    def test_a_goid_finds_one_goroutine_with_its_stack(self):
        for goroutine in self.goroutines[:: len(self.goroutines) // 5]:
            rows, total = pprof(f"-tagfocus=goid={goroutine['goid']}", self.path)
            self.assertEqual(1, total)
            self.assertEqual({frame["function"] for frame in goroutine["frames"]}, set(rows))

    def test_a_range_of_goids_finds_those_in_it(self):
        goids = sorted(goroutine["goid"] for goroutine in self.goroutines)
        self.assertEqual(101, self.total(f"-tagfocus=goid={goids[100]}:{goids[200]}"))

    def test_states_wait_reasons_and_creators_filter(self):
        for label, key in (
            ("state", lambda goroutine: goroutine["state"]),
            ("wait_reason", lambda goroutine: goroutine["wait_reason"]),
            ("creator", lambda goroutine: (goroutine["creator"] or {}).get("function")),
        ):
            for value, count in counted(self.goroutines, key).items():
                if value is not None:
                    with self.subTest(label=label, value=value):
                        self.assertEqual(count, self.total(f"-tagfocus={label}=^{exactly(value)}$"))

    def test_minutes_are_a_range_and_0_is_one_of_them(self):
        known = counted(self.goroutines, lambda goroutine: goroutine["wait_minutes"])
        self.assertGreater(known[0], 0)
        self.assertEqual(known[0], self.total("-tagfocus=wait_minutes=0"))
        self.assertEqual(len(self.goroutines) - known[None], self.total("-tagfocus=wait_minutes=0:"))

    def test_labels_of_the_program_are_there(self):
        counts = counted(self.goroutines, lambda goroutine: (goroutine["labels"] or {}).get("at"))
        self.assertGreater(counts["here"], 0)
        self.assertEqual(counts["here"], self.total("-tagfocus=at=^here$"))

    def test_states_can_be_the_root_and_goids_the_leaves(self):
        rows, _ = pprof("-tagroot=state", "-tagleaf=goid", self.path)
        for state, count in counted(self.goroutines, lambda goroutine: goroutine["state"]).items():
            self.assertEqual(count, rows[state][1], state)
        for goroutine in self.goroutines:
            self.assertEqual((1, 1), rows[str(goroutine["goid"])])


class Difference(TestCase):
    def test_a_base_leaves_what_is_new(self):
        target = server()
        self.addCleanup(target.end)
        old, new = self.directory / "old.pb.gz", self.directory / "new.pb.gz"
        _, before = dump(self, target.pid, f"pprof-goroutines:{old}")
        listener = Listener(target.pid)
        for _ in range(7):
            self.addCleanup(listener.connect().close)
        _, after = dump(self, target.pid, f"pprof-goroutines:{new}")
        rows, total = pprof("-base", old, new)
        self.assertEqual(7, total)
        self.assertEqual((0, 7), rows["net/http.(*conn).serve"])
        self.assertNotIn("main.(*shop).orderWorker", {name for name, (_, cum) in rows.items() if cum != 0})
        rows, _ = pprof("-base", old, "-tagleaf=goid", new)
        born = {goroutine["goid"] for goroutine in after} - {goroutine["goid"] for goroutine in before}
        self.assertEqual({str(goid) for goid in born}, {name for name, (flat, _) in rows.items() if flat != 0})


if __name__ == "__main__":
    main()
