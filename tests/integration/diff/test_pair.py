# SPDX-License-Identifier: BSD-3-Clause
"""gostackdump diff OLD NEW: what has changed between two captures, in all formats and across them."""

import json
import re
import subprocess
import tempfile
import pathlib

from leaker import ENDINGS, OWN, WITH_IDS, Change, Leaker, LeakerTestCase, changes, leaker, where_they_were
from support import go_command, main, run, run_on_terminal

# What the program is told between the captures.
LEAKED, BORROWED, MORE, GIVEN = 1100, 50, 23, 20


class Pair(LeakerTestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gostackdump-diff-")
        cls.addClassCleanup(folder.cleanup)
        cls.place = pathlib.Path(folder.name)
        program = Leaker()
        program("leak", LEAKED)
        program("borrow", BORROWED)
        cls.count = [program("gc")]
        program.capture(cls.place / "old")
        program("leak", MORE)
        program("give", GIVEN)
        cls.count.append(program("move"))
        program.capture(cls.place / "new")
        program.end()

    def path(self, which, ending):
        return str(self.place / (which + ending))

    def diff(self, old, new, *options, status=0):
        result = run("diff", *options, self.path("old", old), self.path("new", new), "--exe", leaker())
        self.assert_status(status, result)
        return result.out.decode()

    def source_line(self, text):
        source = (pathlib.Path(__file__).parent / "leaker/main.go").read_text().splitlines()
        lines = [number for number, line in enumerate(source, 1) if text in line]
        self.assertEqual(1, len(lines), text)
        return "main.go:%d" % lines[0]

    def expected(self):
        leaking = "main.leaking " + self.source_line("<-never }")
        borrowed = "main.borrowed " + self.source_line("<-back }")
        here, there = ("main.moving " + self.source_line("\t<-" + name) for name in ("here", "there"))
        return {
            leaking: (MORE, LEAKED, LEAKED + MORE),
            borrowed: (-GIVEN, BORROWED, BORROWED - GIVEN),
            here: (-1, 1, 0),
            there: (1, 0, 1),
        }

    def test_every_pair_of_formats_says_what_the_program_did(self):
        expected = self.expected()
        for old in ENDINGS + [OWN]:
            for new in ENDINGS + [OWN]:
                with self.subTest(old=old, new=new):
                    report = self.diff(old, new)
                    self.assertIn("%s → %s goroutines" % tuple(format(count, ",") for count in self.count), report)
                    found = changes(report)
                    # What a program writes itself, it writes while it runs: its main goroutine is elsewhere.
                    if OWN in (old, new):
                        found = {key: value for key, value in found.items() if not any("main.main" in f for f in value.frames)}
                        self.assertLessEqual(len(found), 4)
                    self.assertEqual(expected, {key: tuple(value)[:3] for key, value in found.items()})

    def test_most_growth_comes_first_and_loss_last(self):
        found = [change.change for change in changes(self.diff(".jsonl", ".gsd")).values()]
        self.assertEqual([MORE, 1, -GIVEN, -1], found)

    def test_the_difference_is_that_of_go_tool_pprof(self):
        top = subprocess.run(
            [go_command(), "tool", "pprof", "-raw", "-base", self.path("old", ".pb.gz"), self.path("new", ".pb.gz")],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, text=True,
        ).stdout
        samples = dict(re.findall(r"^\s+(-?\d+): ((?:\d+ )+)$", top, re.MULTILINE) and [
            (locations.strip(), int(value)) for value, locations in re.findall(r"^\s+(-?\d+): ((?:\d+ )+)$", top, re.MULTILINE)
        ])
        wanted = sorted(value for value in samples.values() if value)
        found = sorted(change.change for change in changes(self.diff(".pb.gz", ".pb.gz")).values())
        self.assertEqual(wanted, found)
        self.assertEqual(sorted([MORE, 1, -GIVEN, -1]), wanted)

    def test_what_is_the_same_has_not_changed(self):
        for old in ENDINGS:
            for new in ENDINGS:
                with self.subTest(old=old, new=new):
                    result = run("diff", self.path("new", old), self.path("new", new), "--exe", leaker(),
                                 "--fail-on", "growth>0", "--fail-on", "group>0")
                    self.assert_status(0, result)
                    self.assertRegex(result.out.decode(), "(?m)^nothing changed: all 4 groups")
                    self.assertEqual({}, changes(result.out.decode()))

    def test_goroutines_that_did_not_move_are_known_by_id(self):
        with open(self.path("old", ".jsonl")) as lines:
            goroutines = [json.loads(line) for line in lines][1:]
        leaking = sorted(g["goid"] for g in goroutines if g["frames"] and g["frames"][-1]["function"] == "main.leaking")
        key = next(iter(self.expected()))
        for old in ENDINGS + [OWN]:
            for new in ENDINGS + [OWN]:
                with self.subTest(old=old, new=new):
                    found = where_they_were(self.diff(old, new))
                    if old not in WITH_IDS or new not in WITH_IDS:
                        self.assertEqual({}, found)
                        continue
                    self.assertEqual((LEAKED, leaking[:8]), found[key])
                    self.assertEqual(BORROWED - GIVEN, found[list(self.expected())[1]][0])
                    self.assertFalse([name for name in found if "main.moving" in name])

    def test_conditions_make_the_status(self):
        growth = MORE - GIVEN
        for condition, holds in (
            ("growth>%d" % (growth - 1), True), ("growth>%d" % growth, False),
            ("growth>0%", True), ("growth>1%", False),
            ("group>%d" % (MORE - 1), True), ("group>%d" % MORE, False),
            ("goroutines>%d" % (self.count[1] - 1), True), ("goroutines>%d" % self.count[1], False),
            ("age>1000h", False),
        ):
            with self.subTest(condition=condition):
                result = run("diff", self.path("old", ".jsonl"), self.path("new", ".jsonl"), "--fail-on", condition)
                self.assert_status(3 if holds else 0, result)
                self.assertEqual("gostackdump: %s holds\n" % condition if holds else "", result.err)
        self.diff(".jsonl", ".jsonl", "--fail-on", "growth>1000", "--fail-on", "group>0", status=3)

    def test_a_condition_that_cannot_be_told_is_said_and_does_not_pass(self):
        result = run("diff", self.path("old", ".pb.gz"), self.path("new", ".pb.gz"), "--fail-on", "age>1ns")
        self.assert_status(1, result)
        self.assertIn("age>1ns cannot be told", result.err)

    def test_captures_of_other_programs_are_compared_with_a_note(self):
        changed = self.directory / "other.jsonl"
        with open(self.path("new", ".jsonl")) as lines:
            header, rest = lines.readline(), lines.read()
        for key, value, note in (
            ("exe", "/srv/shop", "they are of different programs"),
            ("go_version", "go1.18", "they have different Go versions"),
            ("pid", 7, "they are of different processes"),
            ("time", "1999-01-01T00:00:00Z", "the second was taken before the first"),
        ):
            with self.subTest(key=key):
                changed.write_text(json.dumps({**json.loads(header), key: value}) + "\n" + rest)
                result = run("diff", self.path("old", ".jsonl"), changed)
                self.assert_status(0, result)
                report = result.out.decode()
                self.assertIn("note: " + note, report)
                self.assertEqual(MORE, changes(report)[next(iter(self.expected()))].change)
                self.assertEqual(key == "time", "where they were" in report)
        self.assertNotIn("note:", self.diff(".jsonl", ".gsd"))

    def test_a_terminal_gets_colour_and_a_pipe_none(self):
        arguments = ["diff", self.path("old", ".jsonl"), self.path("new", ".jsonl")]
        seen = run_on_terminal(*arguments)
        self.assertIn(b"\x1b[1m\x1b[31m+%d goroutines\x1b[0m" % MORE, seen.out)
        self.assertNotIn(b"\x1b", run_on_terminal(*arguments, env={"NO_COLOR": "1"}).out)
        self.assertNotIn(b"\x1b", run(*arguments).out)

    def test_no_line_is_wider_than_the_terminal(self):
        for columns in (80, 200):
            seen = run_on_terminal("diff", "--full", self.path("old", ".jsonl"), self.path("new", ".jsonl"),
                                   env={"COLUMNS": str(columns), "NO_COLOR": "1"})
            stacks = [line for line in seen.out.decode().splitlines() if line.startswith("    ")]
            self.assertGreater(len(stacks), 10)
            self.assertLessEqual(max(map(len, stacks)), columns)

    def test_without_utf8_it_is_ascii(self):
        result = run("diff", self.path("old", ".jsonl"), self.path("new", ".jsonl"), env={"LC_ALL": "C"})
        self.assertIn(b"1,100 -> 1,123", result.out)
        result.out.decode("ascii")

    def test_wrong_usage(self):
        old, new = self.path("old", ".jsonl"), self.path("new", ".jsonl")
        for arguments, named in (
            ([], "two files"), ([old, new, new], "two files"),
            (["--fail-on", "growth>", old, new], "growth>"), (["--fail-on", "threads>5", old, new], "threads>5"),
            (["-f", "pprof", old, new], "-f pprof: a comparison is a report or html"), (["-o", "a.jsonl", old, new], "report or html"),
            (["-o", "somewhere/", old, new], "somewhere/"), (["-p", "1", old, new], "--pid"),
            ([old, new, "--once"], "--once"),
        ):
            with self.subTest(arguments=arguments):
                result = run("diff", *arguments)
                self.assert_status(64, result)
                self.assert_message(result, named)
        result = run("watch", "-p", "1", "--once", "-o", "x", "--on", "group>5")
        self.assert_status(64, result)
        self.assert_message(result, "group>5")


if __name__ == "__main__":
    main()
